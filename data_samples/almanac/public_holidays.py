"""Templates about public holidays (facts from holidays)."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import datetime as dt
from functools import cache
from random import Random

from data_samples.almanac import facts, wording
from data_samples.almanac.places import CAN, UK, US, Region
from data_samples.almanac.template import Cell, Drawn, Templates, common_words

# Holidays the whole region keeps, by their name in the holidays package, and what people call them.
NATIONAL: dict[str, dict[str, str]] = {
    "UK": {
        "New Year's Day": "New Year's Day",
        "Good Friday": "Good Friday",
        "May Day": "the early May bank holiday",
        "Spring Bank Holiday": "the spring bank holiday",
        "Christmas Day": "Christmas Day",
        "Boxing Day": "Boxing Day",
    },
    "US": {
        "New Year's Day": "New Year's Day",
        "Martin Luther King Jr. Day": "Martin Luther King Day",
        "Washington's Birthday": "Presidents' Day",
        "Memorial Day": "Memorial Day",
        "Independence Day": "Independence Day",
        "Labor Day": "Labor Day",
        "Columbus Day": "Columbus Day",
        "Veterans Day": "Veterans Day",
        "Thanksgiving Day": "Thanksgiving",
        "Christmas Day": "Christmas Day",
    },
    "AUS": {
        "New Year's Day": "New Year's Day",
        "Good Friday": "Good Friday",
        "Easter Monday": "Easter Monday",
        "ANZAC Day": "Anzac Day",
        "Christmas Day": "Christmas Day",
    },
    "CAN": {
        "New Year's Day": "New Year's Day",
        "Good Friday": "Good Friday",
        "Canada Day": "Canada Day",
        "Labor Day": "Labour Day",
        "Christmas Day": "Christmas Day",
    },
}

# Holidays of a part of the region: subdivision -> name in the package -> what people call it there.
LOCAL: dict[str, dict[str, dict[str, str]]] = {
    "UK": {
        "SCT": {
            "New Year Holiday": "the second New Year holiday",
            "Summer Bank Holiday": "the summer bank holiday",
            "Saint Andrew's Day": "St Andrew's Day",
        },
        "NIR": {"Saint Patrick's Day": "St Patrick's Day", "Battle of the Boyne": "the Twelfth"},
        "ENG": {"Late Summer Bank Holiday": "the summer bank holiday", "Easter Monday": "Easter Monday"},
        "WLS": {"Late Summer Bank Holiday": "the summer bank holiday", "Easter Monday": "Easter Monday"},
    },
    "US": {
        "AK": {"Seward's Day": "Seward's Day", "Alaska Day": "Alaska Day"},
        "DC": {"Emancipation Day": "Emancipation Day"},
        "HI": {"Kamehameha Day": "King Kamehameha Day", "Statehood Day": "Statehood Day"},
        "IL": {"Casimir Pulaski Day": "Casimir Pulaski Day"},
        "LA": {"Mardi Gras": "Mardi Gras"},
        "MA": {"Patriots' Day": "Patriots' Day"},
        "ME": {"Patriots' Day": "Patriots' Day"},
        "MO": {"Truman Day": "Truman Day"},
        "NV": {"Nevada Day": "Nevada Day", "Family Day": "Family Day"},
        "RI": {"Victory Day": "Victory Day"},
        "TX": {"Texas Independence Day": "Texas Independence Day"},
        "UT": {"Pioneer Day": "Pioneer Day"},
        "VT": {"Bennington Battle Day": "Bennington Battle Day", "Town Meeting Day": "Town Meeting Day"},
        "WV": {"West Virginia Day": "West Virginia Day"},
    },
    "AUS": {
        "WA": {
            "Labor Day": "Labour Day",
            "Western Australia Day": "Western Australia Day",
            "Queen's Birthday": "the Queen's Birthday",
        },
        "VIC": {
            "Labor Day": "Labour Day",
            "Queen's Birthday": "the Queen's Birthday",
            "Melbourne Cup Day": "Melbourne Cup Day",
            "Friday before the AFL Grand Final": "the Friday before the football grand final",
        },
        "TAS": {"Eight Hours Day": "Eight Hours Day", "Queen's Birthday": "the Queen's Birthday"},
        "SA": {"Adelaide Cup Day": "Adelaide Cup Day", "Labor Day": "Labour Day"},
        "ACT": {
            "Canberra Day": "Canberra Day",
            "Reconciliation Day": "Reconciliation Day",
            "Labor Day": "Labour Day",
        },
        "QLD": {"Labor Day": "Labour Day", "Queen's Birthday": "the Queen's Birthday"},
        "NT": {"May Day": "May Day", "Picnic Day": "Picnic Day"},
        "NSW": {"Labor Day": "Labour Day", "Queen's Birthday": "the Queen's Birthday"},
    },
    "CAN": {
        "AB": {"Family Day": "Family Day", "Victoria Day": "Victoria Day"},
        "BC": {"Family Day": "Family Day", "British Columbia Day": "British Columbia Day"},
        "MB": {"Louis Riel Day": "Louis Riel Day", "Thanksgiving Day": "Thanksgiving"},
        "NB": {"New Brunswick Day": "New Brunswick Day", "Remembrance Day": "Remembrance Day"},
        "NL": {"Memorial Day": "Memorial Day", "Remembrance Day": "Remembrance Day"},
        "NS": {"Heritage Day": "Heritage Day"},
        "NT": {"National Aboriginal Day": "National Indigenous Peoples Day"},
        "ON": {
            "Family Day": "Family Day",
            "Victoria Day": "Victoria Day",
            "Thanksgiving Day": "Thanksgiving",
        },
        "PE": {"Islander Day": "Islander Day"},
        "QC": {
            "National Patriots' Day": "National Patriots' Day",
            "Saint John the Baptist Day": "Saint-Jean-Baptiste Day",
            "Thanksgiving Day": "Thanksgiving",
        },
        "SK": {"Family Day": "Family Day", "Saskatchewan Day": "Saskatchewan Day"},
        "YT": {"Discovery Day": "Discovery Day", "National Aboriginal Day": "National Indigenous Peoples Day"},
    },
}


_COUNTRY = {"UK": "the United Kingdom", "US": "the United States", "AUS": "Australia", "CAN": "Canada"}
# Mondays that are part of a longer holiday, or may be.
_NO_LONG_WEEKEND = (
    "Easter Monday",
    "Christmas Day",
    "Boxing Day",
    "New Year's Day",
    "the second New Year holiday",
)


def _is_any_holiday(region: Region, subdivision: str, day: dt.date) -> bool:
    # In Canada a day may be free for public servants, or by choice of the employer: neither is a working day.
    categories = ("public", "government", "optional") if region is CAN else ("public",)
    return any(day in facts.holidays_of(region.country, subdivision, c) for c in categories)


@cache
def holiday_table(region: Region) -> list[tuple[dt.date, str, str | None]]:
    """(day, name, subdivision or None) of every holiday the almanac tells of, in order of day."""
    rows: list[tuple[dt.date, str, str | None]] = []
    for raw, name in NATIONAL[region.label].items():
        rows += [(day, name, None) for day in facts.holiday_days(region, raw).values()]
    for subdivision, names in LOCAL[region.label].items():
        for raw, name in names.items():
            rows += [(day, name, subdivision) for day in facts.holiday_days(region, raw, subdivision).values()]
    return sorted(rows, key=lambda row: (row[0], row[1], row[2] or ""))


def draw_holiday(cell: Cell, rng: Random) -> Drawn | None:
    """A holiday of the region or of one of its parts, on its day."""
    rows = [row for row in holiday_table(cell.region) if cell.holds(row[0])]
    return _holiday(cell, *rng.choice(rows), rng) if rows else None


def _holiday(cell: Cell, day: dt.date, name: str, subdivision: str | None, rng: Random) -> Drawn:
    region = cell.region
    where = region.subdivisions[subdivision] if subdivision else ""
    last_year = [d for d, n, s in holiday_table(region) if (n, s) == (name, subdivision) and d.year == day.year - 1]
    next_year = [d for d, n, s in holiday_table(region) if (n, s) == (name, subdivision) and d.year == day.year + 1]
    other = [s for s in LOCAL[region.label] if s != subdivision and not _is_any_holiday(region, s, day)]
    city = rng.choice(
        [c for c in region.cities if subdivision is None or c.subdivision == subdivision] or list(region.cities)
    )
    sun = facts.sun(city, day)
    raw = {
        "day": day,
        "name": name,
        "subdivision": subdivision,
        "last_year": last_year[0] if last_year else None,
        "next_year": next_year[0] if next_year else None,
        "other": other,
        "city": city,
        "region": region.label,
    }
    show = wording.clock_style(region, rng)
    words = common_words(cell, day, rng) | {
        "name": name,
        "in_place": f"in {where}" if where else rng.choice(("here", f"in {_COUNTRY[region.label]}")),
        "place": where,
        "other": region.subdivisions[rng.choice(other)] if other else "",
        "last_weekday": wording.WEEKDAYS[last_year[0].weekday()] if last_year else "",
        "next_weekday": wording.WEEKDAYS[next_year[0].weekday()] if next_year else "",
        "day_of_year": wording.ordinal(day.timetuple().tm_yday),
        "sunrise": show(sun.rise),
        "sunset": show(sun.set),
        "length": wording.duration(sun.length, rng),
        "city": city.name,
        "in_city": f"in {city.name}" if rng.random() < 0.6 or subdivision else "here",
        "position": wording.ordinal_word((day.day - 1) // 7 + 1),
    }
    return Drawn(day, words, raw)


def draw_countdown(cell: Cell, rng: Random) -> Drawn | None:
    """Days from any day of the month to the next holiday of the whole region, and since the last."""
    region, day = cell.region, cell.day(rng)
    national = [(d, n) for d, n, s in holiday_table(region) if s is None]
    coming = [(d, n) for d, n in national if d > day]
    following = coming[rng.choice((0, 0, 0, 1))]
    last = max((d, n) for d, n in national if d < day)
    raw = {"day": day, "next": following, "last": last, "first_next": coming[0]}
    words = common_words(cell, day, rng) | {
        "next": following[1],
        "last": last[1],
        "first_next": coming[0][1],
        "until": wording.count((following[0] - day).days, "day"),
        "until_first": wording.count((coming[0][0] - day).days, "day"),
        "since": wording.count((day - last[0]).days, "day"),
        "since_number": wording.number((day - last[0]).days),
        "between": wording.count((coming[0][0] - last[0]).days, "day"),
        "next_weekday": wording.WEEKDAYS[following[0].weekday()],
    }
    return Drawn(day, words, raw)


def draw_bank_holidays(cell: Cell, rng: Random) -> Drawn | None:
    """Days off in one part of the UK in the month, substitutes included."""
    subdivision = rng.choice(list(UK.subdivisions))
    off = sorted(d for d in facts.days_off(UK, subdivision) if cell.holds(d) and d.weekday() < 5)
    working = [d for d in cell.days if d.weekday() < 5 and d not in off]
    anywhere = [d for s in UK.subdivisions for d in facts.days_off(UK, s) if cell.holds(d)]
    day = cell.day(rng)
    words = common_words(cell, day, rng) | {
        "place": UK.subdivisions[subdivision],
        "off": wording.count(len(off), "bank holiday"),
        "dates": wording.listing([f"the {wording.ordinal(d.day)}" for d in off]) if off else "",
        "working": wording.number(len(working)),
        "season": facts.season(cell.month, False)[0],
        "weekdays": wording.number(len(working) + len(off)),
    }
    return Drawn(day, words, {"day": day, "off": off, "working": working, "anywhere": anywhere})


def draw_federal(cell: Cell, rng: Random) -> Drawn | None:
    """Federal holidays of the US in the month, substitutes included."""
    off = sorted(d for d in facts.days_off(US, None) if cell.holds(d) and d.weekday() < 5)
    working = [d for d in cell.days if d.weekday() < 5 and d not in off]
    day = cell.day(rng)
    words = common_words(cell, day, rng) | {
        "off": wording.count(len(off), "federal holiday"),
        "dates": wording.listing([f"{wording.WEEKDAYS[d.weekday()]} the {wording.ordinal(d.day)}" for d in off])
        if off
        else "",
        "working": wording.number(len(working)),
        "left": wording.count(len([d for d in working if d > day]), "working day"),
    }
    return Drawn(day, words, {"day": day, "off": off, "working": working})


def draw_substitute(cell: Cell, rng: Random) -> Drawn | None:
    """A weekday given off because the holiday itself fell on a weekend."""
    region = cell.region
    rows = []
    for subdivision in (None, *region.subdivisions):
        for day, names in facts.holidays_of(region.country, subdivision).items():
            for name in names.split("; "):
                raw = name.removesuffix(" (observed)")
                if name != raw and cell.holds(day) and raw in NATIONAL[region.label]:
                    by_year = facts.holiday_days(region, raw, subdivision)
                    near = [d for d in by_year.values() if abs((d - day).days) <= 4 and d.weekday() > 4]
                    if near and day.weekday() < 5:
                        rows.append((day, near[0], NATIONAL[region.label][raw], subdivision))
    if not rows:
        return None
    day, proper, name, subdivision = rng.choice(rows)
    words = common_words(cell, day, rng) | {
        "name": name,
        "weekend": wording.WEEKDAYS[proper.weekday()],
        "in_place": f"in {region.subdivisions[subdivision]}" if subdivision else "here",
    }
    return Drawn(day, words, {"day": day, "proper": proper, "name": name, "subdivision": subdivision})


templates = Templates("holiday")
add = templates.add
add(
    "today",
    draw_holiday,
    "{name} is kept {in_place} {when}.",
    "It is {name} {in_place} today, {weekday} the {nth}.",
    "People {in_place} are marking {name} {when}.",
)
add(
    "weekday",
    draw_holiday,
    "{name} falls on a {weekday} this year {in_place}.",
    "This time round {name} lands on a {weekday}, the {nth}.",
    "In {year} it is a {weekday} that is kept as {name} {in_place}.",
)
add(
    "last_year",
    draw_holiday,
    "{name} is on a {weekday} this time; a year ago it was on a {last_weekday}.",
    "Last year {name} fell on a {last_weekday}, this year it is a {weekday}.",
    condition=lambda raw: raw["last_year"] is not None and raw["last_year"].weekday() != raw["day"].weekday(),
)
add(
    "next_year",
    draw_holiday,
    "{name} is on a {weekday} this year and will be on a {next_weekday} the next.",
    "Planners take note: {name}, this year on a {weekday}, moves to a {next_weekday} in twelve months.",
    condition=lambda raw: raw["next_year"] is not None and raw["next_year"].weekday() != raw["day"].weekday(),
)
add(
    "only_local",
    draw_holiday,
    "{name} is in the calendar of {place} {when}, and not in that of {other}.",
    "It is {name} in {place}, and an ordinary {weekday} in {other}.",
    "{name} is a holiday in {place} {when}, and none in {other}.",
    condition=lambda raw: raw["subdivision"] is not None and raw["other"] and raw["day"].weekday() < 5,
)
add(
    "long_weekend",
    draw_holiday,
    "{name} makes a long weekend {in_place}, ending {when}.",
    "Three days off in a row {in_place}: Saturday, Sunday and {name}.",
    "The long weekend of {name} {in_city} ends on {weekday} the {nth}.",
    condition=lambda raw: raw["day"].weekday() == 0 and raw["name"] not in _NO_LONG_WEEKEND,
)
add(
    "midweek",
    draw_holiday,
    "A day off in the middle of the week: {name} is on a {weekday} {in_place}.",
    "{name} cuts the working week {in_place} in two, coming as it does on a {weekday}.",
    condition=lambda raw: raw["day"].weekday() == 2,
)
add(
    "on_weekend",
    draw_holiday,
    "{name} comes on a {weekday} {in_place} this year.",
    "{name} itself falls on a {weekday} this time, the {nth}.",
    condition=lambda raw: raw["day"].weekday() > 4,
)
add(
    "sun",
    draw_holiday,
    "On {name} the sun rises at {sunrise} and sets at {sunset} {in_city}.",
    "{name} offers {length} of daylight {in_city}, with sunset at {sunset}.",
    "Picnic or fireside? On {name} the sun sets {in_city} at {sunset}.",
)
add(
    "day_of_year",
    draw_holiday,
    "{name} is the {day_of_year} day of the year {in_place}.",
    "The {day_of_year} day of {year} is kept {in_place} as {name}.",
)
add(
    "tomorrow",
    draw_countdown,
    "{next} is {until} away.",
    "There are {until} to go until {next}, which falls on a {next_weekday}.",
    "Counting from {weekday} the {nth}, {next} comes in {until}.",
    condition=lambda raw: (raw["next"][0] - raw["day"]).days >= 2,
)
add(
    "since",
    draw_countdown,
    "{last} was {since} ago.",
    "It has been {since} since {last}, counted to {weekday} the {nth}.",
    "{last} is {since} behind us, and {first_next} is {until_first} ahead.",
    condition=lambda raw: (raw["day"] - raw["last"][0]).days >= 2 and (raw["first_next"][0] - raw["day"]).days >= 2,
)
add(
    "between",
    draw_countdown,
    "We are in the stretch between {last} and {first_next}, {between} from the one to the other.",
    "From {last} to {first_next} it is {between}, and {since_number} of them have gone.",
    condition=lambda raw: (raw["day"] - raw["last"][0]).days >= 2 and (raw["first_next"][0] - raw["last"][0]).days > 20,
)
add(
    "uk_count",
    draw_bank_holidays,
    "{place} has {off} {this_month}, on {dates}.",
    "Pay clerks in {place} reckon with {working} working days and {off} {this_month}.",
    "The calendar of {place} shows {off} {this_month}: {dates}.",
    condition=lambda raw: bool(raw["off"]),
    regions=("UK",),
)
add(
    "uk_none",
    draw_bank_holidays,
    "There is not one bank holiday in any part of the country {this_month}.",
    "No bank holiday {this_month}, so {place} works on all {working} weekdays.",
    "Not a single bank holiday in the whole of this {season} month: {working} working days.",
    condition=lambda raw: not raw["anywhere"],
    regions=("UK",),
)
add(
    "us_count",
    draw_federal,
    "The federal calendar marks {off} {this_month}, on {dates}.",
    "Take out weekends and federal holidays, and {this_month} has {working} days left for work.",
    condition=lambda raw: bool(raw["off"]),
    regions=("US",),
)
add(
    "us_none",
    draw_federal,
    "No federal holiday breaks up {this_month}, which has {working} weekdays.",
    "There is no federal holiday {this_month}, and from {weekday} the {nth} there are {left} left in it.",
    condition=lambda raw: not raw["off"],
    regions=("US",),
)
add(
    "substitute",
    draw_substitute,
    "{name} falls on a {weekend}, so the day off {in_place} is {weekday} the {nth}.",
    "Because {name} comes on a {weekend}, offices {in_place} close {when} instead.",
)
