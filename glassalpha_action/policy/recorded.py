"""What a recorded audit has to judge it by again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glassalpha_action.policy.schema import Gate
from glassalpha_action.records import Audit, Definition, Measurement, Requirement
from glassalpha_action.vocabulary import MODEL_PRESENT, RULES_APPLY


def recorded(
    audit: Audit, gate: Gate, definitions: Mapping[str, Definition] | None = None
) -> tuple[Definition, Sequence[Measurement]]:
    """The gate's metric by the audit's own glossary, else by `definitions`, and its measurements at the gate's params.

    Where the glossary has it in brief only, as of a metric that no gate judged, `definitions` go first. An audit
    measures each metric at its own parameters first, so that the first measurement tells the defaults. LookupError for
    a metric that neither knows.
    """
    named = {name: one for one in audit.glossary.values() for name in (*one.aliases, one.id)}
    own = named.get(gate.metric)
    whole = own if own and own.advice.fixes else (definitions or {}).get(gate.metric)
    found = whole or own
    if found is None:
        raise LookupError(f"the audit's glossary has no metric {gate.metric}")
    every = [m for m in audit.measurements if m.metric == found.id]
    wanted = {**(every[0].params if every else {}), **gate.params}
    return found, [m for m in every if dict(m.params) == wanted]


def beside(audit: Audit) -> tuple[Requirement, ...]:
    """What the audit had to meet beside its policy, by the base commit."""
    return tuple(one for one in audit.requirements if one.name in {MODEL_PRESENT, RULES_APPLY})
