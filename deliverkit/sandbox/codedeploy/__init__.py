"""CodeDeploy that really deploys: servers, in place.

state           what one account and region knows
checks, pages   refusals in CodeDeploy's own words; pages of lists
applications, groups, revisions, configs, deployments, targets, tags      one module for each family of operations
engine          takes instances in turn and sends them lifecycle events
scheduling      which instances go next, and when a deployment has failed; pure
command_service the queue that host agents poll
members, alarms, notices      who belongs to a group; what stops a deployment; what EventBridge hears
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.sandbox.codedeploy import (
    applications,
    configs,
    deployments,
    groups,
    revisions,
    tags,
    targets,
)
from deliverkit.sandbox.kernel.engine import Engine, Passive
from deliverkit.sandbox.kernel.operations import Operation, Service

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World

OPERATIONS: dict[str, Operation] = {
    "CreateApplication": applications.create_application,
    "GetApplication": applications.get_application,
    "ListApplications": applications.list_applications,
    "BatchGetApplications": applications.batch_get_applications,
    "UpdateApplication": applications.update_application,
    "DeleteApplication": applications.delete_application,
    "RegisterApplicationRevision": revisions.register_application_revision,
    "GetApplicationRevision": revisions.get_application_revision,
    "BatchGetApplicationRevisions": revisions.batch_get_application_revisions,
    "ListApplicationRevisions": revisions.list_application_revisions,
    "CreateDeploymentConfig": configs.create_deployment_config,
    "GetDeploymentConfig": configs.get_deployment_config,
    "ListDeploymentConfigs": configs.list_deployment_configs,
    "DeleteDeploymentConfig": configs.delete_deployment_config,
    "CreateDeploymentGroup": groups.create_deployment_group,
    "UpdateDeploymentGroup": groups.update_deployment_group,
    "GetDeploymentGroup": groups.get_deployment_group,
    "BatchGetDeploymentGroups": groups.batch_get_deployment_groups,
    "ListDeploymentGroups": groups.list_deployment_groups,
    "DeleteDeploymentGroup": groups.delete_deployment_group,
    "CreateDeployment": deployments.create_deployment,
    "GetDeployment": deployments.get_deployment,
    "BatchGetDeployments": deployments.batch_get_deployments,
    "ListDeployments": deployments.list_deployments,
    "StopDeployment": deployments.stop_deployment,
    "ContinueDeployment": deployments.continue_deployment,
    "ListDeploymentTargets": targets.list_deployment_targets,
    "GetDeploymentTarget": targets.get_deployment_target,
    "BatchGetDeploymentTargets": targets.batch_get_deployment_targets,
    "ListDeploymentInstances": targets.list_deployment_instances,
    "GetDeploymentInstance": targets.get_deployment_instance,
    "BatchGetDeploymentInstances": targets.batch_get_deployment_instances,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "ListTagsForResource": tags.list_tags_for_resource,
}


def install(world: World) -> Engine:
    """Add the service to the world; deployments are moved by timers and by the agents' answers."""
    service = Service("codedeploy", "CodeDeploy_20141006", checks_constraints=False)
    for name, operation in OPERATIONS.items():
        service.operation(name)(operation)
    world.add_service(service)
    return Passive()
