"""`deliverkit lock`: show and release the leases of environments."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ConflictError, ExitCode


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    show = verbs.add_parser("show", parents=[shared], help="who holds an environment")
    show.add_argument("environment")
    show.set_defaults(run=_show)
    release = verbs.add_parser("release", parents=[shared], help="take an environment's lease away from a promotion")
    release.add_argument("environment")
    release.set_defaults(run=_release)


def _show(arguments: Namespace, options: Options, console: Console) -> int:
    lease = open_delivery(options, console).lease_of(arguments.environment)
    render.data(lease, options, console, text=lambda found: render.lease(found, arguments.environment))
    return ExitCode.DONE


def _release(arguments: Namespace, options: Options, console: Console) -> int:
    delivery = open_delivery(options, console)
    lease = delivery.lease_of(arguments.environment)
    if lease is None:
        console.tell(f"{arguments.environment} is free")
        return ExitCode.DONE
    if not options.is_confirmed:
        raise ConflictError(
            f"{arguments.environment} is held by {lease.holder}: {lease.reason}",
            hint=f"deliverkit abort {lease.holder}, or insist: deliverkit lock release {arguments.environment} --yes",
        )
    delivery.locks.release(lease)
    console.tell(f"{arguments.environment} is free; {lease.holder} may not act on it any more")
    return ExitCode.DONE
