"""`glassalpha audit`: reads the inputs, runs the pipeline, writes reports and the record, and exits by the verdict."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassalpha_action.settings import FailOn, Trust

if TYPE_CHECKING:
    from glassalpha_action.config import Config
    from glassalpha_action.policy.schema import LoadedPolicy
    from glassalpha_action.records import Audit

MODEL_TRUST = click.option(
    "--model-trust",
    type=click.Choice([trust.value for trust in Trust]),
    default=Trust.sandbox.value,
    show_default=True,
    help="How far a model file that can run code is trusted.",
)


def today() -> date:
    """Today's date in UTC: the one place a command asks the clock for it."""
    return datetime.now(UTC).date()


def run(
    config_path: Path,
    *,
    policy: str | None = None,
    strict: bool = False,
    as_of: str | None = None,
    model_trust: str = "sandbox",
    base: Path | None = None,
    waivers: Path | None = None,
    policy_sha256: str | None = None,
    database: str | None = None,
    cube: Path | None = None,
) -> Audit:
    """Audit the model that `config_path` describes, by `policy` (a path or a pack's name) or the one it names.

    `as_of` is the day of the audit, YYYY-MM-DD, today in UTC where it is not given. With `base`, a checkout of the base
    commit, its rules judge as well and the stricter verdict stands. With `cube`, the counts in that file are judged and
    no row is read. Raises UserError.
    """
    from glassalpha_action.cli.judging import Asked, judged

    asked = Asked(policy, strict, day(as_of), model_trust, base, waivers, policy_sha256, database, cube)
    return judged(config_path, asked)


def day(as_of: str | None) -> date:
    """The day of an audit: `as_of`, YYYY-MM-DD, or today. Raises UserError."""
    from glassalpha_action.documents import require_day

    return require_day(as_of, "--as-of") if as_of else today()


def policy_path(config: Config, policy: str | None) -> Path | None:
    """The policy file an audit is judged by: the one given, else the one audit.yaml names. `pack:NAME` is a pack."""
    from glassalpha_action.cli.policy import packs
    from glassalpha_action.documents import UserError

    named = policy or (config.document.policy.path if config.document.policy else None)
    if named is None:
        return None
    path = Path(named) if policy else config.resolve("policy", "path")
    if path.is_file() and not named.startswith("pack:"):
        return path
    if (pack := named.removeprefix("pack:")) in packs():
        return packs()[pack]
    known = ", ".join(packs())
    where = "" if policy else f"{config.where('policy', 'path')}: "
    raise UserError(f"{where}the policy {path.as_posix()} does not exist; give a file, or a pack: {known}.")


def load_policy(config: Config, policy: str | None) -> LoadedPolicy | None:
    """The policy an audit is judged by, read and checked."""
    path = policy_path(config, policy)
    if path is None:
        return None
    from glassalpha_action.cli.policy import read_policy

    return read_policy(path)


def exit_code(audit: Audit, fail_on: str = "error", *, no_policy: int = 0) -> int:
    """0 for PASSED and REVIEW, 1 for BLOCKED (with `fail_on` warning for REVIEW too); 0 where it is not enforced."""
    from glassalpha_action.vocabulary import Status

    if not audit.enforced or fail_on == "never":
        return 0
    table = {Status.BLOCKED: 1, Status.REVIEW: int(fail_on == "warning"), Status.NO_POLICY: no_policy}
    return table.get(audit.status, 0)


def write(audit: Audit, outputs: Sequence[Path]) -> list[Path]:
    """Write each report by its extension, and the record beside the first; never fewer than asked."""
    from glassalpha_action.report import write as write_report

    record = [outputs[0].with_name(f"{outputs[0].stem.removesuffix('.audit')}.audit.json")] if outputs else []
    written = list(dict.fromkeys([*outputs, *record]))
    for path in written:
        write_report(audit, path)
    return written


def registry_of(config: Config, database: str | None) -> str | None:
    """The registry that --database or audit.yaml names; a file in audit.yaml is relative to the file that names it."""
    named = config.document.registry.database
    if database or not named:
        return database
    scheme, sign, rest = named.partition(":///")
    if sign and scheme.lower() == "sqlite":
        place = config.tree.place(("registry", "database"))
        return str((Path(place.file) if place else config.path).parent / rest)
    return named if "://" in named else str(config.resolve("registry", "database"))


def submit(audit: Audit, config: Config, database: str | None) -> str:
    """Record `audit` where --database or audit.yaml says; returns what to tell the user."""
    from glassalpha_action import registry, settings
    from glassalpha_action.config import recorded_metadata

    place = registry_of(config, database) or settings.database()
    metadata = recorded_metadata(config, settings.variables())
    if audit.model.team and "team" not in metadata:
        metadata = {**metadata, "team": audit.model.team}
    with registry.connect(place, create=True) as kept:
        receipt = kept.submit(audit, recorded_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), metadata=metadata)
    return f"recorded as {receipt.seq}:{receipt.link[:12]}" if receipt.new else f"already recorded as {receipt.seq}"


@click.command()
@click.option("--config", "config_path", required=True, type=click.Path(path_type=Path), help="The model's audit.yaml.")
@click.option("--policy-gates", "policy", help="The policy to judge by, a file or a pack's name; else audit.yaml's.")
@click.option("--strict", is_flag=True, help="Enforce every rule of reproducibility; warnings become errors.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Write a report: .html, .pdf, .md or .json by its ending. May be given several times.",
)
@click.option("--as-of", metavar="YYYY-MM-DD", help="The day of the audit; today in UTC if not given.")
@MODEL_TRUST
@click.option(
    "--fail-on",
    type=click.Choice([level.value for level in FailOn]),
    default=FailOn.error.value,
    show_default=True,
    help="What exits 1: a blocked audit, one that needs review too, or nothing.",
)
@click.option("--submit", "submit_", is_flag=True, help="Record the audit in the registry.")
@click.option("--database", help="The registry to record in; else audit.yaml's.")
@click.option(
    "--base",
    type=click.Path(path_type=Path, file_okay=False),
    help="A checkout of the base commit: its rules judge as well, and the stricter verdict stands.",
)
@click.option(
    "--waivers", type=click.Path(path_type=Path), help="The folder of waivers; else `waivers` beside the policy."
)
@click.option("--policy-sha256", metavar="DIGEST", help="The digest that the policy must have.")
@click.option(
    "--from-cube",
    "cube",
    type=click.Path(path_type=Path),
    help="Judge the counts in this file, made by `glassalpha cube`; no row is read.",
)
@click.option("--quiet", is_flag=True, help="Print only errors.")
def audit(
    config_path: Path,
    policy: str | None,
    strict: bool,
    outputs: tuple[Path, ...],
    as_of: str | None,
    model_trust: str,
    fail_on: str,
    submit_: bool,
    database: str | None,
    base: Path | None,
    waivers: Path | None,
    policy_sha256: str | None,
    cube: Path | None,
    quiet: bool,
) -> Any:
    """Audit one model and judge it by a policy."""
    from glassalpha_action import settings
    from glassalpha_action.config import load as load_config
    from glassalpha_action.report import check_formats
    from glassalpha_action.report.terminal import render_text
    from glassalpha_action.vocabulary import Status

    check_formats(outputs)
    found = run(
        config_path,
        policy=policy,
        strict=strict,
        as_of=as_of,
        model_trust=model_trust,
        base=base,
        waivers=waivers,
        policy_sha256=policy_sha256,
        database=database,
        cube=cube,
    )
    if not quiet:
        on_terminal = sys.stdout.isatty()
        click.echo(render_text(found, colour=settings.colour(on_terminal)), nl=False)
        if found.policy is None and found.status is Status.NO_POLICY:
            click.echo("  Name a policy with --policy-gates, or in audit.yaml under `policy:`.", err=True)
    for path in write(found, outputs):
        if not quiet:
            click.echo(f"  wrote {path}")
    if not config_path.is_file():
        return exit_code(found, fail_on)
    config = load_config(config_path)
    block = config.document.registry
    if submit_ or (block.enabled and block.auto_submit and settings.under_ci()):
        said = submit(found, config, database)
        if not quiet:
            click.echo(f"  {said}")
    return exit_code(found, fail_on)
