"""Metric data that come incomplete, as during an outage of CloudWatch's own."""

from __future__ import annotations

from functools import partial

from deliverkit.sandbox.alarms.trouble import MetricTrouble, Troubles
from deliverkit.sandbox.faults.fault import Fault
from deliverkit.sandbox.faults.kind import Kind, note
from deliverkit.sandbox.faults.settings import PLACE, TIME, Setting, SettingType
from deliverkit.sandbox.kernel.world import World


def _begin(world: World, fault: Fault) -> None:
    values = fault.values
    meant = values["metric"], values["account"], values["region"]
    trouble = MetricTrouble(*meant, values["status"], partial(note, world, fault))
    world.store(Troubles, "", "").active[fault.id] = trouble


def _end(world: World, fault: Fault) -> None:
    world.store(Troubles, "", "").active.pop(fault.id, None)


INCOMPLETE_METRICS = Kind(
    "incomplete-metrics",
    "GetMetricData answers with half of the data, or none, and says so in the StatusCode; alarms see all of them.",
    (
        Setting("metric", SettingType.TEXT, "Name of a metric; wildcards allowed.", "*"),
        Setting("status", SettingType.CHOICE, "What it says.", "PartialData", ("PartialData", "InternalError")),
        *PLACE,
        *TIME,
    ),
    begin=_begin,
    end=_end,
)
