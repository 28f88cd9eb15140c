"""Runs a function once, in a process of its own, until it answers, ends or its time is over."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deliverkit.sandbox.functions.package import unpacked
from deliverkit.sandbox.functions.runtimes import command_of
from deliverkit.sandbox.moto_functions import Function

LOADING_SECONDS = 60.0
"""Lambda gives a function 10 s to be loaded; a busy machine that is not Lambda may need longer."""
_INHERITED = ("PATH", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "NODE_PATH", "TMPDIR")
MARK = "DELIVERKIT_FUNCTIONS"
"""The variable that tells a function's processes: the directory of the sandbox that runs them."""


@dataclass(frozen=True, slots=True)
class Result:
    """How an invocation went.

    Attributes:
        payload: JSON: the handler's result, or the error as Lambda describes it.
        failed: True when it is an error (`FunctionError` is then `Unhandled`).
        log: What the function printed, with Lambda's own lines around it.
        milliseconds: How long it took, in real time.
        cut_short: True when it was ended because the sandbox stops.
    """

    payload: bytes
    failed: bool
    log: bytes
    milliseconds: float
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a function finds around it.

    Attributes:
        root: The directory of all functions, below the sandbox's state.
        directory: The one of the function's account and Region.
        endpoint: The sandbox's URL.
        keys: Access key, secret and session token of its role.
        log_stream: Name of the log stream.
    """

    root: Path
    directory: Path
    endpoint: str
    keys: tuple[str, str, str]
    log_stream: str


class Running:
    """The processes of functions that run; ends them with the sandbox."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self.is_stopped = False

    def run(self, function: Function, request_id: str, event: Any, around: Surroundings) -> Result:
        """Run it and wait for its end.

        Raises:
            ApiError: `InvalidRuntimeException`, `InvalidZipFileException`.
            OSError: If no process can be started.
        """
        home = unpacked(function.code, function.digest, around.directory / "code")
        path = around.directory / "log" / function.name / f"{request_id}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with path.open("ab") as log:
            log.write(f"START RequestId: {request_id} Version: {function.version}\n".encode())
            log.flush()
            answer = self._process(function, request_id, event, around, home, log)
        milliseconds = (time.monotonic() - began) * 1000
        with path.open("ab") as log:
            log.write(_end_of_log(function, request_id, milliseconds, answer))
        payload, failed = _payload(answer)
        return Result(payload, failed, path.read_bytes(), milliseconds, cut_short=self.is_stopped)

    def stop(self) -> None:
        """End every process at once."""
        self.is_stopped = True
        with self._lock:
            for group in self._groups:
                _kill(group)

    def _process(
        self, function: Function, request_id: str, event: Any, around: Surroundings, home: Path, log: IO[bytes]
    ) -> Mapping[str, Any]:
        read, write = os.pipe()
        environment = {**_environment(function, around, home), "DELIVERKIT_FUNCTION_REPLY": str(write)}
        try:
            child = subprocess.Popen(
                command_of(function.runtime),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=home,
                env=environment,
                pass_fds=(write,),
                start_new_session=True,
            )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        self._track(child.pid)
        try:
            told = _told(function, request_id, event, around)
            threading.Thread(target=_feed, args=(child, told), daemon=True).start()
            return _answer_of(child, read, function, request_id)
        finally:
            _kill(child.pid)
            child.wait()
            with self._lock:
                self._groups.discard(child.pid)

    def _track(self, group: int) -> None:
        with self._lock:
            self._groups.add(group)
        if self.is_stopped:  # it was started while the others were being ended
            _kill(group)


def _answer_of(
    child: subprocess.Popen[bytes], descriptor: int, function: Function, request_id: str
) -> Mapping[str, Any]:
    """What the runner says, or what Lambda says when it says nothing: it ran too long, or ended by itself."""
    heard: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(descriptor, heard), daemon=True).start()
    timeout, seconds = LOADING_SECONDS, LOADING_SECONDS
    while True:
        try:
            line = heard.get(timeout=timeout)
        except queue.Empty:
            message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
            return {"error": {"errorType": "Sandbox.Timedout", "errorMessage": message}, "plain": True}
        if not line:
            status = child.wait()
            how = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
            return {"error": {"errorType": "Runtime.ExitError", "errorMessage": message}, "plain": True}
        said: dict[str, Any] = json.loads(line)
        if "loaded" not in said:
            return said
        timeout = seconds = float(function.timeout_seconds)


def _listen(descriptor: int, heard: queue.Queue[bytes]) -> None:
    with os.fdopen(descriptor, "rb") as reply:
        for line in reply:
            heard.put(line)
    heard.put(b"")


def _feed(child: subprocess.Popen[bytes], told: bytes) -> None:
    if child.stdin is not None:
        with suppress(OSError), child.stdin as stdin:  # it may end without reading
            stdin.write(told)


def _told(function: Function, request_id: str, event: Any, around: Surroundings) -> bytes:
    told = {
        "event": event,
        "handler": function.handler,
        "name": function.name,
        "version": function.version,
        "arn": function.invoked_arn,
        "memory": function.memory_megabytes,
        "timeout": function.timeout_seconds,
        "request_id": request_id,
        "log_group": function.log_group,
        "log_stream": around.log_stream,
    }
    return json.dumps(told).encode()


def _environment(function: Function, around: Surroundings, home: Path) -> dict[str, str]:
    """The function's own variables below the reserved ones (Lambda developer guide, configuration-envvars)."""
    key, secret, token = around.keys
    reserved = {
        MARK: str(around.root),
        "_HANDLER": function.handler,
        "AWS_ENDPOINT_URL": around.endpoint,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_megabytes),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": around.log_stream,
        "LAMBDA_TASK_ROOT": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
    }
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, **function.variables, **reserved}


def _payload(answer: Mapping[str, Any]) -> tuple[bytes, bool]:
    if "result" in answer:
        return str(answer["result"]).encode(), False
    return json.dumps(answer["error"]).encode(), True


def _end_of_log(function: Function, request_id: str, milliseconds: float, answer: Mapping[str, Any]) -> bytes:
    plain = f"{answer['error']['errorMessage']}\n" if answer.get("plain") else ""
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tMemory Size: {function.memory_megabytes} MB"
    )
    return f"{plain}END RequestId: {request_id}\n{report}\n".encode()


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
