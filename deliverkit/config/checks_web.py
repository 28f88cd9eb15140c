"""What checks that ask over the network, or run a command, are told."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from deliverkit.config import texts
from deliverkit.config.common_shapes import SOME_TIME, TEXT, URL
from deliverkit.config.problem import Reading
from deliverkit.config.shapes import INVALID, Boolean, Choice, Field, Integer, ListOf, MapOf, Record, Text
from deliverkit.config.value_shapes import NUMBER_LIMITS, Limited, OneOrMore, ValueOrLimits
from deliverkit.yaml_tree import KeyPath, Node, Scalar

HTTP_TIMEOUT = "5s"
TCP_TIMEOUT = "5s"
COMMAND_TIMEOUT = "60s"
PROMETHEUS_TIMEOUT = "10s"
WINDOW = 40
MOST_REQUESTS = 100

_HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
"""RFC 9110, section 5.6.2: a token."""
_OURS = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers that belong to the exchange itself."""
_RANGE = r"[1-5]([0-9]{2}|xx|[0-9]{2}-[1-5][0-9]{2})"
_PORT = re.compile(r":([0-9]{1,5})$", re.ASCII)


class Status(Struct, frozen=True):
    """A status code, or a range of them."""

    expected: str = "a status such as 200, 2xx or 200-299"

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The code as a number, or the range as a text."""
        text = node.text.lower() if isinstance(node, Scalar) and node.is_plain else ""
        if re.fullmatch(_RANGE, text, re.ASCII):
            return int(text) if text.isdigit() else text
        found = repr(node.text) if isinstance(node, Scalar) and not node.is_null else "something else"
        reading.report(path, f"expected {self.expected}, found {found}", node.place)
        return INVALID

    def schema(self) -> dict[str, Any]:
        """An integer, or a range as a string."""
        ranges = r"^[1-5]([xX]{2}|[0-9]{2}-[1-5][0-9]{2})$"
        return {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": ranges}]}


def _header(text: str) -> str:
    """The name of a header that a check may set."""
    if not re.fullmatch(_HEADER, text, re.ASCII):
        raise ValueError(f"{text!r} is not the name of a header")
    if text.lower() in _OURS:
        raise ValueError(f"the header {text} is written by deliverkit")
    return text


def _expression(text: str) -> str:
    """A JMESPath expression."""
    import jmespath  # noqa: PLC0415  (botocore's; few checks look into answers)

    try:
        jmespath.compile(text)
    except (jmespath.exceptions.JMESPathError, ValueError) as error:
        reason = " ".join(str(error).split("\n")[0].split())
        raise ValueError(f"{text!r} is not a JMESPath expression: {reason}") from error
    return text


def _address(text: str) -> str:
    """HOST:PORT, with placeholders."""
    texts.with_placeholders(text)
    found = _PORT.search(text)
    if "//" in text or any(letter.isspace() for letter in text) or not found or not 0 < int(found[1]) < 65536:
        raise ValueError(f"{text!r} is not an address: write HOST:PORT, such as ${{target.address}}:5432")
    return text


_FILE = Text("a path, relative to this file")
_HEADERS = MapOf(Text("the name of a header", _header, _HEADER), Text("a text", texts.with_secrets), "headers by name")
_TRUST = (
    Field("ca", _FILE, "PEM file of the authorities that alone are trusted.", default="those of the system"),
    Field("certificate", _FILE, "PEM file of our own certificate and its private key, for servers that ask for one."),
)
_PERCENTILES = (
    Field(
        "p50",
        SOME_TIME,
        "Bound of the median of the response times; no bound without it. Below five requests none passes.",
    ),
    Field("p95", SOME_TIME, "Bound of their 95th percentile."),
    Field("p99", SOME_TIME, "Bound of their 99th percentile."),
    Field("window", Integer(5, 1000), "The latest requests that percentiles are taken over.", default=str(WINDOW)),
)

HTTP = Record(
    "an HTTP check: {url: ...}",
    (
        Field("url", URL, "What is asked: once, or once for each instance when it names a target."),
        Field("urls", ListOf(URL, "a list of addresses"), "Several addresses; the worst answer decides."),
        Field("method", Choice(("GET", "HEAD", "POST")), "How it is asked.", default="GET"),
        Field(
            "headers",
            _HEADERS,
            "Sent with the request. `${env.NAME}` stands for a variable of the environment and is a secret: its value "
            "is recorded nowhere. To another host, after a redirect, they do not go.",
        ),
        Field(
            "status",
            OneOrMore(Status(), "a list of statuses such as [200, 204]"),
            "The status codes that pass.",
            default="200",
        ),
        Field("contains", TEXT, "A text that the answer must hold.", mistaken_for=("body",)),
        Field(
            "expect_headers",
            MapOf(Text("the name of a header", _header, _HEADER), TEXT, "headers by name"),
            "Texts that headers of the answer must hold, whatever their case.",
        ),
        Field(
            "json",
            MapOf(Text("a JMESPath expression", _expression), ValueOrLimits(), "values by JMESPath expression"),
            "Values that the answer must have, by JMESPath expression: `status: ok`, `queue.depth: {below: 100}`.",
            mistaken_for=("json_path", "jsonpath"),
        ),
        Field(
            "redirects",
            Integer(0, 10),
            "Redirects that are followed; without it a redirect is an answer like any other.",
            default="0",
        ),
        Field(
            "requests",
            Integer(1, MOST_REQUESTS),
            "How often each address is asked for one sample, within 30s.",
            default="1",
        ),
        *_PERCENTILES,
        *_TRUST,
        Field("timeout", SOME_TIME, "For one whole request, its redirects included.", default=HTTP_TIMEOUT),
    ),
    choices=("url", "urls"),
)

TCP = Record(
    "a TCP check: {address: HOST:PORT}",
    (
        Field(
            "address",
            Text("HOST:PORT, such as ${target.address}:5432", _address),
            "Where to connect to: once, or once for each instance when it names a target.",
            is_required=True,
            mistaken_for=("url", "host", "port"),
        ),
        Field("tls", Boolean(), "Encrypt, and verify certificate and host name.", default="false"),
        Field("banner", TEXT, "A text that the other side must say first, within 4 KiB.", mistaken_for=("contains",)),
        *_PERCENTILES,
        *_TRUST,
        Field("timeout", SOME_TIME, "From the first packet to the end of the banner.", default=TCP_TIMEOUT),
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

PROMETHEUS = Limited(
    "a Prometheus query: {url: ..., query: ..., below: 0.01}",
    (
        Field(
            "url", URL, "The server, without `/api/v1`; asked once for each instance if it names one.", is_required=True
        ),
        Field(
            "query",
            Text("a PromQL query", texts.with_placeholders),
            "What is asked, in PromQL. Values of placeholders are escaped as in its strings.",
            is_required=True,
        ),
        *NUMBER_LIMITS,
        Field(
            "series",
            Choice(("every", "any")),
            "Whether every series of the result has to be within the limits, or any.",
            default="every",
        ),
        Field(
            "missing_data",
            Choice(("error", "inconclusive", "passed", "failed")),
            "What a query without a result, or with NaN for one, comes to.",
            default="error",
        ),
        Field("range", SOME_TIME, "Asks for this time until now; without it for the present value."),
        Field("step", SOME_TIME, "From point to point of a range.", default="a sixtieth of it, 1s at least"),
        Field("reduce", Choice(("last", "avg", "min", "max")), "What is made of the points of a range.", default="avg"),
        Field("headers", _HEADERS, "Sent with the request, such as `Authorization: Bearer ${env.PROMETHEUS_TOKEN}`."),
        *_TRUST,
        Field("timeout", SOME_TIME, "For one whole request.", default=PROMETHEUS_TIMEOUT),
    ),
)

FIELDS = (
    Field("http", HTTP, "Asks addresses over HTTP."),
    Field("tcp", TCP, "Connects over TCP."),
    Field("command", COMMAND, "Runs a command."),
    Field("prometheus", PROMETHEUS, "Asks a Prometheus."),
)
"""The kinds, as keys of a check."""
DEFAULTS = {
    "http": {"method": "GET", "status": 200, "timeout": HTTP_TIMEOUT},
    "tcp": {"timeout": TCP_TIMEOUT},
    "command": {"timeout": COMMAND_TIMEOUT},
    "prometheus": {"timeout": PROMETHEUS_TIMEOUT},
}
"""Settings that hold where the file does not give them, by kind; times as they are written."""
LIMITS: dict[str, dict[str, str]] = {}
"""Limits of the policy that hold where the file does not give them, by kind."""
