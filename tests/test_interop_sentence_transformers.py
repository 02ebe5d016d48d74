"""Promises to sentence-transformers: a saved folder is one of its models, to encode, to train and to evaluate."""

import datetime
import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from portability import MONTHS, REGIONS, TEXTS, bare_environment, run_there, small_encoder
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import (
    EmbeddingSimilarityEvaluator,
    InformationRetrievalEvaluator,
)
from sentence_transformers.sentence_transformer.losses import (
    CoSENTLoss,
    CosineSimilarityLoss,
    MultipleNegativesRankingLoss,
)

from spacetime.encoder import SpaceTimeEncoder

MIXED: list[Any] = [
    "Rain.",
    {"text": "Rain.", "month": "2020-03", "region": "UK"},
    ("Rain.", "2020-03", None),
    {"text": "Snow on the hills.", "region": "CAN"},
    {"text": "Rain.", "month": None, "region": None},
    ("Rain.",),
]
MIXED_TEXTS = ["Rain.", "Rain.", "Rain.", "Snow on the hills.", "Rain.", "Rain."]
MIXED_MONTHS = [None, "2020-03", "2020-03", None, None, None]
MIXED_REGIONS = [None, "UK", None, "CAN", None, None]


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    return small_encoder("prefix", context_rank=2, locator_rank=4)


@pytest.fixture(scope="module")
def folder(encoder: SpaceTimeEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    encoder.save(folder)
    return folder


@pytest.fixture
def model(folder: Path) -> SentenceTransformer:
    return SentenceTransformer(str(folder), trust_remote_code=True, device="cpu")


def pair_rows(count: int = 16) -> list[dict[str, Any]]:
    words = ["rain", "snow", "sun", "wind", "frost", "hail", "fog", "storm"]
    return [
        {
            "sentence1": {"text": f"Much {words[i % 8]}.", "month": "2020-03" if i % 2 else None, "region": "UK"},
            "sentence2": {"text": f"Much {words[i * 3 % 8]}.", "month": "2017-01", "region": "US" if i % 3 else None},
            "score": i / count,
        }
        for i in range(count)
    ]


def test_mixed_inputs_give_the_encoders_embeddings(model: SentenceTransformer, encoder: SpaceTimeEncoder) -> None:
    expected = encoder.encode(MIXED_TEXTS, MIXED_MONTHS, MIXED_REGIONS)
    np.testing.assert_allclose(model.encode(MIXED), expected, atol=1e-6)
    assert np.abs(expected[0] - expected[1]).max() > 1e-2, "month and region must matter here"


def test_one_input_gives_one_embedding(model: SentenceTransformer, encoder: SpaceTimeEncoder) -> None:
    np.testing.assert_allclose(model.encode(MIXED[1]), encoder.encode("Rain.", "2020-03", "UK"), atol=1e-6)


def test_month_and_region_for_all_leave_an_inputs_own(model: SentenceTransformer, encoder: SpaceTimeEncoder) -> None:
    got = model.encode(["Rain.", {"text": "Rain.", "month": "2017-01"}], month="2021-12", region="US")  # type: ignore[call-overload]
    np.testing.assert_allclose(got, encoder.encode(["Rain."] * 2, ["2021-12", "2017-01"], "US"), atol=1e-6)


def test_the_dial_is_passed_on(model: SentenceTransformer, encoder: SpaceTimeEncoder) -> None:
    got = model.encode(MIXED, time_weight=0.25, region_weight=0.5)  # type: ignore[call-overload]
    expected = encoder.encode(MIXED_TEXTS, MIXED_MONTHS, MIXED_REGIONS, time_weight=0.25, region_weight=0.5)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_queries_documents_prompts_and_similarity(model: SentenceTransformer, encoder: SpaceTimeEncoder) -> None:
    documents = encoder.encode(MIXED_TEXTS, MIXED_MONTHS, MIXED_REGIONS)
    np.testing.assert_allclose(model.encode_document(MIXED), documents, atol=1e-6)
    np.testing.assert_allclose(model.encode_query(MIXED[1]), documents[1], atol=1e-6)
    prompted = model.encode([MIXED[1]], prompt="News: ")
    np.testing.assert_allclose(prompted, encoder.encode(["News: Rain."], "2020-03", "UK"), atol=1e-6)
    got = model.similarity(model.encode(MIXED), model.encode(MIXED[:2]))
    np.testing.assert_allclose(got.numpy(), documents @ documents[:2].T, atol=1e-6)


def test_long_texts_are_cut_where_the_encoder_cuts_them(model: SentenceTransformer, encoder: SpaceTimeEncoder) -> None:
    assert (model.max_seq_length, model.get_embedding_dimension()) == (128, 48)
    long = "rain " * 300
    np.testing.assert_allclose(model.encode(long), encoder.encode(long), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"txt": "Rain."}, "is no input: .*txt is none of these"),
        ({"text": "Rain.", "year": "2020"}, "year is none of these"),
        ({"text": None, "month": "2020-03"}, "is no input"),
        (("Rain.", "2020-03", "UK", "more"), "is no input"),
        (("Rain.", "2016-12"), "month '2016-12' is none of 2017-01..2021-12"),
        (("Rain.", "2020-03", "Atlantis"), "region 'Atlantis' is none of UK, US, AUS, CAN"),
        (3, "3 is no input"),
        ("ab \ud83d", "is no input: its character 3 is half of a pair"),
        (("Rain.", "2020-03", 5), "region must be text such as 'UK', not int: '5'"),
        (("Rain.", "2020-03", ["UK"]), "region must be text such as 'UK', not list"),
    ],
)
def test_a_wrong_input_is_named(model: SentenceTransformer, wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.encode(["Rain.", wrong])


DATES: list[Any] = [
    datetime.date(2020, 3, 31),
    datetime.datetime(2020, 3, 1, 23, 59),
    np.datetime64("2020-03-05"),
    np.datetime64("2020-03"),
    pd.Timestamp("2020-03-01", tz="Pacific/Auckland"),
    pd.Period("2020-03", "M"),
    pd.Period("2020-03-02", "W").asfreq("D"),
    "2020-03-31",
    None,
    "",
    np.nan,
    np.float32("nan"),
    np.datetime64("NaT"),
    pd.NaT,
    pd.NA,
]


def test_dates_and_missing_values_are_those_of_the_encoder(
    model: SentenceTransformer, encoder: SpaceTimeEncoder
) -> None:
    rows: list[Any] = [{"text": "Rain.", "month": date, "region": "UK"} for date in DATES]
    expected = encoder.encode(["Rain."] * len(DATES), DATES, "UK")
    np.testing.assert_allclose(model.encode(rows), expected, atol=1e-6)
    assert np.abs(expected[0] - expected[-1]).max() > 1e-2, "a missing month must matter here"
    for date in DATES[:7]:
        np.testing.assert_allclose(model.encode(["Rain."], month=date, region="UK"), expected[:1], atol=1e-6)  # type: ignore[call-overload]
    without: list[Any] = [
        ("Rain.", "2020-03", missing) for missing in DATES[8:] if not isinstance(missing, np.datetime64)
    ]
    np.testing.assert_allclose(model.encode(without), encoder.encode(["Rain."] * len(without), "2020-03"), atol=1e-6)


def test_records_of_a_frame_are_inputs(model: SentenceTransformer, encoder: SpaceTimeEncoder) -> None:
    frame = pd.DataFrame(
        {"text": ["Rain.", "Snow."], "month": [pd.Timestamp("2020-03-01"), pd.NaT], "region": ["UK", np.nan]}
    )
    got = model.encode(frame.to_dict("records"))  # type: ignore[call-overload]
    there: Any = frame.text
    np.testing.assert_allclose(np.asarray(got), encoder.encode(there, frame.month, frame.region), atol=1e-6)


@pytest.mark.parametrize(
    "month",
    [201911, 2019.0, True, np.int64(2019), np.datetime64("2019"), pd.Period("2019Q4"), "2019-11-31", ["2019-11"]],
)
def test_what_is_no_month_for_the_encoder_is_none_here(
    model: SentenceTransformer, encoder: SpaceTimeEncoder, month: Any
) -> None:
    with pytest.raises(ValueError, match="month"):
        encoder.encode(["Rain.", "Snow."], [month, "2020-03"])
    for call in (
        lambda: model.encode([{"text": "Rain.", "month": month}]),
        lambda: model.encode(["Rain."], month=month),  # type: ignore[call-overload]
    ):
        with pytest.raises(ValueError, match="^month ") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_without_trust_nothing_of_the_folder_runs(folder: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        SentenceTransformer(str(folder), device="cpu")


@pytest.mark.parametrize("loss", [CosineSimilarityLoss, CoSENTLoss, MultipleNegativesRankingLoss])
def test_the_trainer_trains_on_struct_columns(model: SentenceTransformer, tmp_path: Path, loss: Any) -> None:
    """Each side of a pair is one column of {text, month, region}; the way in which they enter is trained, too."""
    rows = pair_rows()
    if loss is MultipleNegativesRankingLoss:
        rows = [{name: row[name] for name in ("sentence1", "sentence2")} for row in rows]
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    arguments = SentenceTransformerTrainingArguments(
        str(tmp_path / "training"),
        max_steps=2,
        per_device_train_batch_size=8,
        learning_rate=1e-2,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=datasets.Dataset.from_list(rows), loss=loss(model)
    ).train()
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert {name for name in before if "conditioning" in name or "space_embed" in name} <= changed
    model.save_pretrained(str(tmp_path / "trained"))
    texts, months, regions = zip(*[tuple(row["sentence1"].values()) for row in rows], strict=True)
    again = SpaceTimeEncoder.load(tmp_path / "trained", "cpu").encode(texts, months, regions)
    np.testing.assert_allclose(again, model.encode([row["sentence1"] for row in rows]), atol=1e-6)


def test_evaluators_take_months_and_regions(model: SentenceTransformer, encoder: SpaceTimeEncoder) -> None:
    rows = pair_rows()
    first, second, scores = zip(*[tuple(row.values()) for row in rows], strict=True)
    found = EmbeddingSimilarityEvaluator(list(first), list(second), list(scores), write_csv=False)(model)
    sides = [
        encoder.encode([x["text"] for x in side], [x["month"] for x in side], [x["region"] for x in side])
        for side in (first, second)
    ]
    expected = np.corrcoef((sides[0] * sides[1]).sum(1), scores)[0, 1]
    assert found["pearson_cosine"] == pytest.approx(expected, abs=1e-5)

    corpus: Any = {str(i): row["sentence2"] for i, row in enumerate(rows[:8])}
    queries: Any = {"a": rows[0]["sentence2"], "b": "Much fog."}
    ranked = InformationRetrievalEvaluator(queries, corpus, {"a": {"0"}, "b": {"2"}}, write_csv=False)(model)
    assert ranked["cosine_accuracy@1"] >= 0.5, "a query that stands in the corpus finds itself"


@pytest.mark.slow
def test_two_processes_give_the_same_embeddings(folder: Path, encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    """In an environment with sentence-transformers and without this package; saved there, a model is still whole."""
    python = bare_environment(tmp_path / "bare", "torch", "transformers", "sentence-transformers")
    (tmp_path / "saved").symlink_to(folder)
    code = f"""
import datetime
import numpy
from sentence_transformers import SentenceTransformer
if __name__ == "__main__":
    model = SentenceTransformer("saved", trust_remote_code=True, device="cpu")
    rows = [*zip({TEXTS!r}, {MONTHS!r}, {REGIONS!r}), *{MIXED!r}]
    rows[0] = (rows[0][0], datetime.date(2017, 1, 31), rows[0][2])
    rows[1] = (rows[1][0], float("nan"), rows[1][2])
    pool = model.start_multi_process_pool(["cpu", "cpu"])
    numpy.save("two.npy", model.encode(rows, pool=pool, chunk_size=3))
    model.stop_multi_process_pool(pool)
    model.save_pretrained("again")
    numpy.save("again.npy", SentenceTransformer("again", trust_remote_code=True, device="cpu").encode(rows))
"""
    run_there(python, code, tmp_path)
    expected = encoder.encode(TEXTS + MIXED_TEXTS, MONTHS + MIXED_MONTHS, REGIONS + MIXED_REGIONS)
    for name in ("two.npy", "again.npy"):
        np.testing.assert_allclose(np.load(tmp_path / name), expected, atol=1e-6)
    assert json.loads((tmp_path / "again/modules.json").read_text()) == json.loads(
        (folder / "modules.json").read_text()
    )
