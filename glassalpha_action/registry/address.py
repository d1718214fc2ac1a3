"""Tells what looks like an address and is none: it may hold a password, which no error, argument or file may show."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

SUSPECT = re.compile(
    r"""
    (?:^|[/\s"'])(?![a-z]:\\)[^/@:]*:[^/]*@                             # user:password@ of whatever URL
    | (?:password|passwd|pwd)\s*["']?\s*[=:] | (?:token|secret|passphrase|(?<![a-z])pass)\s*=   # of a DSN or a query
    | ^[^/]*:\d+:[^:]*:[^:]*:                                          # host:port:database:user:password of .pgpass
    | (?:^\W*|[/\s"'=(])(?:postgres\w*|https?|ssh|file)(?:\+\w+)?(?::(?!//)|;|//)   # a scheme without its ://
    """,
    re.IGNORECASE | re.VERBOSE,
)


def suspect(text: str) -> bool:
    """Whether `text` looks like a misspelt URL or holds what looks like a password, also when it is percent-encoded.

    File names such as `a:b.db`, `my=file.db` and `C:\\Users\\ada@work\\file.db` do not.
    """
    return any(SUSPECT.search(unicodedata.normalize("NFKC", form)) for form in (text, unquote(text)))
