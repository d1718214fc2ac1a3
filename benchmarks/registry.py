"""The registry in CPU seconds at 10,000 audits: filling it, adding to it, listing it and verifying it.

Two sizes of audit are filled in, both as the pipeline makes them. The 5 seconds for 10,000 were set for records that
take 1.6 kB of packed history; the small ones, of labels and scores alone, take half as much again and are held to it. A
whole audit of the example, with every metric, group and curve, is several times as large: it is held against the
floor, which is what reading, digesting, compressing and inserting the same bytes takes with the standard library and
without any registry.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import starmap
from pathlib import Path
from typing import NamedTuple

from benchmarks.audits import audits, example, small
from glassalpha_action.digests import sha256
from glassalpha_action.records import Audit
from glassalpha_action.registry import connect, rows

AUDITS = 10_000
NOW = "2025-01-06T08:30:00Z"
SUBMIT = (
    "import sys; from glassalpha_action.records import Audit; from glassalpha_action.registry import connect; "
    "audit = Audit.model_validate_json(open(sys.argv[2]).read()); registry = connect(sys.argv[1]); "
)


class Figure(NamedTuple):
    """What was measured, in its unit, and what it may be at most."""

    name: str
    value: float
    unit: str
    budget: float | None = None


def written(models: int, like: Audit) -> Iterator[tuple[bytes, Mapping[str, bytes]]]:
    """The records of AUDITS audits of as many `models`, each on a day of its own, with the parts that they name."""
    for audit in audits(AUDITS, models, like=like):
        entry = rows.audit_entry(audit, "main", NOW, {}, None)
        yield entry.content, entry.parts


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
    return sha256(record), zlib.compress(record, 1)


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


def filled(file: Path, models: int, like: Audit, budget: float | None) -> Iterator[Figure]:
    """Make a registry of such audits, and say what it costs."""
    records = list(written(models, like))
    yield Figure("a record, as JSON", sum(len(content) for content, _ in records) / AUDITS / 1e3, "kB")
    compressed = sum(len(zlib.compress(content)) for content, _ in records[:200]) / 200e3
    yield Figure("a record, compressed by itself", compressed, "kB")
    least = cpu(lambda: floor(file.with_suffix(".floor"), [content for content, _ in records]))
    yield Figure("floor: json, digest, zlib, insert", least, "s")
    with connect(file, create=True) as registry:
        spent = cpu(lambda: registry.append_records(starmap(rows.read_entry, records)))
    yield Figure("fill the registry", spent, "s", budget)
    yield Figure("fill the registry, as a multiple of the floor", spent / least, "x")
    yield Figure("size of the file, by record", file.stat().st_size / 1e3 / AUDITS, "kB")


def used(file: Path) -> Iterator[Figure]:
    """What the work on a registry costs that is filled."""
    with connect(file) as registry:
        yield Figure("list the latest audit of each model", cpu(registry.query_all, 3), "s", 0.1)
        yield Figure("list every audit", cpu(lambda: registry.query_all(latest=False), 3), "s")
        yield Figure("failed gates", cpu(registry.query_failed_gates_summary, 3), "s")
        yield Figure("one metric over time", cpu(lambda: registry.query_metric("roc_auc")), "s")
        yield Figure("verify digests, chain and rows", cpu(registry.verify), "s")
    yield Figure("add one audit, beyond start-up", append_beyond_start_up(file), "s", 0.1)


def show(title: str, figures: Iterator[Figure]) -> None:
    """Print each figure as it comes."""
    print(f"{title:<50} {'figure':>11} {'budget':>9}")
    for one in figures:
        budget = "" if one.budget is None else f"<= {one.budget:g} {one.unit}"
        print(f"  {one.name:<48} {one.value:>8.3f} {one.unit:<2} {budget:>9}", flush=True)


def run() -> None:
    """Small audits, then whole ones: of a model each, and twenty of a model."""
    sizes = (
        (small(), "small", AUDITS, 5.0),
        (example(), "whole", AUDITS, None),
        (example(), "whole", AUDITS // 20, None),
    )
    print("SQLite, CPU seconds")
    for like, size, models, budget in sizes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model_registry.db"
            show(f"{AUDITS:,} {size} audits of {models:,} models", filled(file, models, like, budget))
            if like is not small():
                show("the same registry in use", used(file))


if __name__ == "__main__":
    run()
