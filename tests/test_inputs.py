"""Promises about what people hand to an encoder: whatever holds a column of values works, and the rest is one line."""

import copy
import datetime
import pickle
import re
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

from course.clusters import cluster_names
from course.cosines import cosine_by_months_apart, cosine_of_regions
from course.drift import centroid_paths, moving_months
from course.geometry import unit_vectors
from course.maps import distortion_by, label_codes
from spacetime.corpus import load_corpus, split_corpus
from spacetime.encoder import SpaceTimeEncoder
from spacetime.evaluation import decay, rank_agreement
from spacetime.evaluation.context import pair_response
from spacetime.evaluation.sampling import bootstrap_interval
from spacetime.inputs import quoted
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.search import SpaceTimeIndex, continent_of
from spacetime.training import TrainingOptions, train_stage1, train_stage2
from spacetime.training.pairs import PairRecipe, build_pairs

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
    ):
        with pytest.raises(ValueError, match=f"device '{device}' cannot be used here .*; give 'cpu', or") as caught:
            call()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


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


# ------------------------------------------------------------------------------------------------ maps, clusters

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


# --- what the public functions take -------------------------------------------------------------------------

ROWS = datasets.Dataset.from_dict(
    {
        "text": [f"It is day {day} of rain." for day in range(8)],
        "month": ["2019-01", "2019-05"] * 4,
        "region": ["UK", "UK", "US", "US"] * 2,
    }
)


def odd(value: Any) -> Any:
    """A value that mypy does not look at."""
    return value


def calls(encoder: SpaceTimeEncoder, folder: Path) -> dict[str, Any]:
    """Public functions as they are called, by name, with what the first of their parameters is called."""
    short = TrainingOptions(max_steps=1, batch_size=4)
    return {
        "split_corpus": lambda rows, **how: split_corpus(rows, by="hash", validation=0, test=0.5, **how),
        "build_pairs": lambda rows, **how: build_pairs(rows, encoder, encoder.months, encoder.regions, **how),
        "decay": lambda rows, **how: decay(encoder, rows, **{"steps": [1], "resamples": 5, **how}),
        "pair_response": lambda rows, **how: pair_response(encoder, rows, **how),
        "rank_agreement": lambda rows, **how: rank_agreement(encoder, encoder, rows, **how),
        "train_stage1": lambda rows, **how: train_stage1(rows, encoder, folder / "out", short, overwrite=True, **how),
    }


@pytest.mark.parametrize("name", calls(odd(None), Path()))
def test_a_function_on_a_corpus_takes_any_table_and_names_what_is_none(
    encoder: SpaceTimeEncoder, name: str, tmp_path: Path
) -> None:
    call = calls(copy.deepcopy(encoder), tmp_path)[name]
    corpus = load_corpus(ROWS, cache_dir=tmp_path)
    for table in (ROWS, ROWS.to_pandas(), pa.table(ROWS.to_dict()), corpus):
        call(table)
    for wrong in (ROWS.to_dict(), ROWS.to_list(), iter(ROWS), None, "rows.csv", 5):
        kind = (
            f"not {quoted(wrong)}" if wrong is None or isinstance(wrong, str | int) else f"not a {type(wrong).__name__}"
        )
        with pytest.raises(ValueError, match=rf"^dataset must be a Dataset.*, {re.escape(kind)}$"):
            call(wrong)
    with pytest.raises(ValueError, match="column 'month'"):
        call(ROWS.remove_columns("month"))


@pytest.mark.parametrize(
    ("name", "parameter", "least"),
    [("decay", "max_sentences", 2), ("decay", "resamples", 1), ("decay", "seed", 0), ("decay", "batch_size", 1),
     ("split_corpus", "seed", 0), ("build_pairs", "count", 1), ("rank_agreement", "max_sentences", 2)],
)  # fmt: skip
def test_a_whole_number_of_any_type_is_one_everywhere(
    encoder: SpaceTimeEncoder, name: str, parameter: str, least: int, tmp_path: Path
) -> None:
    call = calls(encoder, tmp_path)[name]
    for right in (4.0, np.int64(4)):
        call(ROWS, **{parameter: right})
    for wrong in (least - 1, 2.5, "8", True, float("nan"), [4]):
        with pytest.raises(ValueError, match=f"^{parameter} must be a whole number of at least {least}, not "):
            call(ROWS, **{parameter: wrong})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda encoder, _: encoder.save(odd(None)), "path must be a str or a Path, not None"),
        (lambda encoder, _: encoder.save(odd(b"x")), "path must be a str or a Path, not b'x'"),
        (lambda *_: SpaceTimeIndex.load(odd(5)), "folder must be a str or a PathLike, not 5"),
        (lambda *_: SpaceTimeEncoder.from_plain(seed=odd(None)), "seed must be a whole number of at least 0, not None"),
        (lambda *_: continent_of(odd(["UK"])), "region must be a str, not a list"),
        (lambda *_: bootstrap_interval([]), "values are empty: give at least one row"),
        (lambda *_: bootstrap_interval([1.0], level=95), "level must lie between 0 and 1, as .95 for 95 %, not 95"),
        (lambda *_: bootstrap_interval([1.0], resamples=0), "resamples must be a whole number of at least 1, not 0"),
        (
            lambda *_: centroid_paths(np.eye(4), [0, 0, 1, 1], window=odd(None)),
            "window must be a whole number .* not None",
        ),
        (lambda *_: cosine_by_months_apart(np.eye(4), [0, 0, 1, 1], level=95), "level must lie between 0 and 1"),
        (lambda *_: cosine_of_regions(np.eye(4), list("aabb"), resamples=0), "resamples must be a whole number"),
        (lambda *_: cluster_names("abc", [0, 1, 2]), "texts must be a Sequence, not 'abc'"),
        (
            lambda encoder, _: build_pairs(ROWS, odd("plain"), encoder.months, encoder.regions),
            "plain must be a SpaceTime",
        ),
        (
            lambda encoder, _: build_pairs(ROWS, encoder, odd(("2019-01", "2019-05")), odd(None)),
            "months must be a MonthRange",
        ),
        (lambda *_: decay(odd("released"), ROWS), "encoder must be a ContextEncoder, not 'released'"),
        (
            lambda encoder, at: train_stage1(ROWS, encoder, at, odd({"max_steps": 1})),
            "options must be a TrainingOptions",
        ),
        (lambda encoder, at: train_stage1(ROWS, encoder, odd(None)), "output must be a str or a Path, not None"),
        (lambda encoder, at: train_stage2(ROWS, encoder, at), "pairs has no column 'text1'; it has text, month"),
        (lambda *_: TrainingOptions(batch_size=odd(None)), "batch_size must be a whole number of at least 1, not None"),
        (lambda *_: TrainingOptions(seed=odd("8")), "seed must be a whole number of at least 0, not '8'"),
        (lambda *_: PairRecipe(meaning_weight=float("nan")), "meaning_weight must be a number, not nan"),
        (lambda *_: PairRecipe(time_scale=odd(None)), "time_scale must be a number, not None"),
    ],
)
def test_what_a_function_cannot_take_is_named(
    encoder: SpaceTimeEncoder, call: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        call(encoder, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_fields_become_what_they_are_said_to_be() -> None:
    options = TrainingOptions(batch_size=odd(32.0), seed=odd(np.int64(3)))
    assert (type(options.batch_size), type(options.seed)) == (int, int)
