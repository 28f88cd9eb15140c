"""Definitions of pipelines and of custom action types: checked, read, created and changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.pipeline_change import ARTIFACTS_LIMIT, NewActionType
from deliverkit.domain.worker_job import PROJECT, ActionType
from deliverkit.errors import NotFoundError

KeyPath = tuple[str | int, ...]
_ACTIVE = frozenset({"InProgress", "Stopping"})
_LOOKED_AT = 100
"""The newest executions, among which those under way are: a page."""
_PLACE = re.compile(r"(?:in|for parameter) pipeline((?:\.[^.\[,:\s]+|\[\d+\])*)")
_VALUE = re.compile(r", value: .*, type: ", re.DOTALL)


class PipelineDefinitions:
    """CodePipeline's definitions in one region."""

    def __init__(self, aws: Aws, region: str) -> None:
        """Take the session and the region."""
        self._aws = aws
        self._region = region

    @property
    def region(self) -> str:
        """Where the pipelines are."""
        return self._region

    def problems(self, declaration: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """Where a declaration has not the form that CreatePipeline takes, by botocore's model; contacts nobody."""
        from botocore.validate import ParamValidator  # noqa: PLC0415

        shape = self._client.meta.service_model.operation_model("CreatePipeline").input_shape
        report = ParamValidator().validate({"pipeline": dict(declaration)}, shape)
        for line in report.generate_report().splitlines():
            if found := _PLACE.search(line):
                said = _VALUE.sub(": it is ", line[: found.start()] + line[found.end() :])
                yield (
                    _path(found[1]),
                    said.replace(" :", ":").replace("  ", " ").replace("<class '", "").replace("'>", ""),
                )

    def live(self, name: str) -> Mapping[str, Any] | None:
        """The pipeline's structure as it is now; None when there is none."""
        try:
            with translated(f"reading pipeline {name} in {self._region}"):
                found: Mapping[str, Any] = self._client.get_pipeline(name=name)["pipeline"]
        except NotFoundError:
            return None
        return found

    def under_way(self, name: str) -> tuple[str, ...]:
        """Executions that have not ended."""
        with translated(f"reading the executions of pipeline {name} in {self._region}"):
            answer = self._client.list_pipeline_executions(pipelineName=name, maxResults=_LOOKED_AT)
        found = answer["pipelineExecutionSummaries"]
        return tuple(each["pipelineExecutionId"] for each in found if each["status"] in _ACTIVE)

    def custom_types(self) -> Mapping[ActionType, frozenset[str]]:
        """The custom action types of the region, with those of their properties that are shown to nobody."""
        with translated(f"listing action types in {self._region}"):
            pages = self._client.get_paginator("list_action_types").paginate(actionOwnerFilter="Custom")
            return dict(_known(each) for page in pages for each in page["actionTypes"])

    def register(self, new: NewActionType, *, server: str) -> None:
        """Register a custom action type, in the form of AWS's plugin for Jenkins where it has a `ProjectName`.

        Where a `ProjectName` is a job in a folder there are no links: CodePipeline cannot write `job/A/job/B`.

        Args:
            new: The type.
            server: Jenkins' address with a slash at its end, for the links in CodePipeline's console; empty for none.
        """
        counts = {"minimumCount": 0, "maximumCount": ARTIFACTS_LIMIT}
        identity = {"category": new.type.category, "provider": new.type.provider, "version": new.type.version}
        with translated(f"registering action type {new.type} in {self._region}"):
            self._client.create_custom_action_type(
                **identity,
                configurationProperties=[_property(name, new) for name in new.properties],
                inputArtifactDetails=counts,
                outputArtifactDetails=counts,
                **({"settings": _links(server)} if server and new.is_linkable else {}),
            )

    def create(self, declaration: Mapping[str, Any]) -> None:
        """Create the pipeline, which starts its first execution."""
        with translated(f"creating pipeline {declaration['name']} in {self._region}"):
            self._client.create_pipeline(pipeline=declaration)

    def update(self, declaration: Mapping[str, Any]) -> int:
        """Let the pipeline be as declared; gives its new version."""
        with translated(f"updating pipeline {declaration['name']} in {self._region}"):
            return int(self._client.update_pipeline(pipeline=declaration)["pipeline"]["version"])

    @property
    def _client(self) -> Any:
        return self._aws.client("codepipeline", self._region)


def _path(text: str) -> KeyPath:
    parts = re.findall(r"\.([^.\[]+)|\[(\d+)\]", text)
    return tuple(int(index) if index else name for name, index in parts)


def _known(shown: Mapping[str, Any]) -> tuple[ActionType, frozenset[str]]:
    identity, properties = shown["id"], shown.get("actionConfigurationProperties", ())
    kind = ActionType(identity["category"], identity["provider"], identity["version"])
    return kind, frozenset(each["name"] for each in properties if each["secret"])


def _property(name: str, new: NewActionType) -> Mapping[str, Any]:
    is_project = name == PROJECT
    return {
        "name": name,
        "required": is_project,
        "key": is_project,
        "secret": name in new.secrets,
        "queryable": is_project and new.is_queryable,
        "type": "String",
    }


def _links(server: str) -> Mapping[str, str]:
    job = f"{server}job/{{Config:{PROJECT}}}/"
    return {"entityUrlTemplate": job, "executionUrlTemplate": f"{job}{{ExternalExecutionId}}/"}
