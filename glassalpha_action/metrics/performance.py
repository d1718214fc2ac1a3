"""How well the model tells positives from negatives."""

from __future__ import annotations

import math

from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.intervals import logit
from glassalpha_action.metrics.ladder import CLIP, Point
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.vocabulary import Better, Unit

NO_SCORES = "the model's scores are not in the data, only its decisions"
ONE_LABEL = "all rows carry the same label"

WEAK = [
    "Features that carry too little information about the outcome",
    "A model too simple for the data, or fitted to noise in the training rows",
    "Held-out rows from another period or population than the training rows",
]
STRENGTHEN = [
    "Compare with the same number on the training rows: a wide gap says over-fitting, two low values weak features.",
    "Add features that carry information about the outcome, or try another kind of model.",
    "Check that the held-out rows come from the population the model is meant for.",
]


def _unranked(ranking: Ranking) -> str | None:
    """Why scores cannot be ranked against labels."""
    if not ranking.scored:
        return NO_SCORES
    return None if ranking.whole.pairs else ONE_LABEL


@metric(
    "Area under the ROC curve",
    unit=Unit.probability,
    better=Better.higher,
    issue="The model ranks positives above negatives less often than the policy asks.",
    causes=WEAK,
    fixes=[
        "Compare with the AUC on the training rows: a wide gap says over-fitting, two low values say weak features.",
        *STRENGTHEN[1:],
    ],
    aliases=["auc"],
)
def roc_auc(ranking: Ranking, confidence: float) -> Estimate:
    """The chance that a row with the positive label has a higher score than one without, a tie counting half.

    AUC = (wins + ties / 2) / (positives × negatives), computed exactly by sorting; from a
    cube alone it is known between bounds, and no gate is decided inside them. Range 0 to 1; 0.5 is chance.
    Not estimable when all rows carry one label. Interval: DeLong; where its variance is 0, as when a threshold
    separates the labels, Newcombe's score interval. Source: Hanley and McNeil 1982; DeLong et al. 1988; Newcombe 2006.
    """
    n, reason = ranking.cube.rows, _unranked(ranking)
    if reason:
        return undefined(reason, n)
    low, high = ranking.whole.auc_interval(confidence) or (None, None)
    return Estimate(ranking.whole.auc, n, low, high, bounds=ranking.whole.auc_bounds)


@metric(
    "Gini coefficient",
    unit=Unit.score,
    better=Better.higher,
    lowest=-1.0,
    highest=1.0,
    issue="The model separates positives from negatives less than the policy asks.",
    causes=WEAK,
    fixes=STRENGTHEN,
    aliases=["accuracy_ratio", "somers_d"],
)
def gini(ranking: Ranking, confidence: float) -> Estimate:
    """The accuracy ratio of credit scoring: twice the area under the ROC curve, less one.

    Gini = 2·AUC − 1 (Somers' D of the score on the label). Range −1 to 1; 0 is chance, 1 a perfect ranking, below 0
    worse than chance. Not estimable when all rows carry one label. Interval: that of the AUC, likewise rescaled.
    """
    n, reason = ranking.cube.rows, _unranked(ranking)
    if reason:
        return undefined(reason, n)
    ladder = ranking.whole
    interval, bounds = ladder.auc_interval(confidence), ladder.auc_bounds
    low, high = (2 * interval[0] - 1, 2 * interval[1] - 1) if interval else (None, None)
    surely = (2 * bounds[0] - 1, 2 * bounds[1] - 1) if bounds else None
    return Estimate(2 * ladder.auc - 1, n, low, high, bounds=surely)


@metric(
    "Average precision",
    unit=Unit.probability,
    better=Better.higher,
    issue="Going down the list from the highest score, too few of the rows met are positives.",
    causes=["Rare positives that look like many negatives", *WEAK],
    fixes=STRENGTHEN,
    aliases=["pr_auc"],
)
def average_precision(ranking: Ranking, confidence: float) -> Estimate:
    """The precision averaged over positives, each at the threshold that just includes it: Σ (Rₖ − Rₖ₋₁)·Pₖ.

    Rₖ and Pₖ are recall and precision at the k-th highest score; nothing is interpolated, and rows of one score are
    taken together. It sums up the precision–recall curve. Range 0 to 1; a model without skill scores the share of
    positives. From a cube alone it is known between bounds. Not estimable when all rows carry one label. Interval:
    logit, with the number n of positives; Wilson's where n·AP·(1 − AP) is below 1. Source: Boyd et al. 2013.
    """
    n, reason = ranking.cube.rows, _unranked(ranking)
    if reason:
        return undefined(reason, n)
    ladder = ranking.whole
    bounds = ladder.average_precision_bounds
    ends = [logit(p, ladder.sizes[0], confidence) for p in bounds or (ladder.average_precision,)]
    base = float(ladder.positives / (ladder.positives + ladder.negatives))
    return Estimate(
        ladder.average_precision,
        n,
        ends[0][0],
        ends[-1][1],
        bounds=bounds,
        detail=f"A model without skill would score {base:.3f}, the share of positives.",
    )


@metric(
    "Kolmogorov–Smirnov statistic",
    unit=Unit.difference,
    better=Better.higher,
    issue="At its best threshold the model keeps positives and negatives less apart than the policy asks.",
    causes=WEAK,
    fixes=STRENGTHEN,
    aliases=["ks"],
)
def ks_statistic(ranking: Ranking, confidence: float) -> Estimate:
    """The largest distance between the score distributions of positives and negatives: max |TPR − FPR| over thresholds.

    Range 0 to 1; 0 means the distributions are the same, 1 that some threshold separates the labels. From a cube
    alone it is known between bounds. Not estimable when all rows carry one label. Interval: Newcombe's for the two
    rates at that threshold, its lower end 0 where Smirnov's test sees no difference. Source: Smirnov 1948; Siddiqi
    2006 for its use in scorecards; Newcombe 1998.
    """
    n, reason = ranking.cube.rows, _unranked(ranking)
    if reason:
        return undefined(reason, n)
    return _read(ranking.whole.separation(confidence), n, "The labels are farthest apart at a score of")


@metric(
    "Precision among the k highest scores",
    unit=Unit.share,
    better=Better.higher,
    issue="Too many of the highest-scored rows, the alerts that people would work, are false.",
    causes=["More alerts than there are positives worth finding", *WEAK],
    fixes=[
        "Set `k` to the alerts the team can work; if there are far more, fewer alerts raise the precision.",
        *STRENGTHEN[1:],
    ],
    aliases=["precision_at_capacity"],
)
def precision_at_k(ranking: Ranking, confidence: float, *, k: float = 100) -> Estimate:
    """The share of positives among the `k` rows with the highest scores: positives among them / k.

    `k` is a number of rows, such as the alerts a team can work. Rows that tie at the k-th score count in proportion.
    Range 0 to 1; a model without skill scores the share of positives. From a cube alone it is known between bounds.
    Not estimable with fewer than `k` rows. Interval: Wilson. Source: Manning et al. 2008, chapter 8.
    """
    n = ranking.cube.rows
    if not ranking.scored:
        return undefined(NO_SCORES, n)
    if not (k >= 1 and float(k).is_integer()):
        return undefined(f"k is {k:g}, not a whole number of rows", n)
    held = ranking.whole.positives + ranking.whole.negatives
    if held < k:
        return undefined(f"there are only {held:,g} rows, fewer than k = {k:,g}", n)
    return _read(ranking.whole.top(int(k), confidence), n, "The last row among them scores")


@metric(
    "Recall at a false positive rate",
    unit=Unit.share,
    better=Better.higher,
    issue="At the false positive rate that is allowed, the model finds too few of the positives.",
    causes=WEAK,
    fixes=STRENGTHEN,
    aliases=["tpr_at_fpr"],
)
def recall_at_fpr(ranking: Ranking, confidence: float, *, fpr: float = 0.05) -> Estimate:
    """The largest share of positives found by a threshold that flags at most the share `fpr` of negatives.

    Of all thresholds (score ≥ t) with false positives ≤ fpr × negatives, the one with the highest true positive rate;
    nothing is interpolated. Range 0 to 1; a model without skill finds about `fpr`. From a cube alone it is known
    between bounds. Not estimable when all rows carry one label. Interval: Wilson's of the rate, joined with what the
    rate would be at the ends of Wilson's of `fpr`, the threshold being estimated too. Source: Zou and Donner 2008.
    """
    n, reason = ranking.cube.rows, _unranked(ranking)
    if not 0 <= fpr < 1:
        return undefined(f"the false positive rate {fpr:g} is not a share below 1", n)
    if reason:
        return undefined(reason, n)
    found = ranking.whole.recall(fpr, confidence)
    if math.isinf(found.score):
        return Estimate(found.value, n, found.low, found.high, bounds=found.bounds, detail="No threshold is so strict.")
    return _read(found, n, "The threshold would be a score of")


def _read(found: Point, n: int, about: str) -> Estimate:
    detail = f"{about} {found.score:.4g}."
    return Estimate(found.value, n, found.low, found.high, bounds=found.bounds, detail=detail)


@metric(
    "Log loss",
    unit=Unit.score,
    better=Better.lower,
    highest=-math.log(CLIP),
    issue="The predicted probabilities are too sure of too many outcomes that did not happen.",
    causes=["Scores close to 0 or 1 on rows the model gets wrong", "Poor calibration", *WEAK[:1]],
    fixes=[
        "Recalibrate on rows held out from training: scikit-learn's CalibratedClassifierCV, Platt or isotonic.",
        "Look at rows scored near 0 or 1 that turned out the other way: their labels or features may be wrong.",
        *STRENGTHEN[1:2],
    ],
    aliases=["cross_entropy"],
)
def log_loss(rows: Evidence, ranking: Ranking, confidence: float) -> Estimate:
    """The mean surprise at the outcomes under the scores: −mean(y·ln p + (1 − y)·ln(1 − p)).

    Scores are cut to 2⁻⁵² from 0 and 1, as scikit-learn does, so that one impossible outcome costs 36, not infinity.
    Range 0 to 36; always saying the base rate b costs −b·ln b − (1 − b)·ln(1 − b), at most 0.69. Needs rows. Not
    estimable without scores or rows. Interval: normal, from the spread of the rows' losses. Source: Good 1952.
    """
    if not ranking.scored or not ranking.cube.rows:
        return undefined("there are no rows" if ranking.scored else NO_SCORES, rows.rows)
    value, low, high = ranking.whole.log_loss(confidence)
    return Estimate(value, ranking.cube.rows, low, high)
