"""`python -m data_samples.almanac`: rebuild or check the offline corpus."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from data_samples.almanac.assemble import SEED, SENTENCES_PER_CELL, check, write
from spacetime.corpus.almanac import ALMANAC


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m data_samples.almanac", description=__doc__)
    parser.add_argument("--output", default=str(ALMANAC), help="where to write (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="only compare the file with its manifest")
    parser.add_argument("--sentences-per-cell", type=int, default=SENTENCES_PER_CELL, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            manifest = check(options.output)
            print(f"{options.output}: {manifest['rows']} rows, as the manifest says")
        else:
            count = write(options.output, options.sentences_per_cell, options.seed)
            print(f"{options.output}: {count} rows written")
    except (ValueError, OSError) as error:
        print(f"almanac: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
