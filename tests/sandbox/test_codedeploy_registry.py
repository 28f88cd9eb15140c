"""Applications, groups, configurations, revisions and tags of CodeDeploy, over HTTP with boto3."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from codedeploy_fleet import Fleet
from codepipeline_fixtures import ROLE, refused, whole_rig

NAMES = itertools.count()
APP_ARN = "arn:aws:codedeploy:us-east-1:123456789012:application:"
GROUP_ARN = "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:"
IN_PLACE = {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield Fleet(rig)


@pytest.fixture
def api(fleet: Fleet) -> Any:
    return fleet.api


@pytest.fixture
def app(api: Any) -> str:
    name = f"app-{next(NAMES)}"
    api.create_application(applicationName=name)
    return name


def group(api: Any, app: str, name: str = "prod", **settings: Any) -> str:
    answer = api.create_deployment_group(applicationName=app, deploymentGroupName=name, serviceRoleArn=ROLE, **settings)
    return str(answer["deploymentGroupId"])


def info(api: Any, app: str, name: str = "prod") -> Any:
    return api.get_deployment_group(applicationName=app, deploymentGroupName=name)["deploymentGroupInfo"]


def s3(key: str, **more: str) -> dict[str, Any]:
    return {"revisionType": "S3", "s3Location": {"bucket": "b", "key": key, "bundleType": "zip", **more}}


# --- applications ---------------------------------------------------------------------------------


def test_an_application_is_told_as_it_was_made(api: Any) -> None:
    made = api.create_application(applicationName="web+shop,1", tags=[{"Key": "team", "Value": "a"}])
    told = api.get_application(applicationName="web+shop,1")["application"]
    assert told.pop("createTime").tzinfo is not None
    assert told == {
        "applicationId": made["applicationId"],
        "applicationName": "web+shop,1",
        "linkedToGitHub": False,
        "computePlatform": "Server",
    }
    assert api.list_tags_for_resource(ResourceArn=f"{APP_ARN}web+shop,1")["Tags"] == [{"Key": "team", "Value": "a"}]
    assert "web+shop,1" in api.list_applications()["applications"]
    with refused("ApplicationAlreadyExistsException"):
        api.create_application(applicationName="web+shop,1")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"applicationName": "a b"}, "InvalidApplicationNameException"),
        ({"applicationName": "n", "computePlatform": "Mainframe"}, "InvalidComputePlatformException"),
        ({"applicationName": "n", "computePlatform": "Lambda"}, "InvalidComputePlatformException"),
        ({"applicationName": "n", "computePlatform": "ECS"}, "InvalidComputePlatformException"),
        ({"applicationName": "n", "tags": [{"Value": "v"}]}, "InvalidTagsToAddException"),
    ],
)
def test_applications_that_cannot_be_are_refused(api: Any, request_: dict[str, Any], code: str) -> None:
    with refused(code):
        api.create_application(**request_)
    assert "n" not in api.list_applications()["applications"]


def test_an_unknown_application_is_refused_by_every_reader(api: Any) -> None:
    for call in (api.get_application, api.update_application, api.list_deployment_groups):
        with refused("ApplicationDoesNotExistException", "nowhere"):
            call(applicationName="nowhere")
    with refused("ApplicationDoesNotExistException"):
        api.batch_get_applications(applicationNames=["nowhere"])
    api.delete_application(applicationName="nowhere")
    with refused("InvalidApplicationNameException"):
        api.delete_application(applicationName="not a name")


def test_batches_of_applications_hold_one_to_a_hundred_names(api: Any, app: str) -> None:
    assert [
        each["applicationName"] for each in api.batch_get_applications(applicationNames=[app])["applicationsInfo"]
    ] == [app]
    assert len(api.batch_get_applications(applicationNames=[app] * 100)["applicationsInfo"]) == 100
    with refused("BatchLimitExceededException", "100"):
        api.batch_get_applications(applicationNames=[app] * 101)
    with refused("ApplicationNameRequiredException"):
        api.batch_get_applications(applicationNames=[])


def test_a_renamed_application_keeps_its_groups_deployments_and_tags(fleet: Fleet, api: Any, app: str) -> None:
    group(api, app, tags=[{"Key": "stage", "Value": "prod"}])
    api.tag_resource(ResourceArn=APP_ARN + app, Tags=[{"Key": "team", "Value": "a"}])
    deployment = api.create_deployment(applicationName=app, deploymentGroupName="prod", revision=s3("k"))[
        "deploymentId"
    ]
    before = api.get_application(applicationName=app)["application"]["applicationId"]
    api.update_application(applicationName=app, newApplicationName=f"{app}.new")
    assert api.get_application(applicationName=f"{app}.new")["application"]["applicationId"] == before
    assert info(api, f"{app}.new")["applicationName"] == f"{app}.new"
    assert fleet.get(deployment)["applicationName"] == f"{app}.new"
    assert api.list_deployments(applicationName=f"{app}.new", deploymentGroupName="prod")["deployments"] == [deployment]
    assert api.list_tags_for_resource(ResourceArn=f"{APP_ARN}{app}.new")["Tags"] == [{"Key": "team", "Value": "a"}]
    assert api.list_tags_for_resource(ResourceArn=f"{GROUP_ARN}{app}.new/prod")["Tags"] == [
        {"Key": "stage", "Value": "prod"}
    ]
    with refused("ApplicationDoesNotExistException"):
        api.get_application(applicationName=app)


def test_a_rename_onto_itself_is_nothing_and_onto_another_is_refused(api: Any, app: str) -> None:
    api.create_application(applicationName=f"{app}-other")
    api.update_application(applicationName=app, newApplicationName=app)
    api.update_application(applicationName=app)
    with refused("ApplicationAlreadyExistsException"):
        api.update_application(applicationName=app, newApplicationName=f"{app}-other")
    with refused("InvalidApplicationNameException"):
        api.update_application(applicationName=app, newApplicationName="a/b")
    assert api.get_application(applicationName=app)["application"]["applicationName"] == app


def test_a_deleted_application_takes_its_groups_and_tags_along(api: Any, app: str) -> None:
    group(api, app)
    api.tag_resource(ResourceArn=APP_ARN + app, Tags=[{"Key": "k", "Value": "v"}])
    api.delete_application(applicationName=app)
    with refused("ApplicationDoesNotExistException"):
        info(api, app)
    api.create_application(applicationName=app)
    assert api.list_deployment_groups(applicationName=app)["deploymentGroups"] == []
    assert api.list_tags_for_resource(ResourceArn=APP_ARN + app)["Tags"] == []


def test_lists_come_in_pages_of_a_hundred(api: Any, app: str) -> None:
    names = [f"g{number:03d}" for number in range(101)]
    for name in names:
        group(api, app, name)
    first = api.list_deployment_groups(applicationName=app)
    rest = api.list_deployment_groups(applicationName=app, nextToken=first["nextToken"])
    assert first["deploymentGroups"] + rest["deploymentGroups"] == names
    assert (len(first["deploymentGroups"]), "nextToken" in rest) == (100, False)
    for token in ("nonsense", "ZnJvbTp4", "!"):
        with refused("InvalidNextTokenException"):
            api.list_deployment_groups(applicationName=app, nextToken=token)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("CreateApplication", "ApplicationLimitExceededException"),
        ("CreateDeploymentGroup", "DeploymentGroupLimitExceededException"),
    ],
)
def test_a_thousand_is_the_limit(fleet: Fleet, operation: str, code: str) -> None:
    # In another region, so that the other tests stay below the limit.
    api = fleet.rig.client("codedeploy", "eu-west-1" if operation == "CreateApplication" else "eu-west-2")
    scope = fleet.rig.sandbox.world.context("123456789012", api.meta.region_name, ROLE)
    call = fleet.rig.sandbox.world.call
    call("codedeploy", "CreateApplication", {"applicationName": "first"}, scope)
    used = 1 if operation == "CreateApplication" else 0
    for number in range(1000 - used):
        names = {"applicationName": f"a{number}"}
        if operation == "CreateDeploymentGroup":
            names = {"applicationName": "first", "deploymentGroupName": f"g{number}", "serviceRoleArn": ROLE}
        call("codedeploy", operation, names, scope)
    with refused(code, "1000"):
        if operation == "CreateApplication":
            api.create_application(applicationName="one-too-many")
        else:
            group(api, "first", "one-too-many")


# --- deployment groups ----------------------------------------------------------------------------


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
REFUSED_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"deploymentConfigName": "Unknown"}, "DeploymentConfigDoesNotExistException"),
    ({"deploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce"}, "InvalidDeploymentConfigNameException"),
    ({"serviceRoleArn": "delivery"}, "InvalidRoleException"),
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
]
UNDONE_SETTINGS: list[tuple[dict[str, Any], str]] = [
    (
        {"deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}},
        "InvalidDeploymentStyleException",
    ),
    (
        {
            "deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            "loadBalancerInfo": {"targetGroupInfoList": [{"name": "web"}]},
        },
        "InvalidLoadBalancerInfoException",
    ),
    (
        {"deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}},
        "InvalidLoadBalancerInfoException",
    ),
    ({"loadBalancerInfo": {"elbInfoList": [{"name": "web"}]}}, "InvalidLoadBalancerInfoException"),
    (
        {"blueGreenDeploymentConfiguration": {"deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}}},
        "InvalidBlueGreenDeploymentConfigurationException",
    ),
    ({"autoScalingGroups": ["web"]}, "InvalidAutoScalingGroupException"),
    (
        {
            "triggerConfigurations": [
                {"triggerName": "t", "triggerTargetArn": "a", "triggerEvents": ["DeploymentStart"]}
            ]
        },
        "InvalidTriggerConfigException",
    ),
    ({"onPremisesInstanceTagFilters": [TAG]}, "InvalidTagException"),
    ({"onPremisesTagSet": {"onPremisesTagSetList": [[TAG]]}}, "InvalidTagException"),
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


@pytest.mark.parametrize(("settings", "code"), UNDONE_SETTINGS)
def test_what_the_sandbox_would_only_store_is_refused_by_name(
    api: Any, app: str, settings: dict[str, Any], code: str
) -> None:
    with refused(code, "The sandbox does not"):
        group(api, app, **settings)
    group(api, app)
    with refused(code, "The sandbox does not"):
        api.update_deployment_group(applicationName=app, currentDeploymentGroupName="prod", **settings)


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


# --- configurations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "minimum"),
    [
        ("AllAtOnce", {"type": "HOST_COUNT", "value": 0}),
        ("HalfAtATime", {"type": "FLEET_PERCENT", "value": 50}),
        ("OneAtATime", {"type": "MOST_CONCURRENCY", "value": 1}),
    ],
)
def test_the_predefined_server_configurations_are_there_and_stay(api: Any, name: str, minimum: Any) -> None:
    full = f"CodeDeployDefault.{name}"
    told = api.get_deployment_config(deploymentConfigName=full)["deploymentConfigInfo"]
    assert (told["minimumHealthyHosts"], told["computePlatform"]) == (minimum, "Server")
    with refused("InvalidOperationException"):
        api.delete_deployment_config(deploymentConfigName=full)


def test_all_seventeen_predefined_configurations_are_listed(api: Any) -> None:
    listed = api.list_deployment_configs()["deploymentConfigsList"]
    predefined = [name for name in listed if name.startswith("CodeDeployDefault.")]
    assert len(predefined) == 17
    assert {
        "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
        "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
    } <= {*predefined}
    canary = api.get_deployment_config(deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes")
    assert canary["deploymentConfigInfo"]["trafficRoutingConfig"]["timeBasedCanary"] == {
        "canaryPercentage": 10,
        "canaryInterval": 5,
    }


HOSTS = {"type": "HOST_COUNT", "value": 1}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"deploymentConfigName": "CodeDeployDefault.Mine"}, "InvalidDeploymentConfigNameException"),
        ({"deploymentConfigName": "a b"}, "InvalidDeploymentConfigNameException"),
        ({"minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 100}}, "InvalidMinimumHealthyHostValueException"),
        ({"minimumHealthyHosts": {"type": "HOST_COUNT", "value": -1}}, "InvalidMinimumHealthyHostValueException"),
        ({"minimumHealthyHosts": {"type": "MOST_CONCURRENCY", "value": 1}}, "InvalidMinimumHealthyHostValueException"),
        ({"minimumHealthyHosts": {"type": "HOST_COUNT"}}, "InvalidMinimumHealthyHostValueException"),
        ({"minimumHealthyHosts": {}}, "InvalidMinimumHealthyHostValueException"),
        ({"computePlatform": "Mainframe"}, "InvalidComputePlatformException"),
        ({"computePlatform": "Lambda"}, "InvalidComputePlatformException"),
        ({"trafficRoutingConfig": {"type": "AllAtOnce"}}, "InvalidTrafficRoutingConfigurationException"),
        ({"zonalConfig": {"monitorDurationInSeconds": 1}}, "InvalidZonalDeploymentConfigurationException"),
    ],
)
def test_configurations_that_cannot_be_are_refused(api: Any, request_: dict[str, Any], code: str) -> None:
    with refused(code):
        api.create_deployment_config(**{"deploymentConfigName": "mine", "minimumHealthyHosts": HOSTS, **request_})
    with refused("DeploymentConfigDoesNotExistException"):
        api.get_deployment_config(deploymentConfigName="mine")


def test_a_custom_configuration_lives_until_nobody_uses_it(api: Any, app: str) -> None:
    made = api.create_deployment_config(deploymentConfigName="slow", minimumHealthyHosts=HOSTS)
    with refused("DeploymentConfigAlreadyExistsException"):
        api.create_deployment_config(deploymentConfigName="slow", minimumHealthyHosts=HOSTS)
    told = api.get_deployment_config(deploymentConfigName="slow")["deploymentConfigInfo"]
    assert (told["deploymentConfigId"], told["minimumHealthyHosts"]) == (made["deploymentConfigId"], HOSTS)
    assert "slow" in api.list_deployment_configs()["deploymentConfigsList"]
    group(api, app, deploymentConfigName="slow")
    with refused("DeploymentConfigInUseException"):
        api.delete_deployment_config(deploymentConfigName="slow")
    api.delete_deployment_group(applicationName=app, deploymentGroupName="prod")
    for _ in range(2):
        api.delete_deployment_config(deploymentConfigName="slow")
    assert "slow" not in api.list_deployment_configs()["deploymentConfigsList"]


def test_fifty_custom_configurations_are_the_limit(fleet: Fleet) -> None:
    api = fleet.rig.client("codedeploy", "eu-west-1")
    for number in range(50):
        api.create_deployment_config(deploymentConfigName=f"c{number}", minimumHealthyHosts=HOSTS)
    with refused("DeploymentConfigLimitExceededException", "50"):
        api.create_deployment_config(deploymentConfigName="c50", minimumHealthyHosts=HOSTS)


# --- revisions ------------------------------------------------------------------------------------


def keys(answer: Any) -> list[str]:
    return [each["s3Location"]["key"] for each in answer["revisions"]]


def test_a_registered_revision_is_known_by_what_identifies_it(api: Any, app: str) -> None:
    api.register_application_revision(applicationName=app, revision=s3("k", eTag='"abc"'), description="first")
    told = api.get_application_revision(applicationName=app, revision=s3("k", eTag="abc"))
    assert told["revisionInfo"]["description"] == "first"
    assert told["revisionInfo"]["deploymentGroups"] == []
    assert not {"firstUsedTime", "lastUsedTime"} & set(told["revisionInfo"])
    api.register_application_revision(applicationName=app, revision=s3("k", eTag="abc"), description="again")
    answer = api.batch_get_application_revisions(applicationName=app, revisions=[s3("k", eTag="abc"), s3("other")])
    assert [each["genericRevisionInfo"]["description"] for each in answer["revisions"]] == ["again"]
    assert answer["errorMessage"]
    for unknown in (s3("k"), s3("k", eTag="abc", version="1"), s3("K", eTag="abc")):
        with refused("RevisionDoesNotExistException"):
            api.get_application_revision(applicationName=app, revision=unknown)


def test_a_github_revision_is_registered_by_its_commit_but_never_deployed(api: Any, app: str) -> None:
    github = {"revisionType": "GitHub", "gitHubLocation": {"repository": "acct/repo", "commitId": "0f"}}
    api.register_application_revision(applicationName=app, revision=github)
    assert api.get_application_revision(applicationName=app, revision=github)["revision"] == github
    assert api.list_application_revisions(applicationName=app)["revisions"] == [github]
    assert api.list_application_revisions(applicationName=app, s3Bucket="b")["revisions"] == []
    group(api, app)
    with refused("InvalidRevisionException", "GitHub"):
        api.create_deployment(applicationName=app, deploymentGroupName="prod", revision=github)


@pytest.mark.parametrize(
    ("revision", "code"),
    [
        ({}, "RevisionRequiredException"),
        ({"revisionType": "S3"}, "InvalidRevisionException"),
        ({"revisionType": "S3", "s3Location": {"bucket": "b", "bundleType": "zip"}}, "InvalidRevisionException"),
        (s3("k", bundleType="rar"), "InvalidRevisionException"),
        (s3("k", bundleType="YAML"), "InvalidRevisionException"),
        ({"revisionType": "GitHub", "gitHubLocation": {"repository": "a/b"}}, "InvalidRevisionException"),
        ({"revisionType": "AppSpecContent", "appSpecContent": {"content": "{}"}}, "InvalidRevisionException"),
        ({"revisionType": "String", "string": {"content": "{}"}}, "InvalidRevisionException"),
    ],
)
def test_revisions_that_a_server_cannot_take_are_refused_everywhere(
    api: Any, app: str, revision: dict[str, Any], code: str
) -> None:
    group(api, app)
    with refused(code):
        api.register_application_revision(applicationName=app, revision=revision)
    with refused(code):
        api.get_application_revision(applicationName=app, revision=revision)
    with refused(code):
        api.create_deployment(applicationName=app, deploymentGroupName="prod", revision=revision)
    assert api.list_application_revisions(applicationName=app)["revisions"] == []


def test_revisions_are_filtered_by_place_and_sorted_by_time(fleet: Fleet, api: Any, app: str) -> None:
    for key in ("a/1", "a/2", "c/3"):
        api.register_application_revision(applicationName=app, revision=s3(key))
        fleet.rig.sandbox.world.clock.advance(timedelta(seconds=1))
    group(api, app)
    for key in ("c/3", "a/1", "c/3"):
        started = api.create_deployment(applicationName=app, deploymentGroupName="prod", revision=s3(key))
        fleet.end(started["deploymentId"])
        fleet.rig.sandbox.world.clock.advance(timedelta(seconds=1))

    def listed(**filters: str) -> list[str]:
        return keys(api.list_application_revisions(applicationName=app, **filters))

    assert listed(sortBy="registerTime") == ["a/1", "a/2", "c/3"]
    assert listed(sortBy="registerTime", sortOrder="descending") == ["c/3", "a/2", "a/1"]
    assert listed(sortBy="firstUsedTime") == ["a/2", "c/3", "a/1"]
    assert listed(sortBy="lastUsedTime", sortOrder="descending") == ["c/3", "a/1", "a/2"]
    assert sorted(listed(s3Bucket="b", s3KeyPrefix="a/")) == ["a/1", "a/2"]
    assert listed(s3Bucket="elsewhere") == []
    # No instance was there to deploy to, so that no revision became a group's own.
    assert (listed(deployed="include"), len(listed(deployed="exclude")), len(listed(deployed="ignore"))) == ([], 3, 3)


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"sortBy": "size"}, "InvalidSortByException"),
        ({"sortOrder": "up"}, "InvalidSortOrderException"),
        ({"deployed": "maybe"}, "InvalidDeployedStateFilterException"),
        ({"s3KeyPrefix": "a/"}, "BucketNameFilterRequiredException"),
        ({"nextToken": "x"}, "InvalidNextTokenException"),
    ],
)
def test_filters_of_revisions_that_mean_nothing_are_refused(api: Any, app: str, filters: Any, code: str) -> None:
    with refused(code):
        api.list_application_revisions(applicationName=app, **filters)


def test_batches_of_revisions_and_descriptions_have_their_limits(api: Any, app: str) -> None:
    with refused("BatchLimitExceededException", "25"):
        api.batch_get_application_revisions(applicationName=app, revisions=[s3("k")] * 26)
    with refused("RevisionRequiredException"):
        api.batch_get_application_revisions(applicationName=app, revisions=[])
    with refused("DescriptionTooLongException"):
        api.register_application_revision(applicationName=app, revision=s3("k"), description="d" * 257)
    api.register_application_revision(applicationName=app, revision=s3("k"), description="d" * 256)


# --- tags -----------------------------------------------------------------------------------------


def test_tags_are_added_replaced_and_taken_away(api: Any, app: str) -> None:
    group(api, app)
    for arn in (f"{APP_ARN}{app}", f"{GROUP_ARN}{app}/prod"):
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "3"}])
        api.untag_resource(ResourceArn=arn, TagKeys=["a", "never-there"])
        assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "3"}]


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("nonsense", "InvalidArnException"),
        (f"{APP_ARN}nowhere", "ApplicationDoesNotExistException"),
        ("arn:aws:codedeploy:us-east-1:123456789012:deploymentconfig:mine", "ArnNotSupportedException"),
        ("arn:aws:codedeploy:us-east-1:123456789012:instance/web", "ArnNotSupportedException"),
    ],
)
def test_only_applications_and_groups_carry_tags(api: Any, arn: str, code: str) -> None:
    with refused(code):
        api.list_tags_for_resource(ResourceArn=arn)
    with refused(code):
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    with refused(code):
        api.untag_resource(ResourceArn=arn, TagKeys=["k"])


def test_tags_must_be_given_and_whole(api: Any, app: str) -> None:
    arn = APP_ARN + app
    with refused("TagRequiredException"):
        api.tag_resource(ResourceArn=arn, Tags=[])
    with refused("TagRequiredException"):
        api.untag_resource(ResourceArn=arn, TagKeys=[])
    with refused("InvalidTagsToAddException"):
        api.tag_resource(ResourceArn=arn, Tags=[{"Value": "v"}])
    with refused("DeploymentGroupDoesNotExistException"):
        api.list_tags_for_resource(ResourceArn=f"{GROUP_ARN}{app}/ghost")


def test_stores_of_regions_are_apart(fleet: Fleet, app: str) -> None:
    with refused("ApplicationDoesNotExistException"):
        fleet.rig.client("codedeploy", "eu-central-1").get_application(applicationName=app)
