"""Asking the targets themselves which release they serve; CodeDeploy's word alone is not enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from deliverkit.domain.carriage import Target, TargetReport
from deliverkit.domain.environment import Serves
from deliverkit.domain.placeholders import expand
from deliverkit.domain.plan import Leg
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Rollout
from deliverkit.engine.measuring import values_for
from deliverkit.errors import UnreachableError
from deliverkit.ports import Deployer, TextSource

PARALLEL = 16
TIMEOUT = timedelta(seconds=5)


class Witness:
    """Asks every target of a leg what it serves."""

    def __init__(self, deployers: Callable[[str], Deployer], texts: TextSource) -> None:
        """Take the way to a region's deployer and the way to ask an URL."""
        self._deployers = deployers
        self._texts = texts

    def testify(self, rollout: Rollout, leg: Leg, release: Release) -> tuple[TargetReport, ...]:
        """What each running member of the leg's groups serves; empty when there is none."""
        targets = [
            target for region in leg.regions for target in self._deployers(region).targets(leg.application, leg.group)
        ]
        serves = leg.serves
        if serves is None:
            return tuple(_unasked(target) for target in targets)
        values = {**values_for(rollout.plan, leg, release), "promotion.id": rollout.id, "endpoint": leg.endpoint}
        return self._ask_all(targets, serves, values)

    def _ask_all(self, targets: Sequence[Target], serves: Serves, values: dict[str, str]) -> tuple[TargetReport, ...]:
        if not targets:
            return ()
        with ThreadPoolExecutor(max_workers=min(PARALLEL, len(targets))) as pool:
            return tuple(pool.map(lambda target: self._ask(target, serves, values), targets))

    def _ask(self, target: Target, serves: Serves, values: dict[str, str]) -> TargetReport:
        own = {**values, "target.id": target.target_id, "target.address": target.address, "region": target.region}
        own["endpoint"] = expand(values["endpoint"], {name: value for name, value in own.items() if name != "endpoint"})
        url, expected = expand(serves.url, own), expand(serves.expect, own)
        try:
            answer = self._texts.fetch(url, timeout=TIMEOUT).strip()
        except UnreachableError as error:
            return TargetReport(target.target_id, target.region, is_right=False, detail=error.message)
        shown = answer if len(answer) <= 60 else answer[:57] + "..."
        is_right = holds(answer, expected)
        detail = f"serves {shown!r}" if is_right else f"serves {shown!r}, expected {expected!r}"
        return TargetReport(target.target_id, target.region, is_right, detail)


def holds(answer: str, expected: str) -> bool:
    """True when the expected text stands in the answer as a word of its own: `1.2` is not in `1.2.1` nor in `11.2`."""
    return bool(expected) and re.search(rf"(?<![\w.+-]){re.escape(expected)}(?![\w+-]|\.\w)", answer) is not None


def _unasked(target: Target) -> TargetReport:
    detail = "deployed, as far as CodeDeploy knows; `serves` is not configured, so the instance was not asked"
    return TargetReport(target.target_id, target.region, is_right=True, detail=detail, was_asked=False)
