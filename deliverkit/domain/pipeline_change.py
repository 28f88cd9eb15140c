"""What is to be done so that a pipeline is as its declaration says: pure comparison, nothing is read or written here.

Declarations are CreatePipeline's `pipeline` member (CodePipeline API reference, PipelineDeclaration).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deliverkit.domain.worker_job import PROJECT, ActionType

MASK = "****"
"""What GetPipeline shows of a secret; sent back as it is, it keeps the value."""
PROPERTIES_LIMIT = 10
"""Configuration properties of a custom action type (CodePipeline API reference, CreateCustomActionType)."""
ARTIFACTS_LIMIT = 5
_QUERYABLE_VALUE = re.compile(r"[A-Za-z0-9_-]{1,20}")
_V2_ONLY = ("triggers", "variables")


@dataclass(frozen=True, slots=True)
class Change:
    """One place where the live pipeline differs from its declaration.

    Attributes:
        path: For people: `stages.Deploy-Dev.Judge-Dev.timeoutInMinutes`.
        before: The live value; None when there is none.
        after: The declared value; None when there is none, and so the live one will go.
    """

    path: str
    before: Any = None
    after: Any = None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class NewActionType:
    """A custom action type that the pipeline needs and that does not exist.

    Attributes:
        type: Which one.
        properties: Names of what its actions are configured with; the first is the key when it is `ProjectName`.
        is_queryable: Whether workers ask for jobs by `ProjectName`: every value has 1 to 20 letters, digits, `_`, `-`.
    """

    type: ActionType
    properties: tuple[str, ...]
    is_queryable: bool


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """Everything that `apply` would do.

    Attributes:
        pipeline: Its name.
        version: Of the live pipeline; None when there is none.
        types: Action types to register, before anything else.
        changes: Where the live pipeline differs; empty for a pipeline that does not exist.
        under_way: Executions that an update would end: running actions finish, and then they go no further.
    """

    pipeline: str
    version: int | None
    types: tuple[NewActionType, ...] = ()
    changes: tuple[Change, ...] = ()
    under_way: tuple[str, ...] = field(default=())

    @property
    def is_settled(self) -> bool:
        """True when there is nothing to do."""
        return self.version is not None and not self.types and not self.changes

    @property
    def removed(self) -> tuple[Change, ...]:
        """What the live pipeline would lose."""
        return tuple(change for change in self.changes if change.kind == "removed")


def changes(live: Mapping[str, Any], declared: Mapping[str, Any]) -> tuple[Change, ...]:
    """Where a live pipeline differs from its declaration, in the order of the declaration."""
    return tuple(_differing("", _normal(live), _normal(declared)))


def needed_types(declared: Mapping[str, Any], known: Iterable[ActionType]) -> tuple[NewActionType, ...]:
    """The custom action types that a declaration needs and that are not known, in the order of their first use."""
    present, used = set(known), dict[ActionType, list[Mapping[str, str]]]()
    for action in _actions(declared):
        identity = action["actionTypeId"]
        if identity["owner"] == "Custom":
            kind = ActionType(identity["category"], identity["provider"], identity["version"])
            used.setdefault(kind, []).append(action.get("configuration") or {})
    return tuple(_new_type(kind, found) for kind, found in used.items() if kind not in present)


def _actions(declared: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (action for stage in declared["stages"] for action in stage["actions"])


def _new_type(kind: ActionType, configurations: Sequence[Mapping[str, str]]) -> NewActionType:
    names = dict.fromkeys(name for each in configurations for name in each)
    ordered = sorted(names, key=lambda name: name != PROJECT)  # stable: the others stay as they were written
    values = [each.get(PROJECT, "") for each in configurations]
    return NewActionType(kind, tuple(ordered), all(_QUERYABLE_VALUE.fullmatch(each) for each in values))


# --- comparing -------------------------------------------------------------------------------------


def _normal(declaration: Mapping[str, Any]) -> dict[str, Any]:
    """A declaration as GetPipeline shows it: defaults filled in, lists of named things by their names."""
    plain = {name: value for name, value in declaration.items() if name != "version"}
    kind = "V2" if any(plain.get(member) for member in _V2_ONLY) else "V1"
    stages = [_normal_stage(stage) for stage in plain.get("stages", ())]
    return {
        "pipelineType": kind,
        "executionMode": "SUPERSEDED",
        **_without_empty({**plain, "stages": {stage.pop("name"): stage for stage in stages}}),
        "order of stages": [stage["name"] for stage in plain.get("stages", ())],
    }


def _normal_stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    actions = {action["name"]: _normal_action(action) for action in stage["actions"]}
    return {**_without_empty({name: value for name, value in stage.items() if name != "actions"}), **actions}


def _normal_action(action: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in action.items() if name != "name"}
    return {"runOrder": 1, **_without_empty(plain)}


def _without_empty(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, [], {}, ())}


def _differing(path: str, live: Any, declared: Any) -> Iterator[Change]:
    is_secret = live == MASK and declared is not None
    if live == declared or is_secret:
        return
    if not (isinstance(live, Mapping) and isinstance(declared, Mapping)):
        yield Change(path, live, declared)
        return
    for name in dict.fromkeys((*declared, *live)):
        if name == "order of stages" and set(live[name]) != set(declared[name]):
            continue  # told as stages that come and go
        yield from _differing(f"{path}.{name}" if path else name, live.get(name), declared.get(name))
