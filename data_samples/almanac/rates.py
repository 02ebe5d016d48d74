"""Templates about exchange rates (facts: the reference rates of the European Central Bank)."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from random import Random

from data_samples.almanac import facts, wording
from data_samples.almanac.facts import DAY
from data_samples.almanac.places import CURRENCIES
from data_samples.almanac.template import Cell, Drawn, Templates, common_words

_ECB = (
    "at the European Central Bank's reference rate",
    "on the ECB's fixing",
    "by the reference rates from Frankfurt",
    "at the ECB reference rate",
)


def _month_fixings(cell: Cell) -> list[dt.date]:
    days = facts.fixing_days()
    return list(days[bisect_left(days, cell.days[0]) : bisect_right(days, cell.days[-1])])


def draw_rate(cell: Cell, rng: Random) -> Drawn | None:
    """The home currency against another on a day the ECB published rates, with its moves."""
    region, fixings = cell.region, _month_fixings(cell)
    home = region.currency
    foreign, other = rng.sample([code for code in CURRENCIES if code != home], 2)
    if rng.random() < 0.2:
        foreign, other = ("EUR", foreign) if foreign != "EUR" else (foreign, other)
    day = rng.choice(fixings)
    every = facts.fixing_days()
    index = every.index(day)

    def level(on: dt.date) -> float:
        return facts.rate(home, foreign, on)

    now, before = level(day), level(every[index - 1])
    # A week, a month and a year back: the last fixing on or before that calendar day.
    week_day, month_day, year_day = (every[bisect_right(every, day - DAY * span) - 1] for span in (7, 30, 365))
    series = [level(d) for d in fixings]
    streak = 1
    direction = now > before
    while (
        level(every[index - streak]) != level(every[index - streak - 1])
        and (level(every[index - streak]) > level(every[index - streak - 1])) == direction
    ):
        streak += 1
    best_since = next((d for d in reversed(every[:index]) if level(d) >= now), every[0])
    worst_since = next((d for d in reversed(every[:index]) if level(d) <= now), every[0])
    amount = rng.choice((5, 10, 15, 20, 25, 40, 50, 60, 75, 80, 100, 120, 150, 200, 250, 400, 500, 750))
    cost = amount / now
    stronger = facts.rate(home, other, day) / facts.rate(home, other, month_day) - 1
    move = {
        "day": now / before - 1,
        "week": now / level(week_day) - 1,
        "month": now / level(month_day) - 1,
        "year": now / level(year_day) - 1,
        "inside": series[-1] / series[0] - 1,
        "other": stronger,
    }
    name = rng.choice((*region.home_names, "dollar" if home != "GBP" else "pound"))
    one, many = CURRENCIES[foreign]
    article = "an" if name[0] in "aeiouAEIO" else "a"
    low_day, high_day = fixings[series.index(min(series))], fixings[series.index(max(series))]
    raw = {
        "home": home,
        "foreign": foreign,
        "other": other,
        "day": day,
        "now": now,
        "before": before,
        "move": move,
        "series": series,
        "fixings": fixings,
        "streak": streak,
        "up": direction,
        "best_since": best_since,
        "worst_since": worst_since,
        "low_day": low_day,
        "high_day": high_day,
        "amount": amount,
        "region": region.label,
        "year_day": year_day,
        "month_day": month_day,
        "week_day": week_day,
    }
    words = (
        common_words(cell, day, rng)
        | {
            "home": name,
            "a_home": f"{article} {name}",
            "homes": f"{name}s" if name != "pound sterling" else "pounds sterling",
            "foreign": one,
            "a_foreign": f"{'an' if one[0] in 'AI' else 'a'} {one}",
            "foreigns": many,
            "others": CURRENCIES[other][0],
            "ecb": rng.choice(_ECB),
            "level": wording.money(now),
            "inverse": wording.money(1 / now),
            "before": wording.money(before),
            "week_level": wording.money(level(week_day)),
            "month_level": wording.money(level(month_day)),
            "year_level": wording.money(level(year_day)),
            "amount": f"{amount}",
            "bought": wording.sum_of_money(amount * now),
            "cost": wording.sum_of_money(cost),
            "average": wording.money(sum(series) / len(series)),
            "low": wording.money(min(series)),
            "high": wording.money(max(series)),
            "low_nth": wording.ordinal(low_day.day),
            "high_nth": wording.ordinal(high_day.day),
            "first_level": wording.money(series[0]),
            "last_level": wording.money(series[-1]),
            "fixings": wording.number(len(fixings)),
            "streak": wording.number(streak),
            "rose": "rose" if direction else "fell",
            "higher": "higher" if direction else "lower",
            "best_days": wording.count((day - best_since).days, "day"),
            "worst_days": wording.count((day - worst_since).days, "day"),
            "other_move": f"{abs(move['other']) * 100:.1f}",
            "level0": f"{now:.0f}" if now >= 20 else f"{now:.1f}",
        }
        | {f"{span}_move": f"{abs(value) * 100:.1f}" for span, value in move.items()}
    )
    return Drawn(day, words, raw)


templates = Templates("rates")
add = templates.add
add(
    "level",
    draw_rate,
    "One {home} bought {level} {foreigns} {ecb} {when}.",
    "{a_home} was worth {level} {foreigns} {ecb} {when}.",
    "The {home} stood at {level} {foreigns} {when}, {ecb}.",
)
add(
    "inverse",
    draw_rate,
    "It took {inverse} {homes} to buy one {foreign} {when}.",
    "Take {a_home} to a bank {when}, forget the fees for a moment, and {ecb} you walk out with {level} {foreigns} in your pocket.",
    "{a_foreign} cost {inverse} {homes} {ecb} {when}.",
    "Importers paid {inverse} {homes} for each {foreign} {when}, {ecb}.",
    condition=lambda raw: raw["now"] < 20,
)
add(
    "hundred_foreign",
    draw_rate,
    "A bill of {amount} {foreigns} came to {cost} {homes} {ecb} {when}.",
    "Something priced at {amount} {foreigns} works out at {cost} {homes} with the rate of {weekday} the {nth}.",
    condition=lambda raw: raw["amount"] / raw["now"] >= 2,
)
add(
    "traveller",
    draw_rate,
    "Before any fees, {amount} {homes} turned into {bought} {foreigns} {when}.",
    "A {traveller} with {amount} {homes} to change could hope for {bought} {foreigns} {when}, less what the bank keeps.",
    "At the rate of {weekday} the {nth}, {amount} {homes} make {bought} {foreigns}.",
)
add(
    "week_up",
    draw_rate,
    "The {home} gained {week_move} {percent} on the {foreign} in a week and reached {level} {when}.",
    "A good week for the {home}: from {week_level} to {level} {foreigns}.",
    "A week ago {a_home} fetched {week_level} {foreigns}; {when} it fetched {level}.",
    condition=lambda raw: raw["move"]["week"] > 0.005,
)
add(
    "week_down",
    draw_rate,
    "The {home} lost {week_move} {percent} against the {foreign} in a week and slipped to {level} {when}.",
    "A poor week for the {home}, down from {week_level} to {level} {foreigns}.",
    "The price of {a_home} sank from {week_level} {foreigns} to {level} in the seven days to {weekday} the {nth}.",
    condition=lambda raw: raw["move"]["week"] < -0.005,
)
add(
    "month_up",
    draw_rate,
    "Against the {foreign} the {home} is {month_move} {percent} stronger than thirty days ago.",
    "Thirty days have lifted the {home} from {month_level} to {level} {foreigns}.",
    condition=lambda raw: raw["move"]["month"] > 0.01,
)
add(
    "month_down",
    draw_rate,
    "Against the {foreign} the {home} is {month_move} {percent} weaker than thirty days ago.",
    "Thirty days have pushed the {home} down from {month_level} to {level} {foreigns}.",
    condition=lambda raw: raw["move"]["month"] < -0.01,
)
add(
    "year_up",
    draw_rate,
    "Trips that are paid for in {foreigns} have become cheaper: {a_home} buys {level} of them, against {year_level} a year ago.",
    "The {home} has climbed {year_move} {percent} against the {foreign} in twelve months, to {level}.",
    condition=lambda raw: raw["move"]["year"] > 0.02,
)
add(
    "year_down",
    draw_rate,
    "Trips that are paid for in {foreigns} have become more expensive: {a_home} buys only {level} of them, against {year_level} a year ago.",
    "The {home} has fallen {year_move} {percent} against the {foreign} in twelve months, to {level}.",
    condition=lambda raw: raw["move"]["year"] < -0.02,
)
add(
    "year_flat",
    draw_rate,
    "After a whole year the {home} is almost back where it was against the {foreign}: {year_level} then, {level} now.",
    "A year of ups and downs has left the {home} within a hundredth of its old price of {year_level} {foreigns}.",
    condition=lambda raw: abs(raw["move"]["year"]) < 0.009,
)
add(
    "day_jump",
    draw_rate,
    "The {home} jumped {day_move} {percent} against the {foreign} from one fixing to the next, to {level} {when}.",
    "Exporters winced {when} as the {home} leapt from {before} to {level} {foreigns} between two fixings.",
    condition=lambda raw: raw["move"]["day"] > 0.008,
)
add(
    "day_drop",
    draw_rate,
    "The {home} dropped {day_move} {percent} against the {foreign} from one fixing to the next, to {level} {when}.",
    "Bad news for anyone who needed {foreigns} {when}: between two fixings the {home} went from {before} down to {level}.",
    condition=lambda raw: raw["move"]["day"] < -0.008,
)
add(
    "day_quiet",
    draw_rate,
    "A quiet day: {before} {foreigns} to the {home} at one fixing, {level} at the next {when}.",
    "Nothing stirred between the {home} and the {foreign} {when}, with {level} hardly different from {before} the fixing before.",
    condition=lambda raw: abs(raw["move"]["day"]) < 0.001,
)
add(
    "average",
    draw_rate,
    "Over all {fixings} fixings of {month} {a_home} averaged {average} {foreigns}.",
    "The mean rate for {month} comes to {average} {foreigns} for one {home}.",
    whole_month=True,
)
add(
    "range",
    draw_rate,
    "In the course of {month} the {home} moved between {low} and {high} {foreigns}.",
    "{low} at the lowest, {high} at the highest: that was {month} for the {home} in {foreigns}.",
    whole_month=True,
)
add(
    "high",
    draw_rate,
    "The {home} touched its best level of {month} on the {high_nth}, at {high} {foreigns}.",
    "Whoever needed {foreigns} did best to wait for the {high_nth}, when {a_home} bought {high}.",
    whole_month=True,
)
add(
    "low",
    draw_rate,
    "The {home} hit its low for {month} on the {low_nth}, at {low} {foreigns}.",
    "The worst day of {month} to change {homes} into {foreigns} was the {low_nth}, at a rate of {low}.",
    whole_month=True,
)
add(
    "inside_up",
    draw_rate,
    "The {home} began {month} at {first_level} {foreigns} and ended it higher, at {last_level}.",
    "From the first fixing to the last, {month} added {inside_move} {percent} to the {home} in terms of the {foreign}.",
    condition=lambda raw: raw["move"]["inside"] > 0.003,
    whole_month=True,
)
add(
    "inside_down",
    draw_rate,
    "The {home} began {month} at {first_level} {foreigns} and ended it lower, at {last_level}.",
    "From the first fixing to the last, {month} took {inside_move} {percent} off the {home} in terms of the {foreign}.",
    condition=lambda raw: raw["move"]["inside"] < -0.003,
    whole_month=True,
)
add(
    "streak",
    draw_rate,
    "The {home} has now gone {higher} against the {foreign} at {streak} fixings in a row, to {level} {when}.",
    "{streak} fixings, one direction: the {home} keeps going {higher} and stands at {level} {foreigns}.",
    condition=lambda raw: raw["streak"] >= 4,
)
add(
    "best_since",
    draw_rate,
    "Not for {best_days} had {a_home} bought as many {foreigns} as the {level} it bought {when}.",
    "The {home} stands at {level} {foreigns} {when}; it was last worth at least as much {best_days} ago.",
    condition=lambda raw: 45 <= (raw["day"] - raw["best_since"]).days and raw["best_since"] > facts.fixing_days()[0],
)
add(
    "worst_since",
    draw_rate,
    "Not for {worst_days} had {a_home} bought as few {foreigns} as the {level} it bought {when}.",
    "The {home} is down to {level} {foreigns} {when}; it was last worth as little or less {worst_days} ago.",
    condition=lambda raw: 45 <= (raw["day"] - raw["worst_since"]).days and raw["worst_since"] > facts.fixing_days()[0],
)
add(
    "two",
    draw_rate,
    "Over thirty days the {home} rose {month_move} {percent} against the {foreign} but fell {other_move} {percent} against the {others}.",
    "The {home} is a coin with two sides: up {month_move} {percent} on the {foreign} in thirty days, down {other_move} {percent} on the {others}.",
    condition=lambda raw: raw["move"]["month"] > 0.006 and raw["move"]["other"] < -0.006,
)
add(
    "rough",
    draw_rate,
    "Roughly {level0} {foreigns} to the {home} is what shoppers reckon with {when}.",
    "A rule of thumb for {this_month}: one {home} is about {level0} {foreigns}.",
    condition=lambda raw: raw["now"] > 3 and max(raw["series"]) / min(raw["series"]) < 1.05,
)
add(
    "cent",
    draw_rate,
    "Whoever changed {homes} into {foreigns} on the {high_nth} rather than the {low_nth} got {high} for each instead of {low}.",
    condition=lambda raw: max(raw["series"]) / min(raw["series"]) > 1.01,
    whole_month=True,
)
add(
    "parity",
    draw_rate,
    "The {home} is worth less than one {foreign}, {level} {when}.",
    "One {home} does not quite make one {foreign}: {level} {ecb} {when}.",
    condition=lambda raw: 0.5 < raw["now"] < 1,
)
