"""Which resources an event is about, by the members that name them.

CloudTrail documents no table. Types are CloudFormation's, as in CloudTrail's own examples, and names are as the request
or its answer has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Resource = tuple[str, str]
"""Type and name."""

_TYPES: Mapping[tuple[str, str], str] = {
    ("s3", "bucketName"): "AWS::S3::Bucket",
    ("iam", "roleName"): "AWS::IAM::Role",
    ("iam", "userName"): "AWS::IAM::User",
    ("iam", "groupName"): "AWS::IAM::Group",
    ("iam", "policyArn"): "AWS::IAM::Policy",
    ("iam", "instanceProfileName"): "AWS::IAM::InstanceProfile",
    ("iam", "accessKeyId"): "AWS::IAM::AccessKey",
    ("sts", "roleArn"): "AWS::IAM::Role",
    ("sts", "accessKeyId"): "AWS::IAM::AccessKey",
    ("codedeploy", "applicationName"): "AWS::CodeDeploy::Application",
    ("codedeploy", "deploymentGroupName"): "AWS::CodeDeploy::DeploymentGroup",
    ("codedeploy", "currentDeploymentGroupName"): "AWS::CodeDeploy::DeploymentGroup",
    ("codedeploy", "deploymentConfigName"): "AWS::CodeDeploy::DeploymentConfig",
    ("codepipeline", "pipelineName"): "AWS::CodePipeline::Pipeline",
    ("cloudwatch", "alarmName"): "AWS::CloudWatch::Alarm",
    ("cloudwatch", "alarmNames"): "AWS::CloudWatch::Alarm",
    ("lambda", "functionName"): "AWS::Lambda::Function",
    ("sns", "topicArn"): "AWS::SNS::Topic",
    ("sqs", "queueUrl"): "AWS::SQS::Queue",
    ("autoscaling", "autoScalingGroupName"): "AWS::AutoScaling::AutoScalingGroup",
    ("autoscaling", "autoScalingGroupNames"): "AWS::AutoScaling::AutoScalingGroup",
    ("elasticloadbalancing", "loadBalancerArn"): "AWS::ElasticLoadBalancingV2::LoadBalancer",
    ("elasticloadbalancing", "targetGroupArn"): "AWS::ElasticLoadBalancingV2::TargetGroup",
    ("elasticloadbalancing", "listenerArn"): "AWS::ElasticLoadBalancingV2::Listener",
    ("ec2", "instanceId"): "AWS::EC2::Instance",
    ("ec2", "instanceIds"): "AWS::EC2::Instance",
    ("cloudformation", "stackName"): "AWS::CloudFormation::Stack",
    ("secretsmanager", "secretId"): "AWS::SecretsManager::Secret",
    ("kms", "keyId"): "AWS::KMS::Key",
    ("ecs", "cluster"): "AWS::ECS::Cluster",
    ("ecs", "service"): "AWS::ECS::Service",
}
_NAMED: Mapping[str, str] = {"codepipeline": "AWS::CodePipeline::Pipeline", "ssm": "AWS::SSM::Parameter"}
"""Services whose requests call the resource just `name`; a pipeline's declaration does as well."""


def resources_of(service: str, event: Mapping[str, Any]) -> list[Resource]:
    """The resources of an event, each once."""
    found = [*_found(service, event["requestParameters"]), *_found(service, event["responseElements"])]
    return list(dict.fromkeys(found + list(_by_name(service, event["requestParameters"] or {}))))


def _found(service: str, members: Any) -> Iterator[Resource]:
    if isinstance(members, list):
        for each in members:
            yield from _found(service, each)
    elif isinstance(members, Mapping):
        for name, value in members.items():
            kind = _TYPES.get((service, name))
            if kind is None:
                yield from _found(service, value)
            else:
                yield from ((kind, str(each)) for each in (value if isinstance(value, list) else [value]) if each)


def _by_name(service: str, parameters: Mapping[str, Any]) -> Iterator[Resource]:
    declared = parameters.get("pipeline")
    inner = declared.get("name") if isinstance(declared, Mapping) else None
    for name in (parameters.get("name"), inner):
        if service in _NAMED and isinstance(name, str):
            yield _NAMED[service], name
