"""Readers of the resource types whose drift can be detected.

A type is here when CloudFormation's user guide lists it under "Resource type support for imports and drift detection"
and moto keeps what its templates say; the properties that a reader leaves out are those that moto drops.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.drift.reading import Properties, Reader, ask, one, own_tags, pick
from deliverkit.sandbox.stacks.kind import Place

Expected = Mapping[str, Any]


# --- CloudWatch and its logs ------------------------------------------------------------------------


def _alarm(place: Place, name: str, _: Expected) -> Properties | None:
    found = one(ask(place, "cloudwatch", "DescribeAlarms", AlarmNames=[name]), "MetricAlarms")
    if found is None:
        return None
    names = "AlarmName AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions MetricName"
    more = "Namespace Statistic ExtendedStatistic Dimensions Period Unit EvaluationPeriods DatapointsToAlarm Threshold"
    return pick(found, *names.split(), *more.split(), "ComparisonOperator", "TreatMissingData")


def _log_group(place: Place, name: str, _: Expected) -> Properties | None:
    listed = ask(place, "logs", "DescribeLogGroups", logGroupNamePrefix=name) or {}
    found = next((each for each in listed.get("logGroups", ()) if each["logGroupName"] == name), None)
    if found is None:
        return None
    return pick(found, LogGroupName="logGroupName", RetentionInDays="retentionInDays")


# --- messages ---------------------------------------------------------------------------------------


def _topic(place: Place, arn: str, _: Expected) -> Properties | None:
    found = ask(place, "sns", "GetTopicAttributes", TopicArn=arn)
    if found is None:
        return None
    attributes = found["Attributes"]
    subscribed = (ask(place, "sns", "ListSubscriptionsByTopic", TopicArn=arn) or {}).get("Subscriptions", ())
    return {
        "TopicName": arn.rpartition(":")[2],
        **pick(attributes, "DisplayName", "KmsMasterKeyId"),
        "Subscription": [pick(each, "Protocol", "Endpoint") for each in subscribed],
    }


def _queue(place: Place, url: str, _: Expected) -> Properties | None:
    found = ask(place, "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
    if found is None:
        return None
    attributes = found.get("Attributes", {})
    names = "DelaySeconds MaximumMessageSize MessageRetentionPeriod VisibilityTimeout KmsMasterKeyId FifoQueue"
    redrive = attributes.get("RedrivePolicy")
    return {
        "QueueName": url.rpartition("/")[2],
        **pick(attributes, *names.split(), ReceiveMessageWaitTimeSeconds="ReceiveMessageWaitTimeSeconds"),
        "RedrivePolicy": json.loads(redrive) if redrive else None,
    }


def _rule(place: Place, name: str, _: Expected) -> Properties | None:
    found = ask(place, "events", "DescribeRule", Name=name.rpartition("/")[2])
    if found is None:
        return None
    targets = (ask(place, "events", "ListTargetsByRule", Rule=found["Name"]) or {}).get("Targets", ())
    pattern = found.get("EventPattern")
    return {
        **pick(found, "Name", "Description", "State", "ScheduleExpression"),
        "EventPattern": json.loads(pattern) if pattern else None,
        "Targets": [dict(each) for each in targets],
    }


# --- storage ----------------------------------------------------------------------------------------


def _bucket(place: Place, name: str, _: Expected) -> Properties | None:
    if ask(place, "s3", "GetBucketLocation", Bucket=name) is None:
        return None
    versioning = ask(place, "s3", "GetBucketVersioning", Bucket=name) or {}
    tags = (ask(place, "s3", "GetBucketTagging", Bucket=name) or {}).get("TagSet")
    encryption = ask(place, "s3", "GetBucketEncryption", Bucket=name) or {}
    rules = encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    blocked = ask(place, "s3", "GetPublicAccessBlock", Bucket=name) or {}
    return {
        "BucketName": name,
        "VersioningConfiguration": pick(versioning, "Status"),
        "Tags": own_tags(tags),
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [_encryption(rule) for rule in rules]},
        "PublicAccessBlockConfiguration": blocked.get("PublicAccessBlockConfiguration"),
    }


def _encryption(rule: Mapping[str, Any]) -> Properties:
    by_default = rule.get("ApplyServerSideEncryptionByDefault", {})
    return {
        "ServerSideEncryptionByDefault": pick(by_default, "SSEAlgorithm", "KMSMasterKeyID"),
        "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
    }


def _table(place: Place, name: str, _: Expected) -> Properties | None:
    answer = ask(place, "dynamodb", "DescribeTable", TableName=name)
    if answer is None:
        return None
    found = answer["Table"]
    billing = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    shown = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput")
    indexes = [pick(each, *shown) for each in found.get("GlobalSecondaryIndexes", ())]
    return {
        **pick(found, "TableName", "AttributeDefinitions", "KeySchema", "DeletionProtectionEnabled"),
        "BillingMode": billing,
        "ProvisionedThroughput": pick(
            found.get("ProvisionedThroughput", {}), "ReadCapacityUnits", "WriteCapacityUnits"
        ),
        "GlobalSecondaryIndexes": indexes,
        "StreamSpecification": pick(found.get("StreamSpecification", {}), "StreamViewType"),
    }


def _parameter(place: Place, name: str, _: Expected) -> Properties | None:
    answer = ask(place, "ssm", "GetParameter", Name=name)
    return None if answer is None else pick(answer["Parameter"], "Name", "Type", "Value")


# --- identities and keys ----------------------------------------------------------------------------


def _role(place: Place, name: str, _: Expected) -> Properties | None:
    answer = ask(place, "iam", "GetRole", RoleName=name)
    if answer is None:
        return None
    attached = ask(place, "iam", "ListAttachedRolePolicies", RoleName=name) or {}
    inline = (ask(place, "iam", "ListRolePolicies", RoleName=name) or {}).get("PolicyNames", ())
    policies = [ask(place, "iam", "GetRolePolicy", RoleName=name, PolicyName=each) or {} for each in inline]
    names = "RoleName AssumeRolePolicyDocument Path Description MaxSessionDuration"
    return {
        **pick(answer["Role"], *names.split()),
        "Tags": own_tags(answer["Role"].get("Tags")),
        "ManagedPolicyArns": [each["PolicyArn"] for each in attached.get("AttachedPolicies", ())],
        "Policies": [pick(each, "PolicyName", "PolicyDocument") for each in policies],
    }


def _managed_policy(place: Place, arn: str, _: Expected) -> Properties | None:
    answer = ask(place, "iam", "GetPolicy", PolicyArn=arn)
    if answer is None:
        return None
    version = answer["Policy"]["DefaultVersionId"]
    document = ask(place, "iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version) or {}
    return {
        **pick(answer["Policy"], "Path", ManagedPolicyName="PolicyName"),
        "PolicyDocument": document.get("PolicyVersion", {}).get("Document"),
    }


def _profile(place: Place, name: str, _: Expected) -> Properties | None:
    answer = ask(place, "iam", "GetInstanceProfile", InstanceProfileName=name)
    if answer is None:
        return None
    found = answer["InstanceProfile"]
    return {**pick(found, "InstanceProfileName", "Path"), "Roles": [each["RoleName"] for each in found["Roles"]]}


def _key(place: Place, key_id: str, _: Expected) -> Properties | None:
    answer = ask(place, "kms", "DescribeKey", KeyId=key_id)
    found = answer["KeyMetadata"] if answer is not None else {}
    if not found or found.get("KeyState") == "PendingDeletion":
        return None
    return pick(found, "Description", "Enabled")


# --- computing --------------------------------------------------------------------------------------


def _function(place: Place, name: str, _: Expected) -> Properties | None:
    answer = ask(place, "lambda", "GetFunctionConfiguration", FunctionName=name)
    if answer is None:
        return None
    names = "FunctionName Handler Runtime Role Timeout MemorySize Description"
    variables = (answer.get("Environment") or {}).get("Variables")
    return {**pick(answer, *names.split()), "Environment": {"Variables": variables}}


def _instance(place: Place, instance_id: str, _: Expected) -> Properties | None:
    answer = ask(place, "ec2", "DescribeInstances", InstanceIds=[instance_id])
    found = one(one(answer, "Reservations"), "Instances")
    if found is None or found["State"]["Name"] in {"terminated", "shutting-down"}:
        return None
    return {
        **pick(found, "ImageId", "InstanceType", "SubnetId", "KeyName"),
        "SecurityGroupIds": [each["GroupId"] for each in found.get("SecurityGroups", ())],
        "Tags": own_tags(found.get("Tags")),
    }


def _scaling_group(place: Place, name: str, _: Expected) -> Properties | None:
    found = one(
        ask(place, "autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[name]), "AutoScalingGroups"
    )
    if found is None:
        return None
    names = "AutoScalingGroupName MinSize MaxSize DesiredCapacity LaunchConfigurationName HealthCheckType"
    return pick(found, *names.split(), "TargetGroupARNs")


# --- networks ---------------------------------------------------------------------------------------


def _security_group(place: Place, group_id: str, _: Expected) -> Properties | None:
    found = one(ask(place, "ec2", "DescribeSecurityGroups", GroupIds=[group_id]), "SecurityGroups")
    if found is None:
        return None
    return {
        **pick(found, "GroupName", "VpcId", GroupDescription="Description"),
        "SecurityGroupIngress": _permissions(found.get("IpPermissions", ()), "Source"),
        "SecurityGroupEgress": _permissions(found.get("IpPermissionsEgress", ()), "Destination"),
        "Tags": own_tags(found.get("Tags")),
    }


def _permissions(permissions: Any, side: str) -> list[Properties]:
    """One rule for each range and each group, as templates write them."""
    rules = []
    for permission in permissions:
        common = pick(permission, "IpProtocol", "FromPort", "ToPort")
        common = {name: value for name, value in common.items() if value is not None}
        sources = [
            *({"CidrIp": each["CidrIp"], **pick(each, "Description")} for each in permission.get("IpRanges", ())),
            *({"CidrIpv6": each["CidrIpv6"], **pick(each, "Description")} for each in permission.get("Ipv6Ranges", ())),
            *({f"{side}SecurityGroupId": each["GroupId"]} for each in permission.get("UserIdGroupPairs", ())),
            *({f"{side}PrefixListId": each["PrefixListId"]} for each in permission.get("PrefixListIds", ())),
        ]
        rules += [{**common, **source} for source in sources]
    return rules


def _balancer(place: Place, arn: str, _: Expected) -> Properties | None:
    found = one(ask(place, "elbv2", "DescribeLoadBalancers", LoadBalancerArns=[arn]), "LoadBalancers")
    if found is None:
        return None
    subnets = [each["SubnetId"] for each in found.get("AvailabilityZones", ())]
    renamed = {"Name": "LoadBalancerName", "SecurityGroups": "SecurityGroups"}
    return {**pick(found, "Scheme", "Type", "IpAddressType", **renamed), "Subnets": subnets}


def _target_group(place: Place, arn: str, _: Expected) -> Properties | None:
    found = one(ask(place, "elbv2", "DescribeTargetGroups", TargetGroupArns=[arn]), "TargetGroups")
    if found is None:
        return None
    names = "Port Protocol VpcId TargetType HealthCheckProtocol HealthCheckPort HealthCheckPath HealthyThresholdCount"
    more = "HealthCheckIntervalSeconds HealthCheckTimeoutSeconds UnhealthyThresholdCount Matcher"
    return pick(found, *names.split(), *more.split(), Name="TargetGroupName")


def _listener(place: Place, arn: str, _: Expected) -> Properties | None:
    found = one(ask(place, "elbv2", "DescribeListeners", ListenerArns=[arn]), "Listeners")
    if found is None:
        return None
    return {**pick(found, "LoadBalancerArn", "Port", "Protocol"), "DefaultActions": found.get("DefaultActions")}


READERS: Mapping[str, Reader] = {
    "AWS::AutoScaling::AutoScalingGroup": _scaling_group,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::DynamoDB::Table": _table,
    "AWS::EC2::Instance": _instance,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _target_group,
    "AWS::Events::Rule": _rule,
    "AWS::IAM::InstanceProfile": _profile,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Key": _key,
    "AWS::Lambda::Function": _function,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::SSM::Parameter": _parameter,
}
