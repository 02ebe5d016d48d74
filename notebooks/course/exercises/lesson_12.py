"""Exercises of lesson 12: the month of a date of any precision, every row accounted for, a split by days."""

import datetime
import re
from collections import Counter
from collections.abc import Collection, Sequence

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.months import parse_any_month


def month_of(date: str) -> str | None:
    """Month of a date as YYYY-MM, or None where the month would have to be guessed."""
    try:
        return parse_any_month(date)
    except ValueError:
        return None


def account_for(months: Sequence[str | None], regions: Sequence[str], least: int) -> dict[str, int]:
    """Rows by what became of them: used, without a month, of a region with fewer than `least` readable rows."""
    readable = Counter(region for month, region in zip(months, regions, strict=True) if month is not None)
    rare = sum(count for count in readable.values() if count < least)
    return {"used": readable.total() - rare, "no month": list(months).count(None), "rare region": rare}


def sides_by_day(days: Sequence[str], held_out: Collection[str]) -> list[str]:
    """Side of every row by its day: 'test' if held out, 'gap' if the next day to one that is, else 'train'."""
    return _sides(days, held_out, (-1, 1))


def _slashes(date: str, day_first: bool) -> str | None:
    """`month_of` by somebody who has decided what comes first and turns round only where that is impossible."""
    if not (found := re.fullmatch(r"(\d\d)/(\d\d)/(\d{4})", date)):
        return month_of(date)
    first, second, year = found.groups()
    month, other = (second, first) if day_first else (first, second)
    return f"{year}-{month if int(month) <= 12 else other}"


def _january(date: str) -> str | None:
    return f"{date}-01" if re.fullmatch(r"\d{4}", date) else month_of(date)


def _refuses_equal(date: str) -> str | None:
    first, _, rest = date.partition("/")
    return None if rest.startswith(f"{first}/") else month_of(date)


def _only_iso(date: str) -> str | None:
    return None if "/" in date else month_of(date)


def _first_seven(date: str) -> str | None:
    return date[:7]


def _counted_twice(months: Sequence[str | None], regions: Sequence[str], least: int) -> dict[str, int]:
    right, all_rows = account_for(months, regions, least), Counter(regions)
    readable = Counter(region for month, region in zip(months, regions, strict=True) if month is not None)
    rare = sum(all_rows[region] for region in all_rows if readable[region] < least)
    return right | {"rare region": rare}


def _rare_among_all(months: Sequence[str | None], regions: Sequence[str], least: int) -> dict[str, int]:
    kept = Counter(region for month, region in zip(months, regions, strict=True) if month is not None)
    rare = sum(count for region, count in kept.items() if list(regions).count(region) < least)
    return {"used": kept.total() - rare, "no month": list(months).count(None), "rare region": rare}


def _all_rows_of_rare(months: Sequence[str | None], regions: Sequence[str], least: int) -> dict[str, int]:
    rare = sum(count for count in Counter(regions).values() if count < least)
    unread = list(months).count(None)
    return {"used": len(months) - unread - rare, "no month": unread, "rare region": rare}


def _regions_not_rows(months: Sequence[str | None], regions: Sequence[str], least: int) -> dict[str, int]:
    right = account_for(months, regions, least)
    readable = Counter(region for month, region in zip(months, regions, strict=True) if month is not None)
    return right | {"rare region": sum(count < least for count in readable.values())}


def _sides(days: Sequence[str], held_out: Collection[str], steps: tuple[int, ...], drop: bool = False) -> list[str]:
    held = {datetime.date.fromisoformat(day) for day in held_out}
    gap = {day + datetime.timedelta(step) for day in held for step in steps}
    dates = [datetime.date.fromisoformat(day) for day in days]
    if drop:
        return ["gap" if day in gap else "test" if day in held else "train" for day in dates]
    return ["test" if day in held else "gap" if day in gap else "train" for day in dates]


def _by_number(days: Sequence[str], held_out: Collection[str]) -> list[str]:
    """The day before and after by the number in the month: the 31st has no neighbour in the next month."""
    near = {f"{day[:8]}{int(day[8:]) + step:02d}" for day in held_out for step in (-1, 1)}
    return ["test" if day in held_out else "gap" if day in near else "train" for day in days]


EXERCISES = (
    Exercise(
        "12",
        month_of,
        {
            "a moment": ("2019-11-30T10:22:05",),
            "a month": ("2019-11",),
            "a year": ("2019",),
            "a day above 12 first": ("30/11/2019",),
            "a day above 12 second": ("11/30/2019",),
            "either": ("03/04/2019",),
            "either, and the same": ("03/03/2019",),
        },
        "what is written is read, what would be a guess is left open",
        (
            Mistake("03/04/2019 may be March as well; day first is a guess", lambda date: _slashes(date, True)),
            Mistake("03/04/2019 may be April as well; month first is a guess", lambda date: _slashes(date, False)),
            Mistake("2019 is no month: January would get the rows of the whole year", _january),
            Mistake("03/03/2019 is in March whichever number is the day; nothing is open there", _refuses_equal),
            Mistake("a number above 12 is no month, so 30/11/2019 can be read without a guess", _only_iso),
            Mistake("the first seven characters are the month only where the year comes first", _first_seven),
        ),
    ),
    Exercise(
        "12",
        account_for,
        {
            "all is well": (["2019-01", "2019-02", "2019-02"], ["UK", "UK", "UK"], 2),
            "a row with both faults": (
                ["2019-01", "2019-01", None, None, "2019-03"],
                ["UK", "UK", "UK", "NZ", "NZ"],
                2,
            ),
            "just enough": (["2019-01", "2019-01", "2019-02", None], ["UK", "UK", "NZ", "UK"], 2),
            "two rare regions": (["2019-01"] * 6 + [None], ["UK"] * 3 + ["NZ", "NZ", "FR", "FR"], 3),
        },
        "every row is counted, and none twice",
        (
            Mistake("a row without a month is counted again with its rare region; one row, one reason", _counted_twice),
            Mistake("a region is rare by the rows that can be read, not by all rows of the file", _rare_among_all),
            Mistake("those are regions; count their rows", _regions_not_rows),
            Mistake(
                "rows without a month make their region look larger, or are counted with it; leave them out first",
                _all_rows_of_rare,
            ),
            Mistake(
                "a region with exactly `least` rows is not rare",
                lambda months, regions, least: account_for(months, regions, least + 1),
            ),
        ),
    ),
    Exercise(
        "12",
        sides_by_day,
        {
            "one day in a month": (
                ["2019-05-03", "2019-05-04", "2019-05-05", "2019-05-06", "2019-05-04"],
                ["2019-05-04"],
            ),
            "two days in a row": (
                ["2019-05-02", "2019-05-03", "2019-05-04", "2019-05-05"],
                ["2019-05-03", "2019-05-04"],
            ),
            "the end of a month": (["2019-03-30", "2019-03-31", "2019-04-01", "2019-04-02"], ["2019-03-31"]),
        },
        "no training row is from a test row's day, or the day before or after",
        (
            Mistake(
                "no gap: the day after a held-out day tells its news again, in training",
                lambda days, held_out: _sides(days, held_out, ()),
            ),
            Mistake(
                "the day before a held-out day is missing from the gap",
                lambda days, held_out: _sides(days, held_out, (1,)),
            ),
            Mistake(
                "the day after a held-out day is missing from the gap",
                lambda days, held_out: _sides(days, held_out, (-1,)),
            ),
            Mistake("1 April is the day after 31 March; compare dates, not the numbers in them", _by_number),
            Mistake(
                "a held-out day stays test, even where the next day is held out, too",
                lambda days, held_out: _sides(days, held_out, (-1, 1), drop=True),
            ),
        ),
    ),
)
check = Checks(EXERCISES)
