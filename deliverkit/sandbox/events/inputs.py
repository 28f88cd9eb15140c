"""What a target is given: the event, a part of it, a constant, or what a template makes of it. Pure.

Source: EventBridge User Guide, "Amazon EventBridge input transformation".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.kernel.json_path import PathError, select

_VARIABLE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_ABSENT: Any = object()


def target_input(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """The text that a target receives for an event, JSON in all cases but an unquoted template.

    Args:
        target: As PutTargets has it.
        event: The event.
        rule_arn: The rule's ARN, which templates may name.
    """
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        # A path that selects nothing gives null; undocumented.
        found = _select(target["InputPath"], event)
        return json.dumps(None if found is _ABSENT else found)
    if "InputTransformer" in target:
        return _transform(target["InputTransformer"], event, rule_arn)
    return json.dumps(event)


def _transform(transformer: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    values = {name: _select(path, event) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }
    template = str(transformer["InputTemplate"])
    pieces, position = [], 0
    for match in _VARIABLE.finditer(template):
        pieces.append(template[position : match.start()])
        pieces.append(_inserted(values.get(match[1], _ABSENT), is_quoted=_is_quoted(template, match.start())))
        position = match.end()
    return "".join([*pieces, template[position:]])


def _is_quoted(template: str, position: int) -> bool:
    """True when an odd number of quotes that are not escaped stands before the position."""
    return len(re.findall(r'(?<!\\)"', template[:position])) % 2 == 1


def _inserted(value: Any, *, is_quoted: bool) -> str:
    if value is _ABSENT:
        # A variable whose path selects nothing does not appear in the output (user guide).
        return "" if is_quoted else '""'
    if not is_quoted:
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]


def _select(path: str, event: Mapping[str, Any]) -> Any:
    try:
        found = select(path, event)
    except PathError:
        return _ABSENT
    if not found:
        return _ABSENT
    return found[0] if len(found) == 1 else found
