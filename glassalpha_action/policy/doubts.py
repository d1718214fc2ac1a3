"""Why what satisfies its gate may be no pass: groups too small to speak, rows not told, evidence that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from glassalpha_action.evidence import MISSING
from glassalpha_action.policy.schema import Statistics
from glassalpha_action.records import Change, CubeOrigin, Measurement
from glassalpha_action.vocabulary import AND, Unit


def doubts(found: Measurement, statistics: Statistics, origin: CubeOrigin | None = None) -> list[str]:
    """Each reason against a pass: rows that were suppressed, groups without a value, groups too small to speak.

    `origin` is where counts came from that were not made from rows here.
    """
    reasons = []
    if origin and origin.suppressed_rows:
        reasons.append(
            f"{origin.suppressed_rows:,} of {origin.rows:,} rows were suppressed at the source, and what they would "
            "change is not known (fewer score bins or a lower limit tell more of them)"
        )
    counted = [g for g in found.groups if g.n > 0 and (found.subject or _counts(found, g.level))]
    if unknown := [g.level for g in counted if g.value is None]:
        reasons.append(f"not estimable for {', '.join(unknown)}")
    # Features and columns are no groups of people: each is measured on all the rows.
    return reasons if found.subject or found.unit is Unit.rows else [*reasons, *_small(found, statistics)]


def _counts(found: Measurement, level: str) -> bool:
    return found.counts_missing or MISSING not in level.split(AND)


def _small(found: Measurement, statistics: Statistics) -> list[str]:
    counted = [g for g in found.groups if g.n > 0 and _counts(found, g.level)]
    reasons = []
    if fewest := statistics.min_group_n:
        small = [f"{g.level} (n {g.n:,})" for g in counted if g.n < fewest]
        reasons += [f"{', '.join(small)} below the {fewest:,} rows a group needs"] if small else []
    if least := statistics.min_group_share:
        total = sum(g.n for g in found.groups)
        small = [f"{g.level} (n {g.n:,})" for g in counted if g.n < Fraction(repr(least)) * total]
        reasons += [f"{', '.join(small)} below the {least:.12g} of all rows a group needs"] if small else []
    return reasons


def needing_a_look_first(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The same changes, those first that a person has to look at."""
    return tuple(sorted(changes, key=lambda change: not change.asks_for_review))


def asked(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Those of `changes` that a person has to look at before what was judged may pass."""
    return tuple(change for change in changes if change.asks_for_review)
