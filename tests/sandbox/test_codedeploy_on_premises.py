"""On-premises instances over HTTP: registration, tags, and deployments to a host whose agent polls with an IAM ARN."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet
from codedeploy_traffic import IN_PLACE, Balanced, targets
from codepipeline_fixtures import ROLE, refused

from deliverkit.sandbox.agent.configuration import AgentConfiguration
from deliverkit.sandbox.agent.remote import Endpoint

USER = "arn:aws:iam::123456789012:user/hosts/{0}"
SESSION = "arn:aws:sts::123456789012:assumed-role/host/{0}"


def tag(key: str, value: str = "") -> dict[str, str]:
    return {"Key": key, "Value": value}


def listed(api: Any, **filters: Any) -> list[str]:
    return list(api.list_on_premises_instances(**filters)["instanceNames"])


# --- registration ---------------------------------------------------------------------------------


def test_a_host_is_registered_shown_and_deregistered(api: Any) -> None:
    api.register_on_premises_instance(instanceName="rack-1", iamUserArn=USER.format("rack-1"))
    info = api.get_on_premises_instance(instanceName="rack-1")["instanceInfo"]
    assert (info["instanceName"], info["iamUserArn"], info["tags"]) == ("rack-1", USER.format("rack-1"), [])
    prefix, _, suffix = info["instanceArn"].rpartition("_")
    assert prefix == "arn:aws:codedeploy:us-east-1:123456789012:instance/rack-1"
    assert (len(suffix), suffix.isalnum(), "deregisterTime" in info) == (10, True, False)
    assert "rack-1" in listed(api, registrationStatus="Registered")
    api.deregister_on_premises_instance(instanceName="rack-1")
    api.deregister_on_premises_instance(instanceName="never-there")
    info = api.get_on_premises_instance(instanceName="rack-1")["instanceInfo"]
    assert info["deregisterTime"] >= info["registerTime"]
    assert "rack-1" in listed(api, registrationStatus="Deregistered")
    assert "rack-1" in listed(api)
    assert "rack-1" not in listed(api, registrationStatus="Registered")
    # The name and the ARN are free again.
    api.register_on_premises_instance(instanceName="rack-1", iamUserArn=USER.format("rack-1"))
    assert "deregisterTime" not in api.get_on_premises_instance(instanceName="rack-1")["instanceInfo"]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"instanceName": ""}, "InstanceNameRequiredException"),
        ({"instanceName": "i-12345678"}, "InvalidInstanceNameException"),
        ({"instanceName": "two words"}, "InvalidInstanceNameException"),
        ({"instanceName": "n" * 101}, "InvalidInstanceNameException"),
        ({"instanceName": "taken"}, "InstanceNameAlreadyRegisteredException"),
        ({"iamUserArn": USER.format("taken")}, "IamUserArnAlreadyRegisteredException"),
        ({"iamUserArn": None, "iamSessionArn": SESSION.format("taken")}, "IamSessionArnAlreadyRegisteredException"),
        ({"iamSessionArn": SESSION.format("new")}, "MultipleIamArnsProvidedException"),
        ({"iamUserArn": None}, "IamArnRequiredException"),
        ({"iamUserArn": ""}, "IamUserArnRequiredException"),
        ({"iamUserArn": ROLE}, "InvalidIamUserArnException"),
        ({"iamUserArn": None, "iamSessionArn": ROLE}, "InvalidIamSessionArnException"),
    ],
)
def test_registrations_that_cannot_be_are_refused(api: Any, members: dict[str, Any], code: str) -> None:
    if "taken" not in listed(api):
        api.register_on_premises_instance(instanceName="taken", iamUserArn=USER.format("taken"))
        api.register_on_premises_instance(instanceName="taken-too", iamSessionArn=SESSION.format("taken"))
    request = {"instanceName": "new", "iamUserArn": USER.format("new"), **members}
    with refused(code):
        api.register_on_premises_instance(**{key: value for key, value in request.items() if value is not None})
    assert "new" not in listed(api)


def test_batches_of_hosts_leave_the_unknown_out(api: Any) -> None:
    api.register_on_premises_instance(instanceName="batch-1", iamSessionArn=SESSION.format("batch-1"))
    told = api.batch_get_on_premises_instances(instanceNames=["batch-1", "unknown"])["instanceInfos"]
    assert [each["instanceName"] for each in told] == ["batch-1"]
    assert told[0]["iamSessionArn"] == SESSION.format("batch-1")
    with refused("BatchLimitExceededException"):
        api.batch_get_on_premises_instances(instanceNames=["batch-1"] * 26)
    with refused("InstanceNameRequiredException"):
        api.batch_get_on_premises_instances(instanceNames=[])
    with refused("InvalidInstanceNameException"):
        api.batch_get_on_premises_instances(instanceNames=["i-1"])
    with refused("InstanceNotRegisteredException"):
        api.get_on_premises_instance(instanceName="unknown")
    with refused("InstanceNameRequiredException"):
        api.deregister_on_premises_instance(instanceName="")


# --- tags -----------------------------------------------------------------------------------------


def test_tags_are_added_to_several_hosts_and_removed_by_key_and_value(api: Any) -> None:
    for name in ("tag-1", "tag-2"):
        api.register_on_premises_instance(instanceName=name, iamUserArn=USER.format(name))
    both = ["tag-1", "tag-2"]
    api.add_tags_to_on_premises_instances(instanceNames=both, tags=[tag("tier", "web"), tag("site")])
    api.add_tags_to_on_premises_instances(instanceNames=["tag-2"], tags=[tag("tier", "db")])
    api.remove_tags_from_on_premises_instances(instanceNames=both, tags=[tag("tier", "web"), tag("other", "x")])
    infos = api.batch_get_on_premises_instances(instanceNames=both)["instanceInfos"]
    assert [each["tags"] for each in infos] == [[tag("site")], [tag("tier", "db"), tag("site")]]
    assert listed(api, tagFilters=[{**tag("tier", "db"), "Type": "KEY_AND_VALUE"}]) == ["tag-2"]
    assert listed(api, tagFilters=[{"Key": "site", "Type": "KEY_ONLY"}]) == both
    with refused("InvalidTagFilterException"):
        api.list_on_premises_instances(tagFilters=[{"Type": "KEY_ONLY"}])
    with refused("InvalidRegistrationStatusException"):
        api.list_on_premises_instances(registrationStatus="Lost")
    with refused("InvalidNextTokenException"):
        api.list_on_premises_instances(nextToken="x")


@pytest.mark.parametrize("operation", ["add_tags_to_on_premises_instances", "remove_tags_from_on_premises_instances"])
@pytest.mark.parametrize(
    ("names", "tags", "code"),
    [
        (["known"], [], "TagRequiredException"),
        (["known"], [tag("", "x")], "InvalidTagException"),
        (["known"], [tag("k" * 129, "x")], "InvalidTagException"),
        (["known"], [tag("k", "v" * 257)], "InvalidTagException"),
        (["known"], [tag(f"k{n}", "v") for n in range(11)], "TagLimitExceededException"),
        (["unknown"], [tag("k", "v")], "InstanceNotRegisteredException"),
        (["known", "unknown"], [tag("k", "v")], "InstanceNotRegisteredException"),
        ([], [tag("k", "v")], "InstanceNameRequiredException"),
        (["i-1"], [tag("k", "v")], "InvalidInstanceNameException"),
        (["known"] * 101, [tag("k", "v")], "InstanceLimitExceededException"),
    ],
)
def test_tags_that_cannot_be_are_refused(api: Any, operation: str, names: Any, tags: Any, code: str) -> None:
    if "known" not in listed(api):
        api.register_on_premises_instance(instanceName="known", iamUserArn=USER.format("known"))
    with refused(code):
        getattr(api, operation)(instanceNames=names, tags=tags)
    assert api.get_on_premises_instance(instanceName="known")["instanceInfo"]["tags"] == []


def test_a_host_has_ten_tags_at_most(api: Any) -> None:
    api.register_on_premises_instance(instanceName="full", iamUserArn=USER.format("full"))
    api.add_tags_to_on_premises_instances(instanceNames=["full"], tags=[tag(f"k{n}", "v") for n in range(10)])
    with refused("TagLimitExceededException"):
        api.add_tags_to_on_premises_instances(instanceNames=["full"], tags=[tag("eleventh", "v")])
    api.add_tags_to_on_premises_instances(instanceNames=["full"], tags=[tag("k0", "changed")])


# --- deployments ----------------------------------------------------------------------------------


@pytest.fixture
def host(fleet: Fleet, tmp_path: Path) -> Iterator[str]:
    """A registered host with a real agent that calls itself by its user's ARN."""
    arn = USER.format("real")
    fleet.api.register_on_premises_instance(instanceName="real", iamUserArn=arn)
    fleet.api.add_tags_to_on_premises_instances(instanceNames=["real"], tags=[tag("site", "cellar")])
    endpoint = Endpoint(fleet.rig.sandbox.endpoint, "us-east-1", "host", "secret")
    configuration = AgentConfiguration(arn, str(tmp_path / "root"), "127.0.0.1", endpoint)
    configuration.write(tmp_path / "agent.json")
    agent = subprocess.Popen([sys.executable, "-m", "deliverkit.sandbox.agent", str(tmp_path / "agent.json")])
    yield "real"
    agent.kill()
    agent.wait()
    fleet.api.deregister_on_premises_instance(instanceName="real")


def test_a_host_on_premises_is_deployed_to_by_its_own_agent(fleet: Fleet, host: str, tmp_path: Path) -> None:
    balanced = Balanced(fleet)
    filters = [{"Key": "site", "Value": "cellar", "Type": "KEY_AND_VALUE"}]
    group = fleet.group(0, onPremisesInstanceTagFilters=filters)
    deployment = fleet.deploy(group, f"echo $DEPLOYMENT_GROUP_NAME > {tmp_path}/was-here")
    info = fleet.end(deployment)
    assert (info["status"], (tmp_path / "was-here").read_text().strip()) == ("Succeeded", group)
    target = fleet.target(deployment, host)
    assert target["targetArn"] == fleet.api.get_on_premises_instance(instanceName=host)["instanceInfo"]["instanceArn"]
    # A load balancer knows no host outside EC2: its events are those without one.
    balanced.api.update_deployment_group(
        applicationName="shop",
        currentDeploymentGroupName=group,
        deploymentStyle=IN_PLACE,
        **targets(balanced.target_group()),
    )
    assert fleet.end(fleet.deploy(group, "exit 0"))["status"] == "Succeeded"
    # No deployment includes a deregistered host.
    fleet.api.deregister_on_premises_instance(instanceName=host)
    gone = fleet.end(fleet.deploy(group, "exit 0"))
    assert gone["errorInformation"]["code"] == "NO_INSTANCES"


def test_sets_of_tags_select_hosts_on_premises_too(fleet: Fleet) -> None:
    for name, tags in (("set-1", [tag("a", "1")]), ("set-2", [tag("a", "1"), tag("b", "2")])):
        fleet.api.register_on_premises_instance(instanceName=name, iamUserArn=USER.format(name))
        fleet.api.add_tags_to_on_premises_instances(instanceNames=[name], tags=tags)
    wanted = [[{"Key": "a", "Type": "KEY_ONLY"}], [{"Value": "2", "Type": "VALUE_ONLY"}]]
    group = fleet.name()
    fleet.api.create_deployment_group(
        applicationName="shop",
        deploymentGroupName=group,
        serviceRoleArn=ROLE,
        onPremisesTagSet={"onPremisesTagSetList": wanted},
    )
    deployment = fleet.deploy(group, "exit 0")
    wait_for(lambda: fleet.get(deployment)["status"] == "InProgress")
    assert fleet.targets(deployment) == ["set-2"]
    fleet.api.stop_deployment(deploymentId=deployment)


# --- GitHub ---------------------------------------------------------------------------------------


def test_there_are_no_github_tokens_outside_the_console(api: Any) -> None:
    assert api.list_git_hub_account_token_names()["tokenNameList"] == []
    with refused("GitHubAccountTokenDoesNotExistException"):
        api.delete_git_hub_account_token(tokenName="mine")
    with refused("GitHubAccountTokenNameRequiredException"):
        api.delete_git_hub_account_token()
    with refused("InvalidGitHubAccountTokenNameException"):
        api.delete_git_hub_account_token(tokenName=" ")
    with refused("InvalidNextTokenException"):
        api.list_git_hub_account_token_names(nextToken="x")
    api.delete_resources_by_external_id(externalId="stack")
