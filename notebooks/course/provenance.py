"""The commit of the code that a run's figures come from."""

import subprocess
from pathlib import Path


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
