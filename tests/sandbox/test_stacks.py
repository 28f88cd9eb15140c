"""Templates given to CloudFormation: pipelines and deployment groups are really made, changed and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from codepipeline_fixtures import ROLE, STORE_BUCKET, DecidedCodeDeploy, Rig, approval, refused, source, whole_rig

from deliverkit.sandbox.server import Sandbox

Json = dict[str, Any]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put()
        yield rig


def capital(value: Any) -> Any:
    """A declaration as templates write it."""
    if isinstance(value, list):
        return [capital(each) for each in value]
    if isinstance(value, dict):
        return {n[0].upper() + n[1:]: v if n == "configuration" else capital(v) for n, v in value.items()}
    return value


def resource(kind: str, **properties: Any) -> Json:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def pipeline(**more: Any) -> Json:
    stages = [{"name": "Source", "actions": [source()]}, {"name": "Approve", "actions": [approval("Ask")]}]
    store = {"Type": "S3", "Location": STORE_BUCKET}
    properties = {"RoleArn": ROLE, "PipelineType": "V2", "ArtifactStore": store, "Stages": capital(stages), **more}
    return resource("CodePipeline::Pipeline", **properties)


class Stacks:
    def __init__(self, rig: Rig) -> None:
        self.api = rig.client("cloudformation")

    def create(self, name: str, outputs: Json | None = None, **resources: Json) -> Any:
        self.api.create_stack(StackName=name, TemplateBody=self._body(resources, outputs))
        return self.shown(name)

    def update(self, name: str, outputs: Json | None = None, **resources: Json) -> Any:
        self.api.update_stack(StackName=name, TemplateBody=self._body(resources, outputs))
        return self.shown(name)

    def change(self, name: str, kind: str, **resources: Json) -> Any:
        body = self._body(resources, None)
        made = self.api.create_change_set(
            StackName=name, ChangeSetName=f"{name}-{kind}".lower(), ChangeSetType=kind, TemplateBody=body
        )
        self.api.execute_change_set(ChangeSetName=made["Id"])
        return self.shown(name)

    def shown(self, name: str) -> Any:
        return self.api.describe_stacks(StackName=name)["Stacks"][0]

    def status(self, name: str) -> str:
        return str(self.shown(name)["StackStatus"])

    def outputs(self, name: str) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self.shown(name)["Outputs"]}

    def events(self, name: str) -> list[tuple[str, str]]:
        found = self.api.describe_stack_events(StackName=name)["StackEvents"]
        return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(found)]

    def physical(self, name: str) -> dict[str, str]:
        found = self.api.describe_stack_resources(StackName=name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def _body(self, resources: Json, outputs: Json | None) -> str:
        shown = {name: {"Value": value} for name, value in (outputs or {}).items()}
        return json.dumps({"Resources": resources, **({"Outputs": shown} if shown else {})})


@pytest.fixture
def stacks(rig: Rig) -> Stacks:
    return Stacks(rig)


# --- CodeDeploy ------------------------------------------------------------------------------------


def test_a_deployment_group_with_all_it_needs(rig: Rig, stacks: Stacks) -> None:
    deploy = rig.client("codedeploy")
    config = resource("CodeDeploy::DeploymentConfig", MinimumHealthyHosts={"Type": "FLEET_PERCENT", "Value": "75"})
    tags = {"Ec2TagSetList": [{"Ec2TagGroup": [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}]}]}
    group = resource(
        "CodeDeploy::DeploymentGroup",
        ApplicationName={"Ref": "App"},
        DeploymentConfigName={"Ref": "Config"},
        DeploymentGroupName="live",
        ServiceRoleArn=ROLE,
        Ec2TagSet=tags,
        AutoRollbackConfiguration={"Enabled": "true", "Events": ["DEPLOYMENT_FAILURE"]},
        Tags=[{"Key": "team", "Value": "a"}],
    )
    app = resource("CodeDeploy::Application", ComputePlatform="Server")
    shown = stacks.create(
        "fleet", {"Group": {"Ref": "Group"}, "App": {"Ref": "App"}}, App=app, Config=config, Group=group
    )
    assert shown["StackStatus"] == "CREATE_COMPLETE"
    names, outputs = stacks.physical("fleet"), stacks.outputs("fleet")
    assert outputs == {"Group": "live", "App": names["App"]}
    assert names["App"].startswith("fleet-App-")
    assert deploy.get_application(applicationName=names["App"])["application"]["computePlatform"] == "Server"
    healthy = deploy.get_deployment_config(deploymentConfigName=names["Config"])["deploymentConfigInfo"]
    assert healthy["minimumHealthyHosts"] == {"type": "FLEET_PERCENT", "value": 75}
    place = {"applicationName": names["App"], "deploymentGroupName": "live"}
    info = deploy.get_deployment_group(**place)["deploymentGroupInfo"]
    assert info["deploymentConfigName"] == names["Config"]
    assert info["ec2TagSet"] == {"ec2TagSetList": [[{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}]]}
    assert info["autoRollbackConfiguration"] == {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    # What is changed in place keeps its identity; what the template no longer has is cleared.
    changed = {**group["Properties"], "Tags": [{"Key": "team", "Value": "b"}]}
    del changed["AutoRollbackConfiguration"]
    stacks.update("fleet", App=app, Config=config, Group={**group, "Properties": changed})
    assert stacks.status("fleet") == "UPDATE_COMPLETE"
    after = deploy.get_deployment_group(**place)["deploymentGroupInfo"]
    assert (after["deploymentGroupId"], after["autoRollbackConfiguration"]["enabled"]) == (
        info["deploymentGroupId"],
        False,
    )
    arn = f"arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:{names['App']}/live"
    assert deploy.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "b"}]
    # Another name makes another group.
    renamed = {**group, "Properties": {**changed, "DeploymentGroupName": "green"}}
    stacks.update("fleet", App=app, Config=config, Group=renamed)
    assert deploy.list_deployment_groups(applicationName=names["App"])["deploymentGroups"] == ["green"]
    stacks.api.delete_stack(StackName="fleet")
    assert names["App"] not in deploy.list_applications()["applications"]
    assert names["Config"] not in deploy.list_deployment_configs()["deploymentConfigsList"]


def test_a_group_deploys_what_its_template_says(rig: Rig, stacks: Stacks) -> None:
    deploy = rig.client("codedeploy")
    location = {"Bucket": "releases", "Key": "app/bundle.zip", "BundleType": "zip"}
    deployment = {"Description": "first", "Revision": {"RevisionType": "S3", "S3Location": location}}
    filters = [{"Key": "nobody", "Type": "KEY_ONLY"}]
    group = resource(
        "CodeDeploy::DeploymentGroup",
        ApplicationName={"Ref": "App"},
        ServiceRoleArn=ROLE,
        Ec2TagFilters=filters,
        Deployment=deployment,
    )
    shown = stacks.create(
        "deploying", App=resource("CodeDeploy::Application", ApplicationName="deploying"), Group=group
    )
    assert shown["StackStatus"] == "CREATE_COMPLETE", stacks.api.describe_stack_events(StackName="deploying")
    (identity,) = deploy.list_deployments(
        applicationName="deploying", deploymentGroupName=stacks.physical("deploying")["Group"]
    )["deployments"]
    assert deploy.get_deployment(deploymentId=identity)["deploymentInfo"]["description"] == "first"


# --- CodePipeline ----------------------------------------------------------------------------------


def test_a_pipeline_runs_is_changed_and_removed(rig: Rig, stacks: Stacks) -> None:
    closed = [{"StageName": "Approve", "Reason": "not yet"}]
    tags = [{"Key": "team", "Value": "a"}]
    declared = pipeline(DisableInboundStageTransitions=closed, Tags=tags)
    outputs = {"Name": {"Ref": "Line"}, "Version": {"Fn::GetAtt": ["Line", "Version"]}}
    stacks.create("line", outputs, Line=declared)
    name = stacks.outputs("line")["Name"]
    assert stacks.outputs("line")["Version"] == "1"
    arn = f"arn:aws:codepipeline:us-east-1:123456789012:{name}"
    assert rig.cp.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "a"}]
    rig.until(lambda: rig.stage(name, "Source")["latestExecution"]["status"] == "Succeeded")
    state = rig.stage(name, "Approve")["inboundTransitionState"]
    assert (state["enabled"], state["disabledReason"]) == (False, "not yet")
    again = pipeline(ExecutionMode="QUEUED", RestartExecutionOnUpdate=True)
    stacks.update("line", outputs, Line=again)
    found = rig.cp.get_pipeline(name=name)["pipeline"]
    assert (found["version"], found["executionMode"]) == (2, "QUEUED")
    assert stacks.outputs("line") == {"Name": name, "Version": "2"}
    assert rig.stage(name, "Approve")["inboundTransitionState"]["enabled"] is True
    assert len(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]) == 2
    assert rig.cp.list_tags_for_resource(resourceArn=arn)["tags"] == []
    stacks.api.delete_stack(StackName="line")
    with refused("PipelineNotFoundException"):
        rig.cp.get_pipeline(name=name)


def test_values_of_a_configuration_become_texts(rig: Rig, stacks: Stacks) -> None:
    declared = pipeline(Name="texts")
    configuration = declared["Properties"]["Stages"][0]["Actions"][0]["Configuration"]
    configuration["PollForSourceChanges"] = False
    stacks.create("texts", Line=declared)
    action = rig.cp.get_pipeline(name="texts")["pipeline"]["stages"][0]["actions"][0]
    assert action["configuration"]["PollForSourceChanges"] == "false"


def test_stores_of_several_regions(rig: Rig, stacks: Stacks) -> None:
    rig.client("s3", "eu-west-1").create_bucket(
        Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    declared = pipeline(Name="abroad")
    store = declared["Properties"].pop("ArtifactStore")
    stores = [
        {"Region": "us-east-1", "ArtifactStore": store},
        {"Region": "eu-west-1", "ArtifactStore": {"Type": "S3", "Location": "abroad"}},
    ]
    declared["Properties"]["ArtifactStores"] = stores
    declared["Properties"]["Stages"][1]["Actions"][0]["Region"] = "us-east-1"
    stacks.create("abroad", Line=declared)
    found = rig.cp.get_pipeline(name="abroad")["pipeline"]["artifactStores"]
    assert {region: each["location"] for region, each in found.items()} == {
        "us-east-1": STORE_BUCKET,
        "eu-west-1": "abroad",
    }


def test_a_custom_action_type_and_a_webhook(rig: Rig, stacks: Stacks) -> None:
    details = {"MinimumCount": 0, "MaximumCount": 1}
    names = {"Category": "Build", "Provider": "Forge", "Version": "1"}
    settings = [{"Name": "Project", "Key": True, "Required": True, "Secret": False, "Type": "String"}]
    forge = resource(
        "CodePipeline::CustomActionType",
        **names,
        InputArtifactDetails=details,
        OutputArtifactDetails=details,
        ConfigurationProperties=settings,
    )
    hook = resource(
        "CodePipeline::Webhook",
        Authentication="GITHUB_HMAC",
        AuthenticationConfiguration={"SecretToken": "secret"},
        Filters=[{"JsonPath": "$.ref", "MatchEquals": "refs/heads/main"}],
        TargetAction="Fetch",
        TargetPipeline={"Ref": "Line"},
        TargetPipelineVersion={"Fn::GetAtt": ["Line", "Version"]},
    )
    declared = pipeline(Name="hooked")
    action = declared["Properties"]["Stages"][0]["Actions"][0]
    hook["Properties"]["TargetAction"] = action["Name"]
    stacks.create("hooked", {"Url": {"Fn::GetAtt": ["Hook", "Url"]}}, Hook=hook, Forge=forge, Line=declared)
    assert stacks.status("hooked") == "CREATE_COMPLETE"
    (listed,) = rig.cp.list_webhooks()["webhooks"]
    assert listed["url"] == stacks.outputs("hooked")["Url"]
    assert listed["definition"]["targetPipeline"] == "hooked"
    types = rig.cp.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    assert [each["id"]["provider"] for each in types] == ["Forge"]
    stacks.api.delete_stack(StackName="hooked")
    assert rig.cp.list_webhooks()["webhooks"] == []
    assert rig.cp.list_action_types(actionOwnerFilter="Custom")["actionTypes"] == []


# --- what stands around a pipeline -----------------------------------------------------------------


def test_a_pipeline_with_its_project_repository_connection_and_bucket(rig: Rig, stacks: Stacks) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = resource("IAM::Role", AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": [trust]})
    image = {"Type": "LINUX_CONTAINER", "ComputeType": "BUILD_GENERAL1_SMALL", "Image": "aws/codebuild/standard:7.0"}
    variables = [{"Name": "COLOUR", "Value": {"Ref": "Repository"}}]
    project = resource(
        "CodeBuild::Project",
        Artifacts={"Type": "CODEPIPELINE"},
        Source={"Type": "CODEPIPELINE", "BuildSpec": "version: 0.2\n"},
        Environment={**image, "EnvironmentVariables": variables},
        ServiceRole={"Ref": "Role"},
    )
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}]}
    outputs = {
        "Project": {"Fn::GetAtt": ["Project", "Arn"]},
        "Repository": {"Fn::GetAtt": ["Repository", "CloneUrlHttp"]},
        "Connection": {"Ref": "Connection"},
    }
    made = {
        "Role": role,
        "Project": project,
        "Repository": resource("CodeCommit::Repository", RepositoryName="around"),
        "Connection": resource("CodeStarConnections::Connection", ConnectionName="c", ProviderType="GitHub"),
        "Bucket": resource("S3::Bucket", BucketName="around"),
        "Policy": resource("S3::BucketPolicy", Bucket={"Ref": "Bucket"}, PolicyDocument=policy),
    }
    shown = stacks.create("around", outputs, **made)
    assert shown["StackStatus"] == "CREATE_COMPLETE", stacks.api.describe_stack_events(StackName="around")
    told, names = stacks.outputs("around"), stacks.physical("around")
    (found,) = rig.client("codebuild").batch_get_projects(names=[names["Project"]])["projects"]
    assert (found["arn"], found["serviceRole"].rpartition("/")[2]) == (told["Project"], names["Role"])
    assert found["environment"]["environmentVariables"][0]["value"] == names["Repository"]
    assert told["Repository"].endswith("/around")
    assert told["Connection"].startswith("arn:aws:codestar-connections:us-east-1:123456789012:connection/")
    assert json.loads(rig.s3.get_bucket_policy(Bucket="around")["Policy"]) == policy
    changed = {**project, "Properties": {**project["Properties"], "Description": "new"}}
    assert stacks.update("around", outputs, **{**made, "Project": changed})["StackStatus"] == "UPDATE_COMPLETE"
    (found,) = rig.client("codebuild").batch_get_projects(names=[names["Project"]])["projects"]
    assert (found["description"], stacks.outputs("around")) == ("new", told)
    stacks.api.delete_stack(StackName="around")
    assert rig.client("codebuild").list_projects()["projects"] == []
    with refused("RepositoryDoesNotExistException"):
        rig.client("codecommit").get_repository(repositoryName="around")


# --- failures --------------------------------------------------------------------------------------


def test_a_stack_whose_pipeline_cannot_be_made_is_rolled_back(rig: Rig, stacks: Stacks) -> None:
    app = resource("CodeDeploy::Application", ApplicationName="rolled-back")
    shown = stacks.create("broken", {"App": {"Ref": "App"}}, App=app, Line=pipeline(Stages=[]))
    assert shown["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "failed to create: [Line]" in shown["StackStatusReason"]
    assert "Outputs" not in shown or shown["Outputs"] == []
    assert "rolled-back" not in rig.client("codedeploy").list_applications()["applications"]
    assert stacks.physical("broken") == {}
    assert stacks.events("broken") == [
        ("broken", "CREATE_IN_PROGRESS"),
        ("Line", "CREATE_FAILED"),
        ("broken", "ROLLBACK_IN_PROGRESS"),
        ("broken", "ROLLBACK_COMPLETE"),
    ]
    failed = next(
        each
        for each in stacks.api.describe_stack_events(StackName="broken")["StackEvents"]
        if each["ResourceStatus"] == "CREATE_FAILED"
    )
    assert failed["ResourceType"] == "AWS::CodePipeline::Pipeline"
    assert failed["ResourceStatusReason"].startswith('Resource handler returned message: "')
    stacks.api.delete_stack(StackName="broken")
    with refused("ValidationError"):
        stacks.shown("broken")


@pytest.mark.parametrize(
    ("kind", "properties", "reason"),
    [
        ("CodeDeploy::Application", {"ApplicationName": "shop", "Colour": "red"}, "extraneous key [Colour]"),
        ("CodeDeploy::DeploymentGroup", {"ApplicationName": "nowhere", "ServiceRoleArn": ROLE}, "NotFound"),
        ("CodeDeploy::DeploymentConfig", {"MinimumHealthyHosts": "all"}, "expected type: JSONObject"),
    ],
)
def test_the_reason_is_told(stacks: Stacks, rig: Rig, kind: str, properties: Json, reason: str) -> None:
    name = rig.name()
    stacks.create(name, It=resource(kind, **properties))
    assert stacks.status(name) == "ROLLBACK_COMPLETE"
    told = [
        each.get("ResourceStatusReason", "") for each in stacks.api.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert any(reason in each for each in told)


def test_an_update_that_fails_is_rolled_back(rig: Rig, stacks: Stacks) -> None:
    app = resource("CodeDeploy::Application", ApplicationName="kept")
    stacks.create("kept", {"Name": {"Ref": "Line"}}, Line=pipeline(Name="kept"))
    shown = stacks.update("kept", App=app, Line=pipeline(Name="kept", Stages=[]))
    assert shown["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "failed to update: [Line]" in shown["StackStatusReason"]
    assert stacks.outputs("kept") == {"Name": "kept"}
    assert set(stacks.physical("kept")) == {"Line"}
    assert "kept" not in rig.client("codedeploy").list_applications()["applications"]
    assert rig.cp.get_pipeline(name="kept")["pipeline"]["version"] == 1
    assert stacks.update("kept", Line=pipeline(Name="kept", ExecutionMode="QUEUED"))["StackStatus"] == "UPDATE_COMPLETE"


def test_a_named_resource_cannot_be_replaced_by_one_of_its_name(rig: Rig, stacks: Stacks) -> None:
    app = resource("CodeDeploy::Application", ApplicationName="named", ComputePlatform="Server")
    stacks.create("named", App=app)
    other = resource("CodeDeploy::Application", ApplicationName="named", ComputePlatform="Lambda")
    assert stacks.update("named", App=other)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    found = rig.client("codedeploy").get_application(applicationName="named")["application"]
    assert found["computePlatform"] == "Server"


def test_change_sets_end_the_same_way(rig: Rig, stacks: Stacks) -> None:
    assert stacks.change("by-set", "CREATE", Line=pipeline(Name="by-set"))["StackStatus"] == "CREATE_COMPLETE"
    broken = stacks.change("by-set", "UPDATE", Line=pipeline(Name="by-set", Stages=[]))
    assert broken["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert rig.cp.get_pipeline(name="by-set")["pipeline"]["version"] == 1
    assert stacks.change("never", "CREATE", Line=pipeline(Stages=[]))["StackStatus"] == "ROLLBACK_COMPLETE"


def test_a_stack_keeps_what_it_cannot_remove(rig: Rig, stacks: Stacks) -> None:
    config = resource("CodeDeploy::DeploymentConfig", MinimumHealthyHosts={"Type": "HOST_COUNT", "Value": 1})
    stacks.create("in-use", Config=config)
    name = stacks.physical("in-use")["Config"]
    deploy = rig.client("codedeploy")
    deploy.create_application(applicationName="using")
    deploy.create_deployment_group(
        applicationName="using", deploymentGroupName="live", serviceRoleArn=ROLE, deploymentConfigName=name
    )
    stacks.api.delete_stack(StackName="in-use")
    assert stacks.status("in-use") == "DELETE_FAILED"
    deploy.delete_application(applicationName="using")
    stacks.api.delete_stack(StackName="in-use")
    assert name not in deploy.list_deployment_configs()["deploymentConfigsList"]


def test_stacks_outlive_the_sandbox(tmp_path: Path) -> None:
    first = Sandbox(tmp_path, keeps_state=True)
    first.start()
    rig = Rig(first, DecidedCodeDeploy())
    rig.seed()
    Stacks(rig).create("kept", Line=pipeline(Name="kept"))
    first.stop()
    second = Sandbox(tmp_path, keeps_state=True)
    second.start()
    try:
        rig = Rig(second, DecidedCodeDeploy())
        assert Stacks(rig).physical("kept") == {"Line": "kept"}
        Stacks(rig).api.delete_stack(StackName="kept")
        with refused("PipelineNotFoundException"):
            rig.cp.get_pipeline(name="kept")
    finally:
        second.stop()
