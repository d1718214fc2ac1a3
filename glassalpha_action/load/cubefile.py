"""A cube as a file: one row a cell, in the words of the data, so that whoever counts it needs to know no labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import ValidationError

from glassalpha_action.config import AuditConfig, Config
from glassalpha_action.cube import GRID, SCALE, Cube, bin_edges
from glassalpha_action.documents import Document, UserError, plain
from glassalpha_action.evidence import Floats, Ints
from glassalpha_action.load import table
from glassalpha_action.load.data import THRESHOLD, Labels, level_names
from glassalpha_action.load.features import LEAST_WEIGHT, MOST_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

GRIDS = (10, 100, GRID)
COUNTS = ("n", "units", "squares", "all_rows", "all_cells")
WEIGHTS = ("weight", "weight_square", "weight_score", "weight_score_square")


class LayoutAttribute(Document):
    """One protected attribute: its column, and the levels it was cut into where it was."""

    name: str
    bins: tuple[float, ...] | None = None
    labels: tuple[str, ...] | None = None


class Layout(Document):
    """What was counted, and how; it stands in every cell, so that a cube is never read as one of something else.

    `grid` equal score bins are cut once more at `threshold`. `suppress_below` is the fewest rows a cell is told for.
    """

    format: Literal[1] = 1
    engine: str
    target: str
    score: str | None
    prediction: str | None
    weight: str | None = None
    threshold: float | None
    grid: int
    attributes: tuple[LayoutAttribute, ...]
    suppress_below: int = 0

    @property
    def axes(self) -> list[str]:
        """The columns of the cells that hold the attributes' levels."""
        return [f"attribute_{i}" for i, _ in enumerate(self.attributes, 1)]

    @property
    def edges(self) -> Floats:
        """Edges of the score bins, (bins + 1,)."""
        return bin_edges(self.threshold, self.grid) if self.score else np.array([0.0, 1.0])

    def text(self) -> str:
        """The layout as the cells carry it."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def layout_of(config: Config, engine: str, grid: int = GRID, suppress_below: int = 0) -> Layout:
    """What is to be counted for the audit that `config` describes.

    Raises UserError for amounts, and where the data hold no predictions, which must stand beside the labels.
    """
    if config.document.model.task == "regression":
        raise config.error("amounts cannot be counted in a cube, only labels and scores; audit the rows.", "model")
    if not config.document.data.has_predictions:
        raise config.error(
            "only rows that hold their predictions can be counted; name `data.score_column` or "
            "`data.prediction_column`.",
            "data",
        )
    return _declared(config.document, engine, grid, suppress_below)


def _declared(document: AuditConfig, engine: str, grid: int, suppress_below: int) -> Layout:
    model, data = document.model, document.data
    threshold = THRESHOLD if model.threshold is None else model.threshold
    attributes = [
        LayoutAttribute(name=name, bins=how.bins, labels=level_names(how.bins, how.labels) if how.bins else None)
        for name, how in data.protected_attributes.items()
    ]
    return Layout(
        engine=engine,
        target=data.target_column,
        score=data.score_column,
        prediction=data.prediction_column,
        weight=data.weight_column,
        threshold=None if data.prediction_column else threshold,
        grid=grid,
        attributes=tuple(attributes),
        suppress_below=suppress_below,
    )


def cells_of(cube: Cube, labels: Labels, layout: Layout) -> pd.DataFrame:
    """The cells of a cube counted from rows in this process."""
    import pandas as pd

    index = np.unravel_index(cube.key, cube.shape)
    named = {axis: np.array(a.levels, object)[i] for axis, a, i in zip(layout.axes, cube.axes, index, strict=False)}
    names = np.array([labels.negative_label or "", labels.positive_label], object)
    decided = names if layout.prediction else np.array(["0", "1"], object)
    cells = pd.DataFrame({**named, "label": names[index[-3]], "decision": decided[index[-2]], "bin": index[-1]})
    sums = {**dict(zip(COUNTS, cube.whole, strict=False)), **dict(zip(WEIGHTS, cube.weighed, strict=False))}
    for name, values in (sums | {"all_rows": cube.rows, "all_cells": cube.key.size, "layout": layout.text()}).items():
        cells[name] = values
    return cells[cells["n"] >= layout.suppress_below].reset_index(drop=True)


def write_cells(cells: pd.DataFrame, path: Path) -> None:
    """Write cells to `path` (.parquet, .csv, .json), in order: the same cells give the same bytes.

    Raises UserError for another ending.
    """
    check_ending(path)
    axes = [name for name in map(str, cells.columns) if name.startswith("attribute_")]
    ordered = cells.sort_values([*axes, "label", "decision", "bin"], kind="stable", ignore_index=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[path.suffix.lower()](ordered, path)


def require_unweighted(layout: Layout, where: str) -> None:
    """Raise UserError for weighted rows, whose sums depend on who adds them; `where` is what the error points at."""
    if layout.weight:
        raise UserError(
            f"{where}: weighted rows are counted only in this process, with --engine pandas; or remove "
            f"`data.weight_column` {plain(layout.weight, 100)} to count each row once."
        )


def check_ending(path: Path) -> None:
    """Raise UserError where no cube can have the file's ending."""
    if path.suffix.lower() not in WRITERS:
        raise UserError(f"{path.as_posix()}: no cube has this ending; use one of {', '.join(WRITERS)}.")


def _to_json(cells: pd.DataFrame, path: Path) -> None:
    constant = ("all_rows", "all_cells", "layout")
    columns = {str(name): cells[name].tolist() for name in cells if name not in constant}
    content = {name: cells[name].tolist()[0] for name in constant} | {"cells": columns}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


WRITERS: Mapping[str, Callable[[pd.DataFrame, Path], None]] = {
    ".parquet": lambda cells, path: cells.to_parquet(path, index=False),
    ".csv": lambda cells, path: cells.to_csv(path, index=False, encoding="utf-8", lineterminator="\n"),
    ".json": _to_json,
}


def read_cells(path: Path) -> tuple[Layout, pd.DataFrame]:
    """The layout and the cells of the cube at `path`: columns as `cells_of` gives them, checked to add up.

    Raises UserError for a file that is absent, no cube, or damaged.
    """
    import pandas as pd

    check_ending(path)
    cells = _from_json(path) if path.suffix.lower() == ".json" else _from_table(path)
    layout = _layout(path, cells)
    texts, weights = [*layout.axes, "label", "decision"], WEIGHTS if layout.weight else ()
    if missing := [name for name in (*texts, "bin", *COUNTS, *weights) if name not in cells]:
        raise _no_cube(path, f"it has no column {', '.join(missing)}")
    for name in ("bin", *COUNTS):
        try:
            # Only this cast refuses fractions and what is too large; a bin may be missing, a count may not.
            cells[name] = pd.to_numeric(cells[name]).astype("Int64")
            cells[name] = cells[name] if name == "bin" else cells[name].astype("int64")
        except (TypeError, ValueError, OverflowError):
            raise _no_cube(path, f"`{name}` holds something else than whole numbers") from None
    for name in weights:
        cells[name] = pd.to_numeric(cells[name], errors="coerce").astype("float64")
        if not bool((cells[name] >= 0).all() and np.isfinite(cells[name]).all()):
            raise _no_cube(path, f"`{name}` holds something else than sums of weights")
    if weights and not _are_weights(cells):
        raise _no_cube(path, f"its weights do not lie between {LEAST_WEIGHT:.0e} and {MOST_WEIGHT:.0e}")
    cells = cells.drop(columns=[name for name in WEIGHTS if name in cells and not weights])
    for name in texts:
        cells[name] = cells[name].map(str, na_action="ignore")
    _check_sums(path, layout, cells)
    return layout, cells


def _are_weights(cells: pd.DataFrame) -> bool:
    """Whether the weights of each cell's rows may be such as rows are counted with."""
    total = cells["weight"].to_numpy()
    means = np.concatenate(
        [total / np.maximum(cells["n"], 1), cells["weight_square"] / np.where(total > 0, total, 1.0)]
    )
    return bool(((means > LEAST_WEIGHT * (1 - 1e-9)) & (means < MOST_WEIGHT * (1 + 1e-9))).all())


def _layout(path: Path, cells: pd.DataFrame) -> Layout:
    said = list(cells["layout"].unique()) if "layout" in cells else []
    if len(said) != 1:
        raise _no_cube(path, "its cells do not all carry one `layout`")
    try:
        return Layout.model_validate_json(str(said[0]))
    except ValidationError:
        raise _no_cube(path, "its `layout` cannot be read") from None


def _from_table(path: Path) -> pd.DataFrame:
    """Cells from Parquet or CSV, text as text: in a column of levels an empty field is the empty text."""
    import pandas as pd

    where, names = path.as_posix(), table.column_names(path, path.as_posix())
    if path.suffix.lower() == ".csv":
        whole = {name: [""] for name in ("label", "decision", "bin")}
        cells = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=whole, encoding="utf-8-sig")
    else:
        cells = table.read_table(path, where, table.Wanted((), tuple(names))).roles
    if cells.empty:
        raise UserError(f"{where}: holds no cells; every one had fewer rows than are told.")
    return cells


def _from_json(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise UserError(f"{path.as_posix()}: there is no such file; check the path.")
    try:
        content = json.loads(path.read_bytes())
        cells = pd.DataFrame(content.pop("cells"))
        return cells.assign(**content)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise _no_cube(path, "it is not JSON of cells") from None


def _no_cube(path: Path, why: str) -> UserError:
    return UserError(f"{path.as_posix()}: is no cube that `glassalpha cube` counts: {plain(why, 300)}.")


def _check_sums(path: Path, layout: Layout, cells: pd.DataFrame) -> None:
    """Raise UserError where a cell holds what no rows could have given."""
    n, units, squares, all_rows, all_cells = (cells[name].to_numpy() for name in COUNTS)
    edges = layout.edges
    binned = cells["bin"].fillna(-1).to_numpy(dtype=np.int64)
    # What cannot be audited is told however small it is, so that it is refused and not overlooked.
    sound = cells[[*layout.axes, "label", "decision", "bin"]].notna().all(axis=1).to_numpy()
    at = np.clip(binned, 0, len(edges) - 2)
    low, high = np.floor(edges[at] * SCALE), np.minimum(np.floor(edges[at + 1] * SCALE), SCALE - 1)
    mean = units / np.maximum(n, 1)
    wrong = (n < 1) | (sound & (n < layout.suppress_below)) | (binned >= len(edges) - 1)
    if layout.score:
        wrong |= sound & ((mean < low - 1) | (mean > high + 1) | (squares < 0) | (squares > units))
    if layout.threshold is not None and layout.score and layout.threshold in edges[:-1]:
        wrong |= sound & ((edges[at] >= layout.threshold) != (cells["decision"] == "1").to_numpy())
    if wrong.any():
        raise _no_cube(path, f"cell {int(np.flatnonzero(wrong)[0]) + 1:,} does not add up")
    hidden = int(all_rows[0]) - int(n.sum())
    whole = len(set(all_rows)) == 1 and len(set(all_cells)) == 1 and int(all_cells[0]) >= len(cells)
    if not whole or hidden < 0 or (hidden and layout.suppress_below < 2):
        raise _no_cube(path, f"its cells hold {int(n.sum()):,} rows and its total says {int(all_rows[0]):,}")


def sums_of(cells: pd.DataFrame) -> tuple[Ints, Floats]:
    """What a Cube holds of each cell: `whole` (3, cells), and `weighed` (4 or 0, cells)."""
    whole = np.array([cells[name].to_numpy(dtype=np.int64) for name in COUNTS[:3]])
    if "weight" not in cells:
        return whole, np.zeros((0, len(cells)))
    return whole, np.array([cells[name].to_numpy(dtype=np.float64) for name in WEIGHTS])
