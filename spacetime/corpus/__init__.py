"""Corpora: reading and checking them, splitting them without leaks, the offline almanac.

`reading` takes a row out of its file, `loading` checks it and stores it, `splits` decides which side of an experiment
it is on. Nothing here knows the encoder.
"""

from spacetime.corpus.loading import Corpus, CorpusReport, load_corpus
from spacetime.corpus.reading import Reject
from spacetime.corpus.splits import Split, split_corpus

__all__ = ["Corpus", "CorpusReport", "Reject", "Split", "load_corpus", "split_corpus"]
