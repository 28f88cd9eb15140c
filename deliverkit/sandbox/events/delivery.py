"""From an event to the targets of the rules that it matches.

Every notice of the world becomes an event on the default bus of its account and region; events of PutEvents come by way
of moto's rules. Nothing is delivered inside the publisher's stack, and no failure reaches it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from deliverkit.sandbox.events.patterns import matches
from deliverkit.sandbox.events.targets import Parcel, send
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.world import Notice, World
from deliverkit.sandbox.moto_events import RuleOfBus, rules_of

log = logging.getLogger(__name__)
DEFAULT_BUS = "default"


def publish_notice(world: World, notice: Notice) -> None:
    """Make an event of a notice and let it find its targets soon."""
    event = {
        "version": "0",
        "id": chance.uuid4(),
        "detail-type": notice.detail_type,
        "source": notice.source,
        "account": notice.account,
        "time": event_time(world.clock.now()),
        "region": notice.region,
        "resources": list(notice.resources),
        "detail": dict(notice.detail),
    }
    world.timers.soon(partial(route, world, notice.account, notice.region, DEFAULT_BUS, event))


def route(world: World, account: str, region: str, bus: str, event: Mapping[str, Any]) -> None:
    """Deliver an event to the targets of every rule of a bus that it matches; the event tells where it came from."""
    for rule in rules_of(account, region, bus):
        offer(world, rule, event)


def offer(world: World, rule: RuleOfBus, event: Mapping[str, Any]) -> None:
    """Deliver an event to the targets of one rule if it matches; errors are logged."""
    # A rule without a pattern runs on a schedule.
    if rule.is_enabled and rule.pattern and matches(rule.pattern, event):
        deliver(world, rule, event)


def deliver(world: World, rule: RuleOfBus, event: Mapping[str, Any]) -> None:
    """Deliver an event to the targets of a rule; errors are logged."""
    for target in rule.targets:
        try:
            send(world, Parcel(rule.account, rule.region, rule.arn, target, event))
        except Exception:
            log.exception("an event could not be delivered to %s", target.get("Arn"))


def offer_soon(world: World, rule: RuleOfBus, event: Mapping[str, Any]) -> None:
    """Deliver an event that somebody put onto a bus; moto hands it over rule by rule."""
    known = {name: value for name, value in event.items() if name != "ingestion-time"}
    given = event.get("time")
    moment = datetime.fromtimestamp(float(given), UTC) if isinstance(given, int | float) else world.clock.now()
    known["time"] = given if isinstance(given, str) else event_time(moment)
    world.timers.soon(partial(offer, world, rule, known))


def event_time(moment: datetime) -> str:
    """A moment as events carry it: whole seconds, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
