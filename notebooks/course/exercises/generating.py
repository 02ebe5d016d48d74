"""Exercise notebooks, generated from the lessons: each solution is taken out and folded away below its check.

In a lesson an exercise is three cells in a row: text under a heading ``### Exercise N: title`` with difficulty and
minutes, a code cell tagged ``solution`` that defines one function or one class, and a code cell that checks it.  The
generated notebook has the text, a stub that raises NotImplementedError, the check, and the solution in a folded
``<details>``, and between them the lesson's cells tagged ``given``, which use what the learner has written.  Its stored
form follows from the lesson alone, so a test can tell when it is out of date.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from course.refreshing import LESSON_METADATA
from course.running import lesson_files

SOLUTION, GIVEN = "solution", "given"  # tags
_HEADING = re.compile(r"### Exercise (\d+): (.+)\n")
_RATING = re.compile(r"\*Difficulty ([1-5]) of 5, about (\d+) minutes\.\*")


@dataclass(frozen=True)
class WrittenExercise:
    """An exercise as a lesson's notebook has it."""

    number: int
    title: str
    difficulty: int
    minutes: int
    name: str  # of the function or class
    text: Any  # cells of the notebook
    solution: Any
    check: Any

    @property
    def stub(self) -> str:
        """The solution's code without the bodies of its function, or of its class's methods."""
        (written,) = _definitions(self.solution.source)
        lines = self.solution.source.splitlines()
        kind = "class" if isinstance(written, ast.ClassDef) else "function"
        return "\n".join(_hollow(written, lines, 0, f"exercise {self.number}: write this {kind}, then run the check"))


def read_exercises(lesson: Path) -> list[WrittenExercise]:
    """The exercises of a lesson's notebook, in order.

    Raises
    ------
    ValueError
        A solution without its text or check, without difficulty and minutes, with more or less than one function or
        class, or numbers that do not run 1, 2, ...
    """
    cells = nbformat.read(lesson, as_version=4).cells
    found: list[WrittenExercise] = []
    for index, cell in enumerate(cells):
        if SOLUTION not in cell.metadata.get("tags", []):
            continue
        where = f"{lesson.name}, cell {cell.id}"
        text, check = cells[index - 1], cells[index + 1] if index + 1 < len(cells) else None
        heading, rating = _HEADING.match(text.source + "\n"), _RATING.search(text.source)
        if text.cell_type != "markdown" or not heading or not rating:
            raise ValueError(
                f"{where}: a solution needs a text before it with '### Exercise N: title' and "
                "'*Difficulty D of 5, about M minutes.*'"
            )
        names = [definition.name for definition in _definitions(cell.source)]
        if len(names) != 1:
            raise ValueError(
                f"{where}: a solution defines one function or class, not {len(names)} ({', '.join(names)})"
            )
        if check is None or check.cell_type != "code" or f"check({names[0]})" not in check.source:
            raise ValueError(f"{where}: the cell after a solution must be its check, with check({names[0]})")
        number = int(heading[1])
        if number != len(found) + 1:
            raise ValueError(f"{where}: this is exercise {len(found) + 1}, but its heading says {number}")
        found.append(
            WrittenExercise(number, heading[2].strip(), int(rating[1]), int(rating[2]), names[0], text, cell, check)
        )
    return found


def exercise_notebook(lesson: Path) -> str | None:
    """The exercise notebook of a lesson as the text of its file; None for a lesson without exercises."""
    exercises = read_exercises(lesson)
    if not exercises:
        return None
    lesson_cells = nbformat.read(lesson, as_version=4).cells
    title = lesson_cells[0].source.strip().splitlines()[0].lstrip("# ")
    minutes = sum(exercise.minutes for exercise in exercises)
    what = "class and function" if any("\nclass " in f"\n{exercise.stub}" for exercise in exercises) else "function"
    cells = [
        _cell(
            "markdown",
            f"{lesson.name.split('_')[0]}-exercises",
            f"# {title}: exercises\n\n"
            f"{len(exercises)} exercises on [the lesson](../{lesson.name}), about {minutes} minutes. Write each "
            f"{what} where it raises `NotImplementedError` and run the check below it: it passes, or says what is "
            "wrong. Hints and solutions are folded.\n\n"
            "Work on a copy (in JupyterLab: right-click the file, *Duplicate*): `python -m course exercises` writes "
            "this file anew, and leaves copies as they are.",
        )
    ]
    at = {exercise.text.id: exercise for exercise in exercises}
    for cell in lesson_cells:
        if GIVEN in cell.metadata.get("tags", []):
            cells.append(_cell(cell.cell_type, cell.id, cell.source))
        if not (exercise := at.get(cell.id)):
            continue
        own = exercise.solution.id
        folded = f"<details><summary>Solution</summary>\n\n```python\n{exercise.solution.source}\n```\n\n</details>"
        cells += [
            _cell("markdown", exercise.text.id, exercise.text.source.replace("### ", "## ", 1)),
            _cell("code", f"{own}-stub", exercise.stub),
            _cell("code", exercise.check.id, exercise.check.source),
            _cell("markdown", own, folded),
        ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=LESSON_METADATA)
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def write_exercises(notebooks: Path) -> list[Path]:
    """Write ``exercises/NN_topic.ipynb`` for every lesson that has exercises, and remove those of lessons that don't.

    Files of other names are left as they are: they may be somebody's work.

    Returns
    -------
    list of Path
        The files that were written anew or removed; empty where all were up to date.
    """
    folder = notebooks / "exercises"
    wanted = {lesson.name: exercise_notebook(lesson) for lesson in lesson_files(notebooks)}
    changed = []
    for name, text in wanted.items():
        path = folder / name
        if text is None and path.exists():
            path.unlink()
            changed.append(path)
        if text is None or (path.exists() and path.read_text(encoding="utf-8") == text):
            continue
        folder.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        changed.append(path)
    return changed


def _definitions(source: str) -> list[ast.FunctionDef | ast.ClassDef]:
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def _hollow(node: ast.FunctionDef | ast.ClassDef, lines: list[str], start: int, message: str) -> list[str]:
    """Lines of a source from `start` to the end of a definition, its statements replaced by one that raises."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    kept = lines[start : (first.end_lineno if documented else first.lineno - 1)]
    if isinstance(node, ast.FunctionDef):
        return [*kept, " " * first.col_offset + f'raise NotImplementedError("{message}")']
    for method in node.body:
        if isinstance(method, ast.FunctionDef):
            kept += ["", *_hollow(method, lines, method.lineno - 1, message)]
    return kept


def _cell(kind: str, name: str, source: str) -> Any:
    new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return new(source, id=name)
