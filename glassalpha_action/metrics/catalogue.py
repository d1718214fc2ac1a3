"""What a metric is made of: a function whose parameters name the evidence it needs, and the words that go with it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from glassalpha_action.cube import Cube, Slice
from glassalpha_action.digests import settled
from glassalpha_action.evidence import CLASSIFICATION, COUNTED, MISSING, Evidence, Holding
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.records import Advice, Definition, Group, Measurement
from glassalpha_action.vocabulary import AND, Better, Unit

COMBINATIONS_LIMIT = 2_000
UP_TO_ONE = {Unit.share, Unit.probability, Unit.difference}
MISFITS = {
    "decisions": "it judges decisions between two labels, and there are none here",
    "amounts": "it judges predicted amounts, and this model decides between two labels",
    "labels": "it needs rows labelled one way or the other, and there are none here",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a metric's function returns: a number with what belongs to it, or the reason why there is none.

    `subject` says what the groups are where they are no levels of an attribute, such as "Feature".
    """

    value: Fraction | float | None
    n: int
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    between: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    of: str | None = None
    detail: str | None = None
    p_value: float | None = None
    bounds: tuple[float, float] | None = None
    subject: str | None = None

    def adding(self, detail: str) -> Estimate:
        """The estimate with one more sentence beside it."""
        return replace(self, detail=" ".join(filter(None, (self.detail, detail))))


def undefined(reason: str, n: int, groups: tuple[Group, ...] = (), of: str | None = None) -> Estimate:
    """An estimate that could not be made, and why."""
    return Estimate(None, n, reason=reason, groups=groups, of=of)


@dataclass(frozen=True)
class Metric:
    """One metric: a pure function of the evidence its parameters name.

    `whole` asks for the cube's total, `group` for the cube by one attribute (the metric is then measured once for
    each), `cube` for all of it, `rows` for the rows themselves, `ranking` for how scores rank labels, `confidence` for
    the level of intervals. Keyword parameters with a default are what a gate's `params` may set. `judges` is what it
    judges; of rows that hold no such thing it says so. Its value lies from `lowest` to `highest`, which are infinite
    where nothing bounds it. `of_rates` says that it is a gap or a ratio of how often groups are decided some way.
    """

    function: Callable[..., Estimate]
    title: str
    unit: Unit
    better: Better
    advice: Advice
    aliases: tuple[str, ...]
    judges: Holding = "decisions"
    family: str = ""
    lowest: float = 0.0
    highest: float = 1.0
    of_rates: bool = False

    @property
    def id(self) -> str:
        """The name policies call it by."""
        return self.function.__name__

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @property
    def needs(self) -> tuple[str, ...]:
        """The evidence it asks for."""
        return tuple(p.name for p in self._signature.parameters.values() if p.default is p.empty)

    @property
    def params(self) -> Mapping[str, float]:
        """What a gate may set, with its default."""
        return {p.name: p.default for p in self._signature.parameters.values() if p.default is not p.empty}

    @property
    def per_attribute(self) -> bool:
        """Whether it is measured once for each protected attribute."""
        return "group" in self.needs

    @property
    def definition(self) -> Definition:
        """The metric as product text."""
        return Definition(
            id=self.id,
            title=self.title,
            family=self.family,
            unit=self.unit,
            better=self.better,
            definition=inspect.getdoc(self.function) or "",
            advice=self.advice,
            aliases=self.aliases,
        )

    def fits(self, rows: Evidence | None) -> bool:
        """Whether the rows hold what it judges; a cube alone is of decisions."""
        return self.judges in (rows.holds if rows is not None else CLASSIFICATION)

    def measure(
        self,
        rows: Evidence | None,
        cube: Cube,
        confidence: float,
        params: Mapping[str, float],
        ranking: Ranking | None = None,
        left_out: str | None = None,
    ) -> Iterable[Measurement]:
        """Its measurements, one for each attribute where it compares groups. Metrics may share a `ranking`'s work.

        `left_out` is why it is not to be measured.
        """
        for names in [(a.name,) for a in cube.axes] if self.per_attribute else [()]:
            yield self.measure_over(names, rows, cube, confidence, params, ranking=ranking, left_out=left_out)

    def measure_over(
        self,
        names: tuple[str, ...],
        rows: Evidence | None,
        cube: Cube,
        confidence: float,
        params: Mapping[str, float],
        *,
        missing: bool = False,
        ranking: Ranking | None = None,
        left_out: str | None = None,
    ) -> Measurement:
        """Its measurement over the combinations of the attributes `names`, or of the whole model where there are none.

        With `missing`, rows without a value are a group like any other. A combination that no row has is no group.
        """
        ranking = ranking or Ranking(rows, cube)
        given: dict[str, Any] = {"rows": rows, "cube": cube, "confidence": confidence, "ranking": ranking}
        levels = math.prod(len(a.levels) for a in cube.axes if a.name in names)
        if left_out:
            estimate = undefined(left_out, cube.rows)
        elif not self.fits(rows):
            estimate = undefined(MISFITS[self.judges], cube.rows)
        elif rows is None and "rows" in self.needs:
            estimate = undefined("it needs rows, and only their counts were given", cube.rows)
        elif len(names) > 1 and levels > COMBINATIONS_LIMIT:
            estimate = undefined(f"more than {COMBINATIONS_LIMIT:,} combinations of levels", cube.rows)
        else:
            seen = ranking.by(*names)
            given["group" if names else "whole"] = _counting(seen, COUNTED) if missing else seen
            estimate = self.function(**{name: given[name] for name in self.needs}, **params)
        found = self._recorded(estimate, AND.join(names) or None, confidence, params)
        kept = [g for g in found.groups if g.n or len(names) < 2]
        groups = [g.model_copy(update=_as_recorded(g)) for g in kept]
        return found.model_copy(
            update={
                "groups": tuple(groups),
                "between": tuple(_renamed(level, COUNTED, MISSING) for level in found.between),
                "combines": names if len(names) > 1 else (),
                "counts_missing": missing,
            }
        )

    def _recorded(
        self, found: Estimate, attribute: str | None, confidence: float, params: Mapping[str, float]
    ) -> Measurement:
        return Measurement(
            metric=self.id,
            title=self.title,
            unit=self.unit,
            better=self.better,
            value=_settled(found.value),
            exact=str(found.value) if isinstance(found.value, Fraction) else None,
            reason=found.reason,
            low=_settled(found.low),
            high=_settled(found.high),
            confidence=confidence,
            n=found.n,
            attribute=attribute,
            between=found.between,
            groups=found.groups,
            of=found.of,
            params=dict(self.params) | dict(params),
            detail=found.detail,
            p_value=_settled(found.p_value),
            bounds=found.bounds and (settled(found.bounds[0]), settled(found.bounds[1])),
            subject=found.subject,
        )


def _as_recorded(group: Group) -> dict[str, Any]:
    ends = {name: _settled(getattr(group, name)) for name in ("value", "low", "high")}
    return {"level": _renamed(group.level, COUNTED, MISSING), **ends}


def _settled(number: Fraction | float | None) -> float | None:
    return None if number is None else settled(float(number))


def _counting(group: Slice, name: str) -> Slice:
    """The slice with rows that have no value as a level called `name`, which gaps compare like any other."""
    levels = tuple(_renamed(level, MISSING, name) for level in group.axis.levels)
    return replace(group, axis=replace(group.axis, levels=levels))


def _renamed(level: str, old: str, new: str) -> str:
    return AND.join(new if part == old else part for part in level.split(AND))


def metric(
    title: str,
    *,
    unit: Unit,
    better: Better,
    issue: str,
    causes: Iterable[str],
    fixes: Iterable[str],
    aliases: Iterable[str] = (),
    judges: Holding = "decisions",
    family: str | None = None,
    lowest: float = 0.0,
    highest: float | None = None,
    of_rates: bool = False,
) -> Callable[[Callable[..., Estimate]], Metric]:
    """Make a function a metric; its docstring is the definition readers see, the rest the advice on failing it.

    Its family is the file it stands in, unless named. Unless it is said, shares, probabilities and differences go up to
    1, and nothing bounds the other units.
    """
    most = (1.0 if unit in UP_TO_ONE else math.inf) if highest is None else highest
    advice = Advice(issue=issue, causes=tuple(causes), fixes=tuple(fixes))

    def wrap(function: Callable[..., Estimate]) -> Metric:
        own = function.__module__.rpartition(".")[2]
        return Metric(
            function, title, unit, better, advice, tuple(aliases), judges, family or own, lowest, most, of_rates
        )

    return wrap
