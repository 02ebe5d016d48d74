"""What computed a number: versions of the packages that it depends on, and the machine."""

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import spacetime

# Numbers depend on these most; `requirements.lock` has the rest.
PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "scipy", "scikit-learn", "umap-learn")


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of those in `PACKAGES` that are installed."""
    found = {"python": platform.python_version(), "spacetime": spacetime.__version__}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def environment() -> dict[str, str]:
    """Versions and machine, for the record of a run."""
    import torch  # takes seconds to load, and versions alone do not need it

    from spacetime.model.precision import processor_kind

    graphics = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return versions() | {"machine": f"{platform.machine()}, {os.cpu_count()} cores of {processor_kind()}{graphics}"}
