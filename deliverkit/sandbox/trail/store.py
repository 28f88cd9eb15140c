"""What CloudTrail's event history holds: management events of 90 days, by account and region."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

RETENTION = timedelta(days=90)
MOST_RECORDS = 10_000
"""Events that are kept of an account and region; the oldest go first."""
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


@dataclass(frozen=True, slots=True)
class Record:
    """One event.

    Attributes:
        at: When the request was answered, virtual time.
        id: The event's id.
        access_key: Who signed.
        event: The record as CloudTrail writes it.
        resources: Types and names of the resources that it is about.
    """

    at: datetime
    id: str
    access_key: str
    event: Mapping[str, Any]
    resources: tuple[tuple[str, str], ...] = ()

    @property
    def user_name(self) -> str:
        """The caller's user, session, or `root`."""
        who = self.event["userIdentity"]
        return str(who.get("userName") or str(who["arn"]).rpartition(":")[2].rpartition("/")[2])


@dataclass
class Trail:
    """The event history of an account and region, the oldest event first."""

    records: deque[Record] = field(default_factory=lambda: deque(maxlen=MOST_RECORDS))
    count: int = 0

    def add(self, record: Record) -> None:
        """Keep an event, and forget what is too old."""
        self.count += 1
        self.records.append(record)
        while self.records[0].at < record.at - RETENTION:
            self.records.popleft()
