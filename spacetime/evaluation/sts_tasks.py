"""The table of a sentence-embedding benchmark: Spearman's rank correlation on STS12 to STS16, STS-B and SICK."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spacetime.evaluation.sampling import Encodes
from spacetime.evaluation.similarity import read_sts_pairs, sts

TASKS = ("STS12", "STS13", "STS14", "STS15", "STS16", "STSB", "SICK")  # the order of the columns; others follow


@dataclass(frozen=True)
class StsTable:
    """What `sts_table` measured."""

    tasks: dict[str, int]  # pairs of each
    spearman: dict[str, dict[str, float]]  # by model, then by task; in [-1, 1]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def to_markdown(self) -> str:
        """Models in rows, 100 times Spearman's rho, and the mean over the tasks."""
        lines = [
            "| model | " + " | ".join(self.tasks) + " | mean |",
            "|---|" + "---:|" * (len(self.tasks) + 1),
        ]
        for model, found in self.spearman.items():
            numbers = [found[task] for task in self.tasks]
            shown = [f"{100 * number:.2f}" for number in [*numbers, sum(numbers) / len(numbers)]]
            lines.append(f"| {model} | " + " | ".join(shown) + " |")
        lines.append("| pairs | " + " | ".join(f"{count:,}" for count in self.tasks.values()) + " | |")
        return "\n".join(lines)


def sts_table(encoders: Mapping[str, Encodes], files: Mapping[str, str | Path], *, batch_size: int = 64) -> StsTable:
    """Measure models on STS tasks.

    Parameters
    ----------
    encoders
        Models by name: a `SpaceTimeEncoder`, a `SentenceTransformer`, anything with `encode`.
    files
        Test files by task, for `read_sts_pairs`. Where a file has a column of splits, its test rows are used.

    Raises
    ------
    ValueError
        If a file cannot be read, lacks a column, has no test rows, or a score is not a number; or if nothing is given.
    FileNotFoundError
        If a file is missing.
    """
    if not encoders or not files:
        raise ValueError(f"a table needs a model and a task; there are {len(encoders)} and {len(files)}")
    order = sorted(files, key=lambda task: (TASKS.index(task) if task in TASKS else len(TASKS), task))
    pairs = {task: read_sts_pairs(files[task]) for task in order}
    spearman: dict[str, dict[str, float]] = {}
    counts: dict[str, int] = {}
    for model, encoder in encoders.items():
        spearman[model] = {}
        for task, table in pairs.items():
            try:
                found = sts(encoder, table, batch_size=batch_size)
            except ValueError as error:
                raise ValueError(f"{files[task]} ({task}): {error}") from error
            spearman[model][task], counts[task] = found["sts_spearman"], int(found["sts_pairs"])
    return StsTable(counts, spearman)
