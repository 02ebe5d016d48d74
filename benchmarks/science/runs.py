"""One row with one seed: trained, measured, written into a folder of its own."""

import hashlib
import json
import shutil
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from torch import Tensor

from benchmarks.concatenation import TunedConcatenation
from benchmarks.events import EventBatches, EventLoss, EventRecipe
from benchmarks.retrieval import decayed_scores, event_queries, retrieval_score, tune_decay
from benchmarks.science import measures
from benchmarks.science.material import MAX_LENGTH, TUNING_DAYS, Material, Settings
from benchmarks.science.measures import Contender, Measured
from benchmarks.science.rows import Row
from benchmarks.tables import commit
from course.baselines import PlainEncoder, TextPrefixEncoder, with_text_prefix
from spacetime.encoder import DEFAULT_MONTHS, DEFAULT_REGIONS, SpaceTimeEncoder
from spacetime.environment import environment
from spacetime.months import MonthRange
from spacetime.training import JOINT, TrainingOptions, train_joint, train_stage1, train_stage2
from spacetime.training.locator import fit_locator
from spacetime.training.pairs import build_pairs
from spacetime.training.recipes import released_start

PREFIX_LENGTH = 8  # of "[2019-11] [US] "
RESULT = "metrics.json"


def run_folder(output: Path, row: Row, seed: int, settings: Settings, material: str) -> Path:
    """Where a run's results lie; another recipe, profile or corpus has another folder."""
    facts = [row.facts(), asdict(settings), seed, material]
    if row.kind == "joint":
        facts.append(released_start(DEFAULT_MONTHS, DEFAULT_REGIONS).model.config.to_diff_dict())
    key = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:10]
    if row.kind in ("concatenation", "filter"):
        facts.append(str(TUNING_DAYS))
    name = "".join(letter if letter.isalnum() else "-" for letter in row.name)
    return output / f"{name}-seed{seed}-{key}"


def run(
    row: Row, seed: int, material: Material, settings: Settings, folder: Path, keep: bool = False
) -> dict[str, Any]:
    """Train and measure a row, and write `metrics.json`, last of all.

    Parameters
    ----------
    keep
        Leave the trained models (90 MB each) in the folder.
    """
    began, worked = time.perf_counter(), time.process_time()
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was cut off
    folder.mkdir(parents=True)
    measured = Measured()
    if row.group == "inferred":
        measures.baseline_location(row.kind, material, settings, measured)
    elif row.group == "wide":
        _wide_words(row, seed, material, settings, folder, measured)
    else:
        contender = _contender(row, seed, material, settings, folder, measured)
        _measure(row, contender, material, settings, folder, measured)
    for checkpoint in folder.glob("*/checkpoint-*"):
        shutil.rmtree(checkpoint)
    if not keep:
        for model in folder.glob("*/model"):
            shutil.rmtree(model)
    record = {
        "row": row.name,
        "seed": seed,
        "facts": row.facts(),
        "settings": asdict(settings),
        "metrics": {name: float(value) for name, value in measured.metrics.items() if np.isfinite(value)},
        "seconds": {
            **measured.seconds,
            "processor": round(time.process_time() - worked, 1),
            "wall": round(time.perf_counter() - began, 1),
        },
        "commit": commit(),
        "environment": environment(),
    }
    text = json.dumps(record, indent=2) + "\n"
    (folder / f"{RESULT}.part").write_text(text, encoding="utf-8")
    (folder / f"{RESULT}.part").rename(folder / RESULT)
    return record


# -------------------------------------------------------------------------------------------------- encoders


def _contender(
    row: Row, seed: int, material: Material, settings: Settings, folder: Path, measured: Measured
) -> Contender:
    remembered = PlainEncoder(material.plain, DEFAULT_MONTHS, DEFAULT_REGIONS)
    if row.kind == "plain":
        return Contender(remembered)
    if row.kind == "filter":
        with measured.part("tune") as metrics:
            best: Any = tune_decay(remembered, material.tuning).best if material.is_real else {}
            metrics |= {f"tuned_{name}": value for name, value in best.items()}
        return Contender(remembered, score=partial(decayed_scores, **best))
    if row.kind == "concatenation":
        return _concatenated(row, material, remembered, measured)
    if row.kind == "joint":
        return _joint(seed, material, settings, folder, measured)
    if row.kind == "text prefix" and row.stage2 is None:
        plain = material.plain.encoder
        return Contender(TextPrefixEncoder(plain), [plain])
    encoder = _stages(row, seed, material, settings, folder, measured)
    if row.kind == "text prefix":
        return Contender(TextPrefixEncoder(encoder), [encoder])
    return Contender(encoder, [encoder], pairs=row.pairs, has_dial=row.conditioning != "none")


def _concatenated(row: Row, material: Material, plain: PlainEncoder, measured: Measured) -> Contender:
    train = material.train
    fit_on = (train["text"][:], train["month"][:], train["region"][:]) if row.size else None
    encoder, searching = (TunedConcatenation(plain, size=row.size) for _ in range(2))
    if fit_on:
        encoder.fit(*fit_on)
    if not material.is_real:
        return Contender(encoder)
    with measured.part("tune") as metrics:
        queries = event_queries(material.tuning)
        searching.tune(lambda tried: retrieval_score(tried, material.tuning, queries=queries), fit_on=fit_on)
        metrics |= {"tuned_time_weight": searching.time_weight, "tuned_region_weight": searching.region_weight}
    return Contender(encoder, searching=searching)


def _joint(seed: int, material: Material, settings: Settings, folder: Path, measured: Measured) -> Contender:
    with measured.part("training"):
        encoder = released_start(DEFAULT_MONTHS, DEFAULT_REGIONS, seed)
        options = replace(JOINT, max_steps=settings.joint_steps, seed=seed, checkpoint_every=10_000)
        train_joint(
            material.train,
            encoder,
            folder / "joint",
            options,
            recipe=EventRecipe(),
            loss=EventLoss(),
            make_batches=partial(EventBatches, asked=material.asked),
            max_length=MAX_LENGTH,
            show_progress=False,
        )
    with measured.part("locator") as metrics:
        encoder.precision = measures.QUICK
        metrics |= fit_locator(encoder, material.train, validation=material.validation, seed=seed, show_progress=False)
    measures.words(encoder, material, settings, measured, folder)
    measures.encoder_location(encoder, material, measured)
    return Contender(encoder, [encoder], has_dial=True)


def _stages(
    row: Row, seed: int, material: Material, settings: Settings, folder: Path, measured: Measured
) -> SpaceTimeEncoder:
    """Trained by stage 1, if the row has one, and stage 2.

    Masked words and `locate` are measured in between: stage 2 moves the backbone under heads that it leaves alone, so
    what stage 1 left is the best chance of either.
    """
    train = _seen(row, material.train)
    encoder = _start(row, seed, material.head)
    if row.stage1 is not None:
        _stage1(train, encoder, row.stage1, settings.stage1_steps, seed, folder, measured)
        if row.group == "main":
            measures.words(encoder, material, settings, measured, folder)
            measures.encoder_location(encoder, material, measured)
    whole, encoder.model.config.max_length = encoder.model.config.max_length, MAX_LENGTH
    assert row.stage2 is not None
    with measured.part("training"):
        options = _planned(row.stage2, settings.stage2_steps, seed)
        recipe = replace(row.pairs, seed=seed)
        count = min(len(train), options.batch_size * settings.stage2_steps)
        pairs = build_pairs(train, material.plain, encoder.months, encoder.regions, recipe, count=count)  # type: ignore[arg-type]
        if row.kind == "text prefix":
            pairs = _with_prefixes(pairs, options, seed)
            options = replace(options, hide_month=0.0, hide_region=0.0)
            encoder.model.config.max_length = MAX_LENGTH + PREFIX_LENGTH
        train_stage2(pairs, encoder, folder / "stage2", options, recipe=recipe, show_progress=False)
    encoder.model.config.max_length = whole
    return encoder


def _start(row: Row, seed: int, head: dict[str, Tensor], *ranges: Any) -> SpaceTimeEncoder:
    """The plain model with the row's conditioning, and with the common masked-LM head where stage 1 needs one."""
    config = {"mlm_transform": row.stage1 is not None, **row.config}
    encoder = SpaceTimeEncoder.from_plain(row.conditioning, *ranges, seed=seed, **config)
    if row.stage1 is not None:
        encoder.model.load_state_dict(head, strict=False)
    return encoder


def _wide_words(row: Row, seed: int, material: Material, settings: Settings, folder: Path, measured: Measured) -> None:
    """Stage 1 on all months and regions, and what it makes of them in masked words."""
    wide = material.wide
    assert wide is not None
    if row.stage1 is None:
        encoder = SpaceTimeEncoder.load()
    else:
        encoder = _start(row, seed, wide.head, wide.months, wide.regions)
        _stage1(wide.train, encoder, row.stage1, settings.wide_steps, seed, folder, measured)
    measures.masked_words(encoder, wide.test, settings.wide_word_sentences, measured, folder)


def _stage1(
    train: datasets.Dataset,
    encoder: SpaceTimeEncoder,
    options: TrainingOptions,
    steps: int,
    seed: int,
    folder: Path,
    measured: Measured,
) -> None:
    """Stage 1 on texts cut to `MAX_LENGTH` word pieces; what is measured afterwards reads them whole."""
    whole, encoder.model.config.max_length = encoder.model.config.max_length, MAX_LENGTH
    with measured.part("training"):
        train_stage1(train, encoder, folder / "stage1", _planned(options, steps, seed), show_progress=False)
    encoder.model.config.max_length = whole


def _planned(options: TrainingOptions, steps: int, seed: int) -> TrainingOptions:
    return replace(options, max_steps=steps, seed=seed, checkpoint_every=10_000)


def _seen(row: Row, train: datasets.Dataset) -> datasets.Dataset:
    """The training rows of the months and regions that the row may see."""
    if row.last_month is None and row.without_region is None:
        return train
    last = row.last_month or DEFAULT_MONTHS.end
    kept = zip(train["month"][:], train["region"][:], strict=True)
    return train.select([i for i, (month, region) in enumerate(kept) if month <= last and region != row.without_region])


def _with_prefixes(pairs: datasets.Dataset, options: TrainingOptions, seed: int) -> datasets.Dataset:
    """Pairs whose texts begin with their month and region, some of these hidden as context dropout would hide them.

    A hidden label is taken out of the pair too, so that `PairBatches` makes the pair's label of what is left.
    """
    random = np.random.default_rng([seed, 7])
    table = pairs.to_pandas()
    for side in ("1", "2"):
        for label, share in (("month", options.hide_month), ("region", options.hide_region)):
            column = table[f"{label}{side}"].astype(object)
            column[random.random(len(table)) < share] = None
            table[f"{label}{side}"] = column
        rows = zip(table[f"text{side}"], table[f"month{side}"], table[f"region{side}"], strict=True)
        table[f"text{side}"] = [with_text_prefix(*row) for row in rows]
    return datasets.Dataset.from_pandas(table, preserve_index=False)


# -------------------------------------------------------------------------------------------------- measuring


def _measure(
    row: Row, contender: Contender, material: Material, settings: Settings, folder: Path, measured: Measured
) -> None:
    if row.group == "unseen":
        months = MonthRange(DEFAULT_MONTHS.start, row.last_month or DEFAULT_MONTHS.end)
        regions = [region for region in DEFAULT_REGIONS if region != row.without_region]
        measures.unseen(contender, material, settings, measured, months, regions)
        return
    if row.kind != "filter":
        measures.embeddings(contender, material, settings, measured)
        measures.shift(contender, material, settings, measured)
    if row.group == "main":
        if row.kind != "filter":
            measures.contrast_embedding(contender, material, measured)
        if material.is_real:
            measures.retrieval(contender, material, settings, measured).to_parquet(folder / measures.QUERIES)
