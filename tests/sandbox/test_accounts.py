"""Accounts and Regions: everything is kept apart, roles lead from one account to another, pipelines reach both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from agent_bench import hook, shell, zipped
from botocore.config import Config
from botocore.exceptions import ClientError
from codepipeline_fixtures import STORE_BUCKET, Rig, deploy, source, stage, whole_rig

HOME, OTHER, THIRD = "123456789012", "210987654321", "333333333333"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def client(rig: Rig, service: str, keys: Mapping[str, str] | None = None, region: str = "us-east-1") -> Any:
    own = keys or {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.client(service, endpoint_url=rig.sandbox.endpoint, region_name=region, config=config, **own)


def assume(rig: Rig, account: str, keys: Mapping[str, str] | None = None, role: str = "admin") -> dict[str, str]:
    arn = f"arn:aws:iam::{account}:role/{role}"
    found = client(rig, "sts", keys).assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def test_a_role_leads_into_its_account_and_from_there_into_a_third(rig: Rig) -> None:
    other = assume(rig, OTHER)
    assert client(rig, "sts", other).get_caller_identity()["Account"] == OTHER
    third = assume(rig, THIRD, other, role="deep/path/auditor")
    identity = client(rig, "sts", third).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (THIRD, f"arn:aws:sts::{THIRD}:assumed-role/auditor/session")


def makes(rig: Rig, keys: Mapping[str, str] | None, region: str) -> dict[str, list[str]]:
    """What an account has in a Region, by service."""

    def of(service: str) -> Any:
        return client(rig, service, keys, region)

    instances = of("ec2").describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    return {
        "codedeploy": of("codedeploy").list_applications()["applications"],
        "codepipeline": [each["name"] for each in of("codepipeline").list_pipelines()["pipelines"]],
        "sqs": of("sqs").list_queues().get("QueueUrls", []),
        "sns": [each["TopicArn"] for each in of("sns").list_topics()["Topics"]],
        "cloudwatch": [each["AlarmName"] for each in of("cloudwatch").describe_alarms()["MetricAlarms"]],
        "dynamodb": of("dynamodb").list_tables()["TableNames"],
        "ec2": [each["InstanceId"] for found in instances["Reservations"] for each in found["Instances"]],
    }


def make_one_of_each(rig: Rig, keys: Mapping[str, str] | None, region: str) -> None:
    def of(service: str) -> Any:
        return client(rig, service, keys, region)

    of("codedeploy").create_application(applicationName="apart")
    of("sqs").create_queue(QueueName="apart")
    of("sns").create_topic(Name="apart")
    of("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    of("dynamodb").create_table(
        TableName="apart",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    of("cloudwatch").put_metric_alarm(
        AlarmName="apart",
        MetricName="m",
        Namespace="n",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    place = {"artifactStore": {"type": "S3", "location": STORE_BUCKET}}
    stages = [stage("Source", source()), stage("Deploy", deploy("none"))]
    role = f"arn:aws:iam::{HOME}:role/pipelines"
    of("codepipeline").create_pipeline(pipeline={"name": "apart", "roleArn": role, "stages": stages, **place})


def test_accounts_and_regions_are_kept_apart_in_every_service(rig: Rig) -> None:
    places: list[tuple[Mapping[str, str] | None, str]] = [
        (assume(rig, THIRD), "ap-south-1"),
        (assume(rig, THIRD), "eu-west-2"),
        (assume(rig, OTHER), "ap-south-1"),
        (None, "ap-south-1"),
    ]
    for number, (keys, region) in enumerate(places):
        assert not any(makes(rig, keys, region).values())
        make_one_of_each(rig, keys, region)
        assert all(len(found) == 1 for found in makes(rig, keys, region).values())
        for later, elsewhere in places[number + 1 :]:
            assert not any(makes(rig, later, elsewhere).values())


def test_arns_and_deployments_name_their_account_and_nobody_elses_can_be_read(rig: Rig) -> None:
    other = assume(rig, OTHER)
    codedeploy = client(rig, "codedeploy", other)
    codedeploy.create_application(applicationName="theirs")
    arn = f"arn:aws:codedeploy:us-east-1:{OTHER}:application:theirs"
    assert codedeploy.list_tags_for_resource(ResourceArn=arn)["Tags"] == []
    with pytest.raises(ClientError) as caught:
        client(rig, "codedeploy").get_application(applicationName="theirs")
    assert caught.value.response["Error"]["Code"] == "ApplicationDoesNotExistException"


def test_buckets_have_one_owner_and_one_name_in_the_world(rig: Rig) -> None:
    other = client(rig, "s3", assume(rig, OTHER))
    other.create_bucket(Bucket="only-theirs")
    assert "only-theirs" not in [each["Name"] for each in client(rig, "s3").list_buckets()["Buckets"]]
    # us-east-1 answers an owner's second CreateBucket as the first; another account's is refused.
    with pytest.raises(ClientError) as caught:
        client(rig, "s3").create_bucket(Bucket="only-theirs")
    assert caught.value.response["Error"]["Code"] in {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}


def group(rig: Rig, keys: Mapping[str, str] | None, region: str, name: str, account: str) -> Any:
    """A deployment group with one instance."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "serves", "Value": name}]}]
    client(rig, "ec2", keys, region).run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags
    )
    codedeploy = client(rig, "codedeploy", keys, region)
    if "shop" not in codedeploy.list_applications()["applications"]:
        codedeploy.create_application(applicationName="shop")
    codedeploy.create_deployment_group(
        applicationName="shop",
        deploymentGroupName=name,
        serviceRoleArn=f"arn:aws:iam::{account}:role/codedeploy",
        ec2TagFilters=[{"Key": "serves", "Value": name, "Type": "KEY_AND_VALUE"}],
    )
    return codedeploy


def bundle() -> bytes:
    return zipped({"appspec.yml": hook("AfterInstall", "location: run.sh"), "run.sh": shell("exit 0")})


def only_deployment(codedeploy: Any, name: str) -> Any:
    (found,) = codedeploy.list_deployments(applicationName="shop", deploymentGroupName=name)["deployments"]
    return codedeploy.get_deployment(deploymentId=found)["deploymentInfo"]


def test_a_pipeline_deploys_in_another_account_by_its_actions_role(rig: Rig) -> None:
    codedeploy = group(rig, assume(rig, OTHER), "us-east-1", "theirs", OTHER)
    rig.put(bundle())
    name = rig.create(stage("Deploy", deploy("theirs", roleArn=f"arn:aws:iam::{OTHER}:role/deployer")))
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"
    assert only_deployment(codedeploy, "theirs")["status"] == "Succeeded"
    assert "shop" not in client(rig, "codedeploy").list_applications()["applications"]


def test_a_pipeline_deploys_in_another_region(rig: Rig) -> None:
    client(rig, "s3", region="eu-west-1").create_bucket(
        Bucket="artifacts-eu", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    codedeploy = group(rig, None, "eu-west-1", "far", HOME)
    rig.put(bundle())
    stores = {
        "us-east-1": {"type": "S3", "location": STORE_BUCKET},
        "eu-west-1": {"type": "S3", "location": "artifacts-eu"},
    }
    declared = {
        "name": "across",
        "pipelineType": "V2",
        "roleArn": f"arn:aws:iam::{HOME}:role/delivery",
        "artifactStores": stores,
        "stages": [stage("Source", source()), stage("Deploy", deploy("far", region="eu-west-1"))],
    }
    rig.cp.create_pipeline(pipeline=declared)
    assert rig.ends("across", rig.first_execution("across")) == "Succeeded"
    deployment = only_deployment(codedeploy, "far")
    assert deployment["status"] == "Succeeded"
    assert deployment["revision"]["s3Location"]["bucket"] == "artifacts-eu"
