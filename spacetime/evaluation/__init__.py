"""Measure an encoder: is meaning kept, is the context carried, are month and region inferred?

`evaluate` calls the measures that any corpus has the data for; masked words are asked for by name.
Lesson 07 teaches what each number can and cannot show. Every measure returns named numbers, some with a table beside
them. Where it has them, these parameters mean the same everywhere:

- `encoder`: a `SpaceTimeEncoder`, or any object with its `months`, `regions` and `encode` (and `locate`, where that is
  measured);
- `dataset`, `train`, `test`: a `datasets.Dataset` with columns text, month, region (labels that the encoder knows, or
  None); rows that lack a label the measure needs are left out;
- `max_sentences`: at most so many rows, drawn at random with `seed`; None takes all;
- `batch_size`: sentences that are encoded at once;
- `resamples`: draws of a bootstrap, also made with `seed`.
"""

from spacetime.evaluation.context import decay
from spacetime.evaluation.location import location_scores
from spacetime.evaluation.masked_words import context_gains, masked_word_losses
from spacetime.evaluation.report import evaluate
from spacetime.evaluation.similarity import pair_metrics, rank_agreement, sts

__all__ = [
    "context_gains",
    "decay",
    "evaluate",
    "location_scores",
    "masked_word_losses",
    "pair_metrics",
    "rank_agreement",
    "sts",
]
