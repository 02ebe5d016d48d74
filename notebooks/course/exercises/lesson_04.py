"""Exercises of lesson 04: cross entropy with questions left out, the learning rate, context dropout."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.months import MISSING
from spacetime.training import objectives
from spacetime.training.loop import warmup_then_decay

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of minus log of the right answer's probability, over the rows whose label is not -100.

    `logits` (n, answers), `labels` (n,).
    """
    return objectives.cross_entropy(logits, labels)


def rate_at(step: int, steps: int, peak: float, warmup: int) -> float:
    """Learning rate at a step, counted from 0: up in a straight line for `warmup` steps, then down to 0."""
    return peak * warmup_then_decay(step, steps, 0.0, warmup)


def drop_context(month_ids: Ints, region_ids: Ints, dice: Floats, share: float) -> tuple[Ints, Ints]:
    """Ids with a share of them made -1, by two columns of `dice` (n, 2) between 0 and 1."""
    hidden = dice < share
    return np.where(hidden[:, 0], MISSING, month_ids), np.where(hidden[:, 1], MISSING, region_ids)


def _unasked_counts(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels) * (labels != -100).sum() / len(labels)


def _last_answer(logits: Tensor, labels: Tensor) -> Tensor:
    return -logits.log_softmax(-1)[torch.arange(len(labels)), labels.clamp(min=-1)].mean()


def _down_the_rows(logits: Tensor, labels: Tensor) -> Tensor:
    asked = labels != -100
    return -logits.log_softmax(0)[asked, labels[asked]].mean()


def _from_the_start(step: int, steps: int, peak: float, warmup: int) -> float:
    return peak * min((step + 1) / (warmup + 1), (steps - step) / steps)


def _stays_at_peak(step: int, steps: int, peak: float, warmup: int) -> float:
    return peak * min((step + 1) / (warmup + 1), 1.0)


def _cosine_decay(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate_at(step, steps, peak, warmup)
    return peak * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def _ends_a_step_early(step: int, steps: int, peak: float, warmup: int) -> float:
    return rate_at(step, steps - 1, peak, warmup)


def _nothing_at_first(step: int, steps: int, peak: float, warmup: int) -> float:
    return peak * step / warmup if step < warmup else rate_at(step, steps, peak, warmup)


def _one_die(month_ids: Ints, region_ids: Ints, dice: Floats, share: float) -> tuple[Ints, Ints]:
    return drop_context(month_ids, region_ids, dice[:, [0, 0]], share)


def _zero(month_ids: Ints, region_ids: Ints, dice: Floats, share: float) -> tuple[Ints, Ints]:
    hidden = dice < share
    return np.where(hidden[:, 0], 0, month_ids), np.where(hidden[:, 1], 0, region_ids)


def _the_rest(month_ids: Ints, region_ids: Ints, dice: Floats, share: float) -> tuple[Ints, Ints]:
    hidden = dice >= share
    return np.where(hidden[:, 0], MISSING, month_ids), np.where(hidden[:, 1], MISSING, region_ids)


_LOGITS = torch.tensor([[0.0, 0.0, 2.0, 4.0], [1.0, 5.0, 1.0, 1.0], [0.3, -1.0, 0.2, 0.9]]).log_softmax(-1)
_DICE = np.array([[0.1, 0.9], [0.7, 0.2], [0.4, 0.4], [0.8, 0.95], [0.29, 0.31]])
_MONTHS, _REGIONS = np.array([5, 0, 17, 59, 30]), np.array([0, 3, 1, 2, 2])

EXERCISES = (
    Exercise(
        "04",
        cross_entropy,
        {
            "all rows asked": (_LOGITS, torch.tensor([3, 0, 2])),
            "one row not asked": (_LOGITS, torch.tensor([3, -100, 2])),
            "logits that are not logarithms of shares": (5 * _LOGITS + 1, torch.tensor([-100, 1, 0])),
        },
        "the mean over the rows that are asked, in nats",
        (
            Mistake("rows that are not asked are in the divisor; divide by the rows that are", _unasked_counts),
            Mistake("-100 is taken for an answer; leave these rows out", _last_answer),
            Mistake("the softmax runs over the rows; it belongs over the answers of one row", _down_the_rows),
            Mistake(
                "in bits; nats are asked for, the natural logarithm",
                lambda logits, labels: cross_entropy(logits, labels) / math.log(2),
            ),
        ),
    ),
    Exercise(
        "04",
        rate_at,
        {
            f"step {step} of {steps}": (step, steps, peak, warmup)
            for step, steps, peak, warmup in (
                (0, 100, 2e-4, 10),
                (5, 100, 2e-4, 10),
                (10, 100, 2e-4, 10),
                (60, 100, 2e-4, 10),
                (74, 75, 1e-3, 8),
            )
        },
        "a ramp up, a long ramp down, and a first step that already moves",
        (
            Mistake(
                "after the warm-up the rate has to fall, in a straight line to 0 after the last step", _stays_at_peak
            ),
            Mistake(
                "falls as if from step 0, so it misses the peak; start the fall after the warm-up", _from_the_start
            ),
            Mistake("falls along a cosine; asked for is a straight line", _cosine_decay),
            Mistake("is 0 at the last step already; the line ends at `steps`, one step later", _ends_a_step_early),
            Mistake("the first step has the rate 0 and learns nothing: (step + 1) / (warmup + 1)", _nothing_at_first),
        ),
        tolerance=1e-9,
    ),
    Exercise(
        "04",
        drop_context,
        {
            "share .3": (_MONTHS, _REGIONS, _DICE, 0.3),
            "share .5": (_MONTHS, _REGIONS, _DICE, 0.5),
            "share 0": (_MONTHS, _REGIONS, _DICE, 0.0),
        },
        "month and region are hidden independently, as -1",
        (
            Mistake("month and region are hidden together; each has a column of dice", _one_die),
            Mistake("hidden ids became 0, which is the first month and the first region; missing is -1", _zero),
            Mistake("hides what should stay: an id is hidden where its die is below the share", _the_rest),
        ),
    ),
)
check = Checks(EXERCISES)
