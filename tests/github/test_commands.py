from __future__ import annotations

import re

import pytest

from glassalpha_action.github.commands import Annotation, annotation_command, output_block, plain_line
from tests.github.hostile import HOSTILE


def read(text: str) -> dict[str, str]:
    """The runner's own reading of an output file."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, end = line.split("<<")
        value = []
        while (part := next(lines)) != end:
            value.append(part)
        found[name] = "\n".join(value)
    return found


def test_an_annotation_is_one_line_with_every_mark_escaped() -> None:
    mark = Annotation("error", "a: b, c", "100% of\r\nit: x", "dir,1/a:b.yaml", 3)
    assert annotation_command(mark) == "::error file=dir%2C1/a%3Ab.yaml,line=3,title=a%3A b%2C c::100%25 of%0D%0Ait: x"


def test_a_line_without_a_file_means_nothing() -> None:
    assert annotation_command(Annotation("notice", "t", "m", None, 3)) == "::notice title=t::m"


@pytest.mark.parametrize("name", [*HOSTILE, "lone \ud800 surrogate"])
def test_no_name_can_forge_a_command(name: str) -> None:
    command = annotation_command(Annotation("warning", name, name, name, 1))
    command.encode()
    assert len(command.splitlines()) == 1 or not re.search(r"[\r\n]", command)
    head, _, message = command.removeprefix("::").partition("::")
    assert head.startswith("warning file=")
    assert head.count(",") == 2
    assert "\n" not in message
    line = plain_line(name)
    assert "\n" not in line
    assert not re.search(r"^\s*(::|##\[)", line)
    assert "::" not in line


@pytest.mark.parametrize("value", [*HOSTILE, "", "a\nb\n", "end-1\nstatus<<x\nPASSED\nx"])
def test_outputs_come_out_as_they_went_in(value: str) -> None:
    given = {"status": "BLOCKED", "value": value.replace("\r", ""), "last": "x"}
    assert read(output_block(given)) == given


def test_an_output_cannot_close_itself() -> None:
    first = output_block({"a": "x"})
    end = first.splitlines()[-1]
    again = output_block({"a": f"x\n{end}\nb<<{end}\nforged\n{end}"})
    assert set(read(again)) == {"a"}
