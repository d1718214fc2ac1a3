"""How often decisions at the threshold are right: the shares of the confusion table."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.intervals import wilson, z_of
from glassalpha_action.metrics.rates import ALL, Rate, cell, rate
from glassalpha_action.vocabulary import Better, Unit

FAMILY = "performance"
THRESHOLD = [
    "A decision threshold far from where the two kinds of error balance",
    "Weak features or an unsuitable model",
]
LOWER = (
    "Lower the decision threshold (`threshold` in audit.yaml, and in production) and watch precision while doing so."
)
RAISE = "Raise the decision threshold (`threshold` in audit.yaml, and in production) and watch recall while doing so."
IMPROVE = "If the ROC curve is poor as well, no threshold helps: add features or try another kind of model."


def _share(whole: Slice, found: Rate, confidence: float, empty: str) -> Estimate:
    n = int(whole.count.sum())
    if not found.known:
        return undefined(empty if n else "there are no rows", n)
    return Estimate(found.value, n, *found.interval(confidence))


@metric(
    "Accuracy",
    family=FAMILY,
    unit=Unit.share,
    better=Better.higher,
    issue="The model's decisions are right less often than the policy asks.",
    causes=THRESHOLD[:2],
    fixes=[
        "Look at the ROC curve: if it is good, move the threshold; if not, improve the model.",
        "With rare positives prefer AUC, precision and recall: accuracy is high for a model that never says yes.",
    ],
)
def accuracy(whole: Slice, confidence: float) -> Estimate:
    """The share of rows on which the decision equals the label: (true positives + true negatives) / rows.

    Range 0 to 1. Not estimable without rows. Interval: Wilson.
    """
    confusion = whole.confusion[0]
    right = rate(confusion[0, 0] + confusion[1, 1], confusion.sum(), whole.confusion_square.sum())
    return _share(whole, right, confidence, "")


@metric(
    "Balanced accuracy",
    family=FAMILY,
    unit=Unit.share,
    better=Better.higher,
    issue="Averaged over the two labels, the model's decisions are right less often than the policy asks.",
    causes=THRESHOLD,
    fixes=["See which of recall and specificity is low, and move the threshold towards it.", IMPROVE],
)
def balanced_accuracy(whole: Slice, confidence: float) -> Estimate:
    """The mean of recall and specificity: (TPR + TNR) / 2, so that a rare label counts as much as a common one.

    Range 0 to 1; 0.5 is what never or always saying yes comes to. Not estimable when all rows carry one label.
    Interval: from Wilson's of both rates. Source: Brodersen et al. 2010; Zou and Donner 2008.
    """
    n = int(whole.count.sum())
    found, missed = cell(whole, (1, 1), (1, ALL)), cell(whole, (0, 0), (0, ALL))
    if not (found.known and missed.known):
        return undefined("all rows carry the same label" if n else "there are no rows", n)
    value = (found.value + missed.value) / 2
    rates = np.array([[one.value, *one.interval(confidence)] for one in (found, missed)], dtype=np.float64)
    below, above = math.hypot(*(rates[:, 0] - rates[:, 1])), math.hypot(*(rates[:, 2] - rates[:, 0]))
    return Estimate(value, n, max(0.0, float(value) - below / 2), min(1.0, float(value) + above / 2))


@metric(
    "Precision",
    family=FAMILY,
    unit=Unit.share,
    better=Better.higher,
    issue="Too many of the rows called positive are not.",
    causes=THRESHOLD,
    fixes=[RAISE, IMPROVE],
    aliases=["positive_predictive_value"],
)
def precision(whole: Slice, confidence: float) -> Estimate:
    """The share of rows decided positive that carry the positive label: TP / (TP + FP).

    Range 0 to 1; it depends on how common positives are. Not estimable when no row is decided positive. Interval:
    Wilson.
    """
    return _share(whole, cell(whole, (1, 1), (ALL, 1)), confidence, "no row is decided positive")


@metric(
    "Recall",
    family=FAMILY,
    unit=Unit.share,
    better=Better.higher,
    issue="Too many of the positives are missed.",
    causes=THRESHOLD,
    fixes=[LOWER, IMPROVE],
    aliases=["sensitivity", "true_positive_rate"],
)
def recall(whole: Slice, confidence: float) -> Estimate:
    """The share of rows with the positive label that are decided positive (sensitivity): TP / (TP + FN).

    Range 0 to 1. Not estimable when no row carries the positive label. Interval: Wilson.
    """
    return _share(whole, cell(whole, (1, 1), (1, ALL)), confidence, "no row carries the positive label")


@metric(
    "Specificity",
    family=FAMILY,
    unit=Unit.share,
    better=Better.higher,
    issue="Too many of the negatives are called positive.",
    causes=THRESHOLD,
    fixes=[RAISE, IMPROVE],
    aliases=["true_negative_rate"],
)
def specificity(whole: Slice, confidence: float) -> Estimate:
    """The share of rows with the negative label that are decided negative: TN / (TN + FP).

    Range 0 to 1; one less it is the false positive rate. Not estimable when no row carries the negative label.
    Interval: Wilson.
    """
    return _share(whole, cell(whole, (0, 0), (0, ALL)), confidence, "no row carries the negative label")


@metric(
    "Negative predictive value",
    family=FAMILY,
    unit=Unit.share,
    better=Better.higher,
    issue="Too many of the rows called negative are in truth positive.",
    causes=THRESHOLD,
    fixes=[LOWER, IMPROVE],
    aliases=["npv"],
)
def negative_predictive_value(whole: Slice, confidence: float) -> Estimate:
    """The share of rows decided negative that carry the negative label: TN / (TN + FN).

    Range 0 to 1; it depends on how common positives are. Not estimable when no row is decided negative. Interval:
    Wilson.
    """
    return _share(whole, cell(whole, (0, 0), (ALL, 0)), confidence, "no row is decided negative")


@metric(
    "F1 score",
    family=FAMILY,
    unit=Unit.score,
    better=Better.higher,
    highest=1.0,
    issue="Precision and recall together are lower than the policy asks.",
    causes=THRESHOLD,
    fixes=[
        "See which of precision and recall is low: raise the threshold for precision, lower it for recall.",
        IMPROVE,
    ],
    aliases=["f1_score"],
)
def f1(whole: Slice, confidence: float) -> Estimate:
    """The harmonic mean of precision and recall: 2·TP / (2·TP + FP + FN).

    Range 0 to 1. Not estimable when no row carries the positive label and none is decided positive. Interval: Wilson's
    of TP / (TP + FP + FN), of which F1 is a rising function. Source: van Rijsbergen 1979; Wilson 1927.
    """
    confusion, square, n = whole.confusion[0], whole.confusion_square[0], int(whole.count.sum())
    # Taking true negatives from the sum would lose cells that weigh little beside them.
    touched = confusion[1, 1] + confusion[0, 1] + confusion[1, 0]
    overlap = rate(confusion[1, 1], touched, square[1, 1] + square[0, 1] + square[1, 0])
    if not overlap.known:
        return undefined("no row is positive, by label or by decision" if n else "there are no rows", n)
    low, high = wilson(*overlap.effective, confidence)
    value = 2 * overlap.value / (1 + overlap.value)
    return Estimate(
        value if isinstance(value, Fraction) else float(value), n, 2 * low / (1 + low), 2 * high / (1 + high)
    )


@metric(
    "Matthews correlation coefficient",
    family=FAMILY,
    unit=Unit.score,
    better=Better.higher,
    lowest=-1.0,
    highest=1.0,
    issue="The model's decisions follow the labels less closely than the policy asks.",
    causes=THRESHOLD,
    fixes=["See which of precision, recall and specificity is low, and move the threshold towards it.", IMPROVE],
    aliases=["mcc", "phi_coefficient"],
)
def matthews_corrcoef(whole: Slice, confidence: float) -> Estimate:
    """The correlation of decision and label: (TP·TN − FP·FN) / √((TP + FP)·(TP + FN)·(TN + FP)·(TN + FN)).

    Range −1 to 1; 1 means that every decision is right, 0 that decisions tell nothing of labels. It is high only where
    the model does well on both labels, however rare one is. Not estimable when all rows carry one label or are decided
    alike. Interval: Fisher's z with the large-sample variance of φ; none at −1 and 1, where that is 0. Source: Matthews
    1975; Bishop, Fienberg and Holland 1975, chapter 11.
    """
    n = int(whole.count.sum())
    table = np.asarray(whole.confusion[0], dtype=np.float64)
    if not n or not table.any():
        return undefined("there are no rows", n)
    (negative, positive), (refused, chosen) = table.sum(axis=1) / table.sum(), table.sum(axis=0) / table.sum()
    if not negative * positive:
        return undefined("all rows carry the same label", n)
    if not refused * chosen:
        return undefined("all rows are decided alike", n)
    product = math.sqrt(negative * positive * refused * chosen)
    phi = float(table[0, 0] * table[1, 1] - table[0, 1] * table[1, 0]) / float(table.sum()) ** 2 / product
    skew, tilt = positive - negative, chosen - refused
    variance = 1 - phi**2 + phi * (1 + phi**2 / 2) * skew * tilt / product
    variance -= 0.75 * phi**2 * (skew**2 / (negative * positive) + tilt**2 / (refused * chosen))
    if abs(phi) > 1 - 1e-12:
        return Estimate(round(phi), n)
    effective = table.sum() ** 2 / float(np.sum(whole.confusion_square))
    half = z_of(confidence) * math.sqrt(max(0.0, variance) / effective) / (1 - phi**2)
    return Estimate(phi, n, math.tanh(math.atanh(phi) - half), math.tanh(math.atanh(phi) + half))
