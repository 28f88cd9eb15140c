"""Takes instances out of load balancers and puts them back (user guide, integrations-aws-elastic-load-balancing)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import botocore.exceptions

from deliverkit.sandbox.codedeploy.state import Deployment, Json
from deliverkit.sandbox.kernel.world import World

BLOCK, ALLOW = "BlockTraffic", "AllowTraffic"
PATIENCE = timedelta(hours=1)
"""How long an instance may take to become healthy behind its load balancers."""
DEFAULT_DELAY = "300"
"""Seconds for which both kinds of balancer drain connections when nothing else is set."""
NOT_REGISTERED = "Target.NotRegistered"
NOT_IN_USE = "Target.NotInUse"

Unreachable = botocore.exceptions.ClientError
"""What every function here raises when the load balancers refuse."""


@dataclass(frozen=True, slots=True)
class Balancers:
    """The load balancers and target groups of one deployment."""

    world: World
    account: str
    region: str
    info: Json

    def missing(self) -> list[str]:
        """Names of what does not exist."""
        groups = [name for name in self._names("targetGroupInfoList") if not _exists(self._target_group, name)]
        return groups + [name for name in self._names("elbInfoList") if not _exists(self._classic_delay, name)]

    def begin(self, event: str, instance_id: str) -> timedelta:
        """Begin to block or to allow traffic.

        Returns:
            How long it takes at least: connections are drained for the deregistration delay.
        """
        if event == BLOCK:
            return self._deregister(instance_id)
        self._register(instance_id)
        return timedelta(0)

    def is_done(self, event: str, instance_id: str) -> bool:
        """True once no balancer sends traffic any more, or every one calls the instance healthy."""
        groups = list(self._health(instance_id))
        classic = list(self._classic_health(instance_id))
        if event == BLOCK:
            return "draining" not in groups and "InService" not in classic
        return set(groups) <= {"healthy"} and set(classic) <= {"InService"}

    # --- changes --------------------------------------------------------------------------------------

    def _deregister(self, instance_id: str) -> timedelta:
        """Nothing needs draining where the instance was not registered."""
        delays = [timedelta(0)]
        for arn in self._target_groups():
            if self._is_registered(arn, instance_id):
                self._elbv2.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": instance_id}])
                delays.append(self._delay(arn))
        for name in self._names("elbInfoList"):
            if self._classic_state(name, instance_id) != "Unknown":
                self._elb.deregister_instances_from_load_balancer(
                    LoadBalancerName=name, Instances=[{"InstanceId": instance_id}]
                )
                delays.append(self._classic_delay(name))
        return max(delays)

    def _register(self, instance_id: str) -> None:
        for arn in self._target_groups():
            self._elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": instance_id}])
        for name in self._names("elbInfoList"):
            if self._classic_state(name, instance_id) == "Unknown":
                self._elb.register_instances_with_load_balancer(
                    LoadBalancerName=name, Instances=[{"InstanceId": instance_id}]
                )

    # --- target groups --------------------------------------------------------------------------------

    @property
    def _elbv2(self) -> Any:
        return self.world.moto.client("elbv2", self.account, self.region)

    def _names(self, kind: str) -> list[str]:
        return [str(one["name"]) for one in self.info.get(kind) or ()]

    def _target_group(self, name: str) -> str:
        return str(self._elbv2.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"])

    def _target_groups(self) -> list[str]:
        return [self._target_group(name) for name in self._names("targetGroupInfoList")]

    def _is_registered(self, arn: str, instance_id: str) -> bool:
        answer = self._elbv2.describe_target_health(TargetGroupArn=arn, Targets=[{"Id": instance_id}])
        told = [one["TargetHealth"] for one in answer["TargetHealthDescriptions"]]
        return any(one.get("Reason") != NOT_REGISTERED and one["State"] != "draining" for one in told)

    def _health(self, instance_id: str) -> Iterator[str]:
        for arn in self._target_groups():
            answer = self._elbv2.describe_target_health(TargetGroupArn=arn, Targets=[{"Id": instance_id}])
            for told in answer["TargetHealthDescriptions"]:
                # A group that no balancer uses gets no traffic; how CodeDeploy takes that is not documented.
                if told["TargetHealth"].get("Reason") != NOT_IN_USE:
                    yield str(told["TargetHealth"]["State"])

    def _delay(self, arn: str) -> timedelta:
        told = self._elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        attributes = {one["Key"]: one["Value"] for one in told}
        return timedelta(seconds=int(attributes.get("deregistration_delay.timeout_seconds", DEFAULT_DELAY)))

    # --- classic load balancers -----------------------------------------------------------------------

    @property
    def _elb(self) -> Any:
        return self.world.moto.client("elb", self.account, self.region)

    def _classic_delay(self, name: str) -> timedelta:
        told = self._elb.describe_load_balancer_attributes(LoadBalancerName=name)["LoadBalancerAttributes"]
        draining = told.get("ConnectionDraining") or {}
        return timedelta(seconds=int(draining.get("Timeout") or DEFAULT_DELAY) if draining.get("Enabled") else 0)

    def _classic_state(self, name: str, instance_id: str) -> str:
        told = self._elb.describe_instance_health(LoadBalancerName=name, Instances=[{"InstanceId": instance_id}])
        return next((str(one["State"]) for one in told["InstanceStates"]), "Unknown")

    def _classic_health(self, instance_id: str) -> Iterator[str]:
        for name in self._names("elbInfoList"):
            yield self._classic_state(name, instance_id)


def _exists(look: Any, name: str) -> bool:
    try:
        look(name)
    except Unreachable:
        return False
    return True


def balancers_of(world: World, deployment: Deployment) -> Balancers:
    """What the deployment takes its instances out of; as the group named it when the deployment was created."""
    return Balancers(world, deployment.group.account, deployment.group.region, deployment.balancers)
