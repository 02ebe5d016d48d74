"""Promises of `spacetime.vectors`: every row in its place, however often stopped, by however many processes."""

import json
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch

from spacetime import vectors as vectors_module
from spacetime.cli import main
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer, precision
from spacetime.model.embedding import Embedder
from spacetime.vectors import write_vectors

HOW: dict[str, Any] = {"window": 16, "precision": "float32", "dtype": "float32", "show_progress": False}


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 3,
        "intermediate_size": 32,
        "conditioning": "prefix",
    }
    model = SpaceTimeMiniLM(SpaceTimeConfig(**sizes))  # type: ignore[arg-type]
    for weight in model.parameters():
        weight.data.add_(torch.randn_like(weight) * 0.1)
    return SpaceTimeEncoder(model, load_tokenizer(), "cpu")


def rows(count: int = 90) -> datasets.Dataset:
    random = np.random.default_rng(0)
    words = "the clocks go forward tonight and shops stay open until nine".split()
    return datasets.Dataset.from_dict(
        {
            "text": [f"{i} " + " ".join(random.choice(words, size=random.integers(1, 12))) for i in range(count)],
            "month": [(None, "2017-01", "2020-03")[i % 3] for i in range(count)],
            "region": [("UK", None)[i % 2] for i in range(count)],
        }
    )


def expected(encoder: SpaceTimeEncoder, dataset: datasets.Dataset) -> np.ndarray:
    return encoder.encode(dataset["text"][:], dataset["month"][:], dataset["region"][:])


def test_rows_keep_their_order(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    written = write_vectors(rows(), encoder, tmp_path / "x.npy", **HOW)
    assert written.complete and written.embedded == 90 and [p.name for p in tmp_path.iterdir()] == ["x.npy"]
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), expected(encoder, rows()), atol=2e-6)


def test_the_array_is_float16_unless_said_otherwise(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    write_vectors(rows(20), encoder, tmp_path / "x.npy", precision="float32", show_progress=False)
    found = np.load(tmp_path / "x.npy")
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected(encoder, rows(20)), atol=5e-4)  # three digits of a number below 1


def test_one_label_for_all_rows_takes_the_place_of_their_own(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    write_vectors(rows(20), encoder, tmp_path / "x.npy", months="2021-01", regions="US", **HOW)
    np.testing.assert_allclose(
        np.load(tmp_path / "x.npy"), encoder.encode(rows(20)["text"][:], "2021-01", "US"), atol=2e-6
    )


class Killed(BaseException):
    """Stands for a process that ends at once."""


def stop_after(monkeypatch: pytest.MonkeyPatch, windows: int) -> list[int]:
    """Let so many windows be embedded, then stop; returns the sizes of those that were begun."""
    begun: list[int] = []
    whole = Embedder.__call__

    def counted(self: Embedder, given: Any, **options: Any) -> np.ndarray:
        begun.append(len(given.pieces))
        if len(begun) > windows:
            raise Killed
        return whole(self, given, **options)

    monkeypatch.setattr(Embedder, "__call__", counted)
    return begun


def test_a_stopped_run_goes_on_to_the_same_file(
    encoder: SpaceTimeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_vectors(rows(), encoder, tmp_path / "whole.npy", **HOW)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Killed):
            write_vectors(rows(), encoder, tmp_path / "x.npy", **HOW)
    assert not (tmp_path / "x.npy").exists()
    with monkeypatch.context() as patch:
        begun = stop_after(patch, 100)
        written = write_vectors(rows(), encoder, tmp_path / "x.npy", **HOW)
    assert begun == [16, 16, 16, 10] and written.embedded == 58, "windows that were done are not done again"
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


@pytest.mark.parametrize("change", ["rows", "label", "weights"])
def test_an_unfinished_run_of_something_else_is_not_mixed_in(
    change: str, encoder: SpaceTimeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(Killed):
            write_vectors(rows(), encoder, tmp_path / "x.npy", **HOW)
    dataset, options, said = rows(), HOW, "texts"
    if change == "rows":
        dataset = dataset.map(lambda row, i: row | {"text": "Rain."} if i == 50 else row, with_indices=True)
    elif change == "label":
        options, said = HOW | {"months": "2020-01"}, "months"
    else:
        other = SpaceTimeMiniLM(encoder.model.config)
        encoder, said = SpaceTimeEncoder(other, encoder.tokenizer, "cpu"), "encoder"
    with pytest.raises(ValueError, match=f"an unfinished run with other {said}; delete it"):
        write_vectors(dataset, encoder, tmp_path / "x.npy", **options)


def test_two_processes_write_what_one_writes(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    write_vectors(rows(), encoder, tmp_path / "one.npy", **HOW)
    first = write_vectors(rows(), encoder, tmp_path / "two.npy", process=0, processes=2, **HOW)
    assert not first.complete and not (tmp_path / "two.npy").exists()
    second = write_vectors(rows(), encoder, tmp_path / "two.npy", process=1, processes=2, **HOW)
    assert second.complete and first.embedded + second.embedded == 90
    assert (tmp_path / "two.npy").read_bytes() == (tmp_path / "one.npy").read_bytes()


@pytest.mark.slow
def test_torchrun_starts_processes_that_share_the_work(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path / "model")
    rows().to_parquet(str(tmp_path / "rows.parquet"))
    encode = ["-m", "spacetime.cli", "encode", "rows.parquet", "--model", "model", "--precision", "float32"]
    alone = os.environ | {"SPACETIME_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for command in ([sys.executable, *encode, "--output", "1.npy"], [*torchrun, *encode, "--output", "2.npy"]):
        subprocess.run(command, cwd=tmp_path, env=alone, check=True)
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "2.npy").read_bytes()


def test_a_process_that_comes_late_finds_the_work_done_and_an_old_array_is_still_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows().to_parquet(str(tmp_path / "rows.parquet"))
    np.save(tmp_path / "x.npy", np.zeros(3))
    command = ["encode", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "x.npy")]
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert main(command) == 0 and len(np.load(tmp_path / "x.npy")) == 3
    os.utime(tmp_path / "x.npy", (0, 0))  # from before torchrun was started
    assert main(command) == 2 and "is there already" in capsys.readouterr().err
    monkeypatch.delenv("WORLD_SIZE")
    os.utime(tmp_path / "x.npy")
    assert main(command) == 2, "a single process has nobody beside it"
    assert {path.name for path in tmp_path.iterdir()} == {"rows.parquet", "x.npy"}


def test_the_next_window_is_tokenised_in_another_thread(
    encoder: SpaceTimeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    pieces = encoder.word_pieces

    def noted(texts: list[str]) -> list[list[int]]:
        threads.append(threading.current_thread().name)
        return pieces(texts)

    monkeypatch.setattr(encoder, "word_pieces", noted)
    write_vectors(rows(), encoder, tmp_path / "x.npy", **HOW)
    assert len(threads) == 6 and all(name.startswith("tokenise") for name in threads)


def test_memory_does_not_grow_with_the_rows(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    peaks = []
    for count in (400, 3200):
        rows(count).to_parquet(str(tmp_path / f"{count}.parquet"))
        on_disk = datasets.Dataset.from_parquet(str(tmp_path / f"{count}.parquet"), cache_dir=str(tmp_path / "cache"))
        tracemalloc.start()
        write_vectors(on_disk, encoder, tmp_path / f"{count}.npy", **(HOW | {"window": 100}))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0], "eight times the rows, the same windows"


def test_the_command_computes_bfloat16_on_any_processor_and_says_once_what_it_gains(
    encoder: SpaceTimeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder.save(tmp_path / "model")
    rows(300).to_csv(str(tmp_path / "rows.csv"))
    monkeypatch.setenv(precision.SWITCH, "auto")
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: False)
    precision._say.cache_clear()
    arguments = ["encode", str(tmp_path / "rows.csv"), "--model", str(tmp_path / "model")]
    with pytest.warns(UserWarning, match="bfloat16 gains nothing on this processor") as caught:
        assert main([*arguments, "--precision", "bfloat16", "--output", str(tmp_path / "x.npy")]) == 0
    assert len([one for one in caught if "gains nothing" in str(one.message)]) == 1
    cosines = (np.load(tmp_path / "x.npy").astype(np.float32) * expected(encoder, rows(300))).sum(1)
    assert cosines.min() > 0.999 and not (tmp_path / "x.npy.part").exists()


@pytest.mark.parametrize("error", [RuntimeError("bf16 path needs the cpu support"), ValueError("unknown region")])
def test_what_failed_before_its_first_window_is_not_in_the_way_of_the_next_try(
    error: Exception, encoder: SpaceTimeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> np.ndarray:
        raise error

    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(Embedder, "__call__", failing)
        write_vectors(rows(), encoder, tmp_path / "x.npy", **(HOW | {"precision": "bfloat16"}))
    assert not list(tmp_path.iterdir())
    assert write_vectors(rows(), encoder, tmp_path / "x.npy", **HOW).complete


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failure_leaves_what_was_done_and_what_others_are_doing(
    processes: int, encoder: SpaceTimeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = Embedder.__call__, iter(range(100))

    def failing(self: Embedder, given: Any, **options: Any) -> np.ndarray:
        if next(calls) == (1 if processes == 1 else 0):
            raise RuntimeError("no memory left")
        return whole(self, given, **options)

    how = HOW | {"process": 0, "processes": processes}
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(Embedder, "__call__", failing)
        write_vectors(rows(), encoder, tmp_path / "x.npy", **how)
    assert (tmp_path / "x.npy.part").is_dir()
    assert write_vectors(rows(), encoder, tmp_path / "x.npy", **how).embedded == (74 if processes == 1 else 48)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "x.txt"}, "must end in .npy"),
        ({"dtype": "int8"}, "dtype must be 'float16' or 'float32', not 'int8'"),
        ({"process": 2, "processes": 2}, "process 2 one of 2"),
        ({"window": 0}, "window 0 must be at least 1"),
        ({"precision": "fp8"}, "precision must be"),
    ],
)
def test_bad_options_are_named(
    changes: dict[str, Any], message: str, encoder: SpaceTimeEncoder, tmp_path: Path
) -> None:
    options = HOW | {"output": "x.npy"} | changes
    with pytest.raises(ValueError, match=message):
        write_vectors(rows(4), encoder, tmp_path / options.pop("output"), **options)


def test_a_folder_in_the_way_is_named(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    (tmp_path / "x.npy.part").mkdir()
    with pytest.raises(ValueError, match="is not an unfinished array of embeddings"):
        write_vectors(rows(4), encoder, tmp_path / "x.npy", **HOW)


def test_settings_of_an_unfinished_run_hold_no_path(
    encoder: SpaceTimeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors_module, "_finish", lambda part, output: False)
    write_vectors(rows(4), encoder, tmp_path / "x.npy", **HOW)
    assert str(tmp_path) not in json.dumps(json.loads((tmp_path / "x.npy.part/settings.json").read_text()))
