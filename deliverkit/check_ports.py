"""Ports of checks: what measures a gate, what it may ask about, and what it asks for metrics.

A checker observes and lets `domain.checks` assess. What cannot be asked is an `error` measurement, never an exception.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from deliverkit.domain.gate import Check, Measurement
    from deliverkit.domain.metrics import MetricQuery, MetricSeries


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may ask about.

    Attributes:
        values: Values of the placeholders that hold for the whole environment (release, region, promotion...).
        endpoint: The environment's base URL, still with `${target...}` placeholders.
        regions: Regions of the leg.
        application: CodeDeploy application, and `group` its deployment group.
        samples: Names of the measurements that are to be taken, by the check's key: the same ones until they are on
            record.
        since: When there began to be anything to watch: the release's arrival at its targets, or the run's begin.
        until: When the bake time ends and the gate has to be passed; None when that is not known yet.
        states: What checks carry from one measurement to the next, by the check's key.
    """

    values: Mapping[str, str]
    endpoint: str
    regions: tuple[str, ...]
    application: str
    group: str
    samples: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    states: Mapping[str, Any] = field(default_factory=dict)


class Checker(Protocol):
    """Measures the checks of one kind."""

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Take one sample; None while it takes its time, and the same one is asked for again.

        What cannot be asked is an `error` measurement, never an exception.
        """
        ...


Asked = tuple["Check", CheckContext]
"""A check that falls due, with what it may ask about."""


@runtime_checkable
class BatchChecker(Protocol):
    """Measures many checks, of many gates, with few questions."""

    def measure_all(self, asked: Sequence[Asked]) -> Sequence[Measurement | None]:
        """One sample of each, in their order, as `Checker.measure` takes it alone."""
        ...


class MetricSource(Protocol):
    """Where metrics are kept."""

    def read(self, queries: Collection[MetricQuery]) -> Mapping[MetricQuery, MetricSeries]:
        """The series of every query, with the fewest calls; what cannot be read has a `problem`, and nothing is raised.

        Equal queries are asked once.
        """
        ...


@runtime_checkable
class Interruptible(Protocol):
    """A checker whose measurements may take longer than a process has that is told to end."""

    def interrupt(self) -> None:
        """End what is being measured, soon; nothing need be measured afterwards."""
        ...
