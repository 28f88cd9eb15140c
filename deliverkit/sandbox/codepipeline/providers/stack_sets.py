"""Deploy/AWS/CloudFormationStackSet and CloudFormationStackInstances (user guide, StackSets action reference)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers import stacks
from deliverkit.sandbox.codepipeline.providers.archive import member_of
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Outcome

_PERCENTAGES = ("FailureTolerancePercentage", "MaxConcurrentPercentage")
_PREFERENCES = frozenset({"CallAs", *_PERCENTAGES})
_OF_THE_SET = {
    "Description": "Description",
    "AdministrationRoleArn": "AdministrationRoleARN",
    "ExecutionRoleName": "ExecutionRoleName",
    "PermissionModel": "PermissionModel",
}
"""Configuration keys that CreateStackSet takes as they are."""
_STACK = "StackSet:{name}"
"""Name of an instance's stack in its account and Region, as moto makes it."""


class StackSetDeploy:
    """Creates or updates the stack set, and then the instances that are named, or all that there are."""

    kind = Kind(
        type=ActionType("Deploy", "AWS", "CloudFormationStackSet", "1"),
        required=frozenset({"StackSetName", "TemplatePath"}),
        optional=_PREFERENCES
        | frozenset(_OF_THE_SET)
        | {"Parameters", "Capabilities", "OrganizationsAutoDeployment", "DeploymentTargets", "Regions"},
        inputs=(1, 3),
        outputs=(0, 0),
    )

    def check(self, action: Action, region: str) -> None:
        """Targets and Regions belong together."""
        if ("DeploymentTargets" in action.configuration) != ("Regions" in action.configuration):
            raise errors.bad_action(f"action '{action.name}': DeploymentTargets and Regions belong together")
        _check_percentages(action)

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of stacks."""
        return stacks.console(region)

    def start(self, job: Job) -> None:
        """Create or update."""
        _guarded(job, _deploy_set)


class StackInstancesDeploy:
    """Creates instances of a stack set, or brings them up to date with it."""

    kind = Kind(
        type=ActionType("Deploy", "AWS", "CloudFormationStackInstances", "1"),
        required=frozenset({"StackSetName", "Regions"}),
        optional=frozenset({"DeploymentTargets", "ParameterOverrides"}) | _PREFERENCES,
        inputs=(0, 2),
        outputs=(0, 0),
    )

    def check(self, action: Action, region: str) -> None:
        """Regions are of no use without accounts."""
        if "DeploymentTargets" not in action.configuration:
            raise errors.bad_action(f"action '{action.name}': DeploymentTargets and Regions belong together")
        _check_percentages(action)

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of stacks."""
        return stacks.console(region)

    def start(self, job: Job) -> None:
        """Create or update."""
        _guarded(job, _deploy_instances)


@dataclass(frozen=True, slots=True)
class _Rollout:
    """Bringing instances of a stack set to its newest template.

    Attributes:
        job: The attempt.
        client: CloudFormation where the stack set is.
        overrides: Parameters that these instances have to themselves.
    """

    job: Job
    client: Any
    overrides: list[Mapping[str, Any]]

    def run(self, places: Iterable[tuple[str, str]]) -> str:
        """Work through the (account, Region) pairs, Region by Region; the id of the last operation.

        Raises:
            StackFailedError: When more accounts of a Region failed than are tolerated; the other Regions are left.
        """
        by_region: dict[str, list[str]] = {}
        for account, region in places:
            by_region.setdefault(region, []).append(account)
        operation = ""
        for region, accounts in by_region.items():
            tolerated = len(accounts) * int(self.job.configuration.get("FailureTolerancePercentage", "0")) // 100
            for account in accounts:
                try:
                    operation = self._bring(account, region) or operation
                except (ClientError, stacks.StackFailedError) as error:
                    tolerated -= 1
                    if tolerated < 0:
                        raise stacks.StackFailedError(f"Stack instance {account}/{region}: {error}") from error
        return operation

    def _bring(self, account: str, region: str) -> str:
        name = self.job.configuration["StackSetName"]
        request: dict[str, Any] = {"StackSetName": name, "Accounts": [account], "Regions": [region]}
        if self.overrides:
            request["ParameterOverrides"] = self.overrides
        is_new = (account, region) not in _instances(self.client, name)
        change = self.client.create_stack_instances if is_new else self.client.update_stack_instances
        operation = str(change(**request)["OperationId"])
        self._update(account, region, _STACK.format(name=name))
        return operation

    def _update(self, account: str, region: str, stack: str) -> None:
        """Change the instance's own stack, which moto leaves as it was."""
        declared = self.client.describe_stack_set(StackSetName=self.job.configuration["StackSetName"])["StackSet"]
        own = {each["ParameterKey"]: each for each in [*declared.get("Parameters", []), *self.overrides]}
        there = self.job.world.moto.client("cloudformation", account, region)
        request = {"StackName": stack, "TemplateBody": declared["TemplateBody"], "Parameters": list(own.values())}
        stacks.unless_nothing_to_do(lambda: there.update_stack(**request))
        stacks.require_good(there, stack)


def _guarded(job: Job, deploy: Any) -> None:
    """Do it, and end the action as it went."""
    client = job.world.moto.client("cloudformation", job.account, job.run.region)
    try:
        variables = deploy(job, client)
    except stacks.FAILURES as error:
        return job.fail(*stacks.explained(error))
    job.run.external_id = variables.get("OperationId") or variables["StackSetId"]
    job.run.external_url = stacks.console(job.run.region)
    name = job.configuration["StackSetName"]
    return job.succeed(Outcome(summary=f"Stack set {name} deployed", variables=variables))


def _deploy_set(job: Job, client: Any) -> dict[str, str]:
    name, configuration = job.configuration["StackSetName"], job.configuration
    template = member_of(job, configuration["TemplatePath"]).decode("utf-8")
    stacks.require_makeable(client, template)
    _require_self_managed(configuration)
    request: dict[str, Any] = {"StackSetName": name, "TemplateBody": template}
    request |= {member: configuration[key] for key, member in _OF_THE_SET.items() if configuration.get(key)}
    request["Parameters"] = _parameters(job, configuration.get("Parameters", ""))
    if configuration.get("Capabilities"):
        request["Capabilities"] = [each.strip() for each in configuration["Capabilities"].split(",")]
    _create_or_update(client, request)
    places = _places(job) or _instances(client, name)
    return _variables(client, name, _Rollout(job, client, []).run(places))


def _deploy_instances(job: Job, client: Any) -> dict[str, str]:
    overrides = _parameters(job, job.configuration.get("ParameterOverrides", ""))
    operation = _Rollout(job, client, overrides).run(_places(job))
    return _variables(client, job.configuration["StackSetName"], operation)


def _create_or_update(client: Any, request: Mapping[str, Any]) -> None:
    try:
        client.describe_stack_set(StackSetName=request["StackSetName"])
    except client.exceptions.StackSetNotFoundException:
        client.create_stack_set(**request)
    else:
        client.update_stack_set(**request)


def _variables(client: Any, name: str, operation: str) -> dict[str, str]:
    """The output variables; nothing was operated on when the set has no instances."""
    variables = {"StackSetId": str(client.describe_stack_set(StackSetName=name)["StackSet"]["StackSetId"])}
    return {**variables, "OperationId": operation} if operation else variables


def _instances(client: Any, name: str) -> list[tuple[str, str]]:
    found = client.list_stack_instances(StackSetName=name)["Summaries"]
    return [(each["Account"], each["Region"]) for each in found]


# --- what the configuration says ------------------------------------------------------------------


def _require_self_managed(configuration: Mapping[str, str]) -> None:
    is_automatic = configuration.get("OrganizationsAutoDeployment", "Disabled") != "Disabled"
    if configuration.get("PermissionModel", "SELF_MANAGED") != "SELF_MANAGED" or is_automatic:
        raise ValueError("The sandbox has no organization: stack sets must be SELF_MANAGED, without auto deployment")


def _places(job: Job) -> list[tuple[str, str]]:
    """The (account, Region) pairs that the action names, Regions in their order."""
    written = job.configuration.get("DeploymentTargets", "")
    accounts = json.loads(member_of(job, written)) if "::" in written else _listed(written)
    for account in accounts:
        if not str(account).isdecimal():
            raise ValueError(f"The sandbox has no organization: {account} is no account that could be deployed to")
    regions = _listed(job.configuration.get("Regions", ""))
    return [(str(account), region) for region in regions for account in accounts]


def _parameters(job: Job, written: str) -> list[Mapping[str, Any]]:
    """Parameters in shorthand, separated by white space, or in a JSON file of an input artifact."""
    if "::" in written and "ParameterKey=" not in written:
        found: list[Mapping[str, Any]] = json.loads(member_of(job, written))
        return found
    return [_parameter(each) for each in written.split()]


def _parameter(written: str) -> Mapping[str, Any]:
    parts = dict(each.split("=", 1) for each in written.split(",") if "=" in each)
    if "ParameterKey" not in parts:
        raise ValueError(f"{written} is no parameter: it should be written as ParameterKey=name,ParameterValue=value")
    if "UsePreviousValue" in parts:
        return {**parts, "UsePreviousValue": parts["UsePreviousValue"].lower() == "true"}
    return parts


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _check_percentages(action: Action) -> None:
    for key in _PERCENTAGES:
        value = action.configuration.get(key, "0")
        if "#{" not in value and not (value.isdecimal() and int(value) <= 100):
            raise errors.bad_action(f"action '{action.name}': {key} must be a number from 0 to 100")
