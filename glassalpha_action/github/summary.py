"""The job summary as Markdown: the verdict first, what failed and how to fix it, the rest folded."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Sequence

from glassalpha_action.github.result import Result, Run, sentence
from glassalpha_action.records import Audit
from glassalpha_action.report import background, rules, verdicts, words
from glassalpha_action.report.markdown import BREAKS, MARKS, escape, prose
from glassalpha_action.vocabulary import WORST_STATUS_FIRST, Status

LIMIT = 900 * 1024
CELL = 400
SENTENCE = 800
NOTICE = 400
COUNTED = {
    Status.BLOCKED: "blocked",
    Status.NO_POLICY: "without a policy",
    Status.REVIEW: "in need of review",
    Status.PASSED: "passed",
}
FAILED = ("Gate", "Result", "Why, and what to do")
CHANGES = ("Effect", "What this change does to the rules")
WAIVERS = ("Waiver", "State", "Gate", "Asked for by", "Approved by", "Last day", "Ceiling", "Reason")
GATES = ("Gate", "Result", "Value", "Interval", "Required", "Group", "n")


class Sheet:
    """Text that grows by whole parts up to a limit in bytes; what finds no room is counted, never cut."""

    def __init__(self, limit: int) -> None:
        self.parts: list[str] = []
        self.room = limit - NOTICE
        self.left_out = 0

    def add(self, part: str) -> None:
        """Append `part` where it fits."""
        size = len(part.encode())
        if size > self.room:
            self.left_out += 1
            return
        self.parts.append(part)
        self.room -= size

    def add_all(self, parts: Iterable[str]) -> None:
        """Append each of `parts` that fits."""
        for part in parts:
            self.add(part)

    def text(self) -> str:
        """All of it, with a last line on what was left out."""
        more = f"\n\n{words.count(self.left_out, 'part')} left out for want of room: the reports hold everything.\n"
        return "".join(self.parts) + (more if self.left_out else "")


def render_summary(run: Run, limit: int = LIMIT) -> str:
    """The summary of `run` in at most `limit` bytes of UTF-8."""
    sheet = Sheet(limit)
    sheet.add(_headline(run))
    sheet.add_all(f"* {_cell(sentence(p))}\n" for p in (*run.problems, *run.faults))
    for result in run.results:
        if result.problems:
            sheet.add(f"\n## ! Not audited: {_cell(result.config)}\n\n")
            sheet.add_all(f"* {_cell(sentence(p))}\n" for p in result.problems)
    judged = sorted((r for r in run.results if r.audit), key=lambda r: WORST_STATUS_FIRST.index(_status(r)))
    attention = [r for r in judged if _status(r) is not Status.PASSED or _made(r).changes]
    for result in attention:
        sheet.add_all(_failures(result))
    sheet.add_all(["\n"] + [f"* {_cell(note)}\n" for note in run.notes])
    for result in judged:
        sheet.add(_folded(result))
    return sheet.text()


def _status(result: Result) -> Status:
    """What the audit came to, or would have, were it enforced."""
    if result.audit is None:
        raise ValueError("no audit was made")
    return result.audit.would_be or result.audit.status


def _headline(run: Run) -> str:
    broken = sum(bool(result.problems) for result in run.results)
    found = Counter(audit.status for audit in run.audits if audit.enforced)
    found_not = sum(not audit.enforced for audit in run.audits)
    told = [f"{found[status]} {COUNTED[status]}" for status in WORST_STATUS_FIRST if found[status]]
    told += [f"{found_not} not enforced"] if found_not else []
    told += [f"{broken} not audited"] if broken else []
    worst = run.status
    if worst == "ERROR":
        title = "! Could not be audited" if not run.audits else "! Not everything could be audited"
    elif worst:
        look = words.STATUSES[Status(worst)]
        live = [audit for audit in run.audits if audit.status == worst and audit.enforced]
        title = f"{look.icon} {look.word}" if live else f"{look.icon} Would be {look.word.lower()}"
    else:
        title = "✕ Portal not built" if run.faults else "✓ Portal built"
    if run.faults and run.results:
        title += ", but not everything was published" if run.records else ", but not recorded"
    models = words.count(len(run.results), "model")
    return f"# {title}\n\n" + (
        f"{models}: {', '.join(told)}. Exit code {run.exit_code}.\n\n"
        if run.results
        else f"Exit code {run.exit_code}.\n\n"
    )


def _failures(result: Result) -> list[str]:
    """The heading and the table of what did not pass, one part a row."""
    audit = _made(result)
    banner = verdicts.banner(audit)
    stamp = f" **{banner.stamp}**" if banner.stamp else ""
    title = _cell(words.name(f"{audit.model.name} ({audit.model.id})" if audit.model.name else audit.model.id))
    parts = [f"\n## {banner.look.icon} {_cell(banner.word)}: {title}\n\n", f"{_cell(banner.sentence)}{stamp}\n\n"]
    rows = [(words.requirement(r.name), _word(words.UNMET), _said(r.message)) for r in audit.requirements if not r.met]
    rows += [(g.name, f"{_outcome(g)}, {g.severity}", _found(g)) for g in verdicts.attention(audit)]
    parts += _table(FAILED, rows) if rows else []
    parts += [*("\n" * bool(banner.notes)), *(f"* {_cell(note)}\n" for note in banner.notes)]
    return [*parts, *_changes(audit)]


def _found(gate: verdicts.Gate) -> str:
    """The verdict's own sentences, and what to do next."""
    found = _said(words.sentence(gate.message), SENTENCE)
    return found + " **Next step:** " + _said(gate.step) if gate.step else found


def _changes(audit: Audit) -> list[str]:
    """What the change does to what the model is held to, the weakened first."""
    rows = [(_word(change.look), _said(change.text)) for change in rules.changes(audit)]
    return ["\n", *_table(CHANGES, rows), f"\n{_cell(rules.judged_by(audit))}\n"] if rows else []


def _waivers(audit: Audit) -> list[str]:
    rows = [
        (w.id, _word(w.look), w.gate, w.owner, w.approved_by, w.expires, w.ceiling, w.message or w.reason)
        for w in rules.waivers(audit)
    ]
    return ["\n", *_table(WAIVERS, rows)] if rows else []


def _folded(result: Result) -> str:
    """Everything judged, folded; one part, so that what is opened is also closed."""
    audit = _made(result)
    look = words.STATUSES[_status(result)]
    rows = [
        (gate.name, _outcome(gate), gate.value, gate.span, gate.required, gate.group, gate.n)
        for gate in verdicts.gates(audit)
    ]
    gates = words.count(len(rows), "gate")
    policy = f"{audit.policy.name} {audit.policy.version}, SHA-256 {audit.policy.sha256}" if audit.policy else "none"
    facts = (
        ("Model", audit.model.id),
        ("Audit file", result.config),
        ("Audit", audit.audit_id),
        ("Policy", policy),
        ("As of", audit.provenance.as_of),
        ("Next audit due", audit.reaudit_by or ""),
        ("Contact", background.questions(audit)),
        ("Reports", words.listed(result.reports)),
    )
    return "".join(
        [
            f"\n<details><summary>{look.icon} {_inline(audit.model.id)}: {gates}</summary>\n\n",
            *(_table(GATES, rows) if rows else []),
            *_waivers(audit),
            "\n",
            *(f"* {name}: {_cell(value)}\n" for name, value in facts if value),
            "\n</details>\n",
        ]
    )


def _outcome(gate: verdicts.Gate) -> str:
    return f"{_word(gate.look)}{f' ({gate.raw})' if gate.raw else ''}"


def _word(look: words.Look) -> str:
    return f"{look.icon} {look.word}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [tuple(head), ("---",) * len(head)]
    return [f"| {' | '.join(line)} |\n" for line in lines] + [f"| {' | '.join(map(_cell, row))} |\n" for row in rows]


def _cell(value: object) -> str:
    """Text for one line of Markdown, inert and short; what is Markdown already stays as it is."""
    return str(value if hasattr(value, "__html__") else escape(words.clip(str(value), CELL)))


def _said(sentence: str, limit: int = CELL) -> str:
    """A sentence for one line of Markdown, inert and short, in which `code` stands as code."""
    return prose(words.clip(sentence, limit))


def _inline(value: str) -> str:
    """Text inside HTML, where mentions are still read, and Markdown should the tag be moved."""
    broken = BREAKS.sub("\\1\u200b", words.name(value))
    return MARKS.sub(lambda mark: f"&#{ord(mark[0])};", html.escape(broken, quote=False))


def _made(result: Result) -> Audit:
    if result.audit is None:
        raise ValueError("no audit was made")
    return result.audit
