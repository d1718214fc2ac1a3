"""What a caller asks of a registry of either kind that it cannot do."""

from __future__ import annotations

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import Event, Registry
from tests import samples
from tests.registry.backends import NOW, Opener


def test_a_closed_registry_says_so(opener: Opener) -> None:
    registry = opener()
    registry.close()
    registry.close()
    for act in (registry.query_all, registry.head, registry.verify,
                lambda: registry.submit(samples.audit(), recorded_at=NOW),
                lambda: registry.record_event(Event("training.held", "m", NOW, "Ada", {}))):  # fmt: skip
        with pytest.raises(UserError, match="is closed: open it again") as caught:
            act()
        assert (caught.value.exit_code, len(str(caught.value).splitlines())) == (2, 1)


def test_what_is_no_text_is_refused_in_one_sentence(registry: Registry) -> None:
    for sql in ("SELECT :x AS x", "SELECT seq FROM audits WHERE team = :x"):
        with pytest.raises(UserError, match=r"half of a character") as caught:
            registry.fetch(sql, {"x": "\udcff"})
        assert (caught.value.exit_code, len(str(caught.value).splitlines())) == (2, 1)
    for ask in (lambda: registry.query_all(team="\udcff"), lambda: registry.events(subject="\udcff"),
                lambda: registry.history("\udcff")):  # fmt: skip
        with pytest.raises(UserError) as caught:
            ask()
        assert caught.value.exit_code == 2
    assert registry.submit(samples.audit(), recorded_at=NOW).new, "it is still of use"
