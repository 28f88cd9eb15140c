"""ListRuleExecutions, ListRuleTypes, OverrideStageCondition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.conditions import RULES, overrides
from deliverkit.sandbox.codepipeline.operations.attempts import artifact_json, matching, result_json
from deliverkit.sandbox.codepipeline.operations.lookup import pipeline_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.providers.provider import Kind
from deliverkit.sandbox.codepipeline.state import ActionRun
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def list_rule_executions(params: Params, context: Context) -> Answer:
    """Attempts at rules, the last started first."""
    pipeline = pipeline_of(context, params["pipelineName"])
    found = matching(pipeline, pipeline.rule_runs, params.get("filter", {}), context.now)
    shown, token = page(f"rules/{pipeline.name}", found, params, lambda run: run.id)
    return {"ruleExecutionDetails": [_detail(run) for run in shown], "nextToken": token}


def list_rule_types(params: Params, context: Context) -> Answer:
    """Every rule type; each of them is there in every Region."""
    kinds = sorted((provider.kind for provider in RULES.values()), key=lambda kind: kind.type.provider)
    return {"ruleTypes": [_type(kind) for kind in kinds]}


def override_stage_condition(params: Params, context: Context) -> None:
    """Let an execution pass a condition that holds it."""
    pipeline = pipeline_of(context, params["pipelineName"])
    stage = pipeline.stage(params["stageName"]).name
    overrides.override(context.world, pipeline, stage, params["pipelineExecutionId"], params["conditionType"])


def _detail(run: ActionRun) -> dict[str, Any]:
    return {
        "pipelineExecutionId": run.execution_id,
        "ruleExecutionId": run.id,
        "pipelineVersion": run.version,
        "stageName": run.action.stage,
        "ruleName": run.action.name,
        "startTime": run.started_at,
        "lastUpdateTime": run.updated_at,
        "status": run.status.value,
        "input": _input(run),
        "output": {"executionResult": result_json(run)},
    }


def _input(run: ActionRun) -> dict[str, Any]:
    return {
        "ruleTypeId": run.action.type.as_json(),
        "configuration": run.action.configuration,
        "resolvedConfiguration": run.resolved,
        "roleArn": run.action.role_arn or None,
        "region": run.region,
        "inputArtifacts": [artifact_json(each) for each in run.inputs],
    }


def _type(kind: Kind) -> dict[str, Any]:
    least, greatest = kind.inputs
    properties = [
        {"name": name, "required": name in kind.required, "key": name in kind.required, "secret": False}
        for name in sorted(kind.required | kind.optional)
    ]
    return {
        "id": kind.type.as_json(),
        "ruleConfigurationProperties": properties,
        "inputArtifactDetails": {"minimumCount": least, "maximumCount": greatest},
    }


OPERATIONS: Mapping[str, Operation] = {
    "ListRuleExecutions": list_rule_executions,
    "ListRuleTypes": list_rule_types,
    "OverrideStageCondition": override_stage_condition,
}
