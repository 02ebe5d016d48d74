import re
from typing import Any

import numpy as np
import pytest
from known_geometry import KnownEncoder, grid, rows

from spacetime.evaluation import location_scores
from spacetime.evaluation.location import TfidfLocator, locate_metrics
from spacetime.evaluation.sampling import TooFewLabels
from spacetime.months import MonthRange

SHORT = MonthRange("2020-01", "2020-06")


def test_scores_by_hand() -> None:
    months = [[0.5, 0.2, 0.3], [0.4, 0.15, 0.45], [0.0, 1.0, 0.0]]
    regions = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]
    scores = location_scores(months, regions, [0, 1, -1], [0, 1, 0])
    assert scores == pytest.approx(
        {
            "region_accuracy": 1 / 3,
            "region_accuracy_macro": (1 / 2 + 0) / 2,  # region 0: one of two found; region 1: none of one
            # sure and right 0.9/1, sure and wrong 0.6/0 and 0.8/0, one bin each
            "region_calibration": (0.1 + 0.6 + 0.8) / 3,
            "month_accuracy": 1 / 2,
            "month_error": 1 / 2,  # most probable months 0 and 2
            "month_error_median": 0.0,  # medians 0 and 1
            "month_calibration": (0.5 + 0.45) / 2,
        }
    )


def test_a_label_without_rows_has_no_scores() -> None:
    assert not [key for key in location_scores([[1.0]], [[1.0]], [-1], [0]) if key.startswith("month")]


def test_locate_metrics_score_encoder_baseline_and_majority_on_the_same_rows() -> None:
    encoder = KnownEncoder(SHORT)
    data = grid(encoder, "clue{number} {month} {region}")  # the encoder reads both; so can words, if they were seen
    metrics = locate_metrics(encoder, data, data)
    assert metrics["locate_region_accuracy"] == metrics["locate_month_accuracy"] == 1.0
    assert metrics["locate_month_error"] == metrics["locate_month_error_median"] == 0.0
    assert metrics["tfidf_region_accuracy"] == metrics["tfidf_month_accuracy"] == 1.0
    assert metrics["majority_region_accuracy"] == metrics["majority_region_accuracy_macro"] == 0.25
    assert metrics["majority_month_accuracy"] == pytest.approx(1 / 6)
    assert metrics["test_region_rows"] == metrics["test_month_rows"] == metrics["train_rows"] == 24


def test_macro_accuracy_counts_small_regions_as_much_as_big_ones() -> None:
    encoder = KnownEncoder(SHORT)
    data = rows(["plain"] * 10, ["2020-01", "2020-02"] * 5, ["US"] * 9 + ["UK"])
    metrics = locate_metrics(encoder, data, data)
    assert metrics["majority_region_accuracy"] == 0.9
    assert metrics["majority_region_accuracy_macro"] == 0.5


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    encoder = KnownEncoder(SHORT)
    test = rows(["2020-03 UK", "2020-03", "UK", "?"], ["2020-03", "2020-03", None, None], ["UK", None, "UK", None])
    metrics = locate_metrics(encoder, grid(encoder), test)
    assert metrics["test_month_rows"] == metrics["test_region_rows"] == 2
    assert metrics["test_missing_month"] == metrics["test_missing_region"] == 2
    assert metrics["locate_month_accuracy"] == metrics["locate_region_accuracy"] == 1.0


def test_mask_hides_give_aways_from_encoder_and_baseline() -> None:
    encoder = KnownEncoder(SHORT)
    data = grid(encoder, "{month} {region}")
    metrics = locate_metrics(encoder, data, data, mask=lambda text: re.sub(r"(UK|US|AUS|CAN)$", "place", text))
    assert metrics["locate_region_accuracy"] == metrics["tfidf_region_accuracy"] == 0.25
    assert metrics["locate_month_accuracy"] == 1.0


@pytest.mark.parametrize("yes, no", [(True, False), ("True", "False"), ("1", ""), (1, None)])
def test_exclude_leaves_give_aways_out_of_the_test(yes: Any, no: Any) -> None:
    encoder = KnownEncoder(SHORT)
    test = rows(["UK", "rain", "rain"], "2020-01", "UK", names_place=[yes, no, no], names_month=[no, no, no])
    metrics = locate_metrics(encoder, grid(encoder), test, exclude=["names_place", "names_month"])
    assert metrics["test_region_rows"] == 2 and metrics["test_excluded"] == 1


def test_a_column_to_exclude_by_must_hold_yes_and_no() -> None:
    test = rows(["a"], kind=["holiday"])
    with pytest.raises(ValueError, match="column 'kind' holds 'holiday'; .* true/false"):
        locate_metrics(KnownEncoder(), grid(KnownEncoder()), test, exclude="kind")


def test_months_unseen_in_training_get_no_probability_from_the_baseline() -> None:
    baseline = TfidfLocator(6, 2).fit(["rain sun", "snow ice"], np.array([1, 4]), np.array([0, 1]))
    months, regions = baseline.locate(["rain", "snow"])
    assert months.shape == (2, 6) and np.flatnonzero(months.sum(axis=0)).tolist() == [1, 4]
    np.testing.assert_allclose(months.sum(axis=1), 1, atol=1e-6)
    assert regions.argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize(
    "train, message",
    [
        (rows(["a b", "b c"], ["2019-01", "2019-02"], "UK"), "train holds fewer than two regions in 2 rows"),
        (rows(["a b", "b c"], "2019-01", ["UK", "US"]), "train holds fewer than two months in 2 rows"),
    ],
)
def test_a_train_set_with_one_label_is_refused(train: Any, message: str) -> None:
    with pytest.raises(TooFewLabels, match=message):
        locate_metrics(KnownEncoder(), train, rows(["a"]))


@pytest.mark.parametrize(
    "test, message",
    [
        (rows([]), "test is empty"),
        (rows(["a"]).remove_columns("region"), "test has no column 'region'"),
        (rows(["a"], months=None, regions=None), "test: none of its 1 rows can be used"),
        (rows(["a"], months=[float("nan")], regions=None), "test: none of its 1 rows can be used"),
    ],
)
def test_a_bad_test_set_is_refused(test: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        locate_metrics(KnownEncoder(), grid(KnownEncoder()), test)


def test_the_cap_on_test_rows_does_not_weaken_the_baseline() -> None:
    encoder = KnownEncoder(SHORT)
    metrics = locate_metrics(encoder, grid(encoder), grid(encoder), max_sentences=5)
    assert metrics["test_month_rows"] == 5 and metrics["train_rows"] == 24
