"""Stacks of moto's CloudFormation, as the detection of drift wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from deliverkit.sandbox.moto_hooks import replace
from deliverkit.sandbox.moto_loading import when_loaded


@dataclass(frozen=True, slots=True)
class StackResource:
    """One resource of a stack.

    Attributes:
        logical_id: Its name in the template.
        physical_id: What `Ref` gives.
        kind: `AWS::SQS::Queue`.
        properties: Those of the template, with all references resolved.
    """

    logical_id: str
    physical_id: str
    kind: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StackView:
    """A stack.

    Attributes:
        id: Its ARN.
        name: Its name.
        status: `CREATE_COMPLETE`.
        resources: In the order of the template; those of a condition that does not hold are not among them.
    """

    id: str
    name: str
    status: str
    resources: tuple[StackResource, ...]


def find_stack(account: str, region: str, name: str) -> StackView | None:
    """A stack by its name or ARN; None when there is none, or it was deleted."""
    from moto.backends import get_backend  # noqa: PLC0415

    backend: Any = get_backend("cloudformation")[account][region]
    found = next((each for each in backend.stacks.values() if name in {each.name, each.stack_id}), None)
    if found is None:
        return None
    return StackView(str(found.stack_id), str(found.name), str(found.status), tuple(_resources(found.resource_map)))


def _resources(resource_map: Any) -> list[StackResource]:
    from moto.cloudformation.parsing import clean_json  # noqa: PLC0415

    known = resource_map._parsed_resources  # noqa: SLF001  (asking the map itself makes what is missing)
    declared = resource_map._resource_json_map  # noqa: SLF001
    return [
        StackResource(
            name,
            str(known[name].physical_resource_id),
            str(resource["Type"]),
            clean_json(resource.get("Properties", {}), resource_map),
        )
        for name, resource in declared.items()
        if known.get(name) is not None and hasattr(known[name], "physical_resource_id")
    ]


# --- what other operations tell of drift ------------------------------------------------------------


Tell = Callable[..., Mapping[str, Any]]


def tell_drift(of_stack: Tell, of_resource: Tell) -> None:
    """Let DescribeStacks, DescribeStackResource and DescribeStackResources tell what was detected last.

    Args:
        of_stack: `(account, region, stack's ARN) -> DriftInformation`.
        of_resource: `(account, region, stack's ARN, logical id) -> DriftInformation`.
    """
    when_loaded("moto.cloudformation.models", partial(_tell_of_stacks, of_stack))
    when_loaded("moto.cloudformation.responses", partial(_tell_of_resources, of_resource))


def _tell_of_stacks(of_stack: Tell, models: Any) -> None:
    models.Stack.drift_information = property(
        lambda stack: of_stack(stack.account_id, stack.region_name, stack.stack_id)
    )


def _tell_of_resources(of_resource: Tell, responses: Any) -> None:
    def instead_of(begin: Any) -> Callable[..., None]:
        def mended(told: Any, stack: Any, resource: Any) -> None:
            begin(told, stack, resource)
            place = stack.account_id, stack.region_name
            told.drift_information = of_resource(*place, stack.stack_id, told.logical_resource_id)

        return mended

    replace(responses.StackResourceDTO, "__init__", instead_of)
