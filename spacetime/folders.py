"""Files and folders that appear whole or not at all, and outputs that one command at a time may write."""

import functools
import inspect
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from filelock import FileLock, Timeout

LOCK = ".lock"  # in a folder that is written over minutes; it goes with the last holder

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@contextmanager
def replaced(target: str | Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of `target` only when it is complete.

    Until then it is a hidden file beside it whose name ends in `.part`.
    """
    target = Path(target)
    # Not of `tempfile`, whose files only we may read.
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as stream:
            yield stream
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_text(target: str | Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all."""
    with replaced(target) as stream:
        stream.write(text.encode())


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of `target` when it is complete; nobody else may do so meanwhile.

    Until then it is hidden beside it, and its name ends in `.part`. A folder that was there before stands until the
    new one is complete.
    """
    part, old = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.old.part")
    with sole_writer(target.with_name(f".{target.name}{LOCK}"), target):
        for left in (part, old):  # by a command that was killed
            shutil.rmtree(left, ignore_errors=True)
        part.mkdir()
        try:
            yield part
            if target.exists():
                os.replace(target, old)
            os.replace(part, target)
        except BaseException:
            if old.exists() and not target.exists():
                os.replace(old, target)
            shutil.rmtree(part, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def new_files(folder: Path) -> Iterator[Path]:
    """A folder to write files into that are moved to `folder` when all are complete; its other files stay."""
    if not folder.is_dir():
        with new_folder(folder) as part:
            yield part
        return
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        try:
            _move_files(part, folder)
        except BaseException:  # stopped between two files: old and new ones must not be mixed
            _move_files(part, folder)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _move_files(source: Path, target: Path) -> None:
    for file in sorted(source.iterdir()):
        os.replace(file, target / file.name)


@contextmanager
def sole_writer(lock: Path, target: str | Path) -> Iterator[None]:
    """Hold a lock while writing; it ends with the process, however that ends.

    `lock` is the lock's file, hidden, in the folder that is written or beside it; `target` is what is written, for the
    ValueError if another process, or another thread of this one, holds the lock.
    """
    made = not lock.parent.exists()
    lock.parent.mkdir(parents=True, exist_ok=True)
    # One object for each file: a run that calls a training in the same folder holds the same lock twice.
    held = FileLock(lock, timeout=0, is_singleton=True)
    try:
        held.acquire()
    except Timeout:
        what = f"another process is writing {target} now"
        raise ValueError(f"{what}; wait until it has ended, or name another output") from None
    try:
        yield
    finally:
        last = held.lock_counter == 1
        if last:
            with suppress(OSError):
                lock.unlink()  # while it is held: a process that waits for it sees that the file is gone
        held.release()
        if last and made:
            with suppress(OSError):
                lock.parent.rmdir()  # empty: nothing was written


def sole_writer_of_output(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Have a function hold the lock of the folder that its argument `output`, or its option of that name, names.

    Of the processes that torchrun started for one training the first one holds it for all.
    """

    @functools.wraps(function)
    def locked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        given = inspect.signature(function).bind(*args, **kwargs).arguments
        output = Path(given["output"] if "output" in given else given["options"].output)
        if os.environ.get("RANK", "0") != "0" or (output.exists() and not output.is_dir()):
            return function(*args, **kwargs)
        with sole_writer(output / LOCK, output):
            return function(*args, **kwargs)

    return locked
