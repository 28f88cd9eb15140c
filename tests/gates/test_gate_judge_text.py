"""What `deliverkit gate judge` tells people: the verdict first, a picture, the numbers, and what would change it."""

from __future__ import annotations

from pathlib import Path

import pytest
from series_files import EXAMPLES, Desk, Ran, gate, rows

from deliverkit.reporting.comparison_chart import odds, share


@pytest.fixture
def desk(tmp_path: Path, own_signals: None) -> Desk:
    return Desk(tmp_path)


def example(name: str, *words: str, encoding: str = "utf-8") -> Ran:
    files = (str(EXAMPLES / f"{name}-{arm}.csv") for arm in ("baseline", "candidate"))
    return gate("judge", *files, *words, encoding=encoding)


@pytest.mark.parametrize("columns", ["40", "80", "132"])
@pytest.mark.parametrize("name", ["zeros", "equal", "late"])
def test_everything_fits_the_terminal(
    name: str, columns: str, own_signals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = example(name).out.splitlines()
    assert max(map(len, lines)) <= min(int(columns), 120)
    assert not any(line.endswith(" ") for line in lines)


def test_the_verdict_and_its_look_come_first_and_are_marked_in_the_picture(own_signals: None) -> None:
    out = example("late").out
    assert out.startswith("failed at 2026-11-05T12:08:")
    assert "failed here, 2026-11-05T12:08:" in out
    field = [line for line in out.splitlines() if line.count("\N{BOX DRAWINGS LIGHT VERTICAL}") == 1]
    assert len(field) == 6
    assert "\N{BLACK UP-POINTING TRIANGLE}" in out


def test_arms_share_a_scale_and_lie_below_each_other(own_signals: None) -> None:
    lines = example("zeros").out.splitlines()
    candidate, baseline = (
        next(line for line in lines if line.startswith(f"{arm:>9}  ")) for arm in ("candidate", "baseline")
    )
    assert len(candidate) == len(baseline) == 11 + 10 * 4
    assert "\N{FULL BLOCK}" in candidate
    assert set(baseline[11:]) == {"\N{LOWER ONE EIGHTH BLOCK}"}
    assert any(line.endswith(", 0 to 18 %") for line in lines)


@pytest.mark.parametrize("name", ["zeros", "equal", "late"])
def test_a_terminal_without_unicode_has_the_same_picture_in_ascii(name: str, own_signals: None) -> None:
    ran = example(name, encoding="ascii")
    assert "\\u" not in ran.out
    assert len(ran.out.splitlines()) == len(example(name).out.splitlines())
    assert "#" in ran.out or name == "equal"


def test_it_says_what_would_have_changed_the_verdict(desk: Desk, own_signals: None) -> None:
    assert "would not have failed" in example("late").out
    assert "would not have passed" in example("equal").out
    few = desk.judge(rows(1, 0, 2, n=50), rows(0, 1, 1, n=50))
    assert few.code == 5
    assert "more requests" in few.out


def test_what_it_advises_is_so(desk: Desk) -> None:
    """A failure that would not be one with `--tolerate`, and a pass that would be none with a smaller margin."""
    old, new = rows(*[10] * 60), rows(*[40] * 60)
    low = desk.document(old, new)["numbers"]["harm_low"]
    assert desk.document(old, new, "--tolerate", f"{low * 1.02}")["verdict"] != "failed"
    assert desk.document(old, new, "--tolerate", f"{low * 0.8}")["verdict"] == "failed"


def test_numbers_are_written_for_people() -> None:
    assert [share(each) for each in (0.0, 0.000123, 0.048, 0.5, 1.0)] == ["0 %", "0.0123 %", "4.8 %", "50 %", "100 %"]
    assert [odds(each) for each in (0.0, -1.0, 5.3, 10.0, 300.0)] == [
        "1 to 1",
        "0.368 to 1",
        "200 to 1",
        "22,026 to 1",
        "10^130 to 1",
    ]
