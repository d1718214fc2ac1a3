"""The command the container runs, without the container."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glassalpha_action.cli.action import action
from tests.credentials import IN_AN_ADDRESS as PASSWORD
from tests.github.test_commands import read


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "workspace"
    root.mkdir()
    monkeypatch.chdir(tmp_path)
    return root


def invoke(workspace: Path, **inputs: str) -> Result:
    given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
    files = {
        "GITHUB_OUTPUT": str(workspace.parent / "output"),
        "GITHUB_STEP_SUMMARY": str(workspace.parent / "summary"),
    }
    told = {**given, **files, "GITHUB_WORKSPACE": str(workspace)}
    return CliRunner().invoke(action, env=told, standalone_mode=False)


def test_what_models_print_is_never_taken_for_a_command(workspace: Path) -> None:
    (workspace / "::error::forged.audit.yaml").write_text("model: [")
    ran = invoke(workspace)
    lines = ran.stdout.splitlines()
    silence = lines[0].removeprefix("::stop-commands::")
    assert re.fullmatch(r"[0-9a-f]{32}", silence)
    end = lines.index(f"::{silence}::")
    commands = [line for line in lines[end + 1 :] if line.startswith("::")]
    assert commands
    assert all(line.startswith("::error file=%3A%3Aerror%3A%3Aforged.audit.yaml,") for line in commands)
    assert silence != invoke(workspace).stdout.splitlines()[0].removeprefix("::stop-commands::")


def test_an_unreadable_audit_file_exits_two_and_says_where(workspace: Path) -> None:
    (workspace / "m.audit.yaml").write_text("model: {id: m}\nmodle: {}\n")
    ran = invoke(workspace)
    assert ran.return_value == 2
    assert "::error file=m.audit.yaml,line=2,title=" in ran.stdout
    assert read((workspace.parent / "output").read_text())["status"] == "ERROR"
    assert "m.audit.yaml:2" in (workspace.parent / "summary").read_text()
    assert not (workspace / "glassalpha-report").exists()


def test_a_folder_that_is_not_there_is_a_wrong_input(workspace: Path) -> None:
    ran = invoke(workspace, working_directory="gone")
    assert ran.return_value == 2
    assert "input working-directory: gone cannot be entered" in ran.stderr
    assert read((workspace.parent / "output").read_text())["exit-code"] == "2"


def test_a_password_in_the_registrys_address_is_not_shown(workspace: Path) -> None:
    ran = invoke(workspace, mode="site", registry_branch="none", registry_url=f"postgresql://me:{PASSWORD}@db/registry")
    assert ran.return_value == 4
    written = (workspace.parent / "output").read_text() + (workspace.parent / "summary").read_text()
    assert PASSWORD not in ran.output + written
