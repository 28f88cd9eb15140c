"""Deployments to ECS over HTTP: task sets are replaced and listeners really forward elsewhere, on the virtual clock."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from codedeploy_calls import wait_for
from codepipeline_fixtures import refused, whole_rig
from ecs_deployments import CLUSTER, Containers, Service, appspec

from deliverkit.sandbox.codedeploy.serverless.ecs_rollout import EcsRollout
from deliverkit.sandbox.codedeploy.state import Store
from deliverkit.sandbox.keeping import pickling

EVENTS = [
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "AllowTestTraffic",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
]
ROLLBACK = {"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]}
CANARY = "CodeDeployDefault.ECSCanary10Percent5Minutes"
LINEAR = "CodeDeployDefault.ECSLinear10PercentEvery1Minutes"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield Containers(rig)


# --- the whole way --------------------------------------------------------------------------------


def test_a_green_task_set_takes_over_from_the_blue_one(shop: Containers) -> None:
    service = shop.service(size=3)
    deployment = shop.deploy(service.group())
    info = shop.end(deployment)
    assert (info["status"], info["computePlatform"]) == ("Succeeded", "ECS")
    assert info["instanceTerminationWaitTimeStarted"] is True
    target = shop.target(deployment)
    assert [each["lifecycleEventName"] for each in target["lifecycleEvents"]] == EVENTS
    assert {each["status"] for each in target["lifecycleEvents"]} == {"Succeeded"}
    assert target["targetId"] == f"{CLUSTER}:{service.name}"
    assert target["targetArn"].endswith(f":service/{CLUSTER}/{service.name}")
    assert shop.sets(deployment) == {"Blue": ("DRAINING", 0.0), "Green": ("PRIMARY", 100.0)}
    green = next(each for each in target["taskSetsInfo"] if each["taskSetLabel"] == "Green")
    assert (green["desiredCount"], green["runningCount"], green["pendingCount"]) == (3, 3, 0)
    assert green["targetGroup"] == {"name": f"{service.name}-two"}
    assert service.weights(service.prod) == {"one": 0, "two": 100}
    assert set(service.weights(service.test)) == {"two"}
    assert service.task_sets() == {"2": "PRIMARY"}


def test_ecs_counts_the_tasks_that_codedeploy_tells_of(shop: Containers) -> None:
    service = shop.service(size=3)
    assert service.task_sets() == {"1": "PRIMARY"}  # as soon as there is the service
    assert service.counts() == (3, 3, 0)
    deployment = shop.deploy(service.group(keep=5))
    wait_for(lambda: shop.status(deployment) != "Created" and shop.sets(deployment).get("Green") == ("PRIMARY", 100.0))
    told = {each["identifer"]: each["runningCount"] for each in shop.target(deployment)["taskSetsInfo"]}
    found = shop.ecs.describe_task_sets(cluster=CLUSTER, service=service.name)["taskSets"]
    assert {each["id"]: each["runningCount"] for each in found} == told == dict.fromkeys(told, 3)
    assert service.counts() == (3, 6, 0)
    shop.advance(minutes=5)
    assert shop.end(deployment)["status"] == "Succeeded"
    assert service.counts() == (3, 3, 0)
    shop.ecs.update_service(cluster=CLUSTER, service=service.name, desiredCount=1)
    assert service.counts() == (1, 1, 0)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"taskDefinition": "web:2"}, "Unable to update task definition on"),
        ({"taskDefinition": "web:1"}, "Unable to update task definition on"),
        ({"loadBalancers": []}, "Unable to update load balancers on"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}}, "Unable to update network"),
        ({"platformVersion": "1.4.0"}, "Unable to update platform version on"),
        ({"forceNewDeployment": True}, "Cannot force a new deployment on"),
    ],
)
def test_ecs_leaves_to_codedeploy_what_a_deployment_brings(
    shop: Containers, change: dict[str, Any], refusal: str
) -> None:
    service = shop.service()
    with refused("InvalidParameterException", refusal):
        shop.ecs.update_service(cluster=CLUSTER, service=service.name, desiredCount=5, **change)
    assert service.counts() == (2, 2, 0)
    assert service.task_sets() == {"1": "PRIMARY"}


def test_ecs_changes_services_of_its_own(shop: Containers) -> None:
    shop.ecs.create_service(cluster=CLUSTER, serviceName="own", taskDefinition="web:1", desiredCount=1)
    changed = shop.ecs.update_service(cluster=CLUSTER, service="own", taskDefinition="web:2")["service"]
    assert (changed["taskDefinition"], changed["taskSets"]) == ("web:2", [])


def test_the_target_groups_swap_with_each_deployment(shop: Containers) -> None:
    service = shop.service()
    group = service.group()
    for definition, weights in (("web:2", {"one": 0, "two": 100}), ("web:3", {"one": 100, "two": 0})):
        assert shop.end(shop.deploy(group, appspec(definition)))["status"] == "Succeeded"
        assert service.weights(service.prod) == weights
        assert service.task_sets() == {definition[-1]: "PRIMARY"}


def test_without_a_test_listener_there_are_no_events_for_it(shop: Containers) -> None:
    service = shop.service()
    deployment = shop.deploy(service.group(tested=False))
    assert shop.end(deployment)["status"] == "Succeeded"
    assert list(shop.events(deployment)) == [each for each in EVENTS if "TestTraffic" not in each]
    assert service.weights(service.test) == {"one": 1}


def test_a_canary_sets_the_listeners_weights(shop: Containers) -> None:
    service = shop.service()
    deployment = shop.deploy(service.group(deploymentConfigName=CANARY))
    shop.runs(deployment, "AllowTraffic")
    wait_for(lambda: service.weights(service.prod) == {"one": 90, "two": 10})
    assert shop.sets(deployment) == {"Blue": ("PRIMARY", 90.0), "Green": ("ACTIVE", 10.0)}
    shop.advance(minutes=5)
    assert shop.end(deployment)["status"] == "Succeeded"
    assert service.weights(service.prod) == {"one": 0, "two": 100}


def test_a_linear_shift_takes_ten_steps(shop: Containers) -> None:
    service = shop.service()
    deployment = shop.deploy(service.group(deploymentConfigName=LINEAR))
    shop.runs(deployment, "AllowTraffic")
    for percent in range(10, 100, 10):
        wait_for(partial(forwards, service, {"one": 100 - percent, "two": percent}))
        shop.advance(minutes=1)
    assert shop.end(deployment)["status"] == "Succeeded"


def forwards(service: Service, weights: dict[str, int]) -> bool:
    return service.weights(service.prod) == weights


def test_rules_that_forward_to_the_pair_move_and_others_stay(shop: Containers) -> None:
    service = shop.service()
    condition = [{"Field": "path-pattern", "Values": ["/shop"]}]
    other = [{"Field": "path-pattern", "Values": ["/health"]}]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain"}}
    forward = {"Type": "forward", "TargetGroupArn": service.blue}
    shop.elbv2.create_rule(ListenerArn=service.prod, Priority=1, Conditions=condition, Actions=[forward])
    shop.elbv2.create_rule(ListenerArn=service.prod, Priority=2, Conditions=other, Actions=[fixed])
    assert shop.end(shop.deploy(service.group()))["status"] == "Succeeded"
    rules = {each["Priority"]: each for each in shop.elbv2.describe_rules(ListenerArn=service.prod)["Rules"]}
    (moved,) = rules["1"]["Actions"]
    weights = {each["TargetGroupArn"]: each["Weight"] for each in moved["ForwardConfig"]["TargetGroups"]}
    assert weights == {service.blue: 0, service.green: 100}
    assert rules["1"]["Conditions"][0]["Values"] == ["/shop"]
    assert rules["2"]["Actions"][0]["Type"] == "fixed-response"


# --- waits ----------------------------------------------------------------------------------------


def test_a_deployment_waits_for_a_person_before_traffic_moves(shop: Containers) -> None:
    service = shop.service()
    deployment = shop.deploy(service.group(wait=60))
    shop.reaches(deployment, "Ready")
    assert shop.target(deployment)["status"] == "Ready"
    assert set(service.weights(service.test)) == {"two"}
    assert service.weights(service.prod) == {"one": 1}
    with refused("InvalidDeploymentStatusException"):
        shop.api.continue_deployment(deploymentId=deployment, deploymentWaitType="TERMINATION_WAIT")
    shop.api.continue_deployment(deploymentId=deployment, deploymentWaitType="READY_WAIT")
    assert shop.end(deployment)["status"] == "Succeeded"
    with refused("DeploymentAlreadyCompletedException"):
        shop.api.continue_deployment(deploymentId=deployment)


def test_a_wait_that_runs_out_stops_the_deployment(shop: Containers) -> None:
    service = shop.service()
    deployment = shop.deploy(service.group(wait=60))
    shop.reaches(deployment, "Ready")
    shop.advance(minutes=59)
    assert shop.status(deployment) == "Ready"
    shop.advance(minutes=2)
    assert shop.end(deployment)["status"] == "Stopped"
    assert service.weights(service.prod) == {"one": 1}
    assert service.task_sets() == {"1": "PRIMARY", "2": "ACTIVE"}


def test_the_blue_task_set_outlives_the_shift_until_its_time_is_over(shop: Containers) -> None:
    service = shop.service()
    group = service.group(keep=30)
    deployment = shop.deploy(group)
    wait_for(lambda: shop.get(deployment)["instanceTerminationWaitTimeStarted"])
    assert shop.status(deployment) == "InProgress"
    assert shop.sets(deployment) == {"Blue": ("ACTIVE", 0.0), "Green": ("PRIMARY", 100.0)}
    with refused("DeploymentLimitExceededException"):
        shop.deploy(group)
    with refused("DeploymentIsNotInReadyStateException"):
        shop.api.continue_deployment(deploymentId=deployment, deploymentWaitType="READY_WAIT")
    shop.advance(minutes=30)
    assert shop.end(deployment)["status"] == "Succeeded"
    assert service.task_sets() == {"2": "PRIMARY"}


@pytest.mark.parametrize("way", ["continue", "skip"])
def test_the_termination_wait_can_be_ended(shop: Containers, way: str) -> None:
    service = shop.service()
    deployment = shop.deploy(service.group(keep=2880))
    wait_for(lambda: shop.get(deployment)["instanceTerminationWaitTimeStarted"])
    if way == "continue":
        shop.api.continue_deployment(deploymentId=deployment, deploymentWaitType="TERMINATION_WAIT")
    else:
        shop.api.skip_wait_time_for_instance_termination(deploymentId=deployment)
    assert shop.end(deployment)["status"] == "Succeeded"
    assert service.task_sets() == {"2": "PRIMARY"}


# --- rollbacks ------------------------------------------------------------------------------------


def test_a_stop_in_the_termination_wait_goes_back_to_the_original_task_set(shop: Containers) -> None:
    service = shop.service()
    deployment = shop.deploy(service.group(keep=60, deploymentConfigName=CANARY))
    wait_for(lambda: service.weights(service.prod) == {"one": 90, "two": 10})
    shop.advance(minutes=5)
    wait_for(lambda: shop.get(deployment)["instanceTerminationWaitTimeStarted"])
    assert "deploymentOverview" not in shop.get(deployment)
    shop.api.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    info = shop.end(deployment)
    assert (info["status"], info["deploymentOverview"]["Succeeded"]) == ("Stopped", 1)
    rollback = info["rollbackInfo"]["rollbackDeploymentId"]
    back = shop.end(rollback)
    assert (back["status"], back["creator"]) == ("Succeeded", "codeDeployRollback")
    # Whatever the group's configuration is.
    assert back["deploymentConfigName"] == "CodeDeployDefault.ECSAllAtOnce"
    assert back["rollbackInfo"] == {
        "rollbackTriggeringDeploymentId": deployment,
        "rollbackMessage": f"Deployment {rollback} is triggered to roll back deployment {deployment}.",
    }
    assert service.weights(service.prod) == service.weights(service.test) == {"one": 100, "two": 0}
    assert service.task_sets() == {"1": "PRIMARY"}
    assert shop.sets(rollback) == {"Blue": ("PRIMARY", 100.0), "Green": ("DRAINING", 0.0)}
    shop.advance(minutes=61)
    assert service.task_sets() == {"1": "PRIMARY"}


def test_a_canary_that_is_stopped_without_rollback_stays_where_it_is(shop: Containers) -> None:
    service = shop.service()
    group = service.group(deploymentConfigName=CANARY)
    deployment = shop.deploy(group)
    wait_for(lambda: service.weights(service.prod) == {"one": 90, "two": 10})
    shop.api.stop_deployment(deploymentId=deployment)
    assert shop.end(deployment)["status"] == "Stopped"
    assert service.weights(service.prod) == {"one": 90, "two": 10}
    # The next deployment begins at the task set that is still the primary one.
    again = shop.deploy(group, appspec("web:3"), deploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
    assert shop.end(again)["status"] == "Succeeded"
    assert service.weights(service.prod) == {"one": 0, "two": 100}
    assert service.task_sets() == {"3": "PRIMARY"}


def test_a_failed_test_of_the_new_task_set_restores_the_beginning(shop: Containers) -> None:
    service, hook = shop.service(), shop.hook("Failed")
    deployment = shop.deploy(service.group(autoRollbackConfiguration=ROLLBACK), appspec(AfterAllowTestTraffic=hook))
    info = shop.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert shop.end(info["rollbackInfo"]["rollbackDeploymentId"])["status"] == "Succeeded"
    assert service.weights(service.test) == {"one": 100, "two": 0}
    assert service.task_sets() == {"1": "PRIMARY"}


def test_a_failure_without_rollback_leaves_things_as_they_are(shop: Containers) -> None:
    service, hook = shop.service(), shop.hook("Failed")
    deployment = shop.deploy(service.group(), appspec(AfterAllowTestTraffic=hook))
    assert shop.end(deployment)["status"] == "Failed"
    assert set(service.weights(service.test)) == {"two"}
    assert service.task_sets() == {"1": "PRIMARY", "2": "ACTIVE"}


def test_nothing_is_rolled_back_before_the_new_task_set_exists(shop: Containers) -> None:
    service, hook = shop.service(), shop.hook("Failed")
    deployment = shop.deploy(service.group(autoRollbackConfiguration=ROLLBACK), appspec(BeforeInstall=hook))
    info = shop.end(deployment)
    assert info["status"] == "Failed"
    assert set(info["rollbackInfo"]) == {"rollbackMessage"}
    assert service.task_sets() == {"1": "PRIMARY"}


def test_hooks_run_in_their_order(shop: Containers) -> None:
    service = shop.service()
    order = ["BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"]
    hooks = {event: shop.hook("Succeeded") for event in order}
    deployment = shop.deploy(service.group(), appspec(**hooks))
    assert shop.end(deployment)["status"] == "Succeeded"
    assert {shop.told(hook)["DeploymentId"] for hook in hooks.values()} == {deployment}
    times = [each["startTime"] for each in shop.target(deployment)["lifecycleEvents"]]
    assert times == sorted(times)


# --- memory ---------------------------------------------------------------------------------------


def test_the_waits_of_a_deployment_can_be_written_down(shop: Containers) -> None:
    ready, ending = shop.deploy(shop.service().group(wait=60)), shop.deploy(shop.service().group(keep=60))
    shop.reaches(ready, "Ready")
    wait_for(lambda: shop.get(ending)["instanceTerminationWaitTimeStarted"])
    world, out = shop.rig.sandbox.world, io.BytesIO()
    with world.lock:
        pickling.dump((world.stores(Store), world.timers.kept()), out)
        stores, timers = pickling.load(world, io.BytesIO(out.getvalue()))
    deployments = {**stores[0][2].deployments}
    actions = [timer.action for timer in timers]
    # One graph: what a timer moves on is the very deployment that the store holds.
    moved = [
        action.__self__.deployment for action in actions if isinstance(getattr(action, "__self__", None), EcsRollout)
    ]
    assert deployments[ready] in moved
    assert deployments[ending] in moved
    for deployment in (ready, ending):
        shop.api.stop_deployment(deploymentId=deployment)
        assert shop.end(deployment)["status"] == "Stopped"


# --- what cannot be -------------------------------------------------------------------------------


def test_a_task_definition_that_does_not_exist_fails_the_installation(shop: Containers) -> None:
    service = shop.service()
    deployment = shop.deploy(service.group(), appspec("nothing:1"))
    info = shop.end(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "ECS_UPDATE_ERROR")
    assert shop.events(deployment)["Install"] == "Failed"
    assert service.task_sets() == {"1": "PRIMARY"}


def test_a_service_that_went_fails_the_deployment(shop: Containers) -> None:
    service = shop.service()
    group = service.group()
    shop.ecs.delete_service(cluster=CLUSTER, service=service.name, force=True)
    info = shop.end(shop.deploy(group))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "INVALID_ECS_SERVICE")


def test_a_listener_that_went_fails_the_deployment(shop: Containers) -> None:
    service = shop.service()
    group = service.group()
    shop.elbv2.delete_listener(ListenerArn=service.prod)
    info = shop.end(shop.deploy(group))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "ELASTIC_LOAD_BALANCING_INVALID")


def test_operations_for_instances_refuse_the_platform(shop: Containers) -> None:
    deployment = shop.deploy(shop.service().group())
    shop.end(deployment)
    with refused("InvalidComputePlatformException"):
        shop.api.list_deployment_instances(deploymentId=deployment)
    with refused("InvalidComputePlatformException"):
        shop.api.get_deployment_instance(deploymentId=deployment, instanceId="i-1")
    with refused("InvalidComputePlatformException"):
        shop.api.batch_get_deployment_instances(deploymentId=deployment, instanceIds=["i-1"])
