"""The run itself: rows -> model -> measurements -> map -> report, and its folder.

The model is the released one's design (`spacetime.training.recipes.released_start`) on a frozen backbone, so that
all-MiniLM-L6-v2's own vectors stay as they are where no month and no region are given.  Both stages are trained at once
(`train_joint`) without what needs events or questions: every step sees the cosines of all its sentences with each
other, so a hundred and fifty steps are enough to start with.  The heads of stage 1 are replaced by a locator, fitted on
the frozen vectors, which takes seconds.
"""

import importlib.util
import json
import os
import shlex
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from course.own.page import write_report
from course.viewer import MOST_REGIONS, write
from spacetime.analysis import distortion, umap_map
from spacetime.analysis.maps import turned
from spacetime.corpus.reading import HUB_PREFIX, Quoting, fingerprint, is_table, name_of
from spacetime.encoder import SpaceTimeEncoder
from spacetime.evaluation import evaluate
from spacetime.folders import LOCK, sole_writer_of_output, write_text
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.joint import JointRecipe
from spacetime.training.locator import fit_locator
from spacetime.training.loop import LOG_FILE, checkpoints, read_log
from spacetime.training.objectives import JointLoss
from spacetime.training.own import OwnRows, read_rows
from spacetime.training.pairs import build_pairs
from spacetime.training.recipes import JOINT, released_start, train_joint

REJECTS = "rejects.csv"
REPORT = "report.html"
STATE = "run.json"  # what the run was asked for, so that --resume goes on with the same
RECIPE = JointRecipe(events=0, others=40, masked=32, asked=1, wrong_months=1, invented=0.35)
LOSS = JointLoss(cosines=60.0, events=0.0, words=0.1, months=0.0)
CHECKPOINT_EVERY = 50  # steps
TRAINED_LENGTH = 64  # word pieces; longer texts are cut here while training, not afterwards


@dataclass(frozen=True)
class Profile:
    """How much a run does.

    Parameters
    ----------
    steps
        Of training.
    training_rows
        At most so many rows of the training side are used, drawn by the seed; None: all.
    tested_rows
        At most so many rows of the test side.
    measured
        Sentences of each measurement at most; None leaves each its own default.
    mapped
        Sentences on the map at most.
    """

    steps: int
    training_rows: int | None
    tested_rows: int | None
    measured: int | None
    mapped: int


PROFILES = {
    "quick": Profile(steps=150, training_rows=3000, tested_rows=1000, measured=300, mapped=1500),
    "full": Profile(steps=1200, training_rows=50_000, tested_rows=None, measured=None, mapped=10_000),
}


@dataclass(frozen=True)
class OwnRun:
    """What a run leaves behind.

    Attributes
    ----------
    folder
        Holds `model/`, `report.html`, `map.html`, `metrics.json`, `log.jsonl`, `training.json`, `run.json`, and
        `rejects.csv` if there were any.
    encoder
        The trained model.
    rows
        What was read and how it was split.
    metrics
        What `metrics.json` holds.
    coordinates, mapped
        The maps of this model and of the plain one, (n, 2) each, and the rows (text, month, region) they show.
    """

    folder: Path
    encoder: SpaceTimeEncoder
    rows: OwnRows
    metrics: dict[str, Any]
    coordinates: tuple[Any, Any]
    mapped: datasets.Dataset

    def summary(self) -> str:
        """The main numbers, in a few lines."""
        pairs, meaning, located = (self.metrics.get(name, {}) for name in ("pairs", "meaning", "locate"))
        lines = [
            f"{self.rows.used:,} of {self.rows.report.rows:,} rows in use: {self.rows.split}",
            f"pair Spearman {pairs['pair_spearman']:.3f} (plain model {pairs['pair_spearman_plain']:.3f}), meaning "
            f"kept {meaning['rank_agreement']:.3f} in a shared context, {meaning['rank_agreement_no_context']:.3f} "
            "without",
        ]
        from_text = []
        if "locate_region_accuracy" in located:
            from_text.append(
                f"region from the text alone {located['locate_region_accuracy']:.3f} (the commonest region "
                f"{located['majority_region_accuracy']:.3f})"
            )
        if "locate_month_error_median" in located:
            from_text.append(
                f"median month off by {located['locate_month_error_median']:.1f} months "
                f"({located['majority_month_error_median']:.1f})"
            )
        lines += [", ".join(from_text)] if from_text else []
        lines += [f"nothing about {kind}s: {reason}" for kind, reason in self.rows.not_asked.items()]
        return "\n".join(lines)


@sole_writer_of_output
def run_corpus(
    path: Any,
    output: str | os.PathLike[str],
    *,
    text: str = "text",
    month: str | None = "month",
    region: str | None = "region",
    id: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    quoting: Quoting | None = None,
    months: MonthRange | None = None,
    regions: RegionSet | None = None,
    day_first: bool = False,
    month_first: bool = False,
    strict: bool = False,
    profile: str | Profile = "quick",
    steps: int | None = None,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
    reading: Sequence[str] | None = None,
    show_progress: bool | None = None,
    say: Callable[[str], None] | None = None,
) -> OwnRun:
    """Train a model on a file of one's own, measure it, and write a report and a map.

    Parameters
    ----------
    path, text, month, region, id, encoding, separator, quoting, months, regions, day_first, month_first, strict
        The file (or the DataFrame, `datasets.Dataset` or Arrow table) and its columns; see `read_rows`.
    output
        Folder for everything; see `OwnRun`.
    profile, steps
        `"quick"` (about three minutes on 2 cores), `"full"` (about an hour for 50,000 rows), or a `Profile`; and
        other steps of training.
    seed
        Of every draw except the split's, which is always the same.
    resume
        Go on where an earlier run with the same settings was stopped; measure a complete one again. A run that was
        stopped goes on without it, too.
    overwrite
        Delete an earlier run in `output` first.
    command
        How the report says it was made; None: by this function.
    reading
        Options by which `spacetime index` reads the same file alike, for the report; None: the names of the columns.
    show_progress
        Bars on stderr; None shows them on a terminal.
    say
        Called with a line before each part; None: silent.

    Raises
    ------
    ValueError
        The file cannot be used (see `read_rows`), or `output` holds another run.
    ModuleNotFoundError
        matplotlib or umap-learn is missing.
    """
    for needed in ("matplotlib", "umap"):  # now, not after minutes of training
        if importlib.util.find_spec(needed) is None:
            raise ModuleNotFoundError(f"No module named {needed!r}", name=needed)
    if isinstance(profile, str) and profile not in PROFILES:
        raise ValueError(f"profile {profile!r} is not known; give one of {', '.join(PROFILES)}")
    chosen = PROFILES[profile] if isinstance(profile, str) else profile
    chosen = chosen if steps is None else replace(chosen, steps=steps)
    options = replace(JOINT, max_steps=chosen.steps, checkpoint_every=CHECKPOINT_EVERY, keep_checkpoints=1, seed=seed)
    say = say or (lambda line: None)
    folder = Path(output)
    name = Path(name_of(path)).name

    resume = resume or (not overwrite and _is_unfinished(folder))
    _check_folder(folder, resume, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    rows = read_rows(
        path,
        text=text,
        month=month,
        region=region,
        id=id,
        encoding=encoding,
        separator=separator,
        quoting=quoting,
        months=months,
        regions=regions,
        day_first=day_first,
        month_first=month_first,
        strict=strict,
        rejects=folder / REJECTS,
    )
    state = {
        "corpus": name,
        "sha256": None if name_of(path).startswith(HUB_PREFIX) else fingerprint(path),
        "columns": {"text": text, "month": month, "region": region},
        "months": f"{rows.months.start}..{rows.months.end}",
        "regions": list(rows.regions),
        "seed": seed,
        "profile": asdict(chosen),
    }
    _start_folder(folder, state, resume)
    for line in (str(rows.report).split("\n")[0], *rows.report.notes):
        say(line)
    if unknown := rows.unknown_places():
        say(f"not known as a country, kept as regions of their own: {', '.join(unknown)}")
    for kind, reason in rows.not_asked.items():
        say(f"{reason}: nothing can be asked about {kind}s, and the report leaves them out")
    say(f"split by {rows.split_made['by']}: {rows.split}")

    began = time.perf_counter()
    training = _at_most(rows.split.train, chosen.training_rows, seed)
    encoder = _trained(folder, rows, training, options, state, resume, show_progress, say)
    say("measuring")
    tested = _at_most(rows.split.test, chosen.tested_rows, seed)
    plain = SpaceTimeEncoder.from_plain("none", encoder.months, encoder.regions)
    with warnings.catch_warnings():
        # A probe of many months on few rows is meant to be one of classes; its chance level stands beside it.
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        report = evaluate(
            encoder,
            training,
            tested,
            pairs=build_pairs(tested, plain, encoder.months, encoder.regions, show_progress=False),
            plain=plain,
            max_sentences=chosen.measured,
            seed=seed,
            show_progress=bool(show_progress),
        )
    say("drawing the map")
    mapped = _at_most(_with_context(rows), chosen.mapped, seed)
    space, plane, plain_space, plain_plane = _map(encoder, plain, mapped, seed)
    fit = distortion(space, plane)
    write(
        space,
        mapped["text"][:],
        mapped["month"][:],
        _told_apart(mapped["region"][:]),
        folder / "map.html",
        (plane, plain_plane),
        plain_space,
        title=f"{name}: sentences by month and region",
    )
    metrics: dict[str, Any] = _asked_for(report.metrics, rows.not_asked) | {
        "asked": _asked(rows, report.metrics.get("decay_table", [])),
        "map": {"sentences": len(mapped)} | fit,
        "corpus": {
            "rows": rows.report.rows,
            "in_use": rows.used,
            "left_out": rows.left_out(),
            "sides": {side: len(getattr(rows.split, side)) for side in ("train", "validation", "test")},
            "trained_on": len(training),
        },
    }
    write_text(folder / "metrics.json", json.dumps(metrics, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    encoder.save(folder / "model")  # again: its card now has the numbers
    for checkpoint in checkpoints(folder):  # only a training that goes on needs them, and this one is complete
        shutil.rmtree(checkpoint)
    write_report(
        folder / REPORT,
        rows=rows,
        metrics=metrics,
        log=read_log(folder / LOG_FILE),
        training=json.loads((folder / "training.json").read_text(encoding="utf-8")),
        state=state,
        coordinates=plane,
        mapped=mapped,
        command=command or f"course.own.run_corpus({name!r}, ...)",
        use=_use(path, folder, rows, reading or _column_words(text, month, region)),
        seconds=time.perf_counter() - began,
    )
    return OwnRun(folder, encoder, rows, metrics, (plane, plain_plane), mapped)


# --- the folder ---------------------------------------------------------------------------------------


def _is_unfinished(folder: Path) -> bool:
    """Whether a run was stopped here: the report is written last."""
    return (folder / STATE).is_file() and not (folder / REPORT).is_file()


def _check_folder(folder: Path, resume: bool, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder for the run")
    if not folder.exists() or resume or {path.name for path in folder.iterdir()} <= {REJECTS, LOCK}:
        return  # a file that was refused leaves its rejected rows behind, and nothing else
    if not (folder / STATE).is_file():
        raise ValueError(f"{folder} holds something else; name an empty or a new folder for the run")
    if not overwrite:
        raise ValueError(
            f"{folder} already holds a run; go on with it (resume=True), delete it first (overwrite=True), or name "
            "another folder"
        )
    for left in ("model", *(checkpoint.name for checkpoint in checkpoints(folder))):
        shutil.rmtree(folder / left, ignore_errors=True)
    for left in (STATE, LOG_FILE, "training.json", "metrics.json", REPORT, "map.html", REJECTS):
        (folder / left).unlink(missing_ok=True)


def _start_folder(folder: Path, state: dict[str, Any], resume: bool) -> None:
    """Write down what is run; a resumed run must be the same one."""
    file = folder / STATE
    if resume and file.is_file():
        earlier = json.loads(file.read_text(encoding="utf-8"))
        if changed := [name for name in state if earlier.get(name) != state[name]]:
            raise ValueError(
                f"{folder} was run with another {changed[0]}; resume with the same file and settings (see {file}), or "
                "name another folder"
            )
    write_text(file, json.dumps(state, indent=2, ensure_ascii=False) + "\n")


# --- the parts ----------------------------------------------------------------------------------------


def _column_words(*columns: str | None) -> list[str]:
    """The names of the columns as options, where they are not the roles' own."""
    words = []
    for role, column in zip(("text", "month", "region"), columns, strict=True):
        if column != role:
            words += [f"--no-{role}"] if column is None else [f"--{role}", column]
    return words


def _use(path: Any, folder: Path, rows: OwnRows, reading: Sequence[str]) -> list[str]:
    """The commands that search the same file with the model, to be pasted; of a table in memory, lines of Python."""
    model, index, region = str(folder / "model"), str(folder / "search"), next(iter(rows.regions))
    if is_table(path):
        return [
            f"encoder = spacetime.SpaceTimeEncoder.load({model!r})",
            f"rows = spacetime.load_corpus({type(path).__name__.lower()}, months=encoder.months, "
            'regions=encoder.regions, outside="skip", any_spelling=True)',
            "index = spacetime.SpaceTimeIndex.build(rows, encoder)",
            f'index.search("some text", {rows.months.end!r}, {region!r})',
        ]
    how = [*reading, *(["--any-spelling"] if "--any-spelling" not in reading else [])]
    how += [] if "--outside" in reading else ["--outside", "skip"]
    return [
        shlex.join(["spacetime", "index", os.fspath(path), *how, "--model", model, "--output", index]),
        shlex.join(["spacetime", "search", index, "some text", "--month", rows.months.end, "--region", region]),
    ]


def _at_most(dataset: datasets.Dataset, count: int | None, seed: int) -> datasets.Dataset:
    if count is None or len(dataset) <= count:
        return dataset
    chosen = np.random.default_rng(seed).choice(len(dataset), size=count, replace=False)
    return dataset.select(np.sort(chosen))


def _trained(
    folder: Path,
    rows: OwnRows,
    training: datasets.Dataset,
    options: Any,
    state: dict[str, Any],
    resume: bool,
    show_progress: bool | None,
    say: Callable[[str], None],
) -> SpaceTimeEncoder:
    """The trained encoder: loaded if this very run has trained it already, trained on from a checkpoint, or anew."""
    if resume and (folder / "training.json").is_file() and (folder / "model").is_dir():
        say("trained already")
        return SpaceTimeEncoder.load(folder / "model")
    encoder = released_start(rows.months, rows.regions, options.seed)
    say(f"fitting the locator on {len(training):,} rows")
    # First, and not last: it reads the plain vectors, which the training below leaves as they are.
    fit_locator(encoder, training, validation=rows.split.validation, seed=options.seed, show_progress=show_progress)
    say(f"training {options.max_steps:,} steps")
    labelled = training.select_columns(["text", "month", "region"])
    dated = labelled.select(np.flatnonzero([month is not None for month in labelled["month"]]))
    train_joint(
        labelled,
        dated,  # their share in the loss is 0
        encoder,
        folder,
        options,
        recipe=RECIPE,
        loss=LOSS,
        max_length=TRAINED_LENGTH,
        resume=resume,
        show_progress=show_progress,
        note={"corpus": state["corpus"], "split": rows.split_made},
    )
    return encoder


def _told_apart(regions: Sequence[str]) -> list[str]:
    """Regions as the viewer can show them: the rarest of very many are one."""
    if len(set(regions)) <= MOST_REGIONS:
        return list(regions)
    common = {label for label, _ in Counter(regions).most_common(MOST_REGIONS - 1)}
    return [label if label in common else "other regions" for label in regions]


def _with_context(rows: OwnRows) -> datasets.Dataset:
    """Every row of the three sides that has a month and a region."""
    whole = datasets.concatenate_datasets([rows.split.train, rows.split.validation, rows.split.test])
    whole = whole.select_columns(["text", "month", "region"])
    known = [None not in row for row in zip(whole["month"], whole["region"], strict=True)]
    return whole.select(np.flatnonzero(known))


def _asked_for(metrics: dict[str, Any], not_asked: dict[str, str]) -> dict[str, Any]:
    """The metrics without those about months, or regions, where nearly all rows have the same one."""
    metrics = metrics | {"skipped": dict(metrics["skipped"])}
    for kind, reason in not_asked.items():
        for section in ("decay", "pair_response", "probes", "locate"):
            numbers = metrics.pop(section, {})
            about = ("month", "year", "decay_") if kind == "month" else ("region",)
            if kept := {key: value for key, value in numbers.items() if not any(word in key for word in about)}:
                metrics[section] = kept
        table = [line for line in metrics.pop("decay_table", []) if kind == "region" and line["region"] == "same"]
        metrics |= {"decay_table": table} if table else {}
        metrics["skipped"][f"{kind}s"] = f"{reason}: nothing can be asked about the others"
    return metrics


def _asked(rows: OwnRows, decay_table: list[dict[str, Any]]) -> dict[str, float]:
    """What the label asks of a sentence and itself: its cosine at the farthest measured month, and its region gap."""
    recipe = RECIPE.pairs
    apart = max((line["months_apart"] for line in decay_table), default=0)
    time, place = recipe.time_similarity(rows.months)[0], recipe.region_similarity(rows.regions)[0]
    return {
        "decay_cosine_farthest": float(1 - recipe.time_weight * (time[0] - time[apart])),
        "region_gap": float(recipe.region_weight * (place[0] - place[-1])),
    }


def _map(encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder, mapped: datasets.Dataset, seed: int) -> tuple[Any, ...]:
    """Embeddings and their plane, by this model and by the plain one, whose map is turned to lie near to the first."""
    texts = mapped["text"][:]
    space = encoder.encode(texts, mapped["month"][:], mapped["region"][:], show_progress=False)
    plain_space = plain.encode(texts, show_progress=False)
    plane = umap_map(space, seed=seed)
    return space, plane, plain_space, turned(umap_map(plain_space, seed=seed), plane)
