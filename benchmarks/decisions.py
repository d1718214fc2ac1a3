"""Perfectly fair models blocked by a parity gate: the point estimate against the bound decision, exact shares."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from itertools import product

from glassalpha_action.metrics import known
from glassalpha_action.metrics.intervals import gap
from glassalpha_action.policy.schema import Gate, Statistics
from glassalpha_action.policy.verdict import judge
from glassalpha_action.records import Measurement
from glassalpha_action.vocabulary import Outcome

METRIC = known("demographic_parity_difference")
GATE = Gate.model_validate({"name": "Parity", "metric": METRIC.id, "comparison": "less_than", "threshold": 0.10})
RATE = 0.5
SIZES = (30, 100, 400)
UNLIKELY = 1e-9


def measured(a: int, b: int, n: int, confidence: float = 0.95) -> Measurement:
    """The gap in selection rate between two groups of `n` rows, of which `a` and `b` are selected."""
    exact = abs(Fraction(a - b, n))
    low, high = gap([(a, n), (b, n)], confidence)
    return Measurement(
        metric=METRIC.id,
        title=METRIC.title,
        unit=METRIC.unit,
        better=METRIC.better,
        value=float(exact),
        exact=str(exact),
        low=low,
        high=high,
        confidence=confidence,
        n=2 * n,
        attribute="group",
        between=("a", "b"),
    )


def counts(n: int, rate: float) -> Mapping[int, float]:
    """How likely each number of selections among `n` rows is; those less likely than 1e-9 left out."""
    chances = {k: _binomial(k, n, rate) for k in range(n + 1)}
    return {k: chance for k, chance in chances.items() if chance > UNLIKELY}


def _binomial(k: int, n: int, rate: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(rate) + (n - k) * math.log(1 - rate))


@cache
def outcomes(n: int, true_gap: float, decision: str) -> Mapping[Outcome, float]:
    """How often the gate comes to each outcome, by `decision`, where the true rates are `true_gap` apart.

    Exact: every pair of counts of two groups of `n` rows is judged and weighed by how likely it is.
    """
    rules = Statistics.model_validate({"decision": decision})
    shares: Counter[Outcome] = Counter()
    pairs = product(counts(n, RATE + true_gap / 2).items(), counts(n, RATE - true_gap / 2).items())
    for (a, chance_a), (b, chance_b) in pairs:
        shares[_outcome(min(a, b), max(a, b), n, rules)] += chance_a * chance_b  # type: ignore[assignment]
    return shares


@cache
def _outcome(a: int, b: int, n: int, rules: Statistics) -> Outcome:
    return judge(GATE, [measured(a, b, n)], rules, METRIC.definition).outcome


def run() -> None:
    """Print how often a fair model is blocked, and how often an unfair one passes, at a few group sizes."""
    print(f"{'':>24}{'point':>16}{'bound':>26}")
    print(f"{'rows a group':>12} {'true gap':>9} {'FAIL':>9} {'PASS':>6} {'FAIL':>11} {'PASS':>6} {'undecided':>9}")
    for true_gap in (0.0, 0.2):
        for n in SIZES:
            point, bound = (outcomes(n, true_gap, decision) for decision in ("point", "bound"))
            print(
                f"{n:>12,} {true_gap:>9.2f} {point[Outcome.FAIL]:>9.1%} {point[Outcome.PASS]:>6.1%} "
                f"{bound[Outcome.FAIL]:>11.1%} {bound[Outcome.PASS]:>6.1%} {bound[Outcome.INCONCLUSIVE]:>9.1%}"
            )
