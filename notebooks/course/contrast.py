"""Meaning in context: does a model know *which* month the words fit here?

The almanac holds texts that stand word for word in every month and region where they are true, and in no other: "It
is the first month of summer here." is true of June in the north and of December in Australia. So neither the words
nor the month nor the region alone can tell right from wrong, only all three together. Each question shows one text in
one region with two months, a right one and one that would be right elsewhere. A model whose text, month and region
are only added up (late fusion) cannot answer them all: `contrast_by_embedding` has the proof.
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import datasets
import numpy as np
import pandas as pd

from spacetime.evaluation.sampling import ContextEncoder, Floats, encode_checked, ratio_interval, times_drawn
from spacetime.inputs import as_annotated, check_columns

TIE = 1e-6
"""Cosines that differ by less are equal: float32 rounds them about so far."""


class ContrastAnswers(NamedTuple):
    """What `contrast_by_embedding` returns.

    Attributes
    ----------
    questions
        The questions' table with two more columns: preference (of the right over the wrong month) and score (1 right,
        .5 tied, 0 wrong).
    table
        One row a contrast text: contrast, text, questions, accuracy, ties, pairs, both_right (NaN without a mirrored
        pair).
    metrics
        Names begin with `contrast_embedding_`:

        - `accuracy`: mean score over the questions; guessing gives .5, and so does a model whose preferred month is
          the same everywhere;
        - `both_right`: over mirrored pairs, both questions right; guessing gives .25, and so do two ties;
        - `four_right`: over two mirrored pairs with opposite answers ("summer" and "winter", the same two months and
          regions), all four right. 0 for additive vectors; guessing gives .06;
        - `ties`: share of the questions; `questions`, `pairs`, `fours`, `texts`: how many.

        The first two have `_low` and `_high` besides, the 95 % bootstrap interval by contrast text.
    """

    questions: pd.DataFrame
    table: pd.DataFrame
    metrics: dict[str, float]


@as_annotated
def contrast_questions(
    dataset: datasets.Dataset, *, years: Collection[int] | None = None, rows: datasets.Dataset | None = None
) -> pd.DataFrame:
    """Ask, for each contrast text and region, which of two months is right: the one here or the one elsewhere.

    A text that is true in month m here, and in the same year in month m2 in another region but not in m2 here, gives a
    question. What is true is read off the data set's own rows, so these must be *all* rows of the corpus: a truth
    that is missing because its split or year was left out would be asked as if it were false.

    Parameters
    ----------
    dataset
        Columns text, month, region, contrast; rows with an empty contrast are not used. The whole almanac.
    years
        Ask about these years only.
    rows
        Ask only where (text, right month, region) is one of these rows: what a split holds out, for example.

    Returns
    -------
    DataFrame
        Columns text, contrast, region, year, right, wrong, other_region and mirror. The question that asks the other
        region with right and wrong exchanged has the same number in mirror; if the text is true of both months
        there, there is no such question. AUS against UK, US and CAN may be three questions with one and the same
        comparison on the side of AUS, so each side of a mirrored pair counts the same.

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


@as_annotated
def contrast_by_embedding(
    encoder: ContextEncoder, questions: pd.DataFrame, *, resamples: int = 1000, seed: int = 0, batch_size: int = 64
) -> ContrastAnswers:
    """Answer by cosine: is the sentence, its month untold, nearer to itself in the right month than in the wrong one?

    Right if cos(e(x | region), e(x | right, region)) is above cos(e(x | region), e(x | wrong, region)) by more than
    `TIE`; a smaller difference either way is a tie and counts one half.

    Parameters
    ----------
    questions
        From `contrast_questions`.
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
    vectors are: `four_right` is 0. That is exclusive or, which no sum can compute. The same holds for cosines if a
    month does not change a vector's length. If it does, dividing by the length adds a term in which text, month and
    region do meet (for short t it is quadratic in x + s_r), so a late fusion that is normalised, as ours is, has
    no such limit by proof: what it reaches has to be measured.
    """

    def cosines(texts: list[str], months: list[str], regions: list[str]) -> Floats:
        # Each sentence has one anchor a region, but stands in many months.
        anchors = sorted(set(zip(texts, regions, strict=True)))
        words, places = zip(*anchors, strict=True)
        alone = encode_checked(encoder, words, [None] * len(anchors), list(places), batch_size=batch_size)
        number = {anchor: i for i, anchor in enumerate(anchors)}
        told = encode_checked(encoder, texts, months, regions, batch_size=batch_size)
        which = [number[anchor] for anchor in zip(texts, regions, strict=True)]
        cosine: Floats = (told * alone[which]).sum(axis=1)
        return cosine

    return answered(questions, cosines, TIE, "contrast_embedding", resamples, seed)


def answered(
    questions: pd.DataFrame,
    value_of: Callable[[list[str], list[str], list[str]], Floats],
    tie: float,
    name: str,
    resamples: int,
    seed: int,
) -> ContrastAnswers:
    """Score questions by any value of texts, months and regions, which is asked for once each.

    Parameters
    ----------
    value_of
        Takes three lists of n and returns (n,) numbers; the month with the greater one is preferred.
    tie
        Values that differ by less are equal.
    name
        Begins the names of the metrics.
    """
    check_columns(questions, ["text", "region", "right", "wrong", "mirror", "contrast"], "contrast questions")
    cells = sorted(
        {(row.text, month, row.region) for row in questions.itertuples() for month in (row.right, row.wrong)}
    )
    texts, months, regions = (list(part) for part in zip(*cells, strict=True))
    value = dict(zip(cells, value_of(texts, months, regions), strict=True))
    preference = np.array(
        [value[q.text, q.right, q.region] - value[q.text, q.wrong, q.region] for q in questions.itertuples()]
    )
    table = questions.assign(
        preference=preference, score=np.where(np.abs(preference) < tie, 0.5, (preference > 0).astype(float))
    )
    pairs = _mirrored_pairs(table)
    sides = ["region", "other_region", "year"]
    opposite = pairs[[*sides, "right", "wrong", "both_right"]].rename(columns={"right": "wrong", "wrong": "right"})
    fours = pairs.merge(opposite, on=[*sides, "right", "wrong"], suffixes=("", "_opposite"))  # each from both its sides
    by_text = _by_text(table, pairs)
    metrics: dict[str, float] = {}
    for key, part, score in (("accuracy", table, "score"), ("both_right", pairs, "both_right")):
        if len(part):
            low, high = _interval_by_text(part[score], part["text"], resamples, seed)
            metrics |= {key: float(part[score].mean()), f"{key}_low": low, f"{key}_high": high}
    if len(fours):
        metrics["four_right"] = float((fours["both_right"] * fours["both_right_opposite"]).mean())
    metrics |= {
        "ties": float((table["score"] == 0.5).mean()),
        "questions": float(len(table)),
        "pairs": float(len(pairs)),
        "fours": len(fours) / 2,
        "texts": float(len(by_text)),
    }
    return ContrastAnswers(table, by_text, {f"{name}_{key}": number for key, number in metrics.items()})


def _mirrored_pairs(answered: pd.DataFrame) -> pd.DataFrame:
    """One row for each question whose mirror image was asked, too, seen from the region that comes first."""
    first = answered[answered["region"] < answered["other_region"]]
    second = answered.loc[answered["region"] > answered["other_region"], ["mirror", "score"]]
    pairs = first.merge(second, on="mirror", suffixes=("", "_mirror"), validate="one_to_one")
    return pairs.assign(both_right=pairs["score"] * pairs["score_mirror"])


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
    low, high = ratio_interval(times_drawn(len(total), resamples, seed), total, count)
    return float(low), float(high)
