"""Faults on demand: throttling, lost connections, lost regions, broken hosts, and when each of them strikes.

One module for each kind; `kinds` is the table of them, `book` keeps those that were added, `weather` applies them to
requests.
"""

from __future__ import annotations

from deliverkit.sandbox.faults.endpoints import fault_endpoints
from deliverkit.sandbox.faults.weather import Weather

__all__ = ["Weather", "fault_endpoints"]
