"""Templates about weekdays, week numbers and counts of days."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import calendar
import datetime as dt
from random import Random

from data_samples.almanac import facts, wording
from data_samples.almanac.facts import DAY
from data_samples.almanac.template import Cell, Drawn, Templates, common_words


def draw_calendar(cell: Cell, rng: Random) -> Drawn | None:
    """Weekdays, week numbers and counts of days, told from one of the region's towns."""
    region, day, days = cell.region, cell.day(rng), cell.days
    city = rng.choice(region.cities)
    year_days = 366 if calendar.isleap(cell.year) else 365
    day_of_year = day.timetuple().tm_yday
    five = [w for w in range(7) if sum(d.weekday() == w for d in days) == 5]
    weekend = [d for d in days if d.weekday() > 4]
    shared = rng.choice(five) if five else None
    sun = facts.sun(city, day)
    last_year_day = day - DAY if (day.month, day.day) == (2, 29) else day
    last_year_day = last_year_day.replace(year=day.year - 1)
    raw = {
        "day": day,
        "days": days,
        "five": five,
        "weekend": weekend,
        "day_of_year": day_of_year,
        "year_days": year_days,
        "week": day.isocalendar()[1],
        "city": city,
        "friday13": dt.date(cell.year, cell.month, 13).weekday() == 4,
        "leap": (cell.month, year_days) == (2, 366),
        "last_year_day": last_year_day,
    }
    show = wording.clock_style(region, rng)
    words = common_words(cell, day, rng) | {
        "city": city.name,
        "in_city": f"in {city.name}" if rng.random() < 0.6 else "here",
        "first_weekday": wording.WEEKDAYS[days[0].weekday()],
        "last_weekday": wording.WEEKDAYS[days[-1].weekday()],
        "last_nth": wording.ordinal(days[-1].day),
        "five": wording.WEEKDAYS[shared] if shared is not None else "",
        "day_of_year": wording.ordinal(day_of_year),
        "left": wording.count(year_days - day_of_year, "day"),
        "left_month": wording.count(days[-1].day - day.day, "day"),
        "week": str(raw["week"]),
        "weekends": wording.number(len(weekend)),
        "weekdays": wording.number(len(days) - len(weekend)),
        "sunrise": show(sun.rise),
        "sunset": show(sun.set),
        "last_year_weekday": wording.WEEKDAYS[last_year_day.weekday()],
        "position": wording.ordinal_word((day.day - 1) // 7 + 1),
        "hundred": wording.WEEKDAYS[(day + 100 * DAY).weekday()],
        "before_hundred": wording.WEEKDAYS[(day - 100 * DAY).weekday()],
    }
    return Drawn(day, words, raw)


templates = Templates("calendar")
add = templates.add
add(
    "first_weekday",
    draw_calendar,
    "The month began {in_city} on a {first_weekday} and will end on a {last_weekday}.",
    "From {first_weekday} the 1st to {last_weekday} the {last_nth}: such is the shape of {month} on the kitchen calendar {in_city}.",
)
add(
    "five",
    draw_calendar,
    "There are five {five}s in {month}, so whoever meets on {five}s {in_city} meets five times.",
    "Choirs {in_city} that rehearse on {five}s rehearse five times {this_month}.",
    condition=lambda raw: bool(raw["five"]),
)
add(
    "day_of_year",
    draw_calendar,
    "{weekday} the {nth} is the {day_of_year} day of the year, and {left} are left.",
    "Day by day the diary {in_city} fills: {weekday} is the {day_of_year} day of {year}.",
    condition=lambda raw: raw["year_days"] - raw["day_of_year"] >= 2,
)
add(
    "left_month",
    draw_calendar,
    "After {weekday} the {nth} there are {left_month} left in {month}.",
    "Bills {in_city} that fall due on the first can wait a little: {left_month} of the month remain after {weekday} the {nth}.",
    condition=lambda raw: 2 <= (raw["days"][-1] - raw["day"]).days,
)
add(
    "week",
    draw_calendar,
    "{weekday} the {nth} lies in week {week} of the year by the international count.",
    "Planners {in_city} who number their weeks call this one week {week}.",
)
add(
    "weekends",
    draw_calendar,
    "{weekdays} weekdays and {weekends} weekend days make up {month}.",
    "A gym {in_city} that opens on weekdays only opens {weekdays} times {this_month}, holidays apart.",
)
add(
    "friday13",
    draw_calendar,
    "A warning to the superstitious {in_city}: {this_month} has a Friday the 13th.",
    "The 13th is a Friday {this_month}, and the sun sets {in_city} on it as on any other day.",
    condition=lambda raw: raw["friday13"],
)
add(
    "leap",
    draw_calendar,
    "The month has twenty-nine days this time, since {year} is a leap year; on {weekday} the {nth} the sun sets {in_city} at {sunset}.",
    "Leap day comes on Saturday the 29th, and people {in_city} born on it have a birthday at last.",
    condition=lambda raw: raw["leap"],
)
add(
    "last_year",
    draw_calendar,
    "The {nth} is a {weekday}; a year ago it was a {last_year_weekday}.",
    "What was a {last_year_weekday} last year is a {weekday} now, the {nth} of the month {in_city}.",
    condition=lambda raw: raw["day"].day <= 28,
)
add(
    "hundred",
    draw_calendar,
    "A hundred days from {weekday} the {nth} it will be a {hundred}.",
    "Anything promised {in_city} within a hundred days of {weekday} the {nth} is due on a {hundred} at the latest.",
)
add(
    "diary",
    draw_calendar,
    "{weekday} the {nth}, {city}: sunrise at {sunrise}, {day_of_year} day of the year.",
    "On the {position} {weekday} of the month, the {nth}, the sun came up {in_city} at {sunrise}.",
)
