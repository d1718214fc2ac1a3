from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from glassalpha_action.evidence import Evidence, Reference
from tests.metrics.columns import feature, having, probes
from tests.metrics.rows import evidence, single

HOLD, DRIFT = "perturbation_stability", "population_stability_index"


def _against(rows: Evidence, columns: dict[str, list[object]], score: list[float] | None = None) -> Evidence:
    features = tuple(feature(name, values) for name, values in columns.items())
    return replace(rows, reference=Reference(features, None if score is None else np.array(score)))


def test_decisions_that_hold_by_hand() -> None:
    rows = evidence([0, 1, 1, 0], score=[0.1, 0.9, 0.55, 0.45])
    found = single(HOLD, probes(rows, perturbed=[[0.1, 0.9, 0.49, 0.5], [0.2, 0.8, 0.55, 0.4]]))
    assert (found.exact, found.n) == ("3/4", 4)
    assert "2 of 4 rows" in str(found.detail)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.75 < found.high


def test_weights_count_in_what_holds() -> None:
    rows = having(evidence([0, 1], score=[0.1, 0.9]), {}, [1, 3])
    assert single(HOLD, probes(rows, perturbed=[[0.1, 0.4]])).value == pytest.approx(0.25)


def test_what_holds_is_not_estimable_without_a_model_or_numbers() -> None:
    rows = evidence([0, 1], score=[0.1, 0.9])
    assert single(HOLD, rows).reason == "the data hold predictions only, so no model was run"
    assert "no numeric feature" in str(single(HOLD, probes(rows)).reason)


def _psi(actual: list[float], expected: list[float]) -> float:
    return sum((a - e) * math.log(a / e) for a, e in zip(actual, expected, strict=True))


def test_drift_of_categories_by_hand() -> None:
    rows = having(evidence([0] * 10, [0] * 10), {"w": ["p"] * 5 + ["q"] * 3 + ["new"] + [None]})
    found = single(DRIFT, _against(rows, {"w": ["p"] * 8 + ["q"] * 2}))
    assert found.value == pytest.approx(_psi([0.5, 0.3, 0.1, 0.1], [0.8, 0.2, 1e-4, 1e-4]))
    assert found.between == ("w",)


def test_drift_of_numbers_by_the_references_deciles() -> None:
    reference = [float(v) for v in range(100)]
    rows = having(evidence([0] * 100, [0] * 100), {"x": [v + 10 for v in reference], "same": reference})
    found = single(DRIFT, _against(rows, {"x": reference, "same": reference}))
    # One decile lower is empty now, the highest holds two.
    assert found.value == pytest.approx(_psi([1e-4, *[0.1] * 8, 0.2], [0.1] * 10))
    assert {g.level: g.value for g in found.groups} == {"x": found.value, "same": 0}


def test_the_score_drifts_too_and_missing_is_a_place_of_its_own() -> None:
    score = [i / 20 for i in range(20)]
    rows = having(evidence([0] * 20, score=score), {"x": [None] * 10 + [1.0] * 10})
    found = single(DRIFT, _against(rows, {"x": [1.0] * 20}, score))
    assert {g.level: g.value for g in found.groups} == {
        "x": pytest.approx(_psi([0.5, 0.5], [1e-4, 1.0])),
        "(score)": 0,
    }


def test_a_column_of_numbers_that_were_words_is_compared_as_words() -> None:
    rows = having(evidence([0] * 4, [0] * 4), {"x": [1, 2, 1, 2]})
    assert single(DRIFT, _against(rows, {"x": ["1", "2", "1", "2"]})).value == 0


def test_drift_is_not_estimable_without_rows_to_compare() -> None:
    rows = having(evidence([0], [0]), {"x": [1]})
    assert "data.reference_path" in str(single(DRIFT, rows).reason)
    assert "share no column" in str(single(DRIFT, _against(rows, {"y": [1]})).reason)


def test_weights_count_in_drift() -> None:
    rows = having(evidence([0] * 3, [0] * 3), {"w": ["p", "q", "q"]}, [8, 2, 0])
    assert single(DRIFT, _against(rows, {"w": ["p"] * 8 + ["q"] * 2})).value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("values", [[math.inf, 1.0], [None, None], [1e308, -1e308], [5, 5]])
def test_drift_of_strange_numbers_is_a_number(values: list[object]) -> None:
    rows = having(evidence([0, 0], [0, 0]), {"x": [1.0, 2.0]})
    for there, here in ((rows, values), (having(rows, {"x": values}), [1.0, 2.0])):
        found = single(DRIFT, _against(there, {"x": here}))
        assert found.value is not None
        assert math.isfinite(found.value)
