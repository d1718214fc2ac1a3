"""What one run of the action came to, as data that the summary, the outputs and the annotations are made from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from glassalpha_action.documents import DocumentError, Problem, UserError
from glassalpha_action.records import Audit, Verdict
from glassalpha_action.registry import Receipt
from glassalpha_action.vocabulary import WORST_STATUS_FIRST, Severity

SHOWN = {"gate", "metric", "severity", "outcome", "value", "threshold", "comparison", "attribute", "groups", "message"}
PLACE = re.compile(r"([^:\n]+):(\d+): (.+)", re.DOTALL)


@dataclass(frozen=True)
class Result:
    """One audit file: its Audit and reports, or what was wrong. Paths are relative to the workspace.

    `path` is the audit file's from the current folder, which may be reached through a link. `policy_file` is the
    policy's own file, None where it does not lie in the workspace. `gone` says that only the base commit has the audit
    file.
    """

    config: str
    audit: Audit | None = None
    policy_file: str | None = None
    reports: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    exit_code: int = 0
    gone: bool = False
    path: str = ""


@dataclass(frozen=True)
class Run:
    """The whole run. Paths are relative to the workspace; `notes` are for the reader.

    `problems` kept something from being audited and belong to no audit file; `faults` came after the verdict, so they
    leave it as it is. `records` says by id where in the registry each audit stands, `registry_head` is the registry's
    anchor afterwards, `registry_commit` the tip of its ledger.
    """

    results: tuple[Result, ...] = ()
    problems: tuple[Problem, ...] = ()
    faults: tuple[Problem, ...] = ()
    fault_code: int = 0
    notes: tuple[str, ...] = ()
    report_path: str | None = None
    records: tuple[tuple[str, Receipt], ...] = ()
    registry_head: str | None = None
    registry_commit: str | None = None
    site_path: str | None = None

    @property
    def exit_code(self) -> int:
        """The highest code of all."""
        return max([2 if self.problems else 0, self.fault_code, *(result.exit_code for result in self.results)])

    @property
    def audits(self) -> list[Audit]:
        """The audits that could be made."""
        return [result.audit for result in self.results if result.audit]

    @property
    def status(self) -> str:
        """The worst status of all; ERROR where anything could not be audited, empty where nothing was to be."""
        if self.problems or any(result.problems for result in self.results):
            return "ERROR"
        return min((audit.status for audit in self.audits), key=WORST_STATUS_FIRST.index, default="")


def problems(error: UserError, folder: str = "") -> tuple[Problem, ...]:
    """The mistakes that `error` tells of, each with its place; `folder` leads from the workspace to their files."""
    found = error.problems if isinstance(error, DocumentError) else [_problem(str(error))]
    return tuple(Problem(_under(folder, p.file), p.line, p.message) for p in found)


def sentence(problem: Problem) -> str:
    """The mistake with its place, where it has one."""
    return str(problem) if problem.file else problem.message


def _problem(text: str) -> Problem:
    place = PLACE.fullmatch(text)
    return Problem(place[1], int(place[2]), place[3]) if place else Problem("", None, text)


def _under(folder: str, file: str) -> str:
    return f"{folder}/{file}" if file and folder not in {"", "."} and not file.startswith("/") else file


def failed(audits: list[Audit]) -> Iterator[tuple[Audit, Verdict]]:
    """Every failed gate with its audit."""
    return ((audit, verdict) for audit in audits for verdict in audit.verdicts if verdict.failed)


def outputs(run: Run) -> dict[str, str]:
    """The action's outputs, all as text; an output with nothing to say is empty."""
    gates = [verdict for _, verdict in failed(run.audits)]
    unmet = [(audit, requirement) for audit in run.audits for requirement in audit.requirements if not requirement.met]
    policies = dict.fromkeys(audit.policy.sha256 for audit in run.audits if audit.policy)
    return {
        "status": str(run.status),
        "exit-code": str(run.exit_code),
        "models-audited": str(len(run.audits)),
        "gates-failed": str(sum(gate.severity is Severity.error for gate in gates) + len(unmet)),
        "gates-warned": str(sum(gate.severity is Severity.warning for gate in gates)),
        "failed-gates": json.dumps(
            [_gate(audit, verdict) for audit, verdict in failed(run.audits)]
            + [{"model": audit.model.id, "requirement": r.name, "message": r.message} for audit, r in unmet]
        ),
        "audit-ids": json.dumps([audit.audit_id for audit in run.audits]),
        "policy-sha256": "\n".join(policies),
        "report-path": run.report_path or "",
        "recorded": str(len(run.records)),
        "records": json.dumps([{"audit_id": audit_id} | asdict(receipt) for audit_id, receipt in run.records]),
        "registry-commit": run.registry_commit or "",
        "registry-head": run.registry_head or "",
        "site-path": run.site_path or "",
    }


def _gate(audit: Audit, verdict: Verdict) -> dict[str, object]:
    return {"model": audit.model.id} | verdict.model_dump(mode="json", include=SHOWN)
