"""Connections to hosts of repositories, as CodeConnections and, under its older name, CodeStar Connections keep them.

On AWS a connection is PENDING until somebody completes the handshake with the host in the console. There is no host
here: a connection is AVAILABLE at once, and leads to the directories of `connections/` whatever its provider. Both
APIs show all connections (Developer Tools console user guide, "Connections rename").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Params, Service
from deliverkit.sandbox.kernel.world import World

SERVICES = {
    "codeconnections": "com.amazonaws.codeconnections.CodeConnections_20231201",
    "codestar-connections": "com.amazonaws.codestar.connections.CodeStar_connections_20191201",
}
"""Signing names and targets."""
_PAGE = 100


@dataclass
class Connection:
    """One connection.

    Attributes:
        arn: Its ARN.
        name: Not unique.
        provider: `GitHub`, `Bitbucket`, ...
        account: Owner's account id.
        tags: Its tags.
    """

    arn: str
    name: str
    provider: str
    account: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class ConnectionStore:
    """The connections of an account and region by ARN, in the order of creation."""

    connections: dict[str, Connection] = field(default_factory=dict)


def add_services(world: World) -> None:
    """Let both services answer."""
    for name, target in SERVICES.items():
        service = Service(name, target)
        service.operation("CreateConnection")(partial(create_connection, name))
        for operation, function in _OPERATIONS.items():
            service.operation(operation)(function)
        world.add_service(service)


def create_connection(service: str, params: Params, context: Context) -> Answer:
    """Make a connection, which has the ARN of the service that was asked."""
    if "HostArn" in params:
        raise _not_found("Host", params["HostArn"])  # nobody can make one here
    if "ProviderType" not in params:
        raise ApiError("InvalidInputException", "Either ProviderType or HostArn must be specified")
    arn = f"arn:aws:{service}:{context.region}:{context.account}:connection/{chance.uuid4()}"
    made = Connection(arn, params["ConnectionName"], params["ProviderType"], context.account)
    made.tags = _by_key(params.get("Tags", ()))
    _store(context).connections[arn] = made
    return {"ConnectionArn": arn, "Tags": _tags(made)}


def get_connection(params: Params, context: Context) -> Answer:
    """What is known of a connection."""
    return {"Connection": _shown(_require(params["ConnectionArn"], context))}


def list_connections(params: Params, context: Context) -> Answer:
    """Connections in the order of creation, narrowed to a provider; the token is the last one's ARN."""
    provider = params.get("ProviderTypeFilter")
    found = [each for each in _store(context).connections.values() if provider in (None, each.provider)]
    if "HostArnFilter" in params:
        found = []
    arns = [each.arn for each in found]
    if params.get("NextToken"):
        if params["NextToken"] not in arns:
            raise ApiError("InvalidInputException", "The NextToken is not valid")
        found = found[arns.index(params["NextToken"]) + 1 :]
    shown = found[: params.get("MaxResults") or _PAGE]
    token = shown[-1].arn if len(shown) < len(found) else None
    return {"Connections": [_shown(each) for each in shown], "NextToken": token}


def delete_connection(params: Params, context: Context) -> Answer:
    """Forget a connection."""
    del _store(context).connections[_require(params["ConnectionArn"], context).arn]
    return {}


def tag_resource(params: Params, context: Context) -> Answer:
    """Add tags, or overwrite those with the same key."""
    _require(params["ResourceArn"], context).tags.update(_by_key(params["Tags"]))
    return {}


def untag_resource(params: Params, context: Context) -> Answer:
    """Remove tags; keys that are not there are no error."""
    found = _require(params["ResourceArn"], context)
    found.tags = {key: value for key, value in found.tags.items() if key not in params["TagKeys"]}
    return {}


def list_tags_for_resource(params: Params, context: Context) -> Answer:
    """The tags of a connection."""
    return {"Tags": _tags(_require(params["ResourceArn"], context))}


_OPERATIONS = {
    "GetConnection": get_connection,
    "ListConnections": list_connections,
    "DeleteConnection": delete_connection,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}


def _store(context: Context) -> ConnectionStore:
    return context.world.store(ConnectionStore, context.account, context.region)


def _require(arn: str, context: Context) -> Connection:
    found = _store(context).connections.get(arn)
    if found is None:
        raise _not_found("Connection", arn)
    return found


def _not_found(kind: str, arn: str) -> ApiError:
    return ApiError("ResourceNotFoundException", f"{kind} not found: {arn}")


def _shown(connection: Connection) -> Mapping[str, Any]:
    return {
        "ConnectionName": connection.name,
        "ConnectionArn": connection.arn,
        "ProviderType": connection.provider,
        "OwnerAccountId": connection.account,
        "ConnectionStatus": "AVAILABLE",
    }


def _by_key(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _tags(connection: Connection) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in connection.tags.items()]
