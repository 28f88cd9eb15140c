"""Invoke/AWS/Lambda: a job that a Lambda function is handed (CodePipeline user guide, Lambda action reference).

The function ends the action by PutJobSuccessResult or PutJobFailureResult; what it returns, or that it fails, says
nothing. With a continuation token it is invoked again.
"""

from __future__ import annotations

from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.jobs import pushed
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind


class LambdaInvoke:
    """Invokes a function, once for each job."""

    kind = Kind(
        type=ActionType("Invoke", "AWS", "Lambda", "1"),
        required=frozenset({"FunctionName"}),
        optional=frozenset({"UserParameters"}),
        inputs=(0, 5),
        outputs=(0, 5),
    )

    def check(self, action: Action, region: str) -> None:
        """Everything about it is in the kind; whether the function exists shows when it runs."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the function."""
        name = action.configuration["FunctionName"]
        return f"https://console.aws.amazon.com/lambda/home?region={region}#/functions/{name}"

    def start(self, job: Job) -> None:
        """Invoke the function with the first job; the action is named by its function and shows its log."""
        name = job.configuration["FunctionName"]
        console = f"https://console.aws.amazon.com/cloudwatch/home?region={job.run.region}"
        job.run.external_id = name
        job.run.external_url = f"{console}#logStream:group=%252Faws%252Flambda%252F{name}"
        pushed.invoke(job)
