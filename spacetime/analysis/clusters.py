"""Clusters of embeddings, their names, and how far they follow month and region (lesson 09).

Clusters are found on principal components (5 to 15 of them) or on whole embeddings, never on a map of two
dimensions: a map tears and squeezes, and what looks like a cluster there may be none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin

from spacetime.analysis.geometry import (
    Floats,
    Ids,
    checked,
    checked_labels,
    checked_months,
    group_sums,
    move_of_halves,
    named_labels,
)
from spacetime.inputs import as_annotated, texts_of
from spacetime.months import MISSING

NOISE = MISSING  # HDBSCAN's label for points in no cluster is -1 as well: a cluster that is not known


class StableKMeans(ClusterMixin, BaseEstimator):
    """K-means with the number of clusters that comes out alike on parts of the data.

    For each k, two parts of the points are drawn and clustered apart; the adjusted Rand index of the two clusterings on
    the points that both parts hold says how stable this k is (after Ben-Hur, Elisseeff and Guyon 2002). The largest k
    is taken whose mean index is not below the best one by more than the best one's standard error: a few coarse
    clusters are easily stable, and we want the finest that still is.

    Parameters
    ----------
    ks
        Numbers of clusters to try, each at least 2.
    resamples
        Pairs of parts for each k.
    share
        Of the points in each part, between 0.5 and 1.
    restarts
        Starts of each k-means; the best counts.
    seed
        Of parts and starts.

    Attributes
    ----------
    stability_ : DataFrame with columns k, stability (mean adjusted Rand index), error (standard error)
    n_clusters_ : int
    labels_ : array of int (n,); clusters are numbered by size, the largest is 0
    cluster_centers_ : array (n_clusters_, width)
    """

    def __init__(
        self,
        ks: Sequence[int] = tuple(range(2, 13)),
        *,
        resamples: int = 8,
        share: float = 0.8,
        restarts: int = 3,
        seed: int = 0,
    ) -> None:
        self.ks = ks
        self.resamples = resamples
        self.share = share
        self.restarts = restarts
        self.seed = seed

    def fit(self, X: ArrayLike, y: None = None) -> "StableKMeans":  # noqa: N803
        """Choose k and cluster all points.

        Parameters
        ----------
        X : array (n, width)
            Principal components or embeddings; a map is refused.
        """
        from sklearn.cluster import KMeans
        from sklearn.metrics import adjusted_rand_score

        points = _no_map(X)
        if not len(self.ks) or min(self.ks) < 2:
            raise ValueError(f"ks={list(self.ks)} must be numbers of clusters, each at least 2")
        if not 0.5 < self.share < 1 or self.resamples < 2:
            raise ValueError(
                f"share={self.share} must lie between 0.5 and 1 and resamples={self.resamples} be at least 2"
            )
        size = int(self.share * len(points))
        if max(self.ks) > size:
            raise ValueError(f"k={max(self.ks)} clusters of {size} points (a part of {len(points)}): try fewer")

        draw = np.random.default_rng(self.seed)
        parts = [[draw.permutation(len(points))[:size] for _ in range(2)] for _ in range(self.resamples)]
        rows = []
        for k in sorted(set(self.ks)):
            scores = []
            for pair in parts:  # the same parts for every k, so that ks are compared on the same points
                found = np.full((2, len(points)), NOISE)
                for side, part in enumerate(pair):
                    model = KMeans(k, n_init=self.restarts, random_state=self.seed + side)
                    found[side, part] = model.fit_predict(points[part])
                both = (found != NOISE).all(axis=0)
                scores.append(adjusted_rand_score(found[0, both], found[1, both]))
            rows.append((k, float(np.mean(scores)), float(np.std(scores, ddof=1) / np.sqrt(len(scores)))))
        self.stability_ = pd.DataFrame(rows, columns=["k", "stability", "error"])
        _, highest, error = max(rows, key=lambda row: row[1])
        self.n_clusters_ = max(k for k, stability, _ in rows if stability >= highest - error)
        final = KMeans(self.n_clusters_, n_init=10, random_state=self.seed).fit(points)
        order = np.argsort(-np.bincount(final.labels_, minlength=self.n_clusters_), kind="stable")
        self.labels_: Ids = np.argsort(order)[final.labels_]
        self.cluster_centers_: Floats = final.cluster_centers_[order]
        return self


@as_annotated
def density_clusters(points: ArrayLike, *, min_size: int = 15, min_samples: int | None = None) -> Any:
    """Fit scikit-learn's HDBSCAN (Campello, Moulavi and Sander 2013): clusters of any shape, and points in none.

    Parameters
    ----------
    points : array (n, width)
        Best 5 to 15 principal components: with hundreds of dimensions nearly every point becomes noise.
    min_size
        Points that a cluster needs.
    min_samples
        How many neighbours make a place dense; None takes `min_size`. Smaller leaves less noise.

    Returns
    -------
    sklearn.cluster.HDBSCAN
        Fitted; `labels_` (n,) with -1 for noise, `probabilities_`.
    """
    from sklearn.cluster import HDBSCAN

    array = _no_map(points)
    if not 2 <= min_size <= len(array):
        raise ValueError(f"min_size={min_size} for {len(array)} points: give from 2 to {len(array)}")
    return HDBSCAN(min_cluster_size=min_size, min_samples=min_samples, copy=True).fit(array)


@as_annotated
def class_tfidf(
    texts: Sequence[str], clusters: ArrayLike, *, least_texts: int = 1
) -> tuple[Floats, NDArray[np.str_], Ids]:
    """Weigh each word for each cluster by class-based TF-IDF (Grootendorst 2022, arXiv:2203.05794).

    All texts of a cluster are read as one. A word's weight = its share of the cluster's words * log(1 + words per
    cluster on average / times the word occurs in all clusters).

    Parameters
    ----------
    texts
        n sentences. Words are runs of two letters or more in lower case, without English stop words and numbers.
    clusters
        Of each text, (n,).
    least_texts
        Leave out words that occur in fewer texts.

    Returns
    -------
    weights : array (clusters, words)
    words : array of str (words,)
    ids : array of int (clusters,)
        Which cluster each row is.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    texts = texts_of(texts)
    labels, known = checked_labels(clusters, len(texts), "clusters")
    if not known.any():
        raise ValueError(f"all {len(texts)} texts are noise; there is no cluster to name")
    counter = CountVectorizer(stop_words="english", token_pattern=r"(?u)\b[^\W\d_]{2,}\b", min_df=least_texts)
    counts = counter.fit_transform([text for text, k in zip(texts, known, strict=True) if k])
    ids = np.unique(labels[known])
    inside = (labels[known] == ids[:, None]).astype(np.float64)  # (clusters, texts)
    per_cluster = np.asarray(inside @ counts)  # (clusters, words)
    words_of_cluster = per_cluster.sum(axis=1, keepdims=True)
    share = per_cluster / np.maximum(words_of_cluster, 1)
    weights: Floats = share * np.log(1 + words_of_cluster.mean() / per_cluster.sum(axis=0))
    return weights, counter.get_feature_names_out().astype(str), ids


@as_annotated
def cluster_names(texts: Sequence[str], clusters: ArrayLike, *, words: int = 4, least_texts: int = 1) -> dict[int, str]:
    """Name each cluster by its weightiest words, from `class_tfidf`.

    Parameters
    ----------
    texts, clusters, least_texts
        As of `class_tfidf`.
    words
        Words in each name.

    Examples
    --------
    >>> cluster_names(["Snow and frost.", "More snow.", "Rates rise.", "Higher rates."], [0, 0, 1, 1], words=1)
    {0: 'snow', 1: 'rates'}
    """
    weights, vocabulary, ids = class_tfidf(texts, clusters, least_texts=least_texts)
    order = np.argsort(-weights, axis=1, kind="stable")[:, :words]
    return {int(i): ", ".join(vocabulary[row]) for i, row in zip(ids, order, strict=True)}


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


def _no_map(points: ArrayLike) -> Floats:
    array = checked(points, "points")
    if array.shape[1] < 3:
        raise ValueError(
            f"points of {array.shape[1]} dimensions look like a map; cluster 5 to 15 principal components instead"
        )
    return array
