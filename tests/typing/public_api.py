"""The public API as its users type it; mypy --strict checks this file, nobody runs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from deliverkit import (
    AbortMode,
    DeliverkitError,
    Delivery,
    ExitCode,
    Outcome,
    Phase,
    Plan,
    Release,
    Rollout,
    Verdict,
    __version__,
    open_delivery,
)
from deliverkit.check_plugins import Assessment, CheckContext, CheckPlugin, Observation


def deliver(config: Path) -> ExitCode:
    delivery: Delivery = open_delivery(config, profile="ci")
    release: Release = delivery.package(Path("build")).release
    plan: Plan = delivery.plan(release.version, to="production")
    if plan.warnings:
        return ExitCode.FAILED
    try:
        promotion: str = delivery.promote(release.version, to="production")
        rollout: Rollout = delivery.watch(promotion, timeout=timedelta(minutes=30))
    except DeliverkitError as error:
        return error.exit_code
    if rollout.phase is Phase.APPROVING:
        rollout = delivery.decide(promotion, is_approved=True, reason=f"checked with {__version__}")
    if any(passage.verdict is not Verdict.PASSED for passage in rollout.passages):
        delivery.abort(promotion, AbortMode.ROLLBACK)
    return ExitCode.DONE if rollout.outcome is Outcome.SUCCEEDED else ExitCode.FAILED


class QueueDepth(CheckPlugin):
    kind = "acme-queue"
    timeout = 5.0
    is_stateful = True

    def read(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"at_most": 100, **settings}

    def observe(self, spec: Mapping[str, Any], context: CheckContext) -> Observation | None:
        seen: dict[str, Any] = {"depth": 7, "queue": f"{context.application}-{context.group}"}
        return Observation(seen, query=str(spec["queue"]), latencies=(0.02,))

    def assess(self, spec: Mapping[str, Any], seen: Mapping[str, Any], state: Any) -> Assessment:
        depth: float = seen["depth"]
        outcome = Verdict.PASSED if depth <= spec["at_most"] else Verdict.FAILED
        return Assessment(outcome, f"{depth:g} messages wait", value=depth, state=(state or 0) + 1)
