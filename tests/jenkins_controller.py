"""A Jenkins controller for tests: a real HTTP server with the habits of a real controller, moved on by what is asked.

    with running_controller() as controller:
        controller.add_job("shop/smoke", log="hello\\n", outcome="FAILURE")

Nothing in it waits: an item leaves the queue after so many looks at it (`looks_queued`), a build ends after so many
looks at it (`looks_running`), or when a test says so (`settle_queue`, `finish`). What a real controller answers was
measured on Jenkins 2.462 with the Pipeline plugins; `jenkins_rest` speaks it.
"""

from __future__ import annotations

import secrets
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

ALICE, TOKEN, PASSWORD = "alice", "11aa22bb33cc44dd55ee66ff7788990011", "correct horse"
"""The user that every controller knows, with an API token and a password."""
REQUEST = "DELIVERKIT_REQUEST"
PARAMETERS = (REQUEST, "VERSION")
FOLDER_XML = "<com.cloudbees.hudson.plugins.folder.Folder/>"


@dataclass
class Asked:
    """An `input` step of a build.

    Attributes:
        id: As the Jenkinsfile has it; the server upper-cases its first letter.
        message: The question.
        parameters: Definitions by name: a text is the default value, a bool a tick, a tuple choices.
        submitter: Who may answer, besides administrators; empty for anybody.
        answer: How it was settled: `submit`, `proceedEmpty` or `abort`; empty while it waits.
        by: Who answered.
        given: The parameters that came with the answer; None for `proceedEmpty`.
    """

    id: str = "ship-it"
    message: str = "Ship it?"
    parameters: Mapping[str, str | bool | tuple[str, ...]] = field(default_factory=dict)
    submitter: str = ""
    answer: str = ""
    by: str = ""
    given: dict[str, Any] | None = None

    @property
    def shown_id(self) -> str:
        return self.id[:1].upper() + self.id[1:]


@dataclass
class JobBuild:
    """A build, or what is still a queue item.

    Attributes:
        item: Its queue item.
        number: From 1 on; None while it waits in the queue.
        parameters: As Jenkins kept them.
        result: None while it runs.
        is_cancelled: Taken out of the queue.
        is_forgotten: The queue does not know it any more.
        log: All that it will ever write.
        shown: Bytes of it that have been written by now.
        description: As people see it.
        asked: Its `input` steps, of which the first unanswered one waits.
        looks: How often it was looked at.
        races: How many more requests find nothing although the queue names the build.
        was_stopped: Somebody pressed the red button.
        early_result: What is said of it while it still runs, as after a stage that failed.
    """

    item: int
    parameters: dict[str, str]
    number: int | None = None
    result: str | None = None
    is_cancelled: bool = False
    is_forgotten: bool = False
    log: bytes = b""
    shown: int = 0
    description: str = ""
    asked: list[Asked] = field(default_factory=list)
    looks: int = 0
    races: int = 0
    was_stopped: bool = False
    early_result: str = ""

    @property
    def question(self) -> Asked | None:
        return next((each for each in self.asked if not each.answer), None) if self.result is None else None


@dataclass
class Job:
    """A job, or a folder when `is_folder`.

    Attributes:
        xml: What defines it.
        parameters: What it takes; None for nothing.
        learns: What it takes once it has run, because only its Jenkinsfile says so.
        outcome: How its builds end.
        log: What they write.
        piece: Bytes that a build writes from one look at its log to the next; 0 for all at once.
        stages: Names of its stages.
        asks: What its builds ask, one after the other.
        looks_queued: Looks at an item that find it waiting; None until a test settles the queue.
        looks_running: Looks at a build that find it running; None until a test finishes it.
        races: Requests that find nothing right after the queue has named a build.
        archived: Zip archives of what its builds archive, by their address below `artifact/`.
    """

    xml: str = "<flow-definition/>"
    is_folder: bool = False
    is_disabled: bool = False
    is_pipeline: bool = True
    parameters: tuple[str, ...] | None = PARAMETERS
    learns: tuple[str, ...] = ()
    outcome: str = "SUCCESS"
    log: bytes = b""
    piece: int = 0
    stages: tuple[str, ...] = ()
    asks: tuple[Asked, ...] = ()
    looks_queued: int | None = 1
    looks_running: int | None = 1
    races: int = 0
    archived: Mapping[str, bytes] = field(default_factory=dict)
    builds: list[JobBuild] = field(default_factory=list)


@dataclass
class Person:
    """A user.

    Attributes:
        token: API token.
        password: For those who have nothing better; needs crumbs.
        may: Of `read`, `build`, `configure`, `administer`.
    """

    token: str
    password: str = ""
    may: frozenset[str] = frozenset({"read", "build", "configure"})


@dataclass(frozen=True)
class Interference:
    """What stands between us and Jenkins and answers in its place.

    Attributes:
        status: HTTP status code.
        body: A web page, unless headers say something else.
        headers: More headers.
        drips: The body never ends: now and then comes another byte.
    """

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    drips: bool = False


class Controller:
    """The state of a controller, and what tests do to it.

    Attributes:
        url: Its address, with a slash at its end.
        seen: The requests, as `METHOD /path?query`.
        bodies: Their bodies, in the same order.
        authorizations: Their `Authorization` headers, in the same order; empty for none.
        people: Users by name.
        has_stage_api: Whether the plugin pipeline-rest-api is installed.
        has_crumbs: Whether changes with a password need a crumb.
        rewrites_xml: Definitions are handed out as Jenkins writes them, and jobs take what their definition declares;
            otherwise they are kept as they came, and jobs take `PARAMETERS`.
        root_url: What Jenkins believes its address is; empty for the one that it was asked at.
        lost_answers: Answers to changes that will be lost after the change was made.
        interferences: What answers the next requests that `concerns` says yes to instead of Jenkins.
        concerns: Which requests are interfered with.
        resets: Connections that will be reset before anything is answered.
        starting: Requests that will be answered with 503.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.people = {ALICE: Person(TOKEN, PASSWORD)}
        self.seen: list[str] = []
        self.bodies: list[str] = []
        self.authorizations: list[str] = []
        self.has_stage_api = True
        self.has_crumbs = True
        self.rewrites_xml = False
        self.root_url = ""
        self.lost_answers = 0
        self.interferences: list[Interference] = []
        self.concerns: Callable[[str], bool] = lambda _: True
        self.resets = 0
        self.starting = 0
        self.crumbs: dict[str, str] = {}
        self.lock = threading.RLock()
        self._item = 100
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self._scheme = "http"

    # --- the process -------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._port}/jenkins/"

    def start(self, certificate: Path | None = None) -> None:
        """Listen, on the same port as before; with a certificate and its key in a file, encrypted."""
        from jenkins_rest import server_of  # noqa: PLC0415  (it imports this module)

        self._server = server_of(self, self._port)
        self._scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def restart(self, *, resets: int = 2, starting: int = 2) -> None:
        """Lose so many connections, be in start-up for so many requests, then go on; sessions are gone."""
        with self.lock:
            self.resets, self.starting = resets, starting
            self.crumbs.clear()

    def interfere(self, *answers: Interference, concerns: Callable[[str], bool] = lambda _: True) -> None:
        """Let something else answer the next requests."""
        with self.lock:
            self.interferences, self.concerns = list(answers), concerns

    # --- jobs --------------------------------------------------------------------------------------

    def add_job(
        self, name: str, *, log: str | bytes = b"", parameters: Sequence[str] | None = PARAMETERS, **settings: Any
    ) -> Job:
        """Make a job, with its folders; see `Job` for the settings."""
        with self.lock:
            parts = name.split("/")
            for end in range(1, len(parts)):
                self.jobs.setdefault("/".join(parts[:end]), Job(xml=FOLDER_XML, is_folder=True))
            content = log.encode() if isinstance(log, str) else log
            taken = None if parameters is None else tuple(parameters)
            self.jobs[name] = Job(log=content, parameters=taken, **settings)
            return self.jobs[name]

    def add_folder(self, name: str) -> Job:
        """Make a folder."""
        return self.add_job(name, is_folder=True, xml=FOLDER_XML)

    def builds(self, name: str) -> list[JobBuild]:
        """The builds of a job, the oldest first; without what waits in the queue."""
        with self.lock:
            return [each for each in self.jobs[name].builds if each.number is not None]

    def waiting(self, name: str) -> list[JobBuild]:
        """What waits in the queue."""
        with self.lock:
            return [each for each in self.jobs[name].builds if each.number is None and not each.is_cancelled]

    def enqueue(self, name: str, parameters: Mapping[str, str]) -> tuple[JobBuild, bool]:
        """A new queue item, or the waiting one with the same parameters; and whether it is new."""
        with self.lock:
            job = self.jobs[name]
            kept = {each: parameters.get(each, "") for each in job.parameters or ()}
            for each in self.waiting(name):
                if each.parameters == kept:
                    return each, False
            self._item += 1
            asked = [Asked(a.id, a.message, a.parameters, a.submitter) for a in job.asks]
            item = JobBuild(self._item, kept, log=job.log, asked=asked, races=job.races)
            job.builds.append(item)
            return item, True

    # --- progress ----------------------------------------------------------------------------------

    def settle_queue(self) -> None:
        """Let everything that waits become a running build."""
        with self.lock:
            for name in self.jobs:
                for item in self.waiting(name):
                    self.begin(name, item)

    def begin(self, name: str, item: JobBuild) -> None:
        """Let one item become a running build."""
        with self.lock:
            job = self.jobs[name]
            item.number, item.looks = len(self.builds(name)) + 1, 0
            job.parameters = job.learns or job.parameters

    def finish(self, name: str, number: int, result: str | None = None) -> None:
        """End a build."""
        with self.lock:
            job, build = self.jobs[name], self.builds(name)[number - 1]
            build.result, build.shown = result or job.outcome, len(build.log)

    def forget_queue(self) -> None:
        """Let five minutes pass: the queue forgets what has left it."""
        with self.lock:
            for name in self.jobs:
                for build in self.builds(name):
                    build.is_forgotten = True

    def look_at_item(self, name: str, item: JobBuild) -> None:
        """An item was looked at, which moves it on."""
        looks = self.jobs[name].looks_queued
        item.looks += 1
        if looks is not None and item.number is None and not item.is_cancelled and item.looks > looks:
            self.begin(name, item)

    def look_at_build(self, name: str, build: JobBuild) -> None:
        """A build was looked at, which moves it on, unless it waits for an answer."""
        looks = self.jobs[name].looks_running
        build.looks += 1
        is_due = looks is not None and build.looks > looks
        if is_due and build.result is None and build.question is None and build.number is not None:
            self.finish(name, build.number)


@contextmanager
def running_controller() -> Iterator[Controller]:
    """A controller that listens."""
    controller = Controller()
    controller.start()
    try:
        yield controller
    finally:
        controller.stop()


def new_crumb() -> tuple[str, str]:
    """A session and its crumb."""
    return secrets.token_hex(8), secrets.token_hex(16)
