from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from glassalpha_action import shipped
from glassalpha_action.cli.main import main
from glassalpha_action.cli.policy import find_policy, policy
from glassalpha_action.documents import UserError
from glassalpha_action.registry import connect
from tests.policy import portfolio

SOURCE = str(shipped.policies() / "org_credit_baseline_v1.yaml")
DAY = ("--as-of", "2026-11-23")


def run(*arguments: str) -> Result:
    """The command's output and code; its errors are raised."""
    return CliRunner().invoke(policy, arguments, catch_exceptions=False, standalone_mode=False)


def said(*arguments: str, code: int = 0) -> str:
    found = run(*arguments)
    assert found.return_value == code, found.output
    return found.stdout


@pytest.fixture
def source() -> str:
    return Path(SOURCE).read_text(encoding="utf-8")


def written(folder: Path, text: str, name: str = "p.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_lint_warns_of_the_source_s_file_and_exits_0() -> None:
    text = said("lint", SOURCE, *DAY)
    lines = text.splitlines()
    for start, word in ((":6: warning: SR 11-7", "SR 26-2"), (":78: warning: the review due on 2025-04-01", "601 days"),
                        (":48: warning: `Minimum Statistical Power`: `greater_than`", "exactly 30 fails")):  # fmt: skip
        assert any(SOURCE + start in line and word in line for line in lines), start
    assert lines[-1] == f"{SOURCE}: Organization Credit Model Baseline 1.0: 7 gates, 9 warnings."
    assert said("lint", SOURCE, *DAY, "--fail-on", "warning", code=2) == text


def test_lint_as_json_and_of_several(tmp_path: Path) -> None:
    found = json.loads(said("lint", SOURCE, "general-baseline", *DAY, "--json"))
    assert {f["line"] for f in found if f["rule"] == "boundary"} == {13, 31, 48, 56}
    assert set(found[0]) == {"file", "line", "level", "rule", "message"}


def test_lint_exits_2_on_an_error(tmp_path: Path, source: str) -> None:
    path = written(tmp_path, source.replace("threshold: 0.75", "threshold: 1.75"))
    assert ":12: error: `Minimum Model Performance` asks roc_auc > 1.75, which no model reaches" in said(
        "lint", path, *DAY, code=2
    )


def test_lint_names_every_mistake_of_a_file_that_cannot_be_read(tmp_path: Path, source: str) -> None:
    path = written(tmp_path, source.replace('"roc_auc"', '"roc_acu"').replace('"min_group_size"', '"min_grp_size"'))
    with pytest.raises(UserError) as caught:
        run("lint", path)
    assert f"{path}:11: unknown metric `roc_acu`; did you mean `roc_auc`?" in str(caught.value)
    assert f"{path}:46: unknown metric `min_grp_size`; did you mean `min_group_size`?" in str(caught.value)


def test_lint_costs_neither_pandas_nor_a_database() -> None:
    code = (
        "import sys; from glassalpha_action.cli.policy import policy; "
        f"policy.main(['lint', {SOURCE!r}], standalone_mode=False); "
        "print(sorted({'pandas', 'sqlite3', 'sqlite_utils', 'sklearn', 'jinja2', 'plotly'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("day", ["soon", "20250105", "2025-W01-1", "2025-02-30"])
def test_a_bad_day_is_refused(day: str) -> None:
    with pytest.raises(UserError, match="--as-of must be a day as YYYY-MM-DD"):
        run("lint", SOURCE, "--as-of", day)


@pytest.mark.parametrize("name", ["credit", "pack:credit"])
def test_packs_go_by_name(name: str) -> None:
    assert find_policy(name).name == "credit.yaml"


@pytest.mark.parametrize("name", ["credti", "pack:../policies/credit", "../credit", "pack:citations", "citations"])
def test_an_unknown_pack_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="no policy file or pack"):
        find_policy(name)


def test_show_has_every_field_of_the_source_s_file(source: str) -> None:
    text = said("show", SOURCE)
    for line in source.splitlines():
        value = line.partition(": ")[2].strip().strip('"')
        if line.strip().split(":")[0] in {"clause", "rationale", "citation", "policy_name", "owner", "next_review"}:
            assert value in text
    assert "strict mode, seed, manifest, git commit" in text
    assert json.loads(said("show", SOURCE, "--json"))["policy"]["gates"][0]["metric"] == "roc_auc"


def test_explain_says_the_policy_in_sentences() -> None:
    text = said("explain", SOURCE)
    assert (
        "Expected calibration error (`expected_calibration_error`) must be less than 0.050 (5%); if not, it blocks."
        in text
    )
    assert (
        "Equalized odds difference (`equalized_odds_difference`) must be less than 0.150 (15%); if not, it asks for"
        in text
    )
    assert "Smallest group (`min_group_size`) must be greater than 30 rows" in text
    assert "Run the audit with `--strict`." in text
    assert "reviewed quarterly, next on 2025-04-01, by the Chief Risk Officer." in text


def test_explain_says_what_the_language_adds(tmp_path: Path) -> None:
    path = written(tmp_path, """policy_name: P
version: "1"
enforcement: hard_mandatory
statistics: {decision: bound, min_group_n: 50}
required_evidence: [owner]
gates:
  - {name: A, metric: statistical_power, threshold: 0.8, warn_threshold: 0.9, comparison: greater_than_or_equal,
     params: {effect: 0.1}, scope: {attributes: [sex], intersections: [[sex, age]]}, enforce_from: "2027-01-01"}
  - {name: B, metric: roc_auc, baseline: {no_worse_than: 0.02}}
""")  # fmt: skip
    text = said("explain", path)
    assert "(`statistical_power`, effect 0.1) for sex, sex & age must be at least 0.800; if not, it blocks from" in text
    assert "from 2027-01-01 on (until then it warns); it warns from 0.900 on." in text
    assert "must be no more than 0.020 worse than the base commit's model's; if not, it blocks." in text
    assert "no waiver lifts it" in text
    assert "whole 95% interval" in text
    assert "fewer than 50 rows" in text


def test_diff_lists_weakenings_first_and_exits_1(tmp_path: Path, source: str) -> None:
    new = written(
        tmp_path, source.replace("threshold: 0.75", "threshold: 0.80").replace("threshold: 0.05", "threshold: 0.08")
    )
    lines = said("diff", SOURCE, new, code=1).splitlines()
    assert lines[0].startswith("weakened     The gate Calibration Quality")
    assert lines[1].startswith("strengthened The gate Minimum Model Performance")
    assert lines[2] == "1 weakened, 1 strengthened, 0 neutral."
    said("diff", SOURCE, new, "--allow-weakening")
    assert [c["effect"] for c in json.loads(said("diff", SOURCE, new, "--json", code=1))] == [
        "weakened",
        "strengthened",
    ]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("threshold: 0.75", "threshold: 0.80", 0),
        ("threshold: 0.75", "threshold: 0.70", 1),
        ("threshold: 0.05", "threshold: 0.04", 0),
        ("threshold: 0.05", "threshold: 0.06", 1),
        ('severity: "warning"', 'severity: "error"', 0),
        ('severity: "error"', 'severity: "warning"', 1),
        ('name: "Demographic Parity"', 'name: "Parity"', 0),
        ('"credit_scoring", "loan_pricing"', '"credit_scoring"', 1),
        ("reproducibility:", 'enforcement: "advisory"\nreproducibility:', 1),
        ("strict_mode_required: true", "strict_mode_required: false", 1),
        ('effective_date: "2025-01-01"', 'effective_date: "2030-01-01"', 1),
        ('owner: "Chief Risk Officer"', 'owner: "Model Risk"', 0),
        ("", "", 0),
    ],
)
def test_diff_exits_1_only_where_something_is_weakened(
    tmp_path: Path, source: str, old: str, new: str, code: int
) -> None:
    said("diff", SOURCE, written(tmp_path, source.replace(old, new)), code=code)


def test_diff_of_a_removed_gate_and_of_waivers(tmp_path: Path, source: str) -> None:
    start, end = source.index("  # Robustness requirements"), source.index("reproducibility:")
    removed = written(tmp_path, source[:start] + source[end:])
    assert "weakened     The gate Demographic Shift Robustness" in said("diff", SOURCE, removed, code=1)
    for name, waivers in (("none", {}), ("one", {"w.yaml": "2026-12-31"}), ("longer", {"w.yaml": "2027-01-15"})):
        (tmp_path / name).mkdir()
        for file, expires in waivers.items():
            written(tmp_path / name, f"""id: W-1
gate: demographic-parity
model_id: m
reason: Recalibration is under way and due soon.
owner: Ada
approved_by: Grace
approved_on: 2026-11-01
expires: {expires}
ceiling: 0.15
""", file)  # fmt: skip
    folders = {name: str(tmp_path / name) for name in ("none", "one", "longer")}
    assert "Nothing changed." in said("diff", SOURCE, SOURCE, "--waivers", folders["one"], folders["one"])
    assert "Waiver W-1" in said("diff", SOURCE, SOURCE, "--waivers", folders["none"], folders["one"], code=1)
    assert "expires" in said("diff", SOURCE, SOURCE, "--waivers", folders["one"], folders["longer"], code=1)
    said("diff", SOURCE, SOURCE, "--waivers", folders["longer"], folders["none"])
    with pytest.raises(UserError, match="no such folder of waivers"):
        run("diff", SOURCE, SOURCE, "--waivers", str(tmp_path / "gone"), folders["none"])


def test_test_runs_the_cases_of_the_packs() -> None:
    text = said("test", str(shipped.policies() / "tests"))
    assert len(text.splitlines()) == 7
    assert all(line.endswith("no failures, every gate covered.") for line in text.splitlines())


def test_test_fails_on_a_case_that_does_not_hold_and_on_a_gate_without_cases(tmp_path: Path, source: str) -> None:
    written(tmp_path, source, "policy.yaml")
    path = written(tmp_path, "policy: policy.yaml\ncases:\n  - {name: low, metrics: {roc_auc: 0.6}, expect: {"
                   "minimum-model-performance: PASS}}\n", "cases.yaml")  # fmt: skip
    text = said("test", path, code=1)
    assert "cases.yaml:3: case `low`: `minimum-model-performance` came to FAIL, not PASS" in text
    assert "no pass and no fail and no boundary case for the gate `calibration-quality`" in text
    assert "1 cases, 1 failure, 7 gates not covered." in text
    fixed = written(tmp_path, Path(path).read_text().replace("PASS", "FAIL"), "cases.yaml")
    said("test", fixed, "--allow-uncovered")
    found = json.loads(said("test", fixed, "--json", code=1))
    assert found[0]["failures"] == []
    assert found[0]["uncovered"]["calibration-quality"] == ["pass", "fail", "boundary"]


def test_test_without_cases_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no cases here"):
        run("test", str(tmp_path))


def test_test_of_a_policy_runs_the_cases_beside_it(tmp_path: Path, source: str) -> None:
    assert "policies/tests/credit.yaml: " in said("test", str(shipped.policies() / "credit.yaml"))
    with pytest.raises(UserError, match=r"is a policy, not cases of one; write those as tests/mine.yaml beside it\.$"):
        run("test", written(tmp_path, source, "mine.yaml"))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    (folder / "audits").mkdir()
    for audit in portfolio.registry(folder)[:36]:
        (folder / "audits" / f"{audit.audit_id}.audit.json").write_bytes(audit.to_json())
    with connect(folder / "registry.db", create=True) as registry:
        for audit in portfolio.registry(folder)[:36]:
            registry.submit(audit, recorded_at="2026-01-01T00:00:00Z")
    return folder


def test_simulate_replays_a_folder_and_a_registry_alike(history: Path, tmp_path: Path) -> None:
    path = written(tmp_path, portfolio.CURRENT.replace("0.70", "0.82"))
    text = said("simulate", path, "--audits", str(history / "audits"))
    assert text == said("simulate", path, "--database", str(history / "registry.db"))
    assert "36 audits of 3 models judged again." in text
    assert "model_00  PASSED → BLOCKED" in text
    assert len(json.loads(said("simulate", path, "--audits", str(history / "audits"), "--json"))["audits"]) == 36


@pytest.mark.parametrize("days", ["800000", "9" * 30])
def test_a_history_may_be_longer_than_the_calendar(history: Path, days: str) -> None:
    for place in (["--audits", str(history / "audits")], ["--database", str(history / "registry.db")]):
        assert said("simulate", SOURCE, *place, "--last-n-days", days) == said("simulate", SOURCE, *place)


def test_simulate_without_audits_says_so(history: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no audits"):
        run("simulate", SOURCE, "--audits", str(tmp_path))
    with pytest.raises(UserError, match="not both"):
        run("simulate", SOURCE, "--audits", str(tmp_path), "--database", str(history / "registry.db"))
    with pytest.raises(UserError, match="no such folder"):
        run("simulate", SOURCE, "--audits", str(tmp_path / "gone"))
    with pytest.raises(UserError, match="no audits in the last 3 days"):
        run("simulate", SOURCE, "--audits", str(history / "audits"), "--last-n-days", "3")


def test_suggest_names_a_threshold_and_its_false_block_rate(tmp_path: Path) -> None:
    for audit in portfolio.registry(tmp_path):
        if audit.provenance.as_of == portfolio.MONTHS[-1]:
            (tmp_path / f"{audit.model.id}.audit.json").write_bytes(audit.to_json())
    text = said("suggest", "roc-auc", "--audits", str(tmp_path))
    assert "Suggested: roc_auc ≥ 0.7" in text
    assert "of 24 models meet" in text
    assert "false-block rate" in text
    found = json.loads(said("suggest", "roc_auc", "--audits", str(tmp_path), "--json"))
    assert found["chosen"]["pass_share"] >= 0.9
    assert found["comparison"] == "greater_than_or_equal"


def test_announce_writes_a_file_and_says_what_changed(tmp_path: Path, source: str) -> None:
    new = written(
        tmp_path, source.replace("threshold: 0.05", "threshold: 0.04").replace('version: "1.0"', 'version: "1.1"')
    )
    out = tmp_path / "out" / "announcement.md"
    assert "wrote" in said("announce", new, "--since", SOURCE, "--at", "policy.yaml", "--output", str(out))
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# Organization Credit Model Baseline (v1.1)\n\n## What Changed\n")
    assert "Since version 1.0:" in text
    assert "(strengthened)" in text
    assert "--policy-gates policy.yaml" in text
    assert said("announce", SOURCE).startswith("# Organization Credit Model Baseline (v1.0)\n")


def test_the_schema_is_the_published_one_and_accepts_every_pack() -> None:
    import yaml

    schema = json.loads(said("schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for path in shipped.policies().glob("*.yaml"):
        if path.name != "citations.yaml":
            jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"policy_name": "P"}, schema)


def test_list_shows_every_pack_and_nothing_else() -> None:
    text = said("list")
    names = [row["pack"] for row in json.loads(said("list", "--json"))]
    assert names == sorted(p.stem for p in shipped.policies().glob("*.yaml") if p.name != "citations.yaml")
    assert all(name in text for name in names)
    assert "not the law's" in text


def test_the_schema_of_a_waiver_is_printed_too(capsys: pytest.CaptureFixture[str]) -> None:
    titles = []
    for more in ([], ["--waiver"]):
        with pytest.raises(SystemExit) as caught:
            main(["policy", "schema", *more])
        assert caught.value.code == 0
        titles.append(json.loads(capsys.readouterr().out)["title"])
    assert titles == ["A glassalpha policy", "A waiver of one gate for one model"]


def test_a_metric_may_be_called_auc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.yaml").write_text(
        'policy_name: P\nversion: "1"\ngates: [{name: G, metric: auc, comparison: present, rationale: r}]\n'
    )
    with pytest.raises(SystemExit) as caught:
        main(["policy", "explain", str(tmp_path / "p.yaml")])
    assert caught.value.code == 0
    assert "(`roc_auc`) must be measured" in capsys.readouterr().out
