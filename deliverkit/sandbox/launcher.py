"""Starting, finding and stopping the sandbox's process; what `deliverkit sandbox up|down|status` call.

The process has its state directory for itself (`holding`) before it does anything there, and writes `server.json` into
it once it serves. The file names the process by id and start time, so that a process id the system has given to
somebody else is never taken for the sandbox, nor killed as one.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deliverkit.sandbox.client import RefusedError, ask
from deliverkit.sandbox.holding import LOOK_SECONDS, Process, holder, is_held
from deliverkit.sandbox.launch_errors import LaunchError, explained, require_moto
from deliverkit.sandbox.leftovers import kill_leftovers

RECORD = "server.json"
LOG = "sandbox.log"
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
START_PATIENCE = 30.0
STOP_PATIENCE = 10.0
STATUS_PATIENCE = 5.0
"""Seconds to wait for a process to serve, to end, and to answer."""


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

    @property
    def process(self) -> Process:
        """Its process."""
        return Process(self.pid, self.started_at)


def find(state_dir: Path) -> RunningSandbox | None:
    """The sandbox of a state directory; None when none serves."""
    recorded = _read_record(state_dir)
    return recorded if recorded is not None and recorded.process.is_alive and _answers(recorded) else None


def find_at(endpoint: str) -> RunningSandbox | None:
    """The sandbox of this machine that serves at an endpoint; None when none does, or somebody else."""
    if urlsplit(endpoint).hostname not in LOOPBACK:
        return None
    try:
        told = ask(endpoint.rstrip("/"), "GET", "status", patience=STATUS_PATIENCE)
        return find(Path(told["state_dir"]))
    except (RefusedError, OSError, ValueError, KeyError, TypeError):
        return None


def start(
    state_dir: Path, *, port: int | None = None, region: str = "us-east-1", fresh: bool = False
) -> RunningSandbox:
    """Start a sandbox in the background, or find the one that runs; two callers at once start one.

    It goes on from the state that an earlier one kept in the directory. Whoever is interrupted takes the process that
    was being started down again.

    Args:
        state_dir: Made when missing.
        port: TCP port on 127.0.0.1; None or 0 takes the one it had last, or a free one.
        region: Region to print for clients.
        fresh: Begin with nothing: no buckets, no instances, no history.

    Raises:
        LaunchError: If moto is not installed, the port is taken, or the process does not come up.
    """
    require_moto()
    with explained(state_dir):
        state_dir.mkdir(parents=True, exist_ok=True)
        with _alone(state_dir):
            running = _await_other(state_dir)
            if running is None:
                return _spawn(state_dir, port or 0, region, fresh=fresh)
    if fresh:
        raise LaunchError(f"a sandbox serves at {running.endpoint}", "deliverkit sandbox down")
    if port and running.endpoint.rpartition(":")[2] != str(port):
        message = f"a sandbox serves at {running.endpoint} already, not on port {port}"
        raise LaunchError(message, "deliverkit sandbox down, or leave out --port to use the one that runs")
    return running


def stop(state_dir: Path) -> bool:
    """Stop the sandbox with everything that runs inside, also one that does not serve yet; False when none ran.

    Raises:
        LaunchError: If the process does not end.
    """
    recorded = _read_record(state_dir)
    known = {holder(state_dir), recorded.process if recorded is not None else None}
    running = [process for process in known if process is not None and process.is_alive]
    for process in running:
        _end(process)
    kill_leftovers(state_dir)
    (state_dir / RECORD).unlink(missing_ok=True)
    return bool(running)


# --- the child process -----------------------------------------------------------------------------


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    with (state_dir / "launch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _await_other(state_dir: Path) -> RunningSandbox | None:
    """The sandbox that serves, once one that is starting does; None when no process has the directory."""
    deadline = time.monotonic() + START_PATIENCE
    while (running := find(state_dir)) is None and is_held(state_dir):
        if time.monotonic() >= deadline:
            raise LaunchError(f"the sandbox that has {state_dir} does not answer", "deliverkit sandbox down")
        time.sleep(LOOK_SECONDS)
    return running


def _spawn(state_dir: Path, port: int, region: str, *, fresh: bool) -> RunningSandbox:
    (state_dir / RECORD).unlink(missing_ok=True)
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "deliverkit.sandbox", str(state_dir), "--port", str(port), "--region", region]
    command += ["--tell", str(writer), *(["--fresh"] if fresh else [])]
    with (state_dir / LOG).open("ab") as log, os.fdopen(reader, "rb") as news:
        began = log.tell()
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=(writer,)
            )
        finally:
            os.close(writer)
        try:
            told = _hear(news.fileno())
        except BaseException:  # Ctrl-C above all: nobody would know of the process any more
            _take_down(process)
            raise
    if told is None:
        _take_down(process)
        raise LaunchError(f"the sandbox did not start within {START_PATIENCE:.0f} s; see {state_dir / LOG}")
    if told:
        error = json.loads(told)
        raise LaunchError(f"the sandbox did not start: {error['message']}", error["hint"])
    running = find(state_dir)
    if running is None:
        raise LaunchError(f"the sandbox did not start: {_last_line(state_dir / LOG, began)}", f"see {state_dir / LOG}")
    return running


def _hear(news: int) -> bytes | None:
    """What the process tells until it closes its end: nothing when all is well; None when it takes too long."""
    told = b""
    deadline = time.monotonic() + START_PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(news, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            part = os.read(news, 1 << 16)
            if not part:
                return told
            told += part
    return None


def _take_down(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(log: Path, began: int) -> str:
    lines = log.read_bytes()[began:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


def _end(process: Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        process.signal(number)
        if process.ends_within(STOP_PATIENCE):
            return
    raise LaunchError(f"process {process.pid} of the sandbox does not end", f"kill -9 {process.pid}")


# --- the record ------------------------------------------------------------------------------------


def write_record(state_dir: Path, record: RunningSandbox) -> None:
    """Tell where the sandbox serves, to all who look for it."""
    draft = state_dir / f"{RECORD}.{os.getpid()}"
    try:
        draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
        draft.replace(state_dir / RECORD)
    finally:
        draft.unlink(missing_ok=True)


def _read_record(state_dir: Path) -> RunningSandbox | None:
    try:
        return RunningSandbox(**json.loads((state_dir / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _answers(recorded: RunningSandbox) -> bool:
    try:
        ask(recorded.endpoint, "GET", "status", patience=STATUS_PATIENCE)
    except (RefusedError, OSError, ValueError):
        return False
    return True
