"""Reads the JSON of an audit's record strictly and in one pass: as plain data of the types that Audit declares.

What comes out is what stands there, without defaults, so that rows can be made of it; making the models as well would
take twice as long. A whole number of 2**53 or more, which JSON does not keep, is none.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic_core import SchemaValidator

from glassalpha_action.digests import SAFE
from glassalpha_action.records import Audit


def read_audit_record(content: bytes) -> dict[str, Any]:
    """The record in `content` with an audit that fits its schema; pydantic's ValidationError where it does not.

    Of the record itself only its kind is checked.
    """
    found: dict[str, Any] = _validator().validate_json(content, strict=True)
    return found


@cache
def _validator() -> SchemaValidator:
    audit = _plainly(Audit.__pydantic_core_schema__)
    kind = {"type": "literal", "expected": ["audit"]}
    fields = {
        name: {"type": "typed-dict-field", "schema": schema} for name, schema in (("audit", audit), ("kind", kind))
    }
    return SchemaValidator({"type": "typed-dict", "fields": fields, "extra_behavior": "allow"})


def _plainly(schema: Any) -> Any:
    """The schema of a model, with a dictionary for each model in it and an enumeration's values for its members."""
    if isinstance(schema, list):
        return [_plainly(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    named = {"ref": schema["ref"]} if "ref" in schema else {}
    match schema["type"]:
        case "model":
            fields = {name: _field(field["schema"]) for name, field in schema["schema"]["fields"].items()}
            return {"type": "typed-dict", "fields": fields, "config": schema["config"], **named}
        case "enum":
            return {"type": "literal", "expected": [member.value for member in schema["members"]], **named}
        case "int":
            return {"type": "int", "gt": -SAFE, "lt": SAFE, **named}
    return {key: _plainly(one) for key, one in schema.items() if key not in {"metadata", "serialization"}}


def _field(schema: Any) -> dict[str, Any]:
    required = schema["type"] != "default"
    return {
        "type": "typed-dict-field",
        "schema": _plainly(schema if required else schema["schema"]),
        "required": required,
    }
