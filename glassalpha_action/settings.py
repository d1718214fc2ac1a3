"""The only reader of environment variables: the action's inputs and what its runner says, as one frozen object."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from glassalpha_action.vocabulary import day

DEFAULT_CONFIG = ("**/audit.yaml", "**/*.audit.yaml")
DEFAULT_DATABASE = "model_registry.db"


class Mode(StrEnum):
    """What one run of the action does."""

    audit = "audit"
    record = "record"
    site = "site"


class FailOn(StrEnum):
    """Which verdict ends the run with exit code 1."""

    error = "error"
    warning = "warning"
    never = "never"


class Trust(StrEnum):
    """How model files are loaded."""

    sandbox = "sandbox"
    safe = "safe"
    trusted = "trusted"


class Format(StrEnum):
    """A report's file ending."""

    html = "html"
    pdf = "pdf"
    md = "md"


def _lines(value: object) -> object:
    return tuple(line.strip() for line in value.splitlines() if line.strip()) if isinstance(value, str) else value


def _words(value: object) -> object:
    return tuple(dict.fromkeys(value.replace(",", " ").split())) if isinstance(value, str) else value


def _inside(value: object) -> object:
    if value is None:
        return None
    path = PurePosixPath(str(value))
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("must be a folder inside the workspace, given relative to it")
    return str(path)


def _day(value: object) -> object:
    if value is not None:
        day(value)
    return value


def _sha256(value: object) -> object:
    if value is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", str(value)):
        raise ValueError("must be a SHA-256 digest: 64 digits of 0-9 and a-f")
    return value


Folder = Annotated[str, BeforeValidator(_inside)]
Digest = Annotated[str | None, BeforeValidator(_sha256)]


class Inputs(BaseModel):
    """The action's inputs as they are written under `with:`; each description is the one users read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=lambda name: name.replace("_", "-"),
        validate_default=True,
        hide_input_in_errors=True,
    )

    mode: Mode = Field(
        Mode.audit,
        description="What to do. audit: audit the models and write the reports. record: the same, then add the audits "
        "to the registry. site: build the portal from the registry; nothing is audited.",
    )
    config: Annotated[tuple[str, ...], BeforeValidator(_lines), Field(min_length=1)] = Field(
        DEFAULT_CONFIG,
        description="The audit files, as globs relative to working-directory, one a line; a line that starts with ! "
        "leaves files out. A name without wildcards must be there, and finding nothing to audit is an error.",
    )
    policy: str | None = Field(
        None,
        description="Policy to judge every model by, instead of the one each audit file names: a file relative to "
        "working-directory, or the name of a pack that comes with this action.",
    )
    base_path: Folder | None = Field(
        None,
        description="Folder of the workspace with a checkout of the pull request's base commit. Its policy, waivers "
        "and audit files judge as well and the stricter verdict stands, so that a change cannot loosen what it is "
        "judged by. Without it a pull request is judged by its own rules alone, and the summary says so.",
    )
    policy_sha256: Digest = Field(
        None,
        description="SHA-256 that every model's policy must have, kept outside the repository; another is an error.",
    )
    waivers: Folder | None = Field(
        None,
        description="Folder of waivers, relative to working-directory; else the one each audit file names, else the "
        "folder `waivers` beside its policy.",
    )
    strict: bool = Field(
        False,
        description="Enforce every rule of strict mode: seed, clean commit, hashes, and warnings that are errors.",
    )
    fail_on: FailOn = Field(
        FailOn.error,
        description="When to exit 1. error: a model is blocked, or no policy applies to it. warning: also when it "
        "needs review. never: the verdict does not fail the run; faults still do.",
    )
    model_trust: Trust = Field(
        Trust.sandbox,
        description="How model files are loaded. sandbox: pickles run in an isolated child process. safe: pickles are "
        "refused. trusted: no isolation.",
    )
    as_of: Annotated[str | None, BeforeValidator(_day)] = Field(
        None, description="The day to judge by, as YYYY-MM-DD. Today in UTC when empty."
    )
    working_directory: Folder = Field(".", description="Folder of the workspace that everything else is relative to.")
    output_dir: Folder = Field(
        "glassalpha-report",
        description="Folder, relative to working-directory, for reports, audit records and the site.",
    )
    formats: Annotated[tuple[Format, ...], BeforeValidator(_words)] = Field(
        (Format.html, Format.pdf),
        description="Report formats: any of html, pdf and md, separated by spaces or commas. The audit record "
        "(audit.json) is always written.",
    )
    summary: bool = Field(True, description="Write the job summary.")
    annotations: bool = Field(
        True, description="Annotate the lines of the policy and of the audit files where something failed; at most ten."
    )
    registry_branch: str = Field(
        "glassalpha-registry",
        description="Branch of the ledger, which mode record appends to and mode site reads: one file a record. The "
        "registry built from it is the only commit of the branch of that name with -db added. With none there is no "
        "ledger, and registry-url alone keeps the audits.",
    )
    registry_repository: str | None = Field(
        None,
        description="Repository of the ledger, as owner/name on the same server or as a git URL. This repository when "
        "empty.",
    )
    registry_url: SecretStr = Field(
        SecretStr(DEFAULT_DATABASE),
        description="The registry that modes record and site fill from the ledger: a SQLite file, relative to "
        "working-directory, or the URL of a PostgreSQL database.",
    )
    push_attempts: int = Field(
        50,
        ge=1,
        le=1000,
        description="How many times an append is tried while other runs append too, each from the new tip.",
    )
    github_token: SecretStr = Field(
        SecretStr(""),
        description="Token for the ledger's repository, with `contents: write` for mode record and `contents: read` "
        "for mode site. A job that only audits needs none.",
    )


class Runner(BaseModel):
    """What the runner says about the run; outside GitHub it says little, and the workspace is the current folder."""

    model_config = ConfigDict(frozen=True)

    workspace: Path = Field(default_factory=Path.cwd)
    event_name: str = ""
    event_path: Path | None = None
    output: Path | None = None
    step_summary: Path | None = None
    sha: str = ""
    ref: str = ""
    repository: str = ""
    run_id: str = ""
    server_url: str = "https://github.com"

    @property
    def run_url(self) -> str:
        """Where this run can be looked at; empty outside GitHub."""
        known = self.repository and self.run_id
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}" if known else ""


class Settings(BaseModel):
    """All that one run of the action is told. `problems` are the mistakes in the inputs, one sentence each."""

    model_config = ConfigDict(frozen=True)

    inputs: Inputs
    runner: Runner
    problems: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder that inputs are relative to."""
        return self.runner.workspace / self.inputs.working_directory


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in `environment` (the process's own where None). An empty value counts as not given.

    Where inputs are wrong, all are at their defaults and `problems` says what is wrong.
    """
    found = variables() if environment is None else environment
    given = {name: value for name, value in found.items() if value.strip()}
    runner = Runner.model_validate(
        {name: given[key] for name in Runner.model_fields if (key := f"GITHUB_{name.upper()}") in given}
    )
    written = {name: given[key] for name in names() if (key := variable(name)) in given}
    try:
        return Settings(inputs=Inputs.model_validate(written), runner=runner)
    except ValidationError as error:
        return Settings(inputs=Inputs(), runner=runner, problems=tuple(_sentence(e, written) for e in error.errors()))


def names() -> list[str]:
    """The names of the inputs, in the order of the reference."""
    return [str(field.alias) for field in Inputs.model_fields.values()]


def variable(name: str) -> str:
    """The environment variable a runner hands the input `name` over in: hyphens stay."""
    return f"INPUT_{name.upper()}"


def default(name: str) -> str:
    """The default of the input `name`, as it is written under `with:`."""
    value: Any = Inputs.model_fields[name.replace("-", "_")].get_default()
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ("\n" if name == "config" else " ").join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def variables() -> Mapping[str, str]:
    """The process's environment, as it is now."""
    return dict(os.environ)


def under_ci(environment: Mapping[str, str] | None = None) -> bool:
    """Whether this runs in continuous integration: CI is set to anything but false, 0 or nothing."""
    value = (variables() if environment is None else environment).get("CI", "")
    return value.strip().lower() not in {"", "0", "false", "no"}


def database() -> str:
    """The registry the environment names in GLASSALPHA_DATABASE, else a file in the current folder."""
    return variables().get("GLASSALPHA_DATABASE") or DEFAULT_DATABASE


def colour(terminal: bool) -> bool:
    """Whether to colour what is printed: on a terminal, unless NO_COLOR is set."""
    return terminal and not variables().get("NO_COLOR")


def _sentence(error: Any, written: Mapping[str, str]) -> str:
    name = str(error["loc"][0])
    said = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    shown = "" if name in {"registry-url", "github-token"} else f", not {written[name][:80]!r}"
    return f"input {name}: {said.rstrip('.')}{shown}"
