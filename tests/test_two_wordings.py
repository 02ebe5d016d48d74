"""Promises of `data_samples.almanac.two_wordings`: a pair is one fact, its hard negative another one."""

import pytest

from data_samples.almanac.assemble import TEMPLATES
from data_samples.almanac.template import Drawn, Template
from data_samples.almanac.two_wordings import _pair, template_names, two_wordings


def test_pairs_differ_and_come_back_with_the_seed() -> None:
    pairs = two_wordings(150, seed=3)
    assert pairs == two_wordings(150, seed=3) and pairs != two_wordings(150, seed=4)
    assert len({(pair.first, pair.second) for pair in pairs}) == 150
    assert all(len({pair.first, pair.second, pair.other}) == 3 for pair in pairs)


def test_facts_come_from_the_templates_asked_for() -> None:
    assert {pair.template for pair in two_wordings(40, ["moon.full", "moon.new"])} == {"moon.full", "moon.new"}
    assert set(template_names()) <= {template.id for template in TEMPLATES}


def test_the_pair_is_one_fact_and_the_negative_another() -> None:
    """A template whose facts are counted, so that each sentence tells which fact it is of."""
    told = iter(range(10**6))

    def draw(cell: object, random: object) -> Drawn:
        return Drawn(cell.days[0], {"number": str(next(told))}, {})  # type: ignore[attr-defined]

    from random import Random

    template = Template("test.count", "test", draw, ("Number {number} it is", "It is number {number}"), None, None)
    for seed in range(20):
        pair = _pair(template, Random(seed))
        assert pair is not None
        first, second, other = (text.replace("It is", "").replace("it is", "").split()[1] for text in pair[:3])
        assert first == second != other


def test_where_a_wording_does_not_tell_two_facts_apart_no_negative_is_made() -> None:
    def draw(cell: object, random: object) -> Drawn:
        return Drawn(cell.days[0], {"number": str(random.random())}, {})  # type: ignore[attr-defined]

    from random import Random

    template = Template("test.blind", "test", draw, ("The number is {number}", "There is a number"), None, None)
    assert _pair(template, Random(0)) is None


@pytest.mark.parametrize(
    ("count", "templates", "message"),
    [
        (0, None, "count must be at least 1 pair, not 0"),
        (1, ["moon.cheese"], "no template 'moon.cheese' with two wordings; known are "),
        (100_000, ["custom.juneteenth"], "1 templates gave .* pairs, not 100000"),
    ],
)
def test_what_cannot_be_drawn_is_named(count: int, templates: list[str] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        two_wordings(count, templates)
