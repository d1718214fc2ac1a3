from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from glassalpha_action.documents import (
    DEPTH_LIMIT,
    SIZE_LIMIT,
    DocumentError,
    Tree,
    UserError,
    merged,
    nearest,
    parse,
    plain,
    read_bytes,
    require_day,
    same_person,
)


def tree(text: str | bytes) -> Tree:
    return parse(text if isinstance(text, bytes) else text.encode(), "d.yaml")


def refused(text: str | bytes) -> str:
    with pytest.raises(UserError) as caught:
        tree(text)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("Null", None), ("~", None), ("", None),
        ("true", True), ("False", False), ("2025-01-01", "2025-01-01"), ("12:30:45", "12:30:45"), ("1e-3", 0.001),
        ("1E3", 1000.0), (".5", 0.5), ("-7", -7), ("+7", 7), ("010", 10), ("0x1F", "0x1F"), ("0o17", "0o17"),
        ("1_000", "1_000"), ("1.10", 1.1), ('"1.10"', "1.10"), ("'no'", "no"), ("é", "é"), ("-", None),
        ("{a: [1, b]}", {"a": [1, "b"]}),
    ],
)  # fmt: skip
def test_plain_values_are_read_by_the_core_rules(written: str, value: object) -> None:
    if written == "-":
        assert tree("k:\n  -\n").data == {"k": [None]}
        return
    found = tree(f"k: {written}\n").data["k"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_line() -> None:
    found = tree("a: 1\n\n# c\nb:\n  - x: 1\n    y: 2\n  - z\n")
    assert [found.line(*p) for p in (("a",), ("b",), ("b", 0, "y"), ("b", 1))] == [1, 4, 6, 7]
    assert found.line("b", 0, "nothing") == 5
    assert found.line("nothing") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "d.yaml: the file is empty"),
        ("# only a comment\n", "d.yaml: the file is empty"),
        ("\n\n- a\n", "d.yaml:3: expected `key: value` lines"),
        ("just text\n", "d.yaml:1: expected `key: value` lines"),
        ("a: 1\nb: [1, 2\n", "d.yaml:3: not readable as YAML"),
        ("a: 1\n\tb: 2\n", "d.yaml:2: not readable as YAML"),
        ("a: 'x\n", "d.yaml:2: not readable as YAML"),
        ("a: 1\nb: 2\na: 3\n", "d.yaml:3: the key `a` stands twice (first on line 1)"),
        ("a: 1\n'a': 3\n", "d.yaml:2: the key `a` stands twice"),
        ("a: !!python/object/apply:os.system [id]\n", "d.yaml:1: the tag "),
        ("a: !!str 1\n", "d.yaml:1: the tag "),
        ("a: *x\n", "d.yaml:1: the alias *x has no anchor"),
        ("a: &x [*x]\n", "d.yaml:1: the alias *x has no anchor"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "d.yaml:3: merge keys"),
        ("? [a]\n: 1\n", "d.yaml:1: a key must be plain text"),
        ("a: 1\n---\nb: 1\n", "d.yaml:2: a second document"),
        (b"a: 1\nb: \xff\xfe\n", "d.yaml:2: not UTF-8"),
        ("a: 1\n".encode("utf-16"), "d.yaml:1: not UTF-8"),
        (b"a: caf\xe9\n", "d.yaml:1: not UTF-8"),
        (b"a: \x00\n", "d.yaml"),
        ("a: " + "[" * 5000 + "\n", f"d.yaml:1: nested deeper than {DEPTH_LIMIT} levels"),
        ("a: 1\n" + "#" * SIZE_LIMIT, "d.yaml: larger than 1 MiB"),
        ("k: [" + "1," * 200_000 + "]\n", "d.yaml:1: more than 100,000 values"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence_with_its_line(text: str | bytes, said: str) -> None:
    found = refused(text)
    assert found.startswith(said), found
    assert "\n" not in found
    assert found.endswith((".", "?"))


def test_aliases_cannot_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "once its aliases are written out" in refused("\n".join(lines))
    assert tree("a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_all_repeated_keys_are_named() -> None:
    with pytest.raises(DocumentError) as caught:
        tree("a: 1\na: 2\nb: {c: 1, c: 2}\n")
    assert [p.line for p in caught.value.problems] == [2, 3]


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert tree(b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


def test_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^x: there is no such file; check the path\.$"):
        read_bytes(tmp_path / "none.yaml", "x")
    with pytest.raises(UserError, match="no such file"):
        read_bytes(tmp_path, "x")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (2 << 20))
    with pytest.raises(UserError, match="larger than 1 MiB"):
        read_bytes(large, "x")


def test_one_document_over_another() -> None:
    base = parse(b"a: 1\nb: {c: 2, d: [1, 2]}\n", "base.yaml")
    top = parse(b"\nb:\n  d: [3]\ne: 5\n", "top.yaml")
    found = merged(base, top)
    assert found.data == {"a": 1, "b": {"c": 2, "d": [3]}, "e": 5}
    where = {key: (place.file, place.line) for key, place in found.places.items()}
    assert where["a",] == ("base.yaml", 1)
    assert where["b", "c"] == ("base.yaml", 2)
    assert where["b", "d", 0] == ("top.yaml", 3)
    assert ("b", "d", 1) not in where
    assert base.data["b"]["d"] == [1, 2]


def test_suggestions() -> None:
    assert nearest("treshold", ["threshold", "metric"]) == "; did you mean `threshold`?"
    assert nearest("SEX", ["Sex", "age"]) == "; did you mean `Sex`?"
    assert nearest("q", ["a", "b"]) == "; known here: a, b."
    assert nearest("q", []) == "."
    assert nearest("q", [f"column{i}" for i in range(31)]) == "."


def test_hostile_text_is_one_plain_line() -> None:
    assert plain("a\nb\x1b[31m\u202ec\x00é😀") == "a\\nb\\x1b[31m\\u202ec\\x00é😀"
    assert len(plain("x" * 10_000)) == 1000


def test_hostile_keys_stay_on_their_line() -> None:
    long = "x" * 900 + "\\t" * 60
    said = refused('"k\\nq\\e[2J": 1\n"k\\nq\\e[2J": 2\n' + f'"{long}": 1\n' * 2)
    assert len(said.split("\n")) == 2
    assert all(line.isprintable() and len(line) < 1100 for line in said.split("\n"))


@pytest.mark.parametrize(
    "other",
    [
        "jdoe",
        "JDoe",
        " jdoe ",
        "@jdoe",
        " @ jdoe",
        "\uff20jdoe",
        "\uff4a\uff44\uff4f\uff45",
        "j\u200bdoe",
        "jdo\u00ade",
    ],
)
def test_one_person_may_be_written_in_several_ways(other: str) -> None:
    assert same_person(other, "jdoe")
    assert same_person("jdoe", None, "ada", other)


@pytest.mark.parametrize("other", ["jdo", "j doe", "doe", "jdoe@example.org", "", None])
def test_other_names_are_other_people(other: str | None) -> None:
    assert not same_person("jdoe", other)
    assert not same_person("jdoe")


def test_a_day_is_written_one_way() -> None:
    assert require_day("2025-01-05", "x") == date(2025, 1, 5)


@pytest.mark.parametrize(
    "text",
    [
        "20250105",
        "2025-W01-1",
        "2025-1-5",
        "2025-02-30",
        "2025-01-05T00:00:00",
        "\uff12025-01-05",
        "soon\n",
        "",
        None,
        5,
    ],
)
def test_what_is_no_day_is_refused_in_one_line(text: object) -> None:
    with pytest.raises(UserError, match=r"^--as-of must be a day as YYYY-MM-DD, not .*\.$") as caught:
        require_day(text, "--as-of")
    assert "\n" not in str(caught.value)
