"""Finds the function that a name, a qualifier or an ARN means, in moto's Lambda."""

from __future__ import annotations

import re
from dataclasses import replace

from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_functions import Function, find_alias, find_version

_NAME = re.compile(
    r"(?:arn:aws[\w-]*:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:"
    r"|(?P<short_account>\d{12}):function:)?(?P<name>[\w-]+)(?::(?P<qualifier>\$LATEST|[\w-]+))?"
)
_WEIGHT_UNIT = 10_000


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
    with world.lock:
        found = find_version(account, region, match["name"], _version_of(account, region, match["name"], asked))
    if found is None:
        arn = f"arn:aws:lambda:{region}:{account}:function:{match['name']}" + (f":{asked}" if asked else "")
        raise ApiError("ResourceNotFoundException", f"Function not found: {arn}", status=404)
    return replace(found, qualifier=asked or "")


def _version_of(account: str, region: str, name: str, asked: str | None) -> str | None:
    """The version behind an alias, by its weights; anything else is what was asked for."""
    alias = find_alias(account, region, name, asked) if asked else None
    if alias is None:
        return asked
    drawn = chance.choice(range(_WEIGHT_UNIT)) / _WEIGHT_UNIT if alias.weights else 1.0
    for version, weight in alias.weights.items():
        if drawn < weight:
            return version
        drawn -= weight
    return alias.version
