"""`spacetime run`: lesson 12 on a reader's own file, as an executed notebook and a report.

papermill runs the lesson without the cells that only teach; nbconvert makes the report from what was executed, its code
hidden.
"""

import json
import logging
import os
import re
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from course.own.findings import in_short, literal
from course.own.rows import OwnRows, read_rows
from course.refreshing import LESSON_METADATA
from course.site import single_page
from spacetime.corpus.reading import HUB_PREFIX, fingerprint, name_of
from spacetime.folders import LOCK, sole_writer, write_text
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.terminal import shown
from spacetime.training.loop import LOG_FILE, checkpoints

LESSON = Path(__file__).parents[2] / "12_your_own_corpus.ipynb"
ONLY_TEACHES = "lesson-only"  # the tag of a cell that a run leaves out
IN_SHORT = "in-short"  # the tag of the cell that a report begins with

NOTEBOOK = "notebook.ipynb"
REPORT = "report.html"  # written last
REJECTS = "rejects.csv"
STATE = "run.json"  # what the run was asked for, so that --resume goes on with the same
RUN_LOCK = f".run{LOCK}"  # of the whole run; the training in the notebook's process holds its own
WRITTEN = (STATE, LOG_FILE, "training.json", "metrics.json", NOTEBOOK, REPORT, "map.html", REJECTS)

# What the lesson's parameters are for a run. None of the rows is every row; None of `measured`, each measure's own
# number of sentences.
PROFILES: dict[str, dict[str, int | None]] = {
    "quick": {"steps": 150, "training_rows": 3000, "tested_rows": 1000, "measured": 300, "mapped": 1500},
    "full": {"steps": 1200, "training_rows": 50_000, "tested_rows": None, "measured": None, "mapped": 10_000},
}


def run_corpus(
    path: str,
    output: str | os.PathLike[str],
    *,
    profile: str = "quick",
    steps: int | None = None,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    months: MonthRange | None = None,
    regions: RegionSet | None = None,
    reading: dict[str, Any],
    words: Sequence[str],
    command: str,
    say: Callable[[str], None],
) -> list[str]:
    """Run lesson 12 on a file, and write its notebook, report, map, model and numbers into a folder.

    Parameters
    ----------
    path, output
        The file, and the folder for everything.
    profile, steps
        One of `PROFILES`, and other steps of training.
    seed
        Of every draw except the split's, which is always the same.
    resume
        Go on where an earlier run with the same settings was stopped; measure a complete one again. A run that was
        stopped goes on without it, too.
    overwrite
        Delete an earlier run in `output` first.
    months, regions, reading
        See `course.own.rows.read_rows`.
    words
        The options by which `spacetime index` reads the same file alike, for the report.
    command
        How the run was started, for the report.
    say
        Called with a line before each part.

    Returns
    -------
    list of str
        What was found, in a few lines.

    Raises
    ------
    ValueError
        The file cannot be used, or `output` holds another run.
    """
    folder = Path(output)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder for the run")
    with sole_writer(folder / RUN_LOCK, folder):
        resume = resume or (not overwrite and (folder / STATE).is_file() and not (folder / REPORT).is_file())
        _check_folder(folder, resume, overwrite)
        rows = read_rows(path, months=months, regions=regions, rejects=folder / REJECTS, **reading)
        sizes = PROFILES[profile] | ({} if steps is None else {"steps": steps})
        state: dict[str, Any] = {
            "corpus": Path(name_of(path)).name,
            "sha256": None if path.startswith(HUB_PREFIX) else fingerprint(path),
            "columns": {name: reading[name] for name in ("text", "month", "region")},
            "months": f"{rows.months.start}..{rows.months.end}",
            "regions": list(rows.regions),
            "seed": seed,
            "profile": sizes,
        }
        _start_folder(folder, state, resume)
        _say_rows(rows, say)
        parameters = {
            **sizes,
            "seed": seed,
            "corpus": path,
            "reading": reading,
            "months": [rows.months.start, rows.months.end] if months else [],
            "regions": list(regions or []),
            "folder": str(folder),
            "resume": resume,
        }
        say(f"training {sizes['steps']:,} steps, then measuring and drawing the map")
        notebook = _lesson_for(rows, state, command, _use(path, folder, rows, words))
        with _bar(folder / LOG_FILE, sizes["steps"]) if sys.stderr.isatty() else nullcontext():
            executed = _executed(notebook, parameters)
        write_text(folder / NOTEBOOK, nbformat.writes(executed))
        write_text(folder / REPORT, _report(executed, state["corpus"]))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return [f"{rows.used:,} of {rows.report.rows:,} rows in use: {rows.split}", *in_short(metrics)]


def _say_rows(rows: OwnRows, say: Callable[[str], None]) -> None:
    for line in (str(rows.report).split("\n")[0], *rows.report.notes):
        say(line)
    if unknown := rows.unknown_places():
        say(f"not known as a country, kept as regions of their own: {', '.join(unknown)}")
    for kind, reason in rows.not_asked.items():
        say(f"{reason}: nothing can be asked about {kind}s, and the report leaves them out")
    say(f"split by {rows.split_made['by']}: {rows.split}")


# --- the folder ---------------------------------------------------------------------------------------


def _check_folder(folder: Path, resume: bool, overwrite: bool) -> None:
    if resume or {path.name for path in folder.iterdir()} <= {REJECTS, RUN_LOCK}:
        return  # a file that was refused leaves its rejected rows behind, and nothing else
    if not (folder / STATE).is_file():
        raise ValueError(f"{folder} holds something else; name an empty or a new folder for the run")
    if not overwrite:
        raise ValueError(
            f"{folder} already holds a run; go on with it (resume=True), delete it first (overwrite=True), or name "
            "another folder"
        )
    for left in ("model", *(checkpoint.name for checkpoint in checkpoints(folder))):
        shutil.rmtree(folder / left, ignore_errors=True)
    for left in WRITTEN:
        (folder / left).unlink(missing_ok=True)


def _start_folder(folder: Path, state: dict[str, Any], resume: bool) -> None:
    """Write down what is run; a resumed run must be the same one."""
    file = folder / STATE
    if resume and file.is_file():
        earlier = json.loads(file.read_text(encoding="utf-8"))
        if changed := [name for name in state if earlier.get(name) != state[name]]:
            raise ValueError(
                f"{folder} was run with another {changed[0]}; resume with the same file and settings (see {file}), or "
                "name another folder"
            )
    write_text(file, json.dumps(state, indent=2, ensure_ascii=False) + "\n")


# --- the notebook and the report ----------------------------------------------------------------------


def _lesson_for(rows: OwnRows, state: dict[str, Any], command: str, use: Sequence[str]) -> Any:
    """The lesson without what only teaches, between a title and how it was made."""
    lesson = nbformat.read(LESSON, as_version=4)
    cells = [cell for cell in lesson.cells if ONLY_TEACHES not in cell.metadata.get("tags", [])]
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    title = (
        f"# {literal(state['corpus'])}: a space-time model of your own corpus\n\n"
        f"{rows.used:,} rows, {rows.months.start} to {rows.months.end}, {len(rows.regions):,} regions; "
        f"{state['profile']['steps']:,} steps of training. The model is in `model/`, and "
        "[the map to explore is map.html](map.html)."
    )
    made = (
        f"## How this was made\n\n<pre>{literal(command)}</pre>\n\n"
        'Use it: `SpaceTimeEncoder.load("model")` in Python, or\n\n'
        f"<pre>{'&#10;'.join(map(literal, use))}</pre>\n\n"
        f"Seed {state['seed']}" + (f"; SHA-256 of the file {state['sha256']}" if state["sha256"] else "") + ". Every "
        f"number is in metrics.json, every step in {LOG_FILE}, the settings in {STATE} and training.json, and the code "
        f"in {NOTEBOOK}."
    )
    first, last = (nbformat.v4.new_markdown_cell(text) for text in (title, made))
    lesson.cells, lesson.metadata = [first, *cells, last], nbformat.from_dict(LESSON_METADATA)
    return lesson


def _use(path: str, folder: Path, rows: OwnRows, words: Sequence[str]) -> list[str]:
    """The commands that search the same file with the model, to be pasted."""
    model, index, region = str(folder / "model"), str(folder / "search"), next(iter(rows.regions))
    how = [*words, *(word for word in ("--any-spelling",) if word not in words)]
    how += [] if "--outside" in words else ["--outside", "skip"]
    return [
        shlex.join(["spacetime", "index", path, *how, "--model", model, "--output", index]),
        shlex.join(["spacetime", "search", index, "some text", "--month", rows.months.end, "--region", region]),
    ]


def _executed(notebook: Any, parameters: dict[str, Any]) -> Any:
    """Run a notebook in the present folder; an error in a cell is raised here as it was there."""
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")
    logging.getLogger("papermill").setLevel(logging.ERROR)  # it takes `int | None` for no annotation, and says so
    try:
        return papermill.execute_notebook(
            notebook,
            None,
            parameters,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=40"],  # it warns of its own ports
        )
    except PapermillExecutionError as error:
        raise _as_raised(error.ename, error.evalue) from error


def _as_raised(kind: str, message: str) -> Exception:
    """An error as the cell raised it, if it is of a kind whose message is written for a reader."""
    if kind in _names(ValueError):
        return ValueError(message)
    if kind in _names(OSError) and (told := re.fullmatch(r"\[Errno (\d+)\] ([^:]*)(?:: '(.*)')?", message)):
        return OSError(int(told[1]), *told.groups()[1:])
    return RuntimeError(f"in the notebook: {kind}: {message}")


def _names(kind: type[Exception]) -> set[str]:
    return {kind.__name__}.union(*(_names(below) for below in kind.__subclasses__()))


def _report(executed: Any, name: str) -> str:
    """The page: the findings first, and no code."""
    notebook = deepcopy(executed)
    short = [cell for cell in notebook.cells if IN_SHORT in cell.metadata.get("tags", [])]
    others = [cell for cell in notebook.cells if cell not in short]
    notebook.cells = [others[0], *short, *others[1:]]
    for cell in notebook.cells:  # progress and warnings
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return single_page(notebook, f"{shown(name)}: report of a space-time model")


@contextmanager
def _bar(log: Path, steps: int | None) -> Iterator[None]:
    """A bar over the steps that the training in the notebook's process logs."""
    ended = threading.Event()

    def follow() -> None:
        with tqdm(total=steps, desc="train", unit="step") as bar:
            while not ended.wait(0.5):
                bar.update((log.read_bytes().count(b"\n") if log.exists() else 0) - bar.n)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
