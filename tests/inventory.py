"""What users can do: every command of the command line with its options, and every public name.

    python -m tests.inventory

Run before and after a change of the package's rooms and compare: what is missing has a line in docs/moved.md.
"""

import argparse
import json
from collections.abc import Iterator

import spacetime
from spacetime import cli


def commands(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    """Each command of a parser, and its options."""
    options = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from commands(below.with_options(), (*words, name))
            return
        options.append(" ".join(action.option_strings) or action.dest)
    yield " ".join(words), sorted(options)


if __name__ == "__main__":
    print(json.dumps({"commands": dict(commands(cli._parser())), "names": sorted(spacetime.__all__)}, indent=1))
