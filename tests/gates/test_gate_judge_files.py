"""Files as outsiders have them: every form of the same series gives the same verdicts, every mistake has its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from series_files import EXAMPLES, ROOT, Desk, gate, rows

from deliverkit.cli.series_file import read_series
from deliverkit.domain.series_cells import number

QUIET = rows(0, 0, 0, 0)
LOUD = rows(0, 30, 40, 50)
BREAKS = "at,value,n\n0,0,1000\n"


@pytest.fixture
def desk(tmp_path: Path, own_signals: None) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("candidate", "problem"),
    [
        (f"{BREAKS}5,nan,10", "3: value is NaN, not a number; leave the row out where nothing was measured"),
        (f"{BREAKS}5,inf,10", "3: value 'inf' is infinite"),
        (f"{BREAKS}5,-1,10", "3: value '-1' is negative"),
        (f"{BREAKS}5,1e40,10", "3: value '1e40' is too large"),
        (f"{BREAKS}5,lots,10", "3: value 'lots' is no number"),
        (f"{BREAKS}5,0x10,10", "3: value '0x10' is no number"),
        (f"{BREAKS}5,1_0,10", "3: value '1_0' is no number"),
        (f"{BREAKS}5,\x001,10", r"3: value '\x001' is no number"),
        (
            f"{BREAKS}5,,10",
            "3: value is empty; leave the row out where nothing was measured, and write 0 where nothing",
        ),
        (f"{BREAKS}5,1,-10", "3: n '-10' is negative"),
        (f"{BREAKS}5,1,10.5", "3: n '10.5' is no whole number of requests"),
        (f"{BREAKS}5,1,", "3: n is empty"),
        (f"{BREAKS}5,1", "3: has 2 columns, the first row has 3: 5,1"),
        (f"{BREAKS}5,0,048,1000", "3: has 4 columns, the first row has 3: 5,0,048,1000"),
        (f"{BREAKS}5,11,10", "3: 11 of 10 requests failed, more than there were"),
        (f"{BREAKS}5,1,0", "3: 1 of 0 requests failed, more than there were"),
        (
            f"{BREAKS}5,0.5,10\n10,7,10",
            "4: 7 is neither a count nor a share: the values of line 3 and others are shares",
        ),
        (f"{BREAKS}5,1,10\n\n0,1,10", "5: the moment 0 stands in line 2 already"),
        (f"{BREAKS}soon,1,10", "3: at 'soon' is no moment: write ISO 8601 such as"),
        (f"{BREAKS}nan,1,10", "3: at 'nan' is no moment"),
        (f"{BREAKS}2026-02-30T00:00:00Z,1,10", "3: at '2026-02-30T00:00:00Z' is no moment"),
        (f"{BREAKS},1,10", "3: at is empty"),
        (f'{BREAKS}"5,1,10', "3: has a quote that is not closed"),
        (f"{BREAKS}5,{'1' * 200_000},10\n9,0,1", "3: field larger than field limit"),
        (
            f"{BREAKS}5,{'1' * 70_000},10\n9,0,1",
            "3: value '111111111111111111111111111111111111111111111111111111111...' is infinite",
        ),
        ("at,value,n\n0001-01-01T00:00:00+14:00,2,1", "2: 2 of 1 requests failed"),
        (f"{BREAKS}2026-01-01T00:00:00Z,1,10", "3: at '2026-01-01T00:00:00Z' is another kind of moment than '0' above"),
        (f"{BREAKS}1793880000000,1,10", "3: at '1793880000000' is another kind of moment than '0' above"),
        (f"{BREAKS}1793880000,1,10", "3: at counts from another beginning than in line 2"),
        ("1793880000000000,1,10\n1793880000,1,10", "2: at '1793880000' is another kind of moment than '1793880000000"),
        (f"{BREAKS}99999999999999999,1,10", "3: at '99999999999999999' is another kind of moment than '0' above"),
        (f"{BREAKS}99999999999,1,10", "3: at '99999999999' is no moment: it would lie after the year 3000"),
        (f'{BREAKS}5,1,"1,000"', "3: '1,000' may be 1000 or 1.000"),
        (f'{BREAKS}5,"1,000",1000', "3: '1,000' may be 1000 or 1.000"),
        ("at;value;n\n0;10;1.000", "2: '1.000' may be 1000 or 1.000"),
        ("at\tvalue\tn\n0\t10\t5\n5\t1.000\t900", "3: '1.000' may be 1000 or 1.000"),
        ("at;value;n\n0;0,05;100\n5;0,1;1.000", "3: '1.000' may be 1000 or 1.000"),
        (f"{BREAKS}5,216.7ms,10", "3: value '216.7ms' is no number\n  next: --kind latency"),
        ("at,n\n5,10", "1: no column is named value; columns are at,value[,n]"),
        ("at,errors,failures\n5,1,1", "1: both errors and failures could be the column value"),
        ("5\n10", "1: has 1 column; columns are at,value[,n]"),
        ("5,1,1,1", "1: has 4 columns; columns are at,value[,n]"),
        ("\n\n# words\nwhat is this,1,1", "4: at 'what is this' is no moment"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_nothing_is_judged(desk: Desk, candidate: str, problem: str) -> None:
    ran = desk.judge(QUIET, candidate)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: candidate.csv:{problem}")
    assert "\n  next: " in ran.err


def test_the_baseline_is_read_as_strictly(desk: Desk) -> None:
    assert desk.judge(f"{BREAKS}5,nan,10", QUIET).err.startswith("error: baseline.csv:3: value is NaN")


def test_who_reads_the_document_cannot_take_a_refusal_for_a_pass(desk: Desk) -> None:
    ran = desk.judge(QUIET, f"{BREAKS}5,nan,10", "--output", "json")
    assert ran.code == 2
    assert ran.document["verdict"] == "error"
    assert "candidate.csv:3: value is NaN" in ran.document["reason"]
    assert ran.document["looks"] == []


@pytest.mark.parametrize(
    "candidate",
    [
        "0,0,1000\n5,30,1000\n10,40,1000\n15,50,1000",
        "at;value;n\r\n0;0;1000\r\n5;30;1000\r\n10;40;1000\r\n15;50;1000\r\n",
        "N\tErrors\tTimestamp\n1000\t0\t0\n1000\t30\t5\n1000\t40\t10\n1000\t50\t15\n",
        b"\xef\xbb\xbfat,value,n\n0,0,1000\n5,30,1000\n10,40,1000\n15,50,1000\n",
        LOUD.encode("utf-16"),
        LOUD.replace("\n", "\n\n  \n"),
        LOUD.replace("\n", "\r"),
        f"# by hand\n{LOUD}# the end\n",
        'host,"at","value",n,\nweb-1,"0","0",1000,\nw,"5",30,1000,\nw,10,40,1000,\nw,15,50,1000,\n',
        "at,value,n\n15,50,1000\n0,0,1000\n5,30,1000\n10,40,1000\n",
        "at,value,n\n0,0,1000\n5,3e1,1000\n10, 40 ,1000\n15,50.0,1000\n",
        "at,value,n\n0,0,1000\n5,0.03,1000\n10,0.04,1000\n15,0.05,1000\n",
        "at;value;n\n0;0;1000\n5;3,0%;1000\n10;4%;1000\n15;5 %;1000\n",
    ],
)
def test_the_same_series_in_any_form_comes_to_the_same_verdicts(desk: Desk, candidate: str | bytes) -> None:
    usual, other = desk.document(QUIET, LOUD), desk.document(QUIET, candidate)
    assert other["looks"] == usual["looks"]
    assert usual["looks"][-1]["candidate"] == {"events": 50.0, "requests": 1000.0}


@pytest.mark.parametrize(
    ("baseline", "candidate", "shown"),
    [
        ("2026-11-05T12:00:00Z", "2026-11-05T13:00:00+01:00", "2026-11-05T12:00:00Z"),
        ("2026-11-05 12:00:00", "2026-11-05T12:00:00.000000 UTC", "2026-11-05T12:00:00Z"),
        ("1793880000", "1793880000.0", 1793880000),
        ("1793880000000", "2026-11-05T12:00:00Z", "2026-11-05T12:00:00Z"),
        ("2026-11-05T12:00:00Z", "1793880000250", None),
        ("2026-11-05T12:00:00.250Z", "1793880000250", 1793880000250),
        ("1793880000250000", "1793880000250", 1793880000250),
        ("0", "0.0", 0),
        ("-5", "-5", -5),
    ],
)
def test_moments_are_the_same_however_they_are_written(
    desk: Desk, baseline: str, candidate: str, shown: object
) -> None:
    document = desk.document(f"{baseline},0,100", f"{candidate},0,100")
    if shown is None:
        assert (document["verdict"], len(document["looks"])) == ("error", 2)
        assert "no moment in common" in document["reason"]
    else:
        assert [look["at"] for look in document["looks"]] == [shown]


def test_counts_in_one_file_and_shares_in_the_other_are_not_guessed(desk: Desk) -> None:
    counts, shares = rows(0, 1, 0, 1), rows(0, 0.05, 0.05, 0.05)
    for one, other in ((counts, shares), (shares, counts)):
        ran = desk.judge(one, other)
        whole, broken = ("baseline", "candidate") if one is counts else ("candidate", "baseline")
        assert (ran.code, ran.out) == (2, "")
        assert f"{whole}.csv:3: 1 of 1000 is a whole number" in ran.err
        assert f"{broken}.csv:3 is a share" in ran.err
    plain = desk.document(rows(0, 0, 0, 0), shares)
    assert plain["numbers"]["candidate_events"] == 150
    percent = desk.document(rows("0%", "100%"), rows(0.5, 0.5))
    assert percent["numbers"]["baseline_events"] == 1000


@pytest.mark.parametrize(("cells", "value"), [(("0,250", "1,000"), 1.0), (("1,000", "0,5"), 1.0)])
def test_a_file_that_shows_its_decimal_mark_may_have_three_digits_behind_it(
    desk: Desk, cells: tuple[str, str], value: float
) -> None:
    table = "at;value\n" + "".join(f"{place};{cell}\n" for place, cell in enumerate(cells))
    for file in (table, table.replace(",", ".")):
        looks = desk.document(file, file, "--kind", "latency")["looks"]
        assert value in [look["candidate"]["mean"] for look in looks]


def test_both_files_have_requests_or_neither(desk: Desk) -> None:
    ran = desk.judge(rows(0, 0), rows(0, 0, n=None))
    assert ran.code == 2
    assert ran.err.startswith("error: baseline.csv has a column n, candidate.csv has none: they cannot be compared")


def test_errors_that_are_no_shares_need_their_requests(desk: Desk) -> None:
    ran = desk.judge(rows(0, 0, n=None), rows(0, 3, n=None))
    assert ran.code == 2
    assert "candidate.csv:3: 3 is no share of requests, and without a column n" in ran.err
    assert "or --kind count" in ran.err


def test_events_are_whole_numbers(desk: Desk) -> None:
    ran = desk.judge(rows(0, 0, n=None), rows(0, 1.5, n=None), "--kind", "count")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: candidate.csv:3: value is no whole number of events")


def test_files_that_cannot_be_read_are_named(tmp_path: Path, own_signals: None) -> None:
    good = str(EXAMPLES / "zeros-baseline.csv")
    for name, problem in (("none.csv", "No such file or directory"), (".", "Is a directory")):
        ran = gate("judge", good, str(tmp_path / name))
        assert (ran.code, ran.out) == (2, "")
        assert f"cannot be read: {problem}" in ran.err


def test_a_packed_file_is_named_as_such(desk: Desk) -> None:
    ran = desk.judge(QUIET, b"\x1f\x8b\x08\x00rest")
    assert (ran.code, ran.err) == (2, "error: candidate.csv is packed\n  next: gunzip it first\n")


def test_a_file_without_line_ends_is_not_read_whole() -> None:
    with pytest.raises(Exception, match=r"zero:1: is longer than 65,536 characters") as refused:
        read_series("/dev/zero", number)
    assert "/dev/zero:1" in str(refused.value)


def test_rows_have_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(rows(*[0] * 101), encoding="utf-8")
    with pytest.raises(Exception, match="more than 100 rows; add them up"):
        read_series(str(path), number, limit=100)
    assert len(read_series(str(path), number, limit=101)) == 101


def test_one_series_may_come_from_stdin(tmp_path: Path) -> None:
    (tmp_path / "baseline.csv").write_text(rows(*[0] * 20), encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}

    def piped(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deliverkit", "gate", "judge", *words]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environ,
            input=rows(*[40] * 20),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    ran = piped("baseline.csv", "-")
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout.startswith("failed at ")
    both = piped("-", "-")
    assert (both.returncode, both.stdout) == (2, "")
    assert "only one of both series can come from stdin" in both.stderr


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(list(range(1, 7))))
def test_the_order_of_rows_tells_nothing(desk: Desk, order: list[int]) -> None:
    lines = rows(0, 3, 0, 9, 40, 2).splitlines()
    shuffled = "\n".join([lines[0], *(lines[place] for place in order)])
    assert desk.document(QUIET, shuffled)["looks"] == desk.document(QUIET, "\n".join(lines))["looks"]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.text(alphabet='0123456789,.;-\n\t"eEn%aT:Z ', max_size=120).map(str.encode))
def test_no_file_of_any_content_breaks_the_judge_or_passes_it(desk: Desk, content: bytes) -> None:
    ran = desk.judge(QUIET, content)
    assert ran.code in (1, 2, 5)
