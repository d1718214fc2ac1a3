"""What an audit's JSON says once: a metric's words stand in its glossary, and what many audits share has a digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from glassalpha_action.digests import canonical, sha256

MEASURED = ("title", "unit", "better")
JUDGED = ("title", "unit")
SHARED = ("glossary", "policy")


def shortened(content: Mapping[str, Any]) -> dict[str, Any]:
    """An audit's plain data without the words of measurements and verdicts that its glossary has for their metric."""

    def short(told: Any, known: Mapping[str, Any], words: Sequence[str]) -> Any:
        repeated = {key for key in words if key in known and told.get(key) == known[key]}
        return {key: value for key, value in told.items() if key not in repeated}

    return _retold(content, short)


def lengthened(content: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite: measurements and verdicts that lack words have those that the glossary has for their metric."""

    def long(told: Any, known: Mapping[str, Any], words: Sequence[str]) -> Any:
        return {**told, **{key: known[key] for key in words if key in known and key not in told}}

    return _retold(content, long)


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


def spoken_for(words: Sequence[str]) -> Callable[[dict[str, Any]], None]:
    """Says in a published JSON Schema that `words` may be absent."""

    def change(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema["required"] if name not in words]
        for name in words:
            schema["properties"][name]["description"] = "Absent where the glossary has it for the metric."

    return change


def _retold(content: Mapping[str, Any], tell: Callable[[Any, Mapping[str, Any], Sequence[str]], Any]) -> dict[str, Any]:
    """`content` with each measurement and verdict in it, where they are plain data, as `tell` tells it."""
    glossary = content.get("glossary")
    if not isinstance(glossary, Mapping):
        return dict(content)

    def retold(several: Any, words: Sequence[str]) -> Any:
        return [one(told, words) for told in several] if isinstance(several, list | tuple) else several

    def one(told: Any, words: Sequence[str]) -> Any:
        metric = told.get("metric") if isinstance(told, Mapping) else None
        known = glossary.get(metric) if isinstance(metric, str) else None
        return tell(told, known, words) if isinstance(known, Mapping) else told

    found = dict(content)
    for key, words in (("measurements", MEASURED), ("verdicts", JUDGED)):
        if key in content:
            found[key] = retold(content[key], words)
    if isinstance(content.get("baselines"), Mapping):
        found["baselines"] = {name: retold(earlier, MEASURED) for name, earlier in content["baselines"].items()}
    return found
