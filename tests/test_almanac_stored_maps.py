"""Stored maps: the stored one where the key fits, a computed one where it doesn't."""

from pathlib import Path

import numpy as np
import pytest

from data_samples.almanac import stored_maps as stored
from data_samples.almanac.stored_maps import STORED, map_key, save_maps, stored_map


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the maps that are computed, and computes them at once."""
    calls: list[int] = []

    def quick(points: np.ndarray, **settings: float) -> np.ndarray:
        calls.append(len(points))
        return points[:, :2]

    monkeypatch.setattr(stored, "umap_map", quick)
    return calls


def test_a_key_that_fits_gives_the_stored_map(tmp_path: Path, computed: list[int]) -> None:
    plane = np.arange(10.0).reshape(5, 2)
    save_maps({"a": plane}, tmp_path / "maps.npz")
    found = stored_map("a", np.eye(5), tmp_path / "maps.npz")
    assert found.stored
    assert (found.coordinates == plane).all()
    assert computed == []


def test_some_rows_of_a_stored_map_are_those_rows(tmp_path: Path, computed: list[int]) -> None:
    plane = np.arange(10.0).reshape(5, 2)
    save_maps({"a": plane}, tmp_path / "maps.npz")
    found = stored_map("a", np.eye(2), tmp_path / "maps.npz", rows=[4, 1])
    assert found.stored and (found.coordinates == plane[[4, 1]]).all() and computed == []
    with pytest.raises(ValueError, match="a map of 2 points for these 3 embeddings"):
        stored_map("a", np.eye(3), tmp_path / "maps.npz", rows=[4, 1])


@pytest.mark.parametrize("there", [True, False])
def test_another_key_or_no_file_gives_a_computed_map(tmp_path: Path, computed: list[int], there: bool) -> None:
    if there:
        save_maps({"a": np.zeros((5, 2))}, tmp_path / "maps.npz")
    assert not stored_map("b", np.eye(5), tmp_path / "maps.npz").stored
    assert computed == [5]


def test_a_map_of_other_points_is_an_error(tmp_path: Path) -> None:
    save_maps({"a": np.zeros((5, 2))}, tmp_path / "maps.npz")
    with pytest.raises(ValueError, match="maps.npz holds a map of 5 points for these 4 embeddings"):
        stored_map("a", np.eye(4), tmp_path / "maps.npz")


def test_equal_maps_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("first", "again"):
        save_maps({"b": np.ones((3, 2)), "a": np.zeros((3, 2))}, tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()


class Weights:
    """As much of an encoder as a key looks at."""

    def __init__(self, value: float) -> None:
        import torch

        self.model = torch.nn.Linear(2, 1)
        torch.nn.init.constant_(self.model.weight, value)
        torch.nn.init.constant_(self.model.bias, 0.0)


def test_a_key_changes_with_weights_texts_months_and_regions() -> None:
    texts, months, regions = ["Frost.", "Rates."], ["2019-01", "2019-02"], ["UK", None]
    keys = [
        map_key(Weights(1.0), texts, months, regions),  # type: ignore[arg-type]
        map_key(Weights(2.0), texts, months, regions),  # type: ignore[arg-type]
        map_key(Weights(1.0), ["Frost.", "Rate."], months, regions),  # type: ignore[arg-type]
        map_key(Weights(1.0), texts, months[::-1], regions),  # type: ignore[arg-type]
        map_key(Weights(1.0), texts, months, ["UK", "US"]),  # type: ignore[arg-type]
        map_key(Weights(1.0), texts),  # type: ignore[arg-type]
    ]
    assert len(set(keys)) == len(keys)
    assert map_key(Weights(1.0), texts, months, regions) == keys[0]  # type: ignore[arg-type]


def test_what_was_written_is_found_and_a_changed_model_is_missed(
    tmp_path: Path, computed: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Tiny(Weights):
        def encode(self, texts: list[str], *labels: object, show_progress: bool) -> np.ndarray:
            return np.random.default_rng(0).normal(size=(len(texts), 4))

    texts = [f"Sentence {number}." for number in range(40)]
    inputs = {name: (Tiny(value), (texts, None, None)) for name, value in (("plain", 1.0), ("space-time", 2.0))}
    monkeypatch.setattr(stored, "almanac_inputs", lambda: inputs)
    path = tmp_path / "maps.npz"
    assert stored.main(["--output", str(path)]) == 0
    assert "plain: trustworthiness" in capsys.readouterr().out
    assert computed == [40, 40]
    assert stored.main(["--check", "--output", str(path)]) == 0
    inputs["plain"] = (Tiny(3.0), (texts, None, None))
    assert stored.missing(path) == ["plain"]
    assert stored.main(["--check", "--output", str(path)]) == 1


@pytest.mark.skipif(not STORED.is_file(), reason="python -m data_samples.almanac.stored_maps has not been run")
def test_the_shipped_file_is_of_the_released_model_and_the_almanac() -> None:
    assert STORED.stat().st_size < 1_000_000
    assert stored.missing() == []
