"""What `split_corpus` promises: nothing of one side is told on another, as little as possible is lost."""

import collections
import datetime
import itertools
from random import Random
from typing import Any

import datasets
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from spacetime.corpus import split_corpus
from spacetime.corpus.splits import _NearDuplicates, word_triples

START = datetime.date(2019, 1, 1)
WORDS = "storm vote court bank fire game king ship moon rain".split()


def corpus(days: list[int], texts: list[str] | None = None, topics: list[str] | None = None) -> datasets.Dataset:
    """Return a corpus with a row for each day (counted from 2019-01-01)."""
    dates = [START + datetime.timedelta(days=day) for day in days]
    rows = {
        "text": texts or [f"{WORDS[i % 10]} number {i} of {i * 7919 % 1013}" for i in range(len(days))],
        "month": [f"{date:%Y-%m}" for date in dates],
        "date": [date.isoformat() for date in dates],
    }
    return datasets.Dataset.from_dict(rows | ({"topic": topics} if topics else {}))


YEAR = corpus([day for day in range(365) for _ in range(3)])


@st.composite
def corpora(draw: Any) -> datasets.Dataset:
    """Draw a corpus of a few months in which topics recur and texts repeat, some of them with a word changed."""
    count = draw(st.integers(150, 400))
    random = Random(draw(st.integers(0, 1000)))
    days = sorted(random.randrange(150) for _ in range(count))
    sentences = [" ".join(random.choices(WORDS, k=random.choice([2, 8, 12, 16]))) for _ in range(count // 2)]
    texts = []
    for _ in days:
        words = random.choice(sentences).split()
        if random.random() < 0.3:
            words[random.randrange(len(words))] = random.choice(WORDS)
        texts.append(" ".join(words))
    topics = [random.choice(["", "", f"topic {random.randrange(40)}"]) for _ in days]
    return corpus(days, texts, topics)


def sides_of(split: Any) -> dict[str, datasets.Dataset]:
    return {"train": split.train, "validation": split.validation, "test": split.test}


def jaccard(a: frozenset[Any], b: frozenset[Any]) -> float:
    return len(a & b) / len(a | b)


def leaks(split: Any, threshold: float) -> list[str]:
    """Name everything of one side that shows on another, found by comparing all with all."""
    found = []
    for (name, one), (other_name, other) in itertools.combinations(sides_of(split).items(), 2):
        shared = {topic for topic in one["topic"] if topic} & {topic for topic in other["topic"] if topic}
        found += [f"topic {topic} in {name} and {other_name}" for topic in shared]
        days = [{datetime.date.fromisoformat(day).toordinal() for day in side["date"]} for side in (one, other)]
        found += [f"day {a} in {name}, {b} in {other_name}" for a, b in itertools.product(*days) if abs(a - b) <= 1]
        sets = [{word_triples(text): text for text in side["text"]} for side in (one, other)]
        for (a, text), (b, other_text) in itertools.product(sets[0].items(), sets[1].items()):
            if jaccard(a, b) >= threshold:
                found.append(f"{text!r} in {name}, {other_text!r} in {other_name}")
    return found


@settings(max_examples=15, deadline=None)
@given(corpora(), st.integers(0, 100), st.sampled_from([0.5, 0.8, 1.0]))
def test_no_day_topic_or_near_duplicate_is_on_two_sides(data, seed, threshold):
    try:
        split = split_corpus(data, seed=seed, near_duplicates=threshold, validation=0.1, test=0.2)
    except ValueError as error:  # so many copies that a side is empty
        assert "no row is left for" in str(error)
        reject()
    assert leaks(split, threshold) == []


@settings(max_examples=10, deadline=None)
@given(corpora(), st.integers(0, 100))
def test_every_row_is_on_one_side_or_counted_as_left_out(data, seed):
    split = split_corpus(data, seed=seed, validation=0.1, test=0.2, near_duplicates=1.0, topic=None)
    assert sum(len(side) for side in sides_of(split).values()) + sum(split.dropped.values()) == len(data)


def test_every_month_has_whole_days_in_test_and_the_shares_are_met():
    split = split_corpus(YEAR, near_duplicates=None)
    days = {name: set(side["date"]) for name, side in sides_of(split).items()}
    assert {day[:7] for day in days["test"]} == {day[:7] for day in days["validation"]} == set(YEAR["month"])
    assert len(days["test"]) == pytest.approx(36.5, abs=1)
    assert len(days["validation"]) == pytest.approx(18.25, abs=2)
    assert all(count == 3 for side in sides_of(split).values() for count in collections.Counter(side["date"]).values())


def test_a_split_by_date_loses_three_days_a_month_at_most():
    for seed in range(5):
        assert split_corpus(YEAR, seed=seed, near_duplicates=None).dropped["gap day"] <= 3 * 3 * 12


def test_the_seed_alone_decides():
    first, same, other = (split_corpus(YEAR, seed=seed).test["date"][:] for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_a_share_of_zero_gives_an_empty_side_and_no_gap_for_it():
    split = split_corpus(YEAR, validation=0, test=0, near_duplicates=None)
    assert (len(split.train), len(split.validation), len(split.test)) == (len(YEAR), 0, 0)
    assert split.dropped["gap day"] == 0


def test_a_topic_stays_where_it_has_more_rows():
    plain = split_corpus(YEAR, near_duplicates=None)
    held_out, trained = plain.test["date"][0], plain.train["date"][0]
    topics = [
        "story" if day == held_out or (day == trained and i % 3 == 0) else "" for i, day in enumerate(YEAR["date"])
    ]
    split = split_corpus(YEAR.add_column("topic", topics), near_duplicates=None)
    assert split.test["topic"][:].count("story") == 3
    assert "story" not in split.train["topic"][:]
    assert split.dropped["topic on two sides"] == 1


def test_topics_are_left_alone_on_request_and_where_there_are_none():
    data = YEAR.add_column("topic", ["one story"] * len(YEAR))
    assert "topic on two sides" not in split_corpus(data, topic=None).dropped
    assert "topic on two sides" not in split_corpus(YEAR).dropped


def test_a_near_duplicate_is_taken_out_of_train_and_stays_in_test():
    plain = split_corpus(YEAR, near_duplicates=None)
    held_out, trained = plain.test["date"][0], plain.train["date"][0]
    sentence = "the river rose by two metres in one night and the old bridge was closed to all"
    copies = {held_out: sentence, trained: sentence.upper() + " traffic."}
    texts = [copies.pop(day, text) for day, text in zip(YEAR["date"], YEAR["text"], strict=True)]
    split = split_corpus(YEAR.remove_columns("text").add_column("text", texts))
    assert sentence in split.test["text"][:]
    assert sentence.upper() + " traffic." not in split.train["text"][:]
    assert split.dropped["near-duplicate"] == 1


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_the_search_for_near_duplicates_overlooks_nothing_and_invents_nothing(random, least):
    def drawn(count: int) -> list[frozenset[tuple[str, ...]]]:
        return [
            word_triples(" ".join(random.choices(WORDS[:4], k=random.choice([0, 1, 2, 3, 5, 9])))) for _ in range(count)
        ]

    indexed, asked = drawn(30), drawn(30)
    frequency = collections.Counter(shingle for shingles in indexed for shingle in shingles)
    index = _NearDuplicates(indexed, frequency, least)
    for shingles in asked:
        assert index.has_near(shingles) == any(jaccard(shingles, other) >= least - 1e-9 for other in indexed)


def test_texts_of_fewer_than_three_words_are_compared_whole():
    assert jaccard(word_triples("Fire!"), word_triples("fire")) == 1
    assert jaccard(word_triples("Big fire"), word_triples("fire")) == 0
    assert jaccard(word_triples("?!"), word_triples("!?")) == 0


def test_ten_thousand_texts_of_one_template_are_searched_in_seconds():
    texts = [f"the markets in the city of {WORDS[i % 10]} are closed on day {i} of the year" for i in range(10_000)]
    data = datasets.Dataset.from_dict({"text": texts, "month": ["2019-01"] * len(texts)})
    split = split_corpus(data, by="hash")
    assert len(split.train) > 5000


def test_whole_groups_go_to_a_side_near_the_wanted_shares():
    groups = [f"template {i % 40}" for i in range(1000)]
    data = datasets.Dataset.from_dict(
        {"text": [f"t{i}" for i in range(1000)], "month": ["2019-01"] * 1000, "template": groups}
    )
    split = split_corpus(data, by="group")
    sets = [set(side["template"]) for side in sides_of(split).values()]
    assert sum(len(side) for side in sets) == 40
    assert len(split.test) == 100
    assert len(split.validation) == 50
    assert split.dropped == {"near-duplicate": 0}


def test_a_row_without_a_group_is_a_group_of_its_own():
    groups = ["one"] * 50 + [None] * 50
    data = datasets.Dataset.from_dict(
        {"text": [f"t{i}" for i in range(100)], "month": ["2019-01"] * 100, "template": groups}
    )
    split = split_corpus(data, by="group")
    assert (len(split.test), len(split.validation)) == (10, 5)


def test_by_hash_equal_texts_share_a_side_and_no_other_column_is_needed():
    texts = [f"text {i % 500}{'!' if i >= 500 else ''}" for i in range(1000)]
    split = split_corpus(datasets.Dataset.from_dict({"text": texts, "month": [None] * 1000}), by="hash")
    sets = [{text.rstrip("!") for text in side["text"]} for side in sides_of(split).values()]
    assert not set.intersection(sets[0], sets[1] | sets[2])
    assert len(split.test) == pytest.approx(100, abs=40)


def test_a_chronological_split_tests_the_last_months_only_and_leaves_a_day_between():
    split = split_corpus(YEAR, by="chronological", near_duplicates=None)
    assert set(split.test["month"]) == {"2019-11", "2019-12"}
    assert set(split.validation["month"]) == {"2019-10"}
    assert max(split.train["date"]) == "2019-09-29"
    assert max(split.validation["date"]) == "2019-10-30"
    assert split.dropped["gap day"] == 6


def test_the_first_month_of_test_can_be_given():
    split = split_corpus(YEAR, by="chronological", test_from="2019-06", near_duplicates=None)
    assert min(split.test["month"]) == "2019-06"
    assert set(split.validation["month"]) == {"2019-05"}


def test_rows_without_what_the_split_goes_by_are_left_out_and_counted():
    some = [day if i % 5 else None for i, day in enumerate(YEAR["date"])]
    data = YEAR.remove_columns("date").add_column("date", some)
    assert split_corpus(data).dropped["no date"] == 219
    some = [month if i % 5 else None for i, month in enumerate(YEAR["month"])]
    data = YEAR.remove_columns(["month", "date"]).add_column("month", some)
    assert split_corpus(data, by="chronological").dropped["no month"] == 219


def test_a_time_stamp_counts_by_its_day():
    stamps = [f"{day}T23:59:00" for day in YEAR["date"]]
    data = YEAR.remove_columns("date").add_column("date", stamps)
    assert split_corpus(data).test["text"][:] == split_corpus(YEAR).test["text"][:]


def test_the_split_prints_what_was_left_out():
    assert "test; left out: " in str(split_corpus(YEAR))


def test_a_split_with_an_empty_side_says_so_in_words():
    data = datasets.Dataset.from_dict({"text": ["rain", "snow", "fog"], "month": ["2019-01"] * 3})
    with pytest.raises(ValueError, match=r"of 3 rows split by hash; give more data or another share$"):
        split_corpus(data, by="hash", test=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "random"}, "by must be one of 'date', 'group', 'hash', 'chronological', not 'random'"),
        ({"test": 1.5}, "test=1.5 must be a share"),
        ({"test": -0.1}, "test=-0.1 must be a share"),
        ({"test": True}, "test must be a number, not True"),
        ({"validation": "5%"}, "validation must be a number, not '5%'"),
        ({"validation": float("nan")}, "validation must be a number, not nan"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"validation": 0.4, "test": 0.55}, "leave no day of a month to train on"),
        ({"by": "chronological", "validation": 0.4, "test": 0.55}, "12 months leave none to train on"),
        ({"seed": 1.5}, "seed must be a whole number of at least 0, not 1.5"),
        ({"near_duplicates": 0}, "near_duplicates=0 must be more than 0"),
        ({"near_duplicates": 80}, "near_duplicates=80 must be more than 0 and at most 1"),
        ({"date": "day"}, "needs a column 'day'; the corpus has text, month, date"),
        ({"by": "group"}, "needs a column 'template'"),
        (
            {"by": "group", "group": "month", "validation": 0.1, "test": 0.1, "seed": 0, "topic": "story"},
            "column 'story'",
        ),
        ({"test_from": "2019-06"}, "needs by='chronological'"),
        ({"by": "chronological", "test_from": "2019-13"}, "there is no such month"),
        (
            {"by": "chronological", "test_from": "2031-01"},
            r"leaves nothing before or after it; the months are 2019-01\.\.2019-12",
        ),
    ],
)
def test_an_impossible_option_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        split_corpus(YEAR, **options)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"text": [], "month": [], "date": []}, {}, "a corpus of 0 rows cannot be split"),
        ({"text": ["a"], "month": ["2019-01"], "date": ["2019-01-01"]}, {}, "a corpus of 1 rows cannot be split"),
        (
            {"text": ["a", "b"], "month": ["2019-01"] * 2, "date": ["2019-01-01", "2019-02-01"]},
            {},
            "does not lie in the row's month",
        ),
        (
            {"text": ["a", "b"], "month": ["2019-01"] * 2, "date": ["2019-01-01", "soon"]},
            {},
            "row 2: date 'soon' is no day",
        ),
        ({"text": ["a", "b"], "month": ["2019-01"] * 2, "date": ["", None]}, {}, "no row has a date"),
        ({"text": ["a", "b"], "month": ["2019-01"] * 2, "date": ["2019-01-01"] * 2}, {}, "no row is left for"),
        ({"text": ["a", "b"], "month": [None, None]}, {"by": "chronological"}, "no row has a month"),
        (
            {"text": ["a", "b"], "month": ["2019-01"] * 2, "template": ["t", "t"]},
            {"by": "group"},
            "1 groups cannot fill 3 sides",
        ),
        ({"words": ["a", "b"]}, {"by": "hash"}, "needs a column 'text'"),
    ],
)
def test_a_corpus_that_cannot_be_split_is_refused(columns, options, message):
    with pytest.raises(ValueError, match=message):
        split_corpus(datasets.Dataset.from_dict(columns), **options)
