"""The rules a declared condition must keep (CodePipeline user guide, configure conditions for a stage)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from deliverkit.sandbox.codepipeline import declarations, errors, variables
from deliverkit.sandbox.codepipeline.admission import PARALLEL
from deliverkit.sandbox.codepipeline.conditions import RULES
from deliverkit.sandbox.codepipeline.definition import (
    BEFORE_ENTRY,
    CONDITIONS,
    ON_FAILURE,
    ON_SUCCESS,
    Action,
    Condition,
    Definition,
    Stage,
)

_RESULTS: Mapping[str, frozenset[str]] = {
    BEFORE_ENTRY: frozenset({"FAIL", "SKIP"}),
    ON_SUCCESS: frozenset({"FAIL", "ROLLBACK"}),
    # The user guide names ROLLBACK alone, the API reference the others too.
    ON_FAILURE: frozenset({"FAIL", "RETRY", "ROLLBACK"}),
}
_MEMBERS = {kind: member for member, kind in CONDITIONS.items()}


def check(definition: Definition, region: str) -> None:
    """Refuse conditions that could not be evaluated.

    Args:
        definition: The pipeline.
        region: The pipeline's Region.

    Raises:
        ApiError: `InvalidStageDeclarationException`; which exception AWS answers here is undocumented.
    """
    earlier: list[Action] = []
    for stage in definition.stages:
        _check_rollback(definition, stage)
        for kind, condition in stage.conditions.items():
            _check_result(stage, kind, condition)
            known = earlier if kind == BEFORE_ENTRY else [*earlier, *stage.actions]
            for rule in condition.rules:
                _check_rule(definition, rule, region)
                _check_needs(definition, rule, known)
        earlier += stage.actions


def _check_rollback(definition: Definition, stage: Stage) -> None:
    """No rollback of a source stage, nor in a PARALLEL pipeline (user guide, execution modes and stage rollback)."""
    results = {stage.failure_result, *(condition.result for condition in stage.conditions.values())}
    if "ROLLBACK" not in results:
        return
    if definition.mode == PARALLEL:
        raise errors.bad_stage(f"Result ROLLBACK of stage '{stage.name}' is not supported in execution mode PARALLEL")
    if any(action.type.category == "Source" for action in stage.actions):
        raise errors.bad_stage(f"Result ROLLBACK is not supported by the source stage '{stage.name}'")


def _check_result(stage: Stage, kind: str, condition: Condition) -> None:
    member = _MEMBERS[kind]
    if condition.result and condition.result not in _RESULTS[kind]:
        raise errors.bad_stage(f"Result {condition.result} is not supported by {member} of stage '{stage.name}'")
    if not condition.rules:
        raise errors.bad_stage(f"The condition in {member} of stage '{stage.name}' has no rules")
    for name, count in Counter(rule.name for rule in condition.rules).items():
        if count > 1:
            raise errors.bad_stage(f"Rule names must be unique within a condition: '{name}' is not")


def _check_rule(definition: Definition, rule: Action, region: str) -> None:
    provider = RULES.get(rule.type)
    if provider is None:
        raise errors.bad_stage(
            f"RuleType (Category: '{rule.type.category}', Provider: '{rule.type.provider}', "
            f"Owner: '{rule.type.owner}', Version: '{rule.type.version}') in rule '{rule.name}' is not available"
        )
    if rule.commands and rule.type.provider != "Commands":
        raise errors.bad_stage(f"commands of rule '{rule.name}' are only supported by rules of type Commands")
    for problem in declarations.problems(rule, provider.kind, "Rule"):
        raise errors.bad_stage(problem)
    stores = definition.structure.get("artifactStores", {region: None})
    if rule.inputs and (rule.region or region) not in stores:
        raise errors.bad_stage(f"Rule '{rule.name}' needs an artifact store in artifactStores for '{rule.region}'")
    provider.check(rule, rule.region or region)


def _check_needs(definition: Definition, rule: Action, earlier: list[Action]) -> None:
    """Artifacts and variables must come from actions that have run by then."""
    produced = {name for action in earlier for name in action.outputs}
    for name in rule.inputs:
        if name not in produced:
            raise errors.bad_stage(
                f"Input artifact '{name}' of rule '{rule.name}' is not an output of an earlier action"
            )
    known = {action.namespace for action in earlier if action.namespace}
    for namespace, key in variables.references(rule):
        is_declared = namespace == variables.PIPELINE_VARIABLES and key in definition.variables
        if namespace != variables.SERVICE and namespace not in known and not is_declared:
            raise errors.bad_stage(
                f"Rule '{rule.name}' refers to the variable '{namespace}.{key}', which does not exist"
            )
