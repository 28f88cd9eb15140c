"""The five operations over the wire, in front of CodeDeploy's command queues."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.agent.protocol import CommandService, CommandStatus, Diagnostics
from deliverkit.sandbox.codedeploy.command_service import command_service
from deliverkit.sandbox.hostcommands.envelope import Sealer
from deliverkit.sandbox.hostcommands.model import LONGEST_PAYLOAD, NAME, TARGET, command_model
from deliverkit.sandbox.kernel import model
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Params, Service

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World

LONG_POLL_SECONDS = 20.0  # real time; the agent's own read time-out is 80 s
ENDED = frozenset({CommandStatus.SUCCEEDED, CommandStatus.FAILED})


class CommandEndpoint(Service):
    """CodeDeployCommandService. Made by `made_for`."""

    @classmethod
    def made_for(cls, world: World) -> CommandEndpoint:
        """The endpoint of a world."""
        endpoint = cls(NAME, TARGET, checks_constraints=False, load_model=command_model)
        desk = _Desk(world)
        for name, operation in desk.operations().items():
            endpoint.operation(name)(operation)
        return endpoint

    def only_reads(self, name: str) -> bool:
        """True for an operation that changes nothing; a poll hands out, and takes nothing away."""
        return name == "PollHostCommand" or super().only_reads(name)

    def handle(self, name: str, body: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Run one operation; a poll waits for work, so none of them holds the world's lock all the while.

        Raises:
            ApiError: `ClientException` for everything a caller can do wrong.
        """
        operation, params = self._admit(name, body)
        violations = model.constraint_violations(operation, params)
        if violations:
            raise ApiError("ClientException", "; ".join(violations))
        return model.serialise_answer(operation, self._operations[name](params, context) or {})


class _Desk:
    """The operations themselves; the queues behind them lock for themselves."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sealer = Sealer(world.clock.now())

    def operations(self) -> dict[str, Any]:
        return {
            "PollHostCommand": self.poll,
            "GetDeploymentSpecification": self.specification,
            "PutHostCommandAcknowledgement": self.acknowledge,
            "PutHostCommandComplete": self.complete,
            "PostHostCommandUpdate": self.update,
        }

    @property
    def _queues(self) -> CommandService:
        return command_service(self._world)

    def poll(self, params: Params, _context: Context) -> Answer:
        """The next command of the host, waited for a while; an empty answer when none came."""
        host, bell = params["HostIdentifier"], self._world.doorbell
        deadline = time.monotonic() + LONG_POLL_SECONDS
        while True:
            mark = bell.mark(host)
            command = self._queues.poll(host)
            if command is not None:
                return {
                    "HostCommand": {
                        "HostCommandIdentifier": command.identifier,
                        "HostIdentifier": command.host,
                        "DeploymentExecutionId": command.execution_id,
                        "CommandName": command.name,
                        "Nonce": command.nonce,
                    }
                }
            remaining = deadline - time.monotonic()
            if remaining <= 0 or bell.is_closed:
                return {}
            bell.wait(host, mark, remaining)

    def specification(self, params: Params, _context: Context) -> Answer:
        """The sealed specification of a deployment execution."""
        found = self._queues.specification(params["DeploymentExecutionId"], params["HostIdentifier"])
        return {
            "DeploymentSystem": "CodeDeploy",
            "DeploymentSpecification": {"GenericEnvelope": self._sealer.seal(found)},
        }

    def acknowledge(self, params: Params, _context: Context) -> Answer:
        """The command arrived; the answer says whether to carry it out."""
        told = _payload(params)
        status = self._queues.acknowledge(params["HostCommandIdentifier"], is_noop=told.get("IsCommandNoop") is True)
        return {"CommandStatus": str(status)}

    def complete(self, params: Params, _context: Context) -> None:
        """The command ended; the first report of an identifier counts."""
        status = CommandStatus(params["CommandStatus"])
        if status not in ENDED:
            raise ApiError("ClientException", f"a command completes as Succeeded or Failed, not as {status}")
        self._queues.complete(params["HostCommandIdentifier"], status, _diagnostics(_payload(params)))

    def update(self, params: Params, _context: Context) -> Answer:
        """A sign of life in between; no known agent sends one."""
        return {"CommandStatus": str(self._queues.acknowledge(params["HostCommandIdentifier"], is_noop=False))}


def _payload(params: Params) -> Mapping[str, Any]:
    text = params.get("Diagnostics", {}).get("Payload") or "{}"
    if len(text) > LONGEST_PAYLOAD:
        raise ApiError("ClientException", f"the diagnostics are longer than {LONGEST_PAYLOAD} characters")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError("ClientException", "the diagnostics' payload is not JSON") from error
    if not isinstance(told, dict):
        raise ApiError("ClientException", "the diagnostics' payload is not a JSON object")
    return told


def _diagnostics(told: Mapping[str, Any]) -> Diagnostics:
    code = told.get("error_code", 0)
    if not isinstance(code, int):
        raise ApiError("ClientException", f"error_code is not a number: {code!r}")
    return Diagnostics(
        code, str(told.get("script_name") or ""), str(told.get("message") or ""), str(told.get("log") or "")
    )
