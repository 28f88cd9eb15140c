"""Invoke/AWS/StepFunctions: one run of a state machine (user guide, AWS Step Functions action reference)."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline import artifacts, errors
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.archive import file_in
from deliverkit.sandbox.codepipeline.providers.provider import STEP, Job, Kind
from deliverkit.sandbox.codepipeline.state import Artifact, Outcome
from deliverkit.sandbox.kernel.errors import ApiError

TIMEOUT = timedelta(days=7)
INPUT_TYPES = ("Literal", "FilePath")
OUTPUT_FILE = "output.json"


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
        client = job.world.moto.client("stepfunctions", job.account, job.run.region)
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
        if _is_express(client, job.configuration["StateMachineArn"]):
            # Nobody waits for these, and their executions cannot be described.
            variables = {"StateMachineArn": job.configuration["StateMachineArn"]}
            return job.succeed(Outcome(summary="Execution started", variables=variables))
        return _watch(job, job.world.clock.now() + TIMEOUT)


def _watch(job: Job, until: datetime) -> None:
    client = job.world.moto.client("stepfunctions", job.account, job.run.region)
    found: Any = client.describe_execution(executionArn=job.run.external_id)
    variables = {"StateMachineArn": job.configuration["StateMachineArn"], "ExecutionArn": job.run.external_id}
    match found["status"]:
        case "SUCCEEDED":
            stored = _store_output(job, found.get("output") or "{}")
            return job.succeed(Outcome(summary="Execution succeeded", variables=variables, artifacts=stored))
        case "FAILED" | "TIMED_OUT" | "ABORTED":
            return job.fail("JobFailed", f"The execution ended as {found['status']}: {found.get('cause', '')}")
    if job.world.clock.now() >= until:
        return job.fail("JobFailed", "The execution did not end within seven days")
    return job.after(STEP, partial(_watch, job, until))


def _is_express(client: Any, arn: str) -> bool:
    return bool(client.describe_state_machine(stateMachineArn=arn).get("type") == "EXPRESS")


def _store_output(job: Job, output: str) -> tuple[Artifact, ...]:
    """The output artifact with what the state machine returned; how AWS names the file in it is undocumented.

    Raises:
        ApiError: When the artifact store is not there.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(OUTPUT_FILE, output)
    names = job.run.action.outputs
    return tuple(artifacts.store(job, name, out.getvalue(), suffix=".zip") for name in names)


def _input(job: Job) -> str:
    written = job.configuration.get("Input") or "{}"
    if job.configuration.get("InputType", "Literal") == "FilePath":
        written = file_in(job, job.run.inputs[0], written).decode("utf-8")
    json.loads(written)
    return written
