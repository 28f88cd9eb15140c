"""Taking measurements: all checks that fall due at once, side by side; those that can ask together, in one question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from deliverkit.check_ports import Asked, BatchChecker, CheckContext, Checker, Interruptible
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.domain.plan import Leg, Plan
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Phase, Rollout
from deliverkit.ports import Clock

PARALLEL = 16
Taken = tuple[int, Measurement | None]
Work = Callable[[], Iterable[Taken]]
"""Takes measurements, each with its place among those that were asked for."""


class Gatekeeper:
    """Measures checks with the checker of their kind."""

    def __init__(self, checkers: Callable[[str], Checker], *, clock: Clock) -> None:
        """Take the way to the checker of a kind, which raises LookupError for an unknown one, and time."""
        self._checker = checkers
        self._clock = clock

    def measure(self, asked: Sequence[Asked]) -> tuple[Measurement, ...]:
        """One measurement of each check that has come to one, in their order."""
        works: list[Work] = []
        together: dict[int, tuple[BatchChecker, list[int]]] = {}
        used: dict[int, Checker] = {}
        for index, (check, context) in enumerate(asked):
            try:
                checker = self._checker(check.kind)
            except LookupError as error:
                works.append(_known(index, self._unknown(check, error)))
                continue
            used[id(checker)] = checker
            if isinstance(checker, BatchChecker):
                together.setdefault(id(checker), (checker, []))[1].append(index)
            else:
                works.append(_alone(index, checker, check, context))
        works.extend(_batch(checker, places, asked) for checker, places in together.values())
        return self._all(works, used.values())

    def _all(self, works: Sequence[Work], used: Iterable[Checker]) -> tuple[Measurement, ...]:
        with ThreadPoolExecutor(max_workers=max(1, min(PARALLEL, len(works)))) as pool:
            try:
                taken = dict(pair for pairs in pool.map(lambda work: tuple(work()), works) for pair in pairs)
            except BaseException:
                # SIGTERM: the pool waits for its threads, and Jenkins waits 20 s for us.
                for checker in used:
                    if isinstance(checker, Interruptible):
                        checker.interrupt()
                raise
        return tuple(found for _, found in sorted(taken.items()) if found is not None)

    def _unknown(self, check: Check, error: LookupError) -> Measurement:
        """Fails closed: what nobody can measure is an error, never a pass."""
        return Measurement(check.gate, self._clock.now(), Verdict.ERROR, str(error.args[0]), check=check.name)


def _known(index: int, found: Measurement) -> Work:
    return lambda: ((index, found),)


def _alone(index: int, checker: Checker, check: Check, context: CheckContext) -> Work:
    return lambda: ((index, checker.measure(check, context)),)


def _batch(checker: BatchChecker, places: Sequence[int], asked: Sequence[Asked]) -> Work:
    return lambda: zip(places, checker.measure_all([asked[place] for place in places]), strict=True)


def context_for(rollout: Rollout, leg: Leg, release: Release, keys: Iterable[str]) -> CheckContext:
    """What checks of a leg may ask about, with the release that should be healthy."""
    wanted = tuple(keys)
    states = {key: rollout.analysis(key).state for key in wanted}
    return CheckContext(
        values={**values_for(rollout.plan, leg, release), "promotion.id": rollout.id},
        endpoint=leg.endpoint,
        regions=leg.regions,
        application=leg.application,
        group=leg.group,
        samples={key: rollout.sample(key) for key in wanted},
        since=rollout.since if rollout.phase is Phase.BAKING else rollout.measured_from or rollout.opened_at,
        until=rollout.bake_until if rollout.phase is Phase.BAKING else None,
        states={key: state for key, state in states.items() if state is not None},
    )


def values_for(plan: Plan, leg: Leg, release: Release) -> dict[str, str]:
    """Values of the placeholders that hold for a whole leg."""
    return {
        "application": plan.application,
        "environment": leg.environment,
        "region": leg.regions[0],
        "release.version": release.version,
        "release.digest": release.digest,
        "release.commit": release.source.commit if release.source else "",
    }
