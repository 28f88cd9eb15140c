"""From checked values to gates: settings in types that JSON has, limits in those of the policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from deliverkit.config.gate_declaration import DEFAULTS, KINDS, LIMITS
from deliverkit.config.metric_building import judging, share_alpha
from deliverkit.config.plugin_shapes import PluginSpec
from deliverkit.domain.duration import parse_duration
from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Check, Gate, Policy

Values = Mapping[str, Any]

_POLICY = {
    "every": "every",
    "passes": "passes",
    "failures": "failure_limit",
    "errors": "error_limit",
    "inconclusive": "inconclusive_limit",
    "deadline": "deadline",
    "initial_delay": "initial_delay",
    "count": "count",
    "observe_only": "observe_only",
}


def gate(name: str, values: Values) -> Gate:
    """The gate that valid values mean."""
    checks = values.get("checks")
    listed = [_check(name, own, each) for own, each in checks.items()] if checks else [_check(name, "", values)]
    listed = share_alpha(listed)
    on_failure = OnFailure(values["on_failure"]) if "on_failure" in values else None
    return Gate(name, tuple(listed), on_failure)


def _check(gate_name: str, name: str, values: Values) -> Check:
    known = [field.key for field in KINDS]
    kind = next(key for key, value in values.items() if key in known or isinstance(value, PluginSpec))
    limits = {key: parse_duration(text) for key, text in LIMITS.get(kind, {}).items()}
    given = {_POLICY[key]: value for key, value in values.items() if key in _POLICY}
    return Check(
        gate_name,
        name,
        kind,
        {**_spec(kind, values[kind]), **judging(kind, values)},
        Policy(**{**limits, **given}),
    )


def _spec(kind: str, values: Values | PluginSpec) -> Mapping[str, Any]:
    """The check's settings in types that JSON has; times in seconds."""
    if isinstance(values, PluginSpec):
        return values.values
    usual = {key: parse_duration(each) if key == "timeout" else each for key, each in DEFAULTS.get(kind, {}).items()}
    return {key: _plain(value) for key, value in {**usual, **values}.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value
