"""What checks of targets, of AWS resources and of builds are told."""

from __future__ import annotations

from deliverkit.config import texts
from deliverkit.config.shapes import Field, MapOf, Record, Text

JOB_EVERY = "10m"
JOB_DEADLINE = "30m"

TARGETS = Record("the health of the targets: {}", (), may_be_empty=True)

JENKINS_JOB = Record(
    "a Jenkins job: {job: ...}",
    (
        Field(
            "job",
            Text("the full name of a job, with its folders: shop/smoke", texts.job),
            "SUCCESS passes, UNSTABLE and FAILURE fail, ABORTED is inconclusive, NOT_BUILT is an error. The job must "
            "have the parameter DELIVERKIT_REQUEST, a text, by which its build is found again.",
            is_required=True,
        ),
        Field(
            "parameters",
            MapOf(
                Text("the name of a parameter", texts.matching(texts.VARIABLE, "a parameter's name"), texts.VARIABLE),
                Text("a value", texts.for_a_whole_leg),
                "parameters by name",
            ),
            "What the build is given; placeholders may be part of it.",
        ),
    ),
)

FIELDS = (
    Field("targets", TARGETS, "Asks EC2 and CodeDeploy for the health of the targets."),
    Field(
        "jenkins",
        JENKINS_JOB,
        "Runs a Jenkins job; a build is one measurement. "
        f"By default `every` is {JOB_EVERY} and `deadline` {JOB_DEADLINE}.",
    ),
)
"""The kinds, as keys of a check."""
DEFAULTS: dict[str, dict[str, object]] = {}
"""Settings that hold where the file does not give them, by kind; times as they are written."""
LIMITS = {"jenkins": {"every": JOB_EVERY, "deadline": JOB_DEADLINE}}
"""Limits of the policy that hold where the file does not give them, by kind."""
