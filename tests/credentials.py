"""Every password and token that the tests hand over. The last test of a run looks for them in all that the run left."""

from __future__ import annotations

import base64
from urllib.parse import quote

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
