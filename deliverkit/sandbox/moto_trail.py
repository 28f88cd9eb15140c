"""What the event history needs of moto: a place for LookupEvents, roles behind sessions, and its reader of forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.moto_base import MotoBase
from deliverkit.sandbox.moto_hooks import replace

Lookup = Callable[[Mapping[str, Any], str, str], Mapping[str, Any]]


def answer_lookups(lookup: Lookup) -> None:
    """Let moto's CloudTrail answer LookupEvents.

    Args:
        lookup: `(params, account, region) -> answer`.
    """
    from moto.cloudtrail.responses import CloudTrailResponse  # noqa: PLC0415

    def instead_of(_: Any) -> Callable[[Any], str]:
        return lambda response: _lookup_events(lookup, response)

    replace(CloudTrailResponse, "lookup_events", instead_of)


def _lookup_events(lookup: Lookup, response: Any) -> str:
    from moto.core.exceptions import JsonRESTError  # noqa: PLC0415

    try:
        found = lookup(json.loads(response.body or "{}"), response.current_account, response.region)
    except ApiError as error:
        raise JsonRESTError(error.code, error.message) from error
    return json.dumps(found)


def operation_model(service: str, operation: str) -> Any:
    """The model of an operation, botocore's as moto has it in memory anyway; None when there is none."""
    import botocore.exceptions  # noqa: PLC0415
    from botocore.model import OperationNotFoundError  # noqa: PLC0415
    from moto.core.utils import get_service_model  # noqa: PLC0415

    try:
        return get_service_model(service).operation_model(operation)
    except (botocore.exceptions.BotoCoreError, OperationNotFoundError):
        return None


def members_of(form: Mapping[str, str], operation: Any) -> Mapping[str, Any]:
    """The members of a request, nested as the service's model has them, from the names of a form.

    Args:
        form: `TagSpecification.1.Tag.1.Key` and such.
        operation: Its model.
    """
    from moto.core.parse import PROTOCOL_PARSERS  # noqa: PLC0415

    protocol = "ec2" if operation.service_model.service_name == "ec2" else "query"
    values: Any = {"values": form}
    found: Mapping[str, Any] = PROTOCOL_PARSERS[protocol](operation).parse(values)
    return found


def session_of(moto: MotoBase, account: str, access_key: str) -> tuple[str, str, str] | None:
    """Principal id, role id and role ARN of an assumed role's session; None for a key that is none's.

    The ids are empty for a role that nobody made.
    """
    session = moto.backend("sts", account, "global").get_assumed_role_from_access_key(access_key)
    if session is None:
        return None
    roles = moto.backend("iam", account, "global").roles.values()
    role = next((role for role in list(roles) if role.arn == session.role_arn), None)
    role_id = str(role.id) if role is not None else ""
    return (f"{role_id}:{session.session_name}" if role_id else "", role_id, str(session.role_arn))


def user_id_of(moto: MotoBase, account: str, access_key: str) -> str:
    """The id of the IAM user who owns a key; empty when there is none."""
    user = moto.backend("iam", account, "global").get_user_from_access_key_id(access_key)
    return str(user.id) if user is not None else ""
