from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassalpha_action.digests import sha256
from glassalpha_action.documents import DocumentError, UserError
from glassalpha_action.policy.schema import load
from glassalpha_action.shipped import policies
from glassalpha_action.vocabulary import Comparison, Severity
from tests.policy.gates import GATE, HEAD, KNOWN, SMALL, loaded

SOURCE = """# configs/policy/org_credit_baseline_v1.yaml
policy_name: "Organization Credit Model Baseline"
version: "1.0"
effective_date: "2025-01-01"
applies_to: ["credit_scoring", "loan_pricing", "risk_assessment"]
citation: "SR 11-7, ECOA, Internal Risk Policy RP-2024-03"

gates:
  # Performance requirements
  - name: "Minimum Model Performance"
    metric: "roc_auc"
    threshold: 0.75
    comparison: "greater_than"
    severity: "error"
    clause: "Internal Risk Policy RP-2024-03 §2.1"
    rationale: "Minimum discriminative ability for credit decisions"

  # Calibration requirements
  - name: "Calibration Quality"
    metric: "expected_calibration_error"
    threshold: 0.05
    comparison: "less_than"
    severity: "error"
    clause: "SR 11-7 §III.B.1"
    rationale: "Predicted probabilities must align with observed outcomes"

  # Fairness requirements
  - name: "Demographic Parity"
    metric: "demographic_parity_difference"
    threshold: 0.10
    comparison: "less_than"
    severity: "error"
    clause: "ECOA fair lending"
    rationale: "Maximum acceptable approval rate difference across protected groups"

  - name: "Equalized Odds"
    metric: "equalized_odds_difference"
    threshold: 0.15
    comparison: "less_than"
    severity: "warning"
    clause: "ECOA fair lending"
    rationale: "TPR/FPR parity across protected groups"

  # Data quality requirements
  - name: "Minimum Statistical Power"
    metric: "min_group_size"
    threshold: 30
    comparison: "greater_than"
    severity: "error"
    clause: "SR 11-7 §III.B.2"
    rationale: "Adequate sample size for statistical significance"

  - name: "Statistical Power for Bias Detection"
    metric: "statistical_power"
    threshold: 0.80
    comparison: "greater_than"
    severity: "warning"
    clause: "SR 11-7 §III.B.2"
    rationale: "Ability to detect 5pp difference with 95% confidence"

  # Robustness requirements
  - name: "Demographic Shift Robustness"
    metric: "max_shift_degradation"
    threshold: 0.10
    comparison: "less_than"
    severity: "error"
    clause: "SR 11-7 §III.A.3"
    rationale: "Model must remain stable under population changes"

reproducibility:
  strict_mode_required: true
  seed_required: true
  manifest_required: true
  git_commit_required: true

review_cycle:
  frequency: "quarterly"
  next_review: "2025-04-01"
  owner: "Chief Risk Officer"
"""


def test_the_shipped_baseline_is_the_documented_one_byte_for_byte() -> None:
    assert (policies() / "org_credit_baseline_v1.yaml").read_bytes() == SOURCE.encode()


def test_the_baseline_loads_with_every_field(tmp_path: Path) -> None:
    found = loaded(tmp_path, SOURCE)
    policy = found.policy
    assert (policy.policy_name, policy.version) == ("Organization Credit Model Baseline", "1.0")
    assert policy.effective_date == date(2025, 1, 1)
    assert policy.applies_to == ("credit_scoring", "loan_pricing", "risk_assessment")
    assert policy.citation == "SR 11-7, ECOA, Internal Risk Policy RP-2024-03"
    assert [(g.metric, g.comparison.sign, g.threshold, g.severity.value) for g in policy.gates] == [
        ("roc_auc", ">", 0.75, "error"),
        ("expected_calibration_error", "<", 0.05, "error"),
        ("demographic_parity_difference", "<", 0.1, "error"),
        ("equalized_odds_difference", "<", 0.15, "warning"),
        ("min_group_size", ">", 30, "error"),
        ("statistical_power", ">", 0.8, "warning"),
        ("max_shift_degradation", "<", 0.1, "error"),
    ]
    assert [g.clause for g in policy.gates] == [
        "Internal Risk Policy RP-2024-03 §2.1", "SR 11-7 §III.B.1", "ECOA fair lending", "ECOA fair lending",
        "SR 11-7 §III.B.2", "SR 11-7 §III.B.2", "SR 11-7 §III.A.3",
    ]  # fmt: skip
    assert policy.gates[5].rationale == "Ability to detect 5pp difference with 95% confidence"
    assert all(policy.reproducibility.model_dump().values())
    assert policy.review_cycle.model_dump(mode="json") == {
        "frequency": "quarterly",
        "next_review": "2025-04-01",
        "owner": "Chief Risk Officer",
    }
    assert policy.statistics.decision == "point"
    assert [found.line(i) for i in range(7)] == [10, 19, 28, 36, 45, 53, 62]


def test_the_record_of_a_policy_carries_its_text(tmp_path: Path) -> None:
    record = loaded(tmp_path, SOURCE).record()
    assert (record.text, record.sha256) == (SOURCE, sha256(SOURCE.encode()))
    assert (record.id, record.owner) == ("organization-credit-model-baseline", "Chief Risk Officer")
    assert (record.effective_date, record.next_review) == ("2025-01-01", "2025-04-01")


def test_defaults(tmp_path: Path) -> None:
    policy = loaded(tmp_path, SMALL).policy
    assert policy.gates[0].severity is Severity.error
    assert policy.enforcement == "soft_mandatory"
    assert (policy.statistics.on_missing, policy.statistics.on_inconclusive) == ("block", "review")
    assert not any(policy.reproducibility.model_dump().values())


def test_article_stands_for_clause(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALL + "    article: Art. 15\n").policy.gates[0].clause == "Art. 15"


def refused(folder: Path, text: str | bytes) -> str:
    with pytest.raises(UserError) as caught:
        loaded(folder, text)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (SMALL.replace('version: "1"', "version: 1.10"), 2, ["`version` must be text", 'version: "1.10"']),
        (SMALL.replace('version: "1"', "version: 2025-01"), None, []),
        (SMALL.replace("metric: accuracy", "metric: accuraccy"), 5, ["unknown metric", "did you mean `accuracy`?"]),
        (SMALL.replace("metric: accuracy", "metric: zzz"), 5, ["unknown metric `zzz`", "`glassalpha metrics list`"]),
        (SMALL + "    sevrity: error\n", 8, ["unknown key `gates[0].sevrity`", "did you mean `severity`?"]),
        (SMALL + "    severity: critical\n", 8, ["cannot be `critical`"]),
        (SMALL + "    severity: no\n", 8, ["cannot be `no`"]),
        (SMALL.replace("greater_than", "greater_then"), 7, ["did you mean `greater_than`?"]),
        (SMALL.replace("0.5", "'0.5'"), 6, ["must be a number"]),
        (SMALL.replace("0.5", "[0.1, 0.2]"), 4, ["needs `threshold`, one number"]),
        (SMALL.replace("0.5", "1e400"), 6, ["must be a number"]),
        (SMALL.replace("0.5", ".nan"), 6, ["must be a number"]),
        (SMALL.replace("0.5", "true"), 6, ["must be a number"]),
        (SMALL.replace("greater_than", "between"), 4, ["`between` needs `threshold: [low, high]`"]),
        (SMALL.replace("greater_than", "between").replace("0.5", "[0.9, 0.1]"), 6, ["[low, high]"]),
        (SMALL.replace("greater_than", "present"), 4, ["remove `threshold`"]),
        (SMALL + "    params: {effect: 0.1}\n", 8, ["`accuracy` has no parameter `effect`", "takes none"]),
        (SMALL.replace("accuracy", "statistical_power") + "    params: {efect: 0.1}\n", 8, ["did you mean `effect`?"]),
        (SMALL.replace("accuracy", "statistical_power") + "    params: {effect: big}\n", 8, ["must be a number"]),
        (SMALL + GATE, 8, ["two gates are called `g`", "line 4"]),
        (SMALL + "    name: H\n", 8, ["`name` stands twice", "first on line 4"]),
        (HEAD + "gates: []\n", 3, ["`gates`"]),
        (HEAD + "gates:\n", 3, ["`gates` must be a list"]),
        (HEAD, 1, ["`gates` is required"]),
        (SMALL + "reproducibility:\n  seed_required: yes\n", 9, ["true or false", "`yes`"]),
        (SMALL + "effective_date: 2025-02-30\n", 8, ["`effective_date`"]),
        (SMALL + "effective_date: 01/02/2025\n", 8, ["YYYY-MM-DD"]),
        (SMALL + "review_cycle: {next_reviw: 2025-01-01}\n", 8, ["did you mean `next_review`?"]),
        (SMALL + "statistics: {confidence: 95}\n", 8, ["`statistics.confidence`"]),
        (SMALL + "statistics: bound\n", 8, ["`statistics`", "key: value"]),
        (SMALL + "    scope: {attributes: []}\n", 8, ["`gates[0].scope.attributes`"]),
        (SMALL + "applies_to: credit\n", 8, ["`applies_to` must be a list"]),
        (SMALL + "applies_to: [1]\n", 8, ['`applies_to[0]` must be text: write it in quotes: "1".']),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, text: str, line: int | None, words: list[str]) -> None:
    if line is None:
        assert loaded(tmp_path, text).policy.version == "2025-01"
        return
    said = refused(tmp_path, text)
    assert said.startswith(f"p.yaml:{line}: "), said
    assert "\n" not in said
    for jargon in ("Input should", "tuple", "Tuple", "dictionary", "instance of", "after validation", "<class"):
        assert jargon not in said
    for word in words:
        assert word in said


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    text = (
        SMALL.replace('"1"', "1.10") + "    sevrity: error\n" + GATE.replace("G", "H").replace("0.5", "x") + "oops: 1\n"
    )
    with pytest.raises(DocumentError) as caught:
        loaded(tmp_path, text)
    assert [p.line for p in caught.value.problems] == [2, 8, 11, 13]
    assert str(caught.value).count("\n") == 3


def test_all_unknown_metrics_are_reported_at_once(tmp_path: Path) -> None:
    text = HEAD + "gates:\n" + GATE.replace("accuracy", "acc") + GATE.replace("accuracy", "aucc").replace("G", "H")
    assert [line.split(" ")[0] for line in refused(tmp_path, text).splitlines()] == ["p.yaml:5:", "p.yaml:9:"]


def test_unquoted_dates_and_small_numbers(tmp_path: Path) -> None:
    policy = loaded(tmp_path, SMALL.replace("0.5", "1e-3") + "effective_date: 2025-01-01\n").policy
    assert policy.gates[0].threshold == 0.001
    assert policy.effective_date == date(2025, 1, 1)
    assert loaded(tmp_path, SMALL + "applies_to: [no, off, 0x1F]\n").policy.applies_to == ("no", "off", "0x1F")


def test_between_takes_two_numbers(tmp_path: Path) -> None:
    gate = loaded(tmp_path, SMALL.replace("greater_than", "between").replace("0.5", "[0, 1]")).policy.gates[0]
    assert (gate.comparison, gate.threshold) == (Comparison.between, (0.0, 1.0))


def test_line_endings_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode()
    found = loaded(tmp_path, text)
    assert found.policy.policy_name == "P"
    assert found.line(0) == 4
    assert found.sha256 == sha256(text)


def test_a_changed_byte_changes_the_digest(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALL).sha256 != loaded(tmp_path, SMALL + "# x\n").sha256


LINES = SOURCE.splitlines(keepends=True)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """The baseline, hurt: lines dropped, doubled and swapped, values replaced, bytes changed."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        i = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.integers(0, 4))
        if kind == 0 and len(lines) > 1:
            del lines[i]
        elif kind == 1:
            lines.insert(draw(st.integers(0, len(lines))), lines[i])
        elif kind == 2:
            key = lines[i].partition(":")[0]
            value = draw(
                st.sampled_from(
                    [
                        "",
                        "~",
                        "[]",
                        "{}",
                        "-1",
                        "1e999",
                        "yes",
                        "*a",
                        "&a [*a]",
                        "!!python/name:os.system",
                        "!!binary aa",
                        "2025-99-99",
                        "|",
                        "'",
                        '"\\0"',
                        "{a: {b: [c]}}",
                        "[[[",
                        "? x",
                        "<<",
                    ]
                )
            )
            lines[i] = f"{key}: {value}\n"
        elif kind == 3:
            lines[i] = draw(st.text(max_size=12)) + lines[i]
        else:
            lines[i] = lines[i].replace(" ", "\t", 1)
    content = bytearray("".join(lines).encode("utf-8", "surrogatepass"))
    if draw(st.booleans()):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


@given(mutations())
@settings(max_examples=300, deadline=None)
def test_a_hurt_policy_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_bytes(content)
    said = ""
    try:
        found = load(path, KNOWN, "p.yaml")
    except UserError as error:
        said = str(error)
    else:
        assert found.policy.gates
        assert found.record().text
    for line in said.split("\n") if said else []:
        assert line.startswith("p.yaml"), said
        assert line.isprintable(), repr(line)
        assert len(line) < 2000


@given(st.binary(max_size=80))
@settings(max_examples=150, deadline=None)
def test_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError):
        load(path, KNOWN, "p.yaml")
