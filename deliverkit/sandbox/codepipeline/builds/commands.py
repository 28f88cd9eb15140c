"""Plain commands of an action or rule as a build (CodePipeline user guide, Commands action reference)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from deliverkit.sandbox.codepipeline import variables
from deliverkit.sandbox.codepipeline.builds import shell, values
from deliverkit.sandbox.codepipeline.builds.build import Build, Output
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.providers.provider import Job

TIMEOUT = timedelta(minutes=55)
"""CodePipeline user guide, Commands action reference; for rules it is undocumented."""


def build_of(job: Job) -> Build:
    """The build that the attempt's commands ask for.

    Raises:
        ApiError: `ConfigurationError` when a variable has no value or a secret cannot be read.
    """
    action, execution = job.run.action, job.execution
    try:
        commands = [variables.replaced(each, execution) for each in action.commands]
        declared = [replace(each, value=variables.replaced(each.value, execution)) for each in action.environment]
    except variables.VariableError as error:
        raise ApiError("ConfigurationError", str(error)) from error
    environment = values.environment(job, declared)
    outputs = tuple(Output(name, action.output_files.get(name, ("**/*",))) for name in action.outputs)
    group = f"/aws/codepipeline/{job.pipeline.name}"
    return Build(
        chance.uuid4(), job, shell.sequence(commands), environment, action.output_variables, group, outputs=outputs
    )
