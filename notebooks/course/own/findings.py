"""What a run on one's own corpus found, in tables and sentences chosen by its numbers (lesson 12, `spacetime run`).

Whatever comes from the file (names, values, reasons) stands in tables, whose cells pandas escapes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from course.own.rows import RECIPE, OwnRows
from spacetime.terminal import shortened, shown

_SHOWN = 20  # rejected rows, and regions that were left out
_CHARACTERS = 200  # of a cell
_FEW_TESTED = 300
_FEW_STEPS = 500


# --- what was read ------------------------------------------------------------------------------------


def whereabouts(rows: OwnRows) -> pd.DataFrame:
    """Every row of the file: on a side of the split, or left out for a reason."""
    sides = {side: len(getattr(rows.split, side)) for side in ("train", "validation", "test")}
    return pd.Series(sides | rows.left_out(), name="rows").rename_axis("where").to_frame()


def decisions(rows: OwnRows) -> pd.DataFrame:
    """What was decided about the file as a whole: how it was read and split, and which regions are known."""
    rare = [f"{label} ({count:,})" for label, count in list(rows.rare_regions.items())[:_SHOWN]]
    rare += ["..."] if len(rows.rare_regions) > _SHOWN else []
    missing = ""
    if rows.report.missing_month or rows.report.missing_region:
        missing = (
            f"{rows.report.missing_month:,} rows have no month and {rows.report.missing_region:,} no region; they are "
            "trained on with what they have, and not tested where it is needed"
        )
    found = [
        *(("reading", note) for note in rows.report.notes),
        ("split", rows.split_reason),
        ("incomplete rows", missing),
        ("too few rows", ", ".join(rare)),
        ("kept as regions of their own, as no country is known by this name", ", ".join(rows.unknown_places())),
        *((f"not asked about: {kind}s", reason) for kind, reason in rows.not_asked.items()),
    ]
    return _table(["about", "what was decided"], [line for line in found if line[1]])


def rejects(rows: OwnRows) -> pd.DataFrame:
    """The first rows that could not be read, with their reasons."""
    first = rows.report.rejects[:_SHOWN]
    lines = [(str(one.row), str(one.column or ""), str(one.value or ""), one.reason) for one in first]
    return _table(["row", "column", "value", "reason"], lines)


def _table(columns: list[str], rows: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    """A table of texts, each on one line and without characters that would turn the direction of what follows."""
    lines = [[shortened(cell, _CHARACTERS) for cell in row] for row in rows]
    return pd.DataFrame(lines, columns=columns).set_index(columns[0])


def literal(text: str) -> str:
    """A text that means nothing to Markdown and HTML: every sign is written as its number.

    Examples
    --------
    >>> literal("<b> *my* $x$")
    '&#60;b&#62; &#42;my&#42; &#36;x&#36;'
    """
    return re.sub(r"[^\w\s.,:/-]|_", lambda sign: f"&#{ord(sign[0])};", shown(text))


# --- what was measured --------------------------------------------------------------------------------


def asked_for(metrics: Mapping[str, Any], rows: OwnRows) -> dict[str, Any]:
    """The metrics without those about months, or regions, where nearly all rows have the same one."""
    metrics = {**metrics, "skipped": dict(metrics["skipped"])}
    for kind, reason in rows.not_asked.items():
        for section in ("decay", "pair_response", "probes", "locate"):
            numbers = metrics.pop(section, {})
            about = ("month", "year", "decay_") if kind == "month" else ("region",)
            if kept := {key: value for key, value in numbers.items() if not any(word in key for word in about)}:
                metrics[section] = kept
        table = [line for line in metrics.pop("decay_table", []) if kind == "region" and line["region"] == "same"]
        metrics |= {"decay_table": table} if table else {}
        metrics["skipped"][f"{kind}s"] = f"{reason}: nothing can be asked about the others"
    return metrics


def label_asks(rows: OwnRows, decay_table: list[dict[str, Any]]) -> dict[str, float]:
    """What the label asks of a sentence and itself: its cosine at the farthest measured month, and its region gap."""
    recipe = RECIPE.pairs
    apart = max((line["months_apart"] for line in decay_table), default=0)
    time, place = recipe.time_similarity(rows.months)[0], recipe.region_similarity(rows.regions)[0]
    return {
        "decay_cosine_farthest": float(1 - recipe.time_weight * (time[0] - time[apart])),
        "region_gap": float(recipe.region_weight * (place[0] - place[-1])),
    }


def counts(rows: OwnRows, trained_on: int) -> dict[str, Any]:
    """Where the rows are, for `metrics.json`."""
    return {
        "rows": rows.report.rows,
        "in_use": rows.used,
        "left_out": rows.left_out(),
        "sides": {side: len(getattr(rows.split, side)) for side in ("train", "validation", "test")},
        "trained_on": trained_on,
    }


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


def evaluation_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """This model's number and the plain model's for each measure, and how to read them."""
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
    columns = ["measure", "this model", "plain model", "how to read it"]
    table = pd.DataFrame(rows, columns=columns).set_index("measure")
    for column in columns[1:3]:
        table[column] = ["-" if pd.isna(value) else f"{value:.3f}" for value in table[column]]
    return table


def location_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Guesses of month and region from the text alone: this model, TF-IDF, and the commonest answer."""
    located = metrics.get("locate", {})
    keys = {
        "region_accuracy": "region right",
        "region_accuracy_macro": "mean over regions",
        "month_accuracy": "month right",
        "month_error_median": "off by, months",
    }
    names = {"locate": "this model", "tfidf": "TF-IDF + logistic regression", "majority": "the commonest answer"}
    rows = {who: [located.get(f"{name}_{key}") for key in keys] for name, who in names.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(keys.values()), dtype=float)
    return table.rename_axis("who").dropna(axis="columns").round(3)


def limits(rows: OwnRows, metrics: Mapping[str, Any], steps: int) -> list[str]:
    """What the numbers of this very run do not show, in plain words."""
    tested = metrics["run"]["test_rows"]
    found = [
        "The label of a pair is a sum of meaning, months and regions that we chose. Codes for month and region, glued "
        "to the plain vector without any training, follow such a label exactly: a high number shows that context is "
        "carried, not that it is understood.",
        "A region is whatever your column says, where a text was written or what it is about, with that column's slips "
        "and gaps. The model learns this corpus and its bias.",
        "One seed, one split. Another seed gives other numbers; how far they move, this run does not say.",
    ]
    if tested < _FEW_TESTED:
        found.append(f"Only {tested:,} test rows: differences of a few hundredths mean nothing.")
    if rows.split_made["by"] == "hash":
        found.append(
            "The rows were split by their text alone (why: see above), so sentences of one document or day may "
            "stand on both sides, which flatters the numbers."
        )
    if steps < _FEW_STEPS:
        found.append(
            f"{steps:,} steps are a short training; `spacetime run --profile full` trains longer, on more rows."
        )
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
        "map.html holds sentences of your file, and a report and rejects.csv values that could not be read: mind who "
        "gets them.",
    ]
    return found
