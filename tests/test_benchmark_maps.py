"""What the benchmark of maps records: it reads what it says, finds what was planted, and repeats no sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import maps
from spacetime.encoder import DEFAULT_MONTHS, DEFAULT_REGIONS

QUIET = ["The council met about roads", "A bridge was opened by engineers", "Players won their final match"]
NEW = "Hospitals fill as the pandemic spreads"
WORDS = sorted({word for text in [*QUIET, NEW] for word in text.lower().split()})
CATEGORY = dict(zip([*QUIET, NEW], ["Politics", "Business", "Sports", "Health"], strict=True))


class WordCounts:
    """An encoder that counts words, with a little noise of each sentence's own; told a region, it adds the region."""

    months, regions = DEFAULT_MONTHS, DEFAULT_REGIONS

    def encode(self, texts: list[str], months: Any = None, regions: Any = None, *, show_progress: bool) -> np.ndarray:
        counts = np.array([[text.lower().split().count(word) for word in WORDS] for text in texts], dtype=float)
        told = np.zeros((len(texts), len(DEFAULT_REGIONS)))
        if regions is not None:
            told[np.arange(len(texts)), DEFAULT_REGIONS.ids(regions)] = 3
        return np.hstack([counts, told, np.random.default_rng(0).normal(0, 0.2, (len(texts), 4))])


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Two years of a sentence a day for six days a month; in the US all tell of the pandemic from 2020-03 on."""
    months = [f"{year}-{month:02d}" for year in (2019, 2020) for month in range(1, 13)]
    table = pd.DataFrame(
        [
            (NEW if region == "US" and month >= "2020-03" else QUIET[day % 3], month, region, f"{month}-{day:02d}")
            for month in months
            for region in DEFAULT_REGIONS
            for day in range(1, 7)
        ],
        columns=["text", "month", "region", "date"],
    )
    return table.assign(category=table.text.map(CATEGORY))


@pytest.fixture(scope="module")
def measured(rows: pd.DataFrame) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "umap_map", lambda space, **_: np.asarray(space, dtype=float)[:, :2])  # UMAP compiles first
        model: Any = WordCounts()
        return maps.measure(rows, model, model, ks=(3, 4), resamples=199)


def test_the_label_alone_knows_the_region_and_nothing_of_the_text(measured: Any) -> None:
    shared = measured[0]["neighbours"]
    assert shared["label alone"]["region"] == 1
    assert shared["label alone"]["category"] < shared["plain"]["category"] - 0.3


def test_an_exchanged_context_takes_the_region_away(measured: Any) -> None:
    shared = measured[0]["neighbours"]
    assert shared["space-time"]["region"] > 0.9
    assert shared["exchanged"]["region"] < 0.5


def test_the_pandemic_is_counted_where_it_was_told_of(measured: Any) -> None:
    found = measured[0]
    assert found["pandemic"] == {f"2020-0{month}": {"US": 6} for month in range(3, 7)}
    asked = {(one["space"], one["of"]): one for one in found["pandemic neighbours"]}
    assert {of for _, of in asked} == {"US", "all"}
    assert asked["plain", "US"]["sentences"] == 24
    assert asked["plain", "US"]["pandemic"] == 1


def test_a_change_is_found_in_its_month_and_its_region_only(measured: Any) -> None:
    found = {one["region"]: one["months"] for one in measured[0]["drift"]["change_points"] if one["space"] == "plain"}
    assert found == {"UK": [], "US": ["2020-03"], "AUS": [], "CAN": []}
    farthest = measured[0]["drift"]["moves"]["plain"]["farthest"][0]
    assert (farthest["region"], farthest["first"], farthest["second"]) == ("US", "2020-02", "2020-03")


def test_the_cluster_that_appears_is_named_and_dated(measured: Any) -> None:
    (came,) = measured[0]["clusters"]["appears"]["plain"]
    assert came["first"] == "2020-03"
    assert "pandemic" in came["cluster"] or "hospitals" in came["cluster"]
    assert {one["region"] for one in measured[0]["clusters"]["first half of 2020"]["plain"]} == {"US"}


def test_the_command_writes_numbers_table_and_figure_without_a_sentence(
    rows: pd.DataFrame, measured: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(maps, "measure", lambda *_, **__: measured)
    monkeypatch.setattr(maps.SpaceTimeEncoder, "load", lambda *_: None)
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- maps: begin -->\nold\n<!-- maps: end -->\nafter\n", encoding="utf-8")
    rows.to_csv(tmp_path / "events.csv", index=False)

    assert maps.main([str(tmp_path / "events.csv"), "--output", str(tmp_path)]) == 0

    page, numbers = readme.read_text(encoding="utf-8"), (tmp_path / "maps.json").read_text(encoding="utf-8")
    assert page.startswith("before\n<!-- maps: begin -->\nSentences: all 576,") and page.endswith("end -->\nafter\n")
    assert "| plain | US | 144 | 2020-03 (" in page
    assert json.loads(numbers)["sentences"]["all"] == 576
    assert (tmp_path / "maps.png").stat().st_size < 300_000
    assert [text for text in CATEGORY if text in page or text in numbers] == []


def test_a_corpus_without_days_is_refused(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.drop(columns="date").to_csv(tmp_path / "events.csv", index=False)
    with pytest.raises(ValueError, match="events.csv has no column date"):
        maps.main([str(tmp_path / "events.csv")])
