from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from glassalpha_action.digests import sha256
from glassalpha_action.policy.rejudge import rejudge
from glassalpha_action.records import Audit, sealed
from glassalpha_action.vocabulary import Outcome, Status
from tests.registry import judged


def changed(audit: Audit, **fields: Any) -> Audit:
    return sealed(audit.model_copy(update=fields))


def verdict(audit: Audit, at: int, **fields: Any) -> Mapping[str, Any]:
    verdicts = list(audit.verdicts)
    verdicts[at] = verdicts[at].model_copy(update=fields)
    return {"verdicts": tuple(verdicts)}


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.REVIEW, Status.PASSED])
def test_a_true_audit_has_no_differences(status: Status) -> None:
    audit = judged.audit(status=status)
    assert audit.status is status
    assert rejudge(audit) == []
    assert rejudge(Audit.model_validate_json(audit.to_json())) == []


@pytest.mark.parametrize("text", [
    judged.TEXT.replace("2024-12-01", "2026-01-01"),
    judged.TEXT + "enforcement: advisory\n",
    judged.TEXT + "applies_to: [fraud]\n",
    judged.TEXT + "statistics: {decision: bound}\n",
    judged.TEXT.replace("statistical_power, threshold", "statistical_power, params: {effect: 0.1}, threshold"),
])  # fmt: skip
def test_what_the_policy_says_of_itself_counts(text: str) -> None:
    audit = judged.audit(text=text)
    if "params" not in text:
        assert rejudge(audit) == []
        assert rejudge(changed(audit, enforced=not audit.enforced)) != []
    else:
        assert "statistical-power says" in rejudge(audit)[0], "no measurement has the gate's parameters"


@pytest.mark.parametrize(("of", "says"), [
    (lambda _: {"status": Status.PASSED}, "its status is PASSED, but judged again it is BLOCKED"),
    (lambda _: {"enforced": False, "would_be": Status.BLOCKED}, "its status does not bind"),
    (lambda a: verdict(a, 1, outcome=Outcome.PASS), "the gate demographic-parity says PASS, judged again FAIL"),
    (lambda a: verdict(a, 1, threshold=0.2), "threshold differs"),
    (lambda a: verdict(a, 1, value=0.01), "value differs"),
    (lambda a: verdict(a, 1, judged=()), "about a single attribute"),
    (lambda a: {"verdicts": a.verdicts[:1]}, "its gates are not those of its policy"),
    (lambda _: {"requirements": ()}, "its reproducibility requirements"),
    (lambda _: {"measurements": judged.measurements("1/20", 0.9)}, "judged again it is PASSED"),
    (lambda _: {"measurements": ()}, "its status is BLOCKED|judged again MISSING"),
    (lambda a: {"policy": a.policy.model_copy(update={"text": judged.TEXT.replace("0.10", "0.20")})},
     "text is not what the policy's digest says"),
    (lambda a: {"policy": a.policy.model_copy(update={"name": "Another"})}, "name, version or dates"),
    (lambda a: {"policy": a.policy.model_copy(update={"text": "gates: []"})}, "cannot be judged by again"),
    (lambda a: {"policy": a.policy.model_copy(update={"text": "\0"})}, "cannot be judged by again"),
    (lambda _: {"policy": None}, "its status is BLOCKED, but judged again it is NO_POLICY"),
    (lambda _: {"glossary": {}}, "cannot be judged by again"),
])  # fmt: skip
def test_each_forgery_is_found(of: Any, says: str) -> None:
    audit = judged.audit()
    found = " ".join(rejudge(changed(audit, **of(audit))))
    assert any(one in found for one in says.split("|")), found
    assert "\n" not in found


def test_words_are_not_compared() -> None:
    audit = judged.audit()
    (one,) = audit.verdicts[1].judged
    other = {
        "message": "Said otherwise.",
        "remediation": "Do this.",
        "judged": (one.model_copy(update={"reason": "so"}),),
    }
    assert rejudge(changed(audit, **verdict(audit, 1, **other))) == []
    wrong = (one.model_copy(update={"value": 0.01}),)
    assert "about a single attribute" in rejudge(changed(audit, **verdict(audit, 1, judged=wrong)))[0]


def test_a_policy_text_rewritten_with_its_digest_is_found_by_the_verdicts() -> None:
    audit, text = judged.audit(), judged.TEXT.replace("0.10", "0.20")
    assert audit.policy
    policy = audit.policy.model_copy(update={"text": text, "sha256": sha256(text.encode())})
    provenance = audit.provenance.model_copy(update={"policy_sha256": policy.sha256})
    assert any(
        "demographic-parity says FAIL" in one for one in rejudge(changed(audit, policy=policy, provenance=provenance))
    )


def test_an_alias_finds_its_metric_in_the_audits_own_glossary() -> None:
    audit = judged.audit()
    renamed = {
        k: d.model_copy(update={"aliases": ("auroc",)}) if k == "roc_auc" else d for k, d in audit.glossary.items()
    }
    text = judged.TEXT.replace("metric: roc_auc", "metric: auroc")
    assert rejudge(judged.audit(text=text, glossary=renamed)) == []
    assert "cannot be judged by again" in rejudge(judged.audit(text=text))[0]
