"""Templates about exchange rates (facts from the ECB) and trading days (facts from exchange-calendars)."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from random import Random

from spacetime.data.almanac import facts, wording
from spacetime.data.almanac.facts import DAY
from spacetime.data.almanac.places import CURRENCIES, REGIONS
from spacetime.data.almanac.template import Cell, Drawn, Templates, common_words

_ECB = (
    "at the European Central Bank's reference rate",
    "on the ECB's fixing",
    "by the reference rates from Frankfurt",
    "at the ECB reference rate",
)


# The US exchanges stayed shut on a day of national mourning, which is no holiday.
_MOURNING = dt.date(2018, 12, 5)


_UNNAMED = ("our stock exchange", "the stock exchange here", "our stock market")


def _month_fixings(cell: Cell) -> list[dt.date]:
    days = facts.fixing_days()
    return list(days[bisect_left(days, cell.days[0]) : bisect_right(days, cell.days[-1])])


def draw_rate(cell: Cell, rng: Random) -> Drawn | None:
    """The home currency against another on a day the ECB published rates, with its moves."""
    region, fixings = cell.region, _month_fixings(cell)
    home = region.currency
    foreign, other = rng.sample([code for code in CURRENCIES if code != home], 2)
    if rng.random() < 0.3:
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


def _holiday_gap(days: list[dt.date], start: dt.date) -> list[dt.date]:
    """Days without a session that follow a session, up to the next one."""
    later = next(d for d in days if d > start)
    return [start + DAY * i for i in range(1, (later - start).days)]


def draw_trading(cell: Cell, rng: Random) -> Drawn | None:
    """The region's exchange on one of its trading days."""
    region = cell.region
    exchange = facts.exchange(region.exchange)
    sessions = facts.sessions_in(region.exchange, cell.year, cell.month)
    day = rng.choice(sessions)
    year = facts.sessions_in(region.exchange, cell.year)
    abroad = rng.choice([r for r in REGIONS if r is not region])
    away = facts.exchange(abroad.exchange)
    index = bisect_left(exchange.sessions, day)
    following = exchange.sessions[index + 1]
    monday = day - DAY * day.weekday()
    week = [monday + DAY * i for i in range(7) if exchange.is_open(monday + DAY * i)]
    where = facts.zone(exchange.zone)
    close_time = exchange.early.get(day, exchange.closes)
    opening = dt.datetime.combine(day, exchange.opens, tzinfo=where)
    closing = dt.datetime.combine(day, close_time, tzinfo=where)
    watcher = rng.choice([c for c in region.cities if c.zone != exchange.zone] or list(region.cities))
    there = facts.zone(watcher.zone)
    away_open = dt.datetime.combine(day, away.opens, tzinfo=facts.zone(away.zone))
    quarter = [d for d in year if (d.month - 1) // 3 == (cell.month - 1) // 3]
    previous_year = facts.sessions_in(region.exchange, cell.year - 1, cell.month) if cell.year > 2017 else ()
    away_sessions = facts.sessions_in(abroad.exchange, cell.year, cell.month)
    raw = {
        "day": day,
        "sessions": sessions,
        "first": sessions[0],
        "last": sessions[-1],
        "following": following,
        "week": week,
        "early": day in exchange.early,
        "away_open": away.is_open(day),
        "exchange": region.exchange,
        "abroad": abroad.exchange,
        "previous_year": len(previous_year),
        "opening": opening,
        "closing": closing,
        "region": region.label,
        "watcher": watcher,
        "same_count": len(sessions) == len(away_sessions),
    }
    # Half of the sentences leave the market without a name.
    market = rng.choice((*region.exchange_names, *_UNNAMED))
    utc_open = opening.astimezone(dt.UTC)
    number = sessions.index(day) + 1
    show = wording.clock_style(region, rng)
    words = common_words(cell, day, rng) | {
        "market": market,
        "sessions": wording.number(len(sessions)),
        "away_sessions": wording.number(len(away_sessions)),
        "fewer": "more" if len(sessions) > len(away_sessions) else "fewer",
        "away": abroad.exchange_names[0],
        "number": wording.ordinal(number),
        "number_year": wording.ordinal(year.index(day) + 1),
        "left_year": wording.count(len(year) - year.index(day) - 1, "session"),
        "left_month": wording.count(len(sessions) - number, "session"),
        "opens": show(opening),
        "closes": show(closing),
        "hours": wording.duration(round((closing - opening).total_seconds() / 60), rng),
        "utc": f"{utc_open:%H:%M}{'' if utc_open.date() == day else ' the evening before'}",
        "following": wording.WEEKDAYS[following.weekday()],
        "gap": wording.number((following - day).days - 1),
        "week_sessions": wording.number(len(week)),
        "watcher": watcher.name,
        "watcher_opens": show(opening.astimezone(there)),
        "watcher_closes": show(closing.astimezone(there)),
        "away_opens": show(away_open.astimezone(where)),
        "quarter": wording.ordinal_word((cell.month - 1) // 3 + 1),
        "quarter_sessions": wording.number(len(quarter)),
        "year_sessions": wording.number(len(year)),
        "first_weekday": wording.WEEKDAYS[sessions[0].weekday()],
        "last_weekday": wording.WEEKDAYS[sessions[-1].weekday()],
        "first_nth": wording.ordinal(sessions[0].day),
        "last_nth": wording.ordinal(sessions[-1].day),
        "difference": wording.count(abs(len(sessions) - len(previous_year)), "session"),
        "last_year_sessions": wording.number(len(previous_year)),
    }
    raw["away_sessions"] = len(away_sessions)
    return Drawn(day, words, raw)


def draw_closure(cell: Cell, rng: Random) -> Drawn | None:
    """A weekday on which the region's exchange stayed shut."""
    region = cell.region
    days = [d for d in facts.closures(region.exchange) if cell.holds(d)]
    if not days:
        return None
    day = rng.choice(days)
    exchange = facts.exchange(region.exchange)
    before = max(d for d in exchange.sessions if d < day)
    after = min(d for d in exchange.sessions if d > day)
    open_elsewhere = [r for r in REGIONS if r is not region and facts.exchange(r.exchange).is_open(day)]
    shut_elsewhere = [r for r in REGIONS if r is not region and r not in open_elsewhere]
    raw = {
        "day": day,
        "before": before,
        "after": after,
        "days": days,
        "open_elsewhere": [r.exchange for r in open_elsewhere],
        "shut_elsewhere": [r.exchange for r in shut_elsewhere],
        "exchange": region.exchange,
    }
    words = common_words(cell, day, rng) | {
        "market": rng.choice((*region.exchange_names, *_UNNAMED)),
        "before": wording.WEEKDAYS[before.weekday()],
        "after": wording.WEEKDAYS[after.weekday()],
        "gap": wording.number((after - before).days - 1),
        "closures": wording.count(len(days), "weekday"),
        "open_away": rng.choice(open_elsewhere).exchange_names[0] if open_elsewhere else "",
        "shut_away": wording.listing([r.exchange_names[0] for r in shut_elsewhere]) if shut_elsewhere else "",
    }
    return Drawn(day, words, raw)


rates = Templates("rates")
trading = Templates("trading")

# --- rates ----------------------------------------------------------------------------------------------
_r = rates.add
_r(
    "level",
    draw_rate,
    "One {home} bought {level} {foreigns} {ecb} {when}.",
    "{a_home} was worth {level} {foreigns} {ecb} {when}.",
    "The {home} stood at {level} {foreigns} {when}, {ecb}.",
)
_r(
    "inverse",
    draw_rate,
    "It took {inverse} {homes} to buy one {foreign} {when}.",
    "{a_foreign} cost {inverse} {homes} {ecb} {when}.",
    "Importers paid {inverse} {homes} for each {foreign} {when}, {ecb}.",
    condition=lambda raw: raw["now"] < 20,
)
_r(
    "hundred_foreign",
    draw_rate,
    "A bill of {amount} {foreigns} came to {cost} {homes} {ecb} {when}.",
    "Something priced at {amount} {foreigns} works out at {cost} {homes} with the rate of {weekday} the {nth}.",
    condition=lambda raw: raw["amount"] / raw["now"] >= 2,
)
_r(
    "traveller",
    draw_rate,
    "Before any fees, {amount} {homes} turned into {bought} {foreigns} {when}.",
    "A {traveller} with {amount} {homes} to change could hope for {bought} {foreigns} {when}, less what the bank keeps.",
    "At the rate of {weekday} the {nth}, {amount} {homes} make {bought} {foreigns}.",
)
_r(
    "week_up",
    draw_rate,
    "The {home} gained {week_move} {percent} on the {foreign} in a week and reached {level} {when}.",
    "A good week for the {home}: from {week_level} to {level} {foreigns}.",
    "A week ago {a_home} fetched {week_level} {foreigns}; {when} it fetched {level}.",
    condition=lambda raw: raw["move"]["week"] > 0.005,
)
_r(
    "week_down",
    draw_rate,
    "The {home} lost {week_move} {percent} against the {foreign} in a week and slipped to {level} {when}.",
    "A poor week for the {home}, down from {week_level} to {level} {foreigns}.",
    "The price of {a_home} sank from {week_level} {foreigns} to {level} in the seven days to {weekday} the {nth}.",
    condition=lambda raw: raw["move"]["week"] < -0.005,
)
_r(
    "month_up",
    draw_rate,
    "Against the {foreign} the {home} is {month_move} {percent} stronger than thirty days ago.",
    "Thirty days have lifted the {home} from {month_level} to {level} {foreigns}.",
    condition=lambda raw: raw["move"]["month"] > 0.01,
)
_r(
    "month_down",
    draw_rate,
    "Against the {foreign} the {home} is {month_move} {percent} weaker than thirty days ago.",
    "Thirty days have pushed the {home} down from {month_level} to {level} {foreigns}.",
    condition=lambda raw: raw["move"]["month"] < -0.01,
)
_r(
    "year_up",
    draw_rate,
    "Trips that are paid for in {foreigns} have become cheaper: {a_home} buys {level} of them, against {year_level} a year ago.",
    "The {home} has climbed {year_move} {percent} against the {foreign} in twelve months, to {level}.",
    condition=lambda raw: raw["move"]["year"] > 0.02,
)
_r(
    "year_down",
    draw_rate,
    "Trips that are paid for in {foreigns} have become more expensive: {a_home} buys only {level} of them, against {year_level} a year ago.",
    "The {home} has fallen {year_move} {percent} against the {foreign} in twelve months, to {level}.",
    condition=lambda raw: raw["move"]["year"] < -0.02,
)
_r(
    "year_flat",
    draw_rate,
    "After a whole year the {home} is almost back where it was against the {foreign}: {year_level} then, {level} now.",
    "A year of ups and downs has left the {home} within a hundredth of its old price of {year_level} {foreigns}.",
    condition=lambda raw: abs(raw["move"]["year"]) < 0.009,
)
_r(
    "day_jump",
    draw_rate,
    "The {home} jumped {day_move} {percent} against the {foreign} from one fixing to the next, to {level} {when}.",
    "Exporters winced {when} as the {home} leapt from {before} to {level} {foreigns} between two fixings.",
    condition=lambda raw: raw["move"]["day"] > 0.008,
)
_r(
    "day_drop",
    draw_rate,
    "The {home} dropped {day_move} {percent} against the {foreign} from one fixing to the next, to {level} {when}.",
    "Bad news for anyone who needed {foreigns} {when}: between two fixings the {home} went from {before} down to {level}.",
    condition=lambda raw: raw["move"]["day"] < -0.008,
)
_r(
    "day_quiet",
    draw_rate,
    "A quiet day: {before} {foreigns} to the {home} at one fixing, {level} at the next {when}.",
    "Nothing stirred between the {home} and the {foreign} {when}, with {level} hardly different from {before} the fixing before.",
    condition=lambda raw: abs(raw["move"]["day"]) < 0.001,
)
_r(
    "average",
    draw_rate,
    "Over all {fixings} fixings of {month} {a_home} averaged {average} {foreigns}.",
    "The mean rate for {month} comes to {average} {foreigns} for one {home}.",
    whole_month=True,
)
_r(
    "range",
    draw_rate,
    "In the course of {month} the {home} moved between {low} and {high} {foreigns}.",
    "{low} at the lowest, {high} at the highest: that was {month} for the {home} in {foreigns}.",
    whole_month=True,
)
_r(
    "high",
    draw_rate,
    "The {home} touched its best level of {month} on the {high_nth}, at {high} {foreigns}.",
    "Whoever needed {foreigns} did best to wait for the {high_nth}, when {a_home} bought {high}.",
    whole_month=True,
)
_r(
    "low",
    draw_rate,
    "The {home} hit its low for {month} on the {low_nth}, at {low} {foreigns}.",
    "The worst day of {month} to change {homes} into {foreigns} was the {low_nth}, at a rate of {low}.",
    whole_month=True,
)
_r(
    "inside_up",
    draw_rate,
    "The {home} began {month} at {first_level} {foreigns} and ended it higher, at {last_level}.",
    "From the first fixing to the last, {month} added {inside_move} {percent} to the {home} in terms of the {foreign}.",
    condition=lambda raw: raw["move"]["inside"] > 0.003,
    whole_month=True,
)
_r(
    "inside_down",
    draw_rate,
    "The {home} began {month} at {first_level} {foreigns} and ended it lower, at {last_level}.",
    "From the first fixing to the last, {month} took {inside_move} {percent} off the {home} in terms of the {foreign}.",
    condition=lambda raw: raw["move"]["inside"] < -0.003,
    whole_month=True,
)
_r(
    "streak",
    draw_rate,
    "The {home} has now gone {higher} against the {foreign} at {streak} fixings in a row, to {level} {when}.",
    "{streak} fixings, one direction: the {home} keeps going {higher} and stands at {level} {foreigns}.",
    condition=lambda raw: raw["streak"] >= 4,
)
_r(
    "best_since",
    draw_rate,
    "Not for {best_days} had {a_home} bought as many {foreigns} as the {level} it bought {when}.",
    "The {home} stands at {level} {foreigns} {when}; it was last worth at least as much {best_days} ago.",
    condition=lambda raw: 45 <= (raw["day"] - raw["best_since"]).days and raw["best_since"] > facts.fixing_days()[0],
)
_r(
    "worst_since",
    draw_rate,
    "Not for {worst_days} had {a_home} bought as few {foreigns} as the {level} it bought {when}.",
    "The {home} is down to {level} {foreigns} {when}; it was last worth as little or less {worst_days} ago.",
    condition=lambda raw: 45 <= (raw["day"] - raw["worst_since"]).days and raw["worst_since"] > facts.fixing_days()[0],
)
_r(
    "two",
    draw_rate,
    "Over thirty days the {home} rose {month_move} {percent} against the {foreign} but fell {other_move} {percent} against the {others}.",
    "The {home} is a coin with two sides: up {month_move} {percent} on the {foreign} in thirty days, down {other_move} {percent} on the {others}.",
    condition=lambda raw: raw["move"]["month"] > 0.006 and raw["move"]["other"] < -0.006,
)
_r(
    "rough",
    draw_rate,
    "Roughly {level0} {foreigns} to the {home} is what shoppers reckon with {when}.",
    "A rule of thumb for {this_month}: one {home} is about {level0} {foreigns}.",
    condition=lambda raw: raw["now"] > 3 and max(raw["series"]) / min(raw["series"]) < 1.05,
)
_r(
    "cent",
    draw_rate,
    "Whoever changed {homes} into {foreigns} on the {high_nth} rather than the {low_nth} got {high} for each instead of {low}.",
    condition=lambda raw: max(raw["series"]) / min(raw["series"]) > 1.01,
    whole_month=True,
)
_r(
    "parity",
    draw_rate,
    "The {home} is worth less than one {foreign}, {level} {when}.",
    "One {home} does not quite make one {foreign}: {level} {ecb} {when}.",
    condition=lambda raw: 0.5 < raw["now"] < 1,
)

# --- trading --------------------------------------------------------------------------------------------
_t = trading.add
_t(
    "count",
    draw_trading,
    "There are {sessions} trading days on {market} in {month}.",
    "Brokers get {sessions} sessions on {market} {this_month}.",
    "{market} opens its doors {sessions} times {this_month}, from {first_weekday} the {first_nth} to {last_weekday} the {last_nth}.",
)
_t(
    "hours",
    draw_trading,
    "Trading on {market} ran from {opens} to {closes} {when}.",
    "{market} rings in the day at {opens} and closes at {closes} {when}.",
    "From {opens} to {closes} {when} shares change hands on {market}.",
)
_t(
    "utc",
    draw_trading,
    "The opening of {market} {when} is, by universal time, at {utc}.",
    "Astronomers, who keep universal time, would say of the session held {when} that {market} opened at {utc}.",
    "For the session held {when}, {market} opened at {utc}, by universal time.",
)
_t(
    "from_afar",
    draw_trading,
    "Investors in {watcher} see {market} open at {watcher_opens} and close at {watcher_closes} by their own clocks {when}.",
    "By the clocks of {watcher}, trading on {market} began at {watcher_opens} {when}.",
    condition=lambda raw: raw["region"] != "UK",
)
_t(
    "away_opening",
    draw_trading,
    "When {away} opened {when}, the clock at our own exchange showed {away_opens}.",
    "It was {away_opens} by the clock of our own exchange when {away} opened {when}.",
    condition=lambda raw: raw["away_open"],
)
_t(
    "number_month",
    draw_trading,
    "{weekday} the {nth} was the {number} session of {month} on {market}.",
    "The {number} trading day of {month} on {market} fell on {weekday} the {nth}.",
)
_t(
    "number_year",
    draw_trading,
    "{market} held its {number_year} session of {year} {when}.",
    "With the {number_year} trading day of the year on {weekday} the {nth}, {market} has {left_year} left.",
)
_t(
    "left_year",
    draw_trading,
    "{market} has {left_year} to go before the year is out, after the close {when}.",
    "After {weekday} the {nth} only {left_year} remained in the year for {market}.",
    condition=lambda raw: raw["day"].month >= 7 and (raw["day"].month, raw["day"].day) < (12, 20),
)
_t(
    "left_month",
    draw_trading,
    "Once {market} closes {when}, {left_month} are left in {month}.",
    "Fund managers who must trade before the month is out have {left_month} left on {market} after {weekday} the {nth}.",
    condition=lambda raw: raw["sessions"].index(raw["day"]) < len(raw["sessions"]) - 2,
)
_t(
    "first",
    draw_trading,
    "The first trading day of {month} on {market} is {first_weekday} the {first_nth}.",
    "{market} opened {month} on {first_weekday} the {first_nth}.",
)
_t(
    "last",
    draw_trading,
    "The last session of {month} on {market} is that of {last_weekday} the {last_nth}.",
    "Books for {month} are closed on {market} on {last_weekday} the {last_nth}, after {sessions} sessions.",
    whole_month=True,
)
_t(
    "short_week",
    draw_trading,
    "A short week for brokers: {market} opened on only {week_sessions} days of the week that includes {weekday} the {nth}.",
    "{market} trades on {week_sessions} days only this week, holidays taking the rest.",
    condition=lambda raw: len(raw["week"]) < 5,
)
_t(
    "full_week",
    draw_trading,
    "No holiday interrupts {market} this week, all five days of it, {weekday} the {nth} among them.",
    "A full week of five sessions on {market}, with {weekday} the {nth} one of them.",
    condition=lambda raw: len(raw["week"]) == 5,
)
_t(
    "early",
    draw_trading,
    "{market} closed early {when}, at {closes}.",
    "A half day for brokers {when}: {market} shut at {closes} after {hours}.",
    condition=lambda raw: raw["early"],
)
_t(
    "long_break",
    draw_trading,
    "When {market} closed {when} it did so for {gap} days, to open again on {following}.",
    "After the close {when} brokers have {gap} days to themselves before {market} resumes on {following}.",
    condition=lambda raw: (raw["following"] - raw["day"]).days > 3,
)
_t(
    "more_than_abroad",
    draw_trading,
    "{market} has {sessions} sessions {this_month}, {fewer} than the {away_sessions} of {away}.",
    "Compare the calendars for {month}: {sessions} trading days here, {away_sessions} at {away}.",
    condition=lambda raw: not raw["same_count"],
)
_t(
    "as_many_as_abroad",
    draw_trading,
    "{market} and {away} both have {sessions} sessions {this_month}.",
    "Brokers here work as many days {this_month} as those at {away}, {sessions} of them.",
    condition=lambda raw: raw["same_count"],
)
_t(
    "quarter",
    draw_trading,
    "The {quarter} quarter of {year} has {quarter_sessions} trading days on {market}.",
    "{quarter_sessions} sessions make up the {quarter} quarter on {market}, {sessions} of them in {month}.",
)
_t(
    "last_year",
    draw_trading,
    "{market} has {sessions} sessions {this_month}; in the same month of last year it had {last_year_sessions}.",
    "A year ago this month had {last_year_sessions} trading days on {market}, this time {sessions}.",
    condition=lambda raw: raw["previous_year"] > 0 and raw["previous_year"] != len(raw["sessions"]),
)
_t(
    "abroad_shut",
    draw_trading,
    "{away} was shut for a holiday {when} while {market} traded as usual.",
    "No prices came from {away} {when}, a holiday there, but {market} was open.",
    condition=lambda raw: not raw["away_open"] and raw["day"] != _MOURNING,
)
_t(
    "length",
    draw_trading,
    "A session on {market} lasts {hours} {when}, from {opens} on.",
    "{hours} of trading, no more, is what {market} offers {when}.",
)
_t(
    "closed",
    draw_closure,
    "{market} stayed closed {when} for a holiday.",
    "No trading on {market} {when}: the holiday kept brokers at home.",
    "{market} took {weekday} the {nth} off and opened again on {after}.",
    condition=lambda raw: raw["day"] != _MOURNING,
)
_t(
    "closed_alone",
    draw_closure,
    "{market} was closed {when}, yet {open_away} traded as if nothing had happened.",
    "While {open_away} was busy {when}, {market} kept its doors shut.",
    condition=lambda raw: bool(raw["open_elsewhere"]),
)
_t(
    "closed_together",
    draw_closure,
    "{market} was closed {when}, and the doors were shut too at {shut_away}.",
    "Brokers here shared their day off {when} with their colleagues at {shut_away}.",
    condition=lambda raw: bool(raw["shut_elsewhere"]),
)
_t(
    "closed_gap",
    draw_closure,
    "Between the close on {before} and the opening on {after}, {gap} days passed without a price on {market}, {weekday} the {nth} among them.",
    condition=lambda raw: (raw["after"] - raw["before"]).days > 3,
)
