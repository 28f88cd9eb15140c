"""The five operations over the wire, in front of CodeDeploy's command queues."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.agent.errors import Code
from deliverkit.sandbox.agent.protocol import CommandService, CommandStatus, Diagnostics, HostCommand
from deliverkit.sandbox.codedeploy.command_service import command_service
from deliverkit.sandbox.hostcommands.envelope import Sealer
from deliverkit.sandbox.hostcommands.model import LONGEST_PAYLOAD, PLAIN, SECURE, command_model
from deliverkit.sandbox.hostcommands.offers import Offers
from deliverkit.sandbox.kernel import model
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Answer, Context, Params, Service

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World

LONG_POLL_SECONDS = 20.0  # real time; the agent's own read time-out is 80 s
ENDED = frozenset({CommandStatus.SUCCEEDED, CommandStatus.FAILED})


def command_endpoints(world: World) -> Iterator[CommandEndpoint]:
    """Both versions of the protocol, with one desk behind them."""
    desk = _Desk(world)
    for protocol in (PLAIN, SECURE):
        load_model = partial(command_model, protocol)
        endpoint = CommandEndpoint(
            protocol.signing_name, protocol.target, checks_constraints=False, load_model=load_model
        )
        for name, operation in desk.operations().items():
            endpoint.operation(name)(operation)
        yield endpoint


class CommandEndpoint(Service):
    """CodeDeployCommandService, in one of its versions."""

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
        self._offers = Offers()

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
        host, this = params["HostIdentifier"], object()
        if self._offers.begin(host, this):
            self._world.doorbell.ring(host)
        try:
            return self._wait_for_command(host, this)
        finally:
            self._offers.end(host, this)

    def _wait_for_command(self, host: str, poll: object) -> Answer:
        bell, deadline = self._world.doorbell, time.monotonic() + LONG_POLL_SECONDS
        while True:
            mark = bell.mark(host)
            remaining = deadline - time.monotonic()
            if remaining <= 0 or bell.is_closed or not self._offers.is_newest(host, poll):
                return {}
            command = self._queues.poll(host)
            kept_back = self._offers.take(host, command.identifier) if command is not None else remaining
            if command is not None and not kept_back:
                return {"HostCommand": _answer(command)}
            bell.wait(host, mark, min(remaining, kept_back))

    def specification(self, params: Params, _context: Context) -> Answer:
        """The sealed specification of a deployment execution."""
        found = self._queues.specification(params["DeploymentExecutionId"], params["HostIdentifier"])
        self._offers.confirm(params["HostIdentifier"])
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


def _answer(command: HostCommand) -> Answer:
    return {
        "HostCommandIdentifier": command.identifier,
        "HostIdentifier": command.host,
        "DeploymentExecutionId": command.execution_id,
        "CommandName": command.name,
        "Nonce": command.nonce,
    }


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
    # An agent that cannot put a script's output into JSON, because it is no text, says `Unknown` in the code's place.
    code = told.get("error_code", Code.SUCCESS)
    code = code if isinstance(code, int) else Code.UNKNOWN_ERROR
    return Diagnostics(
        code, str(told.get("script_name") or ""), str(told.get("message") or ""), str(told.get("log") or "")
    )
