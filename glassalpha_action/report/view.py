"""An Audit as the ordered content of a report, the same for every format, and the templates' environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassalpha_action import shipped
from glassalpha_action.records import Audit, Requirement
from glassalpha_action.report import background, drawing, rules, sections, verdicts, words
from glassalpha_action.report.background import Attribute, Fact, Limit
from glassalpha_action.report.charts import Plot
from glassalpha_action.report.sections import Section
from glassalpha_action.report.verdicts import Banner, Gate
from glassalpha_action.report.words import Look

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class View:
    """Everything a report shows, in the order it is shown."""

    title: str
    model_id: str
    audit_id: str
    as_of: str
    banner: Banner
    card: tuple[Fact, ...]
    attention: tuple[Gate, ...]
    gates: tuple[Gate, ...]
    confidence: str
    requirements: tuple[tuple[str, Look, str], ...]
    sections: tuple[Section, ...]
    data: tuple[Fact, ...]
    attributes: tuple[Attribute, ...]
    limits: tuple[Limit, ...]
    definitions: tuple[tuple[str, str], ...]
    provenance: tuple[Fact, ...]
    policy: tuple[Fact, ...]
    policy_text: str
    tool_version: str
    kind: str = "Model audit"
    short: str = "audit"
    opening: str = "Verdict"
    behind: str = "Model and data"
    record: str = ""
    changes: tuple[rules.Change, ...] = ()
    judged_by: str = ""
    waivers: tuple[rules.Waiver, ...] = ()
    questions: str = ""
    unmet: tuple[tuple[str, Look, str], ...] = ()
    further: tuple[tuple[str, str], ...] = ()

    @property
    def plots(self) -> tuple[Plot, ...]:
        """Every figure of the report."""
        return tuple(
            plot
            for section in self.sections
            for plot in (*section.plots, *(plot for table in section.tables for plot in table.plots))
        )


def view(audit: Audit) -> View:
    """The content of the report of `audit`."""
    judged, others = background.definitions(audit)
    return View(
        title=words.name(audit.model.name or audit.model.id),
        model_id=words.name(audit.model.id),
        audit_id=audit.audit_id,
        as_of=audit.provenance.as_of,
        banner=verdicts.banner(audit),
        card=background.card(audit),
        attention=verdicts.attention(audit),
        gates=verdicts.gates(audit),
        confidence=verdicts.confidence(audit),
        requirements=tuple(_requirement(r) for r in audit.requirements),
        unmet=tuple(_requirement(r) for r in audit.requirements if not r.met),
        sections=sections.sections(audit),
        data=background.data(audit),
        attributes=background.attributes(audit.data),
        limits=background.limits(audit),
        definitions=judged,
        further=others,
        provenance=background.provenance(audit),
        policy=background.policy(audit),
        policy_text=words.clean(audit.policy.text) if audit.policy else "",
        tool_version=audit.provenance.tool_version,
        record=f"the audit record {audit.audit_id[:12]}",
        changes=rules.changes(audit),
        judged_by=rules.judged_by(audit),
        waivers=rules.waivers(audit),
        questions=background.questions(audit),
    )


def _requirement(found: Requirement) -> tuple[str, Look, str]:
    return (
        words.requirement(found.name),
        words.MET if found.met else words.UNMET,
        words.sentence(found.message),
    )


def printable(value: Any) -> str:
    """What a template may print: text, made safe to read, and whole numbers. Anything else is the template's fault."""
    from enum import Enum

    if isinstance(value, bool | Enum) or not isinstance(value, str | int):
        raise TypeError(f"a report may not print {value!r}")
    return words.clip(words.clean(value), words.TEXT_LIMIT) if isinstance(value, str) else f"{value:,}"


def environment(finalize: Callable[[Any], str]) -> Environment:
    """The strict, escaping template environment over templates/report."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(shipped.templates() / "report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {"shapes": drawing.shapes, "drawing_height": drawing.height, "drawing_width": drawing.width}
    return made
