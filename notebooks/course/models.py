"""Encoders that several lessons share: trained by the first one that asks, loaded by the others.

Lesson 04 trains stage 1 and lesson 06 stage 2; lessons 07 to 09 look at the result.  Each can be opened alone: what
an earlier lesson has not left under the output folder is trained on the spot, with the same settings and seeds.
"""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import datasets
from filelock import FileLock

from course.freshness import code_hash
from course.recording import output_folder
from spacetime.corpus import Split, load_corpus, split_corpus
from spacetime.corpus.almanac import ALMANAC, load_almanac
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import modeling
from spacetime.training import TrainingOptions, train_stage1, train_stage2
from spacetime.training.loop import checkpoints
from spacetime.training.pairs import PairRecipe, build_pairs


@dataclass(frozen=True)
class LessonSettings:
    """What decides about the encoders of lessons 04 to 09.

    Parameters
    ----------
    corpus
        A file that `spacetime.corpus.load_corpus` reads; empty for the almanac.
    sentences
        Training sentences that are used at most, and pairs built from them.
    conditioning, time_encoding, region_encoding
        How month and region enter (lesson 02).
    hide_context
        Context dropout in both stages: probability with which a month is hidden, and a region.
    learning_rate, new_learning_rate
        Of backbone and new parameters.  A quick run has eighty steps where the published one had 33,750: it
        needs higher rates than the card's to show anything.
    batch_size, seed
        As everywhere.
    """

    corpus: str = ""
    sentences: int = 960
    conditioning: str = "prefix"
    time_encoding: str = "sinusoidal"
    region_encoding: str = "tokenized"
    hide_context: float = 0.5
    learning_rate: float = 2e-4
    new_learning_rate: float = 2e-3
    batch_size: int = 12
    seed: int = 0

    def options(self) -> TrainingOptions:
        """The same settings as the training loop takes them."""
        return TrainingOptions(
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            new_learning_rate=self.new_learning_rate,
            hide_month=self.hide_context,
            hide_region=self.hide_context,
            freeze_words=True,  # half of all weights, and a quarter of the time of a step
            checkpoint_every=10_000,
            seed=self.seed,
        )


def lesson_split(settings: LessonSettings) -> Split:
    """The corpus of the lessons without leaks: by fact template for the almanac, by whole days for other corpora."""
    if settings.corpus:
        corpus = load_corpus(settings.corpus)
        return split_corpus(corpus, by="date" if "date" in corpus.dataset.column_names else "hash", seed=settings.seed)
    return split_corpus(load_almanac(), by="group", seed=settings.seed)


def training_sentences(split: Split, settings: LessonSettings) -> datasets.Dataset:
    """At most `settings.sentences` of the training side, drawn by the seed."""
    shuffled = split.train.shuffle(seed=settings.seed)
    return shuffled.select(range(min(settings.sentences, len(shuffled))))


def held_out_sentences(split: Split, count: int, seed: int = 0) -> datasets.Dataset:
    """At most `count` sentences of the validation and test sides that have a month and a region, drawn by the seed."""
    rows = datasets.concatenate_datasets([split.validation, split.test])
    known = [i for i, row in enumerate(zip(rows["month"], rows["region"], strict=True)) if None not in row]
    shuffled = rows.select(known).shuffle(seed=seed)
    return shuffled.select(range(min(count, len(shuffled))))


def training_pairs(
    split: Split, settings: LessonSettings, side: str = "train", count: int | None = None
) -> datasets.Dataset:
    """Pairs of one side of the split, labelled by the default `PairRecipe`."""
    rows = training_sentences(split, settings) if side == "train" else getattr(split, side)
    start = _start(settings, conditioning="none")
    return build_pairs(
        rows, start, start.months, start.regions, PairRecipe(seed=settings.seed), count=count, show_progress=False
    )


def stage1_encoder(
    settings: LessonSettings, output: str | Path, *, overwrite: bool = False
) -> tuple[SpaceTimeEncoder, Path]:
    """The encoder that stage 1 leaves, and the folder of its training (log, `training.json`, `model/`).

    Parameters
    ----------
    settings
        What to train.
    output
        The course's output folder, such as "../runs/quick"; trainings go under `models/`.
    overwrite
        Train even if an earlier lesson did.
    """
    folder = output_folder(output) / "models" / f"stage1-{_key(settings)}"
    with _one_trains(folder):
        if overwrite or not (folder / "training.json").exists():
            split = lesson_split(settings)
            encoder = _start(settings)
            rows = training_sentences(split, settings)
            held_out = split.validation.select(range(min(100, len(split.validation))))
            train_stage1(
                rows, encoder, folder, settings.options(), validation=held_out, overwrite=True, show_progress=False
            )
            _drop_checkpoints(folder)
    return SpaceTimeEncoder.load(folder / "model"), folder


def stage2_encoder(
    settings: LessonSettings, output: str | Path, *, overwrite: bool = False
) -> tuple[SpaceTimeEncoder, Path]:
    """The encoder that stage 2 leaves, trained on from stage 1; see `stage1_encoder`."""
    folder = output_folder(output) / "models" / f"stage2-{_key(settings)}"
    with _one_trains(folder):
        if overwrite or not (folder / "training.json").exists():
            encoder, _ = stage1_encoder(settings, output)
            split = lesson_split(settings)
            pairs = training_pairs(split, settings)
            held_out = training_pairs(split, settings, "validation", count=200)
            train_stage2(
                pairs, encoder, folder, settings.options(), validation=held_out, overwrite=True, show_progress=False
            )
            _drop_checkpoints(folder)
    return SpaceTimeEncoder.load(folder / "model"), folder


def _start(settings: LessonSettings, conditioning: str | None = None) -> SpaceTimeEncoder:
    months_and_regions = {}
    if settings.corpus:
        corpus = load_corpus(settings.corpus)
        months_and_regions = {"months": corpus.months, "regions": corpus.regions}
    return SpaceTimeEncoder.from_plain(
        conditioning or settings.conditioning,
        **months_and_regions,  # type: ignore[arg-type]
        time_encoding=settings.time_encoding,
        region_encoding=settings.region_encoding,
        seed=settings.seed,
    )


def _one_trains(folder: Path) -> FileLock:
    """A lock for lessons that run at the same time and need the same encoder: one trains it, the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{folder}.lock")


def _drop_checkpoints(folder: Path) -> None:
    """Delete what only a resumption needs: 270 MB a training, and no lesson resumes."""
    for checkpoint in checkpoints(folder):
        shutil.rmtree(checkpoint)


def _key(settings: LessonSettings) -> str:
    """A short name of settings, corpus and the model's code, for the folder: if one changes, training starts anew."""
    what = (json.dumps(asdict(settings), sort_keys=True) + code_hash(modeling.__file__)).encode()
    corpus = Path(settings.corpus) if settings.corpus else ALMANAC
    if corpus.is_file():  # a data set of the hub is known by its name alone
        with open(corpus, "rb") as stream:
            what += hashlib.file_digest(stream, "sha256").digest()
    return hashlib.sha256(what).hexdigest()[:10]
