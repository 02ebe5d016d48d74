"""What maps and clusters both stand on: unit vectors, principal components, and neighbours in the true space."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from spacetime.months import MISSING

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def checked(points: ArrayLike, name: str = "embeddings") -> Floats:
    """Points as a float64 array (n, width), or a ValueError that says what is wrong with them."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must be a table of n vectors, (n, width), not an array of shape {array.shape}")
    bad = int((~np.isfinite(array)).any(axis=1).sum())
    if bad:
        raise ValueError(f"{name}: {bad} of {len(array)} vectors hold NaN or infinity; leave them out")
    return array


def checked_labels(labels: Any, count: int, name: str = "labels") -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Labels as an array (n,) and which of them are known: not None, not NaN, not `MISSING`."""
    array = np.asarray(labels)
    if array.shape != (count,):
        raise ValueError(f"{name}: {count} points need {count} labels, not an array of shape {array.shape}")
    known = ~pd.isna(array)
    if array.dtype.kind in "if":
        known &= array != MISSING
    return array, known


def unit_vectors(embeddings: ArrayLike) -> Floats:
    """Vectors of length 1, (n, width), so that a dot product is a cosine; a zero vector stays zero.

    Examples
    --------
    >>> unit_vectors([[3.0, 4.0]]).round(3).tolist()
    [[0.6, 0.8]]
    """
    array = checked(embeddings)
    length = np.linalg.norm(array, axis=1, keepdims=True)
    return array / np.where(length == 0, 1.0, length)


def principal_components(embeddings: ArrayLike, dimensions: int = 10) -> Floats:
    """The first principal components of the unit vectors.

    Distances between unit vectors order pairs as cosines do, and the components keep most of these distances, so
    what is near here is near in the true space.

    Parameters
    ----------
    embeddings : array, shape (n, width)
    dimensions
        How many; fewer come back where n or width is smaller.

    Returns
    -------
    array, shape (n, dimensions)
        Most varying component first.  The sign of each is fixed: its largest entry is positive.
    """
    from sklearn.decomposition import PCA

    if dimensions < 1:
        raise ValueError(f"dimensions must be at least 1, not {dimensions}")
    unit = unit_vectors(embeddings)
    components: Floats = PCA(min(dimensions, *unit.shape), svd_solver="full").fit_transform(unit)
    strongest = np.abs(components).argmax(axis=0)
    return components * np.where(components[strongest, np.arange(components.shape[1])] < 0, -1.0, 1.0)


def nearest(embeddings: ArrayLike, k: int = 15) -> Ids:
    """The k nearest other points of every point by cosine, (n, k), nearest first; of equals the earlier row.

    Examples
    --------
    >>> nearest([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], k=1).tolist()
    [[1], [0], [1]]
    """
    unit = unit_vectors(embeddings)
    return _closest(-unit @ unit.T, k)


def nearest_on_plane(coordinates: ArrayLike, k: int = 15) -> Ids:
    """The k nearest other points of every point by distance on a map, (n, k), nearest first."""
    from sklearn.metrics import pairwise_distances

    return _closest(pairwise_distances(checked(coordinates, "coordinates")), k)


def _closest(distance: Floats, k: int) -> Ids:
    count = len(distance)
    if not 1 <= k < count:
        raise ValueError(f"k={k} neighbours of {count} points: give k from 1 to {count - 1}")
    distance = distance.copy()
    np.fill_diagonal(distance, np.inf)
    neighbours: Ids = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return neighbours
