"""Reads a policy file with the one it extends: a gate is laid over that of the same id, a locked one only tightened."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from glassalpha_action import shipped
from glassalpha_action.digests import sha256
from glassalpha_action.documents import (
    DocumentError,
    KeyPath,
    Place,
    Problem,
    Tree,
    UserError,
    build,
    nearest,
    parse,
    plain,
    read_bytes,
)
from glassalpha_action.policy.changes import gate_changes, rule_changes
from glassalpha_action.policy.schema import LoadedPolicy, Policy, slug
from glassalpha_action.records import PolicyText

DEPTH_LIMIT = 5
OWN = {"extends", "policy_id", "policy_name", "version"}
SECTIONS = {"statistics", "exceptions", "contacts", "reproducibility", "review_cycle"}
ALL_METRICS = "; `glassalpha metrics list` shows all."
Known = Mapping[str, Mapping[str, float]]


def read(
    path: Path, shown: str, metrics: Known, whole: Collection[str] = (), seen: tuple[Path, ...] = ()
) -> LoadedPolicy:
    """The policy at `path`, called `shown` in errors; `seen` are the files that led here by extending one another."""
    content = read_bytes(path, shown)
    tree = parse(content, shown)
    base = _base(tree, path, shown, metrics, whole, seen)
    found = _joined(tree, content.decode("utf-8-sig"), sha256(content), shown, base)
    if problems := [*_metric_problems(found, metrics, whole), *_repeated(found)]:
        raise DocumentError(problems)
    return found


def recalled(record: PolicyText) -> LoadedPolicy:
    """The policy that a record of it describes: the same document, read from the text the record carries."""
    base = recalled(record.extends) if record.extends else None
    name = "the recorded policy" if base is None else "the recorded extending policy"
    found = _joined(parse(record.text.encode(), name), record.text, "", name, base)
    return LoadedPolicy(found.policy, found.tree, found.text, record.sha256, found.name, base)


def _base(
    tree: Tree, path: Path, shown: str, metrics: Known, whole: Collection[str], seen: tuple[Path, ...]
) -> LoadedPolicy | None:
    """The policy that `tree` extends, held against its pin."""
    said = tree.data.get("extends")
    source, pin = (said.get("source"), said.get("sha256")) if isinstance(said, dict) else (said, None)
    if not isinstance(source, str):
        return None
    line = tree.line("extends", "source") or tree.line("extends")
    here = (*seen, path.resolve())
    below, name = _located(source, path, shown, line)
    if below.resolve() in here:
        raise DocumentError([Problem(shown, line, f"{source} extends this file in turn; break the circle.")])
    if len(here) >= DEPTH_LIMIT:
        raise DocumentError([Problem(shown, line, f"more than {DEPTH_LIMIT} policies extend one another; join some.")])
    base = read(below, name, metrics, whole, here)
    if pin is not None and pin != base.sha256:
        said = f"{source} has the digest {base.sha256}, not the pinned {pin}; see what changed, then pin the new one."
        raise DocumentError([Problem(shown, tree.line("extends", "sha256"), said)])
    return base


def _located(source: str, path: Path, shown: str, line: int | None) -> tuple[Path, str]:
    name = source.removeprefix("pack:")
    if source.startswith("pack:"):
        packs = {p.stem: p for p in shipped.policies().glob("*.yaml") if p.stem != "citations"}
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or name not in packs:
            raise DocumentError([Problem(shown, line, f"there is no pack `{name}`{nearest(name, sorted(packs))}")])
        return packs[name], source
    below = path.parent / source
    if not _is_file(below):
        raise DocumentError([Problem(shown, line, f"extends {plain(source, 100)}, but there is no such file.")])
    return below, below.as_posix()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the system takes
        return False


def _joined(tree: Tree, text: str, digest: str, shown: str, base: LoadedPolicy | None) -> LoadedPolicy:
    if base is None:
        return LoadedPolicy(build(tree, Policy), tree, text, digest, shown)
    both = _laid(base.tree, tree)
    policy = build(both, Policy)
    if loose := _loosened(base.policy, policy, both, shown):
        raise DocumentError(loose)
    return LoadedPolicy(policy, both, text, sha256(f"{digest}{base.sha256}".encode()), shown, base)


def _laid(base: Tree, top: Tree) -> Tree:
    """`top` over `base`: sections key by key, gates by id, anything else whole."""
    data: dict[str, Any] = {key: value for key, value in base.data.items() if key not in OWN}
    replaced: set[KeyPath] = {(key,) for key in OWN}
    at: dict[int, int] = {}
    for key, value in top.data.items():
        under = data.get(key)
        if key == "gates" and isinstance(value, list) and isinstance(under, list):
            data[key], at = _gates(under, value, replaced)
        elif key in SECTIONS and isinstance(value, dict) and isinstance(under, dict):
            data[key] = under | value
            replaced |= {(key, name) for name in value}
        else:
            data[key] = value
            replaced.add((key,))

    def moved(path: KeyPath) -> KeyPath:
        gate = path[1] if len(path) > 1 and path[0] == "gates" else None
        return ("gates", at[gate], *path[2:]) if isinstance(gate, int) and gate in at else path

    kept = {p: q for p, q in base.places.items() if not any(p[:size] in replaced for size in (1, 2, 3))}
    return Tree(data, kept | {moved(p): q for p, q in top.places.items()})


def _key(gate: Any) -> str | None:
    """What a gate is called, as it is written."""
    if not isinstance(gate, dict):
        return None
    own, name = gate.get("id"), gate.get("name")
    return own if isinstance(own, str) else slug(name) if isinstance(name, str) else None


def _gates(under: list[Any], over: list[Any], replaced: set[KeyPath]) -> tuple[list[Any], dict[int, int]]:
    """The gates of both, and where each of `over` came to stand; fields that were replaced go into `replaced`."""
    gates = list(under)
    free = {_key(gate): i for i, gate in enumerate(under)}
    at: dict[int, int] = {}
    for j, gate in enumerate(over):
        i = free.pop(_key(gate), None) if _key(gate) is not None else None
        if i is None:
            at[j] = len(gates)
            gates.append(gate)
            continue
        at[j] = i
        gone = set(gate) | ({"clause", "article"} if {"clause", "article"} & set(gate) else set())
        gates[i] = {key: value for key, value in gates[i].items() if key not in gone} | gate
        replaced |= {("gates", i, key) for key in gone}
    return gates, at


def _loosened(base: Policy, policy: Policy, tree: Tree, shown: str) -> list[Problem]:
    """Where a locked gate, or a rule that all locked gates depend on, would bind less than in the policy extended."""
    locked = [gate for gate in base.gates if gate.locked]
    if not locked:
        return []
    places = {gate.key: i for i, gate in enumerate(policy.gates)}
    problems = []
    for gate in locked:
        i = places[gate.key]
        for change in gate_changes(gate, policy.gates[i]):
            if change.effect == "weakened":
                problems.append(_refused(tree, ("gates", i, change.what.rpartition(".")[2]), shown, change.message))
    for change in rule_changes(base, policy):
        if change.effect == "weakened" and change.what != "applies_to":
            problems.append(_refused(tree, tuple(change.what.split(".")), shown, change.message))
    return problems


def _refused(tree: Tree, path: KeyPath, shown: str, message: str) -> Problem:
    """The problem at the nearest place that stands in the extending file itself."""
    near = [tree.places.get(path[:size]) for size in range(len(path), 0, -1)]
    place = next((place for place in near if place and place.file == shown), Place(shown, 1))
    return Problem(
        place.file,
        place.line,
        f"{message.rstrip('.')}; it is locked in the policy this one extends, and may only be tightened.",
    )


def _problem(found: LoadedPolicy, path: KeyPath, message: str) -> Problem:
    place = found.tree.place(path) or Place(found.name, 1)
    return Problem(place.file, place.line, message)


def _metric_problems(found: LoadedPolicy, metrics: Known, whole: Collection[str]) -> list[Problem]:
    """What the schema alone cannot see: unknown metrics and parameters, and scopes where there is nothing to narrow."""
    problems = []
    for i, gate in enumerate(found.policy.gates):
        if gate.metric not in metrics:
            close = nearest(gate.metric, sorted(metrics))
            said = f"unknown metric `{gate.metric}`{ALL_METRICS if close == '.' else close}"
            problems.append(_problem(found, ("gates", i, "metric"), said))
            continue
        taken = sorted(metrics[gate.metric])
        for name in gate.params:
            if name not in taken:
                said = nearest(name, taken) if taken else "; it takes none."
                message = f"`{gate.metric}` has no parameter `{name}`{said}"
                problems.append(_problem(found, ("gates", i, "params", name), message))
        if gate.scope and gate.metric in whole:
            said = f"`{gate.metric}` is measured once for the whole model; remove `scope`."
            problems.append(_problem(found, ("gates", i, "scope"), said))
    return problems


def _repeated(found: LoadedPolicy) -> list[Problem]:
    problems, seen = [], dict[str, int]()
    for i, gate in enumerate(found.policy.gates):
        if gate.key in seen:
            first = found.tree.line("gates", seen[gate.key])
            said = f"two gates are called `{gate.key}` (the first on line {first}); give each its own name or `id`."
            problems.append(_problem(found, ("gates", i), said))
        seen.setdefault(gate.key, i)
    return problems


def pinned(found: LoadedPolicy | None, digest: str | None, what: str) -> None:
    """Raise UserError unless the policy is the one whose digest was given from outside."""
    if digest is None:
        return
    if found is None:
        raise UserError(
            f"{what}: the policy with the digest {plain(digest, 80)} must be judged by, and none was given."
        )
    if found.sha256 != digest.lower():
        raise UserError(
            f"{what}: the policy {found.name} has the digest {found.sha256}, not {plain(digest, 80)}; "
            "judge by the pinned policy, or have the pin changed by those who keep it."
        )
