"""Imports run one way through the package, and looking at it loads nothing heavy."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import spacetime

PACKAGE = Path(spacetime.__file__).parent

# From the ground floor up, as the README lists the rooms: a module imports from its own room and from those before it.
FLOORS = re.findall(
    r"^spacetime/(\w+)(?:/|\.py) ", (PACKAGE.parent / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)

HEAVY = {"torch", "transformers", "pandas", "datasets", "sklearn", "scipy", "accelerate", "numba", "matplotlib"}


def imported(path: Path) -> list[tuple[int, str]]:
    """Every module of ours that a file imports, inside functions too, with its line."""
    module = ["spacetime", *path.relative_to(PACKAGE).with_suffix("").parts]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = module[: -node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            # `from spacetime import months` names a module; `from spacetime.months import MISSING` does not.
            found += [(node.lineno, f"{origin}.{alias.name}") for alias in node.names]
    return [(line, name) for line, name in found if name.split(".")[0] == "spacetime"]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_own_floor_and_below(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":  # the front door shows every floor
        return
    assert own in FLOORS, f"{own} has no place in the floor plan"
    upward = []
    for line, name in imported(path):
        floor = (name.split(".") + [""])[1]
        if floor in ("", "__version__"):  # `import spacetime` for its version
            continue
        if floor not in FLOORS:
            upward.append(f"line {line}: {name} comes through the front door; import the module that holds it")
        elif FLOORS.index(floor) > FLOORS.index(own):
            upward.append(f"line {line}: {name}")
    assert upward == []


def test_the_model_file_imports_nothing_of_ours() -> None:
    """It travels with a saved model, where the rest of the package is not."""
    beyond = [name for _, name in imported(PACKAGE / "model/modeling.py")]
    assert [name for name in beyond if not name.startswith("spacetime.model.")] == []


@pytest.mark.parametrize("module", ["spacetime", "spacetime.cli", "spacetime.months", "course"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert HEAVY & set(loaded.split()) == set()


def test_every_public_name_is_where_the_front_door_says() -> None:
    for name in spacetime.__all__:
        assert getattr(spacetime, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'spacetime' has no attribute 'SpaceTimeEnocder'"):
        spacetime.SpaceTimeEnocder  # noqa: B018
