"""Checks that CodeDeploy makes with exceptions of its own instead of ValidationException."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from deliverkit.sandbox.codedeploy.state import Application, Deployment, Group, Store
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params

T = TypeVar("T")
PAGE_SIZE = 100
"""Undocumented; ListDeployments and the others take no page size (CodeDeploy API reference)."""
DESCRIPTION_LIMIT = 256
TAG_LIMIT = 50
"""Tags of a resource (AWS General Reference, tagging)."""
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,100}")
_DEPLOYMENT_ID = re.compile(r"d-[A-Z0-9]{9}")


def store_of(context: Context) -> Store:
    """The caller's store."""
    return context.world.store(Store, context.account, context.region)


def required_name(params: Params, member: str, subject: str) -> str:
    """A name that is there and well formed.

    Raises:
        ApiError: `<subject>NameRequiredException`, `Invalid<subject>NameException`.
    """
    name = params.get(member)
    if not name:
        raise ApiError(f"{subject}NameRequiredException", f"The {member} is required but was not specified.")
    check_name(name, member, subject)
    return str(name)


def check_name(name: str, member: str, subject: str) -> None:
    """Refuse what cannot be a name, an empty one too.

    Raises:
        ApiError: `Invalid<subject>NameException`.
    """
    if not _NAME.fullmatch(name):
        raise ApiError(f"Invalid{subject}NameException", f"The {member} {name!r} is not valid.")


def find_application(params: Params, context: Context) -> Application:
    """The application that a request names.

    Raises:
        ApiError: `ApplicationNameRequired-`, `InvalidApplicationName-`, `ApplicationDoesNotExistException`.
    """
    name = required_name(params, "applicationName", "Application")
    application = store_of(context).applications.get(name)
    if application is None:
        raise ApiError("ApplicationDoesNotExistException", f"No application found for name: {name}")
    return application


def find_group(application: Application, params: Params, member: str = "deploymentGroupName") -> Group:
    """The deployment group that a request names.

    Raises:
        ApiError: `DeploymentGroupNameRequired-`, `InvalidDeploymentGroupName-`, `DeploymentGroupDoesNotExistException`.
    """
    name = required_name(params, member, "DeploymentGroup")
    group = application.groups.get(name)
    if group is None:
        raise ApiError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
    return group


def check_deployment_id(identifier: str) -> None:
    """Refuse what cannot be a deployment id.

    Raises:
        ApiError: `InvalidDeploymentIdException`.
    """
    if not _DEPLOYMENT_ID.fullmatch(identifier):
        raise ApiError(
            "InvalidDeploymentIdException", f"Specified DeploymentId is not in the valid format: {identifier}"
        )


def find_deployment(params: Params, context: Context) -> Deployment:
    """The deployment that a request names.

    Raises:
        ApiError: `DeploymentIdRequired-`, `InvalidDeploymentId-`, `DeploymentDoesNotExistException`.
    """
    identifier = params.get("deploymentId")
    if not identifier:
        raise ApiError("DeploymentIdRequiredException", "The deploymentId is required but was not specified.")
    check_deployment_id(identifier)
    deployment = store_of(context).deployments.get(identifier)
    if deployment is None:
        raise ApiError("DeploymentDoesNotExistException", f"The deployment {identifier} could not be found")
    return deployment


def check_description(params: Params) -> None:
    """Refuse descriptions above 256 characters (CodeDeploy user guide, limits).

    Raises:
        ApiError: `DescriptionTooLongException`.
    """
    if len(params.get("description") or "") > DESCRIPTION_LIMIT:
        raise ApiError("DescriptionTooLongException", f"The description is longer than {DESCRIPTION_LIMIT} characters.")


def check_batch(items: Sequence[Any], limit: int) -> None:
    """Refuse a batch above its documented maximum.

    Raises:
        ApiError: `BatchLimitExceededException`.
    """
    if len(items) > limit:
        raise ApiError("BatchLimitExceededException", f"The maximum number of names or IDs is {limit}.")


def page(items: Sequence[T], params: Params, key: str) -> dict[str, Any]:
    """One page of a list under its answer member, with the token of the next.

    Raises:
        ApiError: `InvalidNextTokenException`.
    """
    start = _offset(params.get("nextToken"))
    answer: dict[str, Any] = {key: list(items[start : start + PAGE_SIZE])}
    if start + PAGE_SIZE < len(items):
        answer["nextToken"] = base64.urlsafe_b64encode(f"from:{start + PAGE_SIZE}".encode()).decode()
    return answer


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not re.fullmatch(r"from:\d+", text):
        raise ApiError("InvalidNextTokenException", "The next token was specified in an invalid format.")
    return int(text.removeprefix("from:"))


def one_of(value: str | None, allowed: Sequence[str] | frozenset[str], code: str, what: str) -> None:
    """Refuse a value outside a closed set; absent is fine.

    Raises:
        ApiError: The given code.
    """
    if value is not None and value not in allowed:
        raise ApiError(code, f"{what} {value!r} is not one of {', '.join(sorted(allowed))}.")


def tag_map(tags: Sequence[Mapping[str, str]] | None, before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Resource tags as a mapping, together with those that the resource has already.

    Raises:
        ApiError: `InvalidTagsToAddException` for what no service takes (AWS General Reference, tagging).
    """
    for tag in tags or ():
        key, value = tag.get("Key") or "", tag.get("Value", "")
        if not 0 < len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise ApiError("InvalidTagsToAddException", f"The tag {dict(tag)} is not valid.")
    found = {**(before or {}), **{tag["Key"]: tag.get("Value", "") for tag in tags or ()}}
    if len(found) > TAG_LIMIT:
        raise ApiError("InvalidTagsToAddException", f"The maximum number of tags of a resource is {TAG_LIMIT}.")
    return found
