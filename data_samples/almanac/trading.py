"""Templates about trading days and hours (facts from exchange-calendars)."""

# ruff: noqa: E501  (one wording a line reads better than a wrapped one)

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from random import Random

from data_samples.almanac import facts, wording
from data_samples.almanac.facts import DAY
from data_samples.almanac.places import REGIONS
from data_samples.almanac.template import Cell, Drawn, Templates, common_words

# The US exchanges stayed shut on a day of national mourning, which is no holiday.
_MOURNING = dt.date(2018, 12, 5)


_UNNAMED = ("our stock exchange", "the stock exchange here", "our stock market")


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


templates = Templates("trading")
add = templates.add
add(
    "count",
    draw_trading,
    "There are {sessions} trading days on {market} in {month}.",
    "Brokers get {sessions} sessions on {market} {this_month}.",
    "{market} opens its doors {sessions} times {this_month}, from {first_weekday} the {first_nth} to {last_weekday} the {last_nth}.",
)
add(
    "hours",
    draw_trading,
    "Trading on {market} ran from {opens} to {closes} {when}.",
    "Whoever wants to buy or sell shares on {market} {when} has from {opens} to {closes} by the clock of the exchange to do so, which is {hours}, before the doors close again until {following}.",
    "{market} rings in the day at {opens} and closes at {closes} {when}.",
    "From {opens} to {closes} {when} shares change hands on {market}.",
)
add(
    "utc",
    draw_trading,
    "The opening of {market} {when} is, by universal time, at {utc}.",
    "Astronomers, who keep universal time, would say of the session held {when} that {market} opened at {utc}.",
    "For the session held {when}, {market} opened at {utc}, by universal time.",
)
add(
    "from_afar",
    draw_trading,
    "Investors in {watcher} see {market} open at {watcher_opens} and close at {watcher_closes} by their own clocks {when}.",
    "By the clocks of {watcher}, trading on {market} began at {watcher_opens} {when}.",
    condition=lambda raw: raw["region"] != "UK",
)
add(
    "away_opening",
    draw_trading,
    "When {away} opened {when}, the clock at our own exchange showed {away_opens}.",
    "It was {away_opens} by the clock of our own exchange when {away} opened {when}.",
    condition=lambda raw: raw["away_open"],
)
add(
    "number_month",
    draw_trading,
    "{weekday} the {nth} was the {number} session of {month} on {market}.",
    "The {number} trading day of {month} on {market} fell on {weekday} the {nth}.",
)
add(
    "number_year",
    draw_trading,
    "{market} held its {number_year} session of {year} {when}.",
    "With the {number_year} trading day of the year on {weekday} the {nth}, {market} has {left_year} left.",
)
add(
    "left_year",
    draw_trading,
    "{market} has {left_year} to go before the year is out, after the close {when}.",
    "After {weekday} the {nth} only {left_year} remained in the year for {market}.",
    condition=lambda raw: raw["day"].month >= 7 and (raw["day"].month, raw["day"].day) < (12, 20),
)
add(
    "left_month",
    draw_trading,
    "Once {market} closes {when}, {left_month} are left in {month}.",
    "Fund managers who must trade before the month is out have {left_month} left on {market} after {weekday} the {nth}.",
    condition=lambda raw: raw["sessions"].index(raw["day"]) < len(raw["sessions"]) - 2,
)
add(
    "first",
    draw_trading,
    "The first trading day of {month} on {market} is {first_weekday} the {first_nth}.",
    "{market} opened {month} on {first_weekday} the {first_nth}.",
)
add(
    "last",
    draw_trading,
    "The last session of {month} on {market} is that of {last_weekday} the {last_nth}.",
    "Books for {month} are closed on {market} on {last_weekday} the {last_nth}, after {sessions} sessions.",
    whole_month=True,
)
add(
    "short_week",
    draw_trading,
    "A short week for brokers: {market} opened on only {week_sessions} days of the week that includes {weekday} the {nth}.",
    "{market} trades on {week_sessions} days only this week, holidays taking the rest.",
    condition=lambda raw: len(raw["week"]) < 5,
)
add(
    "full_week",
    draw_trading,
    "No holiday interrupts {market} this week, all five days of it, {weekday} the {nth} among them.",
    "A full week of five sessions on {market}, with {weekday} the {nth} one of them.",
    condition=lambda raw: len(raw["week"]) == 5,
)
add(
    "early",
    draw_trading,
    "{market} closed early {when}, at {closes}.",
    "A half day for brokers {when}: {market} shut at {closes} after {hours}.",
    condition=lambda raw: raw["early"],
)
add(
    "long_break",
    draw_trading,
    "When {market} closed {when} it did so for {gap} days, to open again on {following}.",
    "After the close {when} brokers have {gap} days to themselves before {market} resumes on {following}.",
    condition=lambda raw: (raw["following"] - raw["day"]).days > 3,
)
add(
    "more_than_abroad",
    draw_trading,
    "{market} has {sessions} sessions {this_month}, {fewer} than the {away_sessions} of {away}.",
    "Compare the calendars for {month}: {sessions} trading days here, {away_sessions} at {away}.",
    condition=lambda raw: not raw["same_count"],
)
add(
    "as_many_as_abroad",
    draw_trading,
    "{market} and {away} both have {sessions} sessions {this_month}.",
    "Brokers here work as many days {this_month} as those at {away}, {sessions} of them.",
    condition=lambda raw: raw["same_count"],
)
add(
    "quarter",
    draw_trading,
    "The {quarter} quarter of {year} has {quarter_sessions} trading days on {market}.",
    "{quarter_sessions} sessions make up the {quarter} quarter on {market}, {sessions} of them in {month}.",
)
add(
    "last_year",
    draw_trading,
    "{market} has {sessions} sessions {this_month}; in the same month of last year it had {last_year_sessions}.",
    "A year ago this month had {last_year_sessions} trading days on {market}, this time {sessions}.",
    condition=lambda raw: raw["previous_year"] > 0 and raw["previous_year"] != len(raw["sessions"]),
)
add(
    "abroad_shut",
    draw_trading,
    "{away} was shut for a holiday {when} while {market} traded as usual.",
    "No prices came from {away} {when}, a holiday there, but {market} was open.",
    condition=lambda raw: not raw["away_open"] and raw["day"] != _MOURNING,
)
add(
    "length",
    draw_trading,
    "A session on {market} lasts {hours} {when}, from {opens} on.",
    "{hours} of trading, no more, is what {market} offers {when}.",
)
add(
    "closed",
    draw_closure,
    "{market} stayed closed {when} for a holiday.",
    "No trading on {market} {when}: the holiday kept brokers at home.",
    "{market} took {weekday} the {nth} off and opened again on {after}.",
    condition=lambda raw: raw["day"] != _MOURNING,
)
add(
    "closed_alone",
    draw_closure,
    "{market} was closed {when}, yet {open_away} traded as if nothing had happened.",
    "While {open_away} was busy {when}, {market} kept its doors shut.",
    condition=lambda raw: bool(raw["open_elsewhere"]),
)
add(
    "closed_together",
    draw_closure,
    "{market} was closed {when}, and the doors were shut too at {shut_away}.",
    "Brokers here shared their day off {when} with their colleagues at {shut_away}.",
    condition=lambda raw: bool(raw["shut_elsewhere"]),
)
add(
    "closed_gap",
    draw_closure,
    "Between the close on {before} and the opening on {after}, {gap} days passed without a price on {market}, {weekday} the {nth} among them.",
    condition=lambda raw: (raw["after"] - raw["before"]).days > 3,
)
