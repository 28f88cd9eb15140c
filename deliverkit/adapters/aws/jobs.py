"""CodePipeline's jobs of one custom action type, in the worker's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from deliverkit.adapters.aws.errors import code_of, renewing, translated, was_refused
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.worker_job import SUMMARY_LIMIT, ActionType, Artifact, Offer, Report, WorkerJob
from deliverkit.errors import ConflictError, DeliverkitError, DeniedError, NotFoundError, UnreachableError, UsageError
from deliverkit.worker_ports import Claim

EXTERNAL_ID_LIMIT = 1500
"""Characters (CodePipeline API reference, ExecutionDetails)."""
_BLINDNESS = timedelta(minutes=10)
"""How long a refused look at executions is not tried again: permissions change, and tokens are renewed."""
_FORBIDDEN = "AccessDenied"
_UNACCEPTABLE = frozenset({"ValidationException", "OutputVariablesSizeExceededException"})
"""What is wrong with a report itself (CodePipeline API reference, PutJobSuccessResult and PutJobFailureResult)."""
_OPEN = "InProgress"


class CodePipelineJobs:
    """Implements `worker_ports.JobSource` with botocore."""

    def __init__(
        self,
        aws: Aws,
        kind: ActionType,
        *,
        now: Callable[[], datetime],
        tell: Callable[[str], None],
        queries: Sequence[tuple[str, str]] = (),
        once: Aws | None = None,
    ) -> None:
        """Take the session, the type, and by which property values to ask for jobs.

        Args:
            aws: How to reach AWS.
            kind: The action type.
            now: Gives the time.
            tell: Takes a line for people.
            queries: Name and value of the type's queryable property; asked for one after the other.
            once: AWS reached without botocore's own repetitions, for the one call that must not be repeated unseen.
        """
        self._aws, self._once = aws, once or aws
        self._kind = kind
        self._queries = tuple(queries)
        self._turn = 0
        self._now, self._tell = now, tell
        self._blind_until: datetime | None = None

    def poll(self, limit: int) -> Sequence[Offer]:
        """Jobs that nobody has (CodePipeline API reference, PollForJobs).

        Raises:
            UsageError: If there is no such action type, or it has a queryable property that was not asked for.
        """
        found: list[Offer] = []
        for query in self._rotated():
            if len(found) < limit:
                found.extend(self._asked(query, limit - len(found)))
        return found

    def _rotated(self) -> Iterator[Mapping[str, str]]:
        """The queries, each time another one first, so that a busy project does not starve the others."""
        queries = [{name: value} for name, value in self._queries] or [{}]
        self._turn = (self._turn + 1) % len(queries)
        yield from (*queries[self._turn :], *queries[: self._turn])

    def _asked(self, query: Mapping[str, str], limit: int) -> Iterator[Offer]:
        more = {"queryParam": query} if query else {}
        try:
            with translated(f"asking for jobs of {self._kind}"):
                answer = self._client.poll_for_jobs(actionTypeId=_identity(self._kind), maxBatchSize=limit, **more)
        except NotFoundError as error:
            raise self._unknown_type() from error
        except UsageError as error:
            raise self._other_query(error) from error
        yield from (_offer(each) for each in answer["jobs"])

    def acknowledge(self, offer: Offer, *, is_repeated: bool = False) -> Claim:
        """Claim a job (CodePipeline API reference, AcknowledgeJob): one of several workers gets it."""
        try:
            with renewing(f"claiming job {offer.job_id}"):
                self._once.client("codepipeline").acknowledge_job(jobId=offer.job_id, nonce=offer.nonce)
        except (UsageError, ConflictError) as error:
            if code_of(error) not in {"InvalidNonceException", "InvalidJobStateException"}:
                raise
            return Claim.UNCLEAR if is_repeated else Claim.LOST
        except DeniedError:
            raise
        except UnreachableError as error:
            if is_repeated or not was_refused(error):
                raise
            return Claim.UNHEARD
        return Claim.OURS

    def details(self, job_id: str) -> WorkerJob:
        """A job with what its work needs (CodePipeline API reference, GetJobDetails)."""
        with renewing(f"reading job {job_id}"):
            shown = self._client.get_job_details(jobId=job_id)["jobDetails"]
        # "A queryable property must be both required and not secret" (API reference, ActionConfigurationProperty).
        return replace(_job(job_id, shown["data"]), public=frozenset(name for name, _ in self._queries))

    def credentials(self, job_id: str) -> Mapping[str, str]:
        """The keys that CodePipeline lends for a job's artifacts, for about 15 minutes.

        Raises:
            UsageError: If the job has none, because it has no artifacts.
        """
        with renewing(f"asking for the credentials of job {job_id}"):
            shown = self._client.get_job_details(jobId=job_id)["jobDetails"]
        given: Mapping[str, str] | None = shown["data"].get("artifactCredentials")
        if not given:
            raise UsageError(f"CodePipeline gave no credentials for the artifacts of job {job_id}")
        return given

    def report(self, job_id: str, report: Report) -> None:
        """Tell how a job ended (CodePipeline API reference, PutJobSuccessResult and PutJobFailureResult).

        Raises:
            UsageError: Only if the report itself is not acceptable; for every other refusal it can be sent again.
        """
        from botocore.exceptions import ParamValidationError  # noqa: PLC0415

        try:
            with renewing(f"reporting job {job_id}"):
                self._put(job_id, report)
        except UsageError as error:
            if code_of(error) in _UNACCEPTABLE or isinstance(error.__cause__, ParamValidationError):
                raise
            raise UnreachableError(error.message, hint=error.hint) from error

    def _put(self, job_id: str, report: Report) -> None:
        external = {"externalExecutionId": report.external_id[:EXTERNAL_ID_LIMIT]} if report.external_id else {}
        if report.failure is not None:
            details = {"type": report.failure.value, "message": report.summary, **external}
            self._client.put_job_failure_result(jobId=job_id, failureDetails=details)
            return
        percent = {} if report.percent is None else {"percentComplete": report.percent}
        summary = {"summary": report.summary[:SUMMARY_LIMIT]} if report.summary else {}
        self._client.put_job_success_result(
            jobId=job_id,
            executionDetails={**summary, **external, **percent},
            **({"continuationToken": report.continuation} if report.continuation else {}),
            **({"outputVariables": dict(report.variables)} if report.variables else {}),
        )

    def is_wanted(self, job: WorkerJob) -> bool:
        """Whether the action execution is still open (CodePipeline API reference, ListActionExecutions).

        No call on jobs tells: a job of an abandoned action takes its result, which then changes nothing. A worker that
        may not list executions works on until its result is refused; it looks again after `_BLINDNESS`.
        """
        if not job.attempt_id or (self._blind_until and self._now() < self._blind_until):
            return True
        try:
            with renewing(f"reading the executions of pipeline {job.pipeline}"):
                pages = self._client.get_paginator("list_action_executions").paginate(
                    pipelineName=job.pipeline, filter={"pipelineExecutionId": job.execution_id}
                )
                states = {each["actionExecutionId"]: each["status"] for page in pages for each in page[_DETAILS]}
        except DeniedError as error:
            if not code_of(error).startswith(_FORBIDDEN):
                raise
            self._go_blind(error)
            return True
        except NotFoundError:
            return False  # the pipeline is gone
        self._blind_until = None
        # What is listed may be older than the job; only an end that is listed is one.
        return bool(states.get(job.attempt_id, _OPEN) == _OPEN)

    def _go_blind(self, error: DeniedError) -> None:
        if self._blind_until is None:
            self._tell(f"{error.message}; work whose action has ended is not stopped until that is allowed")
        self._blind_until = self._now() + _BLINDNESS

    @property
    def _client(self) -> Any:
        return self._aws.client("codepipeline")

    # --- what goes wrong at first ------------------------------------------------------------------

    def _unknown_type(self) -> UsageError:
        known = ", ".join(sorted(str(each) for each in self._known_types())) or "no other custom type that we may see"
        return UsageError(
            f"there is no action type {self._kind} in {self._aws.region}; there is {known}",
            hint="deliverkit pipeline apply registers the types that a pipeline needs; see --region, --category, "
            "--provider and --action-version",
        )

    def _other_query(self, error: UsageError) -> UsageError:
        queryable = self._known_types().get(self._kind, "")
        if queryable and not self._queries:
            message = f"jobs of {self._kind} are asked for by {queryable}"
            return UsageError(message, hint=f"--project VALUE, once for each value of {queryable} to work for")
        if self._queries and not queryable:
            return UsageError(f"{error.message}", hint=f"leave --project out: {self._kind} has no queryable property")
        return error

    def _known_types(self) -> Mapping[ActionType, str]:
        """The custom types of this Region with their queryable property, as far as we may see them."""
        try:
            with translated("listing action types"):
                pages = self._client.get_paginator("list_action_types").paginate(actionOwnerFilter="Custom")
                return {_kind(each["id"]): _queryable(each) for page in pages for each in page["actionTypes"]}
        except DeliverkitError:
            return {}


_DETAILS = "actionExecutionDetails"


def _identity(kind: ActionType) -> Mapping[str, str]:
    return {"category": kind.category, "owner": "Custom", "provider": kind.provider, "version": kind.version}


def _kind(identity: Mapping[str, str]) -> ActionType:
    return ActionType(identity["category"], identity["provider"], identity["version"])


def _queryable(declared: Mapping[str, Any]) -> str:
    properties = declared.get("actionConfigurationProperties", ())
    return next((str(each["name"]) for each in properties if each.get("queryable")), "")


def _offer(shown: Mapping[str, Any]) -> Offer:
    job = _job(shown["id"], shown["data"])
    return Offer(job.id, shown["nonce"], job.continuation, job.label)


def _job(job_id: str, data: Mapping[str, Any]) -> WorkerJob:
    context = data.get("pipelineContext", {})
    action = context.get("action", {})
    return WorkerJob(
        id=job_id,
        pipeline=context.get("pipelineName", ""),
        stage=context.get("stage", {}).get("name", ""),
        action=action.get("name", ""),
        execution_id=context.get("pipelineExecutionId", ""),
        attempt_id=action.get("actionExecutionId", ""),
        configuration=data.get("actionConfiguration", {}).get("configuration", {}),
        inputs=_artifacts(data.get("inputArtifacts", ())),
        outputs=_artifacts(data.get("outputArtifacts", ())),
        continuation=data.get("continuationToken", "") or "",
        key_id=(data.get("encryptionKey") or {}).get("id", ""),
    )


def _artifacts(shown: Sequence[Mapping[str, Any]]) -> tuple[Artifact, ...]:
    places = ((each["name"], each["location"]["s3Location"]) for each in shown)
    return tuple(Artifact(name, place["bucketName"], place["objectKey"]) for name, place in places)
