"""`deliverkit release replicate`: copies of a release in other regions, proven by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser("replicate", parents=[shared], help="copy a release to other regions and prove it")
    command.add_argument("version")
    command.add_argument("--to", nargs="+", default=(), metavar="REGION", help="default: all of release.replicas")
    command.add_argument("--verify", action="store_true", help="read every copy, whatever S3 says of it")
    command.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Copy what is not there yet."""
    from deliverkit.cli import release_text  # noqa: PLC0415

    delivery = open_delivery(options, console)
    release = delivery.release(arguments.version)
    copies = delivery.catalogue.replicate(release, tuple(arguments.to), is_read=arguments.verify)
    if not copies:
        hint = "release.replicas: {REGION: s3://BUCKET/PREFIX} in deliverkit.yml"
        raise UsageError("no region for copies is configured", hint=hint)
    render.data(copies, options, console, text=lambda found: "\n".join(map(release_text.replica, found)))
    return ExitCode.DONE
