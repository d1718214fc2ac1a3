"""Logistic recalibration: the straight line that turns the log odds of scores into those of outcomes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from glassalpha_action.evidence import Floats
from glassalpha_action.metrics.ladder import Ladder, Steps

CUT = 1e-6
ITERATIONS = 50
SHORT = 1e-2
CLOSE = 1e-6
POOLED = 2_000
CHUNK = 1 << 14
FAR = 500.0
TOO_CLOSE = "the scores lie too close together to draw a line through"


@dataclass(frozen=True, slots=True)
class Recalibration:
    """logit P(y) = intercept + slope · logit(p), and the standard error of the slope."""

    intercept: float
    slope: float
    error: float


def recalibrated(ladder: Ladder) -> Recalibration | str:
    """The line of greatest likelihood through an exact ladder, or why there is none."""
    if not ladder.pairs:
        return "all rows carry the same label" if ladder.positives + ladder.negatives else "there are no rows"
    p = np.clip(ladder.score, CUT, 1 - CUT)
    if p[0] == p[-1]:
        return "all rows have the same score"
    positives, negatives = np.flatnonzero(ladder.positive > 0)[[0, -1]], np.flatnonzero(ladder.negative > 0)[[0, -1]]
    if p[negatives[1]] <= p[positives[0]] or p[positives[1]] <= p[negatives[0]]:
        return "a threshold separates the labels, so the slope has no finite value"
    p /= 1 - p
    x = np.log(p, out=p)
    positive, total = ladder.positive, ladder.positive + ladder.negative
    line = np.array([0.0, 1.0])
    try:
        if x.size > 2 * POOLED:
            line, _ = _fitted(line, *_pooled(x, positive, total))
        line, information = _fitted(line, x, positive, total)
        variance = float(np.linalg.inv(information)[1, 1])
    except np.linalg.LinAlgError:
        return TOO_CLOSE
    if variance < 0:
        return TOO_CLOSE
    # Weights count as so many rows in the estimate, as Kish's effective number of them in its error.
    inflation = float(ladder.positive_square.sum() + ladder.negative_square.sum()) / float(total.sum())
    error = math.sqrt(inflation * variance)
    return Recalibration(float(line[0]), float(line[1]), error)


def _pooled(x: Floats, positive: Steps, total: Steps) -> tuple[Floats, Steps, Steps]:
    """Neighbouring steps taken together: a line through them is close to the line through all."""
    start = np.linspace(0, x.size, POOLED, endpoint=False).astype(np.int64)
    mass = np.add.reduceat(total, start)
    return np.add.reduceat(x * total, start) / mass, np.add.reduceat(positive, start), mass


def _fitted(line: Floats, x: Floats, positive: Steps, total: Steps) -> tuple[Floats, Floats]:
    """The line of greatest likelihood by Newton's method from `line`, steps halved while they overshoot."""
    for _ in range(ITERATIONS):
        step, information = _step(line, x, positive, total)
        if np.abs(step).max() > SHORT:
            before = _likelihood(line, x, positive, total)
            while _likelihood(line + step, x, positive, total) < before and np.abs(step).max() > SHORT:
                step = step / 2
        line = line + step
        # The error of a step is about its square.
        if np.abs(step).max() <= CLOSE:
            break
    return line, information


def _likelihood(line: Floats, x: Floats, positive: Steps, total: Steps) -> float:
    found = 0.0
    for start in range(0, x.size, CHUNK):
        part = slice(start, start + CHUNK)
        odds = line[0] + line[1] * x[part]
        unlikely = np.maximum(odds, 0) + np.log(1 + np.exp(-np.abs(odds)))
        found += float((positive[part] * odds - total[part] * unlikely).sum())
    return found


def _step(line: Floats, x: Floats, positive: Steps, total: Steps) -> tuple[Floats, Floats]:
    """Newton's step and the information matrix where it starts."""
    information, slope = np.zeros((2, 2)), np.zeros(2)
    for start in range(0, x.size, CHUNK):
        part = slice(start, start + CHUNK)
        chance = 1 / (1 + np.exp(np.clip(-(line[0] + line[1] * x[part]), -FAR, FAR)))
        left, spread = positive[part] - total[part] * chance, total[part] * chance * (1 - chance)
        rising = spread * x[part]
        information += [[spread.sum(), rising.sum()], [rising.sum(), (rising * x[part]).sum()]]
        slope += [left.sum(), (left * x[part]).sum()]
    return np.asarray(np.linalg.solve(information, slope), dtype=np.float64), information
