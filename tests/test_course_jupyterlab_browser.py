"""A lesson and its exercises in JupyterLab in a real browser: what a newcomer sees after `jupyter lab`."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import PATIENCE, Chromium, needs_browser

from course.running import NOTEBOOKS

pytestmark = [
    pytest.mark.slow,
    needs_browser,
    pytest.mark.skipif(importlib.util.find_spec("jupyterlab") is None, reason="JupyterLab is not installed"),
]

LESSON = "01_sentence_embeddings.ipynb"
LESSON_TAKES = 600  # seconds at most, on a machine that does other work
PANEL = "jupyterapp.shell.currentWidget"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab over copies of one lesson and its exercises, with settings of its own."""
    folder = tmp_path_factory.mktemp("jupyterlab")
    for name in (LESSON, f"exercises/{LESSON}"):
        (folder / "notebooks" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(NOTEBOOKS / name, folder / "notebooks" / name)
    homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
    own = {home: str(folder / home.lower()) for home in homes} | {"PYTHONPATH": str(NOTEBOOKS.parent)}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token="]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--LabApp.expose_app_in_browser=True", *options],
        cwd=folder,
        env=os.environ | own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _address(process, Path(own["JUPYTER_RUNTIME_DIR"]))
    finally:
        process.terminate()  # its kernels end with it
        process.wait(30)


def _address(process: subprocess.Popen[bytes], runtime: Path) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        for note in runtime.glob("jpserver-*.json"):
            address: str = json.loads(note.read_text())["url"]
            return address
        time.sleep(0.1)
    raise TimeoutError("JupyterLab did not start")


@pytest.fixture
def browser() -> Iterator[Chromium]:
    with Chromium(online=True) as window:
        yield window


def run_all_cells(browser: Chromium, server: str, path: str) -> list[dict[str, Any]]:
    """Open a notebook, choose Run, Run All Cells, and wait: each code cell's number of execution and outputs."""
    browser.page.goto(f"{server}lab/tree/{path}")
    browser.wait(f"window.jupyterapp && {PANEL}?.context?.path === {path!r} && {PANEL}.context.isReady")
    kernel = f"{PANEL}.sessionContext.session?.kernel"
    browser.wait(f"{kernel}?.status === 'idle'")
    for kind, label in (("lm-MenuBar-item", "Run"), ("lm-Menu-item", "Run All Cells")):
        item = f"[...document.querySelectorAll('.{kind} .{kind}Label')].find(e => e.textContent === '{label}')"
        browser.wait(item)
        x, y, width, height = browser.run(f"Object.values({item}.getBoundingClientRect().toJSON())")[:4]
        browser.drag((x + width / 2, y + height / 2))
    cells = f"{PANEL}.content.widgets.filter(w => w.model.type === 'code')"
    browser.wait(f"{cells}.some(w => w.prompt === '*')")
    browser.wait(f"{kernel}.status === 'idle' && !{cells}.some(w => w.prompt === '*')", patience=LESSON_TAKES)
    found: list[dict[str, Any]] = browser.run(
        f"{cells}.map(w => ({{count: w.prompt, said: w.model.outputs.toJSON()}}))"
    )
    return found


def test_a_lesson_runs_to_its_end_without_an_error(browser: Chromium, server: str) -> None:
    cells = run_all_cells(browser, server, f"notebooks/{LESSON}")
    assert [int(cell["count"]) for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["said"]]
    assert [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"] == []


def test_an_exercise_not_yet_written_says_so_in_few_lines(browser: Chromium, server: str) -> None:
    cells = run_all_cells(browser, server, f"notebooks/exercises/{LESSON}")
    (said,) = (output for cell in cells for output in cell["said"])  # the first check stops the run
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(said["traceback"]))
    assert shown.endswith("NotImplementedError: exercise 1: write this function, then run the check")
    assert len(shown.splitlines()) < 25 and "checking.py" not in shown
