"""Maps of embeddings on a plane, what they distort, and what they show that was not put in (lesson 08)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spacetime.analysis.geometry import (
    Floats,
    checked,
    checked_labels,
    nearest,
    nearest_on_plane,
    principal_components,
    unit_vectors,
)
from spacetime.months import MISSING

PCA_DIMENSIONS = 50  # before UMAP: keeps nearly all of the distances and makes its first step quick


class Agreement(NamedTuple):
    """How often neighbours share a label, and how often any two points do."""

    share: float  # of the nearest neighbours
    chance: float  # of all other points: what neighbours drawn at random would reach


def umap_map(
    embeddings: ArrayLike, *, seed: int, neighbours: int = 15, min_distance: float = 0.1, epochs: int | None = None
) -> Floats:
    """Put embeddings on a plane by UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426).

    Unit vectors -> 50 principal components -> UMAP, started from the first two components.  One seed gives one map
    on one machine; on another processor or with other library versions points move, though neighbours mostly stay.
    The first call compiles UMAP's code, which takes half a minute.

    Parameters
    ----------
    embeddings : array, shape (n, width)
    seed
        Of UMAP's random choices.
    neighbours
        Points that each point tries to stay beside: few show detail, many show the large shape.
    min_distance
        How close points may lie on the plane; small numbers make tight groups.
    epochs
        Rounds of the optimisation; None leaves it to UMAP (500 for small sets).

    Returns
    -------
    array, shape (n, 2)
        Coordinates without unit or direction: only near and far mean something, and these only about
        (:func:`distortion`).

    Raises
    ------
    ValueError
        If there are not more points than neighbours, or a vector holds NaN or infinity.
    """
    import umap

    points = checked(embeddings)
    if not 2 <= neighbours < len(points):
        raise ValueError(f"neighbours={neighbours} for {len(points)} points: give from 2 to {len(points) - 1}")
    mapper = umap.UMAP(
        n_components=2,
        n_neighbors=neighbours,
        min_dist=min_distance,
        n_epochs=epochs,
        metric="euclidean",  # between (nearly) unit vectors it orders pairs as the cosine does
        init="pca",
        random_state=seed,
        n_jobs=1,  # several threads would add in another order each time
    )
    coordinates: Floats = mapper.fit_transform(principal_components(points, PCA_DIMENSIONS)).astype(np.float64)
    return coordinates


def distortion(embeddings: ArrayLike, coordinates: ArrayLike, k: int = 15) -> dict[str, float]:
    """Measure what a map did to the neighbourhoods of the true space.

    Parameters
    ----------
    embeddings : array, shape (n, width)
        The true space; neighbours by cosine.
    coordinates : array, shape (n, 2)
        The map; neighbours by distance.
    k
        Neighbours looked at; below half of the points.

    Returns
    -------
    dict
        ``trustworthiness`` (Venna and Kaski 2001, scikit-learn's): 1 when no point is shown among the k nearest
        that isn't one of them, less the farther such intruders come from.  ``neighbours_kept``: share of the k true
        neighbours that are among the k nearest on the map too.  ``neighbours_kept_chance``: the same for a map that
        scatters the points at random, k / (n - 1).
    """
    from sklearn.manifold import trustworthiness

    unit, plane = unit_vectors(embeddings), checked(coordinates, "coordinates")
    if len(unit) != len(plane):
        raise ValueError(f"{len(unit)} embeddings and {len(plane)} coordinates; give one point on the map for each")
    if not 1 <= k < len(unit) / 2:
        raise ValueError(f"k={k} is not below half of {len(unit)} points, beyond which the measure has no meaning")
    return {
        "trustworthiness": float(trustworthiness(unit, plane, n_neighbors=k)),
        "neighbours_kept": float(kept_neighbours(unit, plane, k).mean()),
        "neighbours_kept_chance": k / (len(unit) - 1),
    }


def kept_neighbours(embeddings: ArrayLike, coordinates: ArrayLike, k: int = 15) -> Floats:
    """For every point the share of its k true neighbours that are among its k nearest on the map, (n,)."""
    true, shown = nearest(embeddings, k), nearest_on_plane(coordinates, k)
    kept: Floats = (true[:, :, None] == shown[:, None, :]).any(axis=2).mean(axis=1)  # (n, k, k) -> (n,)
    return kept


def neighbour_agreement(neighbours: NDArray[np.int64], labels: Any, within: float | None = None) -> Agreement:
    """Share of neighbours with the same label as their point, against all other points.

    Parameters
    ----------
    neighbours : array of int, shape (n, k)
        Rows of the neighbours, from `nearest`, in the true space.
    labels : array-like, shape (n,)
        Region ids, names, topics; or numbers such as month ids with `within`.  None, NaN and `MISSING` are unknown:
        such a point is neither asked nor counted as a neighbour.
    within
        Count labels that differ by at most so much (3: within 3 months); None counts equal ones.

    Returns
    -------
    Agreement
        Each point with a label, and with neighbours that have one, counts the same.

    Raises
    ------
    ValueError
        Another number of labels than points, or fewer than two known labels.

    Examples
    --------
    >>> neighbour_agreement(np.array([[1], [0], [1]]), ["UK", "UK", "US"])
    Agreement(share=0.6666666666666666, chance=0.3333333333333333)
    """
    values, known = checked_labels(labels, len(neighbours))
    if known.sum() < 2:
        raise ValueError(f"{int(known.sum())} of {len(values)} labels are known; agreement needs two at least")
    if within is None:
        codes = np.unique(values[known], return_inverse=True)[1]
        number, reach = np.full(len(values), MISSING, dtype=np.float64), 0.0
        number[known] = codes
    else:
        number, reach = np.where(known, values, MISSING).astype(np.float64), float(within)
    alike = np.abs(number[:, None] - number) <= reach  # (n, n)
    alike &= known[:, None] & known
    np.fill_diagonal(alike, False)
    counted = known[neighbours]  # (n, k)
    asked = known & counted.any(axis=1)
    share = (np.take_along_axis(alike, neighbours, axis=1) & counted).sum(axis=1)[asked] / counted.sum(axis=1)[asked]
    chance = alike.sum(axis=1)[asked] / (known.sum() - 1)
    return Agreement(float(share.mean()), float(chance.mean()))


def share_explained(embeddings: ArrayLike, codes: ArrayLike) -> float:
    """Share of the unit vectors' variance that a linear function of the codes accounts for, between 0 and 1.

    With `label_codes`: how much of what varies among the embeddings is the label's.  Near 1, the vectors are little
    more than their month and region.

    Parameters
    ----------
    embeddings : array, shape (n, width)
    codes : array, shape (n, features), fewer features than points
    """
    vectors, terms = unit_vectors(embeddings), checked(codes, "codes")
    if len(vectors) != len(terms):
        raise ValueError(f"{len(vectors)} embeddings and {len(terms)} codes; give one for each")
    terms = np.column_stack([np.ones(len(terms)), terms])
    rest = vectors - terms @ np.linalg.lstsq(terms, vectors, rcond=None)[0]
    return float(1 - (rest**2).sum() / max(((vectors - vectors.mean(axis=0)) ** 2).sum(), 1e-12))


def label_codes(month_ids: ArrayLike, region_ids: ArrayLike, month_weight: float = 0.5) -> Floats:
    """Vectors made of month and region alone: the control for a map by time and region.

    What the map of these codes shows needs no text at all.  A map of an encoder that is told month and region has
    something to say only where it differs from this one.

    Parameters
    ----------
    month_ids, region_ids : arrays of int, shape (n,)
        Ids of MonthRange and RegionSet, none missing.
    month_weight
        Weight of the month in the cosine, between 0 and 1; the region has the rest.

    Returns
    -------
    array, shape (n, 2 + regions)
        Unit vectors.  Cosine of two of them = `month_weight` * cos(pi * months apart / months spanned) + the rest
        where the regions are the same.
    """
    months, months_known = checked_labels(month_ids, len(np.atleast_1d(np.asarray(month_ids))), "month_ids")
    regions, regions_known = checked_labels(region_ids, len(months), "region_ids")
    if not (months_known.all() and regions_known.all()):
        raise ValueError("month_ids and region_ids hold missing ones; leave these rows out")
    if not 0 <= month_weight <= 1:
        raise ValueError(f"month_weight={month_weight} must lie between 0 and 1")
    # Half a circle, so that the two ends of the range are opposite, as in the labels of stage 2.
    angle = np.pi * (months - months.min()) / max(int(np.ptp(months)), 1)
    arc = np.sqrt(month_weight) * np.column_stack([np.cos(angle), np.sin(angle)])
    corner = np.sqrt(1 - month_weight) * (regions[:, None] == np.unique(regions))
    return np.hstack([arc, corner])
