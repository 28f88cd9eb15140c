"""The host agent: polls for commands, acknowledges, executes and reports them, one after the other."""

from __future__ import annotations

import logging
import threading

from deliverkit.sandbox.agent.errors import Code, ScriptError
from deliverkit.sandbox.agent.executor import Executor
from deliverkit.sandbox.agent.host import Fetcher, Host
from deliverkit.sandbox.agent.protocol import CommandService, CommandStatus, Diagnostics, HostCommand
from deliverkit.sandbox.agent.specification import DeploymentSpecification, parse_specification
from deliverkit.sandbox.agent.tracking import forget_command, note_command, take_interrupted

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # between polls when nobody wakes the agent; real time, for a frozen clock must not stop deliveries
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds after a poll that failed; AWS's agent waits 10 to 90 s
RESTARTED = "Failing in-progress lifecycle event after an agent restart."


class Agent:
    """The agent of one host, on a thread of its own.

    Commands are executed one at a time, where the real agent has sixteen threads: the service sends a host the events
    of one deployment one after the other anyway.

    Args:
        host: The instance.
        service: Where commands come from.
        fetch: Fetches bundles.
        poll_seconds: Real seconds between polls when nobody wakes the agent.
    """

    def __init__(
        self, host: Host, service: CommandService, fetch: Fetcher, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._host = host
        self._service = service
        self._executor = Executor(host, fetch)
        self._poll_seconds = poll_seconds
        self._wake = threading.Event()
        self._is_dead = False
        self._thread = threading.Thread(target=self.run, name=f"agent-{host.instance_id}", daemon=True)
        self._pause = 0.0

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def wake(self) -> None:
        """Poll now."""
        self._wake.set()

    def kill(self) -> None:
        """End the agent and every process of the host at once, as power loss does: nothing is reported any more.

        A command under way stays noted on the host's disk, so the next agent there fails it (code 7).
        """
        self._is_dead = True
        self._wake.set()
        self._host.processes.kill()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the end of a killed agent; False when its thread still runs."""
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_seconds)
        # A hook may have been about to start while the others were killed.
        self._host.processes.kill()
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """True while it polls."""
        return not self._is_dead and self._thread.is_alive()

    def run(self) -> None:
        """Poll on the caller's thread until killed."""
        self._report_interrupted()
        while not self._is_dead:
            self._wake.clear()
            self._work_through()
            self._wake.wait(self._poll_seconds + self._pause)

    def _work_through(self) -> None:
        """Handle commands until none waits."""
        handled: str | None = None
        while not self._is_dead:
            try:
                command = self._service.poll(self._host.identifier)
            except Exception as error:  # noqa: BLE001  (the service may be away for any reason; it may come back)
                self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
                log.error("%s: polling for commands failed: %s", self._host.identifier, error)  # noqa: TRY400
                return
            self._pause = 0.0
            if command is None or command.identifier == handled:  # the same again: wait, do not spin
                return
            handled = command.identifier
            self._handle(command)

    def _handle(self, command: HostCommand) -> None:
        try:
            payload = self._service.specification(command.execution_id, self._host.identifier)
            specification = parse_specification(payload)
            if self._acknowledge(command, specification):
                self._process(command, specification)
        except Exception as error:  # noqa: BLE001  (whatever it is fails the command, never the agent)
            # The agent's outer net: it reports a failed script for a second time, with code 5 and no log. The service
            # keeps the first report.
            self._report(command, CommandStatus.FAILED, _unknown_error(error))

    def _acknowledge(self, command: HostCommand, specification: DeploymentSpecification) -> bool:
        """True when the command is to be executed."""
        is_noop = self._executor.is_noop(command.name, specification)
        status = self._service.acknowledge(command.identifier, is_noop=is_noop)
        if status is CommandStatus.FAILED and is_noop:
            self._report(command, CommandStatus.SUCCEEDED, Diagnostics(Code.SUCCESS, "", "CompletedNoopCommand", ""))
        return status not in {CommandStatus.SUCCEEDED, CommandStatus.FAILED}

    def _process(self, command: HostCommand, specification: DeploymentSpecification) -> None:
        ongoing = self._host.layout.ongoing
        note_command(ongoing, specification.deployment_id, command.identifier, self._host.now())
        try:
            self._executor.execute(command.name, specification)
            self._report(command, CommandStatus.SUCCEEDED, Diagnostics(Code.SUCCESS, "", "Succeeded", ""))
        except ScriptError as error:
            diagnostics = Diagnostics(error.code, error.script, str(error), error.log)
            self._report(command, CommandStatus.FAILED, diagnostics)
            raise
        except Exception as error:
            self._report(command, CommandStatus.FAILED, _unknown_error(error))
            raise
        finally:
            if not self._is_dead:
                forget_command(ongoing, specification.deployment_id)

    def _report_interrupted(self) -> None:
        try:
            identifier = take_interrupted(self._host.layout.ongoing, self._host.now())
            if identifier is not None:
                diagnostics = Diagnostics(Code.FAILED_AFTER_RESTART, "", RESTARTED, "")
                self._service.complete(identifier, CommandStatus.FAILED, diagnostics)
        except Exception:
            log.exception("%s: recovering after a restart failed", self._host.identifier)

    def _report(self, command: HostCommand, status: CommandStatus, diagnostics: Diagnostics) -> None:
        if self._is_dead:
            return
        try:
            self._service.complete(command.identifier, status, diagnostics)
        except Exception:
            log.exception("%s: reporting %s failed", self._host.identifier, command.name)


def _unknown_error(error: Exception) -> Diagnostics:
    return Diagnostics(Code.UNKNOWN_ERROR, "", str(error), "")
