"""Promotions to tell of: made by the project's own engine on a world in memory, or of given events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from deliverkit.domain.environment import ApprovalPolicy, OnFailure, Strategy, StrategyKind
from deliverkit.domain.gate import CheckKind, Gate, Policy
from deliverkit.domain.ledger import Draft, Event, seal
from deliverkit.domain.plan import Drive, DriveKind, Leg, Plan, PlanKind
from deliverkit.domain.release import BundleRevision, Release, SourceRevision

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DEVELOPER = "arn:aws:sts::123456789012:assumed-role/ci/build-7"
MANAGER = "arn:aws:iam::123456789012:user/rosa"
RELEASE = Release(
    application="shop",
    version="1.4.0",
    digest="sha256:" + "ab" * 32,
    size=48_213,
    bundle=BundleRevision("releases", "shop/bundles/x.zip", "v1", "etag"),
    created_at=AT - timedelta(hours=1),
    created_by=DEVELOPER,
    source=SourceRevision("c0ffee" + "0" * 34, tag="v1.4.0"),
)
PREVIOUS = replace(RELEASE, version="1.3.9", digest="sha256:" + "cd" * 32)


class Story:
    """A stream that grows event by event, a given time after the last."""

    def __init__(self, *, legs: int = 1, release: Release = RELEASE, **changes: Any) -> None:
        self.at = AT
        self.events: list[Event] = []
        plan = plan_of(legs, release, **changes)
        payload = {"id": "production-12", "plan": plan.to_json(), "plan_digest": plan.digest}
        self.then("promotion.opened", payload, after=0)
        self.plan = plan

    def then(
        self, kind: str, payload: dict[str, Any] | None = None, *, after: float = 1, actor: str = DEVELOPER
    ) -> Story:
        """One more event, `after` seconds later."""
        self.at += timedelta(seconds=after)
        last = self.events[-1] if self.events else None
        draft = Draft(kind, payload or {})
        self.events.append(seal(draft, stream="promotions/production-12", after=last, actor=actor, at=self.at))
        return self

    def measured(self, gate: str = "up", outcome: str = "passed", *latencies: float, reason: str = "200 OK") -> Story:
        """One measurement."""
        self.at += timedelta(seconds=5)
        sample = {"gate": gate, "at": self.at.isoformat(), "outcome": outcome, "reason": reason, "latencies": latencies}
        return self.then("gate.measured", {"measurements": [sample]}, after=0)

    def judged(
        self, gate: str = "up", verdict: str = "passed", phase: str = "after", reason: str = "2 in a row"
    ) -> Story:
        """One judgement."""
        return self.then("gate.judged", {"gate": gate, "phase": phase, "verdict": verdict, "reason": reason})

    def observed(
        self,
        status: str = "Succeeded",
        *,
        region: str = "us-east-1",
        number: int = 1,
        troubles: tuple[str, ...] = (),
    ) -> Story:
        """One look at a deployment."""
        seen = {"region": region, "deployment_id": f"d-{number:09d}", "status": status, "progress": "3 of 3 succeeded"}
        deployment = {**seen, "troubles": list(troubles)}
        arrived = "deployed" if status == "Succeeded" else "failed"
        carriage = {"status": arrived, "reason": status, "deployments": [deployment]}
        return self.then("deployment.observed", {"carriage": carriage})

    def approved(self, reason: str = "notes read", *, by: str = MANAGER, **more: Any) -> Story:
        """A request and a decision."""
        leg = self.plan.legs[0].label
        expires = (self.at + timedelta(days=1)).isoformat()
        self.then("approval.requested", {"leg": 0, "gate": leg, "needed": 1, "expires_at": expires})
        decision = {"gate": leg, "by": by, "groups": ["release-managers"], "is_approved": True, "reason": reason}
        return self.then("approval.decided", {**decision, "plan_digest": self.plan.digest, **more}, after=240, actor=by)

    def leg_done(self, index: int = 0, *, region: str = "us-east-1", measurements: int = 6) -> Story:
        """A whole leg that goes well, from its admission on."""
        self.then("leg.admitted", {"leg": index, "by": []})
        self.then("deployment.begun", {"leg": index, "handle": {region: f"d-{index:09d}"}})
        self.then("driver.attached", {"driver": "agent-1/77", "token": 1})
        self.observed(region=region, number=index)
        self.then("leg.deployed", {"leg": index}, after=40)
        targets = [
            {
                "target_id": f"i-{index:04d}",
                "region": region,
                "is_right": True,
                "detail": "serves 1.4.0",
                "was_asked": True,
            }
        ]
        self.then("leg.verified", {"leg": index, "targets": targets})
        for number in range(measurements):
            self.measured("up", "passed", 0.020 + 0.001 * (number % 7), 0.031)
        self.judged()
        self.then("bake.finished", {"leg": index}, after=60)
        self.then("leg.accepted", {"leg": index})
        return self.then("leg.completed", {"leg": index})

    def concluded(self, outcome: str = "succeeded", reason: str = "1.4.0 serves production") -> Story:
        """The end."""
        return self.then("promotion.concluded", {"outcome": outcome, "reason": reason}).then("promotion.closed")


def plan_of(legs: int, release: Release, *, by_way_of: Sequence[str] = (), **changes: Any) -> Plan:
    """A plan to production with so many waves, the first of which may go to other environments."""
    gate = Gate.of("up", CheckKind.HTTP, {"url": "${endpoint}/healthz"}, Policy(p95=timedelta(milliseconds=300)))
    leg = Leg(
        environment="production",
        wave=1,
        regions=("us-east-1",),
        application="shop",
        group="shop-prod",
        strategy=Strategy(StrategyKind.ROLLING, "75%"),
        before=(),
        during=("up",),
        after=("up",),
        bake_time=timedelta(minutes=1),
        on_failure=OnFailure.ROLLBACK,
        endpoint="http://shop",
        approvals=ApprovalPolicy(groups=("release-managers",)),
        previous=PREVIOUS,
    )
    plan = Plan(
        kind=PlanKind.PROMOTE,
        application="shop",
        environment="production",
        release=release,
        drive=Drive(DriveKind.DIRECT),
        legs=(
            *(replace(leg, environment=name) for name in by_way_of),
            *(replace(leg, wave=wave) for wave in range(1, legs - len(by_way_of) + 1)),
        ),
        gates={"up": gate},
        requested_by=DEVELOPER,
        created_at=AT,
    )
    return replace(plan, **changes)


def target(name: str, detail: str, region: str = "us-east-1") -> dict[str, Any]:
    """What a target says it serves."""
    return {"target_id": name, "region": region, "is_right": True, "detail": detail, "was_asked": True}


def good() -> Story:
    """A promotion that went well."""
    story = Story().then("environment.claimed", {"environment": "production"}).approved()
    return story.leg_done().concluded()


def rolled_back() -> Story:
    """A promotion whose gate failed, and which went back."""
    story = Story().then("environment.claimed", {"environment": "production"}).approved()
    story.then("leg.admitted", {"leg": 0, "by": []}).then(
        "deployment.begun", {"leg": 0, "handle": {"us-east-1": "d-1"}}
    )
    story.observed(number=1).then("leg.deployed", {"leg": 0}).then("leg.verified", {"leg": 0, "targets": []})
    for _ in range(3):
        story.measured("up", "failed", 0.9, reason="503 Service Unavailable")
    story.judged("up", "failed", "during", "failed 3 times, 2 are tolerated: 503 Service Unavailable")
    story.then("rollout.failed", {"cause": "gate", "reason": "gate up failed: 503", "gate": "up"})
    story.then("rollback.requested", {"legs": [0], "reason": "gate up failed"}, after=5)
    story.then("rollback.begun", {"leg": 0, "handle": {"us-east-1": "d-2"}, "version": "1.3.9"})
    story.observed(number=2).then("rollback.arrived", {"leg": 0}).then("rollback.deployed", {}, after=30)
    targets = [
        {"target_id": "i-1", "region": "us-east-1", "is_right": True, "detail": "serves 1.3.9", "was_asked": True}
    ]
    story.then("rollback.verified", {"targets": targets})
    return story.concluded("rolled_back", "gate up failed; 1.3.9 serves production again, verified")
