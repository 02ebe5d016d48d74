"""How well month and region are inferred from the words alone, against TF-IDF on the same sentences.

Read these numbers with care:

- **Give-aways.** Where the region was *derived from place words in the text* (Wikipedia Current Events), finding the
  region means finding those words again: the score is circular. Hide the words with `mask`, or leave the sentences out
  with `exclude` (the almanac's columns names_month and names_place say whether a sentence names its month or place).
- **Balance.** One region may fill most of a corpus (US): look at the macro-averaged accuracy too, in which each region
  counts the same.
- A model trained without context dropout has always been told month and region; it can't be expected to infer them.

Inferring where and when a text was written touches privacy; see the model card for what it must not be used for.
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
    train, test
        What the baseline learns from, which should be what the encoder was trained on; and held-out rows.
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
    ValueError
        If a data set is empty or lacks a column, train holds one month or one region only (`TooFewLabels`), a label is
        unknown to the encoder, or a probability is not finite.
    """
    fit_on = draw_sample(train, name="train", need=(), mask=mask, max_sentences=max_train_sentences, seed=seed)
    limits: dict[str, Any] = {"max_sentences": max_sentences, "seed": seed}
    score_on = draw_sample(test, name="test", need=(), mask=mask, exclude=exclude, **limits)
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
    counts = {"test_region_rows": (region >= 0).sum(), "test_month_rows": (month >= 0).sum()}
    counts |= {f"test_{why}": score_on.left_out[why] for why in ("missing_month", "missing_region", "excluded")}
    return metrics | {name: float(count) for name, count in counts.items()} | {"train_rows": float(len(fit_on))}


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
        `region_accuracy`; `region_accuracy_macro` (mean over the regions that occur of the share found in each);
        `month_accuracy`; `month_error` and `month_error_median` (mean distance in months of the most probable month,
        and of the median month, from the true one; the median is the better guess where distance counts);
        `region_calibration` and `month_calibration` (expected calibration error, ten equal bins of the highest
        probability: mean gap between how sure the guess was and how often it was right). A label without any row has
        no scores.

    Examples
    --------
    >>> scores = location_scores([[0.2, 0.7, 0.1]], [[0.9, 0.1]], [2], [0])
    >>> scores["region_accuracy"], scores["month_accuracy"], scores["month_error"]
    (1.0, 0.0, 1.0)
    """
    scores: dict[str, float] = {}
    for label, probabilities, ids in (("region", regions, region_ids), ("month", months, month_ids)):
        known = np.asarray(ids) >= 0
        if not known.any():
            continue
        guess, true = np.asarray(probabilities, dtype=np.float64)[known], np.asarray(ids)[known]
        best = guess.argmax(axis=1)
        right = best == true
        scores[f"{label}_accuracy"] = float(right.mean())
        if label == "region":
            scores["region_accuracy_macro"] = float(np.mean([right[true == one].mean() for one in np.unique(true)]))
        else:
            median = (guess.cumsum(axis=1) >= 0.5 * guess.sum(axis=1, keepdims=True)).argmax(axis=1)
            scores["month_error"] = float(np.abs(best - true).mean())
            scores["month_error_median"] = float(np.abs(median - true).mean())
        scores[f"{label}_calibration"] = _calibration_error(guess.max(axis=1), right)
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
        """Learn from n texts and their ids, int arrays (n,); a negative id leaves the text out of that regression."""
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        self.ids_ = {"month": month_ids[month_ids >= 0], "region": region_ids[region_ids >= 0]}
        for name, ids in self.ids_.items():
            if len(np.unique(ids)) < 2:
                raise TooFewLabels(
                    f"train holds fewer than two {name}s in {len(texts)} rows; a baseline needs two to tell apart"
                )
        features = self._fit_features(texts)
        # tol 3e-4 (usually 1e-4) saves a third of the rounds with equal accuracies; 1e-3 costs accuracy.
        settings = {"C": self.penalty, "tol": 3e-4, "max_iter": 1000}
        # Many small products: here two threads took 3.4 times the processor time of one.
        with threadpool_limits(1, user_api="blas"):
            self.models_ = [
                LogisticRegression(**settings).fit(features[ids >= 0], ids[ids >= 0]) for ids in (month_ids, region_ids)
            ]
        return self

    def locate(self, texts: Sequence[str]) -> Location:
        """Infer probabilities over months (n, months) and over regions (n, regions)."""
        features = self._features(texts)
        found = []
        for model, count in zip(self.models_, (self.months, self.regions), strict=True):
            probabilities = np.zeros((len(texts), count), dtype=np.float32)
            probabilities[:, model.classes_] = model.predict_proba(features)
            found.append(probabilities)
        return Location(*found)

    def majority(self, count: int) -> Location:
        """Return the shares of months and of regions in training as `count` equal rows: a guess without the text."""
        sizes = {"month": self.months, "region": self.regions}
        shares = [np.bincount(ids, minlength=sizes[name]) / len(ids) for name, ids in self.ids_.items()]
        return Location(*(np.tile(share.astype(np.float32), (count, 1)) for share in shares))
