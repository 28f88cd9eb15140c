"""Hooks as real processes: which revision's script runs, with what around it, and every way to fail."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_bench import GROUP, NOW, Bench, appspec, hook, is_running, make_bench, shell, wait_for

from deliverkit.sandbox.agent.errors import AgentError, Code, ScriptError


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path / "ein Büro ☃")  # paths must neither be split nor be taken for ASCII
    yield made
    made.host.processes.kill()


def run(bench: Bench, event: str, deployment_id: str = "d-1", **changes: object) -> None:
    bench.executor.execute(event, bench.spec(deployment_id, key=deployment_id, **changes))


def failure(bench: Bench, event: str = "AfterInstall", deployment_id: str = "d-1") -> ScriptError:
    with pytest.raises(ScriptError) as raised:
        run(bench, event, deployment_id)
    return raised.value


def told(bench: Bench, deployment_id: str = "d-1") -> list[str]:
    """What the scripts printed."""
    return re.findall(r"\[stdout\](.*)", bench.script_log(deployment_id))


# --- what a script meets --------------------------------------------------------------------------------------------


def test_the_variables_of_a_script(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    tree = {"appspec.yml": hook("AfterInstall", "location: env.sh"), "env.sh": shell("env")}
    bench.shelf.put("d-1", b"")
    bench.download(tree, revision={})
    bench.executor.execute(
        "AfterInstall", bench.spec("arn:aws:codedeploy:us-east-1:1:deployment/d-1", key="k", revision={"ETag": "abc"})
    )
    found = dict(line.split("=", 1) for line in told(bench))
    for name in ("PWD", "SHLVL", "_", "OLDPWD"):  # the shell's own
        found.pop(name, None)
    assert found.pop("PATH").startswith("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:")
    assert found == {
        "LIFECYCLE_EVENT": "AfterInstall",
        "DEPLOYMENT_ID": "d-1",
        "APPLICATION_NAME": "storefront",
        "DEPLOYMENT_GROUP_NAME": "storefront-dev",
        "DEPLOYMENT_GROUP_ID": GROUP,
        "BUNDLE_BUCKET": "releases",
        "BUNDLE_KEY": "k",
        "BUNDLE_ETAG": "abc",
        "DELIVERKIT_INSTANCE_ID": bench.host.instance_id,
        "DELIVERKIT_INSTANCE_ROOT": str(bench.root),
        "DELIVERKIT_INSTANCE_ADDRESS": "127.0.0.1",
        "HOME": str(bench.root),
        "LANG": "C.UTF-8",
    }


@pytest.fixture
def _something_on_stdin() -> Iterator[None]:
    reader, writer = os.pipe()
    kept = os.dup(0)
    os.dup2(reader, 0)
    os.write(writer, b"typed at the sandbox's terminal\n")
    os.close(writer)
    yield
    os.dup2(kept, 0)
    os.close(kept)
    os.close(reader)


@pytest.mark.usefixtures("_something_on_stdin")
def test_the_surroundings_of_a_script(bench: Bench) -> None:
    script = shell(
        "pwd", "cat", "echo end of input", 'ps -o pgid= -o sess= -p $$; echo "$$"', "ls -l /proc/$$/fd | wc -l"
    )
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": script})
    run(bench, "AfterInstall")
    where, end, group, own, files = told(bench)
    assert where == str(bench.root)
    assert end == "end of input"
    assert group.split() == [own, own]  # leader of its own group and session
    assert int(files) <= 6  # a heading, three streams, the script itself


def test_the_scripts_of_an_event_run_in_order_until_one_fails(bench: Bench) -> None:
    entries = ["location: a.sh", "location: b.sh", "location: c.sh"]
    tree = {"appspec.yml": hook("AfterInstall", *entries)}
    tree |= {"a.sh": shell("echo a"), "b.sh": shell("echo b; exit 3"), "c.sh": shell("echo c")}
    bench.download(tree)
    error = failure(bench)
    assert (error.code, error.script) == (Code.SCRIPT_FAILED, "b.sh")
    assert str(error) == "Script at specified location: b.sh failed with exit code 3"
    assert told(bench) == ["a", "b"]


def test_the_format_of_the_logs(bench: Bench) -> None:
    script = shell("echo out", "echo err >&2", "printf unfinished")
    bench.download({"appspec.yml": hook("AfterInstall", "location: ./s/a.sh"), "s/a.sh": script})
    run(bench, "AfterInstall")
    stamp = NOW.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    lines = bench.script_log().splitlines()
    assert lines[:2] == [f"{stamp} LifecycleEvent - AfterInstall", f"{stamp} Script - ./s/a.sh"]
    # two pipes: their order is not kept
    assert sorted(lines[2:]) == [f"{stamp} [stderr]err", f"{stamp} [stdout]out", f"{stamp} [stdout]unfinished"]
    shared = bench.root / "opt/codedeploy-agent/deployment-root/deployment-logs/codedeploy-agent-deployments.log"
    assert shared.read_text().splitlines()[0] == f"[{stamp}.678] [d-1]LifecycleEvent - AfterInstall"


def test_an_events_log_is_added_to_the_deployments(bench: Bench) -> None:
    spec = appspec("hooks: {AfterInstall: [{location: a.sh}], ApplicationStart: [{location: a.sh}]}\n")
    bench.download({"appspec.yml": spec, "a.sh": shell('echo "$LIFECYCLE_EVENT"')})
    run(bench, "AfterInstall")
    run(bench, "ApplicationStart")
    assert told(bench) == ["AfterInstall", "ApplicationStart"]


def test_output_that_is_no_text_is_logged_all_the_same(bench: Bench) -> None:
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell(r"printf 'a\377b\n'")})
    run(bench, "AfterInstall")
    assert told(bench) == ["a\N{REPLACEMENT CHARACTER}b"]


def test_diagnostics_carry_the_last_2048_characters(bench: Bench) -> None:
    script = shell("i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done; exit 1")
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": script})
    error = failure(bench)
    assert len(error.log) == 2048
    assert error.log.endswith("[stdout]line 398\n[stdout]line 399\n")
    assert len(told(bench)) == 400  # the file has everything


def test_output_without_line_ends_is_logged_in_pieces(bench: Bench) -> None:
    script = shell("head -c 5000000 /dev/zero | tr '\\0' x")
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": script})
    run(bench, "AfterInstall")
    pieces = told(bench)
    assert sum(len(piece) for piece in pieces) == 5_000_000
    assert set("".join(pieces)) == {"x"}
    assert max(len(piece) for piece in pieces) < 1_200_000


def test_the_log_of_all_deployments_is_rotated(bench: Bench) -> None:
    log = bench.host.layout.deployments_log
    log.parent.mkdir(parents=True)
    for number in range(7):
        log.with_name(f"{log.name}.{number}").write_text(f"was {number}")
    with log.open("w") as full:
        full.truncate(64 * 1024 * 1024 + 1)
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell("echo x")})
    run(bench, "AfterInstall")
    assert log.read_text().endswith("[stdout]x\n")
    assert log.stat().st_size < 1000
    names = [log.name, *(f"{log.name}.{number}" for number in range(7))]
    assert sorted(path.name for path in log.parent.iterdir()) == names
    assert log.with_name(f"{log.name}.0").stat().st_size == 64 * 1024 * 1024 + 1
    assert [log.with_name(f"{log.name}.{number}").read_text() for number in range(1, 7)] == [
        f"was {number}" for number in range(6)
    ]


def test_a_short_log_is_whole(bench: Bench) -> None:
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell("echo x; exit 1")})
    assert failure(bench).log == "LifecycleEvent - AfterInstall\nScript - a.sh\n[stdout]x\n"


# --- how scripts fail -----------------------------------------------------------------------------------------------


def test_a_missing_script_is_code_1(bench: Bench) -> None:
    bench.download({"appspec.yml": hook("AfterInstall", "location: gone.sh")})
    error = failure(bench)
    assert (error.code, error.script) == (Code.SCRIPT_MISSING, "gone.sh")
    assert str(error).endswith(f"/{GROUP}/d-1/deployment-archive/gone.sh")


def test_a_location_with_arguments_is_a_missing_script(bench: Bench) -> None:
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh now"), "a.sh": shell("exit 0")})
    assert failure(bench).code is Code.SCRIPT_MISSING


def test_a_location_with_a_blank_is_split_even_when_the_file_exists(bench: Bench) -> None:
    tree = {"appspec.yml": hook("AfterInstall", "location: a b.sh"), "a b.sh": shell("exit 0")}
    bench.download(tree)
    error = failure(bench)
    assert error.code is Code.SCRIPT_FAILED
    assert "No such file or directory" in str(error)


def test_a_location_that_climbs_out_of_the_archive_stays_in_the_instance(bench: Bench) -> None:
    tree = {"appspec.yml": hook("AfterInstall", f"location: {'../' * 20}bin/sh")}
    bench.download(tree)
    assert failure(bench).code is Code.SCRIPT_MISSING  # the machine has a /bin/sh, the instance has none


def test_a_script_that_is_not_executable_is_made_so(bench: Bench) -> None:
    tree = {"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": (shell("echo ran")[0], 0o644)}
    bench.download(tree)
    run(bench, "AfterInstall")
    assert told(bench) == ["ran"]


def test_a_script_that_may_not_be_made_executable_is_code_2(bench: Bench, tmp_path: Path) -> None:
    machines_own = tmp_path / "machines-own.sh"
    machines_own.write_text(shell("exit 0")[0])
    machines_own.chmod(0o644)
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh")})
    (bench.archive() / "a.sh").symlink_to(machines_own)
    error = failure(bench)
    assert (error.code, error.script) == (Code.SCRIPT_NOT_EXECUTABLE, "a.sh")
    assert stat.S_IMODE(machines_own.stat().st_mode) == 0o644


def test_a_script_without_shebang_is_run_by_the_shell(bench: Bench) -> None:
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": ("echo plain $0\n", 0o755)})
    run(bench, "AfterInstall")
    assert told(bench) == [f"plain {bench.archive() / 'a.sh'}"]


def test_an_interpreter_that_does_not_exist_is_code_4(bench: Bench) -> None:
    tree = {"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": ("#!/bin/sh\r\nexit 0\r\n", 0o755)}
    bench.download(tree)
    error = failure(bench)
    assert error.code is Code.SCRIPT_FAILED
    assert "failed with error No such file or directory" in str(error)


def test_a_script_that_is_killed_is_code_4(bench: Bench) -> None:
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell("kill -KILL $$")})
    error = failure(bench)
    assert error.code is Code.SCRIPT_FAILED
    assert str(error) == "Script at specified location: a.sh failed with exit code "


def test_a_timeout_is_code_3_and_terminates_the_whole_group(bench: Bench) -> None:
    script = shell("sleep 600 &", 'echo "$! $$"', "wait")
    bench.download({"appspec.yml": hook("AfterInstall", "{location: a.sh, timeout: 1}"), "a.sh": script})
    began = time.monotonic()
    error = failure(bench)
    assert 1.0 <= time.monotonic() - began < 20
    assert error.code is Code.SCRIPT_TIMED_OUT
    assert str(error) == "Script at specified location: a.sh failed to complete in 1 seconds"
    child, own = map(int, told(bench)[0].split())
    wait_for(lambda: not is_running(child) and not is_running(own), "the end of the group")


def test_a_script_may_use_sigterm_to_clean_up_after_a_timeout(bench: Bench) -> None:
    script = shell("trap 'touch \"$DELIVERKIT_INSTANCE_ROOT/cleaned\"; exit 0' TERM", "sleep 600 & wait")
    bench.download({"appspec.yml": hook("AfterInstall", "{location: a.sh, timeout: 1}"), "a.sh": script})
    assert failure(bench).code is Code.SCRIPT_TIMED_OUT
    assert (bench.root / "cleaned").exists()


def test_a_script_that_ignores_sigterm_holds_the_agent_up_until_the_instance_goes(bench: Bench) -> None:
    script = shell("trap '' TERM", "sleep 600")
    bench.download({"appspec.yml": hook("AfterInstall", "{location: a.sh, timeout: 1}"), "a.sh": script})
    errors: list[ScriptError] = []
    thread = threading.Thread(target=lambda: errors.append(failure(bench)))
    thread.start()
    thread.join(2.0)
    assert thread.is_alive()
    bench.host.processes.kill()
    thread.join(30)
    assert [error.code for error in errors] == [Code.SCRIPT_TIMED_OUT]


def test_a_background_process_that_holds_the_output_open_is_code_6(bench: Bench) -> None:
    script = shell("sleep 600 2>/dev/null &", 'echo "$!"', "exit 0")
    bench.download({"appspec.yml": hook("AfterInstall", "{location: a.sh, timeout: 1}"), "a.sh": script})
    error = failure(bench)
    assert error.code is Code.OUTPUTS_LEFT_OPEN
    assert str(error) == "Script at specified location: a.sh failed to close STDOUT"
    assert is_running(int(told(bench)[0]))  # it is not killed


def test_a_background_process_without_the_output_is_left_running(bench: Bench) -> None:
    script = shell("setsid sleep 600 </dev/null >/dev/null 2>&1 &", 'echo "$!"')
    bench.download({"appspec.yml": hook("AfterInstall", "{location: a.sh, timeout: 5}"), "a.sh": script})
    began = time.monotonic()
    run(bench, "AfterInstall")
    assert time.monotonic() - began < 4
    assert is_running(int(told(bench)[0]))


def test_late_output_of_a_background_process_is_awaited(bench: Bench) -> None:
    script = shell("(sleep 0.3; echo late) &", "echo early")
    bench.download({"appspec.yml": hook("AfterInstall", "{location: a.sh, timeout: 30}"), "a.sh": script})
    run(bench, "AfterInstall")
    assert told(bench) == ["early", "late"]


def test_a_script_that_is_still_open_for_writing_is_tried_again(bench: Bench) -> None:
    # So it looks when a process that another agent thread is just starting holds a copy of the descriptor.
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell("echo ran")})
    held = (bench.archive() / "a.sh").open("a")
    release = threading.Timer(0.2, held.close)
    release.start()
    run(bench, "AfterInstall")
    release.join()
    assert told(bench) == ["ran"]


# --- runas and sudo -------------------------------------------------------------------------------------------------


def test_runas_the_own_user_and_sudo_run_plainly_and_say_so(bench: Bench) -> None:
    entry = f"{{location: a.sh, runas: {getpass.getuser()}, sudo: true}}"
    bench.download({"appspec.yml": hook("AfterInstall", entry), "a.sh": shell("id -un; echo $LIFECYCLE_EVENT")})
    run(bench, "AfterInstall")
    assert told(bench) == [getpass.getuser(), "AfterInstall"]
    log = bench.script_log()
    assert "Note - sudo: run as the sandbox's own user" in log
    assert f"Note - runas {getpass.getuser()}: run as the sandbox's own user, {getpass.getuser()}" in log


def test_runas_another_user(bench: Bench) -> None:
    entry = "{location: a.sh, runas: nobody-has-this-name}"
    bench.download({"appspec.yml": hook("AfterInstall", entry), "a.sh": shell("id -un")})
    if os.geteuid() == 0 and shutil.which("su"):  # root switches, and such a user does not exist
        error = failure(bench)
        assert error.code is Code.SCRIPT_FAILED
        assert str(error).startswith("Script at specified location: a.sh run as user nobody-has-this-name failed")
    else:
        run(bench, "AfterInstall")
        assert told(bench) == [getpass.getuser()]


# --- which revision -------------------------------------------------------------------------------------------------


def all_hooks(name: str) -> dict[str, str | tuple[str, int]]:
    events = ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "BeforeInstall", "AfterInstall"]
    events += ["ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic"]
    lines = "".join(f"  {event}:\n    - location: a.sh\n" for event in events)
    return {"appspec.yml": appspec(f"hooks:\n{lines}"), "a.sh": shell(f'echo "{name} $LIFECYCLE_EVENT $DEPLOYMENT_ID"')}


@pytest.mark.parametrize("event", ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"])
def test_the_events_before_the_download_run_the_installed_revisions_script(bench: Bench, event: str) -> None:
    spec = bench.spec("d-1", key="d-1")
    assert bench.executor.is_noop(event, spec)
    bench.executor.execute(event, spec)  # no earlier revision: nothing happens
    assert not (bench.directory() / "logs").exists()

    bench.install(all_hooks("first"), "d-1")
    run(bench, event, "d-2")
    assert told(bench, "d-2") == [f"first {event} d-2"]  # in the new deployment's log, with its variables


@pytest.mark.parametrize(
    "event", ["BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService", "BeforeAllowTraffic"]
)
def test_the_other_events_run_the_new_revisions_script(bench: Bench, event: str) -> None:
    bench.install(all_hooks("first"), "d-1")
    bench.download(all_hooks("second"), "d-2")
    run(bench, event, "d-2")
    assert told(bench, "d-2") == [f"second {event} d-2"]


def test_installed_means_that_the_install_command_succeeded_not_the_deployment(bench: Bench) -> None:
    bench.install(all_hooks("good"), "d-1")
    bad = {**all_hooks("bad"), "a.sh": shell('echo "bad $LIFECYCLE_EVENT"', '[ "$LIFECYCLE_EVENT" != AfterInstall ]')}
    bench.install(bad, "d-2")
    assert failure(bench, "AfterInstall", "d-2").code is Code.SCRIPT_FAILED
    run(bench, "ApplicationStop", "d-3")
    assert told(bench, "d-3") == ["bad ApplicationStop"]


def test_a_revision_that_was_only_downloaded_does_not_count(bench: Bench) -> None:
    bench.install(all_hooks("installed"), "d-1")
    bench.download(all_hooks("downloaded"), "d-2")
    run(bench, "ApplicationStop", "d-3")
    assert told(bench, "d-3") == ["installed ApplicationStop d-3"]


def test_once_the_new_revision_is_unpacked_even_applicationstop_is_its_own(bench: Bench) -> None:
    bench.install(all_hooks("installed"), "d-1")
    bench.download(all_hooks("new"), "d-2")
    run(bench, "ApplicationStop", "d-2")
    assert told(bench, "d-2") == ["new ApplicationStop d-2"]


def test_the_traffic_events_of_a_blue_green_rollback_look_back(bench: Bench) -> None:
    bench.install(all_hooks("installed"), "d-1")
    bench.download(all_hooks("downloaded"), "d-2")
    rollback = {"DeploymentCreator": "codeDeployRollback", "DeploymentType": "BLUE_GREEN"}
    for event in ("BeforeBlockTraffic", "AfterBlockTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"):
        run(bench, event, "d-3", **rollback)
    assert [line.split()[0] for line in told(bench, "d-3")] == ["downloaded", "downloaded", "installed", "installed"]


# --- no-ops ---------------------------------------------------------------------------------------------------------


def test_an_event_without_scripts_is_a_noop(bench: Bench) -> None:
    spec = bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh")})
    answers = {event: bench.executor.is_noop(event, spec) for event in ("BeforeInstall", "AfterInstall")}
    assert answers == {"BeforeInstall": True, "AfterInstall": False}
    assert not bench.executor.is_noop("DownloadBundle", spec)
    assert not bench.executor.is_noop("Install", spec)
    bench.executor.execute("BeforeInstall", spec)
    assert not (bench.directory() / "logs").exists()


def test_a_broken_appspec_shows_at_the_first_event_that_reads_it(bench: Bench) -> None:
    spec = bench.download({"appspec.yml": "version: 2.0\nos: linux\n"})
    with pytest.raises(AgentError, match="invalid version value"):
        bench.executor.is_noop("BeforeInstall", spec)


def test_an_unknown_command_fails(bench: Bench) -> None:
    spec = bench.spec()
    assert bench.executor.is_noop("AfterInstal", spec)
    with pytest.raises(AgentError, match=r"Unsupported command type: AfterInstal\."):
        bench.executor.execute("AfterInstal", spec)


# --- the end of the instance ----------------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path, bench: Bench) -> Iterator[Bench]:
    """An instance of another sandbox that happens to have the same id."""
    made = make_bench(tmp_path / "other", instance_id=bench.host.instance_id)
    yield made
    made.host.processes.kill()


def test_killing_an_instance_reaches_every_process_and_no_stranger(bench: Bench, other: Bench) -> None:
    script = shell(
        "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!",
        "(sleep 600 </dev/null >/dev/null 2>&1 & echo $!)",
        "env -i sleep 600 </dev/null >/dev/null 2>&1 & echo $!",
    )
    for each in (bench, other):
        each.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": script})
        run(each, "AfterInstall")
    own, others = [int(pid) for pid in told(bench)], [int(pid) for pid in told(other)]
    assert len(own) == len(others) == 3
    bench.host.processes.kill()
    wait_for(lambda: not any(map(is_running, own)), "the end of the processes")
    assert all(map(is_running, others))
    other.host.processes.kill()
    wait_for(lambda: not any(map(is_running, others)), "the end of the others")


def test_no_script_starts_on_an_instance_that_was_killed(bench: Bench) -> None:
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell("exit 0")})
    bench.host.processes.kill()
    assert "the instance is shut down" in str(failure(bench))


def test_killing_ends_a_process_that_ignores_every_polite_signal(bench: Bench) -> None:
    script = shell("trap '' TERM INT HUP", "echo $$", "exec sleep 600")
    bench.download({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": script})
    thread = threading.Thread(target=failure, args=(bench,))
    thread.start()
    log = bench.directory() / "logs/scripts.log"
    wait_for(lambda: log.exists() and "[stdout]" in log.read_text(), "the script's start")
    os.kill(int(told(bench)[0]), signal.SIGTERM)
    bench.host.processes.kill()
    thread.join(30)
    assert not thread.is_alive()
