"""What `approve` and `reject` share."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode, UsageError


def add_decision_arguments(parser: ArgumentParser) -> None:
    """The arguments of a decision."""
    parser.add_argument("promotion", nargs="?", help="id (default: the one that is under way)")
    parser.add_argument("--gate", default="", metavar="G", help="what is decided, as `status` names it")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in your words; it is recorded")


def decide(arguments: Namespace, options: Options, console: Console, *, is_approved: bool) -> int:
    """Record the decision and say what to type next."""
    if not arguments.reason.strip():
        raise UsageError("--reason is empty; the record needs your words", hint='--reason "why you decided so"')
    delivery = open_delivery(options, console)
    promotion_id = arguments.promotion or delivery.newest().id
    rollout = delivery.decide(promotion_id, gate=arguments.gate, is_approved=is_approved, reason=arguments.reason)
    word = "approved" if is_approved else "rejected"
    console.tell(f"{word} by {delivery.identity.arn}")
    render.data(rollout, options, console, text=render.rollout, as_json=render.rollout_document)
    return ExitCode.DONE
