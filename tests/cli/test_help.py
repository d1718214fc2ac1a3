"""What `--help` shows at 80 columns is whole: no command's line is cut."""

import click
import pytest
from click.testing import CliRunner

from glassalpha_action.cli.main import cli

GROUPS = ("", *(name for name in cli.list_commands(click.Context(cli))
                if isinstance(cli.get_command(click.Context(cli), name), click.Group)))  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
def test_no_commands_line_is_cut(group: str) -> None:
    told = CliRunner().invoke(cli, [*group.split(), "--help"], terminal_width=80).output
    _, _, commands = told.partition("Commands:\n")
    assert commands
    assert [line for line in commands.splitlines() if line.endswith("...") or len(line) > 80] == []
