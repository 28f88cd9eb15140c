"""Rules that run on a schedule, in the sandbox's own time.

Source: EventBridge User Guide, "Creating a rule that runs on a schedule": `rate(5 minutes)` counts from the rule's
creation, `cron(0 12 * * ? *)` is in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from deliverkit.sandbox.codepipeline.conditions.cron import CronError, parse
from deliverkit.sandbox.events.delivery import deliver, event_time
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.clock import Timer
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_events import RuleOfBus, scheduled_rules

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.+)\)")


@dataclass
class Schedules:
    """When each rule runs next, by its ARN and its expression; a changed expression begins anew, None never runs."""

    due: dict[tuple[str, str], datetime | None] = field(default_factory=dict)


class Scheduler:
    """The engine that runs them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._timer: Timer | None = None

    def start(self) -> None:
        """Go on with what an earlier process knew."""
        self.look()

    def stop(self) -> None:
        """Nothing to end: the timers stop with the world."""

    def look(self) -> None:
        """Run what is due, learn of new rules, and wait for the next; somebody talked to EventBridge."""
        with self._world.lock:
            now, store = self._world.clock.now(), self._world.store(Schedules, "", "")
            rules = {(rule.arn, rule.schedule): rule for rule in scheduled_rules()}
            store.due = {key: at for key, at in store.due.items() if key in rules}
            for key, rule in rules.items():
                if key not in store.due:
                    store.due[key] = next_run(rule.schedule, now)
                at = store.due[key]
                if at is not None and at <= now:
                    self._run(rule, at)
                    store.due[key] = next_run(rule.schedule, at)
            self._wait(min((at for at in store.due.values() if at is not None), default=None), now)

    def _run(self, rule: RuleOfBus, at: datetime) -> None:
        if not rule.is_enabled:
            return
        event = {
            "version": "0",
            "id": chance.uuid4(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": rule.account,
            "time": event_time(at),
            "region": rule.region,
            "resources": [rule.arn],
            "detail": {},
        }
        self._world.timers.soon(partial(deliver, self._world, rule, event))

    def _wait(self, due: datetime | None, now: datetime) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Rules are found anew at every start, and so is this timer.
        self._timer = None if due is None else self._world.timers.after(due - now, self.look, is_kept=False)


def next_run(schedule: str, after: datetime) -> datetime | None:
    """The first run after a moment; None for a schedule that is over or can not be read."""
    rate = _RATE.fullmatch(schedule)
    if rate is not None:
        return after + timedelta(**{f"{rate[2]}s": int(rate[1])})
    cron = _CRON.fullmatch(schedule)
    try:
        return parse(f"0 {cron[1]}").opens_after(after + timedelta(seconds=1), UTC) if cron else None
    except CronError:
        return None
