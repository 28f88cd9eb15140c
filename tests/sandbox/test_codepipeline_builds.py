"""Commands and CodeBuild actions: real processes on real artifacts."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from codepipeline_builds import build, bundle, commands, project
from codepipeline_fixtures import Rig, approval, refused, running_rig, source, stage, structure

ACTION = "InvalidActionDeclarationException"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as made:
        made.put(bundle(buildspec_yml="version: 0.2\nphases: {build: {commands: [./check.sh]}}\n"))
        yield made


def run(rig: Rig, *actions: dict[str, Any], **members: Any) -> tuple[str, str, str]:
    """A pipeline with a stage of these actions, its first execution and how that ended."""
    name = rig.create(stage("Source", source(namespace="Read")), stage("Work", *actions), **members)
    execution_id = rig.first_execution(name)
    return name, execution_id, rig.ends(name, execution_id)


def done(rig: Rig, name: str, execution_id: str, action: str) -> Any:
    return next(each for each in rig.actions(name, execution_id) if each["actionName"] == action)


def files_of(rig: Rig, artifact: Any) -> dict[str, str]:
    place = artifact["s3location"]
    body = rig.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


# --- Commands -------------------------------------------------------------------------------------


def test_commands_make_artifacts_and_variables_for_later_actions(rig: Rig) -> None:
    make = commands(
        "mkdir -p out/deep",
        "echo $LEVEL > out/a.txt",
        "echo deep > out/deep/b.txt",
        "export TAG=v7",
        environmentVariables=[{"name": "LEVEL", "value": "#{variables.Level}"}],
        outputArtifacts=[{"name": "Made", "files": ["out/**/*"]}],
        outputVariables=["TAG"],
        namespace="Make",
    )
    use = commands(
        '[ "$(cat out/a.txt)/#{Make.TAG}" = high/v7 ]', name="Use", runOrder=2, inputArtifacts=[{"name": "Made"}]
    )
    name, execution_id, status = run(rig, make, use, variables=[{"name": "Level", "defaultValue": "high"}])
    assert status == "Succeeded"
    shown = done(rig, name, execution_id, "Run")["output"]
    assert shown["outputVariables"] == {"TAG": "v7"}
    (made,) = shown["outputArtifacts"]
    assert files_of(rig, made) == {"out/a.txt": "high\n", "out/deep/b.txt": "deep\n"}


def test_the_action_tells_where_its_log_is(rig: Rig) -> None:
    name, execution_id, status = run(rig, commands("echo hello", "exit 3"))
    assert status == "Failed"
    latest = rig.action(name, "Work", "Run")["latestExecution"]
    assert latest["errorDetails"] == {"code": "JobFailed", "message": "A command ended with exit status 3. hello"}
    assert done(rig, name, execution_id, "Run")["output"]["executionResult"]["logStreamARN"] == latest["logStreamARN"]
    group, stream = latest["logStreamARN"].split(":log-group:")[1].split(":log-stream:")
    assert (group, stream) == (f"/aws/codepipeline/{name}", latest["externalExecutionId"])
    told = rig.client("logs").get_log_events(logGroupName=group, logStreamName=stream)["events"]
    assert [each["message"] for each in told] == ["hello"]
    assert done(rig, name, execution_id, "Run")["status"] == "Failed"


def test_a_secret_reaches_the_commands(rig: Rig) -> None:
    rig.client("secretsmanager").create_secret(Name="tokens", SecretString=json.dumps({"deploy": "t-9"}))
    secret = {"name": "TOKEN", "value": "tokens:deploy", "type": "SECRETS_MANAGER"}
    assert run(rig, commands('[ "$TOKEN" = t-9 ]', environmentVariables=[secret]))[2] == "Succeeded"
    missing = {**secret, "value": "tokens:nothing"}
    name, _, status = run(rig, commands("true", environmentVariables=[missing]))
    assert status == "Failed"
    assert rig.action(name, "Work", "Run")["latestExecution"]["errorDetails"]["code"] == "ConfigurationError"


def test_files_that_are_not_there_fail_the_action(rig: Rig) -> None:
    name, _, status = run(rig, commands("true", outputArtifacts=[{"name": "Made", "files": ["nowhere/*"]}]))
    assert status == "Failed"
    assert "nowhere/*" in rig.action(name, "Work", "Run")["latestExecution"]["errorDetails"]["message"]


def test_what_a_commands_action_must_declare(rig: Rig) -> None:
    for broken, text in (
        (commands(region="us-west-2"), "artifactStores"),
        (commands("true", inputArtifacts=[]), "less than the minimum count (1)"),
        ({**commands(), "commands": None}, "has no commands"),
    ):
        declared = {name: value for name, value in broken.items() if value}
        code = "InvalidStructureException" if text == "artifactStores" else ACTION
        with refused(code, text):
            rig.cp.create_pipeline(pipeline=structure("bad", stage("Work", declared)))


def test_an_abandoned_build_goes_on_by_itself(rig: Rig, tmp_path: Path) -> None:
    line = f"touch {tmp_path}/on; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; touch {tmp_path}/done"
    name = rig.create(stage("Work", commands(line)))
    execution_id = rig.first_execution(name)
    rig.until((tmp_path / "on").exists)
    rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"
    (tmp_path / "go").touch()
    rig.until((tmp_path / "done").exists)
    assert done(rig, name, execution_id, "Run")["status"] == "Abandoned"


# --- CodeBuild ------------------------------------------------------------------------------------


def test_a_project_builds_the_source_by_its_own_specification(rig: Rig) -> None:
    checked = build(project(rig), category="Test")
    name, execution_id, status = run(rig, checked)
    assert status == "Succeeded"
    state = rig.action(name, "Work", "Build")
    assert state["entityUrl"].endswith(f"#/projects/{checked['configuration']['ProjectName']}/view")
    result = done(rig, name, execution_id, "Build")["output"]["executionResult"]
    assert result["externalExecutionId"].startswith("project-")
    assert result["externalExecutionUrl"].endswith(f"region=us-east-1#/builds/{result['externalExecutionId']}/view/new")
    assert "externalExecutionSummary" not in result


def test_a_build_knows_itself_and_the_revision_it_builds(rig: Rig) -> None:
    told = ["BUILD_ID", "BUILD_ARN", "INITIATOR", "RESOLVED_SOURCE_VERSION", "SOURCE_VERSION"]
    names = ", ".join(f"CODEBUILD_{each}" for each in told)
    spec = f"version: 0.2\nenv: {{exported-variables: [{names}]}}\nphases: {{build: {{commands: ['true']}}}}\n"
    name, execution_id, status = run(rig, build(project(rig, spec), namespace="Build"))
    assert status == "Succeeded"
    output = done(rig, name, execution_id, "Build")["output"]
    read = done(rig, name, execution_id, "Read")["output"]
    place = read["outputArtifacts"][0]["s3location"]
    build_id = output["executionResult"]["externalExecutionId"]
    assert output["outputVariables"] == {
        "CODEBUILD_BUILD_ID": build_id,
        "CODEBUILD_BUILD_ARN": f"arn:aws:codebuild:us-east-1:123456789012:build/{build_id}",
        "CODEBUILD_INITIATOR": f"codepipeline/{name}",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": read["outputVariables"]["VersionId"],
        "CODEBUILD_SOURCE_VERSION": f"arn:aws:s3:::{place['bucket']}/{place['key']}",
    }


def test_a_build_exports_variables_and_artifacts(rig: Rig) -> None:
    spec = """
version: 0.2
env:
  exported-variables: [TAG]
phases:
  build:
    commands: [mkdir -p site/img, echo page > site/index.html, echo dot > site/img/dot.svg, export TAG=v8]
artifacts:
  base-directory: site
  files: ["**/*"]
"""
    made = build(project(rig, spec), namespace="Made", outputArtifacts=[{"name": "Site"}])
    ask = approval(configuration={"CustomData": "#{Made.TAG}"}, runOrder=2)
    name = rig.create(stage("Source", source()), stage("Work", made, ask))
    execution_id = rig.first_execution(name)
    rig.token(name, "Work")
    assert done(rig, name, execution_id, "Ask")["input"]["resolvedConfiguration"]["CustomData"] == "v8"
    (site,) = done(rig, name, execution_id, "Build")["output"]["outputArtifacts"]
    assert files_of(rig, site) == {"index.html": "page\n", "img/dot.svg": "dot\n"}


def test_several_outputs_are_the_secondary_artifacts_of_their_names(rig: Rig) -> None:
    spec = """
version: 0.2
phases:
  build:
    commands: [mkdir a b, echo 1 > a/one, echo 2 > b/two]
artifacts:
  secondary-artifacts:
    First: {base-directory: a, files: ["*"]}
    Second: {files: [b/*], discard-paths: yes}
"""
    outputs = [{"name": "First"}, {"name": "Second"}]
    name, execution_id, status = run(rig, build(project(rig, spec), outputArtifacts=outputs))
    assert status == "Succeeded"
    found = done(rig, name, execution_id, "Build")["output"]["outputArtifacts"]
    assert {each["name"]: files_of(rig, each) for each in found} == {"First": {"one": "1\n"}, "Second": {"two": "2\n"}}


def test_an_output_that_the_specification_does_not_make_is_a_configuration_error(rig: Rig) -> None:
    name, _, status = run(rig, build(project(rig), outputArtifacts=[{"name": "Site"}]))
    assert status == "Failed"
    failure = rig.action(name, "Work", "Build")["latestExecution"]["errorDetails"]
    assert failure == {"code": "ConfigurationError", "message": "The buildspec has no artifacts for Site"}


def test_one_of_several_sources_is_the_primary_one(rig: Rig) -> None:
    rig.put(bundle(extra_txt="more"), key="other.zip")
    spec = """
version: 0.2
phases:
  build:
    commands:
      - "[ -e extra.txt ]"
      - '[ -x "$CODEBUILD_SRC_DIR_Bundle/check.sh" ]'
      - '[ ! -e "$CODEBUILD_SRC_DIR_Bundle/extra.txt" ]'
"""
    both = [{"name": "Bundle"}, {"name": "Other"}]
    other = source("Second", "Other", configuration={"S3ObjectKey": "other.zip"})
    first = stage("Source", source(), other)
    chosen = build(project(rig, spec), inputArtifacts=both, configuration={"PrimarySource": "Other"})
    name = rig.create(first, stage("Work", chosen))
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    with refused(ACTION, "no PrimarySource"):
        rig.cp.create_pipeline(pipeline=structure("bad", first, stage("Work", build("any", inputArtifacts=both))))
    with refused(ACTION, "'Third' of action 'Build' is no input artifact"):
        wrong = build("any", inputArtifacts=both, configuration={"PrimarySource": "Third"})
        rig.cp.create_pipeline(pipeline=structure("bad", first, stage("Work", wrong)))


# Time moves for the whole sandbox: this comes last.


def test_a_build_that_never_ends_times_out(rig: Rig, tmp_path: Path) -> None:
    name = rig.create(stage("Work", commands(f"while :; do touch {tmp_path}/pulse; sleep 0.05; done")))
    rig.until((tmp_path / "pulse").exists)
    rig.sandbox.world.clock.advance(timedelta(minutes=54))
    assert rig.status(name, rig.first_execution(name)) == "InProgress"
    rig.sandbox.world.clock.advance(timedelta(minutes=2))
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    rig.until(lambda: time.time() - (tmp_path / "pulse").stat().st_mtime > 0.5)
