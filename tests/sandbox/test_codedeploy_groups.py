"""Deployment groups of CodeDeploy, over HTTP with boto3: settings, refusals, updates and names."""

from __future__ import annotations

from typing import Any

import pytest
from codedeploy_fleet import Fleet, group, info, s3
from codepipeline_fixtures import ROLE, refused

GROUP_ARN = "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:"
IN_PLACE = {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}


def test_a_bare_group_has_the_documented_defaults(api: Any, app: str) -> None:
    identifier = group(api, app)
    told = info(api, app)
    assert (told["deploymentGroupId"], told["deploymentGroupName"]) == (identifier, "prod")
    assert told["deploymentConfigName"] == "CodeDeployDefault.OneAtATime"
    assert told["deploymentStyle"] == IN_PLACE
    assert (told["serviceRoleArn"], told["computePlatform"]) == (ROLE, "Server")
    assert (told["outdatedInstancesStrategy"], told["terminationHookEnabled"]) == ("UPDATE", False)
    for empty in ("ec2TagFilters", "onPremisesInstanceTagFilters", "autoScalingGroups", "triggerConfigurations"):
        assert told[empty] == []
    assert not {"targetRevision", "lastSuccessfulDeployment", "lastAttemptedDeployment"} & set(told)
    with refused("DeploymentGroupAlreadyExistsException"):
        group(api, app)


TAG = {"Key": "k", "Value": "v", "Type": "KEY_AND_VALUE"}
BALANCER = {"loadBalancerInfo": {"targetGroupInfoList": [{"name": "web"}]}}
WRONG_BLUE_GREEN = "InvalidBlueGreenDeploymentConfigurationException"


def style(kind: str, option: str) -> dict[str, Any]:
    return {"deploymentStyle": {"deploymentType": kind, "deploymentOption": option}}


def blue_green(**options: Any) -> dict[str, Any]:
    return {"blueGreenDeploymentConfiguration": options}


def ready(action: str, minutes: int) -> dict[str, Any]:
    return blue_green(deploymentReadyOption={"actionOnTimeout": action, "waitTimeInMinutes": minutes})


def trigger(**members: Any) -> dict[str, Any]:
    topic = "arn:aws:sns:us-east-1:123456789012:nowhere"
    return {"triggerName": "t", "triggerTargetArn": topic, "triggerEvents": ["DeploymentStart"], **members}


TRAFFIC = style("IN_PLACE", "WITH_TRAFFIC_CONTROL")
BLUE_GREEN = {**style("BLUE_GREEN", "WITH_TRAFFIC_CONTROL"), **BALANCER}
REFUSED_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"deploymentConfigName": "Unknown"}, "DeploymentConfigDoesNotExistException"),
    ({"deploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce"}, "InvalidDeploymentConfigNameException"),
    ({"serviceRoleArn": "delivery"}, "InvalidRoleException"),
    ({"serviceRoleArn": "arn:aws:iam::123456789012:user/delivery"}, "InvalidRoleException"),
    ({"ec2TagFilters": [{"Key": "k", "Type": "SOMETHING"}]}, "InvalidEC2TagException"),
    ({"ec2TagFilters": [{"Type": "KEY_ONLY"}]}, "InvalidEC2TagException"),
    ({"ec2TagFilters": [{"Value": "v", "Type": "KEY_AND_VALUE"}]}, "InvalidEC2TagException"),
    ({"ec2TagFilters": [TAG] * 11}, "InvalidEC2TagException"),
    ({"ec2TagSet": {"ec2TagSetList": [[{"Type": "KEY_ONLY"}]]}}, "InvalidEC2TagException"),
    ({"ec2TagSet": {"ec2TagSetList": [[TAG]] * 4}}, "TagSetListLimitExceededException"),
    ({"ec2TagFilters": [TAG], "ec2TagSet": {"ec2TagSetList": [[TAG]]}}, "InvalidEC2TagCombinationException"),
    ({"autoRollbackConfiguration": {"enabled": True}}, "InvalidAutoRollbackConfigException"),
    ({"autoRollbackConfiguration": {"enabled": True, "events": ["BOREDOM"]}}, "InvalidAutoRollbackConfigException"),
    ({"alarmConfiguration": {"enabled": True}}, "InvalidAlarmConfigException"),
    (
        {"alarmConfiguration": {"enabled": True, "alarms": [{"name": "a"}, {"name": "a"}]}},
        "InvalidAlarmConfigException",
    ),
    ({"alarmConfiguration": {"enabled": True, "alarms": [{"name": "a" * 256}]}}, "InvalidAlarmConfigException"),
    (
        {"alarmConfiguration": {"enabled": True, "alarms": [{"name": f"a{n}"} for n in range(11)]}},
        "AlarmsLimitExceededException",
    ),
    ({"deploymentStyle": {"deploymentType": "IN_PLACE"}}, "InvalidDeploymentStyleException"),
    ({"outdatedInstancesStrategy": "SOMETIMES"}, "InvalidInputException"),
    (TRAFFIC, "InvalidLoadBalancerInfoException"),
    ({**TRAFFIC, "loadBalancerInfo": {"targetGroupInfoList": []}}, "InvalidLoadBalancerInfoException"),
    ({"loadBalancerInfo": {"elbInfoList": [{"name": ""}]}}, "InvalidLoadBalancerInfoException"),
    ({"loadBalancerInfo": {"elbInfoList": [{"name": "web"}] * 11}}, "InvalidLoadBalancerInfoException"),
    ({"loadBalancerInfo": {"targetGroupInfoList": [{"name": "web"}] * 11}}, "InvalidLoadBalancerInfoException"),
    (
        {"loadBalancerInfo": {"targetGroupPairInfoList": [{"targetGroups": [{"name": "web"}]}]}},
        "InvalidLoadBalancerInfoException",
    ),
    (style("BLUE_GREEN", "WITH_TRAFFIC_CONTROL"), "InvalidLoadBalancerInfoException"),
    (
        {**style("BLUE_GREEN", "WITHOUT_TRAFFIC_CONTROL"), **BALANCER},
        "InvalidDeploymentStyleException",
    ),
    ({**BLUE_GREEN, "onPremisesInstanceTagFilters": [TAG]}, "InvalidDeploymentStyleException"),
    (style("SIDEWAYS", "WITH_TRAFFIC_CONTROL"), "InvalidDeploymentStyleException"),
    (ready("CONTINUE_DEPLOYMENT", 5), WRONG_BLUE_GREEN),
    (ready("STOP_DEPLOYMENT", 2881), WRONG_BLUE_GREEN),
    (ready("STOP_DEPLOYMENT", -1), WRONG_BLUE_GREEN),
    (ready("GO_HOME", 0), WRONG_BLUE_GREEN),
    ({**BLUE_GREEN, **blue_green(greenFleetProvisioningOption={"action": "KNIT"})}, WRONG_BLUE_GREEN),
    (
        {**BLUE_GREEN, **blue_green(greenFleetProvisioningOption={"action": "COPY_AUTO_SCALING_GROUP"})},
        WRONG_BLUE_GREEN,
    ),
    (blue_green(terminateBlueInstancesOnDeploymentSuccess={"action": "SPARE"}), WRONG_BLUE_GREEN),
    (
        blue_green(
            terminateBlueInstancesOnDeploymentSuccess={"action": "TERMINATE", "terminationWaitTimeInMinutes": 2881}
        ),
        WRONG_BLUE_GREEN,
    ),
    ({"autoScalingGroups": ["nowhere"]}, "InvalidAutoScalingGroupException"),
    ({"autoScalingGroups": ["nowhere", ""]}, "InvalidAutoScalingGroupException"),
    ({"autoScalingGroups": [f"g{n}" for n in range(11)]}, "InvalidAutoScalingGroupException"),
    ({"triggerConfigurations": [trigger(triggerEvents=[])]}, "InvalidTriggerConfigException"),
    ({"triggerConfigurations": [trigger(triggerEvents=["Lunch"])]}, "InvalidTriggerConfigException"),
    ({"triggerConfigurations": [trigger(triggerEvents=["DeploymentReady"])]}, "InvalidTriggerConfigException"),
    ({"triggerConfigurations": [trigger(triggerName="")]}, "InvalidTriggerConfigException"),
    ({"triggerConfigurations": [trigger(triggerTargetArn="topic")]}, "InvalidTriggerConfigException"),
    ({"triggerConfigurations": [trigger()]}, "InvalidTriggerConfigException"),
    ({"triggerConfigurations": [trigger()] * 2}, "InvalidTriggerConfigException"),
    (
        {"triggerConfigurations": [trigger(triggerName=f"t{n}") for n in range(11)]},
        "TriggerTargetsLimitExceededException",
    ),
    ({"onPremisesInstanceTagFilters": [{"Key": "k", "Type": "SOMETHING"}]}, "InvalidTagException"),
    (
        {"onPremisesInstanceTagFilters": [TAG], "onPremisesTagSet": {"onPremisesTagSetList": [[TAG]]}},
        "InvalidOnPremisesTagCombinationException",
    ),
    ({"onPremisesTagSet": {"onPremisesTagSetList": [[TAG]] * 4}}, "TagSetListLimitExceededException"),
    ({"ecsServices": [{"serviceName": "s", "clusterName": "c"}]}, "InvalidECSServiceException"),
]


@pytest.mark.parametrize(("settings", "code"), REFUSED_SETTINGS)
def test_settings_that_codedeploy_refuses_are_refused_at_both_operations(
    api: Any, app: str, settings: dict[str, Any], code: str
) -> None:
    with refused(code):
        api.create_deployment_group(
            **{"applicationName": app, "deploymentGroupName": "prod", "serviceRoleArn": ROLE, **settings}
        )
    group(api, app)
    before = info(api, app)
    with refused(code):
        api.update_deployment_group(
            applicationName=app, currentDeploymentGroupName="prod", newDeploymentGroupName="renamed", **settings
        )
    assert info(api, app) == before


def test_members_that_are_empty_or_only_describe_are_taken(api: Any, app: str) -> None:
    group(
        api,
        app,
        deploymentStyle=IN_PLACE,
        autoScalingGroups=[],
        triggerConfigurations=[],
        onPremisesInstanceTagFilters=[],
        loadBalancerInfo={},
        outdatedInstancesStrategy="IGNORE",
    )
    assert info(api, app)["outdatedInstancesStrategy"] == "IGNORE"


def test_names_and_roles_of_groups_are_required(api: Any, app: str) -> None:
    with refused("RoleRequiredException"):
        api.create_deployment_group(applicationName=app, deploymentGroupName="g", serviceRoleArn="")
    with refused("InvalidDeploymentGroupNameException"):
        group(api, app, "two words")
    with refused("ApplicationDoesNotExistException"):
        group(api, "nowhere")
    with refused("DeploymentGroupDoesNotExistException", "prod"):
        info(api, app)
    with refused("DeploymentGroupDoesNotExistException"):
        api.update_deployment_group(applicationName=app, currentDeploymentGroupName="prod")


def test_an_update_replaces_what_it_names_and_keeps_the_rest(api: Any, app: str) -> None:
    alarms = {"enabled": True, "alarms": [{"name": "errors"}]}
    group(api, app, ec2TagFilters=[TAG], alarmConfiguration=alarms, deploymentConfigName="CodeDeployDefault.AllAtOnce")
    other = {"Key": "other", "Type": "KEY_ONLY"}
    update = {"applicationName": app, "currentDeploymentGroupName": "prod"}
    assert api.update_deployment_group(**update, ec2TagFilters=[other])["hooksNotCleanedUp"] == []
    told = info(api, app)
    assert (told["ec2TagFilters"], told["alarmConfiguration"]) == ([other], alarms)
    assert told["deploymentConfigName"] == "CodeDeployDefault.AllAtOnce"
    api.update_deployment_group(**update, ec2TagFilters=[], alarmConfiguration={"enabled": False, "alarms": []})
    told = info(api, app)
    assert (told["ec2TagFilters"], told["alarmConfiguration"]) == ([], {"enabled": False, "alarms": []})


def test_a_tag_set_takes_the_place_of_filters_and_back_and_an_empty_form_clears_only_itself(api: Any, app: str) -> None:
    group(api, app, ec2TagFilters=[TAG])
    update = {"applicationName": app, "currentDeploymentGroupName": "prod"}
    tag_set = {"ec2TagSetList": [[TAG]]}
    api.update_deployment_group(**update, ec2TagSet=tag_set)
    assert (info(api, app)["ec2TagFilters"], info(api, app)["ec2TagSet"]) == ([], tag_set)
    api.update_deployment_group(**update, ec2TagFilters=[])
    assert info(api, app)["ec2TagSet"] == tag_set
    api.update_deployment_group(**update, ec2TagFilters=[TAG])
    assert (info(api, app)["ec2TagFilters"], "ec2TagSet" in info(api, app)) == ([TAG], False)


def test_a_renamed_group_keeps_its_id_tags_and_history(fleet: Fleet, api: Any, app: str) -> None:
    identifier = group(api, app, tags=[{"Key": "k", "Value": "v"}])
    group(api, app, "taken")
    deployment = api.create_deployment(applicationName=app, deploymentGroupName="prod", revision=s3("k"))[
        "deploymentId"
    ]
    update = {"applicationName": app, "currentDeploymentGroupName": "prod"}
    with refused("DeploymentGroupAlreadyExistsException"):
        api.update_deployment_group(**update, newDeploymentGroupName="taken")
    api.update_deployment_group(**update, newDeploymentGroupName="prod")
    api.update_deployment_group(**update, newDeploymentGroupName="live")
    assert info(api, app, "live")["deploymentGroupId"] == identifier
    assert info(api, app, "live")["lastAttemptedDeployment"]["deploymentId"] == deployment
    assert fleet.get(deployment)["deploymentGroupName"] == "live"
    tags = api.list_tags_for_resource(ResourceArn=f"{GROUP_ARN}{app}/live")["Tags"]
    assert tags == [{"Key": "k", "Value": "v"}]
    assert sorted(api.list_deployment_groups(applicationName=app)["deploymentGroups"]) == ["live", "taken"]


def test_a_deleted_group_is_gone_and_an_unknown_one_is_no_error(api: Any, app: str) -> None:
    group(api, app)
    for _ in range(2):
        answer = api.delete_deployment_group(applicationName=app, deploymentGroupName="prod")
        assert answer["hooksNotCleanedUp"] == []
    assert api.list_deployment_groups(applicationName=app)["deploymentGroups"] == []


def test_a_batch_of_groups_tells_the_unknown_ones_in_its_message(api: Any, app: str) -> None:
    group(api, app)
    answer = api.batch_get_deployment_groups(applicationName=app, deploymentGroupNames=["prod", "ghost"])
    assert [each["deploymentGroupName"] for each in answer["deploymentGroupsInfo"]] == ["prod"]
    assert "ghost" in answer["errorMessage"]
    assert api.batch_get_deployment_groups(applicationName=app, deploymentGroupNames=["prod"])["errorMessage"] == ""
    with refused("BatchLimitExceededException"):
        api.batch_get_deployment_groups(applicationName=app, deploymentGroupNames=["prod"] * 101)
    with refused("DeploymentGroupNameRequiredException"):
        api.batch_get_deployment_groups(applicationName=app, deploymentGroupNames=[])
