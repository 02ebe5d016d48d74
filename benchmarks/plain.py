"""The plain recipe shown to learn, at a size that two cores can do, and what the full run would take.

    python -m benchmarks.plain --sts STSB.csv.gz --banks CENTRAL_BANKS.csv.gz --output runs/plain

STSB is the STS benchmark (split, sentence1, sentence2, score), CENTRAL_BANKS rows of text, month, region in the order
of their documents; neither is part of the repository.  Three sets of pairs are trained on: two wordings of one almanac
fact (of three quarters of the templates), neighbouring sentences of the central banks' documents, and the STS
benchmark's training pairs with a score of 4 or more.  Measured, before and after: Spearman on the STS benchmark's test
pairs, and on 300 facts of templates never trained on how often the other wording of a fact is the nearest.

A finished run is read from its JSON file under --output and not repeated.  The tables are written between the marks in
benchmarks/README.md.  The central banks' text is CC BY-NC-SA: what is trained here is measured and thrown away.
"""

import argparse
import csv
import gzip
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.tables import commit, write_between
from course.cost import forward_operations, most_pieces
from course.gathering import t_interval
from course.pairing import partners_found, write_data_config
from course.students import Start, student
from data_samples.almanac.two_wordings import template_names, two_wordings
from spacetime.encoder import SpaceTimeEncoder
from spacetime.environment import environment
from spacetime.evaluation import sts
from spacetime.evaluation.similarity import read_sts_pairs
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer, plain_model
from spacetime.model.precision import quick_precision
from spacetime.model.weights import BACKBONE_SIZES
from spacetime.training.contrastive import ContrastiveLoss
from spacetime.training.loop import read_log
from spacetime.training.mixture import Source, read_data_config
from spacetime.training.plain import PLAIN, PLAIN_LOSS, train_plain

FACTS, BANKS, STS = "facts", "banks", "sts"
PAIRS = 6000  # of facts and of banks, drawn once; the STS benchmark has 1,394 such pairs
HELD_OUT_FACTS = 300
LENGTH = 32  # word pieces, where the card has 128
LAYERS = 2
CHUNK = 64  # texts embedded at a time, beyond which gradients are cached

# Not tuned: a hundred steps need more than the card's 2e-5, which is kept where the encoder is trained already.
RATES: dict[Start, float] = {"random": 5e-4, "words": 5e-4, "cut": 1e-4, "plain": 2e-5}


@dataclass(frozen=True)
class Run:
    """One training."""

    question: str  # the table it belongs to
    start: Start = "words"
    data: tuple[str, ...] = (FACTS, BANKS, STS)
    batch: int = 32
    steps: int = 80
    scale: float = 20.0
    negatives: bool = False
    seed: int = 0

    @property
    def layers(self) -> int:
        return 6 if self.start == "plain" else LAYERS

    def key(self) -> str:
        """Name of its file: everything but the question, so that two tables share a run."""
        negatives = "-negatives" if self.negatives else ""
        return (
            f"{self.start}-{'-'.join(self.data)}-{self.batch}x{self.steps}-scale{self.scale:g}{negatives}-{self.seed}"
        )


QUESTIONS = {
    "data": "What it is trained on",
    "start": "What it starts from (all three data sets)",
    "batch": "Batch size (all three data sets)",
    "scale": "Temperature (all three data sets)",
    "negatives": "Hard negatives (facts alone: another fact of the same template)",
}


def runs(seeds: int) -> Iterator[Run]:
    """All trainings, those of seed 0 first."""
    for seed in range(seeds):
        for data in ((FACTS,), (BANKS,), (STS,), (FACTS, BANKS, STS)):
            yield Run("data", data=data, seed=seed)
        for start in ("random", "words", "cut", "plain"):
            if start != "plain" or seed == 0:  # nothing of it is random but the order of the data
                yield Run("start", start=start, seed=seed)
        for negatives in (False, True):
            yield Run("negatives", data=(FACTS,), negatives=negatives, seed=seed)
        if seed == 0:
            for batch, steps in ((32, 10), (128, 10), (512, 10), (128, 40), (32, 160)):
                yield Run("batch", batch=batch, steps=steps)
            for scale in (1.0, 10.0, 20.0, 50.0, 100.0):
                yield Run("scale", scale=scale)


# ---------------------------------------------------------------------------------------------------- data


@dataclass(frozen=True)
class Material:
    """Pairs by data set, and what is measured on."""

    pairs: dict[str, list[list[str]]]  # rows of two texts; of facts three, the last a hard negative
    held_out: list[tuple[str, str]]
    sts: Any


def read_material(sts_file: Path, banks_file: Path) -> Material:
    """All pairs, the same for every run."""
    names = template_names()
    random.Random(0).shuffle(names)
    quarter = len(names) // 4
    held_out = [(pair.first, pair.second) for pair in two_wordings(HELD_OUT_FACTS, names[:quarter], seed=1)]
    facts = [[pair.first, pair.second, pair.other] for pair in two_wordings(PAIRS, names[quarter:])]
    table = read_sts_pairs(sts_file)
    alike = table[(table["split"] == "train") & (table["score"] >= 4) & (table["sentence1"] != table["sentence2"])]
    pairs = {
        FACTS: facts,
        BANKS: neighbours(banks_file, PAIRS),
        STS: [[one, other] for one, other in zip(alike["sentence1"], alike["sentence2"], strict=True)],
    }
    return Material(pairs, held_out, table)


def neighbours(file: Path, count: int, seed: int = 0) -> list[list[str]]:
    """Pairs of sentences that follow one another in a document, 5 to 40 words each, no sentence in two pairs."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    pairs, place = [], 0
    while place + 1 < len(rows):
        one, other = rows[place : place + 2]
        near = (one["month"], one["region"]) == (other["month"], other["region"])
        if near and all(5 <= len(row["text"].split()) <= 40 for row in (one, other)) and one["text"] != other["text"]:
            pairs.append([one["text"], other["text"]])
            place += 1
        place += 1
    return random.Random(seed).sample(pairs, count)


def write_sources(run: Run, material: Material, folder: Path) -> list[Source]:
    """The run's data sets as the recipe reads them, drawn equally often."""
    width = 3 if run.negatives else 2
    rows = {f"{name}.jsonl": (1.0, [row[:width] for row in material.pairs[name]]) for name in run.data}
    return read_data_config(write_data_config(folder, rows))


# ------------------------------------------------------------------------------------------------ one training


def measure(encoder: SpaceTimeEncoder, material: Material) -> dict[str, float]:
    """Spearman on the STS benchmark's test pairs, and partners found among held-out facts."""
    before, encoder.precision = encoder.precision, quick_precision(encoder.device)
    first, second = zip(*material.held_out, strict=True)
    found = {
        "sts": sts(encoder, material.sts)["sts_spearman"],
        "facts": partners_found(encoder, first, second)["partner_accuracy"],
    }
    encoder.precision = before
    return found


def do(run: Run, material: Material, file: Path) -> None:
    """Train, measure, and write what was found."""
    worked = time.process_time()
    encoder = student(run.start, layers=run.layers, max_length=LENGTH, seed=run.seed)
    before = measure(encoder, material)
    options = replace(
        PLAIN, batch_size=run.batch, learning_rate=RATES[run.start], max_steps=run.steps,
        warmup_steps=max(1, run.steps // 10), dropout=0.0, checkpoint_every=10**6, keep_checkpoints=1,
        evaluate_every=max(1, run.steps // 4) if run.seed == 0 else None, seed=run.seed,
    )  # fmt: skip
    loss = ContrastiveLoss(scale=run.scale, chunk=CHUNK if 2 * run.batch > CHUNK else None)
    with tempfile.TemporaryDirectory() as folder:
        sources = write_sources(run, material, Path(folder) / "data")
        result, drawn = train_plain(
            sources, encoder, Path(folder) / "run", options,
            loss=loss, evaluate=lambda _: measure(encoder, material), show_progress=False,
        )  # fmt: skip
        log = read_log(Path(folder) / "run" / "log.jsonl")
    record = {
        "run": asdict(run) | {"layers": run.layers, "rate": RATES[run.start]},
        "before": before,
        "curve": [{"step": line["step"], **line["evaluation"]} for line in log if "evaluation" in line],
        "after": result.evaluation,
        "final": result.final,
        "drawn": {source.name: source.drawn for source in drawn.sources},
        "processor_seconds": round(time.process_time() - worked, 1),
        "precision": quick_precision(encoder.device),
        "commit": commit(),
        "environment": environment(),
    }
    write(file, record)
    print(
        f"{run.key()}: STS-B {before['sts']:.3f} -> {result.evaluation['sts']:.3f}, facts {before['facts']:.3f} -> "
        f"{result.evaluation['facts']:.3f}, {record['processor_seconds']:.0f} s of a processor",
        flush=True,
    )


def write(file: Path, record: dict[str, Any]) -> None:
    """Completely or not at all."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    os.replace(part, file)


# ------------------------------------------------------------------------------------ what the full run takes

FULL_LENGTH = 128
ACCELERATOR, PEAK = "NVIDIA H100 (SXM), dense bfloat16", 989e12  # operations a second, as its data sheet says
SHARES = (0.1, 0.2, 0.4)  # of that peak: assumed, not measured
SPEED_BATCH, SPEED_STEPS = 16, (1, 2)


def bert_config(layers: int) -> SpaceTimeConfig:
    """The shape of all-MiniLM-L6-v2 with another number of layers; 12 are all-MiniLM-L12-v1's."""
    plain = plain_model(SpaceTimeConfig(conditioning="none")).config
    sizes = {name: getattr(plain, name) for name in BACKBONE_SIZES} | {"num_hidden_layers": layers}
    return SpaceTimeConfig(**{**plain.to_dict(), **sizes, "backbone": None})


def speed(layers: int, file: Path) -> None:
    """Word pieces a second of one processor, in the recipe's own form: texts of 128 pieces, gradients cached."""
    config = bert_config(layers)
    long = " ".join(pair.first for pair in two_wordings(20))
    options = replace(PLAIN, batch_size=SPEED_BATCH, checkpoint_every=10**6)
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = [[f"{n} {long}", long[n:]] for n in range(SPEED_BATCH)]
        sources = read_data_config(write_data_config(Path(folder) / "data", {"long.jsonl": (1.0, rows)}))
        for steps in SPEED_STEPS:  # what comes once, such as loading and saving, falls out of the difference
            torch.manual_seed(0)
            encoder = SpaceTimeEncoder(SpaceTimeMiniLM(config), load_tokenizer())
            began = time.process_time()
            train_plain(
                sources, encoder, Path(folder) / f"run{steps}", replace(options, max_steps=steps),
                loss=replace(PLAIN_LOSS, chunk=SPEED_BATCH), show_progress=False,
            )  # fmt: skip
            seconds[steps] = time.process_time() - began
            shutil.rmtree(Path(folder) / f"run{steps}")
    tokens = (SPEED_STEPS[1] - SPEED_STEPS[0]) * 2 * SPEED_BATCH * FULL_LENGTH
    rate = tokens / (seconds[SPEED_STEPS[1]] - seconds[SPEED_STEPS[0]])
    record = {"layers": layers, "tokens_per_processor_second": rate, "commit": commit(), "environment": environment()}
    write(file, record)
    print(f"{layers} layers: {rate:,.0f} word pieces a second of one processor", flush=True)


def projection(records: list[dict[str, Any]]) -> list[str]:
    """The full run's cost, from the speed measured here and for an accelerator that was not at hand."""
    tokens = most_pieces(PLAIN, FULL_LENGTH)
    years = 365.25 * 24 * 3600
    lines = [
        "### What the full run would take (a projection)",
        "",
        f"{PLAIN.max_steps:,} steps of {PLAIN.batch_size:,} pairs of texts, at most {FULL_LENGTH} word pieces each: at "
        f"most {tokens:.2e} word pieces. Texts of half that length take half, and a little less. A step goes forward "
        "twice and back once, since gradients are cached: 4 times the operations of one pass forward, 3 times where "
        "the batch fits. Softmax, pooling and AdamW are not in the count of operations, but in the measured speed.",
        "",
        "| layers | word pieces a second of one core, measured | the full run on two such cores | operations in all | "
        + " | ".join(f"{ACCELERATOR} at {share:.0%} of {PEAK / 1e12:.0f} TFLOP/s" for share in SHARES)
        + " |",
        "|---:|---:|---:|---:|" + "---:|" * len(SHARES),
    ]
    for record in sorted(records, key=lambda record: record["layers"]):
        rate = record["tokens_per_processor_second"]
        operations = 4 * forward_operations(bert_config(record["layers"]), FULL_LENGTH) * tokens
        lines.append(
            f"| {record['layers']} | {rate:,.0f} | {tokens / rate / 2 / years:.1f} years | {operations:.1e} | "
            + " | ".join(f"{operations / (share * PEAK) / 3600:.0f} hours" for share in SHARES)
            + " |"
        )
    return lines


# --------------------------------------------------------------------------------------------------- tables


def tables(done: dict[str, dict[str, Any]], seeds: int) -> list[str]:
    """One table a question, then the curves."""
    lines: list[str] = []
    for question, title in QUESTIONS.items():
        lines += [
            f"### {title}",
            "",
            "| start | trained on | batch | steps | pairs seen | scale | hard negatives | seeds | STS-B before | after "
            "| facts found before | after |",
            "|---|---|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|",
        ]
        groups: dict[str, list[Run]] = {}
        for run in runs(seeds):
            if run.question == question:
                groups.setdefault(replace(run, seed=0).key(), []).append(run)
        for group in groups.values():
            run = group[0]
            found = [done[one.key()] for one in group if one.key() in done]
            cells = [
                f"{run.start}, {run.layers} layers",
                "all three" if len(run.data) == 3 else run.data[0],
                run.batch,
                run.steps,
                f"{run.batch * run.steps:,}",
                f"{run.scale:g}",
                "one each" if run.negatives else "-",
                len(found) or "not run",
                *(
                    shown([record[when][what] for record in found])
                    for what in ("sts", "facts")
                    for when in ("before", "after")
                ),
            ]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
        lines.append("")
    lines += ["### Curves: STS-B after a share of the steps, seed 0", ""]
    lines += [
        "| start | trained on | hard negatives | 0 | 25 % | 50 % | 75 % | 100 % |",
        "|---|---|---|" + "---:|" * 5,
    ]
    drawn = set()
    for run in runs(1):
        if run.question in ("data", "start", "negatives") and run.key() in done and run.key() not in drawn:
            drawn.add(run.key())
            record = done[run.key()]
            values = [record["before"]["sts"], *(point["sts"] for point in record["curve"])]
            data = "all three" if len(run.data) == 3 else run.data[0]
            curve = [run.start, data, "one each" if run.negatives else "-", *(f"{value:.3f}" for value in values)]
            lines.append("| " + " | ".join(curve) + " |")
    return [*lines, ""]


def shown(values: list[float]) -> str:
    """Mean over seeds and half of its 95 % t-interval."""
    if not values:
        return ""
    if max(values) - min(values) < 1e-9:
        return f"{values[0]:.3f}"
    interval = t_interval(values)
    return f"{interval.mean:.3f} ± {interval.high - interval.mean:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sts", type=Path, required=True)
    parser.add_argument("--banks", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("runs/plain"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables-only", action="store_true", help="write the tables from the runs that there are")
    options = parser.parse_args()

    options.output.mkdir(parents=True, exist_ok=True)
    commit()
    torch.set_num_threads(1)  # so that processor time is the work done, on a machine that others use, too
    files = {run.key(): options.output / f"{run.key()}.json" for run in runs(options.seeds)}
    speeds = [options.output / f"speed-{layers}-layers.json" for layers in (6, 12)]
    if not options.tables_only:
        material = read_material(options.sts, options.banks)
        for run in runs(options.seeds):
            if not files[run.key()].exists():
                do(run, material, files[run.key()])
        for layers, file in zip((6, 12), speeds, strict=True):
            if not file.exists():
                speed(layers, file)
    done = {key: json.loads(file.read_text(encoding="utf-8")) for key, file in files.items() if file.exists()}
    measured = [json.loads(file.read_text(encoding="utf-8")) for file in speeds if file.exists()]
    commits = ", ".join(sorted({record["commit"] for record in [*done.values(), *measured]}))
    precisions = " and ".join(sorted({record.get("precision", "bfloat16") for record in done.values()}))
    work = sum(record["processor_seconds"] for record in done.values()) / 60
    note = (
        f"`python -m benchmarks.plain --sts STSB --banks CENTRAL_BANKS`, commit {commits}; seeds 0 to "
        f"{options.seeds - 1} where {options.seeds} are named, else 0; mean over seeds ± half of its 95 % t-interval; "
        f"one thread, {precisions}, {work:.0f} minutes of one core in all. Measured"
    )
    write_between("plain", [*tables(done, options.seeds), *projection(measured)], note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
