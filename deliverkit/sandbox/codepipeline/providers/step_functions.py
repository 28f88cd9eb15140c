"""Invoke/AWS/StepFunctions: one run of a state machine (user guide, AWS Step Functions action reference)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.archive import file_in
from deliverkit.sandbox.codepipeline.providers.provider import STEP, Job, Kind
from deliverkit.sandbox.codepipeline.state import Outcome
from deliverkit.sandbox.kernel.errors import ApiError

TIMEOUT = timedelta(days=7)
INPUT_TYPES = ("Literal", "FilePath")


class StepFunctionsInvoke:
    """Starts the state machine and waits for its end."""

    kind = Kind(
        type=ActionType("Invoke", "AWS", "StepFunctions", "1"),
        required=frozenset({"StateMachineArn"}),
        optional=frozenset({"ExecutionNamePrefix", "InputType", "Input"}),
        inputs=(0, 1),
        outputs=(0, 1),
    )

    def check(self, action: Action, region: str) -> None:
        """An input from a file needs an artifact to find it in."""
        kind = action.configuration.get("InputType", "Literal")
        if kind not in INPUT_TYPES:
            raise errors.bad_action(f"action '{action.name}': InputType must be Literal or FilePath")
        if kind == "FilePath" and not (action.inputs and action.configuration.get("Input")):
            raise errors.bad_action(f"action '{action.name}': FilePath needs an input artifact and Input")

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the state machine."""
        arn = action.configuration["StateMachineArn"]
        return f"https://console.aws.amazon.com/states/home?region={region}#/statemachines/view/{arn}"

    def start(self, job: Job) -> None:
        """Start it."""
        prefix = job.configuration.get("ExecutionNamePrefix", "")
        name = f"{prefix}{'-' if prefix else ''}{job.run.id}"[:80]
        client = job.world.moto.client("stepfunctions", job.pipeline.account, job.run.region)
        try:
            started = client.start_execution(
                stateMachineArn=job.configuration["StateMachineArn"], name=name, input=_input(job)
            )
        except (ValueError, ApiError) as error:
            return job.fail("ConfigurationError", str(error))
        except ClientError as error:
            return job.fail("ConfigurationError", error.response["Error"]["Message"])
        job.run.external_id = started["executionArn"]
        region = job.run.region
        job.run.external_url = (
            f"https://console.aws.amazon.com/states/home?region={region}#/executions/details/{job.run.external_id}"
        )
        return _watch(job, job.world.clock.now() + TIMEOUT)


def _watch(job: Job, until: datetime) -> None:
    client = job.world.moto.client("stepfunctions", job.pipeline.account, job.run.region)
    found: Any = client.describe_execution(executionArn=job.run.external_id)
    variables = {"StateMachineArn": job.configuration["StateMachineArn"], "ExecutionArn": job.run.external_id}
    match found["status"]:
        case "SUCCEEDED":
            return job.succeed(Outcome(summary="Execution succeeded", variables=variables))
        case "FAILED" | "TIMED_OUT" | "ABORTED":
            return job.fail("JobFailed", f"The execution ended as {found['status']}: {found.get('cause', '')}")
    if job.world.clock.now() >= until:
        return job.fail("JobFailed", "The execution did not end within seven days")
    return job.after(STEP, partial(_watch, job, until))


def _input(job: Job) -> str:
    written = job.configuration.get("Input") or "{}"
    if job.configuration.get("InputType", "Literal") == "FilePath":
        written = file_in(job, job.run.inputs[0], written).decode("utf-8")
    json.loads(written)
    return written
