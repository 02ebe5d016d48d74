"""Encoders that know months and regions without attention: what a conditioned model has to beat.

- `PlainEncoder`: the text alone.
- `TextPrefixEncoder`: month and region written before the text, for the plain model to read.
- `ConcatenatedEncoder`: codes for month and region beside the plain vector, in closed form, without training.

All three fit wherever `spacetime.evaluation` takes an encoder. Lessons 07 and 10 compare them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacetime.codes import MEANING_WEIGHT, REGION_WEIGHT, TIME_WEIGHT, codes_by_id, glued
from spacetime.evaluation.sampling import Encodes, Ids, check_texts, encode_checked
from spacetime.inputs import ids_for_each, texts_of
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.pairs import PairRecipe

Vectors = NDArray[np.float32]


class _Baseline(ABC):
    """An encoder that is built on another one and checks labels as every encoder does."""

    months: MonthRange
    regions: RegionSet

    def __init__(self, encoder: Encodes, months: MonthRange | None = None, regions: RegionSet | None = None) -> None:
        self.encoder = encoder
        for name, given in (("months", months), ("regions", regions)):
            labels = given if given is not None else getattr(encoder, name, None)
            if labels is None:
                raise ValueError(f"a {type(encoder).__name__} has no {name} of its own; give {name}=")
            setattr(self, name, labels)

    def encode(
        self, sentences: str | Sequence[str], months: Any = None, regions: Any = None, *, batch_size: int = 64
    ) -> Vectors:
        """Return unit vectors, shape (n, width), or (width,) for a single text; parameters as of `SpaceTimeEncoder`."""
        texts = check_texts(texts_of(sentences), "sentences")
        month_ids = ids_for_each(self.months, months, len(texts), "months")
        region_ids = ids_for_each(self.regions, regions, len(texts), "regions")
        vectors = self._vectors(texts, month_ids, region_ids, batch_size).astype(np.float32)
        return vectors[0] if isinstance(sentences, str) else vectors

    @abstractmethod
    def _vectors(self, texts: list[str], month_ids: Ids, region_ids: Ids, batch_size: int) -> NDArray[np.floating]:
        """Unit vectors, (n, width); the id of a missing label is -1."""


class PlainEncoder(_Baseline):
    """An encoder of the text alone: it takes months and regions, checks them, and leaves them unused.

    Parameters
    ----------
    encoder
        Its `encode` is called without months and regions.
    months, regions
        Labels that are accepted; by default those of `encoder`, here and below.
    remember
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
        super().__init__(encoder, months, regions)
        self._remembered: dict[str, Vectors] | None = {} if remember else None

    def _vectors(self, texts: list[str], month_ids: Ids, region_ids: Ids, batch_size: int) -> NDArray[np.floating]:
        if self._remembered is None or not texts:
            return encode_checked(self.encoder, texts, batch_size=batch_size)
        new = [text for text in dict.fromkeys(texts) if text not in self._remembered]
        if new:
            vectors = encode_checked(self.encoder, new, batch_size=batch_size).astype(np.float32)
            self._remembered.update(zip(new, vectors, strict=True))
        return np.stack([self._remembered[text] for text in texts])


def with_text_prefix(text: str, month: str | None, region: str | None) -> str:
    """Return the text with its month and region written before it; a missing one is left out.

    Training on prefixed texts and `TextPrefixEncoder` both write the prefix by this function.

    Examples
    --------
    >>> with_text_prefix("A storm.", "2019-11", "US"), with_text_prefix("A storm.", None, "US")
    ('[2019-11] [US] A storm.', '[US] A storm.')
    """
    return "".join(f"[{label}] " for label in (month, region) if label is not None) + text


class TextPrefixEncoder(_Baseline):
    """An encoder that reads month and region as words before the text: `[2019-11] [US] A storm.`

    Parameters
    ----------
    encoder
        Reads the prefixed text, without months and regions. Untrained it is the plain model; the trained variant
        is a plain model trained on texts that `with_text_prefix` wrote.
    months, regions
        Labels that are accepted.
    """

    def _vectors(self, texts: list[str], month_ids: Ids, region_ids: Ids, batch_size: int) -> NDArray[np.floating]:
        labels = self.months.labels(month_ids), self.regions.labels(region_ids)
        prefixed = [with_text_prefix(*row) for row in zip(texts, *labels, strict=True)]
        return encode_checked(self.encoder, prefixed, batch_size=batch_size)


class ConcatenatedEncoder(_Baseline):
    """The plain vector with codes for month and region beside it, in closed form: late fusion without training.

    The vector is `[sqrt(w_m) plain, sqrt(w_t) month code, sqrt(w_r) region code]`. The codes are factors of the
    recipe's own kernels, so the cosine of two sentences in known contexts *is* the label of stage 2,
    `w_m cosine + w_t time similarity + w_r region similarity`. A missing part is left zero and the vector made
    a unit vector again: without both, cosines are the plain model's.

    Parameters
    ----------
    encoder
        Gives the meaning; called without months and regions.
    months, regions
        What the codes span.
    meaning_weight, time_weight, region_weight
        At least 0, adding up to 1; the meaning's above 0.
    recipe
        Its kernels. (Its weights are not read.)
    """

    def __init__(
        self,
        encoder: Encodes,
        months: MonthRange | None = None,
        regions: RegionSet | None = None,
        *,
        meaning_weight: float = MEANING_WEIGHT,
        time_weight: float = TIME_WEIGHT,
        region_weight: float = REGION_WEIGHT,
        recipe: PairRecipe | None = None,
    ) -> None:
        super().__init__(encoder, months, regions)
        recipe = recipe or PairRecipe()
        self.set_weights(meaning_weight, time_weight, region_weight)
        self._time_codes = codes_by_id(recipe.time_similarity(self.months))
        self._region_codes = codes_by_id(recipe.region_similarity(self.regions))

    def set_weights(self, meaning: float, time: float, region: float) -> None:
        """Use other weights.

        Parameters
        ----------
        meaning, time, region
            As of the class.
        """
        if not (meaning > 0 and time >= 0 and region >= 0 and abs(meaning + time + region - 1) < 1e-6):
            raise ValueError(
                f"the weights of meaning, time and region are {meaning}, {time} and {region}; give weights of at least "
                "0 that add up to 1, the meaning's above 0"
            )
        self.meaning_weight, self.time_weight, self.region_weight = meaning, time, region

    def _vectors(self, texts: list[str], month_ids: Ids, region_ids: Ids, batch_size: int) -> NDArray[np.floating]:
        return glued(
            (self.meaning_weight, encode_checked(self.encoder, texts, batch_size=batch_size)),
            (self.time_weight, self._time_codes[month_ids]),
            (self.region_weight, self._region_codes[region_ids]),
        )
