"""The cost curve: time and memory of every step of the way, from a thousand rows to a million.

Every measurement runs in a process of its own, whose peak memory is its own.
"""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.timing import Size, apart, mixed_sentences

STEPS = ("corpus check", "pair building", "encoding", "training step", "map")


def cost(size: Size, kept: Path) -> dict[str, Any]:
    """Seconds and peak memory of each step for each number of rows; what `kept` holds is not measured again."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in STEPS}
    for rows in size.rows:
        folder = kept / str(rows)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "rows.parquet").exists():
            write_rows(folder / "rows.part", rows)
            (folder / "rows.part").rename(folder / "rows.parquet")
        for step, call in (
            ("corpus check", "cost:check"),
            ("encoding", "cost:encode"),  # before the pairs, which read its vectors
            ("pair building", "cost:pairs"),
            ("training step", "cost:step"),
            ("map", "cost:draw"),
        ):
            if step == "map" and rows > size.map_rows:
                continue
            file = folder / f"{step}.json"
            if not file.exists():
                file.write_text(json.dumps({"rows": rows, **apart(call, str(folder))}), encoding="utf-8")
            found[step].append(json.loads(file.read_text(encoding="utf-8")))
    return {"steps": found}


def write_rows(path: Path, count: int, chunk: int = 50_000) -> None:
    """Rows of text, month and region as Parquet, every text another: its number stands in front."""
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(name, pyarrow.string()) for name in ("text", "month", "region")])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, count, chunk):
            texts, months, regions = mixed_sentences(min(chunk, count - start), seed=start)
            texts = [f"{start + i} {text}" for i, text in enumerate(texts)]
            writer.write_table(pyarrow.table([texts, months, regions], schema=schema))


def _corpus(folder: Path) -> Any:
    from spacetime.corpus import load_corpus

    return load_corpus(folder / "rows.parquet", cache_dir=folder, show_progress=False)


def check(folder: str) -> dict[str, Any]:
    began = time.perf_counter()
    _corpus(Path(folder))
    return {"seconds": time.perf_counter() - began}


def encode(folder: str) -> dict[str, Any]:
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.vectors import write_vectors

    corpus, encoder = _corpus(Path(folder)), SpaceTimeEncoder.load(device="cpu")
    shutil.rmtree(Path(folder) / "vectors.npy.part", ignore_errors=True)  # of a measurement that was stopped
    began = time.perf_counter()
    write_vectors(corpus.dataset, encoder, Path(folder) / "vectors.npy", show_progress=False)
    return {"seconds": time.perf_counter() - began}


def pairs(folder: str) -> dict[str, Any]:
    """Without the encoding, which has its own line: the vectors are read."""
    from spacetime.training.pairs import build_pairs

    class Read:
        def encode(self, texts: list[str], **_: Any) -> np.ndarray:
            return np.load(Path(folder) / "vectors.npy").astype(np.float32)

    corpus = _corpus(Path(folder))
    began = time.perf_counter()
    build_pairs(corpus.dataset, Read(), corpus.months, corpus.regions)  # type: ignore[arg-type]
    return {"seconds": time.perf_counter() - began}


def step(folder: str) -> dict[str, Any]:
    """What comes before the first step of stage 1 (tokenising), and ten steps."""
    from dataclasses import replace

    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.training import STAGE1, train
    from spacetime.training.batches import TripleBatches
    from spacetime.training.objectives import stage1_loss

    corpus = _corpus(Path(folder))
    encoder = SpaceTimeEncoder.from_plain("multiplicative", corpus.months, corpus.regions, device="cpu")
    began = time.perf_counter()
    batches = TripleBatches(corpus.dataset, encoder, batch_size=32)
    options = replace(STAGE1, max_steps=10)
    shutil.rmtree(Path(folder) / "run", ignore_errors=True)  # of a measurement that was stopped
    train(encoder.model, batches, stage1_loss, options, Path(folder) / "run", show_progress=False)
    return {"seconds": time.perf_counter() - began}


def draw(folder: str) -> dict[str, Any]:
    from course.maps import umap_map

    vectors = np.load(Path(folder) / "vectors.npy").astype(np.float32)
    umap_map(vectors[:100], seed=0)  # compiles UMAP, which takes half a minute whatever the size
    began = time.perf_counter()
    umap_map(vectors, seed=0)
    return {"seconds": time.perf_counter() - began}


def cost_lines(found: dict[str, dict[str, Any]], page: Path, place: str = "speed") -> list[str]:
    """The result as a table of Markdown, and as a picture beside the page, named after the place."""
    if "cost" not in found:
        return []
    steps = {name: ones for name, ones in found["cost"]["steps"].items() if ones}
    sizes = sorted({one["rows"] for ones in steps.values() for one in ones})
    lines = [
        "**The cost of size**: seconds, and the most memory in MB, of each step in a process of its own. The exponent "
        "is that of the last two sizes: 1 is linear. The training step is the tokenising of all rows and ten steps.",
        "",
        "| | " + " | ".join(f"{size:,} rows" for size in sizes) + " | exponent |",
        "|---|" + "---|" * (len(sizes) + 1),
    ]
    for name, ones in steps.items():
        by_size = {one["rows"]: one for one in ones}
        cells = [
            f"{by_size[s]['seconds']:.1f} s, {by_size[s]['peak_mb']:,.0f}" if s in by_size else "not run" for s in sizes
        ]
        exponent = "-"
        if len(ones) > 1:
            a, b = ones[-2:]
            exponent = f"{np.log(b['seconds'] / a['seconds']) / np.log(b['rows'] / a['rows']):.2f}"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {exponent} |")
    if left_out := [name for name in STEPS if name not in steps]:
        lines += ["", f"Not run at these sizes: {', '.join(left_out)}."]
    draw_cost(steps, page.with_name(f"{place}_cost.svg"))
    return [*lines, "", f"![Seconds and memory by rows, both axes logarithmic]({place}_cost.svg)", ""]


def draw_cost(steps: dict[str, list[dict[str, Any]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from benchmarks.speed.training import save_picture

    figure, both = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for axes, key, title in zip(both, ("seconds", "peak_mb"), ("seconds", "most memory, MB"), strict=True):
        for name, ones in steps.items():
            axes.plot([one["rows"] for one in ones], [one[key] for one in ones], marker="o", label=name, linewidth=1)
        axes.set(xscale="log", yscale="log", xlabel="rows", ylabel=title)
    both[0].legend(frameon=False, fontsize=7)
    save_picture(figure, path)
