"""CodeDeploy's lifecycle hooks on Auto Scaling groups (user guide, integrations-aws-auto-scaling).

moto's Auto Scaling keeps hooks but runs none: instances are in service at once. New ones are noticed by looking, and
those on their way out are held back (`moto_scaling`).
"""

from __future__ import annotations

from collections.abc import Iterable

from deliverkit.sandbox.codedeploy import auto_scaling
from deliverkit.sandbox.codedeploy.state import Group, ScalingHooks
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_scaling import TERMINATION_HOOK


def install_hooks(world: World, group: Group) -> None:
    """Give every Auto Scaling group of the deployment group its hooks; what runs there already is no news."""
    wants_termination = bool(group.settings.get("terminationHookEnabled"))
    for name in group.settings.get("autoScalingGroups") or ():
        hooks = group.scaling.get(name)
        if hooks is None:
            launch = auto_scaling.install_hook(world, group, name, auto_scaling.LAUNCH_HOOK, auto_scaling.LAUNCHING)
            seen = auto_scaling.instances_of(world, group, [name])
            hooks = group.scaling[name] = ScalingHooks(launch, seen=seen)
        if wants_termination and hooks.termination is None:
            hooks.termination = auto_scaling.install_hook(
                world, group, name, TERMINATION_HOOK, auto_scaling.TERMINATING
            )
        if not wants_termination and hooks.termination is not None:
            auto_scaling.remove_hook(world, group, name, hooks.termination)
            hooks.termination = None


def remove_hooks(world: World, group: Group, names: Iterable[str]) -> list[dict[str, str]]:
    """Take the hooks off Auto Scaling groups.

    Returns:
        Those that could not be removed, as `hooksNotCleanedUp` tells them.
    """
    left: list[dict[str, str]] = []
    for name in list(names):
        hooks = group.scaling.pop(name, None)
        ours = [hook for hook in (hooks.launch, hooks.termination) if hook] if hooks else []
        left.extend(
            {"name": name, "hook": hook} for hook in ours if not auto_scaling.remove_hook(world, group, name, hook)
        )
    return left


def told(group: Group) -> list[dict[str, str]]:
    """The group's Auto Scaling groups as GetDeploymentGroup tells them."""
    answer = []
    for name in group.settings.get("autoScalingGroups") or ():
        hooks = group.scaling.get(name)
        shown = {"name": name, "hook": hooks.launch if hooks else "", "terminationHook": hooks and hooks.termination}
        answer.append({key: value for key, value in shown.items() if value})
    return answer
