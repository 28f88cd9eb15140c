"""Instances that Auto Scaling launched during a deployment are brought along (user guide, auto-updates-outdated)."""

from __future__ import annotations

from deliverkit.sandbox.codedeploy import auto_scaling
from deliverkit.sandbox.codedeploy.creation import Wish, create
from deliverkit.sandbox.codedeploy.revisions import identity
from deliverkit.sandbox.codedeploy.rollback import AUTO_UPDATE
from deliverkit.sandbox.codedeploy.state import Application, Deployment, Group, Store
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World


def update_outdated(world: World, group: Group) -> Deployment | None:
    """A deployment to the outdated instances of a group, when there are any and nothing else runs."""
    store = world.store(Store, group.account, group.region)
    root = group.last_successful
    application = store.applications.get(group.application)
    is_gone = application is None or group not in application.groups.values()
    if root is None or application is None or is_gone or group.settings.get("outdatedInstancesStrategy") == "IGNORE":
        return None
    is_busy = any(one.is_live for one in store.deployments.values() if one.group is group)
    if is_busy or not _has_outdated(world, group, root):
        return None
    return _created(world, application, group, root)


def _has_outdated(world: World, group: Group, root: Deployment) -> bool:
    """True when an instance runs another revision, or none that CodeDeploy knows; failed ones are left alone."""
    wanted = identity(root.revision)
    for name in auto_scaling.instances_of(world, group, group.settings.get("autoScalingGroups") or ()):
        health = group.health.get(name)
        if health is None or (health.is_healthy and health.revision != wanted):
            return True
    return False


def _created(world: World, application: Application, group: Group, last: Deployment) -> Deployment | None:
    store = world.store(Store, group.account, group.region)
    root = store.deployments.get(last.related.get("autoUpdateOutdatedInstancesRootDeploymentId", ""), last)
    options = {"deploymentConfigName": root.config_name, "updateOutdatedInstancesOnly": True}
    kept = {name: root.options[name] for name in ("fileExistsBehavior",) if name in root.options}
    try:
        made = create(world, application, group, Wish(root.revision, AUTO_UPDATE, {**options, **kept}))
    except ApiError:
        return None
    made.style = {**made.style, "deploymentType": "IN_PLACE"}
    made.related["autoUpdateOutdatedInstancesRootDeploymentId"] = root.deployment_id
    root.related.setdefault("autoUpdateOutdatedInstancesDeploymentIds", []).append(made.deployment_id)
    return made
