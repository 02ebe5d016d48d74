"""Sentence embeddings that know when and where a text was written.

The names below load on first use, so that `import spacetime` stays quick: torch and transformers are
imported only when something that computes is asked for.

>>> import spacetime
>>> spacetime.MonthRange("2017-01", "2021-12").ids("2017-03")
2
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# The public names, at most 45, each used by a lesson or the README (tests/test_api.py); the modules hold more. The API
# page shows them in this order.
_PARTS = {
    "spacetime.encoder": "SpaceTimeEncoder",
    "spacetime.months": "MonthRange",
    "spacetime.regions": "RegionSet",
    "spacetime.model": "SpaceTimeConfig",
    "spacetime.corpus": "load_corpus split_corpus",
    "spacetime.corpus.almanac": "load_almanac",
    "spacetime.training.pairs": "PairRecipe build_pairs",
    "spacetime.training": "TrainingOptions train_stage1 train_stage2",
    "spacetime.evaluation": """
        context_gains decay evaluate location_scores masked_word_losses pair_metrics rank_agreement sts
    """,
    "spacetime.search": "SpaceTimeIndex",
}
_HOME = {name: module for module, names in _PARTS.items() for name in names.split()}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:  # the same names for editors and mypy, which do not run __getattr__
    from spacetime.corpus import load_corpus as load_corpus
    from spacetime.corpus import split_corpus as split_corpus
    from spacetime.corpus.almanac import load_almanac as load_almanac
    from spacetime.encoder import SpaceTimeEncoder as SpaceTimeEncoder
    from spacetime.evaluation import *  # noqa: F403
    from spacetime.model import SpaceTimeConfig as SpaceTimeConfig
    from spacetime.months import MonthRange as MonthRange
    from spacetime.regions import RegionSet as RegionSet
    from spacetime.search import SpaceTimeIndex as SpaceTimeIndex
    from spacetime.training import TrainingOptions as TrainingOptions
    from spacetime.training import train_stage1 as train_stage1
    from spacetime.training import train_stage2 as train_stage2
    from spacetime.training.pairs import PairRecipe as PairRecipe
    from spacetime.training.pairs import build_pairs as build_pairs


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
