from __future__ import annotations

from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.load import dataset


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [
        ("race", "C & (missing)", "`race` has a level `C & (missing)`, which reads as a missing value"),
        ("sex & age", "x", "the name `sex & age` holds ` & `"),
    ],
)
def test_names_that_would_be_taken_for_something_else(tmp_path: Path, name: str, level: str, words: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"{name},y\na,1\n{level},0\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        dataset.load(path, target="y", protected=[name], positive=None, as_of="2025-01-05")
    assert str(caught.value).startswith("--protected: ")
    assert words in str(caught.value)
