"""The table of kinds."""

from __future__ import annotations

from deliverkit.sandbox.faults.alarms import FLAPPING_ALARM
from deliverkit.sandbox.faults.connections import LOST_REGION, RESET
from deliverkit.sandbox.faults.credentials import EXPIRED_CREDENTIALS
from deliverkit.sandbox.faults.kind import Kind
from deliverkit.sandbox.faults.latency import LATENCY
from deliverkit.sandbox.faults.machines import FULL_DISK, HANGING_HOOK, KILLED_INSTANCE
from deliverkit.sandbox.faults.metrics import INCOMPLETE_METRICS
from deliverkit.sandbox.faults.server_errors import SERVER_ERROR
from deliverkit.sandbox.faults.stale import STALE_READS
from deliverkit.sandbox.faults.throttling import THROTTLING

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        THROTTLING,
        LATENCY,
        RESET,
        SERVER_ERROR,
        STALE_READS,
        EXPIRED_CREDENTIALS,
        LOST_REGION,
        KILLED_INSTANCE,
        FULL_DISK,
        HANGING_HOOK,
        FLAPPING_ALARM,
        INCOMPLETE_METRICS,
    )
}
"""Kinds by name."""
