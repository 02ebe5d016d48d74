"""Every lesson has the same anatomy, links that lead somewhere, and outputs that everybody can read."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest

from course.parameters import read_parameters
from course.running import lesson_files

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = lesson_files(NOTEBOOKS)
PAGES = [*LESSONS, *sorted(NOTEBOOKS.glob("exercises/*.ipynb")), *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]

WORDS = (1200, 3000)
MANY_WORDS = 2500  # a lesson that grows beyond this is due for cutting; a changed sentence must not fail for it
CODE_CELLS = (20, 30)
SECTIONS = (3, 5)
LINES, LISTING_LINES = 25, 40  # of a cell; of a cell that shows a class
OUTPUT_BYTES = 500_000
ENDING = ["Check yourself", "Exercises", "Summary", "Limits", "References"]

lessons = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def cells(path: Path, kind: str) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def prose(path: Path) -> str:
    """The text of a page, code left out."""
    text = path.read_text(encoding="utf-8") if path.suffix == ".md" else markdown(path)
    return re.sub(r"`[^`\n]+`", "", re.sub(r"```.*?```", "", text, flags=re.S))


def markdown(path: Path) -> str:
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


def headings(path: Path) -> list[tuple[int, str]]:
    """(level, text) of every heading, code blocks left out."""
    text = path.read_text(encoding="utf-8") if path.suffix == ".md" else markdown(path)
    lines = re.sub(r"```.*?```", "", text, flags=re.S).splitlines()
    found = [re.match(r"(#{1,6}) (.+)", line) for line in lines]
    return [(len(match[1]), match[2].strip()) for match in found if match]


def anchors(path: Path) -> set[str]:
    """What `#...` may follow a page's name: GitHub's names of headings and Jupyter's."""
    texts = [re.sub(r"[`*]", "", text) for _, text in headings(path)]
    github = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}
    return github | {text.replace(" ", "-") for text in texts}


# --- anatomy --------------------------------------------------------------------------------------------


@lessons
def test_the_first_cell_says_what_the_lesson_is(lesson: Path) -> None:
    first = cells(lesson, "markdown")[0].source
    assert re.match(rf"\s*# {lesson.name.split('_')[0]} \S", first), "its number and title"
    promised = ["**You will be able to**", "**What you need**", "**Time and memory**", "**Expect**"]
    assert [part for part in promised if part not in first] == []
    assert [first.index(part) for part in promised] == sorted(first.index(part) for part in promised)
    assert len(re.findall(r"^- ", first, re.M)) >= 2, "what one will be able to do, as a list"


@lessons
def test_the_first_code_cell_holds_the_parameters(lesson: Path) -> None:
    assert "parameters" in cells(lesson, "code")[0].metadata.get("tags", [])
    parameters = read_parameters(lesson)
    assert list(parameters)[:2] == ["seed", "output"]
    assert [name for name, parameter in parameters.items() if not parameter.help] == [], "each line says what it is"


@lessons
def test_sections_are_followed_by_the_same_ending(lesson: Path) -> None:
    sections = [text for level, text in headings(lesson) if level == 2]
    assert sections[-len(ENDING) :] == ENDING
    assert SECTIONS[0] <= len(sections) - len(ENDING) <= SECTIONS[1], sections


@lessons
def test_headings_go_down_one_level_at_a_time(lesson: Path) -> None:
    levels = [level for level, _ in headings(lesson)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in zip(levels, levels[1:], strict=False))


@lessons
def test_questions_have_folded_answers(lesson: Path) -> None:
    part = re.split(r"^## ", markdown(lesson), flags=re.M)
    (questions,) = [text for text in part if text.startswith("Check yourself")]
    asked, answered = len(re.findall(r"^\d\. ", questions, re.M)), questions.count("<summary>Answer</summary>")
    assert asked == answered >= 3


@lessons
def test_an_example_is_worked_by_hand_and_ends_in_an_assertion(lesson: Path) -> None:
    """A cell that says "by hand" (or the text just above it does), with an assertion in it or in the next one."""
    all_cells = nbformat.read(lesson, as_version=4).cells
    code = [index for index, cell in enumerate(all_cells) if cell.cell_type == "code"]
    for index in code:
        said = all_cells[index].source + (all_cells[index - 1].source if index else "")
        following = "".join(cell.source for cell in all_cells[index : index + 3] if cell.cell_type == "code")
        if re.search(r"by[_ ]hand|in the head|derive", said) and re.search(r"^\s*assert ", following, re.M):
            return
    pytest.fail("no example worked by hand that ends in an assertion")


@lessons
def test_a_lesson_is_neither_too_short_nor_too_long(lesson: Path) -> None:
    words = len(markdown(lesson).split())
    if words > MANY_WORDS:
        warnings.warn(f"{lesson.name} has {words} words; aim at {MANY_WORDS}", stacklevel=2)
    assert WORDS[0] <= words <= WORDS[1], f"{words} words"
    count = len(cells(lesson, "code"))
    assert CODE_CELLS[0] <= count <= CODE_CELLS[1], f"{count} code cells"


@lessons
def test_no_cell_is_longer_than_a_page(lesson: Path) -> None:
    long = {}
    for cell in cells(lesson, "code"):
        lines = len(cell.source.splitlines())
        limit = LISTING_LINES if re.search(r"^class ", cell.source, re.M) else LINES
        if lines > limit:
            long[cell.id] = lines
    assert long == {}


# --- outputs --------------------------------------------------------------------------------------------


@lessons
def test_outputs_are_small_and_hold_no_error(lesson: Path) -> None:
    for cell in cells(lesson, "code"):
        for output in cell.outputs:
            assert len(json.dumps(output)) <= OUTPUT_BYTES, f"cell {cell.id}: an output of more than 500 KB"
            assert output.output_type != "error", f"cell {cell.id} failed"
            assert output.get("name") != "stderr", f"cell {cell.id} wrote to stderr: {output.text[:200]}"


@lessons
def test_every_image_has_alt_text(lesson: Path) -> None:
    assert re.findall(r"!\[\s*\]\(", markdown(lesson)) == []
    assert [tag for tag in re.findall(r"<img[^>]*>", markdown(lesson)) if 'alt="' not in tag] == []
    for cell in cells(lesson, "code"):
        for output in cell.outputs:
            for kind in ("image/png", "image/jpeg", "image/svg+xml"):
                if kind in output.get("data", {}):
                    alt = output.metadata.get(kind, {}).get("alt", "")
                    assert len(alt) > 20, f"cell {cell.id}: an image without alt text"


# --- links and spelling ---------------------------------------------------------------------------------


@pages
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    lost = []
    for target in re.findall(r"\]\(<?([^)\s>]+)>?\)", prose(page)):
        if re.match(r"[a-z]+:", target):  # another site's: not looked up
            continue
        name, _, anchor = unquote(target).partition("#")
        file = page if not name else (page.parent / name)
        if not file.exists():
            lost.append(target)
        elif anchor and file.suffix in (".md", ".ipynb") and anchor not in anchors(file):
            lost.append(target)
    assert lost == []


def test_no_word_is_misspelt(tmp_path: Path) -> None:
    """codespell knows common misspellings of English, with American and British both right."""
    for page in PAGES:
        (tmp_path / f"{page.stem}-{len(list(tmp_path.iterdir()))}.md").write_text(prose(page), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "--ignore-words-list", "fro", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.stdout.replace(f"{tmp_path}/", "") == "" and done.returncode == 0, done.stderr
