"""Tries again what another writer or the network cut off: within bounds, and so that many writers come through."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from glassalpha_action.documents import UserError
from glassalpha_action.registry.remote import RaceLostError, UnreachableError

SHORTEST = 0.01
GROWTH = 1.5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on: lost races count towards `attempts`, other failures in a row towards `failures`.

    The pause before trying again is drawn evenly from nothing to a ceiling (full jitter) of at most `longest` seconds.
    For a lost race that is what the quickest attempt took, half as much again with each, so that it grows with
    contention and fits slow remotes and fast ones; for a failure it starts at two seconds and doubles.
    """

    attempts: int = 50
    failures: int = 8
    seconds: float = 900.0
    longest: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform
    clock: Callable[[], float] = time.monotonic


READING = Patience(failures=3)


def persist(attempt: Callable[[], T], failed: str, patience: Patience | None = None) -> T:
    """The result of the first attempt that is neither outrun nor cut off; UserError (4) when patience is at its end."""
    patience = patience or Patience()
    begun, quickest, failures, tried, said = patience.clock(), math.inf, 0, 0, ""
    while True:
        started, tried = patience.clock(), tried + 1
        try:
            return attempt()
        except RaceLostError as error:
            failures, said = 0, str(error)
        except UnreachableError as error:
            failures, said = failures + 1, str(error)
        quickest = max(min(quickest, patience.clock() - started), SHORTEST)
        ceiling = 2.0**failures if failures else quickest * GROWTH ** min(tried, 40)
        pause = patience.uniform(0, min(patience.longest, ceiling))
        last = tried == patience.attempts or failures == patience.failures
        if last or patience.clock() + pause - begun > patience.seconds:
            break
        patience.sleep(pause)
    raise UserError(f"{failed} after {tried} attempts in {patience.clock() - begun:.0f} s ({said})", exit_code=4)
