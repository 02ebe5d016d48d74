"""Drift: where the middle of what is said goes from month to month, between which months it moves, and what moved.

Read it on embeddings that were not told the month (the plain model, or `encode` without months). With the month told,
the middle moves because the month does. All distances are between means of unit vectors, less what the draw of
sentences alone gives: fewer sentences make a mean that lies farther off, and a path that wanders for no reason.

As in `course.geometry`, whose parameters these functions share. Besides, here and in `cosines` and `topics`,

- `groups` (n,) : what belongs together, such as the day, document or template of a sentence, whose sentences are not
  independent. Whole groups are drawn or exchanged. Without them every sentence counts by itself;
- `resamples`, `seed` : how many draws or exchanges, and of which random numbers.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from course.geometry import Floats, Ids, checked_labels, checked_months, unit_vectors
from spacetime.inputs import as_annotated

ALL = "all"  # the region of a result that is not of one region


class CentroidPaths(NamedTuple):
    """The middle of every region in every month.

    Attributes
    ----------
    table
        One row a region and month: region, month, sentences, x, y, step.
    centroids : array (rows of the table, width)
    variance_shown
        Share of the middles' variance that x and y show.
    """

    table: pd.DataFrame
    centroids: Floats
    variance_shown: float


@as_annotated
def centroid_paths(
    embeddings: ArrayLike, month_ids: ArrayLike, regions: Any = None, *, window: int = 1, least: int = 2
) -> CentroidPaths:
    """The way of each region's mean embedding over the months.

    Parameters
    ----------
    embeddings : array (n, width)
    month_ids : array of int (n,)
    regions
        Labels or ids, (n,). None makes one path, of region "all".
    window
        Months whose sentences are taken together, an odd number: the month and as many on both sides. More months
        make a smoother path with less noise, whose steps share sentences.
    least
        A month with fewer sentences in its window has no row; at least 2.

    Returns
    -------
    CentroidPaths
        `table` with columns region, month (id), sentences, x, y (first two principal components of all middles,
        weighted by their sentences: a linear picture, so that directions mean the same everywhere) and step: distance
        from the region's latest row whose window shares no sentence, less the noise of both (0 where it is no more
        than noise, NaN where there is no such row). `centroids`, in the order of the table.

    Raises
    ------
    ValueError
        If there are not as many labels as embeddings, the window is even, or there are fewer than two rows.
    """
    if window % 2 == 0 or least < 2:
        raise ValueError(f"window={window} must be an odd number of months and least={least} at least 2")
    unit, month, region, _ = labelled_rows(embeddings, month_ids, regions)
    reach = window // 2
    rows: list[tuple[Any, int, int, float]] = []
    middles = []
    for name in np.unique(region):
        own = region == name
        path: list[tuple[int, Floats, float]] = []
        for month_id in np.unique(month[own]):
            inside = unit[own & (np.abs(month - month_id) <= reach)]
            if len(inside) < least:
                continue
            middle = inside.mean(axis=0)
            noise = float(inside.var(axis=0, ddof=1).sum() / len(inside))
            step = np.nan
            before = next((row for row in reversed(path) if month_id - row[0] >= window), None)
            if before is not None:
                step = np.sqrt(max(0.0, float(((middle - before[1]) ** 2).sum()) - noise - before[2]))
            rows.append((name, int(month_id), len(inside), step))
            middles.append(middle)
            path.append((int(month_id), middle, noise))
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} months with {least} sentences in a region; a path needs two")
    table = pd.DataFrame(rows, columns=["region", "month", "sentences", "step"])
    centroids = np.stack(middles)
    plane, shown = _plane(centroids, table.sentences.to_numpy(dtype=np.float64))
    table["x"], table["y"] = plane.T
    return CentroidPaths(table[["region", "month", "sentences", "x", "y", "step"]], centroids, shown)


@as_annotated
def moving_months(
    embeddings: ArrayLike,
    month_ids: ArrayLike,
    regions: Any = None,
    *,
    apart: int = 1,
    groups: Any = None,
    least: int = 5,
    resamples: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """Pairs of months between which meaning moves most.

    Parameters
    ----------
    embeddings : array (n, width)
    month_ids : array of int (n,)
    regions
        (n,). Pairs are formed inside a region; None takes all sentences together.
    apart
        Months between the two of a pair: 1 for neighbours, 12 for the same month a year later, which leaves the
        seasons out.
    groups
        (n,). Each lies in one month.
    least
        A month with fewer groups forms no pair.
    resamples, seed
        Exchanges of groups between the two months of a pair.

    Returns
    -------
    DataFrame, the farthest pair first
        region, first, second (month ids), sentences_first, sentences_second; `moved`: distance of the two means, less
        what exchanged groups give on average (0 where that is more); `p` by exchange, `q` corrected for the number
        of pairs by Benjamini and Hochberg.
    """
    from scipy.stats import false_discovery_control

    unit, month, region, group = labelled_rows(embeddings, month_ids, regions, groups)
    draw = np.random.default_rng(seed)
    rows = []
    for name in np.unique(region):
        own = region == name
        sums = {int(m): group_sums(unit[own & (month == m)], group[own & (month == m)]) for m in np.unique(month[own])}
        for first, (total, size) in sums.items():
            later = sums.get(first + apart)
            if later is None or min(len(size), len(later[1])) < least:
                continue
            moved, p = _exchange_halves(
                np.vstack([total, later[0]]), np.append(size, later[1]), len(size), resamples, draw
            )
            rows.append((name, first, first + apart, int(size.sum()), int(later[1].sum()), moved, p))
    if not rows:
        raise ValueError(f"no two months {apart} apart have {least} groups of sentences each in one region")
    columns = ["region", "first", "second", "sentences_first", "sentences_second", "moved", "p"]
    table = pd.DataFrame(rows, columns=columns)
    table["q"] = false_discovery_control(table.p)
    return table.sort_values(["moved", "p"], ascending=[False, True], kind="stable", ignore_index=True)


@as_annotated
def moved_sentences(
    embeddings: ArrayLike, month_ids: ArrayLike, first: int, second: int, count: int = 5
) -> pd.DataFrame:
    """The sentences behind a move: those of two months that lie farthest along the line from one mean to the other.

    Parameters
    ----------
    embeddings : array (n, width)
        Of one region, where the pair of months is one region's.
    month_ids : array of int (n,)
    first, second
        Month ids.
    count
        Sentences from each month at most.

    Returns
    -------
    DataFrame
        `row` in the embeddings, `month`, `along`: where the sentence lies on the line, -1 at the first month's
        mean and 1 at the second's. The first month's sentences farthest back (what was left), then the second's
        farthest ahead (what came).
    """
    unit = unit_vectors(embeddings)
    month, dated = checked_months(month_ids, len(unit))
    sides = [np.flatnonzero(month == which) for which in (first, second)]
    for which, rows in zip((first, second), sides, strict=True):
        if not len(rows):
            known = f"{month[dated].min()} to {month[dated].max()}" if dated.any() else "(none)"
            raise ValueError(f"no sentence of month {which}; give two of the months {known}")
    start, end = (unit[rows].mean(axis=0) for rows in sides)
    length = float(((end - start) ** 2).sum())
    if length == 0:
        raise ValueError(f"months {first} and {second} have the same mean; nothing moved")
    along = 2 * (unit - (start + end) / 2) @ (end - start) / length
    left = sides[0][np.argsort(along[sides[0]], kind="stable")[:count]]
    came = sides[1][np.argsort(-along[sides[1]], kind="stable")[:count]]
    chosen = np.concatenate([left, came])
    return pd.DataFrame({"row": chosen, "month": month[chosen], "along": along[chosen]})


class ChangePoints(BaseEstimator):
    """Months at which the mean of what is said changes for good, each with an honest p-value.

    Binary segmentation of the monthly means (Vostrikova 1981): the months are cut where the two sides' means, weighted
    by their sentences, lie farthest apart, then the parts are cut again. Each cut is tested as in Matteson and James
    (2014, arXiv:1306.4933): whole months are exchanged inside the parts, the best cut is searched anew, and p is how
    often it is as good as the one found. So the search is paid for, sentences of a month may depend on each other as
    they like, and where nothing changes a first cut is made in `level` of all corpora. The first cut that fails stops
    all.

    Without change, the test assumes that the order of the months doesn't matter. A slow drift and seasons have an order
    too: a drift is cut in its middle, and says only that before and after differ; a season, seen over several years,
    makes changes harder to find.

    Parameters
    ----------
    level
        Largest p-value of a cut, between 0 and 1.
    shortest
        Months (that have sentences) between two cuts, at least 2.
    resamples, seed
        Exchanges for each cut.

    Attributes
    ----------
    change_points_ : DataFrame, in the order of the months
        `month`: the first of what is new; `p`; `step`: distance of the means of the parts before and after;
        `order`: 1 for the first cut made.
    tested_ : DataFrame, every cut that was tested: month, p; the last may have failed
    segments_ : array of int (months,); which part each of `months_` is in
    months_ : array of int (months,); the month ids that have sentences
    """

    def __init__(self, *, level: float = 0.05, shortest: int = 3, resamples: int = 999, seed: int = 0) -> None:
        self.level = level
        self.shortest = shortest
        self.resamples = resamples
        self.seed = seed

    def fit(self, X: ArrayLike, month_ids: ArrayLike, y: None = None) -> "ChangePoints":  # noqa: N803
        """Find the changes.

        Parameters
        ----------
        X : array (n, width)
            Embeddings; of one region, to find its changes.
        month_ids : array of int (n,)
        """
        if not 0 < self.level < 1 or self.shortest < 2:
            raise ValueError(f"level={self.level} must lie between 0 and 1 and shortest={self.shortest} be at least 2")
        if (1 / (self.resamples + 1)) > self.level:
            raise ValueError(f"{self.resamples} resamples can give no p-value below {self.level}; take more")
        unit, month, _, _ = labelled_rows(X, month_ids)
        self.months_, codes = np.unique(month, return_inverse=True)
        if len(self.months_) < 2 * self.shortest:
            raise ValueError(f"{len(self.months_)} months; to be cut they must be {2 * self.shortest} at least")
        weight = np.bincount(codes).astype(np.float64)
        total = np.zeros((len(weight), unit.shape[1]))
        np.add.at(total, codes, unit)
        total -= np.outer(weight, total.sum(axis=0) / weight.sum())  # sums of small numbers are exact
        # Distances between means lie in the span of the months: fewer numbers, the same distances.
        directions, lengths, _ = np.linalg.svd(total, full_matrices=False)
        total = directions * lengths

        draw = np.random.default_rng(self.seed)
        cuts = [0, len(weight)]
        tested, made = [], []
        while True:
            parts = [(a, b) for a, b in zip(cuts[:-1], cuts[1:], strict=True) if b - a >= 2 * self.shortest]
            if not parts:
                break
            found = [(*_best_cut(total[a:b][None], weight[a:b][None], self.shortest), a) for a, b in parts]
            gain, place = max((float(gains[0]), a + int(where[0])) for gains, where, a in found)
            chance = np.zeros(self.resamples)
            for a, b in parts:
                order = draw.permuted(np.tile(np.arange(a, b), (self.resamples, 1)), axis=1)
                for some in np.array_split(np.arange(self.resamples), 1 + self.resamples * total[a:b].size // 2**23):
                    gains, _ = _best_cut(total[order[some]], weight[order[some]], self.shortest)
                    chance[some] = np.maximum(chance[some], gains)
            p = float((1 + (chance >= gain * (1 - 1e-9)).sum()) / (self.resamples + 1))
            tested.append((int(self.months_[place]), p))
            if p > self.level:
                break
            cuts = sorted([*cuts, place])
            made.append((place, p))
        self.segments_: Ids = np.searchsorted(cuts, np.arange(len(weight)), "right") - 1
        rows = []
        for order_made, (place, p) in enumerate(made, start=1):
            here = cuts.index(place)
            before, after = (slice(cuts[here + side], cuts[here + side + 1]) for side in (-1, 0))
            apart = total[after].sum(axis=0) / weight[after].sum() - total[before].sum(axis=0) / weight[before].sum()
            rows.append((int(self.months_[place]), p, float(np.linalg.norm(apart)), order_made))
        self.change_points_ = pd.DataFrame(sorted(rows), columns=["month", "p", "step", "order"])
        self.tested_ = pd.DataFrame(tested, columns=["month", "p"])
        return self


def _best_cut(total: Floats, weight: Floats, shortest: int) -> tuple[Floats, Ids]:
    """The best cut of each of many orders of months: its gain, and how many months come before it.

    Gain of a cut = W1 W2 / (W1 + W2) times the squared distance of the two weighted means, which is what the cut takes
    off the weighted sum of squares. Sums (resamples, months, width) and weights (resamples, months).
    """
    count = weight.shape[1]
    sums, weights = total.cumsum(axis=1), weight.cumsum(axis=1)
    inner = slice(shortest - 1, count - shortest)
    left, left_weight = sums[:, inner], weights[:, inner]
    all_sum, all_weight = sums[:, -1:], weights[:, -1:]
    off = left - all_sum * (left_weight / all_weight)[..., None]  # (resamples, cuts, width)
    gain = (off**2).sum(axis=-1) * all_weight / (left_weight * (all_weight - left_weight))
    where = gain.argmax(axis=1)
    return np.take_along_axis(gain, where[:, None], axis=1)[:, 0], where + shortest


def _exchange_halves(
    total: Floats, size: Floats, first: int, resamples: int, draw: np.random.Generator
) -> tuple[float, float]:
    """Distance between the means of the first groups and the others, less what chance gives, and its p-value."""
    order = draw.permuted(np.tile(np.arange(len(size)), (resamples, 1)), axis=1)
    order = np.vstack([np.arange(len(size)), order])  # as it is, then exchanged
    later = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(later, order[:, first:], True, axis=1)
    return move_of_halves(total, size, later)


def _plane(centroids: Floats, weight: Floats) -> tuple[Floats, float]:
    """First two weighted principal components (rows, 2), signs fixed, and the share of variance they show."""
    off = centroids - np.average(centroids, axis=0, weights=weight)
    scale = np.sqrt(weight)[:, None]
    _, values, directions = np.linalg.svd(off * scale, full_matrices=False)
    plane = np.zeros((len(off), 2))
    plane[:, : min(2, len(directions))] = off @ directions[:2].T
    strongest = np.abs(plane).argmax(axis=0)
    plane *= np.where(plane[strongest, [0, 1]] < 0, -1.0, 1.0)
    return plane, float((values[:2] ** 2).sum() / max((values**2).sum(), 1e-300))


def labelled_rows(
    embeddings: ArrayLike, month_ids: ArrayLike | None, regions: Any = None, groups: Any = None
) -> tuple[Floats, Ids, NDArray[Any], Ids]:
    """Unit vectors (m, width), months, regions and groups (m,) of the m rows that have a month and a region.

    Where an argument is None, all rows have month 0, region "all", and a group each.
    """
    unit = unit_vectors(embeddings)
    used = np.ones(len(unit), dtype=bool)
    month, region, group = np.zeros(len(unit), dtype=np.int64), np.full(len(unit), ALL), np.arange(len(unit))
    if month_ids is not None:
        month, dated = checked_months(month_ids, len(unit))
        used &= dated
    if regions is not None:
        region, placed = checked_labels(regions, len(unit), "regions")
        used &= placed
    if groups is not None:
        values, grouped = checked_labels(groups, len(unit), "groups")
        if not grouped[used].all():
            raise ValueError(f"groups: {int((used & ~grouped).sum())} of {int(used.sum())} points have none")
        group = np.zeros(len(unit), dtype=np.int64)
        group[used] = np.unique(values[used], return_inverse=True)[1]
    if used.sum() < 2:
        raise ValueError(f"{int(used.sum())} of {len(unit)} points have a month and a region; give two at least")
    return unit[used], month[used], region[used], group[used]


def group_sums(unit: Floats, group: Ids) -> tuple[Floats, Floats]:
    """Sum of vectors, (groups, width), and number of sentences, (groups,)."""
    codes = np.unique(group, return_inverse=True)[1]
    total = np.zeros((codes.max() + 1, unit.shape[1]))
    np.add.at(total, codes, unit)
    return total, np.bincount(codes).astype(np.float64)


def move_of_halves(total: Floats, size: Floats, later: NDArray[np.bool_]) -> tuple[float, float]:
    """Distance between the means of two halves of groups, less what exchanges give (0 where that is more), and its p.

    Parameters
    ----------
    total, size : arrays (groups, width), (groups,)
        Of `group_sums`.
    later : array of bool (1 + exchanges, groups)
        Which groups are the later half: in truth, then in each exchange.
    """
    weight = np.stack([later, ~later]).astype(np.float64)  # (2, 1 + exchanges, groups)
    means = (weight @ total) / (weight @ size)[..., None]
    distance = ((means[0] - means[1]) ** 2).sum(axis=-1)
    # 1e-9: exchanges that give the same halves again, summed in another order
    p = (1 + (distance[1:] >= distance[0] * (1 - 1e-9)).sum()) / len(distance)
    return float(np.sqrt(max(0.0, distance[0] - distance[1:].mean()))), float(p)
