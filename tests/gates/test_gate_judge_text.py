"""What `deliverkit gate judge` tells people: the verdict first, a picture, the numbers, and what would change it."""

from __future__ import annotations

from pathlib import Path

import pytest
from series_files import EXAMPLES, Desk, Ran, gate, rows


@pytest.fixture
def desk(tmp_path: Path, own_signals: None) -> Desk:
    return Desk(tmp_path)


def example(name: str, *words: str, encoding: str = "utf-8") -> Ran:
    files = (str(EXAMPLES / f"{name}-{arm}.csv") for arm in ("baseline", "candidate"))
    return gate("judge", *files, *words, encoding=encoding)


@pytest.mark.parametrize("columns", ["60", "80", "132"])
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
    when = out.removeprefix("failed at ")[:20]
    assert when.startswith("2026-11-05T12:0")
    assert f"failed here, {when}" in out
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
    assert "change      with --tolerate " in example("late").out
    assert "% the verdict would be inconclusive" in example("equal").out
    few = desk.judge(rows(1, 0, 2, n=50), rows(0, 1, 1, n=50))
    assert few.code == 5
    assert "more requests in both arms together are needed" in " ".join(few.out.split())
    assert "change      with --harm " in few.out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("late", ()),
        ("equal", ()),
        ("equal", ("--harm", "0.05%")),
        ("equal", ("--harm", "0")),
        ("late", ("--tolerate", "5%")),
    ],
)
def test_what_it_says_would_change_the_verdict_does(own_signals: None, name: str, words: tuple[str, ...]) -> None:
    document = example(name, *words, "--output", "json").document
    assert document["changes"] or words == ("--harm", "0")
    for change in document["changes"]:
        option, value = change["option"].split()
        other = example(name, *words, option, value, "--output", "json").document
        assert other["verdict"] == change["verdict"] != document["verdict"]
