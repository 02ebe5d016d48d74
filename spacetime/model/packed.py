"""The model's forward pass for many sentences on a processor: the same numbers as `modeling`, in less time.

- Sentences stand one after the other without padding, and sentences of one length attend together, without a mask.
- Linear layers go to oneDNN, with weights laid out for it once, GELU and the residual sum done inside them; or, without
  AVX-512, to NumPy's OpenBLAS. In bfloat16 weights are converted once, not at every call as under autocast.
- What a month and a region bring to a layer depends on nothing else, so it is looked up in a table instead of being
  computed for every batch; and changes of low rank are added to the weights once for every amount of context.

`benchmarks/README.md`, "Speed", has the measurements. It is made anew from the model's weights at each use (about
30 ms), so that it can't be out of date after a training.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import groupby
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.nn import functional

from spacetime.model.modeling import Conditioning, Context, LowRank, SpaceTimeMiniLM

# Almost every step has shapes of its own, and oneDNN keeps the code that it makes for the last 1,024 of them: 650 MB
# that hardly ever serve again.  It reads this at its first product; training is as fast with so few.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")


# What a conditioning's `table` may give; what is missing brings a row of 0, of the temperature 1.
TABLES = ("temperature", "query", "value", "prefix_key", "prefix_value")
Tables = dict[str, tuple[Tensor, Tensor]]  # by name: of months and of regions, by id, (ids, H, 1, 1 or D) each


def can_be_packed(model: SpaceTimeMiniLM) -> bool:
    """Whether `PackedModel` computes what this model does: GELU, and a class that changes the attention has a table."""
    if model.config.hidden_act != "gelu":
        return False

    def place(kind: type, method: str) -> int:
        return next(number for number, base in enumerate(kind.__mro__) if method in vars(base))

    kinds = {type(layer.attention.self.conditioning) for layer in cast(Any, model.bert).encoder.layer}
    return all(place(kind, "table") <= min(place(kind, "before"), place(kind, "after")) for kind in kinds)


class PackedModel:
    """A `SpaceTimeMiniLM` in evaluation mode, on the processor and in float32, ready to embed many sentences.

    In bfloat16, sums inside a product, softmax and layer norm keep float32.
    """

    def __init__(
        self, model: SpaceTimeMiniLM, dtype: torch.dtype, time_weight: float = 1.0, region_weight: float = 1.0
    ) -> None:
        self.model, self.dtype = model, dtype
        self.backbone = cast(Any, model.bert)
        self.weights = (time_weight, region_weight)
        config = model.config
        self.heads, self.head_size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
        self.low_rank = config.conditioning != "none" and config.context_rank > 0
        self.tables = [self._tables(layer.attention.self.conditioning) for layer in self.backbone.encoder.layer]
        self.late = None if model.late is None else self._late_tables()
        self._layers: dict[float, list[_Layer]] = {}

    def amounts(self, month_ids: NDArray[np.int64], region_ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much context each sentence has, (n,), where changes of low rank depend on it; else 0 for all."""
        if not self.low_rank:
            return np.zeros(len(month_ids))
        time, region = self.weights
        return 1 - (1 - time * (month_ids >= 0)) * (1 - region * (region_ids >= 0))

    def prepare(self, month_ids: NDArray[np.int64], region_ids: NDArray[np.int64]) -> None:
        """Make the weights for every amount of context of these sentences; threads that share them need it done."""
        for amount in np.unique(self.amounts(month_ids, region_ids)).tolist():
            self._layers_for(amount)

    @torch.inference_mode()
    def embed(
        self, pieces: Sequence[Sequence[int]], month_ids: NDArray[np.int64], region_ids: NDArray[np.int64]
    ) -> Tensor:
        """Embeddings (B, C) in float32, as `SpaceTimeMiniLM.forward` gives them.

        The sentences must share one amount of context (`amounts`); only those of one length that stand together gain.
        """
        blocks, start, sentence = [], 0, 0
        for length, same in groupby(pieces, key=len):
            count = sum(1 for _ in same)
            end = start + count * length
            blocks.append(_Block(count, length, slice(start, end), slice(sentence, sentence + count)))
            start, sentence = end, sentence + count
        layers = self._layers_for(float(self.amounts(month_ids[:1], region_ids[:1])[0]))
        # A missing month or region has the id -1: the last row of each table, which does nothing.
        ids = torch.from_numpy(month_ids), torch.from_numpy(region_ids)

        words = self._embeddings(np.concatenate([np.asarray(one) for one in pieces]), blocks)  # (N, C), N all pieces
        for layer, tables in zip(layers, self.tables, strict=True):
            attended = self._attention(layer.projected(words), blocks, tables, ids)
            words = layer.attention_norm(layer.attended(attended, words))
            words = layer.output_norm(layer.outer(layer.inner(words), words))
        pooled = torch.cat([words[b.words].view(b.number, b.length, -1).float().mean(1) for b in blocks])
        if self.late is not None:
            pooled = pooled + _both(self.late, ids)
        return functional.normalize(pooled, dim=-1) if self.model.config.normalize else pooled

    def _embeddings(self, ids: NDArray[np.int64], blocks: "list[_Block]") -> Tensor:
        """BERT's embeddings of words, places and the one segment, (N, C)."""
        parts = self.backbone.embeddings
        longest = max(block.length for block in blocks)
        places = parts.position_embeddings.weight[:longest] + parts.token_type_embeddings.weight[0]
        words: Tensor = parts.word_embeddings(torch.from_numpy(ids))
        for block in blocks:
            words[block.words].view(block.number, block.length, -1).add_(places[: block.length])
        normed: Tensor = parts.LayerNorm(words)
        return normed.to(self.dtype)

    def _attention(
        self, projected: Tensor, blocks: "list[_Block]", tables: Tables, ids: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Queries, keys and values (N, 3 C), the queries scaled by 1/sqrt(D), to what the words gathered (N, C)."""
        heads, size = self.heads, self.head_size
        output = torch.empty(len(projected), heads * size, dtype=projected.dtype)
        for block in blocks:
            flat = block.number * heads
            parts = projected[block.words].view(block.number, block.length, 3, heads, size)
            query, key, value = (
                part.reshape(flat, block.length, size)  # (B H, L, D)
                for part in parts.permute(2, 0, 3, 1, 4)
            )
            of_block = (ids[0][block.sentences], ids[1][block.sentences])
            if "query" in tables:
                query = query + _both(tables["query"], of_block).view(flat, 1, size)
            if "value" in tables:
                value = value + _both(tables["value"], of_block).view(flat, 1, size)
            if "temperature" in tables:
                tau = tables["temperature"][0][of_block[0]] * tables["temperature"][1][of_block[1]]
                query = query * tau.view(flat, 1, 1)
            gathered = torch.bmm(torch.bmm(query, key.transpose(1, 2)).softmax(-1), value)
            if "prefix_key" in tables:
                keys, values = (
                    torch.stack([t[i] for t, i in zip(tables[name], of_block, strict=True)], 2).view(flat, 2, size)
                    for name in ("prefix_key", "prefix_value")
                )
                share = torch.bmm(query, keys.transpose(1, 2)).sigmoid()  # (B H, L, 2)
                gathered = gathered.baddbmm_(share, values)
            output[block.words].view(block.number, block.length, heads, size).copy_(
                gathered.view(block.number, heads, block.length, size).transpose(1, 2)
            )
        return output

    def _layers_for(self, amount: float) -> "list[_Layer]":
        """The layers' weights for one amount of context, made when first asked for."""
        if amount in self._layers:
            return self._layers[amount]
        layers = []
        for layer in self.backbone.encoder.layer:
            attention, conditioning = layer.attention.self, layer.attention.self.conditioning
            changes = dict(conditioning.low_rank.items())
            names = ("query", "key", "value")
            weights, biases = zip(*(_merged(getattr(attention, n), changes.get(n), amount) for n in names), strict=True)
            weight, bias = (torch.cat((part[0] * attention.scaling, *part[1:])) for part in (weights, biases))
            both = layer.conditioning
            inner = _merged(layer.intermediate.dense, None if both is None else both.inner, amount)
            outer = _merged(layer.output.dense, None if both is None else both.outer, amount)
            dense = layer.attention.output.dense
            layers.append(
                _Layer(
                    projected=_Linear(weight, bias, self.dtype),
                    attended=_Linear(dense.weight, dense.bias, self.dtype),
                    attention_norm=_norm(layer.attention.output.LayerNorm, self.dtype),
                    inner=_Linear(*inner, self.dtype, gelu=True),
                    outer=_Linear(*outer, self.dtype),
                    output_norm=_norm(layer.output.LayerNorm, self.dtype),
                )
            )
        self._layers[amount] = layers
        return layers

    @torch.inference_mode()
    def _tables(self, conditioning: Conditioning) -> Tables:
        """What every month and every region brings to a layer, by the layer's own conditioning."""
        parts = [conditioning.table(context, part) for part, context in enumerate(self._alone())]
        if unknown := set(parts[0]) - set(TABLES):
            raise ValueError(f"{type(conditioning).__name__}.table gives {min(unknown)!r}, not {', '.join(TABLES)}")
        # The scores' scale stands in the query's weights, so what is added to a query is scaled, too.
        if "query" in parts[0]:
            parts = [part | {"query": part["query"] * self.head_size**-0.5} for part in parts]
        return {name: self._rows([part[name] for part in parts], float(name == "temperature")) for name in parts[0]}

    @torch.inference_mode()
    def _late_tables(self) -> tuple[Tensor, Tensor]:
        late, nothing = cast(Any, self.model.late), torch.zeros(1, self.model.config.hidden_size)
        return self._rows([late(nothing, context) for context in self._alone()], dtype=torch.float32)

    def _alone(self) -> tuple[Context, Context]:
        """Every month without a region, then every region without a month."""
        model, (time, region) = self.model, self.weights
        months, regions = torch.arange(model.config.num_months), torch.arange(model.config.num_regions)
        pairs = (months, torch.full_like(months, -1)), (torch.full_like(regions, -1), regions)
        return model.context(*pairs[0], time, region), model.context(*pairs[1], time, region)

    def _rows(
        self, parts: list[Tensor], missing: float = 0.0, dtype: torch.dtype | None = None
    ) -> tuple[Tensor, Tensor]:
        """Months' and regions' rows in the working precision, with one more row for what is missing."""
        months, regions = (
            torch.cat((rows, torch.full_like(rows[:1], missing))).to(dtype or self.dtype) for rows in parts
        )
        return months, regions


def _both(tables: tuple[Tensor, Tensor], ids: tuple[Tensor, Tensor]) -> Tensor:
    """What the month and the region of each sentence bring, added."""
    return tables[0][ids[0]] + tables[1][ids[1]]


class _Block(NamedTuple):
    """Sentences of one length, that stand together."""

    number: int
    length: int
    words: slice  # of all pieces
    sentences: slice


class _Layer(NamedTuple):
    projected: "_Linear"
    attended: "_Linear"
    attention_norm: Callable[[Tensor], Tensor]
    inner: "_Linear"
    outer: "_Linear"
    output_norm: Callable[[Tensor], Tensor]


class _Linear:
    """A linear layer by the library that is quickest here: with GELU after it, or with a sum."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, *, gelu: bool = False) -> None:
        self.gelu, self.by = gelu, product_library(dtype)
        self.bias, self.size = bias.detach().to(dtype), len(weight)
        self.weight: Any = weight.detach().to(dtype)
        if self.by == "onednn":
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight, None)
        elif self.by == "numpy":
            self.weight = np.ascontiguousarray(self.weight.numpy().T)

    def __call__(self, words: Tensor, added: Tensor | None = None) -> Tensor:
        if self.by == "onednn":  # GELU and the sum at no further cost
            fused = torch.ops.mkldnn._linear_pointwise
            if added is not None:
                return cast(Tensor, fused.binary(words, added, self.weight, self.bias, "add"))
            return cast(Tensor, fused(words, self.weight, self.bias, "gelu" if self.gelu else "none", [], "none"))
        if self.by == "numpy":
            output = torch.empty(len(words), self.size)
            np.matmul(words.numpy(), self.weight, out=output.numpy())
            output += self.bias
        else:
            output = functional.linear(words, self.weight, self.bias)
        output = functional.gelu(output) if self.gelu else output
        return output if added is None else output.add_(added)


def product_library(dtype: torch.dtype) -> Literal["onednn", "numpy", "torch"]:
    """Which library multiplies: oneDNN where torch has it, NumPy's OpenBLAS without AVX-512, else what torch takes.

    On an AMD Zen 3 OpenBLAS takes an eighth off the time of the whole (`benchmarks/README.md`).
    """
    if dtype == torch.float32 and torch.backends.cpu.get_cpu_capability() == "AVX2" and _openblas() is not None:
        return "numpy"
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return "torch"
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # without AVX-512 it raises
        return "torch"
    return "onednn"


@cache
def _openblas() -> ThreadpoolController | None:
    """What sets the threads of NumPy's OpenBLAS; None where NumPy multiplies by something else."""
    blas: Any = np.show_config(mode="dicts")
    if "openblas" not in blas.get("Build Dependencies", {}).get("blas", {}).get("name", ""):
        return None
    found = ThreadpoolController().select(internal_api="openblas")
    return found if found.lib_controllers else None


def product_threads(count: int) -> AbstractContextManager[Any]:
    """Let each product take so many threads; torch's own setting does not reach NumPy."""
    blas = _openblas()
    return nullcontext() if blas is None else blas.limit(limits=count)


def _norm(norm: nn.LayerNorm, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    weight, bias = (None if one is None else one.detach().to(dtype) for one in (norm.weight, norm.bias))
    return lambda words: functional.layer_norm(words, norm.normalized_shape, weight, bias, norm.eps)


@torch.inference_mode()
def _merged(linear: nn.Linear, change: LowRank | None, amount: float) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer, with an amount of a change of low rank added to them."""
    if change is None or amount == 0:
        return linear.weight, linear.bias
    weight = linear.weight + amount * (change.up.weight @ change.down.weight)
    return weight, linear.bias + amount * change.up(change.down.bias)
