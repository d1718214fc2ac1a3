"""The report of a data set before any model, in the look of an audit's report; it judges nothing and is no audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit, Measurement
from glassalpha_action.report import sections, words
from glassalpha_action.report.background import Fact
from glassalpha_action.report.html import html_of
from glassalpha_action.report.markdown import markdown_of
from glassalpha_action.report.pdf import pdf_of
from glassalpha_action.report.verdicts import Banner
from glassalpha_action.report.view import View, view
from glassalpha_action.report.words import Look

FORMATS: Mapping[str, Callable[[View], bytes]] = {
    ".html": lambda content: html_of(content).encode(),
    ".md": lambda content: markdown_of(content).encode(),
    ".pdf": pdf_of,
}
SECTIONS = (
    ("representation", "Representation", ("min_group_size",), "How many rows each group has."),
    (
        "labels",
        "Label rates",
        ("label_rate_difference",),
        "How often the outcome is recorded in each group; a model will learn the difference.",
    ),
    (
        "proxies",
        "Proxies and differences between groups",
        ("proxy_strength", "standardized_mean_difference"),
        "Which columns give a group away, and how far groups lie apart in them.",
    ),
    (
        "missing",
        "Missing values",
        ("missing_share", "missing_share_difference"),
        "What is not known, and of whom less is known.",
    ),
    ("duplicates", "Duplicate rows", ("duplicate_share",), "Rows that repeat others make numbers look surer."),
)
METRICS = tuple(metric for _, _, metrics, _ in SECTIONS for metric in metrics)
FACTS = {"Audited on": "Looked at on", "Tool version": "", "Data digest": "", "Library versions": ""}
LOOK = Look("•", "Before any model", "neutral")


def check_formats(paths: tuple[Path, ...]) -> None:
    """Raise UserError that names every path whose ending is no format of this report."""
    known = ", ".join(FORMATS)
    if unknown := [p for p in paths if p.suffix.lower() not in FORMATS]:
        raise UserError(
            "\n".join(f"{p}: no report of a data set has this ending; use one of {known}." for p in unknown)
        )


def write_dataset(found: Audit, path: Path) -> None:
    """Write the report of the measurements that `found` carries, in the format of the path's ending."""
    check_formats((path,))
    content = FORMATS[path.suffix.lower()](dataset_view(found))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def dataset_view(found: Audit) -> View:
    """The content of the report; `found` carries measurements and data only, it was not judged."""
    content = view(found)
    made = (
        sections.section(found, key, title, lead, [m for m in found.measurements if m.metric in metrics])
        for key, title, metrics, lead in SECTIONS
    )
    return replace(
        content,
        banner=Banner(LOOK, LOOK.word, "What the data hold before any model. Nothing here is judged.", "", said(found)),
        card=_renamed(content.card),
        definitions=(*content.definitions, *content.further),
        further=(),
        questions="",
        sections=tuple(one for one in made if one is not None),
        provenance=_renamed(content.provenance),
        kind="Data set",
        short="data set",
        opening="In short",
        behind="The data",
        record=f"the data of digest {(found.provenance.data_sha256 or '')[:12]}",
    )


def _renamed(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Those that are true of a data set too."""
    return tuple(replace(fact, label=FACTS[fact.label] or fact.label) for fact in facts if fact.label in FACTS)


def said(found: Audit) -> tuple[str, ...]:
    """One sentence for each thing a reader should know first."""
    return tuple(_said(found.measurements))


def _said(found: tuple[Measurement, ...]) -> Iterator[str]:
    for m in found:
        if m.value is None or m.combines:
            continue
        about, shown = words.name(m.attribute or ""), m.unit.show(m.value)
        if m.metric == "min_group_size":
            yield f"The smallest group by {about} is {words.name(m.between[0])}, with {shown} rows."
        elif m.metric == "label_rate_difference" and m.value:
            low, high = (words.name(level) for level in m.between)
            yield f"The label rate of {high} is {shown} above that of {low}, by {about}."
        elif m.metric == "proxy_strength":
            yield f"The column that gives {about} away most is {words.name(m.between[0])}, with a strength of {shown}."
        elif m.metric == "missing_share" and m.value:
            yield f"Most values are missing in {words.name(m.between[0])}: a share of {shown}."
        elif m.metric == "missing_share_difference" and m.value:
            low, high = (words.name(level) for level in m.between)
            yield f"Rows of {high} lack a value more often than those of {low}, by {shown}."
        elif m.metric == "duplicate_share" and m.value:
            yield f"Rows that repeat another are a share of {shown}."
