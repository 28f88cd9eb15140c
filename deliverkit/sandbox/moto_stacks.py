"""What moto's CloudFormation makes."""

from __future__ import annotations


def makes(kind: str) -> bool:
    """True for a type of resource that moto makes; it leaves others out of a stack without a word."""
    from moto.cloudformation.parsing import resource_class_from_type  # noqa: PLC0415  (only stacks pay for it)

    return resource_class_from_type(kind) is not None
