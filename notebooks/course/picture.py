"""The picture of the README: maps of the almanac without and with context, and one sentence through 24 years.

    python -m course.picture docs/map.png

The maps' coordinates are the stored ones (`data_samples.almanac.stored_maps`), so every machine draws the same picture.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib import patheffects
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from course.figures import region_style
from data_samples.almanac.stored_maps import STORED, almanac_inputs, map_key
from spacetime.corpus.almanac import load_almanac
from spacetime.encoder import SpaceTimeEncoder

SHOWN = 4000  # of 12,480 sentences, so that a point can be told from its neighbours
SENTENCE, MONTH, REGION = "A new lockdown begins.", "2014-06", "UK"


def draw(path: str | Path) -> None:
    """Write the picture as a PNG, 1,500 pixels wide.

    Raises
    ------
    KeyError
        If no map is stored for the present weights and texts (`python -m data_samples.almanac.stored_maps` makes it).
    """
    almanac = load_almanac()
    models = almanac_inputs()
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.5), layout="constrained", width_ratios=[1, 1, 1.15])
    titles = {"plain": "all-MiniLM-L6-v2: the words alone", "space-time": "told month and region as well"}
    drawn = np.random.default_rng(0).permutation(len(almanac.dataset))[:SHOWN]
    region_of = np.array(almanac.dataset["region"][:])[drawn]
    colours = [region_style(region)["color"] for region in region_of]
    with np.load(STORED, allow_pickle=False) as maps:
        planes = {name: maps[map_key(encoder, *inputs)][drawn] for name, (encoder, inputs) in models.items()}
    for axis, (name, title) in zip(axes, titles.items(), strict=False):
        axis.scatter(*planes[name].T, s=3, linewidths=0, c=colours)
        axis.set_title(title, fontsize=11)
        axis.set_axis_off()
    for region in almanac.regions:
        label = axes[1].annotate(
            region, np.median(planes["space-time"][region_of == region], axis=0), ha="center", fontsize=12
        )
        label.set(color=region_style(region)["color"], weight="bold")
        label.set_path_effects([patheffects.withStroke(linewidth=4, foreground="white")])
    _draw_sentence(axes[2], models["space-time"][0])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)


def _draw_sentence(axis: Axes, encoder: SpaceTimeEncoder) -> None:
    """The cosine of one sentence with itself, given another month and region."""
    months = encoder.months.labels(np.arange(len(encoder.months)))
    itself = encoder.encode(SENTENCE, MONTH, REGION)
    years = np.arange(len(months)) / 12 + int(months[0][:4]) + (int(months[0][5:]) - 1) / 12
    for region in (REGION, "CAN", "AUS"):
        cosine = encoder.encode([SENTENCE] * len(months), months, region, show_progress=False) @ itself
        axis.plot(years, cosine, color=region_style(region)["color"], linewidth=1.8)
        axis.annotate(region, (years[-1], cosine[-1]), (4, -3), textcoords="offset points", fontsize=10)
    axis.set_title(f"“{SENTENCE}”, {REGION} {MONTH},\nand itself at another time and place", fontsize=11)
    axis.set(ylabel="cosine", xlim=(years[0], years[-1] + 2.5))
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "docs/map.png")
