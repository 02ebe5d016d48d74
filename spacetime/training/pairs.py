"""Sentence pairs for stage 2, each with a similarity made of meaning, time and place.

    label = .6 * cosine of the plain model + .2 * similarity of the months + .2 * similarity of the regions

The published card says that its similarity is "constructed using a combination of the Time, Space, and Cosine
Similarity", and shows one row: two wordings of one sentence, 2020-01 and 2020-02, both UK, 0.91. It gives no
formula; the weights and kernels here are ours, and stand in `PairRecipe` alone. Lesson 05 works the row out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import datasets
import numpy as np
from numpy.typing import NDArray

from spacetime.codes import MEANING_WEIGHT, REGION_WEIGHT, TIME_WEIGHT, region_kernel, time_kernel
from spacetime.encoder import SpaceTimeEncoder
from spacetime.inputs import as_annotated, check_columns, fit_fields
from spacetime.months import MISSING, MonthRange
from spacetime.neighbours import EXACT_ROWS, inverted_file, near_others
from spacetime.regions import RegionSet, on_the_globe

EARTH_RADIUS_KM = 6371.0
NEIGHBOURS = 10

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class PairRecipe:
    """Everything that decides about the pairs of stage 2 and their labels.

    Parameters
    ----------
    meaning_weight, time_weight, region_weight
        Weights of the three parts, which add up to 1.
    time_kernel
        `"linear"`: falls evenly with the months between, from the highest value for the same month to the lowest
        for the two ends of the range; `"exponential"`: exp(-months / scale).
    time_scale
        The exponential kernel's scale, in months.
    region_kernel
        `"same"`: the highest value for the same region, one value for every other; `"distance"`: falls with the
        great-circle distance as exp(-km / scale).
    region_scale
        The distance kernel's scale, in kilometres.
    value_range
        `"[-1, 1]"`, the range the card names, or `"[0, 1]"`.
    near_meaning, same_cell, same_month, same_region
        Shares of the pairs whose second sentence is: one of the ten nearest in meaning; from the same month and
        region; from the same month elsewhere; from the same region at another time. The rest are random pairs.
    seed
        Of the sampling.

    Notes
    -----
    Cosines can only reach labels that are inner products of unit vectors: the matrix of each part must have no
    negative eigenvalue. Both time kernels have none. Of the region kernel, +1 for the same and -1 for any other
    region, among four, has the eigenvalue -2, so no set of embeddings can have these cosines; `"same"` therefore
    gives -1/(n-1) to another region, the lowest value that n vectors can share.
    """

    meaning_weight: float = MEANING_WEIGHT
    time_weight: float = TIME_WEIGHT
    region_weight: float = REGION_WEIGHT
    time_kernel: Literal["linear", "exponential"] = "linear"
    time_scale: float = 12.0
    region_kernel: Literal["same", "distance"] = "same"
    region_scale: float = 5000.0
    value_range: Literal["[-1, 1]", "[0, 1]"] = "[-1, 1]"
    near_meaning: float = 0.4
    same_cell: float = 0.15
    same_month: float = 0.1
    same_region: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        fit_fields(self)
        weights = (self.meaning_weight, self.time_weight, self.region_weight)
        if min(weights) < 0 or abs(sum(weights) - 1) > 1e-9:
            raise ValueError(f"the weights of meaning, time and region must be positive and add up to 1, not {weights}")
        shares = (self.near_meaning, self.same_cell, self.same_month, self.same_region)
        if min(shares) < 0 or sum(shares) > 1 + 1e-9:
            raise ValueError(f"the shares of sampled pairs must be positive and add up to 1 at most, not {shares}")
        for name in ("time_scale", "region_scale"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")

    def time_similarity(self, months: MonthRange) -> Floats:
        """Similarity of every month with every other, (months, months).

        Parameters
        ----------
        months
            Of a model or a corpus.
        """
        if self.time_kernel == "exponential":
            return time_kernel(len(months), scale=self.time_scale)
        return time_kernel(len(months), lowest=-1.0 if self.value_range == "[-1, 1]" else 0.0)

    def region_similarity(self, regions: RegionSet) -> Floats:
        """Similarity of every region with every other, (regions, regions).

        Parameters
        ----------
        regions
            Of a model or a corpus; with coordinates for the kernel "distance".
        """
        if self.region_kernel == "distance":
            return np.exp(-great_circle_km(regions.coordinates, list(regions)) / self.region_scale)
        return region_kernel(len(regions), other=None if self.value_range == "[-1, 1]" else 0.0)

    def label(self, cosine: Floats, time: Floats, region: Floats) -> Floats:
        """Similarity that a pair's cosine is trained towards, (n,).

        Where time or region is NaN (a context is missing or hidden), its part is left out and the others keep
        their proportion; without both, the label is the plain model's cosine.

        Parameters
        ----------
        cosine, time, region
            The three parts of every pair, (n,) each.
        """
        meaning = np.clip(cosine, 0, 1) if self.value_range == "[0, 1]" else cosine
        parts = np.stack([meaning, time, region])
        weights = np.array([self.meaning_weight, self.time_weight, self.region_weight])[:, None]
        weights = np.where(np.isnan(parts), 0, weights)
        total = weights.sum(0)
        if (total == 0).any():
            raise ValueError(
                "a pair has no part left to make a label of: its contexts are missing, its meaning weighs 0"
            )
        label: Floats = (weights * np.nan_to_num(parts)).sum(0) / total
        return label


def great_circle_km(coordinates: Floats, names: list[str] | None = None) -> Floats:
    """Distances in kilometres between all places given as latitude and longitude in degrees, (n, 2) to (n, n)."""
    lost = np.flatnonzero(~np.isfinite(coordinates).all(1))
    if len(lost):
        where = names[lost[0]] if names else f"number {lost[0]}"
        raise ValueError(
            f"region {where} has no coordinates, which a distance needs; give its own, or region_kernel='same'"
        )
    point = on_the_globe(coordinates)
    distance: Floats = EARTH_RADIUS_KM * np.arccos(np.clip(point @ point.T, -1, 1))
    return distance


@as_annotated
def build_pairs(
    dataset: datasets.Dataset,
    plain: SpaceTimeEncoder,
    months: MonthRange,
    regions: RegionSet,
    recipe: PairRecipe | None = None,
    *,
    count: int | None = None,
    show_progress: bool | None = None,
) -> datasets.Dataset:
    """Pairs of a corpus's sentences, near and far in meaning, month and region, with their labels.

    Parameters
    ----------
    dataset
        Columns text, month, region; at least two rows.
    plain
        Gives the cosines; called without contexts.
    months, regions
        What the kernels span; a label outside of them is a ValueError.
    recipe
        How pairs are drawn and labelled.
    count
        Number of pairs; as many as sentences by default.

    Returns
    -------
    datasets.Dataset
        text1, text2, month1, month2, region1, region2, the three parts cosine, time_similarity and
        region_similarity (NaN where a context is missing), label, and `kind`, the way the pair was drawn.
    """
    check_columns(dataset, ["text", "month", "region"], "data set")
    recipe = recipe or PairRecipe()
    size = len(dataset)
    if size < 2:
        raise ValueError(f"pairs need at least two sentences; the corpus has {size}")
    count = size if count is None else count
    random = np.random.default_rng(recipe.seed)
    texts = dataset["text"][:]
    month_ids, region_ids = months.ids(dataset["month"][:]), regions.ids(dataset["region"][:])
    embeddings = plain.encode(texts, show_progress=show_progress)

    first = np.resize(random.permutation(size), count)
    ways: dict[str, tuple[float, Callable[[Ids], Ids]]] = {
        "near meaning": (recipe.near_meaning, lambda rows: _near_meaning(embeddings, rows, random)),
        "same cell": (recipe.same_cell, lambda rows: _same(rows, random, month_ids, region_ids)),
        "same month": (recipe.same_month, lambda rows: _same(rows, random, month_ids)),
        "same region": (recipe.same_region, lambda rows: _same(rows, random, region_ids)),
    }
    rest = max(0.0, 1 - sum(share for share, _ in ways.values()))
    ways["random"] = rest, lambda rows: random.integers(size, size=len(rows))
    kinds = random.choice(list(ways), size=count, p=[share for share, _ in ways.values()])
    second = np.empty(count, dtype=np.int64)
    for kind, (_, choose) in ways.items():
        second[kinds == kind] = choose(first[kinds == kind])
    second = np.where(second == first, (second + 1 + random.integers(size - 1, size=count)) % size, second)

    sides: dict[str, Any] = {}
    for side, rows in (("1", first), ("2", second)):
        sides[f"text{side}"] = [texts[row] for row in rows]
        sides[f"month{side}"] = months.labels(month_ids[rows]).tolist()
        sides[f"region{side}"] = regions.labels(region_ids[rows]).tolist()
    cosine = np.einsum("ij,ij->i", embeddings[first], embeddings[second]).astype(float)
    time = _between(recipe.time_similarity(months), month_ids[first], month_ids[second])
    region = _between(recipe.region_similarity(regions), region_ids[first], region_ids[second])
    return datasets.Dataset.from_dict(
        {
            **sides,
            "cosine": cosine,
            "time_similarity": time,
            "region_similarity": region,
            "label": recipe.label(cosine, time, region),
            "kind": kinds.tolist(),
        }
    )


def _near_meaning(embeddings: NDArray[np.float32], rows: Ids, random: np.random.Generator) -> Ids:
    """For each row one of its ten nearest, as far as an index finds them in a large corpus."""
    index = None if len(embeddings) <= EXACT_ROWS else inverted_file(embeddings)
    nearest = min(NEIGHBOURS, len(embeddings) - 1)
    chosen = [np.empty(0, dtype=np.int64)]
    for start in range(0, len(rows), 1024):
        some = rows[start : start + 1024]
        if index is None:
            cosine = embeddings[some] @ embeddings.T
            cosine[np.arange(len(some)), some] = -2  # not the row itself
            best = np.argpartition(-cosine, nearest - 1, axis=1)[:, :nearest]
        else:
            best = near_others(index, embeddings, some, nearest)
        chosen.append(best[np.arange(len(some)), random.integers(nearest, size=len(some))])
    return np.concatenate(chosen)


def _same(rows: Ids, random: np.random.Generator, *keys: Ids) -> Ids:
    """For each row a random one with the same keys; rows without a partner get themselves."""
    _, group = np.unique(np.stack(keys), axis=1, return_inverse=True)
    group = group.reshape(-1)
    members = np.argsort(group, kind="stable")  # rows, group after group
    number = np.bincount(group)
    start = np.concatenate(([0], np.cumsum(number)[:-1]))
    rank = np.empty_like(members)  # place of each row inside its group
    rank[members] = np.arange(len(members)) - start[group[members]]
    others = number[group[rows]] - 1
    step = 1 + np.floor(random.random(len(rows)) * others).astype(np.int64)  # 1 .. others
    return members[start[group[rows]] + (rank[rows] + step) % (others + 1)]


def _between(similarity: Floats, first: Ids, second: Ids) -> Floats:
    """Similarity of two arrays of ids, NaN where either is missing."""
    missing = (first == MISSING) | (second == MISSING)
    return np.where(missing, np.nan, similarity[np.maximum(first, 0), np.maximum(second, 0)])
