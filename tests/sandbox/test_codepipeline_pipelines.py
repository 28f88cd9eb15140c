"""Pipelines themselves: create, update, get, delete, list, tag; the shipped declaration; the AWS CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from codepipeline_fixtures import ROLE, Rig, approval, deploy, refused, source, stage, structure
from ruamel.yaml import YAML

DECLARATION = Path(__file__).parents[2] / "pipelines" / "delivery.yml"


def update(rig: Rig, name: str, *stages: dict[str, Any], **members: Any) -> Any:
    return rig.cp.update_pipeline(pipeline=structure(name, *stages, **members))["pipeline"]


# --- versions -------------------------------------------------------------------------------------


def test_a_name_is_used_once(rig: Rig) -> None:
    name = rig.create()
    with refused("PipelineNameInUseException", name):
        rig.cp.create_pipeline(pipeline=structure(name))


def test_an_update_makes_the_next_version_and_starts_nothing(rig: Rig) -> None:
    name = rig.create()
    rig.ends(name, rig.first_execution(name))
    assert update(rig, name, stage("Approve", approval()), version=41)["version"] == 2
    assert rig.cp.get_pipeline(name=name)["pipeline"]["stages"][1]["name"] == "Approve"
    assert rig.cp.get_pipeline(name=name, version=1)["pipeline"]["stages"][1]["name"] == "Deploy"
    assert len(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]) == 1
    assert rig.cp.get_pipeline_state(name=name)["pipelineVersion"] == 2


def test_the_metadata_holds_arn_and_times(rig: Rig) -> None:
    name = rig.create()
    before = rig.cp.get_pipeline(name=name)["metadata"]
    assert before["pipelineArn"] == f"arn:aws:codepipeline:us-east-1:123456789012:{name}"
    assert before["created"] == before["updated"]
    update(rig, name)
    after = rig.cp.get_pipeline(name=name)["metadata"]
    assert after["created"] == before["created"] < after["updated"]


def test_unknown_pipelines_and_versions_are_refused(rig: Rig) -> None:
    name = rig.create()
    with refused("PipelineVersionNotFoundException", "version 2"):
        rig.cp.get_pipeline(name=name, version=2)
    for call in (rig.cp.get_pipeline, rig.cp.get_pipeline_state):
        with refused("PipelineNotFoundException", "'nobody'"):
            call(name="nobody")
    # UpdatePipeline documents no PipelineNotFoundException.
    with refused("InvalidStructureException", "'nobody'"):
        update(rig, "nobody")


def test_a_running_execution_keeps_its_version_and_is_cancelled_after_its_running_actions(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-old")), stage("After", approval()))
    execution_id = rig.first_execution(name)
    deployment = rig.deployment("held-old")
    update(rig, name, stage("Deploy", deploy("held-old")), stage("After", approval()))
    assert rig.status(name, execution_id) == "InProgress"
    rig.codedeploy.finish(deployment)
    assert rig.ends(name, execution_id) == "Cancelled"
    assert rig.execution(name, execution_id)["pipelineVersion"] == 1
    assert [each["status"] for each in rig.actions(name, execution_id)] == ["Succeeded", "Succeeded"]
    assert "latestExecution" not in rig.stage(name, "After")


def test_an_update_stops_a_stage_between_its_run_orders(rig: Rig) -> None:
    stages = stage("Deploy", deploy("held-group"), approval(runOrder=2))
    name = rig.create(stages)
    execution_id = rig.first_execution(name)
    deployment = rig.deployment("held-group")
    update(rig, name, stages)
    rig.codedeploy.finish(deployment)
    assert rig.ends(name, execution_id) == "Cancelled"
    assert rig.stage(name, "Deploy")["latestExecution"]["status"] == "Cancelled"
    assert "latestExecution" not in rig.action(name, "Deploy", "Ask")


def test_a_source_that_polls_no_more_starts_nothing_more(rig: Rig) -> None:
    rig.put(key="polled.zip")
    configuration = {"S3ObjectKey": "polled.zip"}
    name = rig.create(stage("Source", source(polls=True, configuration=configuration)), stage("Deploy", deploy()))
    seen = rig.cp.list_pipeline_executions
    rig.until(lambda: seen(pipelineName=name)["pipelineExecutionSummaries"])
    update(rig, name, stage("Source", source(configuration=configuration)), stage("Deploy", deploy()))
    rig.put(key="polled.zip")
    rig.sandbox.world.clock.advance(timedelta(minutes=5))
    other = rig.create()
    rig.ends(other, rig.first_execution(other))
    assert len(seen(pipelineName=name)["pipelineExecutionSummaries"]) == 1


def test_an_update_in_the_last_stage_does_not_disturb_the_end(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-last")))
    execution_id = rig.first_execution(name)
    deployment = rig.deployment("held-last")
    update(rig, name, stage("Deploy", deploy("held-last")))
    rig.codedeploy.finish(deployment)
    assert rig.ends(name, execution_id) == "Succeeded"


def test_a_waiting_execution_is_cancelled_by_an_update(rig: Rig) -> None:
    name = rig.create()
    rig.ends(name, rig.first_execution(name))
    rig.cp.disable_stage_transition(pipelineName=name, stageName="Deploy", transitionType="Inbound", reason="frozen")
    execution_id = rig.start(name)
    rig.until(lambda: rig.stage(name, "Deploy")["inboundExecutions"])
    update(rig, name)
    assert rig.ends(name, execution_id) == "Cancelled"


def test_the_new_version_runs_although_an_unanswerable_approval_is_left(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="QUEUED")
    old = rig.token(name)
    update(rig, name, stage("Approve", approval()), executionMode="QUEUED")
    execution_id = rig.start(name)
    token = rig.token(name, execution_id=execution_id)
    assert token != old
    rig.answer(name, token)
    assert rig.ends(name, execution_id) == "Succeeded"


def test_a_deleted_pipeline_is_gone_and_deleting_it_again_is_no_error(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-deleted")))
    execution_id, deployment = rig.first_execution(name), rig.deployment("held-deleted")
    rig.cp.delete_pipeline(name=name)
    rig.cp.delete_pipeline(name=name)
    with refused("PipelineNotFoundException"):
        rig.cp.get_pipeline(name=name)
    assert rig.codedeploy.deployments[deployment]["status"] == "InProgress"
    rig.codedeploy.finish(deployment)
    rig.cp.create_pipeline(pipeline=structure(name))
    assert rig.cp.get_pipeline(name=name)["pipeline"]["version"] == 1
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    assert rig.events(execution_id, "Stage") == ["STARTED", "SUCCEEDED", "STARTED"], "nothing waits for it any more"


def test_accounts_and_regions_do_not_see_each_other(rig: Rig) -> None:
    name = rig.create()
    west = rig.client("codepipeline", "eu-west-1")
    assert name not in {each["name"] for each in west.list_pipelines()["pipelines"]}
    with refused("PipelineNotFoundException"):
        west.get_pipeline(name=name)


def test_pipelines_are_listed_by_name_page_by_page(rig: Rig) -> None:
    there = rig.client("codepipeline", "eu-central-1")
    names = [f"listed-{letter}" for letter in "cab"]
    for name in names:
        there.create_pipeline(pipeline=structure(name))
    pages = list(there.get_paginator("list_pipelines").paginate(PaginationConfig={"PageSize": 2}))
    assert [[each["name"] for each in page["pipelines"]] for page in pages] == [
        ["listed-a", "listed-b"],
        ["listed-c"],
    ]
    shown = pages[0]["pipelines"][0]
    assert (shown["version"], shown["pipelineType"], shown["executionMode"]) == (1, "V2", "SUPERSEDED")
    with refused("InvalidNextTokenException"):
        there.list_pipelines(nextToken="bm9uc2Vuc2U=")


# --- tags -----------------------------------------------------------------------------------------


def test_tags_are_added_overwritten_and_removed(rig: Rig) -> None:
    name = rig.name()
    declared = structure(name)
    shown = rig.cp.create_pipeline(pipeline=declared, tags=[{"key": "team", "value": "shop"}])
    assert shown["tags"] == [{"key": "team", "value": "shop"}]
    arn = rig.cp.get_pipeline(name=name)["metadata"]["pipelineArn"]
    rig.cp.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "store"}, {"key": "cost", "value": "1"}])
    rig.cp.untag_resource(resourceArn=arn, tagKeys=["cost", "never-there"])
    assert rig.cp.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "store"}]


def test_bad_tags_and_arns_are_refused(rig: Rig) -> None:
    arn = rig.cp.get_pipeline(name=rig.create())["metadata"]["pipelineArn"]
    many = [{"key": f"k{n}", "value": "v"} for n in range(51)]
    with refused("TooManyTagsException"):
        rig.cp.tag_resource(resourceArn=arn, tags=many)
    with refused("InvalidTagsException"):
        rig.cp.tag_resource(resourceArn=arn, tags=[{"key": "aws:mine", "value": "v"}])
    with refused("ResourceNotFoundException"):
        rig.cp.list_tags_for_resource(resourceArn=f"{arn}-not")
    with refused("InvalidArnException"):
        rig.cp.list_tags_for_resource(resourceArn=f"{arn}/Deploy")
    with refused("ValidationException", "regular expression"):
        rig.cp.list_tags_for_resource(resourceArn="arn:aws:sqs:us-east-1:123456789012:queue")
    assert rig.cp.list_tags_for_resource(resourceArn=arn)["tags"] == []


# --- the shipped declaration, and another client ---------------------------------------------------


def test_the_shipped_pipeline_carries_a_release_through_every_environment(rig: Rig) -> None:
    declared = YAML(typ="safe").load(DECLARATION.read_text())
    declared["artifactStore"]["location"] = "pipeline-artifacts"
    rig.s3.create_bucket(Bucket="storefront-releases")
    rig.s3.put_bucket_versioning(Bucket="storefront-releases", VersioningConfiguration={"Status": "Enabled"})
    body, key = b"PK storefront", "storefront/releases/1.2.3.zip"
    version = rig.s3.put_object(Bucket="storefront-releases", Key=key, Body=body)["VersionId"]
    rig.cp.create_pipeline(pipeline=declared)
    name = declared["name"]
    assert rig.ends(name, rig.first_execution(name)) == "Failed", "started without a release"
    release = {"actionName": "Release", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": version}
    execution_id = rig.start(
        name,
        clientRequestToken="promotion-1",
        sourceRevisions=[release, {**release, "revisionType": "S3_OBJECT_KEY", "revisionValue": key}],
    )
    for environment in ("Dev", "Staging", "Production"):
        for action in (f"Admit-{environment}", f"Judge-{environment}"):
            place = f"Deploy-{environment}"
            rig.answer(name, rig.token(name, place, action, execution_id), stage=place, action=action)
    assert rig.ends(name, execution_id) == "Succeeded"
    admitted = next(each for each in rig.actions(name, execution_id) if each["actionName"] == "Admit-Production")
    assert admitted["input"]["resolvedConfiguration"]["CustomData"].endswith(f"version {version}")
    groups = [each["deploymentGroupName"] for each in rig.codedeploy.deployments.values()]
    assert groups[-3:] == ["storefront-dev", "storefront-staging", "storefront-production"]


def test_the_aws_cli_works_unchanged(rig: Rig, tmp_path: Path) -> None:
    name = rig.name()
    declaration = tmp_path / "pipeline.json"
    stages = [stage("Source", source()), stage("Approve", approval())]
    declaration.write_text(json.dumps({"pipeline": {**structure(name, *stages), "roleArn": ROLE}}))

    def aws(*arguments: str) -> Any:
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": rig.sandbox.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        command = [str(Path(sys.executable).with_name("aws")), "codepipeline", *arguments, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout or "null")

    aws("create-pipeline", "--cli-input-json", f"file://{declaration}")
    token = rig.token(name)
    state = aws("get-pipeline-state", "--name", name)
    assert state["stageStates"][1]["actionStates"][0]["latestExecution"]["token"] == token
    where = ["--pipeline-name", name, "--stage-name", "Approve", "--action-name", "Ask", "--token", token]
    aws("put-approval-result", *where, "--result", "summary=ok,status=Approved")
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
