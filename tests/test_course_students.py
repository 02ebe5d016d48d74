"""Promises of `course.students`: each start holds what it says, and nothing else."""

import pytest
import torch

from course.students import Start, student
from spacetime.encoder import SpaceTimeEncoder


@pytest.fixture(scope="module")
def plain() -> SpaceTimeEncoder:
    return SpaceTimeEncoder.from_plain("none", device="cpu")


@pytest.mark.parametrize(("start", "words", "layers"), [("random", 0, 0), ("words", 1, 0), ("cut", 1, 1)])
def test_a_start_has_the_trained_parts_that_it_names(
    plain: SpaceTimeEncoder, start: Start, words: int, layers: int
) -> None:
    bert = student(start, layers=1, seed=5).model.bert.cpu()
    assert len(bert.encoder.layer) == 1
    trained = plain.model.bert.state_dict()
    for name, weight in bert.state_dict().items():
        if weight.dim() == 2 and not name.startswith("pooler."):  # biases and norms start alike in all
            same = torch.equal(weight, trained[name])
            assert same == bool(words if name.startswith("embeddings.") else layers), name


def test_all_six_layers_are_the_plain_encoder(plain: SpaceTimeEncoder) -> None:
    encoder = student("plain", layers=6, max_length=128)
    assert (abs(encoder.encode("The tide is out.") - plain.encode("The tide is out.")) < 1e-6).all()


def test_random_weights_are_the_seeds() -> None:
    one, same, other = (student("random", layers=1, seed=seed).encode("The tide is out.") for seed in (0, 0, 1))
    assert (one == same).all() and not (one == other).all()


@pytest.mark.parametrize(
    ("start", "layers", "message"),
    [
        ("base", 3, "start must be one of random, words, cut, plain, not 'base'"),
        ("words", 7, "start 'words' has 1 to 6 layers, not 7"),
        ("plain", 3, "start 'plain' has 6 layers, not 3"),
    ],
)
def test_a_start_that_there_is_not_is_refused(start: Start, layers: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        student(start, layers=layers)
