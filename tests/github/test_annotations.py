from __future__ import annotations

import pytest

from glassalpha_action.documents import Problem
from glassalpha_action.github.annotations import find_annotations
from glassalpha_action.github.commands import annotation_command
from glassalpha_action.github.result import Result, Run
from glassalpha_action.records import Requirement
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.github.hostile import HOSTILE
from tests.github.test_summary import hostile
from tests.report.audits import waived


def run(status: Status, policy_file: str | None = "policies/p.yaml", **fields: object) -> Run:
    return Run((Result("m.audit.yaml", samples.audit(status=status, **fields), policy_file),))


def test_a_failed_gate_is_marked_on_its_line_of_the_policy() -> None:
    error, warning = find_annotations(run(Status.BLOCKED))
    assert (error.level, error.file, error.line) == ("error", "policies/p.yaml", 12)
    assert error.title == "credit_model_v2: Demographic parity difference gate"
    assert "0.130 is not < 0.100" in error.message
    assert samples.ADVICE.fixes[0] in error.message
    assert warning.level == "warning", "a warning gate warns"


def test_a_policy_that_is_not_in_the_repository_is_marked_on_the_audit_file() -> None:
    assert {(mark.file, mark.line) for mark in find_annotations(run(Status.BLOCKED, None))} == {("m.audit.yaml", None)}


def test_a_pass_is_not_marked_and_a_doubt_warns() -> None:
    assert find_annotations(run(Status.PASSED)) == []
    assert {mark.level for mark in find_annotations(run(Status.REVIEW))} == {"warning"}


def test_what_is_not_enforced_warns() -> None:
    marks = find_annotations(run(Status.BLOCKED, enforced=False, would_be=Status.BLOCKED))
    assert {mark.level for mark in marks} == {"warning"}


def test_unmet_requirements_and_no_policy_are_marked_on_the_audit_file() -> None:
    unmet = Requirement(name="seed_required", met=False, message="Set reproducibility.random_seed.")
    marks = find_annotations(run(Status.PASSED, requirements=(unmet,)))
    assert [(m.level, m.file, m.title) for m in marks] == [("error", "m.audit.yaml", "credit_model_v2: Seed required")]
    assert [m.title for m in find_annotations(run(Status.NO_POLICY))] == ["credit_model_v2: no policy"]


def test_a_mistake_is_marked_where_it_stands() -> None:
    marks = find_annotations(Run((Result("a.yaml", problems=(Problem("b.yaml", 4, "no"), Problem("", None, "gone"))),)))
    assert [(m.file, m.line) for m in marks] == [("b.yaml", 4), ("a.yaml", None)]


def test_there_are_at_most_ten_and_the_last_says_so() -> None:
    many = Run(tuple(Result(f"{n}.yaml", samples.audit(f"m{n}"), "p.yaml") for n in range(30)))
    marks = find_annotations(many)
    assert len(marks) == 10
    assert {mark.level for mark in marks[:9]} == {"error"}
    assert marks[9].level == "notice"
    assert marks[9].message.startswith("51 more findings")


def test_weakened_rules_are_one_mark_and_the_base_commits_gates_have_no_line_here() -> None:
    (weakened,) = [m for m in find_annotations(Run((Result("m.yaml", waived(), "p.yaml"),))) if "weakened" in m.title]
    assert (weakened.level, weakened.file, weakened.title) == ("warning", "m.yaml", "credit_model_v2: 1 weakened rule")
    assert "now asks for < 0.1" in weakened.message
    assert "contacts" not in weakened.message
    marks = find_annotations(run(Status.BLOCKED, judged_by="base"))
    assert {(mark.file, mark.line) for mark in marks} == {("policies/p.yaml", None)}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_can_forge_a_mark(name: str) -> None:
    found = Run((Result(name, hostile(name), name), Result(name, problems=(Problem(name, 2, name),))))
    for mark in find_annotations(found):
        command = annotation_command(mark)
        assert "\n" not in command
        assert "\r" not in command
        assert command.startswith(("::error file=", "::warning file="))
        assert len(mark.message) < 3_000
