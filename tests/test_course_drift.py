"""Drift: planted moves are found where they were planted, and none is found where there is none."""

import numpy as np
import pytest

from course.drift import ChangePoints, centroid_paths, moved_sentences, moving_months


def corpus(
    random: np.random.Generator, months: int = 24, a_month: int = 20, change: int | None = None, size: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around one direction, which turns at month `change`, and the month of each."""
    month = np.repeat(np.arange(months), a_month)
    points = np.eye(8)[np.zeros(len(month), dtype=int)] * 3 + random.normal(size=(len(month), 8))
    if change is not None:
        points[month >= change, 1] += size
    return points, month


def test_a_planted_change_is_found_in_its_month() -> None:
    found = ChangePoints(resamples=199).fit(*corpus(np.random.default_rng(0), change=10))
    assert found.change_points_.month.tolist() == [10]
    assert found.change_points_.p[0] == 1 / 200  # no exchange is as good
    assert found.segments_.tolist() == [0] * 10 + [1] * 14


def test_two_changes_are_found_the_larger_first() -> None:
    points, month = corpus(np.random.default_rng(0), change=8, size=2.0)
    points[month >= 16, 2] += 1.0
    found = ChangePoints(resamples=199).fit(points, month).change_points_
    assert found.month.tolist() == [8, 16]
    assert found.order.tolist() == [1, 2]


def test_without_a_change_one_is_found_at_the_stated_rate() -> None:
    """Also where the sentences of a month share an event, which would mislead a test that exchanges sentences."""
    random = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        points, month = corpus(random, months=12, a_month=6)
        events = random.normal(size=(12, 8))[month]
        found += len(ChangePoints(level=0.1, resamples=39).fit(points + events, month).change_points_) > 0
    # 200 trials of chance .1: 20 expected, outside of 8..33 in 1 of 300 such tests.
    assert 8 <= found <= 33


def test_the_gain_of_a_cut_is_the_weighted_sum_of_squares_it_takes_off() -> None:
    from course.drift import _best_cut

    random = np.random.default_rng(0)
    means, weight = random.normal(size=(7, 3)), random.integers(1, 9, 7).astype(float)

    def squares(rows: slice) -> float:
        middle = np.average(means[rows], axis=0, weights=weight[rows])
        return float((weight[rows, None] * (means[rows] - middle) ** 2).sum())

    whole = squares(slice(None))
    gains = {cut: whole - squares(slice(cut)) - squares(slice(cut, None)) for cut in range(2, 6)}
    gain, where = _best_cut((means * weight[:, None])[None], weight[None], 2)
    assert where[0] == max(gains, key=lambda cut: gains[cut])
    assert gain[0] == pytest.approx(max(gains.values()))


def test_months_without_sentences_do_not_hinder() -> None:
    points, month = corpus(np.random.default_rng(0), change=10)
    kept = ~np.isin(month, [3, 10])
    found = ChangePoints(resamples=99).fit(points[kept], month[kept])
    assert found.change_points_.month.tolist() == [11]
    assert len(found.months_) == 22


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"shortest": 13}, "24 months; to be cut they must be 26 at least"),
        ({"level": 0}, "level=0 must lie between 0 and 1"),
        ({"resamples": 9}, "9 resamples can give no p-value below 0.05"),
    ],
)
def test_settings_that_can_find_nothing_are_refused(options: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ChangePoints(**options).fit(*corpus(np.random.default_rng(0)))


def test_the_pair_of_months_that_moves_is_the_planted_one() -> None:
    points, month = corpus(np.random.default_rng(0), months=6)
    region = np.tile(["UK", "US"], len(month) // 2)
    points[(month == 4) & (region == "US"), 1] += 3
    table = moving_months(points, month, region, resamples=999)
    assert len(table) == 10
    assert {(row.region, row.first, row.second) for row in table.head(2).itertuples()} == {("US", 3, 4), ("US", 4, 5)}
    assert (table.q < 0.05).tolist() == [True] * 2 + [False] * 8


def test_a_yearly_season_is_no_move_from_year_to_year() -> None:
    points, month = corpus(np.random.default_rng(0), months=24)
    points[month % 12 >= 6, 1] += 3
    assert moving_months(points, month, resamples=499).q.min() < 0.05
    assert moving_months(points, month, apart=12, resamples=499).q.min() > 0.05


def test_one_event_told_ten_times_is_no_move() -> None:
    """Ten sentences of each day, and a day's own direction: two months of such days differ by chance."""
    by_sentence, by_day = [], []
    days = np.repeat(np.arange(12), 10)
    for seed in range(60):
        random = np.random.default_rng(seed)
        points = 3 * np.eye(8)[0] + random.normal(size=(12, 8))[days] + 0.1 * random.normal(size=(120, 8))
        by_sentence.append(moving_months(points, days >= 6, resamples=99).p[0] <= 0.05)
        by_day.append(moving_months(points, days >= 6, groups=days, resamples=99).p[0] <= 0.05)
    assert sum(by_sentence) > 40
    assert sum(by_day) <= 8  # 60 trials of chance .05: more in 1 of 200 such tests


def test_no_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="no two months 3 apart have 5 groups of sentences each"):
        moving_months(*corpus(np.random.default_rng(0), months=3), apart=3)


def test_the_sentences_that_moved_are_those_that_were_planted() -> None:
    points, month = corpus(np.random.default_rng(0), months=3)
    came = [41, 43, 45, 47, 49, 51]  # a third of month 2
    points[came, 1] += 20
    moved = moved_sentences(points, month, 1, 2, count=6)
    assert moved.month.tolist() == [1] * 6 + [2] * 6
    assert set(moved.row[6:]) == set(came)
    assert (moved.along[6:] > 1).all()


def test_a_mean_lies_at_minus_one_and_one() -> None:
    points, month = corpus(np.random.default_rng(0), months=2)
    everything = moved_sentences(points, month, 0, 1, count=20)
    means = everything.groupby("month").along.mean()
    assert means.to_dict() == {0: pytest.approx(-1.0), 1: pytest.approx(1.0)}


def test_a_month_without_sentences_cannot_have_moved() -> None:
    with pytest.raises(ValueError, match="no sentence of month 7; give two of the months 0 to 2"):
        moved_sentences(*corpus(np.random.default_rng(0), months=3), 1, 7)


def test_paths_step_where_the_step_was_planted_and_hardly_elsewhere() -> None:
    points, month = corpus(np.random.default_rng(0), months=8, a_month=60, change=4, size=2.0)
    paths = centroid_paths(points, month)
    steps = paths.table.set_index("month").step
    assert np.isnan(steps[0])
    assert steps.idxmax() == 4
    assert steps.drop([0, 4]).max() < steps[4] / 3
    assert paths.centroids.shape == (8, 8)
    assert paths.table.sentences.tolist() == [60] * 8
    # One direction holds the move; the others hold noise of sixtieths.
    assert paths.variance_shown > 0.8


def test_noise_alone_makes_no_steps_on_average() -> None:
    """Without the correction a mean of five sentences would step by about the root of 2/5 of their variance."""
    steps = [
        centroid_paths(*corpus(np.random.default_rng(seed), months=6, a_month=5)).table.step.dropna()
        for seed in range(20)
    ]
    assert np.median(np.concatenate(steps)) < 0.1


def test_regions_have_paths_of_their_own_and_windows_smooth_them() -> None:
    points, month = corpus(np.random.default_rng(0), months=7)
    region = np.tile(["UK", "US"], len(month) // 2)
    table = centroid_paths(points, month, region, window=3).table
    assert table.region.tolist() == ["UK"] * 7 + ["US"] * 7
    assert table.sentences.tolist() == [20, 30, 30, 30, 30, 30, 20] * 2
    assert table.step.isna().tolist() == [True] * 3 + [False] * 4 + [True] * 3 + [False] * 4


def test_rows_without_month_or_region_are_left_out() -> None:
    points, month = corpus(np.random.default_rng(0), months=3)
    month[:5] = -1
    region = np.array(["UK"] * 59 + [None], dtype=object)
    assert centroid_paths(points, month, region).table.sentences.tolist() == [15, 20, 19]
