"""Promises of `spacetime.training.batches`: nothing lost, masks by BERT's rule, hidden contexts, one seed."""

from typing import Any

import datasets
import numpy as np
import pytest
import torch

from spacetime.encoder import SpaceTimeEncoder
from spacetime.training.batches import NO_LABEL, BatchPlan, PairBatches, TripleBatches, hide, mask_words
from spacetime.training.pairs import PairRecipe, build_pairs

MASK = 103


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    return SpaceTimeEncoder.from_plain("none")


@pytest.fixture(scope="module")
def corpus() -> datasets.Dataset:
    rows = 40
    return datasets.Dataset.from_dict(
        {
            "text": [f"On day {i} it rained" + " again and again" * (i % 7) + "." for i in range(rows)],
            "month": [None if i == 3 else f"20{17 + i % 5}-{1 + i % 12:02d}" for i in range(rows)],
            "region": [None if i == 5 else ["UK", "US", "AUS", "CAN"][i % 4] for i in range(rows)],
        }
    )


def test_an_epoch_has_every_row_once() -> None:
    plan = BatchPlan(np.arange(103) % 17, batch_size=10, seed=0)
    for epoch in (0, 1):
        rows = np.concatenate([plan[epoch * len(plan) + index] for index in range(len(plan))])
        assert sorted(rows) == list(range(103))


def test_rows_of_like_length_share_a_batch() -> None:
    lengths = np.random.default_rng(0).integers(3, 128, size=4000)
    plan = BatchPlan(lengths, batch_size=32, seed=0)
    padded = sum(lengths[plan[i]].max() * len(plan[i]) for i in range(len(plan)))
    assert padded / lengths.sum() < 1.1
    first = [lengths[plan[i]].mean() for i in range(20)]
    assert np.std(first) > 10, "batches themselves come in random order, not from short to long"


def test_a_batch_depends_on_seed_and_step_alone(encoder: SpaceTimeEncoder, corpus: datasets.Dataset) -> None:
    def batch(seed: int, before: list[int]) -> dict[str, torch.Tensor]:
        batches = TripleBatches(corpus, encoder, batch_size=8, seed=seed, hide_month=0.5)
        for step in before:
            batches[step]
        return batches[7]

    one, other = batch(0, []), batch(0, [9, 0, 3])
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["month_labels"], batch(1, [])["month_labels"])


def test_masking_follows_the_80_10_10_rule() -> None:
    ids = torch.full((400, 52), 2000)
    ids[:, 0], ids[:, 51] = 101, 102
    changed, masked, labels = mask_words(ids, torch.ones_like(ids), np.random.default_rng(0), MASK, 30522)
    number = masked.sum().item()
    # 20,000 draws: the standard deviations are .0025 of the share, and .007 and .005 of the fates.
    assert number / (400 * 50) == pytest.approx(0.15, abs=0.01)
    assert (changed[masked] == MASK).float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert (changed[masked] == 2000).float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert torch.equal(changed[~masked], ids[~masked]) and (labels == 2000).all() and len(labels) == number
    assert not masked[:, 0].any() and not masked[:, 51].any()


def test_padding_and_special_places_are_never_masked() -> None:
    ids = torch.tensor([[101, 7, 102, 0, 0], [101, 7, 8, 9, 102]])
    _, masked, _ = mask_words(ids, (ids != 0).long(), np.random.default_rng(0), MASK, 30522, share=1.0)
    assert masked.tolist() == [[False, True, False, False, False], [False, True, True, True, False]]


def test_a_batch_has_at_least_one_masked_word() -> None:
    ids = torch.tensor([[101, 7, 102]])
    _, masked, labels = mask_words(ids, torch.ones_like(ids), np.random.default_rng(0), MASK, 30522, share=0.0)
    assert masked.sum() == 1 and labels.tolist() == [7]


def test_hidden_contexts_keep_their_labels(encoder: SpaceTimeEncoder, corpus: datasets.Dataset) -> None:
    batch = TripleBatches(corpus, encoder, batch_size=40, hide_month=1.0)[0]
    assert (batch["month_ids"] == -1).all()
    assert (batch["month_labels"] == NO_LABEL).sum() == 1  # the one row that has no month
    assert (batch["region_ids"] == -1).sum() == 1 and (batch["region_labels"] == NO_LABEL).sum() == 1


def test_hide_hides_the_share_asked_for() -> None:
    hidden = hide(np.zeros(10_000, dtype=np.int64), 0.3, np.random.default_rng(0))
    assert (hidden == -1).mean() == pytest.approx(0.3, abs=0.02)


def test_pair_batches_hold_first_then_second_sentences(encoder: SpaceTimeEncoder, corpus: datasets.Dataset) -> None:
    pairs = build_pairs(corpus, encoder, encoder.months, encoder.regions)
    batches = PairBatches(pairs, encoder, batch_size=10)
    batch, rows = batches[0], batches.plan[0]
    texts = pairs[rows]["text1"] + pairs[rows]["text2"]
    for ids, mask, text in zip(batch["input_ids"], batch["attention_mask"], texts, strict=True):
        assert encoder.tokenizer.decode(ids[mask.bool()], skip_special_tokens=True) == text.lower()
    np.testing.assert_allclose(batch["similarity"], pairs[rows]["label"], atol=1e-6)


def test_a_pair_without_contexts_is_asked_for_its_meaning(encoder: SpaceTimeEncoder, corpus: datasets.Dataset) -> None:
    pairs = build_pairs(corpus, encoder, encoder.months, encoder.regions)
    batches = PairBatches(pairs, encoder, PairRecipe(), batch_size=10, hide_month=1.0, hide_region=1.0)
    np.testing.assert_allclose(batches[0]["similarity"], pairs[batches.plan[0]]["cosine"], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({"hide_region": -0.1}, "hide_region must lie between 0 and 1"),
    ],
)
def test_bad_batches_are_refused(
    encoder: SpaceTimeEncoder, corpus: datasets.Dataset, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TripleBatches(corpus, encoder, **changes)


def test_an_empty_split_is_refused(encoder: SpaceTimeEncoder, corpus: datasets.Dataset) -> None:
    with pytest.raises(ValueError, match="data set is empty: give at least one row"):
        TripleBatches(corpus.select([]), encoder)
