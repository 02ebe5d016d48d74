"""The locator: month and region from words alone, beside a model that it leaves as it was."""

import datasets
import numpy as np
import pytest
import torch

from spacetime.encoder import SpaceTimeEncoder
from spacetime.training.locator import fit_locator, inverse_document_frequency, month_loss

WORDS = {"UK": "parliament", "US": "senate", "AUS": "outback", "CAN": "ottawa"}


@pytest.fixture(scope="module")
def rows() -> datasets.Dataset:
    made = []
    for number in range(400):
        region = list(WORDS)[number % 4]
        winter = number % 8 < 4
        text = f"The {WORDS[region]} met in {'snow' if winter else 'heat'} for the {number} time."
        made.append({"text": text, "month": "2019-01" if winter else "2019-07", "region": region})
    return datasets.Dataset.from_list(made)


@pytest.fixture(scope="module")
def fitted(rows: datasets.Dataset) -> SpaceTimeEncoder:
    encoder = SpaceTimeEncoder.from_plain("prefix", locator_rank=8)
    fit_locator(
        encoder, rows.select(range(300)), validation=rows.select(range(300, 350)), epochs=40, show_progress=False
    )
    return encoder


def test_a_locator_finds_months_and_regions_of_unseen_texts(rows: datasets.Dataset, fitted: SpaceTimeEncoder) -> None:
    unseen = rows.select(range(350, 400))
    location = fitted.locate(unseen["text"][:])
    regions = fitted.regions.labels(location.region_probabilities.argmax(1))
    assert (regions == np.array(unseen["region"][:])).mean() > 0.95
    months = fitted.months.labels(location.month_probabilities.argmax(1))
    assert (months == np.array(unseen["month"][:])).mean() > 0.9
    np.testing.assert_allclose(location.month_probabilities.sum(1), 1, atol=1e-5)


def test_fitting_leaves_the_embeddings_alone(fitted: SpaceTimeEncoder) -> None:
    plain = SpaceTimeEncoder.from_plain("none")
    np.testing.assert_array_equal(fitted.encode("Rain.", "2019-01", "UK"), plain.encode("Rain."))


def test_a_locator_reads_the_text_alone(fitted: SpaceTimeEncoder) -> None:
    with pytest.raises(ValueError, match="reads the text alone"):
        fitted.locate("Rain.", months="2019-01")


def test_a_repeated_word_counts_once(fitted: SpaceTimeEncoder) -> None:
    once, twice = fitted.model.locator, fitted.word_pieces(["snow heat", "snow heat snow"])
    assert once is not None
    ids = torch.tensor([twice[0] + [0], twice[1]])
    weights = once.bag_weights(ids, (ids != 0).long())
    torch.testing.assert_close(weights[0].sum(), weights[1].sum())
    torch.testing.assert_close(weights[0].square().sum(), torch.tensor(1.0))


def test_padding_changes_nothing(fitted: SpaceTimeEncoder) -> None:
    alone = fitted.locate("The senate met in snow.")
    beside = fitted.locate(["The senate met in snow.", "The senate met in snow, " * 8])
    np.testing.assert_allclose(alone.month_probabilities[0], beside.month_probabilities[0], atol=1e-5)


def test_rare_pieces_and_the_ends_of_a_text_weigh_nothing() -> None:
    weights = inverse_document_frequency([[0, 5, 6, 1], [0, 5, 7, 1], [0, 5, 6, 1]], 8)
    assert weights[[0, 1, 7]].tolist() == [0, 0, 0]
    assert weights[6] > weights[5] > 0


def test_a_near_month_is_half_right() -> None:
    logits = torch.full((1, 12), -10.0)
    losses = [month_loss(logits.index_fill(1, torch.tensor([m]), 10.0), torch.tensor([5])).item() for m in (5, 6, 11)]
    assert losses[0] < losses[1] < losses[2]


def test_a_model_without_a_locator_is_refused(rows: datasets.Dataset) -> None:
    with pytest.raises(ValueError, match="has no locator"):
        fit_locator(SpaceTimeEncoder.from_plain("late"), rows)
