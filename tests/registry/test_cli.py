from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyarrow import parquet

from glassalpha_action import settings
from glassalpha_action.cli import model as model_cli
from glassalpha_action.cli import registry as cli
from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit, Requirement, sealed
from glassalpha_action.registry import Row, connect
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.registry import judged, server
from tests.registry.backends import HOSTILE, NOW, TODAY

SOURCE_LISTING = """\
model_id          | team        | last_audit | failed_gates | status
credit_model_v2   | credit-risk | 2025-01-05 | 2            | BLOCKED
fraud_model_v3    | fraud       | 2025-01-03 | 0            | APPROVED
loan_pricing_v1   | lending     | 2024-12-20 | 1            | REVIEW
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLASSALPHA_DATABASE", raising=False)
    monkeypatch.setattr(cli, "_today", lambda: TODAY)
    return tmp_path


def run(*arguments: str) -> str:
    """What the command prints; its errors are raised."""
    return CliRunner().invoke(cli.registry, arguments, catch_exceptions=False, standalone_mode=False).stdout


def refused(*arguments: str) -> UserError:
    with pytest.raises(UserError) as caught:
        run(*arguments)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def saved(audit: Audit, name: str = "report.audit.json") -> str:
    Path(name).write_bytes(audit.to_json())
    return name


def approve(model: str, by: str = "Model Review Board") -> str:
    return CliRunner().invoke(
        model_cli.model, ["approve", model, "--by", by, "--reason", "as reviewed"], catch_exceptions=False,
        standalone_mode=False,
    ).stdout  # fmt: skip


def fill_as_in_the_source() -> None:
    """The portfolio of the source document."""
    run("init")
    for model, status, day, team in (
        ("credit_model_v2", Status.BLOCKED, "2025-01-05", "credit-risk"),
        ("fraud_model_v3", Status.PASSED, "2025-01-03", "fraud"),
        ("loan_pricing_v1", Status.REVIEW, "2024-12-20", "lending"),
    ):
        run("submit", saved(judged.audit(model, status, day, team)))


def test_the_listing_of_the_source_to_the_character() -> None:
    fill_as_in_the_source()
    assert run("list") == SOURCE_LISTING.replace("APPROVED", "PASSED")
    approve("fraud_model_v3")
    assert run("list") == SOURCE_LISTING
    assert run("verify").startswith("model_registry.db is whole: 4 records, anchor 4:")


def test_a_listing_can_be_sorted_and_filtered_by_what_it_shows() -> None:
    fill_as_in_the_source()
    approve("fraud_model_v3")

    def models(*options: str) -> list[str]:
        return [line.split()[0][0] for line in run("list", *options).splitlines()[1:]]

    assert models("--sort", "last_audit") == ["l", "f", "c"]
    assert models("--sort", "failed_gates", "--reverse") == ["c", "l", "f"]
    assert models("--sort", "status") == ["f", "c", "l"]
    assert models("--status", "APPROVED") == ["f"]
    assert models("--status", "PASSED") == ["f"]
    assert models("--team", "lending", "--use-case", "credit_scoring") == ["l"]


def test_a_listing_as_csv_has_every_column() -> None:
    fill_as_in_the_source()
    approve("fraud_model_v3")
    rows = list(csv.DictReader(io.StringIO(run("list", "--csv"))))
    assert [(row["model_id"], row["status"], row["shown"]) for row in rows][1] == (
        "fraud_model_v3",
        "PASSED",
        "APPROVED",
    )
    assert set(rows[0]) == {*Row._fields, "shown"}


def test_the_same_commands_on_postgresql(postgres: server.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSALPHA_DATABASE", postgres.url(postgres.new_schema(), "owner"))
    assert "is an empty registry" in run("init", "--database", settings.database())
    fill_as_in_the_source()
    approve("fraud_model_v3")
    assert run("list") == SOURCE_LISTING
    assert run("verify").startswith("the PostgreSQL database registries at 127.0.0.1 is whole: 4 records, anchor 4:")
    assert "fraud" in run("show", "fraud_model_v3")
    assert len(run("export").splitlines()) == 4
    assert [path.suffix for path in Path().iterdir()] == [".json"], "no file stands for the database"


def test_a_registry_is_migrated_there_and_back(postgres: server.Server) -> None:
    fill_as_in_the_source()
    with connect("model_registry.db") as registry:
        anchor = registry.head().anchor
    there = postgres.url(postgres.new_schema(), "owner")
    said = run("migrate", "--from", "model_registry.db", "--to", there)
    assert said.endswith(f"at 127.0.0.1 is a copy: 3 records added, 3 records, anchor {anchor}\n")
    assert "back.db is a copy: 3 records added" in run("migrate", "--from", there, "--to", "back.db")
    assert run("list", "--database", "back.db") == run("list", "--database", there) == run("list")
    assert "0 records added" in run("migrate", "--from", there, "--to", "back.db")
    run("submit", saved(judged.audit("another")), "--database", "back.db")
    assert "holds other records" in str(refused("migrate", "--from", there, "--to", "back.db"))
    assert refused("migrate", "--from", "none.db", "--to", "new.db").exit_code == 2
    assert "copied to itself" in str(refused("migrate", "--from", "back.db", "--to", "sqlite:///./back.db"))
    assert "copied to itself" in str(refused("migrate", "--from", there, "--to", there))
    assert not Path("new.db").exists()


def test_failed_gates_lists_strictly_those_with_failures() -> None:
    fill_as_in_the_source()
    lines = SOURCE_LISTING.splitlines()
    assert run("list", "--failed-gates").splitlines() == [lines[0], lines[1], lines[3]]


def test_list_filters_and_json() -> None:
    fill_as_in_the_source()
    found = json.loads(run("list", "--json", "--team", "fraud"))
    assert [(row["model_id"], row["status"], row["shown"]) for row in found] == [("fraud_model_v3", "PASSED", "PASSED")]
    assert [row["model_id"] for row in json.loads(run("list", "--json", "--last-n-days", "3"))] == [
        "credit_model_v2", "fraud_model_v3"]  # fmt: skip
    assert json.loads(run("list", "--json", "--status", "BLOCKED"))[0]["failed_gates"] == 2
    assert "no model in model_registry.db matches" in run("list", "--use-case", "pricing")
    assert "no status" in str(refused("list", "--status", "blocked"))


def test_a_status_that_is_not_enforced_is_listed_as_would_be() -> None:
    with connect("model_registry.db", create=True) as registry:
        registry.submit(samples.audit(enforced=False), recorded_at=NOW)
    assert run("list").splitlines()[1].endswith(" | would be BLOCKED")


def test_an_empty_registry_says_what_to_do() -> None:
    assert "registry submit" in run("init")
    assert run("list") == "model_registry.db holds no audits yet: `glassalpha registry submit AUDIT.json` adds one\n"
    assert json.loads(run("list", "--json")) == []


def test_init_twice_is_harmless_and_takes_no_other_file() -> None:
    fill_as_in_the_source()
    assert run("init") == "model_registry.db is already a registry, 3 records\n"
    Path("notes.txt").write_text("notes")
    assert refused("init", "--database", "notes.txt").exit_code == 5
    assert Path("notes.txt").read_text() == "notes"


def test_the_database_comes_from_the_option_else_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSALPHA_DATABASE", "environment.db")
    run("init")
    run("init", "--database", "option.db")
    assert sorted(path.name for path in Path().iterdir()) == ["environment.db", "option.db"]
    assert refused("list", "--database", "none.db").exit_code == 2


def test_submit_prints_the_anchor_that_verify_takes() -> None:
    run("init")
    name = saved(judged.audit())
    said = run("submit", name, "--metadata", "team=risk", "--metadata", "cost_center=CR-4501", "--author", "grace")
    with connect("model_registry.db") as registry:
        anchor = registry.head().anchor
        (row,) = registry.query_all()
    assert said == f"{anchor} | credit_model_v2 | BLOCKED | recorded\nanchor {anchor}\n"
    assert (row.team, row.cost_center, row.author) == ("risk", "CR-4501", "grace")
    assert "already there" in run("submit", name)
    assert run("verify", "--anchor", anchor) == f"model_registry.db is whole: 1 record, anchor {anchor}\n"
    assert json.loads(run("submit", name, "--json"))["anchor"] == anchor


def test_nothing_is_submitted_where_one_file_is_bad() -> None:
    run("init")
    Path("bad.json").write_text("{}")
    refused("submit", saved(judged.audit()), "bad.json")
    assert "holds no audits" in run("list")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no audit that this version can read"),
        (b"[]", "no audit that this version can read"),
        (b'{"status": NaN}', "no audit that this version can read"),
        (b"[" * 100_000, "no audit that this version can read"),
        (b"\xff\xfe", "no audit that this version can read"),
        (b'{"\\u001b[31m\\nx": 1}', "no audit that this version can read"),
        (b" " * (20 * 2**20 + 1), "larger than 20 MB"),
        (
            samples.audit().to_json().replace(b'"rows":300', b'"rows":' + b"9" * 30),
            "no audit that this version can read",
        ),
        (samples.audit().to_json().replace(b'"schema_version":"1"', b'"schema_version":"2"'), "schema_version"),
    ],
)
def test_what_is_no_audit_is_refused(content: bytes, says: str) -> None:
    run("init")
    Path("bad.json").write_bytes(content)
    error = refused("submit", "bad.json")
    assert (error.exit_code, says in str(error), str(error).isprintable()) == (2, True, True)


def test_a_missing_and_an_altered_audit_are_refused() -> None:
    run("init")
    assert refused("submit", "none.json").exit_code == 2
    Path("bad.json").write_bytes(samples.audit().to_json().replace(b'"status":"BLOCKED"', b'"status":"PASSED"'))
    assert refused("submit", "bad.json").exit_code == 5
    assert refused("submit", saved(judged.audit()), "--metadata", "team").exit_code == 2
    assert "holds no audits" in run("list")


def test_verify_names_the_first_broken_record() -> None:
    import sqlite3

    fill_as_in_the_source()
    database = sqlite3.connect("model_registry.db")
    database.execute("DROP TRIGGER gates_no_update")
    database.execute("UPDATE gates SET outcome = 'PASS'")
    database.commit()
    database.close()
    error = refused("verify")
    assert error.exit_code == 5
    assert "is broken: record 1: its rows in gates" in str(error)


def test_verify_judges_every_audit_again() -> None:
    run("init")
    forged = sealed(judged.audit().model_copy(update={"status": Status.PASSED}))
    run("submit", saved(judged.audit("honest")), "--json")
    with connect("model_registry.db") as registry:
        registry.submit(forged, recorded_at=NOW)
    error = refused("verify")
    assert (error.exit_code, "record 2: its status is PASSED, but judged again it is BLOCKED" in str(error)) == (
        5,
        True,
    )


def test_a_forged_audit_is_not_submitted() -> None:
    """Though its id fits its content: its verdict is not what its measurements come to."""
    run("init")
    forged = saved(sealed(judged.audit().model_copy(update={"status": Status.PASSED})))
    error = refused("submit", saved(judged.audit("honest"), "honest.json"), forged)
    assert error.exit_code == 5
    assert str(error).startswith(
        f"{forged}: the audit does not follow from its own measurements and policy (its status"
    )
    assert "holds no audits" in run("list")
    assert run("verify").startswith("model_registry.db is whole: 0 records")


def test_a_correction_is_submitted_and_shown() -> None:
    run("init")
    wrong, right = judged.audit(), judged.audit(status=Status.PASSED, as_of="2025-01-04")
    run("submit", saved(wrong))
    for options in (["--supersedes", wrong.audit_id], ["--reason", "stale labels"],
                    ["--supersedes", wrong.audit_id, "--reason", " "]):  # fmt: skip
        assert "needs both" in str(refused("submit", saved(right), *options))
    both = ["--supersedes", wrong.audit_id[:12], "--reason", "stale labels"]
    assert "alone" in str(refused("submit", saved(right), saved(wrong, "w.json"), *both))
    assert "holds no audit" in str(refused("submit", saved(right), "--supersedes", "0" * 12, "--reason", "stale"))
    run("submit", saved(right), *both)
    text = run("show", "credit_model_v2")
    assert f"supersedes   | {wrong.audit_id}\n" in text
    assert "reason       | stale labels\n" in text
    assert [line.split(" | ")[-1] for line in text.splitlines() if line.startswith("2025-")][1] == "superseded"
    assert run("list").splitlines()[1].endswith("| PASSED")
    assert run("verify").startswith("model_registry.db is whole")
    assert len(run("export", "--format", "jsonl").splitlines()) == 2


def test_show_a_model_and_an_audit() -> None:
    fill_as_in_the_source()
    audit = judged.audit("credit_model_v2", Status.PASSED, "2025-01-06", "credit-risk")
    run("submit", saved(audit))
    text = run("show", "credit_model_v2")
    assert "status       | PASSED\n" in text
    assert [line.split(" | ")[1].strip() for line in text.splitlines() if line.startswith("Demographic")] == ["PASS"]
    assert [line.split(" | ")[1].strip() for line in text.splitlines() if line.startswith("2025-")] == [
        "BLOCKED",
        "PASSED",
    ]
    assert Audit.model_validate_json(run("show", audit.audit_id[:8], "--json")) == audit
    unmet = Requirement(name="seed_required", met=False, message="Set one.")
    with connect("model_registry.db") as registry:
        registry.submit(samples.audit("seedless", requirements=(unmet,)), recorded_at=NOW)
    assert "requirement not met" in run("show", "seedless")
    assert "no model 'none'" in str(refused("show", "none"))


def test_export() -> None:
    fill_as_in_the_source()
    run("submit", saved(judged.audit("credit_model_v2", Status.PASSED, "2025-01-06")), "--stage", "proposed")
    rows = list(csv.DictReader(io.StringIO(run("export"))))
    lines = [json.loads(line) for line in run("export", "--format", "jsonl").splitlines()]
    assert [(row["seq"], row["model_id"], row["stage"]) for row in rows] == [
        ("1", "credit_model_v2", "main"), ("2", "fraud_model_v3", "main"), ("3", "loan_pricing_v1", "main"),
        ("4", "credit_model_v2", "proposed")]  # fmt: skip
    assert [line["audit_id"] for line in lines] == [row["audit_id"] for row in rows]
    assert "wrote 4 audits" in run("export", "--output", "audits.csv")
    assert Path("audits.csv").read_bytes().decode() == run("export")
    assert "name a file" in str(refused("export", "--format", "parquet"))
    run("export", "--format", "parquet", "--output", "audits.parquet")
    table = parquet.read_table("audits.parquet").to_pylist()
    assert [row | {"metadata": json.loads(row["metadata"])} for row in table] == lines
    assert "registry itself" in str(refused("export", "--format", "csv", "--output", "./model_registry.db"))
    at = ("--database", "SQLite:///model_registry.db")
    assert "registry itself" in str(refused("export", "--format", "csv", "--output", "./model_registry.db", *at))
    run("export", "--output", "new/folder.csv")
    assert Path("new/folder.csv").read_bytes() == Path("audits.csv").read_bytes()
    assert "audits.csv/folder.csv cannot be written" in str(refused("export", "--output", "audits.csv/folder.csv"))


@pytest.mark.parametrize("name", ["up.db", "./UP/../up.db", "link.db", "hard.csv", "up.db-wal", "up.db-journal"])
def test_an_export_never_replaces_the_registry(name: str) -> None:
    run("init", "--database", "up.db")
    Path("UP").mkdir()
    Path("link.db").symlink_to("up.db")
    Path("hard.csv").hardlink_to("up.db")
    before = Path("up.db").read_bytes()
    for url in ("up.db", "SQLITE:///up.db", "sqlite:///./up.db"):
        assert "registry itself" in str(refused("export", "--database", url, "--output", name, "--format", "csv"))
    assert Path("up.db").read_bytes() == before
    assert not Path("up.db-wal").exists()


def test_an_export_replaces_no_other_registry_but_an_earlier_export() -> None:
    fill_as_in_the_source()
    run("init", "--database", "other.csv")
    assert "is a database" in str(refused("export", "--output", "other.csv"))
    assert "is an empty registry" in run("init", "--database", "other.csv")
    for _ in range(2):
        run("export", "--output", "audits.csv")
    assert Path("audits.csv").read_text() == run("export")


def test_the_ending_of_an_export_tells_its_format() -> None:
    fill_as_in_the_source()
    for name in ("a.jsonl", "A.JSONL"):
        run("export", "--output", name)
        assert [json.loads(line)["seq"] for line in Path(name).read_text().splitlines()] == [1, 2, 3]
    run("export", "--output", "a.parquet")
    assert parquet.read_table("a.parquet").num_rows == 3
    run("export", "--output", "bare")
    run("export", "--output", "a.txt", "--format", "csv")
    assert Path("bare").read_text() == Path("a.txt").read_text() == run("export")
    for named, output in (("csv", "b.jsonl"), ("jsonl", "b.csv"), ("parquet", "b.CSV"), ("csv", "b.parquet")):
        assert "change one of the two" in str(refused("export", "--format", named, "--output", output))
    assert "tells no format" in str(refused("export", "--output", "b.json"))
    assert not list(Path().glob("b.*"))


def test_parquet_files_have_the_same_columns_whatever_they_hold() -> None:
    run("init")
    run("export", "--output", "none.parquet")
    audit = judged.audit()
    nobody = audit.model.model_copy(update={"team": None, "owner": None})
    run("submit", saved(sealed(audit.model_copy(update={"model": nobody}))))
    run("export", "--output", "one.parquet")
    run("submit", saved(judged.audit("another", as_of="2025-01-06")), "--author", "grace")
    run("export", "--output", "two.parquet")
    none, one, two = (parquet.read_table(f"{name}.parquet") for name in ("none", "one", "two"))
    assert none.schema == one.schema == two.schema
    kinds = {field.name: str(field.type) for field in two.schema}
    assert {name for name, kind in kinds.items() if kind == "int64"} == {"seq", "failed_gates", "data_rows"}
    assert (kinds["enforced"], kinds["author"], one.to_pylist()[0]["author"]) == ("bool", "string", None)


def test_a_terminal_that_lacks_a_character_shows_its_escape() -> None:
    run("init")
    run("submit", saved(judged.audit("模型", team="équipe")))
    for command in (["list"], ["list", "--csv"], ["show", "模型"]):
        assert all(text in said(*command) for text in (b"\\u6a21\\u578b", "équipe".encode("cp1252")))
    assert said("export") == run("export").encode()
    assert "模型".encode() in said("export")
    assert said("export", closed=" >&-") == b""


def said(*arguments: str, closed: str = "") -> bytes:
    """What the command prints where the encoding is cp1252; an exit code other than 0 is raised."""
    start = [sys.executable, "-c", "from glassalpha_action.cli.main import main; main()", "registry", *arguments]
    return subprocess.run(["sh", "-c", f"{shlex.join(start)}{closed}"], check=True, capture_output=True,
                          env=os.environ | {"PYTHONIOENCODING": "cp1252"}).stdout  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_inert_wherever_they_are_shown(text: str) -> None:
    run("init")
    with connect("model_registry.db") as registry:
        registry.submit(samples.audit(text, team=text), recorded_at=NOW, metadata={"m": text})
    listed, shown, exported = run("list"), run("show", samples.audit(text, team=text).audit_id), run("export")
    for output in (listed, shown, exported, run("list", "--json"), run("export", "--format", "jsonl")):
        assert all(line.isprintable() for line in output.split("\n"))
    assert len(listed.splitlines()) == 2
    assert listed.splitlines()[1].replace("\\|", "").count("|") == 4
    (cells,) = csv.DictReader(io.StringIO(exported))
    assert not cells["model_id"].startswith(("=", "+", "-", "@"))
    assert json.loads(run("list", "--json"))[0]["model_id"] == text
    assert json.loads(run("export", "--format", "jsonl"))["metadata"] == {"m": text}
