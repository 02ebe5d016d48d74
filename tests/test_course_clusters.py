"""Clusters: the number of them, and their names."""

import numpy as np
import pytest

from course.clusters import StableKMeans, class_tfidf, cluster_names, density_clusters


def groups(count: int = 3, size: int = 30, spread: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points around the corners of a simplex, and which corner each belongs to."""
    noise = np.random.default_rng(seed).normal(scale=spread, size=(count * size, 5))
    return np.repeat(np.eye(5)[:count], size, axis=0) + noise, np.repeat(np.arange(count), size)


def test_the_number_of_clusters_is_the_one_that_is_there() -> None:
    points, truth = groups(4)
    found = StableKMeans(range(2, 8), resamples=4).fit(points)
    assert found.n_clusters_ == 4
    assert len({*zip(found.labels_, truth, strict=True)}) == 4


def test_the_same_seed_gives_the_same_clusters() -> None:
    points, _ = groups(spread=0.6)
    first, again = (StableKMeans((2, 3), resamples=3, seed=5).fit(points) for _ in range(2))
    assert (first.labels_ == again.labels_).all()
    assert first.stability_.equals(again.stability_)


def test_clusters_are_numbered_by_size() -> None:
    points = np.concatenate([groups(1, 10)[0], groups(2, 40)[0][40:]])
    found = StableKMeans((2,), resamples=2).fit(points)
    assert found.labels_.tolist() == [1] * 10 + [0] * 40
    assert found.cluster_centers_[0].argmax() == 1


def test_a_map_is_not_clustered() -> None:
    plane = groups()[0][:, :2]
    for fit in (StableKMeans((2,)).fit, density_clusters):
        with pytest.raises(ValueError, match="points of 2 dimensions look like a map"):
            fit(plane)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"ks": (1, 2)}, "each at least 2"),
        ({"ks": (2, 80)}, "k=80 clusters of 72 points"),
        ({"share": 0.3}, "share=0.3 must lie between 0.5 and 1"),
        ({"resamples": 1}, "resamples=1 be at least 2"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        StableKMeans(**options).fit(groups()[0])


def test_density_clusters_leave_lonely_points_as_noise() -> None:
    points, _ = groups(2)
    labels = density_clusters(np.concatenate([points, [[9.0] * 5]]), min_size=10).labels_
    assert labels[-1] == -1
    assert len({*labels[:30]} - {-1}) == len({*labels[30:60]} - {-1}) == 1


def test_class_tfidf_is_the_formula_on_three_words() -> None:
    weights, words, ids = class_tfidf(["snow ice snow", "ice rates"], [0, 1])
    # 3 and 2 words: 2.5 a cluster.  snow is found 2 times in all, ice 2, rates 1.
    expected = [
        [1 / 3 * np.log(1 + 2.5 / 2), 0, 2 / 3 * np.log(1 + 2.5 / 2)],
        [0.5 * np.log(2.25), 0.5 * np.log(3.5), 0],
    ]
    assert words.tolist() == ["ice", "rates", "snow"]
    assert ids.tolist() == [0, 1]
    np.testing.assert_allclose(weights, expected, rtol=1e-12)  # the same few float64 operations


def test_noise_and_numbers_name_no_cluster() -> None:
    assert cluster_names(["12 degrees", "rates 12", "fog"], [0, 1, -1], words=2) == {
        0: "degrees, rates",  # a word of weight 0 fills the name when there is no other
        1: "rates, degrees",
    }


def test_only_noise_has_no_names() -> None:
    with pytest.raises(ValueError, match="all 2 texts are noise"):
        cluster_names(["a word", "another"], [-1, -1])
