"""Custom action types of an account and Region, and the provider that makes jobs of their actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.action_types.properties import (
    Property,
    check_properties,
    check_template,
    parse_property,
)
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Kind
from deliverkit.sandbox.kernel.errors import ApiError

OWNER = "Custom"
MAX_TYPES = 50
"""Custom actions of an account in a Region (CodePipeline user guide, quotas)."""


@dataclass(slots=True)
class CustomType:
    """A custom action type.

    Attributes:
        type: Category, owner `Custom`, provider, version.
        properties: What its actions are configured with.
        settings: URL templates.
        inputs: Least and greatest number of input artifacts.
        outputs: Least and greatest number of output artifacts.
        tags: Tags of the type.
        is_deleted: True once DeleteCustomActionType took it; the same definition brings it back.
    """

    type: ActionType
    properties: tuple[Property, ...]
    settings: Mapping[str, str]
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    tags: dict[str, str] = field(default_factory=dict)
    is_deleted: bool = False

    @property
    def kind(self) -> Kind:
        """What the structure of a pipeline is checked against."""
        required = frozenset(each.name for each in self.properties if each.is_required)
        optional = frozenset(each.name for each in self.properties if not each.is_required)
        return Kind(self.type, required, optional, self.inputs, self.outputs)

    @property
    def queryable(self) -> Property | None:
        """The property by whose value jobs are asked for."""
        return next((each for each in self.properties if each.is_queryable), None)

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the properties that are never shown."""
        return frozenset(each.name for each in self.properties if each.is_secret)

    def arn(self, account: str, region: str) -> str:
        """`arn:aws:codepipeline:<region>:<account>:actiontype:Custom/<category>/<provider>/<version>`."""
        kind = self.type
        path = f"{kind.owner}/{kind.category}/{kind.provider}/{kind.version}"
        return f"arn:aws:codepipeline:{region}:{account}:actiontype:{path}"

    def as_json(self) -> dict[str, Any]:
        """As CreateCustomActionType and ListActionTypes show it."""
        return {
            "id": self.type.as_json(),
            "settings": self.settings or None,
            "actionConfigurationProperties": [each.as_json() for each in self.properties],
            "inputArtifactDetails": _counts(self.inputs),
            "outputArtifactDetails": _counts(self.outputs),
        }

    def is_defined_as(self, other: CustomType) -> bool:
        """True when both have the same definition; tags are no part of it."""
        return self.as_json() == other.as_json()


def parse_custom_type(params: Mapping[str, Any]) -> CustomType:
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
    inputs = _count_range("inputArtifactDetails", params)
    outputs = _count_range("outputArtifactDetails", params)
    return CustomType(kind, properties, settings, inputs, outputs)


@dataclass(slots=True)
class Registry:
    """The custom action types of one account in one Region, deleted ones included."""

    types: dict[ActionType, CustomType] = field(default_factory=dict)

    def present(self) -> list[CustomType]:
        """Those that are not deleted."""
        return [each for each in self.types.values() if not each.is_deleted]

    def add(self, declared: CustomType) -> None:
        """Take a new type, or bring a deleted one back.

        Raises:
            ApiError: `LimitExceededException`; `ValidationException` when the type exists (assumed: the model has an
                exception for it that no operation lists) or was deleted with another definition.
        """
        known = self.types.get(declared.type)
        if known is not None and not known.is_deleted:
            raise errors.invalid(f"The action type {_name(declared.type)} already exists")
        if known is not None and not known.is_defined_as(declared):
            text = f"The action type {_name(declared.type)} was deleted; its version can only be restored unchanged"
            raise errors.invalid(text)
        if len(self.present()) >= MAX_TYPES:
            raise ApiError("LimitExceededException", f"The limit of {MAX_TYPES} custom action types is reached")
        self.types[declared.type] = declared

    def find(self, kind: ActionType) -> CustomType:
        """A type that is not deleted.

        Raises:
            ApiError: `ActionTypeNotFoundException`.
        """
        found = self.types.get(kind)
        if found is None or found.is_deleted:
            raise type_not_found(kind)
        return found


def type_not_found(kind: ActionType) -> ApiError:
    """ActionTypeNotFoundException."""
    return ApiError("ActionTypeNotFoundException", f"The action type {_name(kind)} does not exist")


def _name(kind: ActionType) -> str:
    return f"{kind.category}/{kind.owner}/{kind.provider}/{kind.version}"


def _counts(limits: tuple[int, int]) -> dict[str, int]:
    return {"minimumCount": limits[0], "maximumCount": limits[1]}


def _count_range(member: str, params: Mapping[str, Any]) -> tuple[int, int]:
    least, greatest = params[member]["minimumCount"], params[member]["maximumCount"]
    if least > greatest:
        raise errors.invalid(f"{member}: minimumCount {least} is greater than maximumCount {greatest}")
    return least, greatest
