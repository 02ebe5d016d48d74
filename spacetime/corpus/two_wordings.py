"""Facts of the almanac, each said in two ways: the pairs that lesson 01b trains a plain encoder on.

They lie in `data_samples/two_wordings.csv.gz`; `data_samples/almanac/two_wordings.py` made them.
"""

import csv
import gzip
from pathlib import Path
from typing import Literal, NamedTuple

TWO_WORDINGS = Path(__file__).resolve().parents[2] / "data_samples/two_wordings.csv.gz"


class TwoWordings(NamedTuple):
    """One fact said twice, and another fact of the same template."""

    first: str
    second: str
    other: str
    template: str


def load_two_wordings(side: Literal["train", "held out"], count: int) -> list[TwoWordings]:
    """The first `count` pairs of a side; the two sides share no fact template.

    Raises
    ------
    FileNotFoundError
        If the file is missing, as where the package was installed without the repository.
    ValueError
        If the side has fewer pairs.

    Examples
    --------
    >>> pair = load_two_wordings("held out", 1)[0]
    >>> len({pair.first, pair.second, pair.other}), pair.template
    (3, 'rates.high')
    """
    if not TWO_WORDINGS.is_file():
        raise FileNotFoundError(f"no pairs at {TWO_WORDINGS}: they lie in data_samples/ of the repository; use a clone")
    with gzip.open(TWO_WORDINGS, "rt", encoding="utf-8", newline="") as stream:
        pairs = [TwoWordings(*row[1:]) for row in csv.reader(stream) if row[0] == side]
    if not 1 <= count <= len(pairs):
        raise ValueError(f"count must be from 1 to {len(pairs)}, the pairs of the side {side!r}, not {count}")
    return pairs[:count]
