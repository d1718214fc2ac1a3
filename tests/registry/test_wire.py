"""What is read of a record without making models is what the models accept, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic_core import to_json

from glassalpha_action import brevity
from glassalpha_action.brevity import SHARED
from glassalpha_action.digests import SAFE, canonical
from glassalpha_action.records import Audit
from glassalpha_action.registry import derived, rows, verify
from glassalpha_action.registry.derived import Known
from glassalpha_action.registry.wire import read_audit_record, read_glossary, read_policy, require_rest
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


def fits(audit: Any, texts: Mapping[str, bytes]) -> bool:
    """Whether the models take the audit just as it stands, with its parts in the place of their digests."""
    if not isinstance(audit, dict) or any(audit.get(name) not in (None, *texts) for name in SHARED):
        return False
    if audit.get("glossary", "") is None or "schema_version" not in audit:
        return False
    try:
        given = brevity.lengthened(verify.whole(audit, texts.__getitem__))
        return canonical(Audit.model_validate(given).model_dump(mode="json", exclude_unset=True)) == canonical(given)
    except ValueError:
        return False


def record(audit: Any, **about: Any) -> dict[str, Any]:
    return {
        "audit": audit, "author": "ada", "format": rows.FORMAT, "id": "x", "kind": "audit",
        "metadata": {"team": "credit"}, "recorded_at": NOW, "stage": "main",
    } | about  # fmt: skip


def test_what_fits_the_models_is_read_and_what_does_not_is_refused() -> None:
    seen = {True: 0, False: 0}
    packed, texts = brevity.packed(whole())
    for audit in altered(packed):
        fitting = fits(audit, texts)
        try:
            read = read_audit_record(to_json(record(audit)))
            require_rest(read.audit)
            derived.derived(rows.Entry("audit", "x", "main", read, b""), 1, Known(texts.__getitem__))
        except (ValueError, KeyError):
            assert not fitting, audit
        else:
            assert fitting, audit
        seen[fitting] += 1
    assert min(seen.values()) > 500


def test_a_part_is_read_as_its_model() -> None:
    audit = samples.audit()
    assert audit.policy
    assert read_glossary(canonical(audit.content()["glossary"])) == audit.glossary
    assert read_policy(canonical(audit.content()["policy"])) == audit.policy
    for text in (b"{", b"null", b"[]", b'{"roc_auc":1}', b'{"name":"x"}'):
        for read in (read_glossary, read_policy):
            with pytest.raises(ValueError, match="does not fit its schema"):
                read(text)


@pytest.mark.parametrize("number", [SAFE, -SAFE, 10**30])
def test_a_whole_number_that_json_does_not_keep_is_refused(number: int) -> None:
    audit, _ = brevity.packed(whole())
    audit["measurements"][0]["n"] = number
    with pytest.raises(ValueError, match="n"):
        read_audit_record(to_json(record(audit)))
    audit["measurements"][0] |= {"n": 1, "value": float(number)}
    assert read_audit_record(canonical(record(audit))).audit.measurements[0].value == float(number)


@pytest.mark.parametrize("about", [
    {"kind": "event"}, {"kind": None}, {"stage": "other"}, {"author": 1}, {"metadata": {"team": ["x"]}}, {"more": 1},
    {"supersedes": {"audit_id": "x"}}, {"supersedes": {"audit_id": "x", "reason": "y", "more": "z"}}, {"id": 1},
])  # fmt: skip
def test_a_record_of_another_kind_is_none(about: dict[str, Any]) -> None:
    audit, _ = brevity.packed(whole())
    read_audit_record(to_json(record(audit)))
    with pytest.raises(ValueError, match=next(iter(about))):
        read_audit_record(to_json(record(audit, **about)))
