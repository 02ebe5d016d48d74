"""Read the rows of a corpus, one after the other, without ever stopping at a bad one.

`open_rows` takes a file, a data set on the hub, or a table in memory, and returns the column names with an iterator.
The iterator yields a `Row` (the fields as they stand there) or a `Reject` (a row that cannot even be taken apart: an
unclosed quote, a missing field, broken JSON, a byte that is not text). Trouble with the file as a whole (truncated,
empty, an unknown suffix) is a ValueError that names the file.

How a text file is written (its encoding, its separator, its quotes) is found out where only one answer fits the whole
file, and said in the notes. The standard library's `csv` does the parsing; what is ours is that a bad quote costs one
line and not the rest of the file.
"""

import codecs
import contextlib
import csv
import gzip
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, get_args

Quoting = Literal["double", "backslash", "none"]
_Opener = Callable[[], AbstractContextManager[IO[bytes]]]

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".jl", ".json", ".parquet", ".txt")
HUB_PREFIX = "hub:"
SEPARATORS = (",", ";", "\t", "|")

# One opened quote may swallow so many lines before we call it unclosed; without a limit each bad quote would
# read the file to its end, and many of them would take quadratic time.
_RECORD_LINES = 1000
_RECORD_BYTES = 1_000_000
_MOST_COLUMNS = 1000
_BATCH_ROWS = 1000  # rows of a table that are Python objects at a time
_BLOCK = 1 << 20  # bytes of a file, or characters of a JSON array, that are looked at together
_SHOWN = 80  # characters of a bad value that a message or a rejects file shows
_JSON_ROWS = (
    "a .json file has one object on each line, or one array of objects ('records' in pandas; of an answer that holds a "
    "list of rows, that list)"
)
_POINTER = b"version https://git-lfs.github.com/spec/"  # so begins what git keeps in place of a large file
_ELSEWHERE = {".xlsx": "an Excel workbook; save it as CSV UTF-8", ".xls": "an Excel workbook; save it as CSV UTF-8"}


@dataclass(frozen=True)
class Reject:
    """A row that is left out, and why.

    Attributes
    ----------
    row : int
        Number of the data row, from 1; the header is not counted.
    line : int or None
        Number of the physical line on which the row starts, from 1; None for Parquet, hub data and tables in memory.
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
    JSON row holds only the keys that its object has.
    """

    number: int
    line: int | None
    fields: dict[str, Any]


class Rows(NamedTuple):
    """The columns of a corpus, in its order, an iterator over its rows, and what was found out about the file."""

    columns: list[str]
    rows: Iterator[Row | Reject]
    notes: list[str]


@dataclass(frozen=True)
class Form:
    """How a text file is written; what is None is found out.

    Parameters
    ----------
    encoding
        A name that Python knows, such as `"cp1252"`. Found out: UTF-8, UTF-16 with a mark, or cp1252.
    separator
        The character between two fields.
    quoting
        `"double"`: a field may stand in quotes, and a quote inside is doubled, as CSV has it; `"backslash"`: a quote
        inside is written `\\"`; `"none"`: quotes are characters like any other.
    """

    encoding: str | None = None
    separator: str | None = None
    quoting: Quoting | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            try:
                "a".encode(self.encoding)  # refuses Python's codecs that are no encodings of text, too
            except (LookupError, TypeError):
                raise ValueError(
                    f"encoding={self.encoding!r} is not known; utf-8, cp1252, latin-1 and utf-16 are"
                ) from None
        if self.separator is not None and (len(self.separator) != 1 or self.separator in '\r\n"'):
            raise ValueError(f"separator={self.separator!r} must be one character, such as ';' or a tab")
        if self.quoting not in (None, *get_args(Quoting)):
            raise ValueError(f"quoting={self.quoting!r} is not allowed; give one of {', '.join(get_args(Quoting))}")


def shown(value: Any) -> str:
    """Return a bad value as text for a message or a rejects file: at most 80 characters, always writable as UTF-8."""
    text = value[: _SHOWN + 1] if isinstance(value, str) else repr(value)[: _SHOWN + 1]
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def inert(value: Any) -> Any:
    """Return a cell of a CSV file as no spreadsheet takes it for a formula, as OWASP says: behind an apostrophe.

    Only texts that begin with `=`, `+`, `-`, `@`, a tab or a line end are changed, and a plain number is not.
    """
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return value
    return value if re.fullmatch(r"[+-]?\d+(\.\d+)?", value) else f"'{value}"


def is_table(source: Any) -> bool:
    """Whether a corpus is a table in memory and not a name."""
    return not isinstance(source, str | os.PathLike)


def name_of(source: Any) -> str:
    """What messages and reports call a corpus: its path as given, or the kind of table."""
    return type(source).__name__ if is_table(source) else os.fspath(source)


def fingerprint(source: Any) -> str:
    """Return a hash of a corpus's content; for a file, the SHA-256 of its bytes."""
    if is_table(source):
        digest = hashlib.sha256()
        names, batches = _table(source)
        digest.update(repr(names).encode("utf-8", "surrogatepass"))
        for batch in batches:
            digest.update(repr(batch).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()
    if str(source).startswith(HUB_PREFIX):
        return f"{source} {load_hub(str(source))._fingerprint}"
    with open(source, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_path(source: Any) -> None:
    """Raise unless it is a table, a readable kind of file, or a hub name; says what is allowed."""
    if is_table(source):
        _table(source)
        return
    if str(source).startswith(HUB_PREFIX):
        _hub_name(str(source))
        return
    path = Path(source)
    if path.is_dir():
        raise ValueError(f"{path} is a directory; give one file ({_allowed()})")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file (a data set on the hub is written hub:owner/name)")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty: it has neither a header nor rows")
    _format_of(path)


def open_rows(source: Any, form: Form | None = None, asked: Sequence[str] = (), most_characters: int = 100_000) -> Rows:
    """Open a corpus and return its columns, its rows, and what was found out about it.

    Parameters
    ----------
    source : str, Path, pandas.DataFrame, datasets.Dataset or pyarrow.Table
        A file: `.csv`, `.tsv`, JSON (`.jsonl`, `.ndjson`, `.jl`, `.json`: an object a line, or one array of objects),
        `.parquet`, or `.txt` with a text a line; each also with `.gz`, or alone in a `.zip`. A data set on the hub:
        `hub:owner/name` or `hub:owner/name:split` (split `train` unless named). Or a table in memory.
    form
        How a text file is written, in so far as it is known.
    asked
        Columns that the caller needs; the first is the one of texts. Other columns never stop a file.
    most_characters
        The longest text that the caller takes. A line far beyond it is rejected unread.

    Returns
    -------
    Rows
        Blank lines are passed over and not counted as rows.

    Raises
    ------
    ValueError, FileNotFoundError
        If the file as a whole cannot be used. A damaged end (truncated gzip) may show itself only while
        iterating.
    """
    check_path(source)
    if is_table(source):
        return _open_table(source, name_of(source), asked)
    if str(source).startswith(HUB_PREFIX):
        return _open_table(load_hub(str(source)), str(source), asked)
    path = Path(source)
    kind = _format_of(path)
    if kind == ".parquet":
        return _open_parquet(path, asked)
    text = _text_file(partial(_opened, path), str(path), form or Form(), max(_RECORD_BYTES, 8 * most_characters))
    if kind in (".csv", ".tsv"):
        return _open_separated(text, "\t" if kind == ".tsv" else ",", asked)
    if kind == ".txt":
        return _open_lines(text, asked)
    return _open_json(text, kind, asked)


def read_texts(source: str | Path, encoding: str | None = None) -> tuple[list[str], list[str]]:
    """Read one text a line from a `.txt` file, or from stdin (`-`).

    Lines end at `\\n` and `\\r\\n` only, so that U+2028 or a form feed inside a text does not cut it in two.

    Parameters
    ----------
    source
        As in `open_rows`, or `-`.
    encoding
        See `Form`.

    Returns
    -------
    list of str
        The texts.
    list of str
        What was found out about the file.

    Raises
    ------
    ValueError
        If there are no lines, one is blank (an embedding would be missing for it), or one is not text.
    """
    opener: _Opener
    if source == "-":
        data = sys.stdin.buffer.read()
        name, opener = "stdin", lambda: contextlib.nullcontext(io.BytesIO(data))
    else:
        name, opener = str(source), partial(_opened, Path(source))
    text = _text_file(opener, name, Form(encoding), sys.maxsize - 1)
    texts = []
    with text.lines() as lines:
        while (line := lines.take()) is not None:
            if line.problem:
                raise ValueError(f"{name}: line {line.number} is {line.problem}")
            if not line.text.strip():
                raise ValueError(f"{name}: line {line.number} is empty; write one sentence a line")
            texts.append(line.text.removesuffix("\n").removesuffix("\r"))
    if not texts:
        raise ValueError(f"{name}: no sentences")
    return texts, text.notes


# --- files ----------------------------------------------------------------------------------------------


def _allowed() -> str:
    return f"{', '.join(FORMATS)}, each also .gz or in a .zip; or hub:owner/name"


def _format_of(path: Path) -> str:
    """The suffix that says how to read a file, seen through `.gz` and `.zip`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".zip"]:
        with _opened(path) as stream:  # its name is that of the file inside
            suffixes = [suffix.lower() for suffix in Path(stream.name).suffixes]
    elif suffixes[-1:] == [".gz"]:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        what = f"is {_ELSEWHERE[suffixes[-1]]}" if suffixes and suffixes[-1] in _ELSEWHERE else None
        raise ValueError(f"{path}: {what or 'cannot tell the format from the name'}; allowed: {_allowed()}")
    return suffixes[-1]


def _packing(path: Path) -> str:
    """How a file is packed: `"gzip"` (whatever its name), `"zip"` or not at all."""
    with path.open("rb") as stream:
        start = stream.read(len(_POINTER))
    if start == _POINTER:
        raise ValueError(f"{path} is a Git LFS pointer, not the data themselves; in its clone run: git lfs pull")
    if path.suffix.lower() == ".zip":
        return "zip"
    return "gzip" if path.suffix.lower() == ".gz" or start[:2] == b"\x1f\x8b" else ""


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, gzipped or alone in a zip or plain; damage to the compression becomes a ValueError that names it."""
    packing = _packing(path)
    try:
        with contextlib.ExitStack() as stack:
            if packing == "zip":
                archive = stack.enter_context(zipfile.ZipFile(path))
                yield stack.enter_context(archive.open(_only_member(path, archive)))
            else:
                yield stack.enter_context(gzip.open(path, "rb") if packing else path.open("rb"))  # type: ignore[arg-type]
    except EOFError:
        raise ValueError(
            f"{path} is truncated: the {packing} data end in the middle; copy or download the file again"
        ) from None
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a sound {packing} file ({error}); copy or download it again") from None
    except (RuntimeError, NotImplementedError) as error:
        if packing != "zip":
            raise
        raise ValueError(f"{path} cannot be unpacked here ({error}); unpack it yourself") from None


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file in a zip; what macOS adds for itself does not count."""
    files = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        names = ", ".join(shown(info.filename) for info in files[:5])
        raise ValueError(f"{path} holds {len(files)} files ({names}), not one; unpack it and give one of them")
    return files[0]


class _Line(NamedTuple):
    number: int
    text: str
    problem: str | None  # why the line cannot be used, if so


class _Lines:
    """The physical lines of a text file, numbered from 1; lines taken too many can be given back."""

    def __init__(self, name: str, stream: IO[bytes], encoding: str, most_bytes: int) -> None:
        self.name = name
        self.most_bytes = most_bytes
        self.encoding = encoding
        # Where a line end is not the byte \n, the codec must find it. What comes is then UTF-8 again.
        self._wide = "\n".encode(encoding)[-1:] != b"\n" or len("aa".encode(encoding)) > 3
        self._stream: Any = stream
        if self._wide:
            self._stream = io.TextIOWrapper(stream, encoding, "surrogatepass", newline="\n")
        self._number = 0
        self._given_back: deque[_Line] = deque()

    def take(self) -> _Line | None:
        """Return the next line with its line end, or None at the end of the file."""
        if self._given_back:
            return self._given_back.popleft()
        data = self._read(self.most_bytes + 1)
        if not data:
            return None
        self._number += 1
        if self._number == 1:
            data = self._without_mark(data)
        if len(data) > self.most_bytes and not data.endswith(b"\n"):
            while (rest := self._read(self.most_bytes)) and not rest.endswith(b"\n"):
                pass
            start = data[:400].decode("utf-8", "replace")
            return _Line(self._number, start, f"the line is longer than {self.most_bytes:,} bytes")
        encoding = "utf-8" if self._wide else self.encoding
        try:
            return _Line(self._number, data.decode(encoding), None)
        except UnicodeDecodeError as error:
            called = "UTF-8" if self.encoding == "utf-8" else self.encoding
            problem = f"not {called}: byte 0x{data[error.start]:02x} at byte {error.start + 1} of the line"
            return _Line(self._number, data.decode(encoding, "replace"), problem)

    def give_back(self, lines: Iterable[_Line]) -> None:
        """Put lines back, so that they are taken again in their order."""
        self._given_back.extendleft(reversed(list(lines)))

    def _read(self, most: int) -> bytes:
        if not self._wide:
            return self._stream.readline(most)  # type: ignore[no-any-return]
        try:
            return self._stream.readline(most).encode("utf-8", "surrogatepass")  # type: ignore[no-any-return]
        except UnicodeError as error:
            raise ValueError(f"{self.name} is not {self.encoding} ({error}); name another encoding") from None

    def _without_mark(self, data: bytes) -> bytes:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:1000]:
            raise ValueError(
                f"{self.name} is not {'UTF-8' if self.encoding == 'utf-8' else self.encoding} text (it looks like "
                "UTF-16 or a binary file); save it as UTF-8, or give its encoding"
            )
        return data.removeprefix(b"\xef\xbb\xbf")  # the mark that some Windows programs put first


@dataclass(frozen=True)
class _TextFile:
    """A text file whose encoding is settled: how to open it, how it is written, and what was found out."""

    opener: _Opener
    name: str
    form: Form
    most_bytes: int
    notes: list[str]

    @contextlib.contextmanager
    def lines(self) -> Iterator[_Lines]:
        """Open it anew at its first line."""
        assert self.form.encoding is not None
        with self.opener() as stream:
            yield _Lines(self.name, stream, self.form.encoding, self.most_bytes)


def _text_file(opener: _Opener, name: str, form: Form, most_bytes: int) -> _TextFile:
    """Settle the encoding of a text file."""
    notes = []
    encoding = form.encoding
    if encoding is None:
        encoding, note = _found_encoding(opener)
        notes += [note] if note else []
    encoding = codecs.lookup(encoding).name.replace("utf-8-sig", "utf-8")
    return _TextFile(opener, name, replace(form, encoding=encoding), most_bytes, notes)


# Characters of cp1252 where they stand in English and its neighbours: punctuation anywhere, a letter in a word of
# other letters, a capital at a word's start. Whatever another code page makes of other letters (Cyrillic, Polish,
# Turkish, a Mac's) breaks these rules soon. charset-normalizer, tried first, read "It\x92s" as Korean and "£5" as "Ł5".
_WESTERN = re.compile(
    "[\x00-\x7f]|[‘’“”–—…•™©®°€£¥§¼½¾«»·\xa0\xad]|(?<![a-zß-ÿ])[ÀÁÂÄÅÆÇÈÉÊËÍÎÑÓÔÖØÚÜŒŠŽ](?![A-ZÀ-Þ]{0,1}[€•¥§])"
    "|(?<=[A-Za-z])[àáâãäåæçèéêëìíîïñòóôõöøùúûüßœšž](?![€•¥§])|[àáâäåæçèéêëíîñóôöøúüœšž](?=[a-z])|(?<![^ ])à(?= )"
)


def _found_encoding(opener: _Opener) -> tuple[str, str | None]:
    """UTF-8 unless the whole file speaks for another: a mark of UTF-16, or no line that is UTF-8 and all are cp1252.

    Returns the encoding, and what there is to say about it.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opener() as stream:
        block = stream.read(_BLOCK)
        if block.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16", "read as UTF-16, as its first bytes say"
        try:
            while block:
                decoder.decode(block)
                block = stream.read(_BLOCK)
            decoder.decode(b"", final=True)
            return "utf-8", None
        except UnicodeDecodeError:
            pass
    sure = True
    with opener() as stream:
        while line := stream.readline(_BLOCK):
            if line.isascii():
                continue
            with contextlib.suppress(UnicodeDecodeError):
                line.decode("utf-8")
                return "utf-8", None  # a UTF-8 file with damaged lines
            text = line.decode("cp1252", "replace")
            sure = sure and not _WESTERN.sub("", text) and not re.search(r"[À-ÿ]{3}", text)
    if sure:
        return "cp1252", "read as cp1252, as its bytes are not UTF-8"
    return "utf-8", "no line beyond ASCII is UTF-8, and which encoding it is is not sure; name it: encoding='cp1252'"


# --- columns --------------------------------------------------------------------------------------------


def _named(name: str, names: Sequence[str], asked: Sequence[str]) -> tuple[dict[int, str], list[str]]:
    """The columns to keep, by their position from 0, with their names; and what is said of the others.

    A column without a name is left out, the second of a name gets a name of its own. Only where one that is asked for
    stands twice, nobody but the caller can tell which is meant.
    """
    kept: dict[str, int] = {}
    nameless, notes = [], []
    for place, column in enumerate(names):
        if not column.strip():
            nameless.append(place + 1)
        elif column not in kept:
            kept[column] = place
        elif column in asked:
            raise ValueError(
                f"{name}: the column name {shown(column)!r} stands twice in the header, as columns {kept[column] + 1} "
                f"and {place + 1}, and is asked for; rename one of them"
            )
        else:
            made = next(new for n in itertools.count(2) if (new := f"{column}_{n}") not in kept and new not in names)
            notes.append(f"column {place + 1} is called {made!r}, as column {kept[column] + 1} has its name already")
            kept[made] = place
    if nameless:
        several = len(nameless) > 1
        places = f"{', '.join(map(str, nameless[:5]))}{', ...' if len(nameless) > 5 else ''}"
        notes.append(
            f"column{'s' if several else ''} {places} {'have' if several else 'has'} no name and "
            f"{'are' if several else 'is'} left out"
        )
    chosen = [column for column in kept if column in asked]
    others = [column for column in kept if column not in asked]
    if cut := others[max(0, _MOST_COLUMNS - len(chosen)) :]:
        notes.append(f"{len(cut):,} columns beyond the first {_MOST_COLUMNS:,} are left out, from {shown(cut[0])!r} on")
        kept = {column: place for column, place in kept.items() if column not in set(cut)}
    return {place: column for column, place in kept.items()}, notes


# --- separated fields -----------------------------------------------------------------------------------


def _open_separated(text: _TextFile, own: str, asked: Sequence[str]) -> Rows:
    """Open a CSV or TSV file with a header line; `own` is the separator that its suffix means."""
    # The csv module's own limit (131,072 characters) would hide our message about too long texts. It is the
    # whole program's setting, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), text.most_bytes))
    form, notes = text.form, list(text.notes)
    if form.separator is None:
        form = replace(form, separator=_found_separator(replace(text, form=form), own, asked))
        if form.separator != own:
            notes.append(f"fields are separated by {form.separator!r}")
    if form.quoting is None:
        form = replace(form, quoting=_found_quoting(replace(text, form=form), asked))
        if form.quoting != "double":
            how = 'are written \\"' if form.quoting == "backslash" else "are characters like any other"
            notes.append(f"quotes {how} (quoting {form.quoting!r}): so every line can be read that can be at all")
    text = replace(text, form=form)
    with text.lines() as lines:
        header = _read_header(lines, form)
        if lines.take() is None:
            raise ValueError(f"{text.name} has a header but no rows")
    columns, said = _named(text.name, header, asked)

    def rows() -> Iterator[Row | Reject]:
        with text.lines() as lines:
            _read_header(lines, form)
            for fields, first, number, reason in _read_records(lines, form, len(header)):
                if reason is None:
                    yield Row(number, first.number, {name: fields[place] for place, name in columns.items()})
                else:
                    yield Reject(number, first.number, None, shown(first.text.rstrip("\r\n")), reason)

    return Rows(list(columns.values()), rows(), notes + said)


def _open_lines(text: _TextFile, asked: Sequence[str]) -> Rows:
    """Open a `.txt` file: a text a line, unless its first line has the columns asked for, or tabs as the next one."""
    column = asked[0] if asked else "text"
    separator = text.form.separator or _found_separator(text, "\t", asked)
    header = _header(text, separator)
    with text.lines() as lines:
        tabs = [line.text.count("\t") for line in (lines.take(), lines.take()) if line is not None]
    if len(header) > 1 and (column in header or separator == "\t" and tabs == [len(header) - 1] * 2):
        notes = [*text.notes, f"the first line is a header, so this is a table separated by {separator!r}"]
        return _open_separated(
            replace(text, form=replace(text.form, separator=separator), notes=notes), separator, asked
        )

    def rows() -> Iterator[Row | Reject]:
        number = 0
        with text.lines() as lines:
            while (line := lines.take()) is not None:
                if not line.text.strip():
                    continue
                number += 1
                value = line.text.removesuffix("\n").removesuffix("\r")
                if line.problem:
                    yield Reject(number, line.number, None, shown(value), line.problem)
                else:
                    yield Row(number, line.number, {column: value})

    return Rows([column], rows(), text.notes)


def _header(text: _TextFile, separator: str) -> list[str]:
    """The names in the header by this separator; none where it cannot be read so."""
    with contextlib.suppress(ValueError), text.lines() as lines:
        return _read_header(lines, replace(text.form, separator=separator, quoting=text.form.quoting or "double"))
    return []


def _found_separator(text: _TextFile, own: str, asked: Sequence[str]) -> str:
    """The suffix's own, unless only another finds the columns asked for, or only another cuts the header at all."""
    order = (own, *(separator for separator in SEPARATORS if separator != own))
    headers = {separator: _header(text, separator) for separator in order}
    finding = [separator for separator in order if asked and set(asked) <= set(headers[separator])]
    cutting = [separator for separator in order if len(headers[separator]) > 1]
    if finding:
        return finding[0]
    return cutting[0] if len(cutting) == 1 else own


def _found_quoting(text: _TextFile, asked: Sequence[str]) -> Quoting:
    """CSV's own quotes, unless another way reads every line that they read, and more, and no quote stops it."""
    with text.opener() as stream:
        if not any(b'"' in block for block in iter(lambda: stream.read(_BLOCK), b"")):
            return "double"
    if _all_sound(text):
        return "double"
    by_csv, _ = _lost_lines(text, "double", asked, None)
    best: Quoting = "double"
    least = len(by_csv)
    for quoting in get_args(Quoting)[1:]:
        if least:
            losses, wrapped = _lost_lines(text, quoting, asked, by_csv)
            # More fields in quotes than lines to win: those quotes are meant.
            if len(losses) < least and (quoting != "none" or wrapped < len(by_csv) - len(losses)):
                best, least = quoting, len(losses)
    return best


def _all_sound(text: _TextFile) -> bool:
    """Whether CSV's own quotes read every line: asked of one parser, so in a tenth of the time of `_lost_lines`."""
    try:
        with text.lines() as lines:
            width = len(_read_header(lines, text.form))
        with text.opener() as stream:
            source = io.TextIOWrapper(stream, text.form.encoding, "replace", newline="\n")
            pieces = iter(partial(source.readline, text.most_bytes), "")
            rows = csv.reader(pieces, delimiter=text.form.separator or ",", strict=True)
            return all(len(row) in (0, width) for row in rows)
    except (ValueError, csv.Error):
        return False


def _lost_lines(text: _TextFile, quoting: Quoting, asked: Sequence[str], most: set[int] | None) -> tuple[set[int], int]:
    """Numbers of the lines that cannot be read by this quoting, and how many fields stand in quotes nevertheless.

    With `most` it stops, and returns `most`, at the first lost line that is not among them or that has a quote in it.
    """
    form = replace(text.form, quoting=quoting)
    lost, wrapped = set(), 0
    with text.lines() as lines:
        try:
            header = _read_header(lines, form)
        except ValueError:
            return most or {0}, 0
        if most is not None and not set(asked) <= set(header):
            return most, 0
        for fields, first, _, reason in _read_records(lines, form, len(header)):
            if reason is None:
                wrapped += sum(len(field) > 1 and field[0] == field[-1] == '"' for field in fields)
                continue
            lost.add(first.number)
            if most is not None and (first.number not in most or '"' in first.text):
                return most, 0
    return lost, wrapped


def _read_header(lines: _Lines, form: Form) -> list[str]:
    first = lines.take()
    if first is not None and not re.fullmatch(r"sep=.?\s*", first.text):  # by which Excel names the separator
        lines.give_back([first])
    while True:
        fields, used, reason = _read_record(lines, form)
        if not used:
            raise ValueError(f"{lines.name} has no header line: it holds nothing but blank lines")
        if reason is not None:
            raise ValueError(f"{lines.name}: the header line cannot be read: {reason}")
        if fields:
            break
    ahead = [line for line in (lines.take(), lines.take()) if line is not None]
    lines.give_back(ahead)
    with contextlib.suppress(csv.Error):
        rows = list(
            csv.reader(
                (line.text for line in ahead),
                delimiter=form.separator or ",",
                quoting=csv.QUOTE_NONE if form.quoting == "none" else csv.QUOTE_MINIMAL,
            )
        )
        beyond = min((len(row) for row in rows), default=0)
        if not any(value for row in rows for value in row[len(fields) :]):
            fields += [""] * (beyond - len(fields))  # rows that end in separators, which the header leaves out
    return fields


def _read_records(lines: _Lines, form: Form, width: int) -> Iterator[tuple[list[str], _Line, int, str | None]]:
    """Yield every record after the header: its fields, its first line, its number, and why it is rejected (or None)."""
    number = 0
    while True:
        fields, used, reason = _read_record(lines, form)
        if not used:
            return
        if reason is None and not fields:
            continue  # a blank line
        number += 1
        if reason is None and len(fields) != width:
            few = "too few" if len(fields) < width else "too many"
            reason = f"{few} fields: {len(fields)} instead of {width}"
            # Over several lines this is most likely a bad quote that swallowed good rows: only its first line
            # is lost.
            lines.give_back(used[1:])
        yield fields, used[0], number, reason


def _read_record(lines: _Lines, form: Form) -> tuple[list[str], list[_Line], str | None]:
    """Read one record, over several lines where a quoted field has line ends in it.

    Returns its fields, the lines it took, and the reason why it cannot be read (or None). After a bad quote
    only the first line counts as taken: reading goes on at the next.
    """
    used: list[_Line] = []
    backslash = form.quoting == "backslash"

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
            # csv would drop every other backslash, too, such as that of C:\folder or \N.
            yield re.sub(r'\\(["\\])|\\', lambda m: m[0] if m[1] else "\\\\", line.text) if backslash else line.text

    try:
        fields = next(
            csv.reader(
                feed(),
                delimiter=form.separator or ",",
                quoting=csv.QUOTE_NONE if form.quoting == "none" else csv.QUOTE_MINIMAL,
                escapechar="\\" if backslash else None,
                strict=True,
            ),
            [],
        )
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
        return "a carriage return stands inside an unquoted field; put quotes around it, or end the lines in line feeds"
    return f"it cannot be parsed ({message})"


# --- JSON -----------------------------------------------------------------------------------------------


def _open_json(text: _TextFile, kind: str, asked: Sequence[str]) -> Rows:
    """Open a file of one JSON object a line, or of one array of objects.

    It is parsed twice: the columns of the result must be known before its first row is written, and any row may bring
    a new key.
    """
    with text.opener() as stream:
        start = io.TextIOWrapper(stream, text.form.encoding, "replace").read(1000).lstrip("\ufeff \t\r\n")
    read = _read_json_array if re.match(r"\[\s*[{\]]", start) else _read_json_lines
    names: dict[str, None] = {}  # a set that keeps the order
    first_reject = None
    rows = more = 0
    for entry in read(text, asked):
        rows += 1
        if isinstance(entry, Reject):
            first_reject = first_reject or entry
            continue
        for name in entry.fields:
            if name not in names:
                if len(names) < _MOST_COLUMNS or name in asked:
                    names[name] = None
                else:
                    more += 1
    if not names:
        if first_reject is None:
            raise ValueError(f"{text.name} has no rows")
        hint = f"; {_JSON_ROWS}" if kind == ".json" else ""
        if kind == ".json" and re.match(r"\{\s*\n", start):
            raise ValueError(f"{text.name} begins with an object over several lines, not with a row; {_JSON_ROWS}")
        raise ValueError(f"{text.name} has no usable line; the first: {first_reject}{hint}")
    if kind == ".json" and rows == 1 and isinstance(entry, Row):
        if all(isinstance(value, dict | list) for value in entry.fields.values()):
            raise ValueError(f"{text.name} holds one object of whole columns, not rows; {_JSON_ROWS}")
    columns, notes = _named(text.name, list(names), asked)
    if more:
        notes.append(f"keys beyond the first {_MOST_COLUMNS:,} are left out, {more:,} times")
    return Rows(list(columns.values()), read(text, asked), text.notes + notes)


def _read_json_lines(text: _TextFile, asked: Sequence[str]) -> Iterator[Row | Reject]:
    number = 0
    decoder = _decoder(asked)
    with text.lines() as lines:
        while (line := lines.take()) is not None:
            source = line.text.strip()
            if not source:
                continue
            number += 1
            try:
                if line.problem:
                    raise ValueError(line.problem)
                yield _json_row(decoder.decode(source), source, number, line.number)
            except json.JSONDecodeError as error:
                reason = f"it is not JSON: {error.msg} at character {error.pos + 1}"
                yield Reject(number, line.number, None, shown(source), reason)
            except RecursionError:
                reason = "it is not usable JSON: nested too deeply"
                yield Reject(number, line.number, None, shown(source), reason)
            except ValueError as error:
                yield Reject(number, line.number, None, shown(source), str(error))


def _read_json_array(text: _TextFile, asked: Sequence[str]) -> Iterator[Row | Reject]:
    """Read one array of objects, a block at a time; where it breaks, nothing after it can be told apart."""
    decoder = _decoder(asked)
    between = re.compile(r"[\s,]*")
    with text.opener() as stream:
        # An odd byte becomes half a surrogate pair, which costs its own row.
        encoding = text.form.encoding or "utf-8"
        errors = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        source = io.TextIOWrapper(stream, encoding, errors)
        buffer = source.read(_BLOCK)
        place = buffer.index("[") + 1
        number, line = 1, 1 + buffer.count("\n", 0, place)
        while True:
            start = between.match(buffer, place).end()  # type: ignore[union-attr]
            line += buffer.count("\n", place, start)
            place = start
            if buffer.startswith("]", place):
                return
            problem = f"the array breaks off after {number - 1:,} rows"
            try:
                value, end = decoder.raw_decode(buffer, place)
                whole = end < len(buffer)  # a number at the block's end may go on
            except json.JSONDecodeError as error:
                whole = False
                if place < len(buffer):
                    problem = f"it is not JSON: {error.msg}, in row {number:,} (from line {line:,} on)"
            except (RecursionError, ValueError) as error:
                raise ValueError(f"{text.name}: row {number} (line {line}) cannot be read ({error})") from None
            if not whole:
                more = source.read(max(_BLOCK, len(buffer) - place))
                if not more or len(buffer) - place > 10 * text.most_bytes:
                    raise ValueError(f"{text.name}: {problem}; a JSON array can only be read whole: mend it")
                buffer, place = buffer[place:] + more, 0
                continue
            try:
                yield _json_row(value, buffer[place:end], number, line)
            except ValueError as error:
                yield Reject(number, line, None, shown(buffer[place:end]), str(error))
            line += buffer.count("\n", place, end)
            number, place = number + 1, end


def _decoder(asked: Sequence[str]) -> json.JSONDecoder:
    """A decoder that keeps the first value of a key that stands twice, unless the key is asked for."""

    def distinct(pairs: list[tuple[str, Any]]) -> Any:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            names = [name for name, _ in pairs]
            if twice := next((name for name in fields if name in asked and names.count(name) > 1), None):
                return _Unreadable(f"a key stands twice in the JSON object: {shown(twice)!r}")
            fields = dict(reversed(pairs))
        return fields

    return json.JSONDecoder(object_pairs_hook=distinct)


def _json_row(value: Any, source: str, number: int, line: int) -> Row:
    """A parsed object as a row; ValueError says why it is none."""
    if isinstance(value, _Unreadable):
        raise ValueError(value.reason)
    if not isinstance(value, dict):
        raise ValueError(f"it is a JSON {type(value).__name__}, not an object with named fields")
    # "\ud800" alone is allowed in JSON, yet no character and not writable as UTF-8.
    if re.search(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]", source):
        try:
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
        except UnicodeEncodeError:
            odd = re.search("[\udc80-\udcff]", source)
            raise ValueError(
                f"not text in its encoding: byte 0x{ord(odd[0]) - 0xDC00:02x}"
                if odd
                else "it holds half of a surrogate pair (\\ud800..\\udfff), which is no character"
            ) from None
    return Row(number, line, value)


# --- tables ---------------------------------------------------------------------------------------------


def _open_parquet(path: Path, asked: Sequence[str]) -> Rows:
    with _parquet_file(path) as file:
        names = list(file.schema_arrow.names)
        if file.metadata.num_rows == 0:
            raise ValueError(f"{path} has no rows")
    columns, notes = _named(str(path), names, asked)

    def batches() -> Iterator[list[list[Any]]]:
        with _parquet_file(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                yield [_python_values(column) for column in batch.columns]

    return Rows(list(columns.values()), _rows_of_batches(batches(), columns), notes)


@contextlib.contextmanager
def _parquet_file(path: Path) -> Iterator[Any]:
    """Open a Parquet file, by way of a temporary file when it is packed (Parquet must be read from its end)."""
    import pyarrow
    import pyarrow.parquet

    with contextlib.ExitStack() as stack:
        source = path
        if _packing(path):
            temporary = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".parquet"))
            with _opened(path) as stream:
                shutil.copyfileobj(stream, temporary)
            temporary.flush()
            source = Path(temporary.name)
        try:
            yield stack.enter_context(pyarrow.parquet.ParquetFile(source))
        except (pyarrow.ArrowException, OSError) as error:
            first_line = str(error).split("\n")[0]
            raise ValueError(f"{path} is not a sound Parquet file ({first_line}); copy or download it again") from None


def _table(data: Any) -> tuple[list[str], Iterator[list[list[Any]]]]:
    """The column names of a table in memory, and its rows as lists of Python values by column, a batch at a time."""
    import datasets
    import pandas as pd
    import pyarrow

    if isinstance(data, pd.DataFrame):
        # Not by way of Arrow: one odd value in a column of objects would stop the whole frame there.
        return [str(name) for name in data.columns], (
            [part.iloc[:, place].tolist() for place in range(part.shape[1])]
            for start in range(0, len(data), _BATCH_ROWS)
            for part in (data.iloc[start : start + _BATCH_ROWS],)
        )
    if isinstance(data, datasets.Dataset):
        labels = [getattr(feature, "names", None) for feature in data.features.values()]
        return list(data.column_names), (
            [_named_values(column, names) for column, names in zip(batch.columns, labels, strict=True)]
            for batch in data.with_format("arrow").iter(batch_size=_BATCH_ROWS)
        )
    if isinstance(data, dict) and data and all(isinstance(part, datasets.Dataset) for part in data.values()):
        raise ValueError(f"a {type(data).__name__} has several parts; give one, such as [{next(iter(data))!r}]")
    if not hasattr(data, "__arrow_c_stream__"):  # pyarrow's own, polars', duckdb's
        raise TypeError(
            f"{type(data).__name__} is no corpus; give the name of a file, or a table in memory: a data frame, a data "
            "set, an Arrow table"
        )
    table = pyarrow.table(data)
    return list(table.column_names), (
        [_python_values(column) for column in batch.columns] for batch in table.to_batches(_BATCH_ROWS)
    )


def _named_values(column: Any, names: list[str] | None) -> list[Any]:
    """The values of a column; the names of its classes where they are numbers of classes (-1: none)."""
    values = _python_values(column)
    if names is None:
        return values
    return [None if value is None or value < 0 else names[value] for value in values]


def _open_table(data: Any, name: str, asked: Sequence[str]) -> Rows:
    if len(data) == 0:
        raise ValueError(f"{name} has no rows")
    names, batches = _table(data)
    columns, notes = _named(name, names, asked)
    return Rows(list(columns.values()), _rows_of_batches(batches, columns), notes)


def _rows_of_batches(batches: Iterable[list[list[Any]]], columns: dict[int, str]) -> Iterator[Row | Reject]:
    number = 0
    for batch in batches:
        for values in zip(*batch, strict=True):
            number += 1
            fields = {name: values[place] for place, name in columns.items()}
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
    """Take `hub:owner/name[:split]` apart into the name and the split."""
    match = re.fullmatch(r"hub:([\w.-]+(?:/[\w.-]+)?)(?::([\w.-]+))?", path)
    if match is None:
        raise ValueError(f"{path!r} is not a hub name; write hub:owner/name or hub:owner/name:split")
    return match[1], match[2] or "train"


def load_hub(path: str) -> Any:
    """Load a hub data set, from the local cache where it is there already.

    Parameters
    ----------
    path : str
        `hub:owner/name` or `hub:owner/name:split`.

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
        first_line = (str(error).split("\n") or [type(error).__name__])[0]
        raise ValueError(
            f"{path} cannot be loaded: {first_line}; check the name and the network, or give a file"
        ) from None
