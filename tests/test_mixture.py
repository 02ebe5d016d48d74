"""Promises of `training.mixture`: weights are kept, steps come back, memory stays flat, bad lines are named."""

import gzip
import json
import tracemalloc
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course.pairing import write_data_config
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, find_plain_weights, load_tokenizer
from spacetime.training.mixture import (
    Mixture,
    MixtureBatches,
    Row,
    ShuffledLines,
    read_data_config,
    read_row,
)

Spec = dict[str, tuple[list[Any], float]]


def write_lines(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def write_config(folder: Path, data_sets: Spec) -> Path:
    """The files and the configuration in the published form."""
    entries = []
    for name, (rows, weight) in data_sets.items():
        write_lines(folder / name, rows)
        entries.append({"name": name, "lines": len(rows), "weight": weight})
    (folder / "data_config.json").write_text(json.dumps(entries))
    return folder / "data_config.json"


def pairs(name: str, count: int) -> list[list[str]]:
    return [[f"{name} question {i}", f"{name} answer {i}"] for i in range(count)]


def mixture(folder: Path, data_sets: Spec | None = None, **settings: Any) -> Mixture:
    data_sets = data_sets or {"a.jsonl.gz": (pairs("a", 40), 3), "b.jsonl.gz": (pairs("b", 25), 1)}
    return Mixture(read_data_config(write_config(folder, data_sets)), **{"batch_size": 8, "block": 10} | settings)


# ------------------------------------------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", "b"], Row("a", "b")),
        (["a", "b", "c"], Row("a", "b", ("c",))),
        ({"texts": ["a", "b"]}, Row("a", "b")),
        ({"texts": ["a", "b", "c"], "guid": 7}, Row("a", "b", ("c",))),
        ({"query": "a", "pos": ["b"], "neg": ["c"]}, Row("a", "b", ("c",))),
        ({"query": "a", "pos": ["b"]}, Row("a", "b")),
        ({"query": "a", "pos": "b", "neg": "c"}, Row("a", "b", ("c",))),
        ({"anchor": "a", "positive": "b", "negative": "c"}, Row("a", "b", ("c",))),
        ({"question": "a", "answer": "b"}, Row("a", "b")),
        ({"title": "a", "body": "b", "score": 3}, Row("a", "b")),
        ({"title": "a", "abstract": "b"}, Row("a", "b")),
        ({"context": "b", "response": "a", "context/0": "z"}, Row("a", "b")),
    ],
)
def test_every_published_form_becomes_two_texts_and_negatives(value: Any, expected: Row) -> None:
    assert read_row(value, np.random.default_rng(0)) == expected


def test_of_a_set_two_different_places_are_drawn_and_in_time_all() -> None:
    random = np.random.default_rng(0)
    seen = {read_row({"set": ["a", "b", "c"]}, random)[:2] for _ in range(200)}
    assert len(seen) == 6 and all(first != second for first, second in seen)


def test_several_positives_and_negatives_are_drawn_from() -> None:
    value = {"query": "a", "pos": ["b", "c"], "neg": ["x", "y", "z"]}
    random = np.random.default_rng(0)
    rows = [read_row(value, random, most_negatives=2) for _ in range(100)]
    assert {row.second for row in rows} == {"b", "c"}
    assert {row.negatives for row in rows} == {("x", "y"), ("x", "z"), ("y", "z")}
    assert read_row(value, random, most_negatives=0).negatives == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["a"], "needs two texts, it has 1"),
        (["a", 5], "5 is not text"),
        (["a", " "], "a text is empty"),
        ("a", "a row must be"),
        ({"one": "a", "two": "b"}, "a row must be"),
        ({"set": ["a"]}, "a set needs two texts, it has 1"),
        ({"query": "a", "pos": []}, "the list of second texts is empty"),
        (["a", "\ud800"], "surrogates not allowed"),
    ],
)
def test_a_row_that_is_none_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_row(value, np.random.default_rng(0))


# ------------------------------------------------------------------------------------------------ streams


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
@pytest.mark.parametrize("block", [1, 7, 100])
def test_each_pass_over_a_file_gives_every_line_once(tmp_path: Path, suffix: str, block: int) -> None:
    path = tmp_path / f"x{suffix}"
    write_lines(path, pairs("x", 23))
    stream = ShuffledLines(path, block, seed=0, name="x")
    passes = [[line.number for line in stream.take(23)] for _ in range(3)]
    assert all(sorted(one) == list(range(1, 24)) for one in passes)
    assert stream.take(1)[0].raw.startswith(b'["x question') and stream.lines == 23
    if block == 1:
        assert passes[0] == list(range(1, 24))
    else:
        assert passes[0] != passes[1] != list(range(1, 24)), "each pass has an order of its own"


@pytest.mark.parametrize("position", [0, 1, 9, 10, 22, 23, 24, 46, 60])
def test_a_stream_goes_on_from_any_place(tmp_path: Path, position: int) -> None:
    write_lines(tmp_path / "x.jsonl", pairs("x", 23))
    whole, resumed, back = (ShuffledLines(tmp_path / "x.jsonl", 5, seed=1, name="x") for _ in range(3))
    whole.take(position)
    resumed.seek(position)
    back.take(70)
    back.seek(position)
    expected = whole.take(40)
    assert resumed.take(40) == expected and back.take(40) == expected
    assert resumed.position == position + 40


def test_memory_holds_a_block_not_a_file(tmp_path: Path) -> None:
    write_lines(tmp_path / "x.jsonl.gz", pairs("x" * 1000, 5_000))  # 10 MB of text
    stream = ShuffledLines(tmp_path / "x.jsonl.gz", 50, seed=0, name="x")
    tracemalloc.start()
    for _ in range(100):
        stream.take(60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stream.lines == 5_000 and peak < 1_000_000


def test_a_broken_gzip_file_is_named_with_its_place(tmp_path: Path) -> None:
    texts = np.random.default_rng(0).integers(10**15, size=(20_000, 2)).astype(str).tolist()  # hardly compressible
    write_lines(tmp_path / "x.jsonl.gz", texts)
    whole = (tmp_path / "x.jsonl.gz").read_bytes()
    (tmp_path / "x.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"x\.jsonl\.gz is a broken gzip file after line [1-9]"):
        ShuffledLines(tmp_path / "x.jsonl.gz", 100, seed=0, name="x").take(20_000)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"x\.jsonl is empty"):
        ShuffledLines(tmp_path / "x.jsonl", 100, seed=0, name="x").take(1)


# ------------------------------------------------------------------------------------------------ mixture


def origin(row: Row) -> str:
    return row.first.split()[0]


def test_a_pair_stays_together(tmp_path: Path) -> None:
    for row in mixture(tmp_path)[3]:
        assert row.second == row.first.replace("question", "answer")


@pytest.mark.parametrize(("parts", "mixed"), [(1, 0.0), (2, 0.375), (8, 1 - 0.75**8 - 0.25**8)])
def test_batches_are_of_as_many_data_sets_as_asked_for(tmp_path: Path, parts: int, mixed: float) -> None:
    drawing = mixture(tmp_path, datasets_per_batch=parts)
    batches = [Counter(map(origin, drawing[step])) for step in range(200)]
    assert all(sum(batch.values()) == 8 for batch in batches)
    share = np.mean([len(batch) == 2 for batch in batches])
    assert abs(share - mixed) <= 4 * np.sqrt(mixed * (1 - mixed) / 200)


@pytest.mark.parametrize("parts", [1, 8])
def test_data_sets_are_drawn_by_weight_and_the_report_says_so(tmp_path: Path, parts: int) -> None:
    drawing = mixture(tmp_path, datasets_per_batch=parts)
    counted = Counter(origin(row) for step in range(300) for row in drawing[step])
    report = drawing.report(300)
    assert {source.name[0]: source.drawn for source in report.sources} == counted
    assert [source.expected for source in report.sources] == [1800, 600]
    assert all(abs(source.standard_errors) < 4 for source in report.sources)
    assert [source.lines_found for source in report.sources] == [40, 25]
    assert report.sources[0].passes == pytest.approx(counted["a"] / 40)
    assert "a.jsonl.gz" in str(report) and json.loads(json.dumps(asdict(report)))["rows"] == 2400


def test_any_step_can_be_asked_for_and_gives_the_same(tmp_path: Path) -> None:
    """Sets and negatives are drawn again alike, too; so a resumed training sees what it would have seen."""
    data_sets: Spec = {
        "a.jsonl.gz": ([{"set": [f"a {i} {j}" for j in range(5)]} for i in range(30)], 2),
        "b.jsonl.gz": ([{"query": f"b {i}", "pos": ["x", "y"], "neg": ["u", "v", "w"]} for i in range(20)], 1),
    }
    settings = {"datasets_per_batch": 2, "block": 4, "seed": 5}
    in_order = mixture(tmp_path, data_sets, **settings)
    whole = [in_order[step] for step in range(40)]
    resumed = mixture(tmp_path, data_sets, **settings)
    assert [resumed[step] for step in range(23, 40)] == whole[23:]
    assert [resumed[step] for step in (7, 0, 39)] == [whole[step] for step in (7, 0, 39)]
    assert mixture(tmp_path, data_sets, **settings | {"seed": 6})[0] != whole[0]


def test_a_bad_line_is_named_with_file_line_and_value(tmp_path: Path) -> None:
    rows: list[Any] = [*pairs("a", 5), ["only one text"], *pairs("a", 4)]
    with pytest.raises(ValueError, match=r"a\.jsonl\.gz, line 6: a row needs two texts, it has 1: .*only one text"):
        mixture(tmp_path, {"a.jsonl.gz": (rows, 1)}, batch_size=10)[0]


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    drawing = mixture(tmp_path, {"a.jsonl": (pairs("a", 5), 1)}, batch_size=5)
    (tmp_path / "a.jsonl").write_bytes(b'["a", "b"]\n{"texts": [\n')
    with pytest.raises(ValueError, match=r"a\.jsonl, line 2: not JSON \(Expecting value at column 12\): '.\"texts"):
        drawing[0]


def test_bad_lines_that_are_skipped_are_counted_and_shown(tmp_path: Path) -> None:
    rows: list[Any] = [*pairs("a", 5), ["only one text"], *pairs("a", 4)]
    drawing = mixture(tmp_path, {"a.jsonl.gz": (rows, 1)}, batch_size=10, block=100, bad_rows="skip")
    sizes = [len(drawing[step]) for step in range(2)]
    source = drawing.report(2).sources[0]
    assert sum(sizes) == 20 - source.left_out and source.left_out >= 1
    assert "line 6: a row needs two texts" in source.reasons[0] and "line 6" in str(drawing.report(2))


def test_a_file_with_other_lines_than_said_is_in_the_report(tmp_path: Path) -> None:
    drawing = mixture(tmp_path)
    write_lines(tmp_path / "b.jsonl.gz", pairs("b", 12))
    for step in range(30):
        drawing[step]
    assert "the file has 12 lines, not 25" in str(drawing.report(30))


# ------------------------------------------------------------------------------------------ configuration


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "data_config.json is not JSON"),
        ("{}", "must hold a list"),
        ('[{"name": "a.jsonl"}]', 'entry 1 must have "name", "lines" and "weight"'),
        ('[{"name": 3, "lines": 5, "weight": 1}]', "entry 1: name must be a file's name, not 3"),
        ('[{"name": "a", "lines": 0, "weight": 1}]', r"entry 1 \(a\): lines must be a whole number.* not 0"),
        ('[{"name": "a", "lines": 5, "weight": -1}]', r"entry 1 \(a\): weight must be a number above 0, not -1"),
        ('[{"name": "a", "lines": 5, "weight": NaN}]', r"weight must be a number above 0, not nan"),
        (
            '[{"name": "a", "lines": 5, "weight": 1}, {"name": "a", "lines": 5, "weight": 2}]',
            "'a' stands there 2 times",
        ),
        ('[{"name": "a", "lines": 5, "weight": 1}]', "1 of 1 files are not in .*: a; name their folder"),
    ],
)
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "data_config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_data_config(tmp_path / "data_config.json")


def test_the_files_may_be_elsewhere(tmp_path: Path) -> None:
    config = write_config(tmp_path / "files", {"sub/a.jsonl.gz": (pairs("a", 3), 2)})
    moved = config.rename(tmp_path / "data_config.json")
    (source,) = read_data_config(moved, tmp_path / "files")
    assert (source.name, source.lines, source.weight) == ("sub/a.jsonl.gz", 3, 2.0) and source.path.is_file()


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    data_sets = {"a.jsonl.gz": (2, [["Größe", "b"]] * 3), "b.jsonl": (1, [["c", "d"]])}
    config = write_data_config(tmp_path / "new", data_sets)
    sources = read_data_config(config)
    assert [source.name for source in sources] == list(data_sets)
    assert [(source.lines, source.weight) for source in sources] == [(3, 2), (1, 1)]
    rows = [row for step in range(3) for row in Mixture(sources[:1], batch_size=2)[step]]
    assert set(rows) == {Row("Größe", "b")}
    with pytest.raises(ValueError, match="must be a file's, such as 'facts.jsonl.gz', not '../a.jsonl'"):
        write_data_config(tmp_path, {"../a.jsonl": (1, [["a", "b"]])})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 1}, "batch_size must be a whole number of at least 2, not 1"),
        ({"datasets_per_batch": 9}, "between 1 and batch_size, not 9"),
        ({"bad_rows": "ignore"}, "bad_rows must be one of 'stop', 'skip', not 'ignore'"),
        ({"block": 0}, "block must be a whole number of at least 1, not 0"),
        ({"most_negatives": -1}, "most_negatives must be a whole number of at least 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mixture(tmp_path, **settings)


# ------------------------------------------------------------------------------------------------ batches


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    config = SpaceTimeConfig(
        conditioning="none",
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_length=6,
    )
    return SpaceTimeEncoder(SpaceTimeMiniLM(config), load_tokenizer(), device="cpu")


def test_a_batch_holds_first_texts_second_texts_and_negatives(tmp_path: Path, encoder: SpaceTimeEncoder) -> None:
    rows: list[Any] = [["rain", "wet rain"], ["snow", "white snow", "black coal"], ["rain", "the sun, for long hours"]]
    drawing = mixture(tmp_path, {"a.jsonl": (rows, 1)}, batch_size=3, block=1)
    batch = MixtureBatches(drawing, encoder)[0]
    decoded = encoder.tokenizer.batch_decode(batch["input_ids"], skip_special_tokens=True)
    assert decoded[:5] == ["rain", "snow", "rain", "wet rain", "white snow"] and decoded[6] == "black coal"
    assert batch["input_ids"].shape == (7, 6), "cut at the encoder's own length"
    first, second, negative = (batch[f"{name}_texts"] for name in ("first", "second", "negative"))
    assert first[0] == first[2] != first[1] and len(second) == 3 and len(negative) == 1
    assert len(set(torch.cat((first, second, negative)).tolist())) == 6


def test_processes_share_a_batch_out_among_them(tmp_path: Path, encoder: SpaceTimeEncoder) -> None:
    whole = MixtureBatches(mixture(tmp_path), encoder)[2]["first_texts"].tolist()
    parts = [MixtureBatches(mixture(tmp_path), encoder).share(2, rank, 3)["first_texts"].tolist() for rank in range(3)]
    assert [len(part) for part in parts] == [3, 3, 2]
    assert sorted(sum(parts, [])) == sorted(whole)


def test_the_published_configuration_is_read() -> None:
    """The `data_config.json` that comes with all-MiniLM-L6-v2; its files are not here."""
    with pytest.raises(ValueError, match="290 of 290 files are not in"):
        read_data_config(find_plain_weights() / "data_config.json")
