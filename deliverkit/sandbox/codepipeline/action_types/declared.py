"""An action type that somebody declared: a customer for its own account, or a provider for its customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.action_types.properties import Property
from deliverkit.sandbox.codepipeline.definition import ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Kind
from deliverkit.sandbox.kernel.errors import ApiError


@dataclass(slots=True)
class DeclaredType:
    """An action type with what its actions are made of.

    Attributes:
        type: Category, owner, provider, version.
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
        """`arn:aws:codepipeline:<region>:<account>:actiontype:<owner>/<category>/<provider>/<version>`."""
        kind = self.type
        path = f"{kind.owner}/{kind.category}/{kind.provider}/{kind.version}"
        return f"arn:aws:codepipeline:{region}:{account}:actiontype:{path}"

    def as_json(self) -> dict[str, Any]:
        """As ListActionTypes shows it."""
        return {
            "id": self.type.as_json(),
            "settings": self.settings or None,
            "actionConfigurationProperties": [each.as_json() for each in self.properties],
            "inputArtifactDetails": _counts(self.inputs),
            "outputArtifactDetails": _counts(self.outputs),
        }

    def is_defined_as(self, other: DeclaredType) -> bool:
        """True when both have the same definition; tags are no part of it."""
        return self.as_json() == other.as_json()


def type_not_found(kind: ActionType) -> ApiError:
    """ActionTypeNotFoundException."""
    return ApiError("ActionTypeNotFoundException", f"The action type {type_name(kind)} does not exist")


def type_name(kind: ActionType) -> str:
    """The type as messages name it."""
    return f"{kind.category}/{kind.owner}/{kind.provider}/{kind.version}"


def count_range(member: str, declared: Mapping[str, Any]) -> tuple[int, int]:
    """Least and greatest number of artifacts of a declaration's member.

    Raises:
        ApiError: `ValidationException` when the least is greater than the greatest.
    """
    least, greatest = declared[member]["minimumCount"], declared[member]["maximumCount"]
    if least > greatest:
        raise errors.invalid(f"{member}: minimumCount {least} is greater than maximumCount {greatest}")
    return least, greatest


def _counts(limits: tuple[int, int]) -> dict[str, int]:
    return {"minimumCount": limits[0], "maximumCount": limits[1]}
