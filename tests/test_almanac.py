"""Every sentence of the almanac is true, the corpus is balanced, and it is rebuilt to the same bytes.

The facts are checked along routes of their own: another formula for the sun, Meeus' series for the moon, the raw
ECB file, the rules of law for holidays and clocks.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
import math
import re
import zipfile
from collections import Counter, defaultdict
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from data_samples import almanac
from data_samples.almanac import assemble, facts, giveaways, wording
from data_samples.almanac.__main__ import main
from data_samples.almanac.contrast import CONTRASTS
from data_samples.almanac.places import AUS, CAN, REGIONS, UK, US, City
from data_samples.almanac.template import Drawn
from spacetime.corpus.almanac import ALMANAC, load_almanac

Row = dict[str, str]
Told = tuple[Row, Drawn]
DAY = dt.timedelta(days=1)
YEARS = range(2017, 2022)


@pytest.fixture(scope="module")
def rebuilt() -> tuple[list[Row], list[Drawn | None]]:
    """The corpus built anew (some ten seconds), with the fact behind every row."""
    drawn: list[Drawn | None] = []
    return list(almanac.rows(drawn=drawn)), drawn


@pytest.fixture(scope="module")
def told(rebuilt: tuple[list[Row], list[Drawn | None]]) -> dict[str, list[Told]]:
    """Template id -> its rows with their facts."""
    by_template: dict[str, list[Told]] = defaultdict(list)
    for row, fact in zip(*rebuilt, strict=True):
        if fact is not None:
            by_template[row["template"]].append((row, fact))
    return dict(by_template)


# ------------------------------------------------------------------------------------- file and make-up


def test_a_rebuild_gives_the_shipped_bytes(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    again = b"".join(assemble.csv_bytes(rebuilt[0]))
    assert hashlib.sha256(again).hexdigest() == almanac.check()["sha256_decompressed"]


def test_the_file_itself_is_the_one_in_the_manifest() -> None:
    manifest = almanac.check()
    assert hashlib.sha256(ALMANAC.read_bytes()).hexdigest() == manifest["sha256_file"]


def test_every_cell_has_the_same_number_of_sentences(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    cells = Counter((row["month"], row["region"]) for row in rebuilt[0])
    assert len(cells) == 240
    assert set(cells.values()) == {assemble.SENTENCES_PER_CELL}
    assert 10_000 <= len(rebuilt[0]) <= 14_000


def test_only_contrast_sentences_occur_twice(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    texts = Counter(row["text"] for row in rebuilt[0])
    assert len(texts) / len(rebuilt[0]) >= 0.95
    assert {text for text, n in texts.items() if n > 1} <= {contrast.text for contrast in CONTRASTS}


def test_many_templates_none_of_them_large(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    templates = Counter(row["template"] for row in rebuilt[0])
    assert len(templates) >= 150
    assert max(templates.values()) <= 0.02 * len(rebuilt[0])


def test_the_date_lies_in_the_month(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    assert all(dt.date.fromisoformat(row["date"]).isoformat()[:7] == row["month"] for row in rebuilt[0])


def test_sentences_are_well_formed(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    vowel_sound = r"\b[Aa] (?!euro|one|uni|US )[aeiouAEIO]|\b[Aa]n (?!hour|honou?r|eur)[^aeiouAEIO\W]"
    slips = re.compile(rf"  |[{{}}]|\.\.|\b1 (?:hours|minutes)|\bone (?:days|minutes|sessions)|{vowel_sound}")
    for row in rebuilt[0]:
        text = row["text"]
        assert not slips.search(text), text
        assert text[0].isupper() or text[0].isdigit(), text
        assert text[-1] in ".?", text
        assert 8 <= len(text.split()) <= 40, text


def test_ordinals_in_the_texts_are_spelled_right(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    for row in rebuilt[0]:
        for figure, suffix in re.findall(r"\b(\d+)(st|nd|rd|th)\b", row["text"]):
            teen = int(figure) % 100 in (11, 12, 13)
            assert suffix == ("th" if teen else {"1": "st", "2": "nd", "3": "rd"}.get(figure[-1], "th")), row["text"]


def test_a_weekday_next_to_a_day_of_the_month_fits_the_calendar(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    pattern = re.compile(r"\b(\w+day) the (\d+)(?:st|nd|rd|th)\b")
    checked = 0
    for row in rebuilt[0]:
        year, month = int(row["month"][:4]), int(row["month"][5:])
        for weekday, day in pattern.findall(row["text"]):
            assert f"{dt.date(year, month, int(day)):%A}" == weekday, row["text"]
            checked += 1
    assert checked > 1_000


def test_no_sentence_names_another_month_or_another_year(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    month_name = re.compile(r"\b(" + "|".join(wording.MONTHS[1:]) + r")\b")
    year = re.compile(r"(?<![\d,.])(20(?:1[5-9]|2[0-4]))(?![\d]|[.,]\d)")
    for row in rebuilt[0]:
        # Two holidays have a month in their names and are counted down to in other months.
        text = row["text"].replace("early May bank holiday", "").replace("May Day", "")
        assert set(month_name.findall(text)) <= {wording.MONTHS[int(row["month"][5:])]}, row["text"]
        assert set(year.findall(text)) <= {row["month"][:4]}, row["text"]


def test_seasons_named_as_the_present_one_fit_the_hemisphere(told: dict[str, list[Told]]) -> None:
    north = ["winter", "winter", "spring", "spring", "spring", "summer", "summer", "summer", "fall", "fall", "fall"]
    for name in ("part", "daylight", "day_of_season"):
        for row, _ in told[f"season.{name}"]:
            month = int(row["month"][5:]) + (6 if row["region"] == "AUS" else 0)
            season = [*north, "winter"][(month - 1) % 12]
            assert season in row["text"].lower().replace("autumn", "fall"), row["text"]


# ------------------------------------------------------------------------------------------- give-aways


@pytest.mark.parametrize(
    ("text", "month", "expected"),
    [
        ("The sun rose on 14 March 2019.", "2019-03", True),
        ("The sun rose on Mar. 14, 2019.", "2019-03", True),
        ("The sun rose on 2019-03-14.", "2019-03", True),
        ("The sun rose on 14/03/2019.", "2019-03", True),
        ("The clocks go back in Sept every year.", "2019-09", True),
        ("It may rain, they march on.", "2019-05", False),
        ("May Day is a Monday.", "2019-05", True),
        ("Halloween is on a Thursday.", "2019-10", False),
        ("Compared with June it is cool.", "2019-03", False),
        ("The pound stood at 1.1523 euros, up 0.5 per cent.", "2019-03", False),
        ("The sun rose at 6.42am on the 14th.", "2019-03", False),
    ],
)
def test_names_month(text: str, month: str, expected: bool) -> None:
    assert giveaways.names_month(text, month) is expected


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("Sunset in Leeds was at 16:12.", "UK", True),
        ("London is five hours ahead of us.", "CAN", False),
        ("The pound fell.", "UK", True),
        ("The pound fell.", "US", False),
        ("The dollar fell.", "AUS", False),
        ("The Aussie dollar fell.", "AUS", True),
        ("They gave us a day off for Labour Day.", "US", False),
        ("One US dollar bought 0.9 euros.", "US", True),
        ("One US dollar bought 0.9 euros.", "CAN", False),
        ("The loonie rose.", "CAN", True),
        ("Clocks show AEDT.", "AUS", True),
        ("The Australian dollar cost 0.7 US dollars.", "AUS", True),
        ("It is the first month of summer here.", "AUS", False),
        ("The TSX was closed.", "CAN", True),
    ],
)
def test_names_place(text: str, region: str, expected: bool) -> None:
    assert giveaways.names_place(text, region) is expected


def test_a_third_of_the_sentences_give_nothing_away(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    silent = [row for row in rebuilt[0] if (row["names_month"], row["names_place"]) == ("0", "0")]
    assert len(silent) > len(rebuilt[0]) / 3


# -------------------------------------------------------------------------------------- contrast sets

# Months in which each text holds, by region, from common knowledge; variants by year are tested below.
_NORTH_SOUTH = {
    "summer_first": (6, 12),
    "summer_last": (8, 2),
    "winter_middle": (1, 7),
    "winter_last": (2, 8),
    "spring_first": (3, 9),
    "summer_middle": (7, 1),
    "longest_day": (6, 12),
    "shortest_day": (12, 6),
    "nights_win": (9, 3),
    "days_win": (3, 9),
    "low_sun": (12, 6),
}
_BY_REGION: dict[str, dict[str, set[int]]] = {
    "clocks_forward": {"UK": {3}, "US": {3}, "CAN": {3}, "AUS": {10}},
    "clocks_back": {"UK": {10}, "US": {11}, "CAN": {11}, "AUS": {4}},
    "thanksgiving_dinner": {"US": {11}, "CAN": {10}},
    "thanksgiving_exchange": {"US": {11}, "CAN": {10}},
    "labour_day": {"CAN": {9}, "AUS": {3, 5, 10}},
    "workers": {"US": {9}, "CAN": {9}, "AUS": {3, 5, 10}},
    "mothers_day": {"UK": {3}, "US": {5}, "CAN": {5}, "AUS": {5}},
    "mothers_flowers": {"UK": {3}, "US": {5}, "CAN": {5}, "AUS": {5}},
    "fathers_day": {"UK": {6}, "US": {6}, "CAN": {6}, "AUS": {9}},
    "memorial_day": {"US": {5}, "CAN": {7}},
    "family_day": {"US": {11}, "CAN": {2}},
    "national_day": {"US": {7}, "CAN": {7}, "AUS": {1}},
    "sovereign": {"CAN": {5}, "AUS": {6, 9, 10}},
    "year_end": {"UK": {3}, "CAN": {3}, "AUS": {6}, "US": {9}},
    "summer_closure": {"UK": {8}, "US": {7}, "CAN": {7, 8}, "AUS": {12, 1}},
}


@pytest.mark.parametrize("contrast", CONTRASTS, ids=lambda contrast: contrast.id)
def test_contrast_text_stands_where_it_is_true_and_nowhere_else(
    contrast: object, rebuilt: tuple[list[Row], list[Drawn | None]]
) -> None:
    name = getattr(contrast, "id")  # noqa: B009
    if name in _NORTH_SOUTH:
        north, south = _NORTH_SOUTH[name]
        expected = {region: {south if region == "AUS" else north} for region in ("UK", "US", "AUS", "CAN")}
    else:
        expected = _BY_REGION[name]
    found: dict[str, set[int]] = defaultdict(set)
    rows = [row for row in rebuilt[0] if row["contrast"] == name]
    for row in rows:
        found[row["region"]].add(int(row["month"][5:]))
    assert dict(found) == expected
    assert len({(row["region"], int(row["month"][5:])) for row in rows}) >= 2
    assert {row["text"] for row in rows} == {getattr(contrast, "text")}  # noqa: B009
    assert {(row["names_month"], row["names_place"]) for row in rows} == {("0", "0")}


def test_there_are_at_least_twelve_contrast_texts_with_two_months_each() -> None:
    assert len({contrast.text for contrast in CONTRASTS}) == len(CONTRASTS) >= 12


def test_contrast_is_filled_in_for_contrast_rows_only(rebuilt: tuple[list[Row], list[Drawn | None]]) -> None:
    assert all((row["kind"] == "contrast") == bool(row["contrast"]) for row in rebuilt[0])


# ------------------------------------------------------------------------------------------------- sun


def _sun_position(moment: dt.datetime) -> tuple[float, float]:
    """Declination (radians) and equation of time (minutes): the Astronomical Almanac's low-precision formulae."""
    days = (moment - dt.datetime(2000, 1, 1, 12, tzinfo=dt.UTC)) / DAY
    mean = (280.460 + 0.9856474 * days) % 360
    anomaly = math.radians((357.528 + 0.9856003 * days) % 360)
    longitude = math.radians(mean + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 0.0000004 * days)
    ascension = math.degrees(math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude)))
    equation = 4 * ((mean - ascension + 180) % 360 - 180)
    return math.asin(math.sin(tilt) * math.sin(longitude)), equation


def _event(city: City, day: dt.date, side: int) -> dt.datetime:
    """Sunrise (side -1), noon (0) or sunset (1) in UTC, the sun's centre 0.833 degrees under the horizon."""
    noon = dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC) - dt.timedelta(minutes=4 * city.longitude)
    moment = noon
    for _ in range(4):
        declination, equation = _sun_position(moment)
        latitude = math.radians(city.latitude)
        cosine = (math.sin(math.radians(-0.833)) - math.sin(latitude) * math.sin(declination)) / (
            math.cos(latitude) * math.cos(declination)
        )
        angle = math.degrees(math.acos(cosine))
        moment = noon + dt.timedelta(minutes=-equation + side * 4 * angle)
    return moment


def _minutes(span: dt.timedelta) -> float:
    return abs(span.total_seconds()) / 60


def _told_of_the_sun(told: dict[str, list[Told]]) -> list[Told]:
    return [pair for name, pairs in told.items() for pair in pairs if "path" in pair[1].raw and name[:4] == "dayl"]


def test_sunrise_and_sunset_agree_with_another_formula(told: dict[str, list[Told]]) -> None:
    pairs = _told_of_the_sun(told)
    assert len(pairs) > 2_000
    for row, fact in pairs:
        city, day, sun = fact.raw["city"], fact.day, fact.raw["sun"]
        # Near the polar circle the sun grazes the horizon and small differences grow.
        tolerance = 2 if abs(city.latitude) < 60 else 4
        assert _minutes(sun.rise.astimezone(dt.UTC) - _event(city, day, -1)) < tolerance, row["text"]
        assert _minutes(sun.set.astimezone(dt.UTC) - _event(city, day, 1)) < tolerance, row["text"]
        assert _minutes(fact.raw["path"].noon.astimezone(dt.UTC) - _event(city, day, 0)) < 2, row["text"]
        assert sun.rise.date() == sun.set.date() == day


def test_the_height_of_the_noon_sun_follows_from_its_declination(told: dict[str, list[Told]]) -> None:
    for row, fact in _told_of_the_sun(told):
        declination, _ = _sun_position(_event(fact.raw["city"], fact.day, 0))
        height = 90 - abs(fact.raw["city"].latitude - math.degrees(declination))
        # Refraction lifts a low sun by up to a tenth of a degree or two.
        assert abs(fact.raw["path"].altitude - height) < 0.3, row["text"]


def _times(text: str) -> list[int]:
    """Minutes of the day of every time in the text."""
    found = []
    for hour, minute, half in re.findall(r"\b(\d{1,2})[:.](\d\d)(?:\s?([ap])\.?m\.?)?", text, flags=re.I):
        shift = 12 * (half.lower() == "p") if half else 0
        found.append(((int(hour) % 12 if half else int(hour)) + shift) * 60 + int(minute))
    return found


def test_the_text_tells_the_time_of_the_fact(told: dict[str, list[Told]]) -> None:
    for name, moment in (("rise", "rise"), ("set", "set")):
        for row, fact in told[f"daylight.{name}"]:
            at = getattr(fact.raw["sun"], moment)
            assert _times(row["text"]) == [at.hour * 60 + at.minute], row["text"]


def test_lengths_of_days_in_the_text(told: dict[str, list[Told]]) -> None:
    for row, fact in told["daylight.length"]:
        found = re.search(r"(\d+) hours?(?: and)?(?: (\d+) minutes?)?", row["text"])
        assert found, row["text"]
        minutes = int(found[1]) * 60 + int(found[2] or 0)
        city = fact.raw["city"]
        expected = (_event(city, fact.day, 1) - _event(city, fact.day, -1)).total_seconds() / 60
        assert abs(minutes - expected) < (3 if abs(city.latitude) < 60 else 8), row["text"]


def test_days_grow_and_shrink_as_told(told: dict[str, list[Told]]) -> None:
    def length(city: City, day: dt.date) -> float:
        return (_event(city, day, 1) - _event(city, day, -1)).total_seconds() / 60

    for name, sign in (("gaining", 1), ("losing", -1)):
        for row, fact in told[f"daylight.{name}"]:
            city, day = fact.raw["city"], fact.day
            assert sign * (length(city, day) - length(city, day - 7 * DAY)) > 1, row["text"]
    for row, fact in told["daylight.two_towns"]:
        assert length(fact.raw["city"], fact.day) > length(fact.raw["other"], fact.day), row["text"]


def test_white_nights_are_in_the_northern_summer_only(told: dict[str, list[Told]]) -> None:
    for row, fact in told["daylight.white_night"]:
        declination, _ = _sun_position(dt.datetime.combine(fact.day, dt.time(), tzinfo=dt.UTC))
        assert 90 - fact.raw["city"].latitude - math.degrees(declination) < 15.6, row["text"]


def test_polar_night_and_midnight_sun(told: dict[str, list[Told]]) -> None:
    assert told["daylight.polar_night"] and told["daylight.midnight_sun"]
    for name, sign in (("polar_night", -1), ("midnight_sun", 1)):
        for row, fact in told[f"daylight.{name}"]:
            declination, _ = _sun_position(dt.datetime.combine(fact.day, dt.time(12), tzinfo=dt.UTC))
            assert sign * math.degrees(declination) > 90 - fact.raw["city"].latitude, row["text"]


def test_the_longest_day_is_in_june_up_north_and_in_december_down_south() -> None:
    for city, month in ((UK.cities[0], 6), (CAN.cities[0], 6), (US.cities[0], 6), (AUS.cities[0], 12)):
        days = [dt.date(2019, 1, 1) + DAY * i for i in range(365)]
        assert max(days, key=lambda day: facts.sun(city, day).seconds).month == month  # noqa: B023
        assert min(days, key=lambda day: facts.sun(city, day).seconds).month == (month + 6) % 12 or 12  # noqa: B023


@pytest.mark.parametrize(
    ("year", "month", "moment"),
    [
        (2017, "03", "2017-03-20 10:29"),
        (2018, "09", "2018-09-23 01:54"),
        (2019, "06", "2019-06-21 15:54"),
        (2020, "12", "2020-12-21 10:02"),
        (2021, "09", "2021-09-22 19:21"),
    ],
)
def test_equinoxes_and_solstices_are_the_published_ones(year: int, month: str, moment: str) -> None:
    published = dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)
    assert _minutes(facts.season_turns()[year, month] - published) < 20


def test_seasons_have_their_months() -> None:
    assert facts.season(12, south=False) == ("winter", 1)
    assert facts.season(12, south=True) == ("summer", 1)
    assert facts.season(2, south=False) == ("winter", 3)
    assert facts.season(5, south=True) == ("autumn", 3)
    assert facts.season(8, south=False) == ("summer", 3)


# ------------------------------------------------------------------------------------------------ moon


def _meeus(cycle: float) -> dt.datetime:
    """New moon (whole cycle) or full moon (half) after Meeus, Astronomical Algorithms, chapter 49, main terms."""
    t = cycle / 1236.85
    days = 2451550.09766 + 29.530588861 * cycle + 0.00015437 * t * t
    sun = math.radians(2.5534 + 29.10535670 * cycle)
    moon = math.radians(201.5643 + 385.81693528 * cycle)
    node = math.radians(160.7108 + 390.67050284 * cycle)
    first = (-0.40720, 0.17241, 0.01608) if cycle % 1 == 0 else (-0.40614, 0.17302, 0.01614)
    days += first[0] * math.sin(moon) + first[1] * math.sin(sun) + first[2] * math.sin(2 * moon)
    days += 0.01039 * math.sin(2 * node)
    return dt.datetime(2000, 1, 1, 12, tzinfo=dt.UTC) + DAY * (days - 2451545)


_NEW_MOONS = [_meeus(cycle) for cycle in range(206, 280)]
_FULL_MOONS = [_meeus(cycle + 0.5) for cycle in range(206, 280)]


def test_full_and_new_moons_are_on_the_day_told(told: dict[str, list[Told]]) -> None:
    for name, moments in (("full", _FULL_MOONS), ("new", _NEW_MOONS), ("night_length", _FULL_MOONS)):
        for row, fact in told[f"moon.{name}"]:
            where = ZoneInfo(fact.raw["city"].zone)
            assert fact.day in {moment.astimezone(where).date() for moment in moments}, row["text"]


def test_counts_to_the_next_full_and_new_moon(told: dict[str, list[Told]]) -> None:
    for name, moments in (("to_full", _FULL_MOONS), ("to_new", _NEW_MOONS)):
        for row, fact in told[f"moon.{name}"]:
            evening = dt.datetime.combine(fact.day, dt.time(18), tzinfo=ZoneInfo(fact.raw["city"].zone))
            days = min((moment - evening) / DAY for moment in moments if moment > evening)
            assert abs(days - fact.raw[name]) < 0.3, row["text"]


def test_the_waxing_moon_is_lit_on_the_right_up_north_and_on_the_left_down_south(told: dict[str, list[Told]]) -> None:
    for row, fact in told["moon.side"]:
        waxing, south = fact.raw["age"] < 14, row["region"] == "AUS"
        assert ("right" if waxing != south else "left") in row["text"], row["text"]
        assert ("waxing" if waxing else "waning") in row["text"], row["text"]


def test_two_full_moons_in_a_month_are_the_known_ones(told: dict[str, list[Told]]) -> None:
    months = {row["month"] for row, _ in told["moon.two_full"]}
    assert months <= {"2018-01", "2018-03", "2020-10"}


# ----------------------------------------------------------------------------------------------- money


@pytest.fixture(scope="module")
def ecb() -> dict[str, dict[str, str]]:
    """Day -> currency -> units for one euro, straight from the file the package carries."""
    archive = resources.files("currency_converter").joinpath("eurofxref.zip")
    if not archive.is_file():
        archive = next(p for p in resources.files("currency_converter").iterdir() if p.name.endswith(".zip"))
    with archive.open("rb") as raw, zipfile.ZipFile(io.BytesIO(raw.read())) as packed:
        text = packed.read(packed.namelist()[0]).decode()
    return {row["Date"]: row for row in csv.DictReader(io.StringIO(text))}


def _told_of_rates(told: dict[str, list[Told]]) -> list[Told]:
    return [pair for name, pairs in told.items() if name.startswith("rates.") for pair in pairs]


def test_rates_are_those_of_the_european_central_bank(
    told: dict[str, list[Told]], ecb: dict[str, dict[str, str]]
) -> None:
    for row, fact in _told_of_rates(told):
        published = ecb[fact.day.isoformat()] | {"EUR": "1"}
        cross = float(published[fact.raw["foreign"]]) / float(published[fact.raw["home"]])
        assert math.isclose(fact.raw["now"], cross, rel_tol=1e-12), row["text"]


def test_rates_are_rounded_right(told: dict[str, list[Told]]) -> None:
    for row, fact in told["rates.level"]:
        figures = [float(f.replace(",", "")) for f in re.findall(r"\b\d[\d,]*\.\d+|\b\d[\d,]*,\d{3}\b", row["text"])]
        assert any(abs(f - fact.raw["now"]) <= 0.00006 * max(f, 1) for f in figures), row["text"]


def test_rises_and_falls_are_so_in_the_raw_file(told: dict[str, list[Told]], ecb: dict[str, dict[str, str]]) -> None:
    days = sorted(ecb)

    def level(fact: Drawn, day: str) -> float:
        published = ecb[day] | {"EUR": "1"}
        return float(published[fact.raw["foreign"]]) / float(published[fact.raw["home"]])

    for span, name in ((7, "week"), (30, "month"), (365, "year")):
        for direction, sign in (("up", 1), ("down", -1)):
            for row, fact in told[f"rates.{name}_{direction}"]:
                start = (fact.day - DAY * span).isoformat()
                before = max(day for day in days if day <= start)
                assert sign * (level(fact, fact.day.isoformat()) - level(fact, before)) > 0, row["text"]


def test_month_highs_lows_and_means(told: dict[str, list[Told]], ecb: dict[str, dict[str, str]]) -> None:
    for name in ("range", "high", "low", "average"):
        for row, fact in told[f"rates.{name}"]:
            levels = [
                float((ecb[day] | {"EUR": "1"})[fact.raw["foreign"]])
                / float((ecb[day] | {"EUR": "1"})[fact.raw["home"]])
                for day in ecb
                if day[:7] == row["month"]
            ]
            expected = {"high": max(levels), "low": min(levels), "average": sum(levels) / len(levels)}
            for key in ("high", "low") if name == "range" else (name,):
                assert wording.money(expected[key]) in row["text"], row["text"]


def test_longest_since_claims(told: dict[str, list[Told]], ecb: dict[str, dict[str, str]]) -> None:
    for name, sign in (("best", 1), ("worst", -1)):
        for row, fact in told[f"rates.{name}_since"]:
            since = fact.raw[f"{name}_since"]

            def level(day: str, fact: Drawn = fact) -> float:
                published = ecb[day] | {"EUR": "1"}
                return float(published[fact.raw["foreign"]]) / float(published[fact.raw["home"]])

            now = level(fact.day.isoformat())
            between = [level(d) for d in ecb if since.isoformat() < d < fact.day.isoformat()]
            assert all(sign * value < sign * now for value in between), row["text"]
            assert sign * level(since.isoformat()) >= sign * now, row["text"]


# ---------------------------------------------------------------------------------- trading and clocks


def _easter(year: int) -> dt.date:
    """Anonymous Gregorian computus."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return dt.date(year, f // 31, f % 31 + 1)


def _nth(year: int, month: int, weekday: int, n: int) -> dt.date:
    days = [dt.date(year, month, d) for d in range(1, 32) if d <= facts.month_end(year, month).day]
    return [day for day in days if day.weekday() == weekday][n - 1 if n > 0 else n]


def test_new_york_closes_on_the_days_of_its_rule_book() -> None:
    expected = {dt.date(2018, 12, 5)}  # mourning for George H. W. Bush
    for year in YEARS:
        fixed = [dt.date(year, 7, 4), dt.date(year, 12, 25)]
        expected |= {day - DAY if day.weekday() == 5 else day + DAY if day.weekday() == 6 else day for day in fixed}
        new_year = dt.date(year, 1, 1)
        if new_year.weekday() != 5:  # on a Saturday it is not made up for
            expected.add(new_year + DAY if new_year.weekday() == 6 else new_year)
        expected |= {_nth(year, 1, 0, 3), _nth(year, 2, 0, 3), _easter(year) - 2 * DAY, _nth(year, 5, 0, -1)}
        expected |= {_nth(year, 9, 0, 1), _nth(year, 11, 3, 4)}
    assert set(facts.closures("XNYS")) == expected


def test_london_closes_on_the_bank_holidays_of_england() -> None:
    days = {d for d in facts.days_off(UK, "ENG") if d.year in YEARS and d.weekday() < 5}
    assert set(facts.closures("XLON")) == days


def test_closed_days_are_no_trading_days_and_the_reverse(told: dict[str, list[Told]]) -> None:
    for name, pairs in told.items():
        for row, fact in pairs:
            if name.startswith("trading.closed"):
                assert not facts.exchange(fact.raw["exchange"]).is_open(fact.day), row["text"]
            elif name.startswith("trading."):
                assert facts.exchange(fact.raw["exchange"]).is_open(fact.day), row["text"]


def test_trading_counts_add_up(told: dict[str, list[Told]]) -> None:
    for row, fact in told["trading.number_year"]:
        closed = [d for d in facts.closures(fact.raw["exchange"]) if d.year == fact.day.year and d <= fact.day]
        first = dt.date(fact.day.year, 1, 1)
        weekdays = sum((first + DAY * i).weekday() < 5 for i in range((fact.day - first).days + 1))
        assert wording.ordinal(weekdays - len(closed)) in row["text"], row["text"]


def test_clocks_change_by_the_law_of_each_region() -> None:
    for year in YEARS:
        expected = {
            "Europe/London": [(_nth(year, 3, 6, -1), 60), (_nth(year, 10, 6, -1), -60)],
            "America/New_York": [(_nth(year, 3, 6, 2), 60), (_nth(year, 11, 6, 1), -60)],
            "America/Toronto": [(_nth(year, 3, 6, 2), 60), (_nth(year, 11, 6, 1), -60)],
            "Australia/Sydney": [(_nth(year, 4, 6, 1), -60), (_nth(year, 10, 6, 1), 60)],
            "Australia/Brisbane": [],
            "America/Phoenix": [],
            "America/Regina": [],
        }
        for zone, changes in expected.items():
            assert [c for c in facts.clock_changes(zone) if c[0].year == year] == changes


def test_times_abroad_come_out_of_the_standard_library(told: dict[str, list[Told]]) -> None:
    for name in ("noon_abroad", "other_day", "day_before", "ahead_abroad"):
        for row, fact in told[f"clocks.{name}"]:
            local = fact.raw["local"].replace(tzinfo=ZoneInfo(fact.raw["city"].zone))
            away = local.astimezone(ZoneInfo(fact.raw["abroad"]))
            assert away.replace(tzinfo=None) == fact.raw["away"].replace(tzinfo=None), row["text"]


# --------------------------------------------------------------------------------------------- holidays


def test_holidays_of_the_whole_region_are_on_the_days_of_the_rules() -> None:
    for year in YEARS:
        easter = _easter(year)
        rules = [
            (US, "Martin Luther King Jr. Day", _nth(year, 1, 0, 3)),
            (US, "Washington's Birthday", _nth(year, 2, 0, 3)),
            (US, "Memorial Day", _nth(year, 5, 0, -1)),
            (US, "Labor Day", _nth(year, 9, 0, 1)),
            (US, "Columbus Day", _nth(year, 10, 0, 2)),
            (US, "Thanksgiving Day", _nth(year, 11, 3, 4)),
            (CAN, "Labor Day", _nth(year, 9, 0, 1)),
            (CAN, "Good Friday", easter - 2 * DAY),
            (AUS, "Easter Monday", easter + DAY),
            (AUS, "ANZAC Day", dt.date(year, 4, 25)),
            (UK, "Spring Bank Holiday", _nth(year, 5, 0, -1)),
            # Moved in 2020 to the anniversary of the end of the war in Europe.
            (UK, "May Day", dt.date(2020, 5, 8) if year == 2020 else _nth(year, 5, 0, 1)),
        ]
        for region, name, day in rules:
            assert facts.holiday_days(region, name)[year] == day, (region.label, name, year)


def test_holidays_of_parts_are_on_the_days_of_the_rules() -> None:
    for year in YEARS:
        rules = [
            (CAN, "ON", "Thanksgiving Day", _nth(year, 10, 0, 2)),
            (
                CAN,
                "ON",
                "Victoria Day",
                max(dt.date(year, 5, d) for d in range(18, 25) if dt.date(year, 5, d).weekday() == 0),
            ),
            (CAN, "ON", "Family Day", _nth(year, 2, 0, 3)),
            (AUS, "VIC", "Melbourne Cup Day", _nth(year, 11, 1, 1)),
            (AUS, "WA", "Labor Day", _nth(year, 3, 0, 1)),
            (AUS, "QLD", "Labor Day", _nth(year, 5, 0, 1)),
            (AUS, "NSW", "Labor Day", _nth(year, 10, 0, 1)),
            (AUS, "NSW", "Queen's Birthday", _nth(year, 6, 0, 2)),
            (US, "MA", "Patriots' Day", _nth(year, 4, 0, 3)),
            (UK, "SCT", "Summer Bank Holiday", _nth(year, 8, 0, 1)),
            (UK, "ENG", "Late Summer Bank Holiday", _nth(year, 8, 0, -1)),
        ]
        for region, part, name, day in rules:
            assert facts.holiday_days(region, name, part)[year] == day, (region.label, part, name, year)


def test_mothers_and_fathers_days() -> None:
    for year in YEARS:
        assert facts.mothers_day("UK", year) == _easter(year) - 21 * DAY
        assert facts.mothers_day("AUS", year) == facts.mothers_day("US", year) == _nth(year, 5, 6, 2)
        assert facts.fathers_day("UK", year) == facts.fathers_day("CAN", year) == _nth(year, 6, 6, 3)
        assert facts.fathers_day("AUS", year) == _nth(year, 9, 6, 1)


def test_customs_are_told_on_their_days(told: dict[str, list[Told]]) -> None:
    for row, fact in told["custom.shrove_tuesday"]:
        assert fact.day == _easter(fact.day.year) - 47 * DAY and fact.day.weekday() == 1, row["text"]
    for row, fact in told["custom.ash_wednesday"]:
        assert fact.day.weekday() == 2, row["text"]
    for row, fact in told["custom.thanksgiving_us"]:
        assert fact.day == _nth(fact.day.year, 11, 3, 4), row["text"]
    for row, fact in told["custom.thanksgiving_can"]:
        assert fact.day == _nth(fact.day.year, 10, 0, 2), row["text"]
    for row, fact in told["custom.election_day"]:
        assert (fact.day - DAY).weekday() == 0 and 2 <= fact.day.day <= 8, row["text"]


def test_a_day_off_in_one_part_is_a_working_day_in_the_other(told: dict[str, list[Told]]) -> None:
    for row, fact in told["holiday.only_local"]:
        region = next(r for r in REGIONS if r.label == row["region"])
        named = {code for code, name in region.subdivisions.items() if re.search(rf"\b{re.escape(name)}", row["text"])}
        assert fact.raw["subdivision"] in named, row["text"]
        # "Virginia" is in "West Virginia", and the like: what is left over must be free of the holiday.
        for other in named & set(fact.raw["other"]):
            assert fact.day not in facts.days_off(region, other), row["text"]


def test_countdowns_count_days(told: dict[str, list[Told]]) -> None:
    for row, fact in told["holiday.tomorrow"]:
        assert wording.count((fact.raw["next"][0] - fact.day).days, "day") in row["text"], row["text"]


def test_there_is_no_bank_holiday_in_a_month_said_to_have_none(told: dict[str, list[Told]]) -> None:
    assert {row["month"][5:] for row, _ in told["holiday.uk_none"]} <= {"02", "06", "09", "10"}


def test_day_of_the_year_and_week_number(told: dict[str, list[Told]]) -> None:
    for row, fact in told["calendar.day_of_year"]:
        assert f"{wording.ordinal(int(fact.day.strftime('%j')))} day of" in row["text"], row["text"]
    for row, fact in told["calendar.week"]:
        assert f"week {int(fact.day.strftime('%V'))}" in row["text"], row["text"]


def test_friday_the_thirteenth_and_leap_day(told: dict[str, list[Told]]) -> None:
    for row, _ in told["calendar.friday13"]:
        assert dt.date.fromisoformat(f"{row['month']}-13").weekday() == 4, row["text"]
    assert {row["month"] for row, _ in told["calendar.leap"]} == {"2020-02"}


# --------------------------------------------------------------------------- builder, loader, errors


def test_larger_corpora_keep_the_balance() -> None:
    cells: Counter[tuple[str, str]] = Counter()
    for row in almanac.rows(120):
        cells[row["month"], row["region"]] += 1
        if row["month"] > "2017-02":
            break
    assert list(cells.values())[:8] == [120] * 8


def test_too_small_a_corpus_is_refused() -> None:
    with pytest.raises(ValueError, match="sentences_per_cell is 5; at least 30"):
        next(almanac.rows(5))


def test_writing_to_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a .csv.gz file name"):
        almanac.write(tmp_path / "almanac.parquet")


def test_check_finds_changed_bytes(tmp_path: Path) -> None:
    copy = tmp_path / "almanac.csv.gz"
    copy.write_bytes(gzip.compress(gzip.decompress(ALMANAC.read_bytes()) + b"x", mtime=0))
    (tmp_path / "MANIFEST.json").write_text((ALMANAC.parent / "MANIFEST.json").read_text())
    with pytest.raises(ValueError, match="SHA-256 of the decompressed bytes"):
        almanac.check(copy)


def test_check_finds_a_truncated_file(tmp_path: Path) -> None:
    copy = tmp_path / "almanac.csv.gz"
    copy.write_bytes(ALMANAC.read_bytes()[:5000])
    (tmp_path / "MANIFEST.json").write_text((ALMANAC.parent / "MANIFEST.json").read_text())
    with pytest.raises(ValueError, match="not a whole gzip file"):
        almanac.check(copy)


def test_a_missing_almanac_says_where_it_lies(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="data_samples/ of the repository"):
        load_almanac(tmp_path / "nothing.csv.gz")


def test_the_command_checks_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert "12480 rows" in capsys.readouterr().out
    assert main(["--check", "--output", str(tmp_path / "nothing.csv.gz")]) == 2
    assert "almanac: error:" in capsys.readouterr().err


def test_load_almanac_has_no_rejects() -> None:
    corpus = load_almanac()
    assert corpus.report.rejected == 0
    assert len(corpus.dataset) == json.loads((ALMANAC.parent / "MANIFEST.json").read_text())["rows"]
    assert {"kind", "template", "contrast", "date", "names_month", "names_place"} <= set(corpus.dataset.column_names)
