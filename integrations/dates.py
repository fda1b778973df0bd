"""Dates as people write them, and as providers want them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

ORDERS = ("day_first", "month_first")
EPOCHS = {"epoch_s": 1, "epoch_ms": 1000}
TOKEN = re.compile("YYYY|MM|DD|HH|mm|ss")
FORMAT = re.compile(r"(?:YYYY|MM|DD|HH|mm|ss|[-/.: ,TZ])+")
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]

ISO_DAY = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
ISO_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*", re.DOTALL)
COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
YEARLESS_ISO = re.compile(r"--(\d\d)-(\d\d)")
NUMBERS = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\.?(?:\2(\d{4}))?")
DAY_MONTH = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?[. ]?\s*(?:of\s+)?([a-z]+)\.?,?(?:\s+(\d{4}))?"
)
MONTH_DAY = re.compile(r"([a-z]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(\d{4}))?")


class NotADate(ValueError):
    """The text is no date, or could be two; its message is a sentence."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day, of no year in particular when ``year`` is None.

    ``moment`` is set when the text had a time as well.
    """

    year: int | None
    month: int
    day: int
    moment: datetime | None = None


def read_day(text: str, order: str = "", like: str = "") -> Day:
    """The day that ``text`` names.

    ``order`` says how ``03/04`` is read: day_first, month_first, or "" when nobody
    said. Then it is read only where that is certain, or where it is written already
    like ``like``, the format it is wanted in. Raises NotADate.
    """
    text = " ".join(text.split())
    if ISO_MOMENT.fullmatch(text):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise NotADate(f"{quoted(text)} is not a date.") from None
        return Day(at.year, at.month, at.day, at)
    if found := ISO_DAY.fullmatch(text):
        return _day(text, found[1], found[3], found[4])
    if found := COMPACT.fullmatch(text) or YEARLESS_ISO.fullmatch(text):
        parts = found.groups()
        return _day(text, parts[0] if len(parts) == 3 else None, *parts[-2:])
    if found := NUMBERS.fullmatch(text):
        return _numbers(text, found, order, like)
    small = text.lower()
    if found := DAY_MONTH.fullmatch(small):
        return _day(text, found[3], _month(text, found[2]), found[1])
    if found := MONTH_DAY.fullmatch(small):
        return _day(text, found[3], _month(text, found[1]), found[2])
    raise NotADate(f"{quoted(text)} is not a date.")


def write_day(day: Day, format: str) -> str | int:
    """``day`` in ``format``: of YYYY, MM, DD, HH, mm, ss, or epoch_s, epoch_ms.

    Epochs, and formats with a time, are in UTC; a day without a moment is its midnight.
    Raises NotADate when the format needs a year and there is none.
    """
    if day.year is None and (format in EPOCHS or "YYYY" in format):
        raise NotADate("The date has no year.")
    timed = format in EPOCHS or "HH" in format
    year = day.year if day.year is not None else 2000
    at = datetime(year, day.month, day.day, tzinfo=UTC)
    if day.moment is not None and timed:
        at = day.moment if day.moment.tzinfo else day.moment.replace(tzinfo=UTC)
        at = at.astimezone(UTC)
    if format in EPOCHS:
        return int(at.timestamp()) * EPOCHS[format]
    values = {
        "YYYY": f"{at.year:04}",
        "MM": f"{at.month:02}",
        "DD": f"{at.day:02}",
        "HH": f"{at.hour:02}",
        "mm": f"{at.minute:02}",
        "ss": f"{at.second:02}",
    }
    return TOKEN.sub(lambda token: values[token[0]], format)


def is_format(format: str) -> bool:
    """Whether ``write_day`` knows the format."""
    return format in EPOCHS or bool(
        TOKEN.search(format) and FORMAT.fullmatch(format) and len(format) <= 30
    )


def quoted(text: str) -> str:
    """A person's value inside a sentence."""
    return f"“{text[:57]}…”" if len(text) > 60 else f"“{text}”"


def _numbers(text: str, found: re.Match[str], order: str, like: str) -> Day:
    first, mark, second, year = found.groups()
    if not order:
        order = _certain(int(first), int(second), mark) or _as_wanted(text, like)
    if not order:
        raise NotADate(
            f"{quoted(text)} can be read day first or month first. Choose in the "
            "mapping how dates are written, or submit them as YYYY-MM-DD."
        )
    day, month = (first, second) if order == "day_first" else (second, first)
    return _day(text, year, month, day)


def _certain(first: int, second: int, mark: str) -> str:
    """The order where it shows: no month 13, and points only where days lead."""
    if mark == "." or first > 12 or first == second:
        return "day_first"
    return "month_first" if second > 12 else ""


def _as_wanted(text: str, like: str) -> str:
    shape = re.sub("YYYY|MM|DD", lambda token: "0" * len(token[0]), like)
    if "DD" not in like or re.sub(r"\d", "0", text) != shape:
        return ""
    return "day_first" if like.find("DD") < like.find("MM") else "month_first"


def _month(text: str, word: str) -> str:
    for number, name in enumerate(MONTHS, start=1):
        if word == name or (word[:3] == name[:3] and word in (name[:3], name[:4])):
            return str(number)
    raise NotADate(f"{quoted(text)} is not a date.")


def _day(text: str, year: str | None, month: str, day: str) -> Day:
    numbers = int(year) if year else None, int(month), int(day)
    try:
        date(2000 if numbers[0] is None else numbers[0], *numbers[1:])
    except ValueError:
        raise NotADate(f"There is no such day as {quoted(text)}.") from None
    return Day(*numbers)
