"""One cube, whoever counts it: this process, DuckDB, PostgreSQL or Spark, to the last integer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from glassalpha_action import settings
from glassalpha_action.config import Config
from glassalpha_action.cube import Cube, build
from glassalpha_action.documents import UserError
from glassalpha_action.evidence import Evidence
from glassalpha_action.load import engines
from glassalpha_action.load.cubefile import GRIDS, layout_of, read_cells, write_cells
from glassalpha_action.load.sql import DIALECTS, cube_query
from glassalpha_action.load.subject import load
from glassalpha_action.settings import Trust
from tests.load import counting
from tests.registry import server


@pytest.fixture(scope="module")
def postgres() -> Iterator[server.Server]:
    """A PostgreSQL server; where none can be started this fails under CI and skips elsewhere."""
    try:
        with server.start() as started:
            yield started
    except OSError as error:
        if settings.under_ci():
            raise
        pytest.skip(f"no PostgreSQL: {error}")


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One Spark session for all tests, which counting finds and leaves running."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with engines.spark_session() as session:
            yield session


def from_rows(config: Config, grid: int = 1000) -> Cube:
    """The cube that an audit of the rows themselves counts."""
    rows = load(config, as_of="2025-01-05", commit=None, strict=False, trust=Trust.sandbox, policy_sha256=None).rows
    assert isinstance(rows, Evidence)
    return build(rows, grid)


def in_postgres(server: server.Server, frame: pd.DataFrame, query: str) -> pd.DataFrame:
    with server.admin() as admin, admin.cursor() as cursor:
        fill(cursor, frame, 'CREATE TEMP TABLE "the rows"', '"the rows"')
        cursor.execute(query.encode())
        return counting.cells(cursor.fetchall(), [one.name for one in cursor.description or ()])


def fill(cursor: Any, frame: pd.DataFrame, create: str, table: str = "lending.holdout") -> None:
    columns = ", ".join(f'"{name}" {POSTGRES[str(kind)]}' for name, kind in frame.dtypes.items())
    cursor.execute(f"{create} ({columns})".encode())
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False):
            copy.write_row(row)


POSTGRES = {"float64": "double precision", "float32": "real", "int64": "bigint", "bool": "boolean", "object": "text",
            "str": "text", "category": "text"}  # fmt: skip


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("threshold", [0.123456, 0.5, 0.0, 1.0, 0.3])
def test_duckdb_and_this_process_count_what_the_rows_are(tmp_path: Path, grid: int, threshold: float) -> None:
    config = counting.config(tmp_path, threshold=threshold)
    counting.frame(threshold, 200).to_parquet(tmp_path / "rows.parquet")
    wanted = from_rows(config, grid)
    layout = layout_of(config, "x", grid)
    assert counting.same(counting.cube(config, engines.count_here(config, layout), tmp_path / "a.parquet"), wanted)
    found = engines.count_with_duckdb(tmp_path / "rows.parquet", layout)
    for name in ("b.parquet", "b.json", "b.csv"):
        assert counting.same(counting.cube(config, found, tmp_path / name), wanted), name


@pytest.mark.parametrize("grid", GRIDS)
def test_postgresql_counts_the_same(tmp_path: Path, postgres: server.Server, grid: int) -> None:
    config = counting.config(tmp_path)
    frame = counting.frame()
    frame.to_parquet(tmp_path / "rows.parquet")
    query = cube_query(layout_of(config, "postgres SQL", grid), "postgres", "the rows")
    cells = in_postgres(postgres, frame, query)
    assert counting.same(counting.cube(config, cells, tmp_path / "c.parquet"), from_rows(config, grid))


def test_what_psql_writes_is_a_cube(tmp_path: Path, postgres: server.Server) -> None:
    config = counting.config(tmp_path)
    frame = counting.frame(more=100)
    frame.to_parquet(tmp_path / "rows.parquet")
    with postgres.admin() as admin, admin.cursor() as cursor:
        fill(cursor, frame, "CREATE SCHEMA lending; CREATE TABLE lending.holdout")
        (tmp_path / "cube.sql").write_text(cube_query(layout_of(config, "x"), "postgres", "lending.holdout"))
        url = f"postgresql://postgres@/registries?host={postgres.folder}&port={postgres.port}"
        command = ["psql", "--csv", "--file", "cube.sql", "--output", "cube.csv", url]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        cursor.execute(b"DROP SCHEMA lending CASCADE")
    assert (done.returncode, done.stderr) == (0, "")
    _, cells = read_cells(tmp_path / "cube.csv")
    assert counting.same(counting.cube(config, cells, tmp_path / "c.parquet"), from_rows(config))


@pytest.mark.e2e
@pytest.mark.parametrize("grid", GRIDS)
def test_spark_counts_the_same(tmp_path: Path, spark: Any, grid: int) -> None:
    config = counting.config(tmp_path)
    counting.frame().to_parquet(tmp_path / "rows.parquet")
    cells = engines.count_with_spark(tmp_path / "rows.parquet", layout_of(config, "spark", grid))
    assert counting.same(counting.cube(config, cells, tmp_path / "c.parquet"), from_rows(config, grid))


@pytest.mark.e2e
def test_spark_suppresses_the_same_cells(tmp_path: Path, spark: Any) -> None:
    config = counting.config(tmp_path)
    counting.frame().to_parquet(tmp_path / "rows.parquet")
    layout = layout_of(config, "x", 10, 5)
    found = {}
    for name, cells in (
        ("spark", engines.count_with_spark(tmp_path / "rows.parquet", layout)),
        ("pandas", engines.count_here(config, layout)),
    ):
        write_cells(cells, tmp_path / f"{name}.csv")
        found[name] = (tmp_path / f"{name}.csv").read_bytes()
    assert found["spark"] == found["pandas"]


PREDICTED = {"score_column": "prediction_column: spare"}


@pytest.mark.parametrize("changes", [PREDICTED, {"score_column": "score_column: score\n  prediction_column: spare"}])
def test_predictions_instead_of_a_threshold(tmp_path: Path, postgres: server.Server, changes: dict[str, str]) -> None:
    config = counting.config(tmp_path, **changes)
    frame = counting.frame(more=100)
    frame.to_parquet(tmp_path / "rows.parquet")
    wanted, layout = from_rows(config), layout_of(config, "x")
    for cells in (
        engines.count_here(config, layout),
        engines.count_with_duckdb(tmp_path / "rows.parquet", layout),
        in_postgres(postgres, frame, cube_query(layout, "postgres", "the rows")),
    ):
        assert counting.same(counting.cube(config, cells, tmp_path / "c.json"), wanted)


@pytest.mark.parametrize("kind", ["float32", "int64"])
def test_scores_of_other_types(tmp_path: Path, postgres: server.Server, kind: str) -> None:
    config = counting.config(tmp_path, threshold=0.1)
    frame = counting.frame(0.1, 500)
    frame["score"] = frame["score"].round(0 if kind == "int64" else 9).astype(kind)
    frame.to_parquet(tmp_path / "rows.parquet")
    wanted, layout = from_rows(config), layout_of(config, "x")
    assert counting.same(
        counting.cube(config, engines.count_with_duckdb(tmp_path / "rows.parquet", layout), tmp_path / "a.json"), wanted
    )
    cells = in_postgres(postgres, frame, cube_query(layout, "postgres", "the rows"))
    assert counting.same(counting.cube(config, cells, tmp_path / "b.json"), wanted)


def write_csv(path: Path) -> pd.DataFrame:
    frame = counting.frame(more=300)
    frame["sex"] = frame["sex"].fillna("")
    frame["age group"] = frame["age group"].map(lambda v: "NA" if pd.isna(v) else repr(v))
    frame["repaid"] = frame["repaid"].map({0.0: "0", 1.0: "1.0"})
    frame["spare"] = frame["spare"].map({0: "007", 1: 'x,\n"y"'})
    frame.to_csv(path, index=False)
    return frame


def test_duckdb_reads_a_csv_file_as_an_audit_does(tmp_path: Path) -> None:
    config = counting.config(tmp_path, path="ro*ws[1].csv")
    write_csv(tmp_path / "ro*ws[1].csv")
    cells = engines.count_with_duckdb(tmp_path / "ro*ws[1].csv", layout_of(config, "x"))
    assert counting.same(counting.cube(config, cells, tmp_path / "c.json"), from_rows(config))
    assert "None" in set(cells["attribute_1"])


@pytest.mark.e2e
def test_spark_reads_a_csv_file_as_an_audit_does(tmp_path: Path, spark: Any) -> None:
    config = counting.config(tmp_path, path="rows 1.csv")
    write_csv(tmp_path / "rows 1.csv")
    cells = engines.count_with_spark(tmp_path / "rows 1.csv", layout_of(config, "x"))
    assert counting.same(counting.cube(config, cells, tmp_path / "c.json"), from_rows(config))


@pytest.mark.e2e
@pytest.mark.parametrize("content", [b"a,b\n1,2,3\n", b"repaid,score\n1,2,3\n", b"x" * 100])
def test_what_spark_cannot_read_is_one_sentence(tmp_path: Path, spark: Any, content: bytes) -> None:
    layout = layout_of(counting.config(tmp_path), "x")
    for name in ("bad.csv", "bad.parquet", "bad[1].csv"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="Spark cannot count it") as caught:
            engines.count_with_spark(tmp_path / name, layout)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_of_tables(tmp_path: Path, dialect: str) -> None:
    layout = layout_of(counting.config(tmp_path), "x")
    quote = DIALECTS[dialect].quote
    assert f"FROM {quote}a{quote}.{quote}b;{quote * 2} c{quote}" in cube_query(layout, dialect, f"a.b;{quote} c")
    for bad in ("", "a.", ".a", "a\0"):
        with pytest.raises(UserError):
            cube_query(layout, dialect, bad)


def bad_rows(path: Path, column: str, values: list[Any]) -> None:
    frame = counting.frame(more=10)
    frame[column] = frame[column].astype(object)
    frame.loc[range(len(values)), column] = values
    frame.convert_dtypes().to_parquet(path)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("score", [None, None], "2 scores in `score` are not numbers from 0 to 1"),
        ("score", [1.0000001, -1e-9, float("inf")], "3 scores in `score` are not numbers"),
        ("repaid", [None], "1 rows have no label in `repaid`"),
        ("age group", [66.0, 17.0], "2 values of `age group` lie outside its bins"),
    ],
)
def test_rows_that_cannot_be_audited_are_told_and_refused(
    tmp_path: Path, column: str, values: list[Any], words: str
) -> None:
    config = counting.config(tmp_path)
    bad_rows(tmp_path / "rows.parquet", column, values)
    cells = engines.count_with_duckdb(tmp_path / "rows.parquet", layout_of(config, "x", 1000, 1_000_000))
    with pytest.raises(UserError) as caught:
        counting.cube(config, cells, tmp_path / "c.parquet")
    assert words in str(caught.value)
    # However few they are, nobody is told whose they are.
    assert set(cells["attribute_1"]) == {"(missing)"}
    whole = engines.count_with_duckdb(tmp_path / "rows.parquet", layout_of(config, "x"))
    with pytest.raises(UserError, match=re.escape(words)):
        counting.cube(config, whole, tmp_path / "c.parquet")


def test_a_prediction_that_is_no_label_is_refused(tmp_path: Path) -> None:
    config = counting.config(tmp_path, **PREDICTED)
    frame = counting.frame(more=10)
    frame["spare"] = frame["spare"] + 1
    frame.to_parquet(tmp_path / "rows.parquet")
    cells = engines.count_with_duckdb(tmp_path / "rows.parquet", layout_of(config, "x"))
    with pytest.raises(UserError, match=r"predictions in `spare` are neither of the labels 0, 1, such as 2"):
        counting.cube(config, cells, tmp_path / "c.parquet")


def test_small_cells_are_suppressed_at_the_source(tmp_path: Path, postgres: server.Server) -> None:
    config = counting.config(tmp_path)
    frame = counting.frame()
    frame.to_parquet(tmp_path / "rows.parquet")
    for grid in (10, 1000):
        layout = layout_of(config, "x", grid, 5)
        whole = engines.count_here(config, layout_of(config, "x", grid))
        kept = whole[whole["n"] >= 5]
        for i, cells in enumerate((
            engines.count_here(config, layout),
            engines.count_with_duckdb(tmp_path / "rows.parquet", layout),
            in_postgres(postgres, frame, cube_query(layout, "postgres", "the rows")),
        )):  # fmt: skip
            assert len(cells) == len(kept) < len(whole)
            assert set(cells["all_rows"]) <= {len(frame)}
            assert set(cells["all_cells"]) <= {len(whole)}
            if len(kept):
                write_cells(cells, tmp_path / f"{i}.csv")
                assert int(read_cells(tmp_path / f"{i}.csv")[1]["n"].sum()) == int(kept["n"].sum())


@pytest.mark.parametrize("name", ["rows.feather", "rows.jsonl"])
def test_what_an_engine_cannot_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    layout = layout_of(counting.config(tmp_path), "x")
    with pytest.raises(UserError, match=r"--engine duckdb reads \.parquet and \.csv"):
        engines.count_with_duckdb(tmp_path / name, layout)
    with pytest.raises(UserError, match="does not exist"):
        engines.count_with_duckdb(tmp_path / "none.parquet", layout)
    (tmp_path / "bad.parquet").write_bytes(b"x" * 100)
    with pytest.raises(UserError, match="DuckDB cannot count it"):
        engines.count_with_duckdb(tmp_path / "bad.parquet", layout)


@pytest.mark.parametrize(("module", "extra"), [("duckdb", "duckdb"), ("pyspark", "spark")])
def test_an_engine_that_is_not_installed(tmp_path: Path, module: str, extra: str) -> None:
    code = (
        "import sys; sys.modules[sys.argv[1]] = None\n"
        "from glassalpha_action.cli.main import main\n"
        "main(['cube', 'build', '--config', 'audit.yaml', '--engine', sys.argv[2], '--output', 'c.json'])"
    )
    counting.config(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code, module, extra], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"pip install 'glassalpha-action[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.e2e
def test_spark_without_java(tmp_path: Path) -> None:
    counting.config(tmp_path)
    counting.frame(more=10).to_parquet(tmp_path / "rows.parquet")
    code = (
        "from glassalpha_action.cli.main import main\n"
        "main(['cube', 'build', '--config', 'audit.yaml', '--engine', 'spark', '--output', 'c.json'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"JAVA_HOME": str(tmp_path / "nowhere")},
    )
    assert done.returncode == 2
    assert "apt-get install openjdk-17-jre-headless" in done.stderr
    assert "Traceback" not in done.stderr


MEASURED = """
import sys
from pathlib import Path
from glassalpha_action.config import load
from glassalpha_action.load.cubefile import layout_of, write_cells
from glassalpha_action.load.engines import count_with_duckdb
config = load(Path("audit.yaml"))
write_cells(count_with_duckdb(Path(sys.argv[1]), layout_of(config, "duckdb"), "64MB"), Path("duckdb.parquet"))
# VmHWM begins with the program; ru_maxrss would carry over what the process that started it had.
print(int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024)
"""


@pytest.mark.e2e
def test_ten_million_rows_give_one_cube_and_duckdb_keeps_to_its_memory(
    tmp_path: Path, ten_million: Path, spark: Any
) -> None:
    config = counting.config(tmp_path, threshold=0.123456, path=str(ten_million),
                             protected_attributes="protected_attributes: [sex, region]")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(ten_million)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # The rows are far larger than the cap of 64 MB; what else the process holds is Python and its libraries.
    assert ten_million.stat().st_size > 1.2 * 64e6
    assert int(done.stdout) < 400e6
    wanted = engines.count_here(config, layout_of(config, "pandas"))
    in_spark = engines.count_with_spark(ten_million, layout_of(config, "spark"))
    _, in_duckdb = read_cells(tmp_path / "duckdb.parquet")
    assert int(in_duckdb["n"].sum()) == 10_000_000
    here = counting.cube(config, wanted, tmp_path / "here.parquet")
    assert counting.same(counting.cube(config, in_spark, tmp_path / "spark.parquet"), here)
    assert counting.same(counting.cube(config, in_duckdb, tmp_path / "duck.parquet"), here)
