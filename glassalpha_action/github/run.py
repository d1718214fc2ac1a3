"""One run of the action, from the settings to the exit code; how to audit and to build a site is handed in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from glassalpha_action.documents import Problem, UserError
from glassalpha_action.github.annotations import find_annotations
from glassalpha_action.github.commands import annotation_command, output_block
from glassalpha_action.github.discovery import find_configs, report_folders
from glassalpha_action.github.paths import from_workspace, refuse_links, registry_file
from glassalpha_action.github.record import find_head, record
from glassalpha_action.github.result import Result, Run, outputs, problems
from glassalpha_action.github.summary import render_summary
from glassalpha_action.records import Audit
from glassalpha_action.report import write
from glassalpha_action.settings import Mode, Settings

HEAD_ONLY = (
    "The policy, its waivers and the audit files were read from this pull request only, so it could loosen what it is "
    "judged by: check the base commit out as well and name its folder in the input base-path."
)


@dataclass(frozen=True)
class Tools:
    """How to audit an audit file, find its policy's file, judge the exit code (0 or 1) and build a site.

    `gone` gives, for the audit files found, those of the base commit whose model none of them configures any more;
    `audit` blocks these. `audit`, `policy` and `build_site` raise UserError. `now` is the moment in UTC, ISO 8601;
    `say` prints a line.
    """

    audit: Callable[[Path], Audit]
    gone: Callable[[Sequence[str]], Sequence[str]]
    policy: Callable[[Path], Path | None]
    exit_code: Callable[[Audit], int]
    build_site: Callable[[str, Path], object]
    now: str
    say: Callable[[str], None]


def perform(settings: Settings, tools: Tools) -> Run:
    """Do what the inputs ask for. Every path in the inputs is relative to the current folder, `settings.folder`."""
    if settings.problems:
        return Run(problems=tuple(Problem("", None, said) for said in settings.problems))
    if settings.inputs.mode is Mode.site:
        return _build_site(settings, tools)
    run = _audit_models(settings, tools)
    if settings.inputs.mode is not Mode.record:
        return run
    recorded = record(run, settings, tools.now)
    for note in recorded.notes[len(run.notes) :]:
        tools.say(note)
    return recorded


def publish(run: Run, settings: Settings, say: Callable[[str], None]) -> None:
    """Write the summary and the outputs and print the annotations."""
    runner = settings.runner
    if settings.inputs.summary and runner.step_summary:
        _append(runner.step_summary, render_summary(run))
    if settings.inputs.annotations:
        for mark in find_annotations(run):
            say(annotation_command(mark))
    if runner.output:
        _append(runner.output, output_block(outputs(run)))


def hand_over(settings: Settings) -> None:
    """Give what was written to the workspace's owner, so that later steps can move and delete it. Needs root."""
    if os.geteuid() != 0:
        return
    owner = settings.runner.workspace.stat()
    out = settings.folder / settings.inputs.output_dir
    above = [folder for folder in out.parents if settings.folder in folder.parents]
    file = registry_file(settings)
    beside = [settings.folder / f"{file}{ending}" for ending in ("", "-wal", "-shm")] if file else []
    for path in (*above, out, *out.rglob("*"), *beside):
        if os.path.lexists(path):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _audit_models(settings: Settings, tools: Tools) -> Run:
    inputs = settings.inputs
    configs, missing = find_configs(Path(), inputs.config, leave_out=_left_out(settings))
    gone = tools.gone(configs) if inputs.base_path else ()
    told = [f"config names {name}, but there is no such file." for name in missing if name not in gone]
    if not configs and not missing and not gone:
        told = [f"nothing to audit: no file under {inputs.working_directory} matches {' '.join(inputs.config)}."]
    folders = report_folders([*configs, *gone])
    results = tuple(
        _audit_one(config, Path(inputs.output_dir, folder), settings, tools, gone=config in gone)
        for config, folder in folders.items()
    )
    unguarded = settings.runner.event_name.startswith("pull_request") and not inputs.base_path
    return Run(
        results,
        tuple(Problem("", None, text) for text in told),
        notes=(HEAD_ONLY,) if unguarded and results else (),
        report_path=from_workspace(settings, inputs.output_dir) if any(result.reports for result in results) else None,
    )


def _left_out(settings: Settings) -> list[str]:
    """The folders below the current one in which no audit file is looked for: reports, and the base commit."""
    inputs = settings.inputs
    if inputs.base_path is None:
        return [inputs.output_dir]
    base = settings.runner.workspace.resolve() / inputs.base_path
    here = settings.folder.resolve()
    return [inputs.output_dir, *([base.relative_to(here).as_posix()] if base.is_relative_to(here) else [])]


def _audit_one(config: str, out: Path, settings: Settings, tools: Tools, *, gone: bool = False) -> Result:
    place = from_workspace(settings, config) or config
    try:
        audit = tools.audit(Path(config))
        reports = [out / f"report.{ending}" for ending in settings.inputs.formats] + [out / "audit.json"]
        _write_all(audit, reports)
    except UserError as error:
        tools.say(f"{place}: {error}")
        told = problems(error, settings.inputs.working_directory)
        return Result(place, problems=told, exit_code=error.exit_code, gone=gone, path=config)
    tools.say(f"{place}: {audit.headline}")
    written = tuple(found for path in reports if (found := from_workspace(settings, path.as_posix())))
    policy = tools.policy(Path(config)) if audit.policy and not gone else None
    policy_file = from_workspace(settings, policy.as_posix()) if policy else None
    return Result(place, audit, policy_file, written, exit_code=tools.exit_code(audit), gone=gone, path=config)


def _write_all(audit: Audit, reports: Iterable[Path]) -> None:
    for path in reports:
        refuse_links(path)
        try:
            write(audit, path)
        except OSError as error:
            said = f"{path.as_posix()}: the report cannot be written: {error.strerror}."
            raise UserError(said, exit_code=4) from error


def _build_site(settings: Settings, tools: Tools) -> Run:
    out = Path(settings.inputs.output_dir, "site")
    url = settings.inputs.registry_url.get_secret_value()
    try:
        refuse_links(out)
        head = find_head(settings)
        tools.build_site(url, out)
    except UserError as error:
        return Run(faults=problems(error, settings.inputs.working_directory), fault_code=error.exit_code)
    place = from_workspace(settings, out.as_posix())
    return Run(site_path=place, registry_head=head.anchor, notes=(f"The portal is in {place}.",))


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.write(text)
