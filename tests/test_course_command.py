"""Promises of `python -m course`: exit codes and errors of one line, as the package's own command line has them."""

from pathlib import Path

import nbformat
import pytest

from course.__main__ import main


def write_notebooks(folder: Path, code: str) -> None:
    cells = [
        nbformat.v4.new_code_cell("seed: int = 0", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code),
    ]
    (folder / "profiles").mkdir(parents=True)
    (folder / "profiles/quick.yaml").write_text("")
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "00_orientation.ipynb")


def test_a_failed_lesson_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebooks(tmp_path / "notebooks", "assert seed == 0")
    command = ["run", "--notebooks", str(tmp_path / "notebooks"), "-p", "seed", "3", "--lesson", "00"]
    assert main(command) == 1
    assert "FAILED in cell [3]: AssertionError" in capsys.readouterr().out


def test_a_wrong_parameter_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebooks(tmp_path / "notebooks", "")
    assert main(["run", "--notebooks", str(tmp_path / "notebooks"), "-p", "sede", "3"]) == 2
    assert "did you mean 'seed'?" in capsys.readouterr().err
