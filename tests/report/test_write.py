from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit
from glassalpha_action.report import FORMATS, write
from tests import samples

MAGIC = {".html": b"<!doctype html>", ".pdf": b"%PDF-", ".md": b"# ", ".json": b"{"}


@pytest.mark.parametrize("ending", [*FORMATS, ".HTML"])
def test_the_ending_chooses_the_format(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "new" / f"report{ending}"
    write(samples.audit(), path)
    assert path.read_bytes().startswith(MAGIC[ending.lower()])


def test_the_record_reads_back(tmp_path: Path) -> None:
    write(samples.audit(), tmp_path / "a.json")
    assert Audit.model_validate_json((tmp_path / "a.json").read_bytes()) == samples.audit()


@pytest.mark.parametrize("name", ["report.docx", "report", ".html.bak"])
def test_an_unknown_ending_names_the_known_and_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"\.html, \.pdf, \.md, \.json"):
        write(samples.audit(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
