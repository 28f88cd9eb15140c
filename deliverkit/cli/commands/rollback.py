"""`deliverkit rollback`: bring an environment back to its last good release."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.cli.watching import add_detach_argument, add_watch_arguments, drive, opening


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("environment", help="environment")
    parser.add_argument("--to", metavar="RELEASE", help="version (default: the last good one before the present one)")
    add_detach_argument(parser)
    add_watch_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Open the rollback, say its id at once, drive it."""
    with opening(f"back in {arguments.environment}", arguments, console):
        delivery = open_delivery(options, console)
        promotion_id = delivery.rollback(arguments.environment, to=arguments.to)
    return drive(delivery, promotion_id, arguments, options, console)
