"""Whether the model's quality survives a change in who applies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from glassalpha_action.cube import SCALE, Cube, Slice
from glassalpha_action.evidence import MISSING, Attribute, Evidence, Floats
from glassalpha_action.metrics.calibration import BINS, calibration_error, coarse
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.records import Better, Group, Unit

FEASIBLE = (0.01, 0.99)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A population in which `level` has the share `share`: `weights` (levels,) re-weight the rows we have."""

    level: str
    share: float
    weights: Floats


def scenarios(group: Slice, shift: float) -> Iterator[Scenario | str]:
    """Each level's share moved by ±shift, the others' in proportion; a share outside 0.01–0.99 is named instead."""
    n = group.n
    total = int(n.sum())
    for i, level in enumerate(group.axis.levels):
        if level == MISSING or n[i] == 0:
            continue
        share = n[i] / total
        for change in (-shift, shift):
            moved = share + change
            if not FEASIBLE[0] <= moved <= FEASIBLE[1] or share == 1:
                yield f"{group.axis.name}: {level} {change * 100:+.0f} points"
                continue
            weights = np.full(n.size, (1 - moved) / (1 - share))
            weights[i] = moved / share
            yield Scenario(f"{group.axis.name}: {level} {change * 100:+.0f} points", moved, weights)


def outranked(attribute: Attribute, rows: Evidence) -> Floats | None:
    """(levels, levels): how many pairs of a positive row of one level and a negative of another are ranked right."""
    if rows.score is None:
        return None
    levels = len(attribute.levels)
    positives = [np.sort(rows.score[rows.label & (attribute.codes == g)]) for g in range(levels)]
    negatives = [np.sort(rows.score[~rows.label & (attribute.codes == g)]) for g in range(levels)]
    return np.array(
        [
            [(np.searchsorted(h, g, "left").sum() + np.searchsorted(h, g, "right").sum()) / 2 for h in negatives]
            for g in positives
        ]
    )


def _auc(weights: Floats, wins: Floats | None, group: Slice) -> float | None:
    by_label = group.confusion.sum(axis=2)
    pairs = float((weights * by_label[:, 1]).sum() * (weights * by_label[:, 0]).sum())
    return float(weights @ wins @ weights) / pairs if wins is not None and pairs else None


def _accuracy(weights: Floats, group: Slice) -> float:
    confusion = group.confusion
    return float(weights @ (confusion[:, 0, 0] + confusion[:, 1, 1]) / (weights @ group.n))


def _ece(weights: Floats, group: Slice) -> float | None:
    if not group.scored:
        return None
    spread = np.eye(BINS)[coarse(group)]
    positives = weights @ group.count[:, 1].sum(axis=1) @ spread
    score = weights @ group.score.sum(axis=(1, 2)) / SCALE @ spread
    return float(calibration_error(positives, score, float(weights @ group.n)))


def _gaps(weights: Floats, joint: Slice, other: Slice) -> dict[str, float]:
    """Gaps in selection rate and in both error rates of `other`'s levels, the rows of `joint` weighted by its first axis."""
    confusion = np.tensordot(weights, joint.confusion.reshape(len(weights), -1, 2, 2), axes=1)[other.compared]
    tables = {
        "selection rate gap": (confusion[:, :, 1].sum(axis=1), confusion.sum(axis=(1, 2))),
        "true positive rate gap": (confusion[:, 1, 1], confusion[:, 1].sum(axis=1)),
        "false positive rate gap": (confusion[:, 0, 1], confusion[:, 0].sum(axis=1)),
    }
    gaps = {}
    for name, (k, n) in tables.items():
        rates = k[n > 0] / n[n > 0]
        if rates.size > 1:
            gaps[f"{other.axis.name} {name}"] = float(rates.max() - rates.min())
    return gaps


def qualities(
    weights: Floats, group: Slice, wins: Floats | None, others: list[tuple[Slice, Slice]]
) -> dict[str, float]:
    """Everything the shift may worsen, written so that more is worse."""
    auc, ece = _auc(weights, wins, group), _ece(weights, group)
    found = {"accuracy": -_accuracy(weights, group)}
    if auc is not None:
        found["AUC"] = -auc
    if ece is not None:
        found["calibration error"] = ece
    for joint, other in others:
        found |= _gaps(weights, joint, other)
    return found


@metric(
    "Worst degradation under demographic shift",
    unit=Unit.difference,
    better=Better.lower,
    issue="If the mix of applicants changed, the model would get worse by more than the policy allows.",
    causes=["The model serves one group much worse than another, so its overall quality hangs on the mix"],
    fixes=[
        "Look at the named scenario: it says for which group more applicants make things worse, and in what.",
        "Improve the model for that group: more training rows, better features, or its own calibration.",
        "If the quality that falls is calibration, recalibrate by group where the law allows it.",
    ],
    aliases=["max_metric_degradation_under_shift"],
)
def max_shift_degradation(rows: Evidence, cube: Cube, *, shift: float = 0.10) -> Estimate:
    """The most that any quality of the model worsens when one group's share of the population moves by `shift`.

    For every level of every protected attribute its share is moved up and down by `shift` (0.10 is ten percentage
    points), the others' in proportion, by re-weighting the rows. The worsening, floored at 0, of AUC, accuracy,
    expected calibration error and the selection-rate and error-rate gaps of the other attributes is taken, and the
    worst of all is the value. A share that would leave 0.01–0.99 is infeasible and listed; if all are, the metric is
    not estimable. Re-weighting cannot move an attribute's own gap: the model must also be judged by that gap itself.
    """
    worst: tuple[float, str, str] | None = None
    infeasible: list[str] = []
    groups: list[Group] = []
    for attribute, axis in zip(rows.attributes, cube.axes, strict=True):
        group = cube.by(axis.name)
        others = [(cube.by(axis.name, o.name), cube.by(o.name)) for o in cube.axes if o.name != axis.name]
        wins = outranked(attribute, rows)
        before = qualities(np.ones(len(axis.levels)), group, wins, others)
        for scenario in scenarios(group, shift):
            if isinstance(scenario, str):
                infeasible.append(scenario)
                continue
            after = qualities(scenario.weights, group, wins, others)
            loss, what = max((max(0.0, after[q] - before[q]), q) for q in before if q in after)
            groups.append(Group(level=f"{scenario.level} ({what})", n=rows.rows, value=loss))
            if worst is None or loss > worst[0]:
                worst = (loss, scenario.level, what)
    missed = f" Not feasible: {', '.join(infeasible)}." if infeasible else ""
    if worst is None:
        reason = "no group's share can be moved that far" if infeasible else "no protected attribute is declared"
        return undefined(f"{reason}.{missed}".strip("."), rows.rows)
    loss, level, what = worst
    return Estimate(
        loss,
        rows.rows,
        groups=tuple(groups),
        between=(level,),
        of="worsening in each scenario",
        detail=f"Worst scenario: {level}; what worsens most is {what}. "
        f"Re-weighting cannot move an attribute's own gap.{missed}",
    )
