"""What every backend says to a caller that cannot go on as it began."""

from __future__ import annotations

from glassalpha_action.documents import UserError


def closed(name: str) -> UserError:
    """The registry was closed."""
    return UserError(f"{name} is closed: open it again")


def other_thread(name: str) -> UserError:
    """The registry was opened in another thread, and its backend keeps to one."""
    return UserError(f"{name} was opened in another thread: open it in each thread that uses it")


def no_text(name: str) -> UserError:
    """What was asked for holds bytes that are no text, as the command line hands them on."""
    return UserError(f"{name}: what was asked for is no text: it holds half of a character (a lone surrogate)")
