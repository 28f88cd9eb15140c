"""Environments, gates and people that the simulated rollouts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from deliverkit.delivery import Delivery
from deliverkit.domain.environment import ApprovalPolicy, Environment, Serves
from deliverkit.domain.gate import CheckKind, Gate, Policy, Verdict
from deliverkit.domain.rollout import Rollout
from deliverkit.ports import Identity
from deliverkit.testing.rehearsal import Rehearsal

REGION = "us-east-1"
MANAGER = Identity("arn:aws:iam::123456789012:user/manager", "123456789012", ("release-managers",))
UP = Gate.of("up", CheckKind.HTTP, {}, Policy(every=timedelta(seconds=5), passes=2, failure_limit=1))
SERVES = Serves("http://${target.address}/version")


def environment(name: str, **changes: Any) -> Environment:
    base = Environment(
        name=name, waves=((REGION,),), application="shop", group=f"shop-{name}", after=("up",), serves=SERVES
    )
    return replace(base, **changes)


def approved(name: str, **changes: Any) -> Environment:
    policy = ApprovalPolicy(needed=1, groups=("release-managers",), not_requester=True, expires=timedelta(hours=24))
    return environment(name, approvals=policy, **changes)


def direct(*environments: Environment, gates: tuple[Gate, ...] = (UP,)) -> Rehearsal:
    return Rehearsal(environments or (environment("dev"),), {gate.name: gate for gate in gates})


def piped(*environments: Environment, gates: tuple[Gate, ...] = (UP,)) -> Rehearsal:
    return Rehearsal(
        environments or (environment("dev"), environment("staging", predecessor="dev")),
        {gate.name: gate for gate in gates},
        is_piped=True,
    )


def carry(delivery: Delivery, version: str, to: str) -> Rollout:
    """Promote and watch to the end, or until a human is needed."""
    return delivery.watch(delivery.promote(version, to=to))


def serving_the_first(world: Rehearsal) -> Delivery:
    """Releases 1.0 and 2.0 on record, and 1.0 promoted to dev."""
    world.release("1.0")
    world.release("2.0")
    delivery = world.delivery()
    carry(delivery, "1.0", "dev")
    return delivery


def bad_release(version: str, world: Rehearsal, *, after: timedelta = timedelta(0)) -> Callable[..., Verdict]:
    """An answer for gates: everything passes, except where the version serves for longer than that."""
    first_seen: list[datetime] = []

    def answer(_gate: Gate, context: Any, now: datetime) -> Verdict:
        region, group = context.regions[0], context.group
        if version not in world.fleet.serving(region, group):
            return Verdict.PASSED
        first_seen.append(now)
        return Verdict.FAILED if now >= first_seen[0] + after else Verdict.PASSED

    return answer


def kinds(delivery: Delivery, rollout: Rollout) -> list[str]:
    return [event.kind for event in delivery.ledger.read(f"promotions/{rollout.id}")]
