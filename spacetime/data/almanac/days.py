"""Templates about holidays (facts from holidays), customs by rule, and the plain calendar."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable
from functools import cache
from random import Random

from spacetime.data.almanac import facts, wording
from spacetime.data.almanac.facts import DAY, easter, nth_weekday
from spacetime.data.almanac.places import AUS, CAN, UK, US, Region
from spacetime.data.almanac.template import Cell, Drawn, Templates, common_words

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
                    proper = facts.holiday_days(region, raw, subdivision)
                    near = [d for d in proper.values() if abs((d - day).days) <= 4 and d.weekday() > 4]
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


def by_rule(rule: Callable[[int], dt.date]) -> Callable[[Cell, Random], Drawn | None]:
    """A draw for a custom that falls on one day a year, found by rule."""

    def draw(cell: Cell, rng: Random) -> Drawn | None:
        day = rule(cell.year)
        if not cell.holds(day):
            return None
        return _custom(cell, day, rng)

    return draw


def named(region: Region, raw: str, subdivision: str | None = None) -> Callable[[Cell, Random], Drawn | None]:
    """A draw for one holiday by its name in the holidays package."""

    def draw(cell: Cell, rng: Random) -> Drawn | None:
        if cell.region is not region:
            return None
        day = facts.holiday_days(region, raw, subdivision).get(cell.year)
        return _custom(cell, day, rng) if day is not None and cell.holds(day) else None

    return draw


def _custom(cell: Cell, day: dt.date, rng: Random) -> Drawn:
    region, city = cell.region, rng.choice(cell.region.cities)
    sun = facts.sun(city, day)
    show = wording.clock_style(region, rng)
    words = common_words(cell, day, rng) | {
        "city": city.name,
        "in_city": f"in {city.name}" if rng.random() < 0.7 else "here",
        "sunrise": show(sun.rise),
        "sunset": show(sun.set),
        "length": wording.duration(sun.length, rng),
        "position": wording.ordinal_word((day.day - 1) // 7 + 1),
        "day_of_year": wording.ordinal(day.timetuple().tm_yday),
    }
    return Drawn(day, words, {"day": day, "city": city, "sun": sun, "region": region.label})


holidays = Templates("holiday")
customs = Templates("custom")
plain = Templates("calendar")

# --- holidays -------------------------------------------------------------------------------------------
_h = holidays.add
_h(
    "today",
    draw_holiday,
    "{name} is kept {in_place} {when}.",
    "It is {name} {in_place} today, {weekday} the {nth}.",
    "People {in_place} are marking {name} {when}.",
)
_h(
    "weekday",
    draw_holiday,
    "{name} falls on a {weekday} this year {in_place}.",
    "This time round {name} lands on a {weekday}, the {nth}.",
    "In {year} it is a {weekday} that is kept as {name} {in_place}.",
)
_h(
    "last_year",
    draw_holiday,
    "{name} is on a {weekday} this time; a year ago it was on a {last_weekday}.",
    "Last year {name} fell on a {last_weekday}, this year it is a {weekday}.",
    condition=lambda raw: raw["last_year"] is not None and raw["last_year"].weekday() != raw["day"].weekday(),
)
_h(
    "next_year",
    draw_holiday,
    "{name} is on a {weekday} this year and will be on a {next_weekday} the next.",
    "Planners take note: {name}, this year on a {weekday}, moves to a {next_weekday} in twelve months.",
    condition=lambda raw: raw["next_year"] is not None and raw["next_year"].weekday() != raw["day"].weekday(),
)
_h(
    "only_local",
    draw_holiday,
    "{name} is in the calendar of {place} {when}, and not in that of {other}.",
    "It is {name} in {place}, and an ordinary {weekday} in {other}.",
    "{name} is a holiday in {place} {when}, and none in {other}.",
    condition=lambda raw: raw["subdivision"] is not None and raw["other"] and raw["day"].weekday() < 5,
)
_h(
    "long_weekend",
    draw_holiday,
    "{name} makes a long weekend {in_place}, ending {when}.",
    "Three days off in a row {in_place}: Saturday, Sunday and {name}.",
    "The long weekend of {name} {in_city} ends on {weekday} the {nth}.",
    condition=lambda raw: raw["day"].weekday() == 0 and raw["name"] not in _NO_LONG_WEEKEND,
)
_h(
    "midweek",
    draw_holiday,
    "A day off in the middle of the week: {name} is on a {weekday} {in_place}.",
    "{name} cuts the working week {in_place} in two, coming as it does on a {weekday}.",
    condition=lambda raw: raw["day"].weekday() == 2,
)
_h(
    "on_weekend",
    draw_holiday,
    "{name} comes on a {weekday} {in_place} this year.",
    "{name} itself falls on a {weekday} this time, the {nth}.",
    condition=lambda raw: raw["day"].weekday() > 4,
)
_h(
    "sun",
    draw_holiday,
    "On {name} the sun rises at {sunrise} and sets at {sunset} {in_city}.",
    "{name} offers {length} of daylight {in_city}, with sunset at {sunset}.",
    "Picnic or fireside? On {name} the sun sets {in_city} at {sunset}.",
)
_h(
    "day_of_year",
    draw_holiday,
    "{name} is the {day_of_year} day of the year {in_place}.",
    "The {day_of_year} day of {year} is kept {in_place} as {name}.",
)
_h(
    "tomorrow",
    draw_countdown,
    "{next} is {until} away.",
    "There are {until} to go until {next}, which falls on a {next_weekday}.",
    "Counting from {weekday} the {nth}, {next} comes in {until}.",
    condition=lambda raw: (raw["next"][0] - raw["day"]).days >= 2,
)
_h(
    "since",
    draw_countdown,
    "{last} was {since} ago.",
    "It has been {since} since {last}, counted to {weekday} the {nth}.",
    "{last} is {since} behind us, and {first_next} is {until_first} ahead.",
    condition=lambda raw: (raw["day"] - raw["last"][0]).days >= 2 and (raw["first_next"][0] - raw["day"]).days >= 2,
)
_h(
    "between",
    draw_countdown,
    "We are in the stretch between {last} and {first_next}, {between} from the one to the other.",
    "From {last} to {first_next} it is {between}, and {since_number} of them have gone.",
    condition=lambda raw: (raw["day"] - raw["last"][0]).days >= 2 and (raw["first_next"][0] - raw["last"][0]).days > 20,
)
_h(
    "uk_count",
    draw_bank_holidays,
    "{place} has {off} {this_month}, on {dates}.",
    "Pay clerks in {place} reckon with {working} working days and {off} {this_month}.",
    "The calendar of {place} shows {off} {this_month}: {dates}.",
    condition=lambda raw: bool(raw["off"]),
    regions=("UK",),
)
_h(
    "uk_none",
    draw_bank_holidays,
    "There is not one bank holiday in any part of the country {this_month}.",
    "No bank holiday {this_month}, so {place} works on all {working} weekdays.",
    "A {season} month without a single bank holiday: {working} working days.",
    condition=lambda raw: not raw["anywhere"],
    regions=("UK",),
)
_h(
    "us_count",
    draw_federal,
    "The federal calendar marks {off} {this_month}, on {dates}.",
    "Take out weekends and federal holidays, and {this_month} has {working} days left for work.",
    condition=lambda raw: bool(raw["off"]),
    regions=("US",),
)
_h(
    "us_none",
    draw_federal,
    "No federal holiday breaks up {this_month}, which has {working} weekdays.",
    "There is no federal holiday {this_month}, and from {weekday} the {nth} there are {left} left in it.",
    condition=lambda raw: not raw["off"],
    regions=("US",),
)
_h(
    "substitute",
    draw_substitute,
    "{name} falls on a {weekend}, so the day off {in_place} is {weekday} the {nth}.",
    "Because {name} comes on a {weekend}, offices {in_place} close {when} instead.",
)

# --- customs and single holidays ------------------------------------------------------------------------
_k = customs.add
_k(
    "new_year",
    by_rule(lambda year: dt.date(year, 1, 1)),
    "The year begins on a {weekday}, and the first sunset of it comes {in_city} at {sunset}.",
    "The first sunrise of {year} {in_city} is at {sunrise}, for those who are up to see it.",
)
_k(
    "new_years_eve",
    by_rule(lambda year: dt.date(year, 12, 31)),
    "The last sunset of {year} {in_city} is at {sunset}, this {weekday}.",
    "One more night of {year}: the sun went down {in_city} at {sunset} for the last time this year.",
)
_k(
    "valentine",
    by_rule(lambda year: dt.date(year, 2, 14)),
    "Valentine's Day is on a {weekday} this year, with the sun down {in_city} by {sunset}.",
    "Couples {in_city} who dine out this {weekday} for Saint Valentine will do so after a sunset at {sunset}.",
)
_k(
    "christmas_light",
    by_rule(lambda year: dt.date(year, 12, 25)),
    "Christmas dinner {in_city} comes on a day of {length} of daylight.",
    "On Christmas Day, a {weekday}, the sun is up {in_city} from {sunrise} to {sunset}.",
)
_k(
    "christmas_eve",
    by_rule(lambda year: dt.date(year, 12, 24)),
    "Children {in_city} who go to bed at sunset on Christmas Eve do so at {sunset}.",
    "Christmas Eve is a {weekday}, and sunset {in_city} is at {sunset}.",
)
_k(
    "easter",
    by_rule(easter),
    "Easter Sunday is on the {nth} this year, and the sun rises {in_city} at {sunrise}.",
    "Easter, the {day_of_year} day of {year}, dawns {in_city} with a sunrise at {sunrise}.",
)
_k(
    "good_friday",
    by_rule(lambda year: easter(year) - 2 * DAY),
    "Good Friday falls on the {nth} this year, two days before Easter.",
    "On Good Friday the sun sets {in_city} at {sunset}.",
)
_k(
    "shrove_tuesday",
    by_rule(lambda year: easter(year) - 47 * DAY),
    "Pancakes are due on {weekday} the {nth}, Shrove Tuesday, before Lent begins.",
    "Shrove Tuesday comes on the {nth}, and by sunset at {sunset} {in_city} the frying pans should be hot.",
)
_k(
    "ash_wednesday",
    by_rule(lambda year: easter(year) - 46 * DAY),
    "Lent begins on {weekday} the {nth}, forty-six days before Easter.",
    "Ash Wednesday is the {day_of_year} day of the year this time.",
)
_k(
    "halloween",
    by_rule(lambda year: dt.date(year, 10, 31)),
    "Halloween comes on a {weekday}, and the sun sets {in_city} at {sunset}.",
    "The ghosts of Halloween {in_city} have to wait for sunset at {sunset} this {weekday}.",
)
_k(
    "mothers_day_lent",
    by_rule(lambda year: facts.mothers_day("UK", year)),
    "Mothering Sunday, the fourth in Lent, is on the {nth} this year.",
    "Flowers for mothers on Sunday the {nth}, three weeks before Easter.",
    regions=("UK",),
)
_k(
    "mothers_day",
    by_rule(lambda year: facts.mothers_day("US", year)),
    "Mother's Day is on the {nth}, the second Sunday of the month.",
    "Breakfast in bed for mothers on Sunday the {nth}; the sun is up {in_city} at {sunrise}.",
    regions=("US", "CAN", "AUS"),
)
_k(
    "fathers_day_north",
    by_rule(lambda year: facts.fathers_day("US", year)),
    "Father's Day is on the {nth}, the third Sunday of the month.",
    "Fathers have their Sunday on the {nth}, with daylight {in_city} until {sunset}.",
    regions=("UK", "US", "CAN"),
)
_k(
    "fathers_day_south",
    by_rule(lambda year: facts.fathers_day("AUS", year)),
    "Father's Day is on the {nth}, the first Sunday of the month.",
    "Fathers are fussed over on Sunday the {nth}, the sun setting {in_city} at {sunset}.",
    regions=("AUS",),
)
_k(
    "burns_night",
    by_rule(lambda year: dt.date(year, 1, 25)),
    "Haggis and poetry {when}: it is Burns Night.",
    "Burns Night falls on a {weekday} this year, and in the dark {in_city} from {sunset} there is time for every verse.",
    regions=("UK",),
)
_k(
    "bonfire_night",
    by_rule(lambda year: dt.date(year, 11, 5)),
    "Bonfires and fireworks {when} for Guy Fawkes, with the sun gone {in_city} at {sunset}.",
    "Remember, remember: Bonfire Night is on a {weekday} this year.",
    regions=("UK",),
)
_k(
    "remembrance_sunday",
    by_rule(lambda year: nth_weekday(year, 11, 6, 2)),
    "Poppies and two minutes of silence {in_city}: Remembrance Sunday is the {nth}.",
    "Remembrance Sunday is the second Sunday of the month, this year the {nth}.",
    regions=("UK",),
)
_k(
    "st_davids",
    by_rule(lambda year: dt.date(year, 3, 1)),
    "Daffodils and leeks are worn for St David, whose day is a {weekday} this year.",
    "Wales keeps St David's Day {when}.",
    regions=("UK",),
)
_k(
    "st_georges",
    by_rule(lambda year: dt.date(year, 4, 23)),
    "St George's Day is a {weekday} this year and no bank holiday.",
    "England has a saint but no day off for him: St George's Day is {weekday} the {nth}.",
    regions=("UK",),
)
_k(
    "twelfth",
    named(UK, "Battle of the Boyne", "NIR"),
    "The Twelfth, which recalls the Battle of the Boyne, is a {weekday} this year in Northern Ireland.",
    "The Twelfth comes {when}, a day for Northern Ireland and for no other part of the country.",
)
_k(
    "king",
    named(US, "Martin Luther King Jr. Day"),
    "Dr. King is honored on the third Monday of the month, this year the {nth}.",
    "Federal offices are closed {when} in memory of Martin Luther King Jr.",
)
_k(
    "groundhog",
    by_rule(lambda year: dt.date(year, 2, 2)),
    "Groundhog Day is on a {weekday}, and the sun rises {in_city} at {sunrise}.",
    "Six more weeks of winter or an early spring? The groundhog is asked {when}.",
    regions=("US", "CAN"),
)
_k(
    "presidents",
    named(US, "Washington's Birthday"),
    "Washington's Birthday is kept on the third Monday of the month, the {nth} this year, though he was born on the 22nd.",
    "Presidents' Day gives federal workers {weekday} the {nth} off.",
)
_k(
    "memorial",
    named(US, "Memorial Day"),
    "Flags on the graves: Memorial Day is on the last Monday of the month, the {nth}.",
    "Memorial Day weekend ends on {weekday} the {nth} with {length} of daylight {in_city}.",
)
_k(
    "independence",
    named(US, "Independence Day"),
    "Whatever is to light up the sky {in_city} on the Fourth has to wait for dark, with sunset at {sunset}.",
    "The Fourth is a {weekday} this year, and the sun does not set {in_city} until {sunset}.",
)
_k(
    "labor_us",
    named(US, "Labor Day"),
    "Labor Day, the first Monday of the month, is the {nth} this year.",
    "The Labor Day weekend closes with a sunset {in_city} at {sunset}.",
)
_k(
    "thanksgiving_us",
    named(US, "Thanksgiving Day"),
    "The turkey is for the fourth Thursday of the month, the {nth} this year.",
    "Thanksgiving dinner {in_city} comes on Thursday the {nth}, and the sun is gone by {sunset}.",
)
_k(
    "black_friday",
    by_rule(lambda year: nth_weekday(year, 11, 3, 4) + DAY),
    "The day after Thanksgiving is the {nth}, and bargain hunters {in_city} who line up before sunrise line up before {sunrise}.",
    "Black Friday is on the {nth} this year.",
    regions=("US",),
)
_k(
    "veterans",
    named(US, "Veterans Day"),
    "Veterans Day is on a {weekday} this year, the eleventh as always.",
    "Those who served are thanked on {weekday} the {nth}, Veterans Day.",
)
_k(
    "election_day",
    by_rule(lambda year: nth_weekday(year, 11, 0, 1) + DAY),
    "Election Day, the Tuesday after the first Monday of the month, is the {nth}.",
    "Voters {in_city} who go to the polls on Tuesday the {nth} have daylight from {sunrise} to {sunset}.",
    condition=lambda raw: raw["day"].year in (2018, 2020),
    regions=("US",),
)
_k(
    "anzac",
    named(AUS, "ANZAC Day"),
    "Anzac Day dawns {in_city} with a sunrise at {sunrise} {when}.",
    "Anzac Day is a {weekday} this year; its hour is dawn, and the sun rises {in_city} at {sunrise}.",
)
_k(
    "australia_day",
    by_rule(lambda year: dt.date(year, 1, 26)),
    "The twenty-sixth, Australia Day, is a {weekday} this year, with {length} of daylight {in_city}.",
    "Barbecues {in_city} on Australia Day have the sun until {sunset}.",
    regions=("AUS",),
)
_k(
    "melbourne_cup",
    named(AUS, "Melbourne Cup Day", "VIC"),
    "The race that stops the nation is run on the first Tuesday of the month, the {nth}.",
    "Victoria has Tuesday the {nth} off for a horse race, the Melbourne Cup.",
)
_k(
    "eight_hours",
    named(AUS, "Eight Hours Day", "TAS"),
    "Tasmania calls it Eight Hours Day and takes {weekday} the {nth} off.",
    "The eight-hour working day is remembered in Hobart {when}, with the day off to prove it.",
)
_k(
    "day_after_christmas",
    by_rule(lambda year: dt.date(year, 12, 26)),
    "The day after Christmas is a {weekday}, and the summer sun sets {in_city} at {sunset}.",
    "Leftover ham in the shade: the day after Christmas has {length} of daylight {in_city}.",
    regions=("AUS",),
)
_k(
    "boxing_day_north",
    by_rule(lambda year: dt.date(year, 12, 26)),
    "Boxing Day is a {weekday} this year, and a walk {in_city} must be over by sunset at {sunset}.",
    "After the feast there are {length} of daylight {in_city} for a Boxing Day walk.",
    regions=("UK", "CAN"),
)
_k(
    "victoria_day",
    named(CAN, "Victoria Day", "ON"),
    "The Monday before the 25th is Victoria Day, this year the {nth}.",
    "Summer, by custom, opens with the Victoria Day weekend, and the sun stays up {in_city} until {sunset} on the Monday.",
)
_k(
    "canada_day",
    named(CAN, "Canada Day"),
    "Canada Day is a {weekday} this year, and the sun sets {in_city} at {sunset}.",
    "The first of the month, a {weekday}, is the country's birthday.",
)
_k(
    "saint_jean",
    named(CAN, "Saint John the Baptist Day", "QC"),
    "Quebec has its day of Saint-Jean-Baptiste {when}.",
    "Quebec keeps its national holiday {when}, and the sun goes down in Montreal long after supper.",
)
_k(
    "thanksgiving_can",
    named(CAN, "Thanksgiving Day", "ON"),
    "The turkey is for the second Monday of the month, the {nth} this year.",
    "Thanksgiving weekend ends on Monday the {nth}, with the sun down {in_city} at {sunset}.",
)
_k(
    "remembrance_can",
    by_rule(lambda year: dt.date(year, 11, 11)),
    "Poppies are worn until Remembrance Day, a {weekday} this year.",
    "Two minutes of silence {in_city} at eleven on {weekday} the {nth}, Remembrance Day.",
    regions=("CAN",),
)
_k(
    "family_day",
    named(CAN, "Family Day", "ON"),
    "Ontario has a winter Monday off, Family Day, on the {nth}.",
    "Skates and sleds for Family Day: the third Monday of the month, the {nth}, is free in Ontario.",
)
_k(
    "civic",
    by_rule(lambda year: nth_weekday(year, 8, 0, 1)),
    "The first Monday of the month, the {nth}, goes by one name in one province and by another in the next.",
    "British Columbia Day, Saskatchewan Day, New Brunswick Day: all of them are on Monday the {nth}.",
    regions=("CAN",),
)
_k(
    "truth",
    by_rule(lambda year: dt.date(2021, 9, 30)),
    "Orange shirts {in_city} for the first National Day for Truth and Reconciliation {when}.",
    "A new federal holiday, for truth and reconciliation, is kept for the first time {when}.",
    regions=("CAN",),
)
_k(
    "juneteenth",
    by_rule(lambda year: dt.date(2021, 6, 19)),
    "Juneteenth, a federal holiday for the first time, falls on a {weekday}.",
    "The newest federal holiday marks the end of slavery {when}.",
    regions=("US",),
)

# --- the plain calendar ---------------------------------------------------------------------------------
_p = plain.add
_p(
    "first_weekday",
    draw_calendar,
    "The month began {in_city} on a {first_weekday} and will end on a {last_weekday}.",
    "From {first_weekday} the 1st to {last_weekday} the {last_nth}: such is the shape of {month} on the kitchen calendar {in_city}.",
)
_p(
    "five",
    draw_calendar,
    "There are five {five}s in {month}, so whoever meets on {five}s {in_city} meets five times.",
    "Choirs {in_city} that rehearse on {five}s rehearse five times {this_month}.",
    condition=lambda raw: bool(raw["five"]),
)
_p(
    "day_of_year",
    draw_calendar,
    "{weekday} the {nth} is the {day_of_year} day of the year, and {left} are left.",
    "Day by day the diary {in_city} fills: {weekday} is the {day_of_year} day of {year}.",
    condition=lambda raw: raw["year_days"] - raw["day_of_year"] >= 2,
)
_p(
    "left_month",
    draw_calendar,
    "After {weekday} the {nth} there are {left_month} left in {month}.",
    "Bills {in_city} that fall due on the first can wait a little: {left_month} of the month remain after {weekday} the {nth}.",
    condition=lambda raw: 2 <= (raw["days"][-1] - raw["day"]).days,
)
_p(
    "week",
    draw_calendar,
    "{weekday} the {nth} lies in week {week} of the year by the international count.",
    "Planners {in_city} who number their weeks call this one week {week}.",
)
_p(
    "weekends",
    draw_calendar,
    "{weekdays} weekdays and {weekends} weekend days make up {month}.",
    "A gym {in_city} that opens on weekdays only opens {weekdays} times {this_month}, holidays apart.",
)
_p(
    "friday13",
    draw_calendar,
    "A warning to the superstitious {in_city}: {this_month} has a Friday the 13th.",
    "The 13th is a Friday {this_month}, and the sun sets {in_city} on it as on any other day.",
    condition=lambda raw: raw["friday13"],
)
_p(
    "leap",
    draw_calendar,
    "The month has twenty-nine days this time, since {year} is a leap year; on {weekday} the {nth} the sun sets {in_city} at {sunset}.",
    "Leap day comes on Saturday the 29th, and people {in_city} born on it have a birthday at last.",
    condition=lambda raw: raw["leap"],
)
_p(
    "last_year",
    draw_calendar,
    "The {nth} is a {weekday}; a year ago it was a {last_year_weekday}.",
    "What was a {last_year_weekday} last year is a {weekday} now, the {nth} of the month {in_city}.",
    condition=lambda raw: raw["day"].day <= 28,
)
_p(
    "hundred",
    draw_calendar,
    "A hundred days from {weekday} the {nth} it will be a {hundred}.",
    "Anything promised {in_city} within a hundred days of {weekday} the {nth} is due on a {hundred} at the latest.",
)
_p(
    "diary",
    draw_calendar,
    "{weekday} the {nth}, {city}: sunrise at {sunrise}, {day_of_year} day of the year.",
    "On the {position} {weekday} of the month, the {nth}, the sun came up {in_city} at {sunrise}.",
)
