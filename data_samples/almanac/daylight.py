"""Templates about sunrise, sunset, noon and the length of the day (facts from astral)."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

from data_samples.almanac import facts, wording
from data_samples.almanac.facts import DAY
from data_samples.almanac.places import POLAR
from data_samples.almanac.template import Cell, Drawn, Templates, common_words

_COMPASS = (
    "north|north-north-east|north-east|east-north-east|east|east-south-east|south-east|south-south-east|"
    "south|south-south-west|south-west|west-south-west|west|west-north-west|north-west|north-north-west"
).split("|")
_BRITISH_SPELLING = ("UK", "AUS")


def compass(azimuth: float, label: str) -> str:
    """One of sixteen directions, with the hyphens of the region's spelling."""
    name = _COMPASS[round(azimuth / 22.5) % 16]
    if label in _BRITISH_SPELLING or "-" not in name:
        return name
    *head, first, second = name.split("-")  # east-north-east, but east-northeast
    return "-".join([*head, first + second])


def draw_sun(cell: Cell, rng: Random) -> Drawn | None:
    """One town, one day: sunrise, sunset, length of day, and how they change."""
    region, city, day = cell.region, rng.choice(cell.region.cities), cell.day(rng)
    other = rng.choice([c for c in region.cities if c != city])
    try:
        sun, week, ten, start, end = (
            facts.sun(city, d) for d in (day, day - 7 * DAY, day + 10 * DAY, cell.days[0], cell.days[-1])
        )
        tomorrow, there = facts.sun(city, day + DAY), facts.sun(other, day)
        path = facts.sun_path(city, day)
    except ValueError:
        return None

    def minute_of_day(moment: dt.datetime) -> int:
        return moment.hour * 60 + moment.minute

    # Round durations from unrounded seconds; never tell of a change under two minutes.
    weekly = round((sun.seconds - week.seconds) / 60)
    monthly = round((end.seconds - start.seconds) / 60)
    between = round((sun.seconds - there.seconds) / 60)
    rise_change = minute_of_day(ten.rise) - minute_of_day(sun.rise)
    set_change = minute_of_day(ten.set) - minute_of_day(sun.set)
    night = round((tomorrow.rise.astimezone(dt.UTC) - sun.set.astimezone(dt.UTC)).total_seconds() / 60)
    light = facts.twilight(city, day, 6)
    here = rng.random() < 0.45
    same_offset = facts.offset_minutes(city.zone, day) == facts.offset_minutes(city.zone, day + 10 * DAY)
    mate_offset = facts.offset_minutes(city.zone, day) == facts.offset_minutes(other.zone, day)
    raw: dict[str, Any] = {
        "city": city,
        "other": other,
        "sun": sun,
        "path": path,
        "there": there,
        "weekly": weekly,
        "monthly": monthly,
        "between": between,
        "rise_change": rise_change,
        "set_change": set_change,
        "same_offset": same_offset,
        "mate_offset": mate_offset,
        "rise_gap": minute_of_day(sun.rise) - minute_of_day(there.rise),
        "set_gap": minute_of_day(sun.set) - minute_of_day(there.set),
        "night": night,
        "light": light,
        "day": day,
        "region": region.label,
    }
    show = wording.clock_style(region, rng)
    words = common_words(cell, day, rng) | {
        "city": city.name,
        "in_city": "here" if here else f"in {city.name}",
        "over_city": "over our town" if here else f"over {city.name}",
        "other": other.name,
        "sunrise": show(sun.rise),
        "sunset": show(sun.set),
        "noon": show(path.noon),
        "length": wording.duration(sun.length, rng),
        "night": wording.duration(night, rng),
        "weekly": wording.count(abs(weekly), "minute"),
        "monthly": wording.duration(abs(monthly), rng),
        "between": wording.duration(abs(between), rng),
        "rise_change": wording.count(abs(rise_change), "minute"),
        "set_change": wording.count(abs(set_change), "minute"),
        "rise_gap": wording.count(abs(raw["rise_gap"]), "minute"),
        "set_gap": wording.count(abs(raw["set_gap"]), "minute"),
        "altitude": f"{path.altitude:.0f}",
        "altitude1": f"{path.altitude:.1f}",
        "shadow": f"{facts.shadow(path.altitude):.1f}",
        "share": f"{sun.length / 14.4:.0f}",
        "rise_side": compass(path.rise_azimuth, region.label),
        "set_side": compass(360 - path.rise_azimuth, region.label),
        "noon_side": "north" if region.south else "south",
        "dawn": show(light[0]) if light else "",
        "dusk": show(light[1]) if light else "",
    }
    return Drawn(day, words, raw)


def draw_polar(cell: Cell, rng: Random) -> Drawn | None:
    """The far north in the weeks without a sunrise, or without a sunset."""
    city = POLAR.get(cell.region.label)
    if city is None:
        return None
    day = cell.day(rng)
    state = facts.is_polar(city, day)
    if state is None:
        return None
    words = common_words(cell, day, rng) | {"city": city.name}
    return Drawn(day, words, {"state": state, "city": city, "day": day})


templates = Templates("daylight")
add = templates.add
add(
    "rise",
    draw_sun,
    "Sunrise {in_city} came at {sunrise} {when}.",
    "The sun came up {over_city} at {sunrise} {when}.",
    "Early risers {in_city} saw the sun lift over the horizon at {sunrise} {when}, if the sky was clear.",
    "First sun {in_city} {when}: {sunrise}.",
)
add(
    "set",
    draw_sun,
    "Sunset {in_city} was at {sunset} {when}.",
    "The sun went down {over_city} at {sunset} {when}.",
    "By {sunset} {when} the sun had gone below the horizon {in_city}.",
    "Evening walkers {in_city} lost the sun at {sunset} {when}, and the street lamps had the rest of the night.",
)
add(
    "rise_and_set",
    draw_sun,
    "Sun up at {sunrise} and down at {sunset}: that was the day {in_city} {when}.",
    "The almanac gives sunrise {in_city} as {sunrise} and sunset as {sunset} {when}.",
    "{city}, {weekday} the {nth}: the sun rises at {sunrise} and sets at {sunset}.",
    "Anyone {in_city} who kept the hours of the sun {when} was up from {sunrise} until {sunset}, {length} in all, and had {night} of night to sleep through.",
    "From {sunrise} until {sunset} the sun is above the horizon {in_city} {when}, whatever the clouds do.",
)
add(
    "length",
    draw_sun,
    "The day is {length} long {in_city}, measured from sunrise to sunset {when}.",
    "Between sunrise and sunset {in_city} there were {length} {when}.",
    "{city} counts {length} between sunrise and sunset {when}.",
    "Gardeners {in_city} have {length} of possible sunshine to work with {when}.",
)
add(
    "gaining",
    draw_sun,
    "The days are drawing out: {city} has gained {weekly} of daylight in the past week.",
    "There are {weekly} more between sunrise and sunset {in_city} than there were a week ago.",
    "Compared with last {weekday}, the day {in_city} is {weekly} longer.",
    "Little by little the light returns, and the last seven days have added {weekly} to the day {in_city}.",
    condition=lambda raw: raw["weekly"] >= 2,
)
add(
    "losing",
    draw_sun,
    "The days are closing in: {city} has lost {weekly} of daylight in the past week.",
    "Another week gone, and the day {in_city} is {weekly} shorter than it was last {weekday}.",
    "Daylight {in_city} has shrunk by {weekly} over the last seven days.",
    "Anyone who walks the dog at dusk has noticed it: the week has taken {weekly} off the day {in_city}.",
    condition=lambda raw: raw["weekly"] <= -2,
)
add(
    "standstill",
    draw_sun,
    "Hardly anything changes in the length of the day just now; within a week {city} has gained or lost less than two minutes.",
    "The day {in_city} is the same length as a week ago, give or take a minute or so, at {length}.",
    "The sun seems to stand still: {length} of day {in_city} {when}, and almost exactly that a week ago.",
    condition=lambda raw: abs(raw["weekly"]) <= 1,
)
add(
    "month_gain",
    draw_sun,
    "From the first to the last day of {month} {city} gains {monthly} of daylight.",
    "Over the whole of {month} the day {in_city} stretches by {monthly}.",
    "Measured {in_city} on the first and on the last of {month}, the day has become {monthly} longer.",
    condition=lambda raw: raw["monthly"] >= 15,
)
add(
    "month_loss",
    draw_sun,
    "From the first to the last day of {month} {city} loses {monthly} of daylight.",
    "Over the whole of {month} the day {in_city} contracts by {monthly}.",
    "The lamps are lit a little sooner each evening: {month} takes {monthly} from the day {in_city}.",
    condition=lambda raw: raw["monthly"] <= -15,
)
add(
    "two_towns",
    draw_sun,
    "{city} has {between} more daylight than {other} {when}.",
    "Move from {other} to {city} {when} and the day grows by {between}.",
    "The same date, two skies: the day lasts {between} longer in {city} than in {other} {when}.",
    condition=lambda raw: raw["between"] >= 3,
)
add(
    "rise_gap",
    draw_sun,
    "The sun reached {city} {rise_gap} before it reached {other} {when}.",
    "Breakfast light comes to {city} {rise_gap} ahead of {other} {when}.",
    "{other} waits {rise_gap} longer than {city} for its sunrise {when}.",
    condition=lambda raw: raw["mate_offset"] and raw["rise_gap"] <= -5,
)
add(
    "set_gap",
    draw_sun,
    "Evening light lingers in {city}, where the sun sets {set_gap} after it does in {other} {when}.",
    "{other} is in shadow {set_gap} before {city} {when}.",
    "The sunset {when} gets to {other} first and takes another {set_gap} to get to {city}.",
    condition=lambda raw: raw["mate_offset"] and raw["set_gap"] >= 5,
)
add(
    "noon",
    draw_sun,
    "The sun stands highest {over_city} at {noon} {when}, not at twelve.",
    "By the sundial it is noon {in_city} when the clock says {noon} {when}.",
    "Solar noon {in_city} fell at {noon} {when}.",
    condition=lambda raw: (raw["path"].noon.hour, raw["path"].noon.minute) != (12, 0),
)
add(
    "dawn",
    draw_sun,
    "It is light enough to walk without a lamp {in_city} from about {dawn} {when}.",
    "Civil dawn {in_city} was at {dawn} {when}, and the sun itself followed at {sunrise}.",
    "The first joggers {in_city} could see the path from {dawn} {when}, well before the sun appeared at {sunrise}.",
    condition=lambda raw: raw["light"] is not None,
)
add(
    "dusk",
    draw_sun,
    "Civil dusk {in_city} was at {dusk} {when}.",
    "After sunset at {sunset} the twilight {in_city} held until about {dusk} {when}.",
    "Cyclists {in_city} need their lights by {dusk} {when} at the latest, for the sun sets at {sunset}.",
    condition=lambda raw: raw["light"] is not None,
)
add(
    "late_rise",
    draw_sun,
    "Dark mornings: the sun does not show itself {in_city} until {sunrise} {when}.",
    "The alarm clock beats the sun these days, for sunrise {in_city} waits until {sunrise}.",
    "Anyone {in_city} who starts work at half past seven starts before the sun, which rises at {sunrise}.",
    condition=lambda raw: raw["sun"].rise.hour * 60 + raw["sun"].rise.minute > 450,
)
add(
    "early_rise",
    draw_sun,
    "The sun is up before most of us, at {sunrise} {in_city} {when}.",
    "No need for a lamp at breakfast: the sun has been up {in_city} since {sunrise}.",
    "Thin curtains are a mistake at this time of year {in_city}, with the sun rising at {sunrise}.",
    condition=lambda raw: raw["sun"].rise.hour * 60 + raw["sun"].rise.minute < 345,
)
add(
    "late_set",
    draw_sun,
    "Long evenings: the sun does not set {in_city} until {sunset} {when}.",
    "There is sun after supper these days, right up to {sunset} {in_city}.",
    "At eight in the evening the sun is still up {in_city}, and it stays up until {sunset}.",
    condition=lambda raw: raw["sun"].set.hour * 60 + raw["sun"].set.minute > 1210,
)
add(
    "early_set",
    draw_sun,
    "The sun is gone {in_city} by {sunset} {when}, before many offices close.",
    "Headlights are needed on the way home now that the sun sets {in_city} at {sunset}.",
    "Afternoons are short, with the sun down at {sunset} {in_city} {when}.",
    condition=lambda raw: raw["sun"].set.hour * 60 + raw["sun"].set.minute < 1030,
)
add(
    "altitude",
    draw_sun,
    "At its highest {when} the sun stood about {altitude} degrees above the horizon {in_city}.",
    "The midday sun climbs to {altitude1} degrees {over_city} {when}.",
    "Solar panels {in_city} look at a noon sun {altitude} degrees high {when}.",
)
add(
    "shadow",
    draw_sun,
    "A pole one {metre} tall throws a shadow of {shadow} {metre}s at solar noon {in_city} {when}.",
    "Stand {in_city} when the sun is highest {when} and your shadow is {shadow} times your height.",
    "At solar noon {in_city} {when}, shadows measure {shadow} times whatever casts them.",
    condition=lambda raw: raw["path"].altitude < 42 and raw["path"].altitude > 3,
)
add(
    "short_shadow",
    draw_sun,
    "Shade is scarce at noon, with the sun {altitude} degrees up {over_city} {when}.",
    "Your shadow all but hides under your feet at solar noon {in_city} {when}: the sun is {altitude} degrees high.",
    condition=lambda raw: raw["path"].altitude > 65,
)
add(
    "low_noon",
    draw_sun,
    "Even at noon the sun barely clears the rooftops, a mere {altitude1} degrees up {in_city} {when}.",
    "The sun keeps low all day {in_city}, no higher than {altitude1} degrees {when}.",
    condition=lambda raw: raw["path"].altitude < 20,
)
add(
    "rise_side",
    draw_sun,
    "Look to the {rise_side} for the sunrise {in_city} {when}.",
    "The sun rises in the {rise_side} {in_city} at this time of year.",
    "Windows facing {rise_side} catch the first light {in_city} {when}, at {sunrise}.",
)
add(
    "set_side",
    draw_sun,
    "The sun sinks in the {set_side} {in_city} at this time of year.",
    "For the sunset {in_city} {when}, face {set_side} at {sunset}.",
    "Photographers {in_city} should point the camera {set_side} for the sunset at {sunset} {when}.",
)
add(
    "noon_side",
    draw_sun,
    "At solar noon the sun stood due {noon_side} of {city} {when}, as it always does around here.",
    "The sun crosses the {noon_side}ern sky {in_city}, standing due {noon_side} at {noon} {when}.",
    "House hunters {in_city} ask for a {noon_side}-facing garden, and at {noon} {when} one sees why: that is where the sun stands highest.",
    condition=lambda raw: abs(raw["city"].latitude) > 24,  # in the tropics the noon sun changes sides
)
add(
    "night",
    draw_sun,
    "The night that begins {when} lasts {night} {in_city}, from sunset to sunrise.",
    "From the sunset at {sunset} {when} to the next sunrise {city} waits {night}.",
    "Night workers {in_city} face {night} without the sun {when}.",
)
add(
    "share",
    draw_sun,
    "Daylight fills {share} {percent} of the twenty-four hours {in_city} {when}.",
    "The sun is up for {share} {percent} of the day and night {in_city} {when}.",
    "Of all the hours {when}, the sun had {share} {percent} {in_city} and the night had the rest.",
)
add(
    "balance",
    draw_sun,
    "Day and night are nearly even {in_city} {when}, with {length} from sunrise to sunset.",
    "The scales are level: the sun is up {length} {in_city} {when}, about half of the whole.",
    condition=lambda raw: abs(raw["sun"].length - 720) <= 12,
)
add(
    "ten_days_rise_earlier",
    draw_sun,
    "Ten days from now the sun will rise {rise_change} earlier {in_city} than it did {when}.",
    "Mornings {in_city} are getting lighter, and in ten days sunrise comes {rise_change} sooner.",
    condition=lambda raw: raw["same_offset"] and raw["rise_change"] <= -3,
)
add(
    "ten_days_rise_later",
    draw_sun,
    "Ten days from now the sun will rise {rise_change} later {in_city} than it did {when}.",
    "Mornings {in_city} are getting darker, and in ten days sunrise comes {rise_change} later.",
    condition=lambda raw: raw["same_offset"] and raw["rise_change"] >= 3,
)
add(
    "ten_days_set_later",
    draw_sun,
    "Ten days from now there will be {set_change} more sun at the end of the day {in_city}.",
    "Evenings {in_city} are stretching: the sunset of {weekday} the {nth} will be beaten by {set_change} ten days on.",
    condition=lambda raw: raw["same_offset"] and raw["set_change"] >= 3,
)
add(
    "ten_days_set_earlier",
    draw_sun,
    "Ten days from now the sun will set {set_change} earlier {in_city} than the {sunset} of {weekday} the {nth}.",
    "Evenings {in_city} are shrinking, and ten days on the sun will go down {set_change} sooner.",
    condition=lambda raw: raw["same_offset"] and raw["set_change"] <= -3,
)
add(
    "white_night",
    draw_sun,
    "It never gets fully dark {in_city} {when}; a glow stays in the sky all night.",
    "Stargazers {in_city} must be patient: at this time of year twilight lasts from dusk to dawn.",
    "All night long {when} the northern horizon {in_city} keeps a trace of twilight.",
    condition=lambda raw: facts.is_without_deep_night(raw["city"], raw["day"]) and raw["region"] != "AUS",
)
add(
    "polar_night",
    draw_polar,
    "The sun does not rise at all in {city} {when}.",
    "In {city} the polar night goes on: no sunrise {when}, only a few hours of twilight or less.",
    condition=lambda raw: raw["state"] == "night",
)
add(
    "midnight_sun",
    draw_polar,
    "The sun does not set at all in {city} {when}.",
    "In {city} the sun circles the sky without setting {when}, and midnight is as bright as a late afternoon.",
    condition=lambda raw: raw["state"] == "day",
)
