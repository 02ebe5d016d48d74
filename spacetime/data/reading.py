"""Read the rows of a corpus file, one after the other, without ever stopping at a bad one.

A path leads to rows in one way: :func:`open_rows` looks at the suffix, opens the file and returns the column
names with an iterator. What it yields is a :class:`Row` (the fields as they stand in the file) or a
:class:`Reject` (a row that cannot even be taken apart: an unclosed quote, a missing field, broken JSON, a
byte that is not UTF-8). Trouble with the file as a whole (truncated, empty, not UTF-8 at all, an unknown
suffix) is a ValueError that names the file.

The standard library's ``csv`` does the parsing; what is ours is that a bad quote costs one line and not the
rest of the file.
"""

import contextlib
import csv
import gzip
import json
import re
import shutil
import tempfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
HUB_PREFIX = "hub:"

# One opened quote may swallow so many lines before we call it unclosed; without a limit each bad quote would
# read the file to its end, and many of them would take quadratic time.
_RECORD_LINES = 1000
_RECORD_BYTES = 1_000_000
_MOST_COLUMNS = 1000
_BATCH_ROWS = 1000  # rows of a Parquet file or a hub data set that are Python objects at a time
_SHOWN = 80  # characters of a bad value that a message or a rejects file shows


@dataclass(frozen=True)
class Reject:
    """A row that is left out, and why.

    Attributes
    ----------
    row : int
        Number of the data row, from 1; the header is not counted.
    line : int or None
        Number of the physical line on which the row starts, from 1; None for Parquet and hub data.
    column : str or None
        The column at fault; None when it is the row as a whole.
    value : str
        What stands there, cut at 80 characters.
    reason : str
        What is wrong and what is allowed.
    """

    row: int
    line: int | None
    column: str | None
    value: str
    reason: str

    def __str__(self) -> str:
        line = f" (line {self.line})" if self.line else ""
        column = f", column {self.column!r}" if self.column else ""
        return f"row {self.row}{line}{column}: {self.reason}"


class Row(NamedTuple):
    """A row whose fields could be read: its number, its physical line (or None) and its fields by column name.

    A field of a CSV or TSV row is a str; elsewhere it is whatever the file's own type becomes in Python. A
    JSONL row holds only the keys that its line has.
    """

    number: int
    line: int | None
    fields: dict[str, Any]


class Rows(NamedTuple):
    """The columns of a file, in its order, and an iterator over its rows."""

    columns: list[str]
    rows: Iterator[Row | Reject]


def shown(value: Any) -> str:
    """Return a bad value as text for a message or a rejects file: at most 80 characters, always writable as UTF-8."""
    text = value[: _SHOWN + 1] if isinstance(value, str) else repr(value)[: _SHOWN + 1]
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def check_path(path: str | Path) -> None:
    """Raise unless the path is a readable kind of file, or a hub name; says what is allowed."""
    if str(path).startswith(HUB_PREFIX):
        _hub_name(str(path))
        return
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a directory; give one file ({_allowed()})")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file (a data set on the hub is written hub:owner/name)")
    _format_of(path)
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty: it has neither a header nor rows")


def open_rows(path: str | Path, most_characters: int = 100_000) -> Rows:
    """Open a corpus file (or a hub data set) and return its columns and its rows.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet``, each also with ``.gz``; or ``hub:owner/name`` or
        ``hub:owner/name:split`` (split ``train`` unless named).
    most_characters : int
        The longest text that the caller takes. A line far beyond it is rejected unread.

    Returns
    -------
    Rows
        Blank lines are passed over and not counted as rows.

    Raises
    ------
    ValueError, FileNotFoundError
        If the file as a whole cannot be used. A damaged end (truncated gzip) shows itself only while
        iterating.
    """
    check_path(path)
    if str(path).startswith(HUB_PREFIX):
        return _open_hub(str(path))
    path = Path(path)
    kind = _format_of(path)
    most_bytes = max(_RECORD_BYTES, 8 * most_characters)
    if kind == ".parquet":
        return _open_parquet(path)
    if kind == ".jsonl":
        return _open_json_lines(path, most_bytes)
    return _open_separated(path, "\t" if kind == ".tsv" else ",", most_bytes)


def _allowed() -> str:
    return f"{', '.join(FORMATS)}, each also .gz; or hub:owner/name"


def _format_of(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        raise ValueError(f"{path}: cannot tell the format from the name; allowed: {_allowed()}")
    return suffixes[-1]


def _is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain or gzipped file; damage to the compression becomes a ValueError that names the file."""
    try:
        if not _is_gzip(path):
            with path.open("rb") as start:
                if start.read(2) == b"\x1f\x8b":
                    raise ValueError(f"{path} is compressed by gzip; give it a name that ends in .gz")
        with gzip.open(path, "rb") if _is_gzip(path) else path.open("rb") as stream:
            yield stream  # type: ignore[misc]  # GzipFile reads like any binary file
    except EOFError:
        raise ValueError(
            f"{path} is truncated: the gzip data end in the middle; copy or download the file again"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a sound gzip file ({error}); copy or download it again") from None


class _Line(NamedTuple):
    number: int
    text: str
    problem: str | None  # why the line cannot be used, if so


class _Lines:
    """The physical lines of a UTF-8 file, numbered from 1; lines taken too many can be given back."""

    def __init__(self, path: Path, stream: IO[bytes], most_bytes: int) -> None:
        self.path = path
        self.most_bytes = most_bytes
        self._stream = stream
        self._number = 0
        self._given_back: deque[_Line] = deque()

    def take(self) -> _Line | None:
        """Return the next line with its line end, or None at the end of the file."""
        if self._given_back:
            return self._given_back.popleft()
        data = self._stream.readline(self.most_bytes + 1)
        if not data:
            return None
        self._number += 1
        if self._number == 1:
            data = self._without_mark(data)
        if len(data) > self.most_bytes and not data.endswith(b"\n"):
            while (rest := self._stream.readline(self.most_bytes)) and not rest.endswith(b"\n"):
                pass
            start = data[:400].decode("utf-8", "replace")
            return _Line(self._number, start, f"the line is longer than {self.most_bytes:,} bytes")
        try:
            return _Line(self._number, data.decode("utf-8"), None)
        except UnicodeDecodeError as error:
            problem = f"not UTF-8: byte 0x{data[error.start]:02x} at byte {error.start + 1} of the line"
            return _Line(self._number, data.decode("utf-8", "replace"), problem)

    def give_back(self, lines: Iterable[_Line]) -> None:
        """Put lines back, so that they are taken again in their order."""
        self._given_back.extendleft(reversed(list(lines)))

    def _without_mark(self, data: bytes) -> bytes:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:1000]:
            raise ValueError(f"{self.path} is not UTF-8 text (it looks like UTF-16 or a binary file); save it as UTF-8")
        return data.removeprefix(b"\xef\xbb\xbf")  # the mark that some Windows programs put first


def _open_separated(path: Path, separator: str, most_bytes: int) -> Rows:
    """Open a CSV or TSV file with a header line."""
    # The csv module's own limit (131,072 characters) would hide our message about too long texts. It is the
    # whole program's setting, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), most_bytes))
    with _opened(path) as stream:
        lines = _Lines(path, stream, most_bytes)
        columns = _read_header(lines, separator)
        first_row = lines.take()  # the rows are read from a second opening, once the caller asks for them
    if first_row is None:
        raise ValueError(f"{path} has a header but no rows")

    def rows() -> Iterator[Row | Reject]:
        with _opened(path) as stream:
            lines = _Lines(path, stream, most_bytes)
            _read_header(lines, separator)
            yield from _read_separated(lines, columns, separator)

    return Rows(columns, rows())


def _read_header(lines: _Lines, separator: str) -> list[str]:
    while True:
        fields, used, reason = _read_record(lines, separator)
        if not used:
            raise ValueError(f"{lines.path} has no header line: it holds nothing but blank lines")
        if reason is not None:
            raise ValueError(f"{lines.path}: the header line cannot be read: {reason}")
        if fields:
            break
    _check_columns(lines.path, fields)
    return fields


def _check_columns(path: str | Path, columns: list[str]) -> None:
    for position, name in enumerate(columns, start=1):
        if not name.strip():
            raise ValueError(f"{path}: column {position} has no name in the header; name it or leave it out")
        if columns.index(name) != position - 1:
            raise ValueError(f"{path}: the column name {shown(name)!r} stands twice in the header; names must differ")
    if len(columns) > _MOST_COLUMNS:
        raise ValueError(f"{path} has {len(columns):,} columns; at most {_MOST_COLUMNS:,} are read")


def _read_separated(lines: _Lines, columns: list[str], separator: str) -> Iterator[Row | Reject]:
    number = 0
    while True:
        fields, used, reason = _read_record(lines, separator)
        if not used:
            return
        if reason is None and not fields:
            continue  # a blank line
        number += 1
        if reason is None and len(fields) != len(columns):
            few = "too few" if len(fields) < len(columns) else "too many"
            reason = f"{few} fields: {len(fields)} instead of {len(columns)}"
            # Over several lines this is most likely a bad quote that swallowed good rows: only its first line
            # is lost.
            lines.give_back(used[1:])
        if reason is None:
            yield Row(number, used[0].number, dict(zip(columns, fields, strict=True)))
        else:
            yield Reject(number, used[0].number, None, shown(used[0].text.rstrip("\r\n")), reason)


def _read_record(lines: _Lines, separator: str) -> tuple[list[str], list[_Line], str | None]:
    """Read one record, over several lines where a quoted field has line ends in it.

    Returns its fields, the lines it took, and the reason why it cannot be read (or None). After a bad quote
    only the first line counts as taken: reading goes on at the next.
    """
    used: list[_Line] = []

    def feed() -> Iterator[str]:
        """Hand the parser one line after the other; it asks for another only while a quote is open."""
        size = 0
        while len(used) < _RECORD_LINES and size <= lines.most_bytes:
            line = lines.take()
            if line is None:
                return
            used.append(line)
            if line.problem:
                return
            size += len(line.text)
            yield line.text

    try:
        fields = next(csv.reader(feed(), delimiter=separator, strict=True), [])
    except csv.Error as error:
        lines.give_back(used[1:])
        return [], used, _quote_trouble(str(error))
    return fields, used, used[0].problem if used else None


def _quote_trouble(message: str) -> str:
    if "unexpected end" in message:
        return "a quote is opened and never closed"
    if "expected after" in message:
        return "the quotes do not match: close every quote, and double a quote inside a quoted text"
    if "new-line" in message:
        return "a carriage return stands inside an unquoted field; put quotes around it"
    return f"it cannot be parsed ({message})"


def _open_json_lines(path: Path, most_bytes: int) -> Rows:
    """Open a file of one JSON object a line.

    The lines are parsed twice: the columns of the result must be known before its first row is written, and
    any line may bring a new key.
    """
    columns: dict[str, None] = {}  # a set that keeps the order
    first_reject = None
    for entry in _read_json_lines(path, most_bytes):
        if isinstance(entry, Row):
            columns.update(dict.fromkeys(entry.fields))
        else:
            first_reject = first_reject or entry
        if len(columns) > _MOST_COLUMNS:
            raise ValueError(
                f"{path} has more than {_MOST_COLUMNS:,} different keys; is it a table with one object a row?"
            )
    if not columns:
        trouble = f"has no usable line; the first: {first_reject}" if first_reject else "has no rows"
        raise ValueError(f"{path} {trouble}")
    return Rows(list(columns), _read_json_lines(path, most_bytes))


def _read_json_lines(path: Path, most_bytes: int) -> Iterator[Row | Reject]:
    number = 0
    with _opened(path) as stream:
        lines = _Lines(path, stream, most_bytes)
        while (line := lines.take()) is not None:
            text = line.text.strip()
            if not text:
                continue
            number += 1
            if number == 1 and text.startswith("["):
                raise ValueError(f"{path} holds a JSON array; a .jsonl file has one JSON object on each line")
            try:
                if line.problem:
                    raise ValueError(line.problem)
                yield Row(number, line.number, _parse_object(text))
            except ValueError as error:
                yield Reject(number, line.number, None, shown(text), str(error))


def _parse_object(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text, object_pairs_hook=_distinct_keys, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("it is not usable JSON: nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError(f"it is a JSON {type(fields).__name__}, not an object with named fields")
    # "\ud800" alone is allowed in JSON, yet no character and not writable as UTF-8.
    if re.search(r"\\u[dD][89a-fA-F]", text):
        try:
            json.dumps(fields, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("it holds half of a surrogate pair (\\ud800..\\udfff), which is no character") from None
    return fields


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice in the JSON object")
    return fields


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it is not JSON: {name} is no JSON value; write null")


def _open_parquet(path: Path) -> Rows:
    columns = _parquet_columns(path)
    return Rows(columns, _read_parquet(path, columns))


@contextlib.contextmanager
def _parquet_file(path: Path) -> Iterator[Any]:
    """Open a Parquet file, by way of a temporary file when it is gzipped (Parquet must be read from its end)."""
    import pyarrow
    import pyarrow.parquet

    with contextlib.ExitStack() as stack:
        source = path
        if _is_gzip(path):
            temporary = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".parquet"))
            with _opened(path) as stream:
                shutil.copyfileobj(stream, temporary)
            temporary.flush()
            source = Path(temporary.name)
        try:
            yield stack.enter_context(pyarrow.parquet.ParquetFile(source))
        except (pyarrow.ArrowException, OSError) as error:
            first_line = str(error).splitlines()[0]
            raise ValueError(f"{path} is not a sound Parquet file ({first_line}); copy or download it again") from None


def _parquet_columns(path: Path) -> list[str]:
    with _parquet_file(path) as file:
        columns = list(file.schema_arrow.names)
        if file.metadata.num_rows == 0:
            raise ValueError(f"{path} has no rows")
    _check_columns(path, columns)
    return columns


def _read_parquet(path: Path, columns: list[str]) -> Iterator[Row | Reject]:
    with _parquet_file(path) as file:
        yield from _rows_of_batches(file.iter_batches(batch_size=_BATCH_ROWS), columns)


def _rows_of_batches(batches: Iterable[Any], columns: list[str]) -> Iterator[Row | Reject]:
    number = 0
    for batch in batches:
        table = {name: _python_values(batch.column(name)) for name in columns}
        for position in range(batch.num_rows):
            number += 1
            fields = {name: values[position] for name, values in table.items()}
            bad = next((name for name, value in fields.items() if isinstance(value, _Unreadable)), None)
            if bad is None:
                yield Row(number, None, fields)
            else:
                yield Reject(number, None, bad, "", fields[bad].reason)


@dataclass(frozen=True)
class _Unreadable:
    """Stands for a value that has no Python form, such as text that is not UTF-8 or a date in the year 20000."""

    reason: str


def _python_values(array: Any) -> list[Any]:
    try:
        return list(array.to_pylist())
    except (ValueError, OverflowError):  # one bad value is enough; find it
        return [_python_value(value) for value in array]


def _python_value(value: Any) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return _Unreadable("not UTF-8")
    except (ValueError, OverflowError) as error:
        return _Unreadable(f"it cannot be read ({error})")


def _hub_name(path: str) -> tuple[str, str]:
    """Take ``hub:owner/name[:split]`` apart into the name and the split."""
    match = re.fullmatch(r"hub:([\w.-]+(?:/[\w.-]+)?)(?::([\w.-]+))?", path)
    if match is None:
        raise ValueError(f"{path!r} is not a hub name; write hub:owner/name or hub:owner/name:split")
    return match[1], match[2] or "train"


def load_hub(path: str) -> Any:
    """Load a hub data set, from the local cache where it is there already.

    Parameters
    ----------
    path : str
        ``hub:owner/name`` or ``hub:owner/name:split``.

    Returns
    -------
    datasets.Dataset

    Raises
    ------
    ValueError
        If there is no such data set or the hub cannot be reached.
    """
    import datasets

    name, split = _hub_name(path)
    try:
        return datasets.load_dataset(name, split=split)
    except Exception as error:  # the hub client has no common class for its many ways to fail
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{path} cannot be loaded: {first_line}; check the name and the network, or give a file"
        ) from None


def _open_hub(path: str) -> Rows:
    dataset = load_hub(path)
    if len(dataset) == 0:
        raise ValueError(f"{path} has no rows")
    columns = list(dataset.column_names)
    tables = dataset.with_format("arrow").iter(batch_size=_BATCH_ROWS)
    return Rows(columns, _rows_of_batches(tables, columns))
