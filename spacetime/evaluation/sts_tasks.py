"""The table of a sentence-embedding benchmark: Spearman's rank correlation on STS12 to STS16, STS-B and SICK.

The files are the user's.  They may be as these tasks are handed around today (sentence1, sentence2, score, in CSV,
TSV or JSON lines, gzipped or not) or SICK's own (sentence_A, sentence_B, relatedness_score, SemEval_set).
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spacetime.evaluation.sampling import Encodes, check_columns
from spacetime.evaluation.similarity import sts

TASKS = ("STS12", "STS13", "STS14", "STS15", "STS16", "STSB", "SICK")  # the order of the columns; others follow
_SICK = {"sentence_A": "sentence1", "sentence_B": "sentence2", "relatedness_score": "score", "SemEval_set": "split"}


@dataclass(frozen=True)
class StsTable:
    """What :func:`sts_table` measured."""

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
        Test files by task.  Where a file has a column of splits, its test rows are used.

    Raises
    ------
    ValueError
        A file cannot be read, lacks a column, has no test rows, or a score that is not a number; or nothing is given.
    FileNotFoundError
        A file is missing.
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


def read_sts_pairs(path: str | Path) -> pd.DataFrame:
    """Pairs of an STS task: columns sentence1, sentence2, score, and split in lower case where the file has one."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no STS file at {path}; give a file with columns sentence1, sentence2, score")
    kind = (path.with_suffix("") if path.suffix == ".gz" else path).suffix
    try:
        if kind in (".jsonl", ".json"):
            table = pd.read_json(path, lines=True, dtype=False)
        elif kind in (".tsv", ".txt"):  # quotes are part of the text there
            table = pd.read_csv(path, sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False)
        elif kind == ".csv":
            table = pd.read_csv(path, keep_default_na=False)
        else:
            raise ValueError(f"its name ends in {kind or 'nothing'!r}; known are .csv, .tsv, .txt and .jsonl, also .gz")
    except (EOFError, OSError, ValueError, pd.errors.ParserError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} can't be read: {' '.join(str(error).split())}") from error
    table = table.rename(columns={old: new for old, new in _SICK.items() if new not in table.columns})
    check_columns(table, ["sentence1", "sentence2", "score"], str(path))
    kept: Sequence[str] = [name for name in ("split", "sentence1", "sentence2", "score") if name in table.columns]
    table = table[kept]
    return table.assign(split=table["split"].astype(str).str.lower()) if "split" in table.columns else table
