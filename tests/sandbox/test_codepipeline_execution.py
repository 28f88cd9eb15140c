"""Starting executions: revisions, variables, tokens, polling; what the source and the deploy action do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from codepipeline_fixtures import (
    KEY,
    SOURCE_BUCKET,
    STORE_BUCKET,
    Rig,
    approval,
    deploy,
    refused,
    source,
    stage,
    structure,
)

from deliverkit.sandbox.codepipeline.operations import pipelines

KEY_OVERRIDE = {"AllowOverrideForS3ObjectKey": "true"}


def named(kind: str, value: str, action: str = "Read") -> dict[str, str]:
    return {"actionName": action, "revisionType": kind, "revisionValue": value}


def failed_source(rig: Rig, name: str, execution_id: str) -> str:
    assert rig.ends(name, execution_id) == "Failed"
    latest = rig.action(name, "Source", "Read")["latestExecution"]
    assert latest["status"] == "Failed"
    assert latest["errorDetails"]["code"] == "ConfigurationError"
    assert len(rig.actions(name, execution_id)) == 1, "nothing runs after a source that failed"
    return str(latest["errorDetails"]["message"])


# --- sources --------------------------------------------------------------------------------------


def test_creation_starts_one_execution_that_deploys_the_newest_object(rig: Rig) -> None:
    version = rig.put(b"PK one")
    name = rig.create()
    first = rig.first_execution(name)
    assert rig.ends(name, first) == "Succeeded"
    execution = rig.execution(name, first)
    assert execution["trigger"]["triggerType"] == "CreatePipeline"
    assert execution["trigger"]["triggerDetail"].startswith("arn:aws:")
    assert execution["artifactRevisions"][0]["name"] == "Bundle"
    assert execution["artifactRevisions"][0]["revisionId"] == version
    assert execution["artifactRevisions"][0]["revisionSummary"] == f"Amazon S3 version id: {version}"
    assert execution["pipelineVersion"] == 1


def test_the_deployment_gets_the_source_objects_bytes_from_the_artifact_store(rig: Rig) -> None:
    rig.put(b"PK exactly these")
    name = rig.create()
    execution_id = rig.first_execution(name)
    rig.ends(name, execution_id)
    attempt = rig.actions(name, execution_id)[-1]
    result = attempt["output"]["executionResult"]
    deployed = rig.codedeploy.deployments[result["externalExecutionId"]]
    assert deployed["applicationName"] == "shop"
    location = deployed["revision"]["s3Location"]
    prefix, artifact, random = location["key"].split("/")
    assert (location["bucket"], prefix, artifact) == (STORE_BUCKET, name[:20], "Bundle")
    assert len(random) == len("1234567.zip")
    assert location["bundleType"] == "zip"
    stored = rig.s3.get_object(Bucket=STORE_BUCKET, Key=location["key"])
    assert stored["Body"].read() == b"PK exactly these"
    assert stored["ServerSideEncryption"] == "aws:kms"
    assert stored["ETag"].strip('"') == location["eTag"]
    assert attempt["input"]["inputArtifacts"] == [
        {"name": "Bundle", "s3location": {"bucket": STORE_BUCKET, "key": location["key"]}}
    ]


def test_the_artifact_key_cuts_long_names(rig: Rig) -> None:
    name = "a-pipeline-with-a-very-long-name"
    long = "AnArtifactWithALongName"
    rig.cp.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": "arn:aws:iam::123456789012:role/delivery",
            "artifactStore": {"type": "S3", "location": STORE_BUCKET},
            "stages": [
                stage("Source", source(artifact=long)),
                stage("Deploy", deploy(inputArtifacts=[{"name": long}])),
            ],
        }
    )
    execution_id = rig.first_execution(name)
    rig.ends(name, execution_id)
    written = rig.actions(name, execution_id)[0]["output"]["outputArtifacts"][0]["s3location"]["key"]
    assert written.startswith("a-pipeline-with-a-ve/AnArtifact/")


def test_a_start_names_the_exact_version(rig: Rig) -> None:
    wanted = rig.put(b"PK wanted")
    rig.put(b"PK newer")
    name = rig.create()
    execution_id = rig.start(name, sourceRevisions=[named("S3_OBJECT_VERSION_ID", wanted)])
    assert rig.ends(name, execution_id) == "Succeeded"
    assert rig.execution(name, execution_id)["artifactRevisions"][0]["revisionId"] == wanted
    summary = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
    assert summary["sourceRevisions"][0]["revisionId"] == wanted
    assert summary["sourceRevisions"][0]["actionName"] == "Read"
    assert summary["trigger"]["triggerType"] == "StartPipelineExecution"


def test_a_start_names_another_key_with_its_version(rig: Rig) -> None:
    wanted = rig.put(b"PK of another key", key="other/bundle.zip")
    rig.put(b"PK newer", key="other/bundle.zip")
    name = rig.create(stage("Source", source(configuration=KEY_OVERRIDE)), stage("Deploy", deploy()))
    execution_id = rig.start(
        name,
        sourceRevisions=[named("S3_OBJECT_KEY", "other/bundle.zip"), named("S3_OBJECT_VERSION_ID", wanted)],
    )
    assert rig.ends(name, execution_id) == "Succeeded"
    output = rig.actions(name, execution_id)[0]["output"]
    assert output["executionResult"]["externalExecutionId"] == wanted
    variables = output["outputVariables"]
    assert set(variables) == {"BucketName", "ETag", "ObjectKey", "VersionId"}
    assert (variables["BucketName"], variables["ObjectKey"]) == (SOURCE_BUCKET, "other/bundle.zip")


@pytest.mark.parametrize(
    ("revision", "text"),
    [
        (named("S3_OBJECT_KEY", "other/bundle.zip"), "AllowOverrideForS3ObjectKey"),
        (named("S3_OBJECT_VERSION_ID", "v", action="Nobody"), "'Nobody' does not exist"),
        (named("S3_OBJECT_VERSION_ID", "v", action="Deploy"), "'Deploy' does not exist"),
        (named("COMMIT_ID", "abc"), "COMMIT_ID is not supported"),
        (named("IMAGE_DIGEST", "sha256:abc"), "IMAGE_DIGEST is not supported"),
    ],
)
def test_a_wrong_source_revision_is_refused(rig: Rig, revision: dict[str, str], text: str) -> None:
    name = rig.create()
    with refused("ValidationException", text):
        rig.start(name, sourceRevisions=[revision])
    assert len(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]) == 1


def test_a_revision_type_named_twice_is_refused(rig: Rig) -> None:
    name = rig.create()
    with refused("ValidationException", "more than once"):
        rig.start(name, sourceRevisions=[named("S3_OBJECT_VERSION_ID", "a"), named("S3_OBJECT_VERSION_ID", "b")])


def test_a_missing_object_fails_the_source(rig: Rig) -> None:
    missing = source(configuration={"S3ObjectKey": "no/such.zip"})
    name = rig.create(stage("Source", missing), stage("Deploy", deploy()))
    message = failed_source(rig, name, rig.first_execution(name))
    assert "no/such.zip" in message
    assert SOURCE_BUCKET in message


def test_a_missing_version_fails_the_source(rig: Rig) -> None:
    name = rig.create()
    rig.ends(name, rig.first_execution(name))
    unknown = "00000000-0000-0000-0000-000000000000"
    execution_id = rig.start(name, sourceRevisions=[named("S3_OBJECT_VERSION_ID", unknown)])
    assert unknown in failed_source(rig, name, execution_id)


def test_an_unversioned_bucket_fails_the_source(rig: Rig) -> None:
    rig.s3.create_bucket(Bucket="plain")
    rig.s3.put_object(Bucket="plain", Key=KEY, Body=b"PK")
    name = rig.create(stage("Source", source(configuration={"S3Bucket": "plain"})), stage("Deploy", deploy()))
    assert "not versioned" in failed_source(rig, name, rig.first_execution(name))


def test_a_missing_bucket_fails_the_source(rig: Rig) -> None:
    name = rig.create(stage("Source", source(configuration={"S3Bucket": "nowhere"})), stage("Deploy", deploy()))
    assert "nowhere" in failed_source(rig, name, rig.first_execution(name))


def test_a_missing_artifact_store_fails_the_source(rig: Rig) -> None:
    name = rig.create(artifactStore={"type": "S3", "location": "no-such-store"})
    assert "no-such-store" in failed_source(rig, name, rig.first_execution(name))


def test_the_objects_metadata_gives_the_revision_summary(rig: Rig) -> None:
    rig.put(key="told.zip", Metadata={"codepipeline-artifact-revision-summary": "release 1.2.3"})
    name = rig.create(stage("Source", source(configuration={"S3ObjectKey": "told.zip"})), stage("Deploy", deploy()))
    execution_id = rig.first_execution(name)
    rig.ends(name, execution_id)
    assert rig.execution(name, execution_id)["artifactRevisions"][0]["revisionSummary"] == "release 1.2.3"


# --- deployments ----------------------------------------------------------------------------------


def test_a_deployment_that_runs_keeps_the_action_in_progress(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-progress")))
    execution_id = rig.first_execution(name)
    deployment = rig.deployment("held-progress")
    latest = rig.action(name, "Deploy", "Deploy")["latestExecution"]
    assert latest["status"] == "InProgress"
    assert latest["externalExecutionId"] == deployment
    assert deployment in latest["externalExecutionUrl"]
    assert rig.status(name, execution_id) == "InProgress"
    rig.codedeploy.finish(deployment)
    assert rig.ends(name, execution_id) == "Succeeded"
    assert rig.action(name, "Deploy", "Deploy")["latestExecution"]["summary"] == "Deployment Succeeded"


@pytest.mark.parametrize(
    ("group", "text"), [("bad", "too many instances failed (Error code: HEALTH_CONSTRAINTS)"), ("stopped", "stopped")]
)
def test_a_deployment_that_does_not_succeed_fails_the_execution(rig: Rig, group: str, text: str) -> None:
    name = rig.create(stage("Deploy", deploy(group)))
    execution_id = rig.first_execution(name)
    assert rig.ends(name, execution_id) == "Failed"
    assert rig.stage(name, "Deploy")["latestExecution"]["status"] == "Failed"
    error = rig.action(name, "Deploy", "Deploy")["latestExecution"]["errorDetails"]
    assert error["code"] == "JobFailed"
    assert text in error["message"]
    result = rig.actions(name, execution_id)[-1]["output"]["executionResult"]
    assert (result["errorDetails"], result["externalExecutionSummary"]) == ({"code": "JobFailed"}, error["message"])


def test_a_missing_deployment_group_is_a_configuration_error(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("missing")))
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    error = rig.action(name, "Deploy", "Deploy")["latestExecution"]["errorDetails"]
    assert error == {"code": "ConfigurationError", "message": "No Deployment Group found for name: missing"}


def test_a_broken_neighbour_fails_the_action_and_never_hangs_it(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-broken")))
    execution_id = rig.first_execution(name)
    del rig.codedeploy.deployments[rig.deployment("held-broken")]
    assert rig.ends(name, execution_id) == "Failed"
    assert rig.action(name, "Deploy", "Deploy")["latestExecution"]["errorDetails"]["code"] == "SystemUnavailable"


def test_an_action_in_another_region_gets_its_artifact_in_that_regions_store(rig: Rig) -> None:
    west = rig.client("s3", "eu-west-1")
    west.create_bucket(Bucket="store-west", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    declared = {
        "name": rig.name(),
        "pipelineType": "V2",
        "roleArn": "arn:aws:iam::123456789012:role/delivery",
        "artifactStores": {
            "us-east-1": {"type": "S3", "location": STORE_BUCKET},
            "eu-west-1": {"type": "S3", "location": "store-west"},
        },
        "stages": [stage("Source", source()), stage("Deploy", deploy("ok-west", region="eu-west-1"))],
    }
    rig.cp.create_pipeline(pipeline=declared)
    assert rig.ends(declared["name"], rig.first_execution(declared["name"])) == "Succeeded"
    location = rig.codedeploy.of_group("ok-west")[0]["revision"]["s3Location"]
    assert location["bucket"] == "store-west"
    assert west.head_object(Bucket="store-west", Key=location["key"])["ContentLength"] > 0


@pytest.mark.parametrize(
    ("body", "kind"), [(b"PK\x03\x04", "zip"), (b"\x1f\x8b\x08", "tgz"), (b"\0" * 257 + b"ustar", "tar")]
)
def test_the_bundle_type_is_what_the_object_is(rig: Rig, body: bytes, kind: str) -> None:
    rig.put(body, key=f"typed-{kind}")
    name = rig.create(
        stage("Source", source(configuration={"S3ObjectKey": f"typed-{kind}"})), stage("Deploy", deploy(f"is-{kind}"))
    )
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    location = rig.codedeploy.of_group(f"is-{kind}")[0]["revision"]["s3Location"]
    assert location["bundleType"] == kind
    assert not location["key"].endswith(".zip"), "the suffix is the source object's"


def test_a_lost_artifact_fails_the_deploy_action(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), stage("Deploy", deploy()))
    execution_id = rig.first_execution(name)
    token = rig.token(name)
    stored = rig.actions(name, execution_id)[0]["output"]["outputArtifacts"][0]["s3location"]
    rig.s3.delete_object(Bucket=stored["bucket"], Key=stored["key"])
    rig.answer(name, token)
    assert rig.ends(name, execution_id) == "Failed"
    error = rig.action(name, "Deploy", "Deploy")["latestExecution"]["errorDetails"]
    assert error["code"] == "ConfigurationError"
    assert stored["key"] in error["message"]


def test_a_deployment_that_never_ends_times_out(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-forever")))
    execution_id = rig.first_execution(name)
    rig.deployment("held-forever")
    rig.sandbox.world.clock.advance(timedelta(days=4, hours=23))
    assert rig.status(name, execution_id) == "InProgress"
    rig.sandbox.world.clock.advance(timedelta(hours=1))
    assert rig.ends(name, execution_id) == "Failed"
    assert "timed out" in rig.action(name, "Deploy", "Deploy")["latestExecution"]["errorDetails"]["message"]


# --- run order ------------------------------------------------------------------------------------


def test_equal_run_orders_run_together_and_higher_ones_wait(rig: Rig) -> None:
    name = rig.create(
        stage(
            "Deploy",
            deploy("held-a", "A", runOrder=1),
            deploy("held-b", "B", runOrder=1),
            deploy("ok", "C", runOrder=7),
        )
    )
    execution_id = rig.first_execution(name)
    first, second = rig.deployment("held-a"), rig.deployment("held-b")
    rig.codedeploy.finish(first)
    rig.until(lambda: rig.action(name, "Deploy", "A")["latestExecution"]["status"] == "Succeeded")
    assert "latestExecution" not in rig.action(name, "Deploy", "C")
    rig.codedeploy.finish(second)
    assert rig.ends(name, execution_id) == "Succeeded"
    assert [each["actionName"] for each in rig.actions(name, execution_id)][-1] == "C"


def test_a_stage_fails_when_all_of_its_running_actions_have_ended(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("bad", "A"), deploy("held-peer", "B"), deploy("ok", "C", runOrder=2)))
    execution_id = rig.first_execution(name)
    peer = rig.deployment("held-peer")
    rig.until(lambda: rig.action(name, "Deploy", "A")["latestExecution"]["status"] == "Failed")
    assert rig.stage(name, "Deploy")["latestExecution"]["status"] == "InProgress"
    assert rig.status(name, execution_id) == "InProgress"
    rig.codedeploy.finish(peer)
    assert rig.ends(name, execution_id) == "Failed"
    assert [each["actionName"] for each in rig.actions(name, execution_id)] == ["Read", "A", "B"]


# --- tokens and variables -------------------------------------------------------------------------


def test_a_client_request_token_starts_one_execution_whatever_else_the_repetition_says(rig: Rig) -> None:
    name = rig.create()
    version = rig.put()
    first = rig.start(name, clientRequestToken="promotion-1")
    again = rig.start(
        name,
        clientRequestToken="promotion-1",
        sourceRevisions=[named("S3_OBJECT_VERSION_ID", version)],
        variables=[{"name": "Any", "value": "x"}],
    )
    other = rig.start(name, clientRequestToken="promotion-2")
    assert first == again != other


def test_callers_at_the_same_time_with_one_token_start_one_execution(rig: Rig) -> None:
    name = rig.create()
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: rig.start(name, clientRequestToken="promotion-1"), range(16)))
    assert len(ids) == 1
    assert len(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]) == 2


def test_bad_revisions_are_refused_before_the_token_is_looked_at(rig: Rig) -> None:
    name = rig.create()
    rig.start(name, clientRequestToken="promotion-1")
    with refused("ValidationException"):
        rig.start(name, clientRequestToken="promotion-1", sourceRevisions=[named("COMMIT_ID", "abc")])


def declared_variables(rig: Rig, **more: str) -> str:
    ask = approval(configuration={"CustomData": "to #{variables.Where} by #{codepipeline.PipelineExecutionId}"})
    variable = {"name": "Where", **more}
    return rig.create(stage("Approve", ask), variables=[variable])


def test_variables_are_bound_at_the_start_and_replaced_in_configurations(rig: Rig) -> None:
    name = declared_variables(rig, defaultValue="staging")
    first = rig.first_execution(name)
    rig.answer(name, rig.token(name))
    execution_id = rig.start(
        name, variables=[{"name": "Where", "value": "production"}, {"name": "Unknown", "value": "ignored"}]
    )
    rig.token(name, execution_id=execution_id)
    attempt = rig.actions(name, execution_id)[-1]
    assert attempt["input"]["configuration"]["CustomData"].startswith("to #{variables.Where}")
    assert attempt["input"]["resolvedConfiguration"]["CustomData"] == f"to production by {execution_id}"
    assert rig.execution(name, execution_id)["variables"] == [{"name": "Where", "resolvedValue": "production"}]
    assert rig.execution(name, first)["variables"] == [{"name": "Where", "resolvedValue": "staging"}]


def test_a_variable_without_a_value_fails_the_execution_at_once(rig: Rig) -> None:
    name = declared_variables(rig)
    execution_id = rig.first_execution(name)
    execution = rig.execution(name, execution_id)
    assert execution["status"] == "Failed"
    assert execution["statusSummary"] == "Values for required variables haven't been provided: Where"
    assert "variables" not in execution
    assert rig.actions(name, execution_id) == []


def test_a_variable_given_twice_is_refused(rig: Rig) -> None:
    name = declared_variables(rig, defaultValue="staging")
    with refused("ValidationException", "unique"):
        rig.start(name, variables=[{"name": "Where", "value": "a"}, {"name": "Where", "value": "b"}])


def test_the_sources_output_variables_reach_later_actions(rig: Rig) -> None:
    version = rig.put()
    ask = approval(configuration={"CustomData": "version #{Release.VersionId}"})
    name = rig.create(stage("Source", source(namespace="Release")), stage("Approve", ask))
    execution_id = rig.first_execution(name)
    rig.token(name)
    read, asked = rig.actions(name, execution_id)
    assert read["output"]["outputVariables"]["VersionId"] == version
    assert read["input"]["namespace"] == "Release"
    assert asked["input"]["resolvedConfiguration"]["CustomData"] == f"version {version}"


def test_without_pipeline_variables_their_namespace_is_free(rig: Rig) -> None:
    version = rig.put()
    ask = approval(configuration={"CustomData": "#{variables.VersionId}"})
    name = rig.create(stage("Source", source(namespace="variables")), stage("Approve", ask))
    rig.token(name)
    asked = rig.actions(name, rig.first_execution(name))[-1]
    assert asked["input"]["resolvedConfiguration"]["CustomData"] == version


def test_a_variable_that_nobody_produced_fails_the_action(rig: Rig) -> None:
    ask = approval(configuration={"CustomData": "#{Release.CommitId}"})
    name = rig.create(stage("Source", source(namespace="Release")), stage("Approve", ask))
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    assert "Release.CommitId" in rig.action(name, "Approve", "Ask")["latestExecution"]["errorDetails"]["message"]


def test_a_configuration_that_its_variables_make_too_long_fails_the_action(rig: Rig) -> None:
    long = "#{variables.V}" * 60
    name = rig.create(
        stage("Approve", approval(configuration={"CustomData": long, "ExternalEntityLink": long})),
        variables=[{"name": "V", "defaultValue": "x" * 1000}],
    )
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    assert "longer" in rig.action(name, "Approve", "Ask")["latestExecution"]["errorDetails"]["message"]


# --- polling --------------------------------------------------------------------------------------


def test_a_polling_source_starts_an_execution_per_new_version_and_creation_starts_none(rig: Rig) -> None:
    rig.put(key="polled.zip")
    polling = source(polls=True, configuration={"S3ObjectKey": "polled.zip"})
    name = rig.create(stage("Source", polling), stage("Deploy", deploy()))

    def executions(count: int) -> list[dict[str, dict[str, str]]] | None:
        found = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
        return list(found) if len(found) == count else None

    first = rig.until(lambda: executions(1))
    assert first[0]["trigger"] == {"triggerType": "PollForSourceChanges", "triggerDetail": "Read"}
    rig.put(key="polled.zip")
    rig.until(lambda: executions(2))
    for _ in range(3):
        rig.sandbox.world.clock.advance(timedelta(minutes=1))
        rig.start(rig.create())
    assert executions(2), "a version that was seen starts nothing more"


def test_a_pipeline_that_rests_for_a_month_polls_no_more_until_it_is_updated(rig: Rig) -> None:
    rig.put(key="rested.zip")
    polling = source(polls=True, configuration={"S3ObjectKey": "rested.zip"})
    name = rig.create(stage("Source", polling), stage("Deploy", deploy()))

    def count() -> int:
        return len(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])

    rig.until(lambda: count() == 1)
    assert "pollingDisabledAt" not in rig.cp.get_pipeline(name=name)["metadata"]
    rig.sandbox.world.clock.advance(timedelta(days=31))
    rig.until(lambda: rig.cp.get_pipeline(name=name)["metadata"].get("pollingDisabledAt"))
    rig.put(key="rested.zip")
    rig.start(rig.create())
    assert count() == 1
    rig.cp.update_pipeline(pipeline=rig.cp.get_pipeline(name=name)["pipeline"])
    rig.until(lambda: count() == 2)
    assert "pollingDisabledAt" not in rig.cp.get_pipeline(name=name)["metadata"]


def test_polling_pipelines_are_limited(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "MAX_POLLING_PIPELINES", 0)
    with refused("LimitExceededException", "poll"):
        rig.create(stage("Source", source(polls=True)), stage("Deploy", deploy()))
    name = rig.create()
    declared = structure(name, stage("Source", source(polls=True)), stage("Deploy", deploy()))
    with refused("LimitExceededException", "poll"):
        rig.cp.update_pipeline(pipeline=declared)
    assert rig.cp.get_pipeline(name=name)["pipeline"]["version"] == 1


# --- revisions that somebody reports --------------------------------------------------------------


def report(rig: Rig, name: str, revision: str, stage: str = "Source", action: str = "Read") -> Any:
    told = {"revisionId": revision, "revisionChangeId": "c1", "created": datetime.now(UTC)}
    return rig.cp.put_action_revision(pipelineName=name, stageName=stage, actionName=action, actionRevision=told)


def test_a_reported_revision_starts_one_execution(rig: Rig) -> None:
    name = rig.create()
    first = report(rig, name, "r1")
    assert first["newRevision"] is True
    assert rig.ends(name, first["pipelineExecutionId"]) == "Succeeded"
    trigger = rig.execution(name, first["pipelineExecutionId"])["trigger"]
    assert trigger["triggerType"] == "PutActionRevision"
    again = report(rig, name, "r1")
    assert (again["newRevision"], again["pipelineExecutionId"]) == (False, first["pipelineExecutionId"])
    assert report(rig, name, "r2")["newRevision"] is True


def test_a_revision_of_nothing_is_refused(rig: Rig) -> None:
    name = rig.create()
    with refused("PipelineNotFoundException"):
        report(rig, "nobody", "r1")
    with refused("StageNotFoundException"):
        report(rig, name, "r1", stage="Nowhere")
    with refused("ActionNotFoundException"):
        report(rig, name, "r1", action="Nothing")


def test_an_unknown_pipeline_is_named_with_its_account(rig: Rig) -> None:
    with refused("PipelineNotFoundException", "Account '123456789012' does not have a pipeline with name 'nobody'"):
        rig.start("nobody")
