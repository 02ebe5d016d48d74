"""Clusters of embeddings and their names (lesson 09).

Clusters are found on principal components (5 to 15 of them) or on whole embeddings, never on a map of two
dimensions: a map tears and squeezes, and what looks like a cluster there may be none.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin

from course.geometry import Floats, Ids, checked, checked_labels
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


def _no_map(points: ArrayLike) -> Floats:
    array = checked(points, "points")
    if array.shape[1] < 3:
        raise ValueError(
            f"points of {array.shape[1]} dimensions look like a map; cluster 5 to 15 principal components instead"
        )
    return array
