"""What a worker's command is told and what it tells: its environment, its output variables, the end of its output."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from deliverkit.adapters.output_tail import LIMIT, last_lines
from deliverkit.domain.worker_job import WorkerJob
from deliverkit.errors import UsageError

VARIABLES = "variables"
"""Name of the file in a job's room that takes output variables."""
_VARIABLES_LIMIT = 122880
"""Bytes of an action's output variables (CodePipeline user guide, quotas)."""


def environment(job: WorkerJob, room: Path) -> Mapping[str, str]:
    """What the command is told in its environment.

    Raises:
        UsageError: If two artifacts, or two configuration properties, would be the same variable.
    """
    told = {
        "PIPELINE": job.pipeline,
        "STAGE": job.stage,
        "ACTION": job.action,
        "EXECUTION": job.execution_id,
        "JOB": job.id,
        "REQUEST": job.request,
        "VARIABLES": str(room / VARIABLES),
    }
    return {
        **{f"DELIVERKIT_{name}": value for name, value in told.items()},
        **_variables("CONFIG", job.configuration.items()),
        **_variables("INPUT", ((each.name, str(room / "inputs" / each.name)) for each in job.inputs)),
        **_variables("OUTPUT", ((each.name, str(room / "outputs" / each.name)) for each in job.outputs)),
    }


def variable(kind: str, name: str) -> str:
    """The variable for something of the action: `DELIVERKIT_INPUT_MY_APP` for its input `my-app`."""
    return f"DELIVERKIT_{kind}_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"


def _variables(kind: str, named: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    names: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, value in named:
        key = variable(kind, name)
        if names.setdefault(key, name) != name:
            told = f"{names[key]} and {name} of this action are both ${key}, and the command can be told one only"
            raise UsageError(told, hint="rename one of them in the pipeline's declaration")
        found[key] = value
    return found


def output_variables(file: Path) -> Mapping[str, str]:
    """What the command wrote into its file of variables.

    Raises:
        UsageError: If a line is none, or there is too much.
    """
    found: dict[str, str] = {}
    with file.open("rb") as opened:
        text = opened.read(_VARIABLES_LIMIT + 1)
    if len(text) > _VARIABLES_LIMIT:
        raise UsageError(
            f"$DELIVERKIT_VARIABLES has more than {_VARIABLES_LIMIT} bytes, which is all CodePipeline takes"
        )
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), start=1):
        name, sign, value = line.partition("=")
        if line.strip() and not (sign and name.strip()):
            raise UsageError(f"line {number} of $DELIVERKIT_VARIABLES is not NAME=VALUE")
        if line.strip():
            found[name.strip()] = value
    return found


def tail(log: Path, *, hide: Callable[[str], str]) -> str:
    """The last lines of the output, as the end of a sentence; empty when it cannot be read.

    Args:
        log: The output.
        hide: Takes out of a text what may not be told.
    """
    try:
        with log.open("rb") as file:
            begin = file.seek(max(0, file.seek(0, os.SEEK_END) - 8 * LIMIT))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    shown = "\n".join(last_lines(text, hide, is_cut=begin > 0))
    return f": {shown}" if shown else ""
