"""Exercises of lesson 11: what decay leaves of a score, also where seasons come again, and a score's parts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.exercises.checking import Checks, Exercise, Mistake

Floats = NDArray[np.float64]
Parts = tuple[float, float, float]


def decayed_share(gap: Floats, half_life: float, floor: float) -> Floats:
    """Share of a score that decay leaves, for gaps in months before (below 0) and after the query."""
    return _left(np.abs(gap), half_life, floor)


def seasonal_share(gap: Floats, half_life: float, floor: float) -> Floats:
    """The same by the distance to the nearest whole year: 11, 13 and -1 months are all one month away."""
    return _left(_from_whole_year(gap), half_life, floor)


def score_parts(corners: Floats, time_weight: float, region_weight: float) -> Parts:
    """Meaning, time and place of one document's score, from its cosines plain, with month, with region, with both."""
    at = _Dial(corners)
    t, r = time_weight, region_weight
    time = ((at(t, 0) - at(0, 0)) + (at(t, r) - at(0, r))) / 2
    place = ((at(0, r) - at(0, 0)) + (at(t, r) - at(t, 0))) / 2
    return at(0, 0), time, place


class _Dial:
    """The mixed score at a setting of the dial."""

    def __init__(self, corners: Floats) -> None:
        self.plain, self.month, self.region, self.both = (float(corner) for corner in corners)

    def __call__(self, t: float, r: float) -> float:
        without = (1 - t) * self.plain + t * self.month
        return (1 - r) * without + r * ((1 - t) * self.region + t * self.both)


def _left(distance: Any, half_life: float, floor: float) -> Floats:
    left: Floats = floor + (1 - floor) * 0.5 ** (np.asarray(distance) / half_life)
    return left


def _from_whole_year(gap: Floats) -> Floats:
    distance: Floats = np.minimum(np.mod(gap, 12), np.mod(-gap, 12))
    return distance


def _added_first(corners: Floats, t: float, r: float) -> Parts:
    at = _Dial(corners)
    return at(0, 0), at(t, 0) - at(0, 0), at(0, r) - at(0, 0)


def _added_last(corners: Floats, t: float, r: float) -> Parts:
    at = _Dial(corners)
    return at(0, 0), at(t, r) - at(0, r), at(t, r) - at(t, 0)


def _time_then_place(corners: Floats, t: float, r: float) -> Parts:
    at = _Dial(corners)
    return at(0, 0), at(t, 0) - at(0, 0), at(t, r) - at(t, 0)


_GAPS = np.array([-36.0, -6, 0, 3, 6, 24])
_AROUND = np.array([-13.0, -6, -1, 0, 5, 11, 12, 30])
_TOLD, _OTHER = np.array([0.5, 0.75, 0.54, 0.8]), np.array([0.3, 0.5, 0.2, 0.1])

EXERCISES = (
    Exercise(
        "11",
        decayed_share,
        {"half a year, no floor": (_GAPS, 6.0, 0.0), "a year, a floor of .2": (_GAPS, 12.0, 0.2)},
        "one half after a half-life, in both directions, and never below the floor",
        (
            Mistake(
                "that is exp(-gap / half_life), which leaves .37 after one half-life; a half-life halves",
                lambda gap, half_life, floor: floor + (1 - floor) * np.exp(-np.abs(gap) / half_life),
            ),
            Mistake(
                "a row after the query is as far as one before it: take the absolute gap",
                lambda gap, half_life, floor: _left(gap, half_life, floor),
            ),
            Mistake(
                "the floor does not act until it is reached; a score should go half the way *to* it",
                lambda gap, half_life, floor: np.maximum(floor, _left(np.abs(gap), half_life, 0.0)),
            ),
            Mistake(
                "more than 1 is left at no distance: the floor is part of the whole, so only 1 - floor decays",
                lambda gap, half_life, floor: floor + _left(np.abs(gap), half_life, 0.0),
            ),
        ),
    ),
    Exercise(
        "11",
        seasonal_share,
        {"no floor": (_AROUND, 3.0, 0.0), "a floor of .5": (_AROUND, 6.0, 0.5)},
        "a year away is no distance, and half a year the largest",
        (
            Mistake(
                "years never come again: the distance is to the nearest whole year, not to the query's month",
                decayed_share,
            ),
            Mistake(
                "eleven months count as eleven; they are one month short of a year, so take the smaller distance",
                lambda gap, half_life, floor: _left(np.mod(gap, 12), half_life, floor),
            ),
            Mistake(
                "-1 and 11 are treated alike, and so should 1 and 13 be; take the remainder of the absolute gap by 12 "
                "as well as 12 less it",
                lambda gap, half_life, floor: _left(
                    np.minimum(np.abs(gap), np.abs(12 - np.abs(gap))), half_life, floor
                ),
            ),
        ),
    ),
    Exercise(
        "11",
        score_parts,
        {"both help": (_TOLD, 0.5, 1.0), "both in full": (_OTHER, 1.0, 1.0), "only time": (_OTHER, 0.25, 0.0)},
        "meaning, time and place add up to the score, and neither order is favoured",
        (
            Mistake(
                "each is added first, to meaning alone: what they do together is missing, and the parts do not add up",
                _added_first,
            ),
            Mistake(
                "each is added last: what they do together is counted twice, and the parts do not add up",
                _added_last,
            ),
            Mistake(
                "time first and place last: the parts add up, but the order is a choice; take the mean of both orders",
                _time_then_place,
            ),
            Mistake(
                "the corners themselves; a part is what the score gains, a difference of two settings of the dial",
                lambda corners, t, r: (float(corners[0]), t * float(corners[1]), r * float(corners[2])),
            ),
        ),
    ),
)
check = Checks(EXERCISES)
