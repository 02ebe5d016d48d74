"""Promises about what people hand to an encoder: whatever holds a column of values works, and the rest is one line."""

import copy
import datetime
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from portability import small_encoder

from spacetime.analysis import (
    centroid_paths,
    cluster_names,
    cosine_by_months_apart,
    cosine_of_regions,
    distortion_by,
    label_codes,
    moving_months,
    unit_vectors,
)
from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

TEXTS, MONTHS, REGIONS = ["Rain.", "Snow on the hills.", "Hail."], ["2020-03", None, "2017-01"], ["UK", None, "US"]
TABLE = pd.DataFrame({"text": TEXTS, "month": MONTHS, "region": REGIONS})
DATASET = datasets.Dataset.from_pandas(TABLE)


class OtherSeries:
    """As a polars Series: a length, an iterator, `to_numpy`, and nothing of pandas."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def to_numpy(self) -> np.ndarray:
        return np.array(self.values, dtype=object)


HOLDERS: dict[str, Any] = {
    "tuple": tuple,
    "generator": lambda values: (value for value in values),
    "map": lambda values: map(lambda value: value, values),
    "dict values": lambda values: dict(enumerate(values)).values(),
    "object array": lambda values: np.array(values, dtype=object),
    "Series of an odd index": lambda values: pd.Series(values, index=[7, 3, 3]),
    "string Series": lambda values: pd.Series(values, dtype="string"),
    "categories": lambda values: pd.Series(values).astype("category"),
    "Series of Arrow": lambda values: pd.Series(values, dtype=pd.ArrowDtype(pa.string())),
    "other Series": OtherSeries,
    "Arrow array": pa.array,
    "chunked array": lambda values: pa.chunked_array([values[:1], values[1:]], type=pa.string()),
    "dictionary array": lambda values: pa.array(values).dictionary_encode(),
    "column of a data set": lambda values: datasets.Dataset.from_dict({"x": values})["x"],
}


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    return small_encoder("prefix", locator_rank=4)


@pytest.mark.parametrize("holder", HOLDERS)
def test_whatever_holds_a_column_holds_sentences_months_and_regions(encoder: SpaceTimeEncoder, holder: str) -> None:
    expected = encoder.encode(TEXTS, MONTHS, REGIONS)
    held = [HOLDERS[holder](values) for values in (TEXTS, MONTHS, REGIONS)]
    np.testing.assert_array_equal(encoder.encode(*held), expected)


@pytest.mark.parametrize("kind", ["date32", "timestamp[ns]", "timestamp[s, tz=Pacific/Auckland]"])
def test_arrow_dates_are_months_as_they_are_written(encoder: SpaceTimeEncoder, kind: str) -> None:
    days = [datetime.date(2020, 3, 1), None, datetime.date(2017, 1, 31)]
    if kind == "date32":
        dates = pa.array(days)
    else:
        stamps = pd.Series(days, dtype="datetime64[s]")
        zone = "Pacific/Auckland" if "tz" in kind else None
        dates = pa.array(stamps.dt.tz_localize(zone), type=pa.timestamp(kind[10:].split("]")[0].split(",")[0], zone))
    np.testing.assert_array_equal(encoder.encode(TEXTS, dates), encoder.encode(TEXTS, MONTHS))


def test_a_time_stamp_keeps_the_month_of_its_own_zone() -> None:
    new_year = pd.Timestamp("2020-01-01", tz="Europe/Berlin")  # still 2019 in London
    assert MonthRange("2019-12", "2020-01").ids(new_year) == 1


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (TABLE, "a DataFrame"),
        (TABLE.to_dict("list"), "a dict"),
        (OrderedDict(text=TEXTS), "a OrderedDict"),
        (DATASET, "a Dataset"),
        (datasets.DatasetDict(train=DATASET), "a DatasetDict"),
        (pa.table({"text": TEXTS}), "a Table"),
        (set(TEXTS), "a set, which has no order"),
        (np.array([TEXTS, TEXTS]), r"an array of shape \(2, 3\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_table_is_never_taken_for_its_column_names(encoder: SpaceTimeEncoder, table: Any, kind: str) -> None:
    for name, call in {
        "sentence": lambda: encoder.encode(table),
        "month": lambda: encoder.encode(TEXTS, table),
        "region": lambda: encoder.encode(TEXTS, None, table),
    }.items():
        with pytest.raises(ValueError, match=rf"^{name}s must be one \w+ or a flat list of them, not {kind}") as caught:
            call()
        assert "\n" not in str(caught.value)
        if "set, which" not in kind and "shape" not in kind:
            assert f"give its column, such as data['{'text' if name == 'sentence' else name}']" in str(caught.value)
    with pytest.raises(ValueError, match="^sentences must be"):
        encoder.locate(table)
    with pytest.raises(ValueError, match="^regions must be"):
        RegionSet(table)


@pytest.mark.parametrize("given", [b"Rain.", 5, None, Path("rain.txt")])
def test_what_is_no_sentence_is_shown(encoder: SpaceTimeEncoder, given: Any) -> None:
    with pytest.raises(ValueError, match=f"give a sentence or a list of sentences, not {type(given).__name__}: "):
        encoder.encode(given)


@pytest.mark.parametrize("call", ["encode", "locate", "word_pieces"])
@pytest.mark.parametrize(("wrong", "reason"), [("ab \ud83d c", "character 3 is '.ud83d'"), (np.nan, "float: nan")])
def test_a_sentence_that_is_no_text_is_named_by_its_place(
    encoder: SpaceTimeEncoder, call: str, wrong: Any, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"sentence 2 is not text.*{reason}"):
        getattr(encoder, call)(["Rain.", "Schnee fällt 🌨", wrong, "\udc00"])


def test_a_string_is_one_text_for_word_pieces_too(encoder: SpaceTimeEncoder) -> None:
    assert encoder.word_pieces("Rain.") == encoder.word_pieces(["Rain."])
    assert encoder.word_pieces([]) == []


@pytest.mark.parametrize("size", [2.0, np.int64(2), np.float32(2)])
def test_a_whole_number_of_any_type_is_a_batch_size(encoder: SpaceTimeEncoder, size: Any) -> None:
    np.testing.assert_array_equal(encoder.encode(TEXTS, batch_size=size), encoder.encode(TEXTS, batch_size=2))
    assert encoder.locate(TEXTS, batch_size=size).region_probabilities.shape == (3, 4)


@pytest.mark.parametrize("size", [0, -1, 2.5, "32", None, True, np.nan])
def test_any_other_batch_size_is_named(encoder: SpaceTimeEncoder, size: Any) -> None:
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1, not "):
        encoder.encode(TEXTS, batch_size=size)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:3", torch.device("cuda"), "cdua", "xla", 2.5])
def test_a_device_that_is_not_there_is_named(encoder: SpaceTimeEncoder, device: Any) -> None:
    for call in (
        lambda: SpaceTimeEncoder(encoder.model, encoder.tokenizer, device),
        lambda: SpaceTimeEncoder.load("plain", device=device),
        lambda: encoder.to(device),
    ):
        with pytest.raises(ValueError, match=f"device '{device}' cannot be used here .*; give 'cpu', or") as caught:
            call()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert encoder.to("cpu") is encoder


def test_similarity_takes_any_table_of_numbers(encoder: SpaceTimeEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    expected = vectors @ vectors.T
    for given in (
        vectors.astype(np.float64),
        np.asfortranarray(vectors),
        np.repeat(vectors, 2, axis=0)[::2],
        vectors.tolist(),
        list(vectors),
        torch.tensor(vectors, requires_grad=True),
        list(torch.tensor(vectors)),
        pd.DataFrame(vectors),
        pd.Series(list(vectors)),
        datasets.Dataset.from_dict({"x": vectors.tolist()})["x"],
    ):
        np.testing.assert_allclose(encoder.similarity(given, vectors), expected, atol=1e-6)
        np.testing.assert_allclose(encoder.similarity(vectors, given), expected, atol=1e-6)
    np.testing.assert_allclose(encoder.similarity(vectors[::-1, ::-1], vectors[:, ::-1]), expected[::-1], atol=1e-6)
    np.testing.assert_allclose(encoder.similarity(torch.tensor(vectors).bfloat16(), vectors), expected, atol=1e-2)
    np.testing.assert_allclose(encoder.similarity(vectors[0], vectors[1]), expected[:1, 1:2], atol=1e-6)
    assert encoder.similarity(vectors[:0], vectors).shape == (0, 3)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.ones((2, 384)), np.ones((3, 256)), "a holds vectors of 384 numbers and b of 256"),
        ([[1.0, 2.0]], [1.0], "a holds vectors of 2 numbers and b of 1"),
        (TEXTS, np.ones((2, 3)), "a must be embeddings, .* not .'Rain.'.*; encode gives them"),
        (np.ones((2, 3)), "Rain.", "b must be embeddings, .* not 'Rain.'"),
        (None, np.ones(3), "a must be embeddings, .* not None"),
        ([[1.0, 2.0], [3.0]], np.ones(3), "a must be embeddings"),
        (np.ones((2, 2, 2)), np.ones(2), "a must be embeddings"),
    ],
)
def test_similarity_names_what_it_cannot_compare(first: Any, second: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        SpaceTimeEncoder.similarity(first, second)
    assert "\n" not in str(caught.value)


def test_an_encoder_is_copied_and_pickled(encoder: SpaceTimeEncoder) -> None:
    expected = encoder.encode(TEXTS, MONTHS, REGIONS)
    for again in (pickle.loads(pickle.dumps(encoder)), copy.deepcopy(encoder)):
        np.testing.assert_array_equal(again.encode(TEXTS, MONTHS, REGIONS), expected)
        assert (again.months, again.regions, again.precision) == (encoder.months, encoder.regions, "float32")


def test_saving_never_writes_over_something_else(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    thesis, notes, bert = tmp_path / "thesis.txt", tmp_path / "notes", tmp_path / "bert"
    thesis.write_text("mine")
    for folder, name, content in ((notes, "README.md", "mine"), (bert, "config.json", '{"model_type": "bert"}')):
        folder.mkdir()
        (folder / name).write_text(content)
    with pytest.raises(ValueError, match=r"thesis.txt is a file; name a folder for the model"):
        encoder.save(thesis)
    for folder in (notes, bert):
        with pytest.raises(ValueError, match="holds something else than a space-time model; name an empty or a new"):
            encoder.save(folder)
        assert len(list(folder.iterdir())) == 1
    assert (notes / "README.md").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    for _ in range(2):  # into an empty folder, then over the model there
        encoder.save(str(tmp_path / "empty"))
    assert SpaceTimeEncoder.load(tmp_path / "empty").months == encoder.months


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("palin", "no folder palin; did you mean 'plain'?"),
        ("relased", "no folder relased; did you mean 'released'?"),
        (Path("Released"), "no folder Released; did you mean 'released'?"),
        ("all-MiniLM-L6-v2", "no folder all-MiniLM-L6-v2; did you mean 'plain'?"),
        ("my/own/model", "no folder my/own/model; name one that"),
        (5, "load takes a folder or a name, not int: 5"),
        (TABLE, "load takes a folder or a name, not DataFrame: "),
    ],
)
def test_a_name_that_is_none_is_named_with_the_one_meant(name: Any, message: str) -> None:
    with pytest.raises((FileNotFoundError, ValueError)) as caught:
        SpaceTimeEncoder.load(name)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nobody/nothing", "no body/nothing"])
def test_a_hub_that_cannot_be_asked_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=f"{name} is no folder here, and from the hub it cannot be loaded: ") as caught:
        SpaceTimeEncoder.load(name)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__, "the hub's own pages stay out"


def test_an_untrained_encoder_takes_months_and_regions_as_they_come() -> None:
    encoder = SpaceTimeEncoder.from_plain("none", ("2020-01", datetime.date(2020, 5, 1)), pa.array(["UK", "FRA"]))
    assert encoder.months == MonthRange("2020-01", "2020-05") and list(encoder.regions) == ["UK", "FRA"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"months": "2020-01"},
            r"months must be MonthRange\('2017-01', '2021-12'\) or these two months, not '2020-01'",
        ),
        ({"months": None}, "or these two months, not None"),
        ({"regions": "UK"}, "regions must be a list of labels, not the one text 'UK'"),
        ({"regions": None}, "regions must be a list of labels, not the one NoneType None"),
        ({"contex_rank": 2}, "SpaceTimeConfig has no field 'contex_rank'; did you mean 'context_rank'?"),
        ({"conditioning": "prefixed"}, "expected one of .*got prefixed"),
    ],
)
def test_a_wrong_start_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        SpaceTimeEncoder.from_plain(**wrong)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------ analysis

VECTORS = np.random.default_rng(0).normal(size=(12, 4))
MONTH_IDS = np.arange(12) // 3


@pytest.mark.parametrize(
    "given",
    [
        torch.tensor(VECTORS, requires_grad=True),
        pd.Series(list(VECTORS)),
        pa.array(list(VECTORS)),
        pd.DataFrame(VECTORS),
        VECTORS.tolist(),
    ],
    ids=lambda given: type(given).__name__,
)
def test_vectors_are_vectors_in_whatever_holds_them(given: Any) -> None:
    np.testing.assert_allclose(unit_vectors(given), unit_vectors(VECTORS))


@pytest.mark.parametrize("given", ["Rain.", TEXTS, [[1.0], [1.0, 2.0]], TABLE], ids=lambda given: type(given).__name__)
def test_what_holds_no_vectors_is_named(given: Any) -> None:
    with pytest.raises(ValueError, match=r"embeddings must be a table of n vectors, \(n, width\), not ") as caught:
        unit_vectors(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "months",
    [
        ["2020-01", "2020-02"] * 6,
        pd.date_range("2020-01", periods=12, freq="MS"),
        pd.period_range("2020-01", periods=12, freq="M"),
        [201911, 201912] * 6,
    ],
    ids=["labels", "dates", "periods", "numbers"],
)
def test_months_themselves_are_never_taken_for_their_ids(months: Any) -> None:
    for call in (centroid_paths, moving_months, cosine_by_months_apart):
        with pytest.raises(ValueError, match="month_ids must be ids, which MonthRange.ids gives, not months such as"):
            call(VECTORS, months)
    with pytest.raises(ValueError, match="month_ids must be ids"):
        label_codes(months, np.zeros(12, dtype=int))


def test_labels_and_texts_of_an_analysis_come_in_whatever_holds_them() -> None:
    regions = ["UK", "US", None] * 4
    expected = cosine_of_regions(VECTORS, regions, resamples=5)
    for held in (pa.array(regions), pd.Series(regions, dtype="string"), (region for region in regions)):
        pd.testing.assert_frame_equal(cosine_of_regions(VECTORS, held, resamples=5), expected)
    table = distortion_by(VECTORS, VECTORS[:, :2], {"region": pd.Series(regions, dtype="string")}, k=2.0)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(table, distortion_by(VECTORS, VECTORS[:, :2], {"region": regions}, k=2))
    texts = ["rain falls", "snow falls", "banks fail"] * 4
    assert cluster_names(pa.array(texts), [0, 0, 1] * 4) == cluster_names(texts, [0, 0, 1] * 4)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="labels must have names, such as {'region': regions}, not "):
        distortion_by(VECTORS, VECTORS[:, :2], regions, k=2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a DataFrame; give its column"):
        cluster_names(TABLE, [0, 1, 0])  # type: ignore[arg-type]
