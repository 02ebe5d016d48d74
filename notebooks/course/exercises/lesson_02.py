"""Exercises of lesson 02: a month's code, the temperature of a head, what a prefix adds."""

import math

import torch
from torch import Tensor

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.model.modeling import sinusoid


def month_code(month: int, size: int) -> Tensor:
    """Sines and cosines of month number `month` in `size` columns."""
    return sinusoid(month + 1, size)[month]


def head_temperature(month: Tensor, region: Tensor) -> float:
    """The one number of the published formula in a head with vectors T_l and S_l, (D,) each.

    Made as published, over three words.
    """
    factor = torch.ones(3, 3, dtype=month.dtype)
    for vector in (month, region):
        rows = vector.expand(3, -1)
        factor = factor * (rows @ rows.T) / rows.norm(dim=-1, keepdim=True)
    return float(factor[0, 2])


def prefix_adds(query: Tensor, key: Tensor, value: Tensor, gate: float) -> Tensor:
    """What one prefix token adds to one word in one head: vectors of size D to one of size D."""
    score = query @ key / math.sqrt(len(query))
    share = torch.stack((score, torch.zeros_like(score))).softmax(0)[0]  # itself, and an empty token with score 0
    return gate * share * value


def _in_halves(month: int, size: int) -> Tensor:
    code = month_code(month, size)
    return torch.cat((code[0::2], code[1::2]))


def _cosine_first(month: int, size: int) -> Tensor:
    return month_code(month, size).view(-1, 2).flip(1).flatten()


def _own_speed_each(month: int, size: int) -> Tensor:
    angles = month / 10000 ** (torch.arange(size) / size)
    return torch.where(torch.arange(size) % 2 == 0, angles.sin(), angles.cos())


def _gate_inside(query: Tensor, key: Tensor, value: Tensor, gate: float) -> Tensor:
    return torch.sigmoid(gate * (query @ key) / math.sqrt(len(query))) * value


_T = torch.tensor([1.5, -0.5, 2.0, 0.3], dtype=torch.float64)
_S = torch.tensor([0.2, 0.9, -0.4, 0.7], dtype=torch.float64)
_HALF = torch.full((4,), 0.5, dtype=torch.float64)
_QUERY, _KEY, _VALUE = torch.tensor([[1.0, -2.0, 0.5, 0.3], [0.7, 0.4, -1.0, 2.0], [3.0, 1.0, 0.0, -1.0]])

EXERCISES = (
    Exercise(
        "02",
        month_code,
        {"the first month": (0, 4), "the second, four columns": (1, 4), "month 29, eight columns": (29, 8)},
        "pairs of sine and cosine, each pair slower than the one before",
        (
            Mistake(
                "the published exponent, twice as large: the two columns of a pair share one speed, 10000^(i/size)",
                lambda month, size: sinusoid(month + 1, size, published=True)[month],
            ),
            Mistake("each column has a speed of its own; a sine and its cosine share one", _own_speed_each),
            Mistake("all sines, then all cosines; they take turns", _in_halves),
            Mistake("sine and cosine are exchanged: column 0 is a sine", _cosine_first),
            Mistake("counts from 1; the first month has number 0", lambda month, size: month_code(month + 1, size)),
        ),
    ),
    Exercise(
        "02",
        head_temperature,
        {"a month and a region": (_T, _S), "vectors of length 1": (_HALF, _HALF), "a silent month": (0.01 * _T, _S)},
        "the two L x L matrices are one number, the product of two lengths",
        (
            Mistake(
                "squared lengths: the formula divides each by the length once",
                lambda month, region: (month @ month) * (region @ region),
            ),
            Mistake("a sum; the two factors multiply", lambda month, region: month.norm() + region.norm()),
            Mistake("the month's factor alone; the region's is missing", lambda month, region: month.norm()),
            Mistake("month times region: each is multiplied with itself", lambda month, region: month @ region),
            Mistake(
                "further divided by the root of D: that belongs to the scores, not to the temperature",
                lambda month, region: month.norm() * region.norm() / math.sqrt(len(month)),
            ),
        ),
    ),
    Exercise(
        "02",
        prefix_adds,
        {
            "an open gate": (_QUERY, _KEY, _VALUE, 1.0),
            "a closed gate": (_QUERY, _KEY, _VALUE, 0.0),
            "half a gate, another query": (_VALUE, _KEY, _QUERY, 0.5),
        },
        "a share between 0 and 1, times gate, times value; nothing through a closed gate",
        (
            Mistake(
                "the score is not divided by the root of D",
                lambda query, key, value, gate: gate * torch.sigmoid(query @ key) * value,
            ),
            Mistake(
                "the score is divided by D; divide by its root",
                lambda query, key, value, gate: gate * torch.sigmoid(query @ key / len(query)) * value,
            ),
            Mistake(
                "a softmax over one score is always 1; the empty token with score 0 takes part",
                lambda query, key, value, gate: gate * value,
            ),
            Mistake("the gate is inside the sigmoid: closed, it would still let half through", _gate_inside),
            Mistake(
                "the gate is left out; the share times the value is multiplied by it",
                lambda query, key, value, gate: torch.sigmoid(query @ key / math.sqrt(len(query))) * value,
            ),
            Mistake(
                "this is the share of the empty token; the prefix's own is sigmoid(score), not 1 - sigmoid(score)",
                lambda query, key, value, gate: gate * torch.sigmoid(-query @ key / math.sqrt(len(query))) * value,
            ),
            Mistake(
                "the share times the key; what is added is the value",
                lambda query, key, value, gate: gate * torch.sigmoid(query @ key / math.sqrt(len(query))) * key,
            ),
        ),
    ),
)
check = Checks(EXERCISES)
