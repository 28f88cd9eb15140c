"""ECS services that CodeDeploy deploys to.

moto changes them as if ECS deployed itself, makes no task set with them and counts no tasks. There are no containers
here: the tasks of a task set count as running as soon as there is the set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

CONTROLLER = "CODE_DEPLOY"
_CODEDEPLOYS_OWN = {
    "task_definition": "Unable to update task definition",
    "load_balancers": "Unable to update load balancers",
    "network_configuration": "Unable to update network parameters",
    "platform_version": "Unable to update platform version",
    "force_new_deployment": "Cannot force a new deployment",
}
"""What UpdateService refuses (ECS API reference, UpdateService), even when it would change nothing, and how.

All but the words on the platform version were observed.
"""
_REFUSAL = " on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment."


def leave_services_to_codedeploy(models: Any) -> None:
    """Mend moto's models of ECS; repeating it changes nothing."""
    backend = models.EC2ContainerServiceBackend
    replace(backend, "create_service", _with_task_set)
    replace(backend, "update_service", _unless_codedeploys_own)
    for name in ("describe_services", "describe_task_sets"):
        replace(backend, name, _counted)


def _with_task_set(create: Any) -> Callable[..., Any]:
    """The primary task set is there as soon as the service (ECS developer guide, deployment-type-bluegreen)."""

    def mended(backend: Any, *which: Any, **asked: Any) -> Any:
        service = create(backend, *which, **asked)
        if _is_codedeploys(service) and service.task_definition:
            made = backend.create_task_set(
                service.name,
                service.cluster_name,
                service.task_definition,
                load_balancers=service.load_balancers,
                launch_type=service.launch_type,
                network_configuration=service.network_configuration,
                platform_version=service.platform_version,
            )
            made.status = "PRIMARY"
            _count(backend, service)
        return service

    return mended


def _unless_codedeploys_own(update: Any) -> Callable[..., Any]:
    def mended(backend: Any, properties: dict[str, Any]) -> Any:
        from moto.ecs.exceptions import InvalidParameterException  # noqa: PLC0415

        services, _ = backend.describe_services(properties.get("cluster", "default"), [properties["service"]])
        given = [refusal for name, refusal in _CODEDEPLOYS_OWN.items() if _is_given(properties.get(name))]
        if given and any(_is_codedeploys(each) for each in services):
            raise InvalidParameterException(given[0] + _REFUSAL)
        return update(backend, properties)

    return mended


def _counted(describe: Any) -> Callable[..., Any]:
    def mended(backend: Any, *which: Any, **more: Any) -> Any:
        for service in backend.services.values():
            if _is_codedeploys(service):
                _count(backend, service)
        return describe(backend, *which, **more)

    return mended


def _count(backend: Any, service: Any) -> None:
    """A service has the tasks of all its task sets, during a deployment of two."""
    cluster, before = backend.clusters[service.cluster_name], (service.running_count, service.pending_count)
    for each in service.task_sets:
        each.computed_desired_count = int(service.desired_count * each.scale["value"] / 100)
        each.running_count, each.pending_count = each.computed_desired_count, 0
    service.running_count, service.pending_count = sum(each.running_count for each in service.task_sets), 0
    backend.update_cluster_resources(cluster, service.running_count - before[0], task_state="RUNNING")
    backend.update_cluster_resources(cluster, -before[1], task_state="PENDING")


def _is_codedeploys(service: Any) -> bool:
    return bool(service.deployment_controller["type"] == CONTROLLER and service.status == "ACTIVE")


def _is_given(value: Any) -> bool:
    return value is not None and value is not False
