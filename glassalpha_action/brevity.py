"""What an audit's JSON says once: a metric's words stand in its glossary, and what many audits share has a digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from glassalpha_action.digests import canonical, sha256

MEASURED = ("title", "unit", "better")
JUDGED = ("title", "unit")
SHARED = ("glossary", "policy")

Tell = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


def shortened(content: Mapping[str, Any]) -> dict[str, Any]:
    """An audit's plain data without the words of measurements and verdicts that its glossary has for their metric."""
    return _retold(content, lambda told, words: {k: v for k, v in told.items() if k not in words or v != words[k]})


def lengthened(content: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite: measurements and verdicts that lack words have those that the glossary has for their metric."""
    return _retold(content, lambda told, words: {**words, **told})


def packed(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """An audit's plain data with a digest in the place of each part that many share, and those parts by digest.

    A part is canonical JSON, and its digest the SHA-256 of that.
    """
    parts = {key: canonical(content[key]) for key in SHARED if content.get(key)}
    digests = {key: sha256(part) for key, part in parts.items()}
    return {**content, **digests}, {digests[key]: part for key, part in parts.items()}


def digest(content: Mapping[str, Any]) -> str:
    """The id that an audit with this content has: the SHA-256 of its canonical JSON without the id itself.

    In place of the glossary and the policy, which many audits share, stands the digest of each.
    """
    rest, _ = packed({key: value for key, value in content.items() if key != "audit_id"})
    return sha256(canonical(rest))


def may_be_absent(words: Sequence[str]) -> Callable[[dict[str, Any]], None]:
    """Says in a published JSON Schema that `words` may be absent."""

    def change(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema["required"] if name not in words]
        for name in words:
            schema["properties"][name]["description"] = "Absent where the glossary has it for the metric."

    return change


def _retold(content: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """`content` with each measurement and verdict as `tell` tells it, given the glossary's words for its metric."""
    glossary, found = content.get("glossary"), dict(content)
    if not isinstance(glossary, Mapping):
        return found
    for key, names in (("measurements", MEASURED), ("verdicts", JUDGED)):
        if key in content:
            found[key] = _each(content[key], glossary, names, tell)
    if isinstance(content.get("baselines"), Mapping):
        found["baselines"] = {
            name: _each(earlier, glossary, MEASURED, tell) for name, earlier in content["baselines"].items()
        }
    return found


def _each(several: Any, glossary: Mapping[str, Any], names: Sequence[str], tell: Tell) -> Any:
    """What is not plain data, or of a metric that the glossary does not define, stays as it is."""
    if not isinstance(several, list | tuple):
        return several
    found = []
    for told in several:
        metric = told.get("metric") if isinstance(told, Mapping) else None
        known = glossary.get(metric) if isinstance(metric, str) else None
        words = {name: known[name] for name in names if name in known} if isinstance(known, Mapping) else {}
        found.append(tell(told, words) if words else told)
    return found
