"""Tags of applications and deployment groups."""

from __future__ import annotations

import re
from typing import Any

from deliverkit.sandbox.codedeploy.validation import find_application, find_group, store_of, tag_map
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

_ARN = re.compile(r"arn:aws:codedeploy:([a-z0-9-]+):(\d{12}):([a-z]+)[:/](.+)")


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("TagResource")(tag_resource)
    service.operation("UntagResource")(untag_resource)
    service.operation("ListTagsForResource")(list_tags_for_resource)


def _resource(params: Params, context: Context) -> str:
    """The ARN of the request, once its resource exists."""
    arn = params.get("ResourceArn")
    if not arn:
        raise ApiError("ResourceArnRequiredException", "The ResourceArn is required but was not specified.")
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ApiError("InvalidArnException", f"{arn!r} is not the ARN of a CodeDeploy resource.")
    region, account, kind, name = found.groups()
    if kind not in {"application", "deploymentgroup"}:
        raise ApiError("ArnNotSupportedException", f"A resource of the kind {kind} cannot be tagged.")
    if (region, account) != (context.region, context.account):
        raise ApiError("ApplicationDoesNotExistException", f"{arn} is not of this account and Region.")
    application_name, _, group = name.partition("/")
    application = find_application({"applicationName": application_name}, context)
    if kind == "deploymentgroup":
        find_group(application, {"deploymentGroupName": group})
    return str(arn)


def tag_resource(params: Params, context: Context) -> dict[str, Any]:
    """TagResource."""
    arn = _resource(params, context)
    if not params.get("Tags"):
        raise ApiError("TagRequiredException", "The Tags are required but were not specified.")
    tags = store_of(context).tags
    tags[arn] = tag_map(params["Tags"], tags.get(arn, {}))
    return {}


def untag_resource(params: Params, context: Context) -> dict[str, Any]:
    """UntagResource."""
    arn = _resource(params, context)
    if not params.get("TagKeys"):
        raise ApiError("TagRequiredException", "The TagKeys are required but were not specified.")
    tags = store_of(context).tags.get(arn, {})
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags_for_resource(params: Params, context: Context) -> dict[str, Any]:
    """ListTagsForResource; of what its model lists, InvalidArnException is all that a missing resource can be."""
    try:
        arn = _resource(params, context)
    except ApiError as error:
        if error.code in {"ApplicationDoesNotExistException", "DeploymentGroupDoesNotExistException"}:
            raise ApiError("InvalidArnException", error.message) from error
        raise
    tags = store_of(context).tags.get(arn, {})
    # All in one page: the model lists no error that a wrong token could be told with.
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
