"""Reads the YAML that people write into frozen models: every mistake at once, each with its line and a way out."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Strict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from glassalpha_action.vocabulary import day

SIZE_LIMIT = 1 << 20
NODE_LIMIT = 100_000
DEPTH_LIMIT = 40
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

KeyPath = tuple[str | int, ...]


class UserError(Exception):
    """A mistake a user can mend: its text is one clear sentence, `exit_code` what the command ends with."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def inert(text: str) -> str:
    """`text` on one line, with every character that could steer a terminal or turn the reading direction escaped."""
    if text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in UNSEEN else c for c in text)


def plain(text: str, most: int = 1000) -> str:
    """`text` as one inert line of at most `most` characters."""
    line = inert(text)
    return line if len(line) <= most else line[: most - 1] + "…"


def person(name: str) -> str:
    """What two spellings of one person's name share: case, width, spaces, a leading @ and hidden characters aside."""
    wide = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(c for c in wide if unicodedata.category(c) != "Cf")
    return " ".join(seen.split()).lstrip("@ ")


def same_person(one: str, *others: str | None) -> bool:
    """Whether `one` is any of the `others`, however each is written."""
    return any(other is not None and person(one) == person(other) for other in others)


def require_day(text: object, what: str) -> date:
    """The day written as YYYY-MM-DD; UserError that names `what` otherwise."""
    try:
        return day(text)
    except ValueError:
        raise UserError(f"{what} must be a day as YYYY-MM-DD, not {plain(repr(text), 80)}.") from None


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a document; `line` counts from 1."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {plain(self.message)}" if self.line else f"{self.file}: {plain(self.message)}"


class DocumentError(UserError):
    """All the mistakes of one document."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.file, p.line or 0))
        super().__init__("\n".join(str(p) for p in self.problems))


Text = Annotated[str, Strict(), StringConstraints(min_length=1, max_length=20_000)]
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Day = Annotated[date, BeforeValidator(day)]


class Document(BaseModel):
    """A frozen document: unknown keys, NaN and infinities are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written, and how."""

    file: str
    line: int
    raw: str | None = None


@dataclass(slots=True)
class Tree:
    """A parsed YAML mapping with the place of every value."""

    data: dict[str, Any]
    places: dict[KeyPath, Place] = field(default_factory=dict)

    def place(self, path: KeyPath) -> Place | None:
        """The place of the value at `path`, or of the nearest value around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path)

    def line(self, *path: str | int) -> int | None:
        """The line of the value at `path`, or of the nearest value around it."""
        place = self.place(path)
        return place.line if place else None


def read_bytes(path: Path, name: str) -> bytes:
    """The document's bytes, refused where the file is absent, not a file, or larger than the limit."""
    if not path.is_file():
        raise UserError(f"{name}: there is no such file; check the path.")
    if path.stat().st_size > SIZE_LIMIT:
        raise UserError(
            f"{name}: larger than {SIZE_LIMIT >> 20} MiB, which no document of ours needs; is it the right file?"
        )
    return path.read_bytes()


_IMPLICIT = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)


def _scalar(event: yaml.ScalarEvent) -> Any:
    """A plain scalar by the YAML 1.2 core rules, under which `no` and `2025-01-01` are text and 1e-3 is a number."""
    if event.style in (None, ""):
        for pattern, convert in _IMPLICIT:
            if pattern.fullmatch(event.value):
                return convert(event.value)
    return event.value


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Parser:
    """Builds the tree from parser events, so that depth, size, tags, aliases and repeated keys are all in hand."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.events: Iterator[Any] = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.tree = Tree({})
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0

    def fail(self, event: Any, message: str) -> DocumentError:
        return DocumentError([Problem(self.name, _line(event), message)])

    def value(self, event: Any, path: KeyPath) -> Any:
        before = self.count
        self.count += 1
        if self.count > NODE_LIMIT:
            raise self.fail(event, f"more than {NODE_LIMIT:,} values once its aliases are written out; it is refused.")
        if len(path) > DEPTH_LIMIT:
            raise self.fail(event, f"nested deeper than {DEPTH_LIMIT} levels; it is refused.")
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise self.fail(event, f"the alias *{event.anchor} has no anchor before it.")
            found, size = self.anchors[event.anchor]
            self.count += size
            self.tree.places[path] = Place(self.name, line)
            return found
        if event.tag is not None:
            raise self.fail(event, f"the tag {event.tag!r} is not accepted; write the value plainly.")
        if isinstance(event, yaml.ScalarEvent):
            self.tree.places[path] = Place(self.name, line, event.value if event.style in (None, "") else None)
            result = _scalar(event)
        else:
            self.tree.places[path] = Place(self.name, line)
            result = self.mapping(path) if isinstance(event, yaml.MappingStartEvent) else self.sequence(path)
        if event.anchor is not None:
            self.anchors[event.anchor] = (result, self.count - before)
        return result

    def sequence(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.value(event, (*path, len(items))))
        return items

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        items: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self.fail(event, "a key must be plain text.")
            key, line = event.value, _line(event)
            if key == "<<":
                raise self.fail(event, "merge keys (<<) are not accepted; write the values out or use `extends`.")
            if key in items:
                self.problems.append(
                    Problem(self.name, line, f"the key `{key}` stands twice (first on line {lines[key]}); keep one.")
                )
            lines[key] = line
            items[key] = self.value(next(self.events), (*path, key))
            self.tree.places[(*path, key)] = Place(self.name, line, self.tree.places[(*path, key)].raw)
        return items

    def document(self) -> Tree:
        next(self.events)
        if isinstance(event := next(self.events), yaml.StreamEndEvent):
            raise DocumentError([Problem(self.name, None, "the file is empty; write the document it should hold.")])
        root = next(self.events)
        if not isinstance(root, yaml.MappingStartEvent):
            raise self.fail(root, "expected `key: value` lines at the top of the file.")
        self.tree.data = self.value(root, ())
        next(self.events)
        if not isinstance(event := next(self.events), yaml.StreamEndEvent):
            raise self.fail(event, "a second document starts here; one file holds one document.")
        if self.problems:
            raise DocumentError(self.problems)
        return self.tree


def parse(content: bytes, name: str) -> Tree:
    """Parse YAML `content` into a tree; `name` is what errors call the file.

    Raises DocumentError for text that is not UTF-8, not YAML, not one mapping, or holds repeated keys, tags, merge
    keys, or more than the accepted depth or number of values.
    """
    if len(content) > SIZE_LIMIT:
        raise UserError(
            f"{name}: larger than {SIZE_LIMIT >> 20} MiB, which no document of ours needs; is it the right file?"
        )
    try:
        return _Parser(content.decode("utf-8-sig"), name).document()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DocumentError([Problem(name, line, "not UTF-8 text; save the file as UTF-8.")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        line = mark.line if mark else 0
        tab = b"\t" in b"".join(content.splitlines()[line : line + 1])
        way = (
            "indent with spaces, not tabs" if tab else "check the indentation, quotes and brackets there and before it"
        )
        raise DocumentError(
            [Problem(name, line + 1 if mark else None, f"not readable as YAML ({said}); {way}.")]
        ) from None
    except yaml.YAMLError as error:
        raise DocumentError([Problem(name, None, f"not readable as YAML: {str(error).splitlines()[0]}.")]) from None


def merged(base: Tree, top: Tree) -> Tree:
    """`top` laid over `base`: mappings are merged key by key, anything else is replaced."""
    places = dict(base.places)

    def lay(under: Mapping[str, Any], over: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        out = dict(under)
        for key, value in over.items():
            here = (*path, key)
            if isinstance(value, dict) and isinstance(out.get(key), dict):
                out[key] = lay(out[key], value, here)
                places.update({p: q for p, q in top.places.items() if p[: len(here)] == here})
            else:
                for stale in [p for p in places if p[: len(here)] == here]:
                    del places[stale]
                places.update({p: q for p, q in top.places.items() if p[: len(here)] == here})
                out[key] = value
        return out

    data = lay(base.data, top.data, ())
    places[()] = top.places[()]
    return Tree(data, places)


def build(tree: Tree, model: type[D]) -> D:
    """`tree` as a `model`; raises DocumentError with all its mistakes."""
    try:
        return model.model_validate(tree.data)
    except ValidationError as error:
        said = [e for e in error.errors(include_url=False) if not _is_echo(e)]
        raise DocumentError([_problem(tree, model, e) for e in said]) from None


def read(path: Path, model: type[D], name: str | None = None) -> D:
    """The document at `path` as a `model`; `name` is what errors call the file."""
    shown = name or path.as_posix()
    return build(parse(read_bytes(path, shown), shown), model)


def nearest(word: str, known: list[str]) -> str:
    """`; did you mean X?` where one of `known` is close to `word`, else their list."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{lowered[close[0]]}`?"
    return f"; known here: {', '.join(known)}." if 0 < len(known) <= 30 else "."


def _is_echo(error: ErrorDetails) -> bool:
    """Whether a list is called too short only because its faulty entries, reported themselves, do not count."""
    least = error.get("ctx", {}).get("min_length", 0)
    return error["type"] == "too_short" and isinstance(error["input"], list) and len(error["input"]) >= least


def _dotted(path: KeyPath) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path if p != "[key]").lstrip(".")


def _keys(model: Any, path: KeyPath) -> list[str]:
    """The keys a document may have at `path`."""
    for part in path:
        if isinstance(model, type) and issubclass(model, BaseModel):
            info = model.model_fields.get(str(part))
            model = info.annotation if info else None
        else:
            model = next((a for a in reversed(get_args(model)) if a not in (type(None), Ellipsis)), None)
        while model is not None and not isinstance(model, type) and type(None) in get_args(model):
            model = next(a for a in get_args(model) if a is not type(None))
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _problem(tree: Tree, model: type[BaseModel], error: ErrorDetails) -> Problem:
    path = tuple(error["loc"])
    place = tree.place(path) or Place("document", 1)
    return Problem(place.file, place.line, _sentence(path, error, tree, _keys(model, path[:-1])))


def _sentence(path: KeyPath, error: ErrorDetails, tree: Tree, keys: list[str]) -> str:
    kind, shown = error["type"], _dotted(path)
    limits = {name: f"{end:.12g}" for name, end in error.get("ctx", {}).items() if isinstance(end, int | float)}
    here = tree.places.get(path)
    raw = here.raw if here and here.raw is not None else error["input"]
    if kind == "missing":
        return f"`{shown}` is required."
    if kind == "extra_forbidden":
        return f"unknown key `{shown}`{nearest(str(path[-1]), keys)}"
    if kind == "string_type" and isinstance(error["input"], bool | int | float):
        key = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
        return f'`{shown}` must be text: write it in quotes: {key}"{raw}".'
    if kind in {"enum", "literal_error"}:
        choices = re.findall(r"'([^']+)'", str(error.get("ctx", {}).get("expected", "")))
        return f"`{shown}` cannot be `{str(raw)[:80]}`{nearest(str(raw), choices)}"
    said = {
        "float_type": f"`{shown}` must be a number, not `{str(raw)[:80]}`.",
        "int_type": f"`{shown}` must be a whole number, not `{str(raw)[:80]}`.",
        "bool_type": f"`{shown}` must be true or false, not `{str(raw)[:80]}`.",
        "string_type": f"`{shown}` must be text.",
        "finite_number": f"`{shown}` must be a finite number.",
        "tuple_type": f"`{shown}` must be a list.",
        "model_type": f"`{shown}` must hold `key: value` lines.",
        "mapping_type": f"`{shown}` must hold `key: value` lines.",
        "dict_type": f"`{shown}` must hold `key: value` lines.",
        "too_short": f"`{shown}` needs at least {_entries(limits.get('min_length', '1'))}.",
        "too_long": f"`{shown}` has more than the {limits.get('max_length')} entries it may have.",
        "string_too_long": f"`{shown}` is longer than the {limits.get('max_length')} characters it may have.",
        "greater_than": f"`{shown}` must be more than {limits.get('gt')}.",
        "greater_than_equal": f"`{shown}` must be at least {limits.get('ge')}.",
        "less_than": f"`{shown}` must be less than {limits.get('lt')}.",
        "less_than_equal": f"`{shown}` must be at most {limits.get('le')}.",
        "string_too_short": f"`{shown}` must not be empty.",
    }.get(kind)
    start = f"`{shown}`: " if shown else ""
    return said or f"{start}{error['msg'].removeprefix('Value error, ').removeprefix('Input ').removesuffix('.')}."


def _entries(least: str) -> str:
    return "one entry" if least == "1" else f"{least} entries"
