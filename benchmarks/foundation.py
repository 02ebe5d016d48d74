"""One full epoch of both stages on real text, for several recipes, and what came of each: one table.

    python -m benchmarks.foundation CORPUS --sts STS_FILE --output runs/foundation

CORPUS is Wikipedia's Current Events as rows of text, month, region, date, topic (2017-2021 and four regions are taken
from it); STS_FILE is the STS benchmark as CSV (split, sentence1, sentence2, score).  Neither is part of the
repository.  A training that was stopped goes on where it was; a finished one is not repeated.  The table is written
between the marks in benchmarks/README.md.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.tables import write_between

SUBSET = ["--months", "2017-01..2021-12", "--regions", "UK,US,AUS,CAN", "--outside", "skip", "--split", "date"]
HIDDEN = ["--hide-month", "0.5", "--hide-region", "0.5"]
PUBLISHED = ["--conditioning", "multiplicative", "--time-encoding", "sinusoidal_published"]

# Name, options of stage 1, options of stage 2.  Rates, batch size, warm-up and one epoch are the card's in each.
RECIPES: dict[str, tuple[list[str], list[str]]] = {
    "published": (PUBLISHED, []),
    "published, context dropout .5": ([*PUBLISHED, *HIDDEN], HIDDEN),
    "prefix, context dropout .5": (["--conditioning", "prefix", *HIDDEN], HIDDEN),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--sts", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("runs/foundation"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    rows = [measure("plain all-MiniLM-L6-v2", "plain", options)]
    for name, (stage1, stage2) in RECIPES.items():
        folder = options.output / name.replace(", ", "-").replace(" ", "-")
        seed = ["--seed", str(options.seed), "--resume"]
        run(["train", "stage1", str(options.corpus), *SUBSET, *stage1, *seed, "--output", str(folder / "stage1")])
        start = ["--from", str(folder / "stage1" / "model")]
        run(
            [
                "train",
                "stage2",
                str(options.corpus),
                *start,
                *SUBSET,
                *stage2,
                *seed,
                "--output",
                str(folder / "stage2"),
            ]
        )
        rows.append(measure(f"{name}: after stage 1", str(folder / "stage1" / "model"), options, folder / "stage1"))
        rows.append(measure(f"{name}: after stage 2", str(folder / "stage2" / "model"), options, folder / "stage2"))
    write_table(rows, options)
    return 0


def run(arguments: list[str]) -> None:
    """Run a command of the package and show it; a finished training is left as it is."""
    output = Path(arguments[-1])
    if (output / "training.json").exists():
        return
    print("spacetime", shlex.join(arguments), flush=True)
    subprocess.run([sys.executable, "-m", "spacetime.cli", *arguments], check=True)


def measure(name: str, model: str, options: argparse.Namespace, folder: Path | None = None) -> dict[str, Any]:
    """Evaluate one model with `spacetime evaluate`; the numbers stay in its folder."""
    output = (folder or options.output / "plain") / "evaluation"
    if not (output / "metrics.json").exists():
        arguments = [
            "evaluate",
            model,
            str(options.corpus),
            *SUBSET,
            "--sts",
            str(options.sts),
            "--output",
            str(output),
        ]
        print("spacetime", shlex.join(arguments), flush=True)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "spacetime.cli", *arguments], check=True, stdout=subprocess.DEVNULL)
        print(f"  {time.perf_counter() - began:.0f} s", flush=True)
    metrics: dict[str, Any] = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    training = json.loads((folder / "training.json").read_text(encoding="utf-8")) if folder else None
    return {"name": name, "metrics": metrics, "training": training}


# Column, section and name in metrics.json, digits.
COLUMNS = [
    ("STS-B, no context", "meaning", "sts_spearman", 3),
    ("STS-B, shared context", "meaning", "sts_spearman_same_context", 3),
    ("meaning kept", "meaning", "rank_agreement", 3),
    ("pair Spearman", "pairs", "pair_spearman", 3),
    ("pair error", "pairs", "pair_mae", 3),
    ("decay: cosine at 1 month", "decay", "decay_cosine_nearest", 3),
    ("at the farthest", "decay", "decay_cosine_farthest", 3),
    ("region gap", "decay", "region_gap", 4),
    ("locate: region", "locate", "locate_region_accuracy", 3),
    ("month", "locate", "locate_month_accuracy", 3),
    ("month error", "locate", "locate_month_error", 1),
    ("TF-IDF: region", "locate", "tfidf_region_accuracy", 3),
    ("month", "locate", "tfidf_month_accuracy", 3),
    ("month error", "locate", "tfidf_month_error", 1),
]


def write_table(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Put the table between the marks of benchmarks/README.md."""
    lines = [
        "| model | " + " | ".join(title for title, *_ in COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for row in rows:
        cells = []
        for _, section, metric, digits in COLUMNS:
            value = row["metrics"].get(section, {}).get(metric)
            cells.append("-" if value is None else f"{value:.{digits}f}")
        lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    steps = next(row["training"]["result"]["steps"] for row in rows if row["training"])
    write_between("foundation", lines, f"Seed {options.seed}, {steps} steps a stage")
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
