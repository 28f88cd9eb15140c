"""Which instances may be deployed to next: pure rules of the CodeDeploy user guide, page "instances-health".

An instance counts as healthy when the last deployment to it succeeded. Never, by a deployment's own doing, are fewer
healthy instances left standing than the minimum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deliverkit.sandbox.codedeploy.state import Target


class Phase(StrEnum):
    """Where an instance stands within a deployment."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


PHASES = {
    "Pending": Phase.WAITING,
    "InProgress": Phase.RUNNING,
    "Ready": Phase.SUCCEEDED,
    "Succeeded": Phase.SUCCEEDED,
    "Failed": Phase.FAILED,
}
"""Where a target's status of the API stands; green instances that are Ready are through with their installation."""


class Verdict(StrEnum):
    """What becomes of the deployment."""

    GO_ON = "go on"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Member:
    """An instance as the scheduler sees it.

    Attributes:
        identifier: Instance id.
        was_healthy: True when the deployment before this one succeeded on it.
        phase: Where it stands now.
    """

    identifier: str
    was_healthy: bool
    phase: Phase

    @property
    def is_healthy(self) -> bool:
        """Succeeded now, or healthy from before and not failed; an instance under way is not lost yet."""
        return self.phase is Phase.SUCCEEDED or (self.was_healthy and self.phase in {Phase.WAITING, Phase.RUNNING})


@dataclass(frozen=True, slots=True)
class Rule:
    """How many instances must stay healthy.

    Attributes:
        minimum: A number of instances; ignored when `one_at_a_time`.
        one_at_a_time: CodeDeployDefault.OneAtATime: concurrency 1, only the last may fail.
    """

    minimum: int
    one_at_a_time: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: instances to start, or how it ends. A failure with instances under way lets them end first."""

    verdict: Verdict
    start: tuple[str, ...] = ()


def rule_for(minimum: Mapping[str, Any], fleet_size: int) -> Rule:
    """The rule of a configuration for a fleet; a percentage becomes a count once, rounded up.

    `MOST_CONCURRENCY` is what GetDeploymentConfig returns for OneAtATime (API reference, MinimumHealthyHosts).
    """
    value = int(minimum.get("value", 0))
    match minimum.get("type"):
        case "MOST_CONCURRENCY":
            return Rule(0, one_at_a_time=True)
        case "FLEET_PERCENT":
            return Rule(-(-fleet_size * value // 100))
        case _:
            return Rule(value)


def is_satisfiable(rule: Rule, fleet_size: int) -> bool:
    """True when the minimum lies below the number of members; else nothing may be touched."""
    return rule.minimum < fleet_size


def members_of(targets: Iterable[Target]) -> tuple[Member, ...]:
    """Targets as the scheduler sees them, in their order."""
    return tuple(Member(target.instance_id, target.was_healthy, PHASES[target.status]) for target in targets)


def decide(rule: Rule, members: tuple[Member, ...], among: frozenset[str] | None = None) -> Decision:
    """What to do next.

    Args:
        rule: How many must stay healthy.
        members: In the order in which instances are to be tried among their like.
        among: Only these may be started now; the others count all the same. Whether it is over is not said then.
    """
    waiting = [member for member in members if member.phase is Phase.WAITING]
    if among is not None:
        waiting = [member for member in waiting if member.identifier in among]
    running = [member for member in members if member.phase is Phase.RUNNING]
    if not waiting and not running:
        return Decision(_final(rule, members) if among is None else Verdict.GO_ON)
    if rule.one_at_a_time:
        return _one_at_a_time(members, waiting, running)
    return _by_minimum(rule, members, waiting, running)


def _final(rule: Rule, members: tuple[Member, ...]) -> Verdict:
    succeeded = any(member.phase is Phase.SUCCEEDED for member in members)
    healthy = sum(member.is_healthy for member in members)
    is_good = succeeded and healthy >= rule.minimum
    return Verdict.SUCCEEDED if is_good else Verdict.FAILED


def _one_at_a_time(members: tuple[Member, ...], waiting: list[Member], running: list[Member]) -> Decision:
    if any(member.phase is Phase.FAILED for member in members):
        return Decision(Verdict.FAILED)
    if running:
        return Decision(Verdict.GO_ON)
    return Decision(Verdict.GO_ON, (_unhealthy_first(waiting)[0].identifier,))


def _by_minimum(rule: Rule, members: tuple[Member, ...], waiting: list[Member], running: list[Member]) -> Decision:
    failed = sum(member.phase is Phase.FAILED for member in members)
    if len(members) - failed < rule.minimum:
        return Decision(Verdict.FAILED)
    slots = len(members) - rule.minimum - len(running)
    unhealthy = [member for member in waiting if not member.was_healthy]
    if unhealthy:
        return Decision(Verdict.GO_ON, _identifiers(unhealthy, slots))
    if any(not member.was_healthy for member in running):
        return Decision(Verdict.GO_ON)
    return _healthy_next(rule, members, waiting, running)


def _healthy_next(rule: Rule, members: tuple[Member, ...], waiting: list[Member], running: list[Member]) -> Decision:
    spare = sum(member.is_healthy for member in members) - rule.minimum
    if waiting and spare <= 0:
        return Decision(Verdict.FAILED)
    return Decision(Verdict.GO_ON, _identifiers(waiting, spare - len(running)))


def _identifiers(members: list[Member], count: int) -> tuple[str, ...]:
    return tuple(member.identifier for member in members[: max(count, 0)])


def _unhealthy_first(members: list[Member]) -> list[Member]:
    return sorted(members, key=lambda member: member.was_healthy)


def rerouting(rule: Rule, members: tuple[Member, ...]) -> Decision:
    """Which installed green instances get traffic next.

    All, half or one of them at a time, as the configuration says (user guide, deployment-configurations). How it treats
    failures is not documented: here as at the installation, as all of them are healthy when this begins.
    """
    waiting = [member for member in members if member.phase is Phase.WAITING]
    running = [member for member in members if member.phase is Phase.RUNNING]
    failed = sum(member.phase is Phase.FAILED for member in members)
    is_lost = bool(failed and waiting) if rule.one_at_a_time else len(members) - failed < rule.minimum
    if is_lost:
        return Decision(Verdict.FAILED)
    if not waiting and not running:
        return Decision(Verdict.SUCCEEDED if failed < len(members) else Verdict.FAILED)
    pace = 1 if rule.one_at_a_time else max(1, len(members) - rule.minimum)
    return Decision(Verdict.GO_ON, _identifiers(waiting, pace - len(running)))
