"""ListTagsForResource, TagResource, UntagResource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deliverkit.sandbox.codepipeline.operations.lookup import store_of
from deliverkit.sandbox.codepipeline.operations.pages import page
from deliverkit.sandbox.codepipeline.state import Pipeline
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Operation, Params

MAX_TAGS = 50
"""Tags of a resource (CodePipeline user guide, quotas)."""


def list_tags_for_resource(params: Params, context: Context) -> Answer:
    """The tags of a pipeline, by key."""
    tags = as_json(_tagged(params["resourceArn"], context).tags)
    shown, token = page("tags", tags, params, lambda tag: tag["key"])
    return {"tags": shown, "nextToken": token}


def tag_resource(params: Params, context: Context) -> Answer:
    """Add tags, or overwrite those with the same key."""
    pipeline = _tagged(params["resourceArn"], context)
    pipeline.tags = checked(params["tags"], pipeline.tags)
    return {}


def untag_resource(params: Params, context: Context) -> Answer:
    """Remove tags; keys that are not there are no error."""
    pipeline = _tagged(params["resourceArn"], context)
    pipeline.tags = {key: value for key, value in pipeline.tags.items() if key not in params["tagKeys"]}
    return {}


def checked(given: Iterable[Mapping[str, str]], present: Mapping[str, str]) -> dict[str, str]:
    """The present tags with the given ones added.

    Raises:
        ApiError: `InvalidTagsException` for AWS's own prefix, `TooManyTagsException`.
    """
    added = {tag["key"]: tag["value"] for tag in given}
    for key in added:
        if key.lower().startswith("aws:"):
            raise ApiError("InvalidTagsException", f"Tag keys must not start with 'aws:': '{key}'")
    merged = {**present, **added}
    if len(merged) > MAX_TAGS:
        raise ApiError("TooManyTagsException", f"A resource can have {MAX_TAGS} tags, not {len(merged)}")
    return merged


def as_json(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API shows them, by key."""
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def _tagged(arn: str, context: Context) -> Pipeline:
    parts = arn.split(":")
    if len(parts) != 6 or "/" in parts[5]:
        raise ApiError("InvalidArnException", f"'{arn}' is not the ARN of a resource that can have tags")
    pipeline = store_of(context).pipelines.get(parts[5])
    if pipeline is None or pipeline.arn != arn:
        raise ApiError("ResourceNotFoundException", f"There is no resource '{arn}'")
    return pipeline


OPERATIONS: Mapping[str, Operation] = {
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
