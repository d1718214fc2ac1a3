"""Counts the rows of a file into cells: in this process, by DuckDB out of core, or by Spark."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassalpha_action.config import Config
from glassalpha_action.cube import build
from glassalpha_action.documents import UserError, plain
from glassalpha_action.evidence import Evidence
from glassalpha_action.load import data as rows
from glassalpha_action.load.cubefile import Layout, cells_of, require_unweighted
from glassalpha_action.load.features import weights_of
from glassalpha_action.load.sql import DIALECTS, cube_query
from glassalpha_action.load.subject import columns, wanted_columns
from glassalpha_action.load.table import ABSENT, NUMBER, TRUTHS, column_names, read_table

if TYPE_CHECKING:
    import pandas as pd

VIEW = "audited_rows"
JAVA = "install Java 17, on Debian with `apt-get install openjdk-17-jre-headless`"


def count_here(config: Config, layout: Layout) -> pd.DataFrame:
    """The cells of the rows that `config` names, counted in this process. Raises UserError as their audit would."""
    path, where, data = config.resolve("data", "path"), config.where("data", "path"), config.document.data
    rows.require(config, column_names(path, where), wanted_columns(config))
    table = read_table(path, where, columns(data)).roles
    labels = rows.labels_of(config, table)
    attributes = [rows.attribute_of(config, table, name, how) for name, how in data.protected_attributes.items()]
    rows.check_cells(config, tuple(attributes))
    scores = rows.scores_of(config, table)
    decisions = rows.decisions_of(config, table, labels, scores)
    favorable = labels.favorable_label == labels.positive_label
    threshold = layout.threshold if layout.score else None
    weight = weights_of(config, table)
    evidence = Evidence(labels.positive, decisions, scores, tuple(attributes), favorable, threshold, weight)
    return cells_of(build(evidence, layout.grid), labels, layout)


def count_with_duckdb(path: Path, layout: Layout, memory: str | None = None) -> pd.DataFrame:
    """The cells of the table at `path` (.parquet, .csv), counted by DuckDB within `memory` (such as "512MB").

    Raises UserError where DuckDB is not installed or cannot read the file.
    """
    try:
        import duckdb
    except ImportError:
        raise _not_installed("duckdb", "DuckDB") from None
    reader = {
        ".parquet": "read_parquet({0}, hive_partitioning = false)",
        ".csv": "read_csv({0}, header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true,"
        " nullstr = '', hive_partitioning = false)",
    }
    require_unweighted(layout, "--engine duckdb")
    source = _readable(path, reader, "duckdb").format(_literal(re.sub(r"([*?\[])", r"[\1]", path.as_posix())))
    with tempfile.TemporaryDirectory() as spill:
        # preserve_insertion_order would keep rows in memory for an order that counts do not have.
        settings: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": spill,
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
        }
        if memory:
            settings["memory_limit"] = memory
        try:
            with duckdb.connect(config=settings) as connection:
                connection.execute("SET enable_progress_bar = false")
                return _counted("duckdb", path, layout, source, lambda sql: connection.execute(sql).df())
        except duckdb.Error as error:
            raise _failed("DuckDB", path, error) from None


def count_with_spark(path: Path, layout: Layout) -> pd.DataFrame:
    """The cells of the table at `path` (.parquet, .csv), counted by Spark: the session at hand, else a local one.

    Raises UserError where Spark or Java is not installed, or Spark cannot read the file.
    """
    require_unweighted(layout, "--engine spark")
    with warnings.catch_warnings():
        # It warns of every pandas it was not tried with; rows come over without pandas.
        warnings.simplefilter("ignore", FutureWarning)
        return _spark_cells(path, layout)


def _spark_cells(path: Path, layout: Layout) -> pd.DataFrame:
    try:
        import py4j.protocol  # type: ignore[import-untyped]
        import pyspark.errors
    except ImportError:
        raise _not_installed("spark", "Spark") from None
    reader = {".parquet": "parquet", ".csv": "csv"}
    kind = _readable(path, reader, "spark")
    try:
        with spark_session() as session:
            reading = session.read.format(kind)
            if kind == "csv":
                options = {"header": True, "mode": "FAILFAST", "multiLine": True, "escape": '"', "nullValue": ""}
                names = map(DIALECTS["spark"].name, column_names(path, path.as_posix()))
                reading = reading.options(**options).schema(", ".join(f"{name} STRING" for name in names))
            place = re.sub(r"([*?\[\]{}\\])", r"\\\1", path.resolve().as_posix())
            reading.load(place).createOrReplaceTempView("files")
            return _counted("spark", path, layout, "files", lambda sql: _collected(session, sql))
    except pyspark.errors.PySparkException as error:
        if "JAVA" in str(error.getCondition()):
            raise UserError(f"Spark cannot start without Java; {JAVA}.") from None
        raise _failed("Spark", path, error) from None
    except py4j.protocol.Py4JError as error:
        raise _failed("Spark", path, error) from None


def _counted(
    dialect: str,
    path: Path,
    layout: Layout,
    source: str,
    fetch: Callable[[str], pd.DataFrame],
) -> pd.DataFrame:
    """The cells of `source`, what the dialect reads the file by; the columns of a CSV file take their types first."""
    kept = ", ".join(_typed(dialect, layout, source, fetch)) if path.suffix.lower() == ".csv" else "*"
    fetch(f"CREATE OR REPLACE TEMPORARY VIEW {VIEW} AS SELECT {kept} FROM {source}")  # noqa: S608
    return fetch(cube_query(layout, dialect, VIEW))


def _typed(dialect: str, layout: Layout, source: str, fetch: Callable[[str], pd.DataFrame]) -> Iterator[str]:
    """The columns an audit needs, of a table of text: those all of numbers or all of truths as such."""
    use = DIALECTS[dialect]
    matches = {"duckdb": "regexp_full_match({0}, {1})", "spark": "{0} RLIKE concat('^(?:', {1}, ')$')"}[dialect]
    cut = [use.name(a.name) for a in layout.attributes if a.bins]
    words = [layout.target, *([layout.prediction] if layout.prediction else [])]
    words = list(dict.fromkeys([*words, *(a.name for a in layout.attributes if not a.bins)]))
    number, truths = use.literal(NUMBER), ", ".join(use.literal(word) for word in TRUTHS)
    asked = []
    for i, column in enumerate(map(use.name, words)):
        asked += [
            f"bool_and({matches.format(column, number)}) AS number_{i}",
            f"bool_and({column} IN ({truths})) AS truth_{i}",
        ]
    found = fetch(f"SELECT {', '.join(asked)} FROM {source}").iloc[0]  # noqa: S608
    for i, column in enumerate(map(use.name, words)):
        if found[f"number_{i}"] is not None and bool(found[f"number_{i}"]):
            yield f"CAST({column} AS DOUBLE) AS {column}"
        else:
            truth = found[f"truth_{i}"] is not None and bool(found[f"truth_{i}"])
            yield f"CAST({column} AS BOOLEAN) AS {column}" if truth else column
    absent = ", ".join(use.literal(word) for word in sorted(ABSENT))
    yield from (
        f"CASE WHEN {column} IN ({absent}) THEN NULL ELSE {column} END AS {column}" for column in dict.fromkeys(cut)
    )
    if layout.score:
        yield use.name(layout.score)


@contextmanager
def spark_session() -> Iterator[Any]:
    """The session that is active, else one on this machine (or as spark-submit says) that ends with the block."""
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    quiet: dict[str, str | bool | int | float | None] = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        # Else a column of pandas' timestamps, though nobody asks for it, makes a whole file unreadable.
        "spark.sql.legacy.parquet.nanosAsLong": "true",
    }
    session = SparkSession.builder.appName("glassalpha").config(map=quiet).getOrCreate()
    try:
        yield session
    finally:
        session.stop()


def _collected(session: Any, sql: str) -> pd.DataFrame:
    import pandas as pd

    found = session.sql(sql)
    return pd.DataFrame([tuple(row) for row in found.collect()], columns=found.columns)


def _readable(path: Path, known: Mapping[str, str], engine: str) -> str:
    if not path.is_file():
        raise UserError(f"the data file {path.as_posix()} does not exist; check the path.")
    if path.suffix.lower() not in known:
        raise UserError(f"--engine {engine} reads {' and '.join(known)}, not {path.name}; use --engine pandas.")
    return known[path.suffix.lower()]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _not_installed(extra: str, name: str) -> UserError:
    return UserError(f"{name} is not installed; install it with `pip install 'glassalpha-action[{extra}]'`.")


def _failed(engine: str, path: Path, error: Exception) -> UserError:
    said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return UserError(f"{path.as_posix()}: {engine} cannot count it: {plain(said, 300)}")
