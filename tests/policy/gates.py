"""Policies and measurements written out in tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from glassalpha_action.metrics import ALIASES, CATALOGUE
from glassalpha_action.policy.schema import Gate, LoadedPolicy, load
from glassalpha_action.records import Group, Measurement
from glassalpha_action.vocabulary import Better, Unit

KNOWN = {name: dict(found.params) for name, found in CATALOGUE.items()}
KNOWN |= {alias: KNOWN[name] for alias, name in ALIASES.items()}

HEAD = 'policy_name: P\nversion: "1"\n'
GATE = """  - name: G
    metric: accuracy
    threshold: 0.5
    comparison: greater_than
"""
SMALL = f"{HEAD}gates:\n{GATE}"


def loaded(folder: Path, text: str | bytes) -> LoadedPolicy:
    """The policy this text makes, in a file p.yaml."""
    path = folder / "p.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, KNOWN, "p.yaml")


def gate(comparison: str, threshold: object = None, metric: str = "accuracy", **fields: object) -> Gate:
    """One gate."""
    return Gate.model_validate(
        {"name": "G", "metric": metric, "comparison": comparison, "threshold": threshold, **fields}
    )


def measured(value: float | Fraction | None, metric: str = "accuracy", **fields: object) -> Measurement:
    """A measurement of this value, exact where it is a fraction."""
    content: dict[str, object] = {
        "metric": metric, "title": "T", "unit": Unit.share, "better": Better.higher, "n": 100,
        "value": None if value is None else float(value), "reason": "no rows" if value is None else None,
        "exact": str(value) if isinstance(value, Fraction) else None, "confidence": 0.95,
    }  # fmt: skip
    return Measurement.model_validate(content | fields)


def group(level: str, value: float | None, n: int = 50) -> Group:
    """A group with this value, or none."""
    return Group(level=level, n=n, value=value, reason="no positive row" if value is None else None)
