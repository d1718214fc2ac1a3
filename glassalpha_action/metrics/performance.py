"""How well the model tells positives from negatives."""

from __future__ import annotations

from glassalpha_action.cube import Slice
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.metrics.rates import rate
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
def roc_auc(ranking: Ranking, confidence: float) -> Estimate:
    """The chance that a row with the positive label has a higher score than one without, a tie counting half.

    AUC = (wins + ties / 2) / (positives × negatives), computed exactly by sorting; from a
    cube alone it is known between bounds, and no gate is decided inside them. Range 0 to 1; 0.5 is chance.
    Not estimable when all rows carry one label. Interval: DeLong. Source: Hanley and McNeil 1982; DeLong et al. 1988.
    """
    n = ranking.cube.rows
    if not ranking.scored:
        return undefined(NO_SCORES, n)
    ladder = ranking.whole
    if not ladder.pairs:
        return undefined("all rows carry the same label", n)
    low, high = ladder.interval(confidence) or (None, None)
    return Estimate(ladder.auc, n, low, high, bounds=ladder.bounds)


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
    confusion, n = whole.confusion[0], int(whole.count.sum())
    right = rate(confusion[0, 0] + confusion[1, 1], confusion.sum(), whole.confusion_square.sum())
    if not right.known:
        return undefined("there are no rows", 0)
    return Estimate(right.value, n, *right.interval(confidence))
