"""What checks that ask over the network, or run a command, are told."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.common_shapes import SOME_TIME, TEXT, URL
from deliverkit.config.shapes import Choice, Field, Integer, Record, Text

HTTP_TIMEOUT = "5s"
COMMAND_TIMEOUT = "60s"

HTTP = Record(
    "an HTTP check: {url: ...}",
    (
        Field("url", URL, "What is asked: once, or once for each instance when it names a target.", is_required=True),
        Field("method", Choice(("GET", "HEAD", "POST")), "How it is asked.", default="GET"),
        Field("status", Integer(100, 599), "The one status code that passes.", default="200"),
        Field("contains", TEXT, "A text that the answer must hold.", mistaken_for=("body",)),
        Field("p95", SOME_TIME, "Bound of the 95th percentile of the response times; no bound without it."),
        Field("timeout", SOME_TIME, "For one whole request.", default=HTTP_TIMEOUT),
    ),
)

COMMAND = Record(
    "a command: {run: ...}",
    (
        Field(
            "run",
            Text("a shell command", texts.command),
            "Run by /bin/sh: 0 passes, 1 fails, 75 is inconclusive, all others are errors.",
            is_required=True,
        ),
        Field("timeout", SOME_TIME, "Killed after it, which is an error.", default=COMMAND_TIMEOUT),
    ),
)

FIELDS = (
    Field("http", HTTP, "Asks an address."),
    Field("command", COMMAND, "Runs a command."),
)
"""The kinds, as keys of a check."""
DEFAULTS = {
    "http": {"method": "GET", "status": 200, "timeout": HTTP_TIMEOUT},
    "command": {"timeout": COMMAND_TIMEOUT},
}
"""Settings that hold where the file does not give them, by kind; times as they are written."""
LIMITS: dict[str, dict[str, str]] = {}
"""Limits of the policy that hold where the file does not give them, by kind."""
