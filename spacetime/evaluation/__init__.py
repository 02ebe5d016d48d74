"""Measure an encoder: is meaning kept, is the context carried, are month and region inferred?

Every function takes an encoder and a ``datasets.Dataset`` with columns text, month, region (canonical labels
or ``None``), draws at most ``max_sentences`` rows with ``seed``, and returns a flat dict of named numbers
(:func:`decay` a table as well). :func:`evaluate` calls them all. Lesson 07 teaches what each number can and
cannot show.
"""

from spacetime.evaluation.context import Decay, decay, pair_response, probes
from spacetime.evaluation.location import TfidfLocator, locate_metrics, location_scores
from spacetime.evaluation.report import Report, evaluate
from spacetime.evaluation.sampling import TooFewLabels, bootstrap_interval
from spacetime.evaluation.similarity import pair_metrics, rank_agreement, sts

__all__ = [
    "Decay",
    "Report",
    "TfidfLocator",
    "TooFewLabels",
    "bootstrap_interval",
    "decay",
    "evaluate",
    "locate_metrics",
    "location_scores",
    "pair_metrics",
    "pair_response",
    "probes",
    "rank_agreement",
    "sts",
]
