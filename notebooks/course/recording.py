"""What a lesson found, written by its last cell and read by the course's table."""

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NUMBER = r"\d\d[a-z]?"
"""A lesson's number: ``06``, and ``01b`` for a lesson that goes deeper into what ``01`` begins."""

LESSONS_VARIABLE = "SPACETIME_LESSONS"
"""Names the folder of the lessons for the processes of `python -m course run --notebooks DIR`."""

LESSONS = Path(os.environ.get(LESSONS_VARIABLE) or Path(__file__).parents[1])


def output_folder(output: str | Path) -> Path:
    """Where a lesson's parameter `output` is: a relative one begins at the lessons' folder, wherever they are run from.

    Examples
    --------
    >>> output_folder("../runs/quick").relative_to(LESSONS.parent).as_posix()
    'runs/quick'
    >>> output_folder(Path("/tmp/runs")).as_posix()
    '/tmp/runs'
    """
    return Path(os.path.normpath(LESSONS / output))


def record(
    lesson: str,
    headline: str,
    metrics: Mapping[str, Any],
    output: str | Path,
    parameters: Mapping[str, Any] | None = None,
) -> Path:
    """Write a lesson's result beside its executed copy.

    Parameters
    ----------
    lesson
        The lesson's number as its file has it: ``"06"``, ``"01b"``.
    headline
        One line for the course's table, the figure with its unit: ``"pair Spearman 0.81 on 400 pairs"``.
    metrics
        Named figures: finite numbers (NumPy's and torch's scalars too) or texts.
    output
        The course's folder, the lesson's own parameter `output` (see `output_folder`).
    parameters
        What the lesson ran with, `output` left out, so that `gather` can use a run by hand. `python -m course run`
        adds it by itself.

    Returns
    -------
    Path
        ``<output>/<lesson>/result.json``.

    Raises
    ------
    ValueError
        If the lesson is no number of two digits, the headline is not one line, or a metric is not a finite number.

    Examples
    --------
    >>> import tempfile
    >>> record("06", "pair Spearman 0.81", {"pair_spearman": 0.81}, tempfile.mkdtemp()).name
    'result.json'
    """
    if not isinstance(lesson, str) or not re.fullmatch(NUMBER, lesson):
        raise ValueError(f"lesson {lesson!r} is not a number of two digits in quotes, such as '06'")
    if not isinstance(headline, str) or not headline.strip() or "\n" in headline:
        raise ValueError(f"lesson {lesson}: the headline {headline!r} is not one line of text")
    plain = {name: _plain(value, f"lesson {lesson}, metric {name!r}") for name, value in metrics.items()}
    path = output_folder(output) / lesson / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"lesson": lesson, "headline": headline.strip(), "metrics": plain}
    if parameters is not None:
        result["parameters"] = dict(parameters)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _plain(value: Any, name: str) -> int | float | str | bool:
    """Turn a scalar of NumPy or torch into Python's own; refuse what JSON cannot hold."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"{name}: {value!r} is neither a finite number nor a text")
