"""The `spacetime` command: parse, call, print.

Results go to stdout, progress to stderr. Exit codes: 0 well, 1 something was found wrong in what was looked at
(rejected rows, a lesson that failed), 2 the command could not do its work, 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

import argparse
import ast
import contextlib
import dataclasses
import errno
import functools
import inspect
import io
import json
import os
import re
import shlex
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from spacetime import __version__
from spacetime.folders import sole_writer_of_output
from spacetime.terminal import Terminal, shortened

# What the commands use is imported inside them, so that `spacetime --help` and a misspelt option answer at once.
if TYPE_CHECKING:
    from spacetime.corpus import Corpus, CorpusReport, Split
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.months import MonthRange
    from spacetime.regions import RegionSet
    from spacetime.training import TrainingOptions
    from spacetime.training.loop import TrainingResult
    from spacetime.training.pairs import PairRecipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, of this process if none is given, and return the exit code."""
    return run_commands(_parser(), arguments)


def run_commands(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Parse, run the command that was named, and turn every error into one line and an exit code."""
    screen: Any = Terminal(sys.stdout), Terminal(sys.stderr)
    with contextlib.redirect_stdout(screen[0]), contextlib.redirect_stderr(screen[1]):
        return _run(parser, sys.argv[1:] if arguments is None else arguments)


def _run(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    # Waiting threads sleep instead of spinning, and the tokenizer's threads do not fork under a data loader.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    options = argparse.Namespace()
    name = _program(parser.prog)
    before, formatted = None, warnings.formatwarning
    # One line, without the line of code that Python shows.
    warnings.formatwarning = lambda message, *_: f"{name}: warning: {' '.join(str(message).split())}\n"
    if threading.current_thread() is threading.main_thread():  # elsewhere Python sets no handlers
        before = signal.signal(signal.SIGTERM, _stop)
    try:
        options, unknown = parser.parse_known_args(arguments)
        if unknown:  # argparse's own error would send the reader to the help of all commands
            options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        options.command_line = shlex.join([*parser.prog.split(), *arguments])
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as stop:
        if first_process() and (way_on := getattr(options, "way_on", "")):
            print(f"stopped; {way_on}", file=sys.stderr)
        return 143 if isinstance(stop, _Terminated) else 130
    except BrokenPipeError:  # `spacetime ... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        print(f"{name}: error: {_one_line(error, getattr(options, 'parser', None))}", file=sys.stderr)
        return 2
    finally:
        warnings.formatwarning = formatted
        if before is not None:
            signal.signal(signal.SIGTERM, before)


MODEL = "conditioning time_encoding region_encoding additive_values"  # what stage 1 takes of a configuration
BEGINS_ANEW = "nothing unfinished was kept; the same command begins anew"


def _program(prog: str) -> str:
    """What an error or a warning begins with: `spacetime`, or `course` for `python -m course run`."""
    return prog.removeprefix("python -m ").split()[0]


class _Terminated(KeyboardInterrupt):
    """SIGTERM, as `timeout`, a container and a machine that shuts down send it: ends like Ctrl-C."""


def _stop(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one does not wait for anything
    raise _Terminated


# --- data ---------------------------------------------------------------------------------------------


def _data_check(options: argparse.Namespace) -> int:
    """Validate a corpus: counts, and every rejected row with its reason.

    examples:
      spacetime data check corpus.csv
      spacetime data check posts.jsonl.gz --text body --month created --region country --outside skip
      spacetime data check corpus.csv --json --rejects bad_rows.csv

    Exit code: 0 every row is good, 1 some were rejected, 2 the file cannot be used.
    """
    report = _load_corpus(options).report
    if unknown := report.unknown_places():
        kept = "spacetime: not known as a country, kept as regions of their own"
        say(f"{kept}: {', '.join(unknown)} (--regions says which ones are wanted)")
    if options.json:
        _print_json(report.to_dict())
    else:
        print(in_options(str(report), options.parser))  # ends with the first rejected rows
        _say_rejects(report)
    return 1 if report.rejected else 0


# --- train --------------------------------------------------------------------------------------------


@sole_writer_of_output
def _train_stage1(options: argparse.Namespace) -> int:
    """Masked words, month and region of sentences.

    examples:
      spacetime train stage1 corpus.csv --output runs/stage1 --months 2017-01..2021-12 --regions UK,US,AUS,CAN
      spacetime train stage1 corpus.csv --output runs/prefix --conditioning prefix --hide-month .3
      spacetime train stage1 corpus.csv --output runs/stage1 --resume
    """
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.training import STAGE1, train_stage1

    training = _training_options(options, STAGE1)
    corpus = _load_corpus(options)
    split, how = _split(options, corpus)
    chosen = given(options, *MODEL.split(), "max_length", "weights")
    encoder = SpaceTimeEncoder.from_plain(months=corpus.months, regions=corpus.regions, seed=training.seed, **chosen)
    how |= {"validation": split.validation} | given(options, "resume", "overwrite")
    return _end_training(options.output, train_stage1(split.train, encoder, options.output, training, **how))


@sole_writer_of_output
def _train_stage2(options: argparse.Namespace) -> int:
    """The similarity of pairs, from what stage 1 left.

    examples:
      spacetime train stage2 corpus.csv --from runs/stage1/model --output runs/stage2
    """
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.training import STAGE2, train_stage2

    training, recipe = _training_options(options, STAGE2), _pair_recipe(options)
    encoder = SpaceTimeEncoder.load(options.start)
    corpus = _load_corpus(options, encoder.months, encoder.regions)
    split, how = _split(options, corpus, options.start)
    pairs, _ = _pairs(options, split.train, encoder, recipe, options.pairs)
    how |= {"recipe": recipe} | given(options, "resume", "overwrite")
    if len(split.validation) > 1:
        how["validation"], _ = _pairs(options, split.validation, encoder, recipe)
    return _end_training(options.output, train_stage2(pairs, encoder, options.output, training, **how))


@sole_writer_of_output
def _train_plain(options: argparse.Namespace) -> int:
    """A plain sentence encoder, with in-batch negatives on a mixture of pair data sets.

    examples:
      spacetime train plain --config data_config.json --output runs/plain --from MiniLM-L12-H384-uncased
      spacetime train plain --config data_config.json --output runs/small --batch-size 128 --max-steps 2000

    What is not given is the run of the all-MiniLM-L12-v1 card: 540,000 steps of 1,024 rows.

    data_config.json is a list such as [{"name": "pairs.jsonl.gz", "lines": 5000, "weight": 3}, ...]; the files
    beside it have a JSON value a line: ["a text", "its partner"] or ["a text", "its partner", "a wrong one"].
    """
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.evaluation.similarity import sts
    from spacetime.training.mixture import read_data_config
    from spacetime.training.plain import PLAIN, PLAIN_LOSS, MixtureRecipe, train_plain

    training = _training_options(options, PLAIN)
    loss = dataclasses.replace(PLAIN_LOSS, **given(options, *parameters(LOSS)))
    recipe = MixtureRecipe(**given(options, *parameters(MIXTURE)))
    sources = read_data_config(options.config, options.data)
    base: dict[str, Any] = {} if options.start is None else {"weights": options.start, "sha256": None}
    encoder = SpaceTimeEncoder.from_plain("none", seed=training.seed, **base, **given(options, "max_length"))
    how: dict[str, Any] = {
        "evaluate": None if options.sts is None else lambda model: sts(encoder, options.sts),
        "note": {"config": Path(options.config).name, "from": options.start},
    }
    how |= given(options, "resume", "overwrite")
    result, drawn = train_plain(sources, encoder, options.output, training, loss=loss, recipe=recipe, **how)
    if first_process():
        print(drawn)
    return _end_training(options.output, result)


def _end_training(output: Path, result: "TrainingResult") -> int:
    from spacetime.training.processes import leave_processes

    leave_processes()
    if not first_process():
        return 0
    figures = {"loss": result.final.get("loss"), **result.final, **result.evaluation}
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if value is not None)
    print(f"{result.steps} steps in {result.seconds:.0f} s, {result.tokens_per_second:,.0f} tokens/s: {shown}")
    print(f"model: {output}/model   log of every step: {output}/log.jsonl")
    return 0


# --- encode, locate, evaluate -------------------------------------------------------------------------


def _encode(options: argparse.Namespace) -> int:
    """Turn sentences into an array of embeddings (.npy).

    examples:
      spacetime encode 'A new lockdown begins.' --in-month 2020-03 --in-region UK --output x.npy
      spacetime encode corpus.csv --model runs/stage2/model --output corpus.npy
      spacetime encode sentences.txt --in-month 2020-03 --in-region UK --output x.npy
      echo 'The clocks go forward.' | spacetime encode - --output x.npy
      spacetime encode big.parquet --output vectors.npy

    A corpus may have millions of rows: the array is written as it grows, 4,096 rows at a time, and the same command
    goes on after a stop. Two processes, or one for each of several GPUs, share these parts:
      torchrun --nproc-per-node 2 -m spacetime.cli encode big.parquet --output vectors.npy
    """
    import numpy as np

    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.folders import replaced

    if options.output.suffix != ".npy":
        raise ValueError(f"--output {options.output} must end in .npy")
    sentences = _sentences(options)
    how: dict[str, Any] = {"normalize": not options.raw, "show_progress": True, **given(options, "batch_size")}
    if sentences is None:
        try:
            return _encode_corpus(options, how)
        finally:
            part = options.output.with_name(f"{options.output.name}.part")
            if part.exists():
                options.way_on = f"{part} keeps every 4,096 rows that are complete, and the same command goes on"
    how["precision"] = options.precision or "float32"
    encoder = SpaceTimeEncoder.load(options.model)
    embeddings = encoder.encode(sentences, options.in_month, options.in_region, **how)
    embeddings = embeddings.astype(options.dtype or "float32")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()  # numpy's own writing to a file does not say that a disk is full
    np.save(content, embeddings)
    with replaced(options.output) as stream:
        stream.write(content.getbuffer())
    print(f"wrote {options.output}: {embeddings.shape[0]} x {embeddings.shape[1]} {embeddings.dtype}")
    return 0


def _encode_corpus(options: argparse.Namespace, how: dict[str, Any]) -> int:
    from spacetime.vectors import write_vectors

    if _written_by_another_process(options.output):
        return 0
    if options.output.exists():
        raise ValueError(f"{options.output} is there already; delete it, or give another --output")
    options.corpus = options.what[0]
    for role in ("month", "region"):  # a label given for all rows takes the place of the column
        unread = options.model == "plain" and getattr(options, role) == role and getattr(options, f"{role}s") is None
        if getattr(options, f"in_{role}") is not None or unread:
            setattr(options, role, None)
    corpus, encoder = _corpus_and_encoder(options)
    if _written_by_another_process(options.output):
        return 0
    how |= {"months": options.in_month, "regions": options.in_region, "precision": options.precision or "auto"}
    how["dtype"] = dtype = options.dtype or "float16"
    written = write_vectors(corpus.dataset, encoder, options.output, **how)
    rate = ""
    if written.embedded:
        rate = f", {written.embedded / written.seconds:,.0f} rows a second in {written.precision}"
        rate += " by this process" if int(os.environ.get("WORLD_SIZE", 1)) > 1 else ""
    if written.complete:
        print(f"wrote {written.path}: {written.rows} x {written.size} {dtype}{rate}")
    else:
        print(f"this process's share of {written.path} is done{rate}; others are at work (if not, start them again)")
    return 0


def _written_by_another_process(output: Path) -> bool:
    """Whether a process that torchrun started beside this one has done the work already: with few rows, one may."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1 or not output.exists():
        return False
    import psutil

    started: float = psutil.Process(os.getppid()).create_time()
    return output.stat().st_mtime >= started


def _locate(options: argparse.Namespace) -> int:
    """Guess month and region of texts.

    examples:
      spacetime locate 'The clocks go forward on Sunday.' --model runs/stage1/model
      spacetime locate - --model runs/stage1/model --json < sentences.txt
      spacetime locate my.csv --text headline --json
    """
    from spacetime.encoder import SpaceTimeEncoder

    if options.model == "plain":
        raise ValueError("the plain model was never trained to locate; leave --model out for the released one")
    if options.top < 1:
        raise ValueError(f"--top must be at least 1, not {options.top}")
    texts = _sentences(options)
    if texts is None:  # of a corpus, the texts: the model is to find the rest
        options.corpus, options.month, options.region = options.what[0], None, None
        texts = _load_corpus(options).dataset["text"][:]
    encoder = SpaceTimeEncoder.load(options.model)
    location = encoder.locate(texts)
    rows = []
    for text, by_month, by_region in zip(texts, *location, strict=True):
        months = _most_likely(encoder.months, by_month, options.top)
        rows.append({"text": text, "months": months, "regions": _most_likely(encoder.regions, by_region, options.top)})
    if options.json:
        _print_json(rows)
        return 0
    for row in rows:
        print(shortened(row["text"]))
        for name in ("months", "regions"):
            found = "   ".join(f"{label} {probability:.3f}" for label, probability in row[name].items())
            print(f"    {name:8}{found}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    """Measure a model: meaning, pairs, decay by months, region gap, locate against TF-IDF.

    examples:
      spacetime evaluate runs/stage2/model corpus.csv --sts sts-b-test.csv --output runs/stage2/evaluation
    """
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.evaluation import evaluate

    recipe = _pair_recipe(options)
    encoder = SpaceTimeEncoder.load(options.model)
    corpus = _load_corpus(options, encoder.months, encoder.regions)
    split, _ = _split(options, corpus, options.model)
    pairs, plain = _pairs(options, split.test, encoder, recipe, options.pairs)
    exclude = options.exclude.split(",") if options.exclude else ()
    how: dict[str, Any] = {"sts_path": options.sts, "plain": plain, "exclude": exclude}
    how |= {"show_progress": sys.stderr.isatty(), **given(options, "max_sentences")}
    report = evaluate(encoder, split.train, split.test, pairs=pairs, **how)
    if options.output is not None:
        report.save(options.output)
    _print_json(report.metrics) if options.json else print(report.to_markdown())
    return 0


def _sts(options: argparse.Namespace) -> int:
    """Measure meaning alone: the table of STS12 to STS16, STS-B and SICK.

    examples:
      spacetime sts plain runs/plain/model --task STSB=sts-b-test.csv --task SICK=SICK.txt
    """
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.evaluation.similarity import sts_table

    files = {}
    for text in options.task:
        task, equals, file = text.partition("=")
        if not (task and equals and file):
            raise ValueError(f"--task {text!r} is not of the form NAME=FILE")
        files[task] = file
    table = sts_table({name: SpaceTimeEncoder.load(name) for name in options.model}, files)
    _print_json(table._asdict()) if options.json else print(table.to_markdown())
    return 0


# --- run ----------------------------------------------------------------------------------------------


def _run_corpus(options: argparse.Namespace) -> int:
    """From a file of your own to a trained model, a report and a map.

    examples:
      spacetime run my.csv --text headline --month date --region country --output out
      spacetime run my.csv --text headline --month date --region country --output out --resume
      spacetime run posts.jsonl.gz --regions UK,US,AUS,CAN --months 2017-01..2021-12 --profile full --output big

    Dates of any precision fold to months, countries of any spelling to regions; what is left out is
    counted. Open DIR/report.html, then DIR/map.html.
    """
    return int(_of_the_course().run(options))


def _of_the_course() -> Any:
    """The module that holds `spacetime run`."""
    try:
        from course.own import command
    except ModuleNotFoundError as error:
        raise ValueError(
            "`spacetime run` runs a notebook of the course, which lies in a clone of the repository and not in the "
            "installed package; clone it, run `make setup` there, and give the command in that environment"
        ) from error
    return command


# --- index, search ------------------------------------------------------------------------------------


def _index(options: argparse.Namespace) -> int:
    """Make a corpus searchable.

    examples:
      spacetime index corpus.csv --output runs/search
      spacetime index corpus.csv --model runs/stage2/model --output runs/search
      spacetime index corpus.csv --model plain --output runs/plain-search
    """
    from spacetime.search import SpaceTimeIndex

    corpus, encoder = _corpus_and_encoder(options)
    say_rows(corpus.report, options)
    how = given(options, "batch_size")
    index = SpaceTimeIndex.build(corpus, encoder, folder=options.output, show_progress=True, **how)
    print(f"wrote {options.output}: {len(index):,} rows of {len(index.regions)} regions")
    return 0


def _search(options: argparse.Namespace) -> int:
    """Find the rows of an index nearest to a text, a month and a region.

    examples:
      spacetime search runs/search 'new lockdown' --month 2020-03 --region UK -k 10
      spacetime search runs/search 'new lockdown' --filter-months 2019-01..2020-12 --filter-regions Europe,US
      spacetime search runs/search 'new lockdown' --month 2020-03 --time-weight .5 --half-life 6 --floor .2 --json
    """
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.search import SpaceTimeIndex

    months = None
    if options.filter_months is not None:
        first, last = _ends("--filter-months", options.filter_months)
        months = first or None, last or None
    queries = _read_lines("-", options) if options.query == ["-"] else options.query
    encoder = None if options.model is None else SpaceTimeEncoder.load(options.model)
    how: dict[str, Any] = {
        "months": months,
        "regions": None if options.filter_regions is None else options.filter_regions.split(","),
        "keep_undated": not options.drop_undated,
        "keep_unplaced": not options.drop_unplaced,
    }
    how |= given(options, "time_weight", "region_weight", "half_life", "floor")
    index = SpaceTimeIndex.load(options.index, encoder)
    found = index.search(queries, options.month, options.region, options.k, **how)
    counts = found.attrs["filters"]
    say(
        f"searched {counts['searched']:,} of {counts['rows']:,} rows ({counts['searched_undated']:,} of them without a "
        f"month, {counts['searched_unplaced']:,} without a region); left out by month "
        f"{counts['left_out_by_month']:,}, by region {counts['left_out_by_region']:,} (a row may be left out by both)"
    )
    if unknown := counts.get("regions_without_continent"):
        say(f"spacetime: on no known continent, so left out: {', '.join(unknown)}")
    if options.json:
        _print_json(json.loads(found.to_json(orient="records", double_precision=15)))
        return 0
    parts = ["score", "meaning", "time", "place", *([] if options.half_life is None else ["decay"])]
    for number, query in enumerate(queries):
        print(("\n" if number else "") + shortened(query))
        print("".join(f"{name:>8}" for name in parts) + "  month    region  text")
        for row in found[found["query"] == number].fillna({"month": "-", "region": "-"}).to_dict("records"):
            numbers = "".join(f"{row[part]:8.3f}" for part in parts)
            print(f"{numbers}  {row['month']:7}  {row['region']:6}  {shortened(row['text'])}")
    return 0


# --- what several commands share ----------------------------------------------------------------------


def _load_corpus(
    options: argparse.Namespace,
    months: "MonthRange | None" = None,
    regions: "RegionSet | None" = None,
    plain: bool = False,
) -> "Corpus":
    """Load the corpus that the options name; `months` and `regions` are a model's own, which options may narrow.

    For the `plain` model a file without the columns month and region is one whose rows have none.
    """
    from spacetime.corpus import load_corpus
    from spacetime.corpus.loading import MissingColumn

    if not first_process():
        options.rejects = None
    elif options.rejects is None and hasattr(options, "split_seed") and options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        options.rejects = options.output / "rejects.csv"  # written only if there are any
    how = reading_arguments(options) | given(options, "outside", "any_spelling", "strict", "rejects")
    how |= {"months": months_of(options.months) or months, "regions": regions_of(options.regions) or regions}
    try:
        return load_corpus(options.corpus, **how, show_progress=None if first_process() else False)
    except MissingColumn as error:
        if not plain or error.role in ("text", "id") or getattr(options, error.role) != error.role:
            raise
        say(f"{options.corpus} has no column {error.role!r}, so no row has a {error.role}")
        setattr(options, error.role, None)
        return _load_corpus(options, months, regions, plain)


def _corpus_and_encoder(options: argparse.Namespace) -> "tuple[Corpus, SpaceTimeEncoder]":
    """The corpus, read for the model that is named; the plain one takes any months and regions."""
    from spacetime.encoder import SpaceTimeEncoder

    if options.model == "plain":
        corpus = _load_corpus(options, plain=True)
        return corpus, SpaceTimeEncoder.from_plain("none", corpus.months, corpus.regions)
    encoder = SpaceTimeEncoder.load(options.model or "released")
    return _load_corpus(options, encoder.months, encoder.regions), encoder


def reading_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_reading_options` say, as arguments of `load_corpus`."""
    form = given(options, "day_first", "month_first", "id", "encoding", "separator", "quoting")
    if form.get("separator") == "tab":  # which is hard to type, and to paste
        form["separator"] = "\t"
    return {name: getattr(options, name) for name in ("text", "month", "region")} | form


def say_rows(report: "CorpusReport", options: argparse.Namespace) -> None:
    """Say how many rows there are, and what was rejected."""
    lines = [str(report).split("\n")[0], *report.notes]
    lines += [f"the first rejected row: {report.rejects[0]}"] if report.rejected else []
    say(*(in_options(line, options.parser) for line in lines))
    _say_rejects(report)


def _say_rejects(report: "CorpusReport") -> None:
    """Say where all rejected rows are, and what would take more of them; nothing if there are none."""
    if report.rejected:
        say(f"rejected rows, each with its reason: {report.rejects_path}")
    if any("quotes do not match" in reject.reason or "quote is opened" in reject.reason for reject in report.rejects):
        say('--quoting none takes quotes as characters of the text, --quoting backslash reads \\"')
    if report.other_spellings:
        say(f"--any-spelling would read {report.other_spellings:,} of them, as `run` does")


def say(*lines: str) -> None:
    """Print lines to stderr, once for all processes that torchrun started."""
    if first_process():
        print(*lines, sep="\n", file=sys.stderr, flush=True)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def first_process() -> bool:
    """Whether this process prints and writes for all those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _split(options: argparse.Namespace, corpus: "Corpus", model: str | None = None) -> "tuple[Split, dict[str, Any]]":
    """Split the corpus; the same options give the same split, whichever command asks.

    Returns the split and, under "note", how it was made, for `training.json`. With a `model` that was trained on
    another split of a corpus of this name, it raises ValueError: rows that it was trained on would be tested.
    """
    from spacetime.corpus import split_corpus

    how = given(options, "by", "validation", "test", "date", "group", "topic", "test_from")
    if "by" not in how:  # what keeps most apart, of what the corpus has
        columns = {way: how.get(way, parameters(SPLIT)[way]["default"]) for way in ("group", "date")}
        how["by"] = next((way for way in columns if columns[way] in corpus.dataset.column_names), "hash")
    if options.near_duplicates is not None:
        how["near_duplicates"] = None if options.near_duplicates == "none" else options.near_duplicates
    how["seed"] = options.split_seed
    made = {"corpus": Path(options.corpus).name, "split": how}
    if model is not None and (training := Path(model).parent / "training.json").is_file():
        trained = json.loads(training.read_text(encoding="utf-8"))
        if trained.get("corpus") == made["corpus"] and trained.get("split") != how:
            flags = {action.dest: action.option_strings[:1] for action in reversed(options.parser._actions)}
            flags["seed"] = flags["split_seed"]
            words = [
                [*flags[name], "none" if value is None else str(value)] for name, value in trained["split"].items()
            ]
            raise WithAdvice(
                f"{model} was trained on another split of {made['corpus']}: rows it was trained on would be tested; "
                "give the split options of that training",
                shlex.join(sum(words, [])),
            )
    split = split_corpus(corpus.dataset, **how)
    say_rows(corpus.report, options)
    say(f"split by {how['by']}: {split}")
    return split, {"note": made}


def _training_options(options: argparse.Namespace, stage: "TrainingOptions") -> "TrainingOptions":
    """The stage's faithful defaults, with what the command line gives over them; no training without a free folder."""
    from spacetime.training.loop import check_output

    check_output(options.output, options.resume, options.overwrite)  # before the whole corpus is read
    return dataclasses.replace(stage, **given(options, *parameters(TRAINING)))


def _pairs(
    options: argparse.Namespace, side: Any, encoder: "SpaceTimeEncoder", recipe: "PairRecipe", count: int | None = None
) -> "tuple[Any, SpaceTimeEncoder]":
    """Pairs of one side of a split, and the plain encoder that measured their meaning."""
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.training.pairs import build_pairs

    plain = SpaceTimeEncoder.from_plain("none", encoder.months, encoder.regions, weights=options.weights)
    return build_pairs(side, plain, encoder.months, encoder.regions, recipe, count=count), plain


def _pair_recipe(options: argparse.Namespace) -> "PairRecipe":
    from spacetime.training.pairs import PairRecipe

    how = given(options, "time_kernel", "region_kernel", "value_range")
    if options.weights_of_parts:
        how |= dict(zip(("meaning_weight", "time_weight", "region_weight"), options.weights_of_parts, strict=True))
    return PairRecipe(**how)


def months_of(text: str | None) -> "MonthRange | None":
    """Read `2017-01..2021-12`."""
    from spacetime.months import MonthRange

    return None if text is None else MonthRange(*_ends("--months", text))


def _ends(option: str, text: str) -> tuple[str, str]:
    first, dots, last = text.partition("..")
    if not dots:
        raise ValueError(f"{option} {text!r} is not of the form 2017-01..2021-12")
    return first, last


def regions_of(text: str | None) -> "RegionSet | None":
    """Read `UK,US,AUS,CAN`."""
    from spacetime.regions import RegionSet

    return None if text is None else RegionSet(text.split(","))


def _overlap(text: str) -> float | str:
    """Read a share, or `none`: the option that was not given is None already."""
    try:
        return "none" if text == "none" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor none") from None


def given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given: what was not keeps the default of the function that is called."""
    values = {name: getattr(options, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def _read_lines(file: str, options: argparse.Namespace) -> list[str]:
    """One sentence a line, from a file or (`-`) from stdin; an empty line would shift the rows that follow."""
    from spacetime.corpus.reading import read_texts

    texts, notes = read_texts(file, options.encoding)
    say(*(f"{file}: {note}" for note in notes)) if notes else None
    return texts


def _sentences(options: argparse.Namespace) -> list[str] | None:
    """The sentences that `encode` or `locate` was given: its arguments, or the lines of a file; None for a corpus.

    A file's name and a text are told apart by the blanks of a text: a name that is misspelt must not become a sentence.
    """
    first, *more = options.what
    if not all(text.strip() for text in options.what):
        raise ValueError("an empty text was given; give a sentence, a file, or - for a sentence a line from stdin")
    is_list = not more and (first == "-" or first.lower().endswith((".txt", ".txt.gz", ".txt.zip")))
    named = [name for name in ("text", "month", "region") if getattr(options, name) not in (name, None)]
    if is_list and (first == "-" or not named):  # where columns are named, a `.txt` file is a table, too
        sentences = _read_lines(first, options)
    elif not more and (Path(first).exists() or not _is_text(first)):
        return None
    elif odd := [text for text in options.what if not _is_text(text)]:
        raise ValueError(f"{odd[0]!r} is neither one file nor a sentence; give one file, or texts of several words")
    else:
        sentences = options.what
    for column in named:
        hint = f"; --in-{column} gives one {column} for all sentences" if hasattr(options, f"in_{column}") else ""
        raise ValueError(f"--{column} {getattr(options, column)!r} names a column, and sentences have none{hint}")
    return sentences


def _is_text(text: str) -> bool:
    """Whether an argument reads as a sentence: several words, and no corpus's suffix at the end."""
    from spacetime.corpus.reading import FORMATS

    return len(text.split()) > 1 and not text.lower().endswith((*FORMATS, ".gz", ".zip"))


def _most_likely(labels: Any, probabilities: Any, top: int) -> dict[str, float]:
    """The `top` labels of highest probability, the highest first."""
    order = sorted(zip(probabilities.tolist(), labels, strict=True), key=lambda pair: -pair[0])
    return {label: round(probability, 6) for probability, label in order[:top]}


def in_options(message: str, parser: argparse.ArgumentParser) -> str:
    """What the package says, in the command's own options: `batch_size=0` is `--batch-size 0` here."""
    options = {
        f"{action.dest}=None" if action.const is None and action.nargs == 0 else action.dest: action
        for action in reversed(parser._actions)
    }
    names = "|".join(map(re.escape, sorted(options, key=len, reverse=True)))
    quoted, alone = r"(?<!\w)'[^']*'(?!\w)", r"(?<![\w/.'\"-])"  # what stands in quotes is the user's own

    def option(match: re.Match[str]) -> str:
        name, value = match[1], match[2]
        if name is None or not (value or "_" in name or "=" in name) or not options[name].option_strings:
            return match[0]
        flag, metavar = options[name].option_strings[-1], options[name].metavar
        return f"{flag} {metavar}" if value == "=..." else f"{flag} " if value == "=" else flag

    return re.sub(rf"{quoted}|{alone}({names})(?:(=\.\.\.|=True\b|=(?=\S))|(?![\w/'\"=-]|\.\w))", option, message)


class WithAdvice(ValueError):
    """An error with a command that helps, which stands at its end as it is to be pasted."""

    def __init__(self, reason: str, command: str) -> None:
        super().__init__(reason)
        self.command = command


def _one_line(error: Exception, parser: argparse.ArgumentParser | None) -> str:
    """An error as one line; one of Python's own kinds, which nobody wrote for a reader, with its kind."""
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("spacetime"):
        return f"the package {error.name!r} is missing; install this project's requirements.lock"
    if full := _disk_error(error):
        return f"{full}; make room, then give the same command again"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    message = " ".join(str(error).split())
    # An ImportError of our own names no module: it says which extra to install.
    own_import_error = isinstance(error, ImportError) and error.name is None
    if (isinstance(error, ValueError | OSError) or own_import_error) and message:
        message = in_options(message, parser) if parser else message
        return f"{message}: {error.command}" if isinstance(error, WithAdvice) else message
    return f"{type(error).__name__}: {message} (--debug shows where)"


def _disk_error(error: BaseException | None) -> str:
    """What a full disk, a quota or a limit on files says, whichever library wrote; "" for any other error."""
    while error is not None:
        code = getattr(error, "errno", None)
        if code is None and (told := re.search(r"os error (\d+)", str(error))):  # safetensors, in Rust
            code = int(told[1])
        if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            place = getattr(error, "filename", None)
            return f"{place}: {os.strerror(code)}" if place else os.strerror(code)
        if re.fullmatch(r"\d+ requested and \d+ written", str(error)):  # numpy's array.tofile
            return os.strerror(errno.ENOSPC)
        error = error.__cause__ or error.__context__
    return ""


# --- options from what the commands call ----------------------------------------------------------------

# Where parameters, their defaults and their meaning stand: a file of this package, and a function or dataclass in it.
ENCODE = "encoder.py SpaceTimeEncoder encode"
FORM = "corpus/reading.py Form"
FROM_PLAIN = "encoder.py SpaceTimeEncoder from_plain"
LOADING = "corpus/loading.py load_corpus"
LOSS = "training/contrastive.py ContrastiveLoss"
MIXTURE = "training/mixture.py MixtureRecipe"
PAIRS = "training/pairs.py PairRecipe"
SEARCH = "search.py SpaceTimeIndex search"
SPLIT = "corpus/splits.py split_corpus"
TRAINING = "training/loop.py TrainingOptions"


@functools.cache
def _source(file: str) -> tuple[ast.Module, dict[str, ast.expr]]:
    """A file of this package, and what it gives a name to."""
    tree = ast.parse((Path(__file__).parent / file).read_text(encoding="utf-8"))
    return tree, {ast.unparse(part.targets[0]): part.value for part in tree.body if isinstance(part, ast.Assign)}


@functools.cache
def parameters(home: str) -> dict[str, dict[str, Any]]:
    """The parameters of a function or dataclass, each as arguments for `add_argument`.

    They are read from the source, as importing it takes seconds: `--help` and a misspelt option answer at once.
    """
    file, *names = home.split()
    node: Any = _source(file)[0]
    for name in names:
        node = next(part for part in node.body if getattr(part, "name", "") == name)
    if isinstance(node, ast.ClassDef):
        fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
        found = [(ast.unparse(field.target), field.annotation, field.value) for field in fields]
    else:
        arguments = [*node.args.args, *node.args.kwonlyargs]
        defaults = [*node.args.defaults, *node.args.kw_defaults]
        defaults = [None] * (len(arguments) - len(defaults)) + defaults
        found = [(one.arg, one.annotation, default) for one, default in zip(arguments, defaults, strict=True)]
    meanings = dict(_meanings(ast.get_docstring(node) or ""))
    return {name: {"help": meanings.get(name, ""), **_argument(file, kind, value)} for name, kind, value in found}


def _argument(file: str, annotation: ast.expr | None, default: ast.expr | None) -> dict[str, Any]:
    """Type, choices and default of a parameter."""
    kind = "" if annotation is None else ast.unparse(annotation).removesuffix(" | None")
    types = _source("model/embedding.py")[1] | _source(file)[1]  # such as `Precision = Literal["float32", ...]`
    kind = ast.unparse(types[kind]) if kind in types else kind
    settings: dict[str, Any] = {"default": None}
    with contextlib.suppress(ValueError):  # a default that is computed is not shown
        settings["default"] = None if default is None else ast.literal_eval(default)
    if kind.startswith("Literal["):
        settings["choices"] = ast.literal_eval(f"({kind[8:-1]},)")
    kinds: dict[str, dict[str, Any]] = {
        "bool": {"action": "store_true"},
        "int": {"type": int, "metavar": "N"},
        "float": {"type": float, "metavar": "X"},
    }
    return settings | kinds.get(kind, {})


def _meanings(docstring: str) -> Iterator[tuple[str, str]]:
    """Names and first sentences of a NumPy docstring's parameters, as they read in a help page."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n\w+\n---|\Z)", docstring, re.M | re.S)
    for names, text in re.findall(r"^(\S.*)\n((?: +.*\n?|\n)+)", section[1] if section else "", re.M):
        first = re.split(r"(?<=\.)\s+(?=[A-Z`\d])", " ".join(text.split()))[0].removesuffix(".")
        first = re.sub(r" \((?:see|`spacetime)[^)]*\)", "", first)
        first = re.sub(r"`(\w+_\w+)`", lambda name: f"--{name[1].replace('_', '-')}", first)
        first = re.sub(r'`+"([^"`]*)"`+|`+(.*?)`+', r"\1\2", first).replace("%", "%%")
        for name in names.split(" : ")[0].split(", "):
            yield name, first[:1].lower() + first[1:]


def add_parameters(
    group: Any, home: str, names: str, given: Mapping[str, Any] | None = None, actual: bool = False, **changes: Any
) -> None:
    """Add options for parameters of a function or dataclass; `given` takes those that were given back out.

    `home` and `names` say where they stand (see `parameters`) and what they are called, each with its `=METAVAR` if it
    has one. `given` holds a recipe's own defaults; `actual` has each option that is not given hold its default instead
    of None; `changes` are other arguments for the `add_argument` of a single one, and `flag`.
    """
    for name, _, metavar in (word.partition("=") for word in names.split()):
        settings = parameters(home)[name] | ({"metavar": metavar} if metavar else {})
        default = (given or {}).get(name, settings.pop("default"))
        if default is not None and default is not False and "help" not in changes:
            settings["help"] += f" (default: {default})"
        if "action" not in settings:
            settings["default"] = default if actual else None
        settings |= {"dest": name, **changes}
        group.add_argument(settings.pop("flag", f"--{name.replace('_', '-')}"), **settings)


def _recipe(file: str, name: str) -> dict[str, Any]:
    """What a recipe says itself: `STAGE2 = replace(STAGE1, learning_rate=2e-5)` says a learning rate."""
    made = _source(f"training/{file}")[1][name]
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in getattr(made, "keywords", ())}


# --- the parser ---------------------------------------------------------------------------------------


class CommandParser(argparse.ArgumentParser):
    """argparse's own, whose errors are one line and which takes no shortened options (`--month` is not `--months`)."""

    add_options: "Callable[[Any], None] | None" = None  # read from other files, so only when they are needed

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter, **settings})

    def with_options(self) -> "CommandParser":
        """Return itself, complete."""
        add, self.add_options = self.add_options, None
        if add is not None:
            add(self)
        return self

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, with all options."""
        self.with_options()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit."""
        print(f"{_program(self.prog)}: error: {message} (see: {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    """All commands."""
    parser = CommandParser(prog="spacetime", description="Sentence embeddings that know when and where.", epilog=_START)
    parser.add_argument("--version", action="version", version=f"spacetime {__version__}")
    _add_debug(parser)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    data = _group(commands, "data", "look at a corpus")
    add_command(data, "check", _data_check, _check_options)
    train = _group(commands, "train", "train a model: stage 1 on sentences, stage 2 on pairs; or a plain encoder")
    add_command(train, "stage1", _train_stage1, _stage1_options, _SEVERAL.format("stage1"))
    add_command(train, "stage2", _train_stage2, _stage2_options, _SEVERAL.format("stage2"))
    add_command(train, "plain", _train_plain, _plain_options, _SEVERAL.format("plain"))
    add_command(commands, "encode", _encode, _encode_options)
    add_command(commands, "locate", _locate, _locate_options)
    add_command(commands, "index", _index, _index_options)
    add_command(commands, "search", _search, _search_options)
    add_command(commands, "evaluate", _evaluate, _evaluate_options)
    add_command(commands, "sts", _sts, _sts_options)
    add_command(commands, "run", _run_corpus, lambda parser: _of_the_course().add_options(parser))
    return parser


_START = """\
examples:
  spacetime run my.csv --text headline --month date --region country --output out
  spacetime data check corpus.csv --months 2017-01..2021-12 --regions UK,US,AUS,CAN
  spacetime train stage1 corpus.csv --output runs/stage1
  spacetime train stage2 corpus.csv --from runs/stage1/model --output runs/stage2
  spacetime evaluate runs/stage2/model corpus.csv
  spacetime index corpus.csv --model runs/stage2/model --output runs/search
  spacetime search runs/search 'new lockdown' --month 2020-03 --region UK"""

_SEVERAL = """\
With several processes, started so, and with the same options:
  torchrun --nproc-per-node 2 -m spacetime.cli train {} ...
each takes its share of every batch, and the steps are those of one process with that --batch-size. On a machine with
GPUs each process takes one of them."""


def _group(commands: Any, name: str, purpose: str) -> Any:
    """A command that only holds others, such as `data`."""
    group = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    return group.add_subparsers(metavar="COMMAND", required=True)


def add_command(commands: Any, name: str, run: Any, options: Any = None, after: str = "") -> Any:
    """A command that does something; the docstring of `run` is its help: the purpose, then examples and more."""
    purpose, _, rest = str(inspect.getdoc(run)).partition("\n\n")
    short = purpose[0].lower() + purpose[1:].rstrip(".")
    epilog = "\n\n".join(filter(None, (rest, after)))
    command = commands.add_parser(name, help=short, description=purpose, epilog=epilog)
    command.set_defaults(run=run, parser=command)
    command.add_options = options
    _add_debug(command)
    return command


def _add_debug(parser: argparse.ArgumentParser) -> None:
    """`--debug` may stand anywhere; `main` looks for it itself, as errors of parsing come before any options."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


CORPUS_HELP = ".csv, .tsv, .jsonl, .json, .txt or .parquet, each also .gz or in a .zip; or hub:owner/name[:split]"
_MODEL_HELP = "folder of a trained model, 'released' (default) or 'plain'"


def add_reading_options(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """How a file is read: the same for every command that reads one, handed on by `reading_arguments`.

    Returns the group, for what else a command can be told about its corpus.
    """
    group = parser.add_argument_group("corpus")
    add_parameters(group, LOADING, "text=COLUMN", actual=True)
    for role in ("month", "region"):
        either = group.add_mutually_exclusive_group()
        add_parameters(either, LOADING, f"{role}=COLUMN", actual=True)
        either.add_argument(f"--no-{role}", dest=role, action="store_const", const=None, help="it has no such column")
    add_parameters(group, LOADING, "any_spelling")
    add_parameters(group.add_mutually_exclusive_group(), LOADING, "day_first month_first")
    add_parameters(group, LOADING, "id=COLUMN")
    add_parameters(group, FORM, "encoding=NAME separator=X quoting")
    return group


def _add_corpus_options(parser: argparse.ArgumentParser, every_row: bool = False) -> None:
    """What a command that reads a corpus can be told about it; one that needs `every_row` may leave none out."""
    parser.set_defaults(outside="reject", strict=every_row, rejects=None)
    group = add_reading_options(parser)
    group.add_argument("--months", metavar="FIRST..LAST", help="2017-01..2021-12 (default: the model's, or as found)")
    group.add_argument("--regions", metavar="A,B,...", help="UK,US,AUS,CAN (default: the model's, or as found)")
    if not every_row:
        add_parameters(group, LOADING, "outside strict", actual=True)
        add_parameters(group, LOADING, "rejects=FILE", type=Path)


def _add_split_options(parser: argparse.ArgumentParser) -> None:
    """How a corpus is split: train and evaluate with the same, or test rows will have been trained on."""
    group = parser.add_argument_group("split", "Give the same to train and to evaluate.")
    by = "by what (default: by group where there is a column of templates, else by date, else by hash of the text)"
    add_parameters(group, SPLIT, "by", flag="--split", help=by)
    add_parameters(group, SPLIT, "validation=SHARE test=SHARE")
    add_parameters(group, SPLIT, "seed", actual=True, flag="--split-seed", dest="split_seed")
    add_parameters(group, SPLIT, "date=COLUMN group=COLUMN topic=COLUMN test_from=MONTH")
    add_parameters(group, SPLIT, "near_duplicates=SHARE|none", type=_overlap)


def _add_pair_options(parser: argparse.ArgumentParser) -> None:
    """How pairs and their labels are made."""
    group = parser.add_argument_group("pairs")
    add_parameters(group, "training/pairs.py build_pairs", "count", flag="--pairs", dest="pairs")
    parts, (_, known) = ("MEANING", "TIME", "REGION"), _source("codes.py")
    shown = " ".join(ast.unparse(known[f"{part}_WEIGHT"]) for part in parts)
    three: dict[str, Any] = {"nargs": 3, "metavar": parts, "dest": "weights_of_parts", "flag": "--weights-of-parts"}
    meaning = f"{parameters(PAIRS)['meaning_weight']['help']} (default: {shown})"
    add_parameters(group, PAIRS, "meaning_weight", help=meaning, **three)
    add_parameters(group, PAIRS, "time_kernel region_kernel value_range")
    add_parameters(group, FROM_PLAIN, "weights=DIR")


def _add_training_options(parser: Any, recipe: Mapping[str, Any], leave: Sequence[str] = ()) -> None:
    """What a recipe can be told; what is not given keeps its value, and what it has no use for is left out."""
    parser.set_defaults(way_on="--resume goes on from the newest checkpoint, if there is one yet")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for log, checkpoints, model/")
    add_parameters(parser, "training/loop.py Run", "resume overwrite")
    names = " ".join(name for name in parameters(TRAINING) if name not in leave)
    add_parameters(parser.add_argument_group("training"), TRAINING, names, recipe)


def _check_options(check: argparse.ArgumentParser) -> None:
    check.add_argument("corpus", metavar="FILE", help=CORPUS_HELP)
    _add_corpus_options(check)
    check.add_argument("--json", action="store_true", help="print the report as JSON")


def _stage1_options(stage: argparse.ArgumentParser) -> None:
    stage.add_argument("corpus", metavar="CORPUS", help=CORPUS_HELP)
    group = stage.add_argument_group("model")
    add_parameters(group, "model/modeling.py SpaceTimeConfig", f"{MODEL} max_length")
    add_parameters(group, FROM_PLAIN, "weights=DIR")
    _add_training_options(stage, _recipe("recipes.py", "STAGE1"))
    _add_corpus_options(stage)
    _add_split_options(stage)


def _stage2_options(stage: argparse.ArgumentParser) -> None:
    stage.add_argument("corpus", metavar="CORPUS", help=CORPUS_HELP)
    start = "the model to start from, stage 1's DIR/model"
    stage.add_argument("--from", dest="start", required=True, metavar="DIR", help=start)
    _add_pair_options(stage)
    _add_training_options(stage, _recipe("recipes.py", "STAGE2"))
    _add_corpus_options(stage)
    _add_split_options(stage)


def _plain_options(plain: argparse.ArgumentParser) -> None:
    group = plain.add_argument_group("mixture")
    group.add_argument("--config", required=True, metavar="FILE", help='data_config.json: "name", "lines", "weight"')
    group.add_argument("--data", metavar="DIR", help="folder of the files it names (default: its own)")
    add_parameters(group, MIXTURE, " ".join(parameters(MIXTURE)))
    losses = plain.add_argument_group("loss")
    add_parameters(losses, LOSS, " ".join(parameters(LOSS)), _recipe("plain.py", "PLAIN_LOSS"))
    start = "BERT to start from (default: all-MiniLM-L6-v2, trained already)"
    plain.add_argument("--from", dest="start", metavar="DIR", help=start)
    add_parameters(plain, "model/modeling.py SpaceTimeConfig", "max_length")
    plain.add_argument("--sts", metavar="FILE", help="STS benchmark file, for --evaluate-every and the end")
    # It counts steps, and has neither contexts nor anything new beside its backbone.
    leave = ("epochs", "warmup_share", "new_learning_rate", "freeze_backbone", "hide_month", "hide_region")
    _add_training_options(plain, _recipe("plain.py", "PLAIN"), leave)


def _encode_options(encode: argparse.ArgumentParser) -> None:
    encode.set_defaults(way_on=BEGINS_ANEW)
    what = (
        "a corpus (every row must be good, so that rows and embeddings agree), a .txt file or - for stdin with a "
        "sentence a line, or texts"
    )
    encode.add_argument("what", metavar="FILE or TEXT", nargs="+", help=what)
    encode.add_argument("--model", metavar="DIR", help=_MODEL_HELP)
    encode.add_argument("--output", type=Path, required=True, help="file to write, ending in .npy")
    encode.add_argument("--in-month", metavar="2020-03", help="one month for all sentences (default: the corpus's own)")
    encode.add_argument("--in-region", metavar="UK", help="one region for all sentences (default: the corpus's own)")
    encode.add_argument("--raw", action="store_true", help="do not scale embeddings to length 1")
    add_parameters(encode, ENCODE, "batch_size")
    for home, name, corpus in ((ENCODE, "precision", "auto"), ("vectors.py write_vectors", "dtype", "float16")):
        meaning = parameters(home)[name]["help"]
        add_parameters(encode, home, name, help=f"{meaning} (default: {corpus} for a corpus, else float32)")
    _add_corpus_options(encode, every_row=True)


def _locate_options(locate: argparse.ArgumentParser) -> None:
    what = (
        "a corpus, of which the texts are read (every row must have one), a .txt file or - for stdin with a sentence "
        "a line, or texts"
    )
    locate.add_argument("what", metavar="FILE or TEXT", nargs="+", help=what)
    locate.add_argument("--model", metavar="DIR", help=_MODEL_HELP)
    locate.add_argument("--top", type=int, default=4, help="months and regions to show (default: 4)")
    locate.add_argument("--json", action="store_true", help="print JSON")
    locate.set_defaults(months=None, regions=None, outside="reject", strict=True, rejects=None)
    add_reading_options(locate)


def _index_options(index: argparse.ArgumentParser) -> None:
    index.set_defaults(way_on=BEGINS_ANEW)
    index.add_argument("corpus", metavar="CORPUS", help=CORPUS_HELP)
    index.add_argument("--model", metavar="DIR", help=_MODEL_HELP)
    index.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder; an index there is replaced")
    add_parameters(index, "search.py SpaceTimeIndex build", "batch_size")
    _add_corpus_options(index)


def _search_options(search: argparse.ArgumentParser) -> None:
    search.add_argument("index", metavar="INDEX", help="folder that `spacetime index` wrote")
    search.add_argument("query", metavar="QUERY", nargs="+", help="texts, or - for a sentence a line from stdin")
    search.add_argument("--model", metavar="DIR", help="folder of the model (default: the one the index names)")
    add_parameters(search, SEARCH, "k", actual=True, flag="-k")
    search.add_argument("--json", action="store_true", help="print every column as JSON")
    add_parameters(search, FORM, "encoding=NAME")
    steering = search.add_argument_group("what the query is near to")
    steering.add_argument("--month", metavar="2020-03", help="the month it is asked from")
    steering.add_argument("--region", metavar="UK", help="the region it is asked from")
    add_parameters(steering, SEARCH, "time_weight=W region_weight=W half_life=MONTHS floor=SHARE")
    filters = search.add_argument_group("filters", "Applied before the search; rows without month or region pass.")
    filters.add_argument("--filter-months", metavar="FIRST..LAST", help="2019-01..2020-12; an end may be left out")
    filters.add_argument("--filter-regions", metavar="A,B,...", help="countries, continents or your own: Europe,US")
    filters.add_argument("--drop-undated", action="store_true", help="rows without a month do not pass")
    filters.add_argument("--drop-unplaced", action="store_true", help="rows without a region do not pass")


def _evaluate_options(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("model", metavar="MODEL", help="folder of a trained model, 'released' or 'plain'")
    evaluate.add_argument("corpus", metavar="CORPUS", help=CORPUS_HELP)
    evaluate.add_argument("--sts", metavar="FILE", help="the STS benchmark's test file (sentence1, sentence2, score)")
    add_parameters(evaluate, "evaluation/report.py evaluate", "max_sentences")
    exclude = "leave rows out of locate where one of these columns says yes (almanac: names_month,names_place)"
    evaluate.add_argument("--exclude", metavar="COLUMNS", help=exclude)
    evaluate.add_argument("--output", type=Path, metavar="DIR", help="folder for metrics.json and report.md")
    evaluate.add_argument("--json", action="store_true", help="print the numbers as JSON instead of the page")
    _add_pair_options(evaluate)
    _add_corpus_options(evaluate)
    _add_split_options(evaluate)


def _sts_options(sts: argparse.ArgumentParser) -> None:
    sts.add_argument("model", metavar="MODEL", nargs="+", help="folders of models, 'released' or 'plain'")
    sts.add_argument("--task", action="append", required=True, metavar="NAME=FILE", help="may be given again")
    sts.add_argument("--json", action="store_true", help="print JSON")


if __name__ == "__main__":
    sys.exit(main())
