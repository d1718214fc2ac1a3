"""The registry in CPU seconds at 10,000 real audits: filling it, adding to it, listing it and verifying it."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.audits import audits
from glassalpha_action.records import sha256
from glassalpha_action.registry import Registry, connect, packing, rows

AUDITS = 10_000
NOW = "2025-01-06T08:30:00Z"
SUBMIT = (
    "import sys; from glassalpha_action.records import Audit; from glassalpha_action.registry import connect; "
    "audit = Audit.model_validate_json(open(sys.argv[2]).read()); registry = connect(sys.argv[1]); "
)


def contents(models: int) -> Iterator[bytes]:
    """The records of AUDITS audits of as many `models`, each on a day of its own."""
    for audit in audits(AUDITS, models):
        yield rows.audit_entry(audit, "main", NOW, {}, None).content


def cpu(work: Callable[[], object], repeats: int = 1) -> float:
    """The least CPU seconds that `work` takes."""
    found = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


def floor(file: Path, records: list[bytes]) -> None:
    """What no registry can do without: read each record's JSON, take its digest, compress it, and put it in a table."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE records (digest TEXT, content BLOB)")
        database.executemany("INSERT INTO records VALUES (?, ?)", map(plainly, records))


def plainly(record: bytes) -> tuple[str, bytes]:
    """A record as the floor keeps it."""
    json.loads(record)
    return sha256(record), zlib.compress(record, packing.LEVEL)


def append_beyond_start_up(file: Path) -> float:
    """CPU seconds of a process that adds one audit to `file`, beyond one that reads it and opens the registry only."""
    given = file.with_suffix(".audit.json")
    new = audits(6, 6, named="new")
    spent = []
    for code in (SUBMIT, SUBMIT + f"registry.submit(audit, recorded_at={NOW!r})"):
        found = []
        for _ in range(3):
            given.write_bytes(next(new).to_json())
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code, str(file), str(given)], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        spent.append(min(found))
    return spent[1] - spent[0]


def measure(file: Path, models: int) -> Iterator[tuple[str, float, float | None]]:
    """What each kind of work on `file` costs, and its budget where it has one."""
    records = list(contents(models))
    yield "a record's JSON, kB", sum(map(len, records)) / len(records) / 1e3, None
    yield "compressed by itself, kB", sum(len(zlib.compress(one)) for one in records[:200]) / 200 / 1e3, None
    start = time.process_time()
    floor(file.with_suffix(".floor"), records)
    yield "floor: plain json, digest, zlib, insert", time.process_time() - start, None
    start = time.process_time()
    registry: Registry = connect(file, create=True)
    registry.append_records(records)
    yield "fill from records", time.process_time() - start, 5.0
    del records
    with registry:
        yield "list the latest audit of each model", cpu(registry.query_all, 3), 0.1
        yield "list every audit", cpu(lambda: registry.query_all(latest=False), 3), None
        yield "failed gates", cpu(registry.query_failed_gates_summary, 3), None
        yield "one metric over time", cpu(lambda: registry.query_metric("roc_auc")), None
        yield "verify digests, chain and rows", cpu(registry.verify), None
    yield "add one audit, beyond start-up", append_beyond_start_up(file), 0.1


def run() -> None:
    """Measure an SQLite file of many models, and one of many audits a model."""
    print(f"{'SQLite, ' + format(AUDITS, ',') + ' audits':<40} {'models':>7} {'CPU s':>7} {'budget':>7}")
    for models in (AUDITS, AUDITS // 20):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model_registry.db"
            for name, figure, budget in measure(file, models):
                print(f"{name:<40} {models:>7,} {figure:>7.3f} {budget if budget is not None else '':>7}", flush=True)
            print(f"{'size of the file, kB an audit':<40} {models:>7,} {file.stat().st_size / 1e3 / AUDITS:>7.1f}")


if __name__ == "__main__":
    run()
