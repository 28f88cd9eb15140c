"""A check that asks a (made-up) service how much of a team's error budget is left."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from deliverkit.check_plugins import Assessment, CheckContext, CheckPlugin, Observation, Verdict

KEYS = {"url", "token", "at_least"}


class ErrorBudget(CheckPlugin):
    """`acme-budget: {url: ..., token: "${env.ACME_TOKEN}", at_least: 20}`: the percentage that has to be left."""

    kind = "acme-budget"
    timeout = 10.0

    def read(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        unknown = sorted(settings.keys() - KEYS)
        if unknown:
            raise ValueError(f"unknown key {unknown[0]}; known are {', '.join(sorted(KEYS))}")
        if not str(settings.get("url", "")).startswith(("http://", "https://")):
            raise ValueError("url has to be the address of the budget service: http://... or https://...")
        at_least = settings.get("at_least", 10)
        if isinstance(at_least, bool) or not isinstance(at_least, int | float) or not 0 <= at_least <= 100:
            raise ValueError(f"at_least is a percentage from 0 to 100, not {at_least!r}")
        return {**settings, "at_least": at_least}

    def observe(self, spec: Mapping[str, Any], context: CheckContext) -> Observation | None:
        url = f"{spec['url']}/budgets/{context.application}"
        headers = {"Authorization": f"Bearer {spec.get('token', '')}"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:
            budget = json.loads(answer.read(64 * 1024))
        return Observation({"left": budget["left"], "for": context.values["release.version"]}, query=f"GET {url}")

    def assess(self, spec: Mapping[str, Any], seen: Mapping[str, Any], state: Any) -> Assessment:
        left, needed = seen.get("left"), spec["at_least"]
        if isinstance(left, bool) or not isinstance(left, int | float):
            return Assessment(Verdict.ERROR, f"the service says {left!r} is left, which is no percentage")
        outcome = Verdict.PASSED if left >= needed else Verdict.FAILED
        return Assessment(outcome, f"{left:g} % of the error budget is left, at least {needed:g} % has to be", left)
