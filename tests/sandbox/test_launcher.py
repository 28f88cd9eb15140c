"""Starting, finding and stopping the sandbox's process."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deliverkit.sandbox import launcher
from deliverkit.sandbox.holding import LOCK, Process, holder
from deliverkit.sandbox.launch_errors import LaunchError, explained
from deliverkit.sandbox.leftovers import MARKER, kill_leftovers


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_up_twice_is_one_and_down_twice_is_harmless(state_dir: Path) -> None:
    assert launcher.find(state_dir) is None
    first = launcher.start(state_dir)
    assert launcher.start(state_dir) == first == launcher.find(state_dir)
    assert first.endpoint.startswith("http://127.0.0.1:")
    assert launcher.stop(state_dir) is True
    assert launcher.stop(state_dir) is False
    assert launcher.find(state_dir) is None


def test_it_may_open_as_many_connections_as_the_system_allows(state_dir: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        running = launcher.start(state_dir)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    address = running.endpoint.removeprefix("http://").split(":")
    held = [socket.create_connection((address[0], int(address[1]))) for _ in range(300)]
    assert launcher.find(state_dir) == running
    for connection in held:
        connection.close()
    launcher.stop(state_dir)


def test_two_callers_at_once_start_one(state_dir: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        started = list(pool.map(lambda _: launcher.start(state_dir), range(3)))
    assert len({each.pid for each in started}) == 1
    launcher.stop(state_dir)


def test_a_port_that_is_taken_is_named(state_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LaunchError, match=f"port {port} of 127.0.0.1 cannot be used") as caught:
            launcher.start(state_dir, port=port)
    assert "--port 0" in caught.value.hint


def test_another_port_than_the_running_ones_is_refused(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    with pytest.raises(LaunchError, match="already, not on port 1"):
        launcher.start(state_dir, port=1)
    assert launcher.start(state_dir, port=int(running.endpoint.rpartition(":")[2])) == running
    launcher.stop(state_dir)


def test_a_killed_sandbox_is_not_found_and_another_one_starts(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    os.kill(running.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while launcher.find(state_dir) is not None:
        assert time.monotonic() < deadline
    again = launcher.start(state_dir)
    assert again.pid != running.pid
    launcher.stop(state_dir)


def test_a_process_id_that_was_given_to_somebody_else_is_left_alone(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    record = (state_dir / launcher.RECORD).read_text(encoding="utf-8")
    launcher.stop(state_dir)
    stranger = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    forged = record.replace(f'"pid": {running.pid}', f'"pid": {stranger.pid}')
    (state_dir / launcher.RECORD).write_text(forged, encoding="utf-8")
    assert launcher.find(state_dir) is None
    assert launcher.stop(state_dir) is False
    assert stranger.poll() is None
    stranger.communicate(b"")


def begin(*words: str, state_dir: Path) -> subprocess.Popen[str]:
    environ = {**os.environ, "DELIVERKIT_STATE_DIR": str(state_dir.parent)}
    command = [sys.executable, "-m", *words]
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def await_holder(state_dir: Path) -> Process:
    deadline = time.monotonic() + 20
    while (found := holder(state_dir)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


@pytest.fixture
def sandbox_dir(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_launch_leaves_no_process(sandbox_dir: Path, number: signal.Signals) -> None:
    launch = begin("deliverkit", "sandbox", "up", state_dir=sandbox_dir)
    server = await_holder(sandbox_dir)
    os.killpg(launch.pid, number)
    out, err = launch.communicate(timeout=30)
    assert launch.returncode == 128 + number
    assert out == "false\n"
    assert "deliverkit sandbox up" in err
    assert not server.is_alive
    assert holder(sandbox_dir) is None
    assert launcher.find(sandbox_dir) is None
    launcher.start(sandbox_dir)
    assert launcher.stop(sandbox_dir) is True


def test_a_sandbox_whose_launcher_was_killed_is_taken_over(sandbox_dir: Path) -> None:
    launch = begin("deliverkit", "sandbox", "up", state_dir=sandbox_dir)
    server = await_holder(sandbox_dir)
    launch.kill()
    launch.communicate()
    assert launcher.start(sandbox_dir).process == server
    assert launcher.stop(sandbox_dir) is True
    assert not server.is_alive


def test_a_sandbox_that_does_not_serve_yet_is_stopped(sandbox_dir: Path) -> None:
    with begin("deliverkit.sandbox", str(sandbox_dir), state_dir=sandbox_dir) as server:
        await_holder(sandbox_dir)
        assert launcher.stop(sandbox_dir) is True
        server.communicate(timeout=5)
    assert holder(sandbox_dir) is None


def test_a_directory_has_one_server(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    with begin("deliverkit.sandbox", str(state_dir), state_dir=state_dir) as second:
        _, err = second.communicate(timeout=20)
    assert (second.returncode, err) == (1, f"another sandbox has {state_dir}\n")
    assert launcher.find(state_dir) == running
    launcher.stop(state_dir)


def test_a_lock_that_nobody_holds_is_no_hindrance(state_dir: Path) -> None:
    state_dir.mkdir()
    (state_dir / LOCK).write_text("not by a sandbox", encoding="utf-8")
    assert launcher.start(state_dir) == launcher.find(state_dir)
    assert launcher.stop(state_dir) is True


@pytest.mark.parametrize("file", ["image.7", "journal.7"])
def test_a_damaged_state_is_named_with_the_way_out(state_dir: Path, file: str) -> None:
    (state_dir / "state").mkdir(parents=True)
    damaged = state_dir / "state" / file
    damaged.write_bytes((12).to_bytes(8, "big") + b"not a pickle")
    with pytest.raises(LaunchError, match=f"state/{file} cannot be read") as caught:
        launcher.start(state_dir)
    assert caught.value.hint.startswith("deliverkit sandbox up --fresh")
    assert launcher.start(state_dir, fresh=True) == launcher.find(state_dir)
    launcher.stop(state_dir)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="No space left on device") as caught, explained(tmp_path):
        Path("/dev/full").write_text("a word")
    assert caught.value.hint == f"make room on the disk that holds {tmp_path}, then deliverkit sandbox up"


def test_a_state_that_is_no_directory_is_named(state_dir: Path) -> None:
    state_dir.mkdir()
    (state_dir / "state").write_text("a file")
    with pytest.raises(LaunchError, match=f"File exists: {state_dir}/state") as caught:
        launcher.start(state_dir)
    assert "--port" not in caught.value.hint


def test_the_callers_aws_is_not_the_sandboxes(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(state_dir / "nowhere"))
    running = launcher.start(state_dir)
    assert launcher.find_at(running.endpoint) == running
    launcher.stop(state_dir)
    assert launcher.find_at(running.endpoint) is None
    assert launcher.find_at("https://sts.amazonaws.com") is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground_a_signal_ends_it_cleanly(state_dir: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "deliverkit.sandbox", str(state_dir)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "serves at" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
    assert not (state_dir / launcher.RECORD).exists()


def test_processes_that_outlived_their_sandbox_are_killed_and_no_others(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    ours = {**os.environ, MARKER: str(tmp_path / "state" / "instances" / "i-1" / "root")}
    others = {**os.environ, MARKER: str(tmp_path / "state-2" / "instances" / "i-1" / "root")}
    left = subprocess.Popen(command, stdin=subprocess.PIPE, env=ours)
    stays = subprocess.Popen(command, stdin=subprocess.PIPE, env=others)
    deadline = time.monotonic() + 5
    while kill_leftovers(tmp_path / "state") != 1:
        assert time.monotonic() < deadline
    assert left.wait(timeout=5) == -signal.SIGKILL
    assert stays.poll() is None
    stays.communicate(b"")
    left.communicate()


def test_a_record_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / launcher.RECORD).mkdir()
    with pytest.raises(IsADirectoryError):
        launcher.write_record(
            tmp_path, launcher.RunningSandbox("http://127.0.0.1:1", 1, "", str(tmp_path), "us-east-1")
        )
    assert [each.name for each in tmp_path.iterdir()] == [launcher.RECORD]
