"""Simulated instances: agents without processes, files or scripts, for fleets larger than a machine can play.

An EC2 instance with the tag `deliverkit:agent` = `memory` has such an agent. It fetches the bundle to see that it is
there and what it should be, and every other lifecycle event succeeds at once. With `none` nothing of the sandbox's
polls for the instance: a foreign agent may, or the deployment meets a host whose agent is away.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from deliverkit.sandbox.agent.errors import Code
from deliverkit.sandbox.agent.protocol import CommandService, CommandStatus, Diagnostics, HostCommand
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)
TAG = "deliverkit:agent"
MEMORY = "memory"
NONE = "none"
_SUCCEEDED = Diagnostics(Code.SUCCESS, "", "Succeeded", "")


class MemoryAgents:
    """One thread that answers for all simulated instances of a world.

    Args:
        world: The sandbox.
        service: Gives what commands come from; the world may be given another one when it is restored.
    """

    def __init__(self, world: World, service: Callable[[World], CommandService]) -> None:
        self._world, self._find_service = world, service
        self._accounts: dict[str, str] = {}
        self._rung: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sandbox-memory-agents", daemon=True)
        world.doorbell.subscribe(self._on_ring)

    @property
    def _service(self) -> CommandService:
        return self._find_service(self._world)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._rung.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def add(self, host: str, account: str) -> None:
        """Answer for a host from now on, beginning with what waits for it."""
        self._accounts[host] = account
        self._rung.put(host)

    def remove(self, host: str) -> None:
        """Answer for the host no more."""
        self._accounts.pop(host, None)

    def _on_ring(self, host: str) -> None:
        if host in self._accounts:
            self._rung.put(host)

    def _run(self) -> None:
        while (host := self._rung.get()) is not None:
            try:
                self._work_through(host)
            except Exception:
                log.exception("%s: the simulated agent failed", host)

    def _work_through(self, host: str) -> None:
        while host in self._accounts:
            command = self._service.poll(host)
            if command is None:
                return
            if self._service.acknowledge(command.identifier, is_noop=False) is CommandStatus.IN_PROGRESS:
                status, diagnostics = self._carry_out(command)
                self._service.complete(command.identifier, status, diagnostics)

    def _carry_out(self, command: HostCommand) -> tuple[CommandStatus, Diagnostics]:
        if command.name != "DownloadBundle":
            return CommandStatus.SUCCEEDED, _SUCCEEDED
        problem = self._problem_with_bundle(command)
        if problem:
            return CommandStatus.FAILED, Diagnostics(Code.UNKNOWN_ERROR, "", problem, "")
        return CommandStatus.SUCCEEDED, _SUCCEEDED

    def _problem_with_bundle(self, command: HostCommand) -> str:
        revision = self._service.specification(command.execution_id, command.host)["Revision"]["S3Revision"]
        account = self._accounts[command.host]
        try:
            found = self._world.moto.e_tag_of(account, revision["Bucket"], revision["Key"], revision.get("Version"))
        except ApiError as error:
            return error.message
        wanted = (revision.get("ETag") or "").strip('"')
        if wanted and wanted != found:
            return f"Expected deployment artifact bundle etag {wanted} but was actually {found}"
        return ""
