"""What `approve` and `reject` share."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery, whole_number
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _ArgumentGroup


def add_decision_arguments(parser: ArgumentParser) -> None:
    """The arguments of a decision."""
    parser.add_argument("promotion", nargs="?", help="id (default: the one that is under way)")
    parser.add_argument("--gate", default="", metavar="G", help="what is decided, as `status` names it")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in your words; it is recorded")
    parser.add_argument("--plan", type=plan_digest, metavar="DIGEST", help="only if this is still what would happen")
    relay = parser.add_argument_group("for whoever passes on what another person decided (`approvals.bridges`)")
    add_person_argument(relay)
    relay.add_argument("--via", default="", metavar="TEXT", help="where they decided, such as a build; it is recorded")
    relay.add_argument(
        "--question",
        type=whole_number,
        default=0,
        metavar="N",
        help="the question they were asked, as `status --output json` numbers it; a yes to one that is settled adds "
        "nothing, a no counts until the release was let in",
    )


def add_person_argument(parser: ArgumentParser | _ArgumentGroup) -> None:
    """The argument that names the person whose wish is passed on."""
    parser.add_argument("--on-behalf-of", type=_person, metavar="PERSON", help="whose wish this is, if not your own")


def plan_digest(text: str) -> str:
    """The digest of a plan, as `status --output json` tells it."""
    if not re.fullmatch("sha256:[0-9a-f]{64}", text):
        raise ArgumentTypeError(f"{text!r} is no digest of a plan: sha256: and 64 hexadecimal digits")
    return text


def _person(text: str) -> str:
    """A person's name. A blank one is no name: what was to be passed on must not become the caller's own decision."""
    if not text.strip() or not text.isprintable():
        raise ArgumentTypeError(f"{text!r} is not a person's name")
    return text.strip()


def decide(arguments: Namespace, options: Options, console: Console, *, is_approved: bool) -> int:
    """Record the decision and say what to type next."""
    if not arguments.reason.strip():
        raise UsageError("--reason is empty; the record needs your words", hint='--reason "why you decided so"')
    if arguments.via and not arguments.on_behalf_of:
        raise UsageError(
            "--via tells where another person decided, and no person is named", hint="--on-behalf-of PERSON"
        )
    from deliverkit.domain.approval import Relay  # noqa: PLC0415  (not needed to describe the arguments)

    relay = Relay(arguments.on_behalf_of or "", arguments.via, arguments.question, arguments.plan or "")
    delivery = open_delivery(options, console)
    promotion_id = arguments.promotion or delivery.newest().id
    rollout = delivery.decide(
        promotion_id, gate=arguments.gate, is_approved=is_approved, reason=arguments.reason, relay=relay
    )
    who = relay.person or delivery.identity.arn
    if any((each.person or each.by) == who and each.is_approved == is_approved for each in rollout.decisions):
        console.tell(f"{'approved' if is_approved else 'rejected'} by {who}")
    else:
        console.tell("it was settled before: nothing was added")
    if rollout.offers:
        from deliverkit.cli.jenkins_offer import tell_builds  # noqa: PLC0415  (only where builds ask the same)

        tell_builds(rollout, options, console)
    render.data(rollout, options, console, text=render.rollout, as_json=render.rollout_document)
    return ExitCode.DONE
