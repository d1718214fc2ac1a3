"""`glassalpha doctor`: checks the installation."""

from __future__ import annotations

import click


@click.command()
def doctor() -> int:
    """Check this installation, and say what to do about what is missing.

    Exits 2 where something needed is missing.
    """
    from glassalpha_action.enable.doctor import check

    well = True
    for finding in check():
        mark = "✓" if finding.ok else "–" if finding.optional else "✕"
        well = well and (finding.ok or finding.optional)
        click.echo(f"  {mark} {finding.sentence}")
    return 0 if well else 2
