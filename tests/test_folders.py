"""What is written appears whole or not at all, by one command at a time, and a stopped command can be given again."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spacetime.cli import main
from spacetime.folders import LOCK, new_files, new_folder, sole_writer, sole_writer_of_output, write_text

# ----------------------------------------------------------------------------------------- files and folders


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: what a full disk does, without a disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_full_disk_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "x.json", "earlier")
    with small_disk(1000), pytest.raises(OSError, match="File too large"):
        write_text(tmp_path / "x.json", "x" * 5000)
    assert (tmp_path / "x.json").read_text() == "earlier" and names(tmp_path) == ["x.json"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path, stop: type[BaseException]) -> None:
    with new_folder(tmp_path / "out") as part:
        (part / "a").write_text("1")
    with pytest.raises(stop), new_folder(tmp_path / "out") as part:
        (part / "b").write_text("2")
        assert names(tmp_path / "out") == ["a"]
        raise stop
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == ["a"]
    with new_folder(tmp_path / "out") as part:
        (part / "b").write_text("2")
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == ["b"]


def test_what_a_killed_command_left_is_no_part_of_the_next_folder(tmp_path: Path) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part/half").touch()
    with new_folder(tmp_path / "out") as part:
        (part / "a").touch()
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == ["a"]


def test_new_files_leave_the_others_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for files in ({"a": "1", "b": "1"}, {"b": "2"}):
        with new_files(folder) as part:
            for name, text in files.items():
                (part / name).write_text(text)
    with pytest.raises(OSError), new_files(folder) as part:
        (part / "a").write_text("3")
        raise OSError
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "1", "b": "2"}


def test_a_stop_between_two_files_does_not_mix_old_and_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_files(tmp_path / "model") as part:
        [(part / name).write_text("old") for name in "abc"]
    move, moved = os.replace, []

    def stopped(source: Path, target: Path) -> None:
        moved.append(target)
        move(source, target)
        if len(moved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("spacetime.folders.os.replace", stopped)
    with pytest.raises(KeyboardInterrupt), new_files(tmp_path / "model") as part:
        [(part / name).write_text("new") for name in "abc"]
    assert [path.read_text() for path in sorted((tmp_path / "model").iterdir())] == ["new"] * 3


# -------------------------------------------------------------------------------------------- two at once

HOLD = """
import pathlib, sys, time
from spacetime.folders import sole_writer
with sole_writer(pathlib.Path(sys.argv[1]), "x"):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def held_elsewhere(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes there."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        yield other
    finally:
        other.kill()
        other.wait()


def test_a_second_writer_is_refused_and_a_killed_one_is_in_nobodys_way(tmp_path: Path) -> None:
    lock = tmp_path / "out" / LOCK
    with held_elsewhere(lock) as other:
        with pytest.raises(ValueError, match="another process is writing out now; wait until it has ended"):
            with sole_writer(lock, "out"):
                pass
        other.kill()
        other.wait()
        assert lock.exists(), "it could not clean up"
        with sole_writer(lock, "out"):
            pass
    assert names(tmp_path / "out") == []


def test_another_thread_is_refused_and_the_same_one_holds_it_twice(tmp_path: Path) -> None:
    said: list[str] = []

    def second() -> None:
        try:
            with sole_writer(tmp_path / LOCK, "out"):
                said.append("both write")
        except ValueError as error:
            said.append(str(error))

    with sole_writer(tmp_path / LOCK, "out"), sole_writer(tmp_path / LOCK, "out"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(said) == 1 and said[0].startswith("another process is writing out")
    assert names(tmp_path) == []


def test_processes_of_one_torchrun_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @sole_writer_of_output
    def write(output: Path) -> str:
        return "written"

    with held_elsewhere(tmp_path / LOCK):
        with pytest.raises(ValueError, match="another process is writing"):
            write(tmp_path)
        monkeypatch.setenv("RANK", "1")
        assert write(output=tmp_path) == "written"


def test_a_refused_call_leaves_no_folder(tmp_path: Path) -> None:
    @sole_writer_of_output
    def write(output: Path) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write(tmp_path / "out")
    assert names(tmp_path) == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model and a small corpus."""
    from portability import small_encoder

    folder = tmp_path_factory.mktemp("place")
    small_encoder("prefix").save(folder / "model")
    lines = [f'"Shop {i} opens at nine.",2019-{i % 12 + 1:02d},{("UK", "US")[i % 2]}' for i in range(90)]
    (folder / "my.csv").write_text("\n".join(["text,month,region", *lines]) + "\n")
    return folder


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("model", "my.csv"):
        (tmp_path / name).symlink_to(place / name)
    monkeypatch.setenv("SPACETIME_CACHE", str(place / "cache"))
    monkeypatch.chdir(tmp_path)
    from spacetime import vectors

    defaults = vectors.write_vectors.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "window", 16)
    monkeypatch.setattr("spacetime.search._ENCODED_AT_ONCE", 16)
    return tmp_path


ENCODE = ["encode", "my.csv", "--model", "model", "--output", "x.npy", "--precision", "float32"]
INDEX = ["index", "my.csv", "--model", "model", "--output", "ix"]
RUN = ["run", "my.csv", "--output", "out"]
STAGE1 = ["train", "stage1", "my.csv", "--output", "out"]


@pytest.mark.parametrize(
    ("command", "lock", "what"),
    [
        (ENCODE, f".x.npy.0{LOCK}", "x.npy"),
        (INDEX, f".ix{LOCK}", "ix"),
        (RUN, f"out/.run{LOCK}", "out"),
        ([*RUN, "--resume"], f"out/.run{LOCK}", "out"),
        ([*STAGE1, "--resume"], f"out/{LOCK}", "out"),
        (["train", "stage2", "my.csv", "--from", "model", "--output", "out", "--resume"], f"out/{LOCK}", "out"),
    ],
)
def test_the_second_of_two_commands_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str], lock: str, what: str
) -> None:
    with held_elsewhere(here / lock):
        assert main(command) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert error == [
        f"spacetime: error: another process is writing {what} now; wait until it has ended, or name another output"
    ]


# ------------------------------------------------------------------------------- stopped, or without any room


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {file.name: file.read_bytes() for file in files}


def after(monkeypatch: pytest.MonkeyPatch, where: str, calls: int, act: Callable[[], None]) -> None:
    """Act when a function has been called so often."""
    module, _, name = where.rpartition(".")
    owner = sys.modules.get(module) or getattr(sys.modules[module.rpartition(".")[0]], module.rpartition(".")[2])
    whole, count = getattr(owner, name), [0]

    def counted(*arguments: Any, **options: Any) -> Any:
        found = whole(*arguments, **options)
        count[0] += 1
        if count[0] == calls:
            act()
        return found

    monkeypatch.setattr(owner, name, counted)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def full() -> None:
    raise OSError(28, "No space left on device")


MOMENTS = [
    (ENCODE, "x.npy", "spacetime.model.embedding.Embedder.__call__", 1),
    (ENCODE, "x.npy", "spacetime.vectors.put_rows", 2),
    (ENCODE, "x.npy", "spacetime.vectors.put_rows", 7),
    (ENCODE, "x.npy", "spacetime.vectors._make_or_find", 1),
    (INDEX, "ix", "spacetime.search._encode", 1),
    (INDEX, "ix", "spacetime.search._encode", 5),
    (INDEX, "ix", "spacetime.search._write_rows", 1),
    (INDEX, "ix", "spacetime.search._write_labels", 1),
]


@pytest.mark.parametrize("stop", [terminate, full])
@pytest.mark.parametrize(("command", "made", "where", "calls"), MOMENTS)
def test_a_stopped_command_given_again_ends_as_an_undisturbed_one(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    made: str,
    where: str,
    calls: int,
    stop: Callable[[], None],
) -> None:
    assert main(command) == 0
    undisturbed = contents(here / made)
    shutil.rmtree(here / made) if (here / made).is_dir() else (here / made).unlink()
    before = set(names(here))
    capsys.readouterr()
    with monkeypatch.context() as patch:
        after(patch, where, calls, stop)
        assert main(command) == (143 if stop is terminate else 2)
    error = capsys.readouterr().err.splitlines()[-1]
    kept = set(names(here)) - before
    if stop is full:
        assert error.endswith("No space left on device; make room, then give the same command again")
    elif kept:
        assert error == "stopped; x.npy.part keeps every 4,096 rows that are complete, and the same command goes on"
    else:
        assert error == "stopped; nothing unfinished was kept; the same command begins anew"
    assert kept <= {"x.npy.part"} and (not kept or "put_rows" in where)
    assert main(command) == 0
    assert contents(here / made) == undisturbed
    assert set(names(here)) - before == {made}


def test_an_array_that_has_its_name_is_whole_and_what_is_left_beside_it_is_in_nobodys_way(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(ENCODE) == 0
    undisturbed = (here / "x.npy").read_bytes()
    (here / "x.npy").unlink()
    with monkeypatch.context() as patch:
        after(patch, "spacetime.vectors.os.replace", 1, terminate)
        assert main(ENCODE) == 143
    assert (here / "x.npy").read_bytes() == undisturbed and names(here) == ["model", "my.csv", "x.npy", "x.npy.part"]
    (here / "x.npy").unlink()
    assert main(ENCODE) == 0
    assert (here / "x.npy").read_bytes() == undisturbed and names(here) == ["model", "my.csv", "x.npy"]


def test_an_index_that_cannot_be_replaced_stays(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(INDEX) == 0
    earlier = contents(here / "ix")
    with monkeypatch.context() as patch:
        after(patch, "spacetime.search._encode", 3, terminate)
        assert main(INDEX) == 143
    assert contents(here / "ix") == earlier


@pytest.mark.parametrize(
    ("command", "made"), [(ENCODE, "x.npy"), (INDEX, "ix"), (["encode", "Two words.", *ENCODE[2:]], "x.npy")]
)
def test_a_real_limit_on_files_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str], made: str
) -> None:
    main(["data", "check", "my.csv"])  # what the corpus's cache needs is written
    capsys.readouterr()
    with small_disk(100 if "Two words." in command else 8000):
        assert main(command) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("spacetime: error")]
    assert len(errors) == 1 and "File too large; make room, then give the same command again" in errors[0]
    assert names(here) == ["model", "my.csv"]


def test_a_precision_that_fails_leaves_nothing_in_the_way(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("bf16 path needs a processor with it")

    with monkeypatch.context() as patch:
        patch.setattr("spacetime.model.embedding.Embedder.__call__", fail)
        assert main([*ENCODE[:-1], "bfloat16"]) == 2
    assert names(here) == ["model", "my.csv"]
    assert main(ENCODE) == 0


def test_an_empty_part_of_another_setting_gives_way_and_a_begun_one_says_what_to_do(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        after(patch, "spacetime.vectors.put_rows", 2, terminate)
        assert main(ENCODE) == 143
    other = [*ENCODE[:-1], "auto"]
    capsys.readouterr()
    assert main(other) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "spacetime: error: x.npy.part is an unfinished run with other precision; delete it to start anew, give another "
        "output, or go on with what it was made with (precision 'float32')"
    )
    import numpy as np

    np.save(here / "x.npy.part/done.npy", np.zeros_like(np.load(here / "x.npy.part/done.npy")))  # killed at once
    assert main(other) == 0
    assert json.loads(json.dumps(names(here))) == ["model", "my.csv", "x.npy"]
