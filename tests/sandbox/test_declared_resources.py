"""Create, read, update and delete as infrastructure tools do them: what is read back is what was declared, no more."""

from __future__ import annotations

from typing import Any

import pytest
from codedeploy_fleet import Fleet
from codepipeline_fixtures import ROLE, STORE_BUCKET, approval, refused, source, stage, structure


def subset(declared: Any, shown: Any) -> bool:
    """True when everything declared is shown just so; the service may tell more."""
    if isinstance(declared, dict):
        return all(name in shown and subset(value, shown[name]) for name, value in declared.items())
    if isinstance(declared, list):
        return len(declared) == len(shown) and all(subset(a, b) for a, b in zip(declared, shown, strict=True))
    return bool(declared == shown)


def test_an_application(fleet: Fleet) -> None:
    api = fleet.api
    tags = [{"Key": "team", "Value": "checkout"}]
    api.create_application(applicationName="declared", computePlatform="Server", tags=tags)
    shown = api.get_application(applicationName="declared")["application"]
    assert subset({"applicationName": "declared", "computePlatform": "Server", "linkedToGitHub": False}, shown)
    arn = "arn:aws:codedeploy:us-east-1:123456789012:application:declared"
    assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags
    api.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == []
    api.update_application(applicationName="declared", newApplicationName="renamed")
    renamed = api.get_application(applicationName="renamed")["application"]
    assert renamed["applicationId"] == shown["applicationId"]
    api.delete_application(applicationName="renamed")
    with refused("ApplicationDoesNotExistException"):
        api.get_application(applicationName="renamed")


GROUPS: list[dict[str, Any]] = [
    {"deploymentConfigName": "CodeDeployDefault.HalfAtATime"},
    {"ec2TagFilters": [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}]},
    {"ec2TagSet": {"ec2TagSetList": [[{"Key": "a", "Type": "KEY_ONLY"}], [{"Value": "b", "Type": "VALUE_ONLY"}]]}},
    {"autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]}},
    {"alarmConfiguration": {"enabled": True, "ignorePollAlarmFailure": True, "alarms": [{"name": "errors"}]}},
    {"deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}},
    {"outdatedInstancesStrategy": "IGNORE"},
]


@pytest.mark.parametrize("declared", GROUPS, ids=lambda each: next(iter(each)))
def test_a_deployment_group(fleet: Fleet, declared: dict[str, Any]) -> None:
    api, names = fleet.api, {"applicationName": "shop", "deploymentGroupName": fleet.name()}
    api.create_deployment_group(**names, serviceRoleArn=ROLE, **declared)
    assert subset(declared, api.get_deployment_group(**names)["deploymentGroupInfo"])
    # A plan right after is empty: applying the same again changes nothing that can be read.
    before = api.get_deployment_group(**names)["deploymentGroupInfo"]
    update = {"applicationName": "shop", "currentDeploymentGroupName": names["deploymentGroupName"]}
    api.update_deployment_group(**update, serviceRoleArn=ROLE, **declared)
    assert api.get_deployment_group(**names)["deploymentGroupInfo"] == before
    other = "arn:aws:iam::123456789012:role/other"
    api.update_deployment_group(**update, serviceRoleArn=other)
    after = api.get_deployment_group(**names)["deploymentGroupInfo"]
    assert after == {**before, "serviceRoleArn": other}
    api.delete_deployment_group(**names)
    with refused("DeploymentGroupDoesNotExistException"):
        api.get_deployment_group(**names)


CONFIGURATIONS: list[dict[str, Any]] = [
    {"computePlatform": "Server", "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 2}},
    {"computePlatform": "Server", "minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 75}},
]


@pytest.mark.parametrize("declared", CONFIGURATIONS, ids=lambda each: each["computePlatform"])
def test_a_deployment_configuration(fleet: Fleet, declared: dict[str, Any]) -> None:
    name = fleet.name()
    fleet.api.create_deployment_config(deploymentConfigName=name, **declared)
    assert subset(declared, fleet.api.get_deployment_config(deploymentConfigName=name)["deploymentConfigInfo"])
    fleet.api.delete_deployment_config(deploymentConfigName=name)
    with refused("DeploymentConfigDoesNotExistException"):
        fleet.api.get_deployment_config(deploymentConfigName=name)


def test_a_pipeline(fleet: Fleet) -> None:
    api = fleet.rig.cp
    declared = structure(
        "declared",
        stage("Source", source()),
        stage("Approve", approval(configuration={"CustomData": "look at it"}, runOrder=2)),
        executionMode="QUEUED",
        variables=[{"name": "Colour", "defaultValue": "blue", "description": "of the button"}],
    )
    api.create_pipeline(pipeline=declared, tags=[{"key": "team", "value": "checkout"}])
    answer = api.get_pipeline(name="declared")
    assert subset(declared, answer["pipeline"])
    assert answer["pipeline"]["version"] == 1
    arn = answer["metadata"]["pipelineArn"]
    assert api.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "checkout"}]
    # What was read can be written back as it is, and nothing but the version moves.
    api.update_pipeline(pipeline=answer["pipeline"])
    again = api.get_pipeline(name="declared")["pipeline"]
    assert again == {**answer["pipeline"], "version": 2}
    declared["artifactStore"] = {"type": "S3", "location": STORE_BUCKET}
    declared["stages"][1]["actions"][0]["configuration"] = {"CustomData": "look again"}
    api.update_pipeline(pipeline=declared)
    assert subset(declared, api.get_pipeline(name="declared")["pipeline"])
    assert subset({**declared["stages"][1]["actions"][0], "configuration": {"CustomData": "look at it"}},
                  api.get_pipeline(name="declared", version=1)["pipeline"]["stages"][1]["actions"][0])  # fmt: skip
    api.delete_pipeline(name="declared")
    with refused("PipelineNotFoundException"):
        api.get_pipeline(name="declared")


def test_a_custom_action_type(fleet: Fleet) -> None:
    api = fleet.rig.cp
    key = {"category": "Build", "provider": "Declared", "version": "1"}
    properties = [
        {"name": "Project", "required": True, "key": True, "secret": False, "queryable": True, "type": "String"},
        {"name": "Token", "required": False, "key": False, "secret": True, "queryable": False, "type": "String"},
    ]
    counts = {"minimumCount": 0, "maximumCount": 5}
    declared = {
        "settings": {"entityUrlTemplate": "http://127.0.0.1:8080/job/{Config:Project}/"},
        "inputArtifactDetails": counts,
        "outputArtifactDetails": counts,
    }
    api.create_custom_action_type(**key, configurationProperties=properties, **declared)
    listed = api.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    found = next(each for each in listed if each["id"]["provider"] == "Declared")
    assert subset({**declared, "id": {**key, "owner": "Custom"}}, found)
    assert subset(properties, found["actionConfigurationProperties"])
    api.delete_custom_action_type(**key)
    listed = api.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    assert "Declared" not in {each["id"]["provider"] for each in listed}
