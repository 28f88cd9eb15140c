"""Two series as the looks of a comparison: what a value means, by its kind and by what stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deliverkit.domain.judge.looks import Look, Tally
from deliverkit.domain.judge.rules import SeriesKind
from deliverkit.domain.series import Cell, Series, Tick
from deliverkit.errors import UsageError

_RATES_HINT = "give the number of failed requests as value and all requests as n"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the rows of two series mean.

    Attributes:
        kind: What is compared; events out of requests are `errors`, whatever they were called.
        tally: Makes a tally of one arm's rows in a tick.
        note: What people should know of how the rows were read; empty for nothing.
    """

    kind: SeriesKind
    tally: Callable[[Cell], Tally]
    note: str = ""

    def look(self, tick: Tick) -> Look | None:
        """A look at a tick; None where an arm has no row."""
        if tick.baseline is None or tick.candidate is None:
            return None
        return Look(tick.at, self.tally(tick.baseline), self.tally(tick.candidate))


def meaning_of(kind: SeriesKind, baseline: Series, candidate: Series) -> Meaning:
    """How the rows of two series are read.

    Raises:
        UsageError: If a row contradicts the kind, or the arms each other; the message names file and line.
    """
    arms = [arm for arm in (baseline, candidate) if len(arm)]
    if len({arm.weights is None for arm in arms}) == 2:
        has, lacks = sorted(arms, key=lambda arm: arm.weights is None)
        raise UsageError(
            f"{has.name} has a column n, {lacks.name} has none: they cannot be compared",
            hint="give both files the same columns: at,value,n",
        )
    if kind is not SeriesKind.LATENCY:
        for arm in arms:
            arm.refuse_duplicates()
    has_requests = bool(arms) and arms[0].weights is not None
    return _MEANINGS[kind, has_requests](arms)


def _counted(arms: list[Series]) -> Meaning:
    """Failed requests and requests; a value that is no whole number is the share of them that failed."""
    if any(arm.fraction for arm in arms):
        _refuse_mixture(arms)
        _refuse_above(arms, "is neither a count nor a share: the values of line {line} and others are shares")
        note = "values were read as shares of n that failed, each rounded to whole requests"
        return Meaning(SeriesKind.ERRORS, _of_shares, f"{note}; counts are exact")
    for arm in arms:
        for row, (value, weight) in enumerate(zip(arm.values, arm.weights or (), strict=True)):
            if value > weight:
                raise UsageError(
                    f"{arm.place(row)}: {value:g} of {weight:g} requests failed, more than there were", hint=_RATES_HINT
                )
    return Meaning(SeriesKind.ERRORS, _of_counts)


def _rates(arms: list[Series]) -> Meaning:
    """Shares of requests of which nobody knows how many there were."""
    _refuse_above(arms, "is no share of requests, and without a column n nobody knows of how many")
    return Meaning(SeriesKind.ERRORS, _of_rates, f"rates without requests tell far less than counts: {_RATES_HINT}")


def _events(arms: list[Series]) -> Meaning:
    for arm in arms:
        if arm.fraction:
            raise UsageError(
                f"{arm.name}:{arm.fraction}: value is no whole number of events",
                hint="give the events of each row's own stretch of time, not a rate or an average",
            )
    return Meaning(SeriesKind.COUNT, lambda cell: Tally(events=sum(cell.values)))


def _events_of_requests(arms: list[Series]) -> Meaning:
    counted = _counted(arms)
    return Meaning(SeriesKind.ERRORS, counted.tally, "with a column n, events are compared as shares of n")


def _response_times(_arms: list[Series]) -> Meaning:
    return Meaning(SeriesKind.LATENCY, _of_times)


def _refuse_mixture(arms: list[Series]) -> None:
    """See that no arm holds counts and the other one shares; a 1 may be either, unless it is 1 of 1.

    Raises:
        UsageError: If the values of one are all whole, and those of the other are not.
    """
    shares = next(arm for arm in arms if arm.fraction)
    for arm in arms:
        if arm.fraction:
            continue
        for row, (value, weight) in enumerate(zip(arm.values, arm.weights or (), strict=True)):
            if value and (value, weight) != (1, 1):
                raise UsageError(
                    f"{arm.place(row)}: {value:g} of {weight:g} is a whole number, as all of {arm.name}, and "
                    f"{shares.name}:{shares.fraction} is a share: counts or shares?",
                    hint="give counts in both files, or shares with a percent sign, such as 5% and 100%",
                )


def _refuse_above(arms: list[Series], problem: str) -> None:
    """See that all values are shares.

    Raises:
        UsageError: If one is more than everything.
    """
    fraction = next((arm.fraction for arm in arms if arm.fraction), 0)
    for arm in arms:
        for row, value in enumerate(arm.values):
            if value > 1:
                what = problem.format(line=fraction)
                raise UsageError(f"{arm.place(row)}: {value:g} {what}", hint=f"{_RATES_HINT}; or --kind count")


def _of_counts(cell: Cell) -> Tally:
    return Tally(sum(cell.values), sum(cell.weights or ()))


def _of_shares(cell: Cell) -> Tally:
    weights = cell.weights or ()
    failed = sum(float(round(share * n)) for share, n in zip(cell.values, weights, strict=True))
    return Tally(failed, sum(weights))


def _of_rates(cell: Cell) -> Tally:
    return Tally(sum(cell.values) / len(cell.values))


def _of_times(cell: Cell) -> Tally:
    weights = cell.weights or (1.0,) * len(cell.values)
    latencies = tuple((seconds, n) for seconds, n in zip(cell.values, weights, strict=True) if n)
    return Tally(requests=sum(n for _, n in latencies), latencies=latencies)


_MEANINGS: Mapping[tuple[SeriesKind, bool], Callable[[list[Series]], Meaning]] = {
    (SeriesKind.ERRORS, True): _counted,
    (SeriesKind.ERRORS, False): _rates,
    (SeriesKind.COUNT, True): _events_of_requests,
    (SeriesKind.COUNT, False): _events,
    (SeriesKind.LATENCY, True): _response_times,
    (SeriesKind.LATENCY, False): _response_times,
}
