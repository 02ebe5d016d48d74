"""Promises of `spacetime.training.pairs`: labels by the recipe, parts that cosines can reach, pairs of every kind."""

from typing import Any

import datasets
import numpy as np
import pytest

from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.pairs import PairRecipe, build_pairs, great_circle_km

MONTHS, REGIONS = MonthRange("2017-01", "2021-12"), RegionSet(["UK", "US", "AUS", "CAN"])


@pytest.fixture(scope="module")
def plain() -> SpaceTimeEncoder:
    return SpaceTimeEncoder.from_plain("none")


def corpus(rows: int = 300) -> datasets.Dataset:
    random = np.random.default_rng(0)
    words = "rain snow vote match law bank fire ship film war plane river train court strike storm".split()
    return datasets.Dataset.from_dict(
        {
            "text": [f"The {words[i % 16]} and the {words[(i // 16) % 16]}, report {i}." for i in range(rows)],
            "month": [None if i == 0 else MONTHS.labels(int(random.integers(60))) for i in range(rows)],
            "region": [REGIONS.labels(int(random.integers(4))) for i in range(rows)],
        }
    )


@pytest.mark.parametrize("value_range", ["[-1, 1]", "[0, 1]"])
@pytest.mark.parametrize("time_kernel", ["linear", "exponential"])
@pytest.mark.parametrize("region_kernel", ["same", "distance"])
def test_cosines_can_reach_both_kernels(value_range: Any, time_kernel: Any, region_kernel: Any) -> None:
    recipe = PairRecipe(value_range=value_range, time_kernel=time_kernel, region_kernel=region_kernel)
    for matrix in (recipe.time_similarity(MONTHS), recipe.region_similarity(REGIONS)):
        assert np.linalg.eigvalsh(matrix).min() > -1e-9
        np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-6)  # arccos loses half the digits near 1
        assert (matrix[0, 1:] < 1).all()


def test_plus_and_minus_one_among_four_regions_cannot_be_reached() -> None:
    assert np.linalg.eigvalsh(2 * np.eye(4) - 1).min() == pytest.approx(-2)


def test_time_similarity_falls_with_the_months_between() -> None:
    for kernel in ("linear", "exponential"):
        row = PairRecipe(time_kernel=kernel).time_similarity(MONTHS)[0]  # type: ignore[arg-type]
        assert (np.diff(row) < 0).all()
    linear = PairRecipe().time_similarity(MONTHS)[0]
    assert linear[0] == 1 and linear[59] == -1


def test_the_label_is_the_weighted_sum() -> None:
    # Worked by hand, with the card's months a month apart: .6 * .5 + .2 * (1 - 2/59) + .2 * 1
    time = PairRecipe().time_similarity(MONTHS)[MONTHS.ids("2020-01"), MONTHS.ids("2020-02")]
    label = PairRecipe().label(np.array([0.5]), np.array([time]), np.array([1.0]))
    assert label[0] == pytest.approx(0.3 + 0.2 * (1 - 2 / 59) + 0.2)


def test_missing_parts_leave_the_others_in_proportion() -> None:
    nan = np.nan
    label = PairRecipe().label(np.array([0.5, 0.5]), np.array([nan, nan]), np.array([1.0, nan]))
    assert label == pytest.approx([(0.6 * 0.5 + 0.2 * 1) / 0.8, 0.5])


def test_pairs_hold_what_they_say(plain: SpaceTimeEncoder) -> None:
    data = corpus()
    pairs = build_pairs(data, plain, MONTHS, REGIONS).to_pandas()
    assert len(pairs) == 300
    known = set(zip(data["text"], data["month"], data["region"], strict=True))
    for side in "12":
        rows = zip(pairs[f"text{side}"], pairs[f"month{side}"], pairs[f"region{side}"], strict=True)
        assert {(text, None if month != month else month, region) for text, month, region in rows} <= known
    assert set(pairs["text1"]) == set(data["text"]), "every sentence is the first one of a pair"
    assert (pairs["text1"] != pairs["text2"]).all(), "no row is paired with itself"
    some = pairs.iloc[7]
    cosine = plain.similarity(plain.encode(some["text1"]), plain.encode(some["text2"]))[0, 0]
    assert some["cosine"] == pytest.approx(cosine, abs=1e-5)
    without_month = pairs["month1"].isna() | pairs["month2"].isna()
    assert without_month.any() and pairs["time_similarity"].isna().equals(without_month)
    assert np.isfinite(pairs["label"]).all()


def test_every_kind_of_pair_is_what_its_name_says(plain: SpaceTimeEncoder) -> None:
    pairs = build_pairs(corpus(2000), plain, MONTHS, REGIONS).to_pandas().dropna(subset=["month1", "month2"])
    shares = pairs["kind"].value_counts(normalize=True)
    recipe = PairRecipe()
    assert shares["near meaning"] == pytest.approx(recipe.near_meaning, abs=0.04)
    assert shares["same month"] == pytest.approx(recipe.same_month, abs=0.03)
    by_kind = dict(list(pairs.groupby("kind")))
    assert (by_kind["same month"]["month1"] == by_kind["same month"]["month2"]).all()
    same_region = by_kind["same region"]
    assert (same_region["region1"] == same_region["region2"]).all()
    assert by_kind["near meaning"]["cosine"].mean() > by_kind["random"]["cosine"].mean() + 0.1
    cell = by_kind["same cell"]
    same = (cell["month1"] == cell["month2"]) & (cell["region1"] == cell["region2"])
    assert same.mean() > 0.95  # a sentence alone in its month and region is paired at random


def test_the_same_recipe_gives_the_same_pairs(plain: SpaceTimeEncoder) -> None:
    one, other = (build_pairs(corpus(), plain, MONTHS, REGIONS, count=50) for _ in range(2))
    assert one["text2"][:] == other["text2"][:]
    another = build_pairs(corpus(), plain, MONTHS, REGIONS, PairRecipe(seed=1), count=50)
    assert one["text2"][:] != another["text2"][:]


def test_a_large_corpus_finds_near_sentences_by_an_index(
    plain: SpaceTimeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, recipe = corpus(600), PairRecipe(near_meaning=1.0, same_cell=0, same_month=0, same_region=0)
    texts = rows["text"][:]
    cosine = plain.encode(texts) @ plain.encode(texts).T
    np.fill_diagonal(cosine, -2)
    tenth = dict(zip(texts, np.sort(cosine, axis=1)[:, -10], strict=True))
    monkeypatch.setattr("spacetime.training.pairs.EXACT_ROWS", 200)
    pairs = build_pairs(rows, plain, MONTHS, REGIONS, recipe)
    assert set(pairs["kind"]) == {"near meaning"}
    assert all(one != other for one, other in zip(pairs["text1"], pairs["text2"], strict=True))
    near = [found >= tenth[text] - 1e-3 for text, found in zip(pairs["text1"], pairs["cosine"], strict=True)]
    assert np.mean(near) > 0.9  # of random pairs about one in sixty


def test_great_circle_distance() -> None:
    london, new_york, sydney = [51.5, -0.1], [40.7, -74.0], [-33.9, 151.2]
    distance = great_circle_km(np.array([london, new_york, sydney]))
    assert distance[0, 1] == pytest.approx(5570, rel=0.01) and distance[0, 2] == pytest.approx(17_000, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"meaning_weight": 0.9}, "add up to 1"),
        ({"near_meaning": 0.9}, "shares of sampled pairs"),
        ({"time_kernel": "cubic"}, "time_kernel must be one of"),
        ({"value_range": "[0,1]"}, "value_range must be one of"),
        ({"time_scale": 0.0}, "time_scale must be above 0"),
    ],
)
def test_bad_recipes_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairRecipe(**changes)


def test_bad_corpora_are_refused(plain: SpaceTimeEncoder) -> None:
    with pytest.raises(ValueError, match="pairs need at least two sentences; the corpus has 1"):
        build_pairs(corpus(1), plain, MONTHS, REGIONS)
    with pytest.raises(ValueError, match="region Mars has no coordinates"):
        PairRecipe(region_kernel="distance").region_similarity(RegionSet(["UK", "Mars"]))
