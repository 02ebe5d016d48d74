"""Exercises of lesson 03: masking by hand, and the line that a score has to be held against."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.training.batches import KEEP_SHARE, RANDOM_SHARE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def mask_pieces(
    ids: Ints, choice: Floats, fate: Floats, anything: Ints, mask_id: int
) -> tuple[Ints, NDArray[np.bool_]]:
    """BERT's masking of one sentence, all arguments of shape (L,): the changed ids, and which places are asked for."""
    asked = choice < 0.15
    asked[[0, -1]] = False
    changed = np.where(asked & (fate >= KEEP_SHARE + RANDOM_SHARE), mask_id, ids)
    return np.where(asked & (fate < RANDOM_SHARE), anything, changed), asked


def majority_accuracy(train_labels: list[str], test_labels: list[str]) -> float:
    """Share of the test that is right when always the commonest label of the training side is named."""
    commonest = Counter(train_labels).most_common(1)[0][0]
    return test_labels.count(commonest) / len(test_labels)


Masking = tuple[Ints, NDArray[np.bool_]]


def _special_pieces_too(ids: Ints, choice: Floats, fate: Floats, anything: Ints, mask_id: int) -> Masking:
    asked = choice < 0.15
    changed = np.where(asked & (fate >= 0.2), mask_id, ids)
    return np.where(asked & (fate < 0.1), anything, changed), asked


def _all_masked(ids: Ints, choice: Floats, fate: Floats, anything: Ints, mask_id: int) -> Masking:
    asked = mask_pieces(ids, choice, fate, anything, mask_id)[1]
    return np.where(asked, mask_id, ids), asked


def _kept_not_asked(ids: Ints, choice: Floats, fate: Floats, anything: Ints, mask_id: int) -> Masking:
    changed, asked = mask_pieces(ids, choice, fate, anything, mask_id)
    return changed, asked & (fate < 0.1) | asked & (fate >= 0.2)


def _none_kept(ids: Ints, choice: Floats, fate: Floats, anything: Ints, mask_id: int) -> Masking:
    asked = mask_pieces(ids, choice, fate, anything, mask_id)[1]
    return np.where(asked, np.where(fate < 0.2, anything, mask_id), ids), asked


def _peeks(train_labels: list[str], test_labels: list[str]) -> float:
    return majority_accuracy(test_labels, test_labels)


def _on_training(train_labels: list[str], test_labels: list[str]) -> float:
    return majority_accuracy(train_labels, train_labels)


def _even_labels(train_labels: list[str], test_labels: list[str]) -> float:
    return 1 / len(set(train_labels))


_IDS = np.array([101, 1996, 8681, 2175, 2830, 2023, 3204, 102])
_ANY = np.array([11, 12, 13, 14, 15, 16, 17, 18])
_CHOICE = np.array([0.02, 0.9, 0.1, 0.04, 0.8, 0.14, 0.5, 0.03])
_FATE = np.array([0.5, 0.03, 0.05, 0.15, 0.12, 0.7, 0.9, 0.05])

EXERCISES = (
    Exercise(
        "03",
        mask_pieces,
        {
            "eight pieces, three chosen": (_IDS, _CHOICE, _FATE, _ANY, 103),
            "none chosen": (_IDS, np.full(8, 0.15), _FATE, _ANY, 103),
            "all chosen": (_IDS, np.zeros(8), _FATE, _ANY, 103),
        },
        "three fates, no special piece, and the kept pieces are asked for as well",
        (
            Mistake("[CLS] and [SEP], the first and last piece, are never chosen", _special_pieces_too),
            Mistake("every chosen piece became [MASK]; one in ten is any piece, one in ten stays", _all_masked),
            Mistake(
                "the pieces that stay are asked for too, or the model learns to trust what it sees", _kept_not_asked
            ),
            Mistake("a fate from .1 to .2 keeps the piece; here it draws any piece", _none_kept),
        ),
    ),
    Exercise(
        "03",
        majority_accuracy,
        {
            "the commonest label changes sides": (["UK"] * 5 + ["US"] * 3, ["US"] * 4 + ["UK"]),
            "three labels": (["06", "06", "12", "01"], ["06", "12", "01", "01", "06"]),
            "a label that the test lacks": (["AUS"] * 3 + ["UK"], ["UK", "UK"]),
        },
        "the line is drawn by the training side and measured on the test",
        (
            Mistake("the commonest label of the test: a line that has seen the answers", _peeks),
            Mistake("measured on the training side; the score it is held against is the test's", _on_training),
            Mistake(
                "0 in every case: `most_common(1)[0]` is a pair of label and count, which is no label of the test",
                lambda train_labels, test_labels: 0.0,
            ),
            Mistake("1 over the number of labels is the line for labels of equal size only", _even_labels),
        ),
    ),
)
check = Checks(EXERCISES)
