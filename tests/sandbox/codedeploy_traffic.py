"""Load balancers and fleets of simulated instances, for the tests of CodeDeploy over HTTP."""

from __future__ import annotations

import itertools
import time
from datetime import timedelta
from typing import Any

from agent_bench import shell, zipped
from codedeploy_fleet import GOOD, Fleet
from codepipeline_fixtures import ROLE, SOURCE_BUCKET

from deliverkit.sandbox.agent.protocol import CommandStatus, Diagnostics
from deliverkit.sandbox.agent.remote import Endpoint, Remote

ACCOUNT = "123456789012"
TAG = "deliverkit:agent"
MEMORY = {TAG: "memory"}
ALL_AT_ONCE = "CodeDeployDefault.AllAtOnce"
IN_PLACE = {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
BLUE_GREEN = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}


class Balanced:
    """A fleet of simulated instances, with target groups and classic load balancers in front."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.api = fleet, fleet.api
        self.elbv2, self.elb = fleet.rig.client("elbv2"), fleet.rig.client("elb")
        self.ec2, self.scaling = fleet.ec2, fleet.rig.client("autoscaling")
        self._names = itertools.count()
        self._network = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self._subnets = [each["SubnetId"] for each in self.ec2.describe_subnets()["Subnets"]]

    def name(self, kind: str) -> str:
        return f"{kind}-{next(self._names)}"

    def launch(self, size: int, **tags: str) -> list[str]:
        return self.fleet.launch(size, **MEMORY, **tags)

    def launch_in(self, zone: str, size: int, **tags: str) -> list[str]:
        """Instances in one Availability Zone."""
        pairs = [{"Key": key, "Value": value} for key, value in {**MEMORY, **tags}.items()]
        answer = self.ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=size,
            MaxCount=size,
            Placement={"AvailabilityZone": zone},
            TagSpecifications=[{"ResourceType": "instance", "Tags": pairs}],
        )
        return [each["InstanceId"] for each in answer["Instances"]]

    def revision(self, key: str = "simulated.zip") -> dict[str, Any]:
        version = self.fleet.rig.put(zipped({"appspec.yml": GOOD, "run.sh": shell("exit 0")}), key=key)
        location = {"bucket": SOURCE_BUCKET, "key": key, "bundleType": "zip", "version": version}
        return {"revisionType": "S3", "s3Location": location}

    def target_group(self, *members: str, delay: int = 0) -> str:
        """A target group in use; its name."""
        name = self.name("tg")
        arn = self.elbv2.create_target_group(Name=name, Protocol="HTTP", Port=8080, VpcId=self._network)
        arn = arn["TargetGroups"][0]["TargetGroupArn"]
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}
        self.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[attribute])
        if members:
            self.elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": each} for each in members])
        return name

    def arn_of(self, group: str) -> str:
        return str(self.elbv2.describe_target_groups(Names=[group])["TargetGroups"][0]["TargetGroupArn"])

    def behind(self, group: str) -> set[str]:
        """Who is registered and not on the way out."""
        told = self.elbv2.describe_target_health(TargetGroupArn=self.arn_of(group))["TargetHealthDescriptions"]
        return {each["Target"]["Id"] for each in told if each["TargetHealth"]["State"] != "draining"}

    def classic(self, *members: str) -> str:
        name = self.name("lb")
        listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 8080}
        self.elb.create_load_balancer(LoadBalancerName=name, Listeners=[listener], Subnets=self._subnets[:1])
        if members:
            instances = [{"InstanceId": each} for each in members]
            self.elb.register_instances_with_load_balancer(LoadBalancerName=name, Instances=instances)
        return name

    def behind_classic(self, name: str) -> set[str]:
        told = self.elb.describe_load_balancers(LoadBalancerNames=[name])["LoadBalancerDescriptions"][0]
        return {each["InstanceId"] for each in told["Instances"]}

    def group(self, **settings: Any) -> str:
        name = self.name("balanced")
        self.api.create_deployment_group(
            **{"applicationName": "shop", "deploymentGroupName": name, "serviceRoleArn": ROLE, **settings}
        )
        return name

    def scaling_group(self, size: int, *, largest: int = 9, agent: str = "memory") -> str:
        name = self.name("asg")
        self.scaling.create_launch_configuration(
            LaunchConfigurationName=name, ImageId="ami-12c6146b", InstanceType="t3.micro"
        )
        tags = [{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in {TAG: agent}.items()]
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName=name,
            MinSize=0,
            MaxSize=largest,
            DesiredCapacity=size,
            VPCZoneIdentifier=self._subnets[0],
            Tags=[{**tag, "ResourceId": name, "ResourceType": "auto-scaling-group"} for tag in tags],
        )
        return name

    def in_scaling_group(self, name: str) -> set[str]:
        told = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return {each["InstanceId"] for one in told for each in one["Instances"]}

    def scale(self, name: str, size: int) -> None:
        self.scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=size)

    def by_hand(self, instance: str, *, up_to: str) -> None:
        """Play the agent of an instance that has none: every command succeeds, until the named one has."""
        host, remote = self._agent(instance)
        name = ""
        while name != up_to:
            command = remote.poll(host)
            assert command is not None, f"no command for {instance} after {name or 'none'}"
            name = command.name
            remote.acknowledge(command.identifier, is_noop=False)
            remote.complete(command.identifier, CommandStatus.SUCCEEDED, Diagnostics(0, "", "Succeeded", ""))

    def told(self, instance: str) -> Any:
        """The specification that an agent gets with its next command."""
        host, remote = self._agent(instance)
        command = remote.poll(host)
        return remote.specification(command.execution_id, host) if command else {}

    def _agent(self, instance: str) -> tuple[str, Remote]:
        endpoint = Endpoint(self.fleet.rig.sandbox.endpoint, "us-east-1", "key", "secret")
        return f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{instance}", Remote(endpoint)

    def advance(self, **by: float) -> None:
        self.fleet.rig.sandbox.world.clock.advance(timedelta(**by))

    def advance_until(self, deployment: str, *statuses: str, **step: float) -> Any:
        """Let virtual time pass, 20 s at a time or in the given steps, until the deployment gets there."""
        for _ in range(240):
            end = time.monotonic() + 0.25
            while time.monotonic() < end:
                info = self.fleet.get(deployment)
                if info["status"] in statuses:
                    return info
            self.advance(**(step or {"seconds": 20}))
        raise AssertionError(f"{deployment} did not become {statuses}: {self.fleet.get(deployment)}")


def tagged(value: str, key: str = "fleet") -> list[dict[str, str]]:
    return [{"Key": key, "Value": value, "Type": "KEY_AND_VALUE"}]


def targets(*names: str) -> dict[str, Any]:
    return {"loadBalancerInfo": {"targetGroupInfoList": [{"name": each} for each in names]}}
