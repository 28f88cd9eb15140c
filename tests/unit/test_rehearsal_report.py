"""Whom the faults of a rehearsal struck, and what a report makes of faults that the promotion did not meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deliverkit.cli.rehearsal_text import rehearsal_text
from deliverkit.errors import ExitCode
from deliverkit.rehearsing.performance import UNDER_WAY, Performance, Stage
from deliverkit.rehearsing.report import Report
from deliverkit.rehearsing.striking import whom_they_struck
from deliverkit.rehearsing.targets import Place

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
PLACES = {"i-dev": Place("dev", 2, 2), "i-live": Place("live", 1, 3)}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def fault(number: int, kind: str, strikes: int = 0, **settings: Any) -> dict[str, Any]:
    shown = {"id": f"f-{number}", "kind": kind, "strikes": strikes, "added_at": NOON.isoformat()}
    return {**shown, "state": "active", "settings": settings}


def strike(number: int, what: str, seconds: float) -> dict[str, Any]:
    return {"at": at(seconds).isoformat(), "fault": f"f-{number}", "what": what, "region": "us-east-1"}


def report(faults: list[Any], strikes: list[Any], *stages: Stage, code: ExitCode = ExitCode.DONE) -> Report:
    struck = whom_they_struck(faults, strikes, PLACES, stages)
    return Report(
        faults="some.yml",
        seed=1,
        version="2",
        before="1",
        performance=Performance(list(stages), exit_code=code),
        afterwards=None,
        seconds=20,
        struck=struck,
        retries={},
        services=(),
        standings=(),
    )


DEV = Stage("dev", "dev", at(0), at(10), "accepted")
LIVE = Stage("live", "live", at(12), at(20), "accepted")


def test_strikes_are_told_by_victim() -> None:
    faults = [fault(1, "throttling", 3, probability=0.5), fault(2, "killed-instance", 1)]
    strikes = [strike(1, "s3:GetObject", 1), strike(2, "i-dev", 2), strike(1, "s3:GetObject", 4.5)]
    strikes.append(strike(1, "codedeploy:GetDeployment", 5))
    found = report(faults, strikes, DEV, LIVE)
    document: Any = found.document()["faults"]
    told = [(v["what"], v["times"], v["first_after_seconds"], v["last_after_seconds"]) for v in victims(document, 0)]
    assert told == [("s3:GetObject", 2, 1.0, 4.5), ("codedeploy:GetDeployment", 1, 5.0, 5.0)]
    (host,) = victims(document, 1)
    assert (host["environment"], host["number"], host["of"], host["first_at"]) == ("dev", 2, 2, at(2).isoformat())
    assert (document["untested"], found.exit_code) == ([], ExitCode.DONE)
    text = rehearsal_text(found)
    assert "dev 2 of 2 (i-dev)" in text
    assert "2 times from 1.0 s to 4.5 s (12:00:01 UTC)" in text
    assert "tested" not in text


def victims(document: Any, index: int) -> list[Any]:
    found: list[Any] = document["struck"][index]["victims"]
    return found


@pytest.mark.parametrize(
    ("lasts", "stages", "is_tested"),
    [
        (5, (DEV, LIVE), False),  # it was mended before anything was deployed there
        (15, (DEV, LIVE), True),
        (None, (DEV, LIVE), True),
        (None, (DEV,), False),
        (5, (DEV, Stage("live", "live", at(1), at(1), UNDER_WAY)), True),
        (5, (DEV, Stage("live", "live", at(0), at(1), "failed")), False),
    ],
)
def test_a_host_counts_when_something_was_deployed_there_meanwhile(
    lasts: float | None, stages: tuple[Stage, ...], is_tested: bool
) -> None:
    settings = {} if lasts is None else {"for": lasts}
    found = report([fault(1, "killed-instance", 1, **settings)], [strike(1, "i-live", 2)], *stages)
    assert found.struck[0].is_tested is is_tested
    assert (found.verdict == "untested", found.exit_code == ExitCode.FAILED) == (not is_tested, not is_tested)
    assert ("nothing was deployed there meanwhile" in rehearsal_text(found)) is not is_tested


def test_a_report_that_met_some_faults_names_the_others() -> None:
    found = report([fault(1, "throttling", 1), fault(2, "full-disk")], [strike(1, "s3:GetObject", 1)], DEV)
    assert (found.exit_code, found.document()["faults"]["untested"]) == (ExitCode.DONE, ["f-2"])
    assert "not tested: the promotion did not meet full-disk" in rehearsal_text(found)
    assert "full-disk: struck nobody" in rehearsal_text(found)


def test_fair_weather_and_a_promotion_that_failed_anyway_keep_their_exit_codes() -> None:
    calm = report([fault(1, "latency", probability=0)], [], DEV)
    assert (calm.exit_code, calm.untested) == (ExitCode.DONE, ())
    failed = report([fault(1, "full-disk")], [], DEV, code=ExitCode.ROLLED_BACK)
    assert failed.exit_code == ExitCode.ROLLED_BACK
    assert "NOTHING WAS TESTED: the promotion met no fault (full-disk)" in rehearsal_text(failed)
