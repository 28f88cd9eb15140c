"""Auto Scaling lets an instance wait whose end a lifecycle hook wants to attend; moto ends it at once.

Only the hook for CodeDeploy's termination deployments is kept to: nobody here would complete another one. Groups of
mixed instances, whose capacity is no number of instances, scale in at once all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

HELD = "Terminating:Wait"
"""The lifecycle state of an instance that waits for its hook (Auto Scaling user guide, lifecycle-hooks-overview)."""
TERMINATION_HOOK = "CodeDeploy-managed-automatic-termination-deployment-hook"


def hold_terminations(models: Any) -> None:
    """Mend moto's models of Auto Scaling; repeating it changes nothing."""

    def instead_of(scale: Any) -> Callable[..., None]:
        def mended(group: Any, new_capacity: int | None) -> None:
            _hold_surplus(group, group.min_size if new_capacity is None else new_capacity)
            scale(group, new_capacity)

        return mended

    replace(models.FakeAutoScalingGroup, "set_desired_capacity", instead_of)


def _hold_surplus(group: Any, wanted: int) -> None:
    hooks = group.autoscaling_backend.lifecycle_hooks.values()
    is_hooked = any(
        hook.auto_scaling_group_name == group.name and hook.name.startswith(TERMINATION_HOOK) for hook in hooks
    )
    if not is_hooked or group.mixed_instances_policy:
        return
    running = group.active_instances()
    surplus = [state for state in running if not state.protected_from_scale_in][: max(0, len(running) - wanted)]
    for state in surplus:
        state.lifecycle_state = HELD
