"""Promises of `data_samples.current_events.places`: it finds places and peoples, whole, and little else."""

import time

import pytest

from data_samples.current_events.places import _tree, hide_places, place_spans
from spacetime.regions import place_name


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in place_spans(text)]


# The 42 regions of Wikipedia Current Events, but the EU, as ISO codes.
CODES = (
    "GB US IL CN IN RU AU IQ FR AF PK JP CA PH IR ID ES DE MX IT EG SY NG TR BR UA KR IE SO ZA YE GR NZ KE KP NL PL SE "
    "BE VE SA"
).split()


@pytest.mark.parametrize("code", CODES)
def test_every_country_of_the_corpus_is_a_place(code: str) -> None:
    # pycountry's "Russian Federation" and the like are official; newspapers' short names have a test below.
    name = place_name(code).partition(",")[0]
    assert found(f"In {name} it rained.") == [name]


@pytest.mark.parametrize(
    "name",
    "UK U.K. US U.S. USA EU Britain Russia Iran Syria Turkey Gaza London Leeds Texas Ontario Queensland Kyiv Mumbai "
    "Sicily Crimea Europe".split()
    + ["South Korea", "North Korea", "West Bank", "New South Wales", "São Paulo", "Sao Paulo", "Washington, D.C."],
)
def test_everyday_names_and_accents_left_away_are_places(name: str) -> None:
    assert found(f"In {name}, it rained.") == [name]


@pytest.mark.parametrize(
    "people",
    "British English Scottish Welsh Irish American Canadian Australian Chinese Israeli Palestinian Philippine Dutch "
    "Briton Texan Londoner Americans Israelis Scots Englishman Dutchwomen".split()
    + ["New Zealander", "Québécois"],
)
def test_peoples_are_found_also_in_the_plural(people: str) -> None:
    assert found(f"A {people} voted.") == [people]


@pytest.mark.parametrize(
    "text",
    [
        "They told us to use it in the bus.",  # small letters
        "USB, UKIP and Hamas are no places.",  # parts of words
        "Reading is fun, said Jackson in the Mobile home.",  # more often something else
        "Most of the South lies in the East.",
        "Trump, Trudeau, the NHS and the Senate stay.",  # people and institutions
    ],
)
def test_other_words_stay(text: str) -> None:
    assert found(text) == []


def test_the_longer_name_wins_and_neither_possessive_nor_compound_is_taken() -> None:
    assert found("New York City, New York and York: the UK's US-led, non-British crew") == [
        "New York City", "New York", "York", "UK", "US", "British",
    ]  # fmt: skip


def test_hiding_replaces_each_name_and_leaves_the_rest_as_it_was() -> None:
    assert hide_places("Sydney, New South Wales, is far from the U.S.") == "PLACE, PLACE, is far from the PLACE"
    assert hide_places("Rain in Wales.", by=r"\1") == r"Rain in \1."
    assert hide_places("") == ""


def test_the_expression_is_the_same_in_whatever_order_the_names_come() -> None:
    """A set's order differs from process to process; what is hidden must not."""
    names = ["Niger", "Nigeria", "Nigerian", "U.S.", "US", "New York"]
    assert _tree(names) == _tree(reversed(names))


def test_ten_thousand_texts_take_less_than_a_second() -> None:
    text = (
        "The President of the European Commission met Australian and Brazilian ministers near Kuala Lumpur on Monday."
    )
    hide_places(text)  # the expression is built once
    start = time.perf_counter()
    for _ in range(10_000):
        hide_places(text)
    assert time.perf_counter() - start < 1
