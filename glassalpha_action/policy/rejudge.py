"""Judges a recorded audit again, from its own measurements, policy text and day alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from pydantic import ValidationError

from glassalpha_action.digests import sha256
from glassalpha_action.documents import UserError
from glassalpha_action.policy import waivers
from glassalpha_action.policy.extends import recalled
from glassalpha_action.policy.recorded import beside, recorded
from glassalpha_action.policy.schema import LoadedPolicy
from glassalpha_action.policy.verdict import Decision, decide
from glassalpha_action.records import Audit, Judged, PolicyText, Verdict

BYTE_ORDER_MARK = "\ufeff"
DECISIVE = ("gate", "gate_id", "metric", "outcome", "raw_outcome", "value", "threshold", "comparison", "severity",
            "attribute", "groups", "low", "high", "n", "unit", "waiver", "policy_severity", "policy_threshold",
            "baseline")  # fmt: skip


def rejudge(audit: Audit) -> list[str]:
    """Where judging `audit` again comes to something else than it says, one sentence each; nothing where it does not.

    The metrics are those of its own glossary, the waivers and baselines those it records. Its words are not compared:
    a later version may say the same thing differently.
    """
    try:
        return [*_policy_differences(audit), *_differences(audit, _decided(audit))]
    except (UserError, ValidationError, LookupError, ValueError) as error:
        return [f"its policy cannot be judged by again: {' '.join(str(error).split())[:300]}"]


def _decided(audit: Audit) -> Decision:
    loaded = _loaded(audit.policy.model_dump_json()) if audit.policy else None
    measured = [recorded(audit, gate) for gate in loaded.policy.gates] if loaded else []
    today = date.fromisoformat(audit.provenance.as_of)
    return decide(
        loaded,
        measured,
        audit.provenance,
        audit.model,
        today,
        audit.profile,
        waivers=waivers.recalled(audit.waivers),
        baselines=audit.baselines,
        beside=beside(audit),
        changes=audit.changes,
        task=audit.data.task,
    )


@lru_cache(maxsize=64)
def _loaded(policy: str) -> LoadedPolicy:
    """The policy that a PolicyText, as JSON, describes: most audits of a registry share one."""
    return recalled(PolicyText.model_validate_json(policy))


def _policy_differences(audit: Audit) -> Iterator[str]:
    if audit.policy is None:
        return
    if _digest(audit.policy) != audit.policy.sha256:
        yield "its policy's text is not what the policy's digest says"
    if audit.provenance.policy_sha256 not in {None, audit.policy.sha256}:
        yield "its provenance names another policy's digest"
    if _described(_loaded(audit.policy.model_dump_json())) != _shallow(audit.policy):
        yield "its policy's name, version or dates are not those of the policy's text"


def _digest(policy: PolicyText) -> str:
    """The digest the text has; a byte-order mark, which the text is kept without, counts among the bytes."""
    both = {sha256(text.encode()) for text in (policy.text, BYTE_ORDER_MARK + policy.text)}
    if policy.extends:
        under = _digest(policy.extends)
        both = {sha256(f"{own}{under}".encode()) for own in both}
    return policy.sha256 if policy.sha256 in both else min(both)


def _described(loaded: LoadedPolicy) -> dict[str, object]:
    return _shallow(loaded.record())


def _shallow(policy: PolicyText) -> dict[str, object]:
    return policy.model_dump(exclude={"extends"})


def _differences(audit: Audit, decision: Decision) -> Iterator[str]:
    if audit.status is not decision.status:
        yield f"its status is {audit.status.value}, but judged again it is {decision.status.value}"
    if audit.enforced is not decision.enforced:
        yield f"it says that its status {'binds' if audit.enforced else 'does not bind'}, but judged again it is not so"
    if audit.would_be is not (None if decision.enforced else decision.status):
        yield "what it says its status would be is not what judging again comes to"
    if [(use.id, use.state) for use in audit.waivers] != [(use.id, use.state) for use in decision.waivers]:
        yield "what came of its waivers is not what judging again comes to"
    if audit.reaudit_by != decision.reaudit_by:
        yield "the day its next audit is due is not what its policy says"
    if [v.gate_id for v in audit.verdicts] != [v.gate_id for v in decision.verdicts]:
        yield "its gates are not those of its policy"
        return
    for said, found in zip(audit.verdicts, decision.verdicts, strict=True):
        wrong = [name for name in DECISIVE if getattr(said, name) != getattr(found, name)]
        if wrong:
            outcomes = f"says {said.outcome.value}, judged again {found.outcome.value}"
            yield f"the gate {said.gate_id} {outcomes} ({wrong[0]} differs)"
        elif _wordless(said) != _wordless(found):
            yield f"the gate {said.gate_id} says otherwise about a single attribute than judging it again"
    stated = [(r.name, r.met) for r in audit.requirements]
    if stated != [(r.name, r.met) for r in decision.requirements]:
        yield "its reproducibility requirements are not what judging again comes to"


def _wordless(verdict: Verdict) -> list[Judged]:
    return [one.model_copy(update={"reason": None}) for one in verdict.judged]
