"""Templates about clocks: the changes, the offsets, the time elsewhere (facts from tzdata)."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import datetime as dt
from random import Random

from data_samples.almanac import facts, wording
from data_samples.almanac.facts import DAY
from data_samples.almanac.places import ABROAD, City
from data_samples.almanac.template import Cell, Drawn, Templates, common_words


def _move(city: City, day: dt.date, *, after: bool) -> tuple[dt.date, int] | None:
    moves = [m for m in facts.clock_changes(city.zone) if abs(m[1]) == 60]
    chosen = [m for m in moves if m[0] > day] if after else [m for m in moves if m[0] <= day]
    if not chosen:
        return None
    return min(chosen) if after else max(chosen)


def draw_change(cell: Cell, rng: Random) -> Drawn | None:
    """The days since the last change of the clocks in a town, and until the next."""
    city, day = rng.choice(cell.region.cities), cell.day(rng)
    last, following = _move(city, day, after=False), _move(city, day, after=True)
    if last is None or following is None or (following[0] - last[0]).days > 300:
        return None
    raw = {"city": city, "day": day, "last": last, "next": following}
    words = common_words(cell, day, rng) | {
        "in_city": rng.choice((f"in {city.name}", "here")),
        "city": city.name,
        "since": wording.count((day - last[0]).days, "day"),
        "until": wording.count((following[0] - day).days, "day"),
        "last_way": "forward" if last[1] > 0 else "back",
        "next_way": "forward" if following[1] > 0 else "back",
        "next_gain": "gain" if following[1] < 0 else "lose",
        "weeks": wording.count((following[0] - day).days // 7, "week"),
        "abbreviation": facts.zone_abbreviation(city.zone, day),
    }
    return Drawn(day, words, raw)


def draw_change_day(cell: Cell, rng: Random) -> Drawn | None:
    """The very day on which the clocks of a town move."""
    city = rng.choice(cell.region.cities)
    moves = [m for m in facts.clock_changes(city.zone) if cell.holds(m[0]) and abs(m[1]) == 60]
    if not moves:
        return None
    day, minutes = moves[0]
    still = [c for c in cell.region.cities if not any(cell.holds(m[0]) for m in facts.clock_changes(c.zone))]
    try:
        yesterday, today = facts.sun(city, day - DAY), facts.sun(city, day)
    except ValueError:
        return None
    hours = len(cell.days) * 24 - minutes // 60
    raw = {"city": city, "day": day, "minutes": minutes, "still": still, "hours": hours}
    show = wording.clock_style(cell.region, rng)
    words = common_words(cell, day, rng) | {
        "in_city": rng.choice((f"in {city.name}", "here")),
        "city": city.name,
        "still": rng.choice(still).name if still else "",
        "day_hours": str(24 - minutes // 60),
        "hours": str(hours),
        "ordinal_sunday": wording.ordinal_word((day.day - 1) // 7 + 1),
        "set_before": show(yesterday.set),
        "set_after": show(today.set),
        "rise_before": show(yesterday.rise),
        "rise_after": show(today.rise),
    }
    return Drawn(day, words, raw)


def draw_offset(cell: Cell, rng: Random) -> Drawn | None:
    """What the clocks of a town show against universal time, against another town, and abroad."""
    region, city, day = cell.region, rng.choice(cell.region.cities), cell.day(rng)
    other = rng.choice([c for c in region.cities if c != city])
    home_names = {c.name for c in region.cities}
    name, zone_name = rng.choice([place for place in ABROAD if place[0] not in home_names])
    offset = facts.offset_minutes(city.zone, day)
    gap = offset - facts.offset_minutes(other.zone, day)
    # The time abroad: from a full hour of the local day, through universal time.
    hour = rng.choice((7, 8, 9, 10, 12, 13, 15, 16, 17, 18, 19, 20, 21))
    local = dt.datetime(day.year, day.month, day.day, hour, tzinfo=facts.zone(city.zone))
    away = local.astimezone(facts.zone(zone_name))
    difference = facts.offset_minutes(zone_name, day) - offset
    earlier = day - 42 * DAY
    former = facts.offset_minutes(zone_name, earlier) - facts.offset_minutes(city.zone, earlier)
    raw = {
        "city": city,
        "other": other,
        "day": day,
        "offset": offset,
        "gap": gap,
        "local": local,
        "away": away,
        "abroad": zone_name,
        "difference": difference,
        "former": former,
        "earlier": earlier,
    }

    def span(minutes: int) -> str:
        hours, rest = divmod(abs(minutes), 60)
        words = wording.count(hours, "hour")
        if rest == 0:
            return words
        fraction = {15: "a quarter", 30: "a half", 45: "three quarters"}[rest]
        if hours == 0:
            return {15: "a quarter of an hour", 30: "half an hour", 45: "three quarters of an hour"}[rest]
        return f"{wording.number(hours)} and {fraction} hours"

    show = wording.clock_style(region, rng)
    words = common_words(cell, day, rng) | {
        "city": city.name,
        "in_city": f"in {city.name}" if rng.random() < 0.5 else "here",
        "other": other.name,
        "abroad": name,
        "utc": f"{span(offset)} {'ahead of' if offset > 0 else 'behind'} universal time" if offset else "",
        "gap": span(gap),
        "local": wording.spoken_hour(local),
        "away": wording.spoken_hour(away),
        "local_clock": show(local),
        "away_clock": show(away),
        "difference": span(difference),
        "former": span(former),
        "ahead": "ahead of" if difference > 0 else "behind",
        "away_day": wording.WEEKDAYS[away.weekday()],
        "wider": "wider" if abs(difference) > abs(former) else "narrower",
        "abbreviation": facts.zone_abbreviation(city.zone, day),
    }
    return Drawn(day, words, raw)


def draw_capitals(cell: Cell, rng: Random) -> Drawn | None:
    """How many different times the clocks of a region's towns show at once."""
    region, day = cell.region, cell.day(rng)
    towns = [rng.choice([c for c in region.cities if c.zone == z]) for z in {c.zone: 0 for c in region.cities}]
    size = rng.choice((3, 4, 5)) if len(towns) >= 5 else 0
    if not size:
        return None
    chosen = rng.sample(towns, size)
    offsets = {facts.offset_minutes(c.zone, day) for c in chosen}
    words = common_words(cell, day, rng) | {
        "towns": wording.listing([c.name for c in chosen]),
        "times": wording.count(len(offsets), "different time"),
        "town_count": wording.number(size),
    }
    return Drawn(day, words, {"day": day, "towns": chosen, "offsets": offsets})


templates = Templates("clocks")
add = templates.add
add(
    "forward_day",
    draw_change_day,
    "Clocks {in_city} went forward an hour {when}, and the night was an hour short.",
    "{weekday} the {nth} has only {day_hours} hours {in_city}, because the clocks jump forward.",
    "Do not forget to put the clocks forward {in_city} on the {ordinal_sunday} Sunday of the month.",
    condition=lambda raw: raw["minutes"] == 60,
)
add(
    "back_day",
    draw_change_day,
    "Clocks {in_city} went back an hour {when}, and the night was an hour longer.",
    "{weekday} the {nth} has {day_hours} hours {in_city}, because one of them is lived through twice.",
    "An extra hour in bed {in_city}: the clocks go back on the {ordinal_sunday} Sunday of the month.",
    condition=lambda raw: raw["minutes"] == -60,
)
add(
    "hours_of_month",
    draw_change_day,
    "Because of the clock change {this_month} has {hours} hours {in_city}, from its first midnight to its last.",
    "Count the hours of {month} {in_city} and you get {hours}, for on the {nth} the clocks are moved.",
)
add(
    "others_stay",
    draw_change_day,
    "The clocks of {city} change {when}, those of {still} stay as they are.",
    "{still} never touches its clocks {this_month}, while {city} moves its own {when}.",
    condition=lambda raw: bool(raw["still"]),
)
add(
    "sunset_jump",
    draw_change_day,
    "One evening the sun sets {in_city} at {set_before}, the next at {set_after}, the clocks having moved in between.",
    "The clock change carries sunset {in_city} from {set_before} to {set_after} overnight.",
)
add(
    "sunrise_jump",
    draw_change_day,
    "Sunrise {in_city} goes from {rise_before} to {rise_after} overnight, the work of the clock change.",
    "After the clocks were moved the sun came up at {rise_after} {in_city}, not at {rise_before} as on the day before.",
)
add(
    "until_back",
    draw_change,
    "The clocks {in_city} go back in {until}.",
    "{until} more on summer time {in_city}, then the clocks go back.",
    "In {weeks} or so we get our hour back {in_city}.",
    condition=lambda raw: raw["next"][1] < 0 and 14 <= (raw["next"][0] - raw["day"]).days <= 150,
)
add(
    "until_forward",
    draw_change,
    "The clocks {in_city} go forward in {until}.",
    "We have {until} to wait {in_city} until the clocks go forward and the evenings get their extra hour of light.",
    "Standard time has {until} left {in_city}.",
    condition=lambda raw: raw["next"][1] > 0 and 14 <= (raw["next"][0] - raw["day"]).days <= 150,
)
add(
    "since_forward",
    draw_change,
    "It is {since} since the clocks went forward {in_city}.",
    "The hour that was taken from us {since} ago {in_city} has not been given back yet.",
    condition=lambda raw: raw["last"][1] > 0 and 2 <= (raw["day"] - raw["last"][0]).days <= 200,
)
add(
    "since_back",
    draw_change,
    "It is {since} since the clocks went back {in_city}.",
    "The clocks {in_city} have been on standard time for {since}.",
    condition=lambda raw: raw["last"][1] < 0 and 2 <= (raw["day"] - raw["last"][0]).days <= 200,
)
add(
    "abbreviation",
    draw_change,
    "The time shown {in_city} {when} is {abbreviation}, and it goes on being so for another {until}.",
    "On {weekday} the {nth} the timetables in {city} go by {abbreviation}.",
    condition=lambda raw: (raw["next"][0] - raw["day"]).days >= 2,
)
add(
    "universal",
    draw_offset,
    "Clocks {in_city} run {utc} {when}.",
    "{city} is {utc} at this time of year.",
    condition=lambda raw: raw["offset"] != 0,
)
add(
    "no_offset",
    draw_offset,
    "Clocks {in_city} agree with universal time {when}.",
    "Sailors need no sums {in_city} {when}: local time and universal time are the same.",
    condition=lambda raw: raw["offset"] == 0,
)
add(
    "two_towns",
    draw_offset,
    "{city} is {gap} ahead of {other} {when}.",
    "Set your watch back {gap} if you fly from {city} to {other} {when}.",
    "Callers in {other} should remember {when} that {city} is already {gap} further into the day.",
    condition=lambda raw: raw["gap"] > 0,
)
add(
    "noon_abroad",
    draw_offset,
    "When it is {local} {in_city} {when}, the clocks of {abroad} say {away}.",
    "A call made at {local} {in_city} {when} is picked up in {abroad} at {away}.",
    "{local_clock} {in_city} is {away_clock} in {abroad} {when}.",
)
add(
    "ahead_abroad",
    draw_offset,
    "{abroad} is {difference} {ahead} {city} {when}.",
    "Think before you ring: at {local} {in_city} {when} it is {away} in {abroad}, which is {difference} {ahead} us, and not everybody there will thank you for the call.",
    "People {in_city} with family in {abroad} reckon with a difference of {difference} {when}.",
    condition=lambda raw: raw["difference"] != 0,
)
add(
    "same_abroad",
    draw_offset,
    "{abroad} and {city} share the same time {when}.",
    "No need to reckon {when}: the clocks of {abroad} show what ours show {in_city}.",
    condition=lambda raw: raw["difference"] == 0,
)
add(
    "shifted_abroad",
    draw_offset,
    "The gap between {city} and {abroad} is {difference} {when}; six weeks ago it was {former}.",
    "Clock changes have made the gap between {city} and {abroad} {wider}: {difference} now, {former} six weeks ago.",
    condition=lambda raw: abs(raw["difference"]) != abs(raw["former"]) and raw["difference"] * raw["former"] > 0,
)
add(
    "other_day",
    draw_offset,
    "At {local} on {weekday} {in_city} it is already {away_day} in {abroad}.",
    "It is {local} {in_city} {when}, and in {abroad} {away_day} has begun.",
    condition=lambda raw: raw["away"].date() > raw["local"].date(),
)
add(
    "day_before",
    draw_offset,
    "At {local} on {weekday} {in_city} it is still {away_day} in {abroad}.",
    "It is {local} {in_city} {when}, but in {abroad} it is {away_day} yet.",
    condition=lambda raw: raw["away"].date() < raw["local"].date(),
)
add(
    "how_many",
    draw_capitals,
    "{towns} keep {times} between them {when}.",
    "A conference call between {towns} has to cope with {times} of day {when}.",
    condition=lambda raw: len(raw["offsets"]) > 1,
)
