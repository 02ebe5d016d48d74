"""Contrast sets: the same words, true in one month here and in another month elsewhere.

Only the context, the month and the region, can tell what such a sentence means. Each text stands in every
month and region where it is true, and in no other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from data_samples.almanac import facts
from data_samples.almanac.public_holidays import LOCAL
from data_samples.almanac.template import Cell

Find = Callable[[Cell], dt.date | None]


@dataclass(frozen=True)
class Contrast:
    """One contrast text, and the rule that gives its day in a cell (None: not true there)."""

    id: str
    text: str
    find: Find


def _mid(cell: Cell) -> dt.date:
    return cell.days[14]


def _month_of_season(name: str, third: int) -> Find:
    def find(cell: Cell) -> dt.date | None:
        return _mid(cell) if facts.season(cell.month, cell.region.south) == (name, third) else None

    return find


def _only(find: Callable[[Cell], dt.date | None]) -> Find:
    def inside(cell: Cell) -> dt.date | None:
        day = find(cell)
        return day if cell.holds(day) else None

    return inside


def _holiday(raw: str, *, local: bool = True, labels: tuple[str, ...] = ("UK", "US", "AUS", "CAN")) -> Find:
    """First day in the cell of a holiday that goes by this name in the package, anywhere in the region."""

    def find(cell: Cell) -> dt.date | None:
        if cell.region.label not in labels:
            return None
        parts: list[str | None] = [None, *LOCAL[cell.region.label]] if local else [None]
        days = [facts.holiday_days(cell.region, raw, part).get(cell.year) for part in parts]
        return min((day for day in days if day is not None and cell.holds(day)), default=None)

    return find


def _clock(minutes: int) -> Find:
    zones = {"UK": "Europe/London", "US": "America/New_York", "AUS": "Australia/Sydney", "CAN": "America/Toronto"}

    def find(cell: Cell) -> dt.date | None:
        changes = facts.clock_changes(zones[cell.region.label])
        return next((day for day, moved in changes if cell.holds(day) and moved == minutes), None)

    return find


def _turn(north: str, south: str) -> Find:
    def find(cell: Cell) -> dt.date | None:
        moment = facts.season_turns()[cell.year, south if cell.region.south else north]
        # Every equinox and solstice of 2017-2021 lies well inside its month, in every time zone.
        return moment.date() if cell.holds(moment.date()) else None

    return find


def _long_summer_closure(cell: Cell) -> dt.date | None:
    summer = facts.season(cell.month, cell.region.south)[0] == "summer"
    days = [d for d in facts.closures(cell.region.exchange) if cell.holds(d)]
    return days[0] if summer and days else None


def _national_day(cell: Cell) -> dt.date | None:
    days = {"US": (7, 4), "CAN": (7, 1), "AUS": (1, 26)}
    if cell.region.label not in days:
        return None
    day = dt.date(cell.year, *days[cell.region.label])
    return day if cell.holds(day) else None


def _sovereign(cell: Cell) -> dt.date | None:
    if cell.region.label == "CAN":
        return _holiday("Victoria Day")(cell)
    return _holiday("Queen's Birthday")(cell) if cell.region.label == "AUS" else None


def _workers(cell: Cell) -> dt.date | None:
    day = _holiday("Labor Day")(cell)
    return day or (_holiday("Eight Hours Day")(cell) if cell.region.label == "AUS" else None)


def _year_end(cell: Cell) -> dt.date | None:
    month = {"UK": 3, "CAN": 3, "AUS": 6, "US": 9}[cell.region.label]
    return cell.days[-1] if cell.month == month else None


CONTRASTS: tuple[Contrast, ...] = (
    Contrast("summer_first", "It is the first month of summer here.", _month_of_season("summer", 1)),
    Contrast(
        "summer_last",
        "Summer is in its last month, and the evenings are drawing in.",
        _month_of_season("summer", 3),
    ),
    Contrast("winter_middle", "We are in the middle month of winter.", _month_of_season("winter", 2)),
    Contrast(
        "winter_last",
        "This is the last month of winter, and the days are already growing longer.",
        _month_of_season("winter", 3),
    ),
    Contrast(
        "spring_first",
        "By the weather calendar, spring began with the first of this month.",
        _month_of_season("spring", 1),
    ),
    Contrast(
        "summer_middle",
        "High summer: the middle month of the season, with the longest day some weeks behind us.",
        _month_of_season("summer", 2),
    ),
    Contrast("longest_day", "The longest day of the year falls in this month.", _turn("06", "12")),
    Contrast("shortest_day", "The shortest day of the year falls in this month.", _turn("12", "06")),
    Contrast(
        "nights_win",
        "Day and night are equal this month, and from then on the nights are the longer ones.",
        _turn("09", "03"),
    ),
    Contrast(
        "days_win",
        "Day and night are equal this month, and from then on the days are the longer ones.",
        _turn("03", "09"),
    ),
    Contrast(
        "low_sun",
        "This is the month of the lowest noon sun and the longest shadows.",
        _turn("12", "06"),
    ),
    Contrast(
        "clocks_forward",
        "The clocks go forward this month, and one Sunday loses an hour.",
        _clock(60),
    ),
    Contrast("clocks_back", "The clocks go back this month, and one Sunday gains an hour.", _clock(-60)),
    Contrast(
        "thanksgiving_dinner",
        "Families sit down to their Thanksgiving dinner this month.",
        _holiday("Thanksgiving Day", labels=("US", "CAN")),
    ),
    Contrast(
        "thanksgiving_exchange",
        "The stock exchange is closed for Thanksgiving on one day of this month.",
        _holiday("Thanksgiving Day", labels=("US", "CAN")),
    ),
    Contrast(
        "labour_day",
        "Labour Day makes a long weekend this month.",
        _holiday("Labor Day", labels=("AUS", "CAN")),
    ),
    Contrast("workers", "A Monday of this month is a holiday in the name of working people.", _workers),
    Contrast(
        "mothers_day",
        "Mother's Day is on a Sunday of this month.",
        _only(lambda cell: facts.mothers_day(cell.region.label, cell.year)),
    ),
    Contrast(
        "mothers_flowers",
        "This is the month in which mothers are given a Sunday of their own.",
        _only(lambda cell: facts.mothers_day(cell.region.label, cell.year)),
    ),
    Contrast(
        "fathers_day",
        "Father's Day is on a Sunday of this month.",
        _only(lambda cell: facts.fathers_day(cell.region.label, cell.year)),
    ),
    Contrast(
        "memorial_day",
        "Memorial Day is kept this month for those who died in war.",
        _holiday("Memorial Day", labels=("US", "CAN")),
    ),
    Contrast(
        "family_day",
        "Family Day gives part of the country a day off this month.",
        _holiday("Family Day", labels=("US", "CAN")),
    ),
    Contrast("national_day", "This is the month of the national day.", _national_day),
    Contrast("sovereign", "A Monday holiday marks the sovereign's birthday this month.", _sovereign),
    Contrast("year_end", "The government's financial year ends with the last day of this month.", _year_end),
    Contrast("summer_closure", "The stock exchange takes a summer weekday off this month.", _long_summer_closure),
)
