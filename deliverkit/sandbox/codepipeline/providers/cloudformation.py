"""Deploy/AWS/CloudFormation: stacks and change sets (user guide, CloudFormation deploy action reference)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline import artifacts, errors
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.archive import member_of
from deliverkit.sandbox.codepipeline.providers.parameters import overrides_of, template_configuration
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Outcome
from deliverkit.sandbox.kernel.errors import ApiError

MODES = ("CREATE_UPDATE", "DELETE_ONLY", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE")
CHANGE_SET_MODES = frozenset({"CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE"})
WITH_TEMPLATE = frozenset({"CREATE_UPDATE", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE"})
WITH_OUTPUTS = frozenset({"CREATE_UPDATE", "REPLACE_ON_FAILURE", "CHANGE_SET_EXECUTE"})
FAILED = ("FAILED", "ROLLBACK_COMPLETE")
GONE = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})
NOTHING_TO_DO = "No updates are to be performed"


class StackFailedError(Exception):
    """A stack that did not get where it should; the message tells its status and reason."""


class CloudFormationDeploy:
    """Works on one stack; moto's CloudFormation does so at once, so the action is over when it has begun."""

    kind = Kind(
        type=ActionType("Deploy", "AWS", "CloudFormation", "1"),
        required=frozenset({"ActionMode", "StackName"}),
        optional=frozenset(
            {
                "ChangeSetName",
                "TemplatePath",
                "RoleArn",
                "Capabilities",
                "OutputFileName",
                "ParameterOverrides",
                "TemplateConfiguration",
            }
        ),
        inputs=(0, 10),
        outputs=(0, 1),
    )

    def check(self, action: Action, region: str) -> None:
        """What each mode needs."""
        configuration = action.configuration
        mode = configuration["ActionMode"]
        if mode not in MODES:
            raise errors.bad_action(f"action '{action.name}': ActionMode must be one of {', '.join(MODES)}")
        needed = [("ChangeSetName", CHANGE_SET_MODES), ("TemplatePath", WITH_TEMPLATE)]
        for key, modes in needed:
            if mode in modes and not configuration.get(key):
                raise errors.bad_action(f"action '{action.name}': {key} is required for {mode}")
        if mode != "CHANGE_SET_EXECUTE" and not configuration.get("RoleArn"):
            raise errors.bad_action(f"action '{action.name}': RoleArn is required for {mode}")

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of stacks."""
        return _console(region)

    def start(self, job: Job) -> None:
        """Do what the mode asks for."""
        client = job.world.moto.client("cloudformation", job.pipeline.account, job.run.region)
        mode, name = job.configuration["ActionMode"], job.configuration["StackName"]
        try:
            _DO[mode](job, client, name)
            stack = _stack(client, name)
            outputs = _outputs(stack) if mode in WITH_OUTPUTS else {}
            if stack is not None:
                job.run.external_id, job.run.external_url = stack["StackId"], _console(job.run.region)
            stored = _store_outputs(job, outputs)
        except (ValueError, ApiError) as error:
            return job.fail("ConfigurationError", str(error))
        except StackFailedError as error:
            return job.fail("JobFailed", str(error))
        except ClientError as error:
            return job.fail("ConfigurationError", error.response["Error"]["Message"])
        return job.succeed(Outcome(summary=f"Stack {name}: {mode}", variables=outputs, artifacts=stored))


# --- modes ----------------------------------------------------------------------------------------


def _create_update(job: Job, client: Any, name: str) -> None:
    if _stack(client, name) is None:
        client.create_stack(**_request(job))
    else:
        _unless_nothing_to_do(lambda: client.update_stack(**_request(job)))
    _require_good(client, name)


def _replace_on_failure(job: Job, client: Any, name: str) -> None:
    stack = _stack(client, name)
    if stack is not None and stack["StackStatus"].endswith(FAILED):
        client.delete_stack(StackName=name)
    _create_update(job, client, name)


def _delete_only(_job: Job, client: Any, name: str) -> None:
    # Deleting a stack that is not there succeeds (action reference, ActionMode).
    if _stack(client, name) is not None:
        client.delete_stack(StackName=name)


def _replace_change_set(job: Job, client: Any, name: str) -> None:
    change_set = job.configuration["ChangeSetName"]
    kind = "CREATE" if _stack(client, name) is None else "UPDATE"
    if kind == "UPDATE":
        present = {each["ChangeSetName"] for each in client.list_change_sets(StackName=name)["Summaries"]}
        if change_set in present:
            client.delete_change_set(StackName=name, ChangeSetName=change_set)
    _unless_nothing_to_do(
        lambda: client.create_change_set(**_request(job), ChangeSetName=change_set, ChangeSetType=kind)
    )


def _execute_change_set(job: Job, client: Any, name: str) -> None:
    client.execute_change_set(StackName=name, ChangeSetName=job.configuration["ChangeSetName"])
    _require_good(client, name)


_DO: Mapping[str, Callable[[Job, Any, str], None]] = {
    "CREATE_UPDATE": _create_update,
    "REPLACE_ON_FAILURE": _replace_on_failure,
    "DELETE_ONLY": _delete_only,
    "CHANGE_SET_REPLACE": _replace_change_set,
    "CHANGE_SET_EXECUTE": _execute_change_set,
}


def _unless_nothing_to_do(change: Callable[[], Any]) -> None:
    try:
        change()
    except ClientError as error:
        if NOTHING_TO_DO not in error.response["Error"]["Message"]:
            raise


# --- what CloudFormation is asked, and what it answers ---------------------------------------------


def _request(job: Job) -> dict[str, Any]:
    configuration = job.configuration
    template = member_of(job, configuration["TemplatePath"])
    settings = template_configuration(job)
    parameters = {**settings.parameters, **overrides_of(job)}
    request: dict[str, Any] = {
        "StackName": configuration["StackName"],
        "TemplateBody": template.decode("utf-8"),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "RoleARN": configuration["RoleArn"],
    }
    if settings.tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in settings.tags.items()]
    if configuration.get("Capabilities"):
        request["Capabilities"] = [each.strip() for each in configuration["Capabilities"].split(",")]
    return request


def _stack(client: Any, name: str) -> Any:
    try:
        found = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return None
    return None if found["StackStatus"] in GONE else found


def _require_good(client: Any, name: str) -> None:
    stack = _stack(client, name)
    status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
    if stack is None or status.endswith(FAILED) or "ROLLBACK" in status:
        raise StackFailedError(f"Stack [{name}] is in {status} state: {(stack or {}).get('StackStatusReason', '')}")


def _outputs(stack: Any) -> dict[str, str]:
    return {each["OutputKey"]: str(each["OutputValue"]) for each in (stack or {}).get("Outputs", [])}


def _store_outputs(job: Job, outputs: Mapping[str, str]) -> tuple[Any, ...]:
    file_name, names = job.configuration.get("OutputFileName"), job.run.action.outputs
    if not file_name or not names:
        return ()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(file_name, json.dumps(outputs))
    return (artifacts.store(job, names[0], out.getvalue(), suffix=".zip"),)


def _console(region: str) -> str:
    return f"https://console.aws.amazon.com/cloudformation/home?region={region}#"
