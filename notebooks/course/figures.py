"""Showing a figure in a lesson: as a PNG with alt text, so that a reader who cannot see it is told what it shows."""

import io
from pathlib import Path
from typing import Any

from IPython.display import Image, display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers; each region has a marker of its own besides.
REGION_STYLE: dict[str, dict[str, Any]] = {
    "UK": {"color": "#0072B2", "marker": "o"},
    "US": {"color": "#D55E00", "marker": "s"},
    "AUS": {"color": "#009E73", "marker": "^"},
    "CAN": {"color": "#CC79A7", "marker": "D"},
}
OTHER_STYLES: list[dict[str, Any]] = [
    {"color": "#E69F00", "marker": "v"},
    {"color": "#56B4E9", "marker": "P"},
    {"color": "#F0E442", "marker": "X"},
    {"color": "#000000", "marker": "*"},
]


def region_style(region: str, index: int = 0) -> dict[str, Any]:
    """Colour and marker of a region: fixed for the published four, by `index` for any other."""
    return REGION_STYLE.get(region, OTHER_STYLES[index % len(OTHER_STYLES)])


def show(figure: Figure, alt: str, path: str | Path | None = None) -> None:
    """Display a matplotlib figure with its alt text, and close it.

    Parameters
    ----------
    figure
        What to show.
    alt
        One or two sentences that say what the figure shows, for those who cannot see it.
    path
        Also write the PNG there.

    Raises
    ------
    ValueError
        No alt text.
    """
    if not alt.strip():
        raise ValueError("a figure needs alt text that says what it shows")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    data = buffer.getvalue()
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)
    # Image's own alt attribute is lost in the notebook file; output metadata is kept.
    display(Image(data=data, format="png"), metadata={"image/png": {"alt": alt}})
