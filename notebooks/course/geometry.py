"""What maps and clusters both stand on: unit vectors, principal components, and neighbours in the true space.

Here and in `maps`, `clusters`, `drift`, `cosines`, `aligned` and `topics`, these parameters mean the same:

- `embeddings` : array (n, width), of any length: their directions are compared;
- `month_ids` : array of int (n,), ids that `MonthRange.ids` gives, not labels;
- `regions`, `labels`, `clusters` : (n,) in anything that holds a column. None, NaN and -1 are unknown, and a
  row without the label that is asked about is left out. A cluster of -1 is noise.
"""

from collections.abc import Iterable, Mapping, Sized
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from spacetime.inputs import as_annotated, number_table, one_or_many, quoted, whole_number
from spacetime.months import MISSING
from spacetime.neighbours import EXACT_ROWS, inverted_file, near_others

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

LARGEST_ID = 9999 * 12  # months of all years that a label can have; 201911 is no id
MAP_PROBES = 32  # lists of the index that a point is compared with


def checked(points: ArrayLike, name: str = "embeddings") -> Floats:
    """Points as a float64 array (n, width), or a ValueError that says what is wrong with them."""
    array = number_table(points)
    if array.shape == (0,) and not (isinstance(points, Sized) and len(points) == 0):
        raise ValueError(f"{name} must be a table of n vectors, (n, width), not {quoted(points)}")
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must be a table of n vectors, (n, width), not an array of shape {array.shape}")
    bad = int((~np.isfinite(array)).any(axis=1).sum())
    if bad:
        raise ValueError(f"{name}: {bad} of {len(array)} vectors hold NaN or infinity; leave them out")
    return array


def checked_labels(labels: Any, count: int, name: str = "labels") -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Labels as an array (n,) and which of them are known: not None, not NaN, not `MISSING`."""
    many = one_or_many(labels, "label")
    array = np.asarray(many)
    if array.shape != (count,):
        raise ValueError(f"{name}: {count} points need {count} labels, not an array of shape {array.shape}")
    known = ~pd.isna(array)
    if array.dtype.kind in "if":
        known &= array != MISSING
    if array.dtype == object:  # of the ways to say that nothing is known, numpy can sort only None away
        array = array.copy()
        array[~known] = None
    return array, known


def checked_months(month_ids: Any, count: int) -> tuple[Ids, NDArray[np.bool_]]:
    """Ids of months as an array (n,), `MISSING` where there is none, and which of them are known.

    ValueError if months themselves are given instead of ids: labels, dates, or numbers such as 201911.
    """
    array, known = checked_labels(month_ids, count, "month_ids")
    try:
        numbers = np.where(known, array, MISSING).astype(np.float64) if array.dtype.kind in "bifuO" else None
    except (TypeError, ValueError):
        numbers = None
    if numbers is None or (numbers % 1 != 0).any() or (numbers > LARGEST_ID).any():
        shown = array[known][0] if known.any() else month_ids
        raise ValueError(f"month_ids must be ids, which MonthRange.ids gives, not months such as {quoted(shown)}")
    return numbers.astype(np.int64), known


def named_labels(labels: Any) -> Iterable[tuple[str, Any]]:
    """Names and labels, from a dict or the columns of a frame."""
    if not isinstance(labels, Mapping | pd.DataFrame):
        raise ValueError(f"labels must have names, such as {{'region': regions}}, not {quoted(labels)}")
    return labels.items()  # type: ignore[return-value]


def unit_vectors(embeddings: ArrayLike) -> Floats:
    """Vectors of length 1, (n, width), so that a dot product is a cosine; a zero vector stays zero.

    Parameters
    ----------
    embeddings : array (n, width)

    Examples
    --------
    >>> unit_vectors([[3.0, 4.0]]).round(3).tolist()
    [[0.6, 0.8]]
    """
    array = checked(embeddings)
    length = np.linalg.norm(array, axis=1, keepdims=True)
    return array / np.where(length == 0, 1.0, length)


@as_annotated
def principal_components(embeddings: ArrayLike, dimensions: int = 10) -> Floats:
    """The first principal components of the unit vectors.

    Distances between unit vectors order pairs as cosines do, and the components keep most of these distances, so
    what is near here is near in the true space.

    Parameters
    ----------
    embeddings : array (n, width)
    dimensions
        How many; fewer come back where n or width is smaller.

    Returns
    -------
    array (n, dimensions)
        Most varying component first. The sign of each is fixed: its largest entry is positive.
    """
    from sklearn.decomposition import PCA

    unit = unit_vectors(embeddings)
    # By the covariances, (width, width), where points are many: the full way holds four tables of their size.
    solver = "full" if len(unit) <= EXACT_ROWS else "covariance_eigh"
    components: Floats = PCA(min(dimensions, *unit.shape), svd_solver=solver).fit_transform(unit)
    strongest = np.abs(components).argmax(axis=0)
    return components * np.where(components[strongest, np.arange(components.shape[1])] < 0, -1.0, 1.0)


class Neighbours(NamedTuple):
    """Nearest others of every point in the true space."""

    rows: Ids  # (n, k), nearest first
    cosines: Floats  # (n, k)


@as_annotated
def true_neighbours(embeddings: ArrayLike, k: int = 15) -> Neighbours:
    """The k nearest other points of every point by cosine, and these cosines; among equals the earlier row comes first.

    No table of n x n is made: 32 MB of float32 cosines at a time show which points may be among the nearest, and
    float64 puts these in order. On one core 12,480 vectors of 384 numbers take some ten seconds.

    Parameters
    ----------
    embeddings : array (n, width)
    k
        From 0 to n - 1.

    Examples
    --------
    >>> true_neighbours([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], k=1).rows.tolist()
    [[1], [0], [1]]
    """
    unit = unit_vectors(embeddings)
    count = len(unit)
    k = _allowed(k, count, 0)
    found = Neighbours(np.zeros((count, k), dtype=np.int64), np.zeros((count, k)))
    if k == 0:
        return found
    single = unit.astype(np.float32)
    for here in parts(count, 2**23 // count):
        cosine = single[here] @ single.T  # (part, n)
        cosine[np.arange(len(here)), here] = -np.inf
        # float32 is wrong by less than 1e-6 here: whoever comes so near to the k-th may be one of the k.
        least = np.partition(cosine, count - k, axis=1)[:, count - k] - 2e-6
        for row, near in zip(here, cosine >= least[:, None], strict=True):
            others = np.flatnonzero(near)
            exact = np.einsum("cd,d->c", unit[others], unit[row])  # the same sum for the same vector, unlike BLAS
            order = np.argsort(-exact, kind="stable")[:k]
            found.rows[row], found.cosines[row] = others[order], exact[order]
    return found


@as_annotated
def near_neighbours(embeddings: ArrayLike, k: int = 15) -> Neighbours:
    """The neighbours of `true_neighbours`, or nearly all of them beyond 20,000 points, where faiss looks for them.

    Comparing each with each takes a hundred times as long for ten times as many points; the index, about ten times.
    """
    if len(np.asarray(embeddings)) <= EXACT_ROWS or k == 0:
        return true_neighbours(embeddings, k)
    unit = unit_vectors(embeddings)
    single = unit.astype(np.float32)
    index = inverted_file(single)
    index.nprobe = MAP_PROBES
    found = Neighbours(np.zeros((len(unit), k), dtype=np.int64), np.zeros((len(unit), k)))
    for here in parts(len(unit), 4096):
        rows = near_others(index, single, here, k)
        for row in np.flatnonzero((rows == here[:, None]).any(axis=1)):  # its lists held fewer than k: compare with all
            cosine = single @ single[here[row]]
            cosine[here[row]] = -np.inf
            rows[row] = np.argpartition(-cosine, k - 1)[:k]
        cosines = np.einsum("akd,ad->ak", unit[rows], unit[here])  # the index holds them by a byte a number only
        order = np.argsort(-cosines, axis=1, kind="stable")
        found.rows[here] = np.take_along_axis(rows, order, axis=1)
        found.cosines[here] = np.take_along_axis(cosines, order, axis=1)
    return found


@as_annotated
def nearest(embeddings: ArrayLike, k: int = 15) -> Ids:
    """The rows of `true_neighbours`, (n, k), nearest first, for k from 1.

    Parameters
    ----------
    embeddings, k
        As of `true_neighbours`.

    Examples
    --------
    >>> nearest([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], k=1).tolist()
    [[1], [0], [1]]
    """
    return true_neighbours(embeddings, _allowed(k, len(number_table(embeddings)), 1)).rows


def nearest_on_plane(coordinates: ArrayLike, k: int = 15) -> Ids:
    """The k nearest other points of every point by distance on a map, (n, k), nearest first, of equals the earlier row.

    A k-d tree finds them: 100,000 points take a second.
    """
    from scipy.spatial import cKDTree

    plane = checked(coordinates, "coordinates")
    count = len(plane)
    k = _allowed(k, count, 1)
    asked = min(k + 8, count)  # itself, and a few of those as far as the k-th
    distance, others = cKDTree(plane).query(plane, k=asked)
    distance[others == np.arange(count)[:, None]] = np.inf  # never itself
    order = np.lexsort((others, distance), axis=1)
    found: Ids = np.take_along_axis(others, order[:, :k], axis=1).astype(np.int64)
    distance = np.take_along_axis(distance, order, axis=1)
    # Where all that was asked for lies on one circle, the tree's choice among equals is not the earliest rows.
    furthest = np.where(np.isinf(distance[:, -1]), distance[:, -2], distance[:, -1])
    for row in np.flatnonzero((distance[:, k - 1] >= furthest) if asked < count else []):
        away = np.sqrt(((plane - plane[row]) ** 2).sum(axis=1))
        away[row] = np.inf
        found[row] = np.argsort(away, kind="stable")[:k]
    return found


def _allowed(k: int, count: int, least: int) -> int:
    k = whole_number(k, "k", 0)
    if not least <= k < count:
        raise ValueError(f"k={k} neighbours of {count} points: give k from {least} to {count - 1}")
    return k


def parts(count: int, size: int) -> list[Ids]:
    """0, 1, ... count - 1 in parts of at most `size`, so that what is n x n can be computed a part at a time."""
    size = max(1, size)
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
