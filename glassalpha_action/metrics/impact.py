"""Whether a difference in selection is more than chance, and how many decisions it hangs on (29 CFR 1607.4(D))."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from glassalpha_action.metrics.rates import Rate
from glassalpha_action.vocabulary import chance

FEW_EXPECTED = 5
FEW_ROWS = 30
FOUR_FIFTHS = Fraction(4, 5)
# Tables as likely as the one seen, but for rounding, count as such.
TIES = 1e-7
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """A test of two selection rates: its name and its two-sided p-value."""

    test: str
    p_value: float


def compared(a: tuple[float, float], b: tuple[float, float]) -> Difference:
    """The test of two (selected, rows): Fisher's where an expected cell is below 5, else Yates's chi-square.

    Effective sizes of weighted rows are rounded to whole ones for Fisher's.
    """
    n = a[1] + b[1]
    chosen = a[0] + b[0]
    if min(chosen, n - chosen) * min(a[1], b[1]) / n < FEW_EXPECTED:
        return Difference("Fisher's exact test", fisher(*(round(x) for x in (*a, *b))))
    return Difference("chi-square test with Yates's correction", yates(a, b))


def yates(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The p-value of the chi-square test of (selected, rows) twice, Yates's correction made. No margin is 0."""
    n, chosen = a[1] + b[1], a[0] + b[0]
    apart = abs(a[0] * (b[1] - b[0]) - b[0] * (a[1] - a[0]))
    statistic = n * max(0.0, apart - n / 2) ** 2 / (chosen * (n - chosen) * a[1] * b[1])
    return math.erfc(math.sqrt(statistic / 2))


def fisher(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """The two-sided p-value of Fisher's exact test: all tables with these margins that are no likelier than this."""
    chosen = hits + other_hits
    least, most = max(0, chosen - other_rows), min(chosen, rows)

    def log_chance(k: int) -> float:
        return _log_choose(rows, k) + _log_choose(other_rows, chosen - k) - _log_choose(rows + other_rows, chosen)

    seen = log_chance(hits)
    return min(1.0, math.fsum(math.exp(p) for p in map(log_chance, range(least, most + 1)) if p <= seen + TIES))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def short_of(one: Rate, reference: Rate) -> int:
    """How many more favourable decisions would bring the rate to four fifths of the reference's."""
    missing = FOUR_FIFTHS * reference.value * one.of - one.hits
    return max(0, math.ceil(missing if isinstance(missing, Fraction) else missing - ROUNDING))


def turns_on_one(one: Rate, reference: Rate) -> bool:
    """Whether one selection given to this group instead of the other would put it ahead."""
    return one.value < reference.value and (one.hits + 1) / one.of > (reference.hits - 1) / reference.of


def in_words(level: str, one: Rate, other: str, reference: Rate, found: Difference, comparisons: int) -> str:
    """What a reader needs beside an impact ratio: the rates, the test, the shortfall, and whether numbers are small."""
    corrected = f" for the least favoured of {comparisons}" if comparisons > 1 else ""
    text = [
        f"Selected: {_count(one)} of {level}, {_count(reference)} of {other}.",
        f"{found.test[0].upper()}{found.test[1:]}{corrected}: {chance(min(1.0, found.p_value * comparisons))}.",
    ]
    short = short_of(one, reference)
    if short:
        text.append(f"{short:,} more selection{'s' if short > 1 else ''} of {level} would reach four fifths.")
    if turns_on_one(one, reference):
        text.append(f"Small numbers: one different selection would put {level} ahead.")
    elif min(one.size, reference.size) < FEW_ROWS:
        text.append(f"Small numbers: a group has fewer than {FEW_ROWS} rows.")
    return " ".join(text)


def _count(one: Rate) -> str:
    return f"{one.hits:,.6g} of {one.of:,.6g}" if isinstance(one.of, float) else f"{one.hits:,} of {one.of:,}"
