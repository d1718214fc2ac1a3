"""The catalogue of metrics: every metric of every family, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from glassalpha_action.cube import Cube
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics import (
    calibration,
    confusion,
    data_quality,
    explainability,
    fairness,
    likeness,
    performance,
    power,
    proxies,
    regression,
    robustness,
    stability,
)
from glassalpha_action.metrics.catalogue import Metric
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.records import Measurement

FAMILIES = (performance, calibration, fairness, data_quality, robustness, explainability, regression)
FILES = (*FAMILIES, confusion, likeness, power, proxies, stability)
LEFT_OUT = "audit.sections leaves it out of this dev-profile audit"

CATALOGUE: Mapping[str, Metric] = {
    found.id: found for file in FILES for found in vars(file).values() if isinstance(found, Metric)
}
ALIASES: Mapping[str, str] = {alias: found.id for found in CATALOGUE.values() for alias in found.aliases}


def known(name: str) -> Metric:
    """The metric called `name`, or by an alias; KeyError where there is none."""
    return CATALOGUE[ALIASES.get(name, name)]


def matching(name: str, params: Mapping[str, float], found: Iterable[Measurement]) -> list[Measurement]:
    """Those of `found` that measure the metric called `name` at `params`, its defaults standing for the rest."""
    one = known(name)
    wanted = dict(one.params) | dict(params)
    return [m for m in found if m.metric == one.id and dict(m.params) == wanted]


Wanted = tuple[str, Mapping[str, float], tuple[tuple[str, ...], ...], bool]


def measure(
    rows: Evidence | None,
    cube: Cube,
    confidence: float,
    wanted: Iterable[Wanted] = (),
    families: Collection[str] | None = None,
) -> tuple[Measurement, ...]:
    """Every metric that judges what the rows hold, at its own parameters; then the `wanted` ones that lack.

    One wanted is a name, parameters, combinations of attributes to measure as well, and whether rows without a value
    are a group in all of it. Combinations of attributes that the rows do not have are left out. Where `families` are
    given, metrics of the others are left unmeasured, with that reason.
    """
    found: list[Measurement] = []
    ranking = Ranking(rows, cube)
    why = {one.id: LEFT_OUT for one in CATALOGUE.values() if families is not None and one.family not in families}
    for one in CATALOGUE.values():
        if one.fits(rows):
            found += one.measure(rows, cube, confidence, {}, ranking, why.get(one.id))
    there = {axis.name for axis in cube.axes}
    for name, params, combinations, missing in wanted:
        one = known(name)
        if not matching(name, params, found):
            found += one.measure(rows, cube, confidence, params, ranking, why.get(one.id))
        if not one.per_attribute:
            continue
        alone = [(axis.name,) for axis in cube.axes] if missing else []
        for names in [*alone, *(c for c in combinations if there.issuperset(c))]:
            done = {(m.combines or (m.attribute,), m.counts_missing) for m in matching(name, params, found)}
            if (names, missing) not in done:
                found.append(
                    one.measure_over(
                        names, rows, cube, confidence, params,
                        missing=missing, ranking=ranking, left_out=why.get(one.id),
                    )
                )  # fmt: skip
    return tuple(found)
