"""`deliverkit sandbox clock`: the sandbox's own time."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, sandbox_state_dir
from deliverkit.domain.duration import parse_duration
from deliverkit.errors import ExitCode

FASTEST = 1000


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.set_defaults(run=_run, change=_nothing)
    changes = parser.add_subparsers(dest="change_name", metavar="CHANGE")
    changes.add_parser("show", parents=[shared], help="tell the time and its speed (default)")
    speed = changes.add_parser("speed", parents=[shared], help="let time run N times as fast as outside")
    speed.add_argument("number", metavar="N", type=_speed, help=f"more than 0, at most {FASTEST}")
    speed.set_defaults(change=lambda arguments: {"speed": arguments.number})
    changes.add_parser("freeze", parents=[shared], help="stop time").set_defaults(change=lambda _: {"speed": 0})
    changes.add_parser("run", parents=[shared], help="let time run as fast as outside").set_defaults(
        change=lambda _: {"speed": 1}
    )
    advance = changes.add_parser("advance", parents=[shared], help="jump ahead, through everything that falls due")
    advance.add_argument("duration", metavar="DURATION", type=_duration, help="such as 90s, 1h30m or 2d")
    advance.set_defaults(change=lambda arguments: {"advance_seconds": arguments.duration.total_seconds()})


def _nothing(_arguments: Namespace) -> Mapping[str, Any] | None:
    return None


def _speed(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= FASTEST:
        raise ArgumentTypeError(f"{text} is no speed; write a number above 0, at most {FASTEST}")
    return number


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _run(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.sandboxing import ask_sandbox  # noqa: PLC0415

    change = arguments.change(arguments)
    shown = ask_sandbox(sandbox_state_dir(console), "GET" if change is None else "POST", "clock", change)
    render.data(shown, options, console, text=_text, as_json=dict)
    return ExitCode.DONE


def _text(shown: Mapping[str, Any]) -> str:
    speed = float(shown["speed"])
    pace = {0.0: "frozen", 1.0: "as fast as outside"}.get(speed, f"{speed:g} times as fast as outside")
    return f"{shown['now']}  {pace}"
