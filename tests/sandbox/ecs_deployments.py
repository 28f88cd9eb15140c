"""Services of ECS behind load balancers, and deployments that replace their task sets, for the tests over HTTP."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any

from codedeploy_calls import ServerlessDeployments, wait_for
from codepipeline_fixtures import ROLE, Rig
from functions_bench import function
from lambda_deployments import REPORTS, STYLE

CLUSTER = "shop"


class Service:
    """One service with its balancer, two target groups and two listeners, and its deployment group."""

    def __init__(self, containers: Containers, name: str, size: int) -> None:
        self.containers, self.name, self.rig = containers, name, containers.rig
        elbv2, self._elbv2 = containers.elbv2, containers.elbv2
        self.blue, self.green = (containers.target_group(f"{name}-{each}") for each in ("one", "two"))
        balancer = elbv2.create_load_balancer(Name=name, Subnets=containers.subnets)["LoadBalancers"][0]
        self.prod, self.test = (
            elbv2.create_listener(
                LoadBalancerArn=balancer["LoadBalancerArn"],
                Port=port,
                Protocol="HTTP",
                DefaultActions=[{"Type": "forward", "TargetGroupArn": self.blue}],
            )["Listeners"][0]["ListenerArn"]
            for port in (80, 8080)
        )
        containers.ecs.create_service(
            cluster=CLUSTER,
            serviceName=name,
            taskDefinition="web:1",
            desiredCount=size,
            launchType="FARGATE",
            deploymentController={"type": "CODE_DEPLOY"},
            loadBalancers=[{"targetGroupArn": self.blue, "containerName": "web", "containerPort": 80}],
        )

    def settings(self, *, tested: bool = True, wait: int | None = None, keep: int = 0) -> dict[str, Any]:
        """Of a deployment group: minutes to wait for a person, and minutes that the blue task set is kept."""
        pair: dict[str, Any] = {
            "targetGroups": [{"name": f"{self.name}-one"}, {"name": f"{self.name}-two"}],
            "prodTrafficRoute": {"listenerArns": [self.prod]},
        }
        if tested:
            pair["testTrafficRoute"] = {"listenerArns": [self.test]}
        ready: dict[str, Any] = {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}
        if wait is not None:
            ready = {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": wait}
        return {
            "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce",
            "deploymentStyle": STYLE,
            "ecsServices": [{"clusterName": CLUSTER, "serviceName": self.name}],
            "loadBalancerInfo": {"targetGroupPairInfoList": [pair]},
            "blueGreenDeploymentConfiguration": {
                "deploymentReadyOption": ready,
                "terminateBlueInstancesOnDeploymentSuccess": {
                    "action": "TERMINATE",
                    "terminationWaitTimeInMinutes": keep,
                },
            },
        }

    def group(self, *, tested: bool = True, wait: int | None = None, keep: int = 0, **more: Any) -> str:
        settings = {**self.settings(tested=tested, wait=wait, keep=keep), **more}
        self.containers.api.create_deployment_group(
            applicationName="shop", deploymentGroupName=self.name, serviceRoleArn=ROLE, **settings
        )
        return self.name

    def weights(self, listener: str) -> dict[str, int]:
        """Weight by target group, `one` or `two`."""
        (action,) = self._elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
        groups = action.get("ForwardConfig", {}).get("TargetGroups") or [{**action, "Weight": 1}]
        names = {self.blue: "one", self.green: "two"}
        return {names[each["TargetGroupArn"]]: each["Weight"] for each in groups}

    def task_sets(self) -> dict[str, str]:
        """Status by task definition revision, as ECS tells it."""
        services = self.containers.ecs.describe_services(cluster=CLUSTER, services=[self.name])["services"]
        return {each["taskDefinition"].rsplit(":", 1)[1]: each["status"] for each in services[0]["taskSets"]}

    def counts(self) -> tuple[int, int, int]:
        """Tasks that are desired, running and pending, as ECS tells them."""
        (found,) = self.containers.ecs.describe_services(cluster=CLUSTER, services=[self.name])["services"]
        return found["desiredCount"], found["runningCount"], found["pendingCount"]


class Containers(ServerlessDeployments):
    """The application `shop` on ECS with a cluster and two revisions of a task definition."""

    target_type, target_member = "ECSTarget", "ecsTarget"

    def __init__(self, rig: Rig) -> None:
        self.rig, self.api = rig, rig.client("codedeploy")
        self.ecs, self.elbv2, ec2 = rig.client("ecs"), rig.client("elbv2"), rig.client("ec2")
        self._names = itertools.count()
        self.network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:2]
        self.api.create_application(applicationName="shop", computePlatform="ECS")
        self.ecs.create_cluster(clusterName=CLUSTER)
        for version in ("1", "2", "3"):
            self.ecs.register_task_definition(
                family="web", containerDefinitions=[{"name": "web", "image": f"web:{version}", "memory": 128}]
            )
        rig.s3.create_bucket(Bucket="hooks")

    def service(self, size: int = 2) -> Service:
        return Service(self, f"service-{next(self._names)}", size)

    def target_group(self, name: str) -> str:
        answer = self.elbv2.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=self.network, TargetType="ip"
        )
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    def hook(self, status: str) -> str:
        name = f"CodeDeployHook-{next(self._names)}"
        function(self.rig, name, REPORTS.format(status=status))
        return name

    def deploy(self, group: str, revision: dict[str, Any] | None = None, **more: Any) -> str:
        return self.redeploy(group, revision or appspec(), **more)

    def reaches(self, deployment: str, status: str) -> None:
        wait_for(lambda: self.status(deployment) == status)

    def sets(self, deployment: str) -> dict[str, tuple[str, float]]:
        """Status and weight by label, as CodeDeploy tells them."""
        found = self.target(deployment)["taskSetsInfo"]
        return {each["taskSetLabel"]: (each["status"], each["trafficWeight"]) for each in found}

    def runs(self, deployment: str, event: str) -> None:
        """Wait until an event runs."""
        wait_for(lambda: self.status(deployment) != "Created" and self.events(deployment).get(event) == "InProgress")

    def advance(self, **by: float) -> None:
        self.rig.sandbox.world.clock.advance(timedelta(**by))


def appspec(definition: str = "web:2", *, kind: str = "AppSpecContent", **hooks: str) -> dict[str, Any]:
    """A revision with the appspec inside; hooks by their events."""
    properties = {"TaskDefinition": definition, "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 80}}
    document = {
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
        "Hooks": [{event: each} for event, each in hooks.items()],
    }
    return {"revisionType": kind, "appSpecContent": {"content": json.dumps(document)}}
