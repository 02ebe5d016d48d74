"""Promises of `spacetime.search`: the true best of what passes the filters, exact parts of a score, files that last."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pycountry
import pytest
import torch

from spacetime import search
from spacetime.cli import main
from spacetime.corpus import load_corpus
from spacetime.encoder import RELEASED, SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer
from spacetime.months import month_number
from spacetime.search import CONTINENTS, SpaceTimeIndex, continent_of, encoder_fingerprint

REGIONS = ["UK", "FRA", "US", "JPN", "EU", "Lilliput", "GA"]
WORDS = "rain snow fog sun wind hail frost shops schools trains banks rates votes strikes games films".split()
# A float16 is off by at most 2^-11 of itself, so a cosine by 2^-11 of a sum of products of two unit vectors, which is
# at most 1; and the encoder's own float32 by a little.
TOLERANCE = 2**-11 + 1e-5


def make_encoder(seed: int = 0, regions: list[str] = REGIONS) -> SpaceTimeEncoder:
    """A very small model at random, in which month and region matter."""
    torch.manual_seed(seed)
    config: Any = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = SpaceTimeMiniLM(
        SpaceTimeConfig(conditioning="prefix", regions=regions, region_encoding="tokenized", **config)
    )
    for name, weight in model.named_parameters():
        torch.nn.init.normal_(weight, std=0.6 if ".conditioning." in name else 0.3)
    return SpaceTimeEncoder(model, load_tokenizer())


def make_rows(count: int, seed: int = 0) -> datasets.Dataset:
    """Sentences of random words; some rows lack the month, some the region, some both."""
    draw = np.random.default_rng(seed)
    months = [f"{draw.integers(2017, 2022)}-{draw.integers(1, 13):02d}" for _ in range(count)]
    regions: list[str | None] = [str(draw.choice(REGIONS)) for _ in range(count)]
    return datasets.Dataset.from_dict(
        {
            "text": [" ".join(draw.choice(WORDS, 5)) for _ in range(count)],
            "month": [None if row % 7 == 0 else month for row, month in enumerate(months)],
            "region": [None if row % 5 == 0 else region for row, region in enumerate(regions)],
            "source": [f"paper {row % 3}" for row in range(count)],
            "score": list(range(count)),
        }
    )


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    return make_encoder()


@pytest.fixture(scope="module")
def rows() -> datasets.Dataset:
    return make_rows(600)


@pytest.fixture(scope="module")
def index(rows: datasets.Dataset, encoder: SpaceTimeEncoder) -> SpaceTimeIndex:
    return SpaceTimeIndex.build(rows, encoder, show_progress=False)


def brute_force(
    rows: datasets.Dataset,
    encoder: SpaceTimeEncoder,
    query: str,
    month: str | None,
    region: str | None,
    time_weight: float = 1.0,
    region_weight: float = 1.0,
) -> np.ndarray:
    """The score of every row by the formula of the module's description, straight from the encoder, (n,)."""
    columns = rows.to_pandas()
    dated, placed = columns["month"].notna().to_numpy(), columns["region"].notna().to_numpy()
    with_time = np.where(dated, time_weight if month else 0.0, 0.0)
    with_place = np.where(placed, region_weight if region else 0.0, 0.0)
    scores = np.zeros(len(rows))
    for m, of_month in ((None, 1 - with_time), (month, with_time)):
        for r, of_region in ((None, 1 - with_place), (region, with_place)):
            months, regions = rows["month"][:] if m else None, rows["region"][:] if r else None
            scores += (
                of_month * of_region * (encoder.encode(rows["text"][:], months, regions) @ encoder.encode(query, m, r))
            )
    return scores


def assert_best(found: pd.DataFrame, scores: np.ndarray, passing: np.ndarray, k: int) -> None:
    """The table holds k passing rows, none of which is beaten by a row that it lacks."""
    assert len(found) == min(k, passing.sum())
    assert passing[found["row"]].all()
    np.testing.assert_allclose(found["score"], scores[found["row"]], atol=TOLERANCE)
    assert found["score"].is_monotonic_decreasing
    left = passing.copy()
    left[found["row"]] = False
    assert not left.any() or scores[left].max() <= found["score"].min() + TOLERANCE


# --- what is found ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (0.5, 0.25)])
def test_the_nearest_rows_are_those_of_the_formula(
    weights: tuple[float, float], index: SpaceTimeIndex, rows: datasets.Dataset, encoder: SpaceTimeEncoder
) -> None:
    found = index.search("snow and strikes", "2020-03", "UK", k=5, time_weight=weights[0], region_weight=weights[1])
    scores = brute_force(rows, encoder, "snow and strikes", "2020-03", "UK", *weights)
    assert_best(found, scores, np.ones(len(rows), bool), 5)


def test_a_filter_that_keeps_one_row_in_a_hundred_loses_none_of_them(
    rows: datasets.Dataset, encoder: SpaceTimeEncoder
) -> None:
    """Six rows far below the first ten of an unfiltered search: filtering afterwards would find none."""
    scores = brute_force(rows, encoder, "banks", "2021-11", "US")
    worst = np.argsort(scores)[:6]
    marked = rows.to_pandas()
    marked["month"], marked["region"] = marked["month"].where(marked["month"] != "2018-05", "2018-06"), marked["region"]
    marked.loc[worst, ["month", "region"]] = ["2018-05", "JPN"]
    changed = datasets.Dataset.from_pandas(marked)
    index = SpaceTimeIndex.build(changed, encoder, show_progress=False)
    found = index.search(
        "banks",
        "2021-11",
        "US",
        months=("2018-05", "2018-05"),
        regions=["Asia"],
        keep_undated=False,
        keep_unplaced=False,
    )
    assert set(found["row"]) == set(worst)


def test_the_best_of_a_wide_filter_are_found(
    index: SpaceTimeIndex, rows: datasets.Dataset, encoder: SpaceTimeEncoder
) -> None:
    found = index.search("fog", "2019-02", "FRA", k=3, months=("2018-01", "2020-12"), keep_undated=False)
    months = np.array([row["month"] or "" for row in rows])
    passing = (months >= "2018-01") & (months <= "2020-12")
    assert_best(found, brute_force(rows, encoder, "fog", "2019-02", "FRA"), passing, 3)


def test_decay_halves_and_stops_at_the_floor(
    index: SpaceTimeIndex, rows: datasets.Dataset, encoder: SpaceTimeEncoder
) -> None:
    found = index.search("trains", "2019-06", "US", k=8, half_life=6, floor=0.2)
    scores = brute_force(rows, encoder, "trains", "2019-06", "US")
    gap = np.array([abs(month_number(row["month"]) - month_number("2019-06")) if row["month"] else 0 for row in rows])
    decayed = np.where(scores > 0, scores * (0.2 + 0.8 * 0.5 ** (gap / 6)), scores)
    assert_best(found, decayed, np.ones(len(rows), bool), 8)


def test_decay_leaves_undated_rows_alone_and_can_be_off(encoder: SpaceTimeEncoder) -> None:
    rows = datasets.Dataset.from_dict({"text": ["rain"] * 2, "month": ["2017-01", None], "region": [None, None]})
    index = SpaceTimeIndex.build(rows, encoder)
    found = index.search("rain", "2021-12", half_life=1, time_weight=0).set_index("row")
    assert found.loc[1, "decay"] == 0 and found.loc[1, "score"] == pytest.approx(1, abs=TOLERANCE)
    assert found.loc[0, "decay"] == pytest.approx(-1, abs=TOLERANCE)  # 59 half-lives
    assert (index.search("rain", "2021-12")["decay"] == 0).all()


def test_a_row_without_month_or_region_is_compared_without_them(index: SpaceTimeIndex, rows: datasets.Dataset) -> None:
    """So that it is not punished for a query's month and region: its score is that of a search without them."""
    named = index.search("votes", "2020-03", "UK", k=len(rows)).set_index("row")["score"]
    bare = index.search("votes", k=len(rows)).set_index("row")["score"]
    neither = [row for row in range(len(rows)) if row % 35 == 0]
    pd.testing.assert_series_equal(named[neither], bare[neither], atol=1e-6)


def test_a_query_without_month_and_region_is_answered_by_meaning_alone(
    index: SpaceTimeIndex, rows: datasets.Dataset, encoder: SpaceTimeEncoder
) -> None:
    found = index.search("hail", k=len(rows)).sort_values("row")
    np.testing.assert_allclose(found["score"], encoder.encode(rows["text"][:]) @ encoder.encode("hail"), atol=TOLERANCE)


def test_equal_rows_come_in_the_order_of_the_corpus(encoder: SpaceTimeEncoder) -> None:
    index = SpaceTimeIndex.build(datasets.Dataset.from_dict({"text": ["rain"] * 30}), encoder)
    index._vectors[0] = np.repeat(index._vectors[0][:1], 30, axis=0)  # texts in other batches may differ in a last bit
    assert index.search("rain", k=4)["row"].tolist() == [0, 1, 2, 3]


def test_several_queries_give_what_each_gives_alone(index: SpaceTimeIndex) -> None:
    together = index.search(["rain", "rates"], ["2018-01", None], "US", k=3)
    assert together["query"].tolist() == [0, 0, 0, 1, 1, 1]
    for number, month in enumerate(["2018-01", None]):
        alone = index.search(["rain", "rates"][number], month, "US", k=3)
        one = together[together["query"] == number].drop(columns="query").reset_index(drop=True)
        pd.testing.assert_frame_equal(one, alone, atol=1e-6, check_dtype=False)


# --- the parts of a score -----------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.3, 0.8)])
def test_parts_add_up_and_meaning_is_the_plain_cosine(
    index: SpaceTimeIndex, encoder: SpaceTimeEncoder, weights: tuple[float, float]
) -> None:
    found = index.search("films", "2018-09", "EU", 50, time_weight=weights[0], region_weight=weights[1], half_life=9)
    parts = found[["meaning", "time", "place", "decay"]]
    np.testing.assert_allclose(parts.sum(axis=1), found["score"], atol=1e-12)
    plain = encoder.encode(found["text"].tolist()) @ encoder.encode("films")
    np.testing.assert_allclose(found["meaning"], plain, atol=TOLERANCE)


def test_time_and_place_are_means_of_the_gain_when_added_first_and_last(index: SpaceTimeIndex) -> None:
    def scores(time: float, region: float) -> pd.Series:
        found = index.search("games", "2017-04", "JPN", k=600, time_weight=time, region_weight=region)
        return found.set_index("row")["score"].sort_index()

    found = index.search("games", "2017-04", "JPN", k=600).set_index("row").sort_index()
    none, time, place, both = scores(0, 0), scores(1, 0), scores(0, 1), scores(1, 1)
    np.testing.assert_allclose(found["time"], ((time - none) + (both - place)) / 2, atol=1e-6)
    np.testing.assert_allclose(found["place"], ((place - none) + (both - time)) / 2, atol=1e-6)
    assert found["time"].abs().max() > 0.01 and found["place"].abs().max() > 0.01, "the model ignores its labels"


def test_what_weight_0_leaves_out_has_no_part(index: SpaceTimeIndex) -> None:
    assert (index.search("games", "2017-04", "JPN", time_weight=0)["time"] == 0).all()
    assert (index.search("games", "2017-04", "JPN", region_weight=0)["place"] == 0).all()


# --- filters ------------------------------------------------------------------------------------------


def test_every_country_is_on_a_continent() -> None:
    assert [c.alpha_2 for c in pycountry.countries if continent_of(c.alpha_2) not in CONTINENTS] == []


def test_continents_of_regions_that_are_no_iso_countries() -> None:
    assert [continent_of(region) for region in ("EU", "Kosovo", "UK", "Lilliput")] == [
        "Europe",
        "Europe",
        "Europe",
        None,
    ]


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (["Europe"], {"UK", "FRA", "EU"}),
        ("Europe", {"UK", "FRA", "EU"}),
        (["GB"], {"UK"}),
        (["EU"], {"EU"}),
        (["Asia", "Lilliput"], {"JPN", "Lilliput"}),
        (["Africa"], {"GA"}),
    ],
)
def test_a_filter_of_regions_keeps_what_lies_in_them(index: SpaceTimeIndex, wanted: Any, kept: set[str]) -> None:
    found = index.search("rain", k=600, regions=wanted, keep_unplaced=False)
    assert set(found["region"]) == kept


def test_groups_hold_own_regions_and_move_them_to_continents(rows: datasets.Dataset, encoder: SpaceTimeEncoder) -> None:
    groups = {"Blefuscu and beyond": ["Lilliput", "United Kingdom"], "North America": ["GA"]}
    index = SpaceTimeIndex.build(rows.select(range(100)), encoder, groups=groups)

    def kept(name: str) -> set[str]:
        return set(index.search("rain", k=100, regions=[name], keep_unplaced=False)["region"])

    assert kept("Blefuscu and beyond") == {"Lilliput", "UK"}
    assert kept("North America") == {"US", "GA"}
    with pytest.raises(ValueError, match="no row of the index is in region 'Africa'"):
        kept("Africa")


def test_unknown_labels_pass_filters_unless_told_otherwise(index: SpaceTimeIndex) -> None:
    options: Any = {"months": ("2019-01", None), "regions": ["US"]}
    kept = index.search("rain", k=600, **options)
    assert kept["month"].isna().any() and kept["region"].isna().any()
    strict = index.search("rain", k=600, **options, keep_undated=False, keep_unplaced=False)
    assert set(strict["region"]) == {"US"} and strict["month"].min() >= "2019-01"


def test_what_the_filters_leave_out_is_counted(index: SpaceTimeIndex, rows: datasets.Dataset) -> None:
    found = index.search("rain", months=(None, "2018-12"), regions=["Europe"], keep_undated=False)
    frame = rows.to_pandas()
    in_time, in_place = frame["month"] <= "2018-12", frame["region"].isin(["UK", "FRA", "EU"]) | frame["region"].isna()
    assert found.attrs["filters"] == {
        "rows": 600,
        "searched": (in_time & in_place).sum(),
        "left_out_by_month": (~in_time).sum(),
        "left_out_by_region": (~in_place).sum(),
        "searched_undated": 0,
        "searched_unplaced": (in_time & frame["region"].isna()).sum(),
        "regions_without_continent": ["Lilliput"],
    }


def test_filters_that_leave_nothing_give_an_empty_table(index: SpaceTimeIndex) -> None:
    found = index.search("rain", months=("1990-01", "1990-12"), keep_undated=False)
    assert len(found) == 0 and "meaning" in found and found.attrs["filters"]["searched"] == 0


# --- columns ------------------------------------------------------------------------------------------


def test_results_have_every_column_of_the_corpus(index: SpaceTimeIndex, rows: datasets.Dataset) -> None:
    found = index.search("rain", k=20)
    own = ["row", "text", "month", "region", "score", "meaning", "time", "place", "decay"]
    assert found.columns.tolist() == [*own, "source", "file_score"]
    for _, line in found.iterrows():
        row = rows[int(line["row"])]
        assert (line["text"], line["source"], line["file_score"]) == (row["text"], row["source"], row["score"])


def test_rows_come_from_any_arrow_batch(encoder: SpaceTimeEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_ARROW_BATCH", 7)
    monkeypatch.setattr(search, "_ENCODED_AT_ONCE", 4)
    monkeypatch.setattr(search, "_SCANNED_AT_ONCE", 5)
    rows = make_rows(40).select(range(39, -1, -1))  # with an order of its own on top of the file's
    found = SpaceTimeIndex.build(rows, encoder).search("rain", "2020-01", "US", k=40)
    assert [rows[row]["text"] for row in found["row"]] == found["text"].tolist()
    assert_best(found, brute_force(rows, encoder, "rain", "2020-01", "US"), np.ones(40, bool), 40)


# --- the folder ---------------------------------------------------------------------------------------


def test_a_saved_index_finds_the_same(index: SpaceTimeIndex, encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    index.save(tmp_path / "saved")
    loaded = SpaceTimeIndex.load(tmp_path / "saved", encoder)
    pd.testing.assert_frame_equal(loaded.search("rain", "2020-01", "US"), index.search("rain", "2020-01", "US"))


def test_building_into_a_folder_leaves_an_index_there_and_nothing_beside(
    encoder: SpaceTimeEncoder, tmp_path: Path
) -> None:
    for count in (10, 20):  # the second takes the first one's place
        SpaceTimeIndex.build(make_rows(count), encoder, folder=tmp_path / "here")
        assert len(SpaceTimeIndex.load(tmp_path / "here", encoder)) == count
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_build_that_fails_leaves_the_old_index(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    SpaceTimeIndex.build(make_rows(10), encoder, folder=tmp_path / "here")
    broken = datasets.Dataset.from_dict({"text": ["rain", None]})
    with pytest.raises(ValueError, match=r"row 1 \(from 0\) of the corpus has no text but None"):
        SpaceTimeIndex.build(broken, encoder, folder=tmp_path / "here")
    assert len(SpaceTimeIndex.load(tmp_path / "here", encoder)) == 10
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_vectors_are_float16_memory_mapped_and_nothing_is_pickled(index: SpaceTimeIndex) -> None:
    for array in index._vectors:
        assert isinstance(array, np.memmap) and array.dtype == np.float16 and array.shape == (600, 24)
    assert {path.suffix for path in index.folder.iterdir()} == {".json", ".npy", ".arrow"}


def test_an_encoder_is_known_again_after_saving_and_not_after_a_change(tmp_path: Path) -> None:
    encoder = make_encoder()
    encoder.save(tmp_path / "model")
    before = encoder_fingerprint(encoder)
    encoder.encode("a text that makes the tokenizer cut and pad")
    assert encoder_fingerprint(SpaceTimeEncoder.load(tmp_path / "model")) == before == encoder_fingerprint(encoder)
    with torch.no_grad():
        next(encoder.model.parameters())[0] += 1e-3
    assert encoder_fingerprint(encoder) != before


def test_another_encoder_is_refused(index: SpaceTimeIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "saved")
    with pytest.raises(
        ValueError, match=r"built with another encoder than SpaceTimeEncoder\(prefix.* cannot be compared; give the enc"
    ):
        SpaceTimeIndex.load(tmp_path / "saved", make_encoder(seed=1))


def test_an_index_loads_the_encoder_it_names(tmp_path: Path) -> None:
    encoder = make_encoder()
    encoder.save(tmp_path / "model")
    SpaceTimeIndex.build(make_rows(10), encoder, folder=tmp_path / "index")
    assert len(SpaceTimeIndex.load(tmp_path / "index").search("rain")) == 10


def test_the_plain_model_searches_any_months_and_regions(tmp_path: Path) -> None:
    rows = [
        "text,month,region",
        "Rain in the hills,1999-01,Lilliput",
        "Banks raise rates,2003-02,Japan",
        "Banks fail,,",
    ]
    (tmp_path / "corpus.csv").write_text("\n".join(rows) + "\n")
    corpus = load_corpus(tmp_path / "corpus.csv", cache_dir=tmp_path, show_progress=False)
    encoder = SpaceTimeEncoder.from_plain("none", corpus.months, corpus.regions)
    SpaceTimeIndex.build(corpus, encoder, folder=tmp_path / "index")
    found = SpaceTimeIndex.load(tmp_path / "index").search("rain", "2003-02", "Japan", half_life=12)
    plain = SpaceTimeEncoder.load("plain")
    np.testing.assert_allclose(
        found["meaning"], plain.encode(found["text"].tolist()) @ plain.encode("rain"), atol=TOLERANCE
    )
    assert (found[["time", "place"]] == 0).all(axis=None) and (found["decay"] < 0).sum() == 1


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which `out/model` and an index of it, `out/index`, were named by relative paths."""
    encoder = make_encoder()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    encoder.save("out/model")
    SpaceTimeIndex.build(make_rows(10), encoder, folder="out/index", show_progress=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "here"


@pytest.mark.parametrize("move", ["nothing", "both", "index", "saved", "another model beside it"])
def test_an_index_finds_its_model_from_another_folder(built: Path, tmp_path: Path, move: str) -> None:
    index = built / "out/index"
    if move == "both":
        index = built.rename(tmp_path / "there") / "out/index"
    elif move == "index":
        index = index.rename(tmp_path / "index")
    elif move == "saved":
        (tmp_path / "saved").mkdir()
        SpaceTimeIndex.load(index).save(tmp_path / "saved/index")
        index = built.rename(tmp_path / "saved/here") / "../index"  # only the new way from the one to the other holds
        (tmp_path / "saved").rename(tmp_path / "moved")
        index = tmp_path / "moved/index"
        (tmp_path / "moved/here").rename(tmp_path / "here")
    elif move == "another model beside it":
        (tmp_path / "there").mkdir()
        index = index.rename(tmp_path / "there/index")
        make_encoder(seed=1).save(tmp_path / "there/model")
    assert len(SpaceTimeIndex.load(index).search("rain")) == 10


def test_a_model_that_is_gone_is_named_and_never_asked_for_on_the_hub(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (built / "out/model").rename(tmp_path / "elsewhere")
    gone = f"was built with the model in {built}/out/model, which is neither there nor in"
    with pytest.raises(FileNotFoundError, match=gone):
        SpaceTimeIndex.load(built / "out/index")
    assert main(["search", str(built / "out/index"), "rain"]) == 2
    assert "put it back, or give it along (or with --model)" in capsys.readouterr().err
    assert main(["search", str(built / "out/index"), "rain", "--model", str(tmp_path / "elsewhere")]) == 0


def test_an_index_that_names_no_encoder_asks_for_it(index: SpaceTimeIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "saved")
    with pytest.raises(ValueError, match="does not say which encoder it was built with; give it"):
        SpaceTimeIndex.load(tmp_path / "saved")


def test_damaged_folders_are_refused_in_one_line(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no search index in .*; make one with"):
        SpaceTimeIndex.load(tmp_path / "nowhere", encoder)
    folder = tmp_path / "index"
    for file, content, message in (
        ("vectors-both.npy", b"", "vectors-both.npy cannot be read"),
        ("rows.arrow", b"no arrow", "rows.arrow cannot be read"),
        ("index.json", b"{", "is not the description of a search index"),
        ("index.json", b'{"format": 1}', "is of format 1, and this version reads 2; build the index anew"),
    ):
        SpaceTimeIndex.build(make_rows(10), encoder, folder=folder)
        (folder / file).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            SpaceTimeIndex.load(folder, encoder)
    SpaceTimeIndex.build(make_rows(10), encoder, folder=folder)
    description = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(description | {"rows": 11}))
    with pytest.raises(ValueError, match="do not all hold the 11 rows"):
        SpaceTimeIndex.load(folder, encoder)


def test_a_folder_with_other_files_is_not_overwritten(index: SpaceTimeIndex, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ValueError, match="holds other files and no search index"):
        index.save(tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        index.save(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "all of it"


def test_a_saved_index_is_pickled_and_copied_as_its_folder(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    index = SpaceTimeIndex.build(make_rows(20), encoder)
    for call in (pickle.dumps, copy.deepcopy):
        with pytest.raises(ValueError, match="lies in a temporary folder, which goes with it; save it, then copy or"):
            call(index)
    temporary = index.folder
    index.save(tmp_path / "saved")
    assert index.folder == tmp_path / "saved" and not temporary.exists(), "it has moved, and left nothing behind"
    expected = index.search("rain", "2020-01", "US")
    for again in (pickle.loads(pickle.dumps(index)), copy.deepcopy(index), copy.copy(index)):
        pd.testing.assert_frame_equal(again.search("rain", "2020-01", "US"), expected)


def test_class_labels_are_their_names(encoder: SpaceTimeEncoder) -> None:
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "region": datasets.ClassLabel(names=["UK", "US"]),
            "topic": datasets.ClassLabel(names=["weather", "money"]),
        }
    )
    columns = {"text": ["rain", "banks", "snow"], "region": [1, 0, -1], "topic": [0, 1, 0]}
    index = SpaceTimeIndex.build(datasets.Dataset.from_dict(columns, features=features), encoder)
    found = index.search("rain").set_index("text")
    assert found.region["rain"] == "US" and found.region["banks"] == "UK" and pd.isna(found.region["snow"])
    assert found.topic["rain"] == "weather" and found.topic["banks"] == "money"
    assert set(index.search("rain", regions="UK", keep_unplaced=False).text) == {"banks"}
    with pytest.raises(ValueError, match="region must be text such as 'UK', not the number 1"):
        SpaceTimeIndex.build(datasets.Dataset.from_dict(columns), encoder)


def test_queries_and_filters_come_in_whatever_holds_a_column(index: SpaceTimeIndex) -> None:
    expected = index.search(["rain", "snow"], regions=["UK", "US"])
    for queries, regions in (
        (pa.array(["rain", "snow"]), pa.array(["UK", "US"])),
        (pd.Series(["rain", "snow"], index=[5, 5]), {"UK", "US"}),
        ((text for text in ("rain", "snow")), np.array(["UK", "US"])),
    ):
        pd.testing.assert_frame_equal(index.search(queries, regions=regions), expected)
    table: Any = pd.DataFrame({"rain": ["a"]})
    for call in (lambda: index.search(table), lambda: index.search("rain", regions=table)):
        with pytest.raises(ValueError, match="not a DataFrame; give its column"):
            call()


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": " "}, "query 0 is ' '"),
        ({"query": []}, "no query was given"),
        ({"k": 0}, "k must be a whole number of at least 1, not 0"),
        ({"k": True}, "k must be a whole number of at least 1, not True"),
        ({"month": "2031-01"}, "month '2031-01' is outside"),
        ({"region": "Uk"}, "did you mean 'UK'"),
        ({"time_weight": 1.5}, "time_weight must lie between 0 and 1, not 1.5"),
        ({"region_weight": -1}, "region_weight must lie"),
        ({"floor": 2}, "floor must lie"),
        ({"time_weight": "full"}, "time_weight must lie between 0 and 1, not 'full'"),
        ({"month": "2020-01", "half_life": "12"}, "half_life must be a number of months above 0, .* not '12'"),
        ({"regions": 5}, "regions to filter by must be names such as 'Europe' or 'UK', not 5"),
        ({"half_life": 0, "month": "2020-01"}, "half_life must be a number of months above 0"),
        ({"half_life": 6}, "half_life counts months from the query's month"),
        ({"months": "2019-01"}, "must be \\(first, last\\)"),
        ({"months": ("2020-01", "2019-01")}, "ends before it starts"),
        ({"months": ("2020-13", None)}, "there is no such month"),
        ({"regions": ["Eurpoe"]}, "'Eurpoe'; did you mean 'Europe'"),
        ({"regions": ["Brazil"]}, "no row of the index is in region 'Brazil'; its rows are of UK, FRA"),
        ({"regions": []}, "empty list"),
        ({"regions": [None]}, "must be names"),
    ],
)
def test_what_cannot_be_searched_is_said(index: SpaceTimeIndex, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        index.search(**({"query": "rain"} | options))


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"headline": ["rain"]}, {}, "the corpus has no column 'text'; it has headline"),
        ({"text": []}, {}, "the corpus is empty"),
        ({"text": ["rain", "snow"], "month": ["2020-01", "2031-01"]}, {}, r"row 1 \(from 0\) .* '2031-01' is outside"),
        ({"text": ["rain"], "region": ["Narnia"]}, {}, r"row 0 \(from 0\) .* unknown region 'Narnia'"),
        ({"text": ["rain"], "score": [1], "file_score": [2]}, {}, "would both be called 'file_score'"),
        ({"text": ["rain"]}, {"groups": {"North": ["Narnia"]}}, "group 'North': unknown region 'Narnia'"),
        ({"text": ["rain"]}, {"groups": {"UK": ["FRA"]}}, "group 'UK' has the name of a region"),
        ({"text": ["rain"]}, {"groups": {"North": "UK"}}, "must be a list of regions"),
    ],
)
def test_what_cannot_be_indexed_is_said(
    encoder: SpaceTimeEncoder, columns: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SpaceTimeIndex.build(datasets.Dataset.from_dict(columns), encoder, **options)


def test_a_list_is_no_corpus(encoder: SpaceTimeEncoder) -> None:
    with pytest.raises(ValueError, match="corpus must be a Dataset, not a list"):
        SpaceTimeIndex.build(["rain"], encoder)  # type: ignore[arg-type]


# --- the command line ---------------------------------------------------------------------------------


def test_the_commands_build_and_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))
    rows, encoder = make_rows(60), make_encoder()
    rows.to_csv(str(tmp_path / "corpus.csv"), index=False)
    encoder.save(tmp_path / "model")
    index = str(tmp_path / "index")
    assert main(["index", str(tmp_path / "corpus.csv"), "--model", str(tmp_path / "model"), "--output", index]) == 0
    assert capsys.readouterr().out == f"wrote {index}: 60 rows of 7 regions\n"

    asked = ["search", index, "new lockdown", "--month", "2020-03", "--region", "UK", "-k", "5"]
    asked += ["--filter-months", "2019-01..", "--filter-regions", "Europe,US", "--drop-undated", "--half-life", "9"]
    assert main([*asked, "--json"]) == 0
    printed = capsys.readouterr()
    found = SpaceTimeIndex.load(index, encoder).search(
        ["new lockdown"], "2020-03", "UK", 5, months=("2019-01", None), regions=["Europe", "US"], keep_undated=False,
        half_life=9,
    )  # fmt: skip
    assert [row["row"] for row in json.loads(printed.out)] == found["row"].tolist()
    assert f"searched {found.attrs['filters']['searched']} of 60 rows (0 of them without a month" in printed.err
    assert "on no known continent, so left out: Lilliput" in printed.err

    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["new lockdown", "   score meaning    time   place   decay  month    region  text"]
    assert len(lines) == 2 + len(found) and lines[2].endswith(found["text"][0])


def test_a_slip_in_a_filter_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", str(tmp_path), "rain", "--filter-months", "2019"]) == 2
    assert capsys.readouterr().err == ("spacetime: error: --filter-months '2019' is not of the form 2017-01..2021-12\n")


def test_an_index_is_of_the_released_model_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))
    rows = "text,month,region\nShops close,2020-03,UK\nShops close,2009-08,JPN\n"
    (tmp_path / "corpus.csv").write_text(rows)
    index = str(tmp_path / "index")
    SpaceTimeIndex.build(datasets.Dataset.from_csv(str(tmp_path / "corpus.csv")), folder=index)
    assert SpaceTimeIndex.load(index).encoder.origin == RELEASED.resolve()
    assert main(["index", str(tmp_path / "corpus.csv"), "--output", index]) == 0
    capsys.readouterr()
    assert main(["search", index, "shops", "--month", "2020-03", "--region", "GB", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["region"], second["region"]) == ("UK", "JPN")
    assert first["time"] != 0 and first["place"] > second["place"]
