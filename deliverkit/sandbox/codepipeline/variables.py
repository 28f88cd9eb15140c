"""Variables: `#{namespace.key}` in an action's configuration (CodePipeline user guide, variables reference)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from deliverkit.sandbox.codepipeline.state import Execution

_REFERENCE = re.compile(r"#\{([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_.]+)\}")
PIPELINE_VARIABLES = "variables"
SERVICE = "codepipeline"


class UnknownVariableError(Exception):
    """A reference names a variable that has no value in this execution."""


def references(configuration: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every (namespace, key) that a configuration refers to."""
    for value in configuration.values():
        yield from _REFERENCE.findall(value)


def resolve(configuration: Mapping[str, str], execution: Execution) -> dict[str, str]:
    """The configuration with every reference replaced, in one pass.

    Raises:
        UnknownVariableError: If a variable has no value.
    """

    def replace(match: re.Match[str]) -> str:
        return _value(execution, match[1], match[2])

    return {key: _REFERENCE.sub(replace, value) for key, value in configuration.items()}


def _value(execution: Execution, namespace: str, key: str) -> str:
    if (namespace, key) == (SERVICE, "PipelineExecutionId"):
        return execution.id
    known = execution.outputs.get(namespace)
    if known is None and namespace == PIPELINE_VARIABLES:
        known = execution.variables
    if known is None or key not in known:
        raise UnknownVariableError(f"The variable {namespace}.{key} has no value in this execution")
    return known[key]
