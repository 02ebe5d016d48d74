"""A corpus's embeddings as one array on disk, whatever the corpus's size.

Rows are read in windows. A window is tokenised in a thread while the model embeds the one before it, sorted by length
inside, and written to its place in the array; so memory holds two windows and the model. A stopped run goes on at its
first window that is not written. Of several processes (`torchrun --nproc-per-node 2`, or a GPU each) every one has a
fixed share of the windows, and needs to know nothing of the others.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from spacetime.encoder import SpaceTimeEncoder, encoder_fingerprint
from spacetime.folders import LOCK, sole_writer
from spacetime.inputs import ids_for_each
from spacetime.model.embedding import Embedder, Precision, Rows

WINDOW = 4_096  # rows: enough to find sentences of one length, few enough that a stop loses seconds


@dataclass(frozen=True)
class VectorsWritten:
    """What `write_vectors` did."""

    path: Path  # the array, once it is complete
    rows: int
    size: int
    embedded: int  # rows that this process embedded; the others did, or an earlier run
    seconds: float  # of this process
    complete: bool  # False where other processes were still at work, or had stopped, when this one had done its share
    precision: str  # what was computed in


def write_vectors(
    dataset: datasets.Dataset,
    encoder: SpaceTimeEncoder,
    output: str | Path,
    *,
    months: Any = None,
    regions: Any = None,
    dtype: Literal["float16", "float32"] = "float16",
    precision: Precision = "auto",
    normalize: bool = True,
    batch_size: int = 64,
    window: int = WINDOW,
    process: int | None = None,
    processes: int | None = None,
    show_progress: bool | None = None,
) -> VectorsWritten:
    """Embed a corpus into a `.npy` file; the same call goes on after a stop.

    Parameters
    ----------
    dataset
        Columns text, month and region, as `load_corpus` gives them; it may stay on disk.
    encoder
        With labels of the corpus's months and regions.
    output
        The `.npy` file; until it is complete, a folder of this name and `.part` holds what is done.
    months, regions
        One label for all rows; None takes each row's own.
    dtype
        Of the array. float16 changes a cosine of unit vectors by less than .0002, and halves the file.
    precision, normalize, batch_size
        As in `SpaceTimeEncoder.encode`. With several processes `"auto"` is decided on the first window by each.
    window
        Rows read, tokenised and sorted together.
    process, processes
        Number of this process, from 0, and of all; by default what torchrun says, else one.
    show_progress
        A bar with the time left on stderr; None shows it on a terminal.

    Raises
    ------
    ValueError
        No rows, a name that does not end in .npy, or an unfinished run of other rows, weights or options in the way.
    """
    output = Path(output)
    process = int(os.environ.get("RANK", 0)) if process is None else process
    processes = int(os.environ.get("WORLD_SIZE", 1)) if processes is None else processes
    _check(output, dataset, dtype, window, process, processes)
    size = encoder.model.config.hidden_size
    settings = {
        "rows": len(dataset),
        "texts": _fingerprint(dataset),
        "encoder": encoder_fingerprint(encoder),
        "months": None if months is None else str(months),
        "regions": None if regions is None else str(regions),
        "dtype": dtype,
        "precision": precision,
        "normalize": normalize,
        "window": window,
    }
    began = time.perf_counter()
    part = output.with_name(output.name + ".part")
    with sole_writer(output.with_name(f".{output.name}.{process}{LOCK}"), output):
        starts = range(0, len(dataset), window)
        counts = {n: min(window, len(dataset) - starts[n]) for n in range(process, len(starts), processes)}
        embed: Embedder | None = None
        try:
            _make_or_find(part, settings, (len(dataset), size), len(starts), alone=processes == 1)
            done = np.load(part / "done.npy")
            own = [number for number in counts if not done[number]]
            embedded = sum(counts[number] for number in own)
            total, hidden = sum(counts.values()), None if show_progress is None else not show_progress
            shown: Any = {"desc": "encode", "unit": "row", "position": process, "file": sys.stderr, "disable": hidden}
            with tqdm(total=total, initial=total - embedded, **shown) as bar:
                for number, rows in _windows(dataset, encoder, own, window, months, regions):
                    if embed is None:
                        embed = encoder.embedder(rows, precision=precision)
                    found = embed(rows, batch_size=batch_size, normalize=normalize, show_progress=False)
                    put_rows(part / "vectors.npy", starts[number], found.astype(dtype))
                    put_rows(part / "done.npy", number, np.ones(1, dtype=np.uint8))
                    bar.update(len(found))
        except BaseException:
            if processes == 1 and _is_empty(part):
                shutil.rmtree(part, ignore_errors=True)  # it would be in the way of the next try
            raise
        complete = _finish(part, output)
    chosen = precision if embed is None else embed.precision
    return VectorsWritten(output, len(dataset), size, embedded, time.perf_counter() - began, complete, chosen)


def put_rows(file: Path, start: int, rows: NDArray[Any]) -> None:
    """Write rows to their place in a `.npy` file; on disk when this returns.

    Not through a mapping: a disk that is full kills the process there, where a write raises an error.
    """
    with open(file, "r+b") as stream:
        np.lib.format.read_magic(stream)
        np.lib.format.read_array_header_1_0(stream)
        stream.seek(start * rows.itemsize * int(np.prod(rows.shape[1:])), os.SEEK_CUR)
        stream.write(rows.tobytes())
        stream.flush()
        os.fsync(stream.fileno())


def _check(output: Path, dataset: datasets.Dataset, dtype: str, window: int, process: int, processes: int) -> None:
    if output.suffix != ".npy":
        raise ValueError(f"{output} must end in .npy")
    if len(dataset) == 0:
        raise ValueError("no rows to embed")
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype must be 'float16' or 'float32', not {dtype!r}")
    if window < 1 or not 0 <= process < processes:
        raise ValueError(f"window {window} must be at least 1, and process {process} one of {processes}")


def _windows(
    dataset: datasets.Dataset, encoder: SpaceTimeEncoder, numbers: list[int], window: int, months: Any, regions: Any
) -> Iterator[tuple[int, Rows]]:
    """Windows of rows by their numbers, the next one read and tokenised while the caller works on this one."""

    def read(number: int) -> Rows:
        start = number * window
        rows = dataset[start : min(start + window, len(dataset))]
        count = len(rows["text"])
        return Rows(
            encoder.word_pieces(rows["text"]),  # in Rust, which leaves Python to the model meanwhile
            ids_for_each(encoder.months, rows["month"] if months is None else months, count, "months"),
            ids_for_each(encoder.regions, rows["region"] if regions is None else regions, count, "regions"),
        )

    with ThreadPoolExecutor(1, thread_name_prefix="tokenise") as thread:
        coming = thread.submit(read, numbers[0]) if numbers else None
        for place, number in enumerate(numbers):
            assert coming is not None
            rows = coming.result()
            coming = thread.submit(read, numbers[place + 1]) if place + 1 < len(numbers) else None
            yield number, rows


def _fingerprint(dataset: datasets.Dataset) -> str:
    """A hash of all rows' texts, months and regions, read from disk window by window."""
    digest = hashlib.blake2b(digest_size=16)
    for table in dataset.select_columns(["text", "month", "region"]).with_format("arrow").iter(WINDOW):
        for column in ("text", "month", "region"):
            values = table[column].to_pylist()
            digest.update("\n".join("\0" if value is None else value for value in values).encode())
    return digest.hexdigest()


def _make_or_find(part: Path, settings: dict[str, Any], shape: tuple[int, int], windows: int, *, alone: bool) -> None:
    """The unfinished array's folder: made by whoever comes first, found by other processes and after a stop.

    One of other settings in which nothing is done yet gives way, if this process is `alone`.
    """
    if alone and (part / "settings.json").exists() and not (part / "vectors.npy").exists():
        shutil.rmtree(part)  # stopped after its array had got its name
    if not part.exists():
        part.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=part.parent, prefix=f".{part.name}."))
        try:
            np.lib.format.open_memmap(made / "vectors.npy", mode="w+", dtype=settings["dtype"], shape=shape).flush()
            np.save(made / "done.npy", np.zeros(windows, dtype=np.uint8))
            (made / "settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            os.rename(made, part)  # fails where another process was quicker: a folder with files is not replaced
        except OSError:
            if not part.exists():
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    try:
        found = json.loads((part / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{part} is not an unfinished array of embeddings ({error}); delete it") from error
    changed = [name for name in settings if found.get(name) != settings[name]]
    if changed and alone and _is_empty(part):
        shutil.rmtree(part)
        _make_or_find(part, settings, shape, windows, alone=False)
    elif changed:
        # Hashes say nothing to a reader.
        told = ", ".join(f"{name} {found.get(name)!r}" for name in changed if name not in ("texts", "encoder"))
        raise ValueError(
            f"{part} is an unfinished run with other {', '.join(changed)}; delete it to start anew, give another "
            f"output, or go on with what it was made with{f' ({told})' if told else ''}"
        )


def _is_empty(part: Path) -> bool:
    """Whether no window is done there; False for a folder that is not ours."""
    try:
        return not np.load(part / "done.npy").any()
    except (OSError, ValueError, EOFError):
        return False


def _finish(part: Path, output: Path) -> bool:
    """Give the array its name once every window is done; whether it is, by this or by another process."""
    try:
        if not np.load(part / "done.npy").all():
            return False
        os.replace(part / "vectors.npy", output)
    except FileNotFoundError:
        return True  # another process has just done so
    shutil.rmtree(part, ignore_errors=True)
    return True
