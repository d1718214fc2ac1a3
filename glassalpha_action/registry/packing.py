"""How bytes are kept: compressed, by a library that writes zlib's format five times as fast as zlib does.

A record's `content` is its canonical JSON compressed; in its audit, the glossary and the policy are each a digest. The
part of that digest is a row of `parts`, compressed in the same way, because many records share it.
"""

from __future__ import annotations

import zlib

from isal import isal_zlib

CONTENT_LIMIT = 64 << 20
PART_LIMIT = 16 << 20
LEVEL = 1


def compress(content: bytes) -> bytes:
    """The content as kept, for `zlib.decompress`."""
    return isal_zlib.compress(content, LEVEL)


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
