from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from glassalpha_action.cli import model as cli
from glassalpha_action.documents import UserError
from glassalpha_action.governance import approvals
from glassalpha_action.governance.approvals import approved
from glassalpha_action.registry import connect
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.registry.backends import HOSTILE, NOW

DATABASE = "model_registry.db"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLASSALPHA_DATABASE", raising=False)
    with connect(DATABASE, create=True) as registry:
        registry.submit(samples.audit("m", Status.PASSED, "2025-01-05"), recorded_at=NOW, author="grace")
        registry.submit(samples.audit("blocked", Status.BLOCKED, "2025-01-05"), recorded_at=NOW)


def run(*arguments: str) -> str:
    return CliRunner().invoke(cli.model, arguments, catch_exceptions=False, standalone_mode=False).stdout


def decide(what: str, model: str = "m", by: str = "Ada", reason: str = "reviewed", *more: str) -> str:
    return run(what, model, "--by", by, "--reason", reason, *more)


def refused(*arguments: str) -> str:
    with pytest.raises(UserError) as caught:
        decide(*arguments)
    assert caught.value.exit_code == 2
    assert str(caught.value).isprintable()
    return str(caught.value)


def live() -> int:
    with connect(DATABASE) as registry:
        assert registry.verify() == []
        return len(approved(registry))


def test_a_model_is_requested_approved_revoked_and_rejected() -> None:
    assert decide("request").startswith("approval.requested on audit ")
    assert live() == 0
    said = decide("approve")
    assert (" of m by Ada: recorded, anchor 4:" in said, live()) == (True, 1)
    assert "approval.revoked" in decide("revoke")
    assert live() == 0
    assert "no live approval" in refused("revoke")
    decide("approve", "m", "Barbara")
    decide("reject", "m", "Linus", "the evidence is thin")
    assert live() == 0
    with connect(DATABASE) as registry:
        event = registry.events(kind="approval.rejected")[0]
        row = registry.history("m")[0]
    assert (event.by, event.body["reason"], event.body["source"]) == ("Linus", "the evidence is thin", "self-declared")
    assert (event.body["audit_id"], event.body["policy_sha256"]) == (row.audit_id, row.policy_sha256)


@pytest.mark.parametrize(("arguments", "says"), [
    (("approve", "m", "credit risk team"), "owns the model"),
    (("approve", "m", "Grace"), "made the change"),
    (("approve", "blocked"), "its status is BLOCKED"),
    (("approve", "none"), "main holds no audit of a model 'none'"),
    (("approve", "m", " "), "needs a name and a reason"),
    (("approve", "m", "Ada", " "), "needs a name and a reason"),
    (("revoke", "m"), "no live approval"),
    (("approve", "m", "Ada", "why", "--audit", "000000"), "holds no audit"),
])  # fmt: skip
def test_what_is_refused_is_not_recorded(arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(*arguments)
    with connect(DATABASE) as registry:
        assert registry.head().seq == 2


def test_an_earlier_audit_is_approved_only_where_no_later_one_differs() -> None:
    earlier, worse = samples.audit("m", Status.PASSED, "2025-01-04"), samples.audit("m", Status.REVIEW, "2025-01-07")
    with connect(DATABASE) as registry:
        registry.submit(earlier, recorded_at=NOW)
        other = registry.history("blocked")[0].audit_id
    assert "none of m" in refused("approve", "m", "Ada", "why", "--audit", other)
    decide("approve", "m", "Ada", "why", "--audit", earlier.audit_id[:12])
    assert live() == 2
    with connect(DATABASE) as registry:
        registry.submit(worse, recorded_at=NOW)
    assert live() == 0
    assert "a later audit of m differs" in refused("approve", "m", "Ada", "why", "--audit", earlier.audit_id)
    decide("approve")
    assert live() == 1


def test_an_approval_that_a_later_decision_overcomes_is_not_recorded() -> None:
    with connect(DATABASE) as registry:
        row = registry.history("m")[0]
        registry.record_event(
            approvals.decision(approvals.REJECTED, row, by="Bob", at="2999-01-01T00:00:00Z", reason="found a leak")
        )
    assert "dated later" in refused("approve")
    assert live() == 0


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip() and "\0" not in text])
def test_hostile_names_are_inert(text: str) -> None:
    with connect(DATABASE) as registry:
        registry.submit(samples.audit(text, Status.PASSED), recorded_at=NOW)
    said = decide("approve", text, text, text)
    assert said.strip().isprintable()
    assert live() == 1
