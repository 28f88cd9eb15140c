"""A Jenkins as a build server and as a shelf of jobs. The one user of python-jenkins.

The library knows Jenkins' addresses and forms; what it asks goes over our own connection (`jenkins_connection`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import jenkins
from deliverkit.adapters import jenkins_credentials, jenkins_log, jenkins_questions, jenkins_values
from deliverkit.adapters.jenkins_answers import RefusedError
from deliverkit.adapters.jenkins_connection import Connection
from deliverkit.adapters.jenkins_refusals import NO_JOB, definition_refused, not_taken, refuse_unknown
from deliverkit.domain.build import REQUEST, Build, BuildStage, LogPiece, Question, QueueItem
from deliverkit.errors import ConflictError, NotFoundError, UnreachableError, UsageError

if TYPE_CHECKING:
    import requests

_NEWEST = 100
"""Builds that are looked through for one that was asked for."""
_NAME_LIMIT, _NAME_SHOWN = 4096, 60
"""Characters of a full name in an address: the head of a request is 8 KiB at most (Jetty, `requestHeaderSize`)."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""No name has them (Jenkins, `Jenkins.checkGoodName`), and they would make a mess of messages."""


class JenkinsServer:
    """`BuildServer` and `JobShelf` over a Jenkins' REST interface."""

    def __init__(self, connection: Connection) -> None:
        """Take the way to the controller; nothing is contacted yet."""
        self._connection = connection
        self._handle = _Handle(connection)

    # --- asking for builds -------------------------------------------------------------------------

    def trigger(self, job: str, parameters: Mapping[str, str]) -> int:
        """Ask for a build and give the queue item's id.

        Jenkins answers 303 instead of 201 when an item with the same parameters waits already; both name the item.
        It drops parameters that the job does not define without a word, so they are compared before.

        Raises:
            NotFoundError: If there is no such job.
            UsageError: If the job does not take one of the parameters, takes none at all, or is none.
            ConflictError: If the job is disabled.
        """
        refuse_unknown(job, parameters, self._parameters_of(job))
        # In the body, not in the query as the library has it: queries are written into logs, and have a limit.
        url = self._handle.address(job) + "buildWithParameters"
        try:
            reply = self._connection.post(url, dict(parameters))
        except RefusedError as refusal:
            raise not_taken(job, refusal) from refusal
        item = re.search(r"/queue/item/(\d+)/?$", reply.headers.get("location", ""))
        if item is None:
            raise UnreachableError(f"POST {url} answered {reply.status} without naming a queue item")
        return int(item[1])

    def takes(self, job: str) -> frozenset[str]:
        """The names of the parameters that requests for builds of a job can have.

        Raises:
            NotFoundError: If there is no such job.
            UsageError: If no request can be told from others: it has no parameter `REQUEST`, or it is a folder.
            ConflictError: If the job is disabled.
        """
        takes = self._parameters_of(job)
        refuse_unknown(job, {REQUEST: ""}, takes)
        return takes or frozenset()

    def queued(self, item: int) -> QueueItem:
        """What became of a request.

        Raises:
            NotFoundError: If the server does not know it, or not any more: five minutes after it left the queue.
        """
        with _absent(f"queue item {item} is not known, or not any more, at {self._connection.url}"):
            return jenkins_values.queue_item(self._handle.get_queue_item(item))

    def find(self, job: str, parameter: str, value: str) -> Build | QueueItem | None:
        """The newest build of the job with that parameter value, or the item that still waits to become one.

        Only the hundred newest builds are looked through.

        Raises:
            NotFoundError: If there is no such job.
        """
        # The queue first: what leaves it between the two requests is then among the builds.
        waiting = (each for each in self.waiting(job) if each.parameters.get(parameter) == value)
        first = next(waiting, None)
        built = (each for each in self._newest(job) if each.parameters.get(parameter) == value)
        return next(built, first)

    def waiting(self, job: str) -> tuple[QueueItem, ...]:
        """The requests that wait to become builds of a job; none where there is no such job."""
        ours = _job_path(self._handle.address(job))
        said = self._connection.data(f"queue/api/json?tree={quote(jenkins_values.QUEUE_TREE, safe='')}")
        return tuple(item for url, item in jenkins_values.queue_items(said) if _job_path(url) == ours)

    def became(self, job: str, item: int) -> Build | None:
        """The build that a queue item became, also when the queue has forgotten it; None when there is none.

        Raises:
            NotFoundError: If there is no such job.
        """
        return next((each for each in self._newest(job) if each.queue_item == item), None)

    def cancel(self, item: int) -> None:
        """Take a request out of the queue; harmless when it is there no more, and then its build goes on."""
        try:
            self._connection.post(f"queue/cancelItem?id={item}")
        except RefusedError as refusal:
            if refusal.status != 404:
                raise

    def greet(self) -> None:
        """See that the server lets this user in.

        Raises:
            DeniedError: If it does not, or is no Jenkins.
            UnreachableError: If it does not answer now.
        """
        self._connection.data("api/json?tree=mode")

    # --- builds ------------------------------------------------------------------------------------

    def observe(self, job: str, number: int) -> Build:
        """A build now.

        Raises:
            NotFoundError: If there is no such job or build.
        """
        with self._absent_build(job, number):
            return jenkins_values.build(job, self._handle.get_build_info(job, number))

    def latest(self, job: str) -> Build | None:
        """The newest build of a job; None when it was never built.

        Raises:
            NotFoundError: If there is no such job.
            UsageError: If it is a folder.
        """
        said = self._job(job, f"buildable,{_newest_tree(1)}")
        newest = next(iter(jenkins_values.builds(job, said)), None)
        if newest is None:
            _buildable(job, said)
        return newest

    def log(self, job: str, number: int, start: int) -> LogPiece:
        """The log from an offset in bytes on; only what is new goes over the wire.

        Raises:
            NotFoundError: If there is no such job or build.
        """
        with self._absent_build(job, number):
            return jenkins_log.read(self._connection, self._handle.address(job, number), start)

    def stages(self, job: str, number: int) -> tuple[BuildStage, ...] | None:
        """The stages of a build; None where the server cannot tell, as of a build that is no pipeline."""
        said = self._handle.get_build_stages(_checked_name(job), number)
        return None if said is None else jenkins_values.stages(said)

    def stop(self, job: str, number: int) -> None:
        """Ask a build to end; harmless when it has ended."""
        with self._absent_build(job, number):
            self._handle.stop_build(job, number)

    def describe(self, job: str, number: int, text: str) -> None:
        """Set the description that people see beside a build."""
        with self._absent_build(job, number):
            self._connection.post(f"{self._handle.address(job, number)}submitDescription", {"description": text})

    # --- questions ---------------------------------------------------------------------------------

    def questions(self, job: str, number: int) -> tuple[Question, ...]:
        """What a build asks people now.

        Raises:
            NotFoundError: If there is no such job or build, or the server cannot tell.
        """
        said = self._pending(job, number)
        return tuple(jenkins_values.question(job, number, each) for each in said)

    def answer(self, question: Question, *, is_approved: bool, parameters: Mapping[str, str]) -> None:
        """Answer a question; a refusal takes no parameters and ends the build.

        Raises:
            ConflictError: If it was answered before.
            NotEntitledError: If the server does not let this user answer.
            UsageError: If the question does not take one of the parameters, or wants one that is missing.
        """
        pending = self._pending(question.job, question.build)
        address = self._handle.address(question.job, question.build)
        jenkins_questions.answer(
            self._connection, address, question, pending, is_approved=is_approved, parameters=parameters
        )

    def _pending(self, job: str, number: int) -> tuple[Mapping[str, Any], ...]:
        address = self._handle.address(job, number)
        try:
            return jenkins_values.pending(self._connection.data(f"{address}wfapi/pendingInputActions"))
        except RefusedError as refusal:
            if refusal.status != 404:
                raise
        build = self.observe(job, number)
        raise NotFoundError(
            f"Jenkins cannot tell what {build.label} asks: it is no pipeline, or it lacks the plugin pipeline-rest-api",
            hint=f"answer at {address}input/, or have the plugin installed",
        )

    # --- jobs and folders --------------------------------------------------------------------------

    def definition(self, name: str) -> str | None:
        """The XML that defines it, without a folder's credentials; None when there is no such job or folder."""
        try:
            return jenkins_credentials.hidden(str(self._handle.get_job_config(_checked_name(name))), name)
        except jenkins.NotFoundException:
            return None

    def create(self, name: str, xml: str) -> None:
        """Make a job or folder in a folder that exists.

        Raises:
            UsageError: If the server does not accept the definition.
            ConflictError: If it exists already.
        """
        _checked_name(name)
        if self.definition(name) is not None:
            raise ConflictError(f"{name} exists already at {self._connection.url}")
        folder = name.rpartition("/")[0]
        with _absent(f"there is no folder {folder} at {self._connection.url}"), definition_refused(name):
            self._handle.create_job(name, xml)

    def replace(self, name: str, xml: str) -> None:
        """Give a job or folder another definition; a folder's credentials stay.

        Raises:
            UsageError: If the server does not accept the definition.
            NotFoundError: If there is no such job or folder.
        """
        with _absent(f"there is no {name} at {self._connection.url}"):
            now = str(self._handle.get_job_config(_checked_name(name)))
            with definition_refused(name):
                self._handle.reconfig_job(name, jenkins_credentials.kept(xml, now, name))

    # --- reading -----------------------------------------------------------------------------------

    def _parameters_of(self, job: str) -> frozenset[str] | None:
        """The names of what a job takes; None when it takes nothing at all."""
        said = self._job(job, "buildable,property[parameterDefinitions[name]]")
        if not _buildable(job, said):
            raise ConflictError(f"the job {job} is disabled", hint=f"enable it at {self._handle.address(job)}")
        return jenkins_values.takes(said)

    def _newest(self, job: str) -> tuple[Build, ...]:
        return jenkins_values.builds(job, self._job(job, _newest_tree(_NEWEST)))

    def _job(self, job: str, tree: str) -> Any:
        path = f"{self._handle.address(job)}api/json?tree={quote(tree, safe='')}"
        with _absent(f"there is no job {job} at {self._connection.url}", hint=NO_JOB):
            return self._connection.data(path)

    def _absent_build(self, job: str, number: int) -> Any:
        return _absent(f"there is no build {job} #{number} at {self._connection.url}", hint=NO_JOB)


# --- python-jenkins --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Response:
    """As much of an answer as python-jenkins looks at."""

    text: str
    headers: Mapping[str, str]


class _Handle(jenkins.Jenkins):  # type: ignore[misc]  # the library has no types
    """The library's knowledge of addresses and forms over our connection."""

    def __init__(self, connection: Connection) -> None:
        # Not the library's own constructor: it opens a session that nobody uses, and logs JENKINS_API_EXTRA_HEADERS
        # with whatever is secret in them.
        self.server = connection.url
        self._connection = connection

    def jenkins_request(
        self,
        req: requests.Request,
        add_crumb: bool = True,
        resolve_auth: bool = True,
        stream: bool | None = None,
    ) -> _Response:
        """What every method of the library sends through."""
        del add_crumb, resolve_auth, stream
        prepared = req.prepare()
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
        headers = {name: value for name, value in prepared.headers.items() if name.lower() != "content-length"}
        try:
            reply = self._connection.send(
                str(prepared.method),
                str(prepared.url),
                body=body or b"" if req.method == "POST" else None,
                headers=headers,
            )
        except RefusedError as refusal:
            if refusal.status == 404:
                raise jenkins.NotFoundException(refusal.message) from refusal
            raise
        return _Response(reply.content.decode("utf-8", errors="replace"), reply.headers)

    def address(self, job: str, number: int | None = None) -> str:
        """The address of a job, or of one of its builds, with a slash at its end."""
        folder_url, short_name = self._get_job_folder(_checked_name(job))
        names = {"folder_url": folder_url, "short_name": short_name}
        place = str(self._build_url("%(folder_url)sjob/%(short_name)s/", names))
        return place if number is None else f"{place}{number}/"


def _newest_tree(count: int) -> str:
    return f"builds[{jenkins_values.BUILD_TREE}]{{0,{count}}}"


def _job_path(url: str) -> str:
    """Where a job is below the controller's address, of which Jenkins may have an idea of its own."""
    return unquote(urlsplit(url).path).partition("/job/")[2]


# --- errors ----------------------------------------------------------------------------------------


def _checked_name(name: str) -> str:
    """A full name that stays below the controller's jobs.

    Raises:
        UsageError: If it is none.
    """
    is_path = not any(part in {"", ".", ".."} for part in name.split("/"))
    if not is_path or len(quote(name)) > _NAME_LIMIT or _CONTROLS.search(name):
        shown = repr(name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}...")
        raise UsageError(f"{shown} is no full name of a job", hint="FOLDER/JOB, without a slash at its ends")
    return name


def _buildable(job: str, said: Mapping[str, Any]) -> bool:
    """Whether a job can be built now.

    Raises:
        UsageError: If it is a folder, which never can.
    """
    buildable = jenkins_values.is_buildable(said)
    if buildable is None:
        raise UsageError(f"{job} is a folder, which cannot be built", hint=f"name a job in it: {job}/NAME")
    return buildable


@contextmanager
def _absent(message: str, *, hint: str = "") -> Iterator[None]:
    """What a 404 means, whether the library has put other words to it or not."""
    try:
        yield
    except RefusedError as refusal:
        if refusal.status != 404:
            raise
        raise NotFoundError(message, hint=hint) from refusal
    except jenkins.JenkinsException as error:
        if isinstance(error, jenkins.NotFoundException) or isinstance(error.__context__, jenkins.NotFoundException):
            raise NotFoundError(message, hint=hint) from error
        raise UnreachableError(f"Jenkins answered something unexpected: {str(error).splitlines()[0][:160]}") from error
