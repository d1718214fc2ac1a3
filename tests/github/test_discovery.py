from __future__ import annotations

from pathlib import Path

import pytest

from glassalpha_action.github.discovery import find_configs, report_folders

DEFAULT = ("**/audit.yaml", "**/*.audit.yaml")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("audit.yaml", "a/audit.yaml", "a/b/x.audit.yaml", "a/b/y.audit.yaml", "c/prod_audit.yaml",
                 ".git/audit.yaml", "out/a/audit.yaml", "a/notaudit.yaml"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (DEFAULT, ["a/audit.yaml", "a/b/x.audit.yaml", "a/b/y.audit.yaml", "audit.yaml"]),
        (("a/*/*.yaml",), ["a/b/x.audit.yaml", "a/b/y.audit.yaml"]),
        (("a/**",), ["a/audit.yaml", "a/b/x.audit.yaml", "a/b/y.audit.yaml", "a/notaudit.yaml"]),
        (("a/**", "!a/b/**", "!**/not*"), ["a/audit.yaml"]),
        (("**/?.audit.yaml", "! **/y.*"), ["a/b/x.audit.yaml"]),
        (("./c/prod_audit.yaml",), ["c/prod_audit.yaml"]),
        (("*.yaml",), ["audit.yaml"]),
        (("A/*.yaml", "a/[b]/*.yaml"), []),
    ],
)
def test_globs_mean_what_they_say(tree: Path, patterns: tuple[str, ...], found: list[str]) -> None:
    assert find_configs(tree, patterns, leave_out=["out"]) == (found, [])


def test_a_name_that_is_not_there_is_told(tree: Path) -> None:
    assert find_configs(tree, ["audit.yaml", "odit.yaml"]) == (["audit.yaml"], ["odit.yaml"])


@pytest.mark.parametrize("name", ["../secret.yaml", "/etc/hostname", "a"])
def test_a_name_outside_the_folder_is_not_there(tree: Path, name: str) -> None:
    (tree.parent / "secret.yaml").touch()
    assert find_configs(tree, [name]) == ([], [name.removeprefix("./")])


def test_a_link_that_leads_outside_is_not_followed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "audit.yaml").touch()
    (tree / "z").symlink_to(outside)
    (tree / "link.audit.yaml").symlink_to(outside / "audit.yaml")
    found, _ = find_configs(tree, DEFAULT)
    assert "link.audit.yaml" not in found
    assert not [path for path in found if path.startswith("z/")]


def test_reports_never_meet() -> None:
    assert report_folders(["a/x.audit.yaml", "a/audit.yaml", "x.yml"]) == {
        "a/x.audit.yaml": "a/x", "a/audit.yaml": "a/audit", "x.yml": "x"}  # fmt: skip
    meeting = ["x.audit.yaml", "x.yaml", "x.yml", "y.yaml"]
    assert report_folders(meeting) == {
        "x.audit.yaml": "x.audit.yaml",
        "x.yaml": "x.yaml",
        "x.yml": "x.yml",
        "y.yaml": "y",
    }
