"""Fills every month and region with sentences, and writes, checks and loads the corpus."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from data_samples.almanac import (
    clocks,
    customs,
    daylight,
    moon,
    plain_calendar,
    public_holidays,
    rates,
    seasons,
    trading,
)
from data_samples.almanac.contrast import CONTRASTS
from data_samples.almanac.giveaways import names_month, names_place
from data_samples.almanac.places import REGIONS
from data_samples.almanac.template import Cell, Draw, Drawn, Template
from spacetime.corpus.almanac import ALMANAC

COLUMNS = ("text", "month", "region", "date", "kind", "template", "contrast", "names_month", "names_place")
SENTENCES_PER_CELL = 52
SEED = 20170101
_FEWEST_WORDS, _MOST_WORDS = 8, 40
_LABELS = tuple(region.label for region in REGIONS)

MANIFEST = "MANIFEST.json"

TEMPLATES: tuple[Template, ...] = tuple(
    template
    for module in (daylight, moon, seasons, rates, trading, clocks, public_holidays, customs, plain_calendar)
    for template in module.templates
)
# Share of a cell each kind aims at. Kinds with few facts in a month (customs) end up below.
_SHARES = {
    "daylight": 24,
    "rates": 18,
    "trading": 14,
    "holiday": 12,
    "clocks": 10,
    "season": 8,
    "moon": 8,
    "custom": 8,
    "calendar": 4,
}


def cells() -> list[Cell]:
    """The 240 cells, month by month."""
    return [Cell(year, month, region) for year in range(2017, 2022) for month in range(1, 13) for region in REGIONS]


def rows(
    sentences_per_cell: int = SENTENCES_PER_CELL, seed: int = SEED, *, drawn: list[Drawn | None] | None = None
) -> Iterator[dict[str, str]]:
    """Yield the corpus row by row, every cell filled with the same number of sentences.

    The same arguments give the same rows on every machine. At the default size all sentences but the contrast
    sets are distinct. Larger corpora (4,500 a cell make 1,080,000 rows, half a millisecond or so each) keep looking
    for new sentences; only where every template's tries are used up does one come again.

    Parameters
    ----------
    sentences_per_cell : rows for each month and region, at least 30 (the contrast sets need up to 10).
    seed : chooses facts and wordings.
    drawn : if given, gets the fact behind every row (None for contrast rows): tests check them.

    Yields
    ------
    dict with the keys of `COLUMNS`, all values strings.
    """
    if sentences_per_cell < 30:
        raise ValueError(
            f"sentences_per_cell is {sentences_per_cell}; at least 30 are needed to hold the contrast sets"
        )
    used: Counter[str] = Counter()
    seen = {hash_of(contrast.text) for contrast in CONTRASTS}  # never said by a template
    for cell in cells():
        contrasts = [(contrast, day) for contrast in CONTRASTS if (day := contrast.find(cell)) is not None]
        for contrast, day in contrasts:
            yield _row(contrast.text, cell, day, "contrast", f"contrast.{contrast.id}", contrast.id)
            if drawn is not None:
                drawn.append(None)
        rng = Random(f"{seed}/{cell.label}/{cell.region.label}")
        for template, text, fact in _sentences(cell, rng, sentences_per_cell - len(contrasts), used, seen):
            day = cell.days[-1] if template.whole_month else fact.day
            yield _row(text, cell, day, template.kind, template.id, "")
            if drawn is not None:
                drawn.append(fact)


def _sentences(
    cell: Cell, rng: Random, wanted: int, used: Counter[str], seen: set[int]
) -> Iterator[tuple[Template, str, Drawn]]:
    """New sentences for one cell: kinds by their shares, within a kind the template that has been used least.

    `used` counts the templates over all cells, `seen` holds the hashes of all sentences; both are brought up to date.
    """
    kinds = {kind: [t for t in TEMPLATES if t.kind == kind] for kind in _SHARES}
    finder = _Finder(cell, rng, seen)
    in_kind: Counter[str] = Counter()
    in_template: Counter[str] = Counter()
    # A template may not crowd a cell out; the limit rises when nothing else is left.
    limit = max(2, -(-wanted // 60))
    exhausted: set[str] = set()
    while wanted:
        open_kinds = [kind for kind in _SHARES if kind not in exhausted]
        if not open_kinds:
            exhausted.clear()
            limit *= 2
            continue
        kind = min(open_kinds, key=lambda k: (in_kind[k] + rng.random()) / _SHARES[k])
        for template in sorted(kinds[kind], key=lambda t: (in_template[t.id], used[t.id] + 8 * rng.random())):
            if in_template[template.id] >= limit:
                continue
            found = finder.find(template, allow_repeats=limit > 1000)
            if found is not None:
                seen.add(hash_of(found[0]))
                used[template.id] += 1
                in_kind[kind] += 1
                in_template[template.id] += 1
                wanted -= 1
                yield template, *found
                break
        else:
            exhausted.add(kind)


def hash_of(text: str) -> int:
    """64 bits of SHA-256: the same in every run, unlike Python's own hash of a string."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class _Finder:
    """Finds new sentences for one cell; facts drawn for one template are offered to the others that share its draw."""

    def __init__(self, cell: Cell, rng: Random, seen: set[int]) -> None:
        self.cell, self.rng, self.seen = cell, rng, seen
        self.spare: dict[Draw, list[Drawn]] = {}
        self.empty: set[Draw] = set()  # draws that have no fact in this cell

    def find(self, template: Template, *, allow_repeats: bool) -> tuple[str, Drawn] | None:
        """A sentence not seen before, or None; with `allow_repeats` the last try may be an old one."""
        if template.draw in self.empty or self.cell.region.label not in (template.regions or _LABELS):
            return None
        spare = self.spare.setdefault(template.draw, [])
        for fact in list(spare):
            text = self._text(template, fact)
            if text is not None and hash_of(text) not in self.seen:
                spare.remove(fact)
                return text, fact
        # Where many facts lie spare and none fits, the condition is one that this month hardly ever meets.
        tries = 6 if allow_repeats or len(spare) < 10 else 1
        missed = 0
        for attempt in range(tries):
            drawn = template.draw(self.cell, self.rng)
            if drawn is None:
                missed += 1
                if missed == 3:
                    self.empty.add(template.draw)
                    return None
                continue
            text = self._text(template, drawn)
            if text is not None and (hash_of(text) not in self.seen or (allow_repeats and attempt == tries - 1)):
                return text, drawn
            if len(spare) < 20:
                spare.append(drawn)
        return None

    def _text(self, template: Template, fact: Drawn) -> str | None:
        if not template.fits(self.cell, fact):
            return None
        text = template.say(fact, self.rng)
        return text if _FEWEST_WORDS <= len(text.split()) <= _MOST_WORDS else None


def _row(text: str, cell: Cell, day: dt.date, kind: str, template: str, contrast: str) -> dict[str, str]:
    month, region = cell.label, cell.region.label
    flags = (str(int(names_month(text, month))), str(int(names_place(text, region))))
    return dict(zip(COLUMNS, (text, month, region, day.isoformat(), kind, template, contrast, *flags), strict=True))


def build(sentences_per_cell: int = SENTENCES_PER_CELL, seed: int = SEED) -> list[dict[str, str]]:
    """The whole corpus as a list of rows; see `rows` for the columns and for larger corpora."""
    return list(rows(sentences_per_cell, seed))


def csv_bytes(table: Iterable[dict[str, str]]) -> Iterator[bytes]:
    """The rows as UTF-8 CSV with a header and \\n line ends, line by line."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in table:
        writer.writerow(row)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def write(path: str | Path = ALMANAC, sentences_per_cell: int = SENTENCES_PER_CELL, seed: int = SEED) -> int:
    """Build the corpus, write it as gzipped CSV with its manifest beside it; return the number of rows.

    The gzip header holds no time and no name, so two builds differ at most by the zlib that compressed them.
    """
    path = Path(path)
    if path.suffixes[-2:] != [".csv", ".gz"]:
        raise ValueError(f"{path} is not a .csv.gz file name; the almanac is written as gzipped CSV")
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size, lines = hashlib.sha256(), 0, 0
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        for chunk in csv_bytes(rows(sentences_per_cell, seed)):
            digest.update(chunk)
            packed.write(chunk)
            size += len(chunk)
            lines += 1
    manifest = {
        "file": path.name,
        "rows": lines,
        "bytes_decompressed": size,
        "sha256_decompressed": digest.hexdigest(),
        "sha256_file": hashlib.sha256(path.read_bytes()).hexdigest(),
        "sentences_per_cell": sentences_per_cell,
        "seed": seed,
    }
    (path.parent / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return lines


def check(path: str | Path = ALMANAC) -> dict[str, str | int]:
    """Compare an almanac file with the manifest beside it; return the manifest.

    Raises
    ------
    FileNotFoundError : file or manifest is missing.
    ValueError : the bytes are not those of the manifest.
    """
    path = Path(path)
    manifest_path = path.parent / MANIFEST
    for needed in (path, manifest_path):
        if not needed.is_file():
            raise FileNotFoundError(
                f"{needed} is missing; rebuild it with `python -m data_samples.almanac --output {path}`"
            )
    manifest: dict[str, str | int] = json.loads(manifest_path.read_text(encoding="utf-8"))
    try:
        plain_bytes = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} is not a whole gzip file ({error}); rebuild it") from error
    digest = hashlib.sha256(plain_bytes).hexdigest()
    if digest != manifest["sha256_decompressed"]:
        raise ValueError(
            f"{path}: SHA-256 of the decompressed bytes is {digest}, {MANIFEST} says {manifest['sha256_decompressed']}"
        )
    return manifest
