"""Deployment groups for ECS, and revisions, over HTTP: what they need, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_fixtures import ROLE, refused, whole_rig
from ecs_deployments import CLUSTER, Containers, appspec
from lambda_deployments import STYLE

CANARY = "CodeDeployDefault.ECSCanary10Percent5Minutes"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield Containers(rig)


def without(settings: dict[str, Any], *path: Any) -> dict[str, Any]:
    """The settings without the member at that path."""
    inner: Any = settings
    for each in path[:-1]:
        inner = inner[each]
    del inner[path[-1]]
    return settings


PAIR = ("loadBalancerInfo", "targetGroupPairInfoList", 0)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (("deploymentStyle",), "InvalidDeploymentStyle"),
        (("ecsServices",), "InvalidECSService"),
        (("ecsServices", 0, "clusterName"), "InvalidECSService"),
        (("loadBalancerInfo",), "InvalidLoadBalancerInfo"),
        ((*PAIR, "targetGroups", 0), "InvalidTargetGroupPair"),
        ((*PAIR, "prodTrafficRoute"), "InvalidTargetGroupPair"),
        (("blueGreenDeploymentConfiguration",), "InvalidBlueGreenDeploymentConfiguration"),
        (("blueGreenDeploymentConfiguration", "deploymentReadyOption"), "InvalidBlueGreenDeploymentConfiguration"),
    ],
)
def test_a_group_needs_its_settings(shop: Containers, path: tuple[Any, ...], code: str) -> None:
    settings = without(shop.service().settings(), *path)
    with refused(f"{code}Exception"):
        shop.api.create_deployment_group(
            applicationName="shop", deploymentGroupName="incomplete", serviceRoleArn=ROLE, **settings
        )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"autoScalingGroups": ["web"]}, "InvalidAutoScalingGroup"),
        ({"ecsServices": [{"clusterName": CLUSTER, "serviceName": "nothing"}]}, "InvalidECSService"),
        ({"ecsServices": [{"clusterName": CLUSTER, "serviceName": "x"}] * 2}, "ECSServiceMappingLimitExceeded"),
        ({"deploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce"}, "InvalidDeploymentConfigName"),
        ({"deploymentStyle": {**STYLE, "deploymentType": "IN_PLACE"}}, "InvalidDeploymentStyle"),
    ],
)
def test_a_group_refuses_settings_that_do_not_fit(shop: Containers, changes: dict[str, Any], code: str) -> None:
    settings = {**shop.service().settings(), **changes}
    with refused(f"{code}Exception"):
        shop.api.create_deployment_group(
            applicationName="shop", deploymentGroupName="odd", serviceRoleArn=ROLE, **settings
        )


@pytest.mark.parametrize(("wait", "keep"), [(7201, 0), (None, 2881)])
def test_waits_have_their_limits(shop: Containers, wait: int | None, keep: int) -> None:
    with refused("InvalidBlueGreenDeploymentConfigurationException"):
        shop.service().group(wait=wait, keep=keep)


def test_a_service_belongs_to_one_group(shop: Containers) -> None:
    service = shop.service()
    service.group()
    with refused("ECSServiceMappingLimitExceededException"):
        shop.api.create_deployment_group(
            applicationName="shop", deploymentGroupName="second", serviceRoleArn=ROLE, **service.settings()
        )
    # Its own group may be updated.
    shop.api.update_deployment_group(
        applicationName="shop", currentDeploymentGroupName=service.name, deploymentConfigName=CANARY
    )


def test_a_service_under_another_controller_is_refused(shop: Containers) -> None:
    shop.ecs.create_service(cluster=CLUSTER, serviceName="rolling", taskDefinition="web:1", desiredCount=1)
    settings = {**shop.service().settings(), "ecsServices": [{"clusterName": CLUSTER, "serviceName": "rolling"}]}
    with refused("InvalidECSServiceException", "CODE_DEPLOY deployment controller"):
        shop.api.create_deployment_group(
            applicationName="shop", deploymentGroupName="rolling", serviceRoleArn=ROLE, **settings
        )


@pytest.mark.parametrize("kind", ["String", "GitHub"])
def test_revisions_of_other_platforms_are_refused(shop: Containers, kind: str) -> None:
    with refused("InvalidRevisionException"):
        shop.deploy(shop.service().group(), appspec(kind=kind))


def test_a_blue_task_set_cannot_be_kept(shop: Containers) -> None:
    settings = shop.service().settings()
    settings["blueGreenDeploymentConfiguration"]["terminateBlueInstancesOnDeploymentSuccess"] = {"action": "KEEP_ALIVE"}
    with refused("InvalidBlueGreenDeploymentConfigurationException", "TERMINATE"):
        shop.api.create_deployment_group(
            applicationName="shop", deploymentGroupName="keeping", serviceRoleArn=ROLE, **settings
        )
