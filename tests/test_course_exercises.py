"""Exercises: solutions pass, stubs say that nothing is written yet, every diagnosis goes to the mistake it names."""

import ast
import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import datasets
import nbformat
import numpy as np
import pytest
import torch

from course.exercises import checking, generating
from course.exercises.checking import Checks, Exercise, Mistake
from course.exercises.generating import WrittenExercise, exercise_notebook, read_exercises, write_exercises
from course.running import lesson_files

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
MODULES = sorted(Path(checking.__file__).parent.glob("lesson_*.py"))


def module(number: str) -> ModuleType:
    return importlib.import_module(f"course.exercises.lesson_{number}")


def number_of(path: Path) -> str:
    return path.stem.removeprefix("lesson_")


EXERCISES = [exercise for path in MODULES for exercise in module(number_of(path)).EXERCISES]
WRITTEN = [(lesson.name.split("_")[0], one) for lesson in lesson_files(NOTEBOOKS) for one in read_exercises(lesson)]
LEARNERS = pytest.mark.parametrize(("number", "written"), WRITTEN, ids=[f"{n}-{one.name}" for n, one in WRITTEN])


def named(exercise: Exercise) -> str:
    return f"{exercise.lesson}-{exercise.name}"


def function_of(source: str, name: str, number: str = "", before: int = 0) -> Callable[..., Any]:
    """What a source defines, in a notebook that has a lesson's solutions up to exercise `before` above it."""
    space: dict[str, Any] = {}
    for lesson, one in WRITTEN:
        if lesson == number and one.number < before:
            exec(one.solution.source, space)
    exec(source, space)
    function: Callable[..., Any] = space[name]
    return function


def diagnosis(exercise: Exercise, answer: Callable[..., Any]) -> str:
    with pytest.raises(AssertionError) as error:
        exercise.check(answer)
    return str(error.value)


# --- the exercises of the lessons -----------------------------------------------------------------------


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_every_diagnosis_is_given_to_its_own_mistake(exercise: Exercise) -> None:
    said = {diagnosis(exercise, mistake.example): f"{exercise.name}: {mistake.says}" for mistake in exercise.mistakes}
    assert list(said) == list(said.values())


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_an_exercise_knows_three_mistakes_or_more(exercise: Exercise) -> None:
    assert len(exercise.mistakes) >= 3


@LEARNERS
def test_a_solution_passes(number: str, written: WrittenExercise, capsys: pytest.CaptureFixture[str]) -> None:
    module(number).check(function_of(written.solution.source, written.name, number, written.number))
    assert capsys.readouterr().out.startswith("passed: ")


@LEARNERS
def test_a_stub_says_that_nothing_is_written_yet(number: str, written: WrittenExercise) -> None:
    with pytest.raises(NotImplementedError, match=f"exercise {written.number}: write this (function|class)"):
        module(number).check(function_of(written.stub, written.name, number, written.number))


@pytest.mark.parametrize("path", MODULES, ids=number_of)
def test_lesson_and_package_have_the_same_exercises(path: Path) -> None:
    number = number_of(path)
    assert [one.name for lesson, one in WRITTEN if lesson == number] == [e.name for e in module(number).EXERCISES]
    assert {exercise.lesson for exercise in module(number).EXERCISES} == {number}


@pytest.mark.parametrize("lesson", lesson_files(NOTEBOOKS), ids=lambda path: path.stem)
def test_a_lesson_has_two_to_five_exercises(lesson: Path) -> None:
    assert 2 <= len(read_exercises(lesson)) <= 5


@pytest.mark.parametrize("lesson", lesson_files(NOTEBOOKS), ids=lambda path: path.stem)
def test_a_solution_takes_no_name_that_the_lesson_uses_after_it_where_the_exercises_have_other_cells(
    lesson: Path,
) -> None:
    cells = [cell for cell in nbformat.read(lesson, as_version=4).cells if cell.cell_type == "code"]
    taken: set[str] = set()
    for cell in cells:
        tree, tags = ast.parse(cell.source), cell.metadata.get("tags", [])
        if "solution" in tags:
            taken |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        elif "given" not in tags and "check" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}:
            assert taken & {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} == set()


def test_the_committed_exercise_notebooks_are_those_of_the_lessons() -> None:
    wanted = {lesson.name: exercise_notebook(lesson) for lesson in lesson_files(NOTEBOOKS)}
    there = {path.name: path.read_text(encoding="utf-8") for path in (NOTEBOOKS / "exercises").glob("*.ipynb")}
    stale = [name for name, text in wanted.items() if text != there.get(name)]  # a learner's copies are no concern
    assert stale == [], "run: python -m course exercises"


def test_trustworthiness_of_the_exercise_is_the_packages() -> None:
    from course.exercises.lesson_08 import trustworthiness
    from course.geometry import nearest
    from course.maps import distortion

    space = np.random.default_rng(3).normal(size=(15, 4))
    plane = space[:, :2]
    apart = np.linalg.norm(plane[:, None] - plane, axis=-1)
    on_map = np.argsort(apart, axis=1)[:, 1:]
    assert np.isclose(trustworthiness(nearest(space, 14), on_map, 3), distortion(space, plane, 3)["trustworthiness"])


def test_masking_of_the_exercise_is_the_packages() -> None:
    from course.exercises.lesson_03 import mask_pieces
    from spacetime.training.batches import mask_words

    ids = np.arange(200, 260)
    dice = np.random.default_rng(5)
    choice, fate = dice.random((1, 60))[0], dice.random((1, 60))[0]
    anything = dice.integers(30522, size=(1, 60))[0]
    tensor = torch.from_numpy(ids)[None]
    changed, asked, _ = mask_words(tensor, torch.ones_like(tensor), np.random.default_rng(5), 103, 30522)
    by_exercise = mask_pieces(ids, choice, fate, anything, 103)
    assert by_exercise[0].tolist() == changed[0].tolist() and by_exercise[1].tolist() == asked[0].tolist()


def test_decay_and_dial_of_the_exercises_are_the_searches() -> None:
    from course.exercises.lesson_11 import decayed_share, score_parts
    from spacetime.search import _Ask, _corner_weights

    months, corners = np.array([24_000, 24_006, 24_036]), np.array([0.5, 0.75, 0.54, 0.8])
    ask = _Ask(np.zeros((4, 1, 2), np.float32), months[:1], np.array([3]), (1.0, 1.0), 12.0, 0.2)
    assert np.allclose(ask.decayed(np.ones(3), 0, months), decayed_share(months - months[0], 12.0, 0.2))
    assert np.isclose(sum(score_parts(corners, 0.3, 0.6)), corners @ _corner_weights(0.3, 0.6))


def test_split_by_days_of_the_exercise_is_the_packages() -> None:
    from course.exercises.lesson_12 import sides_by_day
    from spacetime.corpus import split_corpus

    days = [f"2019-{month:02d}-{day:02d}" for month in (4, 5, 6) for day in range(1, 31)]
    rows = datasets.Dataset.from_list([{"text": day, "month": day[:7], "date": day} for day in days])
    split = split_corpus(rows, by="date", validation=0.0, near_duplicates=None)
    sides = dict(zip(days, sides_by_day(days, split.test["date"][:]), strict=True))
    assert [day for day in days if sides[day] == "train"] == split.train["date"][:]
    assert list(sides.values()).count("gap") == split.dropped["gap day"] > 0


def test_accounting_of_the_exercise_is_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from course.exercises.lesson_12 import account_for, month_of
    from course.own.rows import LEAST_OF_REGION, read_rows

    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))
    # NZ has 20 rows, one of which cannot be read; FR has 20 that can.
    regions = ["UK"] * 200 + ["US"] * 200 + ["FR"] * 20 + ["NZ"] * 20
    dates = [f"2019-0{n % 5 + 1}" for n in range(len(regions))]
    dates[3] = dates[-1] = "03/04/2019"
    file = tmp_path / "my.csv"
    lines = [f"Text {n}.,{date},{region}" for n, (date, region) in enumerate(zip(dates, regions, strict=True))]
    file.write_text("\n".join(["text,month,region", *lines]), encoding="utf-8")
    read = read_rows(file)
    assert account_for([month_of(date) for date in dates], regions, LEAST_OF_REGION) == {
        "used": read.used,
        "no month": read.report.rejected,
        "rare region": sum(read.rare_regions.values()),
    }
    assert read.rare_regions == {"NZ": 19}


# --- what every check can say ---------------------------------------------------------------------------


def halves(values: np.ndarray) -> np.ndarray:
    """The exercise of these tests."""
    if len(values) == 0:
        raise ValueError("nothing to halve")
    return values / 2


TOY = Exercise(
    "00",
    halves,
    {"three": (np.array([2.0, 4.0, 6.0]),), "none": (np.array([]),)},
    "each value is halved",
    (Mistake("doubled", lambda values: halves(values) * 4),),
)


def in_place(values: np.ndarray) -> np.ndarray:
    result = halves(values)
    values[:] = 0
    return result


def not_a_number(values: np.ndarray) -> np.ndarray:
    return np.full_like(halves(values), np.nan)


def broken(values: np.ndarray) -> np.ndarray:
    raise KeyError("no such key")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda values: None if len(values) else halves(values), "halves: returns nothing; is there a `return`?"),
        (lambda values: halves(values)[:2], "halves: the result has shape (2,), not (3,) (case: three)"),
        (not_a_number, "halves: the result holds NaN (case: three)"),
        (lambda values: "half" if len(values) else halves(values), "the result is 'half', which is not of the kind"),
        (lambda values: halves(values) + 1, "halves: the result is [2, 3, 4], not [1, 2, 3] (case: three)"),
        (lambda values: values / 2, "halves: should raise ValueError, but returned [] (case: none)"),
        (lambda values: halves(values) + 5e-5, "halves: the result is [1.00005, 2.00005, 3.00005], not [1, 2, 3]"),
        (broken, "halves: raised KeyError: 'no such key' (case: three)"),
        (in_place, "the result is right, but the function changes what it was given"),
        (lambda values: halves(values) * 4, "halves: doubled"),
    ],
)  # fmt: skip
def test_what_no_known_mistake_explains_is_described(answer: Callable[..., Any], said: str) -> None:
    assert said in diagnosis(TOY, answer)


def shown_by_a_notebook(cell: str) -> str:
    """What IPython shows of a failing cell in which `toy` is the exercise, without colours."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell(user_ns={"toy": TOY, "halves": halves})
    shell.colors = "nocolor"
    error = shell.run_cell(cell, silent=True).error_in_exec
    assert error is not None
    if hasattr(error, "_render_traceback_"):
        return "\n".join(error._render_traceback_())
    lines = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__, tb_offset=1)
    return "\n".join(lines)


def test_a_notebook_shows_a_diagnosis_in_one_line() -> None:
    assert shown_by_a_notebook("toy.check(lambda values: halves(values) * 4)") == "WrongAnswer: halves: doubled"


def test_a_notebook_shows_the_line_to_be_written_and_none_of_the_checks() -> None:
    shown = shown_by_a_notebook("def halves(values):\n    raise NotImplementedError('write me')\ntoy.check(halves)")
    assert "raise NotImplementedError('write me')" in shown and "toy.check(halves)" in shown
    assert "checking.py" not in shown


def test_a_right_answer_of_another_library_passes(capsys: pytest.CaptureFixture[str]) -> None:
    TOY.check(lambda values: torch.as_tensor(halves(values)))
    assert capsys.readouterr().out == "passed: each value is halved\n"


def test_a_result_with_names_is_described_by_them() -> None:
    def counted(n: int) -> dict[str, int]:
        return {"all": n, "half": n // 2}

    count = Exercise("00", counted, {"ten": (10,)}, "counted", ())
    said = diagnosis(count, lambda n: {"half": 4, "all": n})
    assert said == "counted: the result is {'half': 4, 'all': 10}, not {'all': 10, 'half': 5} (case: ten)"


def test_a_view_lets_many_answers_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    def direction(n: int) -> np.ndarray:
        return np.eye(n)[0]

    length = Exercise("00", direction, {"two": (2,)}, "of length 1", (), view=lambda v, n: np.linalg.norm(v))
    length.check(lambda n: np.full(n, n**-0.5))
    assert "passed" in capsys.readouterr().out
    assert "the result is 'north', which is not of the kind of 1" in diagnosis(length, lambda n: "north")


def test_a_class_is_tried_by_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    class Adder:
        def __init__(self, n: int) -> None:
            self.n = n

        def add(self, m: int) -> int:
            return self.n + m

    built = Exercise("00", Adder, {"two": (2, 3)}, "built", (), run=lambda answer, n, m: answer(n).add(m))
    built.check(Adder)
    assert "passed" in capsys.readouterr().out
    wrong = type("Adder", (Adder,), {"add": lambda self, m: self.n * m})
    assert diagnosis(built, wrong) == "Adder: the result is 6, not 5 (case: two)"
    with pytest.raises(AssertionError, match="raised AttributeError: .*has no attribute 'add'"):
        built.check(type("Adder", (), {"__init__": lambda self, n: None}))


def test_a_function_of_another_name_is_told_the_names() -> None:
    with pytest.raises(ValueError, match="no exercise asks for 'broken'; this lesson's ask for halves"):
        Checks((TOY,))(broken)


# --- generated notebooks --------------------------------------------------------------------------------

TEXT = "### Exercise 1: Halves\n\n*Difficulty 2 of 5, about 5 minutes.*\n\nWrite `halves`."
SOLUTION = 'import numpy as np\n\n\ndef halves(values):\n    """Each, halved."""\n    return values / 2'


def write(folder: Path, text: str = TEXT, solution: str = SOLUTION, check: str = "check(halves)") -> Path:
    cells = [
        nbformat.v4.new_markdown_cell("# 00 First\n\nText.", id="a"),
        nbformat.v4.new_markdown_cell(text, id="b"),
        nbformat.v4.new_code_cell(solution, id="c", metadata={"tags": ["solution"]}),
        nbformat.v4.new_code_cell(check, id="d"),
    ]
    folder.mkdir(exist_ok=True)
    path = folder / "00_first.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_the_generated_notebook_has_stub_check_and_folded_solution(tmp_path: Path) -> None:
    cells = json.loads(exercise_notebook(write(tmp_path)) or "")["cells"]
    stub, check, folded = ("".join(cell["source"]) for cell in cells[2:])
    assert stub.startswith('import numpy as np\n\n\ndef halves(values):\n    """Each, halved."""\n    raise NotImpl')
    assert check == "check(halves)" and "return" not in stub
    assert folded.startswith("<details>") and "return values / 2" in folded
    assert not any(cell.get("outputs") for cell in cells)


def test_a_stub_of_a_function_without_docstring_is_cut_at_its_body(tmp_path: Path) -> None:
    (one,) = read_exercises(write(tmp_path, solution="def halves(values):\n    return values / 2"))
    assert one.stub.splitlines() == [
        "def halves(values):",
        '    raise NotImplementedError("exercise 1: write this function, then run the check")',
    ]


def test_a_stub_of_a_class_keeps_its_methods_without_their_bodies(tmp_path: Path) -> None:
    solution = (
        'class Halves(nn.Module):\n    """Halved."""\n\n    def __init__(self):\n        super().__init__()\n\n'
        '    def forward(self, x):\n        """Each."""\n        return x / 2'
    )
    (one,) = read_exercises(write(tmp_path, solution=solution, check="check(Halves)"))
    raised = 'raise NotImplementedError("exercise 1: write this class, then run the check")'
    expected = ["class Halves(nn.Module):", '    """Halved."""', "", "    def __init__(self):", f"        {raised}"]
    expected += ["", "    def forward(self, x):", '        """Each."""', f"        {raised}"]
    assert one.stub.splitlines() == expected


def test_given_cells_stand_in_the_generated_notebook_without_outputs_in_the_lessons_order(tmp_path: Path) -> None:
    lesson = write(tmp_path)
    notebook = nbformat.read(lesson, as_version=4)
    given = {"tags": ["given"]}
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell("Here is a number.", id="e", metadata=given))
    output = nbformat.v4.new_output("stream", text="2")
    notebook.cells.append(nbformat.v4.new_code_cell("halves(4)", id="f", metadata=given, outputs=[output]))
    notebook.cells.append(nbformat.v4.new_code_cell("plot()", id="g"))
    nbformat.write(notebook, lesson)
    cells = json.loads(exercise_notebook(lesson) or "")["cells"]
    assert [cell["id"] for cell in cells] == ["00-exercises", "e", "b", "c-stub", "d", "c", "f"]
    assert cells[-1]["outputs"] == []


def test_writing_twice_changes_nothing_and_a_lesson_without_exercises_has_no_notebook(tmp_path: Path) -> None:
    write(tmp_path)
    assert [path.name for path in write_exercises(tmp_path)] == ["00_first.ipynb"]
    assert write_exercises(tmp_path) == []
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 00")]), tmp_path / "00_first.ipynb")
    assert write_exercises(tmp_path) == [tmp_path / "exercises/00_first.ipynb"]
    assert not (tmp_path / "exercises/00_first.ipynb").exists()


def test_a_learners_copy_is_left_as_it_is(tmp_path: Path) -> None:
    (written,) = write_exercises(write(tmp_path).parent)
    copy = written.with_name("00_first-Copy1.ipynb")  # JupyterLab's name for a duplicate
    copy.write_text("an answer", encoding="utf-8")
    assert write_exercises(tmp_path) == [] and copy.read_text(encoding="utf-8") == "an answer"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"text": "### Exercise 1: Halves\n\nNo rating."}, "00_first.ipynb, cell c: a solution needs a text before it"),
        ({"text": TEXT.replace("Exercise 1", "Exercise 2")}, "this is exercise 1, but its heading says 2"),
        ({"solution": "x = 1"}, "a solution defines one function or class, not 0"),
        ({"check": "halves(3)"}, "the cell after a solution must be its check, with check(halves)"),
    ],
)
def test_an_exercise_that_is_not_whole_is_refused(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_exercises(write(tmp_path, **changed))


def test_the_rating_is_read(tmp_path: Path) -> None:
    (one,) = read_exercises(write(tmp_path))
    assert (one.number, one.title, one.difficulty, one.minutes) == (1, "Halves", 2, 5)
    assert generating.SOLUTION in one.solution.metadata["tags"]
