"""CONTRIBUTING.md: its diffs are short, can be followed whatever others have added, and do what the text says."""

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
OWN = {  # the same kinds of contributions under other names, as a reader's own would be
    "conditioning": DIFFS["conditioning"].replace("shift", "nudge").replace("Shift", "Nudge"),
    "corpus": DIFFS["corpus"].replace("harbour", "lighthouse").replace("HARBOUR", "LIGHTHOUSE"),
}


def follow(diff: str, folder: Path) -> None:
    """Do what a diff shows, as a reader does: by the places that it names, not by the whole lines around them.

    Added lines go before the line that follows them in the diff, an added word before the word that follows it. What
    already stands there is left alone.
    """
    for part in re.split(r"^diff --git .*\n", diff, flags=re.M)[1:]:
        name = re.search(r"^\+\+\+ b/(.*)$", part, re.M)
        assert name
        path, hunks = folder / name[1], re.split(r"^@@.*\n", part, flags=re.M)[1:]
        if "--- /dev/null" in part:
            path.write_text("".join(line[1:] + "\n" for line in hunks[0].splitlines()), encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        for hunk in hunks:
            text = add(hunk, text, name[1])
        path.write_text(text, encoding="utf-8")


def add(hunk: str, text: str, name: str) -> str:
    """A file's text with what one hunk adds."""
    lines = hunk.splitlines()
    added = [line[1:] for line in lines if line.startswith("+")]
    removed = [line[1:] for line in lines if line.startswith("-")]
    if "\n".join(added) in text:
        return text
    if removed:  # a list of words gets one more
        words = re.findall(r'"\w+"', added[0])
        (word,) = set(words) - set(re.findall(r'"\w+"', removed[0]))
        following = words[words.index(word) + 1]
        listed = re.search(re.escape(added[0].split("[")[0]) + r"\[[^]]*\]", text)
        assert listed and following in listed[0], f"{name} has no list like {removed[0]!r} any more"
        longer = listed[0] if word in listed[0] else listed[0].replace(following, f"{word}, {following}")
        return text[: listed.start()] + longer + text[listed.end() :]
    last = max(place for place, line in enumerate(lines) if line.startswith("+"))
    place = next(line[1:] for line in lines[last + 1 :] if line.strip())
    assert text.count(f"\n{place}\n") == 1, f"{name} has no place {place!r} any more, or has two"
    return text.replace(f"\n{place}\n", "\n" + "\n".join(added) + f"\n{place}\n")


@pytest.fixture(params=["as it is", "with other contributions", "followed already"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the code, outside any clone."""
    for name in ("spacetime", "tests", "notebooks", "data_samples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    for lesson in (tmp_path / "notebooks").glob("13_*.ipynb"):
        lesson.unlink()  # whoever followed the page has another lesson 13 by now
    for diff in {"with other contributions": OWN, "followed already": DIFFS}.get(request.param, {}).values():
        follow(diff, tmp_path)
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python that imports the copy's package, not the installed one."""
    path = os.pathsep.join([str(folder), str(folder / "notebooks")])
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_a_lesson_a_conditioning_and_a_corpus_are_shown() -> None:
    assert list(DIFFS) == ["lesson", "conditioning", "corpus"]


@pytest.mark.parametrize("name", DIFFS)
def test_a_diff_has_under_sixty_lines(name: str) -> None:
    assert len(DIFFS[name].splitlines()) < 60


def test_the_diffs_can_be_followed_and_followed_again(copy: Path) -> None:
    for _ in range(2):
        for diff in DIFFS.values():
            follow(diff, copy)
        model, tests = (copy / name for name in ("spacetime/model/modeling.py", "tests/test_model.py"))
        assert model.read_text().count("class ShiftConditioning(Conditioning):") == 1
        assert model.read_text().count('    "shift": ShiftConditioning,') == 1
        listed = re.search(r"conditioning: Literal\[([^]]*)\]", model.read_text())
        assert listed and listed[1].count('"shift"') == tests.read_text().count('"shift"') == 1
        for path in (copy / "spacetime").rglob("*.py"):
            compile(path.read_text(), str(path), "exec")


def test_a_place_that_is_gone_is_named(tmp_path: Path) -> None:
    hunk = ' """\n+"new"\n "old"\n'
    assert add(hunk, 'one\n"old"\ntwo\n', "file") == 'one\n"new"\n"old"\ntwo\n'
    with pytest.raises(AssertionError, match="file has no place '\"old\"' any more"):
        add(hunk, 'one\n"other"\n', "file")


@pytest.mark.slow
def test_this_file_passes_where_the_page_was_followed(copy: Path) -> None:
    ran = python(copy, "-m", "pytest", "-q", "tests/test_contributing.py", "-m", "not slow", "-p", "no:cacheprovider")
    assert ran.returncode == 0, ran.stdout[-3000:]


@pytest.mark.slow
def test_the_lesson_of_the_diff_runs(copy: Path) -> None:
    follow(DIFFS["lesson"], copy)
    ran = python(copy, "-m", "course", "run", "--lesson", "13", "-p", "word", "winter")
    assert ran.returncode == 0 and "'winter' in" in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.slow
def test_the_conditioning_of_the_diff_keeps_the_promises_of_every_way(copy: Path) -> None:
    follow(DIFFS["conditioning"], copy)
    ran = python(copy, "-m", "pytest", "-q", "tests/test_model.py", "-k", "shift")
    assert ran.returncode == 0 and " passed" in ran.stdout, ran.stdout[-3000:]


@pytest.mark.slow
def test_the_corpus_of_the_diff_loads_and_its_data_is_watched(copy: Path) -> None:
    follow(DIFFS["corpus"], copy)
    watched = "test_every_data_file or test_every_module or every_row_of_the_log"
    ran = python(copy, "-m", "pytest", "-q", "tests/test_harbour.py", "tests/test_course_freshness.py", "-k", watched)
    assert ran.returncode == 0 and " passed" in ran.stdout, ran.stdout[-3000:]
