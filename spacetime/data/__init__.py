"""Corpora: reading and checking them, splitting them without leaks, the offline almanac, pairs and batches.

A row's way: :mod:`~spacetime.data.reading` takes it out of the file, :mod:`~spacetime.data.corpus` checks it and puts
it on disk, :mod:`~spacetime.data.splits` decides which side of an experiment it is on.
"""

from spacetime.data.corpus import Corpus, CorpusReport, load_corpus
from spacetime.data.reading import Reject
from spacetime.data.splits import Split, split_corpus

__all__ = ["Corpus", "CorpusReport", "Reject", "Split", "load_corpus", "split_corpus"]
