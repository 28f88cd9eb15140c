"""Lambda functions behind an alias, and deployments that shift it, for the tests over HTTP."""

from __future__ import annotations

import itertools
import json
import urllib.request
from datetime import timedelta
from typing import Any

from codedeploy_calls import ServerlessDeployments, wait_for
from codepipeline_fixtures import ROLE, Rig
from functions_bench import function, publish
from sandbox_processes import client_at

STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
SERVES = "def handler(event, context):\n    return {!r}\n"
REPORTS = """
import boto3, json
def handler(event, context):
    boto3.client("s3").put_object(Bucket="hooks", Key=context.function_name, Body=json.dumps(event).encode())
    if {status!r}:
        boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status={status!r},
        )
"""


class Apart:
    """A sandbox in a process of its own, which can be killed."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.s3 = endpoint, client_at(endpoint, "s3")

    def client(self, service: str) -> Any:
        return client_at(self.endpoint, service)

    def put(self, body: bytes, key: str) -> None:
        self.s3.put_object(Bucket="hooks", Key=key, Body=body)

    def advance(self, by: timedelta) -> None:
        """Let the virtual clock jump."""
        body = json.dumps({"advance_seconds": by.total_seconds()}).encode()
        with urllib.request.urlopen(f"{self.endpoint}/_sandbox/clock", body):
            pass


class Serverless(ServerlessDeployments):
    """The application `shop` on Lambda, with functions that have two versions each."""

    target_type, target_member = "LambdaTarget", "lambdaTarget"

    def __init__(self, rig: Rig | Apart, *, is_new: bool = True) -> None:
        self.rig, self.api, self.functions = rig, rig.client("codedeploy"), rig.client("lambda")
        self._names = itertools.count()
        if is_new:
            self.api.create_application(applicationName="shop", computePlatform="Lambda")
            rig.s3.create_bucket(Bucket="hooks")

    def name(self, kind: str = "thing") -> str:
        return f"{kind}-{next(self._names)}"

    def function(self) -> str:
        """A function whose alias `live` is on version 1 of two."""
        name = self.name("function")
        function(self.rig, name, SERVES.format("zero"))
        for text in ("one", "two"):
            publish(self.rig, name, SERVES.format(text))
        self.functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        return name

    def hook(self, status: str) -> str:
        """A hook function that reports the status; none at all for an empty one."""
        name = self.name("CodeDeployHook")
        function(self.rig, name, REPORTS.format(status=status))
        return name

    def group(self, config: str = "CodeDeployDefault.LambdaCanary10Percent5Minutes", **settings: Any) -> str:
        name = self.name("group")
        asked = {"deploymentStyle": STYLE, "deploymentConfigName": config, **settings}
        self.api.create_deployment_group(applicationName="shop", deploymentGroupName=name, serviceRoleArn=ROLE, **asked)
        return name

    def deploy(self, group: str, revision: dict[str, Any], **more: Any) -> str:
        return self.redeploy(group, revision, **more)

    def weight(self, deployment: str) -> float:
        return float(self.target(deployment)["lambdaFunctionInfo"]["targetVersionWeight"])

    def alias(self, name: str) -> tuple[str, dict[str, float]]:
        """The version that the alias points to, and the weights of others."""
        answer = self.functions.get_alias(FunctionName=name, Name="live")
        return answer["FunctionVersion"], answer.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def advance(self, **by: float) -> None:
        self.rig.advance(timedelta(**by))

    def shifting(self, deployment: str, percent: float) -> None:
        wait_for(lambda: self.get(deployment)["status"] != "Created" and self.weight(deployment) == percent)


def appspec(name: str, current: str = "1", target: str = "2", **more: Any) -> dict[str, Any]:
    """A revision of type AppSpecContent; hooks by their events."""
    hooks = [{event: function} for event, function in more.pop("hooks", {}).items()]
    properties = {"Name": name, "Alias": "live", "CurrentVersion": current, "TargetVersion": target, **more}
    document = {
        "version": 0.0,
        "Resources": [{"shop": {"Type": "AWS::Lambda::Function", "Properties": properties}}],
        "Hooks": hooks,
    }
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(document)}}
