"""The pairs of id and token by which third-party workers show that a job's customer is theirs.

With AWS a customer gets the pair on the provider's own site, outside of any API. Here it is made when the customer's
first job is, and the sandbox's endpoint `GET third-party-clients` tells it.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.jobs.job import WorkerJob
from deliverkit.sandbox.codepipeline.providers.provider import new_id
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

TOKEN_LENGTH = 40
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Client:
    """A customer of a third-party action type, as the provider knows it."""

    id: str
    token: str


@dataclass(slots=True)
class Clients:
    """The pairs of one account in one Region, by action type."""

    pairs: dict[ActionType, Client] = field(default_factory=dict)


def client_of(job: WorkerJob) -> Client:
    """The pair of a job's customer."""
    attempt = job.attempt
    pairs = attempt.world.store(Clients, attempt.pipeline.account, attempt.run.region).pairs
    if job.type not in pairs:
        pairs[job.type] = Client(new_id(), chance.text(TOKEN_LENGTH, _ALPHABET))
    return pairs[job.type]


def require_token(job: WorkerJob, token: str) -> None:
    """Refuse a worker that does not know the customer's token.

    Raises:
        ApiError: `InvalidClientTokenException`.
    """
    if token != client_of(job).token:
        raise ApiError("InvalidClientTokenException", f"The client token is not valid for job {job.id}")


def client_endpoints(world: World) -> Mapping[tuple[str, str], Any]:
    """The sandbox's own endpoint that tells the pairs."""
    return {("GET", "third-party-clients"): partial(_list, world)}


def _list(world: World, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    with world.lock:
        return {
            "clients": [
                {
                    "account": account,
                    "region": region,
                    "actionTypeId": kind.as_json(),
                    "clientId": client.id,
                    "clientToken": client.token,
                }
                for account, region, store in world.stores(Clients)
                for kind, client in store.pairs.items()
            ]
        }
