"""Of the rules of the base commit and those of this one, the stricter count: what changed, and whose verdict stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from glassalpha_action.config import AuditConfig, Config
from glassalpha_action.digests import sha256
from glassalpha_action.documents import KeyPath, Tree, build
from glassalpha_action.policy.changes import change, policy_changes, shown, waiver_changes, wider
from glassalpha_action.policy.compare import Effect
from glassalpha_action.policy.doubts import asked
from glassalpha_action.policy.schema import LoadedPolicy
from glassalpha_action.policy.verdict import decide
from glassalpha_action.policy.waivers import Waiver
from glassalpha_action.records import Audit, Change, DataSummary, Provenance, Requirement, sealed
from glassalpha_action.vocabulary import MODEL_PRESENT, RULES_APPLY, WORST_STATUS_FIRST, Outcome, Status

MOST_SAID = 5

# What of audit.yaml says how a model is judged; the rest says which model, which rows, and who they are.
RULES: Mapping[str, Collection[str]] = {
    "model": ("id", "use_case", "task", "lifecycle", "threshold", "positive_label", "favorable_label"),
    "data": ("target_column", "protected_attributes", "weight_column", "proxies"),
    "audit": ("profile", "sample_rows", "confidence", "shap", "reason_codes"),
    "reproducibility": ("random_seed", "strict"),
    "policy": ("path", "waivers"),
}
UNDER_AUDIT: Mapping[str, Collection[str]] = {
    "model": ("path", "format"),
    "data": (
        "path",
        "score_column",
        "prediction_column",
        "feature_columns",
        "exclude_columns",
        "id_column",
        "reference_path",
    ),
    "registry": ("enabled", "database"),
}
WHOLE = ("audit", "reproducibility", "policy")
SPOKEN: Mapping[str, str] = {
    "model.id": "the model's id",
    "model.use_case": "the use case, by which policies choose the models they judge,",
    "model.task": "the task",
    "model.threshold": "the decision threshold",
    "model.positive_label": "the positive label",
    "model.favorable_label": "the favourable outcome",
    "data.target_column": "the target",
    "data.weight_column": "the column of weights",
    "policy.path": "the policy pointer",
    "policy.waivers": "the folder of waivers",
}
WEAKENING = frozenset(SPOKEN) - {"policy.path", "policy.waivers"}


def config_changes(base: AuditConfig, head: AuditConfig) -> tuple[Change, ...]:
    """What changed between two audit.yaml files in how the model is judged."""
    found = [
        _said(section, name, _in_force(base, section, name), _in_force(head, section, name))
        for section, names in RULES.items()
        for name in names
    ]
    return (*(c for c in found if c), *_attribute_changes(base, head), *_elsewhere(base, head))


def _in_force(config: AuditConfig, section: str, name: str) -> Any:
    """What audit.yaml says, or what is taken where it says nothing."""
    said = getattr(getattr(config, section), name, None)
    if said is None and name == "threshold":
        return 0.5
    if said is None and name == "positive_label":
        return "1"
    if said is None and name == "favorable_label":
        return _in_force(config, section, "positive_label")
    return said


def _said(section: str, name: str, before: Any, after: Any) -> Change | None:
    what = f"{section}.{name}"
    if before == after or what == "data.protected_attributes":
        return None
    effect: Effect = "weakened" if what in WEAKENING else "neutral"
    if what == "data.proxies":
        effect = wider(before, after)
    if what == "audit.profile":
        effect = "weakened" if after == "dev" else "strengthened"
    if what == "reproducibility.strict":
        effect = "strengthened" if after else "weakened"
    if what == "reproducibility.random_seed" and after is None:
        effect = "weakened"
    said = SPOKEN.get(what, f"`{what}`")
    return change(what, effect, f"audit.yaml: {said}", before, after)


def _attribute_changes(base: AuditConfig, head: AuditConfig) -> Iterator[Change]:
    before, after = base.data.protected_attributes, head.data.protected_attributes
    for name in sorted({*before, *after}):
        what = f"data.protected_attributes.{name}"
        if name not in after:
            said = f"audit.yaml: the protected attribute {name} is no longer audited."
            yield Change(what=what, effect="weakened", message=said)
        elif name not in before:
            said = f"audit.yaml: the protected attribute {name} is audited now."
            yield Change(what=what, effect="strengthened", message=said)
        elif before[name] != after[name]:
            cuts = [
                shown({k: v for k, v in cut.model_dump().items() if v is not None})
                for cut in (before[name], after[name])
            ]
            said = f"audit.yaml: the protected attribute {name} was cut by {cuts[0]} and now by {cuts[1]}."
            yield Change(what=what, effect="weakened", message=said)


def _elsewhere(base: AuditConfig, head: AuditConfig) -> Iterator[Change]:
    """Other rows or another model are what is under audit; they are said, and weaken no rule by themselves."""
    for section, names in UNDER_AUDIT.items():
        for name in names:
            before, after = (getattr(getattr(one, section), name) for one in (base, head))
            if before != after:
                yield change(f"{section}.{name}", "neutral", f"audit.yaml: `{section}.{name}`", before, after)
    given = [(one.data.feature_columns, one.data.exclude_columns, one.data.id_column) for one in (base, head)]
    if head.data.has_predictions and given[0] != given[1]:
        said = "audit.yaml says otherwise what the model is given; no model runs here, so that nothing checks it."
        yield Change(what="data.inputs", effect="neutral", message=said)


def changes(
    base: tuple[AuditConfig, LoadedPolicy | None, Sequence[Waiver]],
    head: tuple[AuditConfig, LoadedPolicy | None, Sequence[Waiver]],
) -> tuple[Change, ...]:
    """Every change in what the model is held to, the weakened first: audit.yaml, its policy, the waivers it has."""
    gates = head[1].policy.gates if head[1] else ()
    mine = {base[0].model.id, head[0].model.id}
    waivers = [[w for w in one[2] if w.model_id in mine] for one in (base, head)]
    found = (
        *config_changes(base[0], head[0]),
        *policy_changes(base[1], head[1]),
        *waiver_changes(waivers[0], waivers[1], gates),
    )
    order = ("weakened", "strengthened", "neutral")
    return tuple(sorted(found, key=lambda c: order.index(c.effect)))


def under_base_rules(base: Config, head: Config) -> Config:
    """The head's model on the head's rows, as the base commit's audit.yaml says to judge it."""
    return _mixed(base, head, lambda path: _is_rule(path) and not _is_rule_of_paths(path))


def with_model_of(base: Config, head: Config) -> Config:
    """The base commit's model on the head's rows, judged as the head says."""
    own = {("model", "path"), ("model", "format"), ("data", "feature_columns"), ("data", "exclude_columns")}
    return _mixed(base, head, lambda path: path[:2] in own)


def _is_rule(path: KeyPath) -> bool:
    return path[0] in WHOLE or (len(path) > 1 and path[1] in RULES.get(str(path[0]), ()))


def _is_rule_of_paths(path: KeyPath) -> bool:
    """The policy and its waivers are read where the base commit has them, not through this configuration."""
    return path[0] == "policy"


def _mixed(base: Config, head: Config, of_base: Any) -> Config:
    """`head` with the values at the paths that are `of_base` taken from `base`, absent ones being absent."""
    data: dict[str, Any] = {}
    for tree, mine in ((head.tree, False), (base.tree, True)):
        for section, value in tree.data.items():
            if isinstance(value, dict) and section in {"model", "data"}:
                kept = {name: one for name, one in value.items() if bool(of_base((section, name))) is mine}
                data[section] = data.get(section, {}) | kept
            elif bool(of_base((section,))) is mine:
                data[section] = value
    places = {p: q for p, q in head.tree.places.items() if not p or not of_base(p)}
    places |= {p: q for p, q in base.tree.places.items() if p and of_base(p)}
    tree = Tree(data, places)
    return Config(head.path, build(tree, AuditConfig), tree, head.sha256)


def absent(model_id: str) -> Requirement:
    """The requirement that a model which the base commit configures is still there."""
    return Requirement(
        name=MODEL_PRESENT,
        met=False,
        message=f"The base commit configures the model {model_id}, and this commit does not. Keep its audit.yaml, or "
        "first set its `lifecycle: retired` in a change of its own.",
    )


def inapplicable(why: str) -> Requirement:
    """The requirement that the base commit's rules can be applied to this commit's rows."""
    return Requirement(
        name=RULES_APPLY,
        met=False,
        message=f"The base commit's rules cannot be applied to this commit's model and rows ({why.rstrip('.')}). Keep "
        "what they need, or change the rules first in a change of its own.",
    )


def gone(config: AuditConfig, tool_version: str, today: date) -> Audit:
    """The audit of a model that the base commit configures and this one does not: nothing measured, and blocked.

    One that is retired at the base commit has nothing left to judge.
    """
    model = config.model
    retired = model.lifecycle == "retired"
    decision = decide(
        None,
        [],
        provenance := Provenance(as_of=today.isoformat(), tool_version=tool_version, predictions_sha256=sha256(b"")),
        model.card(),
        today,
        config.audit.profile,
        beside=() if retired else (absent(model.id),),
    )
    said = "its audit.yaml is gone" + (", as it may be: the model is retired." if retired else ".")
    label = model.positive_label or ""
    return sealed(
        Audit(
            audit_id="",
            status=decision.status,
            enforced=decision.enforced,
            would_be=None if decision.enforced else decision.status,
            notes=(f"Nothing was measured: {said}",),
            model=model.card(),
            policy=None,
            requirements=decision.requirements,
            data=DataSummary(
                rows=0,
                positives=0,
                positive_label=label,
                favorable_label=model.favorable_label or "",
                threshold=None,
                target=config.data.target_column,
            ),
            provenance=provenance,
        )
    )


def stricter(head: Audit, base: Audit) -> Audit:
    """The stricter of two audits of one model; the head's where they are alike, or the base has no policy for it."""

    def weight(audit: Audit) -> tuple[bool, int, int]:
        return audit.enforced, -WORST_STATUS_FIRST.index(audit.status), audit.failed_gates

    if base.status is Status.NO_POLICY:
        return head
    return base if weight(base) > weight(head) else head


def settled(head: Audit, base: Audit | None, found: Sequence[Change]) -> Audit:
    """The audit that stands, with the changes, and with a note that says whose rules it is judged by and why.

    `base` is the same model on the same rows judged by the base commit's rules, None where they are the same rules.
    """
    chosen = head if base is None else stricter(head, base)
    notes = [*chosen.notes, *_weakened(found), *_looked_at(found)]
    if base is not None and chosen is base:
        notes.append(_by_base(head, base))
    elif base is not None and (only := _only(base, head)):
        notes.append(f"By the base commit's rules these gates fail as well: {', '.join(only)}.")
    judged_by = "base" if base is not None and chosen is base else "head"
    return sealed(chosen.model_copy(update={"changes": tuple(found), "notes": tuple(notes), "judged_by": judged_by}))


def _weakened(found: Sequence[Change]) -> list[str]:
    weakened = [c.message for c in found if c.effect == "weakened"]
    if not weakened:
        return []
    if len(weakened) == 1:
        return ["1 change weakens what judges the model, and counts only once merged.", *weakened]
    many = f"{len(weakened)} changes weaken what judges the model, and count only once merged."
    return [many, *weakened[:MOST_SAID]]


def _looked_at(found: Sequence[Change]) -> list[str]:
    evidence = [c.message for c in asked(found)]
    if not evidence:
        return []
    many = "1 change needs" if len(evidence) == 1 else f"{len(evidence)} changes need"
    return [f"{many} a person's look, so that the audit comes to REVIEW at best.", *evidence[:MOST_SAID]]


def _by_base(head: Audit, base: Audit) -> str:
    said = f"Judged by the base commit's rules: {base.headline}"
    if base.headline == head.headline:
        return f"{said} with {_gates(base)}; by its own it would be {head.status.value} too, with {_gates(head)}."
    return f"{said}; by its own it would be {head.status.value}{'' if head.enforced else ' and not bind'}."


def _gates(audit: Audit) -> str:
    return "1 failed gate" if audit.failed_gates == 1 else f"{audit.failed_gates or 'no'} failed gates"


def _only(base: Audit, head: Audit) -> list[str]:
    """The gates that fail by the base's rules only."""
    failing = {v.gate_id for v in head.verdicts if v.failed}
    return [v.gate for v in base.verdicts if v.failed and v.gate_id not in failing and v.outcome is not Outcome.WAIVED]
