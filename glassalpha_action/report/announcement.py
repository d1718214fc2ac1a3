"""A policy as the announcement its teams read: what changed, what to do, the gates, and whom to ask."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from glassalpha_action.policy.binding import TASKS
from glassalpha_action.policy.schema import Gate, Policy
from glassalpha_action.policy.sentences import REQUIREMENTS, level
from glassalpha_action.records import Change, Definition
from glassalpha_action.report import words
from glassalpha_action.report.markdown import MARKS, escape, prose
from glassalpha_action.report.view import environment
from glassalpha_action.vocabulary import Comparison, Severity

if TYPE_CHECKING:
    from jinja2 import Template

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DOES = {
    Severity.error: "ERROR - blocks deployment",
    Severity.warning: "WARNING - requires documentation",
    Severity.info: "INFO - reported only",
}
TAGS = re.compile(r"<(?=[^\s\d=])")
HELP = (("policy", "Policy questions"), ("technical", "Technical support"), ("approval", "Approval requests"))
PAGES = (
    ("Getting started", "guides/getting-started/"),
    ("Reading a blocked pull request", "guides/blocked-pull-request/"),
    ("Metrics and how to meet them", "reference/metrics/"),
)


@dataclass(frozen=True)
class GateLine:
    """One gate as the announcement says it."""

    name: str
    asks: str
    does: str


@dataclass(frozen=True)
class Announcement:
    """Everything the announcement says, in its order."""

    title: str
    version: str
    effective: str
    notice: str
    since: str
    changes: tuple[str, ...]
    actions: tuple[str, ...]
    gates: tuple[GateLine, ...]
    requirements: tuple[str, ...]
    decides: str
    command: str
    contacts: tuple[tuple[str, str], ...]
    resources: tuple[tuple[str, str], ...]


def render_announcement(
    policy: Policy,
    definitions: Mapping[str, Definition],
    path: str,
    *,
    since: str = "",
    changes: Sequence[Change] = (),
    portal: str | None = None,
) -> str:
    """The announcement of `policy`, which teams find at `path`, as Markdown.

    `changes` are those since the version `since`; `portal` is the address its guides are linked at.
    """
    lines = tuple(f"{c.message} ({c.effect})" for c in changes if c.effect != "neutral")
    view = Announcement(
        title=policy.policy_name,
        version=policy.version,
        effective=_effective(policy),
        notice=_notice(policy),
        since=since,
        changes=lines,
        actions=tuple(_actions(policy, path)),
        gates=tuple(_gate(gate, definitions[gate.metric], policy) for gate in policy.gates),
        requirements=tuple(text for name, text in REQUIREMENTS.items() if getattr(policy.reproducibility, name)),
        decides=_decides(policy),
        command=_command(policy, path),
        contacts=tuple(_contacts(policy)),
        resources=tuple(_resources(path, portal)),
    )
    return re.sub(r"\n{3,}", "\n\n", _template().render(view=view))


def _spelled(day: date) -> str:
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def _effective(policy: Policy) -> str:
    cases = words.listed(case.replace("_", " ") for case in policy.applies_to)
    models = f"all {cases} models" if cases else "all models"
    start = f"Effective {_spelled(policy.effective_date)}, {models}" if policy.effective_date else models.capitalize()
    must = "are measured against the gates below" if policy.enforcement == "advisory" else "must meet the gates below"
    rests = f" The gates rest on: {_stopped(policy.citation)}" if policy.citation else ""
    return f"{start} {must}.{rests}"


def _stopped(text: str) -> str:
    return f"{text.rstrip('. ')}."


def _notice(policy: Policy) -> str:
    told, start = policy.announced_date, policy.effective_date
    parts = [f"Announced {_spelled(told)}."] if told else []
    if told and start and start > told:
        parts = [f"Announced {_spelled(told)}, {words.count((start - told).days, 'day')} ahead."]
    if start:
        parts.append("Until the policy takes effect, audits say what it would block and block nothing.")
    if policy.sunset_date:
        parts.append(f"It applies until {_spelled(policy.sunset_date)}.")
    return " ".join(parts)


def _actions(policy: Policy, path: str) -> Iterator[str]:
    yield f"Update your audit config to reference this policy: `policy: {{path: {_code(path)}}}`"
    yield f"Run audit with `--policy-gates {_code(path)}`"
    if policy.required_evidence:
        fields = words.listed(f"`{name}`" for name in policy.required_evidence)
        yield f"See that audit.yaml or the registry states {fields}"
    yield "Address any failed gates before requesting deployment approval"


def _gate(gate: Gate, metric: Definition, policy: Policy) -> GateLine:
    limit = level(gate.threshold, metric.unit)
    if gate.baseline:
        asks = f"{metric.title} at most {level(gate.baseline.no_worse_than, metric.unit)} worse than the model before"
    elif gate.comparison is Comparison.present:
        asks = f"{metric.title} is measured"
    else:
        asks = f"{metric.title} {gate.comparison.sign} {limit}"
    does = DOES[gate.severity]
    if gate.severity is Severity.error and policy.enforcement == "advisory":
        does = "ERROR - asks for review while the policy is advisory"
    if gate.enforce_from:
        does += f" from {_spelled(gate.enforce_from)}; until then a warning"
    if gate.applies_to:
        does += f"; {TASKS[gate.applies_to.task]} only"
    return GateLine(gate.name, asks, does)


def _decides(policy: Policy) -> str:
    if policy.statistics.decision == "bound":
        return (
            f"A gate fails only when the whole {policy.statistics.confidence * 100:g}% interval is on the wrong side "
            "of its limit; where the rows are too few to tell, the audit asks for review and says how many would do."
        )
    return "A gate compares the measured value itself; its confidence interval stands beside it in the report."


def _command(policy: Policy, path: str) -> Any:
    from markupsafe import Markup

    strict = " \\\n  --strict" if policy.reproducibility.strict_mode_required else ""
    text = (
        f"glassalpha audit \\\n  --config your_model_config.yaml \\\n  --policy-gates {shlex.quote(words.clean(path))}"
        f"{strict} \\\n  --output audit_report.pdf"
    )
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    mark = "`" * max(3, longest + 1)
    return Markup(f"{mark}bash\n{text}\n{mark}")  # noqa: S704


def _contacts(policy: Policy) -> Iterator[tuple[str, str]]:
    named = policy.contacts.model_dump()
    fallback = {"policy": policy.review_cycle.owner}
    for name, title in HELP:
        who = named[name] or fallback.get(name)
        yield title, who or f"not named; add `contacts: {{{name}: …}}` to the policy"


def _resources(path: str, portal: str | None) -> Iterator[tuple[str, str]]:
    for title, page in PAGES:
        if portal:
            yield title, f"{portal.rstrip('/')}/{page}"
    yield f"This policy in sentences: `glassalpha policy explain {_code(path)}`", ""
    yield "What a failed gate means and how to fix it: `glassalpha explain failed-gate METRIC`", ""
    yield "Every metric, and how its number is made: `glassalpha metrics list`", ""


def _code(text: str) -> str:
    """Text that a code span can hold."""
    return words.clean(text).replace("`", "'").replace("\n", " ")


def usable(text: str) -> str:
    """`text` without markup; addresses, channels and a `<` that starts no tag stay as they are, as in "< 5%"."""
    return MARKS.sub(r"\\\1", TAGS.sub("&lt;", text.replace("&", "&amp;")))


def link(address: str) -> str:
    """An address between the brackets of a Markdown link."""
    from markupsafe import Markup

    return Markup(quote(address, safe=":/.-_~%?=&#"))  # noqa: S704


@cache
def _template() -> Template:
    made = environment(partial(escape, plain=usable))
    made.filters |= {"prose": partial(prose, plain=usable), "link": link}
    return made.get_template("announcement.jinja")
