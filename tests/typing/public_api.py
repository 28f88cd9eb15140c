"""The public API as its users type it; mypy --strict checks this file, nobody runs it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

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
