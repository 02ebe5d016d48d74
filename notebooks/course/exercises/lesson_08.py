"""Exercises of lesson 08: trustworthiness of a map, and agreement of neighbours by chance."""

import numpy as np
from numpy.typing import NDArray

from course.exercises.checking import Checks, Exercise, Mistake
from course.geometry import nearest
from course.maps import neighbour_agreement

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def trustworthiness(true_order: Ints, map_order: Ints, k: int) -> float:
    """Trustworthiness of a map from two tables (n, n - 1): row i has all other points, nearest to i first."""
    return _trust(true_order, map_order, k)


def _trust(true_order: Ints, map_order: Ints, k: int, less: int = 0) -> float:
    n = len(true_order)
    # Rank 1 is the nearest: a point's place in row i of the true order, and one.
    rank = np.argsort(np.insert(true_order, 0, np.arange(n), axis=1), axis=1)
    shown = np.take_along_axis(rank, map_order[:, :k], axis=1) - less
    return float(1 - 2 / (n * k * (2 * n - 3 * k - 1)) * np.maximum(shown - k, 0).sum())


def chance_of_agreement(labels: list[str]) -> float:
    """Chance that another point, drawn at random, has the label of a point drawn at random."""
    rows = np.array([[j for j in range(len(labels)) if j != i] for i in range(len(labels))])
    return neighbour_agreement(rows, labels).chance


def _ranks_from_zero(true_order: Ints, map_order: Ints, k: int) -> float:
    return _trust(true_order, map_order, k, less=1)


def _share_of_intruders(true_order: Ints, map_order: Ints, k: int) -> float:
    kept = [len(np.intersect1d(a, b)) for a, b in zip(true_order[:, :k], map_order[:, :k], strict=True)]
    return float(np.mean(kept) / k)


def _not_scaled(true_order: Ints, map_order: Ints, k: int) -> float:
    n = len(true_order)
    return (1 - _trust(true_order, map_order, k)) / (2 / (n * k * (2 * n - 3 * k - 1)))


def _with_itself(labels: list[str]) -> float:
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float((shares**2).sum())


def _order_of(points: Floats, by_cosine: bool) -> Ints:
    """All other points of each, nearest first."""
    if by_cosine:
        return nearest(points, len(points) - 1)
    apart = np.linalg.norm(points[:, None] - points, axis=-1)
    np.fill_diagonal(apart, -1)
    return np.argsort(apart, axis=1, kind="stable")[:, 1:]


_ANGLES = np.array([0.0, 0.1, 0.21, 0.33, 0.46])
_ROW = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_TORN = np.array([[0.0, 0], [1, 0], [2.1, 0], [3.3, 0], [-0.5, 0]])
_SPACE, _PLANE = np.random.default_rng(0).normal(size=(12, 5)), np.random.default_rng(1).normal(size=(12, 2))

EXERCISES = (
    Exercise(
        "08",
        trustworthiness,
        {
            "the lesson's five points": (_order_of(_ROW, True), _order_of(_TORN, False), 1),
            "twelve points thrown at random": (_order_of(_SPACE, True), _order_of(_PLANE, False), 3),
            "a true map": (_order_of(_SPACE, True), _order_of(_SPACE, True), 4),
        },
        "each intruder counts by how far it came, and a true map has 1",
        (
            Mistake(
                "the two orders are exchanged: this is continuity; intruders are near on the map and far in truth",
                lambda true_order, map_order, k: trustworthiness(map_order, true_order, k),
            ),
            Mistake("ranks start at 1 for the nearest: an intruder at rank k + 1 counts 1, not 0", _ranks_from_zero),
            Mistake("the share of neighbours kept; an intruder from far away has to count more", _share_of_intruders),
            Mistake("the sum of ranks; scale it by 2 / (n k (2n - 3k - 1)) and take it from 1", _not_scaled),
        ),
    ),
    Exercise(
        "08",
        chance_of_agreement,
        {
            "three and one": (["UK", "UK", "UK", "AUS"],),
            "all alike": (["UK", "UK"],),
            "all different": (["UK", "US", "AUS", "CAN"],),
            "uneven": (["UK"] * 5 + ["US"] * 2 + ["AUS"],),
        },
        "another point: nobody is a neighbour of itself",
        (
            Mistake("a point may be drawn twice; the other one is one of n - 1", _with_itself),
            Mistake(
                "half of it: n (n - 1) ordered pairs stand below the line, so count ordered pairs above it, too",
                lambda labels: chance_of_agreement(labels) / 2,
            ),
            Mistake(
                "1 over the number of labels holds for labels of equal size, and with a point as its own neighbour",
                lambda labels: 1 / len(set(labels)),
            ),
            Mistake(
                "the share of the commonest label: that is what a guess of the label gets",
                lambda labels: max(labels.count(label) for label in labels) / len(labels),
            ),
        ),
    ),
)
check = Checks(EXERCISES)
