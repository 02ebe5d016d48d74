"""Runs side by side, each in a process with one thread."""

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from benchmarks.science.material import Material, Settings, read_material
from benchmarks.science.rows import Row
from benchmarks.science.runs import run

Task = tuple[Row, int, Path]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}


def finished(
    waiting: list[Task], folder: Path, settings: Settings, workers: int, keep: bool
) -> Iterator[tuple[Task, dict[str, float] | BaseException]]:
    """Run all tasks in some processes; yields each with the seconds of its parts, or with what went wrong.

    A process that is killed (for its memory, say) takes the pool with it: its tasks failed, the others go on in a
    new one.
    """
    os.environ |= ONE_THREAD  # of the processes to come: each with one thread, not each with all
    todo = list(waiting)
    while todo:
        running: dict[Future[dict[str, float]], Task] = {}
        with ProcessPoolExecutor(workers, get_context("spawn"), begin, (folder, settings)) as pool:
            try:
                while todo or running:
                    while todo and len(running) < workers:
                        task = todo.pop(0)
                        running[pool.submit(one, task, settings, keep)] = task
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        task = running.pop(future)
                        error = future.exception()
                        yield task, future.result() if error is None else error
                        if isinstance(error, BrokenProcessPool):
                            raise error
            except BrokenProcessPool as broken:
                yield from ((task, broken) for task in running.values())


_material: Material | None = None  # of this process, read once for all its runs


def begin(folder: Path, settings: Settings) -> None:
    """What a new process does first."""
    global _material
    import datasets
    import torch

    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    _material = read_material(folder)


def one(task: Task, settings: Settings, keep: bool) -> dict[str, float]:
    """A run, in a process of the pool; the seconds of its parts."""
    row, seed, folder = task
    if _material is None:
        raise RuntimeError("this process has no material; start it with begin()")
    seconds: dict[str, float] = run(row, seed, _material, settings, folder, keep)["seconds"]
    return seconds
