"""All ratios of one run on one machine, written to benchmarks/README.md.

    python -m benchmarks.speed                            # everything: about two hours on two idle cores
    python -m benchmarks.speed --only encoding,published  # some of it; the others' last results stay in the page
    python -m benchmarks.speed --quick --only cost        # a minute, to see that it runs; writes nothing to the page

What was measured is kept as JSON in `--output`: a run that was stopped goes on, and `--again` measures anew.  Let
nothing else run meanwhile.  Contenders take turns, medians are shown, `--threads` (2) holds for all of them, and
waiting threads sleep (OMP_WAIT_POLICY=PASSIVE).
"""

import argparse
import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "README.md"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    # Read when torch is first imported, so set before; inherited by the processes that measure apart.
    os.environ |= {"OMP_NUM_THREADS": str(options.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    import torch

    from benchmarks.speed.timing import QUICK, Size
    from spacetime.model.precision import processor_kind, quick_precision

    torch.set_num_threads(options.threads)
    size = QUICK if options.quick else Size()
    kind = processor_kind()  # results of another kind are not mixed in
    given = json.loads(
        json.dumps({"size": asdict(size), "threads": options.threads, "processor": kind})
    )  # as read back
    folder = options.output / ("quick" if options.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        file = folder / f"{name}.json"
        if not options.again and file.exists() and json.loads(file.read_text(encoding="utf-8"))["given"] == given:
            print(f"{name}: measured before ({file}); --again measures anew", flush=True)
            continue
        began = time.perf_counter()
        if options.again and name == "cost":
            shutil.rmtree(folder / "cost", ignore_errors=True)
        result = (_sections(folder / "cost") | _optional())[name](size)
        part = file.with_suffix(".part")
        part.write_text(json.dumps({"given": given, "result": result}, indent=2) + "\n", encoding="utf-8")
        os.replace(part, file)
        if name == "cost":
            shutil.rmtree(folder / "cost", ignore_errors=True)  # its vectors take a gigabyte
        print(f"{name}: measured in {time.perf_counter() - began:.0f} s", flush=True)

    found = {}
    for name in (*NAMES, *OPTIONAL):
        file = folder / f"{name}.json"
        stored = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        if stored is not None and stored["given"] == given:
            found[name] = stored["result"]
    page = folder / "page.md" if options.quick else PAGE
    quick = quick_precision(torch.device("cpu"))
    place = "speed" if quick == "bfloat16" else "speed_float32"  # each kind of processor has its own on the page
    lines = [f"**On {kind}**; where nothing else is said, ours computes in {quick}.", ""]
    lines += page_lines(found, page, place)
    print("\n".join(lines))
    if not options.quick:
        from benchmarks.tables import write_between

        write_between(place, lines, f"Threads: {options.threads}")
    return 0


def page_lines(found: dict[str, dict[str, Any]], page: Path, place: str = "speed") -> list[str]:
    """What was measured, as Markdown; pictures are written beside the page, named after the place on it."""
    from benchmarks.speed.cost import cost_lines
    from benchmarks.speed.encoding import encoding_lines
    from benchmarks.speed.runtimes import runtimes_lines
    from benchmarks.speed.training import training_lines

    lines = [*encoding_lines(found), *runtimes_lines(found)]
    lines += [*training_lines(found, page, place), *cost_lines(found, page, place)]
    if missing := [name for name in NAMES if name not in found]:
        lines.append(f"Not measured yet: {', '.join(missing)}.")
    return lines


def _sections(kept: Path) -> dict[str, Callable[[Any], dict[str, Any]]]:
    """What measures each section; the last takes so long that it keeps every measurement in a folder."""
    from benchmarks.speed import cost, encoding, training

    return {
        "encoding": encoding.encoding,
        "conditioning": encoding.conditioning,
        "published": encoding.published,
        "training": training.training,
        "data": training.data,
        "scale": training.scale,
        "cost": partial(cost.cost, kept=kept),
    }


def _optional() -> dict[str, Callable[[Any], dict[str, Any]]]:
    from benchmarks.speed import runtimes

    return {"runtimes": runtimes.runtimes}


NAMES = ("encoding", "conditioning", "published", "training", "data", "scale", "cost")
OPTIONAL = {"runtimes": "openvino"}  # sections that run only where --only names them, and what each needs


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(NAMES), metavar="A,B", help=f"of {', '.join((*NAMES, *OPTIONAL))}")
    parser.add_argument("--quick", action="store_true", help="very small sizes")
    parser.add_argument("--again", action="store_true", help="measure what was measured before, too")
    parser.add_argument("--threads", type=int, default=2, help="of torch and of its libraries (default: 2)")
    parser.add_argument("--output", type=Path, default=Path("runs/speed"), help="default: runs/speed")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := [name for name in options.only if name not in (*NAMES, *OPTIONAL)]:
        parser.error(f"no section {unknown[0]!r}; sections: {', '.join((*NAMES, *OPTIONAL))}")
    for name in options.only:
        if name in OPTIONAL and importlib.util.find_spec(OPTIONAL[name]) is None:
            parser.error(f"section {name!r} needs {OPTIONAL[name]}: pip install {OPTIONAL[name]}")
    if options.threads < 1:
        parser.error(f"--threads {options.threads}: at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
