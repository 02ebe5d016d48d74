"""Run the lessons, each in its own process under a time limit, and gather what they found."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import yaml
from tqdm import tqdm

from course.freshness import fingerprint
from course.gathering import runs_folder
from course.parameters import Parameter, check_value, read_parameters, suggest
from course.provenance import commit
from course.recording import LESSONS_VARIABLE, NUMBER
from spacetime.environment import versions
from spacetime.folders import LOCK, sole_writer, write_text

# The notebooks lie beside the package in a clone; they are not installed with it.
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

SHARED_ENCODERS = "course.models"  # a lesson that imports it trains or loads encoders that others use

DEFAULT_LIMIT = 600.0  # seconds a lesson, where neither the profile nor the caller says another


@dataclass(frozen=True)
class Lesson:
    """One notebook: ``04``, ``04_stage_1`` and where it lies, with the parameters it takes."""

    number: str
    name: str
    path: Path
    parameters: dict[str, Parameter]


@dataclass(frozen=True)
class Profile:
    """What a profile's file says: values for every lesson that has the parameter, and for single lessons."""

    name: str
    limit: float
    common: dict[str, Any]
    lessons: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class LessonResult:
    """How one lesson ended.

    Parameters
    ----------
    lesson, name
        ``"04"`` and ``"04_stage_1"``.
    status
        ``"ok"``, ``"failed"`` or ``"stopped"`` (at its time limit).
    seconds
        Wall-clock time, the start of its kernel included.
    headline, metrics
        What the lesson recorded (`course.record`); empty if it recorded nothing.
    notebook
        The executed copy; after a failure it ends where the lesson did.
    reason
        Of a failure: which cell, which error.
    """

    lesson: str
    name: str
    status: str
    seconds: float
    headline: str
    metrics: dict[str, Any]
    notebook: str
    reason: str


@dataclass(frozen=True)
class CourseRun:
    """The lessons that ran, and the folder that holds what they left; ``str()`` is the table.

    Attributes
    ----------
    profile : str
    output : Path
    results : list of LessonResult
        In the order in which they ran.
    """

    profile: str
    output: Path
    results: list[LessonResult]

    @property
    def failed(self) -> list[LessonResult]:
        """The lessons that did not end well."""
        return [result for result in self.results if result.status != "ok"]

    def __str__(self) -> str:
        """A table of lessons with time and headline figure, and where to look."""
        width = max(len(result.name) for result in self.results)
        lines = [f"{'lesson':{width}}  seconds  headline"]
        for result in self.results:
            said = result.headline or "(no figure recorded)"
            if result.status != "ok":
                said = f"{result.status.upper()} {result.reason}"
            lines.append(f"{result.name:{width}}  {result.seconds:7.1f}  {said}")
        lines.append(f"{'total':{width}}  {sum(result.seconds for result in self.results):7.1f}")
        where = _short(self.output)
        lines += ["", f"Executed lessons: {where}/*.ipynb", f"This table, and every figure: {where}/results.json"]
        if self.failed:
            logs = ", ".join(f"{where}/{result.lesson}/papermill.log" for result in self.failed)
            lines.append(f"Failed: {len(self.failed)} of {len(self.results)}; their logs: {logs}")
        return "\n".join(lines)


def lesson_files(folder: Path) -> list[Path]:
    """The notebooks ``NN_name.ipynb`` of a folder, in order; ``01b_name.ipynb`` comes after ``01_name.ipynb``.

    A reader's own copies, which JupyterLab names ``NN_name-Copy1.ipynb``, are none of the course.
    """
    named = (path for path in folder.glob("*_*.ipynb") if re.fullmatch(NUMBER, path.name.split("_")[0]))
    return sorted(path for path in named if not re.search(r"-Copy\d+$", path.stem))


def find_lessons(folder: Path) -> dict[str, Lesson]:
    """Find the lessons ``NN_name.ipynb`` of a folder, by number, in order.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If two lessons share a number, or a parameters cell cannot be read.
    """
    lessons: dict[str, Lesson] = {}
    for path in lesson_files(folder):
        number = path.name.split("_")[0]
        if number in lessons:
            raise ValueError(f"{folder}: lesson {number} is there twice: {lessons[number].path.name}, {path.name}")
        lessons[number] = Lesson(number, path.stem, path, read_parameters(path))
    if not lessons:
        raise FileNotFoundError(
            f"no lessons (NN_name.ipynb) in {folder}; run from a clone, or name the folder that holds the notebooks"
        )
    return lessons


def read_profile(profile: str, notebooks: Path) -> Profile:
    """Read a profile by its name (``notebooks/profiles/<name>.yaml``) or by a path that ends in ``.yaml``.

    The file maps ``common`` and lesson numbers to parameters, and may set ``limit``, seconds a lesson ::

        limit: 600
        common: {seed: 0}
        "04": {epochs: 1}

    Raises
    ------
    FileNotFoundError
        If there is no such profile.
    ValueError
        If the file is not of this form.
    """
    folder = notebooks / "profiles"
    path = Path(profile) if profile.endswith((".yaml", ".yml")) else folder / f"{profile}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.yaml"))) or "none"
        raise FileNotFoundError(f"no profile {profile!r} in {folder}; known: {known}, or a path to a .yaml file")
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(said, dict):
        raise ValueError(f"{path}: must map 'limit', 'common' and lesson numbers to values, not be {said!r}")
    limit = said.pop("limit", DEFAULT_LIMIT)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or limit <= 0:
        raise ValueError(f"{path}: limit {limit!r} is not a number of seconds above 0")
    common = said.pop("common", None) or {}
    for key, values in [("common", common), *said.items()]:
        if key != "common" and (not isinstance(key, str) or not re.fullmatch(NUMBER, key)):
            raise ValueError(f'{path}: {key!r} is not a lesson; write its two digits in quotes, such as "04"')
        if not isinstance(values or {}, dict):
            raise ValueError(f"{path}: {key!r} must map parameters to values, not be {values!r}")
    return Profile(path.stem, float(limit), common, {key: values or {} for key, values in said.items()})


def run_course(
    profile: str = "quick",
    lessons: Sequence[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    output: str | Path | None = None,
    *,
    limit: float | None = None,
    notebooks: str | Path | None = None,
    jobs: int = 2,
) -> CourseRun:
    """Run lessons, two at a time; a lesson that fails does not stop the others.

    Parameters
    ----------
    profile
        Sizes for all lessons: ``"quick"`` (a minute each), ``"full"``, or a path to a ``.yaml`` file.
    lessons
        Numbers such as ``["04", "06"]``; None for all.
    parameters
        Values over the profile's, for every chosen lesson that has the parameter. A text is read by the
        parameter's type, as on the command line: ``"3"`` for an int, ``"UK,US"`` for a list.
    output
        Folder for executed copies and results; None for ``runs/<profile>`` beside ``notebooks``, or, where
        parameters are given, ``runs/<profile>-changed/<hash of them>``: no run overwrites one with other parameters,
        and lesson 06 finds what 04 left with the same.
    limit
        Seconds a lesson may take; None for the profile's own.
    notebooks
        Folder of the lessons; None for the clone's.
    jobs
        Lessons that run at the same time. Those that share trained encoders still run in the course's order.

    Returns
    -------
    CourseRun
        Also written to ``<output>/results.json``, beside the lessons that ran there before.  What each lesson
        recorded, with its parameters, versions, commit, hashes of code and data and time, is kept in
        ``runs/<lesson>/<hash of its parameters>/result.json``.

    Raises
    ------
    ValueError, FileNotFoundError
        Before anything runs: an unknown profile, lesson or parameter, or a value of the wrong type.
    """
    folder = Path(notebooks) if notebooks is not None else NOTEBOOKS
    known = find_lessons(folder)
    sizes = read_profile(profile, folder)
    chosen = _choose(known, lessons)
    over = dict(parameters or {})
    # A run with values of its own must not stand where the profile's figures are.
    name = f"{sizes.name}-changed/{_short_name(chosen, over)}" if over else sizes.name
    target = Path(output) if output is not None else folder.resolve().parent / "runs" / name
    if limit is not None and limit <= 0:
        raise ValueError(f"limit {limit:g} is not a number of seconds above 0")
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    given = _values(known, chosen, sizes, over, _from_notebooks(target, folder))

    with sole_writer(target / LOCK, target):
        results = _run_all(chosen, given, target, sizes.name, limit or sizes.limit, jobs)
        run = CourseRun(sizes.name, target, results)
        _write_results(run)
    return run


def threads_each(jobs: int) -> int:
    """Threads of a lesson beside others: those of two lessons on each core would wait for each other."""
    return max(1, (os.cpu_count() or 1) // jobs)


def _run_all(
    chosen: list[Lesson], given: dict[str, dict[str, Any]], target: Path, profile: str, limit: float, jobs: int
) -> list[LessonResult]:
    """Run the lessons, with a bar over their cells and a line for each that has ended."""
    cells = sum(_code_cells(lesson.path) for lesson in chosen)
    # In a log file, where each refresh is a new line, the bar speaks four times a minute.
    interval = 0.5 if sys.stderr.isatty() else 15.0
    halt = threading.Event()
    together = lanes(chosen)
    threads = threads_each(min(jobs, len(together)))
    with tqdm(total=cells, unit="cell", mininterval=interval, dynamic_ncols=True) as bar:

        def run_lane(lane: list[Lesson]) -> list[LessonResult]:
            results = []
            for lesson in lane:
                if halt.is_set():
                    break
                bar.set_description(lesson.name)
                # Before the run: after it the code may be another.
                origin = {
                    "versions": versions(),
                    "commit": commit(lesson.path.parent),
                    "made_from": fingerprint(lesson.path),
                }
                result = _run(lesson, given[lesson.number], target, limit, threads, bar, halt)
                _complete(target, lesson, given[lesson.number], profile, result, origin)
                results.append(result)
                said = result.headline if result.status == "ok" else f"{result.status.upper()} {result.reason}"
                bar.write(f"{lesson.name}: {result.seconds:.1f} s  {said}", file=sys.stderr)
            return results

        with ThreadPoolExecutor(jobs) as pool:
            try:
                results = [result for lane in pool.map(run_lane, together) for result in lane]
            except BaseException:  # Ctrl-C too: the running lessons are stopped, the others never start
                halt.set()
                raise
    return sorted(results, key=lambda result: result.lesson)


def lanes(lessons: Sequence[Lesson]) -> list[list[Lesson]]:
    """Lessons that may run at the same time: those that share trained encoders are one lane, the first."""
    sharing = [lesson for lesson in lessons if SHARED_ENCODERS in lesson.path.read_text(encoding="utf-8")]
    return [sharing] * bool(sharing) + [[lesson] for lesson in lessons if lesson not in sharing]


def _short_name(chosen: list[Lesson], over: dict[str, Any]) -> str:
    """Eight letters for the values that a run is given, the same for ``"3"`` and 3 where the parameter is an int."""
    read = dict(over)
    for name, value in over.items():
        if lesson := next((lesson for lesson in chosen if name in lesson.parameters), None):
            read[name] = _read_text(lesson, name, value)
    return _hash(read)


def _complete(
    output: Path,
    lesson: Lesson,
    given: dict[str, Any],
    profile: str,
    result: LessonResult,
    origin: dict[str, Any],
) -> None:
    """Add to what a lesson recorded how it ran and from what, and keep it for good in `runs/<lesson>/<hash>`.

    The hash is of the parameters: each choice of them has one place, where the newest run stands, whatever becomes of
    the folder that holds executed copies and models.
    """
    path = output / lesson.number / "result.json"
    if not path.exists():
        return
    recorded = json.loads(path.read_text(encoding="utf-8"))
    own = {name: parameter.default for name, parameter in lesson.parameters.items()} | given
    own.pop("output", None)  # a place, not a setting
    recorded |= {
        "parameters": own,
        "seed": own.get("seed"),
        "profile": profile,
        "seconds": result.seconds,
        "status": result.status,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        **origin,
    }
    text = json.dumps(recorded, indent=2, ensure_ascii=False) + "\n"
    write_text(path, text)
    if result.status == "ok":
        kept = runs_folder(output) / lesson.number / _hash(own)
        kept.mkdir(parents=True, exist_ok=True)
        write_text(kept / "result.json", text)


def _hash(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _write_results(run: CourseRun) -> None:
    """Write results.json; lessons of earlier runs into this folder stay in it."""
    path = run.output / "results.json"
    lessons: dict[str, Any] = {}
    if path.exists():
        lessons = {result["lesson"]: result for result in json.loads(path.read_text(encoding="utf-8"))["lessons"]}
    lessons |= {result.lesson: asdict(result) for result in run.results}
    table = {"profile": run.profile, "lessons": [lessons[number] for number in sorted(lessons)]}
    write_text(path, json.dumps(table, indent=2, ensure_ascii=False) + "\n")


def _choose(known: dict[str, Lesson], lessons: Sequence[str] | None) -> list[Lesson]:
    """The asked lessons in the course's order."""
    if lessons is None:
        return list(known.values())
    if isinstance(lessons, str):
        raise ValueError(f"lessons must be a list of numbers, such as [{lessons!r}], not the text {lessons!r}")
    asked = [str(number).zfill(3 if str(number)[-1:].isalpha() else 2) for number in lessons]
    for number in asked:
        if number not in known:
            raise ValueError(f"no lesson {number!r}; known: {', '.join(known)}")
    return [lesson for number, lesson in known.items() if number in asked]


def _values(
    known: dict[str, Lesson], chosen: list[Lesson], sizes: Profile, over: dict[str, Any], output: str
) -> dict[str, dict[str, Any]]:
    """Check and put together what each chosen lesson is given, the profile's other lessons checked as well."""
    given: dict[str, dict[str, Any]] = {number: {} for number in known}
    if unknown := [number for number in sizes.lessons if number not in known]:
        raise ValueError(f"profile {sizes.name!r} speaks of lesson {unknown[0]!r}; known: {', '.join(known)}")
    everyone = {name: None for lesson in known.values() for name in lesson.parameters}
    for name in sizes.common:
        if name not in everyone:
            raise ValueError(f"profile {sizes.name!r}: no lesson has a parameter {name!r}{suggest(name, everyone)}")
    for number, lesson in known.items():
        common = {name: value for name, value in sizes.common.items() if name in lesson.parameters}
        for name, value in (common | sizes.lessons.get(number, {})).items():
            given[number][name] = check_value(lesson.parameters, number, name, value)

    theirs = {name: None for lesson in chosen for name in lesson.parameters}
    for name, value in over.items():
        if name not in theirs:
            numbers = ", ".join(lesson.number for lesson in chosen)
            raise ValueError(f"no lesson of {numbers} has a parameter {name!r}{suggest(name, theirs)}")
        for lesson in chosen:
            if name in lesson.parameters:
                read = _read_text(lesson, name, value)
                given[lesson.number][name] = check_value(lesson.parameters, lesson.number, name, read)
    for lesson in chosen:
        if "output" in lesson.parameters:  # where the course puts things is one folder, so 06 finds 04's model
            given[lesson.number]["output"] = output
    return given


def _read_text(lesson: Lesson, name: str, value: Any) -> Any:
    """Read a text by the parameter's type; leave anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return lesson.parameters[name].from_text(value)
    except ValueError:
        return value  # `check_value` names it, with lesson and type


def _run(
    lesson: Lesson,
    given: dict[str, Any],
    output: Path,
    limit: float,
    threads: int,
    bar: tqdm,
    halt: threading.Event,
) -> LessonResult:
    """Run one lesson in a process of its own and read what it left."""
    finished, own = output / lesson.path.name, output / lesson.number
    copy = own / f"{lesson.path.stem}.part.ipynb"  # until its lesson has ended, well or not
    own.mkdir(exist_ok=True)
    for earlier in (finished, copy, own / "result.json"):  # an earlier run's figure must not stand for this one's
        earlier.unlink(missing_ok=True)

    # Only what differs from the notebook's own values is passed: a lesson at its defaults stays as it is. The
    # paths are relative, so that an executed copy holds no machine's folders.
    differing = {k: v for k, v in given.items() if v != lesson.parameters[k].default}
    command = [sys.executable, "-m", "papermill", lesson.path.name, _from_notebooks(copy, lesson.path.parent)]
    command += [
        "--kernel",
        "python3",
        "--language",
        "python",
        "--no-progress-bar",
        "--parameters_yaml",
        yaml.safe_dump(differing, default_flow_style=True),  # not JSON, whose 5e-05 is text to YAML
    ]
    quiet = {"OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false", "JUPYTER_PLATFORM_DIRS": "1"}
    total, done = _code_cells(lesson.path), 0
    start, stopped, seen = time.monotonic(), False, 0.0
    with open(own / "papermill.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            cwd=lesson.path.parent,
            env={
                **quiet,
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                "OMP_NUM_THREADS": str(threads),
                **os.environ,
                LESSONS_VARIABLE: str(lesson.path.parent.resolve()),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the course alone, which then stops its lesson
        )
        try:
            while process.poll() is None and not stopped:
                time.sleep(0.2)
                if copy.exists() and copy.stat().st_mtime != seen:
                    seen = copy.stat().st_mtime
                    now = min(total, max(done, _completed(copy)))
                    bar.update(now - done)
                    done = now
                bar.refresh() if sys.stderr.isatty() else None
                stopped = halt.is_set() or time.monotonic() - start > limit
        finally:
            _stop(process)
    if halt.is_set():  # half an executed lesson would pass for a whole one
        raise InterruptedError(f"{lesson.name} was ended")
    copy = copy.replace(finished) if copy.exists() else finished
    bar.update(total - done)
    seconds = time.monotonic() - start

    reason = ""
    if stopped:
        reason = f"at its limit of {limit:g} s{_place(copy)}; give it more with --limit"
    elif process.returncode != 0:
        reason = _error(copy, own / "papermill.log")
    status = "stopped" if stopped else "failed" if reason else "ok"
    headline, metrics = "", {}
    if (own / "result.json").exists():
        recorded = json.loads((own / "result.json").read_text(encoding="utf-8"))
        headline, metrics = recorded["headline"], recorded["metrics"]
    return LessonResult(lesson.number, lesson.name, status, round(seconds, 1), headline, metrics, _short(copy), reason)


def _stop(process: subprocess.Popen) -> None:
    """End a lesson's process and all it started. The kernel has a session of its own, so a group kill misses it."""
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            pass
    process.wait()


def _cells(notebook: Path) -> list[dict]:
    """The code cells of a notebook; empty while papermill has it half-written."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        return []
    return [cell for cell in cells if cell["cell_type"] == "code"]


def _code_cells(notebook: Path) -> int:
    return len(_cells(notebook))


def _completed(notebook: Path) -> int:
    done = [c for c in _cells(notebook) if c["metadata"].get("papermill", {}).get("status") == "completed"]
    return len(done)


def _place(notebook: Path) -> str:
    """Where a stopped lesson was: ` in cell [7]`, counted as the executed copy counts its code cells."""
    for number, cell in enumerate(_cells(notebook), 1):
        if cell["metadata"].get("papermill", {}).get("status") not in ("completed", None):
            if cell["metadata"]["papermill"]["status"] == "running":
                return f" in cell [{number}]"
    return ""


def _error(notebook: Path, log: Path) -> str:
    """Why a lesson failed: the cell and its error, or papermill's last word when no cell had one."""
    for number, cell in enumerate(_cells(notebook), 1):
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                message = " ".join(output["evalue"].split())
                return f"in cell [{number}]: {output['ename']}: {message}"
    lines = [line.strip() for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    return f"without an error in a cell{_place(notebook)}: {lines[-1] if lines else 'papermill said nothing'}"


def _from_notebooks(path: Path, folder: Path) -> str:
    """A path as seen from the notebooks' folder, where lessons run."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _short(path: Path) -> str:
    """A path as seen from here if it lies below, else in full."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
