"""`glassalpha policy simulate` and `suggest`: what recorded audits, of a registry or a folder, say of a policy."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassalpha_action.cli.options import as_json
from glassalpha_action.cli.tables import echo_json, table
from glassalpha_action.documents import UserError, inert

if TYPE_CHECKING:
    from glassalpha_action.records import Audit


def _history(command: Any) -> Any:
    for option in (
        click.option("--last-n-days", type=click.IntRange(min=0), help="Only audits since so many days ago."),
        click.option("--audits", type=click.Path(path_type=Path), metavar="FOLDER",
                     help="A folder of audit.json files, instead of a registry."),
        click.option("--database", metavar="FILE|URL", help="The registry; by default as for `glassalpha registry`."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@click.argument("named", metavar="POLICY")
@_history
@as_json
def simulate(named: str, database: str | None, audits: Path | None, last_n_days: int | None, as_json: bool) -> int:
    """Replay recorded audits under POLICY.

    Says which models, teams and gates would flip, had it been in force. Marks gates that at least 80% of the models
    fail: the threshold may be unrealistic.
    """
    from glassalpha_action.cli.policy import definitions, read_named
    from glassalpha_action.policy.simulate import simulate as replay
    from glassalpha_action.report.simulation import as_data, render_simulation

    loaded = read_named(named)
    found = replay(loaded, read_history(database, audits, last_n_days), definitions())
    if as_json:
        echo_json(as_data(found))
    else:
        click.echo(render_simulation(found, loaded.policy), nl=False)
    return 0


@click.command()
@click.argument("metric")
@_history
@click.option("--pass-share", type=click.FloatRange(0, 1, min_open=True), default=0.9, show_default=True,
              help="The share of the models that should meet the threshold.")  # fmt: skip
@as_json
def suggest(
    metric: str, database: str | None, audits: Path | None, last_n_days: int | None, pass_share: float, as_json: bool
) -> int:
    """Suggest a threshold for METRIC from history.

    Says how many models it would block without proof.
    """
    from glassalpha_action.cli.metrics import find
    from glassalpha_action.policy.simulate import latest
    from glassalpha_action.policy.suggest import suggest as choose

    found = choose(find(metric).definition, latest(read_history(database, audits, last_n_days)), pass_share)
    chosen = found.chosen
    if as_json:
        names = ("threshold", "models", "blocked", "in_doubt", "no_interval", "pass_share", "false_block_rate")
        data = [{name: getattr(one, name) for name in names} for one in (chosen, *found.candidates)]
        echo_json({"metric": found.metric.id, "comparison": found.comparison.value, "chosen": data[0],
                    "candidates": data[1:], "left_out": list(found.left_out)})  # fmt: skip
        return 0
    unit = found.metric.unit
    rows = [("threshold", "models pass", "blocked", "blocked without proof", "false-block rate")]
    rows += [
        (f"{found.comparison.sign} {unit.show(one.threshold)}", f"{one.pass_share:.0%}", str(one.blocked),
         str(one.in_doubt), f"{one.false_block_rate:.1%}") for one in found.candidates
    ]  # fmt: skip
    click.echo(table(rows), nl=False)
    click.echo(
        f"\nSuggested: {found.metric.id} {found.comparison.sign} {chosen.threshold:.10g}, which "
        f"{chosen.pass_share:.0%} of {chosen.models} models meet. Compared as a point it blocks {chosen.blocked}, of "
        f"which {chosen.in_doubt} have an interval that still reaches the passing side: a false-block rate of "
        f"{chosen.false_block_rate:.1%}. "
        "With `decision: bound` those ask for review instead."
    )
    if found.left_out:
        click.echo(inert(f"Not measured for: {', '.join(found.left_out)}."))
    return 0


def read_history(database: str | None, folder: Path | None, last_n_days: int | None) -> list[Audit]:
    """Every audit in `folder` (any *.json of it that ends in audit.json), else on main in the registry.

    Raises UserError where both are named, or where there is none.
    """
    if folder is not None and database is not None:
        raise UserError("give --audits or --database, not both.")
    found = _of_folder(folder, last_n_days) if folder is not None else _of_registry(database, last_n_days)
    if not found:
        where = folder.as_posix() if folder else "the registry"
        since = f" in the last {last_n_days} days" if last_n_days is not None else ""
        raise UserError(f"{where}: no audits{since}; record some with `glassalpha registry submit`.")
    return found


def _of_folder(folder: Path, last_n_days: int | None) -> list[Audit]:
    from glassalpha_action.cli.audit import today
    from glassalpha_action.cli.registry import read_audit

    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; check the path.")
    found = [read_audit(str(path)) for path in sorted(folder.rglob("*audit.json"))]
    if last_n_days is None:
        return found
    first = date.fromordinal(max(1, today().toordinal() - last_n_days)).isoformat()
    return [audit for audit in found if audit.provenance.as_of >= first]


def _of_registry(database: str | None, last_n_days: int | None) -> list[Audit]:
    from glassalpha_action import settings
    from glassalpha_action.cli.audit import today
    from glassalpha_action.registry import connect

    with connect(database or settings.database(), clock=today) as registry:
        return [registry.audit(row.audit_id) for row in registry.query_all(last_n_days, latest=False)]
