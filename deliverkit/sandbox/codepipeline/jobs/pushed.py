"""Jobs that CodePipeline hands to a Lambda function itself (user guide, Lambda invoke action reference)."""

from __future__ import annotations

from datetime import timedelta

from deliverkit.sandbox.codepipeline.jobs import queue
from deliverkit.sandbox.codepipeline.jobs.job import Terms
from deliverkit.sandbox.codepipeline.providers.provider import Job as Attempt

TOTAL = timedelta(hours=24)
EACH = timedelta(minutes=20)
"""CodePipeline user guide, quotas: an action has a day, and 20 minutes between two reports of its function."""


def invoke(attempt: Attempt) -> None:
    """Make the attempt's first job and invoke its function, which ends it by PutJobSuccessResult or -FailureResult."""
    function = attempt.configuration["FunctionName"]
    queue.open_job(attempt, Terms(total=TOTAL, each=EACH, function=function, owner=attempt.account))
