"""Files as people have them: whatever a spreadsheet, pandas or another program wrote is read, or named."""

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from spacetime.cli import main
from spacetime.corpus import load_corpus
from spacetime.corpus.loading import CorpusReport
from spacetime.corpus.reading import Form, inert, read_texts

ROWS = [
    {"text": "It snows.", "month": "2019-01", "region": "UK"},
    {"text": "It is hot.", "month": "2019-07", "region": "US"},
]
CSV = "text,month,region\nIt snows.,2019-01,UK\nIt is hot.,2019-07,US\n"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))


def read(folder: Path, content: str | bytes, name: str = "f.csv", **options: Any) -> tuple[list[Any], CorpusReport]:
    """Texts, months and regions of a file with this content, and its report, whose counts always add up."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    corpus = load_corpus(path, **options)
    report = corpus.report
    assert report.rows == report.kept + report.rejected + report.outside
    return [[row["text"], row["month"], row["region"]] for row in corpus.dataset.to_list()], report


BOTH = [list(row.values()) for row in ROWS]


# --- columns ------------------------------------------------------------------------------------------------

HEADERS = {
    "an index of pandas": (",text,month,region\n0,It snows.,2019-01,UK\n1,It is hot.,2019-07,US\n", "column 1 has no"),
    "separators at the end": (
        "text,month,region,,\nIt snows.,2019-01,UK,,\nIt is hot.,2019-07,US,,\n",
        "columns 4, 5 have no name and are left out",
    ),
    "separators at the end of the rows alone": (
        "text,month,region\nIt snows.,2019-01,UK,\nIt is hot.,2019-07,US,\n",
        "column 4 has no name and is left out",
    ),
    "one name twice": (
        "url,text,month,region,url\na,It snows.,2019-01,UK,b\nc,It is hot.,2019-07,US,d\n",
        "column 5 is called 'url_2', as column 1 has its name already",
    ),
    "2,000 columns": (
        f"{','.join(f'c{i}' for i in range(2000))},text,month,region\n"
        f"{'x,' * 2000}It snows.,2019-01,UK\n{'x,' * 2000}It is hot.,2019-07,US\n",
        "1,003 columns beyond the first 1,000 are left out, from 'c997' on",
    ),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_column_nobody_asked_for_never_stops_a_file(tmp_path, case):
    content, note = HEADERS[case]
    rows, report = read(tmp_path, content)
    assert rows == BOTH
    assert any(note in said for said in report.notes)
    assert all(said in str(report) for said in report.notes)


def test_a_doubled_column_keeps_both_its_values(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(HEADERS["one name twice"][0])
    assert load_corpus(path).dataset[0] == {**ROWS[0], "url": "a", "url_2": "b"}


def test_nameless_and_doubled_columns_of_parquet_and_json_stop_nothing_either(tmp_path):
    names = ["", "text", "month", "region", "n", "n"]
    table = pyarrow.Table.from_arrays([["0"], ["It snows."], ["2019-01"], ["UK"], [1], [2]], names=names)
    pyarrow.parquet.write_table(table, tmp_path / "f.parquet")
    corpus = load_corpus(tmp_path / "f.parquet")
    assert corpus.dataset[0] == {**ROWS[0], "n": "1", "n_2": "2"}
    line = '{"": 0, "text": "It snows.", "month": "2019-01", "region": "UK", "n": 1, "n": 2}\n'
    (tmp_path / "f.jsonl").write_text(line)
    assert load_corpus(tmp_path / "f.jsonl").dataset[0] == {**ROWS[0], "n": "1"}


def test_a_column_that_is_asked_for_and_stands_twice_is_named_with_both_places(tmp_path):
    with pytest.raises(ValueError, match="'month' stands twice in the header, as columns 2 and 4, and is asked for"):
        read(tmp_path, "text,month,region,month\na,2019-01,UK,2019-02\n")
    rows, _ = read(tmp_path, "a,text,region,a\nx,It snows.,UK,2019-01\n", month="a_2")  # by its made name it can be
    assert rows == BOTH[:1]


def test_a_column_called_id_is_only_checked_where_it_is_named(tmp_path):
    content = "id,text,month,region\n8.76E+17,It snows.,2019-01,UK\n8.76E+17,It is hot.,2019-07,US\n"
    assert read(tmp_path, content)[0] == BOTH
    _, report = read(tmp_path, content, id="id")
    assert [(reject.row, reject.column) for reject in report.rejects] == [(2, "id")]
    _, report = read(tmp_path, content.replace("id", "tweet", 1), id="tweet")
    assert report.rejected == 1
    with pytest.raises(ValueError, match="has no column 'tweets'"):
        read(tmp_path, content, id="tweets")


# --- encoding, separator, quotes ----------------------------------------------------------------------------


def test_a_file_of_cp1252_is_read_as_such_and_said_to_be(tmp_path):
    head = b"text,month,region\n"
    for line, text in (
        (b"It\x92s raining.", "It’s raining."),
        (b"Caf\xe9 prices rise \x96 by \xa35.", "Café prices rise – by £5."),
    ):
        for name in ("f.csv", "f.csv.gz"):
            content = head + b"Plain.,2019-01,UK\n" + line + b",2019-01,UK\n"
            rows, report = read(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name)
            assert [row[0] for row in rows] == ["Plain.", text]
            assert report.notes == ["read as cp1252, as its bytes are not UTF-8"]


@pytest.mark.parametrize(
    "other",
    [
        "Сегодня в Москве дождь.".encode("cp1251"),
        "Zażółć gęślą jaźń.".encode("cp1250"),
        "It’s a café.".encode("mac_roman"),
        "caf\u00e9".encode()[:-1],
        "今日は東京".encode("shift_jis"),
    ],
)
def test_bytes_that_could_be_several_encodings_are_not_guessed_and_an_option_settles_them(tmp_path, other):
    content = b"text,month,region\nPlain.,2019-01,UK\n" + other + b",2019-01,UK\n"
    _, report = read(tmp_path, content)
    assert report.rejects[0].reason.startswith("not UTF-8: byte 0x")
    assert [note[-26:] for note in report.notes] == ["name it: encoding='cp1252'"]
    rows, report = read(tmp_path, content, encoding="latin-1")
    assert report.rejected == 0 and rows[1][0] == other.decode("latin-1")


def test_a_line_that_the_given_encoding_does_not_know_costs_itself_only(tmp_path):
    rows, report = read(tmp_path, CSV.encode() + b"\x81,2019-01,UK\n", encoding="cp1252")
    assert rows == BOTH
    assert "not cp1252: byte 0x81 at byte 1 of the line" in report.rejects[0].reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_read_where_it_has_its_mark_or_is_named(tmp_path, encoding):
    text = CSV.replace("snows", "s\u2028n\u010aws").replace(",", "\t").replace("\n", "\r\n")
    rows, report = read(tmp_path, text.encode(encoding), **({} if encoding == "utf-16" else {"encoding": encoding}))
    assert rows == [["It s\u2028n\u010aws.", "2019-01", "UK"], BOTH[1]]
    with pytest.raises(ValueError, match="is not UTF-8 text.*or give its encoding"):
        read(tmp_path, CSV.encode("utf-16-le"))


@pytest.mark.parametrize("name", ["f.csv", "f.tsv"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out_whatever_the_suffix_says(tmp_path, name, separator):
    rows, report = read(tmp_path, CSV.replace(",", separator), name)
    assert rows == BOTH
    own = "," if name == "f.csv" else "\t"
    assert report.notes == ([] if separator == own else [f"fields are separated by {separator!r}"])


def test_a_header_with_other_separators_in_its_names_is_cut_where_the_columns_asked_for_are(tmp_path):
    rows, _ = read(tmp_path, "text;month;region;likes, all\nIt snows, again.;2019-01;UK;7\n")
    assert rows == [["It snows, again.", "2019-01", "UK"]]
    rows, _ = read(tmp_path, CSV.replace(",", "~"), separator="~")
    assert rows == BOTH


def test_quotes_that_are_no_quoting_are_characters_of_the_text(tmp_path):
    content = 'text\tmonth\tregion\n"Brexit" is here.\t2019-01\tUK\nHe said "no".\t2019-07\tUS\n'
    rows, report = read(tmp_path, content, "f.tsv")
    assert [row[0] for row in rows] == ['"Brexit" is here.', 'He said "no".']
    assert "quoting 'none'" in report.notes[0]
    rows, report = read(tmp_path, 'text,month,region\n"Open,2019-01,UK\n"A" b,2019-01,UK\nC.,2019-01,UK\nD.,2019-01\n')
    assert [row[0] for row in rows] == ['"Open', '"A" b', "C."]
    assert report.rejected == 1


def test_quotes_behind_a_backslash_are_read_and_no_other_backslash_is_lost(tmp_path):
    content = 'text,month,region\n"He said \\"no\\", twice.",2019-01,UK\n"C:\\dir, \\\\ and \\N",2019-07,US\n'
    rows, report = read(tmp_path, content)
    assert [row[0] for row in rows] == ['He said "no", twice.', "C:\\dir, \\ and \\N"]
    assert "quoting 'backslash'" in report.notes[0]


def test_a_file_whose_quotes_mean_something_stays_so_where_one_of_them_is_wrong(tmp_path):
    content = 'text,month,region\n"It snows.",2019-01,UK\n"It is hot.",2019-07,US\n"A" b,2019-01,UK\n'
    rows, report = read(tmp_path, content)
    assert rows == BOTH and report.notes == []
    assert "the quotes do not match" in report.rejects[0].reason
    rows, _ = read(tmp_path, content, quoting="none")
    assert [row[0] for row in rows] == ['"It snows."', '"It is hot."', '"A" b']


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "utf-9"}, "encoding='utf-9' is not known"),
        ({"encoding": "rot13"}, "encoding='rot13' is not known"),
        ({"separator": "::"}, "separator='::' must be one character"),
        ({"quoting": "single"}, "quoting must be one of 'double', 'backslash', 'none', not 'single'"),
    ],
)
def test_a_form_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Form(**options)


# --- suffixes -----------------------------------------------------------------------------------------------

LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
SUFFIXES = {
    "f.ndjson": LINES,
    "f.jl": LINES,
    "f.json": LINES,
    "array.json": json.dumps(ROWS, indent=2),
    "array.jsonl": json.dumps(ROWS),
    "f.txt": CSV.replace(",", "\t"),
}


@pytest.mark.parametrize("packed", ["", ".gz", ".zip", "gzip without its suffix"])
@pytest.mark.parametrize("name", SUFFIXES)
def test_every_suffix_that_people_use_is_read_packed_or_not(tmp_path, name, packed):
    content = SUFFIXES[name].encode()
    if packed == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
            archive.writestr(f"__MACOSX/._{name}", "what macOS adds")
        content = buffer.getvalue()
    elif packed:
        content = gzip.compress(content)
    assert read(tmp_path, content, name + packed * packed.startswith("."))[0] == BOTH


def test_a_zip_of_a_parquet_file_is_read(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "f.parquet")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.write(tmp_path / "f.parquet", "folder/f.parquet")
    assert load_corpus(tmp_path / "p.zip").dataset.to_list() == ROWS


def test_rows_of_a_json_array_are_numbered_and_a_bad_one_costs_itself_only(tmp_path, monkeypatch):
    monkeypatch.setattr("spacetime.corpus.reading._BLOCK", 16)  # so that every object goes over an end of a block
    array = (
        f'[\n{json.dumps(ROWS[0])},\n 123456789012345678901234567890,\n{{"text": "\\ud800"}},\n{json.dumps(ROWS[1])}]'
    )
    rows, report = read(tmp_path, array, "f.json")
    assert rows == BOTH
    assert [(reject.row, reject.line) for reject in report.rejects] == [(2, 3), (3, 4)]
    assert "it is a JSON int, not an object" in report.rejects[0].reason


def test_columns_of_pandas_in_json_are_said_to_be_no_rows(tmp_path):
    for orient in ("columns", "table"):
        with pytest.raises(ValueError, match="holds one object of whole columns, not rows.*'records'"):
            read(tmp_path, pd.DataFrame(ROWS).to_json(orient=orient), "f.json")  # type: ignore[call-overload]


def test_an_object_over_several_lines_is_said_to_be_no_row(tmp_path):
    answer = {"response": {"results": ROWS}}
    for given in (json.dumps(answer, indent=1), "".join(json.dumps(row, indent=1) + "\n" for row in ROWS)):
        with pytest.raises(ValueError, match="begins with an object over several lines, not with a row; a .json file"):
            read(tmp_path, given, "f.json")


def test_a_field_inside_another_is_named_by_a_dot(tmp_path):
    rows = [{"text": "A.", "at": {"day": "30/04/2019"}, "place": {"code": "GB"}},
            {"text": "B.", "at": {"day": "01/05/2019"}, "place": None},
            {"text": "C.", "at": {}, "place": {"code": "GB"}},
            {"text": "D.", "at": {"day": None}, "place": {"code": "Atlantis "}}]  # fmt: skip
    for source in ("".join(json.dumps(row) + "\n" for row in rows), pyarrow.Table.from_pylist(rows)):
        path = tmp_path / "f.jsonl" if isinstance(source, str) else source
        if isinstance(source, str):
            path.write_text(source)
        corpus = load_corpus(path, month="at.day", region="place.code", any_spelling=True)
        kept = [(row["month"], row["region"]) for row in corpus.dataset]
        assert kept[:2] == [("2019-04", "GB"), ("2019-05", None)] and kept[-1] == (None, "Atlantis")
        with pytest.raises(
            ValueError, match="column 'place': it is an object; name one of its fields, such as place.code"
        ):
            load_corpus(path, month="at.day", region="place", strict=True, any_spelling=True)
    with pytest.raises(ValueError, match="has no column 'plaice.code'"):
        load_corpus(path, month=None, region="plaice.code")
    with pytest.raises(ValueError, match="column 'text.code': the field is absent"):
        load_corpus(path, month=None, region="text.code")


def test_a_first_line_that_is_a_row_is_asked_about(tmp_path):
    for content in ('"0","1467810369","It snows."\n' * 3, f"2019-01,{'It snows. ' * 9}\n" * 3):
        with pytest.raises(ValueError, match="has no column 'text'.*is its first line a row\\? it must hold the names"):
            read(tmp_path, content)
    with pytest.raises(ValueError, match=r"name of|it is with text=\.\.\.$"):
        read(tmp_path, CSV.replace("text", "headline"))


def test_the_line_by_which_excel_names_the_separator_is_no_header(tmp_path):
    for first in ("sep=;", "\ufeffsep=;\r"):
        rows, report = read(tmp_path, f"{first}\n{CSV.replace(',', ';')}" + '"A ""b"".";2019-01;UK\n')
        assert rows == [*BOTH, ['A "b".', "2019-01", "UK"]]


def test_a_file_whose_lines_end_in_carriage_returns_is_told_so(tmp_path):
    with pytest.raises(ValueError, match="a carriage return stands .*, or end the lines in line feeds"):
        read(tmp_path, CSV.replace("\n", "\r"))


def test_a_text_file_of_tabs_is_a_table_whatever_its_columns_are_called(tmp_path):
    with pytest.raises(ValueError, match="has no column 'text'; it has 'Text', 'Day'"):
        read(tmp_path, "Text\tDay\nIt snows.\t2019-01\n", "f.txt", month=None, region=None)
    rows, _ = read(tmp_path, "One\ttab.\nNone here.\n", "f.txt", month=None, region=None)
    assert [row[0] for row in rows] == ["One\ttab.", "None here."]


def test_nan_in_json_is_a_missing_value(tmp_path):
    rows, report = read(tmp_path, LINES + '{"text": "Fog.", "month": NaN, "region": NaN, "likes": NaN}\n', "f.json")
    assert rows == [*BOTH, ["Fog.", None, None]] and report.rejected == 0


def test_a_line_ends_at_a_line_feed_only(tmp_path):
    odd = "One\u2028two\x0bthree\x0cfour\x85five."
    for name, content in (
        ("f.csv", f"text,month,region\n{odd},2019-01,UK\r\n"),
        ("f.jsonl", json.dumps({"text": odd, "month": "2019-01", "region": "UK"}, ensure_ascii=False)),
    ):
        assert read(tmp_path, content, name)[0] == [[odd, "2019-01", "UK"]]
    (tmp_path / "f.txt").write_bytes(f"{odd}\r\nTwo.".encode())
    assert read_texts(tmp_path / "f.txt") == ([odd, "Two."], [])


def test_a_list_of_texts_is_read_packed_or_in_another_encoding_and_a_blank_line_is_named(tmp_path):
    (tmp_path / "f.txt.gz").write_bytes(gzip.compress(b"It\x92s late.\n"))
    assert read_texts(tmp_path / "f.txt.gz") == (["It’s late."], ["read as cp1252, as its bytes are not UTF-8"])
    (tmp_path / "f.txt").write_bytes(b"One.\n\nTwo.\n")
    with pytest.raises(ValueError, match="f.txt: line 2 is empty"):
        read_texts(tmp_path / "f.txt")
    (tmp_path / "f.txt").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n")
    with pytest.raises(ValueError, match="is a Git LFS pointer"):
        read_texts(tmp_path / "f.txt")


# --- tables -------------------------------------------------------------------------------------------------


def tables(columns: dict[str, list[Any]]) -> list[Any]:
    frame = pd.DataFrame(columns, index=range(100, 100 + len(columns["text"])))
    return [frame, datasets.Dataset.from_dict(columns), pyarrow.table(columns)]


def test_a_table_in_memory_is_checked_like_a_file(tmp_path):
    columns: dict[str, list[Any]] = {
        "text": ["It snows.", "", "It is hot."],
        "month": ["2019-01"] * 3,
        "region": ["UK", "UK", None],
    }
    for table in tables(columns):
        corpus = load_corpus(table, rejects=tmp_path / "rejects.csv")
        assert corpus.dataset["text"][:] == ["It snows.", "It is hot."]
        report = corpus.report
        assert (report.rows, report.kept, report.rejected, report.missing_region) == (3, 2, 1, 1)
        assert [(reject.row, reject.line, reject.column) for reject in report.rejects] == [(2, None, "text")]
        assert report.path == type(table).__name__
        assert (tmp_path / "rejects.csv").read_text().startswith("row,line,column,value,reason")
        with pytest.raises(ValueError, match=r"has no column 'when'; it has 'text', 'month', 'region'"):
            load_corpus(table, month="when")


def test_a_changed_table_is_not_answered_from_the_cache(tmp_path):
    frame = pd.DataFrame(ROWS)
    assert load_corpus(frame).dataset.to_list() == ROWS
    frame.loc[0, "text"] = "It rains."
    assert load_corpus(frame).dataset["text"][:] == ["It rains.", "It is hot."]


def test_dates_categories_and_odd_values_of_a_frame_are_read(tmp_path):
    frame = pd.DataFrame(
        {
            "text": ["A.", "B.", 7, "D."],
            "month": pd.to_datetime(["2019-01-31", "", "2019-02-01", "2019-03-01"]),
            "region": pd.Categorical(["UK", "US", "UK", None]),
            3: [{"a": 1}, [1], np.nan, "x"],
        }
    )
    corpus = load_corpus(frame)
    assert corpus.dataset["month"][:] == ["2019-01", None, "2019-03"]
    assert corpus.dataset["region"][:] == ["UK", "US", None]
    assert corpus.dataset["3"][:] == ['{"a": 1}', "[1]", "x"]
    assert corpus.report.rejects[0].row == 3
    periods = frame.assign(month=frame["month"].dt.to_period("M"))
    assert load_corpus(periods).dataset["month"][:] == ["2019-01", None, "2019-03"]


def test_a_class_label_is_its_name(tmp_path):
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "month": datasets.Value("string"),
            "region": datasets.ClassLabel(names=["UK", "US"]),
        }
    )
    data = datasets.Dataset.from_dict(
        {"text": ["A.", "B.", "C."], "month": ["2019-01"] * 3, "region": [1, 0, -1]}, features
    )
    assert load_corpus(data).dataset["region"][:] == ["US", "UK", None]
    assert load_corpus(data.select([1])).dataset["region"][:] == ["UK"]


def test_what_is_no_table_is_refused_with_what_is():
    with pytest.raises(ValueError, match=r"a DatasetDict has several parts; give one, such as \['train'\]"):
        load_corpus(datasets.DatasetDict(train=datasets.Dataset.from_list(ROWS)))
    with pytest.raises(TypeError, match="list is no corpus; give the name of a file, or a table in memory"):
        load_corpus(ROWS)
    with pytest.raises(ValueError, match="DataFrame has no rows"):
        load_corpus(pd.DataFrame(ROWS[:0]))


# --- what is written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-2+3", "\t=1", "\r=1", "\n=1"])
def test_no_cell_of_the_rejects_file_is_a_formula(tmp_path, value):
    path = tmp_path / "f.jsonl"
    path.write_text(LINES + json.dumps({"text": "a", "month": value, "region": "UK"}) + "\n")
    load_corpus(path, rejects=tmp_path / "rejects.csv")
    with (tmp_path / "rejects.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["value"] == f"'{value}"
    assert not row["reason"].startswith(("=", "+", "-", "@"))


def test_numbers_and_other_words_are_written_as_they_are():
    for value in ("-1.5", "+44", "Wales", "a=b", "", -1.5, None, "'quoted'"):
        assert inert(value) == value


# --- the command line ---------------------------------------------------------------------------------------


def test_the_command_line_takes_the_form_of_a_file_and_says_what_it_found(tmp_path, capsys):
    path = tmp_path / "f.csv"
    path.write_bytes(b"text;month;region\nIt\x92s raining.;2019-01;UK\n")
    assert main(["data", "check", str(path)]) == 0
    out = capsys.readouterr().out
    assert "read as cp1252" in out and "separated by ';'" in out
    path.write_bytes("id~text~month~region\n1~'\x92~2019-01~UK\n1~'\x92~2019-01~UK\n".encode("latin-1"))
    form = ["--encoding", "latin-1", "--separator", "~", "--quoting", "none"]
    assert main(["data", "check", str(path), *form]) == 0
    assert main(["data", "check", str(path), *form, "--id", "id"]) == 1
    path.write_text("text\tmonth\tregion\na\t2019-01\tUK\n")
    assert main(["data", "check", str(path), "--separator", "tab"]) == 0
    path.write_bytes(b"text,month,region\n\xd5\xe5\xeb,2019-01,UK\nPlain.,2019-01,UK\n")
    capsys.readouterr()
    assert main(["data", "check", str(path)]) == 1
    assert "name it: --encoding 'cp1252'" in capsys.readouterr().out
    path.write_bytes(b'text,month,region\n"A, b.",2019-01,UK\n"A" b,2019-01,UK\n')
    assert main(["data", "check", str(path)]) == 1
    assert "--quoting none" in capsys.readouterr().err
    assert main(["data", "check", str(path), "--separator", "::"]) == 2


def test_sentences_of_a_file_are_as_many_as_its_lines(tmp_path, capsys):
    (tmp_path / "f.txt").write_bytes("Snow fell\u2028again.\nThe clocks go forward.\n".encode())
    assert main(["encode", str(tmp_path / "f.txt"), "--output", str(tmp_path / "x.npy")]) == 0
    assert np.load(tmp_path / "x.npy").shape == (2, 384)
    capsys.readouterr()
    assert main(["locate", str(tmp_path / "f.txt"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
