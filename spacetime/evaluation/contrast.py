"""Meaning in context: does a model know *which* month the words fit here?

The almanac holds texts that stand word for word in every month and region where they are true, and in no other: "It
is the first month of summer here." is true of June in the north and of December in Australia. So neither the words
nor the month nor the region alone can tell right from wrong, only all three together. Each question shows one text in
one region with two months, a right one and one that would be right elsewhere.

What a model cannot do whose text, month and region are only added up (late fusion), shown in
:func:`contrast_by_embedding`, is the reason to ask. A label that is a sum of meaning, time and place is no reason.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from itertools import combinations
from typing import Any, NamedTuple

import datasets
import numpy as np
import pandas as pd
import torch

from spacetime.encoder import SpaceTimeEncoder, pad
from spacetime.evaluation.sampling import (
    ContextEncoder,
    Floats,
    check_columns,
    encode_checked,
)

TIE = 1e-6
"""Cosines that differ by less are equal: float32 rounds them about so far."""
TIE_NATS = 1e-4
"""Log-likelihoods that differ by less are equal: sums of some twenty float32 numbers of a few nats each."""


class ContrastAnswers(NamedTuple):
    """What :func:`contrast_by_embedding` and :func:`contrast_by_masked_words` return.

    ``questions`` is the questions' table with two more columns: preference (of the right over the wrong month) and
    score (1 right, .5 tied, 0 wrong). ``table`` has a row a contrast text: contrast, text, questions, accuracy, ties,
    pairs, both_right (NaN without a mirrored pair). ``metrics`` sums up, with names that begin with
    ``contrast_embedding_`` or ``contrast_words_``:

    - ``accuracy``, ``accuracy_low``, ``accuracy_high``: mean score over the questions, with its 95 % bootstrap
      interval by contrast text. Guessing gives .5, and so does a model whose preferred month is the same everywhere.
    - ``both_right``, ``both_right_low``, ``both_right_high``: over mirrored pairs, both questions right (a tie counts
      .5 of a question, so two ties .25: what guessing gives).
    - ``four_right``: over two mirrored pairs with opposite answers ("summer" and "winter", the same two months and
      regions), all four right. 0 for additive vectors, see :func:`contrast_by_embedding`; guessing gives .06.
    - ``ties``: share of the questions.
    - ``questions``, ``pairs``, ``fours``, ``texts``: how many.
    """

    questions: pd.DataFrame
    table: pd.DataFrame
    metrics: dict[str, float]


# ------------------------------------------------------------------------------------------------- questions


def contrast_questions(
    dataset: datasets.Dataset, *, years: Collection[int] | None = None, rows: datasets.Dataset | None = None
) -> pd.DataFrame:
    """Ask, for each contrast text and region, which of two months is right: the one here or the one elsewhere.

    Where a text is true in month m here, and in the same year in month m2 in another region but not in m2 here, it is
    a question. What is true is read off the data set's own rows, so these must be *all* rows of the corpus: a truth
    that is missing because its split or year was left out would be asked as if it were false.

    Parameters
    ----------
    dataset : datasets.Dataset
        Columns text, month, region, contrast; rows with an empty contrast are not used. The whole almanac.
    years : collection of int, optional
        Ask about these years only.
    rows : datasets.Dataset, optional
        Ask only where (text, right month, region) is one of these rows: what a split holds out, for example.

    Returns
    -------
    DataFrame
        Columns text, contrast, region, year, right, wrong, other_region and mirror. The question that asks the other
        region with right and wrong exchanged has the same number in mirror; if the text is true of both months
        there, there is no such question. AUS against UK, US and CAN may be three questions with one and the same
        comparison on the side of AUS: so each side of a mirrored pair counts the same.

    Raises
    ------
    ValueError
        If a column is missing, or nothing can be asked.
    """
    needed = ["text", "month", "region", "contrast"]
    check_columns(dataset, needed, "contrast data")
    table = dataset.select_columns(needed).to_pandas()
    table = table[table["contrast"].notna() & (table["contrast"] != "")]
    asked = None
    if rows is not None:
        check_columns(rows, needed[:3], "rows to ask about")
        asked = set(zip(rows["text"][:], rows["month"][:], rows["region"][:], strict=True))
    found: list[tuple[Any, ...]] = []
    mirrors: dict[tuple[Any, ...], int] = {}
    years_of_rows = table["month"].str[:4].astype(int)
    for (text, contrast, year), same_text in table.groupby(["text", "contrast", years_of_rows], sort=False):
        true = sorted(set(zip(same_text["month"], same_text["region"], strict=True)))
        if years is not None and year not in years:
            continue
        for right, region in true:
            for wrong, other in true:
                if region == other or (wrong, region) in true:
                    continue
                if asked is not None and (text, right, region) not in asked:
                    continue
                sides = (text, year, *sorted([(region, right), (other, wrong)]))
                mirror = mirrors.setdefault(sides, len(mirrors))
                found.append((text, contrast, region, year, right, wrong, other, mirror))
    if not found:
        known = ", ".join(map(str, sorted(set(years_of_rows)))) or "none"
        raise ValueError(
            f"no contrast question can be asked of {len(table)} contrast rows (years {known}) with years={years}"
            f"{'' if rows is None else f' and {len(rows)} rows to ask about'}; a question needs one text that is "
            "true in different months of a year in two regions"
        )
    return pd.DataFrame(
        found, columns=["text", "contrast", "region", "year", "right", "wrong", "other_region", "mirror"]
    )


# --------------------------------------------------------------------------------------------------- answers


def contrast_by_embedding(
    encoder: ContextEncoder, questions: pd.DataFrame, *, resamples: int = 1000, seed: int = 0, batch_size: int = 64
) -> ContrastAnswers:
    """Answer by cosine: is the sentence, its month untold, nearer to itself in the right month than in the wrong one?

    Right if cos(e(x | region), e(x | right, region)) is above cos(e(x | region), e(x | wrong, region)) by more than
    :data:`TIE`; a smaller difference either way is a tie and counts one half.

    Parameters
    ----------
    questions : DataFrame
        From :func:`contrast_questions`.
    resamples, seed
        Of the bootstrap by contrast text.

    Notes
    -----
    **Concatenation** of text, month and region codes of constant length ties everywhere: the month's block of
    e(x | region) is empty, so both cosines are the same.

    **Adding** has a limit. Let e(x | m, r) = x + t_m + s_r, and e(x | r) = x + s_r. The dot product then prefers
    month J to month D by

        p(x, r) = (x + s_r) . (t_J - t_D) = a(x) + b(r),

    a number of the text plus a number of the region. Take "summer" and "winter", in the north N and the south S. All
    four right would need p(summer, N) > 0 > p(summer, S), so b(N) > b(S), and p(winter, N) < 0 < p(winter, S), so
    b(N) < b(S). So at most three of four such questions and one of two such mirrored pairs are right, whatever the
    vectors are: ``four_right`` is 0. That is exclusive or, which no sum can compute. The same holds for cosines if a
    month does not change a vector's length. If it does, dividing by the length adds a term in which text, month and
    region do meet (for short t it is quadratic in x + s_r), so a late fusion that is normalised, as ours is, has
    no such limit by proof: what it reaches has to be measured.
    """
    check_columns(questions, ["text", "region", "right", "wrong", "mirror", "contrast"], "contrast questions")

    def cosines(texts: list[str], months: list[str], regions: list[str]) -> Floats:
        # Each sentence has one anchor a region, but stands in many months.
        anchors = sorted(set(zip(texts, regions, strict=True)))
        alone = encode_checked(
            encoder,
            [text for text, _ in anchors],
            [None] * len(anchors),
            [region for _, region in anchors],
            batch_size=batch_size,
        )
        number = {anchor: i for i, anchor in enumerate(anchors)}
        told = encode_checked(encoder, texts, months, regions, batch_size=batch_size)
        which = [number[anchor] for anchor in zip(texts, regions, strict=True)]
        cosine: Floats = (told * alone[which]).sum(axis=1)
        return cosine

    return _answer(questions, cosines, TIE, "contrast_embedding", resamples, seed)


def contrast_by_masked_words(
    encoder: SpaceTimeEncoder, questions: pd.DataFrame, *, resamples: int = 1000, seed: int = 0, batch_size: int = 128
) -> ContrastAnswers:
    """Answer by masked-LM: are the words likelier under the right month than under the wrong one, region given?

    The sentence's pseudo-log-likelihood (Salazar et al. 2020, "Masked Language Model Scoring") is the sum over its
    word pieces of the log probability of each one, it alone being masked. Needs a masked-LM head that was trained
    (stage 1): an untrained one answers at random. Differences below :data:`TIE_NATS` are ties.

    Parameters
    ----------
    questions : DataFrame
        From :func:`contrast_questions`.
    batch_size : int
        Masked sentences a step. Runs in bfloat16 where ``encoder.precision`` says so.
    """
    check_columns(questions, ["text", "region", "right", "wrong", "mirror", "contrast"], "contrast questions")
    return _answer(
        questions,
        lambda texts, months, regions: pseudo_log_likelihood(encoder, texts, months, regions, batch_size=batch_size),
        TIE_NATS,
        "contrast_words",
        resamples,
        seed,
    )


@torch.inference_mode()
def pseudo_log_likelihood(
    encoder: SpaceTimeEncoder,
    texts: Sequence[str],
    months: Sequence[str | None],
    regions: Sequence[str | None],
    *,
    batch_size: int = 128,
) -> Floats:
    """Sum, over a text's word pieces, of the log probability of each one when it alone is masked, in nats, (n,)."""
    pieces = encoder.word_pieces(texts)
    month_ids, region_ids = encoder.months.ids(list(months)), encoder.regions.ids(list(regions))
    # One row for each word piece between [CLS] and [SEP]; of like length, so that little is padded.
    masked = [(row, place) for row, ids in enumerate(pieces) for place in range(1, len(ids) - 1)]
    masked.sort(key=lambda item: -len(pieces[item[0]]))
    total = np.zeros(len(pieces))
    half = getattr(encoder, "precision", "float32") == "bfloat16"
    for start in range(0, len(masked), batch_size):
        rows, places = (np.array(part) for part in zip(*masked[start : start + batch_size], strict=True))
        input_ids, attention_mask = pad([pieces[row] for row in rows], encoder.tokenizer.pad_token_id)
        positions = torch.zeros(input_ids.shape, dtype=torch.bool)
        positions[torch.arange(len(rows)), torch.from_numpy(places)] = True
        words = input_ids[positions]  # (batch,): one a row
        batch = {
            "input_ids": input_ids.masked_fill(positions, encoder.tokenizer.mask_token_id),
            "attention_mask": attention_mask,
            "month_ids": torch.from_numpy(month_ids[rows]),
            "region_ids": torch.from_numpy(region_ids[rows]),
            "masked_positions": positions,
        }
        with torch.autocast(encoder.device.type, torch.bfloat16) if half else nullcontext():
            output = encoder.model(**{name: tensor.to(encoder.device) for name, tensor in batch.items()})
        log_probability = output.mlm_logits.float().log_softmax(-1).cpu()
        np.add.at(total, rows, log_probability[torch.arange(len(rows)), words].double().numpy())
    if not np.isfinite(total).all():
        raise ValueError("the encoder gave NaN or infinite word probabilities; did its training diverge?")
    return total


def _answer(
    questions: pd.DataFrame,
    value_of: Callable[[list[str], list[str], list[str]], Floats],
    tie: float,
    name: str,
    resamples: int,
    seed: int,
) -> ContrastAnswers:
    """Score questions by a value of (text, month, region), which is asked for once each."""
    cells = sorted(
        {(row.text, month, row.region) for row in questions.itertuples() for month in (row.right, row.wrong)}
    )
    texts, months, regions = (list(part) for part in zip(*cells, strict=True))
    value = dict(zip(cells, value_of(texts, months, regions), strict=True))
    preference = np.array(
        [value[q.text, q.right, q.region] - value[q.text, q.wrong, q.region] for q in questions.itertuples()]
    )
    answered = questions.assign(
        preference=preference, score=np.where(np.abs(preference) < tie, 0.5, (preference > 0).astype(float))
    )
    pairs = _mirrored_pairs(answered)
    fours = _four_right(pairs)
    by_text = _by_text(answered, pairs)
    metrics: dict[str, float] = {}
    for key, part, score in (("accuracy", answered, "score"), ("both_right", pairs, "both_right")):
        if len(part):
            low, high = _interval_by_text(part[score], part["text"], resamples, seed)
            metrics |= {key: float(part[score].mean()), f"{key}_low": low, f"{key}_high": high}
    if len(fours):
        metrics["four_right"] = float(fours.mean())
    metrics |= {
        "ties": float((answered["score"] == 0.5).mean()),
        "questions": float(len(answered)),
        "pairs": float(len(pairs)),
        "fours": float(len(fours)),
        "texts": float(len(by_text)),
    }
    return ContrastAnswers(answered, by_text, {f"{name}_{key}": number for key, number in metrics.items()})


def _mirrored_pairs(answered: pd.DataFrame) -> pd.DataFrame:
    """One row for each question whose mirror image was asked, too, seen from the region that comes first."""
    first = answered[answered["region"] < answered["other_region"]]
    second = answered.loc[answered["region"] > answered["other_region"], ["mirror", "score"]]
    pairs = first.merge(second, on="mirror", suffixes=("", "_mirror"), validate="one_to_one")
    return pairs.assign(both_right=pairs["score"] * pairs["score_mirror"])


def _four_right(pairs: pd.DataFrame) -> Floats:
    """For every two mirrored pairs of the same regions and months with opposite answers: are all four right?"""
    together = []
    for _, one in pairs.groupby(["region", "other_region", pairs[["right", "wrong"]].min(axis=1), "year"]):
        for (_, a), (_, b) in combinations(one.iterrows(), 2):
            if (a["right"], a["wrong"]) == (b["wrong"], b["right"]):
                together.append(a["both_right"] * b["both_right"])
    return np.array(together, dtype=np.float64)


def _by_text(answered: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    by = answered.groupby(["contrast", "text"], sort=False)["score"]
    table = by.agg(questions="size", accuracy="mean", ties=lambda score: (score == 0.5).mean()).reset_index()
    of_pairs = pairs.groupby("text")["both_right"].agg(pairs="size", both_right="mean")
    table = table.merge(of_pairs, left_on="text", right_index=True, how="left")
    table["pairs"] = table["pairs"].fillna(0).astype(int)
    return table


def _interval_by_text(score: pd.Series, text: pd.Series, resamples: int, seed: int) -> tuple[float, float]:
    """95 % percentile interval of the mean score when whole texts, with all their questions, are drawn again."""
    groups = score.groupby(text.to_numpy())
    total, count = groups.sum().to_numpy(), groups.size().to_numpy()
    drawn = np.random.default_rng(seed).multinomial(len(total), np.full(len(total), 1 / len(total)), size=resamples)
    low, high = np.percentile((drawn @ total) / (drawn @ count), [2.5, 97.5])
    return float(low), float(high)
