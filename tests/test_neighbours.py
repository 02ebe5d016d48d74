"""Near neighbours by an index: nearly those that comparing each with each finds, and never a row itself."""

import sys

import numpy as np
import pytest

from course import geometry
from course.geometry import near_neighbours, true_neighbours
from spacetime.cli import _one_line
from spacetime.neighbours import inverted_file, near_others


def cloud(count: int, width: int = 16, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(count, width))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_the_index_finds_most_of_the_true_neighbours_and_no_row_itself() -> None:
    points, rows = cloud(3000), np.arange(0, 3000, 3)
    index = inverted_file(points)
    found = near_others(index, points, rows, 5)
    true = true_neighbours(points, 5).rows[rows]
    assert not (found == rows[:, None]).any()
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(found, true, strict=True)]) > 0.5  # 8 of 109 lists
    index.nprobe = index.nlist
    all_lists = near_others(index, points, rows, 5)
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(all_lists, true, strict=True)]) > 0.95  # a byte a number


def test_an_index_of_some_rows_finds_only_these_by_their_numbers() -> None:
    points = cloud(1000).astype(np.float16)
    some = np.arange(500, 1000, 2)
    index = inverted_file(points, some)
    found = index.search(points[some[:3]].astype(np.float32), 4)[1]
    assert set(found.ravel()) <= {*some, -1}
    assert found[:, 0].tolist() == some[:3].tolist()


def test_a_row_whose_lists_hold_too_few_names_itself_last() -> None:
    points = np.concatenate([cloud(400), -np.ones((1, 16), np.float32) / 4])
    index = inverted_file(points)
    index.nprobe = 1
    found = near_others(index, points, np.array([400]), 300)
    assert found[0, -1] == 400
    assert found[0, 0] != 400


def test_many_points_have_the_neighbours_that_comparing_all_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    points, k = cloud(3000), 6
    true = true_neighbours(points, k)
    assert np.array_equal(near_neighbours(points, k).rows, true.rows)  # few enough to compare each with each
    monkeypatch.setattr(geometry, "EXACT_ROWS", 1000)
    found = near_neighbours(points, k)
    assert np.mean([len(set(a) & set(b)) / k for a, b in zip(found.rows, true.rows, strict=True)]) > 0.9
    assert not (found.rows == np.arange(3000)[:, None]).any()
    assert (np.diff(found.cosines, axis=1) <= 0).all()
    unit = geometry.unit_vectors(points)
    np.testing.assert_allclose(found.cosines[:, 0], (unit[found.rows[:, 0]] * unit).sum(1), atol=1e-12)


def test_points_whose_lists_hold_too_few_are_compared_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "EXACT_ROWS", 100)
    monkeypatch.setattr(geometry, "MAP_PROBES", 1)
    points, k = cloud(600), 40  # some of the 48 lists hold fewer
    found, true = near_neighbours(points, k), true_neighbours(points, k)
    assert not (found.rows == np.arange(600)[:, None]).any()
    compared = (np.sort(found.rows, axis=1) == np.sort(true.rows, axis=1)).all(axis=1)
    assert compared.mean() > 0.5


def test_without_faiss_only_many_points_are_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    points = cloud(300)
    assert near_neighbours(points, 3).rows.shape == (300, 3)
    monkeypatch.setattr(geometry, "EXACT_ROWS", 100)
    with pytest.raises(ImportError, match=r'faiss, which is not .*; run: pip install "spacetime-minilm\[large\]"'):
        near_neighbours(points, 3)


def test_the_command_line_says_so_in_one_line_without_a_kind_of_error() -> None:
    told = ImportError('it is not installed; run: pip install "spacetime-minilm[large]"')
    assert _one_line(told, None) == str(told)
    assert _one_line(ImportError("cannot import name 'x'", name="y"), None).startswith("ImportError: cannot")


def test_components_of_many_points_are_those_of_the_full_way(monkeypatch: pytest.MonkeyPatch) -> None:
    points = cloud(500)
    few = geometry.principal_components(points, 4)
    monkeypatch.setattr(geometry, "EXACT_ROWS", 100)
    np.testing.assert_allclose(geometry.principal_components(points, 4), few, atol=1e-9)
