"""Exercises of lesson 09: class-based TF-IDF, and what a cluster holds too many of."""

import numpy as np
from numpy.typing import NDArray

from course.clusters import class_tfidf
from course.exercises.checking import Checks, Exercise, Mistake
from course.topics import over_representation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def word_weights(counts: Ints) -> Floats:
    """Class-based TF-IDF of a table (clusters, words) of counts."""
    words = [f"word{letter}" for letter in "abcdefgh"[: counts.shape[1]]]
    texts = [" ".join(np.repeat(words, row)) for row in counts]
    return class_tfidf(texts, np.arange(len(counts)))[0]


def residuals(counts: Ints) -> Floats:
    """Adjusted standardised residuals of a table (clusters, labels) of counts."""
    clusters, labels = (index.repeat(counts.ravel()) for index in np.indices(counts.shape).reshape(2, -1))
    table = over_representation(clusters, labels).pivot(index="cluster", columns="label", values="residual")
    return table.to_numpy(dtype=np.float64)


def _shares(counts: Ints) -> Floats:
    return counts / counts.sum(axis=1, keepdims=True)


def _expected(counts: Ints) -> Floats:
    return counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / counts.sum()


def _adjusted(counts: Ints, expected: Floats) -> Floats:
    row, column = counts.sum(1, keepdims=True) / counts.sum(), counts.sum(0, keepdims=True) / counts.sum()
    residual: Floats = (counts - expected) / np.sqrt(expected * (1 - row) * (1 - column))
    return residual


_COUNTS = np.array([[1, 2, 0], [1, 0, 1]])
_MORE = np.array([[4, 1, 0, 3], [2, 2, 5, 3], [0, 1, 1, 9]])
_TABLE = np.array([[12, 8, 10], [3, 15, 2]])

EXERCISES = (
    Exercise(
        "09",
        word_weights,
        {"snow and rates": (_COUNTS,), "three clusters, four words": (_MORE,)},
        "a word names a cluster that has more of it than the others",
        (
            Mistake(
                "counts of the cluster; divide by its number of words, or large clusters have large weights",
                lambda counts: counts * np.log(1 + counts.sum(1).mean() / counts.sum(0)),
            ),
            Mistake(
                "A is the number of words in all clusters together; take the mean of the clusters",
                lambda counts: _shares(counts) * np.log(1 + counts.sum() / counts.sum(0)),
            ),
            Mistake(
                "log(A / f) turns negative for common words; it is log(1 + A / f)",
                lambda counts: _shares(counts) * np.log(counts.sum(1).mean() / counts.sum(0)),
            ),
            Mistake(
                "the usual idf, by the number of clusters that have the word; here it is by how often it occurs",
                lambda counts: _shares(counts) * np.log(len(counts) / (counts > 0).sum(0)),
            ),
            Mistake(
                "shares of the word, summing to 1 over clusters; the share is of the cluster's words",
                lambda counts: counts / counts.sum(0) * np.log(1 + counts.sum(1).mean() / counts.sum(0)),
            ),
        ),
    ),
    Exercise(
        "09",
        residuals,
        {"two clusters, three regions": (_TABLE,), "three clusters, four labels": (_MORE + 1,)},
        "count minus expected, in units of what chance makes of it",
        (
            Mistake(
                "the difference alone; divide by its standard deviation",
                lambda counts: counts - _expected(counts),
            ),
            Mistake(
                "Pearson's residual: its spread is below 1; the factors (1 - row share) (1 - column share) are missing",
                lambda counts: (counts - _expected(counts)) / np.sqrt(_expected(counts)),
            ),
            Mistake(
                "expected shares beside counts: times the number of all sentences they are counts",
                lambda counts: _adjusted(counts, _expected(counts) / counts.sum()),
            ),
            Mistake(
                "relative to the expected count: a large cell and a small one are not comparable so",
                lambda counts: (counts - _expected(counts)) / _expected(counts),
            ),
            Mistake(
                "all cells are expected to be equal; the expected count is row total x column total / total",
                lambda counts: (counts - counts.mean()) / np.sqrt(counts.mean()),
            ),
        ),
    ),
)
check = Checks(EXERCISES)
