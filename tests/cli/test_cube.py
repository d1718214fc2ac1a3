"""Counting rows where they lie, and auditing the counts alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from glassalpha_action.metrics import CATALOGUE
from glassalpha_action.records import Audit
from tests.cli.conftest import Run
from tests.load.counting import HOSTILE
from tests.workspace import CONFIG, POLICY, make

SETTINGS = CONFIG.replace("[sex]", "{sex: {reference: male}, region: {}, age: {bins: [18, 40, 90]}}")
AS_OF = ("--as-of", "2025-01-05")


def rows(n: int = 3000) -> str:
    """Rows with a gap between the sexes, missing regions and one region with a name that hurts."""
    draw = np.random.default_rng(5)
    score = draw.uniform(size=n)
    frame = pd.DataFrame({
        "repaid": (draw.uniform(size=n) < 0.1 + 0.8 * score).astype(int),
        "score": score,
        "sex": np.where(draw.uniform(size=n) < 0.3 + 0.2 * score, "female", "male"),
        "region": np.array(["north", "None", HOSTILE, ""], object)[draw.integers(0, 4, n)],
        "age": draw.integers(18, 91, n),
    })  # fmt: skip
    return frame.to_csv(index=False)


def gates() -> str:
    """A policy with gates on every metric that compares, some of which hold and some of which do not."""
    head = "policy_name: All\nversion: '1'\ngates:\n"
    for i, name in enumerate(CATALOGUE):
        for comparison, threshold in (("less_than", 0.05 + i / 1000), ("greater_than", 0.5 + i / 1000)):
            head += f"  - {{name: {name} {comparison}, metric: {name}, severity: warning,\n"
            head += f"     comparison: {comparison}, threshold: {threshold}}}\n"
    return head


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path, SETTINGS, rows(), gates())
    return tmp_path


def audited(run: Run, name: str, *arguments: str) -> Any:
    code, _, err = run(
        "audit", "--config", "audit.yaml", "--policy-gates", "policy.yaml", *AS_OF, "--output", name, *arguments
    )
    assert code in {0, 1}, err
    return Audit.model_validate_json(Path(name).read_bytes()).model_dump(mode="json")


def key(found: dict[str, Any]) -> tuple[str, ...]:
    return found["metric"], str(found["attribute"]), json.dumps(found["params"], sort_keys=True)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
@pytest.mark.parametrize("ending", ["parquet", "json", "csv"])
def test_a_cube_is_judged_as_its_rows_are(run: Run, folder: Path, engine: str, ending: str) -> None:
    name = f"out/cube.{ending}"
    code, out, err = run("cube", "build", "--config", "audit.yaml", "--engine", engine, "--output", name)
    assert (code, err) == (0, "")
    assert "3,000 rows" in out
    from_rows = audited(run, "rows.json")
    Path("rows.csv").unlink()
    from_cube = audited(run, "cube.json", "--from-cube", name)
    there = {key(m): m for m in from_rows["measurements"]}
    unmeasured, bounded = set(), set()
    for m in from_cube["measurements"]:
        other = there[key(m)]
        if m["reason"] and "only their counts were given" in m["reason"]:
            unmeasured.add(m["metric"])
        elif m["bounds"]:
            bounded.add(m["metric"])
            assert m["bounds"][0] <= other["value"] <= m["bounds"][1]
        else:
            assert m == other, m["metric"]
    assert {n for n, m in CATALOGUE.items() if "rows" in m.needs and m.family != "regression"} == unmeasured
    assert "roc_auc" in bounded
    for one, other in zip(from_cube["verdicts"], from_rows["verdicts"], strict=True):
        if one["metric"] in unmeasured:
            assert one["outcome"] == "MISSING"
            assert "needs rows" in json.dumps(one)
        elif one["metric"] not in bounded or one["outcome"] != "INCONCLUSIVE":
            assert one["outcome"] == other["outcome"], one["gate"]


def test_where_the_counts_come_from_is_part_of_the_record(run: Run, folder: Path) -> None:
    for engine in ("pandas", "duckdb"):
        run("cube", "build", "--config", "audit.yaml", "--engine", engine, "--output", f"{engine}.parquet")
    found = {e: audited(run, f"{e}.json", "--from-cube", f"{e}.parquet") for e in ("pandas", "duckdb")}
    origin = found["duckdb"]["provenance"]["cube"]
    assert (origin["engine"], origin["grid"], origin["rows"], origin["suppressed_rows"]) == ("duckdb", 1000, 3000, 0)
    assert origin["sha256"] == found["duckdb"]["provenance"]["data_sha256"]
    assert found["pandas"]["provenance"]["predictions_sha256"] == found["duckdb"]["provenance"]["predictions_sha256"]
    assert "Counted by duckdb" in found["duckdb"]["data"]["notes"][-1]
    assert found["pandas"]["audit_id"] != found["duckdb"]["audit_id"]


def test_the_same_rows_give_the_same_bytes(run: Run, folder: Path) -> None:
    for name in ("a.parquet", "b.parquet", "a.json", "b.json"):
        run("cube", "build", "--config", "audit.yaml", "--engine", "duckdb", "--output", name)
    assert Path("a.parquet").read_bytes() == Path("b.parquet").read_bytes()
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


AUC = "policy_name: P\nversion: '1'\ngates: [{name: AUC, metric: roc_auc, comparison: greater_than, threshold: %s}]\n"


def test_a_threshold_between_the_bounds_decides_nothing(run: Run, folder: Path) -> None:
    run("cube", "build", "--config", "audit.yaml", "--grid", "10", "--output", "c.parquet")
    for threshold, outcome in ((0.5, "PASS"), (0.9, "FAIL")):
        Path("policy.yaml").write_text(AUC % threshold)
        assert audited(run, "r.json", "--from-cube", "c.parquet")["verdicts"][0]["outcome"] == outcome
    auc = audited(run, "r.json")["verdicts"][0]["value"]
    Path("policy.yaml").write_text(AUC % (auc - 0.001))
    assert audited(run, "r.json")["verdicts"][0]["outcome"] == "PASS"
    unsure = audited(run, "r.json", "--from-cube", "c.parquet")["verdicts"][0]
    assert unsure["outcome"] == "INCONCLUSIVE"
    assert "known only to lie from" in unsure["message"]


@pytest.mark.parametrize("options", [(), ("--grid", "10"), ("--suppress-below", "2")])
def test_cells_of_one_row_are_told(run: Run, folder: Path, options: tuple[str, ...]) -> None:
    _, out, _ = run("cube", "build", "--config", "audit.yaml", *options, "--output", "c.parquet")
    alone = int((pd.read_parquet("c.parquet")["n"] == 1).sum())
    assert ("--suppress-below" in options) is (alone == 0)
    assert (f"{alone:,} of the cells hold one row each" in out) is (alone > 0)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_what_was_suppressed_is_said(run: Run, folder: Path, engine: str) -> None:
    options = ("--engine", engine, "--grid", "10", "--suppress-below", "10")
    _, out, _ = run("cube", "build", "--config", "audit.yaml", *options, "--output", "c.parquet")
    assert "suppressed" in out
    found = audited(run, "r.json", "--from-cube", "c.parquet")
    origin = found["provenance"]["cube"]
    cells = pd.read_parquet("c.parquet")
    assert cells["n"].min() >= 10
    assert origin["suppressed_rows"] == 3000 - cells["n"].sum() > 0
    assert origin["suppressed_cells"] == origin["cells"] - len(cells) > 0
    assert found["data"]["rows"] == cells["n"].sum()
    said = found["data"]["warnings"][-1]
    assert f"{origin['suppressed_rows']:,} of 3,000 rows" in said
    assert "undercounted" in said
    code, _, err = run("audit", "--config", "audit.yaml", "--from-cube", "c.parquet", "--strict")
    assert code == 2
    assert "suppressed at the source" in err


def test_nothing_left_to_tell(run: Run, folder: Path) -> None:
    options = ("--suppress-below", "1000", "--output", "c.parquet")
    code, _, err = run("cube", "build", "--config", "audit.yaml", *options)
    assert code == 2
    assert "nothing is left to audit" in err
    assert not Path("c.parquet").exists()


def test_a_query_that_the_warehouse_runs_itself(run: Run, folder: Path) -> None:
    code, query, _ = run("cube", "sql", "--config", "audit.yaml", "--dialect", "duckdb", "--table", "main.loans")
    assert code == 0
    with duckdb.connect() as warehouse:
        warehouse.execute("CREATE TABLE loans AS SELECT * FROM read_csv('rows.csv')")
        warehouse.sql(query).write_csv("cells.csv", header=True)
    run("cube", "build", "--config", "audit.yaml", "--output", "here.json")
    Path("rows.csv").unlink()
    theirs, ours = (
        audited(run, "a.json", "--from-cube", "cells.csv"),
        audited(run, "b.json", "--from-cube", "here.json"),
    )
    assert theirs["measurements"] == ours["measurements"]
    assert theirs["provenance"]["cube"]["engine"] == "duckdb SQL"
    run("cube", "sql", "--config", "audit.yaml", "--dialect", "spark", "--output", "q/cube.sql")
    assert "FROM `rows`" in Path("q/cube.sql").read_text()


CHANGES = [
    ("threshold: 0.5", "threshold: 0.4", "audit.yaml:4: `threshold` is 0.4 here"),
    ("target_column: repaid", "target_column: paid", "audit.yaml:9: `target_column` is paid here"),
    ("score_column: score", "score_column: p", "audit.yaml:10: `score_column` is p here"),
    ("bins: [18, 40, 90]", "bins: [18, 41, 90]", "audit.yaml:11: `protected_attributes` is sex, region, age (cut at"),
    ("region: {}, ", "", "audit.yaml:11: `protected_attributes`"),
    ("positive_label: 1", "positive_label: 2", "positive_label `2` is not among the labels"),
    ("reference: male", "reference: men", "the reference `men` is no level"),
]


@pytest.mark.parametrize(("old", "new", "words"), CHANGES, ids=[c[1] or c[0] for c in CHANGES])
def test_a_cube_of_something_else_is_refused(run: Run, folder: Path, old: str, new: str, words: str) -> None:
    run("cube", "build", "--config", "audit.yaml", "--output", "c.json")
    assert old in SETTINGS
    Path("audit.yaml").write_text(SETTINGS.replace(old, new))
    code, _, err = run("audit", "--config", "audit.yaml", "--from-cube", "c.json")
    assert code == 2
    assert words in err


def hurt(content: dict[str, Any], column: str, value: Any) -> None:
    content["cells"][column][0] = value


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("n", 0, "cell 1 does not add up"),
        ("n", -5, "cell 1 does not add up"),
        ("n", 10**15, "cell 1 does not add up"),
        ("n", 1.5, "`n` holds something else"),
        ("n", None, "`n` holds something else"),
        ("n", "many", "`n` holds something else"),
        ("bin", 5000, "does not add up"),
        ("bin", -3, "does not add up"),
        ("bin", 10**30, "`bin` holds something else"),
        ("units", 2**62, "does not add up"),
        ("squares", -1, "does not add up"),
        ("decision", "1", "does not add up"),
        ("label", "maybe", "holds 3 labels"),
        ("attribute_3", "old", "`old` is no level of `age`"),
        ("all_rows", 2, "its total says"),
    ],
)
def test_a_damaged_cube_is_refused(run: Run, folder: Path, column: str, value: Any, words: str) -> None:
    run("cube", "build", "--config", "audit.yaml", "--output", "c.json")
    content = json.loads(Path("c.json").read_bytes())
    if column == "all_rows":
        content[column] = value
    else:
        hurt(content, column, value)
    Path("c.json").write_text(json.dumps(content))
    code, out, err = run("audit", "--config", "audit.yaml", "--from-cube", "c.json")
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.json", b""), ("c.json", b"[]"), ("c.json", b"{}"), ("c.json", b'{"cells": {"n": [1]}}'),
        ("c.json", b'{"cells": {"n": [1]}, "layout": "{}", "all_rows": 1, "all_cells": 1}'), ("c.json", b"\xff"),
        ("c.csv", b"a,b\n1,2\n"), ("c.csv", b"layout\n{}\n"), ("c.csv", b"layout,n\n"), ("c.parquet", b"PAR1"),
        ("c.txt", b"x"), ("none.json", None), ("none.parquet", None),
    ],
)  # fmt: skip
def test_what_is_no_cube_is_refused(run: Run, folder: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    code, out, err = run("audit", "--config", "audit.yaml", "--from-cube", name)
    assert (code, out) == (2, "")
    assert err.startswith(name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("build", "--config", "audit.yaml", "--output", "c.xlsx"), "no cube has this ending"),
        (("build", "--config", "audit.yaml", "--output", "c.json", "--memory-limit", "1GB"), "only --engine duckdb"),
        (("build", "--config", "audit.yaml", "--output", "c.json", "--grid", "7"), "--grid"),
        (("build", "--config", "audit.yaml", "--output", "c.json", "--engine", "duckdb", "--memory-limit", "x"),
         "DuckDB cannot"),
        (("sql", "--config", "audit.yaml", "--dialect", "oracle"), "--dialect"),
        (("sql", "--config", "audit.yaml", "--dialect", "spark", "--table", "a."), "is no name of a table"),
        (("sql", "--config", "none.yaml", "--dialect", "spark"), "there is no such file"),
    ],
)  # fmt: skip
def test_a_bad_command(run: Run, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = run("cube", *arguments)
    assert code == 2
    assert words in err


def test_rows_that_cannot_be_counted_elsewhere(run: Run, tmp_path: Path) -> None:
    make(
        tmp_path,
        CONFIG.replace("score_column: score", "score_column: score\n  weight_column: w"),
        "repaid,score,sex,w\n1,0.5,f,2\n0,0.4,m,0.5\n",
        POLICY,
    )
    for arguments in (("sql", "--dialect", "postgres"), ("build", "--engine", "duckdb", "--output", "c.json")):
        code, _, err = run("cube", *arguments, "--config", "audit.yaml")
        assert code == 2
        assert "weighted rows are counted only in this process" in err
    assert run("cube", "build", "--config", "audit.yaml", "--output", "c.json")[0] == 0
    found = audited(run, "r.json", "--from-cube", "c.json")
    assert found["data"]["weighted"]
    assert {
        key(m): m["value"] for m in found["measurements"] if not m["bounds"] and m["value"] is not None
    }.items() <= {key(m): m["value"] for m in audited(run, "s.json")["measurements"]}.items()
    make(
        tmp_path, CONFIG.replace("  score_column: score\n", "").replace("  threshold", "  path: m.joblib\n  threshold")
    )
    code, _, err = run("cube", "sql", "--dialect", "spark", "--config", "audit.yaml")
    assert code == 2
    assert "only rows that hold their predictions can be counted" in err
