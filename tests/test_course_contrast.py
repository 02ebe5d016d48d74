from collections.abc import Callable, Sequence
from typing import Any

import datasets
import numpy as np
import pytest
from known_geometry import KnownEncoder, rows
from numpy.typing import NDArray

from benchmarks.text_shift import text_dependent_shift
from course.contrast import contrast_by_embedding, contrast_questions
from spacetime.corpus.almanac import load_almanac
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

MONTHS = MonthRange("2020-01", "2020-12")
SUMMER, WINTER = "Summer begins.", "Winter begins."
JUNE, DECEMBER = "2020-06", "2020-12"


def seasons(years: Sequence[int] = (2020,)) -> datasets.Dataset:
    """Two texts with opposite answers in two regions, and a row that is no contrast."""
    cells = [(SUMMER, "06", "UK"), (SUMMER, "12", "AUS"), (WINTER, "12", "UK"), (WINTER, "06", "AUS")]
    full = [(text, f"{year}-{month}", region) for year in years for text, month, region in cells]
    texts, months, regions = zip(*full, ("It rains.", "2020-03", "UK"), strict=True)
    names = ["summer" if text == SUMMER else "winter" for text in texts[:-1]]
    return rows(texts, months, regions, contrast=[*names, None])


class VectorEncoder:
    """``vector_of(text, month or None, region or None)``, as it is."""

    def __init__(self, vector_of: Callable[[str, str | None, str | None], Any]) -> None:
        self.months, self.regions, self.vector_of = MONTHS, RegionSet(["UK", "AUS"]), vector_of

    def encode(self, sentences: Any, months: Any = None, regions: Any = None, *, batch_size: int = 64) -> NDArray[Any]:
        count = len(sentences)
        sides = zip(sentences, months or [None] * count, regions or [None] * count, strict=True)
        return np.array([self.vector_of(*side) for side in sides])


class Additive:
    """x + t + s of random vectors, a missing one being 0."""

    def __init__(self, seed: int, width: int = 8) -> None:
        self.random, self.width = np.random.default_rng(seed), width
        self.known: dict[str, NDArray[Any]] = {}

    def part(self, name: str | None) -> NDArray[Any]:
        if name is None:
            return np.zeros(self.width)
        if name not in self.known:
            self.known[name] = self.random.normal(size=self.width)
        return self.known[name]

    def __call__(self, text: str, month: str | None, region: str | None) -> NDArray[Any]:
        return self.part(text) + self.part(month) + self.part(region)

    def of_one_length(self, text: str, month: str | None, region: str | None) -> NDArray[Any]:
        """One more number brings all vectors with a month to one length, and leaves the dot products: cosines then
        prefer what dot products prefer."""
        vector = self(text, month, region)
        return np.append(vector, 0.0 if month is None else np.sqrt(30.0**2 - vector @ vector))


def knowing(text: str, month: str | None, region: str | None) -> NDArray[Any]:
    """An encoder that turns away from a month in which the text is wrong."""
    right = (month == JUNE) == ((text == SUMMER) == (region == "UK"))
    return np.array([1.0, 0.0 if month is None or right else 0.5])


# ------------------------------------------------------------------------------------------------- questions


def test_a_question_asks_for_the_month_here_against_the_month_elsewhere() -> None:
    questions = contrast_questions(seasons())
    asked = questions[["text", "region", "right", "wrong", "other_region"]]
    assert set(asked.itertuples(index=False, name=None)) == {
        (SUMMER, "UK", JUNE, DECEMBER, "AUS"),
        (SUMMER, "AUS", DECEMBER, JUNE, "UK"),
        (WINTER, "UK", DECEMBER, JUNE, "AUS"),
        (WINTER, "AUS", JUNE, DECEMBER, "UK"),
    }
    assert questions.groupby("mirror")["text"].nunique().tolist() == [1, 1]
    assert set(questions["year"]) == {2020} and set(questions["contrast"]) == {"summer", "winter"}


def test_what_is_true_in_both_months_here_is_not_asked_here() -> None:
    data = rows(["Holiday."] * 3, ["2020-05", "2020-09", "2020-09"], ["UK", "UK", "US"], contrast=["holiday"] * 3)
    questions = contrast_questions(data)
    # UK has it in May and September: only in the US is one of them wrong.
    assert questions[["region", "right", "wrong"]].values.tolist() == [["US", "2020-09", "2020-05"]]


def test_questions_stay_inside_a_year() -> None:
    data = rows(["Vote."] * 2, ["2019-05", "2020-11"], ["UK", "US"], contrast=["vote"] * 2)
    with pytest.raises(ValueError, match=r"no contrast question can be asked of 2 contrast rows \(years 2019, 2020\)"):
        contrast_questions(data)


def test_years_and_rows_choose_questions_and_leave_the_truth_whole() -> None:
    data = seasons([2019, 2020])
    assert set(contrast_questions(data, years=[2019])["year"]) == {2019}
    held_out = rows([SUMMER, WINTER], [JUNE, DECEMBER], "UK")
    questions = contrast_questions(data, rows=held_out)
    assert questions[["text", "region", "right"]].values.tolist() == [[SUMMER, "UK", JUNE], [WINTER, "UK", DECEMBER]]
    with pytest.raises(ValueError, match="with years=\\[2030\\]"):
        contrast_questions(data, years=[2030])


def test_no_question_of_the_almanac_is_false() -> None:
    data = load_almanac().dataset
    true = set(zip(data["text"][:], data["month"][:], data["region"][:], strict=True))
    questions = contrast_questions(data)
    assert len(questions) > 500 and questions["contrast"].nunique() == 26
    for asked in questions.itertuples():
        assert (asked.text, asked.right, asked.region) in true
        assert (asked.text, asked.wrong, asked.region) not in true
    pairs = questions.groupby("mirror")
    assert pairs.size().max() == 2
    for _, pair in pairs:
        assert set(pair["right"]) <= {*pair["wrong"], pair["right"].iloc[0]}


def test_data_without_contrasts_are_refused() -> None:
    with pytest.raises(ValueError, match="contrast data has no column 'contrast'"):
        contrast_questions(rows(["a"]))


# ------------------------------------------------------------------------------------------- by embedding


def test_an_encoder_that_knows_the_seasons_gets_all_right() -> None:
    answers = contrast_by_embedding(VectorEncoder(knowing), contrast_questions(seasons()))
    metrics = answers.metrics
    for name in ("accuracy", "accuracy_low", "accuracy_high", "both_right", "four_right"):
        assert metrics[f"contrast_embedding_{name}"] == 1.0, name
    assert metrics["contrast_embedding_questions"] == 4 and metrics["contrast_embedding_pairs"] == 2
    assert metrics["contrast_embedding_fours"] == 1 and metrics["contrast_embedding_ties"] == 0
    assert (answers.questions["preference"] > 0).all()


def test_an_encoder_that_knows_only_the_north_gets_half_and_no_pair() -> None:
    metrics = contrast_by_embedding(
        VectorEncoder(lambda text, month, region: knowing(text, month, "UK")), contrast_questions(seasons())
    ).metrics
    assert metrics["contrast_embedding_accuracy"] == 0.5
    assert metrics["contrast_embedding_both_right"] == metrics["contrast_embedding_four_right"] == 0.0


def test_concatenation_ties_everywhere_and_a_tie_is_a_guess() -> None:
    metrics = contrast_by_embedding(KnownEncoder(MONTHS), contrast_questions(seasons())).metrics
    assert metrics["contrast_embedding_ties"] == 1.0 and metrics["contrast_embedding_accuracy"] == 0.5
    assert metrics["contrast_embedding_both_right"] == 0.25 and metrics["contrast_embedding_four_right"] == 0.25**2


def test_additive_vectors_get_at_most_three_of_four() -> None:
    questions = contrast_questions(seasons())
    accuracies, both, four = set(), set(), set()
    for seed in range(200):
        metrics = contrast_by_embedding(VectorEncoder(Additive(seed).of_one_length), questions, resamples=1).metrics
        accuracies.add(metrics["contrast_embedding_accuracy"])
        both.add(metrics["contrast_embedding_both_right"])
        four.add(metrics["contrast_embedding_four_right"])
    assert max(accuracies) == 0.75 and max(both) == 0.5 and four == {0.0}


def test_scaling_additive_vectors_to_one_length_lifts_the_limit() -> None:
    """So the proof holds for dot products only, and a normalised late fusion has to be measured."""
    questions = contrast_questions(seasons())
    four = [
        contrast_by_embedding(VectorEncoder(Additive(seed, width=3)), questions, resamples=1).metrics[
            "contrast_embedding_four_right"
        ]
        for seed in range(300)
    ]
    assert max(four) == 1.0


def test_the_table_is_by_text_and_the_interval_draws_texts() -> None:
    def only_summer(text: str, month: str | None, region: str | None) -> NDArray[Any]:
        vector = knowing(text, month, region)
        return vector if text == SUMMER or month is None else np.array([1.0, 0.5 - vector[1]])

    answers = contrast_by_embedding(VectorEncoder(only_summer), contrast_questions(seasons()))
    by_text = answers.table.set_index("contrast")
    assert by_text["accuracy"].to_dict() == by_text["both_right"].to_dict() == {"summer": 1.0, "winter": 0.0}
    assert by_text["questions"].tolist() == [2, 2] and by_text["pairs"].tolist() == [1, 1]
    # Two texts, one right and one wrong: a fourth of the resamples holds the wrong one only, a fourth the right one.
    assert answers.metrics["contrast_embedding_accuracy_low"] == 0.0
    assert answers.metrics["contrast_embedding_accuracy_high"] == 1.0


def test_questions_of_another_table_are_refused() -> None:
    with pytest.raises(ValueError, match="contrast questions has no column 'mirror'"):
        contrast_by_embedding(KnownEncoder(MONTHS), contrast_questions(seasons()).drop(columns="mirror"))


# --------------------------------------------------------------------------------- text-dependent shift


def test_shift_of_added_vectors_does_not_depend_on_the_text() -> None:
    shares = text_dependent_shift(VectorEncoder(Additive(0)), seasons())
    assert shares["shift_text_dependent"] == pytest.approx(0.0, abs=1e-12)
    assert shares["shift_context"] == pytest.approx(1.0) and shares["shift_length"] > 1
    assert shares["shift_texts"] == 3 and shares["shift_contexts"] == 5


def test_shift_of_multiplied_vectors_depends_on_the_text() -> None:
    random = Additive(1)

    def multiplied(text: str, month: str | None, region: str | None) -> NDArray[Any]:
        return random.part(text) if month is None else random.part(text) * random.part(month)

    shares = text_dependent_shift(VectorEncoder(multiplied), seasons())
    assert shares["shift_interaction"] > 0.1
    assert shares["shift_text_dependent"] > shares["shift_interaction"]


def test_shift_of_concatenated_vectors_has_no_interaction() -> None:
    """Every vector is shortened by the same factor: the shift is a text's part plus a context's part."""
    shares = text_dependent_shift(KnownEncoder(MONTHS), seasons())
    assert shares["shift_interaction"] == pytest.approx(0.0, abs=1e-6)
    assert 0.01 < shares["shift_text_dependent"] < 0.5


def test_a_context_that_changes_nothing_has_no_shift() -> None:
    shares = text_dependent_shift(KnownEncoder(MONTHS, time=0.0, region=0.0), seasons())
    assert shares["shift_text_dependent"] == shares["shift_context"] == shares["shift_length"] == 0.0


@pytest.mark.parametrize(
    "data, message",
    [
        (rows(["a", "b"], JUNE, "UK"), "a shift needs at least 2 contexts; the data hold 1"),
        (rows(["a", "a"], [JUNE, DECEMBER], "UK"), "a shift needs at least 2 texts; the data hold 1"),
    ],
)
def test_a_shift_needs_two_texts_and_two_contexts(data: datasets.Dataset, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        text_dependent_shift(KnownEncoder(MONTHS), data)
