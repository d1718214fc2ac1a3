"""What the tests of every backend share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import Event, Registry, connect
from glassalpha_action.vocabulary import Status
from tests import samples

NOW = "2025-01-06T08:30:00Z"
TODAY = date(2025, 1, 6)
HOSTILE = (
    "<script>alert(1)</script>", "](javascript:alert(1))", "a\nb\r\nc", "@team", "=cmd|' /C calc'!A0", "x" * 10_000,
    "\u202emodel\u2066", "nul\0byte", "'; DROP TABLE records; --", "\x1b[31mred\x1b[0m", "\x9b2J", "a | b | PASSED",
    "%s %(seq)s :seq {seq}", "\ufeffbom", "模型", "",
)  # fmt: skip


@dataclass(frozen=True)
class Opener:
    """Opens the registry at a URL, made if it is not there."""

    url: str

    def __call__(self) -> Registry:
        return connect(self.url, create=True, clock=lambda: TODAY)


def refusal(call: Callable[[], object], code: int) -> str:
    """The one sentence with which a call refuses, at this exit code."""
    with pytest.raises(UserError) as caught:
        call()
    assert caught.value.exit_code == code, caught.value
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def fill(registry: Registry) -> None:
    """The source document's three models, and a training."""
    registry.submit(samples.audit("credit_model_v2", Status.BLOCKED, "2025-01-05", "credit-risk"), recorded_at=NOW)
    registry.submit(samples.audit("fraud_model_v3", Status.PASSED, "2025-01-03", "fraud"), recorded_at=NOW)
    registry.submit(samples.audit("loan_pricing_v1", Status.REVIEW, "2024-12-20", "lending"), recorded_at=NOW)
    registry.record_event(Event("training.held", "credit-risk", NOW, "Ada", {"attendees": 12}))
