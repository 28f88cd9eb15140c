"""Jobs done by builds of a continuous integration server: one build for each action, whoever follows it.

A build is known by its `REQUEST` parameter, which is made of the action execution's id. The first job of an action asks
for the build and is handed back with a continuation token as soon as the build runs; the next one follows it. So what a
worker has in hand can be gone on with by any other worker, and CodePipeline shows the link to the build at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from deliverkit.build_ports import BuildServer
from deliverkit.domain.build import BuildPhase, BuildRequest, BuildView
from deliverkit.domain.placeholders import expand
from deliverkit.domain.worker_job import PROJECT, FailureType, Handle, Offer, Report, WorkerJob, handle_in
from deliverkit.engine.building import Building
from deliverkit.errors import DeliverkitError, IntegrityError, NotFoundError, UsageError
from deliverkit.worker_ports import Archiver, ArtifactShelf, BuildArchive

_WHOLE = "archive"
_LOG_READ = 4 << 20
_LINES = 10


class BuildRunner:
    """Implements `worker_ports.Runner` with a build server."""

    def __init__(
        self,
        server: BuildServer,
        *,
        archive: BuildArchive,
        building: Callable[[BuildRequest, int | None, bool], Building],
        room: Callable[[str], Path],
        shelf: Callable[[WorkerJob], ArtifactShelf],
        unpack: Archiver,
        pack: Archiver,
        job: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Take the server and what belongs to it.

        Args:
            server: The build server.
            archive: What its builds leave.
            building: Makes what asks for a build and follows it; the build's number may be known, and whether it was
                asked for before: by the job that this one continues.
            room: Gives a job's own directory.
            shelf: Gives a job's artifacts.
            unpack: Unpacks an archive into a directory that it makes.
            pack: Packs a directory into a file.
            job: Full name of the job to build, with placeholders; empty for the value of `ProjectName`.
            parameters: What the build is given besides its request, with placeholders.
        """
        self._server, self._archive, self._building = server, archive, building
        self._room, self._shelf, self._unpack, self._pack = room, shelf, unpack, pack
        self._job, self._parameters = job or f"${{{PROJECT}}}", parameters or {}
        self._buildings: dict[str, Building] = {}

    @property
    def kind(self) -> str:
        """Of work."""
        return "build"

    def takes(self, offer: Offer) -> bool:
        """First jobs, and those that another worker of this kind handed back."""
        return not offer.continuation or handle_in(offer.continuation) is not None

    def begin(self, job: WorkerJob, *, is_doubtful: bool) -> Report | None:
        """Ask for the build, unless that was done before.

        A job that continues another one asks again only for a build that never began: servers forget their queue when
        they crash. Its request keeps it a single one.

        Raises:
            UsageError: If the configuration names no job, or the job does not take one of the parameters.
            NotFoundError: If there is no such job.
            UnreachableError: If the server does not answer.
        """
        del is_doubtful  # whoever else has the job finds the same build
        self._of(job).begin()
        return None

    def look(self, job: WorkerJob) -> Report | None:
        """Whether the build has ended; a first job is handed back when its build has a number.

        Raises:
            NotFoundError: If job or build are gone.
            UnreachableError: If the server does not answer.
            DeliverkitError: If an output cannot be stored.
        """
        report = self._reported(job, self._of(job).look())
        if report is not None:
            self._buildings.pop(job.id, None)
        return report

    def _reported(self, job: WorkerJob, view: BuildView) -> Report | None:
        if view.phase is BuildPhase.ENDED:
            return self._ended(job, view)
        return self._continued(view) if view.build and not job.continuation else None

    def stop(self, job: WorkerJob) -> str:
        """Ask the server to end the build.

        Raises:
            UnreachableError: If the server does not answer: the build may go on.
            DeliverkitError: If it cannot be found out which build it is.
        """
        try:
            view = self._of(job).stop()
        except NotFoundError:
            self._buildings.pop(job.id, None)
            return ""
        self._buildings.pop(job.id, None)
        if view.build is None:
            return f"the request for {view.request.job} was taken out of the queue"
        return "" if view.phase is BuildPhase.ENDED else f"{view.build.label} was told to stop"

    def hand_back(self, job: WorkerJob) -> Report | None:
        """The report with which any worker of this kind can go on."""
        report = self._continued(self._of(job).view)
        self._buildings.pop(job.id, None)
        return report

    # --- which build -------------------------------------------------------------------------------

    def _of(self, job: WorkerJob) -> Building:
        if job.id not in self._buildings:
            handle = handle_in(job.continuation)
            number = handle.number if handle else None
            self._buildings[job.id] = self._building(self._request(job), number, bool(job.continuation))
        return self._buildings[job.id]

    def _request(self, job: WorkerJob) -> BuildRequest:
        handle = handle_in(job.continuation)
        values = _values(job)
        try:
            name = handle.job if handle else expand(self._job, values)
            parameters = {key: expand(text, values) for key, text in self._parameters.items()}
        except ValueError as error:
            raise UsageError(f"{error}; this action has {', '.join(values)}") from error
        return BuildRequest(name, parameters, handle.request if handle else job.request)

    # --- reports -----------------------------------------------------------------------------------

    def _continued(self, view: BuildView) -> Report:
        number = str(view.build.number) if view.build else ""
        token = Handle(view.request.id, view.request.job, view.build.number if view.build else None).as_token()
        return Report(view.told, continuation=token, external_id=number, percent=0)

    def _ended(self, job: WorkerJob, view: BuildView) -> Report:
        number = str(view.build.number) if view.build else ""
        if view.build is None or not view.is_success:
            return Report.of_failure(FailureType.JOB_FAILED, f"{view.told}{self._why(job, view)}", number)
        try:
            empty = [artifact.name for artifact in job.outputs if not self._passed_on(job, view, artifact.name)]
        except IntegrityError as error:
            reason = f"what {view.build.label} archived cannot be passed on: {error.message}"
            return Report.of_failure(FailureType.JOB_FAILED, reason, number)
        if empty:
            reason = f"{view.build.label} succeeded and archived nothing for {', '.join(empty)}: {_HOW}"
            return Report.of_failure(FailureType.JOB_FAILED, reason, number)
        told = {"BuildNumber": number, "BuildUrl": view.build.url}
        variables = {name: value for name, value in told.items() if value}
        return Report(view.told, external_id=number, percent=100, variables=variables)

    def _passed_on(self, job: WorkerJob, view: BuildView, name: str) -> bool:
        """Bring an output from the build server to the artifact store; False when there is none."""
        artifact = next(each for each in job.outputs if each.name == name)
        folder = name if len(job.outputs) > 1 else ""
        room = self._room(job.id)
        fetched, unpacked, packed = room / "fetched.zip", room / f"out-{name}", room / f"{name}.zip"
        number = view.build.number if view.build else 0
        if not self._archive.fetch(view.request.job, number, folder, fetched):
            return False
        shutil.rmtree(unpacked, ignore_errors=True)  # whoever was killed here may have left half of it
        self._unpack(fetched, unpacked)
        # Jenkins puts everything below one folder, which the next action does not expect.
        top = unpacked / (folder or _WHOLE)
        self._pack(top if top.is_dir() and len(list(unpacked.iterdir())) == 1 else unpacked, packed)
        self._shelf(job).store(artifact, packed)
        return True

    def _why(self, job: WorkerJob, view: BuildView) -> str:
        """The end of the log, as the end of a sentence; empty when it cannot be read."""
        if view.build is None:
            return ""
        text, start = "", 0
        with suppress(DeliverkitError):
            while start < _LOG_READ:
                piece = self._server.log(view.build.job, view.build.number, start)
                text, is_over = text + piece.text, piece.next <= start or not piece.has_more
                start = piece.next
                if is_over:
                    break
        lines = [line.rstrip() for line in job.masked(text).splitlines() if line.strip()][-_LINES:]
        return "\n".join(["", *lines]) if lines else ""


_HOW = "archiveArtifacts stores what the only output artifact holds, or a folder for each of several, called like it"


def _values(job: WorkerJob) -> Mapping[str, str]:
    """What placeholders stand for."""
    return {
        **job.configuration,
        "pipeline": job.pipeline,
        "stage": job.stage,
        "action": job.action,
        "execution": job.execution_id,
        **{f"input.{each.name}": each.uri for each in job.inputs},
        **{f"output.{each.name}": each.uri for each in job.outputs},
    }
