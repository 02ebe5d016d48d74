"""The joint recipe: what a step sees, and what each term of its loss asks for."""

from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MISSING
from spacetime.training import JOINT, train_joint
from spacetime.training.joint import JointBatches, JointRecipe, event_mates, gram_targets
from spacetime.training.objectives import JointLoss
from spacetime.training.pairs import PairRecipe

SMALL = JointRecipe(events=2, others=3, masked=4, asked=3, invented=0.0, dialled=0.0)


@pytest.fixture(scope="module")
def reports() -> datasets.Dataset:
    rows = [
        ("A flood closes the harbour.", "2019-11", "UK", "2019-11-03", "Flood"),
        ("The harbour stays shut after the flood.", "2019-11", "UK", "2019-11-20", "Flood"),
        ("A year on, the harbour is still empty.", "2020-11", "UK", "2020-11-03", "Flood"),
        ("Voters choose a mayor.", "2020-05", "US", "2020-05-05", "Vote"),
        ("The new mayor takes office.", "2020-05", "US", "2020-05-09", "Vote"),
        ("Rain.", "2018-01", "CAN", "2018-01-01", ""),
    ]
    return datasets.Dataset.from_list(
        [dict(zip(("text", "month", "region", "date", "topic"), row, strict=True)) for row in rows]
    )


@pytest.fixture(scope="module")
def asked() -> datasets.Dataset:
    rows = [("It is the first month of summer here.", "2019-06", "UK"), ("Summer begins.", "2019-12", "AUS")]
    return datasets.Dataset.from_list([dict(zip(("text", "month", "region"), row, strict=True)) for row in rows])


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    return SpaceTimeEncoder.from_plain("prefix", mlm_transform=True)


@pytest.fixture(scope="module")
def batches(reports: datasets.Dataset, asked: datasets.Dataset, encoder: SpaceTimeEncoder) -> JointBatches:
    return JointBatches(reports, asked, encoder, SpaceTimeEncoder.from_plain("none", max_length=12), SMALL)


def test_event_mates_share_a_topic_within_the_days(reports: datasets.Dataset) -> None:
    mates = {row: sorted(others.tolist()) for row, others in event_mates(reports, days=30).items()}
    assert mates == {0: [1], 1: [0], 3: [4], 4: [3]}


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


def test_a_step_is_a_function_of_seed_and_number(batches: JointBatches) -> None:
    again, other = batches[1], batches[2]
    for name, tensor in batches[1].items():
        assert torch.equal(tensor, again[name]), name
    assert not torch.equal(other["masked_positions"], again["masked_positions"]) or not torch.equal(
        other["month_ids"], again["month_ids"]
    )


def test_asked_months_are_missing_then_right_then_wrong_ones_of_the_year(
    batches: JointBatches, encoder: SpaceTimeEncoder
) -> None:
    for step in range(20):
        missing, right, *wrong = batches[step]["asked_month_ids"].numpy()
        assert (missing == MISSING).all()
        years = [[label[:4] for label in encoder.months.labels(ids)] for ids in (right, *wrong)]
        assert all(year == years[0] for year in years)
        for ids in wrong:
            assert (ids != right).all()


def test_another_report_of_the_event_is_no_wrong_answer(batches: JointBatches) -> None:
    for step in range(6):
        assert not batches[step]["other_event"].diagonal().any()


def test_the_event_term_is_zero_where_reports_find_each_other() -> None:
    vectors = torch.eye(4)
    cosine = torch.cat((vectors, vectors)) @ torch.cat((vectors, vectors)).T
    loss = JointLoss(event_temperature=0.01)._events(cosine, ~torch.eye(4, dtype=torch.bool))
    assert loss < 1e-6
    swapped = cosine[:, [*range(4), 5, 4, 7, 6]]
    assert JointLoss(event_temperature=0.01)._events(swapped, ~torch.eye(4, dtype=torch.bool)) > 50


def test_training_leaves_the_plain_vectors_and_learns(
    reports: datasets.Dataset, asked: datasets.Dataset, tmp_path: Path
) -> None:
    from dataclasses import replace

    encoder = SpaceTimeEncoder.from_plain("prefix", mlm_transform=True)
    texts = reports["text"][:]
    before, started = encoder.encode(texts), encoder.encode(texts, "2019-11", "UK")
    options = replace(JOINT, max_steps=6, precision="float32")
    result = train_joint(reports, asked, encoder, tmp_path, options, recipe=SMALL, max_length=16, show_progress=False)
    np.testing.assert_allclose(encoder.encode(texts), before, atol=1e-6)  # the backbone is frozen
    assert np.abs(encoder.encode(texts, "2019-11", "UK") - started).max() > 1e-3
    assert set(result.final) == {"loss", "cosines", "events", "words", "months"}
    assert (tmp_path / "training.json").exists()
