"""That 95% intervals hold the truth as often as they say."""

from __future__ import annotations

import math

import pytest

from benchmarks.coverage import bootstrap_coverage, drawn, gap_coverage, model_coverage, ratio_coverage, wilson_coverage

TRIALS = 400
LEAST = 0.95 - 3 * math.sqrt(0.95 * 0.05 / TRIALS)


@pytest.mark.parametrize("n", [18, 19, 25, 40, 100])
def test_wilsons_interval_holds_every_share_often_enough(n: int) -> None:
    held = wilson_coverage(n)
    assert held.mean() >= 0.95
    assert held.min() >= 0.915


@pytest.mark.parametrize("groups", [2, 5, 20])
def test_gaps_and_ratios_of_equal_groups_hold_none_and_a_bootstrap_does_not(groups: int) -> None:
    hits = drawn(groups, TRIALS)
    assert gap_coverage(hits) >= LEAST
    assert ratio_coverage(hits) >= LEAST
    few = bootstrap_coverage(hits[:60])
    assert few < 0.7
    if groups > 2:
        assert few == 0


def test_a_models_measures_hold_their_true_values() -> None:
    for name, _, held in model_coverage(models=60, n=300):
        assert held >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 60), name
