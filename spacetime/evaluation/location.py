"""How well month and region are inferred from the words alone, against baselines on the same sentences:
TF-IDF, and if asked for the plain model's frozen vectors.

Read these numbers with care:

- **Give-aways.** Where the region was *derived from place words in the text* (Wikipedia Current Events),
  finding the region means finding those words again: the score is circular. Hide the words with ``mask``, or
  leave the sentences out with ``exclude`` (the almanac says in columns names_month and names_place whether a
  sentence names its month or place).
- **Balance.** One region may fill most of a corpus (US): look at the macro-averaged accuracy too, in which
  each region counts the same.
- A model trained without context dropout has always been told month and region; it can't be expected to
  infer them.

Inferring where and when a text was written touches privacy; see the model card for what it must not be used
for.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import datasets
import numpy as np

from spacetime.encoder import Location
from spacetime.evaluation.sampling import (
    Encodes,
    Floats,
    Ids,
    Locates,
    TooFewLabels,
    draw_sample,
    encode_checked,
    label_ids,
)


class Locator(Protocol):
    """A baseline: learns from texts with ids of months and regions, then infers these; see :class:`TfidfLocator`."""

    def fit(self, texts: Sequence[str], month_ids: Ids, region_ids: Ids) -> Any: ...

    def locate(self, texts: Sequence[str]) -> Location: ...


def locate_metrics(
    encoder: Locates,
    train: datasets.Dataset,
    test: datasets.Dataset,
    *,
    baselines: Mapping[str, Locator] | None = None,
    mask: Callable[[str], str] | None = None,
    exclude: str | Sequence[str] = (),
    max_sentences: int | None = None,
    max_train_sentences: int | None = 20_000,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Score ``encoder.locate`` on text alone against TF-IDF with logistic regression and the majority.

    Rows that lack a label are left out of that label's scores and counted.

    Parameters
    ----------
    train : datasets.Dataset
        Columns text, month, region: what the baselines learn from (it should be what the encoder was
        trained on).
    test : datasets.Dataset
        Held-out rows.
    baselines : mapping of name to :class:`Locator`, optional
        More baselines, fitted here on train; ``{"minilm": ProbeLocator(plain, months, regions)}`` adds a probe of the
        plain model's vectors. The name begins their numbers, so it may not be locate, tfidf or majority.
    mask : callable, optional
        ``mask(text) -> text`` hides give-aways, in test for all, in train for the baselines only. The
        encoder was trained on unmasked text, so this favours the baseline.
    exclude : str or sequence of str
        Columns of yes/no; test rows with a yes are left out.
    max_sentences, max_train_sentences : int, optional
        At most so many rows of test and of train, drawn with ``seed``. Fewer training rows than the encoder had weaken
        the baselines; 5,600 rows and 60 months take a quarter of a minute, 20,000 rows and 285 months minutes.

    Returns
    -------
    dict
        For each of ``locate`` (the encoder), ``tfidf``, ``majority`` and the names in `baselines`:
        ``*_region_accuracy``, ``*_region_accuracy_macro``, ``*_month_accuracy``, ``*_month_error`` (of the most
        probable month),
        ``*_month_error_median`` (of the median of the distribution over months; both in months),
        ``*_region_calibration``, ``*_month_calibration`` (expected calibration error), as
        :func:`location_scores` defines them. Then ``test_region_rows``, ``test_month_rows``,
        ``test_missing_month``, ``test_missing_region``, ``test_excluded``, ``train_rows``.

    Raises
    ------
    TooFewLabels (a ValueError)
        If train holds one month or one region only.
    ValueError
        If a data set is empty or lacks a column, a label is unknown to the encoder, or a baseline has a name taken.
    """
    for taken in {"locate", "tfidf", "majority"} & set(baselines or ()):
        raise ValueError(f"a baseline may not be called {taken!r}, which is always scored; give it another name")
    fit_on = draw_sample(train, name="train", need=(), mask=mask, max_sentences=max_train_sentences, seed=seed)
    score_on = draw_sample(
        test, name="test", need=(), mask=mask, exclude=exclude, max_sentences=max_sentences, seed=seed
    )
    month, region = label_ids(encoder, score_on)
    known = label_ids(encoder, fit_on)
    tfidf = TfidfLocator(len(encoder.months), len(encoder.regions)).fit(fit_on.texts, *known)
    guesses = {
        "locate": encoder.locate(score_on.texts, batch_size=batch_size),
        "tfidf": tfidf.locate(score_on.texts),
        "majority": tfidf.majority(len(score_on)),
    }
    for name, baseline in (baselines or {}).items():
        baseline.fit(fit_on.texts, *known)
        guesses[name] = baseline.locate(score_on.texts)
    metrics: dict[str, float] = {}
    for name, location in guesses.items():
        months, regions = location.month_probabilities, location.region_probabilities
        if not (np.isfinite(months).all() and np.isfinite(regions).all()):
            who = "encoder.locate" if name == "locate" else f"baseline {name}"
            raise ValueError(f"{who} gave NaN or infinite probabilities; did its training diverge?")
        metrics |= {f"{name}_{key}": value for key, value in location_scores(months, regions, month, region).items()}
    return metrics | {
        "test_region_rows": float((region >= 0).sum()),
        "test_month_rows": float((month >= 0).sum()),
        "test_missing_month": float(score_on.left_out["missing_month"]),
        "test_missing_region": float(score_on.left_out["missing_region"]),
        "test_excluded": float(score_on.left_out["excluded"]),
        "train_rows": float(len(fit_on)),
    }


def location_scores(months: Any, regions: Any, month_ids: Any, region_ids: Any) -> dict[str, float]:
    """Score probabilities over months and regions against the true ids, without rows whose id is negative.

    Parameters
    ----------
    months : array, shape (n, number of months)
    regions : array, shape (n, number of regions)
        Rows of probabilities.
    month_ids, region_ids : int arrays, shape (n,)
        True ids, ``-1`` where missing.

    Returns
    -------
    dict
        ``region_accuracy``; ``region_accuracy_macro`` (mean over the regions that occur of the share found
        in each); ``month_accuracy``; ``month_error`` and ``month_error_median`` (mean distance in months of
        the most probable month, and of the median month, from the true one; the median is the better guess
        where distance counts); ``region_calibration`` and ``month_calibration`` (expected calibration error,
        ten equal bins of the highest probability: mean gap between how sure the guess was and how often it
        was right). A label without any row has no scores.

    Examples
    --------
    >>> scores = location_scores([[0.2, 0.7, 0.1]], [[0.9, 0.1]], [2], [0])
    >>> scores["region_accuracy"], scores["month_accuracy"], scores["month_error"]
    (1.0, 0.0, 1.0)
    """
    scores: dict[str, float] = {}
    true = np.asarray(region_ids)
    known = true >= 0
    if known.any():
        guess, true = np.asarray(regions, dtype=np.float64)[known], true[known]
        right = guess.argmax(axis=1) == true
        scores["region_accuracy"] = float(right.mean())
        found = [right[true == region].mean() for region in np.unique(true)]
        scores["region_accuracy_macro"] = float(np.mean(found))
        scores["region_calibration"] = _calibration_error(guess.max(axis=1), right)
    true = np.asarray(month_ids)
    known = true >= 0
    if known.any():
        guess, true = np.asarray(months, dtype=np.float64)[known], true[known]
        best = guess.argmax(axis=1)
        median = (guess.cumsum(axis=1) >= 0.5 * guess.sum(axis=1, keepdims=True)).argmax(axis=1)
        scores["month_accuracy"] = float((best == true).mean())
        scores["month_error"] = float(np.abs(best - true).mean())
        scores["month_error_median"] = float(np.abs(median - true).mean())
        scores["month_calibration"] = _calibration_error(guess.max(axis=1), best == true)
    return scores


def _calibration_error(confidence: Floats, right: Any) -> float:
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [abs(confidence[bins == b].sum() - right[bins == b].sum()) for b in np.unique(bins)]
    return float(np.sum(gaps) / len(confidence))


class _LinearLocator(ABC):
    """Two logistic regressions on features of a text, one for months and one for regions."""

    def __init__(self, months: int, regions: int, *, penalty: float):
        self.months, self.regions, self.penalty = months, regions, penalty

    @abstractmethod
    def _fit_features(self, texts: Sequence[str]) -> Any:
        """Learn the features from training texts and return them, shape (n, features)."""

    @abstractmethod
    def _features(self, texts: Sequence[str]) -> Any:
        """Return the features of any texts, shape (n, features)."""

    def fit(self, texts: Sequence[str], month_ids: Ids, region_ids: Ids) -> Self:
        """Learn from texts and their ids; a negative id is a missing label: that label leaves the text out."""
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        for name, ids in (("month", month_ids), ("region", region_ids)):
            if len(np.unique(ids[ids >= 0])) < 2:
                raise TooFewLabels(
                    f"train holds fewer than two {name}s in {len(ids)} rows; a baseline needs two to tell apart"
                )
        features = self._fit_features(texts)
        month_known, region_known = month_ids >= 0, region_ids >= 0
        self.month_ids_, self.region_ids_ = month_ids[month_known], region_ids[region_known]
        # tol 3e-4 (usually 1e-4) saves a third of the rounds with equal accuracies; 1e-3 costs accuracy.
        settings = {"C": self.penalty, "tol": 3e-4, "max_iter": 1000}
        # Many small products: here two threads took 3.4 times the processor time of one.
        with threadpool_limits(1, user_api="blas"):
            self.month_model_ = LogisticRegression(**settings).fit(features[month_known], self.month_ids_)
            self.region_model_ = LogisticRegression(**settings).fit(features[region_known], self.region_ids_)
        return self

    def locate(self, texts: Sequence[str]) -> Location:
        """Return probabilities over months, shape (n, months), and over regions, shape (n, regions)."""
        features = self._features(texts)
        months = np.zeros((len(texts), self.months), dtype=np.float32)
        regions = np.zeros((len(texts), self.regions), dtype=np.float32)
        months[:, self.month_model_.classes_] = self.month_model_.predict_proba(features)
        regions[:, self.region_model_.classes_] = self.region_model_.predict_proba(features)
        return Location(months, regions)

    def majority(self, count: int) -> Location:
        """Return the shares of months and of regions in training, ``count`` times: a guess without the text."""
        months = np.bincount(self.month_ids_, minlength=self.months) / len(self.month_ids_)
        regions = np.bincount(self.region_ids_, minlength=self.regions) / len(self.region_ids_)
        return Location(np.tile(months.astype(np.float32), (count, 1)), np.tile(regions.astype(np.float32), (count, 1)))


class TfidfLocator(_LinearLocator):
    """The baseline: TF-IDF of words and word pairs, one logistic regression for months and one for regions.

    Parameters
    ----------
    months, regions : int
        Number of months and of regions; months and regions that training lacks get probability 0.
    penalty : float
        Inverse strength of the L2 penalty (scikit-learn's C). Of 1, 3, 10, 30 and 100, the default is within .006 of
        the best accuracies on one split by date of Wikipedia Current Events: picked in the baseline's favour.
    """

    def __init__(self, months: int, regions: int, *, penalty: float = 30.0):
        super().__init__(months, regions, penalty=penalty)

    def _fit_features(self, texts: Sequence[str]) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        # A word pair seen once can't be learned from; with them all, 60 months would have millions of weights.
        least = 2 if len(texts) >= 1000 else 1
        self.vectorizer_ = TfidfVectorizer(
            ngram_range=(1, 2), min_df=least, max_features=50_000, sublinear_tf=True, dtype=np.float32
        )
        return self.vectorizer_.fit_transform(texts)

    def _features(self, texts: Sequence[str]) -> Any:
        return self.vectorizer_.transform(texts)


class ProbeLocator(_LinearLocator):
    """A probe of a frozen encoder: the same two logistic regressions on its standardised vectors.

    With the plain all-MiniLM-L6-v2 it shows what a text's vector tells of month and region before any training with
    them: more than TF-IDF, and the encoder needs no context; less, and the words were lost in the vector.

    Parameters
    ----------
    plain : object with ``encode``
        Called with texts alone.
    months, regions : int
        Number of months and of regions; months and regions that training lacks get probability 0.
    penalty : float
        Inverse strength of the L2 penalty (scikit-learn's C). Tuned once, on one split by date of Wikipedia
        Current Events (four regions, 2017-2021): of .0003, .001, .003, .01, .03, .1 and 1 the default has the best
        region accuracies and the least error of the median month on validation. A weaker penalty finds no more
        months (.046 of 174 rows; .052 at .1) and loses calibration.
    batch_size : int
        Sentences that `plain` encodes a step.
    """

    def __init__(self, plain: Encodes, months: int, regions: int, *, penalty: float = 0.01, batch_size: int = 64):
        super().__init__(months, regions, penalty=penalty)
        self.plain, self.batch_size = plain, batch_size

    def _fit_features(self, texts: Sequence[str]) -> Any:
        from sklearn.preprocessing import StandardScaler

        vectors = encode_checked(self.plain, texts, batch_size=self.batch_size)
        self.scaler_ = StandardScaler().fit(vectors)
        return self.scaler_.transform(vectors)

    def _features(self, texts: Sequence[str]) -> Any:
        return self.scaler_.transform(encode_checked(self.plain, texts, batch_size=self.batch_size))
