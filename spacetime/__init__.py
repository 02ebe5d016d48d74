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

# The public names, part by part: what a sub-package lists in its `__all__`, and what lessons, the command line and the
# README take from single modules (tests/test_api.py compares). The API page shows them in this order.
_PARTS = {
    "spacetime.encoder": "SpaceTimeEncoder Location",
    "spacetime.months": "MonthRange",
    "spacetime.regions": "RegionSet",
    "spacetime.model": """
        SpaceTimeConfig SpaceTimeMiniLM SpaceTimeOutput find_plain_weights load_tokenizer plain_model
    """,
    "spacetime.corpus": "Corpus CorpusReport Reject Split load_corpus split_corpus",
    "spacetime.corpus.almanac": "load_almanac",
    "spacetime.training.pairs": "PairRecipe build_pairs",
    "spacetime.evaluation": """
        ConcatenatedEncoder Decay PlainEncoder ProbeLocator Report TextPrefixEncoder TfidfLocator
        TooFewLabels bootstrap_interval context_gains contrast_by_embedding contrast_by_masked_words
        contrast_questions decay evaluate locate_metrics
        location_scores masked_word_losses pair_metrics pair_response probes rank_agreement
        sts
    """,
    "spacetime.training": """
        JOINT PLAIN STAGE1 STAGE2 TrainingOptions train train_joint train_plain train_stage1 train_stage2
    """,
    "spacetime.search": "CONTINENTS SpaceTimeIndex continent_of",
    "spacetime.analysis": """
        Agreement AlignedMap CentroidPaths ChangePoints StableKMeans aligned_maps alignment centroid_paths
        class_tfidf cluster_names compare_spaces cosine_by_months_apart cosine_of_regions density_clusters
        distortion distortion_by label_agreement label_codes moved_sentences moving_months near_neighbours nearest
        neighbour_agreement over_representation principal_components share_explained topic_lives true_neighbours
        turned umap_dimensions umap_map unit_vectors
    """,
}
_HOME = {name: module for module, names in _PARTS.items() for name in names.split()}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:  # the same names for editors and mypy, which do not run __getattr__
    from spacetime.analysis import *  # noqa: F403
    from spacetime.corpus import *  # noqa: F403
    from spacetime.corpus.almanac import load_almanac as load_almanac
    from spacetime.encoder import Location as Location
    from spacetime.encoder import SpaceTimeEncoder as SpaceTimeEncoder
    from spacetime.evaluation import *  # noqa: F403
    from spacetime.model import *  # noqa: F403
    from spacetime.months import MonthRange as MonthRange
    from spacetime.regions import RegionSet as RegionSet
    from spacetime.search import CONTINENTS as CONTINENTS
    from spacetime.search import SpaceTimeIndex as SpaceTimeIndex
    from spacetime.search import continent_of as continent_of
    from spacetime.training import *  # noqa: F403
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
