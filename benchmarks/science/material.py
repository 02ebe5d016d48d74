"""The corpora, divided, and the plain model's vectors: prepared once, read by every run."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.release import COLUMNS, almanac_rows, training_rows
from course.contrast import contrast_questions
from spacetime.corpus import load_corpus, split_corpus
from spacetime.corpus.almanac import ALMANAC, load_almanac
from spacetime.encoder import DEFAULT_MONTHS, DEFAULT_REGIONS, SpaceTimeEncoder
from spacetime.model.precision import quick_precision
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training import TrainingOptions, train_stage1
from spacetime.training.recipes import HEADS, LOCATION_HEADS

MAX_LENGTH = 64
"""Word pieces of a text while training."""
WORDS_HEAD = tuple(name for name in HEADS if name not in LOCATION_HEADS)

ASKED_YEAR = 2021
"""Contrast sets of this year are asked, and never trained on (`benchmarks.release.CONTRAST_UNTIL`)."""

TUNING_DAYS = range(11, 16)
"""Days of the month whose training rows help to tune what is not trained."""


@dataclass(frozen=True)
class Settings:
    """How much is trained and measured.

    Parameters
    ----------
    head_steps
        Of 32 sentences for the masked-LM head that every stage 1 starts from (`words_head`).
    stage1_steps, stage2_steps, joint_steps
        Of 32 sentences, 32 pairs, and the joint recipe's three batches.
    wide_steps, wide_sentences
        Of stage 1 on all months and regions, and the sentences it draws from.
    sentences
        Training sentences of the real corpus at most, and as many of the almanac; None for all.
    sts_pairs, agreement_sentences, pairs, decay_sentences, probe_rows, word_sentences, wide_word_sentences, queries,
    located_rows, shift_texts, unseen_sentences
        Sizes of the measurements.
    questions
        Contrast questions at most, drawn with all that belong together (a text with its regions).
    dials
        Also measure retrieval with a dial tuned on the validation side, among 4 points.
    """

    head_steps: int = 600
    stage1_steps: int = 120
    stage2_steps: int = 80
    joint_steps: int = 150
    wide_steps: int = 300
    wide_sentences: int = 10_000
    sentences: int | None = None
    sts_pairs: int = 500
    agreement_sentences: int = 300
    pairs: int = 500
    decay_sentences: int = 40
    probe_rows: int = 600
    word_sentences: int = 400
    wide_word_sentences: int = 1000
    queries: int | None = None
    located_rows: int | None = None
    shift_texts: int = 40
    shift_contexts: int = 6
    contrast_texts: int | None = None
    unseen_sentences: int = 400
    unseen_pairs: int = 1000
    dials: bool = True


PROFILES = {
    "full": Settings(),
    "quick": Settings(
        head_steps=60,
        stage1_steps=20,
        stage2_steps=16,
        joint_steps=20,
        wide_steps=20,
        wide_sentences=1000,
        sentences=1500,
        sts_pairs=200,
        agreement_sentences=120,
        pairs=200,
        decay_sentences=24,
        probe_rows=300,
        word_sentences=120,
        wide_word_sentences=120,
        queries=60,
        located_rows=2000,
        shift_texts=16,
        contrast_texts=8,
        unseen_sentences=120,
        unseen_pairs=300,
        dials=False,
    ),
}


class PlainVectors:
    """The plain model, each text encoded once; months and regions are not taken."""

    def __init__(self, texts: Sequence[str] = (), vectors: NDArray[np.float32] | None = None) -> None:
        self.months, self.regions = DEFAULT_MONTHS, DEFAULT_REGIONS
        self._known: dict[str, NDArray[np.float32]] = (
            dict(zip(texts, vectors, strict=True)) if vectors is not None else {}
        )
        self._encoder: SpaceTimeEncoder | None = None

    @property
    def encoder(self) -> SpaceTimeEncoder:
        """The model itself."""
        if self._encoder is None:
            self._encoder = SpaceTimeEncoder.from_plain("none")
            self._encoder.precision = quick_precision(self._encoder.device)
        return self._encoder

    def encode(self, sentences: Any, *, batch_size: int = 64, show_progress: bool | None = None) -> NDArray[np.float32]:
        """Unit vectors, (n, 384)."""
        new = [text for text in dict.fromkeys(sentences) if text not in self._known]
        if new:
            found = self.encoder.encode(new, batch_size=batch_size, show_progress=False)
            self._known.update(zip(new, found, strict=True))
        return np.stack([self._known[text] for text in sentences])


@dataclass
class Wide:
    """The real corpus with all its months and regions: what "context used" is asked on with more text.

    Attributes
    ----------
    train, test
        Columns text, month, region, date, topic.
    months, regions
        Its own.
    head
        Weights of the masked-LM head that every stage 1 starts from.
    """

    train: datasets.Dataset
    test: datasets.Dataset
    months: MonthRange
    regions: RegionSet
    head: dict[str, Tensor]


@dataclass
class Material:
    """What every run trains on and is measured on.

    Attributes
    ----------
    train
        Real sentences and as many of the almanac (columns text, month, region, date, topic; no topic: empty).
    asked
        Those of the almanac whose month follows from words and region: the joint recipe asks for it.
    validation, test
        Of the real corpus; of the almanac without one.
    questions
        Contrast questions of `ASKED_YEAR`.
    sts
        Pairs of the STS benchmark's test side, or None.
    is_real
        Whether a real corpus was given.
    head
        Weights of the masked-LM head that every stage 1 starts from.
    wide
        The whole corpus; None without one.
    """

    train: datasets.Dataset
    asked: datasets.Dataset
    validation: datasets.Dataset
    test: datasets.Dataset
    questions: pd.DataFrame
    sts: pd.DataFrame | None
    plain: PlainVectors
    is_real: bool
    head: dict[str, Tensor] = field(default_factory=dict)
    wide: Wide | None = None

    @property
    def probed(self) -> datasets.Dataset:
        """Training rows of the corpus that is tested on; the almanac's come after them."""
        return self.train.select(range(len(self.train) // 2)) if self.is_real else self.train

    @property
    def tuning(self) -> datasets.Dataset:
        """Validation rows and some days of each month of the training rows: for the rules that are not trained.

        Whole months would lie denser in time than the rows that are searched in the test, which are some days of each
        month, too; every few months would lie farther apart.  Either would ask for another weight of time.
        """
        rows = self.probed
        some = [row for row, date in enumerate(rows["date"][:]) if date and int(date[8:10]) in TUNING_DAYS]
        return datasets.concatenate_datasets([self.validation, rows.select(some)])


def material_key(corpus: Path | None, sts: Path | None, settings: Settings) -> str:
    """A short name for the files and how much of them is used."""
    used = (
        settings.sentences,
        settings.contrast_texts,
        settings.sts_pairs,
        settings.head_steps,
        settings.wide_sentences,
    )
    digest = hashlib.sha256(repr(used).encode())
    for path in (corpus, sts, ALMANAC):
        digest.update(path.read_bytes() if path else b"none")
    return digest.hexdigest()[:10]


def prepare(corpus: Path | None, sts: Path | None, settings: Settings, folder: Path) -> None:
    """Divide the corpora, encode them with the plain model, and write both into `folder`."""
    if (folder / "ready.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    known, asked = almanac_rows()
    if corpus is not None:
        loaded = load_corpus(corpus, months=DEFAULT_MONTHS, regions=DEFAULT_REGIONS, outside="skip")
        split = split_corpus(loaded, by="date")
        real = _drawn(split.train, settings.sentences)
        train = training_rows(real, _with(asked, known, len(real)))
    else:
        split = split_corpus(load_almanac(), by="group", seed=0)
        train = _common(_with(asked, known, settings.sentences * 2 if settings.sentences else len(known)))
        # Its contrast sentences are asked in `questions` alone: the same texts are trained on in other years.
        split.validation, split.test = (
            rows.select([i for i, contrast in enumerate(rows["contrast"][:]) if not contrast])
            for rows in (split.validation, split.test)
        )
    sides = {
        "train": train,
        "asked": _common(asked),
        "validation": _common(split.validation),
        "test": _common(split.test),
    }
    for name, rows in sides.items():
        rows.to_parquet(folder / f"{name}.parquet")
    questions = contrast_questions(load_almanac().dataset, years=[ASKED_YEAR])
    if settings.contrast_texts is not None:
        asked_texts = np.random.default_rng(0).permutation(sorted(set(questions["text"])))[: settings.contrast_texts]
        questions = questions[questions["text"].isin(asked_texts)].reset_index(drop=True)
    questions.to_parquet(folder / "questions.parquet")
    texts = [text for rows in sides.values() for text in rows["text"][:]]
    if sts is not None:
        table = pd.read_csv(sts, keep_default_na=False)
        table = table[table["split"] == "test"]
        table = table.sample(min(settings.sts_pairs, len(table)), random_state=0).reset_index(drop=True)
        table.to_parquet(folder / "sts.parquet")
        texts += [*table["sentence1"], *table["sentence2"]]
    texts = list(dict.fromkeys(texts))
    np.save(folder / "plain.npy", PlainVectors().encode(texts))
    (folder / "plain.json").write_text(json.dumps(texts), encoding="utf-8")
    save_file(words_head(train, settings.head_steps, folder / "head"), folder / "head.safetensors")
    facts: dict[str, Any] = {name: len(rows) for name, rows in sides.items()}
    facts |= {"questions": len(questions), "real": corpus is not None}
    if corpus is not None:
        facts["wide"] = _prepare_wide(corpus, settings, folder)
    (folder / "ready.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _prepare_wide(corpus: Path, settings: Settings, folder: Path) -> dict[str, Any]:
    loaded = load_corpus(corpus)
    split = split_corpus(loaded, by="date")
    train = _common(_drawn(split.train, settings.wide_sentences))
    train.to_parquet(folder / "wide_train.parquet")
    _common(split.test).to_parquet(folder / "wide_test.parquet")
    head = words_head(train, settings.head_steps, folder / "head", loaded.months, loaded.regions)
    save_file(head, folder / "wide_head.safetensors")
    return {"months": [loaded.months.start, loaded.months.end], "regions": list(loaded.regions)}


def words_head(
    rows: datasets.Dataset,
    steps: int,
    folder: Path,
    months: MonthRange = DEFAULT_MONTHS,
    regions: RegionSet = DEFAULT_REGIONS,
) -> dict[str, Tensor]:
    """A masked-LM head for the plain model, which has none: trained on its frozen layers, told no month or region.

    Every stage 1 starts from it, so that a short one is spent on what the ways differ in.
    """
    encoder = SpaceTimeEncoder.from_plain("none", months, regions, mlm_transform=True, max_length=MAX_LENGTH)
    options = TrainingOptions(max_steps=steps, new_learning_rate=1e-3, freeze_backbone=True, checkpoint_every=10_000)
    train_stage1(rows, encoder, folder, options, overwrite=True, show_progress=False)
    shutil.rmtree(folder)
    weights = encoder.model.state_dict()
    return {name: weights[name].clone() for name in weights if name.startswith(WORDS_HEAD)}


def read_material(folder: Path) -> Material:
    """What :func:`prepare` wrote."""
    facts = json.loads((folder / "ready.json").read_text(encoding="utf-8"))

    def rows(name: str) -> datasets.Dataset:
        return datasets.Dataset.from_pandas(pd.read_parquet(folder / f"{name}.parquet"), preserve_index=False)

    sts, wide = folder / "sts.parquet", None
    if "wide" in facts:
        months, regions = MonthRange(*facts["wide"]["months"]), RegionSet(facts["wide"]["regions"])
        wide = Wide(rows("wide_train"), rows("wide_test"), months, regions, load_file(folder / "wide_head.safetensors"))
    texts = json.loads((folder / "plain.json").read_text(encoding="utf-8"))
    return Material(
        train=rows("train"),
        asked=rows("asked"),
        validation=rows("validation"),
        test=rows("test"),
        questions=pd.read_parquet(folder / "questions.parquet"),
        sts=pd.read_parquet(sts) if sts.exists() else None,
        plain=PlainVectors(texts, np.load(folder / "plain.npy")),
        is_real=facts["real"],
        head=load_file(folder / "head.safetensors"),
        wide=wide,
    )


def _with(asked: datasets.Dataset, known: datasets.Dataset, count: int) -> datasets.Dataset:
    """The asked rows, and others of `known` drawn to make `count` of them."""
    taken = set(zip(asked["text"][:], asked["month"][:], asked["region"][:], strict=True))
    rows = zip(known["text"][:], known["month"][:], known["region"][:], strict=True)
    others = known.select([i for i, row in enumerate(rows) if row not in taken])
    return datasets.concatenate_datasets([asked, _drawn(others, max(count - len(asked), 0))])


def _drawn(rows: datasets.Dataset, count: int | None) -> datasets.Dataset:
    if count is None or count >= len(rows):
        return rows
    return rows.select(np.sort(np.random.default_rng(0).permutation(len(rows))[:count]))


def _common(rows: datasets.Dataset) -> datasets.Dataset:
    """The columns that both corpora have, the almanac's topics empty."""
    table = rows.to_pandas()
    table["topic"] = table["topic"].fillna("") if "topic" in table else ""
    return datasets.Dataset.from_pandas(table[COLUMNS].reset_index(drop=True), preserve_index=False)
