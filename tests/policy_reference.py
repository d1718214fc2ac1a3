"""The reference page of the policy language, made of its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from glassalpha_action.policy.schema import Policy
from glassalpha_action.policy.waivers import Waiver

LEAD = """# The policy file

{note}Every key of a policy file and of a waiver. `glassalpha policy schema > policy.schema.json` writes the JSON
Schema of a policy, `glassalpha policy schema --waiver > waiver.schema.json` that of a waiver; with the line

```yaml
# yaml-language-server: $schema=policy.schema.json
```

at the top of a file an editor completes keys and marks mistakes. How to write one:
[Write your policy](../guides/write-your-policy.md).
"""


WORDS = {
    "string": "text", "boolean": "true or false", "integer": "whole number", "date": "date, YYYY-MM-DD",
    "array": "list of", "object": "names, each with",
}  # fmt: skip


def policy_page(note: str = "") -> str:
    """The page; `note` says that it is generated."""
    parts = [LEAD.format(note=note)]
    for title, model in (("Policy", Policy), ("Waiver", Waiver)):
        schema = model.model_json_schema()
        for name, part in _objects(title, schema):
            parts.append(f"\n## {name}\n\n{_summary(part)}\n\n{_table(part, schema)}")
    return "".join(parts)


def _objects(title: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield title, schema
    parts = schema.get("$defs", {})
    for name in sorted(parts, key=lambda name: (name != "Gate", name)):
        if parts[name].get("type") == "object":
            yield name, parts[name]


def _summary(part: Mapping[str, Any]) -> str:
    return " ".join(str(part.get("description", "")).split())


def _table(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    required = part.get("required", ())
    lines = ["| key | value | |\n|---|---|---|\n"]
    for name, field in part["properties"].items():
        said = _cell(_summary(field))
        default = field.get("default")
        if name in required:
            said = f"**Required.** {said}"
        elif default not in (None, {}, [], "") and not isinstance(default, dict):
            said = f"{said} Default: `{str(default).lower() if isinstance(default, bool) else default}`."
        lines.append(f"| `{name}` | {_cell(_kind(field, schema))} | {said.strip()} |\n")
    return "".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _kind(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The kind of value, in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return _kind(schema["$defs"][name], schema) if "enum" in schema["$defs"][name] else f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(one, schema) for one in field["anyOf"] if one.get("type") != "null"))
    if choices := field.get("enum", [field["const"]] if "const" in field else []):
        return ", ".join(f"`{one}`" for one in choices)
    inner = field.get("items") or field.get("additionalProperties")
    words = WORDS.get(field.get("format") or field["type"], field["type"])
    return f"{words} {_kind(inner, schema)}" if isinstance(inner, dict) else words
