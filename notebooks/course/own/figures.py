"""The figures of lesson 12 and of a report by `spacetime run`, small enough for a phone."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from course.figures import show
from course.viewer import COLOURS, MOST_REGIONS
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.pairs import PairRecipe

WIDTH = 4.4  # inches: text of 9 points can still be read where a page shows a figure at 340 pixels

# The map's colours without its yellow, which hardly shows on white, each with a marker of its own.
_LOOKS = tuple(zip(COLOURS[:6], "os^DvP", strict=True))
_REST = ("#8a8a84", ".")
_MOST_BARS = 20


def draw(paint: Callable[[Figure, Axes], None], alt: str, height: float = 3.0) -> None:
    """Paint a figure, `height` inches high, and show it."""
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "grid.color": "#d9d9d3"}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        paint(figure, figure.add_subplot())
        show(figure, alt)


def rows_by_month(by_month: dict[str, int], months: MonthRange) -> None:
    """Bars of the rows in use, a month each; months without rows stay empty."""
    counts = [by_month.get(label, 0) for label in months]
    empty = counts.count(0)

    def paint(_: Figure, axes: Axes) -> None:
        axes.bar(range(len(counts)), counts, width=0.8, color="#0072B2")
        _label_months(axes, months)
        axes.set_ylabel("rows")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))

    alt = (
        f"Bars: rows in use by month, {months.start} to {months.end}; from {min(counts):,} to {max(counts):,} a month"
        + (f", {empty:,} months have none." if empty else ".")
    )
    draw(paint, alt)


def rows_by_region(by_region: dict[str, int]) -> None:
    """Bars of the rows in use, the commonest regions."""
    shown = list(by_region.items())[:_MOST_BARS]

    def paint(_: Figure, axes: Axes) -> None:
        names = [name if len(name) <= 18 else name[:17] + "…" for name, _ in shown]
        axes.barh(range(len(shown)), [count for _, count in shown], color="#009E73")
        axes.set_yticks(range(len(shown)), [name.replace("$", r"\$") for name in names])
        axes.invert_yaxis()
        axes.set_xlabel("rows")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))

    more = len(by_region) - len(shown)
    alt = (
        "Bars: rows in use by region: "
        + ", ".join(f"{name} {count:,}" for name, count in shown[:6])
        + (f", and {len(by_region) - 6} more." if len(by_region) > 6 else ".")
        + (f" The {more} rarest are not drawn." if more > 0 else "")
    )
    draw(paint, alt, height=max(1.6, 0.7 + 0.22 * len(shown)))


def training_curves(log: Sequence[dict[str, Any]]) -> None:
    """The two losses step by step, with a running mean: cosines, and masked words."""
    lines = [line for line in log if "losses" in line]
    for name, label, colour in (
        ("cosines", "squared error of cosines", "#D55E00"),
        ("words", "masked words: loss, nats", "#0072B2"),
    ):
        steps = np.array([line["step"] for line in lines])
        values = np.array([line["losses"][name] for line in lines])
        width = max(1, len(values) // 15)
        mean = np.convolve(values, np.ones(width) / width, mode="valid")

        def paint(
            _: Figure,
            axes: Axes,
            steps: NDArray[Any] = steps,
            values: NDArray[Any] = values,
            mean: NDArray[Any] = mean,
            label: str = label,
            colour: str = colour,
            log_scale: bool = name == "cosines",
        ) -> None:
            axes.plot(steps, values, ".", ms=3, color=colour, alpha=0.35)
            first = (len(steps) - len(mean)) // 2  # each mean stands in the middle of its steps
            axes.plot(steps[first : first + len(mean)], mean, color=colour, lw=2)
            if log_scale:
                axes.set_yscale("log")
            axes.set_xlabel("step")
            axes.set_ylabel(label)
            axes.grid(True, axis="y")

        alt = (
            f"Curve: {label} over {len(steps):,} steps of training; mean of the first steps {mean[0]:.3g}, of the last "
            f"{mean[-1]:.3g}."
        )
        draw(paint, alt, height=2.5)


def decay_curve(table: Sequence[dict[str, Any]], months: MonthRange, regions: RegionSet) -> None:
    """Cosine of a sentence with itself some months away, here and elsewhere, beside what the label asks."""
    recipe = PairRecipe()
    time = recipe.time_similarity(months)[0]
    place = recipe.region_similarity(regions)[0]
    looks = {"same": ("#0072B2", "o", "same region"), "other": ("#D55E00", "s", "another region")}

    def paint(_: Figure, axes: Axes) -> None:
        for region, (colour, marker, name) in looks.items():
            part = sorted((row for row in table if row["region"] == region), key=lambda row: row["months_apart"])
            if not part:
                continue
            apart = np.array([row["months_apart"] for row in part])
            here = place[0] if region == "same" else place[-1]
            asked = recipe.meaning_weight + recipe.time_weight * time[apart] + recipe.region_weight * here
            axes.plot(apart, asked, "--", color=colour, lw=1)
            axes.fill_between(
                apart, [row["low"] for row in part], [row["high"] for row in part], color=colour, alpha=0.2, lw=0
            )
            axes.plot(apart, [row["cosine"] for row in part], marker=marker, ms=4, color=colour, lw=1.5, label=name)
        axes.plot([], [], "--", color="#8a8a84", lw=1, label="what the label asks")
        axes.set_xlabel("months apart")
        axes.set_ylabel("cosine with itself")
        axes.set_ylim(top=1.04)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(True, axis="y")
        axes.figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=8, columnspacing=1.2)  # type: ignore[call-arg]

    farthest = max(row["months_apart"] for row in table)
    ends = {row["region"]: row["cosine"] for row in table if row["months_apart"] == farthest}
    alt = (
        "Curves: cosine of a held-out sentence with itself, its month moved; at "
        f"{farthest} months {ends.get('same', float('nan')):.2f} in the same region"
        + (f" and {ends['other']:.2f} in another." if "other" in ends else ".")
    )
    draw(paint, alt, height=3.2)


def map_by_region(coordinates: NDArray[Any], regions: Sequence[str]) -> None:
    """The map, coloured by region: the six commonest each with a look of its own."""
    names, counts = np.unique(np.array(regions, dtype=object), return_counts=True)
    order = [str(names[place]) for place in np.argsort(-counts, kind="stable")]
    labels = np.array(regions, dtype=object)

    def paint(figure: Figure, axes: Axes) -> None:
        rest = ~np.isin(labels, order[: len(_LOOKS)])
        if rest.any():
            colour, marker = _REST
            axes.plot(*coordinates[rest].T, marker, ms=3, color=colour, alpha=0.5, label="other", lw=0)
        for name, (colour, marker) in zip(order, _LOOKS, strict=False):
            shown = name.replace("$", r"\$")
            points = coordinates[labels == name]
            axes.plot(*points.T, marker, ms=3, mew=0, color=colour, alpha=0.7, label=shown, lw=0)
        _no_axes(axes)
        figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=8, markerscale=2, handletextpad=0.2)

    alt = f"Map of {len(coordinates):,} sentences by UMAP, coloured by region: {', '.join(order[:6])}" + (
        f" and {len(order) - 6} others in grey." if len(order) > 6 else "."
    )
    draw(paint, alt, height=4.2)


def map_by_month(coordinates: NDArray[Any], months: Sequence[str], span: MonthRange) -> None:
    """The same map, coloured by month."""
    ids = span.ids(list(months))

    def paint(figure: Figure, axes: Axes) -> None:
        points = axes.scatter(
            coordinates[:, 0], coordinates[:, 1], c=ids, s=7, cmap="viridis", vmin=0, vmax=len(span) - 1, lw=0
        )
        _no_axes(axes)
        bar = figure.colorbar(points, ax=axes, location="top", aspect=40, pad=0.02)
        ends = np.unique(np.linspace(0, len(span) - 1, 4).round().astype(int))
        bar.ax.set_xticks(ends, span.labels(ends).tolist())

    alt = f"The same map of {len(coordinates):,} sentences, coloured by month from {span.start} to {span.end}."
    draw(paint, alt, height=4.2)


def told_apart(regions: Sequence[str]) -> list[str]:
    """Regions as the viewer can show them: the rarest of very many become one."""
    if len(set(regions)) <= MOST_REGIONS:
        return list(regions)
    common = {label for label, _ in Counter(regions).most_common(MOST_REGIONS - 1)}
    return [label if label in common else "other regions" for label in regions]


def _no_axes(axes: Axes) -> None:
    """A map's axes have no unit and no direction."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_aspect("equal", adjustable="datalim")


def _label_months(axes: Axes, months: MonthRange) -> None:
    """Five labels at most; a year or more apart they are Januaries."""
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, len(months)) if len(months) <= 5 * step)
    january = -(int(months.start[5:]) - 1) % 12
    places = list(range(january if step >= 12 else 0, len(months), step))
    axes.set_xticks(places, months.labels(places).tolist())
    axes.set_xlim(-0.6, len(months) - 0.4)
