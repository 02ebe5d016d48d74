"""Promises of `spacetime.model`: the published formula, the plain start, missing contexts, the saved file."""

import math
from typing import Any

import pytest
import torch
from transformers import AutoModel

from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, find_plain_weights, load_tokenizer, plain_model
from spacetime.model.modeling import PUBLISHED_EPSILON, MultiplicativeConditioning, sinusoid

PLACES = [[54.0, -2.0], [39.0, -98.0], [-25.0, 133.0], [56.0, -106.0]]
WAYS = ["multiplicative", "additive", "prefix", "late", "none"]
SENTENCES = [
    "The clocks go forward tonight.",
    "Thanksgiving is on Thursday, and the shops will be shut.",
    "Rain.",
]


def tiny(**changes: Any) -> SpaceTimeMiniLM:
    """A very small model, with every conditioning weight drawn at random."""
    sizes: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 32,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "region_coordinates": PLACES,
    }
    torch.manual_seed(0)
    model = SpaceTimeMiniLM(SpaceTimeConfig(**(sizes | changes)))
    for name, weight in model.named_parameters():
        if ".conditioning." in name or name.startswith("late"):
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def batch(rows: int = 4, length: int = 6) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(rows, length, dtype=torch.long)
    mask[1, 4:] = 0
    return {
        "input_ids": torch.randint(1, 50, (rows, length), generator=generator),
        "attention_mask": mask,
        "month_ids": torch.tensor([0, 31, 59, 12]),
        "region_ids": torch.tensor([3, 0, 1, 2]),
    }


def naive_published_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor,
    time: torch.Tensor,
    space: torch.Tensor,
) -> torch.Tensor:
    """The published formula as it stands: L x L products of T and S repeated for every word; (B, H, L, D) each."""
    scores = query @ key.transpose(-1, -2)
    for vector in (time, space):
        repeated = vector.expand_as(query)
        norm = repeated.norm(dim=-1, keepdim=True)
        scores = scores * (repeated @ repeated.transpose(-1, -2) / (norm + PUBLISHED_EPSILON))
    scores = scores / math.sqrt(query.shape[-1]) + mask
    return scores.softmax(-1) @ value


def test_scaled_queries_equal_the_published_formula_forward_and_backward() -> None:
    # float64 rounding through a softmax of a few words: 1e-9 leaves six digits of room.
    model, inputs = tiny().double(), batch()
    attention: Any = model.bert.encoder.layer[0].attention
    attention = attention.self
    conditioning = attention.conditioning
    assert isinstance(conditioning, MultiplicativeConditioning)
    hidden = torch.randn(4, 6, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    weight = torch.randn(4, 6, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    mask = torch.where(inputs["attention_mask"][:, None, None, :].bool(), 0.0, -1e9).double()
    parameters = list(conditioning.parameters()) + [attention.query.weight, attention.value.weight]

    def gradients(output: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad((output * weight).sum(), parameters))

    context = model.context(inputs["month_ids"], inputs["region_ids"])
    fused, _ = attention(hidden, attention_mask=mask, context=context)

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.view(4, -1, 3, 8).transpose(1, 2)

    naive = naive_published_attention(
        heads(attention.query(hidden)),
        heads(attention.key(hidden)),
        heads(attention.value(hidden)),
        mask,
        heads(conditioning.W_t(context.month)[:, None]),
        heads(conditioning.W_s(context.region)[:, None]),
    )
    naive = naive.transpose(1, 2).reshape(4, 6, 24)
    assert (fused - naive).abs().max() < 1e-9
    for ours, theirs in zip(gradients(fused), gradients(naive), strict=True):
        assert (ours - theirs).abs().max() < 1e-9
        assert theirs.abs().max() > 1e-6, "a gradient of zero would prove nothing"


def test_published_sinusoid_doubles_the_exponent() -> None:
    usual, published = sinusoid(60, 384), sinusoid(60, 384, published=True)
    month, column = 7, 10
    assert usual[month, column].item() == pytest.approx(math.sin(month / 10000 ** (column / 384)), abs=1e-6)
    assert published[month, column].item() == pytest.approx(math.sin(month / 10000 ** (2 * column / 384)), abs=1e-6)
    assert published[month, column + 1].item() == pytest.approx(math.cos(month / 10000 ** (2 * column / 384)), abs=1e-6)


@pytest.fixture(scope="module")
def plain() -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Three sentences as word pieces, and their embeddings by transformers alone, as in the model card."""
    tokens = load_tokenizer()(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = AutoModel.from_pretrained(find_plain_weights()).eval()(**tokens).last_hidden_state
    real = tokens["attention_mask"][..., None]
    embedding = torch.nn.functional.normalize((hidden * real).sum(1) / real.sum(1), dim=-1)
    return {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}, embedding


@pytest.mark.parametrize("conditioning", WAYS)
@pytest.mark.parametrize(
    ("time_encoding", "region_encoding"),
    [
        ("sinusoidal", "tokenized"),
        ("sinusoidal_published", "spherical"),
        ("learned", "tokenized"),
        ("calendar", "spherical"),
    ],
)
def test_every_way_starts_as_the_plain_model(
    plain: tuple[dict[str, torch.Tensor], torch.Tensor],
    conditioning: str,
    time_encoding: str,
    region_encoding: str,
) -> None:
    inputs, expected = plain
    choices: dict[str, Any] = {
        "conditioning": conditioning,
        "time_encoding": time_encoding,
        "region_encoding": region_encoding,
    }
    model = plain_model(SpaceTimeConfig(**choices, region_coordinates=PLACES, additive_values=True))
    with torch.no_grad():
        got = model(**inputs, month_ids=torch.tensor([0, 30, 59]), region_ids=torch.tensor([0, 1, 3])).embedding
    assert (got * expected).sum(-1).min() > 0.9999


@pytest.mark.parametrize("conditioning", WAYS[:-1])
def test_missing_contexts_take_only_their_own_part_away(conditioning: str) -> None:
    model, inputs = tiny(conditioning=conditioning, additive_values=True).double(), batch()
    words = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    none = torch.full((4,), -1)

    def embed(month: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            result: torch.Tensor = model(**words, month_ids=month, region_ids=region).embedding
        return result

    with torch.no_grad():
        plain = model(**words).embedding
    # Identity when both are missing, whatever the weights are.
    assert torch.equal(embed(none, none), plain)
    # A missing month: nothing that belongs to months matters any more, and the region still does.
    only_region = embed(none, inputs["region_ids"])
    assert (only_region - plain).abs().max() > 1e-6
    with torch.no_grad():
        next(model.time_embed.buffers()).add_(5.0)
    assert torch.equal(embed(none, inputs["region_ids"]), only_region)
    # A missing region, likewise.
    only_month = embed(inputs["month_ids"], none)
    assert (only_month - plain).abs().max() > 1e-6
    with torch.no_grad():
        next(model.space_embed.parameters()).add_(5.0)
    assert torch.equal(embed(inputs["month_ids"], none), only_month)


def test_a_missing_month_leaves_the_prefix_of_the_region_as_it_was() -> None:
    model, inputs = tiny(conditioning="prefix").double(), batch()
    attention: Any = model.bert.encoder.layer[0].attention
    conditioning = attention.self.conditioning
    query = torch.randn(4, 3, 6, 8, dtype=torch.float64)
    nothing = torch.zeros(4, 6, 3, 8, dtype=torch.float64)
    none = torch.full((4,), -1)

    def added(month: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = conditioning.after(nothing, query, model.context(month, region))
        return result

    both = added(inputs["month_ids"], inputs["region_ids"])
    apart = added(inputs["month_ids"], none) + added(none, inputs["region_ids"])
    assert torch.allclose(both, apart, atol=1e-12)


@pytest.mark.parametrize("conditioning", WAYS[:-1])
def test_every_way_learns_from_the_first_step(conditioning: Any) -> None:
    model = plain_model(SpaceTimeConfig(conditioning=conditioning)).train()
    tokens = load_tokenizer()(SENTENCES, padding=True, return_tensors="pt")
    output = model(tokens["input_ids"], tokens["attention_mask"], torch.tensor([0, 30, 59]), torch.tensor([0, 1, 3]))
    (output.embedding[0] @ output.embedding[1]).backward()
    moved = [
        weight.grad.abs().max().item()
        for name, weight in model.named_parameters()
        if (".conditioning." in name or name.startswith("late")) and weight.grad is not None
    ]
    assert max(moved) > 1e-6


@pytest.mark.parametrize("conditioning", WAYS)
def test_every_way_works_in_bfloat16(conditioning: Any) -> None:
    model, inputs = tiny(conditioning=conditioning), batch()
    with torch.no_grad():
        exact = model(**inputs).embedding
        with torch.autocast("cpu", torch.bfloat16):
            brief = model(**inputs).embedding.float()
    # bfloat16 keeps eight bits: entries of unit vectors through two layers come out some hundredths apart.
    assert torch.nn.functional.cosine_similarity(brief, exact).min() > 0.99


@pytest.mark.parametrize("conditioning", WAYS)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_padding_changes_nothing(conditioning: str, attention: str) -> None:
    model, inputs = tiny(conditioning=conditioning).double(), batch()
    model.set_attn_implementation(attention)
    alone = {name: value[1:2] for name, value in inputs.items()}
    alone["input_ids"], alone["attention_mask"] = alone["input_ids"][:, :4], alone["attention_mask"][:, :4]
    with torch.no_grad():
        assert torch.allclose(model(**inputs).embedding[1:2], model(**alone).embedding, atol=1e-12)


@pytest.mark.parametrize("conditioning", WAYS)
def test_a_saved_model_is_the_same_model(tmp_path: Any, conditioning: str) -> None:
    model, inputs = (
        tiny(conditioning=conditioning, time_encoding="calendar", region_encoding="spherical"),
        batch(),
    )
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path).eval()
    assert type(again) is SpaceTimeMiniLM and again.config.conditioning == conditioning
    assert again.mlm_head.weight is again.bert.embeddings.word_embeddings.weight
    with torch.no_grad():
        for name, value in model(**inputs, with_heads=True, masked_positions=inputs["input_ids"] > 25).items():
            other = again(**inputs, with_heads=True, masked_positions=inputs["input_ids"] > 25)[name]
            assert torch.equal(value, other.to(value.dtype)), name


def test_masked_word_logits_come_only_at_masked_places() -> None:
    model, inputs = tiny(), batch()
    masked = torch.zeros(4, 6, dtype=torch.bool)
    masked[0, 2] = masked[3, 5] = True
    assert model(**inputs, masked_positions=masked).mlm_logits.shape == (2, 50)


def test_an_unseen_region_gets_a_vector_near_its_neighbour() -> None:
    model = tiny(
        region_encoding="spherical",
        regions=["UK", "IRL", "NZ"],
        region_coordinates=[[54, -2], [53, -8], [-41, 174]],
    )
    uk, ireland, new_zealand = model.space_embed(torch.arange(3))
    assert (uk - ireland).norm() < (uk - new_zealand).norm() / 3


def test_low_rank_changes_act_only_under_context() -> None:
    changed, plain = tiny(conditioning="prefix", context_rank=2), tiny(conditioning="none")
    plain.bert.load_state_dict(changed.bert.state_dict(), strict=False)
    given = batch()
    words = {name: given[name] for name in ("input_ids", "attention_mask")}
    missing = torch.full((4,), -1)
    for without in (words, words | {"month_ids": missing}, given | {"time_weight": 0.0, "region_weight": 0.0}):
        assert torch.equal(changed(**without).embedding, plain(**words).embedding)
    for name, weight in changed.named_parameters():
        if "gate" in name:
            torch.nn.init.zeros_(weight)  # what is left are the low-rank changes
    assert (changed(**given).embedding - plain(**words).embedding).abs().max() > 1e-3


def test_low_rank_changes_start_at_zero() -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocab_size": 50, "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 32}
    model = SpaceTimeMiniLM(SpaceTimeConfig(conditioning="prefix", context_rank=2, **sizes)).eval()
    given = batch()
    words = {name: given[name] for name in ("input_ids", "attention_mask")}
    assert (model(**given).embedding - model(**words).embedding).abs().max() < 1e-6


def test_calendar_columns_are_the_same_in_every_year_and_tell_all_months_apart() -> None:
    from spacetime.model.modeling import sinusoid_with_calendar

    year = sinusoid_with_calendar(60, 48, "2017-03")[:, -12:]
    torch.testing.assert_close(year[:12], year[24:36])
    assert torch.linalg.matrix_rank(year[:12] - year[:12].mean(0)) == 11
    torch.testing.assert_close(year[10], sinusoid_with_calendar(12, 48, "2018-01")[0, -12:])


def test_a_frozen_backbones_words_get_a_transform_that_is_saved(tmp_path: Any) -> None:
    model = tiny(conditioning="prefix", mlm_transform=True, context_rank=2)
    torch.nn.init.normal_(dict(model.named_parameters())["mlm_transform.dense.weight"])
    model.save_pretrained(tmp_path)
    again = SpaceTimeMiniLM.from_pretrained(tmp_path)
    given = batch() | {"masked_positions": batch()["attention_mask"].bool()}
    torch.testing.assert_close(model(**given).mlm_logits, again.eval()(**given).mlm_logits)
