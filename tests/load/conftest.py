from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def write_rows(path: Path, n: int, seed: int = 0) -> Path:
    """`n` rows in pieces: two attributes of text, a calibrated score that often lies on an edge, and its outcome."""
    draw = np.random.default_rng(seed)
    writer = None
    for start in range(0, n, 1_000_000):
        m = min(1_000_000, n - start)
        score = draw.beta(2, 5, m)
        score[::97] = np.round(score[::97], 3)
        score[::9973] = np.nextafter(np.round(score[::9973], 3), 0)
        score[::99991] = 1.0
        score[1::99991] = 0.0
        columns = {
            "repaid": (draw.random(m) < score).astype(np.int64),
            "score": np.clip(score, 0, 1),
            "sex": np.array(["female", "male"], object)[draw.integers(0, 2, m)],
            "region": np.array(["north", "south", "east", "west", None], object)[draw.integers(0, 5, m)],
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


@pytest.fixture(scope="session")
def ten_million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten million rows as Parquet."""
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.parquet", 10_000_000)
