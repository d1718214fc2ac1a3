"""Tables from disk: the columns first, words as words, and one sentence for what cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.load import data
from glassalpha_action.load.table import Table, Wanted, column_names, read_table


def read(folder: Path, content: bytes, name: str = "rows.csv", wanted: Wanted | None = None) -> Table:
    path = folder / name
    path.write_bytes(content)
    names = column_names(path, "audit.yaml:8")
    return read_table(path, "audit.yaml:8", wanted or Wanted((), tuple(names)))


def refused(folder: Path, content: bytes, name: str = "rows.csv") -> str:
    with pytest.raises(UserError) as caught:
        read(folder, content, name)
    said = str(caught.value)
    assert caught.value.exit_code == 2
    assert said.startswith("audit.yaml:8: ")
    assert said.isprintable()
    return said


FRAME = pd.DataFrame({"repaid": [1, 0], "score": [0.9, 0.1], "sex": ["m", None], "income": [1.5, None]})
WRITERS = {
    "csv": lambda path: FRAME.to_csv(path, index=False),
    "parquet": FRAME.to_parquet,
    "feather": FRAME.to_feather,
    "jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True),
}
WANTED = Wanted(("repaid", "sex"), ("score",), ("income",))


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.feather", "rows.jsonl", "ROWS.CSV"])
def test_each_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name.lower().rpartition(".")[2]](path)
    assert column_names(path, "x") == ["repaid", "score", "sex", "income"]
    table = read_table(path, "x", WANTED)
    assert list(table.roles) == ["repaid", "sex", "score"]
    assert list(table.features) == ["income"]
    assert data.coded(table.roles["repaid"]).levels == ("0", "1")
    assert data.coded(table.roles["sex"]).codes.tolist() == [0, -1]
    assert table.roles["score"].tolist() == [0.9, 0.1]
    assert table.features["income"].isna().tolist() == [False, True]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert list(read(tmp_path, b"\xef\xbb\xbfrepaid,score\n1,0.5\n").roles) == ["repaid", "score"]


WORDS = ["None", "NA", "N/A", "null", "NULL", "nan", "NaN", "n/a", "#N/A", "<NA>", ""]


def test_words_that_pandas_takes_for_missing_are_levels(tmp_path: Path) -> None:
    content = "race,income\n" + "".join(f"{word},{word}\n" for word in [*WORDS, "x"])
    table = read(tmp_path, content.encode(), wanted=Wanted(("race",), (), ("income",)))
    found = data.coded(table.roles["race"])
    assert set(found.levels) == {*WORDS, "x"} - {""}
    assert (found.codes < 0).tolist() == [word == "" for word in [*WORDS, "x"]]
    assert table.features["income"].isna().tolist() == [True] * len(WORDS) + [False]


def test_a_column_that_is_a_level_and_a_feature_is_read_as_each(tmp_path: Path) -> None:
    table = read(tmp_path, b"race,age\nNone,30\n,31\nx,\n", wanted=Wanted(("race", "age"), (), ("race", "age")))
    assert data.coded(table.roles["race"]).levels == ("None", "x")
    assert table.features["race"].isna().tolist() == [True, True, False]
    assert data.coded(table.roles["age"]).levels == ("30", "31")
    assert table.features["age"].tolist()[:2] == [30.0, 31.0]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (["1", "0", "1.0", "01"], ("0", "1")),
        (["1", "1.0", "f"], ("1", "1.0", "f")),
        (["true", "FALSE", "True"], ("False", "True")),
        (["true", "0"], ("0", "true")),
        (["0.5", "5e-1", ""], ("0.5",)),
        (["nan", "1"], ("1", "nan")),
        (["1_0", "10"], ("10", "1_0")),
        (["9007199254740993", "9007199254740992"], ("9007199254740992", "9007199254740993")),
        (["", ""], ()),
    ],
)
def test_text_is_a_number_only_where_the_whole_column_is(
    tmp_path: Path, values: list[str], levels: tuple[str, ...]
) -> None:
    content = "a,b\n" + "".join(f"{value},0\n" for value in values)
    assert data.coded(read(tmp_path, content.encode(), wanted=Wanted(("a",))).roles["a"]).levels == levels


def test_a_score_is_the_double_nearest_to_what_is_written(tmp_path: Path) -> None:
    scores = [*np.random.default_rng(0).uniform(size=2_000).tolist(), 0.1, 0.3, float(np.nextafter(0.3, 0))]
    content = "score\n" + "".join(f"{score!r}\n" for score in scores)
    assert read(tmp_path, content.encode()).roles["score"].tolist() == scores


def test_missing_columns_are_named_before_a_row_is_read(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "rows.parquet")
    content = bytearray((tmp_path / "rows.parquet").read_bytes())
    content[4:40] = bytes(36)
    (tmp_path / "rows.parquet").write_bytes(content)
    assert column_names(tmp_path / "rows.parquet", "x") == list(FRAME)


def test_the_index_that_pandas_keeps_is_no_column(tmp_path: Path) -> None:
    FRAME.set_index(pd.Index([7, 3])).to_parquet(tmp_path / "rows.parquet")
    FRAME.set_index("sex").to_parquet(tmp_path / "named.parquet")
    assert column_names(tmp_path / "rows.parquet", "x") == list(FRAME)
    assert "sex" in column_names(tmp_path / "named.parquet", "x")
    assert data.coded(read_table(tmp_path / "named.parquet", "x", WANTED).roles["sex"]).levels == ("m",)


def test_text_from_parquet_comes_as_codes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": ["x", "y", None, "x"] * 1000, "b": pd.Categorical(["q", "r", "q", None] * 1000)})
    for name in ("rows.parquet", "rows.feather"):
        frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_feather(tmp_path / name)
        table = read_table(tmp_path / name, "x", Wanted(("a", "b")))
        assert [str(kind) for kind in table.roles.dtypes] == ["category", "category"]
        assert data.coded(table.roles["a"]).codes[:4].tolist() == [0, 1, -1, 0]
        assert data.coded(table.roles["b"]).levels == ("q", "r")


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
@pytest.mark.parametrize("value", [[1, 2], {"a": 1}])
def test_lists_and_records_are_no_levels(tmp_path: Path, name: str, value: object) -> None:
    frame = pd.DataFrame({"sex": [value] * 3, "y": [0, 1, 0]})
    frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_feather(tmp_path / name)
    with pytest.raises(UserError, match="its column sex holds lists or records, not one value for each row"):
        read_table(tmp_path / name, "x", Wanted(("sex", "y")))
    assert len(read_table(tmp_path / name, "x", Wanted(("y",))).roles) == 3


def parquet(folder: Path) -> bytes:
    FRAME.to_parquet(folder / "whole.parquet")
    return (folder / "whole.parquet").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"\n\n", "cannot be read as csv"),
        ("rows.csv", b"repaid,score\n", "holds no rows"),
        ("rows.csv", "a,b\ncaf\u00e9,1\n".encode("latin-1"), "not UTF-8"),
        ("rows.csv", "a,b\n1,1\n".encode("utf-16"), "not UTF-8"),
        ("rows.csv", b'a,b\n"1,2\n', "cannot be read as csv"),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n", "cannot be read as csv"),
        ("rows.csv", b"repaid,score\n0,1,0.9\n1,0,0.1\n", "more fields than its header"),
        ("rows.csv", b"repaid,sex,score,sex\n0,f,0.9,m\n", "two columns called sex"),
        ("rows.parquet", b"not a parquet file", "cannot be read as parquet"),
        ("rows.feather", b"not a feather file", "cannot be read as feather"),
        ("rows.jsonl", b'{"a": 1}\n{"a": \n', "cannot be read as jsonl"),
        ("rows.jsonl", b"\n", "rows.jsonl"),
        ("rows.xlsx", b"PK", "no known data format"),
        ("rows", b"a\n1\n", "no known data format"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    assert words in refused(tmp_path, content, name)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95, 0.999])
def test_a_truncated_parquet_file(tmp_path: Path, share: float) -> None:
    whole = parquet(tmp_path)
    assert "cannot be read as parquet" in refused(tmp_path, whole[: int(len(whole) * share)], "cut.parquet")


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    FRAME.to_feather(tmp_path / "whole.feather")
    for name, whole in (
        ("d.parquet", parquet(tmp_path)),
        ("d.feather", (tmp_path / "whole.feather").read_bytes()),
        ("d.csv", FRAME.to_csv(index=False).encode()),
        ("d.jsonl", FRAME.to_json(orient="records", lines=True).encode()),
    ):
        content = bytearray(whole)
        for at in draw.integers(0, len(content), 4):
            content[at] = int(draw.integers(0, 256))
        said = ""
        try:
            read(tmp_path, bytes(content), name)
        except UserError as error:
            said = str(error)
        assert not said or said.isprintable()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^here: the data file .*none\.csv does not exist; check the path\.$"):
        column_names(tmp_path / "none.csv", "here")
    with pytest.raises(UserError, match="does not exist"):
        column_names(tmp_path, "here")


MEASURED = """
import json, sys
from pathlib import Path
from glassalpha_action.cli.audit import run
found = run(Path(sys.argv[1]), as_of="2025-01-05", policy=sys.argv[2])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([found.data.rows, int(peak.split()[1]) / 1024]))
"""


@pytest.mark.e2e
def test_ten_million_rows_are_audited_within_two_gigabytes(tmp_path: Path, ten_million: Path) -> None:
    from tests.workspace import CONFIG, make

    config = make(tmp_path, CONFIG.replace("rows.csv", str(ten_million)).replace("[sex]", "[sex, region]"))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(config), str(tmp_path / "policy.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows, megabytes = json.loads(done.stdout.splitlines()[-1])
    assert rows == 10_000_000
    assert megabytes <= 1_500
