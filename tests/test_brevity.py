"""An audit's JSON says nothing twice, and what it leaves out comes back as it was."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from pydantic import ValidationError

from glassalpha_action import brevity
from glassalpha_action.records import Audit, sealed
from glassalpha_action.vocabulary import Unit
from tests import samples


def test_words_that_the_glossary_has_are_left_out_and_come_back() -> None:
    audit = samples.audit()
    content = audit.content()
    assert all(set(brevity.MEASURED).isdisjoint(told) for told in content["measurements"])
    assert all(set(brevity.JUDGED).isdisjoint(told) for told in content["verdicts"])
    assert Audit.model_validate(content) == Audit.model_validate_json(audit.to_json()) == audit


def test_words_that_differ_from_the_glossary_or_are_not_in_it_stay() -> None:
    other = samples.AUC.model_copy(update={"unit": Unit.share})
    unknown = samples.GAP.model_copy(update={"metric": "of_nobody"})
    audit = samples.audit(measurements=(other, unknown, samples.POWER), verdicts=(), baselines={"b": (other,)})
    first, second, third = audit.content()["measurements"]
    assert {key: first[key] for key in brevity.MEASURED if key in first} == {"unit": "share"}
    assert [second[key] for key in brevity.MEASURED] == ["Demographic parity difference", "difference", "lower"]
    assert set(brevity.MEASURED).isdisjoint(third)
    assert audit.content()["baselines"]["b"] == [first]
    assert Audit.model_validate_json(audit.to_json()) == audit


def test_the_id_is_of_the_content_with_the_digests_of_its_parts() -> None:
    audit = samples.audit()
    content = json.loads(audit.to_json())
    for name in ("glossary", "policy"):
        part = json.dumps(content[name], separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
        content[name] = hashlib.sha256(part).hexdigest()
    del content["audit_id"]
    rest = json.dumps(content, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    assert audit.audit_id == hashlib.sha256(rest).hexdigest()


@pytest.mark.parametrize("name", ["glossary", "policy"])
def test_the_id_changes_with_every_part(name: str) -> None:
    audit = samples.audit()
    content = audit.content()
    text = json.dumps(content[name])
    changed = json.loads(text.replace("Sample Policy" if name == "policy" else "Area under", "Another"))
    assert changed != content[name]
    # What is said of a metric is part of its definition only, so that the measurement has the new words too.
    other = sealed(Audit.model_validate(content | {name: changed}))
    assert other.audit_id != audit.audit_id
    packed, parts = brevity.packed(content)
    assert {packed["glossary"], packed["policy"]} == parts.keys()


def test_nothing_is_packed_where_there_is_nothing() -> None:
    content = samples.audit(policy=None, verdicts=(), measurements=(), glossary={}).content()
    packed, parts = brevity.packed(content)
    assert (packed, parts) == (content, {})


@pytest.mark.parametrize("told", [
    None, 1, "x", [], [None], [1], ["x"], [[]], [{}], [{"metric": None}], [{"metric": ["roc_auc"]}], [{"metric": {}}],
    [{"metric": "no such"}], {"metric": "roc_auc"},
])  # fmt: skip
@pytest.mark.parametrize("key", ["measurements", "verdicts", "baselines"])
def test_what_is_no_audit_is_refused_as_such(key: str, told: Any) -> None:
    content = samples.audit().content()
    for given in (told, {"x": told}):
        if not (given == {} or (key != "baselines" and given == [])) and given != {"x": []}:
            with pytest.raises(ValidationError):
                Audit.model_validate_json(json.dumps(content | {key: given}))


@pytest.mark.parametrize("glossary", [None, 1, [], "x", {"roc_auc": None}, {"roc_auc": {}}, {"roc_auc": {"title": 1}}])
def test_a_glossary_that_is_none_is_refused(glossary: Any) -> None:
    with pytest.raises(ValidationError):
        Audit.model_validate_json(json.dumps(samples.audit().content() | {"glossary": glossary}))
