"""Applications, configurations and tags of CodeDeploy, over HTTP with boto3."""

from __future__ import annotations

from typing import Any

import pytest
from codedeploy_fleet import Fleet, group, info, s3
from codepipeline_fixtures import ROLE, refused

APP_ARN = "arn:aws:codedeploy:us-east-1:123456789012:application:"
GROUP_ARN = "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:"


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
        ({"applicationName": "n", "computePlatform": "lambda"}, "InvalidComputePlatformException"),
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
        ({"computePlatform": "Lambda"}, "InvalidTrafficRoutingConfigurationException"),
        ({"trafficRoutingConfig": {"type": "AllAtOnce"}}, "InvalidTrafficRoutingConfigurationException"),
        ({"zonalConfig": {"monitorDurationInSeconds": -1}}, "InvalidZonalDeploymentConfigurationException"),
        ({"zonalConfig": {"firstZoneMonitorDurationInSeconds": -1}}, "InvalidZonalDeploymentConfigurationException"),
        (
            {"zonalConfig": {"minimumHealthyHostsPerZone": {"type": "FLEET_PERCENT", "value": 100}}},
            "InvalidZonalDeploymentConfigurationException",
        ),
    ],
)
def test_configurations_that_cannot_be_are_refused(api: Any, request_: dict[str, Any], code: str) -> None:
    with refused(code):
        api.create_deployment_config(**{"deploymentConfigName": "mine", "minimumHealthyHosts": HOSTS, **request_})
    with refused("DeploymentConfigDoesNotExistException"):
        api.get_deployment_config(deploymentConfigName="mine")


def test_configurations_need_their_names(fleet: Fleet, app: str) -> None:
    api = fleet.rig.client("codedeploy", parameter_validation=False)
    for call in (api.create_deployment_config, api.get_deployment_config, api.delete_deployment_config):
        for given in ({}, {"deploymentConfigName": ""}):
            with refused("DeploymentConfigNameRequiredException"):
                call(**given)
        with refused("InvalidDeploymentConfigNameException"):
            call(deploymentConfigName="two words")
    # Where a name is an option, an empty one is no name.
    for name in ("", "two words"):
        with refused("InvalidDeploymentConfigNameException"):
            group(api, app, deploymentConfigName=name)


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


# --- tags -----------------------------------------------------------------------------------------


def test_tags_are_added_replaced_and_taken_away(api: Any, app: str) -> None:
    group(api, app)
    for arn in (f"{APP_ARN}{app}", f"{GROUP_ARN}{app}/prod"):
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "3"}])
        api.untag_resource(ResourceArn=arn, TagKeys=["a", "never-there"])
        assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "3"}]


def test_an_arn_that_names_nothing_is_refused_with_what_each_operation_lists(api: Any) -> None:
    arn = f"{APP_ARN}nowhere"
    with refused("InvalidArnException", "nowhere"):
        api.list_tags_for_resource(ResourceArn=arn)
    with refused("ApplicationDoesNotExistException"):
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    with refused("ApplicationDoesNotExistException"):
        api.untag_resource(ResourceArn=arn, TagKeys=["k"])


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("nonsense", "InvalidArnException"),
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
    for key, value in ((None, "v"), ("", "v"), ("k" * 129, "v"), ("k", "v" * 257), ("aws:k", "v")):
        with refused("InvalidTagsToAddException"):
            api.tag_resource(
                ResourceArn=arn, Tags=[{"Key": key, "Value": value} if key is not None else {"Value": value}]
            )
    with refused("DeploymentGroupDoesNotExistException"):
        api.untag_resource(ResourceArn=f"{GROUP_ARN}{app}/ghost", TagKeys=["k"])
    with refused("InvalidArnException", "ghost"):
        api.list_tags_for_resource(ResourceArn=f"{GROUP_ARN}{app}/ghost")


def test_fifty_tags_are_the_limit_of_a_resource(api: Any, app: str) -> None:
    arn = APP_ARN + app
    api.tag_resource(ResourceArn=arn, Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(50)])
    api.tag_resource(ResourceArn=arn, Tags=[{"Key": "k0", "Value": "w"}])
    with refused("InvalidTagsToAddException", "50"):
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": "k50", "Value": "v"}])
    assert len(api.list_tags_for_resource(ResourceArn=arn)["Tags"]) == 50


def test_tags_need_the_arn_of_a_resource_of_here(fleet: Fleet, app: str) -> None:
    api = fleet.rig.client("codedeploy", parameter_validation=False)
    for call in (api.list_tags_for_resource, api.tag_resource, api.untag_resource):
        for given in ({}, {"ResourceArn": ""}):
            with refused("ResourceArnRequiredException"):
                call(**given)
    for elsewhere in ("eu-west-1:123456789012", "us-east-1:210987654321"):
        with refused("ApplicationDoesNotExistException"):
            api.tag_resource(
                ResourceArn=f"arn:aws:codedeploy:{elsewhere}:application:{app}", Tags=[{"Key": "k", "Value": "v"}]
            )


def test_stores_of_regions_are_apart(fleet: Fleet, app: str) -> None:
    with refused("ApplicationDoesNotExistException"):
        fleet.rig.client("codedeploy", "eu-central-1").get_application(applicationName=app)
