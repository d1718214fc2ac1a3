from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from glassalpha_action import report
from glassalpha_action.cli.portal import build, portal
from glassalpha_action.documents import UserError
from glassalpha_action.pages.data import Portfolio
from glassalpha_action.pages.downloads import history_csv
from glassalpha_action.pages.models import model_page
from glassalpha_action.pages.portfolio import portfolio_page
from glassalpha_action.pages.reading import read_portfolio
from glassalpha_action.registry import Head, connect
from glassalpha_action.registry.rows import Supersedes
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.pages.portfolios import HOSTILE, hostile_audit, registry

AUDITS = [samples.audit("fraud_v3", Status.PASSED, "2025-01-03"),
          samples.audit("credit_v2", Status.PASSED, "2024-12-01"),
          samples.audit("credit_v2", Status.BLOCKED, "2025-01-05")]  # fmt: skip


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A registry in an otherwise empty current folder."""
    monkeypatch.chdir(tmp_path)
    return registry(tmp_path / "model_registry.db", AUDITS)


def digests(folder: Path) -> dict[str, str]:
    """The digest of every file under `folder`."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


def test_reading_gives_each_model_its_latest_audit_its_history_and_its_own_bytes(database: str) -> None:
    with connect(database) as opened:
        found = read_portfolio(opened, None, "0.1.0")
        head = opened.head()
    assert [(model.id, model.audit.status) for model in found.models] == [
        ("credit_v2", "BLOCKED"),
        ("fraud_v3", "PASSED"),
    ]
    assert [past.status for past in found.models[0].past] == ["PASSED", "BLOCKED"]
    assert found.models[0].past[1].gates["demographic-parity-difference"] == (0.13, "FAIL")
    assert all(model.json == model.audit.to_json() for model in found.models)
    assert (found.as_of, found.head) == ("2025-01-05", head)


def test_an_earlier_day_leaves_later_audits_out(database: str) -> None:
    with connect(database) as opened:
        found = read_portfolio(opened, "2025-01-04", "0.1.0")
    assert {model.id: model.audit.status for model in found.models} == {"credit_v2": "PASSED", "fraud_v3": "PASSED"}


def test_a_team_named_on_submission_counts_over_the_one_in_the_audit(tmp_path: Path) -> None:
    path = str(tmp_path / "registry.db")
    with connect(path, create=True) as opened:
        opened.submit(AUDITS[0], recorded_at="2025-02-01T00:00:00Z", metadata={"team": "fraud"})
        assert read_portfolio(opened, None, "0.1.0").models[0].team == "fraud"


def test_an_audit_that_was_corrected_neither_stands_nor_shows_in_the_history(tmp_path: Path) -> None:
    wrong, right = samples.audit(status=Status.PASSED), samples.audit(status=Status.BLOCKED)
    path = registry(tmp_path / "registry.db", [wrong])
    with connect(path) as opened:
        opened.submit(right, recorded_at="2025-02-02T00:00:00Z", supersedes=Supersedes(wrong.audit_id, "wrong data"))
        (found,) = read_portfolio(opened, None, "0.1.0").models
    assert found.audit == right
    assert found.json == right.to_json()
    assert [past.audit_id for past in found.history] == [right.audit_id]
    body = model_page(found, Portfolio((found,), "2025-02-02", Head(0, ""), "0.1.0")).body
    assert "earlier audit" not in body
    assert body[body.index('id="history"') :].count("<tr><th>2025-") == 1
    assert wrong.audit_id not in history_csv(found).decode()


@pytest.mark.parametrize(
    ("as_of", "shown"),
    [("2025-01-10", "BLOCKED"), ("2025-01-31", "BLOCKED"), ("2025-02-01", "PASSED"), (None, "PASSED")],
)
def test_a_correction_does_not_reach_back_before_its_own_day(tmp_path: Path, as_of: str | None, shown: str) -> None:
    wrong, right = samples.audit("m", Status.BLOCKED, "2025-01-10"), samples.audit("m", Status.PASSED, "2025-02-01")
    with connect(registry(tmp_path / "registry.db", [wrong])) as opened:
        opened.submit(right, recorded_at="2025-02-02T00:00:00Z", supersedes=Supersedes(wrong.audit_id, "wrong data"))
        found = read_portfolio(opened, as_of, "0.1.0")
    assert [model.audit.status for model in found.models] == [shown]
    assert [past.status for past in found.models[0].history] == [shown]
    trend = re.findall(r'scope="row">(\d{4}-\d\d)<td>(\d+)', portfolio_page(found).body)
    assert trend == ([("2025-01", "0"), ("2025-02", "1")] if shown == "PASSED" else [])


def test_a_correction_of_an_earlier_day_leaves_nothing_of_what_it_corrects(tmp_path: Path) -> None:
    wrong, right = samples.audit("m", Status.BLOCKED, "2025-02-10"), samples.audit("m", Status.PASSED, "2025-01-05")
    with connect(registry(tmp_path / "registry.db", [wrong])) as opened:
        opened.submit(right, recorded_at="2025-02-12T00:00:00Z", supersedes=Supersedes(wrong.audit_id, "wrong day"))
        for as_of in (None, "2025-01-31", "2025-03-31"):
            found = read_portfolio(opened, as_of, "0.1.0")
            assert [past.audit_id for past in found.models[0].history] == [right.audit_id]
            assert found.models[0].standing("2025-02") == found.models[0].history[0]
        assert read_portfolio(opened, None, "0.1.0").as_of == "2025-01-05"


def test_the_portal_is_built_from_any_folder_and_twice_the_same(database: str, tmp_path: Path) -> None:
    first = build(database, tmp_path / "one", reports=None)
    assert digests(first) == digests(build(database, tmp_path / "two", reports=None))
    for path in ("index.html", "about/index.html", "models/credit_v2/index.html", "models/credit_v2/audit.json",
                 "policies/sample-policy/1.0/index.html", "downloads/models.csv",
                 "guides/exit-codes.html"):  # fmt: skip
        assert (first / path).is_file(), path
    assert (first / "models/credit_v2/audit.json").read_bytes() == AUDITS[2].to_json()


def test_every_page_carries_day_anchor_and_version_and_asks_no_other_host(database: str, tmp_path: Path) -> None:
    place = build(database, tmp_path / "out", reports=None)
    with connect(database) as opened:
        anchor = opened.head().anchor
    for page in place.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "Generated for 2025-01-05" in text, page
        assert f"<code>{anchor}</code>" in text, page
        assert 'src="http' not in text, page
        assert "<link" not in text or 'rel="stylesheet" href="http' not in text, page


def test_the_search_knows_models_and_policies_from_a_folder_too(database: str, tmp_path: Path) -> None:
    place = build(database, tmp_path / "out", reports=None)
    index = json.loads((place / "search/search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"]: entry for entry in index["docs"]}
    assert "fails Demographic parity difference gate" in found["models/credit_v2/index.html"]["text"]
    assert "policies/sample-policy/1.0/index.html" in found
    script = (place / "search/search_index.js").read_text(encoding="utf-8")
    assert json.loads(script.removeprefix("var __index = ")) == index


def test_hostile_names_build_and_reach_search_as_text(tmp_path: Path) -> None:
    database = registry(tmp_path / "registry.db", [hostile_audit(name) for name in HOSTILE])
    place = build(database, tmp_path / "out", reports=None)
    index = json.loads((place / "search/search_index.json").read_text(encoding="utf-8"))
    made = [entry for entry in index["docs"] if entry["location"].startswith(("models/", "policies/"))]
    assert len(made) == 2 * len(HOSTILE) + 2
    assert not [entry for entry in made if "<" in entry["title"] + entry["text"]]
    page = next(place.glob("models/script-alert*/index.html")).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<title>&lt;script&gt;alert(1)&lt;/script&gt; - " in page


def test_an_empty_registry_gives_a_portal_that_says_what_to_do(tmp_path: Path) -> None:
    place = build(registry(tmp_path / "registry.db", []), tmp_path / "out", reports=None)
    text = (place / "index.html").read_text(encoding="utf-8")
    assert "The registry holds no audit yet" in text
    assert "Registry anchor <code>none</code>" in text


def test_reports_are_made_once_for_an_audit(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(report, "render_html", lambda audit: made.append(audit.model.id) or f"html of {audit.model.id}")
    monkeypatch.setattr(report, "render_pdf", lambda audit: made.append(audit.model.id) or b"%PDF-")
    for place in ("one", "two"):
        build(database, tmp_path / place, reports=tmp_path / "kept")
    assert sorted(made) == ["credit_v2", "credit_v2", "fraud_v3", "fraud_v3"]
    assert (tmp_path / "two/models/fraud_v3/report.html").read_text(encoding="utf-8") == "html of fraud_v3"
    assert 'href="report.pdf"' in (tmp_path / "two/models/fraud_v3/index.html").read_text(encoding="utf-8")


def test_a_mkdocs_file_of_ones_own_is_used_where_it_names_the_plugin(database: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/own.md").write_text("# Our own page\n", encoding="utf-8")
    own = "site_name: Ours\ntheme: {name: material}\nplugins: [search, glassalpha]\n"
    (tmp_path / "mkdocs.yml").write_text(own, encoding="utf-8")
    place = build(database, tmp_path / "out", reports=None)
    assert (place / "own.html").is_file()
    assert "fonts.googleapis" not in (place / "own.html").read_text(encoding="utf-8")
    assert "Ours" in (place / "models/credit_v2/index.html").read_text(encoding="utf-8")


def test_a_mkdocs_file_that_is_about_something_else_is_left_alone(database: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Handbook\n", encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text("site_name: Handbook\n", encoding="utf-8")
    text = (build(database, tmp_path / "out", reports=None) / "index.html").read_text(encoding="utf-8")
    assert "Model portfolio" in text


def test_an_authored_page_where_a_generated_one_goes_is_a_clear_error(database: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Mine\n", encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text("site_name: A\ntheme: material\nplugins: [glassalpha]\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"index\.md is in .* rename yours"):
        build(database, tmp_path / "out", reports=None)


@pytest.mark.parametrize("as_of", ["2025-13-01", "today", "20250101", ""])
def test_a_day_that_is_none_is_refused(database: str, tmp_path: Path, as_of: str) -> None:
    with pytest.raises(UserError, match="YYYY-MM-DD"):
        build(database, tmp_path / "out", as_of)


def test_a_missing_registry_is_a_clear_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no registry at"):
        build(str(tmp_path / "none.db"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "none.db").exists()


def test_a_folder_of_other_files_is_not_emptied(database: str, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.md").write_text("years of work", encoding="utf-8")
    with pytest.raises(UserError, match="would delete them"):
        build(database, tmp_path / "thesis", reports=None)
    assert (tmp_path / "thesis/chapter.md").is_file()


def _spoilt_registry(database: str, _: pytest.MonkeyPatch) -> str:
    Path(database).with_name("broken.db").write_bytes(b"not a database at all" * 100)
    return "broken.db"


def _no_registry(database: str, _: pytest.MonkeyPatch) -> str:
    return f"{database}.nope"


def _full_disk(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    def write(*_: object) -> None:
        raise OSError(28, "No space left on device", "page.html")

    monkeypatch.setattr("mkdocs.utils.write_file", write)
    return database


def _own_page_in_the_way(database: str, _: pytest.MonkeyPatch) -> str:
    Path("docs").mkdir()
    Path("docs/index.md").write_text("# Mine\n", encoding="utf-8")
    Path("mkdocs.yml").write_text("site_name: A\ntheme: material\nplugins: [glassalpha]\n", encoding="utf-8")
    return database


@pytest.mark.parametrize(
    ("trouble", "code"), [(_no_registry, 2), (_spoilt_registry, 5), (_full_disk, 4), (_own_page_in_the_way, 2)]
)
@pytest.mark.parametrize("command", ["build", "serve"])
def test_a_build_that_fails_leaves_the_portal_that_is_there_whole(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[str, pytest.MonkeyPatch], str],
    code: int,
    command: str,
) -> None:
    before = digests(build(database, Path("out"), reports=None))
    beside = {path.name for path in tmp_path.iterdir()}
    other = trouble(database, monkeypatch)
    ran = CliRunner().invoke(portal, [command, "--database", other, "--out", "out", "--no-reports"])
    assert isinstance(ran.exception, UserError)
    assert ran.exception.exit_code == code
    assert digests(tmp_path / "out") == before
    assert {path.name for path in tmp_path.iterdir()} - beside <= {"broken.db", "docs", "mkdocs.yml"}


def test_a_portal_made_by_mkdocs_alone_outlives_a_registry_that_cannot_be_read(database: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/own.md").write_text("# Our own page\n", encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text("site_name: A\ntheme: material\nplugins: [glassalpha]\n", encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    before = digests(tmp_path / "site")
    Path(database).unlink()
    assert subprocess.run(command, cwd=tmp_path, check=False, stderr=subprocess.DEVNULL).returncode == 1
    assert "own.html" in before
    assert digests(tmp_path / "site") == before


def test_what_somebody_put_beside_the_portals_files_stays(database: str, tmp_path: Path) -> None:
    place = build(database, tmp_path / "out", reports=None)
    before = digests(place)
    (place / "CNAME").write_text("models.example.com", encoding="utf-8")
    build(database, place, reports=None)
    assert (place / "CNAME").read_text(encoding="utf-8") == "models.example.com"
    (place / "CNAME").unlink()
    assert digests(place) == before


def test_a_file_and_the_current_folder_are_no_place_for_a_portal(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="is a file"):
        build(database, tmp_path / "file", reports=None)
    monkeypatch.chdir(build(database, tmp_path / "out", reports=None) / "models")
    with pytest.raises(UserError, match="the current folder is in it"):
        build(database, Path(".."), reports=None)


def test_the_anchor_on_the_pages_is_one_that_verify_takes(database: str, tmp_path: Path) -> None:
    text = (build(database, tmp_path / "out", reports=None) / "about/index.html").read_text(encoding="utf-8")
    (told,) = re.findall(r"registry verify --database \S+ --anchor (\S+)</code>", text)
    with connect(database) as opened:
        assert opened.verify(told) == []
        assert opened.verify(told[:-1] + ("1" if told[-1] == "0" else "0")) != []


def test_pages_that_only_work_at_the_top_of_a_host_are_made_for_a_known_address_alone(
    database: str, tmp_path: Path
) -> None:
    place = build(database, tmp_path / "out", reports=None)
    assert not {"404.html", "sitemap.xml"} & {path.name for path in place.iterdir()}
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/own.md").write_text("# Our own page\n", encoding="utf-8")
    own = "site_name: A\nsite_url: https://example.com/repo/\ntheme: material\nplugins: [glassalpha]\n"
    (tmp_path / "mkdocs.yml").write_text(own, encoding="utf-8")
    text = (build(database, tmp_path / "own", reports=None) / "404.html").read_text(encoding="utf-8")
    assert 'href="/repo/assets/' in text
    assert 'href="/assets/' not in text


def test_the_command_says_where_the_portal_is(database: str, tmp_path: Path) -> None:
    ran = CliRunner().invoke(
        portal, ["build", "--database", database, "--out", "out", "--no-reports", "--as-of", "2025-01-31"]
    )
    assert ran.exit_code == 0, ran.output
    assert ran.output == f"The portal is in {tmp_path}/out: open {tmp_path}/out/index.html\n"
    assert "Generated for 2025-01-31" in (tmp_path / "out/index.html").read_text(encoding="utf-8")


def test_two_hundred_models_stay_within_the_budget_of_a_thousand(tmp_path: Path) -> None:
    database = registry(tmp_path / "registry.db", [samples.audit(f"model_{k:04d}") for k in range(200)])
    spent = []
    for name in ("warm", "out"):
        start = time.process_time()
        place = build(database, tmp_path / name, reports=None)
        spent.append(time.process_time() - start)
    # A busy neighbour can only add to what the work itself takes.
    assert min(spent) < 6 / 5 + 0.5
    assert max(path.stat().st_size for path in place.glob("models/*/index.html")) < 19_000
    assert '<script src="../../assets/glassalpha/palette.js">' in (place / "models/model_0001/index.html").read_text()
    assert (place / "assets/glassalpha/palette.js").read_text().startswith("var palette=")


def test_serving_shows_the_portal_to_this_machine(database: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-c", "from glassalpha_action.cli.main import main; main()"]
    command += [
        "portal",
        "serve",
        "--database",
        database,
        "--out",
        str(tmp_path / "out"),
        "--port",
        port,
        "--no-reports",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as server:
        try:
            assert server.stdout is not None
            assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/models/credit_v2/", timeout=10) as answer:
                assert b"Blocked" in answer.read()
        finally:
            server.terminate()


def test_a_port_in_use_is_a_clear_error(database: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = CliRunner().invoke(
            portal, ["serve", "--database", database, "--out", "out", "--port", port, "--no-reports"]
        )
    assert isinstance(ran.exception, UserError)
    assert "choose another with --port" in str(ran.exception)


def test_a_damaged_registry_ends_with_its_own_code(database: str, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(UserError) as raised:
        build(str(tmp_path / "broken.db"), tmp_path / "out", reports=None)
    assert raised.value.exit_code in {2, 5}
    assert "broken.db" in str(raised.value)
