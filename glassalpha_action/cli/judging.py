"""Runs the audit of one model, and where a checkout of the base commit is given, by that commit's rules as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glassalpha_action.config import Config
    from glassalpha_action.load.subject import Subject
    from glassalpha_action.policy.schema import LoadedPolicy
    from glassalpha_action.policy.waivers import Waiver
    from glassalpha_action.records import Audit, Change, Measurement, Requirement

SEARCH_LIMIT = 20_000


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
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError

    if asked.base is None:
        return _judged(_rules(load(path), asked), asked)
    if not asked.base.is_dir():
        raise UserError(f"--base {asked.base.as_posix()}: there is no such folder; check the base commit out there.")
    if not path.is_file():
        return _gone(path, asked, asked.base)
    config = load(path)
    there, unreadable = _base_config(config, asked.base)
    if there is None:
        return _with_changes(_judged(_rules(config, asked), asked, none_at_base=unreadable is None), unreadable)
    return _against_base(config, there, asked, asked.base)


def gone_since(base: Path, at_base: Sequence[str], at_head: Sequence[str]) -> list[str]:
    """Of the audit files at the base commit, those whose model no audit file at the head configures any more.

    Both are paths from the top of their checkout, the head's being the current folder. Models that are retired at the
    base commit may go. `judged` blocks each of the rest.
    """
    here = {model[0] for path in at_head if (model := _model(Path(path)))}
    left = [(path, _model(base / path)) for path in sorted(set(at_base) - set(at_head))]
    return [path for path, model in left if model and model[0] not in here and model[1] != "retired"]


def counterpart(folder: Path, base: Path) -> Path:
    """The folder of the base commit's checkout that lies there as `folder` does in its own."""
    moved = _moved(folder / "audit.yaml", base)
    return moved.parent if moved else base


def _model(path: Path) -> tuple[str, str] | None:
    """The id and lifecycle that an audit.yaml gives; None where it cannot be read."""
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError

    try:
        found = load(path).document.model
    except UserError:
        return None
    return found.id, found.lifecycle


def _against_base(config: Config, there: Config, asked: Asked, base: Path) -> Audit:
    """The stricter of the audits by the rules of the two commits."""
    from glassalpha_action.documents import UserError
    from glassalpha_action.policy import stricter

    head = _rules(config, asked)
    old, unread = _base_rules(there, asked, base)
    found = stricter.changes(
        (old.config.document, old.policy, old.waivers), (config.document, head.policy, head.waivers)
    )
    beside = _vanished(there, config, base)
    subject = _subject(config, asked, head.policy)
    baselines = _baselines(config, there, asked, (head.policy, old.policy))
    mine = _audited(subject, head, asked, baselines, beside)
    if not found:
        return _with_changes(mine, unread)
    try:
        mixed = replace(old, config=stricter.under_base_rules(old.config, config))
        base_audit = _audited(_subject(mixed.config, asked, old.policy), mixed, asked, baselines, beside)
    except UserError as error:
        beside = (*beside, stricter.inapplicable(str(error)))
        return _with_changes(_audited(subject, head, asked, baselines, beside), unread, found)
    return stricter.settled(mine, base_audit, (*found, *([unread] if unread else [])))


def _judged(rules: Rules, asked: Asked, *, none_at_base: bool = False) -> Audit:
    """The audit by one commit's rules; `none_at_base` says that the base commit has no such model."""
    subject = _subject(rules.config, asked, rules.policy)
    baselines = _baselines(rules.config, None, asked, (rules.policy,), none_at_base=none_at_base)
    return _audited(subject, rules, asked, baselines, ())


def _audited(
    subject: Subject,
    rules: Rules,
    asked: Asked,
    baselines: Mapping[str, Sequence[Measurement]],
    beside: Sequence[Requirement],
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
    )


def _with_changes(audit: Audit, unread: Change | None, found: Sequence[Change] = ()) -> Audit:
    from glassalpha_action.policy.stricter import settled

    every = (*found, *([unread] if unread else []))
    return settled(audit, None, every) if every else audit


def _subject(config: Config, asked: Asked, policy: LoadedPolicy | None, *, strict: bool | None = None) -> Subject:
    from glassalpha_action.load.provenance import commit_at

    day, commit, digest = asked.day.isoformat(), commit_at(config.path.parent), policy.sha256 if policy else None
    strict = asked.strict if strict is None else strict
    if asked.cube:
        from glassalpha_action.load.counted import load_cube

        return load_cube(config, asked.cube, as_of=day, commit=commit, strict=strict, policy_sha256=digest)
    from glassalpha_action.load.model import Trust
    from glassalpha_action.load.subject import load

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
    from glassalpha_action.documents import UserError
    from glassalpha_action.records import Change

    named = asked.policy
    if named and Path(named).is_file() and (moved := _moved(Path(named), base)):
        named = str(moved)
    given = _moved(asked.waivers, base) if asked.waivers else None
    try:
        policy, path = load_policy(config, named), policy_path(config, named)
        return Rules(config, policy, _waivers(config, path, given, needed=False)), None
    except UserError as error:
        said = f"The base commit's policy or waivers cannot be read ({error}), so that they judge nothing."
        return Rules(config, None, ()), Change(what="base", effect="neutral", message=said)


def _root(path: Path) -> Path:
    """The top of the checkout that holds `path`: where .git lies, else the current folder or the file's own."""
    folder = path.resolve().parent
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            return parent
    return Path.cwd() if folder.is_relative_to(Path.cwd()) else folder


def _moved(path: Path, base: Path) -> Path | None:
    """The same file in the base commit's checkout; None for one outside this checkout."""
    full, root = path.resolve(), _root(path)
    return base / full.relative_to(root) if full.is_relative_to(root) else None


def _base_config(config: Config, base: Path) -> tuple[Config | None, Change | None]:
    """The model's audit.yaml at the base commit, in the same place or wherever the model was configured."""
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError
    from glassalpha_action.records import Change

    same = _moved(config.path, base)
    if same and same.is_file():
        try:
            return load(same), None
        except UserError as error:
            said = f"The base commit's audit.yaml cannot be read ({error}), so that it judges nothing."
            return None, Change(what="base", effect="neutral", message=said)
    return next(_configuring(config.document.model.id, base), None), None


def _configuring(model_id: str, root: Path, apart: Path | None = None) -> Iterator[Config]:
    """The audit.yaml files under `root` that configure this model, those in the folder `apart` left out."""
    from glassalpha_action.config import load
    from glassalpha_action.documents import SIZE_LIMIT, UserError

    every = (p for p in root.rglob("*.y*ml") if p.suffix in {".yaml", ".yml"} and p.is_file())
    files = sorted(p for p in every if apart is None or not p.resolve().is_relative_to(apart.resolve()))
    for path in files[:SEARCH_LIMIT]:
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if hidden or path.stat().st_size > SIZE_LIMIT or model_id.encode() not in path.read_bytes():
            continue
        try:
            found = load(path)
        except UserError:
            continue
        if found.document.model.id == model_id:
            yield found


def _vanished(there: Config, config: Config, base: Path) -> tuple[Requirement, ...]:
    """The requirement that is not met where the base commit's model is no longer configured."""
    from glassalpha_action.policy.stricter import absent

    model = there.document.model
    if model.id == config.document.model.id or model.lifecycle == "retired":
        return ()
    return () if next(_configuring(model.id, _root(config.path), base), None) else (absent(model.id),)


def _gone(path: Path, asked: Asked, base: Path) -> Audit:
    """The audit of a model whose audit.yaml is not there: blocked where the base commit still has it in use."""
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError
    from glassalpha_action.load.provenance import tool_version
    from glassalpha_action.policy.stricter import gone

    shown = path.as_posix()
    same = _moved(path, base)
    if not same or not same.is_file():
        raise UserError(f"{shown}: there is no such file, nor at the base commit; check the path.")
    there = load(same)
    if found := next(_configuring(there.document.model.id, _root(path), base), None):
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
    last = _last_audit(config, asked)
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


def _last_audit(config: Config, asked: Asked) -> tuple[Measurement, ...] | None:
    """The measurements of the last audit the registry has of the model; None where no registry is named."""
    from glassalpha_action import registry
    from glassalpha_action.cli.audit import registry_of

    place = registry_of(config, asked.database)
    if place is None:
        return None
    if "://" not in place and not Path(place).is_file():
        return ()
    with registry.connect(place) as kept:
        rows = kept.history(config.document.model.id)
        return kept.audit(rows[-1].audit_id).measurements if rows else ()
