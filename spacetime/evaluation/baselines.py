"""Encoders that know months and regions without attention: what a conditioned model has to beat.

- :class:`PlainEncoder`: the text alone.
- :class:`TextPrefixEncoder`: month and region written before the text, for the plain model to read.
- :class:`ConcatenatedEncoder`: codes for month and region glued to the plain vector, in closed form, with no training.
- :func:`decayed_scores`: plain cosines, multiplied down for documents of another time or place, as search systems do.

All three encoders fit wherever ``spacetime.evaluation`` takes an encoder. Lesson 07 compares them.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spacetime.codes import kernel_factor
from spacetime.encoder import ids_for_each
from spacetime.evaluation.sampling import Encodes, Floats, Ids, check_texts, encode_checked
from spacetime.inputs import texts_of
from spacetime.months import MISSING, MonthRange
from spacetime.regions import RegionSet
from spacetime.training.pairs import PairRecipe

Vectors = NDArray[np.float32]

_TRIED = (0.0, 0.05, 0.15, 0.3, 0.45)
WEIGHTS: tuple[tuple[float, float], ...] = tuple(product(_TRIED, _TRIED))
"""Default grid of :meth:`ConcatenatedEncoder.tune`: 25 pairs of time weight and region weight."""


class PlainEncoder:
    """An encoder of the text alone: it takes months and regions, checks them, and leaves them unused.

    Parameters
    ----------
    encoder : Encodes
        Its ``encode`` is called without months and regions.
    months, regions : optional
        Labels that are accepted; those of ``encoder`` by default.
    remember : bool
        Keep every text's vector (1.5 kB each), so that the baselines built on one plain model, and the settings of
        one measurement, encode a text once.

    Examples
    --------
    >>> from spacetime.encoder import SpaceTimeEncoder
    >>> plain = PlainEncoder(SpaceTimeEncoder.from_plain())
    >>> plain.encode(["A storm."], "2019-11", "US").shape
    (1, 384)
    """

    def __init__(
        self,
        encoder: Encodes,
        months: MonthRange | None = None,
        regions: RegionSet | None = None,
        *,
        remember: bool = False,
    ) -> None:
        self.encoder = encoder
        self.months: MonthRange = _known(encoder, "months", months)
        self.regions: RegionSet = _known(encoder, "regions", regions)
        self._remembered: dict[str, Vectors] | None = {} if remember else None

    def encode(
        self, sentences: str | Sequence[str], months: Any = None, regions: Any = None, *, batch_size: int = 64
    ) -> Vectors:
        """Return unit vectors of the texts alone, shape (n, width), or (width,) for a single text.

        Parameters
        ----------
        sentences
            One text or several.
        months, regions
            Checked, and without effect.
        batch_size
            Texts a step.
        """
        texts = _texts(sentences)
        _ids(self, texts, months, regions)  # a label that no other encoder would take is not taken here either
        if self._remembered is None or not texts:
            vectors = _unit(encode_checked(self.encoder, texts, batch_size=batch_size))
        else:
            new = [text for text in dict.fromkeys(texts) if text not in self._remembered]
            if new:
                found = _unit(encode_checked(self.encoder, new, batch_size=batch_size))
                self._remembered.update(zip(new, found, strict=True))
            vectors = np.stack([self._remembered[text] for text in texts])
        return vectors[0] if isinstance(sentences, str) else vectors


def with_text_prefix(text: str, month: str | None, region: str | None) -> str:
    """Return the text with its month and region written before it; a missing one is left out.

    Training on prefixed texts and :class:`TextPrefixEncoder` both write the prefix by this function.

    Examples
    --------
    >>> with_text_prefix("A storm.", "2019-11", "US"), with_text_prefix("A storm.", None, "US")
    ('[2019-11] [US] A storm.', '[US] A storm.')
    """
    return "".join(f"[{label}] " for label in (month, region) if label is not None) + text


class TextPrefixEncoder:
    """An encoder that reads month and region as words before the text: ``[2019-11] [US] A storm.``

    Parameters
    ----------
    encoder : Encodes
        Reads the prefixed text, without months and regions. Untrained it is the plain model; the trained variant
        is a plain model trained on texts that :func:`with_text_prefix` wrote.
    months, regions : optional
        Labels that are accepted; those of ``encoder`` by default.
    """

    def __init__(self, encoder: Encodes, months: MonthRange | None = None, regions: RegionSet | None = None) -> None:
        self.encoder = encoder
        self.months: MonthRange = _known(encoder, "months", months)
        self.regions: RegionSet = _known(encoder, "regions", regions)

    def encode(
        self, sentences: str | Sequence[str], months: Any = None, regions: Any = None, *, batch_size: int = 64
    ) -> Vectors:
        """Return unit vectors of the prefixed texts, shape (n, width), or (width,) for a single text.

        Parameters
        ----------
        sentences
            One text or several.
        months, regions
            One label for all, one each, or None.
        batch_size
            Texts a step.
        """
        texts = _texts(sentences)
        month_ids, region_ids = _ids(self, texts, months, regions)
        labels = self.months.labels(month_ids), self.regions.labels(region_ids)
        prefixed = [with_text_prefix(*row) for row in zip(texts, *labels, strict=True)]
        vectors = _unit(encode_checked(self.encoder, prefixed, batch_size=batch_size))
        return vectors[0] if isinstance(sentences, str) else vectors


class ConcatenatedEncoder:
    """The plain vector with codes for month and region beside it, in closed form: late fusion without training.

    The vector is ``[sqrt(w_m) plain, sqrt(w_t) month code, sqrt(w_r) region code]``. The codes are factors of the
    recipe's own kernels, so the cosine of two sentences in known contexts *is* the label of stage 2,
    ``w_m cosine + w_t time similarity + w_r region similarity``. A missing part is left zero and the vector made
    a unit vector again: without both, cosines are the plain model's.

    Parameters
    ----------
    plain : Encodes
        Gives the meaning; called without months and regions.
    months, regions : optional
        What the codes span; those of ``plain`` by default.
    meaning_weight, time_weight, region_weight : float
        At least 0, adding up to 1; the meaning's above 0.
    recipe : PairRecipe, optional
        Its kernels. (Its weights are not read.)
    size : int, optional
        Cut vectors to so many dimensions by the leading principal directions of the sentences given to
        :meth:`fit`, so that this baseline can be had in one vector of the plain model's size. None: not cut.

    Attributes
    ----------
    components_ : array, shape (size, width)
        The principal directions, once fitted.
    tuned_ : pandas.DataFrame
        time_weight, region_weight, score of every point that :meth:`tune` tried.
    """

    def __init__(
        self,
        plain: Encodes,
        months: MonthRange | None = None,
        regions: RegionSet | None = None,
        *,
        meaning_weight: float = 0.6,
        time_weight: float = 0.2,
        region_weight: float = 0.2,
        recipe: PairRecipe | None = None,
        size: int | None = None,
    ) -> None:
        if size is not None and size < 1:
            raise ValueError(f"size is {size}; give 1 or more dimensions, or None for all")
        recipe = recipe or PairRecipe()
        self.plain = plain
        self.months: MonthRange = _known(plain, "months", months)
        self.regions: RegionSet = _known(plain, "regions", regions)
        self.size = size
        self._set_weights(meaning_weight, time_weight, region_weight)
        # One zero row more: the id of a missing label, -1, reads the last row.
        self._time_codes = np.pad(kernel_factor(recipe.time_similarity(self.months)), ((0, 1), (0, 0)))
        self._region_codes = np.pad(kernel_factor(recipe.region_similarity(self.regions)), ((0, 1), (0, 0)))

    def _set_weights(self, meaning: float, time: float, region: float) -> None:
        if not (meaning > 0 and time >= 0 and region >= 0 and abs(meaning + time + region - 1) < 1e-6):
            raise ValueError(
                f"the weights of meaning, time and region are {meaning}, {time} and {region}; give weights of at least "
                "0 that add up to 1, the meaning's above 0"
            )
        self.meaning_weight, self.time_weight, self.region_weight = meaning, time, region
        self.components_: Floats | None = None  # principal directions of other weights would be wrong ones

    def encode(
        self, sentences: str | Sequence[str], months: Any = None, regions: Any = None, *, batch_size: int = 64
    ) -> Vectors:
        """Return unit vectors, shape (n, size) or (n, plain width + codes), or one of them for a single text.

        Parameters
        ----------
        sentences
            One text or several.
        months, regions
            One label for all, one each, or None.
        batch_size
            Texts a step.

        Raises
        ------
        ValueError
            If ``size`` is given and :meth:`fit` was not called, or a label is not known.
        """
        vectors = self._joined(_texts(sentences), months, regions, batch_size)
        if self.size is not None:
            if self.components_ is None:
                raise ValueError(f"an encoder cut to {self.size} dimensions must be fitted: call fit(sentences, ...)")
            vectors = vectors @ self.components_.T
        unit = _unit(vectors)
        return unit[0] if isinstance(sentences, str) else unit

    def fit(
        self, sentences: Sequence[str], months: Any = None, regions: Any = None, *, batch_size: int = 64
    ) -> "ConcatenatedEncoder":
        """Find the ``size`` principal directions of training sentences in their contexts; returns self.

        Directions are of the vectors as they are, not centred, since cosines are taken from the origin.

        Parameters
        ----------
        sentences
            Training sentences.
        months, regions
            One label for all, one each, or None.
        batch_size
            Texts a step.

        Raises
        ------
        ValueError
            If ``size`` is None, or greater than the vectors or the number of sentences allow.
        """
        if self.size is None:
            raise ValueError("an encoder that is not cut has nothing to fit; give it a size, such as size=384")
        vectors = self._joined(_texts(sentences), months, regions, batch_size)
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
        score: Callable[["ConcatenatedEncoder"], float],
        grid: Iterable[tuple[float, float]] = WEIGHTS,
        *,
        fit_on: tuple[Sequence[str], Any, Any] | None = None,
    ) -> "ConcatenatedEncoder":
        """Choose the weights of time and region by a score on validation data (the first best one); returns self.

        Parameters
        ----------
        score : callable
            From this encoder to a number, higher is better, such as
            :func:`~benchmarks.retrieval.retrieval_score` on validation sentences.
        grid : pairs of (time_weight, region_weight)
            The meaning has the rest.
        fit_on : (sentences, months, regions), optional
            Training sentences for :meth:`fit`, at every point; an encoder with a ``size`` needs them.
        """
        points = list(grid)
        if not points:
            raise ValueError("the grid is empty; give at least one pair (time_weight, region_weight)")
        if (self.size is None) != (fit_on is None):
            raise ValueError("fit_on is for an encoder with a size, and such an encoder needs it")
        given = self.plain
        self.plain = PlainEncoder(given, self.months, self.regions, remember=True)
        scores = []
        try:
            for point in points:
                self._weigh(point, fit_on)
                scores.append(float(score(self)))
            self._weigh(points[int(np.argmax(scores))], fit_on)
        finally:
            self.plain = given
        self.tuned_ = pd.DataFrame(points, columns=["time_weight", "region_weight"]).assign(score=scores)
        return self

    def _weigh(self, point: tuple[float, float], fit_on: tuple[Sequence[str], Any, Any] | None) -> None:
        time, region = point
        self._set_weights(1 - time - region, time, region)
        if fit_on is not None:
            self.fit(*fit_on)

    def _joined(self, texts: list[str], months: Any, regions: Any, batch_size: int) -> Floats:
        """Plain vectors and codes side by side, as unit vectors, (n, plain width + codes)."""
        month_ids, region_ids = _ids(self, texts, months, regions)
        parts = [
            np.sqrt(self.meaning_weight) * encode_checked(self.plain, texts, batch_size=batch_size),
            np.sqrt(self.time_weight) * self._time_codes[month_ids],
            np.sqrt(self.region_weight) * self._region_codes[region_ids],
        ]
        vectors = np.concatenate(parts, axis=1)
        unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def decayed_scores(
    cosines: Floats,
    query_month_ids: Ids,
    document_month_ids: Ids,
    query_region_ids: Ids,
    document_region_ids: Ids,
    *,
    half_life: float,
    floor: float = 0.0,
    other_region: float = 1.0,
) -> Floats:
    """Multiply plain cosines down for documents of another time or place: the metadata filter of search systems.

    ``cosine * max(floor, 0.5 ** (months apart / half_life)) * (other_region, if the regions differ)``. A month or a
    region that is missing on either side costs nothing. A negative cosine is multiplied too, and so rises; the
    first ranks, which are positive, are what the rule is for.

    Parameters
    ----------
    cosines : array, shape (queries, documents)
    query_month_ids, query_region_ids : arrays of int, shape (queries,)
        -1 is missing.
    document_month_ids, document_region_ids : arrays of int, shape (documents,)
    half_life : float
        Months after which a document counts half.
    floor, other_region : float
        Between 0 and 1: what is left at least of an old document, and of one from another region. 1 and 1: no filter.
    """
    if not half_life > 0:
        raise ValueError(f"half_life is {half_life}; give a number of months above 0")
    for name, value in (("floor", floor), ("other_region", other_region)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; give a number from 0 to 1")
    query_month, query_region = query_month_ids[:, None], query_region_ids[:, None]
    known = (query_month != MISSING) & (document_month_ids != MISSING)
    decay = np.maximum(floor, 0.5 ** (np.abs(query_month - document_month_ids) / half_life))
    differ = (query_region != MISSING) & (document_region_ids != MISSING) & (query_region != document_region_ids)
    scores: Floats = cosines * np.where(known, decay, 1.0) * np.where(differ, other_region, 1.0)
    return scores


def _known(encoder: Encodes, name: str, given: Any) -> Any:
    """The labels given, or else the encoder's own."""
    known = given if given is not None else getattr(encoder, name, None)
    if known is None:
        raise ValueError(f"a {type(encoder).__name__} has no {name} of its own; give {name}=")
    return known


def _texts(sentences: str | Sequence[str]) -> list[str]:
    return check_texts(texts_of(sentences), "sentences")


def _ids(encoder: Any, texts: list[str], months: Any, regions: Any) -> tuple[Ids, Ids]:
    return (
        ids_for_each(encoder.months, months, len(texts), "months"),
        ids_for_each(encoder.regions, regions, len(texts), "regions"),
    )


def _unit(vectors: Floats) -> Vectors:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length == 0, 1.0, length)).astype(np.float32)
