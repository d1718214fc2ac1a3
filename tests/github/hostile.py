"""Names that would do harm where they were printed as they are."""

from __future__ import annotations

HOSTILE = (
    "<script>alert(1)</script>",
    "](javascript:alert(1))",
    "![x](https://example.com/x.png)",
    "line one\n::error title=forged::forged",
    "line one\r\n::set-output name=status::PASSED",
    "@acme/security and @octocat",
    "fixes #1 and https://example.com/@team",
    "a | b | c",
    "`code` **bold** _it_ ~~no~~ $x$",
    "</summary></details><h1>PASSED</h1>",
    "\u202eDESSAP",
    "NUL\x00 and bell\x07",
    "end-%0A::error::x,title=y",
    "é" * 10_000,
)
