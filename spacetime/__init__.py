"""Sentence embeddings that know when and where a text was written.

The names below load on first use, so that ``import spacetime`` stays quick: torch and transformers are
imported only when something that computes is asked for.

>>> import spacetime
>>> spacetime.MonthRange("2017-01", "2021-12").ids("2017-03")
2
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Where each public name lives. A name is public when a lesson or the command line needs it.
_HOME = {
    "MonthRange": "spacetime.months",
    "RegionSet": "spacetime.regions",
    "SpaceTimeConfig": "spacetime.model",
    "SpaceTimeMiniLM": "spacetime.model",
    "SpaceTimeEncoder": "spacetime.encoder",
    "SpaceTimeIndex": "spacetime.search",
    "load_corpus": "spacetime.data",
    "split_corpus": "spacetime.data",
    "run_course": "spacetime.course",
}

__all__ = [
    "MonthRange",
    "RegionSet",
    "SpaceTimeConfig",
    "SpaceTimeEncoder",
    "SpaceTimeIndex",
    "SpaceTimeMiniLM",
    "__version__",
    "load_corpus",
    "run_course",
    "split_corpus",
]

if TYPE_CHECKING:  # the same names for editors and mypy, which do not run __getattr__
    from spacetime.course import run_course
    from spacetime.data import load_corpus, split_corpus
    from spacetime.encoder import SpaceTimeEncoder
    from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM
    from spacetime.months import MonthRange
    from spacetime.regions import RegionSet
    from spacetime.search import SpaceTimeIndex


def __getattr__(name: str) -> Any:
    """Import the module that holds `name` on its first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'spacetime' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    """List the public names whether or not they have been loaded."""
    return sorted({*globals(), *__all__})
