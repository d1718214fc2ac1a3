from __future__ import annotations

import hashlib

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import Head, chain


def test_a_link_is_what_the_docstring_says() -> None:
    previous, digest = "a" * 64, "b" * 64
    by_hand = hashlib.sha256(b"glassalpha-registry-link/1\n" + b"a" * 64 + b"\n7\n" + b"b" * 64).hexdigest()
    assert chain.link(previous, 7, digest) == by_hand
    assert hashlib.sha256(b"glassalpha-registry-genesis/1").hexdigest() == chain.GENESIS


def test_each_part_of_a_link_counts() -> None:
    links = {chain.link("a" * 64, 1, "b" * 64), chain.link("c" * 64, 1, "b" * 64),
             chain.link("a" * 64, 2, "b" * 64), chain.link("a" * 64, 1, "d" * 64)}  # fmt: skip
    assert len(links) == 4


def test_an_anchor_is_read_as_it_was_printed() -> None:
    head = Head(17, "0123456789ab" + "c" * 52)
    assert head.anchor == "17:0123456789ab"
    assert chain.read_anchor(head.anchor) == (17, "0123456789ab")
    assert chain.read_anchor(f"17:{head.link}") == (17, head.link)


@pytest.mark.parametrize("text", ["", "17", "17:", "17:0123", "17:XYZ456789abc", "-1:0123456789ab", "1:0123456789ab\n"])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="an anchor is a record's number"):
        chain.read_anchor(text)
