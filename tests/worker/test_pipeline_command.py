"""`deliverkit pipeline plan|apply`: what differs, what is done in which order, and what is never done unasked."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from codepipeline_fixtures import ROLE, SOURCE_BUCKET, STORE_BUCKET, Rig
from ruamel.yaml import YAML
from worker_bench import Bench

from deliverkit.adapters.aws.pipeline_definitions import PipelineDefinitions
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.app import open_pipeline
from deliverkit.cli import main
from deliverkit.cli.streams import Console
from deliverkit.config import load
from deliverkit.errors import ConflictError
from deliverkit.pipeline_assembly import PipelineDesk

SETTINGS = """
application: storefront
release: {{version: {{literal: 1.0.0}}, bundle: {{path: build/}}, store: s3://releases/storefront}}
pipeline: {{name: {name}, file: pipeline.yml}}
jenkins: {{url: https://ci.example.com/}}
environments:
  dev: {{regions: [us-east-1], deploy: {{codedeploy: {{group: dev}}, strategy: all-at-once}}}}
"""


def declared(name: str, provider: str) -> dict[str, Any]:
    source = {
        "name": "Read",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {"S3Bucket": SOURCE_BUCKET, "S3ObjectKey": "app/bundle.zip", "PollForSourceChanges": "false"},
        "outputArtifacts": [{"name": "Bundle"}],
    }
    build = {
        "name": "Compile",
        "actionTypeId": {"category": "Build", "owner": "Custom", "provider": provider, "version": "1"},
        "configuration": {"Goal": "all", "ProjectName": "shop"},
        "inputArtifacts": [{"name": "Bundle"}],
        "outputArtifacts": [{"name": "Built"}],
    }
    wait = {
        "name": "Ask",
        "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
        "configuration": {"CustomData": "may it?"},
    }
    return {
        "name": name,
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": STORE_BUCKET},
        "stages": [
            {"name": "Source", "actions": [source]},
            {"name": "Build", "actions": [build]},
            {"name": "Approve", "actions": [wait]},
        ],
    }


class Desk:
    """Types commands about one pipeline in this process."""

    def __init__(self, rig: Rig, directory: Path) -> None:
        self.rig = rig
        self.name = rig.name()
        self.file = directory / "pipeline.yml"
        self.settings = directory / "deliverkit.yml"
        self.settings.write_text(SETTINGS.format(name=self.name))
        self.structure = declared(self.name, f"Jenkins-{self.name}"[:35])
        self.said = ""
        self.write()

    def write(self) -> None:
        with self.file.open("w") as file:
            YAML(typ="safe").dump(self.structure, file)

    def type(self, *words: str) -> tuple[int, str]:
        out, err = io.StringIO(), io.StringIO()
        at = ["--config", str(self.settings), "--region", "us-east-1", "--endpoint-url", self.rig.sandbox.endpoint]
        code = main.run(["pipeline", *words, *at], Console(out, err, {}))
        self.said = err.getvalue()
        return code, out.getvalue()

    def plan(self) -> Any:
        code, out = self.type("plan", "--output", "json")
        assert code == 0, self.said
        return json.loads(out)

    def live(self) -> Any:
        return self.rig.cp.get_pipeline(name=self.name)["pipeline"]

    def finish(self) -> None:
        """End the execution that a creation started."""
        execution_id = self.rig.first_execution(self.name)
        self.rig.cp.stop_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution_id, abandon=True)
        self.rig.ends(self.name, execution_id)


@pytest.fixture
def desk(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return Desk(rig, tmp_path)


def test_a_pipeline_and_its_action_types_are_made_once(desk: Desk) -> None:
    provider = desk.structure["stages"][1]["actions"][0]["actionTypeId"]["provider"]
    plan = desk.plan()
    assert (plan["version"], plan["is_settled"], plan["changes"]) == (None, False, [])
    assert plan["action_types"] == [
        {
            "category": "Build",
            "provider": provider,
            "version": "1",
            "properties": ["ProjectName", "Goal"],
            "is_queryable": True,
            "secrets": [],
        }
    ]
    code, _ = desk.type("apply")
    assert code == 0, desk.said
    first, second = desk.said.splitlines()
    assert first == f"registered action type Build/Custom/{provider}/1"
    assert second.startswith(f"created pipeline {desk.name}")
    (made,) = [each for each in _types(desk.rig) if each["id"]["provider"] == provider]
    project, goal = made["actionConfigurationProperties"]
    assert (project["name"], project["key"], project["required"], project["queryable"]) == ("ProjectName", *[True] * 3)
    assert (goal["name"], goal["key"], goal["required"], goal["queryable"]) == ("Goal", *[False] * 3)
    assert made["settings"]["entityUrlTemplate"] == "https://ci.example.com/job/{Config:ProjectName}/"
    assert desk.plan()["is_settled"]
    code, _ = desk.type("apply")
    assert (code, desk.said) == (0, f"nothing to do: pipeline {desk.name} is as declared (version 1)\n")
    assert desk.live()["version"] == 1


def test_what_differs_is_told_by_names_and_applied(desk: Desk) -> None:
    desk.type("apply")
    desk.finish()
    stages = desk.structure["stages"]
    stages[1]["actions"][0]["configuration"]["Goal"] = "fast"
    stages[2]["actions"][0]["timeoutInMinutes"] = 30
    stages.append({"name": "Last", "actions": [{**stages[2]["actions"][0], "name": "Again"}]})
    desk.write()
    told = {each["path"]: each for each in desk.plan()["changes"]}
    assert told == {
        "stages.Build.Compile.configuration.Goal": {
            "path": "stages.Build.Compile.configuration.Goal",
            "kind": "changed",
            "before": "all",
            "after": "fast",
        },
        "stages.Approve.Ask.timeoutInMinutes": {"path": "stages.Approve.Ask.timeoutInMinutes", "kind": "added"},
        "stages.Last": {"path": "stages.Last", "kind": "added"},
    }
    code, out = desk.type("plan")
    assert "changed stages.Build.Compile.configuration.Goal  all -> fast" in out
    code, _ = desk.type("apply")
    assert (code, desk.said) == (0, f"updated pipeline {desk.name}: version 1 -> 2\n")
    assert desk.plan()["is_settled"]


@pytest.mark.parametrize("loss", ["stage", "execution"])
def test_nothing_is_lost_unasked(desk: Desk, loss: str) -> None:
    desk.type("apply")
    if loss == "stage":
        desk.finish()
        desk.structure["stages"].pop()
        words = "it would lose stages.Approve"
    else:
        desk.structure["stages"][2]["actions"][0]["configuration"]["CustomData"] = "really?"
        words = "1 execution under way would go no further"
    desk.write()
    code, _ = desk.type("apply")
    assert code == 1
    assert words in desk.said
    assert "--yes" in desk.said
    assert desk.live()["version"] == 1
    code, _ = desk.type("apply", "--yes")
    assert code == 0, desk.said
    assert desk.plan()["is_settled"]


def test_what_the_declaration_says_nothing_of_stays(desk: Desk) -> None:
    desk.type("apply")
    desk.finish()
    desk.rig.cp.update_pipeline(pipeline={**desk.live(), "pipelineType": "V2", "executionMode": "QUEUED"})
    assert desk.plan()["is_settled"]
    desk.structure["stages"][1]["actions"][0]["configuration"]["Goal"] = "fast"
    desk.write()
    assert [each["path"] for each in desk.plan()["changes"]] == ["stages.Build.Compile.configuration.Goal"]
    code, _ = desk.type("apply")
    assert code == 0, desk.said
    assert (desk.live()["pipelineType"], desk.live()["executionMode"]) == ("V2", "QUEUED")
    assert desk.plan()["is_settled"]


def test_a_feature_of_v2_makes_the_pipeline_one_and_is_settled_then(desk: Desk) -> None:
    desk.structure["stages"][1]["onFailure"] = {"result": "ROLLBACK"}
    desk.write()
    desk.type("apply")
    assert desk.live()["pipelineType"] == "V2"
    assert desk.plan()["is_settled"]


def test_parts_of_lists_and_the_store_are_not_lost_unasked(desk: Desk) -> None:
    desk.structure["variables"] = [{"name": name, "defaultValue": "1"} for name in "AB"]
    desk.write()
    desk.type("apply")
    desk.finish()
    desk.structure["variables"].pop(0)
    desk.structure["artifactStore"]["location"] = SOURCE_BUCKET
    desk.write()
    code, _ = desk.type("apply")
    assert code == 1
    assert "it would lose variables.A; it would get another artifactStore.location" in desk.said
    assert desk.live()["version"] == 1
    assert desk.type("apply", "--yes")[0] == 0, desk.said
    assert desk.plan()["is_settled"]


def test_an_update_by_somebody_else_in_between_is_not_overwritten(desk: Desk) -> None:
    desk.type("apply")
    desk.finish()
    desk.structure["stages"][1]["actions"][0]["configuration"]["Goal"] = "fast"
    desk.write()
    opened = open_pipeline(desk.settings, region="us-east-1", endpoint_url=desk.rig.sandbox.endpoint)
    plan = opened.plan()
    live = desk.live()
    desk.rig.cp.update_pipeline(pipeline={**live, "stages": [*live["stages"], {**live["stages"][2], "name": "More"}]})
    with pytest.raises(ConflictError, match="planned was version 1, and now there is version 2"):
        list(opened.apply(plan, is_confirmed=True))
    code, _ = desk.type("apply", "--yes", "--version", "1")
    assert code == 1
    assert "planned was version 1, and now there is version 2" in desk.said
    assert [each["name"] for each in desk.live()["stages"]] == ["Source", "Build", "Approve", "More"]
    code, _ = desk.type("apply", "--yes", "--version", "2")
    assert (code, desk.said) == (0, f"updated pipeline {desk.name}: version 2 -> 3\n")


class Raced(PipelineDefinitions):
    """Somebody else updates a pipeline at the moment between our last look and our update."""

    def update(self, declaration: Mapping[str, Any]) -> int:
        super().update(declaration)
        return super().update(declaration)


def test_an_update_that_overwrote_another_says_so(desk: Desk) -> None:
    desk.type("apply")
    desk.finish()
    desk.structure["stages"][1]["actions"][0]["configuration"]["Goal"] = "fast"
    desk.write()
    aws = Aws(Account(region="us-east-1", endpoint_url=desk.rig.sandbox.endpoint))
    opened = PipelineDesk(load(desk.settings), Raced(aws, "us-east-1"), server="")
    updated, warning = opened.apply(opened.plan(), is_confirmed=True)
    assert updated == f"updated pipeline {desk.name}: version 1 -> 3"
    assert warning.endswith(f"aws codepipeline get-pipeline --name {desk.name} --pipeline-version 2")


def test_a_secret_is_sent_when_asked_for_and_never_called_as_declared(desk: Desk) -> None:
    source = desk.structure["stages"][0]["actions"][0]
    source["actionTypeId"] = {"category": "Source", "owner": "ThirdParty", "provider": "GitHub", "version": "1"}
    source["configuration"] = {"Owner": "o", "Repo": "r", "Branch": "main", "OAuthToken": "tok-old"}
    source["configuration"]["PollForSourceChanges"] = "false"
    desk.write()
    desk.type("apply")
    source["configuration"]["OAuthToken"] = "tok-new"
    desk.write()
    code, _ = desk.type("apply")
    assert code == 0
    assert "secrets cannot be compared: stages.Source.Read.configuration.OAuthToken" in desk.said
    assert "as declared" not in desk.said
    code, out = desk.type("plan", "--secrets")
    assert "secret  stages.Source.Read.configuration.OAuthToken" in out
    code, _ = desk.type("apply", "--secrets", "--yes")
    assert (code, desk.said) == (0, f"updated pipeline {desk.name}: version 1 -> 2\n")
    assert "tok-" not in out + desk.said


def test_secrets_of_new_action_types_are_shown_to_nobody(desk: Desk) -> None:
    configuration = desk.structure["stages"][1]["actions"][0]["configuration"]
    configuration |= {"ProjectName": "team/shop", "Token": "tok-1"}
    desk.write()
    plain = desk.settings.read_text()
    desk.settings.write_text(plain.replace("file: pipeline.yml", "file: pipeline.yml, secrets: [Tokn]"))
    code, _ = desk.type("plan")
    assert code == 2
    assert "calls 'Tokn' a secret, and no custom action here is configured with it" in desk.said
    desk.settings.write_text(plain.replace("file: pipeline.yml", "file: pipeline.yml, secrets: [Token]"))
    assert "Token, a secret" in desk.type("plan")[1]
    assert desk.type("apply")[0] == 0, desk.said
    provider = desk.structure["stages"][1]["actions"][0]["actionTypeId"]["provider"]
    (made,) = [each for each in _types(desk.rig) if each["id"]["provider"] == provider]
    assert {each["name"] for each in made["actionConfigurationProperties"] if each["secret"]} == {"Token"}
    assert "settings" not in made  # a link to job/team/shop/ would lead nowhere
    assert desk.live()["stages"][1]["actions"][0]["configuration"]["Token"] == "****"
    assert desk.plan()["secrets"] == ["stages.Build.Compile.configuration.Token"]
    desk.settings.write_text(plain.replace("file: pipeline.yml", "file: pipeline.yml, secrets: [Token, Goal]"))
    code, _ = desk.type("apply")
    assert code == 1
    assert f"action type Build/Custom/{provider}/1 shows Goal to everybody" in desk.said


def _rename(structure: dict[str, Any]) -> None:
    structure["name"] = "other"


def _misspell(structure: dict[str, Any]) -> None:
    structure["stages"][1]["actions"][0]["configuraton"] = structure["stages"][1]["actions"][0].pop("configuration")


def _unquote(structure: dict[str, Any]) -> None:
    structure["stages"][0]["actions"][0]["configuration"]["PollForSourceChanges"] = False


@pytest.mark.parametrize(
    ("spoil", "place", "words"),
    [
        (_rename, "name: deliverkit.yml calls the pipeline", "'other'"),
        (_misspell, "stages[1].actions[0]: Unknown parameter", '"configuraton", must be one of: name'),
        (_unquote, "stages[0].actions[0].configuration.PollForSourceChanges: Invalid type", "bool"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_place(
    desk: Desk, spoil: Callable[[dict[str, Any]], None], place: str, words: str
) -> None:
    spoil(desk.structure)
    desk.write()
    code, _ = desk.type("apply")
    assert code == 2
    assert "pipeline.yml:" in desk.said
    assert place in desk.said
    assert words in desk.said


def test_a_worker_does_the_jobs_of_the_types_that_were_registered(desk: Desk, bench: Bench) -> None:
    desk.type("apply")
    desk.rig.until(lambda: "latestExecution" in desk.rig.action(desk.name, "Build", "Compile"))
    identity = desk.structure["stages"][1]["actions"][0]["actionTypeId"]
    words = [*("--provider", identity["provider"]), *("--project", "shop"), "--once", "--run"]
    process = bench.started(*words, 'cp hello "$DELIVERKIT_OUTPUT_BUILT"')
    _, said = process.communicate(timeout=20)
    assert desk.rig.action(desk.name, "Build", "Compile")["latestExecution"]["status"] == "Succeeded", said


def _types(rig: Rig) -> list[Any]:
    pages = rig.cp.get_paginator("list_action_types").paginate(actionOwnerFilter="Custom")
    return [each for page in pages for each in page["actionTypes"]]
