"""Counts what load balancers and instances do, and puts it into CloudWatch each virtual minute.

Source: ELB User Guide for Application Load Balancers, "CloudWatch metrics". The namespace `Sandbox/Instances` is the
sandbox's own: `RequestCount`, `5xx` and `Latency` by `InstanceId`.
"""

from __future__ import annotations

from http import HTTPStatus

from deliverkit.sandbox.kernel.metrics import Dimensions, Metrics, Place

ALB = "AWS/ApplicationELB"
INSTANCES = "Sandbox/Instances"
_OWN_ACTIONS = {"redirect": "HTTP_Redirect_Count", "fixed-response": "HTTP_Fixed_Response_Count"}
_OWN_ERRORS = frozenset({500, 502, 503, 504})
"""Errors of the load balancer's own that have a metric each."""


class Tally:
    """Thread-safe; what a minute saw is put once the minute is over."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

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
        with self._metrics.lock:
            for each in (of_balancer, of_balancer + of_group):
                bucket = self._metrics.bucket(place, ALB, each)
                bucket.counts["RequestCount"] += 1
                if seconds is not None:
                    bucket.counts[f"HTTPCode_Target_{status // 100}XX_Count"] += 1
                    bucket.sample("TargetResponseTime", seconds, "Seconds")
                elif status == HTTPStatus.BAD_GATEWAY:
                    bucket.counts["TargetConnectionErrorCount"] += 1
            for each in (of_group, of_balancer + of_group):
                self._metrics.bucket(place, ALB, each).counts["RequestCountPerTarget"] += 1
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
        with self._metrics.lock:
            if action:
                self._metrics.bucket(place, ALB, of_balancer).counts[_OWN_ACTIONS[action]] += 1
            self._count_own(place, of_balancer, status)

    def _count_own(self, place: Place, balancer: Dimensions, status: int) -> None:
        family, counts = status // 100, self._metrics.bucket(place, ALB, balancer).counts
        if family in {3, 4, 5}:
            counts[f"HTTPCode_ELB_{family}XX_Count"] += 1
        if status in _OWN_ERRORS:
            counts[f"HTTPCode_ELB_{status}_Count"] += 1

    def _count_instance(self, place: Place, instance: str, status: int, seconds: float | None) -> None:
        bucket = self._metrics.bucket(place, INSTANCES, (("InstanceId", instance),))
        bucket.counts["RequestCount"] += 1
        bucket.counts["5xx"] += status >= 500  # zero is told too: it is what a good instance looks like
        if seconds is not None:
            bucket.sample("Latency", seconds, "Seconds")

    def hosts(self, place: Place, balancer: str, group: str, healthy: int, unhealthy: int) -> None:
        """Note how many targets of a group are healthy now."""
        dimensions = (("LoadBalancer", short(balancer)), ("TargetGroup", short(group)))
        with self._metrics.lock:
            bucket = self._metrics.bucket(place, ALB, dimensions)
            bucket.samples["HealthyHostCount"] = [float(healthy)]
            bucket.samples["UnHealthyHostCount"] = [float(unhealthy)]


def short(arn: str) -> str:
    """An ARN as the dimension of a metric: `app/name/id`, `targetgroup/name/id`."""
    return arn.rsplit(":", maxsplit=1)[-1].removeprefix("loadbalancer/")
