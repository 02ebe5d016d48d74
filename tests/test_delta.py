"""A model as a small change of public weights: it comes back, it is small, and what does not fit is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.release import save_delta
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model.saving import DELTA_FILE, load_delta

TEXTS = ["The clocks go forward tonight.", "Rain.", "Thanksgiving is on Thursday, and the shops will be shut."]


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    """As a trained one: everything new is moved away from its start."""
    encoder = SpaceTimeEncoder.from_plain("prefix", context_rank=2, mlm_transform=True, seed=3)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in encoder.model.named_parameters():
            if ".conditioning." in name:
                weight.add_(torch.randn_like(weight) * 0.05)
    return encoder


@pytest.fixture(scope="module")
def folder(encoder: SpaceTimeEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delta")
    save_delta(encoder.model, folder, leave_out=("time_head.", "space_head."))
    return folder


def test_a_delta_gives_the_model_back(encoder: SpaceTimeEncoder, folder: Path) -> None:
    again = SpaceTimeEncoder.load(folder)
    given, kept = (each.encode(TEXTS, "2019-11", "US") for each in (encoder, again))
    assert (given * kept).sum(1).min() > 0.99999  # float16 keeps three digits of each new weight
    np.testing.assert_array_equal(encoder.encode(TEXTS), again.encode(TEXTS))  # the backbone is the public one, exactly
    assert list(again.regions) == list(encoder.regions) and again.months == encoder.months


def test_a_frozen_backbone_takes_no_room(folder: Path) -> None:
    from safetensors.torch import load_file

    names = load_file(folder / DELTA_FILE)
    assert not [name for name in names if name.startswith("bert.") and ".conditioning." not in name]
    assert not [name for name in names if name.startswith(("time_head", "space_head", "time_embed"))]
    assert all(tensor.dtype == torch.float16 for tensor in names.values())


def test_a_trained_backbone_is_kept_as_its_difference(tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("late")
    with torch.no_grad():
        dict(encoder.model.named_parameters())["bert.encoder.layer.0.output.dense.weight"].add_(0.01)
    save_delta(encoder.model, tmp_path)
    again = SpaceTimeEncoder.load(tmp_path)
    np.testing.assert_allclose(again.encode(TEXTS), encoder.encode(TEXTS), atol=1e-4)


def test_no_folder_of_the_training_machine_is_shipped(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path / "whole")
    save_delta(SpaceTimeEncoder.load(tmp_path / "whole").model, tmp_path / "delta")
    assert str(tmp_path) not in (tmp_path / "delta" / "config.json").read_text()


@pytest.mark.parametrize("file", ["config.json", DELTA_FILE])
def test_a_missing_file_is_named(folder: Path, tmp_path: Path, file: str) -> None:
    for name in {"config.json", DELTA_FILE} - {file}:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(FileNotFoundError, match=file):
        load_delta(tmp_path)


def test_a_delta_of_other_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / DELTA_FILE).write_bytes((folder / DELTA_FILE).read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["changes"]["sha256"] = "0" * 64
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="all-MiniLM-L6-v2"):
        load_delta(tmp_path)


def test_a_delta_that_does_not_fit_its_configuration_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / DELTA_FILE).write_bytes((folder / DELTA_FILE).read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"context_rank": 3}))
    with pytest.raises(ValueError, match="do not fit its config.json: context_rank is 3 there, and 2 in the weights"):
        load_delta(tmp_path)


def test_numbers_beyond_float16_are_not_lost_silently(tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("late")
    with torch.no_grad():
        for name, weight in encoder.model.named_parameters():
            if name.startswith("late."):
                weight.fill_(1e6)
    with pytest.raises(ValueError, match="float16"):
        save_delta(encoder.model, tmp_path)
