"""Templates about seasons, equinoxes and solstices (facts from astral)."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

from data_samples.almanac import facts, wording
from data_samples.almanac.facts import DAY
from data_samples.almanac.places import City
from data_samples.almanac.template import Cell, Drawn, Templates, common_words


def _turn_before(day: dt.date, city: City, names: tuple[str, ...]) -> tuple[dt.date, str]:
    turns = [
        (moment.astimezone(facts.zone(city.zone)).date(), month)
        for (_, month), moment in facts.season_turns().items()
        if month in names
    ]
    return max((date, month) for date, month in turns if date <= day)


def draw_turn(cell: Cell, rng: Random) -> Drawn | None:
    """Days since the last solstice or equinox, and until the next, by the town's own calendar."""
    region, city, day = cell.region, rng.choice(cell.region.cities), cell.day(rng)
    names = {"06": "shortest", "12": "longest"} if region.south else {"06": "longest", "12": "shortest"}
    solstice, month = _turn_before(day, city, ("06", "12"))
    equinox, equinox_month = _turn_before(day, city, ("03", "09"))
    # The next solstice lies within 190 days: looking back from there finds it.
    coming, coming_month = _turn_before(day + 190 * DAY, city, ("06", "12"))
    next_equinox, next_equinox_month = _turn_before(day + 190 * DAY, city, ("03", "09"))
    autumnal = "03" if region.south else "09"
    raw: dict[str, Any] = {
        "city": city,
        "solstice": solstice,
        "next_solstice": coming,
        "equinox": equinox,
        "next_equinox": next_equinox,
        "since": (day - solstice).days,
        "until": (coming - day).days,
        "since_equinox": (day - equinox).days,
        "until_equinox": (next_equinox - day).days,
        "extreme": names[month],
        "day": day,
    }
    words = common_words(cell, day, rng) | {
        "city": city.name,
        "in_city": rng.choice((f"in {city.name}", "here", "in our part of the world")),
        "extreme": names[month],
        "next_extreme": names[coming_month],
        "equinox": f"{region.autumn if equinox_month == autumnal else 'spring'} equinox",
        "next_equinox": f"{region.autumn if next_equinox_month == autumnal else 'spring'} equinox",
        "since": wording.count(raw["since"], "day"),
        "until": wording.count(raw["until"], "day"),
        "since_equinox": wording.count(raw["since_equinox"], "day"),
        "until_equinox": wording.count(raw["until_equinox"], "day"),
        "tendency": "growing" if names[month] == "shortest" else "shrinking",
    }
    return Drawn(day, words, raw)


def draw_season(cell: Cell, rng: Random) -> Drawn | None:
    """The meteorological season, in whole months, here and on the other side of the equator."""
    region, day = cell.region, cell.day(rng)
    # In the tropics nobody counts four seasons.
    city = rng.choice([c for c in region.cities if abs(c.latitude) > 24])
    name, third = facts.season(cell.month, region.south)
    away, _ = facts.season(cell.month, not region.south)
    following, _ = facts.season(cell.month % 12 + 1, region.south)
    upcoming, _ = facts.season((cell.month + 2) % 12 + 1, region.south)
    # Day of the season: from the first of its first month.
    first_month = (cell.month - third) % 12 + 1
    first = dt.date(cell.year - (first_month > cell.month), first_month, 1)
    last_month = (first_month + 1) % 12 + 1
    end = facts.month_end(first.year + (last_month < first_month), last_month)

    def local(season: str) -> str:
        return region.autumn if season == "autumn" else season

    sun = facts.sun(city, day)
    raw = {"season": name, "third": third, "day": day, "first": first, "end": end, "city": city, "sun": sun}
    show = wording.clock_style(region, rng)
    words = common_words(cell, day, rng) | {
        "city": city.name,
        "in_city": f"in {city.name}" if rng.random() < 0.5 else "here",
        "season": local(name),
        "away": away,
        "third": wording.ordinal_word(third),
        "next_season": local(upcoming),
        "following": local(following),
        "day_of_season": wording.ordinal((day - first).days + 1),
        "days_left": wording.count((end - day).days, "day"),
        "hemisphere": "southern" if region.south else "northern",
        "other_hemisphere": "northern" if region.south else "southern",
        "sunset": show(sun.set),
        "length": wording.duration(sun.length, rng),
    }
    return Drawn(day, words, raw)


templates = Templates("season")
add = templates.add
add(
    "since_solstice",
    draw_turn,
    "The {extreme} day of the year was {since} ago.",
    "It is {since} since the {extreme} day of the year {in_city}.",
    "The {extreme} day of the year is {since} behind us and the next turning point is {until} ahead, so for the time being the days {in_city} go on {tendency}, a little every day.",
    "The days have been {tendency} for {since} now, ever since the solstice.",
    condition=lambda raw: 2 <= raw["since"] <= 170,
)
add(
    "until_solstice",
    draw_turn,
    "The {next_extreme} day of the year {in_city} is still {until} away.",
    "In {until} comes the {next_extreme} day of the year.",
    "The days {in_city} go on {tendency} for another {until}, until the solstice.",
    condition=lambda raw: 2 <= raw["until"] <= 170,
)
add(
    "since_equinox",
    draw_turn,
    "The {equinox} was {since_equinox} ago.",
    "{since_equinox} have passed since the {equinox}, reckoned in {city}.",
    condition=lambda raw: 2 <= raw["since_equinox"] <= 120,
)
add(
    "until_equinox",
    draw_turn,
    "We have {until_equinox} to wait for the {next_equinox}.",
    "The {next_equinox} is due in {until_equinox}, counted from {weekday} the {nth}.",
    condition=lambda raw: 2 <= raw["until_equinox"] <= 120,
)
add(
    "solstice",
    draw_turn,
    "The solstice reaches {city} {when}, and with it the {extreme} day of the year.",
    "Today is the {extreme} day of the year {in_city}; from tomorrow the balance tips back.",
    "The calendar calls it the solstice; {in_city} it is simply the {extreme} day of {year}.",
    condition=lambda raw: raw["since"] == 0,
)
add(
    "part",
    draw_season,
    "It is the {third} month of {season} {in_city}, counting whole months.",
    "Meteorologists {in_city} are in the {third} month of their {season}.",
    "By the weather records this is the {third} of the three months of {season}, and {in_city} the sun sets at {sunset} {when}.",
)
add(
    "day_of_season",
    draw_season,
    "This {weekday} is the {day_of_season} day of the meteorological {season}.",
    "The {day_of_season} day of {season}, as the weather people count, brought {length} of sun-up {in_city}.",
    "{weekday} the {nth} is the {day_of_season} day of {season} in the weather books {in_city}.",
)
add(
    "days_left",
    draw_season,
    "{days_left} of the meteorological {season} remain.",
    "There are {days_left} left of {season} {in_city}, if one counts by whole months as the weather services do.",
    "{next_season} is coming: the meteorological {season} has {days_left} to run.",
    condition=lambda raw: 2 <= (raw["end"] - raw["day"]).days <= 60,
)
add(
    "opposite",
    draw_season,
    "While we are in {season}, the {other_hemisphere} hemisphere has {away}.",
    "Relatives in the {other_hemisphere} hemisphere report {away}; {in_city} it is {season}, with the sun setting at {sunset} {when}.",
    "It is {season} {in_city} and {away} on the other side of the equator, in the {third} month of both.",
)
add(
    "first_day",
    draw_season,
    "The first day of the meteorological {season} {in_city} falls on a {weekday} this year.",
    "{season} starts {in_city} today, at least for those who keep the weather records.",
    "A new season in the weather books: {season} begins {in_city} this {weekday}, with {length} of daylight.",
    condition=lambda raw: raw["day"] == raw["first"],
)
add(
    "daylight",
    draw_season,
    "One {season} day {in_city}: {length} from sunrise to sunset {when}.",
    "{season} in {city} means sunset at {sunset} {when}.",
    "The {season} sun set {in_city} at {sunset} {when}, after a day of {length}.",
)
