"""Whom each fault of a rehearsal struck, when and how often, and whether the promotion had anything to do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deliverkit.rehearsing.performance import UNDER_WAY, Stage
from deliverkit.rehearsing.targets import Place

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Victim:
    """A request's operation, an instance or an alarm that a fault struck.

    Attributes:
        what: As the sandbox calls it: `codedeploy:GetDeployment`, an instance id, an alarm and its new state.
        region: Region name.
        place: Where an instance belongs; None for anything else.
        times: How often.
        first: The first time, on the sandbox's clock.
        last: The last time.
        is_tested: False for an instance into which nothing was deployed while the fault lasted.
    """

    what: str
    region: str
    place: Place | None
    times: int
    first: datetime
    last: datetime
    is_tested: bool


@dataclass(frozen=True, slots=True)
class Struck:
    """What one declared fault did.

    Attributes:
        fault: The fault as the sandbox lists it.
        victims: Whom it struck.
    """

    fault: Json
    victims: Sequence[Victim]

    @property
    def can_strike(self) -> bool:
        """False for a fault that was declared with a probability of 0."""
        return bool(self.fault["settings"].get("probability", 1))

    @property
    def is_tested(self) -> bool:
        """True when the promotion met the fault."""
        return any(each.is_tested for each in self.victims)

    def document(self) -> Json:
        """The fault as JSON; times in seconds are counted from its beginning to be declared."""
        return {
            **self.fault,
            "is_tested": self.is_tested,
            "victims": [_victim(each, datetime.fromisoformat(self.fault["added_at"])) for each in self.victims],
        }


def whom_they_struck(
    faults: Sequence[Json], strikes: Sequence[Json], places: Mapping[str, Place], stages: Sequence[Stage]
) -> tuple[Struck, ...]:
    """What every fault did.

    Args:
        faults: As the sandbox lists them.
        strikes: Every strike, as the sandbox remembers them.
        places: Where each target belongs, by its id.
        stages: What the promotion did meanwhile.
    """
    return tuple(Struck(fault, _victims(fault, strikes, places, stages)) for fault in faults)


def _victims(
    fault: Json, strikes: Sequence[Json], places: Mapping[str, Place], stages: Sequence[Stage]
) -> tuple[Victim, ...]:
    moments: dict[tuple[str, str], list[datetime]] = {}
    for each in strikes:
        if each["fault"] == fault["id"]:
            moments.setdefault((each["what"], each["region"]), []).append(datetime.fromisoformat(each["at"]))
    found = []
    for (what, region), times in moments.items():
        place = places.get(what)
        is_tested = place is None or _is_under_way(stages, place.environment, times[0], _end(fault, times[0]))
        found.append(Victim(what, region, place, len(times), times[0], times[-1], is_tested))
    return tuple(found)


def _end(fault: Json, beginning: datetime) -> datetime | None:
    lasts = fault["settings"].get("for")
    return None if lasts is None else beginning + timedelta(seconds=lasts)


def _is_under_way(stages: Sequence[Stage], environment: str, beginning: datetime, end: datetime | None) -> bool:
    there = [each for each in stages if each.environment == environment and (end is None or each.began_at <= end)]
    # A stage that nobody saw end went on when its last event had been heard.
    return any(each.state == UNDER_WAY or each.ended_at >= beginning for each in there)


def _victim(victim: Victim, since: datetime) -> Json:
    place = victim.place
    return {
        "what": victim.what,
        "region": victim.region,
        "environment": place.environment if place else None,
        "number": place.number if place else None,
        "of": place.count if place else None,
        "times": victim.times,
        "first_at": victim.first.isoformat(),
        "first_after_seconds": round((victim.first - since).total_seconds(), 1),
        "last_after_seconds": round((victim.last - since).total_seconds(), 1),
        "is_tested": victim.is_tested,
    }
