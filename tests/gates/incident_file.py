"""The recorded incident of the how-to, made by the project's engine: `python tests/gates/incident_file.py`."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gate_worlds import SeeingCheck, answered, promoted, serves_the_second, world, written

from deliverkit.app import read_gates
from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "gates"
FILE, RULES, NEW_RULES = FOLDER / "incident.jsonl", FOLDER / "rules.yml", FOLDER / "new-rules.yml"
REQUESTS, GOOD, BAD = 1_200, 0.004, 0.011
"""Requests of each arm in a minute, and the shares of them that fail."""


class _Traffic:
    """What the load balancer counts, minute after minute: the new release fails more often."""

    def __init__(self) -> None:
        self._chance = random.Random(20261105)

    def see(self, check: Check, _context: CheckContext, now: datetime) -> dict[str, Any]:
        if check.kind == "http":
            return answered(200, round(0.09 + self._chance.random() * 0.08, 3))
        failed = (sum(self._chance.random() < share for _ in range(REQUESTS)) for share in (GOOD, BAD))
        baseline, candidate = failed
        look = [now.timestamp(), baseline, REQUESTS, candidate, REQUESTS]
        begin = now.timestamp() - 60
        return {"looks": [look], "through": now.timestamp(), "begin": begin, "origin": begin, "bake": 1800.0}


def make(path: Path) -> None:
    """Record an incident: a canary that fails minutes after the release arrived, while its instances look healthy."""
    made = world(*read_gates(RULES).values(), bake_time=timedelta(minutes=30))
    traffic = _Traffic()
    made.checks["compare"] = SeeingCheck(made.clock, traffic.see)
    _, events = promoted(made, lambda *asked: traffic.see(*asked) if serves_the_second(made) else answered())
    written(path, events)


if __name__ == "__main__":
    make(FILE)
