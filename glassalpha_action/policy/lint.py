"""What is doubtful about a policy that can be read: rules that see a whole file, each finding with its line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Literal, Protocol

from glassalpha_action.documents import KeyPath, Place, plain
from glassalpha_action.policy.citations import GONE, Authority, Citations
from glassalpha_action.policy.compare import Span, accepted, exact
from glassalpha_action.policy.schema import Gate, LoadedPolicy, Policy
from glassalpha_action.vocabulary import Comparison, Severity, Unit

Level = Literal["error", "warning", "note"]
Counts = Sequence[tuple[float, float]]
GapInterval = Callable[[Counts, float], tuple[float, float]]

NOTICE = timedelta(days=14)
STRICT = {Comparison.greater_than, Comparison.less_than}
FLOORS = {Comparison.greater_than, Comparison.greater_than_or_equal}
CEILINGS = {Comparison.less_than, Comparison.less_than_or_equal}
AT_LEAST = re.compile(r"≥|>=|\bat least\b|\bminim(?:um|al)\b|\bno less than\b|\bfloor\b", re.IGNORECASE)
AT_MOST = re.compile(r"≤|<=|\bat most\b|\bmaxim(?:um|al)\b|\bno more than\b|\bceiling\b", re.IGNORECASE)


class Metric(Protocol):
    """What the rules look at in a metric."""

    @property
    def id(self) -> str:
        """The name policies call it by."""

    @property
    def unit(self) -> Unit:
        """What its number counts."""

    @property
    def lowest(self) -> float:
        """The least it can be; minus infinity where nothing bounds it."""

    @property
    def highest(self) -> float:
        """The most it can be; infinity where nothing bounds it."""

    @property
    def of_rates(self) -> bool:
        """Whether it is a gap or a ratio of rates of groups."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One doubt: an error makes the policy unusable, a warning wants a decision, a note is good to know."""

    rule: str
    level: Level
    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.level}: {plain(self.message)} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class _Read:
    """What the rules look at."""

    found: LoadedPolicy
    metrics: Mapping[str, Metric]
    citations: Citations
    today: date
    gap: GapInterval

    @property
    def policy(self) -> Policy:
        return self.found.policy

    def at(self, rule: str, level: Level, path: KeyPath, message: str) -> Finding:
        place = self.found.tree.place(path) or Place(self.found.name, 1)
        return Finding(rule, level, place.file, place.line, message)

    def gates(self) -> Iterator[tuple[int, Gate, Metric]]:
        for i, gate in enumerate(self.policy.gates):
            yield i, gate, self.metrics[gate.metric]


def lint(
    found: LoadedPolicy,
    metrics: Mapping[str, Metric],
    citations: Citations,
    today: date,
    gap: GapInterval,
) -> list[Finding]:
    """Everything doubtful about `found` as of `today`, in the order of its lines.

    `metrics` has every metric by its name and its aliases; `gap(counts, confidence)` is the interval of the largest
    difference between rates given as (successes, n).
    """
    read = _Read(found, metrics, citations, today, gap)
    findings = [finding for rule in RULES for finding in rule(read)]
    return sorted(findings, key=lambda f: (f.file != found.name, f.file, f.line or 0, f.rule))


def _unreachable(read: _Read) -> Iterator[Finding]:
    for i, gate, metric in read.gates():
        if gate.baseline:
            continue
        possible = Span(*((exact(end) if math.isfinite(end) else end, 0) for end in (metric.lowest, metric.highest)))
        wanted = accepted(gate.comparison, gate.threshold)
        path = ("gates", i, "threshold")
        if _apart(wanted, possible):
            asked = f"`{gate.name}` asks {metric.id} {_limit(gate)}"
            text = f"{asked}, which no model reaches: {_range(metric)}."
            yield read.at("unreachable", "error", path, text)
        elif gate.comparison is not Comparison.present and possible.within(wanted):
            text = f"`{gate.name}` asks {metric.id} {_limit(gate)}, which every model meets; the gate never fails."
            yield read.at("unreachable", "warning", path, text)


def _range(metric: Metric) -> str:
    if math.isinf(metric.lowest):
        return f"it is {metric.highest:g} at most"
    if math.isinf(metric.highest):
        return f"it is {metric.lowest:g} at least"
    return f"it lies from {metric.lowest:g} to {metric.highest:g}"


def _contradictions(read: _Read) -> Iterator[Finding]:
    """Gates that cannot hold beside an earlier one on the same numbers, or that never decide anything beside it."""
    alike: dict[object, list[tuple[Gate, Span]]] = {}
    for j, gate, metric in read.gates():
        if gate.baseline or gate.overrides or gate.comparison is Comparison.present:
            continue
        span = accepted(gate.comparison, gate.threshold)
        earlier = alike.setdefault((metric.id, tuple(sorted(gate.params.items())), gate.scope), [])
        beside = (_beside(read, ("gates", j), one, (gate, span)) for one in earlier)
        yield from [found for found in beside if found][:1]
        earlier.append((gate, span))


def _beside(read: _Read, path: KeyPath, first: tuple[Gate, Span], second: tuple[Gate, Span]) -> Finding | None:
    (one, a), (other, b) = first, second
    if one.applies_to and other.applies_to and one.applies_to != other.applies_to:
        return None
    if not (_apart(a, b) or a.within(b) or b.within(a)):
        return None
    both = f"`{one.name}` asks {one.metric} {_limit(one)}, `{other.name}` {_limit(other)}"
    if _apart(a, b):
        level: Level = "error" if one.severity is other.severity is Severity.error else "warning"
        return read.at("contradiction", level, path, f"{both}: no model can meet both.")
    strict, loose = (one, other) if a.within(b) else (other, one)
    waits = strict.enforce_from is not None and strict.enforce_from > read.today
    elsewhere = strict.applies_to not in {None, loose.applies_to}
    if _weight(strict) < _weight(loose) or waits or elsewhere or loose.warn_threshold is not None:
        return None
    text = f"{both}: `{loose.name}` never decides anything, as `{strict.name}` fails first and weighs as much."
    return read.at("unreachable", "warning", path, text)


def _apart(one: Span, other: Span) -> bool:
    return max(one.low, other.low) > min(one.high, other.high)


def _weight(gate: Gate) -> int:
    return (Severity.info, Severity.warning, Severity.error).index(gate.severity)


def _rationales(read: _Read) -> Iterator[Finding]:
    for i, gate in enumerate(read.policy.gates):
        if not gate.rationale:
            text = f"`{gate.name}` has no rationale; say in a sentence why the limit stands where it does."
            yield read.at("rationale", "warning", ("gates", i), text)


def _dates(read: _Read) -> Iterator[Finding]:
    policy, today = read.policy, read.today
    announced, effective = policy.announced_date, policy.effective_date
    told = announced or today
    if effective and (announced or effective > today) and effective - told < NOTICE:
        days = (effective - told).days
        since = f"announced on {told.isoformat()}" if announced else "not announced yet (`announced_date`)"
        text = f"effective on {effective.isoformat()} but {since}: {days} days' notice, where teams need 14."
        yield read.at("notice", "warning", ("effective_date",), text)
    review = policy.review_cycle.next_review
    if review and review < today:
        late = (today - review).days
        text = (
            f"the review due on {review.isoformat()} is {late} days overdue; review the policy, then set the next one."
        )
        yield read.at("review", "warning", ("review_cycle", "next_review"), text)
    if policy.sunset_date and policy.sunset_date < today:
        text = f"the policy applied until {policy.sunset_date.isoformat()}; it judges nothing since."
        yield read.at("sunset", "warning", ("sunset_date",), text)
    for i, gate in enumerate(policy.gates):
        if gate.enforce_from and policy.sunset_date and gate.enforce_from > policy.sunset_date:
            text = f"`{gate.name}` blocks from {gate.enforce_from.isoformat()}, when the policy no longer applies."
            yield read.at("unreachable", "warning", ("gates", i, "enforce_from"), text)


def _boundaries(read: _Read) -> Iterator[Finding]:
    """Strict comparisons where the limit itself was probably meant to pass."""
    for i, gate, metric in read.gates():
        said = _strictly(gate, metric)
        if said:
            text = (
                f"`{gate.name}`: {said}; a model at exactly {_value(gate)} fails. If it should pass, write "
                f"`comparison: {gate.comparison.value}_or_equal`."
            )
            yield read.at("boundary", "warning", ("gates", i, "comparison"), text)


def _strictly(gate: Gate, metric: Metric) -> str | None:
    if gate.comparison not in STRICT:
        return None
    above = gate.comparison is Comparison.greater_than
    if metric.unit is Unit.rows:
        return f"`{gate.comparison.value}` on {metric.id}, which counts whole rows"
    words = (AT_LEAST if above else AT_MOST).search(" ".join(filter(None, (gate.name, gate.clause, gate.rationale))))
    if words:
        return f'its text says "{words[0]}", its comparison `{gate.comparison.value}`'
    return f"`{gate.comparison.value}` sets a floor that does not hold itself" if above else None


def _noise(read: _Read) -> Iterator[Finding]:
    """Parity gates that models without any disparity break at the smallest groups the policy lets through."""
    rules, n = read.policy.statistics, _least_rows(read)
    if n is None or (rules.decision == "bound" and rules.on_inconclusive == "review"):
        return
    _, reach = read.gap([(n / 2, n), (n / 2, n)], rules.confidence)
    for i, gate, metric in read.gates():
        limit = _largest_gap(gate, metric)
        if limit is None or gate.baseline or not 0 < limit < reach:
            continue
        fair = 2 * (1 - NormalDist().cdf(limit / math.sqrt(0.5 / n)))
        text = (
            f"`{gate.name}` asks {metric.id} {_limit(gate)}, but with {n:,} rows a group, which the policy lets "
            f"through, two groups treated alike still lie up to {reach:.2f} apart (95% interval): chance alone breaks "
            f"it in about {fair:.0%} of fair models. Ask for more rows, or decide by `statistics: {{decision: bound}}`."
        )
        yield read.at("noise", "warning", ("gates", i, "threshold"), text)


def _least_rows(read: _Read) -> int | None:
    """The smallest group the policy lets through without asking for more."""
    least = [read.policy.statistics.min_group_n] if read.policy.statistics.min_group_n else []
    for _, gate, metric in read.gates():
        if metric.id == "min_group_size" and isinstance(gate.threshold, float):
            if gate.comparison is Comparison.greater_than:
                least.append(math.floor(gate.threshold) + 1)
            if gate.comparison is Comparison.greater_than_or_equal:
                least.append(math.ceil(gate.threshold))
    return max(least, default=None)


def _largest_gap(gate: Gate, metric: Metric) -> float | None:
    """The difference between two rates around one half that the gate still accepts."""
    limit = gate.threshold
    if not isinstance(limit, float) or gate.severity is Severity.info or not metric.of_rates:
        return None
    if metric.unit is Unit.difference and gate.comparison in CEILINGS:
        return limit
    if metric.unit is Unit.ratio and gate.comparison in FLOORS:
        return (1 - limit) / (1 + limit)
    return None


def _citations(read: _Read) -> Iterator[Finding]:
    places: dict[str, list[KeyPath]] = {}
    for path, text in _cited(read.policy):
        for authority in read.citations.cited_in(text):
            places.setdefault(authority.id, []).append(path)
    for authority in read.citations.authorities:
        if authority.id in places:
            yield from _stale(read, authority, places[authority.id])


def _cited(policy: Policy) -> Iterator[tuple[KeyPath, str]]:
    if policy.citation:
        yield ("citation",), policy.citation
    for i, text in enumerate(policy.citations):
        yield ("citations", i), text
    for i, gate in enumerate(policy.gates):
        if gate.clause:
            yield ("gates", i, "clause"), gate.clause


def _stale(read: _Read, authority: Authority, paths: Sequence[KeyPath]) -> Iterator[Finding]:
    ahead = authority.applies_from is not None and authority.applies_from > read.today
    if authority.status in GONE or authority.status == "amended":
        level: Level = "warning"
    elif ahead and authority.applies_from and not _waits(read, paths, authority.applies_from):
        level = "warning"
    elif ahead or authority.status in {"repeal_proposed", "uncertain"}:
        level = "note"
    else:
        return
    also = [str(read.found.tree.line(*path)) for path in paths[1:]]
    more = f" Cited on line{'s' if len(also) > 1 else ''} {', '.join(also)} too." if also else ""
    yield read.at("citation", level, paths[0], f"{authority.standing(read.today)}{more}")


def _waits(read: _Read, paths: Sequence[KeyPath], day: date) -> bool:
    """Whether nothing that cites an authority blocks before the day it applies."""
    policy = read.policy
    if policy.enforcement == "advisory" or (policy.effective_date and policy.effective_date >= day):
        return True
    gates = [policy.gates[int(path[1])] for path in paths if path[0] == "gates"]
    return bool(gates) and all(
        g.severity is not Severity.error or (g.enforce_from and g.enforce_from >= day) for g in gates
    )


def _extends(read: _Read) -> Iterator[Finding]:
    extends, base = read.policy.extends, read.found.base
    if extends and base and extends.sha256 is None and not read.found.name.startswith("pack:"):
        text = (
            f"extends {extends.source} without a digest, so that it changes with it; to pin what it is today, write "
            f"`extends: {{source: {extends.source}, sha256: {base.sha256}}}`."
        )
        yield read.at("extends", "note", ("extends",), text)


RULES: Sequence[Callable[[_Read], Iterator[Finding]]] = (
    _unreachable, _contradictions, _rationales, _dates, _boundaries, _noise, _citations, _extends,
)  # fmt: skip


def _value(gate: Gate) -> str:
    limits = gate.threshold if isinstance(gate.threshold, tuple) else (gate.threshold,)
    return " to ".join(f"{limit:.15g}" for limit in limits if limit is not None)


def _limit(gate: Gate) -> str:
    return f"{gate.comparison.sign} {_value(gate)}".strip()
