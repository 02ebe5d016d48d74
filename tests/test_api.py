"""Promises of the front door: every public name is there, documented, and on the page that `make api` writes."""

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import spacetime

ROOT = Path(__file__).parent.parent
PUBLIC = [name for name in spacetime.__all__ if name != "__version__"]
# The model's file is copied into every saved model and hashed into what lessons keep; its docstrings wait for its next
# change. Its calls are documented there in words, not in sections.
MODEL_FILE = "spacetime.model.modeling"


def calls() -> Iterator[tuple[str, Any, Any]]:
    """Every public function and class, every public method and property of ours: name, object, its class or None."""
    for name in PUBLIC:
        found = getattr(spacetime, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            yield name, found, None
        if not inspect.isclass(found) or found.__module__ == MODEL_FILE:
            continue
        for attribute, value in vars(found).items():
            inner = getattr(value, "__func__", getattr(value, "fget", value))  # of class methods and properties
            if not attribute.startswith("_") and inspect.isfunction(inner):
                yield f"{name}.{attribute}", inner, found


CALLS = list(calls())
STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def parameters(function: Any) -> list[str]:
    """Its parameters' names; an error's message is none that needs a word."""
    if inspect.isclass(function) and issubclass(function, Exception):
        return []
    taken = inspect.signature(function).parameters.values()
    return [one.name for one in taken if one.name not in ("self", "cls") and one.kind not in STARRED]


def used_names() -> set[str]:
    """What lessons import from `spacetime` or its modules, and what lessons and the README name in text or snippets."""
    code: list[str] = []
    words = [(ROOT / "README.md").read_text(encoding="utf-8")]
    for lesson in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]:
            (code if cell["cell_type"] == "code" else words).append("".join(cell["source"]))
    text = "\n".join(words)
    code += re.findall(r"```python\n(.*?)```", text, re.S)
    names = set(re.findall(r"`(?:spacetime\.(?:\w+\.)*)?(\w+)`", text))
    for node in (node for source in code for node in ast.walk(ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.M)))):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "spacetime":
            names |= {alias.name for alias in node.names}
    return names


def test_the_front_door_is_small_and_each_of_its_names_is_used() -> None:
    assert len(PUBLIC) <= 45
    assert set(PUBLIC) - used_names() == set()


def test_lessons_take_public_names_through_the_front_door() -> None:
    beside = []
    for lesson in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]:
            for module, names in re.findall(r"^from (spacetime\.[\w.]+) import (.+)$", "".join(cell["source"]), re.M):
                taken = {name.split(" as ")[0].strip() for name in names.split(",")} & set(PUBLIC)
                beside += [f"{lesson.name}: {name} from {module}" for name in taken]
    assert beside == []


def test_what_the_measures_list_is_public() -> None:
    """Add a name to `_PARTS` in spacetime/__init__.py, or take it out of the sub-package's `__all__`."""
    assert sorted(spacetime._PARTS["spacetime.evaluation"].split()) == sorted(
        import_module("spacetime.evaluation").__all__
    )


def test_a_type_checker_sees_the_same_names() -> None:
    tree = ast.parse(Path(str(spacetime.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen: set[str] = set()
    for node in ast.walk(block):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            seen |= set(import_module(str(node.module)).__all__) if names == {"*"} else names
    assert seen == set(PUBLIC)


def test_what_the_readme_imports_is_public() -> None:
    pages = [ROOT / "README.md", ROOT / "spacetime/released/README.md", ROOT / "spacetime/model/card.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    names = set(re.findall(r"^from spacetime import (.+)$", text, re.M)) | set(
        re.findall(r"spacetime\.([A-Z]\w+)", text)
    )
    assert {part.strip() for name in names for part in name.split(",")} - set(PUBLIC) == set()


@pytest.mark.parametrize(("name", "found"), [call[:2] for call in CALLS], ids=[call[0] for call in CALLS])
def test_every_public_name_is_documented(name: str, found: Any) -> None:
    """And so are its parameters; those of a class stand in it or in `__init__`, a dataclass's as attributes."""
    written = inspect.getdoc(found) or ""
    assert written, f"{name} has no docstring"
    if getattr(found, "__module__", "") == MODEL_FILE or not parameters(found):
        return
    sections = ["Parameters"]
    if inspect.isclass(found):
        written += "\n" + (found.__init__.__doc__ or "")
        sections.append("Attributes")
    assert any(re.search(rf"^ *{section}\n *-+$", written, re.M) for section in sections), (
        f"{name} takes {', '.join(parameters(found))}, and its docstring has no section Parameters"
    )


@pytest.mark.slow
def test_the_page_shows_every_public_name_and_needs_no_network(tmp_path: Path) -> None:
    """With the command of `make api`."""
    recipe = re.search(r"^api:.*\n\t\$\(PY\) (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert recipe is not None
    command = recipe[1].replace("runs/api", str(tmp_path)).split()
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, timeout=300)
    page = (tmp_path / "spacetime.html").read_text(encoding="utf-8")
    assert [name for name in PUBLIC if f'id="{name}"' not in page] == []
    assert re.findall(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="(https?:[^"]*)"', page) == []
