"""What a load balancer says of its targets (ELB API reference, TargetHealth).

    seen: {groups: [{name, region, states: {healthy: 3, unhealthy: 1}, sick: [{id, state, why}]}]}

A target whose state is tolerated is left out of the count, because it is leaving; `initial` is not known yet, so that
the answer stays open while it would decide. `unused` is not healthy: no listener leads there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.telling import Found, plainly, some, together
from deliverkit.domain.gate import Verdict

INITIAL = "initial"


@plainly
def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Passed when in each target group enough targets are healthy; a group without targets is an error."""
    groups = seen.get("groups", ())
    value = min((_share(each["states"], spec) for each in groups), default=None)
    return together(_judged(groups, spec), nothing="no target group is named", value=value)


def _judged(groups: Iterable[Mapping[str, Any]], spec: Spec) -> Iterable[Found]:
    return (_judge(each, spec) for each in groups)


def _judge(group: Mapping[str, Any], spec: Spec) -> Found:
    states: Mapping[str, int] = group["states"]
    where, total, counted = f"{group['name']} ({group['region']})", sum(states.values()), _counted(states, spec)
    if not total:
        return Verdict.ERROR, f"{where} has no registered targets"
    if not counted:
        return Verdict.FAILED, f"none of the {total} targets of {where} is in service: {_words(states)}"
    needed = _needed(spec, counted)
    healthy = states.get("healthy", 0)
    coming = states.get(INITIAL, 0) if INITIAL in spec["tolerate"] else 0
    told = f"{healthy} of {counted} targets of {where} are healthy, {spec['healthy']} needed"
    if healthy >= needed:
        return Verdict.PASSED, told
    if healthy + coming >= needed:
        return Verdict.INCONCLUSIVE, f"{told}, and {coming} are not known yet"
    sick = [f"{each['id']} is {each['state']}{_because(each)}" for each in group["sick"]]
    return Verdict.FAILED, f"{told}: {some(sick) or _words(states)}"


def _counted(states: Mapping[str, int], spec: Spec) -> int:
    """Targets that matter: all but those in tolerated states; what is `initial` is yet to matter."""
    leaving = {state for state in spec["tolerate"] if state != INITIAL}
    return sum(count for state, count in states.items() if state not in leaving)


def _share(states: Mapping[str, int], spec: Spec) -> float:
    counted = _counted(states, spec)
    return states.get("healthy", 0) / counted if counted else 0.0


def _needed(spec: Spec, counted: int) -> int:
    limit = str(spec["healthy"])
    return math.ceil(counted * int(limit[:-1]) / 100) if limit.endswith("%") else int(limit)


def _words(states: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()) if count)


def _because(target: Mapping[str, Any]) -> str:
    return f": {target['why']}" if target.get("why") else ""
