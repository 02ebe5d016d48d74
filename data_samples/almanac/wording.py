"""How dates, times, numbers and spans are written, in the manner of each region."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Sequence
from random import Random

from data_samples.almanac.places import Region

MONTHS = tuple(calendar.month_name)  # "" at 0
WEEKDAYS = tuple(calendar.day_name)
_SMALL = (
    "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
).split()
_ORDINALS = ("", "first", "second", "third", "fourth", "fifth")


def number(n: int) -> str:
    """Words up to twenty, figures above: "three", "21", "1,240"."""
    return _SMALL[n] if 0 <= n <= 20 else f"{n:,}"


def count(n: int, singular: str, plural: str | None = None) -> str:
    """ "one day", "three days", "no days"."""
    return f"{number(n)} {singular if n == 1 else plural or singular + 's'}"


def ordinal(n: int) -> str:
    """ "1st", "22nd", "113th"."""
    suffix = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def ordinal_word(n: int) -> str:
    """ "first" to "fifth", figures above."""
    return _ORDINALS[n] if 0 < n < len(_ORDINALS) else ordinal(n)


def duration(minutes: int, rng: Random) -> str:
    """ "9 hours and 14 minutes"."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' * (hours != 1)}"] if hours else []
    if rest or not hours:
        parts.append(f"{rest} minute{'s' * (rest != 1)}")
    return (" and " if rng.random() < 0.6 else " ").join(parts)


def clock_style(region: Region, rng: Random) -> Callable[[dt.datetime | dt.time], str]:
    """One of the region's two ways to write a time of day, to be kept through a whole sentence."""
    plain = rng.random() < 0.5
    return lambda moment: clock(moment, region, plain=plain)


def clock(moment: dt.datetime | dt.time, region: Region, *, plain: bool) -> str:
    """A time of day as people of the region write it: "16:12", "4.12pm", "4:12 p.m."."""
    hour, minute = moment.hour % 12 or 12, moment.minute
    morning = moment.hour < 12
    if region.label == "UK":
        return f"{moment.hour:02}:{minute:02}" if plain else f"{hour}.{minute:02}{'am' if morning else 'pm'}"
    if region.label == "AUS":
        return f"{hour}:{minute:02}{' ' * (not plain)}{'am' if morning else 'pm'}"
    if region.label == "CAN" and plain:
        return f"{moment.hour}:{minute:02}"
    if region.label == "US" and plain:
        return f"{hour}:{minute:02} {'AM' if morning else 'PM'}"
    return f"{hour}:{minute:02} {'a.m.' if morning else 'p.m.'}"


def spoken_hour(moment: dt.datetime | dt.time) -> str:
    """A full or half hour in words: "noon", "seven in the morning", "half past nine in the evening"."""
    hour, minute = moment.hour, moment.minute
    if (hour, minute) == (12, 0):
        return "noon"
    if (hour, minute) == (0, 0):
        return "midnight"
    part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening" if hour < 22 else "night"
    joint = "at" if part == "night" else "in the"
    past = {0: "", 15: "a quarter past ", 30: "half past ", 45: "a quarter to "}[minute]
    hour += minute == 45
    return f"{past}{number(hour % 12 or 12)} {joint} {part}"


def full_date(day: dt.date, region: Region, rng: Random) -> str:
    """A date with its month in it, in the region's order."""
    month, weekday = MONTHS[day.month], WEEKDAYS[day.weekday()]
    british = region.label in ("UK", "AUS")
    style = rng.randrange(10)
    if style == 0:
        short = month[:3]
        return f"{day.day} {short} {day.year}" if british else f"{short}. {day.day}, {day.year}".replace("May.", "May")
    if style == 1:
        if region.label == "CAN":
            return day.isoformat()
        order = (day.day, day.month) if british else (day.month, day.day)
        return f"{order[0]}/{order[1]}/{day.year}"
    if style < 6:
        return f"{weekday} {day.day} {month}" if british else f"{weekday}, {month} {day.day}"
    return f"{day.day} {month} {day.year}" if british else f"{month} {day.day}, {day.year}"


def when(day: dt.date, region: Region, rng: Random, *, named: float = 0.2) -> str:
    """An adverbial for the day; with the probability `named` it tells the month, else only the day."""
    if rng.random() < named:
        return f"on {full_date(day, region, rng)}"
    weekday = WEEKDAYS[day.weekday()]
    nth = (day.day - 1) // 7 + 1
    choices = [
        f"on {weekday} the {ordinal(day.day)}",
        f"on the {ordinal(day.day)}",
        f"on the {ordinal_word(nth)} {weekday} of the month",
        f"on {weekday}",
        "today",
        f"this {weekday}",
    ]
    if day.day == 1:
        choices.append("on the first of the month")
    if (day + dt.timedelta(days=1)).day == 1:
        choices.append("on the last day of the month")
    return rng.choice(choices)


def capital(text: str) -> str:
    """The same text with a capital first letter."""
    return text[:1].upper() + text[1:]


def listing(items: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def money(value: float) -> str:
    """A rate with four figures or more: "1.1523", "148.21", "16,012"."""
    if value < 10:
        return f"{value:.4f}"
    if value < 100:
        return f"{value:.3f}"
    return f"{value:,.2f}" if value < 10_000 else f"{value:,.0f}"


def sum_of_money(value: float) -> str:
    """An amount to pay, with cents where they matter: "18.01", "1,204.50", "16,012"."""
    return f"{value:,.2f}" if value < 10_000 else f"{value:,.0f}"
