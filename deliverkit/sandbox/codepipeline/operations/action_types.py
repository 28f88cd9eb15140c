"""CreateCustomActionType, DeleteCustomActionType, ListActionTypes."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline.action_types import aws
from deliverkit.sandbox.codepipeline.action_types.catalogue import Catalogue
from deliverkit.sandbox.codepipeline.action_types.custom import OWNER, Registry, parse_custom_type
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.operations import tags
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


def create_custom_action_type(params: Params, context: Context) -> Answer:
    """Register a custom action type, or restore a deleted one with the same definition."""
    declared = parse_custom_type(params)
    declared.tags = tags.checked(params.get("tags", []), {})
    catalogue_of(context).registry.add(declared)
    return {"actionType": declared.as_json(), "tags": tags.as_json(declared.tags)}


def delete_custom_action_type(params: Params, context: Context) -> None:
    """Mark a type as deleted: nobody can poll for it any more; an unknown one is no error (none is listed)."""
    kind = ActionType(params["category"], OWNER, params["provider"], params["version"])
    found = catalogue_of(context).registry.types.get(kind)
    if found is not None:
        found.is_deleted = True


def list_action_types(params: Params, context: Context) -> Answer:
    """Every type that a pipeline of the account may use in the Region, by owner, category and provider."""
    region = params.get("regionFilter", context.region)
    registry = context.world.store(Registry, context.account, region)
    known = [aws.as_json(kind) for kind in aws.types()] + [each.as_json() for each in registry.present()]
    owner = params.get("actionOwnerFilter")
    found = sorted((each for each in known if owner in (None, each["id"]["owner"])), key=_order)
    shown, token = page("action-types", found, params, _order)
    return {"actionTypes": shown, "nextToken": token}


def catalogue_of(context: Context) -> Catalogue:
    """The action types of the caller's account and Region."""
    return Catalogue(context.world, context.account, context.region)


def _order(shown: Mapping[str, Mapping[str, str]]) -> str:
    identity = shown["id"]
    return "/".join(identity[part] for part in ("owner", "category", "provider", "version"))


OPERATIONS: Mapping[str, Operation] = {
    "CreateCustomActionType": create_custom_action_type,
    "DeleteCustomActionType": delete_custom_action_type,
    "ListActionTypes": list_action_types,
}
