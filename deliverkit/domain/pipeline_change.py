"""What is to be done so that a pipeline is as its declaration says: pure values, nothing is read or written here.

Declarations are CreatePipeline's `pipeline` member (CodePipeline API reference, PipelineDeclaration).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deliverkit.domain.pipeline_comparison import Change
from deliverkit.domain.worker_job import PROJECT, ActionType

PROPERTIES_LIMIT = 10
"""Configuration properties of a custom action type (CodePipeline API reference, CreateCustomActionType)."""
ARTIFACTS_LIMIT = 5
_QUERYABLE_VALUE = re.compile(r"[A-Za-z0-9_-]{1,20}")


@dataclass(frozen=True, slots=True)
class NewActionType:
    """A custom action type that the pipeline needs and that does not exist.

    Attributes:
        type: Which one.
        properties: Names of what its actions are configured with; the first is the key when it is `ProjectName`.
        is_queryable: Whether workers ask for jobs by `ProjectName`: every value has 1 to 20 letters, digits, `_`, `-`.
        secrets: Those of the properties that are shown to nobody.
        is_linkable: Whether every `ProjectName` is a job that Jenkins has at its top: `job/NAME/` leads to none in a
            folder.
    """

    type: ActionType
    properties: tuple[str, ...]
    is_queryable: bool
    secrets: tuple[str, ...] = ()
    is_linkable: bool = False


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """Everything that `apply` would do.

    Attributes:
        pipeline: Its name.
        version: Of the live pipeline; None when there is none.
        types: Action types to register, before anything else.
        changes: Where the live pipeline differs; empty for a pipeline that does not exist.
        under_way: Executions that an update would end: running actions finish, and then they go no further.
        secrets: Paths of declared secrets that nobody can compare with the live ones.
        sends_secrets: Whether they are reason enough for an update; one with other reasons sends them, too.
    """

    pipeline: str
    version: int | None
    types: tuple[NewActionType, ...] = ()
    changes: tuple[Change, ...] = ()
    under_way: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    sends_secrets: bool = False

    @property
    def is_update(self) -> bool:
        """True when the live pipeline would get a new version."""
        return self.version is not None and bool(self.changes or (self.sends_secrets and self.secrets))

    @property
    def is_settled(self) -> bool:
        """True when there is nothing to do."""
        return self.version is not None and not self.types and not self.is_update

    @property
    def removed(self) -> tuple[Change, ...]:
        """What the live pipeline would lose."""
        return tuple(change for change in self.changes if change.kind == "removed")

    @property
    def grave(self) -> tuple[Change, ...]:
        """What would get another value, and be it by mistake, takes more away than itself."""
        return tuple(change for change in self.changes if change.is_grave)


def needed_types(
    declared: Mapping[str, Any], known: Iterable[ActionType], secrets: Sequence[str] = ()
) -> tuple[NewActionType, ...]:
    """The custom action types that a declaration needs and that are not known, in the order of their first use.

    Args:
        declared: The declaration.
        known: The types that are registered.
        secrets: Names of properties that are shown to nobody.
    """
    present = set(known)
    return tuple(_new_type(kind, found, secrets) for kind, found in _used(declared).items() if kind not in present)


def exposed(
    declared: Mapping[str, Any], known: Mapping[ActionType, Collection[str]], secrets: Collection[str]
) -> Iterator[tuple[ActionType, str]]:
    """What a declaration would put where everybody can read it, although it is called a secret: type and property.

    Args:
        declared: The declaration.
        known: The types that are registered, with those of their properties that are shown to nobody.
        secrets: Names of properties that should be shown to nobody.
    """
    for kind, configurations in _used(declared).items():
        names = dict.fromkeys(name for each in configurations for name in each if name in secrets)
        yield from ((kind, name) for name in names if kind in known and name not in known[kind])


def _used(declared: Mapping[str, Any]) -> Mapping[ActionType, Sequence[Mapping[str, str]]]:
    """The custom action types of a declaration, with the configurations of their actions."""
    used: dict[ActionType, list[Mapping[str, str]]] = {}
    for action in (action for stage in declared["stages"] for action in stage["actions"]):
        identity = action["actionTypeId"]
        if identity["owner"] == "Custom":
            kind = ActionType(identity["category"], identity["provider"], identity["version"])
            used.setdefault(kind, []).append(action.get("configuration") or {})
    return used


def _new_type(kind: ActionType, configurations: Sequence[Mapping[str, str]], secrets: Sequence[str]) -> NewActionType:
    names = dict.fromkeys(name for each in configurations for name in each)
    ordered = sorted(names, key=lambda name: name != PROJECT)  # stable: the others stay as they were written
    values = [each.get(PROJECT, "") for each in configurations]
    return NewActionType(
        kind,
        tuple(ordered),
        is_queryable=all(_QUERYABLE_VALUE.fullmatch(each) for each in values),
        secrets=tuple(name for name in ordered if name in secrets),
        is_linkable=PROJECT in names and not any("/" in each for each in values),
    )
