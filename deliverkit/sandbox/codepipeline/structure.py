"""The rules a pipeline structure must keep (CodePipeline user guide, pipeline and action requirements).

botocore's model has already checked names, lengths and enumerations when these rules are asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from deliverkit.sandbox.codepipeline import declarations, errors, variables
from deliverkit.sandbox.codepipeline.conditions import declaration as conditions
from deliverkit.sandbox.codepipeline.definition import (
    Action,
    ActionType,
    Definition,
    Structure,
    is_v2_only,
    parse,
    pipeline_type,
)
from deliverkit.sandbox.codepipeline.providers import PROVIDERS
from deliverkit.sandbox.codepipeline.providers.provider import Provider

Json = Mapping[str, Any]
Find = Callable[[ActionType], Provider | None]
MAX_STAGES = 50
MAX_ACTIONS_PER_STAGE = 50
MAX_ACTIONS = 500


def check(structure: Structure, region: str, find: Find = PROVIDERS.get) -> None:
    """Refuse a structure that does not make a pipeline.

    Args:
        structure: The `pipeline` member of CreatePipeline or UpdatePipeline.
        region: The pipeline's Region.
        find: Gives the provider of an action type that there is; by default, of those that need no declaration.

    Raises:
        ApiError: `InvalidStructureException`, `InvalidStageDeclarationException` or
            `InvalidActionDeclarationException`; the first broken rule decides.
    """
    for rule in _RULES:
        rule(structure, region)
    definition = parse(structure, 1)
    for action in _all_actions(definition):
        _check_kind(action, region, find)
    _check_artifacts(definition)
    _check_namespaces(definition)
    _check_references(definition)
    conditions.check(definition, region)


def _check_counts(structure: Structure, _: str) -> None:
    stages = structure["stages"]
    if len(stages) < 2:
        raise errors.bad_structure(
            f"Pipeline has only {len(stages)} stage(s). There should be a minimum of 2 stages in a pipeline"
        )
    if len(stages) > MAX_STAGES:
        raise errors.bad_structure(f"Pipeline has {len(stages)} stages, the maximum is {MAX_STAGES}")
    for stage in stages:
        if not 1 <= len(stage["actions"]) <= MAX_ACTIONS_PER_STAGE:
            raise errors.bad_structure(
                f"Stage '{stage['name']}' has {len(stage['actions'])} actions. "
                f"A stage must have at least 1 and at most {MAX_ACTIONS_PER_STAGE} actions"
            )
    if sum(len(stage["actions"]) for stage in stages) > MAX_ACTIONS:
        raise errors.bad_structure(f"Pipeline has more than {MAX_ACTIONS} actions")


def _check_names(structure: Structure, _: str) -> None:
    for name in _repeated(stage["name"] for stage in structure["stages"]):
        raise errors.bad_structure(f"Stage names must be unique within a pipeline: '{name}' is used more than once")
    for stage in structure["stages"]:
        for name in _repeated(action["name"] for action in stage["actions"]):
            raise errors.bad_structure(
                f"Action names must be unique within a stage: '{name}' is used more than once in '{stage['name']}'"
            )


def _check_sources(structure: Structure, _: str) -> None:
    first, *others = structure["stages"]
    if any(action["actionTypeId"]["category"] != "Source" for action in first["actions"]):
        raise errors.bad_structure("Pipeline should start with a stage that only contains source actions")
    for stage in others:
        for action in stage["actions"]:
            if action["actionTypeId"]["category"] == "Source":
                raise errors.bad_structure(
                    f"Source actions can only occur in the first stage: '{action['name']}' is in '{stage['name']}'"
                )


def _check_stores(structure: Structure, region: str) -> None:
    if ("artifactStore" in structure) == ("artifactStores" in structure):
        raise errors.bad_structure("Pipeline must have exactly one of artifactStore and artifactStores")
    regions = {action.get("region", region) for stage in structure["stages"] for action in stage["actions"]} | {region}
    stores = structure.get("artifactStores", {region: None})
    for missing in sorted(regions - set(stores)):
        raise errors.bad_structure(f"Pipeline needs an artifact store in artifactStores for region '{missing}'")
    for stage in structure["stages"]:
        for action in stage["actions"]:
            kind = action["actionTypeId"]
            is_local_only = kind["category"] == "Source" or kind["owner"] in ("ThirdParty", "Custom")
            if is_local_only and action.get("region", region) != region:
                raise errors.bad_action(f"Action '{action['name']}' cannot run in another region than the pipeline's")


def _check_type(structure: Structure, _: str) -> None:
    if pipeline_type(structure) == "V2":
        return
    mode = structure.get("executionMode", "SUPERSEDED")
    if mode != "SUPERSEDED":
        raise errors.bad_structure(f"Execution mode {mode} is only supported by pipelines of type V2")
    for member in ("variables", "triggers"):
        if structure.get(member):
            raise errors.bad_structure(f"Pipeline {member} are only supported by pipelines of type V2")
    for stage in structure["stages"]:
        for action in stage["actions"]:
            if is_v2_only(action):
                raise errors.bad_structure(f"Action '{action['name']}' is only supported by pipelines of type V2")
        if stage.keys() & {"onFailure", "onSuccess", "beforeEntry"}:
            raise errors.bad_stage(f"Conditions of stage '{stage['name']}' are only supported by pipelines of type V2")


def _check_policies(structure: Structure, _: str) -> None:
    for stage in structure["stages"]:
        _check_failure(stage, stage.get("onFailure", {}))


def _check_failure(stage: Json, failure: Json) -> None:
    name, result = stage["name"], failure.get("result")
    if result == "SKIP":
        raise errors.bad_stage(f"Result SKIP is not supported by onFailure of stage '{name}'")
    results = {result, *(each.get("result") for each in failure.get("conditions", []))}
    if "retryConfiguration" in failure and "RETRY" not in results:
        raise errors.bad_stage(f"retryConfiguration of stage '{name}' is only supported with result RETRY")


def _check_variables(structure: Structure, _: str) -> None:
    for name in _repeated(each["name"] for each in structure.get("variables", [])):
        raise errors.bad_structure(f"Pipeline variable '{name}' is declared more than once")


def _check_triggers(structure: Structure, _: str) -> None:
    """At most one trigger per source action, and only of connections (API reference, GitConfiguration)."""
    triggers = [each["gitConfiguration"]["sourceActionName"] for each in structure.get("triggers", [])]
    connected = {
        action["name"]
        for action in structure["stages"][0]["actions"]
        if action["actionTypeId"]["provider"] == "CodeStarSourceConnection"
    }
    for name in _repeated(triggers):
        raise errors.bad_structure(f"Source action '{name}' has more than one trigger")
    for name in triggers:
        if name not in connected:
            raise errors.bad_structure(f"Trigger names '{name}', which is no CodeStarSourceConnection source action")


_RULES: tuple[Callable[[Structure, str], None], ...] = (
    _check_counts,
    _check_names,
    _check_sources,
    _check_type,
    _check_stores,
    _check_policies,
    _check_variables,
    _check_triggers,
)


def _check_kind(action: Action, region: str, find: Find) -> None:
    """The action type must be one that runs here, and the declaration must fit it."""
    provider = find(action.type)
    if provider is None:
        kind, where = action.type, (action.region or region).upper().replace("-", "_")
        raise errors.bad_action(
            f"ActionType (Category: '{kind.category}', Provider: '{kind.provider}', Owner: '{kind.owner}', "
            f"Version: '{kind.version}') in action '{action.name}' is not available in region '{where}'"
        )
    for problem in declarations.problems(action, provider.kind, "Action"):
        raise errors.bad_action(problem)
    _check_timeout(action)
    _check_compute(action)
    provider.check(action, action.region or region)


def _check_timeout(action: Action) -> None:
    if action.timeout_minutes is not None and action.type.category != "Approval":
        raise errors.bad_action(f"timeoutInMinutes of action '{action.name}' is only supported by manual approvals")


def _check_compute(action: Action) -> None:
    """Commands and what goes with them belong to the Commands action alone (user guide, Commands action reference)."""
    is_compute = action.type.category == "Compute"
    if is_compute and not action.commands:
        raise errors.bad_action(f"Action '{action.name}' has no commands")
    if is_compute and action.region:
        raise errors.bad_action(f"Action '{action.name}' cannot run in another region than the pipeline's")
    declared = {
        "commands": action.commands,
        "outputVariables": action.output_variables,
        "environmentVariables": action.environment,
        "outputArtifacts.files": action.output_files,
    }
    for member, value in declared.items():
        if value and not is_compute:
            raise errors.bad_action(f"{member} of action '{action.name}' is only supported by Commands actions")


def _check_artifacts(definition: Definition) -> None:
    actions = list(_all_actions(definition))
    for name in _repeated(name for action in actions for name in action.outputs):
        raise errors.bad_structure(f"Output artifact names must be unique within a pipeline: '{name}' is not")
    for action, earlier in _with_earlier(definition):
        produced = {name for each in earlier for name in each.outputs}
        for name in action.inputs:
            if name not in produced:
                raise errors.bad_structure(
                    f"Input artifact '{name}' of action '{action.name}' in stage '{action.stage}' is not an output "
                    f"artifact of an earlier action"
                )


def _check_namespaces(definition: Definition) -> None:
    named = [action for action in _all_actions(definition) if action.namespace]
    for name in _repeated(action.namespace for action in named):
        raise errors.bad_structure(f"Namespace names must be unique within a pipeline: '{name}' is not")
    artifacts = {name for action in _all_actions(definition) for name in action.outputs}
    reserved = {variables.SERVICE} | ({variables.PIPELINE_VARIABLES} if definition.variables else set())
    for action in named:
        if action.namespace in reserved:
            raise errors.bad_action(f"Namespace '{action.namespace}' of action '{action.name}' is reserved")
        if action.namespace in artifacts:
            raise errors.bad_action(f"Namespace '{action.namespace}' of action '{action.name}' is an artifact's name")


def _check_references(definition: Definition) -> None:
    for action, earlier in _with_earlier(definition):
        known = {each.namespace for each in earlier if each.namespace}
        for namespace, key in variables.references(action):
            if namespace == variables.SERVICE or namespace in known:
                continue
            if namespace == variables.PIPELINE_VARIABLES and definition.variables:
                _check_pipeline_variable(definition, action, key)
                continue
            raise errors.bad_action(
                f"Action configuration for action '{action.name}' refers to namespace '{namespace}', "
                f"which no earlier action declares"
            )


def _check_pipeline_variable(definition: Definition, action: Action, key: str) -> None:
    if action.type.category == "Source":
        raise errors.bad_structure(f"Source action '{action.name}' cannot use the pipeline variable '{key}'")
    if key not in definition.variables:
        raise errors.bad_structure(f"Action '{action.name}' uses the pipeline variable '{key}', which is not declared")


def _with_earlier(definition: Definition) -> Iterator[tuple[Action, list[Action]]]:
    """Every action with those that have succeeded before it starts."""
    earlier: list[Action] = []
    for stage in definition.stages:
        for group in stage.groups():
            for action in group:
                yield action, list(earlier)
            earlier += group


def _all_actions(definition: Definition) -> Iterator[Action]:
    for stage in definition.stages:
        yield from stage.actions


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
