"""Whether a policy, or one of its gates, judges a model at all, and whether what it says binds."""

from __future__ import annotations

from datetime import date

from glassalpha_action.policy.schema import Gate, Policy
from glassalpha_action.records import ModelCard

CLASSIFICATION = "classification"
TASKS = {CLASSIFICATION: "models that decide between two labels", "regression": "models of amounts"}


def outside(policy: Policy, model: ModelCard, task: str, today: date) -> str | None:
    """Why the policy does not judge the model on this day; None where it does."""
    if policy.applies_to and model.use_case not in policy.applies_to:
        return (
            f"The policy applies to {', '.join(policy.applies_to)}, not to the use case {model.use_case or '(none)'}."
        )
    if policy.sunset_date and policy.sunset_date < today:
        return f"The policy no longer applies: its last day was {policy.sunset_date.isoformat()}."
    if all(passed_over(gate, task) for gate in policy.gates):
        return f"The policy has no gate for {TASKS.get(task, task)} (`task: {task}`)."
    return None


def passed_over(gate: Gate, task: str) -> str | None:
    """Why the gate does not judge models of this task; None where it does."""
    if gate.applies_to is None or gate.applies_to.task == task:
        return None
    return f"The gate judges {TASKS[gate.applies_to.task]} only (`task: {gate.applies_to.task}`)."


def unbound(profile: str) -> tuple[str, ...]:
    """The stamp on an audit that is not for approval."""
    if profile != "dev":
        return ()
    return ("NOT FOR APPROVAL: a dev-profile audit samples rows and skips slow sections.",)


def unenforced(policy: Policy, today: date, profile: str) -> tuple[str, ...]:
    """Why the status does not bind, where it does not."""
    notes = list(unbound(profile))
    if policy.effective_date and policy.effective_date > today:
        told = f" (announced on {policy.announced_date.isoformat()})" if policy.announced_date else ""
        notes.append(
            f"The policy takes effect on {policy.effective_date.isoformat()}{told}; until then its gates do not block."
        )
    if policy.enforcement == "advisory":
        notes.append("The policy is advisory: its gates ask for review and do not block.")
    return tuple(notes)
