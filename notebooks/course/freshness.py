"""What a lesson's outputs were made from, as hashes, so that a test can tell when they may no longer be true.

The outputs depend on the lesson's own code, on its data, and on the modules of this package that it uses.
`fingerprint` gives each a short hash, `course.refreshing` stores them in the notebook beside the outputs, and
`changes` says what is different now. Changed code or data makes a lesson stale. A changed module is only reported:
most changes leave the numbers as they are, and nbval runs the lesson and compares them anyway.

Code is hashed as a syntax tree without docstrings and without `from ... import` lines, so comments, blank lines and
wording may change and modules may move.
"""

import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

OURS = {"spacetime": "", "course": "notebooks", "data_samples": ""}
"""Our packages, and the folder of the clone in which each lies."""

KEY = "spacetime"
"""Where a notebook's metadata has the fingerprint."""

# What a module reads besides code; a lesson that uses the module uses the data.
DATA = {
    "data_samples.almanac.stored_maps": (Path("data_samples/almanac_maps.npz"),),
    "spacetime.corpus.almanac": (Path("data_samples/almanac.csv.gz"),),
    "spacetime.corpus.two_wordings": (Path("data_samples/two_wordings.csv.gz"),),
    "spacetime.encoder": (Path("spacetime/released/config.json"), Path("spacetime/released/delta.safetensors")),
}

Fingerprint = dict[str, dict[str, str]]


def fingerprint(lesson: str | Path, root: str | Path = ROOT) -> Fingerprint:
    """What the outputs of a lesson depend on.

    Parameters
    ----------
    lesson
        A notebook.
    root
        The folder that holds `spacetime/`, `notebooks/course/` and `data_samples/`.

    Returns
    -------
    dict
        ``code`` (one hash, of all code cells), ``modules`` and ``data``, each a table of names and hashes.
    """
    root = Path(root)
    cells = json.loads(Path(lesson).read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    modules = used_modules(sources, root)
    data = sorted({path for module in modules for path in DATA.get(module, ())})
    return {
        "code": {"cells": _short(b"\n".join(map(_tree, sources)))},
        "modules": {module: code_hash(modules[module]) for module in sorted(modules)},
        "data": {path.as_posix(): _short((root / path).read_bytes()) for path in data if (root / path).exists()},
    }


def changes(stored: Mapping[str, Mapping[str, str]] | None, now: Fingerprint) -> list[str]:
    """What is different between a stored fingerprint and the present one, a line each; empty if nothing is.

    Lines that begin with ``code`` or ``data`` make the outputs stale, those with ``modules`` do not.

    >>> changes({"code": {"cells": "1"}}, {"code": {"cells": "2"}})
    ['code: cells changed']
    """
    if not stored:
        return ["no fingerprint: the outputs were never put in by course.refreshing.refresh"]
    lines = []
    for part, here in now.items():
        there = stored.get(part, {})
        lines += [f"{part}: {name} changed" for name in here if name in there and there[name] != here[name]]
        lines += [f"{part}: {name} is new" for name in here if name not in there]
        lines += [f"{part}: {name} is not used any more" for name in there if name not in here]
    return lines


def code_hash(path: str | Path) -> str:
    """A short hash of a Python file that comments, docstrings, layout and moved imports leave as it is."""
    return _short(_tree(Path(path).read_text(encoding="utf-8")))


def used_modules(sources: Sequence[str], root: Path) -> dict[str, Path]:
    """Modules of `spacetime` and `course` that sources import, and those that they import, with their files.

    A name that a part's ``__init__`` hands on counts as an import from the module that holds it: `from course
    import record` uses `recording`, not every module of the course.
    """
    found: dict[str, Path] = {}
    waiting = set().union(*(_imported(source, "", root) for source in sources))
    while waiting:
        module = waiting.pop()
        if module not in found:
            path = _file(module, root)
            assert path is not None
            found[module] = path
            waiting |= _imported(path.read_text(encoding="utf-8"), module, root)
    return found


def _imported(source: str, module: str, root: Path) -> set[str]:
    """Names of the modules of ours that a source imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if "." in alias.name and _file(alias.name, root)}
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: -node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            if origin.split(".")[0] in OURS:
                names |= {home for alias in node.names if (home := _home(origin, alias.name, root))}
    return names


def _home(origin: str, name: str, root: Path) -> str | None:
    """The module that holds what `from origin import name` gives; None for the package's version."""
    if _file(f"{origin}.{name}", root):
        return f"{origin}.{name}"
    path = _file(origin, root)
    if path is None or path.name != "__init__.py":
        return origin if path else None
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and name in {a.asname or a.name for a in node.names}:
            return _home(node.module, name, root)
        # The front door has a table instead: module -> the names that it holds.
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_PARTS":
            for module, names in ast.literal_eval(node.value).items():
                if name in names.split():
                    return _home(module, name, root)
    return origin if origin not in OURS else None


def _file(module: str, root: Path) -> Path | None:
    top = module.split(".")[0]
    path = root / OURS.get(top, "") / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _parsed(source: str) -> ast.Module:
    """A syntax tree; empty for what is not Python alone (a magic, `!command`, a mistake that its run will show)."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def _tree(source: str) -> bytes:
    """The syntax tree as bytes, without docstrings and `from ... import` lines; comments are not in a tree."""
    tree = _parsed(source)
    if not tree.body:
        return source.encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [one for one in node.body if not _is_text(one) and not isinstance(one, ast.ImportFrom)]
    return ast.dump(tree).encode()


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
