"""Real instances behind CodeDeploy's group `ok`, to which pipelines deploy in tests."""

from __future__ import annotations

from typing import Any

from agent_bench import hook, shell, zipped
from codepipeline_fixtures import ROLE, Rig


def make_hosts(rig: Rig, size: int, **settings: Any) -> None:
    """Instances, and the application `shop` with a deployment group for them."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "serves", "Value": "shop"}]}]
    rig.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=size, MaxCount=size, TagSpecifications=tags)
    codedeploy = rig.client("codedeploy")
    codedeploy.create_application(applicationName="shop", computePlatform="Server")
    codedeploy.create_deployment_group(
        applicationName="shop",
        deploymentGroupName="ok",
        serviceRoleArn=ROLE,
        ec2TagFilters=[{"Key": "serves", "Value": "shop", "Type": "KEY_AND_VALUE"}],
        **settings,
    )


def checked_by(script: str) -> bytes:
    """A bundle whose AfterInstall is the script."""
    appspec = hook("AfterInstall", "location: check.sh\n      timeout: 10")
    return zipped({"appspec.yml": appspec, "check.sh": shell(script)})
