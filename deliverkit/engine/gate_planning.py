"""What a run of gates outside of a promotion asks: gates by name, an environment, and the release that serves there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from deliverkit.domain.environment import Environment
from deliverkit.domain.gate import Gate
from deliverkit.domain.gate_run import GatePlan
from deliverkit.domain.release import Release
from deliverkit.engine.blueprint import Blueprint
from deliverkit.errors import UsageError


def plan_gates(
    blueprint: Blueprint,
    environment: Environment,
    names: Sequence[str],
    *,
    release: Release | None,
    bake_time: timedelta | None,
    requested_by: str,
) -> GatePlan:
    """The plan of a run.

    Args:
        blueprint: Knows the gates.
        environment: Where they ask.
        names: Of the gates; empty for all that the environment uses.
        release: What should be healthy; None when nobody knows what serves there.
        bake_time: How long to watch before they have to be passed; None for the environment's own, for gates that it
            watches while it bakes, and for no time otherwise.
        requested_by: AWS identity ARN of whoever asks.

    Raises:
        UsageError: If there is no such gate, or none at all.
    """
    used = dict.fromkeys((*environment.before, *environment.during, *environment.after))
    wanted = tuple(dict.fromkeys(names or used))
    baking = {*environment.during, *environment.after}
    usual = environment.bake_time if baking.intersection(wanted) else timedelta(0)
    return GatePlan(
        application=environment.application,
        environment=environment.name,
        regions=tuple(region for wave in environment.waves for region in wave),
        group=environment.group,
        endpoint=environment.endpoint,
        values=_values(blueprint.application, environment, release),
        gates=tuple(_gate(blueprint, name) for name in wanted) or _none(environment),
        bake_time=usual if bake_time is None else bake_time,
        requested_by=requested_by,
    )


def refuse_as_id(run_id: str, blueprint: Blueprint) -> None:
    """Refuse what promotions are called, now or later: `production-12`.

    Raises:
        UsageError: If it looks like that.
    """
    name, _, number = run_id.rpartition("-")
    if name in blueprint.environments and number.isdecimal():
        message = f"{run_id} is what promotions to {name} are called; a run of gates needs an id of its own"
        raise UsageError(message, hint=f"--id gates-{run_id}")


def _gate(blueprint: Blueprint, name: str) -> Gate:
    if name in blueprint.gates:
        return blueprint.gates[name]
    import difflib  # noqa: PLC0415

    known = ", ".join(blueprint.gates) or "none"
    nearest = difflib.get_close_matches(name, blueprint.gates, n=1)
    hint = f"deliverkit gate run {nearest[0]}" if nearest else "see `gates` in the configuration"
    raise UsageError(f"there is no gate {name}; the configuration has {known}", hint=hint)


def _none(environment: Environment) -> tuple[Gate, ...]:
    raise UsageError(f"{environment.name} uses no gates", hint="name a gate: deliverkit gate run GATE")


def _values(application: str, environment: Environment, release: Release | None) -> dict[str, str]:
    return {
        "application": application,
        "environment": environment.name,
        "region": environment.waves[0][0],
        "release.version": release.version if release else "",
        "release.digest": release.digest if release else "",
        "release.commit": release.source.commit if release and release.source else "",
    }
