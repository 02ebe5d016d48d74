"""Aligned maps: what holds them together, and that they hold."""

import numpy as np
import pytest

from course.aligned import AlignedMap, aligned_maps, alignment


def cloud(periods: int = 3, size: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two groups in each period, and the period of each point."""
    random = np.random.default_rng(seed)
    points = np.tile(np.repeat(np.eye(6)[:2], size // 2, axis=0), (periods, 1)) * 4
    return points + random.normal(size=(periods * size, 6)), np.repeat(np.arange(periods), size)


def test_alignment_is_the_median_distance_of_the_same_points() -> None:
    own = np.ones(3, dtype=bool)
    first = AlignedMap(2019, np.array([4, 5, 6]), np.array([[0.0, 0], [10, 0], [0, 10]]), own)
    second = AlignedMap(2020, np.array([6, 7, 4]), np.array([[3.0, 14], [50, 50], [0, 1]]), own)
    table = alignment([first, second])
    assert table.shared.tolist() == [2]
    assert table.apart[0] == (5 + 1) / 2  # rows 6 and 4


def test_identities_pair_rows_of_different_periods() -> None:
    own = np.ones(2, dtype=bool)
    first = AlignedMap(0, np.array([0, 1]), np.array([[0.0, 0], [10, 0]]), own)
    second = AlignedMap(1, np.array([2, 3]), np.array([[10.0, 2], [0, 4]]), own)
    assert alignment([first, second], ["moon", "sun", "sun", "moon"]).apart[0] == 3


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"periods": [0] * 120}, "1 period; aligned maps need two at least"),
        ({"neighbours": 50}, "neighbours=50 for 40 points of period 0"),
        ({"hold": -1}, "hold=-1 must be 0 or more"),
        ({"identities": [f"{row}" for row in range(120)]}, "0 points of period 1 are also of the period before"),
        ({"identities": ["same"] * 120}, "identities: one comes twice in a period"),
    ],
)
def test_what_cannot_be_aligned_is_refused(given: dict, complaint: str) -> None:
    points, periods = cloud()
    with pytest.raises(ValueError, match=complaint):
        aligned_maps(points, given.pop("periods", periods), seed=0, **{"neighbours": 10} | given)


@pytest.mark.slow
def test_maps_hold_together_and_one_seed_gives_the_same_ones() -> None:
    """A period is on its own map and on the next, near the same places on both."""
    points, periods = cloud()
    maps, again = (aligned_maps(points, periods, seed=1, neighbours=10, hold=0.05, epochs=60) for _ in range(2))
    assert [len(one.rows) for one in maps] == [40, 80, 80]
    assert [int(one.own.sum()) for one in maps] == [40, 40, 40]
    assert all((one.coordinates == other.coordinates).all() for one, other in zip(maps, again, strict=True))
    assert all(np.isfinite(one.coordinates).all() for one in maps)
    table = alignment(maps)
    assert table.shared.tolist() == [40, 40]
    assert (table.ratio < 0.5).all()
