"""Templates about the moon (facts from astral)."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import datetime as dt
from random import Random

from data_samples.almanac import facts, wording
from data_samples.almanac.facts import DAY
from data_samples.almanac.places import City
from data_samples.almanac.template import Cell, Drawn, Templates, common_words


def draw_phase(cell: Cell, rng: Random) -> Drawn | None:
    """A day with a principal phase of the moon."""
    city = rng.choice(cell.region.cities)
    found = [(d, p) for d, p in facts.phases_on(city.zone).items() if cell.holds(d)]
    if not found:
        return None
    day, phase = rng.choice(found)
    return _moon(cell, city, day, rng, phase)


def draw_moon(cell: Cell, rng: Random) -> Drawn | None:
    """The moon on any day: waxing or waning, its age, the days to the next full or new moon."""
    return _moon(cell, rng.choice(cell.region.cities), cell.day(rng), rng, "")


def _moon(cell: Cell, city: City, day: dt.date, rng: Random, phase: str) -> Drawn:
    region = cell.region
    # The moment the night of this day begins, roughly: 18 h of local time.
    evening = dt.datetime(day.year, day.month, day.day, 18, tzinfo=facts.zone(city.zone)).astimezone(dt.UTC)

    def days_until(name: str) -> float:
        return min((m - evening) / DAY for m, p in facts.moon_phases() if p == name and m > evening)

    age = min((evening - m) / DAY for m, p in facts.moon_phases() if p == "new" and m <= evening)
    to_full, to_new = days_until("full"), days_until("new")
    right = not region.south
    raw = {"phase": phase, "age": age, "to_full": to_full, "to_new": to_new, "day": day, "city": city}
    waxing = age < 14.5
    words = common_words(cell, day, rng) | {
        "city": city.name,
        "over_city": f"over {city.name}" if rng.random() < 0.6 else "here",
        "in_city": f"in {city.name}" if rng.random() < 0.6 else "here",
        "to_full": wording.count(round(to_full), "day"),
        "to_new": wording.count(round(to_new), "day"),
        "age": wording.count(round(age), "day"),
        "lit": "right" if right == waxing else "left",
        "growing": "waxing" if waxing else "waning",
        "hemisphere": "southern" if region.south else "northern",
        "season": region.autumn
        if facts.season(cell.month, region.south)[0] == "autumn"
        else facts.season(cell.month, region.south)[0],
        "night": wording.duration(
            round((facts.sun(city, day + DAY).rise - facts.sun(city, day).set).total_seconds() / 60), rng
        ),
    }
    return Drawn(day, words, raw)


def draw_full_moons(cell: Cell, rng: Random) -> Drawn | None:
    """A month with two full moons, or the full moon's nearness to a weekend."""
    city = rng.choice(cell.region.cities)
    # Every full moon of the month must be clear of the month's ends by more than the moment's error.
    local = [m.astimezone(facts.zone(city.zone)) for m, p in facts.moon_phases() if p == "full"]
    hours = dt.timedelta(hours=4)
    inside = [m for m in local if cell.holds((m - hours).date()) and cell.holds((m + hours).date())]
    if len(inside) != sum(cell.holds(m.date()) for m in local) or not inside:
        return None
    last = inside[-1].date()
    words = common_words(cell, last, rng) | {
        "in_city": f"in {city.name}" if rng.random() < 0.5 else "here",
        "first_nth": wording.ordinal(inside[0].day),
        "around": wording.ordinal(last.day),
    }
    return Drawn(last, words, {"moments": inside, "day": last, "city": city})


templates = Templates("moon")
add = templates.add
add(
    "full",
    draw_phase,
    "The moon is full {over_city} {when}.",
    "Full moon {when}: if the clouds part there will be moonlight all night {in_city}.",
    "{weekday} the {nth} brings the full moon, rising about the time the sun goes down {in_city}.",
    condition=lambda raw: raw["phase"] == "full",
)
add(
    "new",
    draw_phase,
    "New moon {when}, so the night {in_city} is as dark as it gets.",
    "There is no moon to see {over_city} {when}: it is new.",
    "A moonless night for the stargazers {in_city} {when}, new moon falling on the {nth}.",
    condition=lambda raw: raw["phase"] == "new",
)
add(
    "first_quarter",
    draw_phase,
    "A half moon in its first quarter hangs in the evening sky {in_city} {when}.",
    "The moon reaches first quarter {when}, its {lit} half lit as seen from the {hemisphere} hemisphere.",
    condition=lambda raw: raw["phase"] == "first",
)
add(
    "last_quarter",
    draw_phase,
    "The moon reaches its last quarter {when}, with about a week to go {in_city} until it is new.",
    "Last quarter {when}: a half moon for those up before dawn {in_city}, with its {lit} side lit.",
    condition=lambda raw: raw["phase"] == "last",
)
add(
    "to_full",
    draw_moon,
    "Full moon is about {to_full} away.",
    "The evenings {in_city} are getting brighter, with about {to_full} to go until full moon.",
    "Count roughly {to_full} from {weekday} the {nth} to the next full moon.",
    condition=lambda raw: 1.6 <= raw["to_full"] <= 13,
)
add(
    "to_new",
    draw_moon,
    "About {to_new} from now the moon {over_city} will be new.",
    "The moon rises later each night {in_city} and thins towards new moon, about {to_new} off.",
    condition=lambda raw: 1.6 <= raw["to_new"] <= 13,
)
add(
    "age",
    draw_moon,
    "The moon {over_city} is roughly {age} old {when}.",
    "Somebody {in_city} who has counted the evenings since the last new moon should have got to about {age}, and the next full moon is about {to_full} off.",
    "Counted from the last new moon, the moon is about {age} old this {weekday} evening.",
    condition=lambda raw: raw["age"] >= 1.6 and raw["to_full"] >= 1.6,
)
add(
    "side",
    draw_moon,
    "The {growing} moon {over_city} is lit on its {lit}-hand side {when}, as it must be in the {hemisphere} hemisphere.",
    "Look up {when}: the moon is {growing}, and from where we stand its {lit} side is the bright one.",
    condition=lambda raw: (3 < raw["age"] < 12.5 or 17 < raw["age"] < 26.5) and abs(raw["city"].latitude) > 30,
)
add(
    "waxing",
    draw_moon,
    "The moon is waxing {over_city} {when}.",
    "A growing moon shines on the early part of this {season} night {in_city}, {when}.",
    condition=lambda raw: 2 < raw["age"] < 13,
)
add(
    "waning",
    draw_moon,
    "The moon is on the wane {over_city} {when}.",
    "A shrinking moon leaves the evenings of this {season} week to the stars {in_city}.",
    condition=lambda raw: 20.5 < raw["age"] < 27.5,
)
add(
    "night_length",
    draw_phase,
    "The full moon of this {season} has {night} of night to cross {in_city} {when}.",
    "Between sunset and sunrise {in_city} the full moon has {night} to itself {when}.",
    condition=lambda raw: raw["phase"] == "full",
)


add(
    "weekend",
    draw_full_moons,
    "The full moon falls on a weekend {this_month}, around {weekday} the {nth} {in_city}.",
    "Weekend campers {in_city} get a full moon {this_month}, give or take a day around the {nth}.",
    condition=lambda raw: raw["day"].weekday() >= 5 and len(raw["moments"]) == 1,
)
add(
    "two_full",
    draw_full_moons,
    "Two full moons fall within {this_month} {in_city}, the first around the {first_nth}.",
    condition=lambda raw: len(raw["moments"]) == 2,
)
