"""The registry's contract: what every backend does the same way, over the few things it must do itself."""

from __future__ import annotations

import gc
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from functools import cached_property
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import InstanceOf

from glassalpha_action.documents import UserError, plain
from glassalpha_action.records import Audit
from glassalpha_action.registry import chain, derived, packing, rows, schema, trends, verify
from glassalpha_action.registry.arguments import checked
from glassalpha_action.registry.derived import Known, Rows
from glassalpha_action.registry.rows import Cells, Entry, Event, Head, Receipt, Row, Stage, Supersedes
from glassalpha_action.registry.trends import PassRate, Period, Value
from glassalpha_action.vocabulary import Status

T = TypeVar("T")
BATCH = 50
KEPT = "SELECT r.seq, r.digest, r.content FROM records r"
COUNTS = f"a.audit_id NOT IN ({schema.SUPERSEDED})"
LATEST = f"a.seq IN ({schema.LATEST.format(stage=':stage')})"
AUDITS = f"SELECT {', '.join(Row._fields)} FROM audits a"  # noqa: S608
FAILED_GATES = """SELECT gate_name, count(DISTINCT model_id) AS count FROM (
  SELECT a.model_id, g.gate_name FROM standing a JOIN gates g ON g.seq = a.seq WHERE g.failed = 1
  UNION ALL SELECT a.model_id, q.name FROM standing a JOIN requirements q ON q.seq = a.seq WHERE q.met = 0) failed
GROUP BY gate_name ORDER BY count DESC, gate_name"""


class Registry(ABC):
    """A registry of audits and events. A backend is one file that fills in the abstract methods.

    Its methods raise UserError: 2 what was asked for does not exist, 4 not recorded, 5 the registry is damaged.
    """

    def __init__(self, name: str, clock: Callable[[], date] | None = None) -> None:
        self.name = name
        self._clock = clock

    @abstractmethod
    def select(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of a query's columns, and its rows; `:name` in `sql` stands for a parameter."""

    def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Cells]:
        """The rows of a query by the names of its columns."""
        names, found = self.select(sql, parameters)
        return [dict(zip(names, cells, strict=True)) for cells in found]

    @abstractmethod
    def insert(self, table: str, rows: Rows) -> None:
        """Add rows, each with every column, to a table, inside a transaction."""

    @abstractmethod
    def appending(self) -> AbstractContextManager[None]:
        """A transaction that no other writer shares: all of it is kept on leaving, or nothing."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]:
        """A transaction in which every query sees the registry at one moment."""

    @abstractmethod
    def damage(self) -> list[str]:
        """What the backend itself finds broken in its storage, one sentence each."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file or the connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @checked
    def submit(
        self,
        audit: InstanceOf[Audit],
        *,
        recorded_at: str,
        stage: Stage = "main",
        metadata: Mapping[str, str] | None = None,
        author: str | None = None,
        supersedes: InstanceOf[Supersedes] | None = None,
    ) -> Receipt:
        """Add a sealed audit to the chain; the same audit at the same stage is there once, and the first stays.

        `recorded_at` is the moment of submission (UTC, ISO 8601). Of `metadata`, team, cost_center and next_review
        become columns. `supersedes` names an audit of the same model on main that this one corrects: it stays in the
        chain and no longer counts.
        """
        return self.append(rows.audit_entry(audit, stage, recorded_at, metadata or {}, author, supersedes))

    @checked
    def record_event(self, event: Event) -> Receipt:
        """Add an event to the chain; the same event is there once."""
        return self.append(rows.event_entry(event))

    def append(self, entry: Entry) -> Receipt:
        """Add a record to the chain; one that is there stays as it is."""
        with self.appending():
            there = self.find(entry)
            if there:
                return there
            known = self._known("WHERE m.model_id = :model", {"model": _model(entry)})
            head, tables = _linked(entry, self.head(), known)
            self._insert_all(tables)
        return Receipt(head.seq, head.link, entry.digest, new=True)

    def find(self, entry: Entry) -> Receipt | None:
        """Where a record stands, None where it is not there; UserError (2) where it corrects what it cannot."""
        there = self.fetch(
            "SELECT seq, link, digest FROM records WHERE id = :id AND stage = :stage",
            {"id": entry.id, "stage": entry.stage},
        )
        if not there:
            self._require_superseded(entry)
            return None
        self._require_same_correction(entry, there[0]["seq"])
        return Receipt(**there[0], new=False)

    def append_records(self, entries: Iterable[Entry]) -> int:
        """Add records in order, as `entries` of a registry gives them, or as they were read of a ledger's files.

        One transaction for all. A record whose id is there at its stage is left out; every link is made anew, so that a
        registry filled from nothing ends at the head of the chain it was filled from. Returns how many were new.
        Raises UserError (5), and adds nothing, where one is damaged or a part of it did not come with it.
        """
        waiting: dict[str, Rows] = {table: [] for table in schema.TABLES}
        with self.appending(), _uncollected():
            before = head = self.head()
            there = {(row["id"], row["stage"]) for row in self.fetch("SELECT id, stage FROM records")}
            known = self._known("", {})
            for entry in entries:
                if (entry.id, entry.stage) in there:
                    continue
                there.add((entry.id, entry.stage))
                head, tables = _linked(entry, head, known)
                for table, brought in tables.items():
                    waiting[table] += brought
                if len(waiting["records"]) >= BATCH:
                    self._insert_all(waiting)
            self._insert_all(waiting)
        return head.seq - before.seq

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Every record after the `after`th with its parts, in order; UserError (5) where one is damaged."""
        while found := self.fetch(f"{KEPT} WHERE r.seq > :after ORDER BY r.seq LIMIT 200", {"after": after}):
            for record in found:
                yield verify.read_entry(record, self._part)
            after = found[-1]["seq"]

    def head(self) -> Head:
        """The end of the chain, whose anchor is worth writing down elsewhere."""
        end = self.fetch("SELECT seq, link FROM records ORDER BY seq DESC LIMIT 1")
        return Head(**end[0]) if end else Head(0, chain.GENESIS)

    @checked
    def query_all(
        self,
        last_n_days: int | None = None,
        *,
        latest: bool = True,
        team: str | None = None,
        status: str | None = None,
        use_case: str | None = None,
        stage: Stage = "main",
        today: date | None = None,
        superseded: bool = False,
    ) -> list[Row]:
        """The latest audit of each model (`latest=False`: every audit), by model_id, then oldest first.

        An audit that a correction supersedes does not count; `superseded` lists it all the same beside the others.

        `last_n_days` keeps audits whose as_of is at most that many days before `today` (the clock handed to `connect`
        where it is not given). The filters apply to the latest audit: a model that passes now is not found as BLOCKED.
        """
        wanted = {"stage": stage, "team": team, "status": status and _known_status(status), "use_case": use_case}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = [f"a.{name} = :{name}" for name in given]
        if last_n_days is not None:
            given["since"] = self._days_ago(last_n_days, today)
            where.append("a.as_of >= :since")
        if latest or not superseded:
            where.append(LATEST if latest else COUNTS)
        return self._rows(f"{AUDITS} WHERE {' AND '.join(where)} ORDER BY a.model_id, a.as_of, a.seq", given)

    @checked
    def history(self, model_id: str, *, stage: Stage = "main") -> list[Row]:
        """Every audit of one model, oldest first; those that a correction superseded too."""
        sql = f"{AUDITS} WHERE a.stage = :stage AND a.model_id = :model_id ORDER BY a.as_of, a.seq"
        return self._rows(sql, {"model_id": model_id, "stage": stage})

    @checked
    def audit(self, audit_id: str) -> Audit:
        """The audit with that id, or the only one whose id begins so (6 digits at least)."""
        if not re.fullmatch(r"[0-9a-f]{6,64}", audit_id):
            raise UserError("an audit id is 6 to 64 digits of 0-9 and a-f")
        found = self.fetch(
            "SELECT audit_id, max(seq) AS seq FROM audits "
            "WHERE audit_id >= :low AND audit_id < :high GROUP BY audit_id",
            {"low": audit_id, "high": audit_id + "g"},
        )
        if len(found) != 1:
            many = f"{len(found)} audits begin with" if found else "the registry holds no audit"
            raise UserError(f"{many} {audit_id}: `glassalpha registry list --json` shows the ids")
        return self.read_audit(found[0]["seq"])[0]

    @checked
    def read_audit(self, seq: int) -> tuple[Audit, bytes]:
        """The audit in record `seq` (`Row.seq`), and its canonical JSON: the very bytes that were recorded.

        Raises UserError: 2 where there is no such audit, 5 where it is damaged.
        """
        kept = self.fetch(f"{KEPT} WHERE r.seq = :seq AND r.kind = 'audit'", {"seq": seq})
        if not kept:
            raise UserError(f"record {seq} of {self.name} is no audit")
        return verify.read_audit(kept[0], self._part)

    @checked
    def events(self, *, kind: str | None = None, subject: str | None = None, family: str | None = None) -> list[Event]:
        """The events, in the order of the chain; `family` is what stands before the dot of their kind."""
        given = {name: value for name, value in {"kind": kind, "subject": subject}.items() if value is not None}
        where = "".join(f" AND e.{name} = :{name}" for name in given)
        if family is not None:
            where += " AND e.kind >= :low AND e.kind < :high"
            given |= {"low": f"{family}.", "high": f"{family}/"}
        kept = self.fetch(f"{KEPT} JOIN events e ON e.seq = r.seq WHERE 1 = 1{where} ORDER BY r.seq", given)
        return [verify.read_event(record) for record in kept]

    def query_failed_gates_summary(self) -> dict[str, list[Any]]:
        """How many models fail each gate in their latest audit, as columns: gate_name and count, the most common first.

        A reproducibility requirement that is not met is listed by its name, as it counts among failed_gates.
        """
        found = self.fetch(FAILED_GATES)
        return {column: [row[column] for row in found] for column in ("gate_name", "count")}

    @checked
    def query_pass_rates(self, period: Period = "month", *, team: str | None = None) -> list[PassRate]:
        """Of the audits on main that a policy judged, how many passed, by month or quarter, oldest first."""
        return trends.pass_rates(self.query_all(latest=False, team=team), period)

    @checked
    def query_metric(self, metric: str, *, model_id: str | None = None, attribute: str | None = None) -> list[Value]:
        """The values of a metric in every audit on main that counts, by model, then oldest first."""
        given = {key: one for key, one in {"model_id": model_id, "attribute": attribute}.items() if one is not None}
        tables = {"model_id": "a", "attribute": "m"}
        where = "".join(f" AND {tables[key]}.{key} = :{key}" for key in given)
        found = self.select(trends.VALUES.format(where=where), {"metric": metric, **given})[1]
        return self._sound("measurements", found, trends.values)

    @checked
    def verify(self, anchor: str | None = None, rejudge: Callable[[Audit], list[str]] | None = None) -> list[str]:
        """What is broken, one sentence each, the first broken record first; nothing where all is whole.

        Recomputes every digest and link, every audit id, and every derived row. `anchor` is an earlier `head().anchor`:
        with one, the removal of the last records is found too. `rejudge` says what is wrong with an audit's verdicts.
        """
        with self.reading():
            return verify.problems(self.fetch, anchor, rejudge) or self.damage()

    def _known(self, which: str, given: Mapping[str, object]) -> Known:
        """What is there that records refer to; of the models those that `which` says, all of them if it is empty."""
        cards = self.select(f"SELECT m.* FROM models m {which} ORDER BY m.seq", given)[1]  # noqa: S608
        metrics = self.select(f"SELECT {', '.join(derived.METRIC)}, id FROM metrics")[1]  # noqa: S608
        return Known(
            self._part,
            {card[1]: card[1:] for card in cards},
            {row["sha256"] for row in self.fetch("SELECT sha256 FROM policies")},
            {row["sha256"] for row in self.fetch("SELECT sha256 FROM parts")},
            {tuple(key): number for *key, number in metrics},
        )

    @cached_property
    def _part(self) -> Callable[[str], bytes]:
        return verify.parts_reader(self.fetch)

    def _insert_all(self, tables: Mapping[str, Rows]) -> None:
        for table, found in tables.items():
            if found:
                self.insert(table, found)
                found.clear()

    def _require_superseded(self, entry: Entry) -> None:
        wanted = entry.record.supersedes if entry.kind == "audit" else None
        if wanted is None:
            return
        found = self.fetch(
            f"SELECT a.model_id, {COUNTS} AS counts FROM audits a "  # noqa: S608
            "WHERE a.audit_id = :id AND a.stage = 'main'",
            {"id": wanted.audit_id},
        )
        if not found or found[0]["model_id"] != _model(entry):
            raise UserError(f"main holds no audit {wanted.audit_id[:12]} of this model that could be superseded")
        if not found[0]["counts"]:
            raise UserError(f"audit {wanted.audit_id[:12]} is superseded already: supersede its correction instead")

    def _require_same_correction(self, entry: Entry, seq: int) -> None:
        wanted = entry.record.supersedes if entry.kind == "audit" else None
        if wanted is None:
            return
        (kept,) = self.fetch("SELECT supersedes FROM audits WHERE seq = :seq", {"seq": seq})
        if kept["supersedes"] != wanted.audit_id:
            raise UserError(
                f"audit {entry.id[:12]} is recorded already, without this correction, and a record never changes: run "
                "the audit again on another day (--as-of), and submit that one with --supersedes"
            )

    def _days_ago(self, days: int, today: date | None) -> str:
        if days < 0:
            raise UserError("last_n_days must be 0 or more")
        now = today or (self._clock and self._clock())
        if now is None:
            raise UserError("last_n_days needs today's date: query_all(last_n_days=…, today=…)")
        return date.fromordinal(max(1, now.toordinal() - days)).isoformat()

    def _rows(self, sql: str, given: Mapping[str, object]) -> list[Row]:
        return self._sound("audits", self.select(sql, given)[1], rows.query_rows)

    def _sound(self, table: str, found: Rows, read: Callable[[Rows], list[T]]) -> list[T]:
        try:
            return read(found)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{self.name}: a row of {table} is damaged; `glassalpha registry verify` names it", exit_code=5
            ) from error


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hold back Python's search for cycles: a fill makes none, and each search looks at every row that waits."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _model(entry: Entry) -> str | None:
    """The model that an audit speaks of."""
    return None if entry.kind == "event" else entry.record.audit.model.id


def _linked(entry: Entry, head: Head, known: Known) -> tuple[Head, dict[str, Rows]]:
    """The head after `entry`, and its rows in every table, which are then `known`."""
    seq = head.seq + 1
    link = chain.link(head.link, seq, entry.digest)
    record = (seq, entry.kind, entry.id, entry.stage, entry.digest, link, packing.compress(entry.content))
    try:
        tables = {
            "records": [record],
            "parts": derived.parts(entry, seq, known),
            **derived.derived(entry, seq, known),
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _incomplete(entry, error) from error
    return Head(seq, link), tables


def _incomplete(entry: Entry, error: Exception) -> UserError:
    what = f"{entry.kind} {entry.id[:12]} was handed over as a record and is no record that this version can read"
    return UserError(f"{what}: {plain(str(error), 300)}", exit_code=5)


def _known_status(status: str) -> str:
    if status not in Status.__members__:
        raise UserError(f"there is no status {status!r}: {', '.join(Status)}")
    return status
