"""Runs git for the registry: a private bare clone of a remote, never the user's checkout, and no credential on disk.

Credentials travel in the environment of the git processes only: never in a URL, an argument or a file.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from glassalpha_action.documents import UserError
from glassalpha_action.git import environment, running
from glassalpha_action.registry.remote import PROTOCOLS, RaceLostError, Remote, UnreachableError

TIMEOUT_SECONDS = 300
BATCH = 500
NAME = "ledger"
CONFIG = {
    "advice.detachedHead": "false", "commit.gpgSign": "false", "diff.orderFile": os.devnull,
    "fetch.fsckObjects": "true", "fetch.recurseSubmodules": "false", "fetch.writeCommitGraph": "false", "gc.auto": "0",
    "http.lowSpeedLimit": "1000", "http.lowSpeedTime": "60", "maintenance.auto": "false", "protocol.version": "2",
    "push.followTags": "false", "push.gpgSign": "false", "push.pushOption": "", "push.recurseSubmodules": "no",
    "safe.bareRepository": "all",
}  # fmt: skip
# A folder in a container often belongs to another user; nothing in it is run, its objects are only sent.
UPLOAD_PACK = "git -c safe.directory=* upload-pack"
FORMATS = ("sha1", "sha256")
OTHER_FORMAT = re.compile(r"mismatched algorithms|hash algorithm|object format")


@dataclass(frozen=True, slots=True)
class Result:
    """How a git process ended."""

    code: int
    out: bytes
    err: str


class Clone:
    """A bare clone of `remote` in a folder of its own, gone when its `with` block ends."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self._folder = tempfile.TemporaryDirectory(prefix="glassalpha-ledger-", ignore_cleanup_errors=True)
        self._path = Path(self._folder.name, FORMATS[0])
        self._environment = _environment(remote)

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._folder.cleanup()

    def fetch(self, branch: str, *, depth: int | None = 1, below: int | None = None) -> str | None:
        """The tip of the remote's `branch`, None where there is no such branch; `depth` None brings all its commits.

        `below` leaves out files of that many bytes or more where the remote can do so; they come when they are read.
        Raises UnreachableError, or UserError where trying again would not help.
        """
        options = ["--quiet", "--no-tags", "--no-write-fetch-head"]
        options += [f"--depth={depth}"] if depth else ["--update-shallow"]
        limited = [f"--filter=blob:limit={below}"] if below else []
        to = f"refs/tip/{branch}"
        result = self._run(["fetch", *options, *limited, NAME, f"+refs/heads/{branch}:{to}"])
        if result.code and limited and "filter" in result.err:
            result = self._run(["fetch", *options, "--no-filter", NAME, f"+refs/heads/{branch}:{to}"])
        if result.code and "couldn't find remote ref" in result.err:
            return None
        if result.code and self._is_now_alike(result):
            return self.fetch(branch, depth=depth, below=below)
        if result.code:
            raise self._trouble(result)
        if not depth and self.git("rev-parse", "--is-shallow-repository").strip() == b"true":
            raise UserError(f"{self.remote} holds only a part of the history: name the remote it was cloned from")
        return self.git("rev-parse", "--verify", f"{to}^{{commit}}").decode().strip()

    def bring(self, ids: Sequence[str]) -> None:
        """Fetch files that `fetch` left out, all at once rather than one by one as they are read."""
        command = ["-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]
        result = self._run([*command, "--filter=blob:none", "--stdin", NAME], "\n".join(ids).encode())
        if result.code:
            raise self._trouble(result)

    def push(self, commit: str, branch: str, *, instead_of: str | None = None) -> None:
        """Make `commit` the tip of the remote's `branch`, whose history it must continue.

        Or, with `instead_of`, replace that very tip. Raises RaceLostError, UnreachableError or UserError.
        """
        lease = [f"--force-with-lease=refs/heads/{branch}:{instead_of}"] if instead_of else []
        command = ["push", "--quiet", "--porcelain", "--no-verify", *lease]
        result = self._run([*command, NAME, f"{commit}:refs/heads/{branch}"])
        if result.code and self._is_now_alike(result):
            raise RaceLostError("the remote's objects have ids of another kind")
        if result.code:
            raise self._trouble(result)

    def git(self, *arguments: str, given: bytes = b"") -> bytes:
        """What a git command in the clone prints; UserError (4) where it fails."""
        result = self._run(arguments, given)
        if result.code:
            raise UserError(f"git {arguments[0]} failed: {self.remote.said('', result.err)}", exit_code=4)
        return result.out

    @contextmanager
    def blobs(self) -> Iterator[Blobs]:
        """Reads many files out of the clone with one process."""
        with running(["cat-file", "--batch"], self._path, self._environment) as process:
            yield Blobs(process)

    def lines(self, *arguments: str) -> Iterator[str]:
        """The NUL-ended records that a git command prints, as they come."""
        with running(arguments, self._path, self._environment) as process:
            if process.stdin is None or process.stdout is None:
                raise UserError("git cannot be read from", exit_code=4)
            process.stdin.close()
            rest = b""
            while chunk := process.stdout.read(1 << 16):
                *whole, rest = (rest + chunk).split(b"\0")
                yield from (part.decode(errors="surrogateescape") for part in whole)
            if process.wait():
                raise UserError(f"git {arguments[0]} failed: the history cannot be read", exit_code=5)

    def _begin(self) -> None:
        self._path.mkdir()
        self.git("init", "--quiet", "--bare", "--template=", f"--object-format={self._path.name}")

    def _is_now_alike(self, result: Result) -> bool:
        """Whether the remote was found to name objects by SHA-256, and the clone was begun anew to do so too.

        Only an empty remote does not tell before the first push.
        """
        if self._path.name != FORMATS[0] or not OTHER_FORMAT.search(result.err):
            return False
        self._path = self._path.with_name(FORMATS[1])
        self._begin()
        return True

    def _run(self, arguments: Sequence[str], given: bytes = b"") -> Result:
        with running(arguments, self._path, self._environment, errors=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(given, TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                return Result(-1, b"", f"fatal: git {arguments[0]} took longer than {TIMEOUT_SECONDS} seconds")
        return Result(process.returncode, out, err.decode(errors="replace"))

    def _trouble(self, result: Result) -> Exception:
        return self.remote.explain(result.out.decode(errors="replace"), result.err)


class Blobs:
    """A running `git cat-file --batch`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise UserError("git cannot be read from", exit_code=4)
        self._in, self._out = process.stdin, process.stdout

    def read(self, ids: Iterable[str], limit: int) -> Iterator[bytes]:
        """The files with these object ids; UserError (5) for one that is missing or beyond `limit` bytes."""
        waiting = iter(ids)
        # So few at once that the ids fit into the pipe: neither side then waits for the other with a full one.
        while batch := list(islice(waiting, BATCH)):
            with suppress(BrokenPipeError):
                self._in.write("".join(f"{wanted}\n" for wanted in batch).encode())
                self._in.flush()
            for wanted in batch:
                yield self._next(wanted, limit)

    def _next(self, wanted: str, limit: int) -> bytes:
        header = self._out.readline(200).split()
        if not header:
            raise UnreachableError(f"the file {wanted[:12]} was not sent")
        if len(header) != 3 or header[1] != b"blob":
            raise UserError(f"the ledger's file {wanted[:12]} is missing or damaged", exit_code=5)
        size = int(header[2])
        if size > limit:
            raise UserError(f"the ledger's file {wanted[:12]} is larger than {limit:,} bytes", exit_code=5)
        return self._out.read(size + 1)[:-1]


def blob_id(content: bytes, like: str) -> str:
    """The object id that git gives a file of this content, in a repository whose ids are `like` this one."""
    kind = hashlib.sha256 if len(like) == 64 else hashlib.sha1  # git's own choice
    return kind(b"blob %d\0" % len(content) + content).hexdigest()


def _environment(remote: Remote) -> dict[str, str]:
    """What git is told in the clone: the remote's address, and its authorisation alone where it brings one."""
    config = CONFIG | {f"remote.{NAME}.url": remote.url}
    if remote.local:
        config[f"remote.{NAME}.uploadpack"] = UPLOAD_PACK
    if remote.header is not None:
        parts = urlsplit(remote.url)
        config |= {f"http.{parts.scheme}://{parts.netloc}/.extraHeader": remote.header.get_secret_value()}
        config |= {"credential.helper": "", "core.askPass": ""}
    found = environment(config) | {"GIT_ALLOW_PROTOCOL": PROTOCOLS}
    if remote.header is not None:
        found = {name: value for name, value in found.items() if name not in {"GIT_ASKPASS", "SSH_ASKPASS"}}
    return found
