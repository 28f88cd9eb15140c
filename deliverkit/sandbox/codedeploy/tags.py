"""Tags of applications and deployment groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from deliverkit.sandbox.codedeploy import checks
from deliverkit.sandbox.codedeploy.checks import refusal
from deliverkit.sandbox.kernel.operations import Answer, Context, Params

_ARN = re.compile(r"arn:aws:codedeploy:[a-z0-9-]+:\d{12}:(application:([^/]+)|deploymentgroup:([^/]+)/(.+))")


def arn_of(context: Context, resource: str) -> str:
    """ARN of an `application:NAME` or `deploymentgroup:APPLICATION/GROUP`."""
    return f"arn:aws:codedeploy:{context.region}:{context.account}:{resource}"


def put_tags(context: Context, arn: str, tags: Iterable[Mapping[str, str]]) -> None:
    """Set tags, keeping those of other keys."""
    known = checks.store_of(context).tags.setdefault(arn, {})
    known.update({tag["Key"]: tag.get("Value", "") for tag in tags})


def tag_resource(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, TagResource."""
    arn = _resource(params, context)
    if not params.get("Tags"):
        raise refusal("TagRequired", "Tags must be specified.")
    put_tags(context, arn, params["Tags"])
    return {}


def untag_resource(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, UntagResource."""
    known = checks.store_of(context).tags.get(_resource(params, context), {})
    for key in params.get("TagKeys", []):
        known.pop(key, None)
    return {}


def list_tags_for_resource(params: Params, context: Context) -> Answer:
    """CodeDeploy API reference, ListTagsForResource."""
    known = checks.store_of(context).tags.get(_resource(params, context), {})
    return {"Tags": [{"Key": key, "Value": value} for key, value in known.items()]}


def _resource(params: Params, context: Context) -> str:
    arn = params.get("ResourceArn", "")
    if not arn:
        raise refusal("ResourceArnRequired", "The ARN of a resource is required.")
    match = _ARN.fullmatch(arn)
    if match is None:
        kind = "ArnNotSupported" if arn.startswith("arn:aws:codedeploy:") else "InvalidArn"
        raise refusal(kind, f"{arn} names neither an application nor a deployment group.")
    owner = checks.named_application(match[2] or match[3], context)
    if match[4] and match[4] not in owner.groups:
        raise refusal("DeploymentGroupDoesNotExist", f"No Deployment Group found for name: {match[4]}")
    return str(arn)
