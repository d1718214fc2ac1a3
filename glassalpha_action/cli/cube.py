"""`glassalpha cube`: counts rows where they lie, so that an audit needs only the counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassalpha_action.load.cubefile import GRIDS

if TYPE_CHECKING:
    import pandas as pd

    from glassalpha_action.config import Config
    from glassalpha_action.load.cubefile import Layout

CONFIG = click.option(
    "--config", "config_path", required=True, type=click.Path(path_type=Path), help="The model's audit.yaml."
)
GRID = click.option(
    "--grid",
    type=click.Choice([str(grid) for grid in GRIDS]),
    default=str(GRIDS[-1]),
    show_default=True,
    help="How many equal score bins; fewer keep more rows where small cells are suppressed.",
)
SUPPRESS = click.option(
    "--suppress-below",
    type=click.IntRange(0),
    default=0,
    metavar="K",
    help="Leave out cells of fewer than K rows; how many were left out is told.",
)


@click.group()
def cube() -> None:
    """Count rows where they lie, for audits that never see a row."""


@cube.command()
@CONFIG
@click.option(
    "--engine",
    type=click.Choice(["pandas", "duckdb", "spark"]),
    default="pandas",
    show_default=True,
    help="What counts: this process, DuckDB (out of core) or Spark. All give the same cube.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The cube: .parquet, .json or .csv.")
@GRID
@SUPPRESS
@click.option("--memory-limit", metavar="SIZE", help="The most memory DuckDB may use, such as 512MB.")
def build(
    config_path: Path, engine: str, output: Path, grid: str, suppress_below: int, memory_limit: str | None
) -> None:
    """Count the rows that audit.yaml names into a cube."""
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError
    from glassalpha_action.load.cubefile import check_ending, layout_of, write_cells

    check_ending(output)
    if memory_limit and engine != "duckdb":
        raise UserError("--memory-limit: only --engine duckdb keeps to one.")
    config = load(config_path)
    config.spare_inputs(output, "--output")
    layout = layout_of(config, engine, int(grid), suppress_below)
    cells = _counted(config, layout, engine, memory_limit)
    if not len(cells):
        raise UserError(
            f"--suppress-below {suppress_below}: every cell has fewer rows, so nothing is left to audit; "
            "lower it or --grid."
        )
    write_cells(cells, output)
    rows, every = int(cells["all_rows"].iloc[0]), int(cells["all_cells"].iloc[0])
    click.echo(f"  wrote {output}: {len(cells):,} cells of {int(cells['n'].sum()):,} rows")
    alone = int((cells["n"] == 1).sum())
    if alone:
        click.echo(
            f"  {alone:,} of the cells hold one row each, and so tell its attributes, label, decision and score bin;\n"
            "  a smaller --grid, or --suppress-below, leaves fewer of them"
        )
    if len(cells) < every:
        click.echo(f"  suppressed {every - len(cells):,} cells of {rows - int(cells['n'].sum()):,} rows")


def _counted(config: Config, layout: Layout, engine: str, memory_limit: str | None) -> pd.DataFrame:
    from glassalpha_action.load import engines

    if engine == "pandas":
        return engines.count_here(config, layout)
    path = config.resolve("data", "path")
    if engine == "duckdb":
        return engines.count_with_duckdb(path, layout, memory_limit)
    return engines.count_with_spark(path, layout)


@cube.command(short_help="Print the query that counts a table into a cube.")
@CONFIG
@click.option(
    "--dialect", required=True, type=click.Choice(["duckdb", "postgres", "spark"]), help="The SQL of which engine."
)
@click.option("--table", help="The table to count, as table or schema.table; else named as the data file.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the query to this file instead of printing it.")
@GRID
@SUPPRESS
def sql(config_path: Path, dialect: str, table: str | None, output: Path | None, grid: str, suppress_below: int) -> Any:
    """Print the query that counts a table into a cube, to be run by the warehouse itself.

    Export its result as Parquet or CSV with a header, and give that file to `glassalpha audit --from-cube`.
    """
    from glassalpha_action.config import load
    from glassalpha_action.load.cubefile import layout_of, require_unweighted
    from glassalpha_action.load.sql import cube_query

    config = load(config_path)
    if output is not None:
        config.spare_inputs(output, "--output")
    layout = layout_of(config, f"{dialect} SQL", int(grid), suppress_below)
    require_unweighted(layout, "cube sql")
    query = cube_query(layout, dialect, table or config.resolve("data", "path").stem)
    if output is None:
        click.echo(query, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(query, encoding="utf-8")
    click.echo(f"  wrote {output}")
