"""Eventual consistency: after a write, reads give for a while what they gave before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from deliverkit.sandbox.access.answers import HttpAnswer
from deliverkit.sandbox.access.request import Request
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, Passing
from deliverkit.sandbox.faults.settings import REQUESTS, Setting, SettingType

MOST_ANSWERS = 1000
LARGEST = 256 * 1024

Question = tuple[str, str, str, str, bytes]


@dataclass
class Recorded:
    """What reads of one service, region and account gave.

    Attributes:
        fresh: The newest true answers.
        old: The true answers from before the last write.
        written_at: When the last write was answered.
    """

    fresh: dict[Question, HttpAnswer] = field(default_factory=dict)
    old: dict[Question, HttpAnswer] = field(default_factory=dict)
    written_at: datetime | None = None


def _interfere(fault: Fault, passing: Passing) -> HttpAnswer:
    request = passing.request
    if not request.is_read:
        return _write(fault, passing)
    question = (request.account, request.region, request.service, request.operation, request.identity)
    with passing.world.lock:
        old = _old_answer(fault, passing, question)
    if old is not None:
        passing.strike(fault)
        return old
    answer = passing.forward()
    with passing.world.lock:
        _record(_recorded(fault, request), question, answer)
    return answer


def _write(fault: Fault, passing: Passing) -> HttpAnswer:
    answer = passing.forward()
    if not answer.status.startswith("2"):
        return answer  # what was refused changed nothing
    with passing.world.lock:
        recorded = _recorded(fault, passing.request)
        recorded.old = dict(recorded.fresh)
        recorded.written_at = passing.world.clock.now()
    return answer


def _old_answer(fault: Fault, passing: Passing, question: Question) -> HttpAnswer | None:
    recorded, now = _recorded(fault, passing.request), passing.world.clock.now()
    lag = timedelta(seconds=fault.values["lag"])
    is_active = fault.state(now) == "active" and fault.means(passing.request)
    if not is_active or recorded.written_at is None or now - recorded.written_at >= lag:
        return None
    return recorded.old.get(question) if fault.throws() else None


def _recorded(fault: Fault, request: Request) -> Recorded:
    place = f"{request.service} {request.account} {request.region}"
    found: Recorded = fault.memory.setdefault(place, Recorded())
    return found


def _record(recorded: Recorded, question: Question, answer: HttpAnswer) -> None:
    # That a thing does not exist is true once, and stale after it was made.
    is_told = answer.status.startswith(("2", "4"))
    is_full = len(recorded.fresh) >= MOST_ANSWERS and question not in recorded.fresh
    if is_told and len(answer.body) <= LARGEST and not is_full:
        recorded.fresh[question] = answer


STALE_READS = Kind(
    "stale-reads",
    "A read gives once more what it gave before the last write to its service.",
    (Setting("lag", SettingType.SECONDS, "For so long after a write, in the sandbox's own time.", 5), *REQUESTS),
    interfere=_interfere,
    watches=True,
)
