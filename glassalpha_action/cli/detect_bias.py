"""`glassalpha detect-bias`: what bias a data set holds before any model."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from glassalpha_action.load.dataset import Dataset
    from glassalpha_action.records import Audit, Measurement

SHOWN = 8


def measure(found: Dataset, name: str) -> Audit:
    """The data set's measurements, in a record that was judged by nothing and is kept nowhere."""
    from glassalpha_action.audit import CONFIDENCE
    from glassalpha_action.cube import build
    from glassalpha_action.metrics import CATALOGUE
    from glassalpha_action.metrics import measure as measured
    from glassalpha_action.records import Audit, ModelCard
    from glassalpha_action.report.dataset import METRICS
    from glassalpha_action.vocabulary import Status

    pairs = tuple(itertools.combinations([a.name for a in found.rows.attributes], 2))
    measurements = measured(found.rows, build(found.rows), CONFIDENCE, [("min_group_size", {}, pairs, False)])
    return Audit(
        audit_id=found.provenance.data_sha256 or "",
        status=Status.NO_POLICY,
        enforced=True,
        model=ModelCard(id=name),
        policy=None,
        measurements=tuple(m for metric in METRICS for m in measurements if m.metric == metric),
        glossary={metric: CATALOGUE[metric].definition for metric in METRICS},
        data=found.data,
        provenance=found.provenance,
    )


@click.command("detect-bias")
@click.option("--data", "path", required=True, type=click.Path(path_type=Path), help="The data set.")
@click.option("--target", help="The column of labels: two of them.")
@click.option("--positive", help="The label that counts as positive; 1 where labels are 0 and 1.")
@click.option("--protected", default="", help="The protected attributes, their column names separated by commas.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Write a report: .html, .pdf or .md by its ending. May be given several times.",
)
@click.option("--as-of", metavar="YYYY-MM-DD", help="The day the report is dated; today in UTC if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the measurements as JSON.")
def detect_bias(
    path: Path,
    target: str | None,
    positive: str | None,
    protected: str,
    outputs: tuple[Path, ...],
    as_of: str | None,
    as_json: bool,
) -> None:
    """Show what bias a data set holds before any model."""
    from glassalpha_action.cli.audit import day
    from glassalpha_action.cli.tables import echo_json
    from glassalpha_action.load.dataset import load
    from glassalpha_action.report.dataset import check_formats, write_dataset

    check_formats(outputs)
    attributes = [name.strip() for name in protected.split(",") if name.strip()]
    found = load(
        path, target=target, protected=list(dict.fromkeys(attributes)), positive=positive,
        as_of=day(as_of).isoformat(),
    )  # fmt: skip
    record = measure(found, path.name)
    if as_json:
        echo_json([m.model_dump(mode="json") for m in record.measurements])
    else:
        click.echo(_text(found, record, target is not None), nl=False)
    for output in outputs:
        write_dataset(record, output)
        if not as_json:
            click.echo(f"  wrote {output}")


def _text(found: Dataset, record: Audit, labelled: bool) -> str:
    from glassalpha_action.documents import inert
    from glassalpha_action.report.dataset import said
    from glassalpha_action.report.words import name

    lines = [f"{name(record.model.id)}  {found.data.rows:,} rows, {len(found.columns):,} columns", ""]
    lines += [f"  {one}" for one in (*said(record), *found.data.notes)]
    if len(lines) > 2:
        lines.append("")
    for measurement in record.measurements:
        lines += _rows(measurement)
    lines += _missing_options(found, labelled)
    return "".join(f"{inert(line)}\n" for line in lines)


def _rows(measurement: Measurement) -> list[str]:
    """The measurement by group, its largest first where they are columns."""
    from glassalpha_action.report.words import name

    if measurement.reason or not measurement.groups or measurement.combines:
        return []
    groups = [g for g in measurement.groups if measurement.subject is None or g.value]
    if not groups:
        return []
    title = measurement.of or measurement.title
    about = f" ({name(measurement.attribute)})" if measurement.attribute else ""
    lines = [f"  {title[:1].upper()}{title[1:]}{about}"]
    for group in groups[:SHOWN]:
        shown = measurement.unit.show(group.value) if group.value is not None else group.reason or ""
        lines.append(f"    {name(group.level, 40):<40} {shown:>9}   n {group.n:,}")
    more = [f"    and {len(groups) - SHOWN:,} more: --output report.html shows all"] if len(groups) > SHOWN else []
    return [*lines, *more, ""]


def _missing_options(found: Dataset, labelled: bool) -> list[str]:
    """What more could be said, and by which option."""
    from glassalpha_action.report.words import listed, name

    lines = []
    if not found.rows.attributes:
        guessed = [name(c.name, 40) for c in found.columns if c.suggested]
        lines.append("  No protected attribute is named, so nothing is compared between groups.")
        if guessed:
            lines.append(f"  By their names alone these columns may be protected attributes: {listed(guessed)}.")
            lines.append("  Check them, then add the ones that are, for example:")
            lines.append(f"    --protected {','.join(c.name for c in found.columns if c.suggested)[:200]}")
        else:
            lines.append("  No column's name suggests one. Add those you know: --protected column,column")
    if not labelled:
        lines.append("  No target is named, so label rates are not compared. Add: --target column")
    return lines
