"""Read the rows of a corpus, one after the other, without ever stopping at a bad one.

`open_rows` takes a file, a data set on the hub, or a table in memory, and returns the column names with an iterator.
The iterator yields each row's fields as they stand there, or why the row cannot even be taken apart: an unclosed quote,
a missing field, broken JSON, a byte that is not text. Trouble with the file as a whole (truncated, empty, an unknown
suffix) is a ValueError that names the file.

How a text file is written (its encoding, its separator, its quotes) is found out where only one answer fits the whole
file, and said in the notes. The standard library's `csv` does the parsing; what is ours is that a bad quote costs one
line and not the rest of the file, and a byte that is not text its own line.
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
import sys
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, get_args

from spacetime.inputs import fit_fields

Quoting = Literal["double", "backslash", "none"]
_Opener = Callable[[], AbstractContextManager[IO[bytes]]]
# The physical line of a row (None in a table), its source, and its fields or why it has none. A field of a CSV or TSV
# row is a text; elsewhere it is whatever the file's own type becomes in Python, or `Unreadable`. A JSON row holds only
# the keys that its object has.
Entries = Iterable[tuple[int | None, str, dict[str, Any] | str]]

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".jl", ".json", ".parquet", ".txt")
_ALLOWED = f"{', '.join(FORMATS)}, each also .gz or in a .zip; or hub:owner/name"
HUB_PREFIX = "hub:"
SEPARATORS = (",", ";", "\t", "|")

# One opened quote may swallow so many lines before we call it unclosed; without a limit each bad quote would
# read the file to its end, and many of them would take quadratic time.
_RECORD_LINES = 1000
_RECORD_CHARACTERS = 1_000_000
_MOST_COLUMNS = 1000
_BATCH_ROWS = 1000  # rows of a table that are Python objects at a time
_BLOCK = 1 << 20  # bytes of a file that are looked at together
_SHOWN = 80  # characters of a bad value that a message or a rejects file shows
_JSON_ROWS = (
    "a .json file has one object on each line, or one array of objects ('records' in pandas; of an answer that holds a "
    "list of rows, that list)"
)
_POINTER = b"version https://git-lfs.github.com/spec/"  # so begins what git keeps in place of a large file

# A byte that is not text becomes half of a surrogate pair, U+DC00 and the byte, in whatever encoding.
_MARK = re.compile("[\udc00-\udcff]")


def _marked(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("spacetime-marked", _marked)


@dataclass(frozen=True)
class Reject:
    """A row that is left out, and why.

    Attributes
    ----------
    row, line : int, int or None
        Numbers of the data row (the header is not counted) and of the physical line on which it starts, from 1; no line
        for Parquet, hub data and tables in memory.
    column : str or None
        The column at fault; None when it is the row as a whole.
    value, reason : str
        What stands there, cut at 80 characters; what is wrong and what is allowed.
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


class Rows(NamedTuple):
    """The columns of a corpus, in its order, an iterator over its rows, and what was found out about the file."""

    columns: list[str]
    rows: Entries
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
        Quotes around a field: `"double"` has a quote inside doubled, as CSV has it; `"backslash"` has it written `\\"`;
        with `"none"`, quotes are characters like any other.
    """

    encoding: str | None = None
    separator: str | None = None
    quoting: Quoting | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            try:
                "a".encode(self.encoding)  # refuses Python's codecs that are no encodings of text, too
            except (LookupError, TypeError):
                raise ValueError(f"encoding={self.encoding!r} is not known; utf-8 and cp1252 are, and others") from None
        if self.separator is not None and (len(self.separator) != 1 or self.separator in '\r\n"'):
            raise ValueError(f"separator={self.separator!r} must be one character, such as ';' or a tab")
        fit_fields(self)


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
        if len(source) == 0:
            raise ValueError(f"{name_of(source)} has no rows")
        return
    if str(source).startswith(HUB_PREFIX):
        _hub_name(str(source))
        return
    path = Path(source)
    if path.is_dir():
        raise ValueError(f"{path} is a directory; give one file ({_ALLOWED})")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file (a data set on the hub is written hub:owner/name)")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty: it has neither a header nor rows")
    _format_of(path)


def open_rows(source: Any, form: Form, asked: Sequence[str], most_characters: int) -> Rows:
    """Open a corpus that `check_path` has let pass; blank lines are passed over and not counted as rows.

    Of the columns that are `asked` for, the first is the one of texts; others never stop a file. A line far beyond
    `most_characters` is rejected unread. A file that cannot be used as a whole is a ValueError; a damaged end
    (truncated gzip) may show itself only while iterating.
    """
    if is_table(source):
        return _open_table(*_table(source), name_of(source), asked)
    if str(source).startswith(HUB_PREFIX):
        return _open_table(*_table(load_hub(str(source))), str(source), asked)
    path = Path(source)
    kind = _format_of(path)
    if kind == ".parquet":
        return _open_table(*_parquet_table(path), str(path), asked)
    text = _text_file(partial(_opened, path), str(path), form, max(_RECORD_CHARACTERS, 8 * most_characters))
    if kind in (".csv", ".tsv"):
        return _open_separated(text, "\t" if kind == ".tsv" else ",", asked)
    return _open_lines(text, asked) if kind == ".txt" else _open_json(text, kind, asked)


def read_texts(source: str | Path, encoding: str | None = None) -> tuple[list[str], list[str]]:
    """Read one text a line from a `.txt` file, or from stdin (`-`); return the texts, and what was found out.

    Lines end at `\\n` and `\\r\\n` only, so that U+2028 or a form feed inside a text does not cut it in two. A blank
    line is a ValueError, as an embedding would be missing for it, and so is one that is not text in the encoding.
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
        for line in iter(lines.take, None):
            problem = line.problem or ("" if line.text.strip() else "empty; write one sentence a line")
            if problem:
                raise ValueError(f"{name}: line {line.number} is {problem}")
            texts.append(_without_end(line.text))
    if not texts:
        raise ValueError(f"{name}: no sentences")
    return texts, text.notes


# --- files ----------------------------------------------------------------------------------------------


def _format_of(path: Path) -> str:
    """The suffix that says how to read a file, seen through `.gz` and `.zip`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".zip"]:
        with _opened(path) as stream:  # its name is that of the file inside
            suffixes = [suffix.lower() for suffix in Path(stream.name).suffixes]
    elif suffixes[-1:] == [".gz"]:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        workbook = suffixes[-1:] in ([".xls"], [".xlsx"])
        what = "is an Excel workbook; save it as CSV UTF-8" if workbook else "cannot tell the format from the name"
        raise ValueError(f"{path}: {what}; allowed: {_ALLOWED}")
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
        again = "copy or download the file again"
        raise ValueError(f"{path} is truncated: the {packing} data end in the middle; {again}") from None
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

    def __init__(self, text: "_TextFile", stream: IO[bytes]) -> None:
        self.text = text
        self._stream = io.TextIOWrapper(stream, text.form.encoding, "spacetime-marked", newline="\n")
        self._number = 0
        self._given_back: deque[_Line] = deque()

    def take(self) -> _Line | None:
        """Return the next line with its line end, or None at the end of the file."""
        if self._given_back:
            return self._given_back.popleft()
        most, problem = self.text.most_characters, None
        line = self._stream.readline(most + 1)
        if not line:
            return None
        self._number += 1
        encoding = str(self.text.form.encoding).replace("utf-8", "UTF-8")
        if self._number == 1:
            line = line.removeprefix("\ufeff")  # the mark that some Windows programs put first
            if "\0" in line[:1000]:
                raise ValueError(
                    f"{self.text.name} is not {encoding} text (it looks like UTF-16 or a binary file); save it as "
                    "UTF-8, or give its encoding"
                )
        if len(line) > most and not line.endswith("\n"):
            while (rest := self._stream.readline(most)) and not rest.endswith("\n"):
                pass
            line, problem = line[:400], f"the line is longer than {most:,} characters"
        elif not line.isascii() and (odd := _MARK.search(line)):
            byte, place = ord(odd[0]) - 0xDC00, len(line[: odd.start()].encode(encoding)) + 1
            problem = f"not {encoding}: byte 0x{byte:02x} at byte {place} of the line"
        return _Line(self._number, line, problem)

    def give_back(self, lines: Sequence[_Line]) -> None:
        """Put lines back, so that they are taken again in their order."""
        self._given_back.extendleft(reversed(lines))


@dataclass(frozen=True)
class _TextFile:
    """A text file whose encoding is settled: how to open it, how it is written, and what was found out."""

    opener: _Opener
    name: str
    form: Form
    most_characters: int
    notes: list[str]

    @contextlib.contextmanager
    def lines(self) -> Iterator[_Lines]:
        """Open it anew at its first line."""
        with self.opener() as stream:
            yield _Lines(self, stream)


def _text_file(opener: _Opener, name: str, form: Form, most_characters: int) -> _TextFile:
    encoding, notes = (form.encoding, []) if form.encoding else _found_encoding(opener)
    encoding = codecs.lookup(encoding).name.replace("utf-8-sig", "utf-8")
    return _TextFile(opener, name, replace(form, encoding=encoding), most_characters, notes)


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


# Characters of cp1252 where they stand in English and its neighbours: punctuation anywhere, a letter in a word of
# other letters, a capital at a word's start. Whatever another code page makes of other letters (Cyrillic, Polish,
# Turkish, a Mac's) breaks these rules soon. charset-normalizer, tried first, read "It\x92s" as Korean and "£5" as "Ł5".
_WESTERN = re.compile(
    "[\x00-\x7f]|[‘’“”–—…•™©®°€£¥§¼½¾«»·\xa0\xad]|(?<![a-zß-ÿ])[ÀÁÂÄÅÆÇÈÉÊËÍÎÑÓÔÖØÚÜŒŠŽ](?![A-ZÀ-Þ]{0,1}[€•¥§])"
    "|(?<=[A-Za-z])[àáâãäåæçèéêëìíîïñòóôõöøùúûüßœšž](?![€•¥§])|[àáâäåæçèéêëíîñóôöøúüœšž](?=[a-z])|(?<![^ ])à(?= )"
)


def _found_encoding(opener: _Opener) -> tuple[str, list[str]]:
    """UTF-8 unless the whole file speaks for another: a mark of UTF-16, or no line that is UTF-8 and all are cp1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opener() as stream, contextlib.suppress(UnicodeDecodeError):
        block = stream.read(_BLOCK)
        if block.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16", ["read as UTF-16, as its first bytes say"]
        while block:
            decoder.decode(block)
            block = stream.read(_BLOCK)
        decoder.decode(b"", final=True)
        return "utf-8", []
    sure = True
    with opener() as stream:
        for line in iter(partial(stream.readline, _BLOCK), b""):
            if line.isascii():
                continue
            with contextlib.suppress(UnicodeDecodeError):
                line.decode("utf-8")
                return "utf-8", []  # a UTF-8 file with damaged lines
            text = line.decode("cp1252", "replace")
            sure = sure and not _WESTERN.sub("", text) and not re.search(r"[À-ÿ]{3}", text)
    if sure:
        return "cp1252", ["read as cp1252, as its bytes are not UTF-8"]
    return "utf-8", [
        "no line beyond ASCII is UTF-8, and it is not sure which encoding it is; name it: encoding='cp1252'"
    ]


# --- columns --------------------------------------------------------------------------------------------


def _named(name: str, names: Sequence[str], asked: Sequence[str]) -> tuple[dict[int, str], list[str]]:
    """The columns to keep, by their position from 0, with their names; and what is said of the others.

    A column without a name is left out, the second of a name gets a name of its own. Only one that is asked for and
    stands twice stops the file.
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
        places = f"{', '.join(map(str, nameless[:5]))}{', ...' if len(nameless) > 5 else ''}"
        one = len(nameless) == 1
        notes.append(
            f"column{'' if one else 's'} {places} {'has no name and is' if one else 'have no name and are'} left out"
        )
    others = [column for column in kept if column not in asked]
    if cut := others[max(0, _MOST_COLUMNS - len(kept) + len(others)) :]:
        notes.append(f"{len(cut):,} columns beyond the first {_MOST_COLUMNS:,} are left out, from {shown(cut[0])!r} on")
    return {place: column for column, place in kept.items() if column not in set(cut)}, notes


# --- separated fields -----------------------------------------------------------------------------------


def _open_separated(text: _TextFile, own: str, asked: Sequence[str]) -> Rows:
    """Open a CSV or TSV file with a header line; `own` is the separator that its suffix means."""
    # The csv module's own limit (131,072 characters) would hide our message about too long texts. It is the
    # whole program's setting, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), text.most_characters))
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
    columns, said = _named(text.name, header, asked)

    def entries() -> Entries:
        with text.lines() as lines:
            _read_header(lines, form)
            for fields, first, reason in _read_records(lines, form, len(header)):
                found = reason or {name: fields[place] for place, name in columns.items()}
                yield first.number, first.text.rstrip("\r\n"), found

    return Rows(list(columns.values()), entries(), notes + said)


def _open_lines(text: _TextFile, asked: Sequence[str]) -> Rows:
    """Open a `.txt` file: a text a line, unless its first line has the columns asked for, or tabs as the next one."""
    column = asked[0]
    separator = text.form.separator or _found_separator(text, "\t", asked)
    header = _header(text, separator)
    with text.lines() as lines:
        tabs = [line.text.count("\t") for line in itertools.islice(iter(lines.take, None), 2)]
    if len(header) > 1 and (column in header or separator == "\t" and tabs == [len(header) - 1] * 2):
        notes = [*text.notes, f"the first line is a header, so this is a table separated by {separator!r}"]
        form = replace(text.form, separator=separator)
        return _open_separated(replace(text, form=form, notes=notes), separator, asked)

    def entries() -> Entries:
        with text.lines() as lines:
            for line in iter(lines.take, None):
                if value := line.text.strip() and _without_end(line.text):
                    yield line.number, value, line.problem or {column: value}

    return Rows([column], entries(), text.notes)


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
    best: Quoting = "double"
    if _all_sound(text):
        return best
    by_csv, _ = _lost_lines(text, best, asked)
    least = len(by_csv)
    for quoting in get_args(Quoting)[1:]:
        losses, wrapped = _lost_lines(text, quoting, asked)
        better = len(losses) < least and losses.keys() <= by_csv.keys() and not any(losses.values())
        # More fields in quotes than lines to win: those quotes are meant.
        if better and (quoting != "none" or wrapped < len(by_csv) - len(losses)):
            best, least = quoting, len(losses)
    return best


def _all_sound(text: _TextFile) -> bool:
    """Whether CSV's own quotes read every line: asked of one parser, so in a tenth of the time of `_lost_lines`."""
    try:
        with text.lines() as lines:
            width = len(_read_header(lines, text.form))
        with text.opener() as stream:
            source = io.TextIOWrapper(stream, text.form.encoding, "replace", newline="\n")
            pieces = iter(partial(source.readline, text.most_characters), "")
            return all(len(row) in (0, width) for row in csv.reader(pieces, **_dialect(text.form)))
    except (ValueError, csv.Error):
        return False


def _lost_lines(text: _TextFile, quoting: Quoting, asked: Sequence[str]) -> tuple[dict[int, bool], int]:
    """The lines that this quoting cannot read, with whether each holds a quote; and how many fields stand in quotes."""
    form = replace(text.form, quoting=quoting)
    lost, wrapped = {}, 0
    with text.lines() as lines:
        try:
            header = _read_header(lines, form)
        except ValueError:
            header = []
        if not set(asked) <= set(header):
            return {0: True}, 0
        for fields, first, reason in _read_records(lines, form, len(header)):
            if reason is None:
                wrapped += sum(len(field) > 1 and field[0] == field[-1] == '"' for field in fields)
            else:
                lost[first.number] = '"' in first.text
    return lost, wrapped


def _dialect(form: Form) -> dict[str, Any]:
    """What `csv.reader` is told."""
    return {
        "delimiter": form.separator or ",",
        "quoting": csv.QUOTE_NONE if form.quoting == "none" else csv.QUOTE_MINIMAL,
        "escapechar": "\\" if form.quoting == "backslash" else None,
        "strict": True,
    }


def _read_header(lines: _Lines, form: Form) -> list[str]:
    first, name = lines.take(), lines.text.name
    if first is not None and not re.fullmatch(r"sep=.?\s*", first.text):  # by which Excel names the separator
        lines.give_back([first])
    fields: list[str] = []
    while not fields:
        fields, used, reason = _read_record(lines, form)
        if not used:
            raise ValueError(f"{name} has no header line: it holds nothing but blank lines")
        if reason is not None:
            raise ValueError(f"{name}: the header line cannot be read: {reason}")
    ahead = list(itertools.islice(iter(lines.take, None), 2))
    lines.give_back(ahead)
    with contextlib.suppress(csv.Error):
        rows = list(csv.reader((line.text for line in ahead), **_dialect(form) | {"strict": False}))
        if not any(value for row in rows for value in row[len(fields) :]):  # rows that end in separators alone
            fields += [""] * (min(map(len, rows), default=0) - len(fields))
    return fields


def _read_records(lines: _Lines, form: Form, width: int) -> Iterator[tuple[list[str], _Line, str | None]]:
    """Yield every record after the header: its fields, its first line, and why it is rejected (or None)."""
    while True:
        fields, used, reason = _read_record(lines, form)
        if not used:
            return
        if reason is None and not fields:
            continue  # a blank line
        if reason is None and len(fields) != width:
            reason = f"too {'few' if len(fields) < width else 'many'} fields: {len(fields)} instead of {width}"
            # Over several lines this is most likely a bad quote that swallowed good rows: only its first line is lost.
            lines.give_back(used[1:])
        yield fields, used[0], reason


def _read_record(lines: _Lines, form: Form) -> tuple[list[str], list[_Line], str | None]:
    """Read one record, over several lines where a quoted field has line ends in it.

    Returns its fields, the lines it took, and the reason why it cannot be read (or None). After a bad quote only the
    first line counts as taken: reading goes on at the next.
    """
    used: list[_Line] = []

    def feed() -> Iterator[str]:
        """Hand the parser one line after the other; it asks for another only while a quote is open."""
        size = 0
        while len(used) < _RECORD_LINES and size <= lines.text.most_characters:
            line = lines.take()
            if line is None:
                return
            used.append(line)
            if line.problem:
                return
            size += len(line.text)
            if (
                form.quoting == "backslash"
            ):  # csv would drop every other backslash, too, such as that of C:\folder or \N
                yield re.sub(r'\\(["\\])|\\', lambda m: m[0] if m[1] else "\\\\", line.text)
            else:
                yield line.text

    try:
        fields = next(csv.reader(feed(), **_dialect(form)), [])
    except csv.Error as error:
        lines.give_back(used[1:])
        reasons = (reason for part, reason in _CSV_ERRORS.items() if part in str(error))
        return [], used, next(reasons, f"it cannot be parsed ({error})")
    return fields, used, used[0].problem if used else None


_CSV_ERRORS = {
    "unexpected end": "a quote is opened and never closed",
    "expected after": "the quotes do not match: close every quote, and double a quote inside a quoted text",
    "new-line": "a carriage return stands inside an unquoted field; quote the field, or end the lines in line feeds",
}


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
    number, found, first = 0, None, ""
    for number, (line, _, found) in enumerate(read(text, asked), 1):
        if isinstance(found, dict):
            names |= dict.fromkeys(found)
        elif not first:
            first = f"row {number} (line {line}): {found}"
    if not number:
        raise ValueError(f"{text.name} has no rows")
    if not names:
        if kind == ".json" and re.match(r"\{\s*\n", start):
            raise ValueError(f"{text.name} begins with an object over several lines, not with a row; {_JSON_ROWS}")
        hint = f"; {_JSON_ROWS}" if kind == ".json" else ""
        raise ValueError(f"{text.name} has no usable line; the first: {first}{hint}")
    if kind == ".json" and number == 1 and isinstance(found, dict):
        if all(isinstance(value, dict | list) for value in found.values()):
            raise ValueError(f"{text.name} holds one object of whole columns, not rows; {_JSON_ROWS}")
    columns, notes = _named(text.name, list(names), asked)
    return Rows(list(columns.values()), read(text, asked), text.notes + notes)


def _read_json_lines(text: _TextFile, asked: Sequence[str]) -> Entries:
    decoder = _decoder(asked)
    with text.lines() as lines:
        for line in iter(lines.take, None):
            if not (source := line.text.strip()):
                continue
            found: Any = line.problem
            try:
                found = found or _json_fields(decoder.decode(source), source)
            except json.JSONDecodeError as error:
                found = f"it is not JSON: {error.msg} at character {error.pos + 1}"
            except RecursionError:
                found = "it is not usable JSON: nested too deeply"
            except ValueError as error:  # a number of more digits than Python reads
                found = str(error)
            yield line.number, source, found


def _read_json_array(text: _TextFile, asked: Sequence[str]) -> Entries:
    """Read one array of objects; where it breaks, nothing after it can be told apart."""
    decoder = _decoder(asked)
    between = re.compile(r"[\s,]*")
    with text.opener() as stream:
        source = io.TextIOWrapper(stream, text.form.encoding, "spacetime-marked").read()
    end = source.index("[") + 1
    line = 1 + source.count("\n", 0, end)
    for number in itertools.count(1):
        start = between.match(source, end).end()  # type: ignore[union-attr]
        line += source.count("\n", end, start)
        if source.startswith("]", start):
            return
        try:
            value, end = decoder.raw_decode(source, start)
        except (RecursionError, ValueError) as error:
            why = f"it is not JSON: {getattr(error, 'msg', error)}, in row {number:,} (from line {line:,} on)"
            problem = why if start < len(source) else f"the array breaks off after {number - 1:,} rows"
            raise ValueError(f"{text.name}: {problem}; a JSON array can only be read whole: mend it") from None
        yield line, source[start:end], _json_fields(value, source[start:end])
        line += source.count("\n", start, end)


def _decoder(asked: Sequence[str]) -> json.JSONDecoder:
    """A decoder that keeps the first value of a key that stands twice, unless the key is asked for."""

    def distinct(pairs: list[tuple[str, Any]]) -> Any:
        fields = dict(reversed(pairs))
        if len(fields) == len(pairs):
            return dict(pairs)
        names = [name for name, _ in pairs]
        twice = next((name for name in fields if name in asked and names.count(name) > 1), None)
        return fields if twice is None else Unreadable(f"a key stands twice in the JSON object: {shown(twice)!r}")

    return json.JSONDecoder(object_pairs_hook=distinct)


def _json_fields(value: Any, source: str) -> dict[str, Any] | str:
    """The fields of an object, or why it has none."""
    if isinstance(value, Unreadable):
        return value.reason
    if not isinstance(value, dict):
        return f"it is a JSON {type(value).__name__}, not an object with named fields"
    if odd := _MARK.search(source):
        return f"not text in its encoding: byte 0x{ord(odd[0]) - 0xDC00:02x}"
    if re.search(r"\\u[dD][89a-fA-F]", source):
        try:
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
        except UnicodeEncodeError:
            return "it holds half of a surrogate pair (\\ud800..\\udfff), which is no character"
    return value


# --- tables ---------------------------------------------------------------------------------------------


_Table = tuple[list[str], Iterator[list[list[Any]]]]  # names of columns, and their values a batch of rows at a time


def _parquet_table(path: Path) -> _Table:
    with _parquet_file(path) as file:
        names = list(file.schema_arrow.names)

    def batches() -> Iterator[list[list[Any]]]:
        with _parquet_file(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                yield [_python_values(column) for column in batch.columns]

    return names, batches()


@contextlib.contextmanager
def _parquet_file(path: Path) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    source: Any = path
    if _packing(path):  # Parquet must be read from its end
        with _opened(path) as stream:
            source = io.BytesIO(stream.read())
    try:
        with pyarrow.parquet.ParquetFile(source) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        first_line = str(error).split("\n")[0]
        raise ValueError(f"{path} is not a sound Parquet file ({first_line}); copy or download it again") from None


def _table(data: Any) -> _Table:
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
            [_python_values(column, names) for column, names in zip(batch.columns, labels, strict=True)]
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


def _open_table(names: list[str], batches: Iterator[list[list[Any]]], name: str, asked: Sequence[str]) -> Rows:
    columns, notes = _named(name, names, asked)

    rows = (values for batch in batches for values in zip(*batch, strict=True))
    entries = ((None, "", {name: values[place] for place, name in columns.items()}) for values in rows)
    return Rows(list(columns.values()), entries, notes)


class Unreadable(NamedTuple):
    """Stands for a value that has no Python form, such as text that is not UTF-8 or a date in the year 20000."""

    reason: str

    def __repr__(self) -> str:
        return ""


def _python_values(array: Any, names: list[str] | None = None) -> list[Any]:
    """The values of a column; the names of its classes where they are numbers of classes (-1: none)."""
    try:
        values = list(array.to_pylist())
    except (ValueError, OverflowError):  # one bad value is enough; find it
        values = [_python_value(value) for value in array]
    return values if names is None else [None if value is None or value < 0 else names[value] for value in values]


def _python_value(value: Any) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return Unreadable("not UTF-8")
    except (ValueError, OverflowError) as error:
        return Unreadable(f"it cannot be read ({error})")


def _hub_name(path: str) -> tuple[str, str]:
    """Take `hub:owner/name[:split]` apart into the name and the split."""
    match = re.fullmatch(r"hub:([\w.-]+(?:/[\w.-]+)?)(?::([\w.-]+))?", path)
    if match is None:
        raise ValueError(f"{path!r} is not a hub name; write hub:owner/name or hub:owner/name:split")
    return match[1], match[2] or "train"


def load_hub(path: str) -> Any:
    """Load a hub data set, from the local cache where it is there already; ValueError says why it cannot be."""
    import datasets

    name, split = _hub_name(path)
    try:
        return datasets.load_dataset(name, split=split)
    except Exception as error:  # the hub client has no common class for its many ways to fail
        first_line = (str(error).split("\n") or [type(error).__name__])[0]
        advice = "check the name and the network, or give a file"
        raise ValueError(f"{path} cannot be loaded: {first_line}; {advice}") from None
