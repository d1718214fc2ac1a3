"""A synthetic registry: 24 models of four teams, audited every month of a year, with measurements made from counts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path

from glassalpha_action.metrics import ALIASES, CATALOGUE, known
from glassalpha_action.metrics.intervals import gap, wilson
from glassalpha_action.policy.schema import LoadedPolicy, load
from glassalpha_action.policy.verdict import decide
from glassalpha_action.records import Audit, Definition, Group, Measurement, ModelCard
from tests import samples
from tests.policy.gates import KNOWN

TEAMS = ("credit-risk", "fraud", "lending", "marketing")
MONTHS = tuple(f"2025-{month:02}-15" for month in range(1, 13))
MODELS = 24

METRICS = {**CATALOGUE, **{alias: CATALOGUE[name] for alias, name in ALIASES.items()}}
DEFINITIONS: Mapping[str, Definition] = {name: m.definition for name, m in METRICS.items()}

CURRENT = """policy_name: Current
version: "1"
applies_to: [credit_scoring]
gates:
  - {name: AUC, id: auc, metric: roc_auc, threshold: 0.70, comparison: greater_than_or_equal, rationale: r}
  - {name: Parity, id: parity, metric: demographic_parity_difference, threshold: 0.12, comparison: less_than}
"""


def policy(folder: Path, text: str, name: str = "policy.yaml") -> LoadedPolicy:
    """The policy this text makes."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load(path, KNOWN, name)


def measurement(metric: str, **fields: object) -> Measurement:
    """A measurement of the catalogue's metric at its own parameters."""
    one = known(metric)
    content = {"metric": one.id, "title": one.title, "unit": one.unit, "better": one.better, "params": dict(one.params)}
    return Measurement.model_validate({**content, "confidence": 0.95, **fields})


def parity(selected: Mapping[str, tuple[int, int]]) -> Measurement:
    """The gap in selection rate between groups of (selected, rows), with its interval."""
    rates = {level: Fraction(*counts) for level, counts in selected.items()}
    lowest, highest = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    low, high = gap(list(selected.values()), 0.95)
    exact = rates[highest] - rates[lowest]
    groups = []
    for level, (k, n) in selected.items():
        ends = wilson(k, n, 0.95)
        groups.append(Group(level=level, n=n, value=k / n, low=ends[0], high=ends[1]))
    return measurement(
        "demographic_parity_difference", value=float(exact), exact=str(exact), low=low, high=high,
        n=sum(n for _, n in selected.values()), attribute="sex", between=(lowest, highest), groups=groups,
        of="selection rate",
    )  # fmt: skip


def auc(value: float, n: int) -> Measurement:
    """An area under the ROC curve with an interval as wide as `n` rows make it."""
    half = 1.0 / n**0.5
    return measurement("roc_auc", value=value, low=max(0.0, value - half), high=min(1.0, value + half), n=n)


@cache
def registry(folder: Path) -> tuple[Audit, ...]:
    """Every audit: model i of a team has an AUC around 0.72 + i/200, and a gap that drifts over the year."""
    loaded = policy(folder, CURRENT, "current.yaml")
    chance = random.Random(7)  # noqa: S311
    found = []
    for i in range(MODELS):
        for month, day in enumerate(MONTHS):
            rate = 0.04 + 0.012 * (i % 12) * month / 11
            counts = {"female": (round(400 * (0.6 - rate)), 400), "male": (240, 400)}
            measured = (auc(round(0.72 + i / 200 + chance.uniform(-0.01, 0.01), 4), 800), parity(counts))
            card = ModelCard(id=f"model_{i:02}", team=TEAMS[i % 4], use_case="credit_scoring", owner="Owner")
            found.append(recorded(loaded, card, day, measured))
    return tuple(found)


def recorded(loaded: LoadedPolicy, card: ModelCard, day: str, measured: tuple[Measurement, ...]) -> Audit:
    """The audit that judging `measured` by `loaded` makes."""
    bare = samples.audit(card.id, as_of=day)
    rows = [
        (DEFINITIONS[g.metric], [m for m in measured if m.metric == DEFINITIONS[g.metric].id])
        for g in loaded.policy.gates
    ]
    decision = decide(loaded, rows, bare.provenance, card, date.fromisoformat(day), "prod")
    return samples.audit(
        card.id, decision.status, day, model=card, policy=loaded.record(), verdicts=decision.verdicts, requirements=(),
        measurements=measured, glossary={m.metric: DEFINITIONS[m.metric] for m in measured},
    )  # fmt: skip
