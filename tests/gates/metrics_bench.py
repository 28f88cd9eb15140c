"""What tests of checks of metrics share: a sandbox with its metrics, a clock in their hand, one way to measure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deliverkit.adapters.aws.metric_data import CloudWatchMetrics
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check, Measurement, Policy
from deliverkit.engine.metric_gates import MetricChecker
from deliverkit.sandbox.server import Sandbox
from deliverkit.testing.clock import FakeClock

REGION = "us-east-1"
_NUMBERS = itertools.count(1)


def aws_at(endpoint: str, **more: Any) -> Aws:
    return Aws(
        Account(region=REGION, endpoint_url=endpoint, access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="s"),
        **more,
    )


@dataclass
class MetricsBench:
    """A sandbox, and a clock that stands at the beginning of an hour, some hours ago.

    Attributes:
        aws: Clients of the sandbox.
        clock: Time as checks see it.
        calls: How often GetMetricData was called.
    """

    aws: Aws
    clock: FakeClock
    calls: list[datetime] = field(default_factory=list)

    @property
    def hour(self) -> datetime:
        """The hour at whose beginning the clock started."""
        return self._hour

    def __post_init__(self) -> None:
        self._hour = self.clock.now()

    def count(self, **_: Any) -> None:
        """Hear of a call."""
        self.calls.append(self.clock.now())

    def namespace(self) -> str:
        """One that nobody else uses."""
        return f"Shop{next(_NUMBERS)}"

    def put(
        self,
        metric: str,
        values: Mapping[int, float] | Iterable[float],
        dimensions: Mapping[str, str] | None = None,
        region: str = REGION,
    ) -> None:
        """Values of a metric, `NAMESPACE NAME`, by the minute after the clock's hour, or one for each from it on."""
        namespace, _, name = metric.partition(" ")
        by_minute = values if isinstance(values, Mapping) else dict(enumerate(values))
        listed = [{"Name": key, "Value": value} for key, value in (dimensions or {}).items()]
        data = [
            {
                "MetricName": name,
                "Dimensions": listed,
                "Value": value,
                "Timestamp": self.hour + timedelta(minutes=minute),
            }
            for minute, value in by_minute.items()
        ]
        for start in range(0, len(data), 500):
            self.aws.client("cloudwatch", region).put_metric_data(
                Namespace=namespace, MetricData=data[start : start + 500]
            )

    def at(self, minute: float) -> None:
        """Let the clock reach a minute after its hour."""
        self.clock.sleep_until(self.hour + timedelta(minutes=minute))

    def checker(self) -> MetricChecker:
        """A checker as a new process has it."""
        return MetricChecker(CloudWatchMetrics(self.aws, self.clock), self.clock)

    def context(self, **more: Any) -> CheckContext:
        """A leg in one region."""
        return context(**more)

    def measure(self, kind: str, spec: Mapping[str, Any], **more: Any) -> Measurement:
        """One sample by a new process."""
        sample = self.checker().measure(check_of(kind, spec), self.context(**more))
        assert sample is not None
        return sample


def context(**more: Any) -> CheckContext:
    return CheckContext({"release.version": "1.1", "region": REGION}, "", (REGION,), "shop", "shop-prod", **more)


def check_of(kind: str, spec: Mapping[str, Any], gate: str = "health", name: str = "") -> Check:
    return Check(gate, name, kind, spec, Policy())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("metrics"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def aws(place: Sandbox) -> Aws:
    """Clients take longer to make than most tests take."""
    return aws_at(place.endpoint)


@pytest.fixture
def bench(aws: Aws) -> Iterator[MetricsBench]:
    """With a clock at the beginning of an hour of which all is in the past, so that data may be put there."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=8)
    made = MetricsBench(aws, FakeClock(hour))
    events = aws.client("cloudwatch").meta.events
    events.register("before-send.cloudwatch.GetMetricData", made.count)
    yield made
    events.unregister("before-send.cloudwatch.GetMetricData", made.count)
