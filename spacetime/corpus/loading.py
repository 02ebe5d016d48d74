"""A corpus: rows of text, month and region, checked once and then read from disk.

:func:`load_corpus` passes over the file once. Every row is checked; the good ones go to an Arrow file in a cache, from
which Hugging Face ``datasets`` reads them without holding them in memory; the bad ones go to a rejects file, each with
its number and its reason; a report counts it all. The same file with the same options is read from the cache the next
time.

Taught in lesson 03, building the data set.
"""

import contextlib
import csv
import datetime
import functools
import hashlib
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

import datasets
import numpy as np
import pyarrow
from tqdm import tqdm

from spacetime.corpus import reading
from spacetime.corpus.language import Sample
from spacetime.corpus.reading import Form, Quoting, Reject, Row
from spacetime.folders import replaced
from spacetime.months import (
    AmbiguousMonth,
    MonthRange,
    day_comes_first,
    is_missing,
    is_missing_word,
    parse_any_month,
    parse_month,
    quoted,
)
from spacetime.regions import RegionSet, check_region_label, find_place, fold_place, place_of_number

_FORMAT = 4  # counted up when the cached form changes, so that old cache files are not read
_BATCH_ROWS = 10_000
_BATCH_CHARACTERS = 32_000_000  # so that ten thousand long texts do not fill the memory
_HELD_REJECTS = 1000
_REMEMBERED = 100_000  # spellings of months; time stamps seldom repeat, and would only fill the memory
_MOST_REGIONS = 1000  # more different labels than this are no regions but the wrong column
_REJECT_COLUMNS = ("row", "line", "column", "value", "reason")
_ROLES = ("text", "month", "region")

_PIECES = 128  # all-MiniLM-L6-v2 as its card uses it reads so many word pieces, [CLS] and [SEP] included
# BERT's tokenizer cuts at spaces, drops control and format characters, and makes every ASCII punctuation mark a piece
# of its own; what stands between is at least one piece. So the matches of this pattern are a lower bound for the
# pieces.
_PUNCTUATION = r"!-/:-@\[-`{-~"
_DROPPED = "\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufffd"
_SURE_PIECES = re.compile(rf"[{_PUNCTUATION}]|[^\s{_PUNCTUATION}{_DROPPED}][^\s{_PUNCTUATION}]*")


@dataclass
class CorpusReport:
    """What was found in a corpus file.

    Attributes
    ----------
    path : str
        The file as it was named.
    rows, kept, rejected, outside : int
        Rows in the file; kept; rejected; left out because their month or region is outside the wanted ones.
        ``rows = kept + rejected + outside``.
    rejects : list of Reject
        The first 1,000 rejected rows; all of them stand in the rejects file.
    rejects_path : str or None
        Where the rejects file is; None when nothing was rejected.
    by_month, by_region : dict of str to int
        Kept rows, months in order, regions by falling count.
    missing_month, missing_region : int
        Kept rows without month, without region.
    duplicates : int
        Kept rows whose text, month and region all stood in an earlier kept row.
    too_long : int
        Kept rows that surely have more than 128 word pieces, so that the model will not read their end. A lower bound:
        every run of characters between spaces and punctuation counts as one piece, as does every ASCII punctuation
        mark.
    other_spellings : int
        Rejected rows whose month or region `any_spelling=True` would read.
    notes : list of str
        What was found out about the file and decided for it as a whole: its encoding, its separator, columns left out
        or renamed, how its dates were read, what counted as missing, its language.
    """

    path: str
    rows: int = 0
    kept: int = 0
    rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)
    rejects_path: str | None = None
    outside: int = 0
    by_month: dict[str, int] = field(default_factory=dict)
    by_region: dict[str, int] = field(default_factory=dict)
    missing_month: int = 0
    missing_region: int = 0
    duplicates: int = 0
    too_long: int = 0
    other_spellings: int = 0
    notes: list[str] = field(default_factory=list)

    def unknown_places(self) -> list[str]:
        """The regions that are not known as a country under this spelling, and so stay regions of their own."""
        return [region for region in self.by_region if region and find_place(region) is None]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CorpusReport":
        """Return the report that :meth:`to_dict` wrote.

        Parameters
        ----------
        values
            What it wrote.
        """
        return cls(**{**values, "rejects": [Reject(**reject) for reject in values["rejects"]]})

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.rows:,} rows, {self.kept:,} kept, {self.rejected:,} rejected"
            + (f", {self.outside:,} outside the wanted months or regions" if self.outside else ""),
            *self.notes,
        ]
        if self.kept:
            lines.append(
                f"duplicates {self.duplicates:,}, longer than {_PIECES} word pieces {self.too_long:,} or more, "
                f"no month {self.missing_month:,}, no region {self.missing_region:,}"
            )
        if self.by_region:
            regions = [f"{name} {count:,}" for name, count in self.by_region.items()]
            more = f", and {len(regions) - 20} more" if len(regions) > 20 else ""
            lines.append(f"regions ({len(regions)}): {', '.join(regions[:20])}{more}")
        if self.by_month:
            lines.append(f"months ({len(self.by_month)}):")
            years: dict[str, list[str]] = {}
            for month, count in self.by_month.items():
                years.setdefault(month[:4], []).append(f"{month[5:]}: {count:,}")
            lines += [f"  {year}  {'  '.join(months)}" for year, months in years.items()]
        if self.rejected:
            lines.append(f"rejected rows (all of them in {self.rejects_path}):")
            lines += [f"  {reject}" for reject in self.rejects[:20]]
            if self.rejected > 20:
                lines.append(f"  ... and {self.rejected - 20:,} more")
        return "\n".join(lines)


@dataclass
class Corpus:
    """A checked corpus.

    Attributes
    ----------
    dataset : datasets.Dataset
        Columns ``text``, ``month``, ``region`` and every other column of the file, all of them text. A month is
        ``YYYY-MM``, a region a label of ``regions``; None where missing.
    months : MonthRange
    regions : RegionSet
        As given, or as found in the file.
    report : CorpusReport
    """

    dataset: datasets.Dataset
    months: MonthRange
    regions: RegionSet
    report: CorpusReport


def load_corpus(
    path: Any,
    *,
    text: str = "text",
    month: str | None = "month",
    region: str | None = "region",
    id: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    quoting: Quoting | None = None,
    months: MonthRange | None = None,
    regions: RegionSet | None = None,
    outside: Literal["reject", "skip"] = "reject",
    any_spelling: bool = False,
    day_first: bool = False,
    month_first: bool = False,
    strict: bool = False,
    rejects: str | os.PathLike[str] | None = None,
    max_characters: int = 100_000,
    cache_dir: str | os.PathLike[str] | None = None,
    show_progress: bool | None = None,
) -> Corpus:
    """Read and check a corpus of any size.

    Parameters
    ----------
    path : str, path, pandas.DataFrame, datasets.Dataset or Arrow table
        A `.csv`, `.tsv`, `.parquet` or JSON file (`.jsonl`, `.ndjson`, `.jl`, `.json`: an object a line, or one array
        of objects), or a `.txt` file with a text a line; each also gzipped (`.gz`), or alone in a `.zip`. Or a data set
        on the hub as `hub:owner/name` or `hub:owner/name:split`. Or a table in memory, of pandas, `datasets`, pyarrow
        or polars: its rows are numbered from 1, whatever its index, and a class label is its name.
    text, month, region : str
        The file's name for this column, `place.country` for a field inside another. None for a month or a region says
        that the file has none, and every row is one without it. They are called text, month and region in the
        result; another column that has one of these names already is kept as `file_text`, `file_month` or
        `file_region`. A month column of another name (a date) is kept under that name besides. Any other column never
        stops a file: one without a name is left out, one whose name stands there already gets a name of its own, and
        the report says so.
    id : str, optional
        A column whose values must differ; a row that repeats an earlier one is rejected.
    encoding, separator, quoting : str, optional
        How a text file is written (`spacetime.corpus.reading.Form`). Without them it is found out, where only one
        answer fits the whole file, and the report says so.
    months : MonthRange, optional
        The wanted months; without it, from the first month in the file to the last (with ``month=None``, the published
        model's).
    regions : RegionSet, optional
        The wanted regions; without it, those of the file by falling count (with ``region=None``, the published
        model's). Two names of one country (UK, GB) are one
        region, spelled as it first stands in the file.
    outside : {"reject", "skip"}
        What becomes of a row with a valid month or a known country that is not among the wanted ones: rejected, or left
        out and counted.
    any_spelling : bool
        Also take dates of any precision in any common spelling (`spacetime.months.parse_any_month`) and countries under
        any English name, whatever their capitals, spaces and punctuation (`spacetime.regions.fold_place`), instead of
        rejecting what may be a slip. A column of nothing but ISO 3166 numbers is read, too.
    day_first : bool
        Read a date such as `03/04/2019` as the third of April, even without `any_spelling`. By default the column
        settles it: one date such as `30/04/2019` says that all have their day first. Where no date does, or some
        contradict others, such rows are rejected.
    month_first : bool
        Read a date such as `03/04/2019` as the fourth of March, even without `any_spelling`.
    strict : bool
        Fail at the first bad row (in the order of the file) instead of leaving it out.
    rejects : str or path, optional
        Where to write the rejected rows as CSV (row, line, column, value, reason). A value that a spreadsheet would run
        as a formula stands behind an apostrophe there. Without it they stand beside the cached corpus. The file is
        written only if there are rejects; an earlier rejects file there is removed if there are none.
    max_characters : int
        A longer text is rejected.
    cache_dir : str or path, optional
        Default: the environment variable ``SPACETIME_CACHE``, or ``~/.cache/spacetime``. It may be deleted at any time.
    show_progress : bool, optional
        Default: only when stderr is a terminal.

    Returns
    -------
    Corpus

    Raises
    ------
    ValueError
        If the file as a whole cannot be used (a column is missing, it is truncated, no row is good, ...), or at the
        first bad row if `strict`.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    A row is rejected for: a text that is missing, blank, too long or has a NUL character; a month or region that is not
    one (a missing one is fine: an empty field, null, or what files write for it, such as `NA`, `nan`, `None`, `NULL`,
    `N/A`, `\\N`; but `NA` is Namibia where nine in ten of the column's other regions are ISO codes of two letters);
    a field too few or too many; an unclosed quote; a byte that is not text in the file's encoding; broken JSON; and an
    `id` that an earlier good row has.

    What a region means, where a text was written or what it is about, is the corpus's to say.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "small.csv").write_text("text,month,region\\nIt snows.,2019-01,CAN\\nIt is hot.,2019-13,AUS\\n")
    >>> corpus = load_corpus(folder / "small.csv", cache_dir=folder, show_progress=False)
    >>> corpus.dataset[0]
    {'text': 'It snows.', 'month': '2019-01', 'region': 'CAN'}
    >>> print(corpus.report.rejects[0].row, corpus.report.rejects[0].value)
    2 2019-13
    """
    source, path = path, reading.name_of(path)
    _check_options(source, text, month, region, id, outside, rejects, max_characters)
    if day_first and month_first:
        raise ValueError("day_first and month_first exclude each other; give one of them, or neither")
    form = Form(encoding, separator, quoting)
    reading.check_path(source)
    order = True if day_first else False if month_first else None
    wanted = _Wanted(text, month, region, id, months, regions, outside, max_characters, any_spelling, order)
    folder = Path(cache_dir) if cache_dir is not None else _default_cache()
    stem = folder / "corpora" / _cache_key(source, form, wanted)
    cached = _read_cache(stem, path)
    if cached is None:
        bar = sys.stderr.isatty() if show_progress is None else show_progress
        _write_cache(stem, source, form, wanted, bar)
        cached = _read_cache(stem, path)
        if cached is None:
            raise OSError(f"{stem}.arrow cannot be read back; is the disk full, or the cache being deleted?")
    dataset, report = cached
    if rejects is not None:
        _copy_rejects(report, Path(rejects))
    if strict and report.rejected:
        raise ValueError(
            f"{path}: {report.rejects[0]} ({report.rejected:,} bad rows in all; see {report.rejects_path})"
            + _spelling_tip(report)
        )
    _check_kept(report)
    return Corpus(dataset, months or _found_months(report, month), regions or _found_regions(report, region), report)


class MissingColumn(ValueError):
    """A column that was asked for is not in the file; `role` is text, month or region."""

    def __init__(self, role: str, message: str) -> None:
        super().__init__(message)
        self.role = role


@dataclass(frozen=True)
class _Wanted:
    """What the caller asked for, in so far as it changes the result."""

    text: str
    month: str | None
    region: str | None
    id: str | None
    months: MonthRange | None
    regions: RegionSet | None
    outside: str
    max_characters: int
    any_spelling: bool
    day_first: bool | None

    @property
    def columns(self) -> list[str]:
        """The columns that the file must have, that of the texts first."""
        return [name for name in (self.text, self.month, self.region, self.id) if name is not None]


def _check_options(
    source: Any,
    text: str,
    month: str | None,
    region: str | None,
    id: str | None,
    outside: str,
    rejects: str | os.PathLike[str] | None,
    max_characters: int,
) -> None:
    for role, name in zip((*_ROLES, "id"), (text, month, region, id), strict=True):
        if name is None and role != "text":
            continue
        if not isinstance(name, str) or not name:
            none = "" if role == "text" else f" (or {role}=None where the file has none)"
            raise ValueError(f"{role}={name!r} must be the name of a column{none}")
    named = [name for name in (text, month, region) if name is not None]
    if len(set(named)) < len(named):
        raise ValueError(f"text={text!r}, month={month!r} and region={region!r} must be three different columns")
    if outside not in ("reject", "skip"):
        raise ValueError(f"outside={outside!r} is not allowed; give 'reject' or 'skip'")
    if isinstance(max_characters, bool) or not isinstance(max_characters, int) or max_characters < 1:
        raise ValueError(f"max_characters={max_characters!r} must be a whole number of at least 1")
    if rejects is not None:
        target = Path(rejects)
        if target.is_dir():
            raise ValueError(f"rejects={str(target)!r} is a directory; give the name of a file to write")
        if not target.parent.is_dir():
            raise FileNotFoundError(
                f"rejects={str(target)!r}: the folder {target.parent} does not exist; make it first"
            )
        if target.exists() and not reading.is_table(source) and Path(source).exists() and target.samefile(source):
            raise ValueError(f"rejects={str(target)!r} is the corpus file itself; give another name")


def _default_cache() -> Path:
    return Path(os.environ.get("SPACETIME_CACHE") or Path.home() / ".cache" / "spacetime")


def _cache_key(source: Any, form: Form, wanted: _Wanted) -> str:
    """Return a name that changes with the content, the options and the cached form."""
    # The same bytes may be read as another format.
    suffixes = "" if reading.is_table(source) else "".join(Path(source).suffixes[-2:]).lower()
    key = repr((_FORMAT, wanted, form, suffixes, reading.fingerprint(source)))
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _with_ending(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def _read_cache(stem: Path, path: str) -> tuple[datasets.Dataset, CorpusReport] | None:
    """Return the cached rows and report, or None when there are none or they are damaged (they are then made again)."""
    try:
        stored = json.loads(_with_ending(stem, ".json").read_text(encoding="utf-8"))
        report = CorpusReport.from_dict(stored)
        report.path = path  # the same content may have another name now
        rejects_path = _with_ending(stem, ".rejects.csv")
        report.rejects_path = str(rejects_path) if report.rejected else None
        if report.rejected and not rejects_path.exists():
            return None
        dataset = datasets.Dataset.from_file(str(_with_ending(stem, ".arrow")))
    except (OSError, ValueError, TypeError, KeyError, pyarrow.ArrowException):
        return None
    return (dataset, report) if len(dataset) == report.kept else None


def _check_kept(report: CorpusReport) -> None:
    """Raise when no row is left, saying what became of them."""
    if report.kept == 0:
        if report.outside:
            raise ValueError(
                f"{report.path}: no row is left: {report.outside:,} of {report.rows:,} are outside the wanted months "
                "or regions"
                + (f", {report.rejected:,} are rejected; the first: {report.rejects[0]}" if report.rejected else "")
                + _spelling_tip(report)
            )
        raise ValueError(
            f"{report.path}: none of its {report.rows:,} rows can be used; the first: {report.rejects[0]} "
            f"(all of them in {report.rejects_path})"
            + "".join(f"; {note}" for note in report.notes)
            + _spelling_tip(report)
        )


def _spelling_tip(report: CorpusReport) -> str:
    """What to do where another reading would take rejected rows; nothing where it would not."""
    if not report.other_spellings:
        return ""
    return f"; any_spelling=True would read {report.other_spellings:,} of them"


def _found_months(report: CorpusReport, month: str | None) -> MonthRange:
    if month is None:  # a model has a range of months, though no row uses it
        return MonthRange("2017-01", "2021-12")
    if not report.by_month:
        raise ValueError(_no_row_has("month", report))
    return MonthRange(min(report.by_month), max(report.by_month))


def _found_regions(report: CorpusReport, region: str | None) -> RegionSet:
    if region is None:
        return RegionSet(["UK", "US", "AUS", "CAN"])
    if not report.by_region:
        raise ValueError(_no_row_has("region", report))
    return RegionSet(list(report.by_region))


def _no_row_has(role: str, report: CorpusReport) -> str:
    """Why nothing was found where a label was looked for: rejected rows come first, as they may be the cause."""
    if report.rejected:
        return (
            f"{report.path}: no row that can be used has a {role}: {report.kept:,} of {report.rows:,} rows have none, "
            f"and {report.rejected:,} were rejected; the first: {report.rejects[0]} (all of them in "
            f"{report.rejects_path})"
        )
    wanted = "MonthRange('2017-01', '2021-12')" if role == "month" else "RegionSet(['UK', 'US'])"
    return f"{report.path}: no row has a {role}; give {role}=None, or those of the model as {role}s={wanted}"


def _copy_rejects(report: CorpusReport, target: Path) -> None:
    """Put the rejects where the caller wants them, or take away those of an earlier run that no longer hold."""
    if report.rejects_path is not None:
        with replaced(target) as stream, open(report.rejects_path, "rb") as source:
            shutil.copyfileobj(source, stream)
        report.rejects_path = str(target)
    elif target.exists():
        with target.open("rb") as earlier:
            ours = earlier.readline() == (",".join(_REJECT_COLUMNS) + "\r\n").encode()
        if ours:
            target.unlink()


def _write_cache(stem: Path, source: Any, form: Form, wanted: _Wanted, show_progress: bool) -> None:
    """Pass over the file once; write the good rows, the rejects and, last, as the sign of success, the report."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    path = reading.name_of(source)
    columns, rows, notes = reading.open_rows(source, form, wanted.columns, wanted.max_characters)
    extra = _extra_columns(path, columns, wanted)
    report = CorpusReport(path, notes=notes)
    with contextlib.ExitStack() as stack:
        rejects = stack.enter_context(_RejectsFile(_with_ending(stem, ".rejects.csv")))
        arrow = stack.enter_context(replaced(_with_ending(stem, ".arrow")))
        writer = stack.enter_context(_ArrowWriter(arrow, [*_ROLES, *extra.values()]))
        again = functools.partial(reading.open_rows, source, form, wanted.columns, wanted.max_characters)
        checker = _RowChecker(path, list(extra), wanted, lambda: again().rows)
        for row in tqdm(rows, desc=Path(path).name, unit=" rows", disable=not show_progress, file=sys.stderr):
            report.rows += 1
            result = checker.check(row) if isinstance(row, Row) else row
            if isinstance(result, Reject):
                report.rejected += 1
                rejects.write(result)
                if len(report.rejects) < _HELD_REJECTS:
                    report.rejects.append(result)
            elif result is None:
                report.outside += 1
            else:
                report.kept += 1
                writer.write(result)
    if report.rows == 0:
        raise ValueError(f"{path} has no rows")
    checker.count(report)
    with replaced(_with_ending(stem, ".json")) as stream:
        stream.write(json.dumps(report.to_dict()).encode())


def _extra_columns(path: str, columns: list[str], wanted: _Wanted) -> dict[str, str]:
    """The columns kept beside text, month and region, by their names in the file, with their names in the result."""
    named = zip((wanted.text, wanted.month, wanted.region), _ROLES, strict=True)
    roles = {name: role for name, role in named if name is not None}
    for name in wanted.columns:
        if name not in columns and name.partition(".")[0] not in columns:
            role = roles.get(name, "id")
            shown = ", ".join(repr(reading.shown(column)) for column in columns[:20])
            none = f", or that there is none with {role}=None" if role in ("month", "region") else ""
            row = any(re.fullmatch(r"[-+0-9.,:/ ]+", column) or len(column) > 60 for column in columns)
            none += "; is its first line a row? it must hold the names of the columns" if row else ""
            raise MissingColumn(
                role, f"{path} has no column {name!r}; it has {shown}; say which one it is with {role}=...{none}"
            )
    # A column of days that is folded to months is kept as it is, too: a split by whole days needs it.
    kept = [column for column in columns if column not in roles or (column == wanted.month and column not in _ROLES)]
    extra = {column: f"file_{column}" if column in _ROLES else column for column in kept}
    for column, result in extra.items():
        while result != column and result in columns:  # one of the file's own has this name: never stop for it
            result += "_"
        extra[column] = result
    return extra


class _ArrowWriter:
    """Writes rows of text to an Arrow stream, in batches that fit the memory whatever the texts' length."""

    def __init__(self, stream: IO[bytes], names: list[str]) -> None:
        self._schema = pyarrow.schema([(name, pyarrow.string()) for name in names])
        self._writer = pyarrow.ipc.new_stream(stream, self._schema)
        self._rows: list[list[str | None]] = []
        self._characters = 0

    def __enter__(self) -> "_ArrowWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        self._writer.close()

    def write(self, row: list[str | None]) -> None:
        self._rows.append(row)
        self._characters += sum(len(value) for value in row if value)
        if len(self._rows) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            arrays = [pyarrow.array(column, pyarrow.string()) for column in zip(*self._rows, strict=True)]
            self._writer.write_batch(pyarrow.record_batch(arrays, schema=self._schema))
        self._rows, self._characters = [], 0


class _RejectsFile:
    """The CSV file of all rejected rows; it appears when it is complete, and only if there are any."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._open = contextlib.ExitStack()
        self._writer: Any = None

    def __enter__(self) -> "_RejectsFile":
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def write(self, reject: Reject) -> None:
        if self._writer is None:
            binary = self._open.enter_context(replaced(self._target))
            lines = _TextLines(binary)
            self._writer = csv.writer(lines)
            self._writer.writerow(_REJECT_COLUMNS)
        self._writer.writerow([reading.inert(getattr(reject, name)) for name in _REJECT_COLUMNS])


class _TextLines:
    """What csv.writer writes to: passes each line on as UTF-8."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, line: str) -> int:
        return self._stream.write(line.encode("utf-8"))


@dataclass(frozen=True)
class _Column:
    """What the columns of months and regions say as a whole about values that could mean two things."""

    day_first: bool | None  # None: no date says it, or they contradict each other
    order_reason: str  # the date that says so, or those that contradict each other
    codes: bool  # regions are ISO codes of two letters
    numbers: bool  # regions are ISO numbers


def _read_columns(rows: Iterator[Row | Reject], month: str | None, region: str | None) -> _Column:
    """Pass over the file for its dates and regions alone."""
    orders: dict[bool, str] = {}
    codes = numbers = others = longest = 0
    for row in rows:
        if not isinstance(row, Row):
            continue
        try:
            date, place = _present(row, month), _present(row, region)
        except ValueError:  # the row will be rejected
            continue
        if len(orders) < 2 and isinstance(date, str) and (first := day_comes_first(date[:100])) is not None:
            orders.setdefault(first, f"{quoted(date)} in row {row.number:,}")
        if not (is_missing(place) or is_missing_word(place) or isinstance(place, str) and not place.strip()):
            label = str(place).strip()
            codes += len(label) == 2 and find_place(label.upper()) == label.upper()  # UK is none of ISO's
            if label[:1].isdigit() and place_of_number(label) is not None:
                numbers, longest = numbers + 1, max(longest, len(label.removesuffix(".0")))
            others += 1
    return _Column(
        next(iter(orders)) if len(orders) == 1 else None,
        " but ".join(orders.values()),
        0 < 0.9 * others <= codes,
        0 < others == numbers and longest == 3,
    )


class _RowChecker:
    """Checks one row after the other and counts what the report needs."""

    def __init__(
        self, path: str, extra: list[str], wanted: _Wanted, reread: Callable[[], Iterator[Row | Reject]]
    ) -> None:
        self._path = path
        self._wanted = wanted
        self._extra = extra
        # Read only where a value needs it: most files have none that could mean two things.
        self._read_column = functools.cache(lambda: _read_columns(reread(), wanted.month, wanted.region))
        self._id = wanted.id
        self._own_labels = set(wanted.regions or ())
        self._months: dict[Any, str | None] = {}  # what each spelling means; a corpus has few of them
        self._regions: dict[Any, str | None] = {}
        self._label_of_place: dict[str, str] = {}
        self._by_month: Counter[str | None] = Counter()
        self._by_region: Counter[str | None] = Counter()
        self._missing: Counter[tuple[str | None, str]] = Counter()  # by column and word
        self._sample = Sample()
        self._notes: dict[str, None] = {}  # each once
        self._other_spellings = 0
        self._unsettled = 0  # dates that could be read in two ways
        self._seen_rows = _Seen()
        self._seen_ids = _Seen()
        self._duplicates = 0
        self._too_long = 0

    @functools.cached_property
    def _generous(self) -> "_RowChecker":
        """The same check with `any_spelling`."""
        checker = _RowChecker(self._path, self._extra, replace(self._wanted, any_spelling=True), lambda: iter(()))
        checker._read_column = self._read_column
        return checker

    def check(self, row: Row) -> list[str | None] | Reject | None:
        """Return the row's values in the result's order; or why it is rejected; or None when it is outside."""
        wanted = self._wanted
        column: str | None = wanted.text
        try:
            text = self._text(_present(row, column))
            column = wanted.month
            month = self._month(_present(row, column))
            column = wanted.region
            region = self._region(_present(row, column))
            column = self._id
            extra = [_as_text(row.fields.get(name)) for name in self._extra]
            if self._is_outside(month, region):
                return None
            if self._id and (identity := _as_text(row.fields.get(self._id))) and self._seen_ids.add(identity):
                raise ValueError(f"an earlier row has the id {reading.shown(identity)!r} too; ids must differ")
        except ValueError as error:
            if not wanted.any_spelling and column in (wanted.month, wanted.region):
                self._other_spellings += not isinstance(self._generous.check(row), Reject)
            name = column or ""
            value = row.fields.get(name, row.fields.get(name.partition(".")[0], ""))
            return Reject(row.number, row.line, column, reading.shown(value), str(error))
        if len(self._label_of_place) > _MOST_REGIONS:
            raise ValueError(
                f"{self._path}: column {wanted.region!r} holds more than {_MOST_REGIONS:,} different regions; "
                "is it the right column? If so, give regions=RegionSet([...])"
            )
        self._duplicates += self._seen_rows.add("\0".join((text, month or "", region or "")))
        self._sample.add(text)
        self._by_month[month] += 1
        self._by_region[region] += 1
        self._too_long += _is_too_long(text)
        return [text, month, region, *extra]

    def count(self, report: CorpusReport) -> None:
        """Put the counts of the kept rows into the report."""
        report.missing_month = self._by_month.pop(None, 0)
        report.missing_region = self._by_region.pop(None, 0)
        report.by_month = {month: self._by_month[month] for month in sorted(filter(None, self._by_month))}
        by_count = sorted(self._by_region.items(), key=lambda item: (-item[1], item[0] or ""))
        report.by_region = {region: count for region, count in by_count if region is not None}
        report.duplicates = self._duplicates
        report.too_long = self._too_long
        report.other_spellings = self._other_spellings
        report.notes += self._notes
        for (column, word), count in self._missing.most_common():
            report.notes.append(f"column {column!r}: {word!r} counts as missing ({count:,} rows)")
        if self._unsettled:
            report.notes.append(
                f"column {self._wanted.month!r}: {self._unsettled:,} dates that could be read in two ways are "
                "rejected, and days up to the 12th too few; say whether the day or the month comes first"
            )
        report.notes += self._sample.other_language()

    def _text(self, value: Any) -> str:
        if value is None:
            raise ValueError("the text is missing")
        if not isinstance(value, str):
            raise ValueError(f"the text must be text, not of type {type(value).__name__}")
        if not value.strip():
            raise ValueError("the text is empty")
        if is_missing_word(value):
            raise ValueError(f"the text is missing: there is only {value!r}")
        if "\0" in value:
            raise ValueError("the text holds a NUL character")
        if len(value) > self._wanted.max_characters:
            raise ValueError(
                f"the text has {len(value):,} characters; at most {self._wanted.max_characters:,} are allowed "
                "(max_characters)"
            )
        return value

    def _month(self, value: Any) -> str | None:
        if isinstance(value, str) and value in self._months:
            return self._months[value]
        if is_missing_word(value):
            self._missing[self._wanted.month, value.strip()] += 1
            return None
        month = self._read_month(value)
        if month is not None and self._wanted.months is not None and self._wanted.outside == "reject":
            self._wanted.months.ids(month)  # raises, naming month and range
        if isinstance(value, str) and len(self._months) < _REMEMBERED:
            self._months[value] = month
        return month

    def _read_month(self, value: Any) -> str | None:
        generous = self._wanted.any_spelling or self._wanted.day_first is not None
        try:
            return parse_any_month(value, self._wanted.day_first) if generous else parse_month(value)
        except AmbiguousMonth as error:
            column = self._read_column()
            if not generous or column.day_first is None:
                self._unsettled += 1
                said = "no other row settles it" if not column.order_reason else f"the column has {column.order_reason}"
                raise ValueError(
                    f"{error}, or give --day-first or --month-first (day_first or month_first in Python); {said}"
                ) from None
            self._note(
                self._wanted.month,
                f"dates such as 03/04/2019 were read {'day' if column.day_first else 'month'} first, as others must be "
                f"({column.order_reason})",
            )
            return parse_any_month(value, column.day_first)

    def _note(self, column: str | None, what: str) -> None:
        self._notes[f"column {column!r}: {what}"] = None

    def _region(self, value: Any) -> str | None:
        if isinstance(value, str) and value in self._regions:
            return self._regions[value]
        if is_missing_word(value) and value not in self._own_labels:
            if value.strip().upper() != "NA" or not self._read_column().codes:
                self._missing[self._wanted.region, value.strip()] += 1
                return None
            self._note(self._wanted.region, "'NA' is Namibia, as the others are ISO codes of two letters")
        read = self._read_region(value, self._wanted.any_spelling)
        region = self._found_region(read) if self._wanted.regions is None else self._given_region(read)
        if isinstance(value, str):
            self._regions[value] = region
        return region

    def _read_region(self, value: Any, any_spelling: bool) -> Any:
        if not any_spelling or isinstance(value, bool) or not isinstance(value, str | int | float) or is_missing(value):
            return value
        if value in self._own_labels:
            return value
        if str(value).strip()[:1].isdigit():
            if not self._read_column().numbers:
                return value
            if self._wanted.any_spelling:
                self._note(self._wanted.region, "numbers are those of ISO 3166")
            return place_of_number(str(value).strip())
        return fold_place(value) if isinstance(value, str) else value

    def _given_region(self, value: Any) -> str | None:
        regions = self._wanted.regions
        assert regions is not None
        if self._wanted.outside == "skip" and isinstance(value, str) and value not in regions and find_place(value):
            return value  # a country, but none of the wanted ones
        return regions.labels(regions.ids(value))

    def _found_region(self, value: Any) -> str | None:
        """Accept a region where no set is given; a second name of a country becomes the name seen first."""
        if is_missing(value):
            return None
        check_region_label(value)
        return self._label_of_place.setdefault(find_place(value) or f"own {value}", value)

    def _is_outside(self, month: str | None, region: str | None) -> bool:
        months, regions = self._wanted.months, self._wanted.regions
        return (months is not None and month is not None and month not in months) or (
            regions is not None and region is not None and region not in regions
        )


def _present(row: Row, column: str | None) -> Any:
    if column is None:  # the file has none
        return None
    value: Any = row.fields
    for name in [column] if column in value else column.split("."):
        if value is None:  # nor is there anything inside
            return None
        if not isinstance(value, dict) or name not in value:
            raise ValueError("the field is absent")
        value = value[name]
    if isinstance(value, dict) and value:
        raise ValueError(f"it is an object; name one of its fields, such as {column}.{next(iter(value))}")
    return value


def _as_text(value: Any) -> str | None:
    """Return a value of another column as text: every column of a corpus is text or None."""
    if isinstance(value, str):
        return value
    if is_missing(value):
        return None
    if isinstance(value, datetime.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str)


def _is_too_long(text: str) -> bool:
    most = _PIECES - 2  # [CLS] and [SEP] take two
    return len(text) > most and len(_SURE_PIECES.findall(text)) > most


class _Seen:
    """Remembers which texts have been seen, in about 8 bytes each.

    A Python set of millions of texts would hold them all in memory. Here a 64-bit hash stands for a text (among ten
    million texts the chance that any two share one is about 3 in a million); the latest stand in a set, the others in a
    sorted array.
    """

    _LATEST = 200_000

    def __init__(self) -> None:
        self._latest: set[int] = set()
        self._sorted = np.empty(0, dtype=np.uint64)

    def add(self, text: str) -> bool:
        """Remember a text; say whether it was seen before."""
        number = int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "little")
        if number in self._latest:
            return True
        if self._sorted.size:
            position = int(self._sorted.searchsorted(np.uint64(number)))
            if position < self._sorted.size and int(self._sorted[position]) == number:
                return True
        self._latest.add(number)
        # The set may grow with the array, so that millions of texts are sorted a few times only.
        if len(self._latest) >= max(self._LATEST, self._sorted.size // 8):
            latest = np.fromiter(self._latest, dtype=np.uint64, count=len(self._latest))
            self._sorted = np.sort(np.concatenate([self._sorted, latest]))
            self._latest.clear()
        return False
