"""Latency: answers come late. The delay is real time, because the clients that wait live in it."""

from __future__ import annotations

import threading

from deliverkit.sandbox.access.answers import HttpAnswer
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, Passing
from deliverkit.sandbox.faults.settings import REQUESTS, Setting, SettingType


def _delay(fault: Fault, passing: Passing) -> HttpAnswer:
    with passing.world.lock:
        seconds = fault.values["delay"] + fault.random.uniform(0, fault.values["jitter"])
    threading.Event().wait(seconds)
    return passing.forward()


LATENCY = Kind(
    "latency",
    "Requests wait before they are carried out; real time, for the clients that wait live in it.",
    (
        Setting("delay", SettingType.SECONDS, "How long.", is_required=True),
        Setting("jitter", SettingType.SECONDS, "Up to so much longer, by chance.", 0),
        *REQUESTS,
    ),
    interfere=_delay,
)
