from __future__ import annotations

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.policy.suggest import suggest
from glassalpha_action.records import Audit
from glassalpha_action.vocabulary import Better, Comparison
from tests import samples
from tests.policy.portfolio import DEFINITIONS, auc, measurement, parity


def audits(*values: float, n: int = 400) -> list[Audit]:
    return [samples.audit(f"m{i:02}", measurements=(auc(value, n),)) for i, value in enumerate(values)]


def test_nine_models_in_ten_meet_the_suggested_floor() -> None:
    found = suggest(DEFINITIONS["roc_auc"], audits(0.612, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76, 0.77, 0.78, 0.79), 0.9)
    assert found.comparison is Comparison.greater_than_or_equal
    assert found.chosen.threshold == 0.71
    assert (found.chosen.blocked, found.chosen.pass_share) == (1, 0.9)


def test_the_false_block_rate_counts_models_whose_interval_reaches_the_passing_side() -> None:
    values = [0.5, 0.68, 0.71, 0.75, 0.76, 0.77, 0.78, 0.79, 0.8, 0.81]
    found = suggest(DEFINITIONS["roc_auc"], audits(*values), 0.7)
    assert found.chosen.threshold == 0.75
    assert (found.chosen.blocked, found.chosen.in_doubt) == (3, 1)
    assert found.chosen.false_block_rate == 0.1
    assert suggest(DEFINITIONS["roc_auc"], audits(*values, n=40_000), 0.7).chosen.false_block_rate == 0


def test_ceilings_round_upwards_and_floors_downwards() -> None:
    values = (0.0213, 0.0214, 0.0215, 0.0216, 0.0217)
    some = [
        samples.audit(f"m{i}", measurements=(measurement("brier_score", value=v, n=9),)) for i, v in enumerate(values)
    ]
    found = suggest(DEFINITIONS["brier_score"], some, 1.0)
    assert (found.comparison, found.chosen.threshold) == (Comparison.less_than_or_equal, 0.022)
    assert found.chosen.blocked == 0
    assert suggest(DEFINITIONS["roc_auc"], audits(0.7119, 0.72, 0.73, 0.74, 0.75), 1.0).chosen.threshold == 0.71


def test_candidates_get_laxer_and_block_fewer() -> None:
    found = suggest(DEFINITIONS["roc_auc"], audits(*(0.6 + i / 100 for i in range(20))))
    thresholds = [one.threshold for one in found.candidates]
    assert thresholds == sorted(thresholds, reverse=True)
    assert [one.blocked for one in found.candidates] == sorted((one.blocked for one in found.candidates), reverse=True)
    assert all(one.in_doubt <= one.blocked <= one.models for one in found.candidates)


def test_a_model_counts_with_its_worst_attribute() -> None:
    fair, unfair = parity({"a": (50, 100), "b": (50, 100)}), parity({"a": (50, 100), "b": (70, 100)})
    two = (fair, unfair.model_copy(update={"attribute": "age"}))
    some = [samples.audit(f"m{i}", measurements=two) for i in range(5)]
    assert suggest(DEFINITIONS["demographic_parity_difference"], some, 1.0).chosen.threshold == 0.2


def test_intersections_and_missing_values_do_not_count() -> None:
    """A gate without a scope judges neither, so a threshold from history is not theirs."""
    fair, unfair = parity({"a": (50, 100), "b": (50, 100)}), parity({"a": (20, 100), "b": (70, 100)})
    crossed = unfair.model_copy(update={"attribute": "age & sex", "combines": ("age", "sex")})
    counted = unfair.model_copy(update={"counts_missing": True})
    some = [samples.audit(f"m{i}", measurements=(crossed, fair, counted)) for i in range(5)]
    assert suggest(DEFINITIONS["demographic_parity_difference"], some, 1.0).chosen.threshold == 0.0


def test_models_without_the_metric_are_named_and_too_few_are_refused() -> None:
    missing = samples.audit("other", measurements=(measurement("roc_auc", value=None, reason="one class", n=9),))
    found = suggest(DEFINITIONS["roc_auc"], [*audits(0.7, 0.7, 0.7, 0.7, 0.7), missing])
    assert found.left_out == ("other",)
    with pytest.raises(UserError, match="measured for 4 models"):
        suggest(DEFINITIONS["roc_auc"], [*audits(0.7, 0.7, 0.7, 0.7), missing])


def test_a_metric_without_a_better_way_gets_no_suggestion() -> None:
    neither = DEFINITIONS["roc_auc"].model_copy(update={"better": Better.neither})
    with pytest.raises(UserError, match="neither more nor less"):
        suggest(neither, audits(0.7, 0.7, 0.7, 0.7, 0.7))
