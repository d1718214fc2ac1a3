"""The command as people run it: what it says, writes and exits with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassalpha_action.cli.main import main
from glassalpha_action.records import Audit
from tests.cli.conftest import Run
from tests.workspace import CONFIG, POLICY, make, table

INPUTS = ("audit", "--config", "audit.yaml", "--policy-gates", "policy.yaml")
AUDIT = (*INPUTS, "--as-of", "2025-01-05", "--output", "out/r.json")


def record(folder: Path) -> Any:
    return Audit.model_validate_json((folder / "out" / "r.json").read_bytes()).model_dump(mode="json")


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")}


def test_a_model_within_policy_passes(run: Run, tmp_path: Path) -> None:
    make(tmp_path)
    code, out, err = run(*AUDIT)
    assert (code, err) == (0, "")
    assert "PASSED" in out
    found = record(tmp_path)
    assert (found["status"], found["enforced"]) == ("PASSED", True)
    assert [(v["gate"], v["outcome"], v["line"]) for v in found["verdicts"]] == [
        ("Ranking", "PASS", 4),
        ("Parity", "PASS", 8),
    ]
    assert found["verdicts"][0]["value"] == 1
    assert files(tmp_path) == {"audit.yaml", "policy.yaml", "rows.csv", "out", "out/r.json", "out/r.audit.json"}
    assert (tmp_path / "out/r.audit.json").read_bytes() == (tmp_path / "out/r.json").read_bytes()


def test_a_record_that_is_asked_for_by_its_own_name_is_written_once(run: Run, tmp_path: Path) -> None:
    make(tmp_path)
    _, out, _ = run(*INPUTS, "--output", "out/r.audit.json", "--output", "out/r.md")
    assert files(tmp_path / "out") == {"r.audit.json", "r.md"}
    assert out.count("wrote") == 2


# Every woman is refused and every man accepted.
UNFAIR = "repaid,score,sex\n" + "1,0.9,male\n0,0.8,male\n" * 20 + "1,0.2,female\n0,0.1,female\n" * 20


def test_a_biased_model_is_blocked_and_told_why(run: Run, tmp_path: Path) -> None:
    make(tmp_path, rows=UNFAIR)
    code, out, _ = run(*AUDIT)
    assert code == 1
    assert "BLOCKED" in out
    assert "1.000 is not < 0.100" in out
    assert "female" in out
    assert "Fix:" in out
    assert record(tmp_path)["status"] == "BLOCKED"


@pytest.mark.parametrize(
    ("policy", "arguments", "code"),
    [
        (POLICY.replace("less_than\n", "less_than\n    severity: warning\n"), (), 0),
        (POLICY.replace("less_than\n", "less_than\n    severity: warning\n"), ("--fail-on", "warning"), 1),
        (POLICY, ("--fail-on", "never"), 0),
        (POLICY + "effective_date: 2025-01-06\n", (), 0),
        (POLICY + "effective_date: 2025-01-05\n", (), 1),
        (POLICY + "enforcement: advisory\n", (), 0),
        (POLICY + "applies_to: [pricing]\n", (), 0),
    ],
)
def test_exit_codes(run: Run, tmp_path: Path, policy: str, arguments: tuple[str, ...], code: int) -> None:
    make(tmp_path, rows=UNFAIR, policy=policy)
    assert run(*AUDIT, *arguments)[0] == code


def test_what_does_not_bind_yet_is_shown_as_such(run: Run, tmp_path: Path) -> None:
    make(tmp_path, rows=UNFAIR, policy=POLICY + "effective_date: 2099-01-01\n")
    _, out, _ = run(*AUDIT)
    assert "would be BLOCKED" in out
    assert (record(tmp_path)["would_be"], record(tmp_path)["enforced"]) == ("BLOCKED", False)


def test_without_a_policy_nothing_is_judged_and_it_says_so(run: Run, tmp_path: Path) -> None:
    make(tmp_path)
    code, out, err = run("audit", "--config", "audit.yaml")
    assert code == 0
    assert "NO_POLICY" in out
    assert "--policy-gates" in err


def test_a_dev_audit_is_stamped_with_or_without_a_policy(run: Run, tmp_path: Path) -> None:
    make(tmp_path, CONFIG + "audit: {profile: dev}\n", rows=UNFAIR)
    for arguments in (AUDIT, AUDIT[:3]):
        code, out, _ = run(*arguments)
        assert code == 0
        assert "NOT FOR APPROVAL" in out


def test_an_unmet_requirement_blocks_and_says_what_to_do(run: Run, tmp_path: Path) -> None:
    make(
        tmp_path,
        CONFIG.replace("  random_seed: 7", "  random_seed: null"),
        policy=POLICY + "reproducibility:\n  seed_required: true\n  strict_mode_required: true\n",
    )
    code, out, _ = run(*AUDIT)
    assert code == 1
    assert "random_seed" in out
    assert "--strict" in out


def test_the_shipped_pack_is_found_by_name(run: Run, tmp_path: Path) -> None:
    make(tmp_path)
    code, out, _ = run("audit", "--config", "audit.yaml", "--policy-gates", "org_credit_baseline_v1")
    assert code == 1
    assert "Organization Credit Model Baseline" in out


def broken(old: str, new: str, text: str = CONFIG) -> str:
    assert old in text
    return text.replace(old, new, 1)


BAD_CONFIGS = [
    ("  treshold: 0.5", broken("  threshold: 0.5", "  treshold: 0.5"), 4, "did you mean `threshold`?"),
    ("repeated key", broken("  threshold: 0.5", "  id: other"), 4, "the key `id` stands twice"),
    ("version", broken("  threshold: 0.5", "  version: 1.10"), 4, 'version: "1.10"'),
    ("missing model", broken("  score_column: score\n", "", broken("  threshold", "  path: m.joblib\n  threshold")), 4,
     "the model file m.joblib does not exist; the tool never trains one"),
    ("missing column", broken("score_column: score", "score_column: scroe"), 10, "did you mean `score`?"),
    ("missing data", broken("rows.csv", "row.csv"), 8, "the data file row.csv does not exist"),
    ("not readable", broken("  id: credit_model", "  id: [credit_model"), 3, "not readable as YAML"),
    ("empty", "", None, "the file is empty"),
    ("too large", CONFIG + "#" * (2 << 20), None, "larger than 1 MiB"),
]  # fmt: skip


def assert_refused(result: tuple[int, str, str], start: str, words: str) -> None:
    code, out, err = result
    assert code == 2, err
    assert out == ""
    assert err.startswith(start), err
    assert words in err
    assert err.count("\n") == 1, err
    assert err.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("config", "line", "words"), [case[1:] for case in BAD_CONFIGS], ids=[c[0] for c in BAD_CONFIGS]
)
def test_a_bad_config(run: Run, tmp_path: Path, config: str, line: int | None, words: str) -> None:
    make(tmp_path, config)
    before = files(tmp_path)
    assert_refused(run(*AUDIT), f"audit.yaml:{line}: " if line else "audit.yaml: ", words)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("policy", "line", "words"),
    [
        (broken("metric: roc_auc", "metric: roc_acu", POLICY), 5, "unknown metric `roc_acu`; did you mean `roc_auc`?"),
        (broken("    threshold: 0.6", "    treshold: 0.6", POLICY), 6, "unknown key `gates[0].treshold`"),
        (broken('"1.0"', "1.10", POLICY), 2, 'version: "1.10"'),
        (broken("    metric: roc_auc", "    metric: roc_auc\n    metric: accuracy", POLICY), 6, "stands twice"),
        ("", None, "the file is empty"),
        ("a: b: c\n", 1, "not readable as YAML"),
        ("# " + "x" * (2 << 20), None, "larger than 1 MiB"),
        (POLICY.encode("utf-16"), 1, "not UTF-8"),
    ],
)
def test_a_bad_policy(run: Run, tmp_path: Path, policy: str | bytes, line: int | None, words: str) -> None:
    make(tmp_path, policy=policy)
    before = files(tmp_path)
    code, out, err = run(*AUDIT)
    assert (code, out) == (2, "")
    assert err.startswith(f"policy.yaml:{line}: " if line else "policy.yaml: "), err
    assert words in err
    assert files(tmp_path) == before


BARE = CONFIG.replace("  positive_label: 1\n  favorable_label: 1\n", "")


@pytest.mark.parametrize(
    ("rows", "config", "line", "words"),
    [
        ("repaid,score,sex\n2,0.5,f\n1,0.4,m\n", BARE, 7, "`model.positive_label`"),
        ("repaid,score,sex\ngood,0.5,f\nbad,0.4,m\n", BARE, 7, "`model.positive_label`"),
        ("", CONFIG, 8, "is empty"),
        ("repaid,score,sex\n", CONFIG, 8, "holds no rows"),
        ("repaid,score,sex\n1,nan,f\n0,0.5,m\n", CONFIG, 10, "1 scores in `score` are not numbers from 0 to 1"),
        ("repaid,score,sex\n1,inf,f\n0,0.5,m\n", CONFIG, 10, "(inf) in data row 1"),
        ("repaid,score,sex\n1,-inf,f\n0,1.5,m\n", CONFIG, 10, "2 scores"),
        ("repaid,score,sex\n1,0.5,f\n0,high,m\n", CONFIG, 10, "(high) in data row 2"),
        ("repaid,score,sex\n1,0.5,f\n0.5,0.4,m\n0,0.4,m\n", CONFIG, 9, "holds 3 labels (0, 0.5, 1)"),
        ("repaid,score,sex\n1,0.5,f\nyes,0.4,m\n0,0.4,m\n", CONFIG, 9, "holds 3 labels"),
        ("repaid,score,sex\n1,0.5,f\n,0.4,m\n", CONFIG, 9, "1 rows have no label"),
        ("repaid,score,sex\n1,0.5,caf\u00e9\n".encode("latin-1"), CONFIG, 8, "not UTF-8"),
    ],
)
def test_bad_rows(run: Run, tmp_path: Path, rows: str | bytes, config: str, line: int, words: str) -> None:
    make(tmp_path, config, rows)
    before = files(tmp_path)
    if config == BARE and "model.positive_label" in words:
        assert_refused(run(*AUDIT), "audit.yaml:", words)
    else:
        assert_refused(run(*AUDIT), f"audit.yaml:{line}: ", words)
    assert files(tmp_path) == before


def test_a_truncated_parquet_file(run: Run, tmp_path: Path) -> None:
    make(tmp_path, CONFIG.replace("rows.csv", "rows.parquet"))
    pd.read_csv(tmp_path / "rows.csv").to_parquet(tmp_path / "rows.parquet")
    assert run(*AUDIT)[0] == 0
    content = (tmp_path / "rows.parquet").read_bytes()
    (tmp_path / "rows.parquet").write_bytes(content[: len(content) // 2])
    assert_refused(run(*AUDIT), "audit.yaml:8: ", "cannot be read as parquet")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("audit",), "--config"),
        (("audit", "--config", "none.yaml"), "there is no such file"),
        (("audit", "--config", "."), "there is no such file"),
        (("audit", "--config", "audit.yaml", "--policy-gates", "none.yaml"), "does not exist"),
        (("audit", "--config", "audit.yaml", "--as-of", "yesterday"), "YYYY-MM-DD"),
        (("audit", "--config", "audit.yaml", "--as-of", "20250105"), "YYYY-MM-DD"),
        (("audit", "--config", "audit.yaml", "--output", "report.docx"), "no report format"),
        (("audit", "--config", "audit.yaml", "--output", "rows.csv/r.json"), "rows.csv"),
        (("audit", "--config", "x" * 5000), "cannot be read"),
        (("audit", "--config", "audit.yaml", "--fail-on", "sometimes"), "--fail-on"),
        (("adit",), "adit"),
    ],
)
def test_a_bad_command(run: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    make(tmp_path)
    before = files(tmp_path)
    code, _, err = run(*arguments)
    assert code == 2
    assert words in err
    assert files(tmp_path) == before


def test_several_mistakes_at_once(run: Run, tmp_path: Path) -> None:
    make(tmp_path, CONFIG.replace("threshold: 0.5", "treshold: 0.5").replace("random_seed: 7", "random_seed: x"))
    code, _, err = run(*AUDIT)
    assert code == 2
    assert [line.split(": ")[0] for line in err.splitlines()] == ["audit.yaml:4", "audit.yaml:13"]
    make(tmp_path, policy=POLICY.replace("roc_auc", "rock_auc").replace("demographic_parity_difference", "dp"))
    assert [line.split(": ")[0] for line in run(*AUDIT)[2].splitlines()] == ["policy.yaml:5", "policy.yaml:9"]
    make(tmp_path, rows="a,b\n1,2\n")
    assert len(run(*AUDIT)[2].splitlines()) == 3


HEAD = "repaid,score,sex\n"
ODD_ROWS = {
    "one row": HEAD + "1,0.9,f\n",
    "one class": HEAD + "1,0.9,f\n1,0.2,m\n" * 20,
    "one group": HEAD + "1,0.9,f\n0,0.2,f\n" * 20,
    "all equal scores": HEAD + "1,0.5,f\n0,0.5,m\n" * 20,
    "no attribute value": HEAD + "1,0.9,\n0,0.2,\n" * 20,
    "an attribute of numbers and words": HEAD + "1,0.9,1\n0,0.2,1.0\n1,0.9,f\n0,0.9,f\n" * 20,
}


@pytest.mark.parametrize("rows", ODD_ROWS.values(), ids=ODD_ROWS.keys())
def test_odd_rows_are_audited_and_never_pass(run: Run, tmp_path: Path, rows: str) -> None:
    make(tmp_path, rows=rows)
    code, _, _ = run(*AUDIT)
    assert code == 1
    found = record(tmp_path)
    assert found["status"] == "BLOCKED"
    assert any(v["outcome"] in {"MISSING", "FAIL"} for v in found["verdicts"])
    assert all((m["value"] is None) == (m["reason"] is not None) for m in found["measurements"])


def test_missing_attribute_values_are_a_level_of_their_own(run: Run, tmp_path: Path) -> None:
    make(tmp_path, rows=table() + "1,0.1,\n" * 5)
    assert run(*AUDIT)[0] == 0
    parity = next(m for m in record(tmp_path)["measurements"] if m["metric"] == "demographic_parity_difference")
    assert [(g["level"], g["n"]) for g in parity["groups"]] == [("female", 20), ("male", 20), ("(missing)", 5)]


def test_a_byte_order_mark_in_every_file(run: Run, tmp_path: Path) -> None:
    make(tmp_path, rows=b"\xef\xbb\xbf" + table().encode(), policy=b"\xef\xbb\xbf" + POLICY.encode())
    (tmp_path / "audit.yaml").write_bytes(b"\xef\xbb\xbf" + CONFIG.encode())
    assert run(*AUDIT)[0] == 0


def test_a_thousand_groups(run: Run, tmp_path: Path) -> None:
    rows = HEAD + "".join(f"{i % 2},{(i * 37 % 1000) / 1000},g{i % 1000}\n" for i in range(4000))
    make(tmp_path, rows=rows)
    assert run(*AUDIT)[0] == 1
    assert "1000 levels" in record(tmp_path)["data"]["warnings"][0]


def test_hostile_names_reach_the_terminal_as_text(run: Run, tmp_path: Path) -> None:
    rows = UNFAIR.replace("female", '"\x1b[2J\u202e=cmd|<script>"')
    make(tmp_path, CONFIG.replace("id: credit_model", 'id: "m\\e[31m\\u202e@team"'), rows=rows)
    code, out, _ = run(*AUDIT)
    assert code == 1
    assert all(line.isprintable() for line in out.splitlines())


@pytest.mark.parametrize("content", [b"not a model", b"\x80\x04", b""])
def test_a_model_that_does_not_load(run: Run, tmp_path: Path, content: bytes) -> None:
    config = broken("  score_column: score\n", "", broken("  threshold", "  path: m.joblib\n  threshold"))
    make(tmp_path, config.replace("[sex]", "[sex]\n  feature_columns: [score]"))
    (tmp_path / "m.joblib").write_bytes(content)
    before = files(tmp_path)
    code, out, err = run(*AUDIT)
    assert (code, out) == (3 if content else 2, "")
    assert err.startswith("audit.yaml:4: model file m.joblib ")
    assert err.count("\n") == 1
    assert files(tmp_path) == before


def test_debug_shows_the_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from glassalpha_action.documents import UserError

    with pytest.raises(UserError):
        main(["--debug", "audit", "--config", "none.yaml"])


def test_quiet_prints_nothing(run: Run, tmp_path: Path) -> None:
    make(tmp_path)
    assert run(*AUDIT, "--quiet") == (0, "", "")
    make(tmp_path, rows=UNFAIR)
    assert run(*AUDIT, "--quiet") == (1, "", "")


def identity(run: Run, folder: Path) -> str:
    run(*AUDIT)
    return str(record(folder)["audit_id"])


def test_the_audit_id_follows_every_input(run: Run, tmp_path: Path) -> None:
    make(tmp_path)
    first = identity(run, tmp_path)
    assert identity(run, tmp_path) == first
    lines = table().splitlines(keepends=True)
    changed = {
        "a score": {"rows": table().replace("0.400", "0.401")},
        "the rows' order": {"rows": "".join([lines[0], lines[2], lines[1], *lines[3:]])},
        "a byte of policy": {"policy": POLICY + "#"},
        "a byte of config": {"config": CONFIG + "#"},
        "every prediction": {"rows": UNFAIR},
    }
    ids = {first}
    for name, change in changed.items():
        make(tmp_path, **change)
        found = identity(run, tmp_path)
        assert found not in ids, name
        ids.add(found)
    make(tmp_path)
    run(*[a if a != "2025-01-05" else "2025-01-06" for a in AUDIT])
    assert record(tmp_path)["audit_id"] not in ids


LINES = (CONFIG + "policy: {path: policy.yaml}\n").splitlines(keepends=True)
WOUNDS = ["", "~", "[]", "{}", "-1", "0", "1", "x", "rows.csv", "audit.yaml", "..", "'", "{a: {bins: [0, 1]}}", "score"]
WOUNDS += ["y" * 300]


@given(st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(WOUNDS)), min_size=1, max_size=2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hurt_config_never_ends_in_a_trace(run: Run, tmp_path: Path, wounds: list[tuple[int, str]]) -> None:
    lines = list(LINES)
    for i, value in wounds:
        lines[i] = f"{lines[i].partition(':')[0]}: {value}\n"
    make(tmp_path, "".join(lines))
    code, _, err = run("audit", "--config", "audit.yaml", "--as-of", "2025-01-05")
    assert code in {0, 1, 2}, err
    assert "unforeseen" not in err
