"""Suggests a threshold from history, and says how many models it would block without proof."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glassalpha_action.documents import UserError
from glassalpha_action.policy.simulate import LEAST_MODELS
from glassalpha_action.records import Audit, Definition, Measurement
from glassalpha_action.vocabulary import Better, Comparison, Unit

TRIED = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A threshold and what it would have done to the models in history.

    `blocked` models lie beyond it; `in_doubt` are those of them whose confidence interval still reaches the passing
    side, so that nothing proves them bad; `no_interval` those whose measurement has none.
    """

    threshold: float
    models: int
    blocked: int
    in_doubt: int
    no_interval: int

    @property
    def pass_share(self) -> float:
        """The share of models on the passing side."""
        return 1 - self.blocked / self.models

    @property
    def false_block_rate(self) -> float:
        """The share of all models that the estimate blocks though the interval reaches the passing side."""
        return self.in_doubt / self.models


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A threshold for one metric, what others would have done, and the models left out because nothing was measured."""

    metric: Definition
    comparison: Comparison
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...]


def suggest(metric: Definition, latest: Sequence[Audit], pass_share: float = 0.9) -> Suggestion:
    """The strictest round threshold that at least `pass_share` of the models meet; `latest` is one audit of each.

    A metric measured for several attributes counts for a model with its worst value. Raises UserError where fewer than
    five models have been measured, or where neither way is better.
    """
    if metric.better is Better.neither:
        raise UserError(f"{metric.id}: neither more nor less of it is better, so history cannot suggest a threshold.")
    worst = {audit.model.id: _worst(metric, audit.measurements) for audit in latest}
    measured = {model: found for model, found in worst.items() if found is not None}
    if len(measured) < LEAST_MODELS:
        raise UserError(
            f"{metric.id} was measured for {len(measured)} models; a threshold from fewer than {LEAST_MODELS} says "
            "little. Record more audits first, or set it by judgement."
        )
    candidates = tuple(_candidate(metric, measured, share) for share in sorted({*TRIED, pass_share}))
    chosen = _candidate(metric, measured, pass_share)
    comparison = Comparison.greater_than_or_equal if _higher(metric) else Comparison.less_than_or_equal
    unique = tuple({one.threshold: one for one in candidates}.values())
    return Suggestion(metric, comparison, chosen, unique, tuple(sorted(set(worst) - set(measured))))


def _higher(metric: Definition) -> bool:
    return metric.better is Better.higher


def _worst(metric: Definition, found: Sequence[Measurement]) -> Measurement | None:
    """The worst value of what gates judge by default: one attribute at a time, rows without a value aside.

    The metric's own parameters are measured before any that a gate asked for.
    """
    mine = [m for m in found if m.metric == metric.id and not m.combines and not m.counts_missing]
    mine = [m for m in mine if m.params == mine[0].params and m.value is not None]
    if not mine:
        return None
    return (min if _higher(metric) else max)(mine, key=lambda m: m.value or 0.0)


def _candidate(metric: Definition, measured: Mapping[str, Measurement], share: float) -> Candidate:
    higher = _higher(metric)
    values = sorted((m.value or 0.0 for m in measured.values()), reverse=higher)
    needed = max(1, math.ceil(share * len(values) - 1e-9))
    threshold = _rounded(values[needed - 1], metric.unit, down=higher)
    blocked = [m for m in measured.values() if _beyond(m.value or 0.0, threshold, higher=higher)]
    ends = [m.high if higher else m.low for m in blocked]
    return Candidate(
        threshold=threshold,
        models=len(measured),
        blocked=len(blocked),
        in_doubt=sum(end is not None and not _beyond(end, threshold, higher=higher) for end in ends),
        no_interval=sum(end is None for end in ends),
    )


def _beyond(value: float, threshold: float, *, higher: bool) -> bool:
    return value < threshold - 1e-9 if higher else value > threshold + 1e-9


def _rounded(value: float, unit: Unit, *, down: bool) -> float:
    """`value` rounded to a number people would write, towards the side on which its model still passes."""
    if value == 0:
        return 0.0
    size = 1 if unit is Unit.rows else 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = math.floor(value / size + 1e-9) if down else math.ceil(value / size - 1e-9)
    return round(steps * size, 12)
