"""Counts what load balancers and instances do, and puts it into CloudWatch each virtual minute.

Source: ELB User Guide for Application Load Balancers, "CloudWatch metrics". The namespace `Sandbox/Instances` is the
sandbox's own: `RequestCount`, `5xx` and `Latency` by `InstanceId`.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from deliverkit.sandbox.kernel.world import World

MINUTE = 60
MOST_SAMPLES = 1000
"""Response times that are kept of a minute and a dimension; the later ones are counted, not kept."""
_CHUNK = 150
"""Values of one datum (CloudWatch API reference, MetricDatum.Values)."""
ALB = "AWS/ApplicationELB"
INSTANCES = "Sandbox/Instances"
_OWN_ACTIONS = {"redirect": "HTTP_Redirect_Count", "fixed-response": "HTTP_Fixed_Response_Count"}
_OWN_ERRORS = frozenset({500, 502, 503, 504})
"""Errors of the load balancer's own that have a metric each."""
Dimensions = tuple[tuple[str, str], ...]
Place = tuple[str, str]


@dataclass
class _Bucket:
    counts: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[float]] = field(default_factory=dict)


class Tally:
    """Thread-safe; what a minute saw is put once the minute is over."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._buckets: dict[tuple[int, Place, str, Dimensions], _Bucket] = {}

    def served(
        self, place: Place, balancer: str, group: str, instance: str | None, status: int, seconds: float | None
    ) -> None:
        """Count one request for which a target was chosen.

        Args:
            place: Account and region.
            balancer: ARN of the load balancer.
            group: ARN of the target group.
            instance: The target, if it is an instance.
            status: HTTP status of the answer.
            seconds: Time until the target answered; None when it did not, and the load balancer answered instead.
        """
        of_balancer: Dimensions = (("LoadBalancer", short(balancer)),)
        of_group: Dimensions = (("TargetGroup", short(group)),)
        with self._lock:
            for each in (of_balancer, of_balancer + of_group):
                bucket = self._bucket(place, ALB, each)
                bucket.counts["RequestCount"] += 1
                if seconds is not None:
                    bucket.counts[f"HTTPCode_Target_{status // 100}XX_Count"] += 1
                    _sample(bucket, "TargetResponseTime", seconds)
                elif status == HTTPStatus.BAD_GATEWAY:
                    bucket.counts["TargetConnectionErrorCount"] += 1
            for each in (of_group, of_balancer + of_group):
                self._bucket(place, ALB, each).counts["RequestCountPerTarget"] += 1
            if seconds is None:
                self._count_own(place, of_balancer, status)
            if instance is not None:
                self._count_instance(place, instance, status, seconds)

    def answered_itself(self, place: Place, balancer: str, status: int, action: str) -> None:
        """Count one request that no target was chosen for: `RequestCount` leaves it out.

        Args:
            place: Account and region.
            balancer: ARN of the load balancer.
            status: HTTP status of the answer.
            action: `redirect` or `fixed-response`; empty for an error.
        """
        of_balancer: Dimensions = (("LoadBalancer", short(balancer)),)
        with self._lock:
            if action:
                self._bucket(place, ALB, of_balancer).counts[_OWN_ACTIONS[action]] += 1
            self._count_own(place, of_balancer, status)

    def _count_own(self, place: Place, balancer: Dimensions, status: int) -> None:
        family, counts = status // 100, self._bucket(place, ALB, balancer).counts
        if family in {3, 4, 5}:
            counts[f"HTTPCode_ELB_{family}XX_Count"] += 1
        if status in _OWN_ERRORS:
            counts[f"HTTPCode_ELB_{status}_Count"] += 1

    def _count_instance(self, place: Place, instance: str, status: int, seconds: float | None) -> None:
        bucket = self._bucket(place, INSTANCES, (("InstanceId", instance),))
        bucket.counts["RequestCount"] += 1
        bucket.counts["5xx"] += status >= 500  # zero is told too: it is what a good instance looks like
        if seconds is not None:
            _sample(bucket, "Latency", seconds)

    def hosts(self, place: Place, balancer: str, group: str, healthy: int, unhealthy: int) -> None:
        """Note how many targets of a group are healthy now."""
        dimensions = (("LoadBalancer", short(balancer)), ("TargetGroup", short(group)))
        with self._lock:
            bucket = self._bucket(place, ALB, dimensions)
            bucket.samples["HealthyHostCount"] = [float(healthy)]
            bucket.samples["UnHealthyHostCount"] = [float(unhealthy)]

    def put(self) -> None:
        """Put every minute that is over into CloudWatch; to be called under the world's lock."""
        current = self._minute()
        with self._lock:
            over = {key: bucket for key, bucket in self._buckets.items() if key[0] < current}
            for key in over:
                del self._buckets[key]
        for (minute, (account, region), namespace, dimensions), bucket in over.items():
            cloudwatch = self._world.moto.client("cloudwatch", account, region)
            data = _data(bucket, dimensions, datetime.fromtimestamp(minute, UTC))
            for begin in range(0, len(data), 20):
                cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[begin : begin + 20])

    def _minute(self) -> int:
        return int(self._world.clock.now().timestamp()) // MINUTE * MINUTE

    def _bucket(self, place: Place, namespace: str, dimensions: Dimensions) -> _Bucket:
        return self._buckets.setdefault((self._minute(), place, namespace, dimensions), _Bucket())


def short(arn: str) -> str:
    """An ARN as the dimension of a metric: `app/name/id`, `targetgroup/name/id`."""
    return arn.rsplit(":", maxsplit=1)[-1].removeprefix("loadbalancer/")


def _sample(bucket: _Bucket, name: str, value: float) -> None:
    samples = bucket.samples.setdefault(name, [])
    if len(samples) < MOST_SAMPLES:
        samples.append(value)


def _data(bucket: _Bucket, dimensions: Dimensions, at: datetime) -> list[dict[str, Any]]:
    common = {"Timestamp": at, "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions]}
    data: list[dict[str, Any]] = [
        {"MetricName": name, "Value": float(count), "Unit": "Count", **common} for name, count in bucket.counts.items()
    ]
    for name, samples in bucket.samples.items():
        unit = "Count" if name.endswith("HostCount") else "Seconds"
        for begin in range(0, len(samples), _CHUNK):
            values = samples[begin : begin + _CHUNK]
            data.append({"MetricName": name, "Values": values, "Unit": unit, **common})
    return data
