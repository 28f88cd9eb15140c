"""Jobs done by a command of this machine, which is run once and whose end is known even to a worker started later.

The command runs under a small supervisor in a session of its own, which outlives the worker. What is where in the
job's room tells what became of it:

| `lock` held | `started` | `exit` | then |
|---|---|---|---|
| yes | | | it runs |
| no | no | no | it never ran: it can be started |
| no | yes | yes | it ran to its end, with that exit code |
| no | yes | no | it was killed together with its supervisor: how far it came nobody knows |

What the supervisor cannot write on a full disk it does not leave half written: without `started` it begins nothing, and
with the exit code it waits until there is room.

The kernel frees the lock whatever ends the supervisor. Only a power cut can lose `started`; `begun`, which is on the
disk before anything runs, holds the machine's boot id and so tells of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from pathlib import Path

from deliverkit.adapters.clock import pause
from deliverkit.adapters.command_surroundings import VARIABLES, environment, output_variables, tail, variable
from deliverkit.adapters.job_record import LOCK, OUTPUT, try_lock, write_durably
from deliverkit.adapters.process_tree import signal_started_with, started_with
from deliverkit.domain.worker_job import FailureType, Offer, Report, WorkerJob
from deliverkit.errors import ConflictError, NotFoundError
from deliverkit.worker_ports import Archiver, ArtifactShelf

_SUPERVISOR = """
trap : TERM INT HUP
set -C
: > "$2/started" || exit
set +C
echo $$ > "$2/started" || { rm -f "$2/started"; exit; }
sh -c "$1" < /dev/null
code=$?
until echo $code > "$2/exit.new" && mv "$2/exit.new" "$2/exit"; do sleep 1; done
"""
"""Signals reach the command, which ends or does not; the supervisor stays to write down how. `$1` is the command, `$2`
the room. Standard input is the lock, which the command must not keep."""
_GRACE = timedelta(seconds=2)
_JOB = "DELIVERKIT_JOB"


class _State(Enum):
    FRESH = "fresh"
    RUNNING = "running"
    ENDED = "ended"
    DIED = "died"


class CommandRunner:
    """Implements `worker_ports.Runner` with a shell command.

    It is run in the first input artifact's directory, with the worker's own environment and `DELIVERKIT_PIPELINE`,
    `_STAGE`, `_ACTION`, `_EXECUTION`, `_JOB`, `_REQUEST`; `DELIVERKIT_INPUT_<NAME>` and `DELIVERKIT_OUTPUT_<NAME>` are
    directories of artifacts; `DELIVERKIT_CONFIG_<KEY>` is the action's configuration; into the file
    `DELIVERKIT_VARIABLES` it may write `NAME=VALUE` lines, which become the action's output variables.
    """

    def __init__(
        self,
        command: str,
        *,
        environ: Mapping[str, str],
        room: Callable[[str], Path],
        shelf: Callable[[WorkerJob], ArtifactShelf],
        unpack: Archiver,
        pack: Archiver,
        tell: Callable[[str], None],
        machine: str,
        is_repeatable: bool = False,
    ) -> None:
        """Take the command and everything around it.

        Args:
            command: For `sh -c`.
            environ: The environment that it inherits.
            room: Gives a job's own directory.
            shelf: Gives a job's artifacts.
            unpack: Unpacks an artifact's file into a directory that it makes.
            pack: Packs a directory into a file.
            tell: Takes a line for people.
            machine: Name of this machine.
            is_repeatable: The command may be run again when nobody knows whether it ran.
        """
        self._command, self._environ, self._room, self._shelf = command, environ, room, shelf
        self._unpack, self._pack, self._tell = unpack, pack, tell
        self._machine, self._is_repeatable = machine, is_repeatable
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def kind(self) -> str:
        """Of work."""
        return "command"

    def takes(self, offer: Offer) -> bool:
        """Only jobs from the beginning: what goes on elsewhere cannot be gone on with here."""
        return not offer.continuation

    def begin(self, job: WorkerJob, *, is_doubtful: bool) -> Report | None:
        """Fetch the inputs and start the command, unless it was started before.

        Raises:
            IntegrityError: If an input cannot be unpacked.
            UsageError: If two names of the action become the same variable.
            DeliverkitError: If an input cannot be fetched.
            OSError: If the disk is full, or no shell can be started.
        """
        room = self._room(job.id)
        state = _state(room)
        if state is _State.DIED and self._is_repeatable:
            self._tell(f"{job.label} ({job.id[:8]}): nobody knows how far the command came; it is run again")
            for name in ("started", "begun"):
                (room / name).unlink(missing_ok=True)
            state = _State.FRESH
        if state is not _State.FRESH:
            return None
        if is_doubtful and not self._is_repeatable:
            return self._failure(job, FailureType.SYSTEM_UNAVAILABLE, _DOUBT)
        try:
            self._furnish(job, room)
        except NotFoundError as error:
            return self._failure(job, FailureType.REVISION_UNAVAILABLE, error.message)
        self._start(job, room)
        self._tell(f"{job.label} ({job.id[:8]}): started; its output is in {room / OUTPUT}")
        return None

    def look(self, job: WorkerJob) -> Report | None:
        """Whether the command has ended; then its outputs are stored.

        Raises:
            DeliverkitError: If an output cannot be stored.
            OSError: If one cannot be packed.
        """
        room, child = self._room(job.id), self._children.get(job.id)
        if child is not None:
            child.poll()
        state = _state(room)
        if state is _State.RUNNING:
            return None
        self._children.pop(job.id, None)
        if state is _State.FRESH:
            return self._failure(
                job, FailureType.SYSTEM_UNAVAILABLE, f"{_UNBEGUN}{tail(room / OUTPUT, hide=job.masked)}"
            )
        if state is not _State.ENDED:
            return self._failure(job, FailureType.JOB_FAILED, f"{_LOST}{tail(room / OUTPUT, hide=job.masked)}")
        code = (room / "exit").read_text(encoding="ascii").strip()
        if code != "0":
            return self._failure(job, FailureType.JOB_FAILED, f"exit code {code}{tail(room / OUTPUT, hide=job.masked)}")
        return self._success(job, room)

    def stop(self, job: WorkerJob) -> str:
        """End the command, everything in its process group, and what it has started besides.

        Raises:
            ConflictError: If something outlives SIGKILL.
            OSError: If nobody can tell whether it runs.
        """
        room = self._room(job.id)
        if not self._lives(job, room):
            return ""
        for number in (signal.SIGTERM, signal.SIGKILL):
            group = _number_in(room / "started")
            with suppress(ProcessLookupError):
                if group > 1 and _state(room) is _State.RUNNING:
                    os.killpg(group, number)
            signal_started_with(_JOB, job.id, number)
            for _ in range(20):
                if not self._lives(job, room):
                    self._children.pop(job.id, None)
                    return "the work is stopped"
                pause(_GRACE / 20)
        left = ", ".join(str(each) for each in started_with(_JOB, job.id)) or "its supervisor"
        raise ConflictError(f"the command could not be stopped, it outlives SIGKILL: {left}")

    def _lives(self, job: WorkerJob, room: Path) -> bool:
        child = self._children.get(job.id)
        if child is not None:
            child.poll()
        return _state(room) is _State.RUNNING or any(started_with(_JOB, job.id))

    def hand_back(self, job: WorkerJob) -> Report | None:
        """Nobody else can go on: the command is here, and goes on without us."""
        return None

    # --- the beginning -----------------------------------------------------------------------------

    def _furnish(self, job: WorkerJob, room: Path) -> None:
        """Everything that the command expects to find."""
        environment(job, room)  # before anything is fetched: its names may collide
        shelf = self._shelf(job)
        for folder in ("fetched", "inputs", "outputs", "packed"):
            _emptied(room / folder)
        for artifact in job.inputs:
            fetched = room / "fetched" / artifact.name
            shelf.fetch(artifact, fetched)
            self._unpack(fetched, room / "inputs" / artifact.name)
            fetched.unlink()
        for artifact in job.outputs:
            (room / "outputs" / artifact.name).mkdir()
        (room / VARIABLES).write_bytes(b"")

    def _start(self, job: WorkerJob, room: Path) -> None:
        write_durably(room / "begun", _boot_id())
        held = try_lock(room / LOCK)
        if held is None:
            return  # it runs
        first = room / "inputs" / job.inputs[0].name if job.inputs else room / "inputs"
        with held, (room / OUTPUT).open("ab") as output:
            os.fchmod(output.fileno(), 0o600)  # it holds whatever the command says, also secrets
            self._children[job.id] = subprocess.Popen(
                ["sh", "-c", _SUPERVISOR, "deliverkit-job", self._command, room],
                stdin=held,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=first,
                env={**self._environ, **environment(job, room)},
                start_new_session=True,
            )

    # --- the end -----------------------------------------------------------------------------------

    def _success(self, job: WorkerJob, room: Path) -> Report:
        variables = output_variables(room / VARIABLES)
        packed = {artifact: self._packed(room, artifact.name) for artifact in job.outputs}
        missing = [artifact.name for artifact, file in packed.items() if file is None]
        if missing:
            names = ", ".join(f"${variable('OUTPUT', name)}" for name in missing)
            return self._failure(job, FailureType.JOB_FAILED, f"the command ended well and left nothing in {names}")
        shelf = self._shelf(job)
        for artifact, file in packed.items():
            if file is not None:
                shelf.store(artifact, file)
        stored = f", {len(packed)} output artifact{'' if len(packed) == 1 else 's'}" if packed else ""
        summary = f"exit code 0 on {self._machine}{stored}"
        return Report(summary, external_id=self._external_id(job), percent=100, variables=variables)

    def _packed(self, room: Path, name: str) -> Path | None:
        """The archive of an output: its directory, or a zip archive that the command itself made beside it."""
        directory, made = room / "outputs" / name, room / "outputs" / f"{name}.zip"
        if made.is_file():
            return made
        if not directory.is_dir() or not any(directory.iterdir()):
            return None
        archive = room / "packed" / f"{name}.zip"
        self._pack(directory, archive)
        return archive

    def _failure(self, job: WorkerJob, kind: FailureType, reason: str) -> Report:
        return Report.of_failure(kind, reason, self._external_id(job))

    def _external_id(self, job: WorkerJob) -> str:
        return f"{self._machine}/{job.id}"


_DOUBT = (
    "the connection was lost while this job was acknowledged, and CodePipeline does not tell whether it was given to "
    "this worker or to another one; nothing was run here: retry the stage (a worker whose command may be repeated, "
    "--rerun, runs it)"
)
_UNBEGUN = "the command was never begun, nothing was run: its supervisor could not write down that it begins"
_LOST = (
    "the command was killed together with its supervisor, or the machine was restarted: whether it ran to its end "
    "nobody knows, and it is not run a second time unasked (--rerun)"
)


def _state(room: Path) -> _State:
    """What became of the command."""
    held = try_lock(room / LOCK)
    if held is None:
        return _State.RUNNING
    held.close()
    if (room / "exit").exists():
        return _State.ENDED
    if (room / "started").exists():
        return _State.DIED
    begun = room / "begun"
    was_cut_off = begun.exists() and begun.read_bytes() != _boot_id()
    return _State.DIED if was_cut_off else _State.FRESH


def _number_in(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0  # it is not written yet


def _boot_id() -> bytes:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    except OSError:
        return b"unknown"


def _emptied(folder: Path) -> None:
    """Make a directory, without what an earlier try that was interrupted left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
