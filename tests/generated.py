"""The files that are generated from the code: `python -m tests.generated` writes them, a test holds them current."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from glassalpha_action.cli.main import COMMANDS, cli
from glassalpha_action.config import AuditConfig
from glassalpha_action.metrics import CATALOGUE
from glassalpha_action.policy.schema import Policy
from glassalpha_action.policy.waivers import Waiver
from glassalpha_action.records import Audit
from tests.github import reference as action
from tests.policy_reference import policy_page
from tests.registry.page import registry_page

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Generated from the code by `make docs`; change the code, not this page. -->\n\n"


def metrics_page() -> str:
    """The catalogue of metrics as a page."""
    parts = [
        "# Metrics\n\n",
        NOTE,
        "What a gate's `metric` may name. `glassalpha metrics show NAME` prints the same.\n",
    ]
    family = ""
    for metric in CATALOGUE.values():
        found = metric.definition
        if found.family != family:
            family = found.family
            parts.append(f"\n## {family.replace('_', ' ').capitalize()}\n")
        summary, _, rest = found.definition.partition("\n\n")
        facts = [f"unit: {found.unit.value}", f"better: {found.better.value}"]
        facts += [f"one value for each {'attribute' if metric.per_attribute else 'model'}"]
        facts += [f"also called {', '.join(f'`{a}`' for a in found.aliases)}"] if found.aliases else []
        facts += [f"`params`: {', '.join(f'`{k}` ({v:g})' for k, v in metric.params.items())}"] if metric.params else []
        parts.append(f"\n### {found.title} {{ #{found.id} }}\n\n`{found.id}` · {' · '.join(facts)}\n\n")
        parts.append(f"**{' '.join(summary.split())}**\n\n{' '.join(rest.split())}\n\n")
        parts.append(f"If a gate on it fails: {found.advice.issue}\n\n")
        parts.append("".join(f"{n}. {fix}\n" for n, fix in enumerate(found.advice.fixes, 1)))
    return "".join(parts)


def cli_page() -> str:
    """Every command's own help as a page."""
    context = click.Context(cli, info_name="glassalpha", terminal_width=100, max_content_width=100)

    def section(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
        own = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
        yield f"\n## `{own.command_path}`\n\n```text\n{command.get_help(own)}\n```\n"
        for child in command.list_commands(own) if isinstance(command, click.Group) else []:
            found = command.get_command(own, child)
            if found:
                yield from section(child, found, own)

    parts = ["# Commands\n\n", NOTE, f"```text\n{cli.get_help(context)}\n```\n"]
    for name in COMMANDS:
        found = cli.get_command(context, name)
        if found:
            parts += section(name, found, context)
    return "".join(parts)


def _schema(model: type[Policy | Waiver | AuditConfig | Audit], title: str) -> Callable[[], str]:

    def write() -> str:
        schema = model.model_json_schema()
        return (
            json.dumps(schema | {"title": title, "$schema": "https://json-schema.org/draft/2020-12/schema"}, indent=2)
            + "\n"
        )

    return write


GENERATED: Mapping[str, Callable[[], str]] = {
    "site/reference/metrics.md": metrics_page,
    "site/reference/cli.md": cli_page,
    "site/reference/registry.md": registry_page,
    "site/reference/action.md": action.page,
    "site/reference/policy.md": lambda: policy_page(NOTE),
    "policies/schema/policy.schema.json": _schema(Policy, "A glassalpha policy"),
    "policies/schema/waiver.schema.json": _schema(Waiver, "A waiver of one gate for one model"),
    "policies/schema/audit-config.schema.json": _schema(AuditConfig, "A model's audit.yaml"),
    "policies/schema/audit.schema.json": _schema(Audit, "The audit record, audit.json"),
}


if __name__ == "__main__":
    for name, make in GENERATED.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(make(), encoding="utf-8")
        print(f"wrote {name}")
