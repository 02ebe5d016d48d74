"""Training: one optimiser step against the plain loop and against sentence-transformers' trainer, and its data."""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import datasets
import numpy as np
import torch

from benchmarks.speed.timing import Size, apart, mixed_sentences
from spacetime.corpus.almanac import load_almanac
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import find_plain_weights
from spacetime.model.precision import quick_precision
from spacetime.training import STAGE1, STAGE2, train
from spacetime.training.batches import Batch, PairBatches, TripleBatches
from spacetime.training.objectives import Objective, stage1_loss, stage2_loss
from spacetime.training.pairs import build_pairs

WARM = 2  # steps that are not timed
LARGE = 8_000  # word pieces a step: steps so long differ little
Stage = Literal["stage 1", "stage 2"]


class Timed:
    """Batches of one size that note when each is asked for: a step is what lies between two of them."""

    def __init__(self, encoder: SpaceTimeEncoder, stage: Stage, rows: int, length: int) -> None:
        self.encoder, self.stage, self.rows, self.length = encoder, stage, rows, length
        self.asked: list[float] = []

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, step: int) -> Batch:
        self.asked.append(time.perf_counter())
        random = np.random.default_rng([7, step])
        rows = self.rows * (2 if self.stage == "stage 2" else 1)
        config = self.encoder.model.config
        batch = {
            "input_ids": torch.from_numpy(random.integers(2000, 25_000, size=(rows, self.length))),
            "attention_mask": torch.ones(rows, self.length, dtype=torch.long),
            "month_ids": torch.from_numpy(random.integers(config.num_months, size=rows)),
            "region_ids": torch.from_numpy(random.integers(config.num_regions, size=rows)),
        }
        if self.stage == "stage 2":
            return batch | {"similarity": torch.from_numpy(random.random(self.rows).astype(np.float32))}
        masked = torch.from_numpy(random.random((rows, self.length)) < 0.15)
        masked[:, 1] = True
        return batch | {
            "masked_positions": masked,
            "mlm_labels": batch["input_ids"][masked],
            "month_labels": batch["month_ids"],
            "region_labels": batch["region_ids"],
        }

    @property
    def tokens(self) -> int:
        """Word pieces of a step."""
        return self.rows * self.length * (2 if self.stage == "stage 2" else 1)

    def rate(self) -> float:
        """Word pieces a second, by the median of the steps after the warm-up."""
        return self.tokens / float(np.median(np.diff(self.asked)[WARM:]))


def fresh() -> SpaceTimeEncoder:
    return SpaceTimeEncoder.from_plain("multiplicative", device="cpu")


def ours(stage: Stage, rows: int, length: int, steps: int) -> float:
    """Word pieces a second of this package's loop."""
    encoder = fresh()
    batches = Timed(encoder, stage, rows, length)
    options = replace(STAGE1 if stage == "stage 1" else STAGE2, batch_size=rows, max_steps=steps + WARM + 1)
    objective = stage1_loss if stage == "stage 1" else stage2_loss
    with TemporaryDirectory() as folder:
        train(encoder.model, batches, objective, options, folder, show_progress=False)
    return batches.rate()


def plain_loop(stage: Stage, rows: int, length: int, steps: int) -> float:
    """Word pieces a second of the loop that one would write first: sdpa, float32, AdamW as it comes, dropout .1.

    In stage 1 the masked-LM head is computed at every place, as in BERT's own classes.
    """
    encoder = fresh()
    model = encoder.model.train()
    batches = Timed(encoder, stage, rows, length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    objective = everywhere_loss if stage == "stage 1" else stage2_loss
    for step in range(steps + WARM + 1):
        loss, _ = objective(model, batches[step])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return batches.rate()


def everywhere_loss(model: Any, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Stage 1's loss with the masked-LM head at every place."""
    labels = torch.full_like(batch["input_ids"], -100)
    labels[batch["masked_positions"]] = batch["mlm_labels"]
    everywhere = {"masked_positions": torch.ones_like(batch["masked_positions"]), "mlm_labels": labels.flatten()}
    return stage1_loss(model, batch | everywhere)


def their_trainer(rows: int, length: int, steps: int) -> float:
    """Word pieces a second of `SentenceTransformerTrainer` on pairs with a similarity, its defaults."""
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
    from transformers import TrainerCallback

    began: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            began.append(time.perf_counter())

    model = SentenceTransformer(str(find_plain_weights()), device="cpu")
    words = [word for word in model.tokenizer.get_vocab() if word.isalpha() and word.isascii()]
    random = np.random.default_rng(0)
    count = rows * (steps + WARM + 1)
    texts = [[" ".join(random.choice(words, size=length - 2)) for _ in range(count)] for _ in range(2)]
    pairs = datasets.Dataset.from_dict({"a": texts[0], "b": texts[1], "score": random.random(count).tolist()})
    with TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            folder,
            per_device_train_batch_size=rows,
            max_steps=steps + WARM + 1,
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        SentenceTransformerTrainer(
            model=model,
            args=arguments,
            train_dataset=pairs,
            loss=CosineSimilarityLoss(model),
            callbacks=[Clock()],
        ).train()
    return 2 * rows * length / float(np.median(np.diff(began)[WARM:]))


def training(size: Size) -> dict[str, Any]:
    """Word pieces a second of every contender at every size of a step, and the loss curves."""
    steps = []
    for stage in ("stage 1", "stage 2"):
        for rows in size.batches:
            for length in size.lengths:
                count = size.steps if rows * length < LARGE else min(3, size.steps)
                rates: dict[str, list[float]] = {}
                for turn in range(2):
                    contenders: dict[str, Any] = {
                        "ours": lambda s=stage, r=rows, n=length, c=count: ours(s, r, n, c),
                        "plain": lambda s=stage, r=rows, n=length, c=count: plain_loop(s, r, n, c),
                    }
                    if stage == "stage 2":
                        contenders["trainer"] = lambda r=rows, n=length, c=count: their_trainer(r, n, c)
                    for name in list(contenders)[:: -1 if turn else 1]:
                        rates.setdefault(name, []).append(contenders[name]())
                means = {name: float(np.mean(values)) for name, values in rates.items()}
                steps.append({"stage": stage, "rows": rows, "length": length, "rates": means})
    return {"precision": quick_precision(fresh().device), "steps": steps, "curve": curves(size.curve)}


def curves(steps: int) -> dict[str, Any]:
    """Stage 1's loss, step by step: ours (the quicker precision, eager, fused AdamW) and the plain loop (float32, sdpa)
    on the same batches without dropout; and ours on other batches: how far two trainings differ anyway."""
    rows = load_almanac().dataset.shuffle(seed=0)
    rows = rows.select(range(min(len(rows), 32 * steps)))
    result = {}
    for name, seed, precision in (
        ("ours", 0, "auto"),
        ("plain loop", 0, "float32"),
        ("ours, other batches", 1, "auto"),
    ):
        encoder = fresh()
        batches = TripleBatches(rows, encoder, batch_size=32, seed=seed)
        losses: list[float] = []

        def noted(model: Any, batch: Batch, losses: list[float] = losses) -> Any:
            loss, parts = stage1_loss(model, batch)
            losses.append(loss.item())
            return loss, parts

        if name == "plain loop":
            follow_plainly(encoder, batches, noted, steps)
        else:
            options = replace(STAGE1, max_steps=steps, precision=precision)  # type: ignore[arg-type]
            with TemporaryDirectory() as folder:
                train(encoder.model, batches, noted, options, folder, show_progress=False)
        result[name] = losses
    return result


def follow_plainly(encoder: SpaceTimeEncoder, batches: TripleBatches, objective: Objective, steps: int) -> None:
    """The same training in float32 with sdpa and AdamW as torch has it by default."""
    from spacetime.training.loop import parameter_groups, set_dropout, warmup_then_decay

    model = encoder.model.train()
    set_dropout(model, 0.0)
    optimizer = torch.optim.AdamW(parameter_groups(model, STAGE1), weight_decay=STAGE1.weight_decay)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * warmup_then_decay(step, steps, STAGE1.warmup_share)
        loss, _ = objective(model, batches[step])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), STAGE1.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad()


def data(size: Size) -> dict[str, Any]:
    """Word pieces a second that one core prepares (tokenised, masked, padded), and that stage 1 takes."""
    # In memory: what is tokenised on disk is found there the next time, and would cost nothing.
    columns = dict(zip(("text", "month", "region"), mixed_sentences(200 * size.sample), strict=True))
    rows, encoder = datasets.Dataset.from_dict(columns), fresh()
    began = time.perf_counter()
    batches = TripleBatches(rows, encoder, batch_size=32)
    tokenised = time.perf_counter() - began
    began, pieces = time.perf_counter(), 0
    for step in range(len(batches)):
        pieces += int(batches[step]["attention_mask"].sum())
    batched = time.perf_counter() - began
    mean = max(8, round(pieces / len(rows)))
    return {
        "rows": len(rows),
        "pieces": pieces,
        "tokenised": pieces / tokenised,
        "prepared": pieces / (tokenised + batched),  # tokens are kept on disk, so later epochs pay the batches alone
        "batched": pieces / batched,
        "trained": ours("stage 1", 32, mean, size.steps),
    }


def scale(size: Size) -> dict[str, Any]:
    """A full-size stage 1 epoch: the almanac's builder makes the triples, a sample of steps is trained."""
    with TemporaryDirectory() as folder:
        built = apart("training:built_triples", folder, size.triples)
        trained = apart("training:trained_triples", folder, size.sample)
    return {"built": built, "trained": trained}


def built_triples(folder: str, each: int) -> dict[str, Any]:
    """Write `each` sentences a cell (60 months, 4 regions) as Parquet, without holding them."""
    import pyarrow
    import pyarrow.parquet

    from data_samples.almanac import rows

    began, count = time.perf_counter(), 0
    columns = ("text", "month", "region")
    schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
    with pyarrow.parquet.ParquetWriter(Path(folder) / "triples.parquet", schema) as writer:
        held: list[dict[str, str]] = []
        for row in rows(each):
            held.append({name: row[name] for name in columns})
            if len(held) == 10_000:
                writer.write_table(pyarrow.Table.from_pylist(held, schema))
                count, held = count + len(held), []
        writer.write_table(pyarrow.Table.from_pylist(held, schema))
    return {"rows": count + len(held), "seconds": time.perf_counter() - began}


def trained_triples(folder: str, steps: int) -> dict[str, Any]:
    """Check and tokenise the whole file, train some steps; seconds of each."""
    from spacetime.corpus import load_corpus

    began = time.perf_counter()
    corpus = load_corpus(Path(folder) / "triples.parquet", cache_dir=folder, show_progress=False)
    checked = time.perf_counter() - began
    encoder = SpaceTimeEncoder.from_plain("multiplicative", corpus.months, corpus.regions, device="cpu")
    began = time.perf_counter()
    batches = TripleBatches(corpus.dataset, encoder, batch_size=32)
    tokenised = time.perf_counter() - began
    step = seconds_a_step(encoder, batches, "stage 1", steps, Path(folder))
    few = corpus.dataset.select(range(min(len(corpus.dataset), 32 * (steps + WARM + 1))))
    pairs = build_pairs(few, SpaceTimeEncoder.load("plain", "cpu"), corpus.months, corpus.regions, show_progress=False)
    pair_step = seconds_a_step(encoder, PairBatches(pairs, encoder), "stage 2", steps, Path(folder))
    return {
        "rows": len(corpus.dataset),
        "months": len(corpus.months),
        "checked": checked,
        "tokenised": tokenised,
        "step": step,
        "epoch": step * len(batches),
        "pair_step": pair_step,
        "pair_epoch": pair_step * len(batches),  # as many pairs as sentences
    }


def seconds_a_step(encoder: SpaceTimeEncoder, batches: Any, stage: Stage, steps: int, folder: Path) -> float:
    """Mean seconds of a step of training on real batches, each of its own length."""
    objective, options = (stage1_loss, STAGE1) if stage == "stage 1" else (stage2_loss, STAGE2)
    asked: list[float] = []

    def noted(model: Any, batch: Batch) -> Any:
        asked.append(time.perf_counter())
        return objective(model, batch)

    options = replace(options, max_steps=min(steps + WARM + 1, len(batches)))
    train(encoder.model, batches, noted, options, folder / stage, show_progress=False)
    return float(np.mean(np.diff(asked)[WARM:]))


def training_lines(found: dict[str, dict[str, Any]], page: Path, place: str = "speed") -> list[str]:
    """The results as tables of Markdown; the loss curves go to a picture beside the page, named after the place."""
    lines = []
    if result := found.get("training"):
        lines += [
            f"**Training**, word pieces a second of one optimiser step; ours is {result['precision']} without dropout, "
            "the plain loop float32 with sdpa, dropout, AdamW as torch has it and the masked-LM head at every place, "
            "the trainer (float32) `SentenceTransformerTrainer` with its defaults (it has no stage 1).",
            "",
            f"| | rows | length | ours, {result['precision']} | plain loop | ratio | trainer | ratio |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for one in result["steps"]:
            rates = one["rates"]
            cells = [one["stage"], str(one["rows"]), str(one["length"]), f"{rates['ours']:,.0f}"]
            for name in ("plain", "trainer"):
                theirs = rates.get(name)
                cells += ["-", "-"] if theirs is None else [f"{theirs:,.0f}", f"{rates['ours'] / theirs:.2f}"]
            lines.append("| " + " | ".join(cells) + " |")
        curve = {name: np.asarray(losses) for name, losses in result["curve"].items()}
        tail = max(1, len(curve["ours"]) // 6)
        ends = {name: float(losses[-tail:].mean()) for name, losses in curve.items()}
        apart = {name: float(np.abs(losses - curve["ours"]).mean()) for name, losses in curve.items() if name != "ours"}
        draw_curves(curve, page.with_name(f"{place}_loss.svg"))
        lines += [
            "",
            f"Loss over {len(curve['ours'])} steps of stage 1, mean of the last {tail}: ours {ends['ours']:.3f}, "
            f"plain loop on the same batches {ends['plain loop']:.3f}, ours on other batches "
            f"{ends['ours, other batches']:.3f}. Step by step the plain loop "
            f"differs by {apart['plain loop']:.4f}, other batches by "
            f"{apart['ours, other batches']:.3f}.",
            "",
            f"![Loss of stage 1 by step: ours and the plain loop lie on one another]({place}_loss.svg)",
            "",
        ]
    if result := found.get("data"):
        lines += [
            f"**Data**: one core tokenises {result['tokenised']:,.0f} word pieces a second and makes batches "
            f"of {result['batched']:,.0f}; together "
            f"{result['prepared'] / result['trained']:.0f} times what stage 1 takes ({result['trained']:,.0f} a second "
            "on these batches).",
            "",
        ]
    if result := found.get("scale"):
        built, trained = result["built"], result["trained"]
        lines += [
            f"**A full-size stage 1 epoch**: {trained['rows']:,} triples, {trained['months']} months, built by the "
            f"almanac's builder in {built['seconds'] / 60:.1f} min (at most {built['peak_mb']:,.0f} MB). Checked in "
            f"{trained['checked'] / 60:.1f} min, tokenised in {trained['tokenised'] / 60:.1f} min, "
            f"{trained['step']:.3f} s a step of 32: an epoch would take {trained['epoch'] / 3600:.1f} h (at most "
            f"{trained['peak_mb']:,.0f} MB, model, optimiser and the pages of the file that are in memory included). "
            f"Stage 2 takes {trained['pair_step']:.3f} s a step of 32 pairs, {trained['pair_epoch'] / 3600:.1f} h for "
            "as many pairs. Projected from a sample of steps, not run; building pairs is in the next table.",
            "",
        ]
    return lines


def draw_curves(curve: dict[str, np.ndarray], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
    for name, losses in curve.items():
        width = min(10, len(losses))
        axes.plot(np.convolve(losses, np.ones(width) / width, "valid"), label=name, linewidth=1)
    axes.set(xlabel="step", ylabel="loss of stage 1, mean of 10 steps")
    axes.legend(frameon=False)
    save_picture(figure, path)


def save_picture(figure: Any, path: Path) -> None:
    """As SVG without a date, so that the same numbers give the same file."""
    import matplotlib.pyplot as plt

    with plt.rc_context({"svg.hashsalt": "speed"}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
