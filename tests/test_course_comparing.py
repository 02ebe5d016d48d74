"""Two runs of a lesson side by side on one page."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course.comparing import compare, differing_parameters, metrics_side_by_side

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def run(folder: Path, *, seed: int, spearman: float, **more: Any) -> Path:
    (folder / "06").mkdir(parents=True)
    result = {"headline": f"Spearman {spearman}", "parameters": {"seed": seed, "way": "prefix"} | more}
    result["metrics"] = {"spearman": spearman, "kept": "all <b>"}
    (folder / "06/result.json").write_text(json.dumps(result))
    picture = nbformat.v4.new_output(
        "display_data", data={"image/png": PIXEL}, metadata={"image/png": {"alt": f"seed {seed}"}}
    )
    cell = nbformat.v4.new_code_cell("draw()", id="06-draw", outputs=[picture])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "06_stage_2.ipynb")
    return folder


def test_a_page_shows_what_differs_and_the_figures_in_pairs(tmp_path: Path) -> None:
    one, two = run(tmp_path / "one", seed=0, spearman=0.5), run(tmp_path / "two", seed=3, spearman=0.75)
    lines = compare(one, two, tmp_path / "page.html", "06")
    assert lines == ["06: Spearman 0.5", "06: Spearman 0.75"]
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/png") == 2 and "seed 0" in page and "seed 3" in page
    assert "0.2500" in page and "Figure 1" in page
    assert "<b>" not in page, "what a run recorded is text, never HTML"


def test_only_parameters_that_differ_are_listed() -> None:
    table = differing_parameters({"seed": 0, "way": "prefix", "old": 1}, {"seed": 3, "way": "prefix"})
    assert table.T.to_dict("list") == {"seed": [0, 3], "old": [1, "-"]}


def test_metrics_keep_their_order_and_numbers_have_a_difference() -> None:
    table = metrics_side_by_side({"b": 1.0, "name": "x"}, {"b": 0.5, "name": "x", "a": 2})
    assert list(table.index) == ["b", "name", "a"]
    assert table.difference.loc["b"] == -0.5 and table.difference.isna()[["name", "a"]].all()


def test_a_lesson_that_is_not_in_both_runs_is_named(tmp_path: Path) -> None:
    one = run(tmp_path / "one", seed=0, spearman=0.5)
    (tmp_path / "two").mkdir()
    with pytest.raises(FileNotFoundError, match="lesson 06 is not in both folders: .*one holds 06, .*two holds none"):
        compare(one, tmp_path / "two", tmp_path / "page.html", "06")
    with pytest.raises(FileNotFoundError, match="no folder .*three"):
        compare(one, tmp_path / "three", tmp_path / "page.html")
