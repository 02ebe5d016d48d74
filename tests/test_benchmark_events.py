"""What the released model learned from beside the joint recipe: events, and sentences asked for their month."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import datasets
import pytest
import torch

from benchmarks.events import EventBatches, EventLoss, EventRecipe, event_mates
from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MISSING
from spacetime.training import JOINT, train_joint

SMALL = EventRecipe(events=2, others=3, masked=4, asked=3, invented=0.0, dialled=0.0)


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
def batches(reports: datasets.Dataset, asked: datasets.Dataset, encoder: SpaceTimeEncoder) -> EventBatches:
    return EventBatches(reports, encoder, SpaceTimeEncoder.from_plain("none", max_length=12), SMALL, asked=asked)


def test_event_mates_share_a_topic_within_the_days(reports: datasets.Dataset) -> None:
    mates = {row: sorted(others.tolist()) for row, others in event_mates(reports, days=30).items()}
    assert mates == {0: [1], 1: [0], 3: [4], 4: [3]}


def test_asked_months_are_missing_then_right_then_wrong_ones_of_the_year(
    batches: EventBatches, encoder: SpaceTimeEncoder
) -> None:
    for step in range(20):
        missing, right, *wrong = batches[step]["asked_month_ids"].numpy()
        assert (missing == MISSING).all()
        years = [[label[:4] for label in encoder.months.labels(ids)] for ids in (right, *wrong)]
        assert all(year == years[0] for year in years)
        for ids in wrong:
            assert (ids != right).all()


def test_another_report_of_the_event_is_no_wrong_answer(batches: EventBatches) -> None:
    for step in range(6):
        assert not batches[step]["other_event"].diagonal().any()


def test_the_event_term_is_zero_where_reports_find_each_other() -> None:
    vectors = torch.eye(4)
    cosine = torch.cat((vectors, vectors)) @ torch.cat((vectors, vectors)).T
    loss = EventLoss(event_temperature=0.01)._events(cosine, ~torch.eye(4, dtype=torch.bool))
    assert loss < 1e-6
    swapped = cosine[:, [*range(4), 5, 4, 7, 6]]
    assert EventLoss(event_temperature=0.01)._events(swapped, ~torch.eye(4, dtype=torch.bool)) > 50


def test_training_learns_all_four_terms(reports: datasets.Dataset, asked: datasets.Dataset, tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("prefix", mlm_transform=True)
    options = replace(JOINT, max_steps=3, precision="float32")
    result = train_joint(
        reports, encoder, tmp_path, options, recipe=SMALL, loss=EventLoss(), max_length=16,
        make_batches=partial(EventBatches, asked=asked), show_progress=False,
    )  # fmt: skip
    assert set(result.final) == {"loss", "cosines", "events", "words", "months"}
