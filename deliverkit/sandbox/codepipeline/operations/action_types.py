"""CreateCustomActionType, DeleteCustomActionType, ListActionTypes, GetActionType, UpdateActionType."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline.action_types.catalogue import Catalogue
from deliverkit.sandbox.codepipeline.action_types.custom import OWNER, parse_custom_type
from deliverkit.sandbox.codepipeline.action_types.declared import type_name, type_not_found
from deliverkit.sandbox.codepipeline.action_types.provided import OWNER as THIRD_PARTY
from deliverkit.sandbox.codepipeline.action_types.provided import (
    ProvidedTypes,
    parse_provided_type,
    provided_to,
    provided_type,
    request_failed,
)
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.operations import tags
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.providers import PROVIDERS
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
    known = Catalogue(context.world, context.account, params.get("regionFilter", context.region)).shown()
    owner = params.get("actionOwnerFilter")
    found = sorted((each for each in known if owner in (None, each["id"]["owner"])), key=_order)
    shown, token = page("action-types", found, params, _order)
    return {"actionTypes": shown, "nextToken": token}


def get_action_type(params: Params, context: Context) -> Answer:
    """The declaration of a type that a provider made.

    What does AWS's own actions inside AWS is not known, so their declarations are not here.
    """
    kind = ActionType(params["category"], params["owner"], params["provider"], params["version"])
    provided = provided_to(context.world, context.account, context.region).get(kind)
    if provided is None:
        raise type_not_found(kind)
    return {"actionType": provided.declaration}


def update_action_type(params: Params, context: Context) -> None:
    """Declare a type anew.

    With AWS the first declaration comes about without any API, by an agreement with the provider; here this is how
    a third-party type begins.
    """
    declaration = params["actionType"]
    kind = ActionType(**declaration["id"])
    known = provided_type(context.world, context.region, kind)
    is_foreign = known is not None and known.account != context.account
    if kind in PROVIDERS or is_foreign:
        raise request_failed(f"The action type {type_name(kind)} belongs to another provider")
    if kind.owner != THIRD_PARTY:
        raise type_not_found(kind)
    provided = parse_provided_type(context.account, declaration)
    context.world.store(ProvidedTypes, context.account, context.region).types[kind] = provided


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
    "GetActionType": get_action_type,
    "UpdateActionType": update_action_type,
}
