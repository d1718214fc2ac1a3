"""GlassAlpha's public API under the name that scripts import: `import glassalpha as ga`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from glassalpha_action import records, registry
from glassalpha_action.documents import UserError, require_day

__all__ = ["Audit", "Registry", "UserError", "audit_predictions", "run_audit"]


class Audit(records.Audit):
    """One model, measured and judged on one day. It shows itself in a notebook; `to_json` gives the record."""

    def save(self, *paths: str | Path) -> None:
        """Write a report to each path, in the format of its ending: .html, .pdf, .md or .json. Raises UserError."""
        from glassalpha_action.report import check_formats, write

        places = [Path(path) for path in paths]
        check_formats(places)
        for place in places:
            write(self, place)

    def _repr_html_(self) -> str:
        from glassalpha_action.report.notebook import render_notebook

        return render_notebook(self)


def run_audit(
    config: str | Path,
    *,
    policy: str | Path | None = None,
    strict: bool = False,
    as_of: str | date | None = None,
    model_trust: Literal["sandbox", "safe", "trusted"] = "sandbox",
    cube: str | Path | None = None,
) -> Audit:
    """Audit the model that the audit.yaml at `config` describes, as `glassalpha audit` does; nothing is written.

    `policy` is a file or a pack's name, else the one that audit.yaml names. `as_of` is the day of the audit, today in
    UTC where it is not given. With `cube`, a file made by `glassalpha cube`, no row is read. Raises UserError.
    """
    from glassalpha_action.cli.audit import run

    found = run(
        Path(config),
        policy=_text(policy),
        strict=strict,
        as_of=_day(as_of).isoformat(),
        model_trust=model_trust,
        cube=Path(cube) if cube is not None else None,
    )
    return _shown(found)


def audit_predictions(
    *,
    y_true: Any,
    y_score: Any = None,
    y_pred: Any = None,
    groups: Mapping[str, Any] | Any = None,
    policy: str | Path | None = None,
    threshold: float | None = None,
    positive_label: Any = None,
    favorable_label: Any = None,
    sample_weight: Any = None,
    as_of: str | date | None = None,
    model_id: str = "predictions",
    use_case: str | None = None,
    random_seed: int | None = None,
) -> Audit:
    """Audit predictions at hand: labels, scores from 0 to 1 or decisions, and protected attributes, one value a row.

    Each is a list, a NumPy array, a pandas Series, Index or Categorical; `groups` maps the name of each protected
    attribute to its values (None and NaN are missing), or is a DataFrame of them. A score at or above `threshold` (0.5)
    is a positive decision unless `y_pred` says what was decided. `positive_label` is what scores speak of, 1 where the
    labels are 0 and 1; `favorable_label` the outcome people hope for. `policy` is a file or a pack's name; `use_case`
    is what a policy's `applies_to` is matched with. Raises UserError that names the argument.
    """
    from glassalpha_action.audit import audit
    from glassalpha_action.cli.audit import load_policy
    from glassalpha_action.load.arrays import declared, from_arrays, given

    day = _day(as_of)
    arrays = given(y_true, y_score, y_pred, groups, sample_weight)
    config = declared(
        arrays,
        model_id=model_id,
        use_case=use_case,
        threshold=threshold,
        positive_label=positive_label,
        favorable_label=favorable_label,
        random_seed=random_seed,
    )
    chosen = load_policy(config, _text(policy))
    subject = from_arrays(config, arrays, as_of=day.isoformat(), policy_sha256=chosen.sha256 if chosen else None)
    return _shown(
        audit(
            subject.rows,
            config=config.document,
            data=subject.data,
            provenance=subject.provenance,
            policy=chosen,
            today=day,
        )
    )


def _shown(found: records.Audit) -> Audit:
    return Audit.model_construct(**{name: getattr(found, name) for name in records.Audit.model_fields})


def _text(policy: str | Path | None) -> str | None:
    return None if policy is None else str(policy)


def _day(as_of: str | date | None) -> date:
    if as_of is None:
        return _today()
    if isinstance(as_of, date):
        return as_of.date() if isinstance(as_of, datetime) else as_of
    return require_day(as_of, "as_of")


class Registry:
    """Where audits are kept: `Registry.connect("model_registry.db").query_all(last_n_days=30)`."""

    @staticmethod
    def connect(url: str | Path, *, create: bool = False) -> registry.Registry:
        """Open the registry at `url`: a file name, `sqlite:///file` or `postgresql://…`.

        `last_n_days` counts back from today (UTC).

        `create` makes a new one where there is no file. Raises `glassalpha_action.documents.UserError`.
        """
        return registry.connect(url, create=create, clock=_today)


def _today() -> date:
    return datetime.now(UTC).date()
