"""What maps, drift and clusters show of real text: plain model, space-time model, and the label alone.

    python -m benchmarks.maps CORPUS

CORPUS is Wikipedia's Current Events (text, month, region, date, category); taken are 2017-2021 and four regions.  Asked
is what a reader of the released model's map sees of the first months of 2020 that the plain model's map does not show,
and how much of that a map of month and region alone shows as well.  Numbers go to maps.json and between the marks of
README.md, a figure to maps.png.  No sentence is written anywhere; clusters are named by single words.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.tables import write_between
from course.clusters import StableKMeans, cluster_names
from course.drift import ChangePoints, moving_months
from course.figures import region_style
from course.geometry import nearest, principal_components, unit_vectors
from course.maps import distortion_by, label_codes, neighbour_agreement, turned, umap_map
from course.topics import compare_spaces, over_representation, share_explained, topic_lives
from spacetime.corpus import load_corpus
from spacetime.encoder import DEFAULT_MONTHS, DEFAULT_REGIONS, SpaceTimeEncoder
from spacetime.environment import environment

Floats = NDArray[np.floating[Any]]

HERE = Path(__file__).parent
PANDEMIC = r"(?i)covid|coronavirus|pandemic|sars-cov"  # of the text, for the neighbours that are counted
HALF = ("2020-01", "2020-06")  # the first months of 2020
WITHIN = 3  # months apart that still count as near in time
NEIGHBOURS = 15
KS = (10, 15, 20, 30, 40)
LEVEL = 0.05


def embed(rows: pd.DataFrame, plain: SpaceTimeEncoder, told: SpaceTimeEncoder, seed: int) -> dict[str, Floats]:
    """The spaces that are compared, each (n, width), and what each has read.

    Parameters
    ----------
    rows
        Columns text, month, region.
    plain, told
        A model that is given the texts alone, and one that is given months and regions too.
    seed
        Of the exchanged contexts.

    Returns
    -------
    dict
        ``plain``; ``space-time``; ``label alone``: codes of month and region, no text; ``glued``: the plain embedding
        with the codes attached, .6 of the cosine to the text as in the label of stage 2, nothing trained;
        ``exchanged``: the space-time model, given the month and region of another sentence.
    """
    texts, months, regions = (list(rows[name]) for name in ("text", "month", "region"))
    codes = label_codes(plain.months.ids(months), plain.regions.ids(regions))
    words = plain.encode(texts, show_progress=False)
    other = np.random.default_rng(seed).permutation(len(texts))
    lent = [months[row] for row in other], [regions[row] for row in other]
    return {
        "plain": words,
        "space-time": told.encode(texts, months, regions, show_progress=False),
        "label alone": codes,
        "glued": np.hstack([np.sqrt(0.6) * unit_vectors(words), np.sqrt(0.4) * codes]),
        "exchanged": told.encode(texts, *lent, show_progress=False),
    }


def map_costs(spaces: dict[str, Floats], planes: dict[str, Floats], rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """What each map lost: overall, by region, and in its worst and best month."""
    found = {}
    for name, plane in planes.items():
        cost = distortion_by(spaces[name], plane, {"region": rows.region, "month": rows.month}, k=NEIGHBOURS)
        kept = cost.neighbours_kept
        all_points = cost.iloc[0]
        found[name] = {
            "trustworthiness": all_points.trustworthiness,
            "kept": all_points.neighbours_kept,
            **{f"kept_{region}": value for region, value in kept["region"].items()},
            "kept_worst_month": kept["month"].min(),
            "kept_best_month": kept["month"].max(),
        }
    return found


def neighbours_shared(spaces: dict[str, Floats], rows: pd.DataFrame, codes: Floats) -> dict[str, dict[str, float]]:
    """Share of each point's true neighbours with its region, near in time, of its category; with what chance gives."""
    category = rows.category.where(rows.category != "Uncategorized", None)
    asked: dict[str, tuple[Any, float | None]] = {
        "region": (rows.region, None),
        "near in time": (rows.month_id, WITHIN),
        "category": (category, None),
    }
    found: dict[str, dict[str, float]] = {}
    for name, space in spaces.items():
        near = nearest(space, NEIGHBOURS)
        agreed = {label: neighbour_agreement(near, values, reach) for label, (values, reach) in asked.items()}
        found[name] = {label: one.share for label, one in agreed.items()}
        found[name]["variance explained by month and region"] = share_explained(space, codes)
        found["chance"] = {label: one.chance for label, one in agreed.items()}
    return found


def pandemic_neighbours(spaces: dict[str, Floats], rows: pd.DataFrame) -> list[dict[str, Any]]:
    """For sentences on the pandemic in the first half of 2020, by region: what their true neighbours share with them.

    ``all three`` counts neighbours of the same region, near in time and on the pandemic, which is what one who looks
    for the first months of 2020 in one country wants to find side by side.
    """
    on_it = rows.text.str.contains(PANDEMIC).to_numpy()
    region, month = rows.region.to_numpy(), rows.month_id.to_numpy()
    asked = on_it & rows.month.between(*HALF).to_numpy()
    found = []
    for name, space in spaces.items():
        near = nearest(space, NEIGHBOURS)
        for here in [*DEFAULT_REGIONS, "all"]:
            chosen = np.flatnonzero(asked & ((region == here) | (here == "all")))
            if not len(chosen):
                continue
            its = near[chosen]  # (chosen, k)
            alike = {
                "region": region[its] == region[chosen, None],
                "near in time": np.abs(month[its] - month[chosen, None]) <= WITHIN,
                "pandemic": on_it[its],
            }
            shares = {label: float(same.mean()) for label, same in alike.items()}
            shares["all three"] = float(np.logical_and.reduce(list(alike.values())).mean())
            found.append({"space": name, "of": here, "sentences": len(chosen), **shares})
    return found


def drift(spaces: dict[str, Floats], rows: pd.DataFrame, resamples: int, seed: int) -> dict[str, Any]:
    """Change points by region, each tested at `LEVEL` over the number of regions, and the months that moved most."""
    regions = [region for region in DEFAULT_REGIONS if (rows.region == region).any()]
    changes = []
    for name in ("plain", "space-time"):
        for region in regions:
            own = (rows.region == region).to_numpy()
            fitted = ChangePoints(level=LEVEL / len(regions), resamples=resamples, seed=seed)
            fitted.fit(spaces[name][own], rows.month_id[own])
            table = fitted.change_points_
            changes.append(
                {
                    "space": name,
                    "region": region,
                    "sentences": int(own.sum()),
                    "months": DEFAULT_MONTHS.labels(table.month).tolist(),
                    "p": table.p.tolist(),
                    "step": table.step.tolist(),
                }
            )
    moves: dict[str, Any] = {}
    for name in ("plain", "space-time"):
        table = moving_months(
            spaces[name], rows.month_id, rows.region, groups=rows.date + rows.region, resamples=resamples, seed=seed
        )
        moves[name] = {
            "pairs": len(table),
            "moved": int((table.q < LEVEL).sum()),
            "farthest": [
                {
                    "region": row.region,
                    "first": DEFAULT_MONTHS.labels([row.first])[0],
                    "second": DEFAULT_MONTHS.labels([row.second])[0],
                    "moved": row.moved,
                    "q": row.q,
                }
                for row in table.head(5).itertuples()
            ],
        }
    return {"change_points": changes, "moves": moves}


def half_year_clusters(labels: NDArray[np.int64], rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Clusters that hold more of a region's first half of 2020 than of its other months, q over all regions.

    Tested inside each region, whole days exchanged: among all sentences, a cluster of one country would be typical of
    every half year of that country.
    """
    from scipy.stats import false_discovery_control

    tables = []
    for region in DEFAULT_REGIONS:
        own = (rows.region == region).to_numpy()
        half = np.where(rows.month[own].between(*HALF), "half", "other")
        if len(np.unique(half)) == 2 and len(np.unique(labels[own])) > 1:
            table = over_representation(labels[own], half, groups=rows.date[own], seed=seed)
            tables.append(table[table.label == "half"].assign(region=region))
    if not tables:  # a cluster for each region
        return pd.DataFrame(columns=["region", "cluster", "count", "expected", "q"])
    table = pd.concat(tables, ignore_index=True)
    table["q"] = false_discovery_control(table.p)
    table = table[(table.q < LEVEL) & (table.residual > 0)]
    return table.sort_values(["region", "residual"], ascending=[True, False])


def clusters(spaces: dict[str, Floats], rows: pd.DataFrame, ks: Sequence[int], seed: int) -> dict[str, Any]:
    """Clusters of both models, what they follow, and which belong to the first half of 2020 in one country."""
    points = {name: principal_components(spaces[name], 10) for name in ("plain", "space-time")}
    labels = {name: StableKMeans(ks, resamples=5, seed=seed).fit(space).labels_ for name, space in points.items()}
    category = rows.category.where(rows.category != "Uncategorized", None)
    followed = compare_spaces(
        points, labels, {"month": rows.month, "region": rows.region, "category": category.to_numpy()}
    )
    typical, lives, onset = {}, {}, {}
    for name, own in labels.items():
        named = cluster_names(list(rows.text), own, words=3, least_texts=min(5, 1 + len(rows) // 1000))
        size = np.bincount(own)
        table = half_year_clusters(own, rows, seed)
        typical[name] = [
            {
                "region": row["region"],
                "cluster": named[row["cluster"]],
                "size": int(size[row["cluster"]]),
                "count": row["count"],
                "expected": row["expected"],
                "q": row["q"],
            }
            for row in table.to_dict("records")
        ]
        lived = topic_lives(own, rows.month_id, groups=rows.date)
        came = lived[lived.appears]
        lives[name] = [
            {"cluster": named[int(cluster)], "first": DEFAULT_MONTHS.labels([int(first)])[0], "q": float(q)}
            for cluster, first, q in zip(came.index, came["first"], came.q_appears, strict=True)
        ]
        on_it = rows.text.str.contains(PANDEMIC).to_numpy()
        share = np.bincount(own[on_it], minlength=len(size)) / size
        onset[name] = [
            {"cluster": named[int(cluster)], "size": int(size[cluster]), "share": float(share[cluster])}
            for cluster in np.argsort(-share, kind="stable")[:3]
        ]
    return {
        "followed": followed.to_dict("index"),
        "first half of 2020": typical,
        "appears": lives,
        "most on the pandemic": onset,
    }


def measure(
    rows: pd.DataFrame,
    plain: SpaceTimeEncoder,
    told: SpaceTimeEncoder,
    *,
    ks: Sequence[int] = KS,
    resamples: int = 1999,
    epochs: int | None = 200,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Everything that is recorded, and the maps that the figure shows.

    Parameters
    ----------
    rows
        Columns text, month, region, date, category; no month or region missing.
    plain, told
        As in `embed`, over `DEFAULT_MONTHS` and `DEFAULT_REGIONS`.
    ks
        Numbers of clusters that are tried.
    resamples
        Of the tests of drift.
    epochs
        Of UMAP.
    seed
        Of every random choice.

    Returns
    -------
    dict
        Numbers and words, ready for JSON.
    dict
        Name -> map, (n, 2), of plain, space-time and label alone.
    """
    rows = rows.assign(month_id=DEFAULT_MONTHS.ids(list(rows.month)), date=rows.date.astype(str)).reset_index(drop=True)
    spaces = embed(rows, plain, told, seed)
    drawn = ("space-time", "plain", "label alone")
    made = {name: umap_map(spaces[name], seed=seed, neighbours=NEIGHBOURS, epochs=epochs) for name in drawn}
    planes: dict[str, Floats] = {name: turned(plane, made["space-time"]) for name, plane in made.items()}
    on_it = rows.text.str.contains(PANDEMIC) & rows.month.between(*HALF)
    found = {
        "sentences": {"all": len(rows), **rows.region.value_counts().to_dict()},
        "pandemic": pd.crosstab(rows.month[on_it], rows.region[on_it]).to_dict("index"),
        "maps": map_costs(spaces, planes, rows),
        "neighbours": neighbours_shared(spaces, rows, spaces["label alone"]),
        "pandemic neighbours": pandemic_neighbours(spaces, rows),
        "drift": drift(spaces, rows, resamples, seed),
        "clusters": clusters(spaces, rows, ks, seed),
        "seed": seed,
    }
    return found, planes


def figure(rows: pd.DataFrame, planes: dict[str, Floats], found: dict[str, Any], path: Path) -> None:
    """Draw three maps with the pandemic's first half year by region, and each region's months with its changes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    half = (rows.text.str.contains(PANDEMIC) & rows.month.between(*HALF)).to_numpy()
    styles = {region: region_style(region, index) for index, region in enumerate(DEFAULT_REGIONS)}
    drawing = plt.figure(figsize=(8.4, 5.6), layout="constrained")
    above, below = drawing.subfigures(2, 1, squeeze=False, height_ratios=[3.4, 2.2]).ravel()
    for axis, name in zip(above.subplots(1, 3), ("plain", "space-time", "label alone"), strict=True):
        axis.scatter(*planes[name].T, s=1, color="0.8", linewidths=0, rasterized=True)
        for region, style in styles.items():
            chosen = half & (rows.region == region).to_numpy()
            axis.scatter(*planes[name][chosen].T, s=20, facecolors="none", linewidths=0.8, edgecolors=style["color"],
                         marker=style["marker"], label=region)  # fmt: skip
        axis.set(title=name, xticks=[], yticks=[], xlabel="map axes (no unit)")
    names = axis.get_legend_handles_labels()
    above.legend(
        *names, loc="outside lower center", ncols=4, frameon=False, title="on the pandemic, 2020-01 to 2020-06"
    )
    changes = {one["region"]: one["months"] for one in found["drift"]["change_points"] if one["space"] == "plain"}
    on_it = rows.text.str.contains(PANDEMIC)
    panels = below.subplots(1, len(DEFAULT_REGIONS), sharey=True)
    for axis, (region, style) in zip(panels, styles.items(), strict=True):
        own = rows.region == region
        share = on_it[own].groupby(rows.month[own]).mean()
        at = DEFAULT_MONTHS.ids(list(share.index))
        axis.plot(at, 100 * share, color=style["color"], marker=style["marker"], markersize=2.5, linewidth=0.8)
        for month in changes.get(region, []):
            axis.axvline(DEFAULT_MONTHS.ids([month])[0], color="black", linestyle="--", linewidth=1)
        axis.set(title=region, xticks=[0, 24, 48], xticklabels=["2017", "2019", "2021"], xlabel="month", ylim=(-4, 104))
    panels[0].set_ylabel("on the pandemic (%)")
    drawing.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(drawing)


ALT = (
    "Above, three maps of the same sentences, those on the pandemic of January to June 2020 marked by region. In the "
    "plain model's map most lie in one part, regions mixed; in the space-time model's map and in the map of the label "
    "alone they lie apart by region. Below, for each region the share of sentences on the pandemic by month, with the "
    "change points of the plain embeddings as dashed lines."
)


def _table(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> list[str]:
    def cell(value: Any) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:.3f}"
        return str(value)

    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(cell(value) for value in line)} |" for line in lines),
    ]


def page(found: dict[str, Any]) -> list[str]:
    """Lines of the tables in README.md."""
    counted = ", ".join(f"{region} {number:,}" for region, number in found["sentences"].items())
    regions = [region for region in found["sentences"] if region != "all"]
    lines = [f"Sentences: {counted}.", "", f"![{ALT}](maps.png)", ""]
    kept = [f"kept_{region}" for region in regions] + ["kept_worst_month", "kept_best_month"]
    lines += ["What each map lost (share of the 15 true neighbours kept):", ""]
    lines += _table(
        ["map", "trustworthiness", "kept", *regions, "worst month", "best month"],
        [[name, one["trustworthiness"], one["kept"], *(one[key] for key in kept)]
         for name, one in found["maps"].items()],
    )  # fmt: skip
    lines += ["", "What the 15 true neighbours share (near in time: within 3 months; category: the editors' own):", ""]
    head = ["region", "near in time", "category", "variance explained by month and region"]
    lines += _table(
        ["space", *head],
        [[name, *(one.get(key, np.nan) for key in head)] for name, one in found["neighbours"].items()],
    )
    lines += ["", "The same for sentences on the pandemic in the first half of 2020:", ""]
    keys = ["region", "near in time", "pandemic", "all three"]
    lines += _table(
        ["space", "of", "sentences", "same region", "near in time", "on the pandemic", "all three"],
        [[one["space"], one["of"], one["sentences"], *(one[key] for key in keys)]
         for one in found["pandemic neighbours"]],
    )  # fmt: skip
    lines += ["", f"Change points by region, each region tested at {LEVEL} / {len(regions)}:", ""]
    lines += _table(
        ["space", "region", "sentences", "first months of what is new (p)"],
        [[one["space"], one["region"], one["sentences"],
          ", ".join(f"{month} ({p:.4f})" for month, p in zip(one["months"], one["p"], strict=True)) or "none"]
         for one in found["drift"]["change_points"]],
    )  # fmt: skip
    lines += ["", "Neighbouring months of one region between which the mean moved (days exchanged, q < .05):", ""]
    lines += _table(
        ["space", "pairs that moved", "of", "farthest"],
        [[name, one["moved"], one["pairs"],
          ", ".join(f"{far['region']} {far['first']} to {far['second']} (q {far['q']:.3f})" for far in one["farthest"])]
         for name, one in found["drift"]["moves"].items()],
    )  # fmt: skip
    followed = found["clusters"]["followed"]
    lines += ["", "Clusters (k-means on 10 principal components) and what they follow:", ""]
    head = list(next(iter(followed.values())))
    lines += _table(
        ["space", *head],
        [[name, int(one["clusters"]), *(one[key] for key in head[1:])] for name, one in followed.items()],
    )
    lines += [
        "",
        "Clusters that hold more of a region's first half of 2020 than of its other months (q < .05), named by words:",
        "",
    ]
    lines += _table(
        ["space", "region", "cluster", "sentences in it", "of that half year", "expected", "q"],
        [[name, one["region"], one["cluster"], one["size"], one["count"], one["expected"], one["q"]]
         for name, table in found["clusters"]["first half of 2020"].items() for one in table],
    )  # fmt: skip
    lines += ["", "Clusters that appear later than chance gives (q < .05):", ""]
    lines += _table(
        ["space", "cluster", "first month", "q"],
        [[name, one["cluster"], one["first"], one["q"]]
         for name, table in found["clusters"]["appears"].items() for one in table],
    )  # fmt: skip
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m benchmarks.maps CORPUS`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.maps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--output", type=Path, default=HERE, help="folder of README.md, maps.json and maps.png")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    corpus = load_corpus(options.corpus, months=DEFAULT_MONTHS, regions=DEFAULT_REGIONS, outside="skip")
    rows = corpus.dataset.to_pandas().dropna(subset=["month", "region"]).reset_index(drop=True)
    if lacking := {"date", "category"} - set(rows.columns):
        raise ValueError(f"{options.corpus.name} has no column {', '.join(sorted(lacking))}; give Current Events")
    found, planes = measure(rows, SpaceTimeEncoder.load("plain"), SpaceTimeEncoder.load(), seed=options.seed)
    found["alt"] = ALT
    found["environment"] = environment()
    figure(rows, planes, found, options.output / "maps.png")
    written = json.dumps(found, indent=1, default=_number)
    (options.output / "maps.json").write_text(written + "\n", encoding="utf-8")
    found = json.loads(written)
    write_between("maps", page(found), f"Seed {options.seed}", options.output / "README.md")
    return 0


def _number(value: Any) -> float | int:
    """A number as JSON can hold it; six digits say all there is."""
    return int(value) if isinstance(value, np.integer) else float(f"{float(value):.6g}")


if __name__ == "__main__":
    sys.exit(main())
