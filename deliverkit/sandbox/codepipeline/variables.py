"""Variables: `#{namespace.key}` in an action's configuration (CodePipeline user guide, variables reference)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.state import Execution

_REFERENCE = re.compile(r"#\{([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_.]+)\}")
PIPELINE_VARIABLES = "variables"
SERVICE = "codepipeline"


MAX_CONFIGURATION = 100 * 1024
"""Bytes of an action's configuration once its variables are replaced (CodePipeline user guide, quotas)."""


class VariableError(Exception):
    """A reference names a variable without a value in this execution, or the values are too long."""


def references(action: Action) -> Iterator[tuple[str, str]]:
    """Every (namespace, key) that a declaration refers to."""
    environment = [each.value for each in action.environment]
    for text in [*action.configuration.values(), *action.commands, *environment]:
        yield from _REFERENCE.findall(text)


def resolve(configuration: Mapping[str, str], execution: Execution) -> dict[str, str]:
    """The configuration with every reference replaced, in one pass.

    Raises:
        VariableError: If a variable has no value, or the configuration becomes too long.
    """
    resolved = {key: replaced(value, execution) for key, value in configuration.items()}
    if sum(len(key.encode()) + len(value.encode()) for key, value in resolved.items()) > MAX_CONFIGURATION:
        raise VariableError(f"The resolved configuration is longer than {MAX_CONFIGURATION} bytes")
    return resolved


def replaced(text: str, execution: Execution) -> str:
    """The text with every reference replaced, in one pass.

    Raises:
        VariableError: If a variable has no value.
    """
    return _REFERENCE.sub(partial(_replacement, execution), text)


def _replacement(execution: Execution, match: re.Match[str]) -> str:
    return _value(execution, match[1], match[2])


def _value(execution: Execution, namespace: str, key: str) -> str:
    if (namespace, key) == (SERVICE, "PipelineExecutionId"):
        return execution.id
    known = execution.outputs.get(namespace)
    if known is None and namespace == PIPELINE_VARIABLES:
        known = execution.variables
    if known is None or key not in known:
        raise VariableError(f"The variable {namespace}.{key} has no value in this execution")
    return known[key]
