"""What is measured of a row, and on how much; draws have the seed 0 always, so that only training varies."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import pandas as pd

from benchmarks.contrast_words import contrast_by_masked_words
from benchmarks.probe import ProbeLocator
from benchmarks.retrieval import (
    SETTINGS,
    Queries,
    event_queries,
    hard_negatives,
    retrieval_metrics,
    tune_dial,
)
from benchmarks.science.material import Material, Settings
from benchmarks.text_shift import text_dependent_shift
from benchmarks.unseen import unseen_response
from course.contrast import contrast_by_embedding
from data_samples.current_events.places import hide_places, place_spans
from spacetime.encoder import DEFAULT_MONTHS, DEFAULT_REGIONS, Location, SpaceTimeEncoder
from spacetime.evaluation import decay, location_scores, pair_metrics, rank_agreement, sts
from spacetime.evaluation.context import probes
from spacetime.evaluation.location import TfidfLocator
from spacetime.evaluation.masked_words import context_gains, masked_word_losses
from spacetime.model.precision import best_device, quick_precision
from spacetime.months import MonthRange
from spacetime.training.pairs import PairRecipe, build_pairs

QUICK = quick_precision(best_device())
SHARED: Any = {"month": "2019-06", "region": "US"}
"""A context of sentences whose meaning alone is compared."""
SHARED_CONTEXTS: Any = (SHARED, {"month": "2017-02", "region": "UK"}, {"month": "2021-10", "region": "AUS"})
"""STS-B depends on which context is shared: the mean over these."""
LOSSES = "losses.parquet"
QUERIES = "queries.parquet"
DIALS = tuple({"time_weight": time, "region_weight": region} for time, region in product((0.5, 1.0), (0.0, 1.0)))

Metrics = dict[str, float]


@dataclass
class Measured:
    """Numbers of one run, and the processor's seconds that each part took, whatever else the machine did."""

    metrics: Metrics = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[Metrics]:
        """Time a part; what it puts into the dict is kept."""
        began = time.process_time()
        yield self.metrics
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.process_time() - began, 2)


@dataclass
class Contender:
    """What one row is measured by.

    Attributes
    ----------
    encoder
        Of embeddings.
    models
        The models below it, whose precision is set.
    searching, score
        Another encoder, or a rule on cosines, for retrieval.
    pairs
        Of its labels.
    has_dial
        Whether `encode` takes `time_weight` and `region_weight`.
    """

    encoder: Any
    models: list[SpaceTimeEncoder] = field(default_factory=list)
    searching: Any = None
    score: Any = None
    pairs: PairRecipe = PairRecipe()
    has_dial: bool = False

    def set_precision(self, precision: Literal["float32", "bfloat16"]) -> None:
        for model in self.models:
            model.precision = precision


def embeddings(contender: Contender, material: Material, settings: Settings, measured: Measured) -> None:
    """Meaning kept; time and place carried."""
    encoder, plain, test = contender.encoder, material.plain, material.test
    contender.set_precision(QUICK)
    if material.sts is not None:
        with measured.part("sts") as metrics:
            alone = sts(encoder, material.sts)["sts_spearman"]
            shared = float(np.mean([sts(encoder, material.sts, **c)["sts_spearman"] for c in SHARED_CONTEXTS]))
            reference = sts(plain, material.sts)["sts_spearman"]
            metrics |= {"sts": alone, "sts_shared": shared, "sts_plain": reference}
            metrics |= {"sts_share": alone / reference, "sts_shared_share": shared / reference}
    with measured.part("agreement") as metrics:
        metrics |= rank_agreement(encoder, plain, test, **SHARED, max_sentences=settings.agreement_sentences)
    with measured.part("pairs") as metrics:
        pairs: Any = build_pairs(test, plain, encoder.months, encoder.regions, contender.pairs, count=settings.pairs)  # type: ignore[arg-type]
        metrics |= pair_metrics(encoder, pairs)
    with measured.part("decay") as metrics:
        metrics |= decay(encoder, test, max_sentences=settings.decay_sentences).metrics
    with measured.part("probes") as metrics:
        metrics |= probes(encoder, material.probed, test, max_sentences=settings.probe_rows)


def shift(contender: Contender, material: Material, settings: Settings, measured: Measured) -> None:
    """How much of what a context does depends on the text."""
    contender.set_precision(QUICK)
    with measured.part("shift") as metrics:
        metrics |= text_dependent_shift(
            contender.encoder, material.test, max_sentences=settings.shift_texts, contexts=settings.shift_contexts
        )


def contrast_embedding(contender: Contender, material: Material, measured: Measured) -> None:
    """Contrast sets by cosine, in float32: bfloat16 would make ties where there are none."""
    contender.set_precision("float32")
    with measured.part("contrast by embedding") as metrics:
        metrics |= contrast_by_embedding(contender.encoder, material.questions).metrics
    contender.set_precision(QUICK)


def words(encoder: SpaceTimeEncoder, material: Material, settings: Settings, measured: Measured, folder: Path) -> None:
    """Context used: masked words on unseen days; contrast sets by masked words, in float32 as those by cosine."""
    masked_words(encoder, material.test, settings.word_sentences, measured, folder)
    if encoder.model.config.conditioning == "none":
        return  # it is told nothing, and every question would be a tie
    encoder.precision = "float32"
    with measured.part("contrast by words") as metrics:
        metrics |= contrast_by_masked_words(encoder, material.questions).metrics
    encoder.precision = QUICK


def masked_words(
    encoder: SpaceTimeEncoder, test: datasets.Dataset, count: int, measured: Measured, folder: Path
) -> None:
    """The losses of all sentences stay in the folder, to be compared with those of other rows."""
    encoder.precision = QUICK
    with measured.part("masked words") as metrics:
        losses = masked_word_losses(encoder, test, max_sentences=count, places=place_spans)
        losses.attrs = {}
        losses.to_parquet(folder / LOSSES)
        metrics |= context_gains(losses)


def location(locate: Any, material: Material, measured: Measured) -> None:
    """Month and region from the text alone, also where places and peoples are hidden.

    Parameters
    ----------
    locate
        From texts, and whether places are hidden in them, to a `Location`.
    """
    with measured.part("locate") as metrics:
        month_ids = DEFAULT_MONTHS.ids(material.test["month"][:])
        region_ids = DEFAULT_REGIONS.ids(material.test["region"][:])
        texts = material.test["text"][:]
        for ending, shown, hidden in (
            ("", texts, False),
            ("_places_hidden", [hide_places(text) for text in texts], True),
        ):
            guess: Location = locate(shown, hidden)
            scores = location_scores(guess.month_probabilities, guess.region_probabilities, month_ids, region_ids)
            metrics |= {f"locate_{name}{ending}": value for name, value in scores.items()}


def encoder_location(encoder: SpaceTimeEncoder, material: Material, measured: Measured) -> None:
    encoder.precision = QUICK
    location(lambda texts, hidden: encoder.locate(texts), material, measured)


def baseline_location(kind: str, material: Material, settings: Settings, measured: Measured) -> None:
    """The same by a baseline, which is fitted on texts as they are and on texts whose places are hidden."""
    rows = material.train
    if settings.located_rows is not None and settings.located_rows < len(rows):
        rows = rows.select(np.sort(np.random.default_rng(0).permutation(len(rows))[: settings.located_rows]))
    texts, months, regions = (
        rows["text"][:],
        DEFAULT_MONTHS.ids(rows["month"][:]),
        DEFAULT_REGIONS.ids(rows["region"][:]),
    )
    sizes = len(DEFAULT_MONTHS), len(DEFAULT_REGIONS)

    def locate(shown: list[str], hidden: bool) -> Location:
        if kind == "majority":
            shares = (np.bincount(ids, minlength=n) / len(ids) for ids, n in zip((months, regions), sizes, strict=True))
            return Location(*(np.tile(share.astype(np.float32), (len(shown), 1)) for share in shares))
        baseline = ProbeLocator(material.plain, *sizes) if kind == "probe" else TfidfLocator(*sizes)
        fitted = baseline.fit([hide_places(text) for text in texts] if hidden else texts, months, regions)
        return fitted.locate(shown)

    location(locate, material, measured)


def documents_and_queries(material: Material, settings: Settings) -> tuple[datasets.Dataset, Queries]:
    """Test and validation rows to search, and the test rows' queries among them with hard negatives."""
    documents = datasets.concatenate_datasets([material.test, material.validation])
    queries = event_queries(documents, max_queries=settings.queries)
    return documents, hard_negatives(queries, documents, material.plain)


def retrieval(contender: Contender, material: Material, settings: Settings, measured: Measured) -> pd.DataFrame:
    """Reports of the same event, in all settings; with a dial tuned on the validation side besides."""
    encoder = contender.searching or contender.encoder
    contender.set_precision(QUICK)
    with measured.part("retrieval") as metrics:
        documents, queries = documents_and_queries(material, settings)
        search = partial(retrieval_metrics, encoder, documents, queries=queries, settings=SETTINGS, hide=hide_places)
        found = search(score=contender.score)
        metrics |= found.metrics
    if contender.has_dial and settings.dials:
        with measured.part("dial") as metrics:
            best = tune_dial(encoder, material.validation, grid=DIALS).best
            dialled = search(dials=best).metrics if min(best.values()) < 1 else found.metrics
            metrics |= {f"dial_{name}": value for name, value in best.items()}
            metrics |= {name.replace("retrieval_", "retrieval_dialled_", 1): value for name, value in dialled.items()}
    return found.per_query


def unseen(
    contender: Contender,
    material: Material,
    settings: Settings,
    measured: Measured,
    months: MonthRange,
    regions: list[str],
) -> None:
    """Inside and outside the months and regions of training, on rows that were not trained on."""
    contender.set_precision(QUICK)
    outside = [
        i
        for i, (month, region) in enumerate(zip(material.train["month"], material.train["region"], strict=True))
        if month > months.end or region not in regions
    ]
    rows = datasets.concatenate_datasets([material.test, material.validation, material.train.select(outside)])
    with measured.part("unseen") as metrics:
        metrics |= unseen_response(
            contender.encoder,
            rows,
            months,
            regions,
            material.plain,  # type: ignore[arg-type]
            max_sentences=settings.unseen_sentences,
            pairs=settings.unseen_pairs,
        )
