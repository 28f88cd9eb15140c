"""Properties that moto's CloudFormation drops when it makes or changes a resource: they are put in afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.stacks.kind import Place, Properties
from deliverkit.sandbox.stacks.shaping import is_true

Finish = Callable[[Place, str, Properties], None]
"""`(place, physical id, properties of the template)`; done again for each update, it changes nothing."""
_ATTRIBUTES = frozenset(
    {
        "DelaySeconds",
        "KmsMasterKeyId",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "RedrivePolicy",
        "VisibilityTimeout",
    }
)
"""Properties of a queue that SetQueueAttributes changes."""
_RULE_SIDES = {"SecurityGroupIngress": ("Ingress", "Source"), "SecurityGroupEgress": ("Egress", "Destination")}


def finish(place: Place, kind: str, physical_id: str, properties: Properties) -> None:
    """Put in what moto dropped of a resource."""
    if kind in _FINISHES and properties:
        _FINISHES[kind](place, physical_id, properties)


def _bucket(place: Place, name: str, properties: Properties) -> None:
    if "VersioningConfiguration" in properties:
        wanted = {"Bucket": name, "VersioningConfiguration": dict(properties["VersioningConfiguration"])}
        place.ask("s3", "PutBucketVersioning", wanted)
    if "PublicAccessBlockConfiguration" in properties:
        blocked = {key: is_true(value) for key, value in properties["PublicAccessBlockConfiguration"].items()}
        place.ask("s3", "PutPublicAccessBlock", {"Bucket": name, "PublicAccessBlockConfiguration": blocked})
    rules = properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration")
    if rules:
        wanted = {"Rules": [_encryption(rule) for rule in rules]}
        place.ask("s3", "PutBucketEncryption", {"Bucket": name, "ServerSideEncryptionConfiguration": wanted})


def _encryption(rule: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": dict(rule["ServerSideEncryptionByDefault"])}
    return told | ({"BucketKeyEnabled": is_true(rule["BucketKeyEnabled"])} if "BucketKeyEnabled" in rule else {})


def _queue(place: Place, url: str, properties: Properties) -> None:
    """Moto's updates leave most attributes as they are."""
    attributes = {name: _text(value) for name, value in properties.items() if name in _ATTRIBUTES}
    if attributes:
        place.ask("sqs", "SetQueueAttributes", {"QueueUrl": url, "Attributes": attributes})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _instance(place: Place, instance_id: str, properties: Properties) -> None:
    if "SecurityGroupIds" in properties:
        groups = list(properties["SecurityGroupIds"])
        place.ask("ec2", "ModifyInstanceAttribute", {"InstanceId": instance_id, "Groups": groups})
    if properties.get("Tags"):
        place.ask("ec2", "CreateTags", {"Resources": [instance_id], "Tags": list(properties["Tags"])})


def _security_group(place: Place, group_id: str, properties: Properties) -> None:
    """Moto drops the rules' descriptions, and the rules for what goes out altogether."""
    found = place.ask("ec2", "DescribeSecurityGroups", {"GroupIds": [group_id]})["SecurityGroups"][0]
    present = {"Ingress": found.get("IpPermissions", []), "Egress": found.get("IpPermissionsEgress", [])}
    for name, (side, other) in _RULE_SIDES.items():
        if name not in properties:
            continue
        if present[side]:
            place.ask("ec2", f"RevokeSecurityGroup{side}", {"GroupId": group_id, "IpPermissions": _bare(present[side])})
        wanted = [_permission(rule, other) for rule in properties[name]]
        if wanted:
            place.ask("ec2", f"AuthorizeSecurityGroup{side}", {"GroupId": group_id, "IpPermissions": wanted})


def _bare(permissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if value not in (None, [])} for each in permissions]


def _permission(rule: Mapping[str, Any], other: str) -> dict[str, Any]:
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    sources = {
        "CidrIp": ("IpRanges", "CidrIp"),
        "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        f"{other}SecurityGroupId": ("UserIdGroupPairs", "GroupId"),
        f"{other}PrefixListId": ("PrefixListIds", "PrefixListId"),
    }
    ports = {name: int(rule[name]) for name in ("FromPort", "ToPort") if name in rule}
    told: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"]), **ports}
    for name, (member, key) in sources.items():
        if name in rule:
            told[member] = [{key: rule[name], **described}]
    return told


# --- what moto's updates leave as it was ------------------------------------------------------------


def _role(place: Place, name: str, properties: Properties) -> None:
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    place.ask("iam", "UpdateAssumeRolePolicy", {"RoleName": name, "PolicyDocument": trust})
    settings = {member: properties[member] for member in ("Description", "MaxSessionDuration") if member in properties}
    if settings:
        place.ask("iam", "UpdateRole", {"RoleName": name, **settings})
    for policy in properties.get("Policies", ()):
        put = {"PolicyName": policy["PolicyName"], "PolicyDocument": json.dumps(policy["PolicyDocument"])}
        place.ask("iam", "PutRolePolicy", {"RoleName": name, **put})
    _attach(place, name, set(properties.get("ManagedPolicyArns", ())))
    if "Tags" in properties:
        present = place.ask("iam", "ListRoleTags", {"RoleName": name})["Tags"]
        wanted = {each["Key"] for each in properties["Tags"]}
        gone = [each["Key"] for each in present if each["Key"] not in wanted]
        if gone:
            place.ask("iam", "UntagRole", {"RoleName": name, "TagKeys": gone})
        place.ask("iam", "TagRole", {"RoleName": name, "Tags": list(properties["Tags"])})


def _attach(place: Place, role: str, wanted: set[str]) -> None:
    listed = place.ask("iam", "ListAttachedRolePolicies", {"RoleName": role})["AttachedPolicies"]
    present = {each["PolicyArn"] for each in listed}
    for operation, arns in (("AttachRolePolicy", wanted - present), ("DetachRolePolicy", present - wanted)):
        for arn in sorted(arns):
            place.ask("iam", operation, {"RoleName": role, "PolicyArn": arn})


def _managed_policy(place: Place, arn: str, properties: Properties) -> None:
    version = place.ask("iam", "GetPolicy", {"PolicyArn": arn})["Policy"]["DefaultVersionId"]
    present = place.ask("iam", "GetPolicyVersion", {"PolicyArn": arn, "VersionId": version})["PolicyVersion"]
    if present["Document"] != properties["PolicyDocument"]:
        document = json.dumps(properties["PolicyDocument"])
        place.ask("iam", "CreatePolicyVersion", {"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": True})


def _log_group(place: Place, name: str, properties: Properties) -> None:
    if "RetentionInDays" in properties:
        days = int(properties["RetentionInDays"])
        place.ask("logs", "PutRetentionPolicy", {"logGroupName": name, "retentionInDays": days})


def _key(place: Place, key_id: str, properties: Properties) -> None:
    if "Description" in properties:
        place.ask("kms", "UpdateKeyDescription", {"KeyId": key_id, "Description": properties["Description"]})


def _table(place: Place, name: str, properties: Properties) -> None:
    wanted = {key: int(value) for key, value in properties.get("ProvisionedThroughput", {}).items()}
    present = place.ask("dynamodb", "DescribeTable", {"TableName": name})["Table"]["ProvisionedThroughput"]
    if any(present.get(key) != value for key, value in wanted.items()):
        place.ask("dynamodb", "UpdateTable", {"TableName": name, "ProvisionedThroughput": wanted})


def _target_group(place: Place, arn: str, properties: Properties) -> None:
    settings = place.shape(
        "elbv2",
        "ModifyTargetGroup",
        {name: value for name, value in properties.items() if name.startswith("Health") or name in _PROBES},
    )
    if settings:
        place.ask("elbv2", "ModifyTargetGroup", {"TargetGroupArn": arn, **settings})


_PROBES = frozenset({"UnhealthyThresholdCount", "Matcher"})
_FINISHES: Mapping[str, Finish] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::EC2::Instance": _instance,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _target_group,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Key": _key,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::SQS::Queue": _queue,
}
