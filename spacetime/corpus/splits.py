"""Divide a corpus into train, validation and test without leaks.

Sentences of one day, of one running story or of one template resemble each other. If some of them are trained on and
others tested, a model shines by having seen the answer. So whole days (or templates) go to one side, a day's gap parts
the sides, a topic stays on one side only, and a text that nearly repeats a held-out one is taken out of training.

Taught in lesson 03, building the data set.
"""

import calendar
import collections
import datetime
import hashlib
import math
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import datasets
import numpy as np

from spacetime.corpus.loading import Corpus
from spacetime.inputs import as_annotated
from spacetime.months import month_label, month_number, parse_month

# Sides of a split, in the order in which they keep what two of them claim: what is held out is scarce.
_TEST, _VALIDATION, _TRAIN, _DROPPED = 0, 1, 2, 3
_WORD = re.compile(r"\w+")

Shingles = frozenset[tuple[str, ...]]


@dataclass
class Split:
    """The three sides of a corpus and what was left out between them.

    Attributes
    ----------
    train, validation, test : datasets.Dataset
        Rows of the corpus, in its order. A side whose share is 0 is empty.
    dropped : dict of str to int
        Rows left out, by reason: `no date`, `no month`, `gap day`, `topic on two sides`, `near-duplicate`.
    """

    train: datasets.Dataset
    validation: datasets.Dataset
    test: datasets.Dataset
    dropped: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        sides = f"{len(self.train):,} train, {len(self.validation):,} validation, {len(self.test):,} test"
        return sides + _left_out(self.dropped)


def _left_out(dropped: dict[str, int]) -> str:
    """What a split left out, as the end of a sentence; nothing where nothing was."""
    counted = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count)
    return f"; left out: {counted}" if counted else ""


@as_annotated
def split_corpus(
    dataset: datasets.Dataset | Corpus,
    *,
    by: Literal["date", "group", "hash", "chronological"] = "date",
    validation: float = 0.05,
    test: float = 0.1,
    seed: int = 0,
    date: str = "date",
    group: str = "template",
    topic: str | None = "topic",
    near_duplicates: float | None = 0.8,
    test_from: str | None = None,
) -> Split:
    """Divide a corpus into train, validation and test without leaks; the same arguments always give the same sides.

    Parameters
    ----------
    dataset : datasets.Dataset or Corpus
        Columns `text` and `month`, and what `by` needs.
    by : {"date", "group", "hash", "chronological"}
        What decides a row's side.

        - `date`: in every month a block of whole days is test and another validation, at a place drawn by `seed`; the
          day before and after a block is left out (also in the month before or after). For text with days.
        - `group`: all rows with one value of the column `group` (the almanac's fact template) are on one side.
        - `hash`: a hash of the text's words decides. Where there is nothing better to go by.
        - `chronological`: the last months are test, those before them validation. Only where unseen months are the
          question; where the column `date` exists, the last day before each border is left out.
    validation, test : float
        Share of the days (`date`), of the rows (`group`, `hash`) or of the months (`chronological`).
    seed : int
        Draws the blocks, the order of the groups, or the hash.
    date : str
        Column of dates, `YYYY-MM-DD`, for a split by date.
    group : str
        Column whose values each stay on one side, for a split by group.
    topic : str or None
        Column of topics, each of which stays on one side. A topic with rows on two sides stays where it has more rows
        (where as many, on test before validation before train); its other rows are left out. An absent `topic` column
        or None: no such rule. With `by="group"` the group takes the topic's place.
    near_duplicates : float or None
        Two texts whose sets of three-word sequences overlap by this Jaccard similarity or more are never on two sides:
        the one in train is left out (between validation and test: the one in validation). None: no such rule.
    test_from : str, optional
        First month of test, for `chronological`; takes the place of the share `test`.

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        For an option or a column that does not exist, a date that is none or not in the row's month, shares that leave
        no room, or too few rows.

    Examples
    --------
    >>> days = [f"2019-05-{day:02d}" for day in range(1, 32)]
    >>> rows = [{"text": f"It is {day}.", "month": "2019-05", "date": day} for day in days]
    >>> corpus = datasets.Dataset.from_list(rows)
    >>> print(split_corpus(corpus, near_duplicates=None))
    23 train, 2 validation, 3 test; left out: 3 gap day
    """
    data = dataset.dataset if isinstance(dataset, Corpus) else dataset
    _check_shares(by, validation, test, near_duplicates, test_from)
    needed = ["text", "month", *{"date": [date], "group": [group]}.get(by, [])]
    needed += [] if topic in (None, "topic") else [str(topic)]  # the default name may be absent
    for name in needed:
        if name not in data.column_names:
            other = f" (name it with {by}=..., or give by='hash')" if name in (date, group) else ""
            raise ValueError(
                f"a split by {by} needs a column {name!r}; the corpus has {', '.join(data.column_names)}{other}"
            )
    if len(data) < 2:
        raise ValueError(f"a corpus of {len(data)} rows cannot be split; it needs at least one row for each side")

    dropped: dict[str, int] = {}
    if by == "date":
        sides = _sides_by_date(data, date, validation, test, seed, dropped)
    elif by == "group":
        sides = _sides_by_group(data[group], validation, test, seed)
    elif by == "hash":
        sides = _sides_by_hash(data, validation, test, seed)
    else:
        sides = _sides_by_month(data, date, validation, test, test_from, dropped)
    if by != "group" and topic is not None and topic in data.column_names:
        dropped["topic on two sides"] = _keep_topics_together(sides, data[topic])
    if near_duplicates is not None:
        dropped["near-duplicate"] = _drop_near_duplicates(sides, data, near_duplicates)

    wanted = {
        _TRAIN: ("train", 1.0),
        _VALIDATION: ("validation", validation),
        _TEST: ("test", test if test_from is None else 1.0),
    }
    chosen = {side: np.flatnonzero(sides == side) for side in wanted}
    for side, (name, share) in wanted.items():
        if share > 0 and len(chosen[side]) == 0:
            raise ValueError(
                f"no row is left for {name} of {len(data):,} rows split by {by}"
                f"{_left_out(dropped)}; give more data or another share"
            )
    return Split(data.select(chosen[_TRAIN]), data.select(chosen[_VALIDATION]), data.select(chosen[_TEST]), dropped)


def _check_shares(
    by: str, validation: float, test: float, near_duplicates: float | None, test_from: str | None
) -> None:
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"{name}={share!r} must be a share: at least 0 and less than 1")
    if validation + test >= 1:
        raise ValueError(f"validation={validation} and test={test} leave nothing to train on; together less than 1")
    if near_duplicates is not None and not 0 < near_duplicates <= 1:
        raise ValueError(f"near_duplicates={near_duplicates!r} must be more than 0 and at most 1, or none")
    if test_from is not None and by != "chronological":
        raise ValueError(f"test_from={test_from!r} needs by='chronological', not by={by!r}")
    if test_from is not None and parse_month(test_from) is None:
        raise ValueError("test_from is empty; give a month such as '2021-01'")


# By date


def _sides_by_date(
    data: datasets.Dataset, date: str, validation: float, test: float, seed: int, dropped: dict[str, int]
) -> np.ndarray:
    days = _days(data, date)
    known = days >= 0
    dropped["no date"] = int((~known).sum())
    if not known.any():
        raise ValueError(f"no row has a date in column {date!r}; give by='hash', or name another column with date=...")
    side_of_day = _calendar(int(days[known].min()), int(days.max()), validation, test, seed)
    sides = np.full(len(days), _DROPPED)
    sides[known] = [side_of_day[day] for day in days[known].tolist()]
    dropped["gap day"] = int((sides[known] == _DROPPED).sum())
    return sides


def _days(data: datasets.Dataset, date: str) -> np.ndarray:
    """Return each row's day as a number (day 1 is 0001-01-01), or -1 where it has none."""
    days = np.full(len(data), -1)
    numbers: dict[str, int] = {}
    for position, (text, month) in enumerate(zip(data[date], data["month"], strict=True)):
        if text is None or text == "":
            continue
        if text not in numbers:
            try:
                # A time stamp's day counts; its clock does not.
                numbers[text] = datetime.datetime.fromisoformat(text).toordinal()
            except (TypeError, ValueError):
                what = "is no day; write YYYY-MM-DD or leave it empty"
                raise ValueError(f"row {position + 1}: date {text!r} {what}") from None
        if month is not None and datetime.date.fromordinal(numbers[text]).strftime("%Y-%m") != month:
            raise ValueError(
                f"row {position + 1}: date {text!r} does not lie in the row's month {month!r}; correct one of them"
            )
        days[position] = numbers[text]
    return days


def _calendar(first: int, last: int, validation: float, test: float, seed: int) -> dict[int, int]:
    """Give every day from the first to the last (as ordinals) a side, or call it a gap."""
    draw = random.Random(seed)
    sides: dict[int, int] = {}
    owed = {_TEST: 0.0, _VALIDATION: 0.0}  # fractions of days that earlier months did not get
    start, end = (month_number(datetime.date.fromordinal(day).isoformat()) for day in (first, last))
    for number in range(start, end + 1):
        day = datetime.date(number // 12, number % 12 + 1, 1).toordinal()
        length = calendar.monthrange(number // 12, number % 12 + 1)[1]
        sides |= {day + i: side for i, side in enumerate(_month_of_days(length, validation, test, owed, draw))}
    # A block at a month's edge has its gap in the month beside it.
    scarcer = {_TRAIN: {_TEST, _VALIDATION}, _VALIDATION: {_TEST}}
    for day, side in list(sides.items()):
        if scarcer.get(side, set()) & {sides.get(day - 1), sides.get(day + 1)}:
            sides[day] = _DROPPED
    return sides


def _month_of_days(
    length: int, validation: float, test: float, owed: dict[int, float], draw: random.Random
) -> list[int]:
    """Place one month's test and validation blocks side by side, for three gap days instead of four."""
    days = {}
    for side, share in ((_TEST, test), (_VALIDATION, validation)):
        owed[side] += share * length
        days[side] = math.floor(owed[side] + 0.5)
        owed[side] -= days[side]
    order = [_TEST, _VALIDATION]
    draw.shuffle(order)
    blocks = [[side] * days[side] for side in order if days[side]]
    held_out = blocks[0] + [_DROPPED] + blocks[1] if len(blocks) == 2 else sum(blocks, [])
    if len(held_out) + 3 > length:  # two gap days and one day of training
        raise ValueError(
            f"validation={validation} and test={test} leave no day of a month to train on, with the gap days; "
            "give smaller shares"
        )
    start = draw.randint(0, length - len(held_out))
    return [_TRAIN] * start + held_out + [_TRAIN] * (length - start - len(held_out))


# By group, by hash, by month


def _sides_by_group(groups: Iterable[str | None], validation: float, test: float, seed: int) -> np.ndarray:
    """Fill test, then validation, with groups in a drawn order up to their shares; the rest is for training."""
    # A row without a group is a group of its own.
    keys = [("group", value) if value else ("row", str(i)) for i, value in enumerate(groups)]
    sizes = collections.Counter(keys)
    wanted_sides = 1 + (validation > 0) + (test > 0)
    if len(sizes) < wanted_sides:
        raise ValueError(
            f"{len(sizes)} groups cannot fill {wanted_sides} sides; give by='hash', or another column with group=..."
        )
    order = sorted(sizes)
    random.Random(seed).shuffle(order)
    side_of_group = dict.fromkeys(order, _TRAIN)
    for side, share in ((_TEST, test), (_VALIDATION, validation)):
        target, filled = share * len(keys), 0
        for key in order:
            # A group goes in when that brings the side nearer to its share; the first always, lest the side be empty.
            nearer = abs(target - filled - sizes[key]) < target - filled
            if side_of_group[key] == _TRAIN and share > 0 and nearer:
                side_of_group[key] = side
                filled += sizes[key]
        if share > 0 and not filled:  # every group is far larger than the share: take the smallest
            smallest = min((key for key in order if side_of_group[key] == _TRAIN), key=lambda key: sizes[key])
            side_of_group[smallest] = side
    return np.array([side_of_group[key] for key in keys])


def _sides_by_hash(data: datasets.Dataset, validation: float, test: float, seed: int) -> np.ndarray:
    """Let a hash of the text's words decide: equal texts, whatever their case and punctuation, are on the same side."""
    sides = np.empty(len(data), dtype=np.int64)
    for position, text in enumerate(data["text"]):
        digest = hashlib.blake2b(f"{seed} {' '.join(_words(text))}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest, "little") / 2**64  # uniform in [0, 1)
        sides[position] = _TEST if place < test else _VALIDATION if place < test + validation else _TRAIN
    return sides


def _sides_by_month(
    data: datasets.Dataset, date: str, validation: float, test: float, test_from: str | None, dropped: dict[str, int]
) -> np.ndarray:
    months = np.array([-1 if month is None else month_number(month) for month in data["month"]])
    dropped["no month"] = int((months < 0).sum())
    if dropped["no month"] == len(months):
        raise ValueError("no row has a month; give by='hash'")
    first, last = int(months[months >= 0].min()), int(months.max())
    count = last - first + 1
    border = last + 1 - math.ceil(test * count) if test_from is None else month_number(str(parse_month(test_from)))
    if test_from is not None and not first < border <= last:
        raise ValueError(
            f"test_from={test_from!r} leaves nothing before or after it; the months are "
            f"{month_label(first)}..{month_label(last)}"
        )
    earlier = border - math.ceil(validation * count)
    if earlier <= first:
        raise ValueError(
            f"{count} months leave none to train on with validation={validation} and test={test_from or test}"
        )
    sides = np.where(months >= border, _TEST, np.where(months >= earlier, _VALIDATION, _TRAIN))
    sides[months < 0] = _DROPPED
    if date in data.column_names:
        days = _days(data, date)
        lasts = [datetime.date(number // 12, number % 12 + 1, 1).toordinal() - 1 for number in {border, earlier}]
        gap = np.isin(days, lasts) & (months >= 0) & (months < border)
        sides[gap] = _DROPPED
        dropped["gap day"] = int(gap.sum())
    return sides


# Rules across sides


def _keep_topics_together(sides: np.ndarray, topics: Sequence[str | None]) -> int:
    """Drop, in place, the rows of a topic that are not on its side; return how many. Rows without a topic are free."""
    counts: dict[str, list[int]] = {}
    for side, topic in zip(sides.tolist(), topics, strict=True):
        if topic and side != _DROPPED:
            counts.setdefault(topic, [0, 0, 0])[side] += 1
    home = {topic: of_side.index(max(of_side)) for topic, of_side in counts.items()}  # of equals the first: test
    strays = [i for i, topic in enumerate(topics) if topic and sides[i] != _DROPPED and sides[i] != home[topic]]
    sides[strays] = _DROPPED
    return len(strays)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def word_triples(text: str) -> Shingles:
    """Return the set of a text's three-word sequences; a text of fewer words is one sequence, compared whole."""
    words = _words(text) or [text.strip()]  # a text without any word, such as "?!", is its own word
    return frozenset(zip(words, words[1:], words[2:], strict=False)) if len(words) >= 3 else frozenset([tuple(words)])


def _drop_near_duplicates(sides: np.ndarray, data: datasets.Dataset, least: float) -> int:
    """Drop, in place, the rows of train (and validation) that nearly repeat a row held out; return how many."""
    held_out = [
        (position, word_triples(text))
        for position, text in _texts(data, np.flatnonzero((sides == _TEST) | (sides == _VALIDATION)))
    ]
    frequency = collections.Counter(shingle for _, shingles in held_out for shingle in shingles)
    copies = 0
    test = _NearDuplicates([shingles for i, shingles in held_out if sides[i] == _TEST], frequency, least)
    for position, shingles in held_out:
        if sides[position] == _VALIDATION and test.has_near(shingles):
            sides[position] = _DROPPED
            copies += 1
    both = _NearDuplicates([shingles for i, shingles in held_out if sides[i] != _DROPPED], frequency, least)
    for position, text in _texts(data, np.flatnonzero(sides == _TRAIN)):
        if both.has_near(word_triples(text)):
            sides[position] = _DROPPED
            copies += 1
    return copies


def _texts(data: datasets.Dataset, positions: np.ndarray) -> Iterable[tuple[int, str]]:
    """Yield row numbers and texts a batch at a time, so that memory stays flat."""
    for start in range(0, len(positions), 10_000):
        some = positions[start : start + 10_000]
        yield from zip(some.tolist(), data.select_columns(["text"])[some.tolist()]["text"], strict=True)


class _NearDuplicates:
    """Finds whether a set of shingles overlaps one of the indexed sets by a Jaccard similarity or more.

    Exact, and near-linear on real text, by prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant
    2007). Two sets of Jaccard similarity t or more share at least ceil(t * size) shingles of each. So if each set's
    shingles are put into one fixed order, rarest first, the two share one among their first `size - ceil(t * size) +
    1`: only sets that meet in these rare shingles are compared.
    """

    def __init__(self, sets: Sequence[Shingles], frequency: dict[tuple[str, ...], int], least: float) -> None:
        self._least = least
        self._frequency = frequency
        self._sets_of_shingle: dict[tuple[str, ...], list[Shingles]] = {}
        for shingles in dict.fromkeys(sets):  # each distinct set once
            for shingle in self._prefix(shingles):
                self._sets_of_shingle.setdefault(shingle, []).append(shingles)

    def _prefix(self, shingles: Shingles) -> list[tuple[str, ...]]:
        # The small number keeps 0.8 * 5 = 4.000000000000001 from becoming 5.
        length = len(shingles) - math.ceil(self._least * len(shingles) - 1e-9) + 1
        return sorted(shingles, key=lambda shingle: (self._frequency.get(shingle, 0), shingle))[:length]

    def has_near(self, shingles: Shingles) -> bool:
        others = {
            id(other): other for shingle in self._prefix(shingles) for other in self._sets_of_shingle.get(shingle, ())
        }
        for other in others.values():
            small, large = sorted((len(shingles), len(other)))
            if small < self._least * large - 1e-9:  # too different in size to overlap so far
                continue
            common = len(shingles & other)
            if common >= self._least * (len(shingles) + len(other) - common) - 1e-9:
                return True
        return False
