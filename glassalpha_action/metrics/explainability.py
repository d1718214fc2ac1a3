"""What the model's scores rest on, and whether each person decided against can be told why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from glassalpha_action.evidence import Evidence, Floats, Probes
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.columns import MOST_LISTED, settled, weights
from glassalpha_action.metrics.intervals import wilson
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import Better, Unit

MOST_REASONS = 4
ONE_LABEL = "all rows carry the same label, so the scores rank nothing"
# Scores further apart than rounding in the last places of a sum.
MOVED = 1e-9


def importances(rows: Evidence, ranking: Ranking) -> Mapping[str, float] | None:
    """For each feature the mean fall in AUC when its values are permuted; None where there is no AUC."""
    probes = rows.probes
    if probes is None or rows.score is None:
        return None
    sample = replace(
        rows,
        label=rows.label[probes.sample],
        score=rows.score[probes.sample],
        weight=None if rows.weight is None else rows.weight[probes.sample],
    )
    if not Ranking(sample, ranking.cube).whole.pairs:
        return None
    before = float(Ranking(sample, ranking.cube).whole.auc)

    def after(score: Floats) -> float:
        return float(Ranking(replace(sample, score=score), ranking.cube).whole.auc)

    return {
        name: settled(math.fsum(before - after(score) for score in scores) / len(scores))
        for name, scores in probes.permuted.items()
    }


@metric(
    "Permutation importance of the first feature",
    unit=Unit.score,
    better=Better.neither,
    issue="The model rests on its most important feature more, or less, than the policy allows.",
    causes=[
        "One feature carries most of what is known about the outcome",
        "A feature that leaks the outcome: it is recorded after the decision, or because of it",
    ],
    fixes=[
        "Check when and how the named feature is recorded, and whether it could know the outcome.",
        "If it is sound, add other information, so that a fault in one column does not undo the model.",
    ],
)
def permutation_importance(rows: Evidence, ranking: Ranking) -> Estimate:
    """How much AUC the model loses when one feature's values are shuffled among the rows: of the most important one.

    For each feature AUC − mean AUC over five seeded permutations of its column, on a seeded sample of at most 2,000
    rows; every feature stands beside the value. About 0 says that the model does without it (a little below 0 is
    chance); features that say the same share their importance. Not estimable where no model was run, in the dev
    profile, or when all rows carry one label. Source: Breiman 2001; Fisher, Rudin, Dominici 2019.
    """
    if rows.probes is None:
        return undefined(rows.unprobed, rows.rows)
    n = int(rows.probes.sample.size)
    found = importances(rows, ranking)
    if found is None:
        return undefined(ONE_LABEL, n)
    if not found:
        return undefined("the model is given no features", n)
    first = max(found, key=lambda name: found[name])
    return Estimate(
        found[first],
        n,
        between=(first,),
        groups=_listed(found, n),
        of="fall in AUC when permuted",
        subject="Feature",
        detail=f"Most important is `{first}`.",
    )


def _listed(found: Mapping[str, float], n: int) -> tuple[Group, ...]:
    order = sorted(found, key=lambda name: -found[name])
    return tuple(Group(level=name, n=n, value=found[name]) for name in order[:MOST_LISTED])


@metric(
    "Share of the most important feature",
    unit=Unit.share,
    better=Better.lower,
    issue="The model rests on one feature for more of its quality than the policy allows.",
    causes=[
        "One feature carries most of what is known about the outcome",
        "A feature that leaks the outcome: it is recorded after the decision, or because of it",
    ],
    fixes=[
        "Check when and how the named feature is recorded, and whether it could know the outcome.",
        "Audit again without it: if little quality is lost, leave it out.",
    ],
)
def top_feature_share(rows: Evidence, ranking: Ranking) -> Estimate:
    """The most important feature's part of all permutation importance: the largest over the sum of those above 0.

    Importance is that of permutation_importance. Range 0 to 1; 1 says that only one feature matters. Not estimable
    where no model was run, in the dev profile, or where no permutation lowers the AUC.
    """
    if rows.probes is None:
        return undefined(rows.unprobed, rows.rows)
    n = int(rows.probes.sample.size)
    found = importances(rows, ranking)
    if found is None:
        return undefined(ONE_LABEL, n)
    total = math.fsum(max(0.0, value) for value in found.values())
    if total <= 0:
        return undefined("permuting a feature lowers the AUC for none of them", n)
    first = max(found, key=lambda name: found[name])
    return Estimate(settled(found[first] / total), n, between=(first,), detail=f"It is `{first}`.")


def reason_codes(rows: Evidence, probes: Probes) -> list[tuple[str, ...]]:
    """For each row of `probes.unfavorable` its reasons, the weightiest first: at most four, no protected attribute."""
    protected = {a.name for a in rows.attributes}
    names = [name for name in probes.replaced if name not in protected]
    if rows.score is None or not names:
        return [()] * int(probes.unfavorable.size)
    sign = 1.0 if rows.favorable_positive else -1.0
    gain = sign * (np.array([probes.replaced[name] for name in names]) - rows.score[probes.unfavorable])
    order = np.argsort(-gain, axis=0, kind="stable")[:MOST_REASONS]
    return [
        tuple(names[i] for i in order[:, row] if gain[i, row] > MOVED) for row in range(int(probes.unfavorable.size))
    ]


@metric(
    "Reason code coverage",
    unit=Unit.share,
    better=Better.higher,
    issue="Some people are decided against and cannot be told a specific reason.",
    causes=[
        "Rows that already have the typical values of people decided in favour, yet score on the wrong side",
        "Decisions that hang on a protected attribute, which is never a reason",
        "A threshold far from the scores of most rows",
    ],
    fixes=[
        "Look at the rows without a reason: if they hang on a protected attribute, train the model without it.",
        "Move the threshold only with the policy owner: it decides who needs a reason.",
    ],
)
def reason_code_coverage(rows: Evidence, confidence: float) -> Estimate:
    """The share of rows decided unfavourably that have at least one reason: a feature that told against them.

    A feature is a reason when giving the row the typical value (median or most frequent) of rows decided in favour
    moves its score towards the favourable outcome; the four that move it most are its reasons. A protected attribute is
    never one, even where the model is given it. On a seeded sample of at most 2,000 such rows, whatever they weigh.
    Range 0 to 1. Not estimable where no model was run, in the dev profile, or where nobody, or everybody, is decided in
    favour. Interval: Wilson's where the rows are a sample. Source: 12 CFR 1002.9(b)(2) and its commentary (at most four
    reasons).
    """
    probes = rows.probes
    if probes is None:
        return undefined(rows.unprobed, rows.rows)
    n = int(probes.unfavorable.size)
    if not n:
        return undefined("no row is decided unfavourably", rows.rows)
    if not (rows.decision == rows.favorable_positive).any():
        return undefined("no row is decided in favour, so nobody can be compared with", n)
    codes = reason_codes(rows, probes)
    told = sum(bool(reasons) for reasons in codes)
    named = Counter(name for reasons in codes for name in reasons)
    order = sorted(named, key=lambda name: (-named[name], name))[:MOST_LISTED]
    # All such rows asked, the share is that of the rows at hand; of a sample it is an estimate.
    everyone = n == int(((rows.decision != rows.favorable_positive) & (weights(rows) > 0)).sum())
    low, high = (None, None) if everyone else wilson(told, n, confidence)
    return Estimate(
        Fraction(told, n),
        n,
        low,
        high,
        groups=tuple(Group(level=name, n=n, value=named[name] / n) for name in order),
        of="share of unfavourable rows with this reason",
        subject="Feature",
        detail=f"Most frequent reason: `{order[0]}`." if order else None,
    )
