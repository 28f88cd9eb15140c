"""The agents of instances, as the engine handles them: a process of its own, or a simulated one in memory."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deliverkit.sandbox.agent.configuration import AgentConfiguration
from deliverkit.sandbox.agent.processes import INSTANCE_ADDRESS, INSTANCE_ID, INSTANCE_ROOT, Processes, command_line

log = logging.getLogger(__name__)

CONFIGURATION = "agent.json"
PID = "agent.pid"
LOG = "agent.log"


class InstanceAgent(Protocol):
    """An agent on an instance."""

    @property
    def is_alive(self) -> bool:
        """True while it polls."""
        ...

    def start(self) -> None:
        """Begin to poll."""
        ...

    def kill(self) -> None:
        """End it and every process of its instance at once, as power loss does."""
        ...

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the end of a killed agent; False when it still runs."""
        ...


@dataclass
class ProcessAgent:
    """The host agent in a process of its own, below the instance's home.

    An agent that outlived its sandbox, because that was killed, is taken over: its hooks go on meanwhile.

    Attributes:
        configuration: What it is told.
        home: The instance's directory; its log lies here.
    """

    configuration: AgentConfiguration
    home: Path
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _adopted: int | None = field(default=None, init=False)

    @property
    def _marks(self) -> dict[str, str]:
        instance_id = self.configuration.identifier.rsplit("/", 1)[-1]
        return {INSTANCE_ID: instance_id, INSTANCE_ROOT: self.configuration.root}

    @property
    def is_alive(self) -> bool:
        """True while its process runs."""
        if self._child is not None:
            return self._child.poll() is None
        return self._adopted is not None and self._processes.has(self._adopted)

    def start(self) -> None:
        """Take over the agent that runs already, or start one."""
        Path(self.configuration.root).mkdir(parents=True, exist_ok=True)
        if not self._adopt():
            self.configuration.write(self.home / CONFIGURATION)
            self._launch()
        draft = self.home / f"{PID}.draft"
        draft.write_text(str(self._adopted if self._child is None else self._child.pid))
        draft.replace(self.home / PID)

    def _launch(self) -> None:
        marks = {**self._marks, INSTANCE_ADDRESS: self.configuration.address}
        with (self.home / LOG).open("ab") as out:
            self._child = subprocess.Popen(
                [sys.executable, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **marks},
                start_new_session=True,
                close_fds=True,
            )

    def kill(self) -> None:
        """End the agent and whatever its hooks started."""
        self._processes.kill()
        if self._child is not None:
            self._child.kill()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the end of a killed agent."""
        if self._child is not None:
            try:
                self._child.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                return False
        # A hook may have been about to start while the others were killed.
        self._processes.kill()
        return not self.is_alive

    def _adopt(self) -> bool:
        """True when an agent with this configuration runs; one with another is ended.

        It is found among the instance's processes and not by a note of its id: a sandbox that is killed may have
        started an agent and not noted it, and a host with two agents runs its hooks twice.
        """
        if not (self.home / CONFIGURATION).exists():  # its first agent
            return False
        for pid in self._processes.living():
            if command_line(pid)[1:] == self._arguments:
                if self._is_configured():
                    self._adopted = pid
                    return True
                self._processes.kill_one(pid)
        return False

    def _is_configured(self) -> bool:
        try:
            return AgentConfiguration.read(self.home / CONFIGURATION).is_like(self.configuration)
        except (OSError, ValueError, TypeError):
            return False

    @property
    def _arguments(self) -> list[str]:
        return ["-m", "deliverkit.sandbox.agent", str(self.home / CONFIGURATION)]

    @property
    def _processes(self) -> Processes:
        return Processes(self._marks)


@dataclass
class Pause:
    """Keeps an agent that ends at once from being started again and again."""

    seconds: float = 0.5
    _last: float = field(default=0.0, init=False)

    def is_over(self) -> bool:
        """True when the last start lies far enough back; then a new one begins now."""
        now = time.monotonic()
        if now - self._last < self.seconds:
            return False
        self._last = now
        return True
