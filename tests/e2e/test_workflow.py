"""The action through a workflow, by a local runner: `uses: ./` and what later steps see of it."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Workflow

pytestmark = pytest.mark.e2e


def test_a_blocked_model_fails_the_job(workflow: Workflow) -> None:
    assert workflow.exit_code == 1, workflow.log[-6000:]
    assert "later steps see BLOCKED 2 failure" in workflow.log, workflow.log[-6000:]


def test_the_policys_lines_are_annotated(workflow: Workflow) -> None:
    assert "::error file=policies/org_credit_baseline_v1.yaml,line=" in workflow.log


def test_the_reports_lie_in_the_checkout(workflow: Workflow) -> None:
    folders = workflow.checkout.glob("glassalpha-report/examples/german_credit/*")
    assert sorted(folder.name for folder in folders) == ["biased", "logistic"]
