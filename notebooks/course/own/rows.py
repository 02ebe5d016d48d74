"""A corpus of one's own: read generously, what cannot be learned from counted, split without leaks, trained on.

Lesson 12 and `spacetime run` do so. The model has the released one's design on a frozen backbone, so that
all-MiniLM-L6-v2's own vectors stay as they are where no month and no region are given. Both stages are trained at once
(`train_joint`): every step sees the cosines of all its sentences with each
other, so a hundred and fifty steps are enough to start with. A locator takes the place of stage 1's heads; it is fitted
on the frozen vectors, which takes seconds.
"""

import datetime
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd

from spacetime.corpus import Split, load_corpus, split_corpus
from spacetime.corpus.loading import CorpusReport
from spacetime.corpus.reading import name_of
from spacetime.encoder import SpaceTimeEncoder
from spacetime.folders import sole_writer_of_output
from spacetime.months import MonthRange, month_number, quoted
from spacetime.regions import RegionSet
from spacetime.training.joint import JointRecipe
from spacetime.training.locator import fit_locator
from spacetime.training.loop import checkpoints
from spacetime.training.objectives import JointLoss
from spacetime.training.recipes import JOINT, released_start, train_joint

LEAST_ROWS = 200  # with text, month and region: a tenth of them is all there is to test on
LEAST_OF_REGION = 20  # rows; a vector for a region of fewer would be noise
LEAST_TESTED = 20  # rows of a test side
NEARLY_ALL = 0.95  # share of the rows in one month, or one region, from which nothing can be asked about the others
TAIL = 0.005  # share of the rows at either end that may not stretch the range of months
RECIPE = JointRecipe(others=40, masked=32, invented=0.35)
LOSS = JointLoss(cosines=60.0, words=0.1)
CHECKPOINT_EVERY = 50  # steps
TRAINED_LENGTH = 64  # word pieces; longer texts are cut here while training, not afterwards


class NothingToLearn(ValueError):
    """A file from which no model can be learned, for the given `reason`, and which can be searched after all."""

    INSTEAD = "What works with such a file is search by meaning"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. {self.INSTEAD} (SpaceTimeIndex.build)")
        self.reason = reason


@dataclass(frozen=True)
class OwnRows:
    """What a model learns from and is tested on.

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

    def with_context(self) -> datasets.Dataset:
        """Every row of the three sides that has a month and a region."""
        whole = datasets.concatenate_datasets([self.split.train, self.split.validation, self.split.test])
        whole = whole.select_columns(["text", "month", "region"])
        return whole.select(np.flatnonzero(whole.to_pandas().notna().all(axis=1)))


def read_rows(
    path: Any, *, months: MonthRange | None = None, regions: RegionSet | None = None, **reading: Any
) -> OwnRows:
    """Read a file or a table, leave out what cannot be learned from, and split the rest.

    Dates of any precision fold to months, and countries of any spelling to regions. Without `regions`, regions of fewer
    than 20 rows are left out.

    Parameters
    ----------
    path
        As for `load_corpus`.
    months, regions
        The wanted ones; rows of others are left out and counted. By default those of the file.
    reading
        Further arguments of `load_corpus`, such as the names of the columns.

    Raises
    ------
    NothingToLearn
        What is left has too few rows, one month or one region only, or nearly all rows in one month and one region.
    ValueError
        Most rows cannot be read, or a few stray dates stretch the range of months.
    """
    name = Path(name_of(path)).name
    corpus = load_corpus(path, months=months, regions=regions, outside="skip", any_spelling=True, **reading)
    report = corpus.report
    if report.rejected > report.kept + report.outside:
        raise ValueError(
            f"{name}: {report.rejected:,} of {report.rows:,} rows cannot be read, so something about the whole file is "
            f"amiss; the first: {report.rejects[0]} (all of them in {report.rejects_path})"
        )
    few = {label: count for label, count in report.by_region.items() if count < LEAST_OF_REGION}
    rare = few if regions is None else {}
    labels = corpus.dataset.select_columns(["month", "region"]).to_pandas()
    known = labels[labels.notna().all(axis=1) & ~labels["region"].isin(rare)]
    if len(known) < LEAST_ROWS:
        raise NothingToLearn(
            f"{name}: {report.rows - report.rejected:,} of {report.rows:,} rows could be read, "
            + (f"{report.outside:,} are outside the wanted months or regions, " if report.outside else "")
            + f"and {len(known):,} of them have a month and a region that at least {LEAST_OF_REGION} rows have; a run "
            f"needs {LEAST_ROWS}, as it must keep some to be tested on"
        )
    for kind, about in (("month", "time"), ("region", "place")):
        if len(values := known[kind].unique()) == 1:
            raise NothingToLearn(
                f"{name}: all {len(known):,} rows that can be used have one {kind}, {values[0]} (column "
                f"{reading.get(kind, kind)!r}): there is nothing to learn about {about}"
            )
    not_asked = _not_asked(known)
    if len(not_asked) == 2:
        raise NothingToLearn(f"{name}: {' and '.join(not_asked.values())}")
    if months is None and "month" not in not_asked:
        _check_stretch(name, known["month"].tolist())
    kept = np.flatnonzero(~labels["region"].isin(rare).to_numpy())
    used = labels.iloc[kept]
    by_month = Counter(used["month"].dropna())
    split, made, reason = _split(corpus.dataset.select(kept), reading.get("month", "month"))
    return OwnRows(
        report,
        months or MonthRange(min(by_month), max(by_month)),
        regions or RegionSet([label for label in report.by_region if label not in rare]),
        {label: by_month[label] for label in sorted(by_month)},
        dict(Counter(used["region"].dropna()).most_common()),
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


def _check_stretch(name: str, labels: Sequence[str]) -> None:
    """Refuse a range that a few stray dates stretch: the label of a pair counts months in shares of the range."""
    ordered = sorted(labels)
    cut = int(len(ordered) * TAIL)
    start, end, first, last = ordered[0], ordered[-1], ordered[cut], ordered[-1 - cut]
    whole, inner = (month_number(late) - month_number(early) + 1 for early, late in ((start, end), (first, last)))
    if whole > 2 * inner + 12:
        raise ValueError(
            f"{name}: months run from {start} to {end}, but all except {2 * cut:,} of {len(labels):,} rows lie in "
            f"{first}..{last}; give these as the wanted months to leave the others out, or {start}..{end} to keep them"
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


# --- training -----------------------------------------------------------------------------------------


def at_most(dataset: datasets.Dataset, count: int | None, seed: int) -> datasets.Dataset:
    """So many rows of a data set in their order, drawn by the seed; all of them if there are no more, or for None."""
    if count is None or len(dataset) <= count:
        return dataset
    chosen = np.random.default_rng(seed).choice(len(dataset), size=count, replace=False)
    return dataset.select(np.sort(chosen))


@sole_writer_of_output
def train_own(
    training: datasets.Dataset,
    rows: OwnRows,
    output: str | os.PathLike[str],
    *,
    steps: int = 150,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool | None = None,
) -> SpaceTimeEncoder:
    """Train a model of the released one's design on rows of one's own.

    Parameters
    ----------
    training
        Rows of `rows.split.train`, all or some.
    rows
        As `read_rows` returns them.
    output
        Folder for `log.jsonl`, `training.json` and `model/`.
    steps, seed
        Of the training.
    resume
        Go on where an earlier training with the same settings was stopped; load the model of a complete one.
    overwrite, show_progress
        See `spacetime.training.loop.train`.

    Raises
    ------
    ValueError
        `output` holds a training and neither `resume` nor `overwrite` is given, or one with other settings.
    """
    folder = Path(output)
    record = folder / "training.json"
    options = replace(JOINT, max_steps=steps, checkpoint_every=CHECKPOINT_EVERY, keep_checkpoints=1, seed=seed)
    if resume and record.is_file():
        earlier = json.loads(record.read_text(encoding="utf-8"))
        if earlier["options"] != asdict(options) or earlier["rows"] != len(training):
            raise ValueError(f"{folder} was trained with other settings; resume with the same, or name another folder")
        return SpaceTimeEncoder.load(folder / "model")
    if overwrite:
        record.unlink(missing_ok=True)
    encoder = released_start(rows.months, rows.regions, seed)
    # First, and not last: it reads the plain vectors, which the training below leaves as they are.
    fit_locator(encoder, training, validation=rows.split.validation, seed=seed, show_progress=show_progress)
    train_joint(
        training.select_columns(["text", "month", "region"]),
        encoder,
        folder,
        options,
        recipe=RECIPE,
        loss=LOSS,
        max_length=TRAINED_LENGTH,
        resume=resume,
        overwrite=overwrite,
        show_progress=show_progress,
        note={"corpus": Path(rows.report.path).name, "split": rows.split_made},
    )
    for checkpoint in checkpoints(folder):  # only a training that goes on needs them, and this one is complete
        shutil.rmtree(checkpoint)
    return encoder
