"""The `registry:` block of audit.yaml: where an audit is recorded, and what is said with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from glassalpha_action.cli.audit import registry_of, submit
from glassalpha_action.config import Config, load
from glassalpha_action.documents import UserError
from glassalpha_action.registry import connect
from tests import samples
from tests.registry import server

YAML = """\
model: {{id: m}}
data: {{path: d.csv, target_column: y, score_column: p}}
registry:
  enabled: true
  database: "{database}"
  auto_submit: true
  metadata:
    team: "{{{{ TEAM_NAME }}}}"
    cost_center: "{{{{ COST_CENTER }}}}"
"""


@pytest.fixture
def teams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_NAME", "credit-risk")
    monkeypatch.setenv("COST_CENTER", "CR-4501")


def config(folder: Path, database: str = "registry.db") -> Config:
    path = folder / "audit.yaml"
    path.write_text(YAML.format(database=database))
    return load(path)


@pytest.mark.usefixtures("teams")
def test_team_and_cost_center_come_from_the_environment(tmp_path: Path) -> None:
    assert submit(samples.audit(), config(tmp_path), None).startswith("recorded as 1:")
    assert submit(samples.audit(), config(tmp_path), None) == "already recorded as 1"
    with connect(tmp_path / "registry.db") as registry:
        (row,) = registry.query_all()
    assert (row.team, row.cost_center) == ("credit-risk", "CR-4501")


@pytest.mark.parametrize(("name", "value"), [("TEAM_NAME", None), ("COST_CENTER", ""), ("COST_CENTER", "  ")])
@pytest.mark.usefixtures("teams")
def test_a_name_the_environment_does_not_say_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=rf"audit\.yaml:\d+: the environment does not say {name};"):
        submit(samples.audit(), config(tmp_path), None)
    assert not (tmp_path / "registry.db").exists() or connect(tmp_path / "registry.db").head().seq == 0


@pytest.mark.usefixtures("teams")
def test_what_the_environment_says_is_text_and_no_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_NAME", "{{ COST_CENTER }}'; DROP TABLE records; --")
    submit(samples.audit(), config(tmp_path), None)
    with connect(tmp_path / "registry.db") as registry:
        assert registry.query_all()[0].team == "{{ COST_CENTER }}'; DROP TABLE records; --"


@pytest.mark.usefixtures("teams")
def test_an_audit_yaml_may_name_a_postgresql_registry(tmp_path: Path, postgres: server.Server) -> None:
    url = postgres.new_registry()
    assert submit(samples.audit(), config(tmp_path, url), None).startswith("recorded as 1:")
    with connect(url) as registry:
        assert registry.query_all()[0].cost_center == "CR-4501"
    # The password in it is its writer's own doing; everything else that is left must be without.
    (tmp_path / "audit.yaml").unlink()


@pytest.mark.parametrize(("written", "place"), [
    ("registry.db", "{}/registry.db"), ("sub/r.db", "{}/sub/r.db"), ("/srv/r.db", "/srv/r.db"),
    ("sqlite:///r.db", "{}/r.db"), ("sqlite:////srv/r.db", "/srv/r.db"),
    ("postgresql://registry.company.com/models", "postgresql://registry.company.com/models"),
])  # fmt: skip
def test_a_file_is_relative_to_the_audit_yaml_that_names_it(tmp_path: Path, written: str, place: str) -> None:
    assert registry_of(config(tmp_path, written), None) == place.format(tmp_path)
    assert registry_of(config(tmp_path, written), "other.db") == "other.db"
