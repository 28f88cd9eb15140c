"""`deliverkit sandbox load`: requests at a steady rate to something on this machine."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from typing import Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options
from deliverkit.domain.duration import parse_duration
from deliverkit.errors import ExitCode, UnreachableError

_WHERE = "deliverkit sandbox instance list tells the addresses; GET /_sandbox/balancers those of load balancers"


def configure(parser: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("url", metavar="URL", help="http:// and a loopback address, such as a load balancer's")
    parser.add_argument("--rate", type=_rate, default=10.0, metavar="R", help="requests per second (default: 10)")
    parser.add_argument(
        "--for", dest="seconds", type=_seconds, default=30.0, metavar="DURATION", help="such as 30s (default) or 5m"
    )
    parser.set_defaults(run=_run)


def _rate(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text} is no rate; write a number") from error


def _seconds(text: str) -> float:
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _run(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.sandboxing import put_load  # noqa: PLC0415

    def begin() -> None:
        console.tell(f"{arguments.rate:g} requests per second to {arguments.url} for {arguments.seconds:g} s")

    shown = put_load(arguments.url, arguments.rate, arguments.seconds, begin)
    render.data(shown, options, console, text=_text, as_json=dict)
    if not shown["statuses"]:
        raise UnreachableError(f"nobody answered at {arguments.url}", hint=_WHERE)
    return ExitCode.DONE


def _text(shown: Mapping[str, Any]) -> str:
    def told(counts: Mapping[str, int]) -> str:
        return ", ".join(f"{name}: {count}" for name, count in counts.items()) or "none"

    latency = ", ".join(f"{name} {value} ms" for name, value in shown["latency_ms"].items() if value is not None)
    rows = (
        ("requests", f"{shown['requests']} of {shown['wanted']} in {shown['seconds']} s ({shown['rate']} per second)"),
        ("answers", told(shown["statuses"])),
        ("errors", told(shown["errors"])),
        ("latency", latency or "no answer"),
    )
    return "\n".join(f"{name:<9} {value}" for name, value in rows)
