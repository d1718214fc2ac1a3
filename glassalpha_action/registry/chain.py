"""The hash chain: what ties each record to all those before it.

    digest = SHA-256(content)                                content: the record as canonical JSON (RFC 8785)
    link   = SHA-256("glassalpha-registry-link/1\\n" previous "\\n" seq "\\n" digest)

`previous` is the link of record seq − 1, digests and links are 64 lower-case hex digits, seq counts from 1 in decimal.
Before the first record stands GENESIS = SHA-256("glassalpha-registry-genesis/1"). Whoever knows one link can
therefore tell whether any record up to it was changed, removed, added or moved; an anchor is `seq:link`, of whose
link the first 12 digits are enough.
"""

from __future__ import annotations

import re

from glassalpha_action.documents import UserError
from glassalpha_action.records import sha256

GENESIS = sha256(b"glassalpha-registry-genesis/1")
ANCHOR_DIGITS = 12


def link(previous: str, seq: int, digest: str) -> str:
    """The link of record `seq`, from the link before it and the digest of its content."""
    return sha256(f"glassalpha-registry-link/1\n{previous}\n{seq}\n{digest}".encode())


def show_anchor(seq: int, at: str) -> str:
    """The anchor to print: `seq` and the first digits of the link `at` it."""
    return f"{seq}:{at[:ANCHOR_DIGITS]}"


def read_anchor(text: str) -> tuple[int, str]:
    """The seq and the (beginning of the) link that an anchor names; UserError where it is none."""
    match = re.fullmatch(r"([0-9]{1,12}):([0-9a-f]{12,64})", text)
    if match is None:
        raise UserError("an anchor is a record's number and the start of its link, as in 17:0a1b2c3d4e5f")
    return int(match[1]), match[2]
