"""The service role of a deployment group, when policies are enforced: what it lacks fails its deployments."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from codedeploy_fleet import Fleet
from codedeploy_traffic import IN_PLACE, Balanced, tagged, targets
from codepipeline_fixtures import Rig, refused, whole_rig
from lambda_deployments import STYLE, Serverless, appspec


def trust(service: str) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}


CODEDEPLOY = trust("codedeploy.amazonaws.com")


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        as_root(rig)
        made = Balanced(Fleet(rig))
        enforce(rig)
        yield made


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serverless]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        as_root(rig)
        made = Serverless(rig)
        enforce(rig)
        yield made


def enforce(rig: Rig) -> None:
    body = json.dumps({"is_enforced": True}).encode()
    with urllib.request.urlopen(f"{rig.sandbox.endpoint}/_sandbox/access", body, timeout=10) as answer:
        assert answer.status == 200


def as_root(rig: Rig) -> None:
    """From here on the rig's clients are root's, to whom nothing is denied."""

    def client(service: Any, region: str = "us-east-1", **_: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=rig.sandbox.endpoint,
            region_name=region,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
            config=Config(s3={"addressing_style": "path"}),
        )

    rig.client = client  # type: ignore[method-assign]
    rig.s3 = client("s3")


def role(owner: Balanced | Serverless, *actions: str, principal: Any = CODEDEPLOY) -> str:
    rig = owner.rig if isinstance(owner, Serverless) else owner.fleet.rig
    iam, name = rig.client("iam"), owner.name("role")
    arn = iam.create_role(RoleName=name, Path="/service/", AssumeRolePolicyDocument=json.dumps(principal))["Role"][
        "Arn"
    ]
    if actions:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    return str(arn)


def deployed(balanced: Balanced, arn: str, spoil: Callable[[], Any] | None = None, **settings: Any) -> Any:
    """How a deployment with a service role ends, which may be spoilt once the group has it."""
    fleet = balanced.name("fleet")
    balanced.launch(1, fleet=fleet)
    group = balanced.group(ec2TagFilters=tagged(fleet), serviceRoleArn=arn, **settings)
    if spoil is not None:
        spoil()
    return balanced.fleet.end(balanced.fleet.redeploy(group, balanced.revision()))


EC2, BALANCING = "ec2:DescribeInstances", "elasticloadbalancing:*"


def test_a_role_that_may_everything_it_needs_deploys(balanced: Balanced) -> None:
    assert deployed(balanced, role(balanced, EC2))["status"] == "Succeeded"


def test_a_role_that_does_not_exist_is_missing(balanced: Balanced) -> None:
    arn, iam = role(balanced), balanced.fleet.rig.client("iam")
    info = deployed(balanced, arn, lambda: iam.delete_role(RoleName=arn.rsplit("/", 1)[-1]))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "IAM_ROLE_MISSING")
    assert info["deploymentOverview"]["Skipped"] == 0


@pytest.mark.parametrize(
    ("actions", "text"),
    [
        ((), EC2),
        ((EC2, "elasticloadbalancing:Describe*"), "elasticloadbalancing:RegisterTargets"),
    ],
)
def test_a_role_that_lacks_a_right_fails_the_deployment(
    balanced: Balanced, actions: tuple[str, ...], text: str
) -> None:
    behind = targets(balanced.target_group())
    info = deployed(balanced, role(balanced, *actions), deploymentStyle=IN_PLACE, **behind)
    assert info["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS"
    assert text in info["errorInformation"]["message"]


def test_a_role_that_no_longer_trusts_codedeploy_fails_the_deployment(balanced: Balanced) -> None:
    arn, iam = role(balanced, EC2), balanced.fleet.rig.client("iam")
    other = json.dumps({"Version": "2012-10-17", **trust("ec2.amazonaws.com")})
    name = arn.rsplit("/", 1)[-1]
    info = deployed(balanced, arn, lambda: iam.update_assume_role_policy(RoleName=name, PolicyDocument=other))
    assert info["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS"
    assert "may not assume" in info["errorInformation"]["message"]


def test_a_group_takes_no_role_that_codedeploy_may_not_assume(balanced: Balanced) -> None:
    trusted, untrusted = role(balanced), role(balanced, principal=trust("ec2.amazonaws.com"))
    for arn in (untrusted, "arn:aws:iam::123456789012:role/nobody"):
        text = f"AWS CodeDeploy does not have the permissions required to assume the role {arn}."
        with refused("InvalidRoleException", text):
            balanced.group(serviceRoleArn=arn)
        group = balanced.group(serviceRoleArn=trusted)
        update = {"applicationName": "shop", "currentDeploymentGroupName": group}
        with refused("InvalidRoleException", text):
            balanced.fleet.api.update_deployment_group(**update, serviceRoleArn=arn)
        # An update that leaves the role alone does not ask for it.
        balanced.fleet.api.update_deployment_group(**update, outdatedInstancesStrategy="IGNORE")


def test_rights_of_auto_scaling_have_a_code_of_their_own(balanced: Balanced) -> None:
    arn = role(balanced, EC2, BALANCING)
    info = deployed(balanced, arn, autoScalingGroups=[balanced.scaling_group(1)])
    assert info["errorInformation"]["code"] == "AUTO_SCALING_IAM_ROLE_PERMISSIONS"
    assert "autoscaling:DescribeAutoScalingGroups" in info["errorInformation"]["message"]


def test_processes_rest_by_the_rights_of_the_role(balanced: Balanced) -> None:
    scaling = ("autoscaling:Describe*", "autoscaling:PutLifecycleHook")
    options = {"autoScalingGroupProcessesToSuspend": ["Terminate"]}
    name = balanced.scaling_group(1)
    info = deployed(balanced, role(balanced, EC2, *scaling), autoScalingGroups=[name], ec2DeploymentOptions=options)
    assert info["errorInformation"]["code"] == "AUTO_SCALING_IAM_ROLE_PERMISSIONS"
    assert "autoscaling:SuspendProcesses" in info["errorInformation"]["message"]
    allowed = role(balanced, EC2, *scaling, "autoscaling:SuspendProcesses", "autoscaling:ResumeProcesses")
    assert deployed(balanced, allowed, autoScalingGroups=[name], ec2DeploymentOptions=options)["status"] == "Succeeded"


# --- alarms and functions -------------------------------------------------------------------------


@pytest.mark.parametrize(("ignores", "status"), [(False, "Stopped"), (True, "Succeeded")])
def test_alarms_that_the_role_may_not_read_stop_the_deployment_unless_that_is_ignored(
    balanced: Balanced, ignores: bool, status: str
) -> None:
    balanced.fleet.alarm("quiet")
    alarms = {"enabled": True, "alarms": [{"name": "quiet"}], "ignorePollAlarmFailure": ignores}
    assert deployed(balanced, role(balanced, EC2), alarmConfiguration=alarms)["status"] == status
    assert deployed(balanced, role(balanced, EC2, "cloudwatch:DescribeAlarms"))["status"] == "Succeeded"


ALIAS, ALL_AT_ONCE = ("lambda:GetAlias", "lambda:UpdateAlias"), "CodeDeployDefault.LambdaAllAtOnce"


def shifted(shop: Serverless, arn: str, **more: Any) -> Any:
    name = shop.name("group")
    shop.api.create_deployment_group(
        applicationName="shop",
        deploymentGroupName=name,
        serviceRoleArn=arn,
        deploymentStyle=STYLE,
        deploymentConfigName=ALL_AT_ONCE,
    )
    return shop.end(shop.deploy(name, appspec(shop.function(), **more)))


def test_aliases_move_by_the_rights_of_the_role(shop: Serverless) -> None:
    assert shifted(shop, role(shop, *ALIAS))["status"] == "Succeeded"
    info = shifted(shop, role(shop, "lambda:GetAlias"))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "IAM_ROLE_PERMISSIONS")
    assert "lambda:UpdateAlias" in info["errorInformation"]["message"]


def test_a_hook_that_the_role_may_not_invoke_fails_the_deployment(shop: Serverless) -> None:
    # The managed policies know functions by the beginning of their names.
    iam, arn = shop.rig.client("iam"), role(shop, *ALIAS)
    statement = {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": "arn:aws:lambda:*:*:function:CodeDeployHook_*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=arn.rsplit("/", 1)[-1], PolicyName="hooks", PolicyDocument=policy)
    info = shifted(shop, arn, hooks={"BeforeAllowTraffic": shop.hook("Succeeded")})
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "IAM_ROLE_PERMISSIONS")
    # One that may be invoked does not exist.
    info = shifted(shop, arn, hooks={"BeforeAllowTraffic": "CodeDeployHook_nobody"})
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
