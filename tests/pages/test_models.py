from __future__ import annotations

import json
import re

import pytest

from glassalpha_action.pages.models import charts_data, gate_lines, model_page
from glassalpha_action.pages.sparkline import sparkline
from glassalpha_action.records import Requirement, RocCurve
from glassalpha_action.vocabulary import Comparison, Outcome, Status
from tests import samples
from tests.pages.portfolios import model, portfolio


def page(**fields: object) -> str:
    own = model(samples.audit(**fields), reports=("report.html", "report.pdf"))  # type: ignore[arg-type]
    return model_page(own, portfolio(own)).body


def test_a_gate_stands_with_value_interval_rows_threshold_margin_and_groups() -> None:
    body = page()
    line = body[body.index('class="ga-s ga-fail">Fail<th>') :].split("</svg>")[0]
    for part in ("0.130", "0.012 to 0.245", "n 300", "sex: female against male", "&lt; 0.100", "margin −0.030"):
        assert part in line


@pytest.mark.parametrize(
    ("comparison", "value", "threshold", "margin"),
    [
        (Comparison.greater_than, 0.781, 0.75, "margin +0.031"),
        (Comparison.greater_than_or_equal, 0.7, 0.75, "margin −0.050"),
        (Comparison.less_than, 0.13, 0.1, "margin −0.030"),
        (Comparison.between, 1.3, (0.8, 1.25), "margin −0.050"),
        (Comparison.between, 0.9, (0.8, 1.25), "margin +0.100"),
        (Comparison.less_than, 0.1000004, 0.1, "margin −0.0000004"),
        (Comparison.equals, 0.1, 0.1, ""),
        (Comparison.less_than_or_equal, 0.1 + 0.2, 0.3, "on the threshold"),
        (Comparison.less_than, 0.13, 0.13, "on the threshold"),
        (Comparison.greater_than_or_equal, 0.7 + 1e-10, 0.7, "on the threshold"),
        (Comparison.between, 1.25, (0.8, 1.25), "on the threshold"),
        (Comparison.less_than, 0.13 - 2e-9, 0.13, "margin +0.000000002"),
    ],
)
def test_the_margin_is_positive_on_the_right_side(
    comparison: Comparison, value: float, threshold: object, margin: str
) -> None:
    gate = samples.verdict(samples.GAP, Outcome.FAIL, comparison=comparison, value=value, threshold=threshold)
    (line,) = gate_lines(model(samples.audit(verdicts=(gate,))))
    assert line.margin == margin


def test_the_worst_gates_come_first() -> None:
    outcomes = [line.verdict.outcome for line in gate_lines(model(samples.audit()))]
    assert outcomes == [Outcome.FAIL, Outcome.MISSING, Outcome.PASS]


def test_what_was_not_measured_says_why_and_never_shows_a_raw_value() -> None:
    body = page()
    assert "Not measured" in body
    assert not re.search(r">\s*(None|nan|NaN|N/A|\[\]|\(\)|True|False)\s*<", body)
    assert "Status." not in body
    assert "Outcome." not in body


def test_a_group_stands_with_its_rows_or_the_reason_for_no_rate() -> None:
    small = samples.GROUPS[0].model_copy(update={"level": "diverse", "n": 3, "value": None, "low": None, "high": None,
                                                 "reason": "fewer than 5 rows"})  # fmt: skip
    gap = samples.GAP.model_copy(update={"groups": (*samples.GROUPS, small)})
    body = page(measurements=(gap,))
    assert "<th>female<td>92<td>0.620<td>0.517 to 0.712" in body
    assert "<th>diverse<td>3<td>fewer than 5 rows<td>none" in body


def test_metrics_made_of_the_same_rates_share_one_table() -> None:
    ratio = samples.GAP.model_copy(
        update={"metric": "demographic_parity_ratio", "title": "Impact ratio", "value": 0.827}
    )
    body = page(measurements=(samples.GAP, ratio))
    assert body.count("<caption>") == 1
    assert "Demographic parity difference: 0.130<br>Impact ratio: 0.827" in body


def test_groups_of_a_metric_that_is_not_about_fairness_are_left_to_the_report() -> None:
    power = samples.POWER.model_copy(update={"groups": samples.GROUPS})
    assert "<caption>" not in page(measurements=(power,))


def test_provenance_names_every_digest_and_the_requirements_that_are_met() -> None:
    needs = (Requirement(name="seed_required", met=True, message="It is 42."),
             Requirement(name="strict_mode", met=False, message="Run with --strict."))  # fmt: skip
    found = samples.audit(requirements=needs)
    body = model_page(model(found), portfolio(model(found))).body
    part = body[body.index('id="provenance"') : body.index('id="downloads"')]
    known = found.provenance
    for digest in (known.model_sha256, known.data_sha256, known.config_sha256, known.predictions_sha256, found.audit_id,
                   known.policy_sha256 or samples.POLICY.sha256):  # fmt: skip
        assert digest is None or digest in part
    assert "<dt>Requirements met<dd>Seed required</dl>" in part


def test_an_identifier_breaks_after_its_underscores_and_a_gates_name_is_not_cut() -> None:
    long = "Statistical power for the detection of bias"
    found = samples.audit("credit_v2", verdicts=(samples.verdict(samples.AUC, Outcome.PASS, gate=long),))
    body = model_page(model(found), portfolio(model(found))).body
    assert '<h1 id="content">credit_<wbr>v2' in body
    assert f"<th>{long}" in body[body.index('id="history"') :]
    assert (
        "<script" not in model_page(model(samples.audit("<script>_x")), portfolio(model(found))).body.split("</h1>")[0]
    )


def test_an_unmet_requirement_says_how_to_meet_it() -> None:
    body = page(requirements=(Requirement(name="seed_required", met=False, message="Set random_seed."),))
    assert "Seed required" in body
    assert "Set random_seed." in body


def test_a_dev_audit_and_one_not_enforced_are_marked() -> None:
    body = page(profile="dev", enforced=False, notes=("the policy takes effect on 2025-03-01",))
    for part in ("NOT FOR APPROVAL", "Would be blocked", "not enforced", "The policy takes effect on 2025-03-01."):
        assert part in body


def test_a_model_without_a_policy_is_not_said_to_pass() -> None:
    body = page(status=Status.NO_POLICY)
    assert "No policy applies" in body
    assert "Passed" not in body


def test_the_history_shows_the_newest_first_and_says_how_many_it_leaves_out() -> None:
    audits = [samples.audit(as_of=f"2024-{month:02d}-05") for month in range(1, 10)]
    own = model(*audits)
    body = model_page(own, portfolio(own)).body
    section = body[body.index('id="history"') :]
    assert re.findall(r"<tr><th>(\d{4}-\d\d-\d\d)", section) == [f"2024-{month:02d}-05" for month in range(9, 3, -1)]
    assert "3 earlier audits in history.csv" in section


def test_a_gate_that_an_old_audit_did_not_have_is_a_dash_and_not_a_pass() -> None:
    old = samples.audit(as_of="2024-01-05", verdicts=())
    own = model(old, samples.audit())
    body = model_page(own, portfolio(own)).body
    assert '<td class="ga-none">–' in body[body.index('id="history"') :]


def test_downloads_are_offered_only_where_they_are() -> None:
    assert 'href="report.pdf"' in page()
    own = model(samples.audit())
    assert "report.pdf" not in model_page(own, portfolio(own)).body


def test_a_long_curve_is_thinned_along_its_length_and_keeps_its_ends() -> None:
    fpr = tuple(k / 999 for k in range(1000))
    whole = RocCurve(auc=0.8, fpr=fpr, tpr=tuple(x**0.2 for x in fpr))
    audit = samples.audit(charts=samples.audit().charts.model_copy(update={"roc": (whole,)}))
    curve = json.loads(json.dumps(charts_data(audit)))["roc"][0]["points"]
    assert curve[:2] == [0, 0]
    assert curve[-2:] == [1000, 1000]
    assert len(curve) <= 32
    steps = [abs(curve[k + 2] - curve[k]) + abs(curve[k + 3] - curve[k + 1]) for k in range(0, len(curve) - 2, 2)]
    assert max(steps) < 300


def test_a_step_shows_its_command_as_code_and_a_group_without_a_curve_is_counted() -> None:
    found = samples.audit()
    verdict = samples.verdict(samples.GAP, Outcome.FAIL, remediation="Try `a --b <c>`, then *this*.")
    ends = (0.0, 1.0)
    groups = tuple(RocCurve(attribute="age", level=str(k), auc=None, fpr=ends, tpr=ends) for k in range(6))
    charts = found.charts.model_copy(update={"roc": (RocCurve(auc=0.5, fpr=ends, tpr=ends), *groups)})
    kept = model(found.model_copy(update={"verdicts": (verdict,), "charts": charts}))
    body = model_page(kept, portfolio(kept)).body
    assert "Try <code>a --b &lt;c&gt;</code>, then *this*." in body
    assert "2 more groups in audit.json." in body


def test_a_chart_stands_alone_where_the_other_cannot_be_drawn() -> None:
    found = samples.audit()
    whole = RocCurve(auc=0.5, fpr=(0.0, 1.0), tpr=(0.0, 1.0))
    bins = found.charts.calibration
    assert bins
    for roc, calibration in (((whole,), ()), ((), bins)):
        charts = found.charts.model_copy(update={"roc": roc, "calibration": calibration})
        kept = model(found.model_copy(update={"charts": charts}))
        body = model_page(kept, portfolio(kept)).body
        assert ('id="roc"' in body, 'id="calibration"' in body) == (bool(roc), bool(calibration))


def test_a_sparkline_leaves_a_gap_where_nothing_was_measured() -> None:
    drawn = sparkline([0.1, None, 0.2, 0.3], limit=0.25)
    assert drawn is not None
    assert drawn.path.count("M") == 2
    assert drawn.limit is not None


@pytest.mark.parametrize("values", [[], [0.1], [None, 0.1], [None, None]])
def test_one_value_is_no_trend(values: list[float | None]) -> None:
    assert sparkline(values, 0.1) is None
