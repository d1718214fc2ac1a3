"""The sufficient statistics, against the rows they come from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassalpha_action import cube as room
from glassalpha_action.cube import SCALE, Cube, bin_edges, build
from glassalpha_action.evidence import Attribute, Evidence
from tests.metrics.rows import any_rows, evidence, random_rows


def same(a: Cube, b: Cube) -> bool:
    return a.axes == b.axes and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("key", "whole", "weighed", "edges")
    )


def part(rows: Evidence, where: slice | np.ndarray) -> Evidence:
    attributes = tuple(Attribute(a.name, a.levels, a.codes[where], a.reference) for a in rows.attributes)
    score = None if rows.score is None else rows.score[where]
    return replace(rows, label=rows.label[where], decision=rows.decision[where], score=score, attributes=attributes)


@given(any_rows(), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_cubes_add(rows: Evidence, cut: int) -> None:
    whole = build(rows)
    assert same(build(part(rows, slice(0, cut))) + build(part(rows, slice(cut, None))), whole)


@given(any_rows(), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_the_size_of_chunks_does_not_matter(rows: Evidence, size: int) -> None:
    whole = build(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "CHUNK", size)
        patch.setattr(room, "LARGEST_CHUNK", size)
        assert same(build(rows), whole)
        patch.setattr(room, "DENSE_LIMIT", 0)
        assert same(build(rows), whole)


@given(any_rows())
@settings(max_examples=30, deadline=None)
def test_dense_and_sparse_counting_agree(rows: Evidence) -> None:
    whole = build(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "DENSE_LIMIT", 0)
        assert same(build(rows), whole)


@given(any_rows(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_does_not_matter(rows: Evidence, draw: object) -> None:
    order = list(range(rows.rows))
    draw.shuffle(order)  # type: ignore[attr-defined]
    assert same(build(part(rows, np.array(order))), build(rows))


def test_chunks_at_the_real_size() -> None:
    n = (1 << 18) + 3
    draw = np.random.default_rng(0)
    score = draw.uniform(size=n)
    rows = Evidence(score > 0.4, score > 0.5, score, (), True, 0.5)
    whole = build(rows).by()
    assert int(whole.count.sum()) == n
    units = np.floor(score * SCALE).astype(np.int64)
    assert int(whole.whole[1].sum()) == int(units.sum())
    assert int(whole.whole[2].sum()) == sum(int(u) * int(u) >> 32 for u in units.tolist())
    assert whole.score.sum() == units.sum() / SCALE


def test_attributes_of_more_combinations_than_four_bytes_number() -> None:
    names = [f"{i:04}" for i in range(1_500)]
    rows = evidence([0, 1] * 750, score=[0.25, 0.75] * 750, g=names, h=names[::-1])
    cube = build(rows)
    assert int(np.prod(cube.shape, dtype=np.float64)) > 2**31
    assert (cube.key >= 0).all()
    assert (cube.by("g").n == 1).all()
    assert cube.by("h").confusion[:, 1, 1].sum() == 750


def test_scores_beside_the_edges_of_any_grid_and_threshold() -> None:
    edges = np.arange(1_001) / 1_000
    score = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 1), [1 / 3, np.nextafter(1 / 3, 0)]])
    score = np.clip(score, 0, 1)
    for threshold, grid in ((None, 1_000), (0.5, 1_000), (1 / 3, 1_000), (1 / 3, 10), (0.0, 20), (1.0, 20)):
        rows = replace(evidence([0] * score.size, score=score.tolist()), threshold=threshold)
        cube = build(rows, grid)
        expected = np.minimum(np.searchsorted(cube.edges, score, side="right") - 1, len(cube.edges) - 2)
        found = cube.by().count.sum(axis=(0, 1, 2))
        assert found.tolist() == np.bincount(expected, minlength=len(cube.edges) - 1).tolist()


def test_the_counts_are_the_rows() -> None:
    rows = random_rows(2, n=500)
    found = build(rows).by("g").confusion
    codes = rows.attributes[0].codes
    for g in range(3):
        for y in (0, 1):
            for d in (0, 1):
                assert found[g, y, d] == ((codes == g) & (rows.label == y) & (rows.decision == d)).sum()


def test_intersections() -> None:
    rows = random_rows(2, n=500)
    cube = build(rows)
    joint = cube.by("h", "g")
    assert joint.axis.levels == ("x & a", "x & b", "x & c", "y & a", "y & b", "y & c")
    g, h = rows.attributes[0].codes, rows.attributes[1].codes
    assert joint.n.tolist() == [int(((h == i) & (g == j)).sum()) for i in (0, 1) for j in (0, 1, 2)]
    assert np.array_equal(cube.confusion("h", "g").reshape(6, 2, 2), joint.confusion)
    assert np.array_equal(cube.confusion("g"), cube.by("g").confusion)


@pytest.mark.parametrize("threshold", [0.5, 0.123456, 1 / 3, 0.0, 1.0, None])
def test_no_bin_straddles_the_threshold_or_a_tenth(threshold: float | None) -> None:
    edges = bin_edges(threshold)
    assert (np.diff(edges) > 0).all()
    assert (edges[0], edges[-1]) == (0, 1)
    assert set(np.arange(11) / 10) <= set(edges)
    if threshold is not None:
        assert threshold in edges


def test_a_score_on_an_edge_belongs_above_it_and_one_to_the_last() -> None:
    rows = evidence(
        [0] * 7, score=[0.0, 0.005, float(np.nextafter(0.005, 0)), 1.0, 0.3, 0.1 * 3, float(np.nextafter(0.3, 0))]
    )
    assert np.flatnonzero(build(rows).by().count.sum(axis=(0, 1, 2))).tolist() == [0, 4, 5, 299, 300, 999]
    assert build(rows).by().count.sum(axis=(0, 1, 2))[300] == 2


def test_cubes_of_other_layouts_do_not_add() -> None:
    a = build(evidence([0], score=[0.5], g=["a"]))
    with pytest.raises(ValueError, match="do not add"):
        a + build(evidence([0], score=[0.5], g=["b"]))
    with pytest.raises(ValueError, match="do not add"):
        a + build(evidence([0], score=[0.5], g=["a"], threshold=0.1234))


def test_the_reference_is_the_largest_unless_named() -> None:
    rows = evidence([0] * 6, [0] * 6, g=["b", "b", "c", "c", "a", None])
    assert build(rows).by("g").reference == 1
    named = replace(rows, attributes=(replace(rows.attributes[0], reference="a"),))
    assert build(named).by("g").reference == 0
    assert build(rows).by("g").compared == [0, 1, 2]


def test_no_rows_make_an_empty_cube() -> None:
    cube = build(evidence([], score=[], g=[]))
    assert cube.rows == 0
    assert cube.by().count.sum() == 0
