"""Vulnerabilities as a check: of an image in ECR, of a function, or of the instances that are deployed to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from deliverkit.adapters.aws import image_scans
from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.observing import filled, observed, regions_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.adapters.aws.vulnerability_list import Listed, of_finding
from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check, Measurement
from deliverkit.ports import Clock, Deployer

BATCH = 10
"""Values of one filter (Inspector API reference, FilterCriteria and CoverageFilterCriteria)."""
_PENDING = frozenset({"PENDING_INITIAL_SCAN", "PENDING_REVIVAL_SCAN", "SCAN_IN_PROGRESS"})
_EC2, _LAMBDA = "AWS_EC2_INSTANCE", "AWS_LAMBDA_FUNCTION"


class VulnerabilityCheck:
    """Measures checks of kind `vulnerabilities`."""

    def __init__(self, aws: Aws, deployers: Callable[[str], Deployer], clock: Clock) -> None:
        """Take the session, the way to a region's deployer, which knows the instances, and the clock."""
        self._aws = aws
        self._deployers = deployers
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Read the findings of all scans once."""
        return observed(check, self._clock, lambda: self._look(check, context), query=_query(check, context))

    def _look(self, check: Check, context: CheckContext) -> Mapping[str, Any]:
        regions = regions_of(check, context)
        if "image" in check.spec:
            listed = Listed(f"image {image_scans.named(_image(check, context, regions[0]))}")
            for region in regions:
                image_scans.look(listed, self._aws, region, _image(check, context, region))
        elif "function" in check.spec:
            listed = Listed(f"function {filled(check.spec['function'], context, regions[0])}")
            for region in regions:
                self._functions(listed, region, filled(check.spec["function"], context, region))
        else:
            listed = Listed(f"instances of {context.application}/{context.group}")
            for region in regions:
                self._instances(listed, region, context)
        return listed.seen(self._clock.now().date().isoformat(), check.spec.get("ignore", ()))

    def _functions(self, listed: Listed, region: str, name: str) -> None:
        resources = list(
            self._covered(region, {"lambdaFunctionName": _equal([name]), "resourceType": _equal([_LAMBDA])})
        )
        self._tell_coverage(listed, region, [each["resourceId"] for each in resources] or [name], resources)
        self._findings(listed, region, {"lambdaFunctionName": _equal([name])})

    def _instances(self, listed: Listed, region: str, context: CheckContext) -> None:
        ids = [each.target_id for each in self._deployers(region).targets(context.application, context.group)]
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            resources = self._covered(region, {"resourceId": _equal(batch), "resourceType": _equal([_EC2])})
            self._tell_coverage(listed, region, batch, resources)
            self._findings(listed, region, {"resourceId": _equal(batch)})

    def _covered(self, region: str, criteria: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        pages = self._aws.client("inspector2", region).get_paginator("list_coverage")
        with translated(f"reading what Amazon Inspector covers in {region}"):
            for page in pages.paginate(filterCriteria=dict(criteria)):
                # Of a function's code and of instances' networks there are scans of their own.
                yield from (each for each in page["coveredResources"] if each.get("scanType", "PACKAGE") == "PACKAGE")

    def _findings(self, listed: Listed, region: str, criteria: Mapping[str, Any]) -> None:
        asked = {**criteria, "findingStatus": _equal(["ACTIVE"]), "findingType": _equal(["PACKAGE_VULNERABILITY"])}
        pages = self._aws.client("inspector2", region).get_paginator("list_findings")
        with translated(f"reading the findings of Amazon Inspector in {region}"):
            for page in pages.paginate(filterCriteria=asked):
                for each in page["findings"]:
                    resources = each.get("resources", [])
                    listed.add(of_finding(each), str(resources[0]["id"]) if resources else region)

    @staticmethod
    def _tell_coverage(listed: Listed, region: str, ids: Iterable[str], resources: Iterable[Mapping[str, Any]]) -> None:
        states = {str(each["resourceId"]): each.get("scanStatus", {}) for each in resources}
        for name in ids:
            state = states.get(name, {})
            code, why = state.get("statusCode"), str(state.get("reason") or "Amazon Inspector does not cover it")
            if why in _PENDING:
                listed.pending.append({"what": f"{name} ({region})", "why": why})
            elif code == "ACTIVE":
                listed.scanned += 1
            else:
                listed.uncovered.append({"what": f"{name} ({region})", "why": why})


def _equal(values: Sequence[str]) -> list[dict[str, str]]:
    return [{"comparison": "EQUALS", "value": value} for value in values]


def _image(check: Check, context: CheckContext, region: str) -> Mapping[str, str]:
    return {key: filled(text, context, region) for key, text in check.spec.get("image", {}).items()}


def _query(check: Check, context: CheckContext) -> str:
    """The same again, in a shell; nothing when a text of the check has no value here, which is told anyway."""
    region = regions_of(check, context)[0]
    try:
        image = _image(check, context, region)
    except ValueError:
        return ""
    if not image:
        return f"aws inspector2 list-findings --region {region}"
    named = f"imageDigest={image['digest']}" if image.get("digest") else f"imageTag={image['tag']}"
    where = f"--region {region} --repository-name {image['repository']} --image-id {named}"
    return f"aws ecr describe-image-scan-findings {where}"
