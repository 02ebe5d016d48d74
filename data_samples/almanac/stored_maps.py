"""Stored maps of the almanac, so that a lesson's figure is the same on every system.

UMAP's points move from one processor to another, and 12,480 of them take a minute or two.  So the maps of the shipped
corpus, by the plain and by the released model, lie beside it in one small file, each under a key of the model's
weights, of the texts with their months and regions, and of how it was made.  Where the key fits, the stored map is
*the* map; where it does not (another corpus, a model trained here), a map is computed.

    python -m data_samples.almanac.stored_maps            # make the file anew
    python -m data_samples.almanac.stored_maps --check    # compare its keys with the models and corpus here
"""

import argparse
import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from course.geometry import Floats, checked
from course.maps import distortion, turned, umap_map
from spacetime.corpus.almanac import ALMANAC, load_almanac
from spacetime.encoder import SpaceTimeEncoder

STORED = ALMANAC.with_name("almanac_maps.npz")
SETTINGS = {"seed": 0, "neighbours": 15, "min_distance": 0.1}  # of `umap_map`
DECIMALS = 3  # of the coordinates, whose scale is some ten units


class StoredMap(NamedTuple):
    """A map, and where it comes from."""

    coordinates: Floats  # (n, 2)
    stored: bool  # False: computed here


def map_key(encoder: SpaceTimeEncoder, texts: Sequence[str], months: Any = None, regions: Any = None) -> str:
    """What a stored map is known by: the model's weights, every text with its month and region, and the settings.

    Parameters
    ----------
    encoder
        The model that embeds.
    texts, months, regions
        As `encode` takes them: lists, or None for months and regions that the model was not told.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256).
    """
    digest = hashlib.sha256(json.dumps(SETTINGS, sort_keys=True).encode())
    for name, weight in sorted(encoder.model.state_dict().items()):
        digest.update(f"{name} {tuple(weight.shape)}".encode())
        digest.update(np.ascontiguousarray(weight.detach().cpu().float().numpy()).data)
    rows = [texts, *([None] * len(texts) if given is None else given for given in (months, regions))]
    for row in zip(*rows, strict=True):
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def stored_map(
    key: str, embeddings: ArrayLike, path: str | Path = STORED, rows: Sequence[int] | None = None
) -> StoredMap:
    """The stored map of this key, or one computed from the embeddings with the same settings.

    Parameters
    ----------
    key
        From `map_key`.
    embeddings : array, shape (n, width)
        What the model gave; only computed from where no map is stored under the key.
    path
        The file of maps; one that is not there holds none.
    rows
        Which points of the stored map the embeddings are of, where they are not of all; the key is that of all.
    """
    points = checked(embeddings)
    file = Path(path)
    if file.is_file():
        with np.load(file, allow_pickle=False) as maps:
            if key in maps.files:
                coordinates = maps[key].astype(np.float64)
                coordinates = coordinates if rows is None else coordinates[np.asarray(rows)]
                if coordinates.shape != (len(points), 2):
                    raise ValueError(
                        f"{file.name} holds a map of {len(coordinates)} points for these {len(points)} embeddings; "
                        "make it anew with: python -m data_samples.almanac.stored_maps"
                    )
                return StoredMap(coordinates, True)
    return StoredMap(umap_map(points, **SETTINGS), False)  # type: ignore[arg-type]


def almanac_inputs() -> dict[str, tuple[SpaceTimeEncoder, tuple[list[str], Any, Any]]]:
    """The models whose maps of the almanac are stored, and what each is given: texts, and what it is told."""
    rows = load_almanac().dataset
    texts, months, regions = (list(rows[name]) for name in ("text", "month", "region"))
    return {
        "plain": (SpaceTimeEncoder.load("plain"), (texts, None, None)),
        "space-time": (SpaceTimeEncoder.load(), (texts, months, regions)),
    }


def write(path: str | Path = STORED) -> dict[str, dict[str, float]]:
    """Make the file anew: both maps, the plain one turned towards the other, without times, so that bytes repeat.

    Returns
    -------
    dict
        Each model's `distortion`.
    """
    made: dict[str, Floats] = {}
    measured = {}
    last: Floats | None = None
    for name, (encoder, inputs) in reversed(almanac_inputs().items()):  # what is turned comes after what stays
        embeddings = encoder.encode(*inputs, show_progress=False)
        plane = umap_map(embeddings, **SETTINGS)  # type: ignore[arg-type]
        last = plane - plane.mean(axis=0) if last is None else turned(plane, last)
        made[map_key(encoder, *inputs)] = np.round(last, DECIMALS)
        measured[name] = distortion(embeddings, made[map_key(encoder, *inputs)])
    save_maps(made, path)
    return measured


def save_maps(maps: dict[str, Floats], path: str | Path) -> None:
    """Write maps by key as float32; equal maps give equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for key in sorted(maps):
            # The form of np.savez, with a fixed date.
            with archive.open(zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0)), "w") as entry:
                np.lib.format.write_array(entry, maps[key].astype(np.float32), allow_pickle=False)


def missing(path: str | Path = STORED) -> list[str]:
    """Names of the models whose map of the almanac is not in the file, for their weights or the texts have changed."""
    with np.load(path, allow_pickle=False) as maps:
        known = set(maps.files)
    return [name for name, (encoder, inputs) in almanac_inputs().items() if map_key(encoder, *inputs) not in known]


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m data_samples.almanac.stored_maps`: make the file anew, or check its keys (exit code 1: one lacks)."""
    parser = argparse.ArgumentParser(
        prog="python -m data_samples.almanac.stored_maps", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--output", type=Path, default=STORED, metavar="FILE", help="default: beside the almanac")
    parser.add_argument("--check", action="store_true", help="only compare the file's keys with what is here")
    options = parser.parse_args(arguments)
    if options.check:
        if gone := missing(options.output):
            print(f"{options.output.name}: no map for the weights and texts of {', '.join(gone)}; make it anew")
            return 1
        print(f"{options.output.name}: maps of the models and texts that are here")
        return 0
    for name, cost in write(options.output).items():
        print(f"{name}: " + ", ".join(f"{what} {value:.3f}" for what, value in cost.items()))
    print(f"wrote {options.output.name}: {options.output.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
