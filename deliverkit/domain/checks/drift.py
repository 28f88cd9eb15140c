"""Whether the environment's stacks are what their templates say (CloudFormation user guide, "Detect drift").

    seen: {stacks: [{name, region, detection: DETECTION_COMPLETE, why, status: DRIFTED, drifted: 1, more: 0,
                     more_unknown: 0,
                     resources: [{id, type, status, more, differences: [{path, expected, actual, kind}]}]}]}

`drifted` is how many resources the detection itself counted, and not there where CloudFormation did not say. Resources
are listed as the latest detection found them, which may be another one: a stack passes only when both agree.
What `ignore` names is left out: a logical id, or `LOGICAL-ID/PROPERTY/PATH` and everything below. What was not checked
is inconclusive, unless the settings say that it passes or fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.telling import plainly, some
from deliverkit.domain.gate import Verdict, worst

Resource = Mapping[str, Any]
_DRIFTED = frozenset({"MODIFIED", "DELETED"})
_ANOTHER = "was another detection begun, or a partial one?"


@plainly
def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Passed when every stack is as its template says."""
    judged = [_judge(stack, spec) for stack in seen.get("stacks", ())]
    outcome = worst(verdict for verdict, _, _ in judged)
    reasons = [why for verdict, why, _ in judged if verdict is outcome]
    drifted = float(sum(count for _, _, count in judged))
    return Assessment(outcome, some(reasons) or "no stack is named", drifted if judged else None)


def _judge(stack: Mapping[str, Any], spec: Spec) -> tuple[Verdict, str, int]:
    """Verdict, reason, and how many resources have drifted."""
    where, ignored = f"stack {stack['name']} ({stack['region']})", tuple(spec.get("ignore", ()))
    drifted = [told for each in stack["resources"] for told in _drift(each, ignored)]
    more = int(stack.get("more", 0))
    if drifted or more:
        return Verdict.FAILED, f"{where} has drifted: {some(drifted, more=more)}", len(drifted) + more
    unknown = [each["id"] for each in stack["resources"] if each["status"] == "UNKNOWN"]
    counting = [each for each in unknown if not _is_ignored(each, ignored)]
    left = int(stack.get("more_unknown", 0))
    if stack["detection"] == "DETECTION_FAILED" and (counting or left or not unknown):
        return Verdict.ERROR, f"drift of {where} could not be detected: {stack.get('why') or 'no reason is given'}", 0
    disagreement = _disagreement(stack, where)
    if disagreement:
        return Verdict.ERROR, disagreement, 0
    if counting or left:
        told = some(counting, more=left, joint=", ")
        return Verdict(spec["unchecked"]), f"{where} could not be compared in all its parts: {told}", 0
    if stack["status"] not in {"IN_SYNC", "DRIFTED"} and not unknown:
        return Verdict(spec["unchecked"]), f"{where} was not checked for drift", 0
    is_ignoring = stack["status"] != "IN_SYNC"
    told = f"{where} has drifted only where that is ignored" if is_ignoring else f"{where} is what its template says"
    return Verdict.PASSED, told, 0


def _disagreement(stack: Mapping[str, Any], where: str) -> str:
    """Why the listed resources cannot be what the detection found; empty when they can."""
    listed = sum(each["status"] in _DRIFTED for each in stack["resources"]) + int(stack.get("more", 0))
    if stack["status"] == "DRIFTED" and not listed:
        return f"{where} has drifted, says CloudFormation, and does not list where: {_ANOTHER}"
    counted = int(stack.get("drifted", listed))
    if counted != listed:
        return f"of {where} CloudFormation counts {counted} drifted resources and lists {listed}: {_ANOTHER}"
    return ""


def _is_ignored(resource: str, ignored: Iterable[str]) -> bool:
    return any(fnmatchcase(resource, each) for each in ignored if "/" not in each)


def _drift(resource: Resource, ignored: tuple[str, ...]) -> Iterator[str]:
    """What has drifted of a resource, in one text; none when it has not, or that is ignored."""
    name = f"{resource['id']} ({resource['type']})"
    if _is_ignored(resource["id"], ignored) or resource["status"] not in _DRIFTED:
        return
    if resource["status"] == "DELETED":
        yield f"{name} is deleted"
        return
    if not resource["differences"]:
        yield f"{name} is modified, in which properties is not told"
        return
    counting = [each for each in resource["differences"] if not _is_ignored_path(resource["id"], each["path"], ignored)]
    more = int(resource.get("more", 0))
    if counting or more:
        yield f"{name} {some([_difference(each) for each in counting], more=more, joint=', ')}"


def _is_ignored_path(resource: str, path: str, ignored: Iterable[str]) -> bool:
    full = f"{resource}/{path.lstrip('/')}"
    return any(fnmatchcase(full, each) or fnmatchcase(full, f"{each}/*") for each in ignored if "/" in each)


def _difference(difference: Mapping[str, Any]) -> str:
    path, expected, actual = difference["path"], difference.get("expected"), difference.get("actual")
    match difference.get("kind"):
        case "ADD":
            return f"{path} is {actual}, and the template has none"
        case "REMOVE":
            return f"{path} is not there, and should be {expected}"
        case _:
            return f"{path} is {actual}, and should be {expected}"
