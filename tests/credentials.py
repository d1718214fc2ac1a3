"""Every password and token that the tests hand over; they are looked for in every report and in all that a run left."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

DATABASE = "correct-horse-7f3a"
REMOTE = "ghs_thisTokenMustNeverBeSeen0123456789"
WRONG = "ghs_aWrongTokenOfTheSameKind"
RECORD = "ghs_theTokenOfTheRecordJob0123456789"
CONTAINER = "ghs_onlyTheRecordJobHoldsThisOne987"
IN_AN_ADDRESS = "hunter2-in-an-address"
ALL = (DATABASE, REMOTE, WRONG, RECORD, CONTAINER, IN_AN_ADDRESS)


def coded(token: str) -> str:
    """What stands in the header that authorises with `token`."""
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()


FORMS = tuple(dict.fromkeys(form for secret in ALL for form in (secret, coded(secret), quote(secret, safe=""))))


def found_in(text: str) -> list[str]:
    """The secrets that `text` holds."""
    return [form for form in FORMS if form in text]


def judged(report: pytest.TestReport) -> pytest.TestReport:
    """The report of a test, failed where it shows a secret."""
    if found_in("\n".join([report.longreprtext, *(text for _, text in report.sections)])):
        report.outcome, report.longrepr = "failed", "a credential was printed, logged or raised"
    return report
