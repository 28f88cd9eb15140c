"""`deliverkit jenkins trigger`: ask for a build exactly once, and follow it to its result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.boundary import Terminated
from deliverkit.cli.jenkins_options import (
    add_parameters_argument,
    add_url_argument,
    build_document,
    build_parameters_of,
    open_server,
    typed,
)
from deliverkit.cli.watching import duration
from deliverkit.errors import DeniedError, ExitCode, UnreachableError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from datetime import datetime, timedelta

    from deliverkit.cli.options import Console, Options
    from deliverkit.domain.build import BuildView
    from deliverkit.engine.building import Building
    from deliverkit.ports import Clock

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ABORTED = re.compile(r"^(Rejected by |Aborted by |Timeout has been exceeded|Cancelling nested steps due to timeout)")
"""What the log says, and no field, of a build that was aborted (Jenkins, `input` and `timeout` steps)."""
_SECONDS = re.compile(r" after [0-9.]+ s\b")
"""How long an attempt took, which differs each time and makes no other trouble of it."""
_HEARTBEAT = 60.0
"""Seconds without a word after which we say that it still goes on."""


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser(
        "trigger", parents=[shared], help="ask for a build exactly once, and follow it to its result"
    )
    command.add_argument("job", help="full name, with folders: FOLDER/JOB")
    add_parameters_argument(command, "a parameter of the build; may be given several times")
    command.add_argument(
        "--request",
        metavar="ID",
        help="tells this request from others; the same ID is the same build (default: random)",
    )
    command.add_argument("--attach", action="store_true", help="only follow what was asked for as --request")
    command.add_argument("--detach", action="store_true", help="only ask for the build, do not follow it")
    command.add_argument(
        "--timeout", type=duration, metavar="TIME", default="2h", help="stop following after it; the build goes on "
        "(exit 5; default: 2h)",
    )  # fmt: skip
    command.add_argument(
        "--every", type=duration, metavar="TIME", default="5s", help="from one look to the next (default: 5s)"
    )
    add_url_argument(command)
    command.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console, *, clock: Clock | None = None) -> int:
    """Ask, follow, and tell how the build ended."""
    from deliverkit.domain.build import BuildRequest  # noqa: PLC0415
    from deliverkit.engine.building import BuildPace  # noqa: PLC0415
    from deliverkit.jenkins_assembly import building_of  # noqa: PLC0415

    parameters = build_parameters_of(arguments, hint="--request ID")
    request = BuildRequest(arguments.job, parameters, _request_id(arguments, options))
    if not arguments.every:
        raise UsageError("--every 0s would never let go of the controller", hint="--every 5s")
    server = open_server(arguments, options, console)
    pace = BuildPace(look=arguments.every)
    building = building_of(server, request, clock=clock, pace=pace, may_ask=not arguments.attach)
    again, words = _again(arguments, options, request.id), _Words(console)
    console.tell(f"request {request.id}")
    try:
        # Who follows need not begin: following does it, and bears a server that is away.
        view = building.begin() if arguments.detach else _follow(building, arguments.timeout, words)
    except (UnreachableError, KeyboardInterrupt, Terminated) as end:
        if building.may_be_asked:
            _tell_what_goes_on(building, again, console)
        elif not (arguments.attach or isinstance(end, DeniedError)):
            console.tell("nothing was asked for")
        raise
    return _ended(view, again, words.cause, arguments, options, console)


def _request_id(arguments: Namespace, options: Options) -> str:
    if arguments.request is None and arguments.attach:
        raise UsageError("--attach needs the request to follow", hint="--request ID, as it was told when it was made")
    if arguments.attach and (arguments.parameters or arguments.detach):
        raise UsageError(
            "--attach asks for nothing, so it takes neither parameters nor --detach",
            hint=_again(arguments, options, arguments.request),
        )
    if arguments.request is None:
        import secrets  # noqa: PLC0415

        return secrets.token_hex(8)
    if not arguments.request.isprintable() or arguments.request != arguments.request.strip():
        raise UsageError(
            "--request is a text on one line, without blanks at its ends", hint="--request ID, such as build-17"
        )
    return str(arguments.request)


def _follow(building: Building, timeout: timedelta, words: _Words) -> BuildView:
    try:
        view = building.follow(timeout=timeout, log=words.log, on_look=words.look, on_trouble=words.trouble)
    finally:
        words.close()
    from deliverkit.domain.duration import format_duration  # noqa: PLC0415

    if view.item or view.build:
        return view
    told = words.error.message if words.error else view.told
    hint = words.error.hint if words.error else ""
    raise UnreachableError(f"time is up after {format_duration(timeout)}: {told}", hint=hint)


def _ended(view: BuildView, again: str, cause: str, arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.domain.build import BuildPhase, BuildResult  # noqa: PLC0415

    is_over = view.phase is BuildPhase.ENDED
    code = ExitCode.DONE if view.is_success or arguments.detach else ExitCode.FAILED if is_over else ExitCode.WAITING
    if not is_over:
        if not arguments.detach:
            console.tell(f"time is up: {view.told}; it goes on")
        console.tell(f"next: {again}")
    is_aborted = view.build is not None and view.build.result is BuildResult.ABORTED
    if is_aborted and cause:
        console.tell(f"its log says: {cause}")
    document = {
        **build_document(view.build),
        "job": view.request.job,
        "request": view.request.id,
        "queue_item": view.item or None,
        "phase": view.phase.value,
        "reason": view.told,
        "exit_code": int(code),
        "log_says": cause or None if is_aborted else None,
    }
    text = (lambda it: it.request.id) if arguments.detach else _text
    render.data(view, options, console, text=text, as_json=lambda _: document)
    return code


def _text(view: BuildView) -> str:
    place = f"  {view.build.url}" if view.build else ""
    return render.one_line(f"{view.told}{place}")


def _again(arguments: Namespace, options: Options, request: str) -> str:
    """The command that follows the same build again; without parameters, which may be secret."""
    return typed(arguments, options, "trigger", arguments.job, "--request", request, "--attach")


def _tell_what_goes_on(building: Building, again: str, console: Console) -> None:
    view = building.view
    if view.build or view.item:
        console.tell(f"{view.told}; it goes on without us")
    else:
        console.tell("whether Jenkins has got the request is not known")
    console.tell(f"next: {again}")


class _Words:
    """What is told while a build is followed: its log, what it waits for, and why nothing can be seen of it.

    Attributes:
        cause: The line of the log that says why it was aborted; empty while there is none.
        error: Why the last look saw nothing; None when it did.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.cause = ""
        self.error: UnreachableError | None = None
        self._rest = ""
        self._told = ""
        self._told_at: datetime | None = None

    def log(self, text: str) -> None:
        """Tell whole lines; the rest waits for its end."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(line)
        self._told_at = None

    def look(self, view: BuildView, now: datetime) -> None:
        """Tell what is new."""
        self.error = None
        self._tell(view.told, now)

    def trouble(self, error: UnreachableError, now: datetime) -> None:
        """Tell what is borne, when it is something new."""
        self.error = error
        self._tell(f"{_SECONDS.sub('', error.message)}; trying again", now)

    def _tell(self, words: str, now: datetime) -> None:
        """Say what is new, and that it is still so when nothing was told for a while."""
        if self._told_at is None:
            self._told_at = now
        if words != self._told:
            self._console.tell(f"{now:%H:%M:%S}  {render.one_line(words)}")
            self._told, self._told_at = words, now
        elif (now - self._told_at).total_seconds() >= _HEARTBEAT:
            self._console.tell(f"{now:%H:%M:%S}  still: {render.one_line(words)}")
            self._told_at = now

    def close(self) -> None:
        """Tell what has no end of line."""
        if self._rest:
            self._line(self._rest)
            self._rest = ""

    def _line(self, line: str) -> None:
        # Of a line that was written over several times, such as a progress bar, its last form.
        last = _COLOURS.sub("", line).rstrip("\r").rpartition("\r")[2]
        self._console.tell(f"  | {last}")
        self.cause = last.strip() if _ABORTED.match(last) else self.cause
