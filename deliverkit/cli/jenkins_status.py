"""`deliverkit jenkins status`: a build, its stages, and what it asks people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.jenkins_options import (
    add_url_argument,
    build_document,
    open_server,
    question_document,
    question_lines,
    stage_row,
    typed,
)
from deliverkit.cli.options import whole_number
from deliverkit.errors import ConflictError, ExitCode, NotFoundError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from deliverkit.build_ports import BuildServer
    from deliverkit.cli.options import Console, Options
    from deliverkit.domain.build import Build, BuildStage, Question


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser("status", parents=[shared], help="a build, its stages, and what it asks people")
    command.add_argument("job", help="full name, with folders: FOLDER/JOB")
    command.add_argument("number", nargs="?", type=whole_number, help="the build (default: the newest)")
    add_url_argument(command)
    command.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Show one build."""
    server = open_server(arguments, options, console)
    build = _build(server, arguments, options)
    stages = server.stages(build.job, build.number)
    questions = _questions(server, build, console)
    document = {
        **build_document(build),
        "job": build.job,
        "stages": None if stages is None else render.plain(stages),
        "questions": [question_document(each) for each in questions],
    }
    asks = [line for each in questions for line in question_lines(each, arguments, options)]
    render.data(build, options, console, text=lambda it: _text(it, stages, asks), as_json=lambda _: document)
    return ExitCode.DONE


def _build(server: BuildServer, arguments: Namespace, options: Options) -> Build:
    """The build that is meant.

    Raises:
        NotFoundError: If there is none, with what to do about it.
    """
    job, number = arguments.job, arguments.number
    missing: NotFoundError | None = None
    if number is not None:
        try:
            return server.observe(job, number)
        except NotFoundError as error:
            missing = error
    newest = server.latest(job)
    if newest is None:
        raise _never_built(server, arguments, options, missing.message if missing else f"{job} was never built")
    if missing:
        hint = typed(arguments, options, "status", job, str(newest.number))
        raise NotFoundError(f"{missing.message}; the newest is #{newest.number}", hint=hint)
    return newest


def _never_built(server: BuildServer, arguments: Namespace, options: Options, message: str) -> NotFoundError:
    from deliverkit.domain.build import REQUEST  # noqa: PLC0415

    job = arguments.job
    waiting = server.waiting(job)
    if waiting:
        last = max(waiting, key=lambda item: item.number)
        request = last.parameters.get(REQUEST)
        words = ("trigger", job, "--request", request, "--attach") if request else ("status", job)
        why = f": {last.why}" if last.why else ""
        return NotFoundError(f"{message}; a request waits in the queue{why}", hint=typed(arguments, options, *words))
    try:
        names = sorted(server.takes(job) - {REQUEST})
    except (UsageError, ConflictError) as error:
        return NotFoundError(f"{message}; {error.message}", hint=error.hint)
    given = [word for name in names for word in ("-p", f"{name}=VALUE")]
    return NotFoundError(message, hint=typed(arguments, options, "trigger", job, *given))


def _questions(server: BuildServer, build: Build, console: Console) -> tuple[Question, ...]:
    if build.is_over:
        return ()
    try:
        return server.questions(build.job, build.number)
    except NotFoundError as error:
        console.tell(f"{error.message}; {error.hint}" if error.hint else error.message)
        return ()


def _text(build: Build, stages: tuple[BuildStage, ...] | None, asks: Sequence[str]) -> str:
    running = "runs, waits for an answer" if asks else "runs"
    lines = [f"{build.label}: {build.result.value if build.result else running}  {build.url}"]
    lines += [f"  {line}" for line in build.description.splitlines()]
    if stages:
        lines.append(render.table([stage_row(each) for each in stages], indent="  "))
    return "\n".join([*lines, *asks])
