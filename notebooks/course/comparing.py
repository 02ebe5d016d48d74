"""Two runs of the lessons side by side: what was changed, what came out, and every figure in pairs, on one page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from spacetime.folders import write_text

if TYPE_CHECKING:  # a second to load, which looking at `course` shall not take
    import pandas as pd

IMAGES = ("image/svg+xml", "image/png")


def compare(one: str | Path, two: str | Path, page: str | Path, lesson: str | None = None) -> list[str]:
    """Write a page that compares two runs.

    Parameters
    ----------
    one, two
        Output folders of `python -m course run`, such as `runs/quick` and `runs/quick-changed/1a2b3c4d`.
    page
        The HTML file to write. It asks for nothing from the network.
    lesson
        The number of the only lesson to compare; by default all that both folders hold.

    Returns
    -------
    list of str
        A line for each lesson: its number, and both headlines.

    Raises
    ------
    FileNotFoundError
        If a folder is not there, or if no lesson (or not the one asked for) has been run in both.
    """
    from course.site import single_page  # nbconvert is slow to load

    folders = Path(one), Path(two)
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}; first: python -m course run")
    held = [{path.parent.name for path in folder.glob("*/result.json")} for folder in folders]
    chosen = sorted(held[0] & held[1] & ({lesson} if lesson else held[0]))
    if not chosen:
        what = f"lesson {lesson}" if lesson else "any lesson"
        raise FileNotFoundError(
            f"{what} is not in both folders: {folders[0]} holds {', '.join(sorted(held[0])) or 'none'}, "
            f"{folders[1]} holds {', '.join(sorted(held[1])) or 'none'}"
        )
    cells, lines = [nbformat.v4.new_markdown_cell(f"# Two runs\n\nLeft: `{one}`. Right: `{two}`.")], []
    for number in chosen:
        results = [json.loads((folder / number / "result.json").read_text(encoding="utf-8")) for folder in folders]
        cells += _lesson(number, folders, results)
        lines += [f"{number}: {result['headline']}" for result in results]
    write_text(Path(page), single_page(nbformat.v4.new_notebook(cells=cells), "Two runs compared"))
    return lines


def differing_parameters(one: dict[str, Any], two: dict[str, Any]) -> "pd.DataFrame":
    """The parameters that are not the same in both runs, a row each; "-" where a run has none of this name."""
    import pandas as pd

    rows = {name: (one.get(name, "-"), two.get(name, "-")) for name in {**one, **two} if one.get(name) != two.get(name)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["left", "right"])


def metrics_side_by_side(one: dict[str, Any], two: dict[str, Any]) -> "pd.DataFrame":
    """Every metric of either run, and of numbers the difference, right minus left."""
    import pandas as pd

    table = pd.DataFrame({"left": pd.Series(one, dtype=object), "right": pd.Series(two, dtype=object)})
    table = table.reindex([*one, *(name for name in two if name not in one)])
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(float)
    return table.assign(difference=(numbers["right"] - numbers["left"]).round(4))


def _lesson(number: str, folders: tuple[Path, Path], results: list[dict[str, Any]]) -> Iterator[Any]:
    one, two = results
    yield nbformat.v4.new_markdown_cell(f"## Lesson {number}\n\nLeft: {one['headline']}\n\nRight: {two['headline']}")
    parameters = differing_parameters(*(result.get("parameters", {}) for result in results))  # by hand there are none
    yield nbformat.v4.new_markdown_cell("### Parameters that differ" + ("" if len(parameters) else "\n\nNone."))
    if len(parameters):
        yield _shown(parameters)
    yield nbformat.v4.new_markdown_cell("### Metrics")
    yield _shown(metrics_side_by_side(one["metrics"], two["metrics"]))
    left, right = (_figures(folder, number) for folder in folders)
    for place, cell in enumerate(name for name in left if name in right):
        pair = [nbformat.v4.new_output("display_data", data=d, metadata=m) for d, m in (left[cell], right[cell])]
        yield nbformat.v4.new_markdown_cell(f"### Figure {place + 1}")
        yield nbformat.v4.new_code_cell(outputs=pair)


def _shown(table: "pd.DataFrame") -> Any:
    html = table.to_html(float_format="{:.4f}".format)
    return nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data={"text/html": html})])


def _figures(folder: Path, number: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """The images of a lesson's executed notebook by cell and place, each with its metadata (the alt text is there)."""
    found = {}
    for path in folder.glob(f"{number}_*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for place, output in enumerate(cell.get("outputs", [])):
                data = {kind: output.data[kind] for kind in IMAGES if kind in output.get("data", {})}
                if data:
                    found[f"{cell.id} {place}"] = data, output.metadata
    return found
