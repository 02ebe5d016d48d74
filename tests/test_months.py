"""What spacetime.months promises."""

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spacetime.months import (
    MISSING,
    MonthRange,
    day_comes_first,
    is_missing_word,
    month_number,
    parse_any_month,
    parse_month,
)

PUBLISHED = MonthRange("2017-01", "2021-12")

SAME_MONTH = [
    "2019-11",
    "2019-11-30",
    "2019-11-30T16:19:57Z",
    "2019-11-30 10:22:05.123+01:00",
    "2019-11-30T24:00:00",
    np.str_("2019-11"),
    datetime.date(2019, 11, 30),
    datetime.datetime(2019, 11, 30, 23, 59, tzinfo=datetime.UTC),
    pd.Timestamp("2019-11-30"),
    pd.Period("2019-11", "M"),
    pd.Period("2019-11-30", "D"),
    np.datetime64("2019-11"),
    np.datetime64("2019-11-30T23:59"),
]
MISSING_VALUES = [None, "", float("nan"), np.float64("nan"), np.datetime64("NaT"), pd.NaT, pd.NA]


@pytest.mark.parametrize("value", SAME_MONTH, ids=repr)
def test_every_accepted_form_of_a_month_is_the_same_month(value):
    assert parse_month(value) == "2019-11"
    assert PUBLISHED.ids(value) == 34


@pytest.mark.parametrize("value", MISSING_VALUES, ids=repr)
def test_a_missing_month_has_no_label_and_the_missing_id(value):
    assert parse_month(value) is None
    assert PUBLISHED.ids(value) == MISSING


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2019-13", "month '2019-13': there is no such month"),
        ("2019-00", "there is no such month"),
        ("0000-01", "there is no such month"),
        ("2019-02-30", "there is no such day"),
        ("2019-1", "month '2019-1' is not a month"),
        (" 2019-11", "month ' 2019-11' is not a month"),
        ("2019-11\n", "is not a month"),
        ("2019/11", "is not a month"),
        ("\u0662\u0660\u0661\u0669-11", "is not a month"),  # Arabic digits
        ("x" * 10_000_000, "is not a month"),
        (201911, "month must be text such as '2019-11', not the number 201911; write '2019-11'"),
        (np.int64(201911), "not the number 201911"),
        (1.0, "not the number 1.0"),
        (True, "not the number True"),
        (b"2019-11", "of type bytes"),
        (datetime.time(11), "of type time"),
        (np.datetime64("2019"), "no single month"),
        (np.datetime64("2019-11-30", "W"), "no single month"),
        (pd.Period("2019-11-30", "W"), "2019-11 to 2019-12"),
        (pd.Period("2019", "Y"), "does not lie inside one month"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_month_is_refused_with_its_value_in_a_short_message(value, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_month(value)
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "2019-03",
        " 2019-03 ",
        "201903",
        "20190304",
        "2019-3-4",  # the year first: the month follows
        "2019/03/04 10:22",
        "2019-03-04T10:22:05.123Z",
        "2019-03-04 10:22:05+02:00",
        "Mar 2019",
        "March, 2019",
        "4 March 2019",
        "4-Mar-2019 10:22",
        "Mon Mar 04 10:22:05 +0000 2019",
        "03/2019",
        "03/30/2019",
        "30.03.2019",
        "03/03/2019",
        "03.2019",
        201903,
        201903.0,
        np.int64(20190304),
        "1551693725.0",
        1551693725,
        "1551693725000",
        Decimal("1551693725123456789"),
    ],
)
def test_a_date_of_any_precision_and_common_spelling_folds_to_its_month(text):
    assert parse_any_month(text) == "2019-03"


@pytest.mark.parametrize("value", SAME_MONTH, ids=repr)
def test_the_generous_reading_takes_all_that_the_strict_one_takes(value):
    assert parse_any_month(value) == "2019-11"


@pytest.mark.parametrize("value", [*MISSING_VALUES, "  "], ids=repr)
def test_the_generous_reading_takes_a_missing_month_for_missing(value):
    assert parse_any_month(value) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("03/04/2019", "month '03/04/2019' could be 2019-03 or 2019-04; write it as YYYY-MM-DD"),
        ("2019", "month '2019' is a year without a month"),
        (2017, "month '2017' is a year without a month"),
        ("2019Q3", "is a quarter, and a quarter is no month"),
        ("2019-Q4", "is a quarter"),
        ("2019-W48", "is a week, and a week may lie in two months"),
        ("31-12-19", "has a year of two digits;"),  # the century would be a guess
        ("5/26/17", "has a year of two digits;"),
        ("Nov-19", "has a year of two digits, or none"),
        ("March", "has no year"),
        ("10:22", "is a time of day without a date"),
        ("2019-01-30/2019-02-01", "is a span of time"),
        ("2019-01-31 to 2019-02-28", "is a span of time"),
        ("8 avr. 2020", "names no month in English"),
        ("31. Januar 2019", "names no month in English"),
        ("5 de marzo de 2019", "names no month in English"),
        ("2019-05-01 10:00:00 +0000 UTC", "is not a month"),
        ("30/02/2019", "is no day of the calendar"),
        ("2019/13/01", "is no day of the calendar"),
        ("43466", "is a number of five digits"),
        ("151204", "is neither YYYYMM nor YYYYMMDD of 1900 to 2099, nor seconds"),
        (9_999_999_999_999, "is neither YYYYMM"),
        ("3.5", "is a number and no date"),
        ("nan", "a missing month is left empty"),
        ("2019-13", "there is no such month"),
        ("2019-02-30", "there is no such day"),
        ("tomorrow", "is not a month"),
        ("x" * 10_000_000, "is not a month"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_the_generous_reading_guesses_neither_month_nor_year(text, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_any_month(text)
    assert len(str(error.value)) < 300


def test_thirteen_digits_are_milliseconds_and_never_a_month_of_the_year_1512():
    assert parse_any_month("1512041200000") == parse_any_month(1512041200000) == "2017-11"
    assert parse_any_month("1577836799999") == "2019-12", "the last millisecond of 2019, in UTC"


@pytest.mark.parametrize("text", ["03/04/2019", "3.4.2019 10:22"])
def test_a_date_that_could_be_two_months_is_read_as_told(text):
    assert parse_any_month(text, day_first=True) == "2019-04"
    assert parse_any_month(text, day_first=False) == "2019-03"
    assert parse_any_month("30/03/2019", day_first=False) == "2019-03", "what is sure stays so"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30/01/2019", True),
        ("01-30-2019 10:22", False),
        ("03/04/2019", None),
        ("2019-01-30", None),
        ("45/01/2019", None),
        ("0/13/2019", None),
        ("", None),
    ],
)
def test_a_part_over_twelve_says_where_the_day_stands(text, expected):
    assert day_comes_first(text) is expected


@pytest.mark.parametrize("word", ["NA", "n/a", "nan", "None", "NULL", "\\N", " NaN ", "-"])
def test_what_files_write_for_missing_is_known(word):
    assert is_missing_word(word)


@pytest.mark.parametrize("word", ["", "Nan Province", "--", "NAM", None, 0, "none of it"])
def test_nothing_else_is(word):
    assert not is_missing_word(word)


def test_the_published_range_has_sixty_months_from_id_0():
    assert len(PUBLISHED) == 60
    assert list(PUBLISHED)[0] == "2017-01"
    assert list(PUBLISHED)[-1] == "2021-12"
    assert PUBLISHED.ids("2017-01") == 0
    assert PUBLISHED.ids("2021-12") == 59


@pytest.mark.parametrize("label", ["2016-12", "2022-01"])
def test_a_month_outside_the_range_names_month_and_range(label):
    for values in (label, ["2017-01", label], np.array([label], dtype="datetime64[D]")):
        with pytest.raises(ValueError) as error:
            PUBLISHED.ids(values)
        assert str(error.value) == f"month '{label}' is outside 2017-01..2021-12"


def test_labels_are_the_inverse_of_ids():
    labels = [*PUBLISHED, None]
    assert PUBLISHED.labels(PUBLISHED.ids(labels)).tolist() == labels
    assert PUBLISHED.labels(3) == "2017-04"
    assert PUBLISHED.labels(MISSING) is None


@pytest.mark.parametrize("ids", [60, -2, [0, 60], np.uint8(60)])
def test_an_id_outside_the_range_is_refused(ids):
    with pytest.raises(ValueError, match=r"month id (60|-2) is outside 0\.\.59"):
        PUBLISHED.labels(ids)


@pytest.mark.parametrize("ids", [1.5, True, "0", [1.0]])
def test_an_id_that_is_no_whole_number_is_refused(ids):
    with pytest.raises(ValueError, match="month ids must be whole numbers"):
        PUBLISHED.labels(ids)


@pytest.mark.parametrize(
    "values",
    [
        ["2017-01", None, "2021-12"],
        ("2017-01", "", "2021-12"),
        np.array(["2017-01", "", "2021-12"]),
        np.array(["2017-01", None, "2021-12"], dtype=object),
        np.array(["2017-01", "NaT", "2021-12"], dtype="datetime64[M]"),
        pd.Series(["2017-01", None, "2021-12"]),
        pd.Series(["2017-01", None, "2021-12"], dtype="category"),
        pd.to_datetime(pd.Series(["2017-01-31", None, "2021-12-31"])),
        pd.PeriodIndex(["2017-01", None, "2021-12"], freq="M"),
        [datetime.date(2017, 1, 5), pd.NaT, np.datetime64("2021-12")],
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_many_months_become_an_int64_array(values):
    ids = PUBLISHED.ids(values)
    assert ids.dtype == np.int64
    assert ids.tolist() == [0, MISSING, 59]


def test_no_months_become_an_empty_array():
    assert PUBLISHED.ids([]).shape == (0,)
    assert PUBLISHED.labels([]).shape == (0,)


@pytest.mark.parametrize(
    "values", [[["2017-01"]], np.array([["2017-01"]]), pd.DataFrame({"month": ["2017-01"]}), {"2017-01"}]
)
def test_months_in_more_than_one_dimension_or_without_order_are_refused(values):
    with pytest.raises(ValueError, match="months must be one label or a"):
        PUBLISHED.ids(values)


def test_a_year_among_datetimes_is_refused():
    with pytest.raises(ValueError, match="no single month"):
        PUBLISHED.ids(np.array(["2017", "2018"], dtype="datetime64[Y]"))


def test_a_range_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match=r"month range 2021-12\.\.2017-01 ends before it starts"):
        MonthRange("2021-12", "2017-01")


@pytest.mark.parametrize("start", [None, "", float("nan")])
def test_a_range_without_a_start_is_refused(start: Any):
    with pytest.raises(ValueError, match="needs a month as its start"):
        MonthRange(start, "2021-12")


def test_a_range_of_one_month_and_one_far_from_the_published_both_work():
    assert MonthRange("2019-02", "2019-02").ids("2019-02") == 0
    assert MonthRange("1996-01", "2024-12").ids("2000-01") == 48


def test_ranges_are_equal_by_value_and_can_be_keys():
    same = MonthRange("2017-01-09", "2021-12-31")
    assert same == PUBLISHED
    assert hash(same) == hash(PUBLISHED)
    assert repr(same) == "MonthRange('2017-01', '2021-12')"


def test_membership_never_raises():
    assert "2019-11" in PUBLISHED
    values: list[object] = ["2022-01", "2019-13", None, 201911, []]
    assert all(value not in PUBLISHED for value in values)


def test_month_numbers_differ_by_the_months_between():
    assert month_number("2020-02") - month_number("2019-11") == 3
