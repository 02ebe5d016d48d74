"""Exercises of lesson 00: the code of a month, the nearest sentence, and a label by hand."""

import numpy as np
from numpy.typing import NDArray

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MonthRange
from spacetime.training.pairs import PairRecipe

Floats = NDArray[np.float64]


def month_id(month: str, first: str) -> int:
    """Months from `first` to `month`, both written YYYY-MM."""
    return int(MonthRange(first, month).ids(month))


def nearest_first(query: Floats, others: Floats) -> list[int]:
    """Rows of `others` (n, size) by falling cosine with `query` (size,)."""
    order: list[int] = np.argsort(-SpaceTimeEncoder.similarity(query, others)[0], kind="stable").tolist()
    return order


def own_label(months_apart: int, num_months: int, same_region: bool, num_regions: int) -> float:
    """Label of a sentence with itself, so many months apart in a range of `num_months`."""
    recipe = PairRecipe()
    time = recipe.time_similarity(
        MonthRange("2000-01", f"{2000 + (num_months - 1) // 12}-{(num_months - 1) % 12 + 1:02}")
    )
    place = 1.0 if same_region else -1 / (num_regions - 1)
    return float(recipe.label(np.ones(1), time[0, [months_apart]], np.array([place]))[0])


def _parts(month: str) -> tuple[int, int]:
    return int(month[:4]), int(month[5:])


def _counts_from_one(month: str, first: str) -> int:
    return month_id(month, first) + 1


def _range_starts_in_january(month: str, first: str) -> int:
    return 12 * (_parts(month)[0] - _parts(first)[0]) + _parts(month)[1] - 1


def _years_of_a_hundred(month: str, first: str) -> int:
    return int(month.replace("-", "")) - int(first.replace("-", ""))


def _years_alone(month: str, first: str) -> int:
    return 12 * (_parts(month)[0] - _parts(first)[0])


def _inner_products(query: Floats, others: Floats) -> list[int]:
    order: list[int] = np.argsort(-(others @ query), kind="stable").tolist()
    return order


def _by_distance(query: Floats, others: Floats) -> list[int]:
    order: list[int] = np.argsort(np.linalg.norm(others - query, axis=1), kind="stable").tolist()
    return order


def _farthest_first(query: Floats, others: Floats) -> list[int]:
    return nearest_first(query, others)[::-1]


def _cosines(query: Floats, others: Floats) -> Floats:
    return others @ query / np.linalg.norm(others, axis=1) / np.linalg.norm(query)


def _nearest_alone(query: Floats, others: Floats) -> int:
    return nearest_first(query, others)[0]


def _time(months_apart: int, num_months: int) -> float:
    return 1 - 2 * months_apart / (num_months - 1)


def _months_not_steps(months_apart: int, num_months: int, same_region: bool, num_regions: int) -> float:
    return 0.6 + 0.2 * (1 - 2 * months_apart / num_months) + 0.2 * (1.0 if same_region else -1 / (num_regions - 1))


def _time_to_zero(months_apart: int, num_months: int, same_region: bool, num_regions: int) -> float:
    time = 1 - months_apart / (num_months - 1)
    return 0.6 + 0.2 * time + 0.2 * (1.0 if same_region else -1 / (num_regions - 1))


def _opposite_regions(months_apart: int, num_months: int, same_region: bool, num_regions: int) -> float:
    return 0.6 + 0.2 * _time(months_apart, num_months) + 0.2 * (1.0 if same_region else -1.0)


def _always_four_regions(months_apart: int, num_months: int, same_region: bool, num_regions: int) -> float:
    return own_label(months_apart, num_months, same_region, 4)


def _other_region_zero(months_apart: int, num_months: int, same_region: bool, num_regions: int) -> float:
    return 0.6 + 0.2 * _time(months_apart, num_months) + 0.2 * same_region


EXERCISES = (
    Exercise(
        "00",
        month_id,
        {
            "first month": ("2017-01", "2017-01"),
            "June 2019 in a range from January 2017": ("2019-06", "2017-01"),
            "a range that starts in November": ("2018-03", "2017-11"),
            "the December of another year": ("2021-12", "2002-07"),
        },
        "a month is a number, counted from the first month of its range",
        (
            Mistake("counts from 1; the first month of the range has the id 0", _counts_from_one),
            Mistake(
                "right for ranges that start in January; subtract the month of `first` too", _range_starts_in_january
            ),
            Mistake("the years are there, the months of the year are not", _years_alone),
            Mistake("subtracts 201701 from 201906: a year adds 12 months, not 100", _years_of_a_hundred),
        ),
    ),
    Exercise(
        "00",
        nearest_first,
        {
            "a long vector that points elsewhere": (
                np.array([1.0, 0.0]),
                np.array([[3.0, 9.0], [0.5, 0.1], [1.0, 1.0], [-1.0, 0.0]]),
            ),
            "a query of length 5": (np.array([3.0, 4.0]), np.array([[0.0, 2.0], [9.0, 1.0], [0.3, 0.4]])),
        },
        "the nearest vector is the one of the smallest angle, however short",
        (
            Mistake("the order of inner products: a long vector comes first wherever it points", _inner_products),
            Mistake("the farthest comes first; sort by falling cosine", _farthest_first),
            Mistake(
                "the order of distances: a short vector of the right direction is far from a long query, too",
                _by_distance,
            ),
            Mistake("these are the cosines; asked for are the row numbers in their order", _cosines),
            Mistake("the nearest row alone; asked for are all rows, nearest first", _nearest_alone),
        ),
    ),
    Exercise(
        "00",
        own_label,
        {
            "the two summers": (6, 60, False, 4),
            "the same month and region": (0, 60, True, 4),
            "both ends of a range of twelve": (11, 12, True, 4),
            "two regions": (3, 25, False, 2),
        },
        "1 at home, and lower with every month and in another region",
        (
            Mistake("the ends of n months are n - 1 steps apart: divide by num_months - 1", _months_not_steps),
            Mistake("the months' part falls to -1 at the two ends of the range, not to 0", _time_to_zero),
            Mistake(
                "another region counts -1, which only two regions can have; for n it is -1/(n-1)", _opposite_regions
            ),
            Mistake("another region counts 0; it is -1/(n-1) among n regions", _other_region_zero),
            Mistake("another region counts -1/3 among four only; among n it is -1/(n-1)", _always_four_regions),
        ),
    ),
)
check = Checks(EXERCISES)
