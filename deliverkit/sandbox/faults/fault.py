"""One fault that was added, and the store of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from deliverkit.sandbox.access.request import Request

MOST_STRIKES = 10_000
"""Strikes that are remembered; later ones are only counted."""


@dataclass
class Fault:
    """A fault.

    Attributes:
        id: `f-1`.
        kind: Name of its kind.
        values: Its settings, all of them; times in seconds.
        added_at: Virtual moment.
        random: Its own dice, so that its choices depend on nothing but the seed and how often it was asked.
        strikes: How often it struck.
        memory: What its kind has to remember.
        is_begun: True while a fault of machines or alarms is under way.
        is_cleared: True once it was taken back.
        among: Ids of the instances that a fault of instances may befall; None for all.
    """

    id: str
    kind: str
    values: Mapping[str, Any]
    added_at: datetime
    random: Random
    strikes: int = 0
    memory: dict[str, Any] = field(default_factory=dict)
    is_begun: bool = False
    is_cleared: bool = False
    among: frozenset[str] | None = None

    @property
    def begins_at(self) -> datetime:
        """When it begins."""
        return self.added_at + timedelta(seconds=self.values["after"])

    @property
    def ends_at(self) -> datetime | None:
        """When it ends; None when only clearing ends it."""
        lasts = self.values["for"]
        return None if lasts is None else self.begins_at + timedelta(seconds=lasts)

    def state(self, now: datetime) -> str:
        """`waiting`, `active` or `over`."""
        is_used_up = self.values.get("count") is not None and self.strikes >= self.values["count"]
        if self.is_cleared or is_used_up or (self.ends_at is not None and now >= self.ends_at):
            return "over"
        return "active" if now >= self.begins_at else "waiting"

    def is_at(self, account: str, region: str) -> bool:
        """True for an account and region that it means."""
        return fnmatchcase(account, self.values["account"]) and fnmatchcase(region, self.values["region"])

    def may_befall(self, instance_id: str) -> bool:
        """True for an instance that may be chosen."""
        return self.among is None or instance_id in self.among

    def means_service(self, request: Request) -> bool:
        """True for a request to a service, region and account that it means, whatever the operation."""
        return self.is_at(request.account, request.region) and fnmatchcase(request.service, self.values["service"])

    def means(self, request: Request) -> bool:
        """True for a request that it may strike."""
        return self.means_service(request) and fnmatchcase(request.operation, self.values["operation"])

    def is_exceeded(self, now: datetime) -> bool:
        """Count a matching request; True when it is beyond the rate, or there is none."""
        rate = self.values.get("rate")
        if rate is None:
            return True
        second = int(now.timestamp())
        seen = self.memory["seen"] + 1 if self.memory.get("second") == second else 1
        self.memory.update(second=second, seen=seen)
        return bool(seen > rate)

    def throws(self) -> bool:
        """Throw the dice for one request."""
        return self.random.random() < float(self.values["probability"])


@dataclass(frozen=True, slots=True)
class Strike:
    """One time that a fault struck: a request, an instance or an alarm."""

    at: datetime
    fault: str
    kind: str
    what: str
    account: str
    region: str


@dataclass
class FaultStore:
    """All faults of a sandbox.

    Attributes:
        faults: In the order they were added, which is the order they are applied in.
        strikes: What they did.
        added: How many there have ever been.
        retries: Requests that were a client's second or later try, by service, while there were faults.
    """

    faults: list[Fault] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    added: int = 0
    retries: dict[str, int] = field(default_factory=dict)

    def note(self, fault: Fault, now: datetime, what: str, account: str, region: str) -> None:
        """Count a strike, and remember it."""
        fault.strikes += 1
        if len(self.strikes) < MOST_STRIKES:
            self.strikes.append(Strike(now, fault.id, fault.kind, what, account, region))
