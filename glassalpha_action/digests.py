"""Canonical JSON and digests: the same bytes for the same content, wherever they are written."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic_core import to_json

SAFE = 2**53
AS_IT_IS = frozenset({str, bool, type(None)})


def canonical(value: Any) -> bytes:
    """RFC 8785 canonical JSON of plain data; ValueError where it cannot be written so."""
    try:
        return to_json(_ordered(value))
    except (ValueError, TypeError):
        import rfc8785

        return rfc8785.dumps(value)


def settled(value: float) -> float:
    """`value` to twelve significant digits, as every number that a metric finds is recorded.

    What rounding leaves of a sum depends on the order of rows and on the processor, and what is recorded must not.
    """
    return float(f"{value:.12g}")


def _ordered(value: Any) -> Any:
    """`value` in the order of RFC 8785, where a plain JSON writer then makes the canonical bytes.

    ValueError where it might not: other types, keys that sort otherwise as UTF-16, numbers written with an exponent.
    """
    kind = type(value)
    if kind is dict:
        if not "".join(value).isascii():
            raise ValueError
        return {key: one if type(one := value[key]) in AS_IT_IS else _ordered(one) for key in sorted(value)}
    if kind is list or kind is tuple:
        return [one if type(one) in AS_IT_IS else _ordered(one) for one in value]
    if kind is float:
        if value.is_integer() and -SAFE < value < SAFE:
            return int(value)
        if 1e-4 <= abs(value) < 1e15:
            return value
    if kind in AS_IT_IS or (kind is int and -SAFE < value < SAFE):
        return value
    raise ValueError


def sha256(content: bytes) -> str:
    """Hex SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()
