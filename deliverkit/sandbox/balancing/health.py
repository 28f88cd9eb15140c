"""Health of targets by real probes on the virtual clock.

Source: ELB User Guide for Application Load Balancers, "Target group health checks", and the reason codes of the API
reference, TargetHealth.
"""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass

from deliverkit.sandbox.moto_balancing import Group, Health

REGISTERING: Health = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING: Health = ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
DRAINING: Health = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
UNUSED: Health = (
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
HEALTHY: Health = ("healthy", None, None)
MOST_SECONDS = 5.0
"""A probe never takes more real time, whatever its declared timeout."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one probe found; the reason and description of a bad one."""

    is_good: bool
    reason: str = ""
    description: str = ""


@dataclass
class TargetState:
    """What is known of a target.

    Attributes:
        health: What DescribeTargetHealth tells.
        good: Good probes in a row.
        bad: Bad probes in a row.
        is_probing: True while a probe is under way.
    """

    health: Health = REGISTERING
    good: int = 0
    bad: int = 0
    is_probing: bool = False

    def take(self, probe: Probe, group: Group) -> None:
        """Learn from a probe; the first good one makes a new target healthy."""
        self.good = self.good + 1 if probe.is_good else 0
        self.bad = 0 if probe.is_good else self.bad + 1
        is_initial = self.health[0] == "initial"
        if probe.is_good and (is_initial or self.good >= group.healthy):
            self.health = HEALTHY
        elif not probe.is_good and (self.bad >= group.unhealthy or self.health[0] == "unhealthy"):
            self.health = ("unhealthy", probe.reason, probe.description)
        elif is_initial:
            self.health = CHECKING


def probe(group: Group, address: str, port: int) -> Probe:
    """Ask a target once."""
    where = (address, group.port or port)
    try:
        if group.protocol in {"TCP", "TLS"}:
            socket.create_connection(where, min(group.timeout, MOST_SECONDS)).close()
            return Probe(is_good=True)
        status = _get(where, group)
    except TimeoutError:
        return Probe(False, "Target.Timeout", "Request timed out")
    except (OSError, http.client.HTTPException):
        return Probe(False, "Target.FailedHealthChecks", "Health checks failed")
    if is_wanted(status, group.codes):
        return Probe(is_good=True)
    return Probe(False, "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")


def _get(where: tuple[str, int], group: Group) -> int:
    connection = http.client.HTTPConnection(*where, timeout=min(group.timeout, MOST_SECONDS))
    try:
        connection.request("GET", group.path, headers={"User-Agent": "ELB-HealthChecker/2.0"})
        return connection.getresponse().status
    finally:
        connection.close()


def is_wanted(status: int, codes: str) -> bool:
    """True when a matcher such as `200-299,302` has the status."""
    for part in codes.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
