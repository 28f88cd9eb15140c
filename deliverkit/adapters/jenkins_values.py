"""What Jenkins says of builds, queue items and questions, as our values."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

from deliverkit.domain.build import Build, BuildResult, BuildStage, Question, QueueItem
from deliverkit.errors import UnreachableError

Given = ParamSpec("Given")
Value = TypeVar("Value")

BUILD_TREE = "number,url,building,inProgress,result,queueId,description,actions[parameters[name,value]]"
"""What is read of a build (Jenkins remote access API, `tree`)."""
QUEUE_TREE = "items[id,why,task[url],actions[parameters[name,value]]]"


def _of_jenkins(read: Callable[Given, Value]) -> Callable[Given, Value]:
    """Something else may answer with JSON as well."""

    @functools.wraps(read)
    def checked(*given: Given.args, **named: Given.kwargs) -> Value:
        try:
            return read(*given, **named)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnreachableError(
                "what answered is no Jenkins: its JSON has another shape",
                hint="see in a browser whether JENKINS_URL, or --url, is the address of a Jenkins",
            ) from error

    return checked


@_of_jenkins
def crumb(said: Mapping[str, Any]) -> dict[str, str]:
    """The header that changes with a password need (Jenkins, `crumbIssuer/api/json`)."""
    name, value = said["crumbRequestField"], said["crumb"]
    if not (re.fullmatch(r"[A-Za-z0-9-]+", name) and re.fullmatch(r"[!-~]+", value)):
        raise ValueError(name)
    return {name: value}


@_of_jenkins
def builds(job: str, said: Mapping[str, Any]) -> tuple[Build, ...]:
    """The builds of a job, the newest first."""
    return tuple(build(job, each) for each in said.get("builds") or ())


@_of_jenkins
def queue_items(said: Mapping[str, Any]) -> tuple[tuple[str, QueueItem], ...]:
    """What waits in the queue, each with the address that Jenkins believes its job has."""
    return tuple((str((each.get("task") or {}).get("url") or ""), queue_item(each)) for each in said.get("items") or ())


@_of_jenkins
def takes(said: Mapping[str, Any]) -> frozenset[str] | None:
    """The names of what a job takes; None when it takes nothing at all."""
    lists = [each["parameterDefinitions"] for each in said.get("property") or () if each.get("parameterDefinitions")]
    return frozenset(str(each["name"]) for each in lists[0]) if lists else None


@_of_jenkins
def is_buildable(said: Mapping[str, Any]) -> bool | None:
    """Whether it can be built now; None for a folder, which never can."""
    buildable = said.get("buildable")
    return None if buildable is None else bool(buildable)


@_of_jenkins
def pending(said: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """What a build asks, as Jenkins says it."""
    return tuple({**each, "id": str(each["id"])} for each in said)


@_of_jenkins
def build(job: str, said: Mapping[str, Any]) -> Build:
    """A build. What still runs has no result, whatever Jenkins says of it meanwhile."""
    is_running = bool(said.get("building") or said.get("inProgress"))
    result = said.get("result")
    return Build(
        job=job,
        number=int(said["number"]),
        url=str(said.get("url") or ""),
        result=None if is_running or result is None else BuildResult(result),
        queue_item=max(0, int(said.get("queueId") or 0)),  # -1 for builds that are older than the queue's memory
        parameters=parameters(said),
        description=str(said.get("description") or ""),
    )


def parameters(said: Mapping[str, Any]) -> dict[str, str]:
    """The parameters among the actions of a build or a queue item, those that have a text."""
    actions = (each for each in said.get("actions") or () if each)
    given = (each for action in actions for each in action.get("parameters") or ())
    return {str(each["name"]): _text(each["value"]) for each in given if each.get("value") is not None}


@_of_jenkins
def queue_item(said: Mapping[str, Any]) -> QueueItem:
    """What became of a request."""
    executable = said.get("executable") or {}
    number = executable.get("number")
    return QueueItem(
        number=int(said["id"]),
        why=str(said.get("why") or ""),
        build=int(number) if number is not None else None,
        is_cancelled=bool(said.get("cancelled")),
        parameters=parameters(said),
    )


@_of_jenkins
def stages(said: Mapping[str, Any]) -> tuple[BuildStage, ...]:
    """The stages of a pipeline build (pipeline-rest-api, `wfapi/describe`)."""
    return tuple(
        BuildStage(str(each.get("name", "")), str(each.get("status", "")), each.get("durationMillis", 0) / 1000)
        for each in said.get("stages") or ()
    )


@_of_jenkins
def question(job: str, number: int, said: Mapping[str, Any]) -> Question:
    """What a build asks (pipeline-rest-api, `wfapi/pendingInputActions`)."""
    return Question(
        job=job,
        build=number,
        id=str(said["id"]),
        message=str(said.get("message") or ""),
        proceed_text=str(said.get("proceedText") or "Proceed"),
        parameters={str(each["name"]): _default(each) for each in inputs(said)},
    )


def inputs(said: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """The definitions of a question's parameters."""
    return said.get("inputs") or ()


def _default(said: Mapping[str, Any]) -> str:
    """The default value; of a choice the first, as the form has it."""
    definition = said.get("definition") or {}
    if definition.get("defaultVal") is not None:
        return _text(definition["defaultVal"])
    choices = definition.get("choices") or ("",)
    return _text(choices[0])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
