"""Exercises of lesson 06: the loss of stage 2, its gradient, and rank correlation."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course.exercises.checking import Checks, Exercise, Mistake

Floats = NDArray[np.float64]


def pair_loss(one: Tensor, other: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of each pair's cosine to its label; `one` and `other` are (n, D), `labels` (n,)."""
    return ((torch.nn.functional.cosine_similarity(one, other) - labels) ** 2).mean()


def cosine_gradient(one: Tensor, other: Tensor) -> Tensor:
    """Gradient of the cosine of two vectors (D,) with respect to the first."""
    start = one.clone().requires_grad_()
    torch.nn.functional.cosine_similarity(start, other, dim=0).backward()
    assert start.grad is not None
    return start.grad


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's correlation: Pearson's of the ranks, equal values sharing the mean of theirs."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


def _each_with_each(one: Tensor, other: Tensor, labels: Tensor) -> Tensor:
    unit = torch.nn.functional.normalize
    return ((unit(one, dim=-1) @ unit(other, dim=-1).T - labels) ** 2).mean()


def _longer_counts(one: Tensor, other: Tensor) -> Tensor:
    cosine = torch.nn.functional.cosine_similarity(one, other, dim=0)
    return other / other.norm() - cosine * one / one.norm()


def _along_as_well(one: Tensor, other: Tensor) -> Tensor:
    return other / (one.norm() * other.norm())


def _of_the_other(one: Tensor, other: Tensor) -> Tensor:
    return cosine_gradient(other, one)


def _ranks_in_order(one: Floats, other: Floats) -> float:
    first, second = (np.argsort(np.argsort(values, kind="stable")) for values in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def _orders(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(np.argsort(one, kind="stable"), np.argsort(other, kind="stable"))[0, 1])


def _lowest_ranks(one: Floats, other: Floats) -> float:
    first, second = ((values < values[:, None]).sum(axis=1) for values in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def _short_formula(one: Floats, other: Floats) -> float:
    from scipy.stats import rankdata

    n = len(one)
    return float(1 - 6 * ((rankdata(one) - rankdata(other)) ** 2).sum() / (n * (n**2 - 1)))


_ONE = torch.tensor([[1.0, 0.0], [1.0, 0.0], [3.0, 4.0]])
_OTHER = torch.tensor([[0.28, 0.96], [0.0, 2.0], [4.0, 3.0]])
_LABELS = torch.tensor([0.48, -0.34, 0.9])
_A, _B = torch.tensor([3.0, 4.0, 0.0]), torch.tensor([1.0, -2.0, 2.0])

EXERCISES = (
    Exercise(
        "06",
        pair_loss,
        {
            "the lesson's two pairs": (_ONE[:2], _OTHER[:2], _LABELS[:2]),
            "three pairs": (_ONE, _OTHER, _LABELS),
        },
        "cosine minus label, squared, averaged; lengths do not count",
        (
            Mistake(
                "inner products of vectors that are not of length 1; divide by both lengths",
                lambda one, other, labels: (((one * other).sum(-1) - labels) ** 2).mean(),
            ),
            Mistake(
                "all lengths together: each row has a length of its own",
                lambda one, other, labels: (((one * other).sum(-1) / (one.norm() * other.norm()) - labels) ** 2).mean(),
            ),
            Mistake("the root of it; the loss is the mean squared error", lambda *a: pair_loss(*a).sqrt()),
            Mistake(
                "absolute errors; square them",
                lambda one, other, labels: (torch.nn.functional.cosine_similarity(one, other) - labels).abs().mean(),
            ),
            Mistake("each first sentence meets every second one; pair i is row i with row i", _each_with_each),
            Mistake(
                "the sum over the pairs; take the mean",
                lambda one, other, labels: len(one) * pair_loss(one, other, labels),
            ),
        ),
    ),
    Exercise(
        "06",
        cosine_gradient,
        {"two vectors of other lengths": (_A, _B), "of length 1": (_A / 5, _B / 3), "the same direction": (_A, 2 * _A)},
        "at a right angle to the vector, and smaller the longer it is",
        (
            Mistake("only the numerator is derived; |one| below the line depends on `one` as well", _along_as_well),
            Mistake("right in direction; divide by the length of `one`: a long vector turns less", _longer_counts),
            Mistake("the gradient with respect to `other`", _of_the_other),
            Mistake("the sign: this makes the cosine smaller", lambda one, other: -cosine_gradient(one, other)),
        ),
    ),
    Exercise(
        "06",
        rank_correlation,
        {
            "no equal values": (np.array([0.1, 0.9, 0.4, 0.3, 12.0]), np.array([1.0, 2.0, 5.0, 3.0, 4.0])),
            "equal values": (np.array([0.2, 0.2, 0.7, 0.5, 0.5, 0.5]), np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])),
        },
        "ranks, with equal values sharing theirs, then Pearson",
        (
            Mistake(
                "Pearson's correlation of the values; of the ranks, a far value counts no more than its place",
                lambda one, other: float(np.corrcoef(one, other)[0, 1]),
            ),
            Mistake(
                "equal values got different ranks, by the accident of their order; share the mean rank", _ranks_in_order
            ),
            Mistake("equal values share the lowest of their ranks; share the mean", _lowest_ranks),
            Mistake("argsort gives the order, not the ranks; ranks are the argsort of the argsort", _orders),
            Mistake("1 - 6 sum d^2 / (n (n^2 - 1)) holds without equal values only", _short_formula),
        ),
    ),
)
check = Checks(EXERCISES)
