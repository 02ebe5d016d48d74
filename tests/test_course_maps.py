"""Maps: true neighbours, what a map distorts, and the control made of labels alone."""

import warnings

import numpy as np
import pytest

from course.geometry import nearest, nearest_on_plane, principal_components, true_neighbours, unit_vectors
from course.maps import distortion, distortion_by, label_codes, neighbour_agreement, turned, umap_map

LINE = np.array([[0.0, 0], [1, 0], [2.1, 0], [3.3, 0], [4.6, 0]])  # each nearest to the one before it


def cloud(n: int = 60, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width))


def test_nearest_is_by_cosine_and_never_the_point_itself() -> None:
    # The third is long, but lies at the angle of the first.
    assert nearest([[1.0, 0.0], [1.0, 1.0], [50.0, -1.0]], k=1).ravel().tolist() == [2, 0, 0]


def test_equal_distances_are_ordered_by_row() -> None:
    assert nearest([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], k=2).tolist() == [[1, 2], [0, 2], [0, 1]]


def test_many_equal_sentences_are_ordered_by_row_in_space_and_on_the_plane() -> None:
    # More equals than the candidates that either search keeps beyond k.
    points = np.concatenate([np.tile([[0.6, 0.8]], (40, 1)), [[1.0, 0.0]]])
    expected = [[row for row in range(4) if row != point][:3] for point in range(40)]
    assert nearest(points, 3)[:40].tolist() == expected
    assert nearest_on_plane(points, 3)[:40].tolist() == expected


def test_neighbours_in_parts_are_those_of_the_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    from course import geometry

    points = cloud(50)
    monkeypatch.setattr(geometry, "parts", lambda count, size: [np.arange(a, min(a + 7, 50)) for a in range(0, 50, 7)])
    unit = unit_vectors(points)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    found = true_neighbours(points, 5)
    assert (found.rows == np.argsort(-cosine, axis=1)[:, :5]).all()
    np.testing.assert_allclose(found.cosines, -np.sort(-cosine, axis=1)[:, :5], atol=1e-12)  # float64 sums


def test_neighbours_on_the_plane_are_those_by_distance() -> None:
    plane = cloud(60, 2)
    assert (nearest_on_plane(plane, 5) == _by_distance(plane, 5)).all()


@pytest.mark.parametrize("k", [0, 3])
def test_too_few_or_too_many_neighbours_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"k={k} neighbours of 3 points: give k from 1 to 2"):
        nearest(np.eye(3), k)


def test_principal_components_keep_the_order_of_cosines() -> None:
    points = cloud()
    assert (nearest(points, 5) == _by_distance(principal_components(points, 8), 5)).all()


def test_principal_components_do_not_change_sign_with_the_rows() -> None:
    points = cloud()
    order = np.random.default_rng(1).permutation(len(points))
    # 1e-9: float64 sums in another order
    np.testing.assert_allclose(
        principal_components(points[order], 3), principal_components(points, 3)[order], atol=1e-9
    )


def test_a_faithful_map_keeps_all_neighbours() -> None:
    plane = unit_vectors(cloud(width=2))
    found = distortion(plane, plane, k=3)
    assert found["trustworthiness"] == found["neighbours_kept"] == 1.0


def test_trustworthiness_is_the_formula_on_five_points() -> None:
    # On the map the last point has moved beside the first: its true nearest is 3, the map shows 0.
    angle = LINE[:, 0] / 10
    true = np.column_stack([np.cos(angle), np.sin(angle)])
    plane = LINE.copy()
    plane[4, 0] = -0.5
    # Intruders: 4 for point 0 (true rank 4) and 0 for point 4 (true rank 4), each 3 ranks beyond k = 1.
    expected = 1 - 2 / (5 * 1 * (2 * 5 - 3 * 1 - 1)) * (3 + 3)
    found = distortion(true, plane, k=1)
    assert found["trustworthiness"] == pytest.approx(expected, abs=1e-12)
    assert found["neighbours_kept"] == pytest.approx(3 / 5)
    assert found["neighbours_kept_chance"] == 1 / 4


def test_trustworthiness_is_scikit_learns() -> None:
    from sklearn.manifold import trustworthiness

    true, plane = unit_vectors(cloud()), cloud(width=2, seed=1)
    assert distortion(true, plane, k=7)["trustworthiness"] == pytest.approx(trustworthiness(true, plane, n_neighbors=7))


def test_distortion_of_regions_averages_to_that_of_the_map() -> None:
    regions = np.repeat(["UK", "US", "AUS"], [10, 20, 30])
    table = distortion_by(cloud(), cloud(width=2, seed=1), {"region": regions}, k=5)
    assert table.points.to_dict() == {
        ("all", "all"): 60,
        ("region", "AUS"): 30,
        ("region", "UK"): 10,
        ("region", "US"): 20,
    }
    for measure in ("trustworthiness", "neighbours_kept"):
        values = table[measure].to_numpy()
        assert np.average(values[1:], weights=[30, 10, 20]) == pytest.approx(values[0])
        assert distortion(cloud(), cloud(width=2, seed=1), k=5)[measure] == pytest.approx(values[0])


def test_a_torn_region_is_told_from_a_kept_one() -> None:
    plane = unit_vectors(cloud(80, 2)) * np.linspace(1, 2, 80)[:, None]
    flat = unit_vectors(plane).copy()
    flat[:40] = cloud(40, 2, seed=3)  # these are thrown anywhere
    table = distortion_by(plane, flat, {"region": ["torn"] * 40 + ["kept"] * 40}, k=5)
    assert table.neighbours_kept["region", "torn"] < table.neighbours_kept["region", "kept"] - 0.2


def test_missing_labels_are_left_out_of_distortion_by() -> None:
    table = distortion_by(cloud(), cloud(width=2), {"month": [-1] * 20 + [3] * 40}, k=5)
    assert table.points.to_dict() == {("all", "all"): 60, ("month", 3): 40}


def test_a_turned_map_lies_on_the_other_where_they_differ_by_a_turn() -> None:
    plane = cloud(20, 2)
    angle = 0.7
    other = plane @ [[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]] + 5  # turned, mirrored and moved
    # turned() keeps the middle at nought; float64 rounding of a 2 x 2 product
    np.testing.assert_allclose(turned(plane, other), other - other.mean(axis=0), atol=1e-12)


def test_distortion_needs_a_coordinate_for_each_embedding() -> None:
    with pytest.raises(ValueError, match="60 embeddings and 59 coordinates"):
        distortion(cloud(), cloud(59, 2), k=3)


def test_agreement_counts_equal_labels_of_neighbours_against_all_others() -> None:
    share, chance = neighbour_agreement(np.array([[1], [0], [3], [0]]), ["UK", "UK", "US", "US"])
    assert share == pytest.approx(3 / 4)  # only the last one's neighbour is not its like
    assert chance == pytest.approx(1 / 3)


def test_agreement_within_months() -> None:
    neighbours = np.array([[1], [0], [1]])
    assert neighbour_agreement(neighbours, [0, 3, 7], within=3) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


@pytest.mark.parametrize("labels", [["UK", "UK", None], [0, 0, -1], [0.0, 0.0, np.nan]])
def test_an_unknown_label_is_neither_asked_nor_counted(labels: list) -> None:
    neighbours = np.array([[1, 2], [2, 0], [0, 1]])
    assert neighbour_agreement(neighbours, labels) == (1.0, 1.0)


def test_agreement_is_that_of_the_whole_table() -> None:
    random = np.random.default_rng(0)
    months = random.integers(-1, 12, 40)
    neighbours = nearest(cloud(40), 4)
    known = months >= 0
    alike = (np.abs(months[:, None] - months) <= 2) & known & known[:, None]
    np.fill_diagonal(alike, False)
    asked = [row for row in np.flatnonzero(known) if known[neighbours[row]].any()]
    share = np.mean([alike[row, neighbours[row]].sum() / known[neighbours[row]].sum() for row in asked])
    chance = np.mean([alike[row].sum() / (known.sum() - 1) for row in asked])
    assert neighbour_agreement(neighbours, months, within=2) == (pytest.approx(share), pytest.approx(chance))


def test_agreement_without_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 3 labels are known"):
        neighbour_agreement(np.array([[1], [0], [1]]), ["UK", None, None])


def test_label_codes_have_the_cosines_they_promise() -> None:
    codes = label_codes([0, 12, 24, 24], [0, 0, 0, 2], month_weight=0.5)
    cosine = codes @ codes.T
    assert cosine.diagonal() == pytest.approx(np.ones(4))
    # 12 of 24 months apart is a right angle, the ends are opposite, another region has no part left.
    assert cosine[0].tolist() == pytest.approx([1.0, 0.5, 0.0, -0.5])


def test_label_codes_refuse_missing_labels() -> None:
    with pytest.raises(ValueError, match="missing"):
        label_codes([0, -1], [0, 1])


def test_vectors_that_are_not_numbers_are_refused() -> None:
    points = cloud(5)
    points[2, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 5 vectors hold NaN"):
        umap_map(points, seed=0, neighbours=2)


def test_a_map_needs_more_points_than_neighbours() -> None:
    with pytest.raises(ValueError, match="neighbours=15 for 10 points"):
        umap_map(cloud(10), seed=0)


@pytest.mark.slow
def test_repeated_sentences_have_one_map_too() -> None:
    """UMAP's own search for neighbours gives another map each time where sentences are repeated (umap issue 1277)."""
    points = np.repeat(cloud(30), 20, axis=0)
    first = umap_map(points, seed=1, neighbours=10, epochs=30)
    assert first.shape == (600, 2)
    assert (first == umap_map(points, seed=1, neighbours=10, epochs=30)).all()


@pytest.mark.slow
def test_one_seed_gives_one_map_without_a_warning() -> None:
    """And the map keeps two far groups apart."""
    points = np.concatenate([cloud(40) * 0.1 + 1, cloud(40, seed=1) * 0.1 - 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=ImportWarning)  # UMAP says that it found no Tensorflow
        first = umap_map(points, seed=3, neighbours=10, epochs=50)
        again = umap_map(points, seed=3, neighbours=10, epochs=50)
    assert first.shape == (80, 2)
    assert (first == again).all()
    assert neighbour_agreement(_by_distance(first, 5), np.repeat([0, 1], 40)).share == 1.0


def _by_distance(points: np.ndarray, k: int) -> np.ndarray:
    distance = ((points[:, None] - points) ** 2).sum(-1)
    np.fill_diagonal(distance, np.inf)
    return distance.argsort(axis=1)[:, :k]
