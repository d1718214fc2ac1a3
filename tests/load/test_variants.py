from __future__ import annotations

import pickle
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glassalpha_action.evidence import Floats, Probes
from glassalpha_action.load import variants
from glassalpha_action.load.model import Scores, score
from glassalpha_action.load.variants import REPEATS, Variants, typical_row


def _frame(n: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame({
        "amount": draw.normal(1000, 300, n),
        "months": draw.integers(6, 48, n),
        "purpose": pd.Categorical(draw.choice(["car", "tv"], n)),
        "job": pd.array(draw.choice(["a", "b"], n), dtype="string"),
        "rate": pd.array([*draw.integers(0, 5, n - 1), None], dtype="Int64"),
        "known": draw.integers(0, 2, n).astype(bool),
        "sex": draw.choice(["f", "m"], n),
    })  # fmt: skip


def asked(inputs: pd.DataFrame, favorable: np.ndarray, *, seed: int = 7) -> tuple[list[pd.DataFrame], Variants]:
    made = Variants(inputs, np.ones(len(inputs), bool), {"sex"}, seed)
    return list(made.frames(favorable)), made


def _answers(frames: list[pd.DataFrame], of: str) -> list[Floats]:
    return [frame[of].to_numpy(dtype=np.float64) for frame in frames]


def test_types_and_columns_stay_what_they_were() -> None:
    inputs = _frame()
    frames, _ = asked(inputs, np.arange(60) < 20)
    for frame in frames:
        assert list(frame.columns) == list(inputs.columns)
        assert dict(frame.dtypes) == dict(inputs.dtypes)
        assert isinstance(frame.index, pd.RangeIndex)


def test_a_permuted_column_holds_the_same_values_and_leaves_the_others_alone() -> None:
    inputs = _frame()
    frames, made = asked(inputs, np.arange(60) < 20)
    found = made.probes(_answers(frames, "amount"))
    assert set(found.permuted) == set(inputs.columns)
    assert found.sample.tolist() == list(range(60))
    for row in found.permuted["amount"]:
        assert sorted(row) == sorted(inputs["amount"])
        assert row.tolist() != inputs["amount"].tolist()
    for name in set(inputs.columns) - {"amount"}:
        assert (found.permuted[name] == inputs["amount"].to_numpy()).all()


def test_noise_is_small_keeps_whole_numbers_whole_and_stays_in_range() -> None:
    inputs = _frame()
    inputs.loc[3, "amount"] = np.nan
    frames, made = asked(inputs, np.arange(60) < 20)
    noisy = made.probes(_answers(frames, "amount")).perturbed
    assert noisy.shape == (REPEATS, 60)
    assert np.isnan(noisy[:, 3]).all()
    known = inputs["amount"].notna().to_numpy()
    change = (noisy - inputs["amount"].to_numpy())[:, known]
    spread = inputs["amount"].std(ddof=0)
    assert 0.03 * spread < change.std() < 0.06 * spread
    assert np.nanmin(noisy) >= inputs["amount"].min()
    assert np.nanmax(noisy) <= inputs["amount"].max()
    months = made.probes(_answers(frames, "months")).perturbed
    assert (months == months.round()).all()
    assert (months != inputs["months"].to_numpy()).any()


def test_reasons_are_asked_with_the_typical_value_of_those_favoured() -> None:
    inputs = _frame()
    favorable = inputs["months"].to_numpy() > 30
    frames, made = asked(inputs, favorable)
    found = made.probes(_answers(frames, "months"))
    assert found.unfavorable.tolist() == np.flatnonzero(~favorable).tolist()
    assert set(found.replaced) == set(inputs.columns) - {"sex"}
    median = np.sort(inputs["months"][favorable])[(favorable.sum() - 1) // 2]
    assert (found.replaced["months"] == median).all()
    assert (found.replaced["purpose"] == inputs["months"][~favorable]).all()


def test_the_protected_column_is_never_replaced() -> None:
    inputs = _frame()
    frames, made = asked(inputs, np.arange(60) < 20)
    every = np.concatenate([frame["sex"].to_numpy() for frame in frames])
    tail = every[len(every) - 40 * 6 :].reshape(6, 40)
    assert (tail == inputs["sex"].to_numpy()[20:]).all()
    assert "sex" not in made.probes(_answers(frames, "months")).replaced


def test_the_seed_decides_and_nothing_else() -> None:
    inputs, favorable = _frame(), np.arange(60) < 20
    once, again = asked(inputs, favorable)[0], asked(inputs, favorable)[0]
    assert all(a.equals(b) for a, b in zip(once, again, strict=True))
    assert not once[0].equals(asked(inputs, favorable, seed=8)[0][0])


def test_a_few_frames_of_bounded_size_give_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, favorable = _frame(), np.arange(60) < 20
    frames, made = asked(inputs, favorable)
    assert len(frames) == 2
    whole = made.probes(_answers(frames, "amount"))
    monkeypatch.setattr(variants, "BATCH_CELLS", 7 * 101)
    small, made = asked(inputs, favorable)
    assert max(map(len, small[1:])) == 101
    parts = made.probes(_answers(small, "amount"))
    for one, other in zip(_arrays(whole), _arrays(parts), strict=True):
        np.testing.assert_array_equal(one, other)


def _arrays(found: Probes) -> list[Floats]:
    return [*found.permuted.values(), found.perturbed, *found.replaced.values()]


def test_large_and_wide_data_are_sampled() -> None:
    many = Variants(pd.DataFrame({"x": np.arange(50_000.0)}), np.ones(50_000, bool), (), 0)
    assert sum(map(len, many.frames(np.arange(50_000) < 10))) == 2_000 * (2 * REPEATS + 1)
    wide = Variants(pd.DataFrame(np.zeros((5_000, 200))).add_prefix("x"), np.ones(5_000, bool), (), 0)
    cells = sum(frame.size for frame in wide.frames(np.arange(5_000) < 10))
    assert cells < 100_000_000


def test_rows_of_weight_zero_are_not_asked_about() -> None:
    inputs = _frame()
    made = Variants(inputs, np.arange(60) >= 30, (), 0)
    frames = list(made.frames(np.arange(60) % 2 == 0))
    found = made.probes(_answers(frames, "amount"))
    assert found.sample.min() == 30
    assert found.unfavorable.min() == 31
    assert np.isin(found.permuted["amount"], inputs["amount"][30:]).all()


@pytest.mark.parametrize(
    ("favorable", "unfavorable", "reasons"), [(np.ones(60, bool), 0, 0), (np.zeros(60, bool), 60, 0)]
)
def test_all_decided_alike_leave_nothing_to_compare(favorable: np.ndarray, unfavorable: int, reasons: int) -> None:
    frames, made = asked(_frame(), favorable)
    found = made.probes(_answers(frames, "amount"))
    assert (found.unfavorable.size, len(found.replaced)) == (unfavorable, reasons)


def test_the_typical_row() -> None:
    every = np.arange(5)
    assert typical_row(pd.Series([5.0, 1.0, 3.0, 2.0, np.nan]), every) == 3
    assert typical_row(pd.Series(["b", "a", "a", None, "b"]), every) == 1
    assert typical_row(pd.Series(["b", "a", "a", "b", "b"]), np.array([1, 2, 4])) == 1
    assert typical_row(pd.Series([None] * 5, dtype=object), np.array([2, 4])) == 2
    assert typical_row(pd.Series([np.nan] * 5), np.array([2, 4])) == 2


MODEL = """
import numpy
class Model:
    classes_ = [0, 1]
    calls = 0
    def predict_proba(self, features):
        self.calls += 1
        before(self.calls, features)
        p = features["x"].to_numpy() / 10
        return numpy.column_stack([1 - p, p])
"""


def _ask(folder: Path, code: str, further: int = 2, frames: list[pd.DataFrame] | None = None) -> Scores:
    source = textwrap.dedent(code) + MODEL
    path = folder / "m.pkl"
    payload = f"exec({source!r}, globals()) or Model()"
    path.write_bytes(pickle.dumps(_Evaluated(payload)))

    def more(scores: np.ndarray) -> list[pd.DataFrame]:
        assert scores.shape == (2,)
        if frames is not None:
            return frames
        return [pd.DataFrame({"x": [3.0 + i, 4.0, 5.0]}) for i in range(further)]

    return score(path, pd.DataFrame({"x": [1.0, 2.0]}), positive_label="1", further=more, timeout=120)


class _Evaluated:
    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, (self.code,)


QUIET = "def before(calls, features): pass\n"


def test_the_isolated_model_answers_as_often_as_it_is_asked(tmp_path: Path) -> None:
    found = _ask(tmp_path, QUIET)
    assert found.values.tolist() == [0.1, 0.2]
    assert [each.tolist() for each in found.further] == [[0.3, 0.4, 0.5], [0.4, 0.4, 0.5]]
    assert found.failure is None
    assert _ask(tmp_path, QUIET, further=0).further == ()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def before(calls, features):\n    if calls > 1: raise ValueError('unseen value')", "unseen value"),
        ("import os\ndef before(calls, features):\n    if calls > 1: os._exit(3)", "without giving scores"),
        ("def before(calls, features):\n    if calls > 1: features['x'] = float('nan')", "NaN"),
        ("def before(calls, features):\n    if calls > 1: features['x'] = 70.0", "outside 0 to 1"),
    ],
)
def test_what_fails_on_altered_copies_leaves_the_scores_of_the_rows(tmp_path: Path, code: str, said: str) -> None:
    found = _ask(tmp_path, code)
    assert found.values.tolist() == [0.1, 0.2]
    assert found.further == ()
    assert said in str(found.failure)


FORGING = """
import sys
child = sys.modules['glassalpha_action.load.child']
"""


@pytest.mark.parametrize(
    "code",
    [
        "def before(calls, features):\n    child.send('S', b'01234567' * len(features))",
        "def before(calls, features):\n    if calls == 2: child.send('S', b'0' * 8)",
        "def before(calls, features):\n    if calls == 3: child.send('S', (0.5).hex().encode())",
    ],
)
def test_a_model_that_writes_answers_nobody_asked_for_is_refused(tmp_path: Path, code: str) -> None:
    from glassalpha_action.documents import UserError

    with pytest.raises(UserError, match=r"out of order|did not answer") as caught:
        _ask(tmp_path, FORGING + code)
    assert caught.value.exit_code == 3


def test_a_forged_answer_is_refused_though_the_true_one_is_still_under_way(tmp_path: Path) -> None:
    from glassalpha_action.documents import UserError

    code = "def before(calls, features):\n    if calls == 2: child.send('S', bytes(8 * len(features)))"
    many = pd.DataFrame({"x": np.full(100_000, 3.0)})  # more than a pipe holds, so that it comes in parts
    with pytest.raises(UserError, match="did not answer") as caught:
        _ask(tmp_path, FORGING + code, frames=[many])
    assert caught.value.exit_code == 3


def test_a_model_that_dies_within_an_answer_leaves_the_scores_of_the_rows(tmp_path: Path) -> None:
    code = "import os\ndef before(calls, features):\n    if calls == 2: os.write(100, b'S' + bytes(4)), os._exit(0)"
    found = _ask(tmp_path, code)
    assert found.values.tolist() == [0.1, 0.2]
    assert "ended its process" in str(found.failure)
