import gzip
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from known_geometry import KnownEncoder, rows

from spacetime.evaluation import pair_metrics, rank_agreement, sts

STS = pd.DataFrame(
    {
        "split": ["test"] * 4 + ["train"] * 2,
        "sentence1": ["a b c d", "a b c d", "a b c d", "a b c d", "x", "y"],
        "sentence2": ["a b c d", "a b c e", "a b e f", "e f g h", "x", "z"],  # 4, 3, 2 and 0 words in common
        "score": [5.0, 3.5, 2.0, 0.0, 0.0, 5.0],
    }
)


def pairs(**columns: Any) -> datasets.Dataset:
    given = {
        "text1": ["a b", "a b", "c d"],
        "text2": ["a b", "a b", "e f"],
        "month1": ["2017-01", "2017-01", "2017-01"],
        "month2": ["2017-01", "2021-12", "2021-12"],
        "region1": ["UK", "UK", None],
        "region2": ["UK", "UK", "US"],
        "label": [1.0, 0.5, -0.5],
    }
    return datasets.Dataset.from_dict(given | columns)


def test_sts_is_one_where_cosines_rank_as_people_do() -> None:
    assert sts(KnownEncoder(), STS) == {"sts_spearman": pytest.approx(1.0), "sts_pairs": 4.0}


def test_sts_reads_the_split_it_is_asked_for() -> None:
    assert sts(KnownEncoder(), STS, split="train")["sts_spearman"] == pytest.approx(-1.0)
    assert sts(KnownEncoder(), STS, split=None)["sts_pairs"] == 6
    assert sts(KnownEncoder(), STS.drop(columns="split"))["sts_pairs"] == 6


@pytest.mark.parametrize("month, region", [("2019-05", None), (None, "UK"), ("2019-05", "UK")])
def test_sts_gives_both_sides_the_same_context(month: str | None, region: str | None) -> None:
    # With the same block on both sides every cosine moves towards 1 but none passes another.
    assert sts(KnownEncoder(), STS, month=month, region=region)["sts_spearman"] == pytest.approx(1.0)


def test_sts_of_a_collapsed_encoder_is_zero() -> None:
    collapsed = KnownEncoder(meaning=1e-12)
    assert sts(collapsed, STS, month="2019-05")["sts_spearman"] == 0.0


@pytest.mark.parametrize("name", ["sts.csv", "sts.csv.gz"])
def test_sts_reads_a_file(tmp_path: Path, name: str) -> None:
    STS.to_csv(tmp_path / name, index=False)
    assert sts(KnownEncoder(), tmp_path / name) == sts(KnownEncoder(), STS)


def test_sts_takes_a_model_that_knows_no_context() -> None:
    class Plain:
        def encode(self, sentences: list[str], batch_size: int) -> Any:
            return KnownEncoder().encode(sentences)

    assert sts(Plain(), STS)["sts_spearman"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t.drop(columns="score"), "STS pairs has no column 'score'; it has split, sentence1, sentence2"),
        (lambda t: t.assign(score=np.nan), "score nan in row 1 is not a finite number"),
        (lambda t: t.assign(score="high"), "score 'high' in row 1 is not a finite number"),
        (lambda t: t.assign(score=2.0), "score is 2 in all 4 rows"),
        (lambda t: t.assign(split="dev"), "no split 'test'; known: dev"),
        (lambda t: t.assign(sentence1=None), "text 1 of 4 is (None|nan), not a string"),
        (lambda t: t[:0], "STS pairs is empty"),
        (lambda t: t[:1], "at least 2 pairs; there are 1"),
    ],
)
def test_bad_sts_pairs_are_refused(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sts(KnownEncoder(), change(STS))


def test_an_sts_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no STS file at .*missing.csv; give a file with columns"):
        sts(KnownEncoder(), tmp_path / "missing.csv")


def test_an_sts_file_cut_short_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(STS.to_csv(index=False).encode() * 50)
    (tmp_path / "cut.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(ValueError, match="cut.csv.gz can't be read"):
        sts(KnownEncoder(), tmp_path / "cut.csv.gz")


def test_pair_metrics_compare_cosines_in_context_with_labels() -> None:
    # By hand, S = 1 + 1 + 0.25: the first pair is the same thing twice (cosine 1); the second is the whole range
    # apart ((1 - 1 + 0.25) / S = 1/9); the third shares no word, its region is unknown on one side (-1 / sqrt(2 S)).
    cosine = np.array([1.0, 1 / 9, -1 / np.sqrt(2 * 2.25)])
    label = np.array([1.0, 0.5, -0.5])
    assert pair_metrics(KnownEncoder(), pairs()) == pytest.approx(
        {
            "pair_spearman": 1.0,
            "pair_mae": np.abs(cosine - label).mean(),
            "pair_mse": ((cosine - label) ** 2).mean(),
            "pairs": 3.0,
        },
        abs=1e-6,  # float32 vectors
    )


def test_pair_metrics_score_the_plain_cosine_as_a_baseline() -> None:
    assert pair_metrics(KnownEncoder(), pairs(cosine=[0.0, 0.5, 1.0]))["pair_spearman_plain"] == pytest.approx(-1.0)


def test_pair_metrics_encode_a_sentence_in_a_context_once() -> None:
    encoder = KnownEncoder()
    pair_metrics(encoder, pairs())
    assert encoder.encoded == 4  # of six sides, three are the same text in the same context


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"label": [1.0, float("nan"), 0.0]}, "label nan in row 2 is not a finite number"),
        ({"label": [1.0, None, 0.0]}, "label nan in row 2"),
        ({"label": [1.0, 1.0, 1.0]}, "label is 1 in all 3 rows"),
        ({"text1": ["a", None, "b"]}, "is None, not a string"),
        ({"month2": ["2017-01", "2022-01", "2017-01"]}, "month '2022-01' is outside 2017-01..2021-12"),
    ],
)
def test_bad_pairs_are_refused(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pair_metrics(KnownEncoder(), pairs(**columns))


def test_pairs_without_a_column_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs has no column 'region2'"):
        pair_metrics(KnownEncoder(), pairs().remove_columns("region2"))


def test_rank_agreement_is_one_for_a_model_that_keeps_the_order() -> None:
    texts = ["a b c d", "a b c e", "a b e f", "g h", "a g"]
    kept = rank_agreement(KnownEncoder(), KnownEncoder(), rows(texts + texts), month="2019-05", region="UK")
    assert kept == {"rank_agreement": pytest.approx(1.0), "rank_agreement_sentences": 5.0}


def test_an_encoder_that_gives_nan_is_reported() -> None:
    class Broken(KnownEncoder):
        def encode(self, *args: Any, **options: Any) -> Any:
            return super().encode(*args, **options) * np.nan

    with pytest.raises(ValueError, match="NaN or infinite vectors for 8 of 8 sentences; did its training diverge"):
        sts(Broken(), STS)
