"""The report as one HTML page that needs nothing else: numbers in tables, figures inside, and what they mean in words.

Everything that comes from the file (names, values, reasons) is escaped by Jinja2; the page's content security policy
forbids every request and every script.
"""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import datasets
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray

from course.own import figures
from spacetime.folders import write_text
from spacetime.terminal import shown
from spacetime.training.own import LEAST_OF_REGION, OwnRows

_SHOWN_REJECTS = 20
_FEW_TESTED = 300
_FEW_STEPS = 500


def write_report(
    path: str | os.PathLike[str],
    *,
    rows: OwnRows,
    metrics: Mapping[str, Any],
    log: Sequence[Mapping[str, Any]],
    training: Mapping[str, Any],
    state: Mapping[str, Any],
    coordinates: NDArray[Any],
    mapped: datasets.Dataset,
    command: str,
    use: Sequence[str],
    seconds: float,
) -> Path:
    """Write `report.html`.

    Parameters
    ----------
    rows
        What was read and how it was split.
    metrics
        As `metrics.json` holds them: `spacetime.evaluation.Report.metrics` with `map` and `corpus`.
    log
        Lines of the training's `log.jsonl`.
    training, state
        `training.json` and `run.json`.
    coordinates, mapped
        The map (n, 2) and its rows (text, month, region).
    command, use, seconds
        How the run was started, commands that use its model, and how long it took.
    """
    pictures: dict[str, Any] = {
        "months": figures.rows_by_month(rows.by_month, rows.months),
        "regions": figures.rows_by_region(rows.by_region),
        "training": figures.training_curves([dict(line) for line in log]),
        "map": figures.map_by_region(coordinates, mapped["region"][:]),
    }
    if "month" not in rows.not_asked:
        pictures["map_months"] = figures.map_by_month(coordinates, mapped["month"][:], rows.months)
    if "decay_table" in metrics:
        pictures["decay"] = figures.decay_curve(metrics["decay_table"], rows.months, rows.regions)
    folder = resources.files("course.own")
    template, style = (folder.joinpath(f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "css"))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_seen
    )
    environment.filters["count"] = lambda number: f"{number:,.0f}"
    environment.filters["figure"] = _figure
    page = environment.from_string(template).render(
        name=state["corpus"],
        rows=rows,
        report=rows.report,
        rejects=rows.report.rejects[:_SHOWN_REJECTS],
        rejects_file=Path(rows.report.rejects_path).name if rows.report.rejects_path else "",
        columns=state["columns"],
        pictures=pictures,
        metrics=metrics,
        training=training,
        state=state,
        command=command,
        use=use,
        minutes=seconds / 60,
        short=in_short(metrics),
        table=evaluation_table(metrics),
        located=location_table(metrics),
        limits=limits(rows, metrics, training),
        least_of_region=LEAST_OF_REGION,
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii"),
    )
    file = Path(path)
    write_text(file, page.encode("utf-8", "replace").decode())
    return file


def _seen(value: Any) -> Any:
    """A value of the page: characters that would turn the direction of what follows are shown in its place."""
    return shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _figure(value: float | None) -> str:
    """A number of a table."""
    return "–" if value is None else f"{round(value, 3) + 0.0:.3f}"  # + 0.0 turns -0.0 into 0.0


def in_short(metrics: Mapping[str, Any]) -> list[str]:
    """The findings in a few sentences, as the numbers have them."""
    lines = []
    meaning, pairs, decay, located = (metrics.get(name, {}) for name in ("meaning", "pairs", "decay", "locate"))
    if pairs:
        lines.append(
            "Pairs: cosines of held-out pairs follow their labels of meaning, month and region at Spearman "
            f"{pairs['pair_spearman']:.3f}; the plain model's at {pairs['pair_spearman_plain']:.3f}."
        )
    if meaning:
        lines.append(
            "Meaning: without month and region the vectors are the plain model's (rank agreement "
            f"{meaning['rank_agreement_no_context']:.3f}); where all sentences share one month and one region, "
            f"{meaning['rank_agreement']:.3f} of its ranking is kept."
        )
    if "decay_cosine_farthest" in decay:
        farthest, asked = decay["decay_cosine_farthest"], metrics["asked"]["decay_cosine_farthest"]
        line = (
            f"Months: a sentence's cosine with itself falls from 1 in its own month to {farthest:.3f} at the farthest; "
            f"the label asks for {asked:.3f}."
        )
        if 1 - farthest < (1 - asked) / 2:
            line += " So months hardly count yet: regions are learned first, and more --steps bring the months."
        lines.append(line)
    if "region_gap" in decay:
        gap, asked = decay["region_gap"], metrics["asked"]["region_gap"]
        lines.append(
            f"Regions: in another region a sentence's cosine with itself loses {gap:.3f}; the label asks for "
            f"{asked:.3f}." + (" So regions hardly count yet; more --steps may help." if gap < asked / 2 else "")
        )
    if "locate_region_accuracy" in located:
        region, most = located["locate_region_accuracy"], located["majority_region_accuracy"]
        lines.append(
            f"From the text alone it finds the region of {region:.1%} of the test rows (always saying the commonest: "
            f"{most:.1%})."
            + ("" if region > most else " So the words of this corpus hardly give the region away, or it is too small.")
        )
    if "locate_month_error_median" in located:
        month, middle = located["locate_month_error_median"], located["majority_month_error_median"]
        lines.append(
            f"From the text alone its middle month is off by {month:.1f} months on average (always saying the middle: "
            f"{middle:.1f})."
        )
    return lines


def evaluation_table(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of measure, this model's number, the plain model's, and how to read them."""
    meaning, pairs, decay = (metrics.get(name, {}) for name in ("meaning", "pairs", "decay"))
    rows: list[tuple[str, Any, Any, str]] = []
    if meaning:
        rows += [
            (
                "Meaning kept, shared context",
                meaning["rank_agreement"],
                1.0,
                "Spearman of all cosines with the plain model's; 1 is all of its ranking",
            ),
            ("Meaning kept, no context", meaning["rank_agreement_no_context"], 1.0, "the same, nothing told"),
        ]
    if pairs:
        rows += [
            (
                "Pairs: Spearman",
                pairs["pair_spearman"],
                pairs["pair_spearman_plain"],
                "of cosines with labels (.6 meaning, .2 months, .2 regions), held-out pairs; 1 is best",
            ),
            ("Pairs: error", pairs["pair_mae"], None, "mean absolute difference of cosine and label; 0 is best"),
        ]
    if "decay_cosine_nearest" in decay:
        rows += [
            ("Decay: nearest month", decay["decay_cosine_nearest"], 1.0, "cosine with itself; 1 is no response"),
            ("Decay: farthest month", decay["decay_cosine_farthest"], 1.0, "the same, as far as the range goes"),
            (
                "Decay: falling steps",
                decay.get("decay_falling_share"),
                0.0,
                "share of the steps away from its month in which a sentence's cosine falls",
            ),
        ]
    if "region_gap" in decay:
        rows.append(
            (
                "Region gap",
                decay["region_gap"],
                0.0,
                "what another region takes off the cosine; 95 % interval "
                f"{decay['region_gap_low']:.3f} to {decay['region_gap_high']:.3f}",
            )
        )
    return [dict(zip(("measure", "here", "plain", "reading"), row, strict=True)) for row in rows]


def location_table(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Guesses of month and region from the text alone: this model, TF-IDF, and the commonest answer."""
    located = metrics.get("locate")
    if not located:
        return []
    keys = ("region_accuracy", "region_accuracy_macro", "month_accuracy", "month_error_median")
    names = {"locate": "this model", "tfidf": "TF-IDF + logistic regression", "majority": "the commonest answer"}
    return [{"who": who, **{key: located.get(f"{name}_{key}") for key in keys}} for name, who in names.items()]


def limits(rows: OwnRows, metrics: Mapping[str, Any], training: Mapping[str, Any]) -> list[str]:
    """What the numbers of this very run do not show, in plain words."""
    tested = metrics["run"]["test_rows"]
    steps = training["result"]["steps"]
    found = [
        "The label of a pair is a sum of meaning, months and regions that we chose. Codes for month and region, glued "
        "to the plain vector without any training, follow such a label exactly: a high number shows that context is "
        "carried, not that it is understood.",
        "A region is whatever your column says, where a text was written or what it is about, with that column's slips "
        "and gaps. The model learns this corpus and its bias.",
        "One seed, one split. Another seed gives other numbers; how far they move, this page does not say.",
    ]
    if tested < _FEW_TESTED:
        found.append(f"Only {tested:,} test rows: differences of a few hundredths mean nothing.")
    if rows.split_made["by"] == "hash":
        found.append(
            "The rows were split by their text alone (why: see above), so sentences of one document or day may "
            "stand on both sides, which flatters the numbers."
        )
    if steps < _FEW_STEPS:
        found.append(f"{steps:,} steps are a short training; --profile full trains longer, on more rows.")
    if rows.report.too_long:
        found.append(
            f"{rows.report.too_long:,} texts or more are longer than 128 word pieces; what stands behind is not read. "
            "Give a sentence or a short paragraph a row."
        )
    if rows.report.duplicates:
        found.append(
            f"{rows.report.duplicates:,} rows repeat another row's text, month and region; none is on two sides of "
            "the split."
        )
    empty = len(rows.months) - len(rows.by_month)
    if empty:
        found.append(f"{empty:,} of the {len(rows.months):,} months have no row: for these the model interpolates.")
    found += [
        "The model reads English, as all-MiniLM-L6-v2 does.",
        "Do not use it to infer where a person lives or comes from.",
        "map.html holds sentences of your file, and this page and rejects.csv values that could not be read: mind who "
        "gets them.",
    ]
    return found
