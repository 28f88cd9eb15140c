"""Where repositories come from: connections as AWS's API keeps them, and the commands of the handbook's page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from codepipeline_actions import action, commit, on
from codepipeline_fixtures import Rig, stage, whole_rig

PAGE = Path(__file__).parents[2] / "docs/explanation/sandbox.md"
SERVICES = ("codeconnections", "codestar-connections")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place: Path = tmp_path_factory.mktemp("checkout")
    commit(place, "The first", file="x")
    return place


@pytest.fixture(scope="module")
def rig(checkout: Path) -> Iterator[Rig]:
    with whole_rig(checkout / ".deliverkit/sandbox") as found:
        yield found


def as_the_page_says(rig: Rig, checkout: Path, service: str) -> None:
    """Run the page's commands about a service."""
    [block] = [each for each in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) if f"aws {service}" in each]
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(checkout),
        "AWS_ENDPOINT_URL": rig.sandbox.endpoint,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(["sh", "-ec", block], cwd=checkout, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def read_by_a_pipeline(rig: Rig, provider: str, **configuration: str) -> str:
    """How the execution of a pipeline ends that reads the repository and looks for its file."""
    configured = {"BranchName": "main", **configuration}
    read = action("Read", f"Source/{provider}", configured, outputArtifacts=[{"name": "Bundle"}])
    look = on("Look", "Compute/Commands", {}, commands=["test -f file"])
    name = rig.create(stage("Source", read), stage("Test", look))
    return rig.ends(name, rig.first_execution(name))


def test_a_checkout_becomes_a_repository_of_codecommit_as_the_page_says(rig: Rig, checkout: Path) -> None:
    as_the_page_says(rig, checkout, "codecommit")
    configured = {"RepositoryName": "shop", "PollForSourceChanges": "false"}
    assert read_by_a_pipeline(rig, "CodeCommit", **configured) == "Succeeded"


def test_a_checkout_stands_behind_a_connection_as_the_page_says(rig: Rig, checkout: Path) -> None:
    as_the_page_says(rig, checkout, "codeconnections")
    [made] = rig.client("codeconnections").list_connections()["Connections"]
    assert (made["ConnectionName"], made["ConnectionStatus"]) == ("hub", "AVAILABLE")
    configured = {"ConnectionArn": made["ConnectionArn"], "FullRepositoryId": "acme/shop", "DetectChanges": "false"}
    assert read_by_a_pipeline(rig, "CodeStarSourceConnection", **configured) == "Succeeded"


@pytest.mark.parametrize("service", SERVICES)
def test_a_connection_lives_and_has_tags(rig: Rig, service: str) -> None:
    connections = rig.client(service, region="eu-west-1")
    tag = {"Key": "team", "Value": "shop"}
    made = connections.create_connection(ConnectionName="hub", ProviderType="GitLab", Tags=[tag])
    arn = made["ConnectionArn"]
    assert re.fullmatch(rf"arn:aws:{service}:eu-west-1:123456789012:connection/[0-9a-f-]{{36}}", arn)
    assert made["Tags"] == [tag]
    expected = {
        "ConnectionName": "hub",
        "ConnectionArn": arn,
        "ProviderType": "GitLab",
        "OwnerAccountId": "123456789012",
        "ConnectionStatus": "AVAILABLE",
    }
    assert connections.get_connection(ConnectionArn=arn)["Connection"] == expected
    other = rig.client(next(each for each in SERVICES if each != service), region="eu-west-1")
    assert other.list_connections(ProviderTypeFilter="GitLab")["Connections"] == [expected]
    assert other.list_connections(ProviderTypeFilter="GitHub")["Connections"] == []
    connections.tag_resource(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
    connections.untag_resource(ResourceArn=arn, TagKeys=["team", "nothing"])
    assert connections.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]
    connections.delete_connection(ConnectionArn=arn)
    for call in (connections.get_connection, connections.delete_connection):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call(ConnectionArn=arn)


def test_connections_are_listed_in_pages(rig: Rig) -> None:
    connections = rig.client("codeconnections", region="eu-north-1")
    made = [
        connections.create_connection(ConnectionName=f"hub-{number}", ProviderType="GitHub")["ConnectionArn"]
        for number in range(3)
    ]
    first = connections.list_connections(MaxResults=2)
    rest: Any = connections.list_connections(MaxResults=2, NextToken=first["NextToken"])
    assert [each["ConnectionArn"] for each in first["Connections"] + rest["Connections"]] == made
    assert "NextToken" not in rest


def test_a_connection_needs_a_provider_and_no_host(rig: Rig) -> None:
    connections = rig.client("codeconnections")
    with pytest.raises(ClientError, match="InvalidInputException"):
        connections.create_connection(ConnectionName="hub")
    host = "arn:aws:codeconnections:us-east-1:123456789012:host/hub-1"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        connections.create_connection(ConnectionName="hub", HostArn=host)
    with pytest.raises(ClientError, match="does not know the operation CreateHost"):
        connections.create_host(Name="hub", ProviderType="GitHub", ProviderEndpoint="https://x.example")
