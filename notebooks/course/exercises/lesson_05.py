"""Exercises of lesson 05: a label with a part missing, and whether a table of similarities can be reached."""

import numpy as np
from numpy.typing import NDArray

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.training.pairs import PairRecipe

Floats = NDArray[np.float64]


def pair_label(cosine: float, time: float, region: float) -> float:
    """.6, .2 and .2 of the three parts; a time or region that is NaN is missing and left out."""
    return float(PairRecipe().label(np.array([cosine]), np.array([time]), np.array([region]))[0])


def is_reachable(similarities: Floats) -> bool:
    """Whether vectors of length 1 exist that have this table (n, n) of cosines."""
    return bool(np.linalg.eigvalsh(similarities)[0] > -1e-9)


def _missing_is_zero(cosine: float, time: float, region: float) -> float:
    return float(0.6 * cosine + 0.2 * np.nan_to_num(time) + 0.2 * np.nan_to_num(region))


def _missing_is_same(cosine: float, time: float, region: float) -> float:
    return float(0.6 * cosine + 0.2 * np.nan_to_num(time, nan=1.0) + 0.2 * np.nan_to_num(region, nan=1.0))


def _plain_mean(cosine: float, time: float, region: float) -> float:
    return float(np.nanmean([cosine, time, region]))


def _rest_to_meaning(cosine: float, time: float, region: float) -> float:
    parts = np.array([time, region])
    weight = 1 - 0.2 * float(np.isfinite(parts).sum())
    return weight * cosine + 0.2 * float(np.nansum(parts))


_OPPOSITES = 2 * np.eye(4) - 1
_TETRAHEDRON = np.where(np.eye(4, dtype=bool), 1.0, -1 / 3)
_TWO_PAIRS = np.kron(np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]]))

EXERCISES = (
    Exercise(
        "05",
        pair_label,
        {
            "all known": (0.8, 0.5, -1 / 3),
            "no region": (0.8, 0.5, float("nan")),
            "no month": (0.1, float("nan"), 1.0),
            "neither": (0.7, float("nan"), float("nan")),
        },
        "the weights that are left keep their proportion and add up to 1",
        (
            Mistake(
                "a missing part counts 0 and pulls the label down; divide by the weights that are left",
                _missing_is_zero,
            ),
            Mistake("a missing part counts as the same month or region, which nobody said", _missing_is_same),
            Mistake("all parts weigh alike; they weigh .6, .2 and .2", _plain_mean),
            Mistake(
                "a missing part makes the sum NaN; nothing equals NaN, not even NaN, so ask `np.isnan`",
                lambda cosine, time, region: 0.6 * cosine + 0.2 * time + 0.2 * region,
            ),
            Mistake("meaning takes all of a missing weight; the other part has its share of it", _rest_to_meaning),
        ),
    ),
    Exercise(
        "05",
        is_reachable,
        {
            "three equal vectors": (np.ones((3, 3)),),
            "four regions at -1/3": (_TETRAHEDRON,),
            "four regions, each the opposite of each": (_OPPOSITES,),
            "three months at 1, 0, -1": (np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]),),
            "near, near, and far": (np.array([[1.0, 0.9, -0.5], [0.9, 1.0, 0.9], [-0.5, 0.9, 1.0]]),),
            "two negative eigenvalues": (_TWO_PAIRS,),
        },
        "no negative eigenvalue beyond rounding, so vectors exist",
        (
            Mistake(
                "each entry alone is between -1 and 1, but together they need not fit: look at the eigenvalues",
                lambda similarities: bool((np.abs(similarities) <= 1 + 1e-9).all()),
            ),
            Mistake(
                "two negative eigenvalues have a positive product: the determinant does not show them",
                lambda similarities: bool(np.linalg.det(similarities) > -1e-9),
            ),
            Mistake(
                "an eigenvalue of 0 is allowed (equal or balanced vectors); for rounding, compare with -1e-9",
                lambda similarities: bool(np.linalg.eigvalsh(similarities)[0] > 1e-9),
            ),
            Mistake(
                "the other way round: True is for tables that vectors can have",
                lambda similarities: not is_reachable(similarities),
            ),
        ),
    ),
)
check = Checks(EXERCISES)
