"""Exercises of lesson 06b: a batch, the rate of a step, a step, the loop, and the evaluation."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from course.exercises.checking import Checks, Exercise, Mistake
from spacetime.training.loop import warmup_then_decay

Inputs = dict[str, Tensor]
Pairs = tuple[Inputs, Tensor]


def make_batch(rows: Sequence[dict[str, Any]], pad: int) -> Pairs:
    """Inputs of a model for pairs, the first sentences of all, then the second ones, and the labels (n,)."""
    pieces, months, regions = ([row[name][side] for side in (0, 1) for row in rows] for name in _SIDES)
    return _padded(pieces, pad) | _contexts(months, regions), torch.tensor([row["label"] for row in rows])


def rate(number: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at step `number`, counted from 0: up over the warm-up, then down to 0, both linearly."""
    return warmup_then_decay(number, steps, 0.0, warmup)


def step(model: nn.Module, batch: Pairs, optimiser: torch.optim.Optimizer) -> float:
    """Take one step towards the labels of a batch; returns the loss before it."""
    return _step(model, batch, optimiser)


def train(model: nn.Module, batches: Sequence[Pairs], optimiser: torch.optim.Optimizer, warmup: int) -> list[float]:
    """Take a step for each batch, at the rate that it has in each group; returns the losses."""
    return _train(model, batches, optimiser, warmup)


def evaluate(model: nn.Module, batches: Sequence[Pairs]) -> float:
    """Spearman's correlation of all cosines with their labels."""
    return _evaluate(model, batches)


# ------------------------------------------------------------------------------- right answers, and ways to miss them

_SIDES = ("pieces", "months", "regions")


def _padded(pieces: list[list[int]], pad: int, left: bool = False, longest: Callable[..., int] = max) -> Inputs:
    length = longest(map(len, pieces))
    empty = [[0] * (length - len(one)) for one in pieces]
    ids = [[*one[:length], *(pad for _ in more)] for one, more in zip(pieces, empty, strict=True)]
    mask = [[*(1 for _ in one[:length]), *more] for one, more in zip(pieces, empty, strict=True)]
    if left:
        ids = [[*(pad for _ in more), *one] for one, more in zip(pieces, empty, strict=True)]
        mask = [row[::-1] for row in mask]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def _contexts(months: list[int], regions: list[int]) -> Inputs:
    return {"month_ids": torch.tensor(months), "region_ids": torch.tensor(regions)}


def _in_turns(rows: Sequence[dict[str, Any]], pad: int) -> Pairs:
    pieces, months, regions = ([row[name][side] for row in rows for side in (0, 1)] for name in _SIDES)
    return _padded(pieces, pad) | _contexts(months, regions), make_batch(rows, pad)[1]


def _pieces_again(rows: Sequence[dict[str, Any]], pad: int, **how: Any) -> Pairs:
    inputs, labels = make_batch(rows, pad)
    return inputs | _padded([row["pieces"][side] for side in (0, 1) for row in rows], pad, **how), labels


def _all_real(rows: Sequence[dict[str, Any]], pad: int) -> Pairs:
    inputs, labels = make_batch(rows, pad)
    return inputs | {"attention_mask": torch.ones_like(inputs["attention_mask"])}, labels


def _one_context(rows: Sequence[dict[str, Any]], pad: int) -> Pairs:
    inputs, labels = make_batch(rows, pad)
    return inputs | {name: inputs[name].chunk(2)[0].repeat(2) for name in ("month_ids", "region_ids")}, labels


def _missing_is_first(rows: Sequence[dict[str, Any]], pad: int) -> Pairs:
    inputs, labels = make_batch(rows, pad)
    return inputs | {name: inputs[name].clamp(min=0) for name in ("month_ids", "region_ids")}, labels


def _labels_twice(rows: Sequence[dict[str, Any]], pad: int) -> Pairs:
    inputs, labels = make_batch(rows, pad)
    return inputs, labels.repeat(2)


def _halves(embedding: Tensor) -> tuple[Tensor, Tensor]:
    first, second = embedding.chunk(2)
    return first, second


def _neighbours(embedding: Tensor) -> tuple[Tensor, Tensor]:
    return embedding[0::2], embedding[1::2]


def _products(first: Tensor, second: Tensor) -> Tensor:
    return (first * second).sum(-1)


def _step(
    model: nn.Module,
    batch: Pairs,
    optimiser: torch.optim.Optimizer,
    *,
    mode: bool = True,
    fresh: bool = True,
    clip: bool = True,
    moves: bool = True,
    sides: Callable[..., Any] = _halves,
    alike: Callable[..., Tensor] = cosine_similarity,
    loss: Callable[[Tensor], Tensor] = lambda error: error.square().mean(),
    said: Callable[[Tensor], Any] = Tensor.item,
) -> Any:
    if mode:
        model.train()
    if fresh:
        optimiser.zero_grad()
    inputs, labels = batch
    error = loss(alike(*sides(model(**inputs).embedding)) - labels)
    error.backward()  # type: ignore[no-untyped-call]
    if clip:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if moves:
        optimiser.step()
    return said(error)


def _train(
    model: nn.Module,
    batches: Sequence[Pairs],
    optimiser: torch.optim.Optimizer,
    warmup: int,
    *,
    first: int = 0,
    set_rate: Callable[[dict[str, Any], float], float] = lambda group, factor: group["peak"] * factor,
    groups: slice = slice(None),
    late: bool = False,
    said: Callable[[list[float]], Any] = lambda losses: losses,
) -> Any:
    losses = []
    for number, batch in enumerate(batches):
        if late:
            losses.append(step(model, batch, optimiser))
        for group in optimiser.param_groups[groups]:
            group["lr"] = set_rate(group, rate(number + first, len(batches), warmup))
        if not late:
            losses.append(step(model, batch, optimiser))
    return said(losses)


def _all_batches(found: list[Any]) -> list[Any]:
    return [np.concatenate(part) for part in zip(*found, strict=True)]


def _evaluate(
    model: nn.Module,
    batches: Sequence[Pairs],
    *,
    mode: bool = True,
    gradients: bool = False,
    sides: Callable[..., Any] = _halves,
    alike: Callable[..., Tensor] = cosine_similarity,
    agreement: Callable[..., Any] = spearmanr,
    together: Callable[[list[Any]], list[Any]] = _all_batches,
) -> float:
    if mode:
        model.eval()
    found = []
    with torch.set_grad_enabled(gradients):
        for inputs, labels in batches:
            found.append((alike(*sides(model(**inputs).embedding)).detach().numpy(), labels.numpy()))
    return float(agreement(*together(found)).statistic)


def _mean_of_batches(model: nn.Module, batches: Sequence[Pairs]) -> float:
    model.eval()
    return float(np.mean([_evaluate(model, [batch]) for batch in batches]))


def _squared_error(model: nn.Module, batches: Sequence[Pairs]) -> float:
    return _evaluate(model, batches, agreement=lambda a, b: SimpleNamespace(statistic=((a - b) ** 2).mean()))


def _but(answer: Callable[..., Any], **how: Any) -> Callable[..., Any]:
    """An answer that does one thing in another way."""
    return lambda *arguments: answer(*arguments, **how)


# ------------------------------------------------------------------------------------- what answers are tried on


class _Small(nn.Module):
    """A model of three numbers a word piece that remembers in which mode it was asked."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.pieces = nn.Parameter(0.1 * torch.randn(8, 3, generator=generator))
        self.months = nn.Parameter(0.1 * torch.randn(5, 3, generator=generator))
        self.asked: list[tuple[bool, bool]] = []

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, month_ids: Tensor, region_ids: Tensor
    ) -> SimpleNamespace:
        self.asked.append((self.training, torch.is_grad_enabled()))
        words = self.pieces[input_ids] * attention_mask[..., None]
        return SimpleNamespace(embedding=words.sum(1) + self.months[month_ids] + 0.1 * region_ids[:, None])

    def optimiser(self) -> torch.optim.Optimizer:
        groups = [
            {"params": [self.pieces], "lr": 0.2, "peak": 0.2},
            {"params": [self.months], "lr": 0.05, "peak": 0.05},
        ]
        return torch.optim.SGD(groups)

    def weights(self) -> list[Any]:
        return [parameter.detach().tolist() for parameter in self.parameters()]


def _try_step(answer: Callable[..., Any], batches: list[Pairs]) -> dict[str, Any]:
    model = _Small().eval()
    optimiser = model.optimiser()
    losses = [answer(model, batch, optimiser) for batch in batches]
    if None in losses:
        return None  # type: ignore[return-value]  # which the check knows
    numbers = [float(torch.as_tensor(loss).detach()) for loss in losses]
    weights = [weight for table in model.weights() for row in table for weight in row]
    return {
        "losses": numbers,
        "plain number": all(not isinstance(loss, Tensor) for loss in losses),
        "trains": all(training for training, _ in model.asked),
        "weights": weights,
    }


def _try_train(answer: Callable[..., Any], batches: list[Pairs], warmup: int) -> dict[str, Any]:
    model, rates = _Small(), []
    optimiser = model.optimiser()
    optimiser.register_step_post_hook(lambda used, *_: rates.append([group["lr"] for group in used.param_groups]))
    losses = answer(model, batches, optimiser, warmup)
    return {"losses": losses, "rates": rates} if losses is not None else None  # type: ignore[return-value]


def _try_evaluate(answer: Callable[..., Any], batches: list[Pairs]) -> dict[str, Any]:
    model = _Small().train()
    value = answer(model, batches)
    if value is None:
        return None  # type: ignore[return-value]
    return {
        "correlation": float(value),
        "trains": any(training for training, _ in model.asked),
        "gradients": any(gradients for _, gradients in model.asked),
    }


def _try_rate(answer: Callable[..., Any], steps: int, warmup: int) -> list[Any]:
    return [answer(number, steps, warmup) for number in range(steps)]


def _pair(one: list[int], other: list[int], months: tuple[int, int], regions: tuple[int, int], label: float) -> Any:
    return {"pieces": (one, other), "months": months, "regions": regions, "label": label}


_ROWS = [
    _pair([1, 5, 2], [1, 6, 7, 3, 2], (3, 0), (1, 1), 0.48),
    _pair([1, 2], [1, 4, 4, 2], (-1, 2), (0, -1), -0.34),
    _pair([1, 7, 3, 6, 5, 2], [1, 3, 2], (1, 1), (2, 0), 0.9),
]
_BATCH = make_batch([_ROWS[0], _ROWS[2]], 0)
_OTHER = make_batch([_pair([1, 4, 2], [3, 3], (2, 3), (0, 1), -0.8), _pair([6, 2], [1, 5, 5], (4, 0), (1, 1), 0.1)], 0)
_THIRD = make_batch([_pair([4], [5, 2], (0, 4), (2, 0), 0.7), _pair([2], [7], (1, 3), (0, 2), 0.2), _ROWS[0]], 0)

EXERCISES = (
    Exercise(
        "06b",
        make_batch,
        {"three pairs of other lengths": (_ROWS, 0), "another padding": (_ROWS[:2], 9), "one pair": (_ROWS[2:], 0)},
        "all first sentences, then all second ones, padded to the longest, with a mask that says so",
        (
            Mistake("the two sides of a pair take turns; all first sentences come first, then all second", _in_turns),
            Mistake("the mask is 1 everywhere; padding has 0", _all_real),
            Mistake(
                "padded on the left, but positions count from the left; pad on the right",
                _but(_pieces_again, left=True),
            ),
            Mistake("cut at the shortest sentence; pad to the longest", _but(_pieces_again, longest=min)),
            Mistake("padded with 0, whatever `pad` says", lambda rows, pad: make_batch(rows, 0)),
            Mistake("month and region of the first side stand for both; each side has its own", _one_context),
            Mistake("-1 is a missing month or region and stays -1; 0 is the first one", _missing_is_first),
            Mistake("each pair has one label, not one a sentence", _labels_twice),
        ),
    ),
    Exercise(
        "06b",
        rate,
        {"ten steps, two of warm-up": (10, 2), "no warm-up": (4, 0), "one step": (1, 0), "six and three": (6, 3)},
        "up from a small share to 1, then down, and never 0 at a step that is taken",
        (
            Mistake(
                "the first step has the rate 0 and is lost; count it: (number + 1) / (warmup + 1)",
                lambda number, steps, warmup: number / warmup if number < warmup else rate(number, steps, warmup),
            ),
            Mistake(
                "already at its peak in the last step of the warm-up; divide by warmup + 1",
                lambda number, steps, warmup: (number + 1) / warmup if number < warmup else rate(number, steps, warmup),
            ),
            Mistake("no warm-up: it falls from the first step on", lambda number, steps, warmup: 1 - number / steps),
            Mistake(
                "it stays at 1 after the warm-up; it falls to 0 over the steps that are left",
                lambda number, steps, warmup: min(1.0, (number + 1) / (warmup + 1)),
            ),
            Mistake(
                "it jumps when the warm-up ends: divide by the steps after the warm-up, not by all",
                lambda number, steps, warmup: (
                    rate(number, steps, warmup) if number < warmup else (steps - number) / steps
                ),
            ),
            Mistake(
                "the last step has the rate 0 and is lost; steps - number is 1 there",
                lambda number, steps, warmup: (
                    rate(number, steps, warmup)
                    if number < warmup
                    else (steps - 1 - number) / max(steps - 1 - warmup, 1)
                ),
            ),
        ),
        run=_try_rate,
    ),
    Exercise(
        "06b",
        step,
        {"two batches, one after the other": ([_BATCH, _OTHER],), "the same twice": ([_OTHER, _OTHER],)},
        "one step downhill: gradients of this batch alone, clipped, and the loss as a number",
        (
            Mistake(
                "the weights do not move: backward makes the gradients, step uses them, zero_grad comes before both",
                _but(_step, moves=False),
            ),
            Mistake(
                "the gradients of the step before are added to this one's: optimiser.zero_grad()",
                _but(_step, fresh=False),
            ),
            Mistake("the gradient is not clipped to norm 1 between backward and step", _but(_step, clip=False)),
            Mistake(
                "rows 0 and 1 are no pair: the first half holds the first sentences, the second half the second ones",
                _but(_step, sides=_neighbours),
            ),
            Mistake("inner products; a cosine divides by both lengths", _but(_step, alike=_products)),
            Mistake("the sum over the pairs; take the mean", _but(_step, loss=lambda error: error.square().sum())),
            Mistake("absolute errors; square them", _but(_step, loss=lambda error: error.abs().mean())),
            Mistake("the model was not put into training mode: model.train()", _but(_step, mode=False)),
            Mistake(
                "the loss comes with the graph that made it, which stays in memory; loss.item() is the number alone",
                _but(_step, said=lambda error: error),
            ),
        ),
        run=_try_step,
    ),
    Exercise(
        "06b",
        train,
        {
            "six batches, two of warm-up": ([_BATCH, _OTHER, _THIRD] * 2, 2),
            "three batches, no warm-up": ([_THIRD, _OTHER, _BATCH], 0),
        },
        "a step for each batch, each group at its own rate, and all losses",
        (
            Mistake(
                "the rates are never set: each group's `lr` stays what it was",
                _but(_train, set_rate=lambda group, factor: group["lr"]),
            ),
            Mistake(
                "each factor multiplies what the last one left; multiply the group's `peak`",
                _but(_train, set_rate=lambda group, factor: group["lr"] * factor),
            ),
            Mistake(
                "the factor alone is the rate; multiply each group's `peak` by it",
                _but(_train, set_rate=lambda group, factor: factor),
            ),
            Mistake("only the first group has its rate set", _but(_train, groups=slice(1))),
            Mistake("the rate of a step is set after it", _but(_train, late=True)),
            Mistake("the first step has the number 0, not 1", _but(_train, first=1)),
            Mistake(
                "returns the last loss alone; asked for is one a step", _but(_train, said=lambda losses: losses[-1])
            ),
            Mistake("returns the mean of the losses; asked for is one a step", _but(_train, said=np.mean)),
        ),
        run=_try_train,
    ),
    Exercise(
        "06b",
        evaluate,
        {"batches of two and three": ([_BATCH, _THIRD],), "three batches": ([_OTHER, _THIRD, _BATCH],)},
        "one ranking of all pairs, without dropout and without gradients",
        (
            Mistake("a mean over batches: each ranks its own few pairs; rank all together", _mean_of_batches),
            Mistake("Pearson's correlation; asked for is Spearman's", _but(_evaluate, agreement=pearsonr)),
            Mistake("the squared error; asked for is Spearman's correlation", _squared_error),
            Mistake("inner products; a cosine divides by both lengths", _but(_evaluate, alike=_products)),
            Mistake(
                "rows 0 and 1 are no pair: the first half holds the first sentences, the second half the second ones",
                _but(_evaluate, sides=_neighbours),
            ),
            Mistake("the last batch alone", _but(_evaluate, together=lambda found: list(found[-1]))),
            Mistake("the model is still in training mode: model.eval()", _but(_evaluate, mode=False)),
            Mistake("gradients are kept that nobody uses: torch.no_grad()", _but(_evaluate, gradients=True)),
        ),
        run=_try_evaluate,
    ),
)
check = Checks(EXERCISES)
