"""The catalogue of metrics: every metric of every family, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from glassalpha_action.cube import Cube
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics import calibration, data_quality, fairness, performance, power, robustness
from glassalpha_action.metrics.catalogue import Metric
from glassalpha_action.records import Measurement

FAMILIES = (performance, calibration, fairness, data_quality, power, robustness)

CATALOGUE: Mapping[str, Metric] = {
    found.id: found for family in FAMILIES for found in vars(family).values() if isinstance(found, Metric)
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


def measure(
    rows: Evidence | None, cube: Cube, confidence: float, wanted: Iterable[tuple[str, Mapping[str, float]]] = ()
) -> tuple[Measurement, ...]:
    """Every metric at its own parameters, then the `wanted` ones (name, parameters) that differ from those."""
    found: list[Measurement] = []
    for one in CATALOGUE.values():
        found += one.measure(rows, cube, confidence, {})
    for name, params in wanted:
        if not matching(name, params, found):
            found += known(name).measure(rows, cube, confidence, params)
    return tuple(found)
