import warnings
from typing import Any

import numpy as np
import pytest
from known_geometry import KnownEncoder, grid, rows

from spacetime.evaluation import decay
from spacetime.evaluation.context import pair_response, probes
from spacetime.evaluation.sampling import TooFewLabels, bootstrap_interval
from spacetime.months import MonthRange


def test_decay_gives_the_cosines_of_the_known_geometry() -> None:
    encoder = KnownEncoder()
    table = decay(encoder, grid(encoder), steps=[6, 24]).table
    total = 1 + 1 + 0.25
    expected = [
        (k, region, (1 + (1 - 2 * k / 59) + (0.25 if region == "same" else 0)) / total)
        for region in ("same", "other")
        for k in (0, 6, 24)
    ]
    assert list(zip(table["months_apart"], table["region"], strict=True)) == [(k, region) for k, region, _ in expected]
    np.testing.assert_allclose(table["cosine"], [cosine for *_, cosine in expected], atol=1e-6)
    # All sentences answer alike, so resampling them changes nothing.
    np.testing.assert_allclose(table["low"], table["high"], atol=1e-6)


def test_decay_metrics_of_the_known_geometry() -> None:
    encoder = KnownEncoder()
    metrics = decay(encoder, grid(encoder), max_sentences=50).metrics
    assert metrics["decay_falling_share"] == metrics["decay_falling_share_mean"] == 1.0
    assert metrics["decay_spearman"] == pytest.approx(-1.0)
    assert metrics["region_gap"] == pytest.approx(0.25 / 2.25, abs=1e-6)
    assert metrics["region_gap_low"] <= metrics["region_gap"] + 1e-9 and metrics["decay_sentences"] == 50


def test_an_encoder_without_context_shows_no_decay_and_no_region_gap() -> None:
    encoder = KnownEncoder(time=0.0, region=0.0)
    metrics = decay(encoder, grid(encoder), max_sentences=50).metrics
    assert metrics["decay_falling_share"] == metrics["decay_falling_share_mean"] == metrics["decay_spearman"] == 0.0
    assert metrics["region_gap"] == pytest.approx(0.0, abs=1e-6)


def test_a_month_is_moved_towards_the_farther_end_and_never_out_of_the_range() -> None:
    encoder = KnownEncoder(MonthRange("2020-01", "2020-05"))
    table = decay(encoder, grid(encoder), steps=[1, 2, 3, 4]).table
    same = table[table["region"] == "same"].set_index("months_apart")["sentences"]
    assert same.to_dict() == {0: 20, 1: 20, 2: 20, 3: 16, 4: 8}  # 4 regions: the middle month can't move by 3


def test_default_steps_fit_the_range() -> None:
    encoder = KnownEncoder(MonthRange("2020-01", "2020-08"))
    assert decay(encoder, grid(encoder)).table["months_apart"].unique().tolist() == [0, 1, 3, 6]


def test_decay_is_deterministic_and_the_seed_draws_other_sentences() -> None:
    encoder = KnownEncoder(meaning=1.0, time=0.3)
    data = grid(encoder)
    first, again = (decay(encoder, data, max_sentences=20, seed=1) for _ in range(2))
    assert first.metrics == again.metrics and first.table.equals(again.table)
    other = decay(encoder, data, max_sentences=20, seed=2).table
    assert other["sentences"].tolist() != first.table["sentences"].tolist()


def test_decay_without_another_region_leaves_the_gap_out() -> None:
    encoder = KnownEncoder(regions=["UK"])
    result = decay(encoder, grid(encoder))
    assert set(result.table["region"]) == {"same"} and "region_gap" not in result.metrics


def test_decay_with_one_month_is_refused() -> None:
    encoder = KnownEncoder(MonthRange("2020-01", "2020-01"))
    with pytest.raises(TooFewLabels, match="at least 2 months"):
        decay(encoder, grid(encoder))


@pytest.mark.parametrize(
    "data, options, message",
    [
        (rows(["a"]), {"steps": [60]}, "step 60 does not fit the encoder's 60 months; give steps from 1 to 59"),
        (rows(["a"]), {"steps": []}, "at least one step"),
        (rows(["a"]), {"max_sentences": 1}, "max_sentences must be a whole number of at least 2, not 1"),
        (rows([]), {}, "data set is empty"),
        (rows(["a"]).remove_columns("month"), {}, "no column 'month'; it has text, region"),
        (rows(["a", "b"], months=None), {}, "none of its 2 rows can be used; .*'missing_month': 2"),
        (rows(["a", None]), {}, "text 2 of 2 is None, not a string"),
        (rows(["a"], months="2022-01"), {}, "month '2022-01' is outside 2017-01..2021-12"),
        (rows(["a"], regions="Uk "), {}, "unknown region 'Uk '"),
    ],
)
def test_bad_input_to_decay_is_refused(data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decay(KnownEncoder(), data, **options)


def test_bootstrap_interval_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, size=(400, 1))
    low, high = bootstrap_interval(values, resamples=4000)
    # The normal interval has half-width 1.96 * 2 / sqrt(400) = 0.196; 4,000 resamples know it to a few per cent.
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)
    assert low[0] < values.mean() < high[0]


def test_bootstrap_interval_leaves_missing_values_out() -> None:
    low, high = bootstrap_interval([[1.0, np.nan], [1.0, 3.0], [1.0, 3.0]])
    assert low.tolist() == high.tolist() == [1.0, 3.0]


def test_pair_response_recovers_the_weights_of_the_known_geometry() -> None:
    encoder = KnownEncoder()
    metrics = pair_response(encoder, grid(encoder, "{number} word{number}"), max_sentences=100)
    total = 1 + 1 + 0.25
    assert metrics["response_meaning"] == pytest.approx(1 / total, abs=1e-5)
    assert metrics["response_year"] == pytest.approx(-2 * 12 / 59 / total, abs=1e-5)
    assert metrics["response_other_region"] == pytest.approx(-0.25 / total, abs=1e-5)
    assert metrics["response_r2"] == pytest.approx(1.0, abs=1e-5)


def test_pair_response_with_one_region_is_refused() -> None:
    data = rows(["a", "b", "c", "d"], ["2019-01", "2019-02", "2019-03", "2019-04"], "UK")
    with pytest.raises(TooFewLabels, match="the data set holds one region only in 4 usable rows"):
        pair_response(KnownEncoder(), data)


def test_probes_read_the_context_off_vectors_that_carry_it_and_not_off_text() -> None:
    encoder = KnownEncoder(MonthRange("2020-01", "2020-06"), time=3.0, region=3.0)
    data = grid(encoder, "the same words")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a solver that does not converge warns
        metrics = probes(encoder, data, data)
    assert metrics["probe_region_accuracy_context"] == metrics["probe_month_accuracy_context"] == 1.0
    assert metrics["probe_month_error_context"] == 0.0
    assert metrics["probe_region_accuracy_text"] == metrics["probe_region_chance"] == 0.25
    assert metrics["probe_month_accuracy_text"] == metrics["probe_month_chance"] == pytest.approx(1 / 6)
    assert metrics["probe_month_error_chance"] == 1.5  # months 0..5 from their median 2.5


@pytest.mark.parametrize("label, labels", [("region", {"regions": "UK"}), ("month", {"months": "2019-01"})])
def test_probes_need_two_labels_in_train(label: str, labels: dict[str, Any]) -> None:
    two = {"months": ["2019-01", "2019-02"], "regions": ["UK", "US"]} | labels
    with pytest.raises(TooFewLabels, match=f"train holds one {label} only"):
        probes(KnownEncoder(), rows(["a", "b"], **two), rows(["a"]))


def test_an_empty_test_set_is_named() -> None:
    encoder = KnownEncoder()
    with pytest.raises(ValueError, match="test is empty"):
        probes(encoder, grid(encoder), rows([]))
