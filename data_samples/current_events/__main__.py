"""`python -m data_samples.current_events`: fetch Wikipedia's Current Events and write them as a corpus (CC BY-SA 4.0).

Stopped or cut off, the same command goes on from what is on disk. An example:

    python -m data_samples.current_events --from 2017-01 --to 2021-12 --contact me@example.org
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from data_samples.current_events.building import build_current_events


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, or 2 with one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m data_samples.current_events",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # an option that is not given takes the function's own default
    )
    parser.add_argument("--from", dest="first", required=True, metavar="2017-01", help="the first month")
    parser.add_argument("--to", dest="last", required=True, metavar="2021-12", help="the last month (included)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("current_events.parquet"),
        metavar="FILE",
        help="a .parquet file; the attribution is written beside it (default: current_events.parquet)",
    )
    parser.add_argument("--contact", metavar="WHO", help="your e-mail address or page, as Wikimedia asks of tools")
    parser.add_argument("--api", metavar="ADDRESS", help="a wiki's api.php (default: the English Wikipedia's)")
    parser.add_argument("--cache-dir", type=Path, metavar="DIR", help="for fetched pages (default: spacetime's cache)")
    parser.add_argument("--pause", type=float, metavar="SECONDS", help="least time between two requests (default: 1)")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="to wait for an answer (default: 30)")
    parser.add_argument("--tries", type=int, metavar="N", help="how often a request is sent (default: 5)")
    parser.add_argument("--refresh", action="store_true", help="look for newer revisions of pages that are on disk")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = vars(parser.parse_args(arguments))
    as_json = options.pop("json", False)
    try:
        report = build_current_events(options.pop("first"), options.pop("last"), options.pop("output"), **options)
    except (ValueError, OSError) as error:
        print(f"current_events: error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False) if as_json else report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
