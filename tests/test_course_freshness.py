"""Promises of `course.freshness`: what changes a result makes outputs stale, and what does not, does not."""

import json
from pathlib import Path

import nbformat
import pytest

from course.freshness import DATA, KEY, changes, fingerprint, used_modules
from course.running import lesson_files

ROOT = Path(__file__).parents[1]
LESSONS = lesson_files(ROOT / "notebooks")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package of four modules: a lesson uses `one` by the part's door, `one` uses `two`; nobody uses `three`."""
    part = tmp_path / "spacetime/part"
    part.mkdir(parents=True)
    front = '_PARTS = {"spacetime.part": "first", "spacetime.part.three": "third"}\n'
    (tmp_path / "spacetime/__init__.py").write_text(front)
    (part / "__init__.py").write_text("from spacetime.part.one import first\nfrom spacetime.part.three import third\n")
    (part / "one.py").write_text(
        '"""One."""\n\n\ndef first():\n    from spacetime.part.two import second\n\n    return second\n'
    )
    (part / "two.py").write_text("second = 2  # a comment\n")
    (part / "three.py").write_text("third = 3\n")
    return tmp_path


def lesson(root: Path, *cells: str) -> Path:
    path = root / "00_first.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    return path


USES = "from spacetime.part import first"


@pytest.mark.parametrize(
    "source",
    [USES, "from spacetime import first", "import spacetime.part.one", "from spacetime.part.one import first as f"],
)
def test_a_name_leads_to_the_module_that_holds_it_and_to_what_that_imports(root: Path, source: str) -> None:
    assert set(used_modules([source], root)) == {"spacetime.part.one", "spacetime.part.two"}


def test_another_package_and_the_version_are_not_followed(root: Path) -> None:
    assert used_modules(["import json\nfrom spacetime import __version__\nimport spacetime"], root) == {}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("spacetime/part/two.py", "second = 2\n\n# another comment\n"),
        (
            "spacetime/part/one.py",
            "def first():\n    '''New.'''\n    from spacetime.part.two import second\n    return second\n",
        ),
        ("spacetime/part/three.py", "third = 4\n"),
    ],
)
def test_comments_docstrings_and_unused_modules_change_nothing(root: Path, file: str, text: str) -> None:
    before = fingerprint(lesson(root, USES), root)
    (root / file).write_text(text)
    assert changes(before, fingerprint(root / "00_first.ipynb", root)) == []


def test_a_module_two_imports_away_is_named_when_it_changes(root: Path) -> None:
    before = fingerprint(lesson(root, USES), root)
    (root / "spacetime/part/two.py").write_text("second = 22\n")
    assert changes(before, fingerprint(root / "00_first.ipynb", root)) == ["modules: spacetime.part.two changed"]


def test_a_changed_cell_is_named_and_a_comment_in_it_is_not(root: Path) -> None:
    before = fingerprint(lesson(root, USES, "1 + 1"), root)
    assert changes(before, fingerprint(lesson(root, USES, "1 + 1  # two"), root)) == []
    assert changes(before, fingerprint(lesson(root, USES, "1 + 2"), root)) == ["code: cells changed"]
    assert changes(before, fingerprint(lesson(root, "1 + 1"), root))[1:] == [
        "modules: spacetime.part.one is not used any more",
        "modules: spacetime.part.two is not used any more",
    ]


def test_a_cell_that_only_ipython_reads_counts_by_its_text(root: Path) -> None:
    before = fingerprint(lesson(root, "%time first()"), root)
    assert changes(before, fingerprint(lesson(root, "%time second()"), root)) == ["code: cells changed"]


def test_data_of_a_module_is_named_when_it_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATA, "spacetime.part.two", (Path("rows.csv"),))
    (root / "rows.csv").write_text("1")
    before = fingerprint(lesson(root, USES), root)
    (root / "rows.csv").write_text("2")
    assert changes(before, fingerprint(root / "00_first.ipynb", root)) == ["data: rows.csv changed"]


def test_outputs_without_a_fingerprint_are_not_fresh() -> None:
    assert changes(None, {"code": {}, "modules": {}, "data": {}})[0].startswith("no fingerprint")


def test_every_data_file_that_is_shipped_belongs_to_a_module() -> None:
    shipped = {
        path.relative_to(ROOT)
        for folder in ("data_samples", "spacetime/released")
        for path in (ROOT / folder).iterdir()
        if path.is_file() and path.suffix != ".py"
    }
    read = {path for paths in DATA.values() for path in paths}
    described = {path for path in shipped if path.suffix == ".md" or path.name in ("MANIFEST.json", "metrics.json")}
    assert shipped - described == read


def test_every_module_with_data_exists() -> None:
    assert set(used_modules([f"import {module}" for module in DATA], ROOT)) >= set(DATA)


def test_the_module_that_a_name_is_imported_from_changes_nothing(root: Path) -> None:
    before = fingerprint(lesson(root, "from spacetime.part.one import first\nfirst()"), root)["code"]
    assert fingerprint(lesson(root, "from spacetime.part import first\nfirst()"), root)["code"] == before
    assert fingerprint(lesson(root, "from spacetime.part.one import other\nother()"), root)["code"] != before


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_committed_outputs_were_made_by_the_present_cells_and_data(path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))["metadata"].get(KEY)
    lines = changes(stored, fingerprint(path))
    if modules := [line for line in lines if line.startswith("modules")]:
        print(f"{path.name}: {len(modules)} modules changed since; nbval compares the numbers: {modules}")
    assert [line for line in lines if line not in modules] == [], (
        f"the outputs of {path.name} are stale; run `python -m course run`, then refresh (CONTRIBUTING.md)"
    )
