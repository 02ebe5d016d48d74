"""Which sentences an evaluation looks at, the checks on them, and how sure a mean over them is.

Everything else in `spacetime.evaluation` starts with `draw_sample` and encodes with `encode_checked`, so bad input is
refused in one place and with one wording.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import datasets
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spacetime.inputs import as_annotated, check_columns
from spacetime.months import MonthRange, quoted
from spacetime.regions import RegionSet

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


class TooFewLabels(ValueError):
    """The data hold too few months, regions or sentences for a comparison between them to have a meaning."""


@runtime_checkable
class Encodes(Protocol):
    """Anything with `encode(sentences, batch_size=...)`: our encoder, a `SentenceTransformer` (plain vectors)."""

    def encode(self, sentences: Any, *args: Any, **options: Any) -> Any: ...


@runtime_checkable
class ContextEncoder(Encodes, Protocol):
    """What is measured: `encode(sentences, months, regions, batch_size=...)` and the labels that it knows."""

    @property
    def months(self) -> MonthRange: ...

    @property
    def regions(self) -> RegionSet: ...


@runtime_checkable
class Locates(ContextEncoder, Protocol):
    """A `ContextEncoder` whose `locate(sentences, batch_size=...)` returns a `spacetime.encoder.Location`."""

    def locate(self, sentences: Any, *args: Any, **options: Any) -> Any: ...


@dataclass(frozen=True)
class Sample:
    """Sentences with their labels, and the count of what was left out of the data set they come from."""

    texts: list[str]
    months: list[str | None]
    regions: list[str | None]
    rows: Ids  # their numbers in the data set, shape (n,)
    left_out: dict[str, int]  # why -> rows: "missing_month", "missing_region", "excluded", "beyond_max"

    def __len__(self) -> int:
        return len(self.texts)


def check_texts(texts: Sequence[Any], name: str) -> list[str]:
    """Return the texts as a list, or raise ValueError that names the first one that is missing or not a string."""
    for row, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise ValueError(
                f"{name}: text {row} of {len(texts)} is {quoted(text)}, not a string; leave such rows out first"
            )
    return list(texts)


def draw_sample(
    dataset: datasets.Dataset,
    *,
    name: str = "data set",
    need: Sequence[str] = ("month", "region"),
    exclude: str | Sequence[str] = (),
    mask: Callable[[str], str] | None = None,
    max_sentences: int | None = None,
    seed: int = 0,
) -> Sample:
    """Draw rows at random, in the data set's order, without those whose labels are missing or that a column excludes.

    Parameters
    ----------
    name
        What an error message calls the data set.
    need
        "month", "region" or both: a row without one of these labels is left out. With neither, a row is left out only
        if both labels are missing.
    exclude
        Columns of yes/no values; a row with a yes in any of them is left out.
    mask
        Changes each text, for example to hide place names.

    Raises
    ------
    ValueError
        If a column is missing, no row remains, a text is not a string, or an excluding column holds neither
        yes nor no.
    """
    columns = [exclude] if isinstance(exclude, str) else list(exclude)
    check_columns(dataset, ["text", "month", "region", *columns], name)
    # Labels of all rows fit in memory even for millions of them; texts are read for the drawn rows only.
    table = dataset.select_columns(["month", "region", *columns]).to_pandas()
    labels = table[["month", "region"]].astype(object)
    has = labels.notna() & (labels != "")
    wanted = has.any(axis=1) & has[list(need)].all(axis=1)
    excluded = np.zeros(len(table), dtype=bool)
    for column in columns:
        excluded |= np.array([_yes(value, column, name) for value in table[column]])
    rows = np.flatnonzero(wanted.to_numpy(bool) & ~excluded)
    left_out = {f"missing_{label}": int((~has[label]).sum()) for label in has} | {"excluded": int(excluded.sum())}
    if len(rows) == 0:
        what = " and ".join(need) or "month or region"
        raise TooFewLabels(f"{name}: none of its {len(table)} rows can be used; left out: {left_out}; rows need {what}")
    left_out["beyond_max"] = max(0, len(rows) - (max_sentences or len(rows)))
    if left_out["beyond_max"]:
        rows = np.sort(np.random.default_rng(seed).choice(rows, size=max_sentences, replace=False))
    texts = check_texts(dataset.select(rows)["text"][:], name)
    if mask is not None:
        texts = check_texts([mask(text) for text in texts], f"{name} after mask")
    drawn = labels.where(has, None).iloc[rows]
    return Sample(texts, drawn["month"].tolist(), drawn["region"].tolist(), rows, left_out)


def _yes(value: Any, column: str, name: str) -> bool:
    # Columns read from a file arrive as text, columns made in memory as bool or 0/1; a missing flag means no.
    word = "" if pd.isna(value) else str(value).strip().lower()
    if word in ("1", "true", "yes", "1.0"):
        return True
    if word in ("", "0", "false", "no", "0.0"):
        return False
    raise ValueError(
        f"{name}: column {column!r} holds {quoted(value)}; a column to exclude by holds true/false, yes/no or 1/0"
    )


def label_ids(encoder: ContextEncoder, sample: Sample) -> tuple[Ids, Ids]:
    """Return the ids of a sample's months and regions, int64 arrays of shape (n,); unknown ones are a ValueError."""
    return np.asarray(encoder.months.ids(sample.months)), np.asarray(encoder.regions.ids(sample.regions))


def encode_checked(
    encoder: Encodes, texts: Sequence[str], months: Any = None, regions: Any = None, *, batch_size: int = 64
) -> Floats:
    """Encode and return unit vectors, (n, width), so that a dot product is a cosine.

    `months` and `regions` are left out of the call where both are None, so that a plain `SentenceTransformer` fits as
    well. ValueError if a vector holds NaN or infinity, which a model whose training diverged gives.
    """
    context = {} if months is None and regions is None else {"months": months, "regions": regions}
    vectors = np.asarray(encoder.encode(list(texts), batch_size=batch_size, **context), dtype=np.float64)
    bad = int((~np.isfinite(vectors)).any(axis=1).sum())
    if bad:
        raise ValueError(
            f"the encoder gave NaN or infinite vectors for {bad} of {len(texts)} sentences; did its training diverge?"
        )
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length == 0, 1.0, length)


@as_annotated
def bootstrap_interval(
    values: Any, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return the ends, (columns,) each, of the bootstrap percentile interval of each column's mean; NaN is left out.

    Parameters
    ----------
    values : array (n, columns)
        One row a sentence. All columns share each resample of the rows, so differences between columns stay paired.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        raise ValueError("values are empty: give at least one row")
    known = ~np.isnan(values)
    drawn = times_drawn(len(values), resamples, seed)
    return ratio_interval(drawn, np.where(known, values, 0.0), known, level=level)


def times_drawn(count: int, resamples: int, seed: int) -> Ids:
    """How often each of `count` rows is drawn in each resample of a bootstrap, (resamples, count)."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)


def ratio_interval(drawn: Ids, total: Any, number: Any, *, level: float = 0.95) -> tuple[Any, Any]:
    """Bootstrap percentile interval of a mean, sum of totals / sum of numbers, by rows that are drawn as a whole.

    Parameters
    ----------
    drawn
        From `times_drawn`, which is all that a mean needs: a matrix product, not a loop over resamples.
    total, number : arrays (n,) or (n, columns)
        Each row's sum of values, and how many they are. A resample that holds no value is left out.
    """
    with np.errstate(invalid="ignore"):  # 0/0 = NaN where a resample holds no value
        means = (drawn @ total) / (drawn @ number)
    low, high = np.nanpercentile(means, [50 * (1 - level), 50 * (1 + level)], axis=0)
    return low, high
