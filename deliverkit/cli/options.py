"""The options that every command takes, and what they open."""

from __future__ import annotations

import re
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.cli.streams import Console
from deliverkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypedDict

    from deliverkit.delivery import Delivery

    class Surroundings(TypedDict):
        """What every way in takes besides the configuration."""

        profile: str | None
        region: str | None
        endpoint_url: str | None
        sandbox_state_dir: Path | None
        environ: Mapping[str, str]


__all__ = ["Console", "Options", "open_delivery", "own_state_dir", "sandbox_state_dir", "surroundings", "whole_number"]

STATE_DIR = Path(".deliverkit")
_ADDRESS = re.compile(r"https?://[^/]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Options:
    """The global options.

    Attributes:
        config: Path of deliverkit.yml; None to look upwards from here.
        profile: AWS profile.
        region: AWS region.
        endpoint_url: Endpoint instead of AWS's own.
        is_sandboxed: Use the sandbox that runs here.
        is_json: Write JSON instead of text.
        is_verbose: Show causes.
        is_confirmed: Ask nothing.
    """

    config: Path | None
    profile: str | None
    region: str | None
    endpoint_url: str | None
    is_sandboxed: bool
    is_json: bool
    is_verbose: bool
    is_confirmed: bool

    @classmethod
    def of(cls, arguments: Namespace) -> Options:
        """The global options among parsed arguments.

        Raises:
            UsageError: If the endpoint is no address that AWS's protocols are spoken at.
        """
        if arguments.endpoint_url and not _ADDRESS.match(arguments.endpoint_url):
            raise UsageError(
                f"--endpoint-url {arguments.endpoint_url} is no address of a web service",
                hint="--endpoint-url http://HOST:PORT, or https://",
            )
        return cls(
            config=Path(arguments.config) if arguments.config else None,
            profile=arguments.profile,
            region=arguments.region,
            endpoint_url=arguments.endpoint_url,
            is_sandboxed=arguments.sandbox,
            is_json=arguments.output == "json",
            is_verbose=arguments.verbose,
            is_confirmed=arguments.yes,
        )


def open_delivery(options: Options, console: Console) -> Delivery:
    """The delivery that deliverkit.yml describes, against AWS or the sandbox.

    Raises:
        UsageError: If there is no configuration, or it is wrong.
        UnreachableError: If the sandbox is asked for and does not run.
    """
    from deliverkit.app import open_delivery as open_it  # noqa: PLC0415  (commands that need no AWS do not pay for it)

    return open_it(options.config, **surroundings(options, console))


def surroundings(options: Options, console: Console) -> Surroundings:
    """Which AWS is meant, for whatever is opened there."""
    return {
        "profile": options.profile,
        "region": options.region,
        "endpoint_url": options.endpoint_url,
        "sandbox_state_dir": sandbox_state_dir(console) if options.is_sandboxed else None,
        "environ": console.environ,
    }


def whole_number(text: str) -> int:
    """A number of things, 1 at least.

    Raises:
        ArgumentTypeError: If it is none, in words for people.
    """
    from argparse import ArgumentTypeError  # noqa: PLC0415

    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def own_state_dir(console: Console) -> Path:
    """Where this directory's sandbox keeps its state: `.deliverkit/sandbox`, or below DELIVERKIT_STATE_DIR."""
    return Path(console.environ.get("DELIVERKIT_STATE_DIR") or STATE_DIR) / "sandbox"


def sandbox_state_dir(console: Console) -> Path:
    """Where the sandbox that is meant keeps its state.

    DELIVERKIT_STATE_DIR decides where it is set. Otherwise it is the sandbox that runs in this directory, and else the
    one that AWS_ENDPOINT_URL names.
    """
    from deliverkit.sandboxing import chosen_state_dir  # noqa: PLC0415  (for the commands that need a sandbox)

    if console.environ.get("DELIVERKIT_STATE_DIR"):
        return own_state_dir(console)
    return chosen_state_dir(own_state_dir(console), console.environ.get("AWS_ENDPOINT_URL"))
