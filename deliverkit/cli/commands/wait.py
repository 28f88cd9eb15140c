"""`deliverkit wait`: attach to a promotion from anywhere, any number of times."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli.deciding import plan_digest
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.cli.watching import add_watch_arguments, watch


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("promotion", nargs="?", help="id (default: the one that is under way)")
    parser.add_argument("--stage", metavar="S", help="stop once this environment or pipeline stage has been passed")
    parser.add_argument(
        "--plan", type=plan_digest, metavar="DIGEST", help="only if this is its plan: what was approved"
    )
    add_watch_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Drive the promotion if nobody does, follow it otherwise."""
    delivery = open_delivery(options, console)
    promotion_id = arguments.promotion or delivery.newest().id
    if arguments.plan:
        from deliverkit.engine.deciding import require_plan  # noqa: PLC0415

        require_plan(delivery.show(promotion_id), arguments.plan)
    return watch(delivery, promotion_id, arguments, options, console, stage=arguments.stage)[1]
