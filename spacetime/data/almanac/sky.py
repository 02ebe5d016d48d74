"""Templates about daylight, the moon and the seasons (facts from astral)."""

from __future__ import annotations

import datetime as dt
from random import Random

from spacetime.data.almanac import facts, wording
from spacetime.data.almanac.facts import DAY
from spacetime.data.almanac.places import POLAR, City
from spacetime.data.almanac.template import Cell, Drawn, Templates, common_words

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


def _turn_before(day: dt.date, city: City, names: tuple[str, ...]) -> tuple[dt.date, str]:
    turns = [
        (moment.astimezone(facts.zone(city.zone)).date(), month)
        for (_, month), moment in facts.season_turns().items()
        if month in names
    ]
    return max((date, month) for date, month in turns if date <= day)


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
    raw = {
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
    raw = {
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


daylight = Templates("daylight")
moon = Templates("moon")
seasons = Templates("season")

# --- daylight -------------------------------------------------------------------------------------------
_d = daylight.add
_d(
    "rise",
    draw_sun,
    "Sunrise {in_city} came at {sunrise} {when}.",
    "The sun came up {over_city} at {sunrise} {when}.",
    "Early risers {in_city} saw the sun lift over the horizon at {sunrise} {when}, if the sky was clear.",
    "First sun {in_city} {when}: {sunrise}.",
)
_d(
    "set",
    draw_sun,
    "Sunset {in_city} was at {sunset} {when}.",
    "The sun went down {over_city} at {sunset} {when}.",
    "By {sunset} {when} the sun had gone below the horizon {in_city}.",
    "Evening walkers {in_city} lost the sun at {sunset} {when}, and the street lamps had the rest of the night.",
)
_d(
    "rise_and_set",
    draw_sun,
    "Sun up at {sunrise} and down at {sunset}: that was the day {in_city} {when}.",
    "The almanac gives sunrise {in_city} as {sunrise} and sunset as {sunset} {when}.",
    "{city}, {weekday} the {nth}: the sun rises at {sunrise} and sets at {sunset}.",
    "From {sunrise} until {sunset} the sun is above the horizon {in_city} {when}, whatever the clouds do.",
)
_d(
    "length",
    draw_sun,
    "The day is {length} long {in_city}, measured from sunrise to sunset {when}.",
    "Between sunrise and sunset {in_city} there were {length} {when}.",
    "{city} counts {length} between sunrise and sunset {when}.",
    "Gardeners {in_city} have {length} of possible sunshine to work with {when}.",
)
_d(
    "gaining",
    draw_sun,
    "The days are drawing out: {city} has gained {weekly} of daylight in the past week.",
    "There are {weekly} more between sunrise and sunset {in_city} than there were a week ago.",
    "Compared with last {weekday}, the day {in_city} is {weekly} longer.",
    "Little by little the light returns, and the last seven days have added {weekly} to the day {in_city}.",
    condition=lambda raw: raw["weekly"] >= 2,
)
_d(
    "losing",
    draw_sun,
    "The days are closing in: {city} has lost {weekly} of daylight in the past week.",
    "Another week gone, and the day {in_city} is {weekly} shorter than it was last {weekday}.",
    "Daylight {in_city} has shrunk by {weekly} over the last seven days.",
    "Anyone who walks the dog at dusk has noticed it: the week has taken {weekly} off the day {in_city}.",
    condition=lambda raw: raw["weekly"] <= -2,
)
_d(
    "standstill",
    draw_sun,
    "Hardly anything changes in the length of the day just now; within a week {city} has gained or lost less than two minutes.",
    "The day {in_city} is the same length as a week ago, give or take a minute or so, at {length}.",
    "The sun seems to stand still: {length} of day {in_city} {when}, and almost exactly that a week ago.",
    condition=lambda raw: abs(raw["weekly"]) <= 1,
)
_d(
    "month_gain",
    draw_sun,
    "From the first to the last day of {month} {city} gains {monthly} of daylight.",
    "Over the whole of {month} the day {in_city} stretches by {monthly}.",
    "Measured {in_city} on the first and on the last of {month}, the day has become {monthly} longer.",
    condition=lambda raw: raw["monthly"] >= 15,
)
_d(
    "month_loss",
    draw_sun,
    "From the first to the last day of {month} {city} loses {monthly} of daylight.",
    "Over the whole of {month} the day {in_city} contracts by {monthly}.",
    "The lamps are lit a little sooner each evening: {month} takes {monthly} from the day {in_city}.",
    condition=lambda raw: raw["monthly"] <= -15,
)
_d(
    "two_towns",
    draw_sun,
    "{city} has {between} more daylight than {other} {when}.",
    "Move from {other} to {city} {when} and the day grows by {between}.",
    "The same date, two skies: the day lasts {between} longer in {city} than in {other} {when}.",
    condition=lambda raw: raw["between"] >= 3,
)
_d(
    "rise_gap",
    draw_sun,
    "The sun reached {city} {rise_gap} before it reached {other} {when}.",
    "Breakfast light comes to {city} {rise_gap} ahead of {other} {when}.",
    "{other} waits {rise_gap} longer than {city} for its sunrise {when}.",
    condition=lambda raw: raw["mate_offset"] and raw["rise_gap"] <= -5,
)
_d(
    "set_gap",
    draw_sun,
    "Evening light lingers in {city}, where the sun sets {set_gap} after it does in {other} {when}.",
    "{other} is in shadow {set_gap} before {city} {when}.",
    "The sunset {when} gets to {other} first and takes another {set_gap} to get to {city}.",
    condition=lambda raw: raw["mate_offset"] and raw["set_gap"] >= 5,
)
_d(
    "noon",
    draw_sun,
    "The sun stands highest {over_city} at {noon} {when}, not at twelve.",
    "By the sundial it is noon {in_city} when the clock says {noon} {when}.",
    "Solar noon {in_city} fell at {noon} {when}.",
    condition=lambda raw: (raw["path"].noon.hour, raw["path"].noon.minute) != (12, 0),
)
_d(
    "dawn",
    draw_sun,
    "It is light enough to walk without a lamp {in_city} from about {dawn} {when}.",
    "Civil dawn {in_city} was at {dawn} {when}, and the sun itself followed at {sunrise}.",
    "The first joggers {in_city} could see the path from {dawn} {when}, well before the sun appeared at {sunrise}.",
    condition=lambda raw: raw["light"] is not None,
)
_d(
    "dusk",
    draw_sun,
    "Civil dusk {in_city} was at {dusk} {when}.",
    "After sunset at {sunset} the twilight {in_city} held until about {dusk} {when}.",
    "Cyclists {in_city} need their lights by {dusk} {when} at the latest, for the sun sets at {sunset}.",
    condition=lambda raw: raw["light"] is not None,
)
_d(
    "late_rise",
    draw_sun,
    "Dark mornings: the sun does not show itself {in_city} until {sunrise} {when}.",
    "The alarm clock beats the sun these days, for sunrise {in_city} waits until {sunrise}.",
    "Anyone {in_city} who starts work at half past seven starts before the sun, which rises at {sunrise}.",
    condition=lambda raw: raw["sun"].rise.hour * 60 + raw["sun"].rise.minute > 450,
)
_d(
    "early_rise",
    draw_sun,
    "The sun is up before most of us, at {sunrise} {in_city} {when}.",
    "No need for a lamp at breakfast: the sun has been up {in_city} since {sunrise}.",
    "Thin curtains are a mistake at this time of year {in_city}, with the sun rising at {sunrise}.",
    condition=lambda raw: raw["sun"].rise.hour * 60 + raw["sun"].rise.minute < 345,
)
_d(
    "late_set",
    draw_sun,
    "Long evenings: the sun does not set {in_city} until {sunset} {when}.",
    "There is sun after supper these days, right up to {sunset} {in_city}.",
    "At eight in the evening the sun is still up {in_city}, and it stays up until {sunset}.",
    condition=lambda raw: raw["sun"].set.hour * 60 + raw["sun"].set.minute > 1210,
)
_d(
    "early_set",
    draw_sun,
    "The sun is gone {in_city} by {sunset} {when}, before many offices close.",
    "Headlights are needed on the way home now that the sun sets {in_city} at {sunset}.",
    "Afternoons are short, with the sun down at {sunset} {in_city} {when}.",
    condition=lambda raw: raw["sun"].set.hour * 60 + raw["sun"].set.minute < 1030,
)
_d(
    "altitude",
    draw_sun,
    "At its highest {when} the sun stood about {altitude} degrees above the horizon {in_city}.",
    "The midday sun climbs to {altitude1} degrees {over_city} {when}.",
    "Solar panels {in_city} look at a noon sun {altitude} degrees high {when}.",
)
_d(
    "shadow",
    draw_sun,
    "A pole one {metre} tall throws a shadow of {shadow} {metre}s at solar noon {in_city} {when}.",
    "Stand {in_city} when the sun is highest {when} and your shadow is {shadow} times your height.",
    "At solar noon {in_city} {when}, shadows measure {shadow} times whatever casts them.",
    condition=lambda raw: raw["path"].altitude < 42 and raw["path"].altitude > 3,
)
_d(
    "short_shadow",
    draw_sun,
    "Shade is scarce at noon, with the sun {altitude} degrees up {over_city} {when}.",
    "Your shadow all but hides under your feet at solar noon {in_city} {when}: the sun is {altitude} degrees high.",
    condition=lambda raw: raw["path"].altitude > 65,
)
_d(
    "low_noon",
    draw_sun,
    "Even at noon the sun barely clears the rooftops, a mere {altitude1} degrees up {in_city} {when}.",
    "The sun keeps low all day {in_city}, no higher than {altitude1} degrees {when}.",
    condition=lambda raw: raw["path"].altitude < 20,
)
_d(
    "rise_side",
    draw_sun,
    "Look to the {rise_side} for the sunrise {in_city} {when}.",
    "The sun rises in the {rise_side} {in_city} at this time of year.",
    "Windows facing {rise_side} catch the first light {in_city} {when}, at {sunrise}.",
)
_d(
    "set_side",
    draw_sun,
    "The sun sinks in the {set_side} {in_city} at this time of year.",
    "For the sunset {in_city} {when}, face {set_side} at {sunset}.",
    "Photographers {in_city} should point the camera {set_side} for the sunset at {sunset} {when}.",
)
_d(
    "noon_side",
    draw_sun,
    "At solar noon the sun stood due {noon_side} of {city} {when}, as it always does around here.",
    "The sun crosses the {noon_side}ern sky {in_city}, standing due {noon_side} at {noon} {when}.",
    "House hunters {in_city} ask for a {noon_side}-facing garden, and at {noon} {when} one sees why: that is where the sun stands highest.",
    condition=lambda raw: abs(raw["city"].latitude) > 24,  # in the tropics the noon sun changes sides
)
_d(
    "night",
    draw_sun,
    "The night that begins {when} lasts {night} {in_city}, from sunset to sunrise.",
    "From the sunset at {sunset} {when} to the next sunrise {city} waits {night}.",
    "Night workers {in_city} face {night} without the sun {when}.",
)
_d(
    "share",
    draw_sun,
    "Daylight fills {share} {percent} of the twenty-four hours {in_city} {when}.",
    "The sun is up for {share} {percent} of the day and night {in_city} {when}.",
    "Of all the hours {when}, the sun had {share} {percent} {in_city} and the night had the rest.",
)
_d(
    "balance",
    draw_sun,
    "Day and night are nearly even {in_city} {when}, with {length} from sunrise to sunset.",
    "The scales are level: the sun is up {length} {in_city} {when}, about half of the whole.",
    condition=lambda raw: abs(raw["sun"].length - 720) <= 12,
)
_d(
    "ten_days_rise_earlier",
    draw_sun,
    "Ten days from now the sun will rise {rise_change} earlier {in_city} than it did {when}.",
    "Mornings {in_city} are getting lighter, and in ten days sunrise comes {rise_change} sooner.",
    condition=lambda raw: raw["same_offset"] and raw["rise_change"] <= -3,
)
_d(
    "ten_days_rise_later",
    draw_sun,
    "Ten days from now the sun will rise {rise_change} later {in_city} than it did {when}.",
    "Mornings {in_city} are getting darker, and in ten days sunrise comes {rise_change} later.",
    condition=lambda raw: raw["same_offset"] and raw["rise_change"] >= 3,
)
_d(
    "ten_days_set_later",
    draw_sun,
    "Ten days from now there will be {set_change} more sun at the end of the day {in_city}.",
    "Evenings {in_city} are stretching: the sunset of {weekday} the {nth} will be beaten by {set_change} ten days on.",
    condition=lambda raw: raw["same_offset"] and raw["set_change"] >= 3,
)
_d(
    "ten_days_set_earlier",
    draw_sun,
    "Ten days from now the sun will set {set_change} earlier {in_city} than the {sunset} of {weekday} the {nth}.",
    "Evenings {in_city} are shrinking, and ten days on the sun will go down {set_change} sooner.",
    condition=lambda raw: raw["same_offset"] and raw["set_change"] <= -3,
)
_d(
    "white_night",
    draw_sun,
    "It never gets fully dark {in_city} {when}; a glow stays in the sky all night.",
    "Stargazers {in_city} must be patient: at this time of year twilight lasts from dusk to dawn.",
    "All night long {when} the northern horizon {in_city} keeps a trace of twilight.",
    condition=lambda raw: facts.is_without_deep_night(raw["city"], raw["day"]) and raw["region"] != "AUS",
)
_d(
    "polar_night",
    draw_polar,
    "The sun does not rise at all in {city} {when}.",
    "In {city} the polar night goes on: no sunrise {when}, only a few hours of twilight or less.",
    condition=lambda raw: raw["state"] == "night",
)
_d(
    "midnight_sun",
    draw_polar,
    "The sun does not set at all in {city} {when}.",
    "In {city} the sun circles the sky without setting {when}, and midnight is as bright as a late afternoon.",
    condition=lambda raw: raw["state"] == "day",
)

# --- seasons --------------------------------------------------------------------------------------------
_s = seasons.add
_s(
    "since_solstice",
    draw_turn,
    "The {extreme} day of the year was {since} ago.",
    "It is {since} since the {extreme} day of the year {in_city}.",
    "The days have been {tendency} for {since} now, ever since the solstice.",
    condition=lambda raw: 2 <= raw["since"] <= 170,
)
_s(
    "until_solstice",
    draw_turn,
    "The {next_extreme} day of the year {in_city} is still {until} away.",
    "In {until} comes the {next_extreme} day of the year.",
    "The days {in_city} go on {tendency} for another {until}, until the solstice.",
    condition=lambda raw: 2 <= raw["until"] <= 170,
)
_s(
    "since_equinox",
    draw_turn,
    "The {equinox} was {since_equinox} ago.",
    "{since_equinox} have passed since the {equinox}, reckoned in {city}.",
    condition=lambda raw: 2 <= raw["since_equinox"] <= 120,
)
_s(
    "until_equinox",
    draw_turn,
    "We have {until_equinox} to wait for the {next_equinox}.",
    "The {next_equinox} is due in {until_equinox}, counted from {weekday} the {nth}.",
    condition=lambda raw: 2 <= raw["until_equinox"] <= 120,
)
_s(
    "solstice",
    draw_turn,
    "The solstice reaches {city} {when}, and with it the {extreme} day of the year.",
    "Today is the {extreme} day of the year {in_city}; from tomorrow the balance tips back.",
    "The calendar calls it the solstice; {in_city} it is simply the {extreme} day of {year}.",
    condition=lambda raw: raw["since"] == 0,
)
_s(
    "part",
    draw_season,
    "It is the {third} month of {season} {in_city}, counting whole months.",
    "Meteorologists {in_city} are in the {third} month of their {season}.",
    "By the weather records this is the {third} of the three months of {season}, and {in_city} the sun sets at {sunset} {when}.",
)
_s(
    "day_of_season",
    draw_season,
    "This {weekday} is the {day_of_season} day of the meteorological {season}.",
    "The {day_of_season} day of {season}, as the weather people count, brought {length} of sun-up {in_city}.",
    "{weekday} the {nth} is the {day_of_season} day of {season} in the weather books {in_city}.",
)
_s(
    "days_left",
    draw_season,
    "{days_left} of the meteorological {season} remain.",
    "There are {days_left} left of {season} {in_city}, if one counts by whole months as the weather services do.",
    "{next_season} is coming: the meteorological {season} has {days_left} to run.",
    condition=lambda raw: 2 <= (raw["end"] - raw["day"]).days <= 60,
)
_s(
    "opposite",
    draw_season,
    "While we are in {season}, the {other_hemisphere} hemisphere has {away}.",
    "Relatives in the {other_hemisphere} hemisphere report {away}; {in_city} it is {season}, with the sun setting at {sunset} {when}.",
    "It is {season} {in_city} and {away} on the other side of the equator, in the {third} month of both.",
)
_s(
    "first_day",
    draw_season,
    "The first day of the meteorological {season} {in_city} falls on a {weekday} this year.",
    "{season} starts {in_city} today, at least for those who keep the weather records.",
    "A new season in the weather books: {season} begins {in_city} this {weekday}, with {length} of daylight.",
    condition=lambda raw: raw["day"] == raw["first"],
)
_s(
    "daylight",
    draw_season,
    "A {season} day {in_city}: {length} from sunrise to sunset {when}.",
    "{season} in {city} means sunset at {sunset} {when}.",
    "The {season} sun set {in_city} at {sunset} {when}, after a day of {length}.",
)

# --- moon -----------------------------------------------------------------------------------------------
_m = moon.add
_m(
    "full",
    draw_phase,
    "The moon is full {over_city} {when}.",
    "Full moon {when}: if the clouds part there will be moonlight all night {in_city}.",
    "{weekday} the {nth} brings the full moon, rising about the time the sun goes down {in_city}.",
    condition=lambda raw: raw["phase"] == "full",
)
_m(
    "new",
    draw_phase,
    "New moon {when}, so the night {in_city} is as dark as it gets.",
    "There is no moon to see {over_city} {when}: it is new.",
    "A moonless night for the stargazers {in_city} {when}, new moon falling on the {nth}.",
    condition=lambda raw: raw["phase"] == "new",
)
_m(
    "first_quarter",
    draw_phase,
    "A half moon in its first quarter hangs in the evening sky {in_city} {when}.",
    "The moon reaches first quarter {when}, its {lit} half lit as seen from the {hemisphere} hemisphere.",
    condition=lambda raw: raw["phase"] == "first",
)
_m(
    "last_quarter",
    draw_phase,
    "The moon reaches its last quarter {when} and has about a week to shrink {in_city} before it is new.",
    "Last quarter {when}: a half moon for those up before dawn {in_city}, with its {lit} side lit.",
    condition=lambda raw: raw["phase"] == "last",
)
_m(
    "to_full",
    draw_moon,
    "Full moon is about {to_full} away.",
    "The evenings {in_city} are getting brighter, with about {to_full} to go until full moon.",
    "Count roughly {to_full} from {weekday} the {nth} to the next full moon.",
    condition=lambda raw: 1.6 <= raw["to_full"] <= 13,
)
_m(
    "to_new",
    draw_moon,
    "About {to_new} from now the moon will be new.",
    "The moon rises later each night {in_city} and thins towards new moon, about {to_new} off.",
    condition=lambda raw: 1.6 <= raw["to_new"] <= 13,
)
_m(
    "age",
    draw_moon,
    "The moon {over_city} is roughly {age} old {when}.",
    "Counted from the last new moon, the moon is about {age} old this {weekday} evening.",
    condition=lambda raw: 1.6 <= raw["age"],
)
_m(
    "side",
    draw_moon,
    "The {growing} moon {over_city} is lit on its {lit}-hand side {when}, as it must be in the {hemisphere} hemisphere.",
    "Look up {when}: the moon is {growing}, and from where we stand its {lit} side is the bright one.",
    condition=lambda raw: (3 < raw["age"] < 12.5 or 17 < raw["age"] < 26.5) and abs(raw["city"].latitude) > 30,
)
_m(
    "waxing",
    draw_moon,
    "The moon is waxing {over_city} {when}.",
    "A growing moon shines on the early part of this {season} night {in_city}, {when}.",
    condition=lambda raw: 2 < raw["age"] < 13,
)
_m(
    "waning",
    draw_moon,
    "The moon is on the wane {over_city} {when}.",
    "A shrinking moon leaves the evenings of this {season} week to the stars {in_city}.",
    condition=lambda raw: 20.5 < raw["age"] < 27.5,
)
_m(
    "night_length",
    draw_phase,
    "The full moon of this {season} has {night} of night to cross {in_city} {when}.",
    "Between sunset and sunrise {in_city} the full moon has {night} to itself {when}.",
    condition=lambda raw: raw["phase"] == "full",
)


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


_m(
    "weekend",
    draw_full_moons,
    "The full moon falls on a weekend {this_month}, around {weekday} the {nth} {in_city}.",
    "Weekend campers {in_city} get a full moon {this_month}, give or take a day around the {nth}.",
    condition=lambda raw: raw["day"].weekday() >= 5 and len(raw["moments"]) == 1,
)
_m(
    "two_full",
    draw_full_moons,
    "Two full moons fall within {this_month} {in_city}, the first around the {first_nth}.",
    condition=lambda raw: len(raw["moments"]) == 2,
)
