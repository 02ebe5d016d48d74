"""The command `spacetime run`: its options, and what becomes of them. `spacetime.cli` finds it in a clone."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from spacetime.cli import (
    CORPUS_HELP,
    WithAdvice,
    add_reading_options,
    in_options,
    months_of,
    reading_arguments,
    regions_of,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `spacetime run` can be told."""
    parser.set_defaults(way_on="the same command goes on from the newest checkpoint, if there is one yet")
    parser.add_argument("corpus", metavar="FILE", help=CORPUS_HELP)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for model/, report.html, map.html and numbers"
    )
    parser.add_argument(
        "--profile",
        choices=("quick", "full"),
        default="quick",
        help="quick: 150 steps on 3,000 rows, some 3 minutes on 2 cores (default); full: 1,200 steps on 50,000 rows",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="steps of training, in place of the profile's")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of every draw but the split's (default: 0)")
    parser.add_argument("--resume", action="store_true", help="go on where the same run was stopped")
    parser.add_argument("--overwrite", action="store_true", help="delete an earlier run in DIR first")
    group = add_reading_options(parser)
    group.add_argument("--months", metavar="FIRST..LAST", help="leave rows of other months out (default: as found)")
    group.add_argument(
        "--regions", metavar="A,B,...", help="leave rows of others out (default: those of at least 20 rows)"
    )
    group.add_argument("--strict", action="store_true", help="stop with an error at the first bad row")


def run(options: argparse.Namespace) -> int:
    """Run lesson 12 on the corpus that the options name; where nothing can be learned from it, say what works."""
    from course.own.rows import NothingToLearn
    from course.own.running import run_corpus

    options.any_spelling = True
    words = _reading_words(options)
    try:
        found = run_corpus(
            options.corpus,
            options.output,
            reading=reading_arguments(options) | ({"strict": True} if options.strict else {}),
            months=months_of(options.months),
            regions=regions_of(options.regions),
            profile=options.profile,
            steps=options.steps,
            seed=options.seed,
            resume=options.resume,
            overwrite=options.overwrite,
            command=options.command_line,
            words=words,
            say=lambda line: print(in_options(line, options.parser), file=sys.stderr, flush=True),
        )
    except NothingToLearn as error:
        folder = options.output.parent / f"{options.output.name or 'run'}-search"
        instead = ["spacetime", "index", options.corpus, *words, "--model", "plain", "--output", str(folder)]
        raise WithAdvice(f"{error.reason}. {error.INSTEAD}", shlex.join(instead)) from error
    print("\n".join(found))
    print(f"report: {options.output}/report.html   map: {options.output}/map.html   model: {options.output}/model")
    return 0


def _reading_words(options: argparse.Namespace) -> list[str]:
    """The options about the corpus as they were given, for another command that is to read the same file alike."""
    words: list[str] = []
    parser: Any = options.parser
    group = next(group for group in parser._action_groups if group.title == "corpus")
    for action in group._group_actions:
        value, default = getattr(options, action.dest), parser.get_default(action.dest)
        if value == default or (action.nargs == 0) != (value == action.const):
            continue
        words += [action.option_strings[0], *([] if action.nargs == 0 else [str(value)])]
    if {"--months", "--regions"} & set(words):  # `run` leaves others out
        words += ["--outside", "skip"]
    return words
