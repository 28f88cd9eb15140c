"""`deliverkit abort`: give a promotion up."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.cli.watching import add_watch_arguments, watch
from deliverkit.errors import ExitCode


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("promotion", nargs="?", help="id (default: the one that is under way)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--rollback", action="store_true", help="also bring the last good release back, verified")
    mode.add_argument("--detach", action="store_true", help="leave AWS to itself and give the environment free")
    add_watch_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Record the abort and see it through; 0 means that what was asked for was done and verified."""
    from deliverkit.domain.rollout import AbortMode, Outcome  # noqa: PLC0415

    mode = AbortMode.ROLLBACK if arguments.rollback else AbortMode.DETACH if arguments.detach else AbortMode.STOP
    delivery = open_delivery(options, console)
    promotion_id = arguments.promotion or delivery.newest().id
    if delivery.show(promotion_id).is_closed:
        # Jenkins' post step runs after every abort, also when the promotion had ended before: nothing is left to do.
        console.tell(f"{promotion_id} has ended already")
        return ExitCode.DONE
    delivery.abort(promotion_id, mode)
    rollout, code = watch(delivery, promotion_id, arguments, options, console)
    was_done = rollout.outcome in {Outcome.ROLLED_BACK, Outcome.DETACHED, Outcome.FAILED}
    return ExitCode.DONE if was_done else code
