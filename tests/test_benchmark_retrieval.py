from functools import partial
from typing import Any

import numpy as np
import pytest
from known_geometry import KnownEncoder, rows
from sklearn.metrics import ndcg_score

from benchmarks.retrieval import (
    Queries,
    Retrieval,
    decayed_scores,
    event_queries,
    event_topics,
    hard_negatives,
    paired_difference,
    retrieval_metrics,
    retrieval_score,
    tune_decay,
    tune_dial,
)
from course.baselines import ConcatenatedEncoder, PlainEncoder
from spacetime.evaluation.sampling import TooFewLabels

COLUMNS = ("text", "day", "region", "topic")
STORM, STRIKE = "Storm Ada", "Rail strike"
EVENTS = [
    ("a storm floods the coast near the old port", "2019-11-02", "US", STORM),
    ("thousands flee as a storm hits the old port", "2019-11-05", "US", STORM),
    ("the storm leaves a city without power", "2019-11-30", "CAN", STORM),
    ("a storm floods a valley and cuts off villages", "2021-03-01", "US", "Storm Bea"),
    ("train drivers strike for better pay", "2019-11-03", "UK", STRIKE),
    ("the strike of train drivers ends", "2019-11-09", "UK", STRIKE),
    ("train drivers strike over hours", "2019-11-08", "AUS", "Sydney rail dispute"),
    ("a new bridge opens", "2018-06-01", "UK", None),
]


def corpus(events: list[tuple[Any, ...]] | None = None) -> Any:
    text, day, region, topic = zip(*(EVENTS if events is None else events), strict=True)
    months = [None if date is None else date[:7] for date in day]
    return rows(text, months, region, date=list(day), topic=list(topic))


def answers(queries: Queries) -> dict[int, list[int]]:
    return {row: found.tolist() for row, found in zip(queries.rows.tolist(), queries.answers, strict=True)}


class Noting:
    """The known geometry with dials, that notes every call."""

    months, regions = KnownEncoder().months, KnownEncoder().regions

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], Any, Any, dict[str, float]]] = []

    def encode(self, sentences: Any, months: Any = None, regions: Any = None, *, batch_size: int = 64, **dials: float):  # type: ignore[no-untyped-def]
        self.calls.append((list(sentences), months, regions, dials))
        return KnownEncoder(time=dials.get("time_weight", 1.0), region=dials.get("region_weight", 1.0)).encode(
            sentences, months, regions
        )


# Queries


@pytest.mark.parametrize(
    "topic, expected",
    [
        ("Storm Ada, Rail strike", {"storm ada", "rail strike"}),
        ("Iranian presidential election, 2017", {"iranian presidential election, 2017"}),
        ("Protests in Portland, Oregon, Rail strike", {"protests in portland, oregon", "rail strike"}),
        ("Aurora, Illinois shooting", {"aurora, illinois shooting"}),
        ("", set()),
        (None, set()),
    ],
)
def test_a_topic_is_cut_at_commas_that_part_topics(topic: str | None, expected: set[str]) -> None:
    assert event_topics([topic]) == [expected]


def test_one_word_is_a_topic_where_another_row_has_it_alone() -> None:
    assert event_topics(["Brexit", "Rail strike, Brexit"])[1] == {"brexit", "rail strike"}


def test_answers_share_a_topic_within_the_days() -> None:
    assert answers(event_queries(corpus())) == {0: [1, 2], 1: [0, 2], 2: [0, 1], 4: [5], 5: [4]}
    assert answers(event_queries(corpus(), days=5)) == {0: [1], 1: [0]}
    assert answers(event_queries(corpus(), min_answers=2)) == {0: [1, 2], 1: [0, 2], 2: [0, 1]}


def test_copies_and_near_copies_are_neither_answers_nor_documents_and_are_counted() -> None:
    long = "one two three four five six seven eight nine ten eleven twelve"
    data = corpus(
        [
            (long, "2019-11-02", "US", STORM),
            (long.upper() + "!", "2019-11-02", "UK", STORM),
            (long + " thirteen", "2020-01-01", "US", None),  # 10 of 11 triples in common
            ("a storm floods the coast", "2019-11-03", "US", STORM),
        ]
    )
    queries = event_queries(data)
    assert answers(queries) == {0: [3], 1: [3], 3: [0, 1]}
    assert [sorted(out.tolist()) for out in queries.left_out] == [[0, 1, 2], [0, 1, 2], [3]]
    assert (queries.counts["exact_copies"], queries.counts["near_copies"]) == (2, 2)


def test_every_row_is_a_query_or_counted_as_none() -> None:
    data = corpus([*EVENTS, ("a storm", None, "US", STORM), ("a gale", "2019-11-04", None, STORM)])
    counts = event_queries(data, max_queries=2).counts
    # The row without a date has no month either.
    assert counts["without_topic"] == 1 and counts["without_label"] == 2 and counts["without_date"] == 0
    assert counts["without_answers"] == 2 and counts["beyond_max"] == 3 and counts["queries"] == 2
    assert counts["rows"] == sum(
        counts[name]
        for name in ("without_topic", "without_label", "without_date", "without_answers", "beyond_max", "queries")
    )


def test_the_draw_of_queries_follows_the_seed() -> None:
    drawn = [tuple(event_queries(corpus(), max_queries=2, seed=seed).rows) for seed in range(8)]
    assert drawn[0] == tuple(event_queries(corpus(), max_queries=2, seed=0).rows) and len(set(drawn)) > 1


def test_hard_negatives_are_the_nearest_of_another_topic_at_another_time_or_place() -> None:
    data = corpus()
    queries = hard_negatives(event_queries(data), data, PlainEncoder(KnownEncoder()), count=1)
    assert queries.hard is not None
    found = {row: hard.tolist() for row, hard in zip(queries.rows.tolist(), queries.hard, strict=True)}
    # Row 0's is the later storm, row 4's the strike elsewhere.
    assert found[0] == [3] and found[4] == [6] and queries.counts["hard_negatives"] == 5


def test_no_hard_negative_shares_topic_or_both_time_and_place_or_lacks_a_topic() -> None:
    data = corpus()
    queries = hard_negatives(event_queries(data), data, PlainEncoder(KnownEncoder()), count=50)
    assert queries.hard is not None
    assert sorted(queries.hard[0].tolist()) == [3, 4, 5, 6]  # row 0; not 1, 2 (topic), 7 (no topic)
    assert 2 in queries.hard[-1] and 4 not in queries.hard[-1]


# Metrics


def test_ndcg_is_scikit_learns() -> None:
    data = corpus([(f"number{row}", "2019-11-02", "US", f"the story {row % 6}") for row in range(60)])
    queries = event_queries(data, max_queries=20)
    scores = np.random.default_rng(0).random((20, 60))
    result = retrieval_metrics(
        PlainEncoder(KnownEncoder()), data, queries=queries, settings=["missing"], score=lambda *_: scores
    )
    for position, got in enumerate(result.per_query["ndcg"]):
        documents = np.setdiff1d(np.arange(60), queries.left_out[position])
        relevant = np.isin(documents, queries.answers[position]).astype(int)
        assert got == pytest.approx(ndcg_score([relevant], [scores[position, documents]], k=10), abs=1e-12)


def test_a_known_ranking_gives_the_numbers_worked_by_hand() -> None:
    data = corpus()
    queries = Queries(np.array([0]), [np.array([1, 4])], [np.array([0, 2])], {"rows": 8}, [np.array([3, 6])])
    known = np.array([9.0, 0.8, 9.0, 0.9, 0.5, 0.4, 0.5, 0.1])  # ranks 3, 1, 4 or 6, 5, 7
    result = retrieval_metrics(
        PlainEncoder(KnownEncoder()), data, queries=queries, settings=["missing"], score=lambda *_: known[None]
    )
    row = result.per_query.iloc[0]
    assert row["ndcg"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))
    assert row["recall"] == 1.0
    assert row["hard"] == pytest.approx((0 + 1 + 0 + 0.5) / 4)  # 1>3 no, 1>6 yes, 4>3 no, 4=6 half


def test_recall_counts_all_right_answers_and_only_the_first_ten_documents() -> None:
    data = corpus([(f"word{row}", "2019-11-02", "US", STORM) for row in range(13)])
    result = retrieval_metrics(PlainEncoder(KnownEncoder()), data, settings=["missing"])
    assert result.metrics["retrieval_missing_ndcg"] == 1.0
    assert result.metrics["retrieval_missing_recall"] == pytest.approx(10 / 12)


def test_each_setting_asks_with_its_own_context_and_documents_keep_theirs() -> None:
    encoder, data = Noting(), corpus()
    queries = event_queries(data)
    retrieval_metrics(encoder, data, queries=queries, hide=lambda text: text.replace("port", ""))
    documents, wrong, missing, month_only, region_only, ambiguous = (
        encoder.calls
    )  # "given" reads the documents' vectors
    own_months, own_regions = (
        [data["month"][row] for row in queries.rows],
        [data["region"][row] for row in queries.rows],
    )
    assert documents[:3] == (data["text"][:], data["month"][:], data["region"][:])
    assert missing[1:3] == (None, None)
    assert month_only[1:3] == (own_months, None) and region_only[1:3] == (None, own_regions)
    assert ambiguous[1:3] == (own_months, own_regions) and not any("port" in text for text in ambiguous[0])
    assert all(mine != other for mine, other in zip(own_regions, wrong[2], strict=True))
    assert set(wrong[1]) <= {"2018-06", "2021-03"} and set(wrong[2]) <= set(data["region"][:])


def test_the_given_context_finds_what_the_words_do_not_tell() -> None:
    """Rows of one wording: only month and region part the events."""
    data = corpus(
        [
            (f"a storm hits the coast {row}", f"20{17 + row // 4}-05-0{1 + row % 4}", "US", f"Storm of {row // 4}")
            for row in range(16)
        ]
        + [("elsewhere all is calm", "2019-01-01", "UK", None)]
    )
    metrics = retrieval_metrics(ConcatenatedEncoder(KnownEncoder()), data).metrics
    assert metrics["retrieval_given_ndcg"] == metrics["retrieval_month_only_ndcg"] == 1.0
    assert metrics["retrieval_wrong_ndcg"] < metrics["retrieval_missing_ndcg"] < 1.0


def test_intervals_hold_the_mean_and_counts_are_given() -> None:
    data = corpus()
    queries = hard_negatives(event_queries(data), data, PlainEncoder(KnownEncoder()))
    metrics = retrieval_metrics(KnownEncoder(), data, queries=queries).metrics
    for setting in ("given", "wrong", "missing", "month_only", "region_only"):
        for measure in ("ndcg", "recall", "hard"):
            name = f"retrieval_{setting}_{measure}"
            assert metrics[f"{name}_low"] - 1e-9 <= metrics[name] <= metrics[f"{name}_high"] + 1e-9
    assert metrics["retrieval_documents"] == 8 and metrics["retrieval_queries"] == 5
    assert "retrieval_ambiguous_ndcg" not in metrics


def test_documents_without_a_label_are_searched_too() -> None:
    data = corpus([*EVENTS, ("a storm", None, None, None)])
    metrics = retrieval_metrics(ConcatenatedEncoder(KnownEncoder()), data, settings=["given", "wrong"]).metrics
    assert metrics["retrieval_documents"] == 9


def test_dials_reach_every_call_of_encode() -> None:
    encoder, dials = Noting(), {"time_weight": 0.5, "region_weight": 0.0}
    retrieval_metrics(encoder, corpus(), dials=dials)
    assert [call[3] for call in encoder.calls] == [dials] * 5


def test_a_paired_difference_of_one_result_with_itself_is_zero_and_its_sign_is_a_minus_b() -> None:
    data = corpus()
    plain, known = (retrieval_metrics(e, data) for e in (PlainEncoder(KnownEncoder()), KnownEncoder()))
    assert set(paired_difference(plain, plain).values()) == {0.0}
    difference = paired_difference(known, plain)
    name = "retrieval_given_ndcg"
    assert difference[f"{name}_difference"] == pytest.approx(known.metrics[name] - plain.metrics[name])
    assert (
        difference[f"{name}_difference_low"]
        <= difference[f"{name}_difference"]
        <= difference[f"{name}_difference_high"]
    )


def test_results_of_other_queries_are_not_compared() -> None:
    data = corpus()
    few = retrieval_metrics(KnownEncoder(), data, max_queries=2)
    with pytest.raises(ValueError, match="asked other queries"):
        paired_difference(few, retrieval_metrics(KnownEncoder(), data))
    with pytest.raises(ValueError, match="no setting in common"):
        paired_difference(few, Retrieval({}, few.per_query.assign(setting="other")))


# Tuning


def test_the_dial_takes_the_point_of_the_best_score() -> None:
    grid = [{"time_weight": time, "region_weight": 0.0} for time in (0.0, 1.0)]
    data = corpus(
        [(f"a storm {row}", f"20{17 + row // 4}-05-0{1 + row % 4}", "US", f"Storm of {row // 4}") for row in range(16)]
    )
    tuned = tune_dial(Noting(), data, grid=grid, settings=["given"])
    assert tuned.best == grid[1] and tuned.table["score"].iloc[1] == 1.0 > tuned.table["score"].iloc[0]


def test_the_filter_takes_the_point_of_the_best_score_and_scores_as_it_is_used() -> None:
    data = corpus()
    queries = event_queries(data)
    tuned = tune_decay(KnownEncoder(), data, queries=queries, settings=["given"])
    again = retrieval_score(
        PlainEncoder(KnownEncoder()),
        data,
        queries=queries,
        settings=["given"],
        score=partial(decayed_scores, **tuned.best),  # type: ignore[arg-type]
    )
    assert len(tuned.table) == 25 and again == tuned.table["score"].max()


# Bad input


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"settings": ["given", "guess"]}, ValueError, "no setting 'guess'"),
        ({"settings": ["ambiguous"]}, ValueError, "needs hide="),
        ({"queries": Queries(np.array([0]), [], [], {"rows": 3})}, ValueError, "a data set of 3 rows, this one has 8"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        retrieval_metrics(KnownEncoder(), corpus(), **options)


def test_wrong_contexts_need_two_months_and_regions() -> None:
    one_region = corpus([(*event[:2], "US", event[3]) for event in EVENTS])
    with pytest.raises(TooFewLabels, match="2 regions"):
        retrieval_metrics(KnownEncoder(), one_region)
    assert "retrieval_missing_ndcg" in retrieval_metrics(KnownEncoder(), one_region, settings=["missing"]).metrics
    with pytest.raises(TooFewLabels, match="2 months"):
        retrieval_metrics(KnownEncoder(), corpus(EVENTS[:3]), settings=["wrong"])


def test_a_corpus_without_events_is_refused() -> None:
    with pytest.raises(ValueError, match="no row of the data set can be a query"):
        event_queries(corpus([(*event[:3], None) for event in EVENTS]))
    with pytest.raises(ValueError, match="row 1: date 'May 2019' is no day"):
        event_queries(rows(["a"], date=["May 2019"], topic=["x"]))
    with pytest.raises(ValueError, match="has no column 'topic'"):
        event_queries(rows(["a"], date=["2019-05-01"]))


def test_tuning_needs_points() -> None:
    with pytest.raises(ValueError, match="the grid is empty"):
        tune_dial(KnownEncoder(), corpus(), grid=[])


def test_the_filter_halves_by_the_half_life_down_to_the_floor_and_spares_what_is_missing() -> None:
    got = decayed_scores(
        np.full((2, 4), 0.8),
        np.array([10, -1]),
        np.array([10, 4, 58, -1]),
        np.array([0, 0]),
        np.array([0, 1, 0, -1]),
        half_life=6,
        floor=0.25,
        other_region=0.9,
    )
    np.testing.assert_allclose(got, [[0.8, 0.8 * 0.5 * 0.9, 0.8 * 0.25, 0.8], [0.8, 0.8 * 0.9, 0.8, 0.8]])


@pytest.mark.parametrize(
    "options, message",
    [({"half_life": 0}, "half_life is 0"), ({"half_life": 6, "floor": 2}, "floor is 2"),
     ({"half_life": 6, "other_region": -1}, "other_region is -1")],
)  # fmt: skip
def test_the_filter_refuses_impossible_options(options: dict[str, float], message: str) -> None:
    ids = np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match=message):
        decayed_scores(np.zeros((1, 1)), ids, ids, ids, ids, **options)
