"""Every row of the comparison, trained and measured, and the tables of it.

    python -m benchmarks.science CORPUS --sts STS_FILE --profile quick
    python -m benchmarks.science CORPUS --sts STS_FILE --profile full --seeds 0,1,2

CORPUS is Wikipedia's Current Events (2017-2021 and four regions are taken from it), STS_FILE the STS benchmark as
CSV; neither is part of the repository.  Without them the almanac alone is used, and what needs them stays empty.  A
finished run is not repeated.  `--profile full` writes its tables between the marks in benchmarks/README.md and all
numbers into benchmarks/science.csv, `--profile quick` into the output folder.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import datasets

from benchmarks.science import table as tables
from benchmarks.science.material import PROFILES, Settings, material_key, prepare
from benchmarks.science.processes import finished
from benchmarks.science.rows import ROWS, Row, rows_named
from benchmarks.science.runs import RESULT, run_folder
from benchmarks.tables import write_between
from spacetime.environment import environment

RESULTS = Path(__file__).parents[1] / "science.csv"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.science", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, nargs="?", help="Current Events; the almanac alone without it")
    parser.add_argument("--sts", type=Path, help="STS benchmark: split, sentence1, sentence2, score")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="quick")
    parser.add_argument("--output", type=Path, default=Path("runs/science"))
    parser.add_argument("--rows", help='names, separated by ";" or ","; all without it')
    parser.add_argument("--seeds", default=None, help="such as 0,1,2 (full: the default) or 0 (quick: the default)")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--steps-scale", type=float, default=1.0, help="longer or shorter trainings")
    parser.add_argument("--keep", action="store_true", help="leave the trained models, 90 MB each")
    options = parser.parse_args(arguments)
    try:
        rows = rows_named(options.rows)
        seeds = [int(seed) for seed in (options.seeds or ("0,1,2" if options.profile == "full" else "0")).split(",")]
        for path in (options.corpus, options.sts):
            if path is not None and not path.is_file():
                raise ValueError(f"no file at {path}")
        if options.workers < 1 or not options.steps_scale > 0:
            raise ValueError("--workers must be at least 1, --steps-scale above 0")
    except ValueError as error:
        parser.error(str(error))
    settings = scaled(PROFILES[options.profile], options.steps_scale)
    key = material_key(options.corpus, options.sts, settings)
    folder = options.output / f"material-{key}"

    def folder_of(row: Row, seed: int) -> Path:
        return run_folder(options.output, row, seed, settings, key)

    if options.corpus is None:
        rows = [row for row in rows if row.group != "wide"]
    runs = [(row, 0) for row in rows if not row.is_trained]
    runs += [(row, seed) for seed in seeds for row in rows if row.is_trained]
    wanted = [(row, seed, folder_of(row, seed)) for row, seed in runs]
    waiting = [task for task in wanted if not (task[2] / RESULT).exists()]
    print(f"{len(wanted)} runs, {len(wanted) - len(waiting)} of them finished before", flush=True)
    began = time.perf_counter()
    if waiting:
        datasets.disable_progress_bars()
        prepare(options.corpus, options.sts, settings, folder)
        print(f"corpora and plain vectors: {time.perf_counter() - began:.0f} s", flush=True)
    failed = 0
    for number, ((row, seed, _), outcome) in enumerate(
        finished(waiting, folder, settings, options.workers, options.keep), start=1
    ):
        name = f"{number}/{len(waiting)} {row.name}" + (f", seed {seed}" if row.is_trained else "")
        if isinstance(outcome, BaseException):
            failed += 1
            print(f"{name}: FAILED: {type(outcome).__name__}: {' '.join(str(outcome).split())[:300]}", flush=True)
        else:
            parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in outcome.items() if part != "wall")
            print(f"{name}: {outcome['wall']:.0f} s (processor: {parts})", flush=True)

    # Every run of this configuration that is there, whether it was asked for this time or not.
    found = {(row.name, seed): folder_of(row, seed) for row in ROWS for seed in every_seed(options.output, row, seeds)}
    tidy, records = tables.gather(found)
    if records:
        write(tidy, records, options, settings)
    print(f"{time.perf_counter() - began:.0f} s; {failed} failed", flush=True)
    return 1 if failed else 0


def every_seed(output: Path, row: Row, seeds: list[int]) -> list[int]:
    """The seeds to look for: those asked for, and those of earlier runs."""
    if not row.is_trained:
        return [0]
    there = {int(part.rpartition("-seed")[2].split("-")[0]) for part in map(str, output.glob("*-seed*"))}
    return sorted(there | set(seeds))


def scaled(settings: Settings, factor: float) -> Settings:
    """More or fewer steps of training."""
    names = ("stage1_steps", "stage2_steps", "joint_steps", "wide_steps")
    return replace(settings, **{name: max(1, round(getattr(settings, name) * factor)) for name in names})


# --------------------------------------------------------------------------------------------------- results


def write(tidy: Any, records: list[dict[str, Any]], options: argparse.Namespace, settings: Settings) -> None:
    """The tables, and all numbers with commit, machine and versions in a first line of comment."""
    where = environment()
    commits = ", ".join(sorted({record["commit"] for record in records}))
    lines = tables.markdown(tidy)
    command = f"`python -m benchmarks.science{' CORPUS' if options.corpus else ''}{' --sts STS' if options.sts else ''}"
    command += (
        f" --profile {options.profile}{f' --steps-scale {options.steps_scale:g}' if options.steps_scale != 1 else ''}`"
    )
    missing = [
        text
        for path, text in (
            (options.corpus, "No real corpus: trained and measured on the almanac, retrieval left out"),
            (options.sts, "No STS benchmark: its columns are empty"),
        )
        if path is None
    ]
    seeds = ", ".join(str(seed) for seed in sorted(set(tidy["seed"])))
    note = ". ".join(
        [
            f"{command}, commit {commits}; seeds {seeds}; mean over seeds ± half of its 95 % t-interval",
            f"{settings.stage1_steps} steps of stage 1, {settings.stage2_steps} of stage 2, {settings.joint_steps} of "
            f"the joint recipe, {settings.wide_steps} on all months and regions, each stage 1 from a masked-LM head of "
            f"{settings.head_steps} steps",
            *missing,
            "Measured",
        ]
    )
    heading = "# " + json.dumps({"commit": commits, "profile": options.profile, "settings": asdict(settings), **where})
    csv = RESULTS if options.profile == "full" and options.steps_scale == 1 else options.output / "science.csv"
    csv.write_text(f"{heading}\n{tidy.to_csv(index=False, float_format='%.6g')}", encoding="utf-8")
    print("\n".join(lines))
    if csv == RESULTS:
        write_between("science", lines, note)
    else:
        (options.output / "science.md").write_text("\n".join([*lines, "", note]) + "\n", encoding="utf-8")
    print(f"\n{note}\nwritten: {csv}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
