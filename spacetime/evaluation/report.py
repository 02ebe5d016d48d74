"""All measurements in one call, as a nested dict of numbers, as tables, and as a page to read."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
from tqdm.auto import tqdm

from spacetime.environment import environment, versions
from spacetime.evaluation.context import decay, pair_response, probes
from spacetime.evaluation.location import locate_metrics
from spacetime.evaluation.sampling import ContextEncoder, Encodes, Locates, TooFewLabels
from spacetime.evaluation.similarity import pair_metrics, rank_agreement, sts
from spacetime.inputs import as_annotated, check_columns

# Of each section of the page: its title, a note with numbers of the section and the run, and what its numbers are.
_SECTIONS: dict[str, tuple[str, str, dict[str, str]]] = {
    "meaning": (
        "Is meaning kept?",
        "The shared context is {shared_context}.",
        {
            "sts_spearman": "STS-B Spearman, no context",
            "sts_spearman_same_context": "STS-B Spearman, both sides in the same context",
            "sts_spearman_plain": "STS-B Spearman of the plain model",
            "sts_kept": "share of the plain model's kept, no context",
            "sts_kept_same_context": "share kept, same context",
            "rank_agreement": "rank agreement with the plain model on test sentences, same context",
            "rank_agreement_no_context": "the same, no context",
        },
    ),
    "pairs": (
        "Held-out pairs",
        "A label that is a sum of meaning, time and place is also reached by codes glued to a plain vector: a high "
        "value does not show that attention used the context.",
        {
            "pair_spearman": "Spearman of cosine and label",
            "pair_spearman_plain": "the same for the plain model's cosine",
            "pair_mae": "mean absolute error",
            "pair_mse": "mean squared error",
            "pairs": "pairs",
        },
    ),
    "decay": (
        "Decay with months, and the region gap",
        "Cosine of each test sentence with itself at another month and region; brackets are 95 % bootstrap intervals "
        "by sentence. This is how the model responds to its inputs, not what is true.",
        {
            "decay_falling_share": "share of steps in which a sentence's cosine falls",
            "decay_falling_share_mean": "share of steps in which the mean falls",
            "decay_spearman": "Spearman of cosine with months apart (-1: perfect decay)",
            "region_gap": "region gap: 1 - cosine in another region, same month",
            "region_gap_low": "region gap, lower end of the interval",
            "region_gap_high": "region gap, upper end",
        },
    ),
    "pair_response": (
        "What moves the cosine of two sentences",
        "A linear fit over all pairs of different test sentences, each in its own context.",
        {
            "response_meaning": "change of cosine for 1 of cosine of the texts alone",
            "response_year": "change of cosine for a year apart",
            "response_other_region": "change of cosine if the regions differ",
            "response_r2": "share of the variance that these three explain",
            "response_pairs": "pairs",
        },
    ),
    "probes": (
        "Linear probes",
        "Logistic regression on {probe_train:,.0f} train rows, scored on {probe_test:,.0f} test rows.",
        {
            "region_accuracy": "region accuracy",
            "month_accuracy": "month accuracy",
            "month_error": "month error (months)",
        },
    ),
    "locate": (
        "Month and region from the text alone",
        "{test_region_rows:,.0f} test rows with a region, {test_month_rows:,.0f} with a month ("
        "{test_missing_region:,.0f} and {test_missing_month:,.0f} of the test set lack one, {test_excluded:,.0f} left "
        "out as give-aways); baselines learned from {train_rows:,.0f} rows. Errors are in months. Where regions were "
        "derived from place words in the text, region accuracy on unmasked text measures how well those words are "
        "found again.",
        {
            "region_accuracy": "region accuracy",
            "region_accuracy_macro": "region accuracy, macro",
            "month_accuracy": "month accuracy",
            "month_error": "month error",
            "month_error_median": "month error of the median",
            "region_calibration": "region calibration error",
            "month_calibration": "month calibration error",
        },
    ),
}
# Two sections are tables with a row for each of these, and with the key of each number.
_ROWS = {
    "probes": {
        "vector with its context": "probe_{}_context",
        "vector of the text alone": "probe_{}_text",
        "chance": "probe_{}_chance",
    },
    "locate": {
        "encoder": "locate_{}",
        "TF-IDF + logistic regression": "tfidf_{}",
        "majority": "majority_{}",
    },
}


@dataclass(frozen=True)
class Report:
    """What `evaluate` measured.

    Attributes
    ----------
    metrics
        Sections `meaning`, `pairs`, `decay`, `pair_response`, `probes`, `locate` (flat dicts of numbers; a section
        that was not asked for is absent), `decay_table` (list of rows), `skipped` (section -> reason) and `run`
        (sizes, seed, versions).
    """

    metrics: dict[str, Any]

    def tables(self) -> dict[str, pd.DataFrame]:
        """The numbers of each section as a table whose first column says what they are; `decay_table` is the curve."""
        tables = {}
        for section, (_, _, names) in _SECTIONS.items():
            numbers = self.metrics.get(section)
            if numbers is None:
                continue
            if section in _ROWS:
                rows = {row: [_number(numbers, key, name) for name in names] for row, key in _ROWS[section].items()}
                tables[section] = pd.DataFrame.from_dict(rows, orient="index", columns=list(names.values()))
            else:
                rows = {text: [numbers[key]] for key, text in names.items() if key in numbers}
                tables[section] = pd.DataFrame.from_dict(rows, orient="index", columns=["value"])
            tables[section] = tables[section].reset_index(names="guess" if section == "locate" else "measure")
        if "decay_table" in self.metrics:
            tables["decay_table"] = _curve(pd.DataFrame(self.metrics["decay_table"]))
        return tables

    def to_markdown(self) -> str:
        """Return the report as a Markdown page that says what each number means."""
        tables, run = self.tables(), self.metrics["run"]
        parts = [_run_text(run)]
        for section, (title, note, _) in _SECTIONS.items():
            if section in self.metrics:
                parts += [f"## {title}", note.format(**(run | self.metrics[section]))]
                parts += [markdown_table(tables[name]) for name in (f"{section}_table", section) if name in tables]
        parts += [f"## Not measured: {name}\n\n{reason}" for name, reason in self.metrics["skipped"].items()]
        return "\n\n".join(parts) + "\n"

    def save(self, folder: str | Path) -> Path:
        """Write `metrics.json` and `report.md` into a folder; return the folder.

        Parameters
        ----------
        folder
            Made if it is not there.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        numbers = json.dumps(self.metrics, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        (folder / "metrics.json").write_text(numbers, encoding="utf-8")
        (folder / "report.md").write_text(self.to_markdown(), encoding="utf-8")
        return folder


@as_annotated
def evaluate(
    encoder: ContextEncoder,
    train: datasets.Dataset,
    test: datasets.Dataset,
    *,
    pairs: datasets.Dataset | None = None,
    sts_path: str | Path | None = None,
    plain: Encodes | None = None,
    steps: Sequence[int] | None = None,
    mask: Callable[[str], str] | None = None,
    exclude: str | Sequence[str] = (),
    max_sentences: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    show_progress: bool = False,
) -> Report:
    """Measure an encoder on held-out data.

    Parameters
    ----------
    train, test
        `train` teaches the probes and the TF-IDF baseline; everything is scored on `test`.
    pairs
        Held-out stage-2 pairs for `pair_metrics`.
    sts_path
        File of the STS benchmark for `sts`.
    plain
        The plain model, for the share of meaning kept.
    steps
        Months apart of `decay`.
    mask, exclude
        How `locate_metrics` leaves give-aways out.
    max_sentences
        Cap for every measurement, but not for what the TF-IDF baseline learns from; without it each has its own default
        (decay 200, probes 2,000, ...; with STS-B and a plain model some 20,000 encodings in all).
    show_progress
        A bar on standard error.

    Returns
    -------
    Report
        The context that STS sentences share is the middle month of the encoder's range and its first region. What can't
        be measured, because there are fewer than two months or regions, is listed under `skipped` with the reason.

    Raises
    ------
    ValueError
        If a data set is empty, a column is missing, or a label is unknown to the encoder.
    """
    for name, rows in (("train", train), ("test", test)):
        check_columns(rows, ["text", "month", "region"], name)
    shared: dict[str, Any] = {"seed": seed, "batch_size": batch_size}
    drawn = shared | ({} if max_sentences is None else {"max_sentences": max_sentences})
    drawn_pairs = shared | ({} if max_sentences is None else {"max_pairs": max_sentences})
    context: dict[str, Any] = {
        "month": list(encoder.months)[len(encoder.months) // 2],
        "region": next(iter(encoder.regions)),
    }
    metrics: dict[str, Any] = {}
    skipped: dict[str, str] = {}

    def curve() -> dict[str, float]:
        result = decay(encoder, test, steps=steps, **drawn)
        metrics["decay_table"] = result.table.to_dict("records")
        return result.metrics

    sections: dict[str, Callable[[], dict[str, float]]] = {}
    if sts_path is not None or plain is not None:
        sections["meaning"] = lambda: _meaning(encoder, plain, test, sts_path, context, drawn, drawn_pairs)
    if pairs is not None:
        sections["pairs"] = lambda: pair_metrics(encoder, pairs, **drawn_pairs)
    sections["decay"] = curve
    sections["pair_response"] = lambda: pair_response(encoder, test, **drawn)
    sections["probes"] = lambda: probes(encoder, train, test, **drawn)
    if isinstance(encoder, Locates):
        locator = encoder
        sections["locate"] = lambda: locate_metrics(locator, train, test, mask=mask, exclude=exclude, **drawn)
    else:
        skipped["locate"] = "this encoder has no locate"
    for section, measure in tqdm(sections.items(), desc="evaluate", unit="section", disable=not show_progress):
        try:
            metrics[section] = measure()
        except TooFewLabels as reason:
            skipped[section] = str(reason)
    metrics["skipped"] = skipped
    metrics["run"] = {
        "months": f"{encoder.months.labels(0)}..{encoder.months.labels(len(encoder.months) - 1)}",
        "regions": list(encoder.regions),
        "shared_context": ", ".join(context.values()),
        "train_rows": len(train),
        "test_rows": len(test),
        # A sentence on both sides would be remembered, not understood.
        "test_texts_in_train": int(pd.Series(test["text"][:]).isin(train["text"][:]).sum()),
        "pairs": 0 if pairs is None else len(pairs),
        "seed": seed,
        "max_sentences": max_sentences,
        "masked": mask is not None,
        "exclude": [exclude] if isinstance(exclude, str) else list(exclude),
        "versions": versions(),
        "machine": environment()["machine"],
    }
    return Report(metrics)


def _meaning(
    encoder: ContextEncoder,
    plain: Encodes | None,
    test: datasets.Dataset,
    sts_path: str | Path | None,
    context: dict[str, Any],
    drawn: dict[str, Any],
    drawn_pairs: dict[str, Any],
) -> dict[str, float]:
    metrics: dict[str, float] = {}
    if sts_path is not None:
        metrics |= sts(encoder, sts_path, **drawn_pairs)
        metrics["sts_spearman_same_context"] = sts(encoder, sts_path, **context, **drawn_pairs)["sts_spearman"]
    if sts_path is not None and plain is not None:
        of_plain = sts(plain, sts_path, **drawn_pairs)["sts_spearman"]
        metrics["sts_spearman_plain"] = of_plain
        if of_plain > 0:
            metrics["sts_kept"] = metrics["sts_spearman"] / of_plain
            metrics["sts_kept_same_context"] = metrics["sts_spearman_same_context"] / of_plain
    if plain is not None:
        metrics |= rank_agreement(encoder, plain, test, **context, **drawn)
        metrics["rank_agreement_no_context"] = rank_agreement(encoder, plain, test, **drawn)["rank_agreement"]
    return metrics


def markdown_table(table: pd.DataFrame) -> str:
    """A Markdown table of a frame without its index; the first column is text, the others stand right."""
    lines = ["| " + " | ".join(table.columns) + " |", "|---|" + "---:|" * (table.shape[1] - 1)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in table.astype(object).itertuples(index=False)]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "-"
    if abs(value) > 1 and value == int(value):  # a count
        return f"{value:,.0f}"
    return f"{round(value, 3) + 0.0:.3f}"  # + 0.0 turns -0.0 into 0.0


def _number(numbers: dict[str, float], key: str, name: str) -> float | None:
    chance = key.endswith("chance")  # whose names are shorter: probe_region_chance
    return numbers.get(key.format(name.removesuffix("_accuracy") if chance else name))


def _curve(table: pd.DataFrame) -> pd.DataFrame:
    """The decay's rows side by side: months apart, cosine in the same and in another region, sentences."""
    shown = table.assign(
        text=[f"{one.cosine:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in table.itertuples()],
        months_apart=table["months_apart"].astype(str),
    )
    wide = shown.pivot(index="months_apart", columns="region", values="text")
    wide = wide.reindex(shown["months_apart"].unique()).reindex(columns=["same", "other"])
    wide = wide.rename(columns={"same": "same region", "other": "another region"})
    wide["sentences"] = shown.groupby("months_apart")["sentences"].max()
    return wide.rename_axis("months apart").reset_index()


def _run_text(run: dict[str, Any]) -> str:
    exclude = f"; left out of locate: {', '.join(run['exclude'])}" if run["exclude"] else ""
    return (
        f"# Evaluation\n\nTrain {run['train_rows']:,} and test {run['test_rows']:,} rows"
        f" ({run['test_texts_in_train']:,} test texts stand in train too), {run['pairs']:,} pairs; {run['months']},"
        f" regions {', '.join(run['regions'])}; seed {run['seed']};"
        f" at most {run['max_sentences'] or 'the default number of'} sentences a measurement;"
        f" texts {'masked' if run['masked'] else 'not masked'} for locate{exclude}.\n\n"
        f"{', '.join(f'{name} {number}' for name, number in run['versions'].items())}; {run['machine']}."
    )
