"""Artifacts that are too large fail the action that reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_actions import action, commit, error_of, on, run
from codepipeline_fixtures import ROLE, Rig, source, stage, whole_rig

from deliverkit.sandbox.codepipeline.quotas import LARGEST_INPUT, LARGEST_SOURCE

GIBIBYTE = 1024**3
TO_ECS = {
    "ApplicationName": "shop",
    "DeploymentGroupName": "live",
    "TaskDefinitionTemplateArtifact": "Bundle",
    "AppSpecTemplateArtifact": "Bundle",
}
STACK = {"ActionMode": "CREATE_UPDATE", "StackName": "large", "RoleArn": ROLE, "TemplatePath": "Bundle::template.json"}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield rig


def test_the_quotas_are_those_of_the_user_guide() -> None:
    assert LARGEST_INPUT == {"CloudFormation": 256 * 1024**2, "CodeDeployToECS": 3 * 1024**2}
    assert (LARGEST_SOURCE["S3"], LARGEST_SOURCE["CodeCommit"]) == (5 * GIBIBYTE, GIBIBYTE)


def test_a_blue_green_deployment_of_a_service_takes_three_megabytes(rig: Rig) -> None:
    work = stage("Deploy", on("Shift", "Deploy/CodeDeployToECS", TO_ECS))
    for size, is_large in ((LARGEST_INPUT["CodeDeployToECS"], False), (LARGEST_INPUT["CodeDeployToECS"] + 1, True)):
        rig.put(os.urandom(size))
        name, execution, end = run(rig, work)
        code, message = error_of(rig, name, execution, "Shift")
        assert (end, code, "3145728 are the most" in message) == ("Failed", "ConfigurationError", is_large)


@pytest.mark.parametrize(
    ("quotas", "provider", "failing", "work"),
    [
        (LARGEST_INPUT, "CloudFormation", "Create", on("Create", "Deploy/CloudFormation", STACK)),
        (LARGEST_SOURCE, "S3", source()["name"], on("Run", "Compute/Commands", {}, commands=["true"])),
    ],
)
def test_what_is_larger_than_a_quota_fails(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, quotas: dict[str, int], provider: str, failing: str, work: dict[str, Any]
) -> None:
    # Artifacts as large as the real quotas would take the memory of this machine.
    monkeypatch.setitem(quotas, provider, 100)
    rig.put(b"x" * 101)
    name, execution, end = run(rig, stage("Work", work))
    code, message = error_of(rig, name, execution, failing)
    assert (end, code) == ("Failed", "ConfigurationError")
    assert message.endswith(f"has 101 bytes; 100 are the most for {provider} actions")


def test_a_repository_larger_than_its_quota_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LARGEST_SOURCE, "CodeStarSourceConnection", 10)
    commit(rig.sandbox.state_dir / "connections/acme/large", "All", file="x" * 100)
    arn = "arn:aws:codestar-connections:us-east-1:123456789012:connection/1"
    hub = {
        "ConnectionArn": arn,
        "FullRepositoryId": "acme/large",
        "BranchName": "main",
        "DetectChanges": "false",
    }
    read = action("Read", "Source/CodeStarSourceConnection", hub, outputArtifacts=[{"name": "Bundle"}])
    name, execution, end = run(
        rig, stage("Source", read), stage("Work", on("Run", "Compute/Commands", {}, commands=["true"]))
    )
    assert (end, error_of(rig, name, execution, "Read")[0]) == ("Failed", "ConfigurationError")
