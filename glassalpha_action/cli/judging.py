"""Runs the audit of one model, and where a checkout of the base commit is given, by that commit's rules as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glassalpha_action.config import Config
    from glassalpha_action.load.subject import Subject
    from glassalpha_action.policy.schema import LoadedPolicy
    from glassalpha_action.policy.waivers import Waiver
    from glassalpha_action.records import Audit, Change, Measurement, Requirement


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command or the action asks of an audit beside its audit.yaml."""

    policy: str | None
    strict: bool
    day: date
    trust: str
    base: Path | None = None
    waivers: Path | None = None
    policy_sha256: str | None = None
    database: str | None = None
    cube: Path | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a model is held to at one commit."""

    config: Config
    policy: LoadedPolicy | None
    waivers: tuple[Waiver, ...]


def judged(path: Path, asked: Asked) -> Audit:
    """The audit of the model whose audit.yaml is at `path`; the stricter of two where `asked.base` is given.

    Raises UserError.
    """
    from glassalpha_action.cli.checkout import configs_at
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError

    if asked.base is None:
        return _judged(_rules(load(path), asked), asked)
    if not asked.base.is_dir():
        raise UserError(f"--base {asked.base.as_posix()}: there is no such folder; check the base commit out there.")
    if not path.is_file():
        return _gone(path, asked, asked.base)
    config = load(path)
    there, unreadable = configs_at(config, asked.base)
    if not there:
        return _judged(_rules(config, asked), asked, [unreadable] if unreadable else [], none_at_base=not unreadable)
    return _against_base(config, there, asked, asked.base, unreadable)


def _against_base(
    config: Config, there: Sequence[Config], asked: Asked, base: Path, unreadable: Change | None
) -> Audit:
    """The strictest of the audits by the rules of the two commits; `there` is what the base commit has of the model."""
    from glassalpha_action.cli.checkout import vanished
    from glassalpha_action.cli.evidence import evidence_changes
    from glassalpha_action.policy import stricter
    from glassalpha_action.policy.doubts import needing_a_look_first

    head = _rules(config, asked)
    old = [_base_rules(one, asked, base) for one in there]
    beside = tuple(unmet for one in there for unmet in vanished(one, config, base))
    subject = _subject(config, asked, head.policy)
    baselines = _baselines(config, there[0], asked, (head.policy, *(rules.policy for rules, _ in old)))
    held = head.policy, head.waivers
    changed = [
        stricter.changes((r.config.document, *(held if unread else (r.policy, r.waivers))), (config.document, *held))
        for r, unread in old
    ]
    unread = [one for one in (unreadable, *(one for _, one in old)) if one]
    evidence = [evidence_changes(one, config, asked.cube, base) for one in there]
    found = needing_a_look_first(dict.fromkeys(chain(unread, *changed, *evidence)))
    by_base: Audit | None = None
    for (rules, _), some in zip(old, changed, strict=True):
        if not some:
            continue
        audit, refused = _by_base_rules(rules, config, asked, baselines, beside, found)
        beside = (*beside, *refused)
        if audit:
            by_base = stricter.stricter(audit, by_base) if by_base else audit
    mine = _audited(subject, head, asked, baselines, beside, found)
    return stricter.settled(mine, by_base, found) if found else mine


def _by_base_rules(
    old: Rules,
    config: Config,
    asked: Asked,
    baselines: Mapping[str, Sequence[Measurement]],
    beside: Sequence[Requirement],
    changes: Sequence[Change],
) -> tuple[Audit | None, tuple[Requirement, ...]]:
    """The audit of this commit's model and rows by the base commit's rules; where they do not fit, what is unmet."""
    from glassalpha_action.documents import UserError
    from glassalpha_action.policy import stricter

    try:
        mixed = replace(old, config=stricter.under_base_rules(old.config, config))
        return _audited(_subject(mixed.config, asked, old.policy), mixed, asked, baselines, beside, changes), ()
    except UserError as error:
        return None, (stricter.inapplicable(str(error)),)


def _judged(rules: Rules, asked: Asked, changes: Sequence[Change] = (), *, none_at_base: bool = False) -> Audit:
    """The audit by one commit's rules; `none_at_base` says that the base commit has no such model."""
    from glassalpha_action.policy.stricter import settled

    subject = _subject(rules.config, asked, rules.policy)
    baselines = _baselines(rules.config, None, asked, (rules.policy,), none_at_base=none_at_base)
    found = _audited(subject, rules, asked, baselines, (), changes)
    return settled(found, None, changes) if changes else found


def _audited(
    subject: Subject,
    rules: Rules,
    asked: Asked,
    baselines: Mapping[str, Sequence[Measurement]],
    beside: Sequence[Requirement],
    changes: Sequence[Change],
) -> Audit:
    from glassalpha_action.audit import audit

    return audit(
        subject.rows,
        config=rules.config.document,
        data=subject.data,
        provenance=subject.provenance,
        policy=rules.policy,
        today=asked.day,
        waivers=rules.waivers,
        baselines=baselines,
        beside=beside,
        changes=changes,
    )


def _subject(config: Config, asked: Asked, policy: LoadedPolicy | None, *, strict: bool | None = None) -> Subject:
    from glassalpha_action.load.provenance import commit_at

    day, commit, digest = asked.day.isoformat(), commit_at(config.path.parent), policy.sha256 if policy else None
    strict = asked.strict if strict is None else strict
    if asked.cube:
        from glassalpha_action.load.counted import load_cube

        return load_cube(config, asked.cube, as_of=day, commit=commit, strict=strict, policy_sha256=digest)
    from glassalpha_action.load.subject import load
    from glassalpha_action.settings import Trust

    trust = Trust(asked.trust)
    return load(config, as_of=day, commit=commit, strict=strict, trust=trust, policy_sha256=digest)


def _rules(config: Config, asked: Asked) -> Rules:
    """What this commit holds the model to."""
    from glassalpha_action.cli.audit import load_policy, policy_path
    from glassalpha_action.policy.extends import pinned

    policy = load_policy(config, asked.policy)
    pinned(policy, asked.policy_sha256, "--policy-sha256")
    return Rules(config, policy, _waivers(config, policy_path(config, asked.policy), asked.waivers))


def _waivers(config: Config, policy: Path | None, given: Path | None, *, needed: bool = True) -> tuple[Waiver, ...]:
    """The waivers of the folder given, else of the one audit.yaml names, else of `waivers` beside the policy."""
    from glassalpha_action.documents import UserError
    from glassalpha_action.policy.waivers import load

    block = config.document.policy
    named = given or (config.resolve("policy", "waivers") if block and block.waivers else None)
    if named is None:
        return load(policy.parent / "waivers") if policy else ()
    if needed and not named.is_dir():
        where = "--waivers" if given else config.where("policy", "waivers")
        raise UserError(f"{where}: the folder {named.as_posix()} does not exist; check the path.")
    return load(named)


def _base_rules(config: Config, asked: Asked, base: Path) -> tuple[Rules, Change | None]:
    """What the base commit holds the model to, and a change that says so where its rules cannot be read."""
    from glassalpha_action.cli.audit import load_policy, policy_path
    from glassalpha_action.cli.checkout import at_base
    from glassalpha_action.cli.policy import packs
    from glassalpha_action.documents import UserError
    from glassalpha_action.records import Change

    named = asked.policy
    if named and not named.startswith("pack:") and Path(named).is_file() and (there := at_base(Path(named), base)):
        named = str(there if there.is_file() else packs().get(named, there))
    given = at_base(asked.waivers, base) if asked.waivers else None
    try:
        policy, path = load_policy(config, named), policy_path(config, named)
        return Rules(config, policy, _waivers(config, path, given, needed=False)), None
    except UserError as error:
        said = f"The base commit's policy or waivers cannot be read ({error}), so that they judge nothing."
        return Rules(config, None, ()), Change(what="base", effect="neutral", message=said)


def _gone(path: Path, asked: Asked, base: Path) -> Audit:
    """The audit of a model whose audit.yaml is not there: blocked where the base commit still has it in use."""
    from glassalpha_action.cli.checkout import at_base, instead, root_of
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError
    from glassalpha_action.load.provenance import tool_version
    from glassalpha_action.policy.stricter import gone

    shown = path.as_posix()
    same = at_base(path, base)
    if not same or not same.is_file():
        raise UserError(f"{shown}: there is no such file, nor at the base commit; check the path.")
    there = load(same)
    if found := instead(there, root_of(path), base):
        raise UserError(f"{shown}: the model is configured in {found.path.as_posix()} now; audit that file.")
    return gone(there.document, tool_version(), asked.day)


def _baselines(
    config: Config,
    there: Config | None,
    asked: Asked,
    policies: Sequence[LoadedPolicy | None],
    *,
    none_at_base: bool = False,
) -> dict[str, tuple[Measurement, ...]]:
    """What baseline gates compare with: the base commit's model on these rows, and the last recorded audit."""
    gates = [gate for policy in policies if policy for gate in policy.policy.gates if gate.baseline]
    if not gates:
        return {}
    from glassalpha_action.metrics import known

    names = {known(gate.metric).id for gate in gates}
    found: dict[str, tuple[Measurement, ...]] = {}
    if none_at_base:
        found["base_commit"] = ()
    if there and (paired := _paired(config, there, asked, policies)) is not None:
        found["base_commit"] = paired
    last = _last_audit(config, there or config, asked)
    if last or (last is not None and there is None):
        found["last_audit"] = last
    return {name: tuple(m for m in one if m.metric in names) for name, one in found.items()}


def _paired(
    config: Config, there: Config, asked: Asked, policies: Sequence[LoadedPolicy | None]
) -> tuple[Measurement, ...] | None:
    """The base commit's model measured on this commit's rows; None where it cannot be run on them."""
    from glassalpha_action.audit import CONFIDENCE
    from glassalpha_action.cube import Cube, build
    from glassalpha_action.documents import UserError
    from glassalpha_action.metrics import measure
    from glassalpha_action.policy.stricter import with_model_of

    if not (config.document.model.path and there.document.model.path):
        return None
    try:
        rows = _subject(with_model_of(there, config), asked, None, strict=False).rows
    except UserError:
        return None
    if isinstance(rows, Cube):
        return None
    wanted = [gate.wanted for policy in policies if policy for gate in policy.policy.gates]
    return measure(rows, build(rows), CONFIDENCE, wanted)


def _last_audit(config: Config, rules: Config, asked: Asked) -> tuple[Measurement, ...] | None:
    """The measurements of the last audit of the model in the registry that `rules` names; None where it names none."""
    from glassalpha_action import registry
    from glassalpha_action.cli.audit import registry_of
    from glassalpha_action.registry.rows import standing

    same = rules.document.registry.database == config.document.registry.database
    place = registry_of(config if same else rules, asked.database)
    if place is None:
        return None
    if "://" not in place and not Path(place).is_file():
        return ()
    with registry.connect(place) as kept:
        rows = standing(kept.history(config.document.model.id))
        return kept.audit(rows[-1].audit_id).measurements if rows else ()
