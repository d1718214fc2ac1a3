"""The command `glassalpha`: finds the subcommand, and is the only place that turns an error into an exit code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from io import TextIOWrapper

import click

COMMANDS = {
    "audit": ("audit", "Audit one model and judge it by a policy."),
    "config": ("config", "Check audit.yaml files."),
    "policy": ("policy", "Check policies and show them."),
    "metrics": ("metrics", "List the metrics a policy may name, and what each means."),
    "detect-bias": ("detect_bias", "Show what bias a data set holds before any model."),
    "explain": ("explain", "Say what a failed gate means, or why a model decided against people."),
    "registry": ("registry", "Keep audits in an append-only registry and ask it questions."),
    "model": ("model", "Approve a model, reject it, or take an approval back."),
    "event": ("event", "Record what happens beside the audits, such as trainings, incidents and releases."),
    "portal": ("portal", "Show the registry as a web site that needs no server."),
    "cube": ("cube", "Count rows where they lie, for audits that never see a row."),
    "doctor": ("doctor", "Check this installation, and say what to do about what is missing."),
    "action": ("action", "Run as the GitHub Action, from the runner's environment."),
}


class LazyGroup(click.Group):
    """Imports a subcommand when it is used, so that --help and small commands stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The subcommands in the order people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand called `cmd_name`."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"glassalpha_action.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name.replace("-", "_"))
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of subcommands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(package_name="glassalpha-action", prog_name="glassalpha")
@click.option("--debug", is_flag=True, help="Show the stack trace of an error.")
def cli(debug: bool) -> None:
    """Keep machine-learning models within policy: audit, gate, record, show.

    Exit codes: 0 passed or review, 1 blocked, 2 bad command or input, 3 the audit could not run, 4 not recorded,
    5 registry integrity broken.
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, TextIOWrapper):
        # What a terminal's encoding lacks is shown as its escape.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(args=arguments, prog_name="glassalpha", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except Exception as error:
        from glassalpha_action.documents import UserError

        if "--debug" in arguments:
            raise
        click.echo(_sentence(error), err=True)
        sys.exit(error.exit_code if isinstance(error, UserError) else 2 if isinstance(error, OSError) else 3)
    sys.exit(code if isinstance(code, int) else 0)


def _sentence(error: Exception) -> str:
    """What a person reads of an error; one we did not foresee says how to see more."""
    from glassalpha_action.documents import UserError, plain

    if isinstance(error, UserError):
        return "\n".join(plain(line, 4000) for line in str(error).split("\n"))
    if isinstance(error, OSError) and error.filename:
        file = plain(str(error.filename), 200)
        return f"{file}: cannot be read or written ({error.strerror}); check the path and its permissions."
    return plain(f"an unforeseen error ({type(error).__name__}: {error}); run again with --debug and report it.")
