"""The three descriptions of the environment agree, and the lock travels to any machine."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import spacetime

ROOT = Path(__file__).parent.parent

OURS = {"spacetime", "course", "data_samples"}
# Conda's names where they are not PyPI's.
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib", "python-tzdata": "tzdata"}


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def ranges(lines: list[str]) -> dict[str, str]:
    """Map canonical names to their version ranges, `">=2,<3"` in one fixed order."""
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): ",".join(sorted(str(r.specifier).split(","))) for r in requirements}


def declared() -> dict[str, str]:
    """What pyproject.toml asks for: the package, every extra and the build backend."""
    described = pyproject()
    lines = described["build-system"]["requires"] + described["project"]["dependencies"]
    for extra in described["project"]["optional-dependencies"].values():
        lines = lines + extra
    return ranges(lines)


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def conda() -> dict[str, str]:
    """What environment.yml asks for, under PyPI's names, `python` and `pip` left out."""
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    lines = [d.replace(" ", "", 1) for d in dependencies if isinstance(d, str) and d != "pip"]
    lines += [d for d in dependencies[-1]["pip"] if not d.startswith("-")]
    return {CONDA_NAMES.get(name, name): range_ for name, range_ in ranges(lines).items() if name != "python"}


def test_conda_and_pyproject_ask_for_the_same_ranges() -> None:
    assert conda() == declared()


def test_conda_and_pyproject_ask_for_the_same_python() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert f"python {pyproject()['project']['requires-python']}" in dependencies


def test_the_lock_holds_a_version_in_range_for_everything_declared() -> None:
    versions = locked()
    outside = {
        name: (versions.get(name), range_)
        for name, range_ in declared().items()
        if name not in versions or versions[name] not in Requirement(f"{name}{range_}").specifier
    }
    assert outside == {}


def test_the_lock_holds_nothing_but_names_and_exact_versions() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.!]*", line)]
    assert odd == []


def test_the_lock_leaves_platform_packages_and_ourselves_out() -> None:
    mine = canonicalize_name(pyproject()["project"]["name"])
    assert [n for n in locked() if n == mine or re.match("nvidia|cuda|triton|pip$", n)] == []


def test_every_extra_package_in_the_environment_says_which_lesson_needs_it() -> None:
    """A line stands under a comment that names lessons, or that says no lesson needs it."""
    heading = ""
    for line in (ROOT / "environment.yml").read_text(encoding="utf-8").split("dependencies:")[1].splitlines():
        text = line.strip()
        if text.startswith("#"):
            heading = text
        elif re.match(r"- [a-z_-]+ ?>=", text) and not text.startswith(("- python >", "- setuptools")):
            assert re.search(r"lesson|\b0\d\b", heading), f"{text} stands under {heading!r}"


def test_a_bare_installation_asks_for_few_packages() -> None:
    assert len(pyproject()["project"]["dependencies"]) <= 12


def brought() -> dict[str, set[str]]:
    """What each hard dependency is said to bring along, in the comment above the list."""
    comment = " ".join(re.findall(r"^# (.*)$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M))
    told = re.search(r"to what is installed: (.*?)\.", comment)
    assert told
    found: dict[str, set[str]] = {}
    for part in told[1].split("; "):
        name, *others = re.sub(r",? which .*", "", part).replace(" brings", "").replace(" and ", " ").split()
        found[name] = {canonicalize_name(other.strip(",")) for other in others}
    return found


def test_what_is_said_to_come_along_does() -> None:
    """By the metadata of the installed version: an import that comes with a package goes when it changes its mind."""
    hard = ranges(pyproject()["project"]["dependencies"])
    missing = {}
    for name, others in brought().items():
        assert name in hard
        asked = [Requirement(line) for line in requires(name) or []]
        always = {canonicalize_name(r.name) for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})}
        missing[name] = others - always
    assert missing == dict.fromkeys(missing, set())


def test_what_the_package_imports_is_declared() -> None:
    """Or comes along with what is declared, as `test_what_is_said_to_come_along_does` holds."""
    distributions = packages_distributions()
    known = declared().keys() | set().union(*brought().values())
    undeclared = set()
    for path in [
        *(ROOT / "spacetime").rglob("*.py"),
        *(ROOT / "data_samples").rglob("*.py"),
        *(ROOT / "notebooks").rglob("*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            for top in {name.split(".")[0] for name in names} - sys.stdlib_module_names - OURS:
                if not {canonicalize_name(name) for name in distributions.get(top, [])} & known:
                    undeclared.add(f"{path.relative_to(ROOT)}: {top}")
    assert undeclared == set()


def make(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make with nothing of this test's own environment but a PATH."""
    clean = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV" and "MAKE" not in key}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def fake_python(path: Path, version: tuple[int, int], ensurepip: bool = True) -> Path:
    """Write a `python3` that answers make's questions; its environments only record what they install."""
    path.write_text(
        f"""#!/bin/sh
case "$*" in
    *"(3, 11)"*) exit {0 if version >= (3, 11) else 1} ;;
    *"import ensurepip"*) exit {0 if ensurepip else 1} ;;
    --version) echo "Python {version[0]}.{version[1]}.0" ;;
    "-m venv "*)
        mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo "command = $0 -m venv $3" > "$3/pyvenv.cfg" ;;
    "-m pip "*) echo "$*" >> pip.log ;;
esac
"""
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with our Makefile and a small lock."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "setup.py", folder)
    (folder / "requirements.lock").write_text("torch==2.13.0\ntqdm==4.70.1\n")
    return folder


def installs(folder: Path) -> int:
    """How often setup has installed: once is three calls of pip (torch, the lock, ourselves)."""
    log = folder / "pip.log"
    return len(log.read_text().splitlines()) // 3 if log.exists() else 0


def test_setup_takes_the_first_python_that_is_new_enough_and_whole(project: Path, tmp_path: Path) -> None:
    old = fake_python(tmp_path / "old", (3, 10))
    bare = fake_python(tmp_path / "bare", (3, 13), ensurepip=False)
    whole = fake_python(tmp_path / "whole", (3, 12))
    done = make("setup", f"PYTHON={old} {bare} {whole}", folder=project)
    assert "with Python 3.12.0" in done.stdout, done.stdout + done.stderr


def test_setup_says_what_to_install_when_ensurepip_is_missing(project: Path, tmp_path: Path) -> None:
    bare = fake_python(tmp_path / "bare", (3, 13), ensurepip=False)
    done = make("setup", f"PYTHON={bare}", folder=project)
    assert done.returncode != 0 and "apt install python3-venv" in done.stderr


def test_setup_says_which_python_it_wants(project: Path, tmp_path: Path) -> None:
    done = make("setup", f"PYTHON={fake_python(tmp_path / 'old', (3, 10))}", folder=project)
    assert done.returncode != 0 and "no Python 3.11 or newer" in done.stderr


def test_a_second_setup_installs_nothing(project: Path, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "python", (3, 11))
    for _ in range(2):
        assert make("setup", f"PYTHON={python}", folder=project).returncode == 0
    assert installs(project) == 1


def test_a_changed_lock_installs_again(project: Path, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "python", (3, 11))
    make("setup", f"PYTHON={python}", folder=project)
    (project / "requirements.lock").write_text("torch==2.13.0\ntqdm==4.70.2\n")
    make("setup", f"PYTHON={python}", folder=project)
    assert installs(project) == 2


def test_a_moved_environment_is_made_anew(project: Path, tmp_path: Path) -> None:
    """Its stamp and its scripts speak of the folder it was made in."""
    python = fake_python(tmp_path / "python", (3, 11))
    make("setup", f"PYTHON={python}", folder=project)
    moved = project.rename(tmp_path / "moved")
    done = make("setup", f"PYTHON={python}", folder=moved)
    assert "making it anew" in done.stdout and installs(moved) == 2


def test_an_interrupted_install_is_not_taken_for_a_finished_one(project: Path, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "python", (3, 11))
    make("setup", f"PYTHON={python}", folder=project)
    (project / "requirements.lock").write_text("tqdm==4.70.1\n")  # no torch line: the install stops half-way
    broken = project / ".venv/bin/python"
    broken.write_text(broken.read_text().replace('echo "$*" >> pip.log', "exit 1"))
    assert make("setup", f"PYTHON={python}", folder=project).returncode != 0
    assert not (project / ".venv/installed-from").exists()


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == spacetime.__version__


@pytest.mark.slow
def test_a_fresh_clone_sets_itself_up(tmp_path: Path) -> None:
    """The true thing, a bare virtual environment and every package: minutes, and a package index."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    done = make("setup", folder=clone)
    assert done.returncode == 0, done.stdout + done.stderr
    version = subprocess.run([clone / ".venv/bin/spacetime", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("spacetime ")
