"""Jobs that CodePipeline gives to workers: what one is, how it ends, and what a worker has to remember of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from deliverkit.domain.masking import Masking

SUMMARY_LIMIT = 2048
"""Characters of a success's summary (CodePipeline API reference, ExecutionDetails)."""
MESSAGE_LIMIT = 5000
"""Characters of a failure's message (CodePipeline API reference, FailureDetails)."""
PROJECT = "ProjectName"
"""The configuration property that names the Jenkins job, as in the form of AWS's own plugin."""
_MARK = "deliverkit"


@dataclass(frozen=True, slots=True)
class ActionType:
    """A custom action type; its owner is always `Custom` (CodePipeline API reference, ActionTypeId)."""

    category: str
    provider: str
    version: str = "1"

    def __str__(self) -> str:
        """As AWS's messages name it."""
        return f"{self.category}/Custom/{self.provider}/{self.version}"


@dataclass(frozen=True, slots=True)
class Artifact:
    """Where an artifact lies, or is to lie."""

    name: str
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """Bucket and key as one address."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A job that was shown to us and is nobody's yet.

    Attributes:
        job_id: UUID.
        nonce: What the one worker names that gets the job.
        continuation: The token with which an earlier job of the same action was handed back; empty for the first.
        label: For people: `storefront/Build/Compile`.
    """

    job_id: str
    nonce: str
    continuation: str
    label: str


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """A job with everything that its work needs (CodePipeline API reference, JobData).

    Attributes:
        id: UUID; another one for each job of the same action execution.
        pipeline: Pipeline name.
        stage: Stage name.
        action: Action name.
        execution_id: Pipeline execution.
        attempt_id: Action execution: the same for all jobs that continue each other, another one for a retry.
        configuration: The action's, with secrets in clear; never shown or stored.
        inputs: Input artifacts.
        outputs: Output artifacts.
        continuation: The token with which an earlier job was handed back; empty for the first.
        key_id: KMS key of the artifact store; empty for the key that AWS manages.
        public: Configuration properties that are no secrets.
    """

    id: str
    pipeline: str
    stage: str
    action: str
    execution_id: str
    attempt_id: str
    configuration: Mapping[str, str] = field(default_factory=dict, repr=False)
    inputs: tuple[Artifact, ...] = ()
    outputs: tuple[Artifact, ...] = ()
    continuation: str = ""
    key_id: str = ""
    public: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.pipeline}/{self.stage}/{self.action}"

    @property
    def request(self) -> str:
        """What keeps this action execution's build apart from all others: the same for every job that continues it."""
        return f"codepipeline-{self.attempt_id or self.id}"

    def masked(self, text: str) -> str:
        """The text with `${KEY}` in place of each configuration value that may be secret, and of each line of it.

        A worker is not told which properties are secret (CodePipeline API reference, JobData), so all but the public
        ones count. A value that was encoded in another way is not found.
        """
        secret = {key: value for key, value in self.configuration.items() if key not in self.public}
        return Masking(secret).hide_values(text)


class FailureType(StrEnum):
    """Why an action failed (CodePipeline API reference, FailureDetails)."""

    JOB_FAILED = "JobFailed"
    CONFIGURATION = "ConfigurationError"
    PERMISSION = "PermissionError"
    REVISION_OUT_OF_SYNC = "RevisionOutOfSync"
    REVISION_UNAVAILABLE = "RevisionUnavailable"
    SYSTEM_UNAVAILABLE = "SystemUnavailable"


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker tells CodePipeline at the end of a job; the same report may be sent again.

    Attributes:
        summary: For a failure the reason.
        failure: Type of the failure; None for a success.
        continuation: With it the job ends and another one of the same action follows; empty when the action is over.
        external_id: What the work is called where it is done; empty for nothing.
        percent: How much is done; None where nobody knows.
        variables: Output variables of a success.
    """

    summary: str
    failure: FailureType | None = None
    continuation: str = ""
    external_id: str = ""
    percent: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """True when the action is over with it."""
        return not self.continuation

    def followed_by(self, more: str) -> Report:
        """The same with another sentence at the end of its reason, for which room is made."""
        if not more:
            return self
        kept = self.summary[: MESSAGE_LIMIT - len(more) - 5]
        dots = "" if kept == self.summary else "..."
        return replace(self, summary=f"{kept}{dots}; {more}")

    @classmethod
    def of_failure(cls, failure: FailureType, reason: str, external_id: str = "") -> Report:
        """A failure with its reason, as long as CodePipeline takes it."""
        shown = reason if len(reason) <= MESSAGE_LIMIT else f"{reason[: MESSAGE_LIMIT - 3]}..."
        return cls(shown or "no reason is known", failure, external_id=external_id)


class JobPhase(StrEnum):
    """How far a worker is with a job, as it is on record."""

    CLAIMING = "claiming"
    """It was, or is about to be, acknowledged: whether we have it is not known."""
    CLAIMED = "claimed"
    """It is ours; whether its work was begun is known by who does it."""
    REPORTING = "reporting"
    """Its work is over and its outputs are stored; CodePipeline may not know yet."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What a worker remembers of a job that it has in hand. No secrets, and no keys to anything.

    Attributes:
        offer: The job as it was shown.
        work: Who does the work: `command` or `build`; the other kind cannot go on with it.
        phase: How far it is.
        doubtful_since: When CodePipeline did not say clearly that the job is ours: it may be another worker's; None for
            a job that is ours.
        report: What is to be told at the end; None before that.
    """

    offer: Offer
    work: str
    phase: JobPhase = JobPhase.CLAIMING
    report: Report | None = None
    doubtful_since: datetime | None = None

    def claimed(self, *, doubtful_since: datetime | None = None) -> JobRecord:
        """The record once the job is ours, or may be."""
        return replace(self, phase=JobPhase.CLAIMED, doubtful_since=doubtful_since)

    def reporting(self, report: Report) -> JobRecord:
        """The record once the work is over."""
        return replace(self, phase=JobPhase.REPORTING, report=report)


@dataclass(frozen=True, slots=True)
class Handle:
    """Which build does the work of an action: what a continuation token says.

    Attributes:
        request: Value of the parameter by which the build is found again.
        job: Full name of the build server's job.
        number: Of the build; None while there is none. Servers look for a request among the newest builds only.
    """

    request: str
    job: str
    number: int | None = None

    def as_token(self) -> str:
        """The token."""
        return json.dumps({"kind": _MARK, "request": self.request, "job": self.job, "number": self.number})


def handle_in(token: str) -> Handle | None:
    """The build that a continuation token names; None when the token is not one of ours."""
    try:
        found = json.loads(token)
        if found["kind"] != _MARK:
            return None
        number = found["number"]
        return Handle(str(found["request"]), str(found["job"]), None if number is None else int(number))
    except (ValueError, KeyError, TypeError):
        return None
