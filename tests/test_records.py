from __future__ import annotations

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from glassalpha_action.digests import canonical
from glassalpha_action.records import Audit
from tests import samples

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(min_value=-1e-3, max_value=1e-3),
    st.floats(min_value=-1e23, max_value=1e23),
    st.integers(min_value=-(10**6), max_value=10**6).map(float),
    st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1),
    st.sampled_from([0.0, -0.0, 1e15, 1e16, 1e21, 1e-4, 1e-7, 5e-324, 2.0**53, 2.0**53 - 1, 0.1 + 0.2, 9.999e-5]),
)
TEXTS = st.one_of(st.text(), st.text(st.sampled_from('\0\x1f\x7f"\\/\b\f\n\r\t\u2028\u00e9\ufeff\uffff\U0001f600<>&')))
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(TEXTS, inner)),
)


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_canonical_json_is_that_of_rfc8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_keys_are_in_the_order_of_utf_16() -> None:
    assert canonical({"\uffff": 1, "\U0001f600": 2, "b": 3, "a": 4}) == (
        b'{"a":4,"b":3,"' + "\U0001f600".encode() + b'":2,"' + "\uffff".encode() + b'":1}'
    )


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        -math.inf,
        2**53,
        "\ud800",
        {"\ud800": 1},
        {1: 2},
        {True: 1},
        b"bytes",
        {1, 2},
        object(),
        {"a": 1, 2: 3},
    ],
)
def test_what_is_no_plain_data_is_refused(value: Any) -> None:
    for nested in (value, [value], {"a": [value]}):
        with pytest.raises(ValueError, match=r"."):
            canonical(nested)


def test_an_audit_is_written_alike() -> None:
    audit = samples.audit("模型 \U0001f600")
    assert audit.to_json() == rfc8785.dumps(audit.content())


def test_json_leaves_out_what_has_its_default_and_reads_alike() -> None:
    audit = samples.audit()
    written = json.loads(audit.to_json())
    assert written["schema_version"] == "1"
    assert written["verdicts"][2]["value"] is None
    assert not {"notes", "waivers", "would_be", "profile"} & written.keys()
    assert "reason" not in written["measurements"][0]
    assert Audit.model_validate(written) == Audit.model_validate(audit.model_dump(mode="json")) == audit


def test_a_brief_definition_keeps_its_first_sentence_only() -> None:
    whole = samples.DEFINITIONS["roc_auc"].model_copy(update={"definition": "One, e.g. this. Two.\n\nThree."})
    brief = whole.brief()
    assert brief.definition == "One, e.g. this."
    assert not brief.advice.fixes
    assert (brief.id, brief.family, brief.unit) == (whole.id, whole.family, whole.unit)


def test_a_newer_schema_is_refused() -> None:
    with pytest.raises(ValidationError, match="schema_version"):
        Audit.model_validate_json(samples.audit().to_json().replace(b'"schema_version":"1"', b'"schema_version":"2"'))
