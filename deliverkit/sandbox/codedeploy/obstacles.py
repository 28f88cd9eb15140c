"""What keeps a deployment of the server platform from beginning (user guide, error-codes)."""

from __future__ import annotations

from deliverkit.sandbox.codedeploy import scheduling
from deliverkit.sandbox.codedeploy.service_role import role_obstacle
from deliverkit.sandbox.codedeploy.state import Deployment, Ending, Store
from deliverkit.sandbox.codedeploy.traffic import balancers_of
from deliverkit.sandbox.kernel.world import World

NO_INSTANCES = (
    "The deployment failed because no instances were found for your deployment group. Check your deployment group "
    "settings to make sure the tags for your Amazon EC2 instances or Auto Scaling groups correctly identify the "
    "instances you want to deploy to, and then try again."
)
INVALID_CONSTRAINTS = (
    "The deployment can't start because the minimum number of healthy instances, {minimum}, is not below the number "
    "of instances in the deployment group, {size}."
)
INSTANCE_LIMIT = 1000
"""Instances in one deployment (CodeDeploy user guide, limits)."""


def failed(code: str, message: str) -> Ending:
    """A failure for which no instance was touched."""
    return Ending("Failed", code, message)


def obstacle(world: World, deployment: Deployment) -> Ending | None:
    """Why the deployment cannot begin, whatever its instances."""
    return missing_part(world, deployment) or role_obstacle(world, deployment) or _unusable(world, deployment)


def missing_part(world: World, deployment: Deployment) -> Ending | None:
    """What was deleted between the request and the start, on every platform."""
    store = world.store(Store, deployment.group.account, deployment.group.region)
    application = store.applications.get(deployment.application)
    if application is None:
        return failed("APPLICATION_MISSING", "The application was deleted before the deployment started.")
    if deployment.group not in application.groups.values():
        return failed("DEPLOYMENT_GROUP_MISSING", "The deployment group was deleted.")
    if deployment.revision.get("revisionType") == "GitHub":
        # GitHub accounts are connected in AWS's console alone, which the sandbox does not have.
        return failed("MISSING_GITHUB_TOKEN", "No GitHub account is connected to the application.")
    return None


def _unusable(world: World, deployment: Deployment) -> Ending | None:
    if deployment.is_blue_green and deployment.blue_green is None:
        return failed("MISSING_BLUE_GREEN_DEPLOYMENT_CONFIGURATION", "The group has no blue/green configuration.")
    if not deployment.controls_traffic:
        return None
    if not any(deployment.balancers.values()):
        return failed("MISSING_ELB_INFORMATION", "The deployment group names no load balancer.")
    missing = balancers_of(world, deployment).missing()
    if missing:
        return failed("ELASTIC_LOAD_BALANCING_INVALID", f"There is no load balancer or target group {missing[0]}.")
    return None


def fleet_obstacle(deployment: Deployment, size: int) -> Ending | None:
    """Why so many instances cannot be deployed to."""
    if not size:
        return failed("NO_INSTANCES", NO_INSTANCES)
    if size > INSTANCE_LIMIT:
        return failed("OVER_MAX_INSTANCES", f"The deployment has {size} instances; at most {INSTANCE_LIMIT} may be.")
    rule = scheduling.rule_for(deployment.minimum, size)
    if not scheduling.is_satisfiable(rule, size):
        message = INVALID_CONSTRAINTS.format(minimum=rule.minimum, size=size)
        return failed("HEALTH_CONSTRAINTS_INVALID", message)
    return None
