"""Runs git apart from what surrounds it: no hook, prompt, monitor or foreign repository, and no process left over.

The user's proxy, certificates, SSH and credential helpers still work; what points git somewhere else does not.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from glassalpha_action import settings
from glassalpha_action.documents import UserError

TIMEOUT_SECONDS = 60
KEPT_VARIABLES = {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_EXEC_PATH"} | {
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
    "GIT_SSL_CERT", "GIT_SSL_KEY"}  # fmt: skip
ALONE = {"core.fsmonitor": "false", "core.hooksPath": os.devnull}
# A container's checkout belongs to another user. A folder in it that looks like a repository is a change's own doing:
# its configuration would name programs for git to run.
CHECKOUT = {"safe.directory": "*", "safe.bareRepository": "explicit"}


def ask(folder: Path, *arguments: str) -> str | None:
    """What a git command prints in the checkout around `folder`; None outside one, and where git fails or is not."""
    try:
        with running(arguments, folder, environment(CHECKOUT)) as asked:
            out = asked.communicate(timeout=TIMEOUT_SECONDS)[0]
    except (UserError, OSError, subprocess.TimeoutExpired):
        return None
    return out.decode(errors="backslashreplace") if asked.returncode == 0 else None


def origin(folder: Path) -> str | None:
    """The address of the remote `origin` of the checkout around `folder`; None where there is none."""
    url, top = (
        ask(folder, *question) for question in (("remote", "get-url", "origin"), ("rev-parse", "--show-toplevel"))
    )
    if not url or not top:
        return None
    return str(Path(top.strip()) / url.strip()) if url.startswith(".") else url.strip()


def environment(config: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without the variables that point git somewhere else or make it talk, and with `config`."""
    found = settings.variables().items()
    kept = {name: value for name, value in found if not name.startswith("GIT_") or name in KEPT_VARIABLES}
    pairs = (ALONE | dict(config)).items()
    numbered = {
        f"GIT_CONFIG_{part}_{k}": pair[part == "VALUE"] for k, pair in enumerate(pairs) for part in ("KEY", "VALUE")
    }
    # git takes what trace2 is told from the user's files even where its configuration is given, but not over these.
    traces = dict.fromkeys(("GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE2_PERF"), "0")
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LANGUAGE": "C", "LC_ALL": "C"} | traces
    return kept | numbered | quiet | {"GIT_CONFIG_COUNT": str(len(pairs))}


@contextmanager
def running(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], errors: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A git process in `folder` that does not outlive the `with` block, nor do those it started.

    Raises UserError (4) where git is not installed, OSError where the folder cannot be entered.
    """
    try:
        started = subprocess.Popen(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=1 << 20,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise UserError("git is not installed: a ledger needs git 2.30 or newer", exit_code=4) from error
    with started:
        try:
            yield started
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)
            if started.stdin:
                with suppress(BrokenPipeError):
                    started.stdin.close()
