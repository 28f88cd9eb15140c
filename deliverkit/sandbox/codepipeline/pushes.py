"""Pushes to repositories behind connections, and which of them start an execution (user guide, triggers with filters).

A push is noticed by what the branches and tags of the repository stand at. Pull requests are a matter of the host:
there are none here, so filters for them start nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deliverkit.sandbox.codepipeline import starts
from deliverkit.sandbox.codepipeline.definition import Action, Definition
from deliverkit.sandbox.codepipeline.providers import source_git
from deliverkit.sandbox.codepipeline.state import Pipeline, SourceOverride, Trigger
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.repositories import git

Json = Mapping[str, Any]
_BRANCH, _TAG = "refs/heads/", "refs/tags/"


@dataclass(frozen=True, slots=True)
class _Push:
    """A branch or tag that moved.

    Attributes:
        place: The repository.
        reference: `refs/heads/...` or `refs/tags/...`.
        commit: What it stands at now.
        before: What it stood at; empty when it is new.
    """

    place: Path
    reference: str
    commit: str
    before: str

    @property
    def branch(self) -> str:
        """Name of the branch; empty for a tag."""
        return self.reference.removeprefix(_BRANCH) if self.reference.startswith(_BRANCH) else ""

    @property
    def tag(self) -> str:
        """Name of the tag; empty for a branch."""
        return self.reference.removeprefix(_TAG) if self.reference.startswith(_TAG) else ""


def listens(definition: Definition, action: Action) -> bool:
    """True for a source of a connection with a trigger, or whose DetectChanges is not switched off."""
    if action.type != source_git.ConnectionSource.kind.type:
        return False
    is_detecting = action.configuration.get("DetectChanges", "true").lower() != "false"
    return is_detecting or _trigger_of(definition, action) is not None


def note(world: World, pipeline: Pipeline, action: Action) -> None:
    """Remember what a source stands at when it is first listened to: only what is pushed from then on counts."""
    if action.name not in pipeline.references:
        place = _place(world, pipeline, action)
        pipeline.references[action.name] = git.references(place) if place else {}


def look(world: World, pipeline: Pipeline, action: Action) -> None:
    """Start an execution for every push since the last look that the source's trigger lets through.

    At the limit of executions a push stays unnoticed: the next look tries again.
    """
    place = _place(world, pipeline, action)
    if place is None:
        return
    known = pipeline.references.setdefault(action.name, {})
    found = git.references(place)
    for gone in set(known) - set(found):
        del known[gone]
    for reference, commit in found.items():
        push = _Push(place, reference, commit, known.get(reference, ""))
        if push.before == commit:
            continue
        with suppress(ApiError):
            if _is_let_through(pipeline.current, action, push):
                _start(world, pipeline, action, push)
            known[reference] = commit


def _start(world: World, pipeline: Pipeline, action: Action, push: _Push) -> None:
    """Run the pushed commit, whatever branch the action's configuration names."""
    overrides = [SourceOverride(action.name, source_git.COMMIT, push.commit)]
    if push.branch:
        overrides.append(SourceOverride(action.name, source_git.BRANCH, push.branch))
    trigger = Trigger("WebhookV2", action.configuration["ConnectionArn"])
    starts.begin(world, pipeline, trigger, overrides=tuple(overrides))


def _place(world: World, pipeline: Pipeline, action: Action) -> Path | None:
    source = source_git.ConnectionSource()
    try:
        return source.place(world, action.account(pipeline.account), pipeline.region, action)
    except ApiError:
        return None


# --- filters --------------------------------------------------------------------------------------


def _trigger_of(definition: Definition, action: Action) -> Json | None:
    declared = (each["gitConfiguration"] for each in definition.structure.get("triggers", []))
    return next((each for each in declared if each["sourceActionName"] == action.name), None)


def _is_let_through(definition: Definition, action: Action, push: _Push) -> bool:
    """True when one of the trigger's filters matches; without any, when it is the configured branch."""
    trigger = _trigger_of(definition, action) or {}
    if "push" in trigger or "pullRequest" in trigger:
        return any(_matches(each, push) for each in trigger.get("push", []))
    return push.branch == action.configuration["BranchName"]


def _matches(declared: Json, push: _Push) -> bool:
    """True when all parts of a filter match: tags, or branches and file paths."""
    if "tags" in declared:
        return bool(push.tag) and _selects(declared["tags"], [push.tag])
    if not push.branch:
        return False
    if "filePaths" in declared and not _selects(declared["filePaths"], _changed(push)):
        return False
    return _selects(declared.get("branches", {}), [push.branch])


def _changed(push: _Push) -> list[str]:
    return git.changed_files(push.place, push.before, push.commit)


def _selects(criteria: Json, names: Iterable[str]) -> bool:
    """True when a name is included and not excluded; excludes win, and without includes everything is included."""
    includes, excludes = criteria.get("includes"), criteria.get("excludes", ())
    return any(
        (includes is None or _is_any(includes, name)) and not _is_any(excludes, name)
        for name in names
    )  # fmt: skip


def _is_any(patterns: Iterable[str], name: str) -> bool:
    return any(re.fullmatch("".join(_translated(pattern)), name, re.DOTALL) for pattern in patterns)


_TOKEN = re.compile(r"\*\*/?|\*|\?|\{[^{}]*\}|\[[^\]]+\]|.", re.DOTALL)


def _translated(pattern: str) -> Iterator[str]:
    """The regular expression for a glob pattern: `**` goes over slashes, `*` and `?` do not."""
    for token in _TOKEN.findall(pattern):
        match token:
            case "**":
                yield ".*"
            case "**/":
                yield "(?:.*/)?"
            case "*":
                yield "[^/]*"
            case "?":
                yield "[^/]"
            case _ if token.startswith("{") and token.endswith("}"):
                yield f"(?:{'|'.join(''.join(_translated(each)) for each in token[1:-1].split(','))})"
            case _ if token.startswith("[") and token.endswith("]"):
                yield "[" + ("^" if token[1] in "!^" else "") + re.escape(token[1:-1].lstrip("!^")) + "]"
            case _:
                yield re.escape(token)
