"""What an encoding of time and place does outside the months and regions it was trained in.

A model that knows months to 2021 may have been trained to 2020 only; one of its regions may have been left out. A
sinusoid, a calendar circle or a point on the globe then says *something* about the rest, a learned vector has stayed
where it started. As in :mod:`spacetime.evaluation.context`, these are responses of the model, measured against the
label that training aimed at, not truth.
"""

from collections.abc import Collection

import datasets
import numpy as np

from spacetime.encoder import SpaceTimeEncoder
from spacetime.evaluation.context import STEPS
from spacetime.evaluation.sampling import (
    ContextEncoder,
    Floats,
    Sample,
    draw_sample,
    encode_checked,
)
from spacetime.evaluation.similarity import pair_metrics
from spacetime.inputs import check_columns
from spacetime.months import MonthRange
from spacetime.training.objectives import rank_correlation
from spacetime.training.pairs import PairRecipe, build_pairs

MOST_REGIONS = 6
"""Trained regions that the region response looks at, drawn at random where there are more."""


def unseen_response(
    encoder: ContextEncoder,
    dataset: datasets.Dataset,
    trained_months: MonthRange,
    trained_regions: Collection[str],
    plain: SpaceTimeEncoder,
    *,
    recipe: PairRecipe | None = None,
    max_sentences: int = 400,
    pairs: int = 2000,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Compare a model's cosines inside and outside the months and regions that it was trained in.

    Parameters
    ----------
    encoder
        Its own range holds the unseen months and regions, too: a model trained to 2020 that knows 2021.
    dataset : datasets.Dataset
        Columns text, month, region: rows inside and outside, none of them trained on. Rows that lack a label are left
        out.
    trained_months : MonthRange
        Lies in the encoder's range; every other month of it is unseen.
    trained_regions : collection of str
        Every other region of the encoder is unseen.
    plain : SpaceTimeEncoder
        Gives the meaning part of the labels, as in training.
    recipe : PairRecipe, optional
        Of the labels and of the ways in which pairs are drawn; its kernels span the encoder's whole range.
    max_sentences : int
        Half of them inside, half outside, for months and for regions each; a quarter for each response.
    pairs : int
        Drawn from these sentences, for months and for regions each.

    Returns
    -------
    dict
        What nothing can be said about, as nothing is unseen or no such row is there, is left out.

        *Unseen months*, in trained regions:

        - ``unseen_month_spearman_trained``, ``_crossing``, ``_outside``: pair Spearman against the label where both
          months are trained, one, none; ``unseen_month_mae_*`` (mean absolute error) and ``unseen_month_pairs_*``.
          A random pair outside spans fewer months than one inside, so compare models, not only the three.
        - ``unseen_decay_K``: mean cosine of a sentence in the last trained month with itself K months later, so in
          an unseen one; ``trained_decay_K``: K months earlier, in a trained one; ``label_decay_K``: the label of both.
          A model that goes on as it was trained has the first two alike.
        - ``unseen_decay_falling_share``, ``trained_decay_falling_share``: share of steps, sentence by sentence, in
          which the cosine falls by more than 1e-6; ``unseen_decay_spearman``, ``trained_decay_spearman``: rank
          correlation of cosine with months apart (-1: falls always).

        *Unseen regions*, in trained months:

        - ``unseen_region_spearman_*``, ``unseen_region_mae_*``, ``unseen_region_pairs_*``: as for months.
        - ``unseen_region_cosine``, ``unseen_region_label``, ``unseen_region_error``: a sentence in an unseen region
          with itself in a trained one: mean cosine, mean label, and mean over the pairs of regions of the distance
          between the two. ``trained_region_*``: the same between trained regions.

    Raises
    ------
    ValueError
        If nothing is unseen, a trained label is unknown to the encoder, or the data hold no row to ask with.
    """
    check_columns(dataset, ["text", "month", "region"], "data set")
    recipe = recipe or PairRecipe(seed=seed)
    encoder.months.ids([trained_months.start, trained_months.end])  # refuses what the encoder does not know
    encoder.regions.ids(list(trained_regions))
    inside = {"month": set(trained_months), "region": set(trained_regions)}
    outside = {"month": set(encoder.months) - inside["month"], "region": set(encoder.regions) - inside["region"]}
    if not outside["month"] and not outside["region"]:
        raise ValueError(
            f"all of the encoder's months ({encoder.months!r}) and regions ({', '.join(encoder.regions)}) are trained; "
            "there is nothing unseen to ask about"
        )
    metrics: dict[str, float] = {}
    for label, other in (("month", "region"), ("region", "month")):
        if not outside[label]:
            continue
        values, others = dataset[label][:], dataset[other][:]
        rows = {
            name: [i for i, value in enumerate(values) if value in part and others[i] in inside[other]]
            for name, part in (("trained", inside[label]), ("unseen", outside[label]))
        }
        if not rows["trained"]:
            raise ValueError(f"the data set holds no row of a trained month and region to ask about unseen {label}s")
        random = np.random.default_rng(seed)
        chosen = [row for part in rows.values() for row in random.permutation(part)[: max_sentences // 2].tolist()]
        metrics |= _pair_response(
            encoder, dataset.select(sorted(map(int, chosen))), label, outside[label], plain, recipe, pairs, batch_size
        )
        sample = draw_sample(
            dataset.select(rows["trained"]), max_sentences=max(2, max_sentences // 4), seed=seed, name="trained rows"
        )
        if label == "month":
            metrics |= _decay_beyond(encoder, sample, trained_months, recipe, batch_size)
        else:
            regions = (inside["region"], outside["region"])
            metrics |= _region_response(encoder, sample, *regions, recipe, seed, batch_size)
    return metrics


def _pair_response(
    encoder: ContextEncoder,
    rows: datasets.Dataset,
    label: str,
    outside: set[str],
    plain: SpaceTimeEncoder,
    recipe: PairRecipe,
    count: int,
    batch_size: int,
) -> dict[str, float]:
    """Pair metrics by how many sides of a pair are unseen."""
    drawn = build_pairs(rows, plain, encoder.months, encoder.regions, recipe, count=count, show_progress=False)
    table = drawn.to_pandas()
    unseen_sides = table[f"{label}1"].isin(outside).astype(int) + table[f"{label}2"].isin(outside).astype(int)
    metrics: dict[str, float] = {}
    for sides, name in enumerate(("trained", "crossing", "outside")):
        group = table[unseen_sides == sides]
        metrics[f"unseen_{label}_pairs_{name}"] = float(len(group))
        if len(group) < 2 or group["label"].nunique() < 2:
            continue
        scores = pair_metrics(encoder, group.reset_index(drop=True), batch_size=batch_size)
        metrics[f"unseen_{label}_spearman_{name}"] = scores["pair_spearman"]
        metrics[f"unseen_{label}_mae_{name}"] = scores["pair_mae"]
    return metrics


def _decay_beyond(
    encoder: ContextEncoder, sample: Sample, trained: MonthRange, recipe: PairRecipe, batch_size: int
) -> dict[str, float]:
    """Cosine of sentences with themselves, from the last trained month into the unseen ones and back."""
    last = int(encoder.months.ids(trained.end))
    first = int(encoder.months.ids(trained.start))
    time = recipe.time_similarity(encoder.months)

    def vectors(month: int) -> Floats:
        months = [encoder.months.labels(month)] * len(sample)
        return encode_checked(encoder, sample.texts, months, sample.regions, batch_size=batch_size)

    anchor = vectors(last)
    metrics: dict[str, float] = {}
    for name, way, reach in (("unseen", 1, len(encoder.months) - 1 - last), ("trained", -1, last - first)):
        # Back into the trained months only so far as there are unseen ones to compare with.
        reach = min(reach, len(encoder.months) - 1 - last)
        apart = [step for step in STEPS if step <= reach]
        if not apart:
            continue
        cosine = np.stack([(vectors(last + way * step) * anchor).sum(axis=1) for step in apart], axis=1)
        for step, mean in zip(apart, cosine.mean(axis=0), strict=True):
            metrics[f"{name}_decay_{step}"] = float(mean)
            similar = time[last, last + way * step]
            metrics[f"label_decay_{step}"] = float(recipe.label(np.ones(1), np.array([similar]), np.ones(1))[0])
        metrics[f"{name}_decay_spearman"] = rank_correlation(cosine.ravel(), np.tile(apart, len(cosine)))
        if len(apart) > 1:
            metrics[f"{name}_decay_falling_share"] = float((np.diff(cosine, axis=1) < -1e-6).mean())
    return metrics


def _region_response(
    encoder: ContextEncoder,
    sample: Sample,
    inside: set[str],
    outside: set[str],
    recipe: PairRecipe,
    seed: int,
    batch_size: int,
) -> dict[str, float]:
    """Cosine of sentences with themselves in another region, from unseen to trained ones and among trained ones."""
    random = np.random.default_rng(seed)
    known = [sorted(inside)[i] for i in random.permutation(len(inside))[:MOST_REGIONS]]
    new = [sorted(outside)[i] for i in random.permutation(len(outside))[:MOST_REGIONS]]
    vectors = {
        region: encode_checked(encoder, sample.texts, sample.months, [region] * len(sample), batch_size=batch_size)
        for region in [*known, *new]
    }
    similarity = recipe.region_similarity(encoder.regions)
    metrics: dict[str, float] = {}
    for name, pairs in (
        ("unseen", [(a, b) for a in new for b in known]),
        ("trained", [(a, b) for i, a in enumerate(known) for b in known[:i]]),
    ):
        if not pairs:
            continue
        cosine = np.array([(vectors[a] * vectors[b]).sum(axis=1).mean() for a, b in pairs])
        similar = np.array([similarity[encoder.regions.ids(a), encoder.regions.ids(b)] for a, b in pairs])
        label = recipe.label(np.ones(len(pairs)), np.ones(len(pairs)), similar)
        metrics[f"{name}_region_cosine"] = float(cosine.mean())
        metrics[f"{name}_region_label"] = float(label.mean())
        metrics[f"{name}_region_error"] = float(np.abs(cosine - label).mean())
    return metrics
