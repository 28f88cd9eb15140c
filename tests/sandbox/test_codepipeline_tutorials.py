"""Definitions as AWS's tutorials and public samples write them: accepted as they stand, and honestly run or failed."""

from __future__ import annotations

from typing import Any

import pytest
from codepipeline_actions import error_of
from codepipeline_fixtures import KEY, ROLE, SOURCE_BUCKET, STORE_BUCKET, Rig, refused

from deliverkit.sandbox.codepipeline.providers import PROVIDERS
from deliverkit.sandbox.codepipeline.providers.unexecuted import unexecuted

CONFIGURATIONS: dict[str, dict[str, str]] = {
    "ECRBuildAndPublish": {"ECRRepositoryName": "shop", "ImageTags": "latest", "RegistryType": "private"},
    "DeviceFarm": {
        "AppType": "Android",
        "ProjectId": "d12c3e45",
        "App": "app-release.apk",
        "TestType": "BUILTIN_FUZZ",
        "DevicePoolArn": "arn:aws:devicefarm:us-west-2::devicepool:0EXAMPLE",
        "FuzzEventCount": "6000",
    },
    "AppConfig": {"Application": "2s2qv57", "Environment": "uj4u2uw", "ConfigurationProfile": "PvjrpU"},
    "EC2": {"InstanceTagKey": "Name", "InstanceType": "EC2", "TargetDirectory": "/home/ec2-user/deploy"},
    "EKS": {"ClusterName": "shop"},
    "ElasticBeanstalk": {"ApplicationName": "shop", "EnvironmentName": "shop-live"},
    "Lambda": {"FunctionName": "shop", "DeployStrategy": "AllAtOnce"},
    "OpsWorks": {"Stack": "shop", "Layer": "web", "App": "shop"},
    "ServiceCatalog": {"TemplateFilePath": "product.json", "ProductVersionName": "devops S3 v2"},
    "AlexaSkillsKit": {"ClientId": "amzn1", "ClientSecret": "s", "RefreshToken": "r", "SkillId": "amzn1.ask.skill.1"},
    "CodePipeline": {"PipelineName": "other"},
    "InspectorScan": {"InspectorRunMode": "SourceCodeScan"},
    "Snyk": {},
}
"""Of the types that the sandbox does not run, after the examples of the action references."""
MEMBERS_OF_CLI = {
    "name": "MyFirstPipeline",
    "roleArn": ROLE,
    "artifactStore": {"type": "S3", "location": STORE_BUCKET},
    "version": 1,
}


def action(name: str, kind: dict[str, str], configuration: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "inputArtifacts": [],
        "name": name,
        "actionTypeId": kind,
        "outputArtifacts": [],
        "configuration": configuration,
        "runOrder": 1,
        **more,
    }


def of_aws(category: str, provider: str) -> dict[str, str]:
    return {"category": category, "owner": "AWS", "version": "1", "provider": provider}


def s3_source() -> dict[str, Any]:
    configuration = {"S3Bucket": SOURCE_BUCKET, "S3ObjectKey": KEY, "PollForSourceChanges": "false"}
    return action("Source", of_aws("Source", "S3"), configuration, outputArtifacts=[{"name": "MyApp"}])


def test_the_first_tutorials_pipeline_is_a_v1_pipeline_that_deploys(rig: Rig) -> None:
    deploy = action(
        "CodePipelineDemoFleet",
        of_aws("Deploy", "CodeDeploy"),
        {"ApplicationName": "CodePipelineDemoApplication", "DeploymentGroupName": "ok"},
        inputArtifacts=[{"name": "MyApp"}],
    )
    stages = [{"name": "Source", "actions": [s3_source()]}, {"name": "Staging", "actions": [deploy]}]
    made = rig.cp.create_pipeline(pipeline={**MEMBERS_OF_CLI, "stages": stages})["pipeline"]
    assert (made["pipelineType"], made["executionMode"], made["version"]) == ("V1", "SUPERSEDED", 1)
    assert rig.ends("MyFirstPipeline", rig.first_execution("MyFirstPipeline")) == "Succeeded"
    # What get-pipeline answers is what update-pipeline takes.
    shown = rig.cp.get_pipeline(name="MyFirstPipeline")["pipeline"]
    assert rig.cp.update_pipeline(pipeline=shown)["pipeline"] == {**shown, "version": 2}


def test_a_map_of_stores_may_hold_more_regions_than_are_used(rig: Rig) -> None:
    key = {"id": "arn:aws:kms:us-east-1:123456789012:key/1", "type": "KMS"}
    regions = ("us-east-1", "us-west-2")
    stores = {region: {"type": "S3", "location": STORE_BUCKET, "encryptionKey": key} for region in regions}
    approve = action("Ask", of_aws("Approval", "Manual"), {})
    members = {name: value for name, value in MEMBERS_OF_CLI.items() if name != "artifactStore"}
    stages = [{"name": "Source", "actions": [s3_source()]}, {"name": "Ask", "actions": [approve]}]
    made = rig.cp.create_pipeline(
        pipeline={**members, "name": "stores", "artifactStores": stores, "stages": stages},
    )["pipeline"]
    assert made["artifactStores"] == stores


def test_every_type_that_is_not_run_is_tried_here() -> None:
    assert {each.kind.type.provider for each in unexecuted()} == set(CONFIGURATIONS)


@pytest.mark.parametrize("provider", sorted(CONFIGURATIONS))
def test_an_action_that_the_sandbox_does_not_run_is_accepted_and_fails(rig: Rig, provider: str) -> None:
    kind = next(each.kind for each in unexecuted() if each.kind.type.provider == provider)
    inputs = [{"name": "MyApp"}] if kind.inputs[1] else []
    late = action("Late", kind.type.as_json(), CONFIGURATIONS[provider], inputArtifacts=inputs)
    stages = [{"name": "Source", "actions": [s3_source()]}, {"name": "Late", "actions": [late]}]
    name = f"tries-{provider}"
    rig.cp.create_pipeline(pipeline={**MEMBERS_OF_CLI, "name": name, "stages": stages})
    execution = rig.first_execution(name)
    assert rig.ends(name, execution) == "Failed"
    code, message = error_of(rig, name, execution, "Late")
    assert code == "SystemUnavailable"
    assert f"{kind.type.category}/{kind.type.owner}/{provider}/1" in message


def test_what_such_a_type_needs_must_be_there(rig: Rig) -> None:
    late = action("Late", of_aws("Deploy", "ElasticBeanstalk"), {"ApplicationName": "shop"})
    late["inputArtifacts"] = [{"name": "MyApp"}]
    stages = [{"name": "Source", "actions": [s3_source()]}, {"name": "Late", "actions": [late]}]
    with refused("InvalidActionDeclarationException", "EnvironmentName"):
        rig.cp.create_pipeline(pipeline={**MEMBERS_OF_CLI, "name": "short", "stages": stages})


@pytest.mark.parametrize("provider", ["EC2", "EKS", "ECRBuildAndPublish", "Lambda", "InspectorScan", "CodePipeline"])
def test_types_of_v2_make_a_v2_pipeline_and_are_refused_in_v1(rig: Rig, provider: str) -> None:
    kind = next(
        kind for kind in PROVIDERS if kind.provider == provider and (kind.category, provider) != ("Invoke", "Lambda")
    )
    inputs = [{"name": "MyApp"}] if provider != "CodePipeline" else []
    late = action("Late", kind.as_json(), CONFIGURATIONS[provider], inputArtifacts=inputs)
    stages = [{"name": "Source", "actions": [s3_source()]}, {"name": "Late", "actions": [late]}]
    declared = {**MEMBERS_OF_CLI, "name": f"newer-{provider}", "stages": stages}
    with refused("InvalidStructureException", "V2"):
        rig.cp.create_pipeline(pipeline={**declared, "pipelineType": "V1"})
    assert rig.cp.create_pipeline(pipeline=declared)["pipeline"]["pipelineType"] == "V2"
