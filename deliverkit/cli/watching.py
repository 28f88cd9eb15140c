"""Watching a promotion from a command: arguments, progress, JUnit, and the exit code of what was seen."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options
from deliverkit.errors import DeliverkitError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from deliverkit.cli.commit_news import CommitNews
    from deliverkit.cli.junit_file import JunitFile
    from deliverkit.delivery import Delivery
    from deliverkit.domain.ledger import Event
    from deliverkit.domain.rollout import Rollout


def add_watch_arguments(parser: ArgumentParser) -> None:
    """The arguments that every watching command takes."""
    parser.add_argument(
        "--timeout",
        type=duration,
        metavar="TIME",
        help="stop watching after 90s, 30m, 2h; the promotion goes on (exit 5)",
    )
    parser.add_argument("--through-approvals", action="store_true", help="go on waiting for human decisions")
    add_junit_argument(parser)


def add_junit_argument(parser: ArgumentParser) -> None:
    """For every command that measures gates."""
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write the gates' results as JUnit XML")


def add_detach_argument(parser: ArgumentParser) -> None:
    """For commands that open a promotion and drive it."""
    parser.add_argument("--detach", action="store_true", help="only open the promotion; `wait` drives it")


@contextmanager
def opening(what: str, arguments: Namespace, console: Console, *, is_promotion: bool = True) -> Iterator[None]:
    """Open a promotion within; where that is refused, the JUnit file says so, and not what an earlier build left.

    Args:
        what: What is opened, for people: `to production`.
        arguments: The parsed arguments.
        console: Where trouble with the file is told.
        is_promotion: False for a run of gates.
    """
    try:
        yield
    except DeliverkitError as error:
        if arguments.junit is not None:
            from deliverkit.cli.junit_file import PROMOTION, RUN_OF_GATES, write_unopened  # noqa: PLC0415

            write_unopened(arguments.junit, what, error, console, PROMOTION if is_promotion else RUN_OF_GATES)
        raise


def drive(delivery: Delivery, promotion_id: str, arguments: Namespace, options: Options, console: Console) -> int:
    """Say the id of what was opened at once, and drive it unless it is to be left alone; give the exit code."""
    if arguments.detach:
        render.opened(promotion_id, options, console)
        return ExitCode.DONE
    (console.tell if options.is_json else console.say)(promotion_id)
    return watch(delivery, promotion_id, arguments, options, console)[1]


def watch(
    delivery: Delivery,
    promotion_id: str,
    arguments: Namespace,
    options: Options,
    console: Console,
    *,
    stage: str | None = None,
) -> tuple[Rollout, int]:
    """Watch until it ends, pauses for a human, or time is up; render, and give the exit code."""
    from deliverkit.cli.progress import PROMOTION, Progress  # noqa: PLC0415  (not needed to describe the arguments)

    progress = Progress(console, PROMOTION)
    junit = _junit(arguments.junit, delivery, promotion_id, console)
    news = _news(delivery, console)

    def hear(event: Event, rollout: Rollout) -> None:
        # First what must be kept: whoever reads of an event may end this process at once.
        if junit:
            junit.hear(event, rollout)
        progress.event(event, rollout)
        if news and rollout.outcome is None:
            news.begin(rollout)

    with junit.written() if junit else nullcontext():
        rollout = delivery.watch(
            promotion_id,
            stage=stage,
            timeout=arguments.timeout,
            through_approvals=arguments.through_approvals,
            listener=hear,
            on_tick=progress.tick,
        )
    progress.close()
    if news:
        news.tell(rollout)
    render.data(rollout, options, console, text=render.rollout, as_json=render.rollout_document)
    code = exit_code(rollout, stage)
    return rollout, ExitCode.FAILED if code == ExitCode.DONE and junit and junit.is_lost else code


def _news(delivery: Delivery, console: Console) -> CommitNews | None:
    if delivery.commit_statuses is None:
        return None
    from deliverkit.cli.commit_news import CommitNews  # noqa: PLC0415  (only who wants statuses pays for them)

    return CommitNews(delivery.commit_statuses, console)


def _junit(path: Path | None, delivery: Delivery, promotion_id: str, console: Console) -> JunitFile | None:
    if path is None:
        return None
    from deliverkit.cli.junit_file import JunitFile  # noqa: PLC0415  (only who wants the file pays for it)

    return JunitFile(path, delivery, promotion_id, console)


def exit_code(rollout: Rollout, stage: str | None) -> int:
    """What Jenkins reads: the outcome, 0 for a stage that was passed, 5 for a promotion that still runs."""
    from deliverkit.domain.rollout import has_passed, stage_index  # noqa: PLC0415

    if stage and has_passed(rollout, stage_index(rollout, stage)):
        return ExitCode.DONE
    return rollout.outcome.exit_code if rollout.is_closed and rollout.outcome else ExitCode.WAITING


def duration(text: str) -> timedelta:
    """The time that an argument names.

    Raises:
        ArgumentTypeError: If it names none.
    """
    from deliverkit.domain.duration import parse_duration  # noqa: PLC0415

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text}: {error}; write 90s, 30m or 2h") from error
