"""Months as labels (`"2019-11"`) and as whole numbers (ids), and every error about them.

A month is written `YYYY-MM` everywhere in this project. A model needs a row number instead: the id is the number of
months since the first month of a `MonthRange`, and -1 (`MISSING`) for a month that is missing. The published model
knows 2017-01 (id 0) to 2021-12 (id 59); any other range works in the same way.
"""

import calendar
import contextlib
import datetime
import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from spacetime.inputs import MISSING, Labels, is_missing, is_missing_word, quoted

_ALLOWED = "give 'YYYY-MM' or 'YYYY-MM-DD'"
_TIME = r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?|24:00(?::00(?:[.,]0+)?)?)"
_ZONE = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_MONTH = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})(?:-([0-9]{{2}})(?:[T ]{_TIME}{_ZONE})?)?")

_NAME = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
_ENGLISH = "|".join(f"{name[:3]}(?:t?\\.?|{name[3:]})" for name in calendar.month_name[1:])
# Why a text that nothing here can read is no month, tried in order.
_REASONS = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"[0-9]{4}(?:\.0*)?", "is a year without a month"),
        (
            r"(?:[0-9]{2,4}[-/ ]?)?Q[1-4](?:[-/ ]?[0-9]{2,4})?|[1-4]Q[-/ ]?[0-9]{2,4}",
            "is a quarter, and a quarter is no month",
        ),
        (r"[0-9]{4}-?W[0-9]{1,2}(?:-?[1-7])?|week.*", "is a week, and a week may lie in two months"),
        (r"[0-9]{5}(?:\.[0-9]*)?", "is a number of five digits (a spreadsheet's day? show that column as dates there)"),
        (
            r"[0-9]{6,}(?:\.[0-9]*)?",
            "is neither YYYYMM nor YYYYMMDD of 1900 to 2099, nor seconds (10 digits) or milliseconds (13) since 1970",
        ),
        (r"[-+]?[0-9]+(?:\.[0-9]*)?", "is a number and no date"),
        (rf"{_TIME}.*", "is a time of day without a date"),
        (
            r"(?!.*[0-9]{4}).*[0-9]{1,2}[-/. ]+[0-9]{1,2}[-/. ]+'?[0-9]{2}(?![0-9]).*",
            "has a year of two digits",
        ),
        (
            rf"(?!.*[0-9]{{4}})(?:.*{_NAME}[-/., ]*'?[0-9]{{2}}(?![0-9:]).*|[0-9]{{1,2}}[-/. ]*{_NAME}"
            r"|[0-9]{1,2}[-/][0-9]{2})",
            "has a year of two digits, or none",
        ),
        (rf"(?!.*[0-9]{{4}}).*\b{_NAME}\b.*", "has no year"),
        (
            r"(?:[0-9]{1,2}[-/. ]+[0-9]{1,2}[-/. ]+[0-9]{4}|[0-9]{4}[-/. ]+[0-9]{1,2}[-/. ]+[0-9]{1,2})"
            rf"(?:[T ]+{_TIME} ?{_ZONE}| [^0-9]*)?",
            "is no day of the calendar",
        ),
        (r"[0-9]{4}-?[0-9]{2}.*(?:/|\.\.| to | - ).*", "is a span of time, which may lie in two months"),
        (rf"(?!.*\b(?:{_ENGLISH})\b).*[^\W\d_]{{3,}}[^0-9]*[0-9]{{4}}", "names no month in English"),
    )
)
_DOTTED = re.compile(r"(?:0[1-9]|1[0-2])\.(?:19|20)[0-9]{2}")  # 11.2019
_FIGURES = re.compile(rf"([0-9]{{1,2}})[-/.]([0-9]{{1,2}})[-/.]((?:19|20)[0-9]{{2}})(?:[T ]{_TIME}{_ZONE})?")
_ORDERED = re.compile(r"(?<![0-9])([0-9]{1,2})[-/. ]+([0-9]{1,2})[-/. ]+[0-9]{4}(?![0-9])")


def parse_month(value: Any) -> str | None:
    """Return a month in its one spelling, `YYYY-MM`; None for a missing one.

    Parameters
    ----------
    value : str, datetime.date, datetime.datetime, pandas.Period, numpy.datetime64 or a missing value
        A text is `YYYY-MM` or `YYYY-MM-DD`, the latter perhaps with a time of day as in `2019-11-30T24:00:00Z`,
        nothing else: no spaces around it, no `2019-1`. The month counts as it is written: no time zone is applied. A
        period must lie inside one month.

    Raises
    ------
    ValueError
        If the value is not a month; the message names it and says what is allowed.

    Examples
    --------
    >>> parse_month("2019-11-30"), parse_month("")
    ('2019-11', None)
    """
    if is_missing(value):
        return None
    if isinstance(value, str):
        month = _as_written(value)
        if month is None:
            raise _no_month(value)
        return month
    if isinstance(value, datetime.date):  # datetime.datetime and pandas.Timestamp are dates too
        return f"{value.year:04d}-{value.month:02d}"
    if isinstance(value, np.datetime64):
        unit, _ = np.datetime_data(value)
        if unit in ("generic", "Y", "W"):  # a year, or a week that may lie in two months
            raise ValueError(f"month {quoted(value)} is a numpy date by {unit!r}, which is no single month; {_ALLOWED}")
        return str(value.astype("datetime64[M]"))
    if type(value).__name__ == "Period" and hasattr(value, "start_time"):
        first, last = parse_month(value.start_time), parse_month(value.end_time)
        if first != last:
            raise ValueError(f"period {value} does not lie inside one month ({first} to {last}); {_ALLOWED}")
        return first
    if isinstance(value, bool | int | float | np.number | np.bool_ | Decimal):
        month = None if isinstance(value, bool | np.bool_) else _month_of_digits(_digits(value))
        advice = f"; write {month!r}" if month else ""
        raise ValueError(f"month must be text such as '2019-11', not the number {value}{advice}")
    raise ValueError(f"month {quoted(value)} is of type {type(value).__name__}; {_ALLOWED}")


class AmbiguousMonth(ValueError):
    """A date such as `03/04/2019`, whose month depends on whether the day or the month comes first."""


def parse_any_month(value: Any, day_first: bool | None = None) -> str | None:
    """Return the month of a date in any common spelling, `YYYY-MM`; None for a missing value or a text of spaces.

    Parameters
    ----------
    value
        Everything that `parse_month` takes, a text such as `2019/11`, `201911`, `Nov 2019`, `30 November 2019 10:22` or
        `30.11.2019`, or a number: `201911`, `20191130`, or the seconds, milliseconds, micro- or nanoseconds since 1970
        (in UTC; only from September 2001 to March 2030, where they cannot be mistaken for a date without marks).
    day_first
        How to read `03/04/2019`: True, as the third of April; False, as the fourth of March.

    Raises
    ------
    AmbiguousMonth
        If the date leaves open which number is the month, and `day_first` does not say. It is a ValueError, too.
    ValueError
        If the value is no date, or has no month or no year of four digits.

    Examples
    --------
    >>> parse_any_month("30 Nov 2019"), parse_any_month("2019-11-30 23:59:59+02:00"), parse_any_month(1575118799.0)
    ('2019-11', '2019-11', '2019-11')
    >>> parse_any_month("03/04/2019", day_first=True)
    '2019-04'
    """
    if isinstance(value, int | float | np.number | Decimal) and not isinstance(value, bool) and not is_missing(value):
        month = _month_of_digits(_digits(value))
        if month is None:
            raise _no_month(_digits(value))
        return month
    if not isinstance(value, str):
        return parse_month(value)
    text = value.strip()
    if not text:
        return None
    month = _as_written(text)
    if month is not None:
        return month
    months = _possible_months(text)
    if not months or (day_first is None and len(set(months)) == 2):
        raise _no_month(value)
    return months[0 if day_first else 1]


def day_comes_first(text: str) -> bool | None:
    """Whether a date in figures must have its day first (`30/01/2019`) or second (`01/30/2019`); None if neither."""
    match = _ORDERED.search(text)
    first, second = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (first and second and max(first, second) in range(13, 32) and min(first, second) <= 12):
        return None
    return first > second


def _digits(value: Any) -> str:
    """A number as a file would write it, without a fraction of zero."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)


def _month_of_digits(text: str) -> str | None:
    """The month of figures alone: YYYYMM, YYYYMMDD with or without a time, or a time since 1970."""
    whole, _, fraction = text.partition(".")
    if not re.fullmatch("[0-9]+", whole) or (fraction and not re.fullmatch("[0-9]+", fraction)):
        return None
    if len(whole) in (10, 13, 16, 19) and 1_000_000_000 <= (seconds := int(whole[:10])) < 1_900_000_000:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m")
    form = {6: "%Y%m", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(whole))
    if form is None or fraction.strip("0") and len(whole) < 14 or not "1900" <= whole[:4] <= "2099":
        return None
    with contextlib.suppress(ValueError):
        return datetime.datetime.strptime(whole, form).strftime("%Y-%m")
    return None


@functools.lru_cache(maxsize=10_000)  # a reason and a reading ask for the same text
def _possible_months(text: str) -> tuple[str, ...]:
    """The month of a date, day first and month first; nothing where month or year must be guessed."""
    if len(text) > 100 or re.match("[0-9]{4}(?:-?W|-.*/)", text):  # a week, or a span, may lie in two months
        return ()
    if re.fullmatch(r"[0-9]+(?:\.[0-9]*)?", text):  # dateutil would find a year in any number
        month = _month_of_digits(text) or (text[3:] + "-" + text[:2] if _DOTTED.fullmatch(text) else None)
        return (month, month) if month else ()
    if (figures := _FIGURES.fullmatch(text)) is not None:
        one, two, year = map(int, figures.groups())
        months = []
        for day, of_year in ((one, two), (two, one)):
            with contextlib.suppress(ValueError):
                months.append(datetime.date(year, of_year, day).strftime("%Y-%m"))
        return tuple(months * 2)[:2]
    from dateutil import parser  # pandas brings it; most files never need it

    with contextlib.suppress(ValueError):
        return (datetime.datetime.fromisoformat(text).isoformat()[:7],) * 2
    found = []
    year_first = re.match("[0-9]{4}[^0-9]+([0-9]{1,2})(?![0-9])", text)  # nobody writes year, day, month
    for day_first in (False, False) if year_first else (True, False):
        # What the text does not say is filled in from a default: two of them tell what it did say.
        readings = set()
        for default in (datetime.datetime(1904, 1, 1), datetime.datetime(1908, 2, 1)):
            try:
                read = parser.parse(text, default=default, dayfirst=day_first, ignoretz=True)
            except (ValueError, OverflowError):  # dateutil's ParserError is a ValueError
                return ()
            readings.add(f"{read.year:04d}-{read.month:02d}")
        month = readings.pop()
        # A year of two digits is a guess, too.
        if readings or not re.search(rf"(?<![0-9]){month[:4]}(?![0-9])", text):
            return ()
        if year_first and int(year_first[1]) != int(month[5:]):
            return ()
        found.append(month)
    return tuple(found)


def _no_month(text: str) -> ValueError:
    """Why a text is no month, and what is allowed."""
    short = text.strip() if len(text) <= 100 else ""
    months = sorted(set(_possible_months(short)))
    if len(months) == 2:
        return AmbiguousMonth(f"month {quoted(text)} could be {months[0]} or {months[1]}; write it as YYYY-MM-DD")
    reason = "is not a month"
    if not months:  # else it is only written in another way
        reason = next((reason for pattern, reason in _REASONS if pattern.fullmatch(short)), reason)
    hint = "; a missing month is left empty" if is_missing_word(text) else ""
    return ValueError(f"month {quoted(text)} {reason}; {_ALLOWED}{hint}")


def _as_written(value: str) -> str | None:
    """The month of a text that begins YYYY-MM and is a whole date or month; None for any other text."""
    match = _MONTH.fullmatch(value)
    if match is None:
        return None
    year, month, day = match.groups()
    try:
        datetime.date(int(year), int(month), int(day or 1))
    except ValueError:
        what = "day" if day and "01" <= month <= "12" and year != "0000" else "month"
        raise ValueError(f"month {quoted(value)}: there is no such {what}; {_ALLOWED}") from None
    return f"{year}-{month}"


def month_number(label: str) -> int:
    """Return the number of months from 0000-01 to a `YYYY-MM` label, so that differences count months."""
    return int(label[:4]) * 12 + int(label[5:7]) - 1


def month_label(number: int) -> str:
    """Return the label of a number that `month_number` gave."""
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


@dataclass(frozen=True, repr=False)
class MonthRange(Labels):
    """A range of months, both ends included, that maps labels to ids and back.

    Parameters
    ----------
    start, end
        First and last month: anything that `parse_month` takes.

    Raises
    ------
    ValueError
        If an end is missing or no month, or if the end comes before the start.

    Examples
    --------
    >>> months = MonthRange("2017-01", "2021-12")
    >>> len(months), months.ids("2017-03")
    (60, 2)
    >>> months.ids(["2021-12", None])
    array([59, -1])
    >>> months.labels([0, -1]).tolist()
    ['2017-01', None]
    """

    kind = "month"
    start: str
    end: str

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            month = parse_month(getattr(self, name))
            if month is None:
                raise ValueError(f"a range of months needs a month as its {name}, such as '2017-01'; none was given")
            object.__setattr__(self, name, month)  # the way to set a field of a frozen dataclass
        if self.end < self.start:
            raise ValueError(
                f"month range {self.start}..{self.end} ends before it starts; give the earlier month first"
            )

    def __repr__(self) -> str:
        return f"MonthRange('{self.start}', '{self.end}')"

    def __len__(self) -> int:
        return month_number(self.end) - month_number(self.start) + 1

    def __iter__(self) -> Iterator[str]:
        first = month_number(self.start)
        return map(month_label, range(first, first + len(self)))

    def __contains__(self, value: object) -> bool:
        with contextlib.suppress(ValueError):
            month = parse_month(value)
            return month is not None and self.start <= month <= self.end
        return False

    def _id(self, value: Any) -> int:
        month = parse_month(value)
        if month is None:
            return MISSING
        if not self.start <= month <= self.end:
            raise ValueError(f"month {month!r} is outside {self.start}..{self.end}")
        return month_number(month) - month_number(self.start)
