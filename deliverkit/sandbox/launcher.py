"""Starting, finding and stopping the sandbox's process; what `deliverkit sandbox up|down|status` call.

The process writes `server.json` into its state directory once it serves. The file names the process by id and start
time, so that a process id the system has given to somebody else is never taken for the sandbox, nor killed as one.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from deliverkit.sandbox.agent.removal import remove_tree
from deliverkit.sandbox.client import RefusedError, ask
from deliverkit.sandbox.leftovers import kill_leftovers

if TYPE_CHECKING:
    from deliverkit.sandbox.server import Sandbox

RECORD = "server.json"
LOG = "sandbox.log"
PORT = "port"
START_PATIENCE = 30.0
STOP_PATIENCE = 10.0
STATUS_PATIENCE = 5.0
"""Seconds to wait for a process to serve, to end, and to answer."""
MOST_FILES = 65536
"""Open files and connections of a sandbox, as far as the system allows."""
_OTHER_PORT = "deliverkit sandbox up --port 0 takes a free port"


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that serves.

    Attributes:
        endpoint: URL for `AWS_ENDPOINT_URL`.
        pid: Process id.
        started_at: Start time of the process in the system's own units; empty where the system does not tell.
        state_dir: Where it keeps its state.
        region: Region to print for clients.
    """

    endpoint: str
    pid: int
    started_at: str
    state_dir: str
    region: str


class LaunchError(Exception):
    """The sandbox could not be started or stopped; the message says why.

    Attributes:
        hint: What to type or change; empty when there is nothing sensible to advise.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def find(state_dir: Path) -> RunningSandbox | None:
    """The sandbox of a state directory; None when none serves."""
    recorded = _read_record(state_dir)
    return recorded if recorded is not None and _is_alive(recorded) and _answers(recorded) else None


def start(
    state_dir: Path, *, port: int | None = None, region: str = "us-east-1", fresh: bool = False
) -> RunningSandbox:
    """Start a sandbox in the background, or find the one that runs; two callers at once start one.

    It goes on from the state that an earlier one kept in the directory.

    Args:
        state_dir: Made when missing.
        port: TCP port on 127.0.0.1; None or 0 takes the one it had last, or a free one.
        region: Region to print for clients.
        fresh: Begin with nothing: no buckets, no instances, no history.

    Raises:
        LaunchError: If moto is not installed, the port is taken, or the process does not come up.
    """
    _require_moto()
    state_dir.mkdir(parents=True, exist_ok=True)
    with _alone(state_dir):
        running = find(state_dir)
        if running is None:
            if fresh:
                _forget(state_dir)
            return _spawn(state_dir, port or 0, region)
        if fresh:
            raise LaunchError(f"a sandbox serves at {running.endpoint}", "deliverkit sandbox down")
        if port and running.endpoint.rpartition(":")[2] != str(port):
            message = f"a sandbox serves at {running.endpoint} already, not on port {port}"
            raise LaunchError(message, "deliverkit sandbox down, or leave out --port to use the one that runs")
        return running


def stop(state_dir: Path) -> bool:
    """Stop the sandbox with everything that runs inside; False when none ran.

    Raises:
        LaunchError: If the process does not end.
    """
    recorded = _read_record(state_dir)
    is_running = recorded is not None and _is_alive(recorded)
    if recorded is not None and is_running:
        _end(recorded)
    kill_leftovers(state_dir)
    (state_dir / RECORD).unlink(missing_ok=True)
    return is_running


def serve(state_dir: Path, *, port: int = 0, region: str = "us-east-1", announce: Callable[[str], None]) -> None:
    """Serve in this process until SIGTERM or SIGINT.

    Raises:
        LaunchError: If moto is not installed, or the port cannot be had.
    """
    from deliverkit.sandbox.keeping.image import UnreadableImageError  # noqa: PLC0415  (slow, and not for `find`)

    _require_moto()
    _allow_many_files()
    state_dir.mkdir(parents=True, exist_ok=True)
    sandbox = _make(state_dir, port, region)
    with _until_signal() as wait:
        try:
            sandbox.start()
        except UnreadableImageError as error:
            raise LaunchError(str(error), "deliverkit sandbox up --fresh begins without what was there") from error
        (state_dir / PORT).write_text(str(sandbox.port), encoding="utf-8")
        record = RunningSandbox(sandbox.endpoint, os.getpid(), _started_at(os.getpid()), str(state_dir), region)
        _write_record(state_dir, record)
        announce(f"the sandbox serves at {sandbox.endpoint}")
        try:
            wait()
        finally:
            (state_dir / RECORD).unlink(missing_ok=True)
            sandbox.stop()


def _allow_many_files() -> None:
    """Each connection is an open file, and many shells allow no more than 1024 (or 256) unless they are asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # some systems have a limit of their own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _make(state_dir: Path, port: int, region: str) -> Sandbox:
    """The sandbox on the port it had last, if any port will do: clients and agents find it again."""
    from deliverkit.sandbox.server import Sandbox  # noqa: PLC0415  (botocore and more, which take their time)

    if port == 0:
        with suppress(OSError, ValueError):
            return Sandbox(state_dir, port=int((state_dir / PORT).read_text()), region=region, keeps_state=True)
    try:
        return Sandbox(state_dir, port=port, region=region, keeps_state=True)
    except OSError as error:
        raise LaunchError(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}", _OTHER_PORT) from error


def _forget(state_dir: Path) -> None:
    """Remove everything that an earlier sandbox kept, its instances' disks included."""
    kill_leftovers(state_dir)
    for entry in state_dir.iterdir():
        if entry.is_dir():
            remove_tree(entry)


def _require_moto() -> None:
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        raise LaunchError(
            "the sandbox needs moto's server, which is not installed", "pip install 'deliverkit[sandbox]'"
        )


@contextmanager
def _until_signal() -> Iterator[Callable[[], None]]:
    """Give a function that returns when SIGTERM or SIGINT arrives; a pipe wakes it without any polling."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def wait() -> None:
        os.read(reader, 1)

    def wake(_number: int, _frame: FrameType | None) -> None:
        os.write(writer, b".")

    previous = {each: signal.signal(each, wake) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield wait
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
        os.close(reader)
        os.close(writer)


# --- the child process -----------------------------------------------------------------------------


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    with (state_dir / "launch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _spawn(state_dir: Path, port: int, region: str) -> RunningSandbox:
    (state_dir / RECORD).unlink(missing_ok=True)
    command = [sys.executable, "-m", "deliverkit.sandbox", str(state_dir), "--port", str(port), "--region", region]
    with (state_dir / LOG).open("ab") as log:
        began = log.tell()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, close_fds=True
        )
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline:
        running = find(state_dir)
        if running is not None:
            return running
        if process.poll() is not None:
            raise LaunchError(f"the sandbox did not start: {_last_line(state_dir / LOG, began)}", _OTHER_PORT)
        time.sleep(0.02)
    process.kill()
    raise LaunchError(f"the sandbox did not start within {START_PATIENCE:.0f} s; see {state_dir / LOG}")


def _last_line(log: Path, began: int) -> str:
    lines = log.read_bytes()[began:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it ended without a word; see {log}"


def _end(running: RunningSandbox) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + STOP_PATIENCE
        while time.monotonic() < deadline:
            if not _is_alive(running):
                return
            time.sleep(0.02)
    raise LaunchError(f"process {running.pid} of the sandbox does not end")


# --- the record ------------------------------------------------------------------------------------


def _read_record(state_dir: Path) -> RunningSandbox | None:
    try:
        return RunningSandbox(**json.loads((state_dir / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_record(state_dir: Path, record: RunningSandbox) -> None:
    draft = state_dir / f"{RECORD}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
    draft.replace(state_dir / RECORD)


def _is_alive(recorded: RunningSandbox) -> bool:
    try:
        os.kill(recorded.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return recorded.started_at == ""
    return _started_at(recorded.pid) == recorded.started_at


def _started_at(pid: int) -> str:
    """Start time in clock ticks since boot; `gone` for a zombie, empty where /proc does not exist."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "gone" if Path("/proc/self/stat").exists() else ""
    fields = stat.rpartition(")")[2].split()
    return "gone" if fields[0] in {"Z", "X"} else fields[19]


def _answers(recorded: RunningSandbox) -> bool:
    try:
        ask(recorded.endpoint, "GET", "status", patience=STATUS_PATIENCE)
    except (RefusedError, OSError, ValueError):
        return False
    return True
