"""Exercises of lesson 01b: the loss both ways, hard negatives as further columns, what weights ask for."""

import torch
from torch import Tensor

from course.exercises.checking import Checks, Exercise, Mistake


def symmetric_loss(cosines: Tensor, scale: float) -> Tensor:
    """Mean of the in-batch loss of the rows and that of the columns of `cosines` (n, n)."""
    return (_one_way(cosines, scale) + _one_way(cosines.T, scale)) / 2


def triplet_loss(first: Tensor, second: Tensor, negatives: Tensor, scale: float) -> Tensor:
    """In-batch loss of `first` (n, D) among `second` (n, D) and `negatives` (m, D)."""
    return _among(first, torch.cat((second, negatives)), scale)


def expected_passes(lines: list[int], weights: list[float], rows: int) -> list[float]:
    """Passes over each file: rows drawn from it by weight, over the lines it has."""
    return [rows * weight / sum(weights) / count for count, weight in zip(lines, weights, strict=True)]


def _one_way(cosines: Tensor, scale: float) -> Tensor:
    return -(scale * cosines).log_softmax(dim=1).diagonal().mean()


def _among(first: Tensor, candidates: Tensor, scale: float, *, shift: int = 0) -> Tensor:
    """Loss where the partner of row i is candidate i + shift."""
    own = torch.arange(len(first)) + shift
    return torch.nn.functional.cross_entropy(scale * first @ candidates.T, own)


def _each_its_own(first: Tensor, second: Tensor, negatives: Tensor, scale: float) -> Tensor:
    """Each row sees its own negative alone, where there are as many."""
    own = scale * (first * negatives[: len(first)]).sum(dim=1, keepdim=True)
    scores = torch.cat((scale * first @ second.T, own), dim=1)
    return -scores.log_softmax(dim=1).diagonal().mean()


def _by_lines(lines: list[int], weights: list[float], rows: int) -> list[float]:
    shares = [count * weight for count, weight in zip(lines, weights, strict=True)]
    return [rows * share / sum(shares) / count for count, share in zip(lines, shares, strict=True)]


_COSINES = torch.tensor([[0.80, 0.10, 0.20], [0.30, 0.60, 0.55], [0.10, 0.50, 0.40]])


def _unit(*rows: tuple[float, float]) -> Tensor:
    return torch.nn.functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=-1)


_FIRST, _SECOND = _unit((1, 0), (1, 1), (0, 1)), _unit((2, 1), (1, 3), (-1, 2))
_NEGATIVES = _unit((3, 1), (1, -1), (1, 2))

EXERCISES = (
    Exercise(
        "01b",
        symmetric_loss,
        {
            "lesson 01's three pairs, scale 20": (_COSINES, 20.0),
            "the same, scale 1": (_COSINES, 1.0),
            "two pairs": (torch.tensor([[0.9, 0.2], [0.4, 0.3]]), 5.0),
        },
        "both directions are asked, and their losses have equal weight",
        (
            Mistake("one way only: the softmax down the columns is missing", _one_way),
            Mistake(
                "only back: the softmax along the rows is missing", lambda cosines, scale: _one_way(cosines.T, scale)
            ),
            Mistake(
                "the sum of both directions; take their mean", lambda cosines, scale: 2 * symmetric_loss(cosines, scale)
            ),
            Mistake(
                "the table was made symmetric, then asked one way; two softmaxes are wanted",
                lambda cosines, scale: _one_way((cosines + cosines.T) / 2, scale),
            ),
            Mistake("the scale is not used", lambda cosines, scale: symmetric_loss(cosines, 1.0)),
        ),
        tolerance=1e-4,
    ),
    Exercise(
        "01b",
        triplet_loss,
        {
            "three pairs, three negatives": (_FIRST, _SECOND, _NEGATIVES, 20.0),
            "three pairs, one negative": (_FIRST, _SECOND, _NEGATIVES[:1], 5.0),
        },
        "every negative is a wrong answer for every row",
        (
            Mistake(
                "the negatives are not used",
                lambda first, second, negatives, scale: _among(first, second, scale),
            ),
            Mistake(
                "the negatives stand before the second texts, so the diagonal names a negative as the partner",
                lambda first, second, negatives, scale: _among(first, torch.cat((negatives, second)), scale),
            ),
            Mistake(
                "the other second texts are left out: each row has its partner and the negatives only",
                lambda first, second, negatives, scale: torch.stack(
                    [
                        _among(one[None], torch.cat((own[None], negatives)), scale)
                        for one, own in zip(first, second, strict=True)
                    ]
                ).mean(),
            ),
            Mistake(
                "each row sees its own negative only; it should see those of all rows",
                _each_its_own,
            ),
            Mistake(
                "the scale is not used",
                lambda first, second, negatives, scale: triplet_loss(first, second, negatives, 1.0),
            ),
        ),
        tolerance=1e-4,
    ),
    Exercise(
        "01b",
        expected_passes,
        {
            "a large file and a small one": ([1000, 10], [1.0, 1.0], 400),
            "three files": ([100, 200, 50], [3.0, 1.0, 4.0], 800),
        },
        "weights alone decide how many rows come from a file; its lines decide how often it is gone through",
        (
            Mistake(
                "rows, not passes: divide by the lines of each file",
                lambda lines, weights, rows: [rows * weight / sum(weights) for weight in weights],
            ),
            Mistake("the weights are multiplied by the lines; a weight is not a weight a line", _by_lines),
            Mistake(
                "divided by the lines of all files together; divide by those of each file",
                lambda lines, weights, rows: [rows * weight / sum(weights) / sum(lines) for weight in weights],
            ),
            Mistake(
                "the weights are not divided by their sum",
                lambda lines, weights, rows: [
                    rows * weight / count for count, weight in zip(lines, weights, strict=True)
                ],
            ),
        ),
    ),
)
check = Checks(EXERCISES)
