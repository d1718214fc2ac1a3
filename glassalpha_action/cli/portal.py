"""`glassalpha portal`: build the portal from the registry, or build it and show it on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from glassalpha_action import settings, shipped
from glassalpha_action.cli.folders import replaced
from glassalpha_action.cli.options import database_option
from glassalpha_action.documents import UserError, require_day

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

CACHE = Path(".cache/glassalpha/reports")
PLACE = Path("assets/glassalpha")
FOLDER = click.Path(file_okay=False, path_type=Path)

F = TypeVar("F", bound=Callable[..., Any])


def _options(command: F) -> F:
    """What both commands are told."""
    for add in (
        click.option("--as-of", metavar="YYYY-MM-DD", help="The registry as of that day. Default: its newest."),
        click.option("--no-reports", is_flag=True, help="Leave the HTML and PDF reports out."),
        click.option("--reports", type=FOLDER, default=CACHE, show_default=True,
                     help="Where reports are kept, so that an unchanged model's is not made again."),
        click.option("--out", type=FOLDER, default=Path("build/portal"), show_default=True,
                     help="Where the site goes. A portal that is there is replaced once the new one is whole; what "
                          "else lies at the top of that folder stays."),
        database_option,
    ):  # fmt: skip
        command = add(command)
    return command


@click.group()
def portal() -> None:
    """Show the registry as a web site that needs no server."""


@portal.command("build", short_help="Build the portal, a folder of pages.")
@_options
def build_command(database: str | None, out: Path, reports: Path, no_reports: bool, as_of: str | None) -> None:
    """Build the portal: a folder of pages that opens in a browser as it is."""
    place = build(database or settings.database(), out, as_of, None if no_reports else reports)
    click.echo(f"The portal is in {place}: open {place / 'index.html'}")


@portal.command(short_help="Build the portal and serve it to this machine.")
@_options
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
def serve(database: str | None, out: Path, reports: Path, no_reports: bool, as_of: str | None, port: int) -> None:
    """Build the portal and serve it to this machine's browsers until stopped."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    place = build(database or settings.database(), out, as_of, None if no_reports else reports)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=str(place)))
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}): choose another with --port") from error
    click.echo(f"http://127.0.0.1:{port}/ shows the portal; Ctrl+C stops it")
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")


def build(database: str, out: Path, as_of: str | None = None, reports: Path | None = CACHE) -> Path:
    """Build the portal of `database` into `out` and return that folder.

    `reports` is where HTML and PDF reports are kept between builds; None leaves them out of the portal.
    A mkdocs.yml in the current folder that names our plugin is used, else the one that is shipped. Raises UserError (2)
    where the registry cannot be opened, the day is none, or the site does not build.
    """
    from mkdocs.exceptions import MkDocsException

    if as_of is not None:
        require_day(as_of, "--as-of")
    place = out.resolve()
    _check_out(place)
    problems = _Problems()
    logging.getLogger("mkdocs").addHandler(problems)
    try:
        with replaced(place, PLACE / "entries.txt") as new:
            _build(new, database, as_of, reports)
    except MkDocsException as error:
        cause = error.__context__.__cause__ if error.__context__ else error.__cause__
        code = cause.exit_code if isinstance(cause, UserError) else 2
        raise UserError(f"the portal was not built: {cause or problems.text() or error}", exit_code=code) from error
    except OSError as error:
        said = f"the portal was not built: {error.filename or place}: {error.strerror or error}"
        raise UserError(said, exit_code=4) from error
    finally:
        logging.getLogger("mkdocs").removeHandler(problems)
    return place


def _build(new: Path, database: str, as_of: str | None, reports: Path | None) -> None:
    from mkdocs.commands.build import build as build_site

    config = _config(new)
    plugin = config.plugins["glassalpha"]
    plugin.config.database = database if "://" in database else str(Path(database).resolve())
    if reports is None:
        plugin.config.reports = []
    else:
        plugin.config.cache = str(reports.resolve())
    plugin.config.as_of = as_of
    config.plugins.on_startup(command="build", dirty=False)
    build_site(config)
    config.plugins.on_shutdown()


class _Problems(logging.Handler):
    """Gathers what MkDocs warns of, for the one sentence a user reads."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.said.append(record.getMessage())

    def text(self) -> str:
        """The messages, as one line."""
        return "; ".join(" ".join(text.split()) for text in self.said)


def _config(place: Path) -> MkDocsConfig:
    from mkdocs.config import load_config

    own = Path("mkdocs.yml")
    if own.is_file():
        config = load_config(str(own), site_dir=str(place), strict=True)
        if "glassalpha" in config.plugins:
            return config
    return load_config(str(shipped.mkdocs_config()), site_dir=str(place), strict=True)


def _check_out(place: Path) -> None:
    """A folder that holds something other than a portal is not emptied by mistake."""
    if place.exists() and not place.is_dir():
        raise UserError(f"{place} is a file: name a folder as --out")
    if Path.cwd().is_relative_to(place):
        raise UserError(f"{place} is replaced as a whole, and the current folder is in it: build from another folder")
    if place.is_dir() and any(place.iterdir()) and not (place / PLACE).is_dir():
        raise UserError(
            f"{place} holds files that are not a portal's, and building would delete them: name another --out"
        )
