"""Queries of Logs Insights that were started, and how far they are: on the sandbox's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from deliverkit.sandbox.logs.run import Found

SCHEDULED_FOR = timedelta(milliseconds=100)
RUNNING_FOR = timedelta(milliseconds=400)
"""AWS says nothing of how long a query takes; a client must meet both states if it looks at once."""
KEPT_FOR = timedelta(days=7)
"""For how long results can be had (CloudWatch Logs User Guide, "CloudWatch Logs quotas")."""
MOST_KEPT = 500
"""Queries whose results are kept, so that a sandbox that is asked all day does not grow."""


@dataclass
class Query:
    """One query.

    Attributes:
        id: UUID.
        text: The query string.
        groups: Names of the log groups.
        started_at: When it was started.
        user: ARN of who started it.
        found: What it finds, told once it is complete.
        stopped_at: When it was stopped.
    """

    id: str
    text: str
    groups: tuple[str, ...]
    started_at: datetime
    user: str
    found: Found
    stopped_at: datetime | None = None

    def status(self, now: datetime) -> str:
        """`Scheduled`, `Running`, `Complete` or `Cancelled`."""
        if self.stopped_at is not None:
            return "Cancelled"
        age = now - self.started_at
        if age < SCHEDULED_FOR:
            return "Scheduled"
        return "Running" if age < SCHEDULED_FOR + RUNNING_FOR else "Complete"

    def is_under_way(self, now: datetime) -> bool:
        """True until it is complete or stopped."""
        return self.status(now) in {"Scheduled", "Running"}

    def duration(self, now: datetime) -> timedelta:
        """How long it took, or takes so far."""
        end = self.stopped_at or min(now, self.started_at + SCHEDULED_FOR + RUNNING_FOR)
        return end - self.started_at


@dataclass
class QueryBook:
    """The queries of an account and region, in the order in which they were started."""

    queries: dict[str, Query] = field(default_factory=dict)

    def add(self, query: Query) -> None:
        """Keep a query, and forget those whose results are no longer to be had."""
        oldest = query.started_at - KEPT_FOR
        kept = [each for each in self.queries.values() if each.started_at > oldest][-(MOST_KEPT - 1) :]
        self.queries = {each.id: each for each in [*kept, query]}
