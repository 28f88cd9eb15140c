"""The declaration of gates and of their checks; what each kind of check is told stands in `checks_...`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.config import checks_cloud, checks_metrics, checks_web
from deliverkit.config.common_shapes import NAME, SOME_TIME, TIME
from deliverkit.config.plugin_shapes import OpenRecord
from deliverkit.config.shapes import Boolean, Choice, Field, Integer, MapOf
from deliverkit.domain.duration import format_duration
from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Policy

_POLICY = Policy()
_ROOMS = (checks_web, checks_metrics, checks_cloud)
KINDS = tuple(field for room in _ROOMS for field in room.FIELDS)
"""Each kind of check, as the key that its settings stand under."""
DEFAULTS: Mapping[str, Mapping[str, Any]] = {kind: each for room in _ROOMS for kind, each in room.DEFAULTS.items()}
"""Settings that hold where the file does not give them, by kind; times as they are written."""
LIMITS: Mapping[str, Mapping[str, str]] = {kind: each for room in _ROOMS for kind, each in room.LIMITS.items()}
"""Limits of the policy that hold where the file does not give them, by kind."""

POLICY = (
    Field("every", SOME_TIME, "From one measurement to the next.", default=format_duration(_POLICY.every)),
    Field("passes", Integer(1, 1000), "Passes in a row that it needs.", default=str(_POLICY.passes)),
    Field(
        "failures",
        Integer(0, 1000),
        "Failed measurements that it tolerates.",
        default=str(_POLICY.failure_limit),
        mistaken_for=("failure_limit",),
    ),
    Field(
        "errors",
        Integer(0, 1000),
        "Measurements in a row that could not be taken and that it tolerates.",
        default=str(_POLICY.error_limit),
        mistaken_for=("error_limit",),
    ),
    Field(
        "inconclusive",
        Integer(0, 1000),
        "Inconclusive measurements that it tolerates.",
        default=str(_POLICY.inconclusive_limit),
        mistaken_for=("inconclusive_limit",),
    ),
    Field(
        "deadline",
        SOME_TIME,
        "Time for the passes to come once the gate has to be passed.",
        default=format_duration(_POLICY.deadline),
        mistaken_for=("timeout",),
    ),
    Field(
        "initial_delay",
        TIME,
        "Before the first measurement, so that what warms up is not judged.",
        default="0s",
        mistaken_for=("delay",),
    ),
    Field(
        "count",
        Integer(1, 100_000),
        "Measurements in all; after them the check is over.",
        default="as many as come until the gate is passed",
    ),
    Field(
        "observe_only",
        Boolean(),
        "Measured and told of, and never counted.",
        default="false",
        mistaken_for=("dry_run",),
    ),
    *checks_metrics.JUDGING,
)
"""When a check's measurements become a verdict."""

_NAMES = tuple(field.key for field in KINDS)

CHECK = OpenRecord("a check such as {http: {url: ...}, every: 5s}", (*KINDS, *POLICY), choices=_NAMES)

GATE = OpenRecord(
    "a gate such as {http: {url: ...}, every: 5s}",
    (
        *KINDS,
        Field(
            "checks",
            MapOf(NAME, CHECK, "checks by name"),
            "Several checks by name, each with its own settings and limits; the worst of their verdicts is the gate's.",
        ),
        *POLICY,
        Field(
            "on_failure",
            Choice(tuple(each.value for each in OnFailure)),
            "What this gate's failure leads to.",
            default="what the environment says",
        ),
    ),
    choices=(*_NAMES, "checks"),
)
