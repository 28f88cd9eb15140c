"""What an action type asks for in an action's configuration (CodePipeline API, ActionConfigurationProperty)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.codepipeline import errors

_QUERYABLE_VALUE = re.compile(r"[A-Za-z0-9_-]{1,20}")
_CONFIG_PLACEHOLDER = re.compile(r"\{Config:([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Property:
    """One key of a configuration.

    Attributes:
        name: The key.
        is_required: Whether every action must give it.
        is_key: Whether it identifies what the action works on.
        is_secret: Whether its value is masked in every answer to users.
        is_queryable: Whether PollForJobs may ask for jobs by its value.
        description: For people; empty for none.
        type: `String`, `Number` or `Boolean`; empty when not declared.
    """

    name: str
    is_required: bool = False
    is_key: bool = False
    is_secret: bool = False
    is_queryable: bool = False
    description: str = ""
    type: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        shown: dict[str, Any] = {
            "name": self.name,
            "required": self.is_required,
            "key": self.is_key,
            "secret": self.is_secret,
            "queryable": self.is_queryable,
            "description": self.description,
            "type": self.type,
        }
        return {name: value for name, value in shown.items() if value != ""}


def parse_property(declared: Mapping[str, Any]) -> Property:
    """The property behind a member of `configurationProperties`."""
    return Property(
        name=declared["name"],
        is_required=declared["required"],
        is_key=declared["key"],
        is_secret=declared["secret"],
        is_queryable=declared.get("queryable", False),
        description=declared.get("description", ""),
        type=declared.get("type", ""),
    )


def check_properties(properties: Iterable[Property]) -> None:
    """Refuse properties that do not go together.

    Raises:
        ApiError: `ValidationException` for a name used twice, for two queryable properties, and for a queryable one
            that is optional or secret (CodePipeline API reference, ActionConfigurationProperty).
    """
    known = list(properties)
    for name, count in Counter(each.name for each in known).items():
        if count > 1:
            raise errors.invalid(f"Configuration property '{name}' is declared more than once")
    queryable = [each for each in known if each.is_queryable]
    if len(queryable) > 1:
        raise errors.invalid("An action type can have at most one queryable configuration property")
    for each in queryable:
        if not each.is_required or each.is_secret:
            raise errors.invalid(f"The queryable property '{each.name}' must be required and must not be secret")


def check_template(member: str, template: str, properties: Iterable[Property]) -> None:
    """Refuse a URL template whose placeholders name a property that it must not show.

    Raises:
        ApiError: `ValidationException`; only required properties that are not secret can be named (user guide, create a
            custom action).
    """
    usable = {each.name for each in properties if each.is_required and not each.is_secret}
    for name in _CONFIG_PLACEHOLDER.findall(template):
        if name not in usable:
            raise errors.invalid(f"{member} refers to '{name}', which is not a required property without a secret")


def check_queryable_value(action: str, name: str, value: str) -> None:
    """Refuse a value by which jobs could not be asked for; a variable is looked at by nobody before it is resolved.

    Raises:
        ApiError: `InvalidActionDeclarationException`: up to 20 characters of `[A-Za-z0-9_-]`.
    """
    if "#{" not in value and not _QUERYABLE_VALUE.fullmatch(value):
        raise errors.bad_action(
            f"Action configuration for action '{action}' has an invalid value for the queryable property '{name}': "
            f"it must have 1 to 20 characters of A-Z, a-z, 0-9, '_' and '-'"
        )


def fill(template: str, configuration: Mapping[str, str], external_id: str = "") -> str:
    """The URL behind a template: `{Config:name}` and `{ExternalExecutionId}` replaced."""
    filled = _CONFIG_PLACEHOLDER.sub(lambda match: configuration.get(match[1], ""), template)
    return filled.replace("{ExternalExecutionId}", external_id)
