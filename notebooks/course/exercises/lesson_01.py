"""Exercises of lesson 01: pooling with the mask, cosines, the in-batch loss."""

import torch
from torch import Tensor

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.model.modeling import mean_pool
from spacetime.training.objectives import cross_entropy


def masked_mean(words: Tensor, mask: Tensor) -> Tensor:
    """Mean of each sentence's real words: `words` (B, L, D) and `mask` (B, L) to (B, D)."""
    return mean_pool(words, mask)


def cosine_table(one: Tensor, other: Tensor) -> Tensor:
    """Cosine of each row of `one` (n, D) with each row of `other` (m, D), as (n, m)."""
    unit = torch.nn.functional.normalize
    return unit(one, dim=-1) @ unit(other, dim=-1).T


def in_batch_loss(cosines: Tensor, scale: float) -> Tensor:
    """Mean cross entropy of each first sentence to find its own second one among all; `cosines` is (n, n)."""
    return cross_entropy(scale * cosines, torch.arange(len(cosines)))


def _unit_columns(one: Tensor, other: Tensor) -> Tensor:
    return (one / one.norm(dim=0, keepdim=True)) @ (other / other.norm(dim=0, keepdim=True)).T


def _share_of_columns(cosines: Tensor, scale: float) -> Tensor:
    return -(scale * cosines).softmax(dim=0).diagonal().log().mean()


def _log_of_mean(cosines: Tensor, scale: float) -> Tensor:
    return -(scale * cosines).softmax(dim=1).diagonal().mean().log()


_WORDS = torch.tensor([[[3.0, 0.0], [0.0, 3.0], [3.0, 9.0]], [[1.0, 1.0], [5.0, 7.0], [90.0, -90.0]]])
_MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])
_ONE = torch.tensor([[3.0, 4.0], [1.0, 0.0], [-2.0, 1.0]])
_OTHER = torch.tensor([[0.0, 2.0], [5.0, 5.0]])
_COSINES = torch.tensor([[0.80, 0.10, 0.20], [0.30, 0.60, 0.55], [0.10, 0.50, 0.40]])

EXERCISES = (
    Exercise(
        "01",
        masked_mean,
        {
            "the lesson's two sentences": (_WORDS, _MASK),
            "one real word of four": (torch.arange(8.0).view(1, 4, 2), torch.tensor([[1, 0, 0, 0]])),
        },
        "padding is neither summed nor counted",
        (
            Mistake("padding counts: its vectors are in the mean", lambda words, mask: words.mean(1)),
            Mistake(
                "padding is left out of the sum, but the sum is divided by all places",
                lambda words, mask: (words * mask[..., None]).mean(1),
            ),
            Mistake(
                "a sum; divide it by the number of real words",
                lambda words, mask: (words * mask[..., None]).sum(1),
            ),
            Mistake(
                "the mean runs over the wrong axis: one number a word, where one vector a sentence is wanted",
                lambda words, mask: words.mean(-1) * mask,
            ),
        ),
    ),
    Exercise(
        "01",
        cosine_table,
        {
            "three rows with themselves": (_ONE, _ONE),
            "three rows with two": (_ONE, _OTHER),
        },
        "each row is divided by its own length, on both sides",
        (
            Mistake("symmetric, but the norm runs over the wrong axis: divide rows, not columns", _unit_columns),
            Mistake("inner products; divide by the lengths of both rows", lambda one, other: one @ other.T),
            Mistake(
                "only the rows of `one` have length 1; those of `other` need it too",
                lambda one, other: torch.nn.functional.normalize(one, dim=-1) @ other.T,
            ),
            Mistake("a distance: 1 minus what is asked for", lambda one, other: 1 - cosine_table(one, other)),
            Mistake(
                "all lengths together: each row has a length of its own",
                lambda one, other: one @ other.T / (one.norm() * other.norm()),
            ),
        ),
    ),
    Exercise(
        "01",
        in_batch_loss,
        {
            "the lesson's three pairs, scale 20": (_COSINES, 20.0),
            "the same, scale 1": (_COSINES, 1.0),
            "two pairs": (torch.tensor([[0.9, 0.2], [0.4, 0.3]]), 5.0),
        },
        "each row chooses its partner, and the mean of minus the logarithms is the loss",
        (
            Mistake("the scale is not used", lambda cosines, scale: in_batch_loss(cosines, 1.0)),
            Mistake(
                "divided by the scale; the cosines are multiplied by it",
                lambda cosines, scale: in_batch_loss(cosines, 1 / scale),
            ),
            Mistake("the softmax runs down the columns: second sentences choose the first", _share_of_columns),
            Mistake("the logarithm of the mean share; take the mean of the logarithms", _log_of_mean),
            Mistake(
                "the sum over the pairs; take the mean",
                lambda cosines, scale: len(cosines) * in_batch_loss(cosines, scale),
            ),
            Mistake("the sign: a loss is minus the logarithm", lambda cosines, scale: -in_batch_loss(cosines, scale)),
        ),
        tolerance=1e-4,
    ),
)
check = Checks(EXERCISES)
