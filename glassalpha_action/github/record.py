"""Keeps a run's audits: in the ledger on its branch, in the registry built from it, and in that one's download."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from glassalpha_action import git
from glassalpha_action.config import load, recorded_metadata
from glassalpha_action.documents import UserError, plain
from glassalpha_action.github.activity import Activity, Stage, find_activity, find_default
from glassalpha_action.github.paths import refuse_links, registry_file
from glassalpha_action.github.result import Result, Run, problems
from glassalpha_action.records import Audit
from glassalpha_action.registry import Head, connect, ledger
from glassalpha_action.registry.ledger import Appended
from glassalpha_action.registry.patience import Patience
from glassalpha_action.registry.publication import FILE, publish
from glassalpha_action.registry.remote import TooLargeError
from glassalpha_action.registry.rows import audit_entry
from glassalpha_action.registry.sync import sync
from glassalpha_action.settings import Runner, Settings, variables

EVENT_LIMIT = 32 << 20
NO_LEDGER = "none"
PUBLISHED = "-db"
OWNER_AND_NAME = re.compile(r"[A-Za-z0-9-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+")
HEADS = "refs/heads/"


@dataclass(frozen=True)
class Ledger:
    """Where the ledger is, and how to get there."""

    remote: str
    branch: str
    token: SecretStr
    patience: Patience

    def fill(self, url: str) -> Head:
        """Bring the registry at `url` up to the ledger, and return its head."""
        with connect(url, create=True) as kept:
            sync(self.remote, kept, branch=self.branch, token=self.token)
            return kept.head()


def find_ledger(settings: Settings) -> Ledger | None:
    """The ledger that the inputs mean; None where the registry alone is to be used. UserError where it is nowhere."""
    inputs, runner = settings.inputs, settings.runner
    if inputs.registry_branch == NO_LEDGER:
        return None
    named = inputs.registry_repository or runner.repository or git.origin(settings.folder)
    if not named:
        raise UserError(
            "there is no repository to keep the ledger in: name one in the input registry-repository, or set "
            f"registry-branch to {NO_LEDGER} to use registry-url alone."
        )
    if named == runner.repository:
        _refuse_a_branch_of_code(settings)
    remote = f"{runner.server_url.rstrip('/')}/{named}" if OWNER_AND_NAME.fullmatch(named) else named
    return Ledger(remote, inputs.registry_branch, inputs.github_token, Patience(attempts=inputs.push_attempts))


def record(run: Run, settings: Settings, now: str) -> Run:
    """`run` with its audits kept and what there is to say of it. What fails here leaves the verdict as it is."""
    runner = settings.runner
    try:
        activity = find_activity(runner.event_name, _payload(runner), runner.ref)
        if activity.stage is None:
            return replace(run, notes=(*run.notes, f"Not recorded: {activity.reason}."))
        ready = [(r.audit, _metadata(r, activity, settings)) for r in run.results if r.audit and not r.gone]
        if not ready:
            return replace(run, notes=(*run.notes, "Not recorded: there is no audit to record."))
        if runner.event_name == "workflow_run":
            _require_commit([audit for audit, _ in ready], activity.commit)
        place = find_ledger(settings)
        kept = _keep(ready, activity.stage, activity.author, settings, place, now)
    except UserError as error:
        return replace(run, faults=problems(error, settings.inputs.working_directory), fault_code=error.exit_code)
    where = f" on the branch {place.branch}" if place else ""
    note = f"Recorded as {activity.stage} ({activity.reason}){where}; the registry's anchor is {kept.head.anchor}."
    ids = dict.fromkeys(audit.audit_id for audit, _ in ready)
    run = replace(
        run,
        notes=(*run.notes, note),
        records=tuple(zip(ids, kept.receipts, strict=True)),
        registry_head=kept.head.anchor,
        registry_commit=kept.commit,
    )
    return _show(run, settings, place, now) if place else run


def find_head(settings: Settings) -> Head:
    """The head of the registry, which is brought up to its ledger first where there is one."""
    url = settings.inputs.registry_url.get_secret_value()
    place = find_ledger(settings)
    if place:
        _refuse_a_linked_registry(settings)
        return place.fill(url)
    with connect(url) as kept:
        return kept.head()


def _keep(
    ready: Sequence[tuple[Audit, Mapping[str, str]]],
    stage: Stage,
    author: str | None,
    settings: Settings,
    place: Ledger | None,
    now: str,
) -> Appended:
    """Each audit, with its metadata, in the ledger, or in the registry where there is no ledger."""
    if place:
        entries = [audit_entry(audit, stage, now, metadata, author) for audit, metadata in ready]
        return ledger.append(place.remote, entries, recorded_at=now, branch=place.branch, token=place.token,
                             patience=place.patience)  # fmt: skip
    _refuse_a_linked_registry(settings)
    with connect(settings.inputs.registry_url.get_secret_value(), create=True) as kept:
        receipts = {
            audit.audit_id: kept.submit(audit, recorded_at=now, stage=stage, author=author, metadata=metadata)
            for audit, metadata in ready
        }
        return Appended(kept.head(), None, tuple(receipts.values()))


def _show(run: Run, settings: Settings, place: Ledger, now: str) -> Run:
    """Fill the registry from the ledger and publish it; the audits are recorded whatever comes of it."""
    try:
        _refuse_a_linked_registry(settings)
        place.fill(settings.inputs.registry_url.get_secret_value())
        with TemporaryDirectory(prefix="glassalpha-registry-") as folder:
            file = registry_file(settings)
            if file is None:
                file = Path(folder, FILE)
                place.fill(str(file))
            publish(place.remote, file, recorded_at=now, branch=f"{place.branch}{PUBLISHED}", token=place.token,
                    patience=place.patience)  # fmt: skip
    except TooLargeError as error:
        # It stays so for ever, and only the download is missing: no reason for the job to fail each time.
        return replace(run, notes=(*run.notes, f"Not published: {error}."))
    except UserError as error:
        return replace(run, faults=problems(error, settings.inputs.working_directory), fault_code=error.exit_code)
    return run


def _require_commit(audits: Sequence[Audit], commit: str | None) -> None:
    """Such a run starts on the default branch, whatever the run that it follows was for."""
    other = next((audit for audit in audits if commit is None or audit.provenance.git_commit != commit), None)
    if other:
        found = (other.provenance.git_commit or "no known commit")[:40]
        raise UserError(
            f"the audit of {plain(other.model.id, 80)} is of {found}, and the run it would stand for is of "
            f"{(commit or 'no known commit')[:40]}: check that commit out",
            exit_code=4,
        )


def _refuse_a_branch_of_code(settings: Settings) -> None:
    """In the repository under audit the ledger needs a branch of its own, named without refs/heads/."""
    branch, runner = settings.inputs.registry_branch, settings.runner
    if branch in {find_default(_payload(runner)), runner.ref.removeprefix(HEADS)}:
        raise UserError(f"input registry-branch: {plain(branch)} holds the code; name a branch for the ledger alone.")
    if branch == "HEAD" or branch.startswith("refs/"):
        raise UserError(f"input registry-branch: {plain(branch)} is no short name, such as glassalpha-registry.")


def _refuse_a_linked_registry(settings: Settings) -> None:
    if file := registry_file(settings):
        refuse_links(file)


def _metadata(result: Result, activity: Activity, settings: Settings) -> Mapping[str, str]:
    """What the audit file asks to keep, and where the audit came from."""
    config = load(Path(result.path))
    kept = recorded_metadata(config, variables())
    runner = settings.runner
    facts = {
        "commit": activity.commit or runner.sha,
        "event": runner.event_name,
        "run_url": runner.run_url,
        "pull_request": str(activity.pull_request or ""),
    }
    team = {"team": config.document.model.team} if config.document.model.team else {}
    return team | {name: value for name, value in facts.items() if value} | kept


def _payload(runner: Runner) -> Mapping[str, Any]:
    """The event's payload; empty outside GitHub. UserError where an event has none that can be read."""
    if not runner.event_name:
        return {}
    path = runner.event_path
    try:
        if path is None or not path.is_file():
            raise ValueError("there is no such file")
        if path.stat().st_size > EVENT_LIMIT:
            raise ValueError(f"it is larger than {EVENT_LIMIT >> 20} MiB")
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        said = f"the payload of the event {plain(runner.event_name, 80)} in GITHUB_EVENT_PATH cannot be read"
        raise UserError(f"{said} ({plain(str(error), 200)}), so that nothing was recorded.", exit_code=4) from error
    return found
