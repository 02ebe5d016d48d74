"""Promises of `course.figures` and `refreshing`: alt text stays in the file; only a clean run is put back."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from matplotlib import pyplot as plt

from course import figures
from course.freshness import fingerprint
from course.refreshing import refresh
from course.running import lesson_files


def notebook(source: str = "1 + 1", **cell: Any) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="one", **cell)])


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A lesson without outputs, and its executed copy."""
    lessons, executed = tmp_path / "notebooks", tmp_path / "runs"
    lessons.mkdir()
    executed.mkdir()
    nbformat.write(notebook(), lessons / "00_first.ipynb")
    output = nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=1)
    copy = notebook(outputs=[output], execution_count=1)
    copy.metadata["papermill"] = {"output_path": "somewhere"}
    nbformat.write(copy, executed / "00_first.ipynb")
    return executed, lessons


def test_outputs_and_counts_are_put_back_without_the_machine(folders: tuple[Path, Path]) -> None:
    executed, lessons = folders
    assert refresh(executed, lessons) == [lessons / "00_first.ipynb"]
    lesson = nbformat.read(lessons / "00_first.ipynb", as_version=4)
    assert lesson.cells[0].outputs[0].data["text/plain"] == "2" and lesson.cells[0].execution_count == 1
    assert "papermill" not in lesson.metadata


def test_outputs_carry_what_they_were_made_from(folders: tuple[Path, Path]) -> None:
    executed, lessons = folders
    refresh(executed, lessons)
    by_hand = nbformat.read(lessons / "00_first.ipynb", as_version=4).metadata["spacetime"]
    assert by_hand == fingerprint(lessons / "00_first.ipynb")
    (executed / "00").mkdir()
    (executed / "00/result.json").write_text('{"made_from": {"code": {"cells": "before the run"}}}')
    refresh(executed, lessons)
    by_course = nbformat.read(lessons / "00_first.ipynb", as_version=4).metadata["spacetime"]
    assert by_course == {"code": {"cells": "before the run"}}


def test_a_run_of_another_text_is_refused(folders: tuple[Path, Path]) -> None:
    executed, lessons = folders
    nbformat.write(notebook("1 + 2"), lessons / "00_first.ipynb")
    with pytest.raises(ValueError, match="run from another text"):
        refresh(executed, lessons)


def test_a_run_with_parameters_is_refused(folders: tuple[Path, Path]) -> None:
    executed, lessons = folders
    nbformat.write(notebook(metadata={"tags": ["injected-parameters"]}), executed / "00_first.ipynb")
    with pytest.raises(ValueError, match="run with parameters of its own"):
        refresh(executed, lessons)


def test_a_figure_carries_its_alt_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr(figures, "display", lambda image, metadata: shown.update(metadata=metadata, image=image))
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    figures.show(figure, alt="A line that rises.", path=tmp_path / "line.png")
    assert shown["metadata"] == {"image/png": {"alt": "A line that rises."}}
    assert (tmp_path / "line.png").read_bytes().startswith(b"\x89PNG") and not plt.fignum_exists(figure.number)
    with pytest.raises(ValueError, match="needs alt text"):
        figures.show(plt.figure(), alt=" ")


def test_every_committed_image_has_alt_text() -> None:
    lessons = lesson_files(Path(__file__).parents[1] / "notebooks")
    assert lessons
    for lesson in lessons:
        for number, cell in enumerate(nbformat.read(lesson, as_version=4).cells):
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    alt = output.metadata.get("image/png", {}).get("alt", "")
                    assert len(alt) > 20, f"{lesson.name}, cell {number}: an image without alt text"
