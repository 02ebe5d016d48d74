"""Templates about single holidays and customs (facts from holidays, and by rule)."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from random import Random

from data_samples.almanac import facts, wording
from data_samples.almanac.facts import DAY, easter, nth_weekday
from data_samples.almanac.places import AUS, CAN, UK, US, Region
from data_samples.almanac.template import Cell, Drawn, Templates, common_words


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


templates = Templates("custom")
add = templates.add
add(
    "new_year",
    by_rule(lambda year: dt.date(year, 1, 1)),
    "The year begins on a {weekday}, and the first sunset of it comes {in_city} at {sunset}.",
    "The first sunrise of {year} {in_city} is at {sunrise}, for those who are up to see it.",
)
add(
    "new_years_eve",
    by_rule(lambda year: dt.date(year, 12, 31)),
    "The last sunset of {year} {in_city} is at {sunset}, this {weekday}.",
    "One more night of {year}: the sun went down {in_city} at {sunset} for the last time this year.",
)
add(
    "valentine",
    by_rule(lambda year: dt.date(year, 2, 14)),
    "Valentine's Day is on a {weekday} this year, with the sun down {in_city} by {sunset}.",
    "Couples {in_city} who dine out this {weekday} for Saint Valentine will do so after a sunset at {sunset}.",
)
add(
    "christmas_light",
    by_rule(lambda year: dt.date(year, 12, 25)),
    "Christmas dinner {in_city} comes on a day of {length} of daylight.",
    "On Christmas Day, a {weekday}, the sun is up {in_city} from {sunrise} to {sunset}.",
)
add(
    "christmas_eve",
    by_rule(lambda year: dt.date(year, 12, 24)),
    "Children {in_city} who go to bed at sunset on Christmas Eve do so at {sunset}.",
    "Christmas Eve is a {weekday}, and sunset {in_city} is at {sunset}.",
)
add(
    "easter",
    by_rule(easter),
    "Easter Sunday is on the {nth} this year, and the sun rises {in_city} at {sunrise}.",
    "Easter, the {day_of_year} day of {year}, dawns {in_city} with a sunrise at {sunrise}.",
)
add(
    "good_friday",
    by_rule(lambda year: easter(year) - 2 * DAY),
    "Good Friday falls on the {nth} this year, two days before Easter.",
    "On Good Friday the sun sets {in_city} at {sunset}.",
)
add(
    "shrove_tuesday",
    by_rule(lambda year: easter(year) - 47 * DAY),
    "Pancakes are due on {weekday} the {nth}, Shrove Tuesday, before Lent begins.",
    "Shrove Tuesday comes on the {nth}, and by sunset at {sunset} {in_city} the frying pans should be hot.",
)
add(
    "ash_wednesday",
    by_rule(lambda year: easter(year) - 46 * DAY),
    "Lent begins on {weekday} the {nth}, forty-six days before Easter.",
    "Ash Wednesday is the {day_of_year} day of the year this time.",
)
add(
    "halloween",
    by_rule(lambda year: dt.date(year, 10, 31)),
    "Halloween comes on a {weekday}, and the sun sets {in_city} at {sunset}.",
    "The ghosts of Halloween {in_city} have to wait for sunset at {sunset} this {weekday}.",
)
add(
    "mothers_day_lent",
    by_rule(lambda year: facts.mothers_day("UK", year)),
    "Mothering Sunday, the fourth in Lent, is on the {nth} this year.",
    "Flowers for mothers on Sunday the {nth}, three weeks before Easter.",
    regions=("UK",),
)
add(
    "mothers_day",
    by_rule(lambda year: facts.mothers_day("US", year)),
    "Mother's Day is on the {nth}, the second Sunday of the month.",
    "Breakfast in bed for mothers on Sunday the {nth}; the sun is up {in_city} at {sunrise}.",
    regions=("US", "CAN", "AUS"),
)
add(
    "fathers_day_north",
    by_rule(lambda year: facts.fathers_day("US", year)),
    "Father's Day is on the {nth}, the third Sunday of the month.",
    "Fathers have their Sunday on the {nth}, with daylight {in_city} until {sunset}.",
    regions=("UK", "US", "CAN"),
)
add(
    "fathers_day_south",
    by_rule(lambda year: facts.fathers_day("AUS", year)),
    "Father's Day is on the {nth}, the first Sunday of the month.",
    "Fathers are fussed over on Sunday the {nth}, the sun setting {in_city} at {sunset}.",
    regions=("AUS",),
)
add(
    "burns_night",
    by_rule(lambda year: dt.date(year, 1, 25)),
    "Haggis and poetry {when}: it is Burns Night.",
    "Burns Night falls on a {weekday} this year, and in the dark {in_city} from {sunset} there is time for every verse.",
    regions=("UK",),
)
add(
    "bonfire_night",
    by_rule(lambda year: dt.date(year, 11, 5)),
    "Bonfires and fireworks {when} for Guy Fawkes, with the sun gone {in_city} at {sunset}.",
    "Remember, remember: Bonfire Night is on a {weekday} this year.",
    regions=("UK",),
)
add(
    "remembrance_sunday",
    by_rule(lambda year: nth_weekday(year, 11, 6, 2)),
    "Poppies and two minutes of silence {in_city}: Remembrance Sunday is the {nth}.",
    "Remembrance Sunday is the second Sunday of the month, this year the {nth}.",
    regions=("UK",),
)
add(
    "st_davids",
    by_rule(lambda year: dt.date(year, 3, 1)),
    "Daffodils and leeks are worn for St David, whose day is a {weekday} this year.",
    "Wales keeps St David's Day {when}.",
    regions=("UK",),
)
add(
    "st_georges",
    by_rule(lambda year: dt.date(year, 4, 23)),
    "St George's Day is a {weekday} this year and no bank holiday.",
    "England has a saint but no day off for him: St George's Day is {weekday} the {nth}.",
    regions=("UK",),
)
add(
    "twelfth",
    named(UK, "Battle of the Boyne", "NIR"),
    "The Twelfth, which recalls the Battle of the Boyne, is a {weekday} this year in Northern Ireland.",
    "The Twelfth comes {when}, a day for Northern Ireland and for no other part of the country.",
)
add(
    "king",
    named(US, "Martin Luther King Jr. Day"),
    "Dr. King is honored on the third Monday of the month, this year the {nth}.",
    "Federal offices are closed {when} in memory of Martin Luther King Jr.",
)
add(
    "groundhog",
    by_rule(lambda year: dt.date(year, 2, 2)),
    "Groundhog Day is on a {weekday}, and the sun rises {in_city} at {sunrise}.",
    "Six more weeks of winter or an early spring? The groundhog is asked {when}.",
    regions=("US", "CAN"),
)
add(
    "presidents",
    named(US, "Washington's Birthday"),
    "Washington's Birthday is kept on the third Monday of the month, the {nth} this year, though he was born on the 22nd.",
    "Presidents' Day gives federal workers {weekday} the {nth} off.",
)
add(
    "memorial",
    named(US, "Memorial Day"),
    "Flags on the graves: Memorial Day is on the last Monday of the month, the {nth}.",
    "Memorial Day weekend ends on {weekday} the {nth} with {length} of daylight {in_city}.",
)
add(
    "independence",
    named(US, "Independence Day"),
    "Whatever is to light up the sky {in_city} on the Fourth has to wait for dark, with sunset at {sunset}.",
    "The Fourth is a {weekday} this year, and the sun does not set {in_city} until {sunset}.",
)
add(
    "labor_us",
    named(US, "Labor Day"),
    "Labor Day, the first Monday of the month, is the {nth} this year.",
    "The Labor Day weekend closes with a sunset {in_city} at {sunset}.",
)
add(
    "thanksgiving_us",
    named(US, "Thanksgiving Day"),
    "The turkey is for the fourth Thursday of the month, the {nth} this year.",
    "Thanksgiving dinner {in_city} comes on Thursday the {nth}, and the sun is gone by {sunset}.",
)
add(
    "black_friday",
    by_rule(lambda year: nth_weekday(year, 11, 3, 4) + DAY),
    "The day after Thanksgiving is the {nth}, and bargain hunters {in_city} who line up before sunrise line up before {sunrise}.",
    "Black Friday is on the {nth} this year.",
    regions=("US",),
)
add(
    "veterans",
    named(US, "Veterans Day"),
    "Veterans Day is on a {weekday} this year, the eleventh as always.",
    "Those who served are thanked on {weekday} the {nth}, Veterans Day.",
)
add(
    "election_day",
    by_rule(lambda year: nth_weekday(year, 11, 0, 1) + DAY),
    "Election Day, the Tuesday after the first Monday of the month, is the {nth}.",
    "Voters {in_city} who go to the polls on Tuesday the {nth} have daylight from {sunrise} to {sunset}.",
    condition=lambda raw: raw["day"].year in (2018, 2020),
    regions=("US",),
)
add(
    "anzac",
    named(AUS, "ANZAC Day"),
    "Anzac Day dawns {in_city} with a sunrise at {sunrise} {when}.",
    "Anzac Day is a {weekday} this year; its hour is dawn, and the sun rises {in_city} at {sunrise}.",
)
add(
    "australia_day",
    by_rule(lambda year: dt.date(year, 1, 26)),
    "The twenty-sixth, Australia Day, is a {weekday} this year, with {length} of daylight {in_city}.",
    "Barbecues {in_city} on Australia Day have the sun until {sunset}.",
    regions=("AUS",),
)
add(
    "melbourne_cup",
    named(AUS, "Melbourne Cup Day", "VIC"),
    "The race that stops the nation is run on the first Tuesday of the month, the {nth}.",
    "Victoria has Tuesday the {nth} off for a horse race, the Melbourne Cup.",
)
add(
    "eight_hours",
    named(AUS, "Eight Hours Day", "TAS"),
    "Tasmania calls it Eight Hours Day and takes {weekday} the {nth} off.",
    "The eight-hour working day is remembered in Hobart {when}, with the day off to prove it.",
)
add(
    "day_after_christmas",
    by_rule(lambda year: dt.date(year, 12, 26)),
    "The day after Christmas is a {weekday}, and the summer sun sets {in_city} at {sunset}.",
    "Leftover ham in the shade: the day after Christmas has {length} of daylight {in_city}.",
    regions=("AUS",),
)
add(
    "boxing_day_north",
    by_rule(lambda year: dt.date(year, 12, 26)),
    "Boxing Day is a {weekday} this year, and a walk {in_city} must be over by sunset at {sunset}.",
    "After the feast there are {length} of daylight {in_city} for a Boxing Day walk.",
    regions=("UK", "CAN"),
)
add(
    "victoria_day",
    named(CAN, "Victoria Day", "ON"),
    "The Monday before the 25th is Victoria Day, this year the {nth}.",
    "Summer, by custom, opens with the Victoria Day weekend, and the sun stays up {in_city} until {sunset} on the Monday.",
)
add(
    "canada_day",
    named(CAN, "Canada Day"),
    "Canada Day is a {weekday} this year, and the sun sets {in_city} at {sunset}.",
    "The first of the month, a {weekday}, is the country's birthday.",
)
add(
    "saint_jean",
    named(CAN, "Saint John the Baptist Day", "QC"),
    "Quebec has its day of Saint-Jean-Baptiste {when}.",
    "Quebec keeps its national holiday {when}, and the sun goes down in Montreal long after supper.",
)
add(
    "thanksgiving_can",
    named(CAN, "Thanksgiving Day", "ON"),
    "The turkey is for the second Monday of the month, the {nth} this year.",
    "Thanksgiving weekend ends on Monday the {nth}, with the sun down {in_city} at {sunset}.",
)
add(
    "remembrance_can",
    by_rule(lambda year: dt.date(year, 11, 11)),
    "Poppies are worn until Remembrance Day, a {weekday} this year.",
    "Two minutes of silence {in_city} at eleven on {weekday} the {nth}, Remembrance Day.",
    regions=("CAN",),
)
add(
    "family_day",
    named(CAN, "Family Day", "ON"),
    "Ontario has a winter Monday off, Family Day, on the {nth}.",
    "Skates and sleds for Family Day: the third Monday of the month, the {nth}, is free in Ontario.",
)
add(
    "civic",
    by_rule(lambda year: nth_weekday(year, 8, 0, 1)),
    "The first Monday of the month, the {nth}, goes by one name in one province and by another in the next.",
    "British Columbia Day, Saskatchewan Day, New Brunswick Day: all of them are on Monday the {nth}.",
    regions=("CAN",),
)
add(
    "truth",
    by_rule(lambda year: dt.date(2021, 9, 30)),
    "Orange shirts {in_city} for the first National Day for Truth and Reconciliation {when}.",
    "A new federal holiday, for truth and reconciliation, is kept for the first time {when}.",
    regions=("CAN",),
)
add(
    "juneteenth",
    by_rule(lambda year: dt.date(2021, 6, 19)),
    "Juneteenth, a federal holiday for the first time, falls on a {weekday}.",
    "The newest federal holiday marks the end of slavery {when}.",
    regions=("US",),
)
