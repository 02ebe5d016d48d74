"""Exercises of lesson 10: the t-interval, and the interval of a paired difference."""

import math
from collections.abc import Sequence

import numpy as np

from course.exercises.checking import Checks, Exercise, Mistake
from course.gathering import t_interval

Ends = tuple[float, float]


def interval(values: Sequence[float], confidence: float) -> Ends:
    """Ends of the t-interval of the mean of independent values."""
    _, low, high = t_interval(values, confidence)
    return low, high


def difference_interval(one: Sequence[float], other: Sequence[float]) -> Ends:
    """Ends of the 95 % t-interval of `one` minus `other`, seed by seed."""
    return interval(np.subtract(one, other).tolist(), 0.95)


def _around(values: Sequence[float], half: float) -> Ends:
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def _half(values: Sequence[float], confidence: float) -> float:
    low, high = interval(values, confidence)
    return (high - low) / 2


def _normal(values: Sequence[float], confidence: float) -> Ends:
    from scipy.stats import norm

    return _around(values, norm.ppf((1 + confidence) / 2) * np.std(values, ddof=1) / math.sqrt(len(values)))


def _always_196(values: Sequence[float], confidence: float) -> Ends:
    return _around(values, 1.96 * float(np.std(values, ddof=1)) / math.sqrt(len(values)))


def _of_n(values: Sequence[float], confidence: float) -> Ends:
    return _around(values, _half(values, confidence) * math.sqrt(1 - 1 / len(values)))


def _of_one_value(values: Sequence[float], confidence: float) -> Ends:
    return _around(values, _half(values, confidence) * math.sqrt(len(values)))


def _one_sided(values: Sequence[float], confidence: float) -> Ends:
    return _around(values, _half(values, 2 * confidence - 1))


def _too_many_degrees(values: Sequence[float], confidence: float) -> Ends:
    from scipy.stats import t

    return _around(values, t.ppf((1 + confidence) / 2, len(values)) * np.std(values, ddof=1) / math.sqrt(len(values)))


def _unpaired(one: Sequence[float], other: Sequence[float]) -> Ends:
    from scipy.stats import ttest_ind

    found = ttest_ind(one, other, equal_var=True).confidence_interval(0.95)
    return float(found.low), float(found.high)


def _added_variances(one: Sequence[float], other: Sequence[float]) -> Ends:
    half = math.hypot(_half(one, 0.95), _half(other, 0.95))
    return _around(np.subtract(one, other).tolist(), half)


def _welch(one: Sequence[float], other: Sequence[float]) -> Ends:
    from scipy.stats import ttest_ind

    found = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    return float(found.low), float(found.high)


def _ends_apart(one: Sequence[float], other: Sequence[float]) -> Ends:
    (low, high), (other_low, other_high) = interval(one, 0.95), interval(other, 0.95)
    return low - other_low, high - other_high


def _sorted_first(one: Sequence[float], other: Sequence[float]) -> Ends:
    return difference_interval(sorted(one), sorted(other))


_THREE, _FIVE = [0.80, 0.82, 0.87], [0.61, 0.70, 0.66, 0.72, 0.59]
_PREFIX, _LATE = [0.81, 0.88, 0.79, 0.91], [0.77, 0.85, 0.78, 0.86]

EXERCISES = (
    Exercise(
        "10",
        interval,
        {
            "three values, 95 %": (_THREE, 0.95),
            "five values, 95 %": (_FIVE, 0.95),
            "three values, 80 %": (_THREE, 0.80),
        },
        "t with n - 1 degrees, s with n - 1 below the line, over the root of n",
        (
            Mistake("1.96 is the normal distribution's; n values need Student's t with n - 1 degrees", _normal),
            Mistake("1.96 is for the normal distribution and 95 % only; ask Student's t for the quantile", _always_196),
            Mistake("the standard deviation has n - 1 below the line (ddof=1)", _of_n),
            Mistake("the spread of single values; the mean of n is surer by the root of n", _of_one_value),
            Mistake("all of 1 - confidence lies at one end; half of it belongs at either", _one_sided),
            Mistake("n values leave n - 1 degrees of freedom", _too_many_degrees),
        ),
    ),
    Exercise(
        "10",
        difference_interval,
        {
            "four seeds, two ways": (_PREFIX, _LATE),
            "seeds that say the opposite": (_PREFIX, [0.88, 0.79, 0.91, 0.80]),
        },
        "what a seed does to both ways is gone before the interval is made",
        (
            Mistake("the pairs are not used: take the difference of each seed first", _unpaired),
            Mistake(
                "both variances are added, as if the ways shared no seeds; take differences first", _added_variances
            ),
            Mistake("Welch's interval of two independent groups; these share their seeds", _welch),
            Mistake("ends minus ends: two means' intervals do not give that of their difference", _ends_apart),
            Mistake("sorted, each for itself: value i of both must come from the same seed", _sorted_first),
            Mistake("`other` minus `one`", lambda one, other: difference_interval(other, one)),
        ),
    ),
)
check = Checks(EXERCISES)
