"""On-premises instances: hosts outside EC2 that are registered by name (user guide, instances-on-premises)."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from typing import Any

from deliverkit.sandbox.codedeploy.membership import matches_filter
from deliverkit.sandbox.codedeploy.state import Json, OnPremisesInstance, Store
from deliverkit.sandbox.codedeploy.tag_filters import check_filters
from deliverkit.sandbox.codedeploy.validation import check_batch, one_of, page, store_of
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

TAG_LIMIT = 10
NAME_LIMIT = 100
"""Names in one call of the tag operations; the number is undocumented, this is the exception's own text."""
BATCH_LIMIT = 25
_NAME = re.compile(r"(?!i-)[A-Za-z0-9+=,.@_-]{1,100}")
_USER = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:user/[\w+=,.@/-]+")
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::\d{12}:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+")
_LETTERS = string.ascii_letters + string.digits


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("RegisterOnPremisesInstance")(register_on_premises_instance)
    service.operation("DeregisterOnPremisesInstance")(deregister_on_premises_instance)
    service.operation("GetOnPremisesInstance")(get_on_premises_instance)
    service.operation("BatchGetOnPremisesInstances")(batch_get_on_premises_instances)
    service.operation("ListOnPremisesInstances")(list_on_premises_instances)
    service.operation("AddTagsToOnPremisesInstances")(add_tags)
    service.operation("RemoveTagsFromOnPremisesInstances")(remove_tags)


def register_on_premises_instance(params: Params, context: Context) -> None:
    """RegisterOnPremisesInstance, by the ARN of an IAM user or of an IAM session, not both."""
    store = store_of(context)
    name = _required_name(params.get("instanceName"))
    arn, is_session = _iam_arn(params)
    for host in _registered(store):
        if host.name == name:
            raise ApiError("InstanceNameAlreadyRegisteredException", f"The instance name {name} is registered already.")
        if host.iam_arn == arn:
            kind = "IamSession" if is_session else "IamUser"
            raise ApiError(f"{kind}ArnAlreadyRegisteredException", f"The ARN {arn} is registered already.")
    before = store.hosts.get(name)
    ours = f"arn:aws:codedeploy:{context.region}:{context.account}:instance/{name}_{chance.text(10, _LETTERS)}"
    store.hosts[name] = OnPremisesInstance(name, ours, arn, is_session, context.now, before.tags if before else {})


def _required_name(name: str | None) -> str:
    if not name:
        raise ApiError("InstanceNameRequiredException", "The instanceName is required but was not specified.")
    if not _NAME.fullmatch(name):
        raise ApiError("InvalidInstanceNameException", f"The instance name {name!r} is not valid.")
    return name


def _iam_arn(params: Params) -> tuple[str, bool]:
    user, session = params.get("iamUserArn"), params.get("iamSessionArn")
    if user and session:
        raise ApiError("MultipleIamArnsProvidedException", "Give an IAM user ARN or an IAM session ARN, not both.")
    if user is not None and session is None and not user:
        raise ApiError("IamUserArnRequiredException", "The iamUserArn is empty.")
    if not user and not session:
        raise ApiError("IamArnRequiredException", "An IAM user ARN or an IAM session ARN is required.")
    if user and not _USER.fullmatch(user):
        raise ApiError("InvalidIamUserArnException", f"{user!r} is not the ARN of an IAM user.")
    if session and not _SESSION.fullmatch(session):
        raise ApiError("InvalidIamSessionArnException", f"{session!r} is not the ARN of an IAM session.")
    return str(user or session), bool(session)


def _registered(store: Store) -> list[OnPremisesInstance]:
    return [host for host in store.hosts.values() if host.deregistered_at is None]


def deregister_on_premises_instance(params: Params, context: Context) -> None:
    """DeregisterOnPremisesInstance; an unknown name is no error."""
    host = store_of(context).hosts.get(_required_name(params.get("instanceName")))
    if host is not None and host.deregistered_at is None:
        host.deregistered_at = context.now


def get_on_premises_instance(params: Params, context: Context) -> dict[str, Any]:
    """GetOnPremisesInstance."""
    name = _required_name(params.get("instanceName"))
    host = store_of(context).hosts.get(name)
    if host is None:
        raise ApiError("InstanceNotRegisteredException", f"The instance {name} is not registered.")
    return {"instanceInfo": _info(host)}


def _info(host: OnPremisesInstance) -> dict[str, Any]:
    return {
        "instanceName": host.name,
        "iamSessionArn" if host.is_session else "iamUserArn": host.iam_arn,
        "instanceArn": host.arn,
        "registerTime": host.registered_at,
        "deregisterTime": host.deregistered_at,
        "tags": [{"Key": key, "Value": value} for key, value in host.tags.items()],
    }


def batch_get_on_premises_instances(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetOnPremisesInstances; unknown names are left out."""
    names = params.get("instanceNames") or [None]
    check_batch(names, BATCH_LIMIT)
    known = store_of(context).hosts
    wanted = [_required_name(name) for name in names]
    return {"instanceInfos": [_info(known[name]) for name in wanted if name in known]}


def list_on_premises_instances(params: Params, context: Context) -> dict[str, Any]:
    """ListOnPremisesInstances: registered and deregistered ones, unless filtered; tag filters are alternatives."""
    status = params.get("registrationStatus")
    one_of(status, ("Registered", "Deregistered"), "InvalidRegistrationStatusException", "The registration status")
    filters = check_filters([params.get("tagFilters") or ()], "InvalidTagFilterException")
    names = [
        host.name
        for host in store_of(context).hosts.values()
        if status in (None, "Registered" if host.deregistered_at is None else "Deregistered")
        and (not filters or any(matches_filter(host.tags, one) for one in filters))
    ]
    return page(names, params, "instanceNames")


def add_tags(params: Params, context: Context) -> None:
    """AddTagsToOnPremisesInstances, to all or to none of them."""

    def added(tags: dict[str, str], new: Sequence[Json]) -> dict[str, str]:
        return {**tags, **{tag["Key"]: tag["Value"] for tag in new}}

    _change_tags(params, context, added)


def remove_tags(params: Params, context: Context) -> None:
    """RemoveTagsFromOnPremisesInstances: tags go whose key and value are both named."""

    def without(tags: dict[str, str], old: Sequence[Json]) -> dict[str, str]:
        named = {(tag["Key"], tag["Value"]) for tag in old}
        return {key: value for key, value in tags.items() if (key, value) not in named}

    _change_tags(params, context, without)


def _change_tags(
    params: Params, context: Context, change: Callable[[dict[str, str], Sequence[Json]], dict[str, str]]
) -> None:
    tags = _checked_tags(params.get("tags"))
    names = params.get("instanceNames") or [None]
    if len(names) > NAME_LIMIT:
        raise ApiError("InstanceLimitExceededException", f"The maximum number of instance names is {NAME_LIMIT}.")
    registered = {host.name: host for host in _registered(store_of(context))}
    wanted = [_required_name(name) for name in names]
    missing = [name for name in wanted if name not in registered]
    if missing:
        raise ApiError("InstanceNotRegisteredException", f"The instance {missing[0]} is not registered.")
    changed = {name: change(registered[name].tags, tags) for name in wanted}
    if any(len(each) > TAG_LIMIT for each in changed.values()):
        raise ApiError("TagLimitExceededException", f"The maximum number of tags of an instance is {TAG_LIMIT}.")
    for name, told in changed.items():
        registered[name].tags = told


def _checked_tags(tags: Sequence[Json] | None) -> Sequence[Json]:
    if not tags:
        raise ApiError("TagRequiredException", "The tags are required but were not specified.")
    if len(tags) > TAG_LIMIT:
        raise ApiError("TagLimitExceededException", f"The maximum number of tags of an instance is {TAG_LIMIT}.")
    for tag in tags:
        key, value = tag.get("Key") or "", tag.get("Value")
        if not 0 < len(key) <= 128 or value is None or len(value) > 256:
            raise ApiError("InvalidTagException", f"The tag {dict(tag)} is not valid.")
    return tags
