"""Whether the group's service role lets CodeDeploy do its work, when policies are enforced (user guide, error-codes).

That CodeDeploy may assume it is asked when a group is created or updated, and again at a deployment's start, like the
rights without which it cannot find or move what it deploys to. The rights to read alarms and to invoke hook functions
are asked for when they are used.
"""

from __future__ import annotations

from collections.abc import Iterator

from deliverkit.sandbox.access.callers import Caller, role_caller, role_trust
from deliverkit.sandbox.access.enforcement import is_enforced
from deliverkit.sandbox.access.policy import Decision, decide, trusts
from deliverkit.sandbox.codedeploy.state import Deployment, Ending, Group
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.kernel.world import World

PRINCIPAL = "codedeploy.amazonaws.com"
_LAMBDA = ("lambda:GetAlias", "lambda:UpdateAlias")
_ECS = (
    "ecs:DescribeServices",
    "ecs:CreateTaskSet",
    "ecs:UpdateServicePrimaryTaskSet",
    "ecs:DeleteTaskSet",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:ModifyRule",
)
"""What the managed policies AWSCodeDeployRoleForLambda and AWSCodeDeployRoleForECS give for the deployment itself."""
_TARGET_GROUPS = ("DescribeTargetGroups", "DescribeTargetHealth", "RegisterTargets", "DeregisterTargets")
_CLASSIC = (
    "DescribeInstanceHealth",
    "RegisterInstancesWithLoadBalancer",
    "DeregisterInstancesFromLoadBalancer",
)


def role_obstacle(world: World, deployment: Deployment) -> Ending | None:
    """A failure when the role does not exist, does not trust CodeDeploy, or lacks a right."""
    if not is_enforced(world):
        return None
    group, caller = deployment.group, _caller(world, deployment.group)
    role_arn = group.settings["serviceRoleArn"]
    if caller is None:
        return _failed("IAM_ROLE_MISSING", f"The IAM role {role_arn} of the deployment group does not exist.")
    if not _is_trusted(world, caller.role_arn, group.region):
        return _failed("IAM_ROLE_PERMISSIONS", f"CodeDeploy may not assume the IAM role {role_arn}.")
    missing = next((action for action in _needed(deployment) if not _may(caller, action, "*", group.region)), None)
    if missing is None:
        return None
    code = "AUTO_SCALING_IAM_ROLE_PERMISSIONS" if missing.startswith("autoscaling:") else "IAM_ROLE_PERMISSIONS"
    return _failed(code, f"The IAM role {role_arn} does not give CodeDeploy permission to perform {missing}.")


def require_assumable(role_arn: str, context: Context) -> None:
    """Refuse a service role that CodeDeploy may not assume, when policies are enforced.

    Raises:
        ApiError: `InvalidRoleException`, in the words that AWS has for it.
    """
    if is_enforced(context.world) and not _is_trusted(context.world, role_arn, context.region):
        text = f"AWS CodeDeploy does not have the permissions required to assume the role {role_arn}."
        raise ApiError("InvalidRoleException", text)


def _is_trusted(world: World, role_arn: str, region: str) -> bool:
    trust = role_trust(world.moto, role_arn) or {}
    principals = (PRINCIPAL, f"codedeploy.{region}.amazonaws.com")
    return trusts(trust, principals, "sts:AssumeRole", {}) is Decision.ALLOWED


def may(world: World, deployment: Deployment, action: str, resource: str = "*") -> bool:
    """Whether the group's service role has a right; while policies are not enforced, it has every one."""
    if not is_enforced(world):
        return True
    caller = _caller(world, deployment.group)
    return caller is not None and _may(caller, action, resource, deployment.group.region)


def _caller(world: World, group: Group) -> Caller | None:
    role_arn = str(group.settings["serviceRoleArn"])
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    return role_caller(world.moto, account, name, f"arn:aws:sts::{account}:assumed-role/{name}/codedeploy")


def _failed(code: str, message: str) -> Ending:
    return Ending("Failed", code, message)


def _needed(deployment: Deployment) -> Iterator[str]:
    """The actions of the deployment, those of instances first."""
    if deployment.platform != "Server":
        yield from _LAMBDA if deployment.platform == "Lambda" else _ECS
        return
    yield "ec2:DescribeInstances"
    if deployment.group.settings.get("autoScalingGroups"):
        yield "autoscaling:DescribeAutoScalingGroups"
        yield "autoscaling:PutLifecycleHook"
        if (deployment.options.get("ec2DeploymentOptions") or {}).get("autoScalingGroupProcessesToSuspend"):
            yield from ("autoscaling:SuspendProcesses", "autoscaling:ResumeProcesses")
    options = deployment.blue_green.options if deployment.blue_green and deployment.is_blue_green else {}
    if (options.get("greenFleetProvisioningOption") or {}).get("action") == "COPY_AUTO_SCALING_GROUP":
        yield "autoscaling:CreateAutoScalingGroup"
    if not deployment.controls_traffic:
        return
    for kind, actions in (("targetGroupInfoList", _TARGET_GROUPS), ("elbInfoList", _CLASSIC)):
        if deployment.balancers.get(kind):
            yield from (f"elasticloadbalancing:{action}" for action in actions)


def _may(caller: Caller, action: str, resource: str, region: str) -> bool:
    keys = {"aws:requestedregion": [region], "aws:principalarn": [caller.role_arn]}
    return all(decide(each, action, resource, keys) is Decision.ALLOWED for each in (caller.policies, *caller.limits))
