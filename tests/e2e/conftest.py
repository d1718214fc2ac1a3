"""The project's own image, and repositories to run it on, in the runner's layout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.engine import BASE, ROOT, Engine, start, unavailable

IMAGE = "glassalpha-action:test"
BUILT_BY_ACT = "act-dockeraction:latest"
RUNNER = 1001
EVENTS = ROOT / "tests" / "data" / "github"


@dataclass(frozen=True)
class Ran:
    """What one run of the container left behind."""

    exit_code: int
    log: str
    outputs: dict[str, str]
    summary: str
    workspace: Path

    @property
    def annotations(self) -> list[str]:
        return [line for line in self.log.splitlines() if re.match(r"::(error|warning|notice) ", line)]


@dataclass(frozen=True)
class Workflow:
    """What a run of a whole workflow left behind."""

    exit_code: int
    log: str
    checkout: Path


@dataclass(frozen=True)
class Action:
    """The built image; `run` starts it the way a runner does."""

    engine: Engine

    def run(
        self, workspace: Path, event: str = "pull_request.opened", *, server: str | None = None,
        payload: Mapping[str, Any] | None = None, **inputs: str,
    ) -> Ran:  # fmt: skip
        """Run on that event; `payload` replaces parts of what the event says, `server` is this host's git server."""
        files = workspace.parent / f"{workspace.name}_files"
        shutil.rmtree(files, ignore_errors=True)
        (files / "commands").mkdir(parents=True)
        (files / "workflow").mkdir()
        told = json.loads((EVENTS / f"{event}.json").read_bytes()) | (payload or {})
        (files / "workflow" / "event.json").write_text(json.dumps(told))
        for name in ("output", "summary"):
            (files / "commands" / name).touch()
            os.chown(files / "commands" / name, RUNNER, RUNNER)
        mounts = {workspace: "/github/workspace", files / "commands": "/github/file_commands",
                  files / "workflow": "/github/workflow"}  # fmt: skip
        variables = {
            "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "/github/workspace",
            "GITHUB_EVENT_NAME": event.partition(".")[0], "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "GITHUB_OUTPUT": "/github/file_commands/output", "GITHUB_STEP_SUMMARY": "/github/file_commands/summary",
            "GITHUB_REPOSITORY": "Codertocat/Hello-World", "GITHUB_RUN_ID": "1", "HOME": "/github/home",
            **({"GITHUB_SERVER_URL": server} if server else {}),
            **_inputs({name.replace("_", "-"): value for name, value in inputs.items()}),
        }  # fmt: skip
        made = self.engine.docker(
            "run", "--rm", "--workdir", "/github/workspace",
            *(word for host, inside in mounts.items() for word in ("--volume", f"{host}:{inside}")),
            *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")),
            *(["--network", "host"] if server else []),
            IMAGE, check=False, timeout=300,
        )  # fmt: skip
        return Ran(made.returncode, made.stdout + made.stderr, read_outputs(files / "commands" / "output"),
                   (files / "commands" / "summary").read_text(encoding="utf-8"), workspace)  # fmt: skip


def _inputs(given: Mapping[str, str]) -> dict[str, str]:
    """The variables a runner makes of action.yml's defaults and of what `with:` says."""
    declared = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    values = {name: str(about.get("default", "")) for name, about in declared.items()} | dict(given)
    return {f"INPUT_{name.upper()}": value for name, value in values.items()}


def read_outputs(file: Path) -> dict[str, str]:
    """The outputs in a runner's output file."""
    found, lines = {}, iter(file.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, mark, end = line.partition("<<")
        assert mark, line
        value = []
        while (part := next(lines)) != end:
            value.append(part)
        found[name] = "\n".join(value)
    return found


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with start() as running:
        yield running


@pytest.fixture(scope="session")
def action(engine: Engine, workflow: Workflow) -> Action:
    """The image that the workflow's run has built from the Dockerfile, built anew where it has not."""
    if engine.docker("tag", BUILT_BY_ACT, IMAGE, check=False).returncode:
        engine.docker("build", "--tag", IMAGE, str(ROOT))
    return Action(engine)


@pytest.fixture(scope="session")
def workflow(engine: Engine, checkout: Path) -> Workflow:
    """A workflow with `uses: ./`, run by a local runner on the payload of a pull request."""
    return run_workflow(engine, checkout, "pull_request", EVENTS / "pull_request.opened.json",
                        "--secret", "GITHUB_TOKEN=none")  # fmt: skip


def run_workflow(engine: Engine, checkout: Path, event: str, payload: Path, *options: str) -> Workflow:
    """What the checkout's workflows for that event do, by a local runner."""
    act = Path(sys.executable).with_name("act")
    if not act.is_file():
        unavailable("act is not installed beside this Python")
    home = checkout.with_name("home")
    (home / ".config" / "act").mkdir(parents=True, exist_ok=True)
    (home / ".config" / "act" / "actrc").touch()
    environment = {**engine.environment, "HOME": str(home)}
    ran = subprocess.run(
        [act, event, "--rm", "--bind", "--eventpath", payload, "--pull=false", *options,
         "--platform", f"ubuntu-latest={BASE}", "--action-offline-mode", "--network", "host",
         "--container-daemon-socket", environment.get("DOCKER_HOST", "unix:///var/run/docker.sock")],
        cwd=checkout, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    return Workflow(ran.returncode, ran.stdout + ran.stderr, checkout)


@pytest.fixture(scope="session")
def checkout(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, as git sees it, with the examples' models and a workflow of its own."""
    folder = tmp_path_factory.mktemp("act") / "checkout"
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(examples / "examples", folder / "examples", dirs_exist_ok=True)
    shutil.rmtree(folder / ".github", ignore_errors=True)
    (folder / ".github" / "workflows").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("workflow.yml"), folder / ".github" / "workflows" / "audit.yml")
    shutil.copy(Path(__file__).with_name("record.yml"), folder / ".github" / "workflows" / "record.yml")
    commit(folder)
    return folder


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples with their models, which are trained where they are not there."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "policies", folder / "policies")
    for recipe in sorted(folder.glob("examples/*/make_model.py")):
        if not (recipe.parent / "build").is_dir():
            subprocess.run([sys.executable, str(recipe)], check=True, cwd=ROOT)
    return folder


def commit(folder: Path) -> None:
    """All of `folder` as a commit."""
    who = ["-c", "safe.directory=*", "-c", "user.name=Runner", "-c", "user.email=runner@example.com"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "All of it"]):
        subprocess.run(["git", *who, *words], cwd=folder, check=True)


@pytest.fixture
def workspace(examples: Path, tmp_path: Path) -> Path:
    """A clean checkout of the examples that belongs to the runner's user."""
    folder = tmp_path / "workspace"
    shutil.copytree(examples, folder)
    (folder / ".gitignore").write_text("__pycache__/\n")
    commit(folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, RUNNER, RUNNER)
    return folder
