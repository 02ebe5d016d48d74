"""Retrieval on real text: does a report of an event find the other reports of it?

The right answers don't come from our own label: they are rows that share the query's ``topic`` (a heading that an
editor wrote) within some days. Every row of a data set is a document, encoded in its own month and region; a query
is a row without its own copies, and is asked with its context given, given wrongly, missing, and so on.

- :func:`event_queries` finds queries and answers, :func:`hard_negatives` the same kind of event elsewhere or at
  another time.
- :func:`retrieval_metrics` scores an encoder, :func:`paired_difference` compares two on the same queries.
- :func:`tune_dial`, :func:`tune_decay` and `TunedConcatenation.tune` (with :func:`retrieval_score`) choose
  weights on validation data, each among 25 points by default, so that no contender has more tries than another.

Two things limit what the numbers show. A document without a topic counts as a wrong answer, though it may report the
event: scores are too low, for all encoders alike. And a topic can be a long story, with many like queries in it: the
intervals are by query and so rather too narrow.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import datasets
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course.baselines import PlainEncoder
from spacetime.corpus.splits import word_triples
from spacetime.evaluation.sampling import (
    ContextEncoder,
    Encodes,
    Floats,
    Ids,
    TooFewLabels,
    bootstrap_interval,
    check_texts,
    encode_checked,
)
from spacetime.inputs import check_columns, ids_for_each
from spacetime.months import MISSING, is_missing, month_number, parse_month

SETTINGS = ("given", "wrong", "missing", "month only", "region only", "ambiguous")
DEPTH = 10  # of nDCG@10 and recall@10
NEAR_COPY = 0.8  # least overlap (Jaccard, three-word sequences) of near-copies, as in split_corpus
CHUNK = 64  # queries scored at once: 64 x 56,000 scores take 29 MB

DIALS: tuple[dict[str, float], ...] = tuple(
    {"time_weight": time, "region_weight": region} for time, region in product((0.0, 0.25, 0.5, 0.75, 1.0), repeat=2)
)
"""Default grid of :func:`tune_dial`: 25 points."""

DECAYS: tuple[dict[str, float], ...] = (
    {"half_life": 12.0, "floor": 1.0, "other_region": 1.0},  # no filter at all
    *(
        {"half_life": half_life, "floor": floor, "other_region": other}
        for half_life, floor, other in product((1.0, 6.0), (0.0, 0.2, 0.6), (0.25, 0.5, 0.8, 1.0))
    ),
)
"""Default grid of :func:`tune_decay`: 25 points."""

Score = Callable[[Floats, Ids, Ids, Ids, Ids], Floats]
"""From cosines (q, n), month ids of queries and of documents, region ids of both, to scores (q, n)."""


@dataclass(frozen=True)
class Queries:
    """Queries of one data set, as row numbers, with what counts as right, hard and out of bounds for each.

    Attributes
    ----------
    rows : array of int, shape (q,)
    answers : list of q arrays of int
        Right answers.
    left_out : list of q arrays of int
        No documents for this query: the query itself, its copies and near-copies.
    counts : dict of str to int
        ``rows`` of the data set; those ``without_topic``, ``without_label`` (month or region) and ``without_date``
        among the rest, which are no queries (but documents); ``without_answers``; ``beyond_max``; ``queries``;
        and over all queries ``answers``, ``exact_copies``, ``near_copies``, ``hard_negatives``.
    hard : list of q arrays of int, or None
        Filled in by :func:`hard_negatives`.
    """

    rows: Ids
    answers: list[Ids]
    left_out: list[Ids]
    counts: dict[str, int]
    hard: list[Ids] | None = None

    def __len__(self) -> int:
        return len(self.rows)


class Retrieval(NamedTuple):
    """What :func:`retrieval_metrics` returns."""

    metrics: dict[str, float]
    per_query: pd.DataFrame  # row (of the data set), setting, ndcg, recall, hard


class Tuned(NamedTuple):
    """The best point of a grid, and the score of every point."""

    best: dict[str, float]
    table: pd.DataFrame


# ------------------------------------------------------------------------------------------------ queries and answers


def event_topics(topics: Sequence[str | None]) -> list[frozenset[str]]:
    """Return the set of topics that each row names; an empty one for a row without.

    Wikipedia's Current Events writes several headings of one report with ", " between them, but a comma is also part
    of names: "Iranian presidential election, 2017", "George Floyd protests in Portland, Oregon". So a topic is cut at
    ", ", and a piece of one word (a year, a state) goes back to the piece before it, unless the word is the whole
    topic of some row. Capitals don't count.

    Examples
    --------
    >>> sorted(*event_topics(["Politics of Spain, General election, 2023"]))
    ['general election, 2023', 'politics of spain']
    """
    cleaned = [None if is_missing(topic) else " ".join(str(topic).casefold().split()) for topic in topics]
    whole = set(cleaned)

    def incomplete(piece: str) -> bool:
        return " " not in piece and piece not in whole

    def named(topic: str) -> frozenset[str]:
        pieces: list[str] = []
        for piece in filter(None, topic.split(", ")):
            if pieces and (incomplete(piece) or incomplete(pieces[-1])):
                pieces[-1] += ", " + piece
            else:
                pieces.append(piece)
        return frozenset(pieces)

    # Topics repeat: each distinct one is cut once.
    sets = {topic: frozenset[str]() if topic is None else named(topic) for topic in whole}
    return [sets[topic] for topic in cleaned]


def event_queries(
    dataset: datasets.Dataset,
    *,
    days: int = 30,
    min_answers: int = 1,
    max_queries: int | None = None,
    seed: int = 0,
) -> Queries:
    """Find the rows whose event other rows report too: queries with their right answers.

    A right answer shares a topic (:func:`event_topics`) with the query, is dated at most ``days`` days from it, and
    is neither a copy (same words, whatever their case and punctuation) nor a near-copy (overlap of three-word
    sequences of :data:`NEAR_COPY` or more) of its text. Copies are no wrong answers either: they are left out.

    Parameters
    ----------
    dataset : datasets.Dataset
        Columns text, month, region, date (YYYY-MM-DD), topic (may be empty).
    days : int
        How far apart two reports of one event can be.
    min_answers : int
        A row with fewer right answers is no query.
    max_queries : int, optional
        At most so many queries, drawn with ``seed`` and kept in the data set's order.

    Raises
    ------
    ValueError
        If a column is missing, a date is none, or no row can be a query.
    """
    check_columns(dataset, ["text", "month", "region", "date", "topic"], "data set")
    for name, value, least in (
        ("days", days, 0),
        ("min_answers", min_answers, 1),
        ("max_queries", max_queries, 1),
    ):
        if value is not None and value < least:
            raise ValueError(f"{name} is {value}; give {least} or more")
    table: Any = dataset.select_columns(["month", "region", "date", "topic"]).to_pandas()
    topics = event_topics(table["topic"].tolist())
    day = _days(table["date"].tolist())
    has_topic = np.array([len(named) > 0 for named in topics])
    has_label = ~np.array(
        [is_missing(m) or is_missing(r) for m, r in zip(table["month"], table["region"], strict=True)]
    )
    counts = {
        "rows": len(dataset),
        "without_topic": int((~has_topic).sum()),
        "without_label": int((has_topic & ~has_label).sum()),
        "without_date": int((has_topic & has_label & (day < 0)).sum()),
    }
    usable = np.flatnonzero(has_topic & has_label & (day >= 0))
    rows_of_topic = _rows_of_topic(topics)
    near = {row: _shared(topics[row], rows_of_topic, row) for row in usable.tolist()}
    near = {row: other[(day[other] >= 0) & (np.abs(day[other] - day[row]) <= days)] for row, other in near.items()}
    asked = np.array([row for row, other in near.items() if len(other) >= min_answers], dtype=np.int64)

    exact, alike = _copies(check_texts(dataset["text"][:], "data set"), asked)
    answers = {
        row: np.setdiff1d(near[row], np.concatenate((same, almost)))
        for row, same, almost in zip(asked.tolist(), exact, alike, strict=True)
    }
    kept = np.array([len(answers[row]) >= min_answers for row in asked.tolist()], dtype=bool)
    counts["without_answers"] = len(usable) - int(kept.sum())
    chosen = np.flatnonzero(kept)
    if len(chosen) == 0:
        raise ValueError(
            f"no row of the data set can be a query: {counts}; rows need a topic that at least {min_answers} other "
            f"rows share within {days} days"
        )
    counts["beyond_max"] = 0
    if max_queries is not None and len(chosen) > max_queries:
        counts["beyond_max"] = len(chosen) - max_queries
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, size=max_queries, replace=False))
    rows = asked[chosen]
    counts |= {
        "queries": len(rows),
        "answers": sum(len(answers[row]) for row in rows.tolist()),
        "exact_copies": sum(len(exact[position]) for position in chosen),
        "near_copies": sum(len(alike[position]) for position in chosen),
        "hard_negatives": 0,
    }
    left_out = [np.concatenate(([asked[position]], exact[position], alike[position])) for position in chosen]
    return Queries(rows, [answers[row] for row in rows.tolist()], left_out, counts)


def hard_negatives(
    queries: Queries,
    dataset: datasets.Dataset,
    plain: Encodes,
    *,
    count: int = 10,
    months_apart: int = 6,
    batch_size: int = 64,
) -> Queries:
    """Return the queries with their hard negatives: the same kind of event at another time or in another place.

    They are the nearest rows by the plain model's cosine that have a topic, share none with the query, and are more
    than ``months_apart`` months from it or in another region.

    Parameters
    ----------
    queries : Queries
        Of this data set.
    plain : Encodes
        Gives the cosines of the texts alone; the same one for every encoder that is to be compared.
    count : int
        Hard negatives a query, or as many as there are.
    """
    if count < 1:
        raise ValueError(f"count is {count}; give 1 or more hard negatives a query")
    table: Any = dataset.select_columns(["month", "region", "topic"]).to_pandas()
    topics = event_topics(table["topic"].tolist())
    rows_of_topic = _rows_of_topic(topics)
    has_topic = np.array([len(named) > 0 for named in topics])
    month = _month_numbers(table["month"].tolist())
    region, _ = pd.factorize(table["region"].replace("", None))  # a missing one is -1
    vectors = encode_checked(plain, dataset["text"][:], batch_size=batch_size)
    hard = []
    for row, left_out in zip(queries.rows.tolist(), queries.left_out, strict=True):
        other_time = (month >= 0) & (np.abs(month - month[row]) > months_apart)
        other_place = (region >= 0) & (region != region[row])
        allowed = has_topic & (other_time | other_place)
        allowed[_shared(topics[row], rows_of_topic, row)] = False
        allowed[left_out] = False
        candidates = np.flatnonzero(allowed)
        nearest = np.argsort(-(vectors[candidates] @ vectors[row]), kind="stable")[:count]
        hard.append(candidates[nearest])
    counts = queries.counts | {"hard_negatives": sum(len(rows) for rows in hard)}
    return replace(queries, hard=hard, counts=counts)


def _days(dates: Sequence[Any]) -> Ids:
    """Days since 1970-01-01 as int64, -1 for a missing date (dates before 1970 are refused, so none is -1)."""
    days = np.full(len(dates), -1, dtype=np.int64)
    for row, date in enumerate(dates):
        if is_missing(date):
            continue
        try:
            days[row] = np.datetime64(str(date), "D").astype(np.int64)
        except ValueError:
            days[row] = -1
        if days[row] < 0:
            raise ValueError(f"row {row + 1}: date {date!r} is no day since 1970; write YYYY-MM-DD or leave it empty")
    return days


def _month_numbers(months: Sequence[Any]) -> Ids:
    parsed = [parse_month(month) for month in months]
    return np.array([MISSING if month is None else month_number(month) for month in parsed], dtype=np.int64)


def _rows_of_topic(topics: Sequence[frozenset[str]]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, named in enumerate(topics):
        for topic in named:
            rows[topic].append(row)
    return rows


def _shared(named: frozenset[str], rows_of_topic: Mapping[str, list[int]], row: int) -> Ids:
    """The other rows that share a topic with a row, ascending."""
    shared = {other for topic in named for other in rows_of_topic[topic]} - {row}
    return np.array(sorted(shared), dtype=np.int64)


def _copies(texts: list[str], rows: Ids) -> tuple[list[Ids], list[Ids]]:
    """For each of some rows: the other rows with the same words, and those with nearly the same word triples."""
    from sklearn.feature_extraction.text import CountVectorizer

    exact: list[Ids] = []
    near: list[Ids] = []
    if len(rows) == 0:
        return exact, near
    words = pd.Series(texts).str.casefold().str.findall(r"\w+").str.join(" ")
    same = words.groupby(words).indices
    present = CountVectorizer(analyzer=word_triples, binary=True, dtype=np.int32).fit_transform(texts)  # sparse
    size = np.asarray(present.sum(axis=1)).ravel()
    columns = present.T.tocsc()
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        common = (present[some] @ columns).tocsr()
        for position, row in enumerate(some.tolist()):
            part = slice(common.indptr[position], common.indptr[position + 1])
            other, shared = common.indices[part], common.data[part]
            overlap = shared / (size[row] + size[other] - shared)
            copies = np.setdiff1d(np.asarray(same[words[row]], dtype=np.int64), [row])
            exact.append(copies)
            near.append(np.setdiff1d(other[overlap >= NEAR_COPY - 1e-9].astype(np.int64), np.append(copies, row)))
    return exact, near


# ------------------------------------------------------------------------------------------------------------ metrics


def retrieval_metrics(
    encoder: ContextEncoder,
    dataset: datasets.Dataset,
    *,
    queries: Queries | None = None,
    settings: Sequence[str] | None = None,
    score: Score | None = None,
    hide: Callable[[str], str] | None = None,
    dials: Mapping[str, float] | None = None,
    max_queries: int = 500,
    resamples: int = 1000,
    seed: int = 0,
    batch_size: int = 64,
) -> Retrieval:
    """Search the whole data set for the other reports of each query's event; exact search by cosine.

    Documents are all rows, in their own month and region, whatever is known of the query. Settings of the query:

    - ``given``: its own month and region.
    - ``wrong``: a random other month of the data set, at least 12 months away (where there is none, one of those
      farthest away), and another region: the control. The draw depends on data and seed only.
    - ``missing``: neither.
    - ``month only``, ``region only``: one of both.
    - ``ambiguous``: both, but ``hide`` has taken words (of places) out of the query's text.

    Parameters
    ----------
    encoder : ContextEncoder
    dataset : datasets.Dataset
        As for :func:`event_queries`.
    queries : Queries, optional
        Of this data set; give the same ones for encoders that are to be compared. Default: ``max_queries`` drawn by
        :func:`event_queries` with ``seed``.
    settings : sequence of str, optional
        Default: all, without ``ambiguous`` if there is no ``hide``.
    score : callable, optional
        Makes scores of cosines and ids, such as
        ``functools.partial(decayed_scores, half_life=12, floor=0.5)``. An unknown month or region has the id -1.
    hide : callable, optional
        From a text to the text without the words that tell the place.
    dials : dict, optional
        Handed to every ``encoder.encode`` call, such as ``{"time_weight": 0.5, "region_weight": 1.0}``.

    Returns
    -------
    Retrieval
        ``per_query``, one line a query and setting, and ``metrics``, means over queries. For each setting (``month
        only`` becomes ``month_only``), each with ``_low`` and ``_high`` of its 95 % bootstrap interval by query:

        - ``retrieval_<setting>_ndcg``: nDCG@10 with binary relevance.
        - ``retrieval_<setting>_recall``: recall@10, the share of all right answers among the first ten; with more
          than ten right answers it stays below 1.
        - ``retrieval_<setting>_hard``: share of the pairs (right answer, hard negative) in which the right answer has
          the higher score, equal ones half; absent without :func:`hard_negatives`.

        And ``retrieval_documents`` and the counts of :class:`Queries`, ``retrieval_queries``, ``retrieval_answers``,
        ``retrieval_near_copies`` and so on.

    Raises
    ------
    ValueError
        For an unknown setting, ``ambiguous`` without ``hide``, queries of another data set, labels that the encoder
        doesn't know, or vectors that aren't finite.
    TooFewLabels (a ValueError)
        For ``wrong``, if the data hold one month or one region only.
    """
    if settings is None:
        settings = SETTINGS if hide is not None else SETTINGS[:-1]
    for setting in settings:
        if setting not in SETTINGS:
            raise ValueError(f"there is no setting {setting!r}; give some of {', '.join(SETTINGS)}")
    if "ambiguous" in settings and hide is None:
        raise ValueError("the setting 'ambiguous' needs hide=, a function that takes the words of places out of a text")
    if queries is None:
        queries = event_queries(dataset, max_queries=max_queries, seed=seed)
    check_columns(dataset, ["text", "month", "region"], "data set")
    if queries.counts["rows"] != len(dataset):
        raise ValueError(
            f"the queries are of a data set of {queries.counts['rows']} rows, this one has {len(dataset)}; make them "
            "by event_queries of this data set"
        )

    texts = dataset["text"][:]
    months, regions = (
        [None if is_missing(label) else label for label in dataset[name][:]] for name in ("month", "region")
    )
    dialled: Encodes = _Dialled(encoder, dials) if dials else encoder
    documents = encode_checked(dialled, texts, months, regions, batch_size=batch_size)
    document_ids = (
        ids_for_each(encoder.months, months, len(texts), "months"),
        ids_for_each(encoder.regions, regions, len(texts), "regions"),
    )
    asked: list[str] = [texts[row] for row in queries.rows]
    own_months, own_regions = [months[row] for row in queries.rows], [regions[row] for row in queries.rows]
    parts = []
    for setting in settings:
        month: list[str | None] | None = None if setting in ("missing", "region only") else own_months
        region: list[str | None] | None = None if setting in ("missing", "month only") else own_regions
        if setting == "wrong":
            month, region = _wrong_months(own_months, months, seed), _wrong_regions(own_regions, regions, seed)
        if setting == "given":
            vectors = documents[queries.rows]
        else:
            shown = asked
            if setting == "ambiguous" and hide is not None:
                shown = check_texts([hide(text) for text in asked], "texts after hide")
            vectors = encode_checked(dialled, shown, month, region, batch_size=batch_size)
        query_ids = (
            ids_for_each(encoder.months, month, len(asked), "months"),
            ids_for_each(encoder.regions, region, len(asked), "regions"),
        )
        values = _values(queries, vectors, documents, query_ids, document_ids, score)
        parts.append(pd.DataFrame({"row": queries.rows, "setting": setting} | values))
    per_query = pd.concat(parts, ignore_index=True)

    metrics: dict[str, float] = {}
    for setting in settings:
        table = per_query[per_query["setting"] == setting]
        for measure in ("ndcg", "recall", "hard"):
            column = table[[measure]].to_numpy(np.float64)
            if not np.isnan(column).all():
                metrics |= _mean_and_interval(_name(setting, measure), column, resamples, seed)
    metrics["retrieval_documents"] = float(len(texts))
    metrics |= {f"retrieval_{name}": float(number) for name, number in queries.counts.items() if name != "rows"}
    return Retrieval(metrics, per_query)


def retrieval_score(
    encoder: ContextEncoder,
    dataset: datasets.Dataset,
    *,
    queries: Queries,
    settings: Sequence[str] = ("given", "missing"),
    score: Score | None = None,
    dials: Mapping[str, float] | None = None,
    batch_size: int = 64,
) -> float:
    """Return the mean nDCG@10 over some settings: what weights are chosen by, on validation data.

    For example ``TunedConcatenation(plain).tune(lambda e: retrieval_score(e, validation, queries=queries))``.
    """
    result = retrieval_metrics(
        encoder,
        dataset,
        queries=queries,
        settings=settings,
        score=score,
        dials=dials,
        resamples=2,  # nobody reads these intervals
        batch_size=batch_size,
    )
    return float(np.mean([result.metrics[_name(setting, "ndcg")] for setting in settings]))


def paired_difference(a: Retrieval, b: Retrieval, *, resamples: int = 1000, seed: int = 0) -> dict[str, float]:
    """Return how much better ``a`` is than ``b`` on the same queries, with 95 % intervals of a paired bootstrap.

    Returns
    -------
    dict
        ``retrieval_<setting>_<measure>_difference`` (a - b; above 0: ``a`` is better), ``..._difference_low``,
        ``..._difference_high``, for every setting that both have and the measures ndcg, recall, hard.

    Raises
    ------
    ValueError
        If they have no setting in common, or were asked other queries.
    """
    settings = [setting for setting in a.per_query["setting"].unique() if setting in set(b.per_query["setting"])]
    if not settings:
        raise ValueError("the two results have no setting in common; measure both in the same settings")
    differences: dict[str, float] = {}
    for setting in settings:
        one, other = (table[table["setting"] == setting].set_index("row") for table in (a.per_query, b.per_query))
        if not one.index.equals(other.index):
            raise ValueError(
                f"the two results were asked other queries ({len(one)} and {len(other)} in the setting {setting!r}); "
                "give both the same queries="
            )
        for measure in ("ndcg", "recall", "hard"):
            column = (one[[measure]] - other[[measure]]).to_numpy(np.float64)
            if not np.isnan(column).all():
                differences |= _mean_and_interval(_name(setting, f"{measure}_difference"), column, resamples, seed)
    return differences


def _mean_and_interval(name: str, column: Floats, resamples: int, seed: int) -> dict[str, float]:
    low, high = bootstrap_interval(column, resamples=resamples, seed=seed)
    return {name: float(np.nanmean(column)), f"{name}_low": float(low[0]), f"{name}_high": float(high[0])}


def _name(setting: str, measure: str) -> str:
    return f"retrieval_{setting.replace(' ', '_')}_{measure}"


class _Dialled:
    """An encoder whose ``encode`` is always called with the same dials."""

    def __init__(self, encoder: Encodes, dials: Mapping[str, float]) -> None:
        self._encoder, self._dials = encoder, dict(dials)

    def encode(self, sentences: Any, *args: Any, **options: Any) -> Any:
        return self._encoder.encode(sentences, *args, **options, **self._dials)


def _values(
    queries: Queries,
    vectors: Floats,
    documents: Floats,
    query_ids: tuple[Ids, Ids],
    document_ids: tuple[Ids, Ids],
    score: Score | None,
) -> dict[str, Floats]:
    """nDCG@10, recall@10 and the share of hard pairs ranked rightly, each of shape (queries,)."""
    discount = 1 / np.log2(np.arange(DEPTH) + 2)
    values = {name: np.full(len(queries), np.nan) for name in ("ndcg", "recall", "hard")}
    for start in range(0, len(queries), CHUNK):
        some = slice(start, start + CHUNK)
        scores = vectors[some] @ documents.T  # (chunk, documents)
        if score is not None:
            scores = score(scores, query_ids[0][some], document_ids[0], query_ids[1][some], document_ids[1])
        for query, line in enumerate(scores, start=start):
            answers = queries.answers[query]
            gains = np.isin(_best(line, queries.left_out[query]), answers)
            ideal = discount[: len(answers)].sum()
            values["ndcg"][query] = (gains * discount[: len(gains)]).sum() / ideal
            values["recall"][query] = gains.sum() / len(answers)
            if queries.hard is not None and len(queries.hard[query]):
                lead = line[answers][:, None] - line[queries.hard[query]]
                values["hard"][query] = ((lead > 0) + 0.5 * (lead == 0)).mean()
    return values


def _best(scores: Floats, left_out: Ids) -> Ids:
    """The documents of the ten highest scores, highest first, without those left out."""
    open_to = np.ones(len(scores), dtype=bool)
    open_to[left_out] = False
    rows = np.flatnonzero(open_to)
    if len(rows) > DEPTH:
        rows = np.sort(rows[np.argpartition(-scores[rows], DEPTH - 1)[:DEPTH]])
    best: Ids = rows[np.argsort(-scores[rows], kind="stable")]
    return best


def _wrong_months(own: Sequence[str | None], all_months: Sequence[str | None], seed: int) -> list[str | None]:
    """For each month another one of the data, 12 months away or more where there is one, else the farthest."""
    known = sorted({month for month in all_months if month is not None})
    if len(known) < 2:
        raise TooFewLabels("the setting 'wrong' needs documents of at least 2 months; leave it out of settings")
    numbers = _month_numbers(known)
    random = np.random.default_rng(seed)
    wrong: list[str | None] = []
    for number in _month_numbers(own):
        apart = np.abs(numbers - number)
        wrong.append(known[random.choice(np.flatnonzero(apart >= min(12, apart.max())))])
    return wrong


def _wrong_regions(own: Sequence[str | None], all_regions: Sequence[str | None], seed: int) -> list[str | None]:
    """For each region another one of the data, each as likely."""
    known = sorted({region for region in all_regions if region is not None})
    if len(known) < 2:
        raise TooFewLabels("the setting 'wrong' needs documents of at least 2 regions; leave it out of settings")
    random = np.random.default_rng([seed, 1])  # not the months' draws again
    steps: NDArray[np.int64] = random.integers(1, len(known), size=len(own))
    return [known[(known.index(str(region)) + step) % len(known)] for region, step in zip(own, steps, strict=True)]


# ------------------------------------------------------------------------------------------------------------- tuning


def tune_dial(
    encoder: ContextEncoder,
    dataset: datasets.Dataset,
    *,
    grid: Iterable[Mapping[str, float]] = DIALS,
    queries: Queries | None = None,
    settings: Sequence[str] = ("given", "missing"),
    max_queries: int = 500,
    seed: int = 0,
    batch_size: int = 64,
) -> Tuned:
    """Choose an encoder's dials (time_weight, region_weight) by the mean nDCG@10 on validation data.

    All documents are encoded anew at every point: give a small validation set.
    """
    queries = queries or event_queries(dataset, max_queries=max_queries, seed=seed)
    return _tune(
        grid,
        lambda point: retrieval_score(
            encoder, dataset, queries=queries, settings=settings, dials=point, batch_size=batch_size
        ),
    )


def tune_decay(
    plain: Encodes,
    dataset: datasets.Dataset,
    *,
    grid: Iterable[Mapping[str, float]] = DECAYS,
    queries: Queries | None = None,
    settings: Sequence[str] = ("given", "missing"),
    max_queries: int = 500,
    seed: int = 0,
    batch_size: int = 64,
) -> Tuned:
    """Choose half_life, floor and other_region of :func:`decayed_scores` by the mean nDCG@10 on validation data."""
    queries = queries or event_queries(dataset, max_queries=max_queries, seed=seed)
    remembering = PlainEncoder(plain, remember=True)

    def ndcg(point: dict[str, Any]) -> float:
        rule = partial(decayed_scores, **point)
        return retrieval_score(
            remembering, dataset, queries=queries, settings=settings, score=rule, batch_size=batch_size
        )

    return _tune(grid, ndcg)


def decayed_scores(
    cosines: Floats,
    query_month_ids: Ids,
    document_month_ids: Ids,
    query_region_ids: Ids,
    document_region_ids: Ids,
    *,
    half_life: float,
    floor: float = 0.0,
    other_region: float = 1.0,
) -> Floats:
    """Multiply plain cosines down for documents of another time or place: the metadata filter of search systems.

    `cosine * max(floor, 0.5 ** (months apart / half_life)) * (other_region, if the regions differ)`. A month or a
    region that is missing on either side costs nothing. A negative cosine is multiplied too, and so rises; the
    first ranks, which are positive, are what the rule is for.

    Parameters
    ----------
    cosines : array, shape (queries, documents)
    query_month_ids, query_region_ids : arrays of int, shape (queries,)
        -1 is missing.
    document_month_ids, document_region_ids : arrays of int, shape (documents,)
    half_life : float
        Months after which a document counts half.
    floor, other_region : float
        Between 0 and 1: what is left at least of an old document, and of one from another region. 1 and 1: no filter.
    """
    if not half_life > 0:
        raise ValueError(f"half_life is {half_life}; give a number of months above 0")
    for name, value in (("floor", floor), ("other_region", other_region)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; give a number from 0 to 1")
    query_month, query_region = query_month_ids[:, None], query_region_ids[:, None]
    known = (query_month != MISSING) & (document_month_ids != MISSING)
    decay = np.maximum(floor, 0.5 ** (np.abs(query_month - document_month_ids) / half_life))
    differ = (query_region != MISSING) & (document_region_ids != MISSING) & (query_region != document_region_ids)
    scores: Floats = cosines * np.where(known, decay, 1.0) * np.where(differ, other_region, 1.0)
    return scores


def _tune(grid: Iterable[Mapping[str, float]], score: Callable[[dict[str, float]], float]) -> Tuned:
    """The first best point of a grid."""
    points = [dict(point) for point in grid]
    if not points:
        raise ValueError("the grid is empty; give at least one point")
    scores = [score(point) for point in points]
    return Tuned(points[int(np.argmax(scores))], pd.DataFrame(points).assign(score=scores))
