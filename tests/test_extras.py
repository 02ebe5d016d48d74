"""Each extra, in an environment that holds nothing else, runs what it is there for (`pip install -e ".[course]"`)."""

import ast
import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from portability import bare_environment

from course.running import lesson_files

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    """Make an environment of the package's own requirements and one extra's, and run its Python in the clone."""

    def run_with(extra: str, *arguments: str) -> str:
        asked = PROJECT["dependencies"] + (PROJECT["optional-dependencies"][extra] if extra else [])
        python = bare_environment(tmp_path / "venv", *(Requirement(line).name for line in asked))
        kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS", "OMP_WAIT_POLICY") if name in os.environ}
        path = f"{ROOT}{os.pathsep}{ROOT / 'notebooks'}"  # what an editable install adds
        own = {"HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [python, *arguments], cwd=ROOT, env=kept | own, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
        return done.stdout

    return run_with


def imports_of_the_lessons() -> str:
    """Every import of every lesson, a line each."""
    found = set()
    for path in lesson_files(ROOT / "notebooks"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                nodes = ast.walk(ast.parse(cell.source))
                found |= {ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)}
    return "\n".join(sorted(found))


def test_without_an_extra_the_command_runs(run: Callable[..., str]) -> None:
    assert run("", "-m", "spacetime.cli", "--version").startswith("spacetime ")


def test_course_has_what_every_lesson_imports_and_runs_lesson_01b(run: Callable[..., str], tmp_path: Path) -> None:
    assert run("course", "-c", imports_of_the_lessons() + "\nprint('all')") == "all\n"
    assert run("course", "-c", "import importlib.util as u; print(u.find_spec('astral'))") == "None\n"
    said = run(
        "course", "-m", "course", "run", "--lesson", "01b", "--output", str(tmp_path / "runs"), "-p", "steps", "8"
    )
    assert "held-out facts found" in said


def test_almanac_draws_facts(run: Callable[..., str]) -> None:
    code = (
        "from data_samples.almanac.two_wordings import two_wordings as t; print(len({p.template for p in t(200)}) > 90)"
    )
    assert run("almanac", "-c", code) == "True\n"


def test_current_events_has_what_its_command_needs(run: Callable[..., str]) -> None:
    assert "--contact" in run("current-events", "-m", "data_samples.current_events", "--help")


def test_large_finds_near_neighbours_among_many_rows(run: Callable[..., str]) -> None:
    code = """
import numpy as np
from spacetime.neighbours import inverted_file
points = np.eye(4, dtype=np.float32)[np.arange(200) % 4]
print((inverted_file(points).search(points[:4], 1)[1].ravel() % 4).tolist())
"""
    assert run("large", "-c", code) == "[0, 1, 2, 3]\n"


def test_without_large_the_command_that_installs_it_is_named(run: Callable[..., str]) -> None:
    code = """
import numpy as np
from spacetime.neighbours import inverted_file
try:
    inverted_file(np.eye(4, dtype=np.float32))
except ImportError as error:
    print(error)
"""
    assert 'run: pip install "spacetime-minilm[large]"' in run("", "-c", code)


def test_tensorboard_has_what_the_option_needs(run: Callable[..., str], tmp_path: Path) -> None:
    code = f"from torch.utils.tensorboard import SummaryWriter as S; S({str(tmp_path / 'log')!r}).add_scalar('x', 1, 1)"
    run("tensorboard", "-c", code)
    assert list((tmp_path / "log").glob("events.*"))


def test_every_extra_but_the_developers_is_tried_here() -> None:
    assert set(PROJECT["optional-dependencies"]) == {
        "almanac",
        "course",
        "current-events",
        "large",
        "tensorboard",
        "dev",
    }
