"""What checks of alarms and metrics are told."""

from __future__ import annotations

from typing import Any

from deliverkit.config.common_shapes import REGION
from deliverkit.config.shapes import Field, ListOf, Record, Text, Unavailable

ALARM = Record(
    "an alarm check: {names: [...]}",
    (
        Field(
            "names",
            ListOf(Text("the name of an alarm"), "a list of CloudWatch alarms"),
            "CloudWatch alarms, metric or composite; OK passes, ALARM fails.",
            is_required=True,
        ),
        Field("region", REGION, "Where they are.", default="the regions deployed to"),
    ),
)

FIELDS = (
    Field("alarm", ALARM, "Asks CloudWatch alarms."),
    Field("compare", Unavailable("gates that compare metrics"), "Compares the release with its predecessor."),
)
"""The kinds, as keys of a check."""
DEFAULTS: dict[str, dict[str, Any]] = {}
"""Settings that hold where the file does not give them, by kind; times as they are written."""
