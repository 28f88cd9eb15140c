"""Operations of ours among those of a service that moto answers, checked against botocore's model like all of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from deliverkit.sandbox.kernel import model
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_hooks import replace
from deliverkit.sandbox.moto_loading import when_loaded
from deliverkit.sandbox.moto_trail import members_of, operation_model

Operation = Callable[[Mapping[str, Any], Context], Mapping[str, Any] | None]


def answer_with(
    world: World,
    service: str,
    package: str,
    operations: Mapping[str, Operation],
    *,
    refusal: str = "ValidationException",
) -> None:
    """Let a service of moto's answer with these operations, once it is loaded.

    Args:
        world: The sandbox.
        service: botocore's name of the service, which speaks JSON or forms.
        package: moto's package for it, `logs`.
        operations: By their names in the model.
        refusal: The code for a request that violates the model.
    """
    when_loaded(f"moto.{package}.responses", partial(_mend, world, service, operations, refusal))


def _mend(world: World, service: str, operations: Mapping[str, Operation], refusal: str, responses: Any) -> None:
    from moto.core.responses import BaseResponse  # noqa: PLC0415
    from moto.core.utils import camelcase_to_underscores  # noqa: PLC0415

    classes = [
        found
        for found in vars(responses).values()
        if isinstance(found, type) and issubclass(found, BaseResponse) and found.__module__ == responses.__name__
    ]
    for name, operation in operations.items():
        shape = model.service_model(service).operation_model(name)
        for each in classes:
            replace(each, camelcase_to_underscores(name), _instead(world, shape, operation, refusal))


def _instead(world: World, shape: Any, operation: Operation, refusal: str) -> Callable[[Any], Callable[[Any], Any]]:
    def answer(response: Any) -> Any:
        from moto.core.responses import ActionResult  # noqa: PLC0415

        is_form = "query" in shape.service_model.metadata.get("protocol", "")
        try:
            found = _answer(world, shape, operation, refusal, response, is_form=is_form)
        except ApiError as error:
            raise _error(error, type(response).__module__, is_form=is_form) from error
        return ActionResult(found) if is_form else json.dumps(model.serialise_answer(shape, found))

    return lambda _original: answer


def _answer(
    world: World, shape: Any, operation: Operation, refusal: str, response: Any, *, is_form: bool
) -> Mapping[str, Any]:
    params = _members(response, shape) if is_form else model.parse_request(shape, json.loads(response.body or "{}"))
    violations = model.constraint_violations(shape, params)
    if violations:
        noun = "error" if len(violations) == 1 else "errors"
        raise ApiError(refusal, f"{len(violations)} validation {noun} detected: {'; '.join(violations)}")
    principal = world.moto.principal_of(response.access_key, response.region)
    context = world.context(response.current_account, response.region, principal)
    with world.lock:
        return operation(params, context) or {}


def _members(response: Any, shape: Any) -> Mapping[str, Any]:
    """The members of a form; moto reads them by a model of its own classes."""
    form = {name: values[0] for name, values in response.querystring.items()}
    try:
        return members_of(form, operation_model(shape.service_model.service_name, shape.name))
    except ValueError as error:
        raise ApiError("ValidationError", str(error)) from error


def _error(error: ApiError, module: str, *, is_form: bool) -> Exception:
    from moto.core.exceptions import JsonRESTError, ServiceException  # noqa: PLC0415

    if is_form:
        # moto finds an error's shape in the model of the service whose module the class belongs to.
        kind: Any = type("Refusal", (ServiceException,), {"__module__": module})
        refusal: Exception = kind(error.code, error.message)
        return refusal
    found: Any = JsonRESTError(error.code, error.message)
    found.code = error.status
    found.description = json.dumps({"__type": error.code, "message": error.message, **error.members})
    answer: Exception = found
    return answer
