"""Gates as plans record them: a gate that is no more than one check is written as it always was, so digests hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from deliverkit.domain.gate import Gate, Policy

_NEW = ("initial_delay", "count", "observe_only")
_USUAL: Mapping[str, Any] = {name: msgspec.to_builtins(Policy())[name] for name in _NEW}
"""What plans that were recorded before have not, and what it means there."""


def gate_document(gate: Gate) -> dict[str, Any]:
    """The gate as JSON; `read_gate` and `msgspec.convert` give it back."""
    built: dict[str, Any] = msgspec.to_builtins(gate)
    checks = [{**check, "policy": _policy(check["policy"])} for check in built["checks"]]
    if gate.is_plain:
        (check,) = checks
        return {"name": gate.name, "kind": check["kind"], "spec": check["spec"], "policy": check["policy"]}
    return {**built, "checks": checks}


def read_gate(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recorded gate in the shape that `Gate` has."""
    if "checks" in document:
        return document
    name = document["name"]
    check = {"gate": name, "name": "", **{key: document[key] for key in ("kind", "spec", "policy")}}
    return {"name": name, "checks": [check], "on_failure": None}


def _policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in policy.items() if name not in _USUAL or value != _USUAL[name]}
