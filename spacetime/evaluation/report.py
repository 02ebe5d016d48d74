"""All measurements in one call, as a nested dict of numbers and as a page to read."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pandas as pd

from spacetime.environment import environment, versions
from spacetime.evaluation.context import decay, pair_response, probes
from spacetime.evaluation.location import locate_metrics
from spacetime.evaluation.sampling import ContextEncoder, Encodes, Locates, TooFewLabels, check_columns
from spacetime.evaluation.similarity import pair_metrics, rank_agreement, sts


@dataclass(frozen=True)
class Report:
    """What :func:`evaluate` measured.

    Attributes
    ----------
    metrics : dict
        Sections ``meaning``, ``pairs``, ``decay``, ``pair_response``, ``probes``, ``locate`` (flat dicts of
        numbers; a section that was not asked for is absent), ``decay_table`` (list of rows), ``skipped``
        (section -> reason) and ``run`` (sizes, seed, versions).
    """

    metrics: dict[str, Any]

    def to_markdown(self) -> str:
        """Return the report as a Markdown page that says what each number means."""
        parts = [_run_text(self.metrics["run"])]
        for section, write in _WRITERS.items():
            if section in self.metrics:
                parts.append(write(self.metrics))
        parts += [f"## Not measured: {name}\n\n{reason}" for name, reason in self.metrics["skipped"].items()]
        return "\n\n".join(parts) + "\n"

    def save(self, folder: str | Path) -> Path:
        """Write ``metrics.json`` and ``report.md`` into a folder; return the folder.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        numbers = json.dumps(self.metrics, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        (folder / "metrics.json").write_text(numbers, encoding="utf-8")
        (folder / "report.md").write_text(self.to_markdown(), encoding="utf-8")
        return folder


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
    encoder : SpaceTimeEncoder, or another object with its months, regions, encode and (for locate) locate
    train, test : datasets.Dataset
        Columns text, month, region. ``train`` teaches the probes and the TF-IDF baseline, everything is
        scored on ``test``.
    pairs : datasets.Dataset, optional
        Held-out stage-2 pairs for :func:`~spacetime.evaluation.pair_metrics`.
    sts_path : path, optional
        CSV of the STS benchmark for :func:`~spacetime.evaluation.sts`.
    plain : object with ``encode``, optional
        The plain model, for the share of meaning kept.
    steps : sequence of int, optional
        Months apart of :func:`~spacetime.evaluation.decay`.
    mask, exclude
        How :func:`~spacetime.evaluation.locate_metrics` leaves give-aways out.
    max_sentences : int, optional
        Cap for every measurement, but not for what the TF-IDF baseline learns from; without it each has its own default
        (decay 200, probes 2,000, ...; with STS-B and a plain model some 20,000 encodings in all).
    seed : int
        Of every draw.
    show_progress : bool
        A bar on standard error.

    Returns
    -------
    Report
        With ``metrics``, ``to_markdown()`` and ``save(folder)``. The context that STS sentences share is the
        middle month of the encoder's range and its first region. What can't be measured, as there is one
        month or one region only, or none, is listed under ``skipped`` with the reason.

    Raises
    ------
    ValueError
        If a data set is empty, a column is missing, or a label is unknown to the encoder.
    """
    from tqdm import tqdm

    for name, rows in (("train", train), ("test", test)):
        check_columns(rows, ["text", "month", "region"], name)
    shared: dict[str, Any] = {"seed": seed, "batch_size": batch_size}
    cap: dict[str, Any] = {} if max_sentences is None else {"max_sentences": max_sentences}
    pair_cap: dict[str, Any] = {} if max_sentences is None else {"max_pairs": max_sentences}
    metrics: dict[str, Any] = {}

    def meaning() -> dict[str, float]:
        return _meaning(encoder, plain, test, sts_path, cap, pair_cap, shared)

    def curve() -> dict[str, float]:
        result = decay(encoder, test, steps=steps, **cap, **shared)
        metrics["decay_table"] = result.table.to_dict("records")
        return result.metrics

    sections: dict[str, Callable[[], dict[str, float]]] = {}
    if sts_path is not None or plain is not None:
        sections["meaning"] = meaning
    if pairs is not None:
        sections["pairs"] = lambda: pair_metrics(encoder, pairs, **pair_cap, **shared)
    sections |= {
        "decay": curve,
        "pair_response": lambda: pair_response(encoder, test, **cap, **shared),
        "probes": lambda: probes(encoder, train, test, **cap, **shared),
    }
    skipped: dict[str, str] = {}
    if isinstance(encoder, Locates):
        locator = encoder
        sections["locate"] = lambda: locate_metrics(locator, train, test, mask=mask, exclude=exclude, **cap, **shared)
    else:
        skipped["locate"] = "this encoder has no locate"
    for section, measure in tqdm(sections.items(), desc="evaluate", unit="section", disable=not show_progress):
        try:
            metrics[section] = measure()
        except TooFewLabels as reason:
            skipped[section] = str(reason)
    metrics["skipped"] = skipped
    metrics["run"] = _run(encoder, train, test, pairs, seed, max_sentences, mask, exclude)
    return Report(metrics)


def _meaning(
    encoder: ContextEncoder,
    plain: Encodes | None,
    test: datasets.Dataset,
    sts_path: str | Path | None,
    cap: dict[str, Any],
    pair_cap: dict[str, Any],
    shared: dict[str, Any],
) -> dict[str, float]:
    context = _shared_context(encoder)
    metrics: dict[str, float] = {}
    if sts_path is not None:
        metrics |= sts(encoder, sts_path, **pair_cap, **shared)
        in_context = sts(encoder, sts_path, month=context[0], region=context[1], **pair_cap, **shared)
        metrics["sts_spearman_same_context"] = in_context["sts_spearman"]
    if sts_path is not None and plain is not None:
        of_plain = sts(plain, sts_path, **pair_cap, **shared)["sts_spearman"]
        metrics["sts_spearman_plain"] = of_plain
        if of_plain > 0:
            metrics["sts_kept"] = metrics["sts_spearman"] / of_plain
            metrics["sts_kept_same_context"] = metrics["sts_spearman_same_context"] / of_plain
    if plain is not None:
        metrics |= rank_agreement(encoder, plain, test, month=context[0], region=context[1], **cap, **shared)
        alone = rank_agreement(encoder, plain, test, **cap, **shared)
        metrics["rank_agreement_no_context"] = alone["rank_agreement"]
    return metrics


def _shared_context(encoder: ContextEncoder) -> tuple[str, str]:
    return list(encoder.months)[len(encoder.months) // 2], next(iter(encoder.regions))


def _run(
    encoder: ContextEncoder,
    train: datasets.Dataset,
    test: datasets.Dataset,
    pairs: datasets.Dataset | None,
    seed: int,
    max_sentences: int | None,
    mask: Callable[[str], str] | None,
    exclude: str | Sequence[str],
) -> dict[str, Any]:
    month, region = _shared_context(encoder)
    return {
        "months": f"{encoder.months.labels(0)}..{encoder.months.labels(len(encoder.months) - 1)}",
        "regions": list(encoder.regions),
        "shared_context": f"{month}, {region}",
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


# --- the page
# -----------------------------------------------------------------------------------------------------------


def _run_text(run: dict[str, Any]) -> str:
    exclude = f"; left out of locate: {', '.join(run['exclude'])}" if run["exclude"] else ""
    lines = [
        "# Evaluation",
        "",
        f"Train {run['train_rows']:,} and test {run['test_rows']:,} rows"
        f" ({run['test_texts_in_train']:,} test texts stand in train too), {run['pairs']:,} pairs; {run['months']},"
        f" regions {', '.join(run['regions'])}; seed {run['seed']};"
        f" at most {run['max_sentences'] or 'the default number of'} sentences a measurement;"
        f" texts {'masked' if run['masked'] else 'not masked'} for locate{exclude}.",
        "",
        f"{', '.join(f'{name} {number}' for name, number in run['versions'].items())}; {run['machine']}.",
    ]
    return "\n".join(lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table; the first column is text, the others stand right."""
    lines = ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if abs(value) > 1 and value == int(value):  # a count
        return f"{value:,.0f}"
    return f"{round(value, 3) + 0.0:.3f}"  # + 0.0 turns -0.0 into 0.0


def _named(section: dict[str, float], names: dict[str, str]) -> str:
    rows = [(text, section[key]) for key, text in names.items() if key in section]
    return _table(["measure", "value"], rows)


def _meaning_text(metrics: dict[str, Any]) -> str:
    names = {
        "sts_spearman": "STS-B Spearman, no context",
        "sts_spearman_same_context": "STS-B Spearman, both sides in the same context",
        "sts_spearman_plain": "STS-B Spearman of the plain model",
        "sts_kept": "share of the plain model's kept, no context",
        "sts_kept_same_context": "share kept, same context",
        "rank_agreement": "rank agreement with the plain model on test sentences, same context",
        "rank_agreement_no_context": "the same, no context",
    }
    note = f"The shared context is {metrics['run']['shared_context']}."
    return f"## Is meaning kept?\n\n{_named(metrics['meaning'], names)}\n\n{note}"


def _pairs_text(metrics: dict[str, Any]) -> str:
    names = {
        "pair_spearman": "Spearman of cosine and label",
        "pair_spearman_plain": "the same for the plain model's cosine",
        "pair_mae": "mean absolute error",
        "pair_mse": "mean squared error",
        "pairs": "pairs",
    }
    note = (
        "A label that is a sum of meaning, time and place is also reached by codes glued to a plain vector:"
        " a high value does not show that attention used the context."
    )
    return f"## Held-out pairs\n\n{_named(metrics['pairs'], names)}\n\n{note}"


def _decay_text(metrics: dict[str, Any]) -> str:
    table = pd.DataFrame(metrics["decay_table"])
    rows = []
    for apart, part in table.groupby("months_apart"):
        by_region = part.set_index("region")
        row: list[Any] = [str(apart)]
        for region in ("same", "other"):
            if region in by_region.index:
                one = by_region.loc[region]
                row.append(f"{one['cosine']:.3f} [{one['low']:.3f}, {one['high']:.3f}]")
            else:
                row.append(None)
        rows.append([*row, int(part["sentences"].max())])
    curve = _table(["months apart", "same region", "another region", "sentences"], rows)
    names = {
        "decay_falling_share": "share of steps in which a sentence's cosine falls",
        "decay_falling_share_mean": "share of steps in which the mean falls",
        "decay_spearman": "Spearman of cosine with months apart (-1: perfect decay)",
        "region_gap": "region gap: 1 - cosine in another region, same month",
        "region_gap_low": "region gap, lower end of the interval",
        "region_gap_high": "region gap, upper end",
    }
    note = (
        "Cosine of each test sentence with itself at another month and region; brackets are 95 % bootstrap intervals by"
        " sentence. This is how the model responds to its inputs, not what is true."
    )
    return f"## Decay with months, and the region gap\n\n{note}\n\n{curve}\n\n{_named(metrics['decay'], names)}"


def _response_text(metrics: dict[str, Any]) -> str:
    names = {
        "response_meaning": "change of cosine for 1 of cosine of the texts alone",
        "response_year": "change of cosine for a year apart",
        "response_other_region": "change of cosine if the regions differ",
        "response_r2": "share of the variance that these three explain",
        "response_pairs": "pairs",
    }
    note = "A linear fit over all pairs of different test sentences, each in its own context."
    return f"## What moves the cosine of two sentences\n\n{note}\n\n{_named(metrics['pair_response'], names)}"


def _probes_text(metrics: dict[str, Any]) -> str:
    probe = metrics["probes"]
    rows = [
        ("vector with its context", *(probe[f"probe_{key}_context"] for key in _PROBED)),
        ("vector of the text alone", *(probe[f"probe_{key}_text"] for key in _PROBED)),
        (
            "chance",
            probe["probe_region_chance"],
            probe["probe_month_chance"],
            probe["probe_month_error_chance"],
        ),
    ]
    note = (
        f"Logistic regression on {probe['probe_train']:,.0f} train rows,"
        f" scored on {probe['probe_test']:,.0f} test rows."
    )
    table = _table(["probed", "region accuracy", "month accuracy", "month error (months)"], rows)
    return f"## Linear probes\n\n{note}\n\n{table}"


_PROBED = ("region_accuracy", "month_accuracy", "month_error")


def _locate_text(metrics: dict[str, Any]) -> str:
    located = metrics["locate"]
    keys = {
        "region_accuracy": "region accuracy",
        "region_accuracy_macro": "region accuracy, macro",
        "month_accuracy": "month accuracy",
        "month_error": "month error",
        "month_error_median": "month error of the median",
        "region_calibration": "region calibration error",
        "month_calibration": "month calibration error",
    }
    rows = [
        (text, *(located.get(f"{name}_{key}") for key in keys))
        for name, text in (("locate", "encoder"), ("tfidf", "TF-IDF + logistic regression"), ("majority", "majority"))
    ]
    counts = (
        f"{located['test_region_rows']:,.0f} test rows with a region, {located['test_month_rows']:,.0f} with a month"
        f" ({located['test_missing_region']:,.0f} and {located['test_missing_month']:,.0f} of the test set lack one,"
        f" {located['test_excluded']:,.0f} left out as give-aways);"
        f" baselines learned from {located['train_rows']:,.0f} rows."
    )
    note = (
        "Errors are in months. Where regions were derived from place words in the text, region accuracy on unmasked"
        " text measures how well those words are found again."
    )
    return f"## Month and region from the text alone\n\n{counts} {note}\n\n{_table(['guess', *keys.values()], rows)}"


_WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "meaning": _meaning_text,
    "pairs": _pairs_text,
    "decay": _decay_text,
    "pair_response": _response_text,
    "probes": _probes_text,
    "locate": _locate_text,
}
