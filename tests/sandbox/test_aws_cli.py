"""The AWS command line, unchanged, against the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_bench import hook, shell
from codepipeline_fixtures import ROLE, approval, source, stage, structure

from deliverkit.sandbox.server import Sandbox

AWS = shutil.which("aws", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or "aws"


class CommandLine:
    """`aws`, told where the sandbox is by the variables that `deliverkit sandbox up` prints."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ENDPOINT_URL": sandbox.endpoint,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            [AWS, *words], env=self.environment, cwd=self.home, capture_output=True, text=True, timeout=120, check=False
        )

    def __call__(self, *words: str) -> Any:
        """Run it, expect success, and read its JSON."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stdout


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.start()
    yield CommandLine(sandbox, tmp_path_factory.mktemp("home"))
    sandbox.stop()


def test_push_deploy_and_wait(aws: CommandLine) -> None:
    aws("s3api", "create-bucket", "--bucket", "releases")
    aws("s3api", "put-bucket-versioning", "--bucket", "releases", "--versioning-configuration", "Status=Enabled")
    tags = "ResourceType=instance,Tags=[{Key=role,Value=web}]"
    aws("ec2", "run-instances", "--image-id", "ami-1", "--count", "2", "--tag-specifications", tags)
    aws("deploy", "create-application", "--application-name", "shop")
    group = ("--application-name", "shop", "--deployment-group-name", "web")
    aws("deploy", "create-deployment-group", *group, "--service-role-arn", ROLE, "--ec2-tag-filters",
        "Key=role,Value=web,Type=KEY_AND_VALUE")  # fmt: skip

    build = aws.home / "build"
    build.mkdir()
    (build / "appspec.yml").write_text(hook("AfterInstall", "location: run.sh"))
    (build / "run.sh").write_text(shell("echo served")[0])
    (build / "run.sh").chmod(0o755)
    told = aws("deploy", "push", "--application-name", "shop", "--s3-location", "s3://releases/shop.zip",
               "--source", "build", "--description", "the first")  # fmt: skip
    # What `push` prints is the command to type next.
    location = told.split("--s3-location ")[1].split()[0]
    created = aws("deploy", "create-deployment", *group, "--s3-location", location)
    deployment = created["deploymentId"]
    aws("deploy", "wait", "deployment-successful", "--deployment-id", deployment)
    info = aws("deploy", "get-deployment", "--deployment-id", deployment)["deploymentInfo"]
    assert (info["status"], info["deploymentOverview"]["Succeeded"]) == ("Succeeded", 2)
    revisions = aws("deploy", "list-application-revisions", "--application-name", "shop")["revisions"]
    assert [each["s3Location"]["key"] for each in revisions] == ["shop.zip"]
    shown = aws("deploy", "get-application-revision", "--application-name", "shop", "--s3-location", location)
    assert shown["revisionInfo"]["description"] == "the first"


def test_a_failed_deployment_fails_the_wait(aws: CommandLine) -> None:
    aws("deploy", "create-application", "--application-name", "broken")
    group = ("--application-name", "broken", "--deployment-group-name", "nobody")
    aws("deploy", "create-deployment-group", *group, "--service-role-arn", ROLE)
    created = aws(
        "deploy", "create-deployment", *group, "--github-location", f"repository=acme/shop,commitId={'0' * 40}"
    )
    waited = aws.run("deploy", "wait", "deployment-successful", "--deployment-id", created["deploymentId"])
    assert waited.returncode == 255
    assert "Waiter DeploymentSuccessful failed" in waited.stderr


def test_a_pipeline_from_its_declaration_to_its_approval(aws: CommandLine) -> None:
    aws("s3api", "create-bucket", "--bucket", "pipeline-artifacts")
    (aws.home / "app.zip").write_bytes(b"PK")
    aws.run("s3api", "create-bucket", "--bucket", "releases")  # which another test may have made
    aws("s3api", "put-bucket-versioning", "--bucket", "releases", "--versioning-configuration", "Status=Enabled")
    aws("s3", "cp", "app.zip", "s3://releases/app/bundle.zip")
    declared = structure("cli", stage("Source", source()), stage("Approve", approval()))
    (aws.home / "pipeline.json").write_text(json.dumps({"pipeline": declared}))
    aws("codepipeline", "create-pipeline", "--cli-input-json", "file://pipeline.json")
    shown = aws("codepipeline", "get-pipeline", "--name", "cli")["pipeline"]
    (aws.home / "changed.json").write_text(json.dumps({"pipeline": shown}))
    aws("codepipeline", "update-pipeline", "--cli-input-json", "file://changed.json")
    execution = aws("codepipeline", "start-pipeline-execution", "--name", "cli")["pipelineExecutionId"]
    token = asked(aws, execution)
    aws("codepipeline", "put-approval-result", "--pipeline-name", "cli", "--stage-name", "Approve", "--action-name",
        "Ask", "--result", "summary=fine,status=Approved", "--token", token)  # fmt: skip
    found = aws(
        "codepipeline", "get-pipeline-execution", "--pipeline-name", "cli", "--pipeline-execution-id", execution
    )
    assert found["pipelineExecution"]["status"] == "Succeeded"
    listed = aws("codepipeline", "list-pipeline-executions", "--pipeline-name", "cli")["pipelineExecutionSummaries"]
    assert listed[0]["pipelineExecutionId"] == execution
    aws("codepipeline", "delete-pipeline", "--name", "cli")
    gone = aws.run("codepipeline", "get-pipeline", "--name", "cli")
    assert gone.returncode == 255
    assert "PipelineNotFoundException" in gone.stderr


def asked(aws: CommandLine, execution: str) -> str:
    for _ in range(60):
        stages = aws("codepipeline", "get-pipeline-state", "--name", "cli")["stageStates"]
        latest = stages[1].get("latestExecution", {}).get("pipelineExecutionId")
        token = stages[1]["actionStates"][0].get("latestExecution", {}).get("token")
        if latest == execution and token:
            return str(token)
    raise AssertionError("no approval is asked for")
