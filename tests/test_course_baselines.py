from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from known_geometry import KnownEncoder
from numpy.typing import NDArray

from course.baselines import ConcatenatedEncoder, PlainEncoder, TextPrefixEncoder, with_text_prefix
from spacetime.codes import kernel_factor
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.pairs import PairRecipe

TEXTS = ["a storm hits the coast", "a storm hits the city", "the bank raises its rate", "voters go to the polls"]
MONTHS = ["2017-01", "2018-06", None, "2021-12"]
REGIONS = ["UK", "US", "UK", None]


class TextOnly:
    """A model without labels, like a SentenceTransformer: it refuses months and regions, and notes what it reads."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, sentences: Sequence[str], *, batch_size: int = 64) -> NDArray[np.float32]:
        self.read += sentences
        return KnownEncoder(time=0, region=0).encode(sentences)


KNOWN: dict[str, Any] = {"months": MonthRange("2017-01", "2021-12"), "regions": RegionSet(["UK", "US", "AUS", "CAN"])}


def cosines(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    result: NDArray[np.float64] = wide @ wide.T
    return result


def test_a_prefix_is_month_and_region_in_brackets_and_a_missing_one_is_left_out() -> None:
    read = TextOnly()
    TextPrefixEncoder(read, **KNOWN).encode(TEXTS, ["2017-01", None, "2018-06", None], ["UK", "USA", None, None])
    assert read.read == ["[2017-01] [UK] " + TEXTS[0], "[US] " + TEXTS[1], "[2018-06] " + TEXTS[2], TEXTS[3]]
    assert with_text_prefix("x", "2017-01", "UK") == "[2017-01] [UK] x"


def test_the_plain_encoder_gives_the_same_vectors_whatever_the_context() -> None:
    plain = PlainEncoder(KnownEncoder())
    np.testing.assert_array_equal(plain.encode(TEXTS, MONTHS, REGIONS), plain.encode(TEXTS))
    with pytest.raises(ValueError, match="2031-01"):
        plain.encode(TEXTS, "2031-01")


def test_a_remembering_encoder_encodes_each_text_once_and_gives_the_same_vectors() -> None:
    read = TextOnly()
    plain = PlainEncoder(read, **KNOWN, remember=True)
    vectors = plain.encode([TEXTS[0], TEXTS[1], TEXTS[0]])
    np.testing.assert_array_equal(plain.encode(TEXTS[:2]), vectors[:2])
    assert read.read == TEXTS[:2]
    np.testing.assert_array_equal(vectors[2], vectors[0])


@pytest.mark.parametrize(
    "recipe", [PairRecipe(), PairRecipe(value_range="[0, 1]"), PairRecipe(time_kernel="exponential")]
)
def test_a_concatenations_cosine_is_the_label(recipe: PairRecipe) -> None:
    encoder = ConcatenatedEncoder(TextOnly(), **KNOWN, recipe=recipe)
    months, regions = ["2017-01", "2018-06", "2018-07", "2021-12"], ["UK", "US", "UK", "CAN"]
    got = cosines(encoder.encode(TEXTS, months, regions))
    month_ids, region_ids = KNOWN["months"].ids(months), KNOWN["regions"].ids(regions)
    label = (
        0.6 * cosines(TextOnly().encode(TEXTS))
        + 0.2 * recipe.time_similarity(KNOWN["months"])[np.ix_(month_ids, month_ids)]
        + 0.2 * recipe.region_similarity(KNOWN["regions"])[np.ix_(region_ids, region_ids)]
    )
    np.testing.assert_allclose(got, label, atol=1e-6)  # float32 vectors


def test_the_distance_kernel_has_codes() -> None:
    kernel = PairRecipe(region_kernel="distance").region_similarity(KNOWN["regions"])
    factor = kernel_factor(kernel)
    np.testing.assert_allclose(factor @ factor.T, kernel, atol=1e-12)


def test_a_kernel_that_no_vectors_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="eigenvalue -2"):
        kernel_factor(2 * np.eye(4) - 1)


def test_a_concatenation_without_context_has_the_plain_cosines_and_unit_length() -> None:
    encoder = ConcatenatedEncoder(TextOnly(), **KNOWN)
    np.testing.assert_allclose(cosines(encoder.encode(TEXTS)), cosines(TextOnly().encode(TEXTS)), atol=1e-6)
    mixed = encoder.encode(TEXTS, MONTHS, REGIONS)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(mixed, axis=1), 1, atol=1e-6)


def test_a_missing_part_is_zero() -> None:
    encoder = ConcatenatedEncoder(TextOnly(), **KNOWN)
    both, month_only = encoder.encode(TEXTS[:1] * 2, ["2018-06", "2018-06"], ["UK", None])
    # (.6 + .2) / (1 * sqrt(.8)): the region's part is missing in one of the two
    assert both.astype(np.float64) @ month_only == pytest.approx(0.8 / np.sqrt(0.8), abs=1e-6)


@pytest.mark.parametrize("weights", [(0.6, 0.2, 0.3), (0.0, 0.5, 0.5), (1.2, -0.2, 0.0), (float("nan"), 0.5, 0.5)])
def test_weights_that_do_not_add_up_are_refused(weights: tuple[float, float, float]) -> None:
    meaning, time, region = weights
    with pytest.raises(ValueError, match="add up to 1"):
        ConcatenatedEncoder(TextOnly(), **KNOWN, meaning_weight=meaning, time_weight=time, region_weight=region)


def test_a_model_without_labels_must_be_given_some() -> None:
    with pytest.raises(ValueError, match="a TextOnly has no months of its own; give months="):
        PlainEncoder(TextOnly())


@pytest.mark.parametrize("kind", [PlainEncoder, TextPrefixEncoder, ConcatenatedEncoder])
def test_one_sentence_gives_one_vector_and_a_wrong_number_of_labels_is_refused(kind: Any) -> None:
    encoder = kind(TextOnly(), **KNOWN)
    alone, among = encoder.encode(TEXTS[0], "2017-01", "UK"), encoder.encode(TEXTS[:1], "2017-01", "UK")
    np.testing.assert_array_equal(alone, among[0])
    with pytest.raises(ValueError, match="3 months for 4 sentences"):
        encoder.encode(TEXTS, MONTHS[:3])
