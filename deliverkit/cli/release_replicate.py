"""`deliverkit release replicate`: copies of a release in other regions, proven by digest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser("replicate", parents=[shared], help="copy a release to other regions and prove it")
    command.add_argument("version", nargs="?", help="the release")
    command.add_argument("--to", nargs="+", action="extend", metavar="REGION", help="default: all of release.replicas")
    command.add_argument("--verify", action="store_true", help="read every copy, whatever S3 says of it")
    command.set_defaults(run=run)


def _told_apart(arguments: Namespace) -> tuple[str, tuple[str, ...]]:
    """Version and regions; `--to eu-west-1 1.0.3` leaves the version among the regions, whose names have a form."""
    version, words = arguments.version, list(arguments.to or ())
    others = [word for word in words if not _REGION.fullmatch(word)]
    if version is None and len(others) == 1 and len(words) > 1:
        version = others[0]
        words.remove(version)
    if version is None:
        raise UsageError("no release was named", hint="deliverkit release replicate VERSION --to REGION")
    return version, tuple(words)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Copy what is not there yet.

    Raises:
        UsageError: If no release was named, or there is no region to copy it to.
    """
    from deliverkit.cli import release_text  # noqa: PLC0415

    version, regions = _told_apart(arguments)
    delivery = open_delivery(options, console)
    release = delivery.release(version)
    copies = delivery.catalogue.replicate(release, regions, is_read=arguments.verify)
    if not copies:
        hint = "release.replicas: {REGION: s3://BUCKET/PREFIX} in deliverkit.yml"
        raise UsageError("no region for copies is configured", hint=hint)
    render.data(copies, options, console, text=lambda found: "\n".join(map(release_text.replica, found)))
    return ExitCode.DONE
