"""Progress on stderr: one line per change for logs, a heartbeat each minute, one redrawn line for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from deliverkit.cli.options import Console
from deliverkit.cli.render import doing
from deliverkit.domain.gate import key_of
from deliverkit.domain.ledger import Event
from deliverkit.domain.rollout import Cause, Phase, Rollout

HEARTBEAT = timedelta(minutes=1)


class Progress:
    """Tells what happens to one promotion while it is watched."""

    def __init__(self, console: Console) -> None:
        """Take the console."""
        self._console = console
        self._told_at: datetime | None = None
        self._is_drawn = False

    def event(self, event: Event, rollout: Rollout) -> None:
        """Tell an event, if it says something new to people."""
        line = _line(event, rollout)
        if line:
            self._erase()
            self._console.tell(f"{event.at:%H:%M:%S}  {line}")
            self._told_at = event.at

    def tick(self, rollout: Rollout, now: datetime) -> None:
        """Redraw the live line, or give a sign of life each minute."""
        if self._console.is_live:
            waited = int((now - rollout.since).total_seconds())
            self._console.redraw(f"          {doing(rollout)} ({waited} s)"[:_WIDTH])
            self._is_drawn = True
        elif self._told_at is None:
            self._told_at = now
        elif now - self._told_at >= HEARTBEAT:
            self._console.tell(f"{now:%H:%M:%S}  still {doing(rollout)}")
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


def _measured(event: Event, rollout: Rollout) -> str:
    # A passing sample is no news, nor one that merely adds evidence; the first that does not pass is what people want
    # to see at once.
    bad = [m for m in event.payload["measurements"] if m["outcome"] != "passed" and not m.get("is_open")]
    keys = (key_of(m["gate"], m.get("check", "")) for m in bad)
    return "; ".join(f"gate {key} {m['outcome']}: {m['reason']}" for key, m in zip(keys, bad, strict=True))


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
    "gate.measured": _measured,
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
