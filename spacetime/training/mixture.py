"""A weighted mixture of pair data sets, read from `data_config.json` and files of JSON lines (all-MiniLM-L12-v1 card).

Which data sets a step draws from, and which lines of each, is a function of (seed, step) alone, so nothing but the step
has to be remembered. Each file is read as a stream, in blocks whose lines are shuffled, over and over; what is held is
one block of each data set. To go on in the middle, a file is read again up to its place once.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from spacetime.encoder import SpaceTimeEncoder
from spacetime.inputs import fit_fields, quoted, whole_number
from spacetime.model.embedding import pad
from spacetime.training.batches import Batch

MOST_BYTES = 10_000_000  # of one line; a longer one is no line of texts but a file without line ends
_STEPS = 1024  # steps whose data sets are drawn together

# Rows as objects, beside plain lists: which names hold the first text, the second one, and hard negatives.
FORMS: tuple[tuple[str, str, str], ...] = (
    ("query", "pos", "neg"),
    ("anchor", "positive", "negative"),
    ("query", "passage", "negative"),
    ("question", "answer", ""),
    ("title", "body", ""),
    ("title", "abstract", ""),
    ("title", "answer", ""),
    ("response", "context", ""),  # Reddit: a comment and what it answers
)
_ALLOWED = (
    '[text, text], [text, text, negative], {"texts": [...]}, {"set": [text, text, ...]}, {"query", "pos", "neg"} or a '
    "pair of names such as title and body"
)


@dataclass(frozen=True)
class Source:
    """One entry of `data_config.json`, and where its file is."""

    name: str
    lines: int  # as the configuration says; what is found is in the report
    weight: float
    path: Path


def read_data_config(path: str | Path, folder: str | Path | None = None) -> list[Source]:
    """Read the published form: a list of `{"name": "file.jsonl.gz", "lines": 1000, "weight": 3}`.

    The files are in `folder`, or else beside the configuration. ValueError: an entry is not of that form (its place
    and value are named), a name stands twice, or a file is missing.
    """
    path = Path(path)
    folder = Path(folder) if folder is not None else path.parent
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(f'{path} must hold a list of {{"name", "lines", "weight"}}, not {quoted(entries)}')
    sources = [_source(f"{path}, entry {number}", entry, folder) for number, entry in enumerate(entries, start=1)]
    names = [source.name for source in sources]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{path}: {twice[0]!r} stands there {names.count(twice[0])} times; give it one entry")
    if missing := [source.name for source in sources if not source.path.is_file()]:
        raise ValueError(
            f"{path}: {len(missing)} of {len(sources)} files are not in {folder}: {', '.join(missing[:3])}"
            f"{', ...' if len(missing) > 3 else ''}; name their folder, or take their entries out"
        )
    return sources


def _source(where: str, entry: Any, folder: Path) -> Source:
    if not isinstance(entry, dict) or not {"name", "lines", "weight"} <= entry.keys():
        raise ValueError(f'{where} must have "name", "lines" and "weight": {quoted(entry)}')
    name, weight = entry["name"], entry["weight"]
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}: name must be a file's name, not {quoted(name)}")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
        raise ValueError(f"{where} ({name}): weight must be a number above 0, not {quoted(weight)}")
    return Source(name, whole_number(entry["lines"], f"{where} ({name}): lines"), float(weight), folder / name)


class Row(NamedTuple):
    """What one line gives to a batch."""

    first: str
    second: str
    negatives: tuple[str, ...] = ()


def read_row(value: Any, random: np.random.Generator, most_negatives: int = 1) -> Row:
    """A line's JSON value to two texts that belong together, and hard negatives if it has some.

    It has one of these forms: `[first, second]` (a title and its body, a question and its answer, a question and its
    duplicate), `[first, second, negative, ...]`, `{"texts": [...]}` with the same inside, `{"set": [...]}` of texts
    that all mean the same, `{"query": ..., "pos": [...], "neg": [...]}`, or an object with one of the pairs of
    names in `FORMS`, further names aside; ValueError for any other, and for an empty text. `random` chooses two texts
    of a set, one of several positives, and `most_negatives` of several negatives.

    Examples
    --------
    >>> read_row({"query": "height", "pos": ["Ten metres."], "neg": ["Ten years."]}, np.random.default_rng(0))
    Row(first='height', second='Ten metres.', negatives=('Ten years.',))
    """
    negatives: list[Any] = []
    if isinstance(value, dict) and isinstance(value.get("texts"), list):
        value = value["texts"]
    if isinstance(value, dict) and isinstance(value.get("set"), list):
        texts = value["set"]
        if len(texts) < 2:
            raise ValueError(f"a set needs two texts, it has {len(texts)}")
        first, second = (texts[i] for i in random.choice(len(texts), size=2, replace=False))
    elif isinstance(value, list):
        if len(value) < 2:
            raise ValueError(f"a row needs two texts, it has {len(value)}")
        first, second, *negatives = value
    else:
        first, positives, negatives = _named(value)
        if not positives:
            raise ValueError("the list of second texts is empty")
        second = positives[random.integers(len(positives))] if len(positives) > 1 else positives[0]
    if len(negatives) > most_negatives:
        chosen = sorted(random.choice(len(negatives), size=most_negatives, replace=False).tolist())
        negatives = [negatives[i] for i in chosen]
    for text in (first, second, *negatives):
        if not isinstance(text, str):
            raise ValueError(f"{quoted(text)} is not text")
        if not text.strip():
            raise ValueError("a text is empty")
        if not text.isascii():
            text.encode()  # half of a surrogate pair, which JSON may hold, is no text; its error is a ValueError
    return Row(first, second, tuple(negatives))


def _named(value: Any) -> tuple[Any, list[Any], list[Any]]:
    """First text, second texts and negatives of an object in one of the `FORMS`."""
    if isinstance(value, dict):
        for first, second, negative in FORMS:
            if first in value and second in value:
                several = (value[second], value.get(negative, []))
                positives, negatives = (one if isinstance(one, list) else [one] for one in several)
                return value[first], positives, negatives
    raise ValueError(f"a row must be {_ALLOWED}")


class Line(NamedTuple):
    """A line of a file, not taken apart yet."""

    number: int  # from 1
    raw: bytes


class ShuffledLines:
    """The lines of a file without end: block after block, each shuffled, from the top again after the last.

    Which line is the n-th is a function of (seed, name, n). The first block of every pass has a length of its own,
    so that two passes do not cut the file at the same places. A `block` of 1 keeps the file's order.
    """

    def __init__(self, path: Path, block: int, seed: int, name: str) -> None:
        self.path, self.block = path, block
        self.lines: int | None = None  # in the file, known after a whole pass
        self._key = [seed, number_of(name) % 2**64]
        self.seek(0)

    def seek(self, position: int) -> None:
        """Make `position` the number of lines taken since the beginning, over all passes."""
        self.position, self._stream = position, self._lines(position)

    def take(self, count: int) -> list[Line]:
        """The next lines."""
        position, self.position = self.position, -1  # after an error there is no place to go on from
        taken = list(islice(self._stream, count))
        self.position = position + count
        return taken

    def _lines(self, position: int) -> Iterator[Line]:
        """All lines from a place on; the file is read up to there."""
        number, left = divmod(position, self.lines) if self.lines else (0, position)
        while True:
            stream, first = self._open(), 0
            size = int(np.random.default_rng([*self._key, number, 0]).integers(1, self.block + 1))
            while raw := list(islice(stream, size)):
                if left < len(raw):
                    order = np.random.default_rng([*self._key, number, first + 1]).permutation(len(raw))
                    yield from (Line(first + int(i) + 1, raw[i]) for i in order[left:])
                left, first, size = max(left - len(raw), 0), first + len(raw), self.block
            self._end_of_pass(first)
            number, left = number + 1 + left // first, left % first  # whole passes need not be read

    def _end_of_pass(self, lines: int) -> None:
        if lines == 0:
            raise ValueError(f"{self.path} is empty")
        if self.lines not in (None, lines):
            raise ValueError(f"{self.path} had {self.lines:,} lines in the first pass and now has {lines:,}")
        self.lines = lines

    def _open(self) -> Iterator[bytes]:
        """The file's lines from the top, without their ends."""
        number = 0
        try:
            with self.path.open("rb") as raw:
                stream: BinaryIO = raw
                if raw.peek(2)[:2] == b"\x1f\x8b":
                    stream = io.BufferedReader(gzip.GzipFile(fileobj=raw), 65536)  # type: ignore[arg-type,assignment]
                while line := stream.readline(MOST_BYTES + 1):
                    number += 1
                    if len(line) > MOST_BYTES:
                        raise ValueError(f"{self.path}, line {number} is longer than {MOST_BYTES:,} bytes")
                    yield line.rstrip(b"\r\n")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{self.path} is a broken gzip file after line {number:,}: {error}") from error


def number_of(text: str) -> int:
    """A number for a text; two of a batch of a thousand rows share one by chance once in 10^13 batches."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)


@dataclass(frozen=True)
class MixtureRecipe:
    """How rows are drawn.

    Parameters
    ----------
    datasets_per_batch
        Equal parts of a batch, each from one data set drawn by weight. 1 makes every batch from one data set, so that
        wrong answers are of its kind and hard; the batch size draws each row for itself.
    block
        Lines held and shuffled at a time, for each data set (see `ShuffledLines`).
    bad_rows
        At a line that is no row, `"stop"` with an error, or `"skip"` it, count it and make the batch smaller by it.
    most_negatives
        Hard negatives taken of a row that has more.
    """

    datasets_per_batch: int = 1
    block: int = 1000
    bad_rows: Literal["stop", "skip"] = "stop"
    most_negatives: int = 1

    def __post_init__(self) -> None:
        fit_fields(self)


class Mixture:
    """Rows drawn from several data sets by weight: `mixture[step]` for any step, `batch_size` rows of all processes.

    The sources are as `read_data_config` gives them; `recipe` holds fields of `MixtureRecipe`.
    """

    def __init__(self, sources: Sequence[Source], batch_size: int, *, seed: int = 0, **recipe: Any) -> None:
        self.recipe = MixtureRecipe(**recipe)
        batch_size = whole_number(batch_size, "batch_size", 2)  # a row alone has no wrong answer
        parts = self.recipe.datasets_per_batch
        if parts > batch_size:
            raise ValueError(f"datasets_per_batch must lie between 1 and batch_size, not {parts}")
        self.sources, self.batch_size, self.seed = list(sources), batch_size, seed
        weights = np.array([source.weight for source in self.sources])
        self.shares = weights / weights.sum()
        self.parts = np.diff(np.linspace(0, batch_size, parts + 1).astype(np.int64))
        self.streams = [ShuffledLines(source.path, self.recipe.block, seed, source.name) for source in self.sources]
        self.left_out = [0] * len(self.sources)  # lines that could not be used
        self.reasons: list[list[str]] = [[] for _ in self.sources]  # the first of them
        self._step = 0  # the step that comes next in order, and what had been drawn before it
        self._drawn = np.zeros(len(self.sources), dtype=np.int64)
        self._plans: dict[int, NDArray[np.int64]] = {}

    def data_sets(self, step: int) -> NDArray[np.int64]:
        """The data set of each part of a step's batch."""
        window, place = divmod(step, _STEPS)
        if window not in self._plans:
            random = np.random.default_rng([self.seed, 4, window])
            self._plans = {window: random.choice(len(self.sources), size=(_STEPS, len(self.parts)), p=self.shares)}
        row: NDArray[np.int64] = self._plans[window][place]
        return row

    def drawn(self, steps: int) -> NDArray[np.int64]:
        """Lines drawn from each data set in the first `steps` steps."""
        start, counts = (self._step, self._drawn.copy()) if steps >= self._step else (0, np.zeros_like(self._drawn))
        for step in range(start, steps):
            np.add.at(counts, self.data_sets(step), self.parts)
        return counts

    def __getitem__(self, step: int) -> list[Row]:
        counts = self.drawn(step)
        random = np.random.default_rng([self.seed, 5, step])
        rows: list[Row] = []
        for number, size in zip(self.data_sets(step).tolist(), self.parts.tolist(), strict=True):
            stream = self.streams[number]
            if stream.position != counts[number]:
                stream.seek(int(counts[number]))
            rows += self._read(number, stream.take(size), random)
            counts[number] += size
        self._step, self._drawn = step + 1, counts
        if not rows:
            raise ValueError(f"step {step + 1} has no row that can be used; {self.reasons[number][0]}")
        return rows

    def _read(self, number: int, lines: list[Line], random: np.random.Generator) -> Iterator[Row]:
        for line in lines:
            try:
                yield read_row(json.loads(line.raw), random, self.recipe.most_negatives)
            except (ValueError, RecursionError) as error:  # of JSON and of UTF-8, too
                said: object = error
                if isinstance(error, json.JSONDecodeError):
                    said = f"not JSON ({error.msg} at column {error.colno})"
                shown = quoted(line.raw.decode("utf-8", errors="replace"))
                reason = f"{self.sources[number].path}, line {line.number:,}: {said}: {shown}"
                if self.recipe.bad_rows == "stop":
                    raise ValueError(reason) from error
                self.left_out[number] += 1
                self.reasons[number] = [*self.reasons[number], reason][:3]

    def report(self, steps: int) -> "DrawReport":
        """What the first `steps` steps drew, beside what the weights ask for."""
        drawn, total = self.drawn(steps), steps * self.batch_size
        # Each part of a batch is one draw of a data set; its rows come along.
        error = np.sqrt(max(steps, 1) * np.sum(self.parts.astype(float) ** 2) * self.shares * (1 - self.shares))
        rows = []
        for i, source in enumerate(self.sources):
            expected, lines = float(self.shares[i] * total), self.streams[i].lines
            deviation = float((drawn[i] - self.shares[i] * total) / error[i]) if error[i] else 0.0
            passes = float(drawn[i] / (lines or source.lines))
            rows.append(
                DrawnFrom(
                    source.name,
                    source.weight,
                    expected,
                    int(drawn[i]),
                    deviation,
                    passes,
                    source.lines,
                    lines,
                    self.left_out[i],
                    self.reasons[i],
                )  # fmt: skip
            )
        return DrawReport(steps, total, rows)


@dataclass(frozen=True)
class DrawnFrom:
    """What was drawn from one data set."""

    name: str
    weight: float
    expected: float  # lines, by the weights
    drawn: int
    standard_errors: float  # how far drawn is from expected; beyond 4 or so something is wrong
    passes: float  # how often the file was gone through
    lines_said: int
    lines_found: int | None  # None where no pass has come to the end yet
    left_out: int  # by this process
    reasons: list[str]


@dataclass(frozen=True)
class DrawReport:
    """What a mixture drew, data set by data set."""

    steps: int
    rows: int
    sources: list[DrawnFrom]

    def __str__(self) -> str:
        width = max(len(source.name) for source in self.sources)
        lines = [
            f"{self.rows:,} rows in {self.steps:,} steps, from {len(self.sources)} data sets",
            f"{'':{width}}  {'weight':>8}  {'expected':>13}  {'drawn':>13}  {'s.e.':>5}  {'passes':>7}  left out",
        ]
        for source in sorted(self.sources, key=lambda source: -source.drawn):
            lines.append(
                f"{source.name:{width}}  {source.weight:8g}  {source.expected:13,.0f}  {source.drawn:13,}  "
                f"{source.standard_errors:+5.1f}  {source.passes:7.2f}  {source.left_out:8,}"
            )
            if source.lines_found not in (None, source.lines_said):
                lines.append(f"  the file has {source.lines_found:,} lines, not {source.lines_said:,}")
            lines += [f"  {reason}" for reason in source.reasons]
        return "\n".join(lines)


class MixtureBatches:
    """Batches of a mixture for `spacetime.training.contrastive.ContrastiveLoss`, cut at the encoder's `max_length`.

    `batches[step]` has, for B rows with M hard negatives in all: `input_ids`, `attention_mask` (2B + M, L), first
    texts, then second texts, then negatives; and a number for each different text, the same in every process:
    `first_texts`, `second_texts` (B,), `negative_texts` (M,).
    """

    def __init__(self, mixture: Mixture, encoder: SpaceTimeEncoder) -> None:
        self.mixture, self.encoder = mixture, encoder

    def __len__(self) -> int:
        return -(-sum(source.lines for source in self.mixture.sources) // self.mixture.batch_size)

    def __getitem__(self, step: int) -> Batch:
        return self.share(step, 0, 1)

    def share(self, step: int, process: int, processes: int) -> Batch:
        """See `spacetime.training.batches.Batches`; the loss counts the rows of all processes itself.

        ValueError: so many rows were skipped that a process has none.
        """
        rows = self.mixture[step]
        if len(rows) < processes:
            raise ValueError(f"step {step + 1} has {len(rows)} rows that can be used, for {processes} processes")
        rows = rows[process::processes]
        texts = [row.first for row in rows] + [row.second for row in rows]
        texts += [negative for row in rows for negative in row.negatives]
        input_ids, attention_mask = pad(self.encoder.word_pieces(texts), self.encoder.tokenizer.pad_token_id)
        numbers = torch.tensor([number_of(text) for text in texts])
        first, second, negative = numbers.tensor_split((len(rows), 2 * len(rows)))
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "first_texts": first,
            "second_texts": second,
            "negative_texts": negative,
        }
