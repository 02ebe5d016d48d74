"""Where a run's figures come from: versions of what computed them, and the commit of the code."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# What numbers depend on most; `requirements.lock` has the rest.
PACKAGES = ("spacetime-minilm", "torch", "transformers", "tokenizers", "numpy", "scipy", "scikit-learn", "umap-learn")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on; those that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit(folder: Path) -> str | None:
    """The commit that a clone is at, with ``+changes`` where tracked files differ from it; None outside a clone."""
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return None
    return head + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
