"""Stacks whose resources cannot be made, changed or removed.

moto gives the resource's error to the caller, and the stack stays as it was half-way. In AWS the call has succeeded
long before, and the stack is rolled back.

Source: CloudFormation user guide, "Stack failure options" and "Understand CloudFormation stack creation events". What
is not here: DisableRollback and OnFailure, which moto does not read, and the events of resources that do not fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.moto_hooks import replace
from deliverkit.sandbox.moto_stack_updates import kept
from deliverkit.sandbox.moto_stacks import finish_resource
from deliverkit.sandbox.stacks.kind import is_absence

STACK = "AWS::CloudFormation::Stack"


class ResourceFailedError(Exception):
    """A resource that could not be made or changed.

    Attributes:
        logical_id: Its name in the template.
        type: As the template writes it.
        reason: As the stack's events tell it.
    """

    def __init__(self, logical_id: str, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.logical_id, self.type, self.reason = logical_id, kind, reason


@dataclass(frozen=True, slots=True)
class _Before:
    """What a stack was before its update."""

    template: Any
    template_dict: Mapping[str, Any]
    parameters: Mapping[str, Any]


def name_failures(parsing: Any) -> None:
    """Let moto's errors tell which resource they are about."""

    def instead_of(make: Any) -> Callable[..., Any]:
        def mended(logical_id: str, resource_json: Mapping[str, Any], *others: Any, **named: Any) -> Any:
            try:
                made = make(logical_id, resource_json, *others, **named)
                resources = others[0] if others else named["resources_map"]
                made = kept(made, logical_id, resources)
                finish_resource(made, resource_json, resources)
            except ResourceFailedError:
                raise  # of a resource that this one refers to
            except Exception as error:
                raise ResourceFailedError(logical_id, str(resource_json["Type"]), _reason(error)) from error
            if resource_json["Type"] == STACK and "ROLLBACK" in str(getattr(made, "status", "")):
                reason = f"Embedded stack {made.stack_id} was not successfully created: {made.stack_status_reason}"
                raise ResourceFailedError(logical_id, STACK, reason)
            return made

        return mended

    replace(parsing, "parse_and_create_resource", instead_of)
    replace(parsing, "parse_and_update_resource", instead_of)


def roll_back_failures(models: Any) -> None:
    """Let stacks end as AWS's do when a resource fails."""
    replace(models.CloudFormationBackend, "create_stack", _created)
    replace(models.CloudFormationBackend, "execute_change_set", _executed)
    replace(models.CloudFormationBackend, "delete_stack", _deleted)
    replace(models.Stack, "update", _updated)


# --- the operations --------------------------------------------------------------------------------


def _created(create: Any) -> Callable[..., Any]:
    def mended(backend: Any, name: str, *others: Any, **named: Any) -> Any:
        try:
            return create(backend, name, *others, **named)
        except ResourceFailedError as failure:
            stack = next(each for each in backend.stacks.values() if each.name == name)
            _undo_creation(backend, stack, failure)
            return stack

    return mended


def _updated(update: Any) -> Callable[..., None]:
    def mended(stack: Any, *others: Any, **named: Any) -> None:
        before = _before(stack)
        try:
            update(stack, *others, **named)
        except ResourceFailedError as failure:
            _undo_update(stack, before, failure)

    return mended


def _executed(execute: Any) -> Callable[..., None]:
    def mended(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
        change_set = backend.describe_change_set(change_set_name)
        stack = change_set.stack
        before = _before(stack)
        try:
            execute(backend, change_set_name, stack_name)
        except ResourceFailedError as failure:
            change_set.execution_status = "EXECUTE_FAILED"
            if change_set.change_set_type == "CREATE":
                _undo_creation(backend, stack, failure)
            else:
                _undo_update(stack, before, failure)

    return mended


def _deleted(delete: Any) -> Callable[..., None]:
    def mended(backend: Any, name_or_stack_id: str) -> None:
        stack = backend.stacks.get(name_or_stack_id)
        try:
            delete(backend, name_or_stack_id)
        except Exception as error:
            if stack is None:
                raise
            # moto has dropped it already; in AWS it stays, with what could not be removed.
            backend.stacks[stack.stack_id] = stack
            _ends(stack, "DELETE_FAILED", _reason(error))

    return mended


# --- the way back ----------------------------------------------------------------------------------


def _undo_creation(backend: Any, stack: Any, failure: ResourceFailedError) -> None:
    _tell(stack, "CREATE_FAILED", failure)
    reason = f"The following resource(s) failed to create: [{failure.logical_id}]. Rollback requested by user."
    _ends(stack, "ROLLBACK_IN_PROGRESS", reason)
    backend.exports = {
        name: each for name, each in backend.exports.items() if each.exporting_stack_id != stack.stack_id
    }
    try:
        stack.resource_map.delete()
    except Exception as error:  # noqa: BLE001  (whatever a service refuses to remove)
        _ends(stack, "ROLLBACK_FAILED", _reason(error))
        return
    # moto makes what it does not find when it is asked for it: nothing may be left to be asked for.
    stack.resource_map._resource_json_map = {}  # noqa: SLF001
    stack.template_dict = {}
    stack.output_map = stack._create_output_map()  # noqa: SLF001
    _ends(stack, "ROLLBACK_COMPLETE", reason)


def _before(stack: Any) -> _Before:
    known = stack.resource_map.resolved_parameters
    parameters = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in known.items()}
    return _Before(stack.template, stack.template_dict, parameters)


def _undo_update(stack: Any, before: _Before, failure: ResourceFailedError) -> None:
    _tell(stack, "UPDATE_FAILED", failure)
    reason = f"The following resource(s) failed to update: [{failure.logical_id}]."
    _ends(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
    try:
        stack.resource_map.update(before.template_dict, before.parameters)
    except Exception as error:  # noqa: BLE001  (whatever a service refuses to change back)
        _ends(stack, "UPDATE_ROLLBACK_FAILED", _reason(error))
        return
    stack.template, stack.template_dict = before.template, before.template_dict
    stack.output_map = stack._create_output_map()  # noqa: SLF001
    _ends(stack, "UPDATE_ROLLBACK_COMPLETE", reason)


def _ends(stack: Any, status: str, reason: str) -> None:
    stack.status, stack.stack_status_reason = status, reason
    stack._add_stack_event(status, resource_status_reason=reason)  # noqa: SLF001


def _tell(stack: Any, status: str, failure: ResourceFailedError) -> None:
    from moto.cloudformation.models import Event  # noqa: PLC0415  (loaded by now)

    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=failure.logical_id,
            physical_resource_id="",
            resource_type=failure.type,
            resource_status=status,
            resource_status_reason=failure.reason,
            resource_properties=None,
        )
    )


def _reason(error: Exception) -> str:
    """As events tell what a service answered to CloudFormation's resource handler."""
    if isinstance(error, ResourceFailedError):
        return error.reason
    if not isinstance(error, ApiError):
        return str(getattr(error, "message", "")) or str(error) or type(error).__name__
    told = f"{error.message} (Status Code: {error.status}, Request ID: {chance.uuid4()})"
    token = f"(RequestToken: {chance.uuid4()}, HandlerErrorCode: {_handler_code(error.code)})"
    return f'Resource handler returned message: "{told}" {token}'


def _handler_code(code: str) -> str:
    if is_absence(code):
        return "NotFound"
    if "AlreadyExists" in code or "InUse" in code:
        return "AlreadyExists"
    return "ServiceLimitExceeded" if "LimitExceeded" in code else "InvalidRequest"
