"""moto's Lambda functions, as those that run them want them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LATEST = "$LATEST"
_RETRIES = 2
"""Of an asynchronous invocation, unless configured (Lambda API reference, PutFunctionEventInvokeConfig)."""


@dataclass(frozen=True, slots=True)
class Function:
    """One version of a function, ready to be run.

    Attributes:
        version: A number, or `$LATEST`.
        timeout_seconds: Real seconds.
        code: The zip; empty for an image.
        retries: Further attempts of an asynchronous invocation.
        qualifier: The version or alias by which it was asked for; empty for none.
    """

    account: str
    region: str
    name: str
    version: str
    runtime: str
    handler: str
    role: str
    timeout_seconds: int
    memory_megabytes: int
    variables: Mapping[str, str]
    code: bytes
    retries: int
    qualifier: str = ""

    @property
    def asked_for(self) -> str:
        """`name` or `name:qualifier`, by which it is found again."""
        return f"{self.name}:{self.qualifier}" if self.qualifier else self.name

    @property
    def invoked_arn(self) -> str:
        """The ARN that the handler's context names."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.asked_for}"

    @property
    def digest(self) -> str:
        """Tells one code from another."""
        return hashlib.sha256(self.code).hexdigest()

    @property
    def log_group(self) -> str:
        """Where CloudWatch Logs keeps what it prints."""
        return f"/aws/lambda/{self.name}"


@dataclass(frozen=True, slots=True)
class Alias:
    """Where an alias points.

    Attributes:
        version: The version that gets what the weights leave.
        weights: Share of the invocations, from 0 to 1, by further versions.
    """

    version: str
    weights: Mapping[str, float]


def find_version(account: str, region: str, name: str, version: str | None) -> Function | None:
    """A version of a function, the latest by default; None when there is none."""
    from moto.awslambda.exceptions import LambdaClientError  # noqa: PLC0415

    try:
        found = _backend(account, region).get_function(name, version)
    except LambdaClientError:
        return None
    configured = found.event_invoke_config[0].config if found.event_invoke_config else {}
    return Function(
        account=account,
        region=region,
        name=str(found.function_name),
        version=version if version is not None and version.isdigit() else LATEST,
        runtime=str(found.run_time or ""),
        handler=str(found.handler or ""),
        role=str(found.role),
        timeout_seconds=int(found.timeout),
        memory_megabytes=int(found.memory_size),
        variables={str(key): str(value) for key, value in (found.environment_vars or {}).items()},
        code=bytes(getattr(found, "code_bytes", b"")),
        retries=int(configured.get("MaximumRetryAttempts", _RETRIES)),
    )


def find_alias(account: str, region: str, name: str, alias: str) -> Alias | None:
    """An alias of a function; None when there is none."""
    from moto.awslambda.exceptions import LambdaClientError  # noqa: PLC0415

    try:
        found = _backend(account, region).get_alias(alias, name)
    except LambdaClientError:
        return None
    weights = (found.routing_config or {}).get("AdditionalVersionWeights") or {}
    return Alias(str(found.function_version), {str(each): float(share) for each, share in weights.items()})


def _backend(account: str, region: str) -> Any:
    from moto.backends import get_backend  # noqa: PLC0415

    return get_backend("lambda")[account][region]
