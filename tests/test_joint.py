"""The joint recipe: what a step sees, and what it leaves alone."""

from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MISSING
from spacetime.training import JOINT, train_joint
from spacetime.training.joint import JointBatches, JointRecipe, gram_targets
from spacetime.training.pairs import PairRecipe

SMALL = JointRecipe(others=5, masked=4, invented=0.0, dialled=0.0)


@pytest.fixture(scope="module")
def rows() -> datasets.Dataset:
    made = [
        ("A flood closes the harbour.", "2019-11", "UK"),
        ("A year on, the harbour is still empty.", "2020-11", "UK"),
        ("Voters choose a mayor.", "2020-05", "US"),
        ("Rain.", "2018-01", "CAN"),
    ]
    return datasets.Dataset.from_list([dict(zip(("text", "month", "region"), row, strict=True)) for row in made])


def test_targets_between_full_contexts_are_the_labels_of_pairs() -> None:
    recipe, random = PairRecipe(), np.random.default_rng(0)
    meaning = random.normal(size=(2, 8))
    meaning /= np.linalg.norm(meaning, axis=1, keepdims=True)
    time, region = np.array([[1.0, 0.3], [0.3, 1.0]]), np.array([[1.0, -1.0], [-1.0, 1.0]])
    target = gram_targets(meaning, np.array([0, 1]), np.array([0, 1]), time, region, recipe)
    label = recipe.label(meaning[:1] @ meaning[1], np.array([0.3]), np.array([-1.0]))
    assert target[0, 1] == pytest.approx(label[0], abs=1e-12)
    np.testing.assert_allclose(np.diag(target), 1, atol=1e-12)


def test_targets_can_be_reached_together_whatever_is_missing() -> None:
    random = np.random.default_rng(0)
    meaning = random.normal(size=(30, 8)).astype(np.float32)
    meaning /= np.linalg.norm(meaning, axis=1, keepdims=True)
    recipe, ids = PairRecipe(), random.integers(-1, 4, size=(2, 30))
    kernel = np.exp(-np.abs(np.subtract.outer(np.arange(4), np.arange(4))) / 2.0)
    target = gram_targets(meaning, ids[0], ids[1], kernel, kernel, recipe, 0.3, 0.8)
    assert np.linalg.eigvalsh(target).min() > -1e-6  # cosines of some vectors
    alone = (ids == MISSING).all(0)
    np.testing.assert_allclose(target[np.ix_(alone, alone)], (meaning @ meaning.T)[np.ix_(alone, alone)], atol=1e-6)


def test_a_step_is_a_function_of_seed_and_number(rows: datasets.Dataset) -> None:
    encoder, plain = SpaceTimeEncoder.from_plain("prefix"), SpaceTimeEncoder.from_plain("none", max_length=12)
    batches = JointBatches(rows, encoder, plain, SMALL)
    again, other = batches[1], batches[2]
    for name, tensor in batches[1].items():
        assert torch.equal(tensor, again[name]), name
    assert not torch.equal(other["masked_positions"], again["masked_positions"]) or not torch.equal(
        other["month_ids"], again["month_ids"]
    )


def test_training_leaves_the_plain_vectors_and_learns(rows: datasets.Dataset, tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("prefix", mlm_transform=True)
    texts = rows["text"][:]
    before, started = encoder.encode(texts), encoder.encode(texts, "2019-11", "UK")
    options = replace(JOINT, max_steps=6, precision="float32")
    result = train_joint(rows, encoder, tmp_path, options, recipe=SMALL, max_length=16, show_progress=False)
    np.testing.assert_allclose(encoder.encode(texts), before, atol=1e-6)  # the backbone is frozen
    assert np.abs(encoder.encode(texts, "2019-11", "UK") - started).max() > 1e-3
    assert set(result.final) == {"loss", "cosines", "words"}
    assert (tmp_path / "training.json").exists()
