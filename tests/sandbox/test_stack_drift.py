"""Drift of stacks: what was changed or deleted behind CloudFormation's back, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from sandbox_processes import client_at

from deliverkit.sandbox.drift.comparison import differences
from deliverkit.sandbox.drift.readers import READERS
from deliverkit.sandbox.server import Sandbox

TAGS = [{"Key": "team", "Value": "shop"}]
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}],
}


class Account:
    """An account with stacks."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.stacks = self.client("cloudformation")
        network = self.client("ec2")
        self.vpc = network.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.subnets = [each["SubnetId"] for each in network.describe_subnets()["Subnets"][:2]]
        self.image = network.describe_images()["Images"][0]["ImageId"]

    def client(self, service: str) -> Any:
        return client_at(self.sandbox.endpoint, service)

    def make(self, name: str, **resources: Any) -> str:
        body = json.dumps({"Resources": resources})
        made = self.stacks.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
        told = self.stacks.describe_stacks(StackName=name)["Stacks"][0]
        assert told["StackStatus"] == "CREATE_COMPLETE", self.stacks.describe_stack_events(StackName=name)
        return str(made["StackId"])

    def ids(self, stack: str) -> dict[str, str]:
        told = self.stacks.describe_stack_resources(StackName=stack)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in told}

    def advance(self) -> None:
        self.sandbox.control.answer("POST", "clock", {"advance_seconds": 1})

    def detect(self, name: str, **more: Any) -> dict[str, Any]:
        detection = self.stacks.detect_stack_drift(StackName=name, **more)["StackDriftDetectionId"]
        self.advance()
        found: dict[str, Any] = self.stacks.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        return found

    def drifts(self, name: str, **more: Any) -> dict[str, Any]:
        told = self.stacks.describe_stack_resource_drifts(StackName=name, **more)["StackResourceDrifts"]
        return {each["LogicalResourceId"]: each for each in told}

    def changed(self, name: str) -> dict[str, list[tuple[str, str, str, str]]]:
        """The differences of every resource that is not in sync, after a new detection."""
        self.detect(name)
        members = ("PropertyPath", "ExpectedValue", "ActualValue", "DifferenceType")
        return {
            logical: [tuple(each[member] for member in members) for each in drift.get("PropertyDifferences", ())]
            for logical, drift in self.drifts(name).items()
            if drift["StackResourceDriftStatus"] != "IN_SYNC"
        }


@pytest.fixture(scope="module")
def account(sandbox: Sandbox) -> Iterator[Account]:
    found = Account(sandbox)
    sandbox.world.clock.set_speed(0)
    yield found
    sandbox.world.clock.set_speed(1)


def everything(account: Account) -> dict[str, Any]:
    """One resource of each type whose drift can be detected, with all properties that are compared."""
    return {
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupName": "web",
                "GroupDescription": "web",
                "VpcId": account.vpc,
                "SecurityGroupIngress": [
                    {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0", "Description": "all"},
                    {"IpProtocol": "tcp", "FromPort": "443", "ToPort": "443", "CidrIp": "10.0.0.0/8"},
                ],
                "SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}],
                "Tags": TAGS,
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": "errors",
                "ActionsEnabled": True,
                "Namespace": "Shop",
                "MetricName": "Errors",
                "Dimensions": [{"Name": "Part", "Value": "web"}],
                "Statistic": "Sum",
                "Period": "60",
                "EvaluationPeriods": 3,
                "DatapointsToAlarm": 2,
                "Threshold": 5,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [{"Ref": "Topic"}],
            },
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "TopicName": "news",
                "DisplayName": "News",
                "Subscription": [{"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": "work",
                "DelaySeconds": 5,
                "VisibilityTimeout": 60,
                "MessageRetentionPeriod": 3600,
                "ReceiveMessageWaitTimeSeconds": 2,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3},
            },
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": "shop-files",
                "VersioningConfiguration": {"Status": "Enabled"},
                "Tags": TAGS,
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
                    ]
                },
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [
                    {"AttributeName": "id", "AttributeType": "S"},
                    {"AttributeName": "at", "AttributeType": "N"},
                ],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "by-time",
                        "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "ALL"},
                        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
                    }
                ],
                "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "web",
                "AssumeRolePolicyDocument": TRUST,
                "MaxSessionDuration": 7200,
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess", {"Ref": "Managed"}],
                "Policies": [{"PolicyName": "own", "PolicyDocument": POLICY}],
                "Tags": TAGS,
            },
        },
        "Managed": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": POLICY, "Path": "/shop/"}},
        "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Path": "/", "Roles": [{"Ref": "Role"}]}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/shop", "RetentionInDays": 7}},
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"Description": "files", "Enabled": True, "KeyPolicy": POLICY}},
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "deployed",
                "State": "ENABLED",
                "EventPattern": {"source": ["aws.codedeploy"]},
                "Targets": [{"Arn": {"Ref": "Topic"}, "Id": "news"}],
            },
        },
        "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/a", "Type": "String", "Value": "1"}},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "smoke",
                "Handler": "index.handler",
                "Runtime": "python3.11",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Timeout": 10,
                "MemorySize": 256,
                "Environment": {"Variables": {"STAGE": "test"}},
                "Code": {"ZipFile": "def handler(event, context): return 1"},
            },
        },
        "Server": {
            "Type": "AWS::EC2::Instance",
            "Properties": {
                "ImageId": account.image,
                "InstanceType": "t3.micro",
                "SubnetId": account.subnets[0],
                "SecurityGroupIds": [{"Ref": "Group"}],
                "Tags": [*TAGS, {"Key": "deliverkit:agent", "Value": "none"}],
            },
        },
        "Launch": {
            "Type": "AWS::AutoScaling::LaunchConfiguration",
            "Properties": {"ImageId": account.image, "InstanceType": "t3.micro"},
        },
        "Fleet": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "AutoScalingGroupName": "fleet",
                "MinSize": "0",
                "MaxSize": "2",
                "DesiredCapacity": "0",
                "LaunchConfigurationName": {"Ref": "Launch"},
                "VPCZoneIdentifier": account.subnets,
                "TargetGroupARNs": [{"Ref": "Targets"}],
            },
        },
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Name": "shop", "Subnets": account.subnets, "SecurityGroups": [{"Ref": "Group"}]},
        },
        "Targets": {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {
                "Name": "web",
                "Port": 80,
                "Protocol": "HTTP",
                "VpcId": account.vpc,
                "HealthCheckPath": "/healthz",
                "HealthCheckIntervalSeconds": 10,
                "HealthyThresholdCount": 2,
                "Matcher": {"HttpCode": "200-299"},
            },
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Port": 8088,
                "Protocol": "HTTP",
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}],
            },
        },
    }


def test_a_new_stack_is_in_sync_whatever_its_resources(account: Account) -> None:
    resources = everything(account)
    assert {each["Type"] for each in resources.values()} >= set(READERS)
    stack = account.make("everything", **resources)
    found = account.detect("everything")
    assert account.changed("everything") == {}
    assert (found["DetectionStatus"], found["StackDriftStatus"]) == ("DETECTION_COMPLETE", "IN_SYNC")
    assert (found["DriftedStackResourceCount"], found["StackId"]) == (0, stack)
    # A launch configuration cannot be checked, and so is not told of.
    assert set(account.drifts("everything")) == set(resources) - {"Launch"}
    # What the stack itself changes is no drift; those that stay themselves keep their ids.
    before = account.ids("everything")
    for (logical, name), value in UPDATES.items():
        resources[logical]["Properties"][name] = value
    body = json.dumps({"Resources": resources})
    account.stacks.update_stack(StackName="everything", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
    assert account.stacks.describe_stacks(StackName="everything")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
    assert account.changed("everything") == {}
    assert account.ids("everything") == before


OTHERS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}
UPDATES: dict[tuple[str, str], Any] = {
    ("Group", "SecurityGroupIngress"): [{"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81, "CidrIp": "0.0.0.0/0"}],
    ("Alarm", "Threshold"): 9,
    ("Topic", "DisplayName"): "More news",
    ("Queue", "DelaySeconds"): 9,
    ("Bucket", "VersioningConfiguration"): {"Status": "Suspended"},
    ("Table", "ProvisionedThroughput"): {"ReadCapacityUnits": 6, "WriteCapacityUnits": 5},
    ("Role", "AssumeRolePolicyDocument"): json.loads(json.dumps(TRUST).replace("ec2.", "lambda.")),
    ("Role", "MaxSessionDuration"): 3600,
    ("Role", "ManagedPolicyArns"): [{"Ref": "Managed"}],
    ("Role", "Policies"): [{"PolicyName": "own", "PolicyDocument": OTHERS}],
    ("Role", "Tags"): [{"Key": "team", "Value": "other"}],
    ("Managed", "PolicyDocument"): OTHERS,
    ("Logs", "RetentionInDays"): 14,
    ("Key", "Description"): "more files",
    ("Rule", "State"): "DISABLED",
    ("Parameter", "Value"): "2",
    ("Function", "Timeout"): 11,
    ("Server", "Tags"): [{"Key": "team", "Value": "other"}, {"Key": "deliverkit:agent", "Value": "none"}],
    ("Fleet", "MaxSize"): "3",
    ("Targets", "HealthCheckPath"): "/readyz",
}
REPOSITORY = {"Type": "AWS::CodeCommit::Repository", "Properties": {"RepositoryName": "shop"}}
QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5, "VisibilityTimeout": 60}}
ALARM: dict[str, Any] = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "AlarmName": "changed",
        "Namespace": "Shop",
        "MetricName": "Errors",
        "ExtendedStatistic": "p99",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
    },
}


def test_what_was_changed_is_told_property_by_property(account: Account) -> None:
    resources = everything(account)
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, "RoleName": "changed"}}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {**resources["Bucket"]["Properties"], "BucketName": "changed"}}
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {**resources["Group"]["Properties"], "GroupName": "g"}}
    logs = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/changed", "RetentionInDays": 7}}
    account.make("changed", Queue=QUEUE, Role=role, Bucket=bucket, Group=group, Logs=logs, Alarm=ALARM)
    ids = account.ids("changed")

    account.client("sqs").set_queue_attributes(QueueUrl=ids["Queue"], Attributes={"DelaySeconds": "9"})
    trust = json.loads(json.dumps(TRUST).replace("ec2.", "lambda."))
    account.client("iam").update_assume_role_policy(RoleName=ids["Role"], PolicyDocument=json.dumps(trust))
    s3 = account.client("s3")
    s3.delete_public_access_block(Bucket="changed")
    s3.put_bucket_tagging(Bucket="changed", Tagging={"TagSet": [*TAGS, {"Key": "more", "Value": "1"}]})
    network = account.client("ec2")
    secure = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    network.revoke_security_group_ingress(GroupId=ids["Group"], IpPermissions=[secure])
    shell = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    network.authorize_security_group_ingress(GroupId=ids["Group"], IpPermissions=[shell])
    account.client("logs").delete_retention_policy(logGroupName="/changed")
    put = {**ALARM["Properties"], "Threshold": 50}
    account.client("cloudwatch").put_metric_alarm(**put)

    found = account.changed("changed")
    assert found["Queue"] == [("/DelaySeconds", "5", "9", "NOT_EQUAL")]
    assert found["Role"] == [
        (
            "/AssumeRolePolicyDocument/Statement/0/Principal/Service",
            "ec2.amazonaws.com",
            "lambda.amazonaws.com",
            "NOT_EQUAL",
        )
    ]
    (tag, blocked) = found["Bucket"]
    assert tag == ("/Tags/1", "null", '{"Key": "more", "Value": "1"}', "ADD")
    assert (blocked[0], blocked[2:]) == ("/PublicAccessBlockConfiguration", ("null", "REMOVE"))
    removed, added = found["Group"]
    assert (removed[0], removed[3], json.loads(removed[1])["FromPort"]) == ("/SecurityGroupIngress/1", "REMOVE", "443")
    assert (added[0], added[3], json.loads(added[2])["FromPort"]) == ("/SecurityGroupIngress/1", "ADD", 22)
    assert found["Logs"] == [("/RetentionInDays", "7", "null", "REMOVE")]
    assert found["Alarm"] == [("/Threshold", "5", "50.0", "NOT_EQUAL")]

    queue = account.drifts("changed")["Queue"]
    assert json.loads(queue["ExpectedProperties"]) == {"DelaySeconds": 5, "VisibilityTimeout": 60}
    assert json.loads(queue["ActualProperties"]) == {"DelaySeconds": "9", "VisibilityTimeout": "60"}
    assert (queue["ResourceType"], queue["PhysicalResourceId"]) == ("AWS::SQS::Queue", ids["Queue"])
    assert list(account.drifts("changed", StackResourceDriftStatusFilters=["IN_SYNC"])) == []
    info = account.stacks.describe_stacks(StackName="changed")["Stacks"][0]["DriftInformation"]
    assert (info["StackDriftStatus"], "LastCheckTimestamp" in info) == ("DRIFTED", True)


def test_what_was_deleted_is_told_and_what_was_changed_back_is_in_sync(account: Account) -> None:
    account.make("deleted", Queue=QUEUE, Other=QUEUE)
    queues = account.client("sqs")
    ids = account.ids("deleted")
    queues.delete_queue(QueueUrl=ids["Queue"])
    queues.set_queue_attributes(QueueUrl=ids["Other"], Attributes={"DelaySeconds": "9"})
    found = account.detect("deleted")
    assert (found["StackDriftStatus"], found["DriftedStackResourceCount"]) == ("DRIFTED", 2)
    gone = account.drifts("deleted", StackResourceDriftStatusFilters=["DELETED"])["Queue"]
    assert "ExpectedProperties" not in gone
    assert "ActualProperties" not in gone
    queues.set_queue_attributes(QueueUrl=ids["Other"], Attributes={"DelaySeconds": "5"})
    assert account.changed("deleted") == {"Queue": []}


def test_an_update_of_the_stack_is_no_drift(account: Account) -> None:
    account.make("updated", Queue=QUEUE, Alarm={**ALARM, "Properties": {**ALARM["Properties"], "AlarmName": "up"}})
    changed = {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 7}},
        "Alarm": {**ALARM, "Properties": {**ALARM["Properties"], "AlarmName": "up", "Threshold": 6}},
    }
    account.stacks.update_stack(StackName="updated", TemplateBody=json.dumps({"Resources": changed}))
    assert account.changed("updated") == {}
    alarms = account.client("cloudwatch").describe_alarms(AlarmNames=["up"])["MetricAlarms"]
    assert [each["Threshold"] for each in alarms] == [6]
    account.stacks.delete_stack(StackName="updated")
    assert account.client("cloudwatch").describe_alarms(AlarmNames=["up"])["MetricAlarms"] == []


def test_a_detection_takes_its_time(account: Account) -> None:
    account.make("slow", Queue=QUEUE)
    before = account.stacks.describe_stacks(StackName="slow")["Stacks"][0]["DriftInformation"]
    detection = account.stacks.detect_stack_drift(StackName="slow")["StackDriftDetectionId"]
    found = account.stacks.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    assert found["DetectionStatus"] == "DETECTION_IN_PROGRESS"
    assert "StackDriftStatus" not in found
    with pytest.raises(ClientError, match="already in progress"):
        account.stacks.detect_stack_drift(StackName="slow")
    assert before == {"StackDriftStatus": "NOT_CHECKED"}
    assert account.drifts("slow") == {}
    account.advance()
    assert list(account.drifts("slow")) == ["Queue"]


def test_some_resources_or_one_can_be_checked_alone(account: Account) -> None:
    account.make("some", Queue=QUEUE, Other=QUEUE, Code=REPOSITORY)
    account.detect("some", LogicalResourceIds=["Other"])
    assert list(account.drifts("some")) == ["Other"]
    drift = account.stacks.detect_stack_resource_drift(StackName="some", LogicalResourceId="Queue")[
        "StackResourceDrift"
    ]
    assert drift["StackResourceDriftStatus"] == "IN_SYNC"
    assert set(account.drifts("some")) == {"Other", "Queue"}
    first = account.stacks.describe_stack_resource_drifts(StackName="some", MaxResults=1)
    rest = account.stacks.describe_stack_resource_drifts(StackName="some", NextToken=first["NextToken"])
    assert len(first["StackResourceDrifts"]) == len(rest["StackResourceDrifts"]) == 1
    told = account.stacks.describe_stack_resources(StackName="some")["StackResources"]
    assert {each["LogicalResourceId"]: each["DriftInformation"]["StackResourceDriftStatus"] for each in told} == {
        "Queue": "IN_SYNC",
        "Other": "IN_SYNC",
        "Code": "NOT_CHECKED",
    }
    with pytest.raises(ClientError, match="not supported"):
        account.stacks.detect_stack_resource_drift(StackName="some", LogicalResourceId="Code")


def test_a_stack_without_anything_to_check_is_not_checked(account: Account) -> None:
    account.make("nothing", Launch=everything(account)["Launch"])
    found = account.detect("nothing")
    assert (found["DetectionStatus"], found["StackDriftStatus"]) == ("DETECTION_COMPLETE", "NOT_CHECKED")


def test_what_is_not_there_is_refused(account: Account) -> None:
    account.make("there", Queue=QUEUE)
    calls: list[tuple[Any, dict[str, Any]]] = [
        (account.stacks.detect_stack_drift, {"StackName": "nowhere"}),
        (account.stacks.describe_stack_resource_drifts, {"StackName": "nowhere"}),
        (account.stacks.describe_stack_drift_detection_status, {"StackDriftDetectionId": "nothing"}),
        (account.stacks.detect_stack_drift, {"StackName": "there", "LogicalResourceIds": ["Nobody"]}),
        (account.stacks.detect_stack_resource_drift, {"StackName": "there", "LogicalResourceId": "Nobody"}),
    ]
    for operation, params in calls:
        with pytest.raises(ClientError) as refused:
            operation(**params)
        assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_a_stack_that_was_rolled_back_has_no_drift(account: Account) -> None:
    broken = {
        "Type": "AWS::CodeDeploy::DeploymentGroup",
        "Properties": {"ApplicationName": "no", "ServiceRoleArn": "x"},
    }
    body = json.dumps({"Resources": {"Group": broken}})
    account.stacks.create_stack(StackName="broken", TemplateBody=body)
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE"):
        account.stacks.detect_stack_drift(StackName="broken")


# --- the comparison itself --------------------------------------------------------------------------

values: Any = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), st.text(alphabet="ab", min_size=1, max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("XYZ"), inner, max_size=2)),
    max_leaves=6,
)
properties = st.dictionaries(st.sampled_from(["A", "B", "C"]), values, max_size=3)


@given(properties)
def test_nothing_differs_from_itself(expected: dict[str, Any]) -> None:
    assert differences(expected, json.loads(json.dumps(expected))) == []


@given(properties, st.text(alphabet="xyz", min_size=4, max_size=5))
def test_only_what_the_template_defines_is_compared(expected: dict[str, Any], more: str) -> None:
    assert differences(expected, {**expected, "D": more}) == []
    assert differences(expected, {}) == []


@pytest.mark.parametrize(
    ("expected", "actual", "found"),
    [
        ("60", 60, []),
        ("true", True, []),
        (5, 5.0, []),
        (["a", "b"], ["b", "a"], []),
        ({"x": 1}, {"x": 1, "y": 2}, []),
        (["a"], "a", []),
        (["a", "b"], ["a"], [("/P/1", "REMOVE")]),
        (["a"], ["a", "c"], [("/P/1", "ADD")]),
        ({"x": 1}, {"x": 2}, [("/P/x", "NOT_EQUAL")]),
        ({"x": 1}, None, [("/P", "REMOVE")]),
    ],
)
def test_comparisons(expected: Any, actual: Any, found: list[tuple[str, str]]) -> None:
    assert [(each.path, each.kind) for each in differences({"P": expected}, {"P": actual})] == found
