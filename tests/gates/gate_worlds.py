"""Rehearsals whose checks keep what they saw, so that what is recorded can be replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deliverkit.check_ports import CheckContext
from deliverkit.cli.main import run
from deliverkit.cli.streams import Console
from deliverkit.delivery import Delivery
from deliverkit.domain.checks import measurement
from deliverkit.domain.environment import Environment, Serves
from deliverkit.domain.gate import Check, Gate, Measurement, Policy
from deliverkit.domain.ledger import Event, encode
from deliverkit.domain.rollout import Rollout
from deliverkit.ports import Clock
from deliverkit.testing.rehearsal import Rehearsal

REGION, GROUP = "us-east-1", "shop-dev"
EVERY = timedelta(seconds=5)
See = Callable[[Check, CheckContext, datetime], Mapping[str, Any]]


def answered(status: int = 200, *seconds: float) -> dict[str, Any]:
    """What an HTTP check has seen."""
    asked = "GET http://shop.example.com/healthz"
    return {"answers": [{"asked": asked, "status": status, "seconds": list(seconds or (0.02,))}]}


class SeeingCheck:
    """Implements `check_ports.Checker`: a test says what is seen, and the project's own rooms assess it."""

    def __init__(self, clock: Clock, see: See = lambda *_: answered()) -> None:
        self._clock = clock
        self.see = see

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        now = self._clock.now()
        seen = self.see(check, context, now)
        times = [each for answer in seen.get("answers", ()) for each in answer.get("seconds", ())]
        state = context.states.get(check.key)
        query = "GET http://shop.example.com/healthz" if check.kind == "http" else str(check.spec.get("metric", ""))
        return measurement(check, now, seen, query=query, state=state, latencies=tuple(times))


def http_check(gate: str, name: str = "", spec: Mapping[str, Any] | None = None, **policy: Any) -> Check:
    return Check(
        gate, name, "http", {"url": "${endpoint}/healthz", **(spec or {})}, Policy(**{"every": EVERY, **policy})
    )


def world(*gates: Gate, **environment: Any) -> Rehearsal:
    """A world with one environment that 1.0 serves, whose checks see HTTP answers."""
    names = tuple(gate.name for gate in gates)
    usual: dict[str, Any] = {"during": names, "after": names, "bake_time": timedelta(minutes=1)}
    dev = Environment(
        name="dev",
        waves=((REGION,),),
        application="shop",
        group=GROUP,
        serves=Serves("http://${target.address}/version"),
        **{**usual, **environment},
    )
    made = Rehearsal((dev,), {gate.name: gate for gate in gates})
    made.checks["http"] = SeeingCheck(made.clock)
    made.release("1.0")
    made.release("2.0")
    delivery = made.delivery()
    delivery.watch(delivery.promote("1.0", to="dev"))
    return made


def promoted(made: Rehearsal, see: See) -> tuple[Rollout, tuple[Event, ...]]:
    """2.0 promoted while its checks see that, and its events."""
    made.checks["http"] = SeeingCheck(made.clock, see)
    delivery: Delivery = made.delivery()
    rollout = delivery.watch(delivery.promote("2.0", to="dev"))
    return rollout, tuple(delivery.ledger.read(f"promotions/{rollout.id}"))


def serves_the_second(made: Rehearsal) -> bool:
    return "2.0" in made.fleet.serving(REGION, GROUP)


def written(path: Path, events: tuple[Event, ...]) -> Path:
    """A file with the events, as `ledger export` writes them."""
    path.write_bytes(b"".join(encode(event) + b"\n" for event in events))
    return path


class Ran:
    """A command line that was run in this process."""

    def __init__(self, *words: str | Path) -> None:
        import io  # noqa: PLC0415

        out, err = io.StringIO(), io.StringIO()
        self.code = run([str(word) for word in words], Console(out, err, {}))
        self.out, self.err = out.getvalue(), err.getvalue()
