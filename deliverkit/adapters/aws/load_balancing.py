"""Target health as a check: what load balancers say of the targets of a deployment group, or of named target groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deliverkit.adapters.aws import target_groups
from deliverkit.adapters.aws.observing import filled, observed, regions_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check, Measurement
from deliverkit.ports import Clock

KEPT = 20
"""Targets that are not healthy and are recorded; the others are counted."""
WORDS: Mapping[str, str] = {
    "Elb.RegistrationInProgress": "it is being registered",
    "Elb.InitialHealthChecking": "its first health checks are not over",
    "Target.ResponseCodeMismatch": "its health checks answer with another code than the expected",
    "Target.Timeout": "its health checks get no answer in time",
    "Target.FailedHealthChecks": "its health checks fail",
    "Target.NotRegistered": "it is not registered",
    "Target.NotInUse": "no listener of a load balancer leads to it",
    "Target.DeregistrationInProgress": "it is being deregistered",
    "Target.InvalidState": "its instance is stopped or terminated",
    "Target.IpUnusable": "its address cannot be used",
    "Target.HealthCheckDisabled": "health checks are disabled",
    "Elb.InternalError": "the load balancer has an error of its own",
}
"""Reason codes (ELB API reference, TargetHealth.Reason)."""


class LoadBalancerCheck:
    """Measures checks of kind `load_balancer`."""

    def __init__(self, aws: Aws, clock: Clock) -> None:
        """Take the session and the clock that dates measurements."""
        self._aws = aws
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Ask for the health of all targets once."""
        return observed(check, self._clock, lambda: {"groups": list(self._groups(check, context))}, query=_query)

    def _groups(self, check: Check, context: CheckContext) -> Iterator[Mapping[str, Any]]:
        named = str(check.spec.get("target_group", ""))
        for region in regions_of(check, context, named):
            names = [filled(named, context, region)] if named else self._of_the_group(context, region)
            for name, reports in target_groups.health(self._aws, region, names):
                states = Counter(str(each["TargetHealth"]["State"]) for each in reports)
                sick = [_told(each) for each in reports if each["TargetHealth"]["State"] != "healthy"]
                # What is unhealthy first: who is on the way in or out says little.
                sick.sort(key=lambda each: (not each["state"].startswith("unhealthy"), each["id"]))
                yield {"name": name, "region": region, "states": dict(states), "sick": sick[:KEPT]}

    def _of_the_group(self, context: CheckContext, region: str) -> Sequence[str]:
        found = target_groups.of_deployment_group(self._aws, region, context.application, context.group)
        if not found:
            group = f"{context.application}/{context.group}"
            raise ValueError(f"{group} has no target group in {region}: write the check's `target_group`")
        return found


def _query(seen: Mapping[str, Any]) -> str:
    """The same again, in a shell."""
    asking = "aws elbv2 describe-target-groups --region {region} --names {name} --query TargetGroups[].TargetGroupArn"
    arns = [f"$({asking.format(**group)} --output text)" for group in seen["groups"]]
    return "; ".join(
        f"aws elbv2 describe-target-health --region {group['region']} --target-group-arn {arn}"
        for group, arn in zip(seen["groups"], arns, strict=True)
    )


def _told(report: Mapping[str, Any]) -> dict[str, str]:
    found = report["TargetHealth"]
    port = f":{report['Target']['Port']}" if report["Target"].get("Port") else ""
    why = found.get("Description") or WORDS.get(str(found.get("Reason")), str(found.get("Reason") or ""))
    return {"id": f"{report['Target']['Id']}{port}", "state": str(found["State"]), "why": str(why)}
