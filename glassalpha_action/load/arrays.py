"""Brings evidence in from arrays at hand, as in a notebook; an error names the argument that it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from glassalpha_action.config import AuditConfig, Config
from glassalpha_action.digests import canonical, sha256
from glassalpha_action.documents import Tree, UserError, plain
from glassalpha_action.evidence import Attribute, Evidence, Flags, Floats
from glassalpha_action.load import data as rows
from glassalpha_action.load.features import weights_of
from glassalpha_action.load.provenance import predictions_sha256, tool_version, versions
from glassalpha_action.load.subject import Subject
from glassalpha_action.records import Provenance

if TYPE_CHECKING:
    import pandas as pd

ARGUMENTS = {
    "target_column": "y_true",
    "score_column": "y_score",
    "prediction_column": "y_pred",
    "weight_column": "sample_weight",
    "id": "model_id",
}


@dataclass(frozen=True, slots=True)
class Arguments(Config):
    """What was declared by arguments; its errors point at those."""

    def where(self, *keys: str) -> str:
        """The argument that stands for the value at `keys`."""
        if keys[:2] == ("data", "protected_attributes"):
            return f"groups[{keys[2]!r}]" if len(keys) > 2 else "groups"
        return ARGUMENTS.get(keys[-1], keys[-1]) if keys else "audit_predictions"

    def error(self, message: str, *keys: str, exit_code: int = 2) -> UserError:
        """An error that points at the argument for the value at `keys`."""
        said = message.replace("`model.", "`").replace("`data.", "`")
        return UserError(f"{plain(self.where(*keys), 200)}: {plain(said)}", exit_code=exit_code)


@dataclass(frozen=True, slots=True)
class Given:
    """The arrays of one audit, each (n,): columns by the name of their argument, and the groups by attribute."""

    columns: Mapping[str, pd.Series[Any]]
    groups: Mapping[str, pd.Series[Any]]


def given(
    y_true: object, y_score: object = None, y_pred: object = None, groups: object = None, sample_weight: object = None
) -> Given:
    """The arguments as columns of one length. Raises UserError that names the argument that does not fit."""
    import pandas as pd

    if y_score is None and y_pred is None:
        raise UserError("y_score: give the model's probabilities of the positive label, or its decisions as y_pred.")
    known = {"y_true": y_true, "y_score": y_score, "y_pred": y_pred, "sample_weight": sample_weight}
    columns = {name: _column(name, values) for name, values in known.items() if values is not None}
    if "y_true" not in columns:
        raise UserError("y_true: give the labels, one for each row.")
    if not isinstance(groups, Mapping | pd.DataFrame | None):
        raise UserError("groups: must be a mapping of attribute names to values, or a DataFrame of such columns.")
    named = {} if groups is None else dict(groups.items())
    if wrong := [name for name in named if not isinstance(name, str) or not name]:
        raise UserError(f"groups: each name must be text that is not empty, not {plain(repr(wrong[0]), 100)}.")
    found = {name: _column(f"groups[{name!r}]", values) for name, values in named.items()}
    _require_aligned({**known, **{f"groups[{n!r}]": v for n, v in named.items()}})
    n = len(columns["y_true"])
    if not n:
        raise UserError("y_true: holds no rows; give the labels of held-out rows.")
    for name, column in {**columns, **{f"groups[{n!r}]": c for n, c in found.items()}}.items():
        if len(column) != n:
            raise UserError(f"{plain(name, 200)}: has {len(column):,} values and y_true {n:,}; give one for each row.")
    return Given(columns, found)


def _column(name: str, values: object) -> pd.Series[Any]:
    """One argument as a column, in the order it was given."""
    import pandas as pd

    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) != 1:
        hint = "; give one column, such as predict_proba(X)[:, 1]" if name == "y_score" and len(shape) == 2 else ""
        raise UserError(f"{plain(name, 200)}: has the shape {tuple(shape)}, not one value for each row{hint}.")
    if isinstance(values, str | bytes | Mapping) or not (hasattr(values, "__iter__") or shape):
        raise UserError(f"{plain(name, 200)}: must hold one value for each row, not {plain(repr(values), 60)}.")
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if hasattr(values, "to_pylist"):  # Arrow's own values are no numbers to pandas
        values = values.to_pylist()
    ready: Any = values if isinstance(values, pd.Index | pd.Categorical | np.ndarray) or shape else list(values)  # type: ignore[call-overload]
    return pd.Series(ready)


def _require_aligned(arguments: Mapping[str, object]) -> None:
    """Raise UserError where two pandas objects name their rows differently, for then their orders may differ too."""
    import pandas as pd

    labelled = [(name, values.index) for name, values in arguments.items() if isinstance(values, pd.Series)]
    for name, index in labelled[1:]:
        first, other = labelled[0]
        if len(index) == len(other) and not index.equals(other):
            raise UserError(
                f"{plain(name, 200)}: its index is not that of {plain(first, 200)}, so the rows may not be the same; "
                "align them, or give both as arrays (`.to_numpy()`)."
            )


def declared(
    arrays: Given,
    *,
    model_id: str,
    use_case: str | None,
    threshold: float | None,
    positive_label: object,
    favorable_label: object,
    random_seed: int | None,
) -> Arguments:
    """What the arguments declare, as an audit.yaml would. Raises UserError that names the argument."""
    columns = arrays.columns
    if threshold is not None and "y_pred" in columns:
        raise UserError("threshold: y_pred says already what was decided; give one of them.")
    labels = {"positive_label": positive_label, "favorable_label": favorable_label}
    model = {"id": model_id, "use_case": use_case, "threshold": None if threshold is None else _real(threshold)}
    model |= {name: None if label is None else rows.written_level(label) for name, label in labels.items()}
    roles = {field: name for field, name in ARGUMENTS.items() if name in columns}
    attributes: dict[str, dict[str, object]] = {name: {} for name in arrays.groups}
    content = {
        "model": model,
        "data": {"path": "(arrays)", "protected_attributes": attributes} | roles,
        "reproducibility": {"random_seed": random_seed},
    }
    try:
        document = AuditConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = str(first["loc"][-1])
        said = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise UserError(
            f"{ARGUMENTS.get(place, place)}: {plain(said)}, not {plain(repr(first['input']), 60)}."
        ) from None
    digest = sha256(canonical(document.model_dump(mode="json")))
    return Arguments(Path("audit_predictions"), document, Tree({}), digest)


def _real(value: object) -> object:
    """NumPy's numbers as Python's own; anything else as it is."""
    return float(value) if isinstance(value, int | float | np.integer | np.floating) else value


def from_arrays(config: Arguments, arrays: Given, *, as_of: str, policy_sha256: str | None) -> Subject:
    """The evidence that the arrays hold. Raises UserError that names the argument."""
    import pandas as pd

    document, table = config.document, pd.DataFrame(dict(arrays.columns))
    labels = rows.labels_of(config, table)
    attributes = tuple(
        rows.attribute_of(config, pd.DataFrame({name: column}), name, document.data.protected_attributes[name])
        for name, column in arrays.groups.items()
    )
    rows.check_cells(config, attributes)
    scores = rows.scores_of(config, table)
    decisions = rows.decisions_of(config, table, labels, scores)
    weight = weights_of(config, table)
    summary = rows.summary(document.model, document.data, labels, attributes, ())
    provenance = Provenance(
        as_of=as_of,
        tool_version=tool_version(),
        config_sha256=config.sha256,
        data_sha256=_digest(labels.positive, attributes, weight),
        policy_sha256=policy_sha256,
        predictions_sha256=predictions_sha256(scores, decisions),
        seed=document.reproducibility.random_seed,
        versions=versions("numpy", "pandas"),
    )
    evidence = Evidence(
        label=labels.positive,
        decision=decisions,
        score=scores,
        attributes=attributes,
        favorable_positive=labels.favorable_label == labels.positive_label,
        threshold=summary.threshold if scores is not None else None,
        weight=weight,
        seed=document.reproducibility.random_seed or 0,
    )
    return Subject(evidence, summary.model_copy(update={"weighted": weight is not None}), provenance)


def _digest(positive: Flags, attributes: tuple[Attribute, ...], weight: Floats | None) -> str:
    """Hex SHA-256 of labels, levels and weights, in row order."""
    digest = hashlib.sha256(canonical([[a.name, list(a.levels)] for a in attributes]))
    digest.update(np.packbits(positive).tobytes() + str(positive.size).encode())
    for attribute in attributes:
        digest.update(np.ascontiguousarray(attribute.codes, "<i4").tobytes())
    if weight is not None:
        digest.update(np.ascontiguousarray(weight, "<f8").tobytes())
    return digest.hexdigest()
