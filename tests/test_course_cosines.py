"""Mean cosines by months apart and by regions: those of all pairs, with intervals that hold what they promise."""

import numpy as np
import pytest

from course.cosines import cosine_by_months_apart, cosine_of_regions
from course.geometry import unit_vectors


def corpus(seed: int = 0, count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points, months, regions, and days that lie in one month, each in several regions."""
    random = np.random.default_rng(seed)
    days = np.sort(random.integers(0, 20, count))
    return random.normal(size=(count, 4)) + 0.5, days // 4, random.choice(["UK", "US", "AUS"], count), days


def by_hand(points: np.ndarray, pair_counts: np.ndarray) -> tuple[float, int]:
    """Mean cosine of the pairs marked in a table (n, n)."""
    cosine = unit_vectors(points) @ unit_vectors(points).T
    upper = np.triu(pair_counts, 1)
    return float(cosine[upper].mean()), int(upper.sum())


@pytest.mark.parametrize("by_day", [False, True])
def test_curves_are_those_of_all_pairs(by_day: bool) -> None:
    points, month, region, day = corpus()
    group = day if by_day else np.arange(len(day))
    table = cosine_by_months_apart(points, month, region, groups=day if by_day else None, resamples=2)
    assert table.region.unique().tolist() == ["all", "AUS", "UK", "US"]
    for row in table.itertuples():
        own = np.ones(len(points), dtype=bool) if row.region == "all" else region == row.region
        apart = np.abs(month[:, None] - month) == row.apart
        cosine, pairs = by_hand(points, apart & own & own[:, None] & (group[:, None] != group))
        assert row.pairs == pairs
        assert row.cosine == pytest.approx(cosine, abs=1e-12)


@pytest.mark.parametrize("same_month", [False, True])
@pytest.mark.parametrize("by_day", [False, True])
def test_the_heat_map_is_that_of_all_pairs(same_month: bool, by_day: bool) -> None:
    points, month, region, day = corpus()
    group = day if by_day else np.arange(len(day))
    table = cosine_of_regions(
        points, region, month if same_month else None, groups=day if by_day else None, resamples=2
    )
    assert len(table) == 9
    allowed = (group[:, None] != group) & ((month[:, None] == month) | (not same_month))
    for row in table.itertuples():
        of_both = (region == row.region)[:, None] & (region == row.other)
        cosine, pairs = by_hand(points, allowed & (of_both | of_both.T))
        assert row.pairs == pairs
        assert row.cosine == pytest.approx(cosine, abs=1e-12)


def test_the_heat_map_is_symmetric() -> None:
    points, _, region, _ = corpus()
    heat = cosine_of_regions(points, region, resamples=5).pivot(index="region", columns="other", values="cosine")
    np.testing.assert_allclose(heat, heat.T, atol=1e-12)


def test_what_does_not_change_has_a_flat_curve_and_what_turns_has_a_falling_one() -> None:
    month = np.repeat(np.arange(10), 30)
    noise = np.random.default_rng(0).normal(scale=0.3, size=(300, 3))
    flat = cosine_by_months_apart([1, 0, 0] + noise, month, resamples=5)
    angle = month * np.pi / 18
    turning = cosine_by_months_apart(
        np.column_stack([np.cos(angle), np.sin(angle), 0 * angle]) + noise, month, resamples=5
    )
    assert np.ptp(flat.cosine) < 0.1  # 30 sentences a month
    assert (np.diff(turning.cosine) < 0).all()
    # A right angle apart at the end; noise only shortens the means.
    assert abs(turning.cosine.iloc[-1]) < 0.05


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Days with a direction of their own; sentences drawn one by one would promise far too much."""
    month, day = np.repeat([0, 1], 100), np.repeat(np.arange(20), 10)
    tables = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        points = 2 * np.eye(4)[0] + random.normal(size=(20, 4))[day] + 0.3 * random.normal(size=(200, 4))
        by_day = cosine_by_months_apart(points, month, groups=day, resamples=100, level=0.9).iloc[1]
        by_sentence = cosine_by_months_apart(points, month, resamples=100, level=0.9).iloc[1]
        tables.append((by_day, by_sentence))
    mean = np.mean([by_day.cosine for by_day, _ in tables])
    held = sum(by_day.low <= mean <= by_day.high for by_day, _ in tables)
    held_by_sentence = sum(one.low <= mean <= one.high for _, one in tables)
    # 54 of 60 at a level of .9; ten days a month are few for a bootstrap, which then holds somewhat too little.
    assert held >= 44
    assert held_by_sentence < 40


def test_rows_without_month_or_region_are_left_out() -> None:
    points, month, region, _ = corpus()
    month[:10] = -1
    kept = slice(10, None)
    assert cosine_by_months_apart(points, month, resamples=2).equals(
        cosine_by_months_apart(points[kept], month[kept], resamples=2)
    )


def test_the_furthest_months_can_be_left_out() -> None:
    points, month, _, _ = corpus()
    assert cosine_by_months_apart(points, month, furthest=2, resamples=2).apart.tolist() == [0, 1, 2]


def test_one_region_has_no_heat_map() -> None:
    with pytest.raises(ValueError, match="sentences of 1 region; give two at least"):
        cosine_of_regions(np.eye(3), ["UK"] * 3)
