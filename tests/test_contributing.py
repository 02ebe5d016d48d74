"""CONTRIBUTING.md: its diffs are short, apply to the tree as it is, and do what the text says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DIFFS = dict(zip(re.findall(r"^## Add a (\w+)", TEXT, re.M), re.findall(r"```diff\n(.*?)```", TEXT, re.S), strict=True))


def apply(diff: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "apply", *options, "-"], cwd=folder, input=diff, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code, outside any clone."""
    for name in ("spacetime", "tests", "notebooks", "data_samples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python that imports the copy's package, not the installed one."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'notebooks'}", "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_a_lesson_a_conditioning_and_a_corpus_are_shown() -> None:
    assert list(DIFFS) == ["lesson", "conditioning", "corpus"]


@pytest.mark.parametrize("name", DIFFS)
def test_a_diff_has_under_sixty_lines_and_applies(name: str) -> None:
    assert len(DIFFS[name].splitlines()) < 60
    done = apply(DIFFS[name], ROOT, "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_lesson_of_the_diff_runs(copy: Path) -> None:
    assert apply(DIFFS["lesson"], copy).returncode == 0
    ran = python(copy, "-m", "course", "run", "--lesson", "13", "-p", "word", "winter")
    assert ran.returncode == 0 and "'winter' in" in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.slow
def test_the_conditioning_of_the_diff_keeps_the_promises_of_every_way(copy: Path) -> None:
    assert apply(DIFFS["conditioning"], copy).returncode == 0
    ran = python(copy, "-m", "pytest", "-q", "tests/test_model.py", "-k", "shift")
    assert ran.returncode == 0 and " passed" in ran.stdout, ran.stdout[-3000:]


@pytest.mark.slow
def test_the_corpus_of_the_diff_loads_and_its_data_is_watched(copy: Path) -> None:
    assert apply(DIFFS["corpus"], copy).returncode == 0
    watched = "test_every_data_file or test_every_module or every_row_of_the_log"
    ran = python(copy, "-m", "pytest", "-q", "tests/test_harbour.py", "tests/test_course_freshness.py", "-k", watched)
    assert ran.returncode == 0 and "3 passed" in ran.stdout, ran.stdout[-3000:]
