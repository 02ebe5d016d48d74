"""Promises of `spacetime.encoder`: labels in, embeddings out, whatever the batch; save and load; clear errors."""

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import find_plain_weights, modeling
from spacetime.months import MISSING, MonthRange
from spacetime.regions import RegionSet

SENTENCES = ["Rain.", "The clocks go forward tonight, an hour after midnight.", "Shops are shut on Thursday.", "Rain."]


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    """Conditioned for real: every new weight is moved away from its start."""
    import torch

    encoder = SpaceTimeEncoder.from_plain("prefix", seed=1)
    torch.manual_seed(0)
    for name, weight in encoder.model.named_parameters():
        if "gate" in name:
            torch.nn.init.normal_(weight, std=0.5)
    return encoder


def test_missing_has_one_number_in_labels_and_in_the_model() -> None:
    assert modeling.MISSING == MISSING


def test_batches_and_order_do_not_change_an_embedding(encoder: SpaceTimeEncoder) -> None:
    months, regions = ["2017-01", None, "2020-03", "2021-12"], ["UK", "CAN", None, "US"]
    together = encoder.encode(SENTENCES, months, regions)
    alone = [encoder.encode(s, m, r) for s, m, r in zip(SENTENCES, months, regions, strict=True)]
    assert together.shape == (4, 384) and together.dtype == np.float32
    np.testing.assert_allclose(together, np.stack(alone), atol=2e-6)  # float32 products in another order
    np.testing.assert_allclose(encoder.encode(SENTENCES, months, regions, batch_size=1), together, atol=2e-6)
    assert np.linalg.norm(together[0] - together[3]) > 1e-3, "the same text elsewhere is another embedding"


def test_one_label_stands_for_all(encoder: SpaceTimeEncoder) -> None:
    np.testing.assert_array_equal(
        encoder.encode(SENTENCES, "2020-03", "GB"), encoder.encode(SENTENCES, ["2020-03"] * 4, ["UK"] * 4)
    )


def test_normalize_scales_to_length_one(encoder: SpaceTimeEncoder) -> None:
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(SENTENCES), axis=1), 1, atol=1e-6)


def test_no_sentences_give_no_embeddings(encoder: SpaceTimeEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.locate([]).month_probabilities.shape == (0, 60)


def test_similarity_is_the_cosine_of_every_pair(encoder: SpaceTimeEncoder) -> None:
    a, b = np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([[1.0, 0.0]])
    np.testing.assert_allclose(encoder.similarity(a, b), [[0.6], [0.0]], atol=1e-7)


def test_locate_gives_probabilities(encoder: SpaceTimeEncoder) -> None:
    location = encoder.locate(SENTENCES)
    np.testing.assert_allclose(location.month_probabilities.sum(1), np.ones(4), atol=1e-5)
    np.testing.assert_allclose(location.region_probabilities.sum(1), np.ones(4), atol=1e-5)
    assert location.month_probabilities.shape == (4, 60) and location.region_probabilities.shape == (4, 4)


def test_long_texts_are_cut_at_the_maximum_length(encoder: SpaceTimeEncoder) -> None:
    pieces = encoder.word_pieces(["rain " * 500, "rain"])
    assert [len(ids) for ids in pieces] == [128, 3]


def test_word_pieces_are_those_of_the_official_tokenizer(encoder: SpaceTimeEncoder) -> None:
    official = AutoTokenizer.from_pretrained(find_plain_weights())
    assert encoder.word_pieces(["Naïve café, 5°C!"]) == [
        [i for i in official("Naïve café, 5°C!")["input_ids"] if i != official.pad_token_id]
    ]


def test_a_saved_encoder_is_the_same(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    again = SpaceTimeEncoder.load(tmp_path)
    assert again.months == encoder.months and again.regions == encoder.regions
    np.testing.assert_array_equal(again.encode(SENTENCES, "2020-03"), encoder.encode(SENTENCES, "2020-03"))


def test_any_months_and_regions() -> None:
    encoder = SpaceTimeEncoder.from_plain("late", MonthRange("1999-12", "2000-01"), RegionSet(["NZ", "Mars"]))
    assert encoder.encode("Rain.", "2000-01", "New Zealand").shape == (384,)
    assert encoder.locate("Rain.").month_probabilities.shape == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], "2022-01"), "month '2022-01' is outside 2017-01..2021-12"),
        ((["a"], None, "Uk "), "unknown region 'Uk '; did you mean 'UK'"),
        ((["a"], ["2020-01", "2020-02"]), "2 months for 1 sentences"),
        ((["a", 3],), "sentence 1 is not text but int: '3'"),
    ],
)
def test_bad_input_is_named(encoder: SpaceTimeEncoder, arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoder.encode(*arguments)
