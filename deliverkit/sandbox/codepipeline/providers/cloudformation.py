"""Deploy/AWS/CloudFormation: stacks and change sets (user guide, CloudFormation deploy action reference)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.codepipeline import artifacts, errors
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers import stacks
from deliverkit.sandbox.codepipeline.providers.archive import member_of
from deliverkit.sandbox.codepipeline.providers.parameters import overrides_of, template_configuration
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Outcome

MODES = ("CREATE_UPDATE", "DELETE_ONLY", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE")
CHANGE_SET_MODES = frozenset({"CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE"})
WITH_TEMPLATE = frozenset({"CREATE_UPDATE", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE"})
WITH_OUTPUTS = frozenset({"CREATE_UPDATE", "REPLACE_ON_FAILURE", "CHANGE_SET_EXECUTE"})


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
        return stacks.console(region)

    def start(self, job: Job) -> None:
        """Do what the mode asks for."""
        client = job.world.moto.client("cloudformation", job.account, job.run.region)
        mode, name = job.configuration["ActionMode"], job.configuration["StackName"]
        try:
            _DO[mode](job, client, name)
            stack = stacks.present(client, name)
            outputs = _outputs(stack) if mode in WITH_OUTPUTS else {}
            if stack is not None:
                job.run.external_id, job.run.external_url = stack["StackId"], stacks.console(job.run.region)
            stored = _store_outputs(job, outputs)
        except stacks.FAILURES as error:
            return job.fail(*stacks.explained(error))
        return job.succeed(Outcome(summary=f"Stack {name}: {mode}", variables=outputs, artifacts=stored))


# --- modes ----------------------------------------------------------------------------------------


def _create_update(job: Job, client: Any, name: str) -> None:
    request = _request(job, client)
    if stacks.present(client, name) is None:
        client.create_stack(**request)
    else:
        stacks.unless_nothing_to_do(lambda: client.update_stack(**request))
    stacks.require_good(client, name)


def _replace_on_failure(job: Job, client: Any, name: str) -> None:
    stack = stacks.present(client, name)
    if stack is not None and stack["StackStatus"].endswith(stacks.FAILED):
        client.delete_stack(StackName=name)
    _create_update(job, client, name)


def _delete_only(_job: Job, client: Any, name: str) -> None:
    # Deleting a stack that is not there succeeds (action reference, ActionMode).
    if stacks.present(client, name) is not None:
        client.delete_stack(StackName=name)


def _replace_change_set(job: Job, client: Any, name: str) -> None:
    change_set = job.configuration["ChangeSetName"]
    request = _request(job, client)
    for replaced in stacks.change_sets(client, name, change_set):
        client.delete_change_set(ChangeSetName=replaced["ChangeSetId"])
    kind = "UPDATE"
    if stacks.present(client, name) is None:
        kind = "CREATE"
        # What an earlier change set left of a stack that was never made would be there twice.
        client.delete_stack(StackName=name)
    stacks.unless_nothing_to_do(
        lambda: client.create_change_set(**request, ChangeSetName=change_set, ChangeSetType=kind)
    )


def _execute_change_set(job: Job, client: Any, name: str) -> None:
    """Execute it; one without changes has nothing to execute, and the stack stays as it is."""
    change_set = job.configuration["ChangeSetName"]
    found = stacks.change_sets(client, name, change_set)
    if not found:
        raise ValueError(f"ChangeSet [{change_set}] does not exist")
    newest = found[-1]
    if newest["Status"] != "FAILED":
        if newest["ExecutionStatus"] != "AVAILABLE":
            text = f"ChangeSet [{newest['ChangeSetId']}] cannot be executed in its current execution status of"
            raise ValueError(f"{text} [{newest['ExecutionStatus']}]")
        client.execute_change_set(ChangeSetName=newest["ChangeSetId"])
    stacks.require_good(client, name)


_DO: Mapping[str, Callable[[Job, Any, str], None]] = {
    "CREATE_UPDATE": _create_update,
    "REPLACE_ON_FAILURE": _replace_on_failure,
    "DELETE_ONLY": _delete_only,
    "CHANGE_SET_REPLACE": _replace_change_set,
    "CHANGE_SET_EXECUTE": _execute_change_set,
}


# --- what CloudFormation is asked, and what it answers ---------------------------------------------


def _request(job: Job, client: Any) -> dict[str, Any]:
    configuration = job.configuration
    template = member_of(job, configuration["TemplatePath"]).decode("utf-8")
    stacks.require_makeable(client, template)
    settings = template_configuration(job)
    parameters = {**settings.parameters, **overrides_of(job)}
    request: dict[str, Any] = {
        "StackName": configuration["StackName"],
        "TemplateBody": template,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "RoleARN": configuration["RoleArn"],
    }
    if settings.tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in settings.tags.items()]
    if configuration.get("Capabilities"):
        request["Capabilities"] = [each.strip() for each in configuration["Capabilities"].split(",")]
    return request


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
