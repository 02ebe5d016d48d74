"""Timing things against each other on a machine that is never quite still."""

import contextlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spacetime.corpus.almanac import load_almanac


@dataclass(frozen=True)
class Size:
    """How much of everything is measured.

    Parameters
    ----------
    sentences
        To be encoded, of mixed length.
    repeats
        Of every contender; they take turns.
    published
        Sentences embedded in the published way, which is slow.
    steps
        Timed training steps of each contender and turn, after two that are not; 3 where a step is large.
    batches, lengths
        Rows and word pieces of the training steps.
    curve
        Steps over which the loss curves are compared.
    triples, sample
        Rows a cell of the full-size stage 1 corpus (240 cells), and steps trained on it.
    rows
        Of the cost curve.
    map_rows
        The largest map; a larger one is left out and said to be.
    """

    sentences: int = 2000
    repeats: int = 5
    published: int = 100
    steps: int = 6
    batches: tuple[int, ...] = (32, 128)
    lengths: tuple[int, ...] = (32, 64, 128)
    curve: int = 300
    triples: int = 4500
    sample: int = 50
    rows: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    map_rows: int = 1_000_000


QUICK = Size(
    sentences=96,
    repeats=1,
    published=2,
    steps=1,
    batches=(4,),
    lengths=(16,),
    curve=4,
    triples=30,
    sample=2,
    rows=(60, 120),
    map_rows=0,
)


def in_turns(contenders: dict[str, Callable[[], Any]], repeats: int) -> dict[str, dict[str, float]]:
    """Median `seconds` of each contender, and its `processor_seconds`, which other work on the machine moves less.

    Each runs once unmeasured; then they take turns, in the reverse order every other time, so that a machine that
    grows slower is slower for all.
    """
    for run in contenders.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    processor: dict[str, list[float]] = {name: [] for name in contenders}
    for repeat in range(repeats):
        for name in list(contenders)[:: -1 if repeat % 2 else 1]:
            began, used = time.perf_counter(), time.process_time()
            contenders[name]()
            seconds[name].append(time.perf_counter() - began)
            processor[name].append(time.process_time() - used)
    return {
        key: {name: statistics.median(times) for name, times in found.items()}
        for key, found in (("seconds", seconds), ("processor_seconds", processor))
    }


def mixed_sentences(count: int, seed: int = 0) -> tuple[list[str], list[str | None], list[str | None]]:
    """Sentences of the almanac cut and joined to mixed lengths, about 25 word pieces in the mean; months, regions.

    The lengths are drawn from a lognormal distribution, as those of real sentences roughly are.
    """
    rows = load_almanac().dataset
    texts, months, regions = (rows[name][:] for name in ("text", "month", "region"))
    random = np.random.default_rng(seed)
    chosen = random.integers(len(rows), size=count)
    sentences = []
    for row in chosen:
        wanted, words = int(np.clip(random.lognormal(2.85, 0.55), 3, 90)), texts[row].split()
        while len(words) < wanted:
            words += texts[random.integers(len(rows))].split()
        sentences.append(" ".join(words[:wanted]))
    return sentences, [months[row] for row in chosen], [regions[row] for row in chosen]


def apart(call: str, *arguments: Any) -> dict[str, Any]:
    """Run `benchmarks.speed.MODULE:FUNCTION` in a process of its own: what it returns, its seconds, its peak memory."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.timing", call, json.dumps(arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"TQDM_DISABLE": "1"},
        cwd=Path(__file__).parents[2],
    )
    if done.returncode:
        raise RuntimeError(f"{call}{arguments} failed: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def peak_megabytes() -> float:
    """Most memory that this process ever held."""
    with contextlib.suppress(OSError):  # on Linux what `getrusage` says begins with the parent's, from before exec
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
        if found:
            return int(found[1]) / 2**10
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    from importlib import import_module

    module, function = sys.argv[1].split(":")
    result = getattr(import_module(f"benchmarks.speed.{module}"), function)(*json.loads(sys.argv[2]))
    print(json.dumps({**result, "peak_mb": peak_megabytes()}))


if __name__ == "__main__":
    main()
