"""The registry's contract: what every backend does the same way, over the few things it must do itself."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from types import TracebackType
from typing import Any, Self

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit, Status, sealed
from glassalpha_action.registry import chain, rows, verify
from glassalpha_action.registry.rows import Cells, Entry, Event, Head, Receipt, Row, Stage

LATEST = """NOT EXISTS (SELECT 1 FROM audits b WHERE b.stage = a.stage AND b.model_id = a.model_id
  AND (b.as_of, b.seq) > (a.as_of, a.seq))"""
AUDITS = f"SELECT {', '.join(Row._fields)} FROM audits a"  # noqa: S608
FAILED_GATES = f"""SELECT gate_name, count(DISTINCT model_id) AS count FROM (
  SELECT a.model_id, g.gate_name FROM audits a JOIN gates g ON g.seq = a.seq
  WHERE g.failed = 1 AND a.stage = 'main' AND {LATEST}
  UNION ALL SELECT a.model_id, q.name FROM audits a JOIN requirements q ON q.seq = a.seq
  WHERE q.met = 0 AND a.stage = 'main' AND {LATEST}) failed
GROUP BY gate_name ORDER BY count DESC, gate_name"""  # noqa: S608


class Registry(ABC):
    """A registry of audits and events. A backend is one file that fills in the abstract methods.

    Its methods raise UserError: 2 what was asked for does not exist, 4 not recorded, 5 the registry is damaged.
    """

    def __init__(self, name: str, clock: Callable[[], date] | None = None) -> None:
        self.name = name
        self._clock = clock

    @abstractmethod
    def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Cells]:
        """The rows of a query; `:name` in `sql` stands for a parameter."""

    @abstractmethod
    def insert(self, table: str, cells: Sequence[Cells]) -> None:
        """Add rows to a table, inside a transaction."""

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

    def submit(
        self,
        audit: Audit,
        *,
        recorded_at: str,
        stage: Stage = "main",
        metadata: Mapping[str, str] | None = None,
        author: str | None = None,
    ) -> Receipt:
        """Add a sealed audit to the chain; the same audit at the same stage is there once, and the first stays.

        `recorded_at` is the moment of submission (UTC, ISO 8601). Of `metadata`, team and cost_center become columns.
        """
        if sealed(audit).audit_id != audit.audit_id:
            raise UserError(
                "the audit was altered after it was made: its audit_id does not fit its content; run the audit again",
                exit_code=5,
            )
        return self._append(rows.audit_entry(audit, stage, recorded_at, metadata or {}, author))

    def record_event(self, event: Event) -> Receipt:
        """Add an event to the chain; the same event is there once."""
        return self._append(rows.event_entry(event))

    def head(self) -> Head:
        """The end of the chain, whose anchor is worth writing down elsewhere."""
        end = self.fetch("SELECT seq, link FROM records ORDER BY seq DESC LIMIT 1")
        return Head(**end[0]) if end else Head(0, chain.GENESIS)

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
    ) -> list[Row]:
        """The latest audit of each model (`latest=False`: every audit), by model_id, then oldest first.

        `last_n_days` keeps audits whose as_of is at most that many days before `today` (the clock handed to `connect`
        where it is not given). The filters apply to the latest audit: a model that passes now is not found as BLOCKED.
        """
        wanted = {"stage": stage, "team": team, "status": status and _known_status(status), "use_case": use_case}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = [f"a.{name} = :{name}" for name in given]
        if last_n_days is not None:
            given["since"] = self._days_ago(last_n_days, today)
            where.append("a.as_of >= :since")
        if latest:
            where.append(LATEST)
        return self._rows(f"{AUDITS} WHERE {' AND '.join(where)} ORDER BY a.model_id, a.as_of, a.seq", given)

    def history(self, model_id: str, *, stage: Stage = "main") -> list[Row]:
        """Every audit of one model, oldest first."""
        sql = f"{AUDITS} WHERE a.stage = :stage AND a.model_id = :model_id ORDER BY a.as_of, a.seq"
        return self._rows(sql, {"model_id": model_id, "stage": stage})

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
        return verify.read_audit(self.fetch("SELECT * FROM records WHERE seq = :seq", {"seq": found[0]["seq"]})[0])

    def events(self, *, kind: str | None = None, subject: str | None = None) -> list[Event]:
        """The events, in the order of the chain."""
        given = {name: value for name, value in {"kind": kind, "subject": subject}.items() if value is not None}
        where = "".join(f" AND e.{name} = :{name}" for name in given)
        kept = self.fetch(
            f"SELECT r.* FROM records r JOIN events e ON e.seq = r.seq WHERE 1 = 1{where} ORDER BY r.seq",  # noqa: S608
            given,
        )
        return [verify.read_event(record) for record in kept]

    def query_failed_gates_summary(self) -> dict[str, list[Any]]:
        """How many models fail each gate in their latest audit, as columns: gate_name and count, the most common first.

        A reproducibility requirement that is not met is listed by its name, as it counts among failed_gates.
        """
        found = self.fetch(FAILED_GATES)
        return {column: [row[column] for row in found] for column in ("gate_name", "count")}

    def verify(self, anchor: str | None = None, rejudge: Callable[[Audit], list[str]] | None = None) -> list[str]:
        """What is broken, one sentence each, the first broken record first; nothing where all is whole.

        Recomputes every digest and link, every audit id, and every derived row. `anchor` is an earlier `head().anchor`:
        with one, the removal of the last records is found too. `rejudge` says what is wrong with an audit's verdicts.
        """
        with self.reading():
            return verify.problems(self.fetch, anchor, rejudge) or self.damage()

    def _append(self, entry: Entry) -> Receipt:
        with self.appending():
            there = self.fetch(
                "SELECT seq, link, digest FROM records WHERE id = :id AND stage = :stage",
                {"id": entry.id, "stage": entry.stage},
            )
            if there:
                return Receipt(**there[0], new=False)
            before = self.head()
            seq = before.seq + 1
            receipt = Receipt(seq, chain.link(before.link, seq, entry.digest), entry.digest, new=True)
            record = {"seq": seq, "kind": entry.kind, "id": entry.id, "stage": entry.stage, "digest": receipt.digest,
                      "link": receipt.link, "content": rows.compress(entry.content)}  # fmt: skip
            self.insert("records", [record])
            for table, cells in rows.derived(entry.record, seq, *self._known(entry)).items():
                self.insert(table, cells)
        return receipt

    def _known(self, entry: Entry) -> tuple[Cells | None, bool]:
        """The model's description so far, and whether the policy's text is kept already."""
        if entry.kind == "event":
            return None, False
        audit = entry.record["audit"]
        cards = self.fetch(
            "SELECT * FROM models WHERE model_id = :id ORDER BY seq DESC LIMIT 1", {"id": audit["model"]["id"]}
        )
        digest = audit["policy"] and audit["policy"]["sha256"]
        policies = self.fetch("SELECT 1 FROM policies WHERE sha256 = :sha256", {"sha256": digest})
        return (cards[0] if cards else None), bool(policies)

    def _days_ago(self, days: int, today: date | None) -> str:
        if days < 0:
            raise UserError("last_n_days must be 0 or more")
        now = today or (self._clock and self._clock())
        if now is None:
            raise UserError("last_n_days needs today's date: query_all(last_n_days=…, today=…)")
        return date.fromordinal(max(1, now.toordinal() - days)).isoformat()

    def _rows(self, sql: str, given: Mapping[str, object]) -> list[Row]:
        try:
            return [rows.query_row(cells) for cells in self.fetch(sql, given)]
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{self.name}: a row of audits is damaged; `glassalpha registry verify` names it", exit_code=5
            ) from error


def _known_status(status: str) -> str:
    if status not in Status.__members__:
        raise UserError(f"there is no status {status!r}: {', '.join(Status)}")
    return status
