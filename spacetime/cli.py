"""The `spacetime` command: parse, call, print."""

import argparse
import sys

from spacetime import __version__


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="spacetime")
    parser.add_argument("--version", action="version", version=f"spacetime {__version__}")
    parser.parse_args(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
