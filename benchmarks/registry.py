"""The registry in CPU seconds at 10,000 audits: filling it, adding to it, listing it and verifying it."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

from glassalpha_action.policy.rejudge import rejudge
from glassalpha_action.records import sealed
from glassalpha_action.registry import Registry, connect, rows
from tests.registry import judged

AUDITS = 10_000
NOW = "2025-01-06T08:30:00Z"
SUBMIT = (
    "import sys; from glassalpha_action.records import Audit; from glassalpha_action.registry import connect; "
    "audit = Audit.model_validate_json(open(sys.argv[2]).read()); registry = connect(sys.argv[1]); "
)


def contents(models: int) -> Iterator[bytes]:
    """The records of AUDITS audits of as many `models`, each on a day of its own."""
    base = judged.audit()
    for k in range(AUDITS):
        day = (date(1990, 1, 1) + timedelta(days=k // models)).isoformat()
        model = base.model.model_copy(update={"id": f"model_{k % models}"})
        provenance = base.provenance.model_copy(update={"as_of": day})
        audit = sealed(base.model_copy(update={"model": model, "provenance": provenance}))
        yield rows.audit_entry(audit, "main", NOW, {}, None).content


def cpu(work: Callable[[], object], repeats: int = 1) -> float:
    """The least CPU seconds that `work` takes."""
    found = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


def append_beyond_start_up(file: Path) -> float:
    """CPU seconds of a process that adds one audit to `file`, beyond one that reads it and opens the registry only."""
    audit = file.with_suffix(".audit.json")
    spent = []
    for k, code in enumerate((SUBMIT, SUBMIT + f"registry.submit(audit, recorded_at={NOW!r})")):
        found = []
        for i in range(3):
            audit.write_bytes(judged.audit(f"new_{k}_{i}").to_json())
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code, str(file), str(audit)], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        spent.append(min(found))
    return spent[1] - spent[0]


def measure(file: Path, models: int) -> Iterator[tuple[str, float, float | None]]:
    """What each kind of work on `file` costs, and its budget where it has one."""
    records = list(contents(models))

    def filled() -> Registry:
        registry = connect(file, create=True)
        registry.append_records(records)
        return registry

    start = time.process_time()
    registry = filled()
    yield "fill from records", time.process_time() - start, 5.0
    with registry:
        yield "list the latest audit of each model", cpu(registry.query_all, 3), 0.1
        yield "list every audit", cpu(lambda: registry.query_all(latest=False), 3), None
        yield "failed gates", cpu(registry.query_failed_gates_summary, 3), None
        yield "verify digests, chain and rows", cpu(registry.verify), None
        yield "verify, and judge every audit again", cpu(lambda: registry.verify(rejudge=rejudge)), None
    yield "add one audit, beyond start-up", append_beyond_start_up(file), 0.1


def run() -> None:
    """Measure an SQLite file of many models, and one of many audits a model."""
    print(f"{'SQLite, ' + format(AUDITS, ',') + ' audits':<38} {'models':>7} {'CPU s':>7} {'budget':>7}")
    for models in (AUDITS, AUDITS // 20):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model_registry.db"
            for name, seconds, budget in measure(file, models):
                print(f"{name:<38} {models:>7,} {seconds:>7.3f} {budget if budget is not None else '':>7}")
            print(f"{'size of the file, MB':<38} {models:>7,} {file.stat().st_size / 1e6:>7.1f}")
