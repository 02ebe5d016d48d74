"""The released model's numbers, from the shipped file, on data that it never saw.

    python -m benchmarks.released CORPUS --sts STS_FILE

CORPUS is Wikipedia's Current Events (all months and regions; text, month, region, date, topic), STS_FILE the STS
benchmark.  Scored are the days, topics and almanac sentences that `benchmarks.release` held back; the dial of
the model and the weights of every baseline are chosen on its validation days.  Results go to
`spacetime/released/metrics.json` with `--write`, and between the marks of the model's card.

TF-IDF learns from all training sentences only with `--all-tfidf` (a quarter of an hour); else from 6,000 of them.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from benchmarks.concatenation import TunedConcatenation
from benchmarks.contrast_words import contrast_by_masked_words
from benchmarks.probe import ProbeLocator
from benchmarks.retrieval import (
    SETTINGS,
    Retrieval,
    decayed_scores,
    event_queries,
    hard_negatives,
    paired_difference,
    retrieval_metrics,
    retrieval_score,
    tune_decay,
)
from benchmarks.tables import write_between
from benchmarks.text_shift import text_dependent_shift
from course.baselines import ConcatenatedEncoder, PlainEncoder, TextPrefixEncoder
from course.contrast import contrast_by_embedding, contrast_questions
from data_samples.current_events.places import hide_places, place_spans
from spacetime.corpus import load_corpus, split_corpus
from spacetime.corpus.almanac import load_almanac
from spacetime.encoder import RELEASED, SpaceTimeEncoder
from spacetime.environment import environment
from spacetime.evaluation import decay, location_scores, pair_metrics, rank_agreement, sts
from spacetime.evaluation.context import probes
from spacetime.evaluation.location import TfidfLocator
from spacetime.evaluation.masked_words import context_gains, masked_word_losses
from spacetime.model.precision import quick_precision
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.pairs import PairRecipe, build_pairs

SHARED: dict[str, Any] = {"month": "2019-07", "region": "UK"}
"""The context of the rank agreement."""
SHARED_CONTEXTS = 8
"""STS-B depends on which context both sides share: so many are drawn, months and regions alike."""
DIALS = [
    {"time_weight": time, "region_weight": region} for time, region in ((1.0, 0.0), (1.0, 0.5), (1.0, 1.0), (0.5, 0.5))
]
Metrics = dict[str, float]


@dataclass(frozen=True)
class Material:
    """What is scored, and what the baselines learn from."""

    train: datasets.Dataset
    validation: datasets.Dataset
    test: datasets.Dataset
    sts: Path | None
    months: MonthRange
    regions: RegionSet


def meaning(encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder, material: Material) -> Metrics:
    """Is meaning kept, without a context and in a shared one?"""
    texts = material.test["text"][:500]
    found = {"plain_cosine_without_context_least": float((encoder.encode(texts) * plain.encode(texts)).sum(1).min())}
    if material.sts is not None:
        reference = sts(plain, material.sts)["sts_spearman"]
        alone = sts(encoder, material.sts)["sts_spearman"]
        random = np.random.default_rng(0)
        months = random.choice([str(month) for month in material.months], SHARED_CONTEXTS, replace=False)
        regions = random.choice([str(region) for region in material.regions], SHARED_CONTEXTS, replace=False)
        shared = [
            sts(encoder, material.sts, month=str(month), region=str(region))["sts_spearman"]
            for month, region in zip(months, regions, strict=True)
        ]
        found |= {"sts_plain": reference, "sts": alone, "sts_share": alone / reference}
        found |= {"sts_shared": float(np.mean(shared)), "sts_shared_share": float(np.mean(shared)) / reference}
        found |= {"sts_shared_share_low": min(shared) / reference, "sts_shared_share_high": max(shared) / reference}
    return found | rank_agreement(encoder, plain, material.test, **SHARED)


def carried(encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder, material: Material) -> Metrics:
    """Are time and place carried?  By the label over the model's own range, and over the published one."""
    found: Metrics = {}
    pairs = build_pairs(material.test, plain, material.months, material.regions, count=2000)
    found |= pair_metrics(encoder, pairs)
    narrow = MonthRange("2017-01", "2021-12"), RegionSet(["UK", "US", "AUS", "CAN"])
    rows = [
        i
        for i, (month, region) in enumerate(zip(material.test["month"], material.test["region"], strict=True))
        if month in narrow[0] and region in narrow[1]
    ]
    published = build_pairs(material.test.select(rows), plain, *narrow, PairRecipe(), count=1000)
    found |= {f"published_range_{name}": value for name, value in pair_metrics(encoder, published).items()}
    found |= decay(encoder, material.test, max_sentences=30).metrics
    return found | probes(encoder, material.train, material.test, max_sentences=1000)


def used(encoder: SpaceTimeEncoder, material: Material, sentences: int) -> Metrics:
    """Is the context used?  Masked words on unseen days."""
    return context_gains(masked_word_losses(encoder, material.test, max_sentences=sentences, places=place_spans))


def in_context(encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder, material: Material) -> Metrics:
    """Contrast sets of 2021, which the model has not seen; how much of a shift depends on the text."""
    questions = contrast_questions(load_almanac().dataset, years=[2021])
    encoder.precision = "float32"  # bfloat16 would make differences where there are none
    found = dict(contrast_by_embedding(encoder, questions).metrics)
    glued = ConcatenatedEncoder(plain, material.months, material.regions)
    found |= {f"concatenation_{k}": v for k, v in contrast_by_embedding(glued, questions).metrics.items()}
    encoder.precision = quick_precision(encoder.device)
    found |= contrast_by_masked_words(encoder, questions).metrics
    return found | text_dependent_shift(encoder, material.test, max_sentences=60, contexts=8)


def inferred(encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder, material: Material, tfidf_rows: int | None) -> Metrics:
    """Month and region from the text alone, places as they are and hidden, against two baselines."""
    found: Metrics = {}
    rows = material.train
    some = rows if tfidf_rows is None else rows.select(range(0, len(rows), max(1, len(rows) // tfidf_rows)))
    month_ids, region_ids = (
        material.months.ids(material.test["month"][:]),
        material.regions.ids(material.test["region"][:]),
    )
    fit_ids = material.months.ids(some["month"][:]), material.regions.ids(some["region"][:])
    sizes = len(material.months), len(material.regions)
    for ending, hidden in (("", False), ("_places_hidden", True)):
        shown, learned = (
            [hide_places(text) for text in texts] if hidden else list(texts)
            for texts in (material.test["text"][:], some["text"][:])
        )
        guesses: dict[str, Callable[[], Any]] = {
            "released": lambda shown=shown: encoder.locate(shown),  # type: ignore[misc]
            "tfidf": lambda s=shown, t=learned: TfidfLocator(*sizes).fit(t, *fit_ids).locate(s),  # type: ignore[misc]
            "minilm": lambda s=shown, t=learned: ProbeLocator(plain, *sizes).fit(t, *fit_ids).locate(s),  # type: ignore[misc]
        }
        for name, guess in guesses.items():
            if name == "minilm" and tfidf_rows is not None:
                continue
            located = guess()
            scores = location_scores(located.month_probabilities, located.region_probabilities, month_ids, region_ids)
            found |= {f"locate_{name}_{key}{ending}": value for key, value in scores.items()}
    return found | {"locate_baseline_rows": float(len(some))}


def searched(encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder, material: Material, most: int) -> Metrics:
    """Reports of the same event, against every baseline; all weights are chosen on the validation days."""
    queries = hard_negatives(event_queries(material.test, max_queries=most), material.test, plain)
    tuning = event_queries(material.validation, max_queries=most)
    text = PlainEncoder(plain, material.months, material.regions, remember=True)
    months, regions = material.months, material.regions

    def score(contender: Any, **options: Any) -> float:
        return retrieval_score(contender, material.validation, queries=tuning, **options)

    def glued(size: int | None = None, **kernel: Any) -> TunedConcatenation:
        encoder = TunedConcatenation(text, months, regions, recipe=PairRecipe(**kernel), size=size)
        if size is None:
            return encoder.tune(score)
        validation = material.validation
        return encoder.tune(score, fit_on=(validation["text"][:], validation["month"][:], validation["region"][:]))

    decay_rule: dict[str, Any] = tune_decay(text, material.validation, queries=tuning).best  # type: ignore[assignment]
    rule = partial(decayed_scores, **decay_rule)
    dial = max(DIALS, key=lambda point: score(encoder, dials=point))
    contenders: dict[str, dict[str, Any]] = {
        "released": {"encoder": encoder, "dials": dial},
        "released, full context": {"encoder": encoder},
        "released with filter": {"encoder": encoder, "dials": dial, "score": rule},
        "plain": {"encoder": text},
        "text prefix": {"encoder": TextPrefixEncoder(plain, months, regions)},
        "concatenation": {"encoder": glued()},
        "concatenation, exponential": {"encoder": glued(time_kernel="exponential", time_scale=3.0)},
        "concatenation cut to 384": {"encoder": glued(size=384, time_kernel="exponential", time_scale=3.0)},
        "filter with decay": {"encoder": text, "score": rule},
    }
    found: Metrics = {f"retrieval_dial_{name}": value for name, value in dial.items()}
    results: dict[str, Retrieval] = {}
    for name, options in contenders.items():
        results[name] = retrieval_metrics(
            options.pop("encoder"), material.test, queries=queries, settings=SETTINGS, hide=hide_places, **options
        )
        found |= {f"{name}: {key}": value for key, value in results[name].metrics.items()}
    for name in contenders:
        if not name.startswith("released"):
            for ours in ("released", "released with filter"):
                difference = paired_difference(results[ours], results[name])
                found |= {f"{ours} - {name}: {key}": value for key, value in difference.items()}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--sts", type=Path, help="the STS benchmark as CSV: split, sentence1, sentence2, score")
    parser.add_argument("--model", type=Path, default=RELEASED, help="folder of a delta or of a saved encoder")
    parser.add_argument("--word-sentences", type=int, default=2000, help="sentences whose words are masked")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument(
        "--all-tfidf", action="store_true", help="baselines of locate learn from every row; a quarter of an hour"
    )
    parser.add_argument("--write", action="store_true", help="keep the numbers as the model's metrics.json and card")
    parser.add_argument("--only", help="some of: " + ", ".join(PARTS))
    options = parser.parse_args()

    encoder = SpaceTimeEncoder.load(options.model)
    plain = SpaceTimeEncoder.from_plain("none", encoder.months, encoder.regions)
    encoder.precision = plain.precision = quick_precision(encoder.device)
    split = split_corpus(load_corpus(options.corpus, months=encoder.months, regions=encoder.regions), by="date")
    material = Material(split.train, split.validation, split.test, options.sts, encoder.months, encoder.regions)
    chosen = options.only.split(",") if options.only else list(PARTS)
    measure: dict[str, Callable[[], Metrics]] = {
        "meaning": lambda: meaning(encoder, plain, material),
        "carried": lambda: carried(encoder, plain, material),
        "used": lambda: used(encoder, material, options.word_sentences),
        "in context": lambda: in_context(encoder, plain, material),
        "inferred": lambda: inferred(encoder, plain, material, None if options.all_tfidf else 6000),
        "retrieval": lambda: searched(encoder, plain, material, options.queries),
    }
    where = options.model / METRICS_FILE
    kept = json.loads(where.read_text(encoding="utf-8")) if where.exists() else {}
    for name in chosen:
        began, worked = time.perf_counter(), time.process_time()
        found = {key: round(value, 5) for key, value in measure[name]().items()}
        wall, processor = time.perf_counter() - began, time.process_time() - worked
        print(f"\n{name} ({wall:.0f} s, of the processor {processor:.0f} s)", flush=True)
        for key, value in found.items():
            print(f"  {key:60s} {value:.4f}", flush=True)
        kept[name] = found
    if options.write:
        kept["run"] = environment() | {"precision": encoder.precision}
        where.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        write_card(kept, options.model / "README.md")
    return 0


PARTS = ("meaning", "carried", "used", "in context", "inferred", "retrieval")
METRICS_FILE = "metrics.json"


def write_card(kept: dict[str, Any], card: Path) -> None:
    """Put the numbers between the marks of the model's card."""
    lines = ["| what | value |", "|---|---|"]
    for title, part, key, ends in CARD:
        found = kept.get(part, {})
        value = "not measured" if key not in found else f"{found[key]:.3f}"
        if key in found and ends:
            value += f" [{found[key + '_low']:.3f}, {found[key + '_high']:.3f}]"
        lines.append(f"| {title} | {value} |")
    retrieval = kept.get("retrieval", {})
    lines += ["", "| retrieval, nDCG@10 | " + " | ".join(SETTINGS) + " | hard negatives, given |", "|---" * 8 + "|"]
    for name in (key.partition(":")[0] for key in retrieval if key.endswith(": retrieval_given_ndcg")):
        cells = [f"{retrieval[f'{name}: retrieval_{s.replace(chr(32), chr(95))}_ndcg']:.3f}" for s in SETTINGS]
        lines.append(f"| {name} | " + " | ".join([*cells, f"{retrieval[f'{name}: retrieval_given_hard']:.3f}"]) + " |")
    rows = kept.get("inferred", {}).get("locate_baseline_rows")
    learned = f"TF-IDF learned from {rows:,.0f} of the training sentences, the locator from all. " if rows else ""
    command = "python -m benchmarks.released CORPUS --sts STS --write"
    write_between("numbers", lines, f"{learned}By `{command}`, in {kept['run']['precision']}", card)


# Title, part, name of the number, whether it has an interval.
CARD = [
    ("STS-B test, Spearman: all-MiniLM-L6-v2", "meaning", "sts_plain", False),
    ("the same, this model without context", "meaning", "sts", False),
    ("the same, both sides in one context, mean of eight contexts", "meaning", "sts_shared", False),
    ("share of STS-B kept in a shared context [least and most of the eight]", "meaning", "sts_shared_share", True),
    ("least cosine to the plain model without context", "meaning", "plain_cosine_without_context_least", False),
    ("rank agreement with the plain model, unseen text, shared context", "meaning", "rank_agreement", False),
    ("pair Spearman, unseen text", "carried", "pair_spearman", False),
    ("the same, of the plain model's cosines", "carried", "pair_spearman_plain", False),
    (
        "pair Spearman by the label of the published months and regions",
        "carried",
        "published_range_pair_spearman",
        False,
    ),
    ("region gap", "carried", "region_gap", True),
    ("cosine with itself at the nearest month", "carried", "decay_cosine_nearest", False),
    ("cosine with itself at the farthest month", "carried", "decay_cosine_farthest", False),
    ("masked words, months exchanged - true (nats)", "used", "mlm_gain_months", True),
    ("the same without place words", "used", "mlm_gain_months_not_places", True),
    ("masked words, regions exchanged - true", "used", "mlm_gain_regions", True),
    ("the same without place words", "used", "mlm_gain_regions_not_places", True),
    ("masked words, both exchanged - true, without place words", "used", "mlm_gain_both_not_places", True),
    ("masked words, none - true, without place words", "used", "mlm_gain_context_not_places", True),
    ("contrast sets of 2021 by embedding, accuracy", "in context", "contrast_embedding_accuracy", True),
    ("contrast sets, both of a mirrored pair", "in context", "contrast_embedding_both_right", True),
    ("contrast sets, all four (no sum of parts can)", "in context", "contrast_embedding_four_right", False),
    ("contrast sets by masked words, accuracy", "in context", "contrast_words_accuracy", True),
    ("share of a vector's shift by context that depends on the text", "in context", "shift_text_dependent", False),
    ("locate: region", "inferred", "locate_released_region_accuracy", False),
    ("TF-IDF (rows: see below): region", "inferred", "locate_tfidf_region_accuracy", False),
    ("locate: region, place names hidden", "inferred", "locate_released_region_accuracy_places_hidden", False),
    (
        "TF-IDF (rows: see below): region, place names hidden",
        "inferred",
        "locate_tfidf_region_accuracy_places_hidden",
        False,
    ),
    ("locate: month", "inferred", "locate_released_month_accuracy", False),
    ("TF-IDF (rows: see below): month", "inferred", "locate_tfidf_month_accuracy", False),
    ("locate: error of the median month, in months", "inferred", "locate_released_month_error_median", False),
    ("TF-IDF (rows: see below): error of the median month", "inferred", "locate_tfidf_month_error_median", False),
    ("locate: calibration error, region", "inferred", "locate_released_region_calibration", False),
    ("locate: calibration error, month", "inferred", "locate_released_month_calibration", False),
]


if __name__ == "__main__":
    sys.exit(main())
