"""Connections that are reset, and a region whose services all do so."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import replace
from typing import NoReturn

from deliverkit.sandbox.access.answers import LOST_ANSWER, HttpAnswer, error_answer
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, Passing
from deliverkit.sandbox.faults.server_errors import UNAVAILABLE, wording
from deliverkit.sandbox.faults.settings import REQUESTS, Setting, SettingType

EXECUTED = Setting(
    "executed", SettingType.FLAG, "True to carry the request out and lose only its answer.", default=False
)


def _reset(fault: Fault, passing: Passing) -> HttpAnswer:
    if fault.values["executed"]:
        passing.environ[LOST_ANSWER] = passing.forward()
    _cut(passing)


def _cut(passing: Passing) -> NoReturn:
    """Reset the connection: closing with a linger time of zero makes the system send RST (SO_LINGER in socket(7)).

    The server still holds the descriptor, so another socket is put in its place, whose other end is closed.

    Raises:
        ConnectionResetError: Always; the HTTP server takes it as the client's going away.
    """
    connection = passing.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        here, there = socket.socketpair()
        os.dup2(here.fileno(), connection.fileno())
        here.close()
        there.close()
    raise ConnectionResetError("a fault resets this connection")


def _lose(fault: Fault, passing: Passing) -> HttpAnswer:
    if fault.values["how"] == "reset":
        _cut(passing)
    code, message = wording(passing.request, UNAVAILABLE)
    return error_answer(passing.request, code, message, UNAVAILABLE)


RESET = Kind(
    "connection-reset",
    "Connections are reset instead of answered.",
    (EXECUTED, *REQUESTS),
    interfere=_reset,
)
LOST_REGION = Kind(
    "lost-region",
    "No service of a region answers.",
    (
        Setting("region", SettingType.TEXT, "The region that is lost.", is_required=True),
        Setting("how", SettingType.CHOICE, "How its services fail.", "reset", ("reset", "unavailable")),
        *(replace(each) for each in REQUESTS if each.name != "region"),
    ),
    interfere=_lose,
)
