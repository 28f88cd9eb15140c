"""Finds the function that a name, a qualifier or an ARN means, in moto's Lambda."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

LATEST = "$LATEST"
_NAME = re.compile(
    r"(?:arn:aws[\w-]*:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:"
    r"|(?P<short_account>\d{12}):function:)?(?P<name>[\w-]+)(?::(?P<qualifier>\$LATEST|[\w-]+))?"
)
_WEIGHT_UNIT = 10_000


@dataclass(frozen=True, slots=True)
class Function:
    """One version of a function, ready to be run.

    Attributes:
        asked_for: `name` or `name:qualifier`, by which it is found again.
        version: A number, or `$LATEST`.
        invoked_arn: The ARN that the handler's context names.
        timeout_seconds: Real seconds.
        code: The zip; empty for an image.
    """

    account: str
    region: str
    name: str
    asked_for: str
    version: str
    invoked_arn: str
    runtime: str
    handler: str
    role: str
    timeout_seconds: int
    memory_megabytes: int
    variables: Mapping[str, str]
    code: bytes
    retries: int

    @property
    def digest(self) -> str:
        """Tells one code from another."""
        return hashlib.sha256(self.code).hexdigest()

    @property
    def log_group(self) -> str:
        """Where CloudWatch Logs keeps what it prints."""
        return f"/aws/lambda/{self.name}"


def find_function(world: World, account: str, region: str, name: str, qualifier: str | None = None) -> Function:
    """The version that a request for this name runs; an alias with weights gives either of its versions by chance.

    Raises:
        ApiError: `ResourceNotFoundException`, `ValidationException` for what is no name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ApiError("ValidationException", f"1 validation error detected: {name!r} is no function name")
    account, region = match["account"] or match["short_account"] or account, match["region"] or region
    asked = match["qualifier"] or qualifier
    arn = f"arn:aws:lambda:{region}:{account}:function:{match['name']}" + (f":{asked}" if asked else "")
    with world.lock:
        backend = world.moto.backend("lambda", account, region)
        version = _version_of(backend, match["name"], asked)
        try:
            found = backend.get_function(match["name"], version)
        except Exception as error:  # moto's own exceptions, which only its modules may name
            raise ApiError("ResourceNotFoundException", f"Function not found: {arn}", status=404) from error
        return _copy(found, arn, f"{match['name']}:{asked}" if asked else match["name"], version, account, region)


def _version_of(backend: Any, name: str, asked: str | None) -> str | None:
    """The version behind an alias, by its weights; anything else is what was asked for."""
    if asked is None:
        return None
    try:
        alias = backend.get_alias(asked, name)
    except Exception:  # noqa: BLE001  (moto raises its own when there is no such alias)
        return asked
    weights = (alias.routing_config or {}).get("AdditionalVersionWeights") or {}
    drawn = chance.choice(range(_WEIGHT_UNIT)) / _WEIGHT_UNIT if weights else 1.0
    for version, weight in weights.items():
        if drawn < weight:
            return str(version)
        drawn -= weight
    return str(alias.function_version)


def _copy(found: Any, arn: str, asked_for: str, version: str | None, account: str, region: str) -> Function:
    configured = found.event_invoke_config[0].config if found.event_invoke_config else {}
    return Function(
        account=account,
        region=region,
        name=str(found.function_name),
        asked_for=asked_for,
        version=version if version is not None and version.isdigit() else LATEST,
        invoked_arn=arn,
        runtime=str(found.run_time or ""),
        handler=str(found.handler or ""),
        role=str(found.role),
        timeout_seconds=int(found.timeout),
        memory_megabytes=int(found.memory_size),
        variables={str(key): str(value) for key, value in (found.environment_vars or {}).items()},
        code=bytes(getattr(found, "code_bytes", b"")),
        retries=int(configured.get("MaximumRetryAttempts", 2)),
    )
