import re
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from glassalpha_action.cli.doctor import doctor
from glassalpha_action.enable.doctor import check, extras

PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]


def told() -> str:
    return CliRunner().invoke(doctor).output


def code() -> int:
    return CliRunner().invoke(doctor, standalone_mode=False).return_value


def test_a_whole_installation_is_well() -> None:
    assert code() == 0
    assert "✕" not in told()
    assert all(finding.sentence.endswith((".", "'")) for finding in check())


def test_every_extra_is_looked_for() -> None:
    wanted = PROJECT["optional-dependencies"]
    assert {extra: package for package, extra in extras().items()} == {
        extra: re.split(r"[\[>]", needs[0])[0] for extra, needs in wanted.items() if extra != "image"
    }


def test_a_missing_extra_is_named_with_its_command_and_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassalpha_action.enable.doctor.requires", lambda _: ["nothere>=1; extra == 'odd'", "click"])
    assert "– nothere is not installed; if needed: pip install 'glassalpha-action[odd]'." in told()
    assert code() == 0


def test_without_git_it_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "✕ git is missing: strict audits need it; install it." in told()
    assert code() == 2


def test_without_pango_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert "✕ PDF reports cannot be made: install Pango" in told()
    assert code() == 2


def test_a_second_package_of_that_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"glassalpha": ["glassalpha-action", "glassalpha"]}
    monkeypatch.setattr("glassalpha_action.enable.doctor.packages_distributions", lambda: ours)
    assert "✕ Another package takes the name glassalpha: uninstall it with `pip uninstall glassalpha`." in told()
    assert code() == 2
