"""Finished runs gathered into tables, with intervals over seeds, and into one tidy file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.retrieval import Retrieval, paired_difference
from benchmarks.science.measures import LOSSES, QUERIES
from benchmarks.science.rows import ROWS, WIDE, Row
from benchmarks.science.runs import RESULT
from course.gathering import t_interval
from spacetime.evaluation.masked_words import context_gains

COMPARED = {"published": "published", "no context": "no_context"}
"""Rows whose masked-word losses are subtracted from every other row's, sentence by sentence, at the same seed."""
SEARCHED = {"plain": "plain", "concatenation, tuned": "concatenation"}
"""Rows whose retrieval is subtracted from every other row's, query by query."""
CHOSEN = ("tuned_", "dial_")
"""How the names of metrics begin that say what was chosen on validation data."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, the metric, and digits after the point."""

    title: str
    metric: str
    digits: int = 3


@dataclass(frozen=True)
class Table:
    """A table of the results: which rows it has, and which columns."""

    title: str
    groups: tuple[str, ...]
    columns: tuple[Column, ...]


def _both(title: str, metric: str) -> tuple[Column, Column]:
    return Column(title, metric), Column(f"{title}, not places", f"{metric}_not_places")


WORDS: tuple[Column, ...] = (
    *_both("loss, true context", "mlm_loss_true"),
    *_both("both exchanged - true", "mlm_gain_both"),
    *_both("months exchanged - true", "mlm_gain_months"),
    *_both("regions exchanged - true", "mlm_gain_regions"),
    *_both("none - true", "mlm_gain_context"),
    Column("loss - published's, not places", "mlm_loss_true_not_places_minus_published"),
    Column("loss - no context's, not places", "mlm_loss_true_not_places_minus_no_context"),
    Column("gain (both) - published's, not places", "mlm_gain_both_not_places_minus_published"),
)

TABLES: tuple[Table, ...] = (
    Table(
        "Meaning kept; time and place carried",
        ("main",),
        (
            Column("STS-B, no context", "sts"),
            Column("share of plain", "sts_share"),
            Column("STS-B, shared context", "sts_shared"),
            Column("share of plain", "sts_shared_share"),
            Column("rank agreement", "rank_agreement"),
            Column("pair Spearman", "pair_spearman"),
            Column("decay: falling share", "decay_falling_share_mean", 2),
            Column("cosine at 1 month", "decay_cosine_nearest"),
            Column("at the farthest", "decay_cosine_farthest"),
            Column("region gap", "region_gap"),
            Column("probe: region", "probe_region_accuracy_context"),
            Column("probe: month error", "probe_month_error_context", 1),
        ),
    ),
    Table(
        "Context used: masked words on unseen days, nats a word piece",
        ("main",),
        WORDS,
    ),
    Table(
        "Context used, on all months and regions: stage 1 alone, masked words on unseen days, nats a word piece",
        ("wide",),
        WORDS,
    ),
    Table(
        "Context inferred from the text alone",
        ("main", "inferred"),
        (
            Column("region", "locate_region_accuracy"),
            Column("region, each alike", "locate_region_accuracy_macro"),
            Column("region, places hidden", "locate_region_accuracy_places_hidden"),
            Column("each alike, places hidden", "locate_region_accuracy_macro_places_hidden"),
            Column("region calibration error", "locate_region_calibration"),
            Column("month", "locate_month_accuracy"),
            Column("month error", "locate_month_error", 1),
            Column("month error of the median", "locate_month_error_median", 1),
            Column("month calibration error", "locate_month_calibration"),
        ),
    ),
    Table(
        "Retrieval of reports of the same event: nDCG@10, and hard negatives",
        ("main",),
        (
            *(
                Column(setting, f"retrieval_{setting.replace(' ', '_')}_ndcg")
                for setting in ("given", "wrong", "missing", "month only", "region only", "ambiguous")
            ),
            Column("given - concatenation's", "retrieval_given_ndcg_minus_concatenation"),
            Column("missing - plain's", "retrieval_missing_ndcg_minus_plain"),
            Column("ambiguous - concatenation's", "retrieval_ambiguous_ndcg_minus_concatenation"),
            Column("recall@10, given", "retrieval_given_recall"),
            Column("recall@10, missing", "retrieval_missing_recall"),
            Column("hard pairs, given", "retrieval_given_hard"),
            Column("hard pairs, missing", "retrieval_missing_hard"),
            Column("own dial: given", "retrieval_dialled_given_ndcg"),
            Column("own dial: missing", "retrieval_dialled_missing_ndcg"),
            Column("own dial: ambiguous", "retrieval_dialled_ambiguous_ndcg"),
        ),
    ),
    Table(
        "Meaning in context: contrast sets, and what of a shift depends on the text",
        ("main",),
        (
            Column("by embedding", "contrast_embedding_accuracy"),
            Column("both right", "contrast_embedding_both_right"),
            Column("four right", "contrast_embedding_four_right"),
            Column("ties", "contrast_embedding_ties"),
            Column("by masked words", "contrast_words_accuracy"),
            Column("both right", "contrast_words_both_right"),
            Column("shift: text-dependent", "shift_text_dependent"),
            Column("shift: interaction", "shift_interaction"),
            Column("shift: length", "shift_length"),
        ),
    ),
    Table(
        'Ablations of "prefix, frozen backbone", stage 2 only',
        ("ablation",),
        (
            Column("share of plain STS-B, no context", "sts_share"),
            Column("shared context", "sts_shared_share"),
            Column("rank agreement", "rank_agreement"),
            Column("pair Spearman", "pair_spearman"),
            Column("decay: falling share", "decay_falling_share_mean", 2),
            Column("cosine at 1 month", "decay_cosine_nearest"),
            Column("at the farthest", "decay_cosine_farthest"),
            Column("region gap", "region_gap"),
            Column("probe: month error", "probe_month_error_context", 1),
            Column("shift: interaction", "shift_interaction"),
        ),
    ),
    Table(
        "Unseen months (2021) and an unseen region (CAN)",
        ("unseen",),
        (
            Column("months: pair Spearman inside", "unseen_month_spearman_trained"),
            Column("one side outside", "unseen_month_spearman_crossing"),
            Column("both outside", "unseen_month_spearman_outside"),
            Column("cosine 6 months on", "unseen_decay_6"),
            Column("6 months back", "trained_decay_6"),
            Column("its label", "label_decay_6"),
            Column("region: pair Spearman inside", "unseen_region_spearman_trained"),
            Column("one side outside", "unseen_region_spearman_crossing"),
            Column("both outside", "unseen_region_spearman_outside"),
            Column("cosine to a trained region", "unseen_region_cosine"),
            Column("among trained", "trained_region_cosine"),
            Column("its label", "unseen_region_label"),
        ),
    ),
)


def gather(folders: dict[tuple[str, int], Path]) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Finished runs as a tidy table (row, seed, metric, value), and their records.

    Parameters
    ----------
    folders
        Of each (row, seed); one without `metrics.json` is left out.
    """
    records, lines = [], []
    losses: dict[tuple[str, int], pd.DataFrame] = {}
    searches: dict[tuple[str, int], Retrieval] = {}
    for (name, seed), folder in folders.items():
        if not (folder / RESULT).exists():
            continue
        record = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        records.append(record)
        lines += [(name, seed, metric, value) for metric, value in record["metrics"].items()]
        lines.append((name, seed, "processor_seconds", record["seconds"]["processor"]))
        if (folder / LOSSES).exists():
            losses[name, seed] = pd.read_parquet(folder / LOSSES)
        if (folder / QUERIES).exists():
            searches[name, seed] = Retrieval({}, pd.read_parquet(folder / QUERIES))
    for (name, seed), table in losses.items():
        for other, ending in COMPARED.items():
            other = f"{WIDE}{other}" if name.startswith(WIDE) else other
            if other != name and (other, seed) in losses:
                lines += _differences(name, seed, ending, context_gains(table, compared=losses[other, seed]))
    for (name, seed), search in searches.items():
        for other, ending in SEARCHED.items():
            if other != name and (other, 0) in searches:
                lines += _differences(name, seed, ending, paired_difference(search, searches[other, 0]))
    return pd.DataFrame(lines, columns=["row", "seed", "metric", "value"]), records


def _differences(name: str, seed: int, ending: str, metrics: dict[str, float]) -> list[tuple[str, int, str, float]]:
    """Lines of those metrics that are paired differences, named by the row that was subtracted."""
    return [
        (name, seed, metric.replace("_difference", f"_minus_{ending}"), value)
        for metric, value in metrics.items()
        if "_difference" in metric
    ]


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % t-interval of a mean over seeds; None for one value."""
    if len(values) < 2:
        return None
    interval = t_interval(values)
    return interval.high - interval.mean


def cell(values: Sequence[float], digits: int) -> str:
    """A mean over seeds and, for several, the half width of its interval; "-" without values."""
    if not len(values):
        return "-"
    text = f"{round(float(np.mean(values)), digits) + 0.0:.{digits}f}"  # + 0: no "-0.000"
    half = half_width(values)
    return text if half is None else f"{text} ± {half:.{digits}f}"


def markdown(tidy: pd.DataFrame, rows: Sequence[Row] = ROWS) -> list[str]:
    """All tables, a line each; a row without any run is there as "not run"."""
    values = {key: group["value"].tolist() for key, group in tidy.groupby(["row", "metric"], sort=False)}
    seeds = {name: sorted(group["seed"].unique()) for name, group in tidy.groupby("row", sort=False)}
    lines: list[str] = []
    for table in TABLES:
        lines += [f"### {table.title}", ""]
        lines.append("| row | seeds | " + " | ".join(column.title for column in table.columns) + " |")
        lines.append("|---|---|" + "---|" * len(table.columns))
        for row in rows:
            if row.group not in table.groups or (row.kind == "filter" and "Retrieval" not in table.title):
                continue
            if row.name not in seeds:
                cells = ["not run"] + [""] * len(table.columns)
            else:
                count = str(len(seeds[row.name])) if row.is_trained else "-"
                cells = [count, *(cell(values.get((row.name, c.metric), []), c.digits) for c in table.columns)]
            lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["What the rows are:", ""]
    for row in rows:
        chosen = [
            f"{str(metric).split('_', 1)[1].replace('_', ' ')} {cell(found, 2)}"
            for (name, metric), found in values.items()
            if name == row.name and str(metric).startswith(CHOSEN)
        ]
        lines.append(f"- **{row.name}**: {row.words}." + (f" Chosen: {', '.join(chosen)}." if chosen else ""))
    return lines
