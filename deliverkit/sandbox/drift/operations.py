"""CloudFormation's operations on drift.

Source: CloudFormation API reference, DetectStackDrift, DetectStackResourceDrift, DescribeStackDriftDetectionStatus,
DescribeStackResourceDrifts, and user guide, "Detect unmanaged configuration changes to stacks and resources".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.sandbox.drift.book import TAKES, Detection, DriftBook, ResourceDrift, stack_status
from deliverkit.sandbox.drift.comparison import differences, shown
from deliverkit.sandbox.drift.readers import READERS
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.moto_drift import StackResource, StackView, find_stack
from deliverkit.sandbox.moto_operations import Operation
from deliverkit.sandbox.stacks.kind import Place

log = logging.getLogger(__name__)
Params = Mapping[str, Any]
_DETECTABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"})
"""States of a stack in which its drift can be detected (user guide)."""
MOST_RESULTS = 100


def operations() -> dict[str, Operation]:
    """The operations by name."""
    return {
        "DetectStackDrift": detect_stack_drift,
        "DetectStackResourceDrift": detect_stack_resource_drift,
        "DescribeStackDriftDetectionStatus": describe_detection,
        "DescribeStackResourceDrifts": describe_resource_drifts,
    }


def detect_stack_drift(params: Params, context: Context) -> dict[str, Any]:
    """Compare a stack's resources, or some of them, with its template.

    Raises:
        ApiError: `ValidationError` for a stack that is not there or in no state for it, for a detection under way, and
            for resources that are not in the stack.
    """
    stack = _require(params["StackName"], context)
    names = params.get("LogicalResourceIds")
    unknown = sorted(set(names or ()) - {each.logical_id for each in stack.resources})
    if unknown:
        raise _refusal(f"Resources {unknown} do not exist in stack [{stack.id}]")
    wanted = [each for each in stack.resources if names is None or each.logical_id in names]
    found = tuple(_detected(each, context) for each in wanted if each.kind in READERS)
    # Reading takes real time as well; a client that looks at once still finds the detection in progress.
    ready_at = context.world.clock.now() + TAKES
    detection = Detection(chance.uuid4(), stack.id, context.now, ready_at, found, names is not None)
    _book(context).add(detection)
    return {"StackDriftDetectionId": detection.id}


def detect_stack_resource_drift(params: Params, context: Context) -> dict[str, Any]:
    """Compare one resource with its template, at once.

    Raises:
        ApiError: `ValidationError` as for a stack, and for a resource whose drift cannot be detected.
    """
    stack = _require(params["StackName"], context)
    found = next((each for each in stack.resources if each.logical_id == params["LogicalResourceId"]), None)
    if found is None:
        raise _refusal(f"Resource {params['LogicalResourceId']} does not exist in stack [{stack.id}]")
    if found.kind not in READERS:
        raise _refusal(f"Drift detection is not supported for resource type {found.kind}")
    drift = _detected(found, context)
    # Told at once, and by the other operations from now on.
    _book(context).add(Detection(chance.uuid4(), stack.id, context.now, context.now, (drift,), is_partial=True))
    return {"StackResourceDrift": _told(drift, stack.id)}


def describe_detection(params: Params, context: Context) -> dict[str, Any]:
    """How far a detection is, and what it found.

    Raises:
        ApiError: `ValidationError` for an unknown one.
    """
    wanted = params["StackDriftDetectionId"]
    detection = next((each for each in _book(context).detections if each.id == wanted), None)
    if detection is None:
        raise _refusal(f"Drift detection ID [{wanted}] does not exist")
    told = {"StackId": detection.stack_id, "StackDriftDetectionId": detection.id, "Timestamp": detection.at}
    if not detection.is_complete(context.now):
        return {**told, "DetectionStatus": "DETECTION_IN_PROGRESS"}
    failed = [each.logical_id for each in detection.found if each.status == "UNKNOWN"]
    found = [*detection.found]
    return {
        **told,
        "DetectionStatus": "DETECTION_FAILED" if failed else "DETECTION_COMPLETE",
        **({"DetectionStatusReason": f"Failed to detect drift on resources {failed}"} if failed else {}),
        "StackDriftStatus": stack_status(found) if found else "NOT_CHECKED",
        "DriftedStackResourceCount": sum(each.is_drift for each in found),
    }


def describe_resource_drifts(params: Params, context: Context) -> dict[str, Any]:
    """What was detected last of each resource that was looked at.

    Raises:
        ApiError: `ValidationError` for a stack that is not there, and a token that is none.
    """
    stack = _find(params["StackName"], context)
    filters = params.get("StackResourceDriftStatusFilters")
    found = [
        each
        for each in _book(context).latest(stack.id, context.now).values()
        if filters is None or each.status in filters
    ]
    page, token = _page(found, params)
    return {"StackResourceDrifts": [_told(each, stack.id) for each in page], **token}


# --- one resource -----------------------------------------------------------------------------------


def _detected(resource: StackResource, context: Context) -> ResourceDrift:
    place = Place(context.world, context.account, context.region)
    known = resource.logical_id, resource.physical_id, resource.kind
    expected = dict(resource.properties)
    try:
        actual = READERS[resource.kind](place, resource.physical_id, expected)
    except Exception as error:
        # As in AWS, what cannot be read fails the detection of that resource alone.
        log.exception("the drift of %s could not be detected", resource.physical_id)
        return ResourceDrift(*known, "UNKNOWN", context.now, expected, reason=str(error))
    if actual is None:
        return ResourceDrift(*known, "DELETED", context.now, expected)
    compared = {name: value for name, value in expected.items() if name in actual}
    there = {name: actual[name] for name in compared if actual[name] is not None}
    found = tuple(differences(compared, actual))
    status = "MODIFIED" if found else "IN_SYNC"
    return ResourceDrift(*known, status, context.now, compared, there, found)


def _told(drift: ResourceDrift, stack_id: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "StackId": stack_id,
        "LogicalResourceId": drift.logical_id,
        "PhysicalResourceId": drift.physical_id,
        "ResourceType": drift.kind,
        "StackResourceDriftStatus": drift.status,
        "Timestamp": drift.at,
        "PropertyDifferences": [each.told() for each in drift.differences],
    }
    if drift.actual is not None:
        told |= {"ExpectedProperties": shown(drift.expected), "ActualProperties": shown(drift.actual)}
    return told | ({"DriftStatusReason": drift.reason} if drift.reason else {})


# --- stacks -----------------------------------------------------------------------------------------


def _find(name: str, context: Context) -> StackView:
    found = find_stack(context.account, context.region, name)
    if found is None:
        raise _refusal(f"Stack with id {name} does not exist")
    return found


def _require(name: str, context: Context) -> StackView:
    """A stack whose drift can be detected now; the words for its state are not documented."""
    found = _find(name, context)
    if found.status not in _DETECTABLE:
        raise _refusal(f"Stack [{found.id}] is in {found.status} state, in which its drift cannot be detected")
    under_way = [each for each in _book(context).detections if each.stack_id == found.id and not each.is_partial]
    if under_way and not under_way[-1].is_complete(context.now):
        raise _refusal(f"Drift detection is already in progress for stack [{found.id}]")
    return found


def _book(context: Context) -> DriftBook:
    return context.world.store(DriftBook, context.account, context.region)


def _page(found: Sequence[ResourceDrift], params: Params) -> tuple[Sequence[ResourceDrift], dict[str, str]]:
    token = str(params.get("NextToken") or "0")
    if not token.isdigit():
        raise _refusal("The specified NextToken is invalid")
    begin = int(token)
    following = begin + int(params.get("MaxResults") or MOST_RESULTS)
    return found[begin:following], ({"NextToken": str(following)} if following < len(found) else {})


def _refusal(message: str) -> ApiError:
    return ApiError("ValidationError", message)
