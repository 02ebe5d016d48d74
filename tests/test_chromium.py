"""The tests of pages are skipped without a browser at home, and fail without one under CI."""

import subprocess
import sys
from pathlib import Path

import pytest
from chromium import Chromium, may_be_missing

TESTS = Path(__file__).parent


@pytest.mark.parametrize(("ci", "skipped"), [(None, True), ("false", True), ("true", False)])
def test_a_missing_browser_is_skipped_at_home_and_fails_under_ci(
    ci: str | None, skipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CI", ci) if ci else monkeypatch.delenv("CI", raising=False)
    assert may_be_missing() is skipped
    with pytest.raises(RuntimeError, match="the tests of pages need a browser, and CI=true: install one of chromium"):
        Chromium()


def test_a_page_test_fails_under_ci_without_a_browser(tmp_path: Path) -> None:
    """The whole way, through the mark on a test."""
    test = "import chromium\n@chromium.needs_browser\ndef test_page():\n    chromium.Chromium()\n"
    (tmp_path / "test_page.py").write_text(test)
    said = {}
    for ci in ("true", "false"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py"],
            cwd=tmp_path, env={"PATH": "/nowhere", "CI": ci, "PYTHONPATH": str(TESTS)}, capture_output=True, text=True,
        )  # fmt: skip
        said[ci] = done.stdout
    assert "1 failed" in said["true"] and "1 skipped" in said["false"], said
