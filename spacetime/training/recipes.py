"""The two stages as the published card describes them: what goes in, what is trained, what comes out."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import datasets
import numpy as np
import torch

from spacetime.encoder import SpaceTimeEncoder
from spacetime.environment import environment
from spacetime.folders import sole_writer_of_output, write_text
from spacetime.inputs import as_annotated
from spacetime.model import SpaceTimeMiniLM
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.batches import Batches, PairBatches, TripleBatches, every_batch
from spacetime.training.joint import JointBatches, JointRecipe
from spacetime.training.loop import (
    NO_FACTS,
    Evaluate,
    Facts,
    Run,
    TrainingOptions,
    TrainingResult,
    mixed_precision,
    train,
)
from spacetime.training.objectives import JointLoss, Objective, rank_correlation, stage1_loss, stage2_loss
from spacetime.training.pairs import PairRecipe
from spacetime.training.processes import count_processes, first_of_processes, wait_for_processes

STAGE1 = TrainingOptions()
STAGE2 = replace(STAGE1, learning_rate=2e-5, new_learning_rate=2e-5)
JOINT = replace(STAGE1, new_learning_rate=1.5e-3, freeze_backbone=True, max_steps=1200)
LOCATION_HEADS = ("time_head.", "space_head.")
HEADS = ("mlm_transform.", "mlm_head.bias", *LOCATION_HEADS)


@as_annotated
@sole_writer_of_output
def train_stage1(
    dataset: datasets.Dataset,
    encoder: SpaceTimeEncoder,
    output: str | Path,
    options: TrainingOptions = STAGE1,
    *,
    validation: datasets.Dataset | None = None,
    **run: Unpack[Run],
) -> TrainingResult:
    """Masked LM + month + region on (sentence, month, region) triples (card, "Fine-tuning", 1; lesson 04).

    Parameters
    ----------
    dataset, validation
        Columns text, month, region. On `validation` the three losses are measured, always with the same masks.
    encoder
        Trained in place; `SpaceTimeEncoder.from_plain(...)` to start.
    output
        Folder for the log, the checkpoints, `model/` (an encoder to load) and `training.json`.
    options, **run
        See `spacetime.training.loop.TrainingOptions`, and `Run` there: `resume`, `overwrite`, `show_progress`, `note`.
    """
    batches = TripleBatches(dataset, encoder, **_drawing(options))
    evaluate = None
    if validation is not None and len(validation):
        held_out = TripleBatches(validation, encoder, **_drawing(replace(options, seed=0)))
        evaluate = partial(_mean_losses, held_out)
    return train_and_save("stage1", encoder, batches, stage1_loss, options, output, len(dataset), evaluate, **run)


@as_annotated
@sole_writer_of_output
def train_stage2(
    pairs: datasets.Dataset,
    encoder: SpaceTimeEncoder,
    output: str | Path,
    options: TrainingOptions = STAGE2,
    *,
    recipe: PairRecipe | None = None,
    validation: datasets.Dataset | None = None,
    **run: Unpack[Run],
) -> TrainingResult:
    """Regression of each pair's cosine on its similarity (card, "Fine-tuning", 2; lesson 06).

    The heads of stage 1 have no part in this loss. They stay as they are while the backbone below them moves, so
    `locate` is best asked of the encoder that stage 1 left.

    Parameters
    ----------
    pairs, validation
        As `build_pairs` makes them, with the same `recipe`.
    encoder
        Trained in place; usually what stage 1 left.
    output, options, **run
        As in stage 1.
    """
    recipe = recipe or PairRecipe()
    evaluate = None
    if validation is not None and len(validation):
        evaluate = partial(_pair_spearman, PairBatches(validation, encoder, recipe, batch_size=options.batch_size))
    batches = PairBatches(pairs, encoder, recipe, **_drawing(options))
    facts = {"pair_recipe": asdict(recipe)}
    return train_and_save(
        "stage2", encoder, batches, stage2_loss, options, output, len(pairs), evaluate, facts=facts, idle=HEADS, **run
    )


@as_annotated
@sole_writer_of_output
def train_joint(
    dataset: datasets.Dataset,
    encoder: SpaceTimeEncoder,
    output: str | Path,
    options: TrainingOptions = JOINT,
    *,
    recipe: JointRecipe | None = None,
    loss: JointLoss | None = None,
    max_length: int = 48,
    make_batches: Callable[..., JointBatches] = JointBatches,
    **run: Unpack[Run],
) -> TrainingResult:
    """Both stages at once, on a frozen backbone: the recipe of lesson 12 and of the released model (lesson 07).

    Parameters
    ----------
    dataset
        Columns text, month, region; cut at `max_length` word pieces while training.
    encoder
        Trained in place; `SpaceTimeEncoder.from_plain("prefix", mlm_transform=True, ...)` to start.
    recipe, loss, make_batches
        What a step sees, how its terms are weighted, and what makes its batches.
    output, options, **run
        As in stage 1.
    """
    recipe, loss = recipe or JointRecipe(), loss or JointLoss()
    plain = SpaceTimeEncoder.from_plain("none", encoder.months, encoder.regions, max_length=max_length)
    plain.precision = "bfloat16" if mixed_precision(options, encoder.device) == "bf16" else "float32"
    batches = make_batches(dataset, encoder, plain, recipe, seed=options.seed, show_progress=run.get("show_progress"))
    facts = {"recipe": asdict(recipe), "loss": asdict(loss), "max_length": max_length}
    idle = (*LOCATION_HEADS, "locator.")
    return train_and_save("joint", encoder, batches, loss, options, output, len(dataset), facts=facts, idle=idle, **run)


def train_and_save(
    stage: str,
    encoder: SpaceTimeEncoder,
    batches: Batches,
    objective: Objective,
    options: TrainingOptions,
    output: str | Path,
    rows: int,
    evaluate: Evaluate | None = None,
    *,
    facts: Facts = NO_FACTS,
    idle: tuple[str, ...] = (),
    **run: Unpack[Run],
) -> TrainingResult:
    """Train, then save the encoder and how it came about: what every recipe ends with.

    `stage`, `rows` (how many the recipe was given) and `facts` (what else decided about the result) are for
    `training.json`; for all else see `spacetime.training.loop.train` and `Run` there.
    """
    note = run.pop("note", None)
    result = train(encoder.model, batches, objective, options, output, idle=idle, evaluate=evaluate, facts=facts, **run)  # type: ignore[misc]  # without the note
    if first_of_processes():
        encoder.save(Path(output) / "model")
        ways = ("conditioning", "time_encoding", "region_encoding")
        record = {
            "stage": stage,
            "rows": rows,
            **{name: getattr(encoder.model.config, name) for name in ways},
            "options": asdict(options),
            **facts,
            **(note or {}),
            "result": asdict(result),
            "processes": count_processes(),
            "environment": environment(),
        }
        write_text(Path(output) / "training.json", json.dumps(record, indent=2) + "\n")
    wait_for_processes()
    return result


def _drawing(options: TrainingOptions) -> dict[str, Any]:
    """What the batches of both stages take of a training's options."""
    return {name: getattr(options, name) for name in ("batch_size", "seed", "hide_month", "hide_region")}


def _mean_losses(batches: TripleBatches, model: SpaceTimeMiniLM) -> dict[str, float]:
    """Mean of the parts of stage 1's loss over held-out batches, each batch weighing the same."""
    rows = []
    for batch in every_batch(batches):
        _, parts = stage1_loss(model, {name: tensor.to(model.device) for name, tensor in batch.items()})
        rows.append({name: part.item() for name, part in parts.items()})
    return {f"validation_{name}": float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _pair_spearman(batches: PairBatches, model: SpaceTimeMiniLM) -> dict[str, float]:
    """Spearman's rho and error of held-out pairs' cosines against their labels."""
    cosines, labels = [], []
    for batch in every_batch(batches):
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        labels.append(batch.pop("similarity").float())
        first, second = model(**batch).embedding.float().chunk(2)
        cosines.append(torch.nn.functional.cosine_similarity(first, second))
    cosine, label = torch.cat(cosines).cpu().numpy(), torch.cat(labels).cpu().numpy()
    return {
        "validation_pair_spearman": rank_correlation(cosine, label),
        "validation_pair_mse": float(np.mean((cosine - label) ** 2)),
    }


def released_start(months: MonthRange, regions: RegionSet, seed: int = 0) -> SpaceTimeEncoder:
    """The untrained released model: a gated prefix and low-rank changes that act only under context."""
    design: dict[str, Any] = {"time_encoding": "sinusoidal_calendar", "context_rank": 8, "locator_rank": 64}
    return SpaceTimeEncoder.from_plain("prefix", months, regions, seed=seed, mlm_transform=True, **design)
