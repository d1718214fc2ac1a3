"""What is read of a record without making models is what the models accept, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import to_json

from glassalpha_action.digests import SAFE, canonical
from glassalpha_action.records import Audit
from glassalpha_action.registry import rows
from glassalpha_action.registry.wire import read_audit_record
from tests import samples
from tests.registry.backends import NOW

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, SAFE - 1, 1e300, float("nan"), float("inf"), "", "1", "PASSED", "higher", "2", "info", [],
    [1], [0.5, 1.5], [0.5, 1.5, 2.5], ["x"], [None], [[]], {}, {"": 1}, {"a": "b"}, {"a": {}}, [{"level": "a", "n": 1}],
)  # fmt: skip


def whole() -> dict[str, Any]:
    """An audit with something in every field."""
    content = samples.audit().content()
    policy = content["policy"] | {"citations": ["ECOA"], "contacts": {"x": "y"}, "enforcement": "advisory"}
    waiver = {
        "id": "w", "gate": "g", "model_id": "m", "category": "c", "reason": "r", "owner": "o", "approved_by": "a",
        "approved_on": "2025-01-01", "expires": "2025-02-01", "ceiling": 1, "state": "expired", "message": "x",
    }  # fmt: skip
    measured = content["measurements"][0] | {"params": {"k": 10}, "bounds": [0, 0.5], "between": ["a", "b"],
                                             "combines": ["a"], "counts_missing": True}  # fmt: skip
    origin = {"sha256": "a", "engine": "e", "grid": 10, "rows": 5, "cells": 2}
    return content | {
        "would_be": "REVIEW",
        "notes": ["n"],
        "profile": "dev",
        "policy": policy | {"extends": content["policy"] | {"extends": content["policy"]}},
        "waivers": [waiver],
        "measurements": [measured, *content["measurements"][1:]],
        "baselines": {"b": [measured]},
        "changes": [{"what": "w", "effect": "neutral", "message": "m"}],
        "provenance": content["provenance"] | {"cube": origin, "versions": {"python": "3.11"}},
        "judged_by": "base",
    }


def altered(value: Any) -> Iterator[Any]:
    """`value` with one thing in it changed, each in turn: replaced, taken out or added to."""
    yield from VALUES
    if isinstance(value, dict):
        yield value | {"more": 1}
        for key, one in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from (value | {key: other} for other in altered(one))
    if isinstance(value, list):
        yield [*value, None]
        # What is true of one of a kind is true of the others.
        yield from ([other, *value[1:]] for one in value[:1] for other in altered(one))


def accepted(audit: Any) -> bool:
    try:
        Audit.model_validate_json(to_json(audit), strict=True)
    except ValidationError:
        return False
    return True


def test_what_fits_the_models_is_read_and_what_does_not_is_refused() -> None:
    seen = {True: 0, False: 0}
    for audit in altered(whole()):
        fits = accepted(audit)
        record = {"audit": audit, "kind": "audit", "more": [audit]}
        try:
            found = read_audit_record(to_json(record))
        except ValidationError:
            assert not fits, audit
        else:
            assert fits, audit
            assert canonical(found) == canonical(record)
        seen[fits] += 1
    assert min(seen.values()) > 1000


@pytest.mark.parametrize("number", [SAFE, -SAFE, 10**30])
def test_a_whole_number_that_json_does_not_keep_is_refused(number: int) -> None:
    audit = whole()
    audit["measurements"][0]["n"] = number
    with pytest.raises(ValidationError, match="n"):
        read_audit_record(to_json({"audit": audit, "kind": "audit"}))
    audit["measurements"][0] |= {"n": 1, "value": float(number)}
    record = {"audit": audit, "kind": "audit"}
    assert canonical(read_audit_record(canonical(record))) == canonical(record)


def test_nothing_is_added_to_what_was_written() -> None:
    content = rows.audit_entry(samples.audit(), "main", NOW, {"team": "t"}, "ada").content
    assert canonical(read_audit_record(content)) == content
    assert canonical(rows.read_entry(content).record) == content


@pytest.mark.parametrize("kind", ["event", None, 1])
def test_a_record_of_another_kind_is_none(kind: object) -> None:
    with pytest.raises(ValidationError, match="kind"):
        read_audit_record(to_json({"audit": whole(), "kind": kind}))
