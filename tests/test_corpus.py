"""What spacetime.corpus.load_corpus promises about good files, bad rows, the report and the cache."""

import csv
import datetime
import gzip
import io
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacetime.corpus import load_corpus
from spacetime.corpus import loading as corpus_module
from spacetime.corpus.loading import _SURE_PIECES, CorpusReport
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

ROWS = [
    {"text": "Snow fell, and fell.", "month": "2019-01", "region": "CAN", "id": "a"},
    {"text": 'He said "no".\nThen he left.', "month": "2019-07", "region": "", "id": "b"},
    {"text": "Ünïcödé 雪 🙂", "month": "", "region": "AUS", "id": "c"},
    {"text": "Snow fell, and fell.", "month": "2019-01", "region": "CAN", "id": "d"},
]
KEPT = [{key: value or None for key, value in row.items()} for row in ROWS]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))


def as_bytes(rows: list[dict[str, str]], suffix: str) -> bytes:
    """Return rows as the content of a file with this suffix."""
    if suffix.endswith(".gz"):
        return gzip.compress(as_bytes(rows, suffix.removesuffix(".gz")))
    if suffix == ".jsonl":
        return "".join(json.dumps({k: v or None for k, v in row.items()}) + "\n" for row in rows).encode()
    if suffix == ".parquet":
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist([{k: v or None for k, v in r.items()} for r in rows]), buffer
        )
        return buffer.getvalue()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if suffix == ".tsv" else ",")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def written(folder: Path, content: str | bytes, name: str = "corpus.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path, suffix, gz):
    corpus = load_corpus(written(tmp_path, as_bytes(ROWS, suffix + gz), f"corpus{suffix}{gz}"))
    assert corpus.dataset.to_list() == KEPT
    assert corpus.months == MonthRange("2019-01", "2019-07")
    assert list(corpus.regions) == ["CAN", "AUS"]


MANY_SPELLINGS = """text,when,where
It snows.,2019-01-05T10:22:05Z,canada
It is hot.,Jan 2019,AUS
It rains.,30/01/2019, uk 
Fog.,2019/01,GB
Ice.,03/04/2019,CAN
"""  # noqa: W291


def test_any_spelling_folds_dates_to_months_and_countries_to_regions(tmp_path):
    path = written(tmp_path, MANY_SPELLINGS)
    corpus = load_corpus(path, month="when", region="where", any_spelling=True)
    assert corpus.dataset["month"][:] == ["2019-01"] * 4 + ["2019-04"]
    assert corpus.dataset["region"][:] == ["Canada", "AUS", "UK", "UK", "Canada"]


def test_without_it_another_spelling_is_rejected_as_a_likely_slip(tmp_path):
    path = written(tmp_path, MANY_SPELLINGS + "Mud.,2019-01,CAN\n")
    report = load_corpus(path, month="when", region="where").report
    assert [reject.row for reject in report.rejects] == [1, 2, 3, 4, 5]


def test_any_spelling_also_finds_a_wanted_region(tmp_path):
    path = written(tmp_path, MANY_SPELLINGS)
    corpus = load_corpus(
        path, month="when", region="where", any_spelling=True, regions=RegionSet(["UK", "CAN"]), outside="skip"
    )
    assert corpus.dataset["region"][:] == ["CAN", "UK", "UK", "CAN"]
    assert corpus.report.outside == 1


def with_column(folder: Path, name: str, values: list[Any]) -> Path:
    """A JSONL file whose column `name` has these values, and sound ones elsewhere."""
    row = {"month": "2019-01", "region": "UK"}
    lines = [json.dumps({"text": f"It snows, {i}.", **row, name: value}) for i, value in enumerate(values)]
    return written(folder, "\n".join(lines), "corpus.jsonl")


MAY = [f"{day:02d}/05/2019" for day in range(1, 32)]


def test_the_column_settles_whether_the_day_comes_first(tmp_path):
    report = load_corpus(with_column(tmp_path, "month", MAY), any_spelling=True).report
    assert report.by_month == {"2019-05": 31}
    assert report.notes == [
        "column 'month': dates such as 03/04/2019 were read day first, as others must be ('13/05/2019' in row 13)"
    ]
    assert report.notes[0] in str(report)


def test_a_month_that_stands_first_settles_the_column_too_however_late_it_comes(tmp_path):
    dates = ["5.1.2019 10:22"] * 3000 + ["05.13.2019"]
    report = load_corpus(with_column(tmp_path, "month", dates), any_spelling=True).report
    assert report.by_month == {"2019-05": 3001}
    assert "read month first, as others must be ('05.13.2019' in row 3,001)" in report.notes[0]


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (MAY[:4], "no other row settles it"),
        (["01/05/2019", "30/05/2019", "05/30/2019"], "the column has '30/05/2019' in row 2 but '05/30/2019' in row 3"),
    ],
)
def test_dates_that_nothing_settles_are_rejected_by_a_reason_that_names_the_options(tmp_path, dates, said):
    path = with_column(tmp_path, "month", [*dates, "2019-05"])
    for any_spelling in (True, False):
        report = load_corpus(path, any_spelling=any_spelling).report
        reason = report.rejects[0].reason
        assert any("dates that could be read in two ways are rejected" in note for note in report.notes)
        assert "could be 2019-0" in reason and said in reason
        assert "or give day_first=True or month_first=True;" in reason
        assert report.other_spellings == (0 if any_spelling or dates == MAY[:4] else 2)
    assert set(load_corpus(path, day_first=True).dataset["month"]) == {"2019-05"}
    assert "2019-01" in load_corpus(path, month_first=True).dataset["month"][:]
    with pytest.raises(ValueError, match="exclude each other"):
        load_corpus(path, day_first=True, month_first=True)


def test_the_file_is_read_a_second_time_only_where_a_value_could_mean_two_things(tmp_path, monkeypatch):
    read = []
    whole = corpus_module._read_columns

    def counted(*given: Any) -> Any:
        read.append("again")
        return whole(*given)

    monkeypatch.setattr(corpus_module, "_read_columns", counted)
    load_corpus(
        with_column(tmp_path, "month", ["30/05/2019", "Nov 2019", 201901, "2019-11-30T24:00:00"]), any_spelling=True
    )
    assert read == []
    load_corpus(with_column(tmp_path, "month", [*MAY, *MAY]), any_spelling=True)
    assert read == ["again"]


@pytest.mark.parametrize("value", ["1609978798.0", 1609978798, 1609978798000, 202101, 202101.0, "2021-01-31T24:00:00"])
def test_months_written_as_numbers_or_moments_are_read(tmp_path, value):
    path = with_column(tmp_path, "month", [value, "2019-01"])
    assert load_corpus(path, any_spelling=True).report.by_month == {"2019-01": 1, "2021-01": 1}


def test_numbers_of_a_parquet_file_are_months_too(tmp_path):
    for kind, value in ((pyarrow.int64(), 201901), (pyarrow.float64(), 1546300800.0), (pyarrow.int64(), 1546300800000)):
        table = pyarrow.table({"text": ["One."], "month": pyarrow.array([value], kind), "region": ["UK"]})
        pyarrow.parquet.write_table(table, tmp_path / "numbers.parquet")
        assert load_corpus(tmp_path / "numbers.parquet", any_spelling=True).dataset["month"][:] == ["2019-01"]


def test_a_time_of_day_in_every_row_needs_no_option(tmp_path):
    path = with_column(tmp_path, "month", ["2020-07-14T16:19:57Z", "2020-07-14 16:19", "2020-08-01T00:00:00+02:00"])
    assert load_corpus(path).report.by_month == {"2020-07": 2, "2020-08": 1}


@pytest.mark.parametrize(
    ("column", "values", "takes"),
    [
        ("month", ["2019-01", "Nov 2019", "14.07.2020", "2019Q3"], 2),
        ("region", ["UK", "united kingdom", "Korea, rep.", "Jersey City", "7"], 2),
        ("month", ["2019-01", "2019Q3", "31-12-19"], 0),
    ],
)
def test_the_tip_about_other_spellings_stands_exactly_where_it_helps(tmp_path, column, values, takes):
    path = with_column(tmp_path, column, values)
    assert load_corpus(path).report.other_spellings == takes
    assert load_corpus(path, any_spelling=True).report.other_spellings == 0
    with pytest.raises(ValueError, match="reason|row") as error:
        load_corpus(path, strict=True)
    assert (f"any_spelling=True would read {takes} of them" in str(error.value)) is (takes > 0)


def test_the_tip_counts_rows_that_would_be_kept_and_no_others(tmp_path):
    (tmp_path / "f.csv").write_text(
        "text,month,region\nA.,Nov 2019,uk\nB.,Nov 2019,7\nC.,2019-11, Wales \nD.,03/04/2019,UK\nE.,30/04/2019,UK\n"
        "F.,2019-11,UK\n,Nov 2019,UK\n"
    )
    for options in (
        {},
        {"outside": "skip", "regions": RegionSet(["UK"])},
        {"months": MonthRange("2019-11", "2019-11")},
    ):
        before, after = (load_corpus(tmp_path / "f.csv", any_spelling=wide, **options).report for wide in (False, True))
        assert before.other_spellings == before.rejected - after.rejected > 0
        assert after.other_spellings == 0


MISSING_WORDS = ["NA", "nan", "None", "NULL", "N/A", "\\N", " null "]


@pytest.mark.parametrize("any_spelling", [True, False])
def test_what_files_write_for_missing_is_missing_in_every_column_alike(tmp_path, any_spelling):
    for column in ("month", "region"):
        report = load_corpus(
            with_column(
                tmp_path, column, [*MISSING_WORDS, "", None, "2019-01" if column == "month" else "South Korea"]
            ),
            any_spelling=any_spelling,
        ).report
        assert (report.kept, report.missing_month + report.missing_region) == (10, 9)
        assert f"column {column!r}: 'NA' counts as missing (1 rows)" in report.notes
    report = load_corpus(with_column(tmp_path, "text", [*MISSING_WORDS, "None of it snows."])).report
    assert (report.kept, {reject.reason[:19] for reject in report.rejects}) == (1, {"the text is missing"})


def test_na_among_codes_of_two_letters_is_namibia_and_said(tmp_path):
    report = load_corpus(with_column(tmp_path, "region", ["NA", "US", "GB", "NA", "nan", "ZA"])).report
    assert report.by_region == {"NA": 2, "GB": 1, "US": 1, "ZA": 1}
    assert any("'NA' is Namibia" in note for note in report.notes)
    for others in (["USA", "GBR"], ["US", "UK"], ["Kent", "US"]):
        report = load_corpus(with_column(tmp_path, "region", ["NA", *others, "NA"])).report
        assert set(report.by_region) == set(others) and report.missing_region == 2


def test_a_wanted_region_of_ones_own_is_never_a_missing_one(tmp_path):
    path = with_column(tmp_path, "region", ["NA", "None", "EMEA"])
    report = load_corpus(path, regions=RegionSet(["NA", "EMEA"]), any_spelling=True).report
    assert (report.by_region, report.missing_region) == ({"EMEA": 1, "NA": 1}, 1)


def test_countries_of_any_english_spelling_become_one_region(tmp_path):
    names = ["Republic of Korea", "Korea, South", "KOREA, REP.", "South Korea", "Jersey City"]
    report = load_corpus(with_column(tmp_path, "region", names), any_spelling=True).report
    assert list(report.by_region.values()) == [4, 1]
    assert report.unknown_places() == ["Jersey City"]


@pytest.mark.parametrize("numbers", [[840, 36, 32, 840], ["840", "036", "032", "840"]])
def test_a_column_of_nothing_but_iso_numbers_is_read(tmp_path, numbers):
    report = load_corpus(with_column(tmp_path, "region", numbers), any_spelling=True).report
    assert report.by_region == {"US": 2, "AR": 1, "AU": 1}
    assert report.notes == ["column 'region': numbers are those of ISO 3166"]


@pytest.mark.parametrize("numbers", [["840", "UK"], ["4", "8", "12", "UK"], ["101", "840", "UK"]])
def test_other_numbers_stay_no_regions(tmp_path, numbers):
    report = load_corpus(with_column(tmp_path, "region", numbers), any_spelling=True).report
    assert report.by_region == {"UK": 1} and "is a number, not a label" in report.rejects[0].reason


FRENCH = "Le gouvernement a annoncé une nouvelle loi sur les retraites hier soir."
RUSSIAN = "Правительство объявило о новом законе вчера вечером."
ENGLISH = "The government announced a new law on pensions last night, and nobody liked it."


@pytest.mark.parametrize("other", [FRENCH, RUSSIAN])
def test_rows_in_another_language_are_counted_and_said(tmp_path, other):
    report = load_corpus(with_column(tmp_path, "text", [ENGLISH, other, ENGLISH] * 10)).report
    assert report.notes == [
        "10 of 30 rows seem to be in another language than English, the only one that the model knows"
    ]


def test_a_few_such_rows_and_short_or_slangy_english_are_passed_over(tmp_path):
    english = [ENGLISH, "A woman opens a window.", "I'd say it's Bob's; don't you think?", "Fog.", "@a http://x.org #b"]
    assert load_corpus(with_column(tmp_path, "text", [*english * 5, FRENCH])).report.notes == []


def test_the_language_of_a_large_file_is_judged_by_a_sample_of_all_of_it(tmp_path):
    texts = [ENGLISH] * 3000 + [FRENCH] * 3000
    report = load_corpus(
        with_column(tmp_path, "text", [f"{number} {text}" for number, text in enumerate(texts)])
    ).report
    assert report.notes[0].startswith("750 of 1,500 rows (a sample of all) seem to be in another language")


def test_the_report_counts_what_is_there(tmp_path):
    report = load_corpus(written(tmp_path, as_bytes(ROWS, ".csv"))).report
    assert (report.rows, report.kept, report.rejected, report.outside) == (4, 4, 0, 0)
    assert report.by_month == {"2019-01": 2, "2019-07": 1}
    assert report.by_region == {"CAN": 2, "AUS": 1}
    assert (report.missing_month, report.missing_region, report.duplicates) == (1, 1, 1)
    assert report.rejects_path is None
    assert "4 rows, 4 kept, 0 rejected" in str(report)
    assert CorpusReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path):
    content = b"\xef\xbb\xbf\r\ntext,month,region\r\n\r\nOne.,2019-01,UK\r\n\r\nTwo.,2019-02,US"
    corpus = load_corpus(written(tmp_path, content))
    assert corpus.dataset["text"][:] == ["One.", "Two."]


def test_columns_can_have_other_names_and_further_ones_are_kept_as_text(tmp_path):
    content = "n,body,when,where,region\n1,One.,2019-01,UK,Kent\n2,Two.,2019-02,US,\n"
    corpus = load_corpus(written(tmp_path, content), text="body", month="when", region="where")
    assert corpus.dataset.column_names == ["text", "month", "region", "n", "when", "file_region"]
    assert list(corpus.dataset[0].values()) == ["One.", "2019-01", "UK", "1", "2019-01", "Kent"]


def test_json_and_parquet_values_become_text(tmp_path):
    line = {"text": "One.", "month": "2019-01", "region": "UK", "n": 1, "tags": ["é"], "none": None}
    other = {"text": "Two.", "month": "2019-01", "region": "UK", "late": True}
    dataset = load_corpus(written(tmp_path, f"{json.dumps(line)}\n{json.dumps(other)}\n", "corpus.jsonl")).dataset
    assert dataset[0] == {
        "text": "One.", "month": "2019-01", "region": "UK", "n": "1", "tags": '["é"]', "none": None, "late": None
    }  # fmt: skip
    assert dataset[1]["late"] == "true"


def test_typed_parquet_months_are_read(tmp_path):
    day = datetime.datetime(2019, 5, 31, 12)
    for kind in (pyarrow.date32(), pyarrow.timestamp("ns"), pyarrow.timestamp("ms", tz="UTC")):
        table = pyarrow.table(
            {"text": ["One.", "Two."], "month": pyarrow.array([day, None], kind), "region": ["UK"] * 2}
        )
        pyarrow.parquet.write_table(table, tmp_path / "typed.parquet")
        assert load_corpus(tmp_path / "typed.parquet").dataset["month"][:] == ["2019-05", None]


def test_names_of_one_country_become_one_region_in_the_first_spelling(tmp_path):
    content = "text,month,region\nA.,2019-01,GB\nB.,2019-01,UK\nC.,2019-01,United Kingdom\nD.,2019-01,Wales\n"
    corpus = load_corpus(written(tmp_path, content))
    assert corpus.dataset["region"][:] == ["GB", "GB", "GB", "Wales"]
    assert list(corpus.regions) == ["GB", "Wales"]


def test_a_given_set_spells_the_regions(tmp_path):
    content = "text,month,region\nA.,2019-01,GB\nB.,2019-01,USA\n"
    corpus = load_corpus(written(tmp_path, content), regions=RegionSet(["US", "UK"]))
    assert corpus.dataset["region"][:] == ["UK", "US"]
    assert list(corpus.regions) == ["US", "UK"]


OUTSIDE = "text,month,region\nA.,2019-01,UK\nB.,2030-01,UK\nC.,2019-01,FRA\nD.,2019-01,Mars\nE.,2019-13,FRA\nF.,,\n"


def test_rows_outside_the_wanted_months_and_regions_are_rejected_by_default(tmp_path):
    wanted: dict[str, Any] = {"months": MonthRange("2019-01", "2019-12"), "regions": RegionSet(["UK"])}
    report = load_corpus(written(tmp_path, OUTSIDE), **wanted).report
    assert (report.kept, report.rejected, report.outside) == (2, 4, 0)
    assert [reject.row for reject in report.rejects] == [2, 3, 4, 5]
    assert report.rejects[0].reason == "month '2030-01' is outside 2019-01..2019-12"
    assert report.rejects[1].reason == "unknown region 'FRA' (France); known: UK"


def test_rows_outside_can_be_skipped_and_counted_while_bad_ones_are_still_rejected(tmp_path):
    wanted: dict[str, Any] = {
        "months": MonthRange("2019-01", "2019-12"),
        "regions": RegionSet(["UK"]),
        "outside": "skip",
    }
    report = load_corpus(written(tmp_path, OUTSIDE), **wanted).report
    assert (report.kept, report.rejected, report.outside) == (2, 2, 2)
    assert [reject.value for reject in report.rejects] == ["Mars", "2019-13"]


# A good row stands before and after each bad one: both must be kept, the bad one named by row, line and reason.
BAD_LINES = [
    ('"An open quote,2019-01,UK', "the quotes do not match"),
    ('An open,"quote,2019-01', "the quotes do not match"),
    ('"A closed"quote,2019-01,UK', "the quotes do not match"),
    ("Too few,2019-01", "too few fields: 2 instead of 3"),
    ("Too, many,2019-01,UK", "too many fields: 4 instead of 3"),
    ("A carriage\rreturn,2019-01,UK", "a carriage return stands inside an unquoted field"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_costs_that_line_only(tmp_path, line, reason):
    content = f'text,month,region\n"Good, one.",2019-01,UK\n{line}\n"Good, two.",2019-02,US\nGood three.,2019-02,US\n'
    corpus = load_corpus(written(tmp_path, content))
    assert corpus.dataset["text"][:] == ["Good, one.", "Good, two.", "Good three."]
    (reject,) = corpus.report.rejects
    assert (reject.row, reject.line, reject.column) == (2, 3, None)
    assert reason in reject.reason
    assert reject.value == line


def test_an_unclosed_quote_at_the_end_of_the_file_costs_that_line_only(tmp_path):
    content = 'text,month,region\n"One, two.",2019-01,UK\n"Open,2019-01,UK\nTwo.,2019-01,UK\nThree.,2019-01,UK\n'
    corpus = load_corpus(written(tmp_path, content))
    assert corpus.dataset["text"][:] == ["One, two.", "Two.", "Three."]
    assert corpus.report.rejects[0].reason == "a quote is opened and never closed"
    assert (corpus.report.rejects[0].row, corpus.report.rejects[0].line) == (2, 3)


def test_an_unclosed_quote_that_swallows_rows_up_to_another_gives_them_back(tmp_path):
    # The quote of line 2 is closed by the one of line 5: the parser sees one record of four lines, with too few fields.
    content = 'text,month,region\n"Open,2019-01,UK\nOne.,2019-01,UK\nTwo.,2019-02,US\n"\nThree.,2019-01,UK\n'
    corpus = load_corpus(written(tmp_path, content))
    assert corpus.dataset["text"][:] == ["One.", "Two.", "Three."]
    assert [reject.line for reject in corpus.report.rejects] == [2, 5]


def test_many_unclosed_quotes_do_not_take_quadratic_time(tmp_path):
    lines = ['"Open,2019-01,UK' if i % 2 else f"Text {i}.,2019-01,UK" for i in range(20_001)]
    # Each open quote meets the next one, which a letter follows, and is so found out after two lines.
    corpus = load_corpus(written(tmp_path, "\n".join(["text,month,region", '"A comma, in quotes.",,', *lines])))
    assert corpus.report.rejected == 10_000
    assert corpus.report.kept == 10_002


def test_a_byte_that_is_not_utf8_costs_its_row_only(tmp_path):
    for name, good, bad in (
        ("corpus.csv", "Gööd.,2019-01,UK\n".encode(), b"Caf\xe9,2019-01,UK\n"),
        (
            "corpus.jsonl",
            '{"text":"Gööd.","month":"2019-01","region":"UK"}\n'.encode(),
            b'{"text":"Caf\xe9","month":null,"region":"UK"}\n',
        ),
    ):
        header = b"text,month,region\n" if name.endswith("csv") else b""
        corpus = load_corpus(written(tmp_path, header + good + bad + good, name))
        assert corpus.report.kept == 2
        (reject,) = corpus.report.rejects
        assert reject.row == 2
        assert "not UTF-8: byte 0xe9" in reject.reason


def test_text_that_is_not_utf8_in_parquet_costs_its_row_only(tmp_path):
    binary = pyarrow.array([b"Good.", b"Caf\xe9", b"Good too."])
    text = pyarrow.Array.from_buffers(pyarrow.string(), 3, binary.buffers())
    pyarrow.parquet.write_table(
        pyarrow.table({"text": text, "month": ["2019-01"] * 3, "region": ["UK"] * 3}), tmp_path / "c.parquet"
    )
    corpus = load_corpus(tmp_path / "c.parquet")
    assert corpus.dataset["text"][:] == ["Good.", "Good too."]
    assert str(corpus.report.rejects[0]) == "row 2, column 'text': not UTF-8"


def test_a_text_of_ten_megabytes_is_rejected_and_the_rest_read(tmp_path):
    corpus = load_corpus(written(tmp_path, f"text,month,region\n{'x' * 10_000_000},2019-01,UK\nGood.,2019-01,UK\n"))
    assert corpus.dataset["text"][:] == ["Good."]
    (reject,) = corpus.report.rejects
    assert reject.reason == "the line is longer than 1,000,000 characters"
    assert len(reject.value) == 80


def test_the_longest_text_can_be_chosen(tmp_path):
    path = written(tmp_path, f"text,month,region\n{'x' * 200_000},2019-01,UK\nGood.,2019-01,UK\n")
    assert "200,000 characters; at most 100,000" in load_corpus(path).report.rejects[0].reason
    assert load_corpus(path, max_characters=200_000).report.kept == 2


def test_ids_that_repeat_are_rejected_and_missing_ones_are_not(tmp_path):
    content = (
        "id,text,month,region\n1,A.,2019-01,UK\n2,B.,2019-01,UK\n1,C.,2019-01,UK\n,D.,2019-01,UK\n,E.,2019-01,UK\n"
    )
    corpus = load_corpus(written(tmp_path, content), id="id")
    assert corpus.dataset["text"][:] == ["A.", "B.", "D.", "E."]
    assert (
        str(corpus.report.rejects[0])
        == "row 3 (line 4), column 'id': an earlier row has the id '1' too; ids must differ"
    )


def test_the_bound_on_word_pieces_is_never_more_than_the_tokenizer_makes():
    from spacetime.model.weights import load_tokenizer

    try:
        tokenizer = load_tokenizer()
    except (OSError, ValueError) as error:
        pytest.skip(f"the plain model's tokenizer is not here: {error}")
    for text in (
        "It's 3.5 %, isn't it?",
        "\x93The\x94 caf\u00e9s \x93 \u200b a\u00adb",
        "\u96ea\u96ea x_y 1,000.-",
        "a" * 300,
    ):
        assert len(_SURE_PIECES.findall(text)) <= len(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_texts_surely_beyond_128_word_pieces_are_counted(tmp_path):
    content = f"text,month,region\n{'word ' * 126},2019-01,UK\n{'word ' * 127},2019-01,UK\n{'a.' * 64},2019-01,UK\n"
    assert load_corpus(written(tmp_path, content)).report.too_long == 2


def test_the_rejects_file_holds_every_bad_row_and_exists_only_if_there_are_any(tmp_path):
    bad = "text,month,region\n" + ",2019-01,UK\n" * 1500 + "Good.,2019-01,UK\n"
    rejects = tmp_path / "rejects.csv"
    report = load_corpus(written(tmp_path, bad), rejects=rejects).report
    assert (report.rejected, len(report.rejects), report.rejects_path) == (1500, 1000, str(rejects))
    with rejects.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 1500
    assert rows[-1] == {"row": "1500", "line": "1501", "column": "text", "value": "", "reason": "the text is empty"}
    plain_file = written(tmp_path, "", "other.csv")
    assert rejects.stat().st_mode == plain_file.stat().st_mode, "readable by whom any new file is"
    load_corpus(written(tmp_path, "text,month,region\nGood.,2019-01,UK\n"), rejects=rejects)
    assert not rejects.exists()


def test_a_file_of_somebody_elses_is_not_removed_as_an_old_rejects_file(tmp_path):
    mine = written(tmp_path, "my notes\n", "notes.csv")
    load_corpus(written(tmp_path, "text,month,region\nGood.,2019-01,UK\n"), rejects=mine)
    assert mine.read_text() == "my notes\n"


def test_strict_raises_at_the_first_bad_row_and_still_writes_them_all(tmp_path):
    path = written(tmp_path, "text,month,region\nGood.,2019-01,UK\nBad.,2019-13,UK\nWorse.,x,UK\n")
    rejects = tmp_path / "rejects.csv"
    with pytest.raises(
        ValueError, match=r"corpus.csv: row 2 \(line 3\), column 'month': month '2019-13': .*2 bad rows in all"
    ):
        load_corpus(path, strict=True, rejects=rejects)
    assert len(rejects.read_text().splitlines()) == 3


def test_the_second_load_reads_the_cache_and_a_changed_file_does_not(tmp_path, monkeypatch):
    path = written(tmp_path, "text,month,region\nGood.,2019-01,UK\nBad.,2019-13,UK\n")
    first = load_corpus(path)
    monkeypatch.setattr("spacetime.corpus.reading.open_rows", None)  # a second pass would fail
    second = load_corpus(path)
    assert second.report == first.report
    assert second.dataset.to_list() == first.dataset.to_list()
    monkeypatch.undo()
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))
    assert load_corpus(written(tmp_path, "text,month,region\nOther.,2019-01,UK\n")).dataset["text"][:] == ["Other."]


def test_other_options_are_not_answered_from_the_cache(tmp_path):
    path = written(tmp_path, OUTSIDE)
    assert load_corpus(path).report.kept == 5
    assert load_corpus(path, regions=RegionSet(["UK"]), outside="skip").report.kept == 3


def test_a_damaged_cache_is_made_again(tmp_path):
    path = written(tmp_path, "text,month,region\nGood.,2019-01,UK\n")
    load_corpus(path)
    for cached in (tmp_path / "cache").rglob("*.*"):
        cached.write_bytes(cached.read_bytes()[:20])
    assert load_corpus(path).dataset["text"][:] == ["Good."]


def test_a_failed_load_leaves_nothing_in_the_cache(tmp_path):
    content = gzip.compress(("text,month,region\n" + "Bad.,2019-13,UK\nGood.,2019-01,UK\n" * 5000).encode())[:-20]
    with pytest.raises(ValueError, match="truncated"):
        load_corpus(written(tmp_path, content, "corpus.csv.gz"))
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_hub_data_set_is_read_by_name_and_split(tmp_path, monkeypatch):
    import datasets

    asked = []

    def from_the_hub(name: str, split: str) -> datasets.Dataset:
        asked.append((name, split))
        return datasets.Dataset.from_list(KEPT)

    monkeypatch.setattr(datasets, "load_dataset", from_the_hub)
    assert load_corpus("hub:someone/news:test").dataset.to_list() == KEPT
    assert set(asked) == {("someone/news", "test")}
    load_corpus("hub:someone/news")
    assert asked[-1] == ("someone/news", "train")


def test_no_progress_bar_is_drawn_where_stderr_is_no_terminal(tmp_path, capsys):
    load_corpus(written(tmp_path, as_bytes(ROWS, ".csv")))
    assert capsys.readouterr().err == ""
    load_corpus(written(tmp_path, as_bytes(ROWS[:3], ".csv")), show_progress=True)
    assert "corpus.csv" in capsys.readouterr().err


def test_rows_that_repeat_earlier_ones_are_counted_however_far_apart_they_stand(tmp_path):
    draw = random.Random(0)
    rows = [(f"Rain {draw.randrange(70)}.", f"2019-{draw.randrange(1, 13):02d}") for _ in range(2000)]
    content = "text,month,region\n" + "".join(f"{text},{month},UK\n" for text, month in rows)
    assert load_corpus(written(tmp_path, content)).report.duplicates == 2000 - len(set(rows))


SCRAPS = [
    "a",
    ",",
    '"',
    '""',
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "\0",
    "é",
    "text,month,region\n",
    "2019-01",
    "UK",
    "{",
    "}",
    "[",
    ":",
    "\\ud800",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(SCRAPS), min_size=1, max_size=6).map("".join), min_size=1, max_size=8))
def test_what_the_csv_module_writes_comes_back_unchanged(texts):
    good = [text for text in texts if text.strip() and "\0" not in text]
    with tempfile.TemporaryDirectory() as folder:
        rows = [{"text": text, "month": "2019-01", "region": "UK"} for text in [*good, "At least one."]]
        corpus = load_corpus(written(Path(folder), as_bytes(rows, ".csv")), cache_dir=folder)
        assert corpus.dataset["text"][:] == [*good, "At least one."]
        assert corpus.report.rejected == 0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(SCRAPS), max_size=30).map(lambda scraps: "".join(scraps).encode("utf-8"))
    | st.binary(max_size=60),
    st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz"]),
    st.booleans(),
)
def test_no_content_whatever_ends_in_anything_but_a_corpus_or_a_clear_error(content, suffix, with_header):
    content = b"text,month,region\n" + content if with_header else content
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), content, f"corpus{suffix}")
        try:
            report = load_corpus(path, cache_dir=folder).report
        except ValueError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
        else:
            assert report.rows == report.kept + report.rejected


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux's /proc")
def test_memory_stays_flat_from_ten_thousand_rows_to_two_hundred_thousand(tmp_path):
    # In a process of its own: a peak can only be measured once.
    program = (
        "import sys; from spacetime.corpus import load_corpus\n"
        "load_corpus(sys.argv[1])\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    peaks = []
    for count in (10_000, 200_000):
        rows = "".join(f"Sentence {i} {'and so on ' * 20},2019-01,UK\n" for i in range(count))
        path = written(tmp_path, f"text,month,region\n{rows}", f"{count}.csv")
        command = [sys.executable, "-c", program, str(path)]
        out = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
        peaks.append(int(out.stdout) * 1024)
    # The larger file has 46 MB. What may grow is the set of hashes that finds duplicates, up to 200,000 of them.
    assert path.stat().st_size > 45e6
    assert peaks[1] - peaks[0] < 35e6


def test_a_date_column_that_gives_the_month_is_kept_for_splits_by_day(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("headline,date,region\nRain,2019-11-30,UK\n", encoding="utf-8")
    corpus = load_corpus(path, text="headline", month="date", cache_dir=tmp_path / "cache")
    assert corpus.dataset[0] == {"text": "Rain", "month": "2019-11", "region": "UK", "date": "2019-11-30"}


# --- files without months or regions ------------------------------------------------------------------


@pytest.mark.parametrize("content", ["text\nIt snows.\n", "text,month,region\nIt snows.,?,Ruritania\n"])
def test_a_column_that_is_none_leaves_every_row_without_such_a_label(content, tmp_path):
    path = tmp_path / "news.csv"
    path.write_text(content)
    corpus = load_corpus(path, month=None, region=None, cache_dir=tmp_path)
    assert (corpus.dataset[0]["month"], corpus.dataset[0]["region"]) == (None, None)
    assert (corpus.report.missing_month, corpus.report.missing_region, corpus.report.rejected) == (1, 1, 0)


@pytest.mark.parametrize(
    ("column", "rows", "value"),
    [
        ("month", ["a,5/26/17,UK", "b,5/27/17,UK", "c,,UK"], "5/26/17"),
        ("region", ["a,2019-01,uk", "b,2019-01,United  States", "c,2019-01,"], "uk"),
    ],
)
def test_where_no_row_has_a_label_the_first_rejected_row_says_why(column, rows, value, tmp_path):
    path = tmp_path / "news.csv"
    path.write_text("\n".join(["text,month,region", *rows]) + "\n")
    cause = rf"1 of 3 rows have none, and 2 were rejected; the first: row 1 \(line 2\), column '{column}': .*'{value}'"
    with pytest.raises(ValueError, match=f"no row that can be used has a {column}: {cause}"):
        load_corpus(path, cache_dir=tmp_path)
