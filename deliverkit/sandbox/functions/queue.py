"""Asynchronous invocations: kept until they went well, or were tried often enough."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from deliverkit.sandbox.agent.processes import Processes
from deliverkit.sandbox.functions import logs
from deliverkit.sandbox.functions.lookup import find_function
from deliverkit.sandbox.functions.metrics import FunctionMetrics
from deliverkit.sandbox.functions.run import MARK, Result, Running, Surroundings
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_functions import Function

log = logging.getLogger(__name__)
FIRST_PAUSE = timedelta(minutes=1)
"""Before the second attempt; before the third it is twice as long (Lambda developer guide, invocation-async)."""


@dataclass
class Invocation:
    """An event on its way to a function.

    Attributes:
        name: `name` or `name:qualifier`.
        attempts: How often it was begun.
        runs: True while an attempt is under way.
    """

    request_id: str
    account: str
    region: str
    name: str
    event: Any
    attempts: int = 0
    runs: bool = False


@dataclass
class Store:
    """What is on its way in an account and Region, by request id."""

    invocations: dict[str, Invocation] = field(default_factory=dict)


def enqueue(world: World, account: str, region: str, name: str, event: Any) -> str:
    """Take an event for a function that exists; its request id."""
    with world.lock:
        invocation = Invocation(chance.uuid4(), account, region, name, json.loads(json.dumps(event)))
        world.store(Store, account, region).invocations[invocation.request_id] = invocation
        world.timers.soon(partial(_begin, world, invocation))
    return invocation.request_id


def _begin(world: World, invocation: Invocation) -> None:
    invocation.attempts += 1
    invocation.runs = True
    queue: InvocationQueue = world.parts[InvocationQueue]
    queue.begin(invocation)


class InvocationQueue:
    """Runs functions, waited for or not; each invocation on a thread of its own.

    Args:
        world: The sandbox.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._running = Running()
        self._metrics = FunctionMetrics(world)
        self._keys: dict[tuple[str, str], tuple[str, str, str]] = {}
        self._root = world.state_dir / "functions"
        self._is_started = False

    def start(self) -> None:
        """Begin again what ran when an earlier process ended: Lambda delivers an event at least once."""
        # What a killed sandbox left running reports to an endpoint that nobody serves any more.
        Processes({MARK: str(self._root)}).kill()
        self._is_started = True
        for _, _, store in self._world.stores(Store):
            for invocation in list(store.invocations.values()):
                if invocation.runs:
                    self.begin(invocation)

    def stop(self) -> None:
        """End what runs; its events stay."""
        self._running.stop()

    def begin(self, invocation: Invocation) -> None:
        """Run one attempt; before `start` it only waits for it."""
        if self._is_started:
            threading.Thread(target=self._attempt, args=(invocation,), daemon=True).start()

    def run(self, function: Function, request_id: str, event: Any) -> Result:
        """Run a function while the caller waits, who must not hold the world's lock.

        Raises:
            ApiError: When it cannot be run here.
        """
        with self._world.lock:
            stream = logs.stream_of(self._world, function, request_id)
            keys = self._keys_of(function)
        around = Surroundings(
            self._root, self._root / function.account / function.region, self._world.endpoint, keys, stream
        )
        result = self._counted(function, request_id, event, around)
        with self._world.lock:
            logs.keep(self._world, function, stream, result.log)
        return result

    def _counted(self, function: Function, request_id: str, event: Any, around: Surroundings) -> Result:
        begun_at, result = self._metrics.begin(function), None
        try:
            result = self._running.run(function, request_id, event, around)
        except ValueError as error:
            raise ApiError("InvalidZipFileException", str(error), status=502) from error
        finally:
            self._metrics.end(function, begun_at, result)
        return result

    def _keys_of(self, function: Function) -> tuple[str, str, str]:
        key = (function.role, function.name)
        if key not in self._keys:
            sts = self._world.moto.client("sts", function.account, function.region)
            found = sts.assume_role(RoleArn=function.role, RoleSessionName=function.name)["Credentials"]
            self._keys[key] = (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return self._keys[key]

    def _attempt(self, invocation: Invocation) -> None:
        retries = 0
        try:
            function = find_function(self._world, invocation.account, invocation.region, invocation.name)
            result = self.run(function, invocation.request_id, invocation.event)
            if result.cut_short:
                return
            retries = function.retries if result.failed else 0
        except Exception:
            log.exception("the function %s could not be run", invocation.name)
        self._report(invocation, retries)

    def _report(self, invocation: Invocation, retries: int) -> None:
        with self._world.lock:
            invocation.runs = False
            if invocation.attempts <= retries:
                self._world.timers.after(FIRST_PAUSE * invocation.attempts, partial(_begin, self._world, invocation))
            else:
                store = self._world.store(Store, invocation.account, invocation.region)
                store.invocations.pop(invocation.request_id, None)
