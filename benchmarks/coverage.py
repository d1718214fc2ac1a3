"""How often 95% intervals hold the truth: Wilson's exactly, gaps and ratios of equal groups beside a bootstrap's."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from glassalpha_action.cube import build
from glassalpha_action.evidence import Evidence, Floats, Ints
from glassalpha_action.metrics import known
from glassalpha_action.metrics.intervals import gap, least_ratio, wilson

CONFIDENCE = 0.95
SIZES = (18, 30, 100, 300, 1_000)
SHARES = np.linspace(0.05, 0.95, 1_801)
GROUPS = (2, 5, 20)
ROWS, RATE = 300, 0.3
TRIALS, RESAMPLES = 1_000, 400
MODELS, SCORED = 200, 300
SEED = 7
METRICS = ("roc_auc", "average_precision", "ks_statistic", "recall_at_fpr", "brier_score", "f1")


def wilson_coverage(n: int, confidence: float = CONFIDENCE) -> Floats:
    """How often Wilson's interval from `n` rows holds each of the shares 0.05 to 0.95, summed over all outcomes."""
    k = np.arange(n + 1)
    ways = np.array([math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k])
    chance = np.exp(ways + np.outer(np.log(SHARES), k) + np.outer(np.log(1 - SHARES), n - k))
    low, high = np.array([wilson(int(i), n, confidence) for i in k]).T
    inside = (low <= SHARES[:, None]) & (SHARES[:, None] <= high)
    return np.asarray((chance * inside).sum(axis=1))


def drawn(groups: int, trials: int = TRIALS) -> Ints:
    """(trials, groups): how many of 300 rows each group has selected, all at a rate of 0.3: the true gap is 0."""
    return np.random.default_rng(SEED + groups).binomial(ROWS, RATE, (trials, groups))


def gap_coverage(hits: Ints) -> float:
    """The share of trials in which the simultaneous interval of max − min holds 0."""
    return float(np.mean([gap([(int(k), ROWS) for k in row], CONFIDENCE)[0] <= 0 for row in hits]))


def ratio_coverage(hits: Ints) -> float:
    """The share of trials in which the simultaneous interval of min / max holds 1."""
    return float(np.mean([least_ratio([(int(k), ROWS) for k in row], CONFIDENCE)[1] >= 1 for row in hits]))


def bootstrap_coverage(hits: Ints) -> float:
    """The share of trials in which the percentile bootstrap of max − min holds 0."""
    draw = np.random.default_rng(SEED)
    tail = (1 - CONFIDENCE) / 2
    lows = []
    for row in hits:
        again = draw.binomial(ROWS, row / ROWS, (RESAMPLES, row.size))
        lows.append(np.quantile(again.max(axis=1) - again.min(axis=1), tail))
    return float(np.mean(np.array(lows) <= 0))


def _model(n: int, draw: np.random.Generator) -> Evidence:
    label = draw.uniform(size=n) < RATE
    score = np.where(label, draw.beta(2, 1, n), draw.beta(1, 2, n))
    return Evidence(label, score >= 0.5, score, (), True, 0.5)


def model_coverage(models: int = MODELS, n: int = SCORED) -> Iterator[tuple[str, float, float]]:
    """(metric, its value on a million rows, how often its interval on `n` rows holds that) for models of one kind."""
    truth = _model(1_000_000, np.random.default_rng(SEED))
    draw = np.random.default_rng(SEED + 1)
    samples = [(rows, build(rows)) for rows in (_model(n, draw) for _ in range(models))]
    for name in METRICS:
        (true,) = known(name).measure(truth, build(truth), CONFIDENCE, {})
        found = [next(iter(known(name).measure(rows, cube, CONFIDENCE, {}))) for rows, cube in samples]
        held = [m.low <= true.value <= m.high for m in found if m.low is not None and m.high is not None]  # type: ignore[operator]
        yield name, float(true.value or 0), float(np.mean(held))


def run() -> None:
    """Print one table of rates, one of gaps between equal groups, and one of a model's measures."""
    print(f"{'Wilson, n':>12} {'mean over p':>12} {'least':>7}")
    for n in SIZES:
        held = wilson_coverage(n)
        print(f"{n:>12,} {held.mean():>12.1%} {held.min():>7.1%}")
    error = 2 * math.sqrt(0.95 * 0.05 / TRIALS)
    print(f"\n{'equal groups':>12} {'max − min':>10} {'min / max':>10} {'bootstrap':>10}   (±{error:.1%})")
    for groups in GROUPS:
        hits = drawn(groups)
        print(
            f"{groups:>12} {gap_coverage(hits):>10.1%} {ratio_coverage(hits):>10.1%} {bootstrap_coverage(hits):>10.1%}"
        )
    print(f"\n{'measure':>20} {'truth':>7} {'held':>7}   ({MODELS} models of {SCORED} rows)")
    for name, value, share in model_coverage():
        print(f"{name:>20} {value:>7.3f} {share:>7.1%}")
