"""`deliverkit jenkins input offer`: note where else people are asked, and tell those builds what was decided."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.options import open_delivery, whole_number
from deliverkit.errors import DeliverkitError, ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from deliverkit.cli.options import Console, Options
    from deliverkit.domain.rollout import Rollout


def configure(actions: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = actions.add_parser(
        "offer",
        parents=[shared],
        help="note that this build asks what a promotion waits for; `approve` then answers it",
    )
    command.add_argument("promotion", help="id")
    command.add_argument(
        "--question", type=whole_number, required=True, metavar="N", help="as `status --output json` numbers it"
    )
    command.add_argument("--input", required=True, metavar="ID", help="id of the `input` step")
    command.add_argument("--job", default="", help="full name of the job (default: JOB_NAME)")
    command.add_argument("--build", type=whole_number, metavar="NUMBER", help="the build (default: BUILD_NUMBER)")
    command.set_defaults(run=_offer)


def _offer(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.domain.rollout import Offer  # noqa: PLC0415

    job, build = _own_build(console)
    job, build = arguments.job or job, arguments.build or build
    if not (job and build):
        raise UsageError(
            "no build is named: JOB_NAME and BUILD_NUMBER are set in builds of Jenkins", hint="--job JOB --build NUMBER"
        )
    offer = Offer(arguments.question, job, build, arguments.input)
    rollout = open_delivery(options, console).offer(arguments.promotion, offer)
    document = {"promotion": rollout.id, "question": offer.question, "job": job, "build": build, "input": offer.input}
    if options.is_json:
        render.data(document, options, console, text=str)
    console.tell(f"{rollout.id}: whoever decides with deliverkit answers {offer.input} of {job} #{build}, too")
    return ExitCode.DONE


def tell_builds(rollout: Rollout, options: Options, console: Console) -> None:
    """Let the builds go on that ask what has been answered; a build that runs this command does so by itself."""
    own = _own_build(console)
    others = tuple(offer for offer in rollout.offers if (offer.job, offer.build) != own)
    from deliverkit.domain.rollout import answer_to  # noqa: PLC0415

    if not others or answer_to(rollout) is None:
        return
    from deliverkit.engine.bridging import pass_on  # noqa: PLC0415
    from deliverkit.jenkins_assembly import open_jenkins  # noqa: PLC0415

    try:
        server = open_jenkins(None, options.config, console.environ)
    except DeliverkitError as error:
        asks = ", ".join(f"{offer.job} #{offer.build}" for offer in others)
        console.tell(f"warning: {asks} still asks, although this is decided: {error.message}")
        return
    for line in pass_on(replace(rollout, offers=others), server):
        console.tell(line)


def _own_build(console: Console) -> tuple[str, int]:
    number = console.environ.get("BUILD_NUMBER", "")
    return console.environ.get("JOB_NAME", ""), int(number) if number.isdecimal() else 0
