"""Serving in this process: what the sandbox's own process does from its first moment to its last."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from deliverkit.sandbox.agent.removal import remove_tree
from deliverkit.sandbox.holding import Process, held
from deliverkit.sandbox.launch_errors import PortError, explained, require_moto
from deliverkit.sandbox.launcher import RECORD, RunningSandbox, write_record
from deliverkit.sandbox.leftovers import kill_leftovers

if TYPE_CHECKING:
    from deliverkit.sandbox.server import Sandbox

PORT = "port"
MOST_FILES = 65536
"""Open files and connections of a sandbox, as far as the system allows."""


def serve(
    state_dir: Path,
    *,
    port: int = 0,
    region: str = "us-east-1",
    fresh: bool = False,
    announce: Callable[[str], None],
) -> None:
    """Serve in this process until SIGTERM or SIGINT.

    Args:
        state_dir: Made when missing.
        port: TCP port on 127.0.0.1; 0 takes the one it had last, or a free one.
        region: Region to print for clients.
        fresh: Begin with nothing.
        announce: Hears a line once it serves.

    Raises:
        LaunchError: If moto is not installed, the port cannot be had, or what is in the directory cannot be used.
    """
    require_moto()
    _leave_callers_aws()
    _allow_many_files()
    with ExitStack() as until_the_end:
        with explained(state_dir):
            state_dir.mkdir(parents=True, exist_ok=True)
            state_dir = state_dir.resolve()
            until_the_end.enter_context(held(state_dir))
            if fresh:
                _forget(state_dir)
            wait = until_the_end.enter_context(_until_signal())
            sandbox = _make(state_dir, port, region)
            sandbox.start()
            until_the_end.callback(sandbox.stop)
            until_the_end.callback((state_dir / RECORD).unlink, missing_ok=True)
            (state_dir / PORT).write_text(str(sandbox.port), encoding="utf-8")
            own = Process.own()
            write_record(state_dir, RunningSandbox(sandbox.endpoint, own.pid, own.started_at, str(state_dir), region))
        announce(f"the sandbox serves at {sandbox.endpoint}")
        wait()


def _leave_callers_aws() -> None:
    """Forget the profile, keys and endpoints of whoever starts the sandbox; so do all processes that it starts.

    They may be of a real account, or name a profile that does not exist here, at which botocore gives up.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)


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

    last = _last_port(state_dir) if port == 0 else None
    if last is not None:
        with suppress(PortError):
            return Sandbox(state_dir, port=last, region=region, keeps_state=True)
    return Sandbox(state_dir, port=port, region=region, keeps_state=True)


def _last_port(state_dir: Path) -> int | None:
    try:
        return int((state_dir / PORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _forget(state_dir: Path) -> None:
    """Remove everything that an earlier sandbox kept, its instances' disks included."""
    kill_leftovers(state_dir)
    for entry in state_dir.iterdir():
        if entry.is_dir():
            remove_tree(entry)


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
