"""Rehearsals as people type them: real processes, a sandbox of their own, faults that come along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shop import DIRECT, Shop, wait_until

from deliverkit.rehearsing.rehearsal import PREFIX


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    opened = Shop.open(Path(tmp_path_factory.mktemp("shop")), configuration=DIRECT)
    scratch = tmp_path_factory.mktemp("scratch")
    opened.environ["TMPDIR"] = str(scratch)
    opened.build("1.0.0")
    yield opened
    assert leftovers(opened) == []


def leftovers(shop: Shop) -> list[Path]:
    return list(Path(shop.environ["TMPDIR"]).glob(f"{PREFIX}*"))


def rehearse(shop: Shop, faults: str, *arguments: str, code: int = 0) -> Any:
    ran = shop.run("rehearse", "--faults", faults, "--instances", "2", "--json", *arguments, timeout=150)
    assert ran.code == code, ran
    assert ran.document["exit_code"] == code
    assert leftovers(shop) == []
    return ran.document


def test_a_throttled_promotion_succeeds_by_trying_again(shop: Shop) -> None:
    found = rehearse(shop, "throttling", "--seed", "5")
    assert (found["verdict"], found["is_right_everywhere"]) == ("succeeded", True)
    assert found["faults"]["seed"] == 5
    assert sum(each["strikes"] for each in found["faults"]["struck"]) > 0
    assert sum(found["retries"].values()) > 0
    assert [(each["stage"], each["state"]) for each in found["stages"]] == [("dev", "accepted")]
    assert {each["detail"] for each in found["targets"]} == {"serves '1.0.0'"}
    assert found["customers"][0]["requests"] > 0
    assert found["gates"][0]["passages"][0]["verdict"] == "passed"
    struck = found["faults"]["struck"][0]
    assert sum(each["times"] for each in struck["victims"]) == struck["strikes"]
    assert {each["what"].partition(":")[0] for each in struck["victims"]} == {"codedeploy"}


def test_a_host_that_is_struck_belongs_to_what_is_promoted_to(shop: Shop, tmp_path: Path) -> None:
    hang = tmp_path / "hang.yml"
    hang.write_text("faults: [{hanging-hook: {event: BeforeInstall, number: 1, for: 2s}}]", encoding="utf-8")
    other = shop.directory / "far.yml"
    text = (shop.directory / "deliverkit.yml").read_text()
    other.write_text(text + text.partition("environments:")[2].replace("dev", "far"), encoding="utf-8")
    found = rehearse(shop, str(hang), "--config", str(other), "--to", "dev", "--instances", "far=9")
    assert [each["environment"] for each in found["stages"]] == ["dev"]
    (victim,) = found["faults"]["struck"][0]["victims"]
    assert (victim["environment"], victim["of"], victim["times"], victim["is_tested"]) == ("dev", 2, 1, True)
    assert 0 <= victim["first_after_seconds"] < 5
    assert found["faults"]["untested"] == []


def test_a_promotion_that_meets_no_fault_withstood_nothing(shop: Shop, tmp_path: Path) -> None:
    late = tmp_path / "late.yml"
    late.write_text("faults: [{killed-instance: {after: 20m}}, {throttling: {service: sqs}}]", encoding="utf-8")
    found = rehearse(shop, str(late), code=1)
    assert found["verdict"] == "untested"
    assert found["faults"]["untested"] == [each["id"] for each in found["faults"]["struck"]]
    assert [(each["strikes"], each["victims"]) for each in found["faults"]["struck"]] == [(0, []), (0, [])]


def test_what_is_missing_is_told_before_anything_is_made(shop: Shop, tmp_path: Path) -> None:
    bare = tmp_path / "deliverkit.yml"
    bare.write_text((shop.directory / "deliverkit.yml").read_text().replace("build/,", "nothing/,"), encoding="utf-8")
    for arguments in (["--config", str(bare)], ["--before", "nothing"], ["--to", "moon"]):
        ran = shop.run("rehearse", "--faults", "fair-weather", *arguments)
        assert (ran.code, "serves at" in ran.err) == (2, False), ran


def test_a_fleet_that_cannot_take_the_release_needs_a_human(shop: Shop) -> None:
    found = rehearse(shop, "full-disk", "--instances", "1", code=4)
    assert found["verdict"] == "unresolved"
    assert "disk is (or was) full" in " ".join(found["stages"][0]["troubles"])
    assert [each["strikes"] for each in found["faults"]["struck"]] == [1]


def test_a_release_that_does_not_start_goes_back(shop: Shop, tmp_path: Path) -> None:
    # The scripts hang until their timeout fails the deployment; when it is rolled back they go on.
    appspec = shop.directory / "build" / "appspec.yml"
    text = appspec.read_text(encoding="utf-8")
    assert "timeout: 60" in text
    hang = tmp_path / "hang.yml"
    hang.write_text("faults: [{hanging-hook: {event: BeforeInstall, number: 9, for: 6s}}]", encoding="utf-8")
    appspec.write_text(text.replace("timeout: 60", "timeout: 4"), encoding="utf-8")
    try:
        found = rehearse(shop, str(hang), code=3)
    finally:
        appspec.write_text(text, encoding="utf-8")
    assert found["verdict"] == "rolled_back"
    assert found["is_right_everywhere"] is True
    assert {each["detail"] for each in found["targets"]} == {"serves '1.0.0-before'"}
    assert found["stages"][0]["state"] == "rolled back"
    assert "failed to complete in 4 seconds" in " ".join(found["stages"][0]["troubles"])


def test_a_lost_region_interrupts_and_the_promotion_is_resumed(shop: Shop) -> None:
    found = rehearse(shop, "lost-region", code=8)
    assert (found["verdict"], found["afterwards"]) == ("unreachable", "succeeded")
    assert found["trouble"]
    assert {each["detail"] for each in found["targets"]} == {"serves '1.0.0'"}


def test_it_touches_neither_a_running_sandbox_nor_the_projects_own_ledger(shop: Shop, tmp_path: Path) -> None:
    configuration = shop.directory / "deliverkit.yml"
    ledger = tmp_path / "ledger.db"
    other = shop.directory / "other.yml"
    # A bake of half an hour is cut short, and a window that is never open does not keep anybody from rehearsing.
    text = configuration.read_text().replace("bake_time: 1500ms", "bake_time: 30m\n    window: Mon 03:00-03:01 UTC")
    other.write_text(text + f"ledger: sqlite:///{ledger}\n", encoding="utf-8")
    before = shop.run("sandbox", "status").code
    rehearse(shop, "fair-weather", "--config", str(other), "--longest-bake", "1s")
    assert not ledger.exists()
    assert shop.run("sandbox", "status").code == before == 8


def test_what_cannot_be_rehearsed_is_told(shop: Shop) -> None:
    unknown = shop.run("rehearse", "--faults", "moon")
    assert (unknown.code, "bad-host" in unknown.err) == (2, True)
    nowhere = shop.run("rehearse", "--faults", "fair-weather", "--to", "moon")
    assert (nowhere.code, "moon" in nowhere.err) == (2, True)
    assert leftovers(shop) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_rehearsal_leaves_nothing_behind(shop: Shop, number: int, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "deliverkit", "rehearse", "--faults", "throttling"],
        cwd=shop.directory,
        env=shop.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    line = ""
    while "goes first" not in line:
        line = process.stderr.readline()
        assert line, "it ended early"
    place = leftovers(shop)[0]
    time.sleep(1)
    process.send_signal(number)
    assert process.wait(timeout=20) == code
    wait_until(lambda: not processes_of(place))
    assert leftovers(shop) == []
    process.communicate()


def processes_of(place: Path) -> list[str]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and int(each.name) != os.getpid():
            try:
                if str(place).encode() in (each / "cmdline").read_bytes():
                    found.append(each.name)
            except OSError:
                continue
    return found
