"""How a record's bytes are kept: compressed, and without the two parts that most records share, which are kept once.

A part is the JSON of an audit's glossary or of its policy as it stands in the record. `records.parts` says which parts
belong where: `"7075:1 40310:2"` means that part 1 begins at byte 7075 of the record and part 2 at byte 40310. To read a
record, decompress `content` with zlib and put each part, decompressed too, into its place, from the first to the last:

    content = zlib.decompress(content)
    for place in parts.split():
        at, part = map(int, place.split(":"))
        content = content[:at] + zlib.decompress(part_contents[part]) + content[at:]

What comes out is the canonical JSON whose SHA-256 is the record's digest.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

CONTENT_LIMIT = 64 << 20
LEVEL = 2
WORTH = 256
SHARED = (
    (b',"glossary":', (b',"measurements":', b',"judged_by":')),
    (b',"policy":', (b',"provenance":', b',"profile":')),
)


def compress(content: bytes) -> bytes:
    """The content as kept: zlib, the same bytes for the same content."""
    return zlib.compress(content, LEVEL)


def decompress(kept: bytes) -> bytes:
    """What was compressed; ValueError where it is damaged or beyond 64 MB."""
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(kept, CONTENT_LIMIT)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not inflate.eof or inflate.unused_data:
        raise ValueError("incomplete or too large")
    return content


def split(content: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The record without its shared parts, and those, each with the place where it begins in the whole."""
    parts, rest, at = list[tuple[int, bytes]](), list[bytes](), 0
    for start, end in _spans(content):
        parts.append((start, content[start:end]))
        rest.append(content[at:start])
        at = end
    return b"".join([*rest, content[at:]]), parts


def join(kept: bytes, places: str, part: Callable[[int], bytes]) -> bytes:
    """The record's canonical JSON from its `content` and `parts` as kept; ValueError where they are damaged."""
    content = decompress(kept)
    for place in places.split():
        at, number = map(int, place.split(":"))
        if not 0 <= at <= len(content):
            raise ValueError("a part of it has no place in it")
        content = content[:at] + part(number) + content[at:]
        if len(content) > CONTENT_LIMIT:
            raise ValueError("incomplete or too large")
    return content


def _spans(content: bytes) -> Iterator[tuple[int, int]]:
    """Where the shared parts are. No raw quotation mark stands in a JSON string, so a key is found by its bytes; were
    one found in another object, only another slice would be shared."""
    at = 0
    for key, following in SHARED:
        start = content.find(key + b"{", at) + len(key)
        last, before = following
        end = content.find(b"}" + last, start) + 1 if start >= len(key) else 0
        end = content.find(b"}" + before, start, end) + 1 or end
        if end - start >= WORTH:
            at = end
            yield start, at
