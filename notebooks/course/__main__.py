"""The command line of the course: `python -m course run`, `gather`, `refresh`, `exercises`, `site`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from course.exercises.generating import write_exercises
from course.gathering import gather
from course.refreshing import refresh
from course.running import NOTEBOOKS, run_course
from spacetime.cli import BEGINS_ANEW, CommandParser, add_command, run_commands
from spacetime.corpus.reading import inert


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    arguments
        Without the program's name; None for the process's own.
    """
    return run_commands(_parser(), arguments)


def _run(options: argparse.Namespace) -> int:
    """Run every lesson, or some.

    examples:
      python -m course run
      python -m course run --lesson 04 --lesson 06 -p seed 3 -p regions UK,US
      python -m course run --profile full --limit 7200

    Exit code: 0 every lesson went well, 1 some failed (the others still ran), 2 nothing ran.
    """
    run = run_course(
        options.profile,
        options.lesson,
        dict(options.parameter),
        options.output,
        limit=options.limit,
        notebooks=options.notebooks,
        jobs=options.jobs,
    )
    print(f"\n{run}")
    return 1 if run.failed else 0


def _gather(options: argparse.Namespace) -> int:
    """One table of all runs of a lesson, with intervals over seeds.

    examples:
      python -m course gather
      python -m course gather --lesson 06 --output table.csv

    Exit code: 0 every run was gathered, 1 some were left out and are named, 2 there was none.
    """
    gathered = gather(options.folder or NOTEBOOKS.parent / "runs", options.lesson)
    print(gathered)
    if options.output:
        gathered.runs.map(inert).to_csv(options.output, index=False)  # a parameter may be any text
        print(f"\n{options.output}: {len(gathered.runs)} runs written, a row each")
    return 1 if gathered.left_out else 0


def _compare(options: argparse.Namespace) -> int:
    """Two runs on one page: parameters that differ, headlines and metrics side by side, figures in pairs.

    examples:
      python -m course run --lesson 06 -p seed 3
      python -m course compare runs/quick runs/quick-changed/1a2b3c4d --lesson 06
    """
    from course.comparing import compare

    page = options.output or NOTEBOOKS.parent / "runs/compare.html"
    print("\n".join(compare(options.one, options.two, page, options.lesson)))
    print(f"\n{page}: open it in a browser")
    return 0


def _refresh(options: argparse.Namespace) -> int:
    """Put the outputs of a clean run into the lessons, with hashes of what they were made from.

    examples:
      python -m course refresh
    """
    folder = options.folder or NOTEBOOKS.parent / "runs/quick"
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; first: python -m course run")
    written = refresh(folder, options.notebooks or NOTEBOOKS)
    print("\n".join(map(str, written)) or f"no executed lesson in {folder}")
    return 0 if written else 1


def _exercises(options: argparse.Namespace) -> int:
    """Write notebooks/exercises/ from the lessons: stubs, checks, folded solutions.

    examples:
      python -m course exercises
    """
    changed = write_exercises(options.notebooks or NOTEBOOKS)
    for path in changed:
        print(f"{path}: {'written' if path.exists() else 'removed, its lesson has no exercises'}")
    print(f"{len(changed)} exercise notebooks changed" if changed else "exercise notebooks are up to date")
    return 0


def _site(options: argparse.Namespace) -> int:
    """Pages to read without running anything, from the lessons as they are committed.

    examples:
      python -m course site
      python -m course site --output /tmp/site
    """
    from course.site import build_site  # nbconvert is slow to load

    print(build_site((options.notebooks or NOTEBOOKS).resolve().parent, options.output))
    return 0


def _parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = CommandParser(
        prog="python -m course",
        description="Run the lessons, gather their results, and put outputs, exercises and pages in order.",
        epilog="examples:\n  python -m course run\n  python -m course run --lesson 06 -p seed 3",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = add_command(commands, "run", _run)
    run.set_defaults(way_on="the lesson at work was ended; the same command runs the lessons again")
    run.add_argument("--profile", default="quick", help="quick, full, or a .yaml file (default: quick)")
    run.add_argument("--lesson", action="append", metavar="NN", help="only this lesson; may be given again")
    run.add_argument(
        "-p",
        dest="parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter of the lessons, over the profile's; lists are written UK,US",
    )
    run.add_argument("--limit", type=float, metavar="SECONDS", help="time a lesson may take (default: the profile's)")
    run.add_argument(
        "--output", type=Path, metavar="DIR", help="for results (default: runs/PROFILE, or runs/PROFILE-changed/...)"
    )
    run.add_argument("--jobs", type=int, default=2, metavar="N", help="lessons at the same time (default: 2)")
    run.add_argument("--notebooks", type=Path, metavar="DIR", help="folder of the lessons (default: the clone's)")

    gather = add_command(commands, "gather", _gather)
    gather.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="folder that holds the runs (default: the clone's runs)"
    )
    gather.add_argument("--lesson", default="10", metavar="NN", help="whose runs (default: 10)")
    gather.add_argument("--output", type=Path, metavar="FILE", help="write a row a run as CSV, too")

    compare = add_command(commands, "compare", _compare)
    compare.add_argument("one", type=Path, metavar="RUN", help="output folder of a run, such as runs/quick")
    compare.add_argument("two", type=Path, metavar="RUN", help="output folder of another run")
    compare.add_argument("--lesson", metavar="NN", help="only this lesson (default: all that both folders hold)")
    compare.add_argument("--output", type=Path, metavar="FILE", help="the page (default: runs/compare.html)")

    site = add_command(commands, "site", _site)
    site.set_defaults(way_on=BEGINS_ANEW)
    site.add_argument(
        "--notebooks", type=Path, metavar="DIR", help="folder of the lessons, beside README.md (default: the clone's)"
    )
    site.add_argument(
        "--output", type=Path, metavar="DIR", help="for the pages; a site there is replaced (default: runs/site)"
    )

    refresh = add_command(commands, "refresh", _refresh)
    refresh.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="executed lessons, at their defaults (default: runs/quick)"
    )
    refresh.add_argument("--notebooks", type=Path, metavar="DIR", help="folder of the lessons (default: the clone's)")

    exercises = add_command(commands, "exercises", _exercises)
    exercises.add_argument("--notebooks", type=Path, metavar="DIR", help="folder of the lessons (default: the clone's)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
