"""An Audit on a terminal: the verdict, one line a gate, and for each that did not pass what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from glassalpha_action.records import Audit, Verdict
from glassalpha_action.report.rules import changes, notes, waivers
from glassalpha_action.report.verdicts import banner, explain
from glassalpha_action.report.words import MET, OUTCOMES, STATUSES, UNMET, name, sentence
from glassalpha_action.report.words import requirement as requirement_name
from glassalpha_action.vocabulary import Outcome, Severity

COMMAND = 19  # far enough to the left that a command stands on one line of 80, to be copied whole
TINTS = {"good": "green", "bad": "red", "caution": "yellow", "neutral": "yellow"}


def render_text(audit: Audit, width: int = 80, *, colour: bool = False) -> str:
    """The audit as lines of at most `width` characters where words allow."""
    import click

    def paint(text: str, status: str | None, *, bold: bool = False) -> str:
        return click.style(text, fg=status, bold=bold) if colour else text

    look = STATUSES[audit.status]
    head = f"{look.icon} {audit.headline}"
    lines = [f"{paint(name(audit.model.id), None, bold=True)}  {paint(head, TINTS[look.tone], bold=True)}"]
    lines += _wrapped(sentence(banner(audit).why), width, indent=2)
    if audit.policy:
        lines.append(
            f"  {name(audit.policy.name)} {name(audit.policy.version)}, as of {audit.provenance.as_of}, "
            f"{audit.data.rows:,} rows"
        )
    for note in (*notes(audit), *audit.data.notes, *audit.data.warnings):
        lines += _wrapped(note, width, indent=2)
    lines.append("")
    for verdict in audit.verdicts:
        mark = OUTCOMES[verdict.outcome]
        tint = "yellow" if mark.tone == "bad" and verdict.severity is not Severity.error else TINTS[mark.tone]
        lines.append(
            f"  {paint(f'{mark.icon} {verdict.outcome.value:<14}', tint)} "
            f"{verdict.severity.value:<8} {name(verdict.gate, 60)}{_before(verdict)}"
        )
        lines += _wrapped(verdict.message, width)
        lines += _advice(verdict, width)
    for requirement in audit.requirements:
        mark = MET if requirement.met else UNMET
        lines.append(
            f"  {paint(f'{mark.icon} {mark.word.upper():<14}', TINTS[mark.tone])} {'required':<8} "
            f"{requirement_name(requirement.name).lower().removesuffix(' required')}"
        )
        if not requirement.met:
            lines += _wrapped(requirement.message, width)
    told = [(w.look, w.message) for w in waivers(audit)] + [(c.look, c.text) for c in changes(audit)]
    for beside, said in told:
        tinted = paint(f"{beside.icon} {beside.word.upper():<24}", TINTS[beside.tone])
        lines += [f"  {tinted}{line.lstrip()}" if n == 0 else line for n, line in enumerate(_wrapped(said, width))]
    if audit.reaudit_by:
        lines += _wrapped(f"The next audit is due by {audit.reaudit_by}.", width, indent=2)
    return "\n".join(lines) + "\n"


def _before(verdict: Verdict) -> str:
    """The outcome without the waiver."""
    raw = OUTCOMES[verdict.raw_outcome].word.lower()
    return "" if verdict.raw_outcome is verdict.outcome else f" (without the waiver: {raw})"


def _wrapped(text: str, width: int, first: str = "", indent: int = 28) -> list[str]:
    space = " " * indent
    return textwrap.wrap(
        name(text, 2000),
        width,
        initial_indent=space + first,
        subsequent_indent=space + " " * len(first),
        break_on_hyphens=False,
    )


def _advice(verdict: Verdict, width: int) -> Iterator[str]:
    if verdict.remediation and verdict.outcome is not Outcome.PASS:
        yield from _wrapped(verdict.remediation, width, "Fix: " if verdict.raw_outcome is Outcome.FAIL else "Next: ")
    if command := explain(verdict):
        yield f"{' ' * COMMAND}{command}"
