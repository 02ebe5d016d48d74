"""The comparison: every row stands for one thing, runs end to end, and comes into the tables with its interval."""

import json
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import datasets
import numpy as np
import pandas as pd
import pytest

from benchmarks.science import table
from benchmarks.science.__main__ import main
from benchmarks.science.material import PROFILES, Material, PlainVectors, Settings
from benchmarks.science.processes import finished
from benchmarks.science.rows import ROWS, STAGE, rows_named
from benchmarks.science.runs import RESULT, _seen, _with_prefixes, run, run_folder
from course.contrast import contrast_questions
from spacetime.corpus.almanac import load_almanac
from spacetime.model.modeling import SpaceTimeConfig

BY_NAME = {row.name: row for row in ROWS}


def test_every_way_and_every_encoding_has_a_row() -> None:
    choices = SpaceTimeConfig.__annotations__
    trained = [row for row in ROWS if row.kind == "stages"]
    assert {row.conditioning for row in trained} == set(get_args(choices["conditioning"]))
    for name, default in (("time_encoding", "sinusoidal"), ("region_encoding", "tokenized")):
        assert {row.config.get(name, default) for row in trained} == set(get_args(choices[name]))


def test_no_two_rows_share_a_name() -> None:
    assert len(BY_NAME) == len(ROWS)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ("plain,published", ["plain", "published"]),
        ("published, best chance, plain", ["published, best chance", "plain"]),
        ("prefix;prefix, frozen backbone;prefix", ["prefix", "prefix, frozen backbone"]),
    ],
)
def test_rows_are_chosen_by_names_that_may_hold_commas(names: str, chosen: list[str]) -> None:
    assert [row.name for row in rows_named(names)] == chosen


def test_an_unknown_row_is_named() -> None:
    with pytest.raises(ValueError, match="no row is called 'postfix'; rows: plain; "):
        rows_named("plain,postfix")


@pytest.mark.parametrize(
    "change",
    [
        {"row": replace(BY_NAME["published"], stage1=STAGE)},
        {"seed": 1},
        {"settings": Settings(stage2_steps=81)},
        {"material": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_configuration_is_another_run(change: dict[str, Any], tmp_path: Path) -> None:
    usual: dict[str, Any] = {"row": BY_NAME["published"], "seed": 0, "settings": Settings(), "material": "some"}
    assert run_folder(tmp_path, **usual) == run_folder(tmp_path, **usual)
    assert run_folder(tmp_path, **(usual | change)) != run_folder(tmp_path, **usual)


def test_months_and_regions_to_be_unseen_are_not_trained_on() -> None:
    rows = datasets.Dataset.from_dict({"month": ["2020-12", "2021-01", "2018-03"], "region": ["CAN", "UK", "US"]})
    assert _seen(BY_NAME["prefix, to 2020"], rows)["month"][:] == ["2020-12", "2018-03"]
    assert _seen(BY_NAME["prefix, no CAN"], rows)["region"][:] == ["UK", "US"]
    assert len(_seen(BY_NAME["prefix"], rows)) == 3


def test_a_hidden_label_is_neither_in_the_prefix_nor_in_the_label() -> None:
    count = 200
    side = {"text": ["A storm."] * count, "month": ["2019-11"] * count, "region": ["US"] * count}
    pairs = datasets.Dataset.from_dict({f"{name}{i}": values for i in (1, 2) for name, values in side.items()})
    table = _with_prefixes(pairs, replace(STAGE, hide_month=0.5, hide_region=0.0), seed=0).to_pandas()
    hidden = table["month1"].isna()
    assert set(table["text1"][hidden]) == {"[US] A storm."}
    assert set(table["text1"][~hidden]) == {"[2019-11] [US] A storm."}
    assert 60 < hidden.sum() < 140  # half of 200, give or take more than five standard deviations
    assert (hidden != table["month2"].isna()).any()


# ----------------------------------------------------------------------------------------------------- tables


def written(folder: Path, row: str, seed: int, metrics: dict[str, float]) -> Path:
    path = folder / f"{row}-{seed}"
    path.mkdir()
    record = {"row": row, "seed": seed, "metrics": metrics, "seconds": {"processor": 1.0}, "commit": "abc"}
    (path / RESULT).write_text(json.dumps(record), encoding="utf-8")
    return path


def losses(true: list[float]) -> pd.DataFrame:
    days = [f"2019-11-{day:02d}" for day in range(1, len(true) + 1)]
    return pd.DataFrame({"row": range(len(true)), "draw": 0, "date": days, "words": 1, "true": true})


def test_the_table_gives_mean_and_interval_over_seeds(tmp_path: Path) -> None:
    folders = {
        ("prefix", seed): written(tmp_path, "prefix", seed, {"pair_spearman": value})
        for seed, value in enumerate((0.1, 0.2, 0.3))
    }
    folders["plain", 0] = written(tmp_path, "plain", 0, {"pair_spearman": 0.5})
    folders["late", 0] = tmp_path / "never-run"
    tidy, records = table.gather(folders)
    lines = table.markdown(tidy)
    assert len(records) == 4
    # t(.975, 2) = 4.3027, standard deviation .1: half of the interval is .1 x 4.3027 / sqrt 3
    assert any(line.startswith("| prefix | 3 |") and "| 0.200 ± 0.248 |" in line for line in lines)
    assert any(line.startswith("| plain | - |") and "| 0.500 |" in line for line in lines)
    assert any(line.startswith("| late | not run |") for line in lines)


def test_every_row_stands_in_a_table_though_nothing_was_run() -> None:
    lines = table.markdown(pd.DataFrame(columns=["row", "seed", "metric", "value"]))
    assert [row.name for row in ROWS if f"| {row.name} | not run |" not in "\n".join(lines)] == []


def test_losses_are_compared_sentence_by_sentence_with_the_published_run_of_the_same_seed(tmp_path: Path) -> None:
    folders = {}
    for name, seed, true in (("published", 0, [3.0, 5.0]), ("prefix", 0, [2.0, 4.5]), ("prefix", 1, [1.0, 1.0])):
        folders[name, seed] = written(tmp_path, name, seed, {})
        losses(true).to_parquet(folders[name, seed] / "losses.parquet")
    tidy, _ = table.gather(folders)
    differences = tidy[tidy["metric"] == "mlm_loss_true_minus_published"]
    assert differences[["row", "seed", "value"]].to_numpy().tolist() == [["prefix", 0, -0.75]]


def test_a_missing_corpus_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nowhere.csv"])
    assert "no file at nowhere.csv" in capsys.readouterr().err


# --------------------------------------------------------------------------------------------------- one run


@pytest.fixture(scope="module")
def material() -> Material:
    """200 almanac sentences to train on and 60 to be measured by, with plain vectors made up."""
    whole = load_almanac().dataset
    questions = contrast_questions(whole, years=[2021]).head(4)
    rows = whole.select(np.random.default_rng(0).permutation(len(whole))[:260])
    texts = sorted(set(rows["text"][:]))
    vectors = np.random.default_rng(1).normal(size=(len(texts), 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    train, test = rows.select(range(200)), rows.select(range(200, 260))
    return Material(train, train, test, test, questions, None, PlainVectors(texts, vectors), False)


def test_a_row_is_trained_measured_and_leaves_no_model_behind(material: Material, tmp_path: Path) -> None:
    settings = replace(
        PROFILES["quick"],
        stage1_steps=2,
        stage2_steps=2,
        agreement_sentences=10,
        pairs=20,
        decay_sentences=4,
        probe_rows=60,
        word_sentences=20,
        shift_texts=4,
        shift_contexts=2,
    )
    row = BY_NAME["prefix, frozen backbone"]
    folder = run_folder(tmp_path, row, 0, settings, "test")
    record = run(row, 0, material, settings, folder)
    found = record["metrics"]
    for metric in (
        "rank_agreement",
        "pair_spearman",
        "decay_cosine_farthest",
        "probe_month_error_context",
        "mlm_gain_both",
        "contrast_words_accuracy",
        "contrast_embedding_accuracy",
        "locate_month_error_places_hidden",
        "shift_interaction",
    ):
        assert np.isfinite(found[metric])
    assert "retrieval_given_ndcg" not in found  # the almanac has no events
    assert json.loads((folder / RESULT).read_text())["metrics"] == found
    assert not list(folder.rglob("*.safetensors"))


@pytest.mark.slow
def test_a_run_that_takes_its_process_down_is_reported_and_the_next_one_starts(tmp_path: Path) -> None:
    tasks = [(BY_NAME[name], 0, tmp_path / name) for name in ("plain", "late")]
    outcomes = list(finished(tasks, tmp_path / "no-material", Settings(), workers=1, keep=False))
    assert [row.name for (row, _, _), _ in outcomes] == ["plain", "late"]
    assert all(isinstance(outcome, BrokenProcessPool) for _, outcome in outcomes)
