"""What the model's scores rest on, and whether each person decided against can be told why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from glassalpha_action.digests import settled
from glassalpha_action.evidence import Attributions, Evidence, Floats, Ints, Probes
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.columns import MOST_LISTED, weights
from glassalpha_action.metrics.intervals import wilson
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import Better, Unit

MOST_REASONS = 4
ONE_LABEL = "all rows carry the same label, so the scores rank nothing"
# Scores further apart than rounding in the last places of a sum.
MOVED = 1e-9

ONE_FEATURE = [
    "One feature carries most of what is known about the outcome",
    "A feature that leaks the outcome: it is recorded after the decision, or because of it",
]
CHECK = "Check when and how the named feature is recorded, and whether it could know the outcome."


@metric(
    "Permutation importance of the first feature",
    unit=Unit.score,
    better=Better.neither,
    lowest=-1.0,
    highest=1.0,
    issue="The model rests on its most important feature more, or less, than the policy allows.",
    causes=ONE_FEATURE,
    fixes=[
        CHECK,
        "If it is sound, add other information, so that a fault in one column does not undo the model.",
    ],
)
def permutation_importance(rows: Evidence, ranking: Ranking) -> Estimate:
    """How much AUC the model loses when one feature's values are shuffled among the rows: of the most important one.

    For each feature AUC − mean AUC over five seeded permutations of its column, on a seeded sample of at most 2,000
    rows; every feature stands beside the value. Range −1 to 1; about 0 says that the model does without it (a little
    below 0 is chance); features that say the same share their importance. Not estimable where no model was run, in the
    dev profile, or when all rows carry one label. Source: Breiman 2001; Fisher, Rudin, Dominici 2019.
    """
    if rows.probes is None:
        return undefined(rows.unprobed, rows.rows)
    n = int(rows.probes.sample.size)
    found = ranking.importances
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
    causes=ONE_FEATURE,
    fixes=[CHECK, "Audit again without it: if little quality is lost, leave it out."],
)
def top_feature_share(rows: Evidence, ranking: Ranking) -> Estimate:
    """The most important feature's part of all permutation importance: the largest over the sum of those above 0.

    Importance is that of permutation_importance. Range 0 to 1; 1 says that only one feature matters. Not estimable
    where no model was run, in the dev profile, or where no permutation lowers the AUC.
    """
    if rows.probes is None:
        return undefined(rows.unprobed, rows.rows)
    n = int(rows.probes.sample.size)
    found = ranking.importances
    if found is None:
        return undefined(ONE_LABEL, n)
    total = math.fsum(max(0.0, value) for value in found.values())
    if total <= 0:
        return undefined("permuting a feature lowers the AUC for none of them", n)
    first = max(found, key=lambda name: found[name])
    return Estimate(settled(found[first] / total), n, between=(first,), detail=f"It is `{first}`.")


def shap_importances(rows: Evidence, explained: Attributions) -> Mapping[str, float]:
    """For each feature the mean distance of its SHAP value from 0, the largest first; rows count by their weight."""
    mean = np.average(np.abs(explained.values), axis=0, weights=weights(rows)[explained.rows])
    found = {name: settled(float(value)) for name, value in zip(explained.names, mean, strict=True)}
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _explained(rows: Evidence) -> Attributions | Estimate:
    """The SHAP values of the rows, or why there are none."""
    if rows.probes is None:
        return undefined(rows.unprobed, rows.rows)
    return rows.probes.explained or undefined(rows.probes.unexplained, rows.rows)


@metric(
    "Mean absolute SHAP value of the first feature",
    unit=Unit.score,
    better=Better.neither,
    issue="One feature moves the model's scores more, or less, than the policy allows.",
    causes=ONE_FEATURE,
    fixes=[
        CHECK,
        "Compare with permutation_importance: a feature that moves scores without improving them can be left out.",
    ],
)
def shap_importance(rows: Evidence) -> Estimate:
    """How far the most important feature moves the model's scores, on the mean over rows: mean |SHAP value|.

    The SHAP values of a row share out, feature by feature, the difference between its score and the mean score of the
    rows it is explained against; they are in log-odds for models that add up log-odds, else in probability. From 0 up.
    Every feature stands beside the value, by rank. On at most 300 seeded rows against at most 100: exact for trees and
    linear models (encoded columns of one feature are added up), by four seeded pairs of permutations against 20 rows
    for others. Not estimable unless `audit.shap` asks for it, where no model was run, or in the dev profile. Source:
    Lundberg, Lee 2017; Lundberg et al. 2020.
    """
    explained = _explained(rows)
    if isinstance(explained, Estimate):
        return explained
    found = shap_importances(rows, explained)
    n, (first, *_) = int(explained.rows.size), found
    return Estimate(
        found[first],
        n,
        between=(first,),
        groups=_listed(found, n),
        of=f"mean absolute SHAP value, in {'log-odds' if explained.log_odds else 'probability'}",
        subject="Feature",
        detail=f"Most important is `{first}`. {explained.detail}",
    )


@metric(
    "Share of the first feature in all SHAP values",
    unit=Unit.share,
    better=Better.lower,
    issue="One feature moves the model's scores more than the policy allows beside all others.",
    causes=ONE_FEATURE,
    fixes=[CHECK, "Audit again without it: if little quality is lost, leave it out."],
)
def shap_top_feature_share(rows: Evidence) -> Estimate:
    """The most important feature's part of what all features move: its mean |SHAP value| over the sum of all.

    The values are those of shap_importance; every feature's share stands beside the value, by rank. Range 0 to 1; 1
    says that only one feature moves scores. Not estimable where shap_importance is not, or where no feature moves any.
    """
    explained = _explained(rows)
    if isinstance(explained, Estimate):
        return explained
    found = shap_importances(rows, explained)
    n, total = int(explained.rows.size), math.fsum(found.values())
    if total <= 0:
        return undefined("no feature moves any score", n)
    shares = {name: settled(value / total) for name, value in found.items()}
    first = next(iter(shares))
    groups = _listed(shares, n)
    return Estimate(
        shares[first],
        n,
        between=(first,),
        groups=groups,
        of="share of all SHAP values",
        subject="Feature",
        detail=f"It is `{first}`.",
    )


def reason_codes(rows: Evidence, probes: Probes) -> list[tuple[str, ...]]:
    """For each row of `asked_of(probes)` its reasons, the weightiest first: at most four, no protected attribute."""
    protected = {a.name for a in rows.attributes}
    sign = 1.0 if rows.favorable_positive else -1.0
    if (told := probes.told) is not None:
        kept = [i for i, name in enumerate(told.names) if name not in protected]
        return strongest([told.names[i] for i in kept], -sign * told.values[:, kept].T)
    names = [name for name in probes.replaced if name not in protected]
    if rows.score is None or not names:
        return [()] * int(probes.unfavorable.size)
    return strongest(
        names, sign * (np.array([probes.replaced[name] for name in names]) - rows.score[probes.unfavorable])
    )


def asked_of(probes: Probes) -> Ints:
    """The rows decided unfavourably whose reasons were asked."""
    return probes.unfavorable if probes.told is None else probes.told.rows


def strongest(names: Sequence[str], against: Floats) -> list[tuple[str, ...]]:
    """For each of n rows at most four of the k `names` that told against it, by `against` (k, n), the most first."""
    order = np.argsort(-against, axis=0, kind="stable")[:MOST_REASONS]
    return [tuple(names[i] for i in order[:, row] if against[i, row] > MOVED) for row in range(against.shape[1])]


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
    moves its score towards the favourable outcome; the four that move it most are its reasons. Where audit.yaml says
    `reason_codes: shap`, a feature is a reason when its SHAP value, against rows decided in favour, points the other
    way. A protected attribute, or what audit.yaml declares a proxy of one, is never a reason, even where the model is
    given it. On a seeded sample of at most 2,000 such rows (300 by SHAP), whatever they weigh.
    Range 0 to 1. Not estimable where no model was run, in the dev profile, or where nobody, or everybody, is decided in
    favour. Interval: Wilson's where the rows are a sample. Source: 12 CFR 1002.9(b)(2) and its commentary (at most four
    reasons).
    """
    probes = rows.probes
    if probes is None:
        return undefined(rows.unprobed, rows.rows)
    n = int(asked_of(probes).size)
    if not n:
        return undefined("no row is decided unfavourably", rows.rows)
    if not (rows.decision == rows.favorable_positive).any():
        return undefined("no row is decided in favour, so nobody can be compared with", n)
    if probes.untold:
        return undefined(probes.untold, n)
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
