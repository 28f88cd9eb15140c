"""A sandbox over HTTP with boto3 clients, and a CodeDeploy whose deployments the test decides."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Params, Service
from deliverkit.sandbox.server import Sandbox

SOURCE_BUCKET = "releases"
STORE_BUCKET = "pipeline-artifacts"
KEY = "app/bundle.zip"
ROLE = "arn:aws:iam::123456789012:role/delivery"
DEADLINE = 20.0
POLL = 0.02


class DecidedCodeDeploy:
    """Deployments by group: `ok` succeeds, `bad` fails, `stopped` is stopped, `held*` waits for `finish`."""

    def __init__(self) -> None:
        self.deployments: dict[str, dict[str, Any]] = {}
        self.fails: set[str] = {"bad"}
        self.fails_once: set[str] = set()
        self.service = Service("codedeploy", "CodeDeploy_20141006", checks_constraints=False)
        self.service.operation("CreateDeployment")(self._create)
        self.service.operation("GetDeployment")(self._get)

    def finish(self, deployment_id: str, status: str = "Succeeded") -> None:
        self.deployments[deployment_id]["status"] = status

    def of_group(self, group: str) -> list[dict[str, Any]]:
        return [each for each in self.deployments.values() if each["deploymentGroupName"] == group]

    def _create(self, params: Params, context: Context) -> Answer:
        group = params["deploymentGroupName"]
        if group == "missing":
            raise ApiError("DeploymentGroupDoesNotExistException", "No Deployment Group found for name: missing")
        identity = f"d-{len(self.deployments):09d}"
        is_failing = group in self.fails or group in self.fails_once
        self.fails_once.discard(group)
        status = "Failed" if is_failing else {"stopped": "Stopped"}.get(group, "Succeeded")
        deployment = {
            "deploymentId": identity,
            "applicationName": params["applicationName"],
            "deploymentGroupName": group,
            "revision": params["revision"],
            "status": "InProgress" if group.startswith("held") else status,
        }
        if status == "Failed":
            deployment["errorInformation"] = {"code": "HEALTH_CONSTRAINTS", "message": "too many instances failed"}
        self.deployments[identity] = deployment
        return {"deploymentId": identity}

    def _get(self, params: Params, context: Context) -> Answer:
        return {"deploymentInfo": self.deployments[params["deploymentId"]]}


class Rig:
    """What the tests hold in their hands."""

    def __init__(self, sandbox: Sandbox, codedeploy: DecidedCodeDeploy) -> None:
        self.sandbox = sandbox
        self.codedeploy = codedeploy
        self.notices: list[Any] = []
        sandbox.world.subscribe(self.notices.append)
        self.cp = self.client("codepipeline")
        self.s3 = self.client("s3")
        self._names = itertools.count()

    def client(self, service: str, region: str = "us-east-1", **options: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.sandbox.endpoint,
            region_name=region,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **options),
        )

    def advance(self, by: timedelta) -> None:
        """Let the virtual clock jump."""
        self.sandbox.world.clock.advance(by)

    def seed(self) -> None:
        for bucket in (SOURCE_BUCKET, STORE_BUCKET):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket=SOURCE_BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def put(self, body: bytes = b"PK bundle", key: str = KEY, **more: Any) -> str:
        return str(self.s3.put_object(Bucket=SOURCE_BUCKET, Key=key, Body=body, **more)["VersionId"])

    def name(self) -> str:
        return f"delivery-{next(self._names)}"

    def create(self, *stages: dict[str, Any], **members: Any) -> str:
        """A pipeline that starts nothing by itself but the execution of its creation, which is awaited."""
        declared = structure(self.name(), *stages, **members)
        self.cp.create_pipeline(pipeline=declared)
        return str(declared["name"])

    def start(self, name: str, **more: Any) -> str:
        return str(self.cp.start_pipeline_execution(name=name, **more)["pipelineExecutionId"])

    def execution(self, name: str, execution_id: str) -> Any:
        answer = self.cp.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id)
        return answer["pipelineExecution"]

    def status(self, name: str, execution_id: str) -> str:
        return str(self.execution(name, execution_id)["status"])

    def ends(self, name: str, execution_id: str) -> str:
        """The status in which the execution ends."""
        active = ("InProgress", "Stopping")
        self.until(lambda: self.status(name, execution_id) not in active)
        return self.status(name, execution_id)

    def first_execution(self, name: str) -> str:
        """The execution that the pipeline's creation started."""
        return str(
            self.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][-1]["pipelineExecutionId"]
        )

    def stage(self, name: str, stage: str) -> Any:
        states = self.cp.get_pipeline_state(name=name)["stageStates"]
        return next(each for each in states if each["stageName"] == stage)

    def action(self, name: str, stage: str, action: str) -> Any:
        return next(each for each in self.stage(name, stage)["actionStates"] if each["actionName"] == action)

    def token(self, name: str, stage: str = "Approve", action: str = "Ask", execution_id: str | None = None) -> str:
        """The token of the open approval, once there is one."""

        def find() -> str | None:
            state = self.stage(name, stage)
            if execution_id not in (None, state.get("latestExecution", {}).get("pipelineExecutionId")):
                return None
            action_state = next(each for each in state["actionStates"] if each["actionName"] == action)
            found: str | None = action_state.get("latestExecution", {}).get("token")
            return found

        return str(self.until(find))

    def answer(
        self,
        name: str,
        token: str,
        status: str = "Approved",
        summary: str = "fine",
        stage: str = "Approve",
        action: str = "Ask",
    ) -> Any:
        return self.cp.put_approval_result(
            pipelineName=name,
            stageName=stage,
            actionName=action,
            token=token,
            result={"status": status, "summary": summary},
        )

    def deployment(self, group: str) -> str:
        """Id of the newest deployment to a group, once there is one that runs."""

        def find() -> str | None:
            running = [each for each in self.codedeploy.of_group(group) if each["status"] == "InProgress"]
            return str(running[-1]["deploymentId"]) if running else None

        return str(self.until(find))

    def actions(self, name: str, execution_id: str) -> list[Any]:
        """Attempts of an execution, the oldest first."""
        answer = self.cp.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": execution_id})
        return list(answer["actionExecutionDetails"])[::-1]

    def until(self, condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(POLL)
        raise AssertionError("the sandbox did not get there in time")

    def events(self, execution_id: str, what: str) -> list[str]:
        """States told about an execution's `Pipeline`, `Stage` or `Action`s, in order."""
        wanted = f"CodePipeline {what} Execution State Change"
        return [
            each.detail["state"]
            for each in list(self.notices)
            if each.detail_type == wanted and each.detail["execution-id"] == execution_id
        ]


@contextmanager
def running_rig(state_dir: Path) -> Iterator[Rig]:
    """A rig whose deployments the test decides."""
    with _served(Sandbox(state_dir), DecidedCodeDeploy()) as rig:
        yield rig


@contextmanager
def whole_rig(state_dir: Path) -> Iterator[Rig]:
    """A rig with the sandbox's own CodeDeploy."""
    with _served(Sandbox(state_dir), None) as rig:
        yield rig


@contextmanager
def _served(sandbox: Sandbox, codedeploy: DecidedCodeDeploy | None) -> Iterator[Rig]:
    if codedeploy is not None:
        sandbox.world.add_service(codedeploy.service)
    sandbox.start()
    try:
        rig = Rig(sandbox, codedeploy or DecidedCodeDeploy())
        rig.seed()
        yield rig
    finally:
        sandbox.stop()


@contextmanager
def refused(code: str, text: str = "") -> Iterator[None]:
    """The call inside is refused with the code, and a message that holds the text."""
    with pytest.raises(ClientError) as raised:
        yield
    answer = raised.value.response
    assert answer["Error"]["Code"] == code, answer["Error"]
    assert text in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


def source(name: str = "Read", artifact: str = "Bundle", *, polls: bool = False, **more: Any) -> dict[str, Any]:
    configuration = {"S3Bucket": SOURCE_BUCKET, "S3ObjectKey": KEY, "PollForSourceChanges": str(polls).lower()}
    return {
        "name": name,
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {**configuration, **more.pop("configuration", {})},
        "outputArtifacts": [{"name": artifact}],
        **more,
    }


def deploy(group: str = "ok", name: str = "Deploy", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "CodeDeploy", "version": "1"},
        "configuration": {"ApplicationName": "shop", "DeploymentGroupName": group},
        "inputArtifacts": [{"name": "Bundle"}],
        **more,
    }


def approval(name: str = "Ask", **more: Any) -> dict[str, Any]:
    kind = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    return {"name": name, "actionTypeId": kind, **more}


def stage(name: str, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "actions": list(actions), **more}


def structure(name: str, *stages: dict[str, Any], **members: Any) -> dict[str, Any]:
    declared = list(stages) or [stage("Source", source()), stage("Deploy", deploy())]
    if declared[0]["name"] != "Source":
        declared.insert(0, stage("Source", source()))
    return {
        "name": name,
        "pipelineType": "V2",
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": STORE_BUCKET},
        "stages": declared,
        **members,
    }
