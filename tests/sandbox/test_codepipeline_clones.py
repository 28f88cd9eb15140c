"""Sources that give a reference to their repository: builds clone it, others get a JSON object."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from codepipeline_actions import action, commit, detail, error_of, on, run
from codepipeline_builds import build, project
from codepipeline_fixtures import Rig, refused, stage, structure, whole_rig

CONNECTION = "arn:aws:codestar-connections:us-east-1:123456789012:connection/1"
FULL = {"OutputArtifactFormat": "CODEBUILD_CLONE_REF"}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield rig


def read(kind: str, **configuration: str) -> dict[str, Any]:
    given = {"BranchName": "main", **FULL, **configuration}
    return stage("Source", action("Read", kind, given, outputArtifacts=[{"name": "Bundle"}]))


def hosted(rig: Rig, name: str, **more: str) -> tuple[Path, dict[str, Any]]:
    place = rig.sandbox.state_dir / "connections/acme" / name
    hub = {"ConnectionArn": CONNECTION, "FullRepositoryId": f"acme/{name}", "DetectChanges": "false"}
    return place, read("Source/CodeStarSourceConnection", **hub, **more)


SPEC = json.dumps(
    {
        "version": 0.2,
        "env": {"exported-variables": ["HEAD", "COUNT", "FILE"]},
        "phases": {
            "build": {
                "commands": [
                    "export HEAD=$(git rev-parse HEAD) COUNT=$(git rev-list --count HEAD) FILE=$(cat file)",
                    '[ "$HEAD" = "$CODEBUILD_RESOLVED_SOURCE_VERSION" ]',
                ]
            }
        },
    }
)


def test_a_build_sees_the_whole_history(rig: Rig) -> None:
    place, source = hosted(rig, "whole")
    commit(place, "The first", file="one", **{"buildspec.yml": SPEC})
    newest = commit(place, "The second", file="two")
    name, execution, end = run(rig, source, stage("Work", build(project(rig), namespace="built")))
    assert end == "Succeeded", error_of(rig, name, execution, "Build")
    told = detail(rig, name, execution, "Build")["output"]["outputVariables"]
    assert told == {"HEAD": newest, "COUNT": "2", "FILE": "two"}
    lies = detail(rig, name, execution, "Read")["output"]["outputArtifacts"][0]["s3location"]
    body = json.loads(rig.s3.get_object(Bucket=lies["bucket"], Key=lies["key"])["Body"].read())
    assert body["CommitId"] == newest


def test_a_repository_of_codecommit_is_cloned_as_well(rig: Rig, tmp_path: Path) -> None:
    rig.client("codecommit").create_repository(repositoryName="full")
    bare = rig.sandbox.state_dir / "repositories/123456789012/us-east-1/full.git"
    first = commit(tmp_path / "work", "The first", file="one")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "push", "-q", str(bare), "main"], cwd=tmp_path / "work", check=True)
    source = read("Source/CodeCommit", RepositoryName="full", PollForSourceChanges="false")
    name, execution, end = run(rig, source, stage("Work", build(project(rig, SPEC))))
    assert end == "Succeeded", error_of(rig, name, execution, "Build")
    assert detail(rig, name, execution, "Build")["output"]["outputVariables"]["HEAD"] == first


def test_other_actions_cannot_use_the_reference(rig: Rig) -> None:
    place, source = hosted(rig, "reference")
    commit(place, "The first", file="one")
    rig.s3.create_bucket(Bucket="unpacked")
    put = on("Put", "Deploy/S3", {"BucketName": "unpacked", "Extract": "true"})
    name, execution, end = run(rig, source, stage("Deploy", put))
    assert (end, error_of(rig, name, execution, "Put")[0]) == ("Failed", "JobFailed")


def test_a_repository_that_has_gone_fails_the_build(rig: Rig) -> None:
    place, source = hosted(rig, "gone")
    commit(place, "The first", file="one")
    wait = action("Wait", "Approval/Manual", {})
    work = stage("Work", wait, build(project(rig, SPEC), runOrder=2))
    name = rig.create(source, work)
    execution = rig.first_execution(name)
    token = rig.until(lambda: rig.action(name, "Work", "Wait").get("latestExecution", {}).get("token"))
    place.rename(place.with_name("elsewhere"))
    rig.cp.put_approval_result(
        pipelineName=name,
        stageName="Work",
        actionName="Wait",
        token=token,
        result={"summary": "", "status": "Approved"},
    )
    assert rig.ends(name, execution) == "Failed"
    assert "cannot be cloned" in error_of(rig, name, execution, "Build")[1]


def test_another_format_is_refused(rig: Rig) -> None:
    _, source = hosted(rig, "odd", OutputArtifactFormat="TARBALL")
    with refused("InvalidActionDeclarationException", "CODEBUILD_CLONE_REF"):
        rig.cp.create_pipeline(pipeline=structure("odd", source, stage("Work", build("p"))))
