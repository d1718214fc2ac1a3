from __future__ import annotations

from collections.abc import ItemsView
from dataclasses import replace

import numpy as np
import pytest

from glassalpha_action.cube import build
from glassalpha_action.evidence import Attributions, Evidence, Floats
from glassalpha_action.metrics import measure
from glassalpha_action.metrics.explainability import MOST_REASONS, reason_codes
from tests.metrics.columns import having, probes
from tests.metrics.rows import evidence, single

FIRST, SHARE, REASONS = "permutation_importance", "top_feature_share", "reason_code_coverage"
PERFECT = [0.1, 0.2, 0.8, 0.9]


def _scored(**more: list[str]) -> Evidence:
    return evidence([0, 0, 1, 1], score=PERFECT, **more)


def test_importance_is_the_mean_fall_in_auc() -> None:
    # AUC 1 before; with income permuted 0 and 0.5, with colour 1 and 1.
    rows = probes(
        _scored(),
        permuted={"colour": [PERFECT, PERFECT], "income": [[0.9, 0.8, 0.2, 0.1], [0.1, 0.9, 0.2, 0.8]]},
    )
    found = single(FIRST, rows)
    assert found.value == pytest.approx((1 + 0.5) / 2)
    assert found.between == ("income",)
    assert [(g.level, g.value) for g in found.groups] == [("income", found.value), ("colour", 0)]
    assert single(SHARE, rows).value == 1


def test_metrics_that_share_a_ranking_rank_the_permuted_scores_once() -> None:
    class Read(dict[str, Floats]):
        times = 0

        def items(self) -> ItemsView[str, Floats]:
            self.times += 1
            return super().items()

    rows = probes(_scored(), permuted={"x": [PERFECT[::-1]]})
    assert rows.probes is not None
    permuted = Read(rows.probes.permuted)
    rows = replace(rows, probes=replace(rows.probes, permuted=permuted))
    found = {m.metric: m.value for m in measure(rows, build(rows), 0.95)}
    assert (found[FIRST], found[SHARE], permuted.times) == (1, 1, 1)


def test_the_share_counts_no_gain_from_permuting() -> None:
    rows = evidence([0, 1, 0, 1], score=[0.1, 0.2, 0.3, 0.4])
    better, worse = [0.1, 0.4, 0.1, 0.4], [0.4, 0.1, 0.4, 0.1]
    permuted = {"noise": [better], "first": [worse], "second": [[0.1, 0.2, 0.3, 0.25]]}
    # AUC 0.75; 0.25 gained, 0.75 lost, 0.25 lost.
    found = single(SHARE, probes(rows, permuted=permuted))
    assert found.value == pytest.approx(0.75)
    assert found.between == ("first",)
    assert "lowers the AUC for none" in str(single(SHARE, probes(rows, permuted={"noise": [better]})).reason)


@pytest.mark.parametrize("metric", [FIRST, SHARE, REASONS])
def test_without_a_model_there_is_no_explanation(metric: str) -> None:
    assert single(metric, _scored()).reason == "the data hold predictions only, so no model was run"
    assert single(metric, replace(_scored(), unprobed="a dev-profile audit")).reason == "a dev-profile audit"


def test_one_label_ranks_nothing() -> None:
    rows = probes(evidence([1, 1], score=[0.1, 0.9]), permuted={"x": [[0.9, 0.1]]})
    assert "same label" in str(single(FIRST, rows).reason)
    assert "same label" in str(single(SHARE, rows).reason)


def test_weights_count_in_importance() -> None:
    rows = having(evidence([0, 0, 1], score=[0.1, 0.2, 0.9]), {}, [3, 1, 1])
    # The permuted score lets only the light negative outrank the positive: AUC 3/4.
    found = single(FIRST, probes(rows, permuted={"x": [[0.1, 0.9, 0.5]]}))
    assert found.value == pytest.approx(0.25)


def _declined(favorable_positive: bool = True) -> Evidence:
    score = [0.9, 0.3, 0.2, 0.1]
    return evidence(
        [1, 0, 0, 0],
        score=score if favorable_positive else [1 - s for s in score],
        favorable_positive=favorable_positive,
        g=["a", "b", "a", "b"],
    )


@pytest.mark.parametrize("favorable_positive", [True, False])
def test_reasons_are_what_told_against_a_person(favorable_positive: bool) -> None:
    def score(*values: float) -> list[float]:
        return [v if favorable_positive else 1 - v for v in values]

    replaced = {"debt": score(0.8, 0.2, 0.1), "income": score(0.5, 0.6, 0.05), "job": score(0.31, 0.1, 0.1)}
    rows = probes(_declined(favorable_positive), unfavorable=[1, 2, 3], replaced=replaced)
    assert rows.probes is not None
    assert reason_codes(rows, rows.probes) == [("debt", "income", "job"), ("income",), ()]
    found = single(REASONS, rows)
    assert (found.exact, found.n) == ("2/3", 3)
    assert {g.level: g.value for g in found.groups} == {
        "income": pytest.approx(2 / 3),
        "debt": pytest.approx(1 / 3),
        "job": pytest.approx(1 / 3),
    }
    assert (found.low, found.high) == (None, None)


def test_there_are_at_most_four_reasons() -> None:
    replaced = {f"f{i}": [0.3 + i / 100, 0.2, 0.1] for i in range(1, 8)}
    rows = probes(_declined(), unfavorable=[1, 2, 3], replaced=replaced)
    assert rows.probes is not None
    assert reason_codes(rows, rows.probes)[0] == ("f7", "f6", "f5", "f4")
    assert MOST_REASONS == 4


def test_a_protected_attribute_is_never_a_reason() -> None:
    rows = probes(_declined(), unfavorable=[1, 2, 3], replaced={"g": [1.0, 1.0, 1.0], "job": [0.4, 0.1, 0.1]})
    assert rows.probes is not None
    assert reason_codes(rows, rows.probes) == [("job",), (), ()]
    found = single(REASONS, rows)
    assert found.exact == "1/3"
    assert [g.level for g in found.groups] == ["job"]
    only = probes(_declined(), unfavorable=[1, 2, 3], replaced={"g": [1.0, 1.0, 1.0]})
    assert single(REASONS, only).value == 0


def test_of_a_sample_the_coverage_has_an_interval() -> None:
    found = single(REASONS, probes(_declined(), unfavorable=[1, 2], replaced={"job": [0.4, 0.4]}))
    assert found.value == 1
    assert found.low is not None
    assert found.low < 1 == found.high


def test_nobody_to_be_told_or_to_be_compared_with() -> None:
    approved = evidence([1, 1], score=[0.8, 0.9])
    assert "no row is decided unfavourably" in str(single(REASONS, probes(approved)).reason)
    declined = evidence([0, 0], score=[0.1, 0.2])
    assert "no row is decided in favour" in str(single(REASONS, probes(declined, unfavorable=[0, 1])).reason)


def test_rounding_is_no_reason() -> None:
    rows = probes(_declined(), unfavorable=[1], replaced={"job": [np.nextafter(0.3, 1)]})
    assert rows.probes is not None
    assert reason_codes(rows, rows.probes) == [()]


SHAP, SHAP_SHARE = "shap_importance", "shap_top_feature_share"


def _attributed(values: list[list[float]], names: tuple[str, ...] = ("debt", "income"), **more: object) -> Attributions:
    every = np.arange(len(values), dtype=np.int64)
    found = Attributions(names, every, np.array(values), 0.0, log_odds=True, detail="Explained exactly.")
    return replace(found, **more)  # type: ignore[arg-type]


def _with(rows: Evidence, **more: object) -> Evidence:
    asked = probes(rows, unfavorable=[1, 2, 3])
    assert asked.probes is not None
    return replace(asked, probes=replace(asked.probes, **more))  # type: ignore[arg-type]


def test_shap_importance_is_the_mean_distance_from_0() -> None:
    rows = _with(_scored(), explained=_attributed([[1, -2], [-1, 0], [1, -4], [0, 1]]))
    found = single(SHAP, rows)
    assert (found.value, found.between, found.n) == (7 / 4, ("income",), 4)
    assert [(g.level, g.value) for g in found.groups] == [("income", 7 / 4), ("debt", 3 / 4)]
    assert found.of == "mean absolute SHAP value, in log-odds"
    assert found.detail == "Most important is `income`. Explained exactly."
    share = single(SHAP_SHARE, rows)
    assert (share.value, share.between) == (0.7, ("income",))
    assert [g.value for g in share.groups] == pytest.approx([0.7, 0.3])


def test_shap_values_count_by_weight_and_by_the_rows_they_are_of() -> None:
    rows = having(_scored(), {}, [9, 1, 9, 3])
    explained = _attributed([[1, 0], [5, 0]], rows=np.array([1, 3]), log_odds=False)
    found = single(SHAP, _with(rows, explained=explained))
    assert (found.value, found.n) == (4, 2)
    assert found.of == "mean absolute SHAP value, in probability"


@pytest.mark.parametrize("metric", [SHAP, SHAP_SHARE])
def test_why_there_are_no_shap_values(metric: str) -> None:
    assert single(metric, _scored()).reason == "the data hold predictions only, so no model was run"
    asked = probes(_scored())
    assert single(metric, asked).reason == "audit.yaml does not ask for it: set `audit.shap: true`"
    assert single(metric, _with(_scored(), unexplained="too slow")).reason == "too slow"


def test_features_that_move_nothing_have_no_share() -> None:
    rows = _with(_scored(), explained=_attributed([[0, 0], [0, 0]]))
    assert single(SHAP, rows).value == 0
    assert single(SHAP_SHARE, rows).reason == "no feature moves any score"


@pytest.mark.parametrize("favorable_positive", [True, False])
def test_reasons_by_shap_are_what_points_the_other_way(favorable_positive: bool) -> None:
    sign = -1.0 if favorable_positive else 1.0
    values = sign * np.array([[0.5, 0.75, 9.0], [-1.0, 0.25, 9.0], [-1.0, 0.0, 9.0]])
    told = _attributed(values.tolist(), ("debt", "income", "g"), rows=np.array([1, 2, 3]))
    rows = _with(_declined(favorable_positive), told=told)
    assert rows.probes is not None
    assert reason_codes(rows, rows.probes) == [("income", "debt"), ("income",), ()]
    found = single(REASONS, rows)
    assert (found.exact, found.low) == ("2/3", None)
    assert [g.level for g in found.groups] == ["income", "debt"]


def test_of_fewer_rows_explained_the_coverage_has_an_interval() -> None:
    told = _attributed([[-1.0, 0.0]], rows=np.array([2]))
    found = single(REASONS, _with(_declined(), told=told))
    assert (found.value, found.n) == (1, 1)
    assert found.low is not None


def test_reasons_that_shap_did_not_give_are_not_made_otherwise() -> None:
    rows = _with(_declined(), untold="the model's scores were not explained", replaced={"job": np.full(3, 0.9)})
    assert single(REASONS, rows).reason == "the model's scores were not explained"
