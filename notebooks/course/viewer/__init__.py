"""A viewer that needs nothing but a browser: one HTML file with a map of sentences by month and region (lesson 08).

The page is plain JavaScript on a canvas (viewer.html, viewer.css and viewer.js beside this file), not a plotting
library's bundle.  The bundles that work offline weigh 2 to 5 MB before the first sentence; brush, months, neighbours
and keyboard would have to be built on top of them; and what a page holds that people open with their own texts in it
should be readable: 900 lines, no request, nothing minified.  Points are stamped into one picture in memory rather than
drawn by WebGL: 100,000 of them take a few milliseconds of one processor core, so that one way of drawing serves
browsers with and without a graphics card, and those without WebGL.

A page asks for nothing: its content security policy forbids every request and every script but the one that this
module wrote.  Texts lie in a JSON block in which ``<``, ``>`` and ``&`` are escaped, and reach the page as text only.
"""

import base64
import hashlib
import html
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course.clusters import NOISE, cluster_names
from course.geometry import Floats, Ids, checked, nearest_on_plane, principal_components, true_neighbours
from course.maps import kept, turned, umap_map
from spacetime.folders import write_text
from spacetime.months import MISSING, MonthRange, is_missing, parse_month, quoted
from spacetime.terminal import shown

MOST_POINTS = 100_000  # what stays usable
FEWEST_FOR_UMAP = 50  # below, the first two principal components are the map

_NONE = 65535  # a missing month, region or cluster among uint16 numbers
_SPACES = ("space-time", "plain")

# Okabe and Ito's colours, told apart by colour-blind readers.  7 and 8 have no common divisor, so that the i-th colour
# with the i-th shape is another pair for each of 56 regions.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
_SHAPES = ("circle", "square", "up", "diamond", "down", "plus", "cross", "star")
MOST_REGIONS = len(COLOURS) * len(_SHAPES)
_PUBLISHED = ("UK", "US", "AUS", "CAN")  # look the same here as in the lessons' figures


def write(
    embeddings: ArrayLike,
    texts: Sequence[str],
    months: Iterable[Any] | None,
    regions: Iterable[Any] | None,
    path: str | os.PathLike[str],
    coordinates: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
    plain_embeddings: ArrayLike | None = None,
    clusters: Iterable[Any] | None = None,
    *,
    title: str = "Sentences by month and region",
    neighbours: int = 10,
    seed: int = 0,
) -> Path:
    """Write the viewer's page.

    Parameters
    ----------
    embeddings : array, shape (n, width)
        n from 1 to 100,000.  Nearest neighbours are found here, by cosine in the whole space.
    texts
        n sentences.
    months
        n months, anything `parse_month` takes; None for a missing one.  None for all: no months.
    regions
        n region labels; None for a missing one.  None for all: no regions.  At most 56 different ones.
    path
        File to write; its folder is made.  An existing file is replaced.
    coordinates : array, shape (n, 2), or a pair of them
        The map; or the maps of `embeddings` and of `plain_embeddings`, drawn as given, each scaled to fill the page.
        None makes them: UMAP (principal components below 50 points), the plain map turned and mirrored to lie as
        near to the other as it can, so that what moves between them is not the map as a whole.
    plain_embeddings : array, shape (n, any width)
        The same sentences by another model.  Its neighbours are listed as well, and its map is moved to.
    clusters
        n cluster numbers, which are named by `cluster_names`, or n names.  -1 or None is no cluster.
    title
        Heading of the page.
    neighbours
        How many to list for each sentence (fewer where there are not so many others).
    seed
        Of UMAP.

    Returns
    -------
    Path
        The file.  10,000 sentences of 120 characters with two maps and 10 neighbours take about 2.3 MB.

    Raises
    ------
    ValueError
        Lengths that differ, no or too many points, numbers that are not finite, a text, month or region that is none.

    Notes
    -----
    Neighbours are exact; their time grows with the square of n (on one core a few seconds for
    10,000, some minutes for 100,000).
    """
    spaces = [checked(embeddings)]
    count = len(spaces[0])
    if count > MOST_POINTS:
        raise ValueError(f"{count:,} embeddings; the viewer stays usable up to {MOST_POINTS:,}: draw a sample of them")
    sentences = _texts(texts, count)
    month_ids, month_labels = _months(months, count)
    region_ids, region_styles = _regions(regions, count)
    cluster_ids, cluster_labels = _clusters(clusters, sentences)
    if plain_embeddings is not None:
        spaces.append(checked(plain_embeddings, "plain_embeddings"))
        if len(spaces[1]) != count:
            raise ValueError(f"{count} embeddings and {len(spaces[1])} plain_embeddings; give one for each sentence")
    if neighbours < 0:
        raise ValueError(f"neighbours={neighbours} must be 0 or more")
    planes = _planes(coordinates, spaces, seed)
    file = Path(path)
    if file.is_dir():
        raise ValueError(f"path {str(file)!r} is a folder; give the file to write, such as map.html in it")

    k = min(neighbours, count - 1)
    wide = count > _NONE
    found = []
    for name, space, plane in zip(_SPACES, spaces, [*planes, planes[0]], strict=False):
        near = true_neighbours(space, k)
        found.append(
            {
                "name": name,
                "kept": _kept(near.rows, plane),
                "neighbours": _packed(near.rows, "<u4" if wide else "<u2"),
                # Two decimals are shown, and two are kept.
                "cosines": _packed(np.rint((np.clip(near.cosines, -1, 1) + 1) * 100), "u1"),
            }
        )
    boxes = [_in_unit_square(plane) for plane in planes]
    data = {
        "month": _packed(np.where(month_ids == MISSING, _NONE, month_ids), "<u2"),
        "region": _packed(np.where(region_ids == MISSING, _NONE, region_ids), "<u2"),
        "cluster": _packed(np.where(cluster_ids == NOISE, _NONE, cluster_ids), "<u2") if cluster_labels else None,
        "months": month_labels,
        "regions": region_styles,
        "clusters": cluster_labels,
        "undated": int((month_ids == MISSING).sum()),
        "unplaced": int((region_ids == MISSING).sum()),
        "unclustered": int((cluster_ids == NOISE).sum()) if cluster_labels else 0,
        "maps": [_packed(np.rint(box * 65535), "<u2") for box in boxes],
        # The larger of the maps in each direction, so that both fit on axes that stay.
        "extent": [float(max(np.ptp(box[:, axis]) for box in boxes)) or 1e-3 for axis in (0, 1)],
        "spaces": found,
        "wide": wide,
        "k": k,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, _page(title, data, sentences))
    return file


class Frame(NamedTuple):
    """What `frame` returns: notebooks show it as an iframe, everything else as a line of text."""

    source: str  # relative address of the page
    height: int  # pixels
    title: str

    def _repr_html_(self) -> str:
        source = html.escape(self.source)
        return (
            f'<iframe src="{source}" title="{html.escape(self.title)}" width="100%" height="{self.height}" '
            'style="border: 1px solid #888; box-sizing: border-box"></iframe>'
            f'<p>No map above? Open <a href="{source}">{html.escape(self.source)}</a> in a browser.</p>'
        )

    def __repr__(self) -> str:
        return f"{self.title}: open {self.source} in a browser"


def frame(
    path: str | os.PathLike[str],
    height: int = 760,
    *,
    start: str | os.PathLike[str] = ".",
    title: str = "Interactive map of the sentences",
) -> Frame:
    """Show a written page inside a notebook: a frame on the file, and nothing of it in the notebook's own output.

    Parameters
    ----------
    path
        File that :func:`write` wrote.
    height
        Of the frame in pixels.
    start
        Folder of the notebook, from which the address counts.  A notebook server shows only files that lie in the
        folder that it was started in.
    title
        What the frame shows, for those who cannot see it.

    Returns
    -------
    Frame
        Shown as an iframe with a link below it, or as one line of text where there is no HTML.

    Raises
    ------
    ValueError
        No such file, or a height that is not positive.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"no file {str(file)!r}; write it first with course.viewer.write")
    if height < 1:
        raise ValueError(f"height={height} must be a number of pixels, 1 or more")
    relative = Path(os.path.relpath(file.resolve(), Path(start).resolve())).as_posix()
    return Frame(quote(relative), height, title)


# ---------------------------------------------------------------------------------------------- what was given


def _same_length(values: Iterable[Any], count: int, name: str) -> list[Any]:
    if isinstance(values, str | bytes):
        raise ValueError(f"{name} must be a list, one for each embedding, not the one text {quoted(values)}")
    listed = list(values)
    if len(listed) != count:
        raise ValueError(f"{count} embeddings and {len(listed)} {name}; give one for each")
    return listed


def _texts(texts: Iterable[str], count: int) -> list[str]:
    listed = _same_length(texts, count, "texts")
    for row, text in enumerate(listed):
        if not isinstance(text, str):
            raise ValueError(f"texts[{row}] is {quoted(text)} ({type(text).__name__}), not text")
    return listed


def _months(months: Iterable[Any] | None, count: int) -> tuple[Ids, list[str]]:
    """Ids since the first month, and the labels of all months from the first to the last."""
    labels: list[str | None] = []
    for row, month in enumerate([None] * count if months is None else _same_length(months, count, "months")):
        try:
            labels.append(parse_month(month))
        except ValueError as error:
            raise ValueError(f"months[{row}]: {error}") from None
    known = [label for label in labels if label is not None]
    if not known:
        return np.full(count, MISSING), []
    span = MonthRange(min(known), max(known))
    if len(span) >= _NONE:
        raise ValueError(
            f"months run from {span.start} to {span.end}; that is more than the {_NONE - 1} that can be shown"
        )
    return span.ids(labels), list(span)


def _regions(regions: Iterable[Any] | None, count: int) -> tuple[Ids, list[dict[str, Any]]]:
    """Ids, and name, count, colour and shape of each region, the commonest first."""
    listed: list[Any] = [None] * count if regions is None else _same_length(regions, count, "regions")
    for row, region in enumerate(listed):
        if not is_missing(region) and not isinstance(region, str):
            raise ValueError(
                f"regions[{row}] is {quoted(region)} ({type(region).__name__}), not text such as 'UK'; "
                "RegionSet.labels turns ids into labels"
            )
    numbers: Counter[str] = Counter(region for region in listed if isinstance(region, str) and region)
    if len(numbers) > MOST_REGIONS:
        raise ValueError(
            f"{len(numbers)} regions; {MOST_REGIONS} can be told apart by colour and shape: put the rare ones together"
        )
    names = sorted(numbers, key=lambda name: (-numbers[name], name))
    style = {name: look for look, name in enumerate(_PUBLISHED) if name in numbers}
    free = iter(look for look in range(MOST_REGIONS) if look not in style.values())
    style |= {name: next(free) for name in names if name not in style}
    place = {name: index for index, name in enumerate(names)}
    ids = np.array([MISSING if is_missing(region) else place[region] for region in listed], dtype=np.int64)
    looks = [
        {
            "name": name,
            "count": numbers[name],
            "colour": COLOURS[style[name] % len(COLOURS)],
            "shape": _SHAPES[style[name] % len(_SHAPES)],
        }
        for name in names
    ]
    return ids, looks


def _clusters(clusters: Iterable[Any] | None, texts: list[str]) -> tuple[Ids, list[str]]:
    """Ids in the order of the names, and the names."""
    if clusters is None:
        return np.full(len(texts), NOISE), []
    listed = _same_length(clusters, len(texts), "clusters")
    known = [None if is_missing(cluster) or cluster == NOISE else cluster for cluster in listed]
    for row, cluster in enumerate(known):
        if not (cluster is None or isinstance(cluster, str) or (_is_number(cluster) and float(cluster).is_integer())):
            raise ValueError(f"clusters[{row}] is {quoted(cluster)}; give whole numbers or names, -1 or None for none")
    kinds = {isinstance(cluster, str) for cluster in known if cluster is not None}
    if len(kinds) > 1:
        raise ValueError("clusters hold both numbers and names; give one or the other")
    if kinds == {False}:
        numbers = [NOISE if cluster is None else int(cluster) for cluster in known]
        named = cluster_names(texts, numbers)
        known = [named.get(number) for number in numbers]
        # Two clusters of one name stay two.
        twice = {name for name, times in Counter(named.values()).items() if times > 1}
        known = [f"{name} ({numbers[row]})" if name in twice else name for row, name in enumerate(known)]
    names = sorted({name for name in known if name is not None})
    if len(names) >= _NONE:
        raise ValueError(f"{len(names)} clusters; give fewer than {_NONE}")
    place: dict[str | None, int] = {name: index for index, name in enumerate(names)} | {None: NOISE}
    return np.array([place[name] for name in known], dtype=np.int64), names


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


# ---------------------------------------------------------------------------------------------------- the maps


def _planes(coordinates: Any, spaces: list[Floats], seed: int) -> list[Floats]:
    """One map (n, 2), or one for each space."""
    if coordinates is None:
        made = [_map(space, seed) for space in spaces]
        return [made[0], *(turned(plane, made[0]) for plane in made[1:])]
    listed = isinstance(coordinates, tuple | list) and len(coordinates) > 0
    pair = np.ndim(coordinates[0] if listed else coordinates) == (2 if listed else 3)
    given: list[Any] = list(coordinates) if pair else [coordinates]
    if len(given) > len(spaces):
        raise ValueError(
            f"coordinates of {len(given)} maps for {len(spaces)} sets of embeddings; give one map, "
            "or two and plain_embeddings as well"
        )
    planes = [checked(plane, "coordinates") for plane in given]
    for plane in planes:
        if plane.shape != (len(spaces[0]), 2):
            raise ValueError(
                f"coordinates of shape {plane.shape} for {len(spaces[0])} embeddings; give x and y of each"
            )
    return planes


def _map(space: Floats, seed: int) -> Floats:
    if len(space) >= FEWEST_FOR_UMAP:
        return umap_map(space, seed=seed)
    if len(space) == 1:
        return np.zeros((1, 2))
    flat = principal_components(space, 2)
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def _in_unit_square(plane: Floats) -> Floats:
    """A map scaled, with its aspect, and moved so that it fills 0..1 in its larger direction."""
    low, high = plane.min(axis=0), plane.max(axis=0)
    box: Floats = np.clip((plane - (low + high) / 2) / (max(high - low) or 1.0) + 0.5, 0, 1)
    return box


def _kept(near: Ids, plane: Floats) -> float:
    """Share of true neighbours (n, k) that are among the k nearest on the map."""
    k = near.shape[1]
    return float(kept(near, nearest_on_plane(plane, k)).mean()) if k else 1.0


# ---------------------------------------------------------------------------------------------------- the page


def _packed(array: NDArray[Any], kind: str) -> str:
    """An array as base64 of little-endian numbers, which the page reads as a typed array."""
    return base64.b64encode(np.ascontiguousarray(array).astype(kind).tobytes()).decode("ascii")


def _json(value: Any) -> str:
    """JSON that can stand inside a script element, whatever the texts hold.

    `<` ends or comments out a script element in some company (`</script`, `<!--`). What a terminal would not show, such
    as what turns the direction of writing, is written out here, too.
    """

    def seen(value: Any) -> Any:
        if isinstance(value, dict):
            return {seen(key): seen(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [seen(part) for part in value]
        return shown(value.replace("\r\n", "\n")) if isinstance(value, str) else value

    text = json.dumps(seen(value), ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _page(title: str, data: dict[str, Any], texts: list[str]) -> str:
    folder = resources.files("course.viewer")
    page, style, script = (
        folder.joinpath(f"viewer.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    parts = {
        "title": html.escape(shown(title)),
        "style": style,
        "style_hash": _policy_hash(style),
        "script": script,
        "script_hash": _policy_hash(script),
        "data": _json(data),
        "texts": _json(texts),
    }
    # In one pass, so that a text with {{data}} in it stays a text.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], page)


def _policy_hash(source: str) -> str:
    """What the page's content security policy knows a script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
