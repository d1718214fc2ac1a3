from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from glassalpha_action.cli import event as cli
from glassalpha_action.documents import UserError
from glassalpha_action.registry import connect
from tests.registry.backends import HOSTILE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLASSALPHA_DATABASE", raising=False)
    connect("model_registry.db", create=True).close()


def run(*arguments: str) -> str:
    return CliRunner().invoke(cli.event, arguments, catch_exceptions=False, standalone_mode=False).stdout


def test_the_training_log_of_the_source() -> None:
    training = ("add", "training.held", "credit-risk", "--by", "Ada", "--at", "2025-01-15T09:00:00Z",
                "--set", "session=Introduction to Model Auditing", "--set", "attendees=12",
                "--set", 'teams_represented=["credit-risk", "fraud", "lending"]', "--set",
                "feedback_score=4.6")  # fmt: skip
    assert "training.held about credit-risk: recorded, anchor 1:" in run(*training)
    assert "already there" in run(*training)
    (found,) = json.loads(run("list", "--json", "--kind", "training.held"))
    assert found["body"] == {
        "session": "Introduction to Model Auditing", "attendees": 12, "feedback_score": 4.6,
        "teams_represented": ["credit-risk", "fraud", "lending"],
    }  # fmt: skip
    assert run("list", "--subject", "credit-risk").splitlines()[1].startswith("2025-01-15T09:00:00Z | training.held | ")
    assert "no such events" in run("list", "--subject", "fraud")
    run("add", "deployment.released", "m", "--by", "Ada", "--set", f"audit_id={'a' * 64}", "--set", "reason=new data",
        "--set", "rows=500")  # fmt: skip
    assert (
        run("list", "--subject", "m").splitlines()[1].endswith("| audit_id: aaaaaaaaaaaa; reason: new data; rows: 500")
    )
    assert "training.held" in run("kinds")


@pytest.mark.parametrize(("arguments", "says"), [
    (("training.hold", "x"), "did you mean `training.held`"),
    (("approval.granted", "m"), "recorded by `glassalpha model`"),
    (("registry.merged", "m"), "recorded by `glassalpha registry merge`"),
    (("training.held", " "), "needs a subject"),
    (("training.held", "x", "--at", "yesterday"), "YYYY-MM-DDTHH:MM:SSZ"),
    (("training.held", "x", "--set", "attendees"), "NAME=VALUE"),
    (("training.held", "x", "--set", "n=99999999999999999999"), "canonical JSON"),
])  # fmt: skip
def test_what_is_refused_is_not_recorded(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        run("add", *arguments, "--by", "Ada")
    with connect("model_registry.db") as registry:
        assert registry.head().seq == 0


@pytest.mark.parametrize("value", ["NaN", "Infinity", "[" * 100_000, "{", "", "=cmd|' /C calc'!A0"])
def test_what_is_no_json_is_text(value: str) -> None:
    run("add", "ticket.recorded", "m", "--by", "Ada", "--set", f"n={value}")
    assert json.loads(run("list", "--json"))[0]["body"] == {"n": value}


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()])
def test_hostile_text_is_inert_and_kept(text: str) -> None:
    said = run("add", "incident.opened", text, "--by", text, "--set", f"note=.{text}")
    listed = run("list")
    assert said.strip().isprintable()
    assert len(listed.splitlines()) == 2
    assert all(line.isprintable() for line in listed.splitlines())
    (found,) = json.loads(run("list", "--json"))
    assert (found["subject"], found["by"], found["body"]) == (text, text, {"note": f".{text}"})
