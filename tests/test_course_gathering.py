"""Promises of `course.gathering`: every run a row, seeds into intervals, and what cannot be used is named."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest

from course import gather, record, run_course, t_interval
from course.__main__ import main
from course.gathering import runs_folder


def write_run(runs: Path, name: str, *, seed: int = 0, way: str = "prefix", **more: Any) -> Path:
    """What a run of lesson 10 leaves, `spearman` being the one metric unless others are given."""
    path = runs / name / "10/result.json"
    path.parent.mkdir(parents=True)
    result = {"lesson": "10", "headline": "well", "metrics": more.pop("metrics", {"spearman": more.pop("spearman", 0)})}
    result |= {"parameters": {"seed": seed, "conditioning": way}, "profile": "quick", "seconds": 9.5, "status": "ok"}
    path.write_text(json.dumps(result | more))
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two ways of three seeds; the ways differ by .1, .1 and .13, the seeds by more."""
    for seed, value in enumerate((0.5, 0.7, 0.9)):
        write_run(tmp_path, f"quick-changed/prefix{seed}", seed=seed, spearman=value)
        write_run(tmp_path, f"late{seed}", seed=seed, way="late", spearman=value - (0.1, 0.1, 0.13)[seed])
    return tmp_path


# --- the interval ------------------------------------------------------------------------------------


def test_three_values_have_the_interval_of_the_formula_by_hand() -> None:
    # s = .1, and with 2 degrees of freedom the quantile is .95 √(2 / (1 - .95²)) = 4.3027
    interval = t_interval([0.7, 0.8, 0.9])
    half = 0.95 * np.sqrt(2 / (1 - 0.95**2)) * 0.1 / np.sqrt(3)
    np.testing.assert_allclose(interval, (0.8, 0.8 - half, 0.8 + half), rtol=1e-9)


def test_one_value_has_no_interval() -> None:
    mean, low, high = t_interval([0.7])
    assert mean == 0.7 and np.isnan(low) and np.isnan(high)


@pytest.mark.parametrize("values", [[], [0.1, float("nan")], [[0.1], [0.2]]])
def test_no_numbers_have_no_interval(values: list) -> None:
    with pytest.raises(ValueError, match="one or more finite numbers"):
        t_interval(values)


# --- the table ---------------------------------------------------------------------------------------


def test_a_run_is_a_row_of_parameters_metrics_and_seconds(tmp_path: Path) -> None:
    write_run(tmp_path, "quick", seed=4, spearman=0.5)
    (row,) = gather(tmp_path).runs.to_dict("records")
    said = {"folder": "quick", "profile": "quick", "seed": 4, "conditioning": "prefix", "spearman": 0.5, "seconds": 9.5}
    assert row == said


def test_seeds_become_a_mean_with_an_interval_for_each_other_setting(runs: Path) -> None:
    summary = gather(runs).summary().set_index("conditioning")
    assert list(summary["runs"]) == [3, 3] and list(summary["metric"]) == ["spearman", "spearman"]
    found = summary.loc["prefix", ["mean", "low", "high"]].astype(float)
    np.testing.assert_allclose(found, t_interval([0.5, 0.7, 0.9]))


def test_one_seed_has_a_mean_without_an_interval(tmp_path: Path) -> None:
    write_run(tmp_path, "quick", spearman=0.5)
    (row,) = gather(tmp_path).summary().to_dict("records")
    assert (row["mean"], row["runs"]) == (0.5, 1) and np.isnan(row["low"]) and np.isnan(row["high"])


def test_ways_are_compared_seed_by_seed(runs: Path) -> None:
    write_run(runs, "prefix9", seed=9, spearman=0.0)  # has no partner
    (row,) = gather(runs).differences("conditioning", "prefix", "late").to_dict("records")
    np.testing.assert_allclose([row["mean"], row["low"], row["high"]], t_interval([0.1, 0.1, 0.13]))
    assert row["pairs"] == 3


def test_what_cannot_be_compared_is_said(runs: Path) -> None:
    gathered = gather(runs)
    with pytest.raises(ValueError, match="no run has conditioning = 'film'; there are 'late', 'prefix'"):
        gathered.differences("conditioning", "prefix", "film")
    with pytest.raises(ValueError, match="has no parameter 'way'"):
        gathered.differences("way", "prefix", "late")


def test_only_runs_that_differ_in_that_parameter_alone_are_compared(tmp_path: Path) -> None:
    write_run(tmp_path, "one", seed=0)
    write_run(tmp_path, "two", seed=1, way="late")
    with pytest.raises(ValueError, match="no two runs differ in conditioning alone"):
        gather(tmp_path).differences("conditioning", "prefix", "late")


def test_of_two_runs_with_the_same_parameters_the_newer_counts_and_the_other_is_named(tmp_path: Path) -> None:
    old = write_run(tmp_path, "old", spearman=0.1)
    write_run(tmp_path, "new", spearman=0.2)
    os.utime(old, (1, 1))
    gathered = gather(tmp_path)
    assert gathered.runs["spearman"].tolist() == [0.2]
    assert gathered.repeated == ["old: the parameters of new, which is newer"] and gathered.left_out == []


def test_a_metric_that_some_runs_lack_is_averaged_over_the_others(tmp_path: Path) -> None:
    write_run(tmp_path, "one", seed=0, metrics={"spearman": 1, "gain": 0.5, "best": "late"})
    write_run(tmp_path, "two", seed=1, metrics={"spearman": 2})
    summary = gather(tmp_path).summary().set_index("metric")["runs"]
    assert summary.to_dict() == {"spearman": 2, "gain": 1}  # a text has no mean


def test_a_metric_with_a_parameters_name_keeps_a_column_of_its_own(tmp_path: Path) -> None:
    write_run(tmp_path, "one", seed=3, metrics={"seed": 7})
    (row,) = gather(tmp_path).runs.to_dict("records")
    assert (row["seed"], row["recorded_seed"]) == (3, 7)


# --- what cannot be used -----------------------------------------------------------------------------


def test_a_run_that_cannot_be_used_is_named_with_the_reason(runs: Path) -> None:
    write_run(runs, "broken").write_text("{")
    write_run(runs, "bare", metrics=[])
    write_run(runs, "failed", status="failed")
    by_hand = write_run(runs, "byhand")
    by_hand.write_text(json.dumps({"lesson": "10", "headline": "well", "metrics": {}}))
    stopped = write_run(runs, "stopped")
    stopped.rename(stopped.with_name("papermill.log"))
    table = {"lessons": [{"lesson": "10", "status": "stopped", "reason": "at its limit"}]}
    (runs / "stopped/results.json").write_text(json.dumps(table))
    named = dict(line.split(": ", 1) for line in gather(runs).left_out)
    assert named["broken"].startswith("result.json is not JSON")
    assert named["bare"] == "result.json has no table of metrics"
    assert named["failed"].endswith("after it had recorded")
    assert named["byhand"].startswith("result.json does not say its parameters")
    assert named["stopped"] == "no result.json; stopped at its limit"
    assert len(named) == 5 and len(gather(runs).runs) == 6


def test_no_run_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run of lesson 10 .* python -m course run --lesson 10"):
        gather(tmp_path)
    write_run(tmp_path, "broken").write_text("{")
    with pytest.raises(ValueError, match="can be used: broken: result.json is not JSON"):
        gather(tmp_path)


# --- the command, and what the course leaves for it --------------------------------------------------


def test_the_command_prints_the_summary_and_writes_a_row_a_run(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gather", str(runs), "--output", str(tmp_path / "table.csv")]) == 0
    page = capsys.readouterr().out
    assert "0.7 ± 0.5" in page and "6 runs" in page
    assert pd.read_csv(tmp_path / "table.csv")["spearman"].sum() == pytest.approx(3.87)


def test_the_command_names_what_it_left_out_by_exit_code_1(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(runs, "broken").write_text("{")
    assert main(["gather", str(runs)]) == 1
    assert "left out: broken: result.json is not JSON" in capsys.readouterr().out


def test_runs_with_other_parameters_stand_side_by_side_and_are_gathered(tmp_path: Path) -> None:
    parameters = 'seed: int = 0\nrate: float = 0.1\noutput: str = "../runs/quick"'
    cell = 'from course import record\nrecord("10", "well", {"double": 2 * seed}, output)'
    cells = [
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(cell),
    ]
    (tmp_path / "notebooks/profiles").mkdir(parents=True)
    (tmp_path / "notebooks/profiles/quick.yaml").write_text("")
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks/10_ways.ipynb")
    first = run_course(notebooks=tmp_path / "notebooks", parameters={"seed": 1})
    second = run_course(notebooks=tmp_path / "notebooks", parameters={"seed": "2", "rate": 0.5})
    assert first.output != second.output and first.output.parent == second.output.parent
    gathered = gather(tmp_path / "runs")
    assert gathered.runs.sort_values("seed")[["seed", "rate", "double"]].values.tolist() == [[1, 0.1, 2], [2, 0.5, 4]]
    assert gathered.runs["seconds"].min() > 0 and gathered.left_out == []


def test_a_run_by_hand_that_says_its_parameters_is_gathered(tmp_path: Path) -> None:
    record("10", "well", {"spearman": 0.5}, tmp_path / "runs/quick", parameters={"seed": 0})
    (row,) = gather(runs_folder(tmp_path / "runs/quick")).runs.to_dict("records")
    assert row["spearman"] == 0.5 and row["profile"] == "" and np.isnan(row["seconds"])
