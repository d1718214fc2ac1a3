"""The marks on the lines of the policy and of the audit files where something failed."""

from __future__ import annotations

from collections.abc import Iterator

from glassalpha_action.documents import Problem
from glassalpha_action.github.commands import Annotation, Level
from glassalpha_action.github.result import Result, Run
from glassalpha_action.records import Audit, Verdict
from glassalpha_action.report import rules, words
from glassalpha_action.vocabulary import Outcome, Severity, Status

LIMIT = 10
MESSAGE_LIMIT = 2_000


def find_annotations(run: Run) -> list[Annotation]:
    """At most ten marks, errors first; where there are more, the last one says how many and where to read them."""
    found = [_problem(problem) for problem in run.problems]
    kind = "Not recorded or not published" if run.results else "Portal not built"
    found += [_problem(problem, title=kind) for problem in run.faults]
    for result in run.results:
        found += [_problem(problem, result.config) for problem in result.problems]
        found += _audit(result, result.audit) if result.audit else []
    found.sort(key=lambda mark: mark.level != "error")
    if len(found) <= LIMIT:
        return found
    more = len(found) - LIMIT + 1
    last = Annotation("notice", f"{more} more", f"{more} more findings are in the job summary and in the reports.")
    return [*found[: LIMIT - 1], last]


def _problem(problem: Problem, config: str | None = None, title: str = "Audit not complete") -> Annotation:
    message = words.clip(problem.message, MESSAGE_LIMIT)
    return Annotation("error", title, message, problem.file or config, problem.line)


def _audit(result: Result, audit: Audit) -> Iterator[Annotation]:
    level: Level = "error" if audit.enforced else "warning"
    model = words.name(audit.model.id)
    for verdict in audit.verdicts:
        if verdict.failed or verdict.outcome is Outcome.INCONCLUSIVE:
            grave = verdict.failed and verdict.severity is Severity.error
            yield Annotation(
                level if grave else "warning",
                f"{model}: {words.name(verdict.gate)}",
                _message(verdict),
                result.policy_file or result.config,
                verdict.line if result.policy_file and audit.judged_by == "head" else None,
            )
    for requirement in audit.requirements:
        if not requirement.met:
            yield Annotation(
                level,
                f"{model}: {words.requirement(requirement.name)}",
                words.clip(words.clean(requirement.message), MESSAGE_LIMIT),
                None if result.gone else result.config,
            )
    if weakened := [change.message for change in audit.changes if change.effect == "weakened"]:
        yield Annotation(
            "warning",
            f"{model}: {words.count(len(weakened), 'weakened rule')}",
            words.clip(words.clean(" ".join((*rules.notes(audit), *weakened))), MESSAGE_LIMIT),
            result.config,
        )
    if audit.status is Status.NO_POLICY:
        said = words.clip(words.clean(" ".join(audit.notes)), MESSAGE_LIMIT) or "No policy applies to this model."
        yield Annotation(level, f"{model}: no policy", said, result.config)


def _message(verdict: Verdict) -> str:
    step = f" {words.sentence(verdict.remediation)}" if verdict.remediation else ""
    return words.clip(words.clean(f"{words.sentence(verdict.message)}{step}"), MESSAGE_LIMIT)
