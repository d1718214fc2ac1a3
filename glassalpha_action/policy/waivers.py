"""Exceptions that people grant for a while: one YAML file each, by two people, to a named limit, until a named day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from glassalpha_action.documents import (
    Day,
    Document,
    DocumentError,
    Number,
    Problem,
    Text,
    UserError,
    read,
    same_person,
)
from glassalpha_action.policy.compare import TOLERANCE, accepted
from glassalpha_action.policy.schema import Gate, Policy
from glassalpha_action.policy.wording import stopped
from glassalpha_action.records import Verdict, WaiverUse
from glassalpha_action.vocabulary import SATISFIED, Outcome

FILES_LIMIT = 1000
NOTICE_DAYS = 14
REASON_LENGTH = 20


def _reason(text: str) -> str:
    if len(text.strip()) < REASON_LENGTH:
        raise ValueError(f"must say why in {REASON_LENGTH} characters or more")
    return text


class Waiver(Document):
    """One exception from one gate for one model."""

    id: Annotated[Text, Field(description="What records call the waiver.")]
    gate: Annotated[Text, Field(description="The id of the gate, or its name.")]
    model_id: Annotated[Text, Field(description="The model it holds for, by the id in its audit.yaml.")]
    category: Annotated[
        Literal["waiver", "mitigated", "false_positive"], Field(description="What kind of exception it is.")
    ] = "waiver"
    reason: Annotated[
        Text,
        AfterValidator(_reason),
        Field(description="Why, in 20 characters or more.", json_schema_extra={"minLength": REASON_LENGTH}),
    ]
    compensating_controls: Annotated[Text | None, Field(description="What keeps the risk small meanwhile.")] = None
    owner: Annotated[Text, Field(description="Who asks for it and answers for it.")]
    requested_on: Annotated[Day | None, Field(description="The day it was asked for.")] = None
    approved_by: Annotated[Text, Field(description="Who approved it: somebody else.")]
    approved_on: Annotated[Day, Field(description="The day of the approval.")]
    expires: Annotated[Day, Field(description="The last day it holds.")]
    ceiling: Annotated[
        Number, Field(gt=-1e15, lt=1e15, description="How bad the gate's value may be while it is waived.")
    ]
    ticket: Annotated[Text | None, Field(description="Where it is tracked.")] = None


def load(folder: Path, name: str | None = None) -> tuple[Waiver, ...]:
    """Every waiver in `folder` (its .yaml and .yml files), by id; none where there is no such folder.

    Raises UserError with every mistake and its line, and where two waivers share an id.
    """
    shown = name or folder.as_posix()
    if not folder.is_dir():
        return ()
    files = sorted(p for p in folder.iterdir() if p.suffix in {".yaml", ".yml"} and not p.name.startswith("."))
    if len(files) > FILES_LIMIT:
        raise UserError(f"{shown}: more than {FILES_LIMIT} waivers; remove those that have expired.")
    problems: list[Problem] = []
    found: dict[str, tuple[Waiver, str]] = {}
    for path in files:
        said = f"{shown}/{path.name}"
        try:
            waiver = read(path, Waiver, said)
        except DocumentError as error:
            problems += error.problems
            continue
        if waiver.id in found:
            problems.append(Problem(said, None, f"the id `{waiver.id}` is {found[waiver.id][1]}'s; give each its own."))
        found.setdefault(waiver.id, (waiver, said))
    if problems:
        raise DocumentError(problems)
    return tuple(found[key][0] for key in sorted(found))


def refusal(waiver: Waiver, policy: Policy, today: date) -> str | None:
    """Why the waiver does not hold on this day, whatever it is for; None where it does."""
    limit, approvers = policy.exceptions.max_days, policy.exceptions.approvers
    days = (waiver.expires - waiver.approved_on).days
    rules = (
        (policy.enforcement == "hard_mandatory", "the policy is hard_mandatory, and its gates cannot be waived"),
        (
            same_person(waiver.approved_by, waiver.owner),
            f"{waiver.approved_by} owns it and approved it; it needs a second person",
        ),
        (
            bool(approvers) and not same_person(waiver.approved_by, *approvers),
            f"{waiver.approved_by} is not among those who may approve one: {', '.join(sorted(approvers))}",
        ),
        (days > limit, f"it lasts {days:,} days from its approval, and the policy allows {limit}"),
        (days < 0, "it expires before it was approved"),
        (waiver.approved_on > today, f"it is approved only from {waiver.approved_on.isoformat()}"),
        (
            waiver.requested_on is not None and waiver.requested_on > waiver.approved_on,
            "it was approved before it was asked for",
        ),
    )
    return next((why for broken, why in rules if broken), None)


def place(waiver: Waiver, gates: Sequence[Gate]) -> int | None:
    """Which of `gates` the waiver is of: the one whose id it names, else whose name; None where there is none."""
    called = [gate.key for gate in gates] + [gate.name for gate in gates]
    return called.index(waiver.gate) % len(gates) if waiver.gate in called else None


@dataclass(frozen=True, slots=True)
class Applied:
    """The verdicts with waivers in force, and what came of each waiver of the model."""

    verdicts: tuple[Verdict, ...]
    uses: tuple[WaiverUse, ...]


def apply(
    verdicts: Sequence[Verdict],
    gates: Sequence[Gate],
    waivers: Sequence[Waiver],
    policy: Policy,
    model_id: str,
    today: date,
) -> Applied:
    """`verdicts` (one for each of `gates`) as the model's waivers leave them on this day."""
    out = list(verdicts)
    uses = []
    mine = sorted((w for w in waivers if w.model_id == model_id), key=lambda w: (-w.expires.toordinal(), w.id))
    for waiver in mine:
        at = place(waiver, gates)
        state, message = _state(waiver, None if at is None else (verdicts[at], gates[at]), policy, today)
        uses.append(_use(waiver, state, message))
        if at is None:
            continue
        if state == "in_force" and out[at].outcome is not Outcome.WAIVED:
            out[at] = _waived(out[at], waiver, message)
        elif state in {"refused", "expired"} and out[at].outcome is verdicts[at].raw_outcome not in SATISFIED:
            out[at] = out[at].model_copy(update={"message": f"{out[at].message} {message}"})
    return Applied(tuple(out), tuple(sorted(uses, key=lambda use: use.id)))


State = Literal["in_force", "not_needed", "expired", "refused"]


def _state(waiver: Waiver, on: tuple[Verdict, Gate] | None, policy: Policy, today: date) -> tuple[State, str]:
    said = f"Waiver {waiver.id}"
    if waiver.expires < today:
        return "expired", f"{said} expired on {waiver.expires.isoformat()}; the gate is live again."
    if on and on[0].outcome in SATISFIED:
        why = "passes" if on[0].outcome is Outcome.PASS else "does not judge this model"
        return "not_needed", f"{said} is not needed: the gate {why}."
    against = refusal(waiver, policy, today) or (
        _beyond(waiver, *on) if on else f"it names the gate {waiver.gate}, which the policy does not have"
    )
    return ("refused", f"{said} is refused: {against}.") if against else ("in_force", _granted(waiver, today))


def _granted(waiver: Waiver, today: date) -> str:
    days = (waiver.expires - today).days
    when = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
    soon = f" It expires {when}: renew it or mend the model." if days <= NOTICE_DAYS else ""
    controls = f" Meanwhile: {stopped(waiver.compensating_controls)}" if waiver.compensating_controls else ""
    return (
        f"Waived until {waiver.expires.isoformat()} by {waiver.id}, approved by {waiver.approved_by}: "
        f"{stopped(waiver.reason)}{controls}{soon}"
    )


def _beyond(waiver: Waiver, verdict: Verdict, gate: Gate) -> str | None:
    """Why the waiver does not reach as far as the gate fails. What was not measured, no waiver covers."""
    span = accepted(gate.comparison, verdict.threshold).reaching(waiver.ceiling)
    for judged in verdict.judged:
        if judged.outcome is Outcome.PASS:
            continue
        who = f" for {judged.attribute}" if judged.attribute else ""
        if judged.outcome not in {Outcome.FAIL, Outcome.INCONCLUSIVE} or judged.value is None:
            return f"it covers a number that was measured, and the gate has none{who}"
        if not span.holds(Fraction(judged.value), TOLERANCE):
            value, ceiling = verdict.unit.show(judged.value, waiver.ceiling), verdict.unit.show_limit(waiver.ceiling)
            return f"the value {value}{who} is beyond its ceiling {ceiling}"
    return None


def _waived(verdict: Verdict, waiver: Waiver, message: str) -> Verdict:
    return verdict.model_copy(
        update={
            "outcome": Outcome.WAIVED,
            "raw_outcome": verdict.outcome,
            "waiver": waiver.id,
            "message": f"{verdict.message} {message}",
        }
    )


def _use(waiver: Waiver, state: State, message: str) -> WaiverUse:
    return WaiverUse.model_validate(waiver.model_dump(mode="json") | {"state": state, "message": message})


def recalled(uses: Sequence[WaiverUse]) -> tuple[Waiver, ...]:
    """The waivers that an audit records, to judge by them again."""
    return tuple(Waiver.model_validate(use.model_dump(exclude={"state", "message"})) for use in uses)


def expiring(uses: Sequence[WaiverUse], today: date) -> tuple[str, ...]:
    """A sentence for each waiver in force that ends within 14 days."""
    return tuple(
        f"Waiver {use.id} for the gate {use.gate} expires on {use.expires}; after it the gate is live again."
        for use in uses
        if use.state == "in_force" and (date.fromisoformat(use.expires) - today).days <= NOTICE_DAYS
    )
