"""Instances, groups and deployments of the sandbox's own CodeDeploy, for the tests over HTTP."""

from __future__ import annotations

import itertools
from typing import Any

from agent_bench import hook, shell, zipped
from codedeploy_calls import Deployments
from codepipeline_fixtures import ROLE, SOURCE_BUCKET, Rig

GOOD = hook("AfterInstall", "location: run.sh")


class Fleet(Deployments):
    """The application `shop`, and groups of real instances that run what the test gives them."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.api, self._names = rig, rig.client("codedeploy"), itertools.count()
        self.ec2 = rig.client("ec2")
        self.api.create_application(applicationName="shop", computePlatform="Server")

    def launch(self, size: int, **tags: str) -> list[str]:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        answer = self.ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=size,
            MaxCount=size,
            TagSpecifications=[{"ResourceType": "instance", "Tags": pairs}],
        )
        return [instance["InstanceId"] for instance in answer["Instances"]]

    def name(self) -> str:
        return f"group-{next(self._names)}"

    def group(self, size: int, **settings: Any) -> str:
        name = self.name()
        if size:
            self.launch(size, serves=name)
        selection = {"ec2TagFilters": [{"Key": "serves", "Value": name, "Type": "KEY_AND_VALUE"}]}
        if "ec2TagSet" in settings or "ec2TagFilters" in settings:
            selection = {}
        self.api.create_deployment_group(
            applicationName="shop", deploymentGroupName=name, serviceRoleArn=ROLE, **selection, **settings
        )
        return name

    def shown(self, group: str) -> Any:
        return self.api.get_deployment_group(applicationName="shop", deploymentGroupName=group)["deploymentGroupInfo"]

    def revision(self, key: str, tree: dict[str, Any]) -> dict[str, Any]:
        version = self.rig.put(zipped(tree), key=key)
        location = {"bucket": SOURCE_BUCKET, "key": key, "bundleType": "zip", "version": version}
        return {"revisionType": "S3", "s3Location": location}

    def deploy(self, group: str, *script: str, appspec: str = GOOD, **more: Any) -> str:
        """Deploy a script as AfterInstall, or as the hook that the appspec names."""
        revision = self.revision(f"{group}.zip", {"appspec.yml": appspec, "run.sh": shell(*script)})
        return self.redeploy(group, revision, **more)

    def targets(self, deployment: str, *statuses: str) -> list[str]:
        filters = {"TargetStatus": list(statuses)} if statuses else {}
        return list(self.api.list_deployment_targets(deploymentId=deployment, targetFilters=filters)["targetIds"])

    def target(self, deployment: str, identifier: str) -> Any:
        answer = self.api.get_deployment_target(deploymentId=deployment, targetId=identifier)
        return answer["deploymentTarget"]["instanceTarget"]

    def events(self, deployment: str, identifier: str) -> dict[str, Any]:
        return {each["lifecycleEventName"]: each for each in self.target(deployment, identifier)["lifecycleEvents"]}

    def alarm(self, name: str, state: str = "OK") -> None:
        cloudwatch = self.rig.client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            MetricName=name,
            Namespace="shop",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def group(api: Any, app: str, name: str = "prod", **settings: Any) -> str:
    answer = api.create_deployment_group(applicationName=app, deploymentGroupName=name, serviceRoleArn=ROLE, **settings)
    return str(answer["deploymentGroupId"])


def info(api: Any, app: str, name: str = "prod") -> Any:
    return api.get_deployment_group(applicationName=app, deploymentGroupName=name)["deploymentGroupInfo"]


def s3(key: str, **more: str) -> dict[str, Any]:
    return {"revisionType": "S3", "s3Location": {"bucket": "b", "key": key, "bundleType": "zip", **more}}
