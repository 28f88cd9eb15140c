"""Progress on stderr: one line per change for logs, a heartbeat each minute, one redrawn line for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from deliverkit.cli.options import Console
from deliverkit.cli.render import doing
from deliverkit.domain.gate import Verdict, key_of
from deliverkit.domain.ledger import Event
from deliverkit.domain.rollout import Cause, Phase, Rollout

HEARTBEAT = timedelta(minutes=1)


State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Story(Generic[State]):
    """How progress is told.

    Attributes:
        line: What an event says to people; empty for nothing new. Measurements are told of everywhere alike.
        doing: What goes on.
        since: Since when.
    """

    line: Callable[[Event, State], str]
    doing: Callable[[State], str]
    since: Callable[[State], datetime]


class Progress(Generic[State]):
    """Tells what happens to one promotion, or to one run of gates, while it is watched."""

    def __init__(self, console: Console, story: Story[State]) -> None:
        """Take the console, and how it is told."""
        self._console = console
        self._story = story
        self._samples = Samples()
        self._told_at: datetime | None = None
        self._is_drawn = False

    def event(self, event: Event, state: State) -> None:
        """Tell an event, if it says something new to people."""
        is_sample = event.kind == "gate.measured"
        line = self._samples.line(event) if is_sample else self._story.line(event, state)
        if line:
            self._erase()
            self._console.tell(f"{event.at:%H:%M:%S}  {line}")
            self._told_at = event.at

    def tick(self, state: State, now: datetime) -> None:
        """Redraw the live line, or give a sign of life each minute."""
        if self._console.is_live:
            waited = int((now - self._story.since(state)).total_seconds())
            self._console.redraw(f"          {self._story.doing(state)} ({waited} s)"[:_WIDTH])
            self._is_drawn = True
        elif self._told_at is None:
            self._told_at = now
        elif now - self._told_at >= HEARTBEAT:
            self._console.tell(f"{now:%H:%M:%S}  still {self._story.doing(state)}")
            self._told_at = now

    def close(self) -> None:
        """Leave nothing half-drawn behind."""
        self._erase()

    def _erase(self) -> None:
        if self._is_drawn:
            self._console.redraw("")
            self._is_drawn = False


_WIDTH = 106
Words = Callable[[Event, Rollout], str]


def _line(event: Event, rollout: Rollout) -> str:
    words = _WORDS.get(event.kind)
    return words(event, rollout) if words else ""


class Samples:
    """Tells the samples that did not pass; an error that comes again in the same words is told when it is over."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._errors: dict[str, tuple[str, int]] = {}

    def line(self, event: Event) -> str:
        """What an event's samples say to people, in one line; empty for nothing new."""
        # A passing sample is no news; the first that does not pass is what people want to see at once.
        return "; ".join(filter(None, map(self._told, event.payload["measurements"])))

    def _told(self, measurement: Mapping[str, Any]) -> str:
        name, outcome, reason = _name(measurement), measurement["outcome"], measurement["reason"]
        before, again = self._errors.pop(name, ("", 0))
        told = f"gate {name} {outcome}: {reason}"
        if outcome == Verdict.ERROR:
            is_known = before == reason and again > 0
            self._errors[name] = (reason, again + 1 if is_known else 1)
            return "" if is_known else told
        if outcome == Verdict.PASSED or measurement.get("is_open"):
            return f"gate {name} is measured again, after {again} errors alike" if again > 1 else ""
        return told


def _name(measurement: Mapping[str, Any]) -> str:
    return key_of(measurement["gate"], measurement.get("check", ""))


def _judged(event: Event, rollout: Rollout) -> str:
    return f"{rollout.leg.label}: gate {event.payload['gate']} {event.payload['verdict']}: {event.payload['reason']}"


def _verified(event: Event, rollout: Rollout) -> str:
    asked = event.payload["targets"]
    until = (
        f"; bakes until {rollout.bake_until:%H:%M:%S}" if rollout.phase is Phase.BAKING and rollout.bake_until else ""
    )
    return f"{rollout.leg.label}: {len(asked)} of {len(asked)} targets serve {rollout.plan.release.version}{until}"


def _rollback_verified(event: Event, rollout: Rollout) -> str:
    previous = rollout.leg.previous
    count = len(event.payload["targets"])
    return f"{rollout.leg.label}: {count} of {count} targets serve {previous.version if previous else '?'} again"


def _decided(event: Event, rollout: Rollout) -> str:
    word = "approved" if event.payload["is_approved"] else "rejected"
    return f"{event.payload['gate']}: {word} by {rollout.decisions[-1].who}: {event.payload['reason']}"


def _failed(event: Event, rollout: Rollout) -> str:
    # A gate that failed was told with its reason the line before.
    is_told = event.payload["cause"] == Cause.GATE.value and rollout.passages
    return f"{rollout.leg.label}: stopping" if is_told else f"FAILED: {event.payload['reason']}"


def _count(approvals: int) -> str:
    return "an approval" if approvals == 1 else f"{approvals} approvals"


_WORDS: Mapping[str, Words] = {
    "environment.claimed": lambda event, _: f"{event.payload['environment']}: lease taken",
    "gate.judged": _judged,
    "approval.requested": lambda event, _: f"{event.payload['gate']}: waits for {_count(event.payload['needed'])}",
    "approval.decided": _decided,
    "leg.admitted": lambda _, rollout: f"{rollout.leg.label}: admitted, deploying {rollout.plan.release.version}",
    "deployment.observed": lambda _, rollout: (
        f"{rollout.leg.label}: {rollout.carriage.reason if rollout.carriage else ''}"
    ),
    "leg.deployed": lambda _, rollout: f"{rollout.leg.label}: deployed; asking the targets what they serve",
    "leg.verified": _verified,
    "bake.finished": lambda _, rollout: f"{rollout.leg.label}: judged good",
    "leg.accepted": lambda _, rollout: f"{rollout.leg.label}: accepted",
    "rollout.paused": lambda event, _: f"paused, a human has to decide: {event.payload['reason']}",
    "rollout.resumed": lambda event, _: f"goes on by decision of {event.payload['by']}: {event.payload['reason']}",
    "rollout.failed": _failed,
    "rollback.requested": lambda _, rollout: f"{rollout.leg.environment}: going back to the last good release",
    "rollback.begun": lambda event, rollout: f"{rollout.leg.environment}: rollback to {event.payload['version']} begun",
    "rollback.retried": lambda event, _: f"the rollback failed, trying once more directly: {event.payload['reason']}",
    "rollback.deployed": lambda _, rollout: (
        f"{rollout.leg.environment}: rolled back; asking the targets what they serve"
    ),
    "rollback.verified": _rollback_verified,
    "promotion.aborted": lambda event, _: f"abort asked for by {event.actor} ({event.payload['mode']})",
    # The command's own last words say the rest.
    "promotion.concluded": lambda _, rollout: rollout.outcome.value.replace("_", " ") if rollout.outcome else "",
}
PROMOTION: Story[Rollout] = Story(_line, doing, lambda rollout: rollout.since)
"""How a promotion's progress is told."""
