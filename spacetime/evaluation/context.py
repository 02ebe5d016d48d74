"""How a model answers when the month and the region that it is given change.

**These numbers describe the model's response to its inputs, not the truth.** A curve that falls with the
months between says that the model moves a vector when its month moves; it doesn't say that the sentence
means something else then, nor that the model knows anything about that month. A vector with a code for the
month glued to it gives perfect curves. Whether the context is *used* is measured elsewhere (masked words,
contrast questions). Lesson 07 draws the decay table.
"""

from collections.abc import Sequence
from typing import NamedTuple

import datasets
import numpy as np
import pandas as pd

from spacetime.evaluation.sampling import (
    ContextEncoder,
    Floats,
    Ids,
    TooFewLabels,
    bootstrap_interval,
    draw_sample,
    encode_checked,
    label_ids,
)
from spacetime.inputs import as_annotated
from spacetime.training.objectives import rank_correlation

STEPS = (1, 3, 6, 12, 24, 36, 48, 60, 96, 144, 192, 240)
"""Months apart of the default decay grid; those that the encoder's range can hold are used."""


class Decay(NamedTuple):
    """What `decay` returns: a table to draw and the numbers that sum it up."""

    table: pd.DataFrame
    metrics: dict[str, float]


@as_annotated
def decay(
    encoder: ContextEncoder,
    dataset: datasets.Dataset,
    *,
    steps: Sequence[int] | None = None,
    max_sentences: int | None = 200,
    resamples: int = 1000,
    seed: int = 0,
    batch_size: int = 64,
) -> Decay:
    """Cosine of held-out sentences with themselves, the month moved by k, in the same and in another region.

    Each sentence is moved in one direction only, towards the end of the range that is farther from its month: so every
    sentence reaches every step up to half the range; longer steps are taken by the sentences near the ends. Its other
    region is drawn once.

    Parameters
    ----------
    steps
        Months apart, each from 1 to `len(encoder.months) - 1`. Default: those of `STEPS` that fit.
    max_sentences
        2 x (steps + 1) encodings each.

    Returns
    -------
    Decay
        `table` with columns months_apart, region ("same" or "other"), cosine (mean), low, high (95 % bootstrap
        interval by sentence), sentences. The row 0/same is 1.0 by construction. `metrics`:

        - `decay_falling_share`: share of steps between neighbouring k >= 1, sentence by sentence (same region), in
          which the cosine falls by more than 1e-6. 1.0 = every single curve is monotone.
        - `decay_falling_share_mean`: the same for the mean curve (each step over the sentences that make it).
        - `decay_spearman`: rank correlation of cosine with months apart, k >= 1, same region; -1 is a perfect decay, 0
          is no response at all.
        - `decay_cosine_nearest`, `decay_cosine_farthest`: mean cosine at the least and the greatest k, same region.
        - `region_gap`, `region_gap_low`, `region_gap_high`: 1 minus mean cosine in another region, same month, with its
          interval. With one region there are no "other" rows and no gap.
        - `decay_sentences`.

    Raises
    ------
    ValueError
        If the data are empty, lack a column, have labels outside the encoder's range, a step does not fit the range, or
        the encoder knows one month only (`TooFewLabels`).
    """
    last = len(encoder.months) - 1
    if last < 1:
        raise TooFewLabels(f"decay needs an encoder of at least 2 months; this one knows {encoder.months!r}")
    if steps is None:
        steps = [step for step in STEPS if step <= last]
    for step in steps:
        if not 1 <= step <= last:
            raise ValueError(f"step {step} does not fit the encoder's {last + 1} months; give steps from 1 to {last}")
    apart = np.array([0, *sorted(set(steps))], dtype=np.int64)
    if len(apart) < 2:
        raise ValueError("decay needs at least one step; give months apart such as [1, 6, 12]")

    sample = draw_sample(dataset, max_sentences=max_sentences, seed=seed)
    own_month, own_region = label_ids(encoder, sample)
    direction = np.where(2 * own_month <= last, 1, -1)
    moved = own_month[:, None] + direction[:, None] * apart  # (sentences, steps)
    fits = (moved >= 0) & (moved <= last)
    reached = np.asarray(fits.any(axis=0))
    if not reached[1:].any():
        raise ValueError(f"no sentence can be moved by {min(steps)} months inside the range; give shorter steps")

    anchor = encode_checked(encoder, sample.texts, sample.months, sample.regions, batch_size=batch_size)
    cosines = {}
    for name, region in {"same": own_region, "other": _other_ids(own_region, len(encoder.regions), seed)}.items():
        if region is None:
            continue
        cosine = cosines[name] = np.full(moved.shape, np.nan)
        for column in np.flatnonzero(reached):
            rows = np.flatnonzero(fits[:, column])
            months, regions = encoder.months.labels(moved[rows, column]), encoder.regions.labels(region[rows])
            texts = [sample.texts[row] for row in rows]
            vectors = encode_checked(encoder, texts, months.tolist(), regions.tolist(), batch_size=batch_size)
            cosine[rows, column] = (vectors * anchor[rows]).sum(axis=1)
    cosines = {name: cosine[:, reached] for name, cosine in cosines.items()}
    intervals = {name: bootstrap_interval(cosine, resamples=resamples, seed=seed) for name, cosine in cosines.items()}
    table = pd.concat(
        pd.DataFrame(
            {
                "months_apart": apart[reached],
                "region": name,
                "cosine": np.nanmean(cosine, axis=0),
                "low": intervals[name][0],
                "high": intervals[name][1],
                "sentences": fits[:, reached].sum(axis=0),
            }
        )
        for name, cosine in cosines.items()
    )
    metrics = _decay_metrics(cosines["same"][:, 1:], apart[reached][1:])
    if "other" in cosines:
        gap = 1.0 - cosines["other"][:, :1]
        low, high = bootstrap_interval(gap, resamples=resamples, seed=seed)
        metrics |= {"region_gap": float(gap.mean()), "region_gap_low": float(low[0]), "region_gap_high": float(high[0])}
    return Decay(table.reset_index(drop=True), metrics)


def _decay_metrics(cosine: Floats, apart: Ids) -> dict[str, float]:
    """The numbers of cosines (sentences, steps), NaN where a sentence doesn't make the step; without the step of 0."""
    known, change = ~np.isnan(cosine), np.diff(cosine, axis=1)
    made = ~np.isnan(change)
    metrics = {
        "decay_spearman": rank_correlation(cosine[known], np.broadcast_to(apart, cosine.shape)[known]),
        "decay_cosine_nearest": float(np.nanmean(cosine[:, 0])),
        "decay_cosine_farthest": float(np.nanmean(cosine[:, -1])),
        "decay_sentences": float(len(cosine)),
    }
    if made.any():  # with a single step there is no curve
        metrics["decay_falling_share"] = float((change[made] < -1e-6).mean())
        metrics["decay_falling_share_mean"] = float((np.nanmean(change, axis=0) < -1e-6).mean())
    return metrics


@as_annotated
def pair_response(
    encoder: ContextEncoder,
    dataset: datasets.Dataset,
    *,
    max_sentences: int | None = 500,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Explain cosines of *different* held-out sentences by meaning, months apart and region: one linear fit.

    `cosine with context = constant + meaning * cosine of text alone + year * years apart + other_region *
    (regions differ)`. As in `decay`, this is the model's response, not truth; here nothing holds by construction.

    Parameters
    ----------
    max_sentences
        All pairs of them are fitted.

    Returns
    -------
    dict
        `response_meaning` (1.0 for a model that ignores context), `response_year` (change of cosine a
        year apart), `response_other_region` (change of cosine if the regions differ), `response_r2`
        (share of the variance explained), `response_pairs`.

    Raises
    ------
    TooFewLabels
        If the sample holds one month or one region only, or fewer than four pairs.
    """
    sample = draw_sample(dataset, max_sentences=max_sentences, seed=seed)
    month, region = label_ids(encoder, sample)
    _need_two(month, "month", "the data set")
    _need_two(region, "region", "the data set")
    with_context = encode_checked(encoder, sample.texts, sample.months, sample.regions, batch_size=batch_size)
    alone = encode_checked(encoder, sample.texts, batch_size=batch_size)
    i, j = np.triu_indices(len(sample), k=1)
    text = np.array(sample.texts, dtype=object)
    i, j = i[text[i] != text[j]], j[text[i] != text[j]]
    if len(i) < 4:
        raise TooFewLabels(
            f"the fit over pairs needs at least 4 pairs of different sentences; the sample gives {len(i)}"
        )
    years = np.abs(month[i] - month[j]) / 12
    terms = np.column_stack([np.ones(len(i)), (alone @ alone.T)[i, j], years, region[i] != region[j]])
    cosine = (with_context @ with_context.T)[i, j]
    weights = np.linalg.lstsq(terms, cosine, rcond=None)[0]
    rest, spread = cosine - terms @ weights, cosine - cosine.mean()
    return {
        "response_meaning": float(weights[1]),
        "response_year": float(weights[2]),
        "response_other_region": float(weights[3]),
        "response_r2": float(1 - (rest @ rest) / max(spread @ spread, 1e-12)),
        "response_pairs": float(len(i)),
    }


@as_annotated
def probes(
    encoder: ContextEncoder,
    train: datasets.Dataset,
    test: datasets.Dataset,
    *,
    max_sentences: int | None = 2000,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Linear probes: can month and region be read off the pooled vector by a logistic regression?

    Two kinds of vector are probed: with context (the sentence's own month and region given: is the context
    *carried*?) and of the text alone (what the words and the backbone tell). Vectors are standardised on the
    training rows; the penalty is fixed (C = 0.01), not tuned. A month that the training rows lack can't be
    predicted and counts as wrong.

    Parameters
    ----------
    max_sentences
        Of each data set.

    Returns
    -------
    dict
        For each of `context` and `text`: `probe_region_accuracy_*`, `probe_month_accuracy_*`, `probe_month_error_*`
        (mean distance in months of the predicted from the true month); then the chance level `probe_region_chance`,
        `probe_month_chance` (always the most frequent label of train), `probe_month_error_chance` (always train's
        median month), and `probe_train`, `probe_test` (rows).

    Raises
    ------
    TooFewLabels
        If train holds one month or one region only.
    """
    fit_on = draw_sample(train, name="train", max_sentences=max_sentences, seed=seed)
    score_on = draw_sample(test, name="test", max_sentences=max_sentences, seed=seed)
    train_ids, test_ids = label_ids(encoder, fit_on), label_ids(encoder, score_on)
    labels = {"month": (train_ids[0], test_ids[0]), "region": (train_ids[1], test_ids[1])}
    for label, (known, _) in labels.items():
        _need_two(known, label, "train")
    metrics: dict[str, float] = {}
    for kind in ("context", "text"):
        x_train, x_test = (
            encode_checked(encoder, one.texts, one.months, one.regions, batch_size=batch_size)
            if kind == "context"
            else encode_checked(encoder, one.texts, batch_size=batch_size)
            for one in (fit_on, score_on)
        )
        for label, (y_train, y_test) in labels.items():
            predicted = _probe(x_train, y_train, x_test)
            metrics[f"probe_{label}_accuracy_{kind}"] = float((predicted == y_test).mean())
            if label == "month":
                metrics[f"probe_month_error_{kind}"] = float(np.abs(predicted - y_test).mean())
    for label, (y_train, y_test) in labels.items():
        metrics[f"probe_{label}_chance"] = float((y_test == np.bincount(y_train).argmax()).mean())
    from_median = np.abs(test_ids[0] - np.median(train_ids[0]))
    metrics["probe_month_error_chance"] = float(from_median.mean())
    return metrics | {"probe_train": float(len(fit_on)), "probe_test": float(len(score_on))}


def _probe(x_train: Floats, y_train: Ids, x_test: Floats) -> Ids:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    # 384 standardised dimensions separate 2,000 rows easily: a strong penalty keeps the probe from learning
    # the rows by heart, and makes the solver converge in few rounds.
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    with threadpool_limits(1, user_api="blas"):  # as in `TfidfLocator`
        return probe.fit(x_train, y_train).predict(x_test)


def _other_ids(own: Ids, count: int, seed: int) -> Ids | None:
    """Draw for each id another one of the same range, each with equal probability; None if there is no other."""
    if count < 2:
        return None
    return (own + np.random.default_rng(seed).integers(1, count, size=len(own))) % count


def _need_two(ids: Ids, label: str, where: str) -> None:
    if len(np.unique(ids)) < 2:
        raise TooFewLabels(
            f"{where} holds one {label} only in {len(ids)} usable rows; at least two are needed to tell {label}s apart"
        )
