"""Pairs of texts for the plain encoder: files to train on, and its question asked of unseen ones (lesson 01b)."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spacetime.evaluation.sampling import Encodes, check_texts, encode_checked


def partners_found(
    encoder: Encodes, first: Sequence[str], second: Sequence[str], *, groups: Sequence[object] | None = None
) -> dict[str, float]:
    """How often a text's own partner is the nearest of all partners.

    The chance of a guess is 1 / n, so compare numbers of the same n only.

    Parameters
    ----------
    encoder
        Anything with `encode`.
    first, second
        `second[i]` belongs to `first[i]`; n pairs.
    groups
        What pair i is about: how often is the nearest at least of the own group?

    Returns
    -------
    dict
        `partner_accuracy`, the share of both directions' questions answered rightly (a tie is not), and
        `partner_pairs`, n; with groups `group_accuracy`, where in a tie the first of the nearest counts.

    Raises
    ------
    ValueError
        Fewer than two pairs, lists of different lengths, or an entry that is no text.

    Examples
    --------
    >>> class Letters:
    ...     def encode(self, sentences, batch_size):
    ...         return np.array([[text.count(letter) for letter in "abc"] for text in sentences], dtype=float)
    >>> partners_found(Letters(), ["a", "b"], ["aa", "bc"])
    {'partner_accuracy': 1.0, 'partner_pairs': 2.0}
    """
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(
            f"two or more pairs are needed, as many first as second texts, not {len(first)}, {len(second)}"
        )
    texts = check_texts(list(first), "first texts") + check_texts(list(second), "second texts")
    one, other = np.split(encode_checked(encoder, texts), 2)  # (n, C) each, of length 1
    cosines = one @ other.T
    found: dict[str, float] = {}
    if groups is not None:
        if len(groups) != len(first):
            raise ValueError(f"there are {len(groups)} groups for {len(first)} pairs; give each pair one")
        _, group = np.unique([str(name) for name in groups], return_inverse=True)
        nearest = np.stack((cosines.argmax(axis=1), cosines.argmax(axis=0)))
        found["group_accuracy"] = float((group[nearest] == group).mean())
    own = np.diagonal(cosines).copy()
    np.fill_diagonal(cosines, -np.inf)
    right = np.concatenate((own > cosines.max(axis=1), own > cosines.max(axis=0)))
    return {"partner_accuracy": float(right.mean()), "partner_pairs": float(len(first))} | found


def write_data_config(folder: str | Path, data_sets: Mapping[str, tuple[float, Sequence[Any]]]) -> Path:
    """Write rows in the published form: a file of JSON lines a data set, and the `data_config.json` that names them.

    Parameters
    ----------
    folder
        Made if it is not there.
    data_sets
        By file name (`"facts.jsonl"`, or `.jsonl.gz`): weight, and rows for `spacetime.training.mixture.read_row`.

    Returns
    -------
    Path
        Of the configuration, for `spacetime.training.mixture.read_data_config`.

    Raises
    ------
    ValueError
        A name is no file's in the folder, or ends otherwise.
    """
    folder = Path(folder)
    for name in data_sets:
        if Path(name).name != name or not name.endswith((".jsonl", ".jsonl.gz")):
            raise ValueError(f"a data set's name must be a file's, such as 'facts.jsonl.gz', not {name!r}")
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, (weight, rows) in data_sets.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        (folder / name).write_bytes(gzip.compress(lines, mtime=0) if name.endswith(".gz") else lines)
        entries.append({"name": name, "lines": len(rows), "weight": weight})
    config = folder / "data_config.json"
    config.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    return config
