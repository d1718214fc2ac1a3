import json

import pytest

from glassalpha_action.report import words
from glassalpha_action.vocabulary import Comparison, Outcome, Severity, Status, Unit, first_sentence


def test_every_outcome_status_and_severity_has_a_word_of_its_own() -> None:
    assert set(words.OUTCOMES) == set(Outcome)
    assert set(words.STATUSES) == set(Status)
    assert set(words.SEVERITIES) == set(Severity)
    for looks in (words.OUTCOMES, words.STATUSES):
        assert len({(look.icon, look.word) for look in looks.values()}) == len(looks)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\nb", "a b"),
        ("nul\x00", "nul⟨U+0000⟩"),
        ("\u202egnp", "⟨U+202E⟩gnp"),
        ("tab\tbed", "tab bed"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Ωmega", "Ωmega"),
    ],
)
def test_a_name_is_one_line_in_which_nothing_hides(text: str, shown: str) -> None:
    assert words.name(text) == shown


def test_a_long_name_is_cut_and_says_so() -> None:
    assert words.name("x" * 80) == "x" * 80
    assert words.name("x" * 10_000) == "x" * 80 + "… (10,000 characters, whole in audit.json)"
    assert words.short("x" * 10_000) == "x" * 21 + "…"


def test_intervals_and_thresholds_leave_nothing_to_interpretation() -> None:
    assert words.interval(Unit.difference, 0.012, 0.245, 0.95) == "95% interval 0.012 to 0.245"
    assert words.interval(Unit.difference, None, 0.245, 0.95) == ""
    assert words.required(Unit.difference, Comparison.less_than, 0.1) == "< 0.100"
    assert words.required(Unit.rows, Comparison.greater_than_or_equal, 30) == "≥ 30"
    assert words.required(Unit.ratio, Comparison.between, (0.8, 1.25)) == "within 0.800 to 1.250"
    assert words.required(Unit.share, Comparison.present, None) == "is measured"


def test_a_threshold_is_never_rounded() -> None:
    assert words.required(Unit.difference, Comparison.less_than, 0.0005) == "< 0.0005"
    assert words.required(Unit.rows, Comparison.greater_than, 1234) == "> 1,234"


def test_a_value_is_told_apart_from_its_threshold() -> None:
    assert words.shown(Unit.difference, 0.1000004, 0.1) == "0.1000004"
    assert words.shown(Unit.difference, 1.2500001, (0.8, 1.25)) == "1.2500001"
    assert words.shown(Unit.difference, None, 0.1) == "not measured"


def test_counting_and_listing() -> None:
    assert words.count(1, "gate") == "1 gate"
    assert words.count(1204, "gate") == "1,204 gates"
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed([str(k) for k in range(20)], 2) == "0, 1 and 18 more"


@pytest.mark.parametrize(
    ("text", "said"),
    [("no row is missing", "No row is missing."), ("audit.yaml: `a` changed", "audit.yaml: `a` changed."),
     ("age_group is given", "age_group is given."), ("0.5 is the threshold.", "0.5 is the threshold."), ("", "")],
)  # fmt: skip
def test_a_sentence_leaves_given_names_as_they_are(text: str, said: str) -> None:
    assert words.sentence(text) == said


def test_the_first_sentence_of_a_definition() -> None:
    assert first_sentence("Mean of 0.5 vs. p. Range 0 to 1. Source.") == "Mean of 0.5 vs. p."
    assert first_sentence("One.\nTwo.") == "One."
    assert first_sentence("No stop at all") == "No stop at all"


@pytest.mark.parametrize("text", ["=1+1", " =1", "+1+1", "-1+1", "@a", "\u00a0=1", "＝1", "-1e5x", "- 5"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert words.cell(text) == "'" + text


@pytest.mark.parametrize("text", ["-5", "-0.5", "1e-07", "credit", "", "3", "a=1", "é", "日本　語"])
def test_a_number_or_a_word_does_not(text: str) -> None:
    assert words.cell(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x00b", "a\\x00b"), ("a\nb", "a\\nb"), ("\t=1", "'\\t=1"), ("\u202e=1", "\\u202e=1"), ("\ud800", "\\ud800")],
)
def test_a_cell_is_one_line_without_hidden_characters(text: str, shown: str) -> None:
    assert words.cell(text) == shown


def test_json_in_a_script_cannot_end_it_and_is_json() -> None:
    text = words.script_json({"name": "</script><!--<script>&"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"name": "</script><!--<script>&"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        words.script_json([float("nan")])
