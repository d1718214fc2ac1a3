"""Runs a model in a child process that is shut in, and takes back nothing but checked numbers."""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from glassalpha_action.load.child import FRAME

ROUNDING = 1e-9  # how far outside [0, 1] float rounding may put a probability
TEXT_CAP = 16 << 10  # bytes of all frames but the scores
OUT_OF_ORDER = "frames out of order"
NOISE_CAP = 8 << 10  # bytes kept of what the child prints
CHILD_KINDS = {"import", "load", "module", "memory", "no_probability", "label", "outputs", "predict"}
CHILD_KINDS |= {"no_amount", "columns", "values", "objective", "multiclass", "unnamed", "untrusted"}
START = """
import sys
sys.path.append(sys.argv[1])
from glassalpha_action.load.child import main
sys.path.pop()
main()
"""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


class SandboxError(Exception):
    """There are no scores: `kind` says why (model.py has the sentences), `detail` is text that nobody vouches for."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


@dataclass(frozen=True, slots=True)
class Answer:
    """Scores (n,) within [0, 1], versions in the child, the scikit-learn it was saved with if another, layers.

    `further` holds the scores of further rows that were asked for; where they could not be had, `failure` is why.
    """

    values: np.ndarray
    versions: Mapping[str, str]
    saved_with: str = ""
    layers: tuple[str, ...] = ()
    further: tuple[np.ndarray, ...] = ()
    failure: SandboxError | None = None


# From the scores of the rows, further rows to be scored as well: each the pickled features and how many rows they are.
Further = Callable[[np.ndarray], Iterable[tuple[bytes, int]]]


@dataclass(frozen=True, slots=True)
class Job:
    """One model to run: its bytes, the pickled features, how many scores to expect, and the bounds.

    `amounts` asks for predicted amounts, any finite numbers, in place of probabilities.
    """

    model: bytes
    features: bytes
    rows: int
    format: str
    runs_code: bool
    positive_label: str
    negative_label: str | None
    sandboxed: bool
    timeout: float
    memory: int
    amounts: bool = False


def run(job: Job, further: Further | None = None) -> Answer:
    """The scores of `job`, and of the `further` rows; raises SandboxError where there are none of the former.

    The child and what it started are gone when this returns.
    """
    more: tuple[np.ndarray, ...] = ()
    unanswered = None
    deadline = time.monotonic() + job.timeout
    with tempfile.TemporaryDirectory(prefix="glassalpha-") as empty, _child(empty) as process:
        conversation = _Conversation(process, deadline, 8 * job.rows + TEXT_CAP)
        settings = {**_settings(job), "further": further is not None}
        conversation.exchange(_parts("C", json.dumps(settings).encode()), until="L")
        layers = _layers(conversation)
        if job.sandboxed and job.runs_code and not {"network namespace", "seccomp filter"} & set(layers):
            raise SandboxError("network")
        conversation.exchange([*_parts("M", job.model), *_parts("X", job.features)], until="SE" if further else "")
        answer = bytes(conversation.answer)
        if further and conversation.has_frame("S"):
            values, _, _ = read_answer(answer, job.rows, amounts=job.amounts)
            more, unanswered = _ask_further(conversation, further(values), job.amounts)
    try:
        values, versions, saved_with = read_answer(answer, job.rows, amounts=job.amounts)
    except SandboxError as failure:
        if failure.kind == "ended":
            raise _end(process.returncode, job.runs_code, last_line(conversation.noise)) from failure
        raise
    return Answer(values, versions, saved_with, ("cleared environment", *layers), more, unanswered)


def _ask_further(
    conversation: _Conversation, requests: Iterable[tuple[bytes, int]], amounts: bool
) -> tuple[tuple[np.ndarray, ...], SandboxError | None]:
    """The scores of all requests, or none and why: the rows themselves have theirs already.

    Raises SandboxError "answer" for frames that nobody asked for.
    """
    found = []
    conversation.answer.clear()
    for features, rows in requests:
        try:
            payload = _one_answer(conversation, features, rows)
            found.append(check_scores(payload, rows, amounts=amounts))
        except SandboxError as failure:
            if failure.detail == OUT_OF_ORDER:
                raise
            return (), failure
    conversation.finish()
    if conversation.answer:
        raise SandboxError("answer", OUT_OF_ORDER)
    return tuple(found), None


def _one_answer(conversation: _Conversation, features: bytes, rows: int) -> bytes:
    conversation.cap = 8 * rows + TEXT_CAP
    conversation.exchange(_parts("X", features), until="SE")
    frames = _split(bytes(conversation.answer))
    conversation.answer.clear()
    kinds = "".join(kind for kind, _ in frames)
    if kinds == "E":
        raise _refusal(frames[0][1].decode(errors="replace"), "")
    if kinds == "":
        raise SandboxError("ended")
    if kinds != "S" or len(frames[0][1]) != 8 * rows:
        raise SandboxError("answer", OUT_OF_ORDER)
    return frames[0][1]


def _end(returncode: int, runs_code: bool, said: str) -> SandboxError:
    """A reader of a format without code that a signal ended has crashed on the file."""
    crashed = returncode < 0 and returncode != -signal.SIGKILL
    ended = signal.Signals(-returncode).name if crashed else f"exit status {returncode}" if returncode > 0 else ""
    if crashed and not runs_code:
        return SandboxError("crashed", ended)
    return SandboxError("ended", said or ended)


def _parts(kind: str, payload: bytes) -> list[bytes]:
    return [FRAME.pack(kind.encode(), len(payload)), payload]


def read_answer(data: bytes, rows: int, *, amounts: bool = False) -> tuple[np.ndarray, Mapping[str, str], str]:
    """Scores, versions and saved-with version out of all the child sent after its layers; raises SandboxError.

    The versions were sent before the model was opened; everything after them is taken as written by an adversary.
    """
    frames = _split(data)
    kinds = "".join(kind for kind, _ in frames)
    saved_with = frames[1][1].decode(errors="replace") if kinds.startswith("VW") else ""
    if kinds in ("E", "VE", "VWE"):
        raise _refusal(frames[-1][1].decode(errors="replace"), saved_with)
    if kinds in ("", "V", "VW"):
        raise SandboxError("ended")
    if kinds not in ("VS", "VWS"):
        raise SandboxError("answer", OUT_OF_ORDER)
    return check_scores(frames[-1][1], rows, amounts=amounts), json.loads(frames[0][1]), saved_with


def _refusal(text: str, saved_with: str) -> SandboxError:
    kind, _, detail = text.partition("\n")
    if kind not in CHILD_KINDS:
        return SandboxError("answer", "an unknown refusal")
    return SandboxError(kind, f"saved with scikit-learn {saved_with}; {detail}" if saved_with else detail)


def check_scores(payload: bytes, rows: int, *, amounts: bool = False) -> np.ndarray:
    """float64 (rows,), finite and, unless they are amounts, within [0, 1]; raises SandboxError "answer"."""
    if len(payload) != 8 * rows:
        raise SandboxError("answer", f"{len(payload)} bytes where {rows} scores take {8 * rows}")
    values = np.frombuffer(payload, dtype="<f8").astype(np.float64)
    if not np.isfinite(values).all():
        raise SandboxError("answer", f"{int((~np.isfinite(values)).sum())} of {rows} scores are NaN or infinite")
    if amounts:
        return values
    outside = (values < -ROUNDING) | (values > 1 + ROUNDING)
    if outside.any():
        first = f"{values[outside][0]:.6g}"
        raise SandboxError("answer", f"{int(outside.sum())} of {rows} scores lie outside 0 to 1, such as {first}")
    return np.clip(values, 0.0, 1.0)


def _split(data: bytes) -> list[tuple[str, bytes]]:
    frames = []
    at = 0
    while at < len(data):
        if len(data) - at < FRAME.size:
            raise SandboxError("answer", "a frame without its length")
        kind, length = FRAME.unpack_from(data, at)
        at += FRAME.size
        if length > len(data) - at:
            raise SandboxError("answer", "a frame shorter than its length")
        frames.append((kind.decode("latin-1"), data[at : at + length]))
        at += length
    return frames


def last_line(noise: bytes | bytearray) -> str:
    """The last line the child printed that is not blank; control characters are still in it."""
    lines = [line for line in bytes(noise).decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _layers(conversation: _Conversation) -> tuple[str, ...]:
    if len(conversation.answer) < FRAME.size:
        raise SandboxError("start", last_line(conversation.noise))
    (_, layers), *_ = _split(bytes(conversation.answer))
    conversation.answer.clear()
    return tuple(json.loads(layers))


def _settings(job: Job) -> dict[str, object]:
    return {
        "sandboxed": job.sandboxed,
        "memory": job.memory,
        "seconds": math.ceil(job.timeout) + 1,
        "parent": os.getpid(),
        "format": job.format,
        "positive_label": job.positive_label,
        "negative_label": job.negative_label,
        "amounts": job.amounts,
    }


def _environment(home: str) -> dict[str, str]:
    """Nothing of this process's own environment: no token, one thread, the same hashes every time."""
    environment = {"HOME": home, "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0", "JOBLIB_MULTIPROCESSING": "0"}
    environment |= dict.fromkeys(ONE_THREAD, "1")
    if site.ENABLE_USER_SITE:
        environment["PYTHONUSERBASE"] = site.getuserbase()
    else:
        environment["PYTHONNOUSERSITE"] = "1"
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        environment["LD_LIBRARY_PATH"] = f"{sys.base_prefix}/lib"
    return environment


@contextlib.contextmanager
def _child(empty: str) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-c", START, str(Path(__file__).resolve().parents[2])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=empty,
            env=_environment(empty),
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError("start", str(error)) from error
    with process:
        try:
            yield process
        finally:
            # Before it is reaped, so that the number still means this group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class _Conversation:
    """Writes and reads at once, within a deadline and caps, so that a child that stalls or floods holds nobody up."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float, cap: int) -> None:
        pipes = (process.stdin, process.stdout, process.stderr)
        self.stdin, self.stdout, self.stderr = (cast("IO[bytes]", pipe) for pipe in pipes)
        self.deadline, self.cap = deadline, cap
        self.answer, self.noise = bytearray(), bytearray()
        for pipe in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(pipe.fileno(), False)

    def exchange(self, outgoing: Sequence[bytes], *, until: str) -> None:
        """Send all of `outgoing`, keep what arrives, until a whole frame of a kind in `until` has come or it ends."""
        waiting = [memoryview(part) for part in outgoing if part]
        with selectors.DefaultSelector() as selector:
            if waiting:
                selector.register(self.stdin, selectors.EVENT_WRITE)
            selector.register(self.stdout, selectors.EVENT_READ)
            selector.register(self.stderr, selectors.EVENT_READ)
            while True:
                ready = selector.select(max(0.0, self.deadline - time.monotonic()))
                if time.monotonic() >= self.deadline:
                    raise SandboxError("timeout")
                for key, _ in ready:
                    if key.fileobj is self.stdin and not self._write(waiting):
                        selector.unregister(self.stdin)
                    elif key.fileobj is self.stderr and not self._read_noise():
                        selector.unregister(self.stderr)
                    elif key.fileobj is self.stdout and not self._read_answer():
                        self._read_noise()
                        return
                if self.has_frame(until):
                    return

    def finish(self) -> None:
        """Ask for nothing more, and keep what still arrives until the child's side ends."""
        self.stdin.close()
        self.exchange([], until="")

    def _write(self, waiting: list[memoryview]) -> bool:
        if not waiting:
            return False
        try:
            waiting[0] = waiting[0][os.write(self.stdin.fileno(), waiting[0][: 1 << 20]) :]
        except BrokenPipeError:
            return False
        if not waiting[0]:
            del waiting[0]
        return bool(waiting)

    def _read_answer(self) -> bool:
        part = os.read(self.stdout.fileno(), 1 << 20)
        self.answer += part
        if len(self.answer) > self.cap:
            raise SandboxError("answer", "more bytes than the scores take")
        return bool(part)

    def _read_noise(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            part = os.read(self.stderr.fileno(), 1 << 16)
            self.noise += part
            del self.noise[:-NOISE_CAP]
            return bool(part)
        return True

    def has_frame(self, kinds: str) -> bool:
        """Whether a whole frame of one of these kinds has come."""
        at = 0
        while len(self.answer) >= at + FRAME.size:
            kind, length = FRAME.unpack_from(self.answer, at)
            at += FRAME.size + int(length)
            if kind.decode("latin-1") in kinds:
                return len(self.answer) >= at
        return False
