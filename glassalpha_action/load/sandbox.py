"""Runs a model in a child process that is shut in, and takes back nothing but checked numbers."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glassalpha_action.load.attributions import METHODS
from glassalpha_action.load.child import FRAME
from glassalpha_action.load.conversation import Conversation, DisorderError, SandboxError, parts, split

ROUNDING = 1e-9  # how far outside [0, 1] float rounding may put a probability
MOST_PART = 1e60  # of a score or its log-odds: sums of such stay finite
TEXT_CAP = 16 << 10  # bytes of all frames but the scores
CHILD_KINDS = {"import", "load", "module", "memory", "no_probability", "label", "outputs", "predict"}
CHILD_KINDS |= {"no_amount", "columns", "values", "objective", "multiclass", "unnamed", "untrusted"}
CHILD_KINDS |= {"attributions", "elsewhere", "operator"}
START = """
import sys
sys.path.append(sys.argv[1])
from glassalpha_action.load.child import main
sys.path.pop()
main()
"""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


@dataclass(frozen=True, slots=True)
class Answer:
    """Scores (n,) within [0, 1], versions in the child, the scikit-learn it was saved with if another, layers.

    `further` holds the answers to the further questions, in that order; where some could not be had, `failure` is why.
    """

    values: np.ndarray
    versions: Mapping[str, str]
    saved_with: str = ""
    layers: tuple[str, ...] = ()
    further: tuple[Reply, ...] = ()
    failure: SandboxError | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """What each of k features has of the scores of n rows: `values` (n, k), which `base` completes to each score.

    `method` is a key of METHODS, which says whether that is the score or its log-odds.
    """

    method: str
    base: float
    values: np.ndarray


Reply = np.ndarray | Explained


@dataclass(frozen=True, slots=True)
class Question:
    """Further rows to be scored, or with `columns` to be explained: the frame's payload, and how many rows they are."""

    payload: bytes
    rows: int
    columns: int = 0


# From the scores of the rows, what the model is asked as well.
Further = Callable[[np.ndarray], Iterable[Question]]


@dataclass(frozen=True, slots=True)
class Job:
    """One model to run: its bytes, the pickled features, how many scores to expect, and the bounds.

    `amounts` asks for predicted amounts, any finite numbers, in place of probabilities. `explained` says that there
    will be questions for explanations.
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
    explained: bool = False


def run(job: Job, further: Further | None = None) -> Answer:
    """The scores of `job`, and what is asked `further`; raises SandboxError where there are no scores.

    The child and what it started are gone when this returns.
    """
    more: tuple[Reply, ...] = ()
    unanswered = None
    deadline = time.monotonic() + job.timeout
    with tempfile.TemporaryDirectory(prefix="glassalpha-") as empty, _child(empty, job.explained) as process:
        conversation = Conversation(process, deadline, 8 * job.rows + TEXT_CAP)
        settings = {**_settings(job), "further": further is not None}
        conversation.exchange(parts("C", json.dumps(settings).encode()), until="L")
        layers = _layers(conversation)
        if job.sandboxed and job.runs_code and not {"network namespace", "seccomp filter"} & set(layers):
            raise SandboxError("network")
        conversation.exchange([*parts("M", job.model), *parts("X", job.features)], until="SE" if further else "")
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
    conversation: Conversation, questions: Iterable[Question], amounts: bool
) -> tuple[tuple[Reply, ...], SandboxError | None]:
    """The answers up to the first that cannot be had, and why that is: the rows themselves have their scores already.

    Raises SandboxError "answer" for frames that nobody asked for.
    """
    found: list[Reply] = []
    conversation.answer.clear()
    for question in questions:
        try:
            found.append(_one_answer(conversation, question, amounts))
        except DisorderError:
            raise
        except SandboxError as failure:
            return tuple(found), failure
    conversation.finish()
    if conversation.answer:
        raise DisorderError
    return tuple(found), None


def _one_answer(conversation: Conversation, question: Question, amounts: bool) -> Reply:
    length = 8 * (question.rows * question.columns + 1 if question.columns else question.rows)
    conversation.cap = length + TEXT_CAP
    conversation.exchange(parts("A" if question.columns else "X", question.payload), until="SE")
    if not conversation.has_frame("SE"):
        raise SandboxError("ended")
    frames = split(bytes(conversation.answer))
    conversation.answer.clear()
    kinds = "".join(kind for kind, _ in frames)
    if kinds == "E":
        raise _refusal(frames[0][1].decode(errors="replace"), "")
    if kinds != ("NS" if question.columns else "S") or len(frames[-1][1]) != length:
        raise DisorderError
    if not question.columns:
        return check_scores(frames[0][1], question.rows, amounts=amounts)
    return _check_explained(frames[0][1], frames[1][1], question)


def _check_explained(method: bytes, payload: bytes, question: Question) -> Explained:
    if (named := method.decode(errors="replace")) not in METHODS:
        raise SandboxError("answer", "an unknown way of explaining")
    base, *_ = values = np.frombuffer(payload, dtype="<f8").astype(np.float64)
    if not (np.abs(values) <= MOST_PART).all():
        raise SandboxError("answer", "some parts of scores are NaN, infinite or beyond any sum")
    return Explained(named, float(base), values[1:].reshape(question.rows, question.columns))


def _end(returncode: int, runs_code: bool, said: str) -> SandboxError:
    """A reader of a format without code that a signal ended has crashed on the file."""
    crashed = returncode < 0 and returncode != -signal.SIGKILL
    ended = signal.Signals(-returncode).name if crashed else f"exit status {returncode}" if returncode > 0 else ""
    if crashed and not runs_code:
        return SandboxError("crashed", ended)
    return SandboxError("ended", said or ended)


def read_answer(data: bytes, rows: int, *, amounts: bool = False) -> tuple[np.ndarray, Mapping[str, str], str]:
    """Scores, versions and saved-with version out of all the child sent after its layers; raises SandboxError.

    The versions were sent before the model was opened; everything after them is taken as written by an adversary.
    """
    frames = split(data)
    kinds = "".join(kind for kind, _ in frames)
    saved_with = frames[1][1].decode(errors="replace") if kinds.startswith("VW") else ""
    if kinds in ("E", "VE", "VWE"):
        raise _refusal(frames[-1][1].decode(errors="replace"), saved_with)
    if kinds in ("", "V", "VW"):
        raise SandboxError("ended")
    if kinds not in ("VS", "VWS"):
        raise DisorderError
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


def last_line(noise: bytes | bytearray) -> str:
    """The last line the child printed that is not blank; control characters are still in it."""
    lines = [line for line in bytes(noise).decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _layers(conversation: Conversation) -> tuple[str, ...]:
    if len(conversation.answer) < FRAME.size:
        raise SandboxError("start", last_line(conversation.noise))
    (_, layers), *_ = split(bytes(conversation.answer))
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
        "explained": job.explained,
    }


def _environment(home: str, explained: bool) -> dict[str, str]:
    """Nothing of this process's own environment: no token, one thread, the same hashes every time."""
    environment = {"HOME": home, "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0", "JOBLIB_MULTIPROCESSING": "0"}
    environment |= dict.fromkeys(ONE_THREAD, "1")
    if explained:
        environment["NUMBA_DISABLE_JIT"] = "1"  # what shap would compile takes longer to compile than to interpret
    if site.ENABLE_USER_SITE:
        environment["PYTHONUSERBASE"] = site.getuserbase()
    else:
        environment["PYTHONNOUSERSITE"] = "1"
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        environment["LD_LIBRARY_PATH"] = f"{sys.base_prefix}/lib"
    return environment


@contextlib.contextmanager
def _child(empty: str, explained: bool) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-c", START, str(Path(__file__).resolve().parents[2])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=empty,
            env=_environment(empty, explained),
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
