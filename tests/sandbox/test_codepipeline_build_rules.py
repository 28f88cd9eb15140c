"""Rule CodeBuild: real builds of projects that let executions pass, or do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_builds import bundle, project
from codepipeline_conditions import condition, rule, rule_state, status_of
from codepipeline_fixtures import Rig, deploy, running_rig, stage

from deliverkit.sandbox.codepipeline.builds import buildspec

IN_SOURCE = """
version: 0.2
phases:
  build:
    commands:
      - grep -q fit notes.txt
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as made:
        made.put(bundle(buildspec_yml=IN_SOURCE))
        yield made


def built(rig: Rig, name: str, **configuration: str) -> tuple[str, str]:
    """A pipeline whose deployment a project's build lets begin, and its first execution."""
    ruled = rule("CodeBuild", "Build", configuration={"ProjectName": name, **configuration})
    ruled["inputArtifacts"] = [{"name": "Bundle"}]
    made = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", ruled)))
    return made, rig.first_execution(made)


def failure(rig: Rig, name: str) -> Any:
    return rule_state(rig, name, "Deploy")["latestExecution"]["errorDetails"]


def test_the_specification_comes_from_the_source(rig: Rig) -> None:
    name, execution_id = built(rig, project(rig))
    assert rig.ends(name, execution_id) == "Succeeded"


def test_phases_follow_each_other_as_codebuild_lets_them(rig: Rig) -> None:
    spec = """
version: 0.2
env:
  variables: {LEVEL: spec, KIND: spec, MODE: spec}
phases:
  pre_build:
    commands: [export SAID=yes]
  build:
    commands: ["echo $LEVEL $KIND $MODE $SAID", "false", "echo never"]
    finally: [echo finally]
  post_build:
    commands: [echo afterwards]
"""
    build = project(rig, spec, KIND="project", MODE="project")
    given = json.dumps([{"name": "MODE", "value": "pipeline", "type": "PLAINTEXT"}])
    name, execution_id = built(rig, build, EnvironmentVariables=given)
    assert rig.ends(name, execution_id) == "Failed"
    assert failure(rig, name) == {
        "code": "JobFailed",
        "message": "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, "
        "Message: Error while executing command: false. Reason: exit status 1",
    }
    identity = rule_state(rig, name, "Deploy")["latestExecution"]["externalExecutionId"]
    shown, _, stream = identity.partition(":")
    assert shown == build
    told = rig.client("logs").get_log_events(logGroupName=f"/aws/codebuild/{build}", logStreamName=stream)["events"]
    assert [each["message"] for each in told] == ["spec project pipeline yes", "finally", "afterwards"]
    codebuild = rig.client("codebuild")
    assert codebuild.list_builds_for_project(projectName=build)["ids"] == [identity]
    (shown,) = codebuild.batch_get_builds(ids=[identity])["builds"]
    assert (shown["buildStatus"], shown["buildComplete"], shown["projectName"]) == ("FAILED", True, build)
    assert (shown["logs"]["groupName"], shown["logs"]["streamName"]) == (f"/aws/codebuild/{build}", stream)
    phases = {each["phaseType"]: each.get("phaseStatus") for each in shown["phases"]}
    assert (phases["PRE_BUILD"], phases["BUILD"], phases["POST_BUILD"]) == ("SUCCEEDED", "FAILED", "SUCCEEDED")
    failed = next(each for each in shown["phases"] if each["phaseType"] == "BUILD")
    assert failed["contexts"][0]["statusCode"] == "COMMAND_EXECUTION_ERROR"


@pytest.mark.parametrize(
    ("phase", "on_failure", "said"),
    [
        ("install", "", []),
        ("install", "CONTINUE", ["0 pre_build", "0 build", "0 post_build"]),
        ("build", "", ["1 pre_build", "0 post_build"]),
        ("build", "ABORT", ["1 pre_build"]),
        ("post_build", "CONTINUE", ["1 pre_build", "1 build"]),
    ],
)
def test_a_phase_says_what_its_failure_means(rig: Rig, phase: str, on_failure: str, said: list[str]) -> None:
    phases = {name: {"commands": [f"echo $CODEBUILD_BUILD_SUCCEEDING {name}"]} for name in ("pre_build", "build")}
    phases["post_build"] = {"commands": ["echo $CODEBUILD_BUILD_SUCCEEDING post_build"]}
    failing: dict[str, Any] = {"commands": ["(exit 5)"], **({"on-failure": on_failure} if on_failure else {})}
    build = project(rig, json.dumps({"version": 0.2, "phases": {**phases, phase: failing}}))
    name, execution_id = built(rig, build)
    assert rig.ends(name, execution_id) == "Failed"
    assert f"Phase: {phase.upper()}," in failure(rig, name)["message"]
    assert failure(rig, name)["message"].endswith("command: (exit 5). Reason: exit status 5")
    identity = rule_state(rig, name, "Deploy")["latestExecution"]["externalExecutionId"]
    stream = identity.partition(":")[2]
    told = rig.client("logs").get_log_events(logGroupName=f"/aws/codebuild/{build}", logStreamName=stream)["events"]
    assert [each["message"] for each in told] == said


def test_the_specification_names_the_shell(rig: Rig) -> None:
    spec = """
version: 0.2
env:
  shell: bash
phases:
  build:
    commands: ['words=(a b c)', '[[ ${#words[@]} -eq 3 ]]']
"""
    name, execution_id = built(rig, project(rig, spec))
    assert rig.ends(name, execution_id) == "Succeeded"


def test_values_come_from_parameters_and_secrets(rig: Rig) -> None:
    rig.client("ssm").put_parameter(Name="/shop/level", Value="high", Type="SecureString")
    rig.client("secretsmanager").create_secret(Name="shop", SecretString=json.dumps({"token": "t-1"}))
    spec = """
version: 0.2
env:
  parameter-store: {LEVEL: /shop/level}
  secrets-manager: {TOKEN: "shop:token"}
phases:
  build:
    commands: ['[ "$LEVEL/$TOKEN" = high/t-1 ]']
"""
    name, execution_id = built(rig, project(rig, spec))
    assert rig.ends(name, execution_id) == "Succeeded"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("version: 7\nphases: {}\n", "version is 7"),
        ("version: 0.2\nphases: {deploy: {commands: [ls]}}\n", "unknown phases: deploy"),
        ("version: 0.2\nphases: {build: {}}\n", "has no commands"),
        ("version: [\n", "no YAML"),
        ("elsewhere.yml", "has no file elsewhere.yml"),
        (
            "version: 0.2\nenv: {parameter-store: {A: /nowhere}}\nphases: {build: {commands: [ls]}}\n",
            "/nowhere cannot be read",
        ),
        ("version: 0.2\nenv: {shell: powershell.exe}\nphases: {build: {commands: [x]}}\n", "not sh or bash"),
    ],
)
def test_what_cannot_be_built_is_a_configuration_error(rig: Rig, spec: str, text: str) -> None:
    name, execution_id = built(rig, project(rig, spec))
    assert rig.ends(name, execution_id) == "Failed"
    assert status_of(rig, name, "Deploy") == "Errored"
    assert failure(rig, name)["code"] == "ConfigurationError"
    assert text in failure(rig, name)["message"]


def test_unknown_projects_and_batches_are_configuration_errors(rig: Rig) -> None:
    for configuration, text in (({}, "nobody does not exist"), ({"BatchEnabled": "true"}, "BatchEnabled")):
        name, execution_id = built(rig, "nobody", **configuration)
        assert rig.ends(name, execution_id) == "Failed"
        assert text in failure(rig, name)["message"]


def test_a_specification_is_read_whole() -> None:
    spec = buildspec.read(
        "version: 0.2\nenv:\n  exported-variables: [A, B]\nphases:\n  install:\n    runtime-versions: {python: 3.12}\n"
        "  build:\n    commands: make\n"
    )
    assert spec.exported == ("A", "B")
    assert spec.phases["build"].commands == ("make",)
    assert spec.phases["install"].commands == ()
