"""Whether the model's quality survives a change in who applies."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import MISSING, Floats, Mass
from glassalpha_action.metrics.calibration import BINS, calibration_error, coarse
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import Better, Unit

FEASIBLE = (Fraction(1, 100), Fraction(99, 100))


def scenarios(group: Slice, shift: float) -> tuple[list[str], Floats, list[str]]:
    """Each level's share moved by ±shift, the others' in proportion.

    The names of the scenarios, their weights (scenarios, levels), and the names of those that are not feasible: the
    share would leave 0.01 to 0.99.
    """
    n, mass = group.n, group.mass.sum(axis=(1, 2, 3))
    names, weights, infeasible = [], [], []
    for i, level in enumerate(group.axis.levels):
        if level == MISSING or n[i] == 0:
            continue
        share = Fraction(float(mass[i])) / Fraction(float(mass.sum()))
        for change in (-Fraction(str(shift)), Fraction(str(shift))):
            name = f"{group.axis.name}: {level} {float(change) * 100:+.0f} points"
            moved = share + change
            if not FEASIBLE[0] <= moved <= FEASIBLE[1] or share == 1:
                infeasible.append(name)
                continue
            row = np.full(n.size, float((1 - moved) / (1 - share)))
            row[i] = float(moved / share)
            names.append(name)
            weights.append(row)
    return names, np.array(weights).reshape(len(weights), n.size), infeasible


def _auc(weights: Floats, wins: Floats | None, confusion: Mass) -> Floats | None:
    by_label = weights @ confusion.sum(axis=2)
    if wins is None or not by_label[0].all():
        return None
    return np.asarray(((weights @ wins) * weights).sum(axis=1) / by_label.prod(axis=1))


def _ece(weights: Floats, group: Slice) -> Floats | None:
    if not group.scored:
        return None
    spread = np.eye(BINS)[coarse(group)]
    positives = weights @ group.mass[:, 1].sum(axis=1) @ spread
    score = weights @ group.score.sum(axis=(1, 2)) @ spread
    return calibration_error(positives, score, weights @ group.mass.sum(axis=(1, 2, 3)))


def _gaps(weights: Floats, joint: Mass, other: str) -> dict[str, Floats]:
    """Gaps in selection rate and in both error rates over the second axis of `joint`, its first axis weighted."""
    confusion = np.tensordot(weights, joint, axes=1)
    tables = {
        "selection rate gap": (confusion[..., 1].sum(axis=2), confusion.sum(axis=(2, 3))),
        "true positive rate gap": (confusion[..., 1, 1], confusion[..., 1, :].sum(axis=2)),
        "false positive rate gap": (confusion[..., 0, 1], confusion[..., 0, :].sum(axis=2)),
    }
    gaps = {}
    for name, (k, n) in tables.items():
        known = n[0] > 0
        if known.sum() > 1:
            rates = k[:, known] / n[:, known]
            gaps[f"{other} {name}"] = rates.max(axis=1) - rates.min(axis=1)
    return gaps


def qualities(weights: Floats, axis: str, ranking: Ranking) -> dict[str, Floats]:
    """Everything a shift along `axis` may worsen, under each row of `weights`, written so that more is worse."""
    cube = ranking.cube
    group = cube.by(axis)
    confusion = group.confusion
    right = confusion[:, 0, 0] + confusion[:, 1, 1]
    found = {"accuracy": -(weights @ right) / (weights @ confusion.sum(axis=(1, 2)))}
    auc = _auc(weights, ranking.wins(axis) if ranking.scored else None, confusion)
    if auc is not None:
        found["AUC"] = -auc
    ece = _ece(weights, group)
    if ece is not None:
        found["calibration error"] = ece
    for other in cube.axes:
        if other.name != axis:
            found |= _gaps(weights, cube.confusion(axis, other.name)[:, cube.by(other.name).compared], other.name)
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
def max_shift_degradation(ranking: Ranking, *, shift: float = 0.10) -> Estimate:
    """The most that any quality of the model worsens when one group's share of the population moves by `shift`.

    For every level of every protected attribute its share is moved up and down by `shift` (0.10 is ten percentage
    points), the others' in proportion, by re-weighting the rows. The worsening, floored at 0, of AUC, accuracy,
    expected calibration error and the selection-rate and error-rate gaps of the other attributes is taken, and the
    worst of all is the value. Range 0 to 1. A share that would leave 0.01–0.99 is infeasible and listed; if all are,
    the metric is not estimable. Re-weighting cannot move an attribute's own gap: the model must also be judged by that
    gap itself.
    """
    cube = ranking.cube
    if not 0 < shift < 1:
        return undefined(f"the shift {shift:g} is not a share between 0 and 1", cube.rows)
    infeasible: list[str] = []
    found: list[tuple[float, str, str]] = []
    for axis in cube.axes:
        names, weights, impossible = scenarios(cube.by(axis.name), shift)
        infeasible += impossible
        if names:
            quality = qualities(np.vstack([np.ones(len(axis.levels)), weights]), axis.name, ranking)
            losses = np.array([np.maximum(0.0, after[1:] - after[0]) for after in quality.values()])
            found += [
                (float(losses[what, k]), name, list(quality)[what])
                for k, (name, what) in enumerate(zip(names, losses.argmax(axis=0), strict=True))
            ]
    missed = f" Not feasible: {', '.join(infeasible)}." if infeasible else ""
    if not found:
        reason = (
            "no group's share can be moved that far"
            if infeasible
            else ("no row has a value of a protected attribute" if cube.axes else "no protected attribute is declared")
        )
        return undefined(f"{reason}.{missed}".strip("."), cube.rows)
    loss, level, what = max(found, key=lambda one: one[0])
    groups = tuple(Group(level=f"{name} ({of})", n=cube.rows, value=value) for value, name, of in found)
    return Estimate(
        loss,
        cube.rows,
        groups=groups,
        between=(level,),
        of="worsening in each scenario",
        detail=f"Worst scenario: {level}; what worsens most is {what}. "
        f"Re-weighting cannot move an attribute's own gap.{missed}",
    )
