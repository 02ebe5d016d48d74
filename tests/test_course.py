"""The course runs lessons in a row, refuses what they do not take, and tells how each one ended."""

import ast
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import psutil
import pytest
import yaml
from test_folders import held_elsewhere

from course import CourseRun, gather, record, recording, run_course
from course.gathering import runs_folder
from course.models import LessonSettings, stage1_encoder
from course.parameters import read_parameters
from course.provenance import commit
from course.running import find_lessons, lanes, lesson_files
from spacetime.folders import LOCK

PARAMETERS = """\
from typing import Literal

seed: int = 0  # seed of every random choice
rate: float = 0.1  # learning rate
regions: list[str] = ["UK", "US"]  # regions to show
first_month: str = "2017-01"  # first month
size: Literal["small", "large"] = "small"
rows: int | None = None
shuffle: bool = False
output: str = "../runs/quick"  # where results go
"""

RECORD = """\
from course import record

_ = record("{lesson}", f"seed {{seed}}", {{"seed": seed}}, output)"""


def write_lesson(folder: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> Path:
    """Write a notebook with a parameters cell and the given code cells."""
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[first, *map(nbformat.v4.new_code_cell, cells)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def write_profile(folder: Path, **said: Any) -> None:
    (folder / "profiles").mkdir(parents=True, exist_ok=True)
    (folder / "profiles/quick.yaml").write_text(yaml.safe_dump(said))


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """Two lessons and an empty profile; these tests are refused before a lesson starts."""
    folder = tmp_path / "notebooks"
    write_lesson(folder, "04_stage_1")
    write_lesson(folder, "06_stage_2", parameters=PARAMETERS + "epochs: int = 1\n")
    write_profile(folder)
    return folder


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> CourseRun:
    """One run of three lessons: one goes well, one fails in its third cell, one reads the first one's result."""
    folder = tmp_path_factory.mktemp("clone") / "notebooks"
    write_lesson(folder, "00_well", "# as if it used course.models", RECORD.format(lesson="00"))
    write_lesson(folder, "01_failing", "x = 1", "raise KeyError('no such month')", "x = 2")
    write_lesson(
        folder,
        "03_reading",
        "# as if it used course.models\nimport json\nfrom pathlib import Path\n"
        "headline = json.loads((Path(output) / '00/result.json').read_text())['headline']\nprint(type(rate), rate)",
        RECORD.format(lesson="03").replace('f"seed {seed}"', "'read ' + headline"),
    )
    write_profile(folder, common={"seed": 5}, **{"03": {"rate": 5e-05}})
    return run_course("quick", notebooks=folder)


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> CourseRun:
    """A lesson that does not end by itself; thirty seconds are enough to start a kernel on a busy machine."""
    folder = tmp_path_factory.mktemp("clone") / "notebooks"
    write_lesson(folder, "02_endless", "print('before')", "import time\ntime.sleep(600)")
    write_profile(folder)
    return run_course("quick", notebooks=folder, limit=30)


def test_lessons_that_share_encoders_run_in_order_and_the_others_beside_them(notebooks: Path) -> None:
    write_lesson(notebooks, "07_sharing", "from course.models import stage2_encoder")
    write_lesson(notebooks, "05_alone", "x = 1")
    write_lesson(notebooks, "08_sharing", "from course.models import stage2_encoder")
    order = [[lesson.number for lesson in lane] for lane in lanes(list(find_lessons(notebooks).values()))]
    assert order == [["07", "08"], ["04"], ["05"], ["06"]]


def test_two_lessons_run_at_the_same_time(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    meet = "import time\nfrom pathlib import Path\nPath('{me}').touch()\nfor _ in range(600):\n    time.sleep(0.1)\n"
    meet += "    if Path('{other}').exists():\n        break\nelse:\n    raise TimeoutError('alone')"
    write_lesson(folder, "01_one", meet.format(me="one", other="two"))
    write_lesson(folder, "02_two", meet.format(me="two", other="one"))
    write_profile(folder)
    assert [one.status for one in run_course(notebooks=folder, limit=60).results] == ["ok", "ok"]


def result(course: CourseRun, number: str) -> Any:
    return next(result for result in course.results if result.lesson == number)


def executed(course: CourseRun, name: str) -> str:
    """The outputs of an executed copy, as text."""
    return json.dumps([cell.get("outputs") for cell in nbformat.read(course.output / name, 4).cells])


# --- a run -------------------------------------------------------------------------------------------


def test_a_small_number_arrives_as_a_number(course: CourseRun) -> None:
    assert "<class 'float'> 5e-05" in executed(course, "03_reading.ipynb"), "JSON's 5e-05 is text to YAML"


def test_a_lesson_gets_the_profiles_values_and_its_figure_is_gathered(course: CourseRun) -> None:
    assert (result(course, "00").status, result(course, "00").metrics) == ("ok", {"seed": 5})


def test_results_go_to_runs_beside_the_notebooks(course: CourseRun) -> None:
    assert course.output.parts[-3:-1] == (course.output.parents[1].name, "runs")
    assert (course.output / "00_well.ipynb").exists() and (course.output / "00/result.json").exists()


def test_a_failure_names_the_cell_and_the_error(course: CourseRun) -> None:
    failed = result(course, "01")
    # The parameters that differ from the notebook's own are a cell more: [1] own, [2] injected, [3] x = 1.
    assert failed.status == "failed" and failed.reason == "in cell [4]: KeyError: 'no such month'"


def test_a_failed_lesson_leaves_what_it_did(course: CourseRun) -> None:
    assert "no such month" in executed(course, "01_failing.ipynb")


def test_a_lesson_is_stopped_at_its_limit_and_leaves_what_it_did(endless: CourseRun) -> None:
    (stopped,) = endless.results
    assert stopped.status == "stopped" and stopped.seconds < 45
    assert stopped.reason.startswith("at its limit of 30 s in cell [3]")
    assert "before" in executed(endless, "02_endless.ipynb")


def test_a_stopped_lesson_leaves_no_kernel_behind(endless: CourseRun) -> None:
    folders = [process.info["cwd"] for process in psutil.process_iter(["cwd"])]
    assert str(endless.output.parents[1] / "notebooks") not in folders


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_ends_the_course_and_its_lesson(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    folder = tmp_path / "notebooks"
    write_lesson(folder, "00_endless", "import time\nfrom pathlib import Path\nPath('up').touch()\ntime.sleep(600)")
    write_profile(folder)
    command = [sys.executable, "-m", "course", "run", "--notebooks", str(folder)]
    # A shell that runs tests in the background has them ignore Ctrl-C, and their children with them.
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    course = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    while not (folder / "up").exists() and course.poll() is None:
        time.sleep(0.1)
    course.send_signal(sent)
    out, err = course.communicate(timeout=20)
    assert course.returncode == code and "Traceback" not in err and out == ""
    assert err.splitlines()[-1] == "stopped; the lesson at work was ended; the same command runs the lessons again"
    assert not list((tmp_path / "runs/quick").glob("*.ipynb")), "half an executed lesson would pass for a whole one"
    assert str(folder) not in [process.info["cwd"] for process in psutil.process_iter(["cwd"])]


def test_a_second_course_into_one_folder_is_refused(notebooks: Path, tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "out" / LOCK), pytest.raises(ValueError, match="another process is writing .*out"):
        run_course(notebooks=notebooks, output=tmp_path / "out")


def test_the_lessons_after_a_failure_run_and_find_earlier_output(course: CourseRun) -> None:
    assert result(course, "03").headline == "read seed 5"


def test_an_executed_copy_holds_no_folder_of_the_machine(course: CourseRun) -> None:
    assert str(course.output.parents[1]) not in (course.output / "00_well.ipynb").read_text()


def test_the_table_names_every_lesson_and_where_to_look(course: CourseRun) -> None:
    page = str(course)
    for said in ["00_well", "seed 5", "FAILED in cell [4]: KeyError", "results.json", "total"]:
        assert said in page
    assert [result.lesson for result in course.failed] == ["01"]


def test_the_table_is_written_as_json(course: CourseRun) -> None:
    table = json.loads((course.output / "results.json").read_text())
    assert [row["status"] for row in table["lessons"]] == ["ok", "failed", "ok"]


def test_an_old_figure_does_not_stand_for_a_run_that_recorded_none(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    write_lesson(folder, "00_silent", "x = 1")
    write_profile(folder)
    record("00", "from yesterday", {}, tmp_path / "runs/quick")
    run = run_course(notebooks=folder)
    assert run.results[0].headline == "" and "no figure recorded" in str(run)


def test_a_run_is_kept_under_its_lesson_and_parameters_with_where_it_comes_from(course: CourseRun) -> None:
    (kept,) = (course.output.parent / "00").glob("*/result.json")
    found = json.loads(kept.read_text())
    assert found == json.loads((course.output / "00/result.json").read_text())
    assert (found["parameters"]["seed"], found["seed"], found["status"]) == (5, 5, "ok")
    assert {"python", "torch", "numpy"} <= set(found["versions"]) and found["seconds"] > 0
    assert found["commit"] is None, "the lessons of this test lie in no clone"
    assert found["made_from"]["code"]["cells"] and "course.recording" in found["made_from"]["modules"]


def test_a_failed_lesson_keeps_no_record(course: CourseRun) -> None:
    assert not (course.output.parent / "01").exists()


def test_a_run_kept_in_two_places_is_gathered_once_and_survives_its_folder(course: CourseRun, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(course.output.parent, runs)
    assert gather(runs, "00").runs["folder"].tolist() == ["quick"] and gather(runs, "00").repeated == []
    shutil.rmtree(runs / "quick")
    (folder,) = gather(runs, "00").runs["folder"]
    assert folder.startswith("00/")


def test_the_commit_says_whether_tracked_files_differ_from_it(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    (tmp_path / "file").write_text("1")
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    clean = commit(tmp_path)
    (tmp_path / "file").write_text("2")
    assert clean is not None and len(clean) == 40 and commit(tmp_path) == f"{clean}+changes"


# --- refused before anything runs --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ({"04": {"epoch": 1}}, "lesson 04 has no parameter 'epoch'"),
        ({"06": {"epoch": 1}}, "lesson 06 has no parameter 'epoch'; did you mean 'epochs'?"),
        ({"common": {"sed": 1}}, "no lesson has a parameter 'sed'; did you mean 'seed'?"),
        ({"04": {"first_month": 1}}, "lesson 04, parameter 'first_month': 1 is not str (the lesson's own: '2017-01')"),
        ({"04": {"regions": False}}, "lesson 04, parameter 'regions': False is not list[str]"),
        ({"04": {"regions": ["UK", False]}}, "write a region in quotes"),
        ({"04": {"seed": "3"}}, "lesson 04, parameter 'seed': '3' is not int"),
        ({"04": {"seed": True}}, "lesson 04, parameter 'seed': True is not int"),
        ({"04": {"seed": 1.5}}, "lesson 04, parameter 'seed': 1.5 is not int"),
        ({"04": {"size": "middle"}}, "'middle' is not Literal['small', 'large']"),
        ({"05": {"seed": 1}}, "profile 'quick' speaks of lesson '05'; known: 04, 06"),
        ({"stage": {"seed": 1}}, "'stage' is not a lesson"),
        ({"04": 3}, "'04' must map parameters to values, not be 3"),
        ({"limit": 0}, "limit 0 is not a number of seconds above 0"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(notebooks: Path, profile: dict, message: str) -> None:
    write_profile(notebooks, **profile)
    with pytest.raises(ValueError) as error:
        run_course(notebooks=notebooks)
    assert message in str(error.value)


def test_a_lesson_number_that_yaml_reads_as_an_int_is_refused(notebooks: Path) -> None:
    (notebooks / "profiles/quick.yaml").write_text("04: {seed: 1}")
    with pytest.raises(ValueError, match="4 is not a lesson; write its two digits in quotes"):
        run_course(notebooks=notebooks)


def test_a_profile_that_is_not_yaml_is_named(notebooks: Path) -> None:
    (notebooks / "profiles/quick.yaml").write_text("common: {seed: [}")
    with pytest.raises(ValueError, match="quick.yaml: not YAML"):
        run_course(notebooks=notebooks)


def test_an_unknown_profile_names_the_known_ones(notebooks: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no profile 'fast' .* known: quick"):
        run_course("fast", notebooks=notebooks)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epoch": "1"}, "no lesson of 04, 06 has a parameter 'epoch'; did you mean 'epochs'?"),
        ({"seed": "three"}, "lesson 04, parameter 'seed': 'three' is not int"),
        ({"shuffle": "yes"}, "lesson 04, parameter 'shuffle': 'yes' is not bool"),
        ({"first_month": 201701}, "lesson 04, parameter 'first_month': 201701 is not str"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(notebooks: Path, parameters: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:
        run_course(notebooks=notebooks, parameters=parameters)
    assert message in str(error.value)


def test_an_unknown_lesson_names_the_known_ones(notebooks: Path) -> None:
    with pytest.raises(ValueError, match="no lesson '11'; known: 04, 06"):
        run_course(notebooks=notebooks, lessons=["11"])


def test_a_lesson_may_go_deeper_into_the_one_before(notebooks: Path, tmp_path: Path) -> None:
    write_lesson(notebooks, "04b_stage_1_deeper")
    write_lesson(notebooks, "notes_on_04")
    assert list(find_lessons(notebooks)) == ["04", "04b", "06"], "in this order, and other notebooks are none"
    write_profile(notebooks, **{"04b": {"epoch": 1}})
    with pytest.raises(ValueError, match="lesson 04b has no parameter 'epoch'"):
        run_course(notebooks=notebooks, lessons=["4b"])
    assert record("04b", "well", {"x": 1}, tmp_path) == tmp_path / "04b" / "result.json"


def test_two_lessons_of_one_number_are_refused(notebooks: Path) -> None:
    write_lesson(notebooks, "04_again")
    with pytest.raises(ValueError, match="lesson 04 is there twice"):
        run_course(notebooks=notebooks)


def test_copies_that_jupyterlab_makes_are_no_lessons(notebooks: Path) -> None:
    before = lesson_files(notebooks)
    write_lesson(notebooks, "04_again-Copy1")
    assert lesson_files(notebooks) == before != []


def test_a_folder_without_lessons_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no lessons"):
        run_course(notebooks=tmp_path)


def test_nothing_is_written_when_a_run_is_refused(notebooks: Path) -> None:
    with pytest.raises(ValueError):
        run_course(notebooks=notebooks, parameters={"epoch": "1"})
    assert not (notebooks.parent / "runs").exists()


# --- the parameters cell -----------------------------------------------------------------------------


def test_a_parameter_has_its_type_default_and_help(notebooks: Path) -> None:
    regions = read_parameters(notebooks / "04_stage_1.ipynb")["regions"]
    assert (regions.type, regions.default, regions.help) == ("list[str]", ["UK", "US"], "regions to show")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seed", "3", 3),
        ("rate", "1e-3", 0.001),
        ("rate", "2", 2.0),
        ("regions", "UK,AUS", ["UK", "AUS"]),
        ("regions", '["New York, US"]', ["New York, US"]),
        ("regions", "NO", ["NO"]),
        ("first_month", "2019", "2019"),
        ("size", "large", "large"),
        ("rows", "none", None),
        ("rows", "12", 12),
        ("shuffle", "True", True),
    ],
)
def test_a_text_is_read_by_the_parameters_type(notebooks: Path, name: str, text: str, value: Any) -> None:
    read = read_parameters(notebooks / "04_stage_1.ipynb")[name].from_text(text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("seed = 0", "line 1 of the parameters cell is not of the form 'name: type = value'"),
        ("seed: int = f()", "the default of 'seed' is not a plain value"),
        ("seed: int = 'a'", "the default 'a' of 'seed' is not int"),
        ("seed: int | Path = 0", "type 'int | Path' cannot be checked"),
        ("seed: int = (", "line 1 of the parameters cell is not Python"),
    ],
)
def test_a_parameters_cell_that_cannot_be_checked_is_refused(tmp_path: Path, cell: str, message: str) -> None:
    path = write_lesson(tmp_path, "00_odd", parameters=cell)
    with pytest.raises(ValueError) as error:
        read_parameters(path)
    assert message in str(error.value)


def test_a_file_that_is_no_notebook_is_named(tmp_path: Path) -> None:
    (tmp_path / "00_odd.ipynb").write_text("{}")
    with pytest.raises(ValueError, match="00_odd.ipynb: not a notebook"):
        read_parameters(tmp_path / "00_odd.ipynb")


# --- record ------------------------------------------------------------------------------------------


def test_numpy_figures_are_recorded_as_plain_numbers(tmp_path: Path) -> None:
    path = record("06", "well", {"a": np.float32(0.5), "n": np.int64(3)}, tmp_path)
    assert json.loads(path.read_text())["metrics"] == {"a": 0.5, "n": 3}


@pytest.mark.parametrize(
    ("lesson", "headline", "metrics", "message"),
    [
        (6, "well", {}, "lesson 6 is not a number of two digits in quotes"),
        ("06", "two\nlines", {}, "is not one line"),
        ("06", "well", {"loss": float("nan")}, "lesson 06, metric 'loss': nan is neither"),
        ("06", "well", {"loss": [1.0]}, "metric 'loss'"),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    tmp_path: Path, lesson: Any, headline: str, metrics: dict, message: str
) -> None:
    with pytest.raises(ValueError) as error:
        record(lesson, headline, metrics, tmp_path)
    assert message in str(error.value)


# ------------------------------------------------------------------------------------------- where a lesson writes

TAKE_OUTPUT = {"record", "output_folder", "runs_folder", "stage1_encoder", "stage2_encoder"}


def test_a_relative_output_begins_at_the_lessons_whatever_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LESSONS", tmp_path / "clone/notebooks")
    for folder in (tmp_path / "clone", tmp_path / "clone/notebooks", tmp_path / "elsewhere"):
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder)
        path = record("06", "well", {}, "../runs/quick")
        assert path == tmp_path / "clone/runs/quick/06/result.json"
        assert runs_folder("../runs/quick") == tmp_path / "clone/runs"
    trained: list[Path] = []

    def stop(rows: Any, encoder: Any, folder: Path, *_: Any, **__: Any) -> None:
        trained.append(folder)
        raise InterruptedError

    monkeypatch.setattr("course.models.train_stage1", stop)
    with pytest.raises(InterruptedError):
        stage1_encoder(LessonSettings(sentences=8), "../runs/own")
    assert trained[0].parent == tmp_path / "clone/runs/own/models"


@pytest.mark.parametrize("path", lesson_files(recording.LESSONS), ids=lambda path: path.stem)
def test_a_lesson_hands_its_output_to_what_knows_where_it_begins(path: Path) -> None:
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    tree = ast.parse("\n".join(cells))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    handed = {
        id(given) for call in calls if getattr(call.func, "id", "") in TAKE_OUTPUT
        for given in (*call.args, *(keyword.value for keyword in call.keywords))
    }  # fmt: skip
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "output" and isinstance(n.ctx, ast.Load)]
    assert uses and [ast.unparse(use) for use in uses if id(use) not in handed] == []


@pytest.mark.slow
def test_a_lesson_run_by_papermill_from_the_clones_root_writes_inside_the_clone(tmp_path: Path) -> None:
    root, clone = recording.LESSONS.parent, tmp_path / "above/clone"
    for name in ("spacetime", "notebooks", "data_samples"):
        shutil.copytree(root / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "papermill", "notebooks/00_orientation.ipynb", "out.ipynb"]
    environment = os.environ | {"PYTHONPATH": f"{clone}{os.pathsep}{clone / 'notebooks'}"}
    subprocess.run(command, cwd=clone, env=environment, check=True, capture_output=True, timeout=540)
    assert (clone / "runs/quick/00/result.json").is_file()
    assert [path.name for path in (tmp_path / "above").iterdir()] == ["clone"]
