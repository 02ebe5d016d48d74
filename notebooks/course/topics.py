"""What embeddings and their clusters follow: month, region and topic; and which topics appear, end or move."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from course.drift import group_sums, move_of_halves
from course.geometry import (
    Floats,
    Ids,
    checked,
    checked_labels,
    checked_months,
    named_labels,
    unit_vectors,
)
from spacetime.inputs import as_annotated


@as_annotated
def label_agreement(points: ArrayLike, clusters: ArrayLike, labels: Mapping[str, Any]) -> pd.DataFrame:
    """How far clusters, and the space itself, follow known labels.

    Parameters
    ----------
    points : array (n, width)
        The space that was clustered.
    clusters
        Of each point, (n,); noise is left out of `ami`.
    labels
        Name -> label of each point: region, year, topic.

    Returns
    -------
    DataFrame, one row a label
        `ami`: adjusted mutual information of clusters and label (0 by chance, 1 the same partition; Vinh, Epps and
        Bailey 2010). `silhouette` of the label in the space, clusters apart: 1 when points of one label lie close
        together and far from others, 0 when they overlap, below 0 when others lie nearer.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    array = checked(points, "points")
    groups, clustered = checked_labels(clusters, len(array), "clusters")
    rows = []
    for name, given in named_labels(labels):
        values, known = checked_labels(given, len(array), name)
        codes = np.unique(values[known], return_inverse=True)[1]
        if not 2 <= len(np.unique(codes)) < len(codes):
            raise ValueError(
                f"label {name!r} has {len(np.unique(codes))} values on {len(codes)} points; nothing to see"
            )
        both = known & clustered
        ami = adjusted_mutual_info_score(values[both].astype(str), groups[both])
        rows.append((name, float(ami), _silhouette(array[known], codes)))
    return pd.DataFrame(rows, columns=["label", "ami", "silhouette"]).set_index("label")


@as_annotated
def compare_spaces(
    spaces: Mapping[str, ArrayLike], clusters: Mapping[str, ArrayLike], labels: Mapping[str, Any]
) -> pd.DataFrame:
    """What the clusters of several models follow, in one table: the plain model against the space-time model.

    Parameters
    ----------
    spaces
        Name of a model -> points, (n, width), that were clustered.
    clusters
        The same names -> clusters, (n,).
    labels
        Name -> label of each point: month, region, topic.

    Returns
    -------
    DataFrame, one row a model
        `clusters`: how many; `noise`: share of points in none; `silhouette` of the clusters in their own space
        (NaN below two); and for each label `ami_...` and `silhouette_...` as in `label_agreement`.
    """
    if list(spaces) != list(clusters):
        raise ValueError(f"spaces of {', '.join(spaces)} and clusters of {', '.join(clusters)}; give the same names")
    rows = {}
    for name, points in spaces.items():
        array = checked(points, f"points of {name!r}")
        groups, clustered = checked_labels(clusters[name], len(array), f"clusters of {name!r}")
        number = len(np.unique(groups[clustered]))
        row: dict[str, float] = {"clusters": number, "noise": float((~clustered).mean())}
        row["silhouette"] = _silhouette(array[clustered], groups[clustered]) if number > 1 else np.nan
        agreement = label_agreement(array, groups, labels)
        rows[name] = row | {f"{what}_{label}": agreement[what][label] for label in labels for what in agreement.columns}
    return pd.DataFrame(rows).T.astype({"clusters": int})


@as_annotated
def over_representation(
    clusters: ArrayLike, labels: Any, *, groups: Any = None, resamples: int = 9999, seed: int = 0
) -> pd.DataFrame:
    """Which labels a cluster holds more or fewer of than its size and theirs would give.

    Without groups every sentence counts by itself: residuals are the adjusted standardised ones (Agresti, Categorical
    Data Analysis, 2013, section 3.3) and p-values Fisher's exact ones (hypergeometric). Sentences of one day, document
    or template are seldom independent, and such p-values too small. With groups, labels are exchanged between whole
    groups instead, `resamples` times; expected count, spread and p-value are those of the exchanged tables.

    Parameters
    ----------
    clusters, labels
        Of each sentence, (n,): the label may be a month, region, year or topic.
    groups
        (n,). All sentences of a group must have one label; for regions, a group can be a day in a region.
    resamples
        Exchanges; with groups no p-value is below 2 / (resamples + 1), which must lie well below .05 / cells.
    seed
        Of the exchanges.

    Returns
    -------
    DataFrame, one row for each cluster and label
        Columns cluster, label, count, expected, residual (standard deviations from expected), p (two-sided: twice the
        smaller tail) and q: p corrected for the number of cells by Benjamini and Hochberg (1995). Of the cells with
        q < .05 one in twenty is expected to be there by chance.

    Raises
    ------
    ValueError
        If there are fewer than two clusters or two labels, or a group has two labels.

    Examples
    --------
    >>> table = over_representation([0] * 9 + [1] * 9, ["UK"] * 8 + ["US"] * 9 + ["UK"])
    >>> table["count"].tolist(), table.q.round(4).tolist()
    ([8, 1, 1, 8], [0.0034, 0.0034, 0.0034, 0.0034])
    """
    from scipy.stats import false_discovery_control, hypergeom

    given, clustered = checked_labels(clusters, len(np.atleast_1d(np.asarray(clusters))), "clusters")
    values, known = checked_labels(labels, len(given))
    used = clustered & known
    rows_named, cluster = np.unique(given[used], return_inverse=True)
    columns_named, label = np.unique(values[used], return_inverse=True)
    if min(len(rows_named), len(columns_named)) < 2:
        raise ValueError(
            f"a table of {len(rows_named)} clusters and {len(columns_named)} labels: both need two at least"
        )
    counts = np.zeros((len(rows_named), len(columns_named)))
    np.add.at(counts, (cluster, label), 1)
    if groups is None:
        total, rows, columns = counts.sum(), counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
        expected = rows * columns / total
        spread = np.sqrt(expected * (1 - rows / total) * (1 - columns / total))
        more = hypergeom.sf(counts - 1, total, rows, columns)
        fewer = hypergeom.cdf(counts, total, rows, columns)
    else:
        expected, spread, more, fewer = _exchanged(cluster, label, _codes(groups, used), counts, resamples, seed)
    p = np.minimum(2 * np.minimum(more, fewer), 1.0).ravel()
    return pd.DataFrame(
        {
            "cluster": np.repeat(rows_named, len(columns_named)),
            "label": np.tile(columns_named, len(rows_named)),
            "count": counts.ravel().astype(np.int64),
            "expected": expected.ravel(),
            "residual": ((counts - expected) / np.where(spread == 0, np.inf, spread)).ravel(),
            "p": p,
            "q": false_discovery_control(p),
        }
    )


@as_annotated
def topic_lives(
    clusters: ArrayLike,
    month_ids: ArrayLike,
    points: ArrayLike | None = None,
    *,
    groups: Any = None,
    level: float = 0.05,
    resamples: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """Which topics appear, end, or move while they last.

    *Appears*: if the topic's sentences were spread over the months as all sentences are, so late a first one would be
    rare; the chance is exact (hypergeometric: none of them among the sentences of the months before). *Ends*: the
    same from the other side. *Moves*: the middle of its later half lies farther from that of its earlier half than
    when the months are exchanged among its sentences. Each of the three is corrected for the number of topics by
    Benjamini and Hochberg.

    Cluster embeddings that were not told the month (`encode` without months, or the plain model): with the month told,
    every topic moves, and the month makes topics that appear and end.

    Parameters
    ----------
    clusters
        Of each sentence, (n,); noise is also left out of what all sentences are.
    month_ids : array of int (n,)
    points : array (n, width), optional
        Embeddings or principal components; without them nothing is said about moving.
    groups
        (n,). A group counts once; each lies in one month.
    level
        Of `appears`, `ends` and `moves`.
    resamples, seed
        Of the exchanges.

    Returns
    -------
    DataFrame, one row a cluster
        `sentences`; `first`, `last`: month ids; `appears`, `ends`, `moves`: corrected p-value below level;
        `q_appears`, `q_ends`, `q_moves`; `moved`: distance between the middles of its earlier and later half,
        less what chance gives (0 where it is no farther; NaN where it has a single month or no points were given).
    """
    from scipy.stats import false_discovery_control, hypergeom

    given, clustered = checked_labels(clusters, len(np.atleast_1d(np.asarray(clusters))), "clusters")
    months, dated = checked_months(month_ids, len(given))
    used = clustered & dated
    if not used.any():
        raise ValueError(f"none of {len(given)} points has both a cluster and a month")
    vectors = None if points is None else checked(points, "points")
    if vectors is not None and len(vectors) != len(given):
        raise ValueError(f"{len(given)} clusters and {len(vectors)} points; give one point for each")
    cluster, month = given[used], months[used]
    unit = np.arange(len(month)) if groups is None else _codes(groups, used)
    month_of_unit = _one_each(unit, month, "month")
    draw = np.random.default_rng(seed)
    rows = []
    for name in np.unique(cluster):
        own = cluster == name
        its = np.unique(unit[own])
        first, last = int(month[own].min()), int(month[own].max())
        before, after = (month_of_unit < first).sum(), (month_of_unit > last).sum()
        none = [float(hypergeom.pmf(0, len(month_of_unit), outside, len(its))) for outside in (before, after)]
        moved, p_moves = np.nan, np.nan
        if vectors is not None and first < last:
            moved, p_moves = _move(vectors[used][own], month[own], unit[own], resamples, draw)
        rows.append((name, int(own.sum()), first, last, *none, moved, p_moves))
    columns = ["cluster", "sentences", "first", "last", "q_appears", "q_ends", "moved", "q_moves"]
    table = pd.DataFrame(rows, columns=columns).set_index("cluster")
    for name in ("appears", "ends", "moves"):
        tested = table[f"q_{name}"].notna()
        table.loc[tested, f"q_{name}"] = false_discovery_control(table.loc[tested, f"q_{name}"]) if tested.any() else []
        table[name] = table[f"q_{name}"] < level
    order = ["sentences", "first", "last", "appears", "ends", "moves", "moved", "q_appears", "q_ends", "q_moves"]
    return table[order]


def share_explained(embeddings: ArrayLike, codes: ArrayLike) -> float:
    """Share of the unit vectors' variance that a linear function of the codes accounts for, between 0 and 1.

    With `spacetime.label_codes`: how much of what varies among the embeddings is the label's. Near 1, the vectors are
    little more than their month and region.

    Parameters
    ----------
    embeddings : array (n, width)
    codes : array (n, features), fewer features than points
    """
    vectors, terms = unit_vectors(embeddings), checked(codes, "codes")
    if len(vectors) != len(terms):
        raise ValueError(f"{len(vectors)} embeddings and {len(terms)} codes; give one for each")
    terms = np.column_stack([np.ones(len(terms)), terms])
    rest = vectors - terms @ np.linalg.lstsq(terms, vectors, rcond=None)[0]
    return float(1 - (rest**2).sum() / max(((vectors - vectors.mean(axis=0)) ** 2).sum(), 1e-12))


def _move(vectors: Floats, month: Ids, unit: Ids, resamples: int, draw: np.random.Generator) -> tuple[float, float]:
    """How far the later half's middle lies from the earlier half's, less what chance gives, and the p-value."""
    codes = np.unique(unit, return_inverse=True)[1]
    total, size = group_sums(vectors, codes)  # (units, width), (units,)
    when = _one_each(codes, month, "month")
    middle = np.median(month)
    late = when > middle if (when > middle).any() else when >= middle
    exchanged = draw.permuted(np.tile(late, (resamples, 1)), axis=1)
    return move_of_halves(total, size, np.vstack([late, exchanged]))


def _exchanged(
    cluster: Ids, label: Ids, group: Ids, counts: Floats, resamples: int, seed: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean, spread and both tails of the table's counts when labels are exchanged between groups."""
    label_of_group = _one_each(group, label, "label")
    inside = np.zeros((len(counts), len(label_of_group)))
    np.add.at(inside, (cluster, group), 1)  # (clusters, groups)
    draw = np.random.default_rng(seed)
    total, squares, more, fewer = (np.zeros_like(counts) for _ in range(4))
    each = np.eye(counts.shape[1])
    for _ in range(resamples):
        table = inside @ each[draw.permutation(label_of_group)]  # (clusters, labels)
        total += table
        squares += (table - counts) ** 2
        more += table >= counts
        fewer += table <= counts
    expected = total / resamples
    variance = squares / resamples - (expected - counts) ** 2
    return expected, np.sqrt(np.maximum(variance, 0)), (1 + more) / (resamples + 1), (1 + fewer) / (resamples + 1)


def _codes(groups: Any, used: NDArray[np.bool_]) -> Ids:
    values, known = checked_labels(groups, len(used), "groups")
    if not known[used].all():
        raise ValueError(f"groups: {int((~known[used]).sum())} of {int(used.sum())} points have none; leave them out")
    codes: Ids = np.unique(values[used], return_inverse=True)[1]
    return codes


def _one_each(group: Ids, values: NDArray[Any], name: str) -> NDArray[Any]:
    """The value that all members of each group 0, 1, ... share, (groups,)."""
    first = np.zeros(group.max() + 1, dtype=values.dtype)
    first[group[::-1]] = values[::-1]
    if other := int((first[group] != values).sum()):
        raise ValueError(f"groups with more than one {name}: {other} points differ from their group's first one")
    return first


def _silhouette(points: Floats, labels: NDArray[Any]) -> float:
    """Mean silhouette (Rousseeuw 1987), with distances made 64 MB at a time."""
    from sklearn import config_context
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(labels)) < len(labels):
        return float("nan")
    with config_context(working_memory=64):
        return float(silhouette_score(points, labels))
