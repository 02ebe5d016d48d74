"""Promises of `data_samples.almanac.two_wordings`: a pair is one fact, its hard negative another one."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from data_samples.almanac.assemble import TEMPLATES
from data_samples.almanac.template import Drawn, Template
from data_samples.almanac.two_wordings import _pair, csv_bytes, template_names, two_wordings
from spacetime.corpus.two_wordings import TWO_WORDINGS, load_two_wordings

ROOT = Path(__file__).parents[1]


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


@pytest.mark.slow
def test_the_shipped_pairs_are_rebuilt_to_the_byte() -> None:
    assert csv_bytes() == gzip.decompress(TWO_WORDINGS.read_bytes())


def test_the_sides_of_the_shipped_pairs_share_no_template() -> None:
    train, held_out = load_two_wordings("train", 8000), load_two_wordings("held out", 300)
    assert not {pair.template for pair in train} & {pair.template for pair in held_out}
    assert load_two_wordings("train", 12) == train[:12] and len(set(train)) == 8000


@pytest.mark.parametrize("count", [0, 8001])
def test_more_pairs_than_there_are_is_an_error(count: int) -> None:
    with pytest.raises(ValueError, match=f"count must be from 1 to 8000, the pairs of the side 'train', not {count}"):
        load_two_wordings("train", count)


def test_lesson_01b_needs_no_facts() -> None:
    """`[course]` alone runs it: what draws facts needs the packages of `[almanac]`."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(['astral', 'holidays', 'exchange_calendars', 'currency_converter'])\n"
        "from spacetime.corpus.two_wordings import load_two_wordings\n"
        "print(load_two_wordings('held out', 1)[0].template)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "rates.high\n"
    sources = (ROOT / "notebooks/01b_training_a_plain_encoder.ipynb").read_text(encoding="utf-8")
    assert "load_two_wordings" in sources and "data_samples.almanac" not in sources
