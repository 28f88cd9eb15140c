"""Starts deployments, each by the rollout of its kind, and what follows from their ends."""

from __future__ import annotations

from functools import partial

from deliverkit.sandbox.codedeploy import notices, scale_in, scale_out
from deliverkit.sandbox.codedeploy.blue_green import BlueGreenRollout, TrafficBack
from deliverkit.sandbox.codedeploy.in_place import InPlace
from deliverkit.sandbox.codedeploy.outdated import update_outdated
from deliverkit.sandbox.codedeploy.rollback import roll_back
from deliverkit.sandbox.codedeploy.rollout import Rollout
from deliverkit.sandbox.codedeploy.serverless.rollout import serverless_rollout
from deliverkit.sandbox.codedeploy.state import Deployment, Ending
from deliverkit.sandbox.kernel.world import World


def rollout_of(world: World, deployment: Deployment) -> Rollout:
    """What moves a deployment."""
    if deployment.serverless is not None:
        return serverless_rollout(world, deployment)
    kind: type[Rollout] = InPlace
    if deployment.creator == scale_out.CREATOR:
        kind = scale_out.ScaleOut
    elif deployment.creator == scale_in.CREATOR:
        kind = scale_in.ScaleIn
    elif deployment.is_blue_green:
        kind = TrafficBack if deployment.is_rollback else BlueGreenRollout
    return kind(world, deployment)


def launch(world: World, deployment: Deployment) -> None:
    """Tell of a created deployment and start it, on the timers' thread so that its creator gets the id first."""
    notices.deployment_changed(world, deployment)
    world.timers.soon(partial(_start, world, deployment))


def _start(world: World, deployment: Deployment) -> None:
    rollout_of(world, deployment).start()


def after_end(world: World, deployment: Deployment, ending: Ending) -> None:
    """Roll an ended deployment back, or bring instances along that were launched meanwhile."""
    if deployment.creator == scale_out.CREATOR and ending.status != "Succeeded":
        world.timers.after(scale_out.ABANDON_AFTER, partial(scale_out.abandon, world, deployment))
    if deployment.creator == scale_in.CREATOR:
        scale_in.complete(world, deployment)
    following = roll_back(world, deployment, ending)
    if (
        following is None
        and deployment.serverless is None
        and (ending.status == "Succeeded" or not deployment.is_of_group)
    ):
        following = update_outdated(world, deployment.group)
    if following is not None:
        launch(world, following)
