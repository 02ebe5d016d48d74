"""The command line: exit codes, one-line errors, results on stdout, and the same defaults as the functions it calls."""

import argparse
import ast
import csv
import dataclasses
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spacetime.corpus
import spacetime.training
from spacetime import cli
from spacetime.cli import _parser, main
from spacetime.encoder import SpaceTimeEncoder
from spacetime.folders import LOCK, sole_writer


def write_corpus(path: Path, rows: Sequence[tuple[str, ...]], header: str = "text,month,region,date") -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep checked corpora out of the reader's own cache."""
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two years of made-up days in two regions."""
    weather = ["rain", "snow", "fog", "sun", "wind", "hail", "frost"]
    rows = [
        (f"{weather[(day + month) % 7]} and {weather[day % 5]} in {place} on day {day}", f"{year}-{month:02}", place,
         f"{year}-{month:02}-{day:02}")
        for year in (2019, 2020) for month in range(1, 13) for day in range(1, 25, 2) for place in ("UK", "US")
    ]  # fmt: skip
    return write_corpus(tmp_path / "corpus.csv", rows)


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Every command that does something, by its words."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                below = commands(sub.with_options())
                found |= {f"{name} {words}": one for words, one in below.items()} if below else {name: sub}
    return found


COMMANDS = commands(cli._parser())


# --- help, and errors as such ------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS)
def test_every_commands_help_has_examples_of_itself(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([*words.split(), "--help"])
    assert exit_.value.code == 0
    assert f"spacetime {words}" in capsys.readouterr().out.split("examples:")[1]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_example_can_be_parsed(words: str) -> None:
    for line in (COMMANDS[words].epilog or "").splitlines():
        if "spacetime " in line:
            cli._parser().parse_args(shlex.split(line.split("spacetime ", 1)[1].split(" < ")[0]))


@pytest.mark.parametrize(
    "arguments", [[], ["dta"], ["data"], ["data", "check"], ["encode", "x"], ["data", "check", "x", "--mont", "y"]]
)
def test_a_misused_command_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    said = capsys.readouterr().err
    assert exit_.value.code == 2 and said.startswith("spacetime: error: ") and said.count("\n") == 1


@pytest.mark.parametrize("words", COMMANDS)
def test_an_unknown_option_points_to_the_help_of_its_command(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = next(line for line in (COMMANDS[words].epilog or "").splitlines() if f"spacetime {words}" in line)
    with pytest.raises(SystemExit):
        main([*shlex.split(line.split("spacetime ", 1)[1].split(" < ")[0]), "--no-such-option"])
    assert capsys.readouterr().err == (
        f"spacetime: error: unrecognized arguments: --no-such-option (see: spacetime {words} --help)\n"
    )


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["data", "check", str(tmp_path / "nothing.csv")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("spacetime: error: ") and "nothing.csv" in said and said.count("\n") == 1


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["data", "check", str(tmp_path / "nothing.csv"), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("month"), "spacetime: error: KeyError: 'month' (--debug shows where)\n"),
        (ValueError("two\n  lines"), "spacetime: error: two lines\n"),
        (FileNotFoundError(2, "No such file or directory", "x.csv"), "spacetime: error: x.csv: No such file"),
        (ModuleNotFoundError("No module named 'holidays'", name="holidays"), "the package 'holidays' is missing"),
    ],
)
def test_what_an_error_says(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(spacetime.corpus, "load_corpus", fail)
    assert main(["data", "check", "x.csv"]) == 2
    assert said in capsys.readouterr().err


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(spacetime.corpus, "load_corpus", interrupt)
    assert main(["data", "check", "x.csv"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_has_seen_enough_is_no_error(corpus: Path) -> None:
    command = f"{sys.executable} -m spacetime.cli data check {corpus} --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == "" and done.returncode == 0


# --- data check --------------------------------------------------------------------------------------


def test_a_good_corpus_is_exit_code_0(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(corpus)]) == 0
    assert "576 rows, 576 kept, 0 rejected" in capsys.readouterr().out


def test_a_region_that_is_no_known_country_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_corpus(tmp_path / "some.csv", [("fine", "2019-01", "UK", ""), ("far", "2019-01", "Ruritania", "")])
    assert main(["data", "check", str(path)]) == 0
    assert "not known as a country, kept as regions of their own: Ruritania (" in capsys.readouterr().err
    assert main(["data", "check", str(write_corpus(path, [("fine", "2019-01", "UK", "")]))]) == 0
    assert capsys.readouterr().err == ""


def test_rejected_rows_are_exit_code_1_and_each_is_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("fine", "2019-01", "UK", ""), *[(f"bad {n}", "2019-13", "UK", "") for n in range(50)]]
    path = write_corpus(tmp_path / "some.csv", rows)
    assert main(["data", "check", str(path), "--rejects", str(tmp_path / "rejects.csv")]) == 1
    page, said = capsys.readouterr()
    assert [n for n in range(2, 22) if f"row {n} " not in page] == []
    assert "... and 30 more" in page and "row 22 " not in page
    assert f"each with its reason: {tmp_path / 'rejects.csv'}" in said
    assert "--any-spelling" not in said, "it would not help"
    assert len((tmp_path / "rejects.csv").read_text().splitlines()) == 51


def test_every_command_that_reads_files_can_be_told_whether_the_day_comes_first() -> None:
    reading = ["data check F", "run F --output O", "index F --output O", "encode F --output O.npy", "evaluate M F"]
    training = ["train stage1 F --output O", "train stage2 F --from M --output O"]
    for command in [*reading, *training]:
        for first, other in (("day_first", "month_first"), ("month_first", "day_first")):
            options = vars(_parser().parse_args([*command.split(), f"--{first.replace('_', '-')}"]))
            assert (options[first], options[other]) == (True, False)


def test_what_was_decided_for_a_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = [
        (f"Le gouvernement annonce la loi numéro {n} hier soir", f"{n:02d}/05/2019", "NA", "") for n in range(1, 32)
    ]
    path = write_corpus(tmp_path / "some.csv", [*days, ("It snows in Kent", "03/05/2019", "UK", "")])
    assert main(["data", "check", str(path), "--any-spelling"]) == 0
    page = capsys.readouterr().out
    assert (
        "months (1):\n  2019  05: 32" in page and "read day first, as others must be ('13/05/2019' in row 13)" in page
    )
    assert "'NA' counts as missing (31 rows)" in page
    assert "31 of 32 rows seem to be in another language" in page
    assert main(["index", str(path), "--any-spelling", "--model", "plain", "--output", str(tmp_path / "index")]) == 0
    said = capsys.readouterr().err
    assert "read day first" in said and "another language" in said
    assert main(["data", "check", str(path), "--month-first"]) == 0
    assert "05: 2" in capsys.readouterr().out, "03/05 is another month than 05/03 then"


def test_a_date_that_nothing_settles_names_the_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_corpus(tmp_path / "some.csv", [("It snows", "03/04/2019", "UK", ""), ("fine", "2019-01", "UK", "")])
    assert main(["data", "check", str(path), "--any-spelling"]) == 1
    page, said = capsys.readouterr()
    assert "could be 2019-03 or 2019-04; write it as YYYY-MM-DD, or give --day-first or --month-first; no other" in page
    assert "--any-spelling" not in said
    assert main(["data", "check", str(path), "--any-spelling", "--strict"]) == 2
    assert "give --day-first or --month-first; no other row settles it" in capsys.readouterr().err


def test_a_file_that_cannot_be_used_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_corpus(tmp_path / "some.csv", [("fine", "2019-01")], header="text,month")
    assert main(["data", "check", str(path)]) == 2
    assert "no column 'region'" in capsys.readouterr().err


def test_strict_stops_at_the_first_bad_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_corpus(tmp_path / "some.csv", [("fine", "2019-01", "UK", ""), ("bad", "2019-13", "UK", "")])
    assert main(["data", "check", str(path), "--strict"]) == 2
    assert "row 2" in capsys.readouterr().err


def test_a_stopped_training_says_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("course.own.running.run_corpus", stop)
    assert main(["run", "x.csv", "--output", str(tmp_path / "out")]) == 130
    assert "the same command goes on from the newest checkpoint" in capsys.readouterr().err


def test_columns_months_and_regions_are_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("a", "2019-01", "GB"), ("b", "2019-02", "NZ"), ("c", "2022-01", "GB")]
    path = write_corpus(tmp_path / "posts.csv", rows, header="body,created,country")
    named = ["--text", "body", "--month", "created", "--region", "country"]
    wanted = ["--months", "2019-01..2021-12", "--regions", "UK,US", "--outside", "skip"]
    assert main(["data", "check", str(path), *named, *wanted, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["kept"], report["outside"], report["by_region"]) == (1, 2, {"UK": 1})


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--months", "2017-01", "--months '2017-01' is not of the form 2017-01..2021-12"),
        ("--months", "2021-12..2017-01", "2021-12"),
        ("--months", "2017-13..2018-01", "2017-13"),
        ("--regions", "UK,GB", "GB"),
        ("--regions", "UK,", "region"),
    ],
)
def test_a_range_or_a_set_that_is_none_is_named(
    corpus: Path, option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(corpus), option, value]) == 2
    assert message in capsys.readouterr().err


READERS = ["data check", "run", "index", "encode", "locate", "train stage1", "train stage2", "evaluate"]


@pytest.mark.parametrize("words", READERS)
def test_every_command_that_reads_a_file_can_be_told_the_same_about_it(words: str) -> None:
    def reading(words: str) -> set[str]:
        group = next(g for g in COMMANDS[words]._action_groups if g.title == "corpus")
        return {option for action in group._group_actions for option in action.option_strings}

    assert {"--text", "--month", "--no-month", "--region", "--no-region", "--any-spelling"} <= reading(words)


@pytest.mark.parametrize(
    ("header", "rows", "given"),
    [
        ("headline", [("A new lockdown begins.",)], ["--no-month", "--no-region"]),
        ("headline,country", [("A new lockdown begins.", "UK")], ["--no-month", "--region", "country"]),
        ("headline,month", [("A new lockdown begins.", "no month at all")], ["--no-month", "--no-region"]),
    ],
)
def test_a_file_without_months_or_regions_is_read_when_that_is_said(
    header: str, rows: list[tuple[str, ...]], given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_corpus(tmp_path / "news.csv", rows, header))
    named = [path, "--text", "headline", *given]
    assert main(["data", "check", *named]) == 0
    assert "no month 1" in capsys.readouterr().out
    assert main(["encode", *named, "--output", str(tmp_path / "x.npy"), "--dtype", "float32"]) == 0
    region = "UK" if "country" in header else None
    expected = SpaceTimeEncoder.load().encode(["A new lockdown begins."], None, region)
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), expected, atol=0.03)
    assert main(["index", *named, "--output", str(tmp_path / "index")]) == 0
    assert main(["search", str(tmp_path / "index"), "staying at home"]) == 0
    assert "A new lockdown begins." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("header", "row"), [("headline", ("A new lockdown begins.",)), ("headline,month", ("A new lockdown begins.", "?"))]
)
def test_labels_given_for_all_rows_take_the_place_of_columns(header: str, row: tuple[str, ...], tmp_path: Path) -> None:
    path = str(write_corpus(tmp_path / "news.csv", [row], header))
    given = ["--in-month", "2020-03", "--in-region", "UK", "--precision", "float32", "--dtype", "float32"]
    assert main(["encode", path, "--text", "headline", *given, "--output", str(tmp_path / "x.npy")]) == 0
    expected = SpaceTimeEncoder.load().encode(["A new lockdown begins."], "2020-03", "UK")
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), expected, atol=1e-5)


PYTHONS_OWN = re.compile(r"\b[a-z_]+=|\b(?<!\.)[a-z]+_[a-z_]+\b|[A-Z]\w+\(|[a-z][A-Z]|\bNone\b|datetime|pandas|numpy")


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("text,month,region\na,5/26/17,UK\nb,5/27/17,UK\nc,,UK\n", ["data", "check"], "the first: row 1 (line 2)"),
        ("text,month,region\na,5/26/17,UK\nb,5/27/17,UK\n", ["data", "check"], "give 'YYYY-MM' or 'YYYY-MM-DD'"),
        ("text,month,region\na,,UK\n", ["data", "check"], "give --no-month, or the model's own with --months FIRST"),
        ("text,month,region\na,2019-01,\n", ["data", "check"], "give --no-region, or the model's own with --regions"),
        ("headline\na\n", ["data", "check"], "say which one it is with --text COLUMN"),
        ("text,region\na,UK\n", ["data", "check"], "with --month COLUMN, or that there is none with --no-month"),
        ("text,x\na,UK\n", ["data", "check", "--month", ""], "--month '' must be the name of a column (or --no-month"),
        ("text,x\na,UK\n", ["data", "check", "--month", "x", "--region", "x"], "--month 'x', --region 'x' must be"),
        ("text,month,region\n" + "a" * 100_001 + ",,UK\n", ["data", "check"], "at most 100,000 are allowed (all"),
        (
            "text,month,region\na,2019-01,UK\n",
            ["data", "check", "--months", "..2019-01"],
            "a range of months needs a month",
        ),
        ("text,month,region\na,2019-01,UK\n", ["data", "check", "--rejects", "."], "--rejects '.' is a directory"),
        ("text,month,region\na,2019-01,UK\n", ["index", "--batch-size", "0", "--output", "ix"], "--batch-size must"),
        ("text,month,region\na,2019-01,UK\n", ["index", "--batch-size", "0", "--output", "ix"], "--batch-size must be"),
        (
            "text,month,region\na,2019-01,UK\n",
            ["train", "stage1", "--validation", ".6", "--test", ".6", "--output", "out"],
            "--validation 0.6 and --test 0.6 leave nothing to train on",
        ),
        (
            "text,month,region\na,2019-01,UK\n",
            ["train", "stage1", "--near-duplicates", "2", "--output", "out"],
            "--near-duplicates 2.0 must be more than 0 and at most 1, or none",
        ),
    ],
)
def test_an_error_names_options_and_nothing_of_python(
    content: str,
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("news.csv").write_text(content)
    words = 1 if arguments[0] == "index" else 2
    assert main([*arguments[:words], "news.csv", *arguments[words:]]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert said in line
    assert PYTHONS_OWN.findall(line.replace(str(tmp_path), "")) == []


@pytest.mark.parametrize(
    ("words", "message", "said"),
    [
        ("search", "k=0 must be a whole number", "-k 0 must be a whole number"),
        ("search", "half_life counts months; give a month, or leave half_life out", "--half-life counts months; give a "
         "month, or leave --half-life out"),
        ("run", "go on with it (resume=True), delete it first (overwrite=True)", "go on with it (--resume), delete it "
         "first (--overwrite)"),
        ("train stage1", "no row has a month; give by='hash'", "no row has a month; give --split 'hash'"),
        ("train stage1", "no date in 'batch_size=1' of /x/batch_size.csv", "no date in 'batch_size=1' of "
         "/x/batch_size.csv"),
        ("encode", "the month or the region of batch_size.csv, k=1", "the month or the region of batch_size.csv, k=1"),
    ],
)  # fmt: skip
def test_what_a_user_wrote_is_never_put_into_other_words(words: str, message: str, said: str) -> None:
    assert cli.in_options(message, COMMANDS[words]) == said


@pytest.mark.parametrize(
    "module",
    ["corpus/loading.py", "corpus/reading.py", "corpus/splits.py", "../notebooks/course/own/rows.py"],
)
def test_no_message_about_a_file_keeps_python_in_it(module: str) -> None:
    """Every message that these modules raise, put into the words of `run`, `train stage1` and `data check`."""
    messages = []
    for node in ast.walk(ast.parse((Path(cli.__file__).parent / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            texts = [part for part in ast.walk(node.exc) if isinstance(part, ast.JoinedStr)]
            for text in texts:
                parts = [part.value if isinstance(part, ast.Constant) else "'x'" for part in text.values]
                messages.append("".join(str(part) for part in parts))
    assert messages
    for message in messages:
        for words in ("run", "train stage1", "data check"):
            message = cli.in_options(message, COMMANDS[words])
        if not message.startswith("max_characters="):  # no command can set it
            message = re.sub(r"SpaceTimeIndex.build.*", "", message)
            assert PYTHONS_OWN.findall(message) == [], message


def hints(text: str) -> list[list[str]]:
    """Every command that a page or an error names, as words."""
    return [shlex.split(found) for found in re.findall(r"\bspacetime ((?:index|search|run|train|data) .*)", text)]


@pytest.mark.parametrize("name", ["news.csv", "my news & more's.csv"])
@pytest.mark.parametrize(
    ("header", "row", "options"),
    [
        ("headline,date,country", ("It snows {}.", "2019-01-02", "UK"), ["--month", "date", "--region", "country"]),
        ("headline,the date,country", ("It snows {}.", "Jan 2019", "uk"), ["--month", "the date", "--region=country"]),
        ("headline,country", ("It snows {}.", "UK"), ["--no-month", "--region", "country"]),
        ("headline", ("It snows {}.",), ["--no-month", "--no-region"]),
        ("headline,date,country", ("It snows {}.", "2019-01-02", "UK"), ["--month", "date", "--region", "country",
         "--months", "2018-01..2019-12", "--regions", "UK,US"]),
    ],
)  # fmt: skip
def test_the_command_that_a_refused_run_gives_can_be_pasted(
    name: str,
    header: str,
    row: tuple[str, ...],
    options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "in a folder").mkdir()
    monkeypatch.chdir(tmp_path)
    rows = [tuple(value.format(number) for value in row) for number in range(12)]
    path = write_corpus(Path("in a folder") / name, rows, header)
    assert main(["run", str(path), "--text", "headline", *options, "--output", "my out"]) == 2
    (hint,) = hints(capsys.readouterr().err)
    assert hint[:2] == ["index", str(path)]
    assert main(hint) == 0
    assert main(["search", hint[-1], "snow", "-k", "1"]) == 0
    assert "It snows" in capsys.readouterr().out


@pytest.mark.parametrize("row", [("A new lockdown begins.",), ("It snows.", "03/04/2019", "Narnia")])
def test_the_plain_model_needs_no_months_and_no_regions(
    row: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_corpus(tmp_path / "news.csv", [row], ",".join(["headline", "month", "region"][: len(row)])))
    named = [path, "--text", "headline", "--model", "plain", "--output"]
    assert main(["encode", *named, str(tmp_path / "x.npy"), "--dtype", "float32"]) == 0
    expected = SpaceTimeEncoder.load("plain").encode([row[0]])
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), expected, atol=0.03)
    if len(row) == 1:
        assert main(["index", *named, str(tmp_path / "index")]) == 0
        assert "has no column 'month', so no row has a month" in capsys.readouterr().err


def test_a_column_that_is_named_must_be_there_whatever_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_corpus(tmp_path / "news.csv", [("A new lockdown begins.",)], "headline"))
    named = ["--text", "headline", "--month", "date", "--model", "plain"]
    assert main(["index", path, *named, "--output", str(tmp_path / "index")]) == 2
    assert "has no column 'date'; it has 'headline'" in capsys.readouterr().err


# --- encode and locate -------------------------------------------------------------------------------


def test_encode_writes_a_row_for_each_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lines.txt").write_text("It snows.\nIt rains.\n")
    command = ["encode", str(tmp_path / "lines.txt"), "--output", str(tmp_path / "x.npy"), "--in-month", "2020-03"]
    assert main(command) == 0
    embeddings = np.load(tmp_path / "x.npy")
    assert embeddings.shape == (2, 384) and embeddings.dtype == np.float32
    assert "2 x 384 float32" in capsys.readouterr().out


def test_encode_reads_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"It snows.\n")))
    assert main(["encode", "-", "--output", str(tmp_path / "x.npy")]) == 0
    assert np.load(tmp_path / "x.npy").shape == (1, 384)


def test_encode_takes_a_corpus_with_its_months_and_regions(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "some.csv", [("a", "2019-01", "GB", ""), ("b", "", "US", "")])
    assert main(["encode", str(path), "--output", str(tmp_path / "x.npy")]) == 0
    assert np.load(tmp_path / "x.npy").shape == (2, 384)


def test_the_plain_model_encodes_rows_of_any_month_and_region(tmp_path: Path) -> None:
    path = write_corpus(
        tmp_path / "some.csv", [("It snows.", "1999-01", "FRA", ""), ("Rain.", "1999-02", "Narnia", "")]
    )
    assert (
        main(["encode", str(path), "--model", "plain", "--output", str(tmp_path / "x.npy"), "--dtype", "float32"]) == 0
    )
    expected = SpaceTimeEncoder.load("plain").encode(["It snows.", "Rain."])
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), expected, atol=1e-5)


def test_encode_writes_over_no_array(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.npy").write_bytes(b"kept")
    assert main(["encode", str(corpus), "--output", str(tmp_path / "x.npy")]) == 2
    assert "x.npy is there already; delete it, or give another --output" in capsys.readouterr().err
    assert (tmp_path / "x.npy").read_bytes() == b"kept"


def test_encode_takes_sentences(tmp_path: Path) -> None:
    command = ["encode", "It snows.", "Rain, says the forecast.", "--in-month", "2020-03"]
    assert main([*command, "--output", str(tmp_path / "x.npy")]) == 0
    expected = SpaceTimeEncoder.load().encode(["It snows.", "Rain, says the forecast."], "2020-03")
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("news.csv", "headline,when\nVoters in New South Wales choose.,?\nIt snows.,\n", ["--text", "headline"]),
        ("news.jsonl", '{"text": "Voters in New South Wales choose."}\n{"text": "It snows."}\n', []),
        ("news.txt", "Voters in New South Wales choose.\nIt snows.\n", []),
    ],
)
def test_locate_reads_the_files_that_encode_reads(
    name: str, content: str, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content)
    assert main(["locate", str(tmp_path / name), *options, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["text"] for row in rows] == ["Voters in New South Wales choose.", "It snows."]
    assert next(iter(rows[0]["regions"])) == "AUS"


@pytest.mark.parametrize("command", [["encode", "--output", "x.npy"], ["locate"]])
@pytest.mark.parametrize("texts", [[""], ["  "], ["It snows.", ""]])
def test_an_empty_text_is_an_error(command: list[str], texts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command[0], *texts, *command[1:]]) == 2
    assert "an empty text was given" in capsys.readouterr().err


def test_locate_takes_no_misspelt_file_for_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("nothing.csv", "nothing.txt", "nothing"):
        assert main(["locate", str(tmp_path / name)]) == 2
        assert name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["corpus.csv"], "corpus.csv"),  # a file that is not there is no sentence
        (["my corpus.csv"], "my corpus.csv"),
        (["sentences.txt"], "sentences.txt"),
        (["It snows.", "snow"], "'snow' is neither one file nor a sentence"),
        (["It snows.", "--month", "2020-03"], "--month '2020-03' names a column, and sentences have none; --in-month"),
    ],
)
def test_encode_takes_no_wrong_name_for_a_sentence(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encode", *arguments, "--output", str(tmp_path / "x.npy")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "x.npy").exists()


@pytest.mark.parametrize(
    ("content", "name", "output", "message"),
    [
        ("one\n\nthree\n", "x.txt", "x.npy", "line 2 is empty"),
        ("", "x.txt", "x.npy", "no sentences"),
        ("one\n", "x.txt", "x.txt", "must end in .npy"),
        ("text,month,region\na,2019-01,UK\nb,2031-01,UK\n", "x.csv", "x.npy", "month '2031-01' is outside"),
    ],
)
def test_encode_names_what_is_wrong(
    tmp_path: Path, content: str, name: str, output: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content)
    assert main(["encode", str(tmp_path / name), "--output", str(tmp_path / output)]) == 2
    assert message in capsys.readouterr().err


def test_locate_shows_the_most_likely_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locate", "The clocks go forward.", "It snows.", "--json", "--top", "3"]) == 0
    shown = capsys.readouterr()
    rows = json.loads(shown.out)
    assert [row["text"] for row in rows] == ["The clocks go forward.", "It snows."]
    found = list(rows[0]["months"].values())
    assert len(found) == 3 and found == sorted(found, reverse=True)
    assert shown.err == ""  # the released model's locator was trained: nothing to warn of


def test_the_plain_model_cannot_locate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locate", "Rain in Kent.", "--model", "plain"]) == 2
    assert "never trained to locate" in capsys.readouterr().err


def test_rejected_rows_come_with_their_file_and_with_the_option_that_takes_more(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with corpus.open("a", encoding="utf-8") as file:
        file.write("Late frost in Kent,Nov 2019,UK,2019-11-02\n")
    index = ["index", str(corpus), "--model", "plain", "--output"]
    assert main([*index, str(tmp_path / "strict")]) == 0
    said = capsys.readouterr().err
    assert "the first rejected row: row " in said and "'Nov 2019'" in said and "--any-spelling would read 1 of" in said
    assert main([*index, str(tmp_path / "folded"), "--any-spelling"]) == 0
    assert "rejected rows" not in capsys.readouterr().err


def test_locate_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locate", "It snows."]) == 0
    assert "regions" in capsys.readouterr().out


def test_a_folder_without_a_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locate", "It snows.", "--model", str(tmp_path / "nothing")]) == 2
    assert str(tmp_path / "nothing") in capsys.readouterr().err


# --- train and evaluate ------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_every_training_option_can_be_given(stage: str) -> None:
    offered = {action.dest for action in COMMANDS[f"train {stage}"]._actions}
    assert {field.name for field in dataclasses.fields(spacetime.training.TrainingOptions)} - offered == set()


@pytest.mark.parametrize(("words", "recipe"), [("stage1", "STAGE1"), ("stage2", "STAGE2"), ("plain", "PLAIN")])
def test_help_says_the_recipes_own_defaults(words: str, recipe: str) -> None:
    """They are read from the source, as importing it takes seconds; here it is imported."""
    options = {action.dest: str(action.help) for action in COMMANDS[f"train {words}"]._actions}
    for name, value in dataclasses.asdict(getattr(spacetime.training, recipe)).items():
        if name in options and value is not None and not isinstance(value, bool):
            assert options[name].endswith(f" (default: {value})")


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_says_what_it_does(words: str) -> None:
    assert [action.dest for action in COMMANDS[words]._actions if len(action.help or "") < 5] == []


def test_what_is_not_given_keeps_the_stages_recipe() -> None:
    options = cli._parser().parse_args(["train", "stage1", "x.csv", "--output", "y", "--epochs", "3"])
    expected = dataclasses.replace(spacetime.training.STAGE1, epochs=3)
    assert cli._training_options(options, spacetime.training.STAGE1) == expected


def test_a_model_is_not_evaluated_on_another_split_of_its_corpus(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("text,month,region\n" + "".join(f"Rain {i}.,2019-0{1 + i % 9},UK\n" for i in range(40)))
    made = {"corpus": "news.csv", "split": {"by": "hash", "seed": 0}}
    (tmp_path / "training.json").write_text(json.dumps(made))

    def split(*more: str) -> dict[str, Any]:
        words = ["evaluate", str(tmp_path / "model"), str(path), *more]
        options = cli._parser().parse_args(words)
        made: dict[str, Any] = cli._split(options, cli._load_corpus(options), options.model)[1]["note"]
        return made

    assert split() == made
    with pytest.raises(cli.WithAdvice, match="was trained on another split of news.csv") as error:
        split("--split-seed", "1")
    assert split(*shlex.split(error.value.command)) == made


def test_train_and_evaluate_offer_one_split() -> None:
    def split_options(words: str) -> set[str]:
        group = next(g for g in COMMANDS[words]._action_groups if g.title == "split")
        return {action.dest for action in group._group_actions}

    assert split_options("train stage1") == split_options("train stage2") == split_options("evaluate")


@pytest.mark.parametrize(
    ("header", "by"),
    [
        ("text,month,region,date,template", "group"),
        ("text,month,region,date,x", "date"),
        ("text,month,region,x,y", "hash"),
    ],
)
def test_the_split_goes_by_what_the_corpus_has(
    tmp_path: Path, header: str, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"text {n}", "2019-01", "UK", f"2019-01-{n:02}", f"kind {n}") for n in range(1, 31)]
    options = cli._parser().parse_args(["evaluate", "x", str(write_corpus(tmp_path / "x.csv", rows, header))])
    cli._split(options, cli._load_corpus(options))
    assert f"split by {by}: " in capsys.readouterr().err


def test_a_corpus_goes_through_both_stages_to_its_evaluation(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, found = (str(tmp_path / name) for name in ("one", "two", "found"))
    shared = [str(corpus), "--near-duplicates", "none"]
    short = ["--max-steps", "2", "--batch-size", "4"]
    assert main(["train", "stage1", *shared, "--output", one, *short, "--conditioning", "late"]) == 0
    assert main(["train", "stage2", *shared, "--from", f"{one}/model", "--output", two, *short, "--pairs", "20"]) == 0
    capsys.readouterr()
    command = ["evaluate", f"{two}/model", *shared, "--pairs", "20", "--max-sentences", "40", "--output", found]
    assert main([*command, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert {"pairs", "decay", "locate"} <= set(metrics)
    assert (tmp_path / "found/report.md").exists()


def test_a_training_is_not_written_over(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/log.jsonl").write_text("")
    (tmp_path / "one/rejects.csv").write_text("row,line,column,value,reason\r\n")
    for command in (["stage1", str(corpus)], ["stage2", str(corpus), "--from", "released"], ["plain", "--config", "x"]):
        assert main(["train", *command, "--output", str(tmp_path / "one")]) == 2
        assert "already holds a training" in capsys.readouterr().err
    assert (tmp_path / "one/rejects.csv").exists(), "it tells of that training"


def test_a_training_into_a_folder_in_use_is_refused_before_anything_is_read(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spacetime.corpus, "load_corpus", lambda *_, **__: pytest.fail("the corpus is read"))
    with sole_writer(tmp_path / "one" / LOCK, "one"), ThreadPoolExecutor(1) as other:
        assert other.submit(main, ["train", "stage1", str(corpus), "--output", str(tmp_path / "one")]).result() == 2
    assert "another process is writing" in capsys.readouterr().err


def test_a_text_file_whose_columns_are_named_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("Text\tDay\nSnow fell.\t2019-01-31\nIt is hot.\t2019-07-01\n")
    named = ["--text", "Text", "--month", "Day", "--no-region"]
    assert main(["encode", str(tmp_path / "f.txt"), *named, "--output", str(tmp_path / "f.npy")]) == 0
    assert len(np.load(tmp_path / "f.npy")) == 2, "the header is no sentence"


def test_rejected_rows_are_written_beside_the_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_corpus(tmp_path / "some.csv", [("a", "2019-01", "UK", "2019-01-01"), ("b", "2019-13", "UK", "")])
    main(["train", "stage1", str(path), "--output", str(tmp_path / "one"), "--split", "hash", "--test", "2"])
    assert "2019-13" in (tmp_path / "one/rejects.csv").read_text()


def test_a_choice_is_listed_wherever_its_type_is_named() -> None:
    """`Precision` stands in spacetime/model/embedding.py, and `encode`, whose option it is, in spacetime/encoder.py."""
    assert cli.parameters("encoder.py SpaceTimeEncoder encode")["precision"]["choices"] == (
        "float32",
        "bfloat16",
        "auto",
    )
