"""Dates as people write them, and as providers want them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.dates import Day, NotADate, is_format, read_day, write_day

APRIL_3 = Day(1990, 4, 3)


@pytest.mark.parametrize(
    "text",
    [
        "1990-04-03",
        "1990/4/3",
        "19900403",
        "3.4.1990",
        "3 April 1990",
        "3. April 1990",
        "3rd of april 1990",
        "April 3rd, 1990",
        "Apr 3 1990",
        "  apr.  3,  1990 ",
    ],
)
def test_what_can_be_read_one_way_only(text: str) -> None:
    assert read_day(text) == APRIL_3


@pytest.mark.parametrize(
    ("text", "order", "month_day"),
    [
        ("03/04/1990", "day_first", (4, 3)),
        ("03/04/1990", "month_first", (3, 4)),
        ("03-04", "month_first", (3, 4)),
        ("13/04/1990", "", (4, 13)),
        ("04/13/1990", "", (4, 13)),
        ("04/04", "", (4, 4)),
        ("--04-13", "", (4, 13)),
        ("29 Feb", "", (2, 29)),
    ],
)
def test_the_order_counts_where_both_are_possible(
    text: str, order: str, month_day: tuple[int, int]
) -> None:
    day = read_day(text, order)
    assert (day.month, day.day) == month_day


def test_nobody_guesses_which_comes_first() -> None:
    with pytest.raises(NotADate, match="day first or month first. Choose"):
        read_day("03/04/1990")
    assert read_day("03/04/1990", "", "MM/DD/YYYY") == Day(1990, 3, 4)
    assert read_day("03/04", "", "DD/MM") == Day(None, 4, 3)
    with pytest.raises(NotADate):
        read_day("03/04", "", "MM/DD/YYYY")
    with pytest.raises(NotADate):
        read_day("03/04/1990", "", "YYYY")


@pytest.mark.parametrize(
    "text",
    ["", "soon", "n/a", "31/02/1990", "1990-13-01", "04/13/1990 ", "0", "3 Foo 1990"]
    + ["1990-02-30T10:00:00", "32.1.1990", "May", "marchy 3"],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(NotADate):
        read_day(text, "day_first")


@pytest.mark.parametrize(
    ("format", "written"),
    [
        ("YYYY-MM-DD", "1990-04-03"),
        ("MM/DD", "04/03"),
        ("DD/MM/YYYY", "03/04/1990"),
        ("YYYY-MM-DDTHH:mm:ssZ", "1990-04-03T00:00:00Z"),
        ("epoch_ms", 639_100_800_000),
        ("epoch_s", 639_100_800),
    ],
)
def test_formats(format: str, written: object) -> None:
    assert is_format(format)
    assert write_day(APRIL_3, format) == written


def test_a_moment_is_written_in_utc() -> None:
    late = read_day("1990-04-03T23:30:00-05:00")
    assert write_day(late, "YYYY-MM-DDTHH:mm:ssZ") == "1990-04-04T04:30:00Z"
    assert write_day(late, "YYYY-MM-DD") == "1990-04-03"
    assert write_day(late, "epoch_s") == 639_203_400


def test_a_year_is_not_made_up() -> None:
    with pytest.raises(NotADate, match="no year"):
        write_day(Day(None, 4, 3), "YYYY-MM-DD")
    assert write_day(Day(None, 2, 29), "MM/DD") == "02/29"


@pytest.mark.parametrize("format", ["", "d.m.Y", "-", "YYYY" * 20, "YYYY<MM"])
def test_what_is_no_format(format: str) -> None:
    assert not is_format(format)


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.sampled_from(["YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD.MM.YYYY"]),
)
def test_what_is_written_is_read_again(day: date, format: str) -> None:
    order = "month_first" if format.startswith("MM") else "day_first"
    whole = Day(day.year, day.month, day.day)
    text = write_day(whole, format)
    assert isinstance(text, str)
    assert read_day(text, order) == whole


@given(st.dates(min_value=date(1970, 1, 1)))
def test_epochs_are_midnights(day: date) -> None:
    whole = Day(day.year, day.month, day.day)
    seconds = write_day(whole, "epoch_s")
    assert isinstance(seconds, int)
    assert seconds == (day - date(1970, 1, 1)) / timedelta(seconds=1)


@given(st.text(max_size=30), st.sampled_from(["", "day_first", "month_first"]))
def test_any_text_is_a_day_or_says_why_not(text: str, order: str) -> None:
    try:
        day = read_day(text, order)
    except NotADate as error:
        assert str(error).endswith((".", "YYYY-MM-DD."))
    else:
        assert 1 <= day.month <= 12
