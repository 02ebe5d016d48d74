"""The model, from the configuration down to the heads: read it top to bottom.

The backbone is BERT as `transformers` has it (here with the sizes of all-MiniLM-L6-v2).  What is ours is how a
month and a region enter it, one small class for each way:

=====================  ==============================================================================
`conditioning`         what the month's vector T and the region's vector S do
=====================  ==============================================================================
`"multiplicative"`     scale each head's attention by a temperature (the published design)
`"additive"`           are added, projected, to the queries (by option to the values, too)
`"prefix"`             become two more keys and values in each layer, to which the words attend
`"late"`               are added, projected, to the pooled embedding
`"none"`               nothing: the plain sentence encoder
=====================  ==============================================================================

Each way starts as the plain model exactly, leaves it as it was where month and region are missing, and takes away
only its own part where one of the two is missing.  Months and regions are numbers here (`-1` is missing); labels
belong to `spacetime.encoder`.  This file imports nothing else of the package: a saved model carries it along, so that
`AutoModel.from_pretrained(folder, trust_remote_code=True)` and the published card's snippet run where the package is
not installed; for that, the model's last methods take labels, in their exact spelling.

In shapes, B is the batch, L the length in word pieces, H the heads, D the size of a head, and C = H * D = 384.
"""

import json
import math
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from huggingface_hub.dataclasses import strict
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, BertConfig, BertModel, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import BertLayer, BertSelfAttention, eager_attention_forward
from transformers.utils import ModelOutput, cached_file

MISSING = -1
PUBLISHED_EPSILON = 1e-6

# Under this name, the published one, a saved model carries a copy of this file.
CARRIED_FILE = "modeling_custom_minilm.py"
AUTO_MAP = {
    "AutoConfig": f"{CARRIED_FILE.removesuffix('.py')}.SpaceTimeConfig",
    "AutoModel": f"{CARRIED_FILE.removesuffix('.py')}.SpaceTimeMiniLM",
}


# ------------------------------------------------------------------------------------------- configuration


@strict
class SpaceTimeConfig(BertConfig):
    """BERT's configuration, and how time and place enter.

    The defaults are the published Space-Time-MiniLM-v0: all-MiniLM-L6-v2's sizes, multiplicative conditioning,
    sinusoidal months 2017-01..2021-12, one learned vector for each of four regions.  Two defaults are ours: the
    usual sinusoid (the published exponent is doubled, `"sinusoidal_published"`), and normalised embeddings.

    Parameters
    ----------
    conditioning
        The way in which month and region enter (see the table above).
    time_encoding, region_encoding
        What T and S are made of.
    first_month, last_month
        The range of months, "YYYY-MM", both inside; ids count from `first_month`.
    regions
        Labels of the regions, in the order of their ids.
    region_coordinates
        Latitude and longitude of each region in degrees; needed by `region_encoding="spherical"`.
    additive_values
        Add T and S to the values as well as to the queries (`"additive"` only).
    context_rank
        Rank of changes to the backbone's projections that act only under context (`LowRank`); 0 for none.
    locator_rank
        Size of the bag of word pieces in a `Locator`, which tells month and region from the text alone; 0 for none.
        The published model has none: its heads read the pooler's output.
    mlm_transform
        A dense layer, GELU and layer norm between the last hidden states and the masked-LM head, as in BERT.  The
        published model has none; a frozen backbone, trained for sentences and not for words, needs one.
    normalize
        Scale embeddings to length 1.  The published model does not.
    max_length
        Longer texts are cut here, in word pieces; 128 in both model cards.
    backbone
        Name on the hub of the checkpoint that the model started from, where it is known for sure.
    """

    model_type = "spacetime"

    hidden_size: int = 384
    num_hidden_layers: int = 6
    intermediate_size: int = 1536

    conditioning: Literal["multiplicative", "additive", "prefix", "late", "none"] = "multiplicative"
    time_encoding: Literal["sinusoidal", "sinusoidal_published", "sinusoidal_calendar", "learned", "calendar"] = (
        "sinusoidal"
    )
    region_encoding: Literal["tokenized", "spherical"] = "tokenized"
    first_month: str = "2017-01"
    last_month: str = "2021-12"
    regions: list[str] | tuple[str, ...] = ("UK", "US", "AUS", "CAN")
    region_coordinates: list[list[float | int]] | None = None
    additive_values: bool = False
    context_rank: int = 0
    locator_rank: int = 0
    mlm_transform: bool = False
    normalize: bool = True
    max_length: int = 128
    backbone: str | None = None

    @property
    def num_months(self) -> int:
        return months_between(self.first_month, self.last_month) + 1

    @property
    def num_regions(self) -> int:
        return len(self.regions)

    def validate_months(self) -> None:
        for name in ("first_month", "last_month"):
            if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", getattr(self, name)):
                raise ValueError(f"{name} must be a month such as '2017-01', not {getattr(self, name)!r}")
        if self.num_months < 1:
            raise ValueError(f"last_month {self.last_month!r} is before first_month {self.first_month!r}")

    def validate_regions(self) -> None:
        if not self.regions or len(set(self.regions)) != len(self.regions):
            raise ValueError(f"regions must be different labels, at least one, not {list(self.regions)}")
        if self.region_encoding == "spherical":
            places = self.region_coordinates
            if places is None or len(places) != len(self.regions):
                raise ValueError(
                    "region_encoding='spherical' needs region_coordinates, one [latitude, longitude] a region: "
                    f"{len(self.regions)} regions, {0 if places is None else len(places)} coordinates"
                )
            for region, place in zip(self.regions, places, strict=True):
                if len(place) != 2 or not all(math.isfinite(x) for x in place):
                    raise ValueError(
                        f"region {region!r} has no usable [latitude, longitude]: {place}; "
                        "give its coordinates, or use region_encoding='tokenized'"
                    )


def months_between(first: str, last: str) -> int:
    """Months from `first` to `last`, both "YYYY-MM"; negative where `last` is earlier."""
    year, month = first.split("-")
    last_year, last_month = last.split("-")
    return (int(last_year) - int(year)) * 12 + int(last_month) - int(month)


# ------------------------------------------------------------------- what a month and a region are made of


def sinusoid(num_positions: int, size: int, published: bool = False) -> Tensor:
    """The sinusoidal table of "Attention Is All You Need", section 3.5, or the published model's variant.

    Parameters
    ----------
    num_positions, size
        Rows and (even) columns.
    published
        Double the exponent, as in Space-Time-MiniLM-v0: 10000^(2i/size) at the even column i, where the usual
        formula has 10000^(i/size).  Most columns then hardly change over sixty months.

    Returns
    -------
    Tensor of shape (num_positions, size)
        Sines in the even columns, cosines in the odd ones.
    """
    column = torch.arange(0, size, 2, dtype=torch.float64)
    exponent = column * (2 if published else 1) / size
    angle = torch.arange(num_positions, dtype=torch.float64)[:, None] / 10000**exponent
    return torch.stack((angle.sin(), angle.cos()), dim=-1).view(num_positions, size).float()


def calendar_features(num_months: int, first_month: str) -> Tensor:
    """A trend over the range and the month of the year as a circle.

    Returns
    -------
    Tensor of shape (num_months, 5)
        The place in the range from -1 to 1; sine and cosine of the year's circle, once and twice around.
    """
    position = torch.arange(num_months, dtype=torch.float64)
    trend = 2 * position / max(num_months - 1, 1) - 1
    year = 2 * math.pi * (position + int(first_month.split("-")[1]) - 1) / 12
    return torch.stack((trend, year.sin(), year.cos(), (2 * year).sin(), (2 * year).cos()), dim=-1).float()


def sinusoid_with_calendar(num_months: int, size: int, first_month: str) -> Tensor:
    """The sinusoid, with its twelve slowest columns given to the month of the year.

    The sinusoid tells near months from far ones; no column of it has a period of a year.  Sine and cosine of the
    year's circle, once to six times around, can tell any month of the year from any other, in every year alike.
    They are three times as large as a sinusoid's columns, so that twelve of them weigh as much as a hundred.

    Returns
    -------
    Tensor of shape (num_months, size)
    """
    month_of_year = torch.arange(num_months, dtype=torch.float64) + int(first_month.split("-")[1]) - 1
    angle = 2 * math.pi / 12 * month_of_year[:, None] * torch.arange(1, 7)
    year = 3 * torch.cat((angle.sin(), angle.cos()), dim=-1).float()
    return torch.cat((sinusoid(num_months, size)[:, : size - year.shape[1]], year), dim=-1)


def spherical_features(coordinates: list[list[float | int]]) -> Tensor:
    """Sines and cosines, at three scales, of the point on the unit sphere: near places get near features.

    Returns
    -------
    Tensor of shape (num_regions, 18)
    """
    latitude, longitude = torch.tensor(coordinates, dtype=torch.float64).deg2rad().unbind(-1)
    point = torch.stack((latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()), dim=-1)
    scaled = torch.cat([point * scale for scale in (1.0, 2.0, 4.0)], dim=-1)
    return torch.cat((scaled.sin(), scaled.cos()), dim=-1).float()


class Table(nn.Module):
    """One fixed row of numbers for each id, by itself or seen through a learned projection to (B, C)."""

    rows: Tensor

    def __init__(self, rows: Tensor, size: int) -> None:
        super().__init__()
        self.register_buffer("rows", rows)
        self.project = None if rows.shape[1] == size else UnitLinear(rows.shape[1], size)

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.rows[ids]
        return rows if self.project is None else self.project(rows)


class UnitLinear(nn.Linear):
    """A projection that keeps the size of its input: its entries start with variance about 1.

    So features become vectors of the size of a sinusoid's, and T and S become keys and values of a word's size.
    """

    def start(self) -> None:
        init.normal_(self.weight, std=self.in_features**-0.5)
        init.zeros_(self.bias)


class LearnedVectors(nn.Embedding):
    """A learned vector for each id: months start as the sinusoid, regions as independent normal numbers."""

    def __init__(self, count: int, size: int, start_as_sinusoid: bool = False) -> None:
        self.start_as_sinusoid = start_as_sinusoid
        super().__init__(count, size)

    def start(self) -> None:
        if self.start_as_sinusoid:
            init.copy_(self.weight, sinusoid(self.num_embeddings, self.embedding_dim))
        else:
            init.normal_(self.weight)


def time_vectors(config: SpaceTimeConfig) -> nn.Module:
    """Month ids (B,) to T (B, C), by `config.time_encoding`."""
    count, size = config.num_months, config.hidden_size
    if config.time_encoding == "learned":
        return LearnedVectors(count, size, start_as_sinusoid=True)
    if config.time_encoding == "calendar":
        return Table(calendar_features(count, config.first_month), size)
    if config.time_encoding == "sinusoidal_calendar":
        return Table(sinusoid_with_calendar(count, size, config.first_month), size)
    return Table(sinusoid(count, size, published=config.time_encoding == "sinusoidal_published"), size)


def region_vectors(config: SpaceTimeConfig) -> nn.Module:
    """Region ids (B,) to S (B, C), by `config.region_encoding`."""
    if config.region_encoding == "spherical":
        assert config.region_coordinates is not None  # the configuration has checked it
        return Table(spherical_features(config.region_coordinates), config.hidden_size)
    return LearnedVectors(config.num_regions, config.hidden_size)


class Context(NamedTuple):
    """When and where each sentence of a batch was written, as the layers see it."""

    month: Tensor  # (B, C), T
    region: Tensor  # (B, C), S
    month_weight: Tensor  # (B, 1), how much of the month's part is taken: 1 all, 0 none (a missing month)
    region_weight: Tensor  # (B, 1)

    def parts(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """(vector, weight) of the month, then of the region."""
        return (self.month, self.month_weight), (self.region, self.region_weight)

    def amount(self) -> Tensor:
        """How much context there is at all, (B, 1, 1): 0 without month and region, 1 as soon as one is given whole."""
        return (1 - (1 - self.month_weight) * (1 - self.region_weight))[..., None]


# --------------------------------------------------------------- the ways in which month and region enter


class Conditioning(nn.Module):
    """What one attention layer does with the context; this base does nothing (`conditioning="none"`)."""

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.head_size = config.hidden_size // config.num_attention_heads
        rank, size = config.context_rank, config.hidden_size
        self.low_rank = nn.ModuleDict({name: LowRank(size, size, rank) for name in ("query", "value") if rank})

    def before(self, query: Tensor, value: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """Change queries and values, (B, H, L, D) each, before the words attend to each other."""
        return query, value

    def after(self, output: Tensor, query: Tensor, context: Context) -> Tensor:
        """Change what the words gathered, (B, L, H, D), after they attended to each other."""
        return output

    def table(self, context: Context, part: int) -> dict[str, Tensor]:
        """What every month (part 0) or every region (part 1) brings, (rows, H, 1, 1 or D); the other is missing.

        `spacetime.model.packed` looks it up in place of `before` and `after`. `"temperature"` multiplies the queries,
        `"query"` and `"value"` are added, `"prefix_key"` and `"prefix_value"` are a key and a value for `after`. A
        class of your own that changes `before` or `after` and not this is left to the model.
        """
        return {}

    def split_heads(self, vector: Tensor) -> Tensor:
        return vector.view(-1, self.num_heads, 1, self.head_size)  # (B, C) -> (B, H, 1, D)


class MultiplicativeConditioning(Conditioning):
    """The published attention (Space-Time-MiniLM-v0), computed as the temperature that it is.

    Published: scores = (Q K^T) * (T_l T_l^T / |T_l|) * (S_l S_l^T / |S_l|) / sqrt(D), with T_l = W_t T and
    S_l = W_s S repeated for every word.  Since every word of a sentence has the same month, T_l T_l^T / |T_l| is
    one number in all L x L places: the formula scales a head's scores by
    tau = |T_l|^2 / (|T_l| + eps) * |S_l|^2 / (|S_l| + eps).  Scaling the queries by tau gives the same scores, and
    leaves the rest to a fused attention.
    """

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__(config)
        self.W_t = TemperatureLinear(config.hidden_size, config.hidden_size, self.num_heads)
        self.W_s = TemperatureLinear(config.hidden_size, config.hidden_size, self.num_heads)

    def before(self, query: Tensor, value: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        return query * self.temperature(context).to(query.dtype), value

    def table(self, context: Context, part: int) -> dict[str, Tensor]:
        return {"temperature": self.temperature(context)}

    def temperature(self, context: Context) -> Tensor:
        """Tau of each sentence and head, (B, H, 1, 1); 1 for what is missing, between for a weight between."""
        tau = torch.ones((), device=context.month.device)
        for project, (vector, weight) in zip((self.W_t, self.W_s), context.parts(), strict=True):
            projected = project(vector).to(weight.dtype)  # under autocast a projection is bfloat16, a weight float32
            norm = torch.linalg.vector_norm(self.split_heads(projected), dim=-1)  # (B, H, 1)
            tau = tau * torch.lerp(torch.ones_like(norm), norm * norm / (norm + PUBLISHED_EPSILON), weight[..., None])
        return tau[..., None]


class TemperatureLinear(nn.Linear):
    """W_t or W_s, started so that every temperature is 1: no weight, and a bias of norm 1 in each head.

    A random start sets random temperatures and damages the plain model (mean cosine to it .50-.78); this one
    keeps it, keeps the published formula and layout, and W still has a gradient.
    """

    def __init__(self, in_features: int, out_features: int, num_heads: int) -> None:
        self.num_heads = num_heads
        super().__init__(in_features, out_features)

    def start(self) -> None:
        init.zeros_(self.weight)
        init.constant_(self.bias, (self.out_features // self.num_heads) ** -0.5)


class AdditiveConditioning(Conditioning):
    """W_t T + W_s S added to the queries (and, by option, to the values).

    Added to all keys alike they would change every score of a query by the same number, which a softmax ignores.
    """

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__(config)
        self.to_query = nn.ModuleList(ZeroLinear(config.hidden_size, config.hidden_size) for _ in range(2))
        self.to_value = nn.ModuleList(
            ZeroLinear(config.hidden_size, config.hidden_size) for _ in range(2 * config.additive_values)
        )

    def before(self, query: Tensor, value: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        return self.add(query, self.to_query, context), self.add(value, self.to_value, context)

    def table(self, context: Context, part: int) -> dict[str, Tensor]:
        none = torch.zeros(1, self.num_heads, 1, self.head_size)
        added = {"query": self.add(none, self.to_query, context), "value": self.add(none, self.to_value, context)}
        return added if self.to_value else {"query": added["query"]}

    def add(self, words: Tensor, projections: nn.ModuleList, context: Context) -> Tensor:
        for project, (vector, weight) in zip(projections, context.parts(), strict=False):
            words = words + self.split_heads(project(vector) * weight)
        return words


class ZeroLinear(nn.Linear):
    """A projection that starts at 0: its output is 0, its gradient is not."""

    def start(self) -> None:
        init.zeros_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class PrefixConditioning(Conditioning):
    """One more key and value for the month, and one for the region, to which the words' queries attend.

    Each of the two has a softmax of its own, over itself and an empty token with score 0: the share it gets is
    sigmoid(q k / sqrt(D)), so that a missing month leaves the region's part as it was.  What it brings is added,
    through a gate for each head that starts at 0 as in zero-initialised attention (LLaMA-Adapter, section 3.2).
    """

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__(config)
        size = config.hidden_size
        self.key = nn.ModuleList(UnitLinear(size, size) for _ in range(2))
        self.value = nn.ModuleList(UnitLinear(size, size) for _ in range(2))
        self.gate = Gates(2, self.num_heads)

    def after(self, output: Tensor, query: Tensor, context: Context) -> Tensor:
        gate = self.gate()
        for i, (vector, weight) in enumerate(context.parts()):
            key = self.split_heads(self.key[i](vector))
            value = self.split_heads(self.value[i](vector) * weight) * gate[i, :, None, None]
            score = (query * key).sum(-1, keepdim=True) / math.sqrt(self.head_size)  # (B, H, L, 1)
            output = output + (score.sigmoid() * value).transpose(1, 2)  # (B, L, H, D)
        return output

    def table(self, context: Context, part: int) -> dict[str, Tensor]:
        vector, weight = context.parts()[part]
        value = self.split_heads(self.value[part](vector) * weight) * self.gate()[part, :, None, None]
        return {"prefix_key": self.split_heads(self.key[part](vector)), "prefix_value": value}


class Gates(nn.Module):
    """A number for each of the two tokens and each head, started at 0.

    Adam moves a parameter by about its learning rate a step, whatever the gradient: at 2e-4 a gate of 1 would take
    5,000 steps.  The gate is therefore its parameter times 30 (trial, frozen backbone, 200 steps at 1e-3, unseen
    text: pair Spearman .990 and meaning kept .90, against .977 and .82 without the factor).
    """

    SPEED = 30.0

    def __init__(self, tokens: int, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(tokens, heads))

    def start(self) -> None:
        init.zeros_(self.weight)

    def forward(self) -> Tensor:
        return self.SPEED * self.weight  # (tokens, H)


class LowRank(nn.Module):
    """A low-rank change of one of the backbone's projections (LoRA, arXiv 2106.09685, section 4.1); it starts at 0.

    It is scaled by how much context there is, so that the plain model stays as it was without any.
    """

    def __init__(self, in_features: int, out_features: int, rank: int) -> None:
        super().__init__()
        self.down = UnitLinear(in_features, rank)
        self.up = ZeroLinear(rank, out_features)

    def forward(self, hidden_states: Tensor, context: Context) -> Tensor:
        change: Tensor = self.up(self.down(hidden_states)) * context.amount().to(hidden_states.dtype)
        return change


class LateConditioning(nn.Module):
    """A vector for the month and one for the region, added to the pooled embedding: the simple baseline."""

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__()
        self.project = nn.ModuleList(ZeroLinear(config.hidden_size, config.hidden_size, bias=False) for _ in range(2))

    def forward(self, pooled: Tensor, context: Context) -> Tensor:
        for project, (vector, weight) in zip(self.project, context.parts(), strict=True):
            pooled = pooled + project(vector) * weight
        return pooled


CONDITIONING_IN_ATTENTION: dict[str, type[Conditioning]] = {
    "multiplicative": MultiplicativeConditioning,
    "additive": AdditiveConditioning,
    "prefix": PrefixConditioning,
    "late": Conditioning,
    "none": Conditioning,
}


# ---------------------------------------------------------------------------------- attention and backbone


class SpaceTimeSelfAttention(BertSelfAttention):
    """BERT's self-attention with the conditioning before and after it."""

    def __init__(self, config: SpaceTimeConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx=layer_idx)
        self.conditioning = CONDITIONING_IN_ATTENTION[config.conditioning](config)

    def forward(  # type: ignore[override]
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        context: Context | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        batch, length, _ = hidden_states.shape
        heads = (batch, length, self.num_attention_heads, self.attention_head_size)
        query, value = self.query(hidden_states), self.value(hidden_states)
        if context is not None and self.conditioning.low_rank:
            query = query + self.conditioning.low_rank["query"](hidden_states, context)
            value = value + self.conditioning.low_rank["value"](hidden_states, context)
        query = query.view(heads).transpose(1, 2)  # (B, H, L, D)
        key = self.key(hidden_states).view(heads).transpose(1, 2)
        value = value.view(heads).transpose(1, 2)

        asked = query
        if context is not None:
            query, value = self.conditioning.before(query, value, context)
        attend: Callable[..., tuple[Tensor, Tensor | None]] = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        dropout = self.dropout.p if self.training else 0.0
        output, weights = attend(
            self, query, key, value, attention_mask, dropout=dropout, scaling=self.scaling
        )  # (B, L, H, D)
        if context is not None:
            output = self.conditioning.after(output, asked, context)
        return output.reshape(batch, length, -1).contiguous(), weights


class FeedForwardConditioning(nn.Module):
    """Low-rank changes of the two projections of a layer's feed-forward part."""

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__()
        self.inner = LowRank(config.hidden_size, config.intermediate_size, config.context_rank)
        self.outer = LowRank(config.intermediate_size, config.hidden_size, config.context_rank)


class SpaceTimeLayer(BertLayer):
    """BERT's layer with our self-attention, and by option low-rank changes of the feed-forward part."""

    def __init__(self, config: SpaceTimeConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx=layer_idx)
        attention: Any = self.attention
        attention.self = SpaceTimeSelfAttention(config, layer_idx=layer_idx)
        self.conditioning = FeedForwardConditioning(config) if config.context_rank else None

    def forward(  # type: ignore[override]
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, *args: Any, **kwargs: Any
    ) -> Tensor:
        context: Context | None = kwargs.get("context")
        if context is None or self.conditioning is None:
            plain: Tensor = super().forward(hidden_states, attention_mask, *args, **kwargs)
            return plain
        attended, _ = self.attention(hidden_states, attention_mask, **kwargs)
        inner = self.intermediate.dense(attended) + self.conditioning.inner(attended, context)
        inner = self.intermediate.intermediate_act_fn(inner)
        outer = self.output.dense(inner) + self.conditioning.outer(inner, context)
        output: Tensor = self.output.LayerNorm(self.output.dropout(outer) + attended)
        return output


class StartsOwnWeights:
    """Lets a module with a `start` method set its own first weights, in place of BERT's normal(0, 0.02)."""

    def _init_weights(self, module: nn.Module) -> None:
        start: Callable[[], None] | None = getattr(module, "start", None)
        if start is not None:
            start()
        else:
            super()._init_weights(module)  # type: ignore[misc]


class SpaceTimeBert(StartsOwnWeights, BertModel):
    """BERT with our layers; the keyword `context` travels down to them."""

    config: SpaceTimeConfig

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__(config)
        self.encoder.layer = nn.ModuleList(SpaceTimeLayer(config, index) for index in range(config.num_hidden_layers))


# --------------------------------------------------------------------------------------------- whole model


@dataclass
class SpaceTimeOutput(ModelOutput):
    """What `SpaceTimeMiniLM` returns.

    Attributes
    ----------
    embedding : Tensor of shape (B, C)
        The sentence's embedding: mean over its word pieces, conditioned, normalised if the configuration says so.
    last_hidden_state : Tensor of shape (B, L, C)
    pooler_output : Tensor of shape (B, C)
        BERT's pooler on the first word piece; the month and region heads read it, as published.
    mlm_logits : Tensor of shape (number of masked places, vocabulary) or None
    month_logits : Tensor of shape (B, months) or None
    region_logits : Tensor of shape (B, regions) or None
    """

    embedding: Tensor | None = None
    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    mlm_logits: Tensor | None = None
    month_logits: Tensor | None = None
    region_logits: Tensor | None = None


class MaskedWordTransform(nn.Module):
    """BERT's layer before its masked-LM head; it starts near the identity."""

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__()
        self.dense = IdentityLinear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, words: Tensor) -> Tensor:
        transformed: Tensor = self.norm(nn.functional.gelu(self.dense(words)))
        return transformed


class IdentityLinear(nn.Linear):
    """A square projection that starts as the identity."""

    def start(self) -> None:
        init.zeros_(self.bias)
        init.copy_(self.weight, torch.eye(self.in_features))


class Locator(nn.Module):
    """Month and region from the words alone: a bag of word pieces beside the plain embedding, both read linearly.

    The bag is TF-IDF (each piece once, weighted, scaled to length 1) seen through vectors of a small size; it finds
    names, the embedding finds what a text is about.  Neither changes anything else in the model.
    """

    piece_weights: Tensor

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__()
        outputs = config.num_months + config.num_regions
        self.num_months = config.num_months
        self.register_buffer("piece_weights", torch.zeros(config.vocab_size))  # inverse document frequency
        self.pieces = nn.Embedding(config.vocab_size, config.locator_rank)
        self.from_pieces = nn.Linear(config.locator_rank, outputs)
        self.from_embedding = ZeroLinear(config.hidden_size, outputs)

    def forward(self, embedding: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of months and of regions, (B, months) and (B, regions), from plain unit embeddings (B, C)."""
        bag = torch.einsum("bl,blr->br", self.bag_weights(input_ids, attention_mask), self.pieces(input_ids))
        logits = self.from_pieces(bag) + self.from_embedding(embedding)
        return logits[:, : self.num_months], logits[:, self.num_months :]

    def bag_weights(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """TF-IDF weight of every word piece, (B, L); repetitions share one weight, so that each piece counts once."""
        weight = self.piece_weights[input_ids] * attention_mask
        times = (input_ids[:, :, None] == input_ids[:, None, :]).sum(-1)  # (B, L)
        length = (weight.square() / times).sum(-1, keepdim=True).sqrt().clamp(min=1e-9)
        return weight / times / length


class SpaceTimeMiniLM(StartsOwnWeights, PreTrainedModel):
    """all-MiniLM-L6-v2 whose attention also takes a month and a region, with the heads that train it.

    Heads: masked words (weights tied to the word embeddings), months, regions.  Start it from the plain model
    with `spacetime.model.plain_model`, or from a saved one with `from_pretrained`.
    """

    config_class = SpaceTimeConfig
    config: SpaceTimeConfig
    base_model_prefix = "bert"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_attention_backend = True
    _tied_weights_keys = {"mlm_head.weight": "bert.embeddings.word_embeddings.weight"}

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__(config)
        self.time_embed = time_vectors(config)
        self.space_embed = region_vectors(config)
        self.bert = SpaceTimeBert(config)
        self.late = LateConditioning(config) if config.conditioning == "late" else None
        self.mlm_transform = MaskedWordTransform(config) if config.mlm_transform else nn.Identity()
        self.mlm_head = nn.Linear(config.hidden_size, config.vocab_size)
        self.time_head = nn.Linear(config.hidden_size, config.num_months)
        self.space_head = nn.Linear(config.hidden_size, config.num_regions)
        self.locator = Locator(config) if config.locator_rank else None
        self.post_init()

    @classmethod
    def from_published(cls, path_or_name: str | Path) -> "SpaceTimeMiniLM":
        """Read a checkpoint in the layout of the published Space-Time-MiniLM-v0.

        It keeps the published table of months, untied masked-LM head, heads on the pooler, and embeddings that are
        not normalised.

        Parameters
        ----------
        path_or_name
            A folder with `config.json` and `model.safetensors`, or a name on the hub.

        Raises
        ------
        OSError
            No such folder or name, or no such files in it.
        ValueError
            Another model, or weights that do not fit.
        """
        config_file, weights_file = (cached_file(str(path_or_name), f) for f in ("config.json", "model.safetensors"))
        assert config_file is not None and weights_file is not None  # else `cached_file` has raised
        theirs = json.loads(Path(config_file).read_text(encoding="utf-8"))
        if not is_published(theirs):
            found = {name: theirs.get(name) for name in (*PUBLISHED_MARKS, "num_space")}
            raise ValueError(
                f"{path_or_name} is not in the published layout: its config.json has {found}, which should be "
                f"{PUBLISHED_MARKS} and a number of regions"
            )
        unlike_bert = ("model_type", "architectures", "num_time", "num_space", "transformers_version", "auto_map")
        fields = {name: value for name, value in theirs.items() if name not in unlike_bert}
        config = SpaceTimeConfig(**(fields | PUBLISHED_CONFIG))
        for given, known in (("num_time", config.num_months), ("num_space", config.num_regions)):
            if theirs.get(given, known) != known:
                raise ValueError(
                    f"{path_or_name}/config.json has {given} {theirs[given]}, but {known} labels are known "
                    f"({config.first_month}..{config.last_month}; {', '.join(config.regions)}): add first_month, "
                    "last_month and regions to it"
                )
        model = cls(config)
        try:
            missing, unexpected = model.load_state_dict(
                {name_here(name): tensor for name, tensor in load_file(weights_file).items()}, strict=False
            )
        except RuntimeError as error:  # sizes
            reason = str(error).splitlines()[1].strip()
            raise ValueError(f"{path_or_name} does not fit its config.json: {reason}") from error
        if missing or unexpected:
            raise ValueError(
                f"{path_or_name} is not in the published layout: its weights lack {missing[:3]}, "
                f"and have besides {unexpected[:3]}"
            )
        return model.eval()

    def save_pretrained(self, save_directory: str | Path, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Write configuration, weights (safetensors) and a copy of this file into a folder."""
        self.config.auto_map = AUTO_MAP
        super().save_pretrained(save_directory, *args, **kwargs)
        carried = Path(save_directory) / CARRIED_FILE
        if not carried.exists() or not carried.samefile(__file__):
            shutil.copyfile(__file__, carried)

    def get_output_embeddings(self) -> nn.Linear:
        return self.mlm_head

    def context(
        self, month_ids: Tensor, region_ids: Tensor, time_weight: float = 1.0, region_weight: float = 1.0
    ) -> Context:
        """Ids (B,) of months and regions, -1 where missing, to what the layers see."""
        month, region = self.time_embed(month_ids.clamp(min=0)), self.space_embed(region_ids.clamp(min=0))
        return Context(
            month=month,
            region=region,
            month_weight=(month_ids != MISSING)[:, None].to(month.dtype) * time_weight,
            region_weight=(region_ids != MISSING)[:, None].to(region.dtype) * region_weight,
        )

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        month_ids: Tensor | None = None,
        region_ids: Tensor | None = None,
        masked_positions: Tensor | None = None,
        with_heads: bool = False,
        token_type_ids: Tensor | None = None,
        time_weight: float = 1.0,
        region_weight: float = 1.0,
    ) -> SpaceTimeOutput:
        """Embed a batch of sentences.

        Parameters
        ----------
        input_ids, attention_mask
            Word pieces and which of them are real, (B, L).
        month_ids, region_ids
            Ids (B,), -1 where missing; None where all are missing.
        masked_positions
            True at the places (B, L) whose words are to be predicted: only these get `mlm_logits`, since the
            30,522-way product costs more than the encoder itself.
        with_heads
            Also return `month_logits` and `region_logits`.
        time_weight, region_weight
            How much of the month's and of the region's part is taken, from 0 (as if missing) to 1.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        context = None
        if self.config.conditioning != "none" and not (month_ids is None and region_ids is None):
            missing = torch.full(input_ids.shape[:1], MISSING, device=input_ids.device)
            context = self.context(
                missing if month_ids is None else month_ids,
                missing if region_ids is None else region_ids,
                time_weight,
                region_weight,
            )
        encoded = self.bert(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, context=context
        )
        words = encoded.last_hidden_state
        pooled = mean_pool(words, attention_mask)
        if self.late is not None and context is not None:
            pooled = self.late(pooled, context)
        return SpaceTimeOutput(
            embedding=nn.functional.normalize(pooled, dim=-1) if self.config.normalize else pooled,
            last_hidden_state=words,
            pooler_output=encoded.pooler_output,
            mlm_logits=None if masked_positions is None else self.mlm_head(self.mlm_transform(words[masked_positions])),
            month_logits=self.time_head(encoded.pooler_output) if with_heads else None,
            region_logits=self.space_head(encoded.pooler_output) if with_heads else None,
        )

    def locate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        month_ids: Tensor | None = None,
        region_ids: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Logits of months and of regions: of the locator from the text alone, or of the heads where there is none."""
        if self.locator is None:
            output = self(input_ids, attention_mask, month_ids, region_ids, with_heads=True)
            return output.month_logits, output.region_logits
        embedding = nn.functional.normalize(self(input_ids, attention_mask).embedding.float(), dim=-1)
        # Never in bfloat16: weights are large where an embedding hardly varies, and three digits would be lost.
        with torch.autocast(embedding.device.type, enabled=False):
            logits: tuple[Tensor, Tensor] = self.locator(embedding, input_ids, attention_mask)
        return logits

    def label_ids(self, months: Sequence[str | None], regions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Labels, None where missing, to ids (B,) each.

        Raises
        ------
        ValueError
            A month that is not "YYYY-MM" or outside the model's range, or a region it does not know.
        """
        config = self.config
        known = list(config.regions)
        ids: tuple[list[int], list[int]] = ([], [])
        for month, region in zip(months, regions, strict=True):
            ids[0].append(MISSING if month is None else self._month_id(month))
            if region is not None and region not in known:
                raise ValueError(f"region {region!r} is none of {', '.join(known)}; give None where it is not known")
            ids[1].append(MISSING if region is None else known.index(region))
        return torch.tensor(ids[0]), torch.tensor(ids[1])

    def _month_id(self, month: str) -> int:
        first, last = self.config.first_month, self.config.last_month
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", str(month)) or not first <= month <= last:
            raise ValueError(f"month {month!r} is none of {first}..{last}; give None where it is not known")
        return months_between(first, month)

    @torch.inference_mode()
    def embed_sentence(self, text: str, time: str | None, space: str | None, tokenizer: Any) -> Tensor:
        """The published call: one sentence with its month and region, as labels or None, to (1, C)."""
        batch = tokenizer([text], truncation=True, max_length=self.config.max_length, return_tensors="pt")
        month_ids, region_ids = self.label_ids([time], [space])
        output = self(
            batch["input_ids"].to(self.device),
            batch["attention_mask"].to(self.device),
            month_ids=month_ids.to(self.device),
            region_ids=region_ids.to(self.device),
        )
        embedding: Tensor = output.embedding
        return embedding

    def compute_similarity(
        self,
        s1: str,
        s2: str,
        time1: str | None = None,
        time2: str | None = None,
        space1: str | None = None,
        space2: str | None = None,
        *,
        tokenizer: Any,
    ) -> float:
        """The published call: the cosine of two sentences, each with its month and region."""
        first = self.embed_sentence(s1, time1, space1, tokenizer)
        second = self.embed_sentence(s2, time2, space2, tokenizer)
        return float(nn.functional.cosine_similarity(first, second))


def mean_pool(words: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean of the last hidden states over the real word pieces, (B, L, C) to (B, C), as in both model cards."""
    real = attention_mask[..., None].to(words.dtype)
    return (words * real).sum(dim=1) / real.sum(dim=1).clamp(min=1e-9)


# ---------------------------------------------------------------------------------------- published layout

# By what one knows a published config.json, and that it has `num_space`.
PUBLISHED_MARKS = {"model_type": "bert", "architectures": ["SpaceTimeMiniLM"]}

# What the published configuration leaves unsaid, because its code had it fixed.
PUBLISHED_CONFIG: dict[str, Any] = {
    "conditioning": "multiplicative",
    "time_encoding": "sinusoidal_published",
    "region_encoding": "tokenized",
    "normalize": False,
    "tie_word_embeddings": False,
}

# Parts of weights' names, as published and as here.
PUBLISHED_NAMES = (
    ("base.", "bert."),
    *((f"attention.self.orig.{name}.", f"attention.self.{name}.") for name in ("query", "key", "value")),
    ("attention.self.W_", "attention.self.conditioning.W_"),
    ("space_embed.embedding.", "space_embed."),
    ("time_embed.pe", "time_embed.rows"),
)


def is_published(config: dict[str, Any]) -> bool:
    """Whether the content of a `config.json` is one of the published layout."""
    return "num_space" in config and all(config.get(name) == value for name, value in PUBLISHED_MARKS.items())


def name_here(published: str) -> str:
    """A weight's name in this file's model, from its published name."""
    for theirs, ours in PUBLISHED_NAMES:
        published = published.replace(theirs, ours)
    return published


# Known to transformers as soon as this file is imported, from the package or from a saved model's folder.
AutoConfig.register(SpaceTimeConfig.model_type, SpaceTimeConfig, exist_ok=True)
AutoModel.register(SpaceTimeConfig, SpaceTimeMiniLM, exist_ok=True)
