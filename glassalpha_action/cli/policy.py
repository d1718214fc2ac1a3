"""`glassalpha policy`: checks policies, explains them, compares them, tests them, and replays history under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassalpha_action.cli.history import simulate, suggest
from glassalpha_action.cli.options import as_json
from glassalpha_action.cli.tables import echo_json, table, write_file
from glassalpha_action.documents import UserError, inert, nearest

if TYPE_CHECKING:
    from glassalpha_action.metrics.catalogue import Metric
    from glassalpha_action.policy.citations import Citations
    from glassalpha_action.policy.schema import LoadedPolicy
    from glassalpha_action.records import Change, Definition

as_of_option = click.option("--as-of", metavar="YYYY-MM-DD", help="The day to check by; today in UTC if not given.")


def packs() -> Mapping[str, Path]:
    """The policies that come with the tool, by name."""
    from glassalpha_action.shipped import policies

    return {p.stem: p for p in sorted(policies().glob("*.yaml")) if p.name != "citations.yaml"}


def find_policy(named: str) -> Path:
    """The policy that is called `named`: a file, or a pack, with or without `pack:`. Raises UserError."""
    name = named.removeprefix("pack:")
    if not named.startswith("pack:") and Path(named).is_file():
        return Path(named)
    known = packs()
    if name in known:
        return known[name]
    raise UserError(f"there is no policy file or pack `{inert(named)}`{nearest(name, sorted(known))}")


def read_named(named: str) -> LoadedPolicy:
    """The policy file or pack called `named`, under that name in what is said of it."""
    path = find_policy(named)
    return read_policy(path, named if path == Path(named) else f"pack:{named.removeprefix('pack:')}")


def read_policy(path: Path, name: str | None = None) -> LoadedPolicy:
    """The policy at `path`, its metrics checked against the catalogue."""
    from glassalpha_action.metrics import ALIASES, CATALOGUE
    from glassalpha_action.policy.schema import load

    known = {name: dict(found.params) for name, found in CATALOGUE.items()}
    known |= {alias: known[name] for alias, name in ALIASES.items()}
    whole = {name for name, found in CATALOGUE.items() if not found.per_attribute}
    whole |= {alias for alias, name in ALIASES.items() if name in whole}
    return load(path, known, name, whole)


def definitions() -> Mapping[str, Definition]:
    """The definition of every metric, by its name and its aliases."""
    return {name: metric.definition for name, metric in _metrics().items()}


def _metrics() -> Mapping[str, Metric]:
    """Every metric, by its name and its aliases."""
    from glassalpha_action.metrics import ALIASES, CATALOGUE

    return {**CATALOGUE, **{alias: CATALOGUE[name] for alias, name in ALIASES.items()}}


def _citations() -> Citations:
    from glassalpha_action.policy.citations import load
    from glassalpha_action.shipped import policies

    return load(policies() / "citations.yaml")


@click.group()
def policy() -> None:
    """Check policies and show them."""


policy.add_command(simulate)
policy.add_command(suggest)


@policy.command()
@click.argument("paths", nargs=-1, required=True, metavar="POLICY...")
@as_of_option
@click.option("--fail-on", type=click.Choice(["error", "warning"]), default="error", show_default=True,
              help="What exits 2: errors, or warnings too.")  # fmt: skip
@as_json
def lint(paths: Sequence[str], as_of: str | None, fail_on: str, as_json: bool) -> int:
    """Check policies for mistakes and for doubts.

    Names unknown metrics, gates that contradict each other or never decide, missing rationales, short notice, overdue
    reviews, comparisons that exclude their own limit, thresholds that chance alone breaks, and citations that no longer
    stand. Exits 2 where there is an error, else 0.
    """
    from glassalpha_action.cli.audit import day
    from glassalpha_action.metrics.intervals import gap
    from glassalpha_action.policy.lint import lint as examine

    checked_on, known, cited = day(as_of), _metrics(), _citations()
    read = [read_named(named) for named in paths]
    found = [(policy, examine(policy, known, cited, checked_on, gap)) for policy in read]
    findings = [finding for _, some in found for finding in some]
    if as_json:
        names = ("file", "line", "level", "rule", "message")
        echo_json([{name: getattr(f, name) for name in names} for f in findings])
    else:
        for policy, some in found:
            for finding in some:
                click.echo(str(finding))
            click.echo(_summary(policy, [f.level for f in some]))
    bad = {"error"} if fail_on == "error" else {"error", "warning"}
    return 2 if any(f.level in bad for f in findings) else 0


def _summary(policy: LoadedPolicy, levels: Sequence[str]) -> str:
    said = [f"{levels.count(name)} {name}{'' if levels.count(name) == 1 else 's'}"
            for name in ("error", "warning", "note") if name in levels]  # fmt: skip
    found = policy.policy
    name = inert(f"{policy.name}: {found.policy_name} {found.version}")
    return f"{name}: {len(found.gates)} gates, {', '.join(said) or 'nothing wrong'}."


@policy.command()
@click.argument("named", metavar="POLICY")
@as_json
def show(named: str, as_json: bool) -> int:
    """Print a policy's gates, what it extends laid in."""
    from glassalpha_action.policy.wording import limits

    loaded, known = read_named(named), definitions()
    found = loaded.policy
    if as_json:
        echo_json({"sha256": loaded.sha256, "policy": found.model_dump(mode="json", exclude_none=True)})
        return 0
    click.echo(inert(f"{found.policy_name} {found.version}" + (f" ({found.citation})" if found.citation else "")))
    click.echo(f"sha256 {loaded.sha256}")
    for gate in found.gates:
        limit = limits(gate.threshold, known[gate.metric].unit)
        only = f" (only task: {gate.applies_to.task})" if gate.applies_to else ""
        asks = inert(f"{gate.name}: {gate.metric} {gate.comparison.sign} {limit}".rstrip() + only)
        click.echo(f"  {gate.severity.value:<8} {asks}")
        for text in (gate.clause, gate.rationale):
            if text:
                click.echo(f"           {inert(text)}")
    required = [name.removesuffix("_required").replace("_", " ") for name, wanted in found.reproducibility if wanted]
    if required:
        click.echo(f"  required {', '.join(required)}")
    cycle = found.review_cycle
    if cycle.next_review or cycle.owner:
        click.echo(inert(f"  review   {cycle.frequency or ''} {cycle.next_review or ''} {cycle.owner or ''}".rstrip()))
    return 0


@policy.command()
@click.argument("named", metavar="POLICY")
def explain(named: str) -> int:
    """Say a policy in sentences, for those it binds."""
    from glassalpha_action.policy.sentences import explained

    found = read_named(named).policy
    click.echo(inert(f"{found.policy_name} {found.version}"))
    for heading, sentences in explained(found, definitions()):
        click.echo(f"\n{heading}")
        for sentence in sentences:
            click.echo(f"  - {inert(sentence)}")
    return 0


@policy.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--waivers", nargs=2, type=click.Path(path_type=Path), metavar="OLD NEW", default=None,
              help="Two folders of waivers to compare as well.")  # fmt: skip
@click.option("--allow-weakening", is_flag=True, help="Exit 0 although something is weakened.")
@as_json
def diff(old: str, new: str, waivers: tuple[Path, Path] | None, allow_weakening: bool, as_json: bool) -> int:
    """List what changed between two policies.

    Each change is weakened, strengthened or neutral. Exits 1 where anything is weakened, unless --allow-weakening.
    """
    found = _changes(old, new, waivers)
    weakened = sum(change.effect == "weakened" for change in found)
    if as_json:
        echo_json([change.model_dump(mode="json") for change in found])
    else:
        for change in found:
            click.echo(f"{change.effect:<12} {inert(change.message)}")
        counts = [f"{sum(c.effect == e for c in found)} {e}" for e in ("weakened", "strengthened", "neutral")]
        click.echo(f"{', '.join(counts)}." if found else "Nothing changed.")
    return int(bool(weakened) and not allow_weakening)


def _changes(old: str, new: str, waivers: tuple[Path, Path] | None = None) -> list[Change]:
    """Every change from one policy to another, weakenings first."""
    from glassalpha_action.policy.changes import policy_changes, waiver_changes
    from glassalpha_action.policy.waivers import load

    before, after = (read_named(named) for named in (old, new))
    found = list(policy_changes(before, after))
    if waivers:
        for folder in waivers:
            if not folder.is_dir():
                raise UserError(f"{folder}: there is no such folder of waivers; check the path.")
        found += waiver_changes(load(waivers[0]), load(waivers[1]), after.policy.gates)
    order = ("weakened", "strengthened", "neutral")
    return sorted(found, key=lambda change: order.index(change.effect))


@policy.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[CASES...]")
@click.option("--allow-uncovered", is_flag=True, help="Exit 0 although a gate has no pass, fail or boundary case.")
@as_json
def test(paths: Sequence[Path], allow_uncovered: bool, as_json: bool) -> int:
    """Test policies by cases.

    A case has the metrics that a model might have, and what the policy must make of them. CASES are files or folders of
    them, or a policy, whose cases are the file of its name in the folder tests beside it; without any, the folder
    policies/tests, else the tests of the packs. Every gate needs a case that passes, one that fails, and one on its
    very threshold. Exits 1 where one does not hold.
    """
    from glassalpha_action.policy import cases

    known, results, good = definitions(), [], True
    for path in _case_files(paths):
        read = cases.load(path)
        found = cases.run(read, read_policy(read.policy), known)
        good = good and not found.failures and (allow_uncovered or not found.uncovered)
        results.append({"file": read.name, "cases": found.cases, "failures": [str(f) for f in found.failures],
                        "uncovered": dict(found.uncovered)})  # fmt: skip
        if not as_json:
            _echo_tested(read.name, found)
    if as_json:
        echo_json(results)
    return 0 if good else 1


def _echo_tested(name: str, found: Any) -> None:
    for failure in found.failures:
        click.echo(inert(str(failure)))
    for gate, lacking in found.uncovered:
        click.echo(inert(f"{name}: no {' and no '.join(lacking)} case for the gate `{gate}`."))
    failed, open_ = len(found.failures), len(found.uncovered)
    click.echo(
        f"{inert(name)}: {found.cases} cases, {failed or 'no'} failure{'' if failed == 1 else 's'}, "
        + (f"{open_} gate{'' if open_ == 1 else 's'} not covered." if open_ else "every gate covered.")
    )


def _case_files(paths: Sequence[Path]) -> list[Path]:
    from glassalpha_action.shipped import policies

    here = Path("policies/tests")
    asked = list(paths) or [here if here.is_dir() else policies() / "tests"]
    found = [file for path in asked for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [_beside(path)])]
    if not found:
        raise UserError(f"{', '.join(p.as_posix() for p in asked)}: no cases here; write one as policies/tests/*.yaml.")
    return found


def _beside(path: Path) -> Path:
    """The cases of a policy that was named in their place."""
    cases = path.parent / "tests" / path.name
    return cases if path.is_file() and cases.is_file() else path


@policy.command()
@click.argument("named", metavar="POLICY")
@click.option("--since", metavar="POLICY", help="The version before, to say what changed.")
@click.option("--at", metavar="PATH", help="Where teams find the policy; the path given here if not said.")
@click.option("--portal", metavar="URL", help="The portal's address, to link its guides.")
@click.option("--output", type=click.Path(path_type=Path), help="Where to write it; the terminal if not given.")
def announce(named: str, since: str | None, at: str | None, portal: str | None, output: Path | None) -> int:
    """Write the announcement that teams get.

    It says what changed, what to do, the gates, and whom to ask.
    """
    from glassalpha_action.report.announcement import render_announcement

    found = read_named(named).policy
    before = read_named(since).policy.version if since else ""
    changes = _changes(since, named) if since else ()
    text = render_announcement(
        found, definitions(), at or named.removeprefix("pack:"), since=before, changes=changes, portal=portal
    )
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text.encode())
        click.echo(f"wrote {output}")
    return 0


@policy.command()
@click.option("--waiver", is_flag=True, help="The schema of a waiver instead.")
def schema(waiver: bool) -> int:
    """Print the JSON Schema of a policy file, or of a waiver.

    Editors complete and check files by it.
    """
    from glassalpha_action.shipped import policies

    name = "waiver.schema.json" if waiver else "policy.schema.json"
    click.echo((policies() / "schema" / name).read_text(encoding="utf-8"), nl=False)
    return 0


@policy.command("list")
@as_json
def list_(as_json: bool) -> int:
    """List the policy packs that come with the tool."""
    found = {name: read_policy(path, f"pack:{name}").policy for name, path in packs().items()}
    if as_json:
        echo_json([
            {"pack": name, "policy_name": one.policy_name, "version": one.version, "gates": len(one.gates),
             "applies_to": list(one.applies_to)} for name, one in found.items()
        ])  # fmt: skip
        return 0
    rows = [("pack", "version", "gates", "policy", "applies to")]
    rows += [
        (name, one.version, str(len(one.gates)), one.policy_name, ", ".join(one.applies_to) or "every use case")
        for name, one in found.items()
    ]
    click.echo(table(rows), nl=False)
    click.echo("Extend one with `extends: pack:NAME`; its thresholds are internal starting points, not the law's.")
    return 0
