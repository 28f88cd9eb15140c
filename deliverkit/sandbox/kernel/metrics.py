"""Metrics that services count by the virtual minute, and put into CloudWatch once the minute is over."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World

MINUTE = 60
MOST_SAMPLES = 1000
"""Samples that are kept of a minute and a metric; the later ones are dropped."""
_CHUNK = 150
"""Values of one datum (CloudWatch API reference, MetricDatum.Values)."""
_MOST_DATA = 20
Dimensions = tuple[tuple[str, str], ...]
Place = tuple[str, str]
_Key = tuple[int, Place, str, Dimensions]


@dataclass
class Bucket:
    """What was seen of one thing in one minute.

    Attributes:
        counts: Put as one value each.
        samples: Put as they are.
    """

    counts: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[float]] = field(default_factory=dict)
    _outcomes: dict[str, Counter[bool]] = field(default_factory=dict)
    _units: dict[str, str] = field(default_factory=dict)

    def mark(self, name: str, *, is_so: bool) -> None:
        """Add a sample of 1 or 0, so that an average is a rate."""
        self._outcomes.setdefault(name, Counter())[is_so] += 1

    def sample(self, name: str, value: float, unit: str) -> None:
        """Add a sample."""
        self._units[name] = unit
        samples = self.samples.setdefault(name, [])
        if len(samples) < MOST_SAMPLES:
            samples.append(value)

    def data(self, minute: int, dimensions: Dimensions) -> list[dict[str, Any]]:
        """As PutMetricData wants it."""
        common = {
            "Timestamp": datetime.fromtimestamp(minute, UTC),
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
        }
        return [{**datum, **common} for datum in (*self._counted(), *self._marked(), *self._sampled())]

    def _counted(self) -> Iterator[dict[str, Any]]:
        for name, count in self.counts.items():
            yield {"MetricName": name, "Value": float(count), "Unit": "Count"}

    def _marked(self) -> Iterator[dict[str, Any]]:
        for name, outcomes in self._outcomes.items():
            statistics = {
                "SampleCount": float(outcomes.total()),
                "Sum": float(outcomes[True]),
                "Minimum": float(not outcomes[False]),
                "Maximum": float(bool(outcomes[True])),
            }
            yield {"MetricName": name, "StatisticValues": statistics, "Unit": "Count"}

    def _sampled(self) -> Iterator[dict[str, Any]]:
        for name, samples in self.samples.items():
            for values in _portions(samples, _CHUNK):
                yield {"MetricName": name, "Values": values, "Unit": self._units.get(name, "Count")}


class Metrics:
    """Thread-safe; a minute without anything to count costs nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.lock = threading.Lock()
        """Held around `bucket` and while what it gave is being filled."""
        self._buckets: dict[_Key, Bucket] = {}
        self._is_awaited = False
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, subscriber: Callable[[], None]) -> None:
        """Call it, under the world's lock, whenever new data are in CloudWatch."""
        self._subscribers.append(subscriber)

    def bucket(self, place: Place, namespace: str, dimensions: Dimensions, at: datetime | None = None) -> Bucket:
        """What to fill for the minute of a moment, by default the present one."""
        self._await_end()
        minute = int((at or self._world.clock.now()).timestamp()) // MINUTE * MINUTE
        return self._buckets.setdefault((minute, place, namespace, dimensions), Bucket())

    def _await_end(self) -> None:
        if not self._is_awaited:
            self._is_awaited = True
            rest = timedelta(seconds=MINUTE - self._world.clock.now().timestamp() % MINUTE)
            self._world.timers.after(rest, self._put, is_kept=False)

    def _put(self) -> None:
        for (minute, (account, region), namespace, dimensions), bucket in self._taken().items():
            cloudwatch = self._world.moto.client("cloudwatch", account, region)
            for data in _portions(bucket.data(minute, dimensions), _MOST_DATA):
                cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
        for subscriber in self._subscribers:
            subscriber()

    def _taken(self) -> dict[_Key, Bucket]:
        """Every minute that is over; the present one is awaited."""
        now = self._world.clock.now().timestamp()
        with self.lock:
            over = {key: bucket for key, bucket in self._buckets.items() if key[0] + MINUTE <= now}
            for key in over:
                del self._buckets[key]
            self._is_awaited = False
            if self._buckets:
                self._await_end()
        return over


def _portions(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
