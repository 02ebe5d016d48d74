"""Every malformed input ends in its own clear error: one line that names what was given and says what to do."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from spacetime.corpus import load_corpus, split_corpus
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

HEADER = "text,month,region\n"
GOOD = "The river rose.,2019-11,UK\n"
MONTHS = MonthRange("2017-01", "2021-12")
REGIONS = RegionSet(["UK", "US", "AUS", "CAN"])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))


def assert_clear(error: BaseException) -> None:
    """A message is one line of a length that a terminal can show, and no bare Python exception."""
    message = str(error)
    assert "\n" not in message
    assert 20 < len(message) < 600
    assert "Traceback" not in message


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def zipped(**files: str) -> bytes:
    """A zip of these files; `a_csv` stands for `a.csv`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PARQUET = parquet(text=["One."] * 1000, month=["2019-11"] * 1000, region=["UK"] * 1000)
LINE = '{"text": "One.", "month": "2019-11", "region": "UK"}\n'

# Files that cannot be used at all: name, content, what the error says. It always names the file.
FILES: dict[str, tuple[str, bytes, str]] = {
    "empty file": ("f.csv", b"", "is empty"),
    "only blank lines": ("f.csv", b"\n\n\r\n", "nothing but blank lines"),
    "header only": ("f.csv", HEADER.encode(), "has no rows"),
    "header and blank lines": ("f.csv", (HEADER + "\n\n").encode(), "has no rows"),
    "wrong columns": ("f.csv", b"body,when,where\na,2019-11,UK\n", "no column 'text'; it has 'body', 'when', 'where'"),
    "column name in capitals": ("f.csv", b"Text,month,region\na,2019-11,UK\n", "no column 'text'"),
    "duplicate header": (
        "f.csv",
        b"text,month,region,text\na,2019-11,UK,b\n",
        "'text' stands twice in the header, as columns 1 and 4",
    ),
    "unclosed quote in the header": ("f.csv", b'"text,month,region\na,2019-11,UK\n', "header line cannot be read"),
    "no good row": ("f.csv", (HEADER + ",2019-11,UK\n").encode(), "none of its 1 rows can be used; the first: row 1"),
    "no month in any row": ("f.csv", (HEADER + "a,,UK\n").encode(), "no row has a month"),
    "no region in any row": ("f.csv", (HEADER + "a,2019-11,\n").encode(), "no row has a region"),
    "text as region": (
        "f.csv",
        (HEADER + "".join(f"a,2019-11,place {i}\n" for i in range(1002))).encode(),
        "more than 1,000 different regions",
    ),
    "UTF-16 without mark": ("f.csv", (HEADER + GOOD).encode("utf-16-le"), "is not UTF-8 text"),
    "Latin-1 header": (
        "f.csv",
        b"text,month,r\xe9gion\na,2019-11,UK\n",
        "has no column 'region'; it has 'text', 'month', 'région'",
    ),
    "binary file": ("f.csv", bytes(range(256)) * 10, "is not UTF-8 text"),
    "old Mac line ends": ("f.csv", (HEADER + GOOD).replace("\n", "\r").encode(), "carriage return"),
    "truncated gzip": ("f.csv.gz", gzip.compress((HEADER + GOOD * 9999).encode())[:-12], "is truncated"),
    "gzip cut in its header": ("f.csv.gz", gzip.compress(b"x")[:5], "is truncated"),
    "not gzip": ("f.csv.gz", (HEADER + GOOD).encode(), "is not a sound gzip file"),
    "damaged gzip": (
        "f.jsonl.gz",
        (lambda data: data[:60] + b"\0\0\0\0" + data[64:])(gzip.compress(LINE.encode() * 99 + bytes(range(256)))),
        "is not a sound gzip file|is truncated",
    ),
    "JSON array that breaks off": ("f.json", f"[{LINE.strip()},".encode(), "breaks off after 1 rows"),
    "broken JSON array": ("f.json", f'[{LINE.strip()},\n{{"text": }}]'.encode(), r"in row 2 \(from line 2 on\)"),
    "JSON over several lines": ("f.json", b'{\n"text": ["a"]\n}', "one object on each line, or one array of objects"),
    "truncated zip": ("f.zip", zipped(f_csv=HEADER + GOOD)[:-30], "is not a sound zip file"),
    "zip of two files": ("f.zip", zipped(a_csv=HEADER, b_csv=HEADER), r"holds 2 files \(a.csv, b.csv\), not one"),
    "zip of something else": ("f.zip", zipped(a_pdf="%PDF"), "cannot tell the format"),
    "pointer of Git LFS": ("f.parquet", POINTER, "is a Git LFS pointer, .*git lfs pull"),
    "pointer of Git LFS, gzipped by name": ("f.csv.gz", POINTER, "is a Git LFS pointer, .*git lfs pull"),
    "no JSON at all": ("f.jsonl", (HEADER + GOOD).encode(), "has no usable line; the first: row 1"),
    "JSON lines without the keys": ("f.jsonl", b'{"body": "One."}\n', "has no column 'text'; it has 'body'"),
    "empty JSON lines": ("f.jsonl", b"\n\n", "has no rows"),
    "truncated Parquet": ("f.parquet", PARQUET[:-100], "is not a sound Parquet file"),
    "damaged Parquet": ("f.parquet", PARQUET[:4] + b"\xff" * 60 + PARQUET[64:], "is not a sound Parquet file"),
    "Parquet without a column": ("f.parquet", parquet(text=["a"], month=["2019-11"]), "has no column 'region'"),
    "Parquet without rows": ("f.parquet", parquet(text=[], month=[], region=[]), "has no rows"),
    "truncated Parquet in gzip": ("f.parquet.gz", gzip.compress(PARQUET)[:-9], "is truncated"),
    "unknown suffix": ("f.pdf", b"%PDF", "cannot tell the format from the name; allowed: .csv, .tsv"),
    "a workbook": ("f.xlsx", b"PK\x03\x04", "is an Excel workbook; save it as CSV UTF-8; allowed: .csv, .tsv"),
    "no suffix": ("corpus", (HEADER + GOOD).encode(), "cannot tell the format from the name"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path, case):
    name, content, message = FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_corpus(path)
    assert str(path) in str(caught.value)
    assert_clear(caught.value)


def test_a_directory_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(ValueError, match="is a directory; give one file"):
        load_corpus(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere.csv: no such file") as caught:
        load_corpus(tmp_path / "nowhere.csv")
    assert_clear(caught.value)
    with pytest.raises(FileNotFoundError, match="is written hub:owner/name"):
        load_corpus("owner/name")


def test_hub_names_are_checked_before_anything_is_fetched(monkeypatch):
    for path in ("hub:", "hub:a b", "hub:owner/name/more", "hub:owner/name:"):
        with pytest.raises(ValueError, match="write hub:owner/name or hub:owner/name:split"):
            load_corpus(path)

    def out_of_reach(name: str, split: str) -> None:
        raise ConnectionError("no route\nto the hub")

    monkeypatch.setattr(datasets, "load_dataset", out_of_reach)
    with pytest.raises(
        ValueError, match="hub:owner/name cannot be loaded: no route; check the name and the network"
    ) as caught:
        load_corpus("hub:owner/name")
    assert_clear(caught.value)


# Rows of a CSV file: the line, the column at fault, what the reason says.
ROWS: dict[str, tuple[str, str | None, str]] = {
    "empty text": (",2019-11,UK", "text", "the text is empty"),
    "blank text": ('" \t ",2019-11,UK', "text", "the text is empty"),
    "NUL in the text": ("a\0b,2019-11,UK", "text", "NUL"),
    "text of 10 MB": ("x" * 10_000_000 + ",2019-11,UK", None, "longer than 1,000,000 characters"),
    "text too long": ("x" * 100_001 + ",2019-11,UK", "text", "100,001 characters; at most 100,000"),
    "month 13": ("a,2019-13,UK", "month", "month '2019-13': there is no such month"),
    "month of one digit": ("a,2019-1,UK", "month", "month '2019-1' is not a month"),
    "month without dash": ("a,201911,UK", "month", "month '201911' is not a month"),
    "month in words": ("a,November 2019,UK", "month", "is not a month"),
    "30 February": ("a,2019-02-30,UK", "month", "there is no such day"),
    "month with a space": ("a, 2019-11,UK", "month", "month ' 2019-11' is not a month"),
    "month before the range": ("a,2016-12,UK", "month", "month '2016-12' is outside 2017-01..2021-12"),
    "month after the range": ("a,2022-01,UK", "month", "month '2022-01' is outside 2017-01..2021-12"),
    "region 7.5": ("a,2019-11,7.5", "region", "unknown region '7.5'; known: UK, US, AUS, CAN"),
    "region with a space": ("a,2019-11,Uk ", "region", "unknown region 'Uk '; did you mean 'UK'?"),
    "region in small letters": ("a,2019-11,uk", "region", "unknown region 'uk'; did you mean 'UK'?"),
    "another country": ("a,2019-11,FRA", "region", "unknown region 'FRA' (France); known: UK, US, AUS, CAN"),
    "no country": ("a,2019-11,Mars", "region", "unknown region 'Mars'; known"),
    "ambiguous region": ("a,2019-11,America", "region", "region 'America' is ambiguous"),
    "too few fields": ("a,2019-11", None, "too few fields: 2 instead of 3"),
    "too many fields": ("a,b,2019-11,UK", None, "too many fields: 4 instead of 3"),
    "unclosed quote": ('"a,2019-11,UK', None, "quote"),
    "text after a quote": ('"a" b,2019-11,UK', None, "the quotes do not match"),
    "carriage return": ("a\rb,2019-11,UK", None, "a carriage return stands inside"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_is_rejected_alone_with_its_number_and_reason(tmp_path, case):
    line, column, reason = ROWS[case]
    path = tmp_path / "corpus.csv"
    quoted = '"It rained, and rained.",2019-11,UK\n'  # so it is a file whose quotes mean something
    path.write_bytes(f"{HEADER}{GOOD}{line}\n{quoted}".encode())
    corpus = load_corpus(path, months=MONTHS, regions=REGIONS)
    assert corpus.report.kept == 2
    (reject,) = corpus.report.rejects
    assert (reject.row, reject.line, reject.column) == (2, 3, column)
    assert reason in reject.reason
    assert len(reject.value) <= 80
    with pytest.raises(ValueError, match=r"corpus.csv: row 2 \(line 3\)") as caught:
        load_corpus(path, months=MONTHS, regions=REGIONS, strict=True)
    assert_clear(caught.value)


# Where no set of regions is given, any label could be one; what looks like a slip is refused all the same.
LABELS = {
    "a number": ("7.5", "region '7.5' is a number, not a label"),
    "a country in small letters": ("uk", "did you mean 'UK'?"),
    "spaces": (" Wales", "has spaces around it"),
    "an unprintable character": ("Wal\0es", "unprintable"),
    "an ambiguous name": ("Korea", "is ambiguous: South Korea (KOR) or North Korea (PRK)"),
}


@pytest.mark.parametrize("case", LABELS)
def test_a_label_that_looks_like_a_slip_founds_no_region(tmp_path, case):
    label, reason = LABELS[case]
    path = tmp_path / "corpus.csv"
    path.write_bytes(f"{HEADER}{GOOD}a,2019-11,{label}\n".encode())
    corpus = load_corpus(path)
    assert list(corpus.regions) == ["UK"]
    assert reason in corpus.report.rejects[0].reason


# Lines of a JSONL file: the line, the column at fault, what the reason says.
JSON_LINES: dict[str, tuple[str, str | None, str]] = {
    "broken JSON": ('{"text": "a", "month": ', None, "it is not JSON: Expecting value at character"),
    "two objects": ("{} {}", None, "it is not JSON: Extra data"),
    "a list": ('["a", "2019-11", "UK"]', None, "it is a JSON list, not an object"),
    "a bare text": ('"a"', None, "it is a JSON str, not an object"),
    "a missing key": ('{"text": "a", "month": "2019-11"}', "region", "the field is absent"),
    "a key twice": ('{"text": "a", "text": "b", "month": null, "region": null}', None, "a key stands twice"),
    "null as text": ('{"text": null, "month": "2019-11", "region": "UK"}', "text", "the text is missing"),
    "a number as text": ('{"text": 7, "month": "2019-11", "region": "UK"}', "text", "must be text, not of type int"),
    "nested text": (
        '{"text": {"en": "a"}, "month": "2019-11", "region": "UK"}',
        "text",
        "name one of its fields, such as text.en",
    ),
    "a number as month": ('{"text": "a", "month": 201911, "region": "UK"}', "month", "not the number 201911"),
    "a list as month": ('{"text": "a", "month": ["2019-11"], "region": "UK"}', "month", "of type list"),
    "a number as region": ('{"text": "a", "month": "2019-11", "region": 7.5}', "region", "not the number 7.5"),
    "true as region": ('{"text": "a", "month": "2019-11", "region": true}', "region", "not the number True"),
    "NaN as text": ('{"text": NaN, "month": null, "region": "UK"}', "text", "must be text, not of type float"),
    "half a character": ('{"text": "\\ud800", "month": "2019-11", "region": "UK"}', None, "half of a surrogate pair"),
    "very deep": ("[" * 200_000, None, "nested too deeply"),
    "a number of 5,000 digits": ('{"n": ' + "9" * 5000 + "}", None, "it"),
}


@pytest.mark.parametrize("case", JSON_LINES)
def test_a_bad_json_line_is_rejected_alone(tmp_path, case):
    line, column, reason = JSON_LINES[case]
    path = tmp_path / "corpus.jsonl"
    path.write_text(LINE + line + "\n" + LINE)
    report = load_corpus(path, months=MONTHS, regions=REGIONS).report
    assert report.kept == 2
    assert (report.rejects[0].row, report.rejects[0].line, report.rejects[0].column) == (2, 2, column)
    assert reason in report.rejects[0].reason


# Values of a Parquet file: column, bad value, what the reason says.
PARQUET_VALUES: dict[str, tuple[str, Any, str]] = {
    "no text": ("text", [None], "the text is missing"),
    "numbers as text": ("text", [7], "must be text, not of type int"),
    "numbers as month": ("month", [201911], "not the number 201911"),
    "numbers as region": ("region", [7.5], "not the number 7.5"),
    "a date outside Python's years": ("month", pyarrow.array([9_000_000], pyarrow.date32()), "cannot be read"),
}


@pytest.mark.parametrize("case", PARQUET_VALUES)
def test_a_bad_parquet_value_is_rejected(tmp_path, case):
    column, values, reason = PARQUET_VALUES[case]
    path = tmp_path / "corpus.parquet"
    path.write_bytes(parquet(**{"text": ["a"], "month": ["2019-11"], "region": ["UK"], column: values}))
    with pytest.raises(ValueError, match=reason) as caught:
        load_corpus(path, months=MONTHS, regions=REGIONS)
    assert f"row 1, column '{column}'" in str(caught.value)
    assert_clear(caught.value)


# Calls that cannot be meant: what is called, what the error says.
CALLS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "range backwards": (lambda _: MonthRange("2021-12", "2017-01"), "ends before it starts"),
    "range without an end": (lambda _: MonthRange("2017-01", ""), "needs a month as its end"),
    "month of YAML": (lambda _: MONTHS.ids(201911), "not the number 201911"),  # type: ignore[arg-type]
    "month id too large": (lambda _: MONTHS.labels(60), r"month id 60 is outside 0\.\.59"),
    "months in two dimensions": (lambda _: MONTHS.ids([["2019-11"]]), "flat list"),
    "no regions": (lambda _: RegionSet([]), "at least one region"),
    "region twice": (lambda _: RegionSet(["UK", "UK"]), "given twice"),
    "one place twice": (lambda _: RegionSet(["UK", "GB"]), "are the same place"),
    "a text as set": (lambda _: RegionSet("UK"), "not the one text"),
    "latitude 95": (lambda _: RegionSet(["UK"], {"UK": (95, 0)}), r"latitude must lie in -90\.\.90"),
    "longitude 181": (lambda _: RegionSet(["UK"], {"UK": (0, 181)}), r"longitude in -180\.\.180"),
    "outside": (lambda path: load_corpus(path, outside="drop"), "outside must be one of 'reject', 'skip', not 'drop'"),  # type: ignore[arg-type]
    "one column twice": (lambda path: load_corpus(path, text="month"), "must be three different columns"),
    "no column name": (lambda path: load_corpus(path, text=""), "must be the name of a column"),
    "no characters": (lambda path: load_corpus(path, max_characters=0), "must be a whole number of at least 1"),
    "rejects to a directory": (lambda path: load_corpus(path, rejects=path.parent), "is a directory"),
    "rejects over the corpus": (lambda path: load_corpus(path, rejects=path), "is the corpus file itself"),
    "rejects to nowhere": (
        lambda path: load_corpus(path, rejects=path.parent / "no" / "r.csv"),
        "does not exist; make it",
    ),
    "all rows outside": (
        lambda path: load_corpus(path, months=MonthRange("2001-01", "2001-12"), outside="skip"),
        "no row is left: 1 of 1 are outside",
    ),
    "one row to split": (lambda path: split_corpus(load_corpus(path), by="hash"), "a corpus of 1 rows cannot be split"),
    "shares of more than all": (lambda path: split_corpus(load_corpus(path), test=1.5), "must be a share"),
    "no date column": (lambda path: split_corpus(load_corpus(path)), "needs a column 'date'"),
    "no group column": (lambda path: split_corpus(load_corpus(path), by="group"), "needs a column 'template'"),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_call_that_cannot_be_meant_is_refused(tmp_path, case):
    call, message = CALLS[case]
    path = tmp_path / "corpus.csv"
    path.write_text(HEADER + GOOD)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        call(path)
    assert_clear(caught.value)
    assert path.read_text() == HEADER + GOOD


def test_a_date_that_is_not_in_its_month_is_refused():
    columns = {"text": ["a", "b"], "month": ["2019-01", "2019-01"], "date": ["2019-01-31", "2019-02-01"]}
    with pytest.raises(
        ValueError, match="row 2: date '2019-02-01' does not lie in the row's month '2019-01'"
    ) as caught:
        split_corpus(datasets.Dataset.from_dict(columns))
    assert_clear(caught.value)


def test_the_list_has_a_hundred_cases():
    assert sum(len(cases) for cases in (FILES, ROWS, LABELS, JSON_LINES, PARQUET_VALUES, CALLS)) >= 100
