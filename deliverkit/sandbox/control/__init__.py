"""The sandbox's own endpoints below `/_sandbox/`: how the command line and tests set its time and its weather."""

from __future__ import annotations

from deliverkit.sandbox.access.enforcement import access_endpoints
from deliverkit.sandbox.control.clock import clock_endpoints
from deliverkit.sandbox.control.endpoints import Endpoint, Endpoints, Handler
from deliverkit.sandbox.faults import fault_endpoints
from deliverkit.sandbox.kernel.world import World

__all__ = ["Endpoint", "Endpoints", "Handler", "install"]


def install(world: World) -> Endpoints:
    """The endpoints that every sandbox has; others may be added."""
    endpoints = Endpoints()
    endpoints.add(clock_endpoints(world))
    endpoints.add(fault_endpoints(world))
    endpoints.add(access_endpoints(world))
    return endpoints
