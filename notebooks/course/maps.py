"""Maps of embeddings on a plane, what they distort, and what they show that was not put in (lesson 08)."""

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from course.geometry import (
    Floats,
    Ids,
    checked,
    checked_labels,
    checked_months,
    named_labels,
    near_neighbours,
    nearest,
    nearest_on_plane,
    parts,
    principal_components,
    unit_vectors,
)
from spacetime.codes import side_by_side
from spacetime.inputs import as_annotated, whole_number

PCA_DIMENSIONS = 50  # where UMAP starts from; its neighbours are those of the whole space


class Agreement(NamedTuple):
    """How often neighbours share a label, and how often any two points do."""

    share: float  # of the nearest neighbours
    chance: float  # of all other points: what neighbours drawn at random would reach


@as_annotated
def umap_map(
    embeddings: ArrayLike, *, seed: int, neighbours: int = 15, min_distance: float = 0.1, epochs: int | None = None
) -> Floats:
    """Put embeddings on a plane by UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426).

    UMAP is given the neighbours by cosine that `near_neighbours` finds, and starts from the first two principal
    components of the unit vectors. One seed gives one map on one machine, also where sentences are repeated, for which
    UMAP's own search for neighbours doesn't (umap issue 1277). On another processor or with other library versions
    points move, though neighbours mostly stay. The first call compiles UMAP's code, which takes half a minute.

    Parameters
    ----------
    embeddings : array (n, width)
    seed
        Of UMAP's random choices.
    neighbours
        Points that each point tries to stay beside, itself included, as UMAP counts: few show detail, many show the
        large shape.
    min_distance
        How close points may lie on the plane; small numbers make tight groups.
    epochs
        Rounds of the optimisation; None leaves it to UMAP (500 for small sets, 200 above 10,000 points).

    Returns
    -------
    array (n, 2)
        Coordinates without unit or direction: only near and far mean something, and these only roughly (`distortion`).

    Raises
    ------
    ValueError
        If there are not more points than neighbours, or a vector holds NaN or infinity.
    """
    import umap

    points = checked(embeddings)
    if not 2 <= neighbours < len(points):
        raise ValueError(f"neighbours={neighbours} for {len(points)} points: give from 2 to {len(points) - 1}")
    near = near_neighbours(points, neighbours - 1)
    rows = np.column_stack([np.arange(len(points)), near.rows])  # (n, neighbours), itself first, as UMAP wants them
    chord = np.column_stack([np.zeros(len(points)), np.sqrt(np.maximum(2 - 2 * near.cosines, 0))])
    start = principal_components(points, PCA_DIMENSIONS)
    with warnings.catch_warnings():  # that new points can't be put on this map; we don't
        warnings.filterwarnings("ignore", message=".*transform will be unavailable")
        mapper = umap.UMAP(
            n_neighbors=neighbours,
            min_dist=min_distance,
            n_epochs=epochs,
            metric="euclidean",
            init="pca" if min(start.shape) >= 2 else "random",
            random_state=seed,
            n_jobs=1,  # several threads would add in another order each time
            precomputed_knn=(rows, chord.astype(np.float32)),
        )
        coordinates: Floats = mapper.fit_transform(start).astype(np.float64)
    return coordinates


def turned(plane: ArrayLike, onto: ArrayLike) -> Floats:
    """Turn, mirror and move a map so that its points lie as near to another map's as they can (Procrustes).

    Its size stays. What then differs between two maps (n, 2) of the same points is not the map as a whole.
    """
    from scipy.linalg import orthogonal_procrustes

    first, second = checked(plane, "plane"), checked(onto, "onto")
    if first.shape != second.shape:
        raise ValueError(f"maps of shapes {first.shape} and {second.shape}; give two maps of the same points")
    moved = first - first.mean(axis=0)
    turn, _ = orthogonal_procrustes(moved, second - second.mean(axis=0))
    result: Floats = moved @ turn
    return result


@as_annotated
def distortion(embeddings: ArrayLike, coordinates: ArrayLike, k: int = 15) -> dict[str, float]:
    """Measure what a map did to the neighbourhoods of the true space.

    Parameters
    ----------
    embeddings : array (n, width)
        The true space; neighbours by cosine.
    coordinates : array (n, 2)
        The map; neighbours by distance.
    k
        Neighbours looked at; below half of the points.

    Returns
    -------
    dict
        `trustworthiness` (Venna and Kaski 2001): 1 if no point is shown among the k nearest that isn't one of them, and
        less the farther such intruders come from. `neighbours_kept`: share of the k true neighbours that are among the
        k nearest on the map too. `neighbours_kept_chance`: the same for a map that scatters the points at random, k /
        (n - 1).
    """
    trust, shares = _distortion_of_points(embeddings, coordinates, k)
    return {
        "trustworthiness": float(trust.mean()),
        "neighbours_kept": float(shares.mean()),
        "neighbours_kept_chance": k / (len(trust) - 1),
    }


@as_annotated
def distortion_by(
    embeddings: ArrayLike, coordinates: ArrayLike, labels: Mapping[str, Any], k: int = 15
) -> pd.DataFrame:
    """Measure a map as `distortion` does, overall and for the points of each month, region or other label.

    Neighbours are looked for among all points, so that the rows of one label average to the first row (where no label
    is missing). Where a row falls far below it, that part of the map shows less than the rest.

    Parameters
    ----------
    embeddings, coordinates, k
        As of `distortion`.
    labels
        Name -> label of each point, such as `{"region": regions, "month": months}`.

    Returns
    -------
    DataFrame, indexed by label and value; the first row is ("all", "all")
        Columns points, trustworthiness, neighbours_kept.
    """
    trust, shares = _distortion_of_points(embeddings, coordinates, k)
    rows = [("all", "all", len(trust), float(trust.mean()), float(shares.mean()))]
    for name, given in named_labels(labels):
        values, known = checked_labels(given, len(trust), name)
        for value in np.unique(values[known]):
            chosen = known & (values == value)
            rows.append((name, value, int(chosen.sum()), float(trust[chosen].mean()), float(shares[chosen].mean())))
    columns = ["label", "value", "points", "trustworthiness", "neighbours_kept"]
    return pd.DataFrame(rows, columns=columns).set_index(["label", "value"])


def kept(true: Ids, shown: Ids) -> Floats:
    """For every point the share of its true neighbours (n, k) that are among those shown (n, k), (n,)."""
    shares = np.zeros(len(true))
    for here in parts(len(true), 10_000):
        shares[here] = (true[here, :, None] == shown[here, None, :]).any(axis=2).mean(axis=1)  # (part, k, k) -> (part,)
    return shares


def _distortion_of_points(embeddings: ArrayLike, coordinates: ArrayLike, k: int) -> tuple[Floats, Floats]:
    """Every point's own trustworthiness, whose mean is the map's, and its share of neighbours kept, (n,) each."""
    unit, plane = unit_vectors(embeddings), checked(coordinates, "coordinates")
    count = len(unit)
    if count != len(plane):
        raise ValueError(f"{count} embeddings and {len(plane)} coordinates; give one point on the map for each")
    k = whole_number(k, "k")
    if not k < count / 2:
        raise ValueError(f"k={k} is not below half of {count} points, beyond which the measure has no meaning")
    shown = nearest_on_plane(plane, k)
    excess = np.zeros(count)  # how many ranks beyond k the intruders come from
    for here in parts(count, 2**22 // count):
        cosine = unit[here] @ unit.T  # (part, n)
        cosine[np.arange(len(here)), here] = -np.inf
        for column in shown[here].T:  # the j-th shown neighbour of each point
            its = np.take_along_axis(cosine, column[:, None], axis=1)
            nearer = (cosine > its).sum(axis=1)  # so its true rank is nearer + 1
            excess[here] += np.maximum(nearer + 1 - k, 0)
    trust = 1 - 2 / (k * (2 * count - 3 * k - 1)) * excess
    return trust, kept(nearest(unit, k), shown)


@as_annotated
def neighbour_agreement(neighbours: NDArray[np.int64], labels: Any, within: float | None = None) -> Agreement:
    """Share of neighbours with the same label as their point, against all other points.

    Parameters
    ----------
    neighbours : array of int (n, k)
        Rows of the neighbours in the true space, from `nearest`.
    labels
        Region ids, names, topics; or numbers such as month ids with `within`. A point whose label is unknown is neither
        asked nor counted as a neighbour.
    within
        Count labels that differ by at most so much (3: within 3 months); None counts equal ones.

    Returns
    -------
    Agreement
        Each point with a label, and with neighbours that have one, counts the same.

    Raises
    ------
    ValueError
        If there are not as many labels as points, or fewer than two known labels.

    Examples
    --------
    >>> neighbour_agreement(np.array([[1], [0], [1]]), ["UK", "UK", "US"])
    Agreement(share=0.6666666666666666, chance=0.3333333333333333)
    """
    values, known = checked_labels(labels, len(neighbours))
    if known.sum() < 2:
        raise ValueError(f"{int(known.sum())} of {len(values)} labels are known; agreement needs two at least")
    number, reach = np.zeros(len(values)), 0.0
    if within is None:
        number[known] = np.unique(values[known], return_inverse=True)[1]
    else:
        number[known], reach = values[known].astype(np.float64), float(within)
    counted = known[neighbours]  # (n, k)
    asked = known & counted.any(axis=1)
    alike = counted & (np.abs(number[neighbours] - number[:, None]) <= reach)  # (n, k)
    share = alike[asked].sum(axis=1) / counted[asked].sum(axis=1)
    ordered = np.sort(number[known])
    first = np.searchsorted(ordered, number[asked] - reach, "left")
    last = np.searchsorted(ordered, number[asked] + reach, "right")
    chance = (last - first - 1) / (known.sum() - 1)  # of all others: without the point itself
    return Agreement(float(share.mean()), float(chance.mean()))


@as_annotated
def label_codes(month_ids: ArrayLike, region_ids: ArrayLike, month_weight: float = 0.5) -> Floats:
    """Vectors made of month and region alone: the control for a map by time and region.

    What the map of these codes shows needs no text at all. A map of an encoder that is told month and region has
    something to say only where it differs from this one.

    Parameters
    ----------
    month_ids, region_ids : arrays of int (n,)
        Ids of MonthRange and RegionSet, none missing.
    month_weight
        Weight of the month in the cosine, between 0 and 1; the region has the rest.

    Returns
    -------
    array (n, 2 + regions)
        Unit vectors. The cosine of two of them is `month_weight` * cos(pi * months apart / months spanned), plus the
        rest where the regions are the same.
    """
    months, months_known = checked_months(month_ids, len(np.atleast_1d(np.asarray(month_ids))))
    regions, regions_known = checked_labels(region_ids, len(months), "region_ids")
    if not (months_known.all() and regions_known.all()):
        raise ValueError("month_ids and region_ids hold missing ones; leave these rows out")
    if not 0 <= month_weight <= 1:
        raise ValueError(f"month_weight={month_weight} must lie between 0 and 1")
    # Half a circle, so that the two ends of the range are opposite, as in the labels of stage 2.
    angle = np.pi * (months - months.min()) / max(int(np.ptp(months)), 1)
    arc = np.column_stack([np.cos(angle), np.sin(angle)])
    return side_by_side((month_weight, arc), (1 - month_weight, regions[:, None] == np.unique(regions)))
