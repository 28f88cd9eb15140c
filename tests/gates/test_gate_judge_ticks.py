"""Rows of two arms that were measured at different moments, or not all the time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_files import Desk, rows

from deliverkit.domain.series import Series, pairing_of, ticks


@pytest.fixture
def desk(tmp_path: Path, own_signals: None) -> Desk:
    return Desk(tmp_path)


def series(*moments: float) -> Series:
    made = Series("s.csv")
    made.at.extend(sorted(moments))
    made.values.extend([1.0] * len(moments))
    made.lines.extend(range(1, len(moments) + 1))
    return made


def test_moments_that_both_have_are_looks_and_the_others_are_told(desk: Desk) -> None:
    ran = desk.judge(
        "0,0,100\n5,0,100\n10,0,100\n15,0,100\n", "0,1,100\n5,1,100\n12,1,100\n15,0,100", "--output", "json"
    )
    looks = ran.document["looks"]
    assert [look["at"] for look in looks] == [0, 5, 10, 12, 15]
    assert [look["candidate"] is None for look in looks] == [False, False, True, True, False]
    assert ran.document["ticks"] == {"seconds": 0.0, "shared": 3, "of_one_arm": 2}
    assert "note: 2 of 5 moments have rows of one arm only, and were not compared (4 moments" in ran.err


def test_arms_that_were_asked_in_turn_are_added_up_in_ticks(desk: Desk) -> None:
    baseline = "\n".join(f"{at},0,100" for at in range(0, 300, 5))
    candidate = "\n".join(f"{at + 2},1,50" for at in range(0, 300, 5))
    ran = desk.judge(baseline, candidate, "--output", "json")
    assert ran.document["ticks"] == {"seconds": 5.0, "shared": 60, "of_one_arm": 0}
    assert "note: rows were added up in ticks of 5 s; --every sets another width" in ran.err
    wide = desk.document(baseline, candidate, "--every", "1m")
    assert [look["at"] for look in wide["looks"]] == [0, 60, 120, 180, 240]
    assert {tuple(look["candidate"].values()) for look in wide["looks"]} == {(12.0, 600.0)}


def test_more_moments_than_anybody_looks_at_are_added_up(desk: Desk) -> None:
    lines = "\n".join(f"{at},0,100" for at in range(10_001))
    ran = desk.judge(lines, lines, "--output", "json")
    assert ran.document["ticks"]["seconds"] == 5.0
    assert len(ran.document["looks"]) == 2001
    assert "note: rows were added up in ticks of 5 s" in ran.err


def test_ticks_so_narrow_that_looking_takes_an_hour_are_refused(desk: Desk) -> None:
    lines = "\n".join(f"{at},0,100" for at in range(100_001))
    ran = desk.judge(lines, lines, "--every", "1s")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: ticks of 1 s make 100,001 looks, more than 100,000\n  next: --every 11s\n"


def test_an_arm_that_ends_early_does_not_pass(desk: Desk) -> None:
    whole, half = rows(*[0] * 100), rows(*[0] * 50)
    assert desk.document(whole, whole)["verdict"] == "passed"
    for baseline, candidate, early in ((whole, half, "candidate"), (half, whole, "baseline")):
        document = desk.document(baseline, candidate)
        assert document["verdict"] == document["looks"][-1]["verdict"] == "inconclusive"
        assert document["reason"].startswith(f"What was not seen cannot pass: {early}.csv has no rows after 245, and ")
        assert document["changes"] == []


def test_an_arm_that_is_silent_for_a_while_does_not_pass_unless_both_are(desk: Desk) -> None:
    whole = rows(*[0] * 100)
    lines = whole.splitlines(keepends=True)
    broken = "".join([*lines[:40], *lines[60:]])
    document = desk.document(whole, broken)
    assert document["verdict"] == "inconclusive"
    assert "candidate.csv has no rows after 190 until 295, and baseline.csv goes on" in document["reason"]
    assert desk.document(broken, broken)["verdict"] == "passed"


def test_a_baseline_with_a_history_passes(desk: Desk) -> None:
    whole = rows(*[0] * 200)
    lines = whole.splitlines(keepends=True)
    assert desk.document(whole, "".join([lines[0], *lines[101:]]))["verdict"] == "passed"


def test_an_arm_that_misses_its_last_rows_passes(desk: Desk) -> None:
    assert desk.document(rows(*[0] * 100), rows(*[0] * 98))["verdict"] == "passed"


def test_an_arm_that_ends_early_still_fails(desk: Desk) -> None:
    assert desk.document(rows(*[0] * 100), rows(0, 50, 60, 70))["verdict"] == "failed"


def test_rows_of_one_moment_are_many_response_times_but_no_two_counts(desk: Desk) -> None:
    lines = "".join(f"{at},{0.1 * value}\n" for at in range(0, 50, 5) for value in range(1, 6))
    assert desk.judge(lines, lines, "--kind", "latency").code != 2
    assert "stands in line 1 already" in desk.judge(lines, lines).err


@given(
    old=st.lists(st.integers(0, 60), unique=True, max_size=30),
    new=st.lists(st.integers(0, 60), unique=True, max_size=30),
    width=st.sampled_from([0.0, 1.0, 2.5, 7.0, 100.0]),
)
def test_each_row_is_in_one_tick(old: list[int], new: list[int], width: float) -> None:
    baseline, candidate = series(*old), series(*new)
    found = list(ticks(baseline, candidate, width))
    assert sum(len(each.baseline.values) for each in found if each.baseline) == len(old)
    assert sum(len(each.candidate.values) for each in found if each.candidate) == len(new)
    assert [each.at for each in found] == sorted({each.at for each in found})
    if not width:
        assert [each.at for each in found] == sorted({*old, *new})
        assert pairing_of(baseline, candidate, 0.0).shared == len({*old} & {*new})
