"""Custom action types of an account and Region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.action_types.declared import DeclaredType, count_range, type_name, type_not_found
from deliverkit.sandbox.codepipeline.action_types.properties import (
    check_properties,
    check_template,
    parse_property,
)
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.kernel.errors import ApiError

OWNER = "Custom"
MAX_TYPES = 50
"""Custom actions of an account in a Region (CodePipeline user guide, quotas)."""


def parse_custom_type(params: Mapping[str, Any]) -> DeclaredType:
    """The type that a CreateCustomActionType describes.

    Raises:
        ApiError: `ValidationException` for properties, templates or artifact counts that contradict themselves.
    """
    kind = ActionType(params["category"], OWNER, params["provider"], params["version"])
    properties = tuple(parse_property(each) for each in params.get("configurationProperties", []))
    check_properties(properties)
    settings = params.get("settings", {})
    for member, template in settings.items():
        check_template(member, template, properties)
    inputs = count_range("inputArtifactDetails", params)
    outputs = count_range("outputArtifactDetails", params)
    return DeclaredType(kind, properties, settings, inputs, outputs)


@dataclass(slots=True)
class Registry:
    """The custom action types of one account in one Region, deleted ones included."""

    types: dict[ActionType, DeclaredType] = field(default_factory=dict)

    def present(self) -> list[DeclaredType]:
        """Those that are not deleted."""
        return [each for each in self.types.values() if not each.is_deleted]

    def add(self, declared: DeclaredType) -> None:
        """Take a new type, or bring a deleted one back.

        Raises:
            ApiError: `LimitExceededException`; `ValidationException` when the type exists (assumed: the model has an
                exception for it that no operation lists) or was deleted with another definition.
        """
        known = self.types.get(declared.type)
        if known is not None and not known.is_deleted:
            raise errors.invalid(f"The action type {type_name(declared.type)} already exists")
        if known is not None and not known.is_defined_as(declared):
            text = f"The action type {type_name(declared.type)} was deleted; its version can only be restored unchanged"
            raise errors.invalid(text)
        if len(self.present()) >= MAX_TYPES:
            raise ApiError("LimitExceededException", f"The limit of {MAX_TYPES} custom action types is reached")
        self.types[declared.type] = declared

    def find(self, kind: ActionType) -> DeclaredType:
        """A type that is not deleted.

        Raises:
            ApiError: `ActionTypeNotFoundException`.
        """
        found = self.types.get(kind)
        if found is None or found.is_deleted:
            raise type_not_found(kind)
        return found
