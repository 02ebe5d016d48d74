"""All measurements in one call, as a nested dict of numbers and as a page to read."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
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

PAGE = Path(__file__).with_name("report.md")
SECTIONS = ("meaning", "pairs", "decay", "pair_response", "probes", "locate")  # in the order of the page


@dataclass(frozen=True)
class Report:
    """What `evaluate` measured.

    Attributes
    ----------
    metrics
        Sections `meaning`, `pairs`, `decay`, `pair_response`, `probes`, `locate` (flat dicts of numbers; one that was
        not asked for is absent), `decay_table` (list of rows), `skipped` (section -> reason) and `run` (sizes, seed,
        versions).
    """

    metrics: dict[str, Any]

    def to_markdown(self) -> str:
        """Return the report as a Markdown page that says what each number means."""
        run = self.metrics["run"]
        told = run | {
            "regions": ", ".join(run["regions"]),
            "max_sentences": str(run["max_sentences"] or "the default number of"),
            "masked": "masked" if run["masked"] else "not masked",
            "exclude": f"; left out of locate: {', '.join(run['exclude'])}" if run["exclude"] else "",
            "versions": ", ".join(f"{name} {number}" for name, number in run["versions"].items()),
            "curve": _curve(self.metrics.get("decay_table", [])),
        }
        head, *sections = PAGE.read_text(encoding="utf-8").split("\n## ")
        parts = [_filled(head, told)]
        for name, section in zip(SECTIONS, sections, strict=True):
            if name in self.metrics:
                parts.append("## " + _filled(section, told | self.metrics[name]))
        parts += [f"## Not measured: {name}\n\n{reason}" for name, reason in self.metrics["skipped"].items()]
        return "\n\n".join(parts) + "\n"

    def save(self, folder: str | Path) -> Path:
        """Write `metrics.json` and `report.md` into a folder, which is made if it is not there; return the folder.

        Parameters
        ----------
        folder
            The folder.
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


def _filled(text: str, values: dict[str, Any]) -> str:
    """A part of the page with its numbers, without the lines that have none."""
    page = _Page()
    lines = []
    for line in text.strip().splitlines():
        names = {name for _, name, _, _ in page.parse(line) if name}
        if not names or names & values.keys():
            lines.append(page.vformat(line, (), values))
    return "\n".join(lines)


class _Page(Formatter):
    """Fills in what is known, with three digits if the page does not say otherwise, and "-" for the rest."""

    def get_value(self, key: Any, args: Any, kwargs: Any) -> Any:
        return kwargs.get(key)

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "-"
        if isinstance(value, str) or format_spec:
            return format(value, format_spec)
        return f"{round(value, 3) + 0.0:.3f}"  # + 0.0 turns -0.0 into 0.0


def _curve(rows: list[dict[str, Any]]) -> str:
    """The decay's rows side by side: months apart, cosine in the same and in another region, sentences."""
    cosine = {
        (row["months_apart"], row["region"]): f"{row['cosine']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        for row in rows
    }
    sentences = {row["months_apart"]: row["sentences"] for row in reversed(rows)}  # those of "same", which come first
    lines = ["| months apart | same region | another region | sentences |", "|---|---:|---:|---:|"]
    for apart in sorted(sentences):
        here, elsewhere = (cosine.get((apart, region), "-") for region in ("same", "other"))
        lines.append(f"| {apart} | {here} | {elsewhere} | {sentences[apart]:,} |")
    return "\n".join(lines)
