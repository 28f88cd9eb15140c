"""Operations: plain functions `(params, context) -> answer`, gathered into services that know botocore's model.

A service never sees HTTP; the front never sees a service's state. One service calls another through `World.call`, with
the same validation that an outside caller meets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.kernel import model
from deliverkit.sandbox.kernel.errors import ApiError

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)

Params = Mapping[str, Any]
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """Who calls, where and when.

    Attributes:
        world: The sandbox's shared state and clock.
        account: Twelve-digit account id of the caller.
        region: Region of the request's credential scope.
        principal_arn: ARN of the calling identity, as STS GetCallerIdentity gives it.
        request_id: UUID of the request.
        now: The virtual moment at which the request arrived, UTC.
    """

    world: World
    account: str
    region: str
    principal_arn: str
    request_id: str
    now: datetime


READS = ("Get", "List", "BatchGet", "Describe")
"""How the names of operations begin that change nothing."""
Operation = Callable[[Params, Context], Answer | None]


@dataclass
class Service:
    """One AWS service: its botocore model and the operations that answer.

    Attributes:
        name: botocore's service name, `codepipeline`.
        target_prefix: The part of `X-Amz-Target` before the dot.
        checks_constraints: True when the service answers ValidationException for every violated model constraint before
            it looks at anything else (CodePipeline does; CodeDeploy raises its own exceptions instead).
        load_model: Gives the service's model; the default reads botocore's.
    """

    name: str
    target_prefix: str
    checks_constraints: bool = True
    load_model: Callable[[], Any] | None = None
    _operations: dict[str, Operation] = field(default_factory=dict)

    def operation(self, name: str) -> Callable[[Operation], Operation]:
        """Register the decorated function as the implementation of an operation of the model.

        Raises:
            ValueError: If the operation has one already.
        """

        def register(function: Operation) -> Operation:
            if name in self._operations:
                raise ValueError(f"{self.name}: operation {name} is registered twice")
            self._operations[name] = function
            return function

        return register

    @property
    def model(self) -> Any:
        """The service's botocore ServiceModel."""
        return self.load_model() if self.load_model else model.service_model(self.name)

    def only_reads(self, name: str) -> bool:
        """True for an operation that changes nothing."""
        return name.startswith(READS)

    def handle(self, name: str, body: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Run one operation and give its answer as JSON.

        Raises:
            ApiError: Every error a caller can provoke, unknown operations included.
        """
        operation_model, params = self._admit(name, body)
        with context.world.lock:
            answer = self._operations[name](params, context)
        return model.serialise_answer(operation_model, answer or {})

    def call(self, name: str, body: Mapping[str, Any], context: Context) -> Answer:
        """Run one operation for another service of the sandbox; timestamps stay datetimes.

        Raises:
            ApiError: As for an outside caller.
        """
        _, params = self._admit(name, body)
        with context.world.lock:
            return self._operations[name](params, context) or {}

    def _admit(self, name: str, body: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        if name not in self._operations or name not in self.model.operation_names:
            raise ApiError("UnknownOperationException", f"{self.name} does not know the operation {name or '(none)'}")
        operation_model = self.model.operation_model(name)
        params = model.parse_request(operation_model, body)
        if self.checks_constraints:
            _refuse_violations(model.constraint_violations(operation_model, params))
        return operation_model, params


def _refuse_violations(violations: list[str]) -> None:
    if violations:
        noun = "error" if len(violations) == 1 else "errors"
        raise ApiError("ValidationException", f"{len(violations)} validation {noun} detected: {'; '.join(violations)}")
