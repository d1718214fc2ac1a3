"""How well the model tells positives from negatives."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.intervals import delong, wilson
from glassalpha_action.records import Better, Unit

NO_SCORES = "the model's scores are not in the data, only its decisions"


@metric(
    "Area under the ROC curve",
    unit=Unit.probability,
    better=Better.higher,
    issue="The model ranks positives above negatives less often than the policy asks.",
    causes=[
        "Features that carry too little information about the outcome",
        "A model too simple for the data, or fitted to noise in the training rows",
        "Held-out rows from another period or population than the training rows",
    ],
    fixes=[
        "Compare with the AUC on the training rows: a wide gap says over-fitting, two low values say weak features.",
        "Add features that carry information about the outcome, or try another kind of model.",
        "Check that the held-out rows come from the population the model is meant for.",
    ],
)
def roc_auc(rows: Evidence, confidence: float) -> Estimate:
    """The chance that a row with the positive label has a higher score than one without, a tie counting half.

    AUC = (wins + ties / 2) / (positives × negatives), computed exactly by sorting. Range 0 to 1; 0.5 is chance.
    Not estimable when all rows carry one label. Interval: DeLong. Source: Hanley and McNeil 1982; DeLong et al. 1988.
    """
    if rows.score is None:
        return undefined(NO_SCORES, rows.rows)
    positive, negative = np.sort(rows.score[rows.label]), np.sort(rows.score[~rows.label])
    if not positive.size or not negative.size:
        return undefined("all rows carry the same label", rows.rows)
    below = np.searchsorted(negative, positive, side="left")
    up_to = np.searchsorted(negative, positive, side="right")
    auc = Fraction(int(below.sum()) + int(up_to.sum()), 2 * positive.size * negative.size)
    above = (
        2 * positive.size - np.searchsorted(positive, negative, "left") - np.searchsorted(positive, negative, "right")
    )
    interval = delong(float(auc), (below + up_to) / (2 * negative.size), above / (2 * positive.size), confidence)
    low, high = interval or (None, None)
    return Estimate(auc, rows.rows, low, high)


@metric(
    "Accuracy",
    unit=Unit.share,
    better=Better.higher,
    issue="The model's decisions are right less often than the policy asks.",
    causes=[
        "A decision threshold far from where the two kinds of error balance",
        "Weak features or an unsuitable model",
    ],
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
    n = int(confusion.sum())
    if n == 0:
        return undefined("there are no rows", 0)
    right = int(confusion[0, 0] + confusion[1, 1])
    return Estimate(Fraction(right, n), n, *wilson(right, n, confidence))
