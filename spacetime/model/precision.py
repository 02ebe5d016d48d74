"""Which ways of computing are quick here, and the one switch that decides otherwise, so that tests take every way.

`SPACETIME_FAST_PATHS` in the environment holds for whatever runs next, without a restart:

- `auto` (or nothing): sentences are packed (`spacetime.model.packed`) where there are enough of them, and
  `precision="auto"` may take bfloat16 where the hardware multiplies it.
- `off`: the model itself computes, as on a processor that does not multiply bfloat16.
- `on`: sentences are packed however few they are, and bfloat16 may be taken where it is emulated: right, but slow.
"""

import os
import platform
import re
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

import torch

SWITCH = "SPACETIME_FAST_PATHS"


def fast_paths() -> str:
    """What the switch says: `"auto"`, `"on"` or `"off"`; ValueError if it says something else."""
    state = os.environ.get(SWITCH) or "auto"
    if state not in ("auto", "on", "off"):
        raise ValueError(f"the environment's {SWITCH} must be 'auto', 'on' or 'off', not {state!r}")
    return state


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is taken to be quicker than float32: as the switch says, else as the hardware is."""
    state = fast_paths()
    return _has_bfloat16(device) if state == "auto" else state == "on"


def quick_precision(device: torch.device) -> Literal["float32", "bfloat16"]:
    """The quicker of the two precisions."""
    return "bfloat16" if multiplies_bfloat16(device) else "float32"


def say_where_bfloat16_is_slow(device: torch.device) -> None:
    """Warn, once in a process, if bfloat16 was asked for and is not quicker."""
    if not multiplies_bfloat16(device):
        here = "on this processor" if device.type == "cpu" else "on this device"
        here = f"with {SWITCH}=off" if fast_paths() == "off" else here
        _say(
            f"bfloat16 gains nothing {here}: it is computed, more slowly than float32; the precision 'auto' takes it "
            "only where it is quick"
        )


@cache
def _say(text: str) -> None:
    warnings.warn(text, stacklevel=3)


def best_device() -> torch.device:
    """A GPU where there is one (of several processes that torchrun started, each its own), else the processor."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ["LOCAL_RANK"])) if "LOCAL_RANK" in os.environ else torch.device("cuda")


def usable_device(device: str | torch.device | None) -> torch.device:
    """The device, or the best one for None; ValueError if this machine or this build of torch does not have it."""
    try:
        chosen = best_device() if device is None else torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, TypeError) as error:  # NotImplementedError is a RuntimeError
        reason = str(error).split(" at start of device string")[0].splitlines()[0].split(". ")[0].rstrip(".")
        raise ValueError(
            f"device '{device}' cannot be used here ({reason}); give 'cpu', or leave device out for the best there is"
        ) from None
    return chosen


def processor_kind() -> str:
    """What a time depends on: the processor's name, its widest instructions, and whether it multiplies bfloat16."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):  # Linux says more
        if found := re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M):
            name = found[1].strip()
    widest = torch.backends.cpu.get_cpu_capability().replace("AVX512", "AVX-512")
    return f"{name} ({widest}, {'with' if _has_bfloat16(torch.device('cpu')) else 'without'} bfloat16)"


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        known = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
        return any(test() for test in known if test is not None)
    return False
