"""ListTagsForResource, TagResource, UntagResource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from deliverkit.sandbox.codepipeline.action_types.custom import Registry
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.operations.lookup import store_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.webhooks.webhook import webhooks_of
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params


class Tagged(Protocol):
    """What can have tags."""

    tags: dict[str, str]


MAX_TAGS = 50
"""Tags of a resource (CodePipeline user guide, quotas)."""


def list_tags_for_resource(params: Params, context: Context) -> Answer:
    """The tags of a pipeline, custom action type or webhook, by key."""
    tags = as_json(_tagged(params["resourceArn"], context).tags)
    shown, token = page("tags/" + params["resourceArn"].replace(":", "/"), tags, params, lambda tag: tag["key"])
    return {"tags": shown, "nextToken": token}


def tag_resource(params: Params, context: Context) -> Answer:
    """Add tags, or overwrite those with the same key."""
    resource = _tagged(params["resourceArn"], context)
    resource.tags = checked(params["tags"], resource.tags)
    return {}


def untag_resource(params: Params, context: Context) -> Answer:
    """Remove tags; keys that are not there are no error."""
    resource = _tagged(params["resourceArn"], context)
    _refuse_reserved(params["tagKeys"])
    resource.tags = {key: value for key, value in resource.tags.items() if key not in params["tagKeys"]}
    return {}


def checked(given: Iterable[Mapping[str, str]], present: Mapping[str, str]) -> dict[str, str]:
    """The present tags with the given ones added.

    Raises:
        ApiError: `InvalidTagsException` for AWS's own prefix, `TooManyTagsException`.
    """
    added = {tag["key"]: tag["value"] for tag in given}
    _refuse_reserved(added)
    merged = {**present, **added}
    if len(merged) > MAX_TAGS:
        raise ApiError("TooManyTagsException", f"A resource can have {MAX_TAGS} tags, not {len(merged)}")
    return merged


def _refuse_reserved(keys: Iterable[str]) -> None:
    for key in keys:
        if key.lower().startswith("aws:"):
            raise ApiError("InvalidTagsException", f"Tag keys must not start with 'aws:': '{key}'")


def as_json(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API shows them, by key."""
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def _tagged(arn: str, context: Context) -> Tagged:
    """The pipeline, custom action type or webhook behind an ARN.

    Raises:
        ApiError: `InvalidArnException` for the ARN of anything else, `ResourceNotFoundException`.
    """
    parts = arn.split(":")
    found: Tagged | None = None
    match parts[5:]:
        case [name] if "/" not in name:
            found = store_of(context).pipelines.get(name)
        case ["webhook", name]:
            found = webhooks_of(context.world, context.account, context.region).webhooks.get(name)
        # The service authorization reference writes it in lower case, the user guide also otherwise.
        case ["actiontype" | "actionType", path] if path.count("/") == 3:
            found = _custom_type(path, context)
        case _:
            raise ApiError("InvalidArnException", f"'{arn}' is not the ARN of a resource that can have tags")
    if found is None or parts[3:5] != [context.region, context.account]:
        raise ApiError("ResourceNotFoundException", f"There is no resource '{arn}'")
    return found


def _custom_type(path: str, context: Context) -> Tagged | None:
    owner, category, provider, version = path.split("/")
    registry = context.world.store(Registry, context.account, context.region)
    found = registry.types.get(ActionType(category, owner, provider, version))
    return None if found is None or found.is_deleted else found


OPERATIONS: Mapping[str, Operation] = {
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
