from __future__ import annotations

import html
import re

import pytest

from glassalpha_action.documents import Problem
from glassalpha_action.github.result import Result, Run
from glassalpha_action.github.summary import render_summary
from glassalpha_action.records import Audit, Change, ModelCard, Requirement
from glassalpha_action.vocabulary import Outcome, Status
from tests import samples
from tests.github.hostile import HOSTILE
from tests.report.audits import USED, waived, waiver


def result(status: Status, model: str = "credit_model_v2", **fields: object) -> Result:
    audit = samples.audit(model, status, **fields)
    code = {Status.BLOCKED: 1, Status.NO_POLICY: 1}.get(status, 0)
    return Result(f"{model}.audit.yaml", audit, "policy.yaml", (f"out/{model}/report.html",), exit_code=code)


def hostile(name: str) -> Audit:
    """A blocked audit with `name` everywhere a name can stand."""
    gap = samples.GAP.model_copy(update={"attribute": name, "between": (name, "male")})
    bad = samples.verdict(
        gap, Outcome.FAIL, gate=name, attribute=name, groups=(name, "male"), message=name, remediation=name
    )
    return samples.audit(
        model=ModelCard(id=name, name=name), verdicts=(bad,), measurements=(gap,), notes=(name,),
        requirements=(Requirement(name=name, met=False, message=name),),
        waivers=(waiver(**dict.fromkeys(USED, name)),), changes=(Change(what="a", effect="weakened", message=name),),
        policy=samples.POLICY.model_copy(update={"name": name, "version": name}),
    )  # fmt: skip


def test_the_verdict_comes_first_and_the_failures_before_the_rest() -> None:
    text = render_summary(
        Run((result(Status.PASSED, "fine"), result(Status.REVIEW, "so_so"), result(Status.BLOCKED, "bad")))
    )
    assert text.startswith("# ✕ Blocked\n\n3 models: 1 blocked, 1 in need of review, 1 passed. Exit code 1.\n")
    row = next(line for line in text.splitlines() if line.startswith("| Demographic parity difference gate | ✕ Fail"))
    assert "| ✕ Fail, error gate | 0.130 is not &lt; 0.100" in row
    assert f" **Next step:** {samples.ADVICE.fixes[0]} |" in row
    assert text.index(row) < text.index("! Needs review: ") < text.index("<details>") < text.index(">✓ fine")


def test_a_passing_run_is_short_and_folded() -> None:
    text = render_summary(Run((result(Status.PASSED),)))
    assert text.startswith("# ✓ Passed\n\n1 model: 1 passed. Exit code 0.\n")
    assert "## " not in text
    assert text.count("<details>") == text.count("</details>") == 1


def test_a_verdict_that_is_not_enforced_is_not_shown_as_one_that_is() -> None:
    audit = samples.audit(enforced=False, would_be=Status.BLOCKED)
    text = render_summary(Run((Result("a.yaml", audit),)))
    assert text.startswith("# ✕ Would be blocked\n\n1 model: 1 not enforced. Exit code 0.")


def test_no_policy_is_not_a_pass() -> None:
    text = render_summary(Run((result(Status.NO_POLICY),)))
    assert text.startswith("# – No policy\n\n1 model: 1 without a policy. Exit code 1.")


def test_what_could_not_be_audited_is_named_with_its_place() -> None:
    broken = Result(
        "a.yaml", problems=(Problem("a.yaml", 3, "`tresh` is not known; did you mean `thresh`?"),), exit_code=2
    )
    text = render_summary(Run((broken, result(Status.PASSED))))
    assert text.startswith("# ! Not everything could be audited\n\n2 models: 1 passed, 1 not audited. Exit code 2.")
    assert "\n## ! Not audited: a.yaml\n\n* a.yaml:3: " in text
    assert render_summary(Run(problems=(Problem("", None, "nothing to audit"),))) == (
        "# ! Could not be audited\n\nExit code 2.\n\n* nothing to audit\n\n"
    )


def test_what_the_change_does_to_the_rules_stands_before_the_rest_the_weakened_first() -> None:
    text = render_summary(Run((Result("m.yaml", waived()),)))
    parts = ("| ⚑ Waived (fail, waived by W-1), error gate |", "1 change weakens", "▼ Weakened |", "– Neutral |",
             "Judged by the base", "<details>", "| ⚑ In force |")  # fmt: skip
    order = [text.index(part) for part in parts]
    assert order == sorted(order)
    assert text.count("asked for &lt; 0.05") == 1, "the list of changes says it, not the notes too"
    assert "| W-2 | ✕ Refused |" in text
    assert "Policy questions: risk@" in text


def test_a_passing_run_still_shows_that_its_rules_changed() -> None:
    looser = Change(what="a", effect="weakened", message="The gate is gone.")
    text = render_summary(Run((result(Status.PASSED, changes=(looser,)),)))
    assert text.index("▼ Weakened | The gate is gone. |") < text.index("<details>")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_can_do_more_than_be_read(name: str) -> None:
    problem = Problem(name, 1, name)
    results = Result(name, hostile(name), reports=(name,), exit_code=1), Result(name, problems=(problem,))
    whole = render_summary(Run(results, problems=(problem,), notes=(name,)))
    text = re.sub(r"(?<!\\)`[^`|\n]+`", "", whole)  # in a code span everything is text
    assert set(re.findall(r"<[^>]*>", text)) <= {"<details>", "<summary>", "</summary>", "</details>"}
    assert text.count("<details>") == text.count("</details>") == 1
    assert not re.search(r"(?<![\\])\]\(|!\[", text)
    assert not re.search(r"(?<!&)[@#][A-Za-z0-9]|://\w|(?<!\\)`", text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    for line in text.splitlines():
        assert line == "" or line[0] in "|#*<" or line.startswith(("1 ", "2 ", "Blocked", "Exit", "✕", "Judged by")), (
            line[:200]
        )
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in {3, 4, 8, 9}
    assert html.unescape(text).count("PASSED</h1>") == text.count("PASSED&lt;/h1&gt;")


def test_a_step_shows_its_command_as_code() -> None:
    verdict = samples.verdict(samples.GAP, Outcome.FAIL, remediation="Try `a --b <c>` and not `that.")
    made = samples.audit(verdicts=(verdict,))
    text = render_summary(Run((Result("a.audit.yaml", made, exit_code=1),)))
    assert " **Next step:** Try `a --b <c>` and not \\`that. |" in text


def test_the_table_says_why_nothing_was_measured_and_which_requirement_is_not_met() -> None:
    missing = samples.verdict(
        samples.GAP, Outcome.MISSING, value=None, message="Not measured: the data hold no feature columns.",
        remediation=None,
    )  # fmt: skip
    unmet = Requirement(name="seed_required", met=False, message="Set `reproducibility: random_seed:`.")
    text = render_summary(Run((Result("a.yaml", samples.audit(verdicts=(missing,), requirements=(unmet,))),)))
    rows = [line for line in text.splitlines() if line.startswith("| ")][:4]
    assert rows[2] == "| Seed required | ✕ Not met | Set `reproducibility: random_seed:`. |"
    assert rows[3].endswith("○ Not measured, error gate | Not measured: the data hold no feature columns. |")
    assert not any(fix in text for fix in samples.ADVICE.fixes), "advice on failing is not for what was not measured"


def test_it_never_grows_beyond_its_limit_and_is_cut_between_parts() -> None:
    many = tuple(result(Status.BLOCKED, f"modèle_{n}") for n in range(200))
    for limit in (2_000, 20_001, 100_003):
        text = render_summary(Run(many), limit)
        assert limit * 0.5 < len(text.encode()) <= limit
        assert text.startswith("# ✕ Blocked")
        assert re.search(r"[\d,]+ parts left out for want of room", text)
        assert text.count("<details>") == text.count("</details>")
    whole = render_summary(Run(many))
    assert len(whole.encode()) <= 900 * 1024
    assert "left out" not in whole


def test_passing_gates_go_before_failures_do() -> None:
    many = tuple(result(Status.BLOCKED if n == 199 else Status.PASSED, f"model_{n}") for n in range(200))
    text = render_summary(Run(many), 10_000)
    assert "## ✕ Blocked" in text
    assert "| Demographic parity difference gate | ✕ Fail, error gate |" in text


def test_a_file_name_that_is_no_text_is_shown_all_the_same() -> None:
    name = "caf\udce9.audit.yaml"
    text = render_summary(Run((Result(name, problems=(Problem(name, None, name),), exit_code=2),)))
    assert "caf⟨U+DCE9⟩.audit.yaml" in text
    text.encode()
