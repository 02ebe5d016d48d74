"""Encoding: against sentence-transformers, with against without context, against the published way."""

import math
from functools import partial
from tempfile import TemporaryDirectory
from types import MethodType
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from benchmarks.speed.timing import Size, in_turns, mixed_sentences
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import find_plain_weights
from spacetime.model.modeling import PUBLISHED_EPSILON, Context
from spacetime.model.precision import multiplies_bfloat16

BASE = "SentenceTransformer, float32"
SAFE = 0.995  # of the least cosine to float32: what falls under it is refused, however fast


def encoding(size: Size) -> dict[str, Any]:
    """Seconds of `SentenceTransformer.encode` and of ours, and how far ours is from it."""
    from sentence_transformers import SentenceTransformer

    sentences, months, regions = mixed_sentences(size.sentences)
    theirs = SentenceTransformer(str(find_plain_weights()), device="cpu")
    plain, released = SpaceTimeEncoder.load("plain", "cpu"), SpaceTimeEncoder.load(device="cpu")
    contenders: dict[str, Any] = {
        BASE: lambda: theirs.encode(sentences),
        **{p: lambda p=p: released.encode(sentences, months, regions, precision=p) for p in precisions()},
    }
    exact = released.encode(sentences, months, regions, precision="float32")
    pieces = [len(ids) for ids in plain.word_pieces(sentences)]
    result: dict[str, Any] = {
        "sentences": size.sentences,
        "mean_pieces": float(np.mean(pieces)),
        "difference": {"float32": float(np.abs(plain.encode(sentences) - theirs.encode(sentences)).max())},
        "least_cosine": {p: least_cosine(exact, contenders[p]()) for p in precisions() if p != "float32"},
    }
    return result | in_turns(contenders, size.repeats)


def precisions() -> tuple[Literal["float32", "bfloat16"], ...]:
    """What is worth timing on this processor: bfloat16 only where it is quicker than float32."""
    return ("float32", "bfloat16") if multiplies_bfloat16(torch.device("cpu")) else ("float32",)


def least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum(1).min())


def conditioning(size: Size) -> dict[str, Any]:
    """The price of a month and a region: the same sentences and code, with and without them."""
    sentences, months, regions = mixed_sentences(size.sentences)
    encoder = SpaceTimeEncoder.load(device="cpu")
    found: dict[str, dict[str, float]] = {"seconds": {}, "processor_seconds": {}}
    for precision in precisions():  # apart: oneDNN forgets one precision's products over the other's
        contenders: dict[str, Any] = {
            f"{precision}, without": lambda p=precision: encoder.encode(sentences, precision=p),
            f"{precision}, with": lambda p=precision: encoder.encode(sentences, months, regions, precision=p),
        }
        for key, times in in_turns(contenders, size.repeats).items():
            found[key] |= times
    return {"sentences": size.sentences, **found}


def published(size: Size) -> dict[str, Any]:
    """The published way, one sentence a call, padded to 128, L x L products; seconds a sentence, and ours."""
    sentences, months, regions = mixed_sentences(size.sentences)
    encoder = SpaceTimeEncoder.from_plain("multiplicative", time_encoding="sinusoidal_published", device="cpu")
    months = [month if month in encoder.months else None for month in months]
    few = slice(0, size.published)

    def one_by_one() -> np.ndarray:
        with TemporaryDirectory() as folder:
            encoder.tokenizer.save_pretrained(folder)  # a tokenizer of its own: padding would stay switched on
            tokenizer = type(encoder.tokenizer).from_pretrained(folder)
        found = []
        for text, month, region in zip(sentences[few], months[few], regions[few], strict=True):
            batch = tokenizer([text], padding="max_length", truncation=True, max_length=128, return_tensors="pt")
            ids = encoder.model.label_ids([month], [region])
            with torch.inference_mode():
                found.append(encoder.model(batch["input_ids"], batch["attention_mask"], *ids).embedding.numpy()[0])
        return np.stack(found)

    def ours(precision: Any) -> np.ndarray:
        return encoder.encode(sentences, months, regions, precision=precision)

    expected = ours("float32")[few]
    layers: list[Any] = [layer.attention.self for layer in encoder.model.bert.encoder.layer]  # type: ignore[union-attr]
    for layer in layers:
        layer.forward = MethodType(published_attention, layer)
    difference = float(np.abs(one_by_one() - expected).max())
    times = in_turns({"published": one_by_one, **{p: partial(ours, p) for p in precisions()}}, size.repeats)
    seconds = times["seconds"]
    each = {
        name: value / (size.published if name == "published" else size.sentences) for name, value in seconds.items()
    }
    return {"sentences": size.sentences, "published": size.published, "difference": difference, "seconds_each": each}


def published_attention(
    self: Any,  # a SpaceTimeSelfAttention
    hidden_states: Tensor,
    attention_mask: Tensor | None = None,
    context: Context | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """The published formula as it is written: T and S repeated for every word, and multiplied word by word."""
    batch, length, size = hidden_states.shape
    heads = (batch, length, self.num_attention_heads, self.attention_head_size)
    query, key, value = (
        project(hidden_states).view(heads).transpose(1, 2) for project in (self.query, self.key, self.value)
    )
    scores = query @ key.transpose(-1, -2)  # (B, H, L, L)
    if context is not None:
        for project, (vector, weight) in zip(
            (self.conditioning.W_t, self.conditioning.W_s), context.parts(), strict=True
        ):
            words = project(vector[:, None].expand(batch, length, size)).view(heads).transpose(1, 2)
            product = words @ words.transpose(-1, -2)
            product = product / (torch.linalg.vector_norm(words, dim=-1, keepdim=True) + PUBLISHED_EPSILON)
            scores = scores * torch.where(weight[..., None, None] > 0, product, 1.0)
    scores = scores / math.sqrt(self.attention_head_size)
    if attention_mask is not None:
        lowest = torch.finfo(scores.dtype).min
        mask = attention_mask if attention_mask.dtype != torch.bool else torch.where(attention_mask, 0.0, lowest)
        scores = scores + mask
    output = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, size)
    return output, None


def rate_table(result: dict[str, Any]) -> list[str]:
    """Every contender's rate, against that of sentence-transformers; refused where too much is lost."""
    lines = [
        "| | sentences a second | ratio | of processor seconds | least cosine to float32 |",
        "|---|---|---|---|---|",
    ]
    for name, seconds in result["seconds"].items():
        cosine = result["least_cosine"].get(name)
        shown = "-" if cosine is None else f"{cosine:.5f}"
        ratios = [f"{result[key][BASE] / result[key][name]:.2f}" for key in ("seconds", "processor_seconds")]
        if cosine is not None and cosine < SAFE:
            ratios = ["refused", "refused"]
        lines.append(f"| {name} | {result['sentences'] / seconds:,.0f} | {' | '.join(ratios)} | {shown} |")
    return lines


def encoding_lines(found: dict[str, dict[str, Any]]) -> list[str]:
    """The three results as tables of Markdown."""
    lines = []
    if result := found.get("encoding"):
        lines += [
            f"**Encoding**: {result['sentences']:,} sentences, {result['mean_pieces']:.1f} word pieces in the mean; "
            "ours with month and region by the released model.",
            "",
            *rate_table(result),
            "",
            "Largest difference of a number between the plain model here and there: "
            f"{result['difference']['float32']:.1g}."
            + ("" if "bfloat16" in result["seconds"] else " bfloat16 is slower than float32 here, and left out."),
            "",
        ]
    if result := found.get("conditioning"):
        prices = [
            " and ".join(
                f"{result[key][f'{p}, with'] / result[key][f'{p}, without'] - 1:+.1%}"
                for key in ("seconds", "processor_seconds")
            )
            + f" in {p}"
            for p in ("float32", "bfloat16")
            if f"{p}, with" in result["seconds"]
        ]
        lines += [
            f"**The price of conditioning**, the same sentences with and without month and region, in seconds and in "
            f"processor seconds: {', '.join(prices)}.",
            "",
        ]
    if result := found.get("published"):
        each = result["seconds_each"]
        quick = (
            f"; {each['published'] / each['bfloat16']:.0f} times in bfloat16 ({1000 * each['bfloat16']:.2f} ms)"
            if "bfloat16" in each
            else ""
        )
        lines += [
            f"**Against the published way** (one sentence a call, padded to 128, L x L products; "
            f"{1000 * each['published']:.1f} ms a sentence): {each['published'] / each['float32']:.0f} times as fast "
            f"in float32 ({1000 * each['float32']:.2f} ms), with the same embeddings to {result['difference']:.1g}"
            f"{quick}. The published design throughout, not the released model.",
            "",
        ]
    return lines
