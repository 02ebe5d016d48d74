"""Is meaning kept, and do cosines follow the labels they were trained on? (Lesson 07 reads these numbers.)

- `sts`: the STS benchmark, human scores of how alike two sentences are. A model with context must not lose here.
  `sts_table`: Spearman's rank correlation of several models on STS12 to STS16, STS-B and SICK.
- `rank_agreement`: do cosines in one shared context rank pairs of unseen sentences as the plain model does?
- `pair_metrics`: cosine against the label of stage-2 pairs held out from training. A label that is a sum of meaning,
  time and place is also reached by concatenating codes to a plain vector: a high value alone does not show that
  attention used the context.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import pandas as pd

from spacetime.evaluation.sampling import ContextEncoder, Encodes, check_texts, draw_sample, encode_checked
from spacetime.inputs import as_annotated, check_columns
from spacetime.months import quoted
from spacetime.training.objectives import rank_correlation

TASKS = ("STS12", "STS13", "STS14", "STS15", "STS16", "STSB", "SICK")  # the order of the columns; others follow
# Columns of SICK as it is handed out.
_SICK = {"sentence_A": "sentence1", "sentence_B": "sentence2", "relatedness_score": "score", "SemEval_set": "split"}


@as_annotated
def sts(
    encoder: Encodes,
    pairs: str | Path | datasets.Dataset | pd.DataFrame,
    *,
    month: str | None = None,
    region: str | None = None,
    split: str | None = "test",
    max_pairs: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Spearman's rank correlation of cosine and human score on the STS benchmark.

    Parameters
    ----------
    encoder
        Any object with `encode` will do if month and region are None.
    pairs
        A table with columns sentence1, sentence2, score, perhaps split; or a file of it for `read_sts_pairs`.
    month, region
        The same context for both sentences of every pair; None leaves it out.
    split
        Which rows of column split; None, or a table without that column, means all rows.
    max_pairs
        At most so many pairs, drawn at random with `seed`.

    Returns
    -------
    dict
        `sts_spearman` in [-1, 1] (0 if all cosines are equal), `sts_pairs`.

    Raises
    ------
    ValueError
        If the file can't be read, a column is missing, no pair is in the split, or a score is not a number.
    """
    table = read_sts_pairs(pairs) if isinstance(pairs, str | Path) else _as_frame(pairs)
    check_columns(table, ["sentence1", "sentence2", "score"], "STS pairs")
    if split is not None and "split" in table.columns:
        known = sorted(map(str, table["split"].unique()))
        table = table[table["split"] == split]
        if table.empty:
            raise ValueError(f"STS pairs have no split {split!r}; known: {', '.join(known)}")
    table = _draw_pairs(table, max_pairs, seed)
    score = _finite(table["score"], "STS pairs", "score")
    first = check_texts(table["sentence1"].tolist(), "STS sentence1")
    second = check_texts(table["sentence2"].tolist(), "STS sentence2")
    vectors = encode_checked(encoder, first + second, month, region, batch_size=batch_size)
    cosine = (vectors[: len(first)] * vectors[len(first) :]).sum(axis=1)
    return {"sts_spearman": rank_correlation(cosine, score), "sts_pairs": float(len(table))}


@as_annotated
def rank_agreement(
    encoder: ContextEncoder,
    plain: Encodes,
    dataset: datasets.Dataset,
    *,
    month: str | None = None,
    region: str | None = None,
    max_sentences: int | None = 500,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Rank agreement with the plain model: Spearman of the cosines of all pairs, every sentence in one context.

    Parameters
    ----------
    plain
        The model before any training with time and place.
    dataset
        The rows' own labels are not used here.
    month, region
        The one context that all sentences share in `encoder`.

    Returns
    -------
    dict
        `rank_agreement` (1.0: the same order of all pairs), `rank_agreement_sentences`.
    """
    texts = draw_sample(dataset, need=(), max_sentences=max_sentences, seed=seed).texts
    texts = sorted(set(texts))  # a sentence and its copy would be a pair that every model gets right
    if len(texts) < 3:
        raise ValueError(f"rank agreement needs at least 3 different sentences; the data set holds {len(texts)}")
    upper = np.triu_indices(len(texts), k=1)
    ours = encode_checked(encoder, texts, month, region, batch_size=batch_size)
    theirs = encode_checked(plain, texts, batch_size=batch_size)
    agreement = rank_correlation((ours @ ours.T)[upper], (theirs @ theirs.T)[upper])
    return {"rank_agreement": agreement, "rank_agreement_sentences": float(len(texts))}


@as_annotated
def pair_metrics(
    encoder: ContextEncoder,
    pairs: datasets.Dataset | pd.DataFrame,
    *,
    max_pairs: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Compare the cosine of held-out stage-2 pairs, each side in its own context, with their label.

    Parameters
    ----------
    pairs
        Columns text1, text2, month1, month2, region1, region2, label, as `build_pairs` writes them; a column cosine
        (the plain model's) is scored as a baseline.
    max_pairs
        At most so many pairs, drawn at random with `seed`.

    Returns
    -------
    dict
        `pair_spearman`, `pair_mae`, `pair_mse`, `pairs` and, with a column cosine, `pair_spearman_plain`. The errors
        mean something only if the labels lie on the scale of cosines ([-1, 1]; a model trained to [0, 1] is measured
        against that).

    Raises
    ------
    ValueError
        If a column is missing, there are fewer than two pairs, or a label is not a finite number or the same
        in all rows.
    """
    table = _as_frame(pairs)
    check_columns(table, ["text1", "text2", "month1", "month2", "region1", "region2", "label"], "pairs")
    table = _draw_pairs(table, max_pairs, seed)
    label = _finite(table["label"], "pairs", "label")
    columns = ["text", "month", "region"]
    both = [table[[f"{column}{side}" for column in columns]].set_axis(columns, axis=1) for side in (1, 2)]
    sides = pd.concat(both).astype(object)
    sides = sides.where(sides.notna(), None)
    # A sentence stands in many pairs: encode each text in each of its contexts once.
    row = sides.groupby(columns, dropna=False, sort=False).ngroup().to_numpy()
    unique = sides.iloc[np.unique(row, return_index=True)[1]]
    texts = check_texts(unique["text"].tolist(), "pairs")
    vectors = encode_checked(encoder, texts, unique["month"].tolist(), unique["region"].tolist(), batch_size=batch_size)
    cosine = (vectors[row[: len(table)]] * vectors[row[len(table) :]]).sum(axis=1)
    metrics = {
        "pair_spearman": rank_correlation(cosine, label),
        "pair_mae": float(np.abs(cosine - label).mean()),
        "pair_mse": float(((cosine - label) ** 2).mean()),
        "pairs": float(len(table)),
    }
    if "cosine" in table.columns:
        plain = _finite(table["cosine"], "pairs", "cosine", vary=False)
        metrics["pair_spearman_plain"] = rank_correlation(plain, label)
    return metrics


def read_sts_pairs(path: str | Path) -> pd.DataFrame:
    """Pairs of an STS task: columns sentence1, sentence2, score, and split in lower case where the file has one.

    Parameters
    ----------
    path
        CSV, TSV (also as .txt) or JSON lines, gzipped or not, with these columns or those of SICK as it is handed out
        (sentence_A, sentence_B, relatedness_score, SemEval_set).
    """
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
    except (EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path} can't be read: {' '.join(str(error).split())}") from error
    table = table.rename(columns={old: new for old, new in _SICK.items() if new not in table.columns})
    check_columns(table, ["sentence1", "sentence2", "score"], str(path))
    table = table.filter(["split", "sentence1", "sentence2", "score"])
    return table.assign(split=table["split"].astype(str).str.lower()) if "split" in table else table


class StsTable(NamedTuple):
    """What `sts_table` measured."""

    tasks: dict[str, int]  # pairs of each
    spearman: dict[str, dict[str, float]]  # by model, then by task; in [-1, 1]

    def to_markdown(self) -> str:
        """Models in rows, 100 times Spearman's rho, and the mean over the tasks."""
        rows = [["model", *self.tasks, "mean"]]
        for model, found in self.spearman.items():
            numbers = [*found.values(), sum(found.values()) / len(found)]
            rows.append([model, *(f"{100 * number:.2f}" for number in numbers)])
        rows.append(["pairs", *(f"{count:,}" for count in self.tasks.values()), ""])
        head, *lines = (f"| {' | '.join(row)} |" for row in rows)
        return "\n".join([head, "|---|" + "---:|" * (len(self.tasks) + 1), *lines])


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
        If a file cannot be read, lacks a column, has no test rows, or a score is not a number.
    FileNotFoundError
        If a file is missing.
    """
    order = sorted(files, key=lambda task: (TASKS.index(task) if task in TASKS else len(TASKS), task))
    pairs = {task: read_sts_pairs(files[task]) for task in order}
    table = StsTable({}, {model: {} for model in encoders})
    for model, encoder in encoders.items():
        for task in order:
            try:
                found = sts(encoder, pairs[task], batch_size=batch_size)
            except ValueError as error:
                raise ValueError(f"{files[task]} ({task}): {error}") from error
            table.spearman[model][task], table.tasks[task] = found["sts_spearman"], int(found["sts_pairs"])
    return table


def _as_frame(pairs: Any) -> pd.DataFrame:
    return pairs if isinstance(pairs, pd.DataFrame) else pairs.to_pandas()


def _draw_pairs(table: pd.DataFrame, max_pairs: int | None, seed: int) -> pd.DataFrame:
    if len(table) < 2 or (max_pairs is not None and max_pairs < 2):
        raise ValueError(
            f"a rank correlation needs at least 2 pairs; there are {len(table)}, and max_pairs is {max_pairs}"
        )
    if max_pairs is None or len(table) <= max_pairs:
        return table
    return table.iloc[np.sort(np.random.default_rng(seed).choice(len(table), size=max_pairs, replace=False))]


def _finite(values: pd.Series, name: str, column: str, vary: bool = True) -> np.ndarray:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        row, value = values.index[bad[0]] + 1, values.tolist()[bad[0]]
        raise ValueError(f"{name}: {column} {quoted(value)} in row {row} is not a finite number")
    if vary and np.ptp(numbers) == 0:
        raise ValueError(
            f"{name}: {column} is {numbers[0]:g} in all {len(numbers)} rows; a rank correlation needs two values"
        )
    return numbers
