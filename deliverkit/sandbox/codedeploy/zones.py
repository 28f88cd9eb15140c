"""One Availability Zone at a time (API reference, ZonalConfig).

AWS documents neither the order of the zones nor what becomes of hosts on premises: here zones go in the order of their
names, and hosts without a zone come last, as if they were one.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from deliverkit.sandbox.codedeploy import scheduling
from deliverkit.sandbox.codedeploy.obstacles import failed
from deliverkit.sandbox.codedeploy.scheduling import Decision, Member, Phase, Rule, Verdict
from deliverkit.sandbox.codedeploy.state import Deployment, Ending, Zones

if TYPE_CHECKING:
    from deliverkit.sandbox.codedeploy.in_place import InPlace

INVALID_IN_ZONE = (
    "The deployment can't start because the minimum number of healthy instances per zone, {minimum}, is not below the "
    "number of instances in the zone {zone}, {size}."
)


def begin(rollout: InPlace) -> Ending | None:
    """Set the zones' order when the configuration has zones; an ending when a zone is too small for its minimum."""
    deployment = rollout.deployment
    if not deployment.zonal:
        return None
    names = sorted({target.zone for target in deployment.targets.values()}, key=lambda zone: (not zone, zone))
    deployment.zones = Zones(names)
    for zone in names:
        rule, size = _rule_in(deployment, zone), len(_members_in(deployment, zone))
        if not scheduling.is_satisfiable(rule, size):
            message = INVALID_IN_ZONE.format(minimum=rule.minimum, zone=zone, size=size)
            return failed("HEALTH_CONSTRAINTS_INVALID", message)
    return None


def schedule(rollout: InPlace) -> None:
    """Begin what the deployment's minimum and the current zone's allow; go to the next zone after its monitoring."""
    deployment = rollout.deployment
    zones = deployment.zones
    if zones is None or zones.is_monitoring:
        return
    decision = decide(deployment, zones.current)
    if decision.verdict is not Verdict.SUCCEEDED:
        rollout.follow(decision)
    elif zones.at + 1 == len(zones.order):
        everyone = scheduling.members_of(deployment.targets.values())
        rollout.follow(scheduling.decide(scheduling.rule_for(deployment.minimum, len(everyone)), everyone))
    else:
        _monitor(rollout, zones)


def decide(deployment: Deployment, zone: str) -> Decision:
    """What to do in a zone: as many as both minima leave free; SUCCEEDED means that the zone is through."""
    everyone = scheduling.members_of(deployment.targets.values())
    here = _members_in(deployment, zone)
    overall = scheduling.rule_for(deployment.minimum, len(everyone))
    whole = scheduling.decide(overall, everyone, among=frozenset(member.identifier for member in here))
    if whole.verdict is Verdict.FAILED:
        return whole
    rule = _rule_in(deployment, zone)
    if not any(member.phase in {Phase.WAITING, Phase.RUNNING} for member in here):
        healthy = sum(member.is_healthy for member in here)
        return Decision(Verdict.SUCCEEDED if healthy >= rule.minimum else Verdict.FAILED)
    local = scheduling.decide(rule, here)
    return Decision(local.verdict, tuple(one for one in local.start if one in whole.start))


def _members_in(deployment: Deployment, zone: str) -> tuple[Member, ...]:
    return scheduling.members_of(target for target in deployment.targets.values() if target.zone == zone)


def _rule_in(deployment: Deployment, zone: str) -> Rule:
    """The minimum of a zone; absent means none (API reference, ZonalConfig)."""
    told = (deployment.zonal or {}).get("minimumHealthyHostsPerZone") or {}
    # The per-zone minimum names its percentage FLEET_PERCENT too, and means that of the zone.
    return scheduling.rule_for(told, len(_members_in(deployment, zone)))


def _monitor(rollout: InPlace, zones: Zones) -> None:
    """Wait before the next zone; the first one's wait may differ."""
    told = rollout.deployment.zonal or {}
    seconds = told.get("monitorDurationInSeconds") or 0
    if zones.at == 0:
        seconds = told.get("firstZoneMonitorDurationInSeconds", seconds)
    zones.is_monitoring = True
    rollout.world.timers.after(timedelta(seconds=seconds), partial(_next_zone, rollout))


def _next_zone(rollout: InPlace) -> None:
    zones = rollout.deployment.zones
    if zones is not None and zones.is_monitoring:
        zones.is_monitoring = False
        zones.at += 1
        rollout.advance()
