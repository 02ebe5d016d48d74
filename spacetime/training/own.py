"""A reader's own rows: read generously, what cannot be learned from left out and counted, split without leaks."""

import datetime
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd

from spacetime.corpus import Split, load_corpus, split_corpus
from spacetime.corpus.loading import CorpusReport
from spacetime.corpus.reading import Quoting, name_of
from spacetime.months import MonthRange, month_number, quoted
from spacetime.regions import RegionSet

LEAST_ROWS = 200  # with text, month and region: a tenth of them is all there is to test on
LEAST_OF_REGION = 20  # rows; a vector for a region of fewer would be noise
LEAST_TESTED = 20  # rows of a test side
NEARLY_ALL = 0.95  # share of the rows in one month, or one region, from which nothing can be asked about the others
TAIL = 0.005  # share of the rows at either end that may not stretch the range of months
_SHOWN = 12  # labels that an error names


class NothingToLearn(ValueError):
    """A file from which no model can be learned, for the given `reason`, and which can be searched after all."""

    INSTEAD = "What works with such a file is search by meaning"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. {self.INSTEAD}: SpaceTimeIndex.build(load_corpus(...))")
        self.reason = reason


@dataclass(frozen=True)
class OwnRows:
    """What a run learns from and is tested on.

    Attributes
    ----------
    report
        What was found in the file, row by row.
    months, regions
        What the model will know.
    by_month, by_region
        Rows in use; months in order, regions by falling count.
    split, split_made, split_reason
        The three sides; the arguments of `split_corpus` that made them; why these, in words.
    rare_regions
        Regions left out and their rows.
    not_asked
        `"month"` or `"region"`, with the reason why nothing can be asked about it: nearly all rows have the same.
    """

    report: CorpusReport
    months: MonthRange
    regions: RegionSet
    by_month: dict[str, int]
    by_region: dict[str, int]
    split: Split
    split_made: dict[str, Any]
    split_reason: str
    rare_regions: dict[str, int]
    not_asked: dict[str, str]

    @property
    def used(self) -> int:
        """Rows in use before the split leaves out any."""
        return self.report.kept - sum(self.rare_regions.values())

    def unknown_places(self) -> list[str]:
        """Regions in use that are not known as a country under this spelling; a misspelt one is among them."""
        return [region for region in self.report.unknown_places() if region in self.regions]

    def left_out(self) -> dict[str, int]:
        """Every row of the file that no side of the split has, by reason; reasons without rows are absent."""
        reasons = {
            "rejected (not readable; see the list)": self.report.rejected,
            "outside the wanted months or regions": self.report.outside,
            f"region with fewer than {LEAST_OF_REGION} rows": sum(self.rare_regions.values()),
            **{f"between the sides of the split: {reason}": count for reason, count in self.split.dropped.items()},
        }
        return {reason: count for reason, count in reasons.items() if count}


def read_rows(
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
    day_first: bool = False,
    month_first: bool = False,
    strict: bool = False,
    rejects: str | os.PathLike[str] | None = None,
) -> OwnRows:
    """Read a file, leave out what cannot be learned from, and split the rest.

    Dates of any precision fold to months and countries of any spelling to regions
    (`spacetime.corpus.load_corpus(any_spelling=True)`).  Without `regions`, regions of fewer than 20 rows are left out.

    Parameters
    ----------
    path, text, month, region, id, encoding, separator, quoting, day_first, month_first, strict, rejects
        See `load_corpus`.
    months, regions
        The wanted ones; rows of others are left out and counted.  By default those of the file.

    Raises
    ------
    NothingToLearn
        What is left has too few rows, one month or one region only, or nearly all rows in one month and one region.
    ValueError
        Most rows cannot be read, or a few stray dates stretch the range of months.
    """
    name = Path(name_of(path)).name
    corpus = load_corpus(
        path,
        text=text,
        month=month,
        region=region,
        id=id,
        encoding=encoding,
        separator=separator,
        quoting=quoting,
        months=months,
        regions=regions,
        outside="skip",
        any_spelling=True,
        day_first=day_first,
        month_first=month_first,
        strict=strict,
        rejects=rejects,
    )
    report = corpus.report
    if report.rejected > report.kept + report.outside:
        raise ValueError(
            f"{name}: {report.rejected:,} of {report.rows:,} rows cannot be read, so something about the whole file is "
            f"amiss; the first: {report.rejects[0]} (all of them in {report.rejects_path})"
        )
    rare = {} if regions is not None else _rare(report.by_region)
    labels = corpus.dataset.select_columns(["month", "region"]).to_pandas()
    known = labels.notna().all(axis=1) & ~labels["region"].isin(rare)
    if (count := int(known.sum())) < LEAST_ROWS:
        raise NothingToLearn(
            f"{name}: {report.rows - report.rejected:,} of {report.rows:,} rows could be read, "
            + (f"{report.outside:,} are outside the wanted months or regions, " if report.outside else "")
            + f"and {count:,} of them have a month and a region that at least {LEAST_OF_REGION} rows have; a run needs "
            f"{LEAST_ROWS}, as it must keep some to be tested on"
        )
    for kind, column, found in (("month", month, labels["month"]), ("region", region, labels["region"])):
        if len(values := found[known].unique()) == 1:
            raise NothingToLearn(
                f"{name}: all {count:,} rows that can be used have one {kind}, {values[0]} (column {column!r}): there "
                f"is nothing to learn about {'time' if kind == 'month' else 'place'}"
            )
    not_asked = _not_asked(labels[known])
    if len(not_asked) == 2:
        raise NothingToLearn(f"{name}: {' and '.join(not_asked.values())}")
    if months is None and "month" not in not_asked:
        _check_stretch(name, labels["month"][known].tolist())
    kept = np.flatnonzero(~labels["region"].isin(rare).to_numpy())
    dataset = corpus.dataset.select(kept)
    used = labels.iloc[kept]
    by_month = Counter(used["month"].dropna())
    by_region = Counter(used["region"].dropna())
    split, made, reason = _split(dataset, month)
    return OwnRows(
        report,
        months or MonthRange(min(by_month), max(by_month)),
        regions or RegionSet([label for label in report.by_region if label not in rare]),
        {label: by_month[label] for label in sorted(by_month)},
        dict(by_region.most_common()),
        split,
        made,
        reason,
        rare,
        not_asked,
    )


def _not_asked(labels: pd.DataFrame) -> dict[str, str]:
    found = {}
    for kind in ("month", "region"):
        counts = labels[kind].value_counts()
        if counts.iloc[0] > NEARLY_ALL * len(labels):
            found[kind] = f"{counts.iloc[0]:,} of {len(labels):,} rows are of one {kind}, {counts.index[0]}"
    return found


def _rare(by_region: dict[str, int]) -> dict[str, int]:
    """Regions with too few rows."""
    return {label: count for label, count in by_region.items() if count < LEAST_OF_REGION}


def _check_stretch(name: str, labels: Sequence[str]) -> None:
    """Refuse a range that a few stray dates stretch: the label of a pair counts months in shares of the range."""
    numbers = np.sort([month_number(label) for label in labels])
    cut = int(len(numbers) * TAIL)
    first, last = (f"{n // 12:04d}-{n % 12 + 1:02d}" for n in (numbers[cut], numbers[-1 - cut]))
    whole, inner = numbers[-1] - numbers[0] + 1, numbers[-1 - cut] - numbers[cut] + 1
    if whole > 2 * inner + 12:
        raise ValueError(
            f"{name}: months run from {min(labels)} to {max(labels)}, but all except {2 * cut:,} of {len(labels):,} "
            f"rows lie in {first}..{last}; give months=MonthRange({first!r}, {last!r}) to leave the others out, or "
            f"months=MonthRange({min(labels)!r}, {max(labels)!r}) to keep them"
        )


# --- the split ----------------------------------------------------------------------------------------


def _split(dataset: datasets.Dataset, month: str | None) -> tuple[Split, dict[str, Any], str]:
    """Split by what keeps most apart: templates, else days, else a hash of the text.

    The first two are what `spacetime evaluate` takes by itself, so that the same command line tests the same rows.
    """
    if "template" in dataset.column_names:
        made: dict[str, Any] = {"by": "group", "seed": 0}
        return split_corpus(dataset, **made), made, "whole templates (column 'template') stay on one side"
    against = "the rows have no days to go by"
    for date in dict.fromkeys(("date", month or "date")):
        if date not in dataset.column_names or date == "month":
            continue
        if not_days := _not_days(dataset[date][:], date):
            against = not_days
            continue
        made = {"by": "date", "seed": 0}
        if date != "date":
            made["date"] = date
        try:
            split = split_corpus(dataset, **made)
        except ValueError as error:  # too few days, or a date in another month than the row
            against = f"column {date!r} does not serve: {error}"
            continue
        if _tested(split) >= LEAST_TESTED:
            return split, made, f"whole days (column {date!r}) stay on one side, with a day's gap between the sides"
        against = f"by the days of column {date!r} only {_tested(split)} rows are left to test on"
    made = {"by": "hash", "seed": 0}
    split = split_corpus(dataset, **made)
    if _tested(split) < LEAST_TESTED:
        raise ValueError(
            f"{_tested(split)} rows with month and region are left to test on, of {len(dataset):,} "
            f"({split}); a run needs {LEAST_TESTED}: give more rows"
        )
    return split, made, f"by a hash of each text, as {against}"


def _tested(split: Split) -> int:
    return sum(None not in row for row in zip(split.test["month"][:], split.test["region"][:], strict=True))


def _not_days(values: Sequence[str | None], name: str) -> str | None:
    """What keeps a column from being one of days, some of them empty; None where nothing does."""
    known = [value for value in values if value]
    if len(known) < 0.9 * len(values):
        return f"{len(values) - len(known):,} of {len(values):,} values of column {name!r} are empty"
    strange = {value for value in set(known) if not _is_day(value)}
    others = [value for value in known if value in strange]
    if not others:
        return None
    return f"{len(others):,} of {len(values):,} values of column {name!r} are no days, such as {quoted(others[0])}"


def _is_day(value: str) -> bool:
    if len(value) < len("20190304"):
        return False
    try:
        datetime.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
