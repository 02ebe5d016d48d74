"""Measure an encoder: is meaning kept, is the context carried, are month and region inferred?

Every function takes an encoder and a ``datasets.Dataset`` with columns text, month, region (canonical labels
or ``None``), draws at most ``max_sentences`` rows with ``seed``, and returns a flat dict of named numbers, some of
them with a table. :func:`evaluate` calls those that any corpus has the data for; masked words and contrast sets are
asked for by name. Lesson 07 teaches what each number can and cannot show.
"""

from spacetime.evaluation.baselines import ConcatenatedEncoder, PlainEncoder, TextPrefixEncoder
from spacetime.evaluation.context import Decay, decay, pair_response, probes
from spacetime.evaluation.contrast import contrast_by_embedding, contrast_by_masked_words, contrast_questions
from spacetime.evaluation.location import ProbeLocator, TfidfLocator, locate_metrics, location_scores
from spacetime.evaluation.masked_words import context_gains, masked_word_losses
from spacetime.evaluation.report import Report, evaluate
from spacetime.evaluation.sampling import TooFewLabels, bootstrap_interval
from spacetime.evaluation.similarity import pair_metrics, rank_agreement, sts

__all__ = [
    "ConcatenatedEncoder",
    "Decay",
    "PlainEncoder",
    "ProbeLocator",
    "Report",
    "TextPrefixEncoder",
    "TfidfLocator",
    "TooFewLabels",
    "bootstrap_interval",
    "context_gains",
    "contrast_by_embedding",
    "contrast_by_masked_words",
    "contrast_questions",
    "decay",
    "evaluate",
    "locate_metrics",
    "location_scores",
    "masked_word_losses",
    "pair_metrics",
    "pair_response",
    "probes",
    "rank_agreement",
    "sts",
]
