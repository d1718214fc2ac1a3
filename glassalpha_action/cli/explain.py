"""`glassalpha explain`: what a failed gate means and how to fix it, and why each person was decided against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from glassalpha_action.cli.audit import MODEL_TRUST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glassalpha_action.load.reasons import Told


@click.group()
def explain() -> None:
    """Say what a failed gate means, or why a model decided against people."""


@explain.command("failed-gate", short_help="Explain a failed gate: causes and fixes.")
@click.argument("metric")
def failed_gate(metric: str) -> None:
    """Explain a failed gate on METRIC, or a shipped policy's gate of that name; close names are understood."""
    from glassalpha_action.cli.metrics import find

    found = find(metric).definition
    click.echo(f"Failed Gate: {found.title}\n\nIssue: {found.advice.issue}\n")
    for heading, lines in (("Common causes", found.advice.causes), ("Recommended fixes", found.advice.fixes)):
        click.echo(f"{heading}:")
        for number, line in enumerate(lines, 1):
            click.echo(f"{number}. {line}")
        click.echo()
    click.echo(
        f"Need more help? `glassalpha metrics show {found.id}` says how the number is made; the policy's owner "
        "says why the limit stands where it does."
    )


@explain.command("decisions", short_help="Write why the model decided against each person.")
@click.option("--config", "config_path", required=True, type=click.Path(path_type=Path), help="The model's audit.yaml.")
@click.option(
    "--reason-codes",
    "output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The CSV file to write: a row for each person decided against.",
)
@MODEL_TRUST
def decisions(config_path: Path, output: Path, model_trust: str) -> None:
    """Write why the model decided against each person: at most four reasons a row, the weightiest first.

    The columns are the data row, the id that `data.id_column` names, the score, and reason_1 to reason_4. A reason is a
    feature, in the plain words of `data.dictionary` where it has them. A protected attribute, or a column that
    `data.proxies` declares to stand for one, is never a reason.
    """
    from glassalpha_action.cli.tables import write_file
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError
    from glassalpha_action.load.reasons import reasons
    from glassalpha_action.settings import Trust

    if output.suffix.lower() != ".csv":
        raise UserError(f"--reason-codes {output}: reasons are written as CSV; end the name in .csv.")
    config = load(config_path)
    config.spare_inputs(output, "--reason-codes")
    told = reasons(config, Trust(model_trust))
    data = config.document.data
    write_file(output, _as_csv(told, data.id_column, data.dictionary).encode())
    click.echo(f"wrote {output}: {len(told):,} decided against")
    if silent := sum(not each.reasons for each in told):
        click.echo(
            f"{silent:,} of them have no reason: no feature that may be named told against them. "
            "`glassalpha explain failed-gate reason_code_coverage` says what to do.",
            err=True,
        )


def _as_csv(told: Sequence[Told], id_column: str | None, dictionary: Mapping[str, str]) -> str:
    from glassalpha_action.cli.tables import csv_text
    from glassalpha_action.metrics.explainability import MOST_REASONS

    codes = [f"reason_{i + 1}" for i in range(MOST_REASONS)]
    own = ["data_row", "score", *codes]
    ids = [f"{id_column} (id)" if id_column in own else id_column] if id_column else []
    rows = []
    for each in told:
        words = [dictionary.get(name, name) for name in each.reasons] + [""] * (MOST_REASONS - len(each.reasons))
        cells = {"data_row": each.row, "score": each.score, **dict(zip(codes, words, strict=True))}
        rows.append(cells | dict.fromkeys(ids, each.id or ""))
    return csv_text([own[0], *ids, *own[1:]], rows)
