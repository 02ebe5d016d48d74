"""Topics: what clusters have to do with month and region, and how topics appear, end and move."""

import numpy as np
import pytest
from test_course_clusters import groups

from course.maps import label_codes
from course.topics import compare_spaces, label_agreement, over_representation, share_explained, topic_lives


def test_label_agreement_is_near_zero_for_a_label_by_lot() -> None:
    points, truth = groups(3, 60)
    lot = np.random.default_rng(0).integers(0, 3, len(truth))
    found = label_agreement(points, truth, {"truth": truth, "lot": lot})
    assert found.ami.truth == pytest.approx(1.0)
    assert abs(found.ami.lot) < 0.05  # chance-corrected: 0 but for the draw
    assert found.silhouette.truth > 0.5 > 0.05 > found.silhouette.lot


def test_noise_and_unknown_labels_are_left_out_of_agreement() -> None:
    points, truth = groups(2, 10)
    clusters, label = truth.copy(), truth.astype(object)
    clusters[0], label[11] = -1, None
    assert label_agreement(points, clusters, {"label": label}).ami.label == pytest.approx(1.0)


def test_a_label_with_one_value_is_refused() -> None:
    points, truth = groups(2, 10)
    with pytest.raises(ValueError, match="label 'same' has 1 values on 20 points"):
        label_agreement(points, truth, {"same": np.zeros(20)})


def test_residuals_are_the_formula_on_a_table_of_two_by_two() -> None:
    clusters = [0] * 40 + [1] * 60
    labels = ["UK"] * 30 + ["US"] * 10 + ["UK"] * 20 + ["US"] * 40
    table = over_representation(clusters, labels)
    assert table["count"].tolist() == [30, 10, 20, 40]
    assert table.expected.tolist() == pytest.approx([20, 20, 30, 30])
    assert table.residual.tolist() == pytest.approx(np.array([1, -1, -1, 1]) * 10 / np.sqrt(20 * 0.6 * 0.5))


def test_p_values_are_fishers_exact_ones_corrected_by_benjamini_and_hochberg() -> None:
    from scipy.stats import false_discovery_control, fisher_exact

    clusters = np.repeat([0, 0, 1, 1], [7, 2, 3, 8])
    labels = np.repeat(["UK", "US", "UK", "US"], [7, 2, 3, 8])
    table = over_representation(clusters, labels)
    one_sided = fisher_exact([[7, 2], [3, 8]], alternative="greater").pvalue
    assert table.p[0] == pytest.approx(2 * one_sided)
    assert table.q.tolist() == pytest.approx(false_discovery_control(table.p).tolist())


def planted(random: np.random.Generator, size: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Clusters by lot, of which the third holds the fourth region far more often than the others do."""
    clusters = random.integers(0, 5, size)
    regions = np.where((clusters == 2) & (random.random(size) < 0.6), 3, random.integers(0, 4, size))
    return clusters, regions


def test_planted_over_representation_is_found_and_nothing_else() -> None:
    table = over_representation(*planted(np.random.default_rng(0)))
    found = table[(table.q < 0.05) & (table.residual > 0)]
    assert [*zip(found.cluster, found.label, strict=True)] == [(2, 3)]


def test_labels_by_lot_are_seldom_over_represented() -> None:
    random = np.random.default_rng(0)
    tables = [over_representation(random.integers(0, 5, 200), random.integers(0, 4, 200)) for _ in range(100)]
    # The chance of any cell below .05 is 5 % at most; 12 of 100 or more would come in 1 of 200 such tests.
    assert sum((table.q < 0.05).any() for table in tables) < 12


def test_sentences_of_one_day_count_as_one() -> None:
    """A day's event makes ten like sentences: by themselves they mark cells, whole days exchanged do not."""
    random = np.random.default_rng(1)
    days = np.repeat(np.arange(40), 10)
    clusters, months = np.repeat(random.integers(0, 4, 40), 10), np.repeat(random.integers(0, 4, 40), 10)
    by_sentence = over_representation(clusters, months)
    by_day = over_representation(clusters, months, groups=days, resamples=999)
    assert (by_sentence.q < 0.05).sum() >= 4
    assert not (by_day.q < 0.05).any()
    assert by_day["count"].equals(by_sentence["count"])


def test_a_planted_cell_is_found_by_whole_days_too() -> None:
    clusters, regions = planted(np.random.default_rng(0), 300)
    table = over_representation(clusters, regions, groups=np.arange(300), resamples=2999)
    found = table[(table.q < 0.05) & (table.residual > 0)]
    assert [*zip(found.cluster, found.label, strict=True)] == [(2, 3)]
    plain = over_representation(clusters, regions)
    # 2,999 exchanges: the mean of a count is off by less than a tenth of its spread of about 4
    np.testing.assert_allclose(table.expected, plain.expected, atol=0.4)


def test_a_group_with_two_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="groups with more than one label: 1 points differ"):
        over_representation([0, 0, 1, 1], ["UK", "US", "US", "US"], groups=["monday", "monday", "tuesday", "friday"])


def topics(random: np.random.Generator, months: int = 24, a_month: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Topic 0 at all times, topic 1 from the middle on, topic 2 until the middle, topic 3 at all times."""
    month = np.repeat(np.arange(months), a_month)
    late = month >= months // 2
    topic = np.where(
        random.random(len(month)) < 0.3, np.where(late, 1, 2), np.where(random.random(len(month)) < 0.5, 0, 3)
    )
    return topic, month


def test_topics_that_appear_and_end_are_told_from_those_that_stay() -> None:
    lives = topic_lives(*topics(np.random.default_rng(0)))
    assert lives.appears.to_dict() == {0: False, 1: True, 2: False, 3: False}
    assert lives.ends.to_dict() == {0: False, 1: False, 2: True, 3: False}
    assert lives.loc[1, "first"] == 12
    assert lives.loc[2, "last"] == 11
    assert lives.moved.isna().all()


def test_a_topic_that_moves_is_told_from_those_that_do_not() -> None:
    random = np.random.default_rng(0)
    topic, month = topics(random)
    points = np.eye(6)[topic] + random.normal(scale=0.3, size=(len(topic), 6))
    points[topic == 3, 5] += month[topic == 3] / 24  # half a unit between the middles of its halves
    lives = topic_lives(topic, month, points, resamples=499)
    assert lives.moves.to_dict() == {0: False, 1: False, 2: False, 3: True}
    assert lives.moved[3] == pytest.approx(0.5, abs=0.1)  # its halves hold about 50 points of spread 0.3


def test_a_topic_of_one_day_is_one_observation() -> None:
    """Twenty sentences of one day, the last: no topic that appears, for one day in the last month is nothing."""
    topic, month = np.repeat([0, 1], [240, 20]), np.concatenate([np.repeat(np.arange(12), 20), np.full(20, 11)])
    days = np.concatenate([np.repeat(np.arange(48), 5), np.full(20, 48)])
    assert topic_lives(topic, month).appears[1]
    assert not topic_lives(topic, month, groups=days).appears[1]


def test_noise_and_undated_sentences_have_no_life() -> None:
    lives = topic_lives([0, 0, -1, 1, 1], [3, -1, 0, 3, 4])
    assert lives.sentences.to_dict() == {0: 1, 1: 2}
    with pytest.raises(ValueError, match="none of 2 points has both a cluster and a month"):
        topic_lives([0, -1], [-1, 3])


def test_two_models_stand_in_one_table() -> None:
    points, truth = groups(3, 40)
    lot = np.random.default_rng(0).integers(0, 3, len(truth))
    told = points + 5 * np.eye(5)[lot]
    table = compare_spaces(
        {"plain": points, "told": told}, {"plain": truth, "told": lot}, {"topic": truth, "region": lot}
    )
    assert table.clusters.to_dict() == {"plain": 3, "told": 3}
    assert table.ami_topic["plain"] == table.ami_region["told"] == pytest.approx(1.0)
    assert table.silhouette["plain"] == pytest.approx(table.silhouette_topic["plain"])
    assert table.silhouette_region["told"] > 0.5 > 0.1 > table.silhouette_region["plain"]


def test_models_and_clusters_have_the_same_names() -> None:
    points, truth = groups()
    with pytest.raises(ValueError, match="spaces of plain and clusters of told; give the same names"):
        compare_spaces({"plain": points}, {"told": truth}, {"topic": truth})


def test_one_cluster_has_no_table() -> None:
    with pytest.raises(ValueError, match="a table of 1 clusters and 2 labels"):
        over_representation([0, 0, -1], ["UK", "US", "US"])


def test_share_explained_is_one_for_codes_and_near_none_for_noise() -> None:
    codes = label_codes(np.arange(60) % 12, np.arange(60) % 4)
    noise = np.random.default_rng(0).normal(size=(60, 8))
    assert share_explained(codes, codes) == pytest.approx(1.0)
    assert share_explained(noise, codes) < 0.25  # 6 features of 60 rows fit a tenth of pure noise
