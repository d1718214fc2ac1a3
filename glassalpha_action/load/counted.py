"""Brings one model's evidence together from a cube that was counted elsewhere; the rows themselves are not seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glassalpha_action.config import Config
from glassalpha_action.cube import Axis, Cube, added
from glassalpha_action.documents import UserError, plain
from glassalpha_action.evidence import MISSING, Attribute, Ints
from glassalpha_action.load import data as rows
from glassalpha_action.load.cubefile import Layout, layout_of, read_cells, sums_of
from glassalpha_action.load.provenance import Commit, cube_sha256, file_sha256, tool_version, versions
from glassalpha_action.load.subject import Subject, enforce_strict
from glassalpha_action.records import CubeOrigin, DataSummary, Provenance

if TYPE_CHECKING:
    import pandas as pd

MANY = 0.01


def load_cube(
    config: Config, path: Path, *, as_of: str, commit: Commit | None, strict: bool, policy_sha256: str | None
) -> Subject:
    """The evidence that `config` describes, from the cube at `path`.

    Raises UserError for a cube of something else, a damaged one, or one of rows that could not have been audited.
    """
    document = config.document
    layout, cells = read_cells(path)
    _require_same(config, path, layout)
    _require_sound(path, layout, cells)
    labels = rows.labels_of(config, cells.rename(columns={"label": layout.target}))
    attributes = tuple(_attribute(config, path, cells, axis, i) for i, axis in enumerate(layout.axes))
    rows.check_cells(config, attributes)
    decided = rows.coded(cells["decision"])
    yes = labels.positive_label if layout.prediction else "1"
    decision = np.asarray(decided.codes == (decided.levels.index(yes) if yes in decided.levels else -2))
    if layout.prediction:
        _require_known(path, layout, cells, labels)
    favorable_positive = labels.favorable_label == labels.positive_label
    cube = _cube(layout, attributes, labels.positive, decision, cells, favorable_positive)
    counts = cells["n"].to_numpy(dtype=np.int64)
    features = tuple(document.data.feature_columns or ())
    origin = CubeOrigin(
        sha256=file_sha256(path),
        engine=layout.engine,
        grid=layout.grid,
        rows=int(cells["all_rows"].iloc[0]),
        cells=int(cells["all_cells"].iloc[0]),
        suppress_below=layout.suppress_below,
        suppressed_rows=int(cells["all_rows"].iloc[0]) - int(counts.sum()),
        suppressed_cells=int(cells["all_cells"].iloc[0]) - len(cells),
    )
    summary = _told(rows.summary(document.model, document.data, labels, attributes, features, counts), origin)
    strict = strict or document.reproducibility.strict
    if strict:
        enforce_strict(config, summary, commit)
    provenance = Provenance(
        as_of=as_of,
        tool_version=tool_version(),
        config_sha256=config.sha256,
        data_sha256=origin.sha256,
        policy_sha256=policy_sha256,
        strict=strict,
        predictions_sha256=cube_sha256(cube),
        seed=document.reproducibility.random_seed,
        git_commit=commit.sha if commit else None,
        git_clean=commit.clean if commit else None,
        versions=versions("numpy", "pandas"),
        cube=origin,
    )
    return Subject(cube, summary.model_copy(update={"weighted": len(cube.weighed) > 0}), provenance)


def _require_same(config: Config, path: Path, layout: Layout) -> None:
    """Raise one error that names all in which the cube is of something else than `config` describes."""
    here = layout_of(config, layout.engine, layout.grid, layout.suppress_below)
    if config.document.audit.sample_rows:
        raise config.error("a cube has no rows to sample; remove `audit.sample_rows`.", "audit", "sample_rows")
    places = {
        "target": ("data", "target_column"),
        "score": ("data", "score_column"),
        "prediction": ("data", "prediction_column"),
        "weight": ("data", "weight_column"),
        "threshold": ("model", "threshold"),
        "attributes": ("data", "protected_attributes"),
    }
    said = []
    for field, keys in places.items():
        there, wanted = getattr(layout, field), getattr(here, field)
        if there != wanted:
            both = f"`{keys[-1]}` is {_shown(wanted)} here, and {path.as_posix()} was counted with {_shown(there)}"
            said.append(f"{config.where(*keys)}: {plain(both)}; count the cube again.")
    if said:
        raise UserError("\n".join(said))


def _shown(value: object) -> str:
    if not isinstance(value, tuple):
        return "none" if value is None else str(value)[:100]
    cut = [f"{a.name} (cut at {', '.join(f'{b:g}' for b in a.bins)})" if a.bins else a.name for a in value]
    return ", ".join(cut) or "none"


def _require_sound(path: Path, layout: Layout, cells: pd.DataFrame) -> None:
    """Raise UserError where rows were counted that an audit of rows would have refused."""
    faults = {
        "label": f"rows have no label in `{layout.target}`; count only rows whose outcome is known",
        "bin": f"scores in `{layout.score}` are not numbers from 0 to 1; write the model's probability",
        "decision": f"rows have no prediction in `{layout.prediction}`; count only rows that were decided",
    }
    faults |= {
        axis: f"values of `{attribute.name}` lie outside its bins; widen them"
        for axis, attribute in zip(layout.axes, layout.attributes, strict=True)
    }
    for column, fault in faults.items():
        absent = int(cells.loc[cells[column].isna(), "n"].sum())
        if absent:
            raise UserError(f"{path.as_posix()}: {absent:,} {plain(fault)}, and count the cube again.")


def _require_known(path: Path, layout: Layout, cells: pd.DataFrame, labels: rows.Labels) -> None:
    known = {labels.positive_label, labels.negative_label or labels.positive_label}
    strange = cells[~cells["decision"].isin(known)]
    if len(strange):
        such = str(strange["decision"].iloc[0])[:40]
        said = f"`{layout.prediction}` are neither of the labels {', '.join(sorted(known))}, such as {such}"
        raise UserError(f"{path.as_posix()}: {int(strange['n'].sum()):,} predictions in {plain(said)}.")


def _attribute(config: Config, path: Path, cells: pd.DataFrame, axis: str, i: int) -> Attribute:
    name, how = list(config.document.data.protected_attributes.items())[i]
    if not how.bins:
        return rows.attribute_of(config, cells.rename(columns={axis: name}), name, how)
    levels = rows.level_names(how.bins, how.labels)
    found = rows.coded(cells[axis])
    if strange := set(found.levels) - {*levels, MISSING}:
        raise UserError(f"{path.as_posix()}: `{plain(min(strange), 40)}` is no level of `{plain(name, 100)}`.")
    place = np.array([levels.index(v) if v in levels else len(levels) for v in found.levels], np.int32)
    return rows.checked_attribute(config, name, how, levels, place[found.codes])


def _cube(
    layout: Layout,
    attributes: tuple[Attribute, ...],
    label: np.ndarray[tuple[int], np.dtype[np.bool_]],
    decision: np.ndarray[tuple[int], np.dtype[np.bool_]],
    cells: pd.DataFrame,
    favorable_positive: bool,
) -> Cube:
    """The cells as a cube; two of one place, which differently written values come to, are one."""
    axes = tuple(Axis(a.name, a.levels, a.reference) for a in attributes)
    whole, weighed = sums_of(cells)
    none: Ints = np.zeros(0, np.int64)
    empty = Cube(axes, layout.edges, none, whole[:, :0], weighed[:, :0], favorable_positive, layout.score is not None)
    index = (*(a.codes for a in attributes), label, decision, cells["bin"].to_numpy(dtype=np.int64))
    key = np.ravel_multi_index(tuple(np.asarray(i, np.int64) for i in index), empty.shape)
    counted = Cube(axes, layout.edges, key, whole, weighed, favorable_positive, layout.score is not None)
    return added([empty, counted])


def _told(summary: DataSummary, origin: CubeOrigin) -> DataSummary:
    """The summary with where the counts come from, and what is lost where small cells were suppressed."""
    note = f"Counted by {origin.engine} into {origin.cells:,} cells; the rows themselves were not seen."
    said = list(summary.warnings)
    if origin.suppressed_cells:
        share = origin.suppressed_rows / origin.rows
        coarser = " Count with fewer score bins (`--grid`) to keep more of them." if share > MANY else ""
        said.append(
            f"{origin.suppressed_cells:,} of {origin.cells:,} cells, each under {origin.suppress_below:,} rows, "
            f"were suppressed at the source, and with them {origin.suppressed_rows:,} of {origin.rows:,} rows "
            f"({share:.1%}). Every number here is of the other rows: rare outcomes and small groups are "
            f"undercounted, and a group whose cells are all small is absent.{coarser}"
        )
    return summary.model_copy(update={"notes": (*summary.notes, note), "warnings": tuple(said)})
