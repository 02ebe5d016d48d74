"""How well month and region are inferred from the words alone, against TF-IDF on the same sentences.

Read these numbers with care:

- **Give-aways.** Where the region was *derived from place words in the text* (Wikipedia Current Events),
  finding the region means finding those words again: the score is circular. Hide the words with `mask`, or
  leave the sentences out with `exclude` (the almanac's columns names_month and names_place say whether a
  sentence names its month or place).
- **Balance.** One region may fill most of a corpus (US): look at the macro-averaged accuracy too, in which
  each region counts the same.
- A model trained without context dropout has always been told month and region; it can't be expected to
  infer them.

Inferring where and when a text was written touches privacy; see the model card for what it must not be used
for.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import datasets
import numpy as np

from spacetime.encoder import Location
from spacetime.evaluation.sampling import Floats, Ids, Locates, TooFewLabels, draw_sample, label_ids
from spacetime.inputs import as_annotated


@as_annotated
def locate_metrics(
    encoder: Locates,
    train: datasets.Dataset,
    test: datasets.Dataset,
    *,
    mask: Callable[[str], str] | None = None,
    exclude: str | Sequence[str] = (),
    max_sentences: int | None = None,
    max_train_sentences: int | None = 20_000,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Score `encoder.locate` on text alone against TF-IDF with logistic regression and the majority.

    Rows that lack a label are left out of that label's scores and counted.

    Parameters
    ----------
    train
        What the baseline learns from; it should be what the encoder was trained on.
    test
        Held-out rows.
    mask
        `mask(text) -> text` hides give-aways, in test for all, in train for the baseline only. The encoder was
        trained on unmasked text, so this favours the baseline.
    exclude
        Columns of yes/no; test rows with a yes are left out.
    max_sentences, max_train_sentences
        At most so many rows of test and of train, drawn with `seed`. Fewer training rows than the encoder had weaken
        the baseline; 5,600 rows and 60 months take a quarter of a minute, 20,000 rows and 285 months minutes.

    Returns
    -------
    dict
        The numbers of `location_scores` for `locate` (the encoder), `tfidf` and `majority`, such as
        `tfidf_month_error` (months). Then `test_region_rows`, `test_month_rows`, `test_missing_month`,
        `test_missing_region`, `test_excluded`, `train_rows`.

    Raises
    ------
    TooFewLabels (a ValueError)
        If train holds one month or one region only.
    ValueError
        If a data set is empty or lacks a column, a label is unknown to the encoder, or a probability is not finite.
    """
    fit_on = draw_sample(train, name="train", need=(), mask=mask, max_sentences=max_train_sentences, seed=seed)
    score_on = draw_sample(
        test, name="test", need=(), mask=mask, exclude=exclude, max_sentences=max_sentences, seed=seed
    )
    month, region = label_ids(encoder, score_on)
    tfidf = TfidfLocator(len(encoder.months), len(encoder.regions)).fit(fit_on.texts, *label_ids(encoder, fit_on))
    guesses = {
        "locate": encoder.locate(score_on.texts, batch_size=batch_size),
        "tfidf": tfidf.locate(score_on.texts),
        "majority": tfidf.majority(len(score_on)),
    }
    metrics: dict[str, float] = {}
    for name, location in guesses.items():
        months, regions = location.month_probabilities, location.region_probabilities
        if not (np.isfinite(months).all() and np.isfinite(regions).all()):
            raise ValueError(f"{name} gave NaN or infinite probabilities; did the encoder's training diverge?")
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
    months, regions : arrays (n, number of months), (n, number of regions)
        Rows of probabilities.
    month_ids, region_ids : int arrays (n,)
        True ids, -1 where missing.

    Returns
    -------
    dict
        `region_accuracy`; `region_accuracy_macro` (mean over the regions that occur of the share found
        in each); `month_accuracy`; `month_error` and `month_error_median` (mean distance in months of
        the most probable month, and of the median month, from the true one; the median is the better guess
        where distance counts); `region_calibration` and `month_calibration` (expected calibration error,
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


class TfidfLocator:
    """The baseline: TF-IDF of words and word pairs, one logistic regression for months and one for regions.

    Parameters
    ----------
    months, regions
        Number of months and of regions; months and regions that training lacks get probability 0.
    penalty
        Inverse strength of the L2 penalty (scikit-learn's C). Of 1, 3, 10, 30 and 100, the default is within .006 of
        the best accuracies on one split by date of Wikipedia Current Events: picked in the baseline's favour.
    """

    def __init__(self, months: int, regions: int, *, penalty: float = 30.0):
        self.months, self.regions, self.penalty = months, regions, penalty

    def _fit_features(self, texts: Sequence[str]) -> Any:
        """Learn the features from training texts and return them, (n, features)."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        # A word pair seen once can't be learned from; with them all, 60 months would have millions of weights.
        least = 2 if len(texts) >= 1000 else 1
        self.vectorizer_ = TfidfVectorizer(
            ngram_range=(1, 2), min_df=least, max_features=50_000, sublinear_tf=True, dtype=np.float32
        )
        return self.vectorizer_.fit_transform(texts)

    def _features(self, texts: Sequence[str]) -> Any:
        """The features of any texts, (n, features)."""
        return self.vectorizer_.transform(texts)

    def fit(self, texts: Sequence[str], month_ids: Ids, region_ids: Ids) -> Self:
        """Learn from texts; returns self.

        Parameters
        ----------
        texts
            n sentences.
        month_ids, region_ids : int arrays (n,)
            A negative id is a missing label, which leaves the text out of that label's regression.
        """
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
        """Infer month and region.

        Parameters
        ----------
        texts
            n sentences.

        Returns
        -------
        Location
            Probabilities over months (n, months) and over regions (n, regions).
        """
        features = self._features(texts)
        months = np.zeros((len(texts), self.months), dtype=np.float32)
        regions = np.zeros((len(texts), self.regions), dtype=np.float32)
        months[:, self.month_model_.classes_] = self.month_model_.predict_proba(features)
        regions[:, self.region_model_.classes_] = self.region_model_.predict_proba(features)
        return Location(months, regions)

    def majority(self, count: int) -> Location:
        """Return the shares of months and of regions in training as `count` equal rows: a guess without the text.

        Parameters
        ----------
        count
            Rows.
        """
        months = np.bincount(self.month_ids_, minlength=self.months) / len(self.month_ids_)
        regions = np.bincount(self.region_ids_, minlength=self.regions) / len(self.region_ids_)
        return Location(np.tile(months.astype(np.float32), (count, 1)), np.tile(regions.astype(np.float32), (count, 1)))
