"""Exercises of lesson 02b: heads, self-attention and a prefix as modules, a low-rank change put into a matrix."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from course.exercises.checking import Checks, Exercise, Mistake


def split_heads(vectors: Tensor, heads: int) -> Tensor:
    """Cut vectors into heads: (B, L, C) to (B, H, L, D)."""
    return vectors.unflatten(-1, (heads, -1)).transpose(1, 2)


class SelfAttention(nn.Module):
    """Words attend to words: (B, L, C) to (B, L, C), by a mask (B, L) of 1 for words and 0 for padding."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (self.split(project(words)) for project in (self.query, self.key, self.value))
        shares = self.shares(query @ key.transpose(-1, -2) / self.divisor(query), mask)
        return self.merge(shares @ value)

    # What mistakes are made in, one at a time.
    def split(self, vectors: Tensor) -> Tensor:
        return split_heads(vectors, self.heads)

    def divisor(self, query: Tensor) -> float:
        return math.sqrt(query.shape[-1])

    def shares(self, scores: Tensor, mask: Tensor) -> Tensor:
        return scores.masked_fill(mask[:, None, None, :] == 0, -torch.inf).softmax(-1)

    def merge(self, gathered: Tensor) -> Tensor:
        return gathered.transpose(1, 2).flatten(2)


class PrefixAttention(nn.Module):
    """What a month and a region add: queries (B, H, L, D), vectors (B, 2, C), known (B, 2) to (B, L, C)."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.key, self.value = (nn.ModuleList(nn.Linear(size, size) for _ in range(2)) for _ in range(2))
        self.gate = nn.Parameter(self.first_gates())

    def forward(self, query: Tensor, context: Tensor, known: Tensor) -> Tensor:
        vectors = [self.before(context[:, part], self.known(known)[:, part, None]) for part in range(2)]
        keys = [self.split(self.key[part](vectors[part])) for part in range(2)]
        values = [self.split(self.value[part](vectors[part])) for part in range(2)]
        scores = [(query * key).sum(-1, keepdim=True) / self.divisor(query, vectors[0]) for key in keys]
        added = torch.zeros_like(query)
        for part, share in enumerate(self.shares(scores, self.known(known))):
            added = added + self.one(share, self.gates(part), keys[part], values[part]) * self.after(known, part)
        return self.merge(added)

    def first_gates(self) -> Tensor:
        return torch.zeros(2, self.heads)

    def split(self, vectors: Tensor) -> Tensor:  # (B, C) to (B, H, 1, D)
        return split_heads(vectors[:, None], self.heads)

    def known(self, known: Tensor) -> Tensor:
        return known

    def before(self, vector: Tensor, known: Tensor) -> Tensor:
        return vector

    def after(self, known: Tensor, part: int) -> Tensor:
        return self.known(known)[:, part, None, None, None]

    def divisor(self, query: Tensor, vector: Tensor) -> float:
        return math.sqrt(query.shape[-1])

    def shares(self, scores: list[Tensor], known: Tensor) -> list[Tensor]:
        return [score.sigmoid() for score in scores]

    def gates(self, part: int) -> Tensor:
        return self.gate[part, :, None, None]

    def one(self, share: Tensor, gate: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return share * gate * value

    def merge(self, added: Tensor) -> Tensor:
        return added.transpose(1, 2).flatten(2)


def fold(weight: Tensor, bias: Tensor, down: Mapping[str, Tensor], up: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Put a low-rank change x -> up(down(x)) into a layer's own weight (out, in) and bias (out,)."""
    return weight + up["weight"] @ down["weight"], bias + up["weight"] @ down["bias"] + up["bias"]


def _with(right: type[nn.Module], **parts: Callable[..., Any]) -> type[nn.Module]:
    """A module that does some of its parts in another way."""
    return type(right.__name__, (right,), parts)


def _filled(module: nn.Module, wanted: Mapping[str, tuple[int, ...]]) -> nn.Module:
    """The module with fixed random numbers in the weights that are named.

    Raises
    ------
    ValueError
        If its weights have other names or shapes.
    """
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    if lacking := [name for name in wanted if name not in own]:
        raise ValueError(
            f"the module has no {', '.join(lacking)}, but {', '.join(own) or 'no weights'} (in a plain list layers are "
            "not found, and a plain tensor is no weight: nn.ModuleList, nn.Parameter)"
        )
    for name, shape in wanted.items():
        if own[name] != shape:
            raise ValueError(f"{name} has shape {own[name]}, not {shape}")
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, shape in wanted.items():
            module.get_parameter(name).copy_(torch.randn(shape, generator=generator))
    return module


def _linear(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (size, size), f"{name}.bias": (size,)}


def _attend(answer: Callable[..., Any], words: Tensor, mask: Tensor, heads: int) -> Tensor:
    size = words.shape[-1]
    module = _filled(answer(size, heads), _linear("query", size) | _linear("key", size) | _linear("value", size))
    gathered: Tensor = module(words, mask)
    if getattr(gathered, "shape", None) != words.shape:
        return gathered
    return gathered * mask[..., None]  # what padding gathers is nobody's concern


def _add_prefix(
    answer: Callable[..., Any], query: Tensor, context: Tensor, known: Tensor, gates: Tensor | None
) -> Tensor:
    size, heads = context.shape[-1], query.shape[1]
    names = [f"{kind}.{part}" for kind in ("key", "value") for part in range(2)]
    shapes = {name: shape for one in names for name, shape in _linear(one, size).items()}
    module = answer(size, heads)
    fresh = module.state_dict().get("gate", torch.empty(0)).clone()
    module = _filled(module, {**shapes, "gate": (2, heads)})
    with torch.no_grad():
        module.get_parameter("gate").copy_(fresh if gates is None else gates)
    added: Tensor = module(query, context, known)
    return added


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


_THREE_WORDS = torch.ones(1, 3)
_PADDED = torch.tensor([[1.0, 1, 1, 1], [1.0, 1, 0, 0]])
_QUERY, _CONTEXT = _random(2, 2, 3, 4, seed=3), _random(2, 2, 8, seed=4)
_GATES = torch.tensor([[0.5, -1.0], [2.0, 0.3]])
_BOTH, _NO_MONTH, _NO_REGION = torch.ones(2, 2), torch.tensor([[0.0, 1]] * 2), torch.tensor([[1.0, 0]] * 2)
_DOWN = {"weight": _random(2, 3, seed=5), "bias": _random(2, seed=6)}
_UP = {"weight": _random(4, 2, seed=7), "bias": _random(4, seed=8)}
_SQUARE_DOWN = {"weight": _random(2, 2, seed=9), "bias": _random(2, seed=10)}
_SQUARE_UP = {"weight": _random(2, 2, seed=11), "bias": torch.zeros(2)}


def _one_softmax(_: PrefixAttention, scores: list[Tensor], known: Tensor) -> list[Tensor]:
    silent = [score.masked_fill(known[:, part, None, None, None] == 0, -torch.inf) for part, score in enumerate(scores)]
    return list(torch.stack([*silent, torch.zeros_like(scores[0])]).softmax(0)[:2])


def _no_shares_after(_: SelfAttention, scores: Tensor, mask: Tensor) -> Tensor:
    return scores.softmax(-1) * mask[:, None, None, :]


EXERCISES = (
    Exercise(
        "02b",
        split_heads,
        {
            "two sentences, three words, two heads": (_random(2, 3, 8, seed=1), 2),
            "as many heads as words": (_random(1, 4, 8, seed=2), 4),
        },
        "each head has its own numbers of every word: (B, H, L, D)",
        (
            Mistake(
                "the right shape, but a head now holds whole words: cut the last axis first, then exchange two axes",
                lambda vectors, heads: vectors.reshape(len(vectors), heads, vectors.shape[1], -1),
            ),
            Mistake(
                "heads come before words: exchange axes 1 and 2",
                lambda vectors, heads: vectors.unflatten(-1, (heads, -1)),
            ),
            Mistake(
                "a head takes every H-th number; it takes D neighbouring ones: (H, D), not (D, H)",
                lambda vectors, heads: vectors.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2),
            ),
        ),
    ),
    Exercise(
        "02b",
        SelfAttention,
        {
            "three words, two heads": (_random(1, 3, 8, seed=1), _THREE_WORDS, 2),
            "two sentences, one padded": (_random(2, 4, 8, seed=2), _PADDED, 2),
            "four heads": (_random(2, 4, 8, seed=3), _PADDED, 4),
        },
        "every word gathers values by its shares, in each head, and nothing from padding",
        (
            Mistake(
                "the scores are not divided by the root of D, the size of a head",
                _with(SelfAttention, divisor=lambda _, query: 1.0),
            ),
            Mistake(
                "divide by the root of D, the size of a head, not of C, the size of a word",
                _with(SelfAttention, divisor=lambda module, query: math.sqrt(module.heads * query.shape[-1])),
            ),
            Mistake(
                "words attend to padding: the mask is not used, or not on the last axis, that of the keys",
                _with(SelfAttention, shares=lambda _, scores, mask: scores.softmax(-1)),
            ),
            Mistake(
                "a score of 0 is not a share of 0, exp(0) is 1: give padding the score -inf before the softmax",
                _with(SelfAttention, shares=lambda _, scores, mask: (scores * mask[:, None, None, :]).softmax(-1)),
            ),
            Mistake(
                "the mask comes after the softmax, so that shares no longer add up to 1; use it on the scores",
                _with(SelfAttention, shares=_no_shares_after),
            ),
            Mistake(
                "the mask is on the axis of the queries; it belongs on that of the keys, the last one",
                _with(
                    SelfAttention,
                    shares=lambda _, scores, mask: scores.masked_fill(mask[:, None, :, None] == 0, -torch.inf).softmax(
                        -1
                    ),
                ),
            ),
            Mistake(
                "the softmax runs over the words that ask; each of them shares itself out over the last axis",
                _with(
                    SelfAttention,
                    shares=lambda _, scores, mask: (
                        scores.masked_fill(mask[:, None, None, :] == 0, -torch.inf).softmax(-2).nan_to_num()
                    ),
                ),
            ),
            Mistake(
                "heads and words are mixed up at the end: back to (B, L, H, D), then flatten the last two axes",
                _with(SelfAttention, merge=lambda _, gathered: gathered.reshape(len(gathered), gathered.shape[2], -1)),
            ),
            Mistake(
                "the heads are never put together: the result has four axes",
                _with(SelfAttention, merge=lambda _, gathered: gathered),
            ),
            Mistake(
                "one head: the vectors were never cut",
                _with(SelfAttention, split=lambda _, vectors: vectors[:, None]),
            ),
        ),
        run=_attend,
    ),
    Exercise(
        "02b",
        PrefixAttention,
        {
            "as it starts": (_QUERY, _CONTEXT, _BOTH, None),
            "open gates": (_QUERY, _CONTEXT, _BOTH, _GATES),
            "month missing": (_QUERY, _CONTEXT, _NO_MONTH, _GATES),
            "region missing": (_QUERY, _CONTEXT, _NO_REGION, _GATES),
            "both missing": (_QUERY, _CONTEXT, 0 * _BOTH, _GATES),
        },
        "starts as the plain model, and what is missing takes only its own part away",
        (
            Mistake(
                "the gates start at 1, so the model does not start as the plain one; torch.zeros",
                _with(PrefixAttention, first_gates=lambda module: torch.ones(2, module.heads)),
            ),
            Mistake(
                "the gate is left out: nothing holds the new part back at the start",
                _with(PrefixAttention, one=lambda _, share, gate, key, value: share * value),
            ),
            Mistake(
                "the gate is inside the sigmoid: closed, it lets half through; multiply the share by it",
                _with(
                    PrefixAttention,
                    one=lambda _, share, gate, key, value: (gate * share.logit()).sigmoid() * value,
                ),
            ),
            Mistake(
                "a softmax over one score is always 1; the empty token with score 0 takes part",
                _with(PrefixAttention, shares=lambda _, scores, known: [torch.ones_like(score) for score in scores]),
            ),
            Mistake(
                "this is the share of the empty token; the month's own is sigmoid(score), not 1 - sigmoid(score)",
                _with(PrefixAttention, shares=lambda _, scores, known: [(-score).sigmoid() for score in scores]),
            ),
            Mistake(
                "month and region share one softmax: a missing month changes the region's part; give each its own",
                _with(PrefixAttention, shares=_one_softmax),
            ),
            Mistake(
                "the score is not divided by the root of D, the size of a head",
                _with(PrefixAttention, divisor=lambda _, query, vector: 1.0),
            ),
            Mistake(
                "divide by the root of D, the size of a head, not of C, the size of a word",
                _with(PrefixAttention, divisor=lambda _, query, vector: math.sqrt(vector.shape[-1])),
            ),
            Mistake(
                "the key is added; what a token brings is its value",
                _with(PrefixAttention, one=lambda _, share, gate, key, value: share * gate * key),
            ),
            Mistake(
                "`known` is not used: a missing month acts like a given one",
                _with(PrefixAttention, after=lambda _, known, part: 1.0),
            ),
            Mistake(
                "a missing vector was set to 0, but the bias of its value comes through; multiply what it brings",
                _with(
                    PrefixAttention, before=lambda _, vector, known: vector * known, after=lambda _, known, part: 1.0
                ),
            ),
            Mistake(
                "a missing month takes the region's part along; each takes only its own part away",
                _with(PrefixAttention, known=lambda _, known: known.prod(-1, keepdim=True).expand(-1, 2)),
            ),
            Mistake(
                "the region goes through the month's gates: gate[0] is the month's, gate[1] the region's",
                _with(PrefixAttention, gates=lambda module, part: module.gate[0, :, None, None]),
            ),
            Mistake(
                "heads and words are mixed up at the end: back to (B, L, H, D), then flatten the last two axes",
                _with(PrefixAttention, merge=lambda _, added: added.reshape(len(added), added.shape[2], -1)),
            ),
        ),
        run=_add_prefix,
    ),
    Exercise(
        "02b",
        fold,
        {
            "three numbers in, four out, rank 2": (_random(4, 3, seed=12), _random(4, seed=13), _DOWN, _UP),
            "square": (_random(2, 2, seed=14), _random(2, seed=15), _SQUARE_DOWN, _SQUARE_UP),
        },
        "one matrix does what the matrix and its low-rank change did",
        (
            Mistake(
                "the bias of `down` passes through `up` as well: add up's weight times it",
                lambda weight, bias, down, up: (weight + up["weight"] @ down["weight"], bias + up["bias"]),
            ),
            Mistake(
                "the bias of `down` has to pass through `up`'s weight; only `up`'s own is added as it is",
                lambda weight, bias, down, up: (
                    weight + up["weight"] @ down["weight"],
                    bias + up["weight"] @ down["bias"],
                ),
            ),
            Mistake(
                "the biases stay behind: the change has two of them",
                lambda weight, bias, down, up: (weight + up["weight"] @ down["weight"], bias),
            ),
            Mistake(
                "the change alone; it is added to the weight and bias that were there",
                lambda weight, bias, down, up: tuple(
                    new - old for new, old in zip(fold(weight, bias, down, up), (weight, bias), strict=True)
                ),
            ),
            Mistake(
                "first `down`, then `up`: of matrices the first one to act stands on the right",
                lambda weight, bias, down, up: (
                    weight + down["weight"] @ up["weight"],
                    bias + up["weight"] @ down["bias"] + up["bias"],
                ),
            ),
        ),
    ),
)
check = Checks(EXERCISES)
