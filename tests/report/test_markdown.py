import re

import pytest

from glassalpha_action.records import Audit
from glassalpha_action.report import render_markdown
from glassalpha_action.report.markdown import escape, fence, prose
from tests import samples
from tests.report import audits

AUDITS = {
    "blocked": samples.audit(),
    "large": audits.large(),
    "dev": audits.dev(),
    "bare": audits.bare(),
    **{f"hostile-{k}": audits.hostile(name) for k, name in enumerate((*audits.HOSTILE, "x" * 10_000, "|a|b\\|"))},
}


def outside_code(text: str) -> str:
    """The Markdown without its code block."""
    return re.sub(r"^(~{3,})yaml\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(audit: Audit) -> None:
    width = 0
    for line in outside_code(render_markdown(audit)).splitlines():
        cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        if not line.startswith("|"):
            assert cells == 0, line
            width = 0
        else:
            assert width in (0, cells), line
            width = cells


@pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)
def test_it_is_tidy(audit: Audit) -> None:
    text = outside_code(render_markdown(audit))
    assert "\n\n\n" not in text.replace("</details>", "").rstrip()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-1] == "Provenance"


@pytest.mark.parametrize("audit", [samples.audit(), audits.large(), audits.dev(), audits.bare()])
def test_no_raw_value_is_shown(audit: Audit) -> None:
    assert not audits.RAW.search(outside_code(render_markdown(audit)))


def test_the_order_is_the_same_as_everywhere() -> None:
    assert re.findall(r"^## (.*)$", render_markdown(audits.large()), re.MULTILINE) == [
        "What needs attention",
        "Gates",
        "Performance",
        "Calibration",
        "Fairness by group",
        "Robustness",
        "Data quality",
        "Explanations",
        "Model and data",
        "Limits of this evidence",
        "Provenance",
    ]


def test_the_verdict_comes_first() -> None:
    first, _, why = render_markdown(samples.audit()).splitlines()[:3]
    assert first == "# ✕ Blocked: Credit model"
    assert (
        why == "**Blocked: 1 of 3 gates failed and 1 was not measured. "
        "1 error gate blocks, 1 warning gate asks for review.**"
    )


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<script>", "&lt;script&gt;"),
        ("](javascript:alert(1))", "\\](javascript:alert(1))"),
        ("@team #12", "@\u200bteam #\u200b12"),
        ("https://evil.example www.evil.example", "https:\u200b//evil.example www\u200b.evil.example"),
        ("a|b`c*d_e", "a\\|b\\`c\\*d\\_e"),
        ("two\nlines", "two lines"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("-0.5", "-0.5"),
        ("0.5", "0.5"),
        ("===", "\\==="),
        ("&lt;", "&amp;lt;"),
        (1234, "1,234"),
    ],
)
def test_markup_is_neutralised(text: str | int, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize("value", [None, True, 0.5])
def test_raw_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="may not print"):
        escape(value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("run `a_b --c <d>` now_", "run `a_b --c <d>` now\\_"),
        ("`a|b`", "\\`a\\|b\\`"),
        ("an ` alone", "an \\` alone"),
        ("`@team`<b>", "`@team`&lt;b&gt;"),
    ],
)
def test_code_in_a_sentence_stays_code(text: str, written: str) -> None:
    assert prose(text) == written


def test_a_policy_cannot_end_its_own_code_block() -> None:
    assert fence("a\n~~~~\nb") == "~~~~~yaml\na\n~~~~\nb\n~~~~~"


@pytest.mark.parametrize("name", audits.HOSTILE, ids=range(len(audits.HOSTILE)))
def test_hostile_names_are_inert(name: str) -> None:
    text = outside_code(render_markdown(audits.hostile(name)))
    assert not re.search(r"<(?!/?details>|/?summary>)", text)
    assert not re.search(r"@[A-Za-z]|#\d|://|(?<!\\)\]\(", text)
    assert not re.search("[\x00\u202a-\u202e]", text)
