"""moto's event buses: the rules on them, and the events that moto would deliver itself.

moto delivers what PutEvents brings to queues, log groups and buses only, and fails the request for every other target.
Here its rules hand events over to the sandbox's own delivery; archives stay moto's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

Receive = Callable[["RuleOfBus", Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class RuleOfBus:
    """One rule of an event bus, as it was when it was looked at.

    Attributes:
        account: Account id.
        region: Region name.
        arn: The rule's ARN.
        is_enabled: False when it was disabled.
        pattern: What events must be like; empty for a schedule.
        targets: As PutTargets has them.
        schedule: `rate(...)` or `cron(...)`; empty for a rule that waits for events.
    """

    account: str
    region: str
    arn: str
    is_enabled: bool
    pattern: Mapping[str, Any]
    targets: Sequence[Mapping[str, Any]]
    schedule: str = ""


def redirect_rules(receive: Receive) -> None:
    """Let moto's rules hand over every event that no archive waits for."""
    from moto.events.models import Rule  # noqa: PLC0415  (moto takes time to import)

    def instead_of(send_to_targets: Callable[..., None]) -> Callable[..., None]:
        def hand_over(rule: Any, original_event: Any, transform_input: bool = True) -> None:
            if _feeds_archive(rule):
                send_to_targets(rule, original_event, transform_input)
            else:
                receive(_rule(rule), original_event)

        return hand_over

    replace(Rule, "send_to_targets", instead_of)


def rules_of(account: str, region: str, bus: str) -> list[RuleOfBus]:
    """The rules of a bus, those of archives left out; none when there is no such bus."""
    from moto.backends import get_backend  # noqa: PLC0415

    found = get_backend("events")[account][region].event_buses.get(bus)
    return [] if found is None else [_rule(rule) for rule in list(found.rules.values()) if not _feeds_archive(rule)]


def scheduled_rules() -> list[RuleOfBus]:
    """Every rule of every account and region that runs on a schedule."""
    from moto.backends import get_backend  # noqa: PLC0415

    return [
        _rule(rule)
        for regional in list(get_backend("events").values())
        for backend in list(regional.values())
        for bus in list(backend.event_buses.values())
        for rule in list(bus.rules.values())
        if rule.scheduled_expression
    ]


def _rule(rule: Any) -> RuleOfBus:
    is_enabled = str(rule.state).startswith("ENABLED")
    pattern, targets = rule.event_pattern.get_pattern(), tuple(dict(target) for target in rule.targets)
    schedule = str(rule.scheduled_expression or "")
    return RuleOfBus(rule.account_id, rule.region_name, rule.arn, is_enabled, pattern, targets, schedule)


def _feeds_archive(rule: Any) -> bool:
    return any(_is_archive(target["Arn"]) for target in rule.targets)


def _is_archive(arn: str) -> bool:
    return arn.startswith("arn:") and arn.split(":")[2] == "events" and not arn.split(":", 5)[5].strip(":")
