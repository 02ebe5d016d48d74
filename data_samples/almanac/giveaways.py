"""Does a sentence name its own month, or its own place? One rule for both flags of the almanac.

A sentence *names its month* when it has the name or the usual abbreviation of that month, or a date in
figures. Holidays ("Halloween") and seasons don't count: they are what a model should learn from.

A sentence *names its place* when it has a town, a subdivision, a country, a people, a national institution,
a currency or a clock time (such as "BST") of its own region. Names of other regions don't count, nor do
words that several of the regions share ("dollar" alone, "public holiday", "fall").
"""

from __future__ import annotations

import re
from functools import cache

from data_samples.almanac.places import POLAR, REGIONS
from data_samples.almanac.wording import MONTHS

_NUMERIC_DATE = re.compile(r"\b(?:\d{4}-\d{1,2}(?:-\d{1,2})?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4})\b")

# Beyond the towns and subdivisions, which places.py has.
_OWN_WORDS: dict[str, tuple[str, ...]] = {
    "UK": (
        "UK", "U.K.", "United Kingdom", "Britain", "British", "Briton", "Britons", "England", "English",
        "Scotland", "Scottish", "Scots", "Wales", "Welsh", "Northern Ireland", "Northern Irish", "Ulster",
        "London Stock Exchange", "FTSE", "Bank of England", "Westminster", "Guy Fawkes", "pound", "pounds",
        "sterling", "GBP", "GMT", "BST", "British Summer Time",
    ),
    "US": (
        "US", "U.S.", "USA", "United States", "America", "American", "Americans", "New York Stock Exchange",
        "NYSE", "Wall Street", "Nasdaq", "Federal Reserve", "Washington", "greenback", "greenbacks", "USD",
        "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST", "Eastern Time",
        "Central Time", "Mountain Time", "Pacific Time",
    ),
    "AUS": (
        "AUS", "Australia", "Australian", "Australians", "Aussie", "Aussies", "Tasmanian", "Queenslander",
        "Melbourne Cup", "Australian Securities Exchange", "ASX", "Reserve Bank of Australia", "Anzac", "AUD",
        "AEST", "AEDT", "ACST", "ACDT", "AWST", "Adelaide Cup", "Canberra Day",
    ),
    "CAN": (
        "CAN", "Canada", "Canadian", "Canadians", "Quebecer", "Quebecers", "Toronto Stock Exchange", "TSX",
        "Bank of Canada", "loonie", "loonies", "CAD", "NST", "NDT", "AST", "ADT", "EST", "EDT", "CST", "CDT",
        "MST", "MDT", "PST", "PDT", "Eastern Time", "Central Time", "Mountain Time", "Pacific Time",
        "Saint-Jean-Baptiste", "Newfoundland", "Labrador", "Cambridge Bay",
    ),
}  # fmt: skip


@cache
def _place_pattern(region: str) -> re.Pattern[str]:
    own = next(r for r in REGIONS if r.label == region)
    words = {city.name for city in own.cities} | {n.removeprefix("the ") for n in own.subdivisions.values()}
    words |= set(_OWN_WORDS[region])
    if region in POLAR:
        words.add(POLAR[region].name)
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")


@cache
def _month_pattern(month: int) -> re.Pattern[str]:
    name = MONTHS[month]
    short = ["Sept", "Sep"] if month == 9 else [name[:3]]
    return re.compile(rf"\b(?:{'|'.join([name, *short])})\b")


def names_month(text: str, month: str) -> bool:
    """Whether the text names its own month, "YYYY-MM", in words or figures. Case matters: "may" is a verb."""
    return bool(_month_pattern(int(month[5:7])).search(text) or _NUMERIC_DATE.search(text))


def names_place(text: str, region: str) -> bool:
    """Whether the text names its own region, by any of the words above. Case matters: "us" is a pronoun."""
    return bool(_place_pattern(region).search(text))
