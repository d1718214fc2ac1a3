"""Policy pages: the text an audit was judged by, its digest, its gates in words, and the models under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from glassalpha_action.documents import UserError
from glassalpha_action.pages.data import Model, Page, Portfolio
from glassalpha_action.pages.render import render
from glassalpha_action.pages.waivers import waiver_lines
from glassalpha_action.policy.compare import Limit
from glassalpha_action.policy.extends import recalled
from glassalpha_action.policy.schema import Gate
from glassalpha_action.records import PolicyText, Verdict
from glassalpha_action.report import words
from glassalpha_action.report.background import ENFORCEMENT, days_overdue, questions
from glassalpha_action.vocabulary import Severity

CONSEQUENCE = {Severity.error: "blocks the model", Severity.warning: "asks for a review", Severity.info: "only informs"}
SHOWN_OVERRIDES = 5


@dataclass(frozen=True)
class GateLine:
    """One gate as the policy's text has it: what it asks for, and of whom something else; what failing it does.

    `does` says that first, then from when and from what other level. `failing` and `judged` count the models.
    """

    name: str
    clause: str
    metric: str
    asks: str
    rationale: str
    overrides: tuple[str, ...]
    does: tuple[str, ...]
    failing: int
    judged: int


@dataclass(frozen=True)
class Policy:
    """One policy at one version: the newest text seen, every digest seen under that version, the models under it.

    The models stand the newest audit first, whose text is the one.
    """

    text: PolicyText
    folder: str
    digests: tuple[tuple[str, int], ...]
    models: tuple[Model, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The gates as the newest audit lists them."""
        return self.models[0].audit.verdicts


def policies(portfolio: Portfolio) -> list[Policy]:
    """Every policy that a latest audit names, by id and version."""
    found: dict[str, list[Model]] = {}
    for model in portfolio.models:
        if model.policy_folder:
            found.setdefault(model.policy_folder, []).append(model)
    return [_policy(folder, models) for folder, models in sorted(found.items())]


def _policy(folder: str, models: list[Model]) -> Policy:
    newest = sorted(models, key=lambda model: (model.audit.provenance.as_of, model.audit.audit_id), reverse=True)
    texts = [model.audit.policy for model in newest if model.audit.policy]
    digests = Counter(text.sha256 for text in texts)
    return Policy(texts[0], folder, tuple(digests.most_common()), tuple(newest))


def policy_page(policy: Policy, portfolio: Portfolio) -> Page:
    """The page of one policy at one version."""
    said = _said(policy.text)
    gates = [_gate_line(policy, verdict, said.get(verdict.gate_id)) for verdict in policy.verdicts]
    models = sorted(policy.models, key=lambda model: model.id)
    body = render(
        "policy.html",
        policy=policy,
        text=policy.text,
        gates=gates,
        unread=bool(gates and not said),
        models=models,
        root="../../../",
        portfolio=portfolio,
        late=days_overdue(policy.text, portfolio.as_of),
        enforcement=ENFORCEMENT[policy.text.enforcement],
        contacts=questions(policy.models[0].audit),
        waived=waiver_lines(models, portfolio.as_of),
    )
    held = f"{words.count(len(gates), 'gate')}, {words.count(len(models), 'model')}"
    title = words.short(f"{policy.text.name} {policy.text.version}", 60)
    return Page(title, body, search=f"Policy {title}: {held}.")


def _said(text: PolicyText) -> Mapping[str, Gate]:
    """The gates of a recorded text by their ids; none where this version cannot read it."""
    try:
        return {gate.key: gate for gate in recalled(text).policy.gates}
    except UserError:
        return {}


def _gate_line(policy: Policy, verdict: Verdict, said: Gate | None) -> GateLine:
    """What the text says; an audit's verdict tells what one model was held to, which is all there is without it."""
    held = [found for model in policy.models for found in model.audit.verdicts if found.gate_id == verdict.gate_id]
    limit = verdict.threshold if verdict.policy_threshold is None else verdict.policy_threshold
    line = GateLine(
        name=verdict.gate,
        clause=verdict.clause or "",
        metric=verdict.title,
        asks=_asks(verdict, limit),
        rationale=verdict.rationale or "",
        overrides=(),
        does=(_does(verdict.policy_severity or verdict.severity, policy.text),),
        failing=sum(found.failed for found in held),
        judged=len(held),
    )
    if said is None:
        return line
    return replace(
        line,
        name=said.name,
        clause=said.clause or "",
        asks=_asks(verdict, said.threshold),
        rationale=said.rationale or "",
        overrides=tuple(_overrides(said, verdict, policy.text)),
        does=(_does(said.severity, policy.text), *_later(said), *_softer(said, verdict)),
    )


def _asks(verdict: Verdict, limit: Limit) -> str:
    return words.required(verdict.unit, verdict.comparison, limit)


def _does(severity: Severity, text: PolicyText) -> str:
    advisory = severity is Severity.error and text.enforcement == "advisory"
    return CONSEQUENCE[Severity.warning if advisory else severity]


def _later(gate: Gate) -> Iterator[str]:
    if gate.enforce_from and gate.severity is Severity.error:
        yield f"from {gate.enforce_from.isoformat()}; until then asks for a review"


def _softer(gate: Gate, verdict: Verdict) -> Iterator[str]:
    if gate.warn_threshold is not None:
        yield f"asks for a review unless {_asks(verdict, gate.warn_threshold)}"


def _overrides(gate: Gate, verdict: Verdict, text: PolicyText) -> Iterator[str]:
    """What single models are held to instead."""
    for model in sorted(gate.overrides)[:SHOWN_OVERRIDES]:
        own = gate.of(model)
        does = [_does(own.severity, text)] if own.severity is not gate.severity else []
        yield "; ".join(
            [f"For {words.short(model, 40)}: {_asks(verdict, own.threshold)}", *does, *_softer(own, verdict)]
        )
    if len(gate.overrides) > SHOWN_OVERRIDES:
        yield f"{words.count(len(gate.overrides) - SHOWN_OVERRIDES, 'more model')} held to something else"


def overdue(portfolio: Portfolio) -> list[tuple[Policy, int]]:
    """The policies whose review is overdue and by how many days, the latest of all first."""
    late = [(policy, days_overdue(policy.text, portfolio.as_of)) for policy in policies(portfolio)]
    return sorted((line for line in late if line[1]), key=lambda line: -line[1])


def policies_page(portfolio: Portfolio) -> Page:
    """The list of all policies."""
    lines = [(policy, days_overdue(policy.text, portfolio.as_of)) for policy in policies(portfolio)]
    body = render("policies.html", lines=lines, root="../", portfolio=portfolio)
    return Page("Policies", body, search="All policies, their versions and how many models stand under each.")
