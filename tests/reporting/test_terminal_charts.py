"""Charts for terminals: what they show is there, and fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deliverkit.reporting.terminal_charts import (
    ASCII,
    UNICODE,
    bars,
    column_of,
    curve,
    ends,
    fitted,
    framed,
    glyphs_for,
    marked,
)

VALUES = st.lists(st.none() | st.floats(0, 100), min_size=1, max_size=300)


@given(values=VALUES, width=st.integers(1, 120))
def test_values_fit_and_no_peak_vanishes(values: list[float | None], width: int) -> None:
    columns = fitted(values, width)
    assert 1 <= len(columns) <= width
    there = [each for each in values if each is not None]
    assert max((each for each in columns if each is not None), default=None) == max(there, default=None)
    for place, value in enumerate(values):
        column = column_of(place, len(values), width)
        shown = columns[column]
        assert value is None or (shown is not None and shown >= value)


def test_few_values_are_wide_and_columns_of_many_begin_where_they_stand() -> None:
    assert fitted([1, None, 3], 12) == [1] * 4 + [None] * 4 + [3] * 4
    assert fitted([1, None, 3], 5) == [1, None, 3]
    assert [column_of(place, 3, 12) for place in range(3)] == [0, 4, 8]
    assert [column_of(place, 8, 4) for place in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_bars_tell_nothing_from_none_and_little_from_nothing() -> None:
    assert bars([None, 0.0, 0.001, 5, 10], 10, UNICODE) == "·▁▂▄█"
    assert bars([None, 0.0, 0.001, 5, 10], 10, ASCII) == " _.=#"
    assert bars([0.0, None, float("nan")], 0.0, UNICODE) == "▁··"


def test_a_curve_is_drawn_in_front_of_its_threshold() -> None:
    assert curve([0.0, 1.0, 2.0, 3.0, 9.0, None], 3, 3.0, UNICODE, threshold=2.0) == ["┄┄┄██┄", "  ███ ", " ████ "]
    assert curve([0.0, 1.5], 2, 3.0, ASCII) == ["  ", " #"]
    assert curve([0.0], 2, 0.0, ASCII) == [" ", " "]


def test_a_frame_has_its_labels_at_the_left() -> None:
    assert framed(["#  ", "## "], ["10", "0"], ASCII) == ["10 |#", " 0 |##", "   +---"]


def test_marks_and_ends_stay_within() -> None:
    assert marked(2, "here", 20, ASCII) == "  ^ here"
    assert marked(18, "here", 20, ASCII) == "             here ^"
    assert marked(3, "too long", 8, ASCII) == "   ^"
    assert ends("a", "z", 6) == "a    z"
    assert ends("early", "late", 6) == "early"


def test_what_an_encoding_has_not_is_drawn_with_ascii() -> None:
    assert glyphs_for("utf-8") is UNICODE
    for encoding in ("ascii", "latin-1", None, "no-such"):
        assert glyphs_for(encoding) is ASCII
