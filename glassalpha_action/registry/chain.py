"""The hash chain: what ties each record to all those before it, and how one link of it is written as a file.

    digest = SHA-256(content)                                content: the record as canonical JSON (RFC 8785)
    link   = SHA-256("glassalpha-registry-link/1\\n" previous "\\n" seq "\\n" digest)

`previous` is the link of record seq − 1, digests and links are 64 lower-case hex digits, seq counts from 1 in decimal.
Before the first record stands GENESIS = SHA-256("glassalpha-registry-genesis/1"). Whoever knows one link can
therefore tell whether any record up to it was changed, removed, added or moved; an anchor is `seq:link`, of whose
link the first 12 digits are enough.

The content of an audit's record has the keys audit, author, format, id, kind ("audit"), metadata, recorded_at and
stage, and supersedes {audit_id, reason} where it corrects an earlier one; that of an event's record event, format, id,
kind ("event") and stage. It knows nothing of its place in a chain, so that it can be put into another one unchanged.

A ledger keeps one file a record: `{"digest":…,"link":…,"record":<the content>,"seq":…}`, canonical JSON too, so that
the content is a slice of the file and no file is written twice in two ways.
"""

from __future__ import annotations

import re

from glassalpha_action.digests import sha256
from glassalpha_action.documents import UserError

GENESIS = sha256(b"glassalpha-registry-genesis/1")
ANCHOR_DIGITS = 12
WRITTEN = re.compile(
    rb'\{"digest":"([0-9a-f]{64})","link":"([0-9a-f]{64})","record":(\{.*\}),"seq":([1-9][0-9]{0,11})\}', re.DOTALL
)


def link(previous: str, seq: int, digest: str) -> str:
    """The link of record `seq`, from the link before it and the digest of its content."""
    return sha256(f"glassalpha-registry-link/1\n{previous}\n{seq}\n{digest}".encode())


def write(seq: int, at: str, content: bytes) -> bytes:
    """Record `seq` as a ledger keeps it; `at` is its link."""
    return b'{"digest":"%s","link":"%s","record":%s,"seq":%d}' % (
        sha256(content).encode(), at.encode(), content, seq)  # fmt: skip


def read(written: bytes) -> tuple[int, str, str, bytes]:
    """The seq, link, digest and content of a record as a ledger keeps it; ValueError where it is none.

    Whether the content has that digest, and whether the link follows, is the reader's to ask.
    """
    match = WRITTEN.fullmatch(written)
    if match is None:
        raise ValueError("it is no record of a ledger")
    return int(match[4]), match[2].decode(), match[1].decode(), match[3]


def show_anchor(seq: int, at: str) -> str:
    """The anchor to print: `seq` and the first digits of the link `at` it."""
    return f"{seq}:{at[:ANCHOR_DIGITS]}"


def read_anchor(text: str) -> tuple[int, str]:
    """The seq and the (beginning of the) link that an anchor names; UserError where it is none."""
    match = re.fullmatch(r"([0-9]{1,12}):([0-9a-f]{12,64})", text)
    if match is None:
        raise UserError("an anchor is a record's number and the start of its link, as in 17:0a1b2c3d4e5f")
    return int(match[1]), match[2]
