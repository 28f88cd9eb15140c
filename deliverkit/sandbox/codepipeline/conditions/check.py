"""One evaluation of a condition, as it is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deliverkit.sandbox.codepipeline.definition import Condition
from deliverkit.sandbox.codepipeline.state import ActionRun, Status


@dataclass(slots=True)
class Check:
    """One evaluation of a condition.

    Attributes:
        kind: `BEFORE_ENTRY`, `ON_SUCCESS` or `ON_FAILURE`.
        condition: What is checked.
        runs: The rules, running together.
        updated_at: Of the last change of its status.
        status: `InProgress`, `Succeeded`, `Failed`, `Errored`, `Cancelled`, `Abandoned` or `Overridden`.
        summary: Why, in words.
    """

    kind: str
    condition: Condition
    runs: list[ActionRun]
    updated_at: datetime
    status: Status = Status.IN_PROGRESS
    summary: str = ""

    @property
    def is_met(self) -> bool:
        """True when its result is not to be applied."""
        return self.status in (Status.SUCCEEDED, Status.OVERRIDDEN)

    def end(self, status: Status, now: datetime, summary: str = "") -> None:
        """Write down how it ended."""
        self.status, self.updated_at, self.summary = status, now, summary
