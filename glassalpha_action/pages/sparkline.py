"""A gate's value over its audits as a drawing of a few dozen bytes."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT, EDGE = 96, 28, 3
MOST = 12


@dataclass(frozen=True)
class Sparkline:
    """`path`: SVG path data; `limit`: the threshold's height where it is near enough to show."""

    path: str
    limit: int | None
    words: str


def sparkline(values: list[float | None], limit: float | None) -> Sparkline | None:
    """A line through the last values (oldest first, None leaves a gap); None where there are fewer than two to join."""
    recent = values[-MOST:]
    known = [value for value in recent if value is not None]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)
    if limit is not None and abs(limit - (low + high) / 2) <= 4 * max(high - low, 1e-9):
        low, high = min(low, limit), max(high, limit)
    if low == high:
        low, high = low - 1, high + 1

    def height(value: float) -> int:
        return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / (high - low))

    step = (WIDTH - 2 * EDGE) / (len(recent) - 1)
    points = [None if value is None else (round(EDGE + k * step), height(value)) for k, value in enumerate(recent)]
    marks = ("M" if k == 0 or points[k - 1] is None else "L" for k in range(len(points)))
    path = "".join(f"{mark}{point[0]} {point[1]}" for mark, point in zip(marks, points, strict=True) if point)
    near = limit is not None and low <= limit <= high
    words = f"{known[0]:.4g} to {known[-1]:.4g}"
    return Sparkline(path, height(limit) if near and limit is not None else None, words)
