"""A baseline for locating texts: what the plain model's frozen vectors tell of month and region."""

from collections.abc import Sequence
from typing import Any

from sklearn.preprocessing import StandardScaler

from spacetime.evaluation.location import TfidfLocator
from spacetime.evaluation.sampling import Encodes, encode_checked


class ProbeLocator(TfidfLocator):
    """The two logistic regressions of `TfidfLocator` on the standardised vectors of a frozen encoder.

    With the plain all-MiniLM-L6-v2 it shows what a text's vector tells of month and region before any training with
    them: more than TF-IDF, and the encoder needs no context; less, and the words were lost in the vector.

    Parameters
    ----------
    plain
        Its `encode` is called with texts alone.
    months, regions
        Number of months and of regions; months and regions that training lacks get probability 0.
    penalty
        Inverse strength of the L2 penalty (scikit-learn's C). Tuned once, on one split by date of Wikipedia
        Current Events (four regions, 2017-2021): of .0003, .001, .003, .01, .03, .1 and 1 the default has the best
        region accuracies and the least error of the median month on validation. A weaker penalty finds no more
        months (.046 of 174 rows; .052 at .1) and loses calibration.
    batch_size
        Sentences that `plain` encodes a step.
    """

    def __init__(self, plain: Encodes, months: int, regions: int, *, penalty: float = 0.01, batch_size: int = 64):
        super().__init__(months, regions, penalty=penalty)
        self.plain, self.batch_size = plain, batch_size

    def _fit_features(self, texts: Sequence[str]) -> Any:
        vectors = encode_checked(self.plain, texts, batch_size=self.batch_size)
        self.scaler_ = StandardScaler().fit(vectors)
        return self.scaler_.transform(vectors)

    def _features(self, texts: Sequence[str]) -> Any:
        return self.scaler_.transform(encode_checked(self.plain, texts, batch_size=self.batch_size))
