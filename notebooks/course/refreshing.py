"""Putting the outputs of a clean run back into the lessons, so that what is committed is what ran."""

import json
from pathlib import Path
from typing import Any

import nbformat

from course.freshness import KEY, Fingerprint, fingerprint
from course.running import lesson_files

# Kernel and language only: the rest of a notebook's metadata differs from machine to machine.
LESSON_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def refresh(executed: str | Path, lessons: str | Path) -> list[Path]:
    """Copy outputs and execution counts from executed notebooks into the lessons of the same names.

    Parameters
    ----------
    executed
        Folder of a run with default parameters, such as `runs/quick`.
    lessons
        Folder of the lessons, `notebooks`.

    Returns
    -------
    list of Path
        The lessons written.

    Raises
    ------
    ValueError
        A copy was run with other parameters, or from another text than the lesson has now.

    Notes
    -----
    The lesson's metadata gets the fingerprint of what the outputs were made from, as `run_course` took it before the
    run.  A copy that was run by hand gets that of the present code.
    """
    written = []
    for lesson in lesson_files(Path(lessons)):
        copy = Path(executed) / lesson.name
        if not copy.exists():
            continue
        target, source = (nbformat.read(path, as_version=4) for path in (lesson, copy))
        if any("injected-parameters" in cell.metadata.get("tags", []) for cell in source.cells):
            raise ValueError(f"{copy} was run with parameters of its own; run it with the lesson's defaults")
        if [cell.source for cell in target.cells] != [cell.source for cell in source.cells]:
            raise ValueError(f"{copy} was run from another text than {lesson} has now; run the lesson again")
        for cell, ran in zip(target.cells, source.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs = [_without_machine(output) for output in ran.outputs]
                cell.execution_count = ran.execution_count
        target.metadata = {**LESSON_METADATA, KEY: _made_from(Path(executed), lesson)}
        nbformat.write(target, lesson)
        written.append(lesson)
    return written


def _made_from(executed: Path, lesson: Path) -> Fingerprint:
    recorded = executed / lesson.name.split("_")[0] / "result.json"
    stored = json.loads(recorded.read_text(encoding="utf-8")) if recorded.exists() else {}
    found: Fingerprint = stored.get("made_from") or fingerprint(lesson)
    return found


def _without_machine(output: Any) -> Any:
    output.get("metadata", {}).pop("papermill", None)
    return output
