"""Folder names for names from data: always safe on every file system, and never the same for two different names."""

from __future__ import annotations

import hashlib
import re

PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?")
DIGESTED = re.compile(r".*-[0-9a-f]{20}")
RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "index", "readme", "assets", "search"}
    | {f"{device}{n}" for device in ("com", "lpt") for n in range(10)}
)


def slug(name: str) -> str:
    """One path segment for `name`: the name itself where that is safe, else its safe letters and a digest of it.

    A plain segment never looks like a digested one, so a name cannot be chosen to land on another's page. Upper case is
    never plain: two names that differ only in case share a folder on some file systems.
    """
    plain = PLAIN.fullmatch(name) and ".." not in name and name.partition(".")[0] not in RESERVED
    if plain and not DIGESTED.fullmatch(name):
        return name
    letters = re.sub(r"[^a-z0-9]+", "-", name[:200].lower())[:40].strip("-")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    return f"{letters or 'name'}-{digest}"
