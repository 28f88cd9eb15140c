"""`deliverkit promote`: bring a release into an environment."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli.deciding import add_person_argument
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.cli.watching import add_detach_argument, add_watch_arguments, drive, opening


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("release", nargs="?", help="version (default: the newest release)")
    parser.add_argument("--to", metavar="ENV", required=True, help="environment")
    add_person_argument(parser)
    add_detach_argument(parser)
    add_watch_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Open the promotion, say its id at once, drive it."""
    with opening(f"to {arguments.to}", arguments, console):
        delivery = open_delivery(options, console)
        promotion_id = delivery.promote(arguments.release, to=arguments.to, requested_for=arguments.on_behalf_of or "")
    return drive(delivery, promotion_id, arguments, options, console)
