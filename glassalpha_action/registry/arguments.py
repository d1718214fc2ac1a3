"""Checks the arguments of the public methods against the types that they are declared with."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from pydantic import ConfigDict, ValidationError, validate_call

from glassalpha_action.documents import UserError

P = ParamSpec("P")
T = TypeVar("T")
TYPES = ConfigDict(strict=True, arbitrary_types_allowed=True)


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """The function, which refuses an argument of another type in one sentence that names it (UserError)."""
    declared = signature(function)
    names = list(declared.parameters)

    @validate_call(config=TYPES)
    @wraps(function)
    def check(*args: P.args, **kwargs: P.kwargs) -> None:
        """Takes what the function takes, and does nothing."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        declared.bind(*args, **kwargs)
        try:
            check(*args, **kwargs)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = first["loc"][0]
            name = names[place] if isinstance(place, int) else place
            # What was given may be a secret: only its type is told.
            rule, given = first["msg"].removeprefix("Input "), type(first["input"]).__name__
            raise UserError(f"{function.__name__}: {name} {rule}, not this {given}") from None
        return function(*args, **kwargs)

    return call
