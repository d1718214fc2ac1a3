"""The talk with a model's process: frames both ways at once, within a deadline and caps."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from typing import IO, cast

from glassalpha_action.load.child import FRAME

OUT_OF_ORDER = "frames out of order"
NOISE_CAP = 8 << 10  # bytes kept of what the child prints


class SandboxError(Exception):
    """There are no scores: `kind` says why (model.py has the sentences), `detail` is text that nobody vouches for."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


class DisorderError(SandboxError):
    """Frames that were not asked for, or are not whole: no answer of this child can be told from a forged one."""

    def __init__(self, detail: str = OUT_OF_ORDER) -> None:
        super().__init__("answer", detail)


def parts(kind: str, payload: bytes) -> list[bytes]:
    """A frame as what is to be sent: its head, its payload."""
    return [FRAME.pack(kind.encode(), len(payload)), payload]


def split(data: bytes) -> list[tuple[str, bytes]]:
    """The frames in `data`, each its kind and payload; DisorderError where the last is not whole."""
    frames = []
    at = 0
    while at < len(data):
        if len(data) - at < FRAME.size:
            raise DisorderError("a frame without its length")
        kind, length = FRAME.unpack_from(data, at)
        at += FRAME.size
        if length > len(data) - at:
            raise DisorderError("a frame shorter than its length")
        frames.append((kind.decode("latin-1"), data[at : at + length]))
        at += length
    return frames


class Conversation:
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
                    if waiting:
                        raise DisorderError("an answer before the question")
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
            raise DisorderError("more bytes than the scores take")
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
