"""Promises of `sts_table`: the standard evaluator's number, for every form of file, in a table."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacetime.cli import main
from spacetime.evaluation.similarity import read_sts_pairs, sts_table

PAIRS = [
    ("A dog runs.", "A dog is running.", 4.8),
    ("A dog runs.", "The bank is shut.", 0.2),
    ("Rain falls.", 'It rains, "hard".', 3.9),
    ("None", "Nothing at all", 2.5),
    ("The sun sets.", "The moon rises.", 1.8),
]


class Letters:
    """Vectors of letter counts: a model without weights."""

    def encode(self, sentences: Any, *args: Any, **options: Any) -> np.ndarray:
        alphabet = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[1.0 + text.lower().count(letter) for letter in alphabet] for text in sentences], np.float32)


def write_jsonl(path: Path) -> None:
    rows = [{"split": "test", "sentence1": a, "sentence2": b, "score": s} for a, b, s in PAIRS]
    with gzip.open(path, "wt") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def write_sick(path: Path) -> None:
    lines = ["pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\tSemEval_set"]
    lines += [f"{i}\t{a}\t{b}\t{s}\tNEUTRAL\tTEST" for i, (a, b, s) in enumerate(PAIRS)]
    lines += ["9\tLeft out.\tOf another split.\t1.0\tNEUTRAL\tTRAIN"]
    path.write_text("\n".join(lines) + "\n")


def test_the_number_is_the_standard_evaluators(tmp_path: Path) -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics.pairwise import paired_cosine_distances

    write_jsonl(tmp_path / "sts.jsonl.gz")
    first, second = (Letters().encode([pair[side] for pair in PAIRS]) for side in (0, 1))
    expected = spearmanr(1 - paired_cosine_distances(first, second), [pair[2] for pair in PAIRS]).statistic
    found = sts_table({"letters": Letters()}, {"STSB": tmp_path / "sts.jsonl.gz"})
    assert found.spearman["letters"]["STSB"] == pytest.approx(expected) and found.tasks == {"STSB": 5}


def test_sick_as_it_is_handed_out_gives_its_test_pairs(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "sts.jsonl.gz")
    write_sick(tmp_path / "SICK.txt")
    both = sts_table({"letters": Letters()}, {"SICK": tmp_path / "SICK.txt", "STS12": tmp_path / "sts.jsonl.gz"})
    assert list(both.tasks) == ["STS12", "SICK"] and both.tasks["SICK"] == 5
    assert both.spearman["letters"]["SICK"] == both.spearman["letters"]["STS12"]
    assert read_sts_pairs(tmp_path / "SICK.txt")["sentence2"][2] == 'It rains, "hard".'


def test_the_table_has_a_row_a_model_and_the_mean(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "sts.jsonl.gz")
    table = sts_table({"letters": Letters()}, {"STS12": tmp_path / "sts.jsonl.gz", "own": tmp_path / "sts.jsonl.gz"})
    number = f"{100 * table.spearman['letters']['own']:.2f}"
    assert table.to_markdown().splitlines() == [
        "| model | STS12 | own | mean |",
        "|---|---:|---:|---:|",
        f"| letters | {number} | {number} | {number} |",
        "| pairs | 5 | 5 |  |",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "a,b\n1,2\n", r"x\.csv.*sentence1"),
        ("x.jsonl", "{", r"x\.jsonl can't be read"),
        ("x.bin", "a", r"x\.bin can't be read: its name ends in '\.bin'"),
        ("x.csv", "sentence1,sentence2,score\na,b,1\nc,d,high\n", r"x\.csv \(STSB\): .*score 'high' in row 2"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        sts_table({"letters": Letters()}, {"STSB": tmp_path / name})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no STS file at .*none\.csv"):
        sts_table({"letters": Letters()}, {"STSB": tmp_path / "none.csv"})


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jsonl(tmp_path / "sts.jsonl.gz")
    assert main(["sts", "plain", "--task", f"STSB={tmp_path / 'sts.jsonl.gz'}"]) == 0
    assert "| plain | " in capsys.readouterr().out
    assert main(["sts", "plain", "--task", "STSB"]) == 2
    assert "--task 'STSB' is not of the form NAME=FILE" in capsys.readouterr().err
