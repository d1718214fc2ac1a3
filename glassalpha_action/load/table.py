"""Reads tables from disk: the columns that are there first, then only those an audit needs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassalpha_action.documents import UserError, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

# What pandas takes for a missing number or feature; in columns of labels and levels such a word is a word.
ABSENT = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
})  # fmt: skip
NUMBER = "[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)?"
TRUTHS: Mapping[str, bool] = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns to read: `words` hold labels and levels, `numbers` scores and what is cut into levels.

    `features` are read as pandas reads them; a column may be among them and among the words. `ids` stay as they are
    written: 007 is not 7.
    """

    words: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    @property
    def roles(self) -> list[str]:
        """Words, numbers and ids, each once."""
        return list(dict.fromkeys((*self.words, *self.numbers, *self.ids)))


@dataclass(frozen=True, slots=True)
class Table:
    """What was read: a column for each role, and the features, of the same rows in the same order."""

    roles: pd.DataFrame
    features: pd.DataFrame


def column_names(path: Path, where: str) -> list[str]:
    """The columns of the table at `path` (.csv, .parquet, .feather, .jsonl), without reading its rows.

    `where` is what errors point at. Raises UserError for a file that is absent, empty, unreadable, or of another kind.
    """
    with _plainly(path, where):
        names = [str(name) for name in _format(path, where).columns(path)]
    if twice := next((n for i, n in enumerate(names) if n in names[:i]), None):
        raise UserError(f"{where}: {path.as_posix()} has two columns called {plain(twice, 200)}; rename one of them.")
    return names


def read_table(path: Path, where: str, wanted: Wanted) -> Table:
    """The wanted columns of the table at `path`, all of which `column_names` must have named.

    Raises UserError as `column_names` does, and for a table without rows.
    """
    with _plainly(path, where):
        table = _format(path, where).read(path, wanted)
    if not len(table.roles):
        raise UserError(f"{where}: {path.as_posix()} holds no rows; write the held-out rows to it.")
    return table


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one kind are read."""

    columns: Callable[[Path], Collection[str]]
    read: Callable[[Path, Wanted], Table]


def _format(path: Path, where: str) -> Format:
    if not path.is_file():
        raise UserError(f"{where}: the data file {path.as_posix()} does not exist; check the path.")
    if path.stat().st_size == 0:
        raise UserError(f"{where}: the data file {path.as_posix()} is empty; write the held-out rows to it.")
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise UserError(f"{where}: {path.name} has no known data format; known are {', '.join(FORMATS)}.")
    return found


@contextmanager
def _plainly(path: Path, where: str) -> Iterator[None]:
    """Reading errors as one sentence each."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except pd.errors.ParserWarning:
        raise UserError(
            f"{where}: the rows of {path.as_posix()} have more fields than its header; correct the header."
        ) from None
    except ImportError:
        raise UserError(
            f"{where}: reading {path.suffix} needs pyarrow; install it with `pip install 'glassalpha-action[parquet]'`."
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{where}: {path.as_posix()} is not UTF-8 text; save it as UTF-8.") from None
    except (ValueError, OSError, pd.errors.ParserError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise UserError(
            f"{where}: {path.as_posix()} cannot be read as {path.suffix[1:]}: {plain(said, 200)}."
        ) from None


def _csv_columns(path: Path) -> list[str]:
    import pandas as pd

    first = pd.read_csv(path, encoding="utf-8-sig", header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    return [name or f"Unnamed: {i}" for i, name in enumerate(first)]


def _csv(path: Path, wanted: Wanted) -> Table:
    """All columns are parsed, for only then does pandas refuse rows with more fields than the header."""
    import pandas as pd

    names = _csv_columns(path)
    words = [name for name in wanted.words if name not in wanted.features]
    texts = [*words, *wanted.ids]
    absent = {name: [""] if name in texts else sorted(ABSENT) for name in names}
    how: dict[str, Any] = {"encoding": "utf-8-sig", "keep_default_na": False}
    if pd.__version__.startswith(("2.", "3.0.")):
        # Scores must be the nearest double to what is written, which older versions give only when asked.
        how["float_precision"] = "round_trip"
    whole = pd.read_csv(
        path, index_col=False, low_memory=False, na_values=absent, dtype=dict.fromkeys(texts, str), **how
    )
    features = whole[list(wanted.features)]
    roles = whole[[name for name in wanted.roles if name not in wanted.features or name in wanted.numbers]].copy()
    if again := [name for name in wanted.words if name in wanted.features]:
        read = pd.read_csv(path, usecols=again, dtype=str, na_values=[""], **how)
        roles[again] = read[again]
    for name in wanted.words:
        roles[name] = _as_written(roles[name])
    return Table(roles[wanted.roles], features)


def _as_written(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of text as levels: all numbers or all truths as such (1, 1.0 and 01 are one), else as it stands."""
    import pandas as pd

    codes, values = pd.factorize(column)
    texts = [str(value) for value in values]
    levels: Sequence[object] = texts
    if all(re.fullmatch(NUMBER, text) for text in texts):
        levels = [_number(text) for text in texts]
    elif all(text in TRUTHS for text in texts):
        levels = [str(TRUTHS[text]) for text in texts]
    unique = list(dict.fromkeys(levels))
    place = {level: i for i, level in enumerate(unique)}
    import numpy as np

    lookup = np.array([*(place[level] for level in levels), -1], dtype=np.int32)
    return pd.Series(pd.Categorical.from_codes(lookup[codes], categories=pd.Index(unique, dtype=object)))


def _number(text: str) -> object:
    return int(text) if re.fullmatch(r"[-+]?[0-9]{1,300}", text) else float(text)


def _parquet_columns(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    return _named(_arrow(lambda: pq.read_schema(path)))


def _parquet(path: Path, wanted: Wanted) -> Table:
    import pandas as pd
    import pyarrow.parquet as pq

    def read() -> Any:
        _require_flat(pq.read_schema(path), wanted.roles)
        with pq.ParquetFile(path, read_dictionary=list(wanted.words)) as file:
            return file.read(columns=wanted.roles)

    features = pd.read_parquet(path, columns=list(wanted.features)) if wanted.features else None
    return _from_arrow(_arrow(read), wanted, features)


def _feather_columns(path: Path) -> list[str]:
    import pyarrow as pa
    from pyarrow import ipc

    def schema() -> Any:
        with pa.memory_map(str(path)) as file:
            return ipc.open_file(file).schema

    return _named(_arrow(schema))


def _feather(path: Path, wanted: Wanted) -> Table:
    import pandas as pd
    import pyarrow.feather

    def read() -> Any:
        table = pyarrow.feather.read_table(path, columns=wanted.roles)
        _require_flat(table.schema, wanted.roles)
        return table

    features = pd.read_feather(path, columns=list(wanted.features)) if wanted.features else None
    return _from_arrow(_arrow(read), wanted, features)


def _require_flat(schema: Any, names: Sequence[str]) -> None:
    """Raise ValueError for a column of lists or records, which are no values to count."""
    import pyarrow as pa

    if nested := next((name for name in names if pa.types.is_nested(schema.field(name).type)), None):
        raise ValueError(f"its column {nested} holds lists or records, not one value for each row")


def _named(schema: Any) -> list[str]:
    """The columns of an Arrow schema, but the index that pandas wrote beside them."""
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    hidden = {name for name in index if isinstance(name, str) and name.startswith("__index_level_")}
    return [name for name in schema.names if name not in hidden]


def _from_arrow(table: Any, wanted: Wanted, features: pd.DataFrame | None) -> Table:
    """Words come as categories, each value a small code; columns are given up as they are taken over."""
    import pandas as pd
    import pyarrow as pa

    column = None
    for name in wanted.words:
        column = table.column(name)
        kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer)
        if any(kind(column.type) for kind in kinds):
            table = table.set_column(table.schema.get_field_index(name), name, column.dictionary_encode())
    frame = table.to_pandas(ignore_metadata=True, split_blocks=True, self_destruct=True)
    del table, column
    pa.default_memory_pool().release_unused()
    if features is None:
        features = pd.DataFrame(index=frame.index)
    return Table(frame[wanted.roles], features.reset_index(drop=True))


def _arrow(read: Callable[[], Any]) -> Any:
    """What `read` gives; Arrow's own errors, some of which are neither ValueError nor OSError, as ValueError."""
    import pyarrow as pa

    try:
        return read()
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None


def _json(path: Path, ids: Sequence[str] = ()) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_json(path, lines=True, encoding="utf-8-sig", dtype=dict.fromkeys(ids, object) or True)
    table.columns = [str(name) for name in table.columns]
    return table


def _jsonl(path: Path, wanted: Wanted) -> Table:
    table = _json(path, wanted.ids)
    return Table(table[wanted.roles], table[list(wanted.features)])


FORMATS: Mapping[str, Format] = {
    ".csv": Format(_csv_columns, _csv),
    ".parquet": Format(_parquet_columns, _parquet),
    ".feather": Format(_feather_columns, _feather),
    ".jsonl": Format(lambda path: _json(path).columns, _jsonl),
}
