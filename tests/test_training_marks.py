"""Training changes weights and nothing else: after any recipe every other recipe moves what it moves on a new model."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import datasets
import pytest
import torch
from torch import nn

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM
from spacetime.model.weights import load_tokenizer
from spacetime.training import JOINT, PLAIN, STAGE1, STAGE2, train_joint, train_plain, train_stage1, train_stage2
from spacetime.training.joint import JointRecipe
from spacetime.training.locator import fit_locator
from spacetime.training.mixture import read_data_config
from spacetime.training.pairs import build_pairs

SHORT: dict[str, Any] = {"batch_size": 6, "max_steps": 2, "precision": "float32", "dropout": 0.1}
HIGH: dict[str, Any] = {"learning_rate": 1e-3, "new_learning_rate": 1e-3}
Recipe = Callable[[SpaceTimeEncoder, Path], object]


def tiny(conditioning: Literal["prefix", "none"]) -> SpaceTimeEncoder:
    """A random model of two narrow layers that has every part, no weight of them zero."""
    torch.manual_seed(0)
    config = SpaceTimeConfig(
        conditioning=conditioning, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        max_length=16, mlm_transform=True, locator_rank=4, context_rank=2 if conditioning == "prefix" else 0,
    )  # fmt: skip
    model = SpaceTimeMiniLM(config)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.2)
    return SpaceTimeEncoder(model, load_tokenizer(), device="cpu")


def rows() -> datasets.Dataset:
    words = "rain snow vote match law bank fire ship film war plane river".split()
    made = [
        {"text": f"The {word} of {place}.", "month": f"2019-{month:02d}", "region": region,
         "date": f"2019-{month:02d}-03", "topic": word}
        for month, word in enumerate(words, start=1) for place, region in (("Leeds", "UK"), ("Texas", "US"))
    ]  # fmt: skip
    return datasets.Dataset.from_list(made)


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Recipe]:
    """Every way to train, two steps each; rates are high, so that what has a gradient is seen to move."""
    triples = rows()
    plain = tiny("none")
    pairs = build_pairs(triples, plain, plain.months, plain.regions, count=12)
    monkeypatch.setattr(SpaceTimeEncoder, "save", lambda *_: None)  # nothing of it is read again
    monkeypatch.setattr(SpaceTimeEncoder, "from_plain", lambda *_, **__: plain)  # the joint recipe's plain vectors
    folder = tmp_path / "mixture"
    folder.mkdir()
    lines = [f'{{"query": "Which {i}?", "pos": "The answer {i}."}}\n' for i in range(12)]
    (folder / "some.jsonl").write_text("".join(lines))
    (folder / "data_config.json").write_text('[{"name": "some.jsonl", "lines": 12, "weight": 1}]')
    sources = read_data_config(folder / "data_config.json")
    small = JointRecipe(others=3, masked=4)
    quiet: dict[str, Any] = {"overwrite": True, "show_progress": False}
    first, second = replace(STAGE1, **SHORT, **HIGH), replace(STAGE2, **SHORT, **HIGH)
    seeds = itertools.count()  # a locator is fitted from new weights, the same ones for the same seed
    return {
        "stage 1": lambda e, f: train_stage1(triples, e, f, first, **quiet),
        "stage 1, frozen": lambda e, f: train_stage1(triples, e, f, replace(first, freeze_backbone=True), **quiet),
        "stage 2": lambda e, f: train_stage2(pairs, e, f, second, **quiet),
        "joint": lambda e, f: train_joint(triples, e, f, replace(JOINT, **SHORT), recipe=small, **quiet),
        "plain": lambda e, f: train_plain(sources, e, f, replace(PLAIN, **SHORT, **HIGH), **quiet),
        "locator": lambda e, f: fit_locator(e, triples, epochs=1, seed=next(seeds), show_progress=False),
    }


def should_move(recipe: str, name: str) -> bool:
    """What the recipe's loss reaches, told from the parameter's name alone."""
    if name.startswith("locator."):
        return recipe == "locator"
    heads, words = name.startswith(("time_head.", "space_head.")), name.startswith("mlm_")
    if name.startswith(("bert.pooler.", "time_head.", "space_head.")):
        return recipe.startswith("stage 1") and not (recipe == "stage 1, frozen" and not heads)
    if words:
        return recipe in ("stage 1", "stage 1, frozen", "joint")
    if name.startswith("bert.") and ".conditioning." not in name:
        return recipe in ("stage 1", "stage 2", "plain")
    return recipe not in ("plain", "locator")


def moved(run: Recipe, encoder: SpaceTimeEncoder, folder: Path) -> set[str]:
    before = {name: weight.detach().clone() for name, weight in encoder.model.named_parameters()}
    run(encoder, folder)
    return {name for name, weight in encoder.model.named_parameters() if not torch.equal(weight, before[name])}


def every_pair(names: list[str]) -> list[str]:
    """A row of names in which each follows each, itself too."""
    return [
        name
        for i, first in enumerate(names)
        for name in (first, first, *(x for n in names[i + 1 :] for x in (n, first)))
    ]


def test_after_every_recipe_every_other_moves_the_weights_that_it_should(
    recipes: dict[str, Recipe], tmp_path: Path
) -> None:
    encoder, before = tiny("prefix"), "nothing"
    names = [name for name, _ in encoder.model.named_parameters()]
    for recipe in every_pair([name for name in recipes if name != "plain"]):
        expected = {name for name in names if should_move(recipe, name)}
        assert moved(recipes[recipe], encoder, tmp_path / "run") == expected, f"{recipe} after {before}"
        before = recipe


def test_before_and_after_the_plain_recipe_too(recipes: dict[str, Recipe], tmp_path: Path) -> None:
    """On a model without months and regions, the only one that it trains."""
    encoder, before = tiny("none"), "nothing"
    names = [name for name, _ in encoder.model.named_parameters() if not name.startswith("space_embed.")]
    for recipe in [name for other in recipes for name in ("plain", other)] + ["plain"]:
        expected = {name for name in names if should_move(recipe, name)}
        assert moved(recipes[recipe], encoder, tmp_path / "run") == expected, f"{recipe} after {before}"
        before = recipe


# ------------------------------------------------------------------------------------- all but weights is as before


def marks(encoder: SpaceTimeEncoder) -> list[object]:
    model = encoder.model
    found: list[object] = [model.config._attn_implementation, encoder.precision, torch.get_rng_state().tolist()]
    for name, module in model.named_modules():
        found += [
            (name, sorted(vars(module)), module.training, getattr(module, "p", None), vars(module).get("forward"))
        ]
    return found + [(name, p.requires_grad, p.grad) for name, p in model.named_parameters()]


def odd(kind: Literal["prefix", "none"]) -> SpaceTimeEncoder:
    """A model on which everything that training sets is set to something else."""
    encoder = tiny(kind)
    encoder.model.bert.encoder.layer[0].train()
    encoder.model.bert.embeddings.dropout.p = 0.25
    encoder.model.bert.embeddings.LayerNorm.requires_grad_(False)
    return encoder


@pytest.mark.parametrize("recipe", ["stage 1", "stage 1, frozen", "stage 2", "joint", "plain", "locator"])
@pytest.mark.parametrize("end", [None, KeyboardInterrupt, ValueError])
def test_all_but_weights_is_as_before(
    recipes: dict[str, Recipe],
    recipe: str,
    end: type[BaseException] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spacetime.training.loop.mixed_precision", lambda *_: "bf16")  # wraps the model's forward
    encoder = odd("none" if recipe == "plain" else "prefix")
    before = marks(encoder)
    if end is None:
        recipes[recipe](encoder, tmp_path / "run")
    else:

        def stop(*_: object, **__: object) -> None:
            raise end("stopped at the first step, with gradients")

        monkeypatch.setattr(torch.optim.AdamW, "step", stop)
        with pytest.raises(end, match="stopped at the first step"):
            recipes[recipe](encoder, tmp_path / "run")
    assert marks(encoder) == before


def test_a_checkpoint_that_is_refused_leaves_no_marks(recipes: dict[str, Recipe], tmp_path: Path) -> None:
    triples, options = rows(), replace(STAGE1, **SHORT)
    train_stage1(triples, tiny("prefix"), tmp_path, options, show_progress=False)
    encoder = odd("prefix")
    before = marks(encoder)
    with pytest.raises(ValueError, match="was trained with seed=0, not 1"):
        train_stage1(triples, encoder, tmp_path, replace(options, seed=1), resume=True, show_progress=False)
    assert marks(encoder) == before


def test_what_its_owner_froze_stays_frozen_and_still(recipes: dict[str, Recipe], tmp_path: Path) -> None:
    encoder = tiny("prefix")
    encoder.model.time_head.requires_grad_(False)
    still = {"time_head.weight", "time_head.bias"}
    names = {name for name, _ in encoder.model.named_parameters() if should_move("stage 1", name)}
    assert moved(recipes["stage 1"], encoder, tmp_path) == names - still
    assert not encoder.model.time_head.weight.requires_grad
