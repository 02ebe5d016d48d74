"""A corpus: rows of text, month and region, checked once and then read from disk.

`load_corpus` passes over the file once. Every row is checked; the good ones go to an Arrow file in a cache, from which
Hugging Face `datasets` reads them without holding them in memory; the bad ones go to a rejects file, each with its
number and its reason; a report counts it all. The same file with the same options is read from the cache the next time.

Taught in lesson 03, building the data set.
"""

import contextlib
import csv
import datetime
import functools
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import pyarrow
from tqdm import tqdm

from spacetime.corpus import reading
from spacetime.corpus.language import SAMPLED, other_language
from spacetime.corpus.reading import Entries, Form, Quoting, Reject, Unreadable
from spacetime.folders import replaced, write_text
from spacetime.inputs import as_annotated, is_missing, is_missing_word, quoted
from spacetime.months import AmbiguousMonth, MonthRange, day_comes_first, parse_any_month, parse_month
from spacetime.regions import RegionSet, check_region_label, find_place, fold_place, place_of_number

_FORMAT = 5  # counted up when the cached form changes, so that old cache files are not read
_BATCH_ROWS = 1000  # so that long texts do not fill the memory
_HELD_REJECTS = 1000
_REMEMBERED = 100_000  # spellings of months; time stamps seldom repeat, and would only fill the memory
_MOST_REGIONS = 1000  # more different labels than this are no regions but the wrong column
_REJECT_COLUMNS = ("row", "line", "column", "value", "reason")
_ROLES = ("text", "month", "region")

_PIECES = 128  # all-MiniLM-L6-v2 as its card uses it reads so many word pieces, [CLS] and [SEP] included
_MOST_PIECES = _PIECES - 2
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
        `rows = kept + rejected + outside`.
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
        Kept rows that surely have more than 128 word pieces, so that the model will not read their end: a lower bound.
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
        """Return the report that `to_dict` wrote."""
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
        Columns `text`, `month`, `region` and every other column of the file, all of them text. A month is `YYYY-MM`, a
        region a label of `regions`; None where missing.
    months, regions : MonthRange, RegionSet
        As given, or as found in the file.
    report : CorpusReport
    """

    dataset: datasets.Dataset
    months: MonthRange
    regions: RegionSet
    report: CorpusReport


@as_annotated
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
        of objects), or a `.txt` file with a text a line; each also gzipped (`.gz`), or alone in a `.zip`. A data set on
        the hub: `hub:owner/name` or `hub:owner/name:split` (split `train` unless named). Or a table in memory, of
        pandas, `datasets`, pyarrow or polars: its rows are numbered from 1, whatever its index, and a class label is
        its name.
    text, month, region : str
        The file's name for this column, `place.country` for a field inside another. None for a month or a region says
        that the file has none, and every row is one without it. They are called text, month and region in the result;
        another column that has one of these names already is kept as `file_text`, `file_month` or `file_region`. A
        month column of another name (a date) is kept under that name besides. Any other column never stops a file: one
        without a name is left out, one whose name stands there already gets a name of its own, and the report says so.
    id : str, optional
        A column whose values must differ; a row that repeats an earlier one is rejected.
    encoding, separator, quoting : str, optional
        How a text file is written (`spacetime.corpus.reading.Form`). Without them it is found out, where only one
        answer fits the whole file, and the report says so.
    months : MonthRange, optional
        The wanted months; without it, from the first month in the file to the last (with `month=None`, the published
        model's).
    regions : RegionSet, optional
        The wanted regions; without it, those of the file by falling count (with `region=None`, the published model's).
        Two names of one country (UK, GB) are one region, spelled as it first stands in the file.
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
        Where to write the rejected rows as CSV (row, line, column, value, reason), if there are any; an earlier rejects
        file there is removed if there are none. A value that a spreadsheet would run as a formula stands behind an
        apostrophe there. Without it they stand beside the cached corpus.
    max_characters : int
        A longer text is rejected.
    cache_dir : str or path, optional
        Default: the environment variable `SPACETIME_CACHE`, or `~/.cache/spacetime`. It may be deleted at any time.
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
    if day_first and month_first:
        raise ValueError("day_first and month_first exclude each other; give one of them, or neither")
    order = True if day_first else False if month_first else None
    wanted = _Wanted(text, month, region, id, months, regions, outside, max_characters, any_spelling, order)
    _check_names(wanted)
    if rejects is not None:
        _check_target(Path(rejects), path)
    form = Form(encoding, separator, quoting)
    reading.check_path(path)
    folder = Path(cache_dir or os.environ.get("SPACETIME_CACHE") or Path.home() / ".cache/spacetime")
    stem = folder / "corpora" / _cache_key(path, form, wanted)
    cached = _read_cache(stem, reading.name_of(path))
    if cached is None:
        _write_cache(stem, path, form, wanted, sys.stderr.isatty() if show_progress is None else show_progress)
        cached = _read_cache(stem, reading.name_of(path))
        if cached is None:
            raise OSError(f"{stem}.arrow cannot be read back; is the disk full, or the cache being deleted?")
    dataset, report = cached
    if rejects is not None:
        _copy_rejects(report, Path(rejects))
    if strict and report.rejected:
        raise ValueError(
            f"{report.path}: {report.rejects[0]} ({report.rejected:,} bad rows in all; see {report.rejects_path})"
            + _spelling_tip(report)
        )
    if report.kept == 0:
        raise ValueError(f"{report.path}: {_why_none_is_left(report)}{_spelling_tip(report)}")
    if months is None:
        found = _labels_found("month", month, report, ["2017-01", "2021-12"])
        months = MonthRange(min(found), max(found))
    regions = regions or RegionSet(_labels_found("region", region, report, ["UK", "US", "AUS", "CAN"]))
    return Corpus(dataset, months, regions, report)


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


def _check_names(wanted: _Wanted) -> None:
    """Raise unless all columns have names, and those of texts, months and regions different ones."""
    for role in (*_ROLES, "id"):
        if getattr(wanted, role) == "":
            none = f" (or {role}=None where the file has none)" if role in ("month", "region") else ""
            raise ValueError(f"{role}='' must be the name of a column{none}")
    named = [name for role in _ROLES if (name := getattr(wanted, role)) is not None]
    if len(set(named)) < len(named):
        given = ", ".join(f"{role}={getattr(wanted, role)!r}" for role in _ROLES)
        raise ValueError(f"{given} must be three different columns")


def _check_target(target: Path, source: Any) -> None:
    """Raise unless the rejects can be written there."""
    if target.is_dir():
        raise ValueError(f"rejects={str(target)!r} is a directory; give the name of a file to write")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"rejects={str(target)!r}: the folder {target.parent} does not exist; make it first")
    if target.exists() and not reading.is_table(source) and Path(source).exists() and target.samefile(source):
        raise ValueError(f"rejects={str(target)!r} is the corpus file itself; give another name")


def _cache_key(source: Any, form: Form, wanted: _Wanted) -> str:
    """Return a name that changes with the content, the options and the cached form."""
    # The same bytes may be read as another format.
    suffixes = "" if reading.is_table(source) else "".join(Path(source).suffixes[-2:]).lower()
    key = repr((_FORMAT, wanted, form, suffixes, reading.fingerprint(source)))
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _read_cache(stem: Path, path: str) -> tuple[datasets.Dataset, CorpusReport] | None:
    """Return the cached rows and report, or None when there are none or they are damaged (they are then made again)."""
    try:
        report = CorpusReport.from_dict(json.loads(Path(f"{stem}.json").read_text(encoding="utf-8")))
        report.path = path  # the same content may have another name now
        report.rejects_path = f"{stem}.rejects.csv" if report.rejected else None
        dataset = datasets.Dataset.from_file(f"{stem}.arrow")
    except (OSError, ValueError, TypeError, KeyError, pyarrow.ArrowException):
        return None
    whole = len(dataset) == report.kept and Path(report.rejects_path or stem.parent).exists()
    return (dataset, report) if whole else None


def _why_none_is_left(report: CorpusReport) -> str:
    """What became of all the rows."""
    if not report.outside:
        first = f"the first: {report.rejects[0]} (all of them in {report.rejects_path})"
        return "; ".join([f"none of its {report.rows:,} rows can be used; {first}", *report.notes])
    rejected = f", {report.rejected:,} are rejected; the first: {report.rejects[0]}" if report.rejected else ""
    left = f"{report.outside:,} of {report.rows:,} are outside the wanted months or regions"
    return f"no row is left: {left}{rejected}"


def _spelling_tip(report: CorpusReport) -> str:
    """What to do where another reading would take rejected rows; nothing where it would not."""
    return f"; any_spelling=True would read {report.other_spellings:,} of them" if report.other_spellings else ""


def _labels_found(role: str, column: str | None, report: CorpusReport, published: list[str]) -> list[str]:
    """The months or regions of a file; the published model's for one without that column, as a model needs some."""
    if column is None:
        return published
    found = list(report.by_month if role == "month" else report.by_region)
    if not found and report.rejected:  # they come first, as they may be the cause
        raise ValueError(
            f"{report.path}: no row that can be used has a {role}: {report.kept:,} of {report.rows:,} rows have none, "
            f"and {report.rejected:,} were rejected; the first: {report.rejects[0]} (all of them in "
            f"{report.rejects_path})"
        )
    advice = f"give {role}=None, or the model's own with {role}s=..."
    if not found:
        raise ValueError(f"{report.path}: no row has a {role}; {advice}")
    return found


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
    open_rows = functools.partial(reading.open_rows, source, form, wanted.columns, wanted.max_characters)
    columns, rows, notes = open_rows()
    extra = _extra_columns(path, columns, wanted)
    report = CorpusReport(path, notes=notes)
    checker = _RowChecker(report, list(extra), wanted, lambda: open_rows().rows)
    schema = pyarrow.schema([(name, pyarrow.string()) for name in (*_ROLES, *extra.values())])
    bar = tqdm(rows, desc=Path(path).name, unit=" rows", disable=not show_progress, file=sys.stderr)
    with contextlib.ExitStack() as stack:
        text = stack.enter_context(replaced(f"{stem}.rejects.csv"))
        rejects = csv.writer(io.TextIOWrapper(text, "utf-8", newline="", write_through=True))
        rejects.writerow(_REJECT_COLUMNS)
        arrow = stack.enter_context(replaced(f"{stem}.arrow"))
        writer = stack.enter_context(pyarrow.ipc.new_stream(arrow, schema))
        kept = _kept_rows(bar, checker, report, rejects)
        while batch := list(itertools.islice(kept, _BATCH_ROWS)):
            arrays = [pyarrow.array(column, pyarrow.string()) for column in zip(*batch, strict=True)]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
        if report.rows == 0:
            raise ValueError(f"{path} has no rows")
    checker.complete_report()
    write_text(f"{stem}.json", json.dumps(report.to_dict()))


def _kept_rows(rows: Entries, checker: "_RowChecker", report: CorpusReport, rejects: Any) -> Iterator[list[str | None]]:
    """The values of the good rows; the others are counted, and the bad ones written down."""
    for report.rows, (line, source, fields) in enumerate(rows, 1):
        if isinstance(fields, str):
            result: Any = Reject(report.rows, line, None, reading.shown(source), fields)
        else:
            result = checker.check(report.rows, line, fields)
        if isinstance(result, Reject):
            report.rejected += 1
            rejects.writerow([reading.inert(getattr(result, name)) for name in _REJECT_COLUMNS])
            if len(report.rejects) < _HELD_REJECTS:
                report.rejects.append(result)
        elif result is None:
            report.outside += 1
        else:
            report.kept += 1
            yield result


def _extra_columns(path: str, columns: list[str], wanted: _Wanted) -> dict[str, str]:
    """The columns kept beside text, month and region, by their names in the file, with their names in the result."""
    roles = {name: role for role in _ROLES if (name := getattr(wanted, role)) is not None}
    for name in wanted.columns:
        if name in columns or name.partition(".")[0] in columns:
            continue
        role = roles.get(name, "id")
        shown = ", ".join(repr(reading.shown(column)) for column in columns[:20])
        none = f", or that there is none with {role}=None" if role in ("month", "region") else ""
        if any(re.fullmatch(r"[-+0-9.,:/ ]+", column) or len(column) > 60 for column in columns):
            none += "; is its first line a row? it must hold the names of the columns"
        message = f"{path} has no column {name!r}; it has {shown}; say which one it is with {role}=...{none}"
        raise MissingColumn(role, message)
    # A column of days that is folded to months is kept as it is, too: a split by whole days needs it.
    kept = [column for column in columns if column not in roles or (column == wanted.month and column not in _ROLES)]
    extra = {column: f"file_{column}" if column in _ROLES else column for column in kept}
    for column, result in extra.items():
        while result != column and result in columns:  # one of the file's own has this name: never stop for it
            result += "_"
        extra[column] = result
    return extra


@dataclass(frozen=True)
class _Column:
    """What the columns of months and regions say as a whole about values that could mean two things."""

    day_first: bool | None  # None: no date says it, or they contradict each other
    order_reason: str  # the date that says so, or those that contradict each other
    codes: bool  # regions are ISO codes of two letters
    numbers: bool  # regions are ISO numbers


def _read_columns(rows: Entries, month: str | None, region: str | None) -> _Column:
    """Pass over the file for its dates and regions alone."""
    orders: dict[bool, str] = {}
    codes = numbers = others = longest = 0
    for number, (_, _, fields) in enumerate(rows, 1):
        if isinstance(fields, str):
            continue
        try:
            date, place = _present(fields, month), _present(fields, region)
        except ValueError:  # the row will be rejected
            continue
        if len(orders) < 2 and isinstance(date, str) and (first := day_comes_first(date[:100])) is not None:
            orders.setdefault(first, f"{quoted(date)} in row {number:,}")
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

    def __init__(self, report: CorpusReport, extra: list[str], wanted: _Wanted, reread: Callable[[], Any]) -> None:
        self._report = report
        self._wanted = wanted
        self._extra = extra
        # Read only where a value needs it: most files have none that could mean two things.
        self._read_column = functools.cache(lambda: _read_columns(reread(), wanted.month, wanted.region))
        self._own_labels = set(wanted.regions or ())
        self._months: dict[Any, str | None] = {}  # what each spelling means; a corpus has few of them
        self._regions: dict[Any, str | None] = {}
        self._label_of_place: dict[str, str] = {}
        self._by_month: Counter[str | None] = Counter()
        self._by_region: Counter[str | None] = Counter()
        self._missing: Counter[tuple[str | None, str]] = Counter()  # by column and word
        self._notes: dict[str, None] = {}  # each once
        self._sample: list[str] = []  # of the texts: every one, then every second, fourth, ...
        self._every = 1
        self._unsettled = 0  # dates that could be read in two ways
        # Hashes of 64 bits: among ten million rows the chance that any two share one is about 3 in a million.
        self._row_hashes = array("q")
        self._ids: set[int] = set()

    @functools.cached_property
    def _generous(self) -> "_RowChecker":
        """The same check with `any_spelling`."""
        wanted = replace(self._wanted, any_spelling=True)
        checker = _RowChecker(CorpusReport(self._report.path), self._extra, wanted, lambda: iter(()))
        checker._read_column = self._read_column
        return checker

    def check(self, number: int, line: int | None, fields: dict[str, Any]) -> list[str | None] | Reject | None:
        """Return the row's values in the result's order; or why it is rejected; or None when it is outside."""
        wanted = self._wanted
        column: str | None = wanted.text
        try:
            text = self._text(_present(fields, column))
            column = wanted.month
            month = self._month(_present(fields, column))
            column = wanted.region
            region = self._region(_present(fields, column))
            extra = []
            for column in self._extra:
                extra.append(_as_text(fields.get(column)))
            if self._is_outside(month, region):
                return None
            column = wanted.id
            if column and (identity := _as_text(fields.get(column))):
                if hash(identity) in self._ids:
                    raise ValueError(f"an earlier row has the id {reading.shown(identity)!r} too; ids must differ")
                self._ids.add(hash(identity))
        except ValueError as error:
            if not wanted.any_spelling and column in (wanted.month, wanted.region):
                self._report.other_spellings += not isinstance(self._generous.check(number, line, fields), Reject)
            name = column or ""
            value = fields.get(name, fields.get(name.partition(".")[0], ""))
            return Reject(number, line, column, reading.shown(value), str(error))
        if len(self._label_of_place) > _MOST_REGIONS:
            raise ValueError(
                f"{self._report.path}: column {wanted.region!r} holds more than {_MOST_REGIONS:,} different regions; "
                "is it the right column? If so, name them with regions=..."
            )
        self._row_hashes.append(hash((text, month, region)))
        self._by_month[month] += 1
        self._by_region[region] += 1
        if self._report.kept % self._every == 0:
            self._sample.append(text[:1000])
            if len(self._sample) == SAMPLED:
                self._sample, self._every = self._sample[::2], self._every * 2
        self._report.too_long += len(text) > _MOST_PIECES and len(_SURE_PIECES.findall(text)) > _MOST_PIECES
        return [text, month, region, *extra]

    def complete_report(self) -> None:
        """Put the counts of the kept rows into the report, and what was decided for the file as a whole."""
        report = self._report
        report.missing_month = self._by_month.pop(None, 0)
        report.missing_region = self._by_region.pop(None, 0)
        report.by_month = {str(month): count for month, count in sorted(self._by_month.items())}
        by_count = sorted(self._by_region.items(), key=lambda item: (-item[1], str(item[0])))
        report.by_region = {str(region): count for region, count in by_count}
        report.duplicates = len(self._row_hashes) - len(np.unique(self._row_hashes))
        report.notes += self._notes
        for (column, word), count in self._missing.most_common():
            report.notes.append(f"column {column!r}: {word!r} counts as missing ({count:,} rows)")
        if self._unsettled:
            report.notes.append(
                f"column {self._wanted.month!r}: {self._unsettled:,} dates that could be read in two ways are "
                "rejected, and days up to the 12th too few; say whether the day or the month comes first"
            )
        report.notes += other_language(self._sample, report.kept)

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
            most = self._wanted.max_characters
            raise ValueError(f"the text has {len(value):,} characters; at most {most:,} are allowed")
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
                raise ValueError(f"{error}, or give day_first=True or month_first=True; {said}") from None
            first = "day" if column.day_first else "month"
            why = f"as others must be ({column.order_reason})"
            self._note(self._wanted.month, f"dates such as 03/04/2019 were read {first} first, {why}")
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
        label = value
        readable = isinstance(value, str | int | float) and not isinstance(value, bool) and not is_missing(value)
        if self._wanted.any_spelling and readable and value not in self._own_labels:
            text = str(value).strip()
            if text[:1].isdigit() and self._read_column().numbers:
                self._note(self._wanted.region, "numbers are those of ISO 3166")
                label = place_of_number(text)
            elif isinstance(value, str) and not text[:1].isdigit():
                label = fold_place(value)
        region = self._found_region(label) if self._wanted.regions is None else self._given_region(label)
        if isinstance(value, str):
            self._regions[value] = region
        return region

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
        both = ((self._wanted.months, month), (self._wanted.regions, region))
        return any(known is not None and label is not None and label not in known for known, label in both)


def _present(fields: dict[str, Any], column: str | None) -> Any:
    if column is None:  # the file has none
        return None
    value: Any = fields
    for name in [column] if column in value else column.split("."):
        if value is None:  # nor is there anything inside
            return None
        if not isinstance(value, dict) or name not in value:
            raise ValueError("the field is absent")
        value = value[name]
    if isinstance(value, Unreadable):
        raise ValueError(value.reason)
    if isinstance(value, dict) and value:
        raise ValueError(f"it is an object; name one of its fields, such as {column}.{next(iter(value))}")
    return value


def _as_text(value: Any) -> str | None:
    """Return a value of another column as text: every column of a corpus is text or None."""
    if isinstance(value, str):
        return value
    if is_missing(value):
        return None
    if isinstance(value, Unreadable):
        raise ValueError(value.reason)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str)
