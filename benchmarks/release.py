"""How the released model is trained: one command, on text that may be passed on.

    python -m benchmarks.release wikipedia_current_events.csv.gz --general stsb_en.csv.gz --output runs/release

The corpus is Wikipedia's Current Events (CC BY-SA 4.0; text, month, region, date, topic), the training side of its
split by date, joined by the almanac that comes with this repository.  Held back from the almanac are a tenth of its
fact templates, and every contrast sentence of 2021.

There are three parts.  The first learns; what it learns costs meaning, most of all on sentences unlike its own (STS-B
in a shared context fell to 93 % of the plain model's).  The other two are short and settle: cosines weigh five and ten
times as much, half of the steps ask for meaning in invented contexts, and general text takes part in these: the
sentences, never the scores, of the training split of the STS benchmark (CC BY-SA 4.0).

A stopped training goes on where it was.  What comes out is written as a small change of the public weights
(`save_delta`).
"""

import argparse
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from benchmarks.events import EventBatches, EventLoss, EventRecipe
from spacetime.corpus import load_corpus, split_corpus
from spacetime.corpus.almanac import load_almanac
from spacetime.model import SpaceTimeMiniLM, find_plain_weights
from spacetime.model.saving import DELTA_FILE
from spacetime.model.weights import PLAIN_HUB_NAME, PLAIN_SHA256, WEIGHTS_FILE
from spacetime.training.locator import fit_locator
from spacetime.training.recipes import JOINT, LOCATION_HEADS, released_start, train_joint

COLUMNS = ["text", "month", "region", "date", "topic"]
CONTRAST_UNTIL = "2020-12"  # later contrast sentences are only asked
ASKED_KINDS = {"daylight", "season", "clocks", "holiday", "custom", "calendar"}  # whose month follows from the words
ASKED_BESIDES = 600

SETTLE = replace(JOINT, new_learning_rate=7e-4, max_steps=250)
SETTLE_COSINES = (150.0, 300.0)  # their weight, the first time and the second
SETTLE_RECIPE = EventRecipe(events=12, others=40, invented=0.5)
SETTLE_ROWS = 16_000


def almanac_rows(seed: int = 0) -> tuple[datasets.Dataset, datasets.Dataset]:
    """The almanac's rows to train on, and those of them that are asked for their month.

    Returns
    -------
    rows
        The training side of the split by template, and the contrast sentences up to `CONTRAST_UNTIL`.
    asked
        These contrast sentences, and `ASKED_BESIDES` others whose month follows from their words.
    """
    almanac = load_almanac()
    whole = almanac.dataset
    train = set(split_corpus(almanac, by="group", seed=seed).train["template"])
    columns = zip(whole["template"], whole["contrast"], whole["month"], whole["kind"], strict=True)
    ordinary, contrast, besides = [], [], []
    for row, (template, in_contrast, month, kind) in enumerate(columns):
        if in_contrast:
            if month <= CONTRAST_UNTIL:
                contrast.append(row)
        elif template in train:
            ordinary.append(row)
            if kind in ASKED_KINDS:
                besides.append(row)
    chosen = np.random.default_rng(seed).choice(besides, size=ASKED_BESIDES, replace=False)
    return whole.select([*ordinary, *contrast]), whole.select([*contrast, *chosen.tolist()])


def training_rows(corpus: datasets.Dataset, almanac: datasets.Dataset) -> datasets.Dataset:
    """Corpus and almanac in one table; almanac sentences have no topic."""
    almanac = almanac.remove_columns([name for name in almanac.column_names if name not in COLUMNS])
    almanac = almanac.add_column("topic", [""] * len(almanac), feature=datasets.Value("string"))
    both = [rows.select_columns(COLUMNS).cast(_AS_TEXT) for rows in (corpus, almanac)]
    return datasets.concatenate_datasets(both)


def general_rows(path: str | Path) -> datasets.Dataset:
    """The different sentences of the training split of an STS file (split, sentence1, sentence2), without contexts."""
    table = pd.read_csv(path, keep_default_na=False, encoding="utf-8")
    table = table[table["split"] == "train"]
    texts = sorted({*table["sentence1"], *table["sentence2"]})
    empty: list[str | None] = [None] * len(texts)
    columns = {"text": texts, "month": empty, "region": empty, "date": [""] * len(texts), "topic": [""] * len(texts)}
    return datasets.Dataset.from_dict(columns, features=_AS_TEXT)


def save_delta(model: SpaceTimeMiniLM, folder: str | Path, *, leave_out: tuple[str, ...] = ()) -> Path:
    """Write a model that started from all-MiniLM-L6-v2 as its difference to it.

    Parameters
    ----------
    model
        With the public backbone's sizes.
    folder
        Made if it is not there.
    leave_out
        Beginnings of the names of weights that need not be kept, such as heads that were not trained; they start anew
        when the delta is loaded.

    Returns
    -------
    Path
        Of `delta.safetensors`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plain = load_file(find_plain_weights() / WEIGHTS_FILE)
    started = dict(SpaceTimeMiniLM(model.config).named_buffers())  # tables that the configuration gives anyway
    tied = model.all_tied_weights_keys
    delta = {}
    for name, tensor in model.state_dict().items():
        if name in tied or name.startswith(leave_out):
            continue
        public = plain.get(name.removeprefix("bert.")) if name.startswith("bert.") else None
        if public is not None:
            difference = tensor.float() - public.float()
            if difference.any():
                delta[name] = difference
        elif name not in started or not torch.equal(started[name], tensor):
            delta[name] = tensor
    for name, tensor in delta.items():
        if not torch.isfinite(tensor.half()).all():
            raise ValueError(f"{name} holds a number that float16 cannot; was its training stable?")
    save_file({name: tensor.half().contiguous() for name, tensor in delta.items()}, folder / DELTA_FILE)
    (folder / DELTA_FILE).chmod(0o644)  # safetensors leaves it to its owner alone; it is to be shipped
    config = model.config.to_dict()
    config.pop("_name_or_path", None)  # a folder of the machine that trained it
    config.pop("auto_map", None)  # names a file that whole models carry
    config["changes"] = {"name": PLAIN_HUB_NAME, "sha256": PLAIN_SHA256}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return folder / DELTA_FILE


_AS_TEXT = datasets.Features({name: datasets.Value("string") for name in COLUMNS})


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--general", type=Path, required=True, help="STS benchmark: its training sentences settle")
    parser.add_argument("--output", type=Path, default=Path("runs/release"))
    parser.add_argument("--steps", type=int, default=JOINT.max_steps)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    corpus = load_corpus(options.corpus)
    split = split_corpus(corpus, by="date")
    ordinary, asked = almanac_rows()
    encoder = released_start(corpus.months, corpus.regions, options.seed)
    rows = training_rows(split.train, ordinary)
    note: dict[str, object] = {
        "corpus": options.corpus.name,
        "corpus_rows": len(split.train),
        "almanac_rows": len(ordinary),
    }
    learn = replace(JOINT, max_steps=options.steps, seed=options.seed)
    with_events: dict[str, Any] = {"make_batches": partial(EventBatches, asked=asked), "resume": True}
    learned: dict[str, Any] = {"recipe": EventRecipe(), "loss": EventLoss(), "note": note}
    train_joint(rows, encoder, options.output / "learn", learn, **learned, **with_events)
    general = general_rows(options.general)
    settled = datasets.concatenate_datasets([rows.shuffle(seed=options.seed).select(range(SETTLE_ROWS)), general])
    for time, cosines in enumerate(SETTLE_COSINES):
        train_joint(
            settled,
            encoder,
            options.output / f"settle-{time + 1}",
            replace(SETTLE, seed=options.seed + time),
            recipe=SETTLE_RECIPE,
            loss=EventLoss(cosines=cosines, words=0.1),
            note=note | {"general_rows": len(general)},
            **with_events,
        )
    fit_locator(encoder, split.train, validation=split.validation, seed=options.seed)  # the almanac would bend months
    print(save_delta(encoder.model, options.output / "delta", leave_out=LOCATION_HEADS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
