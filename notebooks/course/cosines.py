"""Mean cosines between months apart and between regions, without a table of all pairs.

The mean cosine of all pairs from two sets of unit vectors is the product of the sets' sums over the number of pairs.
So a month's or region's sentences are summed once, and millions of pairs cost as much as their months. Pairs inside
one group (a day, a document) are left out, since they tell of the same thing. Intervals are a percentile bootstrap
that draws whole groups; each holds for its number alone.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from course.drift import ALL, labelled_rows
from course.geometry import Floats, Ids, parts
from spacetime.inputs import as_annotated


@as_annotated
def cosine_by_months_apart(
    embeddings: ArrayLike,
    month_ids: ArrayLike,
    regions: Any = None,
    *,
    groups: Any = None,
    furthest: int | None = None,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """How alike sentences are that lie so many months apart, for each region and for all.

    Parameters
    ----------
    embeddings : array (n, width)
    month_ids : array of int (n,)
    regions
        (n,). Pairs are formed inside a region. None: only the curve of all sentences, whose pairs are formed across
        regions as well.
    furthest
        Months apart at most; None takes all.
    groups, resamples, level, seed
        (n,), and the intervals that draw them.

    Returns
    -------
    DataFrame
        Columns region ("all" first), apart (months, from 0), pairs, cosine (mean over the pairs), low, high.

    Notes
    -----
    A flat curve says that time leaves no trace in the vectors; a model that is told the month has a falling curve
    whatever the texts say.
    """
    unit, month, region, group = labelled_rows(embeddings, month_ids, regions, groups)
    reach = int(np.ptp(month)) if furthest is None else min(furthest, int(np.ptp(month)))
    curves = [(ALL, np.ones(len(unit), dtype=bool))]
    if regions is not None:
        curves += [(name, region == name) for name in np.unique(region)]
    tables = []
    for name, own in curves:
        sums = _Sums(unit[own], month[own] - month.min(), group[own])
        counted, cosine = _by_gap(*sums.products(), reach)
        low, high = _interval(
            [_by_gap(*sums.products(drawn), reach)[1] for drawn in sums.draws(resamples, seed)], level
        )
        tables.append(
            pd.DataFrame(
                {
                    "region": name,
                    "apart": np.arange(reach + 1),
                    "pairs": np.rint(counted).astype(np.int64),
                    "cosine": cosine,
                    "low": low,
                    "high": high,
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    return table[table.pairs > 0].reset_index(drop=True)


@as_annotated
def cosine_of_regions(
    embeddings: ArrayLike,
    regions: Any,
    month_ids: ArrayLike | None = None,
    *,
    groups: Any = None,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """How alike sentences of two regions are, for every two regions and inside each.

    Parameters
    ----------
    embeddings : array (n, width)
    regions
        (n,).
    month_ids : array of int (n,), optional
        Count pairs of the same month only; None counts all pairs.
    groups, resamples, level, seed
        As in `cosine_by_months_apart`.

    Returns
    -------
    DataFrame, one row for each ordered pair of regions
        Columns region, other, pairs, cosine, low, high. `table.pivot(index="region", columns="other",
        values="cosine")` is the heat map; it is symmetric.
    """
    unit, month, region, group = labelled_rows(embeddings, month_ids, regions, groups)
    names, codes = np.unique(region, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"sentences of {len(names)} region; give two at least")
    sums = _Sums(unit, codes, group, month - month.min())
    total, counted = sums.products()
    cosine = _mean(total, counted)
    low, high = _interval([_mean(*sums.products(drawn)) for drawn in sums.draws(resamples, seed)], level)
    inside = np.eye(len(names), dtype=bool)
    # A pair inside a region was counted from both its ends.
    pairs = np.rint(np.where(inside, counted / 2, counted)).astype(np.int64)
    return pd.DataFrame(
        {
            "region": np.repeat(names, len(names)),
            "other": np.tile(names, len(names)),
            "pairs": pairs.ravel(),
            "cosine": cosine.ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
        }
    )


class _Sums:
    """Sums of unit vectors, by group and cell, and the cosines and pairs that they add up to.

    A cell is what is compared (a month, a region); a pair counts only where `same` (a month) is the same.
    """

    def __init__(self, unit: Floats, cell: Ids, group: Ids, same: Ids | None = None) -> None:
        from scipy.sparse import csr_array

        same = np.zeros(len(cell), dtype=np.int64) if same is None else same
        self.shape = int(cell.max()) + 1, int(same.max()) + 1
        group = np.unique(group, return_inverse=True)[1]
        self.groups = int(group.max()) + 1
        # A group may lie in several cells: one piece for each, in the order of groups, then of `same`.
        key, piece = np.unique(
            np.ravel_multi_index((group, same, cell), (self.groups, *self.shape[::-1])), return_inverse=True
        )
        self.group, self.same, self.cell = np.unravel_index(key, (self.groups, *self.shape[::-1]))  # (pieces,) each
        self.size = np.bincount(piece).astype(np.float64)
        gather = csr_array((np.ones(len(piece)), (piece, np.arange(len(piece)))), shape=(len(key), len(unit)))
        self.total: Floats = gather @ unit  # (pieces, width)
        self._find_pairs_inside()

    def draws(self, resamples: int, seed: int) -> Iterator[Floats]:
        """How often each group is drawn, (groups,), so many times."""
        draw = np.random.default_rng(seed)
        for _ in range(resamples):
            yield draw.multinomial(self.groups, np.full(self.groups, 1 / self.groups)).astype(np.float64)

    def products(self, drawn: Floats | None = None) -> tuple[Floats, Floats]:
        """Sum of cosines and number of pairs between all cells, (cells, cells); inside a cell each pair counts twice.

        Pairs of a group with itself, or with a copy of itself that the draw made, are taken off.
        """
        from scipy.sparse import csr_array

        cells, sames = self.shape
        weight = np.ones(len(self.group)) if drawn is None else drawn[self.group]
        place = self.cell * sames + self.same
        gather = csr_array((weight, (place, np.arange(len(place)))), shape=(cells * sames, len(place)))
        total = (gather @ self.total).reshape(cells, -1)  # (cells, sames * width)
        size = (gather @ self.size).reshape(cells, sames)
        product, count = total @ total.T, size @ size.T
        twice = weight[self._one] ** 2  # pieces of one group are drawn together
        where = self.cell[self._one], self.cell[self._other]
        np.subtract.at(product, where, twice * self._cosines_inside)
        np.subtract.at(count, where, twice * self._pairs_inside)
        return product, count

    def _find_pairs_inside(self) -> None:
        """Every two pieces of one group (and the same `same`), with the cosines and pairs between them."""
        block = self.group * self.shape[1] + self.same  # in order
        length = np.bincount(np.unique(block, return_inverse=True)[1])
        start = np.repeat(np.cumsum(length) - length, length)  # of each piece's block
        mates = np.repeat(length, length)  # pieces in each piece's block
        self._one = np.repeat(np.arange(len(block)), mates)
        first = np.repeat(np.cumsum(mates) - mates, mates)
        self._other = np.repeat(start, mates) + np.arange(len(self._one)) - first
        self._cosines_inside = np.concatenate(
            [
                np.einsum("nd,nd->n", self.total[self._one[some]], self.total[self._other[some]])
                for some in parts(len(self._one), 10_000)
            ]
        )
        self._pairs_inside = self.size[self._one] * self.size[self._other]


def _by_gap(product: Floats, pairs: Floats, reach: int) -> tuple[Floats, Floats]:
    """(months, months) -> number of pairs and mean cosine by months apart, (reach + 1,) each."""
    total, counted = np.zeros(reach + 1), np.zeros(reach + 1)
    for apart in range(min(reach + 1, len(product))):
        # In one direction; a month with itself holds each pair twice.
        share = 0.5 if apart == 0 else 1.0
        total[apart], counted[apart] = share * np.trace(product, apart), share * np.trace(pairs, apart)
    return counted, _mean(total, counted)


def _mean(total: Floats, counted: Floats) -> Floats:
    """Sums over numbers of pairs; NaN where there are none (numbers are whole or half, but for rounding)."""
    mean: Floats = np.divide(total, counted, out=np.full(total.shape, np.nan), where=counted > 0.25)
    return mean


def _interval(values: list[Floats], level: float) -> tuple[Floats, Floats]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")  # pairs that no draw has
        low, high = np.nanpercentile(np.stack(values), [50 * (1 - level), 50 * (1 + level)], axis=0)
    return low, high
