"""What `deliverkit gate judge` decides: the verdict, its exit code, one verdict for each look."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from series_files import EXAMPLES, Desk, Ran, gate, rows

ANCHOR = (0, 0.048, 0, 0.18, 0.089, 0, 0.098, 0.035, 0, 0)
"""A candidate that a rank test on rates passes beside ten zeros."""
COUNTED = tuple(round(1000 * each) for each in ANCHOR)


@pytest.fixture
def desk(tmp_path: Path, own_signals: None) -> Desk:
    return Desk(tmp_path)


def example(name: str, *words: str) -> Ran:
    return gate("judge", *(str(EXAMPLES / f"{name}-{arm}.csv") for arm in ("baseline", "candidate")), *words)


# --- verdicts --------------------------------------------------------------------------------------


def test_errors_beside_a_baseline_without_any_fail_before_the_end(own_signals: None) -> None:
    ran = example("zeros", "--output", "json")
    document = ran.document
    assert (ran.code, document["verdict"]) == (1, "failed")
    verdicts = [look["verdict"] for look in document["looks"]]
    first = verdicts.index("failed")
    assert 1 <= first <= 7
    assert verdicts == ["inconclusive"] * first + ["failed"] * (10 - first)
    assert document["failed_at"] == document["looks"][first]["at"]


def test_rates_of_the_same_with_their_requests_come_to_the_same(desk: Desk) -> None:
    zeros = rows(*[0] * 10)
    counted, shares = desk.document(zeros, rows(*COUNTED)), desk.document(zeros, rows(*ANCHOR))
    assert shares["looks"] == counted["looks"]


def test_equal_arms_pass_and_two_of_zeros_never_fail(desk: Desk) -> None:
    ran = example("equal", "--output", "json")
    assert (ran.code, ran.document["verdict"]) == (0, "passed")
    zeros = desk.document(rows(*[0] * 100), rows(*[0] * 100))
    assert zeros["verdict"] == "passed"
    assert {look["verdict"] for look in zeros["looks"][:-1]} == {"inconclusive"}


def test_harm_that_begins_late_fails_after_it_began(own_signals: None) -> None:
    document = example("late", "--output", "json").document
    assert document["verdict"] == "failed"
    assert "2026-11-05T12:07:30Z" <= document["failed_at"] <= "2026-11-05T12:08:30Z"


def test_too_few_requests_are_neither_and_a_release_waits(desk: Desk) -> None:
    ran = desk.judge(rows(0, 0, 0, n=5), rows(0, 0, 0, n=5), "--output", "json")
    assert (ran.code, ran.document["verdict"]) == (5, "inconclusive")
    assert ran.document["numbers"]["requests_missing"] > 0


def test_no_margin_no_pass(desk: Desk) -> None:
    many = rows(*[0] * 100)
    assert desk.document(many, many, "--harm", "0")["verdict"] == "inconclusive"
    assert "rule        nothing passes" in desk.judge(many, many, "--harm", "0").out


@pytest.mark.parametrize("empty", ["", "at,value,n\n", "\n\n", "0,0,0\n5,0,0\n"])
@pytest.mark.parametrize("kind", ["errors", "count", "latency"])
def test_an_arm_without_data_never_passes(desk: Desk, empty: str, kind: str) -> None:
    full = rows(*[0] * 100)
    for arms in ((full, empty), (empty, full), (empty, empty)):
        ran = desk.judge(*arms, "--kind", kind, "--output", "json")
        assert (ran.code, ran.document["verdict"]) == (2, "error"), arms
        assert "o data" in ran.document["reason"]


def test_tolerated_harm_does_not_fail(desk: Desk) -> None:
    old, new = rows(*[10] * 60), rows(*[40] * 60)
    assert desk.document(old, new)["verdict"] == "failed"
    assert desk.document(old, new, "--tolerate", "5%")["verdict"] != "failed"


def test_harm_is_found_sooner_where_bursts_are_known_to_be_none(own_signals: None) -> None:
    learned, known = (example("zeros", *words, "--output", "json").document for words in ((), ("--dispersion", "1")))
    assert known["failed_at"] < learned["failed_at"]
    assert (learned["dispersion"], known["dispersion"]) == (None, 1.0)


def test_fewer_errors_than_before_pass(desk: Desk) -> None:
    assert desk.document(rows(*[40] * 60), rows(*[10] * 60))["verdict"] == "passed"


# --- kinds -----------------------------------------------------------------------------------------


def test_events_without_requests_are_compared_by_the_split(desk: Desk) -> None:
    old, new = rows(*[90] * 60, n=None), rows(*[10] * 60, n=None)
    doubled = rows(*[20] * 60, n=None)
    words = ("--kind", "count", "--split", "10:90")
    assert desk.document(old, doubled, *words)["verdict"] == "failed"
    assert desk.document(old, new, *words)["verdict"] != "failed"
    assert desk.document(old, new, "--kind", "count", "--split", "1:99")["verdict"] == "failed"


def test_a_split_of_the_traffic_that_nobody_named_is_told(desk: Desk) -> None:
    old, new = rows(*[90] * 40, n=None), rows(*[20] * 40, n=None)
    assumed, named = (desk.judge(old, new, "--kind", "count", *words) for words in ((), ("--split", "50:50")))
    told = " ".join(assumed.out.split())
    assert "; traffic 50:50 (assumed; --split)" in told
    assert "warning The candidate has 800 events and the baseline 3,600; nobody said how the traffic is split" in told
    assert "; traffic 50:50 candidate" in " ".join(named.out.split())
    assert "warning" not in named.out
    document = desk.document(old, new, "--kind", "count")
    assert document["split_assumed"]
    assert "--split CANDIDATE:BASELINE" in document["warnings"][-1]
    alike = desk.document(old, old, "--kind", "count")
    assert (alike["split_assumed"], alike["warnings"]) == (True, [])


def test_a_number_of_events_is_no_margin_of_shares(desk: Desk) -> None:
    ran = desk.judge(rows(*[1] * 20), rows(*[1] * 20), "--kind", "count", "--harm", "0.5")
    assert (ran.code, ran.out) == (2, "")
    assert "--harm 0.5 is a number of events, and with a column n they are compared as shares of n" in ran.err


def test_a_split_that_changes_nothing_is_told(desk: Desk) -> None:
    ran = desk.judge(rows(*[1] * 20), rows(*[1] * 20), "--split", "10:90")
    assert "note: --split changes nothing here" in ran.err


def test_an_empty_file_is_told_without_notes_about_its_rows_and_with_the_next_step(desk: Desk) -> None:
    ran = desk.judge("", rows(0, 0, n=None))
    assert ran.code == 2
    assert ran.err.startswith("  next: export both series")
    assert "baseline.csv has no rows" in " ".join(ran.out.split())


def test_slow_is_said_with_its_limit(desk: Desk) -> None:
    times = rows(*[0.1, 0.2, 0.3] * 10, n=None)
    limited = desk.judge(times, times, "--kind", "latency", "--slower-than", "250ms")
    assert "10 of 30 requests were slower than 250 ms (33.3 %)" in " ".join(limited.out.split())
    whole = desk.judge(times, times, "--kind", "latency")
    assert "requests were slower than 95 % of earlier ones (" in " ".join(whole.out.split())


def test_events_may_be_halved_to_pass(desk: Desk) -> None:
    old, new = rows(*[60] * 60, n=None), rows(*[30] * 60, n=None)
    assert desk.document(old, new, "--kind", "count", "--harm", "20%")["verdict"] == "passed"


def test_more_slow_requests_fail_whatever_their_unit(desk: Desk) -> None:
    old = "".join(f"{at},0.1,95\n{at},0.5,5\n" for at in range(0, 300, 5))
    new = "at,latency_ms,n\n" + "".join(f"{at},100,85\n{at},500,15\n" for at in range(0, 300, 5))
    same = "".join(f"{at},100ms,85\n{at},0.5s,15\n" for at in range(0, 300, 5))
    words = ("--kind", "latency", "--slower-than", "300ms")
    document = desk.document(old, new, *words)
    assert document["verdict"] == "failed"
    assert document["looks"] == desk.document(old, same, *words)["looks"]
    assert desk.document(old, old, *words, "--harm", "5%")["verdict"] == "passed"


def test_whole_distributions_that_move_fail(desk: Desk) -> None:
    times = [0.05 * 1.2**step for step in range(20)]
    old = "".join(f"{at},{each}\n" for at in range(0, 300, 5) for each in times)
    new = "".join(f"{at},{each * 1.5}\n" for at in range(0, 300, 5) for each in times)
    assert desk.document(old, new, "--kind", "latency")["verdict"] == "failed"
    assert desk.document(old, old, "--kind", "latency")["verdict"] != "failed"
    assert desk.document(old, new, "--kind", "latency", "--slowdown", "2")["verdict"] != "failed"


def test_rates_without_requests_say_what_is_missing(desk: Desk) -> None:
    ran = desk.judge(rows(*[0] * 10, n=None), rows(*ANCHOR, n=None))
    assert "note: rates without requests tell far less than counts" in ran.err
    assert ran.code in (1, 5)


# --- the command line ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--harm", "half"), "'half' is no rise: write 0.5% or 0.005"),
        (("--harm", "5"), "--harm 5 is more than all requests"),
        (("--harm", "-1%"), "expected one argument"),
        (("--alpha", "0"), "'0' is no chance of being wrong: write 1% or 0.01"),
        (("--alpha", "100%"), "'100%' is no chance of being wrong"),
        (("--tolerate", "nan"), "'nan' is no share of all requests"),
        (("--ratio", "0.5"), "'0.5' is no factor from 1 to 1000"),
        (("--split", "10"), "'10' is no split of traffic: write 10:90"),
        (("--split", "0:100"), "'0:100' is no split of traffic"),
        (("--every", "5"), "5 has no unit: write 5ms, 5s, 5m or 5h"),
        (("--every", "0s"), "'0s' is no time at all"),
        (("--slower-than", "300ms"), "--slower-than is for latency, not for errors"),
        (("--kind", "speed"), "invalid choice: 'speed'"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(own_signals: None, words: tuple[str, ...], problem: str) -> None:
    ran = example("zeros", *words)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err
    assert "  next: " in ran.err


def test_a_document_has_what_scripts_read(own_signals: None) -> None:
    document = example("late", "--output", "json", "--harm", "1%", "--alpha", "0.05").document
    assert {"verdict", "reason", "kind", "harm", "alpha", "numbers", "looks"} <= document.keys()
    assert (document["kind"], document["harm"], document["alpha"]) == ("errors", 0.01, 0.05)
    assert all({"at", "verdict", "reason", "numbers"} <= look.keys() for look in document["looks"])
    assert all(look["reason"] for look in document["looks"])
    assert document["looks"][-1]["verdict"] == document["verdict"]
    assert not any(isinstance(each, float) and not math.isfinite(each) for each in numbers_of(document))


def numbers_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for member in value.values() for each in numbers_of(member)]
    return [each for member in value for each in numbers_of(member)] if isinstance(value, list) else [value]


# --- laws ------------------------------------------------------------------------------------------

COUNTS = st.lists(st.tuples(st.integers(0, 40), st.integers(40, 400)), min_size=1, max_size=20)


def table(counts: list[tuple[int, int]]) -> str:
    return "".join(f"{place},{value},{n}\n" for place, (value, n) in enumerate(counts))


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=COUNTS)
def test_a_series_never_fails_against_itself(desk: Desk, counts: list[tuple[int, int]]) -> None:
    looks = desk.document(table(counts), table(counts))["looks"]
    assert "failed" not in {look["verdict"] for look in looks}


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=COUNTS, new=COUNTS)
def test_looks_do_not_know_what_comes_later(desk: Desk, old: list[tuple[int, int]], new: list[tuple[int, int]]) -> None:
    """Each look but the last is judged as in the shorter bake, and a failure stays one."""
    size = min(len(old), len(new))
    whole = desk.document(table(old[:size]), table(new[:size]))["looks"]
    verdicts = [look["verdict"] for look in whole]
    assert len(whole) == size
    if "failed" in verdicts:
        assert set(verdicts[verdicts.index("failed") :]) == {"failed"}
    if size > 2:
        part = desk.document(table(old[: size - 1]), table(new[: size - 1]))["looks"]
        assert [look["verdict"] for look in part[:-1]] == verdicts[: size - 2]
