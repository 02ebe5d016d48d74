"""Exercises of lesson 07: codes that reach a label without training, and contrast questions with ties."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.codes import kernel_factor

Floats = NDArray[np.float64]


def thermometer(n: int) -> Floats:
    """Codes of n months in a row, one a row, whose inner products are 1 - 2 |i - j| / (n - 1)."""
    steps = np.arange(n)
    codes: Floats = kernel_factor(1 - 2 * np.abs(steps[:, None] - steps) / (n - 1))
    return codes


def contrast_accuracy(right: Floats, wrong: Floats) -> float:
    """Share of questions whose right month has the larger cosine; a tie (within 1e-6) is half a point."""
    ahead = right - wrong
    return float(np.where(np.abs(ahead) < 1e-6, 0.5, ahead > 0).mean())


def _table(codes: Any, n: int) -> Floats:
    """Any codes with the right inner products are right."""
    rows = np.asarray(codes, dtype=np.float64)
    return rows @ rows.T


def _signs(n: int, places: int) -> Floats:
    return np.where(np.arange(places) < np.arange(n)[:, None], -1.0, 1.0)


def _zeros_and_ones(n: int) -> Floats:
    return (np.arange(n - 1) < np.arange(n)[:, None]) / np.sqrt(n - 1)


_RIGHT = np.array([0.9, 0.7, 0.5, 0.5, 0.8, 0.3])
_WRONG = np.array([0.8, 0.75, 0.5, 0.5 - 1e-9, 0.1, 0.6])

EXERCISES = (
    Exercise(
        "07",
        thermometer,
        {"two months": (2,), "three months": (3,), "sixty months": (60,)},
        "neighbours differ in one place, the ends in all: the label's months part, without training",
        (
            Mistake(
                "the codes are longer than 1; divide by the root of their number of places", lambda n: _signs(n, n - 1)
            ),
            Mistake(
                "n places are one too many: the ends have to differ in every place",
                lambda n: _signs(n, n) / np.sqrt(n),
            ),
            Mistake("0 and 1 never give a product below 0; use -1 and +1", _zeros_and_ones),
            Mistake("a place for each month makes all months equally far apart", lambda n: np.eye(n)),
            Mistake(
                "this is the table of inner products itself; asked for are codes that have it",
                lambda n: thermometer(n) @ thermometer(n).T,
            ),
        ),
        view=_table,
    ),
    Exercise(
        "07",
        contrast_accuracy,
        {
            "six questions, two ties": (_RIGHT, _WRONG),
            "nothing but ties, as with glued codes": (_RIGHT, _RIGHT.copy()),
            "no tie": (_RIGHT[:2], _WRONG[:2]),
        },
        "a tie is a guess, so glued codes get one half",
        (
            Mistake(
                "ties count as right: codes that know nothing would get 1",
                lambda right, wrong: (right > wrong - 1e-6).mean(),
            ),
            Mistake(
                "ties count as wrong: codes that know nothing would get 0",
                lambda right, wrong: (right > wrong + 1e-6).mean(),
            ),
            Mistake(
                "a tie is found with ==, which rounding breaks; allow 1e-6",
                lambda right, wrong: ((right > wrong) + 0.5 * (right == wrong)).mean(),
            ),
            Mistake(
                "ties are left out of the mean; they are questions, too",
                lambda right, wrong: (
                    (right > wrong)[np.abs(right - wrong) > 1e-6].mean()
                    if (np.abs(right - wrong) > 1e-6).any()
                    else 0.0
                ),
            ),
            Mistake(
                "a count of questions; divide by their number",
                lambda right, wrong: len(right) * contrast_accuracy(right, wrong),
            ),
            Mistake(
                "a mean of differences; asked for is a share of questions", lambda right, wrong: (right - wrong).mean()
            ),
        ),
        tolerance=1e-7,
    ),
)
check = Checks(EXERCISES)
