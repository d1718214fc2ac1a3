"""What changed over time, from the rows of a registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from glassalpha_action.registry.rows import Row
from glassalpha_action.registry.schema import SUPERSEDED
from glassalpha_action.vocabulary import Status

Period = Literal["month", "quarter"]
VALUES = f"""SELECT a.model_id, a.as_of, a.audit_id, m.metric, m.params, m.attribute, m.value, m.low, m.high, m.n
FROM measurements m JOIN audits a ON a.seq = m.seq WHERE m.metric = :metric AND a.stage = 'main'
AND a.audit_id NOT IN ({SUPERSEDED}){{where}}
ORDER BY a.model_id, a.as_of, a.seq, m.metric_id"""  # noqa: S608


class PassRate(NamedTuple):
    """Of `audits` in a period (2025-01 or 2025-Q1) `passed` passed."""

    period: str
    audits: int
    passed: int

    @property
    def share(self) -> float:
        """The share that passed, 0 to 1."""
        return self.passed / self.audits


class Value(NamedTuple):
    """One measured value; `value` is None where it could not be measured, `params` is a JSON object."""

    model_id: str
    as_of: str
    audit_id: str
    metric: str
    params: str
    attribute: str | None
    value: float | None
    low: float | None
    high: float | None
    n: int


def values(found: Sequence[Sequence[Any]]) -> list[Value]:
    """The Values of their cells, each in the order of Value; ValueError where they are damaged."""
    return msgspec.convert(found, list[Value])


def pass_rates(rows: Iterable[Row], period: Period) -> list[PassRate]:
    """The pass rate by the day of the audit, oldest first; audits without a policy and dev audits are left out."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for row in rows:
        if row.status is not Status.NO_POLICY and row.profile != "dev":
            found[_period(row.as_of, period)].append(row.status is Status.PASSED)
    return [PassRate(name, len(passed), sum(passed)) for name, passed in sorted(found.items())]


def _period(day: str, period: Period) -> str:
    return day[:7] if period == "month" else f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"
