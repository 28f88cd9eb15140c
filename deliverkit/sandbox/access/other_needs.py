"""Resources of the services that moto answers for: by the members that name them in nearly all of their operations.

Where an operation names its resource in another way the resource is `*`, which only statements on `*` cover.
"""

from __future__ import annotations

from deliverkit.sandbox.access.request import Request

_BY_MEMBER: tuple[tuple[str, str, str], ...] = (
    # service, member, ARN behind `arn:aws:SERVICE:`
    ("iam", "UserName", ":{account}:user/{value}"),
    ("iam", "RoleName", ":{account}:role/{value}"),
    ("iam", "GroupName", ":{account}:group/{value}"),
    ("dynamodb", "TableName", "{region}:{account}:table/{value}"),
    ("lambda", "FunctionName", "{region}:{account}:function:{value}"),
    ("sqs", "QueueName", "{region}:{account}:{value}"),
    ("sns", "Name", "{region}:{account}:{value}"),
    ("ssm", "Name", "{region}:{account}:parameter/{value}"),
    ("secretsmanager", "SecretId", "{region}:{account}:secret:{value}"),
    ("kms", "KeyId", "{region}:{account}:key/{value}"),
    ("logs", "logGroupName", "{region}:{account}:log-group:{value}"),
    ("cloudwatch", "AlarmName", "{region}:{account}:alarm:{value}"),
    ("events", "Name", "{region}:{account}:rule/{value}"),
    ("ecs", "cluster", "{region}:{account}:cluster/{value}"),
    ("ec2", "InstanceId", "{region}:{account}:instance/{value}"),
    ("ec2", "InstanceId.1", "{region}:{account}:instance/{value}"),
    ("autoscaling", "AutoScalingGroupName", "{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{value}"),
)
_ARN_MEMBERS = ("RoleArn", "TopicArn", "PolicyArn", "ResourceArn", "ResourceARN", "stateMachineArn", "TargetArn")


def other_resource(request: Request) -> str:
    """ARN of what the request is about; `*` when that is not known."""
    queue = str(request.params.get("QueueUrl", ""))
    if queue:
        account, _, name = queue.rpartition("/")
        return f"arn:aws:sqs:{request.region}:{account.rpartition('/')[2]}:{name}"
    for member in _ARN_MEMBERS if request.service != "iam" else ():
        if str(request.params.get(member, "")).startswith("arn:"):
            return str(request.params[member])
    for service, member, form in _BY_MEMBER:
        value = request.params.get(member)
        if service == request.service and isinstance(value, str) and value:
            return _arn(request, form, value.lstrip("/"))
    return "*"


def _arn(request: Request, form: str, value: str) -> str:
    if value.startswith("arn:"):
        return value
    return f"arn:aws:{request.service}:" + form.format(region=request.region, account=request.account, value=value)
