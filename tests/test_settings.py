from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from glassalpha_action import settings

GIVEN = {
    "INPUT_MODE": "record",
    "INPUT_CONFIG": "a/*.yaml\n\n  !a/b.yaml \n",
    "INPUT_FAIL-ON": "warning",
    "INPUT_STRICT": "True",
    "INPUT_FORMATS": "pdf, md pdf",
    "INPUT_AS-OF": "2025-01-05",
    "INPUT_POLICY": "",
    "INPUT_OUTPUT-DIR": "out/audits",
    "INPUT_WORKING-DIRECTORY": "sub",
    "INPUT_REGISTRY-URL": "postgresql://me:hunter2@host/registry",
    "INPUT_GITHUB-TOKEN": "ghs_hunter3",
    "INPUT_PUSH-ATTEMPTS": "20",
    "GITHUB_WORKSPACE": "/github/workspace",
    "GITHUB_REPOSITORY": "a/b",
    "GITHUB_RUN_ID": "7",
    "GITHUB_SERVER_URL": "https://git.example",
}


def test_inputs_are_read_as_a_runner_hands_them_over() -> None:
    found = settings.read(GIVEN)
    assert found.problems == ()
    assert found.inputs.mode is settings.Mode.record
    assert found.inputs.config == ("a/*.yaml", "!a/b.yaml")
    assert found.inputs.fail_on is settings.FailOn.warning
    assert found.inputs.strict is True
    assert found.inputs.formats == (settings.Format.pdf, settings.Format.md)
    assert found.inputs.policy is None
    assert found.folder == Path("/github/workspace/sub")
    assert found.runner.run_url == "https://git.example/a/b/actions/runs/7"


def test_nothing_given_is_every_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = settings.read({})
    assert found.inputs == settings.Inputs()
    assert found.folder == tmp_path
    assert found.runner.run_url == ""


def test_a_secret_never_prints() -> None:
    found = settings.read(GIVEN)
    shown = f"{found!r} {found} {found.model_dump_json()} {found.inputs!r}"
    assert "hunter2" not in shown
    assert "ghs_hunter3" not in shown
    assert found.inputs.github_token.get_secret_value() == "ghs_hunter3"
    assert found.inputs.registry_url.get_secret_value().endswith("registry")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        settings.read({}).inputs.mode = settings.Mode.site  # type: ignore[misc]


def test_every_mistake_is_told_at_once_and_nothing_of_it_is_used() -> None:
    wrong = {"INPUT_MODE": "adit", "INPUT_STRICT": "perhaps", "INPUT_AS-OF": "5.1.2025", "INPUT_FORMATS": "html docx",
             "INPUT_OUTPUT-DIR": "/etc", "INPUT_WORKING-DIRECTORY": "a/../..", "INPUT_FAIL-ON": "warning",
             "INPUT_PUSH-ATTEMPTS": "0"}  # fmt: skip
    found = settings.read(wrong)
    assert found.inputs == settings.Inputs()
    told = {problem.split(":")[0].removeprefix("input ") for problem in found.problems}
    assert told == {"as-of", "formats", "mode", "output-dir", "push-attempts", "strict", "working-directory"}
    assert "input mode: should be 'audit', 'record' or 'site', not 'adit'" in found.problems


@pytest.mark.parametrize("day", ["2025-1-5", "20250105", "2025-02-30", "0", "2025-01-05T00:00:00", "2025-W01-5"])
def test_a_day_is_written_one_way(day: str) -> None:
    assert len(settings.read({"INPUT_AS-OF": day}).problems) == 1


@pytest.mark.parametrize(("value", "means"), [("true", True), ("1", True), ("", False), ("false", False), ("0", False)])
def test_ci_is_what_ci_says(value: str, means: bool) -> None:
    assert settings.under_ci({"CI": value}) is means


def test_the_choices_are_those_of_the_rooms_behind_them() -> None:
    from glassalpha_action.report import FORMATS

    assert {f".{choice.value}" for choice in settings.Format} <= set(FORMATS)
