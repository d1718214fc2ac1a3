"""An Audit in a notebook: the verdict, then each gate, or where nothing was judged each measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from glassalpha_action.records import Audit
from glassalpha_action.report import words
from glassalpha_action.report.verdicts import banner, gates

MOST_ROWS = 200
TONES = {"good": "#1a7f37", "bad": "#cf222e", "caution": "#9a6700", "neutral": "#57606a"}


def render_notebook(audit: Audit) -> str:
    """The audit as a fragment of HTML without scripts; every text from outside is escaped."""
    found = banner(audit)
    model = words.name(audit.model.name or audit.model.id)
    policy = f"{words.name(audit.policy.name)} {words.name(audit.policy.version)}, " if audit.policy else ""
    under = f"{policy}as of {audit.provenance.as_of}, {audit.data.rows:,} rows, audit {audit.audit_id[:12]}"
    said = (*([found.stamp] if found.stamp else []), *found.notes, *audit.data.notes, *audit.data.warnings)
    judged = gates(audit)
    table = (
        _table(
            ("Gate", "Outcome", "Value", "Required", "Interval", "Groups", "n"),
            [(g.name, _mark(g.look), escape(g.value), escape(g.required), g.span, g.group, g.n) for g in judged],
            marked={1, 2, 3},
        )
        if judged
        else _measured(audit)
    )
    return (
        '<div style="font-family: system-ui, sans-serif; line-height: 1.4">'
        f"<p><strong>{escape(model)}</strong> {_mark(found.look)}<br>{escape(found.sentence)}<br>"
        f"<small>{escape(under)}</small></p>{_notes(said)}{table}</div>"
    )


def _measured(audit: Audit) -> str:
    rows = [
        (
            m.title,
            words.name(m.attribute or "whole model"),
            words.shown(m.unit, m.value, None)
            if m.value is not None
            else f"not measured: {words.name(m.reason or '')}",
            words.span(m.unit, m.low, m.high),
            f"{m.n:,}",
        )
        for m in audit.measurements
    ]
    return _table(("Metric", "Attribute", "Value", "Interval", "n"), rows)


def _mark(look: words.Look) -> str:
    return f'<span style="color: {TONES[look.tone]}; font-weight: 600">{escape(look.icon)} {escape(look.word)}</span>'


def _notes(said: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(words.clean(text))}</li>" for text in said)
    return f"<ul>{items}</ul>" if items else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], marked: Iterable[int] = ()) -> str:
    """A table of text; the cells of the columns `marked` are HTML already."""
    ready = set(marked)
    top = "".join(f'<th style="text-align: left">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align: left; vertical-align: top">{cell if i in ready else escape(cell)}</td>'
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows[:MOST_ROWS]
    )
    more = f"<p><small>{len(rows) - MOST_ROWS:,} more rows.</small></p>" if len(rows) > MOST_ROWS else ""
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{more}"
