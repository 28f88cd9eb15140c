"""The environment in which every client of AWS speaks to the sandbox, and cannot speak to anybody else."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ELSEWHERE = (
    # Each leads a client to other keys, another region or another place ("Environment variables", AWS SDKs and Tools
    # Reference Guide). Unset always: the lines may be read by another shell than the one that asked for them.
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
_ONE_SERVICE = "AWS_ENDPOINT_URL_"
"""Begins the variables that send the requests of one service elsewhere; there are hundreds of names."""


def variables(running: Any) -> Mapping[str, str]:
    """What to set: the endpoint, keys that nobody checks, and files of the sandbox's own instead of `~/.aws`."""
    place = Path(running.state_dir).resolve()
    return {
        "AWS_ENDPOINT_URL": running.endpoint,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": running.region,
        "AWS_REGION": running.region,
        "AWS_SHARED_CREDENTIALS_FILE": str(place / "credentials"),
        "AWS_CONFIG_FILE": str(place / "config"),
    }


def exports(running: Any, environ: Mapping[str, str]) -> str:
    """Lines for `eval`.

    Args:
        running: The sandbox.
        environ: The caller's variables, in which endpoints of single services may be set.
    """
    away = [*_ELSEWHERE, *sorted(name for name in environ if name.startswith(_ONE_SERVICE) and name.isidentifier())]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables(running).items()]
    return "\n".join([f"unset {' '.join(away)}", *lines])


def enter(running: Any) -> None:
    """Point this process, and those that it starts, at the sandbox and at nothing else."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(variables(running))
