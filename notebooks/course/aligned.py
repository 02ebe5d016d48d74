"""Aligned maps: one map for each period, each near the last, for looking at drift (lesson 08).

What holds two maps together must be the same in both. In a corpus every sentence belongs to one month, so no sentence
of one year *is* a sentence of the next, and pairing each with its nearest neighbour of the next year would put into the
map what is looked for: that nothing moved. So periods overlap instead. A map shows a period and the one before it: the
sentences of a period are on two maps, their own and the next, and these rows hold the maps together. Where the same
thing does come back, such as one sentence encoded for every month, it is given as `identities`.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from course.geometry import Floats, Ids, checked, checked_labels, principal_components
from course.maps import PCA_DIMENSIONS
from spacetime.inputs import as_annotated


class AlignedMap(NamedTuple):
    """The map of one period.

    Attributes
    ----------
    period
        Its label.
    rows : array of int (points,)
        Rows of the embeddings that it shows.
    coordinates : array (points, 2)
    own : array of bool (points,)
        Which rows are of this period; the others belong to the one before.
    """

    period: Any
    rows: Ids
    coordinates: Floats
    own: Any


@as_annotated
def aligned_maps(
    embeddings: ArrayLike,
    periods: Any,
    *,
    seed: int,
    identities: Any = None,
    neighbours: int = 15,
    hold: float = 0.01,
    epochs: int = 200,
) -> list[AlignedMap]:
    """One UMAP for each period, each near the last (`umap.AlignedUMAP`).

    Parameters
    ----------
    embeddings : array (n, width)
        Best not told the month: with the month told, the maps move because the months do.
    periods
        Ordered labels (n,): years, or month ids; rows without one are left out.
    seed
        Of all random choices. One seed gives the same maps on one machine where no map has 4,096 points or more;
        beyond, UMAP looks for neighbours approximately.
    identities
        What each row is, (n,), where the same thing comes back in the next period: then periods don't overlap, and rows
        of one identity hold maps together. Each at most once a period; None stands for none.
    neighbours
        As in `umap_map`.
    hold
        How strongly the same points pull each other together on neighbouring maps. At 0 each map is turned towards
        the last and no more; large values show less drift than there is. `alignment` measures what came of it.
    epochs
        Rounds of the optimisation.

    Returns
    -------
    list of AlignedMap, in the order of the periods
        The first period's map shows that period alone.

    Raises
    ------
    ValueError
        If there are fewer than two periods, a period has too few points, or periods share nothing.

    Notes
    -----
    umap-learn 0.5 compiles anew at each call (half a minute and more), gives every point a place that `min_dist`
    doesn't touch (the last step always takes 0.1; so it is no parameter here), and sends points without neighbours to
    NaN, which none of ours are.
    """
    import umap

    points = checked(embeddings)
    values, known = checked_labels(periods, len(points), "periods")
    names = np.unique(values[known])
    if len(names) < 2:
        raise ValueError(f"{len(names)} period; aligned maps need two at least (for one, there is umap_map)")
    if hold < 0:
        raise ValueError(f"hold={hold} must be 0 or more")
    of_period = [np.flatnonzero(known & (values == name)) for name in names]
    if identities is None:
        same, named = np.arange(len(points)), np.ones(len(points), dtype=bool)
        shown = [of_period[0], *(np.concatenate(pair) for pair in zip(of_period[:-1], of_period[1:], strict=True))]
    else:
        same, named = checked_labels(identities, len(points), "identities")
        shown = of_period
    for name, rows in zip(names, shown, strict=True):
        if not 2 <= neighbours < len(rows):
            raise ValueError(
                f"neighbours={neighbours} for {len(rows)} points of period {name}: give fewer, or longer periods"
            )
    relations = [_relation(same, named, *pair) for pair in zip(shown[:-1], shown[1:], strict=True)]
    for name, relation in zip(names[1:], relations, strict=True):
        if len(relation) < 3:
            raise ValueError(
                f"{len(relation)} points of period {name} are also of the period before; a map needs 3 to hold on to"
            )
    start = principal_components(points, PCA_DIMENSIONS).astype(np.float32)  # of all, so that periods share their axes
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*n_jobs value")  # one thread is what a seed means
        mapper = umap.AlignedUMAP(
            n_neighbors=neighbours,
            metric="euclidean",
            n_epochs=epochs,
            alignment_regularisation=hold,
            # Of the maps on both sides; umap leaves the farthest following one out, so 2 means both neighbours.
            alignment_window_size=min(2, len(names) - 1),
            random_state=seed,
            transform_seed=seed,  # it is this one that the common layout takes
        ).fit([start[rows] for rows in shown], relations=relations)
    return [
        AlignedMap(name, rows, np.asarray(plane, dtype=np.float64), values[rows] == name)
        for name, rows, plane in zip(names, shown, mapper.embeddings_, strict=True)
    ]


@as_annotated
def alignment(maps: list[AlignedMap], identities: Any = None, *, seed: int = 0) -> pd.DataFrame:
    """How far the same points lie apart on neighbouring maps, against points paired by lot.

    Parameters
    ----------
    maps, identities
        What `aligned_maps` returned, and what it was given.
    seed
        Of the pairing by lot.

    Returns
    -------
    DataFrame, one row for each map but the first
        `period`, `shared` (points), `apart` (median distance of the same point on this map and the last, in
        units of the map), `by_lot` (the same for points paired at random) and `ratio`, apart / by_lot. A move on
        the map that is no longer than `apart` is no move: it is how well the maps hold together.
    """
    if len(maps) < 2:
        raise ValueError(f"{len(maps)} map; alignment compares two at least")
    draw = np.random.default_rng(seed)
    total = 1 + max(int(one.rows.max()) for one in maps)
    same, named = np.arange(total), np.ones(total, dtype=bool)
    if identities is not None:
        same, named = checked_labels(identities, len(np.asarray(identities)), "identities")
    rows = []
    for before, after in zip(maps[:-1], maps[1:], strict=True):
        relation = _relation(same, named, before.rows, after.rows)
        first, second = before.coordinates[[*relation]], after.coordinates[[*relation.values()]]
        apart = float(np.median(np.linalg.norm(first - second, axis=1)))
        by_lot = float(np.median(np.linalg.norm(first - draw.permutation(second), axis=1)))
        rows.append((after.period, len(relation), apart, by_lot, apart / by_lot))
    return pd.DataFrame(rows, columns=["period", "shared", "apart", "by_lot", "ratio"])


def _relation(same: Any, named: Any, before: Ids, after: Ids) -> dict[int, int]:
    """Positions on the map before -> positions on the map after, of the same things."""
    where = []
    for rows in (before, after):
        known = [(same[row], place) for place, row in enumerate(rows) if named[row]]
        if len({what for what, _ in known}) < len(known):
            raise ValueError("identities: one comes twice in a period; give each thing once a period")
        where.append(dict(known))
    return {place: where[1][what] for what, place in where[0].items() if what in where[1]}
