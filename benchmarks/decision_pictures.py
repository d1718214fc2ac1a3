"""The pictures of the guide on decisions under uncertainty: `python -m benchmarks.decision_pictures` draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.decisions import SIZES, outcomes
from glassalpha_action.vocabulary import Outcome

ROOT = Path(__file__).parent.parent
FOLDER = "site/images"
CURVE = (10, 20, 30, 50, 100, 200, 400)
WIDTH, LEFT, RIGHT = 720, 70, 700
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #24292f } .small { font-size: 12px; fill: #57606a }
.axis { stroke: #8c959f; fill: none } .grid { stroke: #d0d7de } .limit { stroke: #24292f; stroke-dasharray: 6 4 }
.point { stroke: #b35900; fill: #b35900 } .bound { stroke: #0b5cad; fill: #0b5cad }
.line { fill: none !important; stroke-width: 3 }
.bar { stroke-width: 5; stroke-linecap: round } .pass { fill: #1a7f37; stroke: #1a7f37 }
.fail { fill: #b3261e; stroke: #b3261e } .open { fill: #9a6700; stroke: #9a6700 } .on { fill: #fff }
.ground { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9da7b3 } .grid { stroke: #30363d } .limit { stroke: #e6edf3 } .on { fill: #fff }
.point { stroke: #f0883e; fill: #f0883e } .bound { stroke: #58a6ff; fill: #58a6ff } .ground { fill: #0d1117 } }
""".strip()


def _svg(height: int, title: str, text: str, body: Sequence[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">',
            f'<title id="t">{title}</title><desc id="d">{text}</desc><style>{STYLE}</style>',
            # Its own ground: a picture follows the reader's system, and a page its own switch.
            '<rect class="ground" width="100%" height="100%" rx="6"/>',
            *body,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{text}</text>'


def blocked() -> str:
    """How many fair models a gate blocks, by the rows in a group."""
    top, bottom = 40, 300
    first, last = math.log(CURVE[0]), math.log(CURVE[-1])
    shares = {d: [outcomes(n, 0.0, d)[Outcome.FAIL] for n in CURVE] for d in ("point", "bound")}

    def x(n: int) -> float:
        return LEFT + (math.log(n) - first) / (last - first) * (RIGHT - LEFT - 20)

    def y(share: float) -> float:
        return bottom - share / 0.9 * (bottom - top)

    body = []
    for tick in (0, 0.2, 0.4, 0.6, 0.8):
        body.append(f'<path class="grid" d="M{LEFT} {y(tick):g}H{RIGHT}"/>')
        body.append(_text(LEFT - 8, y(tick) + 5, f"{tick:.0%}", "small", "end"))
    body += [_text(x(n), bottom + 20, str(n), "small", "middle") for n in CURVE]
    body.append(_text((LEFT + RIGHT) / 2, bottom + 42, "rows in each group", "small", "middle"))
    for name, values in shares.items():
        points = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in zip(CURVE, values, strict=True))
        body.append(f'<polyline class="{name} line" points="{points}"/>')
        body += [
            f'<circle class="{name}" r="4" cx="{x(n):.1f}" cy="{y(v):.1f}"/>'
            for n, v in zip(CURVE, values, strict=True)
        ]
    at = CURVE.index(30)
    half = shares["point"][at]
    body.append(_text(x(30) + 12, y(half) - 10, f"decision: point blocks {half:.0%} at 30 rows a group"))
    body.append(_text(x(30) + 12, y(0) - 12, f"decision: bound blocks {shares['bound'][at]:.1%}"))
    body.append(_text(LEFT, 20, "Perfectly fair models that a limit of 10 points blocks"))
    said = f"At 30 rows a group the point decision blocks {half:.0%} of fair models, the bound decision hardly any."
    return _svg(350, "Fair models blocked, by rows in each group", said, body)


def decided() -> str:
    """Three intervals beside a limit: all of it on one side decides, else more rows are needed."""
    rows = (
        ("PASS", "pass", 0.02, 0.05, 0.085, "all of it below the limit"),
        ("INCONCLUSIVE", "open", 0.03, 0.08, 0.15, "the limit lies inside: audit more rows"),
        ("FAIL", "fail", 0.12, 0.16, 0.20, "all of it above the limit"),
    )

    def x(value: float) -> float:
        return LEFT + 80 + value / 0.25 * (RIGHT - LEFT - 100)

    body = [f'<path class="limit" d="M{x(0.10):g} 45V230"/>', _text(x(0.10), 35, "limit 0.10", "small", "middle")]
    for i, (word, kind, low, value, high, why) in enumerate(rows):
        y = 80 + 60 * i
        body.append(_text(10, y + 5, word))
        body.append(f'<path class="{kind} bar" d="M{x(low):g} {y}H{x(high):g}"/>')
        body.append(f'<circle class="{kind}" r="8" cx="{x(value):g}" cy="{y}"/>')
        body.append(_text(x(0.10) + 8 if kind == "open" else x(low), y + 26, why, "small"))
    body.append(f'<path class="axis" d="M{x(0):g} 232H{x(0.25):g}"/>')
    body += [_text(x(v), 252, f"{v:.2f}", "small", "middle") for v in (0, 0.05, 0.10, 0.15, 0.20, 0.25)]
    body.append(
        _text((LEFT + RIGHT) / 2 + 30, 276, "difference in selection rate, with its interval", "small", "middle")
    )
    said = "An interval below the limit passes, one above it fails, one that holds the limit is inconclusive."
    return _svg(290, "How an interval decides", said, body)


def unfair() -> str:
    """What becomes of models whose groups truly lie 20 points apart."""
    body = [_text(10, 22, "Models whose groups truly differ by 20 points, limit 10 points")]
    kinds = ((Outcome.FAIL, "fail"), (Outcome.INCONCLUSIVE, "open"), (Outcome.PASS, "pass"))
    y = 45
    for n in SIZES:
        for decision in ("point", "bound"):
            found = outcomes(n, 0.2, decision)
            body.append(_text(10, y + 18, f"{n} rows a group, {decision}", "small"))
            x = 170.0
            for outcome, kind in kinds:
                wide = found.get(outcome, 0.0) * (RIGHT - 170)
                if wide < 0.5:
                    continue
                body.append(
                    f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="26" stroke-width="0"/>'
                )
                if wide > 130:
                    body.append(_text(x + wide / 2, y + 18, f"{outcome.value} {found[outcome]:.1%}", "on", "middle"))
                x += wide
            y += 32
        y += 10
    for i, (outcome, kind) in enumerate(kinds):
        body.append(f'<rect class="{kind}" x="{170 + 150 * i}" y="{y}" width="14" height="14" stroke-width="0"/>')
        body.append(_text(190 + 150 * i, y + 12, outcome.value, "small"))
    said = "With few rows the bound decision leaves unfair models undecided, which asks for review; none pass."
    return _svg(y + 25, "Unfair models: failed, undecided, passed", said, body)


PICTURES: Mapping[str, Callable[[], str]] = {
    f"{FOLDER}/decisions-fair-models-blocked.svg": blocked,
    f"{FOLDER}/decisions-interval.svg": decided,
    f"{FOLDER}/decisions-unfair-models.svg": unfair,
}


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(draw(), encoding="utf-8")
        print(f"wrote {name}")
