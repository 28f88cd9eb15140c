"""Since when gates have to be passed, and since when somebody has watched: nobody is late who could not look."""

from __future__ import annotations

from datetime import datetime, timedelta

from deliverkit.domain.ledger import Event
from deliverkit.domain.rollout import Phase, Rollout

GAP = timedelta(minutes=2)
"""Without an event for so long, nobody drove: whoever attaches then begins to watch anew."""
_BEFORE_ARRIVAL = frozenset({Phase.DEPLOYING, Phase.VERIFYING})


def came_back(last: Event, attached: Event) -> datetime | None:
    """When a driver attached after a time in which nobody drove; None when somebody had until now."""
    return attached.at if attached.at - last.at > GAP else None


def is_before_arrival(rollout: Rollout) -> bool:
    """True while the targets may still serve the release before: what is measured then does not speak for this one."""
    return rollout.phase in _BEFORE_ARRIVAL


def due_at(rollout: Rollout) -> datetime | None:
    """From when on gates have to be passed in a phase; None where they only must not fail."""
    if rollout.phase is Phase.CHECKING:
        return rollout.since
    return (rollout.bake_until or rollout.since) if rollout.phase is Phase.BAKING else None


def awaited_since(rollout: Rollout, due: datetime) -> datetime:
    """Since when gates that are due could be measured: not before a pause ended, and somebody came back."""
    return max(due, rollout.since, rollout.watched_from or due)
