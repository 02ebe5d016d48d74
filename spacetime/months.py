"""Months as labels (``"2019-11"``) and as whole numbers (ids), and every error about them.

A month is written ``YYYY-MM`` everywhere in this project. A model needs a row number instead: the id is the
number of months since the first month of a :class:`MonthRange`. A month may be missing; its id is then
:data:`MISSING`.

The published model knows 2017-01 (id 0) to 2021-12 (id 59); any other range works in the same way.
"""

import contextlib
import datetime
import re
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

MISSING = -1
"""The id of a missing month or region, in arrays, tensors and model inputs."""

_ALLOWED = "give 'YYYY-MM' (or 'YYYY-MM-DD', a datetime.date, a monthly or finer pandas.Period, a numpy.datetime64)"
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")


def is_missing(value: Any) -> bool:
    """Say whether a value stands for "not known": ``None``, an empty text, NaN, NaT or ``pandas.NA``."""
    if value is None or (isinstance(value, str) and value == ""):
        return True
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas' own, recognised without importing pandas
        return True
    if isinstance(value, float | np.floating | np.datetime64):
        return bool(value != value)  # only NaN and NaT differ from themselves
    return False


def quoted(value: Any) -> str:
    """Return a value as an error message shows it: its ``repr``, cut at 80 characters."""
    text = repr(value[:100]) if isinstance(value, str | bytes) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def parse_month(value: Any) -> str | None:
    """Return a month in its one spelling, ``YYYY-MM``.

    Parameters
    ----------
    value : str, datetime.date, datetime.datetime, pandas.Period, numpy.datetime64 or a missing value
        A text is ``YYYY-MM`` or ``YYYY-MM-DD``, nothing else: no spaces, no ``2019-1``. A period must lie
        inside one month.

    Returns
    -------
    str or None
        ``None`` for a missing value (``None``, ``""``, NaN, NaT, ``pandas.NA``).

    Raises
    ------
    ValueError
        If the value is not a month; the message names it and says what is allowed.

    Examples
    --------
    >>> parse_month("2019-11-30")
    '2019-11'
    >>> parse_month("") is None
    True
    """
    if is_missing(value):
        return None
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, datetime.date):  # datetime.datetime and pandas.Timestamp are dates too
        return f"{value.year:04d}-{value.month:02d}"
    if isinstance(value, np.datetime64):
        return _parse_datetime64(value)
    if type(value).__name__ == "Period" and hasattr(value, "start_time"):
        first, last = parse_month(value.start_time), parse_month(value.end_time)
        if first != last:
            raise ValueError(
                f"period {quoted(str(value))} does not lie inside one month ({first} to {last}); {_ALLOWED}"
            )
        return first
    if isinstance(value, bool | int | float | np.number | np.bool_):
        raise ValueError(f"month must be text such as '2019-11', not the number {value}; put quotes around it")
    raise ValueError(f"month {quoted(value)} is of type {type(value).__name__}; {_ALLOWED}")


def parse_any_month(value: Any) -> str | None:
    """Return the month of a date in any common spelling: what a stranger's file holds, read generously.

    Everything that :func:`parse_month` takes, and texts such as ``2019-11-30T10:22:05Z``, ``2019/11``, ``201911``,
    ``Nov 2019``, ``30 November 2019 10:22`` or ``30.11.2019``.  A time zone is not applied: the month as it is written.

    Returns
    -------
    str or None
        ``YYYY-MM``; ``None`` for a missing value, a text of spaces among them.

    Raises
    ------
    ValueError
        If the text is no date, has no month or no year of four digits, or leaves open which number is the month
        (``03/04/2019``).

    Examples
    --------
    >>> parse_any_month("30 Nov 2019"), parse_any_month("2019-11-30 23:59:59+02:00"), parse_any_month("11/2019")
    ('2019-11', '2019-11', '2019-11')
    >>> parse_any_month("03/04/2019")
    Traceback (most recent call last):
    ...
    ValueError: month '03/04/2019' could be 2019-03 or 2019-04; write it as YYYY-MM-DD
    """
    try:
        return parse_month(value.strip() if isinstance(value, str) else value)
    except ValueError as error:
        if not isinstance(value, str) or len(value) > 100:
            raise
        months = _possible_months(value.strip())
        if len(months) == 1:
            return months.pop()
        if len(months) == 2:
            first, second = sorted(months)
            raise ValueError(f"month {quoted(value)} could be {first} or {second}; write it as YYYY-MM-DD") from error
        raise


def _possible_months(text: str) -> set[str]:
    """Every month that a date may mean, day first or month first; none where month or year must be guessed."""
    from dateutil import parser  # pandas brings it; most files never need it

    if re.match("[0-9]{4}-?W", text):  # a week may lie in two months
        return set()
    with contextlib.suppress(ValueError):
        return {datetime.datetime.fromisoformat(text).isoformat()[:7]}
    if re.fullmatch("[0-9]{6}", text):
        text = f"{text[:4]}-{text[4:]}"
    found = set()
    for day_first in (False,) if re.match("[0-9]{4}[^0-9]", text) else (False, True):  # nobody writes year, day, month
        # What the text does not say is filled in from a default: two of them tell what it did say.
        readings = set()
        for default in (datetime.datetime(1904, 1, 1), datetime.datetime(1908, 2, 1)):
            try:
                read = parser.parse(text, default=default, dayfirst=day_first, ignoretz=True)
            except (ValueError, OverflowError):  # dateutil's ParserError is a ValueError
                return set()
            readings.add(f"{read.year:04d}-{read.month:02d}")
        month = readings.pop()
        if readings or month[:4] not in text:  # a year of two digits is a guess, too
            return set()
        found.add(month)
    return found


def _parse_text(value: str) -> str:
    match = _MONTH.fullmatch(value)
    if match is None:
        raise ValueError(f"month {quoted(value)} is not a month; {_ALLOWED}")
    year, month, day = match.groups()
    try:
        datetime.date(int(year), int(month), int(day or 1))
    except ValueError:
        what = "day" if day and "01" <= month <= "12" and year != "0000" else "month"
        raise ValueError(f"month {quoted(value)}: there is no such {what}; {_ALLOWED}") from None
    return f"{year}-{month}"


def _parse_datetime64(value: np.datetime64) -> str:
    unit, _ = np.datetime_data(value)
    if unit in ("generic", "Y", "W"):  # a year, or a week that may lie in two months
        raise ValueError(
            f"month {quoted(value)} is a numpy.datetime64 by {unit!r}, which is no single month; {_ALLOWED}"
        )
    return str(value.astype("datetime64[M]"))


def month_number(label: str) -> int:
    """Return the number of months from 0000-01 to a ``YYYY-MM`` label, so that differences count months."""
    return int(label[:4]) * 12 + int(label[5:7]) - 1


def _label_of_number(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


@dataclass(frozen=True, repr=False)
class MonthRange:
    """A range of months, both ends included, that maps labels to ids and back.

    Parameters
    ----------
    start, end : str (or anything :func:`parse_month` takes)
        First and last month.

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

    start: str
    end: str

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            month = parse_month(getattr(self, name))
            if month is None:
                raise ValueError(f"a MonthRange needs a month as its {name}, such as '2017-01'; none was given")
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
        return (_label_of_number(first + i) for i in range(len(self)))

    def __contains__(self, value: object) -> bool:
        try:
            month = parse_month(value)
        except ValueError:
            return False
        return month is not None and self.start <= month <= self.end

    def ids(self, values: Any) -> Any:
        """Map one month to its id, or many months to an array of ids.

        Parameters
        ----------
        values : one month, or a list, array or pandas Series of n months
            Anything :func:`parse_month` takes.

        Returns
        -------
        int or np.ndarray of int64, shape (n,)
            0 for the first month; :data:`MISSING` for a missing one.

        Raises
        ------
        ValueError
            For a value that is no month, or a month outside the range.
        """
        if isinstance(values, np.ndarray | np.generic) or hasattr(values, "to_numpy"):
            array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
            if array.ndim == 1 and array.dtype.kind == "M":
                return self._ids_of_datetimes(array)
        return map_to_ids(values, self._id, "month")

    def _id(self, value: Any) -> int:
        month = parse_month(value)
        if month is None:
            return MISSING
        if not self.start <= month <= self.end:
            raise ValueError(f"month {month!r} is outside {self.start}..{self.end}")
        return month_number(month) - month_number(self.start)

    def _ids_of_datetimes(self, values: np.ndarray) -> np.ndarray:
        """Map a datetime64 array without a Python loop; time stamps seldom repeat, so nothing is remembered."""
        known = ~np.isnat(values)
        if known.any():
            _parse_datetime64(values[known][0])  # rejects years and weeks
        ids = values.astype("datetime64[M]").astype(np.int64) - int(np.datetime64(self.start, "M").astype(np.int64))
        outside = known & ((ids < 0) | (ids >= len(self)))
        if outside.any():
            self._id(values[outside][0])  # raises, naming the month
        return np.where(known, ids, MISSING)

    def labels(self, ids: Any) -> Any:
        """Map one id to its month, or many ids to an object array of months; the inverse of :meth:`ids`.

        Parameters
        ----------
        ids : int or array of n integers

        Returns
        -------
        str or None, or np.ndarray of object, shape (n,)
            ``None`` where the id is :data:`MISSING`.

        Raises
        ------
        ValueError
            For an id that is neither ``0..len-1`` nor :data:`MISSING`.
        """
        return map_to_labels(ids, list(self), "month")


class _Remembered(dict[Hashable, int]):
    """A dict that works out the id of a value when it is first asked for it."""

    def __init__(self, id_of: Callable[[Any], int]) -> None:
        super().__init__()
        self.id_of = id_of

    def __missing__(self, value: Hashable) -> int:
        result = self.id_of(value)
        if result != MISSING:  # NaN never equals NaN: a column of them would only fill the memory
            self[value] = result
        return result


def map_to_ids(values: Any, id_of: Callable[[Any], int], what: str) -> Any:
    """Map one label, or each of many, with ``id_of``; every distinct label is resolved once only.

    Parameters
    ----------
    values : one label, or a one-dimensional list, tuple, array or pandas Series of n labels
    id_of : callable
        From one label to its id; raises ValueError.
    what : str
        The word for the label in error messages.

    Returns
    -------
    int or np.ndarray of int64, shape (n,)
    """
    dimensions = getattr(values, "ndim", None)
    if isinstance(values, str | bytes | np.generic):
        return id_of(values)
    if dimensions == 0:  # an array of shape () holds one label
        return id_of(values[()])
    if dimensions is not None and dimensions != 1:
        raise ValueError(
            f"{what}s must be one label or a flat list of them, not an array of shape {tuple(values.shape)}"
        )
    if isinstance(values, dict | set | frozenset):
        raise ValueError(f"{what}s must be one label or a list of them, not a {type(values).__name__}")
    if not isinstance(values, Collection):
        return id_of(values)
    remembered = _Remembered(id_of)
    many = values.to_numpy() if hasattr(values, "to_numpy") else values
    if isinstance(many, np.ndarray) and many.dtype.kind != "M":
        many = many.tolist()  # Python's own objects look up about three times as fast as numpy's
    try:
        return np.fromiter((remembered[value] for value in many), dtype=np.int64, count=len(values))
    except TypeError:  # a list inside the list cannot be looked up
        inner = next((value for value in many if isinstance(value, Collection) and not isinstance(value, str)), many)
        raise ValueError(f"{what}s must be one label or a flat list of them; it holds {quoted(inner)}") from None


def map_to_labels(ids: Any, labels: list[str], what: str) -> Any:
    """Map one id, or each of many, to its label; the inverse of :func:`map_to_ids`.

    Parameters
    ----------
    ids : int or array of n integers
    labels : list of str
        The label of each id, in order.
    what : str
        The word for the label in error messages.

    Returns
    -------
    str or None, or np.ndarray of object, shape (n,)
    """
    array = np.asarray(ids)
    if array.ndim > 1:
        raise ValueError(f"{what} ids must be one number or a flat list of them, not an array of shape {array.shape}")
    if array.size == 0:
        return np.empty(0, dtype=object)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{what} ids must be whole numbers, not {quoted(ids)}")
    bad = array[(array < MISSING) | (array >= len(labels))] if array.dtype.kind == "i" else array[array >= len(labels)]
    if bad.size:
        raise ValueError(f"{what} id {bad.flat[0]} is outside 0..{len(labels) - 1} (or {MISSING} for a missing {what})")
    table = np.array([*labels, None], dtype=object)  # -1 reads the last entry, None
    return table[array]
