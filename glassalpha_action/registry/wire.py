"""Reads the JSON of an audit's record strictly and in one pass, as plain structures of the types that Audit declares.

They are made from Audit's own fields, so that a new field is read without a line here. Making the models themselves
would take many times as long, and rows need no more. What no row comes from is left as the JSON it is, for whoever
reads the audit. What is absent has its field's default where that is a text, a number or a tuple, and is None
otherwise. A whole number of 2**53 or more, which JSON does not keep, is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from itertools import chain
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from glassalpha_action.brevity import MEASURED, SHARED
from glassalpha_action.digests import SAFE
from glassalpha_action.records import Audit, Definition, Measurement, PolicyText, Record, Verdict

T = TypeVar("T")
WHOLE = Annotated[int, msgspec.Meta(gt=-SAFE, lt=SAFE)]
DIGEST = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
PLAIN = (str, int, float, tuple)
SHORT = (Measurement, Verdict)
UNREAD: Mapping[type[Record], str] = {Audit: "charts", Measurement: "groups", Verdict: "judged"}
ALWAYS = "schema_version"


def read_audit_record(content: bytes) -> Any:
    """The record in `content`, whose audit fits its schema, but for what is UNREAD; ValueError where it does not.

    In the audit stand the digests of its parts, and the title, unit and better of a measurement or verdict may be
    absent: its metric's definition in the glossary has them.
    """
    return _decode(_decoder(), content)


def require_rest(audit: Any) -> None:
    """Raise ValueError where what was left UNREAD of a record's audit does not fit its schema either."""
    told = {
        Audit: [audit],
        Measurement: [*audit.measurements, *chain.from_iterable((audit.baselines or {}).values())],
        Verdict: audit.verdicts,
    }
    for model, name in UNREAD.items():
        decoder = msgspec.json.Decoder(_type(model.model_fields[name].annotation))
        for rest in filter(None, (getattr(one, name) for one in told[model])):
            _decode(decoder, rest)


def read_glossary(part: bytes) -> Mapping[str, Any]:
    """The definitions in a glossary, by metric; ValueError where it is none."""
    return _strictly(TypeAdapter(dict[str, Definition]), part, "glossary")


def read_policy(part: bytes) -> PolicyText:
    """The policy in a part; ValueError where it is none."""
    return _strictly(TypeAdapter(PolicyText), part, "policy")


def _decode(decoder: msgspec.json.Decoder[Any], content: bytes) -> Any:
    try:
        return decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def _strictly(adapter: TypeAdapter[T], part: bytes, what: str) -> T:
    try:
        return adapter.validate_json(part, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"its {what} does not fit its schema: {place and f'{place}: '}{first['msg']}") from error


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    corrected = msgspec.defstruct("Supersedes", [("audit_id", str), ("reason", str)], forbid_unknown_fields=True)
    fields: list[Any] = [("audit", _struct(Audit)), ("author", str | None), ("format", str), ("id", str),
                         ("kind", Literal["audit"]), ("metadata", dict[str, str]), ("recorded_at", str),
                         ("stage", Literal["main", "proposed"]), ("supersedes", corrected, None)]  # fmt: skip
    return msgspec.json.Decoder(msgspec.defstruct("AuditRecord", fields, forbid_unknown_fields=True))


@cache
def _struct(model: type[Record]) -> Any:
    """The structure with the fields of a model."""
    fields = [_field(model, name, field) for name, field in model.model_fields.items()]
    return msgspec.defstruct(model.__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False)


def _field(model: type[Record], name: str, field: FieldInfo) -> tuple[Any, ...]:
    if UNREAD.get(model) == name:
        return name, msgspec.Raw, msgspec.Raw()
    if model is Audit and name in SHARED:
        kind: Any = DIGEST | None if type(None) in get_args(field.annotation) else DIGEST
    else:
        kind = _type(field.annotation)
    if name == ALWAYS or (field.is_required() and not (model in SHORT and name in MEASURED)):
        return name, kind
    return name, kind, field.default if isinstance(field.default, PLAIN) else None


def _type(annotation: Any) -> Any:
    """The type that a field's JSON has."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return Union[tuple(map(_type, arguments))]  # noqa: UP007
    if origin is tuple:
        return tuple[tuple(one if one is Ellipsis else _type(one) for one in arguments)]  # type: ignore[misc]
    if origin is Mapping:
        return dict[tuple(map(_type, arguments))]  # type: ignore[misc]
    return WHOLE if annotation is int else _named(annotation)


def _named(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Literal[tuple(member.value for member in annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return _struct(annotation)
    return annotation
