"""Rule LambdaInvoke: a function decides (CodePipeline user guide, rule reference)."""

from __future__ import annotations

from datetime import timedelta

from deliverkit.sandbox.codepipeline.conditions import rule
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.jobs import pushed
from deliverkit.sandbox.codepipeline.providers.provider import Job


class LambdaInvoke:
    """Ends as the function says by PutJobSuccessResult or PutJobFailureResult, as Lambda actions do.

    The rule reference leaves open how the function answers; it is given the job of an action.
    """

    kind = rule.kind_of("LambdaInvoke", {"FunctionName"}, {"UserParameters"}, (0, 5))

    def check(self, action: Action, region: str) -> None:
        """Whether the function exists shows when the rule runs."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the function."""
        name = action.configuration["FunctionName"]
        return f"https://console.aws.amazon.com/lambda/home?region={region}#/functions/{name}"

    def patience(self, job: Job) -> timedelta:
        """As long as a Lambda action may take."""
        return pushed.TOTAL

    def start(self, job: Job) -> None:
        """Invoke the function."""
        pushed.invoke(job)
