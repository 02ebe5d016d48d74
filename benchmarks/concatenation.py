"""Codes glued to plain vectors, with weights chosen on validation data and cut to the plain model's width."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course.baselines import ConcatenatedEncoder, PlainEncoder
from spacetime.evaluation.sampling import Encodes, Floats, Ids
from spacetime.inputs import ids_for_each

_TRIED = (0.0, 0.05, 0.15, 0.3, 0.45)
WEIGHTS: tuple[tuple[float, float], ...] = tuple(product(_TRIED, _TRIED))
"""Default grid of `TunedConcatenation.tune`: 25 pairs of time weight and region weight."""


class TunedConcatenation(ConcatenatedEncoder):
    """A `ConcatenatedEncoder` that can be tuned, and cut to fewer dimensions.

    Parameters
    ----------
    encoder, options
        As of `ConcatenatedEncoder`.
    size
        Cut vectors to so many dimensions by the leading principal directions of the sentences given to `fit`, so
        that this baseline can be had in one vector of the plain model's size. None: not cut.

    Attributes
    ----------
    components_ : array, shape (size, width)
        The principal directions, once fitted.
    tuned_ : pandas.DataFrame
        time_weight, region_weight, score of every point that `tune` tried.
    """

    def __init__(self, encoder: Encodes, *labels: Any, size: int | None = None, **options: Any) -> None:
        if size is not None and size < 1:
            raise ValueError(f"size is {size}; give 1 or more dimensions, or None for all")
        self.size = size
        super().__init__(encoder, *labels, **options)

    def set_weights(self, meaning: float, time: float, region: float) -> None:
        super().set_weights(meaning, time, region)
        self.components_: Floats | None = None  # principal directions of other weights would be wrong ones

    def _vectors(self, texts: list[str], month_ids: Ids, region_ids: Ids, batch_size: int) -> NDArray[np.floating]:
        vectors = super()._vectors(texts, month_ids, region_ids, batch_size)
        if self.size is None:
            return vectors
        if self.components_ is None:
            raise ValueError(f"an encoder cut to {self.size} dimensions must be fitted: call fit(sentences, ...)")
        cut = vectors @ self.components_.T
        return cut / np.linalg.norm(cut, axis=1, keepdims=True)

    def fit(
        self, sentences: Sequence[str], months: Any = None, regions: Any = None, *, batch_size: int = 64
    ) -> "TunedConcatenation":
        """Find the `size` principal directions of training sentences in their contexts; returns self.

        Directions are of the vectors as they are, not centred, since cosines are taken from the origin.
        """
        if self.size is None:
            raise ValueError("an encoder that is not cut has nothing to fit; give it a size, such as size=384")
        month_ids = ids_for_each(self.months, months, len(sentences), "months")
        region_ids = ids_for_each(self.regions, regions, len(sentences), "regions")
        vectors = super()._vectors(list(sentences), month_ids, region_ids, batch_size)
        if self.size > min(vectors.shape):
            raise ValueError(
                f"size {self.size} is more than {len(vectors)} sentences of {vectors.shape[1]} dimensions allow; "
                "give more sentences or a smaller size"
            )
        # Nearly all directions are kept, so the exact small eigenproblem is quicker than a truncated decomposition.
        directions = np.linalg.eigh(vectors.T @ vectors)[1]  # ascending
        self.components_ = directions[:, ::-1][:, : self.size].T
        return self

    def tune(
        self,
        score: Callable[["TunedConcatenation"], float],
        grid: Iterable[tuple[float, float]] = WEIGHTS,
        *,
        fit_on: tuple[Sequence[str], Any, Any] | None = None,
    ) -> "TunedConcatenation":
        """Choose the weights of time and region by a score on validation data (the first best one); returns self.

        Parameters
        ----------
        score
            From this encoder to a number, higher is better, such as `benchmarks.retrieval.retrieval_score` on
            validation sentences.
        grid
            Pairs (time_weight, region_weight); the meaning has the rest.
        fit_on
            Training sentences, months and regions for `fit`, at every point; an encoder with a `size` needs them.
        """
        points = list(grid)
        if not points:
            raise ValueError("the grid is empty; give at least one pair (time_weight, region_weight)")
        if (self.size is None) != (fit_on is None):
            raise ValueError("fit_on is for an encoder with a size, and such an encoder needs it")
        given = self.encoder
        self.encoder = PlainEncoder(given, self.months, self.regions, remember=True)
        scores = []
        try:
            for point in points:
                self._weigh(point, fit_on)
                scores.append(float(score(self)))
            self._weigh(points[int(np.argmax(scores))], fit_on)
        finally:
            self.encoder = given
        self.tuned_ = pd.DataFrame(points, columns=["time_weight", "region_weight"]).assign(score=scores)
        return self

    def _weigh(self, point: tuple[float, float], fit_on: tuple[Sequence[str], Any, Any] | None) -> None:
        time, region = point
        self.set_weights(1 - time - region, time, region)
        if fit_on is not None:
            self.fit(*fit_on)
