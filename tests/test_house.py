"""The house itself: its floors, its generated files, and what its commands say of themselves."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import click
import jsonschema
import pytest

from glassalpha_action.cli.main import COMMANDS, cli
from tests.generated import GENERATED, ROOT
from tests.samples import audit

PACKAGE = ROOT / "glassalpha_action"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_imports_go_down_only() -> None:
    done = run(str(Path(sys.executable).parent / "lint-imports"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stray_room_breaks_the_contract(tmp_path: Path) -> None:
    import shutil

    shutil.copytree(PACKAGE, tmp_path / "glassalpha_action")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "glassalpha_action" / "utils.py").write_text("")
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin"},
    )
    assert done.returncode != 0
    assert "glassalpha_action.utils" in done.stdout


@pytest.mark.parametrize("name", GENERATED)
def test_generated_files_are_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == GENERATED[name](), "run `make docs`"


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    context = click.Context(cli)
    for name, (_, text) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200) == text, name


def test_an_audit_fits_its_published_schema() -> None:
    import json

    schema = json.loads((ROOT / "policies/schema/audit.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    content = json.loads(audit().to_json())
    validator.validate(content)
    assert list(validator.iter_errors(content | {"status": "FINE"}))


def test_the_pipeline_reads_in_one_page() -> None:
    assert len((PACKAGE / "audit.py").read_text(encoding="utf-8").splitlines()) < 80


def test_the_locks_are_pinned_and_name_no_index() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text
        assert text.count("--hash=sha256:") >= text.count("==")
        for requirement in declared:
            name = requirement.replace("[", ">").split(">")[0].split("<")[0]
            assert f"\n{name}==" in f"\n{text}", name
