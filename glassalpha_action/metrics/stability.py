"""Whether decisions hold under small errors in the input, and whether the population has drifted."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from glassalpha_action.digests import settled
from glassalpha_action.evidence import Evidence, Feature, Floats
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.columns import MOST_LISTED, counted, weights
from glassalpha_action.metrics.intervals import wilson
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import Better, Unit

EMPTY = 1e-4
SCORE = "(score)"
NO_REFERENCE = "there are no reference rows: name a file of them in `data.reference_path`"


@metric(
    "Decisions that hold under small errors",
    unit=Unit.share,
    better=Better.higher,
    family="robustness",
    issue="Small errors in the input turn more decisions round than the policy allows.",
    causes=[
        "Many scores close to the decision threshold",
        "A model that turns on small differences, such as a deep tree",
    ],
    fixes=[
        "Count the scores within a few points of the threshold: a person may have to look at those cases.",
        "Regularise the model more, or give it features that are measured more exactly; then audit again.",
    ],
)
def perturbation_stability(rows: Evidence, confidence: float) -> Estimate:
    """The share of decisions that stay as they are when every numeric feature is changed by a small random error.

    Each number gets seeded normal noise of a twentieth of its column's standard deviation (whole numbers stay whole,
    and nothing leaves the range seen), and the model scores the row again; five times, on a seeded sample of at most
    2,000 rows. Range 0 to 1; 1 says that no decision turns. Not estimable where no model was run, in the dev profile,
    or where the model is given no numbers. Interval: Wilson's, on the rows of the sample.
    """
    probes, threshold = rows.probes, rows.threshold
    if probes is None or threshold is None:
        return undefined(rows.unprobed, rows.rows)
    n = int(probes.sample.size)
    if not len(probes.perturbed):
        return undefined("the model is given no numeric feature", n)
    held = (probes.perturbed >= threshold) == rows.decision[probes.sample]
    value: Fraction | float
    if rows.weight is None:
        value, size = Fraction(int(held.sum()), held.size), float(n)
    else:
        weight = rows.weight[probes.sample]
        value = settled(float((held.mean(axis=0) * weight).sum() / weight.sum()))
        size = float(weight.sum() ** 2 / (weight**2).sum())
    turned = int((~held).any(axis=0).sum())
    low, high = wilson(float(value) * size, size, confidence)
    return Estimate(
        value,
        n,
        min(low, float(value)),
        max(high, float(value)),
        detail=f"{turned:,} of {n:,} rows are decided otherwise at least once in {len(held)} tries.",
    )


@metric(
    "Population stability index",
    unit=Unit.score,
    better=Better.lower,
    judges="rows",
    family="robustness",
    issue="The rows differ from the reference rows: the model now sees another population than it was made for.",
    causes=[
        "Other people apply than did in the reference period",
        "A change in how a feature is measured, coded or filled in",
        "A reference file of other rows than those the model was made for",
    ],
    fixes=[
        "Look at the named column: find out whether the change is real, or an error of a source system.",
        "If the population has changed, check performance and calibration on it, and train the model again.",
    ],
    aliases=["psi"],
)
def population_stability_index(rows: Evidence) -> Estimate:
    """How far the rows have drifted from the reference rows, in the column that has drifted most; the score counts too.

    PSI = Σ (a − e)·ln(a / e) over bins, a being the share of these rows and e that of the reference rows: ten bins at
    the reference's deciles for a number, a bin for each category, and one for missing values; an empty bin's share is
    taken as 0.0001. Every column both have stands beside the value. From 0 up; under 0.1 is called stable, above 0.25
    shifted. Not estimable without reference rows (`data.reference_path`). Source: Siddiqi 2006.
    """
    reference = rows.reference
    if reference is None:
        return undefined(NO_REFERENCE, rows.rows)
    rows = counted(rows)
    pairs = [(f, other) for f in rows.features for other in reference.features if f.name == other.name]
    if rows.score is not None and reference.score is not None:
        pairs.append((Feature(SCORE, rows.score), Feature(SCORE, reference.score)))
    if not pairs or not rows.rows:
        return undefined("the reference rows share no column with these", rows.rows)
    found = {now.name: settled(stability(now, then, weights(rows))) for now, then in pairs}
    order = sorted(found, key=lambda name: -found[name])
    return Estimate(
        found[order[0]],
        rows.rows,
        between=(order[0],),
        groups=tuple(Group(level=name, n=rows.rows, value=found[name]) for name in order[:MOST_LISTED]),
        of="population stability index",
        subject="Column",
        detail=f"`{order[0]}` has drifted most.",
    )


def stability(now: Feature, then: Feature, weight: Floats) -> float:
    """PSI of one column, its rows `now` weighing `weight` (n,), against the same column `then`."""
    if now.values is not None and then.values is not None:
        known = then.values[~np.isnan(then.values)]
        edges = (
            np.unique(np.quantile(known, np.arange(1, 10) / 10, method="inverted_cdf")) if known.size else np.zeros(0)
        )
        size = edges.size + 2
        places = [
            np.where(np.isnan(values), size - 1, np.searchsorted(edges, values, side="left"))
            for values in (now.values, then.values)
        ]
    else:
        texts = [_texts(now), _texts(then)]
        levels = sorted({text for found, _ in texts for text in found})
        place = {text: i for i, text in enumerate(levels)}
        size = len(levels) + 1
        places = [np.array([*(place[text] for text in found), size - 1])[codes] for found, codes in texts]
    actual, expected = (
        np.maximum(shares / shares.sum(), EMPTY)
        for shares in (np.bincount(places[0], weight, size), np.bincount(places[1], minlength=size).astype(np.float64))
    )
    either = (np.bincount(places[0], weight, size) + np.bincount(places[1], minlength=size)) > 0
    return max(0.0, float(((actual - expected) * np.log(actual / expected))[either].sum()))


def _texts(feature: Feature) -> tuple[list[str], np.ndarray]:
    """A column as texts and indices into them, -1 (the last) being missing; numbers are written as they read."""
    if feature.values is None:
        return list(feature.levels), feature.codes if feature.codes is not None else np.zeros(0, np.int32)
    values, codes = np.unique(feature.values, return_inverse=True)
    missing = np.isnan(values)
    return [f"{v:.15g}" for v in values[~missing]], np.where(missing[codes], -1, codes)
