"""Where a live pipeline differs from its declaration: pure comparison, nothing is read or written here.

Declarations are CreatePipeline's `pipeline` member (CodePipeline API reference, PipelineDeclaration).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

MASK = "****"
"""What GetPipeline shows of a secret; sent back as it is, it keeps the value."""
_V2_MEMBERS = frozenset({"triggers", "variables"})
_V2_STAGE_MEMBERS = frozenset({"onFailure", "onSuccess", "beforeEntry"})
_V2_MODES = frozenset({"QUEUED", "PARALLEL"})
_V2_ACTIONS = frozenset({"CodePipeline", "EC2", "ECRBuildAndPublish", "EKS", "InspectorScan", "Lambda"})
"""Providers whose actions V1 does not know (user guide, action structure reference); `Lambda` invokes in V1, too."""
_ORDERED = frozenset({"stages", "inputArtifacts"})
"""Lists of named things whose order says something; of actions, `runOrder` does."""
_ORDER = "order of "
_ELEMENT_LIMIT = 60
"""Characters of a list's element in a path."""
_GRAVE = frozenset({"artifactStore", "artifactStores", "executionMode", "pipelineType", "roleArn"})
"""Members that all of a pipeline stands on: another value may take away access, earlier artifacts or features."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place where the live pipeline differs from its declaration.

    Attributes:
        path: For people: `stages.Deploy-Dev.Judge-Dev.timeoutInMinutes`, `variables.Level`.
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

    @property
    def is_grave(self) -> bool:
        """True when nobody should make it without being asked, although nothing is lost: another role or store."""
        members = self.path.split(".")
        return self.kind == "changed" and (members[0] in _GRAVE or members[-1] == "roleArn")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        changes: Where the live pipeline differs, in the order of the declaration.
        secrets: Paths of declared values whose live ones CodePipeline does not show: nobody knows if they differ.
    """

    changes: tuple[Change, ...]
    secrets: tuple[str, ...]


def compared(live: Mapping[str, Any], declared: Mapping[str, Any], *, region: str = "") -> Comparison:
    """A live pipeline beside what an update with its declaration would make of it.

    Args:
        live: As GetPipeline shows it.
        declared: Its declaration.
        region: The pipeline's own, in which actions act that name none; CodePipeline's console writes it into them.
    """
    both = (_normal_pipeline(each, region) for each in (live, completed(declared, live)))
    found = tuple(_differing("", *both))
    hidden = tuple(each.path for each in found if _is_hidden(each))
    return Comparison(tuple(each for each in found if not _is_hidden(each)), hidden)


def completed(declared: Mapping[str, Any], live: Mapping[str, Any]) -> Mapping[str, Any]:
    """The declaration with the live pipeline's type and execution mode where it says nothing of them.

    UpdatePipeline takes what is left out for CreatePipeline's defaults, and would make a V1 pipeline of a V2 one.
    """
    kept = {name: live.get(name) for name in ("pipelineType", "executionMode") if declared.get(name) is None}
    if kept.get("pipelineType") == "V1":
        del kept["pipelineType"]  # what the declaration has of V2 alone makes it V2
    if declared.get("pipelineType") == "V1":
        kept.pop("executionMode", None)  # it has no choice
    return {**declared, **{name: value for name, value in kept.items() if value is not None}}


# --- as GetPipeline shows it: defaults filled in, lists of named things by their names -----------------


def _normal_pipeline(declaration: Mapping[str, Any], region: str) -> dict[str, Any]:
    plain = {name: value for name, value in declaration.items() if name != "version"}
    stages = [
        {**stage, "actions": [_without_home(action, region) for action in stage["actions"]]}
        for stage in plain.get("stages", ())
    ]
    kind = "V2" if _has_v2_features(plain) else "V1"
    return {"pipelineType": kind, "executionMode": "SUPERSEDED", **_normal_members({**plain, "stages": stages})}


def _without_home(action: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    return {name: value for name, value in action.items() if name != "region" or value != region}


def _has_v2_features(declaration: Mapping[str, Any]) -> bool:
    """Whether something makes it V2 although it does not say so (CodePipeline API reference, PipelineDeclaration)."""
    stages = declaration.get("stages", ())
    kinds = [action["actionTypeId"] for stage in stages for action in stage["actions"]]
    return (
        any(declaration.get(member) for member in _V2_MEMBERS)
        or declaration.get("executionMode") in _V2_MODES
        or any(stage.get(member) for stage in stages for member in _V2_STAGE_MEMBERS)
        or any(_is_of_v2(kind) for kind in kinds)
    )


def _is_of_v2(kind: Mapping[str, str]) -> bool:
    is_invocation = kind["category"] == "Invoke" and kind["provider"] == "Lambda"
    is_known = kind["owner"] == "AWS" and kind["provider"] in _V2_ACTIONS
    return kind["category"] == "Compute" or (is_known and not is_invocation)


def _normal_members(members: Mapping[str, Any]) -> dict[str, Any]:
    """Members without those that are empty, which say the same as none."""
    found: dict[str, Any] = {"runOrder": 1} if "actionTypeId" in members else {}
    for name, value in members.items():
        normal = _normal(value)
        if normal not in (None, [], {}):
            found[name] = normal
            if name in _ORDERED and isinstance(normal, Mapping):
                found[f"{_ORDER}{name}"] = list(normal)
    return found


def _normal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _normal_members(value)
    if not isinstance(value, list | tuple):
        return value
    keys = [_key(each) for each in value]
    if None in keys or len(set(keys)) < len(keys):
        return [_normal(each) for each in value]
    return {key: _normal_members(_nameless(each)) for key, each in zip(keys, value, strict=True)}


def _key(element: Any) -> str | None:
    """What tells an element of a list from the others: its name; of a trigger, its source action's."""
    if not isinstance(element, Mapping):
        return None
    return element.get("name") or (element.get("gitConfiguration") or {}).get("sourceActionName")


def _nameless(element: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in element.items() if name != "name"}


# --- comparing -------------------------------------------------------------------------------------


def _is_hidden(change: Change) -> bool:
    return bool(change.before == change.after == MASK)


def _differing(path: str, live: Any, declared: Any) -> Iterator[Change]:
    if live == declared:
        return
    if live == MASK and declared is not None:
        yield Change(path, MASK, MASK)  # the declared one is nobody's to see either
    elif isinstance(live, Mapping) and isinstance(declared, Mapping):
        yield from _differing_members(path, live, declared)
    elif isinstance(live, list) and isinstance(declared, list):
        yield from _differing_elements(path, live, declared)
    else:
        yield Change(path, live, declared)


def _differing_members(path: str, live: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*declared, *live)):
        before, after = live.get(name), declared.get(name)
        if name.startswith(_ORDER):
            yield from _moved(f"{path}.{name}" if path else name, before or (), after or ())
        elif name == "actions" and isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differing_members(path, before, after)  # people say STAGE.ACTION
        else:
            yield from _differing(f"{path}.{name}" if path else name, before, after)


def _moved(path: str, live: Sequence[str], declared: Sequence[str]) -> Iterator[Change]:
    """What comes and goes is told elsewhere; here, what stays but in another order."""
    before = [each for each in live if each in declared]
    after = [each for each in declared if each in live]
    if before != after:
        yield Change(path, before, after)


def _differing_elements(path: str, live: Sequence[Any], declared: Sequence[Any]) -> Iterator[Change]:
    if any(isinstance(each, Mapping | list) for each in (*live, *declared)):
        for index, (before, after) in enumerate(zip_longest(live, declared)):
            yield from _differing(f"{path}[{index}]", before, after)
        return
    lost, come = Counter(live) - Counter(declared), Counter(declared) - Counter(live)
    yield from (Change(f"{path}[{_shown(each)}]", before=each) for each in lost)
    yield from (Change(f"{path}[{_shown(each)}]", after=each) for each in come)
    if not lost and not come:
        yield Change(path, live, declared)


def _shown(element: Any) -> str:
    """An element within a path, such as a command of many lines."""
    line = " ".join(str(element).split())
    return line if len(line) <= _ELEMENT_LIMIT else f"{line[: _ELEMENT_LIMIT - 1]}\N{HORIZONTAL ELLIPSIS}"
