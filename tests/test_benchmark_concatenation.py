"""Promises of `benchmarks.concatenation`: glued codes cut to few dimensions, and weights chosen on validation data."""

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from test_course_baselines import KNOWN, TEXTS, TextOnly, cosines

from benchmarks.concatenation import TunedConcatenation
from course.baselines import ConcatenatedEncoder


def test_cut_vectors_are_the_projection_on_the_leading_principal_directions() -> None:
    sentences = [f"word{i} word{i % 7} word{i % 3}" for i in range(40)]
    context = ([f"20{17 + i % 5}-0{1 + i % 9}" for i in range(40)], [list(KNOWN["regions"])[i % 4] for i in range(40)])
    cut = TunedConcatenation(TextOnly(), **KNOWN, size=6).fit(sentences, *context)
    whole = ConcatenatedEncoder(TextOnly(), **KNOWN).encode(sentences, *context)
    expected = TruncatedSVD(6, algorithm="arpack", random_state=0).fit_transform(whole)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    got = cut.encode(sentences, *context)
    assert got.shape == (40, 6)
    np.testing.assert_allclose(cosines(got), cosines(expected), atol=1e-5)  # float32 vectors, 6 of 512 directions


def test_a_cut_encoder_asks_to_be_fitted() -> None:
    with pytest.raises(ValueError, match="call fit"):
        TunedConcatenation(TextOnly(), **KNOWN, size=3).encode(TEXTS)
    with pytest.raises(ValueError, match="size 384 is more than 4 sentences"):
        TunedConcatenation(TextOnly(), **KNOWN, size=384).fit(TEXTS)
    with pytest.raises(ValueError, match="nothing to fit"):
        TunedConcatenation(TextOnly(), **KNOWN).fit(TEXTS)


def test_tuning_takes_the_best_point_encodes_once_and_keeps_the_table() -> None:
    read = TextOnly()
    encoder = TunedConcatenation(read, **KNOWN)

    def score(tried: TunedConcatenation) -> float:
        tried.encode(TEXTS, "2017-01", "UK")
        return -abs(tried.time_weight - 0.1) - abs(tried.region_weight - 0.3)

    assert encoder.tune(score, [(0.0, 0.0), (0.1, 0.3), (0.2, 0.2)]) is encoder
    assert (encoder.time_weight, encoder.region_weight) == (0.1, 0.3)
    assert encoder.meaning_weight == pytest.approx(0.6)
    assert encoder.tuned_["score"].tolist() == pytest.approx([-0.4, 0.0, -0.2])
    assert read.read == TEXTS and encoder.encoder is read


def test_tuning_a_cut_encoder_leaves_it_fitted_for_its_weights() -> None:
    fit_on = (TEXTS, ["2017-01", "2018-01", "2019-01", "2020-01"], ["UK", "US", "AUS", "CAN"])
    tuned = TunedConcatenation(TextOnly(), **KNOWN, size=3)
    tuned.tune(lambda tried: tried.time_weight, [(0.3, 0.1), (0.0, 0.0)], fit_on=fit_on)
    fresh = TunedConcatenation(TextOnly(), **KNOWN, size=3, meaning_weight=0.6, time_weight=0.3, region_weight=0.1).fit(
        *fit_on
    )
    np.testing.assert_allclose(cosines(tuned.encode(*fit_on)), cosines(fresh.encode(*fit_on)), atol=1e-6)
    with pytest.raises(ValueError, match="fit_on"):
        tuned.tune(lambda tried: 0.0)
