from __future__ import annotations

import pytest
from sklearn.metrics import auc, roc_auc_score

from glassalpha_action.cube import build
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics import measure
from glassalpha_action.metrics.curves import POINTS, charts
from glassalpha_action.records import Charts
from tests.metrics.rows import counts, evidence, random_rows


def drawn(rows: Evidence) -> Charts:
    cube = build(rows)
    return charts(cube, measure(rows, cube, 0.95), 0.95)


def test_the_curve_encloses_the_area_it_states() -> None:
    rows = random_rows(3, n=800)
    whole = drawn(rows).roc[0]
    assert whole.auc == pytest.approx(roc_auc_score(rows.label, rows.score), abs=5e-5)
    x, y = zip(*whole.points, strict=True)
    assert auc(x, y) == pytest.approx(whole.auc, abs=0.005)
    assert (whole.points[0], whole.points[-1]) == ((0, 0), (1, 1))
    assert list(x) == sorted(x)
    assert list(y) == sorted(y)
    assert len(whole.points) <= POINTS


def test_each_group_has_its_curve() -> None:
    rows = random_rows(3, n=800)
    codes = rows.attributes[0].codes
    assert rows.score is not None
    for found in drawn(rows).roc[1:4]:
        chosen = codes == "abc".index(str(found.level))
        assert found.attribute == "g"
        assert found.auc == pytest.approx(roc_auc_score(rows.label[chosen], rows.score[chosen]), abs=5e-5)


def test_a_group_of_one_class_has_no_curve() -> None:
    rows = evidence([0, 1, 1, 1], score=[0.1, 0.6, 0.7, 0.9], g=["a", "a", "b", "b"])
    assert [c.level for c in drawn(rows).roc] == [None, "a"]


def test_the_reliability_bins_by_hand() -> None:
    rows = evidence([0, 1, 1, 0], score=[0.3, 0.35, 1.0, 0.0])
    found = drawn(rows).calibration
    assert [(b.low, b.n) for b in found] == [(0.0, 1), (0.3, 2), (0.9, 1)]
    assert found[1].observed == 0.5
    assert found[1].mean_score == pytest.approx(0.325, abs=1e-6)
    assert (found[1].observed_low, found[1].observed_high) == pytest.approx((0.0945, 0.9055), abs=1e-4)
    assert found[2].mean_score == pytest.approx(1, abs=1e-6)


def test_the_histogram_counts_every_row_once() -> None:
    rows = random_rows(5, n=500)
    found = drawn(rows).score_histogram
    assert len(found) == 20
    assert sum(n for _, n, _ in found) == int((~rows.label).sum())
    assert sum(n for _, _, n in found) == int(rows.label.sum())


def test_without_scores_nothing_is_drawn() -> None:
    assert drawn(counts(a=(1, 2, 3, 4))) == Charts()
