"""Resources of CodePipeline's actions (Service Authorization Reference, "AWS CodePipeline")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.access.request import Request
from deliverkit.sandbox.kernel.world import World

_TYPE_ACTIONS = frozenset(
    {
        "PollForJobs",
        "CreateCustomActionType",
        "DeleteCustomActionType",
        "GetActionType",
        "UpdateActionType",
    }
)


def codepipeline_resources(_world: World, request: Request) -> list[str]:
    """ARNs that the request is about: a pipeline, one of its stages or actions, an action type, a webhook."""
    base = f"arn:aws:codepipeline:{request.region}:{request.account}"
    params = request.params
    if request.operation in _TYPE_ACTIONS:
        return [f"{base}:actiontype:{_type(params)}"]
    if "resourceArn" in params:
        return [str(params["resourceArn"])]
    webhook = params.get("webhook", {}).get("name") or params.get("webhookName")
    if webhook or "Webhook" in request.operation:
        return [f"{base}:webhook:{webhook or params.get('name', '*')}"]
    if request.operation in {"ListPipelines", "ListActionTypes", "ListRuleTypes"}:
        return [f"{base}:*"]
    name = params.get("pipelineName") or params.get("name") or params.get("pipeline", {}).get("name")
    if not name:
        return ["*"]
    parts = [str(name), *(str(params[member]) for member in ("stageName", "actionName") if member in params)]
    return [f"{base}:{'/'.join(parts)}"]


def _type(params: Mapping[str, Any]) -> str:
    found = params.get("actionTypeId") or params
    return "/".join(str(found.get(part, "*")) for part in ("owner", "category", "provider", "version"))
